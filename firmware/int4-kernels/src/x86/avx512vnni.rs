//! AVX-512 VNNI: `vpdpbusd` multiplies 64 unsigned weights with 64 signed activations and adds
//! groups of four into 16 32-bit lanes, one lane a row of the panel.

use crate::activations::QuantizedRows;
use crate::layout::{Bits, GROUP_BYTES, MatrixSpec, SCALE_BYTES};
use crate::limits::{PANEL_ROWS, TILE_TOKENS};
use std::arch::x86_64::*;

/// Proof that this machine runs AVX-512 F, BW, VL, DQ and VNNI, AVX2, FMA and F16C: it can only be made by asking.
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
        x: &QuantizedRows,
        tokens: std::ops::Range<usize>,
        out: &mut [[f32; PANEL_ROWS]],
    ) {
        assert_eq!(panel.len(), spec.panel_bytes(), "panel");
        assert!(x.fits(spec) && tokens.end <= x.tokens && out.len() == tokens.len());
        let mut first = tokens.start;
        for out in out.chunks_mut(TILE_TOKENS) {
            // SAFETY: the features are there (`self`), and the lengths were just checked.
            unsafe {
                match out.len() {
                    1 => tile::<1>(spec, panel, x, first, out),
                    2 => tile::<2>(spec, panel, x, first, out),
                    3 => tile::<3>(spec, panel, x, first, out),
                    4 => tile::<4>(spec, panel, x, first, out),
                    5 => tile::<5>(spec, panel, x, first, out),
                    6 => tile::<6>(spec, panel, x, first, out),
                    7 => tile::<7>(spec, panel, x, first, out),
                    _ => tile::<8>(spec, panel, x, first, out),
                }
            }
            first += out.len();
        }
    }
}

/// `T` tokens, from `first`, against one panel.
///
/// # Safety
/// The features of [`Avx512Vnni`] are there; `panel` has `spec.panel_bytes()` bytes; `x` fits
/// `spec` and has `first + T` rows; `out` has `T`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c")]
unsafe fn tile<const T: usize>(
    spec: &MatrixSpec,
    panel: &[u8],
    x: &QuantizedRows,
    first: usize,
    out: &mut [[f32; PANEL_ROWS]],
) {
    // SAFETY: for all pointer arithmetic below, rows start inside `x.quants` and every block reads
    // `spec.block()` of them, `padded_columns` in total; the panel is read block by block.
    unsafe {
        let rows: [*const i8; T] =
            std::array::from_fn(|t| x.quants.as_ptr().add((first + t) * x.padded_columns));
        let mut acc = [_mm512_setzero_ps(); T];
        let mut block = panel.as_ptr();
        for b in 0..x.blocks {
            let sums: [i32; T] =
                std::array::from_fn(|t| *x.sums.get_unchecked((first + t) * x.blocks + b));
            let mut dots = start::<T>(spec, block, &sums);
            let quants = block.add(spec.header_bytes());
            let column = b * spec.block();
            match spec.bits() {
                Bits::Four => block4::<T>(quants, spec.block() / 8, &rows, column, &mut dots),
                Bits::Eight => block8::<T>(quants, spec.block() / 4, &rows, column, &mut dots),
            }
            let scales = _mm512_cvtph_ps(_mm256_loadu_si256(block.cast()));
            for (t, acc) in acc.iter_mut().enumerate() {
                let a = *x.scales.get_unchecked((first + t) * x.blocks + b);
                let scale = _mm512_mul_ps(scales, _mm512_set1_ps(a));
                *acc = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[t]), scale, *acc);
            }
            block = block.add(spec.block_bytes());
        }
        for (out, acc) in out.iter_mut().zip(acc) {
            _mm512_storeu_ps(out.as_mut_ptr(), acc);
        }
    }
}

/// The accumulators of a block before its quants: `-zero_point * sum(activations)`.
///
/// # Safety
/// As [`tile`]; `block` points to a block of the panel.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c")]
unsafe fn start<const T: usize>(
    spec: &MatrixSpec,
    block: *const u8,
    sums: &[i32; T],
) -> [__m512i; T] {
    if spec.zero_points() {
        // SAFETY: a block with zero points has 16 of them behind its scales.
        let zeros = unsafe { _mm_loadu_si128(block.add(SCALE_BYTES).cast()) };
        let zeros = _mm512_cvtepu8_epi32(zeros);
        std::array::from_fn(|t| _mm512_mullo_epi32(zeros, _mm512_set1_epi32(-sums[t])))
    } else {
        let zero = i32::from(spec.bits().default_zero());
        std::array::from_fn(|t| _mm512_set1_epi32(-zero * sums[t]))
    }
}

/// Adds `groups` groups of 8 columns of 4-bit quants.
///
/// # Safety
/// As [`tile`]; `quants` has `groups * 64` bytes, each row `8 * groups` from `column`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c")]
unsafe fn block4<const T: usize>(
    quants: *const u8,
    groups: usize,
    rows: &[*const i8; T],
    column: usize,
    dots: &mut [__m512i; T],
) {
    let mask = _mm512_set1_epi8(0x0f);
    for g in 0..groups {
        // SAFETY: by the contract above.
        unsafe {
            let bytes = _mm512_loadu_si512(quants.add(g * GROUP_BYTES).cast());
            let low = _mm512_and_si512(bytes, mask);
            let high = _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), mask);
            for t in 0..T {
                let a = rows[t].add(column + 8 * g).cast::<i32>();
                dots[t] = _mm512_dpbusd_epi32(dots[t], low, _mm512_set1_epi32(a.read_unaligned()));
                let a = a.add(1);
                dots[t] = _mm512_dpbusd_epi32(dots[t], high, _mm512_set1_epi32(a.read_unaligned()));
            }
        }
    }
}

/// Adds `groups` groups of 4 columns of 8-bit quants.
///
/// # Safety
/// As [`tile`]; `quants` has `groups * 64` bytes, each row `4 * groups` from `column`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c")]
unsafe fn block8<const T: usize>(
    quants: *const u8,
    groups: usize,
    rows: &[*const i8; T],
    column: usize,
    dots: &mut [__m512i; T],
) {
    for g in 0..groups {
        // SAFETY: by the contract above.
        unsafe {
            let bytes = _mm512_loadu_si512(quants.add(g * GROUP_BYTES).cast());
            for t in 0..T {
                let a = rows[t].add(column + 4 * g).cast::<i32>();
                dots[t] =
                    _mm512_dpbusd_epi32(dots[t], bytes, _mm512_set1_epi32(a.read_unaligned()));
            }
        }
    }
}
