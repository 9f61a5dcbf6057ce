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

use crate::dispatch::{Isa, Kind};
use crate::pool::ThreadPool;
use crate::simd::{Portable, Simd};
use crate::vector::{LANES, exp, rotate};
#[cfg(target_arch = "x86_64")]
use crate::x86::{avx2::Avx2, avx512vnni::Avx512Vnni, avxvnni::Avx512VlVnni256, avxvnni::AvxVnni};
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

/// What keys and values are stored as.
trait Element: Copy + Send + Sync + 'static {
    /// Bytes of one.
    const BYTES: usize;
    /// True if each vector has a scale of its own.
    const SCALED: bool;
    /// Dimensions of a key that lie together in its group.
    const TOGETHER: usize;
    /// So many zeros, in memory that the system has not handed out yet.
    fn zeros(len: usize) -> Vec<Self>;
    /// Rounds a vector; gives its scale, 1 without scales. Every value is finite.
    fn round(vector: &[f32], to: &mut [Self]) -> f32;
    /// The sum of a rounded key, where scores need it.
    fn sum(key: &[Self]) -> i32;
    /// 16 of them, without their scale.
    fn load<S: Simd>(simd: S, from: &[Self; LANES]) -> S::V;
    /// Scores of all rows against the keys of `G` groups, from position `start` on, not yet times the
    /// shape's scale.
    fn scores<S: Simd, const R: usize, const G: usize>(
        simd: S,
        head: &Head<Self>,
        queries: &Queries<R>,
        start: usize,
    ) -> [[S::V; G]; R];
    /// Appends little-endian bytes.
    fn write(values: &[Self], out: &mut Vec<u8>);
    /// Takes what `write` gave.
    fn read(values: &mut [Self], from: &[u8]);
}

impl Element for f16 {
    const BYTES: usize = 2;
    const SCALED: bool = false;
    const TOGETHER: usize = 1;

    fn zeros(len: usize) -> Vec<f16> {
        vec![0u16; len].reinterpret_into()
    }

    fn round(vector: &[f32], to: &mut [f16]) -> f32 {
        to.convert_from_f32_slice(vector);
        1.0
    }

    fn sum(_: &[f16]) -> i32 {
        0
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, from: &[f16; LANES]) -> S::V {
        simd.load_f16(from)
    }

    #[inline(always)]
    fn scores<S: Simd, const R: usize, const G: usize>(
        simd: S,
        head: &Head<f16>,
        queries: &Queries<R>,
        start: usize,
    ) -> [[S::V; G]; R] {
        let mut sums = [[simd.splat(0.0); G]; R];
        let queries = queries.columns.as_chunks::<R>().0;
        let groups = head.groups::<KEY_GROUP, G>(start).map(|group| &group[..queries.len()]);
        for (d, query) in queries.iter().enumerate() {
            for g in 0..G {
                let keys = simd.load_f16(&groups[g][d]);
                for r in 0..R {
                    sums[r][g] = simd.fma(simd.splat(query[r]), keys, sums[r][g]);
                }
            }
        }
        sums
    }

    fn write(values: &[f16], out: &mut Vec<u8>) {
        out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }

    fn read(values: &mut [f16], from: &[u8]) {
        for (value, bytes) in values.iter_mut().zip(from.chunks_exact(2)) {
            *value = f16::from_le_bytes([bytes[0], bytes[1]]);
        }
    }
}

impl Element for i8 {
    const BYTES: usize = 1;
    const SCALED: bool = true;
    const TOGETHER: usize = 4;

    fn zeros(len: usize) -> Vec<i8> {
        vec![0; len]
    }

    fn round(vector: &[f32], to: &mut [i8]) -> f32 {
        let largest = vector.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        for (to, v) in to.iter_mut().zip(vector) {
            // Adding and taking away 1.5 * 2^23 rounds to the nearest even integer.
            *to = ((v * inverse + 12_582_912.0) - 12_582_912.0) as i32 as i8;
        }
        largest / 127.0
    }

    fn sum(key: &[i8]) -> i32 {
        key.iter().map(|k| i32::from(*k)).sum()
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, from: &[i8; LANES]) -> S::V {
        simd.load_i8(from)
    }

    #[inline(always)]
    fn scores<S: Simd, const R: usize, const G: usize>(
        simd: S,
        head: &Head<i8>,
        queries: &Queries<R>,
        start: usize,
    ) -> [[S::V; G]; R] {
        let sums = head.key_sums[start..start + G * KEY_GROUP].as_chunks().0;
        let mut dots = [[simd.dot_start(&[0; LANES]); G]; R];
        for dots in &mut dots {
            for g in 0..G {
                dots[g] = simd.dot_start(&sums[g]);
            }
        }
        let quants = queries.quants.as_chunks::<R>().0;
        let groups = head.groups::<64, G>(start).map(|group| &group[..quants.len()]);
        for (d, query) in quants.iter().enumerate() {
            for g in 0..G {
                let keys = &groups[g][d];
                simd.prefetch(keys.as_ptr().wrapping_add(BLOCK * queries.dim).cast());
                for r in 0..R {
                    dots[r][g] = simd.dot(dots[r][g], keys, query[r]);
                }
            }
        }
        let scales = head.key_scales[start..start + G * KEY_GROUP].as_chunks().0;
        let mut scores = [[simd.splat(0.0); G]; R];
        for r in 0..R {
            for g in 0..G {
                let scale = simd.mul(simd.load(&scales[g]), simd.splat(queries.scales[r]));
                scores[r][g] = simd.mul(simd.int_to_f32(dots[r][g]), scale);
            }
        }
        scores
    }

    fn write(values: &[i8], out: &mut Vec<u8>) {
        out.extend(values.iter().map(|value| *value as u8));
    }

    fn read(values: &mut [i8], from: &[u8]) {
        values.iter_mut().zip(from).for_each(|(value, byte)| *value = *byte as i8);
    }
}

/// Keys and values of one kv head.
#[derive(Debug)]
struct Head<E> {
    capacity: usize,
    keys: Vec<E>,
    values: Vec<E>,
    /// These three are empty without scales.
    key_scales: Vec<f32>,
    value_scales: Vec<f32>,
    key_sums: Vec<i32>,
}

impl<E: Element> Head<E> {
    fn new(shape: &AttentionShape, capacity: usize) -> Head<E> {
        let scales = if E::SCALED { capacity } else { 0 };
        Head {
            capacity,
            keys: E::zeros(capacity * shape.padded_dim()),
            values: E::zeros(capacity * shape.padded_dim()),
            key_scales: vec![0.0; scales],
            value_scales: vec![0.0; scales],
            key_sums: vec![0; scales],
        }
    }

    /// `G` key groups from position `start` on, in pieces of `N` that are loaded together.
    #[inline(always)]
    fn groups<const N: usize, const G: usize>(&self, start: usize) -> [&[[E; N]]; G] {
        // Keys and values have the same length: capacity times the padded width.
        let dim = self.values.len() / self.capacity;
        let group = |g| &self.keys[(start + g * KEY_GROUP) * dim..][..KEY_GROUP * dim];
        std::array::from_fn(|g| group(g).as_chunks().0)
    }

    /// Keeps the key and the value of one position. `room` has space for one, rounded and padded with
    /// zeros.
    fn write(&mut self, position: usize, key: &[f32], value: &[f32], room: &mut [E]) {
        let dim = room.len();
        let key_scale = E::round(key, &mut room[..key.len()]);
        let group = &mut self.keys[position / KEY_GROUP * KEY_GROUP * dim..][..KEY_GROUP * dim];
        let lane = position % KEY_GROUP * E::TOGETHER;
        let lanes = group.chunks_exact_mut(KEY_GROUP * E::TOGETHER);
        for (key, lanes) in room.chunks_exact(E::TOGETHER).zip(lanes) {
            lanes[lane..lane + E::TOGETHER].copy_from_slice(key);
        }
        let value_scale = E::round(value, &mut self.values[position * dim..][..value.len()]);
        if E::SCALED {
            self.key_scales[position] = key_scale;
            self.value_scales[position] = value_scale;
            self.key_sums[position] = E::sum(room);
        }
    }

    /// Keys and values that [`Head::save`] appends for so many positions of padded width `dim`, and
    /// all bytes.
    fn saved(dim: usize, positions: usize) -> (usize, usize, usize) {
        let keys = positions.next_multiple_of(KEY_GROUP) * dim;
        let values = positions * dim;
        let scales = if E::SCALED { 3 * positions * size_of::<f32>() } else { 0 };
        (keys, values, (keys + values) * E::BYTES + scales)
    }

    fn save(&self, dim: usize, positions: usize, out: &mut Vec<u8>) {
        let (keys, values, _) = Self::saved(dim, positions);
        let begin = out.len();
        E::write(&self.keys[..keys], out);
        // What lies beside the last key is not part of it.
        let (whole, lane) = (positions / KEY_GROUP, E::TOGETHER * E::BYTES);
        let last = &mut out[begin + whole * KEY_GROUP * dim * E::BYTES..];
        for lanes in last.chunks_exact_mut(KEY_GROUP * lane) {
            lanes[(positions - whole * KEY_GROUP) * lane..].fill(0);
        }
        E::write(&self.values[..values], out);
        if E::SCALED {
            let scales = self.key_scales[..positions].iter().chain(&self.value_scales[..positions]);
            out.extend(scales.flat_map(|scale| scale.to_le_bytes()));
            out.extend(self.key_sums[..positions].iter().flat_map(|sum| sum.to_le_bytes()));
        }
    }

    /// `from` has the length that [`Head::saved`] says.
    fn restore(&mut self, dim: usize, positions: usize, from: &[u8]) {
        let (keys, values, _) = Self::saved(dim, positions);
        let (key_bytes, rest) = from.split_at(keys * E::BYTES);
        let (value_bytes, rest) = rest.split_at(values * E::BYTES);
        E::read(&mut self.keys[..keys], key_bytes);
        E::read(&mut self.values[..values], value_bytes);
        if E::SCALED {
            let (scale_bytes, sum_bytes) = rest.split_at(2 * positions * size_of::<f32>());
            let scales = self.key_scales[..positions].iter_mut();
            let scales = scales.chain(&mut self.value_scales[..positions]);
            for (scale, bytes) in scales.zip(scale_bytes.as_chunks().0) {
                *scale = f32::from_le_bytes(*bytes);
            }
            for (sum, bytes) in self.key_sums.iter_mut().zip(sum_bytes.as_chunks().0) {
                *sum = i32::from_le_bytes(*bytes);
            }
        }
    }
}

/// The heads of a cache, of either kind.
#[derive(Debug)]
enum Heads {
    Int8(Vec<Head<i8>>),
    F16(Vec<Head<f16>>),
}

/// The same expression for either kind of heads.
macro_rules! for_heads {
    ($heads:expr, $name:ident => $body:expr) => {
        match $heads {
            Heads::Int8($name) => $body,
            Heads::F16($name) => $body,
        }
    };
}

/// The cache of one sequence and layer.
#[derive(Debug)]
pub struct KvCache {
    heads: Heads,
    /// Padded width of a head.
    dim: usize,
    capacity: usize,
}

impl KvCache {
    /// Room for `capacity` positions. Memory is claimed from the system as positions are written.
    pub fn new(shape: &AttentionShape, precision: KvPrecision, capacity: usize) -> KvCache {
        let capacity = capacity.next_multiple_of(BLOCK);
        let heads = 0..shape.kv_heads;
        let heads = match precision {
            KvPrecision::Int8 => Heads::Int8(heads.map(|_| Head::new(shape, capacity)).collect()),
            KvPrecision::F16 => Heads::F16(heads.map(|_| Head::new(shape, capacity)).collect()),
        };
        KvCache { heads, dim: shape.padded_dim(), capacity }
    }

    /// Positions that fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Bytes of one head's first positions, saved.
    fn head_bytes(&self, positions: usize) -> usize {
        match &self.heads {
            Heads::Int8(_) => Head::<i8>::saved(self.dim, positions).2,
            Heads::F16(_) => Head::<f16>::saved(self.dim, positions).2,
        }
    }

    /// Bytes that [`KvCache::save`] appends for this many positions.
    pub fn saved_bytes(&self, positions: usize) -> usize {
        for_heads!(&self.heads, heads => heads.len()) * self.head_bytes(positions)
    }

    /// Appends the first `positions`, head by head: keys, values, scales, little endian.
    ///
    /// # Panics
    /// If they are more than the capacity.
    pub fn save(&self, positions: usize, out: &mut Vec<u8>) {
        assert!(positions <= self.capacity, "{positions} positions of {}", self.capacity);
        for_heads!(&self.heads, heads => {
            heads.iter().for_each(|head| head.save(self.dim, positions, out));
        });
    }

    /// Takes what [`KvCache::save`] gave for this many positions; false, and nothing is changed, if
    /// `saved` has another length or does not fit.
    #[must_use]
    pub fn restore(&mut self, positions: usize, saved: &[u8]) -> bool {
        if positions > self.capacity || saved.len() != self.saved_bytes(positions) {
            return false;
        }
        let each = self.head_bytes(positions);
        if each == 0 {
            return true;
        }
        let (dim, saved) = (self.dim, saved.chunks_exact(each));
        for_heads!(&mut self.heads, heads => {
            heads.iter_mut().zip(saved).for_each(|(head, saved)| {
                head.restore(dim, positions, saved);
            });
        });
        true
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

/// Up to four query rows, turned.
struct Queries<const R: usize> {
    positions: [usize; R],
    /// Padded width of a head.
    dim: usize,
    /// `[dim, R]`.
    columns: Vec<f32>,
    /// `[dim / 4, R]`, rounded as [`Simd::dot`] wants them; empty where scores are not integers.
    quants: Vec<u32>,
    /// Of the rounded rows.
    scales: [f32; R],
}

impl<const R: usize> Queries<R> {
    fn new(positions: [usize; R], dim: usize) -> Queries<R> {
        Queries { positions, dim, columns: vec![0.0; R * dim], quants: vec![], scales: [1.0; R] }
    }

    fn set(&mut self, r: usize, row: &[f32]) {
        for (column, value) in self.columns.chunks_exact_mut(R).zip(row) {
            column[r] = *value;
        }
    }

    /// Rounds the row as [`set`](Queries::set) took it.
    fn round(&mut self, r: usize, row: &[f32], quants: &mut [i8], isa: Isa) {
        self.quants.resize(R * self.dim / 4, 0);
        self.scales[r] = i8::round(row, quants);
        for (out, lanes) in self.quants.chunks_exact_mut(R).zip(quants.as_chunks().0) {
            out[r] = dot_query(isa, *lanes);
        }
    }
}

/// Four query quants as the instruction set's [`Simd::dot`] wants them.
fn dot_query(isa: Isa, lanes: [i8; 4]) -> u32 {
    let plain = u32::from_le_bytes(lanes.map(|lane| lane as u8));
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512Vnni(_) | Kind::AvxVnni(_) | Kind::Avx512VlVnni256(_) => plain ^ 0x8080_8080,
        _ => plain,
    }
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
        rows::<R, E>(self.isa, self.shape, part.head, &queries, &mut out);
        for (r, row) in out.chunks_exact(padded).enumerate() {
            let (token, head) = place(r);
            let at = part.tokens[token] * self.width + head * dim;
            // SAFETY: inside `out` of `attend`, which checked every token; no other task has this
            // token and head.
            unsafe { std::ptr::copy_nonoverlapping(row.as_ptr(), self.output.0.add(at), dim) }
        }
    }
}

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
fn rows<const R: usize, E: Element>(
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
fn group_scores<S: Simd, const R: usize, const G: usize, E: Element>(
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A vector as a cache keeps it.
    fn rounded(precision: KvPrecision, vector: &[f32]) -> Vec<f64> {
        match precision {
            KvPrecision::F16 => vector.iter().map(|x| f64::from(f16::from_f32(*x))).collect(),
            KvPrecision::Int8 => {
                let mut quants = vec![0i8; vector.len()];
                let scale = i8::round(vector, &mut quants);
                quants.iter().map(|q| f64::from(*q) * f64::from(scale)).collect()
            }
        }
    }

    /// Attention as in the paper, in f64, on the values that the cache holds.
    fn reference(
        shape: &AttentionShape,
        precision: KvPrecision,
        q: &[f32],
        k: &[f32],
        v: &[f32],
    ) -> Vec<f64> {
        let dim = shape.head_dim;
        let width = shape.heads * dim;
        let round = |x: &[f32]| -> Vec<f64> {
            x.chunks_exact(dim).flat_map(|head| rounded(precision, head)).collect()
        };
        let q = match precision {
            KvPrecision::Int8 => round(q),
            KvPrecision::F16 => q.iter().map(|x| f64::from(*x)).collect(),
        };
        let (k, v, kv) = (round(k), round(v), shape.kv_heads * dim);
        let mut out = vec![0.0; q.len()];
        for t in 0..q.len() / width {
            for h in 0..shape.heads {
                let low = shape.window.map_or(0, |w| (t + 1).saturating_sub(w));
                let kvh = h / (shape.heads / shape.kv_heads);
                let weights: Vec<f64> = (low..=t)
                    .map(|p| {
                        let dot: f64 = (0..dim)
                            .map(|d| q[t * width + h * dim + d] * k[p * kv + kvh * dim + d])
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
                    let sum: f64 =
                        (low..=t).zip(&weights).map(|(p, w)| w * v[p * kv + kvh * dim + d]).sum();
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
        check_kind(shape, KvPrecision::Int8, tokens);
        check_kind(shape, KvPrecision::F16, tokens);
    }

    fn check_kind(shape: AttentionShape, precision: KvPrecision, tokens: usize) {
        let q = noise(tokens * shape.heads * shape.head_dim, 1);
        let k = noise(tokens * shape.kv_heads * shape.head_dim, 2);
        let v = noise(tokens * shape.kv_heads * shape.head_dim, 3);
        let expected = reference(&shape, precision, &q, &k, &v);
        let kv = shape.kv_heads * shape.head_dim;
        let mut first: Option<Vec<f32>> = None;
        let rows = |values| Rows { values, stride: kv, offset: 0 };
        let query = Rows { values: &q, stride: shape.heads * shape.head_dim, offset: 0 };
        let inputs = Projections { query, key: rows(&k), value: rows(&v), rope: None };
        let pool = ThreadPool::new(2);
        for isa in Isa::available() {
            for chunk in [1, 7, tokens] {
                let mut cache = KvCache::new(&shape, precision, tokens);
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
                let mut cache = KvCache::new(&shape, KvPrecision::Int8, tokens);
                let mut out = vec![0.0; tokens * 64];
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
        let (keys, values) = (noise(100 * 48, 1), noise(100 * 48, 2));
        for precision in [KvPrecision::Int8, KvPrecision::F16] {
            let mut cache = KvCache::new(&shape, precision, 100);
            for position in 0..100 {
                for_heads!(&mut cache.heads, heads => {
                    for (h, head) in heads.iter_mut().enumerate() {
                        let row = (position * 2 + h) * 24..(position * 2 + h + 1) * 24;
                        let mut room = Element::zeros(32);
                        head.write(position, &keys[row.clone()], &values[row], &mut room);
                    }
                });
            }
            for positions in [0, 1, 16, 37, 100] {
                let mut saved = vec![];
                cache.save(positions, &mut saved);
                assert_eq!(saved.len(), cache.saved_bytes(positions));
                let mut other = KvCache::new(&shape, precision, 100);
                assert!(other.restore(positions, &saved));
                let mut again = vec![];
                other.save(positions, &mut again);
                assert_eq!(saved, again);
                assert!(!other.restore(positions + 1, &saved));
            }
            assert!(!KvCache::new(&shape, precision, 10).restore(101, &[]));
        }
    }
}
