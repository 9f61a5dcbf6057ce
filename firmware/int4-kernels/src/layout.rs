//! The one packed weight layout.
//!
//! A matrix is cut into *panels* of [`PANEL_ROWS`] = 16 rows; the last one is padded with rows of
//! scale zero. A panel is a sequence of *blocks*, in column order; each block is
//!
//! | bytes | what |
//! |---|---|
//! | 32 | 16 scales, f16 little endian, one a row; the weight's scale is this times the matrix's `scale` |
//! | 16, only with zero points | 16 zero points, u8, one a row |
//! | `8 * block` (4 bits) or `16 * block` (8 bits) | the quants |
//!
//! 4-bit quants come in groups of 8 columns and 64 bytes: byte `4 * row + c` (row 0..16, c 0..4)
//! holds column `8 * group + c` in its low nibble and column `8 * group + 4 + c` in its high
//! nibble. 8-bit quants come in groups of 4 columns and 64 bytes: byte `4 * row + c` holds column
//! `4 * group + c`. Quants are unsigned; without zero points the zero is 8 or 128.
//!
//! Columns are padded to whole blocks; padded columns meet activations of zero.

use crate::limits::{BLOCK_MAX, BLOCK_MIN, DIMENSION_MAX, PANEL_ROWS};
use half::f16;

/// Bytes of the 16 f16 scales at the head of a block.
pub(crate) const SCALE_BYTES: usize = 2 * PANEL_ROWS;
/// Bytes of one group of quants: 16 rows of 4 bytes.
pub(crate) const GROUP_BYTES: usize = 4 * PANEL_ROWS;
const _: () = assert!(GROUP_BYTES == 64 && SCALE_BYTES == 32);

/// Width of a quantised weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bits {
    /// 0 to 15, two to a byte.
    Four,
    /// 0 to 255.
    Eight,
}

impl Bits {
    /// The value that stands for zero where a matrix has no zero points: 8 or 128.
    pub const fn default_zero(self) -> u8 {
        match self {
            Bits::Four => 8,
            Bits::Eight => 128,
        }
    }

    /// 4 or 8.
    pub const fn count(self) -> u32 {
        match self {
            Bits::Four => 4,
            Bits::Eight => 8,
        }
    }
}

/// Shape and quantisation of one packed matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MatrixSpec {
    rows: usize,
    columns: usize,
    bits: Bits,
    block: usize,
    zero_points: bool,
}

/// Why a [`MatrixSpec`] or a packed buffer was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpecError {
    /// Rows or columns are zero or beyond [`DIMENSION_MAX`], or too many for this machine's memory.
    Dimension {
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        columns: usize,
    },
    /// The block is not a power of two from 16 to 256.
    Block(usize),
    /// A packed buffer has another length than the spec asks for.
    Length {
        /// Bytes the spec asks for.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
}

impl std::fmt::Display for SpecError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SpecError::Dimension { rows, columns } => {
                write!(
                    f,
                    "a matrix of {rows} x {columns} is empty or too large: at most {DIMENSION_MAX} \
                     each way, and no more than memory"
                )
            }
            SpecError::Block(block) => write!(
                f,
                "block size {block} is not a power of two from {BLOCK_MIN} to {BLOCK_MAX}"
            ),
            SpecError::Length { expected, found } => {
                write!(f, "packed matrix has {found} bytes where {expected} are needed")
            }
        }
    }
}

impl std::error::Error for SpecError {}

/// Where [`MatrixSpec::pack_panel`] reads a matrix from. Only called inside the matrix: `row <
/// rows`, `column < columns`, `block < blocks`.
pub trait QuantSource {
    /// The unsigned quant at a place, 0..16 or 0..256.
    fn quant(&self, row: usize, column: usize) -> u8;
    /// The scale of a block of a row, already divided by the matrix's `scale`.
    fn scale(&self, row: usize, block: usize) -> f32;
    /// The zero point of a block of a row; not called unless the spec has zero points.
    fn zero_point(&self, row: usize, block: usize) -> u8;
}

impl MatrixSpec {
    /// Checks a shape. `rows` and `columns` count weights, `block` columns.
    ///
    /// # Errors
    /// [`SpecError::Dimension`] or [`SpecError::Block`].
    pub fn new(
        rows: usize,
        columns: usize,
        bits: Bits,
        block: usize,
        zero_points: bool,
    ) -> Result<MatrixSpec, SpecError> {
        let sane = |n: usize| (1..=DIMENSION_MAX).contains(&n);
        if !sane(rows) || !sane(columns) {
            return Err(SpecError::Dimension { rows, columns });
        }
        if !block.is_power_of_two() || !(BLOCK_MIN..=BLOCK_MAX).contains(&block) {
            return Err(SpecError::Block(block));
        }
        let spec = MatrixSpec { rows, columns, bits, block, zero_points };
        // A panel fits 32 bits; a whole matrix may not.
        if spec.panels() as u64 * spec.panel_bytes() as u64 > isize::MAX as u64 {
            return Err(SpecError::Dimension { rows, columns });
        }
        Ok(spec)
    }

    /// Outputs of the product (ONNX `N`).
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs of the product (ONNX `K`).
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// Width of a weight.
    pub const fn bits(&self) -> Bits {
        self.bits
    }

    /// Columns that share a scale.
    pub const fn block(&self) -> usize {
        self.block
    }

    /// True if each block of a row has its own zero point.
    pub const fn zero_points(&self) -> bool {
        self.zero_points
    }

    /// Blocks in a row, the last one padded.
    pub const fn blocks(&self) -> usize {
        self.columns.div_ceil(self.block)
    }

    /// Columns with padding.
    pub const fn padded_columns(&self) -> usize {
        self.blocks() * self.block
    }

    /// Panels of 16 rows, the last one padded.
    pub const fn panels(&self) -> usize {
        self.rows.div_ceil(PANEL_ROWS)
    }

    /// Bytes before the quants of a block.
    pub(crate) const fn header_bytes(&self) -> usize {
        SCALE_BYTES + if self.zero_points { PANEL_ROWS } else { 0 }
    }

    /// Columns in one 64-byte group of quants: 8 or 4.
    pub(crate) const fn group_columns(&self) -> usize {
        match self.bits {
            Bits::Four => 8,
            Bits::Eight => 4,
        }
    }

    /// Bytes of one block of a panel.
    pub const fn block_bytes(&self) -> usize {
        self.header_bytes() + self.block / self.group_columns() * GROUP_BYTES
    }

    /// Bytes of one panel.
    pub const fn panel_bytes(&self) -> usize {
        self.blocks() * self.block_bytes()
    }

    /// Bytes of the whole packed matrix.
    pub const fn packed_bytes(&self) -> usize {
        self.panels() * self.panel_bytes()
    }

    /// Writes one panel.
    ///
    /// # Panics
    /// If `panel >= panels()` or `out.len() != panel_bytes()`.
    pub fn pack_panel(&self, panel: usize, source: &impl QuantSource, out: &mut [u8]) {
        assert!(panel < self.panels(), "panel {panel} of {}", self.panels());
        assert_eq!(out.len(), self.panel_bytes(), "panel buffer");
        out.fill(0);
        for (block, out) in out.chunks_exact_mut(self.block_bytes()).enumerate() {
            let rows = PANEL_ROWS.min(self.rows - panel * PANEL_ROWS);
            for r in 0..rows {
                self.pack_row(panel * PANEL_ROWS + r, r, block, source, out);
            }
        }
    }

    fn pack_row(
        &self,
        row: usize,
        r: usize,
        block: usize,
        source: &impl QuantSource,
        out: &mut [u8],
    ) {
        let scale = f16::from_f32(source.scale(row, block));
        out[2 * r..2 * r + 2].copy_from_slice(&scale.to_le_bytes());
        if self.zero_points {
            out[SCALE_BYTES + r] = source.zero_point(row, block);
        }
        let quants = &mut out[self.header_bytes()..];
        for i in 0..self.block.min(self.columns - block * self.block) {
            let quant = source.quant(row, block * self.block + i);
            match self.bits {
                Bits::Four => {
                    quants[i / 8 * GROUP_BYTES + 4 * r + i % 4] |=
                        (quant & 15) << if i % 8 < 4 { 0 } else { 4 };
                }
                Bits::Eight => quants[i / 4 * GROUP_BYTES + 4 * r + i % 4] = quant,
            }
        }
    }

    /// The quants of one row of one block of a panel, in column order. `block_data` is the
    /// block's bytes, `out` takes [`MatrixSpec::block`] values.
    pub(crate) fn row_quants(&self, block_data: &[u8], r: usize, out: &mut [u8]) {
        let quants = &block_data[self.header_bytes()..];
        match self.bits {
            Bits::Four => {
                for (group, out) in quants.chunks_exact(GROUP_BYTES).zip(out.chunks_exact_mut(8)) {
                    for c in 0..4 {
                        out[c] = group[4 * r + c] & 15;
                        out[4 + c] = group[4 * r + c] >> 4;
                    }
                }
            }
            Bits::Eight => {
                for (group, out) in quants.chunks_exact(GROUP_BYTES).zip(out.chunks_exact_mut(4)) {
                    out.copy_from_slice(&group[4 * r..4 * r + 4]);
                }
            }
        }
    }

    /// The scale of one row of one block, without the matrix's `scale`.
    pub(crate) fn row_scale(&self, block_data: &[u8], r: usize) -> f32 {
        f16::from_le_bytes([block_data[2 * r], block_data[2 * r + 1]]).to_f32()
    }

    /// The zero point of one row of one block.
    pub(crate) fn row_zero(&self, block_data: &[u8], r: usize) -> u8 {
        if self.zero_points { block_data[SCALE_BYTES + r] } else { self.bits.default_zero() }
    }
}
