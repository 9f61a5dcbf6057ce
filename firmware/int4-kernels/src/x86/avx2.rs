//! AVX2, for processors without VNNI: Haswell (2013) to Comet Lake, Zen 1 to 3.
//!
//! `vpmaddubsw` multiplies 32 unsigned weights with 32 signed activations and adds neighbours into
//! 16-bit lanes, which saturate; `vpmaddwd` with ones adds neighbours of these into 32-bit lanes.

use super::ymm::{Pass, Ymm, pass_text};
use crate::limits::PANEL_ROWS;
use std::arch::x86_64::*;

/// Proof that this machine runs AVX2, FMA and F16C: it can only be made by asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// Asks the processor and, through XCR0, the operating system.
    pub(crate) fn new() -> Option<Avx2> {
        let here = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c");
        here.then_some(Avx2(()))
    }
}

impl Ymm for Avx2 {
    const NARROW: bool = true;
    const EIGHT_ZERO: i32 = 128;

    /// 16-bit lanes. A product is at most 15 * 127, and 32 columns put 2 * 8 of them into a lane:
    /// 30,480, below 32,767, so nothing saturates or wraps.
    #[inline(always)]
    unsafe fn four(sums: __m256i, weights: __m256i, a: __m256i) -> __m256i {
        const { assert!(32 / 4 * 2 * 15 * 127 <= i16::MAX as i32) };
        // SAFETY: the caller's promise.
        unsafe { _mm256_add_epi16(sums, _mm256_maddubs_epi16(weights, a)) }
    }

    #[inline(always)]
    unsafe fn widen(sums: __m256i) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe { _mm256_madd_epi16(sums, _mm256_set1_epi16(1)) }
    }

    /// With 128 taken away, weights are signed; `vpmaddubsw` gets their sizes, and the activations
    /// their signs. Two products are at most 2 * 128 * 127 = 32,512, below 32,767. No sign is lost
    /// on the activations' side: they are never -128.
    #[inline(always)]
    unsafe fn eight(sums: __m256i, weights: __m256i, a: __m256i) -> __m256i {
        const { assert!(2 * 128 * 127 <= i16::MAX as i32) };
        // SAFETY: the caller's promise.
        unsafe {
            let weights = _mm256_xor_si256(weights, _mm256_set1_epi8(-128));
            let a = _mm256_sign_epi8(a, weights);
            let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(weights), a);
            _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn pass<const T: usize, const ALL: bool>(
        pass: &Pass<'_>,
        out: &mut [[f32; PANEL_ROWS]],
    ) {
        // SAFETY: the caller's promise.
        unsafe { pass_text::<Avx2, T, ALL>(pass, out) }
    }
}
