//! Forgetting questions: at once for whoever asked, and after a time for all. Time is how long the
//! box ran, so that no wrong date deletes anything.

use answer::desk::AnswerCode;
use rusqlite::{OptionalExtension, Transaction, params};

use crate::error::Result;
use crate::limits::{DAY_S, FORGET_BATCH};
use crate::open::Store;
use crate::reviews::{general_key, retire_key};

/// How the code of a question begins that nobody can look up any more; no answer code has small
/// letters.
const FORGOTTEN: &str = "forgotten-";

/// A question to be forgotten.
struct Old {
    seq: i64,
    key: String,
    language: String,
    general: String,
}

impl Store {
    /// Deletes a question with its answer, for whoever has its code; one that waits is cancelled.
    /// An answer that others may get again stays in the cache, without the question, code and time,
    /// if nothing of a person was in the question. False if there is no such code.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be written; nothing is deleted then.
    pub fn forget(&mut self, code: &AnswerCode) -> Result<bool> {
        self.leave_no_traces(true)?;
        let transaction = self.begin()?;
        let found = transaction
            .prepare_cached(
                "SELECT seq, cache_key, language, general FROM questions WHERE code = ?1",
            )?
            .query_row([code.as_str()], |row| {
                Ok(Old {
                    seq: row.get(0)?,
                    key: row.get(1)?,
                    language: row.get(2)?,
                    general: row.get(3)?,
                })
            })
            .optional()?;
        if let Some(old) = &found {
            forget_question(&transaction, old)?;
        }
        transaction.commit()?;
        self.leave_no_traces(false)?;
        Ok(found.is_some())
    }

    /// Deletes questions that were answered or given up on and are older than so many days of
    /// running time; 0 keeps all. Those that wait are kept, and checked answers. Gives how many
    /// were deleted.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be written; what was deleted before stays
    /// deleted.
    pub fn forget_old(&mut self, retention_days: u32) -> Result<usize> {
        if retention_days == 0 {
            return Ok(0);
        }
        let age_s = u64::from(retention_days) * DAY_S;
        let Some(before_s) = self.running_s()?.checked_sub(age_s) else { return Ok(0) };
        let before_s = i64::try_from(before_s).unwrap_or(i64::MAX);
        self.leave_no_traces(true)?;
        let mut forgotten = 0;
        let mut last = 0;
        loop {
            let transaction = self.begin()?;
            let batch = old_questions(&transaction, before_s, last)?;
            let Some(end) = batch.last() else { break };
            last = end.seq;
            for old in &batch {
                forget_question(&transaction, old)?;
            }
            transaction.commit()?;
            forgotten += batch.len();
        }
        self.drop_unused()?;
        if forgotten > 0 {
            // Words of deleted rows stand in the index until its parts are merged.
            self.db.execute("INSERT INTO near (near) VALUES ('optimize')", [])?;
        }
        self.leave_no_traces(false)?;
        Ok(forgotten)
    }

    /// Questions that were kept without their words for the cache, once the cache has another
    /// answer.
    fn drop_unused(&mut self) -> Result<()> {
        let transaction = self.begin()?;
        let unused = transaction
            .prepare(
                "SELECT q.seq, q.cache_key, q.language, q.general FROM questions q
                 WHERE q.code >= ?1 AND q.code < ?1 || 'z' AND NOT EXISTS
                     (SELECT 1 FROM answers a JOIN cache c ON c.answer_seq = a.seq
                      WHERE a.question_seq = q.seq)",
            )?
            .query_map([FORGOTTEN], |row| {
                Ok(Old {
                    seq: row.get(0)?,
                    key: row.get(1)?,
                    language: row.get(2)?,
                    general: row.get(3)?,
                })
            })?
            .collect::<rusqlite::Result<Vec<Old>>>()?;
        for old in &unused {
            delete(&transaction, old)?;
        }
        Ok(transaction.commit()?)
    }

    /// Has SQLite write zeros over what is deleted, or not.
    fn leave_no_traces(&self, on: bool) -> Result<()> {
        // The pragma answers with its value.
        Ok(self.db.query_row(
            &format!("PRAGMA secure_delete = {}", u8::from(on)),
            [],
            |_| Ok(()),
        )?)
    }
}

fn old_questions(transaction: &Transaction<'_>, before_s: i64, last: i64) -> Result<Vec<Old>> {
    let mut statement = transaction.prepare_cached(
        "SELECT seq, cache_key, language, general FROM questions
         WHERE seq > ?1 AND state IN ('done', 'failed') AND asked_running_s < ?2
           AND NOT (code >= ?3 AND code < ?3 || 'z')
         ORDER BY seq LIMIT ?4",
    )?;
    let rows =
        statement.query_map(params![last, before_s, FORGOTTEN, FORGET_BATCH as i64], |row| {
            Ok(Old {
                seq: row.get(0)?,
                key: row.get(1)?,
                language: row.get(2)?,
                general: row.get(3)?,
            })
        })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn forget_question(transaction: &Transaction<'_>, old: &Old) -> Result<()> {
    // A key that is that of the general form has nothing of a person in it.
    let impersonal = general_key(&old.general).is_some_and(|key| key == old.key);
    let cached: bool = transaction
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM answers a JOIN cache c ON c.answer_seq = a.seq
                            WHERE a.question_seq = ?1)",
        )?
        .query_row([old.seq], |row| row.get(0))?;
    if !(impersonal && cached) {
        return delete(transaction, old);
    }
    transaction
        .prepare_cached(
            "UPDATE questions SET code = ?2 || seq, text = '', channel = '', asker = NULL,
                                  asked_unix_s = 0, asked_running_s = 0
             WHERE seq = ?1",
        )?
        .execute(params![old.seq, FORGOTTEN])?;
    transaction
        .prepare_cached("DELETE FROM notices WHERE question_seq = ?1")?
        .execute([old.seq])?;
    Ok(())
}

fn delete(transaction: &Transaction<'_>, old: &Old) -> Result<()> {
    transaction.prepare_cached("DELETE FROM questions WHERE seq = ?1")?.execute([old.seq])?;
    retire_key(transaction, &old.key, &old.language)
}

#[cfg(test)]
mod tests {
    use answer::review::{Decision, Reviewer, Target};

    use super::*;
    use crate::audit::By;
    use crate::reviews::{Rules, content_words};

    const CODES: [&str; 5] = ["KKKKKK3", "KKKKKK4", "KKKKKK6", "KKKKKK7", "KKKKKK9"];

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    fn ask(store: &Store, code: &str, text: &str, general: &str, state: &str) -> i64 {
        let sql = "INSERT INTO questions (code, text, general, language, channel, cache_key, state,
                       failure, asked_unix_s)
                   VALUES (?1, ?2, ?3, 'en', 'sms', lower(?2), ?4,
                       iif(?4 = 'failed', 'x', NULL), 77)";
        store.db.execute(sql, [code, text, general, state]).unwrap();
        let seq = store.db.last_insert_rowid();
        if state == "done" {
            store
                .db
                .execute_batch(&format!(
                    "INSERT INTO answers (question_seq, text, origin, danger, milliseconds, made_by,
                         made_from, made_how) VALUES ({seq}, 'Rest.', 'model', 0, 1, '', '', 1);
                     INSERT INTO cache (key, language, answer_seq)
                         SELECT cache_key, 'en', last_insert_rowid() FROM questions
                         WHERE seq = {seq};
                     INSERT INTO floors VALUES ({seq}, 'r', 't', 's', 'en', 'x', 0);
                     INSERT INTO notices (question_seq, kind, text)
                         VALUES ({seq}, 'withdrawn', '');"
                ))
                .unwrap();
        }
        seq
    }

    fn number(store: &Store, sql: &str) -> i64 {
        store.db.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn code(text: &str) -> AnswerCode {
        AnswerCode::parse(text).unwrap()
    }

    /// Every text in the database, but for the schema.
    fn words(store: &Store) -> String {
        let sql = "SELECT coalesce(group_concat(code || text || general || cache_key), '')
                       || coalesce((SELECT group_concat(key) FROM cache), '')
                       || coalesce((SELECT group_concat(key) FROM asked), '')
                       || coalesce((SELECT group_concat(key) FROM reviews), '') FROM questions";
        store.db.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn old_questions_go_and_what_others_need_stays() {
        let (_folder, mut store) = store();
        ask(&store, CODES[0], "Fever?", "Fever?", "done");
        store.db.execute("UPDATE questions SET cache_key = 'fever'", []).unwrap();
        store.db.execute("UPDATE cache SET key = 'fever'", []).unwrap();
        ask(&store, CODES[1], "Juma has fever", "NAME has fever", "done");
        ask(&store, CODES[2], "Broken", "Broken", "failed");
        ask(&store, CODES[3], "Waiting", "Waiting", "accepted");
        assert_eq!(store.forget_old(1).unwrap(), 0, "the box has not run for a day");
        store.add_running(86_400).unwrap();
        assert_eq!(store.forget_old(0).unwrap(), 0);
        assert_eq!(store.forget_old(1).unwrap(), 0, "exactly a day is not more");
        store.add_running(1).unwrap();
        assert_eq!(store.forget_old(1).unwrap(), 3);
        assert_eq!(store.forget_old(1).unwrap(), 0);
        let left = words(&store);
        assert!(!left.contains("Juma") && !left.contains("juma") && !left.contains("Broken"));
        assert!(left.contains("Waiting") && left.contains("fever"), "{left}");
        for gone in &CODES[..3] {
            assert!(!left.contains(gone));
        }
        assert_eq!(number(&store, "SELECT count(*) FROM cache"), 1);
        assert_eq!(number(&store, "SELECT count(*) FROM notices"), 0);
        assert_eq!(number(&store, "SELECT sum(times) FROM asked"), 2);
        let kept = "SELECT count(*) FROM questions WHERE text = '' AND channel = ''
                    AND asked_unix_s = 0 AND asker IS NULL";
        assert_eq!(number(&store, kept), 1);
        // Once the cache has no use for it, it goes altogether.
        store.db.execute("DELETE FROM cache", []).unwrap();
        assert_eq!(store.forget_old(1).unwrap(), 0);
        assert_eq!(number(&store, "SELECT count(*) FROM questions"), 1);
        assert_eq!(number(&store, "SELECT count(*) FROM floors"), 0);
        assert_eq!(store.integrity_errors().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn who_asked_can_have_it_forgotten_at_once() {
        let (_folder, mut store) = store();
        ask(&store, CODES[0], "juma has fever", "NAME has fever", "done");
        ask(&store, CODES[1], "waiting", "waiting", "accepted");
        assert!(store.forget(&code(CODES[0])).unwrap());
        assert!(!store.forget(&code(CODES[0])).unwrap());
        assert!(store.forget(&code(CODES[1])).unwrap());
        assert_eq!(number(&store, "SELECT count(*) FROM questions"), 0);
        assert_eq!(number(&store, "SELECT count(*) FROM asked"), 0);
        assert_eq!(number(&store, "SELECT count(*) FROM cache"), 0);
        ask(&store, CODES[0], "fever", "Fever?", "done");
        assert!(store.forget(&code(CODES[0])).unwrap());
        assert!(!store.forget(&code(CODES[0])).unwrap());
        assert_eq!(number(&store, "SELECT count(*) FROM cache"), 1);
    }

    #[test]
    fn a_checked_answer_outlives_its_question_in_general_form() {
        let (_folder, mut store) = store();
        let seq = ask(&store, CODES[0], "juma has fever", "NAME has fever", "done");
        let nurse: Reviewer = store.add_reviewer("nurse", "", &By::default()).unwrap();
        let rules = Rules { has_dose: &|_| false, words: &content_words };
        let target = Target::Question(seq);
        let version = store.review_item(target, &rules).unwrap().unwrap().version;
        store.decide(&nurse, None, target, &version, &Decision::Approve, &rules).unwrap();
        assert!(store.checked("juma has fever", "en").unwrap().is_some());
        assert!(store.forget(&code(CODES[0])).unwrap());
        assert_eq!(store.checked("juma has fever", "en").unwrap(), None);
        assert!(store.checked("name has fever", "en").unwrap().is_some());
        assert_eq!(store.checked_candidates("fever", "en", 3).unwrap().len(), 1);
        assert!(!words(&store).contains("juma"));
        let page = store.reviews(answer::review::List::Decided, 0, &rules).unwrap();
        assert_eq!((page.total, page.items[0].question.as_str()), (1, "NAME has fever"));
        // It can still be decided on.
        let item = &page.items[0];
        let reopen = Decision::Reopen;
        store.decide(&nurse, None, item.target, &item.version, &reopen, &rules).unwrap();
        assert_eq!(store.checked("name has fever", "en").unwrap(), None);
    }

    #[test]
    fn many_are_forgotten_in_steps() {
        let (_folder, mut store) = store();
        let transaction = store.begin().unwrap();
        transaction
            .execute_batch(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
                 INSERT INTO questions (code, text, language, channel, cache_key, state, failure,
                     asked_unix_s)
                 SELECT 'c' || i, 'q', 'en', 'web', 'q' || (i % 10), 'failed', 'x', 0 FROM n",
            )
            .unwrap();
        transaction.commit().unwrap();
        store.add_running(2 * 86_400).unwrap();
        assert_eq!(store.forget_old(1).unwrap(), 1200);
        assert_eq!(number(&store, "SELECT count(*) FROM questions"), 0);
        assert_eq!(number(&store, "SELECT count(*) FROM asked"), 0);
    }
}
