//! A rule file as it is written, read field by field so that what is wrong has a place.

use std::collections::{BTreeMap, HashMap};

use toml::{Table, Value};

use super::error::RuleError;
use super::rules::Severity;
use super::sms::septets;
use crate::limits::{
    DANGER_NEGATIVES_MIN, DANGER_POSITIVES_MIN, DANGER_REFERRAL_CHARS_MAX, DANGER_SMS_SEPTETS_MAX,
};

/// Where the site's referral card stands in a referral text.
pub(super) const CARD: &str = "{card}";

/// One language's file.
#[derive(Debug)]
pub(super) struct RuleFile {
    pub(super) language: String,
    pub(super) version: u32,
    pub(super) reviewed: bool,
    pub(super) words: WordTexts,
    pub(super) negation: NegationTexts,
    pub(super) groups: BTreeMap<String, Vec<String>>,
    pub(super) care: GuardText,
    pub(super) guards: Vec<GuardText>,
    pub(super) rules: Vec<RuleText>,
}

/// How the language writes its words.
#[derive(Debug)]
pub(super) struct WordTexts {
    /// An apostrophe parts words (French) instead of being dropped.
    pub(super) apostrophe_splits: bool,
    pub(super) fuzzy_letters_min: usize,
    pub(super) fillers: Vec<String>,
    /// Words by which the language is known.
    pub(super) common: Vec<String>,
    pub(super) not_misspelled: Vec<String>,
    pub(super) negative_prefixes: Vec<String>,
    /// Shorthand and what it stands for.
    pub(super) replace: HashMap<String, Vec<String>>,
}

/// How the language says "not".
#[derive(Debug)]
pub(super) struct NegationTexts {
    pub(super) before: Vec<String>,
    pub(super) after: Vec<String>,
    pub(super) after_only: Vec<String>,
    pub(super) after_unless_before: Vec<String>,
    pub(super) through: Vec<String>,
    pub(super) joining: Vec<String>,
    pub(super) ends: Vec<String>,
    pub(super) not_negating: Vec<String>,
}

/// Patterns that drop a match, and those that keep it all the same.
#[derive(Debug)]
pub(super) struct GuardText {
    pub(super) name: String,
    pub(super) patterns: Vec<String>,
    pub(super) unless: Vec<String>,
}

/// One rule.
#[derive(Debug)]
pub(super) struct RuleText {
    pub(super) id: String,
    pub(super) severity: Severity,
    pub(super) source: String,
    pub(super) referral: String,
    pub(super) sms: String,
    pub(super) patterns: Vec<String>,
    pub(super) unless: Vec<String>,
    pub(super) ignores: Vec<String>,
    pub(super) positive: Vec<String>,
    pub(super) negative: Vec<String>,
}

/// A table of the file whose fields are taken one by one.
struct Section {
    file: String,
    rule: Option<String>,
    name: &'static str,
    table: Table,
}

impl Section {
    fn error(&self, field: &str, reason: impl Into<String>) -> RuleError {
        let dot = if self.name.is_empty() { "" } else { "." };
        RuleError {
            file: self.file.clone(),
            rule: self.rule.clone(),
            field: Some(format!("{}{dot}{field}", self.name)),
            reason: reason.into(),
        }
    }

    fn take(&mut self, field: &str) -> Result<Value, RuleError> {
        self.table.remove(field).ok_or_else(|| self.error(field, "it is missing; add it"))
    }

    fn wrong_kind(&self, field: &str, wanted: &str, found: &Value) -> RuleError {
        self.error(field, format!("it is a {}; write {wanted}", found.type_str()))
    }

    fn string(&mut self, field: &str) -> Result<String, RuleError> {
        match self.take(field)? {
            Value::String(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
            Value::String(_) => Err(self.error(field, "it is empty; fill it in")),
            other => Err(self.wrong_kind(field, "a text", &other)),
        }
    }

    fn strings(&mut self, field: &str) -> Result<Vec<String>, RuleError> {
        let value = self.take(field)?;
        let Value::Array(items) = value else {
            return Err(self.wrong_kind(field, "a list of texts", &value));
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Value::String(text) if !text.trim().is_empty() => texts.push(text),
                other => return Err(self.wrong_kind(field, "a list of texts, none empty", &other)),
            }
        }
        Ok(texts)
    }

    fn optional_strings(&mut self, field: &str) -> Result<Vec<String>, RuleError> {
        if self.table.contains_key(field) { self.strings(field) } else { Ok(Vec::new()) }
    }

    fn number(&mut self, field: &str) -> Result<u32, RuleError> {
        let value = self.take(field)?;
        let number = value.as_integer().and_then(|number| u32::try_from(number).ok());
        number.filter(|n| *n > 0).ok_or_else(|| self.wrong_kind(field, "1 or more", &value))
    }

    fn boolean(&mut self, field: &str) -> Result<bool, RuleError> {
        let value = self.take(field)?;
        value.as_bool().ok_or_else(|| self.wrong_kind(field, "true or false", &value))
    }

    fn section(&mut self, name: &'static str) -> Result<Section, RuleError> {
        match self.take(name)? {
            Value::Table(table) => Ok(Section { file: self.file.clone(), rule: None, name, table }),
            other => Err(self.wrong_kind(name, "a table", &other)),
        }
    }

    fn sections(&mut self, name: &'static str) -> Result<Vec<Table>, RuleError> {
        let value = self.take(name)?;
        let Value::Array(items) = value else {
            return Err(self.wrong_kind(name, "a list of tables", &value));
        };
        let mut tables = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Value::Table(table) => tables.push(table),
                other => return Err(self.wrong_kind(name, "a list of tables", &other)),
            }
        }
        Ok(tables)
    }

    fn finish(self) -> Result<(), RuleError> {
        match self.table.keys().next() {
            Some(unknown) => Err(self.error(unknown, "there is no such field; remove it")),
            None => Ok(()),
        }
    }
}

impl RuleFile {
    /// Reads a file and checks all that can be checked without its patterns.
    pub(super) fn parse(file: &str, toml: &str) -> Result<Self, RuleError> {
        let table: Table = toml.parse().map_err(|error: toml::de::Error| RuleError {
            file: file.to_owned(),
            rule: None,
            field: None,
            reason: format!("it is not TOML: {}", error.to_string().trim_end()),
        })?;
        let mut top = Section { file: file.to_owned(), rule: None, name: "", table };
        let language = top.string("language")?;
        if language != file {
            return Err(top.error("language", format!("it is `{language}`, loaded as `{file}`")));
        }
        let version = top.number("version")?;
        let reviewed = top.boolean("reviewed")?;
        // For people who open the file; the box shows `reviewed` in its own words.
        let _notice = top.string("notice")?;
        let words = WordTexts::read(top.section("words")?)?;
        let negation = NegationTexts::read(top.section("negation")?)?;
        let groups = read_groups(top.section("groups")?)?;
        let mut care = top.section("care")?;
        care.table.insert("name".into(), Value::String("care".into()));
        let care = GuardText::read(care)?;
        let guards = top
            .sections("guards")?
            .into_iter()
            .map(|table| GuardText::read(Section { table, ..top.empty("guards") }))
            .collect::<Result<Vec<_>, _>>()?;
        let mut rules = Vec::new();
        for table in top.sections("rules")? {
            rules.push(RuleText::read(file, rules.len(), table)?);
        }
        top.finish()?;
        Ok(Self { language, version, reviewed, words, negation, groups, care, guards, rules })
    }
}

impl Section {
    fn empty(&self, name: &'static str) -> Self {
        Self { file: self.file.clone(), rule: None, name, table: Table::new() }
    }
}

fn read_groups(mut section: Section) -> Result<BTreeMap<String, Vec<String>>, RuleError> {
    let names: Vec<String> = section.table.keys().cloned().collect();
    names.into_iter().map(|name| section.strings(&name).map(|words| (name, words))).collect()
}

impl WordTexts {
    fn read(mut section: Section) -> Result<Self, RuleError> {
        let apostrophe = section.string("apostrophe")?;
        if !["join", "split"].contains(&apostrophe.as_str()) {
            return Err(section.error("apostrophe", "write `join` or `split`"));
        }
        let mut replace = section.section("replace")?;
        let shorthand: Vec<String> = replace.table.keys().cloned().collect();
        let mut meanings: HashMap<String, Vec<String>> = HashMap::new();
        for short in shorthand {
            let long = replace.string(&short)?;
            meanings.insert(short, long.split_whitespace().map(str::to_owned).collect());
        }
        let words = Self {
            apostrophe_splits: apostrophe == "split",
            fuzzy_letters_min: section.number("fuzzy_letters_min")? as usize,
            fillers: section.strings("fillers")?,
            common: section.strings("common")?,
            not_misspelled: section.strings("not_misspelled")?,
            negative_prefixes: section.optional_strings("negative_prefixes")?,
            replace: meanings,
        };
        section.finish()?;
        Ok(words)
    }
}

impl NegationTexts {
    fn read(mut section: Section) -> Result<Self, RuleError> {
        let negation = Self {
            before: section.strings("before")?,
            after: section.strings("after")?,
            after_only: section.strings("after_only")?,
            after_unless_before: section.strings("after_unless_before")?,
            through: section.strings("through")?,
            joining: section.strings("joining")?,
            ends: section.strings("ends")?,
            not_negating: section.strings("not_negating")?,
        };
        section.finish()?;
        Ok(negation)
    }
}

impl GuardText {
    fn read(mut section: Section) -> Result<Self, RuleError> {
        let guard = Self {
            name: section.string("name")?,
            patterns: section.strings("patterns")?,
            unless: section.optional_strings("unless")?,
        };
        section.finish()?;
        Ok(guard)
    }
}

impl RuleText {
    fn read(file: &str, place: usize, table: Table) -> Result<Self, RuleError> {
        let id = table.get("id").and_then(Value::as_str);
        let name = id.map_or_else(|| format!("number {}", place + 1), str::to_owned);
        let mut section = Section { file: file.to_owned(), rule: Some(name), name: "", table };
        let severity = section.string("severity")?;
        let Some(severity) = Severity::parse(&severity) else {
            return Err(section.error("severity", "write `minutes`, `hours` or `today`"));
        };
        let rule = Self {
            id: section.string("id")?,
            severity,
            source: section.string("source")?,
            referral: section.string("referral")?,
            sms: section.string("sms")?,
            patterns: section.strings("patterns")?,
            unless: section.optional_strings("unless")?,
            ignores: section.optional_strings("ignores")?,
            positive: section.strings("positive")?,
            negative: section.strings("negative")?,
        };
        rule.check(&section)?;
        section.finish()?;
        Ok(rule)
    }

    fn check(&self, section: &Section) -> Result<(), RuleError> {
        let is_id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !self.id.chars().all(is_id) {
            return Err(section.error("id", "use letters a to z, digits and `-`"));
        }
        if self.referral.matches(CARD).count() != 1 {
            return Err(section.error("referral", format!("write {CARD} in it once")));
        }
        let characters = self.referral.chars().count();
        if characters > DANGER_REFERRAL_CHARS_MAX {
            let most = DANGER_REFERRAL_CHARS_MAX;
            let reason = format!("{characters} characters, at most {most}; shorten it");
            return Err(section.error("referral", reason));
        }
        match septets(&self.sms) {
            Err(c) => {
                let reason = format!("`{c}` is not in the GSM alphabet; write it otherwise");
                return Err(section.error("sms", reason));
            }
            Ok(many) if many > DANGER_SMS_SEPTETS_MAX => {
                let most = DANGER_SMS_SEPTETS_MAX;
                return Err(section.error("sms", format!("{many} letters, at most {most}")));
            }
            Ok(_) => {}
        }
        for (field, texts, least) in [
            ("patterns", &self.patterns, 1),
            ("positive", &self.positive, DANGER_POSITIVES_MIN),
            ("negative", &self.negative, DANGER_NEGATIVES_MIN),
        ] {
            if texts.len() < least {
                let reason = format!("{} given, at least {least} needed", texts.len());
                return Err(section.error(field, reason));
            }
        }
        Ok(())
    }
}
