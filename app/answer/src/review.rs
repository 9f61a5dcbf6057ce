//! The review desk: where a nurse or teacher decides which answers the box may call checked.
//!
//! A person has minutes for this, so the list begins with what matters: danger, then questions that
//! many ask, answers that did not help, and answers whose support is weak. What she decides holds at
//! once, for everybody who asks from then on. Whatever has a dose in it needs two people. Who asked
//! is never shown here.

use std::fmt;

use crate::desk::{Clock, Origin, Source};
use crate::ports::StorageError;

/// Someone who may review, known by her PIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewer {
    /// Tells reviewers of one role apart.
    pub id: i64,
    /// What stands on the answers that she checks, for example `nurse`.
    pub role: String,
}

/// What is reviewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// A question that people asked, by the first of its kind.
    Question(i64),
    /// An entry of a knowledge pack, by its place.
    Entry(i64),
}

impl Target {
    /// Reads what [`fmt::Display`] writes: `q12` or `e345`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number = |digits: &str| {
            let plain = digits.bytes().all(|b| b.is_ascii_digit()) && digits.len() <= 18;
            plain.then(|| digits.parse().ok()).flatten()
        };
        match text.split_at_checked(1)? {
            ("q", digits) => number(digits).map(Self::Question),
            ("e", digits) => number(digits).map(Self::Entry),
            _ => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Question(seq) => write!(f, "q{seq}"),
            Self::Entry(place) => write!(f, "e{place}"),
        }
    }
}

/// Where a review stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum State {
    /// Nobody has decided.
    #[default]
    Open,
    /// One person approved a text with a dose; another must.
    NeedsSecond {
        /// Who approved it.
        role: String,
        /// Her number, since the second must be another.
        reviewer: i64,
    },
    /// It is served as checked.
    Approved {
        /// Who approved it; both, where two had to.
        role: String,
        /// `YYYY-MM-DD`; `None` if the box did not know the time.
        on: Option<String>,
    },
    /// It is served to nobody.
    Withdrawn {
        /// Who withdrew it.
        role: String,
        /// As for `Approved`.
        on: Option<String>,
        /// Why, in her words.
        reason: String,
    },
}

/// One line of the review list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What is reviewed.
    pub target: Target,
    /// The question in general form: names, numbers and the like of persons are masked.
    pub question: String,
    /// Its language, a BCP 47 primary subtag.
    pub language: String,
    /// The answer that people get now; `None` if there was no source.
    pub answer: Option<String>,
    /// The answer for one SMS, if there is one apart.
    pub sms: Option<String>,
    /// What the answer rests on.
    pub sources: Vec<Source>,
    /// Who stands behind it now.
    pub origin: Origin,
    /// The danger rule that question or answer raised.
    pub danger: Option<String>,
    /// True if the answer has a dose, so that two people must approve it.
    pub has_dose: bool,
    /// How often it was asked.
    pub asked: u32,
    /// How many said that it did not help.
    pub not_helpful: u32,
    /// True if sentences without support were taken out.
    pub weak: bool,
    /// Where the review stands.
    pub state: State,
    /// Changes with the text: a decision names the version that was read, so that nobody approves
    /// what she has not seen.
    pub version: String,
}

/// Which items are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum List {
    /// Questions that nobody has decided on, the most important first.
    #[default]
    Open,
    /// Whatever waits for a second person.
    NeedsSecond,
    /// Questions without an answer.
    Unanswered,
    /// Entries of the knowledge packs that nobody has reviewed.
    Entries,
    /// What was approved or withdrawn, the latest first.
    Decided,
}

/// Some of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// In order.
    pub items: Vec<T>,
    /// How many there are in all.
    pub total: usize,
}

/// What a reviewer decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The text is right as it stands.
    Approve,
    /// This is the right text; it replaces the other.
    Edit {
        /// The answer.
        text: String,
        /// The answer for one SMS; `None` lets the box shorten it.
        sms: Option<String>,
    },
    /// It must not be served.
    Withdraw {
        /// Why, for the record.
        reason: String,
    },
    /// Back to undecided.
    Reopen,
}

/// Why a decision was not taken; nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReviewError {
    /// It is gone.
    #[error("this is not in the list any more: go back to the list")]
    Gone,
    /// The text is not the one that she read.
    #[error("the answer has changed since you opened it: read it again, then decide")]
    Changed,
    /// The same person cannot be the second.
    #[error("an answer with a dose needs a second person: somebody else must approve it")]
    SamePerson,
    /// There is nothing to approve.
    #[error("there is no answer to approve: write one")]
    NoAnswer,
    /// The text does not fit.
    #[error("{field}: {reason}")]
    Text {
        /// `answer`, `sms` or `reason`.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The file cannot be taken in.
    #[error("{0}")]
    File(String),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The site, as the referral card and the settings have it. Empty fields are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Site {
    /// Nearest facility, for example `Kibera South Health Centre`.
    pub facility: String,
    /// Its telephone number.
    pub phone: String,
    /// When it is open.
    pub hours: String,
    /// Days for which questions are kept, counted by the time that the box ran; 0 keeps them.
    pub retention_days: u32,
    /// True if the model may answer without a source; such answers are labelled.
    pub model_without_source: bool,
}

impl Site {
    /// The referral card, in one line, or `None` if nothing is known.
    #[must_use]
    pub fn card(&self) -> Option<String> {
        let parts = [&self.facility, &self.phone, &self.hours];
        let parts: Vec<&str> =
            parts.into_iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// A knowledge pack on the box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// Its name.
    pub name: String,
    /// Its revision.
    pub revision: String,
    /// Its language.
    pub language: String,
    /// Entries, or passages of documents.
    pub passages: usize,
    /// Who signed it, as this box knows that key; `None` if nobody did.
    pub signed_by: Option<String>,
    /// How far it is read in, in percent; `None` once it is ready.
    pub progress: Option<u8>,
    /// What went wrong with it, if it did.
    pub problem: Option<String>,
}

/// A line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// Its place; the order of things.
    pub seq: i64,
    /// `YYYY-MM-DD`; `None` if the box did not know the time.
    pub on: Option<String>,
    /// Role of who did it, or `box`.
    pub who: String,
    /// What was done, one word: `approve`, `edit`, `withdraw`, `import`...
    pub action: String,
    /// To what.
    pub what: String,
}

/// A file on a stick that the box can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StickFile {
    /// Its path, relative to the stick.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// The review desk of the box. Shared by all channels' threads.
pub trait ReviewDesk: Send + Sync {
    /// True once there is anybody who may review.
    fn is_set_up(&self) -> bool;

    /// The reviewer with this PIN; `None` if there is none. Takes as long for a wrong one as for a
    /// right one; the caller bounds how often it is tried.
    fn log_in(&self, pin: &str) -> Option<Reviewer>;

    /// A part of a list, from `first` on, at most [`crate::limits::REVIEW_PAGE_ITEMS`].
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    fn list(&self, list: List, first: usize) -> Result<Page<Item>, StorageError>;

    /// One item, as it is now.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    fn item(&self, target: Target) -> Result<Option<Item>, StorageError>;

    /// Decides on an item; holds from then on, and stands in the audit log. Gives the new state.
    ///
    /// # Errors
    /// [`ReviewError`]; nothing has changed then.
    fn decide(
        &self,
        reviewer: &Reviewer,
        target: Target,
        version: &str,
        decision: Decision,
    ) -> Result<State, ReviewError>;

    /// All decisions made on this box as a signed file, for other boxes.
    ///
    /// # Errors
    /// [`ReviewError`] if it cannot be made.
    fn export(&self, reviewer: &Reviewer) -> Result<Vec<u8>, ReviewError>;

    /// The site's settings.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    fn site(&self) -> Result<Site, StorageError>;

    /// Changes the site's settings.
    ///
    /// # Errors
    /// [`ReviewError`] if a field is too long, or the database cannot be written.
    fn set_site(&self, reviewer: &Reviewer, site: &Site) -> Result<(), ReviewError>;

    /// Tells the box the time, in seconds since 1970, UTC, from the reviewer's telephone.
    ///
    /// # Errors
    /// [`ReviewError`] if the time cannot be right, or could not be kept.
    fn set_clock(&self, reviewer: &Reviewer, unix_s: u64) -> Result<Clock, ReviewError>;

    /// The knowledge on the box.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    fn packs(&self) -> Result<Vec<Pack>, StorageError>;

    /// Files on sticks that the box could read in; empty without a stick.
    fn stick_files(&self) -> Vec<StickFile>;

    /// Begins to read in a file of [`ReviewDesk::stick_files`]: knowledge, or another box's reviews.
    /// [`ReviewDesk::packs`] tells how far it is.
    ///
    /// # Errors
    /// [`ReviewError`] if it cannot begin.
    fn import(&self, reviewer: &Reviewer, name: &str) -> Result<(), ReviewError>;

    /// Lines of the audit log, the latest first, from `first` on.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    fn audit(&self, first: usize) -> Result<Page<AuditLine>, StorageError>;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_card_leaves_out_what_is_not_known() {
        let mut site = Site::default();
        assert_eq!(site.card(), None);
        site.phone = " 0700 000000 ".into();
        site.facility = "Health Centre".into();
        assert_eq!(site.card().unwrap(), "Health Centre, 0700 000000");
    }

    proptest! {
        #[test]
        fn targets_read_back(number in 0..i64::MAX, text: String) {
            for target in [Target::Question(number % 1_000_000), Target::Entry(number % 1_000_000)] {
                prop_assert_eq!(Target::parse(&target.to_string()), Some(target));
            }
            let _ = Target::parse(&text);
        }
    }
}
