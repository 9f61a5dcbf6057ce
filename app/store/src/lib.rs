//! The database of a box: journal of questions and answers, queue, cache, and the passages that
//! answers rest on. The only SQL there is.
//!
//! One file, `baraza.db`, holds everything; see `schema/` for what. Any number of processes may have
//! it open, to ask and to look up. Only one at a time may write answers, the holder of the
//! [`AnsweringRight`], so that no question is answered twice; a process that dies gives up the right
//! with its life, and the next holder starts with [`answer::ports::Journal::resume`].

#![forbid(unsafe_code)]

mod error;
mod journal;
mod knowledge;
mod library;
pub mod limits;
mod load;
mod open;
#[cfg(test)]
mod retrieval_tests;

pub use error::StoreError;
pub use knowledge::{KnowledgeError, KnowledgePack};
pub use load::Loaded;
pub use open::{AnsweringRight, Store};

/// The knowledge that every box starts with: a pack in English for clinics and schools, not
/// reviewed.
pub const STARTER: &str = include_str!("../knowledge/starter-en.jsonl");
