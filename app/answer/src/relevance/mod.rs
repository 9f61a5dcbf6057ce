//! Whether the box has a source for a question: what is searched for, and which passage, if any, is
//! good enough to answer from.
//!
//! A wrong source is worse than none, so the rule is conservative. A term weighs as much as it is rare
//! in the knowledge searched, one found nowhere the most. A passage is judged by how much of the
//! question it carries, by the single wording of its own that comes nearest, and, where there are
//! vectors, by how near its meaning is. A question put in the very words of the knowledge needs no
//! rule; [`crate::ports::Library::worded`] finds it.

mod evidence;
mod query;

pub use evidence::{Evidence, PassageText, evidence};
pub use query::{Asked, Query, Variant, Wanted};

use crate::passage::Passage;

/// Where a passage comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shelf {
    /// An entry that somebody wrote as an answer.
    Entries = 0,
    /// A piece of an imported document.
    Documents = 1,
}

/// A passage that may answer a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The passage.
    pub passage: Passage,
    /// Where it comes from.
    pub shelf: Shelf,
    /// What its words say for it.
    pub evidence: Evidence,
    /// The cosine between the question's meaning and the nearest of its own, from -1 to 1; `None`
    /// without vectors.
    pub cosine: Option<f64>,
}

/// What a search brought back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// Best first by [`Candidate::score`].
    pub candidates: Vec<Candidate>,
    /// Passages that were searched, on both shelves.
    pub passages_searched: usize,
}

/// What each part of the evidence counts for ranking. Fitted to the open lines of
/// `tests/golden/answers` (`evaluate --features`), then rounded.
mod rank {
    pub(super) const COVERAGE: f64 = 0.42;
    pub(super) const WORDING: f64 = 0.27;
    pub(super) const WORDING_IN_ASKED: f64 = 0.12;
    pub(super) const TITLE: f64 = 0.09;
    pub(super) const CENTRAL: f64 = 0.2;
    pub(super) const TELLING: f64 = 0.05;
    pub(super) const COSINE: f64 = 0.51;
    /// What a document's passage must be better by to stand before an entry, which somebody wrote as
    /// an answer.
    pub(super) const DOCUMENT: f64 = -0.1;
}

/// What the evidence counts for whether the first candidate is good enough: a logistic rule, fitted to
/// the same lines.
struct Rule {
    bias: f64,
    coverage: f64,
    wording: f64,
    wording_in_asked: f64,
    central: f64,
    rest: f64,
    margin: f64,
    words_found: f64,
    cosine: f64,
}

const BY_WORDS: Rule = Rule {
    bias: -7.45,
    coverage: 2.1,
    wording: 2.3,
    wording_in_asked: 1.45,
    central: 2.55,
    rest: 2.9,
    margin: 4.9,
    words_found: 4.2,
    cosine: 0.0,
};

const BY_WORDS_AND_MEANING: Rule = Rule {
    bias: -8.3,
    coverage: 1.8,
    wording: 1.9,
    wording_in_asked: 0.5,
    central: 2.8,
    rest: 2.35,
    margin: 4.95,
    words_found: 3.85,
    cosine: 3.5,
};

/// How far ahead of the next the first can be and gain by it.
const MARGIN_MAX: f64 = 0.3;

/// Content words found that say all that their number can say.
const WORDS_FOUND_MAX: usize = 4;

/// What a document's passage carries counts as if its few wordings carried this share of it: it has no
/// phrasings. Not fitted: there are no questions about documents yet.
const DOCUMENT_WORDING: f64 = 0.7;

/// Share of its own weight that the wording must find asked which a single word asks for: it has no
/// others to correct it, so that it must be what the passage is about.
const SINGLE_WORD_MIN: f64 = 0.6;

/// The share of its own weight that a wording must find asked if the word is not in the title, and the
/// share of all wordings that have it.
const SINGLE_WORD_UNTITLED_MIN: f64 = 0.9;
const SINGLE_WORD_CENTRAL_MIN: f64 = 0.15;

/// How rare a single word must be, against one found once: "child" tells nothing.
const SINGLE_WORD_TELLING_MIN: f64 = 0.48;

impl Candidate {
    /// How well the passage fits, for ranking; comparable between shelves and between candidates of
    /// one search, not between questions.
    #[must_use]
    pub fn score(&self) -> f64 {
        let e = self.fair_evidence();
        let shelf = match self.shelf {
            Shelf::Entries => 0.0,
            Shelf::Documents => rank::DOCUMENT,
        };
        rank::COVERAGE * e.coverage
            + rank::WORDING * wording(&e)
            + rank::WORDING_IN_ASKED * e.wording_in_asked
            + rank::TITLE * e.title
            + rank::CENTRAL * e.central
            + rank::TELLING * e.telling
            + rank::COSINE * self.cosine.unwrap_or(0.0).max(0.0)
            + shelf
    }

    /// The evidence as it would be if the passage had phrasings.
    fn fair_evidence(&self) -> Evidence {
        let mut e = self.evidence;
        if self.shelf == Shelf::Documents {
            let carried = e.coverage * DOCUMENT_WORDING;
            e.asked_in_wording = e.asked_in_wording.max(carried);
            e.central = e.central.max(carried);
        }
        e
    }

    /// True if the passage may be answered from, where the next one of its shelf scores `next`.
    fn is_good_enough(&self, next: f64) -> bool {
        let e = self.fair_evidence();
        match e.words {
            0 => return false,
            1 => {
                let titled = e.title > 0.5 && e.wording_in_asked >= SINGLE_WORD_MIN;
                let named = e.central >= SINGLE_WORD_CENTRAL_MIN
                    && e.wording_in_asked >= SINGLE_WORD_UNTITLED_MIN;
                return e.telling >= SINGLE_WORD_TELLING_MIN && (titled || named);
            }
            _ => {}
        }
        let rule = if self.cosine.is_some() { &BY_WORDS_AND_MEANING } else { &BY_WORDS };
        let margin = (self.score() - next).clamp(0.0, MARGIN_MAX);
        let found = e.words_found.min(WORDS_FOUND_MAX) as f64 / WORDS_FOUND_MAX as f64;
        rule.bias
            + rule.coverage * e.coverage
            + rule.wording * wording(&e)
            + rule.wording_in_asked * e.wording_in_asked
            + rule.central * e.central
            + rule.rest * e.rest
            + rule.margin * margin
            + rule.words_found * found
            + rule.cosine * self.cosine.unwrap_or(0.0)
            >= 0.0
    }

    /// True if the passage is about something that the question names.
    fn is_near(&self) -> bool {
        self.evidence.words_found > 0
            && self.evidence.named >= TOPIC_NAMED_MIN
            && self.evidence.telling >= TOPIC_TELLING_MIN
    }
}

/// Least share of the question's weight that a topic must name, and how rare the rarest of the words
/// must be, against one found once.
const TOPIC_NAMED_MIN: f64 = 0.2;
const TOPIC_TELLING_MIN: f64 = 0.4;

/// How well question and best wording cover one another.
fn wording(e: &Evidence) -> f64 {
    e.asked_in_wording * (0.5 + 0.5 * e.wording_in_asked)
}

/// The first candidate if it is good enough to answer from, or `None`.
#[must_use]
pub fn choose(found: &Found) -> Option<&Candidate> {
    let (first, others) = found.candidates.split_first()?;
    let next = others.iter().find(|other| other.shelf == first.shelf);
    first.is_good_enough(next.map_or(0.0, Candidate::score)).then_some(first)
}

/// Passages to name as topics near a question that has no source: best first, each title once.
#[must_use]
pub fn topics(found: &Found, limit: usize) -> Vec<Passage> {
    let mut topics: Vec<Passage> = Vec::new();
    for candidate in found.candidates.iter().filter(|candidate| candidate.is_near()) {
        let passage = &candidate.passage;
        if topics.len() < limit && topics.iter().all(|topic| topic.title != passage.title) {
            topics.push(passage.clone());
        }
    }
    topics
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::SEARCH_WORDS_MAX;
    use crate::question::{Language, QuestionText};
    use crate::spelling::Vocabulary;
    use crate::terms::terms;

    const PASSAGES: u32 = 100;

    fn query(text: &str) -> Query {
        Query::of(&QuestionText::parse(text).unwrap(), &Language::english())
    }

    fn words(text: &str) -> Vec<String> {
        query(text).content.into_iter().map(|wanted| wanted.term.text).collect()
    }

    /// A hundred entries that have these terms as often as said.
    fn vocabulary(counts: &[(&str, u32)]) -> Vocabulary {
        let counted = counts.iter().flat_map(|(words, count)| {
            terms(words, "en").into_iter().map(|term| (term.text, Shelf::Entries, *count))
        });
        Vocabulary::new(counted.collect(), [PASSAGES, 0], "en")
    }

    fn judged(question: &str, text: PassageText<'_>, counts: &[(&str, u32)]) -> Candidate {
        let (query, vocabulary) = (query(question), vocabulary(counts));
        let asked = query.expand(&Language::english(), &vocabulary);
        let evidence = evidence(&asked, &query.rest, &text, Shelf::Entries, "en", &vocabulary);
        let passage = Passage {
            id: "p".into(),
            language: "en".into(),
            title: text.title.into(),
            text: text.body.into(),
            publisher: String::new(),
            year: 2000,
            ..Passage::default()
        };
        Candidate { passage, shelf: Shelf::Entries, evidence, cosine: None }
    }

    fn is_served(candidate: Candidate) -> bool {
        choose(&Found { candidates: vec![candidate], passages_searched: 100 }).is_some()
    }

    const SNAKE: PassageText<'static> = PassageText {
        title: "Snake bite",
        question: "What should I do for a snake bite?",
        phrasings: "snake bit me\nfirst aid for snake bite",
        body: "Keep the leg still and go to the clinic.",
    };

    const COUNTS: &[(&str, u32)] =
        &[("snake bite aid keep leg", 3), ("child", 30), ("clinic", 60), ("moon", 0)];

    #[test]
    fn content_words_say_what_it_is_about() {
        assert_eq!(words("What should I do for a snake bite?"), ["snake", "bite"]);
        assert_eq!(words("My child\u{2019}s fever, FEVER!"), ["child", "fever"]);
        assert_eq!(words("She is not breathing"), ["not", "breath"]);
        assert_eq!(words("add 1/2 and 3.5"), ["add", "1", "2", "3.5"]);
        assert!(words("What is it?").is_empty());
        assert!(words("?!").is_empty());
    }

    #[test]
    fn a_language_without_a_list_keeps_every_word() {
        let question = QuestionText::parse("que es eso").unwrap();
        let query = Query::of(&question, &Language::parse("es").unwrap());
        assert!(query.rest.is_empty() && query.content.len() > 5);
    }

    #[test]
    fn most_of_the_question_is_needed() {
        assert!(is_served(judged("a snake bite, what do I do", SNAKE, COUNTS)));
        assert!(is_served(judged("the child has a snake bite", SNAKE, COUNTS)));
        // Words found nowhere weigh more than one found.
        assert!(!is_served(judged("snake skin handbag price", SNAKE, COUNTS)));
        assert!(!is_served(judged("keep the clinic clean", SNAKE, COUNTS)));
    }

    #[test]
    fn a_single_word_must_be_the_subject() {
        let measles = PassageText { title: "Measles", question: "What is measles?", ..SNAKE };
        assert!(is_served(judged("measles?", measles, &[("measles", 3)])));
        // What stands in a quarter of the passages tells nothing.
        assert!(!is_served(judged("measles?", measles, &[("measles", 25)])));
        let other = PassageText { title: "Spots and measles of the skin", ..SNAKE };
        assert!(!is_served(judged("measles?", other, &[("measles spot skin", 3)])));
        assert!(!is_served(judged("leg?", SNAKE, COUNTS)));
    }

    #[test]
    fn numbers_alone_ask_nothing() {
        let area = PassageText { title: "3.14", question: "3.14", ..SNAKE };
        assert!(!is_served(judged("3.14", area, &[("3.14", 1)])));
    }

    #[test]
    fn nothing_found_is_no_source() {
        assert!(choose(&Found::default()).is_none());
    }

    #[test]
    fn meaning_sets_one_passage_before_another() {
        let near = judged("snake bite", SNAKE, COUNTS);
        let nearer = Candidate { cosine: Some(0.8), ..near.clone() };
        assert!(nearer.score() > near.score());
        let away = Candidate { cosine: Some(-1.0), ..near.clone() };
        assert!(away.score() <= near.score());
    }

    #[test]
    fn an_entry_stands_before_a_document_as_good() {
        let entry = judged("snake bite", SNAKE, COUNTS);
        let document = Candidate { shelf: Shelf::Documents, ..entry.clone() };
        assert!(entry.score() > document.score());
    }

    #[test]
    fn each_topic_is_named_once() {
        let candidate = judged("which snake is harmless", SNAKE, COUNTS);
        let found =
            Found { candidates: vec![candidate.clone(), candidate], passages_searched: 100 };
        assert_eq!(topics(&found, 3).len(), 1);
        assert!(topics(&found, 0).is_empty());
    }

    proptest! {
        #[test]
        fn any_text_has_finitely_many_words(text in "\\PC{1,400}") {
            if let Ok(question) = QuestionText::parse(&text) {
                let query = Query::of(&question, &Language::english());
                prop_assert!(query.content.len() <= SEARCH_WORDS_MAX);
                prop_assert!(query.content.iter().all(|wanted| !wanted.term.text.is_empty()));
                let asked = query.expand(&Language::english(), &vocabulary(COUNTS));
                let e = evidence(&asked, &query.rest, &SNAKE, Shelf::Entries, "en",
                    &vocabulary(COUNTS));
                for share in [e.coverage, e.named, e.central, e.title, e.telling, e.rest] {
                    prop_assert!((0.0..=1.0 + 1e-9).contains(&share));
                }
            }
        }
    }
}
