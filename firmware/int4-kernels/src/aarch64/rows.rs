//! Dot products of many 8-bit rows with one; see [`crate::nearest`].

use super::dotprod::NeonDotprod;
use super::neon::Neon;
use crate::nearest::plain_dot;
use std::arch::aarch64::*;
use std::arch::asm;

/// Bytes of a row that one turn of the loop takes.
const STEP: usize = 32;

impl NeonDotprod {
    /// `out[i] = rows[i] . query`, exactly. `rows` is `[out.len(), query.len()]`.
    pub(crate) fn dots(self, rows: &[i8], query: &[i8], out: &mut [i32]) {
        // SAFETY: the feature is there (`self`).
        unsafe { dotprod(rows, query, out) }
    }
}

/// # Safety
/// Dot products are there.
#[target_feature(enable = "dotprod")]
unsafe fn dotprod(rows: &[i8], query: &[i8], out: &mut [i32]) {
    let width = query.len();
    let whole = width / STEP * STEP;
    for (row, out) in rows.chunks_exact(width).zip(out) {
        let (from, with) = (row.as_ptr(), query.as_ptr());
        let (mut a, mut b) = (vdupq_n_s32(0), vdupq_n_s32(0));
        for at in (0..whole).step_by(STEP) {
            // SAFETY: row and query have `width` bytes, at least `whole`; the feature is there. As
            // `vdotq_s32`, which is not stable.
            unsafe {
                let (r0, r1) = (vld1q_s8(from.add(at)), vld1q_s8(from.add(at + 16)));
                let (q0, q1) = (vld1q_s8(with.add(at)), vld1q_s8(with.add(at + 16)));
                asm!("sdot {0:v}.4s, {2:v}.16b, {4:v}.16b", "sdot {1:v}.4s, {3:v}.16b, {5:v}.16b",
                    inout(vreg) a, inout(vreg) b, in(vreg) r0, in(vreg) r1, in(vreg) q0,
                    in(vreg) q1, options(pure, nomem, nostack, preserves_flags));
            }
        }
        let sum = vaddvq_s32(vaddq_s32(a, b));
        *out = sum.wrapping_add(plain_dot(&row[whole..], &query[whole..]));
    }
}

impl Neon {
    /// `out[i] = rows[i] . query`, exactly. `rows` is `[out.len(), query.len()]`.
    pub(crate) fn dots(self, rows: &[i8], query: &[i8], out: &mut [i32]) {
        // SAFETY: NEON is part of the target.
        unsafe { neon(rows, query, out) }
    }
}

/// A product is at most 128 * 128 = 16384, which fits 16 bits; pairs of them are added in 32.
///
/// # Safety
/// NEON is part of the target.
#[target_feature(enable = "neon")]
unsafe fn neon(rows: &[i8], query: &[i8], out: &mut [i32]) {
    let width = query.len();
    let whole = width / STEP * STEP;
    for (row, out) in rows.chunks_exact(width).zip(out) {
        let (from, with) = (row.as_ptr(), query.as_ptr());
        let (mut a, mut b) = (vdupq_n_s32(0), vdupq_n_s32(0));
        for at in (0..whole).step_by(STEP) {
            // SAFETY: row and query have `width` bytes, at least `whole`.
            unsafe {
                let (r0, r1) = (vld1q_s8(from.add(at)), vld1q_s8(from.add(at + 16)));
                let (q0, q1) = (vld1q_s8(with.add(at)), vld1q_s8(with.add(at + 16)));
                a = vpadalq_s16(a, vmull_s8(vget_low_s8(r0), vget_low_s8(q0)));
                b = vpadalq_s16(b, vmull_high_s8(r0, q0));
                a = vpadalq_s16(a, vmull_s8(vget_low_s8(r1), vget_low_s8(q1)));
                b = vpadalq_s16(b, vmull_high_s8(r1, q1));
            }
        }
        let sum = vaddvq_s32(vaddq_s32(a, b));
        *out = sum.wrapping_add(plain_dot(&row[whole..], &query[whole..]));
    }
}
