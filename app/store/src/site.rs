//! The site's settings, and the keys that it believes.

use answer::limits::REVIEW_FIELD_CHARS_MAX;
use answer::review::{ReviewError, Site};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::audit::{self, By};
use crate::error::{Result, StoreError};
use crate::limits::{RETENTION_DAYS_MAX, TRUSTED_KEYS_MAX};
use crate::open::{Store, count};
use crate::signature::{self, SignatureError};

/// Name of the note in table `box`.
const SITE: &str = "site";

/// How the settings are kept; what a later version adds or drops is no trouble.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    facility: String,
    phone: String,
    hours: String,
    retention_days: u32,
    model_without_source: bool,
}

/// A key whose signatures this box believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    /// The key as minisign writes it: one line of Base64.
    pub key: String,
    /// Whose it is, for people.
    pub name: String,
}

impl Store {
    /// The site's settings; the defaults if nobody set them.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn site(&self) -> Result<Site> {
        let note = self.note(SITE)?;
        let kept: Kept = note.and_then(|note| serde_json::from_str(&note).ok()).unwrap_or_default();
        Ok(Site {
            facility: kept.facility,
            phone: kept.phone,
            hours: kept.hours,
            retention_days: kept.retention_days,
            model_without_source: kept.model_without_source,
        })
    }

    /// Changes the site's settings; white space at the ends is dropped.
    ///
    /// # Errors
    /// [`ReviewError::Text`] if a field does not fit; [`ReviewError::Storage`] if they could not be
    /// written.
    pub fn set_site(&mut self, site: &Site, by: &By<'_>) -> Result<(), ReviewError> {
        let site = checked(site)?;
        let before = self.site()?;
        if site == before {
            return Ok(());
        }
        let what = changes(&before, &site);
        let kept = Kept {
            facility: site.facility,
            phone: site.phone,
            hours: site.hours,
            retention_days: site.retention_days,
            model_without_source: site.model_without_source,
        };
        let kept = serde_json::to_string(&kept).unwrap_or_default();
        let mut write = || {
            let transaction = self.begin()?;
            transaction.execute(
                "INSERT INTO box (name, value) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [SITE, &kept],
            )?;
            audit::append(&transaction, by, "set-site", &what)?;
            Ok::<_, StoreError>(transaction.commit()?)
        };
        Ok(write()?)
    }

    /// The keys that this box believes, by name.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn trusted_keys(&self) -> Result<Vec<TrustedKey>> {
        let mut statement =
            self.db.prepare_cached("SELECT key, name FROM trusted_keys ORDER BY name, key")?;
        let rows = statement
            .query_map([], |row| Ok(TrustedKey { key: row.get(0)?, name: row.get(1)? }))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Believes a key from now on, or gives a known one another name. `key` is what minisign writes
    /// into a `.pub` file, or its second line.
    ///
    /// # Errors
    /// [`ReviewError::Text`] if it is no key, the name does not fit, or there are too many keys;
    /// [`ReviewError::Storage`] if it could not be written.
    pub fn trust_key(&mut self, key: &str, name: &str, by: &By<'_>) -> Result<(), ReviewError> {
        let key = signature::canonical_key(key).map_err(|error: SignatureError| {
            ReviewError::Text { field: "key", reason: error.to_string() }
        })?;
        let name = field("name", name)?;
        if name.is_empty() {
            return Err(ReviewError::Text { field: "name", reason: "empty: whose is it?".into() });
        }
        let mut write = || {
            let transaction = self.begin()?;
            let others = transaction.query_row(
                "SELECT count(*) FROM trusted_keys WHERE key <> ?1",
                [&key],
                count,
            )?;
            if others >= TRUSTED_KEYS_MAX {
                return Ok(false);
            }
            transaction.execute(
                "INSERT INTO trusted_keys (key, name) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET name = excluded.name",
                [&key, &name],
            )?;
            audit::append(&transaction, by, "trust-key", &format!("{name}: {key}"))?;
            transaction.commit()?;
            Ok::<_, StoreError>(true)
        };
        if write()? {
            return Ok(());
        }
        let reason = format!("{TRUSTED_KEYS_MAX} are known already: remove one first");
        Err(ReviewError::Text { field: "key", reason })
    }

    /// Believes a key no longer; what came with it stays. False if it was not known.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be written.
    pub fn distrust_key(&mut self, key: &str, by: &By<'_>) -> Result<bool> {
        let transaction = self.begin()?;
        let name: Option<String> = transaction
            .query_row("DELETE FROM trusted_keys WHERE key = ?1 RETURNING name", [key], |row| {
                row.get(0)
            })
            .optional()?;
        let Some(name) = name else { return Ok(false) };
        audit::append(&transaction, by, "distrust-key", &format!("{name}: {key}"))?;
        transaction.commit()?;
        Ok(true)
    }

    /// The last decision read in that this key signed, by its box's own count; 0 for none.
    pub(crate) fn revision_of(db: &rusqlite::Connection, key: &str) -> Result<i64> {
        let mut statement =
            db.prepare_cached("SELECT revision FROM trusted_keys WHERE key = ?1")?;
        Ok(statement.query_row(params![key], |row| row.get(0)).optional()?.unwrap_or(0))
    }
}

fn checked(site: &Site) -> Result<Site, ReviewError> {
    if site.retention_days > RETENTION_DAYS_MAX {
        let reason = format!("{} days, at most {RETENTION_DAYS_MAX}", site.retention_days);
        return Err(ReviewError::Text { field: "retention", reason });
    }
    Ok(Site {
        facility: field("facility", &site.facility)?,
        phone: field("phone", &site.phone)?,
        hours: field("hours", &site.hours)?,
        ..site.clone()
    })
}

fn field(field: &'static str, text: &str) -> Result<String, ReviewError> {
    let text = text.trim();
    let length = text.chars().count();
    if length > REVIEW_FIELD_CHARS_MAX {
        let reason = format!("{length} characters, at most {REVIEW_FIELD_CHARS_MAX}");
        return Err(ReviewError::Text { field, reason });
    }
    if text.chars().any(char::is_control) {
        let reason = "holds a control character, such as a line break".into();
        return Err(ReviewError::Text { field, reason });
    }
    Ok(text.to_owned())
}

fn changes(before: &Site, after: &Site) -> String {
    let days = [before, after].map(|site| site.retention_days.to_string());
    let model = [before, after].map(|site| if site.model_without_source { "yes" } else { "no" });
    let fields = [
        ("facility", before.facility.as_str(), after.facility.as_str()),
        ("phone", &before.phone, &after.phone),
        ("hours", &before.hours, &after.hours),
        ("days questions are kept", &days[0], &days[1]),
        ("model without source", model[0], model[1]),
    ];
    let changed = fields.iter().filter(|(_, before, after)| before != after);
    changed.map(|(name, _, after)| format!("{name}: {after}")).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    #[test]
    fn settings_are_kept_and_changes_are_logged() {
        let (_folder, mut store) = store();
        assert_eq!(store.site().unwrap(), Site::default());
        let mut site = Site { facility: " Health Centre ".into(), ..Site::default() };
        site.retention_days = 90;
        store.set_site(&site, &By::default()).unwrap();
        site.facility = "Health Centre".into();
        assert_eq!(store.site().unwrap(), site);
        store.set_site(&site, &By::default()).unwrap();
        let lines = store.audit(0).unwrap();
        assert_eq!(lines.total, 1);
        assert_eq!(lines.items[0].what, "facility: Health Centre; days questions are kept: 90");
        store.set_note(SITE, Some("{\"phone\":\"1\",\"colour\":2}")).unwrap();
        assert_eq!(store.site().unwrap().phone, "1");
    }

    #[test]
    fn what_does_not_fit_is_refused_and_nothing_changes() {
        let (_folder, mut store) = store();
        for (site, field) in [
            (Site { phone: "1".repeat(201), ..Site::default() }, "phone"),
            (Site { hours: "8\n9".into(), ..Site::default() }, "hours"),
            (Site { retention_days: 4_000, ..Site::default() }, "retention"),
        ] {
            let error = store.set_site(&site, &By::default()).unwrap_err();
            assert!(error.to_string().starts_with(field), "{error}");
        }
        assert_eq!(store.site().unwrap(), Site::default());
        assert_eq!(store.audit(0).unwrap().total, 0);
    }

    #[test]
    fn keys_are_known_by_name() {
        let (_folder, mut store) = store();
        let by = By::default();
        let file = format!("untrusted comment: minisign public key\n{KEY}\n");
        store.trust_key(&file, "district", &by).unwrap();
        store.trust_key(KEY, "district office", &by).unwrap();
        let known = TrustedKey { key: KEY.into(), name: "district office".into() };
        assert_eq!(store.trusted_keys().unwrap(), [known]);
        for (key, name) in [("", "x"), ("RWQ", "x"), (KEY, " "), (KEY, "a\nb"), ("\n\n", "x")] {
            assert!(store.trust_key(key, name, &by).is_err(), "{key} {name}");
        }
        assert!(store.distrust_key(KEY, &by).unwrap());
        assert!(!store.distrust_key(KEY, &by).unwrap());
        assert_eq!(store.audit(0).unwrap().total, 3);
    }
}
