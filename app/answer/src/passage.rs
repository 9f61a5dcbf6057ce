//! What the box knows: passages, and how one is named as a source.

use crate::desk::Source;

/// One piece of knowledge that an answer can rest on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Identifier inside its knowledge pack.
    pub id: String,
    /// BCP 47 primary subtag.
    pub language: String,
    /// A few words that name the subject.
    pub title: String,
    /// The passage itself, plain text.
    pub text: String,
    /// Who published the guidance that the passage rests on.
    pub publisher: String,
    /// Year of that guidance.
    pub year: u16,
    /// True once a person reviewed the passage.
    pub reviewed: bool,
}

impl Passage {
    /// The passage as an answer names it.
    #[must_use]
    pub fn source(&self) -> Source {
        Source {
            id: self.id.clone(),
            title: format!("{} ({}, {})", self.title, self.publisher, self.year),
            reviewed: self.reviewed,
            passage: self.text.clone(),
        }
    }
}
