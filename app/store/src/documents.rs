//! Passages cut from documents. There may be hundreds of thousands, so that they are taken in pieces:
//! until [`Store::finish_documents`] nothing of them is found.

use std::path::{Path, PathBuf};

use answer::relevance::Shelf;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::error::{Result, StoreError};
use crate::index::{self, Filler, Indexed};
use crate::load::{expire, remove};
use crate::open::{Store, count};

/// What the name of a pack ends with while it is being taken in, so that an earlier revision of it can
/// be searched meanwhile. No name of a knowledge pack has a space.
pub(crate) const BUILDING: &str = " (building)";

/// Where documents come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentPack {
    /// Name of the pack, the same from one revision to the next.
    pub name: String,
    /// `YYYY-MM`.
    pub revision: String,
    /// BCP 47 primary subtag of most of it.
    pub language: String,
    /// SPDX expression, or the licence in words.
    pub licence: String,
    /// For the person who looks at the pack.
    pub note: String,
    /// Identifies the content, in hexadecimal.
    pub blake3: String,
    /// Who published the documents.
    pub publisher: String,
    /// Year of publication.
    pub year: u16,
}

/// A piece of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentPassage {
    /// Identifier, unique in the pack.
    pub id: String,
    /// BCP 47 primary subtag.
    pub language: String,
    /// Title of the document.
    pub title: String,
    /// Heading that the passage stands under; may be empty.
    pub section: String,
    /// The passage itself, plain text.
    pub text: String,
    /// Number of the document in its pack.
    pub document_id: i64,
    /// Place in the order of the document's passages.
    pub position: i64,
    /// Link target inside the document or its web address.
    pub anchor: Option<String>,
    /// Page, counted from 1.
    pub page: Option<u32>,
}

impl Store {
    /// True if exactly these documents are on the box, ready.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn has_documents(&self, pack: &DocumentPack) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM packs
                   WHERE name = ?1 AND blake3 = ?2 AND state = 'ready')";
        Ok(self.db.query_row(sql, [&pack.name, &pack.blake3], |row| row.get(0))?)
    }

    /// Begins to take in a pack of documents from a file, or goes on with it if an earlier attempt at the
    /// same content was cut off: the pack's number, and the position in the file to go on from.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be written.
    pub fn begin_or_resume_documents(
        &mut self,
        pack: &DocumentPack,
        file: &Path,
    ) -> Result<(i64, u64)> {
        let unfinished = self
            .db
            .query_row(
                "SELECT k.id, i.position FROM packs k JOIN imports i ON i.pack_id = k.id
                 WHERE k.name = ?1 AND k.blake3 = ?2 AND k.state = 'building'",
                [&format!("{}{BUILDING}", pack.name), &pack.blake3],
                |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)),
            )
            .optional()?;
        if let Some((id, position)) = unfinished {
            return Ok((id, u64::try_from(position).unwrap_or(0)));
        }
        let id = self.begin_documents(pack)?;
        self.db.execute(
            "INSERT INTO imports (pack_id, file, position, total) VALUES (?1, ?2, 0, 0)",
            (id, file.to_string_lossy()),
        )?;
        Ok((id, 0))
    }

    /// Drops what was taken in of a pack, because its file is not what it was any more.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be written.
    pub fn drop_documents(&mut self, pack_id: i64, pack: &DocumentPack) -> Result<()> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        still_building(&transaction, pack_id, pack)?;
        remove(&transaction, pack_id)?;
        Ok(transaction.commit()?)
    }

    /// Files whose import was cut off, to go on with at the next start.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn unfinished_imports(&self) -> Result<Vec<PathBuf>> {
        let mut statement = self.db.prepare("SELECT file FROM imports ORDER BY pack_id")?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        Ok(rows.map(|file| file.map(PathBuf::from)).collect::<rusqlite::Result<_>>()?)
    }

    /// Notes how far the file is read in; give it with the passages that were read up to there.
    fn note_position(
        transaction: &Transaction<'_>,
        id: i64,
        position: u64,
        total: u64,
    ) -> Result<()> {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        transaction.execute(
            "UPDATE imports SET position = ?2, total = ?3 WHERE pack_id = ?1",
            (id, number(position), number(total)),
        )?;
        Ok(())
    }

    /// Begins to take in a pack of documents; what an earlier attempt left under the same name is
    /// dropped. Returns its number for the calls that follow.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be written.
    pub fn begin_documents(&mut self, pack: &DocumentPack) -> Result<i64> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let name = format!("{}{BUILDING}", pack.name);
        let unfinished: Option<i64> = transaction
            .query_row("SELECT id FROM packs WHERE name = ?1", [&name], |row| row.get(0))
            .optional()?;
        if let Some(id) = unfinished {
            remove(&transaction, id)?;
        }
        transaction.execute(
            "INSERT INTO packs (name, revision, language, licence, note, blake3, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'building')",
            (&name, &pack.revision, &pack.language, &pack.licence, &pack.note, &pack.blake3),
        )?;
        let id = transaction.last_insert_rowid();
        transaction.commit()?;
        Ok(id)
    }

    /// Adds passages to a pack that is being taken in, in one transaction. Give about
    /// [`crate::limits::DOCUMENT_BATCH`] at a time.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be written, as when an id stands twice; none of
    /// these passages is kept then.
    pub fn add_documents(
        &mut self,
        pack_id: i64,
        pack: &DocumentPack,
        passages: &[DocumentPassage],
        (position, total): (u64, u64),
    ) -> Result<()> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        still_building(&transaction, pack_id, pack)?;
        let mut filler = Filler::default();
        for passage in passages {
            transaction
                .prepare_cached(
                    "INSERT INTO passages
                         (pack_id, entry_id, language, topic, title, question, phrasings, answer,
                          publisher, source_title, source_year, kind, document_id, position,
                          section, anchor, page)
                     VALUES (?1, ?2, ?3, 'document', ?4, '', '', ?5, ?6, ?4, ?7, 'document', ?8, ?9,
                             ?10, ?11, ?12)",
                )?
                .execute((
                    pack_id,
                    &passage.id,
                    &passage.language,
                    &passage.title,
                    &passage.text,
                    &pack.publisher,
                    pack.year,
                    passage.document_id,
                    passage.position,
                    &passage.section,
                    &passage.anchor,
                    passage.page,
                ))?;
            filler.add(
                &transaction,
                &Indexed {
                    id: transaction.last_insert_rowid(),
                    language: &passage.language,
                    shelf: Shelf::Documents,
                    title: &passage.title,
                    question: &passage.section,
                    phrasings: "",
                    body: &passage.text,
                },
            )?;
        }
        filler.finish(&transaction, pack_id)?;
        Self::note_position(&transaction, pack_id, position, total)?;
        Ok(transaction.commit()?)
    }

    /// Makes a pack that was taken in searchable, in place of any earlier one of its name; gives how many
    /// passages it has. One without any is dropped.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be written; the earlier pack then stays.
    pub fn finish_documents(&mut self, pack_id: i64, pack: &DocumentPack) -> Result<usize> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        still_building(&transaction, pack_id, pack)?;
        let building: String =
            transaction
                .query_row("SELECT name FROM packs WHERE id = ?1", [pack_id], |row| row.get(0))?;
        let name = building.strip_suffix(BUILDING).unwrap_or(&building);
        let earlier: Option<i64> = transaction
            .query_row(
                "SELECT id FROM packs WHERE name = ?1 AND id <> ?2",
                (name, pack_id),
                |row| row.get(0),
            )
            .optional()?;
        let sql = "SELECT count(*) FROM passages WHERE pack_id = ?1";
        let passages = transaction.query_row(sql, [pack_id], count)?;
        if passages == 0 {
            remove(&transaction, pack_id)?;
            transaction.commit()?;
            return Ok(0);
        }
        if let Some(earlier) = earlier {
            remove(&transaction, earlier)?;
            expire(&transaction, name)?;
        }
        transaction.execute("DELETE FROM imports WHERE pack_id = ?1", [pack_id])?;
        transaction.execute(
            "UPDATE packs SET name = ?1, state = 'ready' WHERE id = ?2",
            (name, pack_id),
        )?;
        index::changed(&transaction)?;
        transaction.commit()?;
        Ok(passages)
    }
}

/// Refuses to go on with a pack that somebody else has begun anew.
fn still_building(db: &Connection, pack_id: i64, pack: &DocumentPack) -> Result<()> {
    let sql = "SELECT EXISTS (SELECT 1 FROM packs
               WHERE id = ?1 AND name = ?2 AND blake3 = ?3 AND state = 'building')";
    let name = format!("{}{BUILDING}", pack.name);
    match db.query_row(sql, (pack_id, &name, &pack.blake3), |row| row.get(0))? {
        true => Ok(()),
        false => Err(StoreError::Unexpected(format!(
            "{} is being read in by somebody else: wait until that is done",
            pack.name
        ))),
    }
}
