//! One text read in one language: which words and phrases stand where, what is negated, and where
//! patterns match.

use super::language::LanguageRules;
use super::pattern::{ElementId, Pattern};
use super::text::without_long_runs;
use crate::limits::{DANGER_NEGATION_WORDS, DANGER_TRIES_MAX};

/// Words `start..end` of the pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// A text in the eyes of one language.
#[derive(Debug)]
pub(super) struct Pass<'r> {
    pub(super) language: &'r LanguageRules,
    /// Of each word, its place among the raw words of the text.
    raw: Vec<usize>,
    /// Where each element stands, in order of start.
    spans: Vec<Vec<Span>>,
    /// Of each word, the negation that reaches it.
    negations: Vec<Option<Span>>,
}

/// Words of a text by which a language is known.
pub(super) fn common_words(language: &LanguageRules, raw_words: &[String]) -> usize {
    let words = raw_words.iter().flat_map(|word| split(language, word));
    words.filter(|word| language.common.contains(word)).count()
}

impl<'r> Pass<'r> {
    /// Reads a text; with `misspelt`, its words may be misspelt.
    pub(super) fn new(language: &'r LanguageRules, raw_words: &[String], misspelt: bool) -> Self {
        let mut words: Vec<String> = Vec::with_capacity(raw_words.len());
        let mut raw = Vec::with_capacity(raw_words.len());
        for (place, raw_word) in raw_words.iter().enumerate() {
            for word in split(language, raw_word) {
                if !language.fillers.contains(&word) {
                    words.push(word);
                    raw.push(place);
                }
            }
        }
        let spans = find_spans(language, &words, misspelt);
        let mut pass = Self { language, raw, spans, negations: vec![] };
        pass.negations = pass.find_negations(words.len());
        pass
    }

    /// Finds a match that is not negated and that `accepts`.
    pub(super) fn find(&self, pattern: &Pattern, accepts: &dyn Fn(&[Span]) -> bool) -> bool {
        let rarest = (0..pattern.items.len())
            .min_by_key(|item| self.spans[pattern.items[*item].element].len());
        let Some(anchor_item) = rarest else { return false };
        let anchors = &self.spans[pattern.items[anchor_item].element];
        let mut search = Search { pass: self, pattern, accepts, anchor_item, tries_left: 0 };
        let mut chosen = Vec::with_capacity(pattern.items.len());
        anchors.iter().any(|anchor| {
            search.tries_left = DANGER_TRIES_MAX;
            search.extend(*anchor, &mut chosen)
        })
    }

    /// The raw words from the first to the last of some spans.
    pub(super) fn raw_range(&self, spans: &[Span]) -> Span {
        let start = spans.iter().map(|span| span.start).min().unwrap_or_default();
        let end = spans.iter().map(|span| span.end).max().unwrap_or_default();
        let last = end.checked_sub(1).and_then(|last| self.raw.get(last));
        Span {
            start: self.raw.get(start).copied().unwrap_or_default(),
            end: last.map_or(0, |last| last + 1),
        }
    }

    /// Whether a raw word is negated by a word outside the given raw ranges.
    pub(super) fn negates_raw(&self, raw: usize, chosen: &[Span]) -> bool {
        let first = self.raw.partition_point(|place| *place < raw);
        let here = self.raw[first..].iter().take_while(|place| **place == raw).count();
        self.negations[first..first + here].iter().flatten().any(|not| {
            let not = self.raw_range(&[*not]);
            !chosen.iter().any(|span| span.overlaps(not))
        })
    }

    fn is_negated(&self, spans: &[Span]) -> bool {
        let reached = spans.iter().flat_map(|span| &self.negations[span.start..span.end]);
        reached.flatten().any(|not| !spans.iter().any(|span| span.overlaps(*not)))
    }

    fn find_negations(&self, words: usize) -> Vec<Option<Span>> {
        let mut negations = vec![None; words];
        let negation = &self.language.negation;
        let at = |element: ElementId, start: usize| {
            let spans = &self.spans[element];
            let first = spans.partition_point(|span| span.start < start);
            spans[first..].iter().take_while(|span| span.start == start).map(|s| s.end).max()
        };
        let denies_nothing = |not: Span| {
            let spans = &self.spans[negation.not_negating];
            let first = spans.partition_point(|span| span.start + DANGER_NEGATION_WORDS < not.end);
            spans[first..]
                .iter()
                .take_while(|span| span.start < not.end)
                .any(|span| span.overlaps(not))
        };
        for not in self.spans[negation.before].iter().copied().filter(|not| !denies_nothing(*not)) {
            let mut word = not.end;
            let reach = words.min(not.end + DANGER_NEGATION_WORDS);
            while word < reach && at(negation.ends, word).is_none() {
                negations[word].get_or_insert(not);
                word = match at(negation.through, word) {
                    Some(end) => end,
                    None => match at(negation.joining, word + 1) {
                        Some(end) => end,
                        None => break,
                    },
                };
            }
        }
        for not in self.spans[negation.after].iter().copied().filter(|not| !denies_nothing(*not)) {
            let Some(word) = not.start.checked_sub(1) else { continue };
            let can_be = at(negation.after_only, word).is_some();
            if can_be && at(negation.after_unless_before, not.end).is_none() {
                negations[word].get_or_insert(not);
            }
        }
        negations
    }
}

/// Cuts a raw word the language's way: apostrophes, letters repeated, shorthand.
fn split(language: &LanguageRules, raw_word: &str) -> Vec<String> {
    let mut words = Vec::new();
    let owned = raw_word.strip_suffix("'s").filter(|_| !language.apostrophe_splits);
    let trimmed = owned.unwrap_or(raw_word).trim_matches('\'');
    let pieces: Vec<String> = if language.apostrophe_splits {
        trimmed.split('\'').map(str::to_owned).collect()
    } else {
        vec![trimmed.replace('\'', "")]
    };
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
        let word = without_long_runs(&piece);
        match language.replace.get(&word) {
            Some(meaning) => words.extend(meaning.iter().cloned()),
            None => words.push(word),
        }
    }
    words
}

fn find_spans(language: &LanguageRules, words: &[String], misspelt: bool) -> Vec<Vec<Span>> {
    let mut terms_by_word = Vec::with_capacity(words.len());
    let mut terms = Vec::new();
    for word in words {
        language.lexicon.terms_of(word, misspelt, &mut terms);
        terms_by_word.push(terms.clone());
    }
    let mut spans = vec![Vec::new(); language.phrases.elements];
    for (start, first_terms) in terms_by_word.iter().enumerate() {
        for term in first_terms {
            let Some(candidates) = language.phrases.by_first_term.get(term) else { continue };
            for phrase in candidates.iter().map(|id| &language.phrases.all[*id]) {
                let end = start + phrase.terms.len();
                let Some(here) = terms_by_word.get(start..end) else { continue };
                if phrase.terms.iter().zip(here).all(|(term, found)| found.contains(term)) {
                    for element in &phrase.elements {
                        let span = Span { start, end };
                        let known: &mut Vec<Span> = &mut spans[*element];
                        // Two words of a group may be the same word of the text.
                        let repeats = known.iter().rev().take_while(|s| s.start == start);
                        if !repeats.into_iter().any(|s| *s == span) {
                            known.push(span);
                        }
                    }
                }
            }
        }
    }
    spans
}

/// A search for the items of a pattern around one anchor.
struct Search<'s> {
    pass: &'s Pass<'s>,
    pattern: &'s Pattern,
    accepts: &'s dyn Fn(&[Span]) -> bool,
    anchor_item: usize,
    tries_left: usize,
}

impl Search<'_> {
    /// Chooses a span for the next item, and so on; true once all are chosen well.
    fn extend(&mut self, anchor: Span, chosen: &mut Vec<Span>) -> bool {
        let item = chosen.len();
        if item == self.pattern.items.len() {
            return !self.pass.is_negated(chosen) && (self.accepts)(chosen);
        }
        let around = [anchor];
        let candidates = if item == self.anchor_item {
            &around[..]
        } else {
            let spans = &self.pass.spans[self.pattern.items[item].element];
            let window = self.pattern.window_words;
            let from = anchor.end.saturating_sub(window);
            let first = spans.partition_point(|span| span.start < from);
            let last = spans.partition_point(|span| span.start < anchor.start + window);
            &spans[first..last.max(first)]
        };
        for span in candidates {
            if self.tries_left == 0 {
                return false;
            }
            self.tries_left -= 1;
            if self.fits(*span, chosen) {
                chosen.push(*span);
                let found = self.extend(anchor, chosen);
                chosen.pop();
                if found {
                    return true;
                }
            }
        }
        false
    }

    fn fits(&self, span: Span, chosen: &[Span]) -> bool {
        let extent = |spans: &[Span]| {
            let start = spans.iter().map(|s| s.start).fold(span.start, usize::min);
            spans.iter().map(|s| s.end).fold(span.end, usize::max) - start
        };
        let item = &self.pattern.items[chosen.len()];
        let beside_previous = chosen.last().is_none_or(|previous| {
            extent(&[*previous]) <= item.near_words
                && (!item.after_previous || span.start >= previous.end)
        });
        beside_previous
            && extent(chosen) <= self.pattern.window_words
            && !chosen.iter().any(|other| other.overlaps(span))
    }
}
