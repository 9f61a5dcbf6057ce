//! What the kernels of 64-bit ARM have in common: the walk along a panel's blocks, the unpacking of
//! weights, and the float step.
//!
//! A *quad* is four rows, one NEON register of 32-bit lanes; a panel has four.

use crate::activations::Tile;
use crate::layout::{GROUP_BYTES, MatrixSpec, SCALE_BYTES};
use crate::limits::PANEL_ROWS;
use std::arch::aarch64::*;
use std::arch::asm;

/// Quads of a panel.
pub(super) const QUADS: usize = PANEL_ROWS / 4;

/// How far ahead of the weights in use memory is asked for: 7 blocks of 32 columns at 4 bits, which
/// take longer than a miss on the boards we know. At most 32 kB: it is part of an instruction.
const PREFETCH_BYTES: usize = 2048;

/// A place in a panel of `BITS`-bit weights, and the activations that meet it, of the tokens from
/// some first one on. Blocks have `BLOCK` columns, or what the spec says if `BLOCK` is 0.
pub(super) struct Walk<const BITS: usize, const BLOCK: usize, const ZEROS: bool> {
    block: *const u8,
    quants: *const i8,
    scales: *const f32,
    starts: *const i32,
    columns: usize,
    width: usize,
}

/// Calls `$walk::<$t.., BITS, BLOCK, ZEROS>` for a spec; the common one has a loop of its own.
macro_rules! for_layout {
    ($spec:expr, $walk:ident::<$($t:literal),*>($($arg:expr),*)) => {
        match ($spec.bits(), $spec.block(), $spec.zero_points()) {
            (Bits::Four, 32, false) => $walk::<$($t,)* 4, 32, false>($($arg),*),
            (Bits::Four, _, false) => $walk::<$($t,)* 4, 0, false>($($arg),*),
            (Bits::Four, _, true) => $walk::<$($t,)* 4, 0, true>($($arg),*),
            (Bits::Eight, _, false) => $walk::<$($t,)* 8, 0, false>($($arg),*),
            (Bits::Eight, _, true) => $walk::<$($t,)* 8, 0, true>($($arg),*),
        }
    };
}
pub(super) use for_layout;

/// Runs `$body` for each `$i` of `0..$count`, the times eight columns of a block; in blocks of 32
/// as four copies of the text, which the compiler thinks too long to unroll.
macro_rules! each_eight {
    ($block:ident, $i:ident in $count:expr, $body:block) => {
        if $block == 32 {
            each_eight!(@copies $i, $body, 0 1 2 3);
        } else {
            for $i in 0..$count $body
        }
    };
    (@copies $i:ident, $body:block, $($n:literal)*) => {
        $({ let $i: usize = $n; $body })*
    };
}
pub(super) use each_eight;

impl<const BITS: usize, const BLOCK: usize, const ZEROS: bool> Walk<BITS, BLOCK, ZEROS> {
    const HEADER: usize = if ZEROS { SCALE_BYTES + PANEL_ROWS } else { SCALE_BYTES };

    /// The first block, and token `first` of the tile. The spec has these bits, block and zero
    /// points.
    #[inline(always)]
    pub(super) fn new(spec: &MatrixSpec, panel: &[u8], x: &Tile<'_>, first: usize) -> Self {
        Walk {
            block: panel.as_ptr(),
            quants: x.quants.as_ptr().wrapping_add(4 * first),
            scales: x.scales.as_ptr().wrapping_add(first),
            starts: x.starts.as_ptr().wrapping_add(first),
            columns: if BLOCK == 0 { spec.block() } else { BLOCK },
            width: x.width,
        }
    }

    /// Columns of a block.
    #[inline(always)]
    pub(super) fn columns(&self) -> usize {
        if BLOCK == 0 { self.columns } else { BLOCK }
    }

    #[inline(always)]
    fn block_bytes(&self) -> usize {
        Self::HEADER + self.columns() * BITS * 2
    }

    /// Goes on to the next block.
    #[inline(always)]
    pub(super) fn advance(&mut self) {
        self.block = self.block.wrapping_add(self.block_bytes());
        self.quants = self.quants.wrapping_add(self.columns() * self.width);
        self.scales = self.scales.wrapping_add(self.width);
        self.starts = self.starts.wrapping_add(self.width);
    }

    /// Asks for the weights of a block further on. Five lines at once, as many as the common block
    /// has, with constant offsets: the compiler otherwise spends an addition on each.
    #[inline(always)]
    pub(super) fn prefetch(&self) {
        for lines in (0..self.block_bytes()).step_by(320) {
            // SAFETY: prefetching never faults, and changes nothing that a program sees.
            unsafe {
                asm!("prfm pldl1keep, [{0}, {1}]", "prfm pldl1keep, [{0}, {1} + 64]",
                    "prfm pldl1keep, [{0}, {1} + 128]", "prfm pldl1keep, [{0}, {1} + 192]",
                    "prfm pldl1keep, [{0}, {1} + 256]",
                    in(reg) self.block.wrapping_add(lines), const PREFETCH_BYTES,
                    options(readonly, nostack, preserves_flags));
            }
        }
    }

    /// Eight columns of `R` quads, as unsigned numbers: the first four columns of each, then the
    /// other four.
    ///
    /// # Safety
    /// The walk is at a block, and it has these columns.
    #[inline]
    #[target_feature(enable = "neon")]
    pub(super) unsafe fn eight<const R: usize>(
        &self,
        eight: usize,
        quad: usize,
    ) -> [[uint8x16_t; R]; 2] {
        let from = self.block.wrapping_add(Self::HEADER + eight * BITS * 16 + quad * 16);
        let load = |from: *const u8| {
            // SAFETY: the caller's promise; a group has 16 bytes for each quad.
            std::array::from_fn(|i| unsafe { vld1q_u8(from.wrapping_add(16 * i)) })
        };
        let bytes: [uint8x16_t; R] = load(from);
        if BITS == 8 {
            return [bytes, load(from.wrapping_add(GROUP_BYTES))];
        }
        let mask = vdupq_n_u8(0x0f);
        [bytes.map(|bytes| vandq_u8(bytes, mask)), bytes.map(|bytes| vshrq_n_u8::<4>(bytes))]
    }

    /// As [`Walk::eight`], as signed numbers: 8-bit weights less 128, nibbles as they are.
    ///
    /// # Safety
    /// As [`Walk::eight`].
    #[inline]
    #[target_feature(enable = "neon")]
    pub(super) unsafe fn signed_eight<const R: usize>(
        &self,
        eight: usize,
        quad: usize,
    ) -> [[int8x16_t; R]; 2] {
        let flip = vdupq_n_u8(if BITS == 8 { 0x80 } else { 0 });
        let signed = |w: uint8x16_t| vreinterpretq_s8_u8(veorq_u8(w, flip));
        // SAFETY: the caller's promise.
        unsafe { self.eight::<R>(eight, quad) }.map(|w| w.map(signed))
    }

    /// Where the first token's `lane`-th four columns of this block are; the next token's are four
    /// bytes on.
    #[inline(always)]
    pub(super) fn lane(&self, lane: usize) -> *const i8 {
        self.quants.wrapping_add(4 * self.width * lane)
    }

    /// Where the scale of this block of activations is, of the `token`-th after the first.
    #[inline(always)]
    pub(super) fn scale(&self, token: usize) -> *const f32 {
        self.scales.wrapping_add(token)
    }

    /// As [`Walk::scale`]: -8 times the sum of this block of activations.
    #[inline(always)]
    pub(super) fn start(&self, token: usize) -> *const i32 {
        self.starts.wrapping_add(token)
    }

    /// The zero points of eight rows, as they are.
    ///
    /// # Safety
    /// The walk is at a block, and the matrix has zero points.
    #[inline]
    #[target_feature(enable = "neon")]
    pub(super) unsafe fn zeros(&self, quad: usize) -> uint8x8_t {
        // SAFETY: 16 zero points follow the scales.
        unsafe { vld1_u8(self.block.add(SCALE_BYTES + 4 * quad)) }
    }

    /// The scales of `R` quads of rows of this block.
    ///
    /// # Safety
    /// The walk is at a block.
    #[inline]
    #[target_feature(enable = "neon")]
    pub(super) unsafe fn weight_scales<const R: usize>(&self, quad: usize) -> [float32x4_t; R] {
        std::array::from_fn(|i| {
            // SAFETY: a block begins with 16 half floats.
            widen(unsafe { vld1_u16(self.block.add(8 * (quad + i)).cast()) })
        })
    }

    /// What the sums of a block start with where 8-bit weights enter as signed numbers, less 128:
    /// `-zero_point * sum(activations)`, the zero point less 128 too.
    ///
    /// # Safety
    /// The walk is at a block, and the tile has this token.
    #[inline]
    #[target_feature(enable = "neon")]
    pub(super) unsafe fn signed_start<const R: usize>(
        &self,
        token: usize,
        quad: usize,
    ) -> [int32x4_t; R] {
        // SAFETY: the caller's promise.
        let start = unsafe { *self.start(token) };
        if !ZEROS {
            return [vdupq_n_s32(if BITS == 4 { start } else { 0 }); R];
        }
        // A block's sum is at most 256 * 127 = 32512: 16 bits hold it.
        let sum = (start >> 3) as i16;
        std::array::from_fn(|i| {
            // SAFETY: the caller's promise, and there are zero points.
            let zeros = unsafe { self.zeros((quad + i) & !1) };
            let zeros = if BITS == 4 {
                vreinterpretq_s16_u16(vmovl_u8(zeros))
            } else {
                vmovl_s8(vreinterpret_s8_u8(veor_u8(zeros, vdup_n_u8(0x80))))
            };
            let zeros = if i % 2 == 0 { vget_low_s16(zeros) } else { vget_high_s16(zeros) };
            vmull_n_s16(zeros, sum)
        })
    }
}

/// Half floats to floats. Exact; in the base instruction set, though its intrinsic is not stable.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn widen(half: uint16x4_t) -> float32x4_t {
    let wide: float32x4_t;
    // SAFETY: one instruction on registers that every 64-bit ARM has.
    unsafe {
        asm!("fcvtl {0:v}.4s, {1:v}.4h", out(vreg) wide, in(vreg) half,
            options(pure, nomem, nostack, preserves_flags));
    }
    wide
}

/// `acc = fma(dots, weight scale * activation scale, acc)`.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn accumulate(acc: &mut float32x4_t, dots: int32x4_t, scale: float32x4_t) {
    *acc = vfmaq_f32(*acc, vcvtq_f32_s32(dots), scale);
}

/// Writes `R` quads of rows.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn store<const R: usize>(
    acc: [float32x4_t; R],
    quad: usize,
    out: &mut [f32; PANEL_ROWS],
) {
    for (acc, out) in acc.into_iter().zip(out[4 * quad..].chunks_exact_mut(4)) {
        // SAFETY: a chunk is 4 floats.
        unsafe { vst1q_f32(out.as_mut_ptr(), acc) }
    }
}
