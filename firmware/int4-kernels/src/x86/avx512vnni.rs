//! AVX-512 VNNI: `vpdpbusd` multiplies 64 unsigned weights with 64 signed activations and adds
//! groups of four into 16 32-bit lanes, one lane a row of the panel.
//!
//! A tile of 8 tokens holds 8 integer and 8 float accumulators; the two nibble registers, the mask
//! and the scales leave a third of the registers free. Activations are broadcast by the multiplying
//! instruction itself (`{1to16}`), from one pointer with constant offsets.

use super::ahead::Ahead;
use crate::activations::Tile;
use crate::layout::{Bits, GROUP_BYTES, MatrixSpec, SCALE_BYTES};
use crate::limits::PANEL_ROWS;
use std::arch::x86_64::*;

/// Proof that this machine runs AVX-512 F, BW, VL, DQ and VNNI, AVX2, FMA and F16C: it can only be
/// made by asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Avx512Vnni(());

impl Avx512Vnni {
    /// Asks the processor and, through XCR0, the operating system.
    pub(crate) fn new() -> Option<Avx512Vnni> {
        let here = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vnni")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c");
        here.then_some(Avx512Vnni(()))
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
        // SAFETY: the features are there (`self`), and the lengths were just checked.
        unsafe {
            match x.width {
                1 => panel_of::<1>(spec, panel, x, out),
                2 => panel_of::<2>(spec, panel, x, out),
                3 => panel_of::<3>(spec, panel, x, out),
                4 => panel_of::<4>(spec, panel, x, out),
                5 => panel_of::<5>(spec, panel, x, out),
                6 => panel_of::<6>(spec, panel, x, out),
                7 => panel_of::<7>(spec, panel, x, out),
                8 => panel_of::<8>(spec, panel, x, out),
                width => unreachable!("a tile of {width} tokens"),
            }
        }
    }
}

/// Chooses the loop for a matrix; the common block sizes have one of their own.
///
/// # Safety
/// The features of [`Avx512Vnni`] are there; `panel`, `x` (of width `T`) and `out` fit `spec`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c")]
unsafe fn panel_of<const T: usize>(
    spec: &MatrixSpec,
    panel: &[u8],
    x: &Tile<'_>,
    out: &mut [[f32; PANEL_ROWS]],
) {
    // SAFETY: the caller's promise.
    unsafe {
        match (spec.bits(), spec.block(), spec.zero_points()) {
            (Bits::Four, 32, false) => blocks::<T, 4, 32, false>(spec, panel, x, out),
            (Bits::Four, 32, true) => blocks::<T, 4, 32, true>(spec, panel, x, out),
            (Bits::Four, 128, false) => blocks::<T, 4, 128, false>(spec, panel, x, out),
            (Bits::Eight, 32, false) => blocks::<T, 8, 32, false>(spec, panel, x, out),
            (Bits::Four, _, false) => blocks::<T, 4, 0, false>(spec, panel, x, out),
            (Bits::Four, _, true) => blocks::<T, 4, 0, true>(spec, panel, x, out),
            (Bits::Eight, _, false) => blocks::<T, 8, 0, false>(spec, panel, x, out),
            (Bits::Eight, _, true) => blocks::<T, 8, 0, true>(spec, panel, x, out),
        }
    }
}

/// `T` tokens against one panel of `BITS`-bit weights in blocks of `BLOCK` columns, or of whatever
/// the spec says if `BLOCK` is 0.
///
/// # Safety
/// As [`panel_of`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c")]
unsafe fn blocks<const T: usize, const BITS: usize, const BLOCK: usize, const ZEROS: bool>(
    spec: &MatrixSpec,
    panel: &[u8],
    x: &Tile<'_>,
    out: &mut [[f32; PANEL_ROWS]],
) {
    let columns = if BLOCK == 0 { spec.block() } else { BLOCK };
    let header = if ZEROS { SCALE_BYTES + PANEL_ROWS } else { SCALE_BYTES };
    let group_columns = 32 / BITS;
    let groups = columns / group_columns;
    let block_bytes = header + groups * GROUP_BYTES;
    let ahead = Ahead::here();
    let asked = if T >= ahead.from_tokens { block_bytes } else { 0 };
    let nibble = _mm512_set1_epi8(0x0f);
    let mut acc = [_mm512_setzero_ps(); T];
    let mut block = panel.as_ptr();
    let (mut a, mut scales, mut starts) = (x.quants.as_ptr(), x.scales.as_ptr(), x.starts.as_ptr());
    for _ in 0..spec.blocks() {
        // SAFETY: the panel has `blocks` blocks of `block_bytes`, the tile `blocks` times `T` scales
        // and sums and `T * columns` quants. Prefetching never faults.
        unsafe {
            for line in (0..asked).step_by(64) {
                _mm_prefetch::<_MM_HINT_T0>(block.wrapping_add(ahead.bytes + line).cast());
            }
            // `-zero_point * sum(activations)`, to which the products of unsigned weights are added.
            let start = |t| _mm512_set1_epi32(*starts.add(t));
            let mut dots: [__m512i; T] = if ZEROS {
                let zeros = _mm512_cvtepu8_epi32(_mm_loadu_si128(block.add(SCALE_BYTES).cast()));
                std::array::from_fn(|t| _mm512_mullo_epi32(zeros, _mm512_srai_epi32::<3>(start(t))))
            } else if BITS == 4 {
                std::array::from_fn(start)
            } else {
                std::array::from_fn(|t| _mm512_slli_epi32::<4>(start(t)))
            };
            for g in 0..groups {
                let bytes = _mm512_loadu_si512(block.add(header + g * GROUP_BYTES).cast());
                let lane = a.add(g * group_columns * T).cast::<i32>();
                if BITS == 4 {
                    let low = _mm512_and_si512(bytes, nibble);
                    let high = _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), nibble);
                    for (t, dot) in dots.iter_mut().enumerate() {
                        let a = _mm512_set1_epi32(lane.add(t).read_unaligned());
                        *dot = _mm512_dpbusd_epi32(*dot, low, a);
                    }
                    for (t, dot) in dots.iter_mut().enumerate() {
                        let a = _mm512_set1_epi32(lane.add(T + t).read_unaligned());
                        *dot = _mm512_dpbusd_epi32(*dot, high, a);
                    }
                } else {
                    for (t, dot) in dots.iter_mut().enumerate() {
                        let a = _mm512_set1_epi32(lane.add(t).read_unaligned());
                        *dot = _mm512_dpbusd_epi32(*dot, bytes, a);
                    }
                }
            }
            let weight_scales = _mm512_cvtph_ps(_mm256_loadu_si256(block.cast()));
            for (t, acc) in acc.iter_mut().enumerate() {
                let scale = _mm512_mul_ps(weight_scales, _mm512_set1_ps(*scales.add(t)));
                *acc = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[t]), scale, *acc);
            }
            block = block.add(block_bytes);
            a = a.add(columns * T);
            (scales, starts) = (scales.add(T), starts.add(T));
        }
    }
    for (out, acc) in out.iter_mut().zip(acc) {
        // SAFETY: a row of `out` is 16 floats.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), acc) }
    }
}
