//! A desk that says what a test tells it to.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use answer::desk::{
    Answer, AnswerCode, AskError, Desk, Health, NewQuestion, Origin, Progress, Source, Stage,
    Ticket,
};

/// What every question gets, unless told otherwise.
pub(super) const CODE: &str = "K7M4RTW";

pub(super) struct FakeDesk {
    pub(super) asked: Mutex<Vec<NewQuestion>>,
    pub(super) tickets: Mutex<HashMap<String, Stage>>,
    pub(super) refusal: Mutex<Option<AskError>>,
    pub(super) followers: Mutex<Vec<Sender<Progress>>>,
    pub(super) health: Mutex<Health>,
}

impl Default for FakeDesk {
    fn default() -> Self {
        Self {
            asked: Mutex::default(),
            tickets: Mutex::default(),
            refusal: Mutex::default(),
            followers: Mutex::default(),
            health: Mutex::new(Health {
                journal_ok: true,
                model: Some("nano".into()),
                kernel: Some("scalar".into()),
                queued: 3,
                passages: 105,
            }),
        }
    }
}

impl FakeDesk {
    pub(super) fn put(&self, stage: Stage) {
        self.tickets.lock().unwrap().insert(CODE.to_owned(), stage);
    }
}

impl Desk for FakeDesk {
    fn ask(&self, question: NewQuestion) -> Result<AnswerCode, AskError> {
        if question.text.contains("panic") {
            panic!("a panic made for a test");
        }
        if question.text.trim().is_empty() {
            return Err(AskError::Empty);
        }
        if let Some(refusal) = self.refusal.lock().unwrap().clone() {
            return Err(refusal);
        }
        self.asked.lock().unwrap().push(question);
        self.put(Stage::Waiting { ahead: 2 });
        Ok(AnswerCode::parse(CODE).unwrap())
    }

    fn look_up(&self, code: &AnswerCode) -> Option<Ticket> {
        let stage = self.tickets.lock().unwrap().get(code.as_str()).cloned()?;
        Some(Ticket {
            code: code.clone(),
            question: "How <b>much</b> salt & sugar?".into(),
            language: "en".into(),
            stage,
        })
    }

    fn follow(&self, code: &AnswerCode) -> Option<Receiver<Progress>> {
        self.tickets.lock().unwrap().get(code.as_str())?;
        let (sender, receiver) = channel();
        self.followers.lock().unwrap().push(sender);
        Some(receiver)
    }

    fn health(&self) -> Health {
        self.health.lock().unwrap().clone()
    }
}

/// An answer with something to escape in every field.
pub(super) fn answer(origin: Origin) -> Answer {
    Answer {
        text: "Half a teaspoon.\n<script>alert(1)</script>".into(),
        origin,
        sources: vec![Source {
            id: "ors".into(),
            title: "Salt & sugar \"water\" <i>".into(),
            reviewed: false,
            passage: "Six level teaspoons of sugar & <half> of salt.".into(),
        }],
        danger: false,
        model: Some("nano <1>".into()),
        notice: Some("A demonstration model: <not> advice.".into()),
        milliseconds: 1234,
    }
}
