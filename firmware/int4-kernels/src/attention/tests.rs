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
