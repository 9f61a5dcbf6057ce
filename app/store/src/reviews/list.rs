//! The lists that reviewers work from.

use answer::limits::REVIEW_PAGE_ITEMS;
use answer::review::{Item, List, Page, Target};
use rusqlite::params;

use super::Rules;
use super::subject::{Review, Subject};
use crate::error::Result;
use crate::open::{Store, count};

/// No decision on a row of `asked`, as `a`. Those with one are gathered first, so that pages far
/// down the list are found in the index alone.
const UNDECIDED: &str = "a.rowid NOT IN (SELECT b.rowid FROM reviews r
     JOIN asked b ON b.key = r.key AND b.language = r.language WHERE r.kind = 'question')";

/// Entries that nobody has reviewed, as `p`; must say what the index `passages_unreviewed` says.
const UNREVIEWED: &str = "p.reviewed_by IS NULL AND p.withdrawn = 0 AND p.question <> ''";

/// The places of entries with half a decision.
const HALF_ENTRIES: &str = "SELECT h.id FROM reviews r
     JOIN packs k ON k.name = substr(r.key, 1, instr(r.key, '/') - 1)
     JOIN passages h ON h.pack_id = k.id AND h.language = r.language
          AND h.entry_id = substr(r.key, instr(r.key, '/') + 1)
     WHERE r.state = 'half' AND r.kind = 'entry' AND r.stale = 0";

impl Store {
    /// A part of a list, from `first` on, at most [`REVIEW_PAGE_ITEMS`]. Questions are shown in
    /// general form, or as "(hidden)"; who asked, when and how is not in it.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn reviews(&self, list: List, first: usize, rules: &Rules<'_>) -> Result<Page<Item>> {
        // One state of the database for the count and the items.
        let transaction = self.db.unchecked_transaction()?;
        let (subjects, total) = match list {
            List::Open => self.questions(
                first,
                "1",
                "danger DESC, times DESC, not_helpful DESC, weak DESC, unanswered DESC, first_seq",
            )?,
            List::Unanswered => self.questions(
                first,
                "a.unanswered = 1",
                "danger DESC, times DESC, not_helpful DESC, first_seq",
            )?,
            List::Entries => self.entries(first)?,
            List::NeedsSecond => self.decided(first, "r.state = 'half'", "audit_seq, id")?,
            List::Decided => self.decided(first, "r.state <> 'half'", "audit_seq DESC, id DESC")?,
        };
        drop(transaction);
        Ok(Page { items: subjects.iter().map(|subject| subject.item(rules)).collect(), total })
    }

    /// One item, as it is now; `None` if it is gone.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn review_item(&self, target: Target, rules: &Rules<'_>) -> Result<Option<Item>> {
        Ok(Subject::find(&self.db, target)?.map(|subject| subject.item(rules)))
    }

    fn questions(&self, first: usize, which: &str, order: &str) -> Result<(Vec<Subject>, usize)> {
        let total = self
            .db
            .prepare_cached(&format!(
                "SELECT (SELECT count(*) FROM asked a WHERE {which})
                      - (SELECT count(*) FROM reviews r
                         JOIN asked a ON a.key = r.key AND a.language = r.language
                         WHERE r.kind = 'question' AND {which})"
            ))?
            .query_row([], count)?;
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT a.key, a.language FROM asked a WHERE {which} AND {UNDECIDED}
             ORDER BY {order} LIMIT ?1 OFFSET ?2"
        ))?;
        let keys = statement
            .query_map(params![REVIEW_PAGE_ITEMS as i64, offset(first)], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .collect::<rusqlite::Result<Vec<(String, String)>>>()?;
        let mut subjects = Vec::with_capacity(keys.len());
        for (key, language) in keys {
            subjects.extend(Subject::of_key(&self.db, &key, &language)?);
        }
        Ok((subjects, total))
    }

    fn entries(&self, first: usize) -> Result<(Vec<Subject>, usize)> {
        let total = self
            .db
            .prepare_cached(&format!(
                "SELECT count(*) FROM passages p
                 WHERE {UNREVIEWED} AND p.id NOT IN ({HALF_ENTRIES})"
            ))?
            .query_row([], count)?;
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT p.id FROM passages p WHERE {UNREVIEWED} AND p.id NOT IN ({HALF_ENTRIES})
             ORDER BY p.attention DESC, p.cited DESC, p.id LIMIT ?1 OFFSET ?2"
        ))?;
        let places = statement
            .query_map(params![REVIEW_PAGE_ITEMS as i64, offset(first)], |row| row.get(0))?
            .collect::<rusqlite::Result<Vec<i64>>>()?;
        let mut subjects = Vec::with_capacity(places.len());
        for place in places {
            subjects.extend(Subject::of_passage(&self.db, place)?);
        }
        Ok((subjects, total))
    }

    fn decided(&self, first: usize, which: &str, order: &str) -> Result<(Vec<Subject>, usize)> {
        let total = self
            .db
            .prepare_cached(&format!(
                "SELECT count(*) FROM reviews r WHERE {which} AND r.stale = 0"
            ))?
            .query_row([], count)?;
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT r.id FROM reviews r WHERE {which} AND r.stale = 0
             ORDER BY {order} LIMIT ?1 OFFSET ?2"
        ))?;
        let ids = statement
            .query_map(params![REVIEW_PAGE_ITEMS as i64, offset(first)], |row| row.get(0))?
            .collect::<rusqlite::Result<Vec<i64>>>()?;
        let mut subjects = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(review) = Review::by_id(&self.db, id)? {
                subjects.extend(Subject::of_review(&self.db, review)?);
            }
        }
        Ok((subjects, total))
    }
}

fn offset(first: usize) -> i64 {
    i64::try_from(first).unwrap_or(i64::MAX)
}
