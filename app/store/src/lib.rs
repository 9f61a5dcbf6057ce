//! The database of a box: journal of questions and answers, queue, cache, and the passages that
//! answers rest on. The only SQL there is.
//!
//! One file, `baraza.db`, holds everything; see `schema/` for what. Any number of processes may have
//! it open, to ask and to look up. Only one at a time may write answers, the holder of the
//! [`AnsweringRight`], so that no question is answered twice; a process that dies gives up the right
//! with its life, and the next holder starts with [`answer::ports::Journal::resume`].

#![forbid(unsafe_code)]

mod answers;
mod audit;
pub mod clock;
mod documents;
mod error;
mod index;
#[cfg(test)]
mod index_tests;
mod journal;
mod kept;
mod knowledge;
mod library;
pub mod limits;
mod load;
mod open;
mod packs;
mod pages;
pub mod pin;
mod retention;
#[cfg(test)]
mod retrieval_tests;
mod reviewers;
mod reviews;
pub mod signature;
mod site;

pub use audit::By;
mod vectors;

pub use documents::{DocumentPack, DocumentPassage};
pub use error::StoreError;
pub use knowledge::{KnowledgeError, KnowledgePack};
pub use load::Loaded;
pub use open::{AnsweringRight, ImportRight, Store};
pub use reviews::{Checked, ImportReport, Rules, content_words};
pub use site::TrustedKey;
pub use vectors::{Nearest, Unencoded, nearest};

/// The knowledge that every box starts with, as file names and contents: packs for clinics and schools in
/// English, French and Swahili, none of them reviewed. `starter-en` is the first.
pub const STARTERS: [(&str, &str); 5] = [
    ("starter-en.jsonl", STARTER),
    ("clinic-en.jsonl", include_str!("../knowledge/clinic-en.jsonl")),
    ("school-en.jsonl", include_str!("../knowledge/school-en.jsonl")),
    ("starter-fr.jsonl", include_str!("../knowledge/starter-fr.jsonl")),
    ("starter-sw.jsonl", include_str!("../knowledge/starter-sw.jsonl")),
];

/// The first of [`STARTERS`].
pub const STARTER: &str = include_str!("../knowledge/starter-en.jsonl");
