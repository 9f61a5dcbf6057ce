//! A hand-made export of one layer, in the form that onnxruntime-genai writes.

use std::path::{Path, PathBuf};

use prost::Message;
use serde_json::{Value, json};

use crate::onnx::*;
use crate::{ImportError, ImportOptions, ImportReport, import_with};

pub(crate) const HIDDEN: usize = 32;
pub(crate) const VOCABULARY: usize = 48;

/// An export that a test may spoil before it is imported.
pub(crate) struct Export {
    pub(crate) model: ModelProto,
    pub(crate) data: Vec<u8>,
    pub(crate) genai: Value,
    /// Further files, by name.
    pub(crate) files: Vec<(&'static str, Vec<u8>)>,
    folder: tempfile::TempDir,
}

pub(crate) fn node(op_type: &str, domain: &str, input: &[&str], output: &[&str]) -> NodeProto {
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    NodeProto {
        input: own(input),
        output: own(output),
        name: format!("/{}", output.first().unwrap_or(&"nothing")),
        op_type: op_type.into(),
        domain: domain.into(),
        attribute: vec![],
    }
}

/// Deterministic bytes that are no pattern.
pub(crate) fn noise(count: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2654435761).wrapping_add(12345);
    let mut next = || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        (state >> 24) as u8
    };
    (0..count).map(|_| next()).collect()
}

pub(crate) fn floats(count: usize, seed: u32) -> Vec<f32> {
    noise(count, seed).into_iter().map(|b| (f32::from(b) - 128.0) / 1000.0).collect()
}

pub(crate) fn raw(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

impl Export {
    /// The export with nothing wrong.
    pub(crate) fn new() -> Self {
        let mut export = Self {
            model: ModelProto {
                ir_version: 10,
                producer_name: "test".into(),
                graph: Some(GraphProto::default()),
                opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 21 }],
                ..Default::default()
            },
            data: vec![],
            genai: json!({"model": {
                "type": "llama", "context_length": 64, "vocab_size": VOCABULARY,
                "bos_token_id": 1, "eos_token_id": [2, 3],
                "decoder": {
                    "filename": "model.onnx", "hidden_size": HIDDEN, "head_size": 16,
                    "num_attention_heads": 2, "num_key_value_heads": 1, "num_hidden_layers": 1,
                    "inputs": {"input_ids": "input_ids"}, "outputs": {"logits": "logits"}
                }
            }}),
            files: vec![
                ("tokenizer.json", br#"{"model": {}}"#.to_vec()),
                ("tokenizer_config.json", br#"{"bos_token": {"content": "<s>"}}"#.to_vec()),
            ],
            folder: tempfile::tempdir().expect("temporary folder"),
        };
        export.fill();
        export
    }

    fn fill(&mut self) {
        for (name, elem_type) in [
            ("input_ids", data_type::INT64),
            ("attention_mask", data_type::INT64),
            ("past.key", data_type::FLOAT),
            ("past.value", data_type::FLOAT),
        ] {
            self.graph().input.push(ValueInfoProto::tensor(name, elem_type, []));
        }
        for name in ["logits", "present.key", "present.value"] {
            self.graph().output.push(ValueInfoProto::tensor(name, data_type::FLOAT, []));
        }
        self.matrix("head", VOCABULARY, HIDDEN, 4, 16);
        self.matrix("qkv", 64, HIDDEN, 4, 16);
        self.matrix("o", HIDDEN, HIDDEN, 8, 32);
        for name in ["cos", "sin"] {
            self.external(name, &[64, 8], data_type::FLOAT, &raw(&floats(512, 9)));
        }
        self.external("norm", &[HIDDEN as i64], data_type::FLOAT, &raw(&[1.0; HIDDEN]));
        self.inline("shape", &[VOCABULARY as i64, HIDDEN as i64 / 2]);
        self.inline("one", &[1]);

        let ms = "com.microsoft";
        let mut nodes = vec![
            node("ReduceSum", "", &["attention_mask", "one"], &["total"]),
            node("Cast", "", &["total"], &["seqlens"]),
            node("Reshape", "", &["head_Q", "shape"], &["table"]),
            node("GatherBlockQuantized", ms, &["table", "input_ids", "head_S"], &["embedded"]),
            node("SimplifiedLayerNormalization", "", &["embedded", "norm"], &["normed"]),
            node("MatMulNBits", ms, &["normed", "qkv_Q", "qkv_S"], &["packed"]),
            node(
                "GroupQueryAttention",
                ms,
                &[
                    "packed",
                    "",
                    "",
                    "past.key",
                    "past.value",
                    "seqlens",
                    "total",
                    "cos",
                    "sin",
                    "",
                    "",
                ],
                &["attended", "present.key", "present.value"],
            ),
            node("MatMulNBits", ms, &["attended", "o_Q", "o_S"], &["mixed"]),
            node(
                "SkipSimplifiedLayerNormalization",
                ms,
                &["embedded", "mixed", "norm"],
                &["hidden"],
            ),
            node("MatMulNBits", ms, &["hidden", "head_Q", "head_S"], &["logits"]),
        ];
        let ints = |pairs: &[(&str, usize)]| -> Vec<AttributeProto> {
            pairs.iter().map(|(name, value)| AttributeProto::int(name, *value as i64)).collect()
        };
        nodes[3].attribute = ints(&[("bits", 4), ("block_size", 16), ("quantize_axis", 1)]);
        nodes[5].attribute = ints(&[("K", HIDDEN), ("N", 64), ("bits", 4), ("block_size", 16)]);
        nodes[6].attribute = ints(&[("num_heads", 2), ("kv_num_heads", 1), ("do_rotary", 1)]);
        nodes[7].attribute = ints(&[("K", HIDDEN), ("N", HIDDEN), ("bits", 8), ("block_size", 32)]);
        let head = [("K", HIDDEN), ("N", VOCABULARY), ("bits", 4), ("block_size", 16)];
        nodes[9].attribute = ints(&head);
        self.graph().node = nodes;
    }

    pub(crate) fn graph(&mut self) -> &mut GraphProto {
        self.model.graph.as_mut().expect("made by new")
    }

    /// The node that makes `value`.
    pub(crate) fn node(&mut self, value: &str) -> &mut NodeProto {
        let made = |node: &&mut NodeProto| node.output.iter().any(|output| output == value);
        self.graph().node.iter_mut().find(made).expect("a value of the sample")
    }

    /// Replaces or adds an integer attribute of the node that makes `value`.
    pub(crate) fn set(&mut self, value: &str, name: &str, i: i64) {
        let node = self.node(value);
        node.attribute.retain(|attribute| attribute.name != name);
        node.attribute.push(AttributeProto::int(name, i));
    }

    /// Puts `new` in front of the node that makes `value`, which reads it as input `index`.
    pub(crate) fn insert(&mut self, new: NodeProto, value: &str, index: usize) {
        let output = new.output[0].clone();
        let reader = self.node(value);
        reader.input.resize(reader.input.len().max(index + 1), String::new());
        reader.input[index] = output;
        let at = self.graph().node.iter().position(|n| n.output.iter().any(|o| o == value));
        self.graph().node.insert(at.expect("there"), new);
    }

    pub(crate) fn tensor(&mut self, name: &str) -> &mut TensorProto {
        self.graph().initializer.iter_mut().find(|t| t.name == name).expect("of the sample")
    }

    /// Adds a tensor whose data is in `model.onnx.data`.
    pub(crate) fn external(&mut self, name: &str, dims: &[i64], data_type: i32, bytes: &[u8]) {
        let entry = |key: &str, value: String| StringStringEntryProto { key: key.into(), value };
        let external_data = vec![
            entry("location", "model.onnx.data".into()),
            entry("offset", self.data.len().to_string()),
            entry("length", bytes.len().to_string()),
        ];
        self.data.extend_from_slice(bytes);
        self.graph().initializer.push(TensorProto {
            name: name.into(),
            dims: dims.to_vec(),
            data_type,
            data_location: 1,
            external_data,
            ..Default::default()
        });
    }

    /// Adds a list of whole numbers.
    pub(crate) fn inline(&mut self, name: &str, values: &[i64]) {
        self.graph().initializer.push(TensorProto {
            name: name.into(),
            dims: vec![values.len() as i64],
            data_type: data_type::INT64,
            int64_data: values.to_vec(),
            ..Default::default()
        });
    }

    /// Adds `NAME_Q` and `NAME_S`, the quants and scales of a matrix.
    fn matrix(&mut self, name: &str, rows: usize, columns: usize, bits: usize, block: usize) {
        let blocks = columns.div_ceil(block);
        let blob = block * bits / 8;
        let seed = name.len() as u32;
        let dims = [rows as i64, blocks as i64, blob as i64];
        let quants = noise(rows * blocks * blob, seed);
        self.external(&format!("{name}_Q"), &dims, data_type::UINT8, &quants);
        let scales = raw(&floats(rows * blocks, seed + 7));
        self.external(&format!("{name}_S"), &dims[..2], data_type::FLOAT, &scales);
    }

    /// Adds float zero points for the matrix behind `mixed`, all `zero`.
    pub(crate) fn float_zeros(&mut self, zero: f32) {
        self.external("zeros", &[HIDDEN as i64, 1], data_type::FLOAT, &raw(&[zero; HIDDEN]));
        self.node("mixed").input.push("zeros".into());
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    pub(crate) fn dest(&self) -> PathBuf {
        self.folder.path().join("pack")
    }

    /// Writes the source folder.
    pub(crate) fn write(&self) -> PathBuf {
        let folder = self.source();
        let put = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.join(name), bytes).expect("written");
        };
        std::fs::create_dir_all(&folder).expect("made");
        put("model.onnx", &self.model.encode_to_vec());
        put("model.onnx.data", &self.data);
        put("genai_config.json", self.genai.to_string().as_bytes());
        for (name, bytes) in &self.files {
            put(name, bytes);
        }
        folder
    }

    pub(crate) fn import(&self) -> Result<ImportReport, ImportError> {
        import_folder(&self.write(), &self.dest())
    }
}

pub(crate) fn import_folder(src: &Path, dest: &Path) -> Result<ImportReport, ImportError> {
    import_with(src, dest, ImportOptions::default(), &mut |_| {})
}
