//! The front desk: what every channel (web page, SMS, kiosk) asks of the rest of the box.
//!
//! A channel hands over a [`NewQuestion`] and gets an [`AnswerCode`] once the question is journalled.
//! From then on the code is all it needs: [`Desk::look_up`] for a page that refreshes itself,
//! [`Desk::follow`] for one that streams.

use std::sync::mpsc::Receiver;

use crate::ports::StorageError;

/// A question as it came in, not yet accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewQuestion {
    /// The person's words, any length; [`Desk::ask`] trims and checks them.
    pub text: String,
    /// BCP 47 primary subtag, lower case (`en`, `sw`); `None` means the box's default.
    pub language: Option<String>,
    /// Where the answer goes.
    pub channel: Channel,
    /// Who asks, as far as the channel can tell people apart: any bytes that stay the same for one
    /// person (a cookie, a phone number). Used for fairness only; a one-way hash of it is kept, and
    /// only while the question waits.
    pub asker: Option<String>,
}

/// Where a question came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Channel {
    /// A browser on the box's own Wi-Fi.
    Web,
    /// `baraza ask` on the box itself.
    CommandLine,
    /// A text message.
    Sms,
    /// The screen in a classroom or waiting room.
    Kiosk,
}

/// The short code under which an answer is kept, as printed on the page and read out aloud.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AnswerCode(pub(crate) String);

/// Who stands behind an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// A nurse or teacher checked exactly this answer.
    Checked,
    /// Kept before: the same question was answered, or, where [`Answer::model`] is `None`, the text
    /// is the first source, word for word.
    Cache,
    /// The language model wrote it from the passages named as sources.
    Model,
    /// The danger floor: its fixed text stands first, whatever follows it.
    Floor,
    /// The box has no source for this question and says so.
    #[default]
    None,
}

/// A passage that an answer rests on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// Identifier inside the knowledge pack, for example `ors-home-recipe`.
    pub id: String,
    /// What a person reads: topic and publisher.
    pub title: String,
    /// True once a person reviewed the passage on this box.
    pub reviewed: bool,
    /// The passage itself, plain text.
    pub passage: String,
    /// The passage's place on this box, for [`Desk::source_page`]; `None` if it is not there any
    /// more.
    pub place: Option<i64>,
    /// The pack that it came from and its checksum, as `name@hash`; empty in old answers.
    pub pack: String,
}

/// The fixed text of a danger rule, with the site's referral card in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Floor {
    /// The most urgent rule that was raised.
    pub rule: String,
    /// The text, in the language of the words that raised it.
    pub text: String,
    /// The same for one SMS.
    pub sms: String,
    /// Language of both, a BCP 47 primary subtag.
    pub language: String,
    /// The public guidance that the rule follows.
    pub source: String,
    /// True once a clinician has reviewed the rule.
    pub reviewed: bool,
}

/// Who checked an answer, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Check {
    /// The role, for example `nurse`; two of them, as `nurse, doctor`, where two had to agree.
    pub role: String,
    /// The date as `YYYY-MM-DD`; `None` if the box did not know the time.
    pub on: Option<String>,
}

/// Something that a person could ask about instead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topic {
    /// What it is called.
    pub title: String,
    /// The question, in general form, that leads to it.
    pub question: String,
}

/// A finished answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Plain text, without the floor's; may hold anything, so every channel escapes it. Empty if the
    /// floor's text is all there is.
    pub text: String,
    /// Who stands behind it. [`Origin::Floor`] whenever `floor` is there.
    pub origin: Origin,
    /// Best first; empty only for [`Origin::None`] and for a floor text alone.
    pub sources: Vec<Source>,
    /// True if the danger floor fired, on the question or on the answer.
    pub danger: bool,
    /// What must be shown first.
    pub floor: Option<Floor>,
    /// Who checked it; only for [`Origin::Checked`].
    pub check: Option<Check>,
    /// Nearest topics; only where there is no source.
    pub topics: Vec<Topic>,
    /// True if sentences without support were taken out of what the model wrote.
    pub weak: bool,
    /// The model that wrote it, if one did (a cached answer keeps its author).
    pub model: Option<String>,
    /// A warning that must be shown beside the text, for example that the model is a demonstration.
    pub notice: Option<String>,
    /// From acceptance to the finished answer.
    pub milliseconds: u64,
}

impl Answer {
    /// All of it in one text: the floor's first.
    #[must_use]
    pub fn whole(&self) -> String {
        match &self.floor {
            Some(floor) if self.text.is_empty() => floor.text.clone(),
            Some(floor) => format!("{}\n\n{}", floor.text, self.text),
            None => self.text.clone(),
        }
    }
}

/// Where a question stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "made once for an answer, never kept in numbers")]
pub enum Stage {
    /// Accepted, with this many questions before it.
    Waiting {
        /// Questions that will be answered first.
        ahead: usize,
        /// About how long that takes; `None` while the box cannot tell, or has no model.
        wait_s: Option<u32>,
    },
    /// Being written; the text so far (may be empty).
    Writing {
        /// What a person may see already. Only whole UTF-8 characters.
        so_far: String,
    },
    /// Finished.
    Done(Answer),
    /// Given up on, with a sentence that says what the person can do.
    Failed {
        /// For people, in the language of the page.
        reason: String,
    },
}

/// A question that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its code.
    pub code: AnswerCode,
    /// The person's words, trimmed.
    pub question: String,
    /// Language of question and answer.
    pub language: String,
    /// What must be shown first and at once, before there is any answer.
    pub floor: Option<Floor>,
    /// Where it stands now.
    pub stage: Stage,
}

/// What a follower is told, in order. The last one is always `Done` or `Failed`; a closed channel
/// without either means that the box is stopping, and the question is resumed at the next start.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "made once for an answer, never kept in numbers")]
pub enum Progress {
    /// Questions still before this one.
    Ahead(usize),
    /// Text to append to what was sent before.
    Text(String),
    /// Finished; replaces everything sent before.
    Done(Answer),
    /// Given up on.
    Failed(String),
}

/// Why a question was not accepted. Nothing was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// Nothing but white space or control characters.
    #[error("the question is empty: write what you want to know")]
    Empty,
    /// Longer than the limit.
    #[error("the question has {length} characters: at most {limit} fit, ask the main point first")]
    TooLong {
        /// Characters given.
        length: usize,
        /// Characters allowed.
        limit: usize,
    },
    /// The queue is full.
    #[error("{waiting} questions are waiting already: try again in a few minutes")]
    Busy {
        /// Questions in the queue.
        waiting: usize,
    },
    /// This person has as many questions waiting as one person may have.
    #[error("{waiting} of your questions are waiting already: wait for their answers first")]
    TooManyOfYours {
        /// Questions of this person in the queue.
        waiting: usize,
    },
    /// The journal could not be written (disk full, read-only, damaged).
    #[error("the box could not keep your question ({0}): tell the person in charge of the box")]
    NotKept(String),
}

/// What the box says of itself on `GET /healthz`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// False if the journal cannot be written.
    pub journal_ok: bool,
    /// Name of the model in use; `None` in no-model mode.
    pub model: Option<String>,
    /// Matrix kernel in use, for example `avx512vnni`.
    pub kernel: Option<String>,
    /// Questions waiting or being written.
    pub queued: usize,
    /// Passages that can be searched.
    pub passages: usize,
    /// Knowledge that is being read in: its name and how far it is, in percent.
    pub indexing: Option<(String, u8)>,
    /// What the box knows of the time.
    pub clock: Clock,
    /// True if a sentence encoder helps the search.
    pub encoder: bool,
}

/// What the box knows of the time. Boards have no clock of their own: nothing is ordered, kept or
/// thrown away by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Clock {
    /// Not set, or not believable; dates are not shown.
    #[default]
    NotSet,
    /// Seconds since 1970, UTC.
    Set(u64),
}

/// What an asker says of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feedback {
    /// It helped.
    Helpful,
    /// It did not help, or is wrong: it goes up in the review list.
    NotHelpful,
}

/// A passage with what stands around it, for who opens a citation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourcePage {
    /// Title of the document or entry.
    pub title: String,
    /// Section and page inside it, if known.
    pub section: Option<String>,
    /// Who published it, and the year, if known.
    pub published: Option<String>,
    /// Its licence, as the pack says.
    pub licence: String,
    /// The passage cited.
    pub text: String,
    /// The end of what comes before it, and the beginning of what comes after; empty for entries.
    pub before: String,
    /// See `before`.
    pub after: String,
    /// Places of the passages before and after, for turning pages.
    pub previous: Option<i64>,
    /// See `previous`.
    pub next: Option<i64>,
    /// Who checked it; `None`: not reviewed.
    pub check: Option<Check>,
}

/// The front desk of the box. Shared by all channels' threads.
pub trait Desk: Send + Sync {
    /// Accepts a question: it is in the journal, safe against a cut in power, when this returns.
    ///
    /// # Errors
    /// [`AskError`] if nothing was accepted.
    fn ask(&self, question: NewQuestion) -> Result<AnswerCode, AskError>;

    /// Where a question stands; `None` if there is no such code.
    fn look_up(&self, code: &AnswerCode) -> Option<Ticket>;

    /// What happens to a question from now on, starting with what a person may see already;
    /// `None` if there is no such code.
    fn follow(&self, code: &AnswerCode) -> Option<Receiver<Progress>>;

    /// The state of the box.
    fn health(&self) -> Health;

    /// Keeps what an asker says of an answer; a second word on the same answer replaces the first.
    /// False if there is no such answer, or it could not be kept.
    fn feedback(&self, code: &AnswerCode, feedback: Feedback) -> bool;

    /// Deletes a question with its answer, for whoever has its code; what waits is cancelled. False
    /// if there is no such code.
    ///
    /// # Errors
    /// [`StorageError`] if it could not be deleted.
    fn forget(&self, code: &AnswerCode) -> Result<bool, StorageError>;

    /// The passage at a place of [`Source::place`]; `None` if it is gone.
    fn source_page(&self, place: i64) -> Option<SourcePage>;
}
