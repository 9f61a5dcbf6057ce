//! One language's rules, ready to be looked for.

use std::collections::{HashMap, HashSet};

use super::error::RuleError;
use super::file::{NegationTexts, RuleFile, RuleText};
use super::lexicon::Lexicon;
use super::pattern::{Compiler, ElementId, Pattern, Phrases};
use super::rules::Severity;

/// One language's rules.
#[derive(Debug)]
pub(super) struct LanguageRules {
    pub(super) code: String,
    pub(super) version: u32,
    pub(super) reviewed: bool,
    pub(super) apostrophe_splits: bool,
    pub(super) fillers: HashSet<String>,
    pub(super) common: HashSet<String>,
    pub(super) replace: HashMap<String, Vec<String>>,
    pub(super) lexicon: Lexicon,
    pub(super) phrases: Phrases,
    pub(super) negation: Negation,
    /// What counts as sending a person to care.
    pub(super) care: Guard,
    pub(super) guards: Vec<Guard>,
    pub(super) rules: Vec<Rule>,
}

/// The elements by which the language says "not".
#[derive(Debug)]
pub(super) struct Negation {
    /// Negates what follows.
    pub(super) before: ElementId,
    /// Negates the word before it...
    pub(super) after: ElementId,
    /// ...if it is one of these...
    pub(super) after_only: ElementId,
    /// ...unless one of these follows.
    pub(super) after_unless_before: ElementId,
    /// A negation reaches through these to the word that it negates.
    pub(super) through: ElementId,
    /// Words that extend it to the next ("or").
    pub(super) joining: ElementId,
    /// Words that end it ("but").
    pub(super) ends: ElementId,
    /// Phrases in which "not" denies nothing ("not only").
    pub(super) not_negating: ElementId,
}

/// Words beside which a match does not count.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) name: String,
    pub(super) patterns: Vec<Pattern>,
    pub(super) unless: Vec<Pattern>,
}

/// One rule of one language.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) severity: Severity,
    pub(super) source: String,
    pub(super) referral: String,
    pub(super) sms: String,
    pub(super) patterns: Vec<Pattern>,
    pub(super) unless: Vec<Pattern>,
    /// Guards that do not hold for it, by name.
    pub(super) ignores: HashSet<String>,
    pub(super) positive: Vec<String>,
    pub(super) negative: Vec<String>,
}

/// Whether the words of patterns may be misspelt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    Tolerant,
    Exact,
}

/// Where in a file a pattern stands.
struct Place<'a> {
    file: &'a str,
    rule: Option<&'a str>,
    field: &'a str,
}

impl Place<'_> {
    fn error(&self, reason: String) -> RuleError {
        RuleError {
            file: self.file.to_owned(),
            rule: self.rule.map(str::to_owned),
            field: Some(self.field.to_owned()),
            reason,
        }
    }
}

fn patterns(
    compiler: &mut Compiler<'_>,
    place: &Place<'_>,
    written: &[String],
    spelling: Spelling,
) -> Result<Vec<Pattern>, RuleError> {
    compiler.tolerant = spelling == Spelling::Tolerant;
    written
        .iter()
        .map(|text| {
            compiler.pattern(text).map_err(|why| place.error(format!("pattern `{text}`: {why}")))
        })
        .collect()
}

impl LanguageRules {
    /// Compiles a file.
    pub(super) fn compile(file: RuleFile) -> Result<Self, RuleError> {
        let code = file.language.as_str();
        let words = &file.words;
        let known = words.common.iter().chain(&words.not_misspelled).cloned();
        let lexicon = Lexicon::new(known, words.negative_prefixes.clone(), words.fuzzy_letters_min);
        let mut compiler = Compiler::new(lexicon, &file.groups, &words.fillers);
        let negation = Negation::compile(&mut compiler, code, &file.negation)?;
        let mut guard = |name: &str, field: &str, wanted: &[String], unless: &[String]| {
            let place = Place { file: code, rule: None, field };
            Ok(Guard {
                name: name.to_owned(),
                patterns: patterns(&mut compiler, &place, wanted, Spelling::Exact)?,
                unless: patterns(&mut compiler, &place, unless, Spelling::Tolerant)?,
            })
        };
        let care = guard("care", "care", &file.care.patterns, &file.care.unless)?;
        let guards = file
            .guards
            .iter()
            .map(|g| guard(&g.name, &format!("guards.{}", g.name), &g.patterns, &g.unless))
            .collect::<Result<Vec<Guard>, RuleError>>()?;
        let mut rules = Vec::with_capacity(file.rules.len());
        let mut ids = HashSet::new();
        for rule in &file.rules {
            if !ids.insert(rule.id.clone()) {
                let place = Place { file: code, rule: Some(&rule.id), field: "id" };
                return Err(place.error("another rule has this id; rename one".into()));
            }
            rules.push(Rule::compile(&mut compiler, code, rule, &guards)?);
        }
        let Compiler { lexicon, phrases, .. } = compiler;
        Ok(Self {
            version: file.version,
            reviewed: file.reviewed,
            apostrophe_splits: words.apostrophe_splits,
            fillers: words.fillers.iter().cloned().collect(),
            common: words.common.iter().cloned().collect(),
            replace: file.words.replace,
            lexicon,
            phrases,
            negation,
            care,
            guards,
            rules,
            code: file.language,
        })
    }
}

impl Negation {
    fn compile(
        compiler: &mut Compiler<'_>,
        file: &str,
        texts: &NegationTexts,
    ) -> Result<Self, RuleError> {
        let mut element = |field: &str, words: &[String]| {
            compiler.element(words.iter().map(String::as_str)).map_err(|why| {
                Place { file, rule: None, field: &format!("negation.{field}") }.error(why)
            })
        };
        Ok(Self {
            before: element("before", &texts.before)?,
            after: element("after", &texts.after)?,
            after_only: element("after_only", &texts.after_only)?,
            after_unless_before: element("after_unless_before", &texts.after_unless_before)?,
            through: element("through", &texts.through)?,
            joining: element("joining", &texts.joining)?,
            ends: element("ends", &texts.ends)?,
            not_negating: element("not_negating", &texts.not_negating)?,
        })
    }
}

impl Rule {
    fn compile(
        compiler: &mut Compiler<'_>,
        file: &str,
        text: &RuleText,
        guards: &[Guard],
    ) -> Result<Self, RuleError> {
        let place = |field| Place { file, rule: Some(&text.id), field };
        if let Some(unknown) = text.ignores.iter().find(|n| !guards.iter().any(|g| g.name == **n)) {
            return Err(place("ignores").error(format!("`{unknown}` is no guard of this file")));
        }
        Ok(Self {
            id: text.id.clone(),
            severity: text.severity,
            source: text.source.clone(),
            referral: text.referral.clone(),
            sms: text.sms.clone(),
            patterns: patterns(compiler, &place("patterns"), &text.patterns, Spelling::Tolerant)?,
            unless: patterns(compiler, &place("unless"), &text.unless, Spelling::Exact)?,
            ignores: text.ignores.iter().cloned().collect(),
            positive: text.positive.clone(),
            negative: text.negative.clone(),
        })
    }
}
