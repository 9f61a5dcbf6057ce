//! What the decisions mean for people who ask.

use answer::desk::{Answer, Check, Origin, Source};
use rusqlite::{Connection, OptionalExtension, params};

use super::subject::{Kind, Review, SourceNote};
use crate::error::Result;
use crate::open::Store;

/// A checked answer, ready to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The question that it was approved for, in general form.
    pub question: String,
    /// Its cache key.
    pub key: String,
    /// The answer; [`Origin::Checked`], with who checked it.
    pub answer: Answer,
    /// The same for one SMS, if a reviewer wrote one.
    pub sms: Option<String>,
}

impl Store {
    /// The answer that was checked for exactly this question; `None` also if an entry that it rests
    /// on was withdrawn since.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn checked(&self, key: &str, language: &str) -> Result<Option<Checked>> {
        match Review::find(&self.db, Kind::Question, key, language)? {
            Some(review) if review.state == "approved" => served(&self.db, review),
            _ => Ok(None),
        }
    }

    /// Checked answers to questions that share words with this one, best first, at most `limit`:
    /// for the guard, which decides whether one of them means the same. `words` are made as for
    /// [`super::Rules::words`].
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn checked_candidates(
        &self,
        words: &str,
        language: &str,
        limit: usize,
    ) -> Result<Vec<Checked>> {
        let any: Vec<String> = words
            .split_whitespace()
            .map(|word| format!("\"{}\"", word.replace('"', "\"\"").replace('\0', " ")))
            .collect();
        if any.is_empty() {
            return Ok(Vec::new());
        }
        // The index first: the other way round, every review would ask it anew.
        let mut statement = self.db.prepare_cached(
            "SELECT r.id FROM near_checked n CROSS JOIN reviews r ON r.id = n.rowid
             WHERE near_checked MATCH ?1 AND r.language = ?2 AND r.state = 'approved'
             ORDER BY bm25(near_checked), r.id LIMIT ?3",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let ids = statement
            .query_map(params![any.join(" OR "), language, limit], |row| row.get(0))?
            .collect::<rusqlite::Result<Vec<i64>>>()?;
        let mut candidates = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(review) = Review::by_id(&self.db, id)? {
                candidates.extend(served(&self.db, review)?);
            }
        }
        Ok(candidates)
    }

    /// True if a reviewer withdrew the answer to this question.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn is_withdrawn(&self, key: &str, language: &str) -> Result<bool> {
        let review = Review::find(&self.db, Kind::Question, key, language)?;
        Ok(review.is_some_and(|review| review.state == "withdrawn"))
    }
}

/// The answer as people get it; `None` if a source was withdrawn.
fn served(db: &Connection, review: Review) -> Result<Option<Checked>> {
    let mut sources = Vec::with_capacity(review.sources.len());
    for note in &review.sources {
        match source(db, note)? {
            Some(source) => sources.push(source),
            None => return Ok(None),
        }
    }
    let answer = Answer {
        text: review.text.clone(),
        origin: Origin::Checked,
        sources,
        check: Some(Check { role: review.roles(), on: review.decided_on.clone() }),
        ..Answer::default()
    };
    Ok(Some(Checked { question: review.question, key: review.key, answer, sms: review.sms }))
}

/// A source as it stands on this box now; `None` if it was withdrawn.
fn source(db: &Connection, note: &SourceNote) -> Result<Option<Source>> {
    let pack = note.pack.split('@').next().unwrap_or_default();
    let found: Option<(i64, bool, bool)> = db
        .prepare_cached(
            // An old answer does not say from which pack its source was: any of that name counts.
            "SELECT p.id, p.reviewed_by IS NOT NULL, p.withdrawn FROM packs k
             CROSS JOIN passages p ON p.pack_id = k.id AND p.entry_id = ?2
             WHERE ?1 IN (k.name, '') ORDER BY p.withdrawn DESC LIMIT 1",
        )?
        .query_row([pack, &note.id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let mut source = note.source();
    match found {
        Some((_, _, true)) => return Ok(None),
        Some((place, reviewed, false)) => {
            source.place = Some(place);
            source.reviewed = reviewed;
        }
        None => {}
    }
    Ok(Some(source))
}
