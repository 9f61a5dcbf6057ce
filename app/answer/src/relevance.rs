//! Whether the box has a source for a question: which words are searched for, and which passage, if
//! any, is good enough to answer from.
//!
//! A wrong source is worse than none, so the rule is conservative. A word weighs as much as it is
//! rare in the knowledge searched, a word found nowhere the most; a passage must carry at least half
//! of the weight of the question's content words, where a word that stands only in the body counts
//! half. At least one word found must be telling by itself. A question put in the very words of the
//! knowledge needs no rule; [`crate::ports::Library::worded`] finds it.

use unicode_segmentation::UnicodeSegmentation;

use crate::limits::SEARCH_WORDS_MAX;
use crate::passage::Passage;
use crate::question::{Language, QuestionText};

/// Share of the question's weight that a passage must carry.
const COVERAGE_MIN: f64 = 0.5;

/// What a word counts that stands only in the body of a passage.
const BODY_SHARE: f64 = 0.5;

/// Weight of the most telling word found that makes an answer possible at all: in a pack of a
/// hundred passages, a word that stands in fewer than about fourteen of them.
const TELLING_WEIGHT_MIN: f64 = 2.0;

/// Passages that may share the only word of a question if none has it as its title.
const SINGLE_WORD_PASSAGES_MAX: usize = 2;

/// What is searched for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Words that say what the question is about; only passages with one of them count.
    pub content: Vec<String>,
    /// Its other words, which may still set one passage before another.
    pub rest: Vec<String>,
}

/// Best place of a passage in which a word of the question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In its title or in the question that it answers.
    Title,
    /// In another phrasing of that question.
    Phrasing,
    /// Only in its body.
    Body,
    /// Not in this passage.
    Absent,
}

/// One word of a question, seen from one passage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordEvidence {
    /// Where the passage has it.
    pub place: Place,
    /// Passages searched that have it anywhere.
    pub passages_with_word: usize,
}

/// A passage that shares words with a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The passage.
    pub passage: Passage,
    /// For each content word searched for, in the same order.
    pub words: Vec<WordEvidence>,
}

/// What a search brought back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// Best first, as the search ranks them.
    pub candidates: Vec<Candidate>,
    /// Passages that were searched.
    pub passages_searched: usize,
}

impl Query {
    /// The words of a question, lower case, each once, in order. Without content words ("what is
    /// it?") nothing needs to be searched.
    #[must_use]
    pub fn of(question: &QuestionText, language: &Language) -> Self {
        let stop_words = if language.as_str() == "en" { ENGLISH_STOP_WORDS } else { "" };
        let lowered = question.as_str().to_lowercase().replace('\u{2019}', "'");
        let mut query = Self::default();
        for word in lowered.unicode_words() {
            let word = word.strip_suffix("'s").unwrap_or(word);
            let plain = word.replace('\'', "");
            let stops = stop_words.split_ascii_whitespace().any(|stop| stop == plain);
            let words = if stops { &mut query.rest } else { &mut query.content };
            let known = words.iter().any(|known| known == word);
            if !plain.is_empty() && !known && words.len() < SEARCH_WORDS_MAX {
                words.push(word.to_owned());
            }
        }
        query
    }
}

/// The first candidate that is good enough to answer from, or `None`.
#[must_use]
pub fn choose(found: &Found) -> Option<&Candidate> {
    found.candidates.iter().find(|candidate| is_good_enough(candidate, found.passages_searched))
}

fn is_good_enough(candidate: &Candidate, passages_searched: usize) -> bool {
    // A single word has no others to correct it: it must be what the passage is about.
    if let [only] = candidate.words.as_slice() {
        let subject = match only.place {
            Place::Title => true,
            Place::Phrasing => only.passages_with_word <= SINGLE_WORD_PASSAGES_MAX,
            Place::Body | Place::Absent => false,
        };
        if !subject {
            return false;
        }
    }
    let mut whole = 0.0;
    let mut carried = 0.0;
    let mut most_telling: f64 = 0.0;
    for word in &candidate.words {
        let weight = rarity(word.passages_with_word, passages_searched);
        whole += weight;
        carried += match word.place {
            Place::Title | Place::Phrasing => weight,
            Place::Body => weight * BODY_SHARE,
            Place::Absent => continue,
        };
        most_telling = most_telling.max(weight);
    }
    carried >= COVERAGE_MIN * whole && most_telling >= telling_weight_min(passages_searched)
}

/// Inverse document frequency, as BM25 has it; positive.
fn rarity(passages_with_word: usize, passages_searched: usize) -> f64 {
    let with = passages_with_word as f64;
    let all = (passages_searched as f64).max(with);
    (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
}

/// In a handful of passages no word can be rare; half of what the rarest could weigh is asked.
fn telling_weight_min(passages_searched: usize) -> f64 {
    TELLING_WEIGHT_MIN.min(0.5 * rarity(1, passages_searched))
}

/// Words that say nothing of the subject of a question. "Not" and "no" are left out: "not breathing"
/// and "breathing" have different answers.
const ENGLISH_STOP_WORDS: &str = "
    a about after again all also am an and any anybody anyone anything are aren as at be because
    been being best but by can cant cannot could couldnt describe did didnt do does doesnt doing
    done dont down each else etc even every everyone explain for from get gets getting give gives
    go goes going good got had has hasnt have havent having he hello help her here hers hi him his
    how i id if ill im in into is isnt it its ive just kind kindly know let like make makes making
    many may me mean meaning means might mine more most much must my need needs now of off ok on
    one ones or other our ours out over people person please really right s said say says shall
    she should show so some somebody someone something such take takes tell than thank thanks that
    the their theirs them then there these they thing things this those to too two up us use used
    using very want wants was wasnt way ways we well were what whats when where which who whom
    whose why will with without would wouldnt yes you your yours";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        Query::of(&QuestionText::parse(text).unwrap(), &Language::english()).content
    }

    fn candidate(words: &[(Place, usize)]) -> Found {
        let words = words
            .iter()
            .map(|&(place, passages_with_word)| WordEvidence { place, passages_with_word })
            .collect();
        let passage = Passage {
            id: "p".into(),
            language: "en".into(),
            title: String::new(),
            text: String::new(),
            publisher: String::new(),
            year: 2000,
            reviewed: false,
        };
        Found { candidates: vec![Candidate { passage, words }], passages_searched: 100 }
    }

    #[test]
    fn content_words_say_what_it_is_about() {
        assert_eq!(words("What should I do for a snake bite?"), ["snake", "bite"]);
        assert_eq!(words("My child\u{2019}s fever, FEVER!"), ["child", "fever"]);
        assert_eq!(words("She is not breathing"), ["not", "breathing"]);
        assert_eq!(words("add 1/2 and 3.5"), ["add", "1", "2", "3.5"]);
        assert!(words("What is it?").is_empty());
        assert!(words("?!").is_empty());
    }

    #[test]
    fn a_language_without_a_list_keeps_every_word() {
        let question = QuestionText::parse("what ni homa").unwrap();
        let query = Query::of(&question, &Language::parse("sw").unwrap());
        assert_eq!(query.content, ["what", "ni", "homa"]);
    }

    #[test]
    fn half_of_the_weight_is_needed() {
        assert!(choose(&candidate(&[(Place::Phrasing, 3), (Place::Phrasing, 3)])).is_some());
        assert!(choose(&candidate(&[(Place::Phrasing, 3), (Place::Absent, 3)])).is_some());
        // A word found nowhere weighs more than one found.
        assert!(choose(&candidate(&[(Place::Phrasing, 3), (Place::Absent, 0)])).is_none());
        assert!(choose(&candidate(&[(Place::Body, 3), (Place::Body, 3)])).is_some());
        assert!(choose(&candidate(&[(Place::Body, 3), (Place::Absent, 3)])).is_none());
    }

    #[test]
    fn a_single_word_must_be_the_subject() {
        assert!(choose(&candidate(&[(Place::Title, 3)])).is_some());
        assert!(choose(&candidate(&[(Place::Phrasing, 2)])).is_some());
        assert!(choose(&candidate(&[(Place::Phrasing, 3)])).is_none());
        assert!(choose(&candidate(&[(Place::Body, 1)])).is_none());
        // "Baby" stands in a quarter of the passages and tells nothing.
        assert!(choose(&candidate(&[(Place::Title, 25)])).is_none());
    }

    #[test]
    fn nothing_found_is_no_source() {
        assert!(choose(&Found::default()).is_none());
        assert!(choose(&candidate(&[])).is_none());
    }

    proptest! {
        #[test]
        fn any_text_has_finitely_many_words(text in "\\PC{1,400}") {
            if let Ok(question) = QuestionText::parse(&text) {
                let query = Query::of(&question, &Language::english());
                prop_assert!(query.content.len() <= SEARCH_WORDS_MAX);
                prop_assert!(query.content.iter().all(|word| !word.is_empty()));
            }
        }
    }
}
