//! The record of every question and its one answer.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use answer::desk::{Answer, AnswerCode, Origin, Stage, Ticket};
use answer::limits::{DEATHS_BEFORE_LAST, DEATHS_MAX, WAITING_PER_ASKER_MAX};
use answer::ports::{
    AcceptError, Accepted, Accepting, Job, Journal, Making, Record, StorageError, Which, with_floor,
};
use answer::question::{CacheKey, Language, QuestionText};
use answer::relevance::Query;
use answer::sentences;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::answers::{
    answer_of, cached_answer, content, floor_of, insert_answer, insert_cached, insert_floor,
};
use crate::clock::running_s;
use crate::error::{Result, StoreError};
use crate::limits::{CODE_TRIES, STALE_RUNNING_S};
use crate::open::{Store, count};

/// The order in which questions are answered: as accepted, but what was being written at several
/// deaths of the box comes last.
///
/// Before all others goes danger. Then everybody's first question, then everybody's second, so that one
/// who asks much waits and not those behind him; of these, the channel with the fewest questions in
/// writing goes first, so that a full kiosk does not keep SMS out.
const ORDER: &str = "(attempts >= ?1), danger IS NULL, turn,
     (SELECT count(*) FROM questions w
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
        let ready = match &question.ready {
            Some(answer) => Some(answer.clone()),
            None => cached_answer(&transaction, &key, &question.language, making)?
                .map(|cached| question.dressed(cached)),
        };
        let turn = waiting_of(&transaction, question.asker.as_deref())?;
        if ready.is_none() {
            let waiting = queued(&transaction)?;
            if waiting >= waiting_max {
                return Err(AcceptError::Busy { waiting });
            }
            if turn >= WAITING_PER_ASKER_MAX {
                return Err(AcceptError::TooManyOfYours { waiting: turn });
            }
        }
        let (seq, code) = insert_question(&transaction, question, &key, turn, code)?;
        if let Some(floor) = &question.floor {
            insert_floor(&transaction, seq, floor)?;
        }
        let accepted = match ready {
            None => Accepted::Queued { seq, code },
            Some(mut answer) => {
                answer.milliseconds += milliseconds_since(begun);
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
        Ok(find(&self.db, code)?.map(|record| as_it_holds(self, record)).transpose()?)
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

/// Questions of one person that wait.
fn waiting_of(db: &Connection, asker: Option<&str>) -> Result<usize> {
    let Some(asker) = asker else { return Ok(0) };
    let mut statement = db.prepare_cached(
        "SELECT count(*) FROM questions WHERE asker = ?1 AND state IN ('accepted', 'writing')",
    )?;
    Ok(statement.query_row([asker], count)?)
}

fn insert_question(
    transaction: &Transaction<'_>,
    question: &Accepting,
    key: &CacheKey,
    turn: usize,
    code: &mut dyn FnMut() -> AnswerCode,
) -> Result<(i64, AnswerCode)> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO questions (code, text, language, channel, cache_key, asked_unix_s, asker,
                                general, asked_running_s, turn)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (code) DO NOTHING",
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
            question.asker,
            question.general,
            i64::try_from(question.running_s).unwrap_or(i64::MAX),
            turn as i64,
        ])?;
        if inserted == 1 {
            return Ok((transaction.last_insert_rowid(), code));
        }
    }
    Err(StoreError::Unexpected(format!("{CODE_TRIES} answer codes in a row were taken")))
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
    drop_stale(&transaction)?;
    let waiting = queued(&transaction)?;
    transaction.commit()?;
    Ok(waiting)
}

/// Gives up on questions that have waited through so much running time that nobody can want the answer
/// any more, and says so to whoever looks.
fn drop_stale(transaction: &Transaction<'_>) -> Result<()> {
    let before = running_s(transaction)?.saturating_sub(STALE_RUNNING_S);
    let stale: Vec<(i64, String)> = transaction
        .prepare(
            "SELECT seq, language FROM questions WHERE state = 'accepted' AND asked_running_s < ?1",
        )?
        .query_map([i64::try_from(before).unwrap_or(i64::MAX)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for (seq, language) in stale {
        let language = Language::parse(&language).unwrap_or_else(Language::english);
        transaction.execute(
            "UPDATE questions SET state = 'failed', failure = ?2, asker = NULL WHERE seq = ?1",
            params![seq, sentences::too_old(&language)],
        )?;
    }
    Ok(())
}

fn take(db: &Connection, which: Which) -> Result<Option<Job>> {
    let (condition, seq) = match which {
        Which::Next => ("seq > ?2", 0),
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
         WHERE seq = ?1 AND state = 'accepted' RETURNING seq, code, text, language, attempts",
    )?
    .query_row([seq], |row| {
        let (code, text): (String, String) = (row.get(1)?, row.get(2)?);
        Ok((row.get(0)?, code, text, row.get(3)?, row.get(4)?))
    })
    .optional()?
    .map(|(seq, code, text, language, attempts)| job(seq, &code, &text, language, attempts))
    .transpose()
}

fn job(seq: i64, code: &str, text: &str, language: String, attempts: u32) -> Result<Job> {
    let unreadable = |what: &str| StoreError::Unexpected(format!("question {seq}: bad {what}"));
    Ok(Job {
        seq,
        code: AnswerCode::parse(code).ok_or_else(|| unreadable("code"))?,
        text: QuestionText::parse(text).map_err(|_| unreadable("text"))?,
        language: Language::parse(&language).ok_or_else(|| unreadable("language"))?,
        attempts,
    })
}

fn finish(store: &mut Store, job: &Job, answer: &Answer, making: &Making) -> Result<()> {
    let transaction = store.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let asked: bool = transaction
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM questions WHERE seq = ?1)")?
        .query_row([job.seq], |row| row.get(0))?;
    if !asked {
        // Whoever asked has deleted the question meanwhile.
        return Ok(());
    }
    let answer_seq = insert_answer(&transaction, job.seq, answer, making)?;
    // "No source" is as quick to find again as to look up, and an answer from the cache is there.
    // One without sources was written because the site allowed that at the time; it may not any more.
    let rests_on_something = !answer.sources.is_empty();
    if rests_on_something
        && answer.model.is_some()
        && matches!(answer.origin, Origin::Model | Origin::Floor)
    {
        let words = content(&Query::of(&job.text, &job.language));
        let key = CacheKey::of(&job.text);
        insert_cached(&transaction, &key, &job.language, &words, answer_seq)?;
    }
    Ok(transaction.commit()?)
}

fn find(db: &Connection, code: &AnswerCode) -> Result<Option<Record>> {
    let row = db
        .prepare_cached(
            "SELECT seq, text, language, state, failure FROM questions WHERE code = ?1",
        )?
        .query_row([code.as_str()], |row| {
            Ok(QuestionRow {
                seq: row.get(0)?,
                text: row.get(1)?,
                language: row.get(2)?,
                state: row.get(3)?,
                failure: row.get(4)?,
            })
        })
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let stage = match row.state.as_str() {
        "accepted" => Stage::Waiting { ahead: ahead(db, row.seq)?, wait_s: None },
        "writing" => Stage::Writing { so_far: String::new() },
        "done" => Stage::Done(answer_of(db, row.seq)?),
        _ => Stage::Failed { reason: row.failure.unwrap_or_default() },
    };
    let ticket = Ticket {
        code: code.clone(),
        question: row.text,
        language: row.language,
        floor: floor_of(db, row.seq)?,
        stage,
    };
    Ok(Some(Record { seq: row.seq, ticket }))
}

/// An answer given earlier, as reviewers have it now: one that was withdrawn is not shown again, and one
/// that was checked or corrected since is shown as that.
fn as_it_holds(store: &Store, mut record: Record) -> Result<Record> {
    let ticket = &mut record.ticket;
    let Stage::Done(answer) = &mut ticket.stage else { return Ok(record) };
    let Ok(text) = QuestionText::parse(&ticket.question) else { return Ok(record) };
    let key = CacheKey::of(&text);
    let language = Language::parse(&ticket.language).unwrap_or_else(Language::english);
    let now = if store.is_withdrawn(key.as_str(), language.as_str())? {
        Some(Answer { text: sentences::withdrawn(&language).into(), ..Answer::default() })
    } else {
        store.checked(key.as_str(), language.as_str())?.map(|checked| checked.answer)
    };
    if let Some(now) = now {
        let milliseconds = answer.milliseconds;
        *answer = with_floor(Answer { milliseconds, ..now }, ticket.floor.as_ref());
    }
    Ok(record)
}

/// A question's row, as far as people may see it.
struct QuestionRow {
    seq: i64,
    text: String,
    language: String,
    state: String,
    failure: Option<String>,
}

/// How many questions are taken on before this one, as things stand; those being written count.
fn ahead(db: &Connection, seq: i64) -> Result<usize> {
    let writing = db
        .prepare_cached("SELECT count(*) FROM questions WHERE state = 'writing'")?
        .query_row([], count)?;
    let mut statement = db.prepare_cached(&format!(
        "SELECT seq FROM questions q WHERE state = 'accepted' ORDER BY {ORDER}"
    ))?;
    let mut rows = statement.query([DEATHS_BEFORE_LAST])?;
    let mut before = 0;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(0)? == seq {
            break;
        }
        before += 1;
    }
    Ok(writing + before)
}

fn milliseconds_since(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
