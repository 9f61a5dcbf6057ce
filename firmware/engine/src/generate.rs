//! A prompt in, text out.

use crate::chat::Message;
use crate::engine::{Batch, Engine, Place};
use crate::error::EngineError;
use crate::limits::STOP_STRING_BYTES_MAX;
use crate::sampling::{Sampler, Sampling};
use crate::text::StopStrings;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What the model is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Text as it is.
    Raw(String),
    /// Turns, put into the model's own chat template.
    Chat(Vec<Message>),
}

/// One text to write.
#[derive(Debug, Clone)]
pub struct Request {
    /// What the model is given.
    pub prompt: Prompt,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Tokens to write at most; what the context still holds is the other bound.
    pub max_new_tokens: usize,
    /// Stop after this time, reading the prompt included; `None` means no such limit.
    pub time_budget: Option<Duration>,
    /// Stop before the first of these; each 1 to 128 bytes.
    pub stop: Vec<String>,
}

/// A flag to stop a generation from another thread, at the next token or chunk of the prompt.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A flag that is not set.
    pub fn new() -> Cancel {
        Cancel::default()
    }

    /// Asks the generation to stop. Cannot be taken back.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True once asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a text ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// The model ended it.
    EndOfText,
    /// A stop string came up; it is not part of the text.
    StopString,
    /// As many tokens as asked for.
    MaxTokens,
    /// The context is full.
    ContextFull,
    /// The time was up.
    TimeBudget,
    /// Someone cancelled, or the reader of the text said so.
    Cancelled,
}

/// A text, and what it took.
#[derive(Debug, Clone)]
pub struct Generation {
    /// All pieces together.
    pub text: String,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens written, the final stop token not counted.
    pub new_tokens: usize,
    /// Why it ended.
    pub stop: StopReason,
    /// Time to read the prompt.
    pub prefill: Duration,
    /// Time to write.
    pub decode: Duration,
}

/// What a generation is bounded by besides its tokens.
struct Bounds<'a> {
    cancel: &'a Cancel,
    deadline: Option<Instant>,
}

impl Bounds<'_> {
    fn crossed(&self) -> Option<StopReason> {
        if self.cancel.is_cancelled() {
            return Some(StopReason::Cancelled);
        }
        let late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        late.then_some(StopReason::TimeBudget)
    }
}

impl Engine {
    /// Writes a text, in slot 0. `on_text` gets it piece by piece, each one whole UTF-8, and may
    /// break off.
    ///
    /// # Errors
    /// [`EngineError`] if the request is out of range, the prompt does not fit, the pack has no
    /// tokenizer, or the model fails.
    pub fn generate(
        &mut self,
        request: &Request,
        cancel: &Cancel,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generation, EngineError> {
        check(request)?;
        let start = Instant::now();
        let deadline = request.time_budget.and_then(|budget| start.checked_add(budget));
        let bounds = Bounds { cancel, deadline };
        let prompt = self.prompt_tokens(&request.prompt)?;
        let logits = self.prefill(0, 0, &prompt, &mut || bounds.crossed().is_none())?;
        let mut generation = Generation {
            text: String::new(),
            prompt_tokens: prompt.len(),
            new_tokens: 0,
            stop: StopReason::Cancelled,
            prefill: start.elapsed(),
            decode: Duration::ZERO,
        };
        let Some(logits) = logits else {
            generation.stop = bounds.crossed().unwrap_or(StopReason::Cancelled);
            return Ok(generation);
        };
        let start = Instant::now();
        self.decode(request, &bounds, &prompt, logits, on_text, &mut generation)?;
        generation.decode = start.elapsed();
        Ok(generation)
    }

    fn decode(
        &mut self,
        request: &Request,
        bounds: &Bounds<'_>,
        prompt: &[u32],
        mut logits: Vec<f32>,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
        generation: &mut Generation,
    ) -> Result<(), EngineError> {
        // Taken out so that the decoder may borrow it while the engine runs; put back below.
        let text = self.text.take().ok_or_else(no_tokenizer)?;
        let mut write = || -> Result<StopReason, EngineError> {
            let mut decoder = text.decoder();
            let mut stops = StopStrings::new(&request.stop);
            let mut sampler = Sampler::new(request.sampling.clone(), prompt);
            let stop = loop {
                if let Some(stop) = bounds.crossed() {
                    break stop;
                }
                if generation.new_tokens == request.max_new_tokens {
                    break StopReason::MaxTokens;
                }
                let id = sampler.choose(&mut logits);
                if self.manifest().model.eos_token_ids.contains(&id) {
                    break StopReason::EndOfText;
                }
                generation.new_tokens += 1;
                let (piece, stopped) = stops.push(&decoder(id)?);
                generation.text.push_str(&piece);
                if !piece.is_empty() && on_text(&piece).is_break() {
                    return Ok(StopReason::Cancelled);
                }
                if stopped {
                    return Ok(StopReason::StopString);
                }
                let position = prompt.len() + generation.new_tokens - 1;
                if position >= self.context_length() {
                    break StopReason::ContextFull;
                }
                let places = [Place { slot: 0, position }];
                logits = self.forward(&Batch { tokens: &[id], places: &places, rows: &[0] })?;
            };
            let held = stops.finish();
            generation.text.push_str(&held);
            if !held.is_empty() && on_text(&held).is_break() {
                return Ok(StopReason::Cancelled);
            }
            Ok(stop)
        };
        let result = write();
        self.text = Some(text);
        generation.stop = result?;
        Ok(())
    }

    /// Token ids of a prompt, which leave room for at least one new token.
    fn prompt_tokens(&self, prompt: &Prompt) -> Result<Vec<u32>, EngineError> {
        let text = self.text.as_ref().ok_or_else(no_tokenizer)?;
        let tokens = match prompt {
            Prompt::Raw(raw) => text.encode(raw, true)?,
            Prompt::Chat(messages) => {
                text.encode(&self.chat.render(messages)?, !self.chat.exists())?
            }
        };
        if tokens.is_empty() {
            return Err(EngineError::PromptEmpty);
        }
        let (prompt, context) = (tokens.len(), self.context_length());
        if prompt >= context {
            return Err(EngineError::PromptTooLong { prompt, context });
        }
        Ok(tokens)
    }
}

fn no_tokenizer() -> EngineError {
    EngineError::Tokenizer("is missing".to_owned())
}

fn check(request: &Request) -> Result<(), EngineError> {
    request.sampling.check()?;
    for stop in &request.stop {
        if stop.is_empty() || stop.len() > STOP_STRING_BYTES_MAX {
            let value = format!("{} bytes long", stop.len());
            let expected = "give 1 to 128 bytes";
            return Err(EngineError::Request { field: "stop string", value, expected });
        }
    }
    Ok(())
}
