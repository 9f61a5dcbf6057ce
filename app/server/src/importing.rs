//! Taking a file into the box: a knowledge pack, another box's reviews, a table of questions and
//! answers, or documents.
//!
//! Packs, reviews and tables are taken in whole, in one commit. Documents may be hundreds of thousands,
//! so they come in small commits that each say how far they are; a pack of them is found only once it
//! is whole, and an import that was killed goes on where it was when the same file is given again.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::thread;

use anyhow::{Context, bail};
use documents::{Collection, Document, DocumentError, Entry, Item, Options, Reader};
use serde_json::json;
use store::signature::{self, split_signed};
use store::{By, DocumentPack, DocumentPassage, ImportRight, KnowledgePack, Loaded, Store};

use crate::limits::{DOCUMENT_BATCH, IMPORT_LOOK, KNOWLEDGE_FILE_MAX};
use crate::review_desk::RULES;
use crate::running::today;

/// What came of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Imported {
    /// Name of the pack.
    pub(crate) name: String,
    /// One sentence for the person.
    pub(crate) sentence: String,
    /// What was left out, and why.
    pub(crate) notices: Vec<String>,
}

/// How an import is watched and stopped.
pub(crate) struct Watch<'a> {
    /// Hears how far it is, in percent.
    pub(crate) progress: &'a mut dyn FnMut(&str, u8),
    /// True once it should stop and leave the rest for later.
    pub(crate) stop: &'a dyn Fn() -> bool,
}

/// Takes a file or folder in. `language` is that of texts that do not say their own.
///
/// # Errors
/// A sentence that names the file and says what to do. Nothing of the file is visible then.
pub(crate) fn import(
    store: &mut Store,
    file: &Path,
    language: Option<&str>,
    watch: &mut Watch<'_>,
) -> anyhow::Result<Imported> {
    let _right = import_right(store, watch)?;
    if file.is_file() {
        match own_format(file)? {
            Some(Own::Knowledge) => return import_pack(store, file),
            Some(Own::Reviews) => return import_reviews(store, file),
            None => {}
        }
    }
    let options = Options { language: Some(language.unwrap_or("en").to_owned()) };
    let mut reader = match documents::open(file, &options) {
        Err(DocumentError::KnowledgePack { .. }) => return import_pack(store, file),
        other => other?,
    };
    let notices = reader.notices().to_vec();
    let mut imported = match reader.next() {
        None => bail!("{} has nothing in it that can be read", file.display()),
        Some(Ok(Item::Entry(first))) => import_entries(store, file, reader.as_mut(), first)?,
        Some(_) => {
            reader.seek(0)?;
            import_documents(store, file, reader.as_mut(), &options, watch)?
        }
    };
    imported.notices.splice(0..0, notices);
    Ok(imported)
}

/// Waits until nobody else reads anything in.
fn import_right(store: &Store, watch: &mut Watch<'_>) -> anyhow::Result<ImportRight> {
    loop {
        match store.try_import_right()? {
            Some(right) => return Ok(right),
            None if (watch.stop)() => bail!("stopped before another import had ended"),
            None => thread::sleep(IMPORT_LOOK),
        }
    }
}

/// The formats that are Baraza's own.
enum Own {
    Knowledge,
    Reviews,
}

fn own_format(file: &Path) -> anyhow::Result<Option<Own>> {
    let mut head = Vec::new();
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    opened.take(4096).read_to_end(&mut head)?;
    let head = String::from_utf8_lossy(&head);
    let first = head.lines().next().unwrap_or_default();
    Ok(if !first.trim_start().starts_with('{') {
        None
    } else if first.contains("\"baraza-knowledge\"") {
        Some(Own::Knowledge)
    } else if first.contains("\"baraza-reviews\"") {
        Some(Own::Reviews)
    } else {
        None
    })
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

fn read_bounded(file: &Path) -> anyhow::Result<Vec<u8>> {
    let cannot = || format!("cannot read {}", file.display());
    let bytes = fs::metadata(file).with_context(cannot)?.len();
    if bytes > KNOWLEDGE_FILE_MAX {
        bail!("{} is larger than {} MB: split it", file.display(), KNOWLEDGE_FILE_MAX >> 20);
    }
    fs::read(file).with_context(cannot)
}

/// A knowledge pack. What it says of reviews counts only if a key that this box trusts signed it.
fn import_pack(store: &mut Store, file: &Path) -> anyhow::Result<Imported> {
    let bytes = read_bounded(file)?;
    let name = name_of(file);
    let (body, within) = split_signed(&bytes);
    let detached = file.with_file_name(format!("{name}.minisig"));
    let signed = match within {
        Some(signature) => Some(signature),
        None if detached.is_file() => Some(
            fs::read_to_string(&detached)
                .with_context(|| format!("cannot read {}", detached.display()))?,
        ),
        None => None,
    };
    let signed_by = match &signed {
        Some(text) => {
            let keys = store.trusted_keys()?;
            let place = signature::signer(body, text, keys.iter().map(|key| key.key.as_str()))
                .with_context(|| format!("{name}: nothing of it was taken in"))?;
            Some(keys[place].name.clone())
        }
        None => None,
    };
    let mut pack = KnowledgePack::parse(&name, body)?;
    let mut notices = Vec::new();
    if signed_by.is_none() && pack.drop_reviews() > 0 {
        notices.push(
            "nobody this box trusts signed the pack, so its entries are not taken as reviewed"
                .into(),
        );
    }
    let (pack_name, entries) = (pack.name().to_owned(), pack.entries());
    let sentence = match store.load_signed(&pack, signed_by.as_deref())? {
        Loaded::New => format!("{pack_name}: {entries} entries"),
        Loaded::Same => format!("{pack_name}: exactly this was on the box already"),
        _ => bail!("{pack_name}: a later revision is on the box, and stays"),
    };
    Ok(Imported { name: pack_name, sentence, notices })
}

/// Reviews that another box made and signed.
///
/// # Errors
/// A sentence; nothing of the file holds then.
pub(crate) fn import_reviews(store: &mut Store, file: &Path) -> anyhow::Result<Imported> {
    let bytes = read_bounded(file)?;
    let day = today(store);
    let by = By { reviewer: None, day: day.as_deref() };
    let report = store
        .import_reviews(&bytes, &RULES, &by)
        .with_context(|| format!("{}: nothing of it was taken in", file.display()))?;
    let sentence = format!(
        "reviews of {}: {} new, {} known, {} older than what this box has, {} decided otherwise \
         here, {} of texts that this box has in another wording",
        report.from, report.new, report.same, report.older, report.conflicts, report.other_text
    );
    Ok(Imported { name: name_of(file), sentence, notices: Vec::new() })
}

/// A table of questions and answers becomes a pack of its own, not signed and not reviewed.
fn import_entries(
    store: &mut Store,
    file: &Path,
    reader: &mut dyn Reader,
    first: Entry,
) -> anyhow::Result<Imported> {
    let collection = reader.collection().clone();
    let (mut entries, mut notices) = (vec![first], Vec::new());
    while let Some(item) = reader.next() {
        match item {
            Ok(Item::Entry(entry)) => entries.push(entry),
            Ok(Item::Document(_)) => {}
            Err(skipped) => notices.push(skipped.to_string()),
        }
    }
    let name = identifier(&collection.name);
    let language = collection.language.clone().or_else(|| entries[0].language.clone());
    let language = language.unwrap_or_else(|| "en".into());
    let mut lines = json!({
        "format": "baraza-knowledge", "version": 1, "name": name, "revision": revision(&collection),
        "language": language, "licence": collection.licence.as_deref().unwrap_or("unknown"),
        "note": format!("Read in from {}. Not reviewed.", name_of(file)),
    })
    .to_string();
    for entry in &entries {
        lines.push('\n');
        lines.push_str(&as_line(entry, &collection, &language).to_string());
    }
    let pack = KnowledgePack::parse(&name_of(file), lines.as_bytes()).map_err(|error| {
        // Line 1 is the header that we wrote.
        let record = entries.get(error.line.saturating_sub(2)).map_or("", |entry| &entry.id);
        anyhow::anyhow!("{}, {record}: {}: {}", error.file, error.field, error.reason)
    })?;
    let sentence = match store.load_signed(&pack, None)? {
        Loaded::New => format!("{name}: {} entries", pack.entries()),
        Loaded::Same => format!("{name}: exactly this was on the box already"),
        _ => bail!("{name}: a later revision is on the box, and stays"),
    };
    Ok(Imported { name, sentence, notices })
}

fn as_line(entry: &Entry, collection: &Collection, language: &str) -> serde_json::Value {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let source = entry.source.clone().unwrap_or_default();
    let publisher = source.publisher.or_else(|| collection.publisher.clone());
    let title = source.title.or_else(|| collection.title.clone());
    json!({
        "id": identifier(&entry.id),
        "language": entry.language.as_deref().unwrap_or(language),
        "topic": "other",
        "title": one_line(entry.title.as_deref().unwrap_or(&entry.question)),
        "question": one_line(&entry.question),
        "phrasings": entry.phrasings.iter().map(|text| one_line(text)).collect::<Vec<_>>(),
        "answer": one_line(&entry.answer),
        "sms": entry.sms.as_deref().map(one_line),
        "source": {
            "publisher": one_line(publisher.as_deref().unwrap_or(&collection.name)),
            "title": one_line(title.as_deref().unwrap_or(&collection.name)),
            "year": source.year.or(collection.year).unwrap_or(0),
        },
        "reviewed": null,
    })
}

fn import_documents(
    store: &mut Store,
    file: &Path,
    reader: &mut dyn Reader,
    options: &Options,
    watch: &mut Watch<'_>,
) -> anyhow::Result<Imported> {
    let collection = reader.collection().clone();
    let name = identifier(&collection.name);
    let language = collection.language.clone().or_else(|| options.language.clone());
    let pack = DocumentPack {
        name: name.clone(),
        revision: revision(&collection),
        language: language.unwrap_or_else(|| "en".into()),
        licence: collection.licence.clone().unwrap_or_else(|| "unknown".into()),
        note: format!("Read in from {}. Not reviewed.", name_of(file)),
        blake3: fingerprint(file)?,
        publisher: collection
            .publisher
            .clone()
            .or(collection.title.clone())
            .unwrap_or(name.clone()),
        year: collection.year.unwrap_or(0),
    };
    if store.has_documents(&pack)? {
        let sentence = format!("{name}: exactly this was on the box already");
        return Ok(Imported { name, sentence, notices: Vec::new() });
    }
    let (pack_id, position) = store.begin_or_resume_documents(&pack, file)?;
    reader.seek(position)?;
    let (mut batch, mut notices, mut skipped) = (Vec::new(), Vec::new(), 0_usize);
    loop {
        let item = reader.next();
        let ended = item.is_none();
        match item {
            Some(Ok(Item::Document(document))) => {
                batch.extend(passages(&document, reader.position(), &pack.language));
            }
            Some(Ok(Item::Entry(_))) | None => {}
            Some(Err(reason)) => {
                skipped += 1;
                if notices.len() < crate::limits::NOTICES_MAX {
                    notices.push(reason.to_string());
                }
            }
        }
        if ended || batch.len() >= DOCUMENT_BATCH {
            let total = reader.total().unwrap_or(0);
            store.add_documents(pack_id, &pack, &batch, (reader.position(), total))?;
            batch.clear();
            let percent = (reader.position() * 100).checked_div(total).unwrap_or(0).min(99);
            (watch.progress)(&name, u8::try_from(percent).unwrap_or(99));
            if ended {
                break;
            }
            if (watch.stop)() {
                bail!(
                    "{name}: stopped; it goes on when the box starts again, or the same file is given again"
                );
            }
        }
    }
    if fingerprint(file)? != pack.blake3 {
        store.drop_documents(pack_id, &pack)?;
        bail!("{} was changed while it was read in: import it again", file.display());
    }
    let passages = store.finish_documents(pack_id, &pack)?;
    if passages == 0 {
        bail!("{} has no text in it that can be read", file.display());
    }
    if skipped > notices.len() {
        notices.push(format!("and {} more", skipped - notices.len()));
    }
    Ok(Imported { sentence: format!("{name}: {passages} passages"), name, notices })
}

fn passages(document: &Document, number: u64, language: &str) -> Vec<DocumentPassage> {
    let language = document.language.as_deref().unwrap_or(language);
    documents::cut(document)
        .into_iter()
        .map(|piece| DocumentPassage {
            id: format!("{}#{}", document.id, piece.position),
            language: language.to_owned(),
            title: document.title.clone(),
            section: piece.heading,
            text: piece.text,
            document_id: i64::try_from(number).unwrap_or(i64::MAX),
            position: i64::from(piece.position),
            anchor: piece.anchor,
            page: piece.page,
        })
        .collect()
}

/// `YYYY-MM` of a collection; without a year the lowest, so that any that has one replaces it.
fn revision(collection: &Collection) -> String {
    format!("{:04}-01", collection.year.unwrap_or(2000))
}

/// A name as packs and entries have it: lower-case letters, digits and hyphens. What has none of these
/// gets a hash, so that two names in other scripts stay two.
fn identifier(name: &str) -> String {
    let mut id = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            id.push(c);
        } else if !id.ends_with('-') && !id.is_empty() {
            id.push('-');
        }
    }
    let id = id.trim_end_matches('-');
    let lost = name.chars().any(|c| c.is_alphanumeric() && !c.is_ascii());
    if lost || id.is_empty() {
        let hash = blake3::hash(name.as_bytes()).to_hex();
        return format!("{}{}{}", id, if id.is_empty() { "x" } else { "-" }, &hash[..8]);
    }
    id.chars().take(60).collect()
}

/// Tells one file from another without reading gigabytes: its size, beginning and end; of a folder, the
/// names and contents.
fn fingerprint(path: &Path) -> anyhow::Result<String> {
    const PART: u64 = 1 << 20;
    let mut hasher = blake3::Hasher::new();
    if path.is_dir() {
        let mut names: Vec<_> = fs::read_dir(path)?.collect::<Result<_, _>>()?;
        names.sort_by_key(fs::DirEntry::file_name);
        for entry in names {
            hasher.update(entry.file_name().as_encoded_bytes());
            if !entry.file_type()?.is_symlink() {
                hasher.update(fingerprint(&entry.path())?.as_bytes());
            }
        }
    } else {
        let mut file = File::open(path)?;
        let bytes = file.metadata()?.len();
        hasher.update(&bytes.to_le_bytes());
        let mut part = Vec::new();
        Read::by_ref(&mut file).take(PART).read_to_end(&mut part)?;
        hasher.update(&part);
        if bytes > 2 * PART {
            file.seek(SeekFrom::End(-(PART as i64)))?;
            part.clear();
            file.take(PART).read_to_end(&mut part)?;
            hasher.update(&part);
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_identifiers_and_stay_apart() {
        assert_eq!(identifier("WikiMed EN (2026-01)"), "wikimed-en-2026-01");
        assert_ne!(identifier("आम"), identifier("जल"));
        assert_ne!(identifier("café"), identifier("caf"));
        assert!(!identifier("").is_empty());
    }

    #[test]
    fn another_content_has_another_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.md");
        fs::write(&file, "one").unwrap();
        let (of_file, of_folder) =
            (fingerprint(&file).unwrap(), fingerprint(folder.path()).unwrap());
        fs::write(&file, "two").unwrap();
        assert_ne!(fingerprint(&file).unwrap(), of_file);
        assert_ne!(fingerprint(folder.path()).unwrap(), of_folder);
    }
}
