//! Which of the words named by patterns a word of a text is.

use std::collections::{HashMap, HashSet};

use super::text::within_one_edit;

/// A word as patterns name it.
pub(super) type TermId = u32;

/// Letters that must stand in front of a star or between two, so that a star cannot match all.
const LETTERS_MIN: usize = 2;

/// The words that patterns name, and how they may be spelt.
#[derive(Debug, Default)]
pub(super) struct Lexicon {
    /// Word and id; `fuzzy` words match with one edit as well.
    exact: HashMap<String, Vec<TermId>>,
    prefixes: HashMap<String, Vec<TermId>>,
    globs: Vec<(Glob, TermId)>,
    /// Of the words above those that may be misspelt, by first letter.
    fuzzy: HashMap<u8, Vec<Fuzzy>>,
    /// Words that are what they are and never somebody's misspelling.
    known: HashSet<String>,
    /// How a verb begins that says "not" in itself (Swahili).
    negative_prefixes: Vec<String>,
    /// Letters from which on a word may be misspelt.
    fuzzy_letters_min: usize,
    ids: HashMap<(String, bool), TermId>,
}

#[derive(Debug)]
struct Fuzzy {
    letters: String,
    is_prefix: bool,
    id: TermId,
}

/// A word with stars that stand for any letters.
#[derive(Debug)]
struct Glob {
    /// What stands between the stars; the first and last may be empty.
    parts: Vec<String>,
}

impl Glob {
    fn matches(&self, word: &str) -> bool {
        let [first, middle @ .., last] = self.parts.as_slice() else { return false };
        let Some(mut rest) = word.strip_prefix(first.as_str()) else { return false };
        for part in middle {
            let Some(at) = rest.find(part.as_str()) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last.as_str())
    }
}

impl Lexicon {
    /// An empty lexicon with a language's spelling rules.
    pub(super) fn new(
        known: impl IntoIterator<Item = String>,
        negative_prefixes: Vec<String>,
        fuzzy_letters_min: usize,
    ) -> Self {
        Self {
            known: known.into_iter().collect(),
            negative_prefixes,
            fuzzy_letters_min,
            ..Self::default()
        }
    }

    /// The id of a word as a pattern writes it: letters, digits and stars, `=` in front if it may
    /// not be misspelt, which nothing may that is not looked up tolerantly.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn term(&mut self, written: &str, tolerant: bool) -> Result<TermId, String> {
        let word = written.strip_prefix('=').unwrap_or(written);
        let may_be_misspelt = tolerant && word == written;
        let key = (word.to_owned(), may_be_misspelt);
        if let Some(id) = self.ids.get(&key) {
            return Ok(*id);
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '*';
        if word.is_empty() || !word.chars().all(plain) {
            return Err(format!(
                "`{written}` is no word: use letters a to z without accents, digits and `*`"
            ));
        }
        let parts: Vec<String> = word.split('*').map(str::to_owned).collect();
        let too_open = parts.len() > 1 && parts.iter().all(|part| part.len() < LETTERS_MIN);
        if too_open {
            return Err(format!("`{written}` matches nearly all words: give it more letters"));
        }
        let id = TermId::try_from(self.ids.len()).map_err(|_| "too many words".to_owned())?;
        self.ids.insert(key, id);
        match parts.as_slice() {
            [whole] => {
                self.exact.entry(whole.clone()).or_default().push(id);
                self.add_fuzzy(whole, false, may_be_misspelt, id);
            }
            [start, end] if end.is_empty() => {
                self.prefixes.entry(start.clone()).or_default().push(id);
                self.add_fuzzy(start, true, may_be_misspelt, id);
            }
            _ => self.globs.push((Glob { parts }, id)),
        }
        Ok(id)
    }

    fn add_fuzzy(&mut self, letters: &str, is_prefix: bool, may: bool, id: TermId) {
        if may && letters.len() >= self.fuzzy_letters_min {
            let first = letters.as_bytes()[0];
            let entry = Fuzzy { letters: letters.to_owned(), is_prefix, id };
            self.fuzzy.entry(first).or_default().push(entry);
        }
    }

    /// Every term that a word of a text is; with `misspelt`, or might be meant for.
    pub(super) fn terms_of(&self, word: &str, misspelt: bool, terms: &mut Vec<TermId>) {
        terms.clear();
        let exact = self.exact.get(word);
        terms.extend(exact.into_iter().flatten());
        let ends = word.char_indices().map(|(at, c)| at + c.len_utf8());
        terms.extend(ends.filter_map(|end| self.prefixes.get(&word[..end])).flatten());
        let says_not = self.negative_prefixes.iter().any(|not| word.starts_with(not.as_str()));
        for (glob, id) in &self.globs {
            // A star in front stands for any subject and tense, but not for "not".
            if (!says_not || !glob.parts[0].is_empty()) && glob.matches(word) {
                terms.push(*id);
            }
        }
        if misspelt && exact.is_none() && !self.known.contains(word) {
            self.add_misspellings(word.as_bytes(), terms);
        }
    }

    fn add_misspellings(&self, word: &[u8], terms: &mut Vec<TermId>) {
        let candidates = word.first().and_then(|first| self.fuzzy.get(first));
        for Fuzzy { letters, is_prefix, id } in candidates.into_iter().flatten() {
            let meant = letters.as_bytes();
            let near = if *is_prefix {
                (meant.len() - 1..=meant.len() + 1)
                    .filter_map(|length| word.get(..length))
                    .any(|start| within_one_edit(start, meant))
            } else {
                within_one_edit(word, meant)
            };
            if near && !terms.contains(id) {
                terms.push(*id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(term: &str, word: &str) -> bool {
        let mut lexicon = Lexicon::new(["cooking".to_owned()], vec!["ha".into()], 6);
        let id = lexicon.term(term, true).unwrap();
        let mut terms = Vec::new();
        lexicon.terms_of(word, true, &mut terms);
        terms.contains(&id)
    }

    #[test]
    fn words_match_as_written() {
        for (term, word) in [
            ("bite", "bite"),
            ("bit*", "bitten"),
            ("convuls*", "convulsing"),
            ("convuls*", "konvulsing"),
            ("convuls*", "convlusion"),
            ("seizure", "sezure"),
            ("*tapika", "anatapika"),
            ("ha*tok*", "hatoki"),
            ("*nywa", "amekunywa"),
        ] {
            // A first letter is never taken for another.
            assert_eq!(matches(term, word), word != "konvulsing", "{term} {word}");
        }
        for (term, word) in [
            ("bite", "bites"),
            ("bite", "bit"),
            ("=seizure", "sezure"),
            ("choking", "cooking"),
            ("*tapika", "hatapika"),
            ("*nywa", "kunywea"),
            ("ha*tok*", "anatoka"),
        ] {
            assert!(!matches(term, word), "{term} {word}");
        }
    }

    #[test]
    fn nonsense_is_no_term() {
        let mut lexicon = Lexicon::default();
        for nonsense in ["", "*", "a*", "é", "Bite", "two words", "=", "a|b", "*a*"] {
            assert!(lexicon.term(nonsense, true).is_err(), "{nonsense}");
        }
    }
}
