//! Attention over a KV cache of 8 or 16 bits: grouped queries, causal, optional sliding window, with
//! the rotary embedding of queries and keys on the way.
//!
//! # Cache layout
//!
//! One sequence, layer and kv head holds
//! - keys, `[capacity / 16, head_dim, 16]` f16 or `[capacity / 16, head_dim / 4, 16, 4]` i8: 16
//!   positions side by side, so that the scores of 16 positions come out of one register without a
//!   horizontal sum;
//! - values, `[capacity, head_dim]`;
//! - with 8 bits, `[capacity]` f32 scales of keys and of values: a key or value is its scale times
//!   -127..=127, the largest magnitude of the head's vector over 127; and the sums of the keys' quants.
//!
//! `head_dim` is padded to 16 in all of them.
//!
//! # Method
//!
//! The softmax is the online one (Milakov and Gimelshein 2018; FlashAttention, Dao et al. 2022), in
//! blocks of [`BLOCK`] positions that begin at multiples of it: for a tile of up to four query rows,
//! 64 scores each, the running maximum corrected once, then the weighted values. A row's numbers do
//! not depend on the rows beside it, nor on how a prompt was cut into chunks. With 8 bits the query is
//! rounded as well and the scores are integer dot products (as in SageAttention, Zhang et al. 2024);
//! the weights stay f32.
//!
//! # Why 8 bits?
//!
//! At 2,048 positions an f16 cache of a 1B model is a tenth of the weights' traffic and memory; 8 bits
//! halve both. The rounding is finer than that of the activations which make the keys and values; the
//! conformance tests hold both kinds against onnxruntime. f16 remains for the path without any
//! rounding of activations.
mod cache;
mod element;
mod queries;
mod softmax;
#[cfg(test)]
mod tests;
mod whole;

use crate::dispatch::Isa;
use crate::pool::ThreadPool;
use crate::vector::{LANES, rotate};
use cache::{Head, Heads, for_heads};
use element::Element;
use half::f16;
use queries::Queries;

pub use cache::KvCache;
pub use whole::{TextShape, attend_texts};

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
const LARGEST: f32 = 65_504.0;

/// How keys and values are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KvPrecision {
    /// 8 bits and a scale for each vector.
    #[default]
    Int8,
    /// Half floats.
    F16,
}

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
    pub fn position_bytes(&self, precision: KvPrecision) -> usize {
        let values = 2 * self.padded_dim();
        self.kv_heads
            * match precision {
                KvPrecision::Int8 => values + 3 * size_of::<f32>(),
                KvPrecision::F16 => values * size_of::<f16>(),
            }
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
struct HeadRun<'a, E> {
    tokens: &'a [usize],
    first_position: usize,
    kv_head: usize,
    head: &'a mut Head<E>,
}

/// Some rows of a [`HeadRun`] whose keys and values have been written.
struct Part<'a, E> {
    tokens: &'a [usize],
    first_position: usize,
    kv_head: usize,
    head: &'a Head<E>,
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
    let (mut int8, mut half) = (vec![], vec![]);
    for run in runs.iter_mut() {
        let fits = run.first_position + run.tokens.len() <= run.cache.capacity;
        let heads = for_heads!(&run.cache.heads, heads => heads.len());
        assert!(fits && heads == shape.kv_heads, "run beyond its cache");
        assert!(run.tokens.iter().all(|t| (t + 1) * width <= out.len()), "run outside the batch");
        match &mut run.cache.heads {
            Heads::Int8(heads) => HeadRun::push(run.tokens, run.first_position, heads, &mut int8),
            Heads::F16(heads) => HeadRun::push(run.tokens, run.first_position, heads, &mut half),
        }
    }
    let call = Call { isa, shape, inputs, output: Output(out.as_mut_ptr()), width };
    call.run(pool, &mut int8);
    call.run(pool, &mut half);
}

impl<'a, E> HeadRun<'a, E> {
    /// Adds all heads of a run.
    fn push(
        tokens: &'a [usize],
        first_position: usize,
        heads: &'a mut [Head<E>],
        to: &mut Vec<HeadRun<'a, E>>,
    ) {
        let of = |(kv_head, head)| HeadRun { tokens, first_position, kv_head, head };
        to.extend(heads.iter_mut().enumerate().map(of));
    }

    fn part(&self, first: usize, tokens: usize) -> Part<'_, E> {
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

impl Call<'_> {
    fn run<E: Element>(&self, pool: &ThreadPool, heads: &mut [HeadRun<'_, E>]) {
        let block = (TASK_ROWS / self.shape.group()).max(1);
        // A few tokens: one task writes a head and attends to it, so the threads meet once.
        if heads.iter().all(|run| run.tokens.len() <= block) {
            return pool.for_each_mut(heads, &|run| {
                self.write(run);
                self.part(&run.part(0, run.tokens.len()));
            });
        }
        pool.for_each_mut(heads, &|run| self.write(run));
        let mut parts = vec![];
        for run in heads.iter() {
            let firsts = (0..run.tokens.len()).step_by(block);
            parts.extend(firsts.map(|first| run.part(first, block)));
        }
        // The last parts see most positions: they go first, so that no thread is left alone with one.
        pool.run(parts.len(), &|i| self.part(&parts[parts.len() - 1 - i]));
    }

    /// Keeps the keys, turned, and values of one head.
    fn write<E: Element>(&self, run: &mut HeadRun<'_, E>) {
        let dim = self.shape.head_dim;
        let mut room = E::zeros(self.shape.padded_dim());
        let (mut key, mut value) = (vec![0.0; dim], vec![0.0; dim]);
        for (i, token) in run.tokens.iter().enumerate() {
            let position = run.first_position + i;
            key.copy_from_slice(self.inputs.key.head(*token, run.kv_head, dim));
            value.copy_from_slice(self.inputs.value.head(*token, run.kv_head, dim));
            if let Some(rope) = &self.inputs.rope {
                rope.turn(&mut key, position);
            }
            for v in key.iter_mut().chain(&mut value) {
                *v = if v.is_nan() { 0.0 } else { v.clamp(-LARGEST, LARGEST) };
            }
            run.head.write(position, &key, &value, &mut room);
        }
    }

    /// All query rows of a part, four at a time.
    fn part<E: Element>(&self, part: &Part<'_, E>) {
        let rows = part.tokens.len() * self.shape.group();
        let mut row = 0;
        while row < rows {
            match rows - row {
                1 => self.tile::<1, E>(part, row),
                2 => self.tile::<2, E>(part, row),
                3 => self.tile::<3, E>(part, row),
                _ => self.tile::<4, E>(part, row),
            }
            row += 4;
        }
    }

    fn tile<const R: usize, E: Element>(&self, part: &Part<'_, E>, first: usize) {
        let (dim, padded, group) =
            (self.shape.head_dim, self.shape.padded_dim(), self.shape.group());
        let place = |r: usize| ((first + r) / group, part.kv_head * group + (first + r) % group);
        let positions: [usize; R] = std::array::from_fn(|r| part.first_position + place(r).0);
        let mut queries = Queries::<R>::new(positions, padded);
        let (mut row, mut quants) = (vec![0.0; dim], vec![0i8; padded]);
        for (r, position) in positions.into_iter().enumerate() {
            let (token, head) = place(r);
            row.copy_from_slice(self.inputs.query.head(part.tokens[token], head, dim));
            if let Some(rope) = &self.inputs.rope {
                rope.turn(&mut row, position);
            }
            if E::SCALED {
                row.iter_mut().for_each(|v| *v = if v.is_finite() { *v } else { 0.0 });
                queries.round(r, &row, &mut quants, self.isa);
            } else {
                queries.set(r, &row);
            }
        }
        let mut out = vec![0.0f32; R * padded];
        softmax::rows::<R, E>(self.isa, self.shape, part.head, &queries, &mut out);
        for (r, row) in out.chunks_exact(padded).enumerate() {
            let (token, head) = place(r);
            let at = part.tokens[token] * self.width + head * dim;
            // SAFETY: inside `out` of `attend`, which checked every token; no other task has this
            // token and head.
            unsafe { std::ptr::copy_nonoverlapping(row.as_ptr(), self.output.0.add(at), dim) }
        }
    }
}
