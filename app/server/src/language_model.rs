//! The engine as the core wants it: a [`LanguageModel`] that many may use at once.

use std::ops::ControlFlow;
use std::path::PathBuf;

use answer::ports::{Ending, LanguageModel, ModelError, WritingLimits, Written};
use answer::prompt::Prompt;
use engine::{
    Cancel, Engine, EngineError, Message, Options, PrefixOptions, Request, Sampling, StopReason,
};
use model_pack::{Manifest, Pack};

use crate::engine_thread::{EngineHandle, Reply};
use crate::limits::KV_FOLDER;
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

/// What the box lets a model use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Means {
    /// Bytes of memory for all of it, as the person in charge said; `None` leaves it to what is free.
    pub(crate) memory: Option<u64>,
    /// The data folder, where the KV caches of prompts are kept; `None` keeps none.
    pub(crate) data: Option<PathBuf>,
}

impl Means {
    fn options(&self, manifest: &Manifest) -> anyhow::Result<Options> {
        let room = memory::room(manifest, CONTEXT_LENGTH, self.memory)?;
        let mut options = Options::default();
        options.kv_bytes = Some(room.kv_bytes);
        options.prefixes = PrefixOptions {
            memory_bytes: room.prefix_bytes,
            folder: self.data.as_ref().map(|data| data.join(KV_FOLDER)),
            folder_bytes: self.data.as_ref().map_or(0, |data| memory::disk_for_prompts(data)),
        };
        Ok(options)
    }
}

/// A model ready to write, shared by all who have a clone.
#[derive(Debug, Clone)]
pub(crate) struct EngineModel {
    engine: EngineHandle,
    id: String,
    name: String,
    notice: Option<String>,
    kernel: &'static str,
    cancel: Cancel,
}

impl EngineModel {
    /// Makes a verified pack ready to write. `cancel` interrupts it for good.
    ///
    /// # Errors
    /// If it does not fit into memory, or the engine does not run it.
    pub(crate) fn new(pack: Pack, means: &Means, cancel: Cancel) -> anyhow::Result<Self> {
        let options = means.options(pack.manifest())?;
        let engine = Engine::open(pack, &options)?;
        let manifest = engine.manifest();
        Ok(Self {
            id: id(manifest),
            name: manifest.model.name.clone(),
            notice: manifest.model.notice.clone(),
            kernel: engine.kernel(),
            engine: EngineHandle::start(engine)?,
            cancel,
        })
    }

    /// The matrix kernel in use.
    pub(crate) fn kernel(&self) -> &'static str {
        self.kernel
    }

    /// False after a fault; another has to be opened then.
    pub(crate) fn is_alive(&self) -> bool {
        self.engine.is_alive()
    }

    fn generate(
        &self,
        messages: Vec<Message>,
        reusable: Vec<String>,
        limits: &WritingLimits,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Written, EngineError> {
        let request = request(messages, reusable, limits);
        let replies = self.engine.send(request, self.cancel.clone());
        let mut so_far = String::new();
        loop {
            match replies.recv() {
                Ok(Reply::Text(piece)) => {
                    so_far.push_str(&piece);
                    if on_text(&piece).is_break() {
                        // Whoever broke off hears no more; dropping the channel ends the text.
                        return Ok(Written { text: so_far, ending: Ending::Interrupted });
                    }
                }
                Ok(Reply::Ended(generation)) => {
                    let generation = generation?;
                    let ending = match generation.stop {
                        StopReason::EndOfText | StopReason::StopString => Ending::Complete,
                        StopReason::Cancelled => Ending::Interrupted,
                        _ => Ending::CutOff,
                    };
                    return Ok(Written { text: generation.text, ending });
                }
                Err(_) => panic!("the engine's thread had a fault"),
            }
        }
    }
}

fn request(messages: Vec<Message>, reusable: Vec<String>, limits: &WritingLimits) -> Request {
    Request {
        prompt: engine::Prompt::Chat(messages),
        // Greedy: the same question gets the same answer, which can then be checked.
        sampling: Sampling::default(),
        max_new_tokens: limits.new_tokens_max,
        time_budget: Some(limits.time_max),
        stop: Vec::new(),
        reusable,
    }
}

fn turns(prompt: &Prompt) -> Vec<Message> {
    let message =
        |role: &str, content: &str| Message { role: role.to_owned(), content: content.to_owned() };
    vec![message("system", &prompt.system), message("user", &prompt.user)]
}

/// Some models' templates refuse a system turn: all of it in one.
fn one_turn(prompt: &Prompt) -> Vec<Message> {
    let content = format!("{}\n\n{}", prompt.system, prompt.user);
    vec![Message { role: "user".into(), content }]
}

/// What other prompts begin with as well.
fn reusable(prompt: &Prompt) -> Vec<String> {
    vec![prompt.system.clone(), prompt.passage.clone()]
}

/// Computes and keeps the beginning of a prompt; false if it was kept already.
///
/// # Errors
/// As [`Engine::warm`].
pub(crate) fn warm(engine: &mut Engine, prompt: &Prompt) -> Result<bool, EngineError> {
    let of = |messages| request(messages, reusable(prompt), &crate::limits::WRITING);
    match engine.warm(&of(turns(prompt))) {
        Err(EngineError::Template(_)) => engine.warm(&of(one_turn(prompt))),
        other => other,
    }
}

/// An engine for [`warm`].
///
/// # Errors
/// As [`EngineModel::new`].
pub(crate) fn engine_for_warming(pack: Pack, means: &Means) -> anyhow::Result<Engine> {
    let options = means.options(pack.manifest())?;
    Ok(Engine::open(pack, &options)?)
}

impl LanguageModel for EngineModel {
    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    fn write(
        &mut self,
        prompt: &Prompt,
        limits: &WritingLimits,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Written, ModelError> {
        let written = match self.generate(turns(prompt), reusable(prompt), limits, on_text) {
            // Nothing has been written by then.
            Err(EngineError::Template(_)) => {
                self.generate(one_turn(prompt), reusable(prompt), limits, on_text)
            }
            other => other,
        };
        written.map_err(|error| ModelError(error.to_string()))
    }
}
