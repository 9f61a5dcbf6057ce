//! `model.safetensors`: tensors of floats, read row by row.
//!
//! The format (<https://github.com/huggingface/safetensors>, "Format"): 8 bytes with the length of
//! the header, little-endian; the header, a JSON object from names to `dtype`, `shape` and
//! `data_offsets`, which count from the header's end; the data, row-major and little-endian.
//!
//! # Why not the crate?
//!
//! It wants the whole file in memory or mapped, and the pages of a map count as memory of the
//! import, which is to stay below the size of its source. It also brings `tempfile` along.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use half::{bf16, f16};
use serde_json::Value;

use crate::error::{FETCH, ImportError};
use crate::limits::CONFIG_BYTES_MAX;
use crate::source::read_error;

/// An open file of tensors.
#[derive(Debug)]
pub(crate) struct Tensors {
    file: File,
    pub(crate) path: String,
    /// Where the data begin.
    data: u64,
    entries: BTreeMap<String, Entry>,
    buffer: Vec<u8>,
}

/// A tensor of the header.
#[derive(Debug, Clone)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    /// From the beginning of the data.
    begin: u64,
    end: u64,
}

/// How an element is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    F32,
    F16,
    Bf16,
}

impl Element {
    fn of(dtype: &str) -> Option<Self> {
        match dtype {
            "F32" => Some(Self::F32),
            "F16" => Some(Self::F16),
            "BF16" => Some(Self::Bf16),
            _ => None,
        }
    }

    fn bytes(self) -> usize {
        if self == Self::F32 { 4 } else { 2 }
    }
}

/// A tensor of floats whose place in the file is known to be good.
#[derive(Debug, Clone)]
pub(crate) struct Floats {
    name: String,
    element: Element,
    begin: u64,
    /// Rows; 1 for a vector.
    pub(crate) rows: usize,
    /// Values in a row.
    pub(crate) columns: usize,
}

impl Tensors {
    /// Reads and checks the header.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or the header is not one or points outside the file.
    pub(crate) fn open(path: &Path) -> Result<Self, ImportError> {
        let shown = path.display().to_string();
        let refuse =
            |reason: String| ImportError::Graph { file: shown.clone(), reason, next: FETCH.into() };
        let failed = |e: io::Error| match e.kind() {
            io::ErrorKind::UnexpectedEof => refuse("is cut short".into()),
            _ => read_error(path, e, FETCH),
        };
        let mut file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut head = [0; 8];
        file.read_exact(&mut head).map_err(failed)?;
        let header = u64::from_le_bytes(head);
        if header > CONFIG_BYTES_MAX {
            return Err(refuse(format!(
                "is not a safetensors file: its header would have {header} bytes, at most \
                 {CONFIG_BYTES_MAX} are read"
            )));
        }
        let data = 8 + header;
        // At most `CONFIG_BYTES_MAX`.
        let mut json = vec![0; header as usize];
        file.read_exact(&mut json).map_err(failed)?;
        let value: Value = serde_json::from_slice(&json)
            .map_err(|e| refuse(format!("has a header that is not JSON ({e})")))?;
        let Value::Object(object) = value else {
            return Err(refuse("has a header that is not a JSON object".into()));
        };
        let mut entries = BTreeMap::new();
        for (name, value) in object.iter().filter(|(name, _)| *name != "__metadata__") {
            let entry = Entry::parse(value)
                .ok_or_else(|| refuse(format!("has a header with a wrong entry for {name}")))?;
            if entry.end > length.saturating_sub(data) {
                let reason = format!("is cut short: tensor {name} ends beyond it");
                return Err(refuse(reason));
            }
            entries.insert(name.clone(), entry);
        }
        Ok(Self { file, path: shown, data, entries, buffer: vec![] })
    }

    /// True where there is a tensor of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// The tensor of this name, which must have this shape: `[columns]` or `[rows, columns]`.
    ///
    /// # Errors
    ///
    /// When it is missing, has another shape, or is not of floats.
    pub(crate) fn floats(&self, name: &str, shape: &[usize]) -> Result<Floats, ImportError> {
        let refuse = |reason: String| Err(self.refuse(name, reason));
        let Some(entry) = self.entries.get(name) else { return refuse("is missing".into()) };
        let wanted: Vec<u64> = shape.iter().map(|n| *n as u64).collect();
        if entry.shape != wanted {
            let found = &entry.shape;
            return refuse(format!(
                "has the shape {found:?} where config.json makes it {wanted:?}"
            ));
        }
        let Some(element) = Element::of(&entry.dtype) else {
            return refuse(format!("is {:?}, and F32, F16 and BF16 are read", entry.dtype));
        };
        let (rows, columns) = match *shape {
            [columns] => (1, columns),
            [rows, columns] => (rows, columns),
            _ => return refuse("is neither a vector nor a matrix".into()),
        };
        let bytes = (rows as u64)
            .checked_mul(columns as u64)
            .and_then(|n| n.checked_mul(element.bytes() as u64));
        let found = entry.end - entry.begin;
        if bytes != Some(found) {
            return refuse(format!("has {found} bytes, which is not what its shape needs"));
        }
        Ok(Floats { name: name.to_owned(), element, begin: entry.begin, rows, columns })
    }

    /// One row, widened; `row` is below `of.rows` and `out` has `of.columns` values.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or a value is not finite.
    pub(crate) fn row(
        &mut self,
        of: &Floats,
        row: usize,
        out: &mut [f32],
    ) -> Result<(), ImportError> {
        let bytes = of.columns * of.element.bytes();
        self.buffer.resize(bytes, 0);
        let at = self.data + of.begin + (row * bytes) as u64;
        let read = self
            .file
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.file.read_exact(&mut self.buffer));
        read.map_err(|e| read_error(Path::new(&self.path), e, FETCH))?;
        let parts = self.buffer.chunks_exact(of.element.bytes());
        for (out, b) in out.iter_mut().zip(parts) {
            *out = match of.element {
                Element::F32 => f32::from_le_bytes([b[0], b[1], b[2], b[3]]),
                Element::F16 => f16::from_le_bytes([b[0], b[1]]).to_f32(),
                Element::Bf16 => bf16::from_le_bytes([b[0], b[1]]).to_f32(),
            };
        }
        match out.iter().find(|value| !value.is_finite()) {
            None => Ok(()),
            Some(value) => Err(self.refuse(&of.name, format!("has a value of {value}"))),
        }
    }

    fn refuse(&self, tensor: &str, reason: String) -> ImportError {
        ImportError::Tensor {
            file: self.path.clone(),
            tensor: tensor.to_owned(),
            reason,
            next: FETCH.into(),
        }
    }
}

impl Entry {
    fn parse(value: &Value) -> Option<Self> {
        let numbers = |field: &str| -> Option<Vec<u64>> {
            value.get(field)?.as_array()?.iter().map(Value::as_u64).collect()
        };
        let [begin, end] = numbers("data_offsets")?[..] else { return None };
        let dtype = value.get("dtype")?.as_str()?.to_owned();
        (begin <= end).then_some(Self { dtype, shape: numbers("shape")?, begin, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(header: &str, data: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes());
        bytes.extend(data);
        std::fs::write(file.path(), bytes).expect("written");
        file
    }

    #[test]
    fn three_kinds_of_floats_are_read() {
        let header = r#"{"__metadata__": {"format": "pt"},
            "a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
            "b": {"dtype": "F16", "shape": [2], "data_offsets": [8, 12]},
            "c": {"dtype": "BF16", "shape": [2], "data_offsets": [12, 16]},
            "d": {"dtype": "I64", "shape": [0], "data_offsets": [16, 16]}}"#;
        let data = [0, 0, 128, 63, 0, 0, 0, 192, 0, 60, 0, 192, 128, 63, 0, 192];
        let file = file(header, &data);
        let mut tensors = Tensors::open(file.path()).expect("good");
        let a = tensors.floats("a", &[2, 1]).expect("there");
        let mut one = [0.0];
        tensors.row(&a, 1, &mut one).expect("read");
        assert_eq!(one, [-2.0]);
        for name in ["b", "c"] {
            let mut two = [0.0; 2];
            let floats = tensors.floats(name, &[2]).expect("there");
            tensors.row(&floats, 0, &mut two).expect("read");
            assert_eq!(two, [1.0, -2.0], "{name}");
        }
        let say = |name: &str, shape: &[usize]| {
            tensors.floats(name, shape).expect_err("refused").to_string()
        };
        assert!(
            say("a", &[1, 2]).contains("has the shape [2, 1] where config.json makes it [1, 2]")
        );
        assert!(say("d", &[0]).contains("is \"I64\", and F32, F16 and BF16 are read"));
        assert!(say("e", &[1]).contains("tensor e is missing"));
        assert!(tensors.has("d") && !tensors.has("e"));
    }

    #[test]
    fn damaged_files_are_refused() {
        let say = |header: &str, data: &[u8]| {
            let file = file(header, data);
            Tensors::open(file.path()).expect_err(header).to_string()
        };
        let entry = |rest: &str| format!(r#"{{"a": {{"dtype": "F32", "shape": [1], {rest}}}}}"#);
        assert!(
            say(&entry(r#""data_offsets": [0, 4]"#), &[0; 3]).contains("is cut short: tensor a")
        );
        assert!(say(&entry(r#""data_offsets": [4, 0]"#), &[0; 4]).contains("a wrong entry for a"));
        assert!(say(&entry(r#""data_offsets": [0]"#), &[0; 4]).contains("a wrong entry for a"));
        assert!(say("[]", &[]).contains("not a JSON object"));
        assert!(say("{", &[]).contains("not JSON"));
        let short = tempfile::NamedTempFile::new().expect("temporary file");
        std::fs::write(short.path(), [9, 0, 0]).expect("written");
        assert!(Tensors::open(short.path()).expect_err("short").to_string().contains("cut short"));
        std::fs::write(short.path(), [0xff; 64]).expect("written");
        let text = Tensors::open(short.path()).expect_err("absurd").to_string();
        assert!(text.contains("is not a safetensors file"), "{text}");
        let wrong = file(&entry(r#""data_offsets": [0, 3]"#), &[0; 3]);
        let tensors = Tensors::open(wrong.path()).expect("inside");
        let text = tensors.floats("a", &[1]).expect_err("3 bytes").to_string();
        assert!(text.contains("has 3 bytes, which is not what its shape needs"), "{text}");
    }

    proptest! {
        #[test]
        fn no_header_panics(
            at in 0usize..120, drop in 0usize..9, insert in "[0-9\\-\\.e\"{}\\[\\],:a-z]{0,6}",
        ) {
            let good = r#"{"a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]}}"#;
            let mut header = good.as_bytes().to_vec();
            let at = at % header.len();
            let end = (at + drop).min(header.len());
            header.splice(at..end, insert.bytes());
            let file = file(&String::from_utf8_lossy(&header), &[0; 8]);
            if let Ok(mut tensors) = Tensors::open(file.path())
                && let Ok(floats) = tensors.floats("a", &[2, 1])
            {
                prop_assert!(tensors.row(&floats, 1, &mut [0.0]).is_ok());
            }
        }
    }
}
