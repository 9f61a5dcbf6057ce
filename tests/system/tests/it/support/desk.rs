//! A desk that says what a test tells it to, and the web server in front of it.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use answer::desk::{
    Answer, AnswerCode, AskError, Clock, Desk, Feedback, Floor, Health, NewQuestion, Origin,
    Progress, Source, SourcePage, Stage, Ticket,
};
use answer::ports::StorageError;
use answer::review::ReviewDesk;

/// The code of every question.
pub(crate) const CODE: &str = "K7M4RTW";

/// Where the passage of [`answer`] stands.
pub(crate) const PLACE: i64 = 7;

/// A desk with one question at a time.
#[derive(Default)]
pub(crate) struct StagedDesk {
    question: Mutex<String>,
    language: Mutex<Option<String>>,
    stage: Mutex<Option<Stage>>,
    floor: Mutex<Option<Floor>>,
    said: Mutex<Vec<Feedback>>,
    followers: Mutex<Vec<Sender<Progress>>>,
}

impl StagedDesk {
    /// Puts a question at a stage.
    pub(crate) fn put(&self, question: &str, language: &str, stage: Stage) {
        *self.question.lock().unwrap() = question.to_owned();
        *self.language.lock().unwrap() = Some(language.to_owned());
        *self.stage.lock().unwrap() = Some(stage);
    }

    /// Moves the question to another stage.
    pub(crate) fn stage(&self, stage: Stage) {
        *self.stage.lock().unwrap() = Some(stage);
    }

    /// Shows, or no longer shows, advice for danger with the question.
    pub(crate) fn warn(&self, floor: Option<Floor>) {
        *self.floor.lock().unwrap() = floor;
    }

    /// What people said of the answer.
    pub(crate) fn said(&self) -> Vec<Feedback> {
        self.said.lock().unwrap().clone()
    }

    /// Tells everybody who follows; returns how many they are.
    pub(crate) fn tell(&self, progress: &Progress) -> usize {
        let mut followers = self.followers.lock().unwrap();
        followers.retain(|follower| follower.send(progress.clone()).is_ok());
        followers.len()
    }

    /// Ends all streams, as a box that goes down does.
    pub(crate) fn hang_up(&self) {
        self.followers.lock().unwrap().clear();
    }
}

impl Desk for StagedDesk {
    fn ask(&self, question: NewQuestion) -> Result<AnswerCode, AskError> {
        if question.text.trim().is_empty() {
            return Err(AskError::Empty);
        }
        let language = question.language.unwrap_or_else(|| "en".to_owned());
        self.put(&question.text, &language, Stage::Waiting { ahead: 1, wait_s: Some(100) });
        Ok(AnswerCode::parse(CODE).unwrap())
    }

    fn look_up(&self, code: &AnswerCode) -> Option<Ticket> {
        let stage = self.stage.lock().unwrap().clone().filter(|_| code.as_str() == CODE)?;
        Some(Ticket {
            code: code.clone(),
            question: self.question.lock().unwrap().clone(),
            language: self.language.lock().unwrap().clone().unwrap_or_default(),
            floor: self.floor.lock().unwrap().clone(),
            stage,
        })
    }

    fn follow(&self, code: &AnswerCode) -> Option<Receiver<Progress>> {
        let ticket = self.look_up(code)?;
        let (sender, receiver) = channel();
        let _ = match ticket.stage {
            Stage::Waiting { ahead, .. } => sender.send(Progress::Ahead(ahead)),
            Stage::Writing { so_far } => sender.send(Progress::Text(so_far)),
            Stage::Done(answer) => sender.send(Progress::Done(answer)),
            Stage::Failed { reason } => sender.send(Progress::Failed(reason)),
            _ => Ok(()),
        };
        self.followers.lock().unwrap().push(sender);
        Some(receiver)
    }

    fn health(&self) -> Health {
        Health {
            journal_ok: true,
            model: None,
            kernel: None,
            queued: 0,
            passages: 0,
            indexing: None,
            clock: Clock::NotSet,
            encoder: false,
        }
    }

    fn feedback(&self, _: &AnswerCode, feedback: Feedback) -> bool {
        self.said.lock().unwrap().push(feedback);
        true
    }

    fn forget(&self, code: &AnswerCode) -> Result<bool, StorageError> {
        let there = self.look_up(code).is_some();
        *self.stage.lock().unwrap() = None;
        Ok(there)
    }

    fn source_page(&self, place: i64) -> Option<SourcePage> {
        (place == PLACE).then(|| SourcePage {
            title: "Oral rehydration at home".to_owned(),
            licence: "CC BY 4.0".to_owned(),
            text: "Mix six level teaspoons of sugar and half of salt.".to_owned(),
            before: "Wash your hands.".to_owned(),
            ..SourcePage::default()
        })
    }
}

/// The real web server in front of a staged desk; stopped when dropped.
pub(crate) struct Staged {
    pub(crate) desk: Arc<StagedDesk>,
    address: SocketAddr,
    stopper: web::Stopper,
    thread: Option<JoinHandle<()>>,
}

impl Staged {
    /// Starts the server on a free port, without a review desk.
    pub(crate) fn start(options: web::Options) -> Self {
        Self::start_with(options, None)
    }

    /// The same, with a review desk.
    pub(crate) fn start_with(options: web::Options, review: Option<Arc<dyn ReviewDesk>>) -> Self {
        let desk = Arc::new(StagedDesk::default());
        let any = ([127, 0, 0, 1], 0).into();
        let server = web::Server::bind(any, desk.clone(), review, options).unwrap();
        let (address, stopper) = (server.local_addr(), server.stopper());
        Self { desk, address, stopper, thread: Some(std::thread::spawn(move || server.run())) }
    }

    /// The address of a page.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An answer that a model wrote from one passage.
pub(crate) fn answer(text: &str, source: &str, passage: &str) -> Answer {
    Answer {
        text: text.to_owned(),
        origin: Origin::Model,
        sources: vec![Source {
            id: "staged".to_owned(),
            title: source.to_owned(),
            reviewed: false,
            passage: passage.to_owned(),
            place: Some(PLACE),
            pack: String::new(),
        }],
        model: Some("baraza-nano".to_owned()),
        notice: Some("Demonstration model: do not use this answer as advice.".to_owned()),
        milliseconds: 2400,
        ..Answer::default()
    }
}

/// Advice for danger that no clinician has reviewed.
pub(crate) fn floor(text: &str, language: &str) -> Floor {
    Floor {
        rule: "convulsions".to_owned(),
        text: text.to_owned(),
        sms: String::new(),
        language: language.to_owned(),
        source: "WHO, IMCI chart booklet, 2014".to_owned(),
        reviewed: false,
    }
}
