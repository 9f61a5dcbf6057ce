//! What a pattern is and how it is written.
//!
//! ```text
//! pattern  item item ...        all of these within the usual window, in any order
//! item     alt|alt|...          one of these; `>` in front: after the item before it;
//!                               `/N` behind: it and the item before it within N words
//! alt      word_word_...        these words side by side
//! word     letters, `*` for any letters, `=` in front if it may not be misspelt,
//!          `$name` for one of a group of the file
//! ```
//!
//! `eye|eyes >red|swollen /4 $pain` is an eye, then at most two words, then red or swollen, and
//! somewhere near a word for pain. A window wider than the usual one widens that for all items.
//! Filler words of the language ("the", "very") are left out of texts and of patterns alike.

use std::collections::{BTreeMap, HashMap};

use super::lexicon::{Lexicon, TermId};
use crate::limits::{
    DANGER_GROUP_DEPTH_MAX, DANGER_ITEMS_MAX, DANGER_PHRASES_MAX, DANGER_WINDOW_WORDS,
    DANGER_WINDOW_WORDS_MAX,
};

/// A group of alternatives, one of which must stand in the text.
pub(super) type ElementId = usize;

/// Groups of words that stand near one another.
#[derive(Debug)]
pub(super) struct Pattern {
    /// In the order written; at least one.
    pub(super) items: Vec<Item>,
    /// Most words from the first of the match to its last.
    pub(super) window_words: usize,
}

/// One group of words of a pattern.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) element: ElementId,
    /// Must begin after the end of the item before it.
    pub(super) after_previous: bool,
    /// Most words from the first of this item and the one before it to the last.
    pub(super) near_words: usize,
}

/// Words that stand side by side, and the elements that they are an alternative of.
#[derive(Debug, Default)]
pub(super) struct Phrase {
    pub(super) terms: Vec<TermId>,
    pub(super) elements: Vec<ElementId>,
}

/// All phrases of one language, each once.
#[derive(Debug, Default)]
pub(super) struct Phrases {
    pub(super) all: Vec<Phrase>,
    pub(super) by_first_term: HashMap<TermId, Vec<usize>>,
    pub(super) elements: usize,
}

/// Turns what is written into patterns, and collects the words and phrases that they name.
pub(super) struct Compiler<'a> {
    pub(super) lexicon: Lexicon,
    pub(super) phrases: Phrases,
    groups: &'a BTreeMap<String, Vec<String>>,
    fillers: &'a [String],
    /// Whether words may be misspelt. What drops a danger must stand there as written.
    pub(super) tolerant: bool,
    phrase_ids: HashMap<Vec<TermId>, usize>,
    element_ids: HashMap<Vec<usize>, ElementId>,
    group_phrases: HashMap<(String, bool), Vec<Vec<TermId>>>,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(
        lexicon: Lexicon,
        groups: &'a BTreeMap<String, Vec<String>>,
        fillers: &'a [String],
    ) -> Self {
        Self {
            lexicon,
            phrases: Phrases::default(),
            groups,
            fillers,
            tolerant: false,
            phrase_ids: HashMap::new(),
            element_ids: HashMap::new(),
            group_phrases: HashMap::new(),
        }
    }

    /// Reads one pattern.
    ///
    /// # Errors
    /// Why it is none, in words for the author of the file.
    pub(super) fn pattern(&mut self, written: &str) -> Result<Pattern, String> {
        let mut items: Vec<Item> = Vec::new();
        for part in written.split_whitespace() {
            if let Some(number) = part.strip_prefix('/') {
                let fits = |n: &usize| (2..=DANGER_WINDOW_WORDS_MAX).contains(n);
                let Some(words) = number.parse().ok().filter(fits) else {
                    return Err(format!(
                        "`{part}` is no window: write / and 2 to {DANGER_WINDOW_WORDS_MAX}"
                    ));
                };
                match items.as_mut_slice() {
                    [_, .., last] => last.near_words = words,
                    _ => return Err(format!("`{part}` needs two items before it")),
                }
                continue;
            }
            let after_previous = part.starts_with('>');
            if after_previous && items.is_empty() {
                return Err("`>` needs an item before it".into());
            }
            let element = self.element(part.trim_start_matches('>').split('|'))?;
            items.push(Item { element, after_previous, near_words: 0 });
        }
        let widest = items.iter().map(|item| item.near_words).max().unwrap_or_default();
        let window_words = widest.max(DANGER_WINDOW_WORDS);
        for item in items.iter_mut().filter(|item| item.near_words == 0) {
            item.near_words = window_words;
        }
        match items.len() {
            0 => Err("it is empty".into()),
            1..=DANGER_ITEMS_MAX => Ok(Pattern { items, window_words }),
            many => Err(format!("it has {many} items, at most {DANGER_ITEMS_MAX} fit")),
        }
    }

    /// The element whose alternatives these are.
    ///
    /// # Errors
    /// Why they are none.
    pub(super) fn element<'s>(
        &mut self,
        alternatives: impl IntoIterator<Item = &'s str>,
    ) -> Result<ElementId, String> {
        let mut ids = Vec::new();
        for alternative in alternatives {
            for terms in self.expand(alternative, 0)? {
                let next = self.phrases.all.len();
                let id = *self.phrase_ids.entry(terms.clone()).or_insert(next);
                if id == next {
                    self.phrases.by_first_term.entry(terms[0]).or_default().push(id);
                    self.phrases.all.push(Phrase { terms, elements: Vec::new() });
                }
                ids.push(id);
            }
        }
        ids.sort_unstable();
        ids.dedup();
        if ids.len() > DANGER_PHRASES_MAX {
            return Err(format!("{} alternatives, at most {DANGER_PHRASES_MAX} fit", ids.len()));
        }
        let next = self.phrases.elements;
        let element = *self.element_ids.entry(ids.clone()).or_insert(next);
        if element == next {
            self.phrases.elements += 1;
            for id in ids {
                self.phrases.all[id].elements.push(element);
            }
        }
        Ok(element)
    }

    /// Every sequence of words that one alternative stands for.
    fn expand(&mut self, written: &str, depth: usize) -> Result<Vec<Vec<TermId>>, String> {
        let fillers = self.fillers;
        let is_filler = |word: &str| fillers.iter().any(|filler| filler == word);
        let words = || written.split(['_', ' ']);
        if words().count() > 1 && words().filter(|word| !is_filler(word)).count() == 1 {
            return Err(format!(
                "`{written}` is one word once filler words are left out; write that word, or more"
            ));
        }
        let mut sequences: Vec<Vec<TermId>> = vec![Vec::new()];
        for word in words().filter(|word| !is_filler(word)) {
            let choices = match word.strip_prefix('$') {
                Some(group) => self.group(group, depth)?,
                None => vec![vec![self.lexicon.term(word, self.tolerant)?]],
            };
            if sequences.len() * choices.len() > DANGER_PHRASES_MAX {
                return Err(format!("`{written}` stands for more than {DANGER_PHRASES_MAX}"));
            }
            sequences = sequences
                .iter()
                .flat_map(|start| choices.iter().map(|end| [&start[..], &end[..]].concat()))
                .collect();
        }
        if sequences.iter().any(Vec::is_empty) {
            return Err(format!("`{written}` has no word that counts"));
        }
        Ok(sequences)
    }

    fn group(&mut self, name: &str, depth: usize) -> Result<Vec<Vec<TermId>>, String> {
        let key = (name.to_owned(), self.tolerant);
        if let Some(known) = self.group_phrases.get(&key) {
            return Ok(known.clone());
        }
        let groups = self.groups;
        let Some(entries) = groups.get(name) else {
            return Err(format!("`${name}` is no group of this file"));
        };
        if depth == DANGER_GROUP_DEPTH_MAX {
            return Err(format!("`${name}` is nested too deep or holds itself"));
        }
        let mut phrases = Vec::new();
        for entry in entries {
            phrases.extend(self.expand(entry, depth + 1)?);
        }
        self.group_phrases.insert(key, phrases.clone());
        Ok(phrases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(written: &str) -> Result<Pattern, String> {
        let groups = BTreeMap::from([
            ("bite".to_owned(), vec!["bit*".to_owned(), "sank teeth".to_owned()]),
            ("loop".to_owned(), vec!["$loop".to_owned()]),
        ]);
        let fillers = ["the".to_owned()];
        let lexicon = Lexicon::new([], vec![], 6);
        Compiler::new(lexicon, &groups, &fillers).pattern(written)
    }

    #[test]
    fn patterns_are_read() {
        let pattern = compile("snake|the_black_cobra >$bite|struck /8").unwrap();
        assert_eq!(pattern.items.len(), 2);
        assert_eq!(pattern.items[1].near_words, 8);
        assert!(pattern.items[1].after_previous && !pattern.items[0].after_previous);
        assert_eq!(compile("snake").unwrap().window_words, DANGER_WINDOW_WORDS);
        let pattern = compile("snake >bit /3 foot").unwrap();
        assert_eq!(pattern.window_words, DANGER_WINDOW_WORDS);
        assert_eq!(pattern.items[1].near_words, 3);
        assert_eq!(compile("snake >bit /20 foot").unwrap().window_words, 20);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (written, wrong) in [
            ("", "empty"),
            ("/3", "two items"),
            ("snake bite /1", "no window"),
            ("snake bite /x", "no window"),
            ("snake /4", "two items"),
            (">snake", "before it"),
            ("$unknown", "no group"),
            ("$loop", "too deep"),
            ("snake||bite", "no word"),
            ("the", "no word that counts"),
            ("the_snake", "one word"),
            ("Snake", "no word"),
            ("a b c d e f g", "7 items"),
        ] {
            let error = compile(written).unwrap_err();
            assert!(error.contains(wrong), "{written}: {error}");
        }
    }
}
