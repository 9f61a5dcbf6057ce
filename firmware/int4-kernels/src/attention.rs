//! Attention over a half-precision KV cache: grouped queries, causal, optional sliding window, with
//! the rotary embedding of queries and keys on the way.
//!
//! # Cache layout
//!
//! One sequence, layer and kv head holds
//! - keys, `[capacity / 16, head_dim, 16]` f16: 16 positions side by side, so that the scores of
//!   16 positions come out of one register without a horizontal sum;
//! - values, `[capacity, head_dim]` f16, `head_dim` padded to 16.
//!
//! # Method
//!
//! The softmax is the online one (Milakov and Gimelshein 2018; FlashAttention, Dao et al. 2022), in
//! blocks of [`BLOCK`] positions that begin at multiples of it: for a tile of up to four query rows,
//! 64 scores each, the running maximum corrected once, then the weighted values. A row's numbers do
//! not depend on the rows beside it, nor on how a prompt was cut into chunks.
//!
//! # Why f16 and not int8?
//!
//! At 2,048 positions the f16 cache of a 1B model is a tenth of the weights' traffic. int8 would
//! halve that, and with it cost accuracy that nobody checks on the box.

use crate::dispatch::{Isa, Kind};
use crate::pool::ThreadPool;
use crate::simd::{Portable, Simd};
use crate::vector::{LANES, exp, rotate};
use half::f16;
use half::slice::HalfFloatSliceExt;
use half::vec::HalfBitsVecExt;

/// Positions that lie side by side in the key cache.
const KEY_GROUP: usize = LANES;

/// Positions of one step of the online softmax.
const BLOCK: usize = 64;

/// Key groups in a block.
const BLOCK_GROUPS: usize = BLOCK / KEY_GROUP;

/// Query rows of one task at most: enough to keep keys and values in the second-level cache busy,
/// few enough to share a prompt's chunk among threads.
const TASK_ROWS: usize = 32;

/// Lanes of values that a tile keeps in registers at a time.
const VALUE_LANES: usize = 4;

/// Largest magnitude that a cached key or value keeps; beyond it f16 is infinite.
const F16_LARGEST: f32 = 65_504.0;

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
    /// Query heads that share a kv head.
    fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// Values of a row with padding.
    fn padded_dim(&self) -> usize {
        self.head_dim.next_multiple_of(LANES)
    }

    /// Bytes that one position takes in a [`KvCache`].
    pub fn position_bytes(&self) -> usize {
        self.kv_heads * (self.head_dim + self.padded_dim()) * size_of::<f16>()
    }

    /// The first position that a token at `position` sees.
    fn first_seen(&self, position: usize) -> usize {
        self.window.map_or(0, |window| (position + 1).saturating_sub(window))
    }
}

/// Tables of the rotary position embedding (Su et al. 2021).
#[derive(Debug, Clone, Copy)]
pub struct Rope<'a> {
    /// `[positions, pairs]` cosines.
    pub cos: &'a [f32],
    /// `[positions, pairs]` sines.
    pub sin: &'a [f32],
    /// Pairs of a head that turn.
    pub pairs: usize,
    /// Pairs are (2 i, 2 i + 1) instead of (i, i + pairs).
    pub interleaved: bool,
}

impl Rope<'_> {
    fn turn(&self, head: &mut [f32], position: usize) {
        let row = position * self.pairs..(position + 1) * self.pairs;
        rotate(head, &self.cos[row.clone()], &self.sin[row], self.interleaved);
    }
}

/// Keys and values of one kv head.
#[derive(Debug)]
struct Head {
    keys: Vec<f16>,
    values: Vec<f16>,
}

/// The cache of one sequence and layer.
#[derive(Debug)]
pub struct KvCache {
    heads: Vec<Head>,
    dim: usize,
    capacity: usize,
}

impl KvCache {
    /// Room for `capacity` positions. Memory is claimed from the system as positions are written.
    pub fn new(shape: &AttentionShape, capacity: usize) -> KvCache {
        let capacity = capacity.next_multiple_of(BLOCK);
        // Zeroed as u16: the system hands out such pages untouched, and counts them once written.
        let zeros = |len: usize| vec![0u16; len].reinterpret_into::<f16>();
        let head = |_| Head {
            keys: zeros(capacity * shape.head_dim),
            values: zeros(capacity * shape.padded_dim()),
        };
        let heads = (0..shape.kv_heads).map(head).collect();
        KvCache { heads, dim: shape.head_dim, capacity }
    }

    /// Positions that fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Values of the keys and of the values of one head's first `positions`.
    fn prefix(&self, positions: usize) -> (usize, usize) {
        let groups = positions.next_multiple_of(KEY_GROUP);
        (groups * self.dim, positions * self.dim.next_multiple_of(LANES))
    }

    /// Bytes that [`KvCache::save`] appends for this many positions.
    pub fn saved_bytes(&self, positions: usize) -> usize {
        let (keys, values) = self.prefix(positions);
        self.heads.len() * (keys + values) * size_of::<f16>()
    }

    /// Appends the first `positions`, head by head, keys before values, as little-endian f16. What
    /// lies beside the last key is not part of it and is saved as zero.
    ///
    /// # Panics
    /// If they are more than the capacity.
    pub fn save(&self, positions: usize, out: &mut Vec<u8>) {
        assert!(positions <= self.capacity, "{positions} positions of {}", self.capacity);
        let (keys, values) = self.prefix(positions);
        for head in &self.heads {
            for (i, key) in head.keys[..keys].iter().enumerate() {
                let position = i / (KEY_GROUP * self.dim) * KEY_GROUP + i % KEY_GROUP;
                let bits = if position < positions { key.to_bits() } else { 0 };
                out.extend_from_slice(&bits.to_le_bytes());
            }
            out.extend(head.values[..values].iter().flat_map(|v| v.to_bits().to_le_bytes()));
        }
    }

    /// Takes what [`KvCache::save`] gave for this many positions; false, and nothing is changed, if
    /// `saved` has another length or does not fit.
    #[must_use]
    pub fn restore(&mut self, positions: usize, saved: &[u8]) -> bool {
        if positions > self.capacity || saved.len() != self.saved_bytes(positions) {
            return false;
        }
        let (keys, values) = self.prefix(positions);
        let mut saved = saved.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]));
        for head in &mut self.heads {
            let room = head.keys[..keys].iter_mut().chain(&mut head.values[..values]);
            room.zip(&mut saved).for_each(|(to, from)| *to = from);
        }
        true
    }
}

impl Head {
    /// Keeps the key and the value of one position.
    fn write(&mut self, position: usize, key: &[f32], value: &[f32]) {
        let dim = key.len();
        let group = &mut self.keys[position / KEY_GROUP * KEY_GROUP * dim..][..KEY_GROUP * dim];
        let mut half = [f16::ZERO; 256];
        for (d, key) in key.chunks(half.len()).enumerate() {
            let half = &mut half[..key.len()];
            half.convert_from_f32_slice(key);
            for (i, key) in half.iter().enumerate() {
                group[(d * 256 + i) * KEY_GROUP + position % KEY_GROUP] = *key;
            }
        }
        let padded = dim.next_multiple_of(LANES);
        self.values[position * padded..][..dim].convert_from_f32_slice(value);
    }
}

/// Tokens of one sequence at consecutive positions.
#[derive(Debug)]
pub struct Run<'a> {
    /// Their indices in the batch, in order of position.
    pub tokens: &'a [usize],
    /// Position of the first one.
    pub first_position: usize,
    /// The sequence's cache; all earlier positions have been written.
    pub cache: &'a mut KvCache,
}

/// Rows of heads in a buffer: head `h` of token `t` begins at `t * stride + offset + h * head_dim`.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The buffer.
    pub values: &'a [f32],
    /// Values from one token to the next.
    pub stride: usize,
    /// Values before the first head.
    pub offset: usize,
}

impl Rows<'_> {
    fn head(&self, token: usize, head: usize, dim: usize) -> &[f32] {
        &self.values[token * self.stride + self.offset + head * dim..][..dim]
    }
}

/// Queries, keys and values of a batch, not yet turned.
#[derive(Debug, Clone, Copy)]
pub struct Projections<'a> {
    /// `heads` a token.
    pub query: Rows<'a>,
    /// `kv_heads` a token.
    pub key: Rows<'a>,
    /// `kv_heads` a token.
    pub value: Rows<'a>,
    /// How queries and keys turn; `None` if they have been turned or do not.
    pub rope: Option<Rope<'a>>,
}

/// A pointer that threads write disjoint places through.
#[derive(Clone, Copy)]
struct Output(*mut f32);
// SAFETY: each task writes the heads and tokens of its own block only.
unsafe impl Sync for Output {}

/// One kv head of a run.
struct HeadRun<'a> {
    tokens: &'a [usize],
    first_position: usize,
    kv_head: usize,
    head: &'a mut Head,
}

/// Some rows of a [`HeadRun`] whose keys and values have been written.
#[derive(Clone, Copy)]
struct Part<'a> {
    tokens: &'a [usize],
    first_position: usize,
    kv_head: usize,
    head: &'a Head,
}

/// Attention for a ragged batch: keeps the runs' keys and values in their caches, and writes
/// `[tokens, heads, head_dim]` f32 into `out`.
///
/// # Panics
/// If a run lies outside the batch or beyond its cache.
pub fn attend(
    isa: Isa,
    pool: &ThreadPool,
    shape: &AttentionShape,
    inputs: &Projections<'_>,
    runs: &mut [Run<'_>],
    out: &mut [f32],
) {
    let width = shape.heads * shape.head_dim;
    let block = (TASK_ROWS / shape.group()).max(1);
    let mut heads = vec![];
    for run in runs.iter_mut() {
        let fits = run.first_position + run.tokens.len() <= run.cache.capacity;
        assert!(fits && run.cache.heads.len() == shape.kv_heads, "run beyond its cache");
        assert!(run.tokens.iter().all(|t| (t + 1) * width <= out.len()), "run outside the batch");
        let (tokens, first_position) = (run.tokens, run.first_position);
        let of = |(kv_head, head)| HeadRun { tokens, first_position, kv_head, head };
        heads.extend(run.cache.heads.iter_mut().enumerate().map(of));
    }
    let call = Call { isa, shape, inputs, output: Output(out.as_mut_ptr()), width };
    // A few tokens: one task writes a head and attends to it, so the threads meet once.
    if heads.iter().all(|run| run.tokens.len() <= block) {
        pool.for_each_mut(&mut heads, &|run| {
            call.write(run);
            call.part(&run.part(0, run.tokens.len()));
        });
        return;
    }
    pool.for_each_mut(&mut heads, &|run| call.write(run));
    let parts = |run| {
        let run: &HeadRun<'_> = run;
        (0..run.tokens.len()).step_by(block).map(|first| run.part(first, block))
    };
    let parts: Vec<Part<'_>> = heads.iter().flat_map(parts).collect();
    // The last parts see most positions: they go first, so that no thread is left alone with one.
    pool.run(parts.len(), &|i| call.part(&parts[parts.len() - 1 - i]));
}

impl HeadRun<'_> {
    fn part(&self, first: usize, tokens: usize) -> Part<'_> {
        let end = (first + tokens).min(self.tokens.len());
        Part {
            tokens: &self.tokens[first..end],
            first_position: self.first_position + first,
            kv_head: self.kv_head,
            head: self.head,
        }
    }
}

/// What all tasks of one [`attend`] share.
struct Call<'a> {
    isa: Isa,
    shape: &'a AttentionShape,
    inputs: &'a Projections<'a>,
    output: Output,
    width: usize,
}

/// Up to four query rows, turned and padded, side by side.
struct Queries<const R: usize> {
    /// `[R, padded_dim]`.
    rows: Vec<f32>,
    positions: [usize; R],
}

impl Call<'_> {
    /// Keeps the keys, turned, and values of one head.
    fn write(&self, run: &mut HeadRun<'_>) {
        let dim = self.shape.head_dim;
        let (mut key, mut value) = (vec![0.0; dim], vec![0.0; dim]);
        for (i, token) in run.tokens.iter().enumerate() {
            let position = run.first_position + i;
            key.copy_from_slice(self.inputs.key.head(*token, run.kv_head, dim));
            value.copy_from_slice(self.inputs.value.head(*token, run.kv_head, dim));
            if let Some(rope) = &self.inputs.rope {
                rope.turn(&mut key, position);
            }
            for v in key.iter_mut().chain(&mut value) {
                *v = v.clamp(-F16_LARGEST, F16_LARGEST);
            }
            run.head.write(position, &key, &value);
        }
    }

    /// All query rows of a part, four at a time.
    fn part(&self, part: &Part<'_>) {
        let rows = part.tokens.len() * self.shape.group();
        let mut row = 0;
        while row < rows {
            match rows - row {
                1 => self.tile::<1>(part, row),
                2 => self.tile::<2>(part, row),
                3 => self.tile::<3>(part, row),
                _ => self.tile::<4>(part, row),
            }
            row += 4;
        }
    }

    fn tile<const R: usize>(&self, part: &Part<'_>, first: usize) {
        let (dim, padded, group) =
            (self.shape.head_dim, self.shape.padded_dim(), self.shape.group());
        let place = |r: usize| ((first + r) / group, part.kv_head * group + (first + r) % group);
        let mut queries = Queries::<R> {
            rows: vec![0.0; R * padded],
            positions: std::array::from_fn(|r| part.first_position + place(r).0),
        };
        for (r, row) in queries.rows.chunks_exact_mut(padded).enumerate() {
            let (token, head) = place(r);
            row[..dim].copy_from_slice(self.inputs.query.head(part.tokens[token], head, dim));
            if let Some(rope) = &self.inputs.rope {
                rope.turn(&mut row[..dim], queries.positions[r]);
            }
        }
        let mut out = vec![0.0f32; R * padded];
        rows::<R>(self.isa, self.shape, part.head, &queries, &mut out);
        for (r, row) in out.chunks_exact(padded).enumerate() {
            let (token, head) = place(r);
            let at = part.tokens[token] * self.width + head * dim;
            // SAFETY: inside `out` of `attend`, which checked every token; no other task has this
            // token and head.
            unsafe { std::ptr::copy_nonoverlapping(row.as_ptr(), self.output.0.add(at), dim) }
        }
    }
}

/// `R` query rows against one head: `[R, padded_dim]` into `out`.
fn rows<const R: usize>(
    isa: Isa,
    shape: &AttentionShape,
    head: &Head,
    queries: &Queries<R>,
    out: &mut [f32],
) {
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512Vnni(isa) => {
            /// # Safety
            /// The features of `Avx512Vnni` are there.
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,f16c,fma,avx2")]
            unsafe fn compiled<const R: usize>(
                isa: crate::x86::avx512vnni::Avx512Vnni,
                shape: &AttentionShape,
                head: &Head,
                queries: &Queries<R>,
                out: &mut [f32],
            ) {
                rows_text(isa, shape, head, queries, out);
            }
            // SAFETY: `isa` is the proof.
            unsafe { compiled(isa, shape, head, queries, out) }
        }
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
fn rows_text<S: Simd, const R: usize>(
    simd: S,
    shape: &AttentionShape,
    head: &Head,
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
        }
        let seen = BLOCK.min(last + 1 - start);
        let padded = shape.padded_dim();
        let values = &head.values[start * padded..(start + seen) * padded];
        let mut lane = 0;
        while lane < padded / LANES {
            let lanes = padded / LANES - lane;
            let at = (lane, padded);
            match lanes {
                1 => weigh::<S, R, 1>(simd, &weights, values, at, &corrections, out),
                2 | 3 => weigh::<S, R, 2>(simd, &weights, values, at, &corrections, out),
                _ => weigh::<S, R, VALUE_LANES>(simd, &weights, values, at, &corrections, out),
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
fn scores<S: Simd, const R: usize>(
    simd: S,
    shape: &AttentionShape,
    head: &Head,
    queries: &Queries<R>,
    start: usize,
) -> [[f32; BLOCK]; R] {
    let (dim, padded) = (shape.head_dim, shape.padded_dim());
    let groups = &head.keys[start * dim..(start + BLOCK) * dim];
    let mut sums = [[simd.splat(0.0); BLOCK_GROUPS]; R];
    for d in 0..dim {
        let query: [S::V; R] = std::array::from_fn(|r| simd.splat(queries.rows[r * padded + d]));
        for g in 0..BLOCK_GROUPS {
            let keys = &groups[(g * dim + d) * KEY_GROUP..];
            simd.prefetch(keys.as_ptr().wrapping_add(BLOCK * dim));
            let keys = simd.load_f16(keys.first_chunk().expect("16 keys"));
            for r in 0..R {
                sums[r][g] = simd.fma(query[r], keys, sums[r][g]);
            }
        }
    }
    let mut scores = [[0.0; BLOCK]; R];
    for (scores, sums) in scores.iter_mut().zip(&sums) {
        for (to, sum) in scores.as_chunks_mut().0.iter_mut().zip(sums) {
            simd.store(capped(simd, shape, simd.mul(*sum, simd.splat(shape.scale))), to);
        }
    }
    scores
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
fn weigh<S: Simd, const R: usize, const L: usize>(
    simd: S,
    weights: &[[f32; BLOCK]; R],
    values: &[f16],
    at: (usize, usize),
    corrections: &[f32; R],
    out: &mut [f32],
) {
    let (column, padded) = (at.0 * LANES, at.1);
    let mut sums = [[simd.splat(0.0); L]; R];
    for (r, sums) in sums.iter_mut().enumerate() {
        let row = out[r * padded + column..].as_chunks().0;
        for (sum, out) in sums.iter_mut().zip(row) {
            *sum = simd.mul(simd.load(out), simd.splat(corrections[r]));
        }
    }
    for (p, row) in values.chunks_exact(padded).enumerate() {
        let row = &row[column..column + L * LANES];
        simd.prefetch(row.as_ptr().wrapping_add(BLOCK * padded));
        if L > 2 {
            simd.prefetch(row.as_ptr().wrapping_add(BLOCK * padded + 2 * LANES));
        }
        let weight: [S::V; R] = std::array::from_fn(|r| simd.splat(weights[r][p]));
        let row = row.as_chunks().0;
        for l in 0..L {
            let values = simd.load_f16(&row[l]);
            for r in 0..R {
                sums[r][l] = simd.fma(weight[r], values, sums[r][l]);
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        let row = out[r * padded + column..].as_chunks_mut().0;
        for (sum, out) in sums.iter().zip(row) {
            simd.store(*sum, out);
        }
    }
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
        let mut first: Option<Vec<f32>> = None;
        let rows = |values| Rows { values, stride: kv, offset: 0 };
        let query = Rows { values: &q, stride: shape.heads * shape.head_dim, offset: 0 };
        let inputs = Projections { query, key: rows(&k), value: rows(&v), rope: None };
        let pool = ThreadPool::new(2);
        for isa in Isa::available() {
            for chunk in [1, 7, tokens] {
                let mut cache = KvCache::new(&shape, tokens);
                let mut out = vec![0.0; q.len()];
                for first in (0..tokens).step_by(chunk) {
                    let batch: Vec<usize> = (first..tokens.min(first + chunk)).collect();
                    let run = Run { tokens: &batch, first_position: first, cache: &mut cache };
                    attend(isa, &pool, &shape, &inputs, &mut [run], &mut out);
                }
                for (a, b) in out.iter().zip(&expected) {
                    assert!((f64::from(*a) - b).abs() < 2e-5, "{shape:?} {}: {a} {b}", isa.name());
                }
                // Every kernel and every way to cut a prompt gives the same bits.
                assert_eq!(&out, first.get_or_insert_with(|| out.clone()), "{}", isa.name());
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
        check(shape, 150);
        check(AttentionShape { window: Some(9), ..shape }, 53);
        check(AttentionShape { softcap: 3.0, ..shape }, 20);
        check(AttentionShape { heads: 3, kv_heads: 3, head_dim: 24, ..shape }, 17);
        check(AttentionShape { heads: 32, kv_heads: 1, head_dim: 64, ..shape }, 40);
        check(AttentionShape { heads: 2, kv_heads: 2, head_dim: 112, ..shape }, 70);
        check(AttentionShape { window: Some(70), heads: 6, ..shape }, 200);
    }

    #[test]
    fn turning_on_the_way_is_turning_before() {
        let shape = AttentionShape {
            heads: 4,
            kv_heads: 2,
            head_dim: 16,
            scale: 0.25,
            softcap: 0.0,
            window: None,
        };
        let (tokens, pairs) = (20, 6);
        let angle = |i: usize| (i / pairs) as f32 * 0.7f32.powi((i % pairs) as i32);
        let cos: Vec<f32> = (0..tokens * pairs).map(|i| angle(i).cos()).collect();
        let sin: Vec<f32> = (0..tokens * pairs).map(|i| angle(i).sin()).collect();
        // Query heads, then key heads, then value heads of a token side by side.
        let stride = 8 * 16;
        let plain = noise(tokens * stride, 5);
        for interleaved in [false, true] {
            let rope = Rope { cos: &cos, sin: &sin, pairs, interleaved };
            let mut turned = plain.clone();
            for (t, row) in turned.chunks_exact_mut(stride).enumerate() {
                row[..6 * 16].chunks_exact_mut(16).for_each(|head| rope.turn(head, t));
            }
            let run = |values: &[f32], rope| {
                let rows = |offset| Rows { values, stride, offset };
                let (query, key, value) = (rows(0), rows(4 * 16), rows(6 * 16));
                let inputs = Projections { query, key, value, rope };
                let (mut cache, mut out) = (KvCache::new(&shape, tokens), vec![0.0; tokens * 64]);
                let batch: Vec<usize> = (0..tokens).collect();
                let run = Run { tokens: &batch, first_position: 0, cache: &mut cache };
                attend(Isa::best(), &ThreadPool::new(2), &shape, &inputs, &mut [run], &mut out);
                out
            };
            assert_eq!(run(&plain, Some(rope)), run(&turned, None));
        }
    }

    #[test]
    fn a_saved_prefix_comes_back() {
        let shape = AttentionShape {
            heads: 2,
            kv_heads: 2,
            head_dim: 24,
            scale: 0.25,
            softcap: 0.0,
            window: None,
        };
        let mut cache = KvCache::new(&shape, 100);
        let (keys, values) = (noise(100 * 48, 1), noise(100 * 48, 2));
        for position in 0..100 {
            for (h, head) in cache.heads.iter_mut().enumerate() {
                let row = (position * 2 + h) * 24..(position * 2 + h + 1) * 24;
                head.write(position, &keys[row.clone()], &values[row]);
            }
        }
        for positions in [0, 1, 16, 37, 100] {
            let mut saved = vec![];
            cache.save(positions, &mut saved);
            assert_eq!(saved.len(), cache.saved_bytes(positions));
            let mut other = KvCache::new(&shape, 100);
            assert!(other.restore(positions, &saved));
            let mut again = vec![];
            other.save(positions, &mut again);
            assert_eq!(saved, again);
            assert!(!other.restore(positions + 1, &saved));
        }
        assert!(!KvCache::new(&shape, 10).restore(101, &[]));
    }
}
