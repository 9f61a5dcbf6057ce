//! The front desk: what every channel (web page, SMS, kiosk) asks of the rest of the box.
//!
//! A channel hands over a [`NewQuestion`] and gets an [`AnswerCode`] once the question is journalled.
//! From then on the code is all it needs: [`Desk::look_up`] for a page that refreshes itself,
//! [`Desk::follow`] for one that streams.

use std::sync::mpsc::Receiver;

/// A question as it came in, not yet accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewQuestion {
    /// The person's words, any length; [`Desk::ask`] trims and checks them.
    pub text: String,
    /// BCP 47 primary subtag, lower case (`en`, `sw`); `None` means the box's default.
    pub language: Option<String>,
    /// Where the answer goes.
    pub channel: Channel,
}

/// Where a question came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Channel {
    /// A browser on the box's own Wi-Fi.
    Web,
    /// `baraza ask` on the box itself.
    CommandLine,
}

/// The short code under which an answer is kept, as printed on the page and read out aloud.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AnswerCode(pub(crate) String);

/// Who stands behind an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// A nurse or teacher checked exactly this answer.
    Checked,
    /// The same question was answered before.
    Cache,
    /// The language model wrote it from the passages named as sources.
    Model,
    /// The danger floor.
    Floor,
    /// The box has no source for this question and says so.
    None,
}

/// A passage that an answer rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Identifier inside the knowledge pack, for example `ors-home-recipe`.
    pub id: String,
    /// What a person reads: topic and publisher.
    pub title: String,
    /// True once a person reviewed the passage on this box.
    pub reviewed: bool,
    /// The passage itself, plain text.
    pub passage: String,
}

/// A finished answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Plain text; may hold anything, so every channel escapes it.
    pub text: String,
    /// Who stands behind it.
    pub origin: Origin,
    /// Best first; empty only for [`Origin::None`].
    pub sources: Vec<Source>,
    /// True if the danger floor fired (issue 4; false until then).
    pub danger: bool,
    /// The model that wrote it, if one did (a cached answer keeps its author).
    pub model: Option<String>,
    /// A warning that must be shown beside the text, for example that the model is a demonstration.
    pub notice: Option<String>,
    /// From acceptance to the finished answer.
    pub milliseconds: u64,
}

/// Where a question stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Accepted, with this many questions before it.
    Waiting {
        /// Questions that will be answered first.
        ahead: usize,
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
    /// Where it stands now.
    pub stage: Stage,
}

/// What a follower is told, in order. The last one is always `Done` or `Failed`; a closed channel
/// without either means that the box is stopping, and the question is resumed at the next start.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
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
}
