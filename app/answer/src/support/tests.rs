//! The support check on the knowledge that the box carries, and on that knowledge changed.

use std::collections::BTreeMap;
use std::time::Instant;

use proptest::prelude::{any, prop_assert, proptest};
use serde_json::Value;

use super::*;

fn entries() -> Vec<(String, String)> {
    let packs = [
        include_str!("../../../store/knowledge/starter-en.jsonl"),
        include_str!("../../../store/knowledge/clinic-en.jsonl"),
        include_str!("../../../store/knowledge/school-en.jsonl"),
    ];
    let lines = packs.iter().flat_map(|pack| pack.lines().skip(1));
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap().to_owned();
    lines
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|entry| (text(&entry, "id"), text(&entry, "answer")))
        .collect()
}

fn english() -> Language {
    Language::english()
}

fn parts(text: &str) -> Vec<String> {
    let words = Words::of(&english());
    sentence::sentences(text, words).into_iter().map(|sentence| sentence.text).collect()
}

fn keeps(sentence: &str, passage: &str) -> Result<(), Reason> {
    let supported = check(sentence, &[passage], &english());
    match supported.removed.into_iter().next() {
        Some((_, reason)) => Err(reason),
        None => Ok(()),
    }
}

#[test]
fn every_entry_carries_itself() {
    let entries = entries();
    assert!(entries.len() > 300);
    let begun = Instant::now();
    for (id, answer) in &entries {
        let supported = check(answer, &[answer], &english());
        assert_eq!(supported.removed, [], "{id}");
        assert!(supported.missing_warnings.is_empty() && !supported.is_refused(), "{id}");
        assert_eq!(supported.text(), *answer, "{id}");
    }
    let each = begun.elapsed() / u32::try_from(entries.len()).unwrap();
    println!("own answers: {} entries, {each:?} a call", entries.len());
}

/// Every way to change a sentence that a test knows, with the name of its kind.
fn mutations(sentence: &str) -> Vec<(&'static str, String)> {
    let words: Vec<&str> = sentence.split(' ').collect();
    let mut found = Vec::new();
    let mut put = |kind, at: usize, word: &str| {
        let mut changed: Vec<&str> = words.clone();
        changed[at] = word;
        let changed = changed.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>();
        found.push((kind, changed.join(" ")));
    };
    for (at, &word) in words.iter().enumerate() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let swap = |other: &str| word.replacen(bare, other, 1);
        if let Ok(number) = bare.parse::<u64>() {
            for other in [number + 1, number * 10, number * 2, number.saturating_sub(1)] {
                if other != number {
                    put("number", at, &swap(&other.to_string()));
                }
            }
        }
        for (one, other) in UNITS {
            if bare == *one && at > 0 && before_counts(words[at - 1]) {
                put("unit", at, &swap(other));
            }
        }
        let lower = bare.to_lowercase();
        for (one, other) in NEGATIONS {
            if lower == *one {
                put("negation dropped", at, &swap(other));
            }
        }
        for (one, other) in ORDER {
            if lower == *one {
                put("before and after", at, &swap(other));
            }
        }
        for (one, other) in DIRECTIONS {
            if lower == *one {
                put("more and less", at, &swap(other));
            }
        }
        for (one, other) in NAMES {
            if lower == *one {
                put("name exchanged", at, &swap(other));
            }
        }
        if ["can", "may", "should", "must", "will", "is", "are"].contains(&&*lower)
            && at + 1 < words.len()
            && words[at + 1] != "not"
            && bare == word
        {
            put("negation added", at, &format!("{word} not"));
        }
    }
    let mut first = sentence.chars();
    if let Some(letter) = first.next()
        && IMPERATIVES.contains(&words[0])
    {
        let rest = first.as_str();
        found.push(("negation added", format!("Do not {}{rest}", letter.to_lowercase())));
        found.push(("negation added", format!("Never {}{rest}", letter.to_lowercase())));
    }
    if let Some(rest) = sentence.strip_prefix("Do not ") {
        let mut rest = rest.chars();
        if let Some(letter) = rest.next() {
            let rest = rest.as_str();
            found.push(("negation dropped", format!("{}{rest}", letter.to_uppercase())));
        }
    }
    found
}

fn before_counts(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    bare.parse::<f64>().is_ok() || ["one", "two", "a", "half", "level"].contains(&bare)
}

const UNITS: &[(&str, &str)] = &[
    ("minutes", "hours"),
    ("minute", "hour"),
    ("hours", "days"),
    ("hour", "day"),
    ("days", "weeks"),
    ("day", "week"),
    ("weeks", "months"),
    ("week", "month"),
    ("months", "years"),
    ("month", "year"),
    ("years", "months"),
    ("seconds", "minutes"),
    ("cm", "mm"),
    ("mm", "cm"),
    ("km", "m"),
    ("kg", "g"),
    ("teaspoons", "tablespoons"),
    ("teaspoon", "tablespoon"),
    ("litre", "ml"),
    ("litres", "ml"),
    ("metres", "km"),
    ("percent", "mg"),
];
const NEGATIONS: &[(&str, &str)] = &[
    ("not", ""),
    ("never", ""),
    ("no", ""),
    ("cannot", "can"),
    ("nothing", "something"),
    ("without", "with"),
    ("nor", "or"),
    ("nobody", "everybody"),
];
const ORDER: &[(&str, &str)] = &[("before", "after"), ("after", "before")];
const DIRECTIONS: &[(&str, &str)] = &[
    ("more", "less"),
    ("less", "more"),
    ("over", "under"),
    ("under", "over"),
    ("above", "below"),
    ("below", "above"),
    ("high", "low"),
    ("low", "high"),
    ("up", "down"),
    ("few", "many"),
    ("always", "rarely"),
    ("most", "few"),
    ("first", "last"),
];
const NAMES: &[(&str, &str)] = &[
    ("ors", "paracetamol"),
    ("zinc", "aspirin"),
    ("paracetamol", "morphine"),
    ("malaria", "measles"),
    ("measles", "cholera"),
    ("tb", "malaria"),
    ("hiv", "tetanus"),
    ("cholera", "typhoid"),
    ("tetanus", "rabies"),
    ("rabies", "polio"),
    ("pneumonia", "asthma"),
    ("diabetes", "epilepsy"),
    ("aspirin", "ibuprofen"),
    ("insulin", "iron"),
    ("condoms", "pills"),
    ("diarrhoea", "cough"),
    ("iron", "iodine"),
    ("oil", "water"),
    ("milk", "beer"),
    ("salt", "ash"),
    ("sugar", "salt"),
    ("child", "adult"),
    ("baby", "mother"),
    ("pregnant", "breastfeeding"),
    ("fever", "rash"),
];
const IMPERATIVES: &[&str] = &[
    "Give", "Go", "Wash", "Keep", "Put", "Press", "Cover", "Take", "Use", "Lay", "Rinse", "Let",
    "Stay", "Start", "Eat", "Wait", "Feed", "Cool", "Tie", "Rest", "Clean", "Drink", "Boil",
    "Move",
];

#[test]
fn changed_sentences_go() {
    let entries = entries();
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut survivors = Vec::new();
    for (at, (id, answer)) in entries.iter().enumerate() {
        let sentences = parts(answer);
        for sentence in &sentences {
            for (kind, changed) in mutations(sentence) {
                if sentences.contains(&changed) {
                    continue;
                }
                let (killed, all) = counts.entry(kind).or_default();
                *all += 1;
                match keeps(&changed, answer) {
                    Err(_) => *killed += 1,
                    Ok(()) => survivors.push(format!("{kind} | {id} | {changed}")),
                }
            }
        }
        // Sentences of other entries, near and far in the pack.
        for step in 1..=8 {
            let (other, foreign) = &entries[(at + step * step) % entries.len()];
            for sentence in parts(foreign).into_iter().filter(|s| !sentences.contains(s)) {
                let (killed, all) = counts.entry("foreign sentence").or_default();
                *all += 1;
                match keeps(&sentence, answer) {
                    Err(_) => *killed += 1,
                    Ok(()) => survivors.push(format!("foreign | {id} < {other} | {sentence}")),
                }
            }
        }
    }
    for survivor in &survivors {
        println!("{survivor}");
    }
    for (kind, (killed, all)) in &counts {
        println!("{kind}: {killed} of {all}, {:.4}", *killed as f64 / *all as f64);
    }
    for (kind, (killed, all)) in counts {
        let rate = killed as f64 / all as f64;
        let wanted = if kind == "foreign sentence" { 0.98 } else { 1.0 };
        assert!(rate >= wanted, "{kind}: {killed} of {all}");
    }
}

#[test]
fn reworded_sentences_are_told_from_false_ones() {
    let entries: BTreeMap<_, _> = entries().into_iter().collect();
    let lines = include_str!("../../../../tests/golden/answers/support.jsonl").lines();
    // [open, held out]: true kept, true removed, false kept.
    let mut counts = [[0_usize; 3]; 2];
    for line in lines {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| line[field].as_str().unwrap();
        let held_out = line["held_out"].as_bool().unwrap();
        let kept = keeps(text("sentence"), &entries[text("entry")]);
        let count = &mut counts[usize::from(held_out)];
        match (line["supported"].as_bool().unwrap(), &kept) {
            (true, Ok(())) => count[0] += 1,
            (true, Err(_)) => count[1] += 1,
            (false, Ok(())) => count[2] += 1,
            (false, Err(_)) => {}
        }
        if !held_out && line["supported"].as_bool() != Some(kept.is_ok()) {
            println!("{}: {} {kept:?}", text("id"), text("sentence"));
        }
    }
    for (name, [right, lost, wrong]) in ["open", "held out"].into_iter().zip(counts) {
        println!("{name}: kept {right} of {} true, {wrong} false", right + lost);
    }
    let [open, _] = counts;
    assert_eq!(open[2], 0);
    assert!(open[0] * 100 >= 70 * (open[0] + open[1]));
}

#[test]
fn what_goes_and_why() {
    let passage = "Give small sips of ORS often. Do not give milk, oil or beer. Give nothing to eat.                    If the child vomits, wait 10 minutes. Go to the clinic now.";
    let why = |sentence| keeps(sentence, passage).unwrap_err();
    assert_eq!(why("Give milk."), Reason::Negation("give".into()));
    assert_eq!(why("Give small sips of beer."), Reason::NotInPassage("beer".into()));
    assert_eq!(why("If the child vomits, wait 10 hours."), Reason::Exchanged("hours".into()));
    assert_eq!(why("If it vomits, wait 9 minutes."), Reason::Number(":9~ minute".into()));
    assert_eq!(why("Wait 10 minutes."), Reason::Condition);
    assert_eq!(why("Do it."), Reason::NothingToCompare);
    assert_eq!(keeps("Don\u{2019}t give oil or milk.", passage), Ok(()));
}

#[test]
fn lists_are_read_with_their_introduction() {
    let passage = "Do not give milk or oil. Give water often. Go to the clinic now.";
    let answer = "Do not give:\n- milk\n- oil\nGive:\n1. water\n2. milk";
    let supported = check(answer, &[passage], &english());
    assert_eq!(supported.text(), "Do not give:\n- milk\n- oil Give:\n1. water");
    assert_eq!(supported.removed[0].0.text, "2. milk");
    assert_eq!(supported.missing_warnings, ["Go to the clinic now."]);
    assert!(!supported.is_refused());
}

#[test]
fn a_sentence_does_not_lean_on_one_that_went() {
    let passage = "Wash the wound. Give paracetamol. It helps the pain.";
    let answer = "Wash the wound. Give aspirin. It helps pain.";
    let supported = check(answer, &[passage], &english());
    assert_eq!(supported.removed[1].1, Reason::Leans);
}

#[test]
fn what_has_no_ground_is_refused() {
    let supported = check("Drink tea. Sing a song.", &["Wash your hands."], &english());
    assert!(supported.is_refused() && supported.text().is_empty());
    assert!(check("", &["Wash."], &english()).is_refused());
    assert!(check("Wash.", &[], &english()).is_refused());
}

#[test]
fn a_language_without_data_keeps_quotes_only() {
    let amharic = Language::parse("am").unwrap();
    let passage = "እጅዎን በሳሙና ይታጠቡ። ውሃ ይጠጡ። አሁን ወደ ክሊኒክ ይሂዱ።";
    let supported = check("ውሃ ይጠጡ። ሳሙና ይጠጡ።", &[passage], &amharic);
    assert_eq!(supported.text(), "ውሃ ይጠጡ።");
    assert_eq!(supported.removed[0].1, Reason::NotQuoted);
    assert_eq!(supported.missing_warnings.len(), 2);
}

#[test]
fn french_and_swahili_are_compared() {
    let french = Language::parse("fr").unwrap();
    let passage =
        "Ne donnez pas de lait à l'enfant. Donnez de l'eau propre. Allez au centre de santé.";
    let kept = |answer| check(answer, &[passage], &french).kept.len();
    assert_eq!(kept("Donnez de l\u{2019}eau propre."), 1);
    assert_eq!(kept("Ne donnez pas de lait."), 1);
    assert_eq!(kept("Donnez du lait à l'enfant."), 0);
    assert_eq!(kept("Ne donnez pas d'eau propre."), 0);
    let swahili = Language::parse("sw").unwrap();
    let passage = "Mpe mtoto maji safi mara 3 kwa siku. Usimpe maziwa. Nenda kituo cha afya.";
    let kept = |answer| check(answer, &[passage], &swahili).kept.len();
    assert_eq!(kept("Mpe mtoto maji safi."), 1);
    assert_eq!(kept("Usimpe mtoto maji safi."), 0);
    assert_eq!(kept("Mpe maziwa."), 0);
    assert_eq!(kept("Mpe mtoto maji safi mara 2 kwa siku."), 0);
}

#[test]
fn long_texts_end() {
    let long = "give water and milk, ".repeat(20_000);
    let begun = Instant::now();
    let _ = check(&long, &[&long], &english());
    let many = "If it is 5 mg, do not go. ".repeat(2_000);
    let _ = check(&many, &[&many, &long], &english());
    println!("the longest texts: {:?}", begun.elapsed());
}

proptest! {
    #[test]
    fn any_text_is_checked(answer: String, passage: String, tag in "en|fr|sw|am") {
        let language = Language::parse(&tag).unwrap();
        let supported = check(&answer, &[&passage], &language);
        prop_assert!(supported.kept.iter().all(|sentence| !sentence.text.is_empty()));
    }

    #[test]
    fn sentences_of_words_are_checked(
        answer in "([Gg]ive|not|if|before|5 mg|milk|[.,;:]|and|more|\n|- | ){0,40}",
        passage in "([Gg]ive|not|if|before|5 mg|milk|[.,;:]|and|more|\n|- | ){0,40}",
        twice in any::<bool>(),
    ) {
        let passages = if twice { vec![&*passage, &*answer] } else { vec![&*passage] };
        let supported = check(&answer, &passages, &english());
        prop_assert!(!twice || supported.removed.iter().all(|(s, _)| s.intro.is_some()
            || s.text.ends_with(':') || sense::spelled(&s.text).is_empty()
            || matches!(supported.removed[0].1, Reason::NothingToCompare)));
    }
}
