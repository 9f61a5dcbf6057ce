//! What is known of a language: `app/answer/retrieval/LANGUAGE.toml`, whose README says what each
//! table means.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};

use super::{fold, swahili, words};

/// A language's words for searching.
pub(crate) struct Lexicon {
    language: &'static str,
    stemmer: Option<Stemmer>,
    stop: HashSet<String>,
    negations: HashSet<String>,
    spellings: HashMap<String, String>,
    /// Words after which a "2" is "to".
    two_is_to_after: HashSet<String>,
    /// Terms that mean about the same as a term.
    synonyms: HashMap<String, Vec<String>>,
    /// By first term: the terms of a phrase, and terms that say the same.
    phrases: HashMap<String, Vec<Phrase>>,
    /// What sounds alike, to be replaced in this order.
    sounds: Vec<(String, String)>,
    /// Sorted lines: terms of ordinary words.
    ordinary: &'static str,
}

/// Some words in a row that mean something together.
struct Phrase {
    terms: Vec<String>,
    means: Vec<String>,
}

static ENGLISH: LazyLock<Lexicon> = LazyLock::new(|| {
    let ordinary = include_str!("../../retrieval/en-words.txt");
    let stemmer = Some(Stemmer::create(Algorithm::English));
    Lexicon::read("en", include_str!("../../retrieval/en.toml"), stemmer, ordinary)
});
static FRENCH: LazyLock<Lexicon> = LazyLock::new(|| {
    let stemmer = Some(Stemmer::create(Algorithm::French));
    Lexicon::read("fr", include_str!("../../retrieval/fr.toml"), stemmer, "")
});
static SWAHILI: LazyLock<Lexicon> =
    LazyLock::new(|| Lexicon::read("sw", include_str!("../../retrieval/sw.toml"), None, ""));

impl Lexicon {
    /// What is known of a language, if anything is.
    pub(crate) fn of(language: &str) -> Option<&'static Self> {
        match language {
            "en" => Some(&ENGLISH),
            "fr" => Some(&FRENCH),
            "sw" => Some(&SWAHILI),
            _ => None,
        }
    }

    /// Reads a data file of this program. What is not as it should be is left out; a test holds that
    /// nothing is.
    fn read(
        language: &'static str,
        text: &str,
        stemmer: Option<Stemmer>,
        ordinary: &'static str,
    ) -> Self {
        let table: toml::Table = text.parse().unwrap_or_default();
        let words = |name: &str| -> HashSet<String> {
            let text = table.get(name).and_then(toml::Value::as_str).unwrap_or_default();
            text.split_whitespace().map(str::to_owned).collect()
        };
        let pairs = |name: &str| -> Vec<(String, String)> {
            let pairs = table.get(name).and_then(toml::Value::as_table).into_iter().flatten();
            pairs
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect()
        };
        let lines = |name: &str| -> Vec<String> {
            let lines = table.get(name).and_then(toml::Value::as_str).unwrap_or_default();
            lines.lines().map(str::to_owned).collect()
        };
        let mut lexicon = Self {
            language,
            stemmer,
            stop: words("stop"),
            negations: words("negations"),
            spellings: pairs("spellings").into_iter().collect(),
            two_is_to_after: words("two_is_to_after"),
            synonyms: HashMap::new(),
            phrases: HashMap::new(),
            sounds: lines("sounds").iter().filter_map(|line| arrow(line)).collect(),
            ordinary,
        };
        for line in lines("synonyms") {
            lexicon.add_synonyms(&line);
        }
        for (phrase, means) in lines("phrases").iter().filter_map(|line| arrow(line)) {
            lexicon.add_phrase(&phrase, &means);
        }
        lexicon
    }

    fn add_synonyms(&mut self, line: &str) {
        let group = self.texts(line);
        for term in &group {
            let others = self.synonyms.entry(term.clone()).or_default();
            for other in group.iter().filter(|other| *other != term) {
                if !others.contains(other) {
                    others.push(other.clone());
                }
            }
        }
    }

    fn add_phrase(&mut self, phrase: &str, means: &str) {
        let (terms, means) = (self.texts(phrase), self.texts(means));
        if let Some(first) = terms.first() {
            self.phrases.entry(first.clone()).or_default().push(Phrase { terms, means });
        }
    }

    /// The terms of some words.
    fn texts(&self, text: &str) -> Vec<String> {
        let mut terms = Vec::new();
        words(&fold(text), self, &mut terms);
        terms.into_iter().map(|term| term.text).collect()
    }

    /// The stem of a folded word.
    pub(crate) fn stem(&self, word: &str) -> String {
        match &self.stemmer {
            Some(stemmer) => stemmer.stem(word).into_owned(),
            None if self.language == "sw" => swahili::stem(word).to_owned(),
            None => word.to_owned(),
        }
    }

    /// The usual spelling of a word that has another; `before` is the word that it follows.
    pub(super) fn spelt(&self, word: &str, before: Option<&str>) -> Option<&str> {
        if word == "2" && before.is_some_and(|before| self.two_is_to_after.contains(before)) {
            return Some("to");
        }
        self.spellings.get(word).map(String::as_str)
    }

    pub(super) fn is_stop(&self, word: &str) -> bool {
        self.stop.contains(word)
    }

    pub(super) fn is_negation(&self, word: &str) -> bool {
        self.negations.contains(word)
    }

    /// Terms that mean about the same as a term.
    pub(crate) fn synonyms(&self, term: &str) -> &[String] {
        self.synonyms.get(term).map_or(&[], Vec::as_slice)
    }

    /// The longest phrase that begins with the first of these terms, words that say nothing
    /// skipped: how many terms it takes, and terms that say the same.
    pub(crate) fn phrase(&self, terms: &[(&str, bool)]) -> Option<(usize, &[String])> {
        let (first, _) = terms.first()?;
        let phrases = self.phrases.get(*first)?;
        let fitting = phrases.iter().filter_map(|phrase| {
            let taken = phrase.taken(terms)?;
            Some((taken, phrase))
        });
        let (taken, longest) = fitting.max_by_key(|(_, phrase)| phrase.terms.len())?;
        Some((taken, &longest.means))
    }

    /// True if the term belongs to an ordinary word of the language, so that it is no misspelling.
    pub(crate) fn is_ordinary(&self, term: &str) -> bool {
        let lines = self.ordinary.as_bytes();
        let (mut low, mut high) = (0, lines.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let start = lines[..middle].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
            let length = lines[start..].iter().position(|b| *b == b'\n');
            let end = length.map_or(lines.len(), |length| start + length);
            match lines[start..end].cmp(term.as_bytes()) {
                std::cmp::Ordering::Equal => return true,
                std::cmp::Ordering::Less => low = end + 1,
                std::cmp::Ordering::Greater => high = start,
            }
        }
        false
    }

    /// How a term sounds, roughly: two terms with the same sound may be one word spelt twice.
    pub(crate) fn sound(&self, term: &str) -> String {
        let mut sound = term.to_owned();
        for (from, to) in &self.sounds {
            match from.strip_prefix('^') {
                Some(start) if sound.starts_with(start) => {
                    sound.replace_range(..start.len(), to);
                }
                Some(_) => {}
                None if sound.contains(from.as_str()) => sound = sound.replace(from.as_str(), to),
                None => {}
            }
        }
        let mut last = None;
        sound.retain(|c| last.replace(c) != Some(c));
        sound
    }
}

impl Phrase {
    /// Terms taken from the front of `terms` if the phrase stands there; up to two that say nothing
    /// may stand between its words.
    fn taken(&self, terms: &[(&str, bool)]) -> Option<usize> {
        const SKIPPED_MAX: usize = 2;
        let mut at = 0;
        for (index, wanted) in self.terms.iter().enumerate() {
            let mut skipped = 0;
            loop {
                let (term, is_content) = *terms.get(at)?;
                at += 1;
                if term == wanted {
                    break;
                }
                skipped += 1;
                if index == 0 || is_content || skipped > SKIPPED_MAX {
                    return None;
                }
            }
        }
        Some(at)
    }
}

/// Reads "a b -> c d".
fn arrow(line: &str) -> Option<(String, String)> {
    let (from, to) = line.split_once("->")?;
    Some((from.trim().to_owned(), to.trim().to_owned()))
}
