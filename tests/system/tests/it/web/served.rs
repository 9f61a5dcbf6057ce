//! The real server with the embedded model: each kind of browser gets an answer with its source.

use std::process::Command;

use crate::baraza::Served;
use crate::support::browser::{Browser, Setup};
use crate::support::{is_here, wait_for};

const QUESTION: &str = "How do I make oral rehydration solution at home?";

fn ask_in_chromium(setup: Setup) {
    let data = tempfile::tempdir().unwrap();
    let served = Served::start(data.path());
    let url = |path: &str| format!("http://{}{path}", served.address);
    let Some(browser) = Browser::start(setup) else { return };
    browser.go(&url("/"));
    browser.type_into("#question", QUESTION);
    browser.press("#ask button");
    wait_for("the answer's own address", || browser.url().contains("/a/").then_some(()));
    let answer = wait_for("an answer", || browser.text("article"));
    assert!(answer.contains("not checked"), "{answer}");
    let text = browser.text("article .text").unwrap();
    assert!(text.split_whitespace().count() >= 3, "{answer}");
    let source = browser.text("details summary").expect("the answer names its source");
    assert!(source.contains("not yet reviewed"), "{source}");
}

#[test]
fn chromium_gets_an_answer() {
    ask_in_chromium(Setup::PHONE);
}

#[test]
fn chromium_without_javascript_gets_an_answer() {
    ask_in_chromium(Setup::PHONE.without_javascript());
}

#[test]
fn w3m_gets_an_answer() {
    if !is_here("w3m", "install the package w3m") {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let served = Served::start(data.path());
    let url = |path: &str| format!("http://{}{path}", served.address);
    let home = tempfile::tempdir().unwrap();
    let w3m = |arguments: &[&str]| {
        let output = Command::new("w3m")
            .env("HOME", home.path())
            .args(["-dump", "-cols", "80", "-I", "UTF-8", "-O", "UTF-8"])
            .args(arguments)
            .output()
            .unwrap_or_else(|error| panic!("could not start w3m ({error}): install w3m"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let first = w3m(&[&url("/")]);
    assert!(first.contains("What do you want to know?"), "{first}");

    let form = home.path().join("form");
    std::fs::write(&form, format!("question={}", QUESTION.replace(' ', "+"))).unwrap();
    let reply = w3m(&["-post", form.to_str().unwrap(), &url("/ask")]);
    let code = code(&reply).unwrap_or_else(|| panic!("no code in:\n{reply}"));

    let address = url(&format!("/a/{code}"));
    let page = wait_for("an answer", || {
        Some(w3m(&[&address])).filter(|page| page.contains("Where this comes from"))
    });
    assert!(page.contains("not checked"), "{page}");
}

/// The seven symbols behind "Your answer code", on the same line or the next.
fn code(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("Your answer code")?;
    let word = rest.split_whitespace().find(|word| *word != ":")?;
    (word.len() == 7).then_some(word)
}
