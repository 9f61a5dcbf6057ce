//! `baraza knowledge`: what the box knows.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::json;
use store::Store;
use store::signature::{BoxKey, join_signed};

use super::open_store;
use crate::cli::Knowledge;
use crate::failure::{print, tell};
use crate::importing::{self, Watch};

pub(crate) fn run(command: &Knowledge) -> anyhow::Result<()> {
    match command {
        Knowledge::Import { file, language, data } => {
            let language = language.as_ref().map(|language| language.as_str());
            import(&mut open_store(&data.folder())?, file, language)
        }
        Knowledge::List { json, data } => list(&open_store(&data.folder())?, *json),
        Knowledge::Export { file, data } => export(&data.folder(), file),
        Knowledge::Check { data } => check(&open_store(&data.folder())?),
    }
}

fn import(store: &mut Store, file: &Path, language: Option<&str>) -> anyhow::Result<()> {
    let terminal = io::stderr().is_terminal();
    let mut told = None;
    let mut progress = |name: &str, percent: u8| {
        if terminal {
            let _ = write!(io::stderr(), "\r\x1b[K{name}: indexing {percent} %");
        } else if told.is_none_or(|told| percent >= told + 10) {
            told = Some(percent);
            tell(&format!("{name}: indexing {percent} %"));
        }
    };
    let mut watch = Watch { progress: &mut progress, stop: &|| false };
    let imported = importing::import(store, file, language, &mut watch);
    if terminal {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    let imported = imported?;
    for notice in &imported.notices {
        tell(&format!("baraza: {notice}"));
    }
    print(&format!("{}\n", imported.sentence))
}

fn list(store: &Store, as_json: bool) -> anyhow::Result<()> {
    let mut text = String::new();
    for pack in store.packs()? {
        if as_json {
            let line = json!({
                "name": pack.name, "revision": pack.revision, "language": pack.language,
                "passages": pack.passages, "signed_by": pack.signed_by, "progress": pack.progress,
            });
            let _ = writeln!(text, "{line}");
            continue;
        }
        let state = match pack.progress {
            Some(percent) => format!("indexing {percent} %"),
            None => "ready".to_owned(),
        };
        let signed = pack.signed_by.map_or("not signed".into(), |key| format!("signed by {key}"));
        let _ = writeln!(
            text,
            "{:<28} {:<8} {:<3} {:>8} passages  {state}, {signed}",
            pack.name, pack.revision, pack.language, pack.passages
        );
    }
    print(&text)
}

fn export(folder: &Path, file: &Path) -> anyhow::Result<()> {
    let store = open_store(folder)?;
    let key = BoxKey::open(folder)?;
    let (body, entries) = store.export_knowledge(&format!("box-{}", key.id().to_lowercase()))?;
    let signature = key.sign(body.as_bytes())?;
    write_whole(file, &join_signed(body.into_bytes(), signature))?;
    print(&format!("{entries} entries in {}\n", file.display()))
}

/// Writes a file so that it is there whole or not at all.
pub(super) fn write_whole(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", file.display());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let name = file.file_name().with_context(|| format!("{} is no file name", file.display()))?;
    let mut beside = name.to_owned();
    beside.push(".part");
    let beside = folder.unwrap_or(Path::new(".")).join(beside);
    let write = || -> io::Result<()> {
        let mut out = std::fs::File::create(&beside)?;
        out.write_all(bytes)?;
        out.sync_all()?;
        std::fs::rename(&beside, file)
    };
    write().inspect_err(|_| drop(std::fs::remove_file(&beside))).with_context(cannot)
}

fn check(store: &Store) -> anyhow::Result<()> {
    let problems = store.check_knowledge()?;
    if problems.is_empty() {
        let packs = store.packs()?;
        let passages: usize = packs.iter().map(|pack| pack.passages).sum();
        return print(&format!("{} packs, {passages} passages: no damage found\n", packs.len()));
    }
    for problem in &problems {
        tell(problem);
    }
    bail!(
        "{} problems: restore a backup, or move the data folder away and import again",
        problems.len()
    )
}
