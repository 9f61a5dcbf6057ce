//! Sixteen f32 lanes, whatever registers they are: what attention is written in.
//!
//! A value of an implementing type is the proof that its instructions are there, so the methods are
//! safe. They must be inlined into a function that is compiled for the instruction set
//! ([`crate::vector::for_each_isa`]); elsewhere they are right but slow. All of them give the same
//! bits on every machine.
//!
//! # Why not `std::simd` or a crate?
//!
//! `std::simd` is not stable. `pulp` and `wide` do not widen half floats, which is half of what
//! attention does with memory; the dozen operations below are all that is needed.

use crate::vector::LANES;
use half::f16;

/// An instruction set's view of 16 f32 lanes.
pub(crate) trait Simd: Copy {
    /// 16 lanes.
    type V: Copy;
    /// The same value in all lanes.
    fn splat(self, value: f32) -> Self::V;
    /// 16 values from memory.
    fn load(self, from: &[f32; LANES]) -> Self::V;
    /// 16 half floats from memory, widened.
    fn load_f16(self, from: &[f16; LANES]) -> Self::V;
    /// 16 small integers from memory, as floats.
    fn load_i8(self, from: &[i8; LANES]) -> Self::V;
    /// 16 values to memory.
    fn store(self, v: Self::V, to: &mut [f32; LANES]);
    /// `a + b`.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`.
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, rounded once.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The larger one, lane by lane; neither is NaN.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// The smaller one, lane by lane; neither is NaN.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// `2^n`, where the lanes of `n` are whole numbers in -126..=127.
    fn pow2(self, n: Self::V) -> Self::V;
    /// `v`, but 0 in the lanes where `x < bound`.
    fn zero_where_less(self, v: Self::V, x: Self::V, bound: f32) -> Self::V;
    /// Asks for the cache line at `from`, which need not be inside anything.
    fn prefetch(self, from: *const u8);

    /// The largest lane.
    #[inline(always)]
    fn max_lanes(self, v: Self::V) -> f32 {
        let mut lanes = [0.0; LANES];
        self.store(v, &mut lanes);
        fold(lanes, f32::max)
    }

    /// The sum of all lanes: 0 + 8, 1 + 9, ..., then of the eight sums 0 + 4, ...
    #[inline(always)]
    fn sum_lanes(self, v: Self::V) -> f32 {
        let mut lanes = [0.0; LANES];
        self.store(v, &mut lanes);
        fold(lanes, |a, b| a + b)
    }

    /// `e^x`, as [`crate::vector::exp`].
    #[inline(always)]
    fn exp(self, x: Self::V) -> Self::V {
        let round = self.splat(12_582_912.0);
        let clamped = self.min(self.max(x, self.splat(-87.0)), self.splat(88.0));
        let n = self.fma(clamped, self.splat(std::f32::consts::LOG2_E), round);
        let n = self.sub(n, round);
        let r = self.fma(n, self.splat(-0.693_359_4), clamped);
        let r = self.fma(n, self.splat(2.121_944_4e-4), r);
        let mut p = self.splat(1.0 / 720.0);
        for c in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
            p = self.fma(r, p, self.splat(c));
        }
        self.zero_where_less(self.mul(p, self.pow2(n)), x, -87.0)
    }
}

/// Folds halves onto each other, in a fixed order.
#[inline(always)]
fn fold(mut lanes: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            lanes[l] = f(lanes[l], lanes[l + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// Plain arrays: the specification, and what the compiler makes NEON of on 64-bit ARM.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable;

#[inline(always)]
fn map(f: impl Fn(usize) -> f32) -> [f32; LANES] {
    std::array::from_fn(f)
}

impl Simd for Portable {
    type V = [f32; LANES];
    #[inline(always)]
    fn splat(self, value: f32) -> Self::V {
        [value; LANES]
    }
    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::V {
        *from
    }
    #[inline(always)]
    fn load_f16(self, from: &[f16; LANES]) -> Self::V {
        map(|l| from[l].to_f32())
    }
    #[inline(always)]
    fn load_i8(self, from: &[i8; LANES]) -> Self::V {
        map(|l| f32::from(from[l]))
    }
    #[inline(always)]
    fn store(self, v: Self::V, to: &mut [f32; LANES]) {
        *to = v;
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        map(|l| a[l] + b[l])
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        map(|l| a[l] - b[l])
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        map(|l| a[l] * b[l])
    }
    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        map(|l| a[l] / b[l])
    }
    #[inline(always)]
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        map(|l| a[l].mul_add(b[l], c[l]))
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        map(|l| a[l].max(b[l]))
    }
    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        map(|l| a[l].min(b[l]))
    }
    #[inline(always)]
    fn pow2(self, n: Self::V) -> Self::V {
        map(|l| f32::from_bits((((n[l] as i32) + 127) as u32) << 23))
    }
    #[inline(always)]
    fn zero_where_less(self, v: Self::V, x: Self::V, bound: f32) -> Self::V {
        map(|l| if x[l] < bound { 0.0 } else { v[l] })
    }
    #[inline(always)]
    fn prefetch(self, _: *const u8) {}
}
