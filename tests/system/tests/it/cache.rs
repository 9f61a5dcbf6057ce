//! Asked before, answered at once: by the command line, beside a serving box, and after restarts.

use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use crate::baraza::{self, Served};

const QUESTION: &str = "What is gravity?";

/// How often each is asked; the median time is printed, not asserted, as the machine is busy with
/// other tests.
const TRIES: usize = 5;

#[test]
fn the_second_time_it_comes_from_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let first = baraza::ask(data, QUESTION);
    assert_eq!(first["origin"], "model", "{first}");
    assert_eq!(first["sources"][0]["id"], "gravity-force");
    assert_eq!(first["question"], QUESTION);
    assert_eq!(first["language"], "en");
    assert_eq!(first["danger"], false);
    assert!(!first["answer"].as_str().unwrap().is_empty());
    assert!(!first["notice"].as_str().unwrap().is_empty(), "the embedded model warns of itself");

    assert_cached(data, &first, "command line");
    let served = Served::start(data);
    assert_cached(data, &first, "beside a serving box");
    let begun = Instant::now();
    served.post(QUESTION).expect("accepted");
    println!("posted and redirected: {:?}", begun.elapsed());
    served.stop();
    let served = Served::start(data);
    assert_cached(data, &first, "after a restart");
    served.kill();
    assert_cached(data, &first, "after a kill");
}

fn assert_cached(data: &Path, first: &Value, when: &str) {
    let mut times = vec![];
    for spelling in [QUESTION, "what is  gravity", "WHAT IS GRAVITY?!"].iter().cycle().take(TRIES) {
        let begun = Instant::now();
        let again = baraza::ask(data, spelling);
        println!("{when}: {} ms; whole command {:?}", again["milliseconds"], begun.elapsed());
        assert_eq!(again["origin"], "cache", "{again}");
        for same in ["answer", "sources", "notice", "model"] {
            assert_eq!(again[same], first[same], "{same}");
        }
        assert_ne!(again["code"], first["code"]);
        times.push(again["milliseconds"].as_u64().unwrap());
    }
    times.sort_unstable();
    println!("{when}: median {} ms", times[TRIES / 2]);
}

#[test]
fn a_question_without_source_is_refused_and_a_twin_is_answered_once() {
    let folder = tempfile::tempdir().unwrap();
    let none = baraza::ask(folder.path(), "Who won the football world cup?");
    assert_eq!(none["origin"], "none");
    assert_eq!(none["sources"].as_array().unwrap().len(), 0);
    assert_eq!(none["model"], Value::Null);
    assert!(none["answer"].as_str().unwrap().contains("no source"));
}

#[test]
fn the_text_names_origin_source_and_code() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let output = baraza::run(&["ask", QUESTION, "--data", data]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in
        ["not checked", "Source: Force and gravity (OpenStax, 2020)", "not reviewed", "Note:"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("Kept under "), "{text}");
}

#[test]
fn without_a_model_the_box_still_does_what_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let no_memory = |command: &mut std::process::Command| {
        command.env("BARAZA_MEMORY_BYTES", "1000");
    };
    let served = Served::start_with(data, no_memory);
    let none = baraza::ask(data, "Who won the football world cup?");
    assert_eq!(none["origin"], "none");
    // What the model would write from is quoted, word for word.
    let quoted = baraza::ask(data, QUESTION);
    assert_eq!((&quoted["origin"], &quoted["model"]), (&"cache".into(), &Value::Null), "{quoted}");
    assert_eq!(quoted["sources"][0]["id"], "gravity-force");
    served.stop();
    // With a model it is written, since a quote is not kept as an answer.
    let served = Served::start(data);
    let written = baraza::ask(data, QUESTION);
    assert_eq!(written["origin"], "model", "{written}");
    served.stop();
}

#[test]
fn in_danger_the_fixed_text_comes_first_and_nobody_waits_for_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let run = |args: &[&str]| {
        let mut args = args.to_vec();
        args.extend(["--data", data.to_str().unwrap()]);
        assert!(baraza::run(&args).status.success());
    };
    run(&["site", "--facility", "Kibera Health Centre", "--phone", "0700 000000"]);
    let answer = baraza::ask(data, "my wife is bleeding heavily after birth, it does not stop");
    assert_eq!((&answer["origin"], &answer["danger"]), (&"floor".into(), &true.into()), "{answer}");
    let text = answer["answer"].as_str().unwrap();
    let card = text.find("Kibera Health Centre, 0700 000000").expect(text);
    assert!(
        card < text.find("\n\n").unwrap_or(text.len()),
        "the card is in the fixed text: {text}"
    );
    assert_eq!(answer["model"], Value::Null);
    // A question in Swahili on an English page is a danger all the same.
    let answer = baraza::ask(data, "mtoto wangu ana degedege sasa hivi");
    assert_eq!((&answer["origin"], &answer["danger"]), (&"floor".into(), &true.into()), "{answer}");
}
