//! Vectors of passages: in the database, and the index of them in memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Result, StoreError};
use crate::limits::VECTOR_BYTES_MAX;
use crate::open::{Store, count};

/// Finds the rows nearest to a query: `rows` are int8 vectors of `width` each, one after another; the
/// result is row number and dot product, greatest first, at most `limit`.
pub type Nearest = fn(rows: &[i8], width: usize, query: &[i8], limit: usize) -> Vec<(usize, i32)>;

/// Dot product of a unit vector with itself, as rounded to int8: what a cosine of 1 is.
pub(crate) const UNIT: f64 = 127.0 * 127.0;

/// [`Nearest`] without instructions of a special processor.
#[must_use]
pub fn nearest(rows: &[i8], width: usize, query: &[i8], limit: usize) -> Vec<(usize, i32)> {
    if width == 0 || query.len() != width || limit == 0 {
        return Vec::new();
    }
    let mut best: Vec<(usize, i32)> = Vec::with_capacity(limit + 1);
    for (row, vector) in rows.chunks_exact(width).enumerate() {
        let product: i32 =
            vector.iter().zip(query).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
        if best.len() < limit || best.last().is_some_and(|worst| product > worst.1) {
            let at = best.partition_point(|other| other.1 >= product);
            best.insert(at, (row, product));
            best.truncate(limit);
        }
    }
    best
}

/// Whose vectors are searched, and how.
#[derive(Clone)]
pub(crate) struct Encoder {
    pub(crate) id: String,
    pub(crate) nearest: Nearest,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A passage that has no vectors of an encoder yet, and what is to be encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unencoded {
    /// The passage, for [`Store::put_vectors`].
    pub id: i64,
    /// Its language, a BCP 47 primary subtag.
    pub language: String,
    /// One vector is wanted for each, in this order: the passage with its title, then its question and
    /// phrasings if it has any.
    pub texts: Vec<String>,
}

/// The vectors of one language, in memory: one contiguous block.
#[derive(Debug, Default)]
pub(crate) struct VectorIndex {
    width: usize,
    rows: Vec<i8>,
    /// The passage of each row.
    passages: Vec<i64>,
    /// First and last row of a passage and one beyond.
    of_passage: HashMap<i64, (u32, u32)>,
    /// The highest `vectors.id` looked at.
    last_id: i64,
}

impl VectorIndex {
    /// Reads the vectors that came since the last time. Of another width than the first they are left
    /// out: they cannot be of the same encoder.
    pub(crate) fn catch_up(
        index: &RwLock<Self>,
        db: &Connection,
        encoder: &Encoder,
        language: &str,
    ) -> Result<()> {
        let last: i64 = db
            .prepare_cached("SELECT coalesce(max(id), 0) FROM vectors")?
            .query_row([], |row| row.get(0))?;
        if index.read().unwrap_or_else(PoisonError::into_inner).last_id >= last {
            return Ok(());
        }
        let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
        if index.passages.is_empty() {
            index.reserve(db, encoder)?;
        }
        let mut statement = db.prepare_cached(
            "SELECT v.passage_id, v.vector FROM vectors v JOIN passages p ON p.id = v.passage_id
             JOIN packs k ON k.id = p.pack_id
             WHERE v.id > ?1 AND v.id <= ?2 AND v.encoder = ?3 AND p.language = ?4
               AND k.state = 'ready' ORDER BY v.id",
        )?;
        let mut rows = statement.query((index.last_id, last, &encoder.id, language))?;
        while let Some(row) = rows.next()? {
            let passage = row.get(0)?;
            index.push(passage, row.get_ref(1)?.as_blob().unwrap_or_default());
        }
        index.last_id = last;
        Ok(())
    }

    /// Takes the memory that the first reading needs at most, so that growing does not take twice that.
    fn reserve(&mut self, db: &Connection, encoder: &Encoder) -> Result<()> {
        let sql = "SELECT count(*), coalesce(max(length(vector)), 0) FROM vectors
                   WHERE encoder = ?1";
        let sizes = |row: &rusqlite::Row<'_>| Ok((count(row)?, row.get::<_, u32>(1)? as usize));
        let (rows, width) = db.prepare_cached(sql)?.query_row([&encoder.id], sizes)?;
        self.rows.reserve_exact(rows * width);
        self.passages.reserve_exact(rows);
        Ok(())
    }

    fn push(&mut self, passage: i64, vector: &[u8]) {
        if self.width == 0 {
            self.width = vector.len();
        }
        if vector.len() != self.width || vector.is_empty() {
            return;
        }
        let row = self.passages.len() as u32;
        self.rows.extend(vector.iter().map(|byte| byte.cast_signed()));
        self.passages.push(passage);
        let rows = self.of_passage.entry(passage).or_insert((row, row));
        rows.1 = row + 1;
    }

    /// The passages nearest to a query and the cosine of each, best first, at most `limit`.
    pub(crate) fn nearest(&self, find: Nearest, query: &[i8], limit: usize) -> Vec<(i64, f64)> {
        /// Wordings of one passage that may crowd the front.
        const ROWS_PER_PASSAGE: usize = 4;
        if query.len() != self.width || self.width == 0 {
            return Vec::new();
        }
        let mut found: Vec<(i64, f64)> = Vec::with_capacity(limit);
        for (row, product) in find(&self.rows, self.width, query, limit * ROWS_PER_PASSAGE) {
            let Some(passage) = self.passages.get(row) else { continue };
            if found.len() < limit && found.iter().all(|(known, _)| known != passage) {
                found.push((*passage, f64::from(product) / UNIT));
            }
        }
        found
    }

    /// The cosine between a query and the nearest wording of a passage, if it has vectors.
    pub(crate) fn cosine(&self, query: &[i8], passage: i64) -> Option<f64> {
        let (from, to) = *self.of_passage.get(&passage)?;
        let rows = self.rows.get(from as usize * self.width..to as usize * self.width)?;
        let best = nearest(rows, self.width, query, 1);
        best.first().map(|(_, product)| f64::from(*product) / UNIT)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.rows.capacity() + self.passages.capacity() * 8 + self.of_passage.capacity() * 17
    }
}

impl Store {
    /// The store with vectors of one encoder: those of others are ignored. Connections made with
    /// [`Store::open_another`] share its index.
    #[must_use]
    pub fn with_vectors(self, encoder: &str, nearest: Nearest) -> Self {
        self.with_encoder(Some(Encoder { id: encoder.to_owned(), nearest }))
    }

    /// Passages without vectors of an encoder, in the order of loading but entries first, at most
    /// `limit`; also of packs that are not ready yet.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn passages_without_vectors(&self, encoder: &str, limit: usize) -> Result<Vec<Unencoded>> {
        let mut statement = self.db.prepare_cached(
            "SELECT p.id, p.language, p.title, p.answer, p.question, p.phrasings FROM passages p
             WHERE NOT EXISTS (SELECT 1 FROM vectors v
                               WHERE v.passage_id = p.id AND v.encoder = ?1)
             ORDER BY p.kind = 'document', p.id LIMIT ?2",
        )?;
        let rows = statement.query_map((encoder, limit as i64), |row| {
            let text = |column| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
            let mut texts = vec![format!("{}. {}", text(2)?, text(3)?)];
            let wordings = [text(4)?].into_iter().chain(text(5)?.lines());
            texts.extend(wordings.filter(|wording| !wording.is_empty()).map(str::to_owned));
            Ok(Unencoded { id: row.get(0)?, language: row.get(1)?, texts })
        })?;
        Ok(rows.collect::<Result<_, rusqlite::Error>>()?)
    }

    /// Keeps the vectors of passages, all or none: for each passage one vector for each of its
    /// [`Unencoded::texts`], in that order. What an earlier call kept for the same passage and encoder
    /// is replaced; a passage that has gone meanwhile is left out.
    ///
    /// # Errors
    /// [`StoreError::Vector`] if a vector is empty or longer than [`VECTOR_BYTES_MAX`], or another
    /// [`StoreError`] if the database cannot be written.
    pub fn put_vectors(&mut self, encoder: &str, vectors: &[(i64, Vec<Vec<i8>>)]) -> Result<()> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut replaced = false;
        for (passage, wordings) in vectors {
            let known = transaction
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM passages WHERE id = ?1)")?
                .query_row([passage], |row| row.get::<_, bool>(0))?;
            if !known {
                continue;
            }
            let removed = transaction
                .prepare_cached("DELETE FROM vectors WHERE passage_id = ?1 AND encoder = ?2")?
                .execute((passage, encoder))?;
            replaced |= removed > 0;
            let mut insert = transaction.prepare_cached(
                "INSERT INTO vectors (passage_id, encoder, wording, vector)
                 VALUES (?1, ?2, ?3, ?4)",
            )?;
            for (wording, vector) in wordings.iter().enumerate() {
                if !(1..=VECTOR_BYTES_MAX).contains(&vector.len()) {
                    return Err(StoreError::Vector { passage: *passage, width: vector.len() });
                }
                let bytes: Vec<u8> = vector.iter().map(|value| value.cast_unsigned()).collect();
                insert.execute((passage, encoder, wording as i64, bytes))?;
            }
        }
        if replaced {
            crate::index::changed(&transaction)?;
        }
        Ok(transaction.commit()?)
    }

    /// Drops the vectors of all encoders but one. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be written.
    pub fn drop_other_vectors(&mut self, encoder: &str) -> Result<usize> {
        Ok(self.db.execute("DELETE FROM vectors WHERE encoder <> ?1", [encoder])?)
    }
}
