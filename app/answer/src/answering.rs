//! From a question to its answer: find a passage, ground the model in it, or say that there is none.

use std::ops::ControlFlow;

use crate::desk::{Answer, Origin};
use crate::limits::CANDIDATES_MAX;
use crate::passage::Passage;
use crate::ports::{
    Ending, LanguageModel, Library, ModelError, StorageError, WritingLimits, Written,
};
use crate::question::{CacheKey, Language, QuestionText};
use crate::relevance::Query;
use crate::{prompt, relevance, sentences};

/// What the library has for a question.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Ground {
    /// A passage good enough to answer from.
    Passage(Box<Passage>),
    /// None. The model is not asked.
    Nothing,
}

/// Looks for a passage to answer from.
///
/// # Errors
/// [`StorageError`] if the library cannot be read.
pub fn find_ground(
    question: &QuestionText,
    language: &Language,
    library: &dyn Library,
) -> Result<Ground, StorageError> {
    if let Some(passage) = library.worded(&CacheKey::of(question), language)? {
        return Ok(Ground::Passage(Box::new(passage)));
    }
    let query = Query::of(question, language);
    if query.content.is_empty() {
        return Ok(Ground::Nothing);
    }
    let found = library.search(&query, language, CANDIDATES_MAX)?;
    Ok(match relevance::choose(&found) {
        Some(candidate) => Ground::Passage(Box::new(candidate.passage.clone())),
        None => Ground::Nothing,
    })
}

/// The honest answer where there is no source. `milliseconds` is left at 0.
#[must_use]
pub fn no_source(language: &Language) -> Answer {
    Answer {
        text: sentences::no_source(language).to_owned(),
        origin: Origin::None,
        sources: Vec::new(),
        danger: false,
        model: None,
        notice: None,
        milliseconds: 0,
    }
}

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
    /// The model could not run.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Has the model write an answer from one passage. `milliseconds` is left at 0.
///
/// # Errors
/// [`WritingError`] if the model fails, writes nothing, or is interrupted.
pub fn write_from(
    question: &QuestionText,
    passage: &Passage,
    model: &mut dyn LanguageModel,
    limits: &WritingLimits,
    on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Answer, WritingError> {
    let Written { text, ending } =
        model.write(&prompt::grounded(question, passage), limits, on_text)?;
    let text = match ending {
        Ending::Interrupted => return Err(WritingError::Interrupted),
        Ending::Complete => text.trim().to_owned(),
        Ending::CutOff => whole_sentences(text.trim()),
    };
    if text.is_empty() {
        return Err(WritingError::Nothing);
    }
    Ok(Answer {
        text,
        origin: Origin::Model,
        sources: vec![passage.source()],
        danger: false,
        model: Some(model.name().to_owned()),
        notice: model.notice().map(str::to_owned),
        milliseconds: 0,
    })
}

/// A text that was cut off, up to its last whole sentence; with an ellipsis if it has none.
fn whole_sentences(text: &str) -> String {
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
    match end {
        Some(end) => text[..end].to_owned(),
        None if text.is_empty() => String::new(),
        None => format!("{text}…"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::relevance::{Candidate, Found, Place, WordEvidence};

    struct Shelf(Found);

    impl Library for Shelf {
        fn worded(&self, _: &CacheKey, _: &Language) -> Result<Option<Passage>, StorageError> {
            Ok(None)
        }
        fn search(&self, _: &Query, _: &Language, _: usize) -> Result<Found, StorageError> {
            Ok(self.0.clone())
        }
    }

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
            reviewed: false,
        }
    }

    fn question() -> QuestionText {
        QuestionText::parse("What is gravity?").unwrap()
    }

    fn write(text: &str, ending: Ending) -> Result<Answer, WritingError> {
        let mut model = Scripted(Written { text: text.into(), ending });
        write_from(&question(), &passage(), &mut model, &LIMITS, &mut |_| ControlFlow::Continue(()))
    }

    #[test]
    fn an_answer_names_its_source_and_its_author() {
        let answer = write(" It pulls things down.\n", Ending::Complete).unwrap();
        assert_eq!(answer.text, "It pulls things down.");
        assert_eq!(answer.origin, Origin::Model);
        assert_eq!(answer.sources[0].title, "Gravity (OpenStax, 2016)");
        assert_eq!(answer.model.as_deref(), Some("scripted"));
        assert_eq!(answer.notice.as_deref(), Some("a script, not a model"));
    }

    #[test]
    fn a_cut_answer_ends_with_a_whole_sentence() {
        let cut = |text| write(text, Ending::CutOff).unwrap().text;
        assert_eq!(cut("It pulls. It also"), "It pulls.");
        assert_eq!(cut("Give 0.5 litres. Then wait 1."), "Give 0.5 litres.");
        assert_eq!(cut("It pulls and"), "It pulls and…");
    }

    #[test]
    fn no_words_and_interruptions_are_no_answers() {
        assert_eq!(write(" \n", Ending::Complete), Err(WritingError::Nothing));
        assert_eq!(write("It", Ending::Interrupted), Err(WritingError::Interrupted));
    }

    #[test]
    fn without_a_good_passage_there_is_no_ground() {
        let language = Language::english();
        let none = Shelf(Found { candidates: Vec::new(), passages_searched: 100 });
        assert_eq!(find_ground(&question(), &language, &none).unwrap(), Ground::Nothing);
        let word = WordEvidence { place: Place::Title, passages_with_word: 2 };
        let candidate = Candidate { passage: passage(), words: vec![word] };
        let one = Shelf(Found { candidates: vec![candidate], passages_searched: 100 });
        let ground = find_ground(&question(), &language, &one).unwrap();
        assert_eq!(ground, Ground::Passage(Box::new(passage())));
        let nothing_asked = QuestionText::parse("what is it?").unwrap();
        assert_eq!(find_ground(&nothing_asked, &language, &one).unwrap(), Ground::Nothing);
    }

    #[test]
    fn the_honest_answer_names_nobody() {
        let answer = no_source(&Language::english());
        assert_eq!((answer.origin, answer.sources.len()), (Origin::None, 0));
        assert!(answer.text.contains("no source"));
        assert_eq!((answer.model, answer.notice), (None, None));
    }
}
