//! Kernels for 32-bit ARM.

mod lanes;
pub(crate) mod neon;
mod rows;
