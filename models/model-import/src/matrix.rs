//! Quantised matrices: how onnxruntime stores them, and their way into the packed layout.

use bytes::Bytes;
use half::f16;
use int4_kernels::layout::QuantSource;
use int4_kernels::{Bits, MatrixSpec, SpecError};
use model_pack::{PackError, TensorKind, TensorSink};

/// The largest block scale is brought to 512..=1024 in f16, so that scales down to a 2^-24th of
/// it keep all 11 bits.
const LARGEST_SCALE_LOG2: i32 = 10;

/// Smallest exponent of a normal f32.
const EXPONENT_MIN: i32 = -126;

/// 4- or 8-bit values in onnxruntime's order, row by row.
#[derive(Debug, Clone)]
pub(crate) struct Quants {
    /// The values; 4-bit ones two to a byte, the first in the low nibble.
    pub(crate) data: Bytes,
    /// From one row to the next, values.
    pub(crate) stride: usize,
    /// Width of a value.
    pub(crate) bits: Bits,
    /// True for two's complement; it is stored unsigned, with zero at 8 or 128.
    pub(crate) signed: bool,
}

impl Quants {
    /// Bytes that `rows` rows take.
    pub(crate) fn bytes(&self, rows: usize) -> Option<usize> {
        let values = rows.checked_mul(self.stride)?;
        Some(match self.bits {
            Bits::Four => values.div_ceil(2),
            Bits::Eight => values,
        })
    }

    #[inline]
    fn get(&self, row: usize, column: usize) -> u8 {
        let index = row * self.stride + column;
        // The data's length was checked against rows and stride.
        match self.bits {
            Bits::Four => {
                let nibble = (self.data[index / 2] >> (4 * (index % 2))) & 15;
                if self.signed { nibble ^ 8 } else { nibble }
            }
            Bits::Eight if self.signed => self.data[index] ^ 128,
            Bits::Eight => self.data[index],
        }
    }
}

/// The zero points of a matrix.
#[derive(Debug, Clone)]
pub(crate) enum Zeros {
    /// All are 8 or 128.
    Default,
    /// All are this value.
    All(u8),
    /// One for each row and block.
    Each(Quants),
    /// One for each row and block, as floats that must be whole numbers in range.
    Floats(Floats),
}

/// Row-major floats.
#[derive(Debug, Clone)]
pub(crate) struct Floats {
    /// Little-endian.
    pub(crate) data: Bytes,
    /// True for f16, else f32.
    pub(crate) half: bool,
}

impl Floats {
    /// The element at `index`, which must be inside.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> f32 {
        if self.half {
            f16::from_le_bytes([self.data[2 * index], self.data[2 * index + 1]]).to_f32()
        } else {
            let at = 4 * index;
            let d = &self.data;
            f32::from_le_bytes([d[at], d[at + 1], d[at + 2], d[at + 3]])
        }
    }
}

/// A quantised matrix over the mapped source, checked.
#[derive(Debug)]
pub(crate) struct Matrix {
    spec: MatrixSpec,
    quants: Quants,
    scales: Floats,
    zeros: Zeros,
    /// Power of two that all scales are divided by.
    scale: f32,
}

/// Why a matrix cannot be packed; the sentence continues "tensor NAME ...".
#[derive(Debug)]
pub(crate) struct Unfit(pub(crate) String);

impl From<SpecError> for Unfit {
    fn from(error: SpecError) -> Self {
        Self(error.to_string())
    }
}

/// What a node says about its matrix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) bits: Bits,
    pub(crate) block: usize,
}

impl Shape {
    /// Blocks in a row.
    pub(crate) fn blocks(&self) -> usize {
        self.columns.div_ceil(self.block)
    }
}

impl Matrix {
    /// Checks lengths, scales and zero points.
    ///
    /// # Errors
    ///
    /// When the shape is out of range, data and shape disagree, a scale is not finite, or a
    /// float zero point is not a whole number in range.
    pub(crate) fn new(
        shape: Shape,
        quants: Quants,
        scales: Floats,
        zeros: Zeros,
    ) -> Result<Self, Unfit> {
        let Shape { rows, columns, bits, block } = shape;
        let spec = MatrixSpec::new(rows, columns, bits, block, false)?;
        let blocks = shape.blocks();
        let disagree = |what: &str, found: usize, needed: Option<usize>| {
            let needed = needed.map_or("more than can be".into(), |n| n.to_string());
            Err(Unfit(format!(
                "has {found} bytes of {what}, but {rows} rows (N) of {columns} columns (K) in \
                 blocks of {block} at {} bits need {needed}",
                bits.count()
            )))
        };
        if quants.bytes(rows) != Some(quants.data.len()) {
            return disagree("quants", quants.data.len(), quants.bytes(rows));
        }
        let width = |half: bool| if half { 2 } else { 4 };
        let needed = rows.checked_mul(blocks).and_then(|n| n.checked_mul(width(scales.half)));
        if needed != Some(scales.data.len()) {
            return disagree("scales", scales.data.len(), needed);
        }
        let (found, needed) = match &zeros {
            Zeros::Default | Zeros::All(_) => (0, Some(0)),
            Zeros::Each(zeros) => (zeros.data.len(), zeros.bytes(rows)),
            Zeros::Floats(zeros) => (
                zeros.data.len(),
                rows.checked_mul(blocks).and_then(|n| n.checked_mul(width(zeros.half))),
            ),
        };
        if needed != Some(found) {
            return disagree("zero points", found, needed);
        }
        let scale = common_scale(&scales, rows * blocks)?;
        let mut matrix = Self { spec, quants, scales, zeros, scale };
        matrix.check_float_zeros()?;
        if !matrix.zeros_are_default() {
            matrix.spec = MatrixSpec::new(rows, columns, bits, block, true)?;
        }
        Ok(matrix)
    }

    fn check_float_zeros(&self) -> Result<(), Unfit> {
        let Zeros::Floats(zeros) = &self.zeros else { return Ok(()) };
        let max = (1u32 << self.spec.bits().count()) as f32 - 1.0;
        for index in 0..self.spec.rows() * self.spec.blocks() {
            let zero = zeros.get(index);
            if zero.fract() != 0.0 || !(0.0..=max).contains(&zero) {
                return Err(Unfit(format!(
                    "has the float zero point {zero}, and only whole numbers from 0 to {max} \
                     are run"
                )));
            }
        }
        Ok(())
    }

    /// True where no zero point differs from the default, so that none need be stored.
    fn zeros_are_default(&self) -> bool {
        let default = self.spec.bits().default_zero();
        match self.zeros {
            Zeros::Default => true,
            Zeros::All(zero) => zero == default,
            _ => (0..self.spec.rows())
                .all(|row| (0..self.spec.blocks()).all(|b| self.zero_point(row, b) == default)),
        }
    }

    /// How the manifest describes the packed matrix.
    pub(crate) fn kind(&self) -> TensorKind {
        TensorKind::Matrix {
            // `MatrixSpec` keeps dimensions far below 2^32.
            rows: self.spec.rows() as u32,
            columns: self.spec.columns() as u32,
            bits: self.spec.bits().count(),
            block: self.spec.block() as u32,
            zero_points: self.spec.zero_points(),
            scale: self.scale,
        }
    }

    /// Packs and writes one panel at a time.
    pub(crate) fn write(&self, sink: &mut TensorSink<'_>) -> Result<(), PackError> {
        let mut panel = vec![0; self.spec.panel_bytes()];
        for index in 0..self.spec.panels() {
            self.spec.pack_panel(index, self, &mut panel);
            sink.put(&panel)?;
        }
        Ok(())
    }
}

impl QuantSource for Matrix {
    #[inline]
    fn quant(&self, row: usize, column: usize) -> u8 {
        self.quants.get(row, column)
    }

    fn scale(&self, row: usize, block: usize) -> f32 {
        self.scales.get(row * self.spec.blocks() + block) / self.scale
    }

    fn zero_point(&self, row: usize, block: usize) -> u8 {
        match &self.zeros {
            Zeros::Default => self.spec.bits().default_zero(),
            Zeros::All(zero) => *zero,
            Zeros::Each(zeros) => zeros.get(row, block),
            Zeros::Floats(zeros) => zeros.get(row * self.spec.blocks() + block) as u8,
        }
    }
}

/// The power of two that brings the largest magnitude of `count` scales to 512..=1024; 1 where
/// all are zero.
fn common_scale(scales: &Floats, count: usize) -> Result<f32, Unfit> {
    let mut largest = 0f32;
    for index in 0..count {
        let scale = scales.get(index);
        if !scale.is_finite() {
            return Err(Unfit(format!("has a block scale of {scale}")));
        }
        largest = largest.max(scale.abs());
    }
    Ok(scale_for(largest))
}

/// The power of two that brings a largest block scale, finite and not negative, to 512..=1024; 1
/// for zero.
pub(crate) fn scale_for(largest: f32) -> f32 {
    if largest == 0.0 {
        return 1.0;
    }
    let exponent = largest.log2().ceil() as i32 - LARGEST_SCALE_LOG2;
    2f32.powi(exponent.max(EXPONENT_MIN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn floats(values: &[f32]) -> Floats {
        Floats { data: values.iter().flat_map(|x| x.to_le_bytes()).collect(), half: false }
    }

    fn quants(data: Vec<u8>, stride: usize, bits: Bits) -> Quants {
        Quants { data: data.into(), stride, bits, signed: false }
    }

    const SHAPE: Shape = Shape { rows: 3, columns: 40, bits: Bits::Four, block: 16 };

    fn sample(zeros: Zeros) -> Result<Matrix, Unfit> {
        // 3 blocks of 16 a row: 24 bytes, of which the last 4 are padding.
        let data: Vec<u8> = (0..72).map(|i| (i * 37 % 251) as u8).collect();
        let scales: Vec<f32> = (0..9).map(|i| (i as f32 - 4.0) * 0.01).collect();
        Matrix::new(SHAPE, quants(data, 48, Bits::Four), floats(&scales), zeros)
    }

    #[test]
    fn quants_are_read_low_nibble_first_row_by_row() {
        let matrix = sample(Zeros::Default).expect("fits");
        assert_eq!(matrix.quant(0, 0), 0);
        assert_eq!(matrix.quant(0, 2), 37 & 15);
        assert_eq!(matrix.quant(0, 3), 37 >> 4);
        assert_eq!(matrix.quant(1, 1), (24 * 37 % 251) as u8 >> 4);
        let signed = Quants { signed: true, ..matrix.quants.clone() };
        assert_eq!(signed.get(0, 0), 8);
    }

    #[test]
    fn zero_points_that_say_nothing_are_dropped() {
        let each = |data: Vec<u8>| Zeros::Each(quants(data, 4, Bits::Four));
        // Three blocks a row: the second byte's high nibble is padding.
        let matrix = sample(each([0x88, 0x08].repeat(3))).expect("fits");
        assert!(!matrix.spec.zero_points());
        let matrix = sample(each(vec![0x88, 8, 0x88, 8, 0x98, 8])).expect("fits");
        assert!(matrix.spec.zero_points());
        assert_eq!([matrix.zero_point(2, 0), matrix.zero_point(2, 1)], [8, 9]);
        assert!(!sample(Zeros::Floats(floats(&[8.0; 9]))).expect("fits").spec.zero_points());
        assert!(sample(Zeros::All(0)).expect("fits").spec.zero_points());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let say = |result: Result<Matrix, Unfit>| result.expect_err("refused").0;
        let short = quants(vec![0; 71], 48, Bits::Four);
        let text = say(Matrix::new(SHAPE, short, floats(&[1.0; 9]), Zeros::Default));
        assert!(text.contains("71 bytes of quants") && text.contains("need 72"), "{text}");
        let good = quants(vec![0; 72], 48, Bits::Four);
        let text = say(Matrix::new(SHAPE, good.clone(), floats(&[1.0; 8]), Zeros::Default));
        assert!(text.contains("32 bytes of scales"), "{text}");
        let mut bad = [1.0; 9];
        bad[5] = f32::NAN;
        let text = say(Matrix::new(SHAPE, good, floats(&bad), Zeros::Default));
        assert!(text.contains("block scale of NaN"), "{text}");
        for zero in [7.5, -1.0, 16.0, f32::NAN, f32::INFINITY] {
            let text = say(sample(Zeros::Floats(floats(&[zero; 9]))));
            assert!(text.contains("float zero point"), "{text}");
        }
        let text = say(sample(Zeros::Each(quants(vec![0; 5], 4, Bits::Four))));
        assert!(text.contains("5 bytes of zero points"), "{text}");
    }

    proptest! {
        #[test]
        fn scales_land_where_f16_is_exact_enough(
            scales in prop::collection::vec(-1e30f32..1e30, 9),
            shift in -60i32..60,
        ) {
            let scales: Vec<f32> = scales.iter().map(|s| s * 2f32.powi(shift)).collect();
            prop_assume!(scales.iter().all(|s| s.is_finite()));
            let matrix = Matrix::new(
                SHAPE, quants(vec![0; 72], 48, Bits::Four), floats(&scales), Zeros::Default,
            ).expect("fits");
            let largest = scales.iter().fold(0f32, |a, s| a.max(s.abs()));
            for (index, &scale) in scales.iter().enumerate() {
                let stored = f16::from_f32(matrix.scale(index / 3, index % 3)).to_f32();
                prop_assert!(stored.abs() <= 1024.0);
                if scale.abs() > largest * 2f32.powi(-22) {
                    let back = stored * matrix.scale;
                    prop_assert!((back - scale).abs() <= scale.abs() * 2f32.powi(-11));
                }
            }
        }
    }
}
