//! NEON with dot products (ARMv8.2 `FEAT_DotProd`: Cortex-A55, A75, A76 and later): `sdot`
//! multiplies 16 weights, 4 rows of 4 columns, with 4 activations and adds groups of four into 4
//! 32-bit lanes.
//!
//! It takes the activations from any lane of a register, so one 16-byte load serves 4 tokens, or 16
//! columns of one token. Four tokens hold 16 integer accumulators.

use super::walk::{QUADS, Walk, accumulate, each_eight, for_layout, store};
use crate::activations::Tile;
use crate::layout::{Bits, MatrixSpec};
use crate::limits::PANEL_ROWS;
use std::arch::aarch64::*;
use std::arch::asm;

/// Proof that this machine has dot products: it can only be made by asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NeonDotprod(());

/// Tokens that one walk along the panel serves.
const WALK_TOKENS: usize = 4;

impl NeonDotprod {
    /// Asks the operating system.
    pub(crate) fn new() -> Option<NeonDotprod> {
        std::arch::is_aarch64_feature_detected!("dotprod").then_some(NeonDotprod(()))
    }

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
            // SAFETY: the feature is there (`self`), the lengths were just checked, and the tile
            // has `out.len()` tokens from `i * step` on.
            unsafe { tokens(spec, panel, x, i * step, out) }
        }
    }
}

/// Chooses the loop for some tokens of a tile. A single token is the tile's only one.
///
/// # Safety
/// The feature is there; `panel`, `x` and `out` fit `spec`, and `first` is the first of the tokens.
#[target_feature(enable = "dotprod")]
unsafe fn tokens(
    spec: &MatrixSpec,
    panel: &[u8],
    x: &Tile<'_>,
    first: usize,
    out: &mut [[f32; PANEL_ROWS]],
) {
    // SAFETY: the caller's promise.
    unsafe {
        match out.len() {
            1 => for_layout!(spec, walk::<1>(spec, panel, x, first, out)),
            2 => for_layout!(spec, walk::<2>(spec, panel, x, first, out)),
            3 => for_layout!(spec, walk::<3>(spec, panel, x, first, out)),
            4 => for_layout!(spec, walk::<4>(spec, panel, x, first, out)),
            tokens => unreachable!("a walk of {tokens} tokens"),
        }
    }
}

/// Sums of the four quads of a panel, of one token.
type Dots = [int32x4_t; QUADS];

/// `T` tokens against one panel.
///
/// # Safety
/// As [`tokens`]; the spec has these bits, block and zero points.
#[inline(never)]
#[target_feature(enable = "dotprod")]
unsafe fn walk<const T: usize, const BITS: usize, const BLOCK: usize, const ZEROS: bool>(
    spec: &MatrixSpec,
    panel: &[u8],
    x: &Tile<'_>,
    first: usize,
    out: &mut [[f32; PANEL_ROWS]],
) {
    let mut at = Walk::<BITS, BLOCK, ZEROS>::new(spec, panel, x, first);
    let mut acc = [[vdupq_n_f32(0.0); QUADS]; T];
    for _ in 0..spec.blocks() {
        at.prefetch();
        // SAFETY: the walk is at a block, of which every part is inside the panel and the tile.
        unsafe {
            let mut dots: [Dots; T] = std::array::from_fn(|t| at.signed_start(t, 0));
            if T == 1 {
                for sixteen in 0..at.columns() / 16 {
                    one_token(&at, sixteen, &mut dots[0]);
                }
            } else {
                each_eight!(BLOCK, eight in at.columns() / 8, {
                    let weights = at.signed_eight(eight, 0);
                    for (i, w) in weights.into_iter().enumerate() {
                        let a = load_lanes::<T>(at.lane(2 * eight + i));
                        multiply::<0>(&mut dots[0], w, a);
                        multiply::<1>(&mut dots[1], w, a);
                        if T > 2 {
                            multiply::<2>(&mut dots[2], w, a);
                        }
                        if T > 3 {
                            multiply::<3>(&mut dots[3], w, a);
                        }
                    }
                });
            }
            let weights: [float32x4_t; QUADS] = at.weight_scales(0);
            for (t, (acc, dots)) in acc.iter_mut().zip(dots).enumerate() {
                let scale = weights.map(|weights| vmulq_n_f32(weights, *at.scale(t)));
                for q in 0..QUADS {
                    accumulate(&mut acc[q], dots[q], scale[q]);
                }
            }
        }
        at.advance();
    }
    for (acc, out) in acc.into_iter().zip(out) {
        store(acc, 0, out);
    }
}

/// Adds the products of 16 columns of a tile of one token.
///
/// # Safety
/// The walk is at a block with these columns.
#[inline]
#[target_feature(enable = "dotprod")]
unsafe fn one_token<const BITS: usize, const BLOCK: usize, const ZEROS: bool>(
    at: &Walk<BITS, BLOCK, ZEROS>,
    sixteen: usize,
    dots: &mut Dots,
) {
    // SAFETY: the caller's promise; the activations of one token lie in order.
    unsafe {
        let a = vld1q_s8(at.lane(4 * sixteen));
        let [w0, w1] = at.signed_eight(2 * sixteen, 0);
        multiply::<0>(dots, w0, a);
        multiply::<1>(dots, w1, a);
        let [w2, w3] = at.signed_eight(2 * sixteen + 1, 0);
        multiply::<2>(dots, w2, a);
        multiply::<3>(dots, w3, a);
    }
}

/// Four columns of each of `T` tokens, 2 to 4.
///
/// # Safety
/// There are `4 * T` activations at `from`.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn load_lanes<const T: usize>(from: *const i8) -> int8x16_t {
    // SAFETY: the caller's promise.
    unsafe {
        if T == 4 {
            return vld1q_s8(from);
        }
        let two = vcombine_s8(vld1_s8(from), vdup_n_s8(0));
        if T == 2 {
            return two;
        }
        let third = from.add(8).cast::<i32>().read_unaligned();
        vreinterpretq_s8_s32(vsetq_lane_s32::<2>(third, vreinterpretq_s32_s8(two)))
    }
}

/// Adds the products of four columns of each row and the four activations in a lane of `a`. As four
/// `vdotq_laneq_s32`, which is not stable.
#[inline]
#[target_feature(enable = "dotprod")]
fn multiply<const LANE: i32>(dots: &mut Dots, w: [int8x16_t; QUADS], a: int8x16_t) {
    let [d0, d1, d2, d3] = dots;
    // SAFETY: instructions on registers; the feature is there.
    unsafe {
        asm!("sdot {0:v}.4s, {4:v}.16b, {8:v}.4b[{9}]", "sdot {1:v}.4s, {5:v}.16b, {8:v}.4b[{9}]",
            "sdot {2:v}.4s, {6:v}.16b, {8:v}.4b[{9}]", "sdot {3:v}.4s, {7:v}.16b, {8:v}.4b[{9}]",
            inout(vreg) *d0, inout(vreg) *d1, inout(vreg) *d2, inout(vreg) *d3,
            in(vreg) w[0], in(vreg) w[1], in(vreg) w[2], in(vreg) w[3], in(vreg) a, const LANE,
            options(pure, nomem, nostack, preserves_flags));
    }
}
