//! Knowledge that people bring: each kind of file is read in by the command, answered from, and its
//! citation opens the passage that says so.

use std::path::Path;

use crate::baraza::{self, Served};

/// A file of `tests/fixtures/documents`, a question that it answers, and words of that passage.
const FILES: [(&str, &str, &str, &str); 6] = [
    (
        "village.zim",
        "What do I need for building a sand filter: drum, sand, gravel?",
        "en",
        "washed sand",
    ),
    ("old.zim", "How long does fresh goat cheese keep in the shade?", "en", "three days"),
    ("goats.epub", "How many days does a doe carry her kids?", "en", "150 days"),
    (
        "soil.pdf",
        "How many worms in a spade of earth make good soil?",
        "en",
        "Worms make soil loose",
    ),
    ("comma.csv", "How do I clean a water filter?", "en", "Scrape off the top of the sand"),
    ("markdown", "What do I line the shaft of a dug well with?", "en", "bricks"),
];

#[test]
fn files_of_every_kind_are_read_in_answered_from_and_cited() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let served = Served::start(data);
    for (file, question, language, words) in FILES {
        let path = baraza::root().join("tests/fixtures/documents").join(file);
        let output = import(data, &path);
        println!("{file}: {}", String::from_utf8_lossy(&output.stdout).trim());
        let answer = baraza::ask(data, question);
        assert_ne!(answer["origin"], "none", "{file}: {question}: {answer}");
        assert_eq!(answer["language"], language);
        let code = answer["code"].as_str().unwrap();
        let page = served.get(&format!("/a/{code}"));
        let place = page.split("href=\"/s/").nth(1).expect("a citation").split(['"', '?']).next();
        let source = served.get(&format!("/s/{}", place.unwrap()));
        assert!(source.contains(words), "{file}: {words}: {source}");
    }
    served.stop();
}

fn import(data: &Path, file: &Path) -> std::process::Output {
    let args = ["knowledge", "import", file.to_str().unwrap(), "--data", data.to_str().unwrap()];
    let output = baraza::run(&args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn what_cannot_be_read_in_is_told_and_nothing_is_visible() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let fixtures = baraza::root().join("tests/fixtures/documents");
    for (file, said) in [("locked.pdf", "password"), ("picture.pdf", "no text layer")] {
        let path = fixtures.join(file);
        let args =
            ["knowledge", "import", path.to_str().unwrap(), "--data", data.to_str().unwrap()];
        let output = baraza::run(&args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        println!("{file}: {}", error.trim());
        assert_eq!(output.status.code(), Some(1));
        assert!(error.contains(said) && error.contains(file), "{error}");
    }
    let output = baraza::run(&["knowledge", "list", "--data", data.to_str().unwrap()]);
    let list = String::from_utf8(output.stdout).unwrap();
    assert_eq!(list.lines().count(), 5, "only the packs that every box has: {list}");
    let check = baraza::run(&["knowledge", "check", "--data", data.to_str().unwrap()]);
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}
