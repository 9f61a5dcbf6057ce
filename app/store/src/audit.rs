//! The record of everything that a person decided or changed. It only ever grows; each line carries
//! the hash of the one before, so that a line changed, added or cut out shows.

use answer::limits::REVIEW_PAGE_ITEMS;
use answer::review::{AuditLine, Page, Reviewer};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::error::Result;
use crate::limits::AUDIT_CHARS_MAX;
use crate::open::{Store, count};

/// Who does something, and when; it goes into the audit log with the deed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct By<'a> {
    /// The reviewer; `None` for whoever sits at the box itself, which is written as `box`.
    pub reviewer: Option<&'a Reviewer>,
    /// Today, as `YYYY-MM-DD`; `None` if the box does not know the time.
    pub day: Option<&'a str>,
}

impl By<'_> {
    /// What stands in the log: the role, and a number, since a clinic has more than one nurse.
    fn who(&self) -> String {
        match self.reviewer {
            Some(reviewer) => format!("{} ({})", reviewer.role, reviewer.id),
            None => "box".into(),
        }
    }
}

/// Adds a line in the caller's transaction; gives its place.
pub(crate) fn append(
    transaction: &Transaction<'_>,
    by: &By<'_>,
    action: &str,
    what: &str,
) -> Result<i64> {
    let (last, before) = last_line(transaction)?;
    let what = shortened(what);
    let who = by.who();
    let seq = last + 1;
    let hash = hash_of(&before, seq, by.day, [&who, action, &what]);
    transaction
        .prepare_cached(
            "INSERT INTO audit (seq, day, who, action, what, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![seq, by.day, who, action, what, hash])?;
    Ok(seq)
}

/// Place and hash of the last line; 0 and nothing before the first.
fn last_line(db: &Connection) -> Result<(i64, String)> {
    let last = db
        .prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(last.unwrap_or_default())
}

fn shortened(what: &str) -> String {
    let mut short: String =
        what.chars().map(|c| if c.is_control() { ' ' } else { c }).take(AUDIT_CHARS_MAX).collect();
    if short.len() < what.len() {
        short.push('…');
    }
    short
}

/// BLAKE3 over the hash before and all fields, each with its length so that none can run into the
/// next.
fn hash_of(before: &str, seq: i64, day: Option<&str>, fields: [&str; 3]) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut field = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    field(before.as_bytes());
    field(&seq.to_le_bytes());
    field(&[u8::from(day.is_some())]);
    field(day.unwrap_or_default().as_bytes());
    for text in fields {
        field(text.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

impl Store {
    /// A transaction that may write, from the start.
    pub(crate) fn begin(&mut self) -> Result<Transaction<'_>> {
        Ok(self.db.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    /// Writes one line into the audit log by itself, for deeds that change nothing here.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be written.
    pub fn record(&mut self, by: &By<'_>, action: &str, what: &str) -> Result<()> {
        let transaction = self.begin()?;
        append(&transaction, by, action, what)?;
        Ok(transaction.commit()?)
    }

    /// Lines of the audit log, the latest first, from `first` on, at most [`REVIEW_PAGE_ITEMS`].
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn audit(&self, first: usize) -> Result<Page<AuditLine>> {
        let total = self.db.prepare_cached("SELECT count(*) FROM audit")?.query_row([], count)?;
        let mut statement = self.db.prepare_cached(
            "SELECT seq, day, who, action, what FROM audit ORDER BY seq DESC LIMIT ?1 OFFSET ?2",
        )?;
        let rows = statement.query_map(params![REVIEW_PAGE_ITEMS as i64, first as i64], |row| {
            Ok(AuditLine {
                seq: row.get(0)?,
                on: row.get(1)?,
                who: row.get(2)?,
                action: row.get(3)?,
                what: row.get(4)?,
            })
        })?;
        Ok(Page { items: rows.collect::<rusqlite::Result<_>>()?, total })
    }

    /// Checks the whole audit log; empty if every line is as it was written and none is missing.
    /// Who can write the database can also write a log that fits: this finds accidents and clumsy
    /// hands.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn verify_audit(&self) -> Result<Vec<String>> {
        let mut statement =
            self.db.prepare("SELECT seq, day, who, action, what, hash FROM audit ORDER BY seq")?;
        let mut rows = statement.query([])?;
        let mut problems = Vec::new();
        let mut last = 0_i64;
        let mut before = String::new();
        while let Some(row) = rows.next()? {
            let seq: i64 = row.get(0)?;
            let day: Option<String> = row.get(1)?;
            let fields: [String; 3] = [row.get(2)?, row.get(3)?, row.get(4)?];
            let hash: String = row.get(5)?;
            if seq != last + 1 {
                problems.push(format!("audit log: lines {} to {} are missing", last + 1, seq - 1));
            }
            let expected = hash_of(&before, seq, day.as_deref(), fields.each_ref().map(|f| &**f));
            if hash != expected {
                problems.push(format!("audit log, line {seq}: changed, or the one before was"));
            }
            last = seq;
            before = hash;
        }
        // The count of lines ever written outlives the lines, and decisions name theirs.
        let written: i64 = self.db.query_row(
            "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0),
                        coalesce((SELECT max(audit_seq) FROM reviews), 0))",
            [],
            |row| row.get(0),
        )?;
        if written > last {
            problems.push(format!("audit log: lines {} to {written} are missing", last + 1));
        }
        Ok(problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let nurse = Reviewer { id: 2, role: "nurse".into() };
        store.record(&By::default(), "start", "first").unwrap();
        let by = By { reviewer: Some(&nurse), day: Some("2026-12-01") };
        store.record(&by, "approve", "a question").unwrap();
        store.record(&by, "withdraw", "two\nlines").unwrap();
        (folder, store)
    }

    fn without_guards(store: &Store, sql: &str) {
        let guards = "DROP TRIGGER audit_stays; DROP TRIGGER audit_keeps;";
        store.db.execute_batch(&format!("{guards} {sql}")).unwrap();
    }

    #[test]
    fn lines_come_latest_first_and_fit() {
        let (_folder, store) = filled();
        let page = store.audit(0).unwrap();
        assert_eq!(page.total, 3);
        assert_eq!(page.items[0].what, "two lines");
        assert_eq!(page.items[1].who, "nurse (2)");
        assert_eq!(page.items[1].on.as_deref(), Some("2026-12-01"));
        assert_eq!((page.items[2].who.as_str(), page.items[2].on.as_deref()), ("box", None));
        assert_eq!(store.audit(2).unwrap().items.len(), 1);
        assert!(store.audit(usize::MAX >> 1).unwrap().items.is_empty());
        assert_eq!(store.verify_audit().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn the_log_cannot_be_changed_or_cut_by_chance() {
        let (_folder, store) = filled();
        for sql in ["UPDATE audit SET who = 'x'", "DELETE FROM audit"] {
            assert!(store.db.execute(sql, []).is_err());
        }
    }

    #[test]
    fn whoever_gets_round_the_guards_is_seen() {
        for sql in [
            "UPDATE audit SET what = 'another' WHERE seq = 2",
            "UPDATE audit SET day = NULL WHERE seq = 2",
            "UPDATE audit SET who = 'nurse', action = '(2)approve' WHERE seq = 2",
            "DELETE FROM audit WHERE seq = 1",
            "DELETE FROM audit WHERE seq = 2",
            "DELETE FROM audit WHERE seq = 3",
            "DELETE FROM audit",
            "INSERT INTO audit (who, action, what, hash) VALUES ('x', 'y', 'z', 'h')",
        ] {
            let (_folder, store) = filled();
            without_guards(&store, sql);
            assert!(!store.verify_audit().unwrap().is_empty(), "{sql}");
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        let (_folder, mut store) = filled();
        store.record(&By::default(), "x", &"é".repeat(10_000)).unwrap();
        let what = &store.audit(0).unwrap().items[0].what;
        assert_eq!(what.chars().count(), AUDIT_CHARS_MAX + 1);
        assert_eq!(store.verify_audit().unwrap(), Vec::<String>::new());
    }
}
