//! The loop of the kernels with 256-bit registers, written once; an instruction set says how it
//! [multiplies](Ymm).
//!
//! 16 rows are two registers. One pass serves up to 4 tokens: their 8 integer sums, the weights and
//! what else the inner loop needs fit into the 16 registers of AVX2. Float sums are touched once a
//! block and may live in memory. Wider tiles are cut into passes, and so are the blocks, so that the
//! weights and activations of one pass are still in the first-level cache for the next.
//!
//! # Why no closures?
//!
//! The text is compiled for an instruction set by inlining it into a function that has it. Closures
//! and functions that take them are not always inlined; then each intrinsic in them is a call.

use super::ahead::Ahead;
use crate::activations::Tile;
use crate::layout::{Bits, GROUP_BYTES, MatrixSpec, SCALE_BYTES};
use crate::limits::{BLOCK_MAX, PANEL_ROWS};
use std::arch::x86_64::*;

/// Rows in a register.
const ROWS: usize = PANEL_ROWS / 2;

/// Tokens of one pass.
const PASS_TOKENS: usize = 4;

/// Columns of one pass where a tile needs more than one: 2 kB each of 4-bit weights and activations.
const PASS_COLUMNS: usize = 256;
const _: () = assert!(PASS_COLUMNS >= BLOCK_MAX);

/// An instruction set with 256-bit registers. A value is the proof that this machine runs it, and
/// AVX2, FMA and F16C.
///
/// It multiplies 32 unsigned weights, 4 columns of 8 rows, with the activations of these columns,
/// which are the same 4 bytes in each lane of `a`.
pub(crate) trait Ymm: Copy {
    /// True if the sums of [`Ymm::four`] hold no more than 32 columns.
    const NARROW: bool;
    /// What [`Ymm::eight`] takes away from each weight.
    const EIGHT_ZERO: i32;

    /// Adds the products of weights of 0 to 15 to sums that only [`Ymm::widen`] understands.
    ///
    /// # Safety
    /// The instruction set is there.
    unsafe fn four(sums: __m256i, weights: __m256i, a: __m256i) -> __m256i;

    /// The sums of [`Ymm::four`] as 32-bit lanes, one a row.
    ///
    /// # Safety
    /// The instruction set is there.
    unsafe fn widen(sums: __m256i) -> __m256i;

    /// Adds the products of weights of 0 to 255 to 32-bit lanes, one a row.
    ///
    /// # Safety
    /// The instruction set is there.
    unsafe fn eight(sums: __m256i, weights: __m256i, a: __m256i) -> __m256i;

    /// [`pass_text`], compiled for this instruction set.
    ///
    /// # Safety
    /// The instruction set is there, and [`pass_text`]'s conditions hold.
    unsafe fn pass<const T: usize, const ALL: bool>(pass: &Pass<'_>, out: &mut [[f32; PANEL_ROWS]]);

    /// The same as [`crate::scalar::panel_int8`].
    fn panel_int8(
        self,
        spec: &MatrixSpec,
        panel: &[u8],
        x: &Tile<'_>,
        out: &mut [[f32; PANEL_ROWS]],
    ) {
        x.assert_fits(spec, panel, out);
        let some = if x.width > PASS_TOKENS { PASS_COLUMNS / spec.block() } else { spec.blocks() };
        for first_block in (0..spec.blocks()).step_by(some) {
            let blocks = first_block..spec.blocks().min(first_block + some);
            for (i, out) in out.chunks_mut(PASS_TOKENS).enumerate() {
                let first_token = i * PASS_TOKENS;
                let pass = Pass { spec, panel, x, blocks: blocks.clone(), first_token };
                // SAFETY: the instruction set is there (`self`), the lengths were just checked, and
                // the blocks and tokens are inside.
                unsafe {
                    match (out.len(), x.width) {
                        (1, 1) => Self::pass::<1, true>(&pass, out),
                        (2, 2) => Self::pass::<2, true>(&pass, out),
                        (1, _) => Self::pass::<1, false>(&pass, out),
                        (2, _) => Self::pass::<2, false>(&pass, out),
                        (3, _) => Self::pass::<3, false>(&pass, out),
                        _ => Self::pass::<PASS_TOKENS, false>(&pass, out),
                    }
                }
            }
        }
    }
}

/// Some blocks of a panel against some tokens of a tile.
pub(crate) struct Pass<'a> {
    spec: &'a MatrixSpec,
    panel: &'a [u8],
    x: &'a Tile<'a>,
    blocks: std::ops::Range<usize>,
    first_token: usize,
}

/// Integer sums of 16 rows for each of `T` tokens.
type Sums<const T: usize> = [[__m256i; 2]; T];

/// A block, and what the first token of a pass has for it.
#[derive(Clone, Copy)]
struct Place {
    /// The block's bytes.
    block: *const u8,
    /// Activations; the next four columns are `width` lanes on.
    a: *const i32,
    scales: *const f32,
    starts: *const i32,
    /// Tokens of the tile.
    width: usize,
    /// Runs of columns in the block: of 16 in a block of 16, else of 32.
    runs: usize,
    /// Groups of quants in a run.
    groups: usize,
    /// How far ahead memory is asked for, if it is.
    ahead: Option<usize>,
}

/// Adds the products of a pass to `out`, or writes them if it starts at the first block.
///
/// # Safety
/// The instruction set `I` is there. The panel fits the spec, the tile has its columns and blocks,
/// the pass is inside both and has `T` tokens, as many as `out`; with `ALL`, so has the tile.
#[inline(always)]
pub(super) unsafe fn pass_text<I: Ymm, const T: usize, const ALL: bool>(
    pass: &Pass<'_>,
    out: &mut [[f32; PANEL_ROWS]],
) {
    let spec = pass.spec;
    // SAFETY: the caller's promise.
    unsafe {
        match (spec.bits(), spec.block(), spec.zero_points()) {
            (Bits::Four, 16, false) => blocks::<I, T, ALL, 4, 16, false>(pass, out),
            (Bits::Four, 16, true) => blocks::<I, T, ALL, 4, 16, true>(pass, out),
            (Bits::Four, 32, false) => blocks::<I, T, ALL, 4, 32, false>(pass, out),
            (Bits::Four, 32, true) => blocks::<I, T, ALL, 4, 32, true>(pass, out),
            (Bits::Four, _, false) => blocks::<I, T, ALL, 4, 0, false>(pass, out),
            (Bits::Four, _, true) => blocks::<I, T, ALL, 4, 0, true>(pass, out),
            (Bits::Eight, 16, false) => blocks::<I, T, ALL, 8, 16, false>(pass, out),
            (Bits::Eight, 16, true) => blocks::<I, T, ALL, 8, 16, true>(pass, out),
            (Bits::Eight, 32, false) => blocks::<I, T, ALL, 8, 32, false>(pass, out),
            (Bits::Eight, 32, true) => blocks::<I, T, ALL, 8, 32, true>(pass, out),
            (Bits::Eight, _, false) => blocks::<I, T, ALL, 8, 0, false>(pass, out),
            (Bits::Eight, _, true) => blocks::<I, T, ALL, 8, 0, true>(pass, out),
        }
    }
}

/// [`pass_text`] for `BITS`-bit weights in blocks of 16 or 32 columns, or of a larger power of two if
/// `BLOCK` is 0.
///
/// # Safety
/// As [`pass_text`].
#[inline(always)]
unsafe fn blocks<
    I: Ymm,
    const T: usize,
    const ALL: bool,
    const BITS: usize,
    const BLOCK: usize,
    const ZEROS: bool,
>(
    pass: &Pass<'_>,
    out: &mut [[f32; PANEL_ROWS]],
) {
    let Pass { spec, x, first_token, .. } = *pass;
    let (first, width) = (pass.blocks.start, if ALL { T } else { x.width });
    let groups = if BLOCK == 16 { 16 } else { 32 } * BITS / 32;
    let ahead = Ahead::here();
    // SAFETY: the panel has `blocks` blocks of `block_bytes`, the tile for each block `block / 4`
    // times `width` lanes and `width` scales and sums; a row of `out` is 16 floats.
    unsafe {
        let mut at = Place {
            block: pass.panel.as_ptr().add(first * spec.block_bytes()),
            a: x.quants.as_ptr().cast::<i32>().add(first * spec.block() / 4 * width + first_token),
            scales: x.scales.as_ptr().add(first * width + first_token),
            starts: x.starts.as_ptr().add(first * width + first_token),
            width,
            runs: if BLOCK == 0 { spec.block() / 32 } else { 1 },
            // Seeing how short the loop is, the compiler would write it out, sort it by tokens
            // instead of groups, and run out of registers.
            groups: if T == 1 { groups } else { std::hint::black_box(groups) },
            ahead: (width >= ahead.from_tokens).then_some(ahead.bytes),
        };
        let mut acc = [[_mm256_setzero_ps(); 2]; T];
        if first > 0 {
            for (acc, out) in acc.iter_mut().zip(out.iter()) {
                *acc = [_mm256_loadu_ps(out.as_ptr()), _mm256_loadu_ps(out.as_ptr().add(ROWS))];
            }
        }
        for _ in pass.blocks.clone() {
            block::<I, T, BITS, ZEROS>(at, &mut acc);
            at.block = at.block.add(spec.block_bytes());
            // Wrapping: after the last block these may point beyond the tile.
            at.a = at.a.wrapping_add(spec.block() / 4 * width);
            at.scales = at.scales.wrapping_add(width);
            at.starts = at.starts.wrapping_add(width);
        }
        for (acc, out) in acc.into_iter().zip(out.iter_mut()) {
            _mm256_storeu_ps(out.as_mut_ptr(), acc[0]);
            _mm256_storeu_ps(out.as_mut_ptr().add(ROWS), acc[1]);
        }
    }
}

/// `acc = fma(dot, weight_scale * activation_scale, acc)` for one block.
///
/// # Safety
/// As [`pass_text`]; `at` is inside the pass.
#[inline(always)]
unsafe fn block<I: Ymm, const T: usize, const BITS: usize, const ZEROS: bool>(
    at: Place,
    acc: &mut [[__m256; 2]; T],
) {
    // SAFETY: the caller's promise.
    unsafe {
        prefetch(at, at.block);
        let quants = at.block.add(if ZEROS { SCALE_BYTES + PANEL_ROWS } else { SCALE_BYTES });
        let dots = dots::<I, T, BITS>(quants, at);
        let starts = starts::<I, T, BITS, ZEROS>(at);
        let weight_scales = [
            _mm256_cvtph_ps(_mm_loadu_si128(at.block.cast())),
            _mm256_cvtph_ps(_mm_loadu_si128(at.block.add(2 * ROWS).cast())),
        ];
        for t in 0..T {
            let scale = _mm256_set1_ps(*at.scales.add(t));
            for half in 0..2 {
                let dot = _mm256_cvtepi32_ps(_mm256_add_epi32(dots[t][half], starts[t][half]));
                let scale = _mm256_mul_ps(weight_scales[half], scale);
                acc[t][half] = _mm256_fmadd_ps(dot, scale, acc[t][half]);
            }
        }
    }
}

/// `-zero_point * sum(activations)` for one block.
///
/// # Safety
/// As [`block`].
#[inline(always)]
unsafe fn starts<I: Ymm, const T: usize, const BITS: usize, const ZEROS: bool>(
    at: Place,
) -> Sums<T> {
    let taken = if BITS == 8 { I::EIGHT_ZERO } else { 0 };
    // SAFETY: the caller's promise.
    unsafe {
        let mut starts = [[_mm256_setzero_si256(); 2]; T];
        for (t, starts) in starts.iter_mut().enumerate() {
            let start = _mm256_set1_epi32(*at.starts.add(t));
            for (half, out) in starts.iter_mut().enumerate() {
                if ZEROS {
                    let zeros = _mm_loadl_epi64(at.block.add(SCALE_BYTES + half * ROWS).cast());
                    let zeros = _mm256_cvtepu8_epi32(zeros);
                    let zeros = _mm256_sub_epi32(zeros, _mm256_set1_epi32(taken));
                    *out = _mm256_mullo_epi32(zeros, _mm256_srai_epi32::<3>(start));
                } else if BITS == 4 {
                    *out = start;
                } else if taken == 0 {
                    *out = _mm256_slli_epi32::<4>(start);
                }
            }
        }
        starts
    }
}

/// Products of one block.
///
/// # Safety
/// As [`block`]; `quants` points to the block's quants.
#[inline(always)]
unsafe fn dots<I: Ymm, const T: usize, const BITS: usize>(
    mut quants: *const u8,
    mut at: Place,
) -> Sums<T> {
    let Place { runs, groups, .. } = at;
    // SAFETY: the caller's promise.
    unsafe {
        if !(BITS == 4 && I::NARROW) {
            return run::<I, T, BITS>(quants, runs * groups, at);
        }
        let mut dots = [[_mm256_setzero_si256(); 2]; T];
        for _ in 0..runs {
            let sums = run::<I, T, 4>(quants, groups, at);
            for (dot, sum) in dots.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
                *dot = _mm256_add_epi32(*dot, I::widen(*sum));
            }
            quants = quants.add(groups * GROUP_BYTES);
            at.a = at.a.wrapping_add(groups * 2 * at.width);
        }
        dots
    }
}

/// Products of neighbouring groups of weights; of 4 bits as [`Ymm::four`] leaves them.
///
/// # Safety
/// The instruction set `I` is there; `quants` points to `groups` groups, `at.a` to the lanes of their
/// columns for the first of `T` tokens.
#[inline(always)]
unsafe fn run<I: Ymm, const T: usize, const BITS: usize>(
    mut quants: *const u8,
    groups: usize,
    at: Place,
) -> Sums<T> {
    let mut a = at.a;
    // Few sums would wait for each other: high nibbles get their own.
    let apart = BITS == 4 && T <= 2 && !I::NARROW;
    // SAFETY: the caller's promise.
    unsafe {
        let zero = [[_mm256_setzero_si256(); 2]; T];
        let (mut sums, mut high_sums) = (zero, zero);
        for _ in 0..groups {
            prefetch(at, quants);
            let bytes = [
                _mm256_loadu_si256(quants.cast()),
                _mm256_loadu_si256(quants.add(GROUP_BYTES / 2).cast()),
            ];
            if BITS == 4 {
                let (mut low, mut high) = (bytes, bytes);
                let nibble = _mm256_set1_epi8(0x0f);
                for half in 0..2 {
                    low[half] = _mm256_and_si256(bytes[half], nibble);
                    high[half] = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes[half]), nibble);
                }
                add::<I, T, 4>(&mut sums, low, a);
                a = a.wrapping_add(at.width);
                add::<I, T, 4>(if apart { &mut high_sums } else { &mut sums }, high, a);
            } else {
                add::<I, T, 8>(&mut sums, bytes, a);
            }
            a = a.wrapping_add(at.width);
            quants = quants.add(GROUP_BYTES);
        }
        if apart {
            for (sum, high) in sums.as_flattened_mut().iter_mut().zip(high_sums.as_flattened()) {
                *sum = _mm256_add_epi32(*sum, *high);
            }
        }
        sums
    }
}

/// Adds the products of 4 columns.
///
/// # Safety
/// The instruction set `I` is there; `a` points to `T` lanes.
#[inline(always)]
unsafe fn add<I: Ymm, const T: usize, const BITS: usize>(
    sums: &mut Sums<T>,
    weights: [__m256i; 2],
    a: *const i32,
) {
    for (t, sums) in sums.iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        unsafe {
            let a = _mm256_set1_epi32(a.add(t).read_unaligned());
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = match BITS {
                    4 => I::four(*sum, weights, a),
                    _ => I::eight(*sum, weights, a),
                };
            }
        }
    }
}

/// Asks for what comes some way after `from`, if this place wants it.
#[inline(always)]
fn prefetch(at: Place, from: *const u8) {
    if let Some(bytes) = at.ahead {
        // SAFETY: prefetching never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(bytes).cast()) }
    }
}
