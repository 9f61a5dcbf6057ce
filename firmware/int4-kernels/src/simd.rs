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
    /// 16 lanes of 32-bit integers.
    type I: Copy;
    /// How many sums of 16 lanes stay in registers beside what is added to them; at least 4.
    const SUMS: usize = 16;
    /// What [`Simd::dot`] adds to, for 16 positions whose keys have these sums.
    fn dot_start(self, key_sums: &[i32; LANES]) -> Self::I;
    /// Adds the products of four dimensions of 16 keys (`[16, 4]`) with four of a query, given as
    /// the instruction set wants it (see `attention::dot_query`).
    fn dot(self, sums: Self::I, keys: &[i8; 64], query: u32) -> Self::I;
    /// Whole numbers below 2^24 as floats, exactly.
    fn int_to_f32(self, v: Self::I) -> Self::V;
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
    type I = [i32; LANES];
    #[inline(always)]
    fn dot_start(self, _: &[i32; LANES]) -> Self::I {
        [0; LANES]
    }
    #[inline(always)]
    fn dot(self, sums: Self::I, keys: &[i8; 64], query: u32) -> Self::I {
        let query = query.to_le_bytes().map(|q| i32::from(q as i8));
        std::array::from_fn(|l| {
            let key = |d: usize| i32::from(keys[4 * l + d]) * query[d];
            sums[l] + ((key(0) + key(1)) + (key(2) + key(3)))
        })
    }
    #[inline(always)]
    fn int_to_f32(self, v: Self::I) -> Self::V {
        map(|l| v[l] as f32)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    type Lanes = [f32; LANES];

    /// Every operation against the plain text's, bit by bit. `flip` makes a query what
    /// [`Simd::dot`] wants.
    fn check<S: Simd>(simd: S, flip: u32) {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        let bits = |v: &Lanes| v.map(f32::to_bits);
        for _ in 0..1000 {
            let scale = [1e-40, 1e-3, 1.0, 80.0, 1e30][next() as usize % 5];
            let mut value = || (next() as f32 / (1 << 23) as f32 - 1.0) * scale;
            let mut lanes = || std::array::from_fn(|_| value());
            let (a, b, c): (Lanes, Lanes, Lanes) = (lanes(), lanes(), lanes());
            let (x, y, z) = (simd.load(&a), simd.load(&b), simd.load(&c));
            let same = |found: S::V, expected: Lanes, what: &str| {
                let mut lanes = [0.0; LANES];
                simd.store(found, &mut lanes);
                assert_eq!(bits(&lanes), bits(&expected), "{what} of {a:?} {b:?} {c:?}");
            };
            same(simd.splat(a[0]), Portable.splat(a[0]), "splat");
            same(simd.add(x, y), Portable.add(a, b), "add");
            same(simd.sub(x, y), Portable.sub(a, b), "sub");
            same(simd.mul(x, y), Portable.mul(a, b), "mul");
            same(simd.div(x, y), Portable.div(a, b), "div");
            same(simd.fma(x, y, z), Portable.fma(a, b, c), "fma");
            same(simd.max(x, y), Portable.max(a, b), "max");
            same(simd.min(x, y), Portable.min(a, b), "min");
            same(simd.exp(x), Portable.exp(a), "exp");
            same(simd.zero_where_less(x, y, 0.1), Portable.zero_where_less(a, b, 0.1), "less");
            assert_eq!(simd.max_lanes(x).to_bits(), Portable.max_lanes(a).to_bits());
            assert_eq!(simd.sum_lanes(x).to_bits(), Portable.sum_lanes(a).to_bits());
            // Quants, the largest ones often.
            let mut quant = || [127, -127, (next() % 255) as i8][next() as usize % 3].max(-127);
            let keys: [i8; 64] = std::array::from_fn(|_| quant());
            let query = u32::from_le_bytes([0; 4].map(|_| quant() as u8));
            let key_sums =
                std::array::from_fn(|l| (0..4).map(|d| i32::from(keys[4 * l + d])).sum());
            let dot = simd.dot(simd.dot_start(&key_sums), &keys, query ^ flip);
            let expected = Portable.dot([0; LANES], &keys, query);
            same(simd.int_to_f32(dot), Portable.int_to_f32(expected), "dot");
            let bytes: [i8; LANES] = std::array::from_fn(|_| next() as i8);
            same(simd.load_i8(&bytes), Portable.load_i8(&bytes), "bytes");
            // Not a NaN: machines widen its sign and payload as they like.
            let half = std::array::from_fn(|_| f16::from_bits(next() as u16 & 0xfbff));
            same(simd.load_f16(&half), Portable.load_f16(&half), "half floats");
        }
        for n in -126..=127 {
            let (mut found, n) = ([0.0; LANES], n as f32);
            simd.store(simd.pow2(simd.splat(n)), &mut found);
            assert_eq!(bits(&found), bits(&Portable.pow2([n; LANES])));
        }
        simd.prefetch(std::ptr::null());
    }

    #[test]
    fn every_isa_gives_the_same_bits() {
        check(Portable, 0);
        #[cfg(target_arch = "x86_64")]
        if let Some(isa) = crate::x86::avx512vnni::Avx512Vnni::new() {
            check(isa, 0x8080_8080);
        }
        #[cfg(target_arch = "x86_64")]
        {
            use crate::x86::{avx2::Avx2, avxvnni::Avx512VlVnni256, avxvnni::AvxVnni};
            Avx2::new().into_iter().for_each(|isa| check(isa, 0));
            AvxVnni::new().into_iter().for_each(|isa| check(isa, 0x8080_8080));
            Avx512VlVnni256::new().into_iter().for_each(|isa| check(isa, 0x8080_8080));
        }
        #[cfg(target_arch = "aarch64")]
        check(crate::aarch64::neon::Neon, 0);
        #[cfg(target_arch = "arm")]
        if let Some(isa) = crate::arm::neon::ArmNeon::new() {
            check(isa, 0);
        }
    }
}
