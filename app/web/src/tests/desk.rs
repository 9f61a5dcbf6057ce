//! A desk that says what a test tells it to.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use answer::desk::{
    Answer, AnswerCode, AskError, Check, Clock, Desk, Feedback, Floor, Health, NewQuestion, Origin,
    Progress, Source, SourcePage, Stage, Ticket, Topic,
};
use answer::ports::StorageError;

/// Something that would run, or break out of an attribute, if it were not escaped.
pub(super) const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'&</textarea></script>";

/// What every question gets, unless told otherwise.
pub(super) const CODE: &str = "K7M4RTW";

pub(super) struct FakeDesk {
    pub(super) asked: Mutex<Vec<NewQuestion>>,
    pub(super) tickets: Mutex<HashMap<String, Stage>>,
    pub(super) refusal: Mutex<Option<AskError>>,
    pub(super) followers: Mutex<Vec<Sender<Progress>>>,
    pub(super) health: Mutex<Health>,
    pub(super) floor: Mutex<Option<Floor>>,
    pub(super) said: Mutex<Vec<Feedback>>,
    /// Makes deleting and feedback fail.
    pub(super) full: Mutex<bool>,
    pub(super) sources: Mutex<HashMap<i64, SourcePage>>,
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
                indexing: None,
                clock: Clock::NotSet,
                encoder: false,
            }),
            floor: Mutex::default(),
            said: Mutex::default(),
            full: Mutex::default(),
            sources: Mutex::default(),
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
        self.put(Stage::Waiting { ahead: 2, wait_s: Some(100) });
        Ok(AnswerCode::parse(CODE).unwrap())
    }

    fn look_up(&self, code: &AnswerCode) -> Option<Ticket> {
        let stage = self.tickets.lock().unwrap().get(code.as_str()).cloned()?;
        Some(Ticket {
            code: code.clone(),
            question: "How <b>much</b> salt & sugar?".into(),
            language: "en".into(),
            floor: self.floor.lock().unwrap().clone(),
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

    fn feedback(&self, code: &AnswerCode, feedback: Feedback) -> bool {
        assert!(self.tickets.lock().unwrap().contains_key(code.as_str()));
        self.said.lock().unwrap().push(feedback);
        !*self.full.lock().unwrap()
    }

    fn forget(&self, code: &AnswerCode) -> Result<bool, StorageError> {
        if *self.full.lock().unwrap() {
            return Err(StorageError("disk full".into()));
        }
        Ok(self.tickets.lock().unwrap().remove(code.as_str()).is_some())
    }

    fn source_page(&self, place: i64) -> Option<SourcePage> {
        self.sources.lock().unwrap().get(&place).cloned()
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
            place: Some(7),
            pack: "starter@<1>".into(),
        }],
        model: Some("nano <1>".into()),
        notice: Some("A demonstration model: <not> advice.".into()),
        milliseconds: 1234,
        ..Answer::default()
    }
}

/// What must be shown first, nobody having reviewed it.
pub(super) fn floor() -> Floor {
    Floor {
        rule: "convulsions".into(),
        text: "Go to the health centre now.".into(),
        sms: "Go now.".into(),
        language: "en".into(),
        source: "WHO IMCI chart booklet".into(),
        reviewed: false,
    }
}

/// A checked answer.
pub(super) fn checked(role: &str, on: Option<&str>) -> Answer {
    Answer {
        check: Some(Check { role: role.into(), on: on.map(Into::into) }),
        model: None,
        notice: None,
        ..answer(Origin::Checked)
    }
}

/// No answer, but topics.
pub(super) fn unsourced(topics: &[(&str, &str)]) -> Answer {
    Answer {
        text: "I have no source for that.".into(),
        topics: topics
            .iter()
            .map(|(title, question)| Topic { title: (*title).into(), question: (*question).into() })
            .collect(),
        ..Answer::default()
    }
}

/// A passage with all that can stand around it.
pub(super) fn source_page(text: &str) -> SourcePage {
    SourcePage {
        title: text.into(),
        section: Some(text.into()),
        published: Some(text.into()),
        licence: text.into(),
        text: text.into(),
        before: text.into(),
        after: text.into(),
        previous: Some(6),
        next: Some(8),
        check: None,
    }
}
