//! Imports that are refused, and the sentence a person reads.

use proptest::prelude::*;
use prost::Message;

use super::sample::{Export, HIDDEN, VOCABULARY, import_folder, node};
use crate::onnx::*;

/// Spoils a sound export, imports it, and checks that the sentence has all of `parts` and that
/// nothing is left at the destination.
fn refused(spoil: impl FnOnce(&mut Export), parts: &[&str]) {
    let mut export = Export::new();
    spoil(&mut export);
    let text = export.import().expect_err("refused").to_string();
    for part in parts {
        assert!(text.contains(part), "{text:?} lacks {part:?}");
    }
    let left = export.dest().exists() || export.dest().with_extension("partial").exists();
    assert!(!left, "something is left: {text}");
}

/// Puts an operator of this name between the hidden states and the logits.
fn foreign(export: &mut Export, op_type: &str) {
    export.insert(node(op_type, "", &["hidden"], &["strange"]), "logits", 0);
}

#[test]
fn files_that_are_missing_or_damaged() {
    refused(|e| drop(e.files.remove(0)), &["tokenizer.json is missing; copy tokenizer.json from"]);
    refused(|e| e.files[0].1.truncate(5), &["tokenizer.json: the file is not valid JSON"]);
    refused(|e| e.files[0].1 = b"{}".to_vec(), &["not a Hugging Face tokenizer"]);
    refused(|e| e.files[1].1 = b"[]".to_vec(), &["tokenizer_config.json", "not a JSON object"]);
    refused(|e| e.files[1].1 = b"{\"eos_token\": 7}".to_vec(), &["eos_token is 7, not a text"]);
    refused(
        |e| e.files.push(("baraza.json", b"{\"nmae\": \"x\"}".to_vec())),
        &["baraza.json: nmae is not a known field; use only name, notice and licence"],
    );
    refused(
        |e| e.data.truncate(1000),
        &["model.onnx.data: tensor ", "cut short; copy or export the model again"],
    );
    let export = Export::new();
    let folder = export.write();
    let say = || import_folder(&folder, &export.dest()).expect_err("refused").to_string();
    std::fs::remove_file(folder.join("model.onnx.data")).expect("removed");
    assert!(say().contains("model.onnx.data is missing; copy or export the model again"));
    std::fs::write(folder.join("model.onnx"), "this is not a model").expect("written");
    assert!(say().contains("model.onnx: is damaged or not an ONNX model"), "{}", say());
    std::fs::write(folder.join("model.onnx"), "").expect("written");
    assert!(say().contains("model.onnx: is not an ONNX model: it has no graph"), "{}", say());
    std::fs::remove_file(folder.join("model.onnx")).expect("removed");
    assert!(say().contains("model.onnx is missing"));
    std::fs::remove_file(folder.join("genai_config.json")).expect("removed");
    assert!(say().contains("genai_config.json is missing; give the whole folder"));
}

#[test]
fn sources_and_destinations_that_are_not() {
    let export = Export::new();
    let folder = export.write();
    let say = |path: &std::path::Path| {
        import_folder(path, &export.dest()).expect_err("refused").to_string()
    };
    assert!(say(&folder.join("nowhere")).contains("it does not exist; give a folder"));
    assert!(say(&folder.join("model.onnx")).contains("the model needs the files around it"));
    assert!(say(&folder.join("tokenizer.json")).contains("it is not a folder"));
    std::fs::write(folder.join("model.gguf"), "GGUF").expect("written");
    assert!(say(&folder.join("model.gguf")).contains("GGUF files are not read yet"));
    std::fs::create_dir(export.dest()).expect("made");
    std::fs::write(export.dest().join("mine"), "x").expect("written");
    assert!(say(&folder).contains("exists and is not empty; choose another destination"));
}

#[test]
fn configurations_that_contradict_the_graph() {
    let decoder = |key: &'static str, value: i64| {
        move |e: &mut Export| e.genai["model"]["decoder"][key] = value.into()
    };
    refused(decoder("num_hidden_layers", 2), &["num_hidden_layers is 2, but the graph has 1"]);
    refused(decoder("hidden_size", 31), &["hidden_size is 31, but the graph has 32"]);
    refused(decoder("num_attention_heads", 4), &["num_heads is 2, genai_config.json says 4"]);
    refused(decoder("head_size", -1), &["model.decoder.head_size is -1, not a whole number"]);
    refused(|e| e.genai["model"]["vocab_size"] = 50.into(), &["vocab_size is 50", "has 48"]);
    refused(
        |e| drop(e.genai["model"].as_object_mut().and_then(|m| m.remove("context_length"))),
        &["genai_config.json: model.context_length is missing"],
    );
    refused(|e| e.genai["model"]["eos_token_id"] = 48.into(), &["eos_token_ids"]);
    refused(
        |e| e.genai["model"]["decoder"]["filename"] = "../x.onnx".into(),
        &["not the name of a file in the folder"],
    );
}

#[test]
fn quantisations_that_are_not_run() {
    let set = |value: &'static str, name: &'static str, i: i64| {
        move |e: &mut Export| e.set(value, name, i)
    };
    refused(set("packed", "bits", 2), &["node /packed (com.microsoft::MatMulNBits)", "2-bit"]);
    refused(set("packed", "block_size", 48), &["block size of 48", "block_size=32"]);
    refused(set("packed", "made_up", 3), &["its attribute made_up is not understood"]);
    refused(set("packed", "N", 63), &["its matrix qkv_Q has 1024 bytes of quants", "63 rows (N)"]);
    refused(set("packed", "K", -5), &["its matrix is 64 by -5"]);
    refused(set("packed", "K", i64::MAX), &["its matrix qkv_Q", "9223372036854775807"]);
    refused(set("mixed", "bits", 4), &["its matrix o_Q has 1024 bytes of quants"]);
    refused(set("embedded", "gather_axis", 1), &["it gathers along axis 1"]);
    refused(
        |e| e.node("packed").input.extend([String::new(), "norm".into()]),
        &["reorders columns (g_idx)"],
    );
    refused(|e| e.float_zeros(7.5), &["its matrix o_Q has the float zero point 7.5"]);
    refused(
        |e| {
            let at = 48 * 16;
            e.data[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        },
        &["its matrix head_Q has a block scale of NaN"],
    );
    refused(|e| e.tensor("qkv_Q").data_type = data_type::INT8, &["its quants are int8"]);
    refused(|e| e.tensor("qkv_S").dims = vec![3], &["tensor qkv_S", "its shape needs 12"]);
    refused(
        |e| e.node("embedded").input.truncate(2),
        &["its input scales is missing; export again with another algo_config"],
    );
    refused(
        |e| e.node("packed").input[1] = "normed".into(),
        &["node /packed", "its input B is not a constant"],
    );
    let mut export = Export::new();
    export.float_zeros(128.0);
    export.import().expect("whole numbers are fine");
}

#[test]
fn shapes_that_do_not_fit_together() {
    refused(
        |e| e.node("mixed").input[0] = "packed".into(),
        &["node /mixed (com.microsoft::MatMulNBits): its input packed is 64 wide where 32 fits"],
    );
    refused(
        |e| e.node("attended").input[0] = "normed".into(),
        &["node /attended", "its input normed is 32 wide where 64 fits"],
    );
    refused(
        |e| {
            e.external("short", &[31], data_type::FLOAT, &[0; 124]);
            e.node("normed").input[1] = "short".into();
        },
        &["node /normed", "its input short is 31 wide where 32 fits"],
    );
    refused(
        |e| e.insert(node("Add", "", &["hidden", "packed"], &["sum"]), "logits", 0),
        &["node /sum (Add): its inputs are 32 and 64 wide"],
    );
    refused(
        |e| {
            e.inline("sizes", &[16, 17]);
            let mut split = node("Split", "", &["hidden", "sizes"], &["left", "right"]);
            split.attribute.push(AttributeProto::int("axis", -1));
            e.insert(split, "logits", 0);
        },
        &["node /left (Split): it splits 32 into [16, 17]"],
    );
}

#[test]
fn operators_that_are_not_run() {
    refused(
        |e| foreign(e, "MadeUp"),
        &["model.onnx: node /strange (MadeUp): this operator is not run; export a Llama"],
    );
    refused(|e| foreign(e, "Softmax"), &["only as the operator GroupQueryAttention"]);
    refused(|e| foreign(e, "DequantizeLinear"), &["without use_qdq"]);
    refused(|e| foreign(e, "QMoE"), &["mixtures of experts", "dense model"]);
    refused(|e| foreign(e, "If"), &["control flow is not run"]);
    refused(|e| foreign(e, "Conv"), &["recurrent and convolutional"]);
    refused(|e| foreign(e, "ReduceMean"), &["mixes tokens"]);
    refused(
        |e| {
            let large = vec![0; 4 * 513 * 512];
            e.external("dense", &[513, 512], data_type::FLOAT, &large);
            e.insert(node("MatMul", "", &["hidden", "dense"], &["strange"]), "logits", 0);
        },
        &["node /strange (MatMul): its constant dense has 1050624 bytes of float32", "exclude no"],
    );
    refused(
        |e| e.insert(node("MatMul", "", &["hidden", "hidden"], &["strange"]), "logits", 0),
        &["attention is run only as"],
    );
    refused(
        |e| e.insert(node("Mul", "", &["hidden", "seqlens"], &["strange"]), "logits", 0),
        &["reads the input attention_mask, which is only understood"],
    );
    refused(
        |e| e.insert(node("Mul", "", &["hidden", "nowhere"], &["strange"]), "logits", 0),
        &["reads nowhere, which no earlier node makes"],
    );
}

#[test]
fn attention_that_is_not_run() {
    let input = |index: usize| {
        move |e: &mut Export| {
            let node = e.node("attended");
            node.input.resize(12.max(node.input.len()), String::new());
            node.input[index] = "norm".into();
        }
    };
    refused(input(9), &["node /attended", "it has the input position_ids"]);
    refused(input(10), &["it has the input attention_bias"]);
    refused(input(11), &["it has the input head_sink"]);
    refused(|e| e.set("attended", "smooth_softmax", 1), &["smooth_softmax is not run"]);
    refused(|e| e.set("attended", "kv_cache_bit_width", 8), &["kv_cache_bit_width is not"]);
    refused(|e| e.node("attended").input[1] = "packed".into(), &["lacks one of query, key"]);
    refused(
        |e| e.node("attended").input[7] = "packed".into(),
        &["its cos_cache is not a constant", "shorter context"],
    );
    refused(|e| e.tensor("sin").dims = vec![32, 16], &["its sin_cache has the shape [32, 16]"]);
    refused(
        |e| e.insert(node("Mul", "", &["hidden", "present.key"], &["strange"]), "logits", 0),
        &["another node reads its output present.key"],
    );
}

#[test]
fn models_that_are_something_else() {
    refused(|e| e.model.functions = vec![vec![0].into()], &["functions of its own"]);
    refused(|e| e.graph().sparse_initializer = vec![vec![0].into()], &["sparse tensors"]);
    refused(|e| e.model.opset_import[0].version = 9, &["operator set 9, and 13 to 24 are run"]);
    refused(|e| e.model.opset_import.clear(), &["does not say which ONNX operator set"]);
    refused(|e| e.graph().node.clear(), &["its graph has no nodes"]);
    refused(|e| e.graph().input[0].name = "pixels".into(), &["has no input input_ids"]);
    refused(|e| e.graph().output[0].name = "score".into(), &["has no output logits"]);
    refused(|e| e.graph().input[1].name = "places".into(), &["named places, which is reserved"]);
    refused(
        |e| e.graph().output[0] = ValueInfoProto::tensor("logits", data_type::FLOAT16, []),
        &["computes in float16, not in float32", "made for CPU"],
    );
    refused(
        |e| {
            let copy = e.node("packed").clone();
            e.graph().node.push(copy);
        },
        &["has two nodes that make packed"],
    );
    refused(|e| e.graph().node.reverse(), &["which no earlier node makes"]);
    refused(|e| e.node("logits").op_type = "Softplus".into(), &["the matrix that makes logits"]);
    assert_eq!(VOCABULARY % 16, 0, "the sample's panels are whole");
    assert_eq!(HIDDEN % 32, 0, "the sample's blocks are whole");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn damaged_model_files_never_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let export = Export::new();
        let folder = export.write();
        let mut bytes = export.model.encode_to_vec();
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        std::fs::write(folder.join("model.onnx"), bytes).expect("written");
        if import_folder(&folder, &export.dest()).is_ok() {
            prop_assert!(model_pack::Pack::open(&export.dest()).is_ok());
        }
    }

    #[test]
    fn damaged_configurations_never_panic(
        at in any::<prop::sample::Index>(), drop in 0usize..9,
        insert in "[0-9\\-\\.e\"{}\\[\\],:a-z]{0,6}",
    ) {
        let export = Export::new();
        let folder = export.write();
        let mut bytes = export.genai.to_string().into_bytes();
        let at = at.index(bytes.len());
        let end = (at + drop).min(bytes.len());
        bytes.splice(at..end, insert.bytes());
        std::fs::write(folder.join("genai_config.json"), bytes).expect("written");
        let _ = import_folder(&folder, &export.dest());
    }
}
