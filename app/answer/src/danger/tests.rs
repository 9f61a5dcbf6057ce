//! The embedded rules, their own examples, and the evaluation in `tests/golden/answers`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, iter};

use proptest::prelude::*;
use serde_json::Value;

use super::{RuleError, Rules, Severity};
use crate::limits::{DANGER_SMS_SEPTETS_MAX, DANGER_WORDS_MAX};
use crate::question::Language;

/// Rules that every language must have at least.
const RULES_MIN: usize = 45;

/// Share of harmless sentences that may raise something. More, and people stop reading.
const FALSE_ALARMS_MAX: f64 = 0.05;

fn language(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

fn ids(text: &str, tag: &str) -> Vec<&'static str> {
    Rules::embedded().check(text, &language(tag)).iter().map(|hit| hit.rule()).collect()
}

#[test]
fn every_language_has_the_rules() {
    let rules = Rules::embedded();
    assert!(rules.ids().count() >= RULES_MIN);
    let languages: Vec<&str> = rules.versions().map(|(language, _)| language).collect();
    assert_eq!(languages, ["en", "fr", "sw"]);
    assert!(rules.versions().all(|(_, version)| version >= 1));
}

#[test]
fn every_example_does_what_it_should() {
    let failed = Rules::embedded().failing_examples();
    let mut report = String::new();
    for example in &failed {
        let wanted = if example.should_raise { "must raise it" } else { "must raise nothing" };
        let _ = writeln!(
            report,
            "{} {}: `{}` {wanted}, raised {:?}",
            example.language, example.rule, example.text, example.raised
        );
    }
    assert!(failed.is_empty(), "{report}");
}

/// What one part of the evaluation came to.
#[derive(Debug, Default)]
struct Score {
    dangers: usize,
    found: usize,
    expected_rule: usize,
    harmless: usize,
    alarms: usize,
}

impl Score {
    fn recall(&self) -> f64 {
        self.found as f64 / self.dangers as f64
    }

    fn false_alarms(&self) -> f64 {
        self.alarms as f64 / self.harmless as f64
    }

    fn add(&mut self, line: &Value, tag: &str, report: &mut String) {
        let text = line["text"].as_str().unwrap();
        let expected: Vec<&str> =
            line["expect"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        let raised = ids(text, tag);
        if expected.is_empty() {
            self.harmless += 1;
            self.alarms += usize::from(!raised.is_empty());
        } else {
            self.dangers += 1;
            self.found += usize::from(!raised.is_empty());
            self.expected_rule += usize::from(raised.iter().any(|id| expected.contains(id)));
        }
        // Nobody looks at the sentences held out; the others may be learnt from.
        let wrong = expected.is_empty() != raised.is_empty();
        if wrong && !line["held_out"].as_bool().unwrap() {
            let _ = writeln!(report, "  {tag}: `{text}` expects {expected:?}, raised {raised:?}");
        }
    }
}

fn golden(file: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/answers");
    let text = fs::read_to_string(folder.join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Prints recall and false alarms of one file, what was tuned on and what was held out apart.
fn evaluate(file: &str, tag: &str) -> (Score, Score) {
    let mut report = String::new();
    let (mut tuned, mut held_out) = (Score::default(), Score::default());
    for line in golden(file) {
        let held = line["held_out"].as_bool().unwrap();
        let score = if held { &mut held_out } else { &mut tuned };
        score.add(&line, tag, &mut report);
    }
    for (part, score) in [("tuned", &tuned), ("held out", &held_out)] {
        if score.dangers > 0 {
            println!(
                "{file}, {part}: recall {}/{} ({:.3}), the expected rule {}/{}, false alarms \
                 {}/{} ({:.3})",
                score.found,
                score.dangers,
                score.recall(),
                score.expected_rule,
                score.dangers,
                score.alarms,
                score.harmless,
                score.false_alarms()
            );
        }
    }
    print!("{report}");
    (tuned, held_out)
}

#[test]
fn golden_sentences() {
    for tag in ["en", "fr", "sw"] {
        let (tuned, held_out) = evaluate(&format!("danger-{tag}.jsonl"), tag);
        for score in [tuned, held_out] {
            assert_eq!(score.found, score.dangers, "{tag}: a danger was missed");
            assert!(score.false_alarms() < FALSE_ALARMS_MAX, "{tag}: {score:?}");
        }
    }
}

#[test]
fn golden_examples_are_not_those_of_the_rules() {
    let plain = |text: &str| super::text::raw_words(text).join(" ");
    for tag in ["en", "fr", "sw"] {
        let mut examples: BTreeSet<String> = Rules::embedded().examples(tag).map(plain).collect();
        let file = format!("danger/examples-{tag}.txt");
        let learned = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let learned = learned.lines().filter_map(|line| line.get(1..));
        examples.extend(learned.map(plain));
        for set in ["", "-fresh", "-fresh2", "-fresh3", "-fresh4"] {
            for line in golden(&format!("danger{set}-{tag}.jsonl")) {
                let text = line["text"].as_str().unwrap();
                assert!(!examples.contains(&plain(text)), "{tag}: {text}");
            }
        }
    }
}

#[test]
fn what_is_learned_raises_the_general_rule_and_drops_all_but_the_most_urgent() {
    let english = language("en");
    let rules = || Rules::load(&[("en", include_str!("../../danger/en.toml"))]).unwrap();
    let raised = |rules: &Rules, text: &str| -> Vec<Severity> {
        rules.check(text, &english).iter().map(|hit| hit.severity()).collect()
    };
    let (unnamed, hours, minutes) =
        ("the zorb flibbed grandly", "my neighbour's dog bit me", "a snake bit me");
    let plain = rules();
    assert!(raised(&plain, unnamed).is_empty());
    assert!(!raised(&plain, hours).is_empty());
    assert!(raised(&plain, hours).iter().all(|severity| *severity != Severity::Minutes));
    assert!(raised(&plain, minutes).contains(&Severity::Minutes));
    // Said so often, whatever the rules' own examples say.
    let lines = format!("+ {unnamed}\n- {hours}\n- {minutes}\n").repeat(50);
    let learned = rules().learn(&[("x", &lines)]).unwrap();
    let hits = learned.check(unnamed, &english);
    assert_eq!(hits.iter().map(|hit| hit.rule()).collect::<Vec<_>>(), ["emergency"]);
    assert!(raised(&learned, hours).is_empty());
    assert_eq!(raised(&learned, minutes), [Severity::Minutes]);
}

#[test]
fn malformed_examples_are_refused_by_line() {
    let rules = || Rules::load(&[("en", include_str!("../../danger/en.toml"))]).unwrap();
    assert!(rules().learn(&[("x", "# remark\n\n+ a snake bit me\n- what is rain\n")]).is_ok());
    for wrong in ["+ good\nno sign", "+ good\n* other"] {
        let error = rules().learn(&[("x", wrong)]).unwrap_err();
        assert_eq!(error.file, "x");
        assert!(error.reason.contains("line 2"), "{error}");
    }
    assert!(Rules::load(&[]).unwrap().learn(&[]).is_ok());
}

#[test]
fn any_language_counts_on_any_page() {
    for (text, rule, words) in [
        ("I don't want to live any more", "suicide", "en"),
        ("i want to kil myself", "suicide", "en"),
        ("my baby is not sucking and is cold", "newborn", "en"),
        ("amekunywa sumu", "poison", "sw"),
        ("mon enfant convulse", "convulsions", "fr"),
    ] {
        for page in ["en", "fr", "sw", "de"] {
            let hits = Rules::embedded().check(text, &language(page));
            let hit = hits.iter().find(|hit| hit.rule() == rule).expect(text);
            assert_eq!(hit.language(), words, "{text} on a page in {page}");
        }
    }
}

#[test]
fn the_most_urgent_comes_first() {
    let text = "my pregnant wife convulses, blood in her stool, and a dog bit her last week";
    let hits = Rules::embedded().check(text, &language("en"));
    assert!(hits.len() >= 3);
    assert!(hits.is_sorted_by_key(|hit| hit.severity()));
    assert_eq!(hits[0].severity(), Severity::Minutes);
    let distinct: BTreeSet<&str> = hits.iter().map(|hit| hit.rule()).collect();
    assert_eq!(distinct.len(), hits.len());
}

#[test]
fn texts_have_room_for_the_card() {
    let hits = Rules::embedded().check("a snake bit me", &language("en"));
    let hit = hits[0];
    assert!(hit.referral(Some("Kituo cha Afya, 0700")).ends_with("Kituo cha Afya, 0700"));
    assert!(!hit.referral(None).contains('{'));
    assert!(hit.sms().len() <= DANGER_SMS_SEPTETS_MAX);
    assert!(!hit.source().is_empty() && !hit.reviewed() && hit.version() >= 1);
}

#[test]
fn what_is_denied_is_no_danger() {
    for (text, tag) in [
        ("he has no convulsions", "en"),
        ("there is no sign of any heavy bleeding", "en"),
        ("no fever or convulsions since monday", "en"),
        ("she never vomits blood", "en"),
        ("pas de sang dans les selles", "fr"),
        ("elle ne saigne pas", "fr"),
        ("hana degedege wala homa", "sw"),
        ("hakuna damu kwenye choo", "sw"),
    ] {
        assert_eq!(ids(text, tag), Vec::<&str>::new(), "{text}");
    }
    for (text, tag, rule) in [
        ("he can not stop bleeding", "en", "severe-bleeding"),
        ("not only fever but convulsions", "en", "convulsions"),
        ("I do not know what to do, a snake bit me", "en", "snake-bite"),
        ("she is not well and convulses", "en", "convulsions"),
        ("il n'arrête pas de saigner", "fr", "severe-bleeding"),
        ("hawezi kupumua", "sw", "not-breathing"),
    ] {
        assert!(ids(text, tag).contains(&rule), "{text}: {:?}", ids(text, tag));
    }
}

#[test]
fn an_answer_must_send_people_to_care() {
    let rules = Rules::embedded();
    let english = language("en");
    let bare = "A snake bite should be washed. Keep the bitten leg still.";
    let hits = rules.missing_referrals(bare, &english);
    assert!(hits.iter().any(|hit| hit.rule() == "snake-bite"));
    for referring in [
        "A snake bite: keep the leg still and go to the nearest hospital now.",
        "For a snake bite, take the person to a health facility at once.",
    ] {
        assert!(rules.missing_referrals(referring, &english).is_empty(), "{referring}");
        assert!(rules.refers(referring, &english));
    }
    let denying = "A snake bite heals by itself, there is no need to go to the hospital.";
    assert!(!rules.missing_referrals(denying, &english).is_empty());
    assert!(rules.missing_referrals("Plants make sugar from light.", &english).is_empty());
    for (text, tag) in [
        ("Morsure de serpent : immobilisez la jambe et allez à l'hôpital.", "fr"),
        ("Kuumwa na nyoka: mtulize na umpeleke hospitali haraka.", "sw"),
    ] {
        assert!(rules.refers(text, &language(tag)), "{text}");
    }
}

#[test]
fn referral_texts_refer() {
    let rules = Rules::embedded();
    for tag in ["en", "fr", "sw"] {
        let mut texts = rules.referrals(tag);
        texts.retain(|text| !rules.refers(text, &language(tag)));
        assert!(texts.is_empty(), "{tag}: {texts:#?}");
    }
}

/// The English file with one part replaced.
fn changed(from: &str, to: &str) -> RuleError {
    let toml = include_str!("../../danger/en.toml");
    assert!(toml.contains(from), "{from}");
    Rules::load(&[("en", &toml.replacen(from, to, 1))]).unwrap_err()
}

#[test]
fn malformed_rules_are_refused_by_name() {
    let field = |error: &RuleError| error.field.clone().unwrap_or_default();
    for (from, to, wanted) in [
        ("severity = \"minutes\"", "severity = \"soon\"", "severity"),
        ("id = \"not-breathing\"", "id = \"not breathing\"", "id"),
        ("id = \"choking\"", "id = \"not-breathing\"", "id"),
        (" {card}\"", "\"", "referral"),
        ("sms = \"DANGER.", "sms = \"DANGER\u{2014}", "sms"),
        (
            "sms = \"DANGER.",
            "sms = \"DANGER. DANGER. DANGER. DANGER. DANGER. DANGER. DANGER. ",
            "sms",
        ),
        ("\"chok*|", "\"Chok*|", "patterns"),
        ("source = ", "sources = ", "source"),
    ] {
        let error = changed(from, to);
        assert_eq!(field(&error), wanted, "{error}");
        assert_eq!(error.file, "en");
        assert!(error.rule.is_some(), "{error}");
        assert!(error.to_string().contains(wanted), "{error}");
    }
    assert_eq!(field(&changed("version = 3", "version = 0")), "version");
    assert_eq!(field(&changed("language = \"en\"", "language = \"fr\"")), "language");
    assert_eq!(field(&changed("[words]", "[words]\ncolour = \"red\"")), "words.colour");
    let broken = Rules::load(&[("en", "language = ")]).unwrap_err();
    assert_eq!((broken.rule, broken.field), (None, None));
    assert!(broken.reason.contains("not TOML"));
}

#[test]
fn languages_must_agree() {
    let english = include_str!("../../danger/en.toml");
    let other = english.replacen("language = \"en\"", "language = \"xx\"", 1).replacen(
        "id = \"choking\"",
        "id = \"chokes\"",
        1,
    );
    let error = Rules::load(&[("en", english), ("xx", &other)]).unwrap_err();
    assert_eq!((error.file.as_str(), error.rule.as_deref()), ("xx", Some("chokes")));
}

#[test]
fn a_text_of_any_length_ends() {
    for word in ["not ", "blood ", "snake bit ", "not blood stop ", "damu hakuna ", "homework "] {
        let text: String = iter::repeat_n(word, 2 * DANGER_WORDS_MAX).collect();
        let _ = ids(&text, "en");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_panics(text: String) {
        let _ = ids(&text, "en");
        let _ = Rules::embedded().missing_referrals(&text, &language("sw"));
    }

    #[test]
    fn no_salad_of_our_own_words_panics(seed in proptest::collection::vec(0_usize..10_000, 1..60)) {
        let examples: Vec<&str> = Rules::embedded().examples("sw").collect();
        let words: Vec<&str> = examples.iter().flat_map(|text| text.split(' ')).collect();
        let text: Vec<&str> = seed.iter().map(|at| words[at % words.len()]).collect();
        let _ = ids(&text.join(" "), "sw");
    }

    #[test]
    fn case_and_punctuation_do_not_count(
        at in 0_usize..10_000,
        upper: bool,
        between in prop::sample::select(vec![" ", ", ", "... ", " - ", "!!! ", "\n", " ?", "\u{a0}"]),
        end in prop::sample::select(vec!["", ".", "!!!", " ???", "\u{2026}"]),
    ) {
        for tag in ["en", "fr", "sw"] {
            let examples: Vec<&str> = Rules::embedded().examples(tag).collect();
            let text = examples[at % examples.len()];
            let changed = format!("{}{end}", text.replace(' ', between));
            let changed = if upper { changed.to_uppercase() } else { changed };
            prop_assert_eq!(ids(text, tag), ids(&changed, tag), "{}", changed);
        }
    }
}
