//! Every kernel finds the same nearest rows as plain arithmetic.

use int4_kernels::{Isa, ThreadPool, nearest, nearest_with, quantize_unit};
use proptest::prelude::*;
use std::cmp::Reverse;

/// All rows, best first.
fn plain(rows: &[i8], width: usize, query: &[i8]) -> Vec<(usize, i32)> {
    let dot = |row: &[i8]| -> i64 {
        row.iter().zip(query).map(|(a, b)| i64::from(*a) * i64::from(*b)).sum()
    };
    let scores = rows.chunks_exact(width).map(|row| i32::try_from(dot(row)).expect("32 bits"));
    let mut all: Vec<(usize, i32)> = scores.enumerate().collect();
    all.sort_by_key(|(index, score)| (Reverse(*score), *index));
    all
}

fn check(rows: &[i8], width: usize, query: &[i8], limit: usize) {
    let mut expected = plain(rows, width, query);
    expected.truncate(limit);
    assert_eq!(nearest(rows, width, query, limit), expected, "{width} {limit}");
    for threads in [1, 3] {
        let pool = ThreadPool::new(threads);
        for isa in Isa::available() {
            let found = nearest_with(isa, &pool, rows, width, query, limit);
            assert_eq!(found, expected, "{} {width} {limit} {threads}", isa.name());
        }
    }
}

fn noise(count: usize, seed: u64) -> Vec<i8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 56) as i8
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn every_width_and_tail() {
    for width in (1..=130).chain([255, 256, 257, 383, 384, 400, 768, 1024]) {
        let rows = noise(width * 37, width as u64);
        let query = noise(width, 99);
        check(&rows, width, &query, 5);
    }
}

#[test]
fn the_largest_sums_are_exact() {
    for width in [384, 65_536] {
        for (row, query) in [(-128, -128), (-128, 127), (127, -128), (127, 127)] {
            let rows = vec![row; 3 * width];
            check(&rows, width, &vec![query; width], 3);
        }
    }
}

#[test]
fn of_equals_the_lower_index_comes_first() {
    let rows = noise(384 * 8, 1).repeat(700);
    let query = noise(384, 2);
    for limit in [0, 1, 7, 100, 700, 1500, 5600, 9999] {
        check(&rows, 384, &query, limit);
    }
}

#[test]
fn nothing_is_found_in_nothing() {
    check(&[], 384, &[1; 384], 3);
}

#[test]
fn units_keep_their_cosine() {
    let vector: Vec<f32> = noise(384, 3).iter().map(|x| f32::from(*x)).collect();
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    let unit: Vec<f32> = vector.iter().map(|x| x / length).collect();
    let quants = quantize_unit(&unit);
    let dot = nearest(&quants, 384, &quants, 1)[0].1 as f32;
    assert!((dot / (127.0 * 127.0) - 1.0).abs() < 0.01, "{dot}");
    assert_eq!(quantize_unit(&[1.0, -1.0, 2.0, -9.0, f32::NAN, 0.0]), [127, -127, 127, -127, 0, 0]);
    assert_eq!(quantize_unit(&[0.5 / 127.0, -0.5 / 127.0, 1.49 / 127.0]), [1, -1, 1]);
}

proptest! {
    #[test]
    fn any_rows(
        width in 1usize..90, count in 0usize..600, limit in 0usize..20, seed in any::<u64>(),
    ) {
        check(&noise(width * count, seed), width, &noise(width, !seed), limit);
    }
}
