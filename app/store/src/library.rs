//! Searching the passages.

use std::collections::HashMap;
use std::sync::PoisonError;

use answer::desk::Check;
use answer::passage::Passage;
use answer::ports::{Library, StorageError};
use answer::question::{CacheKey, Language};
use answer::relevance::{Asked, Candidate, Found, PassageText, Query, Shelf, evidence};
use answer::terms::TermKind;
use rusqlite::{OptionalExtension, Row};

use crate::error::Result;
use crate::index::{LanguageIndex, index_term, shelf_of};
use crate::limits::{
    CANDIDATES_BY_MEANING, CANDIDATES_BY_WORDS, ENTRIES_IN_DANGER, POSTINGS_MAX,
    POSTINGS_OF_ONE_TERM_MAX, POSTINGS_WITH_COMMON_MAX,
};
use crate::open::{Store, count};

/// What [`passage`] reads, of `passages` as `p`.
const PASSAGE_COLUMNS: &str = "p.id, p.entry_id, p.language, p.title, p.answer, p.publisher,
     p.source_year,
     (SELECT name || '@' || substr(blake3, 1, 16) FROM packs WHERE packs.id = p.pack_id),
     p.question, p.reviewed_by, p.reviewed_on";

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
        Ok(self.search_passages(query, language, limit)?)
    }
}

impl Store {
    /// Passages that can be searched, in all languages.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn passages(&self) -> Result<usize> {
        let sql = "SELECT count(*) FROM passages p JOIN packs k ON k.id = p.pack_id
                   WHERE k.state = 'ready'";
        Ok(self.db.query_row(sql, [], count)?)
    }

    /// Every entry of the packs that are ready, in all languages, in the order of loading.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn all_passages(&self) -> Result<Vec<Passage>> {
        let sql = format!(
            "SELECT {PASSAGE_COLUMNS} FROM passages p JOIN packs k ON k.id = p.pack_id
             WHERE k.state = 'ready' AND p.kind = 'entry' ORDER BY p.id"
        );
        let mut statement = self.db.prepare(&sql)?;
        Ok(statement.query_map([], passage)?.collect::<Result<_, rusqlite::Error>>()?)
    }

    /// Memory that the search takes in this process so far, in bytes: its words, then its vectors.
    #[must_use]
    pub fn search_bytes(&self) -> (usize, usize) {
        self.index.bytes()
    }

    fn worded_passage(&self, key: &str, language: &str) -> Result<Option<Passage>> {
        let sql = format!(
            "SELECT {PASSAGE_COLUMNS} FROM wordings w JOIN passages p ON p.id = w.passage_id
             JOIN packs k ON k.id = p.pack_id
             WHERE w.key = ?1 AND w.language = ?2 AND k.state = 'ready' AND p.withdrawn = 0
             ORDER BY p.id LIMIT 1"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        Ok(statement.query_row([key, language], passage).optional()?)
    }

    fn search_passages(&self, query: &Query, language: &Language, limit: usize) -> Result<Found> {
        let index = self.index.of(&self.db, language.as_str())?;
        let vocabulary = &index.vocabulary;
        let shelves = [Shelf::Entries, Shelf::Documents];
        let passages_searched =
            shelves.iter().map(|shelf| vocabulary.passages(*shelf) as usize).sum();
        if passages_searched == 0 || query.content.is_empty() {
            return Ok(Found { candidates: Vec::new(), passages_searched });
        }
        let asked = query.expand(language, vocabulary);
        let mut ids: Vec<i64> = Vec::new();
        for shelf in shelves.into_iter().filter(|s| *s == Shelf::Entries || !query.only_entries) {
            let most = match query.only_entries {
                true => ENTRIES_IN_DANGER,
                false => CANDIDATES_BY_WORDS[shelf as usize],
            };
            self.by_words(&asked, shelf, language.as_str(), most, &mut ids)?;
        }
        let cosines = self.by_meaning(query, &index, &mut ids);
        let mut candidates = Vec::with_capacity(ids.len());
        for id in ids {
            let cosine = cosines.get(&id).copied();
            candidates.extend(self.candidate(id, &asked, query, language, &index, cosine)?);
        }
        candidates.sort_by(|a, b| b.score().total_cmp(&a.score()));
        candidates.truncate(limit);
        Ok(Found { candidates, passages_searched })
    }

    /// Adds the passages of a shelf that have the rarest of the terms, as BM25 ranks them.
    fn by_words(
        &self,
        asked: &[Asked],
        shelf: Shelf,
        language: &str,
        most: usize,
        ids: &mut Vec<i64>,
    ) -> Result<()> {
        let (rare, common) = split_by_rarity(asked, shelf);
        if rare.is_empty() {
            return Ok(());
        }
        let any = |terms: &[&str]| {
            let quoted = terms.iter().map(|term| quoted(&index_term(language, term)));
            quoted.collect::<Vec<_>>().join(" OR ")
        };
        self.ranked(&any(&rare), shelf, most, ids)?;
        if !common.is_empty() {
            // Of many passages with a rare term, those with a common one too may rank low there.
            self.ranked(&format!("({}) AND ({})", any(&rare), any(&common)), shelf, most, ids)?;
        }
        Ok(())
    }

    /// Adds the best passages of packs that are ready for an FTS5 expression.
    fn ranked(
        &self,
        expression: &str,
        shelf: Shelf,
        most: usize,
        ids: &mut Vec<i64>,
    ) -> Result<()> {
        let mut statement = self.db.prepare_cached(match shelf {
            Shelf::Entries => {
                "SELECT rowid FROM search_entries WHERE search_entries MATCH ?1 ORDER BY rank"
            }
            Shelf::Documents => {
                "SELECT rowid FROM search_documents WHERE search_documents MATCH ?1 ORDER BY rank"
            }
        })?;
        let mut is_ready = self.db.prepare_cached(
            "SELECT 1 FROM passages p JOIN packs k ON k.id = p.pack_id
             WHERE p.id = ?1 AND k.state = 'ready'",
        )?;
        let mut rows = statement.query([expression])?;
        let mut taken = 0;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            if is_ready.exists([id])? {
                taken += 1;
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
            if taken == most {
                break;
            }
        }
        Ok(())
    }

    /// Adds the passages nearest in meaning; gives the cosines of all, as far as they have vectors.
    fn by_meaning(
        &self,
        query: &Query,
        index: &LanguageIndex,
        ids: &mut Vec<i64>,
    ) -> HashMap<i64, f64> {
        let (Some(vector), Some(encoder)) = (&query.vector, &self.index.encoder) else {
            return HashMap::new();
        };
        let vectors = index.vectors.read().unwrap_or_else(PoisonError::into_inner);
        for (id, _) in vectors.nearest(encoder.nearest, vector, CANDIDATES_BY_MEANING) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids.iter().filter_map(|id| Some((*id, vectors.cosine(vector, *id)?))).collect()
    }

    /// Reads a passage and judges it; `None` if it is not of this language or not ready.
    fn candidate(
        &self,
        id: i64,
        asked: &[Asked],
        query: &Query,
        language: &Language,
        index: &LanguageIndex,
        cosine: Option<f64>,
    ) -> Result<Option<Candidate>> {
        let sql = format!(
            "SELECT {PASSAGE_COLUMNS}, p.phrasings, p.kind, p.section
             FROM passages p JOIN packs k ON k.id = p.pack_id
             WHERE p.id = ?1 AND p.language = ?2 AND k.state = 'ready' AND p.withdrawn = 0"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let row = |row: &Row<'_>| {
            let phrasings: String = row.get("phrasings")?;
            let shelf = shelf_of(row.get_ref("kind")?.as_str()?);
            let section: Option<String> = row.get("section")?;
            Ok((passage(row)?, phrasings, shelf, section.unwrap_or_default()))
        };
        let found = statement.query_row((id, language.as_str()), row).optional()?;
        let Some((passage, phrasings, shelf, section)) = found else { return Ok(None) };
        let text = PassageText {
            title: &passage.title,
            question: if shelf == Shelf::Entries { &passage.question } else { &section },
            phrasings: &phrasings,
            body: &passage.text,
        };
        let evidence =
            evidence(asked, &query.rest, &text, shelf, language.as_str(), &index.vocabulary);
        Ok(Some(Candidate { passage, shelf, evidence, cosine }))
    }
}

/// The terms that a shelf is searched for, rarest first until there is enough to rank, and those that
/// are too common for that; the commonest of all are dropped.
fn split_by_rarity(asked: &[Asked], shelf: Shelf) -> (Vec<&str>, Vec<&str>) {
    let is_word = |asked: &&Asked| matches!(asked.kind, TermKind::Word | TermKind::Letters);
    let mut terms: Vec<(u32, &str)> = Vec::new();
    for only_words in [true, false] {
        let of = asked.iter().filter(|asked| !only_words || is_word(asked));
        let variants = of.flat_map(|asked| &asked.variants);
        terms = variants.map(|v| (v.counts[shelf as usize], v.text.as_str())).collect();
        terms.retain(|(count, _)| *count > 0);
        // Numbers and "not" are searched for only where there is nothing else.
        if !terms.is_empty() {
            break;
        }
    }
    terms.sort_unstable();
    terms.dedup();
    let (mut rare, mut common, mut postings) = (Vec::new(), Vec::new(), 0_usize);
    for (count, term) in terms {
        postings += count as usize;
        let fits = postings <= POSTINGS_MAX;
        if fits || (rare.is_empty() && count as usize <= POSTINGS_OF_ONE_TERM_MAX) {
            rare.push(term);
        } else if postings <= POSTINGS_WITH_COMMON_MAX {
            common.push(term);
        }
    }
    (rare, common)
}

/// A term as FTS5 takes it literally, whatever is in it.
pub(crate) fn quoted(term: &str) -> String {
    format!("\"{}\"", term.replace('"', "\"\"").replace('\0', " "))
}

fn passage(row: &Row<'_>) -> rusqlite::Result<Passage> {
    Ok(Passage {
        id: row.get(1)?,
        language: row.get(2)?,
        title: row.get(3)?,
        text: row.get(4)?,
        publisher: row.get(5)?,
        year: row.get(6)?,
        place: Some(row.get(0)?),
        pack: row.get(7)?,
        question: row.get(8)?,
        check: match row.get::<_, Option<String>>(9)? {
            Some(role) => Some(Check { role, on: row.get(10)? }),
            None => None,
        },
    })
}
