//! Kernels for x86-64.

mod ahead;
pub(crate) mod avx2;
pub(crate) mod avx512vnni;
pub(crate) mod avxvnni;
mod lanes256;
mod lanes512;
mod rows;
pub(crate) mod ymm;
