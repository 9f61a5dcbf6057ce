//! The words of the knowledge, and which of them a misspelt word may stand for.

use crate::limits::{CORRECTED_CHARS_MAX, CORRECTED_CHARS_MIN, CORRECTIONS_MAX};
use crate::relevance::Shelf;
use crate::terms::Lexicon;

/// The terms of all passages in one language: how many passages of each shelf have a term, and which
/// terms are near to one that none has. About 20 bytes a term and its letters twice.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    /// Terms in order, one after another, and how each sounds.
    terms: Strings,
    sounds: Strings,
    counts: Vec<[u32; 2]>,
    /// Letters that each sound has.
    masks: Vec<u32>,
    passages: [u32; 2],
}

/// A term of the knowledge that a misspelt one may stand for.
#[derive(Debug, Clone, PartialEq)]
pub struct Correction {
    /// The term.
    pub term: String,
    /// How likely it is meant: from 0 to below 1.
    pub weight: f64,
}

/// Some strings in one allocation.
#[derive(Debug, Clone, Default)]
struct Strings {
    text: String,
    ends: Vec<u32>,
}

impl Strings {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len() as u32);
    }

    fn get(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.text[start..self.ends[index] as usize]
    }
}

impl Vocabulary {
    /// Gathers terms, each with how many entries and how many document passages have it; a term given
    /// more than once is counted together. `passages` is how many entries and document passages there
    /// are, `language` whose sounds count.
    #[must_use]
    pub fn new(mut terms: Vec<(String, Shelf, u32)>, passages: [u32; 2], language: &str) -> Self {
        terms.sort_unstable();
        let lexicon = Lexicon::of(language);
        let mut vocabulary = Self { passages, ..Self::default() };
        let mut last: Option<String> = None;
        for (term, shelf, count) in terms {
            if last.as_deref() != Some(&term) {
                let sound = lexicon.map_or_else(|| term.clone(), |lexicon| lexicon.sound(&term));
                vocabulary.masks.push(letters(&sound));
                vocabulary.sounds.push(&sound);
                vocabulary.terms.push(&term);
                vocabulary.counts.push([0; 2]);
                last = Some(term);
            }
            if let Some(counts) = vocabulary.counts.last_mut() {
                let of_shelf = &mut counts[shelf as usize];
                *of_shelf = of_shelf.saturating_add(count);
            }
        }
        vocabulary
    }

    /// How many passages of each shelf have a term.
    #[must_use]
    pub fn counts(&self, term: &str) -> [u32; 2] {
        self.find(term).map_or([0; 2], |index| self.counts[index])
    }

    /// Passages of a shelf.
    #[must_use]
    pub fn passages(&self, shelf: Shelf) -> u32 {
        self.passages[shelf as usize]
    }

    /// Terms.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// True without any term.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Bytes of memory, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.terms.text.len() + self.sounds.text.len() + self.len() * (4 + 4 + 8 + 4)
    }

    /// True if a term is common enough to be no misspelling itself. What stands in one or two documents
    /// of many may be.
    #[must_use]
    pub fn knows(&self, term: &str) -> bool {
        const DOCUMENTS_MIN: u32 = 3;
        let [entries, documents] = self.counts(term);
        entries > 0 || documents >= DOCUMENTS_MIN
    }

    /// The terms that one the knowledge does not have may stand for, likeliest first, at most
    /// [`CORRECTIONS_MAX`]: within one edit, in longer words two, or of the same sound. Empty for an
    /// ordinary word of the language, which means what it says.
    #[must_use]
    pub fn near(&self, term: &str, language: &str) -> Vec<Correction> {
        let length = term.chars().count();
        let Some(lexicon) = Lexicon::of(language) else { return Vec::new() };
        if !(CORRECTED_CHARS_MIN..=CORRECTED_CHARS_MAX).contains(&length)
            || term.contains(|c: char| c.is_numeric())
            || lexicon.is_ordinary(term)
        {
            return Vec::new();
        }
        let sound = lexicon.sound(term);
        let sound_length = sound.chars().count();
        let mask = letters(&sound);
        let mut found: Vec<(f64, u32, usize)> = Vec::new();
        for (index, other) in self.masks.iter().enumerate() {
            // An edit changes at most one letter that only one of the two has.
            let edits = edits_max(sound_length.max(length));
            if (mask & !other).count_ones().max((other & !mask).count_ones()) > edits {
                continue;
            }
            let candidate = self.terms.get(index);
            if let Some(weight) = likeness(term, &sound, candidate, self.sounds.get(index)) {
                let [entries, documents] = self.counts[index];
                found.push((weight, entries.saturating_add(documents), index));
            }
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
        // A guess much worse than the best is none.
        let best = found.first().map_or(0.0, |first| first.0);
        found
            .into_iter()
            .filter(|(weight, ..)| *weight >= 0.7 * best)
            .take(CORRECTIONS_MAX)
            .map(|(weight, _, index)| Correction { term: self.terms.get(index).to_owned(), weight })
            .collect()
    }

    fn find(&self, term: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.terms.get(middle).cmp(term) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

/// Edits that may lie between two sounds, by the letters of the asked one.
fn edits_max(letters: usize) -> u32 {
    match letters {
        0..=3 => 0,
        4..=6 => 1,
        _ => 2,
    }
}

/// Edits between two spellings of one sound at most ("fotosinthesis").
const WRITTEN_EDITS_MAX: u32 = 4;

/// How likely `asked` is `known` misspelt, if at all.
fn likeness(asked: &str, sound: &str, known: &str, known_sound: &str) -> Option<f64> {
    let known_letters = known.chars().count();
    if known_letters < CORRECTED_CHARS_MIN - 1 || known.contains(|c: char| c.is_numeric()) {
        return None;
    }
    let letters = asked.chars().count();
    let sound_letters = sound.chars().count().min(known_sound.chars().count());
    let written = distance(asked, known, WRITTEN_EDITS_MAX)?;
    let sounded = distance(sound, known_sound, edits_max(sound_letters));
    // The first letter is seldom wrong.
    let same_start = sound.chars().next() == known_sound.chars().next();
    if !same_start && (written > 1 || letters < 6) {
        return None;
    }
    let longer = letters.max(known_letters) as f64;
    let by_letters = (written <= edits_max(letters)).then(|| 1.0 - f64::from(written) / longer);
    let by_sound =
        sounded.map(|edits| 1.0 - (0.6 * f64::from(edits) + 0.4 * f64::from(written)) / longer);
    let weight = by_letters.into_iter().chain(by_sound).reduce(f64::max)?;
    (weight >= 0.65).then_some(weight * if same_start { 0.95 } else { 0.8 })
}

/// Which letters a word has; others than a to z share the last bits.
fn letters(word: &str) -> u32 {
    word.chars().fold(0, |mask, c| match c {
        'a'..='z' => mask | 1 << (c as u32 - 'a' as u32),
        c => mask | 1 << (26 + c as u32 % 6),
    })
}

/// Edits between two words (a letter more, less, changed, or two swapped), if at most `max`.
#[must_use]
pub fn distance(a: &str, b: &str, max: u32) -> Option<u32> {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    if a.len().abs_diff(b.len()) > max as usize {
        return None;
    }
    // Three rows of the table of restricted Damerau-Levenshtein distances.
    let mut before: Vec<u32> = vec![0; b.len() + 1];
    let mut row: Vec<u32> = (0..=b.len() as u32).collect();
    for (i, from) in a.iter().enumerate() {
        let mut next = vec![i as u32 + 1; b.len() + 1];
        for (j, to) in b.iter().enumerate() {
            let change = row[j] + u32::from(from != to);
            next[j + 1] = change.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *from == b[j - 1] && a[i - 1] == *to {
                next[j + 1] = next[j + 1].min(before[j - 1] + 1);
            }
        }
        if next.iter().all(|edits| *edits > max) {
            return None;
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().filter(|edits| *edits <= max)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::terms::terms;

    fn vocabulary(words: &str) -> Vocabulary {
        let terms = terms(words, "en").into_iter().map(|term| (term.text, Shelf::Entries, 1));
        Vocabulary::new(terms.collect(), [100, 0], "en")
    }

    fn near(word: &str) -> Vec<String> {
        let vocabulary = vocabulary(
            "diarrhoea cholera pneumonia photosynthesis malaria fever snake bite stomach fraction \
             planet average swallow breathe",
        );
        let term = &terms(word, "en")[0].text;
        vocabulary.near(term, "en").into_iter().map(|near| near.term).collect()
    }

    #[test]
    fn misspelt_words_find_theirs() {
        for (wrong, right) in [
            ("dairrhea", "diarrhoea"),
            ("diaria", "diarrhoea"),
            ("kolera", "cholera"),
            ("numonia", "pneumonia"),
            ("fotosinthesis", "photosynthesis"),
            ("malarya", "malaria"),
            ("feever", "fever"),
            ("stomac", "stomach"),
            ("fracton", "fraction"),
            ("planits", "planet"),
            ("avrage", "average"),
        ] {
            let right = &terms(right, "en")[0].text;
            assert_eq!(near(wrong).first(), Some(right), "{wrong}");
        }
    }

    #[test]
    fn ordinary_words_and_noise_are_left_alone() {
        for word in ["guitar", "plant", "never", "xq", "zzzzzzzzzz", "blorf", "12345", "asdf"] {
            assert_eq!(near(word), Vec::<String>::new(), "{word}");
        }
    }

    #[test]
    fn counts_are_by_shelf() {
        let terms = vec![
            ("b".to_owned(), Shelf::Documents, 2),
            ("a".to_owned(), Shelf::Entries, 1),
            ("b".to_owned(), Shelf::Entries, 3),
        ];
        let vocabulary = Vocabulary::new(terms, [5, 7], "en");
        assert_eq!((vocabulary.counts("b"), vocabulary.counts("c")), ([3, 2], [0, 0]));
        assert_eq!((vocabulary.len(), vocabulary.passages(Shelf::Documents)), (2, 7));
        assert!(vocabulary.knows("a") && !vocabulary.knows("c"));
    }

    #[test]
    fn distances() {
        assert_eq!(distance("abc", "abc", 2), Some(0));
        assert_eq!(distance("abc", "acb", 2), Some(1));
        assert_eq!(distance("abc", "xabcd", 2), Some(2));
        assert_eq!(distance("abc", "xyz", 2), None);
        assert_eq!(distance("", "", 0), Some(0));
    }

    proptest! {
        #[test]
        fn distance_is_symmetric(a in "[a-e]{0,8}", b in "[a-e]{0,8}") {
            prop_assert_eq!(distance(&a, &b, 8), distance(&b, &a, 8));
        }

        #[test]
        fn any_word_may_be_looked_up(word: String) {
            let _ = vocabulary("snake bite").near(&word, "en");
        }
    }
}
