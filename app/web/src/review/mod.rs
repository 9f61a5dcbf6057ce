//! The review desk: who may come in, and what is done there. Its pages are in `pages::review`.
//!
//! A reviewer shows her PIN once and has a session from then on, in a cookie that no script reads
//! and that browsers do not send along with what other sites make them do. Each form carries a
//! token of its session besides. Nothing here is kept by a cache.

mod sessions;
mod tries;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use answer::desk::Desk;
use answer::review::{Decision, Item, List, ReviewDesk, ReviewError, Site, State, Target};

use self::sessions::{Session, Sessions};
use self::tries::Tries;
use crate::app::{Incoming, refusal, see_other};
use crate::cookie;
use crate::form::Form;
use crate::limits::{KNOWN_BROWSER_S, PIN_BYTES_MAX, PIN_CHECKS_MAX};
use crate::pages::View;
use crate::pages::review::{self as pages, Frame};
use crate::permits::Permits;
use crate::reply::Reply;
use crate::route::{Review, list_name, list_named};
use crate::time::{self, Steady};
use crate::trouble::Trouble;
use crate::words::ReviewWords;

/// The review desk of one box.
pub(crate) struct Reviewing {
    desk: Arc<dyn ReviewDesk>,
    front: Arc<dyn Desk>,
    sessions: Sessions,
    tries: Mutex<Tries>,
    checks: Permits,
    now: Steady,
}

/// A request of somebody who is logged in.
struct Visit<'a> {
    view: View,
    session: &'a Session,
    query: &'a Form,
    /// Empty unless something is to be changed.
    form: Form,
    is_post: bool,
    is_head: bool,
}

impl Visit<'_> {
    fn frame(&self) -> Frame<'_> {
        Frame {
            view: self.view,
            role: &self.session.reviewer.role,
            form_token: self.session.form_token,
        }
    }

    fn words(&self) -> &'static ReviewWords {
        self.view.language.review()
    }

    /// From which line of a list on.
    fn first(&self) -> usize {
        number(self.query.get("from"))
    }

    fn field(&self, name: &str) -> &str {
        self.form.get(name).unwrap_or_default()
    }

    /// A text as somebody typed it: forms end lines with two characters (WHATWG HTML, 4.10.21.4).
    fn text(&self, name: &str) -> String {
        self.field(name).replace("\r\n", "\n").trim().to_owned()
    }
}

impl Reviewing {
    pub(crate) fn new(desk: Arc<dyn ReviewDesk>, front: Arc<dyn Desk>, now: Steady) -> Self {
        Self {
            desk,
            front,
            sessions: Sessions::default(),
            tries: Mutex::default(),
            checks: Permits::new(PIN_CHECKS_MAX),
            now,
        }
    }

    /// Makes the reply to a request for a page under `/review`.
    pub(crate) fn handle(
        &self,
        view: View,
        page: Review,
        query: &Form,
        request: &Incoming<'_>,
    ) -> Reply {
        self.answer(view, page, query, request)
            .unwrap_or_else(|trouble| refusal(view, &trouble))
            .with("Referrer-Policy", "same-origin")
    }

    fn answer(
        &self,
        view: View,
        page: Review,
        query: &Form,
        request: &Incoming<'_>,
    ) -> Result<Reply, Trouble> {
        if request.is_post() && !is_from_here(request) {
            return Err(Trouble::NotOurForm);
        }
        if page == Review::LogIn {
            return self.log_in(view, request);
        }
        let token = cookie::token(request.cookie, cookie::SESSION);
        let session = token.and_then(|token| self.sessions.find(token, (self.now)()));
        let (Some(token), Some(session)) = (token, session) else {
            let came_by_itself = page == Review::Front && query.get("in").is_none();
            let status = if came_by_itself { 200 } else { 403 };
            let words = view.language.review();
            return Ok(self.door(
                view,
                status,
                (!came_by_itself).then(|| words.log_in_first.into()),
            ));
        };
        let form = if request.is_post() { request.form()? } else { Form::default() };
        if request.is_post() && !session.form_token.is(form.get("token").unwrap_or_default()) {
            return Err(Trouble::NotOurForm);
        }
        if page == Review::LogOut {
            self.sessions.end(token);
            return Ok(see_other(view, "/review").with_cookie(cookie::SESSION, "", ENDED));
        }
        let visit = Visit {
            view,
            session: &session,
            query,
            form,
            is_post: request.is_post(),
            is_head: request.method == "HEAD",
        };
        self.inside(page, &visit)
    }

    /// The pages for those who are logged in.
    fn inside(&self, page: Review, visit: &Visit<'_>) -> Result<Reply, Trouble> {
        match page {
            Review::Front => self.list(visit, List::Open),
            Review::List(list) => self.list(visit, list),
            Review::Item(target) if visit.is_post => self.decide(visit, target),
            Review::Item(target) => self.item(visit, target),
            Review::Packs => self.packs(visit, 200, None),
            Review::Import => self.import(visit),
            Review::Site if visit.is_post => self.set_site(visit),
            Review::Site => {
                let site = self.desk.site().map_err(|_| Trouble::NotDone)?;
                let note = visit.query.get("done").map(|_| visit.words().saved);
                Ok(Reply::page(200, pages::site(&visit.frame(), &site, note, None)))
            }
            Review::Clock if visit.is_post => self.set_clock(visit),
            Review::Clock => Ok(self.clock(visit, 200, None)),
            Review::Log => {
                let lines = self.desk.audit(visit.first()).map_err(|_| Trouble::NotDone)?;
                Ok(Reply::page(200, pages::log(&visit.frame(), visit.first(), &lines)))
            }
            Review::Export => self.export(visit),
            // Handled before anybody is let in.
            Review::LogIn | Review::LogOut => Err(Trouble::NoSuchPage),
        }
    }

    /// The page for those who are outside: the form for the PIN, or how to make the first reviewer.
    fn door(&self, view: View, status: u16, problem: Option<String>) -> Reply {
        let page = if self.desk.is_set_up() {
            pages::log_in(view, problem.as_deref())
        } else {
            pages::set_up(view)
        };
        Reply::page(status, page)
    }

    fn log_in(&self, view: View, request: &Incoming<'_>) -> Result<Reply, Trouble> {
        let form = request.form()?;
        let words = view.language.review();
        let pin = form.get("pin").unwrap_or_default().trim();
        let known = cookie::token(request.cookie, cookie::KNOWN);
        let now = (self.now)();
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let trier = tries.trier(known, request.peer);
        if pin.is_empty() || pin.len() > PIN_BYTES_MAX {
            return Ok(self.door(view, 403, Some(words.wrong_pin.into())));
        }
        // Looking at a PIN takes long, so few do it at once. Who comes then has tried nothing yet.
        let Some(_permit) = self.checks.take() else {
            return Ok(self.door(view, 503, Some(words.pin_busy.into())).with("Retry-After", "1"));
        };
        if let Err(wait) = tries.begin(trier, now) {
            return Ok(self.wait(view, wait));
        }
        drop(tries);
        let Some(reviewer) = self.desk.log_in(pin) else {
            return Ok(self.door(view, 403, Some(words.wrong_pin.into())));
        };
        let known = self.tries.lock().unwrap_or_else(PoisonError::into_inner).was_right(trier);
        let secret = self.sessions.begin(reviewer, (self.now)()).ok_or(Trouble::OurFault)?;
        let mut reply =
            see_other(view, "/review?in=1").with_cookie(cookie::SESSION, &secret.to_string(), HERE);
        if let Some(known) = known {
            let scope = format!("{HERE}; Max-Age={KNOWN_BROWSER_S}");
            reply = reply.with_cookie(cookie::KNOWN, &known.to_string(), &scope);
        }
        Ok(reply)
    }

    /// Tells somebody to wait before the next PIN.
    fn wait(&self, view: View, wait: Duration) -> Reply {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let problem = (view.language.review().wait)(seconds);
        self.door(view, 429, Some(problem)).with("Retry-After", seconds.to_string())
    }

    fn list(&self, visit: &Visit<'_>, list: List) -> Result<Reply, Trouble> {
        let items = self.desk.list(list, visit.first()).map_err(|_| Trouble::NotDone)?;
        let words = visit.words();
        let note = visit.query.get("done").and_then(|done| match done {
            "approved" => Some(words.done_approved),
            "second" => Some(words.done_second),
            "withdrawn" => Some(words.done_withdrawn),
            "reopened" => Some(words.done_reopened),
            _ => None,
        });
        let reviewer = visit.session.reviewer.id;
        let shown = pages::Listed { list, first: visit.first(), items: &items, reviewer, note };
        Ok(Reply::page(200, pages::list(&visit.frame(), &shown)))
    }

    fn item(&self, visit: &Visit<'_>, target: Target) -> Result<Reply, Trouble> {
        let item = self.desk.item(target).map_err(|_| Trouble::NotDone)?;
        let Some(item) = item else { return Ok(self.gone(visit)) };
        Ok(Reply::page(200, self.item_page(visit, &item, None, visit.query.get("list"), None)))
    }

    fn gone(&self, visit: &Visit<'_>) -> Reply {
        Reply::page(404, pages::problem(&visit.frame(), visit.words().gone))
    }

    fn item_page(
        &self,
        visit: &Visit<'_>,
        item: &Item,
        problem: Option<&str>,
        list: Option<&str>,
        typed: Option<(String, String)>,
    ) -> maud::Markup {
        let shown = pages::Opened {
            item,
            list: list.and_then(list_named).unwrap_or_default(),
            reviewer: visit.session.reviewer.id,
            problem,
            typed,
        };
        pages::item(&visit.frame(), &shown)
    }

    fn decide(&self, visit: &Visit<'_>, target: Target) -> Result<Reply, Trouble> {
        let (text, sms) = (visit.text("text"), visit.text("sms"));
        let decision = match visit.field("do") {
            "approve" => Decision::Approve,
            "edit" => Decision::Edit {
                text: text.clone(),
                sms: Some(sms.clone()).filter(|sms| !sms.is_empty()),
            },
            "withdraw" => Decision::Withdraw { reason: visit.text("reason") },
            "reopen" => Decision::Reopen,
            _ => return Err(Trouble::BrokenForm),
        };
        let typed = matches!(decision, Decision::Edit { .. }).then_some((text, sms));
        let reviewer = &visit.session.reviewer;
        let error = match self.desk.decide(reviewer, target, visit.field("version"), decision) {
            Ok(state) => {
                let done = match state {
                    State::Open => "reopened",
                    State::NeedsSecond { .. } => "second",
                    State::Approved { .. } => "approved",
                    State::Withdrawn { .. } => "withdrawn",
                };
                let list = list_name(list_named(visit.field("list")).unwrap_or_default());
                let from = number(visit.form.get("from"));
                let path = format!("/review/list/{list}?from={from}&done={done}");
                return Ok(see_other(visit.view, &path));
            }
            Err(error) => error,
        };
        let Ok(Some(item)) = self.desk.item(target) else { return Ok(self.gone(visit)) };
        let (status, sentence) = sentence(visit.words(), &error);
        let list = visit.form.get("list");
        Ok(Reply::page(status, self.item_page(visit, &item, Some(&sentence), list, typed)))
    }

    fn packs(
        &self,
        visit: &Visit<'_>,
        status: u16,
        problem: Option<&str>,
    ) -> Result<Reply, Trouble> {
        let packs = self.desk.packs().map_err(|_| Trouble::NotDone)?;
        let files = self.desk.stick_files();
        let note = visit.query.get("done").map(|_| visit.words().importing);
        Ok(Reply::page(status, pages::packs(&visit.frame(), &packs, &files, note, problem)))
    }

    fn import(&self, visit: &Visit<'_>) -> Result<Reply, Trouble> {
        let name = visit.field("name");
        // Only what the page offers, whatever the form says.
        let offered = self.desk.stick_files().iter().any(|file| file.name == name);
        let outcome = if offered {
            self.desk.import(&visit.session.reviewer, name)
        } else {
            Err(ReviewError::Gone)
        };
        match outcome {
            Ok(()) => Ok(see_other(visit.view, "/review/packs?done=1")),
            Err(error) => {
                let (status, sentence) = sentence(visit.words(), &error);
                self.packs(visit, status, Some(&sentence))
            }
        }
    }

    fn set_site(&self, visit: &Visit<'_>) -> Result<Reply, Trouble> {
        let days = visit.text("days");
        let plain = !days.is_empty() && days.bytes().all(|b| b.is_ascii_digit());
        let retention = plain.then(|| days.parse().ok()).flatten();
        let site = Site {
            facility: visit.text("facility"),
            phone: visit.text("phone"),
            hours: visit.text("hours"),
            retention_days: retention.unwrap_or_default(),
            model_without_source: visit.form.get("without_source").is_some(),
        };
        let (status, problem) = match retention {
            None => (400, visit.words().bad_number.to_owned()),
            Some(_) => match self.desk.set_site(&visit.session.reviewer, &site) {
                Ok(()) => return Ok(see_other(visit.view, "/review/site?done=1")),
                Err(error) => sentence(visit.words(), &error),
            },
        };
        Ok(Reply::page(status, pages::site(&visit.frame(), &site, None, Some(&problem))))
    }

    fn clock(&self, visit: &Visit<'_>, status: u16, problem: Option<&str>) -> Reply {
        let clock = self.front.health().clock;
        let note = visit.query.get("done").map(|_| visit.words().clock_set);
        Reply::page(status, pages::clock(&visit.frame(), clock, note, problem))
    }

    /// The telephone's time, which a script has filled in, or else a date written by hand.
    fn set_clock(&self, visit: &Visit<'_>) -> Result<Reply, Trouble> {
        let counted = visit.field("unix_s");
        let unix_s = if counted.is_empty() {
            time::parse_minute(visit.field("date"))
        } else {
            let plain = counted.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| counted.parse().ok()).flatten()
        };
        let Some(unix_s) = unix_s else {
            return Ok(self.clock(visit, 400, Some(visit.words().bad_time)));
        };
        match self.desk.set_clock(&visit.session.reviewer, unix_s) {
            Ok(_) => Ok(see_other(visit.view, "/review/clock?done=1")),
            Err(error) => {
                let (status, sentence) = sentence(visit.words(), &error);
                Ok(self.clock(visit, status, Some(&sentence)))
            }
        }
    }

    /// All decisions as a file. Making it stands in the audit log, so that a look at its head makes
    /// none.
    fn export(&self, visit: &Visit<'_>) -> Result<Reply, Trouble> {
        let bytes = if visit.is_head {
            Vec::new()
        } else {
            match self.desk.export(&visit.session.reviewer) {
                Ok(bytes) => bytes,
                Err(error) => {
                    let (status, sentence) = sentence(visit.words(), &error);
                    return Ok(Reply::page(status, pages::problem(&visit.frame(), &sentence)));
                }
            }
        };
        Ok(Reply::new(200, "application/x-ndjson", bytes)
            .with("Content-Disposition", "attachment; filename=\"reviews.jsonl\""))
    }
}

/// Where the review desk's cookies go.
const HERE: &str = "SameSite=Strict; Path=/review";

/// Has a browser drop a cookie of the review desk.
const ENDED: &str = "SameSite=Strict; Path=/review; Max-Age=0";

/// False if a browser says that a page from elsewhere sent this (Fetch, 3.1; Fetch Metadata, 2.4).
fn is_from_here(request: &Incoming<'_>) -> bool {
    let site = request.fetch_site.is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin = request.origin.is_none_or(|origin| {
        let name = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        name.zip(request.host).is_some_and(|(name, host)| name.eq_ignore_ascii_case(host))
    });
    site && origin
}

/// A number of an address; nothing readable is 0.
fn number(text: Option<&str>) -> usize {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// What a reviewer reads where a decision was not taken, and the status that goes with it.
fn sentence(words: &ReviewWords, error: &ReviewError) -> (u16, String) {
    match error {
        ReviewError::Gone => (404, words.gone.to_owned()),
        ReviewError::Changed => (409, words.changed.to_owned()),
        ReviewError::SamePerson => (409, words.same_person.to_owned()),
        ReviewError::NoAnswer => (409, words.missing_answer.to_owned()),
        ReviewError::Text { field, reason } => {
            let field = match *field {
                "answer" => words.answer,
                "sms" => words.sms,
                "reason" => words.reason,
                "facility" => words.facility,
                "phone" => words.phone,
                "hours" => words.hours,
                "retention_days" => words.retention,
                other => other,
            };
            (400, format!("{field}: {reason}"))
        }
        ReviewError::File(reason) => (400, reason.clone()),
        // What the system said is for the log of the box.
        _ => (503, words.not_kept.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request<'a>(origin: Option<&'a str>, fetch_site: Option<&'a str>) -> Incoming<'a> {
        Incoming {
            method: "POST",
            target: "/review/site",
            accept_language: None,
            content_type: None,
            if_none_match: None,
            cookie: None,
            host: Some("box:8080"),
            origin,
            fetch_site,
            peer: [10, 0, 0, 2].into(),
            body: b"",
        }
    }

    #[test]
    fn forms_from_elsewhere_are_told() {
        for (origin, site) in [
            (None, None),
            (Some("http://box:8080"), None),
            (Some("http://BOX:8080"), Some("same-origin")),
            (None, Some("none")),
        ] {
            assert!(is_from_here(&request(origin, site)), "{origin:?} {site:?}");
        }
        for (origin, site) in [
            (Some("null"), None),
            (Some("http://box"), None),
            (Some("http://box:8080.evil"), None),
            (Some("http://evil"), Some("same-origin")),
            (Some("box:8080"), None),
            (None, Some("cross-site")),
            (None, Some("same-site")),
        ] {
            assert!(!is_from_here(&request(origin, site)), "{origin:?} {site:?}");
        }
        assert!(!is_from_here(&Incoming { host: None, ..request(Some("http://box"), None) }));
    }

    #[test]
    fn numbers_of_addresses_are_plain() {
        assert_eq!(number(Some("20")), 20);
        for odd in [None, Some(""), Some("-1"), Some("x"), Some("99999999999999999999999")] {
            assert_eq!(number(odd), 0);
        }
    }
}
