//! Attention of encoders: every token sees every token of its own text, and nothing is kept.

use crate::dispatch::Isa;
use crate::pool::ThreadPool;
use crate::vector::{LANES, exp, for_each_isa, sum_lanes};
use std::ops::Range;

/// Heads of an encoder's attention; all of them have keys and values of their own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextShape {
    /// Heads, at least 1.
    pub heads: usize,
    /// Width of a head, a multiple of 16.
    pub head_dim: usize,
    /// Factor of the dot products before the softmax.
    pub scale: f32,
}

impl TextShape {
    /// Values of all heads of one token.
    pub fn width(&self) -> usize {
        self.heads * self.head_dim
    }
}

/// `out = softmax(scale * Q Kᵀ) V` for each of the `texts`, which are ranges of tokens. `qkv` is
/// `[tokens, 3 * width]` f32: all query heads, then all key heads, then all value heads. `out` is
/// `[tokens, width]`; rows of no text are left as they are. A text's numbers do not depend on the
/// other texts.
///
/// # Panics
/// If the lengths do not fit, a text reaches beyond the tokens, or `head_dim` is not a multiple of
/// 16.
pub fn attend_texts(
    isa: Isa,
    pool: &ThreadPool,
    shape: &TextShape,
    qkv: &[f32],
    texts: &[Range<usize>],
    out: &mut [f32],
) {
    let width = shape.width();
    assert!(shape.head_dim > 0 && shape.head_dim.is_multiple_of(LANES), "heads of {shape:?}");
    assert!(width > 0 && qkv.len() == 3 * out.len(), "query, key and value in one");
    assert!(out.len().is_multiple_of(width), "rows of {width}");
    let values = texts.iter().map(|text| text.len() * width).sum();
    let mut by_head = vec![0.0f32; values];
    let mut rest = by_head.as_mut_slice();
    let mut work = Vec::with_capacity(texts.len() * shape.heads);
    for text in texts {
        let rows = &qkv[3 * width * text.start..3 * width * text.end];
        for head in 0..shape.heads {
            let (own, others) = rest.split_at_mut(text.len() * shape.head_dim);
            rest = others;
            work.push((rows, head, own));
        }
    }
    pool.for_each_mut(&mut work, &|(rows, head, own)| one_head(isa, rows, shape, *head, own));
    let mut done = work.iter();
    for text in texts {
        for (_, head, own) in done.by_ref().take(shape.heads) {
            for (token, values) in text.clone().zip(own.chunks_exact(shape.head_dim)) {
                let at = token * width + head * shape.head_dim;
                out[at..at + shape.head_dim].copy_from_slice(values);
            }
        }
    }
}

/// One head of one text: `rows` is `[tokens, 3 * width]`, `out` `[tokens, head_dim]`.
///
/// Keys are turned to `[head_dim, tokens]` first, so that 16 positions are scored at a time and no
/// sum crosses lanes.
#[inline(always)]
fn head_text(rows: &[f32], shape: &TextShape, head: usize, out: &mut [f32]) {
    let (dim, width) = (shape.head_dim, shape.width());
    let tokens = out.len() / dim;
    let padded = tokens.next_multiple_of(LANES);
    let mut keys = vec![0.0f32; dim * padded];
    for (t, row) in rows.chunks_exact(3 * width).enumerate() {
        let key = &row[width + head * dim..][..dim];
        for (d, value) in key.iter().enumerate() {
            keys[d * padded + t] = *value;
        }
    }
    let mut scores = vec![0.0f32; padded];
    for (row, out) in rows.chunks_exact(3 * width).zip(out.chunks_exact_mut(dim)) {
        let query = &row[head * dim..][..dim];
        score(query, &keys, shape.scale, &mut scores);
        let inverse = 1.0 / weigh(&mut scores, tokens);
        let values = rows.chunks_exact(3 * width).map(|row| &row[2 * width + head * dim..][..dim]);
        mix(values, &scores, inverse, out);
    }
}

/// `scores[j] = scale * sum over d of query[d] * keys[d][j]`.
#[inline(always)]
fn score(query: &[f32], keys: &[f32], scale: f32, scores: &mut [f32]) {
    let padded = scores.len();
    for (block, scores) in scores.chunks_exact_mut(LANES).enumerate() {
        let mut lanes = [0.0f32; LANES];
        for (q, keys) in query.iter().zip(keys.chunks_exact(padded)) {
            let keys = &keys[block * LANES..][..LANES];
            for l in 0..LANES {
                lanes[l] = q.mul_add(keys[l], lanes[l]);
            }
        }
        for l in 0..LANES {
            scores[l] = lanes[l] * scale;
        }
    }
}

/// Makes weights of scores, `e^(score - largest)`, zero from `tokens` on; gives their sum.
#[inline(always)]
fn weigh(scores: &mut [f32], tokens: usize) -> f32 {
    scores[tokens..].fill(f32::NEG_INFINITY);
    let mut largest = [f32::NEG_INFINITY; LANES];
    for scores in scores.chunks_exact(LANES) {
        for l in 0..LANES {
            largest[l] = if scores[l] > largest[l] { scores[l] } else { largest[l] };
        }
    }
    let largest = largest.into_iter().fold(f32::NEG_INFINITY, f32::max);
    let mut sums = [0.0f32; LANES];
    for scores in scores.chunks_exact_mut(LANES) {
        for l in 0..LANES {
            scores[l] = exp(scores[l] - largest);
            sums[l] += scores[l];
        }
    }
    sum_lanes(sums)
}

/// `out = inverse * sum over j of weights[j] * values[j]`.
#[inline(always)]
fn mix<'a>(
    values: impl Iterator<Item = &'a [f32]> + Clone,
    weights: &[f32],
    inverse: f32,
    out: &mut [f32],
) {
    for (block, out) in out.chunks_exact_mut(LANES).enumerate() {
        let mut lanes = [0.0f32; LANES];
        for (weight, values) in weights.iter().zip(values.clone()) {
            let values = &values[block * LANES..][..LANES];
            for l in 0..LANES {
                lanes[l] = weight.mul_add(values[l], lanes[l]);
            }
        }
        for l in 0..LANES {
            out[l] = lanes[l] * inverse;
        }
    }
}

for_each_isa! {
    fn one_head(rows: &[f32], shape: &TextShape, head: usize, out: &mut [f32]) = head_text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::slice::from_ref;

    /// The formula in f64.
    fn exact(shape: &TextShape, rows: &[f32], out: &mut [f64]) {
        let width = shape.width();
        let rows: Vec<&[f32]> = rows.chunks_exact(3 * width).collect();
        for (t, query) in rows.iter().enumerate() {
            for head in 0..shape.heads {
                let at = |d: usize| head * shape.head_dim + d;
                let dot = |key: &[f32]| -> f64 {
                    (0..shape.head_dim)
                        .map(|d| f64::from(query[at(d)]) * f64::from(key[width + at(d)]))
                        .sum()
                };
                let scores: Vec<f64> =
                    rows.iter().map(|key| (dot(key) * f64::from(shape.scale)).exp()).collect();
                let total: f64 = scores.iter().sum();
                for d in 0..shape.head_dim {
                    let value = |row: &&[f32]| f64::from(row[2 * width + at(d)]);
                    out[t * width + at(d)] =
                        rows.iter().zip(&scores).map(|(row, s)| s * value(row)).sum::<f64>()
                            / total;
                }
            }
        }
    }

    #[test]
    fn every_isa_gives_the_same_bits_near_the_formula() {
        let shape = TextShape { heads: 3, head_dim: 32, scale: 0.3 };
        let width = shape.width();
        let texts = [0..1, 1..18, 18..50, 50..115];
        let tokens = 115;
        let qkv: Vec<f32> =
            (0..3 * width * tokens).map(|i| ((i * 7919 % 1009) as f32 - 504.0) / 400.0).collect();
        let mut expected = vec![0.0; width * tokens];
        for text in &texts {
            let rows = &qkv[3 * width * text.start..3 * width * text.end];
            exact(&shape, rows, &mut expected[width * text.start..width * text.end]);
        }
        let pool = ThreadPool::new(2);
        let mut scalar = vec![0.0; width * tokens];
        attend_texts(Isa::SCALAR, &pool, &shape, &qkv, &texts, &mut scalar);
        for (found, expected) in scalar.iter().zip(&expected) {
            assert!((f64::from(*found) - expected).abs() < 3e-6, "{found} {expected}");
        }
        for isa in Isa::available() {
            let mut out = vec![0.0; width * tokens];
            attend_texts(isa, &pool, &shape, &qkv, &texts, &mut out);
            assert_eq!(out, scalar, "{}", isa.name());
            // Alone, a text has the same numbers.
            let text = texts[2].clone();
            let rows = &qkv[3 * width * text.start..3 * width * text.end];
            let mut alone = vec![0.0; width * text.len()];
            attend_texts(isa, &pool, &shape, rows, from_ref(&(0..text.len())), &mut alone);
            assert_eq!(alone, scalar[width * text.start..width * text.end], "{}", isa.name());
        }
    }
}
