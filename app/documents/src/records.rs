//! Entries from records with named fields, and JSONL files of such records.

use std::path::Path;

use serde_json::{Map, Value};

use crate::error::{DocumentError, Skipped};
use crate::item::{Entry, Item, Source};
use crate::limits::{FIELD_CHARS_MAX, PHRASINGS_MAX, RECORDS_MAX};
use crate::reader::Shelf;
use crate::text;

/// The fields of one record, unclean.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) language: String,
    pub(crate) title: String,
    pub(crate) question: String,
    pub(crate) phrasings: Vec<String>,
    pub(crate) answer: String,
    pub(crate) sms: String,
    pub(crate) publisher: String,
    pub(crate) source: String,
    pub(crate) year: String,
}

/// Names of fields, as people write them, to ours.
pub(crate) fn field_name(name: &str) -> Option<&'static str> {
    Some(match text::line(name).to_lowercase().as_str() {
        "id" => "id",
        "language" | "lang" => "language",
        "title" | "topic" => "title",
        "question" => "question",
        "phrasings" => "phrasings",
        "answer" => "answer",
        "sms" => "sms",
        "source" => "source",
        "publisher" => "publisher",
        "year" => "year",
        _ => return None,
    })
}

impl Record {
    /// Puts a value into a field by our name for it.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        match name {
            "id" => self.id = value,
            "language" => self.language = value,
            "title" => self.title = value,
            "question" => self.question = value,
            "phrasings" => self.phrasings = value.split('|').map(str::to_owned).collect(),
            "answer" => self.answer = value,
            "sms" => self.sms = value,
            "source" => self.source = value,
            "publisher" => self.publisher = value,
            "year" => self.year = value,
            _ => {}
        }
    }

    /// A clean entry; `row` counts from 0.
    ///
    /// # Errors
    ///
    /// Why this is none.
    pub(crate) fn entry(self, row: u64, language: Option<&str>) -> Result<Entry, String> {
        let question = text::line(&self.question);
        let answer = text::field(&self.answer);
        let sms = text::line(&self.sms);
        for (name, value) in [("question", &question), ("answer", &answer)] {
            if value.is_empty() {
                return Err(format!("its {name} is empty"));
            }
        }
        for (name, value) in [("question", &question), ("answer", &answer), ("sms", &sms)] {
            let length = value.chars().count();
            if length > FIELD_CHARS_MAX {
                return Err(format!(
                    "its {name} has {length} characters, the limit is {FIELD_CHARS_MAX}"
                ));
            }
        }
        if self.phrasings.len() > PHRASINGS_MAX {
            let count = self.phrasings.len();
            return Err(format!("it has {count} phrasings, the limit is {PHRASINGS_MAX}"));
        }
        let phrasings = self.phrasings.iter().filter_map(|phrasing| text::name(phrasing)).collect();
        let source = Source {
            publisher: text::name(&self.publisher),
            title: text::name(&self.source),
            year: text::year(&self.year).or_else(|| text::year(&self.source)),
        };
        let id = text::line(&self.id);
        Ok(Entry {
            id: if id.is_empty() { format!("row-{}", row + 1) } else { text::id(&id) },
            language: text::language(&self.language).or_else(|| language.map(str::to_owned)),
            title: text::name(&self.title),
            question,
            phrasings,
            answer,
            sms: (!sms.is_empty()).then_some(sms),
            source: (source != Source::default()).then_some(source),
        })
    }
}

/// A JSONL file (one JSON object a line, <https://jsonlines.org>).
pub(crate) struct Jsonl {
    text: String,
    /// Begin, end and number of each line that is not empty.
    lines: Vec<(usize, usize, usize)>,
    language: Option<String>,
}

impl Jsonl {
    /// Finds the lines.
    ///
    /// # Errors
    ///
    /// If the file is the box's own knowledge format or has too many lines.
    pub(crate) fn new(
        path: &Path,
        text: String,
        language: Option<String>,
    ) -> Result<Self, DocumentError> {
        let mut lines = Vec::new();
        let mut begin = 0;
        for (number, line) in text.split_inclusive('\n').enumerate() {
            if !line.trim().is_empty() {
                lines.push((begin, begin + line.len(), number + 1));
            }
            begin += line.len();
        }
        if lines.len() > RECORDS_MAX {
            return Err(DocumentError::TooLarge {
                path: path.to_owned(),
                size: lines.len() as u64,
                unit: "records",
                limit: RECORDS_MAX as u64,
            });
        }
        let first = lines.first().and_then(|(b, e, _)| text.get(*b..*e)).unwrap_or("");
        if is_knowledge_pack(first) {
            return Err(DocumentError::KnowledgePack { path: path.to_owned() });
        }
        Ok(Self { text, lines, language })
    }
}

/// Whether the first line of a file says that it is the box's own knowledge format.
pub(crate) fn is_knowledge_pack(first_line: &str) -> bool {
    serde_json::from_str::<Value>(first_line)
        .is_ok_and(|value| value.get("format").is_some_and(|f| f == "baraza-knowledge"))
}

impl Shelf for Jsonl {
    fn places(&self) -> u64 {
        self.lines.len() as u64
    }

    fn read(&mut self, place: u64) -> Option<Result<Item, Skipped>> {
        let (begin, end, number) = *self.lines.get(usize::try_from(place).ok()?)?;
        let line = self.text.get(begin..end).unwrap_or("");
        let entry = match serde_json::from_str::<Map<String, Value>>(line) {
            Ok(object) => {
                record(&object).and_then(|record| record.entry(place, self.language.as_deref()))
            }
            Err(error) => Err(format!("is no JSON object: {error}")),
        };
        Some(match entry {
            Ok(entry) => Ok(Item::Entry(entry)),
            Err(reason) => Err(Skipped::new(format!("line {number}"), reason)),
        })
    }
}

fn record(object: &Map<String, Value>) -> Result<Record, String> {
    let mut record = Record::default();
    for (key, value) in object {
        let Some(name) = field_name(key) else { continue };
        match (name, value) {
            (_, Value::Null) => {}
            (_, Value::String(value)) => record.set(name, value.clone()),
            (_, Value::Number(value)) => record.set(name, value.to_string()),
            ("phrasings", Value::Array(values)) => {
                for value in values {
                    let value = value.as_str().ok_or("its phrasings are not all texts")?;
                    record.phrasings.push(value.to_owned());
                }
            }
            ("source", Value::Object(source)) => {
                let part = |key: &str| match source.get(key) {
                    Some(Value::String(value)) => value.clone(),
                    Some(Value::Number(value)) => value.to_string(),
                    _ => String::new(),
                };
                record.publisher = part("publisher");
                record.source = part("title");
                record.year = part("year");
            }
            _ => return Err(format!("its {name} is no text")),
        }
    }
    Ok(record)
}
