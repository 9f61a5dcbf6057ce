//! From a request to its reply. No sockets here: the gate has read the request already, and the
//! server sends the reply.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use answer::desk::{AnswerCode, Channel, Desk, NewQuestion, Progress};
use serde_json::json;

use crate::assets::{SCRIPT, STYLE};
use crate::form::Form;
use crate::limits::RETRY_AFTER_S;
use crate::pages::{self, View};
use crate::permits::{Permit, Permits};
use crate::reply::Reply;
use crate::route::{Route, Target};
use crate::trouble::Trouble;

/// A whole request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incoming<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) accept_language: Option<&'a str>,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) if_none_match: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// What is sent back.
pub(crate) enum Outcome {
    /// A response.
    Reply(Reply),
    /// The answer as it is written.
    Stream(Following),
}

/// An answer that somebody follows.
pub(crate) struct Following {
    pub(crate) progress: Receiver<Progress>,
    pub(crate) view: View,
    /// Given back when the stream ends.
    pub(crate) permit: Permit,
}

/// The pages of one box.
pub(crate) struct App {
    desk: Arc<dyn Desk>,
    streams: Permits,
}

impl App {
    pub(crate) fn new(desk: Arc<dyn Desk>, streams_max: usize) -> Self {
        Self { desk, streams: Permits::new(streams_max) }
    }

    /// Makes the reply to a request.
    pub(crate) fn handle(&self, request: &Incoming<'_>) -> Outcome {
        let Target { route, query } = Target::parse(request.target);
        let view = View::new(query.get("lang"), request.accept_language);
        if !route.takes(request.method) {
            // An unknown page has no methods to speak of.
            let trouble = match route {
                Route::Unknown => Trouble::NoSuchPage,
                route => Trouble::WrongMethod { allow: route.allow() },
            };
            return Outcome::Reply(refusal(view, &trouble));
        }
        let reply = match &route {
            Route::Home => Reply::page(200, pages::home(view)).with("Cache-Control", "no-cache"),
            Route::Ask => self.ask(view, request),
            Route::TypedCode => typed_code(view, &query),
            Route::Answer(code) => self.answer(view, code),
            Route::Stream(code) if request.method == "GET" => match self.stream(view, code) {
                Ok(following) => return Outcome::Stream(following),
                Err(trouble) => refusal(view, &trouble),
            },
            Route::Stream(_) => Reply::new(200, "text/event-stream", ""),
            Route::Health => self.health(),
            Route::Style => STYLE.reply(query.get("v"), request.if_none_match),
            Route::Script => SCRIPT.reply(query.get("v"), request.if_none_match),
            Route::Unknown => refusal(view, &Trouble::NoSuchPage),
        };
        Outcome::Reply(reply)
    }

    fn ask(&self, view: View, request: &Incoming<'_>) -> Reply {
        if !is_form(request.content_type) {
            return refusal(view, &Trouble::NotAForm);
        }
        let form = match Form::parse(request.body) {
            Ok(form) => form,
            Err(error) => return refusal(view, &error.into()),
        };
        let text = form.get("question").unwrap_or_default();
        let language = form.get("language").and_then(primary_subtag);
        let question = NewQuestion { text: text.to_owned(), language, channel: Channel::Web };
        match self.desk.ask(question) {
            Ok(code) => {
                let code = code.as_str();
                Reply::page(303, pages::accepted(view, code))
                    .with("Location", view.link(&pages::answer_path(code)))
            }
            Err(error) => {
                let trouble = Trouble::from(error);
                let page = if trouble.keeps_question() {
                    pages::trouble_with_form(view, &trouble, text)
                } else {
                    pages::trouble(view, &trouble)
                };
                dressed(Reply::page(trouble.status(), page), &trouble)
            }
        }
    }

    fn answer(&self, view: View, code: &str) -> Reply {
        match AnswerCode::parse(code).and_then(|code| self.desk.look_up(&code)) {
            Some(ticket) => Reply::page(200, pages::ticket(view, &ticket)),
            None => refusal(view, &Trouble::NoSuchCode),
        }
    }

    fn stream(&self, view: View, code: &str) -> Result<Following, Trouble> {
        let code = AnswerCode::parse(code).ok_or(Trouble::NoSuchCode)?;
        let permit = self.streams.take().ok_or(Trouble::NoStream)?;
        let progress = self.desk.follow(&code).ok_or(Trouble::NoSuchCode)?;
        Ok(Following { progress, view, permit })
    }

    /// `ok`, or `degraded` if something that people would miss does not work. Status 503 only if
    /// questions cannot be kept: a box without a model still answers from what it has.
    fn health(&self) -> Reply {
        let health = self.desk.health();
        let ok = health.journal_ok && health.model.is_some() && health.passages > 0;
        let body = json!({
            "status": if ok { "ok" } else { "degraded" },
            "journal": health.journal_ok,
            "model": health.model,
            "kernel": health.kernel,
            "queued": health.queued,
            "passages": health.passages,
        });
        let status = if health.journal_ok { 200 } else { 503 };
        Reply::new(status, "application/json", format!("{body}\n"))
    }
}

/// The page that says what went wrong, with the headers that programs expect with it.
pub(crate) fn refusal(view: View, trouble: &Trouble) -> Reply {
    dressed(Reply::page(trouble.status(), pages::trouble(view, trouble)), trouble)
}

fn dressed(reply: Reply, trouble: &Trouble) -> Reply {
    match trouble {
        Trouble::WrongMethod { allow } => reply.with("Allow", *allow),
        trouble if trouble.passes() => reply.with("Retry-After", RETRY_AFTER_S.to_string()),
        _ => reply,
    }
}

/// A code typed by hand leads to its own address, which can be kept and shown to others.
fn typed_code(view: View, query: &Form) -> Reply {
    match query.get("code").and_then(AnswerCode::parse) {
        Some(code) => {
            let code = code.as_str();
            Reply::page(303, pages::accepted(view, code))
                .with("Location", view.link(&pages::answer_path(code)))
        }
        None => refusal(view, &Trouble::NoSuchCode),
    }
}

/// True for a form as browsers send it, and for a body without a type, as small programs do.
fn is_form(content_type: Option<&str>) -> bool {
    content_type.is_none_or(|value| {
        let media_type = value.split(';').next().unwrap_or_default().trim();
        media_type.is_empty()
            || media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

/// The first part of a language tag, lower case. What is no tag counts as none given: the question
/// matters more than a broken hint.
fn primary_subtag(tag: &str) -> Option<String> {
    let primary = tag.trim().split('-').next()?;
    let is_subtag =
        matches!(primary.len(), 2 | 3) && primary.bytes().all(|b| b.is_ascii_alphabetic());
    is_subtag.then(|| primary.to_ascii_lowercase())
}
