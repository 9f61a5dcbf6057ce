//! `baraza review`: who may review on this box, and reviews from box to box.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::bail;
use store::signature::BoxKey;
use store::{By, pin};

use super::knowledge::write_whole;
use super::open_store;
use crate::cli::Review;
use crate::failure::print;
use crate::front_desk::unguessable;
use crate::importing;
use crate::review_desk::export_reviews;
use crate::running::today;

pub(crate) fn run(command: &Review) -> anyhow::Result<()> {
    match command {
        Review::Add { role, data } => add(&data.folder(), role),
        Review::Reviewers { data } => {
            let mut text = String::new();
            for reviewer in open_store(&data.folder())?.reviewers()? {
                let _ = writeln!(text, "{:>4}  {}", reviewer.id, reviewer.role);
            }
            print(&text)
        }
        Review::Remove { id, data } => {
            let mut store = open_store(&data.folder())?;
            let day = today(&store);
            if !store.remove_reviewer(*id, &By { reviewer: None, day: day.as_deref() })? {
                bail!("there is no reviewer {id}: see `baraza review reviewers`");
            }
            print(&format!("{id} reviews no more\n"))
        }
        Review::Export { file, data } => {
            let mut store = open_store(&data.folder())?;
            let day = today(&store);
            let by = By { reviewer: None, day: day.as_deref() };
            write_whole(file, &export_reviews(&mut store, &data.folder(), &by)?)?;
            print(&format!("reviews in {}\n", file.display()))
        }
        Review::Import { file, data } => {
            let imported = importing::import_reviews(&mut open_store(&data.folder())?, file)?;
            print(&format!("{}\n", imported.sentence))
        }
        Review::Trust { key, name, data } => {
            let mut store = open_store(&data.folder())?;
            let day = today(&store);
            store.trust_key(key, name, &By { reviewer: None, day: day.as_deref() })?;
            print(&format!("{name} is trusted\n"))
        }
        Review::Key { data } => {
            // The folder is made, and refused if it is not ours, before a key is put in it.
            let folder = data.folder();
            drop(open_store(&folder)?);
            print(&format!("{}\n", BoxKey::open(&folder)?.public_key()))
        }
    }
}

fn add(folder: &Path, role: &str) -> anyhow::Result<()> {
    let mut store = open_store(folder)?;
    let number = pin::new_pin(&mut unguessable);
    let mut salt = [0; 16];
    for part in salt.chunks_exact_mut(8) {
        part.copy_from_slice(&unguessable().to_le_bytes());
    }
    let hash = pin::hash_pin(&number, salt)?;
    let day = today(&store);
    let reviewer = store.add_reviewer(role, &hash, &By { reviewer: None, day: day.as_deref() })?;
    print(&format!(
        "PIN of {} (number {}): {number}\nWrite it down: the box does not show it again.\n",
        reviewer.role, reviewer.id
    ))
}
