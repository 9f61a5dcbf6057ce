//! What a person sees when something is wrong: one sentence that names it and says what to do, and
//! the right exit code. Never a panic.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::baraza::{self, Served};

/// What is done to a file's content.
type Change = fn(&mut Vec<u8>);

/// A folder with everything that the cases need.
struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let stage = Self { folder: tempfile::tempdir().unwrap() };
        let fixture = baraza::root().join("tests/fixtures/onnx/llama/model");
        let output = baraza::run(&["model", "import", text(&fixture), &stage.path("pack")]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let changes: [(&str, Change); 2] = [
            ("altered", |bytes| alter(bytes)),
            ("truncated", |bytes| bytes.truncate(bytes.len() / 2)),
        ];
        for (copy, change) in changes {
            copy_folder(Path::new(&stage.path("pack")), Path::new(&stage.path(copy)));
            let weights = stage.path(&format!("{copy}/weights.bin"));
            let mut bytes = fs::read(&weights).unwrap();
            change(&mut bytes);
            fs::write(&weights, bytes).unwrap();
        }
        copy_folder(&fixture, Path::new(&stage.path("no-tokenizer")));
        fs::remove_file(stage.path("no-tokenizer/tokenizer.json")).unwrap();
        fs::create_dir(stage.path("empty")).unwrap();
        fs::create_dir(stage.path("letter")).unwrap();
        fs::write(stage.path("letter/baraza.db"), "not a database ".repeat(1000)).unwrap();
        fs::write(stage.path("file"), "").unwrap();
        fs::create_dir(stage.path("newer")).unwrap();
        drop(baraza::ask(Path::new(&stage.path("newer")), "Who won?"));
        let db = rusqlite::Connection::open(stage.path("newer/baraza.db")).unwrap();
        db.pragma_update(None, "user_version", 99).unwrap();
        stage
    }

    fn path(&self, name: &str) -> String {
        text(&self.folder.path().join(name)).to_owned()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Flips one bit in the middle.
fn alter(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// The sentence of a failed command: the last line on stderr.
fn sentence(what: &str, output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("panicked") && !stderr.contains("fault at"), "{what}: {stderr}");
    assert!(output.stdout.is_empty(), "{what}: data on stdout");
    stderr.trim_end().lines().last().unwrap_or_default().to_owned()
}

/// Asserts that a command fails with exit code 1 and a sentence that has all of `parts`; prints the
/// row of the table.
fn fails(what: &str, mut command: Command, parts: &[&str]) {
    let output = command.output().unwrap();
    let sentence = sentence(what, &output);
    println!("| {what} | {sentence} |");
    assert_eq!(output.status.code(), Some(1), "{what}: {sentence}");
    assert!(sentence.starts_with("baraza: "), "{what}: {sentence}");
    for part in parts {
        assert!(sentence.contains(part), "{what}: no \"{part}\" in: {sentence}");
    }
}

#[test]
fn models_that_cannot_be_used() {
    let stage = Stage::new();
    let data = stage.path("data");
    let ask = |model: &str| {
        baraza::command(&["ask", "What is gravity?", "--data", &data, "--model", model])
    };
    fails("model folder missing", ask(&stage.path("nowhere")), &["is not a model pack"]);
    fails("model folder empty", ask(&stage.path("empty")), &["has no manifest.json"]);
    fails("weights altered", ask(&stage.path("altered")), &["weights.bin is damaged"]);
    fails("weights truncated", ask(&stage.path("truncated")), &["weights.bin is damaged"]);
    let mut large = baraza::command(&["model", "generate", &stage.path("pack"), "--prompt", "a"]);
    large.env("BARAZA_MEMORY_BYTES", "1000000");
    fails("model larger than free memory", large, &["needs", "1 MB are free", "--model"]);
    let serve = |model: &str| {
        baraza::command(&["serve", "--listen", "127.0.0.1:0", "--data", &data, "--model", model])
    };
    fails("serve, model missing", serve(&stage.path("nowhere")), &["is not a model pack"]);
    let import = |src: &str| baraza::command(&["model", "import", src, &stage.path("new")]);
    fails("import, no such folder", import(&stage.path("nowhere")), &["does not exist"]);
    fails("import, no model in it", import(&stage.path("empty")), &[]);
    fails("import, no tokenizer", import(&stage.path("no-tokenizer")), &["tokenizer.json"]);
    assert!(!Path::new(&stage.path("new")).exists(), "a failed import leaves nothing behind");
    let taken = baraza::command(&[
        "model",
        "import",
        text(&baraza::root().join("tests/fixtures/onnx/llama/model")),
        &stage.path("pack"),
    ]);
    fails("import, destination taken", taken, &["choose another destination"]);
    let logits = |tokens: &str| {
        let (pack, out) = (stage.path("pack"), stage.path("out.npy"));
        baraza::command(&["model", "logits", &pack, "--tokens", tokens, "--out", &out])
    };
    fails("tokens missing", logits(&stage.path("nowhere.npy")), &["cannot open"]);
    fails("tokens not an array", logits(&stage.path("file")), &["is not an .npy file"]);
}

#[test]
fn folders_that_cannot_be_used() {
    let stage = Stage::new();
    let ask = |data: &str| baraza::command(&["ask", "What is gravity?", "--data", data]);
    let inside_file = stage.path("file/data");
    fails("data folder cannot be made", ask(&inside_file), &["cannot use the data", "--data"]);
    fails("data folder unwritable", ask("/proc/baraza"), &["cannot use the data", "--data"]);
    fails("not a database", ask(&stage.path("letter")), &["not a database of Baraza"]);
    fails("newer database", ask(&stage.path("newer")), &["newer Baraza", "schema 99"]);
    let data = stage.path("data");
    let _served = Served::start(Path::new(&data));
    let second = baraza::command(&["serve", "--listen", "127.0.0.1:0", "--data", &data]);
    fails("data folder in use by another box", second, &["another baraza", "--data"]);
}

#[test]
fn addresses_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let serve = |address: &str| {
        baraza::command(&["serve", "--listen", address, "--data", text(folder.path())])
    };
    let address = taken.local_addr().unwrap().to_string();
    fails("port in use", serve(&address), &[&address, "in use", "--listen"]);
    fails("address of another computer", serve("203.0.113.7:8080"), &["does not have the address"]);
    let mut modem = serve("127.0.0.1:0");
    modem.args(["--modem", "/dev/ttyUSB0"]);
    fails("modem", modem, &["--modem", "later version"]);
}

#[test]
fn questions_that_cannot_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    let ask = |question: &str| baraza::command(&["ask", question, "--data", text(folder.path())]);
    fails("empty question", ask(""), &["empty"]);
    fails("question of white space and control characters", ask(" \u{7}\t\n "), &["empty"]);
    // A system takes no single argument much longer than this.
    fails("question of 100 kB", ask(&"long ".repeat(20_000)), &["at most 500"]);
}

#[test]
fn wrong_use_is_told_from_failure() {
    for wrong in [
        &["fly"][..],
        &[],
        &["ask"],
        &["ask", "q", "--language", "english"],
        &["serve", "--listen", "here"],
        &["model", "generate", "pack"],
        &["model", "bench", "pack", "--repeat", "0"],
    ] {
        let output = baraza::run(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{wrong:?}");
    }
    for help in [
        &["--help"][..],
        &["serve", "--help"],
        &["ask", "--help"],
        &["model", "--help"],
        &["model", "import", "--help"],
        &["model", "info", "--help"],
        &["model", "generate", "--help"],
        &["model", "logits", "--help"],
        &["model", "bench", "--help"],
        &["--version"],
    ] {
        let output = baraza::run(help);
        assert!(output.status.success() && !output.stdout.is_empty(), "{help:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut help = baraza::command(&["model", "info", "--json"]);
    let stage = Stage::new();
    help.arg(stage.path("pack")).stdout(std::process::Stdio::piped());
    let mut child = help.stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty());
}
