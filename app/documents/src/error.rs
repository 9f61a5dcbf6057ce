//! What can go wrong with a file as a whole, and with one item of it.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The system would not give the bytes.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Neither content nor name says what it is.
    #[error(
        "{path} is of no known kind; bring CSV, JSONL, Markdown, HTML, text, EPUB, PDF or ZIM, or a \
         folder of Markdown"
    )]
    Unknown {
        /// The file.
        path: PathBuf,
    },
    /// A knowledge file of the box itself, which its own importer reads.
    #[error("{path} is a knowledge file of this box; import it with `baraza knowledge import`")]
    KnowledgePack {
        /// The file.
        path: PathBuf,
    },
    /// More than a small computer should hold.
    #[error("{path} has {size} {unit}, the limit is {limit}; split it into smaller files")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What it has.
        size: u64,
        /// Of what: `bytes`, `pages`, `entries`.
        unit: &'static str,
        /// What is allowed.
        limit: u64,
    },
    /// The file breaks the rules of its format.
    #[error("{path} is not whole: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A PDF or EPUB under a password or with copy protection.
    #[error("{path} is locked: {reason}")]
    Locked {
        /// The file.
        path: PathBuf,
        /// By what, and what to do.
        reason: String,
    },
    /// A PDF of pictures.
    #[error(
        "{path} has no text layer: its pages are pictures; run text recognition (OCR) on it first"
    )]
    NoText {
        /// The file.
        path: PathBuf,
    },
    /// A position behind the end.
    #[error("position {position} is behind the last of {total}; start the import again")]
    Seek {
        /// What was asked for.
        position: u64,
        /// Items of the file.
        total: u64,
    },
}

impl DocumentError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn malformed(path: &Path, reason: impl Into<String>) -> Self {
        Self::Malformed { path: path.to_owned(), reason: reason.into() }
    }
}

/// One item that could not be read. The others are not touched by it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped {
    /// Which: `line 12`, or the path inside an archive or folder.
    pub id: String,
    /// Why, in lower case without full stop.
    pub reason: String,
}

impl Skipped {
    pub(crate) fn new(id: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { id: id.into(), reason: reason.into() }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id, self.reason)
    }
}
