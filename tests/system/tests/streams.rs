//! Texts side by side, guessed ahead, or begun from a kept prompt say what they say alone.

use engine::{
    Cancel, Engine, Event, Generation, Message, Options, PrefixOptions, Prompt, Request, Sampling,
    StreamId,
};
use model_pack::Pack;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

const PASSAGES: [(&str, &str); 5] = [
    (
        "Heavy bleeding. Press hard on the wound with a clean cloth or your hand and do not stop \
      pressing. Tie a bandage over the cloth, and if blood comes through add more cloth on top.",
        "How do I stop heavy bleeding?",
    ),
    (
        "Burns. Cool the burn under clean running water for 20 minutes, and take off rings and tight \
      clothes. Cover it loosely with a clean cloth.",
        "What do I put on a burn?",
    ),
    ("Gravity. Gravity is the force that pulls things towards the ground.", "what is gravity"),
    ("Fever in adults. Rest, drink plenty of water, and keep cool.", "i have a fever"),
    ("Soil. Dig compost into the soil before the rains come.", "How do I make my soil better?"),
];

fn open(options: &Options) -> Engine {
    let pack = Pack::from_static(nano::FILES).expect("the embedded pack");
    Engine::open(pack, options).expect("the embedded model")
}

fn options(kv_bytes: u64) -> Options {
    let mut options = Options::default();
    options.threads = Some(2);
    options.kv_bytes = Some(kv_bytes);
    options
}

const PLENTY: u64 = 1 << 30;

fn request(i: usize) -> Request {
    let (passage, question) = PASSAGES[i];
    let message = |role: &str, content: String| Message { role: role.into(), content };
    let passage = format!("Passage: {passage}");
    Request {
        prompt: Prompt::Chat(vec![
            message("system", "Answer only from the passage.".into()),
            message("user", format!("{passage}\n\nQuestion: {question}")),
        ]),
        sampling: Sampling::default(),
        max_new_tokens: 60 + i,
        time_budget: None,
        stop: vec![],
        reusable: vec![passage],
    }
}

fn alone(engine: &mut Engine, request: &Request) -> Generation {
    engine.generate(request, &Cancel::new(), &mut |_| ControlFlow::Continue(())).expect("a text")
}

/// What counts: the words, how many, and why they end.
fn said(generation: &Generation) -> (String, usize, String) {
    (generation.text.clone(), generation.new_tokens, format!("{:?}", generation.stop))
}

#[test]
fn together_they_say_what_they_say_alone() {
    let mut engine = open(&options(PLENTY));
    let expected: Vec<_> = (0..5).map(|i| said(&alone(&mut engine, &request(i)))).collect();
    assert!(expected.iter().all(|(text, ..)| text.len() > 10), "{expected:?}");
    let mut waiting: Vec<usize> = (0..5).rev().collect();
    let mut running: HashMap<StreamId, usize> = HashMap::new();
    let mut pieces = vec![String::new(); 5];
    let mut ended = 0;
    for step in 0.. {
        // Each joins while the others are in the middle of theirs.
        if step % 3 == 0
            && let Some(i) = waiting.pop()
        {
            let id = engine.admit(&request(i), &Cancel::new()).expect("admitted");
            running.insert(id.expect("room"), i);
        }
        for event in engine.step().expect("a step") {
            match event {
                Event::Text(id, piece) => pieces[running[&id]].push_str(&piece),
                Event::Ended(id, generation) => {
                    let i = running[&id];
                    assert_eq!(said(&generation), expected[i]);
                    assert_eq!(pieces[i], expected[i].0);
                    ended += 1;
                }
                _ => {}
            }
        }
        if ended == 5 {
            break;
        }
        assert!(step < 1000, "they never end");
    }
    assert_eq!(engine.active(), 0);
}

#[test]
fn guessing_ahead_changes_no_word() {
    let mut plain = options(PLENTY);
    plain.no_prompt_lookup = true;
    let (mut plain, mut guessing) = (open(&plain), open(&options(PLENTY)));
    for i in 0..5 {
        for (temperature, repetition_penalty) in [(0.0, 1.0), (0.0, 1.3), (0.9, 1.0), (0.7, 1.1)] {
            let sampling =
                Sampling { temperature, repetition_penalty, seed: 7, ..Sampling::default() };
            for stop in [vec![], vec!["the".to_owned()]] {
                let request = Request { sampling: sampling.clone(), stop, ..request(i) };
                assert_eq!(
                    said(&alone(&mut guessing, &request)),
                    said(&alone(&mut plain, &request)),
                    "{i} at {temperature}"
                );
            }
        }
        // Every length at which a guess may run over the end.
        for max_new_tokens in 0..12 {
            let request = Request { max_new_tokens, ..request(i) };
            let (a, b) = (alone(&mut guessing, &request), alone(&mut plain, &request));
            assert_eq!(said(&a), said(&b));
            assert!(a.new_tokens <= max_new_tokens);
        }
    }
}

fn keeping(folder: &Path) -> Options {
    let mut options = options(PLENTY);
    options.prefixes = PrefixOptions {
        memory_bytes: 1 << 20,
        folder: Some(folder.to_owned()),
        folder_bytes: 1 << 24,
    };
    options
}

#[test]
fn a_kept_prompt_changes_no_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut fresh = open(&options(PLENTY));
    let mut first = open(&keeping(folder.path()));
    for i in 0..5 {
        let expected = alone(&mut fresh, &request(i));
        let cold = alone(&mut first, &request(i));
        assert_eq!((said(&cold), cold.reused_tokens), (said(&expected), 0));
        let again = alone(&mut first, &request(i));
        assert_eq!(said(&again), said(&expected));
        assert!(again.reused_tokens * 2 > again.prompt_tokens, "{again:?}");
        // After a restart, from the disk, with another question about the same passage.
        let mut restarted = open(&keeping(folder.path()));
        let other = || {
            let Prompt::Chat(mut messages) = request(i).prompt else { unreachable!() };
            messages[1].content.push_str(" Please say it in one sentence.");
            Request { prompt: Prompt::Chat(messages), ..request(i) }
        };
        let warm = alone(&mut restarted, &other());
        assert_eq!(said(&warm), said(&alone(&mut fresh, &other())));
        assert!(warm.reused_tokens > 0);
        assert!(!restarted.warm(&request(i)).expect("kept already"));
    }
    // A damaged file is a file that is not there.
    for entry in std::fs::read_dir(folder.path()).expect("the folder") {
        let path = entry.expect("an entry").path();
        let mut bytes = std::fs::read(&path).expect("a file");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        std::fs::write(&path, bytes).expect("written");
    }
    let mut restarted = open(&keeping(folder.path()));
    let cold = alone(&mut restarted, &request(0));
    assert_eq!((said(&cold), cold.reused_tokens), (said(&alone(&mut fresh, &request(0))), 0));
    let mut restarted = open(&keeping(folder.path()));
    assert!(restarted.warm(&request(1)).expect("computed again"));
    assert!(alone(&mut restarted, &request(1)).reused_tokens > 0);
}

#[test]
fn memory_for_texts_is_bounded_and_given_back() {
    let mut engine = open(&options(PLENTY));
    let prompt = alone(&mut engine, &request(0)).prompt_tokens;
    let each = engine.kv_position_bytes() * (prompt as u64 + 60);
    let mut engine = open(&options(2 * each));
    let cancel = Cancel::new();
    let first = engine.admit(&request(0), &cancel).expect("a good request").expect("room");
    engine.admit(&request(0), &cancel).expect("a good request").expect("room");
    assert_eq!(engine.admit(&request(0), &cancel).expect("a good request"), None);
    engine.step().expect("a step");
    assert!(engine.withdraw(first).is_some() && engine.withdraw(first).is_none());
    engine.admit(&request(0), &cancel).expect("a good request").expect("room again");
    let huge = Request { max_new_tokens: 3 * prompt + 200, ..request(0) };
    let error = engine.admit(&huge, &cancel).expect_err("more than all").to_string();
    assert!(error.contains("prompt"), "{error}");
    cancel.cancel();
    let ended = engine.step().expect("a step");
    assert_eq!(ended.iter().filter(|event| matches!(event, Event::Ended(..))).count(), 2);
    assert_eq!(engine.active(), 0);
}
