//! [`Simd`] in one AVX-512 register.

use super::avx512vnni::Avx512Vnni;
use crate::simd::Simd;
use crate::vector::LANES;
use half::f16;
use std::arch::x86_64::*;

/// Wraps intrinsics whose only condition is the instruction set.
macro_rules! avx512 {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty = $body:expr;)*) => {
        $($(#[$doc])* #[inline(always)]
        fn $name(self, $($arg: $ty),*) -> $ret {
            // SAFETY: `self` is the proof that AVX-512 F, BW, VL, DQ and F16C are there; references
            // to arrays of 16 values are good for 16 values.
            unsafe { $body }
        })*
    };
}

impl Simd for Avx512Vnni {
    type V = __m512;
    type I = __m512i;
    avx512! {
        // `vpdpbusd` wants one side unsigned: the query comes with 128 added to each quant, and the
        // sum begins with what that adds.
        fn dot_start(key_sums: &[i32; LANES]) -> __m512i = {
            let sums = _mm512_loadu_si512(key_sums.as_ptr().cast());
            _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32::<7>(sums))
        };
        fn dot(sums: __m512i, keys: &[i8; 64], query: u32) -> __m512i = _mm512_dpbusd_epi32(
            sums,
            _mm512_set1_epi32(query as i32),
            _mm512_loadu_si512(keys.as_ptr().cast()),
        );
        fn int_to_f32(v: __m512i) -> __m512 = _mm512_cvtepi32_ps(v);
        fn splat(value: f32) -> __m512 = _mm512_set1_ps(value);
        fn load(from: &[f32; LANES]) -> __m512 = _mm512_loadu_ps(from.as_ptr());
        fn load_f16(from: &[f16; LANES]) -> __m512 =
            _mm512_cvtph_ps(_mm256_loadu_si256(from.as_ptr().cast()));
        fn load_i8(from: &[i8; LANES]) -> __m512 =
            _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(from.as_ptr().cast())));
        fn store(v: __m512, to: &mut [f32; LANES]) -> () = _mm512_storeu_ps(to.as_mut_ptr(), v);
        fn add(a: __m512, b: __m512) -> __m512 = _mm512_add_ps(a, b);
        fn sub(a: __m512, b: __m512) -> __m512 = _mm512_sub_ps(a, b);
        fn mul(a: __m512, b: __m512) -> __m512 = _mm512_mul_ps(a, b);
        fn div(a: __m512, b: __m512) -> __m512 = _mm512_div_ps(a, b);
        fn fma(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(a, b, c);
        fn max(a: __m512, b: __m512) -> __m512 = _mm512_max_ps(a, b);
        fn min(a: __m512, b: __m512) -> __m512 = _mm512_min_ps(a, b);
        fn pow2(n: __m512) -> __m512 = {
            let exponent = _mm512_add_epi32(_mm512_cvttps_epi32(n), _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent))
        };
        fn zero_where_less(v: __m512, x: __m512, bound: f32) -> __m512 = {
            let keep = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(x, _mm512_set1_ps(bound));
            _mm512_maskz_mov_ps(keep, v)
        };
        fn prefetch(from: *const u8) -> () = _mm_prefetch::<_MM_HINT_T0>(from.cast());
        fn max_lanes(v: __m512) -> f32 = _mm512_reduce_max_ps(v);
        fn sum_lanes(v: __m512) -> f32 = {
            let eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps::<1>(v));
            let high = _mm256_extractf128_ps::<1>(eight);
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), high);
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        };
    }
}
