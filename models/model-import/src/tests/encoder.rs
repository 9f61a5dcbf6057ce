//! Sentence encoders: the fixture as it is, and spoiled.

use std::path::{Path, PathBuf};

use model_pack::{EncoderCard, Pack, Pooling, TensorKind};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::sample::import_folder;
use crate::ImportError;
use crate::onnx::{GraphProto, ModelProto, NodeProto, ValueInfoProto, data_type};
use prost::Message;

/// A copy of the fixture that a test may spoil.
struct Copy {
    folder: tempfile::TempDir,
}

const FILES: [&str; 6] = [
    "config.json",
    "model.safetensors",
    "modules.json",
    "sentence_bert_config.json",
    "tokenizer.json",
    "1_Pooling/config.json",
];

impl Copy {
    fn new() -> Copy {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests/fixtures/encoders/tiny_bert/model");
        let copy = Copy { folder: tempfile::tempdir().expect("temporary folder") };
        std::fs::create_dir_all(copy.source().join("1_Pooling")).expect("made");
        for file in FILES {
            std::fs::copy(fixture.join(file), copy.source().join(file)).expect("copied");
        }
        copy
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("some-encoder")
    }

    fn dest(&self) -> PathBuf {
        self.folder.path().join("pack")
    }

    fn import(&self) -> Result<crate::ImportReport, ImportError> {
        import_folder(&self.source(), &self.dest())
    }

    fn write(&self, file: &str, content: &[u8]) {
        std::fs::write(self.source().join(file), content).expect("written");
    }

    fn edit(&self, file: &str, edit: impl FnOnce(&mut Value)) {
        let text = std::fs::read(self.source().join(file)).expect("read");
        let mut value = serde_json::from_slice(&text).expect("JSON");
        edit(&mut value);
        self.write(file, value.to_string().as_bytes());
    }

    /// Imports; the sentence must have all of `parts`, and nothing may be left behind.
    fn refused(&self, parts: &[&str]) {
        let text = self.import().expect_err(parts[0]).to_string();
        for part in parts {
            assert!(text.contains(part), "{part:?} is not in: {text}");
        }
        assert!(!self.dest().exists(), "{text}");
        assert!(!self.dest().with_extension("partial").exists(), "{text}");
    }
}

/// One field of one file set to `value` is refused with these words.
fn field(file: &str, name: &str, value: Value, parts: &[&str]) {
    let copy = Copy::new();
    copy.edit(file, |json| json[name] = value);
    copy.refused(parts);
}

#[test]
fn an_encoder_becomes_a_pack() {
    let copy = Copy::new();
    copy.write("README.md", b"---\nlanguage: en\nlicense: apache-2.0\n---\n\n# Tiny\ntext\n");
    let report = copy.import().expect("imported");
    assert_eq!(report.warnings, Vec::<String>::new());
    let pack = Pack::open(&copy.dest()).expect("whole");
    let model = &pack.manifest().model;
    assert_eq!((model.name.as_str(), model.licence.as_str()), ("Tiny", "apache-2.0"));
    assert_eq!((model.layers, model.heads, model.head_dim, model.hidden_size), (2, 4, 16, 64));
    let expected =
        EncoderCard { width: 64, pooling: Pooling::Mean, max_tokens: 32, normalise: true };
    assert_eq!(model.encoder, Some(expected));
    assert!(pack.tokenizer().is_some());
    // Words, and four matrices a layer, query, key and value being one.
    let is_matrix = |kind: &TensorKind| {
        matches!(kind, TensorKind::Matrix { bits: 8, block: 32, zero_points: false, .. })
    };
    let tensors = &pack.manifest().tensors;
    assert_eq!(tensors.iter().filter(|tensor| is_matrix(&tensor.kind)).count(), 1 + 2 * 4);
    let positions = pack.tensor("position_embeddings").expect("there");
    assert_eq!(positions.tensor.kind, TensorKind::F32 { shape: vec![32, 64] });
    assert_eq!(tensors.len(), 10, "everything else is in the graph");
}

#[test]
fn names_of_our_own_come_first() {
    let copy = Copy::new();
    copy.write("README.md", b"# Tiny\n");
    copy.write("baraza.json", br#"{"name": "mine", "licence": "MIT"}"#);
    let model = copy.import().expect("imported").manifest.model;
    assert_eq!((model.name.as_str(), model.licence.as_str()), ("mine", "MIT"));
    let copy = Copy::new();
    assert_eq!(copy.import().expect("imported").manifest.model.name, "some-encoder");
}

#[test]
fn a_bare_folder_is_imported_with_a_warning() {
    let copy = Copy::new();
    for file in ["modules.json", "sentence_bert_config.json"] {
        std::fs::remove_file(copy.source().join(file)).expect("removed");
    }
    copy.write(
        "tokenizer_config.json",
        br#"{"model_max_length": 1000000000000000019884624838656}"#,
    );
    let report = copy.import().expect("imported");
    assert!(report.warnings[0].contains("has no modules.json"), "{:?}", report.warnings);
    assert_eq!(report.manifest.model.encoder.map(|e| e.max_tokens), Some(48), "all positions");
}

#[test]
fn models_that_compute_otherwise() {
    let config = "config.json";
    field(config, "model_type", json!("mpnet"), &["model_type is \"mpnet\"", "only bert is run"]);
    field(config, "model_type", json!("llava"), &["of encoders only bert is run; take a sentence"]);
    field(
        config,
        "hidden_act",
        json!("gelu_new"),
        &["hidden_act is \"gelu_new\"", "\"gelu\" is run"],
    );
    field(config, "position_embedding_type", json!("relative_key"), &["only \"absolute\" is run"]);
    field(config, "is_decoder", json!(true), &["is_decoder is true, so the model is no encoder"]);
    field(config, "num_attention_heads", json!(8), &["num_attention_heads is 8, and 64 values"]);
    field(config, "num_hidden_layers", json!(0), &["num_hidden_layers is 0, not 1 to 1024"]);
    field(config, "layer_norm_eps", json!("x"), &["layer_norm_eps is not a number from 0 to 1"]);
    field(config, "vocab_size", json!(-1), &["vocab_size is -1, not a whole number"]);
    field(
        "1_Pooling/config.json",
        "pooling_mode_cls_token",
        json!(true),
        &["1_Pooling/config.json: pooling_mode is cls_token and mean_tokens, and only mean_tokens"],
    );
    field("sentence_bert_config.json", "max_seq_length", json!(2), &["max_seq_length is 2, not"]);
    let copy = Copy::new();
    copy.edit("modules.json", |json| json[2]["type"] = "sentence_transformers.models.Dense".into());
    copy.refused(&["modules.json", "has the step \"Dense\", which is not run"]);
    let copy = Copy::new();
    copy.edit("modules.json", |json| json[1]["path"] = "../1_Pooling".into());
    copy.refused(&["names the folder \"../1_Pooling\", outside the model's"]);
    let copy = Copy::new();
    copy.write("modules.json", b"[]");
    copy.refused(&["has no step Pooling"]);
    copy.write("modules.json", b"{}");
    copy.refused(&["modules.json: the file is not a JSON list"]);
}

#[test]
fn weights_that_contradict_the_configuration() {
    let shape = |name: &str, value: i64, part: &str| {
        field("config.json", name, json!(value), &["model.safetensors: tensor ", part]);
    };
    shape("hidden_size", 128, "embeddings.position_embeddings.weight has the shape [48, 64]");
    shape("intermediate_size", 64, "encoder.layer.0.intermediate.dense.bias has the shape [96]");
    shape("num_hidden_layers", 3, "encoder.layer.2.attention.self.query.bias is missing");
    shape("type_vocab_size", 1, "token_type_embeddings.weight has the shape [2, 64]");
}

#[test]
fn encoder_files_that_are_missing_or_damaged() {
    let copy = Copy::new();
    std::fs::remove_file(copy.source().join("model.safetensors")).expect("removed");
    copy.refused(&[
        "model.safetensors is missing; PyTorch and ONNX files of encoders are not read",
    ]);
    let copy = Copy::new();
    std::fs::remove_file(copy.source().join("tokenizer.json")).expect("removed");
    copy.refused(&["tokenizer.json is missing; copy tokenizer.json from the original"]);
    let copy = Copy::new();
    std::fs::remove_file(copy.source().join("1_Pooling/config.json")).expect("removed");
    copy.refused(&["1_Pooling/config.json is missing"]);
    let copy = Copy::new();
    let mut weights = std::fs::read(copy.source().join("model.safetensors")).expect("read");
    let half = weights.len() / 2;
    copy.write("model.safetensors", &weights[..half]);
    copy.refused(&["model.safetensors: is cut short: tensor", "copy or export the model again"]);
    // The exponents of the last values: the last tensor is one of the pooler, the one before is
    // read.
    let end = weights.len() - 64 * 64 * 4 - 64 * 4;
    weights[end - 4..end].copy_from_slice(&f32::NAN.to_le_bytes());
    copy.write("model.safetensors", &weights);
    copy.refused(&["has a value of NaN"]);
}

/// Without `config.json` the graph itself says what it is.
#[test]
fn an_encoder_in_onnx_form_is_named() {
    let copy = Copy::new();
    let named = |name: &str| ValueInfoProto::tensor(name, data_type::FLOAT, []);
    let mut graph = GraphProto { node: vec![NodeProto::default()], ..Default::default() };
    graph.input = ["input_ids", "attention_mask", "token_type_ids"].map(named).to_vec();
    graph.output = vec![named("last_hidden_state")];
    let model = ModelProto { graph: Some(graph), ..Default::default() };
    copy.write("model.onnx", &model.encode_to_vec());
    std::fs::remove_file(copy.source().join("config.json")).expect("removed");
    copy.refused(&["model.onnx: is a sentence encoder in ONNX form, which is not read; take a"]);
    std::fs::remove_file(copy.source().join("model.onnx")).expect("removed");
    copy.refused(&["genai_config.json is missing"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn damaged_encoders_never_panic(
        file in prop::sample::select(FILES.to_vec()),
        at in any::<prop::sample::Index>(), drop in 0usize..9,
        insert in "[0-9\\-\\.e\"{}\\[\\],:a-z]{0,6}",
    ) {
        let copy = Copy::new();
        let mut bytes = std::fs::read(copy.source().join(file)).expect("read");
        // Of the weights, the header.
        let at = at.index(bytes.len().min(4000));
        let end = (at + drop).min(bytes.len());
        bytes.splice(at..end, insert.bytes());
        copy.write(file, &bytes);
        if copy.import().is_ok() {
            prop_assert!(Pack::open(&copy.dest()).is_ok());
        }
    }
}
