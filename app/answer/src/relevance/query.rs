//! What is searched for: the terms of a question, and what each may stand for in the knowledge.

use super::Shelf;
use crate::limits::SEARCH_WORDS_MAX;
use crate::question::{Language, QuestionText};
use crate::spelling::Vocabulary;
use crate::terms::{Lexicon, Term, TermKind, terms};

/// What a term counts that only means about the same as one asked.
const SYNONYM_WEIGHT: f64 = 0.75;

/// What a term counts that a phrase of the question stands for.
const PHRASE_WEIGHT: f64 = 0.9;

/// Shortest half of a word that was two ("snakebite").
const HALF_CHARS_MIN: usize = 3;

/// What is searched for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Terms that say what the question is about, each once, in order.
    pub content: Vec<Wanted>,
    /// Its other words.
    pub rest: Vec<String>,
    /// Its meaning as a unit vector times 127, from the same encoder as the passages' vectors; without
    /// one the words alone are searched.
    pub vector: Option<Vec<i8>>,
    /// Only what somebody wrote as an answer is searched, and no documents.
    pub only_entries: bool,
}

/// A term of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The term as asked.
    pub term: Term,
    /// Terms that say what a phrase means in which it stands.
    pub phrase_means: Vec<String>,
}

/// A term of a question and all that counts for it in the knowledge.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// What kind of term it is.
    pub kind: TermKind,
    /// Terms of the knowledge, the one asked first; never empty.
    pub variants: Vec<Variant>,
}

/// A term that counts for one asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// The term.
    pub text: String,
    /// How much it counts: 1 for the term asked, less for a guess.
    pub weight: f64,
    /// Passages of each shelf that have it.
    pub counts: [u32; 2],
}

impl Query {
    /// The terms of a question, without a vector. Without content ("what is it?") nothing needs to be
    /// searched.
    #[must_use]
    pub fn of(question: &QuestionText, language: &Language) -> Self {
        let all = terms(question.as_str(), language.as_str());
        let mut wanted = phrase_means(&all, language);
        let mut query = Self::default();
        for (term, phrase_means) in all.into_iter().zip(&mut wanted) {
            if !term.is_content() {
                if query.rest.len() < SEARCH_WORDS_MAX && !query.rest.contains(&term.text) {
                    query.rest.push(term.text);
                }
                continue;
            }
            let phrase_means = std::mem::take(phrase_means);
            let known = query.content.iter().position(|known| known.term.text == term.text);
            if let Some(known) = known {
                query.content[known].phrase_means.extend(phrase_means);
            } else if query.content.len() < SEARCH_WORDS_MAX {
                query.content.push(Wanted { term, phrase_means });
            }
        }
        query
    }

    /// The same query with the meaning of the question.
    #[must_use]
    pub fn with_vector(mut self, vector: Option<Vec<i8>>) -> Self {
        self.vector = vector;
        self
    }

    /// Each content term with all that counts for it in a vocabulary: the term, its synonyms, what its
    /// phrase means and, if the vocabulary does not know it, known terms that it may be a misspelling,
    /// a half or the whole of. A word that entries mostly write as two ("snakebite") is two.
    #[must_use]
    pub fn expand(&self, language: &Language, vocabulary: &Vocabulary) -> Vec<Asked> {
        let language = language.as_str();
        let mut out = Vec::with_capacity(self.content.len());
        for (at, wanted) in self.content.iter().enumerate() {
            let term = &wanted.term;
            if term.kind == TermKind::Word
                && let Some(halves) = halves(&term.word, language, vocabulary)
                && is_better_halved(&term.text, &halves, vocabulary)
            {
                out.extend(halves.iter().map(|half| asked(half, &[], language, vocabulary)));
                continue;
            }
            let mut one = asked(term, &wanted.phrase_means, language, vocabulary);
            let before = at.checked_sub(1).map(|before| &self.content[before].term);
            for (left, right) in [(before, Some(term)), (Some(term), self.after(at))] {
                if let Some(joined) = joined(left, right, language, vocabulary) {
                    add(&mut one.variants, &joined, PHRASE_WEIGHT, vocabulary);
                }
            }
            out.push(one);
        }
        out.truncate(SEARCH_WORDS_MAX);
        out
    }

    fn after(&self, at: usize) -> Option<&Term> {
        self.content.get(at + 1).map(|wanted| &wanted.term)
    }
}

/// For each term, what the phrase means in which it stands.
fn phrase_means(all: &[Term], language: &Language) -> Vec<Vec<String>> {
    let mut means = vec![Vec::new(); all.len()];
    let Some(lexicon) = Lexicon::of(language.as_str()) else { return means };
    let plain: Vec<(&str, bool)> =
        all.iter().map(|term| (term.text.as_str(), term.is_content())).collect();
    for at in 0..all.len() {
        if let Some((taken, meant)) = lexicon.phrase(&plain[at..]) {
            for inside in &mut means[at..at + taken] {
                inside.extend_from_slice(meant);
            }
        }
    }
    means
}

fn asked(term: &Term, phrase_means: &[String], language: &str, vocabulary: &Vocabulary) -> Asked {
    let mut variants = Vec::new();
    add(&mut variants, &term.text, 1.0, vocabulary);
    for means in phrase_means {
        add(&mut variants, means, PHRASE_WEIGHT, vocabulary);
    }
    if let Some(lexicon) = Lexicon::of(language).filter(|_| term.kind == TermKind::Word) {
        for synonym in lexicon.synonyms(&term.text) {
            add(&mut variants, synonym, SYNONYM_WEIGHT, vocabulary);
        }
        if !vocabulary.knows(&term.text) {
            for correction in vocabulary.near(&term.text, language) {
                add(&mut variants, &correction.term, correction.weight, vocabulary);
                for synonym in lexicon.synonyms(&correction.term) {
                    add(&mut variants, synonym, correction.weight * SYNONYM_WEIGHT, vocabulary);
                }
            }
        }
    }
    Asked { kind: term.kind, variants }
}

fn add(variants: &mut Vec<Variant>, text: &str, weight: f64, vocabulary: &Vocabulary) {
    match variants.iter_mut().find(|known| known.text == text) {
        Some(known) => known.weight = known.weight.max(weight),
        None => {
            let counts = vocabulary.counts(text);
            if variants.is_empty() || counts != [0; 2] {
                variants.push(Variant { text: text.to_owned(), weight, counts });
            }
        }
    }
}

/// Whether the halves of a word say more than the word: the vocabulary does not know it, or more entries
/// have each half and no document has it whole.
fn is_better_halved(word: &str, halves: &[Term; 2], vocabulary: &Vocabulary) -> bool {
    let [entries, documents] = vocabulary.counts(word);
    let commoner = |half: &Term| vocabulary.counts(&half.text)[Shelf::Entries as usize] > entries;
    !vocabulary.knows(word) || documents == 0 && halves.iter().all(commoner)
}

/// The two known words that a word is made of, if it is not an ordinary one.
fn halves(word: &str, language: &str, vocabulary: &Vocabulary) -> Option<[Term; 2]> {
    let lexicon = Lexicon::of(language)?;
    if lexicon.is_ordinary(&lexicon.stem(word)) {
        return None;
    }
    let ends = word.char_indices().map(|(at, _)| at).skip(HALF_CHARS_MIN);
    let fitting = ends.filter_map(|at| {
        let (left, right) = word.split_at(at);
        let known = |half: &str| {
            let mut term = terms(half, language).into_iter();
            let first = term.next().filter(|_| half.chars().count() >= HALF_CHARS_MIN)?;
            let whole = term.next().is_none() && first.kind == TermKind::Word;
            (whole && vocabulary.knows(&first.text)).then_some(first)
        };
        let (left, right) = (known(left)?, known(right)?);
        let rarest = |term: &Term| vocabulary.counts(&term.text)[Shelf::Entries as usize];
        Some((rarest(&left).min(rarest(&right)), [left, right]))
    });
    fitting.max_by_key(|(common, _)| *common).map(|(_, halves)| halves)
}

/// Two words of a question as the one word that the vocabulary has ("bed net").
fn joined(
    left: Option<&Term>,
    right: Option<&Term>,
    language: &str,
    vocabulary: &Vocabulary,
) -> Option<String> {
    let (left, right) = (left?, right?);
    if left.kind != TermKind::Word || right.kind != TermKind::Word {
        return None;
    }
    let joined = terms(&format!("{}{}", left.word, right.word), language).into_iter().next()?;
    vocabulary.knows(&joined.text).then_some(joined.text)
}
