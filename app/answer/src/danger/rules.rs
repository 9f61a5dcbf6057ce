//! The rules of all languages, and what they find.

use std::cmp::Reverse;
use std::fmt;
use std::sync::LazyLock;

use super::error::RuleError;
use super::file::{CARD, RuleFile};
use super::language::{LanguageRules, Rule};
use super::opinion::{Example, Opinion};
use super::pass::{Pass, Span, common_words};
use super::text::raw_words;
use crate::limits::{
    DANGER_DROPS_BELOW, DANGER_GUARD_WORDS, DANGER_RAISES_ABOVE, DANGER_RULE_EXAMPLE_WEIGHT,
};
use crate::question::Language;

/// How soon help is needed; the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Minutes decide.
    Minutes,
    /// Hours decide: go now.
    Hours,
    /// Seen by a health worker before the day is over.
    Today,
}

impl Severity {
    /// The severity that a word of a rule file stands for: `minutes`, `hours` or `today`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "minutes" => Some(Self::Minutes),
            "hours" => Some(Self::Hours),
            "today" => Some(Self::Today),
            _ => None,
        }
    }
}

/// The rule whose referral stands where the second opinion alone raises the floor.
const GENERAL_RULE: &str = "emergency";

/// A net for questions, of body parts and complaints that stand near one another: every second answer
/// about health would be caught in it.
const QUESTIONS_ONLY: &str = "several-signs";

/// The danger rules of every language.
pub struct Rules {
    languages: Vec<LanguageRules>,
    opinion: Option<Opinion>,
}

/// Which rules they are, not all that they hold.
impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.versions()).finish()
    }
}

/// A rule that a text raised.
#[derive(Clone, Copy)]
pub struct Hit<'r> {
    language: &'r LanguageRules,
    rule: &'r Rule,
}

impl fmt::Debug for Hit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.rule(), self.language())
    }
}

impl<'r> Hit<'r> {
    /// The rule's id, the same in every language.
    #[must_use]
    pub fn rule(&self) -> &'r str {
        &self.rule.id
    }

    /// How soon help is needed.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.rule.severity
    }

    /// The language of the words found, and so of the texts.
    #[must_use]
    pub fn language(&self) -> &'r str {
        &self.language.code
    }

    /// The version of the rule file.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.language.version
    }

    /// Whether a clinician has reviewed the rule file.
    #[must_use]
    pub fn reviewed(&self) -> bool {
        self.language.reviewed
    }

    /// The public guidance that the rule follows.
    #[must_use]
    pub fn source(&self) -> &'r str {
        &self.rule.source
    }

    /// The fixed text, with the site's referral card (nearest facility, phone, hours) in its place;
    /// without a card the place is left out.
    #[must_use]
    pub fn referral(&self, card: Option<&str>) -> String {
        self.rule.referral.replace(CARD, card.unwrap_or_default()).trim().to_owned()
    }

    /// The fixed text for one SMS: at most 150 letters of the GSM alphabet, without a card.
    #[must_use]
    pub fn sms(&self) -> &'r str {
        &self.rule.sms
    }
}

/// An example sentence of a rule that does not do what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedExample {
    /// The language of the rule.
    pub language: String,
    /// The rule that brings the example.
    pub rule: String,
    /// The sentence.
    pub text: String,
    /// Whether it should have raised the rule; otherwise it should have raised none.
    pub should_raise: bool,
    /// What it raised.
    pub raised: Vec<String>,
}

/// The rules that come with the box.
static EMBEDDED: LazyLock<Rules> = LazyLock::new(|| {
    let files = [
        ("en", include_str!("../../danger/en.toml")),
        ("fr", include_str!("../../danger/fr.toml")),
        ("sw", include_str!("../../danger/sw.toml")),
    ];
    let examples = [
        ("examples-en", include_str!("../../danger/examples-en.txt")),
        ("examples-fr", include_str!("../../danger/examples-fr.txt")),
        ("examples-sw", include_str!("../../danger/examples-sw.txt")),
    ];
    match Rules::load(&files).and_then(|rules| rules.learn(&examples)) {
        Ok(rules) => rules,
        Err(error) => panic!("{error}"),
    }
});

impl Rules {
    /// Reads rule files, each under its language's subtag. All of them must have the same rules, at
    /// the same severity and in the same order.
    ///
    /// # Errors
    /// [`RuleError`] names the file, the rule and the field that is malformed.
    pub fn load(files: &[(&str, &str)]) -> Result<Self, RuleError> {
        let mut languages = Vec::with_capacity(files.len());
        for (file, toml) in files {
            languages.push(LanguageRules::compile(RuleFile::parse(file, toml)?)?);
        }
        let rules = Self { languages, opinion: None };
        rules.check_that_languages_agree()?;
        Ok(rules)
    }

    /// Learns a second opinion from the rules' own examples and from files of further ones, each a line:
    /// `+` and a text that speaks of danger, `-` and one that does not, or `#` and a remark.
    ///
    /// # Errors
    /// [`RuleError`] names the file and the line that is none of these, or says that the general
    /// rule is missing.
    pub fn learn(mut self, files: &[(&str, &str)]) -> Result<Self, RuleError> {
        let error = |file: &str, reason: String| RuleError {
            file: file.to_owned(),
            rule: None,
            field: None,
            reason,
        };
        let mut examples = Vec::new();
        for language in &self.languages {
            if !language.rules.iter().any(|rule| rule.id == GENERAL_RULE) {
                let reason = format!("there is no rule `{GENERAL_RULE}` for what is learned");
                return Err(error(&language.code, reason));
            }
            for rule in &language.rules {
                let kinds = [(&rule.positive, true), (&rule.negative, false)];
                examples.extend(kinds.into_iter().flat_map(|(texts, danger)| {
                    texts.iter().map(move |text| Example {
                        text,
                        danger,
                        weight: DANGER_RULE_EXAMPLE_WEIGHT,
                    })
                }));
            }
        }
        for (file, text) in files {
            for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
                let (sign, text) = line.split_at_checked(1).unwrap_or_default();
                match sign {
                    "+" | "-" => {
                        let danger = sign == "+";
                        examples.push(Example { text: text.trim(), danger, weight: 1.0 });
                    }
                    "#" => {}
                    _ => {
                        let reason = format!(
                            "line {} begins with neither `+` (danger), `-` (harmless) nor `#`",
                            number + 1
                        );
                        return Err(error(file, reason));
                    }
                }
            }
        }
        self.opinion = Some(Opinion::learn(&examples));
        Ok(self)
    }

    /// The rules that come with the box, with what is learned from their examples; read and learned on
    /// the first call, which takes a fraction of a second.
    ///
    /// # Panics
    /// Never: a test reads the same files.
    #[must_use]
    pub fn embedded() -> &'static Self {
        &EMBEDDED
    }

    fn check_that_languages_agree(&self) -> Result<(), RuleError> {
        let Some((first, others)) = self.languages.split_first() else { return Ok(()) };
        for other in others {
            let longest = first.rules.len().max(other.rules.len());
            for place in 0..longest {
                let (one, two) = (first.rules.get(place), other.rules.get(place));
                let agree = one.map(|r| (&r.id, r.severity)) == two.map(|r| (&r.id, r.severity));
                if !agree {
                    let say = |rule: Option<&Rule>| match rule {
                        Some(rule) => format!("`{}` ({:?})", rule.id, rule.severity),
                        None => "nothing".to_owned(),
                    };
                    let place = place + 1;
                    let reason = format!(
                        "rule {place} is {}, in `{}` it is {}; make them the same",
                        say(two),
                        first.code,
                        say(one)
                    );
                    return Err(RuleError {
                        file: other.code.clone(),
                        rule: two.map(|rule| rule.id.clone()),
                        field: Some("id".into()),
                        reason,
                    });
                }
            }
        }
        Ok(())
    }

    /// The subtag and the version of each language's rules.
    pub fn versions(&self) -> impl Iterator<Item = (&str, u32)> {
        self.languages.iter().map(|language| (language.code.as_str(), language.version))
    }

    /// The ids of the rules, the same in every language.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.languages.first().into_iter().flat_map(|l| l.rules.iter().map(|r| r.id.as_str()))
    }

    /// The dangers that a question speaks of, the most urgent first, each once. The text is read in
    /// every language, and the texts of a hit are in the language of the words found; the given one
    /// decides between languages that the text looks like equally.
    ///
    /// Where no rule finds anything and the second opinion is sure, the general rule is raised; where
    /// it is sure of the contrary, only those rules stand in which minutes decide.
    #[must_use]
    pub fn check(&self, text: &str, language: &Language) -> Vec<Hit<'_>> {
        let check = Check::new(self, text, language);
        let mut hits = check.hits();
        if let Some(opinion) = &self.opinion {
            let score = opinion.score(text);
            if hits.is_empty() && score > DANGER_RAISES_ABOVE {
                hits.extend(check.general());
            } else if score < DANGER_DROPS_BELOW {
                hits.retain(|hit| hit.severity() == Severity::Minutes);
            }
        }
        hits
    }

    /// The dangers that an answer speaks of without sending anybody to care: each referral is to be
    /// put before the answer. Empty if the answer refers.
    #[must_use]
    pub fn missing_referrals(&self, answer: &str, language: &Language) -> Vec<Hit<'_>> {
        if self.refers(answer, language) {
            return Vec::new();
        }
        // An answer explains; what stands in different sentences need not belong together.
        let mut hits: Vec<Hit<'_>> = Vec::new();
        for sentence in sentences(answer) {
            for hit in Check::new(self, sentence, language).hits() {
                if hit.rule() == QUESTIONS_ONLY {
                    continue;
                }
                if !hits.iter().any(|known| known.rule() == hit.rule()) {
                    hits.push(hit);
                }
            }
        }
        hits.sort_by_key(Hit::severity);
        hits
    }

    /// Whether a text sends a person to a health facility.
    #[must_use]
    pub fn refers(&self, text: &str, language: &Language) -> bool {
        sentences(text).any(|sentence| Check::new(self, sentence, language).refers())
    }

    /// Every example sentence of a language, and every referral text.
    #[cfg(test)]
    pub(super) fn examples(&self, language: &str) -> impl Iterator<Item = &str> {
        let rules = self.rules_in(language).iter();
        rules.flat_map(|rule| rule.positive.iter().chain(&rule.negative)).map(String::as_str)
    }

    #[cfg(test)]
    pub(super) fn referrals(&self, language: &str) -> Vec<&str> {
        self.rules_in(language).iter().map(|rule| rule.referral.as_str()).collect()
    }

    #[cfg(test)]
    fn rules_in(&self, language: &str) -> &[Rule] {
        let found = self.languages.iter().find(|one| one.code == language);
        found.map_or(&[], |one| &one.rules)
    }

    /// Runs the example sentences of every rule: each positive one must raise its rule, each
    /// negative one must raise none.
    #[must_use]
    pub fn failing_examples(&self) -> Vec<FailedExample> {
        let mut failed = Vec::new();
        for language in &self.languages {
            let tag = Language::parse(&language.code).unwrap_or_else(Language::english);
            for rule in &language.rules {
                let examples = [(&rule.positive, true), (&rule.negative, false)];
                for (texts, should_raise) in examples {
                    for text in texts {
                        let hits = self.check(text, &tag);
                        let good = if should_raise {
                            hits.iter().any(|hit| hit.rule() == rule.id)
                        } else {
                            hits.is_empty()
                        };
                        if !good {
                            failed.push(FailedExample {
                                language: language.code.clone(),
                                rule: rule.id.clone(),
                                text: text.clone(),
                                should_raise,
                                raised: hits.iter().map(|hit| hit.rule().to_owned()).collect(),
                            });
                        }
                    }
                }
            }
        }
        failed
    }
}

/// The sentences of a text, roughly.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split(['.', '!', '?', ';', '\n']).filter(|sentence| !sentence.trim().is_empty())
}

/// One text read in every language.
struct Check<'r> {
    /// The language that the text is most likely in comes first: words may be misspelt in it alone,
    /// and what drops a match in it drops the match in the others, so that "no convulsions" is not
    /// a danger in French.
    passes: Vec<Pass<'r>>,
    /// Where guards stand, by name.
    guards: Vec<(&'r str, Span)>,
}

impl<'r> Check<'r> {
    fn new(rules: &'r Rules, text: &str, language: &Language) -> Self {
        let words = raw_words(text);
        let mut ranked: Vec<(&LanguageRules, usize)> =
            rules.languages.iter().map(|one| (one, common_words(one, &words))).collect();
        // Of languages that the text looks like equally, the one it was asked in.
        ranked.sort_by_key(|(one, common)| (Reverse(*common), one.code != language.as_str()));
        let passes: Vec<Pass<'r>> = ranked
            .iter()
            .enumerate()
            .map(|(place, (one, _))| Pass::new(one, &words, place == 0))
            .collect();
        let guards = find_guards(&passes);
        Self { passes, guards }
    }

    fn hits(&self) -> Vec<Hit<'r>> {
        let mut hits: Vec<(usize, Hit<'r>)> = Vec::new();
        for pass in &self.passes {
            for (place, rule) in pass.language.rules.iter().enumerate() {
                let known = hits.iter().any(|(_, hit)| hit.rule.id == rule.id);
                if !known && self.raises(pass, place, rule) {
                    hits.push((place, Hit { language: pass.language, rule }));
                }
            }
        }
        hits.sort_by_key(|(place, hit)| (hit.rule.severity, *place));
        hits.into_iter().map(|(_, hit)| hit).collect()
    }

    /// The general rule, in the language that the text is most likely in.
    fn general(&self) -> Option<Hit<'r>> {
        let language = self.passes.first()?.language;
        let rule = language.rules.iter().find(|rule| rule.id == GENERAL_RULE)?;
        Some(Hit { language, rule })
    }

    fn raises(&self, pass: &Pass<'r>, place: usize, rule: &'r Rule) -> bool {
        let likely = self.passes.first();
        let accepts = |spans: &[Span]| {
            let range = pass.raw_range(spans);
            let near = |guard: Span| {
                range.start <= guard.end + DANGER_GUARD_WORDS
                    && guard.start <= range.end + DANGER_GUARD_WORDS
            };
            let guarded = self
                .guards
                .iter()
                .any(|(name, guard)| near(*guard) && !rule.ignores.contains(*name));
            let excepted = |pass: &Pass<'r>| {
                let same = pass.language.rules.get(place);
                let unless = same.into_iter().flat_map(|rule| &rule.unless);
                unless.into_iter().any(|p| pass.find(p, &|s| near(pass.raw_range(s))))
            };
            !guarded
                && !excepted(pass)
                && likely.is_none_or(|likely| {
                    likely.language.code == pass.language.code
                        || (!excepted(likely) && !negates(likely, pass, spans))
                })
        };
        rule.patterns.iter().any(|pattern| pass.find(pattern, &accepts))
    }

    fn refers(&self) -> bool {
        self.passes.iter().any(|pass| {
            let care = &pass.language.care;
            let denied = || care.unless.iter().any(|p| pass.find(p, &|_| true));
            care.patterns.iter().any(|p| pass.find(p, &|_| true)) && !denied()
        })
    }
}

/// Whether one language negates what another found.
fn negates(likely: &Pass<'_>, pass: &Pass<'_>, spans: &[Span]) -> bool {
    let chosen: Vec<Span> = spans.iter().map(|span| pass.raw_range(&[*span])).collect();
    let mut words = chosen.iter().flat_map(|span| span.start..span.end);
    words.any(|raw| likely.negates_raw(raw, &chosen))
}

/// Every place of every guard that nothing overrides, in all languages.
fn find_guards<'r>(passes: &[Pass<'r>]) -> Vec<(&'r str, Span)> {
    let mut guards = Vec::new();
    let mut overridden: Vec<&str> = Vec::new();
    for pass in passes {
        for guard in &pass.language.guards {
            if guard.unless.iter().any(|pattern| pass.find(pattern, &|_| true)) {
                overridden.push(&guard.name);
            }
            for pattern in &guard.patterns {
                let places = std::cell::RefCell::new(&mut guards);
                pass.find(pattern, &|spans| {
                    places.borrow_mut().push((guard.name.as_str(), pass.raw_range(spans)));
                    false
                });
            }
        }
    }
    guards.retain(|(name, _)| !overridden.contains(name));
    guards
}
