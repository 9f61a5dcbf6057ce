//! From a request to its reply. No sockets here: the gate has read the request already, and the
//! server sends the reply.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use answer::desk::{
    AnswerCode, Channel, Clock, Desk, Feedback, Floor, NewQuestion, Progress, Stage, Ticket,
};
use answer::review::ReviewDesk;
use serde_json::json;

use crate::assets::{REVIEW_SCRIPT, REVIEW_STYLE, SCRIPT, STYLE};
use crate::cookie::{self, Token};
use crate::form::Form;
use crate::limits::RETRY_AFTER_S;
use crate::pages::{self, View};
use crate::permits::{Permit, Permits};
use crate::reply::Reply;
use crate::review::Reviewing;
use crate::route::{Route, Target};
use crate::time::Steady;
use crate::trouble::Trouble;

/// A whole request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incoming<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) accept_language: Option<&'a str>,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) if_none_match: Option<&'a str>,
    pub(crate) cookie: Option<&'a str>,
    pub(crate) host: Option<&'a str>,
    pub(crate) origin: Option<&'a str>,
    pub(crate) fetch_site: Option<&'a str>,
    /// Who sent it.
    pub(crate) peer: IpAddr,
    pub(crate) body: &'a [u8],
}

impl Incoming<'_> {
    /// True if it may change something.
    pub(crate) fn is_post(&self) -> bool {
        self.method == "POST"
    }

    /// The form in its body.
    ///
    /// # Errors
    /// [`Trouble::NotAForm`] and [`Trouble::BrokenForm`].
    pub(crate) fn form(&self) -> Result<Form, Trouble> {
        if is_form(self.content_type) {
            Ok(Form::parse(self.body)?)
        } else {
            Err(Trouble::NotAForm)
        }
    }
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
    /// Shown before anything else.
    pub(crate) floor: Option<Floor>,
    pub(crate) progress: Receiver<Progress>,
    pub(crate) view: View,
    /// Tells how long the wait is at the moment, in seconds.
    pub(crate) wait_s: Box<dyn Fn() -> Option<u32> + Send>,
    /// Given back when the stream ends.
    pub(crate) permit: Permit,
}

/// The pages of one box.
pub(crate) struct App {
    desk: Arc<dyn Desk>,
    review: Option<Reviewing>,
    streams: Permits,
}

impl App {
    pub(crate) fn new(
        desk: Arc<dyn Desk>,
        review: Option<Arc<dyn ReviewDesk>>,
        streams_max: usize,
        now: Steady,
    ) -> Self {
        let review = review.map(|review| Reviewing::new(review, Arc::clone(&desk), now));
        Self { desk, review, streams: Permits::new(streams_max) }
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
            Route::Stream(code) if request.method == "GET" => match self.stream(view, code) {
                Ok(following) => return Outcome::Stream(following),
                Err(trouble) => Err(trouble),
            },
            Route::Stream(_) => Ok(Reply::new(200, "text/event-stream", "")),
            Route::Home => Ok(home(view, request)),
            Route::Ask => self.ask(view, request),
            Route::TypedCode => typed_code(view, &query),
            Route::Answer(code) => self.answer(view, code, query.get("said").is_some()),
            Route::Feedback(code) => self.feedback(view, code, request),
            Route::Delete(code) => self.delete(view, code, request),
            Route::Deleted => Ok(Reply::page(200, pages::deleted(view))),
            Route::Source(place) => self.source(view, *place, query.get("a")),
            Route::Status => Ok(self.status(view)),
            Route::Health => Ok(self.health()),
            Route::Review(page) => match &self.review {
                Some(review) => Ok(review.handle(view, *page, &query, request)),
                None => Err(Trouble::NoSuchPage),
            },
            Route::Style => Ok(STYLE.reply(query.get("v"), request.if_none_match)),
            Route::Script => Ok(SCRIPT.reply(query.get("v"), request.if_none_match)),
            Route::ReviewStyle => Ok(REVIEW_STYLE.reply(query.get("v"), request.if_none_match)),
            Route::ReviewScript => Ok(REVIEW_SCRIPT.reply(query.get("v"), request.if_none_match)),
            Route::Unknown => Err(Trouble::NoSuchPage),
        };
        Outcome::Reply(reply.unwrap_or_else(|trouble| refusal(view, &trouble)))
    }

    fn ask(&self, view: View, request: &Incoming<'_>) -> Result<Reply, Trouble> {
        let form = request.form()?;
        let text = form.get("question").unwrap_or_default();
        let language = form.get("language").and_then(primary_subtag);
        let token = cookie::token(request.cookie, cookie::ASKER);
        let asker = token.map_or_else(|| request.peer.to_string(), |token| token.to_string());
        let question = NewQuestion {
            text: text.to_owned(),
            language,
            channel: Channel::Web,
            asker: Some(asker),
        };
        let reply = match self.desk.ask(question) {
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
        };
        Ok(known(reply, token))
    }

    /// The question under a code.
    fn ticket(&self, code: &str) -> Result<Ticket, Trouble> {
        let code = AnswerCode::parse(code).ok_or(Trouble::NoSuchCode)?;
        self.desk.look_up(&code).ok_or(Trouble::NoSuchCode)
    }

    fn answer(&self, view: View, code: &str, said: bool) -> Result<Reply, Trouble> {
        let ticket = self.ticket(code)?;
        // Only who waits without an end in sight needs to know why.
        let stuck = matches!(ticket.stage, Stage::Waiting { wait_s: None, .. })
            && self.desk.health().model.is_none();
        Ok(Reply::page(200, pages::ticket(view, &ticket, stuck, said)))
    }

    fn feedback(&self, view: View, code: &str, request: &Incoming<'_>) -> Result<Reply, Trouble> {
        let form = request.form()?;
        let ticket = self.ticket(code)?;
        let feedback = match form.get("value") {
            Some("helpful") => Feedback::Helpful,
            Some("not-helpful") => Feedback::NotHelpful,
            _ => return Err(Trouble::BrokenForm),
        };
        if !self.desk.feedback(&ticket.code, feedback) {
            return Err(Trouble::NotDone);
        }
        let path = format!("{}?said=1", pages::answer_path(ticket.code.as_str()));
        Ok(see_other(view, &path))
    }

    fn delete(&self, view: View, code: &str, request: &Incoming<'_>) -> Result<Reply, Trouble> {
        let ticket = self.ticket(code)?;
        if !request.is_post() {
            return Ok(Reply::page(200, pages::delete(view, &ticket)));
        }
        match self.desk.forget(&ticket.code) {
            Ok(true) => Ok(see_other(view, "/deleted")),
            Ok(false) => Err(Trouble::NoSuchCode),
            // What the system said is for the log of the box, not for a phone.
            Err(_) => Err(Trouble::NotDone),
        }
    }

    fn source(&self, view: View, place: i64, from: Option<&str>) -> Result<Reply, Trouble> {
        let source = self.desk.source_page(place).ok_or(Trouble::NoSuchSource)?;
        let from = from.and_then(AnswerCode::parse);
        Ok(Reply::page(200, pages::source(view, place, &source, from.as_ref())))
    }

    fn stream(&self, view: View, code: &str) -> Result<Following, Trouble> {
        let ticket = self.ticket(code)?;
        let permit = self.streams.take().ok_or(Trouble::NoStream)?;
        let progress = self.desk.follow(&ticket.code).ok_or(Trouble::NoSuchCode)?;
        let (desk, code) = (Arc::clone(&self.desk), ticket.code);
        let wait_s = Box::new(move || match desk.look_up(&code)?.stage {
            Stage::Waiting { wait_s, .. } => wait_s,
            _ => None,
        });
        Ok(Following { floor: ticket.floor, progress, view, wait_s, permit })
    }

    fn status(&self, view: View) -> Reply {
        Reply::page(200, pages::status(view, &self.desk.health(), self.review.is_some()))
    }

    /// `ok`, or `degraded` if something that people would miss does not work. Status 503 only if
    /// questions cannot be kept: a box without a model still answers from what it has.
    fn health(&self) -> Reply {
        let health = self.desk.health();
        let ok = health.journal_ok && health.model.is_some() && health.passages > 0;
        let indexing =
            health.indexing.map(|(name, percent)| json!({"name": name, "percent": percent}));
        let clock = match health.clock {
            Clock::Set(unix_s) => json!(unix_s),
            Clock::NotSet => json!(null),
        };
        let body = json!({
            "status": if ok { "ok" } else { "degraded" },
            "journal": health.journal_ok,
            "model": health.model,
            "kernel": health.kernel,
            "queued": health.queued,
            "passages": health.passages,
            "indexing": indexing,
            "clock": clock,
            "encoder": health.encoder,
        });
        let status = if health.journal_ok { 200 } else { 503 };
        Reply::new(status, "application/json", format!("{body}\n"))
    }
}

/// The page that says what went wrong, with the headers that programs expect with it.
pub(crate) fn refusal(view: View, trouble: &Trouble) -> Reply {
    dressed(Reply::page(trouble.status(), pages::trouble(view, trouble)), trouble)
}

/// Leads to a page on the box after something was done, so that reloading does not do it again.
pub(crate) fn see_other(view: View, path: &str) -> Reply {
    let link = view.link(path);
    Reply::page(303, pages::elsewhere(view, &link)).with("Location", link)
}

fn dressed(reply: Reply, trouble: &Trouble) -> Reply {
    match trouble {
        Trouble::WrongMethod { allow } => reply.with("Allow", *allow),
        trouble if trouble.passes() => reply.with("Retry-After", RETRY_AFTER_S.to_string()),
        _ => reply,
    }
}

fn home(view: View, request: &Incoming<'_>) -> Reply {
    let reply = Reply::page(200, pages::home(view)).with("Cache-Control", "no-cache");
    known(reply, cookie::token(request.cookie, cookie::ASKER))
}

/// Gives a browser that has none the cookie by which askers are told apart.
fn known(reply: Reply, token: Option<Token>) -> Reply {
    match (token, Token::fresh()) {
        (None, Some(fresh)) => {
            reply.with_cookie(cookie::ASKER, &fresh.to_string(), "SameSite=Lax; Path=/")
        }
        _ => reply,
    }
}

/// A code typed by hand leads to its own address, which can be kept and shown to others.
fn typed_code(view: View, query: &Form) -> Result<Reply, Trouble> {
    let code = query.get("code").and_then(AnswerCode::parse).ok_or(Trouble::NoSuchCode)?;
    let code = code.as_str();
    Ok(Reply::page(303, pages::accepted(view, code))
        .with("Location", view.link(&pages::answer_path(code))))
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
