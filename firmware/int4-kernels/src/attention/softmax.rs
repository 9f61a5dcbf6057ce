//! The online softmax of a few query rows over one head.

use super::cache::Head;
use super::element::Element;
use super::queries::Queries;
use super::{AttentionShape, BLOCK, BLOCK_GROUPS, KEY_GROUP, VALUE_LANES};
use crate::dispatch::{Isa, Kind};
use crate::simd::{Portable, Simd};
use crate::vector::{LANES, exp};
#[cfg(target_arch = "x86_64")]
use crate::x86::{avx2::Avx2, avx512vnni::Avx512Vnni, avxvnni::Avx512VlVnni256, avxvnni::AvxVnni};

/// Compiles [`rows_text`] for an instruction set.
#[cfg(target_arch = "x86_64")]
macro_rules! rows_for {
    ($name:ident, $isa:ty, $features:literal) => {
        fn $name<const R: usize, E: Element>(
            isa: $isa,
            shape: &AttentionShape,
            head: &Head<E>,
            queries: &Queries<R>,
            out: &mut [f32],
        ) {
            /// # Safety
            /// The features are there.
            #[target_feature(enable = $features)]
            unsafe fn compiled<const R: usize, E: Element>(
                isa: $isa,
                shape: &AttentionShape,
                head: &Head<E>,
                queries: &Queries<R>,
                out: &mut [f32],
            ) {
                rows_text(isa, shape, head, queries, out);
            }
            // SAFETY: `isa` is the proof.
            unsafe { compiled(isa, shape, head, queries, out) }
        }
    };
}

#[cfg(target_arch = "x86_64")]
rows_for!(rows_avx512, Avx512Vnni, "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni");
#[cfg(target_arch = "x86_64")]
rows_for!(rows_avxvnni, AvxVnni, "avx2,fma,f16c,avxvnni");
#[cfg(target_arch = "x86_64")]
rows_for!(rows_vnni256, Avx512VlVnni256, "avx2,fma,f16c,avx512f,avx512vl,avx512vnni");
#[cfg(target_arch = "x86_64")]
rows_for!(rows_avx2, Avx2, "avx2,fma,f16c");

/// `R` query rows against one head: `[R, padded_dim]` into `out`.
pub(super) fn rows<const R: usize, E: Element>(
    isa: Isa,
    shape: &AttentionShape,
    head: &Head<E>,
    queries: &Queries<R>,
    out: &mut [f32],
) {
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512Vnni(isa) => rows_avx512(isa, shape, head, queries, out),
        #[cfg(target_arch = "x86_64")]
        Kind::AvxVnni(isa) => rows_avxvnni(isa, shape, head, queries, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512VlVnni256(isa) => rows_vnni256(isa, shape, head, queries, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(isa) => rows_avx2(isa, shape, head, queries, out),
        #[cfg(target_arch = "aarch64")]
        Kind::NeonI8mm(_) | Kind::NeonDotprod(_) | Kind::Neon(_) => {
            rows_text(crate::aarch64::neon::Neon, shape, head, queries, out)
        }
        #[cfg(target_arch = "arm")]
        Kind::ArmNeon(isa) => rows_text(isa, shape, head, queries, out),
        _ => rows_text(Portable, shape, head, queries, out),
    }
}

/// Running softmax of one query row.
#[derive(Clone, Copy)]
struct Softmax {
    maximum: f32,
    total: f32,
}

#[inline(always)]
fn rows_text<S: Simd, const R: usize, E: Element>(
    simd: S,
    shape: &AttentionShape,
    head: &Head<E>,
    queries: &Queries<R>,
    out: &mut [f32],
) {
    let mut state = [Softmax { maximum: f32::NEG_INFINITY, total: 0.0 }; R];
    let last = queries.positions[R - 1];
    let begin = shape.first_seen(queries.positions[0]) / BLOCK * BLOCK;
    for start in (begin..=last).step_by(BLOCK) {
        let mut weights = scores(simd, shape, head, queries, start);
        let mut corrections = [1.0; R];
        for r in 0..R {
            let position = queries.positions[r];
            mask(&mut weights[r], shape.first_seen(position), position, start);
            corrections[r] = fold_in(simd, &mut state[r], &mut weights[r]);
            if E::SCALED {
                scale(simd, &mut weights[r], &head.value_scales[start..start + BLOCK]);
            }
        }
        let seen = BLOCK.min(last + 1 - start);
        let padded = shape.padded_dim();
        let values = &head.values[start * padded..(start + seen) * padded];
        let mut lane = 0;
        while lane < padded / LANES {
            let lanes = (padded / LANES - lane).min(S::SUMS / R);
            let at = (lane, padded);
            match lanes {
                1 => weigh::<S, R, 1, E>(simd, &weights, values, at, &corrections, out),
                2 | 3 => weigh::<S, R, 2, E>(simd, &weights, values, at, &corrections, out),
                _ => weigh::<S, R, VALUE_LANES, E>(simd, &weights, values, at, &corrections, out),
            }
            lane += match lanes {
                1 => 1,
                2 | 3 => 2,
                _ => VALUE_LANES,
            };
        }
    }
    for (state, row) in state.iter().zip(out.chunks_exact_mut(shape.padded_dim())) {
        let inverse = 1.0 / state.total;
        row.iter_mut().for_each(|v| *v *= inverse);
    }
}

/// Scores of all rows against the 64 keys from `start`.
#[inline(always)]
fn scores<S: Simd, const R: usize, E: Element>(
    simd: S,
    shape: &AttentionShape,
    head: &Head<E>,
    queries: &Queries<R>,
    start: usize,
) -> [[f32; BLOCK]; R] {
    let mut scores = [[0.0; BLOCK]; R];
    let mut first = 0;
    while first < BLOCK_GROUPS {
        let at = (start, first);
        first += match S::SUMS / R {
            1 => group_scores::<S, R, 1, E>(simd, shape, head, queries, at, &mut scores),
            2 | 3 => group_scores::<S, R, 2, E>(simd, shape, head, queries, at, &mut scores),
            _ => group_scores::<S, R, BLOCK_GROUPS, E>(simd, shape, head, queries, at, &mut scores),
        };
    }
    scores
}

/// `G` groups' part of [`scores`], from group `at.1` of the block at `at.0` on. Gives `G`.
#[inline(always)]
pub(super) fn group_scores<S: Simd, const R: usize, const G: usize, E: Element>(
    simd: S,
    shape: &AttentionShape,
    head: &Head<E>,
    queries: &Queries<R>,
    at: (usize, usize),
    scores: &mut [[f32; BLOCK]; R],
) -> usize {
    let sums = E::scores::<S, R, G>(simd, head, queries, at.0 + at.1 * KEY_GROUP);
    for (scores, sums) in scores.iter_mut().zip(&sums) {
        for (to, sum) in scores.as_chunks_mut().0[at.1..].iter_mut().zip(sums) {
            simd.store(capped(simd, shape, simd.mul(*sum, simd.splat(shape.scale))), to);
        }
    }
    G
}

/// Multiplies a block's weights with the scales of their values.
#[inline(always)]
fn scale<S: Simd>(simd: S, weights: &mut [f32; BLOCK], scales: &[f32]) {
    for (weights, scales) in weights.as_chunks_mut().0.iter_mut().zip(scales.as_chunks().0) {
        simd.store(simd.mul(simd.load(weights), simd.load(scales)), weights);
    }
}

/// `softcap * tanh(score / softcap)`.
#[inline(always)]
fn capped<S: Simd>(simd: S, shape: &AttentionShape, score: S::V) -> S::V {
    if shape.softcap == 0.0 {
        return score;
    }
    let cap = simd.splat(shape.softcap);
    let twice = simd.div(simd.mul(simd.splat(2.0), score), cap);
    let (one, two) = (simd.splat(1.0), simd.splat(2.0));
    let tanh = simd.sub(one, simd.div(two, simd.add(one, simd.exp(twice))));
    simd.mul(cap, tanh)
}

/// Takes the positions of the block away that a token does not see.
#[inline(always)]
fn mask(scores: &mut [f32; BLOCK], first: usize, position: usize, start: usize) {
    if first > start {
        scores[..(first - start).min(BLOCK)].fill(f32::NEG_INFINITY);
    }
    if position + 1 < start + BLOCK {
        scores[(position + 1).saturating_sub(start)..].fill(f32::NEG_INFINITY);
    }
}

/// Turns a block's scores into weights under the running maximum; gives the factor for what was
/// summed before.
#[inline(always)]
fn fold_in<S: Simd>(simd: S, state: &mut Softmax, scores: &mut [f32; BLOCK]) -> f32 {
    let lanes = scores.as_chunks_mut::<LANES>().0;
    let mut largest = simd.load(&lanes[0]);
    for lane in &lanes[1..] {
        largest = simd.max(largest, simd.load(lane));
    }
    let maximum = state.maximum.max(simd.max_lanes(largest));
    if maximum == f32::NEG_INFINITY {
        scores.fill(0.0);
        return 1.0;
    }
    let mut total = simd.splat(0.0);
    for lane in lanes {
        let weight = simd.exp(simd.sub(simd.load(lane), simd.splat(maximum)));
        simd.store(weight, lane);
        total = simd.add(total, weight);
    }
    let correction = exp(state.maximum - maximum);
    state.total = state.total * correction + simd.sum_lanes(total);
    state.maximum = maximum;
    correction
}

/// Adds weighted values to `L * 16` columns of the rows' sums, from `at.0 * 16`; `at.1` values a row.
#[inline(always)]
fn weigh<S: Simd, const R: usize, const L: usize, E: Element>(
    simd: S,
    weights: &[[f32; BLOCK]; R],
    values: &[E],
    at: (usize, usize),
    corrections: &[f32; R],
    out: &mut [f32],
) {
    let (column, padded) = (at.0 * LANES, at.1);
    let mut sums = [[simd.splat(0.0); L]; R];
    for r in 0..R {
        let row = out[r * padded + column..].as_chunks().0;
        for l in 0..L {
            sums[r][l] = simd.mul(simd.load(&row[l]), simd.splat(corrections[r]));
        }
    }
    for (p, row) in values.chunks_exact(padded).enumerate() {
        let row = &row[column..column + L * LANES];
        simd.prefetch(row.as_ptr().wrapping_add(BLOCK * padded).cast());
        if L * LANES * E::BYTES > 64 {
            simd.prefetch(row.as_ptr().wrapping_add(BLOCK * padded + 2 * LANES).cast());
        }
        // There are at most `BLOCK` of them; saying so spares a check for each row.
        let row = row.as_chunks().0;
        for l in 0..L {
            let values = E::load(simd, &row[l]);
            for r in 0..R {
                let weight = simd.splat(weights[r][p % BLOCK]);
                sums[r][l] = simd.fma(weight, values, sums[r][l]);
            }
        }
    }
    for r in 0..R {
        let row = out[r * padded + column..].as_chunks_mut().0;
        for l in 0..L {
            simd.store(sums[r][l], &mut row[l]);
        }
    }
}
