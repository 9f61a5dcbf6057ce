//! Numbers in words, numbers with units, ages and rates, as one part each.

use super::lexing::{MARK, Token, is_number};
use super::rules::Rules;

/// What a part of a question is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PartKind {
    Word,
    /// End of a clause.
    Mark,
    /// A question word that a phrase stood for.
    Question,
    Number,
    /// A number with its unit.
    Quantity,
    /// A person's age.
    Age,
    /// So often, or so much in a time.
    Rate,
}

/// A word, or a number with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) kind: PartKind,
    pub(super) text: String,
    /// It may stand for nothing ("a packet" is "1 packet" or "packet").
    pub(super) optional: bool,
}

impl Part {
    fn new(kind: PartKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), optional: false }
    }
}

/// Units in which a person's age is given.
const AGE_UNITS: [&str; 4] = ["year", "month", "week", "day"];

/// The parts of a question.
pub(super) fn parts(tokens: Vec<Token>, rules: &Rules) -> Vec<Part> {
    let tokens = ranges(written_as_digits(tokens, rules), rules);
    let mut parts: Vec<Part> = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let rest = &tokens[at..];
        let (part, used) = rate(rest, &parts, rules)
            .or_else(|| quantity(rest, &mut parts, rules))
            .or_else(|| number(rest, rules))
            .unwrap_or_else(|| (plain(&rest[0]), 1));
        parts.push(part);
        at += used;
    }
    parts
}

fn plain(token: &str) -> Part {
    let kind = if token == MARK {
        PartKind::Mark
    } else if token.len() > 1 && token.starts_with('?') {
        PartKind::Question
    } else {
        PartKind::Word
    };
    Part::new(kind, token)
}

/// Number words to digits: "twenty five", "kumi na mbili", "two hundred".
fn written_as_digits(tokens: Vec<Token>, rules: &Rules) -> Vec<Token> {
    let value = |at: usize| tokens.get(at).and_then(|t| rules.numbers.get(t)).copied();
    let mut written: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let pronoun = written.last().is_some_and(|last| rules.has("not_number_after", last));
        let Some(first) = value(at).filter(|first| !(*first == 1 && pronoun)) else {
            written.push(tokens[at].clone());
            at += 1;
            continue;
        };
        let mut whole = first;
        at += 1;
        loop {
            let joined = tokens.get(at).is_some_and(|t| rules.has("number_joiner", t));
            let next = if joined { at + 1 } else { at };
            let Some(more) = value(next) else { break };
            let is_round = whole >= 10 && whole % 10 == 0;
            whole = match more {
                100 | 1000 if !joined && whole < more => whole * more,
                1..=9 if is_round => whole + more,
                10..=19 if rules.has("tens_plus_teens", &whole.to_string()) => whole + more,
                10..=99 if whole >= 100 && whole % 100 == 0 => whole + more,
                _ => break,
            };
            at = next + 1;
        }
        written.push(whole.to_string());
    }
    written
}

/// `120 over 80`, `2 to 3` and `2 and a half` as one number each.
fn ranges(tokens: Vec<Token>, rules: &Rules) -> Vec<Token> {
    let mut joined: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let first = &tokens[at];
        let middle = tokens.get(at + 1).map_or("", String::as_str);
        let third = tokens.get(at + 2).filter(|third| is_number(third));
        at += 1;
        if !is_number(first) {
            joined.push(first.clone());
            continue;
        }
        let sign = match (middle, third) {
            (_, Some(_)) if rules.has("over", middle) => "/",
            (_, Some(_)) if rules.has("range", middle) => "..",
            ("plushalf", _) if !first.contains('.') => {
                joined.push(format!("{first}.5"));
                at += 1;
                continue;
            }
            _ => {
                joined.push(first.clone());
                continue;
            }
        };
        joined.push(format!("{first}{sign}{}", third.map_or("", String::as_str)));
        at += 2;
    }
    joined
}

fn unit<'a>(token: Option<&Token>, rules: &'a Rules) -> Option<&'a str> {
    token.and_then(|token| rules.units.get(token)).map(String::as_str)
}

/// A number and its unit in either order, as the language has it.
fn measured<'a>(rest: &'a [Token], rules: &'a Rules) -> Option<(&'a str, &'a str)> {
    let (first, second) = (rest.first()?, rest.get(1)?);
    if is_number(first) {
        return Some((first, unit(Some(second), rules)?));
    }
    let follows = rules.unit_first && is_number(second);
    if follows { Some((second, unit(Some(first), rules)?)) } else { None }
}

fn rate(rest: &[Token], before: &[Part], rules: &Rules) -> Option<(Part, usize)> {
    let first = rest.first()?;
    let one = |unit: &str| Part::new(PartKind::Rate, format!("1 {unit}"));
    if let Some(rate) = rules.rates.get(first) {
        return Some((Part::new(PartKind::Rate, rate.as_str()), 1));
    }
    let every = rules.has("every", first);
    if every && let Some((value, unit)) = measured(&rest[1..], rules) {
        return Some((Part::new(PartKind::Rate, format!("{value} {unit}")), 3));
    }
    let unit = unit(rest.get(1), rules)?;
    let counted = rest.get(2).is_some_and(|third| rules.unit_first && is_number(third));
    if !counted && (every || rules.has("per", first)) {
        return Some((one(unit), 2));
    }
    // "Three times a day", but "for a day".
    let last = before.last()?;
    let follows_noun = match last.kind {
        PartKind::Word => {
            !rules.has("stop", &last.text) && !rules.has("quantity_after", &last.text)
        }
        PartKind::Quantity => true,
        _ => false,
    };
    (rules.has("rate_article", first) && follows_noun).then(|| (one(unit), 2))
}

fn quantity(rest: &[Token], before: &mut Vec<Part>, rules: &Rules) -> Option<(Part, usize)> {
    let article = rest.first().is_some_and(|first| rules.has("article_one", first));
    let (value, unit) = match measured(rest, rules) {
        Some((value, unit)) => (value.to_owned(), unit),
        None if article => ("1".to_owned(), unit(rest.get(1), rules)?),
        None => return None,
    };
    let mut part = Part::new(PartKind::Quantity, format!("{value} {unit}"));
    if !AGE_UNITS.contains(&unit) {
        return Some((part, 2));
    }
    if rest.get(2).is_some_and(|next| rules.has("old", next)) {
        part.kind = PartKind::Age;
        return Some((part, 3));
    }
    let is_person = |part: &Part| {
        part.kind == PartKind::Word
            && (rules.class(rules.canonical(&part.text)).is_being()
                || rules.has("generic", &part.text))
    };
    match before.as_slice() {
        [.., last] if rules.has("aged", &last.text) => {
            before.pop();
            part.kind = PartKind::Age;
        }
        [.., person, of] if rules.has("of_age", &of.text) && is_person(person) => {
            part.kind = PartKind::Age;
        }
        [.., person] if is_person(person) && unit == "year" => part.kind = PartKind::Age,
        // "Baby 3 days" may be its age or how long it has been ill: equal to neither.
        [.., person] if is_person(person) => part.text.push_str(" ?"),
        _ => {}
    }
    Some((part, 2))
}

fn number(rest: &[Token], rules: &Rules) -> Option<(Part, usize)> {
    let first = rest.first()?;
    if is_number(first) {
        if rest.get(1).is_some_and(|next| rules.has("ordinal_ends", next)) {
            return Some((Part::new(PartKind::Word, format!("#{first}")), 2));
        }
        return Some((Part::new(PartKind::Number, first.as_str()), 1));
    }
    let part = Part { kind: PartKind::Number, text: "1".into(), optional: true };
    rules.has("article_one", first).then_some((part, 1))
}
