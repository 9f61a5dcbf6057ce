//! Attention over a half-precision KV cache: grouped queries, causal, optional sliding window.
//!
//! # Cache layout
//!
//! One sequence and layer holds `[kv_heads]` times
//! - keys, `[capacity / 16, head_dim, 16]` f16: 16 positions side by side, so that the scores of
//!   16 positions come out of one register without a horizontal sum;
//! - values, `[capacity, head_dim]` f16.
//!
//! The softmax is the online one (Milakov and Gimelshein 2018; FlashAttention, Dao et al. 2022):
//! one pass over the cache, the running maximum corrected as it grows.

use crate::dispatch::Isa;
use crate::limits::PANEL_ROWS;
use crate::pool::ThreadPool;
use crate::vector::{exp, for_each_isa};
use half::f16;
use half::slice::HalfFloatSliceExt;
use half::vec::HalfBitsVecExt;

/// Positions that lie side by side in the key cache.
pub const KEY_GROUP: usize = PANEL_ROWS;

/// Query rows that share one conversion of a key group to f32.
const QUERY_ROWS: usize = 32;

/// What all attention calls of a model have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionShape {
    /// Query heads; a multiple of `kv_heads`.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Values in one head.
    pub head_dim: usize,
    /// Scores are `scale * q . k`.
    pub scale: f32,
    /// Scores become `softcap * tanh(score / softcap)` if this is not zero (Gemma 2).
    pub softcap: f32,
    /// A token sees at most this many positions, itself included; `None` means all.
    pub window: Option<usize>,
}

impl AttentionShape {
    /// f16 values in the keys, and in the values, of one sequence and layer.
    pub fn cache_len(&self, capacity: usize) -> usize {
        self.kv_heads * capacity.next_multiple_of(KEY_GROUP) * self.head_dim
    }
}

/// The cache of one sequence and layer.
#[derive(Debug)]
pub struct KvCache {
    keys: Vec<f16>,
    values: Vec<f16>,
    capacity: usize,
}

impl KvCache {
    /// Room for `capacity` positions. Memory is claimed from the system as positions are written.
    pub fn new(shape: &AttentionShape, capacity: usize) -> KvCache {
        let capacity = capacity.next_multiple_of(KEY_GROUP);
        let len = shape.cache_len(capacity);
        // Zeroed as u16: the system hands out such pages untouched, and counts them once written.
        let zeros = || vec![0u16; len].reinterpret_into::<f16>();
        KvCache { keys: zeros(), values: zeros(), capacity }
    }

    /// Positions that fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Keeps the keys and values (`[kv_heads, head_dim]` each) of one position.
    ///
    /// # Panics
    /// If the position is beyond the capacity or the lengths do not fit the shape.
    pub fn write(&mut self, shape: &AttentionShape, position: usize, key: &[f32], value: &[f32]) {
        let dim = shape.head_dim;
        assert!(position < self.capacity, "position {position} of {}", self.capacity);
        assert!(key.len() == shape.kv_heads * dim && value.len() == key.len(), "key and value");
        for head in 0..shape.kv_heads {
            let start = (head * self.capacity + position / KEY_GROUP * KEY_GROUP) * dim;
            let group = &mut self.keys[start..start + KEY_GROUP * dim];
            for (d, k) in key[head * dim..(head + 1) * dim].iter().enumerate() {
                group[d * KEY_GROUP + position % KEY_GROUP] = f16::from_f32(*k);
            }
            let start = (head * self.capacity + position) * dim;
            self.values[start..start + dim]
                .convert_from_f32_slice(&value[head * dim..(head + 1) * dim]);
        }
    }
}

/// Tokens of one sequence that stand side by side in the batch, at consecutive positions.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Index in the batch of the first token.
    pub first_token: usize,
    /// How many.
    pub tokens: usize,
    /// Position of the first token in its sequence.
    pub first_position: usize,
    /// The sequence's cache, with all positions up to and including the run's own written.
    pub cache: &'a KvCache,
}

/// A pointer that threads write disjoint places through.
#[derive(Clone, Copy)]
struct Output(*mut f32);
// SAFETY: each task writes the heads and tokens of its own block only.
unsafe impl Sync for Output {}

/// Attention for a ragged batch: `queries` and `out` are `[tokens, heads, head_dim]` f32.
///
/// # Panics
/// If a run lies outside the batch or beyond its cache.
pub fn attend(
    isa: Isa,
    pool: &ThreadPool,
    shape: &AttentionShape,
    queries: &[f32],
    runs: &[Run<'_>],
    out: &mut [f32],
) {
    let width = shape.heads * shape.head_dim;
    assert_eq!(queries.len(), out.len(), "queries and output");
    let block = (QUERY_ROWS / (shape.heads / shape.kv_heads)).max(1);
    let mut tasks = vec![];
    for run in runs {
        assert!((run.first_token + run.tokens) * width <= queries.len(), "run outside the batch");
        assert!(run.first_position + run.tokens <= run.cache.capacity, "run beyond its cache");
        for first in (0..run.tokens).step_by(block) {
            let tokens = block.min(run.tokens - first);
            let part = Run {
                first_token: run.first_token + first,
                tokens,
                first_position: run.first_position + first,
                cache: run.cache,
            };
            tasks.extend((0..shape.kv_heads).map(|head| (part, head)));
        }
    }
    let output = &Output(out.as_mut_ptr());
    pool.run(tasks.len(), &|task| {
        let (run, head) = &tasks[task];
        let result = attend_block(isa, shape, queries, run, *head);
        let group = shape.heads / shape.kv_heads;
        for (i, row) in result.chunks_exact(shape.head_dim).enumerate() {
            let token = run.first_token + i / group;
            let at = token * width + (head * group + i % group) * shape.head_dim;
            // SAFETY: inside `out`, which has the queries' length; no other task has this token
            // and head.
            unsafe { std::ptr::copy_nonoverlapping(row.as_ptr(), output.0.add(at), row.len()) }
        }
    });
}

/// Running softmax of one query row.
#[derive(Clone, Copy)]
struct Softmax {
    maximum: f32,
    total: f32,
}

for_each_isa! {
    /// One kv head against the `tokens * group` query rows of a run: `[rows, head_dim]`.
    fn attend_block(shape: &AttentionShape, queries: &[f32], run: &Run<'_>, head: usize)
        -> Vec<f32> = attend_block_text
}

#[inline(always)]
fn attend_block_text(
    shape: &AttentionShape,
    queries: &[f32],
    run: &Run<'_>,
    head: usize,
) -> Vec<f32> {
    let dim = shape.head_dim;
    let group = shape.heads / shape.kv_heads;
    let rows = run.tokens * group;
    let mut acc = vec![0.0f32; rows * dim];
    let mut state = vec![Softmax { maximum: f32::NEG_INFINITY, total: 0.0 }; rows];
    let mut keys = vec![0.0f32; KEY_GROUP * dim];
    let mut values = vec![0.0f32; KEY_GROUP * dim];
    let end = run.first_position + run.tokens;
    let begin = shape.window.map_or(0, |w| (run.first_position + 1).saturating_sub(w));
    for start in (begin / KEY_GROUP * KEY_GROUP..end).step_by(KEY_GROUP) {
        let at = (head * run.cache.capacity + start) * dim;
        run.cache.keys[at..at + KEY_GROUP * dim].convert_to_f32_slice(&mut keys);
        run.cache.values[at..at + KEY_GROUP * dim].convert_to_f32_slice(&mut values);
        for row in 0..rows {
            let position = run.first_position + row / group;
            let low = shape.window.map_or(0, |w| (position + 1).saturating_sub(w));
            let seen = low.max(start)..(position + 1).min(start + KEY_GROUP);
            if seen.is_empty() {
                continue;
            }
            let at = (run.first_token + row / group) * shape.heads * dim
                + (head * group + row % group) * dim;
            let mut scores = scores(shape, &queries[at..at + dim], &keys);
            for (l, score) in scores.iter_mut().enumerate() {
                if !seen.contains(&(start + l)) {
                    *score = f32::NEG_INFINITY;
                }
            }
            accumulate(&mut state[row], &scores, &values, &mut acc[row * dim..(row + 1) * dim]);
        }
    }
    for (state, acc) in state.iter().zip(acc.chunks_exact_mut(dim)) {
        let inverse = 1.0 / state.total;
        acc.iter_mut().for_each(|v| *v *= inverse);
    }
    acc
}

/// Scores of one query against 16 keys (`[head_dim, 16]`).
#[inline(always)]
fn scores(shape: &AttentionShape, query: &[f32], keys: &[f32]) -> [f32; KEY_GROUP] {
    // Four partial sums, so that additions do not wait for each other.
    let mut partial = [[0.0f32; KEY_GROUP]; 4];
    for (query, keys) in query.chunks(4).zip(keys.chunks(4 * KEY_GROUP)) {
        for (i, (q, k)) in query.iter().zip(keys.chunks_exact(KEY_GROUP)).enumerate() {
            for l in 0..KEY_GROUP {
                partial[i][l] = q.mul_add(k[l], partial[i][l]);
            }
        }
    }
    let mut scores = [0.0f32; KEY_GROUP];
    for l in 0..KEY_GROUP {
        let sum = (partial[0][l] + partial[1][l]) + (partial[2][l] + partial[3][l]);
        scores[l] = sum * shape.scale;
    }
    if shape.softcap != 0.0 {
        for score in &mut scores {
            *score = shape.softcap * tanh(*score / shape.softcap);
        }
    }
    scores
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + exp(2.0 * x))
}

/// Folds 16 scores and their values (`[16, head_dim]`) into one row.
#[inline(always)]
fn accumulate(state: &mut Softmax, scores: &[f32; KEY_GROUP], values: &[f32], acc: &mut [f32]) {
    let maximum = scores.iter().fold(state.maximum, |m, s| m.max(*s));
    let correction = exp(state.maximum - maximum);
    if correction != 1.0 {
        acc.iter_mut().for_each(|v| *v *= correction);
    }
    let mut total = 0.0;
    let mut weights = [0.0f32; KEY_GROUP];
    for l in 0..KEY_GROUP {
        weights[l] = exp(scores[l] - maximum);
    }
    for (weight, values) in weights.iter().zip(values.chunks_exact(acc.len())) {
        total += weight;
        for (acc, v) in acc.iter_mut().zip(values) {
            *acc = weight.mul_add(*v, *acc);
        }
    }
    state.total = state.total * correction + total;
    state.maximum = maximum;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attention as in the paper, in f64, on the f16 values that the cache holds.
    fn reference(shape: &AttentionShape, q: &[f32], k: &[f32], v: &[f32]) -> Vec<f64> {
        let (dim, kv) = (shape.head_dim, shape.kv_heads * shape.head_dim);
        let width = shape.heads * dim;
        let round = |x: f32| f64::from(f16::from_f32(x).to_f32());
        let mut out = vec![0.0; q.len()];
        for t in 0..q.len() / width {
            for h in 0..shape.heads {
                let low = shape.window.map_or(0, |w| (t + 1).saturating_sub(w));
                let kvh = h / (shape.heads / shape.kv_heads);
                let weights: Vec<f64> = (low..=t)
                    .map(|p| {
                        let dot: f64 = (0..dim)
                            .map(|d| {
                                f64::from(q[t * width + h * dim + d])
                                    * round(k[p * kv + kvh * dim + d])
                            })
                            .sum();
                        let mut s = dot * f64::from(shape.scale);
                        if shape.softcap != 0.0 {
                            s = f64::from(shape.softcap) * (s / f64::from(shape.softcap)).tanh();
                        }
                        s.exp()
                    })
                    .collect();
                let total: f64 = weights.iter().sum();
                for d in 0..dim {
                    let sum: f64 = (low..=t)
                        .zip(&weights)
                        .map(|(p, w)| w * round(v[p * kv + kvh * dim + d]))
                        .sum();
                    out[t * width + h * dim + d] = sum / total;
                }
            }
        }
        out
    }

    fn noise(len: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
            ((state >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * 4.0
        };
        (0..len).map(|_| next()).collect()
    }

    fn check(shape: AttentionShape, tokens: usize) {
        let q = noise(tokens * shape.heads * shape.head_dim, 1);
        let k = noise(tokens * shape.kv_heads * shape.head_dim, 2);
        let v = noise(tokens * shape.kv_heads * shape.head_dim, 3);
        let expected = reference(&shape, &q, &k, &v);
        let kv = shape.kv_heads * shape.head_dim;
        let mut cache = KvCache::new(&shape, tokens);
        for t in 0..tokens {
            cache.write(&shape, t, &k[t * kv..(t + 1) * kv], &v[t * kv..(t + 1) * kv]);
        }
        let pool = ThreadPool::new(2);
        for isa in Isa::available() {
            for chunk in [1, 7, tokens] {
                let mut out = vec![0.0; q.len()];
                for first in (0..tokens).step_by(chunk) {
                    let tokens = chunk.min(tokens - first);
                    let run =
                        Run { first_token: first, tokens, first_position: first, cache: &cache };
                    attend(isa, &pool, &shape, &q, &[run], &mut out);
                }
                for (a, b) in out.iter().zip(&expected) {
                    assert!((f64::from(*a) - b).abs() < 2e-5, "{shape:?} {}: {a} {b}", isa.name());
                }
            }
        }
    }

    #[test]
    fn agrees_with_the_textbook() {
        let shape = AttentionShape {
            heads: 4,
            kv_heads: 2,
            head_dim: 16,
            scale: 0.25,
            softcap: 0.0,
            window: None,
        };
        check(shape, 53);
        check(AttentionShape { window: Some(9), ..shape }, 53);
        check(AttentionShape { softcap: 3.0, ..shape }, 20);
        check(AttentionShape { heads: 3, kv_heads: 3, head_dim: 24, ..shape }, 17);
        check(AttentionShape { heads: 32, kv_heads: 1, head_dim: 64, ..shape }, 40);
    }
}
