//! [`Simd`] in four NEON registers, the same for all 64-bit ARMs.
//!
//! The plain text would do for the arithmetic, but `half` widens in software where the processor
//! lacks half-precision *arithmetic* (Cortex-A53, A72), though every one can convert.

use super::neon::Neon;
use super::walk::widen;
use crate::simd::Simd;
use crate::vector::LANES;
use half::f16;
use std::arch::aarch64::*;
use std::arch::asm;
use std::array::from_fn;

/// 16 lanes.
type V = [float32x4_t; LANES / 4];

/// 16 lanes of integers.
type I = [int32x4_t; LANES / 4];

/// Wraps code whose only condition is NEON and the length of arrays.
macro_rules! neon {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)? = $body:expr;)*) => {
        $($(#[$doc])* #[inline(always)]
        fn $name(self, $($arg: $ty),*) $(-> $ret)? {
            // SAFETY: NEON is part of the target; references to arrays of 16 values are good for 16
            // values; prefetching never faults.
            unsafe { $body }
        })*
    };
}

impl Simd for Neon {
    type V = V;
    type I = I;
    neon! {
        fn dot_start(_sums: &[i32; LANES]) -> I = [vdupq_n_s32(0); LANES / 4];
        // Quants are at least -127: two products fit 16 bits.
        fn dot(sums: I, keys: &[i8; 64], query: u32) -> I = {
            let query = vreinterpretq_s8_u32(vdupq_n_u32(query));
            from_fn(|i| {
                let keys = vld1q_s8(keys.as_ptr().add(16 * i));
                let low = vmull_s8(vget_low_s8(keys), vget_low_s8(query));
                vpadalq_s16(sums[i], vpaddq_s16(low, vmull_high_s8(keys, query)))
            })
        };
        fn int_to_f32(v: I) -> V = v.map(|v| vcvtq_f32_s32(v));
        fn splat(value: f32) -> V = [vdupq_n_f32(value); LANES / 4];
        fn load(from: &[f32; LANES]) -> V = from_fn(|i| vld1q_f32(from.as_ptr().add(4 * i)));
        fn load_f16(from: &[f16; LANES]) -> V =
            from_fn(|i| widen(vld1_u16(from.as_ptr().cast::<u16>().add(4 * i))));
        fn load_i8(from: &[i8; LANES]) -> V = {
            let bytes = vld1q_s8(from.as_ptr());
            let (a, b) = (vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes));
            let quads = [vget_low_s16(a), vget_high_s16(a), vget_low_s16(b), vget_high_s16(b)];
            quads.map(|quad| vcvtq_f32_s32(vmovl_s16(quad)))
        };
        fn store(v: V, to: &mut [f32; LANES]) =
            (0..LANES / 4).for_each(|i| vst1q_f32(to.as_mut_ptr().add(4 * i), v[i]));
        fn add(a: V, b: V) -> V = from_fn(|i| vaddq_f32(a[i], b[i]));
        fn sub(a: V, b: V) -> V = from_fn(|i| vsubq_f32(a[i], b[i]));
        fn mul(a: V, b: V) -> V = from_fn(|i| vmulq_f32(a[i], b[i]));
        fn div(a: V, b: V) -> V = from_fn(|i| vdivq_f32(a[i], b[i]));
        fn fma(a: V, b: V, c: V) -> V = from_fn(|i| vfmaq_f32(c[i], a[i], b[i]));
        fn max(a: V, b: V) -> V = from_fn(|i| vmaxnmq_f32(a[i], b[i]));
        fn min(a: V, b: V) -> V = from_fn(|i| vminnmq_f32(a[i], b[i]));
        fn pow2(n: V) -> V = n.map(|n| {
            let exponent = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127));
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent))
        });
        fn zero_where_less(v: V, x: V, bound: f32) -> V = from_fn(|i| {
            let less = vcltq_f32(x[i], vdupq_n_f32(bound));
            vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(v[i]), less))
        });
        fn prefetch(from: *const u8) = asm!("prfm pldl1keep, [{0}]", in(reg) from,
            options(readonly, nostack, preserves_flags));
        fn max_lanes(v: V) -> f32 =
            vmaxnmvq_f32(vmaxnmq_f32(vmaxnmq_f32(v[0], v[2]), vmaxnmq_f32(v[1], v[3])));
        fn sum_lanes(v: V) -> f32 = {
            let four = vaddq_f32(vaddq_f32(v[0], v[2]), vaddq_f32(v[1], v[3]));
            let two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
            vaddv_f32(two)
        };
    }
}
