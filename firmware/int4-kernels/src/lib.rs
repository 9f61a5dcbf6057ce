//! Matrix products with 4-bit and 8-bit weights, the few vector loops around them, and the search
//! for the nearest of many 8-bit vectors.
//!
//! This crate takes slices and knows nothing of tract, files or models. It is the only place with
//! hand-written SIMD. `scalar` is the specification: every other kernel gives the same 32-bit
//! integer sums, and the same f32 results to the last bit, because each output row keeps its own
//! accumulator and adds its blocks in column order with fused multiply-adds.
//!
//! # Shapes
//!
//! A weight matrix has `rows` (outputs, ONNX `N`) and `columns` (inputs, ONNX `K`), quantised in
//! blocks of `block` columns: `w = scale * (q - zero_point)`. Activations are `[tokens, columns]`
//! f32, row-major; results are `[tokens, rows]` f32, row-major.
//!
//! # Why not one layout per instruction set?
//!
//! Packs are written once, on another machine, and mapped. [`layout`] therefore is a single
//! interleaved format in which 64 consecutive bytes hold 16 rows of 4 (8-bit) or 8 (4-bit)
//! columns: one AVX-512 register, two AVX2 registers or four NEON registers, with nothing to
//! shuffle in any of them. llama.cpp repacks at load time instead and pays with a second copy in
//! memory, which a 2 GB board does not have.

#[cfg(target_arch = "aarch64")]
mod aarch64;
mod activations;
#[cfg(target_arch = "arm")]
mod arm;
pub mod attention;
mod dispatch;
pub mod layout;
pub mod limits;
mod matmul;
mod nearest;
mod pool;
mod scalar;
mod simd;
pub mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use activations::QuantizedRows;
pub use dispatch::{Isa, KERNEL_VARIABLE, UnknownIsa};
pub use layout::{Bits, MatrixSpec, SpecError};
pub use matmul::{Matrix, Precision, Product, gated_matmul, matmul};
pub use nearest::{nearest, nearest_with, quantize_unit};
pub use pool::ThreadPool;
