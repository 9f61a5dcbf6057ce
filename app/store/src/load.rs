//! Loading knowledge packs, each all or nothing.

use answer::danger::Rules;
use answer::dose;
use answer::question::{CacheKey, Language, QuestionText};
use answer::relevance::Shelf;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::error::Result;
use crate::index::{self, Filler, Indexed};
use crate::knowledge::{Entry, KnowledgePack};
use crate::open::Store;

/// What loading a pack did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loaded {
    /// The pack was not there, or an earlier revision was, or another text of the same revision.
    New,
    /// Exactly this pack was there already.
    Same,
    /// A later revision is there, and stays.
    Older,
}

impl Store {
    /// Loads a pack in place of any earlier revision of it, in one transaction: a search sees the
    /// old pack or the new one, never a mixture, whatever happens in between.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be written.
    pub fn load(&mut self, pack: &KnowledgePack) -> Result<Loaded> {
        self.load_signed(pack, None)
    }

    /// As [`Store::load`], of a pack whose signature by a trusted key was checked: `signed_by` is
    /// whose key that is.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn load_signed(&mut self, pack: &KnowledgePack, signed_by: Option<&str>) -> Result<Loaded> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let header = &pack.header;
        let present: Option<(i64, String, String)> = transaction
            .query_row(
                "SELECT id, revision, blake3 FROM packs WHERE name = ?1",
                [&header.name],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()?;
        if let Some((id, revision, blake3)) = present {
            if blake3 == pack.blake3 {
                return Ok(Loaded::Same);
            }
            if revision > header.revision {
                return Ok(Loaded::Older);
            }
            remove(&transaction, id)?;
            expire(&transaction, &header.name)?;
        }
        transaction.execute(
            "INSERT INTO packs (name, revision, language, licence, note, blake3, signed_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                &header.name,
                &header.revision,
                &header.language,
                &header.licence,
                &header.note,
                &pack.blake3,
                signed_by,
            ),
        )?;
        let pack_id = transaction.last_insert_rowid();
        let mut filler = Filler::default();
        for entry in &pack.entries {
            insert(&transaction, pack_id, entry, &mut filler)?;
        }
        filler.finish(&transaction, pack_id)?;
        index::changed(&transaction)?;
        crate::reviews::apply_reviews(&transaction, &header.name)?;
        transaction.commit()?;
        Ok(Loaded::New)
    }

    /// True if a pack of exactly this content is there, by [`KnowledgePack::checksum`].
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn has_pack(&self, checksum: &str) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM packs WHERE blake3 = ?1 AND state = 'ready')";
        Ok(self.db.query_row(sql, [checksum], |row| row.get(0))?)
    }

    /// Identifies all packs that are ready, whatever the order they were loaded in: another id means that
    /// answers made before may be out of date.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn knowledge_id(&self) -> Result<String> {
        let mut statement = self.db.prepare(
            "SELECT name, revision, blake3 FROM packs WHERE state = 'ready' ORDER BY name",
        )?;
        let mut rows = statement.query([])?;
        let mut hasher = blake3::Hasher::new();
        while let Some(row) = rows.next()? {
            for column in 0..3 {
                hasher.update(row.get_ref(column)?.as_str().unwrap_or_default().as_bytes());
                hasher.update(b"\0");
            }
        }
        Ok(hasher.finalize().to_hex()[..16].to_owned())
    }
}

/// Takes answers that rest on a pack out of the cache, since what they cite may have changed.
pub(crate) fn expire(db: &Connection, pack: &str) -> Result<()> {
    db.execute(
        "DELETE FROM cache WHERE answer_seq IN
             (SELECT answer_seq FROM sources WHERE pack >= ?1 || '@' AND pack < ?1 || 'A')",
        [pack],
    )?;
    Ok(())
}

pub(crate) fn remove(transaction: &Transaction<'_>, pack_id: i64) -> Result<()> {
    for table in ["search_entries", "search_documents"] {
        transaction.execute(
            &format!(
                "DELETE FROM {table} WHERE rowid IN (SELECT id FROM passages WHERE pack_id = ?1)"
            ),
            [pack_id],
        )?;
    }
    transaction.execute("DELETE FROM passages WHERE pack_id = ?1", [pack_id])?;
    transaction.execute("DELETE FROM packs WHERE id = ?1", [pack_id])?;
    Ok(())
}

/// How much an entry needs a reviewer: see the column in `schema/0004.sql`.
fn attention(entry: &Entry) -> u8 {
    let danger = Language::parse(&entry.language)
        .is_some_and(|language| !Rules::embedded().check(&entry.question, &language).is_empty());
    2 * u8::from(danger) + u8::from(dose::has_dose(&entry.answer))
}

fn insert(
    transaction: &Transaction<'_>,
    pack_id: i64,
    entry: &Entry,
    filler: &mut Filler,
) -> Result<()> {
    let phrasings = entry.phrasings.join("\n");
    transaction
        .prepare_cached(
            "INSERT INTO passages
                 (pack_id, entry_id, language, topic, title, question, phrasings, answer,
                  publisher, source_title, source_year, reviewed_by, reviewed_on, sms, attention)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(params![
            pack_id,
            &entry.id,
            &entry.language,
            &entry.topic,
            &entry.title,
            &entry.question,
            &phrasings,
            &entry.answer,
            &entry.source.publisher,
            &entry.source.title,
            entry.source.year,
            entry.reviewed.as_ref().map(|review| &review.by),
            entry.reviewed.as_ref().map(|review| &review.on),
            &entry.sms,
            attention(entry),
        ])?;
    let id = transaction.last_insert_rowid();
    filler.add(
        transaction,
        &Indexed {
            id,
            language: &entry.language,
            shelf: Shelf::Entries,
            title: &entry.title,
            question: &entry.question,
            phrasings: &phrasings,
            body: &entry.answer,
        },
    )?;
    let mut insert_wording = transaction.prepare_cached(
        "INSERT OR IGNORE INTO wordings (key, language, passage_id) VALUES (?1, ?2, ?3)",
    )?;
    for wording in entry.phrasings.iter().chain([&entry.question]) {
        // One that is too long to be asked is never asked.
        if let Ok(wording) = QuestionText::parse(wording) {
            let key = CacheKey::of(&wording);
            insert_wording.execute((key.as_str(), &entry.language, id))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use answer::answering::{Ground, find_ground};
    use answer::question::Language;
    use answer::relevance::Query;

    use super::*;

    fn pack(revision: &str, language: &str, answer: &str) -> KnowledgePack {
        let lines = format!(
            "{{\"format\":\"baraza-knowledge\",\"version\":1,\"name\":\"p\",\"revision\":\
             \"{revision}\",\"language\":\"en\",\"licence\":\"CC0-1.0\",\"note\":\"n\"}}\n\
             {{\"id\":\"a\",\"language\":\"{language}\",\"topic\":\"school\",\"title\":\"Comets\",\
             \"question\":\"What is a comet?\",\"phrasings\":[\"tell about comets\"],\"answer\":\
             \"{answer}\",\"source\":{{\"publisher\":\"P\",\"title\":\"S\",\"year\":2020}},\
             \"reviewed\":null}}\n"
        );
        KnowledgePack::parse("p.jsonl", lines.as_bytes()).unwrap()
    }

    fn answer_to(store: &Store, question: &str, language: &str) -> Option<String> {
        let question = QuestionText::parse(question).unwrap();
        let language = Language::parse(language).unwrap();
        match find_ground(&question, &language, None, store).unwrap() {
            Ground::Passage(passage) => Some(passage.text),
            _ => None,
        }
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    #[test]
    fn a_later_revision_replaces_an_earlier_one_and_not_the_other_way() {
        let (_folder, mut store) = store();
        let empty = store.knowledge_id().unwrap();
        assert_eq!(store.load(&pack("2026-01", "en", "Ice.")).unwrap(), Loaded::New);
        assert_eq!(store.load(&pack("2026-01", "en", "Ice.")).unwrap(), Loaded::Same);
        let first = store.knowledge_id().unwrap();
        assert_ne!(first, empty);
        assert_eq!(store.load(&pack("2026-02", "en", "Dirty ice.")).unwrap(), Loaded::New);
        assert_ne!(store.knowledge_id().unwrap(), first);
        assert_eq!(store.load(&pack("2026-01", "en", "Ice.")).unwrap(), Loaded::Older);
        assert_eq!(answer_to(&store, "comets", "en").as_deref(), Some("Dirty ice."));
        assert_eq!(store.passages().unwrap(), 1);
        assert_eq!(store.integrity_errors().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_search_keeps_to_its_language() {
        let (_folder, mut store) = store();
        store.load(&pack("2026-01", "fr", "De la glace.")).unwrap();
        assert_eq!(answer_to(&store, "comet", "fr").as_deref(), Some("De la glace."));
        assert_eq!(answer_to(&store, "comet", "en"), None);
        assert_eq!(answer_to(&store, "comet", "sw"), None);
    }

    #[test]
    fn words_cannot_speak_to_the_search_engine() {
        let (_folder, mut store) = store();
        store.load(&pack("2026-01", "en", "Ice.")).unwrap();
        for hostile in ["\" OR title:\"", "comet* NEAR(", "{title} : x", "NOT AND OR", "a\"\"b"] {
            let language = Language::english();
            let mut query = Query::of(&QuestionText::parse("comet ice").unwrap(), &language);
            query.content[0].term.text = hostile.into();
            query.content[1].phrase_means = vec![hostile.into(), "x\0y".into()];
            query.rest = vec![hostile.into()];
            answer::ports::Library::search(&store, &query, &language, 5).unwrap();
        }
    }

    #[test]
    fn a_full_disk_leaves_the_old_pack_whole() {
        let (_folder, mut store) = store();
        store.load(&pack("2026-01", "en", "Ice.")).unwrap();
        let pages: u32 = store.db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        store.db.pragma_update(None, "max_page_count", pages).unwrap();
        let starter = KnowledgePack::parse("s", crate::STARTER.as_bytes()).unwrap();
        let error = store.load(&starter).unwrap_err();
        assert!(matches!(error, crate::StoreError::DiskFull), "{error}");
        assert_eq!(store.passages().unwrap(), 1);
        assert_eq!(answer_to(&store, "comets", "en").as_deref(), Some("Ice."));
        store.db.pragma_update(None, "max_page_count", 1_000_000).unwrap();
        assert_eq!(store.load(&starter).unwrap(), Loaded::New);
        assert_eq!(store.integrity_errors().unwrap(), Vec::<String>::new());
    }
}
