//! Kernels for 64-bit ARM, from the plain instruction set of 2011 to that of today's servers.
//!
//! # On boards
//!
//! No figure here was taken on a board. These are the cycles that `llvm-mca` 19.1.7 expects the
//! inner loop to take, for 16 rows of 32 columns at 4 bits (288 bytes of weights, 512 products a
//! token), with everything in the first-level cache. `tests/mca.sh` prints them from the source as
//! it is, by `llvm-mca -mcpu=... -iterations=200`.
//!
//! | kernel | model | 1 token: cycles | weight bytes/cycle | 8 tokens: cycles | products/cycle |
//! |---|---|---|---|---|---|
//! | `neon` | Cortex-A53 | 188 | 1.5 | 1684 | 2.4 |
//! | `neon` | Cortex-A72 | 81 | 3.6 | 633 | 6.5 |
//! | `neon-dotprod` | Cortex-A55 | 143 | 2.0 | 712 | 5.8 |
//! | `neon-dotprod` | Neoverse N1 for Cortex-A76 | 46 | 6.2 | 282 | 14.5 |
//! | `neon-i8mm` | Neoverse N2 for Cortex-A710 | as `neon-dotprod` | | 241 | 17.0 |
//!
//! LLVM has no model of Cortex-A76 (it takes it for a Cortex-A57) nor of A710; the Neoverse cores
//! are their sisters. The models of the two in-order cores are coarse: one sum waits 6 (A53) or 4
//! (A55) cycles for the next multiply-add.
//!
//! Memory must be the slower one, for one token. Per core and cycle, all four cores reading:
//!
//! | board | cores | memory, all cores | a core and cycle | the kernel's |
//! |---|---|---|---|---|
//! | Raspberry Pi 4 | 4 x A72, 1.5 to 1.8 GHz | 5 to 7 GB/s | 0.7 to 1.2 bytes | 3.6 |
//! | Raspberry Pi 5 | 4 x A76, 2.4 GHz | 17 GB/s | 1.8 bytes | 6.2 |
//!
//! A single core nearly keeps the memory of either busy. A prompt is bound by products: at best
//! 4 x 1.8 GHz x 6.5 = 47 and 4 x 2.4 GHz x 14.5 = 139 thousand million a second.

pub(crate) mod dotprod;
pub(crate) mod i8mm;
mod lanes;
pub(crate) mod neon;
mod rows;
mod walk;
