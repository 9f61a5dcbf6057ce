use std::time::Instant;

use answer::desk::Origin;
use answer::question::{CacheKey, QuestionText};
use answer::review::{Decision, Item, List, ReviewError, Reviewer, State, Target};
use rusqlite::params;

use super::*;
use crate::audit::By;
use crate::knowledge::KnowledgePack;
use crate::open::Store;

pub(super) fn has_dose(text: &str) -> bool {
    text.contains("mg")
}

pub(super) fn rules() -> Rules<'static> {
    Rules { has_dose: &has_dose, words: &content_words }
}

pub(super) fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

pub(super) fn reviewer(store: &mut Store, role: &str) -> Reviewer {
    store.add_reviewer(role, "", &By::default()).unwrap()
}

pub(super) fn key(question: &str) -> String {
    CacheKey::of(&QuestionText::parse(question).unwrap()).as_str().to_owned()
}

/// A question that was asked and answered; `None` is the honest "no source".
pub(super) fn ask(store: &Store, channel: &str, text: &str, answer: Option<&str>) -> i64 {
    store
        .db
        .execute(
            "INSERT INTO questions (code, text, general, language, channel, cache_key, asked_unix_s)
             VALUES (hex(randomblob(8)), ?1, ?1, 'en', ?2, ?3, 0)",
            params![text, channel, key(text)],
        )
        .unwrap();
    let seq = store.db.last_insert_rowid();
    let origin = if answer.is_some() { "model" } else { "none" };
    store
        .db
        .execute(
            "INSERT INTO answers (question_seq, text, origin, danger, milliseconds, made_by,
                 made_from, made_how) VALUES (?1, ?2, ?3, 0, 1, '', '', 1)",
            params![seq, answer.unwrap_or("No source."), origin],
        )
        .unwrap();
    let answer_seq = store.db.last_insert_rowid();
    store.db.execute("UPDATE questions SET state = 'done' WHERE seq = ?1", [seq]).unwrap();
    if answer.is_some() {
        store
            .db
            .execute(
                "INSERT INTO cache (key, language, answer_seq) VALUES (?1, 'en', ?2)
                 ON CONFLICT DO UPDATE SET answer_seq = excluded.answer_seq",
                params![key(text), answer_seq],
            )
            .unwrap();
    }
    seq
}

fn cite(store: &Store, question_seq: i64, pack: &str, entry: &str) {
    let place = super::subject::place_of(&store.db, &format!("{pack}/{entry}"), "en").unwrap();
    store
        .db
        .execute(
            "INSERT INTO sources (answer_seq, position, entry_id, title, reviewed, passage, place,
                 pack)
             SELECT seq, 0, ?2, 'T', 0, 'P', ?3, ?4 || '@aa' FROM answers WHERE question_seq = ?1",
            params![question_seq, entry, place, pack],
        )
        .unwrap();
}

pub(super) fn pack(revision: &str, answers: &[(&str, &str)]) -> KnowledgePack {
    let mut lines = format!(
        "{{\"format\":\"baraza-knowledge\",\"version\":1,\"name\":\"p\",\"revision\":\
         \"{revision}\",\"language\":\"en\",\"licence\":\"CC0-1.0\",\"note\":\"n\"}}\n"
    );
    for (id, answer) in answers {
        lines.push_str(&format!(
            "{{\"id\":\"{id}\",\"language\":\"en\",\"topic\":\"clinic\",\"title\":\"About {id}\",\
             \"question\":\"What is {id}?\",\"phrasings\":[],\"answer\":\"{answer}\",\"source\":\
             {{\"publisher\":\"P\",\"title\":\"S\",\"year\":2020}},\"reviewed\":null}}\n"
        ));
    }
    KnowledgePack::parse("p.jsonl", lines.as_bytes()).unwrap()
}

pub(super) fn item(store: &Store, target: Target) -> Item {
    store.review_item(target, &rules()).unwrap().unwrap()
}

pub(super) fn decide(
    store: &mut Store,
    reviewer: &Reviewer,
    target: Target,
    decision: Decision,
) -> Result<State, ReviewError> {
    let version = item(store, target).version;
    store.decide(reviewer, Some("2026-12-01"), target, &version, &decision, &rules())
}

fn edit(text: &str) -> Decision {
    Decision::Edit { text: text.into(), sms: None }
}

fn withdraw() -> Decision {
    Decision::Withdraw { reason: "wrong".into() }
}

fn cached(store: &Store) -> i64 {
    store.db.query_row("SELECT count(*) FROM cache", [], |row| row.get(0)).unwrap()
}

fn notices(store: &Store) -> Vec<(i64, String, String)> {
    let mut statement =
        store.db.prepare("SELECT question_seq, kind, text FROM notices ORDER BY id").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.collect::<rusqlite::Result<_>>().unwrap()
}

fn questions(store: &Store, list: List) -> Vec<String> {
    let page = store.reviews(list, 0, &rules()).unwrap();
    assert_eq!(page.total, page.items.len());
    page.items.into_iter().map(|item| item.question).collect()
}

#[test]
fn what_matters_comes_first_and_nobody_is_named() {
    let (_folder, store) = store();
    ask(&store, "web", "rare", Some("A."));
    ask(&store, "web", "unanswered", None);
    let unhelpful = ask(&store, "web", "unhelpful", Some("A."));
    let weak = ask(&store, "web", "weak", Some("A."));
    let dangerous = ask(&store, "sms", "dangerous", Some("A."));
    for _ in 0..3 {
        ask(&store, "kiosk", "frequent", Some("A."));
    }
    store.db.execute("UPDATE questions SET danger = 'r' WHERE seq = ?1", [dangerous]).unwrap();
    store
        .db
        .execute("UPDATE answers SET helpful = 0 WHERE question_seq = ?1", [unhelpful])
        .unwrap();
    store.db.execute("UPDATE asked SET weak = 1 WHERE key = 'weak'", []).unwrap();
    let order = ["dangerous", "frequent", "unhelpful", "weak", "unanswered", "rare"];
    assert_eq!(questions(&store, List::Open), order);
    assert_eq!(questions(&store, List::Unanswered), ["unanswered"]);
    let page = store.reviews(List::Open, 1, &rules()).unwrap();
    assert_eq!((page.total, page.items.len(), page.items[0].asked), (6, 5, 3));
    assert_eq!(item(&store, Target::Question(dangerous)).danger.as_deref(), Some("r"));
    assert_eq!(item(&store, Target::Question(unhelpful)).not_helpful, 1);
    store.db.execute("UPDATE questions SET general = ''", []).unwrap();
    assert_eq!(item(&store, Target::Question(weak)).question, "(hidden)");
    // A second word replaces the first.
    store.db.execute("UPDATE answers SET helpful = 1", []).unwrap();
    assert_eq!(item(&store, Target::Question(unhelpful)).not_helpful, 0);
    // What people forget counts no more.
    store.db.execute("DELETE FROM questions WHERE seq < ?1", [weak]).unwrap();
    assert_eq!(questions(&store, List::Open).len(), 3);
    store.db.execute("DELETE FROM questions", []).unwrap();
    assert_eq!(questions(&store, List::Open).len(), 0);
}

#[test]
fn an_approved_answer_is_served_and_found_by_near_questions() {
    let (_folder, mut store) = store();
    let nurse = reviewer(&mut store, "nurse");
    let seq = ask(&store, "web", "How do I treat a snake bite?", Some("Go to the clinic."));
    let target = Target::Question(seq);
    let state = decide(&mut store, &nurse, target, Decision::Approve).unwrap();
    let approved = State::Approved { role: "nurse".into(), on: Some("2026-12-01".into()) };
    assert_eq!(state, approved);
    let checked = store.checked(&key("how do i treat a snake bite"), "en").unwrap().unwrap();
    assert_eq!(
        (checked.answer.text.as_str(), checked.answer.origin),
        ("Go to the clinic.", Origin::Checked)
    );
    assert_eq!(checked.answer.check.unwrap().role, "nurse");
    assert_eq!(store.checked(&key("How do I treat a snake bite?"), "sw").unwrap(), None);
    let near = store.checked_candidates("snake bitten \"bite\" OR", "en", 5).unwrap();
    assert_eq!(near[0].question, "How do I treat a snake bite?");
    for nothing in ["", "tooth", "* NEAR("] {
        assert_eq!(store.checked_candidates(nothing, "en", 5).unwrap(), []);
    }
    assert_eq!(store.checked_candidates("snake", "sw", 5).unwrap(), []);
    assert_eq!(questions(&store, List::Open).len(), 0);
    assert_eq!(questions(&store, List::Decided).len(), 1);
    assert_eq!(decide(&mut store, &nurse, target, Decision::Reopen).unwrap(), State::Open);
    assert_eq!(store.checked_candidates("snake", "en", 5).unwrap(), []);
    assert_eq!(questions(&store, List::Open).len(), 1);
    assert_eq!(store.verify_audit().unwrap(), Vec::<String>::new());
}

#[test]
fn a_dose_needs_two_people_and_editing_starts_again() {
    let (_folder, mut store) = store();
    let (nurse, doctor) = (reviewer(&mut store, "nurse"), reviewer(&mut store, "doctor"));
    let seq = ask(&store, "web", "paracetamol", Some("500 mg."));
    let target = Target::Question(seq);
    let half = |role: &str, reviewer| State::NeedsSecond { role: role.into(), reviewer };
    let served = |store: &Store| store.checked("paracetamol", "en").unwrap();
    assert_eq!(
        decide(&mut store, &nurse, target, Decision::Approve).unwrap(),
        half("nurse", nurse.id)
    );
    assert_eq!(served(&store), None);
    assert_eq!(decide(&mut store, &nurse, target, Decision::Approve), Err(ReviewError::SamePerson));
    assert_eq!(
        decide(&mut store, &nurse, target, edit("500 mg.")),
        Err(ReviewError::SamePerson),
        "an edit that changes nothing is an approval"
    );
    // The second corrects the first, who must agree.
    assert_eq!(
        decide(&mut store, &doctor, target, edit("250 mg.")).unwrap(),
        half("doctor", doctor.id)
    );
    assert_eq!(questions(&store, List::NeedsSecond), ["paracetamol"]);
    assert_eq!(item(&store, target).answer.as_deref(), Some("250 mg."));
    assert_eq!(
        decide(&mut store, &doctor, target, Decision::Approve),
        Err(ReviewError::SamePerson)
    );
    let state = decide(&mut store, &nurse, target, Decision::Approve).unwrap();
    assert!(matches!(state, State::Approved { role, .. } if role == "doctor, nurse"));
    assert_eq!(served(&store).unwrap().answer.text, "250 mg.");
    // A dose only in the SMS counts as well.
    let other = Target::Question(ask(&store, "web", "other", Some("Rest.")));
    let with_sms = Decision::Edit { text: "Rest.".into(), sms: Some("Rest, 5 mg".into()) };
    assert_eq!(decide(&mut store, &nurse, other, with_sms).unwrap(), half("nurse", nurse.id));
    // One person alone withdraws.
    assert!(matches!(
        decide(&mut store, &nurse, target, withdraw()).unwrap(),
        State::Withdrawn { .. }
    ));
    assert_eq!(served(&store), None);
    assert!(store.is_withdrawn("paracetamol", "en").unwrap());
    // And approving what was withdrawn takes two again.
    assert_eq!(
        decide(&mut store, &nurse, target, Decision::Approve).unwrap(),
        half("nurse", nurse.id)
    );
}

#[test]
fn a_decision_is_on_what_was_read() {
    let (_folder, mut store) = store();
    let nurse = reviewer(&mut store, "nurse");
    let seq = ask(&store, "web", "q", Some("One."));
    let target = Target::Question(seq);
    let old = item(&store, target).version;
    ask(&store, "web", "q", Some("Two."));
    let mut stale = |version: &str, target| {
        store.decide(&nurse, None, target, version, &Decision::Approve, &rules())
    };
    assert_eq!(stale(&old, target), Err(ReviewError::Changed));
    assert_eq!(stale("", target), Err(ReviewError::Changed));
    for gone in
        [Target::Question(99), Target::Entry(1), Target::Question(i64::MAX), Target::Entry(-1)]
    {
        assert_eq!(stale(&old, gone), Err(ReviewError::Gone));
    }
    assert_eq!(store.audit(0).unwrap().total, 1);
    let stranger = Reviewer { id: 77, role: "nurse".into() };
    let error = decide(&mut store, &stranger, target, Decision::Approve).unwrap_err();
    assert!(error.to_string().contains("log in again"), "{error}");
    store.remove_reviewer(nurse.id, &By::default()).unwrap();
    assert!(decide(&mut store, &nurse, target, withdraw()).is_err());
}

#[test]
fn what_does_not_fit_is_refused() {
    let (_folder, mut store) = store();
    let nurse = reviewer(&mut store, "nurse");
    let target = Target::Question(ask(&store, "web", "q", None));
    assert_eq!(decide(&mut store, &nurse, target, Decision::Approve), Err(ReviewError::NoAnswer));
    let sms = |sms: &str| Decision::Edit { text: "x".into(), sms: Some(sms.into()) };
    for (decision, field) in [
        (edit(" "), "answer"),
        (edit(&"x".repeat(2_001)), "answer"),
        (edit("a\u{7}b"), "answer"),
        (sms(&"x".repeat(161)), "sms"),
        (sms("a\nb"), "sms"),
        (Decision::Withdraw { reason: "x".repeat(201) }, "reason"),
    ] {
        let error = decide(&mut store, &nurse, target, decision).unwrap_err();
        assert!(error.to_string().starts_with(field), "{error}");
    }
    store.db.execute("UPDATE questions SET general = ''", []).unwrap();
    let error = decide(&mut store, &nurse, target, edit("x")).unwrap_err();
    assert!(error.to_string().contains("hidden"), "{error}");
    assert!(decide(&mut store, &nurse, target, withdraw()).is_ok());
    assert_eq!(questions(&store, List::Unanswered).len(), 0);
}

#[test]
fn withdrawing_empties_the_cache_and_tells_who_asked_by_sms() {
    let (_folder, mut store) = store();
    let nurse = reviewer(&mut store, "nurse");
    store.add_running(100 * 86_400).unwrap();
    let recent = 99 * 86_400;
    let on_web = ask(&store, "web", "q", Some("Wrong."));
    let old = ask(&store, "sms", "q", Some("Wrong."));
    let by_sms = ask(&store, "sms", "q", Some("Wrong."));
    let near = ask(&store, "sms", "near q", Some("Wrong."));
    let quoting = ask(&store, "web", "quoting", Some("It is said: Wrong. Truly."));
    let other = ask(&store, "sms", "other", Some("Right."));
    let unanswered = ask(&store, "sms", "q", None);
    store
        .db
        .execute("UPDATE questions SET asked_running_s = ?1 WHERE seq <> ?2", [recent, old])
        .unwrap();
    let target = Target::Question(on_web);
    // The latest word on "q" is that there is no source.
    store.db.execute("DELETE FROM questions WHERE seq = ?1", [unanswered]).unwrap();
    assert_eq!(cached(&store), 4);
    decide(&mut store, &nurse, target, withdraw()).unwrap();
    assert_eq!(cached(&store), 1);
    let told = |seq: i64, kind: &str, text: &str| (seq, kind.to_owned(), text.to_owned());
    assert_eq!(notices(&store), [told(by_sms, "withdrawn", ""), told(near, "withdrawn", "")]);
    // It was a mistake, and nothing went out yet.
    decide(&mut store, &nurse, target, Decision::Reopen).unwrap();
    assert_eq!(notices(&store), []);
    // An edit corrects whoever got the old text; an approval of it does not.
    decide(&mut store, &nurse, target, Decision::Approve).unwrap();
    assert_eq!(notices(&store), []);
    let with_sms = Decision::Edit { text: "Correct.".into(), sms: Some("Corr.".into()) };
    decide(&mut store, &nurse, target, with_sms).unwrap();
    let corrected = [told(by_sms, "corrected", "Corr."), told(near, "corrected", "Corr.")];
    assert_eq!(notices(&store), corrected);
    let _ = (quoting, other);
    // Whoever got no answer gets it.
    let asked = ask(&store, "sms", "open", None);
    store.db.execute("UPDATE questions SET asked_running_s = ?1", [recent]).unwrap();
    decide(&mut store, &nurse, Target::Question(asked), edit("Now known.")).unwrap();
    assert_eq!(notices(&store).last().unwrap(), &told(asked, "answered", "Now known."));
}

#[test]
fn entries_with_a_danger_or_a_dose_come_first() {
    let (_folder, mut store) = store();
    let texts = [
        ("comet", "Ice."),
        ("my-baby-is-not-breathing", "Push on the chest."),
        ("worms", "Give 400 mg once."),
        ("my-child-has-convulsions-and-fever", "Give 5 mg."),
    ];
    store.load(&pack("2026-01", &texts)).unwrap();
    let asked = ask(&store, "sms", "tell me of comets", Some("Ice, says the book."));
    cite(&store, asked, "p", "comet");
    let [comet, baby, worms, child] = texts.map(|(id, _)| format!("What is {id}?"));
    assert_eq!(questions(&store, List::Entries), [child, baby, worms, comet]);
}

#[test]
fn entries_are_approved_edited_withdrawn_and_put_back() {
    let (_folder, mut store) = store();
    let nurse = reviewer(&mut store, "nurse");
    store
        .load(&pack("2026-01", &[("comet", "Ice."), ("star", "Gas."), ("moon", "Rock.")]))
        .unwrap();
    let asked = ask(&store, "sms", "tell me of stars", Some("Gas, says the book."));
    cite(&store, asked, "p", "star");
    assert_eq!(
        questions(&store, List::Entries),
        ["What is star?", "What is comet?", "What is moon?"]
    );
    let page = store.reviews(List::Entries, 0, &rules()).unwrap();
    let (star, comet) = (page.items[0].target, page.items[1].target);
    assert_eq!(page.items[0].asked, 1);
    decide(&mut store, &nurse, comet, Decision::Approve).unwrap();
    let passage = |store: &Store, id: &str| -> (String, Option<String>, bool) {
        let sql = "SELECT answer, reviewed_by, withdrawn FROM passages WHERE entry_id = ?1";
        store.db.query_row(sql, [id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap()
    };
    let found = |store: &Store, word: &str| -> i64 {
        let sql = "SELECT count(*) FROM search_entries WHERE search_entries MATCH ?1";
        let word = format!("\"en:{word}\"");
        store.db.query_row(sql, [word], |row| row.get(0)).unwrap()
    };
    assert_eq!(passage(&store, "comet"), ("Ice.".into(), Some("nurse".into()), false));
    decide(&mut store, &nurse, star, edit("Hot plasma.")).unwrap();
    assert_eq!(passage(&store, "star").0, "Hot plasma.");
    assert_eq!((found(&store, "plasma"), found(&store, "gas")), (1, 0));
    assert_eq!(cached(&store), 0);
    assert_eq!(notices(&store), [(asked, "corrected".to_owned(), "Hot plasma.".to_owned())]);
    decide(&mut store, &nurse, star, withdraw()).unwrap();
    assert_eq!((found(&store, "plasma"), found(&store, "gas")), (0, 0));
    assert_eq!(questions(&store, List::Decided), ["What is star?", "What is comet?"]);
    decide(&mut store, &nurse, star, Decision::Reopen).unwrap();
    assert_eq!(passage(&store, "star"), ("Gas.".into(), None, false));
    assert_eq!((found(&store, "plasma"), found(&store, "gas")), (0, 1));
    decide(&mut store, &nurse, star, edit("5 mg of hydrogen.")).unwrap();
    assert_eq!(passage(&store, "star"), ("Gas.".into(), None, false));
    assert_eq!(questions(&store, List::NeedsSecond), ["What is star?"]);
    assert_eq!(questions(&store, List::Entries), ["What is moon?"]);
    let doctor = reviewer(&mut store, "doctor");
    decide(&mut store, &doctor, star, Decision::Approve).unwrap();
    let both = Some("nurse, doctor".to_owned());
    assert_eq!(passage(&store, "star"), ("5 mg of hydrogen.".into(), both, false));
    assert_eq!(store.integrity_errors().unwrap(), Vec::<String>::new());
}

#[test]
fn decisions_on_entries_hold_again_when_their_text_comes_back() {
    let (_folder, mut store) = store();
    let nurse = reviewer(&mut store, "nurse");
    store.load(&pack("2026-01", &[("a", "One."), ("b", "Two."), ("c", "Three.")])).unwrap();
    let targets: Vec<Target> =
        store.reviews(List::Entries, 0, &rules()).unwrap().items.iter().map(|i| i.target).collect();
    decide(&mut store, &nurse, targets[0], Decision::Approve).unwrap();
    decide(&mut store, &nurse, targets[1], edit("Second.")).unwrap();
    decide(&mut store, &nurse, targets[2], withdraw()).unwrap();
    let state = |store: &Store| -> Vec<(String, bool, bool)> {
        let sql =
            "SELECT answer, reviewed_by IS NOT NULL, withdrawn FROM passages ORDER BY entry_id";
        let mut statement = store.db.prepare(sql).unwrap();
        let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    };
    let row = |text: &str, reviewed, withdrawn| (text.to_owned(), reviewed, withdrawn);
    // Another entry, the same texts.
    let texts = [("a", "One."), ("b", "Two."), ("c", "Three."), ("d", "Four.")];
    store.load(&pack("2026-02", &texts)).unwrap();
    let kept = [row("One.", true, false), row("Second.", true, false), row("Three.", false, true)];
    assert_eq!(state(&store)[..3], kept);
    assert_eq!(questions(&store, List::Entries), ["What is d?"]);
    // Other texts: open again, and the record stays.
    store.load(&pack("2026-03", &[("a", "Uno."), ("b", "Dos."), ("c", "Tres.")])).unwrap();
    let open = [row("Uno.", false, false), row("Dos.", false, false), row("Tres.", false, false)];
    assert_eq!(state(&store), open);
    assert_eq!(questions(&store, List::Entries).len(), 3);
    assert_eq!(questions(&store, List::Decided).len(), 0);
    let records: i64 =
        store.db.query_row("SELECT count(*) FROM reviews WHERE stale", [], |r| r.get(0)).unwrap();
    assert_eq!(records, 3);
    // The old text is back.
    store.load(&pack("2026-04", &texts)).unwrap();
    assert_eq!(state(&store)[..3], kept);
    assert_eq!(questions(&store, List::Decided).len(), 3);
}

#[test]
fn a_checked_answer_falls_with_its_source() {
    let (_folder, mut store) = store();
    let nurse = reviewer(&mut store, "nurse");
    store.load(&pack("2026-01", &[("star", "Gas.")])).unwrap();
    let asked = ask(&store, "web", "stars", Some("Gas."));
    cite(&store, asked, "p", "star");
    decide(&mut store, &nurse, Target::Question(asked), Decision::Approve).unwrap();
    let star = store.reviews(List::Entries, 0, &rules()).unwrap().items[0].target;
    let Target::Entry(place) = star else { panic!() };
    let checked = store.checked("stars", "en").unwrap().unwrap();
    assert_eq!(checked.answer.sources[0].place, Some(place));
    assert!(!checked.answer.sources[0].reviewed);
    decide(&mut store, &nurse, star, withdraw()).unwrap();
    assert_eq!(store.checked("stars", "en").unwrap(), None);
    assert_eq!(store.checked_candidates("stars", "en", 3).unwrap(), []);
    decide(&mut store, &nurse, star, Decision::Reopen).unwrap();
    assert!(store.checked("stars", "en").unwrap().is_some());
}

#[test]
fn a_full_disk_leaves_everything_as_before() {
    let (_folder, mut store) = store();
    let nurse = reviewer(&mut store, "nurse");
    store.load(&pack("2026-01", &[("star", "Gas.")])).unwrap();
    let asked = ask(&store, "sms", "stars", Some("Gas."));
    cite(&store, asked, "p", "star");
    let star = store.reviews(List::Entries, 0, &rules()).unwrap().items[0].target;
    let state = |store: &Store| {
        (
            store.reviews(List::Open, 0, &rules()).unwrap(),
            store.reviews(List::Entries, 0, &rules()).unwrap(),
            store.audit(0).unwrap(),
            (notices(store), cached(store)),
        )
    };
    let mut targets = vec![Target::Question(asked), star];
    for number in 0..30 {
        let text = format!("question {number}");
        targets.push(Target::Question(ask(&store, "sms", &text, Some("Rest."))));
    }
    store.db.execute_batch("VACUUM").unwrap();
    let long = edit(&"many words that take room ".repeat(70));
    let mut pages: u32 = store.db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    store.db.pragma_update(None, "max_page_count", pages).unwrap();
    let mut refused = 0;
    for target in targets {
        let before = state(&store);
        // Each time the disk is full a little later.
        while let Err(error) = decide(&mut store, &nurse, target, long.clone()) {
            assert!(error.to_string().contains("full"), "{error}");
            assert_eq!(state(&store), before);
            refused += 1;
            pages += 1;
            store.db.pragma_update(None, "max_page_count", pages).unwrap();
        }
    }
    assert!(refused > 0);
    assert_eq!(store.verify_audit().unwrap(), Vec::<String>::new());
    assert_eq!(store.integrity_errors().unwrap(), Vec::<String>::new());
}

#[test]
fn the_list_knows_what_was_asked_before_there_was_one() {
    let folder = tempfile::tempdir().unwrap();
    let db = rusqlite::Connection::open(folder.path().join("baraza.db")).unwrap();
    db.execute_batch(include_str!("../schema/0001.sql")).unwrap();
    db.execute_batch(
        "PRAGMA application_id = 0x4241525A; PRAGMA user_version = 1;
         INSERT INTO questions (seq, code, text, language, channel, cache_key, state, failure,
             asked_unix_s)
         VALUES (1, 'a', 'q', 'en', 'web', 'q', 'done', NULL, 0),
                (2, 'b', 'q', 'en', 'web', 'q', 'done', NULL, 0),
                (3, 'c', 'f', 'en', 'web', 'f', 'done', NULL, 0),
                (4, 'd', 'f', 'en', 'web', 'f', 'failed', 'x', 0),
                (5, 'e', 'f', 'en', 'web', 'f', 'accepted', NULL, 0),
                (6, 'f', 'q', 'sw', 'web', 'q', 'accepted', NULL, 0);
         INSERT INTO answers (question_seq, text, origin, danger, milliseconds, made_by, made_from,
             made_how)
         VALUES (1, 'No source.', 'none', 0, 1, '', '', 1), (2, 'Yes.', 'model', 1, 1, '', '', 1),
                (3, 'Yes.', 'model', 0, 1, '', '', 1);",
    )
    .unwrap();
    drop(db);
    let store = Store::open(folder.path()).unwrap();
    let page = store.reviews(List::Open, 0, &rules()).unwrap();
    let shown = |item: &Item| (item.target.to_string(), item.asked, item.danger.is_some());
    let shown: Vec<_> = page.items.iter().map(shown).collect();
    let item = |target: &str, asked, danger| (target.to_owned(), asked, danger);
    assert_eq!(shown, [item("q1", 2, true), item("q3", 3, false), item("q6", 1, false)]);
    assert_eq!(page.items[0].answer.as_deref(), Some("Yes."));
    let page = store.reviews(List::Unanswered, 0, &rules()).unwrap();
    assert_eq!((page.total, page.items[0].target), (1, Target::Question(3)));
}

/// 50,000 questions and 20,000 entries, with answers, sources and decisions.
fn large() -> (tempfile::TempDir, Store) {
    let (folder, mut store) = store();
    let nurse = reviewer(&mut store, "nurse");
    let (questions, entries, kinds) = (50_000, 20_000, 30_000);
    let transaction = store.begin().unwrap();
    let run = |sql: &str| transaction.execute_batch(sql).unwrap();
    run("INSERT INTO packs (name, revision, language, licence, note, blake3)
         VALUES ('p', '2026-01', 'en', 'x', 'x', 'aabb')");
    let series = |n: i32| {
        format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n})")
    };
    let text = "'A passage of a few sentences, as an entry has: ' || hex(randomblob(150))";
    run(&format!(
        "INSERT INTO passages (pack_id, entry_id, language, topic, title, question, phrasings,
             answer, publisher, source_title, source_year)
         {} SELECT 1, 'e' || i, 'en', 'clinic', 'T' || i, 'Question ' || i, '', {text}, 'P', 'S',
             2020 FROM n",
        series(entries)
    ));
    run(&format!(
        "INSERT INTO questions (code, text, general, language, channel, cache_key, asked_unix_s)
         {} SELECT 'c' || i, 'Question ' || (i % {kinds}), 'question ' || (i % {kinds}), 'en',
             iif(i % 5, 'web', 'sms'), 'question ' || (i % {kinds}), 0 FROM n",
        series(questions)
    ));
    run(&format!(
        "INSERT INTO answers (question_seq, text, origin, danger, milliseconds, made_by, made_from,
             made_how, weak)
         SELECT seq, {text}, iif(seq % 7, 'model', 'none'), seq % 31 = 0, 1, '', '', 1, seq % 9 = 0
         FROM questions"
    ));
    run(&format!(
        "INSERT INTO sources (answer_seq, position, entry_id, title, reviewed, passage, place, pack)
         SELECT seq, 0, 'e' || (seq * 7 % {entries} + 1), 'T', 0, 'Passage',
             seq * 7 % {entries} + 1, 'p@aabb' FROM answers"
    ));
    run("UPDATE questions SET state = 'done';
         UPDATE answers SET helpful = 0 WHERE seq % 11 = 0;
         INSERT INTO cache (key, language, answer_seq)
         SELECT cache_key, language, max(a.seq) FROM questions q
         JOIN answers a ON a.question_seq = q.seq GROUP BY 1, 2");
    transaction.commit().unwrap();
    for seq in 1..=200 {
        let target = Target::Question(seq * 13);
        if item(&store, target).answer.is_some() {
            decide(&mut store, &nurse, target, Decision::Approve).unwrap();
        }
        decide(&mut store, &nurse, Target::Entry(seq * 3), Decision::Approve).unwrap();
    }
    (folder, store)
}

#[test]
fn lists_of_a_large_box_tell_their_times() {
    let (_folder, mut store) = large();
    let mut report = Vec::new();
    let mut time = |what: String, work: &mut dyn FnMut()| {
        // The best of some, since other tests run beside this one.
        let mut best = f64::MAX;
        for round in 0..40 {
            let begun = Instant::now();
            work();
            best = best.min(begun.elapsed().as_secs_f64() * 1e3);
            if round >= 4 && best < 50.0 {
                break;
            }
        }
        report.push(format!("{what}: {best:.1} ms"));
    };
    for list in [List::Open, List::Unanswered, List::Entries, List::Decided, List::NeedsSecond] {
        for first in [0, 5_000] {
            time(format!("{list:?} from {first}"), &mut || {
                assert!(store.reviews(list, first, &rules()).unwrap().items.len() <= 20);
            });
        }
    }
    time("item".into(), &mut || drop(item(&store, Target::Question(77))));
    time("checked".into(), &mut || drop(store.checked("question 13", "en").unwrap().unwrap()));
    time("candidates".into(), &mut || {
        store.checked_candidates("question 26", "en", 12).unwrap();
    });
    let nurse = store.reviewers().unwrap().remove(0);
    let mut slowest = 0.0_f64;
    let decisions = [Decision::Approve, withdraw(), edit("Another text."), Decision::Reopen];
    for (place, decision) in (3_000..).zip(decisions) {
        let begun = Instant::now();
        decide(&mut store, &nurse, Target::Entry(place), decision).unwrap();
        slowest = slowest.max(begun.elapsed().as_secs_f64() * 1e3);
    }
    report.push(format!("slowest decision on an entry: {slowest:.1} ms"));
    let begun = Instant::now();
    decide(&mut store, &nurse, Target::Question(3_001), withdraw()).unwrap();
    report.push(format!("withdraw a question: {:.1} ms", begun.elapsed().as_secs_f64() * 1e3));
    println!("{}", report.join("\n"));
}
