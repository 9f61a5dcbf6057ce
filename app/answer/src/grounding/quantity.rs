//! Numbers in a text with what they count, in the languages of the data together.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use toml::Value;

use super::token::{Kind, Phrases, Token};
use super::{everywhere, list, section, tables};

/// What a unit measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// How much of a medicine: mg, ml, tablets, drops.
    Medicine,
    /// Time, and how often.
    Time,
    /// Weight of a person, length, temperature and the like.
    Measure,
}

/// A number or a range of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quantity {
    /// In digits, as written but for leading zeros, decimal commas and words.
    pub(crate) low: String,
    pub(crate) high: Option<String>,
    /// `mg`, `mg/kg`, `time/day`, `every-hour`; `None` for a bare number.
    pub(crate) unit: Option<String>,
    pub(crate) class: Option<Class>,
    /// `over`, `under`, `least`, `most` or `about`; empty for a plain number.
    pub(crate) side: String,
    /// Tokens that it is made of, without the words that say the side.
    pub(crate) tokens: Range<usize>,
    /// The same with them.
    pub(crate) whole: Range<usize>,
}

impl Quantity {
    /// Two quantities with the same key say the same.
    pub(crate) fn key(&self) -> String {
        let unit = self.unit.as_deref().unwrap_or_default();
        format!("{}:{}~{} {unit}", self.side, self.low, self.high.as_deref().unwrap_or_default())
    }
}

#[derive(Debug, Clone)]
struct Unit {
    name: String,
    class: Class,
    /// The language puts the number behind the unit.
    before: bool,
}

struct Lexicon {
    units: Phrases<Unit>,
    numbers: HashMap<String, String>,
    once: HashMap<String, String>,
    adverbs: HashMap<String, String>,
    level: Vec<String>,
    between: Vec<String>,
    indefinite: Vec<String>,
    and_a_half: Phrases<()>,
    sides_before: Phrases<String>,
    sides_behind: Phrases<String>,
    every: Phrases<()>,
    per: Phrases<()>,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let mut units = Phrases::default();
    for (tag, table) in tables() {
        let quantity = section(table, "quantity");
        let classes =
            [("medicine", Class::Medicine), ("time", Class::Time), ("measure", Class::Measure)];
        for (name, class) in classes {
            for (unit, _) in section(quantity, name) {
                for form in list(section(quantity, name), unit) {
                    let short = matches!(form, "mg" | "ml" | "mcg" | "g" | "iu" | "kg");
                    let before = tag == "sw" || short;
                    units.insert(form, Unit { name: unit.clone(), class, before });
                }
            }
        }
    }
    let map = |part: &str| {
        let all = tables().flat_map(|(_, table)| section(section(table, "quantity"), part));
        let texts = all.filter_map(|(word, value)| Some((word.clone(), value.as_str()?.into())));
        texts.collect::<HashMap<String, String>>()
    };
    let sides = |part: &str| {
        let mut phrases = Phrases::default();
        for (_, table) in tables() {
            let part = section(section(table, "quantity"), part);
            for (side, forms) in part {
                for form in forms.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    phrases.insert(form, side.clone());
                }
            }
        }
        phrases
    };
    let words = |name| everywhere("quantity", name).map(str::to_owned).collect();
    let phrases = |part, name| everywhere(part, name).map(|phrase| (phrase, ())).collect();
    Lexicon {
        units,
        numbers: map("numbers"),
        once: map("once"),
        adverbs: map("adverbs"),
        level: words("level"),
        between: words("between"),
        indefinite: words("indefinite"),
        and_a_half: phrases("quantity", "and_a_half"),
        sides_before: sides("before"),
        sides_behind: sides("behind"),
        every: phrases("dose", "every"),
        per: phrases("dose", "per"),
    }
});

/// The numbers of a text, in order, none inside another.
pub(crate) fn quantities(tokens: &[Token]) -> Vec<Quantity> {
    let mut found: Vec<Quantity> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let free = found.last().map_or(0, |last| last.whole.end);
        match LEXICON.quantity(tokens, at, free) {
            Some(quantity) => {
                at = quantity.whole.end.max(at + 1);
                found.push(quantity);
            }
            None => at += 1,
        }
    }
    found
}

/// The unit that a token begins, by name and class.
pub(crate) fn unit_at(tokens: &[Token], at: usize) -> Option<(&'static str, Class)> {
    let (_, unit) = LEXICON.units.at(tokens, at)?;
    Some((&unit.name, unit.class))
}

/// The unit that ends right before a token.
pub(crate) fn unit_before(tokens: &[Token], end: usize) -> Option<(&'static str, Class)> {
    let (_, unit) = LEXICON.units.before(tokens, end)?;
    Some((&unit.name, unit.class))
}

impl Lexicon {
    /// The quantity whose number starts at a token; tokens before `free` belong to another.
    fn quantity(&self, tokens: &[Token], at: usize, free: usize) -> Option<Quantity> {
        if let Some(times) = self.times(tokens, at) {
            return Some(times);
        }
        let Some((low, mut end)) = self.amount(tokens, at) else {
            return self.indefinite(tokens, at);
        };
        let mut high = None;
        if let Some(after) = self.between(tokens, end)
            && let Some((value, next)) = self.amount(tokens, after)
        {
            high = Some(value);
            end = next;
        }
        let mut whole = at..end;
        let mut side = String::new();
        if let Some((length, name)) = self.sides_behind.at(tokens, end) {
            name.as_str().clone_into(&mut side);
            whole.end += length;
        }
        let mut own = at..end;
        let mut unit = None;
        let before = self.units.before(&tokens[..at], at).filter(|(_, unit)| unit.before);
        if let Some((length, found)) = before.filter(|(length, _)| at - length >= free) {
            own.start -= length;
            whole.start = own.start;
            unit = Some(found.clone());
        } else if let Some((next, found)) = self.unit(tokens, whole.end) {
            own.end = next;
            whole.end = next;
            unit = Some(found);
        }
        let mut quantity = Quantity {
            low,
            high,
            unit: unit.as_ref().map(|unit| unit.name.clone()),
            class: unit.map(|unit| unit.class),
            side,
            tokens: own,
            whole,
        };
        if quantity.unit.is_some() {
            self.per(tokens, &mut quantity);
        }
        self.ahead(tokens, &mut quantity, free);
        Some(quantity)
    }

    /// "Every" and words such as "at least" before a number.
    fn ahead(&self, tokens: &[Token], quantity: &mut Quantity, free: usize) {
        let start = quantity.whole.start;
        if let Some((length, ())) = self.every.before(tokens, start)
            && start - length >= free
            && quantity.class == Some(Class::Time)
        {
            quantity.whole.start -= length;
            quantity.unit = quantity.unit.take().map(|unit| format!("every-{unit}"));
        }
        let start = quantity.whole.start;
        if let Some((length, side)) = self.sides_before.before(tokens, start)
            && start - length >= free
        {
            quantity.whole.start -= length;
            quantity.side.push_str(side);
        }
    }

    /// "/kg", "per day", "a day", "daily" behind a unit.
    fn per(&self, tokens: &[Token], quantity: &mut Quantity) {
        const PARTS_MAX: usize = 3;
        for _ in 0..PARTS_MAX {
            let end = quantity.whole.end;
            let adverb = tokens.get(end).and_then(|token| self.adverbs.get(&token.norm));
            let part = match adverb {
                Some(unit) => Some((end + 1, unit.clone())),
                None => self.per.at(tokens, end).and_then(|(length, ())| {
                    let (length_unit, unit) = self.units.at(tokens, end + length)?;
                    let counts = matches!(unit.class, Class::Time | Class::Measure);
                    // "5 ml kwa siku 3" is for three days.
                    let after = end + length + length_unit;
                    let number = self.amount(tokens, after).is_some() && unit.before;
                    (counts && !number).then(|| (after, unit.name.clone()))
                }),
            };
            let Some((next, name)) = part else { return };
            if let Some(unit) = &mut quantity.unit {
                unit.push('/');
                unit.push_str(&name);
            }
            quantity.tokens.end = quantity.tokens.end.max(next);
            quantity.whole.end = next;
        }
    }

    /// "Twice", and "once" where it says how often.
    fn times(&self, tokens: &[Token], at: usize) -> Option<Quantity> {
        let word = tokens.get(at)?;
        let low = self.once.get(&word.norm)?.clone();
        let mut quantity = Quantity {
            low,
            high: None,
            unit: Some("time".into()),
            class: Some(Class::Time),
            side: String::new(),
            tokens: at..at + 1,
            whole: at..at + 1,
        };
        self.per(tokens, &mut quantity);
        (quantity.low != "1" || quantity.whole.end > at + 1).then_some(quantity)
    }

    /// "A tablet".
    fn indefinite(&self, tokens: &[Token], at: usize) -> Option<Quantity> {
        let word = tokens.get(at)?;
        let (end, unit) =
            self.indefinite.contains(&word.norm).then(|| self.unit(tokens, at + 1))??;
        // "A dose" and "a unit" count nothing.
        let counts = unit.class == Class::Medicine
            && !matches!(unit.name.as_str(), "dose" | "iu" | "percent" | "ampoule");
        let mut quantity = Quantity {
            low: "1".into(),
            high: None,
            unit: Some(unit.name),
            class: Some(unit.class),
            side: String::new(),
            tokens: at..end,
            whole: at..end,
        };
        self.per(tokens, &mut quantity);
        counts.then_some(quantity)
    }

    /// A unit right behind a number, or behind words such as "level": the token after it.
    fn unit(&self, tokens: &[Token], at: usize) -> Option<(usize, Unit)> {
        const LEVELS_MAX: usize = 2;
        for skipped in 0..=LEVELS_MAX {
            if let Some((length, unit)) = self.units.at(tokens, at + skipped) {
                return Some((at + skipped + length, unit.clone()));
            }
            let word = tokens.get(at + skipped)?;
            let joins = word.norm == "-" || self.level.contains(&word.norm);
            if !joins {
                return None;
            }
        }
        None
    }

    fn between(&self, tokens: &[Token], at: usize) -> Option<usize> {
        let word = tokens.get(at)?;
        (word.norm == "-" || self.between.contains(&word.norm)).then_some(at + 1)
    }

    /// A number in digits or words: its value and the token after it.
    fn amount(&self, tokens: &[Token], at: usize) -> Option<(String, usize)> {
        let token = tokens.get(at)?;
        let value = match token.kind {
            Kind::Number => decimal(&token.norm),
            Kind::Word => self.numbers.get(&token.norm)?.clone(),
            Kind::Sign | Kind::Stop => return None,
        };
        let number = |at: usize| tokens.get(at).filter(|token| token.kind == Kind::Number);
        let slash = |at: usize| tokens.get(at).is_some_and(|t| matches!(&*t.norm, "/" | "⁄"));
        if token.kind == Kind::Number
            && slash(at + 1)
            && let Some(below) = number(at + 2)
        {
            return Some((fraction(&value, &decimal(&below.norm)), at + 3));
        }
        // 1 1/2, 1 ½
        if let (Some(above), true, Some(below)) = (number(at + 1), slash(at + 2), number(at + 3)) {
            let part = fraction(&decimal(&above.norm), &decimal(&below.norm));
            return Some((format!("{value}+{part}").replace("+0.", "."), at + 4));
        }
        if let Some(part) = number(at + 1).map(|part| decimal(&part.norm))
            && part.starts_with("0.")
            && tokens[at + 1].norm.chars().count() == 1
        {
            return Some((format!("{value}{}", &part[1..]), at + 2));
        }
        if let Some((length, ())) = self.and_a_half.at(tokens, at + 1) {
            return Some((format!("{value}.5"), at + 1 + length));
        }
        Some((value, at + 1))
    }
}

/// A number as it is compared. Three digits behind a point or comma may be thousands or
/// thousandths, so that such a number equals only one that is written in the same way.
fn decimal(written: &str) -> String {
    const FRACTIONS: [(char, &str); 5] =
        [('½', "0.5"), ('¼', "0.25"), ('¾', "0.75"), ('⅓', "1/3"), ('⅔', "2/3")];
    for (sign, value) in FRACTIONS {
        if written.ends_with(sign) {
            let whole = written.trim_end_matches(sign);
            let whole = if whole.is_empty() { "0" } else { whole };
            return match value.strip_prefix('0') {
                Some(part) => format!("{whole}{part}"),
                None if whole == "0" => value.to_owned(),
                None => format!("{whole}+{value}"),
            };
        }
    }
    let separators = written.chars().filter(|c| matches!(c, '.' | ',')).count();
    let tail = written.rsplit(['.', ',']).next().unwrap_or_default().len();
    if separators > 1 || (separators == 1 && tail == 3) {
        return written.to_owned();
    }
    let point = written.replace(',', ".");
    let (whole, part) = point.split_once('.').unwrap_or((&point, ""));
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let part = part.trim_end_matches('0');
    if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") }
}

fn fraction(above: &str, below: &str) -> String {
    match (above, below) {
        ("1", "2") => "0.5".into(),
        ("1", "4") => "0.25".into(),
        ("3", "4") => "0.75".into(),
        _ => format!("{above}/{below}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::token::tokens;
    use super::*;

    fn keys(text: &str) -> String {
        let all = quantities(&tokens(text));
        all.iter().map(Quantity::key).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn numbers_and_what_they_count() {
        for (text, key) in [
            ("Give 5mg", ":5~ mg"),
            ("0,50 ml", ":0.5~ ml"),
            ("1½ tablets", ":1.5~ tablet"),
            ("1 1/2 tablets", ":1.5~ tablet"),
            ("one and a half tablets", ":1.5~ tablet"),
            ("half a level teaspoon", ":0.5~ teaspoon"),
            ("2-3 drops", ":2~3 drop"),
            ("10 to 15 minutes", ":10~15 minute"),
            ("a tablet", ":1~ tablet"),
            ("15 mg/kg", ":15~ mg/kg"),
            ("15 mg per kg per day", ":15~ mg/kg/day"),
            ("3 times a day", ":3~ time/day"),
            ("twice daily", ":2~ time/day"),
            ("every 6 hours for 5 days", ":6~ every-hour | :5~ day"),
            ("at least 8 times", "least:8~ time"),
            ("over 2 weeks", "over:2~ week"),
            ("60 or more breaths", "more:60~ "),
            ("1,000 mg", ":1,000~ mg"),
            ("1.000 mg", ":1.000~ mg"),
            ("vidonge viwili mara tatu kwa siku kwa siku 5", ":2~ tablet | :3~ time/day | :5~ day"),
            ("mg 500 kila saa 8", ":500~ mg | :8~ every-hour"),
            (
                "deux comprimés toutes les 6 heures pendant 3 jours",
                ":2~ tablet | :6~ every-hour | :3~ day",
            ),
            ("une cuillère à café", ":1~ teaspoon"),
            ("38,5 °C", ":38.5~ degree"),
            ("once signs begin", ""),
        ] {
            assert_eq!(keys(text), key, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,120}") {
            quantities(&tokens(&text));
        }

        #[test]
        fn quantities_never_overlap(text in "([0-9½/.,-]{1,4}|mg|kwa|siku|a|every|twice|half|per|day| ){0,30}") {
            let tokens = tokens(&text);
            let mut end = 0;
            for quantity in quantities(&tokens) {
                prop_assert!(quantity.whole.start >= end && quantity.whole.end <= tokens.len());
                prop_assert!(quantity.whole.start <= quantity.tokens.start);
                end = quantity.whole.end;
            }
        }
    }
}
