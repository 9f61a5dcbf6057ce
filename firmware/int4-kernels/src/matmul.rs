//! Whole products: a packed matrix times rows of activations, over all threads.

use crate::activations::QuantizedRows;
use crate::dispatch::{Isa, Kind};
use crate::layout::{MatrixSpec, SpecError};
use crate::limits::{PANEL_ROWS, TILE_TOKENS};
use crate::pool::ThreadPool;
use crate::scalar;
use crate::vector::for_each_isa;

/// A packed matrix, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    spec: MatrixSpec,
    data: &'a [u8],
    scale: f32,
}

/// How activations enter a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// Rounded to 8 bits, block by block.
    #[default]
    Int8,
    /// As they are; slow, for comparing.
    F32,
}

impl<'a> Matrix<'a> {
    /// `data` in the [layout](crate::layout) of `spec`; every weight is times `scale`.
    ///
    /// # Errors
    /// [`SpecError::Length`] if `data` has another length.
    pub fn new(spec: MatrixSpec, data: &'a [u8], scale: f32) -> Result<Matrix<'a>, SpecError> {
        if data.len() != spec.packed_bytes() {
            let (expected, found) = (spec.packed_bytes(), data.len());
            return Err(SpecError::Length { expected, found });
        }
        Ok(Matrix { spec, data, scale })
    }

    /// The shape.
    pub fn spec(&self) -> &MatrixSpec {
        &self.spec
    }

    fn panel(&self, panel: usize) -> &'a [u8] {
        &self.data[panel * self.spec.panel_bytes()..(panel + 1) * self.spec.panel_bytes()]
    }

    /// Writes one row of weights (an embedding) as f32 into `out`, `columns` long.
    ///
    /// # Panics
    /// If `row >= rows` or `out` has another length.
    pub fn dequantize_row(&self, row: usize, out: &mut [f32]) {
        assert!(row < self.spec.rows() && out.len() == self.spec.columns());
        let mut quants = [0u8; crate::limits::BLOCK_MAX];
        let quants = &mut quants[..self.spec.block()];
        let blocks = self.panel(row / PANEL_ROWS).chunks_exact(self.spec.block_bytes());
        for (block, out) in blocks.zip(out.chunks_mut(self.spec.block())) {
            let r = row % PANEL_ROWS;
            self.spec.row_quants(block, r, quants);
            let scale = self.spec.row_scale(block, r) * self.scale;
            let zero = f32::from(self.spec.row_zero(block, r));
            for (out, q) in out.iter_mut().zip(quants.iter()) {
                *out = (f32::from(*q) - zero) * scale;
            }
        }
    }
}

/// A pointer that threads write disjoint places through.
#[derive(Clone, Copy)]
struct Output(*mut f32);
// SAFETY: each task writes the columns of its own panels only.
unsafe impl Sync for Output {}

/// `out[t][n] = sum over k of x[t][k] * w[n][k]`: `x` is `[tokens, columns]`, `out` `[tokens,
/// rows]`, both row-major. `scratch` takes the rounded activations; keep it between calls.
///
/// # Panics
/// If the lengths do not fit the matrix.
pub fn matmul(
    isa: Isa,
    pool: &ThreadPool,
    matrix: &Matrix<'_>,
    x: &[f32],
    precision: Precision,
    scratch: &mut QuantizedRows,
    out: &mut [f32],
) {
    let spec = *matrix.spec();
    let tokens = x.len() / spec.columns();
    assert_eq!(x.len(), tokens * spec.columns(), "activations are not whole rows");
    assert_eq!(out.len(), tokens * spec.rows(), "output has another shape");
    if precision == Precision::Int8 {
        scratch.quantize(isa, &spec, x);
    }
    let scratch = &*scratch;
    let output = &Output(out.as_mut_ptr());
    // Chunks of panels: enough for balance, few enough that claiming them costs nothing.
    let chunk = spec.panels().div_ceil(pool.threads() * 8).max(1);
    let body = |task: usize| {
        let mut tile = [[0.0f32; PANEL_ROWS]; TILE_TOKENS];
        for panel in task * chunk..((task + 1) * chunk).min(spec.panels()) {
            let rows = PANEL_ROWS.min(spec.rows() - panel * PANEL_ROWS);
            for first in (0..tokens).step_by(TILE_TOKENS) {
                let range = first..(first + TILE_TOKENS).min(tokens);
                let tile = &mut tile[..range.len()];
                match precision {
                    Precision::Int8 => panel_int8(isa, matrix, panel, scratch, &range, tile),
                    Precision::F32 => panel_f32(isa, matrix, panel, x, &range, tile),
                }
                for (t, values) in range.zip(tile.iter()) {
                    for (r, value) in values[..rows].iter().enumerate() {
                        let at = t * spec.rows() + panel * PANEL_ROWS + r;
                        // SAFETY: `at` is inside `out`, and only this task has this panel.
                        unsafe { output.0.add(at).write(value * matrix.scale) }
                    }
                }
            }
        }
    };
    pool.run(spec.panels().div_ceil(chunk), &body);
}

fn panel_int8(
    isa: Isa,
    matrix: &Matrix<'_>,
    panel: usize,
    x: &QuantizedRows,
    tokens: &std::ops::Range<usize>,
    out: &mut [[f32; PANEL_ROWS]],
) {
    let (spec, panel) = (&matrix.spec, matrix.panel(panel));
    match isa.0 {
        Kind::Scalar => scalar::panel_int8(spec, panel, x, tokens.clone(), out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512Vnni(isa) => isa.panel_int8(spec, panel, x, tokens.clone(), out),
    }
}

fn panel_f32(
    isa: Isa,
    matrix: &Matrix<'_>,
    panel: usize,
    x: &[f32],
    tokens: &std::ops::Range<usize>,
    out: &mut [[f32; PANEL_ROWS]],
) {
    scalar_f32(isa, &matrix.spec, matrix.panel(panel), x, tokens.clone(), out);
}

for_each_isa! {
    fn scalar_f32(
        spec: &MatrixSpec,
        panel: &[u8],
        x: &[f32],
        tokens: std::ops::Range<usize>,
        out: &mut [[f32; PANEL_ROWS]]
    ) = scalar::panel_f32
}
