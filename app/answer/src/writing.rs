//! Having a model write, and letting through only what its passage supports.
//!
//! A small model is confident and wrong, and what it leaves out hurts most. So nothing that it writes
//! is shown before the sentence is whole and was found in the passage; what is not there goes; what
//! the passage warns of and the answer lacks is put behind it word for word; and if little is left,
//! the answer is refused, and the passage speaks for itself.

use std::ops::ControlFlow;

use crate::desk::{Answer, Origin};
use crate::passage::Passage;
use crate::ports::{Ending, LanguageModel, ModelError, WritingLimits, Written};
use crate::question::{Language, QuestionText};
use crate::{dose, injection, prompt, sentences, support};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WritingError {
    /// The box is stopping; the question is to be kept.
    #[error("the box is stopping")]
    Interrupted,
    /// The model ended without a word.
    #[error("the model wrote nothing")]
    Nothing,
    /// The passage does not support enough of what the model wrote.
    #[error("the passage does not support what the model wrote")]
    Unsupported,
    /// The model had a fault.
    #[error("the model had a fault")]
    Fault,
    /// The model could not run.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Has the model write an answer from one passage, and keeps what the passage supports.
/// `milliseconds` is left at 0; `on_text` gets each sentence once it is found supported.
///
/// # Errors
/// [`WritingError`] if the model fails, writes nothing or too little that is supported, or is
/// interrupted.
pub fn write_from(
    question: &QuestionText,
    passage: &Passage,
    language: &Language,
    model: &mut dyn LanguageModel,
    limits: &WritingLimits,
    on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Answer, WritingError> {
    let prompt = prompt::grounded(question, passage);
    let mut gate = Gate { passage, language, waiting: String::new(), shown: false };
    let written = model.write(&prompt, limits, &mut |piece| gate.pass(piece, on_text))?;
    let text = whole(written)?;
    if injection::leaks(&text, &prompt.system) {
        return Err(WritingError::Unsupported);
    }
    let supported = supported(&text, passage, language);
    let (mut text, unsafe_doses) = without_moved_doses(&supported, passage);
    if supported.is_refused() || text.is_empty() {
        return Err(WritingError::Unsupported);
    }
    for warning in &supported.missing_warnings {
        text.push(' ');
        text.push_str(warning);
    }
    Ok(Answer {
        text,
        origin: Origin::Model,
        sources: vec![passage.source()],
        weak: unsafe_doses || !supported.removed.is_empty(),
        model: Some(model.name().to_owned()),
        notice: model.notice().map(str::to_owned),
        ..Answer::default()
    })
}

/// Has the model write from what it remembers. The answer says so, and nothing of it is shown before
/// it is whole.
///
/// # Errors
/// [`WritingError`] if the model fails, writes nothing, or is interrupted.
pub fn write_freely(
    question: &QuestionText,
    language: &Language,
    model: &mut dyn LanguageModel,
    limits: &WritingLimits,
    _on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Answer, WritingError> {
    let prompt = prompt::free(question);
    let written = model.write(&prompt, limits, &mut |_| ControlFlow::Continue(()))?;
    let text = whole(written)?;
    if injection::leaks(&text, &prompt.system) {
        return Err(WritingError::Unsupported);
    }
    // No passage carries any dose, so none may stand.
    if dose::has_dose(&text) {
        return Err(WritingError::Unsupported);
    }
    Ok(Answer {
        text,
        origin: Origin::Model,
        weak: true,
        model: Some(model.name().to_owned()),
        notice: Some(sentences::without_source(language).to_owned()),
        ..Answer::default()
    })
}

fn supported<'p>(text: &str, passage: &'p Passage, language: &Language) -> support::Supported<'p> {
    // A passage may be in another language than the question.
    let language = Language::parse(&passage.language).unwrap_or_else(|| language.clone());
    support::check(text, &[&passage.text], &language)
}

/// What is supported, without the sentences whose dose the passage does not give for the same thing;
/// whether there were any.
fn without_moved_doses(supported: &support::Supported<'_>, passage: &Passage) -> (String, bool) {
    let kept: Vec<&str> = supported.kept.iter().map(|sentence| sentence.text.as_str()).collect();
    let guarded = dose::guard(&kept, &[&passage.text]);
    if guarded.removed.is_empty() {
        return (supported.text(), false);
    }
    let unsafe_ones: Vec<usize> = guarded.removed.iter().map(|(index, _)| *index).collect();
    let kept = kept.iter().enumerate().filter(|(index, _)| !unsafe_ones.contains(index));
    (kept.map(|(_, sentence)| *sentence).collect::<Vec<_>>().join(" "), true)
}

fn whole(Written { text, ending }: Written) -> Result<String, WritingError> {
    let text = match ending {
        Ending::Interrupted => return Err(WritingError::Interrupted),
        Ending::Complete => text.trim().to_owned(),
        Ending::CutOff => whole_sentences(text.trim()),
    };
    if text.is_empty() { Err(WritingError::Nothing) } else { Ok(text) }
}

/// Lets supported sentences through as they become whole.
struct Gate<'a> {
    passage: &'a Passage,
    language: &'a Language,
    waiting: String,
    shown: bool,
}

impl Gate<'_> {
    fn pass(
        &mut self,
        piece: &str,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.waiting.push_str(piece);
        let Some(end) = end_of_sentences(&self.waiting) else { return ControlFlow::Continue(()) };
        let rest = self.waiting.split_off(end);
        let sentences = std::mem::replace(&mut self.waiting, rest);
        let supported = supported(sentences.trim(), self.passage, self.language);
        let (kept, _) = without_moved_doses(&supported, self.passage);
        if kept.is_empty() {
            return ControlFlow::Continue(());
        }
        let before = if std::mem::replace(&mut self.shown, true) { " " } else { "" };
        on_text(&format!("{before}{kept}"))
    }
}

/// A text that was cut off, up to its last whole sentence; with an ellipsis if it has none.
fn whole_sentences(text: &str) -> String {
    match end_of_sentences(text) {
        Some(end) => text[..end].to_owned(),
        None if text.is_empty() => String::new(),
        None => format!("{text}…"),
    }
}

/// Where the last whole sentence of a text ends.
fn end_of_sentences(text: &str) -> Option<usize> {
    let mut end = None;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let closes = matches!(c, '.' | '!' | '?' | '。' | '।' | '؟');
        // A point inside a number or a list mark such as "1." ends no sentence.
        let before_space = characters.peek().is_none_or(|(_, next)| next.is_whitespace());
        let after_digit = text[..at].ends_with(|c: char| c.is_ascii_digit());
        if closes && before_space && !(c == '.' && after_digit) {
            end = Some(at + c.len_utf8());
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Scripted(Written);

    impl LanguageModel for Scripted {
        fn id(&self) -> &str {
            "scripted@1"
        }
        fn name(&self) -> &str {
            "scripted"
        }
        fn notice(&self) -> Option<&str> {
            Some("a script, not a model")
        }
        fn write(
            &mut self,
            prompt: &prompt::Prompt,
            _: &WritingLimits,
            on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
        ) -> Result<Written, ModelError> {
            assert!(prompt.user.starts_with("Passage: Gravity. "));
            let _ = on_text(&self.0.text);
            Ok(self.0.clone())
        }
    }

    const LIMITS: WritingLimits =
        WritingLimits { new_tokens_max: 8, time_max: Duration::from_secs(1) };

    fn passage() -> Passage {
        Passage {
            id: "gravity-force".into(),
            language: "en".into(),
            title: "Gravity".into(),
            text: "Gravity pulls things down.".into(),
            publisher: "OpenStax".into(),
            year: 2016,
            ..Passage::default()
        }
    }

    fn question() -> QuestionText {
        QuestionText::parse("What is gravity?").unwrap()
    }

    fn write(text: &str, ending: Ending) -> Result<Answer, WritingError> {
        let mut model = Scripted(Written { text: text.into(), ending });
        write_from(&question(), &passage(), &Language::english(), &mut model, &LIMITS, &mut |_| {
            ControlFlow::Continue(())
        })
    }

    #[test]
    fn an_answer_names_its_source_and_its_author() {
        let answer = write(" Gravity pulls things down.\n", Ending::Complete).unwrap();
        assert_eq!(answer.text, "Gravity pulls things down.");
        assert_eq!(answer.origin, Origin::Model);
        assert_eq!(answer.sources[0].title, "Gravity (OpenStax, 2016)");
        assert_eq!(answer.model.as_deref(), Some("scripted"));
        assert_eq!(answer.notice.as_deref(), Some("a script, not a model"));
    }

    #[test]
    fn a_cut_answer_ends_with_a_whole_sentence() {
        let cut = write("Gravity pulls things down. It also", Ending::CutOff).unwrap();
        assert_eq!(cut.text, "Gravity pulls things down.");
        assert_eq!(whole_sentences("Give 0.5 litres. Then wait 1."), "Give 0.5 litres.");
        assert_eq!(whole_sentences("It pulls and"), "It pulls and…");
    }

    #[test]
    fn no_words_and_interruptions_are_no_answers() {
        assert_eq!(write(" \n", Ending::Complete), Err(WritingError::Nothing));
        assert_eq!(write("It", Ending::Interrupted), Err(WritingError::Interrupted));
    }

    #[test]
    fn what_the_passage_does_not_say_is_neither_shown_nor_kept() {
        let text = "Gravity pulls things down. Take 500 mg of quinine. It pulls things up.";
        let mut shown = String::new();
        let mut model = Scripted(Written { text: text.into(), ending: Ending::Complete });
        let answer = write_from(
            &question(),
            &passage(),
            &Language::english(),
            &mut model,
            &LIMITS,
            &mut |piece| {
                shown.push_str(piece);
                ControlFlow::Continue(())
            },
        );
        assert_eq!(answer, Err(WritingError::Unsupported), "too little is left");
        assert_eq!(shown, "Gravity pulls things down.");
    }

    #[test]
    fn a_warning_that_the_model_left_out_is_put_behind() {
        let passage = Passage {
            text: "Cool the burn under clean water for 20 minutes. Go to the clinic now if it is \
                   larger than your hand."
                .into(),
            ..passage()
        };
        let text = "Cool the burn under clean water for 20 minutes.";
        let mut model = Scripted(Written { text: text.into(), ending: Ending::Complete });
        let answer = write_from(
            &question(),
            &passage,
            &Language::english(),
            &mut model,
            &LIMITS,
            &mut |_| ControlFlow::Continue(()),
        );
        assert_eq!(answer.unwrap().text, passage.text);
    }
}
