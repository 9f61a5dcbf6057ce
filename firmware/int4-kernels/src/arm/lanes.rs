//! [`Simd`] on 32-bit ARM: the portable text, but the cache is widened by NEON, for which `half`
//! has software and the compiler three instructions a value. Arithmetic stays with VFP, which does
//! not flush small numbers to zero.

use super::neon::ArmNeon;
use crate::simd::{Portable, Simd};
use crate::vector::LANES;
use half::f16;
use std::arch::asm;

/// Takes operations from [`Portable`].
macro_rules! portable {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)?;)*) => {
        $(#[inline(always)]
        fn $name(self, $($arg: $ty),*) $(-> $ret)? {
            Portable.$name($($arg),*)
        })*
    };
}

/// 16 lanes.
type V = [f32; LANES];

/// 16 lanes of integers.
type I = [i32; LANES];

impl Simd for ArmNeon {
    type V = V;
    type I = I;

    #[inline(always)]
    fn dot(self, mut sums: I, keys: &[i8; 64], query: u32) -> I {
        // SAFETY: NEON and VFPv4 are there (`self`), and both arrays have 64 bytes. Registers are
        // named by their halves and only the lower ones used: on a target without NEON the compiler
        // forgets `out("q0")` and objects to `out("d16")`. Quants are at least -127, so two products
        // fit 16 bits.
        unsafe {
            asm!(".fpu neon-vfpv4",
                "vdup.32 d14, {2}",
                "2: vld1.8 {{d0-d3}}, [{0}]!",
                "vld1.8 {{d4-d7}}, [{1}]",
                "vmull.s8 q4, d0, d14",
                "vmull.s8 q5, d1, d14",
                "vmull.s8 q0, d2, d14",
                "vmull.s8 q1, d3, d14",
                "vpadd.i16 d8, d8, d9",
                "vpadd.i16 d9, d10, d11",
                "vpadd.i16 d0, d0, d1",
                "vpadd.i16 d1, d2, d3",
                "vpadal.s16 q2, q4",
                "vpadal.s16 q3, q0",
                "vst1.8 {{d4-d7}}, [{1}]!",
                "cmp {0}, {3}",
                "bne 2b",
                inout(reg) keys.as_ptr() => _, inout(reg) sums.as_mut_ptr() => _, in(reg) query,
                in(reg) keys.as_ptr().add(64),
                out("d0") _, out("d1") _, out("d2") _, out("d3") _, out("d4") _, out("d5") _,
                out("d6") _, out("d7") _, out("d8") _, out("d9") _, out("d10") _, out("d11") _,
                out("d14") _,
                options(nostack));
        }
        sums
    }

    #[inline(always)]
    fn load_f16(self, from: &[f16; LANES]) -> V {
        let mut to = [0.0; LANES];
        // SAFETY: as above; both arrays have 16 values.
        unsafe {
            asm!(".fpu neon-vfpv4",
                "vld1.8 {{d0-d3}}, [{0}]",
                "vcvt.f32.f16 q2, d0",
                "vcvt.f32.f16 q3, d1",
                "vst1.32 {{d4-d7}}, [{1}]!",
                "vcvt.f32.f16 q2, d2",
                "vcvt.f32.f16 q3, d3",
                "vst1.32 {{d4-d7}}, [{1}]",
                in(reg) from, inout(reg) to.as_mut_ptr() => _,
                out("d0") _, out("d1") _, out("d2") _, out("d3") _,
                out("d4") _, out("d5") _, out("d6") _, out("d7") _,
                options(nostack, preserves_flags));
        }
        to
    }

    #[inline(always)]
    fn load_i8(self, from: &[i8; LANES]) -> V {
        let mut to = [0.0; LANES];
        // SAFETY: as above; both arrays have 16 values.
        unsafe {
            asm!(".fpu neon-vfpv4",
                "vld1.8 {{d0-d1}}, [{0}]",
                "vmovl.s8 q1, d0",
                "vmovl.s8 q0, d1",
                "vmovl.s16 q2, d2",
                "vmovl.s16 q3, d3",
                "vcvt.f32.s32 q2, q2",
                "vcvt.f32.s32 q3, q3",
                "vst1.32 {{d4-d7}}, [{1}]!",
                "vmovl.s16 q2, d0",
                "vmovl.s16 q3, d1",
                "vcvt.f32.s32 q2, q2",
                "vcvt.f32.s32 q3, q3",
                "vst1.32 {{d4-d7}}, [{1}]",
                in(reg) from, inout(reg) to.as_mut_ptr() => _,
                out("d0") _, out("d1") _, out("d2") _, out("d3") _,
                out("d4") _, out("d5") _, out("d6") _, out("d7") _,
                options(nostack, preserves_flags));
        }
        to
    }

    portable! {
        fn dot_start(sums: &[i32; LANES]) -> I;
        fn int_to_f32(v: I) -> V;
        fn splat(value: f32) -> V;
        fn load(from: &[f32; LANES]) -> V;
        fn store(v: V, to: &mut [f32; LANES]);
        fn add(a: V, b: V) -> V;
        fn sub(a: V, b: V) -> V;
        fn mul(a: V, b: V) -> V;
        fn div(a: V, b: V) -> V;
        fn fma(a: V, b: V, c: V) -> V;
        fn max(a: V, b: V) -> V;
        fn min(a: V, b: V) -> V;
        fn pow2(n: V) -> V;
        fn zero_where_less(v: V, x: V, bound: f32) -> V;
        fn prefetch(from: *const u8);
    }
}
