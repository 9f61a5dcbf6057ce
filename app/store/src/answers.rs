//! Rows of answers: written once, read back whole, kept for whoever asks the same.

use answer::desk::{Answer, Check, Floor, Origin, Source, Topic};
use answer::ports::Making;
use answer::question::{CacheKey, Language};
use answer::relevance::Query;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::error::Result;

/// What [`answer_row`] reads, of `answers` as `a`.
const ANSWER_COLUMNS: &str = "a.seq, a.text, a.origin, a.danger, a.model, a.notice, a.milliseconds,
     a.weak, a.topics, a.check_role, a.check_on, a.question_seq";

/// Writes the answer and marks the question done. Fails if it has an answer already.
pub(crate) fn insert_answer(
    transaction: &Transaction<'_>,
    question_seq: i64,
    answer: &Answer,
    making: &Making,
) -> Result<i64> {
    let topics: Vec<(&str, &str)> =
        answer.topics.iter().map(|topic| (topic.title.as_str(), topic.question.as_str())).collect();
    transaction
        .prepare_cached(
            "INSERT INTO answers (question_seq, text, origin, danger, model, notice,
                                  milliseconds, made_by, made_from, made_how, weak, topics,
                                  check_role, check_on)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
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
            answer.weak,
            serde_json::to_string(&topics).unwrap_or_else(|_| "[]".into()),
            answer.check.as_ref().map(|check| &check.role),
            answer.check.as_ref().and_then(|check| check.on.as_ref()),
        ])?;
    let answer_seq = transaction.last_insert_rowid();
    let mut insert = transaction.prepare_cached(
        "INSERT INTO sources (answer_seq, position, entry_id, title, reviewed, passage, place, pack)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for (position, source) in answer.sources.iter().enumerate() {
        insert.execute(params![
            answer_seq,
            position as i64,
            source.id,
            source.title,
            source.reviewed,
            source.passage,
            source.place,
            source.pack,
        ])?;
    }
    if let Some(floor) = &answer.floor {
        insert_floor(transaction, question_seq, floor)?;
    }
    transaction
        .prepare_cached("UPDATE questions SET state = 'done', asker = NULL WHERE seq = ?1")?
        .execute([question_seq])?;
    Ok(answer_seq)
}

/// Keeps what the danger floor says to a question; the first word stays.
pub(crate) fn insert_floor(
    transaction: &Transaction<'_>,
    question_seq: i64,
    floor: &Floor,
) -> Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO floors (question_seq, rule, text, sms, language, source, reviewed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            question_seq,
            floor.rule,
            floor.text,
            floor.sms,
            floor.language,
            floor.source,
            floor.reviewed,
        ])?;
    transaction
        .prepare_cached("UPDATE questions SET danger = coalesce(danger, ?2) WHERE seq = ?1")?
        .execute(params![question_seq, floor.rule])?;
    Ok(())
}

/// What the danger floor said to a question.
pub(crate) fn floor_of(db: &Connection, question_seq: i64) -> Result<Option<Floor>> {
    let mut statement = db.prepare_cached(
        "SELECT rule, text, sms, language, source, reviewed FROM floors WHERE question_seq = ?1",
    )?;
    let floor = statement.query_row([question_seq], |row| {
        Ok(Floor {
            rule: row.get(0)?,
            text: row.get(1)?,
            sms: row.get(2)?,
            language: row.get(3)?,
            source: row.get(4)?,
            reviewed: row.get(5)?,
        })
    });
    Ok(floor.optional()?)
}

/// The answer of a question that is done.
pub(crate) fn answer_of(db: &Connection, question_seq: i64) -> Result<Answer> {
    let sql = format!("SELECT {ANSWER_COLUMNS} FROM answers a WHERE a.question_seq = ?1");
    let row = db.prepare_cached(&sql)?.query_row([question_seq], answer_row)?;
    row.whole(db)
}

/// Puts an answer where whoever asks the same finds it.
pub(crate) fn insert_cached(
    transaction: &Transaction<'_>,
    key: &CacheKey,
    language: &Language,
    words: &str,
    answer_seq: i64,
) -> Result<()> {
    // Deleted first, so that the trigger takes the words of the older answer with it.
    transaction
        .prepare_cached("DELETE FROM cache WHERE key = ?1 AND language = ?2")?
        .execute([key.as_str(), language.as_str()])?;
    transaction
        .prepare_cached("INSERT INTO cache (key, language, answer_seq) VALUES (?1, ?2, ?3)")?
        .execute(params![key.as_str(), language.as_str(), answer_seq])?;
    transaction
        .prepare_cached("INSERT INTO near (rowid, words) VALUES (?1, ?2)")?
        .execute(params![answer_seq, words])?;
    Ok(())
}

/// The answer that the cache holds for a key, as a cached answer; `milliseconds` is left at 0.
pub(crate) fn cached_answer(
    db: &Connection,
    key: &CacheKey,
    language: &Language,
    making: &Making,
) -> Result<Option<Answer>> {
    let sql = format!(
        "SELECT {ANSWER_COLUMNS} FROM cache c JOIN answers a ON a.seq = c.answer_seq
         WHERE c.key = ?1 AND c.language = ?2 AND a.made_by = ?3 AND a.made_how = ?4"
    );
    let found = db
        .prepare_cached(&sql)?
        .query_row(
            params![key.as_str(), language.as_str(), making.model, making.prompt],
            answer_row,
        )
        .optional()?;
    found.map(|row| as_cached(db, row)).transpose()
}

/// Cached answers to questions that share words with one, as (key, answer), best first.
pub(crate) fn cached_near(
    db: &Connection,
    query: &Query,
    language: &Language,
    making: &Making,
    limit: usize,
) -> Result<Vec<(String, Answer)>> {
    let words = words_to_match(query);
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {ANSWER_COLUMNS}, c.key FROM near
         JOIN cache c ON c.answer_seq = near.rowid JOIN answers a ON a.seq = c.answer_seq
         WHERE near MATCH ?1 AND c.language = ?2 AND a.made_by = ?3 AND a.made_how = ?4
         ORDER BY bm25(near), a.seq LIMIT ?5"
    );
    let rows: Vec<(AnswerRow, String)> = db
        .prepare_cached(&sql)?
        .query_map(
            params![words, language.as_str(), making.model, making.prompt, limit as i64],
            |row| Ok((answer_row(row)?, row.get(12)?)),
        )?
        .collect::<rusqlite::Result<_>>()?;
    rows.into_iter().map(|(row, key)| Ok((key, as_cached(db, row)?))).collect()
}

/// The content words of a question as FTS5 takes them: any of them.
pub(crate) fn words_to_match(query: &Query) -> String {
    let quoted = query.content.iter().map(|word| crate::library::quoted(&word.term.text));
    quoted.collect::<Vec<_>>().join(" OR ")
}

/// The content words of a question, separated by spaces.
pub(crate) fn content(query: &Query) -> String {
    query.content.iter().map(|word| word.term.text.as_str()).collect::<Vec<_>>().join(" ")
}

fn as_cached(db: &Connection, row: AnswerRow) -> Result<Answer> {
    let mut answer = row.whole(db)?;
    answer.origin = Origin::Cache;
    // The floor is asked anew: its rules or the site's card may have changed.
    answer.floor = None;
    answer.danger = false;
    answer.milliseconds = 0;
    Ok(answer)
}

/// An answer without its sources and floor.
struct AnswerRow {
    seq: i64,
    question_seq: i64,
    answer: Answer,
}

impl AnswerRow {
    fn whole(self, db: &Connection) -> Result<Answer> {
        let Self { seq, question_seq, mut answer } = self;
        answer.sources = sources(db, seq)?;
        answer.floor = floor_of(db, question_seq)?;
        Ok(answer)
    }
}

fn answer_row(row: &Row<'_>) -> rusqlite::Result<AnswerRow> {
    let topics: Vec<(String, String)> =
        serde_json::from_str(row.get_ref(8)?.as_str()?).unwrap_or_default();
    let topic = |(title, question)| Topic { title, question };
    let check = |role| Ok::<_, rusqlite::Error>(Check { role, on: row.get(10)? });
    let answer = Answer {
        text: row.get(1)?,
        origin: Origin::parse(row.get_ref(2)?.as_str()?).unwrap_or(Origin::None),
        danger: row.get(3)?,
        model: row.get(4)?,
        notice: row.get(5)?,
        milliseconds: u64::try_from(row.get::<_, i64>(6)?).unwrap_or(0),
        weak: row.get(7)?,
        topics: topics.into_iter().map(topic).collect(),
        check: row.get::<_, Option<String>>(9)?.map(check).transpose()?,
        ..Answer::default()
    };
    Ok(AnswerRow { seq: row.get(0)?, question_seq: row.get(11)?, answer })
}

/// What an answer rests on, best first.
pub(crate) fn sources(db: &Connection, answer_seq: i64) -> Result<Vec<Source>> {
    let mut statement = db.prepare_cached(
        "SELECT entry_id, title, reviewed, passage, place, pack FROM sources
         WHERE answer_seq = ?1 ORDER BY position",
    )?;
    let rows = statement.query_map([answer_seq], |row| {
        Ok(Source {
            id: row.get(0)?,
            title: row.get(1)?,
            reviewed: row.get(2)?,
            passage: row.get(3)?,
            place: row.get(4)?,
            pack: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
