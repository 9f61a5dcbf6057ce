//! Finds out what a path is, and opens it.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::error::DocumentError;
use crate::files::{Folder, Single, bytes};
use crate::item::Collection;
use crate::limits::{PDF_BYTES_MAX, SNIFF_BYTES, TEXT_BYTES_MAX};
use crate::reader::{Reader, Walk};
use crate::records::Jsonl;
use crate::table::Table;
use crate::{epub, html, markdown, pdf, records, table, text, zim};

/// Kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A table of questions and answers.
    Csv,
    /// JSON objects with questions and answers, one a line.
    Jsonl,
    /// One Markdown file.
    Markdown,
    /// One web page.
    Html,
    /// One file of plain text.
    Text,
    /// A book.
    Epub,
    /// Pages with a text layer.
    Pdf,
    /// An archive of web pages.
    Zim,
    /// A folder of Markdown and text files.
    Folder,
}

/// How to read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Language of what does not say its own, as a BCP 47 tag.
    pub language: Option<String>,
}

/// Opens a file or folder. What it is is decided by its first bytes, then by its name's end.
///
/// # Errors
///
/// Any [`DocumentError`] but [`DocumentError::Seek`].
pub fn open(path: &Path, options: &Options) -> Result<Box<dyn Reader>, DocumentError> {
    let language = options.language.as_deref().and_then(text::language);
    let mut collection = Collection { name: name_of(path), ..Collection::default() };
    if fs::metadata(path).map_err(DocumentError::io(path))?.is_dir() {
        let folder = Folder::new(path, language)?;
        if folder.is_empty() {
            return Err(DocumentError::Unknown { path: path.to_owned() });
        }
        return Ok(Box::new(Walk::new(Kind::Folder, collection, folder)));
    }
    match kind(path)? {
        Kind::Zim => zim::open(path, collection, language),
        Kind::Epub => epub::open(path, collection, language),
        Kind::Pdf => {
            let bytes = bytes(path, PDF_BYTES_MAX)?;
            let found = pdf::read(bytes, &file_name(path), language.as_deref())
                .map_err(|failure| failure.at(path))?;
            collection = Collection { name: collection.name, ..found.collection };
            let mut walk = Walk::new(Kind::Pdf, collection, Single(found.document));
            walk.notices = found.notices;
            Ok(Box::new(walk))
        }
        kind => open_text(path, kind, collection, language),
    }
}

fn open_text(
    path: &Path,
    kind: Kind,
    mut collection: Collection,
    language: Option<String>,
) -> Result<Box<dyn Reader>, DocumentError> {
    let bytes = bytes(path, TEXT_BYTES_MAX)?;
    let declared = if kind == Kind::Html { html::declared_encoding(&bytes) } else { None };
    let (source, guessed) = text::decode(&bytes, declared.as_deref());
    let notices: Vec<String> = guessed
        .map(|encoding| {
            format!("it is not UTF-8; it was read as {encoding}, so look at letters with accents")
        })
        .into_iter()
        .collect();
    let name = file_name(path);
    let document = match kind {
        Kind::Csv => {
            let mut walk = Walk::new(kind, collection, Table::new(path, source, language)?);
            walk.notices = notices;
            return Ok(Box::new(walk));
        }
        Kind::Jsonl => {
            let mut walk = Walk::new(kind, collection, Jsonl::new(path, source, language)?);
            walk.notices = notices;
            return Ok(Box::new(walk));
        }
        Kind::Html => {
            let page = html::read(&source, &name, language.as_deref())
                .map_err(|reason| DocumentError::malformed(path, reason))?;
            collection = Collection { name: collection.name, ..page.collection };
            page.document
        }
        Kind::Markdown => markdown::read(&source, &name, language.as_deref())
            .map_err(|reason| DocumentError::malformed(path, reason))?,
        _ => markdown::read_plain(&source, &name, language.as_deref()),
    };
    collection.title = collection.title.or_else(|| Some(document.title.clone()));
    collection.language = collection.language.or_else(|| document.language.clone());
    let mut walk = Walk::new(kind, collection, Single(document));
    walk.notices = notices;
    Ok(Box::new(walk))
}

/// What a file is.
fn kind(path: &Path) -> Result<Kind, DocumentError> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(SNIFF_BYTES as u64).read_to_end(&mut head))
        .map_err(DocumentError::io(path))?;
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    let extension = extension.as_deref().unwrap_or("");
    if head.starts_with(&zim::MAGIC) {
        return Ok(Kind::Zim);
    }
    // Some programs put a line before it (ISO 32000-1, Annex H, note 13).
    if head.iter().take(1024).collect::<Vec<_>>().windows(5).any(|w| w.iter().copied().eq(b"%PDF-"))
    {
        return Ok(Kind::Pdf);
    }
    if head.starts_with(b"PK\x03\x04") {
        let epub = head.windows(epub::MIME.len()).any(|window| window == epub::MIME.as_bytes());
        return if epub || extension == "epub" {
            Ok(Kind::Epub)
        } else {
            Err(DocumentError::Unknown { path: path.to_owned() })
        };
    }
    if head.contains(&0) && !head.starts_with(b"\xff\xfe") && !head.starts_with(b"\xfe\xff") {
        return Err(DocumentError::Unknown { path: path.to_owned() });
    }
    let (start, _) = text::decode(&head, None);
    let start = start.trim_start();
    let first = start.lines().next().unwrap_or("");
    if records::is_knowledge_pack(first) {
        return Err(DocumentError::KnowledgePack { path: path.to_owned() });
    }
    let lower: String = start.chars().take(200).collect::<String>().to_lowercase();
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        return Ok(Kind::Html);
    }
    if lower.starts_with("<?xml") && lower.contains("<html") {
        return Ok(Kind::Html);
    }
    match extension {
        "jsonl" | "ndjson" => Ok(Kind::Jsonl),
        "csv" | "tsv" => Ok(Kind::Csv),
        "md" | "markdown" => Ok(Kind::Markdown),
        "html" | "htm" | "xhtml" => Ok(Kind::Html),
        "txt" | "text" | "" if table::is_table(start) => Ok(Kind::Csv),
        "txt" | "text" => Ok(Kind::Text),
        _ if first.starts_with('{') && first.trim_end().ends_with('}') => Ok(Kind::Jsonl),
        _ => Err(DocumentError::Unknown { path: path.to_owned() }),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| "-".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    text::name(&stem).unwrap_or_else(|| "-".to_owned())
}
