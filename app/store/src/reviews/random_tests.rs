//! Whatever people decide in whatever order, nothing unsafe is served.

use answer::review::{Decision, List, Reviewer, Target};
use proptest::prelude::*;

use super::tests::{ask, decide, has_dose, item, pack, reviewer, rules, store};
use crate::audit::By;
use crate::open::Store;

const QUESTIONS: [&str; 3] = ["one question", "another question", "third one"];

#[derive(Debug, Clone)]
enum Deed {
    Decide { reviewer: usize, target: usize, decision: Decision },
    Ask(usize),
    Forget,
    Load(bool),
}

fn deeds() -> impl Strategy<Value = Deed> {
    let text = prop_oneof![Just("Rest."), Just("Give 5 mg."), Just("Go to the clinic.")];
    let sms = prop::option::of(prop_oneof![Just("Rest"), Just("5 mg")]);
    let decision = prop_oneof![
        4 => Just(Decision::Approve),
        3 => (text, sms).prop_map(|(text, sms)| Decision::Edit {
            text: text.into(),
            sms: sms.map(Into::into)
        }),
        2 => Just(Decision::Withdraw { reason: "wrong".into() }),
        1 => Just(Decision::Reopen),
    ];
    prop_oneof![
        12 => (0..3_usize, 0..5_usize, decision)
            .prop_map(|(reviewer, target, decision)| Deed::Decide { reviewer, target, decision }),
        2 => (0..3_usize).prop_map(Deed::Ask),
        1 => Just(Deed::Forget),
        1 => any::<bool>().prop_map(Deed::Load),
    ]
}

fn target(store: &Store, number: usize) -> Option<Target> {
    let place =
        |sql: &str, value: &str| store.db.query_row(sql, [value], |row| row.get::<_, i64>(0)).ok();
    match number {
        0..3 => place("SELECT max(seq) FROM questions WHERE cache_key = ?1", QUESTIONS[number])
            .map(Target::Question),
        _ => place("SELECT id FROM passages WHERE entry_id = ?1", ["a", "b"][number - 3])
            .map(Target::Entry),
    }
}

fn number(store: &Store, sql: &str) -> i64 {
    store.db.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn nothing_unsafe(store: &Store) {
    for question in QUESTIONS {
        let checked = store.checked(question, "en").unwrap();
        if store.is_withdrawn(question, "en").unwrap() {
            assert_eq!(checked, None);
            let sql = format!("SELECT count(*) FROM cache WHERE key = '{question}'");
            // A later answer of the model may be there; the old one is not.
            assert!(number(store, &sql) <= 1);
        }
        let Some(checked) = checked else { continue };
        let dose = has_dose(&checked.answer.text) || checked.sms.as_deref().is_some_and(has_dose);
        assert!(!dose || checked.answer.check.unwrap().role.contains(", "));
    }
    assert_eq!(
        number(
            store,
            "SELECT count(*) FROM reviews WHERE state = 'approved'
             AND (instr(text, 'mg') OR instr(coalesce(sms, ''), 'mg'))
             AND (second_reviewer IS NULL OR second_reviewer = reviewer)"
        ),
        0
    );
    assert_eq!(
        number(
            store,
            "SELECT count(*) FROM passages WHERE reviewed_by IS NOT NULL AND instr(answer, 'mg')
             AND instr(reviewed_by, ', ') = 0"
        ),
        0
    );
    for (entry, word) in [("a", "alpha"), ("b", "beta")] {
        let sql = format!(
            "SELECT count(*) FROM search_entries WHERE search_entries MATCH '\"en:{word}\"'
             AND rowid IN (SELECT id FROM passages WHERE entry_id = '{entry}' AND withdrawn)"
        );
        assert_eq!(number(store, &sql), 0);
    }
    assert_eq!(
        number(store, "SELECT count(*) FROM near_checked"),
        number(
            store,
            "SELECT count(*) FROM reviews WHERE state = 'approved' AND kind = 'question'"
        )
    );
    for list in [List::Open, List::NeedsSecond, List::Unanswered, List::Entries, List::Decided] {
        let page = store.reviews(list, 0, &rules()).unwrap();
        assert_eq!(page.items.len(), page.total, "{list:?}");
        for listed in page.items {
            assert_eq!(item(store, listed.target), listed, "{list:?}");
        }
    }
    assert_eq!(
        number(store, "SELECT coalesce(sum(times), 0) FROM asked"),
        number(store, "SELECT count(*) FROM questions")
    );
    assert_eq!(store.verify_audit().unwrap(), Vec::<String>::new());
}

fn carry_out(store: &mut Store, people: &[Reviewer], deed: Deed, revision: usize) {
    match deed {
        Deed::Decide { reviewer, target: number, decision } => {
            if let Some(target) = target(store, number) {
                // Refusals are part of it.
                let _ = decide(store, &people[reviewer], target, decision);
            }
        }
        Deed::Ask(number) => {
            ask(store, "sms", QUESTIONS[number], Some("Take 5 mg of it."));
        }
        Deed::Forget => {
            store.add_running(2 * 86_400).unwrap();
            store.forget_old(1).unwrap();
        }
        Deed::Load(same) => {
            let text = if same { "Alpha." } else { "Alpha, 7 mg." };
            let revision = format!("{:04}-01", 2030 + revision);
            store.load(&pack(&revision, &[("a", text), ("b", "Beta.")])).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_decisions_is_unsafe(deeds in prop::collection::vec(deeds(), 1..24)) {
        let (_folder, mut store) = store();
        let people = ["nurse", "doctor", "teacher"].map(|role| reviewer(&mut store, role));
        store.load(&pack("2026-01", &[("a", "Alpha."), ("b", "Beta.")])).unwrap();
        ask(&store, "sms", QUESTIONS[0], Some("Rest."));
        ask(&store, "web", QUESTIONS[1], Some("Take 5 mg."));
        ask(&store, "sms", QUESTIONS[2], None);
        for (revision, deed) in deeds.into_iter().enumerate() {
            carry_out(&mut store, &people, deed, revision);
            nothing_unsafe(&store);
        }
        store.record(&By::default(), "end", "").unwrap();
        prop_assert_eq!(store.integrity_errors().unwrap(), Vec::<String>::new());
    }
}
