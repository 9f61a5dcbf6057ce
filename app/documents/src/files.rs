//! Single files and folders.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{DocumentError, Skipped};
use crate::item::{Document, Item};
use crate::limits::{FILES_MAX, FOLDER_DEPTH_MAX, TEXT_BYTES_MAX};
use crate::reader::Shelf;
use crate::{html, markdown, text};

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
///
/// [`DocumentError::Io`] and [`DocumentError::TooLarge`].
pub(crate) fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, DocumentError> {
    let file = File::open(path).map_err(DocumentError::io(path))?;
    let size = file.metadata().map_err(DocumentError::io(path))?.len();
    let too_large =
        |size| DocumentError::TooLarge { path: path.to_owned(), size, unit: "bytes", limit };
    if size > limit {
        return Err(too_large(size));
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(DocumentError::io(path))?;
    if bytes.len() as u64 > limit {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// One document that has been read already.
pub(crate) struct Single(pub(crate) Document);

impl Shelf for Single {
    fn places(&self) -> u64 {
        1
    }

    fn read(&mut self, _: u64) -> Option<Result<Item, Skipped>> {
        Some(match self.0.sections.is_empty() {
            true => Err(Skipped::new(self.0.id.clone(), "it has no text")),
            false => Ok(Item::Document(self.0.clone())),
        })
    }
}

/// A folder of Markdown and text files, in the order of their paths.
pub(crate) struct Folder {
    /// Paths inside the folder, with forward slashes, sorted by bytes.
    files: Vec<(String, PathBuf)>,
    language: Option<String>,
}

impl Folder {
    /// Lists the files. Links are not followed; names that begin with a full stop are hidden.
    ///
    /// # Errors
    ///
    /// If the folder cannot be listed or has too many files.
    pub(crate) fn new(root: &Path, language: Option<String>) -> Result<Self, DocumentError> {
        let mut files = Vec::new();
        let mut waiting = vec![(root.to_owned(), 0)];
        while let Some((folder, depth)) = waiting.pop() {
            for entry in fs::read_dir(&folder).map_err(DocumentError::io(&folder))? {
                let entry = entry.map_err(DocumentError::io(&folder))?;
                let kind = entry.file_type().map_err(DocumentError::io(&folder))?;
                let path = entry.path();
                if entry.file_name().to_string_lossy().starts_with('.') {
                    continue;
                }
                if kind.is_dir() && depth < FOLDER_DEPTH_MAX {
                    waiting.push((path, depth + 1));
                } else if kind.is_file() && is_text(&path) {
                    let inside = path.strip_prefix(root).unwrap_or(&path).to_string_lossy();
                    files.push((inside.replace(std::path::MAIN_SEPARATOR, "/"), path));
                }
                if files.len() + waiting.len() > FILES_MAX {
                    return Err(DocumentError::TooLarge {
                        path: root.to_owned(),
                        size: files.len() as u64,
                        unit: "files",
                        limit: FILES_MAX as u64,
                    });
                }
            }
        }
        files.sort();
        Ok(Self { files, language })
    }

    /// Whether it has no file to read.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

fn is_text(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    matches!(extension.as_deref(), Some("md" | "markdown" | "txt"))
}

impl Shelf for Folder {
    fn places(&self) -> u64 {
        self.files.len() as u64
    }

    fn read(&mut self, place: u64) -> Option<Result<Item, Skipped>> {
        let (inside, path) = self.files.get(usize::try_from(place).ok()?)?;
        let skip = |reason: String| Some(Err(Skipped::new(text::id(inside), reason)));
        let bytes = match bytes(path, TEXT_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) => return skip(error.to_string()),
        };
        match words(&bytes, inside, self.language.as_deref()) {
            Ok(document) if document.sections.is_empty() => skip("it has no text".into()),
            Ok(document) => Some(Ok(Item::Document(document))),
            Err(reason) => skip(reason),
        }
    }
}

/// Bytes of a Markdown, HTML or text file (by its name) as a document.
///
/// # Errors
///
/// Why it cannot be read.
pub(crate) fn words(bytes: &[u8], name: &str, language: Option<&str>) -> Result<Document, String> {
    let lower = name.to_lowercase();
    if lower.ends_with(".html") || lower.ends_with(".htm") || lower.ends_with(".xhtml") {
        let (source, _) = text::decode(bytes, html::declared_encoding(bytes).as_deref());
        return html::read(&source, name, language).map(|page| page.document);
    }
    let (source, _) = text::decode(bytes, None);
    if lower.ends_with(".txt") {
        return Ok(markdown::read_plain(&source, name, language));
    }
    markdown::read(&source, name, language)
}
