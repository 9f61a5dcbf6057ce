//! Reading a knowledge pack: JSON lines, the first of which says what the file is. The format is
//! described in `app/store/knowledge/README.md`.

use std::collections::HashMap;

use answer::question::Language;
use serde::Deserialize;

use crate::limits::{FIELD_BYTES_MAX, KNOWLEDGE_BYTES_MAX, PHRASINGS_MAX};

/// The format that this program reads.
const FORMAT: &str = "baraza-knowledge";
const VERSION: u64 = 1;

/// A knowledge pack, read and checked, not yet loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnowledgePack {
    pub(crate) header: Header,
    pub(crate) entries: Vec<Entry>,
    /// Of the whole file, in hexadecimal.
    pub(crate) blake3: String,
}

/// What the first line says, of what this program uses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Header {
    format: String,
    version: u64,
    pub(crate) name: String,
    pub(crate) revision: String,
    pub(crate) language: String,
    pub(crate) licence: String,
    pub(crate) note: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) language: String,
    pub(crate) topic: String,
    pub(crate) title: String,
    pub(crate) question: String,
    pub(crate) phrasings: Vec<String>,
    pub(crate) answer: String,
    pub(crate) source: EntrySource,
    pub(crate) reviewed: Option<Review>,
    #[serde(default)]
    pub(crate) sms: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct EntrySource {
    pub(crate) publisher: String,
    pub(crate) title: String,
    pub(crate) year: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Review {
    pub(crate) by: String,
    pub(crate) on: String,
}

/// A knowledge file cannot be used; nothing of it was loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {field}: {reason}")]
pub struct KnowledgeError {
    /// The file as it was named.
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// The field at fault, or `line` if it is the line as a whole.
    pub field: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl KnowledgePack {
    /// Reads and checks a whole file. `file` is its name in error messages.
    ///
    /// # Errors
    /// [`KnowledgeError`] for the first line that is not as the format says.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, KnowledgeError> {
        let at = |line: usize| move |problem: Problem| problem.at(file, line);
        if bytes.len() > KNOWLEDGE_BYTES_MAX {
            let reason = format!("larger than {} MiB: split the pack", KNOWLEDGE_BYTES_MAX >> 20);
            return Err(at(1)(Problem::new("file", reason)));
        }
        let mut lines = bytes
            .split(|byte| *byte == b'\n')
            .enumerate()
            .map(|(index, line)| (index + 1, line.trim_ascii()))
            .filter(|(_, line)| !line.is_empty());
        let Some((first, line)) = lines.next() else {
            return Err(at(1)(Problem::new("file", "empty: the first line must be the header")));
        };
        let header: Header = read(line).map_err(at(first))?;
        header.check().map_err(at(first))?;
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (number, line) in lines {
            let entry: Entry = read(line).map_err(at(number))?;
            entry.check().map_err(at(number))?;
            if let Some(earlier) = seen.insert(entry.id.clone(), number) {
                let reason = format!("\"{}\" stands on line {earlier} already", entry.id);
                return Err(at(number)(Problem::new("id", reason)));
            }
            entries.push(entry);
        }
        if entries.is_empty() {
            return Err(at(first)(Problem::new("file", "no entries after the header")));
        }
        Ok(Self { header, entries, blake3: blake3::hash(bytes).to_hex().to_string() })
    }

    /// Takes the reviews out, for a pack that nobody whom the box trusts has signed: anybody can write
    /// "reviewed" into a file. How many there were.
    pub fn drop_reviews(&mut self) -> usize {
        self.entries.iter_mut().filter_map(|entry| entry.reviewed.take()).count()
    }

    /// Identifies the content of a pack's file, in hexadecimal.
    #[must_use]
    pub fn checksum(bytes: &[u8]) -> String {
        blake3::hash(bytes).to_hex().to_string()
    }

    /// How many entries it has; at least one.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    /// Name of the pack, the same from one revision to the next.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.header.name
    }
}

/// What is wrong with one line.
struct Problem {
    field: String,
    reason: String,
}

impl Problem {
    fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    fn at(self, file: &str, line: usize) -> KnowledgeError {
        KnowledgeError { file: file.into(), line, field: self.field, reason: self.reason }
    }
}

/// Reads one line; the field at fault is taken from the reader's own message, which quotes it.
fn read<T: for<'line> Deserialize<'line>>(line: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(line)
        .map_err(|e| Problem::new("line", format!("not UTF-8 after byte {}", e.valid_up_to())))?;
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|e| Problem::new("line", format!("not a JSON object ({})", without_place(&e))))?;
    if !value.is_object() {
        return Err(Problem::new("line", "not a JSON object"));
    }
    serde_json::from_value(value.clone()).map_err(|e| {
        let message = without_place(&e);
        let quoted = message.split('`').nth(1).filter(|_| message.contains("field `"));
        let field = match quoted {
            Some(field) => field.to_owned(),
            None => mistyped_field::<T>(&value).unwrap_or_else(|| "line".into()),
        };
        Problem::new(field, message)
    })
}

/// Of an object that does not read, the field without which the complaint is that it is missing,
/// and not what it was before: the one with the wrong type.
fn mistyped_field<T: for<'line> Deserialize<'line>>(value: &serde_json::Value) -> Option<String> {
    let object = value.as_object()?;
    object.keys().find_map(|name| {
        let mut without = object.clone();
        without.remove(name);
        let error = serde_json::from_value::<T>(without.into()).err()?;
        error.to_string().contains(&format!("missing field `{name}`")).then(|| name.clone())
    })
}

/// A reader's message without its "at line 1 column 7": each of our lines is a document to it.
fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.split_once(" at line ") {
        Some((reason, _)) => format!("{reason}, column {}", error.column()),
        None => message,
    }
}

impl Header {
    fn check(&self) -> Result<(), Problem> {
        if self.format != FORMAT {
            let reason = format!("\"{}\" is not \"{FORMAT}\"", self.format);
            return Err(Problem::new("format", reason));
        }
        if self.version != VERSION {
            let reason = format!(
                "{} is not a version that this Baraza reads ({VERSION}): update the box",
                self.version
            );
            return Err(Problem::new("version", reason));
        }
        identifier("name", &self.name)?;
        date("revision", &self.revision, 7, "YYYY-MM")?;
        language("language", &self.language)?;
        text("licence", &self.licence)?;
        text("note", &self.note)
    }
}

impl Entry {
    fn check(&self) -> Result<(), Problem> {
        identifier("id", &self.id)?;
        language("language", &self.language)?;
        if !["clinic", "school", "other"].contains(&self.topic.as_str()) {
            let reason = format!("\"{}\" is not \"clinic\", \"school\" or \"other\"", self.topic);
            return Err(Problem::new("topic", reason));
        }
        text("title", &self.title)?;
        text("question", &self.question)?;
        text("answer", &self.answer)?;
        if self.phrasings.len() > PHRASINGS_MAX {
            let reason = format!("{}, at most {PHRASINGS_MAX}", self.phrasings.len());
            return Err(Problem::new("phrasings", reason));
        }
        for phrasing in &self.phrasings {
            text("phrasings", phrasing)?;
        }
        text("source.publisher", &self.source.publisher)?;
        text("source.title", &self.source.title)?;
        if !(1900..=2200).contains(&self.source.year) && self.source.year != 0 {
            let reason = format!("{} is not a year of our time, nor 0 (unknown)", self.source.year);
            return Err(Problem::new("source.year", reason));
        }
        if let Some(sms) = &self.sms {
            text("sms", sms)?;
        }
        if let Some(review) = &self.reviewed {
            text("reviewed.by", &review.by)?;
            date("reviewed.on", &review.on, 10, "YYYY-MM-DD")?;
        }
        Ok(())
    }
}

fn text(field: &str, value: &str) -> Result<(), Problem> {
    if value.trim().is_empty() {
        return Err(Problem::new(field, "empty"));
    }
    if value.len() > FIELD_BYTES_MAX {
        let reason = format!("{} bytes, at most {FIELD_BYTES_MAX}", value.len());
        return Err(Problem::new(field, reason));
    }
    if value.chars().any(char::is_control) {
        return Err(Problem::new(field, "holds a control character, such as a line break"));
    }
    Ok(())
}

fn identifier(field: &str, value: &str) -> Result<(), Problem> {
    text(field, value)?;
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !value.bytes().all(fits) {
        let reason = format!("\"{value}\" may hold lower-case letters, digits and hyphens only");
        return Err(Problem::new(field, reason));
    }
    Ok(())
}

fn language(field: &str, value: &str) -> Result<(), Problem> {
    if Language::parse(value).is_none_or(|parsed| parsed.as_str() != value) {
        let reason = format!("\"{value}\" is not a language such as \"en\" or \"sw\"");
        return Err(Problem::new(field, reason));
    }
    Ok(())
}

/// Digits and hyphens where the pattern has letters and hyphens.
fn date(field: &str, value: &str, length: usize, pattern: &str) -> Result<(), Problem> {
    let digit_or_hyphen = |(found, wanted): (u8, u8)| match wanted {
        b'-' => found == b'-',
        _ => found.is_ascii_digit(),
    };
    let fits = value.len() == length && value.bytes().zip(pattern.bytes()).all(digit_or_hyphen);
    if fits { Ok(()) } else { Err(Problem::new(field, format!("\"{value}\" is not {pattern}"))) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: &str = r#"{"format":"baraza-knowledge","version":1,"name":"p","revision":"2026-11","language":"en","licence":"CC0-1.0","note":"n"}"#;
    const ENTRY: &str = r#"{"id":"a","language":"en","topic":"school","title":"T","question":"Q?","phrasings":["q"],"answer":"A.","source":{"publisher":"P","title":"S","year":2020},"reviewed":null}"#;

    fn parse(lines: &[&str]) -> Result<KnowledgePack, KnowledgeError> {
        KnowledgePack::parse("pack.jsonl", lines.join("\n").as_bytes())
    }

    #[test]
    fn the_starter_pack_reads() {
        let pack = KnowledgePack::parse("starter-en.jsonl", crate::STARTER.as_bytes()).unwrap();
        assert_eq!(pack.name(), "starter-en");
        assert!(pack.entries() >= 60);
        assert!(pack.entries.iter().all(|entry| entry.reviewed.is_none()));
    }

    #[test]
    fn unknown_fields_and_blank_lines_are_no_trouble() {
        let entry = ENTRY.replacen('{', r#"{"colour":"blue","#, 1);
        assert_eq!(parse(&[HEADER, "", &entry, "  ", ""]).unwrap().entries(), 1);
    }

    #[test]
    fn every_fault_is_named_with_its_place() {
        let h = |from: &str, to: &str| vec![HEADER.replace(from, to), ENTRY.into()];
        let e = |from: &str, to: &str| vec![HEADER.into(), ENTRY.replace(from, to)];
        for (lines, line, field, reason) in [
            (vec![], 1, "file", "empty"),
            (vec![HEADER.to_owned()], 1, "file", "no entries"),
            (vec!["[1]".into()], 1, "line", "not a JSON object"),
            (h("baraza-knowledge", "recipes"), 1, "format", "recipes"),
            (h("\"version\":1", "\"version\":2"), 1, "version", "update the box"),
            (h("2026-11", "November"), 1, "revision", "YYYY-MM"),
            (h("\"name\":\"p\",", ""), 1, "name", "missing"),
            (e("}", ""), 2, "line", "not a JSON object"),
            (e("\"id\":\"a\"", "\"id\":\"A b\""), 2, "id", "lower-case"),
            (e("\"answer\":\"A.\"", "\"answer\":\" \""), 2, "answer", "empty"),
            (e("\"answer\":\"A.\"", "\"answer\":7"), 2, "answer", "expected a string"),
            (e("\"answer\":\"A.\"", "\"answer\":\"A\\nB\""), 2, "answer", "control"),
            (e("\"question\":\"Q?\",", ""), 2, "question", "missing"),
            (e("school", "kitchen"), 2, "topic", "kitchen"),
            (e("\"en\"", "\"English\""), 2, "language", "English"),
            (e("2020", "20"), 2, "source.year", "20"),
            (e("\"year\":2020", "\"jahr\":2020"), 2, "year", "missing"),
            (e("null", r#"{"by":"nurse","on":"May"}"#), 2, "reviewed.on", "YYYY-MM-DD"),
            (vec![HEADER.into(), ENTRY.into(), ENTRY.into()], 3, "id", "line 2 already"),
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let error = parse(&lines).unwrap_err();
            assert_eq!((error.line, error.field.as_str()), (line, field), "{error}");
            assert!(error.reason.contains(reason), "{error}");
            assert!(error.to_string().starts_with("pack.jsonl, line "), "{error}");
        }
    }

    #[test]
    fn what_is_not_utf8_is_named() {
        let bytes = [HEADER.as_bytes(), b"\n{\"id\":\"\xff\"}"].concat();
        let error = KnowledgePack::parse("p", &bytes).unwrap_err();
        assert_eq!((error.line, error.field.as_str()), (2, "line"));
        assert!(error.reason.contains("not UTF-8"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = KnowledgePack::parse("p", &bytes);
        }

        #[test]
        fn a_damaged_pack_never_panics(at in 0..600_usize, byte: u8) {
            let mut bytes = format!("{HEADER}\n{ENTRY}").into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = KnowledgePack::parse("p", &bytes);
        }
    }
}
