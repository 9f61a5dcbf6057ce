//! A small pack with every kind of file.

use std::path::{Path, PathBuf};

use model_pack::{EncoderCard, ModelCard, PackError, PackWriter, Pooling, TensorKind, names};

/// The files of [`sample`].
pub(crate) const FILES: [&str; 7] = [
    names::MANIFEST,
    names::MANIFEST_CHECKSUM,
    names::GRAPH,
    names::WEIGHTS,
    names::TOKENIZER,
    names::CHAT_TEMPLATE,
    names::LICENCE,
];

/// A model card within all limits.
pub(crate) fn card() -> ModelCard {
    ModelCard {
        name: "sample".into(),
        notice: None,
        licence: "MIT".into(),
        source: "a test".into(),
        architecture: "llama".into(),
        context_length: 16,
        vocab_size: 8,
        hidden_size: 4,
        layers: 1,
        heads: 4,
        kv_heads: 2,
        head_dim: 1,
        bos_token_id: Some(1),
        eos_token_ids: vec![2],
        bos_token: None,
        eos_token: Some("</s>".into()),
        encoder: None,
    }
}

/// A matrix of 100 bytes: they need not mean anything here.
pub(crate) fn matrix() -> TensorKind {
    TensorKind::Matrix { rows: 2, columns: 64, bits: 4, block: 32, zero_points: false, scale: 0.5 }
}

/// Adds `matrix` (bytes 0 to 99) and `table` (2 by 2).
pub(crate) fn add_tensors(writer: &mut PackWriter) -> Result<(), PackError> {
    let bytes: Vec<u8> = (0..100).collect();
    writer.add_tensor("matrix", matrix(), |sink| {
        bytes.chunks(7).try_for_each(|piece| sink.put(piece))
    })?;
    writer.add_tensor("table", TensorKind::F32 { shape: vec![2, 2] }, |sink| {
        [0.0f32, 1.5, -2.0, 3.0].iter().try_for_each(|x| sink.put(&x.to_le_bytes()))
    })
}

/// The same of a sentence encoder.
pub(crate) fn encoder_card() -> ModelCard {
    let encoder = EncoderCard { width: 4, pooling: Pooling::Mean, max_tokens: 8, normalise: true };
    ModelCard { architecture: "bert".into(), encoder: Some(encoder), ..card() }
}

/// Writes the sample pack at `path`.
pub(crate) fn write_sample(path: &Path) {
    write_pack(path, card());
}

/// Writes a pack of this model at `path`.
pub(crate) fn write_pack(path: &Path, card: ModelCard) {
    let mut writer = PackWriter::create(path).expect("created");
    add_tensors(&mut writer).expect("written");
    writer.add_file(names::GRAPH, b"graph").expect("written");
    writer.add_file(names::TOKENIZER, b"{}").expect("written");
    writer.add_file(names::CHAT_TEMPLATE, b"{{ messages }}").expect("written");
    writer.add_file(names::LICENCE, b"free").expect("written");
    writer.finish(card).expect("finished");
}

/// The sample pack in a temporary folder.
pub(crate) fn sample() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("pack");
    write_sample(&path);
    (folder, path)
}
