//! The review desk of the tour. Decisions are taken and forgotten.

use answer::desk::{Clock, Origin, Source};
use answer::ports::StorageError;
use answer::review::{
    AuditLine, Decision, Item, List, Pack, Page, ReviewDesk, ReviewError, Reviewer, Site, State,
    StickFile, Target,
};

/// What there is to review.
pub(crate) struct TourReview {
    items: Vec<Item>,
}

fn item(seq: i64, language: &str, question: &str, answer: Option<&str>) -> Item {
    Item {
        target: Target::Question(seq),
        question: question.into(),
        language: language.into(),
        answer: answer.map(Into::into),
        sms: None,
        sources: answer
            .map(|_| Source {
                id: "fever".into(),
                title: "Fever in children (World Health Organization, 2014)".into(),
                reviewed: false,
                passage: "Look for danger signs in every child with fever: not able to drink, \
                          vomiting everything, convulsions, very sleepy."
                    .into(),
                place: Some(2),
                pack: "starter@0f3c".into(),
            })
            .into_iter()
            .collect(),
        origin: if answer.is_some() { Origin::Model } else { Origin::None },
        danger: None,
        has_dose: false,
        asked: 3,
        not_helpful: 0,
        weak: false,
        state: State::Open,
        version: format!("v{seq}"),
    }
}

impl Default for TourReview {
    fn default() -> Self {
        let mut items = vec![
            Item {
                danger: Some("convulsions".into()),
                asked: 14,
                not_helpful: 3,
                ..item(
                    12,
                    "en",
                    "What do I do if a child of 2 years has fever and shakes?",
                    Some(
                        "Shaking with fever can be a fit. Lay the child on the side, keep the way \
                         clear for breathing, and go to the health centre at once.",
                    ),
                )
            },
            Item {
                has_dose: true,
                weak: true,
                asked: 9,
                ..item(
                    15,
                    "sw",
                    "Mtoto wa kilo 10 apewe paracetamol kiasi gani?",
                    Some("Mpe miligramu 150 kila baada ya saa 6, mara 4 kwa siku zisizidi."),
                )
            },
            item(
                17,
                "ar",
                "كيف أعرف أن الطفل فقد الكثير من الماء؟",
                Some("عينان غائرتان، وفم جاف، وعطش شديد، وجلد يعود ببطء بعد قرصه."),
            ),
            item(18, "en", "Can I plant maize after beans?", None),
        ];
        items.push(Item {
            has_dose: true,
            state: State::NeedsSecond { role: "nurse".into(), reviewer: 2 },
            ..items[1].clone()
        });
        items[4].target = Target::Question(20);
        items.push(Item {
            target: Target::Entry(7),
            asked: 0,
            ..item(
                7,
                "en",
                "How do I make water safe to drink?",
                Some("Bring it to a rolling boil for one minute, let it cool and keep it covered."),
            )
        });
        let approved =
            State::Approved { role: "nurse, doctor".into(), on: Some("2026-03-31".into()) };
        items.push(Item { target: Target::Question(30), state: approved, ..items[1].clone() });
        let reason = "The dose is for adults.".into();
        let withdrawn = State::Withdrawn { role: "nurse".into(), on: None, reason };
        items.push(Item { target: Target::Question(31), state: withdrawn, ..items[0].clone() });
        Self { items }
    }
}

fn belongs(item: &Item, list: List) -> bool {
    match (&item.state, list) {
        (State::Open, List::Open) => {
            matches!(item.target, Target::Question(_)) && item.answer.is_some()
        }
        (State::Open, List::Unanswered) => item.answer.is_none(),
        (State::Open, List::Entries) => matches!(item.target, Target::Entry(_)),
        (State::NeedsSecond { .. }, List::NeedsSecond) => true,
        (State::Approved { .. } | State::Withdrawn { .. }, List::Decided) => true,
        _ => false,
    }
}

impl ReviewDesk for TourReview {
    fn is_set_up(&self) -> bool {
        true
    }

    fn log_in(&self, pin: &str) -> Option<Reviewer> {
        (pin == "482913").then(|| Reviewer { id: 1, role: "nurse".into() })
    }

    fn list(&self, list: List, _: usize) -> Result<Page<Item>, StorageError> {
        let items: Vec<Item> =
            self.items.iter().filter(|item| belongs(item, list)).cloned().collect();
        let total = items.len() + if list == List::Open { 20 } else { 0 };
        Ok(Page { items, total })
    }

    fn item(&self, target: Target) -> Result<Option<Item>, StorageError> {
        Ok(self.items.iter().find(|item| item.target == target).cloned())
    }

    fn decide(
        &self,
        reviewer: &Reviewer,
        target: Target,
        version: &str,
        decision: Decision,
    ) -> Result<State, ReviewError> {
        let role = reviewer.role.clone();
        let Some(item) = self.items.iter().find(|item| item.target == target) else {
            return Err(ReviewError::Gone);
        };
        if item.version != version {
            return Err(ReviewError::Changed);
        }
        Ok(match decision {
            Decision::Approve | Decision::Edit { .. } if item.has_dose => {
                State::NeedsSecond { role, reviewer: reviewer.id }
            }
            Decision::Approve | Decision::Edit { .. } => State::Approved { role, on: None },
            Decision::Withdraw { reason } => State::Withdrawn { role, on: None, reason },
            Decision::Reopen => State::Open,
        })
    }

    fn export(&self, _: &Reviewer) -> Result<Vec<u8>, ReviewError> {
        Ok(b"{\"format\":1}\n".to_vec())
    }

    fn site(&self) -> Result<Site, StorageError> {
        Ok(Site {
            facility: "Kibera South Health Centre".into(),
            phone: "0722 345 678".into(),
            hours: "day and night".into(),
            retention_days: 90,
            model_without_source: false,
        })
    }

    fn set_site(&self, _: &Reviewer, _: &Site) -> Result<(), ReviewError> {
        Ok(())
    }

    fn set_clock(&self, _: &Reviewer, unix_s: u64) -> Result<Clock, ReviewError> {
        Ok(Clock::Set(unix_s))
    }

    fn packs(&self) -> Result<Vec<Pack>, StorageError> {
        let pack = |name: &str, language: &str, passages| Pack {
            name: name.into(),
            revision: "2026-03".into(),
            language: language.into(),
            passages,
            signed_by: Some("Ministry of Health".into()),
            progress: None,
            problem: None,
        };
        Ok(vec![
            pack("starter", "en", 105),
            Pack { progress: Some(40), signed_by: None, ..pack("malaria-guideline", "sw", 486) },
            Pack {
                problem: Some("the signature does not fit the file: copy it again".into()),
                ..pack("school-science", "ar", 0)
            },
        ])
    }

    fn stick_files(&self) -> Vec<StickFile> {
        vec![
            StickFile { name: "packs/mother-and-child-2026.jsonl".into(), bytes: 4_210_000 },
            StickFile { name: "reviews.jsonl".into(), bytes: 38_000 },
        ]
    }

    fn import(&self, _: &Reviewer, _: &str) -> Result<(), ReviewError> {
        Ok(())
    }

    fn audit(&self, _: usize) -> Result<Page<AuditLine>, StorageError> {
        let line = |seq, who: &str, action: &str, what: &str, on: Option<&str>| AuditLine {
            seq,
            on: on.map(Into::into),
            who: who.into(),
            action: action.into(),
            what: what.into(),
        };
        let items = vec![
            line(41, "nurse", "approve", "q30", Some("2026-03-31")),
            line(40, "doctor", "withdraw", "q31", Some("2026-03-31")),
            line(39, "box", "import", "malaria-guideline 2026-03", None),
            line(38, "nurse", "clock", "2026-03-30", None),
        ];
        Ok(Page { total: 61, items })
    }
}
