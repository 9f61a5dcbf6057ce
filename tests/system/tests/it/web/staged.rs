//! What browsers do with our pages at each stage of a question. The desk is a staged one, so that
//! every moment can be looked at.

use answer::desk::{Feedback, Progress, Stage};

use crate::support::browser::{Browser, Setup};
use crate::support::desk::{CODE, Staged, answer, floor};
use crate::support::wait_for;

const QUESTION: &str = "How do I mix sugar and salt water?";

fn finished() -> answer::desk::Answer {
    answer(
        "Six level teaspoons of sugar and half a teaspoon of salt in one litre of safe water.",
        "Oral rehydration at home",
        "Mix six level teaspoons of sugar and half a level teaspoon of salt in one litre of water.",
    )
}

/// Opens the first page, types the question and sends it.
fn ask(browser: &Browser, box_: &Staged) {
    browser.go(&box_.url("/"));
    browser.type_into("#question", QUESTION);
    browser.press("#ask button");
    wait_for("the answer's own address", || browser.url().ends_with(CODE).then_some(()));
}

fn wait_for_text(browser: &Browser, css: &str, part: &str) {
    wait_for(part, || browser.text(css).filter(|text| text.contains(part)));
}

#[test]
fn with_javascript_words_arrive_one_by_one_and_the_page_never_reloads() {
    let box_ = Staged::start(web::Options::default());
    let Some(browser) = Browser::start(Setup::PHONE) else { return };
    ask(&browser, &box_);
    browser.script("window.stayed = true; return 0");
    wait_for_text(&browser, "#state", "1 question is before yours");
    wait_for_text(&browser, "#wait", "about 2 minutes");
    assert_eq!(browser.text("#notice").as_deref(), Some(""), "nothing to warn about yet");

    wait_for("a follower", || (box_.desk.tell(&Progress::Ahead(0)) > 0).then_some(()));
    wait_for_text(&browser, "#state", "Your question is next");
    box_.desk.tell(&Progress::Text("Six level teaspoons".into()));
    wait_for_text(&browser, "#text", "Six level teaspoons");
    wait_for_text(&browser, "#state", "is being written");
    wait_for_text(&browser, "#notice", "not checked");
    box_.desk.tell(&Progress::Text(" of sugar <b>and".into()));
    wait_for_text(&browser, "#text", "Six level teaspoons of sugar <b>and");

    box_.desk.stage(Stage::Done(finished()));
    box_.desk.tell(&Progress::Done(finished()));
    wait_for_text(&browser, "article", "half a teaspoon of salt");
    wait_for_text(&browser, "article", "Demonstration model");
    assert_eq!(browser.script("return window.stayed === true"), true);
    assert_eq!(browser.script("return document.querySelectorAll('main').length"), 1);
    // Open already: the answer is a demonstration's.
    wait_for_text(&browser, ".passage", "in one litre of water");
}

#[test]
fn a_stream_that_breaks_is_taken_up_again() {
    let box_ = Staged::start(web::Options::default());
    let Some(browser) = Browser::start(Setup::PHONE) else { return };
    ask(&browser, &box_);
    box_.desk.stage(Stage::Writing { so_far: "Six level".into() });
    let text = Progress::Text("Six level".into());
    wait_for("a follower", || (box_.desk.tell(&text) > 0).then_some(()));
    wait_for_text(&browser, "#text", "Six level");

    box_.desk.stage(Stage::Writing { so_far: "Six level teaspoons".into() });
    box_.desk.hang_up();
    // The new stream starts with all there is, which must not be added to what stood there.
    wait_for("the text, once", || {
        browser.text("#text").filter(|text| text == "Six level teaspoons")
    });
}

#[test]
fn where_streams_are_refused_the_page_looks_again() {
    let mut options = web::Options::default();
    options.streams_max = 0;
    let box_ = Staged::start(options);
    let Some(browser) = Browser::start(Setup::PHONE) else { return };
    ask(&browser, &box_);
    box_.desk.stage(Stage::Done(finished()));
    wait_for_text(&browser, "article", "half a teaspoon of salt");
}

#[test]
fn without_javascript_the_page_looks_again_until_the_answer_is_there() {
    let box_ = Staged::start(web::Options::default());
    let Some(browser) = Browser::start(Setup::PHONE.without_javascript()) else { return };
    ask(&browser, &box_);
    wait_for_text(&browser, "main", "1 question is before yours");
    wait_for_text(&browser, "main", "looks again by itself");
    wait_for_text(&browser, ".code", CODE);
    box_.desk.stage(Stage::Writing { so_far: "Six level teaspoons".into() });
    wait_for_text(&browser, "#text", "Six level teaspoons");
    wait_for_text(&browser, "#notice", "not checked");
    box_.desk.stage(Stage::Done(finished()));
    wait_for_text(&browser, "article", "half a teaspoon of salt");
}

#[test]
fn a_code_typed_on_another_phone_shows_the_answer() {
    let box_ = Staged::start(web::Options::default());
    box_.desk.put(QUESTION, "en", Stage::Done(finished()));
    let Some(browser) = Browser::start(Setup::PHONE.without_javascript()) else { return };
    browser.go(&box_.url("/?lang=ar"));
    browser.press("summary");
    browser.type_into("#code", "k7m-4rtw");
    browser.press("details button");
    wait_for_text(&browser, "article", "half a teaspoon of salt");
    assert!(browser.url().ends_with("/a/K7M4RTW?lang=ar"));
}

#[test]
fn advice_for_danger_is_there_before_the_answer_and_stays() {
    let box_ = Staged::start(web::Options::default());
    box_.desk.warn(Some(floor("Go to the health centre now: 0722 345 678.", "en")));
    let Some(browser) = Browser::start(Setup::PHONE) else { return };
    ask(&browser, &box_);
    wait_for_text(&browser, ".danger", "Go to the health centre now");
    wait_for_text(&browser, ".danger", "not reviewed by a clinician");
    let first = "return document.querySelector('main').firstElementChild.id";
    assert_eq!(browser.script(first), "floor");
    wait_for("a follower", || (box_.desk.tell(&Progress::Ahead(0)) > 0).then_some(()));
    box_.desk.stage(Stage::Done(finished()));
    box_.desk.tell(&Progress::Done(finished()));
    wait_for_text(&browser, "article", "half a teaspoon of salt");
    assert_eq!(browser.script(first), "floor");
}

#[test]
fn without_javascript_sources_open_feedback_arrives_and_questions_are_deleted() {
    let box_ = Staged::start(web::Options::default());
    box_.desk.put(QUESTION, "en", Stage::Done(finished()));
    let Some(browser) = Browser::start(Setup::PHONE.without_javascript()) else { return };
    browser.go(&box_.url(&format!("/a/{CODE}")));
    browser.press("details a");
    wait_for_text(&browser, ".cited", "Mix six level teaspoons");
    wait_for_text(&browser, "main", "Wash your hands.");
    browser.press("main > a.button");
    wait_for_text(&browser, "article", "half a teaspoon of salt");
    browser.press("form.pair button");
    wait_for_text(&browser, "main", "Thank you.");
    assert_eq!(box_.desk.said(), [Feedback::Helpful]);
    browser.press("main > a.way");
    wait_for_text(&browser, "h1", "Delete this question?");
    browser.press("form button");
    wait_for_text(&browser, "main", "are deleted");
    browser.go(&box_.url(&format!("/a/{CODE}")));
    wait_for_text(&browser, "main", "no answer under this code");
}
