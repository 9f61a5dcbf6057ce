//! Taking a decision: the rules, and writing it down with all that follows in one commit.

use answer::limits::{REVIEW_FIELD_CHARS_MAX, REVIEW_TEXT_CHARS_MAX};
use answer::review::{Decision, ReviewError, Reviewer, State, Target};
use rusqlite::{OptionalExtension, Transaction, params};

use super::subject::{Kind, Review, SourceNote, Subject};
use super::{Rules, apply};
use crate::audit::{self, By};
use crate::error::Result;
use crate::limits::SMS_CHARS_MAX;
use crate::open::Store;

/// What a decision comes to.
enum Step {
    /// It is so already.
    Nothing,
    /// Back to undecided.
    Remove,
    /// This from now on.
    Write(Ruling),
}

struct Ruling {
    text: String,
    sms: Option<String>,
    state: &'static str,
    /// Whose approval it is; with a second, the first's.
    first: Reviewer,
    second: Option<Reviewer>,
    reason: String,
}

impl Store {
    /// Decides on an item, as [`answer::review::ReviewDesk::decide`] says; `day` is today's date,
    /// if the box knows it. A text with a dose that is approved or written needs two people;
    /// whatever was approved before such a text is not served while it waits for the second.
    ///
    /// # Errors
    /// [`ReviewError`]; nothing has changed then.
    pub fn decide(
        &mut self,
        reviewer: &Reviewer,
        day: Option<&str>,
        target: Target,
        version: &str,
        decision: &Decision,
        rules: &Rules<'_>,
    ) -> Result<State, ReviewError> {
        let transaction = self.begin()?;
        let reviewer = known(&transaction, reviewer)?;
        let by = By { reviewer: Some(&reviewer), day };
        let before = Subject::find(&transaction, target)?.ok_or(ReviewError::Gone)?;
        if before.version() != version {
            return Err(ReviewError::Changed);
        }
        let step = step(&before, &reviewer, decision, rules)?;
        let state = carry_out(&transaction, &before, step, &by, rules)?;
        transaction.commit().map_err(crate::StoreError::from)?;
        Ok(state)
    }
}

/// The reviewer as the database has her, if she still is one.
fn known(transaction: &Transaction<'_>, reviewer: &Reviewer) -> Result<Reviewer, ReviewError> {
    let found = || {
        let mut statement = transaction
            .prepare_cached("SELECT role FROM reviewers WHERE id = ?1 AND removed = 0")?;
        Ok::<_, crate::StoreError>(statement.query_row([reviewer.id], |row| row.get(0)).optional()?)
    };
    match found()? {
        Some(role) => Ok(Reviewer { id: reviewer.id, role }),
        None => Err(ReviewError::Text {
            field: "reviewer",
            reason: "may not review any more: log in again".into(),
        }),
    }
}

/// What the rules make of a decision.
fn step(
    before: &Subject,
    reviewer: &Reviewer,
    decision: &Decision,
    rules: &Rules<'_>,
) -> Result<Step, ReviewError> {
    match decision {
        Decision::Approve => approve(before, reviewer, rules),
        Decision::Edit { text, sms } => {
            let text = checked_text("answer", text, REVIEW_TEXT_CHARS_MAX, true)?;
            let sms = sms.as_deref().map(str::trim).filter(|sms| !sms.is_empty());
            let sms = sms.map(|sms| checked_text("sms", sms, SMS_CHARS_MAX, false)).transpose()?;
            if before.text() == Some(&text) && before.sms() == sms.as_deref() {
                return approve(before, reviewer, rules);
            }
            seen(before)?;
            let state = if rules.dose(&text, sms.as_deref()) { "half" } else { "approved" };
            let first = reviewer.clone();
            Ok(Step::Write(Ruling { text, sms, state, first, second: None, reason: "".into() }))
        }
        Decision::Withdraw { reason } => {
            let reason = match reason.trim() {
                "" => String::new(),
                reason => checked_text("reason", reason, REVIEW_FIELD_CHARS_MAX, true)?,
            };
            Ok(Step::Write(Ruling {
                text: before.text().unwrap_or_default().into(),
                sms: before.sms().map(Into::into),
                state: "withdrawn",
                first: reviewer.clone(),
                second: None,
                reason,
            }))
        }
        Decision::Reopen if before.review.is_none() => Ok(Step::Nothing),
        Decision::Reopen => Ok(Step::Remove),
    }
}

fn approve(before: &Subject, reviewer: &Reviewer, rules: &Rules<'_>) -> Result<Step, ReviewError> {
    let text = before.text().ok_or(ReviewError::NoAnswer)?;
    seen(before)?;
    let review = before.review.as_ref();
    let state = review.map(|review| review.state.as_str());
    if state == Some("approved") {
        return Ok(Step::Nothing);
    }
    let sms = before.sms();
    let dose = rules.dose(text, sms);
    let mut ruling = Ruling {
        text: text.into(),
        sms: sms.map(Into::into),
        state: "approved",
        first: reviewer.clone(),
        second: None,
        reason: String::new(),
    };
    match review.filter(|_| dose && state == Some("half")) {
        Some(half) if half.reviewer == reviewer.id => return Err(ReviewError::SamePerson),
        Some(half) => {
            ruling.first = Reviewer { id: half.reviewer, role: half.role.clone() };
            ruling.second = Some(reviewer.clone());
        }
        None if dose => ruling.state = "half",
        None => {}
    }
    Ok(Step::Write(ruling))
}

/// Nobody can say that an answer is right without having seen the question.
fn seen(before: &Subject) -> Result<(), ReviewError> {
    if before.question.is_empty() {
        let reason = "it is hidden, so no answer to it can be checked; it can be withdrawn".into();
        return Err(ReviewError::Text { field: "question", reason });
    }
    Ok(())
}

fn checked_text(
    field: &'static str,
    text: &str,
    chars_max: usize,
    lines: bool,
) -> Result<String, ReviewError> {
    let text = text.replace("\r\n", "\n").trim().to_owned();
    let problem = |reason: String| Err(ReviewError::Text { field, reason });
    let length = text.chars().count();
    if length == 0 {
        return problem("empty".into());
    }
    if length > chars_max {
        return problem(format!("{length} characters, at most {chars_max}"));
    }
    if text.chars().any(|c| c.is_control() && !(lines && c == '\n')) {
        return problem("holds a control character".into());
    }
    Ok(text)
}

/// Writes a step down, with all that follows from it.
fn carry_out(
    transaction: &Transaction<'_>,
    before: &Subject,
    step: Step,
    by: &By<'_>,
    rules: &Rules<'_>,
) -> Result<State> {
    match step {
        Step::Nothing => {
            Ok(before.review.as_ref().map_or(State::Open, super::subject::Review::state))
        }
        Step::Remove => {
            audit::append(transaction, by, "reopen", &before.called())?;
            if let Some(review) = &before.review {
                transaction.execute("DELETE FROM reviews WHERE id = ?1", [review.id])?;
                transaction.execute("DELETE FROM near_checked WHERE rowid = ?1", [review.id])?;
            }
            apply::take_effect(transaction, before, None, rules)?;
            Ok(State::Open)
        }
        Step::Write(ruling) => {
            let action = match ruling.state {
                "withdrawn" => "withdraw",
                _ if before.text() == Some(&ruling.text) => "approve",
                _ => "edit",
            };
            let mut what = before.called();
            if !ruling.reason.is_empty() {
                what = format!("{what}: {}", ruling.reason);
            }
            let audit_seq = audit::append(transaction, by, action, &what)?;
            let review = review_of(before, ruling, by.day, audit_seq);
            let review = write(transaction, review)?;
            apply::take_effect(transaction, before, Some(&review), rules)?;
            Ok(review.state())
        }
    }
}

fn review_of(before: &Subject, ruling: Ruling, day: Option<&str>, audit_seq: i64) -> Review {
    Review {
        id: 0,
        kind: before.kind,
        key: before.key.clone(),
        language: before.language.clone(),
        question: before.question.clone(),
        version: before.decided_version(&ruling.text, ruling.sms.as_deref()),
        sources: before.source_notes(),
        text: ruling.text,
        sms: ruling.sms,
        state: ruling.state.into(),
        role: ruling.first.role,
        reviewer: ruling.first.id,
        second_role: ruling.second.as_ref().map(|second| second.role.clone()),
        second_reviewer: ruling.second.map(|second| second.id),
        decided_on: day.map(Into::into),
        reason: ruling.reason,
        from_key: None,
        audit_seq,
        stale: false,
    }
}

/// Writes a decision in place of any earlier one; gives it with its number.
pub(super) fn write(transaction: &Transaction<'_>, mut review: Review) -> Result<Review> {
    let sources = serde_json::to_string::<[SourceNote]>(&review.sources).unwrap_or_default();
    review.id = transaction
        .prepare_cached(
            "INSERT INTO reviews (kind, key, language, question, text, sms, sources, state, role,
                 reviewer, second_role, second_reviewer, decided_on, reason, version, from_key,
                 audit_seq, stale)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                 ?18)
             ON CONFLICT (kind, key, language) DO UPDATE SET
                 question = excluded.question, text = excluded.text, sms = excluded.sms,
                 sources = excluded.sources, state = excluded.state, role = excluded.role,
                 reviewer = excluded.reviewer, second_role = excluded.second_role,
                 second_reviewer = excluded.second_reviewer, decided_on = excluded.decided_on,
                 reason = excluded.reason, version = excluded.version,
                 from_key = excluded.from_key, audit_seq = excluded.audit_seq,
                 stale = excluded.stale
             RETURNING id",
        )?
        .query_row(
            params![
                review.kind.as_str(),
                review.key,
                review.language,
                review.question,
                review.text,
                review.sms,
                sources,
                review.state,
                review.role,
                review.reviewer,
                review.second_role,
                review.second_reviewer,
                review.decided_on,
                review.reason,
                review.version,
                review.from_key,
                review.audit_seq,
                review.stale,
            ],
            |row| row.get(0),
        )?;
    debug_assert!(review.id > 0 && matches!(review.kind, Kind::Question | Kind::Entry));
    Ok(review)
}
