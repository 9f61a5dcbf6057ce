//! From a question to the passage that its answer rests on, or to the word that there is none.

use crate::grounding::counted;
use crate::limits::CANDIDATES_MAX;
use crate::passage::Passage;
use crate::ports::{Library, StorageError};
use crate::question::{CacheKey, Language, QuestionText};
use crate::relevance::{self, Query};

/// What the library has for a question.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Ground {
    /// A passage good enough to answer from.
    Passage(Box<Passage>),
    /// None. The model is not asked.
    Nothing,
}

/// Looks for a passage to answer from. `vector` is the meaning of the question, as
/// [`Query::vector`] has it; without one the words alone are searched.
///
/// # Errors
/// [`StorageError`] if the library cannot be read.
pub fn find_ground(
    question: &QuestionText,
    language: &Language,
    vector: Option<Vec<i8>>,
    library: &dyn Library,
) -> Result<Ground, StorageError> {
    let query = Query::of(question, language).with_vector(vector);
    ground(question, &query, language, library)
}

/// Looks for an entry to quote where there is danger: by its words, and among what somebody wrote as an
/// answer, so that nobody waits for a search of whole libraries.
///
/// # Errors
/// [`StorageError`] if the library cannot be read.
pub fn find_entry(
    question: &QuestionText,
    language: &Language,
    library: &dyn Library,
) -> Result<Ground, StorageError> {
    let query = Query { only_entries: true, ..Query::of(question, language) };
    ground(question, &query, language, library)
}

fn ground(
    question: &QuestionText,
    query: &Query,
    language: &Language,
    library: &dyn Library,
) -> Result<Ground, StorageError> {
    if let Some(passage) = library.worded(&CacheKey::of(question), language)? {
        return Ok(Ground::Passage(Box::new(passage)));
    }
    if query.content.is_empty() {
        return Ok(Ground::Nothing);
    }
    let found = library.search(query, language, CANDIDATES_MAX)?;
    // In danger what to do is said, whatever number was asked for.
    let tells = |passage: &Passage| {
        query.only_entries || counted::can_tell(question.as_str(), &passage.text)
    };
    Ok(match relevance::choose(&found).filter(|candidate| tells(&candidate.passage)) {
        Some(candidate) => Ground::Passage(Box::new(candidate.passage.clone())),
        None => Ground::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relevance::{Candidate, Evidence, Found, Shelf};

    struct OneShelf(Found);

    impl Library for OneShelf {
        fn worded(&self, _: &CacheKey, _: &Language) -> Result<Option<Passage>, StorageError> {
            Ok(None)
        }
        fn search(&self, _: &Query, _: &Language, _: usize) -> Result<Found, StorageError> {
            Ok(self.0.clone())
        }
    }

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

    #[test]
    fn without_a_good_passage_there_is_no_ground() {
        let language = Language::english();
        let none = OneShelf(Found { candidates: Vec::new(), passages_searched: 100 });
        assert_eq!(find_ground(&question(), &language, None, &none).unwrap(), Ground::Nothing);
        let evidence = Evidence {
            coverage: 1.0,
            named: 1.0,
            asked_in_wording: 1.0,
            wording_in_asked: 1.0,
            central: 1.0,
            title: 1.0,
            telling: 0.9,
            rest: 1.0,
            words: 1,
            words_found: 1,
        };
        let shelf = Shelf::Entries;
        let candidate = Candidate { passage: passage(), shelf, evidence, cosine: None };
        let one = OneShelf(Found { candidates: vec![candidate], passages_searched: 100 });
        let ground = find_ground(&question(), &language, None, &one).unwrap();
        assert_eq!(ground, Ground::Passage(Box::new(passage())));
        // Gravity it is, but the passage does not count.
        let how_many = QuestionText::parse("How many gravities?").unwrap();
        assert_eq!(find_ground(&how_many, &language, None, &one).unwrap(), Ground::Nothing);
        let nothing_asked = QuestionText::parse("what is it?").unwrap();
        assert_eq!(find_ground(&nothing_asked, &language, None, &one).unwrap(), Ground::Nothing);
    }
}
