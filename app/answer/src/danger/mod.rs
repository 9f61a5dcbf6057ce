//! The danger floor: fixed referral texts that come first and at once, whatever the model says, when
//! a question or an answer speaks of a danger to life.
//!
//! The rules are data: one TOML file per language (`app/answer/danger`), each rule with its source,
//! its texts, its patterns, and the sentences that must and must not raise it. This module reads
//! them and looks for them in a text; it knows no sign of danger itself.
//!
//! A text is cut into plain words ([`text`]), each word is looked up in what the patterns name
//! ([`lexicon`]), and patterns are groups of words that stand near one another ([`pattern`],
//! [`pass`]). A negated word does not count, and a match beside words of school, prevention or a
//! past that ended well is dropped, unless other words say that it is happening now ([`rules`]).
//! The work is linear in the text and bounded by constants in [`crate::limits`].
//!
//! Rules find the signs that somebody thought of. A linear model ([`opinion`]), learned at start from
//! the rules' examples and from `examples-*.txt`, gives a second opinion on each question: it raises
//! the general referral where it is sure and no rule found anything, and drops what a rule found
//! where it is sure of the contrary.
//!
//! Every text is read in every language, so that a question typed in Swahili on an English page
//! still counts. Recall comes first: a rule that also fires on some harmless sentence is better than
//! one that misses a danger, as long as people still read what it says.

mod error;
mod file;
mod language;
mod lexicon;
mod opinion;
mod pass;
mod pattern;
mod rules;
mod sms;
#[cfg(test)]
mod tests;
mod text;

pub use error::RuleError;
pub use rules::{FailedExample, Hit, Rules, Severity};
