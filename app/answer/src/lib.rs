//! The domain core: questions, answers, passages, and the rules between them. Pure: no files, no
//! network, no database, no clock; whoever calls brings randomness and time.
//!
//! A question goes through here in this order: [`question::QuestionText`] checks it,
//! [`ports::Journal`] keeps it (and answers it if [`question::CacheKey`] is known),
//! [`answering::find_ground`] looks for a passage, and [`writing::write_from`] has the model write
//! from it. [`desk::Desk`] is what the channels see of all this.

#![forbid(unsafe_code)]

pub mod answering;
mod code;
pub mod danger;
pub mod desk;
pub mod dose;
pub mod finding;
mod grounding;
pub mod guard;
pub mod injection;
pub mod limits;
pub mod passage;
pub mod ports;
pub mod privacy;
pub mod prompt;
pub mod question;
pub mod relevance;
pub mod review;
pub mod sentences;
pub mod spelling;
pub mod support;
pub mod terms;
mod words;
pub mod writing;
