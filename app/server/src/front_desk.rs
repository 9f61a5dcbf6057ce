//! The [`Desk`] behind every channel.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use answer::desk::{AnswerCode, AskError, Desk, Health, NewQuestion, Progress, Stage, Ticket};
use answer::limits::WAITING_MAX;
use answer::ports::{AcceptError, Accepted, Accepting, Journal, Making, Record};
use answer::question::{Language, QuestionText};
use store::Store;

use crate::live::Live;

/// Takes questions in and tells where they stand. Writing and reading have a database connection
/// each, so that nobody who looks waits for a commit.
pub(crate) struct FrontDesk {
    writer: Mutex<Store>,
    reader: Mutex<Store>,
    live: Arc<Live>,
    making: Making,
    model: Option<String>,
    kernel: Option<String>,
    passages: usize,
    last_write_failed: AtomicBool,
}

/// What the box says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// What answers are made with.
    pub(crate) making: Making,
    /// Name of the model; `None` in no-model mode.
    pub(crate) model: Option<String>,
    /// Matrix kernel in use.
    pub(crate) kernel: Option<String>,
    /// Passages that can be searched.
    pub(crate) passages: usize,
}

impl FrontDesk {
    pub(crate) fn new(writer: Store, reader: Store, live: Arc<Live>, facts: Facts) -> Self {
        let Facts { making, model, kernel, passages } = facts;
        Self {
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
            live,
            making,
            model,
            kernel,
            passages,
            last_write_failed: AtomicBool::new(false),
        }
    }

    fn find(&self, code: &AnswerCode) -> Option<Record> {
        match lock(&self.reader).find(code) {
            Ok(record) => record,
            Err(error) => {
                tracing::error!("the journal cannot be read: {error}");
                None
            }
        }
    }
}

/// A panic while a connection was held leaves no half-done transaction: dropping it rolled back.
fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A random number that nobody can guess.
///
/// # Panics
/// If the system has no randomness, which no supported system lets happen.
pub(crate) fn unguessable() -> u64 {
    getrandom::u64().expect("the system gives random numbers")
}

impl Desk for FrontDesk {
    fn ask(&self, question: NewQuestion) -> Result<AnswerCode, AskError> {
        let at = Instant::now();
        let accepting = Accepting {
            text: QuestionText::parse(&question.text)?,
            language: question
                .language
                .and_then(|tag| Language::parse(&tag))
                .unwrap_or_else(Language::english),
            channel: question.channel,
        };
        let mut code = || AnswerCode::generate(&mut unguessable);
        let accepted = lock(&self.writer).accept(&accepting, &self.making, WAITING_MAX, &mut code);
        let storage_failed = matches!(accepted, Err(AcceptError::Storage(_)));
        self.last_write_failed.store(storage_failed, Ordering::Relaxed);
        match accepted {
            Ok(Accepted::Queued { seq, code }) => {
                self.live.accepted(seq, at);
                Ok(code)
            }
            Ok(Accepted::Answered { code, .. }) => Ok(code),
            Ok(_) => Err(AskError::NotKept("unknown answer of the journal".into())),
            Err(AcceptError::Busy { waiting }) => Err(AskError::Busy { waiting }),
            Err(error) => {
                tracing::error!("a question could not be kept: {error}");
                Err(AskError::NotKept(error.to_string()))
            }
        }
    }

    fn look_up(&self, code: &AnswerCode) -> Option<Ticket> {
        Some(self.live.with_text(self.find(code)?).ticket)
    }

    fn follow(&self, code: &AnswerCode) -> Option<Receiver<Progress>> {
        self.live.follow(|| self.find(code))
    }

    fn health(&self) -> Health {
        let reader = lock(&self.reader);
        let queued = reader.queued();
        let writable = reader.is_writable() && !self.last_write_failed.load(Ordering::Relaxed);
        Health {
            journal_ok: queued.is_ok() && writable,
            model: self.model.clone(),
            kernel: self.kernel.clone(),
            queued: queued.unwrap_or(0),
            passages: self.passages,
        }
    }
}

/// True for a stage that will not change any more.
pub(crate) fn is_final(stage: &Stage) -> bool {
    matches!(stage, Stage::Done(_) | Stage::Failed { .. })
}
