//! Doses: where a text has them, and whether an answer has only those of its passages.
//!
//! A dose is compared as it is written: 1 g is not 1000 mg and 0.5 g is not 500 mg, since a text
//! that converts is a text that may convert wrongly. Words and fractions of the same number are
//! equal ("half", 1/2, 0.5). What is in doubt goes.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use crate::grounding::everywhere;
use crate::grounding::quantity::{Class, Quantity, quantities};
use crate::grounding::token::{Kind, Phrases, Token, tokens};
use crate::limits::{GROUND_PASSAGES_MAX, GROUNDING_BYTES_MAX};
use crate::support::sentences;

/// An amount of a medicine, or how often or how long to take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dose {
    /// The number, in digits; the lower one of a range.
    pub low: String,
    /// The upper number of a range.
    pub high: Option<String>,
    /// English name of the unit, whatever the language: `mg`, `tablet`, `mg/kg`, `time/day`,
    /// `every-hour`, `day`.
    pub unit: String,
    /// Bytes of the text.
    pub span: Range<usize>,
}

/// Why a sentence was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doubt {
    /// No sentence of a passage has this number with this unit.
    NotInPassage(String),
    /// The passage says it of another medicine, or of a person of another age.
    OfAnother(String),
    /// The passage says these numbers of different cases.
    Apart(String),
}

/// What the dose guard left of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guarded {
    /// Places of the sentences that may stay.
    pub kept: Vec<usize>,
    /// Places of the others, each with the first doubt.
    pub removed: Vec<(usize, Doubt)>,
}

struct Lists {
    drugs: Phrases<()>,
    endings: Vec<&'static str>,
    ages: Phrases<()>,
    medicine: HashSet<&'static str>,
    durations: Phrases<()>,
}

static LISTS: LazyLock<Lists> = LazyLock::new(|| {
    let phrases = |name| everywhere("dose", name).map(|phrase| (phrase, ())).collect();
    Lists {
        drugs: phrases("drugs"),
        endings: everywhere("dose", "drug_endings").collect(),
        ages: phrases("ages"),
        medicine: everywhere("dose", "medicine_words").collect(),
        durations: phrases("for"),
    }
});

/// The doses of a text in English, French or Swahili, in order: numbers with a unit of medicine and,
/// where the text speaks of medicine, how often and how long. Reads the first
/// [`GROUNDING_BYTES_MAX`] bytes.
#[must_use]
pub fn doses(text: &str) -> Vec<Dose> {
    let text = &text[..text.floor_char_boundary(GROUNDING_BYTES_MAX)];
    let tokens = tokens(text);
    let all = quantities(&tokens);
    let medical = speaks_of_medicine(&tokens, &all);
    let of_medicine = |quantity: &&Quantity| match quantity.class {
        Some(Class::Medicine) => medical || quantity.unit.as_deref() != Some("percent"),
        Some(Class::Time) => medical && is_regimen(&tokens, quantity),
        Some(Class::Measure) | None => false,
    };
    all.iter()
        .filter(of_medicine)
        .map(|quantity| Dose {
            low: quantity.low.clone(),
            high: quantity.high.clone(),
            unit: quantity.unit.clone().unwrap_or_default(),
            span: tokens[quantity.tokens.start].span.start
                ..tokens[quantity.tokens.end - 1].span.end,
        })
        .collect()
}

/// Whether a text has a dose. Such a text needs two people to approve it.
#[must_use]
pub fn has_dose(text: &str) -> bool {
    !doses(text).is_empty()
}

fn speaks_of_medicine(tokens: &[Token], all: &[Quantity]) -> bool {
    let counted = |quantity: &Quantity| {
        quantity.class == Some(Class::Medicine) && quantity.unit.as_deref() != Some("percent")
    };
    all.iter().any(counted)
        || tokens.iter().enumerate().any(|(at, token)| {
            let water = matches!(token.norm.as_str(), "water" | "eau" | "maji");
            LISTS.medicine.contains(&*token.norm) || (!water && drug(tokens, at).is_some())
        })
}

/// How often, or for how long.
fn is_regimen(tokens: &[Token], quantity: &Quantity) -> bool {
    let unit = quantity.unit.as_deref().unwrap_or_default();
    unit.starts_with("time")
        || unit.starts_with("every-")
        || LISTS.durations.before(tokens, quantity.whole.start).is_some()
}

/// The name of a drug that starts at a token.
fn drug(tokens: &[Token], at: usize) -> Option<String> {
    const STEM_CHARS_MIN: usize = 3;
    if let Some((length, ())) = LISTS.drugs.at(tokens, at) {
        return Some(joined(&tokens[at..at + length]));
    }
    let token = tokens.get(at).filter(|token| token.kind == Kind::Word)?;
    let ends = LISTS.endings.iter().any(|ending| {
        token.norm.strip_suffix(ending).is_some_and(|s| s.chars().count() >= STEM_CHARS_MIN)
    });
    ends.then(|| token.norm.clone())
}

fn joined(tokens: &[Token]) -> String {
    tokens.iter().map(|token| token.norm.as_str()).collect::<Vec<_>>().join(" ")
}

/// A sentence as the guard reads it.
struct Read {
    quantities: Vec<Amount>,
    /// Names of drugs with their tokens.
    drugs: Vec<(usize, String)>,
    ages: Vec<(usize, String)>,
}

struct Amount {
    key: String,
    medicine: bool,
    /// Speaks of a person: months, years, kg.
    person: bool,
    token: usize,
    /// Part of the sentence between commas and semicolons.
    part: usize,
}

impl Read {
    fn of(sentence: &str) -> Self {
        let tokens = tokens(sentence);
        let found = quantities(&tokens);
        let part = |at: usize| tokens[..at].iter().filter(|token| token.kind == Kind::Stop).count();
        let counted = found.iter().filter(|quantity| quantity.unit.is_some());
        let amounts = counted.map(|quantity| {
            let unit = quantity.unit.as_deref().unwrap_or_default();
            Amount {
                key: quantity.key(),
                medicine: quantity.class == Some(Class::Medicine) || unit.starts_with("every-"),
                person: matches!(unit, "month" | "year" | "kg"),
                token: quantity.whole.start,
                part: part(quantity.whole.start),
            }
        });
        let age = |at: usize| LISTS.ages.at(&tokens, at).map(|(n, ())| joined(&tokens[at..at + n]));
        Self {
            quantities: amounts.collect(),
            drugs: (0..tokens.len()).filter_map(|at| Some((at, drug(&tokens, at)?))).collect(),
            ages: (0..tokens.len()).filter_map(|at| Some((at, age(at)?))).collect(),
        }
    }
}

/// The name nearest to a token.
fn nearest(names: &[(usize, String)], token: usize) -> Option<&str> {
    names.iter().min_by_key(|(at, _)| at.abs_diff(token)).map(|(_, name)| name.as_str())
}

/// The drug that a dose in a sentence is of: the nearest in it, else the last one before.
fn subject(sentences: &[Read], at: usize, token: usize) -> Option<&str> {
    nearest(&sentences[at].drugs, token).or_else(|| {
        let earlier = sentences[..at].iter().rev();
        earlier.flat_map(|read| read.drugs.last()).map(|(_, name)| name.as_str()).next()
    })
}

/// Takes out of an answer, given as its sentences, each one with a number and unit that no passage
/// has, or that a passage has of another medicine, another age or another case.
#[must_use]
pub fn guard(answer: &[&str], passages: &[&str]) -> Guarded {
    let passages: Vec<Vec<Read>> = passages
        .iter()
        .take(GROUND_PASSAGES_MAX)
        .map(|passage| sentences(passage, None).iter().map(|s| Read::of(&s.text)).collect())
        .collect();
    let answer: Vec<Read> = answer.iter().map(|sentence| Read::of(sentence)).collect();
    let mut guarded = Guarded::default();
    for at in 0..answer.len() {
        match judge(&answer, at, &passages) {
            None => guarded.kept.push(at),
            Some(doubt) => guarded.removed.push((at, doubt)),
        }
    }
    guarded
}

fn judge(answer: &[Read], at: usize, passages: &[Vec<Read>]) -> Option<Doubt> {
    for amount in &answer[at].quantities {
        let mut doubt = Doubt::NotInPassage(amount.key.clone());
        let mut stands = false;
        for passage in passages {
            for (place, sentence) in passage.iter().enumerate() {
                for other in sentence.quantities.iter().filter(|other| other.key == amount.key) {
                    match compare((answer, at, amount), (passage, place, other)) {
                        None => stands = true,
                        Some(found) => doubt = found,
                    }
                }
            }
        }
        if !stands {
            return Some(doubt);
        }
    }
    None
}

type Placed<'p> = (&'p [Read], usize, &'p Amount);

/// Whether the same number is said of the same thing.
fn compare((answer, at, ours): Placed<'_>, (passage, place, theirs): Placed<'_>) -> Option<Doubt> {
    let (sentence, other) = (&answer[at], &passage[place]);
    if ours.medicine {
        let (drug, known) =
            (subject(answer, at, ours.token), subject(passage, place, theirs.token));
        if drug != known && (drug.is_some() || !other.drugs.is_empty()) {
            return Some(Doubt::OfAnother(drug.unwrap_or_default().to_owned()));
        }
        let age = nearest(&sentence.ages, ours.token);
        if age != nearest(&other.ages, theirs.token) {
            return Some(Doubt::OfAnother(age.unwrap_or_default().to_owned()));
        }
        // A dose for an age or a weight does not stand without it.
        let mut persons = other.quantities.iter().filter(|q| q.person && q.part == theirs.part);
        if persons.any(|person| sentence.quantities.iter().all(|q| q.key != person.key)) {
            return Some(Doubt::Apart(ours.key.clone()));
        }
    }
    // Numbers of one part of a sentence stand in one part of the passage's sentence.
    let mut beside = sentence.quantities.iter().filter(|q| q.part == ours.part);
    let together = beside.all(|q| {
        q.token == ours.token
            || other.quantities.iter().any(|o| o.key == q.key && o.part == theirs.part)
    });
    if together { None } else { Some(Doubt::Apart(ours.key.clone())) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn units(text: &str) -> String {
        let show = |dose: Dose| match dose.high {
            Some(high) => format!("{}-{high} {}", dose.low, dose.unit),
            None => format!("{} {}", dose.low, dose.unit),
        };
        doses(text).into_iter().map(show).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn doses_are_found_in_three_languages() {
        for (text, found) in [
            ("Give 2-3 drops.", "2-3 drop"),
            ("Give a tablet twice a day for 5 days", "1 tablet, 2 time/day, 5 day"),
            ("15 mg/kg every 6 hours", "15 mg/kg, 6 every-hour"),
            ("100,000 IU of vitamin A", "100,000 iu"),
            ("0,5 ml", "0.5 ml"),
            ("Donnez deux comprimés par jour pendant 3 jours", "2 tablet/day, 3 day"),
            ("une demi cuillère à café", "0.5 teaspoon"),
            ("Mpe vidonge viwili mara tatu kwa siku kwa siku 5", "2 tablet, 3 time/day, 5 day"),
            ("half a sachet", "0.5 sachet"),
            ("Cool the burn for 20 minutes", ""),
            ("A child of 18 months, seen 3 times", ""),
            ("Air has 21 percent oxygen", ""),
            ("Wash hands for 20 seconds in 2024", ""),
        ] {
            assert_eq!(units(text), found, "{text}");
        }
    }

    #[test]
    fn spans_are_the_words_of_the_dose() {
        let text = "Give him 5 ml daily.";
        let dose = &doses(text)[0];
        assert_eq!(&text[dose.span.clone()], "5 ml daily");
    }

    const PASSAGE: &str = "Give an adult 1 g of paracetamol, and give a child of 2 years 250 mg of \
                           paracetamol. Give ORS 200 ml after each stool. Wait 20 minutes.";

    fn stays(sentence: &str) -> bool {
        guard(&[sentence], &[PASSAGE]).removed.is_empty()
    }

    #[test]
    fn a_dose_stands_as_the_passage_has_it() {
        assert!(stays("Give a child of 2 years 250 mg of paracetamol."));
        assert!(stays("Give an adult 1 g of paracetamol."));
        assert!(stays("Wait 20 minutes.") && stays("Go to the clinic."));
        for wrong in [
            "Give an adult 1000 mg of paracetamol.",
            "Give an adult 1 mg of paracetamol.",
            "Give a child of 2 years 1 g of paracetamol.",
            "Give an adult 250 mg of paracetamol.",
            "Give a child 250 mg of paracetamol.",
            "Give a child of 2 years 250 mg of ibuprofen.",
            "Give 250 mg of paracetamol.",
            "Give zinc 200 ml after each stool.",
            "Give ORS 200 ml and zinc 20 mg.",
            "Wait 20 hours.",
            "Wait 2.0 minutes.",
        ] {
            assert!(!stays(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_dose_is_of_the_medicine_named_before_it() {
        let passage = "Ask for zinc. Give 20 mg a day.";
        assert!(guard(&["Ask for zinc.", "Give 20 mg a day."], &[passage]).removed.is_empty());
        let moved = guard(&["Ask for aspirin.", "Give 20 mg a day."], &[passage]);
        assert_eq!(moved.kept, [0]);
        assert_eq!(moved.removed, [(1, Doubt::OfAnother("aspirin".into()))]);
    }

    #[test]
    fn every_entry_stands_on_itself_and_none_survives_another_number() {
        let packs = [
            include_str!("../../store/knowledge/starter-en.jsonl"),
            include_str!("../../store/knowledge/clinic-en.jsonl"),
        ];
        let (mut entries, mut with_dose, mut changed) = (0, Vec::new(), 0);
        let begun = std::time::Instant::now();
        for line in packs.iter().flat_map(|pack| pack.lines().skip(1)) {
            let entry: Value = serde_json::from_str(line).unwrap();
            let answer = entry["answer"].as_str().unwrap();
            let parts: Vec<_> = sentences(answer, None).into_iter().map(|s| s.text).collect();
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let guarded = guard(&parts, &[answer]);
            assert_eq!(guarded.removed, [], "{answer}");
            entries += 1;
            if has_dose(answer) {
                with_dose.push(entry["id"].as_str().unwrap().to_owned());
            }
            for part in parts {
                let tokens = tokens(part);
                for quantity in quantities(&tokens).iter().filter(|q| q.unit.is_some()) {
                    let at = quantity.tokens.clone().find(|&at| tokens[at].kind == Kind::Number);
                    let Some(at) = at else { continue };
                    let span = tokens[at].span.clone();
                    let wrong = format!("{}97{}", &part[..span.start], &part[span.end..]);
                    changed += 1;
                    assert_eq!(guard(&[&wrong], &[answer]).kept, [0; 0], "{wrong}");
                }
            }
        }
        println!("{entries} entries, {:?} a call", begun.elapsed() / (entries + changed));
        println!("{changed} changed numbers gone; {} with a dose: {with_dose:?}", with_dose.len());
    }

    proptest! {
        #[test]
        fn any_text_is_guarded(one: String, other: String) {
            for dose in doses(&one) {
                prop_assert!(one.get(dose.span).is_some());
            }
            let guarded = guard(&[&one, &other], &[&other]);
            prop_assert_eq!(guarded.kept.len() + guarded.removed.len(), 2);
        }

        #[test]
        fn another_number_never_stands(a in 1_u32..2000, b in 1_u32..2000, unit in "mg|ml|g|tablets|drops") {
            let (passage, answer) = (format!("Give {a} {unit}."), format!("Give {b} {unit}."));
            prop_assert_eq!(guard(&[&answer], &[&passage]).kept.len() == 1, a == b);
        }
    }
}
