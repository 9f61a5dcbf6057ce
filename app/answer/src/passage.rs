//! What the box knows: passages, and how one is named as a source.

use crate::desk::{Check, Source};

/// One piece of knowledge that an answer can rest on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// Year of that guidance; 0 if it is not known.
    pub year: u16,
    /// The question that it answers, in general form; empty for a piece of a document.
    pub question: String,
    /// Who reviewed it; `None` as long as nobody has.
    pub check: Option<Check>,
    /// Its place on this box; `None` outside a store.
    pub place: Option<i64>,
    /// Its pack and that pack's checksum, as `name@hash`.
    pub pack: String,
}

impl Passage {
    /// The passage as an answer names it.
    #[must_use]
    pub fn source(&self) -> Source {
        Source {
            id: self.id.clone(),
            title: match self.year {
                0 => format!("{} ({})", self.title, self.publisher),
                year => format!("{} ({}, {year})", self.title, self.publisher),
            },
            reviewed: self.check.is_some(),
            passage: self.text.clone(),
            place: self.place,
            pack: self.pack.clone(),
        }
    }
}
