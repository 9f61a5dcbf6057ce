use answer::desk::Channel;

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
    Accepting {
        text: QuestionText::parse(text).unwrap(),
        language: Language::english(),
        channel: Channel::Web,
    }
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
    };
    Answer {
        text: text.into(),
        origin: Origin::Model,
        sources: vec![source("b"), source("a")],
        danger: false,
        model: Some("nano".into()),
        notice: Some("a demonstration".into()),
        milliseconds: 1234,
    }
}

fn stage(store: &Store, code: &AnswerCode) -> Stage {
    store.find(code).unwrap().unwrap().ticket.stage
}

#[test]
fn a_question_goes_its_way() {
    let (_folder, mut store) = store();
    let code = accept_new(&mut store, "What is ORS?");
    assert_eq!(stage(&store, &code), Stage::Waiting { ahead: 0 });
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
    assert_eq!(stage(&store, &codes[2]), Stage::Waiting { ahead: 2 });
    let first = next(&mut store).unwrap();
    assert_eq!(first.code, codes[0]);
    assert_eq!(stage(&store, &codes[2]), Stage::Waiting { ahead: 2 });
    // A clock that jumps changes nothing.
    store.db.execute("UPDATE questions SET asked_unix_s = -seq", []).unwrap();
    assert_eq!(next(&mut store).unwrap().code, codes[1]);
    assert_eq!(store.take(Which::After(99)).unwrap(), None);
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
fn another_model_knowledge_prompt_or_language_is_not_served_from_the_cache() {
    let (_folder, mut store) = store();
    accept_new(&mut store, "What is ORS?");
    let job = next(&mut store).unwrap();
    store.finish(&job, &answer("Salts."), &nano()).unwrap();
    let another_prompt = Making { prompt: 2, ..nano() };
    for making in [making("big", "k1"), making("nano", "k2"), another_prompt] {
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
    let none = answer::answering::no_source(&Language::english());
    store.finish(&job, &none, &nano()).unwrap();
    assert_eq!(stage(&store, &job.code), Stage::Done(none));
    assert!(matches!(accept(&mut store, "Who won?", &nano()), Accepted::Queued { .. }));
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
    assert_eq!(stage(&store, &codes[0]), Stage::Waiting { ahead: 1 });
    assert_eq!(stage(&store, &codes[1]), Stage::Waiting { ahead: 0 });
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
fn orderly_stops_are_no_deaths() {
    let (_folder, mut store) = store();
    let code = accept_new(&mut store, "What is ORS?");
    for _ in 0..2 * DEATHS_MAX {
        let job = next(&mut store).unwrap();
        store.release(&job).unwrap();
        store.resume().unwrap();
    }
    assert_eq!(stage(&store, &code), Stage::Waiting { ahead: 0 });
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
