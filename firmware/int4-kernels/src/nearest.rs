//! Exact search for the nearest of many 8-bit vectors: every row is looked at.
//!
//! # Why no index?
//!
//! A box has tens of thousands of passages, and reading 384 bytes of each takes milliseconds. An
//! approximate index would take memory and time to build, and miss some.

use crate::dispatch::{Isa, Kind};
use crate::limits::{NEAREST_BYTES_ALONE, NEAREST_ROWS, NEAREST_WIDTH_MAX, TASKS_PER_THREAD};
use crate::pool::ThreadPool;
use std::cmp::Reverse;
use std::ops::Range;
use std::sync::OnceLock;

/// A row's index and its dot product with the query.
type Scored = (usize, i32);

/// The `limit` rows with the largest dot product with `query`, best first, the lower index first of
/// equals: (index, dot product). `rows` is `[n, width]`, row-major. Runs on the caller's thread,
/// with the best kernel of this machine; see [`nearest_with`] for others.
///
/// # Panics
/// If `query` is not `width` long, `rows` is not whole rows, or `width` is 0 or above
/// [`NEAREST_WIDTH_MAX`].
pub fn nearest(rows: &[i8], width: usize, query: &[i8], limit: usize) -> Vec<(usize, i32)> {
    static BEST: OnceLock<Isa> = OnceLock::new();
    check(rows, width, query);
    search(*BEST.get_or_init(Isa::best), rows, width, query, limit, 0..rows.len() / width)
}

/// As [`nearest`], with this kernel, and on all threads of the pool if the rows are many. The
/// result is the same.
///
/// # Panics
/// As [`nearest`].
pub fn nearest_with(
    isa: Isa,
    pool: &ThreadPool,
    rows: &[i8],
    width: usize,
    query: &[i8],
    limit: usize,
) -> Vec<(usize, i32)> {
    check(rows, width, query);
    let count = rows.len() / width;
    let balanced = count.div_ceil(pool.threads() * TASKS_PER_THREAD);
    let share = balanced.max(NEAREST_BYTES_ALONE / width).max(1);
    if pool.threads() == 1 || share >= count {
        return search(isa, rows, width, query, limit, 0..count);
    }
    let mut parts: Vec<(Range<usize>, Vec<Scored>)> = (0..count)
        .step_by(share)
        .map(|first| (first..(first + share).min(count), Vec::new()))
        .collect();
    pool.for_each_mut(&mut parts, &|(range, found)| {
        *found = search(isa, rows, width, query, limit, range.clone());
    });
    let mut all: Vec<Scored> = parts.into_iter().flat_map(|(_, found)| found).collect();
    all.sort_unstable_by_key(|(index, score)| (Reverse(*score), *index));
    all.truncate(limit);
    all
}

/// A vector of length 1 as [`nearest`] wants it: each value times 127, rounded, halves away from
/// zero, within -127 to 127. NaN becomes 0. The dot product of two such is about 16,129 times their
/// cosine.
pub fn quantize_unit(vector: &[f32]) -> Vec<i8> {
    vector.iter().map(|x| (127.0 * x).round().clamp(-127.0, 127.0) as i8).collect()
}

fn check(rows: &[i8], width: usize, query: &[i8]) {
    assert!((1..=NEAREST_WIDTH_MAX).contains(&width), "vectors of {width} values");
    assert_eq!(query.len(), width, "the query has another width");
    assert!(rows.len().is_multiple_of(width), "rows are not whole rows of {width}");
}

/// [`nearest`] among the rows of a range.
fn search(
    isa: Isa,
    rows: &[i8],
    width: usize,
    query: &[i8],
    limit: usize,
    range: Range<usize>,
) -> Vec<Scored> {
    let mut best: Vec<Scored> = Vec::with_capacity(limit.min(range.len()).saturating_add(1));
    if limit == 0 {
        return best;
    }
    let mut scores = [0; NEAREST_ROWS];
    for first in range.clone().step_by(NEAREST_ROWS) {
        let last = (first + NEAREST_ROWS).min(range.end);
        let scores = &mut scores[..last - first];
        dots(isa, &rows[first * width..last * width], width, query, scores);
        for (index, score) in (first..last).zip(scores.iter()) {
            // Rows come in order of index, so an equal one is behind those that are kept.
            if best.len() < limit || best.last().is_some_and(|(_, worst)| score > worst) {
                let at = best.partition_point(|(_, kept)| kept >= score);
                best.insert(at, (index, *score));
                best.truncate(limit);
            }
        }
    }
    best
}

/// `out[i] = sum over k of rows[i][k] * query[k]`, exactly.
fn dots(isa: Isa, rows: &[i8], width: usize, query: &[i8], out: &mut [i32]) {
    assert!(query.len() == width && rows.len() == width * out.len(), "rows of {width}");
    match isa.0 {
        Kind::Scalar => plain_dots(rows, query, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512Vnni(isa) => isa.dots(rows, query, out),
        #[cfg(target_arch = "x86_64")]
        Kind::AvxVnni(isa) => isa.dots(rows, query, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512VlVnni256(isa) => isa.dots(rows, query, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(isa) => isa.dots(rows, query, out),
        #[cfg(target_arch = "aarch64")]
        Kind::NeonI8mm(isa) => isa.dotprod().dots(rows, query, out),
        #[cfg(target_arch = "aarch64")]
        Kind::NeonDotprod(isa) => isa.dots(rows, query, out),
        #[cfg(target_arch = "aarch64")]
        Kind::Neon(isa) => isa.dots(rows, query, out),
        #[cfg(target_arch = "arm")]
        Kind::ArmNeon(isa) => isa.dots(rows, query, out),
    }
}

/// The specification.
fn plain_dots(rows: &[i8], query: &[i8], out: &mut [i32]) {
    for (row, out) in rows.chunks_exact(query.len()).zip(out) {
        *out = plain_dot(row, query);
    }
}

/// Sum of products of two slices of the same length; also for the end of a row that fills no
/// register.
#[inline(always)]
pub(crate) fn plain_dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}
