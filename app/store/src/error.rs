//! What can go wrong with the database, in sentences for the person in charge.

use std::io;
use std::path::PathBuf;

use answer::ports::{AcceptError, StorageError};
use rusqlite::ErrorCode;

use crate::knowledge::KnowledgeError;

/// The store could not do what was asked. Nothing was half done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The data folder cannot be made or used.
    #[error(
        "cannot use the data folder {} ({reason}): make it writable for this user, or choose \
         another with --data", folder.display()
    )]
    Folder {
        /// The folder asked for.
        folder: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The database file cannot be opened.
    #[error(
        "cannot open {}: see that the folder is writable for this user, or choose another with \
         --data", path.display()
    )]
    CannotOpen {
        /// The database file.
        path: PathBuf,
    },
    /// A database that some other program made.
    #[error(
        "{} is not a database of Baraza: move it away, or choose another folder with --data",
        path.display()
    )]
    NotOurs {
        /// The database file.
        path: PathBuf,
    },
    /// A database that a later version of Baraza made.
    #[error(
        "{} was written by a newer Baraza (schema {found}, this one knows {known}): install the \
         newer version, or choose another folder with --data", path.display()
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// The schema version of this program.
        known: u32,
    },
    /// No space is left.
    #[error("the disk with the data folder is full: free some space; nothing kept so far is lost")]
    DiskFull,
    /// The database may be read but not written.
    #[error(
        "the database can be read but not written: make the data folder and its files writable \
         for this user"
    )]
    ReadOnly,
    /// Another process holds the database too long.
    #[error("another program keeps the database locked: stop it and try again")]
    Locked,
    /// The database file is damaged.
    #[error(
        "the database is damaged: keep a copy of the data folder, then restore a backup or start \
         with an empty folder"
    )]
    Damaged,
    /// The disk did not do as told.
    #[error("the disk with the data folder reports errors: copy the data folder to another disk")]
    DiskFailing,
    /// A knowledge pack cannot be used.
    #[error(transparent)]
    Knowledge(#[from] KnowledgeError),
    /// A vector cannot be kept.
    #[error(
        "the vector of passage {passage} has {width} values: give 1 to {}",
        crate::limits::VECTOR_BYTES_MAX
    )]
    Vector {
        /// The passage.
        passage: i64,
        /// Values of the vector.
        width: usize,
    },
    /// Something that this program did not expect of the database.
    #[error("unexpected answer from the database ({0}): report it with the log of the box")]
    Unexpected(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged,
            Some(ErrorCode::SystemIoFailure) => Self::DiskFailing,
            _ => Self::Unexpected(error.to_string()),
        }
    }
}

impl From<StoreError> for StorageError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<StoreError> for AcceptError {
    fn from(error: StoreError) -> Self {
        Self::Storage(error.into())
    }
}

/// Shorthand of this crate.
pub(crate) type Result<T, E = StoreError> = std::result::Result<T, E>;
