//! What the core needs from the rest of the box, as traits that others implement: a library to find
//! passages in, a journal that forgets nothing, and a language model.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::desk::{Answer, AnswerCode, Channel, Floor, Origin, Ticket};
use crate::limits::CANDIDATES_MAX;
use crate::passage::Passage;
use crate::prompt::Prompt;
use crate::question::{CacheKey, Language, QuestionText};
use crate::relevance::{self, Found, Query};

/// The storage behind a [`Library`] or [`Journal`] failed. The sentence is for the person in charge
/// and says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StorageError(pub String);

/// Passages that can be searched.
pub trait Library {
    /// The passage that gives this very question, or a phrasing of it, as its own.
    ///
    /// # Errors
    /// [`StorageError`] if the library cannot be read.
    fn worded(&self, key: &CacheKey, language: &Language) -> Result<Option<Passage>, StorageError>;

    /// Passages of this language that share words or meaning with the query, best first, at most
    /// `limit`; of packs that are ready.
    ///
    /// # Errors
    /// [`StorageError`] if the library cannot be read.
    fn search(
        &self,
        query: &Query,
        language: &Language,
        limit: usize,
    ) -> Result<Found, StorageError>;

    /// Passages that come near a question that has no source, to be named as topics and never to
    /// answer from; best first, each title once, at most `limit`. None for a question without a
    /// known word.
    ///
    /// # Errors
    /// [`StorageError`] if the library cannot be read.
    fn nearest_topics(
        &self,
        query: &Query,
        language: &Language,
        limit: usize,
    ) -> Result<Vec<Passage>, StorageError> {
        let found = self.search(query, language, CANDIDATES_MAX)?;
        Ok(relevance::topics(&found, limit))
    }
}

/// Answers kept: checked by people, or written before. None of them has a floor's text; whoever
/// serves one asks the danger floor anew.
pub trait Kept {
    /// The answer that a person checked for exactly this question.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    fn checked(&self, key: &CacheKey, language: &Language) -> Result<Option<Answer>, StorageError>;

    /// Checked answers to questions that share words with one, with the cache key of each, best
    /// first. Whether one may be served is for the guard to say.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    fn checked_near(
        &self,
        query: &Query,
        language: &Language,
        limit: usize,
    ) -> Result<Vec<(String, Answer)>, StorageError>;

    /// The answer written before to exactly this question, with the same model and prompt, from
    /// knowledge that has not changed since.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    fn cached_exact(
        &self,
        key: &CacheKey,
        language: &Language,
        making: &Making,
    ) -> Result<Option<Answer>, StorageError>;

    /// The same for questions that share words with one, as [`Kept::checked_near`].
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    fn cached_near(
        &self,
        query: &Query,
        language: &Language,
        making: &Making,
        limit: usize,
    ) -> Result<Vec<(String, Answer)>, StorageError>;

    /// The questions, as cache keys, that the passage at a place answers.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    fn wordings(&self, place: i64) -> Result<Vec<String>, StorageError>;

    /// True if a reviewer withdrew the answer to exactly this question.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    fn is_withdrawn(&self, key: &CacheKey, language: &Language) -> Result<bool, StorageError>;
}

/// What an answer was made with. A cached answer is served only while all of it stays the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Making {
    /// Identifies the model and its weights; empty in no-model mode.
    pub model: String,
    /// Identifies the knowledge packs loaded.
    pub knowledge: String,
    /// [`crate::prompt::VERSION`].
    pub prompt: u32,
}

/// A question that passed the checks, on its way into the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepting {
    /// The words.
    pub text: QuestionText,
    /// Language of question and answer.
    pub language: Language,
    /// Where it came from.
    pub channel: Channel,
    /// The words with names, numbers and the like of persons masked.
    pub general: String,
    /// A one-way hash of who asks; `None` if the channel cannot tell people apart.
    pub asker: Option<String>,
    /// What the danger floor says to it.
    pub floor: Option<Floor>,
    /// The answer, if it needed no model.
    pub ready: Option<Answer>,
    /// How long the box has run in all, in seconds.
    pub running_s: u64,
}

impl Accepting {
    /// A question of nobody in particular that needs a model and is no danger.
    #[must_use]
    pub fn new(text: QuestionText, language: Language, channel: Channel) -> Self {
        Self {
            general: String::new(),
            asker: None,
            floor: None,
            ready: None,
            running_s: 0,
            text,
            language,
            channel,
        }
    }

    /// The key of the exact cache.
    #[must_use]
    pub fn key(&self) -> CacheKey {
        CacheKey::of(&self.text)
    }

    /// An answer with the floor's text of this question before it.
    #[must_use]
    pub fn dressed(&self, answer: Answer) -> Answer {
        with_floor(answer, self.floor.as_ref())
    }
}

/// An answer with a floor's text before it.
#[must_use]
pub fn with_floor(mut answer: Answer, floor: Option<&Floor>) -> Answer {
    if let Some(floor) = floor {
        answer.floor = Some(floor.clone());
        answer.origin = Origin::Floor;
        answer.danger = true;
    }
    answer
}

/// What became of a question at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "made once for an answer, never kept in numbers")]
pub enum Accepted {
    /// It is in the journal and waits.
    Queued {
        /// Its place in the order of all questions.
        seq: i64,
        /// Its code.
        code: AnswerCode,
    },
    /// It is in the journal, answered from the cache.
    Answered {
        /// Its code.
        code: AnswerCode,
        /// The answer.
        answer: Answer,
    },
}

/// Why the journal did not take a question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// As many questions wait as may wait.
    #[error("{waiting} questions are waiting already: try again in a few minutes")]
    Busy {
        /// Questions waiting.
        waiting: usize,
    },
    /// As many questions of this person wait as may wait.
    #[error("{waiting} of your questions are waiting already: wait for their answers first")]
    TooManyOfYours {
        /// Questions of this person that wait.
        waiting: usize,
    },
    /// The journal could not be written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A question that this process has taken on to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its place in the order of all questions.
    pub seq: i64,
    /// Its code.
    pub code: AnswerCode,
    /// The words.
    pub text: QuestionText,
    /// Language of question and answer.
    pub language: Language,
    /// Starts of the box during which it was being written, this one included.
    pub attempts: u32,
}

/// The record of every question and its one answer. What a method reports as done is on the disk:
/// it survives a cut in power the moment after.
pub trait Journal {
    /// Takes a question in, and answers it in the same commit if it brings its answer or the cache
    /// holds one, made with the same model and prompt. `code` is asked for codes until one is free.
    ///
    /// # Errors
    /// [`AcceptError::Busy`] if `waiting_max` questions wait, [`AcceptError::TooManyOfYours`] if
    /// [`crate::limits::WAITING_PER_ASKER_MAX`] of the same person do; [`AcceptError::Storage`] if
    /// nothing could be written. Nothing is kept in either case.
    fn accept(
        &mut self,
        question: &Accepting,
        making: &Making,
        waiting_max: usize,
        code: &mut dyn FnMut() -> AnswerCode,
    ) -> Result<Accepted, AcceptError>;

    /// Puts back what a process that died was writing, and gives up on questions that were being
    /// written at too many deaths. Only the one process that may write answers calls this, before
    /// it takes its first question. Returns how many questions wait now.
    ///
    /// # Errors
    /// [`StorageError`] if the journal cannot be written.
    fn resume(&mut self) -> Result<usize, StorageError>;

    /// Takes on a waiting question; `None` if there is none such.
    ///
    /// # Errors
    /// [`StorageError`] if the journal cannot be written.
    fn take(&mut self, which: Which) -> Result<Option<Job>, StorageError>;

    /// The cached answer to a question taken on earlier, if one has appeared since it was accepted.
    ///
    /// # Errors
    /// [`StorageError`] if the journal cannot be read.
    fn cached(&self, job: &Job, making: &Making) -> Result<Option<Answer>, StorageError>;

    /// Keeps the answer to a question taken on, marks the question done and fills the cache, in one
    /// commit.
    ///
    /// # Errors
    /// [`StorageError`] if it could not be written; the question then still waits for its answer.
    fn finish(&mut self, job: &Job, answer: &Answer, making: &Making) -> Result<(), StorageError>;

    /// Gives up on a question taken on.
    ///
    /// # Errors
    /// [`StorageError`] if it could not be written.
    fn fail(&mut self, job: &Job, reason: &str) -> Result<(), StorageError>;

    /// Puts a question taken on back to where it was, because the box stops.
    ///
    /// # Errors
    /// [`StorageError`] if it could not be written.
    fn release(&mut self, job: &Job) -> Result<(), StorageError>;

    /// Where a question stands; `None` if there is no such code.
    ///
    /// # Errors
    /// [`StorageError`] if the journal cannot be read.
    fn find(&self, code: &AnswerCode) -> Result<Option<Record>, StorageError>;

    /// Questions waiting or being written.
    ///
    /// # Errors
    /// [`StorageError`] if the journal cannot be read.
    fn queued(&self) -> Result<usize, StorageError>;
}

/// Which question [`Journal::take`] takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Which {
    /// The first in order. Order is acceptance, but a question that was being written at several
    /// deaths of the box comes after all others.
    Next,
    /// The one with this place in the order.
    This(i64),
}

/// What the journal knows of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the order of all questions.
    pub seq: i64,
    /// What people may see of it.
    pub ticket: Ticket,
}

/// Bounds of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WritingLimits {
    /// Tokens written at most.
    pub new_tokens_max: usize,
    /// Time from the first token of the prompt to the last of the answer.
    pub time_max: Duration,
}

/// Why a model stopped writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// It had said what it had to say.
    Complete,
    /// A limit was reached; the last sentence may be cut.
    CutOff,
    /// The box is stopping.
    Interrupted,
}

/// What a model wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// All of it.
    pub text: String,
    /// Why it ends there.
    pub ending: Ending,
}

/// A model could not write. The sentence is for the person in charge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ModelError(pub String);

/// Something that writes answers.
pub trait LanguageModel {
    /// Identifies model and weights; another id makes cached answers void.
    fn id(&self) -> &str;

    /// What people call it.
    fn name(&self) -> &str;

    /// A warning that must be shown beside everything it writes.
    fn notice(&self) -> Option<&str>;

    /// Writes until it is done, a limit is reached, or `on_text` breaks. `on_text` gets the text in
    /// pieces of whole characters.
    ///
    /// # Errors
    /// [`ModelError`] if the model cannot run this prompt.
    fn write(
        &mut self,
        prompt: &Prompt,
        limits: &WritingLimits,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Written, ModelError>;
}
