//! Who may review.

use answer::review::{ReviewError, Reviewer};
use rusqlite::{OptionalExtension, params};

use crate::audit::{self, By};
use crate::error::Result;
use crate::limits::{REVIEWERS_MAX, ROLE_CHARS_MAX};
use crate::open::{Store, count};
use crate::pin;

impl Store {
    /// Lets one more person review. `pin_hash` is from [`pin::hash_pin`].
    ///
    /// # Errors
    /// [`ReviewError::Text`] if the role does not fit or there are [`REVIEWERS_MAX`] already;
    /// [`ReviewError::Storage`] if it could not be written.
    pub fn add_reviewer(
        &mut self,
        role: &str,
        pin_hash: &str,
        by: &By<'_>,
    ) -> Result<Reviewer, ReviewError> {
        let role = checked_role(role)?;
        let added = (|| {
            let transaction = self.begin()?;
            let present = transaction.query_row(
                "SELECT count(*) FROM reviewers WHERE removed = 0",
                [],
                count,
            )?;
            if present >= REVIEWERS_MAX {
                return Ok(None);
            }
            transaction
                .execute("INSERT INTO reviewers (role, pin) VALUES (?1, ?2)", [&role, pin_hash])?;
            let reviewer = Reviewer { id: transaction.last_insert_rowid(), role: role.clone() };
            let what = format!("{role} ({})", reviewer.id);
            audit::append(&transaction, by, "add-reviewer", &what)?;
            transaction.commit()?;
            Ok::<_, crate::StoreError>(Some(reviewer))
        })()?;
        added.ok_or_else(|| ReviewError::Text {
            field: "reviewers",
            reason: format!("there are {REVIEWERS_MAX} already: remove one first"),
        })
    }

    /// Who may review now, in the order of joining.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn reviewers(&self) -> Result<Vec<Reviewer>> {
        Ok(self.reviewers_with_pins()?.into_iter().map(|(reviewer, _)| reviewer).collect())
    }

    /// Ends what a person may do: her PIN is deleted, her decisions stay. False if there is no such
    /// reviewer.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be written.
    pub fn remove_reviewer(&mut self, id: i64, by: &By<'_>) -> Result<bool> {
        let transaction = self.begin()?;
        let role: Option<String> = transaction
            .query_row(
                "UPDATE reviewers SET removed = 1, pin = '' WHERE id = ?1 AND removed = 0
                 RETURNING role",
                [id],
                |row| row.get(0),
            )
            .optional()?;
        let Some(role) = role else { return Ok(false) };
        audit::append(&transaction, by, "remove-reviewer", &format!("{role} ({id})"))?;
        transaction.commit()?;
        Ok(true)
    }

    /// Gives a reviewer another PIN. False if there is no such reviewer.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be written.
    pub fn set_pin(&mut self, id: i64, pin_hash: &str, by: &By<'_>) -> Result<bool> {
        let transaction = self.begin()?;
        let changed = transaction.execute(
            "UPDATE reviewers SET pin = ?2 WHERE id = ?1 AND removed = 0",
            params![id, pin_hash],
        )?;
        if changed == 0 {
            return Ok(false);
        }
        audit::append(&transaction, by, "set-pin", &format!("reviewer ({id})"))?;
        transaction.commit()?;
        Ok(true)
    }

    /// The reviewer with this PIN; `None` if there is none. Takes one hash for each reviewer, and
    /// as long for a wrong PIN as for a right one; the caller bounds how often it is tried.
    ///
    /// # Errors
    /// [`crate::StoreError`] if the database cannot be read.
    pub fn log_in(&self, pin: &str) -> Result<Option<Reviewer>> {
        let mut known = self.reviewers_with_pins()?;
        let place = pin::fitting(pin, known.iter().map(|(_, hash)| hash.as_str()));
        Ok(place.map(|place| known.swap_remove(place).0))
    }

    fn reviewers_with_pins(&self) -> Result<Vec<(Reviewer, String)>> {
        let mut statement = self
            .db
            .prepare_cached("SELECT id, role, pin FROM reviewers WHERE removed = 0 ORDER BY id")?;
        let rows = statement.query_map([], |row| {
            Ok((Reviewer { id: row.get(0)?, role: row.get(1)? }, row.get(2)?))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

fn checked_role(role: &str) -> Result<String, ReviewError> {
    let role = role.trim();
    let fits = |c: char| !c.is_control() && c != ',';
    let length = role.chars().count();
    if !(1..=ROLE_CHARS_MAX).contains(&length) || !role.chars().all(fits) {
        let reason = format!("one to {ROLE_CHARS_MAX} characters without commas, such as nurse");
        return Err(ReviewError::Text { field: "role", reason });
    }
    Ok(role.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reviewers_come_and_go_and_the_log_knows() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        assert_eq!(store.log_in("12345678").unwrap(), None);
        let hash = |pin: &str| pin::hash_pin(pin, [3; 16]).unwrap();
        let by = By { reviewer: None, day: None };
        let nurse = store.add_reviewer(" nurse ", &hash("12345678"), &by).unwrap();
        let doctor = store.add_reviewer("doctor", &hash("87654321"), &by).unwrap();
        assert_eq!(store.log_in("1234 5678").unwrap().as_ref(), Some(&nurse));
        assert_eq!(store.log_in("87654321").unwrap().as_ref(), Some(&doctor));
        assert!(store.set_pin(doctor.id, &hash("00000000"), &by).unwrap());
        assert_eq!(store.log_in("87654321").unwrap(), None);
        assert!(store.remove_reviewer(nurse.id, &by).unwrap());
        assert!(!store.remove_reviewer(nurse.id, &by).unwrap());
        assert!(!store.set_pin(nurse.id, &hash("00000000"), &by).unwrap());
        assert_eq!(store.log_in("12345678").unwrap(), None);
        assert_eq!(store.reviewers().unwrap(), std::slice::from_ref(&doctor));
        let actions: Vec<String> =
            store.audit(0).unwrap().items.into_iter().map(|line| line.action).collect();
        assert_eq!(actions, ["remove-reviewer", "set-pin", "add-reviewer", "add-reviewer"]);
        for bad in ["", "  ", "nurse, doctor", "a\nb", &"x".repeat(41)] {
            assert!(store.add_reviewer(bad, "", &by).is_err(), "{bad}");
        }
        for _ in 1..REVIEWERS_MAX {
            store.add_reviewer("teacher", "", &by).unwrap();
        }
        let error = store.add_reviewer("teacher", "", &by).unwrap_err();
        assert!(error.to_string().contains("remove one first"), "{error}");
    }
}
