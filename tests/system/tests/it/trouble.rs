//! What goes wrong in the field: a full disk, a read-only card, a damaged database, a pack that
//! somebody altered, a clock that stands in 1970 or jumps to 2040. What the person sees, and what was
//! kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::baraza::{self, Served};
use crate::reviewer;

/// A command run where a small memory disk, or a read-only view of a folder, lies over `folder`; `None`,
/// told aloud, where the system does not let us. CI must let us.
fn within(mount: &str, command: &Command) -> Option<Command> {
    let allowed = Command::new("unshare").args(["-rm", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "CI must allow unshare -rm");
        println!("SKIPPED: this system allows no mounts of our own (unshare -rm)");
        return None;
    }
    let mut inside = Command::new("unshare");
    inside.args(["-rm", "sh", "-c", &format!("{mount} && exec \"$@\""), "sh"]);
    inside.arg(command.get_program()).args(command.get_args());
    Some(inside)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_full_disk_refuses_in_words_and_keeps_what_it_took() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let serve = baraza::command(&["serve", "--listen", "127.0.0.1:0", "--data", text(&data)]);
    let mount = format!("mount -t tmpfs -o size=24m none {}", text(&data));
    let Some(inside) = within(&mount, &serve) else { return };
    let served = Served::start_with(&data, |command| {
        *command = inside;
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
    });
    let kept = served.post("What is gravity?").expect("accepted while there is room");
    // The mount is only there for the box; we reach it through its process.
    let disk = served.root().join(data.strip_prefix("/").unwrap());
    let filler = disk.join("filler");
    let _ = fs::write(&filler, vec![0; 64 << 20]);
    let until = Instant::now() + Duration::from_secs(180);
    let mut number = 0;
    let refused = loop {
        assert!(Instant::now() < until, "a full disk takes no more questions");
        number += 1;
        let page = served.ask_page(&format!("What is gravity, asked {number} times, and why?"));
        if page.contains("could not") || page.contains("not kept") {
            break page;
        }
    };
    println!("full disk, asked: {}", words(&refused));
    assert!(refused.contains("person in charge"), "{refused}");
    assert!(served.get("/healthz").contains("\"journal\":false"));
    assert!(served.get(&format!("/a/{kept}")).contains("gravity"), "what was kept is still shown");
    fs::remove_file(&filler).unwrap();
    // Those that waited are answered first; then there is room in the queue too.
    let until = Instant::now() + Duration::from_secs(60);
    while served.post("How does a magnet work?").is_none() {
        assert!(Instant::now() < until, "accepted again");
        thread::sleep(Duration::from_millis(200));
    }
    assert!(served.get("/healthz").contains("\"journal\":true"));
}

/// A page as a person reads it.
fn words(page: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in page.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_read_only_card_is_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    drop(baraza::ask(&data, "Who won the football world cup?"));
    let ask = baraza::command(&["ask", "What is gravity?", "--data", text(&data)]);
    let mount = format!("mount --bind {0} {0} && mount -o remount,ro,bind {0}", text(&data));
    let Some(mut inside) = within(&mount, &ask) else { return };
    let output = inside.output().unwrap();
    println!("read-only: {}", said(&output));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("writable") || said(&output).contains("read-only"),
        "{output:?}"
    );
    drop(baraza::ask(&data, "What is gravity?"));
}

#[test]
fn a_damaged_database_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    drop(baraza::ask(&data, "Who won the football world cup?"));
    let path = data.join("baraza.db");
    let mut bytes = fs::read(&path).unwrap();
    let (from, to) = (bytes.len() / 8, bytes.len() / 8 * 7);
    for byte in &mut bytes[from..to] {
        *byte ^= 0x5A;
    }
    fs::write(&path, &bytes).unwrap();
    for args in [&["ask", "What is gravity?"][..], &["knowledge", "check"]] {
        let mut args = args.to_vec();
        args.extend(["--data", text(&data)]);
        let output = baraza::run(&args);
        println!("damaged, {args:?}: {}", said(&output));
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(said(&output).contains("damaged"), "{args:?}: {}", said(&output));
        assert!(!said(&output).contains("panicked"), "{args:?}");
    }
}

#[test]
fn a_pack_that_somebody_altered_is_refused_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (theirs, ours) = (folder.path().join("theirs"), folder.path().join("ours"));
    let pack = folder.path().join("pack.jsonl");
    let run = |args: &[&str], data: &Path| {
        let mut args = args.to_vec();
        args.extend(["--data", text(data)]);
        baraza::run(&args)
    };
    assert!(run(&["knowledge", "export", text(&pack)], &theirs).status.success());
    let key = String::from_utf8(run(&["review", "key"], &theirs).stdout).unwrap();

    let stranger = run(&["knowledge", "import", text(&pack)], &ours);
    println!("unknown key: {}", said(&stranger));
    assert_eq!(stranger.status.code(), Some(1));
    assert!(said(&stranger).contains("nothing of it was taken in"), "{}", said(&stranger));

    assert!(run(&["review", "trust", key.trim(), "District"], &ours).status.success());
    let genuine = fs::read_to_string(&pack).unwrap();
    fs::write(&pack, genuine.replacen("clean water", "dirty water", 1)).unwrap();
    let altered = run(&["knowledge", "import", text(&pack)], &ours);
    println!("altered: {}", said(&altered));
    assert_eq!(altered.status.code(), Some(1));
    assert!(said(&altered).contains("nothing of it was taken in"), "{}", said(&altered));
    let listed = String::from_utf8(run(&["knowledge", "list"], &ours).stdout).unwrap();
    assert!(!listed.contains("box-"), "{listed}");

    fs::write(&pack, &genuine).unwrap();
    let taken = run(&["knowledge", "import", text(&pack)], &ours);
    assert!(taken.status.success(), "{}", said(&taken));
    let listed = String::from_utf8(run(&["knowledge", "list"], &ours).stdout).unwrap();
    assert!(listed.contains("signed by District"), "{listed}");
}

/// The library that shifts a process's clock, wherever this system keeps it.
fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten();
    folders.map(|folder| folder.path().join("faketime/libfaketime.so.1")).find(|path| path.exists())
}

/// Sets the date of a command; `None`, told aloud, where the library is not installed. CI must have it.
fn at(date: &str, command: &mut Command) -> Option<()> {
    let Some(library) = faketime() else {
        assert!(std::env::var_os("CI").is_none(), "CI must have faketime");
        println!("SKIPPED: faketime is not installed");
        return None;
    };
    command.env("LD_PRELOAD", library).env("FAKETIME", format!("@{date} 00:00:00"));
    // Time that passes is not the date.
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Some(())
}

#[test]
fn clocks_in_1970_and_2040_cost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let pin = reviewer::add(&data, "nurse");
    // A site that forgets after a day of running: two jumps of decades are no day of running.
    let args = ["site", "--retention", "1", "--data", text(&data)];
    assert!(baraza::run(&args).status.success());
    let mut codes = Vec::new();
    for (date, question) in [
        ("1970-01-02", "What is gravity?"),
        ("2040-06-01", "How does a magnet work?"),
        ("1970-01-02", "What is a food chain?"),
    ] {
        if faketime().is_none() && std::env::var_os("CI").is_none() {
            println!("SKIPPED: faketime is not installed");
            return;
        }
        let served = Served::start_with(&data, |command| {
            at(date, command).expect("faketime is installed");
        });
        let status = served.get("/status");
        assert!(status.contains("not set"), "{date}: {}", words(&status));
        codes.push(served.post(question).expect("accepted"));
        let desk =
            reviewer::Desk::log_in(served.address, &pin).expect("a wrong clock locks nobody out");
        desk.decide_first("entries", "approve").expect("approved");
        for code in &codes {
            let page = served.get(&format!("/a/{code}"));
            assert!(!page.contains("No such"), "{date}: {code} is gone");
        }
        served.kill();
    }
    let db = Connection::open(data.join("baraza.db")).unwrap();
    let mut statement = db.prepare("SELECT code FROM questions ORDER BY seq").unwrap();
    let order: Vec<String> =
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(order, codes, "the order is that of asking");
    let dated: u32 = db
        .query_row("SELECT count(*) FROM reviews WHERE decided_on IS NOT NULL", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(dated, 0, "no review has a date that the box made up");
}
