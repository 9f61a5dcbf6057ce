//! Activations as 8-bit integers, one scale for each weight block.

use crate::dispatch::Isa;
use crate::layout::MatrixSpec;
use crate::limits::{BLOCK_MAX, TILE_TOKENS};
use crate::pool::ThreadPool;
use crate::vector::{LANES, for_each_isa};

/// Bytes of one token that lie together: the columns of one 32-bit multiply-add lane.
const LANE_COLUMNS: usize = 4;

/// `[tokens, padded_columns]` activations quantised symmetrically: `a = scale * q`, q in
/// -127..=127, one scale for each token and block. This is what onnxruntime's `MatMulNBits` does
/// at accuracy level 4.
///
/// # Layout
///
/// Tokens lie in [tiles](Tile) of [`TILE_TOKENS`] = 8, the last one narrower. Inside a tile, four
/// columns of the first token are followed by the same four of the next one: a kernel walks one
/// pointer for all tokens of the tile, and where an instruction multiplies by a lane (NEON's dot
/// products) one load serves four tokens. A tile of one token is the row as it was.
#[derive(Debug, Default)]
pub struct QuantizedRows {
    tokens: usize,
    padded_columns: usize,
    blocks: usize,
    quants: Vec<i8>,
    scales: Vec<f32>,
    starts: Vec<i32>,
}

/// Up to [`TILE_TOKENS`] tokens that one pass over a panel serves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tile<'a> {
    /// Tokens, 1 to 8.
    pub(crate) width: usize,
    /// `[padded_columns / 4, width, 4]`.
    pub(crate) quants: &'a [i8],
    /// `[blocks, width]`.
    pub(crate) scales: &'a [f32],
    /// `[blocks, width]`: -8 times the sum of the block's quants, which pays for the zero point of
    /// 4-bit weights; 8-bit ones without zero points need 16 times as much.
    pub(crate) starts: &'a [i32],
}

impl Tile<'_> {
    /// What every kernel that walks these slices by pointers stands on.
    ///
    /// # Panics
    /// If a panel of `spec`, this tile and its results do not fit each other.
    pub(crate) fn assert_fits(
        &self,
        spec: &MatrixSpec,
        panel: &[u8],
        out: &[[f32; crate::limits::PANEL_ROWS]],
    ) {
        assert_eq!(panel.len(), spec.panel_bytes(), "panel");
        assert_eq!(self.quants.len(), spec.padded_columns() * self.width, "activations");
        assert_eq!(self.scales.len(), spec.blocks() * self.width, "activations' scales");
        assert_eq!(self.starts.len(), self.scales.len(), "activations' sums");
        assert_eq!(self.width, out.len(), "output");
        assert!((1..=TILE_TOKENS).contains(&self.width), "a tile of {} tokens", self.width);
    }
}

/// What [`fill`] writes.
struct TileMut<'a> {
    quants: &'a mut [i8],
    scales: &'a mut [f32],
    starts: &'a mut [i32],
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
    pub fn quantize(&mut self, isa: Isa, pool: &ThreadPool, spec: &MatrixSpec, x: &[f32]) {
        assert_eq!(x.len() % spec.columns(), 0, "activations are not whole rows");
        self.tokens = x.len() / spec.columns();
        self.padded_columns = spec.padded_columns();
        self.blocks = spec.blocks();
        self.quants.resize(self.tokens * self.padded_columns, 0);
        self.scales.resize(self.tokens * self.blocks, 0.0);
        self.starts.resize(self.tokens * self.blocks, 0);
        let tiles = self.quants.chunks_mut(TILE_TOKENS * self.padded_columns);
        let tiles = tiles.zip(self.scales.chunks_mut(TILE_TOKENS * self.blocks));
        let tiles = tiles.zip(self.starts.chunks_mut(TILE_TOKENS * self.blocks));
        let tiles = tiles.map(|((quants, scales), starts)| TileMut { quants, scales, starts });
        let rows = x.chunks(TILE_TOKENS * spec.columns());
        if self.tokens <= TILE_TOKENS {
            for (mut tile, x) in tiles.zip(rows) {
                fill(isa, &mut tile, spec, x);
            }
            return;
        }
        let mut work: Vec<_> = tiles.zip(rows).collect();
        pool.for_each_mut(&mut work, &|(tile, x)| fill(isa, tile, spec, x));
    }

    /// True if these rows fit the columns and block of `spec`.
    pub fn fits(&self, spec: &MatrixSpec) -> bool {
        self.padded_columns == spec.padded_columns() && self.blocks == spec.blocks()
    }

    /// The tile whose first token is `index * TILE_TOKENS`.
    pub(crate) fn tile(&self, index: usize) -> Tile<'_> {
        let first = index * TILE_TOKENS;
        let end = (first + TILE_TOKENS).min(self.tokens);
        Tile {
            width: end - first,
            quants: &self.quants[first * self.padded_columns..end * self.padded_columns],
            scales: &self.scales[first * self.blocks..end * self.blocks],
            starts: &self.starts[first * self.blocks..end * self.blocks],
        }
    }
}

for_each_isa! {
    /// Quantises the rows of one tile.
    fn fill(tile: &mut TileMut<'_>, spec: &MatrixSpec, x: &[f32]) = fill_text
}

#[inline(always)]
fn fill_text(tile: &mut TileMut<'_>, spec: &MatrixSpec, x: &[f32]) {
    let width = x.len() / spec.columns();
    let (mut values, mut quants) = ([0.0; BLOCK_MAX], [0i8; BLOCK_MAX]);
    let (values, quants) = (&mut values[..spec.block()], &mut quants[..spec.block()]);
    let lane_row = width * LANE_COLUMNS;
    for (t, row) in x.chunks_exact(spec.columns()).enumerate() {
        for (b, block) in row.chunks(spec.block()).enumerate() {
            values[..block.len()].copy_from_slice(block);
            values[block.len()..].fill(0.0);
            let out = &mut tile.quants[b * spec.block() * width..][..spec.block() * width];
            // One token lies in its tile as it does in a row.
            let to = if width == 1 { &mut *out } else { &mut *quants };
            let (scale, sum) = quantize_block(values, to);
            tile.scales[b * width + t] = scale;
            tile.starts[b * width + t] = -8 * sum;
            if width > 1 {
                let lanes = quants.as_chunks::<LANE_COLUMNS>().0;
                for (lanes, out) in lanes.iter().zip(out.chunks_exact_mut(lane_row)) {
                    out[t * LANE_COLUMNS..(t + 1) * LANE_COLUMNS].copy_from_slice(lanes);
                }
            }
        }
    }
}

/// Writes the quants of one block, a multiple of 16 long, and gives its scale and the sum of its
/// quants. Comparisons and sums run in 16 lanes, so that they become vectors.
#[inline(always)]
fn quantize_block(block: &[f32], quants: &mut [i8]) -> (f32, i32) {
    let mut lanes = [0.0f32; LANES];
    for values in block.as_chunks::<LANES>().0 {
        for (largest, v) in lanes.iter_mut().zip(values) {
            *largest = if v.abs() > *largest { v.abs() } else { *largest };
        }
    }
    let largest = lanes.iter().fold(0.0f32, |m, v| if *v > m { *v } else { m });
    if largest == 0.0 || !largest.is_finite() {
        quants.fill(0);
        return (0.0, 0);
    }
    let inverse = 127.0 / largest;
    let mut sums = [0i32; LANES];
    let out = quants.as_chunks_mut::<LANES>().0;
    for (values, out) in block.as_chunks::<LANES>().0.iter().zip(out) {
        for l in 0..LANES {
            let v = if values[l].is_nan() { 0.0 } else { values[l] };
            // Adding 1.5 * 2^23 rounds to the nearest even integer, on every machine, and leaves it in
            // the lowest byte.
            out[l] = (v * inverse + 12_582_912.0).to_bits() as i8;
            sums[l] += i32::from(out[l]);
        }
    }
    (largest / 127.0, sums.iter().sum())
}
