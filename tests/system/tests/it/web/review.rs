//! The review desk in a real browser, with the made-up reviews of the web crate's tour: it works
//! without JavaScript, and every page fits a telephone.

#[path = "../../../../../app/web/examples/tour/reviewing.rs"]
mod reviewing;

use std::sync::Arc;

use reviewing::TourReview;

use super::screens::{FAINT, FAULTS};
use crate::support::browser::{Browser, Setup};
use crate::support::desk::Staged;
use crate::support::wait_for;

fn start() -> Staged {
    Staged::start_with(web::Options::default(), Some(Arc::new(TourReview::default())))
}

fn log_in(browser: &Browser, box_: &Staged) {
    browser.go(&box_.url("/review"));
    browser.type_into("#pin", "482913");
    browser.press("main form button");
    wait_for_text(browser, "h1", "To check");
}

fn wait_for_text(browser: &Browser, css: &str, part: &str) {
    wait_for(part, || browser.text(css).filter(|text| text.contains(part)));
}

#[test]
fn without_javascript_a_nurse_decides() {
    let box_ = start();
    let Some(browser) = Browser::start(Setup::PHONE.without_javascript()) else { return };
    log_in(&browser, &box_);
    browser.press("article form button");
    wait_for_text(&browser, ".mark.checked", "People get this answer from now on");
    browser.press("article .pair a");
    browser.type_into("#text", " Keep the child warm.");
    browser.press("button[value=edit]");
    wait_for_text(&browser, ".mark.checked", "People get this answer from now on");
    browser.press("article .pair a + a");
    browser.type_into("#reason", "It leaves out the danger signs.");
    browser.press("button[value=withdraw]");
    wait_for_text(&browser, ".mark.checked", "Nobody gets this answer any more");
    browser.press(".menu summary");
    browser.press(".menu form button");
    wait_for_text(&browser, "main", "Your PIN");
}

#[test]
fn every_page_of_it_fits_a_telephone() {
    let box_ = start();
    let Some(browser) = Browser::start(Setup::PHONE) else { return };
    log_in(&browser, &box_);
    for page in [
        "",
        "/list/second",
        "/list/unanswered",
        "/list/entries",
        "/list/decided",
        "/item/q15",
        "/packs",
        "/site",
        "/clock",
        "/log",
    ] {
        for language in ["en", "fr", "sw", "ar"] {
            browser.go(&box_.url(&format!("/review{page}?lang={language}")));
            assert_eq!(browser.script(FAULTS), "", "{page} {language}");
            assert_eq!(browser.script(FAINT), "", "{page} {language}");
        }
    }
    browser.go(&box_.url("/review/clock?lang=en"));
    browser.press("#phone button");
    wait_for_text(&browser, ".mark.checked", "The box has the time now");
}
