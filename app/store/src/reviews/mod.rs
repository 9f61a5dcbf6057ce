//! What reviewers decide, and what follows from it: checked answers, withdrawn ones, edited
//! entries, and the lists they work from. See [`answer::review`] for what a reviewer sees of it.

mod apply;
mod decide;
mod exchange;
#[cfg(test)]
mod exchange_tests;
mod list;
#[cfg(test)]
mod random_tests;
mod served;
mod subject;
#[cfg(test)]
mod tests;

use answer::question::{Language, QuestionText};
use answer::relevance::Query;
use answer::review::ReviewError;

use crate::error::StoreError;

pub(crate) use apply::{apply_reviews, general_key, retire_key};
pub use exchange::ImportReport;
pub use served::Checked;

/// What the caller brings, since this crate knows nothing of it.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// True if a text has a dose, so that two people must approve it.
    pub has_dose: &'a dyn Fn(&str) -> bool,
    /// The words of a question by which near questions find it, separated by spaces: question, then
    /// language. The same must be used when asking; [`content_words`] does for a start.
    pub words: &'a dyn Fn(&str, &str) -> String,
}

impl std::fmt::Debug for Rules<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rules")
    }
}

impl Rules<'_> {
    /// True if any of the two has a dose.
    fn dose(&self, text: &str, sms: Option<&str>) -> bool {
        (self.has_dose)(text) || sms.is_some_and(|sms| (self.has_dose)(sms))
    }
}

/// The content words of a question, separated by spaces; empty if it is none.
#[must_use]
pub fn content_words(question: &str, language: &str) -> String {
    let language = Language::parse(language).unwrap_or_else(Language::english);
    match QuestionText::parse(question) {
        Ok(question) => crate::answers::content(&Query::of(&question, &language)),
        Err(_) => String::new(),
    }
}

/// What stands for a question whose general form is not known.
const HIDDEN: &str = "(hidden)";

/// Identifies a text as it was read: 16 hexadecimal digits.
fn version_of(text: &str, sms: Option<&str>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
    hasher.update(&[u8::from(sms.is_some())]);
    hasher.update(sms.unwrap_or_default().as_bytes());
    hasher.finalize().to_hex()[..16].to_owned()
}

impl From<StoreError> for ReviewError {
    fn from(error: StoreError) -> Self {
        Self::Storage(error.into())
    }
}
