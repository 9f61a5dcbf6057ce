//! Matrices of floats on their way to 8 bits.

use half::f16;
use int4_kernels::layout::QuantSource;
use int4_kernels::limits::PANEL_ROWS;
use int4_kernels::{Bits, MatrixSpec};
use model_pack::{TensorKind, TensorSink};

use crate::error::{FETCH, ImportError};
use crate::limits::ENCODER_BLOCK;
use crate::matrix::scale_for;
use crate::safetensors::{Floats, Tensors};

/// Largest magnitude of a quant; its zero is at 128.
const LARGEST: f32 = 127.0;

/// Matrices of the source, one below the other, all of the same width.
#[derive(Debug)]
pub(super) struct Rounded(pub(super) Vec<Floats>);

/// How the manifest describes a rounded matrix.
pub(super) fn kind(spec: &MatrixSpec, scale: f32) -> TensorKind {
    TensorKind::Matrix {
        // `MatrixSpec` keeps dimensions far below 2^32.
        rows: spec.rows() as u32,
        columns: spec.columns() as u32,
        bits: spec.bits().count(),
        block: spec.block() as u32,
        zero_points: false,
        scale,
    }
}

impl Rounded {
    pub(super) fn spec(&self) -> Result<MatrixSpec, ImportError> {
        let rows = self.0.iter().map(|part| part.rows).sum();
        let columns = self.0.first().map_or(0, |part| part.columns);
        MatrixSpec::new(rows, columns, Bits::Eight, ENCODER_BLOCK, false).map_err(|e| {
            ImportError::Graph {
                file: super::CONFIG.into(),
                reason: format!("asks for a matrix that is not run: {e}"),
                next: FETCH.into(),
            }
        })
    }

    /// The power of two that all block scales are divided by.
    ///
    /// # Errors
    ///
    /// When the source cannot be read or has a value that is not finite.
    pub(super) fn common_scale(&self, tensors: &mut Tensors) -> Result<f32, ImportError> {
        let mut largest = 0f32;
        for part in &self.0 {
            let mut row = vec![0.0; part.columns];
            for r in 0..part.rows {
                tensors.row(part, r, &mut row)?;
                largest = row.iter().fold(largest, |most, x| most.max(x.abs()));
            }
        }
        Ok(scale_for(largest / LARGEST))
    }

    /// Rounds, packs and writes one panel at a time.
    ///
    /// # Errors
    ///
    /// When the source cannot be read or the disk refuses.
    pub(super) fn write(
        &self,
        spec: &MatrixSpec,
        common: f32,
        tensors: &mut Tensors,
        sink: &mut TensorSink<'_>,
    ) -> Result<(), ImportError> {
        let mut rows = self.0.iter().flat_map(|part| (0..part.rows).map(move |row| (part, row)));
        let mut packed = vec![0; spec.panel_bytes()];
        let mut values = vec![0.0; spec.columns()];
        let mut panel = Panel {
            first: 0,
            columns: spec.columns(),
            quants: vec![0; PANEL_ROWS * spec.columns()],
            scales: vec![0.0; PANEL_ROWS * spec.blocks()],
        };
        for index in 0..spec.panels() {
            panel.first = index * PANEL_ROWS;
            for r in 0..PANEL_ROWS {
                let Some((part, row)) = rows.next() else { break };
                tensors.row(part, row, &mut values)?;
                panel.round(r, &values, common);
            }
            spec.pack_panel(index, &panel, &mut packed);
            sink.put(&packed)?;
        }
        Ok(())
    }
}

/// Sixteen rounded rows.
struct Panel {
    /// Index of the first row.
    first: usize,
    columns: usize,
    /// `[16, columns]`.
    quants: Vec<u8>,
    /// `[16, blocks]`, divided by the common scale and exact in f16.
    scales: Vec<f32>,
}

impl Panel {
    /// Rounds a row: the largest magnitude of a block becomes 127 or -127.
    fn round(&mut self, r: usize, values: &[f32], common: f32) {
        let blocks = self.scales.len() / PANEL_ROWS;
        let quants = self.quants[r * self.columns..][..self.columns].chunks_mut(ENCODER_BLOCK);
        let scales = &mut self.scales[r * blocks..][..blocks];
        for ((values, quants), scale) in values.chunks(ENCODER_BLOCK).zip(quants).zip(scales) {
            let largest = values.iter().fold(0f32, |most, x| most.max(x.abs()));
            // The scale as it will be read, so that quants make up for its rounding.
            *scale = f16::from_f32(largest / LARGEST / common).to_f32();
            let step = *scale * common;
            for (quant, x) in quants.iter_mut().zip(values) {
                let q = if step > 0.0 { (x / step).round().clamp(-LARGEST, LARGEST) } else { 0.0 };
                // 1 to 255.
                *quant = (q + 128.0) as u8;
            }
        }
    }
}

impl QuantSource for Panel {
    fn quant(&self, row: usize, column: usize) -> u8 {
        self.quants[(row - self.first) * self.columns + column]
    }

    fn scale(&self, row: usize, block: usize) -> f32 {
        self.scales[(row - self.first) * (self.scales.len() / PANEL_ROWS) + block]
    }

    fn zero_point(&self, _row: usize, _block: usize) -> u8 {
        Bits::Eight.default_zero()
    }
}
