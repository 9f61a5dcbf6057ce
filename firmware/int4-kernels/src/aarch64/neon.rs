//! NEON as every 64-bit ARM has it (Cortex-A53, A72): `smull` and `smlal` multiply 8 weights, 2
//! rows of 4 columns, with 4 activations into 8 16-bit sums, which now and then go into 32-bit
//! ones.
//!
//! # Why the 16-bit sums do not overflow
//!
//! At 4 bits a product is at most 15 * 127 = 1905 in magnitude. A lane takes at most 8 of them, one
//! for each four of [`CHUNK_COLUMNS`] columns; then two lanes are added, still in 16 bits: 16 *
//! 1905 = 30480 < 32768. At 8 bits, less 128, a product is at most 128 * 127 = 16256, and a lane
//! takes two: 32512 < 32768.

use super::walk::{QUADS, Walk, accumulate, each_eight, for_layout, store};
use crate::activations::Tile;
use crate::layout::{Bits, MatrixSpec};
use crate::limits::PANEL_ROWS;
use std::arch::aarch64::*;
use std::arch::asm;

/// NEON, which is part of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Neon;

/// Tokens that one walk along the panel serves.
const WALK_TOKENS: usize = 4;

/// Columns of 4-bit weights whose products 16-bit lanes take.
const CHUNK_COLUMNS: usize = 32;

impl Neon {
    /// The same as [`crate::scalar::panel_int8`].
    pub(crate) fn panel_int8(
        self,
        spec: &MatrixSpec,
        panel: &[u8],
        x: &Tile<'_>,
        out: &mut [[f32; PANEL_ROWS]],
    ) {
        x.assert_fits(spec, panel, out);
        // One walk of up to 4 tokens, or two that share them evenly.
        let step = if x.width <= WALK_TOKENS { x.width } else { x.width.div_ceil(2) };
        for (i, out) in out.chunks_mut(step).enumerate() {
            for quad in (0..QUADS).step_by(quads(out.len())) {
                // SAFETY: the lengths were just checked, and the tile has `out.len()` tokens from
                // `i * step` on.
                unsafe { tokens(spec, panel, x, i * step, quad, out) }
            }
        }
    }
}

/// Quads of rows that one walk along the panel serves: so many that 8 to 16 registers hold sums.
fn quads(tokens: usize) -> usize {
    if tokens <= 2 { QUADS } else { QUADS / 2 }
}

/// Chooses the loop for some tokens of a tile and [`quads`] of rows.
///
/// # Safety
/// `panel`, `x` and `out` fit `spec`; `first` is the first of the tokens, and `quad` a multiple of
/// their [`quads`].
#[target_feature(enable = "neon")]
unsafe fn tokens(
    spec: &MatrixSpec,
    panel: &[u8],
    x: &Tile<'_>,
    first: usize,
    quad: usize,
    out: &mut [[f32; PANEL_ROWS]],
) {
    // SAFETY: the caller's promise.
    unsafe {
        match out.len() {
            1 => for_layout!(spec, walk::<1, 4>(spec, panel, x, first, quad, out)),
            2 => for_layout!(spec, walk::<2, 4>(spec, panel, x, first, quad, out)),
            3 => for_layout!(spec, walk::<3, 2>(spec, panel, x, first, quad, out)),
            4 => for_layout!(spec, walk::<4, 2>(spec, panel, x, first, quad, out)),
            tokens => unreachable!("a walk of {tokens} tokens"),
        }
    }
}

/// `T` tokens against `R` quads of a panel, from `quad` on.
///
/// # Safety
/// As [`tokens`]; the spec has these bits, block and zero points, and the panel these quads.
#[inline(never)]
#[target_feature(enable = "neon")]
unsafe fn walk<
    const T: usize,
    const R: usize,
    const BITS: usize,
    const BLOCK: usize,
    const ZEROS: bool,
>(
    spec: &MatrixSpec,
    panel: &[u8],
    x: &Tile<'_>,
    first: usize,
    quad: usize,
    out: &mut [[f32; PANEL_ROWS]],
) {
    let mut at = Walk::<BITS, BLOCK, ZEROS>::new(spec, panel, x, first);
    let mut acc = [[vdupq_n_f32(0.0); R]; T];
    for _ in 0..spec.blocks() {
        at.prefetch();
        // SAFETY: the walk is at a block, of which every part is inside the panel and the tile.
        unsafe {
            let dots: [[int32x4_t; R]; T] =
                if BITS == 4 { dots_of_4_bits(&at, quad) } else { dots_of_8_bits(&at, quad) };
            let weights: [float32x4_t; R] = at.weight_scales(quad);
            for (t, (acc, dots)) in acc.iter_mut().zip(dots).enumerate() {
                let scale = weights.map(|weights| vmulq_n_f32(weights, *at.scale(t)));
                for q in 0..R {
                    accumulate(&mut acc[q], dots[q], scale[q]);
                }
            }
        }
        at.advance();
    }
    for (acc, out) in acc.into_iter().zip(out) {
        store(acc, quad, out);
    }
}

/// The sums of one block.
///
/// # Safety
/// The walk is at a block, the tile has `T` tokens from the walk's first on.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn dots_of_4_bits<
    const T: usize,
    const R: usize,
    const BITS: usize,
    const BLOCK: usize,
    const ZEROS: bool,
>(
    at: &Walk<BITS, BLOCK, ZEROS>,
    quad: usize,
) -> [[int32x4_t; R]; T] {
    // SAFETY: the caller's promise.
    let mut dots = std::array::from_fn(|t| unsafe { at.signed_start::<R>(t, quad) });
    let columns = at.columns().min(CHUNK_COLUMNS);
    for chunk in 0..at.columns() / columns {
        let mut sums = [[[vdupq_n_s16(0); 2]; R]; T];
        each_eight!(BLOCK, eight in columns / 8, {
            let eight = chunk * (columns / 8) + eight;
            // SAFETY: the caller's promise.
            let weights = unsafe { at.signed_eight::<R>(eight, quad) };
            for (i, weights) in weights.into_iter().enumerate() {
                for (t, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: the caller's promise.
                    let a = unsafe { broadcast(at.lane(2 * eight + i), t) };
                    for (sums, w) in sums.iter_mut().zip(weights) {
                        sums[0] = vmlal_s8(sums[0], vget_low_s8(w), vget_low_s8(a));
                        sums[1] = vmlal_high_s8(sums[1], w, a);
                    }
                }
            }
        });
        for (dots, sums) in dots.iter_mut().zip(sums) {
            for (dots, sums) in dots.iter_mut().zip(sums) {
                *dots = vpadalq_s16(*dots, vpaddq_s16(sums[0], sums[1]));
            }
        }
    }
    dots
}

/// The sums of one block.
///
/// # Safety
/// As [`dots_of_4_bits`].
#[inline]
#[target_feature(enable = "neon")]
unsafe fn dots_of_8_bits<
    const T: usize,
    const R: usize,
    const BITS: usize,
    const BLOCK: usize,
    const ZEROS: bool,
>(
    at: &Walk<BITS, BLOCK, ZEROS>,
    quad: usize,
) -> [[int32x4_t; R]; T] {
    let mut sums = [[[vdupq_n_s32(0); 2]; R]; T];
    for eight in 0..at.columns() / 8 {
        // SAFETY: the caller's promise.
        let [w0, w1] = unsafe { at.signed_eight::<R>(eight, quad) };
        for (t, sums) in sums.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            let [a0, a1] = [0, 1].map(|i| unsafe { broadcast(at.lane(2 * eight + i), t) });
            for (r, sums) in sums.iter_mut().enumerate() {
                let low = vmull_s8(vget_low_s8(w0[r]), vget_low_s8(a0));
                let low = vmlal_s8(low, vget_low_s8(w1[r]), vget_low_s8(a1));
                let high = vmlal_high_s8(vmull_high_s8(w0[r], a0), w1[r], a1);
                *sums = [vpadalq_s16(sums[0], low), vpadalq_s16(sums[1], high)];
            }
        }
    }
    std::array::from_fn(|t| {
        // SAFETY: the caller's promise.
        let starts = unsafe { at.signed_start::<R>(t, quad) };
        std::array::from_fn(|r| vaddq_s32(starts[r], vpaddq_s32(sums[t][r][0], sums[t][r][1])))
    })
}

/// Four activations of a token, four times. Not `vld1q_dup_s32`: the compiler sees that all lanes
/// are the same, forgets the upper half and then has to move the upper half of the weights down.
///
/// # Safety
/// There are activations for this token at `lane`.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn broadcast(lane: *const i8, token: usize) -> int8x16_t {
    let a: int8x16_t;
    // SAFETY: the caller's promise.
    unsafe {
        asm!("ld1r {{{0:v}.4s}}, [{1}]", out(vreg) a, in(reg) lane.add(4 * token),
            options(pure, readonly, nostack, preserves_flags));
    }
    a
}
