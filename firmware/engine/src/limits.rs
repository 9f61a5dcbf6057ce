//! Bounds of the engine, each with its reason.

/// Context kept for a sequence unless asked otherwise: a grounded prompt and its answer need less
/// than 1,500 tokens, and the KV cache of a 1B model at this length is 134 MB.
pub const CONTEXT_DEFAULT: usize = 4_096;

/// Tokens of a prompt that go through the graph in one call: enough for the matrix kernels to run
/// near their peak, few enough that cancelling is felt at once and activations stay in megabytes.
pub const PREFILL_CHUNK: usize = 128;

/// Sequences that can have a KV cache at the same time.
pub const SLOTS_MAX: usize = 64;

/// Bytes of one stop string; longer ones would hold back text for too long.
pub const STOP_STRING_BYTES_MAX: usize = 128;

/// Candidates that sampling looks at after the greedy ones: keeps the sort away from vocabularies
/// of 128,256 tokens when neither top-k nor top-p narrows it.
pub const CANDIDATES_MAX: usize = 1_024;

/// Rows of activations that one thread normalises or adds by itself: waking the others costs more.
pub const ROWS_ALONE: usize = 8;

/// A pass that somebody's next token waits for may take this many times as long as one without
/// tokens of others' prompts in it. The person reading sees one short pause.
pub const GAP_FACTOR: f64 = 2.5;

/// Tokens of a prompt beside others' decoding before it is known what they cost; a tile or two of the
/// matrix kernels.
pub const PREFILL_FIRST: usize = 8;

/// Most tokens in a pass that come from guessing ahead (see `lookup`), all sequences together: beyond a
/// tile of the matrix kernels, guesses are no longer nearly free.
pub const GUESSES_MAX: usize = 7;

/// Tokens of an encoder's pass: enough for the matrix kernels to run near their peak, few enough
/// that activations stay in megabytes. A longer text has a pass of its own.
pub const ENCODER_PASS: usize = 256;

/// Bytes of a text that an encoder's tokenizer sees, at most; the rest is cut off. A token is four
/// or five bytes in English and rarely above 30, and encoders read 256 or 512 of them.
pub const ENCODER_BYTES_MAX: usize = 32 << 10;
