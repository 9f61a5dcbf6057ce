//! Tables of questions and answers: CSV as spreadsheets write it (RFC 4180, with `;` and tab too).

use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::error::{DocumentError, Skipped};
use crate::item::Item;
use crate::limits::{RECORDS_MAX, SNIFF_BYTES};
use crate::reader::Shelf;
use crate::records::{Record, field_name};

/// A table with a header row.
pub(crate) struct Table {
    text: String,
    delimiter: u8,
    /// Our name for each column that has one.
    columns: Vec<Option<&'static str>>,
    /// Begin, end and line of each record.
    records: Vec<(usize, usize, u64)>,
    language: Option<String>,
}

impl Table {
    /// Reads the header and finds the records.
    ///
    /// # Errors
    ///
    /// If there is no column `question` or `answer`, or more records than a person writes.
    pub(crate) fn new(
        path: &Path,
        text: String,
        language: Option<String>,
    ) -> Result<Self, DocumentError> {
        let delimiter = delimiter(&text);
        let mut reader = builder(delimiter).from_reader(text.as_bytes());
        let broken = |error: &csv::Error| DocumentError::malformed(path, error.to_string());
        let mut record = StringRecord::new();
        let mut columns = Vec::new();
        if reader.read_record(&mut record).map_err(|error| broken(&error))? {
            columns = record.iter().map(field_name).collect();
        }
        for wanted in ["question", "answer"] {
            let count = columns.iter().filter(|column| **column == Some(wanted)).count();
            if count != 1 {
                let reason = format!(
                    "its first line names {count} columns `{wanted}`; it needs one `question` and \
                     one `answer`"
                );
                return Err(DocumentError::malformed(path, reason));
            }
        }
        let mut records: Vec<(usize, usize, u64)> = Vec::new();
        let (mut line, mut counted) = (1, 0);
        loop {
            let mut begin = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
            let more = reader.read_record(&mut record).map_err(|error| broken(&error))?;
            if !more {
                break;
            }
            let end = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
            // The reader may stand before the line end of the record above, and skips empty lines.
            let bytes = text.as_bytes();
            while begin < end && matches!(bytes.get(begin), Some(b'\r' | b'\n')) {
                begin += 1;
            }
            line += newlines(bytes.get(counted..begin));
            counted = begin;
            records.push((begin, end, line));
            if records.len() > RECORDS_MAX {
                return Err(DocumentError::TooLarge {
                    path: path.to_owned(),
                    size: records.len() as u64,
                    unit: "records",
                    limit: RECORDS_MAX as u64,
                });
            }
        }
        Ok(Self { text, delimiter, columns, records, language })
    }
}

impl Shelf for Table {
    fn places(&self) -> u64 {
        self.records.len() as u64
    }

    fn read(&mut self, place: u64) -> Option<Result<Item, Skipped>> {
        let (begin, end, line) = *self.records.get(usize::try_from(place).ok()?)?;
        let bytes = self.text.get(begin..end).unwrap_or("").as_bytes();
        let mut fields = StringRecord::new();
        let read = builder(self.delimiter).from_reader(bytes).read_record(&mut fields);
        let skip = |reason: String| Some(Err(Skipped::new(format!("line {line}"), reason)));
        match read {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return skip(error.to_string()),
        }
        if fields.iter().all(|field| field.trim().is_empty()) {
            return None;
        }
        let full = (0..fields.len()).rfind(|i| !fields[*i].is_empty()).map_or(0, |last| last + 1);
        if full > self.columns.len() {
            return skip(format!(
                "it has {full} fields, the header has {}; put quotes around texts with `{}` in them",
                self.columns.len(),
                char::from(self.delimiter)
            ));
        }
        let mut record = Record::default();
        for (name, value) in self.columns.iter().zip(fields.iter()) {
            if let Some(name) = name {
                record.set(name, value.to_owned());
            }
        }
        match record.entry(place, self.language.as_deref()) {
            Ok(entry) => Some(Ok(Item::Entry(entry))),
            Err(reason) => skip(reason),
        }
    }
}

/// Line ends in bytes.
fn newlines(bytes: Option<&[u8]>) -> u64 {
    bytes.unwrap_or_default().iter().filter(|byte| **byte == b'\n').count() as u64
}

fn builder(delimiter: u8) -> ReaderBuilder {
    let mut builder = ReaderBuilder::new();
    builder.delimiter(delimiter).has_headers(false).flexible(true).trim(Trim::All);
    builder
}

/// The one of `,`, `;` and tab whose use makes the header name most columns that we know.
fn delimiter(text: &str) -> u8 {
    let mut end = SNIFF_BYTES.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let known = |delimiter: u8| {
        let mut header = StringRecord::new();
        match builder(delimiter).from_reader(&text.as_bytes()[..end]).read_record(&mut header) {
            Ok(true) => header.iter().filter(|name| field_name(name).is_some()).count(),
            _ => 0,
        }
    };
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| known(*delimiter)).unwrap_or(b',')
}

/// Whether the first line of a text names the columns of a table of ours.
pub(crate) fn is_table(head: &str) -> bool {
    let mut header = StringRecord::new();
    let read = builder(delimiter(head)).from_reader(head.as_bytes()).read_record(&mut header);
    let names: Vec<_> = header.iter().filter_map(field_name).collect();
    matches!(read, Ok(true)) && names.contains(&"question") && names.contains(&"answer")
}
