//! Every limit of the format in one place, with its reason.

/// The format of language models.
pub const FORMAT: u32 = 1;

/// The format of sentence encoders: as [`FORMAT`], with the manifest's `model.encoder`. A number of
/// its own, so that a program from before there were encoders says to update the box.
pub const FORMAT_ENCODER: u32 = 2;

/// Alignment of every tensor in `weights.bin`, bytes: one cache line and one 512-bit register.
pub const ALIGNMENT: usize = 64;

/// Largest `manifest.json`, bytes. A 3B model needs about 100 kB; the rest is room.
pub const MANIFEST_BYTES_MAX: u64 = 16 << 20;

/// Largest `graph.onnx`, bytes. Large initialisers are outside, so a real one is below 2 MB.
pub const GRAPH_BYTES_MAX: u64 = 64 << 20;

/// Largest tokenizer, template or licence, bytes. The largest known tokenizer is 33 MB.
pub const TEXT_BYTES_MAX: u64 = 128 << 20;

/// Largest `weights.bin`, bytes: beyond what a small board can address in practice, and low enough
/// that offset arithmetic in `u64` cannot overflow.
pub const WEIGHTS_BYTES_MAX: u64 = 1 << 40;

/// Most tensors in a pack. A 3B model has about 400.
pub const TENSORS_MAX: usize = 1 << 16;

/// Longest tensor name, bytes.
pub const NAME_BYTES_MAX: usize = 256;

/// Largest dimension of a tensor, elements.
pub const DIMENSION_MAX: u64 = 1 << 31;

/// Most dimensions of a tensor.
pub const RANK_MAX: usize = 8;

/// Largest context a manifest may state, tokens.
pub const CONTEXT_MAX: u32 = 1 << 24;

/// Smallest and largest quantisation block, columns. Blocks are powers of two.
pub const BLOCK_MIN: u32 = 16;
/// See [`BLOCK_MIN`].
pub const BLOCK_MAX: u32 = 256;

/// Most tokens of one text that an encoder may state. A text's tokens all look at each other, so
/// time and memory grow with the square; published sentence encoders stop at 512.
pub const ENCODER_TOKENS_MAX: u32 = 8192;
