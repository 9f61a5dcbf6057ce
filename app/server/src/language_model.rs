//! The engine as the core wants it: a [`LanguageModel`].

use std::ops::ControlFlow;
use std::path::PathBuf;

use answer::ports::{Ending, LanguageModel, ModelError, WritingLimits, Written};
use answer::prompt::Prompt;
use engine::{Cancel, Engine, EngineError, Message, Options, Request, Sampling, StopReason};
use model_pack::{Manifest, Pack};

use crate::memory;

/// Positions of one sequence that answering uses; the engine's own default.
const CONTEXT_LENGTH: usize = engine::limits::CONTEXT_DEFAULT;

/// Which model was chosen.
#[derive(Debug, Clone)]
pub(crate) enum Choice {
    /// The demonstration model inside the program.
    Embedded,
    /// A folder that `baraza model import` wrote.
    Folder(PathBuf),
}

impl Choice {
    pub(crate) fn new(model: Option<&PathBuf>) -> Self {
        model.map_or(Self::Embedded, |folder| Self::Folder(folder.clone()))
    }

    /// Opens and verifies the pack.
    ///
    /// # Errors
    /// What the pack lacks, in a sentence.
    pub(crate) fn open(&self) -> anyhow::Result<Pack> {
        Ok(match self {
            Self::Embedded => Pack::from_static(nano::FILES)?,
            Self::Folder(folder) => Pack::open(folder)?,
        })
    }
}

/// Identifies a model and its weights: the name for people, and a hash of the manifest, which has
/// the checksums of everything else.
pub(crate) fn id(manifest: &Manifest) -> String {
    let json = serde_json::to_vec(manifest).unwrap_or_default();
    format!("{}@{}", manifest.model.name, &blake3::hash(&json).to_hex()[..16])
}

/// A model ready to write.
#[derive(Debug)]
pub(crate) struct EngineModel {
    engine: Engine,
    id: String,
    cancel: Cancel,
}

impl EngineModel {
    /// Makes a verified pack ready to write. `cancel` interrupts it for good.
    ///
    /// # Errors
    /// If it does not fit into memory, or the engine does not run it.
    pub(crate) fn new(pack: Pack, cancel: Cancel) -> anyhow::Result<Self> {
        memory::check(pack.manifest(), CONTEXT_LENGTH)?;
        let id = id(pack.manifest());
        let engine = Engine::open(pack, &Options::default())?;
        Ok(Self { engine, id, cancel })
    }

    /// The matrix kernel in use.
    pub(crate) fn kernel(&self) -> &'static str {
        self.engine.kernel()
    }

    fn generate(
        &mut self,
        messages: Vec<Message>,
        limits: &WritingLimits,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Written, EngineError> {
        let request = Request {
            prompt: engine::Prompt::Chat(messages),
            // Greedy: the same question gets the same answer, which can then be checked.
            sampling: Sampling::default(),
            max_new_tokens: limits.new_tokens_max,
            time_budget: Some(limits.time_max),
            stop: Vec::new(),
            reusable: Vec::new(),
        };
        let generation = self.engine.generate(&request, &self.cancel, on_text)?;
        let ending = match generation.stop {
            StopReason::EndOfText | StopReason::StopString => Ending::Complete,
            StopReason::Cancelled => Ending::Interrupted,
            _ => Ending::CutOff,
        };
        Ok(Written { text: generation.text, ending })
    }
}

impl LanguageModel for EngineModel {
    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.engine.manifest().model.name
    }

    fn notice(&self) -> Option<&str> {
        self.engine.manifest().model.notice.as_deref()
    }

    fn write(
        &mut self,
        prompt: &Prompt,
        limits: &WritingLimits,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Written, ModelError> {
        let message = |role: &str, content: &str| Message {
            role: role.to_owned(),
            content: content.to_owned(),
        };
        let turns = vec![message("system", &prompt.system), message("user", &prompt.user)];
        let written = match self.generate(turns, limits, on_text) {
            // Some models' templates refuse a system turn; nothing has been written by then.
            Err(EngineError::Template(_)) => {
                let both = format!("{}\n\n{}", prompt.system, prompt.user);
                self.generate(vec![message("user", &both)], limits, on_text)
            }
            other => other,
        };
        written.map_err(|error| ModelError(error.to_string()))
    }
}
