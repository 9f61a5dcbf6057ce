//! Activations as 8-bit integers, one scale for each weight block.

use crate::dispatch::Isa;
use crate::layout::MatrixSpec;
use crate::vector::for_each_isa;

/// `[tokens, padded_columns]` activations quantised symmetrically: `a = scale * q`, q in
/// -127..=127, one scale for each token and block. This is what onnxruntime's `MatMulNBits` does
/// at accuracy level 4.
#[derive(Debug, Default)]
pub struct QuantizedRows {
    pub(crate) tokens: usize,
    pub(crate) padded_columns: usize,
    pub(crate) blocks: usize,
    /// `[tokens, padded_columns]`.
    pub(crate) quants: Vec<i8>,
    /// `[tokens, blocks]`.
    pub(crate) scales: Vec<f32>,
    /// `[tokens, blocks]`: the sum of the block's quants, which pays for the weights' zero points.
    pub(crate) sums: Vec<i32>,
}

impl QuantizedRows {
    /// An empty buffer; it grows on first use and is kept.
    pub fn new() -> QuantizedRows {
        QuantizedRows::default()
    }

    /// Quantises `x` (`[tokens, columns]`, row-major) for products with matrices of this spec's
    /// columns and block. Infinite and NaN activations become zero.
    ///
    /// # Panics
    /// If `x` is not a whole number of rows.
    pub fn quantize(&mut self, isa: Isa, spec: &MatrixSpec, x: &[f32]) {
        assert_eq!(x.len() % spec.columns(), 0, "activations are not whole rows");
        self.tokens = x.len() / spec.columns();
        self.padded_columns = spec.padded_columns();
        self.blocks = spec.blocks();
        self.quants.clear();
        self.quants.resize(self.tokens * self.padded_columns, 0);
        self.scales.resize(self.tokens * self.blocks, 0.0);
        self.sums.resize(self.tokens * self.blocks, 0);
        fill(isa, self, spec, x);
    }

    /// True if these rows fit the columns and block of `spec`.
    pub fn fits(&self, spec: &MatrixSpec) -> bool {
        self.padded_columns == spec.padded_columns() && self.blocks == spec.blocks()
    }
}

for_each_isa! {
    fn fill(rows: &mut QuantizedRows, spec: &MatrixSpec, x: &[f32]) = fill_text
}

#[inline(always)]
fn fill_text(rows: &mut QuantizedRows, spec: &MatrixSpec, x: &[f32]) {
    let tokens = x.chunks_exact(spec.columns());
    for (t, (row, quants)) in
        tokens.zip(rows.quants.chunks_exact_mut(rows.padded_columns)).enumerate()
    {
        let blocks = row.chunks(spec.block()).zip(quants.chunks_exact_mut(spec.block()));
        for (b, (block, quants)) in blocks.enumerate() {
            let (scale, sum) = quantize_block(block, quants);
            rows.scales[t * rows.blocks + b] = scale;
            rows.sums[t * rows.blocks + b] = sum;
        }
    }
}

/// Writes the quants of one block and gives its scale and the sum of its quants.
#[inline(always)]
fn quantize_block(block: &[f32], quants: &mut [i8]) -> (f32, i32) {
    let largest = block.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    if largest == 0.0 || !largest.is_finite() {
        quants.fill(0);
        return (0.0, 0);
    }
    let inverse = 127.0 / largest;
    let mut sum = 0;
    for (v, q) in block.iter().zip(quants.iter_mut()) {
        // Adding and taking away 1.5 * 2^23 rounds to the nearest even integer, on every machine.
        let rounded = (v * inverse + 12_582_912.0) - 12_582_912.0;
        *q = rounded as i32 as i8;
        sum += i32::from(*q);
    }
    (largest / 127.0, sum)
}
