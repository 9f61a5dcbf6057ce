//! The review desk: who gets in, what is done there, and what is not.

use std::time::Duration;

use answer::review::{Decision, List, ReviewError, State, Target};

use super::reviewers::{PIN, item};
use super::{Box_, body, cookie, header, status};
use crate::limits::{
    PIN_BYTES_MAX, PIN_TRIES_FREE, PIN_WAIT_MAX, REVIEW_BODY_BYTES_MAX, SESSION_IDLE_MAX,
};

/// Every page of the review desk behind the door, with a body that would do something.
const INSIDE: [(&str, &str, &str); 17] = [
    ("GET", "/review", ""),
    ("GET", "/review/list/open", ""),
    ("GET", "/review/list/second", ""),
    ("GET", "/review/list/unanswered", ""),
    ("GET", "/review/list/entries", ""),
    ("GET", "/review/list/decided", ""),
    ("GET", "/review/item/q12", ""),
    ("GET", "/review/packs", ""),
    ("GET", "/review/site", ""),
    ("GET", "/review/clock", ""),
    ("GET", "/review/log", ""),
    ("GET", "/review/export", ""),
    ("POST", "/review/item/q12", "do=approve&version=v"),
    ("POST", "/review/import", "name=malaria.pack"),
    ("POST", "/review/site", "facility=x&days=3"),
    ("POST", "/review/clock", "unix_s=1774967400"),
    ("POST", "/review/logout", ""),
];

/// A reviewer's browser.
struct Nurse<'a> {
    box_: &'a Box_,
    cookies: String,
    token: String,
}

impl<'a> Nurse<'a> {
    fn log_in(box_: &'a Box_) -> Self {
        let reply = box_.send("POST", "/review/login", "", &format!("pin={PIN}"));
        assert_eq!(status(&reply), 303, "{reply}");
        let session = cookie(&reply, "session").unwrap();
        let known = cookie(&reply, "known").unwrap();
        let cookies = format!("Cookie: session={session}; known={known}\r\n");
        let mut nurse = Self { box_, cookies, token: String::new() };
        let page = nurse.get("/review");
        let field = page.split("name=\"token\" value=\"").nth(1).expect(&page);
        nurse.token = field.split('"').next().unwrap().to_owned();
        nurse
    }

    fn get(&self, target: &str) -> String {
        self.box_.send("GET", target, &self.cookies, "")
    }

    fn post(&self, target: &str, fields: &str) -> String {
        let form = format!("token={}&{fields}", self.token);
        self.box_.send("POST", target, &self.cookies, &form)
    }
}

fn nothing_was_done(box_: &Box_) {
    assert!(box_.review.done.lock().unwrap().is_empty());
    assert!(box_.review.imported.lock().unwrap().is_empty());
    assert_eq!(*box_.review.exported.lock().unwrap(), 0);
    assert_eq!(*box_.review.clock.lock().unwrap(), None);
    assert_eq!(*box_.review.site.lock().unwrap(), answer::review::Site::default());
    assert!(box_.review.listed.lock().unwrap().is_empty());
}

#[test]
fn nobody_sees_or_does_anything_without_a_session() {
    let box_ = Box_::start();
    let guess = format!("Cookie: session={}\r\n", "0123456789abcdef".repeat(2));
    for cookies in ["", "Cookie: session=\r\n", &guess] {
        for (method, target, form) in INSIDE {
            let reply = box_.send(method, target, cookies, form);
            let expected = if target == "/review" { 200 } else { 403 };
            assert_eq!(status(&reply), expected, "{method} {target}");
            assert!(reply.contains("name=\"pin\""), "{method} {target}");
            assert!(!reply.contains("How much salt?") && cookie(&reply, "session").is_none());
            assert_eq!(header(&reply, "Cache-Control"), Some("no-store"), "{target}");
        }
    }
    nothing_was_done(&box_);
    // The files of these pages are nobody's secret.
    assert_eq!(status(&box_.get("/review.css")), 200);
}

#[test]
fn without_a_review_desk_there_are_no_such_pages() {
    let box_ = Box_::start_as(crate::Options::default(), false);
    for (method, target, form) in INSIDE {
        assert_eq!(status(&box_.send(method, target, "", form)), 404, "{target}");
    }
}

#[test]
fn before_anybody_may_review_the_page_says_how() {
    let box_ = Box_::start();
    *box_.review.set_up.lock().unwrap() = false;
    let page = box_.get("/review");
    assert!(page.contains("baraza reviewer add nurse") && !page.contains("name=\"pin\""));
}

#[test]
fn a_pin_opens_a_session_that_only_its_cookie_has() {
    let box_ = Box_::start();
    let reply = box_.send("POST", "/review/login", "", &format!("pin={PIN}"));
    assert_eq!((status(&reply), header(&reply, "Location")), (303, Some("/review?in=1")));
    let session = reply.lines().find(|line| line.starts_with("Set-Cookie: session=")).unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/review"] {
        assert!(session.contains(part), "{session}");
    }
    assert!(!session.contains("Max-Age"), "it ends with the browser");
    assert!(!body(&reply).contains(cookie(&reply, "session").unwrap()));
    // A browser that lost the cookie on the way is told.
    assert!(box_.get("/review?in=1").contains("does not keep cookies"));

    let nurse = Nurse::log_in(&box_);
    for (method, target, _) in INSIDE {
        if method == "GET" {
            let page = nurse.get(target);
            assert_eq!(status(&page), 200, "{target}");
            assert_eq!(header(&page, "Cache-Control"), Some("no-store"), "{target}");
            assert_eq!(header(&page, "X-Frame-Options"), Some("DENY"), "{target}");
            assert_eq!(header(&page, "Referrer-Policy"), Some("same-origin"), "{target}");
            let policy = header(&page, "Content-Security-Policy").unwrap();
            assert!(policy.contains("frame-ancestors 'none'"));
        }
    }
    let out = nurse.post("/review/logout", "");
    assert_eq!((status(&out), header(&out, "Location")), (303, Some("/review")));
    assert!(nurse.get("/review").contains("name=\"pin\""), "the old cookie opens nothing");
}

#[test]
fn silence_ends_a_session() {
    let box_ = Box_::start();
    let nurse = Nurse::log_in(&box_);
    for _ in 0..3 {
        box_.pass(SESSION_IDLE_MAX);
        assert!(nurse.get("/review/log").contains("approved"));
    }
    box_.pass(SESSION_IDLE_MAX + Duration::from_secs(1));
    let reply = nurse.post("/review/item/q12", "do=approve&version=v");
    assert!(status(&reply) == 403 && reply.contains("Nothing was changed"));
    assert!(box_.review.done.lock().unwrap().is_empty());
}

#[test]
fn a_form_from_elsewhere_does_nothing() {
    let box_ = Box_::start();
    let nurse = Nurse::log_in(&box_);
    box_.review.listed.lock().unwrap().clear();
    let other = "0123456789abcdef".repeat(2);
    for (method, target, form) in INSIDE {
        if method != "POST" {
            continue;
        }
        for wrong in ["", "token=&", &format!("token={other}&"), &format!("Token={}&", nurse.token)]
        {
            let reply = box_.send("POST", target, &nurse.cookies, &format!("{wrong}{form}"));
            assert_eq!(status(&reply), 403, "{target} {wrong}");
            assert!(reply.contains("did not come from a page of this box"));
        }
        let right = format!("token={}&{form}", nurse.token);
        for from in
            ["Origin: http://evil\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"]
        {
            let headers = format!("{}{from}", nurse.cookies);
            assert_eq!(status(&box_.send("POST", target, &headers, &right)), 403, "{from}");
        }
    }
    nothing_was_done(&box_);
    let from_there = "Origin: http://evil\r\n";
    let reply = box_.send("POST", "/review/login", from_there, &format!("pin={PIN}"));
    assert_eq!(status(&reply), 403);
    let here = format!("{}Origin: http://box\r\nSec-Fetch-Site: same-origin\r\n", nurse.cookies);
    let form = format!("token={}&do=approve&version=v", nurse.token);
    assert_eq!(status(&box_.send("POST", "/review/item/q12", &here, &form)), 303);
}

#[test]
fn wrong_pins_are_slowed_down_and_she_still_gets_in() {
    let box_ = Box_::start();
    let nurse = Nurse::log_in(&box_);
    for _ in 0..PIN_TRIES_FREE {
        let reply = box_.send("POST", "/review/login", "", "pin=000000");
        assert!(status(&reply) == 403 && reply.contains("not right"));
    }
    let tried = *box_.review.tried.lock().unwrap();
    for _ in 0..20 {
        let reply = box_.send("POST", "/review/login", "", &format!("pin={PIN}"));
        assert_eq!(status(&reply), 429, "even the right one waits");
        assert!(reply.contains("Wait 5 seconds") && header(&reply, "Retry-After") == Some("5"));
    }
    assert_eq!(*box_.review.tried.lock().unwrap(), tried, "nothing was tried");
    // Her own telephone is counted by itself.
    let again = box_.send("POST", "/review/login", &nurse.cookies, &format!("pin={PIN}"));
    assert_eq!(status(&again), 303);
    for _ in 0..200 {
        box_.pass(Duration::from_secs(1));
        let _ = box_.send("POST", "/review/login", "", "pin=000000");
    }
    assert!(*box_.review.tried.lock().unwrap() - tried < 10);
    box_.pass(PIN_WAIT_MAX);
    assert_eq!(status(&box_.send("POST", "/review/login", "", &format!("pin={PIN}"))), 303);
    let long = format!("pin={}", "1".repeat(PIN_BYTES_MAX + 1));
    let tried = *box_.review.tried.lock().unwrap();
    for form in ["", "pin=", "pin=++", &long] {
        assert_eq!(status(&box_.send("POST", "/review/login", "", form)), 403);
    }
    assert_eq!(*box_.review.tried.lock().unwrap(), tried);
}

#[test]
fn what_is_right_is_approved_with_one_tap() {
    let box_ = Box_::start();
    box_.review.item.lock().unwrap().version = "v 1".into();
    let nurse = Nurse::log_in(&box_);
    let list = nurse.get("/review/list/open?from=20");
    for shown in [
        "Danger: <bdi>How much salt?",
        "Has a dose",
        "Weak support",
        "3 × did not help",
        "Asked 14 times",
        "Written by the model",
        "name=\"version\" value=\"v 1\"",
        "name=\"do\" value=\"approve\"",
        "href=\"/s/7\"",
        "/review/item/q12?list=open#edit",
        "/review/item/q12?list=open#withdraw",
    ] {
        assert!(list.contains(shown), "{shown}: {list}");
    }
    let reply = nurse.post("/review/item/q12", "do=approve&version=v+1&list=entries&from=20");
    assert_eq!(status(&reply), 303);
    let place = header(&reply, "Location").unwrap();
    assert_eq!(place, "/review/list/entries?from=20&done=approved");
    let (who, target, version, decision) = box_.review.done.lock().unwrap().pop().unwrap();
    assert_eq!((who.id, target, &*version), (1, Target::Question(12), "v 1"));
    assert_eq!(decision, Decision::Approve);
    assert!(nurse.get(place).contains("People get this answer from now on"));
    assert_eq!(box_.review.listed.lock().unwrap().last(), Some(&(List::Entries, 20)));
}

#[test]
fn every_decision_arrives_as_it_was_made() {
    let box_ = Box_::start();
    let nurse = Nurse::log_in(&box_);
    for (form, decision, state, done) in [
        (
            "do=edit&text=One%0D%0Atwo+%3Cb%3E&sms=",
            Decision::Edit { text: "One\ntwo <b>".into(), sms: None },
            State::NeedsSecond { role: "nurse".into(), reviewer: 1 },
            "second",
        ),
        (
            "do=edit&text=One&sms=+Short+",
            Decision::Edit { text: "One".into(), sms: Some("Short".into()) },
            State::Approved { role: "nurse".into(), on: None },
            "approved",
        ),
        (
            "do=withdraw&reason=Wrong+dose",
            Decision::Withdraw { reason: "Wrong dose".into() },
            State::Withdrawn { role: "nurse".into(), on: None, reason: "Wrong dose".into() },
            "withdrawn",
        ),
        ("do=reopen", Decision::Reopen, State::Open, "reopened"),
    ] {
        *box_.review.next.lock().unwrap() = Some(Ok(state));
        let reply = nurse.post("/review/item/q12", form);
        assert!(header(&reply, "Location").unwrap().ends_with(&format!("done={done}")));
        assert_eq!(box_.review.done.lock().unwrap().pop().unwrap().3, decision);
    }
    assert_eq!(status(&nurse.post("/review/item/q12", "do=burn")), 400);
    assert_eq!(status(&nurse.get("/review/item/q13")), 404);
    assert_eq!(status(&nurse.post("/review/item/x", "do=approve")), 404);
}

#[test]
fn a_decision_that_was_not_taken_is_said_and_nothing_typed_is_lost() {
    let box_ = Box_::start();
    let nurse = Nurse::log_in(&box_);
    for (error, code, shown) in [
        (ReviewError::Changed, 409, "has changed since you opened it"),
        (ReviewError::SamePerson, 409, "needs a second person"),
        (ReviewError::NoAnswer, 409, "no answer to approve"),
        (ReviewError::Gone, 404, "not in the list any more"),
        (
            ReviewError::Text { field: "sms", reason: "200 of <160>".into() },
            400,
            "For one text message: 200 of &lt;160&gt;",
        ),
        (
            ReviewError::Storage(answer::ports::StorageError("disk full".into())),
            503,
            "could not keep this",
        ),
    ] {
        *box_.review.next.lock().unwrap() = Some(Err(error));
        let reply = nurse.post("/review/item/q12", "do=edit&text=My+%3Cown%3E+words&sms=Short");
        assert_eq!(status(&reply), code);
        assert!(reply.contains(shown), "{shown}: {reply}");
        assert!(reply.contains("My &lt;own&gt; words</textarea>") && reply.contains("Short</text"));
        assert!(!reply.contains("disk full"));
    }
}

#[test]
fn only_another_person_may_be_the_second() {
    let box_ = Box_::start();
    let nurse = Nurse::log_in(&box_);
    let approve = "name=\"do\" value=\"approve\"";
    let mut shown = item("x");
    shown.state = State::NeedsSecond { role: "nurse".into(), reviewer: 1 };
    *box_.review.item.lock().unwrap() = shown.clone();
    for page in ["/review/list/second", "/review/item/q12"] {
        let page = nurse.get(page);
        assert!(page.contains("Somebody else must approve it too") && !page.contains(approve));
    }
    shown.state = State::NeedsSecond { role: "doctor".into(), reviewer: 2 };
    *box_.review.item.lock().unwrap() = shown.clone();
    let page = nurse.get("/review/list/second");
    assert!(page.contains("second person must approve") && page.contains(approve));

    shown.state = State::Open;
    shown.answer = None;
    *box_.review.item.lock().unwrap() = shown.clone();
    let page = nurse.get("/review/list/unanswered");
    assert!(page.contains("No answer yet.") && page.contains("Write an answer"));
    assert!(!page.contains(approve));

    shown.answer = Some("x".into());
    shown.state =
        State::Withdrawn { role: "nurse".into(), on: None, reason: "because <it>".into() };
    *box_.review.item.lock().unwrap() = shown;
    let page = nurse.get("/review/item/q12");
    assert!(page.contains("because &lt;it&gt;") && page.contains("value=\"reopen\""));
    assert!(page.contains("Time not set") && !page.contains(approve));
}

#[test]
fn lists_turn_their_pages() {
    let box_ = Box_::start();
    let nurse = Nurse::log_in(&box_);
    *box_.review.total.lock().unwrap() = 45;
    let page = nurse.get("/review/list/decided?from=20&lang=sw");
    assert!(page.contains("21 hadi 21 kati ya 45"));
    assert!(page.contains("href=\"/review/list/decided?from=0&amp;lang=sw\""));
    assert!(page.contains("href=\"/review/list/decided?from=21&amp;lang=sw\""));
    for odd in ["-1", "x", "18446744073709551615", "99999999999999999999999"] {
        assert_eq!(status(&nurse.get(&format!("/review/list/open?from={odd}"))), 200, "{odd}");
    }
}

#[test]
fn the_place_is_kept_and_the_clock_is_set() {
    let box_ = Box_::start();
    let nurse = Nurse::log_in(&box_);
    let fields = "facility=Kibera+%3Ccentre%3E&phone=0700&hours=8-17&days=90&without_source=1";
    let reply = nurse.post("/review/site", fields);
    assert_eq!(header(&reply, "Location"), Some("/review/site?done=1"));
    let site = box_.review.site.lock().unwrap().clone();
    assert_eq!((&*site.facility, site.retention_days), ("Kibera <centre>", 90));
    assert!(site.model_without_source);
    let page = nurse.get("/review/site");
    assert!(page.contains("Kibera &lt;centre&gt;, 0700, 8-17") && page.contains("checked"));
    for days in ["", "-1", "x", "1.5", "99999999999"] {
        let reply = nurse.post("/review/site", &format!("facility=Mine&days={days}"));
        assert_eq!(status(&reply), 400, "{days}");
        assert!(reply.contains("value=\"Mine\"") && reply.contains("whole number"));
    }
    let long = nurse.post("/review/site", &format!("facility={}&days=1", "x".repeat(300)));
    assert!(status(&long) == 400 && long.contains("Nearest health facility: too long"));
    assert_eq!(box_.review.site.lock().unwrap().retention_days, 90);

    for form in ["unix_s=1774967400", "unix_s=&date=2026-03-31T14%3A30", "date=2026-03-31T14:30"] {
        *box_.review.clock.lock().unwrap() = None;
        let reply = nurse.post("/review/clock", form);
        assert_eq!(header(&reply, "Location"), Some("/review/clock?done=1"), "{form}");
        assert_eq!(*box_.review.clock.lock().unwrap(), Some(1_774_967_400));
    }
    *box_.review.clock.lock().unwrap() = None;
    for form in ["", "unix_s=-5", "unix_s=x", "unix_s=99999999999999999999", "date=yesterday"] {
        let reply = nurse.post("/review/clock", form);
        assert!(status(&reply) == 400 && reply.contains("cannot be read"), "{form}");
    }
    assert_eq!(*box_.review.clock.lock().unwrap(), None);
}

#[test]
fn only_what_is_on_the_stick_is_read_in() {
    let box_ = Box_::start();
    let nurse = Nurse::log_in(&box_);
    let page = nurse.get("/review/packs");
    for shown in ["40 %", "<progress max=\"100\" value=\"40\">", "malaria.pack", "5 MB"] {
        assert!(page.contains(shown), "{shown}");
    }
    for other in ["", "..%2Fetc%2Fpasswd", "malaria.pack2"] {
        assert_eq!(status(&nurse.post("/review/import", &format!("name={other}"))), 404);
    }
    assert!(box_.review.imported.lock().unwrap().is_empty());
    let reply = nurse.post("/review/import", "name=malaria.pack");
    assert_eq!(header(&reply, "Location"), Some("/review/packs?done=1"));
    assert_eq!(*box_.review.imported.lock().unwrap(), ["malaria.pack"]);
}

#[test]
fn decisions_are_a_file_to_take_away() {
    let box_ = Box_::start();
    let nurse = Nurse::log_in(&box_);
    let head = box_.send("HEAD", "/review/export", &nurse.cookies, "");
    assert_eq!((status(&head), *box_.review.exported.lock().unwrap()), (200, 0));
    let file = nurse.get("/review/export");
    let name = "attachment; filename=\"reviews.jsonl\"";
    assert_eq!(header(&file, "Content-Disposition"), Some(name));
    assert_eq!(body(&file), "{\"format\":1}\n");
}

#[test]
fn long_forms_of_reviewers_fit_and_longer_ones_do_not() {
    let box_ = Box_::start();
    let nurse = Nurse::log_in(&box_);
    let text = format!("do=edit&text={}", "%E0%A4%95".repeat(2000));
    assert_eq!(status(&nurse.post("/review/item/q12", &text)), 303);
    let too_long = format!("do=edit&text={}", "x".repeat(REVIEW_BODY_BYTES_MAX));
    assert_eq!(status(&nurse.post("/review/item/q12", &too_long)), 413);
    assert_eq!(box_.review.done.lock().unwrap().len(), 1);
    let many = nurse.post("/review/item/q12", &"a=b&".repeat(100));
    assert_eq!(status(&many), 415);
}
