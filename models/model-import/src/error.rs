use std::io;
use std::path::PathBuf;

use model_pack::PackError;

/// What a person can always do when a model cannot be run.
pub(crate) const EXPORT: &str = "export a Llama, Mistral, Qwen 2, Qwen 3 or Granite model with \
    `python -m onnxruntime_genai.models.builder -p int4 -e cpu`";

/// What a person can always do when an encoder cannot be run.
pub(crate) const ENCODERS: &str = "take a sentence encoder of BERT's kind with mean pooling, such as \
    all-MiniLM-L6-v2, as a folder with config.json, model.safetensors and tokenizer.json";

/// What to do when the files of a model are not whole.
pub(crate) const FETCH: &str = "copy or export the model again";

/// Why a model was not imported. Each message names the file, and the node or field, says what
/// is wrong and what to do next. Nothing is left at the destination.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The source is not a folder with a model in it.
    #[error(
        "{} cannot be imported: {reason}; give a folder as onnxruntime-genai writes it, with \
         model.onnx, genai_config.json and tokenizer.json, or one of a sentence encoder, with \
         config.json, model.safetensors and tokenizer.json",
        path.display()
    )]
    Source {
        /// The path as given.
        path: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// A file of the model is missing.
    #[error("{file} is missing; {next}")]
    Missing {
        /// Path of the file.
        file: String,
        /// What to do.
        next: String,
    },
    /// The operating system refused to read a file.
    #[error("{file} cannot be read: {source}; check the disk and the file's permissions")]
    Read {
        /// Path of the file.
        file: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A configuration file lacks a field or has an impossible value.
    #[error("{file}: {field} {reason}; {next}")]
    Config {
        /// Path of the file.
        file: String,
        /// The field, as a path such as `model.decoder.head_size`.
        field: String,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        next: String,
    },
    /// The model file is not an ONNX model, or the graph as a whole cannot be run.
    #[error("{file}: {reason}; {next}")]
    Graph {
        /// Path of the file.
        file: String,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        next: String,
    },
    /// The data of a tensor is missing, cut short or of another size than its shape says.
    #[error("{file}: tensor {tensor} {reason}; {next}")]
    Tensor {
        /// Path of the file that has, or should have, the data.
        file: String,
        /// Name of the tensor.
        tensor: String,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        next: String,
    },
    /// A node asks for something that the engine does not run.
    #[error("{file}: node {node} ({operator}): {reason}; {next}")]
    Node {
        /// Path of the model file.
        file: String,
        /// Name of the node.
        node: String,
        /// Its operator, with the domain unless that is ONNX's own.
        operator: String,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        next: String,
    },
    /// The pack could not be written.
    #[error(transparent)]
    Pack(#[from] PackError),
}
