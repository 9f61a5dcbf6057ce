//! EPUB books (EPUB 3.3, <https://www.w3.org/TR/epub-33/>; EPUB 2 has the same parts): one document a
//! chapter, in the order of the spine.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use quick_xml::Reader as Xml;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;

use crate::error::{DocumentError, Skipped};
use crate::item::{Collection, Item};
use crate::limits::{EPUB_MEMBER_BYTES_MAX, EPUB_MEMBERS_MAX, EPUB_RATIO_MAX};
use crate::open::Kind;
use crate::reader::{Reader, Shelf, Walk};
use crate::{html, text};

/// What the member `mimetype` says (EPUB 3.3, 4.3.3).
pub(crate) const MIME: &str = "application/epub+zip";

/// Opens a book.
///
/// # Errors
///
/// If it is no whole book, locked or too large.
pub(crate) fn open(
    path: &Path,
    mut collection: Collection,
    language: Option<String>,
) -> Result<Box<dyn Reader>, DocumentError> {
    let malformed = |reason: String| DocumentError::malformed(path, reason);
    let file = File::open(path).map_err(DocumentError::io(path))?;
    let archive = ZipArchive::new(BufReader::new(file)).map_err(|error| {
        malformed(format!("its archive cannot be read: {error}; copy it again"))
    })?;
    if archive.len() > EPUB_MEMBERS_MAX {
        return Err(DocumentError::TooLarge {
            path: path.to_owned(),
            size: archive.len() as u64,
            unit: "members",
            limit: EPUB_MEMBERS_MAX as u64,
        });
    }
    let mut book = Book { archive, chapters: Vec::new(), language };
    let container = book.xml("META-INF/container.xml").map_err(malformed)?;
    let package_path = container
        .iter()
        .find(|element| element.name == "rootfile")
        .map(|element| inside("", element.attribute("full-path")))
        .ok_or_else(|| malformed("its container names no package".into()))?;
    let package = book.xml(&package_path).map_err(malformed)?;
    describe(&package, &mut collection);
    book.chapters = chapters(&package, &package_path);
    if book.chapters.is_empty() {
        return Err(malformed("its spine names no chapter".into()));
    }
    book.refuse_locked(path)?;
    book.language = collection.language.clone().or(book.language);
    Ok(Box::new(Walk::new(Kind::Epub, collection, book)))
}

struct Book {
    archive: ZipArchive<BufReader<File>>,
    /// Paths of chapters in the archive, in order.
    chapters: Vec<String>,
    language: Option<String>,
}

impl Book {
    /// A member's bytes, unpacked under the limits.
    fn member(&mut self, name: &str) -> Result<Vec<u8>, String> {
        let member = self.archive.by_name(name).map_err(|error| match error {
            zip::result::ZipError::FileNotFound => format!("{name} is missing in the archive"),
            error => format!("{name} cannot be unpacked: {error}"),
        })?;
        let packed = member.compressed_size().max(1);
        let limit = EPUB_MEMBER_BYTES_MAX.min(packed.saturating_mul(EPUB_RATIO_MAX).max(64 << 10));
        let mut bytes = Vec::new();
        member
            .take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| format!("{name} cannot be unpacked: {error}"))?;
        if bytes.len() as u64 > limit {
            return Err(format!("{name} unpacks to more than {limit} bytes from {packed}"));
        }
        Ok(bytes)
    }

    fn xml(&mut self, name: &str) -> Result<Vec<Element>, String> {
        let bytes = self.member(name)?;
        let (source, _) = text::decode(&bytes, html::declared_encoding(&bytes).as_deref());
        elements(&source).map_err(|reason| format!("{name}: {reason}"))
    }

    /// Refuses books whose chapters are encrypted (EPUB 3.3, 4.2.6.3.2); fonts may be.
    fn refuse_locked(&mut self, path: &Path) -> Result<(), DocumentError> {
        let Ok(list) = self.xml("META-INF/encryption.xml") else { return Ok(()) };
        let locked: HashSet<String> = list
            .iter()
            .filter(|element| element.name == "CipherReference")
            .map(|element| inside("", element.attribute("URI")))
            .collect();
        if self.chapters.iter().any(|chapter| locked.contains(chapter)) {
            let reason = "it has copy protection (DRM); ask its publisher for an open edition";
            return Err(DocumentError::Locked { path: path.to_owned(), reason: reason.into() });
        }
        Ok(())
    }
}

impl Shelf for Book {
    fn places(&self) -> u64 {
        self.chapters.len() as u64
    }

    fn read(&mut self, place: u64) -> Option<Result<Item, Skipped>> {
        let chapter = self.chapters.get(usize::try_from(place).ok()?)?.clone();
        let language = self.language.clone();
        let page = self.member(&chapter).and_then(|bytes| {
            let (source, _) = text::decode(&bytes, html::declared_encoding(&bytes).as_deref());
            html::read(&source, &chapter, language.as_deref())
        });
        match page {
            // Covers and lists of contents.
            Ok(page) if page.document.sections.is_empty() || page.index => None,
            Ok(page) => Some(Ok(Item::Document(page.document))),
            Err(reason) => Some(Err(Skipped::new(text::id(&chapter), reason))),
        }
    }
}

fn describe(package: &[Element], collection: &mut Collection) {
    for element in package {
        let value = || text::name(&element.text);
        match element.name.as_str() {
            "title" if collection.title.is_none() => collection.title = value(),
            "publisher" => collection.publisher = value(),
            "date" => collection.year = collection.year.or_else(|| text::year(&element.text)),
            "rights" => collection.licence = collection.licence.take().or_else(value),
            "language" if collection.language.is_none() => {
                collection.language = text::language(&element.text);
            }
            _ => {}
        }
    }
    if collection.publisher.is_none() {
        let creator = package.iter().find(|element| element.name == "creator");
        collection.publisher = creator.and_then(|element| text::name(&element.text));
    }
}

fn chapters(package: &[Element], package_path: &str) -> Vec<String> {
    let folder = package_path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let page = |kind: &str| matches!(kind, "application/xhtml+xml" | "text/html");
    let find = |id: &str| {
        package.iter().find(|element| element.name == "item" && element.attribute("id") == id)
    };
    package
        .iter()
        .filter(|element| element.name == "itemref")
        .filter_map(|reference| find(reference.attribute("idref")))
        .filter(|item| page(item.attribute("media-type")))
        .filter(|item| !item.attribute("properties").split(' ').any(|word| word == "nav"))
        .map(|item| inside(folder, item.attribute("href")))
        .take(EPUB_MEMBERS_MAX)
        .collect()
}

/// A reference as a path inside the archive: percent signs decoded, fragment dropped, `..` resolved
/// and never above the top.
fn inside(folder: &str, reference: &str) -> String {
    let reference = reference.split('#').next().unwrap_or("");
    let mut bytes = Vec::new();
    let mut rest = reference.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) if *byte == b'%' => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    let reference = String::from_utf8_lossy(&bytes).into_owned();
    let start = if reference.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = Vec::new();
    for part in start.split('/').chain(reference.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// An element of a small XML file: its name without prefix, its attributes, its own text.
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
}

impl Element {
    fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }
}

/// The elements of an XML file in document order. Entities other than the five of XML and character
/// references stay out.
fn elements(source: &str) -> Result<Vec<Element>, String> {
    let mut xml = Xml::from_str(source);
    xml.config_mut().check_end_names = false;
    let mut found: Vec<Element> = Vec::new();
    let mut open = false;
    loop {
        let event = xml.read_event().map_err(|error| format!("is no whole XML: {error}"))?;
        match event {
            Event::Start(tag) => {
                found.push(element(&tag));
                open = true;
            }
            Event::Empty(tag) => {
                found.push(element(&tag));
                open = false;
            }
            Event::End(_) => open = false,
            Event::Text(words) => append(&mut found, open, &words),
            Event::CData(words) => append(&mut found, open, &words),
            Event::GeneralRef(name) => {
                let c = match &*name {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => name.resolve_char_ref().ok().flatten(),
                };
                append(&mut found, open, c.map(String::from).as_deref().unwrap_or(""));
            }
            Event::Eof => return Ok(found),
            _ => {}
        }
    }
}

fn append(found: &mut [Element], open: bool, words: &str) {
    if let Some(last) = found.last_mut()
        && open
    {
        last.text.push_str(words);
    }
}

fn element(tag: &BytesStart<'_>) -> Element {
    let attributes = tag
        .attributes()
        .flatten()
        .map(|attribute| {
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map(Cow::into_owned)
                .unwrap_or_default();
            (attribute.key.local_name().as_ref().to_owned(), value)
        })
        .collect();
    Element { name: tag.local_name().as_ref().to_owned(), attributes, text: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_stay_inside_the_archive() {
        assert_eq!(inside("OEBPS", "a%20b.xhtml#x"), "OEBPS/a b.xhtml");
        assert_eq!(inside("OEBPS", "../../../etc/passwd"), "etc/passwd");
        assert_eq!(inside("OEBPS/text", "../ch%C3%A9.html"), "OEBPS/ché.html");
        assert_eq!(inside("", "%"), "%");
    }

    #[test]
    fn xml_is_read_flat() {
        let found =
            elements("<a><dc:title x='1&amp;2'>A &amp; B&#33;</dc:title><i/>z</a>").unwrap();
        assert_eq!(found[1].name, "title");
        assert_eq!(found[1].text, "A & B!");
        assert_eq!(found[1].attribute("x"), "1&2");
    }
}
