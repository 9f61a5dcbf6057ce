//! What keys and values are stored as: 8 bits, or half floats.

use super::cache::Head;
use super::queries::Queries;
use super::{BLOCK, KEY_GROUP};
use crate::simd::Simd;
use crate::vector::LANES;
use half::f16;
use half::slice::HalfFloatSliceExt;
use half::vec::HalfBitsVecExt;

/// What keys and values are stored as.
pub(super) trait Element: Copy + Send + Sync + 'static {
    /// Bytes of one.
    const BYTES: usize;
    /// True if each vector has a scale of its own.
    const SCALED: bool;
    /// Dimensions of a key that lie together in its group.
    const TOGETHER: usize;
    /// So many zeros, in memory that the system has not handed out yet.
    fn zeros(len: usize) -> Vec<Self>;
    /// Rounds a vector; gives its scale, 1 without scales. Every value is finite.
    fn round(vector: &[f32], to: &mut [Self]) -> f32;
    /// The sum of a rounded key, where scores need it.
    fn sum(key: &[Self]) -> i32;
    /// 16 of them, without their scale.
    fn load<S: Simd>(simd: S, from: &[Self; LANES]) -> S::V;
    /// Scores of all rows against the keys of `G` groups, from position `start` on, not yet times the
    /// shape's scale.
    fn scores<S: Simd, const R: usize, const G: usize>(
        simd: S,
        head: &Head<Self>,
        queries: &Queries<R>,
        start: usize,
    ) -> [[S::V; G]; R];
    /// Appends little-endian bytes.
    fn write(values: &[Self], out: &mut Vec<u8>);
    /// Takes what `write` gave.
    fn read(values: &mut [Self], from: &[u8]);
}

impl Element for f16 {
    const BYTES: usize = 2;
    const SCALED: bool = false;
    const TOGETHER: usize = 1;

    fn zeros(len: usize) -> Vec<f16> {
        vec![0u16; len].reinterpret_into()
    }

    fn round(vector: &[f32], to: &mut [f16]) -> f32 {
        to.convert_from_f32_slice(vector);
        1.0
    }

    fn sum(_: &[f16]) -> i32 {
        0
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, from: &[f16; LANES]) -> S::V {
        simd.load_f16(from)
    }

    #[inline(always)]
    fn scores<S: Simd, const R: usize, const G: usize>(
        simd: S,
        head: &Head<f16>,
        queries: &Queries<R>,
        start: usize,
    ) -> [[S::V; G]; R] {
        let mut sums = [[simd.splat(0.0); G]; R];
        let queries = queries.columns.as_chunks::<R>().0;
        let groups = head.groups::<KEY_GROUP, G>(start).map(|group| &group[..queries.len()]);
        for (d, query) in queries.iter().enumerate() {
            for g in 0..G {
                let keys = simd.load_f16(&groups[g][d]);
                for r in 0..R {
                    sums[r][g] = simd.fma(simd.splat(query[r]), keys, sums[r][g]);
                }
            }
        }
        sums
    }

    fn write(values: &[f16], out: &mut Vec<u8>) {
        out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }

    fn read(values: &mut [f16], from: &[u8]) {
        for (value, bytes) in values.iter_mut().zip(from.chunks_exact(2)) {
            *value = f16::from_le_bytes([bytes[0], bytes[1]]);
        }
    }
}

impl Element for i8 {
    const BYTES: usize = 1;
    const SCALED: bool = true;
    const TOGETHER: usize = 4;

    fn zeros(len: usize) -> Vec<i8> {
        vec![0; len]
    }

    fn round(vector: &[f32], to: &mut [i8]) -> f32 {
        let largest = vector.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        for (to, v) in to.iter_mut().zip(vector) {
            // Adding and taking away 1.5 * 2^23 rounds to the nearest even integer.
            *to = ((v * inverse + 12_582_912.0) - 12_582_912.0) as i32 as i8;
        }
        largest / 127.0
    }

    fn sum(key: &[i8]) -> i32 {
        key.iter().map(|k| i32::from(*k)).sum()
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, from: &[i8; LANES]) -> S::V {
        simd.load_i8(from)
    }

    #[inline(always)]
    fn scores<S: Simd, const R: usize, const G: usize>(
        simd: S,
        head: &Head<i8>,
        queries: &Queries<R>,
        start: usize,
    ) -> [[S::V; G]; R] {
        let sums = head.key_sums[start..start + G * KEY_GROUP].as_chunks().0;
        let mut dots = [[simd.dot_start(&[0; LANES]); G]; R];
        for dots in &mut dots {
            for g in 0..G {
                dots[g] = simd.dot_start(&sums[g]);
            }
        }
        let quants = queries.quants.as_chunks::<R>().0;
        let groups = head.groups::<64, G>(start).map(|group| &group[..quants.len()]);
        for (d, query) in quants.iter().enumerate() {
            for g in 0..G {
                let keys = &groups[g][d];
                simd.prefetch(keys.as_ptr().wrapping_add(BLOCK * queries.dim).cast());
                for r in 0..R {
                    dots[r][g] = simd.dot(dots[r][g], keys, query[r]);
                }
            }
        }
        let scales = head.key_scales[start..start + G * KEY_GROUP].as_chunks().0;
        let mut scores = [[simd.splat(0.0); G]; R];
        for r in 0..R {
            for g in 0..G {
                let scale = simd.mul(simd.load(&scales[g]), simd.splat(queries.scales[r]));
                scores[r][g] = simd.mul(simd.int_to_f32(dots[r][g]), scale);
            }
        }
        scores
    }

    fn write(values: &[i8], out: &mut Vec<u8>) {
        out.extend(values.iter().map(|value| *value as u8));
    }

    fn read(values: &mut [i8], from: &[u8]) {
        values.iter_mut().zip(from).for_each(|(value, byte)| *value = *byte as i8);
    }
}
