//! Dot products of many 8-bit rows with one; see [`crate::nearest`].

use super::neon::ArmNeon;
use crate::nearest::plain_dot;
use std::arch::asm;

/// Bytes of a row that one turn of the loop takes.
const STEP: usize = 16;

impl ArmNeon {
    /// `out[i] = rows[i] . query`, exactly. `rows` is `[out.len(), query.len()]`.
    pub(crate) fn dots(self, rows: &[i8], query: &[i8], out: &mut [i32]) {
        let width = query.len();
        let whole = width / STEP * STEP;
        for (row, out) in rows.chunks_exact(width).zip(out) {
            let sum = if whole == 0 { 0 } else { neon(self, &row[..whole], &query[..whole]) };
            *out = sum.wrapping_add(plain_dot(&row[whole..], &query[whole..]));
        }
    }
}

/// A product is at most 128 * 128 = 16384, which fits 16 bits; pairs of them are added in 32. Both
/// slices have the same length, a multiple of [`STEP`] and not 0.
#[inline(always)]
fn neon(_here: ArmNeon, row: &[i8], query: &[i8]) -> i32 {
    debug_assert!(row.len() == query.len() && !row.is_empty() && row.len().is_multiple_of(STEP));
    let sum: i32;
    // SAFETY: NEON is there (`_here`); both slices are read from their start up to the end of
    // `row`, which `query` has as well. Registers are named by their lower halves, as in `lanes`.
    unsafe {
        asm!(".fpu neon-vfpv4",
            "vmov.i32 q4, #0",
            "vmov.i32 q5, #0",
            "2: vld1.8 {{d0-d1}}, [{0}]!",
            "vld1.8 {{d2-d3}}, [{1}]!",
            "vmull.s8 q2, d0, d2",
            "vmull.s8 q3, d1, d3",
            "vpadal.s16 q4, q2",
            "vpadal.s16 q5, q3",
            "cmp {0}, {2}",
            "bne 2b",
            "vadd.i32 q4, q4, q5",
            "vadd.i32 d8, d8, d9",
            "vpadd.i32 d8, d8, d8",
            "vmov.32 {3}, d8[0]",
            inout(reg) row.as_ptr() => _, inout(reg) query.as_ptr() => _,
            in(reg) row.as_ptr_range().end, out(reg) sum,
            out("d0") _, out("d1") _, out("d2") _, out("d3") _, out("d4") _, out("d5") _,
            out("d6") _, out("d7") _, out("d8") _, out("d9") _, out("d10") _, out("d11") _,
            options(readonly, nostack));
    }
    sum
}
