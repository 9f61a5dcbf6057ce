//! One thing under review: the question or entry, what people get for it now, and the last
//! decision.

use answer::desk::{Origin, Source};
use answer::review::{Item, State, Target};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::{HIDDEN, Rules, version_of};
use crate::answers::sources;
use crate::error::Result;

/// Added to a review's number where there is no question or entry to name: the questions are
/// forgotten, the pack is not here, or the decision came from another box.
const REVIEW_BASE: i64 = 100_000_000_000_000_000;

/// Questions and entries, as the database names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Question,
    Entry,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Entry => "entry",
        }
    }
}

/// A row of `reviews`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Review {
    pub(super) id: i64,
    pub(super) kind: Kind,
    pub(super) key: String,
    pub(super) language: String,
    /// In general form; empty if not known.
    pub(super) question: String,
    pub(super) text: String,
    pub(super) sms: Option<String>,
    pub(super) sources: Vec<SourceNote>,
    /// `half`, `approved` or `withdrawn`.
    pub(super) state: String,
    pub(super) role: String,
    pub(super) reviewer: i64,
    pub(super) second_role: Option<String>,
    pub(super) second_reviewer: Option<i64>,
    pub(super) decided_on: Option<String>,
    pub(super) reason: String,
    pub(super) version: String,
    pub(super) from_key: Option<String>,
    pub(super) audit_seq: i64,
    pub(super) stale: bool,
}

/// A source as a review and a file of reviews keep it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SourceNote {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) passage: String,
    pub(super) pack: String,
}

impl From<&Source> for SourceNote {
    fn from(source: &Source) -> Self {
        Self {
            id: source.id.clone(),
            title: source.title.clone(),
            passage: source.passage.clone(),
            pack: source.pack.clone(),
        }
    }
}

/// What `Review::read` reads, in order.
pub(super) const REVIEW_COLUMNS: &str =
    "r.id, r.kind, r.key, r.language, r.question, r.text, r.sms,
     r.sources, r.state, r.role, r.reviewer, r.second_role, r.decided_on, r.reason, r.version,
     r.from_key, r.audit_seq, r.stale, r.second_reviewer";

impl Review {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let kind = if row.get_ref(1)?.as_str()? == "entry" { Kind::Entry } else { Kind::Question };
        Ok(Self {
            id: row.get(0)?,
            kind,
            key: row.get(2)?,
            language: row.get(3)?,
            question: row.get(4)?,
            text: row.get(5)?,
            sms: row.get(6)?,
            sources: serde_json::from_str(row.get_ref(7)?.as_str()?).unwrap_or_default(),
            state: row.get(8)?,
            role: row.get(9)?,
            reviewer: row.get(10)?,
            second_role: row.get(11)?,
            decided_on: row.get(12)?,
            reason: row.get(13)?,
            version: row.get(14)?,
            from_key: row.get(15)?,
            audit_seq: row.get(16)?,
            stale: row.get(17)?,
            second_reviewer: row.get(18)?,
        })
    }

    pub(super) fn find(db: &Connection, kind: Kind, key: &str, lang: &str) -> Result<Option<Self>> {
        let sql = format!(
            "SELECT {REVIEW_COLUMNS} FROM reviews r WHERE kind = ?1 AND key = ?2 AND language = ?3"
        );
        let mut statement = db.prepare_cached(&sql)?;
        Ok(statement.query_row([kind.as_str(), key, lang], Self::read).optional()?)
    }

    pub(super) fn by_id(db: &Connection, id: i64) -> Result<Option<Self>> {
        let sql = format!("SELECT {REVIEW_COLUMNS} FROM reviews r WHERE id = ?1");
        Ok(db.prepare_cached(&sql)?.query_row([id], Self::read).optional()?)
    }

    /// Who approved it: both roles, where two had to.
    pub(super) fn roles(&self) -> String {
        match &self.second_role {
            Some(second) => format!("{}, {second}", self.role),
            None => self.role.clone(),
        }
    }

    pub(super) fn state(&self) -> State {
        let (role, on) = (self.roles(), self.decided_on.clone());
        match self.state.as_str() {
            "half" => State::NeedsSecond { role, reviewer: self.reviewer },
            "approved" => State::Approved { role, on },
            _ => State::Withdrawn { role, on, reason: self.reason.clone() },
        }
    }
}

/// An entry as it stands in the pack, whatever a review made of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Original {
    pub(super) answer: String,
    pub(super) sms: Option<String>,
    pub(super) reviewed_by: Option<String>,
    pub(super) reviewed_on: Option<String>,
}

impl Original {
    pub(super) fn version(&self) -> String {
        version_of(&self.answer, self.sms.as_deref())
    }
}

/// An entry on this box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passage {
    pub(super) id: i64,
    pub(super) pack: String,
    pub(super) entry_id: String,
    pub(super) original: Original,
    /// What people get now.
    pub(super) text: String,
    pub(super) sms: Option<String>,
}

/// Whatever is reviewed, with all that a list shows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) target: Target,
    pub(super) kind: Kind,
    pub(super) key: String,
    pub(super) language: String,
    /// In general form; empty if not known.
    pub(super) question: String,
    /// What people get now, without a review; `None` if there is no answer.
    pub(super) served: Option<String>,
    pub(super) served_sms: Option<String>,
    pub(super) sources: Vec<Source>,
    pub(super) origin: Origin,
    pub(super) danger: Option<String>,
    pub(super) asked: u32,
    pub(super) not_helpful: u32,
    pub(super) weak: bool,
    /// The decision that holds, or half a decision.
    pub(super) review: Option<Review>,
    pub(super) passage: Option<Passage>,
}

impl Subject {
    /// Finds what a target names, by any question of its kind.
    pub(super) fn find(db: &Connection, target: Target) -> Result<Option<Self>> {
        match target {
            Target::Question(place) | Target::Entry(place) if place >= REVIEW_BASE => {
                match Review::by_id(db, place - REVIEW_BASE)? {
                    Some(review) => Self::of_review(db, review),
                    None => Ok(None),
                }
            }
            Target::Question(seq) => {
                let key: Option<(String, String)> = db
                    .prepare_cached("SELECT cache_key, language FROM questions WHERE seq = ?1")?
                    .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                match key {
                    Some((key, language)) => Self::of_key(db, &key, &language),
                    None => Ok(None),
                }
            }
            Target::Entry(place) => Self::of_passage(db, place),
        }
    }

    /// What a decision is about, whether its question or entry is still here or not.
    pub(super) fn of_review(db: &Connection, review: Review) -> Result<Option<Self>> {
        match review.kind {
            Kind::Question => Self::of_key(db, &review.key, &review.language),
            Kind::Entry => match place_of(db, &review.key, &review.language)? {
                Some(place) => Self::of_passage(db, place),
                None => Ok(Some(Self::alone(review))),
            },
        }
    }

    /// All questions with a key.
    pub(super) fn of_key(db: &Connection, key: &str, language: &str) -> Result<Option<Self>> {
        let review = Review::find(db, Kind::Question, key, language)?;
        let group = db
            .prepare_cached(
                "SELECT a.first_seq, a.times, a.danger, a.not_helpful, a.weak, q.general,
                        coalesce(q.danger, (SELECT rule FROM floors WHERE question_seq = q.seq))
                 FROM asked a JOIN questions q ON q.seq = a.first_seq
                 WHERE a.key = ?1 AND a.language = ?2",
            )?
            .query_row([key, language], |row| {
                let rule: Option<String> = row.get(6)?;
                let danger = row.get::<_, bool>(2)?;
                Ok(Self {
                    target: Target::Question(row.get(0)?),
                    kind: Kind::Question,
                    key: key.into(),
                    language: language.into(),
                    question: row.get(5)?,
                    served: None,
                    served_sms: None,
                    sources: Vec::new(),
                    origin: Origin::None,
                    danger: rule.or_else(|| danger.then(|| "danger".into())),
                    asked: row.get(1)?,
                    not_helpful: row.get(3)?,
                    weak: row.get(4)?,
                    review: None,
                    passage: None,
                })
            })
            .optional()?;
        let Some(mut subject) = group else { return Ok(review.map(Self::alone)) };
        subject.read_latest(db)?;
        if let Some(review) = &review
            && subject.question.is_empty()
        {
            subject.question.clone_from(&review.question);
        }
        subject.review = review;
        Ok(Some(subject))
    }

    /// The latest answer that anybody got.
    fn read_latest(&mut self, db: &Connection) -> Result<()> {
        let latest: Option<(i64, String, String)> = db
            .prepare_cached(
                "SELECT a.seq, a.text, a.origin FROM questions q
                 JOIN answers a ON a.question_seq = q.seq
                 WHERE q.cache_key = ?1 AND q.language = ?2 ORDER BY q.seq DESC LIMIT 1",
            )?
            .query_row([&self.key, &self.language], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let Some((seq, text, origin)) = latest else { return Ok(()) };
        self.origin = Origin::parse(&origin).unwrap_or_default();
        if self.origin == Origin::None || text.is_empty() {
            return Ok(());
        }
        self.served = Some(text);
        self.sources = sources(db, seq)?;
        Ok(())
    }

    /// An entry, by its place.
    pub(super) fn of_passage(db: &Connection, place: i64) -> Result<Option<Self>> {
        let found = db
            .prepare_cached(
                "SELECT k.name, p.entry_id, p.language, p.question, p.answer, p.sms, p.reviewed_by,
                        p.reviewed_on, p.original, p.cited, p.title, p.publisher, p.source_year,
                        substr(k.blake3, 1, 16)
                 FROM passages p JOIN packs k ON k.id = p.pack_id
                 WHERE p.id = ?1 AND p.question <> ''",
            )?
            .query_row([place], |row| Self::read_passage(row, place))
            .optional()?;
        let Some(mut subject) = found else { return Ok(None) };
        let review = Review::find(db, Kind::Entry, &subject.key, &subject.language)?;
        subject.review = review.filter(|review| !review.stale);
        Ok(Some(subject))
    }

    fn read_passage(row: &Row<'_>, place: i64) -> rusqlite::Result<Self> {
        let (pack, entry_id): (String, String) = (row.get(0)?, row.get(1)?);
        let (text, sms): (String, Option<String>) = (row.get(4)?, row.get(5)?);
        let reviewed_by: Option<String> = row.get(6)?;
        let kept: Option<String> = row.get(8)?;
        let kept = kept.and_then(|kept| serde_json::from_str(&kept).ok());
        let hash: String = row.get(13)?;
        let source = answer::passage::Passage {
            id: entry_id.clone(),
            title: row.get(10)?,
            publisher: row.get(11)?,
            year: row.get(12)?,
            text: text.clone(),
            place: Some(place),
            pack: format!("{pack}@{hash}"),
            ..answer::passage::Passage::default()
        };
        let source = Source { reviewed: reviewed_by.is_some(), ..source.source() };
        let original = kept.unwrap_or_else(|| Original {
            answer: text.clone(),
            sms: sms.clone(),
            reviewed_by: reviewed_by.clone(),
            reviewed_on: row.get(7).unwrap_or_default(),
        });
        Ok(Self {
            target: Target::Entry(place),
            kind: Kind::Entry,
            key: format!("{pack}/{entry_id}"),
            language: row.get(2)?,
            question: row.get(3)?,
            served: Some(text.clone()),
            served_sms: sms.clone(),
            sources: vec![source],
            origin: if reviewed_by.is_some() { Origin::Checked } else { Origin::Cache },
            danger: None,
            asked: row.get(9)?,
            not_helpful: 0,
            weak: false,
            review: None,
            passage: Some(Passage { id: place, pack, entry_id, original, text, sms }),
        })
    }

    /// A decision without its question or entry.
    fn alone(review: Review) -> Self {
        let place = REVIEW_BASE + review.id;
        let target = match review.kind {
            Kind::Question => Target::Question(place),
            Kind::Entry => Target::Entry(place),
        };
        Self {
            target,
            kind: review.kind,
            key: review.key.clone(),
            language: review.language.clone(),
            question: review.question.clone(),
            served: None,
            served_sms: None,
            sources: Vec::new(),
            origin: Origin::None,
            danger: None,
            asked: 0,
            not_helpful: 0,
            weak: false,
            review: Some(review),
            passage: None,
        }
    }

    /// What a reviewer reads: the text decided on, or else what people get.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.review {
            Some(review) => Some(review.text.as_str()).filter(|text| !text.is_empty()),
            None => self.served.as_deref(),
        }
    }

    pub(super) fn sms(&self) -> Option<&str> {
        match &self.review {
            Some(review) => review.sms.as_deref(),
            None => self.served_sms.as_deref(),
        }
    }

    /// Identifies what a reviewer reads.
    pub(super) fn version(&self) -> String {
        version_of(self.text().unwrap_or_default(), self.sms())
    }

    /// What a decision keeps as its version: for an entry that of the pack's text, so that it is
    /// known again when the pack is.
    pub(super) fn decided_version(&self, text: &str, sms: Option<&str>) -> String {
        match (&self.passage, &self.review) {
            (Some(passage), _) => passage.original.version(),
            (None, Some(review)) if self.kind == Kind::Entry => review.version.clone(),
            _ => version_of(text, sms),
        }
    }

    /// The sources as a decision keeps them.
    pub(super) fn source_notes(&self) -> Vec<SourceNote> {
        match &self.review {
            Some(review) if self.sources.is_empty() => review.sources.clone(),
            _ => self.sources.iter().map(SourceNote::from).collect(),
        }
    }

    fn state(&self) -> State {
        let by_pack = self.passage.as_ref().map(|passage| &passage.original);
        match (&self.review, by_pack) {
            (Some(review), _) => review.state(),
            (None, Some(Original { reviewed_by: Some(role), reviewed_on, .. })) => {
                State::Approved { role: role.clone(), on: reviewed_on.clone() }
            }
            _ => State::Open,
        }
    }

    /// What the review desk shows.
    pub(super) fn item(&self, rules: &Rules<'_>) -> Item {
        let text = self.text();
        let known = Some(self.question.as_str()).filter(|question| !question.is_empty());
        let sources = match &self.review {
            Some(review) if self.sources.is_empty() => {
                review.sources.iter().map(SourceNote::source).collect()
            }
            _ => self.sources.clone(),
        };
        Item {
            target: self.target,
            question: known.unwrap_or(HIDDEN).into(),
            language: self.language.clone(),
            answer: text.map(Into::into),
            sms: self.sms().map(Into::into),
            sources,
            origin: self.origin,
            danger: self.danger.clone(),
            has_dose: rules.dose(text.unwrap_or_default(), self.sms()),
            asked: self.asked,
            not_helpful: self.not_helpful,
            weak: self.weak,
            state: self.state(),
            version: self.version(),
        }
    }

    /// What the audit log calls it; never anybody's own words.
    pub(super) fn called(&self) -> String {
        let known = if self.question.is_empty() { HIDDEN } else { &self.question };
        match self.kind {
            Kind::Question => format!("{} [{}]", known, self.language),
            Kind::Entry => format!("{}: {}", self.key, known),
        }
    }
}

impl SourceNote {
    pub(super) fn source(&self) -> Source {
        Source {
            id: self.id.clone(),
            title: self.title.clone(),
            passage: self.passage.clone(),
            pack: self.pack.clone(),
            ..Source::default()
        }
    }
}

/// Where an entry (`pack/entry`) is on this box.
pub(super) fn place_of(db: &Connection, key: &str, language: &str) -> Result<Option<i64>> {
    let Some((pack, entry)) = key.split_once('/') else { return Ok(None) };
    let mut statement = db.prepare_cached(
        "SELECT p.id FROM packs k JOIN passages p ON p.pack_id = k.id AND p.entry_id = ?2
         WHERE k.name = ?1 AND p.language = ?3 AND p.question <> ''",
    )?;
    Ok(statement.query_row(params![pack, entry, language], |row| row.get(0)).optional()?)
}
