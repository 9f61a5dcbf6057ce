//! Opening a data folder: durability settings, schema, and who else may be there.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, Row, TransactionBehavior};

use crate::error::{Result, StoreError};
use crate::index::{self, Index};
use crate::limits::LOCK_WAIT;
use crate::vectors::Encoder;

/// Name of the database in its folder.
const DATABASE: &str = "baraza.db";

/// Name of the file whose lock its holder has the right to write answers by.
const LOCK: &str = "answering.lock";

/// Name of the file whose lock its holder has the right to read knowledge in by.
const IMPORT_LOCK: &str = "importing.lock";

/// "BARZ" in `PRAGMA application_id`, so that a database of another program is not taken for ours.
const APPLICATION_ID: i32 = 0x4241_525A;

/// Migrations in order; the schema version is how many have run.
const MIGRATIONS: [&str; 4] = [
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
];

/// One connection to the database of a data folder. Several may be open at once, in one process or
/// in many.
///
/// The database is in WAL mode with `synchronous=FULL`: what a method reports as done survives a
/// cut in power. The schema only ever moves forward.
#[derive(Debug)]
pub struct Store {
    pub(crate) db: Connection,
    pub(crate) index: Arc<Index>,
    path: PathBuf,
}

impl Store {
    /// Opens the database of a data folder, making both if they are missing and bringing an older
    /// schema up to date.
    ///
    /// # Errors
    /// [`StoreError`] if the folder cannot be written, or the database is another program's, a
    /// newer version's, damaged or locked.
    pub fn open(folder: &Path) -> Result<Self> {
        let unusable = |reason| StoreError::Folder { folder: folder.into(), reason };
        make_folder(folder).map_err(unusable)?;
        let path = folder.join(DATABASE);
        let mut db =
            Connection::open(&path).map_err(|_| StoreError::CannotOpen { path: path.clone() })?;
        configure(&db).map_err(|error| not_a_database(error, &path))?;
        migrate(&mut db, &path)?;
        Ok(Self { db, index: Arc::default(), path })
    }

    /// Another connection to the same database, which shares what is kept of it in memory.
    ///
    /// # Errors
    /// [`StoreError`] as for [`Store::open`].
    pub fn open_another(&self) -> Result<Self> {
        let other = Self::open(self.path.parent().unwrap_or(Path::new(".")))?;
        Ok(Self { index: Arc::clone(&self.index), ..other })
    }

    /// The store with another index in memory, for vectors of this encoder.
    pub(crate) fn with_encoder(self, encoder: Option<Encoder>) -> Self {
        Self { index: Arc::new(Index::new(encoder)), ..self }
    }

    /// True if a write would be taken now. Writes nothing.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.db.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok()
    }

    /// Runs SQLite's own check of the whole file; empty if all is well.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read at all.
    pub fn integrity_errors(&self) -> Result<Vec<String>> {
        let mut statement = self.db.prepare("PRAGMA integrity_check")?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        let lines: Vec<String> = rows.collect::<Result<_, rusqlite::Error>>()?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }

    /// Leaves a note for other processes that use this folder; `None` takes it away.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be written.
    pub fn set_note(&mut self, name: &str, value: Option<&str>) -> Result<()> {
        if self.note(name)?.as_deref() == value {
            return Ok(());
        }
        match value {
            Some(value) => self.db.execute(
                "INSERT INTO box (name, value) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [name, value],
            )?,
            None => self.db.execute("DELETE FROM box WHERE name = ?1", [name])?,
        };
        Ok(())
    }

    /// Reads a note left by this or another process.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn note(&self, name: &str) -> Result<Option<String>> {
        let mut statement = self.db.prepare_cached("SELECT value FROM box WHERE name = ?1")?;
        let mut rows = statement.query([name])?;
        Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
    }
}

/// The right to write answers in a data folder, which one process at a time has. It ends with the
/// value or with the process, however that dies: the system keeps it, not a file's content, so
/// there is nothing to go stale after a cut in power and no clock is asked.
#[derive(Debug)]
pub struct AnsweringRight {
    _held: File,
}

impl AnsweringRight {
    /// Takes the right, or `None` while another process has it.
    ///
    /// # Errors
    /// [`StoreError::Folder`] if the folder cannot be written.
    pub fn try_take(folder: &Path) -> Result<Option<Self>> {
        Ok(try_lock(folder, LOCK)?.map(|file| Self { _held: file }))
    }
}

/// The right to read knowledge in, which one process at a time has, as with [`AnsweringRight`]: two
/// imports of one name would take each other's place.
#[derive(Debug)]
pub struct ImportRight {
    _held: File,
}

impl Store {
    /// Takes the right to read knowledge in, or `None` while somebody else has it.
    ///
    /// # Errors
    /// [`StoreError::Folder`] if the folder cannot be written.
    pub fn try_import_right(&self) -> Result<Option<ImportRight>> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        Ok(try_lock(folder, IMPORT_LOCK)?.map(|file| ImportRight { _held: file }))
    }
}

/// Locks a file of a folder, making both if they are missing; `None` if it is locked already.
fn try_lock(folder: &Path, name: &str) -> Result<Option<File>> {
    let unusable = |reason| StoreError::Folder { folder: folder.into(), reason };
    make_folder(folder).map_err(unusable)?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join(name))
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(reason)) => Err(unusable(reason)),
    }
}

/// Makes a folder that stays after a cut in power.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new("."))).and_then(|parent| parent.sync_all())
}

fn configure(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(LOCK_WAIT)?;
    db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    db.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;",
    )
}

fn not_a_database(error: rusqlite::Error, path: &Path) -> StoreError {
    match (error.sqlite_error_code(), error.into()) {
        // What does not start like a database was never ours, or cannot be told from it.
        (Some(ErrorCode::NotADatabase), _) => StoreError::NotOurs { path: path.into() },
        (_, StoreError::Unexpected(_)) => StoreError::CannotOpen { path: path.into() },
        (_, other) => other,
    }
}

/// Brings the schema and the search index up to date, all in one transaction; refuses what is not ours.
fn migrate(db: &mut Connection, path: &Path) -> Result<()> {
    let known = MIGRATIONS.len() as u32;
    if version(db)? == (APPLICATION_ID, known) && !index::is_outdated(db)? {
        return Ok(());
    }
    // Of two processes that start at once, the second finds the work done.
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (application, found) = version(&transaction)?;
    let tables: u32 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (application, found, tables) != (0, 0, 0) {
        return Err(StoreError::NotOurs { path: path.into() });
    }
    if found > known {
        return Err(StoreError::Newer { path: path.into(), found, known });
    }
    for migration in &MIGRATIONS[found as usize..] {
        transaction.execute_batch(migration)?;
    }
    if index::is_outdated(&transaction)? {
        index::refill(&transaction)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", known)?;
    Ok(transaction.commit()?)
}

/// Reads a count from the first column.
pub(crate) fn count(row: &Row<'_>) -> rusqlite::Result<usize> {
    Ok(row.get::<_, u32>(0)? as usize)
}

fn version(db: &Connection) -> rusqlite::Result<(i32, u32)> {
    let application = db.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let schema = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok((application, schema))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_folder_is_made_whole() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("a/b")).unwrap();
        assert_eq!(store.integrity_errors().unwrap(), Vec::<String>::new());
        let mode: String = store.db.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        let synchronous: u32 =
            store.db.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
        let foreign_keys: u32 =
            store.db.query_row("PRAGMA foreign_keys", [], |row| row.get(0)).unwrap();
        assert_eq!((mode.as_str(), synchronous, foreign_keys), ("wal", 2, 1));
        assert!(store.is_writable());
    }

    #[test]
    fn opening_again_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Store::open(folder.path()).unwrap();
        first.set_note("model", Some("nano")).unwrap();
        let second = first.open_another().unwrap();
        assert_eq!(second.note("model").unwrap().as_deref(), Some("nano"));
        first.set_note("model", None).unwrap();
        assert_eq!(second.note("model").unwrap(), None);
    }

    #[test]
    fn a_newer_schema_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        drop(Store::open(folder.path()).unwrap());
        let db = Connection::open(folder.path().join(DATABASE)).unwrap();
        db.pragma_update(None, "user_version", 99).unwrap();
        drop(db);
        let error = Store::open(folder.path()).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 99, .. }));
        assert!(error.to_string().contains("install the newer version"), "{error}");
    }

    #[test]
    fn another_programs_database_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(DATABASE);
        let db = Connection::open(&path).unwrap();
        db.execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
        drop(db);
        assert!(matches!(Store::open(folder.path()), Err(StoreError::NotOurs { .. })));
        let db = Connection::open(&path).unwrap();
        let tables: u32 =
            db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!(tables, 1);
    }

    #[test]
    fn what_is_no_database_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(DATABASE);
        let content = "a letter, not a database; ".repeat(1000);
        fs::write(&path, &content).unwrap();
        let error = Store::open(folder.path()).unwrap_err();
        assert!(matches!(error, StoreError::NotOurs { .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }

    #[test]
    fn an_unusable_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Store::open(&file.join("data")).unwrap_err();
        assert!(matches!(error, StoreError::Folder { .. }));
        assert!(error.to_string().contains("--data"), "{error}");
        assert!(matches!(
            AnsweringRight::try_take(&file.join("data")),
            Err(StoreError::Folder { .. })
        ));
    }

    #[test]
    fn one_at_a_time_may_answer() {
        let folder = tempfile::tempdir().unwrap();
        let right = AnsweringRight::try_take(folder.path()).unwrap();
        assert!(right.is_some());
        assert!(AnsweringRight::try_take(folder.path()).unwrap().is_none());
        drop(right);
        assert!(AnsweringRight::try_take(folder.path()).unwrap().is_some());
    }
}
