//! Dot products of many 8-bit rows with one; see [`crate::nearest`].
//!
//! `vpdpbusd` wants one factor unsigned: rows get 128 more, and 128 times the sum of the query is
//! taken away at the end.

use super::avx2::Avx2;
use super::avx512vnni::Avx512Vnni;
use super::avxvnni::{Avx512VlVnni256, AvxVnni};
use crate::nearest::plain_dot;
use std::arch::x86_64::*;

impl Avx512Vnni {
    /// `out[i] = rows[i] . query`, exactly. `rows` is `[out.len(), query.len()]`.
    pub(crate) fn dots(self, rows: &[i8], query: &[i8], out: &mut [i32]) {
        // SAFETY: the features are there (`self`).
        unsafe { avx512(rows, query, out) }
    }
}

/// # Safety
/// The features of [`Avx512Vnni`] are there.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn avx512(rows: &[i8], query: &[i8], out: &mut [i32]) {
    let (width, high) = (query.len(), _mm512_set1_epi8(-128));
    let (whole, start) = (width / 64 * 64, start(query));
    // A mask of as many ones as the last part of a row has bytes.
    let tail = (1u64 << (width - whole)) - 1;
    for (row, out) in rows.chunks_exact(width).zip(out) {
        let (row, query) = (row.as_ptr(), query.as_ptr());
        let mut sums = [_mm512_setzero_si512(); 2];
        // SAFETY: row and query have `width` bytes; masked loads touch only those of the mask.
        unsafe {
            let mut at = 0;
            while at + 128 <= width {
                for (i, sums) in sums.iter_mut().enumerate() {
                    let row = _mm512_loadu_si512(row.add(at + 64 * i).cast());
                    let query = _mm512_loadu_si512(query.add(at + 64 * i).cast());
                    *sums = _mm512_dpbusd_epi32(*sums, _mm512_xor_si512(row, high), query);
                }
                at += 128;
            }
            if at < whole {
                let row = _mm512_loadu_si512(row.add(at).cast());
                let query = _mm512_loadu_si512(query.add(at).cast());
                sums[0] = _mm512_dpbusd_epi32(sums[0], _mm512_xor_si512(row, high), query);
            }
            if tail != 0 {
                let row = _mm512_maskz_loadu_epi8(tail, row.add(whole));
                let query = _mm512_maskz_loadu_epi8(tail, query.add(whole));
                sums[1] = _mm512_dpbusd_epi32(sums[1], _mm512_xor_si512(row, high), query);
            }
        }
        let sum = _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1]));
        *out = sum.wrapping_add(start);
    }
}

/// What a sum of products of rows with 128 more is too large by, negated.
#[inline(always)]
fn start(query: &[i8]) -> i32 {
    -128 * query.iter().map(|q| i32::from(*q)).sum::<i32>()
}

/// Sum of the 32-bit lanes.
///
/// # Safety
/// AVX2 is there.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn sum_lanes(v: __m256i) -> i32 {
    let four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
    _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
}

macro_rules! vpdpbusd {
    ($isa:ident, $name:ident, $instruction:ident, $features:literal) => {
        impl $isa {
            /// `out[i] = rows[i] . query`, exactly. `rows` is `[out.len(), query.len()]`.
            pub(crate) fn dots(self, rows: &[i8], query: &[i8], out: &mut [i32]) {
                // SAFETY: the features are there (`self`).
                unsafe { $name(rows, query, out) }
            }
        }

        /// # Safety
        /// The instruction set's features are there.
        #[target_feature(enable = $features)]
        unsafe fn $name(rows: &[i8], query: &[i8], out: &mut [i32]) {
            let (width, high) = (query.len(), _mm256_set1_epi8(-128));
            let whole = width / 32 * 32;
            let start = start(&query[..whole]);
            for (row, out) in rows.chunks_exact(width).zip(out) {
                let (from, with) = (row.as_ptr(), query.as_ptr());
                let mut sums = [_mm256_setzero_si256(); 2];
                let mut at = 0;
                // SAFETY: row and query have `width` bytes, at least `whole`.
                unsafe {
                    while at + 64 <= whole {
                        for (i, sums) in sums.iter_mut().enumerate() {
                            let row = _mm256_loadu_si256(from.add(at + 32 * i).cast());
                            let query = _mm256_loadu_si256(with.add(at + 32 * i).cast());
                            *sums = $instruction(*sums, _mm256_xor_si256(row, high), query);
                        }
                        at += 64;
                    }
                    if at < whole {
                        let row = _mm256_loadu_si256(from.add(at).cast());
                        let query = _mm256_loadu_si256(with.add(at).cast());
                        sums[0] = $instruction(sums[0], _mm256_xor_si256(row, high), query);
                    }
                }
                // SAFETY: AVX2 is among the features.
                let sum = unsafe { sum_lanes(_mm256_add_epi32(sums[0], sums[1])) };
                let sum = sum.wrapping_add(start);
                *out = sum.wrapping_add(plain_dot(&row[whole..], &query[whole..]));
            }
        }
    };
}

vpdpbusd!(AvxVnni, avxvnni, _mm256_dpbusd_avx_epi32, "avx2,avxvnni");
vpdpbusd!(Avx512VlVnni256, vlvnni, _mm256_dpbusd_epi32, "avx2,avx512f,avx512vl,avx512vnni");

impl Avx2 {
    /// `out[i] = rows[i] . query`, exactly. `rows` is `[out.len(), query.len()]`.
    pub(crate) fn dots(self, rows: &[i8], query: &[i8], out: &mut [i32]) {
        // SAFETY: the features are there (`self`).
        unsafe { avx2(rows, query, out) }
    }
}

/// 16 bytes of each at a time, widened to 16 bits: `vpmaddwd` then neither saturates nor wraps.
///
/// # Safety
/// AVX2 is there.
#[target_feature(enable = "avx2")]
unsafe fn avx2(rows: &[i8], query: &[i8], out: &mut [i32]) {
    let width = query.len();
    let whole = width / 16 * 16;
    for (row, out) in rows.chunks_exact(width).zip(out) {
        let (from, with) = (row.as_ptr(), query.as_ptr());
        let mut sums = [_mm256_setzero_si256(); 2];
        // SAFETY: row and query have `width` bytes, at least `whole`.
        unsafe {
            for at in (0..whole).step_by(16) {
                let row = _mm256_cvtepi8_epi16(_mm_loadu_si128(from.add(at).cast()));
                let query = _mm256_cvtepi8_epi16(_mm_loadu_si128(with.add(at).cast()));
                let sums = &mut sums[at / 16 % 2];
                *sums = _mm256_add_epi32(*sums, _mm256_madd_epi16(row, query));
            }
        }
        // SAFETY: AVX2 is there.
        let sum = unsafe { sum_lanes(_mm256_add_epi32(sums[0], sums[1])) };
        *out = sum.wrapping_add(plain_dot(&row[whole..], &query[whole..]));
    }
}
