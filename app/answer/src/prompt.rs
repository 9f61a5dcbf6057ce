//! How a question is put to the model.

use crate::injection::as_data;
use crate::passage::Passage;
use crate::question::QuestionText;

/// Version of the layout below. A cached answer is served only while this stays the same.
pub const VERSION: u32 = 2;

/// A prompt in the two roles that every chat template knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What the model is told once.
    pub system: String,
    /// The passage and the question.
    pub user: String,
    /// The beginning of `user` that is the same whatever is asked about this passage.
    pub passage: String,
}

/// The prompt that grounds an answer in one passage. The embedded model is trained on this exact
/// layout; the system text comes first and never changes, so that an engine can keep its state.
#[must_use]
pub fn grounded(question: &QuestionText, passage: &Passage) -> Prompt {
    // What people and files bring is data: it cannot open or close a part of the prompt.
    let (title, text) = (as_data(&passage.title), as_data(&passage.text));
    let passage = format!("Passage: {title}. {text}");
    Prompt {
        system: "Answer only from the passage.".into(),
        user: format!("{passage}\n\nQuestion: {}", as_data(question.as_str())),
        passage,
    }
}

/// The prompt without a passage, where a site allows the model to answer from what it remembers.
#[must_use]
pub fn free(question: &QuestionText) -> Prompt {
    Prompt {
        system: "Answer in a few short sentences. If you are not sure, say so. Give no doses of \
                 medicine."
            .into(),
        user: format!("Question: {}", as_data(question.as_str())),
        passage: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_the_one_the_model_learned() {
        let passage = Passage {
            id: "gravity-force".into(),
            language: "en".into(),
            title: "Gravity".into(),
            text: "Gravity pulls things down.".into(),
            publisher: "OpenStax".into(),
            year: 2016,
            ..Passage::default()
        };
        let question = QuestionText::parse("what is\ngravity?").unwrap();
        let prompt = grounded(&question, &passage);
        assert_eq!(prompt.system, "Answer only from the passage.");
        assert_eq!(
            prompt.user,
            "Passage: Gravity. Gravity pulls things down.\n\nQuestion: what is gravity?"
        );
        assert!(prompt.user.starts_with(&prompt.passage));
    }
}
