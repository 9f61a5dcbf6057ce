//! The one suite that every kernel must pass: equal to scalar, bit by bit, on all shapes.

use int4_kernels::{
    Bits, Isa, Matrix, MatrixSpec, Precision, Product, QuantizedRows, ThreadPool, gated_matmul,
    matmul,
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

/// The gate in one step is the two products, and the gate after them, to the last bit.
#[test]
fn the_gated_product_is_its_three_steps() {
    for (rows, columns, bits, tokens) in
        [(33, 64, Bits::Four, 1), (48, 90, Bits::Eight, 11), (16, 32, Bits::Four, 130)]
    {
        let spec = MatrixSpec::new(rows, columns, bits, 32, false).expect("a good spec");
        let other = MatrixSpec::new(rows, columns, Bits::Four, 32, true).expect("a good spec");
        let (gate, up) = (Plain::random(spec, 1, false), Plain::random(other, 2, false));
        let (gate, up) = (gate.packed(), up.packed());
        let gate = Matrix::new(spec, &gate, 0.01).expect("length");
        let up = Matrix::new(other, &up, 0.5).expect("length");
        let x = activations(tokens * columns, 3);
        for isa in Isa::available() {
            for precision in [Precision::Int8, Precision::F32] {
                let mut expected = product(isa, 2, &gate, &x, precision);
                let ups = product(isa, 1, &up, &x, precision);
                int4_kernels::vector::silu_gate(isa, &mut expected, &ups);
                let mut out = vec![f32::NAN; expected.len()];
                let mut gate = Product { matrix: gate, out: &mut out };
                let (pool, mut scratch) = (ThreadPool::new(2), QuantizedRows::new());
                gated_matmul(isa, &pool, &mut gate, up, &x, precision, &mut scratch);
                assert_eq!(out, expected, "{}", isa.name());
            }
        }
    }
}

#[test]
fn every_tile_width() {
    for bits in [Bits::Four, Bits::Eight] {
        for (block, zero_points) in [(32, false), (32, true), (64, false), (64, true)] {
            let spec = MatrixSpec::new(48, 128, bits, block, zero_points).expect("a good spec");
            for tokens in 1..=17 {
                check(spec, tokens, 9, tokens % 2 == 0);
            }
        }
    }
}

/// All products of a block at their largest and of one sign: where a narrow sum would overflow.
#[test]
fn the_largest_sums_fit() {
    for (bits, top) in [(Bits::Four, 15), (Bits::Eight, 255)] {
        for block in [16, 32, 64, 128, 256] {
            for (quant, zero, x) in [(top, 0, 1.0), (top, 0, -1.0), (0, top, 1.0), (0, top, -1.0)] {
                for zero_points in [false, true] {
                    let spec = MatrixSpec::new(16, 2 * block, bits, block, zero_points);
                    let mut plain = Plain::random(spec.expect("a good spec"), 31, false);
                    plain.quants.fill(quant);
                    plain.zeros.fill(zero);
                    let packed = plain.packed();
                    let matrix = Matrix::new(plain.spec, &packed, 1.0).expect("length");
                    for tokens in [1, 2, 3, 8] {
                        let x = vec![x; tokens * 2 * block];
                        let expected = product(Isa::SCALAR, 1, &matrix, &x, Precision::Int8);
                        for isa in Isa::available() {
                            let found = product(isa, 1, &matrix, &x, Precision::Int8);
                            assert_eq!(found, expected, "{} {:?}", isa.name(), plain.spec);
                        }
                    }
                }
            }
        }
    }
}

/// Some instruction sets take numbers below 2^-126 for zero; scales are where such numbers arise.
#[test]
fn small_scales_give_the_same_bits() {
    for bits in [Bits::Four, Bits::Eight] {
        let spec = MatrixSpec::new(16, 128, bits, 32, false).expect("a good spec");
        let mut plain = Plain::random(spec, 21, false);
        for (i, scale) in plain.scales.iter_mut().enumerate() {
            // Half floats from the smallest one, 2^-24, on.
            *scale = (i as f32 - 20.0) * 2f32.powi(-24);
        }
        let packed = plain.packed();
        let matrix = Matrix::new(spec, &packed, 1.0).expect("length");
        for exponent in (0..=64).chain([80, 100, 110, 120, 126, 130, 140]) {
            // In two steps: the smallest powers are not f32's normal numbers.
            let small = |x: &f32| x * 2f32.powi(-exponent / 2) * 2f32.powi(exponent / 2 - exponent);
            let x: Vec<f32> = activations(3 * 128, 22).iter().map(small).collect();
            let expected = product(Isa::SCALAR, 1, &matrix, &x, Precision::Int8);
            for isa in Isa::available() {
                let found = product(isa, 1, &matrix, &x, Precision::Int8);
                assert_eq!(found, expected, "{} {bits:?} times 2^-{exponent}", isa.name());
            }
        }
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
    assert!(MatrixSpec::new(32, usize::MAX, Bits::Four, 32, false).is_err());
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

/// The names of what this machine has, best first.
fn names() -> Vec<&'static str> {
    Isa::available().into_iter().map(Isa::name).collect()
}

#[test]
fn every_kernel_answers_to_its_name() {
    for isa in Isa::available() {
        assert_eq!(Isa::named(isa.name()), Ok(isa));
    }
    assert_eq!(Some(&Isa::best().name()), names().first());
    let refused = Isa::named("mmx").expect_err("there is no such kernel").to_string();
    assert!(refused.contains("`mmx`") && refused.contains("scalar"), "{refused}");
}

#[cfg(target_arch = "x86_64")]
#[test]
fn what_the_processor_reports_is_what_runs() {
    macro_rules! has {
        ($($feature:tt)*) => { true $(&& is_x86_feature_detected!($feature))* };
    }
    let avx2 = has!("avx2" "fma" "f16c");
    let vnni = avx2 && has!("avx512f" "avx512vl" "avx512vnni");
    let table = [
        ("avx512vnni", vnni && has!("avx512bw" "avx512dq")),
        ("avxvnni", avx2 && has!("avxvnni")),
        ("avx512vl-vnni256", vnni),
        ("avx2", avx2),
        ("scalar", true),
    ];
    let expected: Vec<_> = table.iter().filter(|row| row.1).map(|row| row.0).collect();
    println!("this processor has {expected:?}");
    assert_eq!(names(), expected);
}

/// A word of the auxiliary vector, by which Linux tells a process what the processor has.
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
fn auxiliary(kind: usize) -> usize {
    let words = std::fs::read("/proc/self/auxv").expect("/proc is there");
    let word = |bytes: &[u8]| usize::from_ne_bytes(bytes.try_into().expect("a word"));
    let mut words = words.chunks_exact(size_of::<usize>()).map(word);
    while let (Some(found), Some(value)) = (words.next(), words.next()) {
        if found == kind {
            return value;
        }
    }
    0
}

#[cfg(target_arch = "aarch64")]
#[test]
fn what_the_system_reports_is_what_runs() {
    let dotprod = auxiliary(16) & (1 << 20) != 0;
    let i8mm = dotprod && auxiliary(26) & (1 << 13) != 0;
    let mut expected = vec!["neon", "scalar"];
    expected.splice(0..0, dotprod.then_some("neon-dotprod"));
    expected.splice(0..0, i8mm.then_some("neon-i8mm"));
    println!("this processor has {expected:?}");
    assert_eq!(names(), expected);
}

#[cfg(target_arch = "arm")]
#[test]
fn what_the_system_reports_is_what_runs() {
    let (neon, vfpv4) = (1 << 12, 1 << 16);
    let here = auxiliary(16) & (neon | vfpv4) == neon | vfpv4;
    let expected = if here { vec!["armv7-neon", "scalar"] } else { vec!["scalar"] };
    println!("this processor has {expected:?}");
    assert_eq!(names(), expected);
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
