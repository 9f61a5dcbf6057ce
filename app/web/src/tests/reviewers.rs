//! A review desk that says what a test tells it to.

use std::sync::Mutex;

use answer::desk::{Clock, Origin, Source};
use answer::ports::StorageError;
use answer::review::{
    AuditLine, Decision, Item, List, Pack, Page, ReviewDesk, ReviewError, Reviewer, Site, State,
    StickFile, Target,
};

/// The PIN of the nurse.
pub(super) const PIN: &str = "482913";

/// What a test finds done: by whom, to what, and how.
pub(super) type Done = (Reviewer, Target, String, Decision);

pub(super) struct FakeReview {
    pub(super) set_up: Mutex<bool>,
    pub(super) tried: Mutex<u32>,
    pub(super) item: Mutex<Item>,
    pub(super) total: Mutex<usize>,
    pub(super) listed: Mutex<Vec<(List, usize)>>,
    pub(super) done: Mutex<Vec<Done>>,
    pub(super) next: Mutex<Option<Result<State, ReviewError>>>,
    pub(super) site: Mutex<Site>,
    pub(super) clock: Mutex<Option<u64>>,
    pub(super) packs: Mutex<Vec<Pack>>,
    pub(super) files: Mutex<Vec<StickFile>>,
    pub(super) imported: Mutex<Vec<String>>,
    pub(super) exported: Mutex<u32>,
    pub(super) log: Mutex<Vec<AuditLine>>,
}

/// An item with this text in every field that has text.
pub(super) fn item(text: &str) -> Item {
    Item {
        target: Target::Question(12),
        question: text.into(),
        language: "en".into(),
        answer: Some(text.into()),
        sms: Some(text.into()),
        sources: vec![Source {
            id: text.into(),
            title: text.into(),
            reviewed: false,
            passage: text.into(),
            place: Some(7),
            pack: text.into(),
        }],
        origin: Origin::Model,
        danger: Some(text.into()),
        has_dose: true,
        asked: 14,
        not_helpful: 3,
        weak: true,
        state: State::Open,
        version: text.into(),
    }
}

/// A pack with this text in every field that has text.
pub(super) fn pack(text: &str, progress: Option<u8>, problem: Option<&str>) -> Pack {
    Pack {
        name: text.into(),
        revision: text.into(),
        language: text.into(),
        passages: 210,
        signed_by: Some(text.into()),
        progress,
        problem: problem.map(Into::into),
    }
}

impl Default for FakeReview {
    fn default() -> Self {
        Self {
            set_up: Mutex::new(true),
            tried: Mutex::default(),
            item: Mutex::new(item("How much salt?")),
            total: Mutex::new(1),
            listed: Mutex::default(),
            done: Mutex::default(),
            next: Mutex::default(),
            site: Mutex::default(),
            clock: Mutex::default(),
            packs: Mutex::new(vec![pack("starter", Some(40), None)]),
            files: Mutex::new(vec![StickFile { name: "malaria.pack".into(), bytes: 4_200_000 }]),
            imported: Mutex::default(),
            exported: Mutex::default(),
            log: Mutex::new(vec![AuditLine {
                seq: 3,
                on: None,
                who: "nurse".into(),
                action: "approve".into(),
                what: "q12".into(),
            }]),
        }
    }
}

impl ReviewDesk for FakeReview {
    fn is_set_up(&self) -> bool {
        *self.set_up.lock().unwrap()
    }

    fn log_in(&self, pin: &str) -> Option<Reviewer> {
        *self.tried.lock().unwrap() += 1;
        (pin == PIN).then(|| Reviewer { id: 1, role: "nurse".into() })
    }

    fn list(&self, list: List, first: usize) -> Result<Page<Item>, StorageError> {
        self.listed.lock().unwrap().push((list, first));
        let items = vec![self.item.lock().unwrap().clone()];
        Ok(Page { items, total: *self.total.lock().unwrap() })
    }

    fn item(&self, target: Target) -> Result<Option<Item>, StorageError> {
        let item = self.item.lock().unwrap().clone();
        Ok((item.target == target).then_some(item))
    }

    fn decide(
        &self,
        reviewer: &Reviewer,
        target: Target,
        version: &str,
        decision: Decision,
    ) -> Result<State, ReviewError> {
        if let Some(Err(error)) = self.next.lock().unwrap().clone() {
            return Err(error);
        }
        self.done.lock().unwrap().push((reviewer.clone(), target, version.into(), decision));
        self.next
            .lock()
            .unwrap()
            .clone()
            .unwrap_or_else(|| Ok(State::Approved { role: reviewer.role.clone(), on: None }))
    }

    fn export(&self, _: &Reviewer) -> Result<Vec<u8>, ReviewError> {
        *self.exported.lock().unwrap() += 1;
        Ok(b"{\"format\":1}\n".to_vec())
    }

    fn site(&self) -> Result<Site, StorageError> {
        Ok(self.site.lock().unwrap().clone())
    }

    fn set_site(&self, _: &Reviewer, site: &Site) -> Result<(), ReviewError> {
        if site.facility.chars().count() > answer::limits::REVIEW_FIELD_CHARS_MAX {
            return Err(ReviewError::Text { field: "facility", reason: "too long".into() });
        }
        *self.site.lock().unwrap() = site.clone();
        Ok(())
    }

    fn set_clock(&self, _: &Reviewer, unix_s: u64) -> Result<Clock, ReviewError> {
        *self.clock.lock().unwrap() = Some(unix_s);
        Ok(Clock::Set(unix_s))
    }

    fn packs(&self) -> Result<Vec<Pack>, StorageError> {
        Ok(self.packs.lock().unwrap().clone())
    }

    fn stick_files(&self) -> Vec<StickFile> {
        self.files.lock().unwrap().clone()
    }

    fn import(&self, _: &Reviewer, name: &str) -> Result<(), ReviewError> {
        self.imported.lock().unwrap().push(name.into());
        Ok(())
    }

    fn audit(&self, _: usize) -> Result<Page<AuditLine>, StorageError> {
        let items = self.log.lock().unwrap().clone();
        let total = items.len();
        Ok(Page { items, total })
    }
}
