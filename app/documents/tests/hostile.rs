//! Files that are cut off, damaged or made to hurt: refused by a sentence, never a panic.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use documents::{DocumentError, Options, cut, open};

const FILES: &[&str] = &[
    "village.zim",
    "old.zim",
    "goats.epub",
    "soil.pdf",
    "open.pdf",
    "locked.pdf",
    "page.html",
    "old.html",
    "comma.csv",
    "semicolon.csv",
    "western.csv",
    "entries.jsonl",
    "markdown/wells.md",
    "markdown/goats.txt",
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/documents").join(name)
}

/// Reads everything that can be read.
fn exhaust(path: &Path) -> Result<usize, DocumentError> {
    let mut reader = open(path, &Options::default())?;
    let mut count = 0;
    while let Some(item) = reader.next() {
        if let Ok(documents::Item::Document(document)) = item {
            count += cut(&document).len();
        }
        count += 1;
        assert!(count < 100_000, "no end");
    }
    Ok(count)
}

/// What is said of `bytes` in a file of that name.
fn said(name: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    match exhaust(&path) {
        Ok(count) => format!("{count} items"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn files_that_are_cut_off() {
    for name in FILES {
        let whole = fs::read(fixture(name)).unwrap();
        for part in 0..64 {
            let short = &whole[..whole.len() * part / 64];
            let said = said(name.rsplit('/').next().unwrap(), short);
            if name.ends_with(".zim") && short.len() > 80 {
                assert!(said.contains("is cut off: "), "{said}");
            }
        }
    }
}

#[test]
fn bytes_that_flip() {
    let mut state = 1_u64;
    let mut random = |limit: usize| {
        // Knuth's MMIX generator.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    for name in FILES {
        let whole = fs::read(fixture(name)).unwrap();
        for round in 0..150 {
            let mut bytes = whole.clone();
            for _ in 0..1 + round % 8 {
                // Half of the damage where the tables are.
                let limit = if round % 2 == 0 { bytes.len() } else { bytes.len().min(512) };
                let at = random(limit);
                bytes[at] = random(256) as u8;
            }
            said(name.rsplit('/').next().unwrap(), &bytes);
        }
    }
}

#[test]
fn zims_that_lie() {
    let whole = fs::read(fixture("village.zim")).unwrap();
    let with = |at: usize, value: &[u8]| {
        let mut bytes = whole.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        said("x.zim", &bytes)
    };
    assert!(with(24, &[0xff; 4]).contains("directory has 4294967295 entries"));
    assert!(with(28, &[0xff; 4]).contains("clusters has 4294967295 entries"));
    assert!(with(32, &[0xff; 8]).contains("list of directory points outside of the file"));
    assert!(with(48, &[0xff; 8]).contains("list of clusters points outside of the file"));
    assert!(with(56, &[0xff; 8]).contains("outside of the file"));
    assert!(with(72, &[0xff; 8]).contains("is cut off: "));
    assert!(with(4, &[9, 0]).contains("version 9"));
    // Each entry of the directory points behind the end.
    let list = u64::from_le_bytes(whole[32..40].try_into().unwrap()) as usize;
    let count = u32::from_le_bytes(whole[24..28].try_into().unwrap()) as usize;
    let far = vec![0x7f; count * 8];
    assert_eq!(with(list, &far), "0 items");
}

/// An archive with one chapter of `size` equal letters.
fn bomb(size: usize) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let package = r#"<package><manifest><item id="a" href="a.html" media-type="text/html"/></manifest>
        <spine><itemref idref="a"/></spine></package>"#;
    let container = r#"<container><rootfile full-path="p.opf"/></container>"#;
    let chapter = vec![b'a'; size];
    for (name, bytes) in [
        ("mimetype", &b"application/epub+zip"[..]),
        ("META-INF/container.xml", container.as_bytes()),
        ("p.opf", package.as_bytes()),
        ("a.html", &chapter),
    ] {
        archive.start_file(name, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn books_that_unpack_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.epub");
    fs::write(&path, bomb(50 << 20)).unwrap();
    let mut reader = open(&path, &Options::default()).unwrap();
    let skipped = reader.next().unwrap().unwrap_err().to_string();
    assert!(skipped.contains("unpacks to more than"), "{skipped}");
    assert!(reader.next().is_none());
    assert_eq!(said("ok.epub", &bomb(1000)), "3 items");
}

#[test]
fn pages_that_nest_or_grow_without_end() {
    let deep = format!("<html>{}", "<div>".repeat(100_000));
    assert!(said("x.html", deep.as_bytes()).contains("nest deeper than"));
    let marks: String = (0..3_000).map(|n| format!("<font a{n}>")).collect();
    let grown = format!("<html><p>{marks}{}", "<p>x".repeat(100_000));
    assert!(said("x.html", grown.as_bytes()).contains("is not whole"));
    let quotes = "> ".repeat(50_000) + "x";
    said("x.md", quotes.as_bytes());
    let table =
        format!("<html><table><tr><td rowspan=9999999 colspan=9999999>x{}", "<td>y".repeat(9_999));
    said("x.html", table.as_bytes());
}

#[test]
fn pdfs_that_point_in_circles() {
    let circle = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
        2 0 obj<</Type/Pages/Kids[2 0 R]/Count 1/Parent 2 0 R>>endobj\n\
        trailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF";
    assert!(said("x.pdf", circle).contains("is not whole"));
    let form = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
        2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
        3 0 obj<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources 5 0 R>>endobj\n\
        4 0 obj<</Type/XObject/Subtype/Form/Length 40/Resources 5 0 R>>stream\n\
        /A Do /A Do /A Do /A Do /A Do /A Do     \nendstream endobj\n\
        5 0 obj<</XObject<</A 4 0 R>>>>endobj\n\
        trailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF";
    assert!(said("x.pdf", form).contains("has no text layer"), "{}", said("x.pdf", form));
    let nested = [b"%PDF-1.4\n1 0 obj".as_slice(), &vec![b'['; 1 << 20]].concat();
    assert!(said("x.pdf", &nested).contains("is not whole"));
}

#[test]
fn files_of_other_kinds() {
    assert!(said("x.bin", b"\0\x01\x02").contains("is of no known kind"));
    assert!(said("x.zip", b"PK\x03\x04 nothing").contains("is of no known kind"));
    let pack = b"{\"format\":\"baraza-knowledge\",\"version\":1}\n{}\n";
    assert!(said("x.jsonl", pack).contains("is a knowledge file of this box"));
    assert!(said("x.csv", b"a,b\n1,2\n").contains("names 0 columns `question`"));
}
