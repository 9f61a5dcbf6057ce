//! The words that the checks of an answer need, by language, and how a text is cut for them.
//!
//! One TOML file a language (`app/answer/grounding`). A phrase of several words is written with
//! spaces; an apostrophe parts words. A language without a file has no words: its checks then pass
//! nothing that they cannot compare letter by letter.

pub(crate) mod counted;
pub(crate) mod quantity;
pub(crate) mod token;

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};
use toml::{Table, Value};

use crate::question::Language;
use token::{Phrases, words_of};

const FILES: [(&str, &str); 3] = [
    ("en", include_str!("../../grounding/en.toml")),
    ("fr", include_str!("../../grounding/fr.toml")),
    ("sw", include_str!("../../grounding/sw.toml")),
];

static TABLES: LazyLock<Vec<(&'static str, Table)>> = LazyLock::new(|| {
    FILES.iter().filter_map(|&(tag, text)| text.parse().ok().map(|table| (tag, table))).collect()
});

static WORDS: LazyLock<HashMap<&'static str, Words>> = LazyLock::new(|| {
    TABLES.iter().map(|(tag, table)| (*tag, Words::read(tag, section(table, "support")))).collect()
});

/// The languages' files, parsed; a file that is not TOML is left out (a test asserts that none is).
pub(crate) fn tables() -> impl Iterator<Item = (&'static str, &'static Table)> {
    TABLES.iter().map(|(tag, table)| (*tag, table))
}

/// A table inside a table; empty if it is missing.
pub(crate) fn section<'t>(table: &'t Table, name: &str) -> &'t Table {
    static EMPTY: LazyLock<Table> = LazyLock::new(Table::new);
    table.get(name).and_then(Value::as_table).unwrap_or(&EMPTY)
}

/// A list of texts; empty if it is missing.
pub(crate) fn list<'t>(table: &'t Table, name: &str) -> impl Iterator<Item = &'t str> {
    table.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The same list of every language together.
pub(crate) fn everywhere<'t>(part: &'t str, name: &'t str) -> impl Iterator<Item = &'static str> {
    tables().flat_map(move |(_, table)| list(section(table, part), name))
}

/// What the support check knows of a language.
pub(crate) struct Words {
    stemmer: Option<Stemmer>,
    /// Phrases that mean the same, with the words to put for them.
    pub(crate) same: Phrases<Vec<String>>,
    pub(crate) stop: HashSet<String>,
    pub(crate) pronouns: HashSet<String>,
    pub(crate) leaning: HashSet<String>,
    pub(crate) neutral: HashSet<String>,
    pub(crate) negations: HashSet<String>,
    pub(crate) negations_back: HashSet<String>,
    pub(crate) negation_ends: HashSet<String>,
    pub(crate) joining: HashSet<String>,
    pub(crate) alternatives: HashSet<String>,
    pub(crate) contrasts: HashSet<String>,
    pub(crate) conditions: Phrases<()>,
    pub(crate) conditions_soft: HashSet<String>,
    pub(crate) beside: HashSet<String>,
    pub(crate) beside_kept: HashSet<String>,
    pub(crate) ahead: HashSet<String>,
    pub(crate) opposites: HashMap<String, Vec<String>>,
    pub(crate) warnings: Phrases<()>,
    pub(crate) abbreviations: HashSet<String>,
}

impl Words {
    /// The words of a language; `None` for one without a file.
    pub(crate) fn of(language: &Language) -> Option<&'static Self> {
        WORDS.get(language.as_str())
    }

    fn read(tag: &str, table: &Table) -> Self {
        let set = |name: &str| list(table, name).map(str::to_lowercase).collect::<HashSet<_>>();
        let groups = |name: &str| {
            let groups = table.get(name).and_then(Value::as_array).into_iter().flatten();
            groups
                .filter_map(Value::as_array)
                .map(|group| group.iter().filter_map(Value::as_str).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        };
        let stems = table.get("stemmer").and_then(Value::as_bool).unwrap_or(false);
        let algorithm = match tag {
            "en" if stems => Some(Algorithm::English),
            "fr" if stems => Some(Algorithm::French),
            _ => None,
        };
        let mut words = Self {
            stemmer: algorithm.map(Stemmer::create),
            same: Phrases::default(),
            stop: set("stop"),
            pronouns: set("pronouns"),
            leaning: set("leaning"),
            neutral: HashSet::new(),
            negations: set("negations"),
            negations_back: set("negations_back"),
            negation_ends: set("negation_ends"),
            joining: set("joining"),
            alternatives: set("alternatives"),
            contrasts: set("contrasts"),
            conditions: list(table, "conditions").map(|phrase| (phrase, ())).collect(),
            conditions_soft: set("conditions_soft"),
            beside: set("beside"),
            beside_kept: set("beside_kept"),
            ahead: set("ahead"),
            opposites: HashMap::new(),
            warnings: list(table, "warnings").map(|phrase| (phrase, ())).collect(),
            abbreviations: set("abbreviations"),
        };
        words.neutral = list(table, "neutral").map(|word| words.stem(word)).collect();
        for group in groups("same") {
            let first = group.first().map(|first| words_of(first)).unwrap_or_default();
            for phrase in group.iter().skip(1) {
                words.same.insert(phrase, first.clone());
            }
        }
        for group in groups("opposites") {
            for (at, word) in group.iter().enumerate() {
                let others = group.iter().enumerate().filter(|(other, _)| *other != at);
                let others: Vec<_> = others.map(|(_, other)| words.stem(other)).collect();
                words.opposites.entry(words.stem(word)).or_default().extend(others);
            }
        }
        words
    }

    /// The stem of a word in lower case; the word itself where there is no stemmer.
    pub(crate) fn stem(&self, word: &str) -> String {
        match &self.stemmer {
            Some(stemmer) => stemmer.stem(word).into_owned(),
            None => word.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_read_and_says_its_language() {
        let tags: Vec<_> = tables().map(|(tag, _)| tag).collect();
        assert_eq!(tags, ["en", "fr", "sw"]);
        for (tag, table) in tables() {
            assert_eq!(table["language"].as_str(), Some(tag));
            let words = Words::of(&Language::parse(tag).unwrap()).unwrap();
            assert!(words.stop.len() > 40 && !words.negations.is_empty(), "{tag}");
            assert!(
                !words.opposites.is_empty()
                    && words.warnings.any_in(&token::tokens(
                        list(section(table, "support"), "warnings").next().unwrap()
                    )),
                "{tag}"
            );
        }
        assert!(Words::of(&Language::parse("am").unwrap()).is_none());
    }

    #[test]
    fn every_language_has_the_same_lists() {
        let keys = |table: &Table, part: &str| {
            section(table, part).keys().cloned().collect::<std::collections::BTreeSet<_>>()
        };
        let english = tables().next().unwrap().1;
        for (tag, table) in tables() {
            for part in ["support", "quantity", "dose", "privacy", "injection"] {
                assert_eq!(keys(table, part), keys(english, part), "{tag} [{part}]");
            }
        }
    }
}
