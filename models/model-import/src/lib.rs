//! From a model as it is published to a pack that the box runs.
//!
//! [`import`] reads a folder as `onnxruntime_genai.models.builder -p int4 -e cpu` writes it
//! (`model.onnx`, `model.onnx.data`, `genai_config.json`, `tokenizer.json`, `tokenizer_config.json` or
//! `chat_template.jinja`, and optionally `LICENSE` and our own `baraza.json` with `name`, `notice` and
//! `licence`) and writes a pack ([`model_pack`]). The graph is rewritten to the dialect of
//! [`model_pack::dialect`]; what the engine would not run is refused here, by name, with what would
//! work instead.
//!
//! Weights stay in the mapped source until they are written: a quantised matrix passes through one
//! panel of 16 rows at a time, and is never dequantised. Quants and zero points are kept exactly;
//! block scales are rounded from f32 to f16 after division by a power of two common to the
//! matrix, a relative change of at most 2^-11.
//!
//! A folder without `genai_config.json` whose `config.json` describes a BERT is a sentence encoder
//! as Hugging Face publishes it (`model.safetensors`, `tokenizer.json`, and where it comes from
//! sentence-transformers `modules.json`, `1_Pooling/config.json` and `sentence_bert_config.json`).
//! Its graph is written here; its matrices are rounded to 8 bits in blocks of 32, one panel of 16
//! rows at a time, read row by row from the file.
//!
//! # Why not `protoc`-generated messages?
//!
//! The importer needs a dozen messages of `onnx.proto3`. Written by hand they need no generated
//! file and no build script, `bytes` fields can share the mapped file, and a field that is not
//! listed is a field that is not trusted.

#![forbid(unsafe_code)]

mod card;
mod encoder;
mod error;
mod graph;
pub mod limits;
mod matrix;
mod onnx;
mod rewrite;
mod safetensors;
mod source;
#[cfg(test)]
mod tests;

use std::path::Path;

use model_pack::{Manifest, ModelCard, PackError, PackWriter, names};
use prost::Message;

pub use error::ImportError;
use rewrite::{Rewritten, Weight, WeightData};
use source::Source;

/// Names under which a licence text is looked for.
const LICENCES: [&str; 4] = ["LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE.txt"];

/// How far an import has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The tensor that is being written.
    pub tensor: &'a str,
    /// Tensors written before it.
    pub done: usize,
    /// Tensors in all.
    pub total: usize,
}

/// What may be left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImportOptions {
    /// Accept a source without `tokenizer.json`: for conformance tests, whose models have random
    /// weights and no words. Default: false.
    pub allow_missing_tokenizer: bool,
}

/// What an import made.
#[derive(Debug, Clone)]
pub struct ImportReport {
    /// The manifest of the new pack.
    pub manifest: Manifest,
    /// Matrices that two nodes share and that are stored once.
    pub shared_matrices: usize,
    /// Sentences for a person: what works, but not as one might expect.
    pub warnings: Vec<String>,
}

/// Imports the model in folder `src` as a new pack at `dest`.
///
/// # Errors
///
/// When a file is missing, unreadable, cut short or contradicts another; when the graph has an
/// operator, a quantisation or a shape that the engine does not run; when `dest` is taken or the
/// disk is full. `dest` is then not created.
pub fn import(
    src: &Path,
    dest: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<ImportReport, ImportError> {
    import_with(src, dest, ImportOptions::default(), progress)
}

/// As [`import`], with options.
///
/// # Errors
///
/// As [`import`].
pub fn import_with(
    src: &Path,
    dest: &Path,
    options: ImportOptions,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<ImportReport, ImportError> {
    check_source(src)?;
    if encoder::recognised(src)? {
        return encoder::import(src, dest, progress);
    }
    let config = card::read(src)?;
    let tokenizer = read_tokenizer(src, options)?;
    let mut source = Source::new(src, &config.names.model_file);
    let graph = graph::Graph::new(source.model()?, &source.model_path)?;
    let producer = graph.producer.clone();
    let rewritten = rewrite::rewrite(graph, &mut source, &config.names, config.heads)?;

    let mut warnings = Vec::new();
    let mut card = config.card;
    card.source = format!("ONNX export by {producer}, architecture {}", card.architecture);
    settle(&mut card, &rewritten, &src.join(card::GENAI).display().to_string(), &mut warnings)?;
    if config.chat_template.is_none() && tokenizer.is_some() {
        warnings.push("the model has no chat template: questions reach it as plain text".into());
    }

    let mut writer = PackWriter::create(dest)?;
    write_weights(&mut writer, &rewritten.weights, progress)?;
    writer.add_file(names::GRAPH, &rewritten.model.encode_to_vec())?;
    if let Some(tokenizer) = tokenizer {
        writer.add_file(names::TOKENIZER, &tokenizer)?;
    }
    if let Some(template) = config.chat_template {
        writer.add_file(names::CHAT_TEMPLATE, template.as_bytes())?;
    }
    add_licence(src, &mut writer)?;
    let manifest = writer.finish(card)?;
    Ok(ImportReport { manifest, shared_matrices: rewritten.shared, warnings })
}

fn add_licence(src: &Path, writer: &mut PackWriter) -> Result<(), ImportError> {
    for name in LICENCES {
        if let Some(text) = source::read_optional(&src.join(name), limits::CONFIG_BYTES_MAX)? {
            return Ok(writer.add_file(names::LICENCE, &text)?);
        }
    }
    Ok(())
}

fn check_source(src: &Path) -> Result<(), ImportError> {
    let refuse =
        |reason: &str| Err(ImportError::Source { path: src.to_owned(), reason: reason.to_owned() });
    match std::fs::metadata(src) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => refuse("it does not exist"),
        Err(source) => Err(ImportError::Read { file: src.display().to_string(), source }),
        Ok(meta) if meta.is_dir() => Ok(()),
        Ok(_) if src.extension().is_some_and(|e| e.eq_ignore_ascii_case("gguf")) => {
            refuse("GGUF files are not read yet")
        }
        Ok(_) if src.extension().is_some_and(|e| e.eq_ignore_ascii_case("onnx")) => {
            refuse("it is a file, and the model needs the files around it")
        }
        Ok(_) => refuse("it is not a folder"),
    }
}

fn read_tokenizer(src: &Path, options: ImportOptions) -> Result<Option<Vec<u8>>, ImportError> {
    let path = src.join(names::TOKENIZER);
    let file = path.display().to_string();
    let Some(bytes) = source::read_optional(&path, model_pack::limits::TEXT_BYTES_MAX)? else {
        if options.allow_missing_tokenizer {
            return Ok(None);
        }
        return Err(ImportError::Missing {
            file,
            next: "copy tokenizer.json from the original model's folder next to the model's file"
                .into(),
        });
    };
    let refuse = |reason: String| ImportError::Config {
        file,
        field: "the file".into(),
        reason,
        next: "copy tokenizer.json from the original model's folder again".into(),
    };
    match serde_json::from_slice::<serde_json::Value>(&bytes) {
        Err(e) => Err(refuse(format!("is not valid JSON ({e})"))),
        Ok(value) if value.get("model").is_none() => {
            Err(refuse("is not a Hugging Face tokenizer: it has no field model".into()))
        }
        Ok(_) => Ok(Some(bytes)),
    }
}

/// Brings configuration and graph together; the graph is what will run.
fn settle(
    card: &mut ModelCard,
    rewritten: &Rewritten,
    config: &str,
    warnings: &mut Vec<String>,
) -> Result<(), ImportError> {
    let disagree = |field: &str, stated: u64, found: u64| {
        Err(ImportError::Config {
            file: config.to_owned(),
            field: field.to_owned(),
            reason: format!("is {stated}, but the graph has {found}"),
            next: "use the genai_config.json that was written together with this model".into(),
        })
    };
    if card.layers != rewritten.layers {
        let (stated, found) = (card.layers.into(), rewritten.layers.into());
        return disagree("model.decoder.num_hidden_layers", stated, found);
    }
    if u64::from(card.vocab_size) != rewritten.vocabulary {
        return disagree("model.vocab_size", card.vocab_size.into(), rewritten.vocabulary);
    }
    match rewritten.embedding_width {
        Some(width) if width != u64::from(card.hidden_size) => {
            return disagree("model.decoder.hidden_size", card.hidden_size.into(), width);
        }
        _ => {}
    }
    if let Some(positions) = rewritten.positions.and_then(|p| u32::try_from(p).ok())
        && positions < card.context_length
    {
        warnings.push(format!(
            "the model states a context of {} tokens but its rotary cache ends at {positions}, \
             which is what the pack says",
            card.context_length
        ));
        card.context_length = positions;
    }
    Ok(())
}

fn write_weights(
    writer: &mut PackWriter,
    weights: &[Weight],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), ImportError> {
    for (done, weight) in weights.iter().enumerate() {
        progress(Progress { tensor: &weight.name, done, total: weights.len() });
        match &weight.data {
            WeightData::Matrix(matrix) => {
                writer.add_tensor(&weight.name, matrix.kind(), |sink| matrix.write(sink))?;
            }
            WeightData::Table { bytes, kind } => {
                writer.add_tensor(&weight.name, kind.clone(), |sink| {
                    bytes.chunks(limits::COPY_BYTES).try_for_each(|piece| sink.put(piece))
                })?;
            }
        }
    }
    Ok::<(), PackError>(()).map_err(ImportError::from)
}
