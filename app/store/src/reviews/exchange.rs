//! Reviews on a stick: one nurse of the district reviews for many boxes.
//!
//! A file is JSON lines: a header, one line for each decision made on the box, and the signature of
//! that box's key over everything before. It names roles, never persons; nobody who asked, no codes
//! and no counts are in it, and questions only in general form.

use std::collections::{HashMap, HashSet};

use answer::limits::REVIEW_FIELD_CHARS_MAX;
use answer::question::Language;
use answer::review::ReviewError;
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};

use super::decide::write;
use super::subject::{Kind, REVIEW_COLUMNS, Review, SourceNote, Subject, place_of};
use super::{Rules, apply, general_key, version_of};
use crate::audit::{self, By};
use crate::error::Result;
use crate::limits::{
    REVIEW_FILE_BYTES_MAX, REVIEW_SOURCES_MAX, REVIEW_TEXT_BYTES_MAX, ROLE_CHARS_MAX,
};
use crate::open::Store;
use crate::signature::{SignatureError, join_signed, signer, split_signed};

const FORMAT: &str = "baraza-reviews";
const VERSION: u64 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    format: String,
    version: u64,
    /// How far the box had counted its deeds when it wrote the file; later files have more.
    revision: i64,
    /// The number of the box's key, for people.
    key: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    /// The box's own count of its deeds; none is above the header's.
    seq: i64,
    kind: Kind,
    key: String,
    language: String,
    question: String,
    text: String,
    sms: Option<String>,
    sources: Vec<SourceNote>,
    state: String,
    roles: Vec<String>,
    day: Option<String>,
    reason: String,
    version: String,
}

/// What reading a file of reviews did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Whose key signed it, as this box knows that key.
    pub from: String,
    /// Decisions that hold from now on.
    pub new: usize,
    /// Decisions that held already.
    pub same: usize,
    /// Decisions that were read in before, or that a later one replaced.
    pub older: usize,
    /// Decisions that are not taken, since this box or a third one decided otherwise.
    pub conflicts: usize,
    /// Decisions on another text of an entry than the one that is loaded here; they are kept.
    pub other_text: usize,
}

/// What becomes of one decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    New,
    Same,
    Older,
    Conflict,
    OtherText { keep: bool },
}

impl Store {
    /// All decisions made on this box as a signed file. `key_id` is the number of the key that
    /// `sign` signs with. Decisions on questions whose general form is not known stay here.
    ///
    /// # Errors
    /// [`ReviewError::File`] if it cannot be signed; [`ReviewError::Storage`].
    pub fn export_reviews(
        &mut self,
        key_id: &str,
        sign: &dyn Fn(&[u8]) -> Result<String, SignatureError>,
        by: &By<'_>,
    ) -> Result<Vec<u8>, ReviewError> {
        let (body, decisions) = self.exported(key_id)?;
        let signature = sign(&body).map_err(|error| ReviewError::File(error.to_string()))?;
        self.record(by, "export", &format!("reviews, {decisions} decisions"))?;
        Ok(join_signed(body, signature))
    }

    fn exported(&self, key_id: &str) -> Result<(Vec<u8>, usize)> {
        let transaction = self.db.unchecked_transaction()?;
        let revision: i64 =
            transaction
                .query_row("SELECT coalesce(max(seq), 0) FROM audit", [], |row| row.get(0))?;
        let sql = format!(
            "SELECT {REVIEW_COLUMNS} FROM reviews r
             WHERE state <> 'half' AND from_key IS NULL ORDER BY audit_seq, id"
        );
        let reviews = transaction
            .prepare(&sql)?
            .query_map([], Review::read)?
            .collect::<rusqlite::Result<Vec<Review>>>()?;
        let lines = reviews.into_iter().filter_map(line_of).collect::<Vec<Line>>();
        // Two questions can have one general form; the later decision counts.
        let mut last: HashMap<_, usize> = HashMap::new();
        for (place, line) in lines.iter().enumerate() {
            last.insert((line.kind, line.key.as_str(), line.language.as_str()), place);
        }
        let header =
            Header { format: FORMAT.into(), version: VERSION, revision, key: key_id.into() };
        let mut body = serde_json::to_string(&header).unwrap_or_default();
        body.push('\n');
        for (place, line) in lines.iter().enumerate() {
            if last[&(line.kind, line.key.as_str(), line.language.as_str())] == place {
                body.push_str(&serde_json::to_string(line).unwrap_or_default());
                body.push('\n');
            }
        }
        Ok((body.into_bytes(), last.len()))
    }

    /// Reads in a file of reviews that a trusted key signed, all of it or nothing.
    ///
    /// A decision of this box stands against any other, but for a withdrawal, which holds
    /// everywhere: withdrawing wrongly costs an answer, keeping wrongly may cost more. Of two other
    /// boxes that approved different texts the later day counts, if both are known. What was read
    /// in before is not read in again, so that a file cannot bring back what this box decided
    /// since.
    ///
    /// # Errors
    /// [`ReviewError::File`] says what is wrong with the file, and where; [`ReviewError::Storage`].
    pub fn import_reviews(
        &mut self,
        bytes: &[u8],
        rules: &Rules<'_>,
        by: &By<'_>,
    ) -> Result<ImportReport, ReviewError> {
        if bytes.len() > REVIEW_FILE_BYTES_MAX {
            let mebibytes = REVIEW_FILE_BYTES_MAX >> 20;
            return Err(ReviewError::File(format!("file: larger than {mebibytes} MiB")));
        }
        let (body, signature) = split_signed(bytes);
        let signature = signature.ok_or_else(|| {
            ReviewError::File("file: not signed: its last line must be the signature".into())
        })?;
        let keys = self.trusted_keys()?;
        let place = signer(body, &signature, keys.iter().map(|known| known.key.as_str()));
        let trusted = place.map(|place| &keys[place]).map_err(|error| {
            ReviewError::File(match error {
                SignatureError::OtherKey => "file: signed with a key that this box does not know: \
                     add the sender's key in the settings first"
                    .into(),
                error => format!("file: {error}"),
            })
        })?;
        let (header, lines) = parse(body, rules).map_err(ReviewError::File)?;
        let mut report = ImportReport { from: trusted.name.clone(), ..ImportReport::default() };
        let transaction = self.begin()?;
        take_in(&transaction, &trusted.key, &header, lines, rules, by, &mut report)?;
        transaction.commit().map_err(crate::StoreError::from)?;
        Ok(report)
    }
}

fn line_of(review: Review) -> Option<Line> {
    let key = match review.kind {
        Kind::Question => general_key(&review.question)?,
        Kind::Entry => review.key,
    };
    Some(Line {
        seq: review.audit_seq,
        kind: review.kind,
        key,
        language: review.language,
        question: review.question,
        text: review.text,
        sms: review.sms,
        sources: review.sources,
        state: review.state,
        roles: [Some(review.role), review.second_role].into_iter().flatten().collect(),
        day: review.decided_on,
        reason: review.reason,
        version: review.version,
    })
}

/// Reads and checks the signed part of a file; the error names line and field.
fn parse(body: &[u8], rules: &Rules<'_>) -> Result<(Header, Vec<Line>), String> {
    let mut lines = body
        .split(|byte| *byte == b'\n')
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim_ascii()))
        .filter(|(_, line)| !line.is_empty());
    let Some((number, first)) = lines.next() else {
        return Err("line 1, line: missing: the first line must be the header".into());
    };
    let header: Header = serde_json::from_slice(first).map_err(|e| unreadable(number, &e))?;
    if header.format != FORMAT {
        return Err(format!("line {number}, format: not \"{FORMAT}\": choose a file of reviews"));
    }
    if header.version != VERSION {
        return Err(format!(
            "line {number}, version: {} is not one that this Baraza reads ({VERSION}): \
             update the box",
            header.version
        ));
    }
    let mut decisions = Vec::new();
    let mut seen = HashSet::new();
    for (number, line) in lines {
        let line: Line = serde_json::from_slice(line).map_err(|e| unreadable(number, &e))?;
        check(&line, &header, rules)
            .map_err(|(field, reason)| format!("line {number}, {field}: {reason}"))?;
        if !seen.insert((line.kind, line.key.clone(), line.language.clone())) {
            return Err(format!("line {number}, key: stands on an earlier line already"));
        }
        decisions.push(line);
    }
    Ok((header, decisions))
}

fn unreadable(number: usize, error: &serde_json::Error) -> String {
    let message = error.to_string();
    let field = match message.split('`').nth(1) {
        Some(field) if message.contains("field `") => field,
        _ => "line",
    };
    let reason = message.split(" at line ").next().unwrap_or_default();
    format!("line {number}, {field}: {reason}: get the file again from the box that made it")
}

type Problem = (&'static str, String);

fn check(line: &Line, header: &Header, rules: &Rules<'_>) -> Result<(), Problem> {
    if !(1..=header.revision).contains(&line.seq) {
        return Err(("seq", "not within the revision of the file".into()));
    }
    if Language::parse(&line.language).is_none_or(|known| known.as_str() != line.language) {
        return Err(("language", "not a language such as \"en\" or \"sw\"".into()));
    }
    check_key(line)?;
    check_texts(line)?;
    if !["approved", "withdrawn"].contains(&line.state.as_str()) {
        return Err(("state", "neither \"approved\" nor \"withdrawn\"".into()));
    }
    let approved = line.state == "approved";
    if approved && line.text.trim().is_empty() {
        return Err(("text", "empty".into()));
    }
    if !(1..=2).contains(&line.roles.len()) {
        return Err(("roles", "one or two are needed".into()));
    }
    for role in &line.roles {
        let length = role.chars().count();
        if !(1..=ROLE_CHARS_MAX).contains(&length) || role.contains([',', '\n']) {
            return Err(("roles", format!("one to {ROLE_CHARS_MAX} characters without commas")));
        }
    }
    if approved && line.roles.len() < 2 && rules.dose(&line.text, line.sms.as_deref()) {
        return Err(("roles", "a text with a dose must be approved by two people".into()));
    }
    if line.day.as_deref().is_some_and(|day| !is_day(day)) {
        return Err(("day", "not YYYY-MM-DD".into()));
    }
    let hexadecimal = line.version.bytes().all(|b| b.is_ascii_hexdigit());
    let own = version_of(&line.text, line.sms.as_deref());
    if line.version.len() != 16
        || !hexadecimal
        || (line.kind == Kind::Question && line.version != own)
    {
        return Err(("version", "does not fit the text".into()));
    }
    Ok(())
}

fn check_key(line: &Line) -> Result<(), Problem> {
    let fits = match line.kind {
        Kind::Question => general_key(&line.question).is_some_and(|key| key == line.key),
        Kind::Entry => {
            let name = |text: &str| {
                let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
                !text.is_empty() && text.bytes().all(plain)
            };
            line.key.split_once('/').is_some_and(|(pack, entry)| name(pack) && name(entry))
        }
    };
    if fits { Ok(()) } else { Err(("key", "does not fit the question".into())) }
}

fn check_texts(line: &Line) -> Result<(), Problem> {
    let mut texts = vec![
        ("key", line.key.as_str()),
        ("question", &line.question),
        ("text", &line.text),
        ("sms", line.sms.as_deref().unwrap_or_default()),
    ];
    if line.sources.len() > REVIEW_SOURCES_MAX {
        return Err(("sources", format!("more than {REVIEW_SOURCES_MAX}")));
    }
    for source in &line.sources {
        let fields = [&source.id, &source.title, &source.passage, &source.pack];
        texts.extend(fields.map(|text| ("sources", text.as_str())));
    }
    texts.extend(line.roles.iter().map(|role| ("roles", role.as_str())));
    for (field, text) in texts {
        if text.len() > REVIEW_TEXT_BYTES_MAX {
            return Err((field, format!("longer than {REVIEW_TEXT_BYTES_MAX} bytes")));
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err((field, "holds a control character".into()));
        }
    }
    if line.reason.chars().count() > REVIEW_FIELD_CHARS_MAX {
        return Err(("reason", format!("longer than {REVIEW_FIELD_CHARS_MAX} characters")));
    }
    Ok(())
}

fn is_day(day: &str) -> bool {
    day.len() == 10
        && day.bytes().enumerate().all(|(place, b)| match place {
            4 | 7 => b == b'-',
            _ => b.is_ascii_digit(),
        })
}

/// Takes the decisions of a checked file in.
fn take_in(
    transaction: &Transaction<'_>,
    key: &str,
    header: &Header,
    lines: Vec<Line>,
    rules: &Rules<'_>,
    by: &By<'_>,
    report: &mut ImportReport,
) -> Result<()> {
    let last_revision = Store::revision_of(transaction, key)?;
    let mut wanted = Vec::new();
    for line in lines {
        let (verdict, before) = verdict(transaction, &line, key, last_revision)?;
        match verdict {
            Verdict::New => report.new += 1,
            Verdict::Same => report.same += 1,
            Verdict::Older => report.older += 1,
            Verdict::Conflict => report.conflicts += 1,
            Verdict::OtherText { .. } => report.other_text += 1,
        }
        match verdict {
            Verdict::New => wanted.push((line, before, false)),
            Verdict::OtherText { keep: true } => wanted.push((line, before, true)),
            _ => {}
        }
    }
    let what = format!(
        "reviews from {}: {} new, {} the same, {} older, {} in conflict, {} on another text",
        report.from, report.new, report.same, report.older, report.conflicts, report.other_text
    );
    let audit_seq = audit::append(transaction, by, "import", &what)?;
    for (line, before, stale) in wanted {
        let review = write(transaction, imported(line, key, audit_seq, stale))?;
        match &before {
            _ if stale => {}
            Some(before) => apply::take_effect(transaction, before, Some(&review), rules)?,
            None => apply::index_checked(transaction, &review, rules)?,
        }
    }
    transaction.execute(
        "UPDATE trusted_keys SET revision = max(revision, ?2) WHERE key = ?1",
        params![key, header.revision],
    )?;
    Ok(())
}

fn imported(line: Line, key: &str, audit_seq: i64, stale: bool) -> Review {
    let mut roles = line.roles.into_iter();
    let role = roles.next().unwrap_or_default();
    let second_role = roles.next();
    Review {
        id: 0,
        kind: line.kind,
        key: line.key,
        language: line.language,
        question: line.question,
        text: line.text,
        sms: line.sms,
        sources: line.sources,
        state: line.state,
        role,
        // Nobody of this box.
        reviewer: 0,
        second_reviewer: second_role.as_ref().map(|_| 0),
        second_role,
        decided_on: line.day,
        reason: line.reason,
        version: line.version,
        from_key: Some(key.into()),
        audit_seq,
        stale,
    }
}

/// What becomes of a decision, and what it is about on this box.
fn verdict(
    transaction: &Transaction<'_>,
    line: &Line,
    key: &str,
    last_revision: i64,
) -> Result<(Verdict, Option<Subject>)> {
    let present = Review::find(transaction, line.kind, &line.key, &line.language)?;
    let before = match line.kind {
        Kind::Question => Subject::of_key(transaction, &line.key, &line.language)?,
        Kind::Entry => match place_of(transaction, &line.key, &line.language)? {
            Some(place) => Subject::of_passage(transaction, place)?,
            None => None,
        },
    };
    if present.as_ref().is_some_and(|present| is_same(present, line)) {
        return Ok((Verdict::Same, before));
    }
    if line.seq <= last_revision {
        return Ok((Verdict::Older, before));
    }
    let loaded = before.as_ref().and_then(|before| before.passage.as_ref());
    if loaded.is_some_and(|passage| passage.original.version() != line.version) {
        let keep = present.is_none_or(|present| present.stale);
        return Ok((Verdict::OtherText { keep }, before));
    }
    let verdict = match present {
        Some(present) if !present.stale => against(&present, line, key),
        _ => Verdict::New,
    };
    Ok((verdict, before))
}

fn is_same(present: &Review, line: &Line) -> bool {
    present.state == line.state
        && present.text == line.text
        && present.sms == line.sms
        && present.version == line.version
}

/// A decision against another that stands here and says something else.
fn against(present: &Review, line: &Line, key: &str) -> Verdict {
    let (withdraws, withdrawn) = (line.state == "withdrawn", present.state == "withdrawn");
    match &present.from_key {
        _ if withdraws && withdrawn => Verdict::Same,
        _ if withdraws => Verdict::New,
        Some(from) if from == key => Verdict::New,
        None => Verdict::Conflict,
        Some(_) if withdrawn => Verdict::Conflict,
        Some(_) => match (&present.decided_on, &line.day) {
            (Some(present), Some(day)) if day > present => Verdict::New,
            (Some(present), Some(day)) if day < present => Verdict::Older,
            _ => Verdict::Conflict,
        },
    }
}
