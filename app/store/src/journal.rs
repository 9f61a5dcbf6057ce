//! The record of every question and its one answer.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use answer::desk::{Answer, AnswerCode, Origin, Source, Stage, Ticket};
use answer::limits::{DEATHS_BEFORE_LAST, DEATHS_MAX};
use answer::ports::{
    AcceptError, Accepted, Accepting, Job, Journal, Making, Record, StorageError, Which,
};
use answer::question::{CacheKey, Language, QuestionText};
use answer::sentences;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use crate::error::{Result, StoreError};
use crate::limits::CODE_TRIES;
use crate::open::{Store, count};

/// The order in which questions are answered: as accepted, but what was being written at several
/// deaths of the box comes last.
///
/// Between those, the channel with the fewest questions in writing goes first, so that a full kiosk does
/// not keep SMS out.
const ORDER: &str = "(attempts >= ?1), (SELECT count(*) FROM questions w
     WHERE w.state = 'writing' AND w.channel = q.channel), seq";

impl Journal for Store {
    fn accept(
        &mut self,
        question: &Accepting,
        making: &Making,
        waiting_max: usize,
        code: &mut dyn FnMut() -> AnswerCode,
    ) -> Result<Accepted, AcceptError> {
        let begun = Instant::now();
        let key = question.key();
        let transaction = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(StoreError::from)?;
        let cached = cached_answer(&transaction, &key, &question.language, making)?;
        if cached.is_none() {
            let waiting = queued(&transaction)?;
            if waiting >= waiting_max {
                return Err(AcceptError::Busy { waiting });
            }
        }
        let (seq, code) = insert_question(&transaction, question, &key, code)?;
        let accepted = match cached {
            None => Accepted::Queued { seq, code },
            Some(mut answer) => {
                answer.milliseconds = milliseconds_since(begun);
                insert_answer(&transaction, seq, &answer, making)?;
                Accepted::Answered { code, answer }
            }
        };
        transaction.commit().map_err(StoreError::from)?;
        Ok(accepted)
    }

    fn resume(&mut self) -> Result<usize, StorageError> {
        Ok(resume(self)?)
    }

    fn take(&mut self, which: Which) -> Result<Option<Job>, StorageError> {
        Ok(take(&self.db, which)?)
    }

    fn cached(&self, job: &Job, making: &Making) -> Result<Option<Answer>, StorageError> {
        Ok(cached_answer(&self.db, &CacheKey::of(&job.text), &job.language, making)?)
    }

    fn finish(&mut self, job: &Job, answer: &Answer, making: &Making) -> Result<(), StorageError> {
        Ok(finish(self, job, answer, making)?)
    }

    fn fail(&mut self, job: &Job, reason: &str) -> Result<(), StorageError> {
        let changed = self.db.execute(
            "UPDATE questions SET state = 'failed', failure = ?2
             WHERE seq = ?1 AND state = 'writing'",
            params![job.seq, reason],
        );
        Ok(changed.map(|_| ()).map_err(StoreError::from)?)
    }

    fn release(&mut self, job: &Job) -> Result<(), StorageError> {
        let changed = self.db.execute(
            "UPDATE questions SET state = 'accepted', attempts = max(attempts - 1, 0)
             WHERE seq = ?1 AND state = 'writing'",
            [job.seq],
        );
        Ok(changed.map(|_| ()).map_err(StoreError::from)?)
    }

    fn find(&self, code: &AnswerCode) -> Result<Option<Record>, StorageError> {
        Ok(find(&self.db, code)?)
    }

    fn queued(&self) -> Result<usize, StorageError> {
        Ok(queued(&self.db)?)
    }
}

fn queued(db: &Connection) -> Result<usize> {
    let mut statement =
        db.prepare_cached("SELECT count(*) FROM questions WHERE state IN ('accepted', 'writing')")?;
    Ok(statement.query_row([], count)?)
}

fn insert_question(
    transaction: &Transaction<'_>,
    question: &Accepting,
    key: &CacheKey,
    code: &mut dyn FnMut() -> AnswerCode,
) -> Result<(i64, AnswerCode)> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO questions (code, text, language, channel, cache_key, asked_unix_s)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (code) DO NOTHING",
    )?;
    // A clock before 1970 is no reason to lose a question.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    for _ in 0..CODE_TRIES {
        let code = code();
        let inserted = insert.execute(params![
            code.as_str(),
            question.text.as_str(),
            question.language.as_str(),
            question.channel.as_str(),
            key.as_str(),
            i64::try_from(now).unwrap_or(i64::MAX),
        ])?;
        if inserted == 1 {
            return Ok((transaction.last_insert_rowid(), code));
        }
    }
    Err(StoreError::Unexpected(format!("{CODE_TRIES} answer codes in a row were taken")))
}

/// Writes the answer and marks the question done. Fails if it has an answer already.
fn insert_answer(
    transaction: &Transaction<'_>,
    question_seq: i64,
    answer: &Answer,
    making: &Making,
) -> Result<i64> {
    transaction
        .prepare_cached(
            "INSERT INTO answers (question_seq, text, origin, danger, model, notice,
                                  milliseconds, made_by, made_from, made_how)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            question_seq,
            answer.text,
            answer.origin.as_str(),
            answer.danger,
            answer.model,
            answer.notice,
            i64::try_from(answer.milliseconds).unwrap_or(i64::MAX),
            making.model,
            making.knowledge,
            making.prompt,
        ])?;
    let answer_seq = transaction.last_insert_rowid();
    let mut insert = transaction.prepare_cached(
        "INSERT INTO sources (answer_seq, position, entry_id, title, reviewed, passage)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (position, source) in answer.sources.iter().enumerate() {
        insert.execute(params![
            answer_seq,
            position as i64,
            source.id,
            source.title,
            source.reviewed,
            source.passage,
        ])?;
    }
    transaction
        .prepare_cached("UPDATE questions SET state = 'done' WHERE seq = ?1")?
        .execute([question_seq])?;
    Ok(answer_seq)
}

/// Puts back what was being written when a process died; gives up on what was at too many deaths.
fn resume(store: &mut Store) -> Result<usize> {
    let transaction = store.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let given_up: Vec<(i64, String)> = transaction
        .prepare("SELECT seq, language FROM questions WHERE state = 'writing' AND attempts >= ?1")?
        .query_map([DEATHS_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (seq, language) in given_up {
        let language = Language::parse(&language).unwrap_or_else(Language::english);
        transaction.execute(
            "UPDATE questions SET state = 'failed', failure = ?2 WHERE seq = ?1",
            params![seq, sentences::gave_up(&language)],
        )?;
    }
    transaction.execute("UPDATE questions SET state = 'accepted' WHERE state = 'writing'", [])?;
    let waiting = queued(&transaction)?;
    transaction.commit()?;
    Ok(waiting)
}

fn take(db: &Connection, which: Which) -> Result<Option<Job>> {
    let (condition, seq) = match which {
        Which::Next => ("seq > ?2", 0),
        Which::After(seq) => ("seq > ?2", seq),
        Which::This(seq) => ("seq = ?2", seq),
        _ => return Ok(None),
    };
    // Looked for first and changed only if found, so that an idle worker writes nothing; if another
    // worker takes it in between, there is none this time. The same question is not written twice at
    // a time: it waits for the answer of the first.
    let found: Option<i64> = db
        .prepare_cached(&format!(
            "SELECT seq FROM questions q WHERE state = 'accepted' AND {condition}
             AND NOT EXISTS (SELECT 1 FROM questions w WHERE w.state = 'writing'
                             AND w.cache_key = q.cache_key AND w.language = q.language)
             ORDER BY {ORDER} LIMIT 1"
        ))?
        .query_row(params![DEATHS_BEFORE_LAST, seq], |row| row.get(0))
        .optional()?;
    let Some(seq) = found else { return Ok(None) };
    db.prepare_cached(
        "UPDATE questions SET state = 'writing', attempts = attempts + 1
         WHERE seq = ?1 AND state = 'accepted' RETURNING seq, code, text, language",
    )?
    .query_row([seq], |row| {
        Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get(3)?))
    })
    .optional()?
    .map(|(seq, code, text, language)| job(seq, &code, &text, language))
    .transpose()
}

fn job(seq: i64, code: &str, text: &str, language: String) -> Result<Job> {
    let unreadable = |what: &str| StoreError::Unexpected(format!("question {seq}: bad {what}"));
    Ok(Job {
        seq,
        code: AnswerCode::parse(code).ok_or_else(|| unreadable("code"))?,
        text: QuestionText::parse(text).map_err(|_| unreadable("text"))?,
        language: Language::parse(&language).ok_or_else(|| unreadable("language"))?,
    })
}

fn finish(store: &mut Store, job: &Job, answer: &Answer, making: &Making) -> Result<()> {
    let transaction = store.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let answer_seq = insert_answer(&transaction, job.seq, answer, making)?;
    // "No source" is as quick to find again as to look up, and an answer from the cache is there.
    if answer.origin == Origin::Model {
        transaction.execute(
            "INSERT INTO cache (key, language, answer_seq) VALUES (?1, ?2, ?3)
             ON CONFLICT (key, language) DO UPDATE SET answer_seq = excluded.answer_seq",
            params![CacheKey::of(&job.text).as_str(), job.language.as_str(), answer_seq],
        )?;
    }
    Ok(transaction.commit()?)
}

/// The answer that the cache holds for a key, as a cached answer; `milliseconds` is left at 0.
fn cached_answer(
    db: &Connection,
    key: &CacheKey,
    language: &Language,
    making: &Making,
) -> Result<Option<Answer>> {
    let found = db
        .prepare_cached(
            "SELECT a.seq, a.text, a.origin, a.danger, a.model, a.notice, a.milliseconds
             FROM cache c JOIN answers a ON a.seq = c.answer_seq
             WHERE c.key = ?1 AND c.language = ?2
               AND a.made_by = ?3 AND a.made_from = ?4 AND a.made_how = ?5",
        )?
        .query_row(
            params![key.as_str(), language.as_str(), making.model, making.knowledge, making.prompt],
            answer_row,
        )
        .optional()?;
    let Some((seq, mut answer)) = found else { return Ok(None) };
    answer.sources = sources(db, seq)?;
    answer.origin = Origin::Cache;
    answer.milliseconds = 0;
    Ok(Some(answer))
}

fn answer_row(row: &Row<'_>) -> rusqlite::Result<(i64, Answer)> {
    let answer = Answer {
        text: row.get(1)?,
        origin: Origin::parse(row.get_ref(2)?.as_str()?).unwrap_or(Origin::None),
        sources: Vec::new(),
        danger: row.get(3)?,
        model: row.get(4)?,
        notice: row.get(5)?,
        milliseconds: u64::try_from(row.get::<_, i64>(6)?).unwrap_or(0),
    };
    Ok((row.get(0)?, answer))
}

fn sources(db: &Connection, answer_seq: i64) -> Result<Vec<Source>> {
    let mut statement = db.prepare_cached(
        "SELECT entry_id, title, reviewed, passage FROM sources
         WHERE answer_seq = ?1 ORDER BY position",
    )?;
    let rows = statement.query_map([answer_seq], |row| {
        Ok(Source {
            id: row.get(0)?,
            title: row.get(1)?,
            reviewed: row.get(2)?,
            passage: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn find(db: &Connection, code: &AnswerCode) -> Result<Option<Record>> {
    let row = db
        .prepare_cached(
            "SELECT seq, text, language, state, failure, attempts FROM questions WHERE code = ?1",
        )?
        .query_row([code.as_str()], |row| {
            Ok(QuestionRow {
                seq: row.get(0)?,
                text: row.get(1)?,
                language: row.get(2)?,
                state: row.get(3)?,
                failure: row.get(4)?,
                attempts: row.get(5)?,
            })
        })
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let stage = match row.state.as_str() {
        "accepted" => Stage::Waiting { ahead: ahead(db, row.seq, row.attempts)? },
        "writing" => Stage::Writing { so_far: String::new() },
        "done" => Stage::Done(answer_of(db, row.seq)?),
        _ => Stage::Failed { reason: row.failure.unwrap_or_default() },
    };
    let ticket = Ticket { code: code.clone(), question: row.text, language: row.language, stage };
    Ok(Some(Record { seq: row.seq, ticket }))
}

/// A question's row, as far as people may see it.
struct QuestionRow {
    seq: i64,
    text: String,
    language: String,
    state: String,
    failure: Option<String>,
    attempts: u32,
}

fn ahead(db: &Connection, seq: i64, attempts: u32) -> Result<usize> {
    let mut statement = db.prepare_cached(
        "SELECT count(*) FROM questions
         WHERE state = 'writing'
            OR (state = 'accepted' AND ((attempts >= ?1), seq) < (?2, ?3))",
    )?;
    let last = attempts >= DEATHS_BEFORE_LAST;
    Ok(statement.query_row(params![DEATHS_BEFORE_LAST, last, seq], count)?)
}

fn answer_of(db: &Connection, question_seq: i64) -> Result<Answer> {
    let (answer_seq, mut answer) = db
        .prepare_cached(
            "SELECT seq, text, origin, danger, model, notice, milliseconds
             FROM answers WHERE question_seq = ?1",
        )?
        .query_row([question_seq], answer_row)?;
    answer.sources = sources(db, answer_seq)?;
    Ok(answer)
}

fn milliseconds_since(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
