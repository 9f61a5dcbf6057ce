//! Searching the passages.

use std::collections::HashMap;

use answer::passage::Passage;
use answer::ports::{Library, StorageError};
use answer::question::{CacheKey, Language};
use answer::relevance::{Candidate, Found, Place, Query, WordEvidence};
use rusqlite::{OptionalExtension, Row};

use crate::error::Result;
use crate::open::{Store, count};

/// The columns of the search tables and what a word found in each counts for BM25: the title and
/// the question say what a passage is about, its body only touches other things.
const COLUMN_WEIGHTS: &str = "4.0, 4.0, 3.0, 1.0";

/// What [`passage`] reads, of `passages` as `p`.
const PASSAGE_COLUMNS: &str = "p.id, p.entry_id, p.language, p.title, p.answer, p.publisher,
     p.source_year, p.reviewed_by IS NOT NULL";

/// The search table of a language.
pub(crate) fn table_of(language: &str) -> &'static str {
    if language == "en" { "search_en" } else { "search_any" }
}

impl Library for Store {
    fn worded(&self, key: &CacheKey, language: &Language) -> Result<Option<Passage>, StorageError> {
        Ok(self.worded_passage(key.as_str(), language.as_str())?)
    }

    fn search(
        &self,
        query: &Query,
        language: &Language,
        limit: usize,
    ) -> Result<Found, StorageError> {
        Ok(self.search_passages(query, language.as_str(), limit)?)
    }
}

impl Store {
    /// Passages that can be searched, in all languages.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn passages(&self) -> Result<usize> {
        Ok(self.db.query_row("SELECT count(*) FROM passages", [], count)?)
    }

    /// Every passage, in all languages, in the order of loading.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn all_passages(&self) -> Result<Vec<Passage>> {
        let sql = format!("SELECT {PASSAGE_COLUMNS} FROM passages p ORDER BY p.id");
        let mut statement = self.db.prepare(&sql)?;
        Ok(statement.query_map([], passage)?.collect::<Result<_, rusqlite::Error>>()?)
    }

    fn worded_passage(&self, key: &str, language: &str) -> Result<Option<Passage>> {
        let sql = format!(
            "SELECT {PASSAGE_COLUMNS} FROM wordings w JOIN passages p ON p.id = w.passage_id
             WHERE w.key = ?1 AND w.language = ?2 ORDER BY p.id LIMIT 1"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        Ok(statement.query_row([key, language], passage).optional()?)
    }

    fn search_passages(&self, query: &Query, language: &str, limit: usize) -> Result<Found> {
        let passages_searched = self
            .db
            .prepare_cached("SELECT count(*) FROM passages WHERE language = ?1")?
            .query_row([language], count)?;
        if query.content.is_empty() || passages_searched == 0 {
            return Ok(Found { candidates: Vec::new(), passages_searched });
        }
        let ranked = self.ranked(query, language, limit)?;
        let places = query
            .content
            .iter()
            .map(|word| self.places(word, language))
            .collect::<Result<Vec<HashMap<i64, Place>>>>()?;
        let candidates = ranked
            .into_iter()
            .map(|(id, passage)| Candidate { passage, words: evidence(id, &places) })
            .collect();
        Ok(Found { candidates, passages_searched })
    }

    /// The best passages with any of the words.
    fn ranked(&self, query: &Query, language: &str, limit: usize) -> Result<Vec<(i64, Passage)>> {
        let table = table_of(language);
        let sql = format!(
            "SELECT {PASSAGE_COLUMNS} FROM {table} JOIN passages p ON p.id = {table}.rowid
             WHERE {table} MATCH ?1 AND p.language = ?2
             ORDER BY bm25({table}, {COLUMN_WEIGHTS}), p.id LIMIT ?3"
        );
        let words = query.content.iter().chain(&query.rest);
        let any_word = words.map(|word| quoted(word)).collect::<Vec<_>>().join(" OR ");
        let mut statement = self.db.prepare_cached(&sql)?;
        let rows = statement.query_map((any_word, language, limit as i64), |row| {
            Ok((row.get(0)?, passage(row)?))
        })?;
        Ok(rows.collect::<Result<_, rusqlite::Error>>()?)
    }

    /// The passages that have a word, and the best place where each has it.
    fn places(&self, word: &str, language: &str) -> Result<HashMap<i64, Place>> {
        let table = table_of(language);
        let sql = format!("SELECT rowid FROM {table} WHERE {table} MATCH ?1");
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut places = HashMap::new();
        let word = quoted(word);
        for (columns, place) in [
            ("", Place::Body),
            ("{phrasings} : ", Place::Phrasing),
            ("{title question} : ", Place::Title),
        ] {
            let rows = statement.query_map([format!("{columns}{word}")], |row| row.get(0))?;
            for id in rows {
                places.insert(id?, place);
            }
        }
        Ok(places)
    }
}

/// A word as FTS5 takes it literally, whatever is in it.
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('"', "\"\"").replace('\0', " "))
}

fn evidence(id: i64, places: &[HashMap<i64, Place>]) -> Vec<WordEvidence> {
    let of_word = |places: &HashMap<i64, Place>| WordEvidence {
        place: places.get(&id).copied().unwrap_or(Place::Absent),
        passages_with_word: places.len(),
    };
    places.iter().map(of_word).collect()
}

fn passage(row: &Row<'_>) -> rusqlite::Result<Passage> {
    Ok(Passage {
        id: row.get(1)?,
        language: row.get(2)?,
        title: row.get(3)?,
        text: row.get(4)?,
        publisher: row.get(5)?,
        year: row.get(6)?,
        reviewed: row.get(7)?,
    })
}
