//! From a model pack to tokens: tract runs the pack's graph, with our operators for everything that
//! touches packed weights or the KV cache.
//!
//! The engine knows nothing of HTTP, SMS or SQL, has no async and starts no thread but the kernel
//! pool's. It is the only crate that imports tract or `tokenizers`.
//!
//! # One forward pass
//!
//! [`Engine::forward`] takes T tokens that may belong to any number of sequences. All operators but
//! attention see `[1, T, hidden]` and do not care whose tokens they are; attention reads one more
//! graph input, `places` (`[T, 2]`: slot and position), and owns the KV cache of each slot. Prefill,
//! prefill in chunks, decoding and many sequences at once are therefore the same call. Only the
//! positions listed in `rows` reach the vocabulary matrix.
//!
//! [`Encoder`] runs packs of sentence encoders: texts to vectors, by the same kernels.
//!
//! # Why not tract's own operators for `com.microsoft`?
//!
//! tract 0.23.9 dequantises a `MatMulNBits` matrix to f32 while loading, which for a 1B model is 5 GB,
//! and its `GroupQueryAttention` refuses a past cache with internal rotary embedding. Ours keep
//! the weights mapped and packed, and the cache inside the operator, so that the graph has no `past`
//! and `present` tensors to copy at each token.

#![forbid(unsafe_code)]

mod chat;
mod encoder;
mod engine;
mod error;
mod fuse;
mod generate;
mod graph;
pub mod limits;
mod lookup;
mod ops;
mod pace;
mod prefixes;
mod runtime;
mod sampling;
mod streams;
mod text;

pub use chat::Message;
pub use encoder::{Encoder, EncoderOptions};
pub use engine::{Batch, BenchRun, Engine, Options, Place, kernels};
pub use error::EngineError;
pub use generate::{Cancel, Generation, Prompt, Request, StopReason};
pub use int4_kernels::{nearest, quantize_unit};
pub use model_pack::Manifest;
pub use prefixes::PrefixOptions;
pub use sampling::Sampling;
pub use streams::{Event, StreamId};
