//! [`Simd`] in two AVX registers.

use super::avx2::Avx2;
use super::avxvnni::{Avx512VlVnni256, AvxVnni};
use crate::simd::Simd;
use crate::vector::LANES;
use half::f16;
use std::arch::x86_64::*;

/// 16 lanes.
type V = [__m256; 2];
/// 16 lanes.
type I = [__m256i; 2];

/// Wraps intrinsics whose only condition is the instruction set.
macro_rules! avx2 {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)? = $body:expr;)*) => {
        $(#[inline(always)]
        fn $name(self, $($arg: $ty),*) $(-> $ret)? {
            // SAFETY: `self` is the proof that AVX2, FMA, F16C and, for a VNNI type, its
            // `vpdpbusd` are there; references to arrays of 16 values or 64 bytes are good for as
            // many; prefetching never faults.
            unsafe { $body }
        })*
    };
}

/// All of [`Simd`] for `$isa`, but for the integer dot products.
macro_rules! lanes {
    ($isa:ident: $($dots:tt)*) => {
        impl Simd for $isa {
            type V = V;
            type I = I;
            /// 8 of 16 registers.
            const SUMS: usize = 4;
            avx2! { $($dots)* }
            avx2! {
                fn int_to_f32(v: I) -> V = [_mm256_cvtepi32_ps(v[0]), _mm256_cvtepi32_ps(v[1])];
                fn splat(value: f32) -> V = [_mm256_set1_ps(value); 2];
                fn load(from: &[f32; LANES]) -> V =
                    [_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))];
                fn load_f16(from: &[f16; LANES]) -> V = [
                    _mm256_cvtph_ps(_mm_loadu_si128(from.as_ptr().cast())),
                    _mm256_cvtph_ps(_mm_loadu_si128(from.as_ptr().add(8).cast())),
                ];
                fn load_i8(from: &[i8; LANES]) -> V = {
                    let from = from.as_ptr();
                    [widened(_mm_loadl_epi64(from.cast())), widened(_mm_loadl_epi64(from.add(8).cast()))]
                };
                fn store(v: V, to: &mut [f32; LANES]) = {
                    _mm256_storeu_ps(to.as_mut_ptr(), v[0]);
                    _mm256_storeu_ps(to.as_mut_ptr().add(8), v[1]);
                };
                fn add(a: V, b: V) -> V = [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])];
                fn sub(a: V, b: V) -> V = [_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])];
                fn mul(a: V, b: V) -> V = [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])];
                fn div(a: V, b: V) -> V = [_mm256_div_ps(a[0], b[0]), _mm256_div_ps(a[1], b[1])];
                fn fma(a: V, b: V, c: V) -> V =
                    [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])];
                fn max(a: V, b: V) -> V = [_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])];
                fn min(a: V, b: V) -> V = [_mm256_min_ps(a[0], b[0]), _mm256_min_ps(a[1], b[1])];
                fn pow2(n: V) -> V = [pow2(n[0]), pow2(n[1])];
                fn zero_where_less(v: V, x: V, bound: f32) -> V = {
                    let bound = _mm256_set1_ps(bound);
                    [
                        _mm256_and_ps(v[0], _mm256_cmp_ps::<_CMP_NLT_UQ>(x[0], bound)),
                        _mm256_and_ps(v[1], _mm256_cmp_ps::<_CMP_NLT_UQ>(x[1], bound)),
                    ]
                };
                fn prefetch(from: *const u8) = _mm_prefetch::<_MM_HINT_T0>(from.cast());
                fn max_lanes(v: V) -> f32 = {
                    let eight = _mm256_max_ps(v[0], v[1]);
                    let four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
                    let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
                    _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
                };
                fn sum_lanes(v: V) -> f32 = {
                    let eight = _mm256_add_ps(v[0], v[1]);
                    let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
                    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                    _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
                };
            }
        }
    };
}

lanes! { Avx2:
    fn dot_start(_key_sums: &[i32; LANES]) -> I = [_mm256_setzero_si256(); 2];
    fn dot(sums: I, keys: &[i8; 64], query: u32) -> I = {
        let query = _mm256_set1_epi32(query as i32);
        let keys = halves(keys);
        [signed_dot(sums[0], keys[0], query), signed_dot(sums[1], keys[1], query)]
    };
}

lanes! { AvxVnni:
    fn dot_start(key_sums: &[i32; LANES]) -> I = biased_start(key_sums);
    fn dot(sums: I, keys: &[i8; 64], query: u32) -> I = {
        let query = _mm256_set1_epi32(query as i32);
        let keys = halves(keys);
        [
            _mm256_dpbusd_avx_epi32(sums[0], query, keys[0]),
            _mm256_dpbusd_avx_epi32(sums[1], query, keys[1]),
        ]
    };
}

lanes! { Avx512VlVnni256:
    fn dot_start(key_sums: &[i32; LANES]) -> I = biased_start(key_sums);
    fn dot(sums: I, keys: &[i8; 64], query: u32) -> I = {
        let query = _mm256_set1_epi32(query as i32);
        let keys = halves(keys);
        [
            _mm256_dpbusd_epi32(sums[0], query, keys[0]),
            _mm256_dpbusd_epi32(sums[1], query, keys[1]),
        ]
    };
}

/// # Safety
/// AVX2 is there.
#[inline(always)]
unsafe fn halves(bytes: &[i8; 64]) -> I {
    // SAFETY: the caller's promise, and the array's length.
    unsafe {
        let from = bytes.as_ptr();
        [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(32).cast())]
    }
}

/// What `vpdpbusd` adds to, which wants one side unsigned: the query comes with 128 added to each
/// quant, and the sum begins with what that adds.
///
/// # Safety
/// AVX2 is there.
#[inline(always)]
unsafe fn biased_start(key_sums: &[i32; LANES]) -> I {
    // SAFETY: the caller's promise, and the array's length.
    unsafe {
        let (from, zero) = (key_sums.as_ptr(), _mm256_setzero_si256());
        let low = _mm256_slli_epi32::<7>(_mm256_loadu_si256(from.cast()));
        let high = _mm256_slli_epi32::<7>(_mm256_loadu_si256(from.add(8).cast()));
        [_mm256_sub_epi32(zero, low), _mm256_sub_epi32(zero, high)]
    }
}

/// Adds the products of signed bytes in fours. They are -127 to 127, so that two products fit 16 bits
/// and no sign is lost.
///
/// # Safety
/// AVX2 is there.
#[inline(always)]
unsafe fn signed_dot(sums: __m256i, keys: __m256i, query: __m256i) -> __m256i {
    const { assert!(2 * 127 * 127 <= i16::MAX as i32) };
    // SAFETY: the caller's promise.
    unsafe {
        let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(keys), _mm256_sign_epi8(query, keys));
        _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
    }
}

/// The low 8 bytes as floats.
///
/// # Safety
/// AVX2 is there.
#[inline(always)]
unsafe fn widened(bytes: __m128i) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)) }
}

/// `2^n`.
///
/// # Safety
/// AVX2 is there.
#[inline(always)]
unsafe fn pow2(n: __m256) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        let exponent = _mm256_add_epi32(_mm256_cvttps_epi32(n), _mm256_set1_epi32(127));
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
    }
}
