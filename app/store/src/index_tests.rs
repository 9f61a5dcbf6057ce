//! The index: old databases, packs that are not ready, and vectors.

use answer::answering::{Ground, find_ground};
use answer::ports::Library;
use answer::question::{CacheKey, Language, QuestionText};
use answer::relevance::{Found, Query};
use rusqlite::Connection;

use crate::{DocumentPack, DocumentPassage, KnowledgePack, STARTER, Store, StoreError, nearest};

const ENCODER: &str = "test@1";

fn text(question: &str) -> QuestionText {
    QuestionText::parse(question).unwrap()
}

fn ground(store: &Store, question: &str, vector: Option<Vec<i8>>) -> Option<String> {
    match find_ground(&text(question), &Language::english(), vector, store).unwrap() {
        Ground::Passage(passage) => Some(passage.id),
        _ => None,
    }
}

fn search(store: &Store, question: &str, vector: Option<Vec<i8>>) -> Found {
    let language = Language::english();
    let query = Query::of(&text(question), &language).with_vector(vector);
    store.search(&query, &language, 12).unwrap()
}

fn ids(found: &Found) -> Vec<&str> {
    found.candidates.iter().map(|candidate| candidate.passage.id.as_str()).collect()
}

fn topics(store: &Store, question: &str) -> Vec<String> {
    let language = Language::english();
    let query = Query::of(&text(question), &language);
    let topics = store.nearest_topics(&query, &language, 3).unwrap();
    topics.into_iter().map(|topic| topic.id).collect()
}

fn starter() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    store.load(&KnowledgePack::parse("starter-en.jsonl", STARTER.as_bytes()).unwrap()).unwrap();
    (folder, store)
}

fn documents() -> DocumentPack {
    DocumentPack {
        name: "atlas".into(),
        revision: "2026-01".into(),
        language: "en".into(),
        licence: "CC-BY-4.0".into(),
        note: String::new(),
        blake3: "0".into(),
        publisher: "Atlas".into(),
        year: 2020,
    }
}

fn page(id: &str, title: &str, body: &str) -> DocumentPassage {
    DocumentPassage {
        id: id.into(),
        language: "en".into(),
        title: title.into(),
        section: "Overview".into(),
        text: body.into(),
        document_id: 1,
        position: 0,
        anchor: Some("#overview".into()),
        page: Some(1),
    }
}

#[test]
fn a_database_of_version_one_is_searched_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let db = Connection::open(folder.path().join("baraza.db")).unwrap();
    db.execute_batch(include_str!("schema/0001.sql")).unwrap();
    db.execute_batch(
        "PRAGMA application_id = 0x4241525A; PRAGMA user_version = 1;
         INSERT INTO packs VALUES (7, 'p', '2026-01', 'en', 'CC0-1.0', 'n', 'b');
         INSERT INTO passages VALUES (3, 7, 'comets', 'en', 'school', 'Comets', 'What is a comet?',
             'tell about comets\ntail of a comet', 'A ball of ice.', 'P', 'S', 2020, NULL, NULL);
         INSERT INTO wordings VALUES ('what is a comet', 'en', 3);
         INSERT INTO search_en (rowid, title, question, phrasings, answer)
             VALUES (3, 'Comets', 'What is a comet?', 'tell about comets', 'A ball of ice.');
         INSERT INTO questions (code, text, language, channel, cache_key, asked_unix_s)
             VALUES ('C', 'old', 'en', 'web', 'old', 0);",
    )
    .unwrap();
    drop(db);
    let mut store = Store::open(folder.path()).unwrap();
    assert_eq!(ground(&store, "What is a comet?", None).as_deref(), Some("comets"));
    assert_eq!(ground(&store, "the comets and their tails", None).as_deref(), Some("comets"));
    assert_eq!(store.passages().unwrap(), 1);
    let questions: u32 =
        store.db.query_row("SELECT count(*) FROM questions", [], |row| row.get(0)).unwrap();
    assert_eq!(questions, 1);
    // Opening again makes nothing anew, and a pack loads beside the old one.
    let generation = |store: &Store| -> i64 {
        let sql = "SELECT generation FROM search_state";
        store.db.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let before = generation(&store);
    assert_eq!(generation(&store.open_another().unwrap()), before);
    store.load(&KnowledgePack::parse("s", STARTER.as_bytes()).unwrap()).unwrap();
    assert_eq!(ground(&store, "bitten by a snake", None).as_deref(), Some("snake-bite"));
    assert_eq!(store.integrity_errors().unwrap(), Vec::<String>::new());
}

#[test]
fn an_index_of_other_terms_is_made_anew() {
    let (folder, store) = starter();
    store.db.execute_batch("UPDATE search_state SET version = 0; DELETE FROM pack_terms;").unwrap();
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(ground(&store, "bitten by a snake", None).as_deref(), Some("snake-bite"));
}

#[test]
fn a_pack_is_found_only_once_it_is_whole() {
    let (_folder, mut store) = starter();
    let other = store.open_another().unwrap();
    let knowledge = store.knowledge_id().unwrap();
    let pack = documents();
    let id = store.begin_documents(&pack).unwrap();
    let volcano = page("v1", "Volcanoes of the rift", "Lava erupts from a volcano in the rift.");
    store.add_documents(id, &pack, std::slice::from_ref(&volcano), (1, 2)).unwrap();
    let question = "where does lava of a volcano in the rift erupt";
    for store in [&store, &other] {
        assert_eq!(ids(&search(store, question, None)), Vec::<&str>::new());
        assert_eq!(store.passages().unwrap(), 105);
    }
    assert_eq!(store.knowledge_id().unwrap(), knowledge);
    store.finish_documents(id, &pack).unwrap();
    for store in [&store, &other] {
        assert_eq!(ids(&search(store, question, None))[0], "v1");
    }
    assert_ne!(store.knowledge_id().unwrap(), knowledge);
    // A second revision is built beside the first and then takes its place; an attempt that was given
    // up leaves nothing.
    store.begin_documents(&pack).unwrap();
    let id = store.begin_documents(&pack).unwrap();
    let lava =
        page("v2", "Volcanoes of the rift", "Lava erupts from a volcano in the rift valley.");
    store.add_documents(id, &pack, &[lava], (2, 2)).unwrap();
    assert_eq!(ids(&search(&store, question, None))[0], "v1");
    store.finish_documents(id, &pack).unwrap();
    let found = search(&other, question, None);
    assert!(ids(&found).contains(&"v2") && !ids(&found).contains(&"v1"));
    assert_eq!(store.passages().unwrap(), 106);
    assert_eq!(store.integrity_errors().unwrap(), Vec::<String>::new());
}

#[test]
fn wordings_of_a_pack_that_is_not_ready_are_not_served() {
    let (_folder, store) = starter();
    let key = CacheKey::of(&text("What should I do for a snake bite?"));
    let worded = |store: &Store| store.worded(&key, &Language::english()).unwrap();
    assert!(worded(&store).is_some());
    store.db.execute_batch("UPDATE packs SET state = 'building'").unwrap();
    crate::index::changed(&store.db).unwrap();
    assert!(worded(&store).is_none());
    assert!(search(&store, "snake bite", None).candidates.is_empty());
    assert!(topics(&store, "snake bite").is_empty());
}

/// A unit vector along one of four axes.
fn axis(at: usize) -> Vec<i8> {
    (0..4).map(|i| if i == at { 127 } else { 0 }).collect()
}

#[test]
fn vectors_find_what_words_do_not() {
    let (_folder, store) = starter();
    let mut store = store.with_vectors(ENCODER, nearest);
    let reader = store.open_another().unwrap();
    let all = store.passages_without_vectors(ENCODER, 1_000).unwrap();
    assert_eq!(all.len(), 105);
    assert!(all.iter().all(|passage| passage.texts.len() >= 2 && passage.language == "en"));
    let question = "my lorry will not start";
    let snake = |store: &Store| {
        let found = search(store, question, Some(axis(0)));
        found.candidates.iter().find(|c| c.passage.id == "snake-bite").and_then(|c| c.cosine)
    };
    assert_eq!(snake(&reader), None);
    let bite = all.iter().find(|passage| passage.texts[1].contains("snake")).unwrap();
    let others = all.iter().filter(|passage| passage.id != bite.id).take(3);
    let mut put: Vec<_> = others.map(|passage| (passage.id, vec![axis(1)])).collect();
    put.push((bite.id, vec![axis(2), axis(0)]));
    store.put_vectors(ENCODER, &put).unwrap();
    // The other connection sees them too.
    assert!((snake(&reader).unwrap() - 1.0).abs() < 1e-9);
    assert_eq!(store.passages_without_vectors(ENCODER, 1_000).unwrap().len(), 101);
    // Put again, they are replaced; of another encoder, they are not looked at.
    store.put_vectors(ENCODER, &[(bite.id, vec![axis(3)])]).unwrap();
    assert!(snake(&reader).is_none_or(|cosine| cosine < 0.1));
    store.put_vectors("other@1", &[(bite.id, vec![axis(0)])]).unwrap();
    assert!(snake(&reader).is_none_or(|cosine| cosine < 0.1));
    // Without a vector, or one of another width, the words are searched.
    for vector in [None, Some(vec![1; 7]), Some(Vec::new())] {
        assert_eq!(ground(&reader, "bitten by a snake", vector).as_deref(), Some("snake-bite"));
    }
    assert_eq!(store.drop_other_vectors(ENCODER).unwrap(), 1);
}

#[test]
fn vectors_that_cannot_be_are_refused_whole() {
    let (_folder, mut store) = starter();
    let all = store.passages_without_vectors(ENCODER, 2).unwrap();
    let put = [(all[0].id, vec![axis(0)]), (all[1].id, vec![Vec::new()])];
    let error = store.put_vectors(ENCODER, &put).unwrap_err();
    assert!(matches!(error, StoreError::Vector { width: 0, .. }), "{error}");
    assert_eq!(store.passages_without_vectors(ENCODER, 1_000).unwrap().len(), 105);
    // A passage that has gone meanwhile is no error.
    store.put_vectors(ENCODER, &[(999_999, vec![axis(0)])]).unwrap();
}

#[test]
fn the_nearest_rows_come_first() {
    let rows: Vec<i8> = [axis(0), axis(1), axis(0), axis(2)].concat();
    assert_eq!(nearest(&rows, 4, &axis(0), 2), [(0, 16_129), (2, 16_129)]);
    assert_eq!(nearest(&rows, 4, &axis(2), 1), [(3, 16_129)]);
    assert!(nearest(&rows, 4, &axis(0), 0).is_empty());
    assert!(nearest(&rows, 0, &[], 3).is_empty());
}

/// Found by cutting the power 171 times: SQLite gave the number of a pack that was dropped to the one
/// begun after it, and who was still reading the old edition went on into the new one.
#[test]
fn a_pack_begun_anew_takes_nothing_from_who_read_the_old_edition() {
    let (_folder, mut store) = starter();
    let edition = |blake3: &str| crate::DocumentPack {
        name: "guide".into(),
        revision: "2026-01".into(),
        language: "en".into(),
        licence: "CC0-1.0".into(),
        note: "n".into(),
        blake3: blake3.into(),
        publisher: "P".into(),
        year: 2026,
    };
    let (old, new) = (edition("1"), edition("2"));
    let (old_id, _) = store.begin_or_resume_documents(&old, "guide".as_ref()).unwrap();
    let (new_id, position) = store.begin_or_resume_documents(&new, "guide".as_ref()).unwrap();
    assert_eq!((old_id, position), (new_id, 0), "the number is given again");
    assert!(store.add_documents(old_id, &old, &[], (1, 2)).is_err());
    assert!(store.finish_documents(old_id, &old).is_err());
    assert!(store.drop_documents(old_id, &old).is_err());
    store.add_documents(new_id, &new, &[], (1, 2)).unwrap();
    assert_eq!(store.begin_or_resume_documents(&new, "guide".as_ref()).unwrap(), (new_id, 1));
    let right = store.try_import_right().unwrap();
    assert!(right.is_some() && store.try_import_right().unwrap().is_none());
}

#[test]
fn topics_are_named_for_questions_and_not_for_noise() {
    let (_folder, store) = starter();
    assert!(
        topics(&store, "which snakes in our region are harmless").contains(&"snake-bite".into())
    );
    for noise in ["asdf jkl qwer", "hello", "4", "zzzz", "???", "\u{1F600}"] {
        assert_eq!(topics(&store, noise), Vec::<String>::new(), "{noise}");
    }
}

#[test]
fn misspelt_and_joined_words_are_found() {
    let (_folder, store) = starter();
    for (question, id) in [
        ("snakebite", "snake-bite"),
        ("what are the symtoms of kolera", "cholera-signs"),
        ("wat r the signs of numonia in a child", "pneumonia-signs"),
        ("How do I purify water?", "safe-water-treatment"),
        ("I don't want to live any more", "feeling-hopeless"),
    ] {
        assert_eq!(ground(&store, question, None).as_deref(), Some(id), "{question}");
    }
}
