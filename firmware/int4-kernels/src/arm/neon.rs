//! NEON of 32-bit ARM with fused multiply-add (ARMv7 with VFPv4: Cortex-A7, A15, A17; A53 and A72
//! under a 32-bit system). The method, and why 16-bit sums do not overflow, is that of
//! 64-bit ARM's plain NEON: `vmull.s8` and `vmlal.s8` into 16 bits, `vpadal.s16` into 32.
//!
//! # Why assembly?
//!
//! Stable Rust has neither intrinsics nor target features for 32-bit NEON, and the target does not
//! include it. Naked functions keep to the C calling convention and say themselves what they need.
//!
//! # Why the same bits, though NEON flushes small numbers to zero?
//!
//! Because there are none. 32-bit NEON takes and gives zero in place of floats below 2^-126. A
//! block of activations has scale zero, or one of at least [`SCALE_MIN`] = 2^-64: otherwise
//! [`crate::scalar`] works on the tile. Such a scale is a multiple of 2^-87; a weight's scale, a
//! half float, is one of 2^-24, so their product, also rounded, is one of 2^-111. An integer times
//! this product, plus an accumulator that is a multiple of 2^-111, is a multiple again, also
//! rounded. Multiples of 2^-111 are zero or at least 2^-111. Half floats themselves are widened
//! without flushing.

use crate::activations::Tile;
use crate::layout::{Bits, MatrixSpec};
use crate::limits::PANEL_ROWS;
use std::arch::naked_asm;
use std::ffi::c_ulong;

/// Proof that this machine has NEON and VFPv4: it can only be made by asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ArmNeon(());

/// The smallest scale of activations, other than zero, that the kernels take.
const SCALE_MIN: f32 = f32::from_bits((127 - 64) << 23);

/// Columns whose products 16-bit lanes take, where weights have 4 bits.
const CHUNK_COLUMNS: usize = 32;

unsafe extern "C" {
    /// What the kernel told the process at its start (Linux and Android).
    safe fn getauxval(kind: c_ulong) -> c_ulong;
}

impl ArmNeon {
    /// Asks the operating system.
    pub(crate) fn new() -> Option<ArmNeon> {
        const AT_HWCAP: c_ulong = 16;
        const HWCAP_NEON: c_ulong = 1 << 12;
        const HWCAP_VFPV4: c_ulong = 1 << 16;
        let needed = HWCAP_NEON | HWCAP_VFPV4;
        (getauxval(AT_HWCAP) & needed == needed).then_some(ArmNeon(()))
    }

    /// The same as [`crate::scalar::panel_int8`].
    pub(crate) fn panel_int8(
        self,
        spec: &MatrixSpec,
        panel: &[u8],
        x: &Tile<'_>,
        out: &mut [[f32; PANEL_ROWS]],
    ) {
        x.assert_fits(spec, panel, out);
        // As integers: zero, less one, is the largest. Comparing floats is slow on these machines.
        let small = |s: &f32| s.to_bits().wrapping_sub(1) < SCALE_MIN.to_bits() - 1;
        if x.scales.iter().any(small) {
            return crate::scalar::panel_int8(spec, panel, x, out);
        }
        let chunk = match spec.bits() {
            Bits::Four => CHUNK_COLUMNS.min(spec.block()),
            Bits::Eight => spec.block(),
        };
        for (t, out) in out.iter_mut().enumerate() {
            out.fill(0.0);
            let walk = Walk {
                block: panel.as_ptr(),
                quants: x.quants[4 * t..].as_ptr(),
                scales: x.scales[t..].as_ptr(),
                starts: x.starts[t..].as_ptr(),
                out: out.as_mut_ptr(),
                blocks: spec.blocks(),
                stride: 4 * x.width,
                chunks: spec.block() / chunk,
                eights: chunk / 8,
                zeros: usize::from(spec.zero_points()),
            };
            // SAFETY: NEON and VFPv4 are there (`self`), and the lengths were just checked.
            unsafe {
                match spec.bits() {
                    Bits::Four => walk_4_bits(&walk),
                    Bits::Eight => walk_8_bits(&walk),
                }
            }
        }
    }
}

/// One token against one panel. The functions below know the places of the fields.
#[repr(C)]
struct Walk {
    /// The panel.
    block: *const u8,
    /// The token's first four activations, with those of the next columns `stride` bytes on.
    quants: *const i8,
    /// The scale of its first block, with the others `stride` bytes on.
    scales: *const f32,
    /// As the scales: -8 times the sums of the blocks' activations.
    starts: *const i32,
    /// 16 accumulators, of zero.
    out: *mut f32,
    /// Blocks in the panel.
    blocks: usize,
    /// Bytes from four columns of a token to its next four: four times the tile's width.
    stride: usize,
    /// Chunks in a block; 1 at 8 bits.
    chunks: usize,
    /// Times eight columns in a chunk, at least 2.
    eights: usize,
    /// 1 if each block has 16 zero points.
    zeros: usize,
}

/// Saves registers and loads the fields of [`Walk`] (`r0`): `r1` weights, `r2` activations, `r3`
/// stride, `r4` blocks to go, `r5` scales, `r6` starts, `r7` accumulators.
macro_rules! enter {
    () => {
        "push {{r4-r10, lr}}
        vpush {{d8-d15}}
        ldr r1, [r0]
        ldr r2, [r0, #4]
        ldr r5, [r0, #8]
        ldr r6, [r0, #12]
        ldr r7, [r0, #16]
        ldr r4, [r0, #20]
        ldr r3, [r0, #24]"
    };
}

/// Turns the start in `q14` and the zero points at `r1` into four quads' starts in `q8` to `q11`.
macro_rules! zero_points {
    ($flip:literal, $widen:literal) => {
        concat!(
            "vshr.s32 q14, q14, #3
            vmovn.i32 d28, q14
            vld1.8 {{d0-d1}}, [r1]!\n",
            $flip,
            "\n",
            $widen,
            " q1, d0\n",
            $widen,
            " q2, d1
            vmull.s16 q8, d2, d28
            vmull.s16 q9, d3, d28
            vmull.s16 q10, d4, d28
            vmull.s16 q11, d5, d28"
        )
    };
}

/// Adds the sums in `q0` to `q3`, times the weights' scales (at `r10`) and the activations' (at
/// `r5`), to the accumulators; goes on to label 2 if there are more blocks, otherwise returns.
macro_rules! finish_block {
    () => {
        "vld1.8 {{d8-d11}}, [r10]
        vld1.32 {{d14[], d15[]}}, [r5], r3
        vcvt.f32.f16 q8, d8
        vcvt.f32.f16 q9, d9
        vcvt.f32.f16 q10, d10
        vcvt.f32.f16 q11, d11
        mov r12, r7
        vld1.32 {{d24-d27}}, [r12]!
        vld1.32 {{d28-d31}}, [r12]
        vmul.f32 q8, q8, q7
        vmul.f32 q9, q9, q7
        vmul.f32 q10, q10, q7
        vmul.f32 q11, q11, q7
        vcvt.f32.s32 q0, q0
        vcvt.f32.s32 q1, q1
        vcvt.f32.s32 q2, q2
        vcvt.f32.s32 q3, q3
        vfma.f32 q12, q0, q8
        vfma.f32 q13, q1, q9
        vfma.f32 q14, q2, q10
        vfma.f32 q15, q3, q11
        mov r12, r7
        vst1.32 {{d24-d27}}, [r12]!
        vst1.32 {{d28-d31}}, [r12]
        subs r4, r4, #1
        bne 2b"
    };
}

/// Eight columns of 4-bit weights: `$multiply` writes or adds to the 16-bit sums in `q8` to `q15`,
/// each of two rows. `q6` holds 15s.
macro_rules! eight_of_4_bits {
    ($multiply:literal) => {
        concat!(
            "vld1.8 {{d0-d3}}, [r1]!
            vld1.32 {{d14[]}}, [r2], r3
            vld1.8 {{d4-d7}}, [r1]!
            vld1.32 {{d15[]}}, [r2], r3
            pld [r1, #1024]
            vand q4, q0, q6
            vand q5, q1, q6
            vshr.u8 q0, q0, #4\n",
            $multiply,
            " q8, d8, d14\n",
            $multiply,
            " q9, d9, d14
            vshr.u8 q1, q1, #4\n",
            $multiply,
            " q10, d10, d14\n",
            $multiply,
            " q11, d11, d14
            vand q4, q2, q6
            vmlal.s8 q8, d0, d15
            vmlal.s8 q9, d1, d15
            vand q5, q3, q6
            vmlal.s8 q10, d2, d15
            vmlal.s8 q11, d3, d15
            vshr.u8 q2, q2, #4\n",
            $multiply,
            " q12, d8, d14\n",
            $multiply,
            " q13, d9, d14
            vshr.u8 q3, q3, #4\n",
            $multiply,
            " q14, d10, d14\n",
            $multiply,
            " q15, d11, d14
            vmlal.s8 q12, d4, d15
            vmlal.s8 q13, d5, d15
            vmlal.s8 q14, d6, d15
            vmlal.s8 q15, d7, d15"
        )
    };
}

/// # Safety
/// NEON and VFPv4 are there; `walk` describes a panel of 4-bit weights and a tile that fit.
#[unsafe(naked)]
unsafe extern "C" fn walk_4_bits(walk: &Walk) {
    naked_asm!(
        ".fpu neon-vfpv4",
        enter!(),
        "sub sp, sp, #64",
        // A block. Its four quads' sums are on the stack, where chunks add to them.
        "2: mov r10, r1
        add r1, r1, #32
        vld1.32 {{d28[], d29[]}}, [r6], r3
        ldr r12, [r0, #36]
        cmp r12, #0
        beq 3f",
        zero_points!("", "vmovl.u8"),
        "b 4f",
        "3: vmov q8, q14
        vmov q9, q14
        vmov q10, q14
        vmov q11, q14",
        "4: mov r12, sp
        vst1.32 {{d16-d19}}, [r12]!
        vst1.32 {{d20-d23}}, [r12]
        vmov.i8 q6, #15
        ldr r8, [r0, #28]",
        // A chunk.
        "5: ldr r9, [r0, #32]",
        eight_of_4_bits!("vmull.s8"),
        "6:",
        eight_of_4_bits!("vmlal.s8"),
        "sub r9, r9, #1
        cmp r9, #1
        bne 6b
        mov r12, sp
        vld1.32 {{d0-d3}}, [r12]!
        vld1.32 {{d4-d7}}, [r12]
        vpadd.i16 d16, d16, d17
        vpadd.i16 d17, d18, d19
        vpadd.i16 d20, d20, d21
        vpadd.i16 d21, d22, d23
        vpadd.i16 d24, d24, d25
        vpadd.i16 d25, d26, d27
        vpadd.i16 d28, d28, d29
        vpadd.i16 d29, d30, d31
        vpadal.s16 q0, q8
        vpadal.s16 q1, q10
        vpadal.s16 q2, q12
        vpadal.s16 q3, q14
        subs r8, r8, #1
        beq 7f
        mov r12, sp
        vst1.32 {{d0-d3}}, [r12]!
        vst1.32 {{d4-d7}}, [r12]
        b 5b",
        "7:",
        finish_block!(),
        "add sp, sp, #64
        vpop {{d8-d15}}
        pop {{r4-r10, pc}}",
    )
}

/// Eight columns of two quads of 8-bit weights: four columns at `r1`, the next four at `r12`. Added
/// to four registers of 32-bit sums, of two rows each. `q6` holds 128s.
macro_rules! eight_of_8_bits {
    ($a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "vld1.8 {{d0-d3}}, [r1]!
            vld1.8 {{d4-d7}}, [r12]!
            veor q0, q0, q6
            veor q1, q1, q6
            veor q2, q2, q6
            veor q3, q3, q6
            vmull.s8 q4, d0, d14
            vmull.s8 q5, d1, d14
            vmull.s8 q0, d2, d14
            vmull.s8 q1, d3, d14
            vmlal.s8 q4, d4, d15
            vmlal.s8 q5, d5, d15
            vmlal.s8 q0, d6, d15
            vmlal.s8 q1, d7, d15
            vpadal.s16 ",
            $a,
            ", q4
            vpadal.s16 ",
            $b,
            ", q5
            vpadal.s16 ",
            $c,
            ", q0
            vpadal.s16 ",
            $d,
            ", q1"
        )
    };
}

/// # Safety
/// NEON and VFPv4 are there; `walk` describes a panel of 8-bit weights and a tile that fit.
#[unsafe(naked)]
unsafe extern "C" fn walk_8_bits(walk: &Walk) {
    naked_asm!(
        ".fpu neon-vfpv4",
        enter!(),
        "sub sp, sp, #64",
        // A block. What its four quads' sums start with waits on the stack.
        "2: mov r10, r1
        add r1, r1, #32
        vld1.32 {{d28[], d29[]}}, [r6], r3
        vmov.i8 q6, #128
        ldr r12, [r0, #36]
        cmp r12, #0
        beq 3f",
        zero_points!("veor q0, q0, q6", "vmovl.s8"),
        "b 4f",
        "3: vmov.i32 q8, #0
        vmov.i32 q9, #0
        vmov.i32 q10, #0
        vmov.i32 q11, #0",
        "4: mov r12, sp
        vst1.32 {{d16-d19}}, [r12]!
        vst1.32 {{d20-d23}}, [r12]
        vmov.i32 q8, #0
        vmov.i32 q9, #0
        vmov.i32 q10, #0
        vmov.i32 q11, #0
        vmov.i32 q12, #0
        vmov.i32 q13, #0
        vmov.i32 q14, #0
        vmov.i32 q15, #0
        ldr r9, [r0, #32]",
        "5: add r12, r1, #64
        vld1.32 {{d14[]}}, [r2], r3
        vld1.32 {{d15[]}}, [r2], r3
        pld [r1, #1024]
        pld [r12, #1024]",
        eight_of_8_bits!("q8", "q9", "q10", "q11"),
        eight_of_8_bits!("q12", "q13", "q14", "q15"),
        "mov r1, r12
        subs r9, r9, #1
        bne 5b
        vpadd.i32 d0, d16, d17
        vpadd.i32 d1, d18, d19
        vpadd.i32 d2, d20, d21
        vpadd.i32 d3, d22, d23
        vpadd.i32 d4, d24, d25
        vpadd.i32 d5, d26, d27
        vpadd.i32 d6, d28, d29
        vpadd.i32 d7, d30, d31
        mov r12, sp
        vld1.32 {{d16-d19}}, [r12]!
        vld1.32 {{d20-d23}}, [r12]
        vadd.i32 q0, q0, q8
        vadd.i32 q1, q1, q9
        vadd.i32 q2, q2, q10
        vadd.i32 q3, q3, q11",
        finish_block!(),
        "add sp, sp, #64
        vpop {{d8-d15}}
        pop {{r4-r10, pc}}",
    )
}
