//! A language's data, read from its TOML file.

use std::collections::{HashMap, HashSet};

use toml::{Table, Value};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::What;
use super::lexing::Token;
use super::spelling::skeleton;

/// What kind of thing a word names; decides what is reported and which words may change places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Class {
    /// A meaning that the guard reports by name.
    Named(What),
    /// A person or animal not told apart by age or sex.
    Being,
    /// Everything else.
    Other,
}

impl Class {
    /// Whether it is somebody who can do something to somebody.
    pub(super) fn is_being(self) -> bool {
        matches!(self, Self::Being | Self::Named(What::Sex | What::AdultChild | What::Age))
    }
}

/// Words and what is written instead of them, the longest first.
#[derive(Debug, Default)]
pub(super) struct Replacements(HashMap<Token, Vec<Replacement>>);

/// Words, and what is written for them.
type Replacement = (Vec<Token>, Vec<Token>);

impl Replacements {
    fn add(&mut self, from: Vec<Token>, to: Vec<Token>) {
        let Some(first) = from.first() else { return };
        let entries = self.0.entry(first.clone()).or_default();
        entries.push((from, to));
        entries.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
    }

    /// The tokens with all replacements made, left to right, once.
    pub(super) fn apply(&self, tokens: Vec<Token>) -> Vec<Token> {
        let mut written = Vec::with_capacity(tokens.len());
        let mut rest = tokens.as_slice();
        while let Some((first, after)) = rest.split_first() {
            let entry = self
                .0
                .get(first)
                .and_then(|entries| entries.iter().find(|(words, _)| rest.starts_with(words)));
            match entry {
                Some((words, instead)) => {
                    written.extend_from_slice(instead);
                    rest = &rest[words.len()..];
                }
                None => {
                    written.push(first.clone());
                    rest = after;
                }
            }
        }
        written
    }
}

/// A group of endings of which one word can have any.
pub(super) type Endings = Vec<String>;

/// One language.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) apostrophe_splits: bool,
    /// Numbers follow their unit ("miaka 2").
    pub(super) unit_first: bool,
    /// A plain sentence may be a yes-or-no question.
    pub(super) bare_question: bool,
    /// Words may be misspelt.
    pub(super) misspellings: bool,
    /// English ways of adding endings: doubled consonants, `-es` after a hiss.
    pub(super) english_endings: bool,
    pub(super) endings: Vec<Endings>,
    pub(super) stem_letters_min: usize,
    pub(super) shorthand: Replacements,
    pub(super) phrases: Replacements,
    /// Lists of words by name.
    sets: HashMap<String, HashSet<String>>,
    /// Words that stand for another, to that other.
    same: HashMap<String, String>,
    classes: HashMap<String, Class>,
    /// Words with an accent that tells them from another word.
    accented: HashMap<String, String>,
    pub(super) numbers: HashMap<String, u64>,
    pub(super) units: HashMap<String, String>,
    pub(super) rates: HashMap<String, String>,
    /// Question words and what they ask.
    pub(super) questions: HashMap<String, String>,
    /// All words above by their consonants, for misspellings.
    pub(super) known: HashMap<String, Vec<String>>,
    known_words: HashSet<String>,
}

impl Rules {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong and where.
    pub(super) fn parse(toml: &str) -> Result<Self, String> {
        let mut table: Table = toml.parse().map_err(|error| format!("guard data: {error}"))?;
        let mut rules = Self::default();
        for (word, plain) in pairs(&mut table, "accented")? {
            rules.accented.insert(word, plain);
        }
        rules.apostrophe_splits = flag(&mut table, "apostrophe_splits")?;
        rules.unit_first = flag(&mut table, "unit_first")?;
        rules.bare_question = flag(&mut table, "bare_question")?;
        rules.misspellings = flag(&mut table, "misspellings")?;
        rules.english_endings = flag(&mut table, "english_endings")?;
        rules.stem_letters_min = usize::try_from(
            table.remove("stem_letters_min").and_then(|v| v.as_integer()).unwrap_or_default(),
        )
        .map_err(|_| "stem_letters_min: below zero")?;
        rules.endings = lists(&mut table, "endings")?;
        for (from, to) in pairs(&mut table, "shorthand")? {
            rules.shorthand.add(rules.split(&from), rules.split(&to));
        }
        for (from, to) in pairs(&mut table, "phrases")? {
            rules.phrases.add(rules.split(&from), rules.split(&to));
        }
        for (unit, forms) in strings(&mut table, "units")? {
            rules.units.extend(forms.into_iter().map(|form| (form, unit.clone())));
        }
        rules.rates = pairs(&mut table, "rates")?.into_iter().collect();
        rules.questions = pairs(&mut table, "questions")?.into_iter().collect();
        for (word, value) in pairs(&mut table, "numbers")? {
            let value = value.parse().map_err(|_| format!("numbers.{word}: `{value}`"))?;
            rules.numbers.insert(word, value);
        }
        rules.read_words(&mut table)?;
        match table.keys().next() {
            Some(unknown) => Err(format!("there is no field `{unknown}`; remove it")),
            None => Ok(rules),
        }
    }

    fn read_words(&mut self, table: &mut Table) -> Result<(), String> {
        for (name, words) in strings(table, "sets")? {
            let words = words.iter().map(|word| self.exact_or_folded(word)).collect();
            self.sets.insert(name, words);
        }
        for group in lists(table, "same")? {
            let Some((first, others)) = group.split_first() else { continue };
            let first = self.exact_or_folded(first);
            for other in others {
                let other = self.exact_or_folded(other);
                if let Some(earlier) = self.same.insert(other.clone(), first.clone()) {
                    return Err(format!("same: `{other}` is `{earlier}` and `{first}`"));
                }
            }
        }
        for (name, words) in strings(table, "classes")? {
            let class = class_named(&name).ok_or(format!("there is no class `{name}`"))?;
            for word in words {
                let folded = self.exact_or_folded(&word);
                let word = self.canonical(&folded).to_owned();
                self.classes.insert(word, class);
            }
        }
        let mut words: HashSet<String> = self.sets.values().flatten().cloned().collect();
        words.extend(self.same.iter().flat_map(|(one, other)| [one.clone(), other.clone()]));
        words.extend(self.classes.keys().cloned());
        words.extend(self.units.keys().chain(self.numbers.keys()).cloned());
        words.extend(self.questions.keys().chain(self.rates.keys()).cloned());
        for word in &words {
            self.known.entry(skeleton(word)).or_default().push(word.clone());
        }
        for near in self.known.values_mut() {
            near.sort();
        }
        self.known_words = words;
        Ok(())
    }

    fn split(&self, text: &str) -> Vec<Token> {
        text.split_whitespace().map(|word| self.exact_or_folded(word)).collect()
    }

    /// A word without accents, unless the accent makes it another word.
    pub(super) fn exact_or_folded(&self, word: &str) -> String {
        let word: String = word.nfc().collect();
        if let Some(other) = self.accented.get(&word) {
            return other.clone();
        }
        if word.is_ascii() {
            return word;
        }
        let folded: String = word.nfd().filter(|c| !is_combining_mark(*c)).collect();
        folded.replace('œ', "oe").replace('æ', "ae")
    }

    /// Whether a list has the word.
    pub(super) fn has(&self, list: &str, word: &str) -> bool {
        self.sets.get(list).is_some_and(|words| words.contains(word))
    }

    /// Whether it is a small word: a question word or one that says nothing of the subject.
    pub(super) fn is_small(&self, word: &str) -> bool {
        self.questions.contains_key(word)
            || ["stop", "aux_is", "aux_can", "aux_should"].iter().any(|list| self.has(list, word))
    }

    /// Whether the word says "not".
    pub(super) fn negates(&self, word: &str) -> bool {
        self.has("not", word)
    }

    /// Whether `word's` is `word is` and not a possessive.
    pub(super) fn contracts(&self, word: &str) -> bool {
        self.has("contracts", word)
    }

    /// The word that it stands for.
    pub(super) fn canonical<'a>(&'a self, word: &'a str) -> &'a str {
        self.same.get(word).map_or(word, String::as_str)
    }

    /// The class of a canonical word.
    pub(super) fn class(&self, word: &str) -> Class {
        self.classes.get(word).copied().unwrap_or(Class::Other)
    }

    /// Whether the file has the word in any list.
    pub(super) fn knows(&self, word: &str) -> bool {
        self.known_words.contains(word)
    }
}

fn class_named(name: &str) -> Option<Class> {
    Some(match name {
        "age" => Class::Named(What::Age),
        "sex" => Class::Named(What::Sex),
        "adult-child" => Class::Named(What::AdultChild),
        "pregnancy" => Class::Named(What::Pregnancy),
        "breastfeeding" => Class::Named(What::Breastfeeding),
        "before-after" => Class::Named(What::BeforeAfter),
        "increase-decrease" => Class::Named(What::IncreaseDecrease),
        "drug" => Class::Named(What::Drug),
        "disease" => Class::Named(What::Disease),
        "place" => Class::Named(What::Place),
        "time-of-day" => Class::Named(What::TimeOfDay),
        "frequency" => Class::Named(What::Frequency),
        "negation" => Class::Named(What::Negation),
        "being" => Class::Being,
        _ => return None,
    })
}

fn flag(table: &mut Table, name: &str) -> Result<bool, String> {
    match table.remove(name) {
        None => Ok(false),
        Some(Value::Boolean(flag)) => Ok(flag),
        Some(_) => Err(format!("{name}: write true or false")),
    }
}

fn words(name: &str, value: &Value) -> Result<Vec<String>, String> {
    let wrong = || format!("{name}: write a text of words or a list of texts");
    match value {
        Value::String(text) => Ok(text.split_whitespace().map(str::to_owned).collect()),
        Value::Array(items) => {
            items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        _ => Err(wrong()),
    }
}

/// A table of word lists; a list may be one text with spaces.
fn strings(table: &mut Table, name: &str) -> Result<Vec<(String, Vec<String>)>, String> {
    let Some(Value::Table(fields)) = table.remove(name) else {
        return Err(format!("{name}: it is missing or no table"));
    };
    fields.iter().map(|(field, value)| Ok((field.clone(), words(field, value)?))).collect()
}

/// A list of word lists.
fn lists(table: &mut Table, name: &str) -> Result<Vec<Vec<String>>, String> {
    let Some(Value::Array(items)) = table.remove(name) else {
        return Err(format!("{name}: it is missing or no list"));
    };
    items.iter().map(|item| words(name, item)).collect()
}

/// A table of texts.
fn pairs(table: &mut Table, name: &str) -> Result<Vec<(String, String)>, String> {
    let Some(Value::Table(fields)) = table.remove(name) else {
        return Err(format!("{name}: it is missing or no table"));
    };
    let text = |field: &String, value: &Value| match value {
        Value::String(text) => Ok((field.clone(), text.clone())),
        Value::Integer(number) => Ok((field.clone(), number.to_string())),
        _ => Err(format!("{name}.{field}: write a text")),
    };
    fields.iter().map(|(field, value)| text(field, value)).collect()
}
