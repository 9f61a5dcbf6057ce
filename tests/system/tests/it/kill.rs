//! The power goes while answers are being written: nothing accepted is lost, nothing is answered
//! twice, the database stays whole.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::baraza::{self, Served};

const KILLS: usize = 20;

/// Questions asked in each life of the box, as fast as it takes them:
/// more than a quick machine answers in a life, so that it dies while writing.
const ASKED_PER_LIFE: usize = 10;

/// Longest life, counted from when the box is ready.
const LIFE_MS_MAX: u64 = 1200;

/// Time for the last life to answer everything, on a busy machine.
const ANSWERING_TIME_MAX: Duration = Duration::from_secs(300);

#[test]
fn no_accepted_question_is_lost_or_answered_twice() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let mut wordings = baraza::starter_wordings().into_iter();
    let mut random = Random::new();
    let codes = Arc::new(Mutex::new(Vec::new()));
    let mut killed_while_writing = 0;

    for life in 0..KILLS {
        let served = Served::start(data);
        assert_whole(data);
        let questions: Vec<String> = wordings.by_ref().take(ASKED_PER_LIFE).collect();
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
        thread::sleep(Duration::from_millis(random.below(LIFE_MS_MAX)));
        served.kill();
        asker.join().unwrap();
        assert_whole(data);
        let db = open(data);
        let writing: usize = count(&db, "SELECT count(*) FROM questions WHERE state = 'writing'");
        killed_while_writing += writing;
        let accepted = codes.lock().unwrap().len();
        println!("life {life}: killed with {writing} being written, {accepted} accepted so far");
    }
    assert!(killed_while_writing >= KILLS / 4, "{killed_while_writing} kills hit a writing box");

    let codes = codes.lock().unwrap().clone();
    assert!(codes.len() >= KILLS, "{} questions accepted", codes.len());
    let served = Served::start(data);
    let until = Instant::now() + ANSWERING_TIME_MAX;
    let open_questions = "SELECT count(*) FROM questions WHERE state IN ('accepted', 'writing')";
    while count(&open(data), open_questions) > 0 {
        assert!(Instant::now() < until, "not all were answered in time");
        thread::sleep(Duration::from_millis(50));
    }
    served.stop();
    assert_whole(data);
    let db = open(data);
    for code in &codes {
        let answers: usize = db
            .query_row(
                "SELECT count(*) FROM questions q JOIN answers a ON a.question_seq = q.seq
                 WHERE q.code = ?1 AND q.state = 'done'",
                [code],
                |row| row.get::<_, u32>(0).map(|n| n as usize),
            )
            .unwrap();
        assert_eq!(answers, 1, "{code}");
    }
    println!("{} accepted, each answered once; seed {}", codes.len(), random.seed);
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
