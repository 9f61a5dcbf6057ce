use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::PackError;
use crate::limits;
use crate::names;

/// `manifest.json`: what the model is, and where each of its tensors lies.
///
/// Unknown fields are refused, since a field that this program does not know may change the
/// meaning of those it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format of the pack: [`limits::FORMAT`], or [`limits::FORMAT_ENCODER`] where `model.encoder`
    /// is there.
    pub format: u32,
    /// The model in words and numbers.
    pub model: ModelCard,
    /// The files besides `manifest.json`, `manifest.blake3` and `weights.bin`, by name. Always
    /// has `graph.onnx`.
    pub files: BTreeMap<String, FileEntry>,
    /// Length of `weights.bin`, bytes. Its checksums are those of the tensors; the bytes
    /// between them are zero.
    pub weights_bytes: u64,
    /// The tensors of `weights.bin`, ascending by offset.
    pub tensors: Vec<Tensor>,
}

/// The model in words and numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// The model's name, for people.
    pub name: String,
    /// A sentence that must be shown wherever the model speaks, for example that it is only
    /// a demonstration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// Licence, as an SPDX expression or in words; empty where the source did not say.
    #[serde(default)]
    pub licence: String,
    /// Where the model came from, free text.
    #[serde(default)]
    pub source: String,
    /// Architecture as the source names it, for example `llama`.
    pub architecture: String,
    /// Most tokens in one sequence, 1 to [`limits::CONTEXT_MAX`].
    pub context_length: u32,
    /// Tokens in the vocabulary: the last dimension of the logits, at least 1.
    pub vocab_size: u32,
    /// Width of the residual stream, at least 1.
    pub hidden_size: u32,
    /// Attention layers; `layer` attributes of the graph run from 0 to `layers - 1`.
    pub layers: u32,
    /// Query heads, a multiple of `kv_heads`.
    pub heads: u32,
    /// Key and value heads, at least 1.
    pub kv_heads: u32,
    /// Width of one head, at least 1.
    pub head_dim: u32,
    /// Token that begins a sequence, below `vocab_size`.
    #[serde(default)]
    pub bos_token_id: Option<u32>,
    /// Tokens that end an answer, each below `vocab_size`; may be empty.
    #[serde(default)]
    pub eos_token_ids: Vec<u32>,
    /// Text of the token that begins a sequence; chat templates ask for it.
    #[serde(default)]
    pub bos_token: Option<String>,
    /// Text of the token that ends a sequence; chat templates ask for it.
    #[serde(default)]
    pub eos_token: Option<String>,
    /// There where the model turns a text into a vector, and does not write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<EncoderCard>,
}

/// How a sentence encoder makes one vector of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderCard {
    /// Values of a vector: `hidden_size`.
    pub width: u32,
    /// How the vectors of a text's tokens become one.
    pub pooling: Pooling,
    /// Tokens of a text that are read, special ones counted, the rest being cut off: 3 to
    /// [`limits::ENCODER_TOKENS_MAX`], at most `context_length`.
    pub max_tokens: u32,
    /// True: vectors are brought to length 1. Nothing else is run.
    pub normalise: bool,
}

/// How the vectors of a text's tokens become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pooling {
    /// Their mean, special tokens counted.
    Mean,
}

/// Size and checksum of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Length, bytes.
    pub bytes: u64,
    /// BLAKE3, 64 lower-case hexadecimal digits.
    pub blake3: String,
}

/// One tensor of `weights.bin`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tensor {
    /// Unique name, 1 to [`limits::NAME_BYTES_MAX`] bytes; the graph's attributes refer to it.
    pub name: String,
    /// First byte in `weights.bin`, a multiple of [`limits::ALIGNMENT`].
    pub offset: u64,
    /// Length, bytes, at least 1.
    pub bytes: u64,
    /// BLAKE3 of these bytes, 64 lower-case hexadecimal digits.
    pub blake3: String,
    /// How to read the bytes.
    pub kind: TensorKind,
}

/// How the bytes of a tensor are to be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum TensorKind {
    /// A quantised matrix `[rows, columns]` in the packed layout of the `int4-kernels` crate;
    /// element = (quant - zero point) * block scale * `scale`.
    Matrix {
        /// Rows: N of `MatMulNBits`, outputs.
        rows: u32,
        /// Columns: K of `MatMulNBits`, inputs.
        columns: u32,
        /// Bits of one quant: 4 or 8.
        bits: u32,
        /// Columns that share a scale: a power of two, [`limits::BLOCK_MIN`] to
        /// [`limits::BLOCK_MAX`].
        block: u32,
        /// True where each block has a zero point of its own; otherwise it is 8 (4 bits) or
        /// 128 (8 bits).
        zero_points: bool,
        /// Multiplier of every block scale of this tensor: positive, finite, a power of two.
        scale: f32,
    },
    /// IEEE single precision, little-endian, row-major.
    F32 {
        /// Dimensions, outermost first.
        shape: Vec<u64>,
    },
    /// IEEE half precision, little-endian, row-major.
    F16 {
        /// Dimensions, outermost first.
        shape: Vec<u64>,
    },
}

/// Why a field is refused: its path and the reason.
pub(crate) type Refusal = (String, String);

impl Manifest {
    /// Parses and checks `manifest.json`.
    ///
    /// `file` is the path shown in errors.
    pub(crate) fn parse(json: &[u8], file: &str) -> Result<Self, PackError> {
        let refuse = |field: String, reason: String| PackError::Manifest {
            file: file.to_owned(),
            field,
            reason,
        };
        // The format comes first: a later one may have fields that this one refuses.
        let value: serde_json::Value = serde_json::from_slice(json)
            .map_err(|e| refuse("(whole file)".into(), format!("is not JSON: {e}")))?;
        let format = value
            .get("format")
            .and_then(serde_json::Value::as_u64)
            .and_then(|n| u32::try_from(n).ok())
            .ok_or_else(|| refuse("format".into(), "is not a whole number".into()))?;
        if !(limits::FORMAT..=limits::FORMAT_ENCODER).contains(&format) {
            let file = file.to_owned();
            return Err(PackError::Format { file, found: format, known: limits::FORMAT_ENCODER });
        }
        let manifest: Self = serde_json::from_value(value)
            .map_err(|e| refuse("(structure)".into(), e.to_string()))?;
        manifest.check().map_err(|(field, reason)| refuse(field, reason))?;
        Ok(manifest)
    }

    /// Checks every stated range, alone and against the others.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let expected = self.model.format();
        if self.format != expected {
            let what = if self.model.encoder.is_some() { "a" } else { "no" };
            let reason =
                format!("is {}, and {what} model.encoder makes it {expected}", self.format);
            return Err(("format".into(), reason));
        }
        self.model.check()?;
        self.check_files()?;
        self.check_tensors()
    }

    fn check_files(&self) -> Result<(), Refusal> {
        for (name, entry) in &self.files {
            let field = || format!("files.{name}");
            let max =
                file_bytes_max(name).ok_or_else(|| (field(), "is no file of a pack".to_owned()))?;
            if entry.bytes > max {
                return Err((
                    field(),
                    format!("has {} bytes, at most {max} are read", entry.bytes),
                ));
            }
            check_digest(&entry.blake3).map_err(|reason| (field(), reason))?;
        }
        if !self.files.contains_key(names::GRAPH) {
            return Err(("files".into(), format!("lacks {}", names::GRAPH)));
        }
        Ok(())
    }

    fn check_tensors(&self) -> Result<(), Refusal> {
        if self.weights_bytes > limits::WEIGHTS_BYTES_MAX {
            let reason = format!("is above {}", limits::WEIGHTS_BYTES_MAX);
            return Err(("weights_bytes".into(), reason));
        }
        if self.tensors.len() > limits::TENSORS_MAX {
            return Err(("tensors".into(), format!("has more than {}", limits::TENSORS_MAX)));
        }
        let mut seen = BTreeSet::new();
        let mut end = 0u64;
        for (index, tensor) in self.tensors.iter().enumerate() {
            let at = |field: &str| format!("tensors[{index}].{field}");
            tensor.check().map_err(|(field, reason)| (at(field), reason))?;
            if !seen.insert(tensor.name.as_str()) {
                return Err((at("name"), format!("{} appears twice", tensor.name)));
            }
            if tensor.offset != align(end) {
                let reason = format!("is {}, expected {}", tensor.offset, align(end));
                return Err((at("offset"), reason));
            }
            // `check` bounds both terms, so this cannot overflow.
            end = tensor.offset + tensor.bytes;
        }
        if end != self.weights_bytes {
            let reason = format!("is {}, the tensors end at {end}", self.weights_bytes);
            return Err(("weights_bytes".into(), reason));
        }
        Ok(())
    }
}

impl ModelCard {
    /// Checks every stated range.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let refuse = |field: &str, reason: &str| Err((format!("model.{field}"), reason.to_owned()));
        if self.name.trim().is_empty() {
            return refuse("name", "is empty");
        }
        if self.context_length == 0 || self.context_length > limits::CONTEXT_MAX {
            return refuse("context_length", "is not between 1 and 16777216");
        }
        for (field, value) in [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("layers", self.layers),
            ("heads", self.heads),
            ("kv_heads", self.kv_heads),
            ("head_dim", self.head_dim),
        ] {
            if value == 0 || u64::from(value) > limits::DIMENSION_MAX {
                return refuse(field, "is not between 1 and 2147483648");
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return refuse("heads", "is not a multiple of kv_heads");
        }
        if self.bos_token_id.is_some_and(|id| id >= self.vocab_size) {
            return refuse("bos_token_id", "is not below vocab_size");
        }
        if self.eos_token_ids.iter().any(|&id| id >= self.vocab_size) {
            return refuse("eos_token_ids", "has one that is not below vocab_size");
        }
        self.check_encoder()
    }

    fn check_encoder(&self) -> Result<(), Refusal> {
        let Some(encoder) = &self.encoder else { return Ok(()) };
        let refuse = |field: &str, reason: String| Err((format!("model.encoder.{field}"), reason));
        let EncoderCard { width, max_tokens, normalise, .. } = *encoder;
        if width != self.hidden_size {
            return refuse("width", format!("is {width}, hidden_size is {}", self.hidden_size));
        }
        // Two special tokens and one of the text.
        let most = limits::ENCODER_TOKENS_MAX.min(self.context_length);
        if !(3..=most).contains(&max_tokens) {
            return refuse("max_tokens", format!("is {max_tokens}, not 3 to {most}"));
        }
        if !normalise {
            return refuse("normalise", "is false, and only vectors of length 1 are made".into());
        }
        Ok(())
    }

    /// The format that a pack of this model has.
    pub(crate) fn format(&self) -> u32 {
        if self.encoder.is_some() { limits::FORMAT_ENCODER } else { limits::FORMAT }
    }
}

impl Tensor {
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        if self.name.is_empty() || self.name.len() > limits::NAME_BYTES_MAX {
            return Err(("name", format!("is not 1 to {} bytes long", limits::NAME_BYTES_MAX)));
        }
        if self.bytes == 0 || self.bytes > limits::WEIGHTS_BYTES_MAX {
            return Err(("bytes", format!("is not 1 to {}", limits::WEIGHTS_BYTES_MAX)));
        }
        if self.offset > limits::WEIGHTS_BYTES_MAX {
            return Err(("offset", format!("is above {}", limits::WEIGHTS_BYTES_MAX)));
        }
        check_digest(&self.blake3).map_err(|reason| ("blake3", reason))?;
        self.kind.check().map_err(|reason| ("kind", reason))?;
        match self.kind.plain_bytes() {
            Some(bytes) if bytes != self.bytes => {
                Err(("bytes", format!("is {}, the shape needs {bytes}", self.bytes)))
            }
            _ => Ok(()),
        }
    }
}

impl TensorKind {
    /// Checks the ranges that the variants state.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::Matrix { rows, columns, bits, block, scale, zero_points: _ } => {
                for (what, value) in [("rows", *rows), ("columns", *columns)] {
                    if value == 0 || u64::from(value) > limits::DIMENSION_MAX {
                        return Err(format!("{what} is not between 1 and 2147483648"));
                    }
                }
                if !matches!(bits, 4 | 8) {
                    return Err(format!("bits is {bits}, not 4 or 8"));
                }
                if !block.is_power_of_two()
                    || !(limits::BLOCK_MIN..=limits::BLOCK_MAX).contains(block)
                {
                    return Err(format!("block is {block}, not a power of two from 16 to 256"));
                }
                let power_of_two = scale.is_normal() && scale.to_bits() & 0x007f_ffff == 0;
                if *scale <= 0.0 || !power_of_two {
                    return Err(format!("scale is {scale}, not a positive power of two"));
                }
                Ok(())
            }
            Self::F32 { shape } | Self::F16 { shape } => {
                if shape.len() > limits::RANK_MAX {
                    return Err(format!("shape has more than {} dimensions", limits::RANK_MAX));
                }
                if shape.iter().any(|&d| d == 0 || d > limits::DIMENSION_MAX) {
                    return Err("shape has a dimension not between 1 and 2147483648".into());
                }
                self.plain_bytes().map(|_| ()).ok_or_else(|| "shape is too large".into())
            }
        }
    }

    /// Bytes of a tensor of plain floats; `None` for a matrix, or where the product overflows.
    fn plain_bytes(&self) -> Option<u64> {
        let (shape, width) = match self {
            Self::F32 { shape } => (shape, 4u64),
            Self::F16 { shape } => (shape, 2u64),
            Self::Matrix { .. } => return None,
        };
        shape.iter().try_fold(width, |product, &d| product.checked_mul(d))
    }
}

/// Largest length of the named file, bytes; `None` for a file that no manifest lists.
pub(crate) fn file_bytes_max(name: &str) -> Option<u64> {
    match name {
        names::GRAPH => Some(limits::GRAPH_BYTES_MAX),
        names::TOKENIZER | names::CHAT_TEMPLATE | names::LICENCE => Some(limits::TEXT_BYTES_MAX),
        _ => None,
    }
}

/// `offset` rounded up to a multiple of [`limits::ALIGNMENT`]; callers keep it below
/// [`limits::WEIGHTS_BYTES_MAX`] twice over.
pub(crate) fn align(offset: u64) -> u64 {
    offset.next_multiple_of(limits::ALIGNMENT as u64)
}

fn check_digest(text: &str) -> Result<(), String> {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() == 64 && text.bytes().all(digit) {
        Ok(())
    } else {
        Err("blake3 is not 64 lower-case hexadecimal digits".into())
    }
}
