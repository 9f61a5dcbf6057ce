//! PDF files with a text layer (ISO 32000-1): one document, a section a page or a heading.
//!
//! `lopdf` reads the objects under bounds on nesting and unpacked size; what stands where on a page is
//! found by `glyphs`, and made into paragraphs by `layout`. All of it runs on a thread of its own, which
//! is the border at which a panic of the object parser is caught.

mod fonts;
mod glyphs;
mod layout;

use std::fmt;
use std::path::Path;
use std::thread;

use lopdf::{Document as Pdf, LoadOptions, Object};

use crate::error::DocumentError;
use crate::item::{Collection, Document};
use crate::limits::{
    PDF_GLYPHS_MAX, PDF_OBJECTS_MAX, PDF_PAGES_MAX, PDF_STACK_BYTES, PDF_STREAM_BYTES_MAX,
};
use crate::markdown::stem;
use crate::text;

/// What a PDF gave.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) document: Document,
    pub(crate) collection: Collection,
    pub(crate) notices: Vec<String>,
}

/// Why a PDF cannot be read.
#[derive(Debug)]
pub(crate) enum Failure {
    Malformed(String),
    Locked,
    NoText,
    TooLarge(usize, &'static str, usize),
}

impl Failure {
    /// The failure of the file at `path`.
    pub(crate) fn at(self, path: &Path) -> DocumentError {
        let path = path.to_owned();
        match self {
            Self::Malformed(reason) => DocumentError::Malformed { path, reason },
            Self::Locked => DocumentError::Locked { path, reason: LOCKED.into() },
            Self::NoText => DocumentError::NoText { path },
            Self::TooLarge(size, unit, limit) => {
                DocumentError::TooLarge { path, size: size as u64, unit, limit: limit as u64 }
            }
        }
    }
}

const LOCKED: &str = "it opens with a password only; save it without one and bring that";

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => f.write_str(reason),
            Self::Locked => f.write_str(LOCKED),
            Self::NoText => f.write_str("it has no text layer: its pages are pictures"),
            Self::TooLarge(size, unit, limit) => write!(f, "{size} {unit}, the limit is {limit}"),
        }
    }
}

/// Reads a PDF; `id` names it, `language` is taken if it names none.
///
/// # Errors
///
/// Every [`Failure`].
pub(crate) fn read(bytes: Vec<u8>, id: &str, language: Option<&str>) -> Result<Found, Failure> {
    let id = id.to_owned();
    let language = language.map(str::to_owned);
    let reader = thread::Builder::new()
        .name("pdf".into())
        .stack_size(PDF_STACK_BYTES)
        .spawn(move || read_here(&bytes, &id, language.as_deref()))
        .map_err(|error| Failure::Malformed(format!("no thread to read it on: {error}")))?;
    reader.join().unwrap_or_else(|_| {
        Err(Failure::Malformed("its objects stopped the PDF library; print it to a new PDF".into()))
    })
}

fn read_here(bytes: &[u8], id: &str, language: Option<&str>) -> Result<Found, Failure> {
    let options = LoadOptions::with_max_decompressed_size(PDF_STREAM_BYTES_MAX);
    let pdf = Pdf::load_mem_with_options(bytes, options).map_err(|error| match error {
        lopdf::Error::InvalidPassword | lopdf::Error::Decryption(_) => Failure::Locked,
        error => Failure::Malformed(format!("{error}; copy it again or print it to a new PDF")),
    })?;
    if pdf.is_encrypted() && pdf.encryption_state.is_none() {
        return Err(Failure::Locked);
    }
    if pdf.objects.len() > PDF_OBJECTS_MAX {
        return Err(Failure::TooLarge(pdf.objects.len(), "objects", PDF_OBJECTS_MAX));
    }
    let pages: Vec<_> = pdf.page_iter().take(PDF_PAGES_MAX + 1).collect();
    if pages.is_empty() {
        return Err(Failure::Malformed("it has no pages; copy it again".into()));
    }
    if pages.len() > PDF_PAGES_MAX {
        return Err(Failure::TooLarge(pages.len(), "pages", PDF_PAGES_MAX));
    }
    let mut cache = fonts::Cache::default();
    let mut notices = Vec::new();
    let mut lines = Vec::with_capacity(pages.len());
    let mut total = 0;
    for (number, page) in (1_u32..).zip(&pages) {
        let drawn = glyphs::page(&pdf, *page, &mut cache);
        if let Some(trouble) = &drawn.trouble {
            notices.push(format!("page {number}: {trouble}"));
        }
        total += drawn.runs.iter().map(|run| run.text.len()).sum::<usize>();
        if total > PDF_GLYPHS_MAX {
            return Err(Failure::TooLarge(total, "letters", PDF_GLYPHS_MAX));
        }
        lines.push(layout::lines(drawn));
    }
    let mut collection = describe(&pdf);
    let sections = layout::sections(lines);
    if sections.is_empty() {
        return Err(match cache.unreadable() {
            0 => Failure::NoText,
            _ => Failure::Malformed(
                "its fonts do not say which letters they draw; run text recognition (OCR) on it"
                    .into(),
            ),
        });
    }
    if cache.unreadable() > 0 {
        notices.push(format!("{} letters have no meaning in their font", cache.unreadable()));
    }
    collection.language = collection.language.or_else(|| language.map(str::to_owned));
    let document = Document {
        id: text::id(id),
        title: collection.title.clone().unwrap_or_else(|| stem(id)),
        language: collection.language.clone(),
        sections,
    };
    Ok(Found { document, collection, notices })
}

/// The document information dictionary (ISO 32000-1, 14.3.3) and the catalog's language.
fn describe(pdf: &Pdf) -> Collection {
    let info = pdf.trailer.get_deref(b"Info", pdf).and_then(Object::as_dict).ok();
    let value = |key: &[u8]| {
        let value = info?.get_deref(key, pdf).ok()?;
        lopdf::decode_text_string(value).ok()
    };
    let title = value(b"Title").and_then(|title| {
        // What word processors write there if nobody gave a title.
        let title = title.trim_start_matches("Microsoft Word - ");
        text::name(title).filter(|title| !title.eq_ignore_ascii_case("untitled"))
    });
    let language = pdf
        .catalog()
        .and_then(|catalog| catalog.get_deref(b"Lang", pdf))
        .and_then(lopdf::decode_text_string)
        .ok();
    Collection {
        title,
        publisher: value(b"Author")
            .and_then(|author| text::name(&author))
            .filter(|author| !author.eq_ignore_ascii_case("anonymous")),
        year: value(b"CreationDate").and_then(|date| text::year(&date)),
        language: language.and_then(|language| text::language(&language)),
        ..Collection::default()
    }
}
