//! The one suite that every kernel must pass: equal to scalar, bit by bit, on all shapes.

use int4_kernels::{
    Bits, Isa, Matrix, MatrixSpec, Precision, Product, QuantizedRows, ThreadPool, matmul,
};
use proptest::prelude::*;

/// A matrix as plain numbers, the way an ONNX file describes it.
struct Plain {
    spec: MatrixSpec,
    quants: Vec<u8>,
    scales: Vec<f32>,
    zeros: Vec<u8>,
}

impl int4_kernels::layout::QuantSource for Plain {
    fn quant(&self, row: usize, column: usize) -> u8 {
        self.quants[row * self.spec.columns() + column]
    }
    fn scale(&self, row: usize, block: usize) -> f32 {
        self.scales[row * self.spec.blocks() + block]
    }
    fn zero_point(&self, row: usize, block: usize) -> u8 {
        self.zeros[row * self.spec.blocks() + block]
    }
}

impl Plain {
    fn random(spec: MatrixSpec, seed: u64, extreme: bool) -> Plain {
        let mut rng = Lcg(seed);
        let top = match spec.bits() {
            Bits::Four => 15,
            Bits::Eight => 255,
        };
        let mut quant = || match (extreme, rng.below(2)) {
            (true, 0) => 0,
            (true, _) => top as u8,
            (false, _) => rng.below(top + 1) as u8,
        };
        let quants = (0..spec.rows() * spec.columns()).map(|_| quant()).collect();
        let blocks = spec.rows() * spec.blocks();
        let zeros = (0..blocks).map(|_| quant()).collect();
        // Scales that f16 holds exactly, so that this file needs no rounding of its own.
        let scales = (0..blocks).map(|_| (rng.below(2000) as f32 - 1000.0) / 1024.0).collect();
        Plain { spec, quants, scales, zeros }
    }

    fn packed(&self) -> Vec<u8> {
        let mut out = vec![0xa5; self.spec.packed_bytes()];
        for (panel, out) in out.chunks_exact_mut(self.spec.panel_bytes()).enumerate() {
            self.spec.pack_panel(panel, self, out);
        }
        out
    }

    fn weight(&self, row: usize, column: usize) -> f64 {
        let block = row * self.spec.blocks() + column / self.spec.block();
        let zero = if self.spec.zero_points() {
            self.zeros[block]
        } else {
            self.spec.bits().default_zero()
        };
        let quant = f64::from(self.quants[row * self.spec.columns() + column]);
        (quant - f64::from(zero)) * f64::from(self.scales[block])
    }
}

struct Lcg(u64);

impl Lcg {
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        ((self.0 >> 33) as u32) % n
    }
}

fn activations(len: usize, seed: u64) -> Vec<f32> {
    let mut rng = Lcg(seed);
    (0..len).map(|_| (rng.below(20_001) as f32 - 10_000.0) / 3_000.0).collect()
}

fn product(isa: Isa, threads: usize, m: &Matrix<'_>, x: &[f32], precision: Precision) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / m.spec().columns() * m.spec().rows()];
    let pool = ThreadPool::new(threads);
    let mut product = [Product { matrix: *m, out: &mut out }];
    matmul(isa, &pool, &mut product, x, precision, &mut QuantizedRows::new());
    out
}

/// The product of one row in f64, and how far a kernel may be from it: half a step of each rounded
/// activation (a step is its block's largest / 127) times its weight, and f32 rounding.
fn exact(plain: &Plain, row: usize, x: &[f32], precision: Precision) -> (f64, f64) {
    let (mut sum, mut bound) = (0.0, 1e-6);
    for (b, block) in x.chunks(plain.spec.block()).enumerate() {
        let largest = block.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let half_step = match precision {
            Precision::Int8 => f64::from(largest) / 254.0 * 1.0001,
            Precision::F32 => 0.0,
        };
        for (i, x) in block.iter().enumerate() {
            let weight = plain.weight(row, b * plain.spec.block() + i);
            sum += weight * f64::from(*x);
            bound += weight.abs() * (half_step + 1e-5 * f64::from(x.abs()));
        }
    }
    (sum, bound)
}

fn check(spec: MatrixSpec, tokens: usize, seed: u64, extreme: bool) {
    let plain = Plain::random(spec, seed, extreme);
    let packed = plain.packed();
    let matrix = Matrix::new(spec, &packed, 0.5).expect("length");
    let x = activations(tokens * spec.columns(), seed ^ 77);
    for precision in [Precision::Int8, Precision::F32] {
        let expected = product(Isa::SCALAR, 1, &matrix, &x, precision);
        for isa in Isa::available() {
            let found = product(isa, 2, &matrix, &x, precision);
            assert_eq!(found, expected, "{} {precision:?} {spec:?} x {tokens}", isa.name());
        }
        for (x, found) in x.chunks_exact(spec.columns()).zip(expected.chunks_exact(spec.rows())) {
            for (row, found) in found.iter().enumerate() {
                let (sum, bound) = exact(&plain, row, x, precision);
                let error = (f64::from(*found) - 0.5 * sum).abs();
                assert!(error <= 0.5 * bound, "{precision:?} {spec:?}: {error} > {bound}");
            }
        }
    }
    let mut row = vec![0.0; spec.columns()];
    for r in [0, spec.rows() - 1] {
        matrix.dequantize_row(r, &mut row);
        for (c, w) in row.iter().enumerate() {
            assert_eq!(f64::from(*w), 0.5 * plain.weight(r, c));
        }
    }
}

#[test]
fn every_block_size_width_and_tail() {
    for bits in [Bits::Four, Bits::Eight] {
        for block in [16, 32, 64, 128, 256] {
            for zero_points in [false, true] {
                for (rows, columns) in [(16, block), (1, 1), (33, 3 * block), (17, 2 * block - 5)] {
                    let spec = MatrixSpec::new(rows, columns, bits, block, zero_points);
                    let spec = spec.expect("a good spec");
                    check(spec, 1, 5, false);
                    check(spec, 11, 6, false);
                    check(spec, 3, 7, true);
                }
            }
        }
    }
}

#[test]
fn every_tile_width() {
    let spec = MatrixSpec::new(48, 96, Bits::Four, 32, false).expect("a good spec");
    for tokens in 1..=17 {
        check(spec, tokens, 9, false);
    }
}

/// Found by `any_shape`: a small activation with a large weight, beside a large one with a small.
#[test]
fn a_block_of_two_columns_with_one_outlier() {
    let spec = MatrixSpec::new(8, 2, Bits::Eight, 16, false).expect("a good spec");
    check(spec, 5, 6_803_528_181_021_907_207, false);
}

#[test]
fn refuses_what_it_cannot_hold() {
    assert!(MatrixSpec::new(0, 32, Bits::Four, 32, false).is_err());
    assert!(MatrixSpec::new(32, 1 << 40, Bits::Four, 32, false).is_err());
    for block in [0, 8, 24, 512] {
        assert!(MatrixSpec::new(32, 32, Bits::Four, block, false).is_err());
    }
    let spec = MatrixSpec::new(32, 32, Bits::Four, 32, false).expect("a good spec");
    assert!(Matrix::new(spec, &[0; 12], 1.0).is_err());
}

#[test]
fn infinite_and_nan_activations_do_not_spread() {
    let spec = MatrixSpec::new(16, 64, Bits::Four, 32, false).expect("a good spec");
    let packed = Plain::random(spec, 3, false).packed();
    let matrix = Matrix::new(spec, &packed, 1.0).expect("length");
    let mut x = activations(64, 4);
    x[3] = f32::INFINITY;
    x[40] = f32::NAN;
    for isa in Isa::available() {
        assert!(product(isa, 1, &matrix, &x, Precision::Int8).iter().all(|v| v.is_finite()));
    }
}

#[test]
fn a_machine_with_vnni_does_not_run_scalar() {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512bw") {
        assert_ne!(Isa::best(), Isa::SCALAR);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_shape(
        rows in 1usize..70,
        columns in 1usize..300,
        shift in 4u32..9,
        tokens in 1usize..20,
        eight: bool,
        zero_points: bool,
        seed: u64,
    ) {
        let bits = if eight { Bits::Eight } else { Bits::Four };
        let spec = MatrixSpec::new(rows, columns, bits, 1 << shift, zero_points).expect("spec");
        check(spec, tokens, seed, seed % 3 == 0);
    }
}
