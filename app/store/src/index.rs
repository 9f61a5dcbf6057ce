//! The search index: what is written to it for each passage, and the part of it that is kept in
//! memory, shared by all connections of a process.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use answer::relevance::Shelf;
use answer::spelling::Vocabulary;
use answer::terms::{Term, terms};
use rusqlite::{Connection, Row, Transaction};

use crate::error::Result;
use crate::limits::INDEX_VERSION;
use crate::vectors::{Encoder, VectorIndex};

/// The words for shelves in `passages.kind`.
pub(crate) fn kind_of(shelf: Shelf) -> &'static str {
    match shelf {
        Shelf::Entries => "entry",
        Shelf::Documents => "document",
    }
}

/// The shelf that a `passages.kind` is.
pub(crate) fn shelf_of(kind: &str) -> Shelf {
    if kind == "entry" { Shelf::Entries } else { Shelf::Documents }
}

/// What of one passage is indexed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Indexed<'a> {
    pub(crate) id: i64,
    pub(crate) language: &'a str,
    pub(crate) shelf: Shelf,
    pub(crate) title: &'a str,
    /// Of an entry, the question; of a document's passage, the section.
    pub(crate) question: &'a str,
    pub(crate) phrasings: &'a str,
    pub(crate) body: &'a str,
}

/// Writes passages into the search tables and counts their terms.
#[derive(Debug, Default)]
pub(crate) struct Filler {
    /// By language and shelf: passages that have a term.
    counts: BTreeMap<(String, Shelf), HashMap<String, u32>>,
}

impl Filler {
    /// Indexes one passage that is in `passages` already.
    pub(crate) fn add(&mut self, db: &Connection, passage: &Indexed<'_>) -> Result<()> {
        let mut seen: HashSet<String> = HashSet::new();
        let mut column = |text: &str| {
            let mut out = String::new();
            for term in terms(text, passage.language).into_iter().filter(Term::is_content) {
                if !out.is_empty() {
                    out.push(' ');
                }
                out.push_str(&index_term(passage.language, &term.text));
                seen.insert(term.text);
            }
            out
        };
        let (title, question, body) =
            (column(passage.title), column(passage.question), column(passage.body));
        match passage.shelf {
            Shelf::Entries => db
                .prepare_cached(
                    "INSERT INTO search_entries (rowid, title, question, phrasings, body)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute((passage.id, title, question, column(passage.phrasings), body))?,
            Shelf::Documents => db
                .prepare_cached(
                    "INSERT INTO search_documents (rowid, title, section, body)
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((passage.id, title, question, body))?,
        };
        let counts = self.counts.entry((passage.language.to_owned(), passage.shelf)).or_default();
        for term in seen {
            *counts.entry(term).or_default() += 1;
        }
        Ok(())
    }

    /// Adds what was counted to the terms of a pack.
    pub(crate) fn finish(self, db: &Connection, pack_id: i64) -> Result<()> {
        let mut upsert = db.prepare_cached(
            "INSERT INTO pack_terms (pack_id, language, kind, term, passages)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET passages = passages + excluded.passages",
        )?;
        for ((language, shelf), counts) in self.counts {
            let mut counts: Vec<_> = counts.into_iter().collect();
            counts.sort_unstable();
            for (term, passages) in counts {
                upsert.execute((pack_id, &language, kind_of(shelf), term, passages))?;
            }
        }
        Ok(())
    }
}

/// A term as the search tables have it: of its language, so that a search keeps to one.
pub(crate) fn index_term(language: &str, term: &str) -> String {
    format!("{language}:{term}")
}

/// Puts a passage into the index as it is now; one that is withdrawn is taken out. Its vectors go, to be
/// made anew.
pub(crate) fn reindex(transaction: &Transaction<'_>, passage_id: i64) -> Result<()> {
    for table in ["search_entries", "search_documents"] {
        transaction
            .prepare_cached(&format!("DELETE FROM {table} WHERE rowid = ?1"))?
            .execute([passage_id])?;
    }
    transaction
        .prepare_cached("DELETE FROM vectors WHERE passage_id = ?1")?
        .execute([passage_id])?;
    let mut statement = transaction.prepare_cached(
        "SELECT id, language, kind, title, question, section, phrasings, answer, pack_id
         FROM passages WHERE id = ?1 AND withdrawn = 0",
    )?;
    let mut rows = statement.query([passage_id])?;
    if let Some(row) = rows.next()? {
        let mut filler = Filler::default();
        add_row(&mut filler, transaction, row)?;
        // What was counted stays counted: only words that the pack did not have are new.
        for ((language, shelf), counts) in filler.counts {
            for term in counts.into_keys() {
                transaction
                    .prepare_cached(
                        "INSERT OR IGNORE INTO pack_terms (pack_id, language, kind, term, passages)
                         VALUES (?1, ?2, ?3, ?4, 1)",
                    )?
                    .execute((row.get::<_, i64>(8)?, &language, kind_of(shelf), term))?;
            }
        }
    }
    changed(transaction)
}

/// Tells all connections that what can be searched has changed.
pub(crate) fn changed(db: &Connection) -> Result<()> {
    db.prepare_cached("UPDATE search_state SET generation = generation + 1")?.execute([])?;
    Ok(())
}

/// True if the index was made by another version of the terms, or not at all.
pub(crate) fn is_outdated(db: &Connection) -> Result<bool> {
    let sql = "SELECT version FROM search_state";
    Ok(db.query_row(sql, [], |row| row.get::<_, u32>(0))? != INDEX_VERSION)
}

/// Indexes a row of id, language, kind, title, question, section, phrasings, answer.
fn add_row(filler: &mut Filler, db: &Connection, row: &Row<'_>) -> Result<()> {
    let text = |column: usize| -> rusqlite::Result<String> {
        Ok(row.get::<_, Option<String>>(column)?.unwrap_or_default())
    };
    let shelf = shelf_of(&text(2)?);
    filler.add(
        db,
        &Indexed {
            id: row.get(0)?,
            language: &text(1)?,
            shelf,
            title: &text(3)?,
            question: &text(if shelf == Shelf::Entries { 4 } else { 5 })?,
            phrasings: &text(6)?,
            body: &text(7)?,
        },
    )
}

/// Makes the whole index anew from `passages`.
pub(crate) fn refill(transaction: &Transaction<'_>) -> Result<()> {
    transaction.execute_batch(
        "INSERT INTO search_entries (search_entries) VALUES ('delete-all');
         INSERT INTO search_documents (search_documents) VALUES ('delete-all');
         DELETE FROM pack_terms;",
    )?;
    let packs: Vec<i64> = transaction
        .prepare("SELECT id FROM packs ORDER BY id")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, rusqlite::Error>>()?;
    for pack_id in packs {
        let mut statement = transaction.prepare_cached(
            "SELECT id, language, kind, title, question, section, phrasings, answer FROM passages
             WHERE pack_id = ?1 AND withdrawn = 0 ORDER BY id",
        )?;
        let mut rows = statement.query([pack_id])?;
        let mut filler = Filler::default();
        while let Some(row) = rows.next()? {
            add_row(&mut filler, transaction, row)?;
        }
        filler.finish(transaction, pack_id)?;
    }
    transaction.execute("UPDATE search_state SET version = ?1", [INDEX_VERSION])?;
    changed(transaction)
}

/// What is kept of the index in memory.
#[derive(Default)]
pub(crate) struct Index {
    pub(crate) encoder: Option<Encoder>,
    languages: RwLock<HashMap<String, Arc<LanguageIndex>>>,
}

/// The part of one language.
pub(crate) struct LanguageIndex {
    generation: i64,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) vectors: RwLock<VectorIndex>,
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("encoder", &self.encoder).finish_non_exhaustive()
    }
}

impl Index {
    /// An index with vectors of an encoder.
    pub(crate) fn new(encoder: Option<Encoder>) -> Self {
        Self { encoder, languages: RwLock::default() }
    }

    /// The part of a language, as the database has it now.
    pub(crate) fn of(&self, db: &Connection, language: &str) -> Result<Arc<LanguageIndex>> {
        let generation: i64 = db
            .prepare_cached("SELECT generation FROM search_state")?
            .query_row([], |row| row.get(0))?;
        let index = match self.known(language, generation) {
            Some(known) => known,
            None => {
                let read = Arc::new(LanguageIndex::read(db, language, generation)?);
                let mut all = self.languages.write().unwrap_or_else(PoisonError::into_inner);
                if read.vocabulary.is_empty() {
                    // Anybody may ask in any language: what is not there takes no room.
                    all.remove(language);
                } else {
                    all.insert(language.to_owned(), Arc::clone(&read));
                }
                read
            }
        };
        if let Some(encoder) = &self.encoder {
            VectorIndex::catch_up(&index.vectors, db, encoder, language)?;
        }
        Ok(index)
    }

    fn known(&self, language: &str, generation: i64) -> Option<Arc<LanguageIndex>> {
        let all = self.languages.read().unwrap_or_else(PoisonError::into_inner);
        all.get(language).filter(|known| known.generation == generation).cloned()
    }

    /// Bytes of memory of all that was read so far: vocabularies, then vectors.
    pub(crate) fn bytes(&self) -> (usize, usize) {
        let all = self.languages.read().unwrap_or_else(PoisonError::into_inner);
        all.values().fold((0, 0), |(words, vectors), index| {
            let of_vectors = index.vectors.read().unwrap_or_else(PoisonError::into_inner).bytes();
            (words + index.vocabulary.bytes(), vectors + of_vectors)
        })
    }
}

impl LanguageIndex {
    fn read(db: &Connection, language: &str, generation: i64) -> Result<Self> {
        let mut statement = db.prepare_cached(
            "SELECT t.term, t.kind, t.passages FROM pack_terms t JOIN packs k ON k.id = t.pack_id
             WHERE t.language = ?1 AND k.state = 'ready'",
        )?;
        let rows = statement.query_map([language], |row| {
            Ok((row.get(0)?, shelf_of(row.get_ref(1)?.as_str()?), row.get(2)?))
        })?;
        let words = rows.collect::<Result<Vec<(String, Shelf, u32)>, rusqlite::Error>>()?;
        let mut passages = [0; 2];
        let mut statement = db.prepare_cached(
            "SELECT p.kind, count(*) FROM passages p JOIN packs k ON k.id = p.pack_id
             WHERE p.language = ?1 AND k.state = 'ready' GROUP BY p.kind",
        )?;
        let mut rows = statement.query([language])?;
        while let Some(row) = rows.next()? {
            passages[shelf_of(row.get_ref(0)?.as_str().unwrap_or_default()) as usize] =
                row.get(1)?;
        }
        Ok(Self {
            generation,
            vocabulary: Vocabulary::new(words, passages, language),
            vectors: RwLock::default(),
        })
    }
}
