//! What holds for every page, style sheet and script.

use answer::desk::{AskError, Origin, Stage};

use super::desk::answer;
use super::{Box_, body, header};
use crate::assets::{SCRIPT, STYLE};
use crate::words::Language;

/// Every page in every language, with the name of the case.
fn all() -> Vec<(String, String)> {
    let box_ = Box_::start();
    let mut pages = Vec::new();
    let mut add = |name: &str, language: Language, response: String| {
        pages.push((format!("{name} in {}", language.tag()), response));
    };
    for language in Language::ALL {
        let ask = format!("/ask?lang={}", language.tag());
        let place = format!("/a/K7M4RTW?lang={}", language.tag());
        add("home", language, box_.get(&format!("/?lang={}", language.tag())));
        add("accepted", language, box_.post(&ask, b"question=why"));
        add("waiting", language, box_.get(&place));
        box_.desk.put(Stage::Writing { so_far: "So far".into() });
        add("writing", language, box_.get(&place));
        for origin in [Origin::Checked, Origin::Cache, Origin::Model, Origin::Floor, Origin::None] {
            let mut answer = answer(origin);
            answer.danger = origin == Origin::Floor;
            box_.desk.put(Stage::Done(answer));
            add("answer", language, box_.get(&place));
        }
        box_.desk.put(Stage::Failed { reason: "No <b>".into() });
        add("failed", language, box_.get(&place));
        add("empty", language, box_.post(&ask, b"question="));
        add("broken", language, box_.post(&ask, b"question=%F"));
        add("panic", language, box_.post(&ask, b"question=panic"));
        for refusal in [AskError::TooLong { length: 9, limit: 5 }, AskError::Busy { waiting: 3 }] {
            *box_.desk.refusal.lock().unwrap() = Some(refusal);
            add("refused", language, box_.post(&ask, b"question=why"));
        }
        *box_.desk.refusal.lock().unwrap() = None;
        add("no code", language, box_.get(&format!("/a/X?lang={}", language.tag())));
        add("no page", language, box_.get(&format!("/x?lang={}", language.tag())));
        add("method", language, box_.get(&ask));
        add("too long", language, box_.post(&ask, &[b'a'; 20_000]));
    }
    pages
}

#[test]
fn nothing_is_fetched_from_off_the_box() {
    let mut texts = all();
    texts.push(("style".into(), STYLE.text().into()));
    texts.push(("script".into(), SCRIPT.text().into()));
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
                assert!(rest.starts_with('/'), "{name}: {attribute}{rest:.20}");
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
            assert!(script.starts_with(" src=\"/app.js?v=") && script.contains("></script>"));
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
        assert_eq!(header(&response, "Referrer-Policy"), Some("no-referrer"), "{name}");
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
        let weight = response.len() + files;
        assert!(weight < 20 * 1024, "{name} weighs {weight} bytes with its files");
    }
}
