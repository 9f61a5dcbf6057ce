//! The judged questions of `tests/golden/answers`, and properties of the guard.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn language(code: &str) -> Language {
    Language::parse(code).unwrap()
}

fn lines(name: &str) -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/answers/");
    let text = std::fs::read_to_string(format!("{folder}{name}")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The words of the knowledge that comes with the box.
fn vocabulary() -> HashSet<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../store/knowledge/");
    let mut words = HashSet::new();
    for name in ["starter-en", "clinic-en", "school-en"] {
        let text = std::fs::read_to_string(format!("{folder}{name}.jsonl")).unwrap();
        let lowered = text.to_lowercase();
        words.extend(lowered.split(|c: char| !c.is_alphabetic()).map(str::to_owned));
    }
    words
}

struct Pair {
    id: String,
    known: String,
    asked: String,
    same: bool,
    differs: String,
    held_out: bool,
}

fn pairs(name: &str, same: Option<bool>) -> Vec<Pair> {
    let text = |line: &Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
    let line = |line: Value| Pair {
        id: text(&line, "id"),
        known: text(&line, "known"),
        asked: text(&line, "asked"),
        same: same.unwrap_or_else(|| line["same"].as_bool().unwrap()),
        differs: text(&line, "differs"),
        held_out: line["held_out"].as_bool().unwrap(),
    };
    lines(name).into_iter().map(line).collect()
}

fn both_ways(pair: &Pair, code: &str, words: &HashSet<String>) -> Verdict {
    let is_word = |word: &str| words.contains(word);
    let one = may_share_with(&pair.known, &pair.asked, &language(code), &is_word);
    let other = may_share_with(&pair.asked, &pair.known, &language(code), &is_word);
    assert_eq!(one, other, "{}", pair.id);
    one
}

/// All judged pairs with their language.
fn judged() -> Vec<(&'static str, Pair)> {
    let en = pairs("near_misses.jsonl", Some(false))
        .into_iter()
        .chain(pairs("near_hits.jsonl", Some(true)))
        .map(|pair| ("en", pair));
    let fr = pairs("near-fr.jsonl", None).into_iter().map(|pair| ("fr", pair));
    let sw = pairs("near-sw.jsonl", None).into_iter().map(|pair| ("sw", pair));
    en.chain(fr).chain(sw).collect()
}

#[test]
fn data_files_are_sound() {
    for (code, text) in [
        ("en", include_str!("../../guard/en.toml")),
        ("fr", include_str!("../../guard/fr.toml")),
        ("sw", include_str!("../../guard/sw.toml")),
    ] {
        let rules = Rules::parse(text).unwrap_or_else(|error| panic!("{code}: {error}"));
        assert!(rules.knows(if code == "sw" { "mtoto" } else { "paracetamol" }));
        assert!(rules_of(&language(code)).is_some());
    }
}

#[test]
fn open_lines_are_judged_right() {
    let words = vocabulary();
    let mut wrong = Vec::new();
    let mut missed: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (code, pair) in judged().iter().filter(|(_, pair)| !pair.held_out) {
        let verdict = both_ways(pair, code, &words);
        let shares = verdict == Verdict::Same;
        if pair.same {
            let count = missed.entry(code).or_default();
            count.0 += usize::from(shares);
            count.1 += 1;
        }
        if shares != pair.same {
            wrong.push(format!("{} {:?}: {} / {}", pair.id, verdict, pair.known, pair.asked));
        }
    }
    println!("{}", wrong.join("\n"));
    let false_hits = wrong.iter().filter(|line| line.contains(" Same:")).count();
    assert_eq!(false_hits, 0);
    for (code, (hits, all)) in missed {
        assert!(hits * 100 >= all * 85, "{code}: {hits} of {all} near hits are let through");
    }
}

/// Prints totals only: a held-out line is never named, so that none is tuned on.
#[test]
fn report() {
    let words = vocabulary();
    let mut table: BTreeMap<(&str, bool, bool, String), (usize, usize)> = BTreeMap::new();
    let mut held_out_false_hits = 0;
    for (code, pair) in &judged() {
        let shares = both_ways(pair, code, &words) == Verdict::Same;
        let classes = [String::new(), pair.differs.clone()];
        for class in classes.into_iter().take(if pair.same { 1 } else { 2 }) {
            let count = table.entry((code, pair.same, pair.held_out, class)).or_default();
            count.0 += usize::from(shares);
            count.1 += 1;
        }
        held_out_false_hits += usize::from(shares && !pair.same && pair.held_out);
    }
    for ((code, same, held_out, class), (shared, all)) in table {
        let which = if same { "near hits" } else { "near misses" };
        let part = if held_out { "held out" } else { "open" };
        let class = if class.is_empty() { "all".into() } else { class };
        println!("{code} {which:<11} {part:<8} {class:<17} shared {shared:>3} of {all:>3}");
    }
    assert_eq!(held_out_false_hits, 0);
}

#[test]
fn a_call_takes_less_than_a_millisecond() {
    let words = vocabulary();
    let judged = judged();
    let is_word = |word: &str| words.contains(word);
    let run = || {
        let started = Instant::now();
        for (code, pair) in &judged {
            let _ = may_share_with(&pair.known, &pair.asked, &language(code), &is_word);
        }
        started.elapsed() / u32::try_from(judged.len()).unwrap()
    };
    run();
    let fastest = (0..5).map(|_| run()).min().unwrap();
    println!("one call: {fastest:?}");
    // An unoptimised build may take longer.
    assert!(fastest.as_micros() < if cfg!(debug_assertions) { 20_000 } else { 1_000 });
}

fn share(code: &str, one: &str, other: &str) -> bool {
    let words = vocabulary();
    let is_word = |word: &str| words.contains(word);
    let verdict = may_share_with(one, other, &language(code), &is_word);
    assert_eq!(verdict, may_share_with(other, one, &language(code), &is_word));
    verdict == Verdict::Same
}

#[test]
fn who_does_what_to_whom_counts() {
    for (one, other) in [
        ("my child bit a dog", "a dog bit my child"),
        ("can HIV pass from mother to child", "can HIV pass from child to mother"),
        ("rabies from animals to people", "rabies to animals from people"),
        ("can malaria cause anaemia", "can anaemia cause malaria"),
        ("convert kg to pounds", "convert pounds to kg"),
        ("subtract 2 from 5", "subtract 5 from 2"),
        ("is ice heavier than water", "is water heavier than ice"),
        ("2 tablets 3 times a day", "3 tablets 2 times a day"),
        ("fever for 2 days and cough for 3 weeks", "fever for 3 weeks and cough for 2 days"),
        ("the mother is sick and the baby is well", "the baby is sick and the mother is well"),
        ("baby is not eating but drinking", "baby is eating but not drinking"),
        ("high blood sugar and low blood pressure", "low blood sugar and high blood pressure"),
        ("eat before taking the medicine", "take the medicine before eating"),
        ("stop eating and start drinking", "start eating and stop drinking"),
        ("wash first and then eat", "eat first and then wash"),
        ("change from aspirin to ibuprofen", "change from ibuprofen to aspirin"),
        ("Kenya is how far from Uganda by road", "how far by road is the lake from the sea"),
    ] {
        assert!(!share("en", one, other), "{one} / {other}");
    }
    assert!(!share("fr", "VIH de la mère à l'enfant", "VIH de l'enfant à la mère"));
}

#[test]
fn close_is_not_equal() {
    for (one, other) in [
        ("what is hypertension", "what is hypotension"),
        ("what is hypertension", "what is hipotension"),
        ("signs of an infection", "signs of an injection"),
        ("what is quinine for", "what is quinidine for"),
        ("dose of amoxicillin", "dose of ampicillin"),
        ("burn on the floor", "barn on the floor"),
        ("what is iron", "what is iron used for"),
        ("what is vitamin A", "what is vitamin C"),
        ("what is vitamin A", "what is a vitamin"),
        ("can I get malaria", "is it malaria"),
        ("can I take this pill", "should I take this pill"),
        ("signs of malaria", "how do I prevent malaria"),
        ("signs of malaria", "why do people get signs of malaria"),
        ("when did Ghana get independence", "where did Ghana get independence"),
        ("who is the president of Kenya", "who was the president of Kenya"),
        ("he has lower belly pain", "she has lower belly pain"),
        ("how do I turn on the radio", "how do I turn off the radio"),
        ("my left arm hurts", "my right arm hurts"),
        ("cough in a 2 week old baby", "cough for 2 weeks in a baby"),
        ("fever for more than 5 days", "fever for less than 5 days"),
        ("what is 5!", "what is 5"),
        ("what is 5! exactly", "what is 5 exactly"),
        ("what is 10² here", "what is 10 here"),
        ("what is -3 plus 4", "what is 3 plus 4"),
        ("what is 5*3 now", "what is 5/3 now"),
        ("what is 5 - 3", "what is 5 3"),
        ("what is 3x", "what is 3-x"),
        ("what is 1,000 by 2", "what is 1.000 by 2"),
        ("is 120/80 good", "is 1.5 good"),
        ("medicine for pain", "medicine for no pain"),
        ("is it good morning or night", "is it good evening or night"),
        ("how many people in Kenya", "how much in Kenya"),
        ("my son is coughing", "my daughter is coughing"),
        ("can I have another child", "can I have a child"),
        ("does she still bleed every month", "does she still bleed every week"),
        ("can all children eat fish", "can most children eat fish"),
        ("noun", "what is a noun"),
        ("arguments for vaccines", "arguments against vaccines"),
        ("what can I take for fever", "what else can I take for fever"),
        ("is it safe to travel to Mali", "is it safe to travel from Mali"),
        ("is fasting bad for the heart", "is feasting bad for the heart"),
    ] {
        assert!(!share("en", one, other), "{one} / {other}");
    }
    for (one, other) in [
        ("Mon bébé ne boit que du lait", "Mon bébé ne boit pas de lait"),
        ("Il a mal au ventre", "Elle a mal au ventre"),
        ("Prendre une fois par jour", "Prendre une fois par semaine"),
    ] {
        assert!(!share("fr", one, other), "{one} / {other}");
    }
}

#[test]
fn form_does_not_count() {
    for (one, other) in [
        ("half a tablet for a child", "1/2 tablet for a child"),
        ("½ cup of sugar for the drink", "0.5 cup of sugar for the drink"),
        ("give 5kg of maize", "give 5 kg of maize"),
        ("twenty five days of cough", "25 days of cough"),
        ("fever for 2 to 3 days", "fever for 2-3 days"),
        ("take it twice a day", "take it two times per day"),
        ("is 120 over 80 good", "is 120/80 good"),
        ("what shud i do 4 a burn", "what should i do 4 a burn"),
        ("Can she walk after the operation?", "After the operation, can she walk?"),
        ("is it safe to drink the water", "is the water safe to drink"),
        ("hw do i stop diarrhea pls", "How do I stop diarrhoea?"),
        ("what is the temprature of water", "what is the temperature of water"),
        ("Hello doctor, what is gout?", "what is gout"),
        ("Hi my baby is breathing fast", "my baby is breathing fast"),
        ("how do I sterilize a bottle", "how do i sterilise the bottle"),
    ] {
        assert!(share("en", one, other), "{one} / {other}");
    }
}

#[test]
fn other_languages_share_only_equal_keys() {
    for code in ["xh", "pt", "de"] {
        assert!(share(code, "Was ist Malaria?", "was ist  malaria"));
        assert!(!share(code, "Was ist Malaria?", "was ist bitte Malaria"));
    }
}

#[test]
fn what_differs_is_named() {
    for (one, other, what) in [
        ("cough for 2 days", "cough for 3 days", What::Number),
        ("give 5 ml of it", "give 5 mg of it", What::Unit),
        ("dose for a 2 year old", "dose for a 3 year old", What::Age),
        ("is it safe", "is it not safe", What::Negation),
        ("signs of cholera", "signs of measles", What::Disease),
        ("dose of zinc", "dose of aspirin", What::Drug),
        ("capital of Mali", "capital of Malawi", What::Place),
        ("eat before meals", "eat after meals", What::BeforeAfter),
        ("take it daily", "take it weekly", What::Frequency),
        ("how to cook rice", "why cook rice", What::Kind),
    ] {
        assert_eq!(may_share(one, other, &Language::english()), Verdict::Differs(what), "{one}");
    }
}

/// Questions of different entries have different answers, however close they are.
#[test]
fn entries_of_the_knowledge_stay_apart() {
    let words = vocabulary();
    let is_word = |word: &str| words.contains(word);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../store/knowledge/");
    let text = std::fs::read_to_string(format!("{folder}starter-en.jsonl")).unwrap();
    let mut asked: Vec<(String, String)> = Vec::new();
    for line in text.lines().skip(1) {
        let entry: Value = serde_json::from_str(line).unwrap();
        let id = entry["id"].as_str().unwrap();
        let phrasings = entry["phrasings"].as_array().unwrap().iter().take(2);
        for question in phrasings.chain([&entry["question"]]) {
            asked.push((id.to_owned(), question.as_str().unwrap().to_owned()));
        }
    }
    for (at, (id, one)) in asked.iter().enumerate() {
        for (_, other) in asked[at + 1..].iter().filter(|(its, _)| its != id) {
            let verdict = may_share_with(one, other, &Language::english(), &is_word);
            assert_ne!(verdict, Verdict::Same, "{one} / {other}");
        }
    }
}

/// Alternatives of which each changes the answer.
const SLOTS: [&[&str]; 9] = [
    &["How much", "Why", "When should I give", "Can I give", "Should I give"],
    &["paracetamol", "ibuprofen", "zinc", "amoxicillin", "quinine", "quinidine"],
    &["for a", "for a pregnant", "for a breastfeeding", "without a", "for an old"],
    &["man", "woman", "boy", "girl", "child", "baby", "mother"],
    &["of 2", "of 3", "of 12", "of 20"],
    &["weeks", "months", "years"],
    &["with malaria", "with measles", "with no malaria", "with high fever", "with low fever"],
    &["before meals", "after meals", "in the morning", "at night"],
    &["once a day", "twice a day", "every 6 hours", "every 8 hours", "weekly"],
];

fn filled(choice: &[usize]) -> String {
    let words: Vec<&str> =
        SLOTS.iter().zip(choice).map(|(slot, at)| slot[at % slot.len()]).collect();
    words.join(" ")
}

/// Small words that are read in special ways, in any order.
const SALAD: &str = "((not|no|2|1/2|½|-3|a|every|day|mother|from|to|mothr|what|do|,|before|one|\
    over|and|half|ne|pas|un|an|wiki|na|kumi|mbili|5!|year|old) ){0,12}";

proptest! {
    #[test]
    fn one_changed_slot_differs(
        choice in proptest::collection::vec(0..60_usize, SLOTS.len()),
        slot in 0..SLOTS.len(),
        step in 1..10_usize,
    ) {
        let mut changed = choice.clone();
        changed[slot] += 1 + step % (SLOTS[slot].len() - 1);
        let (one, other) = (filled(&choice), filled(&changed));
        let english = Language::english();
        let verdict = may_share(&one, &other, &english);
        prop_assert_ne!(verdict, Verdict::Same, "{} / {}", one, other);
        prop_assert_eq!(verdict, may_share(&other, &one, &english));
        let polite = format!("Please, {} thank you", one.to_uppercase());
        prop_assert_eq!(may_share(&one, &polite, &english), Verdict::Same, "{}", one);
    }

    #[test]
    fn any_two_texts_are_judged_alike_both_ways(one: String, other: String, code in "en|fr|sw|xx") {
        let language = language(&code);
        prop_assert_eq!(
            may_share(&one, &other, &language),
            may_share(&other, &one, &language)
        );
        prop_assert_eq!(may_share(&one, &one, &language), Verdict::Same);
    }

    #[test]
    fn word_salad_is_judged_alike_both_ways(
        one in SALAD,
        other in SALAD,
        code in "en|fr|sw",
    ) {
        let language = language(&code);
        prop_assert_eq!(
            may_share(&one, &other, &language),
            may_share(&other, &one, &language)
        );
    }
}

#[test]
fn hostile_texts_take_no_longer() {
    let texts = [
        "%".repeat(500),
        "a ".repeat(250),
        "abcde ".repeat(83),
        "1 ".repeat(250),
        "x1".repeat(250),
        (0..100).map(|n| format!("w{n} ")).collect::<String>(),
        (0..100).rev().map(|n| format!("w{n} ")).collect::<String>(),
        "infekshun ".repeat(50),
        "infection ".repeat(50),
    ];
    let mut worst = 0;
    for one in &texts {
        for other in &texts {
            // The fastest of some, since other programs run too.
            let run = |_| {
                let started = Instant::now();
                let _ = may_share(one, other, &Language::english());
                started.elapsed().as_micros()
            };
            let fastest = (0..4).map(run).min().unwrap();
            worst = worst.max(fastest);
        }
    }
    println!("slowest: {worst} us");
    assert!(worst < if cfg!(debug_assertions) { 500_000 } else { 10_000 });
}
