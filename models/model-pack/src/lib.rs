//! The on-disk form of a language model or a sentence encoder: a *pack*.
//!
//! A pack is a folder that `baraza model import` writes once and every box opens many times:
//!
//! | file | what it is |
//! |---|---|
//! | `manifest.json` | [`Manifest`]: the model in words and numbers, and where each tensor lies |
//! | `manifest.blake3` | BLAKE3 of `manifest.json`, 64 lower-case hexadecimal digits and a newline |
//! | `graph.onnx` | the ONNX graph with its large initialisers taken out, see [`dialect`] |
//! | `weights.bin` | the large tensors, each at a multiple of 64 bytes, zeroes in between |
//! | `tokenizer.json` | Hugging Face tokenizer; absent only in packs made for conformance tests |
//! | `chat_template.jinja` | optional chat template, as the model's authors wrote it |
//! | `LICENSE.txt` | optional licence text |
//!
//! Other files in the folder are ignored. All numbers in `weights.bin` are little-endian.
//!
//! [`Pack::open`] maps `weights.bin` and reads the small files; [`Pack::from_static`] does the same
//! for a pack embedded in a program. Both verify everything before they return, so that a
//! [`Pack`] in hand is known to be whole. [`PackWriter`] makes packs.
//!
//! # Why is everything verified at open, and why BLAKE3?
//!
//! Packs travel on worn-out sticks and live on SD cards that forget bits. A flipped bit in a scale
//! does not crash anything: it makes a model that answers wrongly, so it must be found before the
//! first answer. Each weight is touched by the first token anyway, hence hashing costs no extra
//! read of the disk: it is the read-ahead of that token. What remains is arithmetic, and there
//! SHA-256 takes seconds for a gigabyte on a processor without SHA instructions (a Raspberry Pi 4
//! has none), whereas BLAKE3 runs near the speed of memory on plain SIMD, and on all cores because
//! tensors are hashed side by side.
//!
//! The checksums find damage, not forgery: whoever can write the folder can write a new
//! manifest. Signed bundles are the business of provisioning.
//!
//! # Why not leave the weights in the ONNX file?
//!
//! onnxruntime's layout keeps quants, scales and zero points in three far-apart arrays, unaligned
//! and row by row; a kernel that streams it misses the speed of memory. Repacking while loading
//! would hold the weights twice. So they are repacked once, at import, and the map of the file
//! is what the kernels read.

#![deny(unsafe_code)]

mod bytes;
pub mod dialect;
mod error;
pub mod limits;
mod manifest;
#[allow(unsafe_code)]
mod mmap;
mod open;
mod verify;
mod writer;

pub use bytes::PackBytes;
pub use error::PackError;
pub use manifest::{EncoderCard, FileEntry, Manifest, ModelCard, Pooling, Tensor, TensorKind};
pub use mmap::map_file;
pub use open::{Pack, TensorView};
pub use writer::{PackWriter, TensorSink};

/// Names of the files of a pack.
pub mod names {
    /// The manifest.
    pub const MANIFEST: &str = "manifest.json";
    /// Checksum of the manifest.
    pub const MANIFEST_CHECKSUM: &str = "manifest.blake3";
    /// The graph.
    pub const GRAPH: &str = "graph.onnx";
    /// The large tensors.
    pub const WEIGHTS: &str = "weights.bin";
    /// The tokenizer.
    pub const TOKENIZER: &str = "tokenizer.json";
    /// The chat template.
    pub const CHAT_TEMPLATE: &str = "chat_template.jinja";
    /// The licence text.
    pub const LICENCE: &str = "LICENSE.txt";
}
