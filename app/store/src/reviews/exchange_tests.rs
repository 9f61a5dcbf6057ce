use answer::review::{Decision, List, ReviewError, Reviewer, Target};

use super::tests::{ask, decide, pack, reviewer, rules, store};
use super::{ImportReport, version_of};
use crate::audit::By;
use crate::open::Store;
use crate::signature::{BoxKey, join_signed};

/// A box with its key and two people.
struct Site {
    _folder: tempfile::TempDir,
    store: Store,
    key: BoxKey,
    people: [Reviewer; 2],
}

impl Site {
    fn new() -> Self {
        let (folder, mut store) = store();
        let key = BoxKey::open(folder.path()).unwrap();
        let people = ["nurse", "doctor"].map(|role| reviewer(&mut store, role));
        Self { _folder: folder, store, key, people }
    }

    fn trusts(&mut self, other: &Site, name: &str) {
        self.store.trust_key(other.key.public_key(), name, &By::default()).unwrap();
    }

    fn decide(&mut self, question: &str, decision: Decision) {
        let seq = ask(&self.store, "web", question, Some("Rest."));
        decide(&mut self.store, &self.people[0], Target::Question(seq), decision).unwrap();
    }

    fn export(&mut self) -> Vec<u8> {
        let (key, by) = (&self.key, By::default());
        self.store.export_reviews(&key.id(), &|bytes| key.sign(bytes), &by).unwrap()
    }

    fn import(&mut self, bytes: &[u8]) -> Result<ImportReport, ReviewError> {
        self.store.import_reviews(bytes, &rules(), &By::default())
    }

    fn served(&self, question: &str) -> Option<String> {
        self.store.checked(question, "en").unwrap().map(|checked| checked.answer.text)
    }
}

fn edit(text: &str) -> Decision {
    Decision::Edit { text: text.into(), sms: None }
}

fn withdraw() -> Decision {
    Decision::Withdraw { reason: "wrong".into() }
}

fn counts(report: &ImportReport) -> [usize; 5] {
    [report.new, report.same, report.older, report.conflicts, report.other_text]
}

#[test]
fn what_one_box_serves_another_serves() {
    let (mut from, mut to) = (Site::new(), Site::new());
    to.trusts(&from, "district");
    let texts = [("star", "Gas."), ("moon", "Rock."), ("sun", "Hot.")];
    from.store.load(&pack("2026-01", &texts)).unwrap();
    to.store.load(&pack("2026-01", &texts[..2])).unwrap();
    from.decide("approved", Decision::Approve);
    from.decide("edited", edit("Go to the clinic."));
    from.decide("withdrawn", withdraw());
    let seq = ask(&from.store, "web", "dose", Some("5 mg."));
    for place in [0, 1] {
        let person = from.people[place].clone();
        decide(&mut from.store, &person, Target::Question(seq), Decision::Approve).unwrap();
    }
    from.decide("half", edit("7 mg."));
    for (place, decision) in [(1, edit("Plasma.")), (2, withdraw()), (3, Decision::Approve)] {
        let person = from.people[0].clone();
        decide(&mut from.store, &person, Target::Entry(place), decision).unwrap();
    }
    let file = from.export();
    ask(&to.store, "web", "withdrawn", Some("Rest."));
    let report = to.import(&file).unwrap();
    assert_eq!((report.from.as_str(), counts(&report)), ("district", [7, 0, 0, 0, 0]));
    for question in ["approved", "edited", "withdrawn", "dose", "half"] {
        let checked = |site: &Site| site.store.checked(question, "en").unwrap();
        assert_eq!(checked(&to), checked(&from), "{question}");
    }
    assert_eq!(to.served("dose").as_deref(), Some("5 mg."));
    assert!(to.store.is_withdrawn("withdrawn", "en").unwrap());
    let near = |site: &Site| site.store.checked_candidates("edited", "en", 3).unwrap();
    assert_eq!(near(&to), near(&from));
    // The third entry's pack comes later.
    to.store.load(&pack("2026-02", &texts)).unwrap();
    let entries = |site: &Site| -> Vec<(String, Option<String>, bool)> {
        let sql = "SELECT answer, reviewed_by, withdrawn FROM passages ORDER BY entry_id";
        let mut statement = site.store.db.prepare(sql).unwrap();
        let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    };
    assert_eq!(entries(&to), entries(&from));
    assert_eq!(counts(&to.import(&file).unwrap()), [0, 7, 0, 0, 0]);
    assert_eq!(to.store.verify_audit().unwrap(), Vec::<String>::new());
    let line = &to.store.audit(0).unwrap().items[0];
    assert!(line.action == "import" && line.what.contains("district"), "{line:?}");
}

#[test]
fn no_damaged_file_is_taken_in() {
    let (mut from, mut to) = (Site::new(), Site::new());
    to.trusts(&from, "district");
    from.decide("one", Decision::Approve);
    from.decide("two", withdraw());
    let file = from.export();
    // The comment that nobody signs is the one place where damage does not matter.
    let text = String::from_utf8(file.clone()).unwrap();
    let comment = text.find("untrusted comment: ").unwrap();
    let comment = comment..comment + text[comment..].find("\\n").unwrap();
    for place in 0..file.len() - 1 {
        let mut damaged = file.clone();
        damaged[place] ^= 1 << (place % 8);
        if !comment.contains(&place) {
            let error = to.import(&damaged).unwrap_err();
            assert!(matches!(error, ReviewError::File(_)), "{place}: {error}");
        }
        assert!(to.import(&file[..place]).is_err(), "{place}");
    }
    assert_eq!(to.store.reviews(List::Decided, 0, &rules()).unwrap().total, 0);
    assert_eq!(to.import(&file).unwrap().new, 2);
}

#[test]
fn only_files_of_known_senders_are_taken_in() {
    let (mut from, mut to) = (Site::new(), Site::new());
    from.decide("one", Decision::Approve);
    let file = from.export();
    let error = to.import(&file).unwrap_err();
    assert!(error.to_string().contains("add the sender's key"), "{error}");
    let unsigned = &file[..file.windows(12).rposition(|w| w == b"{\"minisign\":").unwrap()];
    to.trusts(&from, "district");
    let error = to.import(unsigned).unwrap_err();
    assert!(error.to_string().contains("not signed"), "{error}");
    let other = Site::new();
    let forged = join_signed(unsigned.to_vec(), other.key.sign(unsigned).unwrap());
    assert!(to.import(&forged).is_err());
    assert!(to.import(b"").is_err());
    to.store.distrust_key(from.key.public_key(), &By::default()).unwrap();
    assert!(to.import(&file).is_err());
}

#[test]
fn a_file_that_breaks_the_rules_is_named_line_by_line() {
    let (from, mut to) = (Site::new(), Site::new());
    to.trusts(&from, "district");
    let header = r#"{"format":"baraza-reviews","version":1,"revision":9,"key":"K"}"#;
    let line = |text: &str, state: &str| {
        format!(
            r#"{{"seq":3,"kind":"question","key":"a b","language":"en","question":"A b?","text":"{text}","sms":null,"sources":[],"state":"{state}","roles":["nurse"],"day":null,"reason":"","version":"{}"}}"#,
            version_of(text, None)
        )
    };
    let good = line("Rest.", "approved");
    let with = |from: &str, to: &str| {
        assert!(good.contains(from));
        vec![header.to_owned(), good.replace(from, to)]
    };
    let cases = [
        (vec![], "line 1, line"),
        (vec![header.replace("reviews", "recipes")], "line 1, format"),
        (vec![header.replace("\"version\":1", "\"version\":2")], "line 1, version"),
        (vec![header.into(), "{".into()], "line 2, line"),
        (vec![header.into(), line("Give 5 mg.", "approved")], "line 2, roles: a text with a dose"),
        (vec![header.into(), good.clone(), good.clone()], "line 3, key"),
        (with("\"seq\":3", "\"seq\":10"), "line 2, seq"),
        (with("\"seq\":3", "\"seq\":0"), "line 2, seq"),
        (with("\"seq\":3,", ""), "line 2, seq"),
        (with("\"key\":\"a b\"", "\"key\":\"a c\""), "line 2, key"),
        (with("\"kind\":\"question\"", "\"kind\":\"entry\""), "line 2, key"),
        (with("\"kind\":\"question\"", "\"kind\":\"x\""), "line 2, line"),
        (with("\"en\"", "\"English\""), "line 2, language"),
        (with("approved", "half"), "line 2, state"),
        (with("[\"nurse\"]", "[]"), "line 2, roles"),
        (with("[\"nurse\"]", "[\"a, b\"]"), "line 2, roles"),
        (with("\"day\":null", "\"day\":\"May\""), "line 2, day"),
        (with("Rest.", "Go."), "line 2, version"),
        (with("Rest.", "\\u0007"), "line 2, text"),
        (with("\"reason\":\"\"", &format!("\"reason\":\"{}\"", "x".repeat(201))), "line 2, reason"),
    ];
    let signed = |lines: &[String]| {
        let mut body = lines.join("\n").into_bytes();
        body.push(b'\n');
        let signature = from.key.sign(&body).unwrap();
        join_signed(body, signature)
    };
    for (lines, complaint) in cases {
        let error = to.import(&signed(&lines)).unwrap_err().to_string();
        assert!(error.starts_with(complaint), "{complaint}: {error}");
    }
    assert_eq!(to.store.reviews(List::Decided, 0, &rules()).unwrap().total, 0);
    assert_eq!(counts(&to.import(&signed(&[header.into(), good])).unwrap()), [1, 0, 0, 0, 0]);
}

#[test]
fn whose_decision_counts() {
    let (mut one, mut two, mut to) = (Site::new(), Site::new(), Site::new());
    to.trusts(&one, "one");
    to.trusts(&two, "two");
    // This box decided: its approval stands, but not against a withdrawal.
    to.decide("q", edit("Ours."));
    to.decide("w", edit("Ours."));
    one.decide("q", edit("Theirs."));
    one.decide("w", withdraw());
    let first = one.export();
    assert_eq!(counts(&to.import(&first).unwrap()), [1, 0, 0, 1, 0]);
    assert_eq!((to.served("q").as_deref(), to.served("w")), (Some("Ours."), None));
    // What this box decides after that, no file that it has seen takes back, nor a later one with
    // the same decision in it.
    to.decide("w", edit("Ours again."));
    one.decide("more", Decision::Approve);
    let second = one.export();
    assert_eq!(counts(&to.import(&second).unwrap()), [1, 0, 2, 0, 0]);
    assert_eq!(counts(&to.import(&first).unwrap()), [0, 0, 2, 0, 0]);
    assert_eq!(to.served("w").as_deref(), Some("Ours again."));
    // The same box may change its mind.
    one.decide("more", edit("Changed."));
    let third = one.export();
    assert_eq!(to.import(&third).unwrap().new, 1);
    assert_eq!(to.served("more").as_deref(), Some("Changed."));
    assert_eq!(to.import(&second).unwrap().new, 0);
    assert_eq!(to.served("more").as_deref(), Some("Changed."));
    // Two boxes that approve different texts on the same day: the first stays, and it is said.
    two.decide("more", edit("Otherwise."));
    assert_eq!(counts(&to.import(&two.export()).unwrap()), [0, 0, 0, 1, 0]);
    // One of them withdraws: nobody serves it.
    two.decide("more", withdraw());
    assert_eq!(to.import(&two.export()).unwrap().new, 1);
    assert_eq!(to.served("more"), None);
    // An imported decision is not passed on as one's own.
    let passed_on = String::from_utf8(to.export()).unwrap();
    assert!(!passed_on.contains("Otherwise") && passed_on.contains("Ours again."));
}

#[test]
fn a_decision_on_another_text_of_an_entry_waits() {
    let (mut from, mut to) = (Site::new(), Site::new());
    to.trusts(&from, "district");
    from.store.load(&pack("2026-01", &[("star", "Gas.")])).unwrap();
    to.store.load(&pack("2026-02", &[("star", "Fire.")])).unwrap();
    let person = from.people[0].clone();
    decide(&mut from.store, &person, Target::Entry(1), edit("Plasma.")).unwrap();
    assert_eq!(counts(&to.import(&from.export()).unwrap()), [0, 0, 0, 0, 1]);
    let text = |site: &Site| -> String {
        site.store.db.query_row("SELECT answer FROM passages", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(text(&to), "Fire.");
    to.store.load(&pack("2026-03", &[("star", "Gas.")])).unwrap();
    assert_eq!(text(&to), "Plasma.");
}

#[test]
fn nobodys_own_words_leave_the_box() {
    let mut from = Site::new();
    let seq = ask(&from.store, "sms", "My son Juma has a fever", Some("Rest."));
    from.store.db.execute("UPDATE questions SET general = 'My son NAME has a fever'", []).unwrap();
    let person = from.people[0].clone();
    decide(&mut from.store, &person, Target::Question(seq), Decision::Approve).unwrap();
    let hidden = ask(&from.store, "web", "secret words", Some("Rest."));
    decide(&mut from.store, &person, Target::Question(hidden), Decision::Approve).unwrap();
    from.store
        .db
        .execute("UPDATE reviews SET question = '' WHERE key = 'secret words'", [])
        .unwrap();
    let file = from.export();
    let text = String::from_utf8(file.clone()).unwrap().to_lowercase();
    assert!(!text.contains("juma") && !text.contains("secret"), "{text}");
    for field in ["\"code\"", "\"channel\"", "\"asked\"", "sms\":\"", "\"reviewer\""] {
        assert!(!text.contains(field), "{field}");
    }
    let mut to = Site::new();
    to.trusts(&from, "district");
    assert_eq!(to.import(&file).unwrap().new, 1);
    assert_eq!(to.served("my son name has a fever").as_deref(), Some("Rest."));
}
