//! Asked before, answered at once: by the command line, beside a serving box, and after restarts.

use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use crate::baraza::{self, Served};

const QUESTION: &str = "How do I stop heavy bleeding?";

/// How often each is asked; the median time is printed, not asserted, as the machine is busy with
/// other tests.
const TRIES: usize = 5;

#[test]
fn the_second_time_it_comes_from_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let first = baraza::ask(data, QUESTION);
    assert_eq!(first["origin"], "model", "{first}");
    assert_eq!(first["sources"][0]["id"], "bleeding-heavy");
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
    for spelling in [QUESTION, "how do i stop  heavy bleeding", "HOW DO I STOP HEAVY BLEEDING?!"]
        .iter()
        .cycle()
        .take(TRIES)
    {
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
    for part in ["not checked", "Source: Heavy bleeding (IFRC, 2020)", "not reviewed", "Note:"] {
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
    // One that needs the model waits, and does not hold up the next.
    let waiting = served.post(QUESTION).expect("accepted");
    let none = baraza::ask(data, "Which team is the best?");
    assert_eq!(none["origin"], "none");
    served.stop();
    // With a model it is answered.
    let served = Served::start(data);
    let again = baraza::ask(data, QUESTION);
    assert!(matches!(again["origin"].as_str(), Some("cache" | "model")), "{again}");
    assert_ne!(again["code"], waiting.as_str());
    served.stop();
}
