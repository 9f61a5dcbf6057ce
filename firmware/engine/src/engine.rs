//! A model, opened.

use crate::chat::ChatTemplate;
use crate::error::EngineError;
use crate::generate::{Cancel, Request};
use crate::graph::{Graph, WRITER_INPUTS};
use crate::limits::{CONTEXT_DEFAULT, PREFILL_CHUNK, SLOTS_MAX};
use crate::pace::Pace;
use crate::prefixes::{PrefixOptions, Prefixes};
use crate::runtime::Runtime;
use crate::streams::Stream;
use crate::text::Text;
use int4_kernels::attention::AttentionShape;
use int4_kernels::{Isa, Precision};
use model_pack::{Manifest, Pack};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tract_onnx::prelude::Tensor;

/// How to open a model.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Options {
    /// Threads for the kernels; `None` means all that the system offers to this process.
    pub threads: Option<usize>,
    /// Keep activations in f32 (slow, for comparing) instead of rounding them to 8 bits.
    pub f32_activations: bool,
    /// Positions kept for each sequence; `None` means 4,096. Never more than the model's own.
    pub context_length: Option<usize>,
    /// Bytes that the KV caches of all texts on their way may take together; `None` means enough for
    /// one of the whole context.
    pub kv_bytes: Option<u64>,
    /// Where the KV caches of prompts' beginnings are kept; nowhere by default.
    pub prefixes: PrefixOptions,
    /// Guess nothing ahead; for comparing. The text is the same.
    pub no_prompt_lookup: bool,
    /// Matrix kernel by name, of [`kernels`]; `None` means what `BARAZA_KERNEL` says, else the best.
    pub kernel: Option<String>,
    /// Leave the tokenizer on the disk: for who gives and takes tokens only. A vocabulary of 128,256
    /// tokens takes 25 MB of memory and more.
    pub without_text: bool,
}

/// Where a token stands: in which sequence, and at which position of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// KV cache slot, below [`SLOTS_MAX`].
    pub slot: usize,
    /// Position, counted from 0. All earlier positions of the slot must have been given before,
    /// or earlier in the same batch.
    pub position: usize,
}

/// The tokens of one forward pass.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Token ids.
    pub tokens: &'a [u32],
    /// One place for each token.
    pub places: &'a [Place],
    /// Indices into `tokens` of those whose logits are wanted.
    pub rows: &'a [usize],
}

/// One measured run.
#[derive(Debug, Clone, Copy)]
pub struct BenchRun {
    /// Time for the whole prompt, all streams.
    pub prefill: Duration,
    /// Time for all new tokens, all streams together.
    pub decode: Duration,
}

/// A model that is ready to run. One thread at a time.
#[derive(Debug)]
pub struct Engine {
    pub(crate) pack: Pack,
    graph: Graph<3>,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) text: Option<Text>,
    pub(crate) chat: ChatTemplate,
    pub(crate) prefixes: Prefixes,
    pub(crate) prompt_lookup: bool,
    kv_bytes: Option<u64>,
    kv_shape: AttentionShape,
    pub(crate) streams: Vec<Stream>,
    pub(crate) last_stream: u64,
    pub(crate) pace: Pace,
}

impl Engine {
    /// Builds the graph of a pack. Reads no weights but the rotary tables.
    ///
    /// # Errors
    /// [`EngineError`] if the pack is a sentence encoder's, if the graph, a weight, the tokenizer
    /// or the chat template is not what this version runs, or if `BARAZA_KERNEL` names a kernel
    /// that this machine has not.
    pub fn open(pack: Pack, options: &Options) -> Result<Engine, EngineError> {
        if pack.manifest().model.encoder.is_some() {
            return Err(EngineError::CannotWrite { name: pack.manifest().model.name.clone() });
        }
        let isa = match &options.kernel {
            Some(name) => Isa::named(name)?,
            None => Isa::from_environment()?,
        };
        let model = &pack.manifest().model;
        let context = options.context_length.unwrap_or(CONTEXT_DEFAULT);
        let context = context.min(model.context_length as usize).max(1);
        let threads = options.threads.unwrap_or_else(threads_here);
        let precision = if options.f32_activations { Precision::F32 } else { Precision::Int8 };
        let runtime = Runtime::new(isa, threads, precision, context, model.layers as usize);
        let runtime = Arc::new(runtime);
        let graph = Graph::load(&pack, &runtime, WRITER_INPUTS)?;
        let text = pack.tokenizer().filter(|_| !options.without_text);
        let text = text.map(Text::new).transpose()?;
        let chat = ChatTemplate::new(&pack)?;
        let model = &pack.manifest().model;
        let kv_shape = AttentionShape {
            heads: model.heads as usize,
            kv_heads: model.kv_heads as usize,
            head_dim: model.head_dim as usize,
            scale: 1.0,
            softcap: 0.0,
            window: None,
        };
        Ok(Engine {
            prefixes: Prefixes::new(options.prefixes.clone(), pack_id(pack.manifest())),
            prompt_lookup: !options.no_prompt_lookup,
            kv_bytes: options.kv_bytes,
            kv_shape,
            streams: vec![],
            last_stream: 0,
            pace: Pace::default(),
            graph,
            runtime,
            text,
            chat,
            pack,
        })
    }

    /// What the KV caches of this model look like; heads and width only.
    pub(crate) fn kv_shape(&self) -> &AttentionShape {
        &self.kv_shape
    }

    /// Bytes of KV cache that one position takes in all layers.
    pub fn kv_position_bytes(&self) -> u64 {
        let each = self.kv_shape.position_bytes(self.runtime.kv_precision());
        (self.runtime.layers() * each) as u64
    }

    /// Positions that all texts on their way may have together.
    pub(crate) fn kv_positions(&self) -> usize {
        let context = self.context_length();
        self.kv_bytes.map_or(context, |bytes| (bytes / self.kv_position_bytes().max(1)) as usize)
    }

    /// Puts the longest kept beginning of a prompt into a slot; gives its length.
    pub(crate) fn restore(&mut self, slot: usize, prompt: &[u32], reusable: &[usize]) -> usize {
        for length in reusable.iter().rev() {
            if let Some(saved) = self.prefixes.find(&prompt[..*length])
                && self.runtime.restore(slot, *length, &saved)
            {
                return *length;
            }
        }
        0
    }

    /// Keeps the beginnings of a prompt that are not kept yet. `tokens` are those in the slot.
    pub(crate) fn keep_prefixes(&mut self, slot: usize, tokens: &[u32], reusable: &[usize]) {
        for length in reusable.iter().filter(|length| **length <= tokens.len()) {
            let prefix = &tokens[..*length];
            if self.prefixes.has(prefix) {
                continue;
            }
            // A disk that is full costs the next reader time, and nobody an answer.
            if let Some(saved) = self.runtime.save(slot, *length) {
                let _ = self.prefixes.keep(prefix, saved);
            }
        }
    }

    /// Computes and keeps a prompt's reusable beginnings, so that the first question need not; false
    /// if all of them were kept already.
    ///
    /// # Errors
    /// As [`Engine::generate`].
    pub fn warm(&mut self, request: &Request) -> Result<bool, EngineError> {
        let (tokens, reusable) = self.prompt_tokens(request)?;
        // Read, not only looked for: what is damaged goes, and is made again.
        if reusable.iter().all(|length| self.prefixes.find(&tokens[..*length]).is_some()) {
            return Ok(false);
        }
        let request = Request { max_new_tokens: 0, ..request.clone() };
        self.generate(&request, &Cancel::new(), &mut |_| ControlFlow::Continue(()))?;
        Ok(true)
    }

    /// What the pack says of itself.
    pub fn manifest(&self) -> &Manifest {
        self.pack.manifest()
    }

    /// The matrix kernel in use, for example `avx512vnni`.
    pub fn kernel(&self) -> &'static str {
        self.runtime.isa.name()
    }

    /// Threads that work on a pass.
    pub fn threads(&self) -> usize {
        self.runtime.pool.threads()
    }

    /// Positions that a sequence can have.
    pub fn context_length(&self) -> usize {
        self.runtime.context
    }

    /// Values in a row of logits.
    pub fn vocab_size(&self) -> usize {
        self.manifest().model.vocab_size as usize
    }

    /// One forward pass. Gives the logits of the wanted tokens, `[rows, vocab]`, row-major.
    ///
    /// # Errors
    /// [`EngineError::Request`] if the batch is not one, [`EngineError::Run`] if an operator fails.
    pub fn forward(&mut self, batch: &Batch<'_>) -> Result<Vec<f32>, EngineError> {
        self.check(batch)?;
        let tokens = batch.tokens.len();
        if tokens == 0 {
            return Ok(vec![]);
        }
        let ids: Vec<i64> = batch.tokens.iter().map(|id| i64::from(*id)).collect();
        let places: Vec<i64> =
            batch.places.iter().flat_map(|p| [p.slot as i64, p.position as i64]).collect();
        let rows: Vec<i64> = batch.rows.iter().map(|row| *row as i64).collect();
        let tensor = |shape: &[usize], values: &[i64]| {
            Tensor::from_shape(shape, values).map_err(|e| EngineError::run(&e))
        };
        self.graph.run([
            tensor(&[1, tokens], &ids)?,
            tensor(&[tokens, 2], &places)?,
            tensor(&[rows.len()], &rows)?,
        ])
    }

    fn check(&self, batch: &Batch<'_>) -> Result<(), EngineError> {
        let refuse =
            |field, value: String, expected| Err(EngineError::Request { field, value, expected });
        if batch.places.len() != batch.tokens.len() {
            return refuse("places", batch.places.len().to_string(), "one for each token needed");
        }
        if let Some(id) = batch.tokens.iter().find(|id| **id as usize >= self.vocab_size()) {
            return refuse("token", id.to_string(), "not in the vocabulary");
        }
        if let Some(row) = batch.rows.iter().find(|row| **row >= batch.tokens.len()) {
            return refuse("row", row.to_string(), "no token of the batch has this index");
        }
        for place in batch.places {
            if place.slot >= SLOTS_MAX {
                return refuse("slot", place.slot.to_string(), "64 slots are kept");
            }
            if place.position >= self.context_length() {
                return refuse("position", place.position.to_string(), "beyond the context");
            }
        }
        Ok(())
    }

    /// Puts tokens of one sequence through the graph in chunks.
    fn prefill(&mut self, slot: usize, tokens: &[u32]) -> Result<(), EngineError> {
        for (i, chunk) in tokens.chunks(PREFILL_CHUNK).enumerate() {
            let start = i * PREFILL_CHUNK;
            let places: Vec<Place> =
                (0..chunk.len()).map(|t| Place { slot, position: start + t }).collect();
            let rows = [chunk.len() - 1];
            let rows = if start + chunk.len() == tokens.len() { &rows[..] } else { &[] };
            self.forward(&Batch { tokens: chunk, places: &places, rows })?;
        }
        Ok(())
    }

    /// The logits of every position of one sequence, `[tokens, vocab]`, row-major.
    ///
    /// # Errors
    /// As [`Engine::forward`]; [`EngineError::PromptTooLong`] if it exceeds the context.
    pub fn logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, EngineError> {
        let (prompt, context) = (tokens.len(), self.context_length());
        if prompt > context {
            return Err(EngineError::PromptTooLong { prompt, context });
        }
        let mut logits = Vec::with_capacity(tokens.len() * self.vocab_size());
        for (i, chunk) in tokens.chunks(PREFILL_CHUNK).enumerate() {
            let place = |t| Place { slot: 0, position: i * PREFILL_CHUNK + t };
            let places: Vec<Place> = (0..chunk.len()).map(place).collect();
            let rows: Vec<usize> = (0..chunk.len()).collect();
            logits.extend(self.forward(&Batch { tokens: chunk, places: &places, rows: &rows })?);
        }
        Ok(logits)
    }

    /// Forgets a sequence and gives the memory of its KV cache back.
    pub fn free(&mut self, slot: usize) {
        if slot < SLOTS_MAX {
            self.runtime.free(slot);
        }
    }

    /// Runs `streams` sequences of `prompt_tokens` made-up tokens, then decodes `new_tokens` for each
    /// of them, all streams in one batch.
    ///
    /// # Errors
    /// As [`Engine::forward`]; [`EngineError::PromptTooLong`] if they exceed the context.
    pub fn bench(
        &mut self,
        prompt_tokens: usize,
        new_tokens: usize,
        streams: usize,
    ) -> Result<BenchRun, EngineError> {
        let context = self.context_length();
        if prompt_tokens + new_tokens > context {
            return Err(EngineError::PromptTooLong { prompt: prompt_tokens + new_tokens, context });
        }
        let vocab = self.vocab_size() as u32;
        let token = |i: usize| (i as u32).wrapping_mul(2_654_435_761) % vocab;
        let prompt: Vec<u32> = (0..prompt_tokens.max(1)).map(token).collect();
        let start = Instant::now();
        for slot in 0..streams {
            self.prefill(slot, &prompt)?;
        }
        let prefill = start.elapsed();
        let start = Instant::now();
        let rows: Vec<usize> = (0..streams).collect();
        for i in 0..new_tokens {
            let position = prompt.len() + i;
            let places: Vec<Place> =
                rows.iter().map(|slot| Place { slot: *slot, position }).collect();
            let tokens: Vec<u32> = rows.iter().map(|slot| token(position + 7 * slot)).collect();
            self.forward(&Batch { tokens: &tokens, places: &places, rows: &rows })?;
        }
        Ok(BenchRun { prefill, decode: start.elapsed() })
    }
}

/// The matrix kernels that this machine has, best first; the last one is `scalar`.
pub fn kernels() -> Vec<&'static str> {
    Isa::available().into_iter().map(Isa::name).collect()
}

/// Identifies a pack: the hash of its manifest, which has the checksums of everything else.
pub(crate) fn pack_id(manifest: &Manifest) -> [u8; 32] {
    let json = serde_json::to_vec(manifest).unwrap_or_default();
    *blake3::hash(&json).as_bytes()
}

/// Processors that this process may use.
pub(crate) fn threads_here() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
