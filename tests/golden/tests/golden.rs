//! The embedded model's greedy answers, word for word. They are the same on every machine: run this
//! on x86-64, and under an emulator for aarch64 (`tests/arm.sh`).
//!
//! After a new training, `BARAZA_GOLDEN=write` writes what the model says now; read the difference.

use answer::{passage::Passage, prompt, question::QuestionText};
use engine::{Cancel, Engine, Message, Options, Prompt, Request, Sampling};
use serde_json::Value;
use std::ops::ControlFlow;
use std::path::PathBuf;

fn answer(engine: &mut Engine, case: &Value) -> String {
    let field = |name: &str| case[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned();
    let passage = Passage {
        id: field("id"),
        language: "en".into(),
        title: field("title"),
        text: field("passage"),
        publisher: String::new(),
        year: 0,
        ..Passage::default()
    };
    let question = QuestionText::parse(&field("question")).expect("a question");
    let grounded = prompt::grounded(&question, &passage);
    let message = |role: &str, content| Message { role: role.into(), content };
    let request = Request {
        prompt: Prompt::Chat(vec![
            message("system", grounded.system),
            message("user", grounded.user),
        ]),
        sampling: Sampling::default(),
        max_new_tokens: 200,
        time_budget: None,
        stop: vec![],
        reusable: vec![],
    };
    let mut streamed = String::new();
    let generation = engine
        .generate(&request, &Cancel::new(), &mut |piece| {
            streamed.push_str(piece);
            ControlFlow::Continue(())
        })
        .expect("a generation");
    assert_eq!(streamed, generation.text, "the pieces are the text");
    generation.text
}

#[test]
fn the_embedded_model_says_what_it_said() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("nano-en.json");
    let text = std::fs::read_to_string(&file).expect("tests/golden/nano-en.json");
    let mut golden: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    assert!(golden.len() >= 5);
    let pack = model_pack::Pack::from_static(nano::FILES).expect("the embedded pack");
    let mut engine = Engine::open(pack, &Options::default()).expect("the embedded model");
    println!("kernel {}", engine.kernel());
    let found: Vec<String> = golden.iter().map(|case| answer(&mut engine, case)).collect();
    if std::env::var("BARAZA_GOLDEN").is_ok_and(|v| v == "write") {
        for (case, found) in golden.iter_mut().zip(&found) {
            case["answer"] = found.as_str().into();
        }
        let text = serde_json::to_string_pretty(&golden).expect("JSON") + "\n";
        std::fs::write(&file, text).expect("tests/golden/nano-en.json");
        return;
    }
    for (case, found) in golden.iter().zip(&found) {
        assert_eq!(Some(found.as_str()), case["answer"].as_str(), "{}", case["question"]);
    }
}
