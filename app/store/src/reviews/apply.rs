//! What follows from a decision: near matches of checked questions, entries and their index,
//! answers in the cache, and notices to people who asked by SMS.

use answer::question::{CacheKey, QuestionText};
use rusqlite::{Connection, Transaction, params};

use super::Rules;
use super::subject::{Kind, Original, Passage, REVIEW_COLUMNS, Review, Subject};
use crate::clock::running_s;
use crate::error::Result;
use crate::index;
use crate::limits::{DAY_S, NOTICE_DAYS};

/// Brings everything into line with a decision that was just written, or taken back (`None`).
pub(super) fn take_effect(
    transaction: &Transaction<'_>,
    before: &Subject,
    after: Option<&Review>,
    rules: &Rules<'_>,
) -> Result<()> {
    let state = after.map(|review| review.state.as_str());
    if state != Some("half") {
        owe_notices(transaction, before, after)?;
    }
    match (&before.passage, before.kind) {
        (Some(passage), _) => put_into_entry(transaction, passage, after)?,
        // Kept until its pack arrives.
        (None, Kind::Entry) => {}
        (None, Kind::Question) => {
            if let Some(review) = after {
                index_checked(transaction, review, rules)?;
            }
            let new = after.map(|review| review.text.as_str());
            let holds = matches!(state, Some("approved"));
            for old in [before.served.as_deref(), before.text()].into_iter().flatten() {
                if state == Some("withdrawn") || (holds && new != Some(old)) {
                    purge_key(transaction, &before.key, &before.language)?;
                    purge_text(transaction, old)?;
                }
            }
        }
    }
    Ok(())
}

/// Keeps the words of a checked question for near matches, or drops them.
pub(super) fn index_checked(
    transaction: &Transaction<'_>,
    review: &Review,
    rules: &Rules<'_>,
) -> Result<()> {
    transaction
        .prepare_cached("DELETE FROM near_checked WHERE rowid = ?1")?
        .execute([review.id])?;
    if review.kind == Kind::Question && review.state == "approved" {
        let words = (rules.words)(&review.question, &review.language);
        transaction
            .prepare_cached("INSERT INTO near_checked (rowid, words) VALUES (?1, ?2)")?
            .execute(params![review.id, words])?;
    }
    Ok(())
}

/// Makes an entry what a decision says, or what its pack says where none holds.
pub(super) fn put_into_entry(
    transaction: &Transaction<'_>,
    passage: &Passage,
    review: Option<&Review>,
) -> Result<()> {
    let original = &passage.original;
    let review = review.filter(|review| !review.stale && review.state != "half");
    let withdrawn = review.is_some_and(|review| review.state == "withdrawn");
    let approved = review.filter(|review| review.state == "approved");
    let now = match approved {
        Some(review) => Original {
            answer: review.text.clone(),
            sms: review.sms.clone(),
            reviewed_by: Some(review.roles()),
            reviewed_on: review.decided_on.clone(),
        },
        None => original.clone(),
    };
    let was_withdrawn: bool = transaction
        .prepare_cached("SELECT withdrawn FROM passages WHERE id = ?1")?
        .query_row([passage.id], |row| row.get(0))?;
    let kept = (now != *original).then(|| serde_json::to_string(original).unwrap_or_default());
    transaction
        .prepare_cached(
            "UPDATE passages SET answer = ?2, sms = ?3, reviewed_by = ?4, reviewed_on = ?5,
                                 withdrawn = ?6, original = ?7
             WHERE id = ?1",
        )?
        .execute(params![
            passage.id,
            now.answer,
            now.sms,
            now.reviewed_by,
            now.reviewed_on,
            withdrawn,
            kept,
        ])?;
    if withdrawn || now.answer != passage.text || now.sms != passage.sms {
        purge_citing(transaction, passage)?;
    }
    if withdrawn != was_withdrawn || now.answer != passage.text {
        index::reindex(transaction, passage.id)?;
    }
    Ok(())
}

fn purge_key(transaction: &Transaction<'_>, key: &str, language: &str) -> Result<()> {
    transaction
        .prepare_cached("DELETE FROM cache WHERE key = ?1 AND language = ?2")?
        .execute([key, language])?;
    Ok(())
}

/// Drops cached answers to whatever question that have this text in them.
fn purge_text(transaction: &Transaction<'_>, text: &str) -> Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    transaction
        .prepare_cached(
            "DELETE FROM cache WHERE answer_seq IN
                 (SELECT c.answer_seq FROM cache c JOIN answers a ON a.seq = c.answer_seq
                  WHERE instr(a.text, ?1) > 0)",
        )?
        .execute([text])?;
    Ok(())
}

/// Answers that rest on an entry: `?1` is its identifier, `?2` its pack. Old answers do not say
/// from which pack a source was.
const CITING: &str = "SELECT s.answer_seq FROM sources s WHERE s.entry_id = ?1
     AND (s.pack = '' OR substr(s.pack, 1, length(?2) + 1) = ?2 || '@')";

fn purge_citing(transaction: &Transaction<'_>, passage: &Passage) -> Result<()> {
    transaction
        .prepare_cached(&format!("DELETE FROM cache WHERE answer_seq IN ({CITING})"))?
        .execute([&passage.entry_id, &passage.pack])?;
    Ok(())
}

/// Somebody who asked by SMS, and what she was told last.
struct Recipient {
    question_seq: i64,
    told: String,
}

/// Owes a notice to everybody who asked by SMS and was told what does not hold any more, or was
/// told nothing and could be now, in place of what was owed before and not sent yet.
fn owe_notices(
    transaction: &Transaction<'_>,
    before: &Subject,
    after: Option<&Review>,
) -> Result<()> {
    let since = running_s(transaction)?.saturating_sub(u64::from(NOTICE_DAYS) * DAY_S);
    let since = i64::try_from(since).unwrap_or(i64::MAX);
    let recipients = match &before.passage {
        Some(passage) => who_cited(transaction, passage, since)?,
        None if before.kind == Kind::Entry => Vec::new(),
        None => who_asked(transaction, before, since)?,
    };
    for recipient in recipients {
        let seq = recipient.question_seq;
        match owed(before, after, &recipient.told) {
            Some((kind, text)) => {
                drop_unsent(transaction, seq, &["withdrawn", "corrected", "answered"])?;
                transaction
                    .prepare_cached(
                        "INSERT INTO notices (question_seq, kind, text) VALUES (?1, ?2, ?3)",
                    )?
                    .execute(params![seq, kind, text])?;
            }
            // What the decision before this one owed is not owed any more.
            None => match before.review.as_ref().map(|review| review.state.as_str()) {
                Some("withdrawn") => drop_unsent(transaction, seq, &["withdrawn"])?,
                Some("approved") => drop_unsent(transaction, seq, &["corrected", "answered"])?,
                _ => {}
            },
        }
    }
    Ok(())
}

/// The notice that a decision owes to somebody who was told this: its kind, and the text to send.
fn owed<'a>(
    before: &Subject,
    after: Option<&'a Review>,
    told: &str,
) -> Option<(&'static str, &'a str)> {
    let review = after?;
    let text = review.sms.as_deref().unwrap_or(&review.text);
    let changed = before.served.as_deref() != Some(&*review.text);
    let same = told == review.text || told == text;
    match review.state.as_str() {
        "withdrawn" if !told.is_empty() => Some(("withdrawn", "")),
        "approved" if told.is_empty() && before.kind == Kind::Question => Some(("answered", text)),
        "approved" if !told.is_empty() && changed && !same => Some(("corrected", text)),
        _ => None,
    }
}

/// Drops notices of these kinds that did not go out yet. That an answer is withdrawn stays to be
/// said while the question itself is withdrawn, whatever becomes of an entry that it rested on.
fn drop_unsent(transaction: &Transaction<'_>, question_seq: i64, kinds: &[&str]) -> Result<()> {
    let mut statement = transaction.prepare_cached(
        "DELETE FROM notices WHERE question_seq = ?1 AND kind = ?2 AND sent = 0
           AND NOT (kind = 'withdrawn' AND EXISTS
               (SELECT 1 FROM questions q JOIN reviews r ON r.kind = 'question'
                    AND r.key = q.cache_key AND r.language = q.language
                WHERE q.seq = ?1 AND r.state = 'withdrawn'))",
    )?;
    for kind in kinds {
        statement.execute(params![question_seq, kind])?;
    }
    Ok(())
}

/// What a question by SMS was answered last: by a notice that went out, or by its answer.
const TOLD: &str = "coalesce(
     (SELECT n.text FROM notices n WHERE n.question_seq = q.seq AND n.sent = 1
      AND n.kind <> 'withdrawn' ORDER BY n.id DESC LIMIT 1),
     iif(a.origin = 'none', '', a.text), '')";

fn who_asked(db: &Connection, before: &Subject, since: i64) -> Result<Vec<Recipient>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT q.seq, {TOLD} FROM questions q LEFT JOIN answers a ON a.question_seq = q.seq
         WHERE q.channel = 'sms' AND q.asked_running_s >= ?1 AND q.state IN ('done', 'failed')
           AND ((q.cache_key = ?2 AND q.language = ?3) OR (?4 <> '' AND instr(a.text, ?4) > 0)
                OR (?5 <> '' AND instr(a.text, ?5) > 0))"
    ))?;
    let served = before.served.as_deref().unwrap_or_default();
    let checked = before.text().unwrap_or_default();
    let rows = statement
        .query_map(params![since, before.key, before.language, served, checked], |row| {
            Ok(Recipient { question_seq: row.get(0)?, told: row.get(1)? })
        })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn who_cited(db: &Connection, passage: &Passage, since: i64) -> Result<Vec<Recipient>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT q.seq, {TOLD} FROM answers a JOIN questions q ON q.seq = a.question_seq
         WHERE a.seq IN ({CITING})
           AND q.channel = 'sms' AND q.asked_running_s >= ?3 AND q.state = 'done'"
    ))?;
    let rows = statement.query_map(params![passage.entry_id, passage.pack, since], |row| {
        Ok(Recipient { question_seq: row.get(0)?, told: row.get(1)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Applies the decisions on a pack's entries once they are loaded, in the transaction that loads
/// them: each holds if the entry has the text that it was made on, and is kept but holds for
/// nothing if not. Counts anew how many answers rest on each entry.
pub(crate) fn apply_reviews(transaction: &Transaction<'_>, pack: &str) -> Result<()> {
    transaction.execute(
        "UPDATE passages SET cited =
             (SELECT count(*) FROM sources s WHERE s.entry_id = passages.entry_id
              AND substr(s.pack, 1, length(?1) + 1) = ?1 || '@')
         WHERE pack_id = (SELECT id FROM packs WHERE name = ?1)",
        [pack],
    )?;
    let sql = format!(
        "SELECT {REVIEW_COLUMNS} FROM reviews r
         WHERE kind = 'entry' AND key >= ?1 || '/' AND key < ?1 || '0'"
    );
    let reviews = transaction
        .prepare_cached(&sql)?
        .query_map([pack], Review::read)?
        .collect::<rusqlite::Result<Vec<Review>>>()?;
    for review in reviews {
        apply_to_loaded(transaction, review)?;
    }
    Ok(())
}

/// Applies a decision on an entry if that is loaded. False if it has another text than the
/// decision.
pub(super) fn apply_to_loaded(transaction: &Transaction<'_>, mut review: Review) -> Result<bool> {
    let place = super::subject::place_of(transaction, &review.key, &review.language)?;
    let subject = match place {
        Some(place) => Subject::of_passage(transaction, place)?,
        None => None,
    };
    let passage = subject.and_then(|subject| subject.passage);
    review.stale =
        passage.as_ref().is_some_and(|passage| passage.original.version() != review.version);
    transaction
        .prepare_cached("UPDATE reviews SET stale = ?2 WHERE id = ?1")?
        .execute(params![review.id, review.stale])?;
    if let Some(passage) = &passage {
        put_into_entry(transaction, passage, Some(&review))?;
    }
    Ok(!review.stale)
}

/// The key of a question in its general form, under which it may be kept and passed on: it holds
/// nothing of the person who asked. `None` if the general form is not known.
pub(crate) fn general_key(general: &str) -> Option<String> {
    let general = QuestionText::parse(general).ok()?;
    Some(CacheKey::of(&general).as_str().to_owned())
}

/// Once the last question with a key is forgotten, a decision on it is kept under its general form
/// only.
pub(crate) fn retire_key(transaction: &Transaction<'_>, key: &str, language: &str) -> Result<()> {
    let asked: bool = transaction
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM questions WHERE cache_key = ?1 AND language = ?2)",
        )?
        .query_row([key, language], |row| row.get(0))?;
    if asked {
        return Ok(());
    }
    let Some(review) = Review::find(transaction, Kind::Question, key, language)? else {
        return Ok(());
    };
    let Some(general) = general_key(&review.question).filter(|general| general != key) else {
        return Ok(());
    };
    if Review::find(transaction, Kind::Question, &general, language)?.is_some() {
        transaction.execute("DELETE FROM near_checked WHERE rowid = ?1", [review.id])?;
        transaction.execute("DELETE FROM reviews WHERE id = ?1", [review.id])?;
    } else {
        transaction
            .execute("UPDATE reviews SET key = ?2 WHERE id = ?1", params![review.id, general])?;
    }
    Ok(())
}
