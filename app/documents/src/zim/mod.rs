//! ZIM archives of web pages (<https://wiki.openzim.org/wiki/ZIM_file_format>): one document an
//! article, in the order in which they lie in the file, so that each cluster is unpacked once.

mod archive;

use std::path::Path;

pub(crate) use archive::MAGIC;
use archive::{Archive, Target};

use crate::error::{DocumentError, Skipped};
use crate::item::{Collection, Item};
use crate::limits::{ZIM_ARTICLE_BYTES_MAX, ZIM_HOPS_MAX, ZIM_METADATA_BYTES_MAX};
use crate::open::Kind;
use crate::reader::{Reader, Shelf, Walk};
use crate::{html, markdown, pdf, text};

/// Opens an archive and finds its articles.
///
/// # Errors
///
/// If the file is cut off, or its tables point outside of it.
pub(crate) fn open(
    path: &Path,
    mut collection: Collection,
    language: Option<String>,
) -> Result<Box<dyn Reader>, DocumentError> {
    let mut archive = Archive::open(path)?;
    let main = main_page(&mut archive);
    let mut articles = Vec::new();
    let mut damaged = 0_u64;
    for index in 0..archive.entries() {
        let Ok(entry) = archive.entry(index) else {
            damaged += 1;
            continue;
        };
        let Target::Blob { mime, cluster, blob } = entry.target else { continue };
        if entry.namespace == b'M' {
            if let Ok(value) = archive.blob(cluster, blob, ZIM_METADATA_BYTES_MAX) {
                describe(&mut collection, &entry.path, &String::from_utf8_lossy(&value));
            }
        } else if matches!(entry.namespace, b'A' | b'C')
            && format_of(archive.mime(mime)).is_some()
            && Some(index) != main
        {
            articles.push(Article { cluster, blob, index });
        }
    }
    // Two paths may share one blob; the first keeps it.
    articles.sort_unstable_by_key(|article| (article.cluster, article.blob, article.index));
    articles.dedup_by_key(|article| (article.cluster, article.blob));
    let language = collection.language.clone().or(language);
    let mut walk = Walk::new(Kind::Zim, collection, Shelves { archive, articles, language });
    if damaged > 0 {
        walk.notices.push(format!("{damaged} entries of its directory are damaged and left out"));
    }
    Ok(Box::new(walk))
}

#[derive(Clone, Copy)]
struct Article {
    cluster: u32,
    blob: u32,
    index: u32,
}

struct Shelves {
    archive: Archive,
    articles: Vec<Article>,
    language: Option<String>,
}

impl Shelf for Shelves {
    fn places(&self) -> u64 {
        self.articles.len() as u64
    }

    fn read(&mut self, place: u64) -> Option<Result<Item, Skipped>> {
        let article = *self.articles.get(usize::try_from(place).ok()?)?;
        let entry = match self.archive.entry(article.index) {
            Ok(entry) => entry,
            Err(reason) => {
                return Some(Err(Skipped::new(format!("entry {}", article.index), reason)));
            }
        };
        let id = text::id(&entry.path);
        let skip = |reason: String| Some(Err(Skipped::new(id.clone(), reason)));
        let blob = self.archive.blob(article.cluster, article.blob, ZIM_ARTICLE_BYTES_MAX);
        let bytes = match blob {
            Ok(bytes) => bytes,
            Err(reason) => return skip(reason),
        };
        let Target::Blob { mime, .. } = entry.target else { return None };
        let language = self.language.as_deref();
        let read = match format_of(self.archive.mime(mime))? {
            Format::Html => {
                let (source, _) = text::decode(&bytes, html::declared_encoding(&bytes).as_deref());
                match html::read(&source, &entry.path, language) {
                    Ok(page) if page.index => return skip("it is a list of links".into()),
                    read => read.map(|page| page.document),
                }
            }
            Format::Plain => {
                let (source, _) = text::decode(&bytes, None);
                Ok(markdown::read_plain(&source, &entry.path, language))
            }
            Format::Pdf => pdf::read(bytes, &entry.path, language)
                .map(|found| found.document)
                .map_err(|failure| failure.to_string()),
        };
        match read {
            Ok(mut document) => {
                if let Some(title) = text::name(&entry.title) {
                    document.title = title;
                }
                if document.sections.is_empty() {
                    return skip("it has no text".into());
                }
                Some(Ok(Item::Document(document)))
            }
            Err(reason) => skip(reason),
        }
    }
}

enum Format {
    Html,
    Plain,
    Pdf,
}

/// How to read a content type; `None` for pictures, scripts and the like.
fn format_of(mime: &str) -> Option<Format> {
    match mime.split(';').next().unwrap_or("").trim() {
        "text/html" | "application/xhtml+xml" => Some(Format::Html),
        "text/plain" => Some(Format::Plain),
        "application/pdf" => Some(Format::Pdf),
        _ => None,
    }
}

fn main_page(archive: &mut Archive) -> Option<u32> {
    let mut index = archive.main_page()?;
    for _ in 0..ZIM_HOPS_MAX {
        match archive.entry(index).ok()?.target {
            Target::Redirect(next) => index = next,
            _ => return Some(index),
        }
    }
    None
}

/// Takes over a metadata value (<https://wiki.openzim.org/wiki/Metadata>).
fn describe(collection: &mut Collection, key: &str, value: &str) {
    match key {
        "Title" => collection.title = text::name(value),
        "Publisher" if collection.publisher.is_none() => collection.publisher = text::name(value),
        // Who wrote it says more than who packed it.
        "Creator" => collection.publisher = text::name(value).or(collection.publisher.take()),
        "Date" => collection.year = text::year(value),
        "License" => collection.licence = text::name(value),
        "Language" => collection.language = text::language(value),
        _ => {}
    }
}
