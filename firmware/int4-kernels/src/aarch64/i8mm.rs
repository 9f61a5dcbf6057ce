//! NEON with matrix products (`FEAT_I8MM`: Cortex-A510, A710, Neoverse N2 and later): `usmmla`
//! multiplies 2 rows by 2 tokens over 8 columns into a square of 4 32-bit sums.
//!
//! Squares stay squares until the panel's end: scales and starts are put in the same order, which
//! is less work than sorting the sums of each block.

use super::dotprod::NeonDotprod;
use super::walk::{QUADS, Walk, accumulate, each_eight, for_layout, store};
use crate::activations::Tile;
use crate::layout::{Bits, MatrixSpec};
use crate::limits::PANEL_ROWS;
use std::arch::aarch64::*;
use std::arch::asm;

/// Proof that this machine has matrix products: it can only be made by asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NeonI8mm {
    /// For a single token, where half of each square would be wasted.
    dotprod: NeonDotprod,
}

impl NeonI8mm {
    /// Asks the operating system.
    pub(crate) fn new() -> Option<NeonI8mm> {
        let dotprod = NeonDotprod::new()?;
        std::arch::is_aarch64_feature_detected!("i8mm").then_some(NeonI8mm { dotprod })
    }

    /// Dot products, which are there as well.
    pub(crate) fn dotprod(self) -> NeonDotprod {
        self.dotprod
    }

    /// The same as [`crate::scalar::panel_int8`].
    pub(crate) fn panel_int8(
        self,
        spec: &MatrixSpec,
        panel: &[u8],
        x: &Tile<'_>,
        out: &mut [[f32; PANEL_ROWS]],
    ) {
        if x.width == 1 {
            return self.dotprod.panel_int8(spec, panel, x, out);
        }
        x.assert_fits(spec, panel, out);
        for quad in (0..QUADS).step_by(quads(x.width)) {
            // SAFETY: the feature is there (`self`), and the lengths were just checked.
            unsafe { tokens(spec, panel, x, quad, out) }
        }
    }
}

/// Quads of rows that one walk along the panel serves: so many that 8 to 16 registers hold sums.
fn quads(width: usize) -> usize {
    if width <= 4 { QUADS } else { QUADS / 2 }
}

/// Chooses the loop for a tile and [`quads`] of rows.
///
/// # Safety
/// The feature is there; `panel`, `x` and `out` fit `spec`, the tile is not of one token, and
/// `quad` is a multiple of its [`quads`].
#[target_feature(enable = "neon,i8mm")]
unsafe fn tokens(
    spec: &MatrixSpec,
    panel: &[u8],
    x: &Tile<'_>,
    quad: usize,
    out: &mut [[f32; PANEL_ROWS]],
) {
    // SAFETY: the caller's promise.
    unsafe {
        match x.width.div_ceil(2) {
            1 => for_layout!(spec, walk::<1, 4>(spec, panel, x, quad, out)),
            2 => for_layout!(spec, walk::<2, 4>(spec, panel, x, quad, out)),
            3 => for_layout!(spec, walk::<3, 2>(spec, panel, x, quad, out)),
            4 => for_layout!(spec, walk::<4, 2>(spec, panel, x, quad, out)),
            pairs => unreachable!("a tile of {pairs} pairs of tokens"),
        }
    }
}

/// The first token of a pair. The last pair of an odd number of tokens has one token in common with
/// the pair before, so that no load reaches beyond the tile; that token comes out twice.
#[inline(always)]
fn token(pair: usize, width: usize) -> usize {
    (2 * pair).min(width - 2)
}

/// `P` pairs of tokens against `R` quads of a panel, from `quad` on.
///
/// # Safety
/// As [`tokens`]; the tile has `P` pairs, the spec these bits, block and zero points, and the panel
/// these quads.
#[inline(never)]
#[target_feature(enable = "neon,i8mm")]
unsafe fn walk<
    const P: usize,
    const R: usize,
    const BITS: usize,
    const BLOCK: usize,
    const ZEROS: bool,
>(
    spec: &MatrixSpec,
    panel: &[u8],
    x: &Tile<'_>,
    quad: usize,
    out: &mut [[f32; PANEL_ROWS]],
) {
    let mut at = Walk::<BITS, BLOCK, ZEROS>::new(spec, panel, x, 0);
    // Of each pair and quad, the square of the first two rows and that of the other two.
    let mut acc = [[[vdupq_n_f32(0.0); 2]; R]; P];
    for _ in 0..spec.blocks() {
        at.prefetch();
        // SAFETY: the walk is at a block, of which every part is inside the panel and the tile.
        unsafe {
            let mut dots: [[[int32x4_t; 2]; R]; P] =
                std::array::from_fn(|p| start(&at, token(p, x.width), quad));
            each_eight!(BLOCK, eight in at.columns() / 8, {
                let pairs: [int8x16_t; P] = std::array::from_fn(|p| {
                    let first = 4 * token(p, x.width);
                    let lanes = [0, 1].map(|i| at.lane(2 * eight + i).wrapping_add(first));
                    pair(lanes[0], lanes[1])
                });
                let [w0, w1] = at.eight::<R>(eight, quad);
                for r in 0..R {
                    let rows = rows(w0[r], w1[r]);
                    for (dots, pair) in dots.iter_mut().zip(pairs) {
                        multiply(&mut dots[r], rows, pair);
                    }
                }
            });
            let weights = at.weight_scales::<R>(quad).map(|w| [vzip1q_f32(w, w), vzip2q_f32(w, w)]);
            for (p, (acc, dots)) in acc.iter_mut().zip(dots).enumerate() {
                let scale = vld1_f32(at.scale(token(p, x.width)));
                let scale = vcombine_f32(scale, scale);
                for (q, (acc, dots)) in acc.iter_mut().zip(dots).enumerate() {
                    for i in 0..2 {
                        accumulate(&mut acc[i], dots[i], vmulq_f32(weights[q][i], scale));
                    }
                }
            }
        }
        at.advance();
    }
    for (p, acc) in acc.into_iter().enumerate() {
        let first = token(p, x.width);
        store(acc.map(|[a, b]| vuzp1q_f32(a, b)), quad, &mut out[first]);
        store(acc.map(|[a, b]| vuzp2q_f32(a, b)), quad, &mut out[first + 1]);
    }
}

/// What the squares of a block start with: `-zero_point * sum(activations)`.
///
/// # Safety
/// The walk is at a block, and the tile has these two tokens.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn start<const R: usize, const BITS: usize, const BLOCK: usize, const ZEROS: bool>(
    at: &Walk<BITS, BLOCK, ZEROS>,
    token: usize,
    quad: usize,
) -> [[int32x4_t; 2]; R] {
    // SAFETY: the caller's promise.
    let start = unsafe { vld1_s32(at.start(token)) };
    let start = vcombine_s32(start, start);
    if !ZEROS {
        return [[if BITS == 4 { start } else { vshlq_n_s32::<4>(start) }; 2]; R];
    }
    let sum = vshrq_n_s32::<3>(start);
    std::array::from_fn(|i| {
        // SAFETY: the caller's promise, and there are zero points.
        let zeros = vmovl_u8(unsafe { at.zeros((quad + i) & !1) });
        let zeros = if i % 2 == 0 { vget_low_u16(zeros) } else { vget_high_u16(zeros) };
        let zeros = vreinterpretq_s32_u32(vmovl_u16(zeros));
        [vzip1q_s32(zeros, zeros), vzip2q_s32(zeros, zeros)].map(|zeros| vmulq_s32(zeros, sum))
    })
}

/// Eight columns of each of two tokens, from where their first and their last four columns lie.
///
/// # Safety
/// There are 8 activations at each place.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn pair(a: *const i8, b: *const i8) -> int8x16_t {
    // SAFETY: the caller's promise.
    let [a, b] = [a, b].map(|from| vreinterpret_s32_s8(unsafe { vld1_s8(from) }));
    vreinterpretq_s8_s32(vcombine_s32(vzip1_s32(a, b), vzip2_s32(a, b)))
}

/// The weights of eight columns of the first two rows of a quad, and those of the other two, from
/// the weights of four columns of all four rows, and those of the next four columns.
#[inline]
#[target_feature(enable = "neon")]
fn rows(w0: uint8x16_t, w1: uint8x16_t) -> [uint8x16_t; 2] {
    let (w0, w1) = (vreinterpretq_u32_u8(w0), vreinterpretq_u32_u8(w1));
    [vreinterpretq_u8_u32(vzip1q_u32(w0, w1)), vreinterpretq_u8_u32(vzip2q_u32(w0, w1))]
}

/// Adds the products of two squares. As two `vusmmlaq_s32`, which is not stable.
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn multiply(dots: &mut [int32x4_t; 2], rows: [uint8x16_t; 2], pair: int8x16_t) {
    let [d0, d1] = dots;
    // SAFETY: instructions on registers; the feature is there.
    unsafe {
        asm!("usmmla {0:v}.4s, {2:v}.16b, {4:v}.16b", "usmmla {1:v}.4s, {3:v}.16b, {4:v}.16b",
            inout(vreg) *d0, inout(vreg) *d1, in(vreg) rows[0], in(vreg) rows[1], in(vreg) pair,
            options(pure, nomem, nostack, preserves_flags));
    }
}
