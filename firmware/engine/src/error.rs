//! What can go wrong, in sentences for the person in charge of the box.

use tract_onnx::prelude::TractError;

/// Why a model could not be opened or run.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The graph cannot be run by this version.
    #[error(
        "graph.onnx of the pack cannot be run: {reason}; import the model again with this version of baraza"
    )]
    Graph {
        /// Which node and what about it.
        reason: String,
    },
    /// A node names a weight that the pack has not, or one of another shape.
    #[error("node `{node}` of graph.onnx: weight `{weight}` {reason}; import the model again")]
    Weight {
        /// The node's name.
        node: String,
        /// The tensor's name.
        weight: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A sentence encoder was opened to write.
    #[error(
        "{name} is a sentence encoder: it finds passages and cannot write; give the pack of a language \
         model"
    )]
    CannotWrite {
        /// The model's name.
        name: String,
    },
    /// A language model was opened as a sentence encoder.
    #[error(
        "{name} is a language model and no sentence encoder; give the pack of an encoder such as \
         all-MiniLM-L6-v2"
    )]
    CannotEncode {
        /// The model's name.
        name: String,
    },
    /// The pack has no tokenizer, or one that cannot be read.
    #[error(
        "tokenizer.json of the pack: {0}; import the model again from a folder that has its tokenizer.json"
    )]
    Tokenizer(String),
    /// The chat template cannot be rendered.
    #[error(
        "chat template of the pack: {0}; give a prompt without a template (--raw) or import the model with another chat_template.jinja"
    )]
    Template(String),
    /// The prompt leaves no room in the context.
    #[error("the prompt has {prompt} tokens, and the context holds {context}: shorten it")]
    PromptTooLong {
        /// Tokens of the prompt.
        prompt: usize,
        /// Tokens that fit, one of them for the answer.
        context: usize,
    },
    /// The prompt is empty.
    #[error("the prompt is empty")]
    PromptEmpty,
    /// A request asks for something outside its range.
    #[error("{field} is {value}: {expected}")]
    Request {
        /// Which one.
        field: &'static str,
        /// What was given.
        value: String,
        /// What would work.
        expected: &'static str,
    },
    /// The forced kernel does not exist here.
    #[error(transparent)]
    Kernel(#[from] int4_kernels::UnknownIsa),
    /// An operator failed while running.
    #[error("the model stopped: {0}")]
    Run(String),
}

impl EngineError {
    /// tract's chain of causes in one line, innermost last.
    pub(crate) fn graph(error: &TractError) -> EngineError {
        EngineError::Graph { reason: chain(error) }
    }

    pub(crate) fn run(error: &TractError) -> EngineError {
        EngineError::Run(chain(error))
    }
}

fn chain(error: &TractError) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown").to_owned()
}
