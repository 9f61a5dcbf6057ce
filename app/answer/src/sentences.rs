//! What the box itself says to people, by language.

use crate::question::Language;

/// Said where the box has no source. English until the interface languages arrive.
#[must_use]
pub fn no_source(_language: &Language) -> &'static str {
    "I have no source for that, so I will not guess. Ask a health worker or a teacher, or ask me \
     again in other words."
}

/// Said where a question was given up on because the box died too often while it was written.
#[must_use]
pub fn gave_up(_language: &Language) -> &'static str {
    "I could not answer this question: each time I tried, the box stopped. Ask it in other words, \
     or ask a health worker or a teacher."
}

/// Said where the model failed on a question.
#[must_use]
pub fn could_not_write(_language: &Language) -> &'static str {
    "I could not write an answer to this question. Ask it in other words, or ask a health worker \
     or a teacher."
}
