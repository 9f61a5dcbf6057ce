//! What holds for every page, style sheet and script.

use answer::desk::{Answer, AskError, Clock, Desk, Floor, Health, Origin, Stage};
use answer::review::{AuditLine, Pack, ReviewError, Site, State, StickFile};

use super::desk::{HOSTILE, answer, checked, floor, source_page, unsourced};
use super::reviewers::{PIN, item, pack};
use super::{Box_, body, cookie, header};
use crate::assets::{REVIEW_SCRIPT, REVIEW_STYLE, SCRIPT, STYLE};
use crate::form::encode;
use crate::route::LISTS;
use crate::words::Language;

/// A page's case, its language, and the whole response.
type Case = (String, String);

fn add(cases: &mut Vec<Case>, name: &str, language: Language, response: String) {
    cases.push((format!("{name} in {}", language.tag()), response));
}

/// Every page in every language, with the name of the case.
fn all() -> Vec<Case> {
    let box_ = Box_::start();
    let mut pages = Vec::new();
    for language in Language::ALL {
        asking(&box_, language, &mut pages);
        refused(&box_, language, &mut pages);
    }
    reviewing(&box_, &mut pages);
    pages
}

/// The pages of askers, with something hostile in every text.
fn asking(box_: &Box_, language: Language, pages: &mut Vec<Case>) {
    let tag = language.tag();
    let mut add = |name: &str, response: String| add(pages, name, language, response);
    let place = format!("/a/K7M4RTW?lang={tag}");
    *box_.desk.floor.lock().unwrap() = None;
    add("home", box_.get(&format!("/?lang={tag}")));
    add("accepted", box_.post(&format!("/ask?lang={tag}"), b"question=why"));
    add("waiting", box_.get(&place));
    box_.desk.health.lock().unwrap().model = None;
    box_.desk.put(Stage::Waiting { ahead: 5, wait_s: None });
    add("no model", box_.get(&place));
    add("status", box_.get(&format!("/status?lang={tag}")));
    *box_.desk.health.lock().unwrap() = Health {
        model: Some(HOSTILE.into()),
        kernel: Some(HOSTILE.into()),
        indexing: Some((HOSTILE.into(), 40)),
        clock: Clock::Set(1_774_967_400),
        ..box_.desk.health()
    };
    add("status", box_.get(&format!("/status?lang={tag}")));
    box_.desk.put(Stage::Writing { so_far: HOSTILE.into() });
    add("writing", box_.get(&place));
    let mut hostile = answer(Origin::Model);
    hostile.text = HOSTILE.into();
    hostile.sources[0].title = HOSTILE.into();
    hostile.sources[0].passage = HOSTILE.into();
    hostile.model = Some(HOSTILE.into());
    hostile.notice = Some(HOSTILE.into());
    hostile.weak = true;
    hostile.topics = unsourced(&[(HOSTILE, HOSTILE)]).topics;
    for origin in [Origin::Checked, Origin::Cache, Origin::Model, Origin::Floor, Origin::None] {
        box_.desk.put(Stage::Done(Answer { origin, ..hostile.clone() }));
        add("answer", box_.get(&place));
    }
    box_.desk.put(Stage::Done(checked(HOSTILE, Some(HOSTILE))));
    add("checked", box_.get(&place));
    box_.desk.put(Stage::Done(Answer { model: None, ..answer(Origin::Cache) }));
    add("word for word", box_.get(&format!("{place}&said=1")));
    let floor =
        Floor { text: HOSTILE.into(), source: HOSTILE.into(), language: HOSTILE.into(), ..floor() };
    *box_.desk.floor.lock().unwrap() = Some(floor);
    add("floor", box_.get(&place));
    box_.desk.put(Stage::Failed { reason: HOSTILE.into() });
    add("failed", box_.get(&place));
    add("delete", box_.get(&format!("/a/K7M4RTW/delete?lang={tag}")));
    add("deleted", box_.get(&format!("/deleted?lang={tag}")));
    add("elsewhere", box_.post(&format!("/a/K7M4RTW/feedback?lang={tag}"), b"value=helpful"));
    box_.desk.sources.lock().unwrap().insert(7, source_page(HOSTILE));
    add("source", box_.get(&format!("/s/7?a=K7M4RTW&lang={tag}")));
    *box_.desk.floor.lock().unwrap() = None;
}

/// What goes wrong.
fn refused(box_: &Box_, language: Language, pages: &mut Vec<Case>) {
    let tag = language.tag();
    let mut add = |name: &str, response: String| add(pages, name, language, response);
    let ask = format!("/ask?lang={tag}");
    add("empty", box_.post(&ask, b"question="));
    add("broken", box_.post(&ask, b"question=%F"));
    add("panic", box_.post(&ask, b"question=panic"));
    let question = format!("question={}", encode(HOSTILE));
    for refusal in [
        AskError::TooLong { length: 9, limit: 5 },
        AskError::Busy { waiting: 3 },
        AskError::TooManyOfYours { waiting: 5 },
        AskError::NotKept("full".into()),
    ] {
        *box_.desk.refusal.lock().unwrap() = Some(refusal);
        add("refused", box_.post(&ask, question.as_bytes()));
    }
    *box_.desk.refusal.lock().unwrap() = None;
    add("no code", box_.get(&format!("/a/X?lang={tag}")));
    add("no source", box_.get(&format!("/s/99?lang={tag}")));
    add("no page", box_.get(&format!("/x?lang={tag}")));
    add("method", box_.get(&ask));
    add("too long", box_.post(&ask, &[b'a'; 20_000]));
    add("not ours", box_.send("POST", "/review/site", "Origin: null\r\n", ""));
    let last = pages.last_mut().unwrap();
    last.1 = box_.send("POST", &format!("/review/site?lang={tag}"), "Origin: null\r\n", "");
}

/// The pages of the review desk, with something hostile in every text.
fn reviewing(box_: &Box_, pages: &mut Vec<Case>) {
    let known = box_.post("/review/login", format!("pin={PIN}").as_bytes());
    let cookies = format!("Cookie: session={}\r\n", cookie(&known, "session").unwrap());
    let token = box_.send("GET", "/review", &cookies, "");
    let token = token.split("name=\"token\" value=\"").nth(1).unwrap()[..32].to_owned();
    *box_.review.item.lock().unwrap() = item(HOSTILE);
    *box_.review.packs.lock().unwrap() = vec![
        pack(HOSTILE, Some(40), None),
        pack(HOSTILE, None, Some(HOSTILE)),
        Pack { signed_by: None, ..pack(HOSTILE, None, None) },
    ];
    *box_.review.files.lock().unwrap() = vec![StickFile { name: HOSTILE.into(), bytes: 42 }];
    *box_.review.site.lock().unwrap() = Site {
        facility: HOSTILE.into(),
        phone: HOSTILE.into(),
        hours: HOSTILE.into(),
        retention_days: 90,
        model_without_source: true,
    };
    box_.review.log.lock().unwrap().push(AuditLine {
        seq: 4,
        on: Some(HOSTILE.into()),
        who: HOSTILE.into(),
        action: HOSTILE.into(),
        what: HOSTILE.into(),
    });
    for language in Language::ALL {
        let tag = language.tag();
        let mut add = |name: &str, response: String| add(pages, name, language, response);
        let get = |path: &str| box_.send("GET", &format!("{path}?lang={tag}"), &cookies, "");
        let post = |path: &str, form: &str| {
            let form = format!("token={token}&{form}");
            box_.send("POST", &format!("{path}?lang={tag}"), &cookies, &form)
        };
        add("log in", box_.get(&format!("/review?lang={tag}")));
        add("log in first", box_.get(&format!("/review/log?lang={tag}")));
        *box_.review.set_up.lock().unwrap() = false;
        add("set up", box_.get(&format!("/review?lang={tag}")));
        *box_.review.set_up.lock().unwrap() = true;
        for state in [
            State::Open,
            State::NeedsSecond { role: HOSTILE.into(), reviewer: 2 },
            State::NeedsSecond { role: HOSTILE.into(), reviewer: 1 },
            State::Approved { role: HOSTILE.into(), on: Some(HOSTILE.into()) },
            State::Withdrawn { role: HOSTILE.into(), on: None, reason: HOSTILE.into() },
        ] {
            box_.review.item.lock().unwrap().state = state;
            add("list", get("/review"));
            add("item", get("/review/item/q12"));
        }
        for (name, _) in LISTS {
            add("list", get(&format!("/review/list/{name}")));
        }
        *box_.review.next.lock().unwrap() =
            Some(Err(ReviewError::Text { field: "sms", reason: HOSTILE.into() }));
        let typed = format!("do=edit&text={0}&sms={0}", encode(HOSTILE));
        add("not taken", post("/review/item/q12", &typed));
        add("gone", get("/review/item/q99"));
        add("packs", get("/review/packs"));
        add("no file", post("/review/import", "name=x"));
        add("site", get("/review/site"));
        add("bad site", post("/review/site", &format!("days={}", encode(HOSTILE))));
        add("clock", get("/review/clock"));
        add("bad clock", post("/review/clock", "date=x"));
        add("log", get("/review/log"));
    }
}

#[test]
fn whatever_people_write_stays_text() {
    for (name, response) in all() {
        let page = body(&response);
        for broken in ["<img", "onerror=alert(1)>", "</textarea></script>", "\"'&<"] {
            assert!(!page.contains(broken), "{name} holds {broken}");
        }
        let open = page.matches("<textarea").count();
        assert_eq!(page.matches("</textarea>").count(), open, "{name}");
    }
}

#[test]
fn nothing_is_fetched_from_off_the_box() {
    let mut texts = all();
    texts.push(("style".into(), STYLE.text().into()));
    texts.push(("script".into(), SCRIPT.text().into()));
    texts.push(("review style".into(), REVIEW_STYLE.text().into()));
    texts.push(("review script".into(), REVIEW_SCRIPT.text().into()));
    for (name, text) in texts {
        let text = text.replace("<!DOCTYPE html>", "");
        for outside in ["http:", "https:", "ws:", "wss:", "=\"//", "url(", "@import", "='//"] {
            assert!(!text.contains(outside), "{name} holds {outside}");
        }
        // Whatever else looks like an address without a scheme; comments of the script apart.
        for (at, _) in text.match_indices("//") {
            assert!(
                text[at..].starts_with("// "),
                "{name}: {}",
                &text[at..].lines().next().unwrap()
            );
        }
        for attribute in ["src=\"", "href=\"", "action=\"", "data-stream=\""] {
            for rest in text.split(attribute).skip(1) {
                let on_the_box = rest.starts_with('/') || rest.starts_with("tel:");
                assert!(on_the_box, "{name}: {attribute}{rest:.20}");
            }
        }
    }
}

#[test]
fn nothing_runs_or_paints_inline() {
    for (name, text) in all() {
        let page = body(&text);
        for inline in ["<style", " style=", " onclick", " onload", " onsubmit", "javascript:"] {
            assert!(!page.contains(inline), "{name} holds {inline}");
        }
        for script in page.split("<script").skip(1) {
            let ours = [" src=\"/app.js?v=", " src=\"/review.js?v="];
            assert!(ours.iter().any(|start| script.starts_with(start)), "{name}");
            assert!(script.contains("></script>"), "{name}");
        }
    }
}

#[test]
fn every_page_carries_the_headers_and_its_language() {
    for (name, response) in all() {
        let policy = header(&response, "Content-Security-Policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{name}");
        assert!(!policy.contains("unsafe"), "{name}");
        assert_eq!(header(&response, "X-Content-Type-Options"), Some("nosniff"), "{name}");
        let referrer = header(&response, "Referrer-Policy").unwrap();
        assert!(matches!(referrer, "no-referrer" | "same-origin"), "{name}");
        assert_eq!(response.matches("Referrer-Policy").count(), 1, "{name}");
        assert_eq!(header(&response, "X-Frame-Options"), Some("DENY"), "{name}");
        assert_eq!(header(&response, "Connection"), Some("close"), "{name}");
        assert_eq!(header(&response, "Server"), Some("baraza"), "{name}");
        assert!(header(&response, "Cache-Control").unwrap().starts_with("no-"), "{name}");
        assert_eq!(header(&response, "Content-Type"), Some("text/html; charset=utf-8"), "{name}");
        let page = body(&response);
        let tag = name.rsplit(' ').next().unwrap();
        assert!(page.contains(&format!("<html lang=\"{tag}\" dir=\"")), "{name}");
        assert!(page.contains("name=\"viewport\"") && page.contains("<h1"), "{name}");
        let length: usize = header(&response, "Content-Length").unwrap().parse().unwrap();
        assert_eq!(length, page.len(), "{name}");
    }
}

#[test]
fn every_element_is_closed() {
    for (name, response) in all() {
        let mut open = Vec::new();
        for piece in body(&response).split('<').skip(1) {
            let tag = piece.split('>').next().unwrap();
            let element = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap();
            if matches!(element, "!DOCTYPE" | "meta" | "link" | "input") {
                continue;
            }
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(element), "{name}");
            } else {
                open.push(element);
            }
        }
        assert!(open.is_empty(), "{name}: {open:?}");
    }
}

#[test]
fn a_first_view_is_light() {
    let files = STYLE.text().len() + SCRIPT.text().len();
    for (name, response) in all() {
        let review = if response.contains("/review.css") {
            REVIEW_STYLE.text().len() + REVIEW_SCRIPT.text().len()
        } else {
            0
        };
        let weight = response.len() + files + review;
        assert!(weight < 20 * 1024, "{name} weighs {weight} bytes with its files");
    }
}
