//! The files of the source folder: small ones read, large ones mapped.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use prost::Message;

use crate::error::{FETCH, ImportError};
use crate::limits;
use crate::onnx::{ModelProto, TensorProto, data_type};

/// `TensorProto.DataLocation.EXTERNAL`.
const EXTERNAL: i32 = 1;

/// A folder with an ONNX model and its external data.
#[derive(Debug)]
pub(crate) struct Source {
    folder: PathBuf,
    /// Path of the model file, as shown in errors.
    pub(crate) model_path: String,
    /// External data files, mapped at first use, by location.
    data: HashMap<String, Bytes>,
}

impl Source {
    pub(crate) fn new(folder: &Path, model_file: &str) -> Self {
        let model_path = folder.join(model_file).display().to_string();
        Self { folder: folder.to_owned(), model_path, data: HashMap::new() }
    }

    /// Decodes the model file; tensors with inline data share its map.
    pub(crate) fn model(&self) -> Result<ModelProto, ImportError> {
        let bytes = map(Path::new(&self.model_path), FETCH)?;
        let graph_error = |reason: String| ImportError::Graph {
            file: self.model_path.clone(),
            reason,
            next: FETCH.into(),
        };
        if bytes.len() as u64 > limits::ONNX_BYTES_MAX {
            return Err(graph_error("is larger than 2 GB, which no ONNX file can be".into()));
        }
        ModelProto::decode(bytes)
            .map_err(|e| graph_error(format!("is damaged or not an ONNX model ({e})")))
    }

    /// The data of a tensor, little-endian, exactly as long as its shape and type ask.
    pub(crate) fn bytes(&mut self, tensor: &TensorProto) -> Result<Bytes, ImportError> {
        let expected = self.expected_bytes(tensor)?;
        if tensor.data_location == EXTERNAL {
            return self.external(tensor, expected);
        }
        let bytes = inline(tensor);
        if bytes.len() as u64 != expected {
            let reason = format!("has {} bytes of data, its shape needs {expected}", bytes.len());
            return Err(self.refuse(&self.model_path, tensor, reason));
        }
        Ok(bytes)
    }

    /// Bytes that shape and type ask for.
    pub(crate) fn expected_bytes(&self, tensor: &TensorProto) -> Result<u64, ImportError> {
        let bits = data_type::bits(tensor.data_type).ok_or_else(|| {
            let reason = format!("has data type {}, which is not read", tensor.data_type);
            self.refuse(&self.model_path, tensor, reason)
        })?;
        let elements = tensor.dims.iter().try_fold(1u64, |product, &d| {
            u64::try_from(d).ok().and_then(|d| product.checked_mul(d))
        });
        elements
            .and_then(|n| n.checked_mul(bits))
            .map(|bits| bits.div_ceil(8))
            .ok_or_else(|| self.refuse(&self.model_path, tensor, "has an impossible shape".into()))
    }

    fn refuse(&self, file: &str, tensor: &TensorProto, reason: String) -> ImportError {
        ImportError::Tensor {
            file: file.to_owned(),
            tensor: tensor.name.clone(),
            reason,
            next: FETCH.into(),
        }
    }

    fn external(&mut self, tensor: &TensorProto, expected: u64) -> Result<Bytes, ImportError> {
        let entry = |key: &str| {
            tensor.external_data.iter().find(|e| e.key == key).map(|e| e.value.as_str())
        };
        let location = entry("location").unwrap_or_default();
        if !is_plain_relative(location) {
            let reason = format!("says its data is in {location:?}, outside the model's folder");
            return Err(self.refuse(&self.model_path, tensor, reason));
        }
        let number = |key: &str, default: u64| match entry(key) {
            None => Ok(default),
            Some(text) => text.parse::<u64>().map_err(|_| {
                let reason = format!("has an external {key} of {text:?}, which is no number");
                self.refuse(&self.model_path, tensor, reason)
            }),
        };
        let (offset, length) = (number("offset", 0)?, number("length", expected)?);
        if length != expected {
            let reason = format!("has {length} bytes of external data, its shape needs {expected}");
            return Err(self.refuse(&self.model_path, tensor, reason));
        }
        let path = self.folder.join(location);
        if !self.data.contains_key(location) {
            self.data.insert(location.to_owned(), map(&path, FETCH)?);
        }
        let file = self.data.get(location).cloned().unwrap_or_default();
        let end = offset.checked_add(length).filter(|&end| end <= file.len() as u64);
        match end {
            // Both are at most the length of a slice, so they fit.
            Some(end) => Ok(file.slice(offset as usize..end as usize)),
            None => {
                let reason = format!(
                    "needs bytes {offset} to {} but the file ends at {}: it is cut short",
                    offset.saturating_add(length),
                    file.len()
                );
                Err(self.refuse(&path.display().to_string(), tensor, reason))
            }
        }
    }
}

/// True for a relative path of normal parts only, in either system's notation.
pub(crate) fn is_plain_relative(location: &str) -> bool {
    let path = Path::new(location);
    !location.is_empty()
        && !location.contains(['\\', ':', '\0'])
        && path.components().all(|part| matches!(part, Component::Normal(_)))
}

/// Data that is part of the message, in the form of `raw_data`.
fn inline(tensor: &TensorProto) -> Bytes {
    if !tensor.raw_data.is_empty() {
        return tensor.raw_data.clone();
    }
    let mut out = Vec::new();
    out.extend(tensor.float_data.iter().flat_map(|x| x.to_le_bytes()));
    out.extend(tensor.double_data.iter().flat_map(|x| x.to_le_bytes()));
    out.extend(tensor.int64_data.iter().flat_map(|x| x.to_le_bytes()));
    // Narrow types are stored one element to an int32: keep their low bytes. 4-bit types are
    // stored a packed byte at a time.
    let width = data_type::bits(tensor.data_type).map_or(4, |bits| (bits / 8).clamp(1, 4) as usize);
    for x in &tensor.int32_data {
        out.extend_from_slice(&x.to_le_bytes()[..width]);
    }
    Bytes::from(out)
}

/// Maps a file of the model.
pub(crate) fn map(path: &Path, next: &str) -> Result<Bytes, ImportError> {
    let mapped = model_pack::map_file(path).map_err(|source| read_error(path, source, next))?;
    Ok(Bytes::from_owner(mapped))
}

/// Reads a small file; `None` where there is none.
pub(crate) fn read_optional(path: &Path, max: u64) -> Result<Option<Vec<u8>>, ImportError> {
    let file = match File::open(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|e| read_error(path, e, FETCH))?,
    };
    let mut bytes = Vec::new();
    file.take(max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|e| read_error(path, e, FETCH))?;
    if bytes.len() as u64 > max {
        return Err(ImportError::Config {
            file: path.display().to_string(),
            field: "the file".into(),
            reason: format!("is larger than {max} bytes"),
            next: FETCH.into(),
        });
    }
    Ok(Some(bytes))
}

pub(crate) fn read_error(path: &Path, source: std::io::Error, next: &str) -> ImportError {
    let file = path.display().to_string();
    match source.kind() {
        std::io::ErrorKind::NotFound => ImportError::Missing { file, next: next.to_owned() },
        _ => ImportError::Read { file, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::StringStringEntryProto;

    fn external(location: &str, offset: &str, length: &str) -> TensorProto {
        let entry = |key: &str, value: &str| StringStringEntryProto {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        TensorProto {
            name: "w".into(),
            dims: vec![4],
            data_type: data_type::UINT8,
            data_location: EXTERNAL,
            external_data: vec![
                entry("location", location),
                entry("offset", offset),
                entry("length", length),
            ],
            ..Default::default()
        }
    }

    fn folder() -> (tempfile::TempDir, Source) {
        let folder = tempfile::tempdir().expect("temporary folder");
        std::fs::write(folder.path().join("d"), [0, 1, 2, 3, 4, 5]).expect("written");
        let source = Source::new(folder.path(), "model.onnx");
        (folder, source)
    }

    #[test]
    fn external_data_is_a_checked_range() {
        let (_folder, mut source) = folder();
        assert_eq!(&source.bytes(&external("d", "2", "4")).expect("inside")[..], [2, 3, 4, 5]);
        for (location, offset, length, reason) in [
            ("d", "3", "4", "cut short"),
            ("d", "18446744073709551615", "4", "cut short"),
            ("d", "0", "5", "its shape needs 4"),
            ("d", "x", "4", "no number"),
            ("d", "-1", "4", "no number"),
            ("missing", "0", "4", "is missing"),
            ("../d", "0", "4", "outside the model's folder"),
            ("a/../../d", "0", "4", "outside the model's folder"),
            ("/etc/passwd", "0", "4", "outside the model's folder"),
            ("C:\\d", "0", "4", "outside the model's folder"),
            ("", "0", "4", "outside the model's folder"),
        ] {
            let error = source.bytes(&external(location, offset, length)).expect_err(location);
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn typed_data_becomes_raw_data() {
        let (_folder, mut source) = folder();
        let half = TensorProto {
            dims: vec![2],
            data_type: data_type::FLOAT16,
            int32_data: vec![0x3c00, 0x4000],
            ..Default::default()
        };
        assert_eq!(&source.bytes(&half).expect("read")[..], [0x00, 0x3c, 0x00, 0x40]);
        let short = TensorProto { int32_data: vec![1], ..half };
        assert!(source.bytes(&short).expect_err("short").to_string().contains("needs 4"));
        let absurd =
            TensorProto { dims: vec![i64::MAX, i64::MAX], data_type: 1, ..Default::default() };
        assert!(source.bytes(&absurd).expect_err("absurd").to_string().contains("impossible"));
    }
}
