//! A prompt in, text out.

use crate::chat::Message;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::limits::STOP_STRING_BYTES_MAX;
use crate::sampling::Sampling;
use crate::streams::Event;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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
    /// Texts in the prompt, in order: the prompt up to the end of each is likely to begin other
    /// prompts too, and its KV cache is worth keeping (see [`crate::PrefixOptions`]). Must not hold
    /// anybody's own words.
    pub reusable: Vec<String>,
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
    /// Of these, tokens whose keys and values were kept from an earlier prompt.
    pub reused_tokens: usize,
    /// Tokens written, the final stop token not counted.
    pub new_tokens: usize,
    /// Why it ended.
    pub stop: StopReason,
    /// Time to read the prompt.
    pub prefill: Duration,
    /// Time to write.
    pub decode: Duration,
}

impl Engine {
    /// Writes one text while no others are on their way. `on_text` gets it piece by piece, each one
    /// whole UTF-8, and may break off.
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
        let admitted = self.admit(request, cancel)?.filter(|_| self.active() == 1);
        let id = admitted.ok_or_else(|| EngineError::Run("others are being written".into()))?;
        loop {
            for event in self.step()? {
                match event {
                    Event::Text(_, piece) => {
                        if on_text(&piece).is_break()
                            && let Some(generation) = self.withdraw(id)
                        {
                            return Ok(generation);
                        }
                    }
                    Event::Ended(_, generation) => return Ok(generation),
                }
            }
        }
    }

    /// Token ids of a prompt, which leave room for at least one new token, and the lengths of its
    /// beginnings that may come again, shortest first.
    pub(crate) fn prompt_tokens(
        &self,
        request: &Request,
    ) -> Result<(Vec<u32>, Vec<usize>), EngineError> {
        let text = self.text.as_ref().ok_or_else(no_tokenizer)?;
        let (prompt, special) = match &request.prompt {
            Prompt::Raw(raw) => (raw.clone(), true),
            Prompt::Chat(messages) => (self.chat.render(messages)?, !self.chat.exists()),
        };
        let ends: Vec<usize> = if self.prefixes.keeps() {
            let end = |part: &String| Some(prompt.find(part.as_str())? + part.len());
            request.reusable.iter().filter_map(end).collect()
        } else {
            vec![]
        };
        let (tokens, mut reusable) = if ends.is_empty() {
            (text.encode(&prompt, special)?, vec![])
        } else {
            text.encode_with_ends(&prompt, special, &ends)?
        };
        if tokens.is_empty() {
            return Err(EngineError::PromptEmpty);
        }
        let (prompt, context) = (tokens.len(), self.context_length());
        if prompt >= context {
            return Err(EngineError::PromptTooLong { prompt, context });
        }
        // The last token is never kept: its logits are wanted.
        reusable.retain(|length| (1..prompt).contains(length));
        reusable.sort_unstable();
        Ok((tokens, reusable))
    }
}

pub(crate) fn no_tokenizer() -> EngineError {
    EngineError::Tokenizer("is missing".to_owned())
}

pub(crate) fn check(request: &Request) -> Result<(), EngineError> {
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
