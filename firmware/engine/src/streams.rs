//! Many texts at once: continuous batching.
//!
//! [`Engine::admit`] gives a request a slot if its KV cache fits the budget; [`Engine::step`] runs one
//! pass for all that are admitted. Each text that is being written puts its next token (and guesses
//! of those after it, see [`crate::lookup`]) into the pass; prompts share what the
//! [pace](crate::pace) leaves for them, each as much as the others, so that nobody's next token waits
//! long and no long prompt keeps a short one out. A text's numbers do not depend on the company it is
//! in.
//!
//! # Why slots and not pages?
//!
//! Paged caches (vLLM, Kwon et al. 2023) pay where many sequences share memory and lengths are
//! unknown. A box has a handful of texts, each bounded by its prompt and its limit before it begins;
//! one contiguous cache a text is simpler, and attention streams it.

use crate::engine::{Batch, Engine, Place};
use crate::error::EngineError;
use crate::generate::{Cancel, Generation, Request, StopReason, check, no_tokenizer};
use crate::limits::{GUESSES_MAX, SLOTS_MAX};
use crate::lookup::Lookup;
use crate::sampling::Sampler;
use crate::text::{Decoding, StopStrings};
use std::time::{Duration, Instant};

/// An admitted request, until it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamId(u64);

/// What a step brought for one stream.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The next piece of the text, whole characters.
    Text(StreamId, String),
    /// The text has ended; its slot is free again.
    Ended(StreamId, Generation),
}

/// One text on its way.
#[derive(Debug)]
pub(crate) struct Stream {
    id: StreamId,
    slot: usize,
    /// Positions that its cache may fill.
    capacity: usize,
    max_new_tokens: usize,
    cancel: Cancel,
    deadline: Option<Instant>,
    /// Prompt and answer.
    tokens: Vec<u32>,
    prompt: usize,
    /// Tokens whose keys and values are in the cache; at least one token is not.
    cached: usize,
    /// Lengths of the prompt's beginning that are worth keeping.
    reusable: Vec<usize>,
    sampler: Sampler,
    decoding: Decoding,
    stops: StopStrings,
    lookup: Option<Lookup>,
    begun: Instant,
    generation: Generation,
}

/// What one stream puts into a pass.
struct Share {
    stream: usize,
    /// Of its tokens, how many; then the guesses.
    tokens: usize,
    guesses: Vec<u32>,
    /// Whether its next token comes out of this pass.
    decides: bool,
}

impl Stream {
    fn waiting(&self) -> usize {
        self.tokens.len() - self.cached
    }

    fn is_writing(&self) -> bool {
        self.waiting() == 1 && self.tokens.len() > self.prompt
    }

    fn crossed(&self) -> Option<StopReason> {
        if self.cancel.is_cancelled() {
            return Some(StopReason::Cancelled);
        }
        let late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        late.then_some(StopReason::TimeBudget)
    }
}

impl Engine {
    /// Takes a request on, if there is room for its KV cache; `None` if that must wait until another
    /// text has ended.
    ///
    /// # Errors
    /// [`EngineError`] if the request is out of range, its prompt does not fit the context or the
    /// memory for KV caches, or the pack has no tokenizer.
    pub fn admit(
        &mut self,
        request: &Request,
        cancel: &Cancel,
    ) -> Result<Option<StreamId>, EngineError> {
        check(request)?;
        let begun = Instant::now();
        let (tokens, reusable) = self.prompt_tokens(request)?;
        let prompt = tokens.len();
        let capacity = (prompt + request.max_new_tokens).min(self.context_length());
        let budget = self.kv_positions();
        if capacity > budget {
            return Err(EngineError::PromptTooLong { prompt: capacity, context: budget });
        }
        let reserved: usize = self.streams.iter().map(|stream| stream.capacity).sum();
        let taken = |slot: &usize| self.streams.iter().any(|stream| stream.slot == *slot);
        let free = (0..SLOTS_MAX).find(|slot| !taken(slot));
        let Some(slot) = free.filter(|_| reserved + capacity <= budget) else { return Ok(None) };
        self.runtime.prepare(slot, self.kv_shape(), capacity);
        let cached = self.restore(slot, &tokens, &reusable);
        self.last_stream += 1;
        let id = StreamId(self.last_stream);
        let stream = Stream {
            id,
            slot,
            capacity,
            max_new_tokens: request.max_new_tokens,
            cancel: cancel.clone(),
            deadline: request.time_budget.and_then(|budget| begun.checked_add(budget)),
            prompt,
            cached,
            reusable,
            sampler: Sampler::new(request.sampling.clone(), &tokens),
            decoding: Decoding::default(),
            stops: StopStrings::new(request.stop.clone()),
            lookup: self.prompt_lookup.then(Lookup::new),
            begun,
            generation: Generation {
                text: String::new(),
                prompt_tokens: prompt,
                reused_tokens: cached,
                new_tokens: 0,
                stop: StopReason::Cancelled,
                prefill: Duration::ZERO,
                decode: Duration::ZERO,
            },
            tokens,
        };
        self.streams.push(stream);
        Ok(Some(id))
    }

    /// Texts on their way.
    pub fn active(&self) -> usize {
        self.streams.len()
    }

    /// One pass for all admitted texts; nothing happens if there are none.
    ///
    /// # Errors
    /// [`EngineError`] if the model fails. All texts on their way are then given up.
    pub fn step(&mut self) -> Result<Vec<Event>, EngineError> {
        let mut events = vec![];
        let stepped = self.step_into(&mut events);
        if stepped.is_err() {
            for stream in std::mem::take(&mut self.streams) {
                self.free(stream.slot);
            }
        }
        stepped.map(|()| events)
    }

    /// Gives a text up and its slot back; `None` if it has ended already.
    pub fn withdraw(&mut self, id: StreamId) -> Option<Generation> {
        let at = self.streams.iter().position(|stream| stream.id == id)?;
        Some(self.end(at, StopReason::Cancelled))
    }

    fn step_into(&mut self, events: &mut Vec<Event>) -> Result<(), EngineError> {
        let crossed = |streams: &[Stream]| {
            streams.iter().enumerate().find_map(|(i, stream)| Some((i, stream.crossed()?)))
        };
        while let Some((at, stop)) = crossed(&self.streams) {
            self.end_with_text(at, stop, events);
        }
        let shares = self.shares();
        if shares.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let logits = self.pass(&shares)?;
        let writing = shares.iter().filter(|share| self.streams[share.stream].is_writing()).count();
        let all: usize = shares.iter().map(|share| share.tokens).sum();
        self.pace.note(all - writing, writing > 0, begun.elapsed());
        self.take(&shares, logits, events)
    }

    /// What each stream puts into the next pass.
    fn shares(&mut self) -> Vec<Share> {
        let writing = self.streams.iter().filter(|stream| stream.is_writing()).count();
        let mut guesses_left = GUESSES_MAX.saturating_sub(writing.saturating_sub(1));
        let mut prompt_left = self.pace.prompt_tokens(writing > 0);
        let mut reading = self.streams.len() - writing;
        let mut shares = vec![];
        for (at, stream) in self.streams.iter_mut().enumerate() {
            if stream.is_writing() {
                // The last token needs no place of its own, nor do guesses beyond it.
                let wanted = stream.max_new_tokens - stream.generation.new_tokens;
                let room = wanted.min(stream.capacity - stream.tokens.len() + 1) - 1;
                let room = room.min(guesses_left);
                let lookup = stream.lookup.as_mut();
                let guesses = lookup.map_or(vec![], |l| l.guess(&stream.tokens, room));
                guesses_left -= guesses.len();
                shares.push(Share { stream: at, tokens: 1, guesses, decides: true });
                continue;
            }
            let fair = prompt_left.div_ceil(reading);
            reading -= 1;
            let tokens = stream.waiting().min(fair);
            prompt_left -= tokens;
            let decides = tokens == stream.waiting();
            if tokens > 0 {
                shares.push(Share { stream: at, tokens, guesses: vec![], decides });
            }
        }
        shares
    }

    fn pass(&mut self, shares: &[Share]) -> Result<Vec<f32>, EngineError> {
        let (mut tokens, mut places, mut rows) = (vec![], vec![], vec![]);
        for share in shares {
            let stream = &self.streams[share.stream];
            let slot = stream.slot;
            let end = stream.cached + share.tokens;
            tokens.extend(&stream.tokens[stream.cached..end]);
            if share.decides {
                let last = tokens.len() - 1;
                rows.extend(last..=last + share.guesses.len());
            }
            tokens.extend(&share.guesses);
            let positions = stream.cached..end + share.guesses.len();
            places.extend(positions.map(|position| Place { slot, position }));
        }
        self.forward(&Batch { tokens: &tokens, places: &places, rows: &rows })
    }

    /// Takes in what a pass brought: the streams' next tokens, and those that have ended.
    fn take(
        &mut self,
        shares: &[Share],
        mut logits: Vec<f32>,
        events: &mut Vec<Event>,
    ) -> Result<(), EngineError> {
        let vocab = self.vocab_size();
        let mut rows = logits.chunks_exact_mut(vocab);
        let mut ended = vec![];
        for share in shares {
            let stream = &mut self.streams[share.stream];
            stream.cached += share.tokens;
            if !share.decides {
                continue;
            }
            if stream.tokens.len() == stream.prompt {
                stream.generation.prefill = stream.begun.elapsed();
            }
            let mut right = 0;
            let mut stop = (stream.max_new_tokens == 0).then_some(StopReason::MaxTokens);
            for (i, row) in rows.by_ref().take(1 + share.guesses.len()).enumerate() {
                // Rows after a wrong guess, or after the end, are passed over.
                if stop.is_some() || i > right {
                    continue;
                }
                let id = stream.sampler.choose(self.runtime.isa, row);
                let eos = self.pack.manifest().model.eos_token_ids.contains(&id);
                stop = if eos {
                    Some(StopReason::EndOfText)
                } else {
                    let text = self.text.as_ref().ok_or_else(no_tokenizer)?;
                    let piece = text.decode(&mut stream.decoding, id)?;
                    stream.push(id, &piece, events)
                };
                if stop.is_none() && share.guesses.get(i) == Some(&id) {
                    right += 1;
                    stream.cached += 1;
                }
            }
            if let Some(lookup) = &mut stream.lookup {
                lookup.learn(share.guesses.len(), right);
            }
            ended.extend(stop.map(|stop| (share.stream, stop)));
        }
        // From the back, so that places in the list stay what they are.
        for (at, stop) in ended.into_iter().rev() {
            self.end_with_text(at, stop, events);
        }
        Ok(())
    }

    /// Ends a stream, with the text that was held back as a possible stop string.
    fn end_with_text(&mut self, at: usize, stop: StopReason, events: &mut Vec<Event>) {
        let stream = &mut self.streams[at];
        let held =
            if stop == StopReason::StopString { String::new() } else { stream.stops.finish() };
        stream.show(held, events);
        let id = stream.id;
        let generation = self.end(at, stop);
        events.push(Event::Ended(id, generation));
    }

    fn end(&mut self, at: usize, stop: StopReason) -> Generation {
        let mut stream = self.streams.remove(at);
        let generation = &mut stream.generation;
        if generation.prefill.is_zero() {
            generation.prefill = stream.begun.elapsed();
        }
        generation.decode = stream.begun.elapsed().saturating_sub(generation.prefill);
        generation.stop = stop;
        self.keep_prefixes(stream.slot, &stream.tokens[..stream.cached], &stream.reusable);
        self.free(stream.slot);
        stream.generation
    }
}

impl Stream {
    /// Adds a token; says why the text ends with it, if it does.
    fn push(&mut self, id: u32, text: &str, events: &mut Vec<Event>) -> Option<StopReason> {
        self.tokens.push(id);
        self.generation.new_tokens += 1;
        let (piece, stopped) = self.stops.push(text);
        self.show(piece, events);
        if stopped {
            Some(StopReason::StopString)
        } else if self.generation.new_tokens == self.max_new_tokens {
            Some(StopReason::MaxTokens)
        } else if self.tokens.len() > self.capacity {
            Some(StopReason::ContextFull)
        } else {
            None
        }
    }

    fn show(&mut self, piece: String, events: &mut Vec<Event>) {
        if !piece.is_empty() {
            self.generation.text.push_str(&piece);
            events.push(Event::Text(self.id, piece));
        }
    }
}
