//! `cargo bench -p int4-kernels`: bytes of weights a second for one token, several, and a prompt.
//!
//! The matrices together are larger than any cache, as a model's are. Compare the figures of one token
//! with `cargo run --release -p int4-kernels --example read_bandwidth`, taken at the same time.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use int4_kernels::attention::{
    AttentionShape, KvCache, KvPrecision, Projections, Rows, Run, attend,
};
use int4_kernels::{
    Bits, Isa, Matrix, MatrixSpec, Precision, Product, QuantizedRows, ThreadPool, matmul,
    nearest_with,
};

fn main() {
    divan::main();
}

/// Rows and columns of the largest matrices of a 1B model.
const SHAPE: (usize, usize) = (8192, 2048);
/// Matrices: about 190 MB at 4 bits.
const MATRICES: usize = 20;

fn matrix(
    threads: usize,
    tokens: usize,
    isa: Isa,
    shape: (usize, usize),
    bits: Bits,
) -> impl FnMut() -> f32 {
    let spec = MatrixSpec::new(shape.0, shape.1, bits, 32, false).expect("a good spec");
    let mut weights = vec![0u8; spec.packed_bytes() * MATRICES];
    // Scales stay small numbers: every f16 below 0x3c00 is under 1.
    for (i, byte) in weights.iter_mut().enumerate() {
        *byte = (i as u32).wrapping_mul(2_654_435_761).to_le_bytes()[3] & 0x3b;
    }
    let pool = ThreadPool::new(threads);
    let x: Vec<f32> = (0..tokens * shape.1).map(|i| (i % 251) as f32 - 125.0).collect();
    let mut out = vec![0.0; tokens * shape.0];
    let mut scratch = QuantizedRows::new();
    let mut turn = 0;
    move || {
        let data = &weights[turn * spec.packed_bytes()..(turn + 1) * spec.packed_bytes()];
        turn = (turn + 1) % MATRICES;
        let matrix = Matrix::new(spec, data, 1.0).expect("length");
        let mut products = [Product { matrix, out: &mut out }];
        matmul(isa, &pool, &mut products, &x, Precision::Int8, &mut scratch);
        out[0]
    }
}

fn isas() -> Vec<Isa> {
    Isa::available().into_iter().filter(|isa| *isa != Isa::SCALAR).collect()
}

/// A token at a time: this should run at the speed of memory.
#[divan::bench(args = isas(), consts = [1, 2], sample_count = 50)]
fn one_token<const THREADS: usize>(bencher: Bencher<'_, '_>, isa: Isa) {
    let mut run = matrix(THREADS, 1, isa, SHAPE, Bits::Four);
    bencher.counter(BytesCount::new(SHAPE.0 * SHAPE.1 / 32 * 18)).bench_local(&mut run);
}

/// The same with 8-bit weights.
#[divan::bench(args = isas(), sample_count = 50)]
fn one_token_8_bits(bencher: Bencher<'_, '_>, isa: Isa) {
    let mut run = matrix(2, 1, isa, SHAPE, Bits::Eight);
    bencher.counter(BytesCount::new(SHAPE.0 * SHAPE.1 / 32 * 34)).bench_local(&mut run);
}

/// Several streams decoding together.
#[divan::bench(args = isas(), consts = [2, 4, 8, 16], sample_count = 50)]
fn streams<const TOKENS: usize>(bencher: Bencher<'_, '_>, isa: Isa) {
    let mut run = matrix(2, TOKENS, isa, SHAPE, Bits::Four);
    bencher.counter(BytesCount::new(SHAPE.0 * SHAPE.1 / 32 * 18)).bench_local(&mut run);
}

/// A prompt: multiply-adds a second.
#[divan::bench(args = isas(), consts = [32, 128, 512], sample_count = 20)]
fn prompt<const TOKENS: usize>(bencher: Bencher<'_, '_>, isa: Isa) {
    let mut run = matrix(2, TOKENS, isa, SHAPE, Bits::Four);
    bencher.counter(ItemsCount::new(SHAPE.0 * SHAPE.1 * TOKENS)).bench_local(&mut run);
}

/// A prompt through the matrix that has the most columns.
#[divan::bench(args = isas(), consts = [128], sample_count = 20)]
fn prompt_down<const TOKENS: usize>(bencher: Bencher<'_, '_>, isa: Isa) {
    let mut run = matrix(2, TOKENS, isa, (SHAPE.1, SHAPE.0), Bits::Four);
    bencher.counter(ItemsCount::new(SHAPE.0 * SHAPE.1 * TOKENS)).bench_local(&mut run);
}

/// Attention of one layer for one token, or for a chunk of a prompt, after 2,048 positions. The
/// caches of 16 layers take turns.
#[divan::bench(args = isas(), consts = [1, 128], sample_count = 50)]
fn attention<const TOKENS: usize>(bencher: Bencher<'_, '_>, isa: Isa) {
    let shape = AttentionShape {
        heads: 32,
        kv_heads: 8,
        head_dim: 64,
        scale: 0.125,
        softcap: 0.0,
        window: None,
    };
    let (positions, width) = (2048 + TOKENS, shape.kv_heads * shape.head_dim);
    let row: Vec<f32> = (0..positions * 2048).map(|i| (i % 31) as f32 / 31.0 - 0.5).collect();
    let rows = |stride| Rows { values: &row, stride, offset: 0 };
    let inputs =
        Projections { query: rows(2048), key: rows(width), value: rows(width), rope: None };
    let batch: Vec<usize> = (0..positions).collect();
    let pool = ThreadPool::new(2);
    let mut out = vec![0.0; positions * 2048];
    let mut caches: Vec<KvCache> = (0..16)
        .map(|_| {
            let mut cache = KvCache::new(&shape, KvPrecision::Int8, positions);
            let run = Run { tokens: &batch, first_position: 0, cache: &mut cache };
            attend(isa, &pool, &shape, &inputs, &mut [run], &mut out);
            cache
        })
        .collect();
    let mut turn = 0;
    bencher
        .counter(BytesCount::new(positions * shape.position_bytes(KvPrecision::Int8)))
        .bench_local(|| {
            turn = (turn + 1) % caches.len();
            let cache = &mut caches[turn];
            let run = Run { tokens: &batch[..TOKENS], first_position: 2048, cache };
            attend(isa, &pool, &shape, &inputs, &mut [run], &mut out);
            out[0]
        });
}

/// The ten nearest of 200,000 vectors, 77 MB.
#[divan::bench(args = isas(), consts = [1, 2], sample_count = 50)]
fn nearest<const THREADS: usize>(bencher: Bencher<'_, '_>, isa: Isa) {
    const SHAPE: (usize, usize) = (200_000, 384);
    let value = |i: usize| (i as u32).wrapping_mul(2_654_435_761).to_le_bytes()[3] as i8;
    let rows: Vec<i8> = (0..SHAPE.0 * SHAPE.1).map(value).collect();
    let query: Vec<i8> = (0..SHAPE.1).map(|i| value(i + 12_345)).collect();
    let pool = ThreadPool::new(THREADS);
    let expected = nearest_with(Isa::SCALAR, &pool, &rows, SHAPE.1, &query, 10);
    bencher
        .counter(BytesCount::new(SHAPE.0 * SHAPE.1))
        .bench_local(|| assert_eq!(nearest_with(isa, &pool, &rows, SHAPE.1, &query, 10), expected));
}
