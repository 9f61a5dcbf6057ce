//! The power goes while people ask, a nurse reviews and knowledge is read in: nothing accepted is lost,
//! nothing is answered twice, nothing half is visible, the database stays whole.
//!
//! `BARAZA_KILLS=200 cargo test --release -p system kill::nothing` is the long form.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::baraza::{self, Served};
use crate::reviewer;

const KILLS: usize = 20;

/// Chapters of the guide that is imported again and again.
const CHAPTERS: usize = 300;

/// Questions asked in each life of the box, as fast as it takes them:
/// more than a quick machine answers in a life, so that it dies while writing.
const ASKED_PER_LIFE: usize = 10;

/// Longest life, counted from when the box is ready.
const LIFE_MS_MAX: u64 = 1200;

/// Time for the last life to answer everything, on a busy machine.
const ANSWERING_TIME_MAX: Duration = Duration::from_secs(300);

#[test]
fn nothing_accepted_is_lost_halved_or_answered_twice() {
    let kills = kills();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let pin = reviewer::add(&data, "nurse");
    let mut wordings = baraza::starter_wordings().into_iter().cycle();
    let mut random = Random::new();
    let codes = Arc::new(Mutex::new(Vec::new()));
    let approved = Arc::new(Mutex::new(Vec::new()));
    let mut killed_while = Killed::default();

    for life in 0..kills {
        let served = Served::start(&data);
        assert_whole(&data);
        // A question asked again in a later life is another question, and not from the cache.
        let ask = |wording: String| format!("{wording} (life {})", life / 60);
        let questions: Vec<String> = wordings.by_ref().take(ASKED_PER_LIFE).map(ask).collect();
        let asker = {
            let (address, codes) = (served.address, Arc::clone(&codes));
            // A question counts as accepted from the moment its code is read, and not before.
            thread::spawn(move || {
                for question in questions {
                    let Some(code) = baraza::post(address, &question) else { return };
                    codes.lock().unwrap().push(code);
                }
            })
        };
        let nurse = {
            let (address, approved, pin) = (served.address, Arc::clone(&approved), pin.clone());
            // A review counts as done from the moment the desk says so.
            thread::spawn(move || reviewer::approve_for_ever(address, &pin, &approved))
        };
        let guide = edition(folder.path(), life);
        let mut import = baraza::command(&["knowledge", "import", guide.to_str().unwrap()])
            .args(["--data", data.to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(random.below(LIFE_MS_MAX)));
        let imported = import.try_wait().unwrap().is_some();
        import.kill().unwrap();
        served.kill();
        import.wait().unwrap();
        asker.join().unwrap();
        nurse.join().unwrap();
        assert_whole(&data);
        let db = open(&data);
        killed_while.writing +=
            count(&db, "SELECT count(*) FROM questions WHERE state = 'writing'");
        killed_while.importing += usize::from(!imported);
        assert_one_edition(&db, life);
        let decided = approved.lock().unwrap().clone();
        assert_reviews(&db, &decided);
        let accepted = codes.lock().unwrap().len();
        println!("life {life}: {accepted} accepted, {} reviewed so far", decided.len());
    }
    println!("{killed_while:?}; seed {}", random.seed);
    assert!(killed_while.writing >= kills / 4, "{killed_while:?}");
    assert!(killed_while.importing >= kills / 10, "{killed_while:?}");

    let codes = codes.lock().unwrap().clone();
    assert!(codes.len() >= kills, "{} questions accepted", codes.len());
    let served = Served::start(&data);
    let until = Instant::now() + ANSWERING_TIME_MAX;
    let open_questions = "SELECT count(*) FROM questions WHERE state IN ('accepted', 'writing')";
    while count(&open(&data), open_questions) > 0 {
        assert!(Instant::now() < until, "not all were answered in time");
        thread::sleep(Duration::from_millis(50));
    }
    served.stop();
    assert_whole(&data);
    let db = open(&data);
    for code in &codes {
        let answers: usize = db
            .query_row(
                "SELECT count(*) FROM questions q JOIN answers a ON a.question_seq = q.seq
                 WHERE q.code = ?1 AND q.state = 'done'",
                [code],
                |row| row.get::<_, u32>(0).map(|n| n as usize),
            )
            .unwrap();
        let state = || -> (String, Option<String>, u32) {
            let sql = "SELECT state, failure, attempts FROM questions WHERE code = ?1";
            let row = db.query_row(sql, [code], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)));
            row.unwrap_or_else(|_| ("gone".into(), None, 0))
        };
        assert_eq!(answers, 1, "{code}: {:?}", state());
    }
    let checked = baraza::run(&["knowledge", "check", "--data", data.to_str().unwrap()]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    println!("{} accepted, each answered once", codes.len());
}

/// What the kills hit.
#[derive(Debug, Default)]
struct Killed {
    writing: usize,
    importing: usize,
}

/// How often the power goes: `BARAZA_KILLS`, or a few.
fn kills() -> usize {
    std::env::var("BARAZA_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS)
}

/// Another edition of the same guide: each of its texts names it.
fn edition(folder: &Path, number: usize) -> PathBuf {
    let guide = folder.join("guide");
    std::fs::create_dir_all(&guide).unwrap();
    for chapter in 0..CHAPTERS {
        let paragraph = format!(
            "Chapter {chapter} of edition {number} tells of pumps. A pump that leaks air is primed \
             again with clean water, and its leather is greased. "
        );
        let text = format!("# Pump {chapter}\n\n{}\n", paragraph.repeat(12));
        std::fs::write(guide.join(format!("chapter-{chapter:03}.md")), text).unwrap();
    }
    guide
}

/// What can be found of the guide is one edition, whole, and no later one than was given.
fn assert_one_edition(db: &Connection, latest: usize) {
    let of = |state: &str, like: &str| {
        let sql = "SELECT count(*) FROM passages p JOIN packs k ON k.id = p.pack_id
                   WHERE k.name = 'guide' AND k.state = ?1 AND p.answer LIKE ?2";
        db.query_row(sql, [state, like], |row| row.get::<_, u32>(0)).unwrap()
    };
    let all = of("ready", "%");
    let whole = (0..=latest).any(|n| of("ready", &format!("%of edition {n} tells%")) == all);
    assert!(all == 0 || whole, "two editions in one");
    assert!(all == 0 || all as usize >= CHAPTERS, "half a guide: {all} passages");
}

/// Each decision that the desk confirmed is there.
fn assert_reviews(db: &Connection, decided: &[String]) {
    for target in decided {
        let sql = "SELECT count(*) FROM passages WHERE id = ?1 AND reviewed_by IS NOT NULL";
        let half = "SELECT count(*) FROM reviews r JOIN passages p ON p.id = ?1
                    JOIN packs k ON k.id = p.pack_id
                    WHERE r.kind = 'entry' AND r.key = k.name || '/' || p.entry_id";
        let place = &target[1..];
        let found = |sql: &str| db.query_row(sql, [place], |row| row.get::<_, u32>(0)).unwrap();
        assert!(found(sql) + found(half) > 0, "the review of {target} is lost");
    }
}

#[test]
fn an_orderly_stop_leaves_the_question_to_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path());
    let codes: Vec<String> = baraza::starter_wordings()
        .iter()
        .step_by(7)
        .take(5)
        .map(|question| served.post(question).expect("accepted"))
        .collect();
    let log = served.stop();
    // Logs never quote what people wrote.
    assert!(log.iter().all(|line| !line.contains("bleeding")), "{log:?}");
    let db = open(folder.path());
    assert_eq!(count(&db, "SELECT count(*) FROM questions WHERE state = 'writing'"), 0);
    assert_eq!(count(&db, "SELECT count(*) FROM questions WHERE state = 'failed'"), 0);
    let served = Served::start(folder.path());
    let until = Instant::now() + ANSWERING_TIME_MAX;
    while count(&db, "SELECT count(*) FROM answers") < codes.len() {
        assert!(Instant::now() < until, "not all were answered in time");
        thread::sleep(Duration::from_millis(50));
    }
    served.stop();
}

#[test]
fn who_waits_for_a_box_that_dies_is_answered_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    for (question, wait_ms) in [("How do I care for a newborn baby?", 0), ("What is gravity?", 60)]
    {
        let served = Served::start(data);
        let asker = {
            let data = data.to_owned();
            thread::spawn(move || baraza::ask(&data, question))
        };
        thread::sleep(Duration::from_millis(wait_ms));
        served.kill();
        let answer = asker.join().unwrap();
        assert_eq!(answer["origin"], "model", "{answer}");
    }
    assert_whole(data);
    let db = open(data);
    assert_eq!(count(&db, "SELECT count(*) FROM answers"), 2);
}

fn open(data: &Path) -> Connection {
    let path = data.join("baraza.db");
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    db.busy_timeout(Duration::from_secs(10)).unwrap();
    db
}

fn count(db: &Connection, sql: &str) -> usize {
    db.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap() as usize
}

fn assert_whole(data: &Path) {
    let db = open(data);
    let check: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let broken = count(&db, "SELECT count(*) FROM pragma_foreign_key_check");
    assert_eq!(broken, 0, "foreign keys");
    let halves = "SELECT count(*) FROM questions q LEFT JOIN answers a ON a.question_seq = q.seq
                  WHERE (q.state = 'done') <> (a.seq IS NOT NULL)";
    assert_eq!(count(&db, halves), 0, "answers without a done question, or the other way");
}

/// A small generator; other moments at each run.
struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let seed = now.subsec_nanos().into();
        Self { seed, state: seed }
    }

    /// By Knuth's MMIX constants; the high bits are the random ones.
    fn below(&mut self, bound: u64) -> u64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % bound
    }
}
