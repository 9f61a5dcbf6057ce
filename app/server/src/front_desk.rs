//! The [`Desk`] behind every channel.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use answer::desk::{
    AnswerCode, AskError, Desk, Feedback, Health, NewQuestion, Progress, SourcePage, Stage, Ticket,
};
use answer::limits::WAITING_MAX;
use answer::ports::{AcceptError, Accepted, Journal, Record, StorageError};
use answer::question::{Language, QuestionText};
use store::Store;

use crate::asking::Asking;
use crate::live::Live;
use crate::running::now;

/// Takes questions in and tells where they stand. Writing, looking up and reading have a database
/// connection each, so that nobody who looks waits for a commit or for somebody's search.
pub(crate) struct FrontDesk {
    writer: Mutex<Store>,
    finder: Mutex<Store>,
    reader: Mutex<Store>,
    live: Arc<Live>,
    asking: Arc<Asking>,
    model: Option<String>,
    kernel: Option<String>,
}

/// What the box says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// Name of the model; `None` in no-model mode.
    pub(crate) model: Option<String>,
    /// Matrix kernel in use.
    pub(crate) kernel: Option<String>,
}

impl FrontDesk {
    /// A desk over the database of `store`.
    ///
    /// # Errors
    /// [`store::StoreError`] if another connection cannot be opened.
    pub(crate) fn new(
        store: &Store,
        live: Arc<Live>,
        asking: Arc<Asking>,
        facts: Facts,
    ) -> Result<Self, store::StoreError> {
        let another = || store.open_another().map(Mutex::new);
        Ok(Self {
            writer: another()?,
            finder: another()?,
            reader: another()?,
            live,
            asking,
            model: facts.model,
            kernel: facts.kernel,
        })
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

    fn not_kept(&self, error: &StorageError) -> AskError {
        tracing::error!("a question could not be kept: {error}");
        AskError::NotKept(error.to_string())
    }
}

/// A panic while a connection was held leaves no half-done transaction: dropping it rolled back.
pub(crate) fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
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
        let text = QuestionText::parse(&question.text)?;
        let language = question
            .language
            .and_then(|tag| Language::parse(&tag))
            .unwrap_or_else(Language::english);
        let from = (question.channel, question.asker.as_deref());
        let accepting = {
            let finder = lock(&self.finder);
            self.asking.accepting(&*finder, text, language, from, self.model.is_some())
        };
        let accepting = accepting.map_err(|error| self.not_kept(&error))?;
        let making = self.asking.making();
        let mut code = || AnswerCode::generate(&mut unguessable);
        let accepted = lock(&self.writer).accept(&accepting, making, WAITING_MAX, &mut code);
        match &accepted {
            Ok(_) => self.live.storage_tried(Ok(())),
            Err(AcceptError::Storage(error)) => self.live.storage_tried(Err(error)),
            // Too many wait; where answers cannot be kept, that is why, and waiting does not help.
            Err(_) => {
                if let Some(reason) = self.live.storage_trouble() {
                    return Err(AskError::NotKept(reason));
                }
            }
        }
        match accepted {
            Ok(Accepted::Queued { seq, code }) => {
                self.live.accepted(seq, at);
                Ok(code)
            }
            Ok(Accepted::Answered { code, .. }) => Ok(code),
            Ok(_) => Err(AskError::NotKept("unknown answer of the journal".into())),
            Err(AcceptError::Busy { waiting }) => Err(AskError::Busy { waiting }),
            Err(AcceptError::TooManyOfYours { waiting }) => {
                Err(AskError::TooManyOfYours { waiting })
            }
            Err(AcceptError::Storage(error)) => Err(self.not_kept(&error)),
            Err(error) => Err(AskError::NotKept(error.to_string())),
        }
    }

    fn look_up(&self, code: &AnswerCode) -> Option<Ticket> {
        let mut ticket = self.live.with_text(self.find(code)?).ticket;
        if let Stage::Waiting { ahead, wait_s } = &mut ticket.stage
            && self.model.is_some()
        {
            *wait_s = self.live.wait_s(*ahead);
        }
        Some(ticket)
    }

    fn follow(&self, code: &AnswerCode) -> Option<Receiver<Progress>> {
        self.live.follow(|| self.find(code))
    }

    fn health(&self) -> Health {
        let reader = lock(&self.reader);
        let queued = reader.queued();
        let writable = reader.is_writable() && self.live.storage_trouble().is_none();
        Health {
            journal_ok: queued.is_ok() && writable,
            model: self.model.clone(),
            kernel: self.kernel.clone(),
            queued: queued.unwrap_or(0),
            passages: reader.passages().unwrap_or(0),
            indexing: reader.indexing().unwrap_or(None),
            clock: now(&reader),
            encoder: self.asking.has_encoder(),
        }
    }

    fn feedback(&self, code: &AnswerCode, feedback: Feedback) -> bool {
        lock(&self.writer).feedback(code, feedback).unwrap_or_else(|error| {
            tracing::error!("what an asker said could not be kept: {error}");
            false
        })
    }

    fn forget(&self, code: &AnswerCode) -> Result<bool, StorageError> {
        let forgotten = lock(&self.writer).forget(code);
        if let Err(error) = &forgotten {
            tracing::error!("a question could not be deleted: {error}");
        }
        Ok(forgotten?)
    }

    fn source_page(&self, place: i64) -> Option<SourcePage> {
        lock(&self.reader).source_page(place).unwrap_or_else(|error| {
            tracing::error!("a passage cannot be read: {error}");
            None
        })
    }
}

/// True for a stage that will not change any more.
pub(crate) fn is_final(stage: &Stage) -> bool {
    matches!(stage, Stage::Done(_) | Stage::Failed { .. })
}
