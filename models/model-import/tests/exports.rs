//! Imports the exports in `tests/fixtures/onnx`, as onnxruntime-genai wrote them.

use std::path::{Path, PathBuf};

use model_import::{ImportReport, import};
use model_pack::{Pack, TensorKind};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/onnx").join(name).join("model")
}

fn imported(name: &str) -> (tempfile::TempDir, Pack, ImportReport) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let dest = folder.path().join("pack");
    let report =
        import(&fixture(name), &dest, &mut |_| {}).unwrap_or_else(|e| panic!("{name}: {e}"));
    let pack = Pack::open(&dest).unwrap_or_else(|e| panic!("{name}: {e}"));
    (folder, pack, report)
}

/// (bits, block, zero points) of each matrix.
fn kinds(pack: &Pack) -> Vec<(u32, u32, bool)> {
    let tensors = &pack.manifest().tensors;
    let kind = |kind: &TensorKind| match kind {
        TensorKind::Matrix { bits, block, zero_points, .. } => Some((*bits, *block, *zero_points)),
        _ => None,
    };
    tensors.iter().filter_map(|tensor| kind(&tensor.kind)).collect()
}

#[test]
fn llama_keeps_a_float_embedding() {
    let (_folder, pack, report) = imported("llama");
    let card = &pack.manifest().model;
    assert_eq!((card.layers, card.heads, card.kv_heads, card.head_dim), (2, 4, 2, 16));
    assert_eq!((card.vocab_size, card.hidden_size, card.context_length), (256, 64, 256));
    assert_eq!((card.bos_token_id, card.eos_token_ids.as_slice()), (Some(1), &[2][..]));
    assert_eq!((card.bos_token.as_deref(), card.eos_token.as_deref()), (Some("<s>"), Some("</s>")));
    assert!(pack.tokenizer().is_some());
    let names: Vec<&str> = pack.manifest().tensors.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names.first(), Some(&"model.embed_tokens.weight"));
    assert!(names.contains(&"cos_cache") && names.contains(&"sin_cache"));
    assert_eq!(report.shared_matrices, 0);
    assert!(kinds(&pack).iter().all(|kind| *kind == (4, 32, false)));
}

#[test]
fn a_tied_embedding_is_stored_once() {
    for name in ["llama3_rope_tied", "qwen2_bias", "qwen3_mixed"] {
        let (_folder, pack, report) = imported(name);
        assert_eq!(report.shared_matrices, 1, "{name}");
        let first = &pack.manifest().tensors[0].name;
        assert!(first.starts_with("lm_head"), "{name}: {first}");
    }
}

#[test]
fn zero_points_blocks_and_widths_come_through() {
    let all = |name: &str| kinds(&imported(name).1);
    assert!(all("mistral_window").iter().all(|kind| *kind == (4, 16, true)));
    assert!(all("qwen2_bias").iter().all(|kind| *kind == (4, 64, false)));
    let mixed = all("qwen3_mixed");
    assert!(mixed.contains(&(8, 32, true)) && mixed.contains(&(4, 32, true)), "{mixed:?}");
    // The embedding is int4 in ONNX's own type, the rest packed bytes.
    let granite = all("granite");
    assert!(granite.contains(&(4, 128, false)), "{granite:?}");
}
