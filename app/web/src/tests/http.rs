//! Pages and programs: what each route answers.

use std::time::Instant;

use answer::desk::{Answer, AskError, Clock, Desk, Health, Origin, Stage};

use super::desk::{CODE, answer, floor};
use super::{Box_, body, header, status};
use crate::limits::WRONG_CODE_PAUSE;

#[test]
fn a_question_becomes_a_code_and_an_address() {
    let box_ = Box_::start();
    let first = box_.get("/");
    assert_eq!(status(&first), 200);
    assert!(first.contains("<form") && first.contains("<label for=\"question\">"));

    let reply = box_.post("/ask", b"question=how+much+salt%3F&language=EN-gb");
    assert_eq!(status(&reply), 303);
    assert_eq!(header(&reply, "Location"), Some("/a/K7M4RTW"));
    assert!(body(&reply).contains(CODE), "the code is in the reply for those who do not follow");
    let asked = box_.desk.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 1);
    assert_eq!((&*asked[0].text, asked[0].language.as_deref()), ("how much salt?", Some("en")));

    let waiting = box_.get("/a/K7M4RTW");
    assert_eq!(status(&waiting), 200);
    assert!(waiting.contains(CODE) && waiting.contains("2 questions are before yours"));
    assert!(waiting.contains("<noscript><meta http-equiv=\"refresh\""));
    assert!(waiting.contains("data-stream=\"/a/K7M4RTW/stream\""));
}

#[test]
fn a_language_that_is_none_is_left_to_the_box() {
    let box_ = Box_::start();
    for language in ["", "english", "e", "%3Cb%3E", "1a"] {
        box_.post("/ask", format!("question=x&language={language}").as_bytes());
    }
    assert!(box_.desk.asked.lock().unwrap().iter().all(|asked| asked.language.is_none()));
}

#[test]
fn a_finished_answer_stays_as_it_is() {
    let box_ = Box_::start();
    box_.desk.put(Stage::Done(answer(Origin::Model)));
    let page = box_.get("/a/k7m-4rtw");
    assert_eq!(status(&page), 200);
    assert_eq!(header(&page, "Cache-Control"), Some("no-store"));
    assert!(!page.contains("http-equiv=\"refresh\"") && !page.contains("data-stream"));
    for shown in [
        "Half a teaspoon.",
        "Written by the model, not checked",
        "A demonstration model: &lt;not&gt; advice.",
        "Salt &amp; sugar &quot;water&quot; &lt;i&gt;",
        "&lt;half&gt; of salt",
        "From the box's library, not yet reviewed",
        "How &lt;b&gt;much&lt;/b&gt; salt &amp; sugar?",
        "nano &lt;1&gt;",
    ] {
        assert!(body(&page).contains(shown), "{shown}");
    }
    assert!(!page.contains("<script>"));
}

#[test]
fn the_warning_stands_in_the_block_of_the_answer() {
    let box_ = Box_::start();
    box_.desk.put(Stage::Done(answer(Origin::Model)));
    let page = box_.get("/a/K7M4RTW");
    let block = page.split("<article").nth(1).unwrap().split("</article>").next().unwrap();
    assert!(block.contains("A demonstration model") && block.contains("Half a teaspoon"));
    assert!(block.find("not checked") < block.find("Half a teaspoon"));
}

#[test]
fn every_origin_is_told_apart() {
    let box_ = Box_::start();
    let mut seen = Vec::new();
    for origin in [Origin::Checked, Origin::Cache, Origin::Model, Origin::Floor, Origin::None] {
        let floor = (origin == Origin::Floor).then(floor);
        box_.desk.put(Stage::Done(Answer { floor, ..answer(origin) }));
        let page = box_.get("/a/K7M4RTW");
        let mark = page.split("<main>").nth(1).unwrap().split("Half").next().unwrap().to_owned();
        assert!(!seen.contains(&mark), "{origin:?}");
        seen.push(mark);
    }
    let mut unsourced = answer(Origin::Cache);
    unsourced.sources.clear();
    unsourced.model = None;
    box_.desk.put(Stage::Done(unsourced));
    assert!(box_.get("/a/K7M4RTW").contains("no source for your question"));
}

#[test]
fn giving_up_is_said() {
    let box_ = Box_::start();
    box_.desk.put(Stage::Failed { reason: "The model stopped: <ask> again.".into() });
    let page = box_.get("/a/K7M4RTW");
    assert_eq!(status(&page), 200);
    assert!(page.contains("The model stopped: &lt;ask&gt; again.") && !page.contains("refresh"));
}

#[test]
fn refusals_keep_what_was_typed() {
    let box_ = Box_::start();
    let empty = box_.post("/ask", b"question=++");
    assert_eq!(status(&empty), 400);
    assert!(empty.contains("<textarea") && empty.contains("You wrote nothing"));
    assert_eq!(status(&box_.post("/ask", b"")), 400);

    for (refusal, code, sentence) in [
        (AskError::TooLong { length: 900, limit: 500 }, 413, "900 characters and at most 500"),
        (AskError::Busy { waiting: 200 }, 503, "200 questions are waiting already"),
        (AskError::TooManyOfYours { waiting: 5 }, 429, "5 of your questions are waiting already"),
        (AskError::NotKept("disk full".into()), 503, "could not keep your question"),
    ] {
        *box_.desk.refusal.lock().unwrap() = Some(refusal);
        let reply = box_.post("/ask", b"question=why+%3Cb%3E");
        assert_eq!(status(&reply), code);
        assert!(reply.contains(sentence) && reply.contains("why &lt;b&gt;</textarea>"), "{reply}");
        assert!(!reply.contains("disk full"));
    }
}

#[test]
fn a_code_typed_by_hand_finds_its_answer() {
    let box_ = Box_::start();
    let reply = box_.get("/a?code=k7m+4rt+w&lang=sw");
    assert_eq!((status(&reply), header(&reply, "Location")), (303, Some("/a/K7M4RTW?lang=sw")));
    for wrong in ["/a", "/a?code=", "/a?code=111", "/a/K7M4RTX", "/a/nonsense", "/a/%3Cb%3E"] {
        let reply = box_.get(wrong);
        assert_eq!(status(&reply), 404, "{wrong}");
        assert!(reply.contains("no answer under this code"), "{wrong}");
    }
    assert_eq!(status(&box_.get("/a/K7M4RTX/stream")), 404);
}

#[test]
fn pages_speak_the_language_of_the_browser_or_the_one_chosen() {
    let box_ = Box_::start();
    let arabic = box_.raw(b"GET / HTTP/1.1\r\nAccept-Language: ar-SD,en;q=0.8\r\n\r\n");
    assert!(arabic.contains("<html lang=\"ar\" dir=\"rtl\">"));
    assert!(arabic.contains("action=\"/ask\""), "not chosen by hand, so not in links");
    let swahili = box_.raw(b"GET /?lang=sw HTTP/1.1\r\nAccept-Language: ar\r\n\r\n");
    assert!(swahili.contains("<html lang=\"sw\"") && swahili.contains("action=\"/ask?lang=sw\""));
    let reply = box_.post("/ask?lang=ar", b"question=x");
    assert_eq!(header(&reply, "Location"), Some("/a/K7M4RTW?lang=ar"));
    assert!(box_.get("/a/K7M4RTW?lang=ar").contains("قبلك سؤالان"));
    assert!(box_.get("/nowhere?lang=ar").contains("dir=\"rtl\""));
    assert!(box_.get("/?lang=tlh").contains("<html lang=\"en\""));
}

#[test]
fn programs_see_the_state_of_the_box() {
    let box_ = Box_::start();
    let reply = box_.get("/healthz");
    assert_eq!((status(&reply), header(&reply, "Content-Type")), (200, Some("application/json")));
    let health: serde_json::Value = serde_json::from_str(body(&reply)).unwrap();
    assert_eq!(health["status"], "ok");
    assert_eq!((&health["model"], &health["queued"]), (&"nano".into(), &3.into()));
    assert_eq!((&health["indexing"], &health["clock"]), (&().into(), &().into()));
    assert_eq!(health["encoder"], false);
    *box_.desk.health.lock().unwrap() = Health {
        indexing: Some(("malaria".into(), 40)),
        clock: Clock::Set(1_774_967_400),
        encoder: true,
        ..box_.desk.health()
    };
    let reply = box_.get("/healthz");
    let health: serde_json::Value = serde_json::from_str(body(&reply)).unwrap();
    assert_eq!((&health["clock"], &health["encoder"]), (&1_774_967_400.into(), &true.into()));
    assert_eq!(health["indexing"], serde_json::json!({"name": "malaria", "percent": 40}));

    box_.desk.health.lock().unwrap().model = None;
    let reply = box_.get("/healthz");
    assert!(status(&reply) == 200 && reply.contains("\"degraded\""));
    box_.desk.health.lock().unwrap().journal_ok = false;
    assert_eq!(status(&box_.get("/healthz")), 503);
}

#[test]
fn files_are_kept_by_the_browser() {
    let box_ = Box_::start();
    let page = box_.get("/");
    for path in ["/app.css?v=", "/app.js?v="] {
        let at = page.find(path).unwrap();
        let link = page[at..].split('"').next().unwrap();
        let file = box_.get(link);
        assert_eq!(status(&file), 200);
        assert!(header(&file, "Cache-Control").unwrap().contains("immutable"));
        let tag = header(&file, "ETag").unwrap();
        let again =
            box_.raw(format!("GET {link} HTTP/1.1\r\nIf-None-Match: {tag}\r\n\r\n").as_bytes());
        assert_eq!((status(&again), body(&again)), (304, ""));
    }
}

#[test]
fn head_is_get_without_the_body() {
    let box_ = Box_::start();
    box_.desk.put(Stage::Done(answer(Origin::Model)));
    for target in [
        "/",
        "/a/K7M4RTW",
        "/a/K7M4RTW/stream",
        "/a/K7M4RTW/delete",
        "/deleted",
        "/status",
        "/healthz",
        "/review",
        "/app.css",
        "/review.js",
    ] {
        let reply = box_.raw(format!("HEAD {target} HTTP/1.1\r\n\r\n").as_bytes());
        assert_eq!((status(&reply), body(&reply)), (200, ""), "{target}");
    }
    let reply = box_.raw(b"HEAD /nowhere HTTP/1.1\r\n\r\n");
    assert_eq!((status(&reply), body(&reply)), (404, ""));
}

#[test]
fn wrong_methods_and_pages_are_told() {
    let box_ = Box_::start();
    let reply = box_.get("/ask");
    assert_eq!((status(&reply), header(&reply, "Allow")), (405, Some("POST")));
    for request in [
        "POST / HTTP/1.1",
        "DELETE /a/K7M4RTW HTTP/1.1",
        "BREW / HTTP/1.1",
        "OPTIONS /status HTTP/1.1",
        "POST /s/7 HTTP/1.1",
        "POST /review HTTP/1.1",
        "POST /review/export HTTP/1.1",
    ] {
        let reply = box_.raw(format!("{request}\r\n\r\n").as_bytes());
        assert_eq!((status(&reply), header(&reply, "Allow")), (405, Some("GET, HEAD")));
    }
    for target in ["/a/K7M4RTW/feedback", "/review/login", "/review/logout", "/review/import"] {
        let reply = box_.get(target);
        assert_eq!((status(&reply), header(&reply, "Allow")), (405, Some("POST")), "{target}");
    }
    for target in ["/a/K7M4RTW/delete", "/review/site", "/review/clock", "/review/item/q1"] {
        let reply = box_.send("PUT", target, "", "");
        assert_eq!(header(&reply, "Allow"), Some("GET, HEAD, POST"), "{target}");
    }
    for unknown in ["/nowhere", "/generate_204", "///", "/a/b/c/d", "*", "/%00", "/..%2f"] {
        let reply = box_.get(unknown);
        assert!(status(&reply) == 404 && reply.contains("no such page"), "{unknown}");
    }
}

#[test]
fn stopping_ends_run_soon_and_frees_the_port() {
    let mut box_ = Box_::start();
    assert_eq!(status(&box_.get("/")), 200);
    let started = std::time::Instant::now();
    box_.stop();
    assert!(started.elapsed().as_secs() < 3);
    assert!(std::net::TcpListener::bind(box_.address).is_ok());
}

#[test]
fn a_taken_port_is_told_with_a_way_out() {
    let box_ = Box_::start();
    let options = crate::Options::default();
    let second = crate::Server::bind(box_.address, box_.desk.clone(), None, options.clone());
    let message = second.err().unwrap().to_string();
    assert!(message.contains(&box_.address.to_string()), "{message}");
    assert!(message.contains("in use") && message.contains("--listen"), "{message}");

    let nowhere = ([192, 0, 2, 1], 8080).into();
    let message = crate::Server::bind(nowhere, box_.desk.clone(), None, options);
    assert!(message.err().unwrap().to_string().contains("0.0.0.0:8080"));
}

#[test]
fn guessing_codes_is_slow() {
    let box_ = Box_::start();
    box_.desk.put(Stage::Done(answer(Origin::Model)));
    for wrong in ["/a/K7M4RTX", "/a/K7M4RTX/stream", "/a?code=x"] {
        let started = Instant::now();
        assert_eq!(status(&box_.get(wrong)), 404);
        assert!(started.elapsed() >= WRONG_CODE_PAUSE, "{wrong}");
    }
    let started = Instant::now();
    let others = (0..3).filter(|_| status(&box_.get("/generate_204")) == 404).count();
    let known = (0..3).filter(|_| status(&box_.get("/a/K7M4RTW")) == 200).count();
    assert_eq!((others, known), (3, 3));
    assert!(started.elapsed() < 6 * WRONG_CODE_PAUSE, "only wrong codes wait");
}
