//! The [`ReviewDesk`] behind the review pages.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use answer::desk::Clock;
use answer::dose;
use answer::ports::StorageError;
use answer::review::{
    AuditLine, Decision, Item, List, Pack, Page, ReviewDesk, ReviewError, Reviewer, Site, State,
    StickFile, Target,
};
use store::signature::BoxKey;
use store::{By, Rules, Store};

use crate::front_desk::lock;
use crate::librarian::Librarian;
use crate::limits::{STICK_DEPTH_MAX, STICK_FILES_MAX};
use crate::running::{boot, system_s, today};

/// Ends of the names of files that the box reads in.
const READABLE: [&str; 11] =
    ["jsonl", "csv", "tsv", "md", "txt", "html", "htm", "epub", "pdf", "zim", "json"];

/// What reviewers see and decide.
pub(crate) struct Reviewing {
    store: Mutex<Store>,
    folder: PathBuf,
    sticks: PathBuf,
    librarian: Librarian,
}

impl Reviewing {
    /// A desk over the database of `store`, in the data folder `folder`; sticks appear in folders of
    /// `sticks`.
    ///
    /// # Errors
    /// [`store::StoreError`] if another connection cannot be opened.
    pub(crate) fn new(
        store: &Store,
        folder: &Path,
        sticks: &Path,
        librarian: Librarian,
    ) -> Result<Self, store::StoreError> {
        Ok(Self {
            store: Mutex::new(store.open_another()?),
            folder: folder.to_owned(),
            sticks: sticks.to_owned(),
            librarian,
        })
    }
}

/// What a review goes by.
pub(crate) const RULES: Rules<'static> =
    Rules { has_dose: &dose::has_dose, words: &store::content_words };

impl ReviewDesk for Reviewing {
    fn is_set_up(&self) -> bool {
        lock(&self.store).reviewers().is_ok_and(|reviewers| !reviewers.is_empty())
    }

    fn log_in(&self, pin: &str) -> Option<Reviewer> {
        // A connection of its own, so that nobody waits for the database while a hash is computed.
        let store = lock(&self.store).open_another();
        match store.and_then(|store| store.log_in(pin)) {
            Ok(reviewer) => reviewer,
            Err(error) => {
                tracing::error!("nobody can log in: {error}");
                None
            }
        }
    }

    fn list(&self, list: List, first: usize) -> Result<Page<Item>, StorageError> {
        Ok(lock(&self.store).reviews(list, first, &RULES)?)
    }

    fn item(&self, target: Target) -> Result<Option<Item>, StorageError> {
        Ok(lock(&self.store).review_item(target, &RULES)?)
    }

    fn decide(
        &self,
        reviewer: &Reviewer,
        target: Target,
        version: &str,
        decision: Decision,
    ) -> Result<State, ReviewError> {
        let mut store = lock(&self.store);
        let day = today(&store);
        store.decide(reviewer, day.as_deref(), target, version, &decision, &RULES)
    }

    fn export(&self, reviewer: &Reviewer) -> Result<Vec<u8>, ReviewError> {
        let mut store = lock(&self.store);
        let day = today(&store);
        let by = By { reviewer: Some(reviewer), day: day.as_deref() };
        export_reviews(&mut store, &self.folder, &by)
    }

    fn site(&self) -> Result<Site, StorageError> {
        Ok(lock(&self.store).site()?)
    }

    fn set_site(&self, reviewer: &Reviewer, site: &Site) -> Result<(), ReviewError> {
        let mut store = lock(&self.store);
        let day = today(&store);
        store.set_site(site, &By { reviewer: Some(reviewer), day: day.as_deref() })
    }

    fn set_clock(&self, reviewer: &Reviewer, unix_s: u64) -> Result<Clock, ReviewError> {
        let mut store = lock(&self.store);
        let day = today(&store);
        let by = By { reviewer: Some(reviewer), day: day.as_deref() };
        store.set_clock(unix_s, system_s(), &boot(), &by)
    }

    fn packs(&self) -> Result<Vec<Pack>, StorageError> {
        let mut packs = lock(&self.store).packs()?;
        for (name, problem) in self.librarian.problems() {
            packs.push(Pack {
                name,
                revision: String::new(),
                language: String::new(),
                passages: 0,
                signed_by: None,
                progress: None,
                problem: Some(problem),
            });
        }
        Ok(packs)
    }

    fn stick_files(&self) -> Vec<StickFile> {
        let mut files = Vec::new();
        collect(&self.sticks, &self.sticks, STICK_DEPTH_MAX, &mut files);
        files.sort_by(|a, b| a.name.cmp(&b.name));
        files
    }

    fn import(&self, reviewer: &Reviewer, name: &str) -> Result<(), ReviewError> {
        // Only what was listed, so that no name leads out of the stick.
        if !self.stick_files().iter().any(|file| file.name == name) {
            let sentence = "this file is not on a stick any more: put the stick in and try again";
            return Err(ReviewError::File(sentence.into()));
        }
        let mut store = lock(&self.store);
        let day = today(&store);
        store.record(&By { reviewer: Some(reviewer), day: day.as_deref() }, "import", name)?;
        drop(store);
        self.librarian.import(&self.sticks.join(name));
        Ok(())
    }

    fn audit(&self, first: usize) -> Result<Page<AuditLine>, StorageError> {
        Ok(lock(&self.store).audit(first)?)
    }
}

/// All decisions made on this box, signed with the key of its data folder.
///
/// # Errors
/// [`ReviewError`] if the key or the database cannot be used.
pub(crate) fn export_reviews(
    store: &mut Store,
    folder: &Path,
    by: &By<'_>,
) -> Result<Vec<u8>, ReviewError> {
    let key = BoxKey::open(folder).map_err(|error| ReviewError::File(error.to_string()))?;
    store.export_reviews(&key.id(), &|bytes| key.sign(bytes), by)
}

/// Readable files of a folder and those below it; links are not followed.
fn collect(root: &Path, folder: &Path, depth: usize, files: &mut Vec<StickFile>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (Ok(kind), path) = (entry.file_type(), entry.path()) else { continue };
        if files.len() >= STICK_FILES_MAX {
            return;
        }
        if kind.is_dir() && depth > 0 {
            collect(root, &path, depth - 1, files);
        } else if kind.is_file()
            && let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str)
            && let Some(end) = path.extension().and_then(|end| end.to_str())
            && READABLE.contains(&end.to_ascii_lowercase().as_str())
        {
            let bytes = entry.metadata().map_or(0, |metadata| metadata.len());
            files.push(StickFile { name: name.to_owned(), bytes });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sticks_show_what_the_box_can_read_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let stick = folder.path().join("usb1/books");
        fs::create_dir_all(&stick).unwrap();
        for name in ["a.zim", "b.exe", "c.CSV", "d"] {
            fs::write(stick.join(name), "x").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc", stick.join("etc.zim")).unwrap();
        let mut files = Vec::new();
        collect(folder.path(), folder.path(), STICK_DEPTH_MAX, &mut files);
        let mut names: Vec<_> = files.into_iter().map(|file| file.name).collect();
        names.sort();
        assert_eq!(names, ["usb1/books/a.zim", "usb1/books/c.CSV"]);
    }
}
