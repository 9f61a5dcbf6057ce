//! The guard of near matches: whether a question may be given the answer of another, earlier one.
//!
//! That the two are close is decided elsewhere; here only what keeps them apart is looked for. Any
//! word exchanged for another can change the answer, so nothing is assumed harmless: both questions
//! are reduced to what they ask for ([`Reduced`]: the kind of question, numbers with their units,
//! content words with "not" and "before" bound to them), and each part of one must have its
//! counterpart in the other. Equal, inflected, listed as the same, or plainly misspelt is a
//! counterpart; close is not. Order counts where an exchange could change who does what to whom.
//! Doubt is a difference: the price is a second answer, not a wrong one.
//!
//! A language without data of its own shares only equal [`CacheKey`]s.

mod align;
mod lexing;
mod quantity;
mod reduce;
mod rules;
mod spelling;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::LazyLock;

use crate::question::{CacheKey, Language, QuestionText};
use reduce::Reduced;
use rules::Rules;

/// Whether one question may have the answer of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// They ask the same in other words.
    Same,
    /// They differ in meaning, or might.
    Differs(What),
}

/// What keeps two questions apart; of several, the one that weighs most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum What {
    /// "Not", "without", "never" on one side or bound to another word.
    Negation,
    /// A person's age, or a word for it such as "toddler".
    Age,
    /// The unit of an equal number.
    Unit,
    /// How often.
    Frequency,
    /// Any other number.
    Number,
    /// Pregnant or not.
    Pregnancy,
    /// Breastfeeding or not.
    Breastfeeding,
    /// A child or a grown person.
    AdultChild,
    /// Man or woman, he or she.
    Sex,
    /// Before, after, until.
    BeforeAfter,
    /// More or less, high or low, up or down.
    IncreaseDecrease,
    /// A medicine.
    Drug,
    /// A disease, injury or sign of one.
    Disease,
    /// A country, town or place.
    Place,
    /// Morning, evening, a.m., p.m.
    TimeOfDay,
    /// What kind of question it is: how, why, when, may I.
    Kind,
    /// The order of the words, which may change who does what to whom.
    Order,
    /// Any other word.
    OtherWord,
}

impl What {
    /// The word for it in logs and tests, such as `time-of-day`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Negation => "negation",
            Self::Age => "age",
            Self::Unit => "unit",
            Self::Frequency => "frequency",
            Self::Number => "number",
            Self::Pregnancy => "pregnancy",
            Self::Breastfeeding => "breastfeeding",
            Self::AdultChild => "adult-child",
            Self::Sex => "sex",
            Self::BeforeAfter => "before-after",
            Self::IncreaseDecrease => "increase-decrease",
            Self::Drug => "drug",
            Self::Disease => "disease",
            Self::Place => "place",
            Self::TimeOfDay => "time-of-day",
            Self::Kind => "kind",
            Self::Order => "order",
            Self::OtherWord => "other-word",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether `asked` may be given the answer of `known`, both in `language`. The same both ways
/// round, and [`Verdict::Same`] for equal texts. A word counts as misspelt only against the guard's
/// own words; [`may_share_with`] takes those of the box's knowledge as well.
#[must_use]
pub fn may_share(known: &str, asked: &str, language: &Language) -> Verdict {
    may_share_with(known, asked, language, &|_| false)
}

/// As [`may_share`], with `is_word` telling which lower-case words the knowledge of the box has. A
/// word that it has is never taken for the misspelling of another, and only a word that it or the
/// guard has can be what a misspelling stands for.
#[must_use]
pub fn may_share_with(
    known: &str,
    asked: &str,
    language: &Language,
    is_word: &dyn Fn(&str) -> bool,
) -> Verdict {
    if known == asked {
        return Verdict::Same;
    }
    let (Ok(one), Ok(other)) = (QuestionText::parse(known), QuestionText::parse(asked)) else {
        return Verdict::Differs(What::OtherWord);
    };
    let (one, other) = (CacheKey::of(&one), CacheKey::of(&other));
    if one == other {
        return Verdict::Same;
    }
    let Some(rules) = rules_of(language) else { return Verdict::Differs(What::OtherWord) };
    // In one fixed order, so that the verdict cannot depend on who came first.
    let (one, other) = if one.as_str() <= other.as_str() { (one, other) } else { (other, one) };
    let Some((one, other)) = lexing::lex_pair(one.as_str(), other.as_str(), rules, is_word) else {
        return Verdict::Differs(What::OtherWord);
    };
    let (one, other) = (Reduced::of(one, rules), Reduced::of(other, rules));
    match align::difference(&one, &other, rules, is_word) {
        None => Verdict::Same,
        Some(what) => Verdict::Differs(what),
    }
}

/// The data of a language, read once; `None` where there is none.
fn rules_of(language: &Language) -> Option<&'static Rules> {
    static ENGLISH: LazyLock<Option<Rules>> =
        LazyLock::new(|| Rules::parse(include_str!("../../guard/en.toml")).ok());
    static FRENCH: LazyLock<Option<Rules>> =
        LazyLock::new(|| Rules::parse(include_str!("../../guard/fr.toml")).ok());
    static SWAHILI: LazyLock<Option<Rules>> =
        LazyLock::new(|| Rules::parse(include_str!("../../guard/sw.toml")).ok());
    match language.as_str() {
        "en" => ENGLISH.as_ref(),
        "fr" => FRENCH.as_ref(),
        "sw" => SWAHILI.as_ref(),
        _ => None,
    }
}
