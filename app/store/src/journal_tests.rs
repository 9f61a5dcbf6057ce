use answer::desk::{Channel, Floor, Source};
use answer::ports::Kept;

use super::*;

fn making(model: &str, knowledge: &str) -> Making {
    Making { model: model.into(), knowledge: knowledge.into(), prompt: 1 }
}

fn nano() -> Making {
    making("nano", "k1")
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

fn asking(text: &str) -> Accepting {
    Accepting::new(QuestionText::parse(text).unwrap(), Language::english(), Channel::Web)
}

/// Codes in a fixed order that differ from question to question.
fn codes(store: &Store) -> impl FnMut() -> AnswerCode + use<> {
    let mut number: u32 =
        store.db.query_row("SELECT count(*) FROM questions", [], |row| row.get(0)).unwrap();
    move || {
        number += 1;
        let mut once = || u64::from(number);
        AnswerCode::generate(&mut once)
    }
}

fn accept(store: &mut Store, text: &str, making: &Making) -> Accepted {
    let mut codes = codes(store);
    store.accept(&asking(text), making, 100, &mut codes).unwrap()
}

fn accept_new(store: &mut Store, text: &str) -> AnswerCode {
    match accept(store, text, &nano()) {
        Accepted::Queued { code, .. } => code,
        other => panic!("{other:?}"),
    }
}

fn next(store: &mut Store) -> Option<Job> {
    store.take(Which::Next).unwrap()
}

fn answer(text: &str) -> Answer {
    let source = |id: &str| Source {
        id: id.into(),
        title: format!("{id} (P, 2020)"),
        reviewed: false,
        passage: "A passage.".into(),
        ..Source::default()
    };
    Answer {
        text: text.into(),
        origin: Origin::Model,
        sources: vec![source("b"), source("a")],
        danger: false,
        model: Some("nano".into()),
        notice: Some("a demonstration".into()),
        milliseconds: 1234,
        ..Answer::default()
    }
}

fn stage(store: &Store, code: &AnswerCode) -> Stage {
    store.find(code).unwrap().unwrap().ticket.stage
}

#[test]
fn a_question_goes_its_way() {
    let (_folder, mut store) = store();
    let code = accept_new(&mut store, "What is ORS?");
    assert_eq!(stage(&store, &code), Stage::Waiting { ahead: 0, wait_s: None });
    let job = next(&mut store).unwrap();
    assert_eq!((job.text.as_str(), &job.code), ("What is ORS?", &code));
    assert_eq!(stage(&store, &code), Stage::Writing { so_far: String::new() });
    assert_eq!(next(&mut store), None);
    store.finish(&job, &answer("Salts."), &nano()).unwrap();
    assert_eq!(stage(&store, &code), Stage::Done(answer("Salts.")));
    assert_eq!(store.queued().unwrap(), 0);
    assert_eq!(store.find(&AnswerCode::parse("KKKKKKK").unwrap()).unwrap(), None);
}

#[test]
fn questions_are_answered_in_order_of_acceptance() {
    let (_folder, mut store) = store();
    let codes: Vec<_> = ["a1", "b2", "c3"].map(|text| accept_new(&mut store, text)).into();
    assert_eq!(stage(&store, &codes[2]), Stage::Waiting { ahead: 2, wait_s: None });
    let first = next(&mut store).unwrap();
    assert_eq!(first.code, codes[0]);
    assert_eq!(stage(&store, &codes[2]), Stage::Waiting { ahead: 2, wait_s: None });
    // A clock that jumps changes nothing.
    store.db.execute("UPDATE questions SET asked_unix_s = -seq", []).unwrap();
    assert_eq!(next(&mut store).unwrap().code, codes[1]);
    assert_eq!(store.take(Which::This(3)).unwrap().unwrap().code, codes[2]);
}

#[test]
fn channels_take_turns_and_twins_wait() {
    let (_folder, mut store) = store();
    for text in ["w1", "w2", "w3", "w1"] {
        accept_new(&mut store, text);
    }
    let mut codes = codes(&store);
    let terminal = Accepting { channel: Channel::CommandLine, ..asking("c1") };
    store.accept(&terminal, &nano(), 100, &mut codes).unwrap();
    let mut taken = || next(&mut store).map(|job| job.text.as_str().to_owned());
    assert_eq!(taken().as_deref(), Some("w1"));
    // The web has one in writing, the command line none.
    assert_eq!(taken().as_deref(), Some("c1"));
    assert_eq!(taken().as_deref(), Some("w2"));
    assert_eq!(taken().as_deref(), Some("w3"));
    // The second w1 waits for the answer to the first.
    assert_eq!(taken(), None);
    let first = store.db.query_row("SELECT min(seq) FROM questions", [], |row| row.get(0)).unwrap();
    store.db.execute("UPDATE questions SET state = 'accepted' WHERE seq = ?1", [first]).unwrap();
    let job = store.take(Which::This(first)).unwrap().unwrap();
    store.finish(&job, &answer("One."), &nano()).unwrap();
    let twin = next(&mut store).unwrap();
    assert_eq!(twin.text.as_str(), "w1");
    assert_eq!(store.cached(&twin, &nano()).unwrap().map(|a| a.text).as_deref(), Some("One."));
}

#[test]
fn danger_goes_first_and_one_who_asks_much_lets_others_pass() {
    let (_folder, mut store) = store();
    let of = |who: &str, text: &str| Accepting { asker: Some(who.into()), ..asking(text) };
    let floor = Floor { rule: "snake-bite".into(), ..Floor::default() };
    let danger = Accepting { floor: Some(floor.clone()), ..of("c", "c1") };
    for question in [of("a", "a1"), of("a", "a2"), of("a", "a3"), of("b", "b1"), danger] {
        let mut codes = codes(&store);
        store.accept(&question, &nano(), 100, &mut codes).unwrap();
    }
    let last = store.find(&codes_of(&store, "a3")).unwrap().unwrap();
    assert_eq!(last.ticket.stage, Stage::Waiting { ahead: 4, wait_s: None });
    let first = store.find(&codes_of(&store, "c1")).unwrap().unwrap();
    assert_eq!(first.ticket.floor, Some(floor));
    let mut taken = Vec::new();
    while let Some(job) = next(&mut store) {
        taken.push(job.text.as_str().to_owned());
        store.finish(&job, &answer("It is."), &nano()).unwrap();
    }
    assert_eq!(taken, ["c1", "a1", "b1", "a2", "a3"]);
    let kept: u32 =
        store.db.query_row("SELECT count(asker) FROM questions", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 0, "who asked is forgotten with the answer");
}

fn codes_of(store: &Store, text: &str) -> AnswerCode {
    let sql = "SELECT code FROM questions WHERE text = ?1";
    let code: String = store.db.query_row(sql, [text], |row| row.get(0)).unwrap();
    AnswerCode::parse(&code).unwrap()
}

#[test]
fn one_person_does_not_fill_the_queue() {
    let (_folder, mut store) = store();
    let of = |who: &str, text: &str| Accepting { asker: Some(who.into()), ..asking(text) };
    let mut codes = codes(&store);
    for i in 0..WAITING_PER_ASKER_MAX {
        store.accept(&of("a", &format!("a{i}")), &nano(), 100, &mut codes).unwrap();
    }
    let refused = store.accept(&of("a", "one more"), &nano(), 100, &mut codes).unwrap_err();
    assert!(matches!(refused, AcceptError::TooManyOfYours { waiting: WAITING_PER_ASKER_MAX }));
    store.accept(&of("b", "b1"), &nano(), 100, &mut codes).unwrap();
    let ready = Accepting { ready: Some(answer("It is.")), ..of("a", "ready") };
    assert!(store.accept(&ready, &nano(), 100, &mut codes).is_ok(), "costs the queue nothing");
}

#[test]
fn an_answer_that_needs_no_model_is_kept_at_once() {
    let (_folder, mut store) = store();
    let floor = Floor { rule: "burns".into(), text: "Cool it.".into(), ..Floor::default() };
    let ready = answer::ports::with_floor(answer("Quoted."), Some(&floor));
    let asked = Accepting { floor: Some(floor), ready: Some(ready.clone()), ..asking("my burn") };
    let mut codes = codes(&store);
    match store.accept(&asked, &nano(), 100, &mut codes).unwrap() {
        Accepted::Answered { code, answer } => {
            assert_eq!(answer.whole(), "Cool it.\n\nQuoted.");
            assert_eq!(stage(&store, &code), Stage::Done(answer));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn cached_questions_are_found_by_their_words_until_their_pack_changes() {
    let (_folder, mut store) = store();
    accept_new(&mut store, "How do I treat a burn on the hand?");
    let job = next(&mut store).unwrap();
    let mut written = answer("Cool it.");
    written.sources[0].pack = "p@1".into();
    store.finish(&job, &written, &nano()).unwrap();
    let near = |store: &Store, text: &str| {
        let query = Query::of(&QuestionText::parse(text).unwrap(), &Language::english());
        let found = store.cached_near(&query, &Language::english(), &nano(), 5).unwrap();
        found.into_iter().map(|(key, answer)| (key, answer.text)).collect::<Vec<_>>()
    };
    let found = near(&store, "treating burned hands");
    assert_eq!(found, [("how do i treat a burn on the hand".into(), "Cool it.".into())]);
    assert!(near(&store, "comets").is_empty());
    crate::load::expire(&store.db, "p").unwrap();
    assert!(near(&store, "treating burned hands").is_empty());
    assert!(matches!(
        accept(&mut store, "How do I treat a burn on the hand?", &nano()),
        Accepted::Queued { .. }
    ));
}

#[test]
fn asked_again_it_is_answered_at_once_and_keeps_its_sources() {
    let (_folder, mut store) = store();
    accept_new(&mut store, "What is ORS?");
    let job = next(&mut store).unwrap();
    store.finish(&job, &answer("Salts."), &nano()).unwrap();
    match accept(&mut store, "  what is ors ", &nano()) {
        Accepted::Answered { code, answer: cached } => {
            let milliseconds = cached.milliseconds;
            let expected = Answer { origin: Origin::Cache, milliseconds, ..answer("Salts.") };
            assert_eq!(cached, expected);
            assert_eq!(stage(&store, &code), Stage::Done(cached));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(store.queued().unwrap(), 0);
}

#[test]
fn another_model_prompt_or_language_is_not_served_from_the_cache() {
    let (_folder, mut store) = store();
    accept_new(&mut store, "What is ORS?");
    let job = next(&mut store).unwrap();
    store.finish(&job, &answer("Salts."), &nano()).unwrap();
    let another_prompt = Making { prompt: 2, ..nano() };
    for making in [making("big", "k1"), another_prompt] {
        assert!(matches!(accept(&mut store, "What is ORS?", &making), Accepted::Queued { .. }));
    }
    let mut swahili = asking("What is ORS?");
    swahili.language = Language::parse("sw").unwrap();
    let mut codes = codes(&store);
    let accepted = store.accept(&swahili, &nano(), 100, &mut codes).unwrap();
    assert!(matches!(accepted, Accepted::Queued { .. }));
}

#[test]
fn a_question_that_waited_behind_its_twin_finds_the_cache() {
    let (_folder, mut store) = store();
    accept_new(&mut store, "What is ORS?");
    accept_new(&mut store, "what is ors");
    let first = next(&mut store).unwrap();
    assert_eq!(store.cached(&first, &nano()).unwrap(), None);
    store.finish(&first, &answer("Salts."), &nano()).unwrap();
    let second = next(&mut store).unwrap();
    let cached = store.cached(&second, &nano()).unwrap().unwrap();
    store.finish(&second, &cached, &nano()).unwrap();
    assert_eq!(stage(&store, &second.code), Stage::Done(cached));
}

#[test]
fn no_source_is_not_cached() {
    let (_folder, mut store) = store();
    accept_new(&mut store, "Who won?");
    let job = next(&mut store).unwrap();
    let text = answer::sentences::no_source(&Language::english()).to_owned();
    let none = Answer { text, origin: Origin::None, ..Answer::default() };
    store.finish(&job, &none, &nano()).unwrap();
    assert_eq!(stage(&store, &job.code), Stage::Done(none));
    assert!(matches!(accept(&mut store, "Who won?", &nano()), Accepted::Queued { .. }));
}

#[test]
fn what_a_model_wrote_without_a_source_is_not_cached() {
    let (_folder, mut store) = store();
    accept_new(&mut store, "What is ORS?");
    let job = next(&mut store).unwrap();
    let free = Answer { sources: Vec::new(), ..answer("Perhaps salts.") };
    store.finish(&job, &free, &nano()).unwrap();
    assert!(matches!(accept(&mut store, "What is ORS?", &nano()), Accepted::Queued { .. }));
}

#[test]
fn no_question_gets_two_answers() {
    let (_folder, mut store) = store();
    accept_new(&mut store, "What is ORS?");
    let job = next(&mut store).unwrap();
    store.finish(&job, &answer("Salts."), &nano()).unwrap();
    assert!(store.finish(&job, &answer("Sugars."), &nano()).is_err());
    store.fail(&job, "too late").unwrap();
    store.release(&job).unwrap();
    assert_eq!(stage(&store, &job.code), Stage::Done(answer("Salts.")));
}

#[test]
fn the_queue_is_bounded_but_the_cache_is_not() {
    let (_folder, mut store) = store();
    accept_new(&mut store, "What is ORS?");
    let job = next(&mut store).unwrap();
    store.finish(&job, &answer("Salts."), &nano()).unwrap();
    accept_new(&mut store, "one");
    accept_new(&mut store, "two");
    let mut codes = codes(&store);
    let refused = store.accept(&asking("three"), &nano(), 2, &mut codes).unwrap_err();
    assert_eq!(refused, AcceptError::Busy { waiting: 2 });
    let cached = store.accept(&asking("What is ORS?"), &nano(), 2, &mut codes).unwrap();
    assert!(matches!(cached, Accepted::Answered { .. }));
    assert_eq!(store.queued().unwrap(), 2);
}

#[test]
fn a_taken_code_is_not_given_twice() {
    let (_folder, mut store) = store();
    let mut numbers = [7, 7, 7, 8].into_iter();
    let mut codes = || AnswerCode::generate(&mut || numbers.next().unwrap());
    let mut ask = |text| match store.accept(&asking(text), &nano(), 9, &mut codes).unwrap() {
        Accepted::Queued { code, .. } => code,
        other => panic!("{other:?}"),
    };
    assert_ne!(ask("one"), ask("two"));
    let mut same = || AnswerCode::generate(&mut || 7);
    let error = store.accept(&asking("three"), &nano(), 9, &mut same).unwrap_err();
    assert!(matches!(error, AcceptError::Storage(_)));
    assert_eq!(store.queued().unwrap(), 2);
}

/// Starts that die while the first question is being written.
fn die_writing(folder: &std::path::Path, times: u32) {
    for _ in 0..times {
        let mut store = Store::open(folder).unwrap();
        store.resume().unwrap();
        next(&mut store).unwrap();
    }
}

#[test]
fn a_restart_resumes_in_order() {
    let (folder, mut store) = store();
    let codes: Vec<_> = ["a1", "b2"].map(|text| accept_new(&mut store, text)).into();
    drop(store);
    die_writing(folder.path(), 1);
    let mut store = Store::open(folder.path()).unwrap();
    assert_eq!(store.resume().unwrap(), 2);
    assert_eq!(next(&mut store).unwrap().code, codes[0]);
    assert_eq!(next(&mut store).unwrap().code, codes[1]);
}

#[test]
fn a_question_at_several_deaths_lets_others_go_first_and_is_given_up_at_last() {
    let (folder, mut store) = store();
    let codes: Vec<_> = ["a1", "b2"].map(|text| accept_new(&mut store, text)).into();
    drop(store);
    die_writing(folder.path(), DEATHS_BEFORE_LAST);
    let mut store = Store::open(folder.path()).unwrap();
    store.resume().unwrap();
    assert_eq!(stage(&store, &codes[0]), Stage::Waiting { ahead: 1, wait_s: None });
    assert_eq!(stage(&store, &codes[1]), Stage::Waiting { ahead: 0, wait_s: None });
    let second = next(&mut store).unwrap();
    assert_eq!(second.code, codes[1]);
    store.finish(&second, &answer("B."), &nano()).unwrap();
    drop(store);
    die_writing(folder.path(), DEATHS_MAX - DEATHS_BEFORE_LAST);
    let mut store = Store::open(folder.path()).unwrap();
    assert_eq!(store.resume().unwrap(), 0);
    let Stage::Failed { reason } = stage(&store, &codes[0]) else { panic!() };
    assert!(reason.contains("could not answer"), "{reason}");
    assert_eq!(next(&mut store), None);
}

#[test]
fn what_waited_too_long_is_dropped_honestly_and_by_running_time_only() {
    let (_folder, mut store) = store();
    let old = accept_new(&mut store, "a1");
    // A date that jumps drops nothing.
    store.db.execute("UPDATE questions SET asked_unix_s = 0", []).unwrap();
    assert_eq!(store.resume().unwrap(), 1);
    store.add_running(crate::limits::STALE_RUNNING_S + 1).unwrap();
    let running_s = store.running_s().unwrap();
    let mut codes = codes(&store);
    let new = Accepting { running_s, ..asking("b2") };
    store.accept(&new, &nano(), 100, &mut codes).unwrap();
    assert_eq!(store.resume().unwrap(), 1);
    let Stage::Failed { reason } = stage(&store, &old) else { panic!() };
    assert!(reason.contains("waited too long"), "{reason}");
    assert_eq!(next(&mut store).unwrap().text.as_str(), "b2");
}

#[test]
fn orderly_stops_are_no_deaths() {
    let (_folder, mut store) = store();
    let code = accept_new(&mut store, "What is ORS?");
    for _ in 0..2 * DEATHS_MAX {
        let job = next(&mut store).unwrap();
        store.release(&job).unwrap();
        store.resume().unwrap();
    }
    assert_eq!(stage(&store, &code), Stage::Waiting { ahead: 0, wait_s: None });
}

#[test]
fn a_failure_keeps_its_reason() {
    let (_folder, mut store) = store();
    accept_new(&mut store, "What is ORS?");
    let job = next(&mut store).unwrap();
    store.fail(&job, "Ask again.").unwrap();
    assert_eq!(stage(&store, &job.code), Stage::Failed { reason: "Ask again.".into() });
    assert_eq!(store.resume().unwrap(), 0);
}

#[test]
fn a_full_disk_keeps_what_was_accepted_and_refuses_the_rest_in_words() {
    let (folder, mut store) = store();
    let pages: u32 = store.db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    store.db.pragma_update(None, "max_page_count", pages + 2).unwrap();
    let long = "word ".repeat(90);
    let mut accepted = 0_usize;
    let error = loop {
        let mut codes = codes(&store);
        let text = format!("{accepted} {long}");
        match store.accept(&asking(&text), &nano(), 1000, &mut codes) {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("full"), "{error}");
    assert!(accepted > 0);
    // A question taken on whose answer does not fit still waits for it.
    let job = next(&mut store).unwrap();
    let huge = answer(&"word ".repeat(9000));
    assert!(store.finish(&job, &huge, &nano()).unwrap_err().to_string().contains("full"));
    drop(store);
    let mut store = Store::open(folder.path()).unwrap();
    assert_eq!(store.integrity_errors().unwrap(), Vec::<String>::new());
    assert_eq!(store.resume().unwrap(), accepted);
    let job = next(&mut store).unwrap();
    store.finish(&job, &huge, &nano()).unwrap();
}

#[test]
fn a_read_only_database_is_named_as_such() {
    let (_folder, mut store) = store();
    store.db.pragma_update(None, "query_only", true).unwrap();
    let mut codes = codes(&store);
    let error = store.accept(&asking("one"), &nano(), 9, &mut codes).unwrap_err();
    assert!(error.to_string().contains("not written"), "{error}");
}

#[test]
fn a_locked_database_is_named_as_such() {
    let (_folder, mut store) = store();
    let other = store.open_another().unwrap();
    store.db.busy_timeout(std::time::Duration::ZERO).unwrap();
    other.db.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(!store.is_writable());
    let mut codes = codes(&store);
    let error = store.accept(&asking("one"), &nano(), 9, &mut codes).unwrap_err();
    assert!(error.to_string().contains("locked"), "{error}");
    other.db.execute_batch("ROLLBACK").unwrap();
    assert!(store.is_writable());
}

#[test]
fn a_damaged_database_is_named_as_such() {
    let (folder, mut store) = store();
    for i in 0..90 {
        accept_new(&mut store, &format!("question {i}"));
    }
    store.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(store);
    let path = folder.path().join("baraza.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let (page, end) = (4096, bytes.len());
    bytes[page..end].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged), "{error}");
}
