//! What an asker sees besides the answer's words: danger first, who stands behind it, where it
//! comes from, and what she can do about it.

use answer::desk::{Answer, Check, Clock, Desk, Feedback, Health, Origin, Stage};

use super::desk::{CODE, answer, checked, floor, source_page, unsourced};
use super::{Box_, body, cookie, header, status};

fn page_of(box_: &Box_, answer: Answer) -> String {
    box_.desk.put(Stage::Done(answer));
    box_.get("/a/K7M4RTW")
}

/// Where each text stands on a page; fails if one is missing.
fn places(page: &str, texts: &[&str]) -> Vec<usize> {
    texts.iter().map(|text| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"))).collect()
}

#[test]
fn advice_for_danger_stands_before_everything_at_every_stage() {
    let box_ = Box_::start();
    *box_.desk.floor.lock().unwrap() = Some(floor());
    let mut with_floor = answer(Origin::Floor);
    with_floor.floor = Some(floor());
    with_floor.danger = true;
    for stage in [
        Stage::Waiting { ahead: 3, wait_s: None },
        Stage::Writing { so_far: "Mix".into() },
        Stage::Done(with_floor),
        Stage::Done(answer(Origin::Model)),
        Stage::Failed { reason: "It stopped.".into() },
    ] {
        box_.desk.put(stage.clone());
        let page = box_.get("/a/K7M4RTW");
        let main = page.split("<main>").nth(1).unwrap();
        assert!(main.starts_with("<section class=\"danger\""), "{stage:?}");
        let block = main.split("</section>").next().unwrap();
        // Advice, its source and its warning in one block.
        places(
            block,
            &[
                "Go to the health centre now.",
                "WHO IMCI chart booklet",
                "not reviewed by a clinician",
            ],
        );
        assert_eq!(main.matches("class=\"danger\"").count(), 1, "once is enough");
        assert!(!main.contains("This can be a sign of danger"));
    }
    let mut reviewed = floor();
    reviewed.reviewed = true;
    *box_.desk.floor.lock().unwrap() = Some(reviewed);
    assert!(!box_.get("/a/K7M4RTW").contains("not reviewed by a clinician"));
}

#[test]
fn advice_alone_is_an_answer() {
    let box_ = Box_::start();
    let page = page_of(
        &box_,
        Answer { origin: Origin::Floor, danger: true, floor: Some(floor()), ..Answer::default() },
    );
    assert!(page.contains("Go to the health centre now.") && !page.contains("<article"));
    assert!(!page.contains("no source for your question") && page.contains("/feedback"));
    // An old answer that only says that there was danger.
    let old = Answer { danger: true, ..answer(Origin::Cache) };
    assert!(page_of(&box_, old).contains("This can be a sign of danger"));
}

#[test]
fn who_stands_behind_an_answer_is_said_plainly() {
    let box_ = Box_::start();
    let label = |answer: Answer| {
        let page = page_of(&box_, answer);
        let block = page.split("<article").nth(1).unwrap().split("<p class=\"text\"").next();
        block.unwrap().to_owned()
    };
    let dated = label(checked("nurse", Some("2026-03-31")));
    assert!(dated.contains("Checked by a nurse") && dated.contains("2026-03-31"), "{dated}");
    let undated = label(checked("nurse, doctor", None));
    assert!(undated.contains("a nurse, a doctor") && undated.contains("Time not set"));
    assert!(label(checked("herbalist <1>", None)).contains("<bdi>herbalist &lt;1&gt;</bdi>"));

    let model = label(answer(Origin::Model));
    assert!(model.contains("Written by the model, not checked") && !model.contains("before"));
    let cached = label(answer(Origin::Cache));
    assert!(cached.contains("Written by the model, not checked") && cached.contains("before"));
    let mut word_for_word = answer(Origin::Cache);
    (word_for_word.model, word_for_word.notice) = (None, None);
    let text = label(word_for_word.clone());
    assert!(text.contains("Word for word") && text.contains("not yet reviewed"), "{text}");
    word_for_word.sources[0].reviewed = true;
    assert!(label(word_for_word).contains("reviewed here"));

    // Behind the advice for danger, the answer keeps its own label.
    let mut under_floor = checked("nurse", None);
    (under_floor.origin, under_floor.floor) = (Origin::Floor, Some(floor()));
    assert!(label(under_floor.clone()).contains("Checked by a nurse"));
    under_floor.check = None;
    under_floor.model = Some("nano".into());
    assert!(label(under_floor).contains("Written by the model, not checked"));

    let mut loose = answer(Origin::Model);
    loose.sources.clear();
    let loose = label(loose);
    assert!(loose.contains("Written by the model") && loose.contains("no source"), "{loose}");
    let weak = label(Answer { weak: true, ..answer(Origin::Model) });
    assert!(weak.contains("Some sentences were taken out"));
    let never_dated = Check::default();
    assert!(
        label(Answer { check: Some(never_dated), ..answer(Origin::Checked) }).contains("Checked")
    );
}

#[test]
fn without_a_source_topics_are_one_tap_away() {
    let box_ = Box_::start();
    let page = page_of(&box_, unsourced(&[("Fever & chills", "What is <fever> \"high\"?")]));
    assert!(page.contains("This box has no source for your question"));
    assert!(page.contains("value=\"What is &lt;fever&gt; &quot;high&quot;?\""));
    assert!(page.contains("Fever &amp; chills</button>"));
    assert_eq!(page.matches("action=\"/ask\"").count(), 1);
}

#[test]
fn a_wait_is_said_in_words() {
    let box_ = Box_::start();
    for (stage, shown) in [
        (Stage::Waiting { ahead: 2, wait_s: Some(100) }, "It takes about 2 minutes."),
        (Stage::Waiting { ahead: 0, wait_s: Some(9) }, "It takes less than a minute."),
        (Stage::Waiting { ahead: 9, wait_s: Some(9999) }, "It takes more than an hour."),
    ] {
        box_.desk.put(stage);
        assert!(box_.get("/a/K7M4RTW").contains(shown), "{shown}");
    }
    box_.desk.put(Stage::Waiting { ahead: 2, wait_s: None });
    assert!(!box_.get("/a/K7M4RTW").contains("No language model"));
    box_.desk.health.lock().unwrap().model = None;
    assert!(box_.get("/a/K7M4RTW").contains("No language model is running on this box now."));
}

#[test]
fn a_citation_leads_to_its_place() {
    let box_ = Box_::start();
    let page = page_of(&box_, answer(Origin::Model));
    assert!(page.contains("href=\"/s/7?a=K7M4RTW\""));
    box_.desk.sources.lock().unwrap().insert(7, source_page("Salt & <sugar>"));
    let source = box_.get("/s/7?a=k7m-4rtw");
    assert_eq!(status(&source), 200);
    assert_eq!(source.matches("Salt &amp; &lt;sugar&gt;").count(), 8);
    for shown in [
        "not yet reviewed",
        "href=\"/s/6?a=K7M4RTW\"",
        "href=\"/s/8?a=K7M4RTW\"",
        "href=\"/a/K7M4RTW\"",
    ] {
        assert!(source.contains(shown), "{shown}");
    }
    let alone = box_.get("/s/7?lang=sw&a=%3Cb%3E");
    assert!(alone.contains("href=\"/s/6?lang=sw\"") && !alone.contains("/a/"));
    let gone = box_.get("/s/8");
    assert!(status(&gone) == 404 && gone.contains("not on the box any more"));

    box_.desk.sources.lock().unwrap().get_mut(&7).unwrap().check =
        Some(Check { role: "doctor".into(), on: None });
    let source = box_.get("/s/7");
    assert!(source.contains("Checked by a doctor") && !source.contains("not yet reviewed"));
}

#[test]
fn whether_it_helped_is_one_tap() {
    let box_ = Box_::start();
    let page = page_of(&box_, answer(Origin::Model));
    assert!(page.contains("action=\"/a/K7M4RTW/feedback\""));
    for (value, feedback) in [("helpful", Feedback::Helpful), ("not-helpful", Feedback::NotHelpful)]
    {
        let reply = box_.post("/a/K7M4RTW/feedback?lang=fr", format!("value={value}").as_bytes());
        assert_eq!(status(&reply), 303);
        assert_eq!(header(&reply, "Location"), Some("/a/K7M4RTW?said=1&lang=fr"));
        assert_eq!(box_.desk.said.lock().unwrap().pop(), Some(feedback));
    }
    let thanked = box_.get("/a/K7M4RTW?said=1");
    assert!(thanked.contains("Thank you.") && !thanked.contains("/feedback"));
    assert_eq!(status(&box_.post("/a/K7M4RTW/feedback", b"value=maybe")), 400);
    assert_eq!(status(&box_.post("/a/K7M4RTX/feedback", b"value=helpful")), 404);
    assert!(box_.desk.said.lock().unwrap().is_empty());
    *box_.desk.full.lock().unwrap() = true;
    assert_eq!(status(&box_.post("/a/K7M4RTW/feedback", b"value=helpful")), 503);
}

#[test]
fn whoever_has_the_code_may_delete() {
    let box_ = Box_::start();
    for stage in [Stage::Waiting { ahead: 1, wait_s: None }, Stage::Done(answer(Origin::Model))] {
        box_.desk.put(stage);
        assert!(box_.get("/a/K7M4RTW").contains("href=\"/a/K7M4RTW/delete\""));
        let asked = box_.get("/a/K7M4RTW/delete");
        assert!(asked.contains("Delete this question?") && asked.contains("How &lt;b&gt;much"));
        assert!(asked.contains("action=\"/a/K7M4RTW/delete\" method=\"post\""));
        assert_eq!(status(&box_.get("/a/K7M4RTW")), 200, "asking deletes nothing");

        *box_.desk.full.lock().unwrap() = true;
        let failed = box_.post("/a/K7M4RTW/delete", b"");
        assert!(status(&failed) == 503 && !failed.contains("disk full"));
        *box_.desk.full.lock().unwrap() = false;

        let done = box_.post("/a/K7M4RTW/delete", b"");
        assert_eq!((status(&done), header(&done, "Location")), (303, Some("/deleted")));
        assert_eq!(status(&box_.get("/a/K7M4RTW")), 404);
        assert_eq!(status(&box_.post("/a/K7M4RTW/delete", b"")), 404);
    }
    assert!(box_.get("/deleted").contains("are deleted"));
}

#[test]
fn askers_are_told_apart_by_cookie_or_address() {
    let box_ = Box_::start();
    let first = box_.get("/");
    let set = header(&first, "Set-Cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(set.contains(part) && !set.contains("Max-Age"), "{set}");
    }
    let token = cookie(&first, "asker").unwrap().to_owned();
    assert_ne!(Some(&*token), cookie(&box_.get("/"), "asker"));
    let with = format!("Cookie: theme=dark; asker={token}\r\n");
    assert_eq!(header(&box_.send("GET", "/", &with, ""), "Set-Cookie"), None);
    let asked = box_.send("POST", "/ask", &with, "question=one");
    assert_eq!((status(&asked), header(&asked, "Set-Cookie")), (303, None));
    let asked = box_.send("POST", "/ask", "", "question=two");
    assert!(cookie(&asked, "asker").is_some());
    // Neither a broken cookie nor a header that only the gate may write counts.
    let forged = "Cookie: asker=me\r\nBaraza-Peer: 1.2.3.4\r\n";
    box_.send("POST", "/ask", forged, "question=three");
    let askers: Vec<_> =
        box_.desk.asked.lock().unwrap().iter().map(|q| q.asker.clone().unwrap()).collect();
    assert_eq!(askers, [&*token, "127.0.0.1", "127.0.0.1"]);
    assert!(box_.desk.tickets.lock().unwrap().contains_key(CODE));
}

#[test]
fn the_state_of_the_box_is_said_in_words() {
    let box_ = Box_::start();
    let well = box_.get("/status");
    assert_eq!(header(&well, "X-Robots-Tag"), Some("none"));
    for shown in ["The box works.", "nano (scalar)", "105", "Time not set", "searches by words"] {
        assert!(well.contains(shown), "{shown}");
    }
    *box_.desk.health.lock().unwrap() = Health {
        journal_ok: false,
        model: None,
        passages: 0,
        indexing: Some(("malaria <1>".into(), 40)),
        clock: Clock::Set(1_774_967_400),
        encoder: true,
        ..box_.desk.health()
    };
    let ill = box_.get("/status");
    assert!(!ill.contains("The box works."));
    for shown in [
        "cannot keep questions",
        "No language model is running",
        "has no library",
        "malaria &lt;1&gt;",
        "40 %",
        "2026-03-31 14:30 UTC",
    ] {
        assert!(ill.contains(shown), "{shown}");
    }
    assert!(body(&ill).ends_with("</html>"));
}
