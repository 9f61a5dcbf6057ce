//! Whole products: a packed matrix times rows of activations, over all threads.

use crate::activations::{QuantizedRows, Tile};
use crate::dispatch::{Isa, Kind};
use crate::layout::{MatrixSpec, SpecError};
use crate::limits::{PANEL_ROWS, TASK_BYTES, TASKS_PER_THREAD, TILE_TOKENS};
use crate::pool::ThreadPool;
use crate::scalar;
use crate::vector::{for_each_isa, silu_gate};
#[cfg(target_arch = "x86_64")]
use crate::x86::ymm::Ymm;

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
// SAFETY: as above; the memory outlives the call that made the pointer.
unsafe impl Send for Output {}

/// One matrix of a [`matmul`], and where its result goes.
#[derive(Debug)]
pub struct Product<'a> {
    /// The weights.
    pub matrix: Matrix<'a>,
    /// `[tokens, rows]`, row-major; every value is written.
    pub out: &'a mut [f32],
}

/// `out[t][n] = sum over k of x[t][k] * w[n][k]` for each of the matrices, which share the
/// activations `x` (`[tokens, columns]`, row-major), as the query, key and value of a layer do: they
/// are rounded once, and the threads meet once. `scratch` takes the rounded activations; keep it
/// between calls.
///
/// # Panics
/// If the lengths do not fit the matrices, or the matrices' columns or blocks differ.
pub fn matmul(
    isa: Isa,
    pool: &ThreadPool,
    products: &mut [Product<'_>],
    x: &[f32],
    precision: Precision,
    scratch: &mut QuantizedRows,
) {
    let Some(first) = products.first() else { return };
    let spec = first.matrix.spec;
    let tokens = x.len() / spec.columns();
    assert_eq!(x.len(), tokens * spec.columns(), "activations are not whole rows");
    for Product { matrix, out } in products.iter() {
        assert_eq!(out.len(), tokens * matrix.spec.rows(), "output has another shape");
        let same = (matrix.spec.columns(), matrix.spec.block()) == (spec.columns(), spec.block());
        assert!(same, "matrices have other columns or blocks");
    }
    if precision == Precision::Int8 {
        scratch.quantize(isa, pool, &spec, x);
    }
    let call = Call { isa, x, scratch, precision, tokens };
    let tasks = tasks(products, None, tokens, pool.threads());
    pool.run(tasks.len(), &|i| call.run(&tasks[i]));
}

/// `out = silu(x * gate) * (x * up)`, element by element, where both products are [`matmul`]s: the
/// feed-forward gate of Llama, without its two widest intermediate results ever being in memory.
///
/// # Panics
/// If the lengths do not fit, or the matrices differ in rows, columns or block.
pub fn gated_matmul<'a>(
    isa: Isa,
    pool: &ThreadPool,
    gate: &mut Product<'a>,
    up: Matrix<'a>,
    x: &[f32],
    precision: Precision,
    scratch: &mut QuantizedRows,
) {
    let (spec, other) = (gate.matrix.spec, up.spec);
    let shape = |spec: &MatrixSpec| (spec.rows(), spec.columns(), spec.block());
    assert_eq!(shape(&spec), shape(&other), "gate and up have other shapes");
    let tokens = x.len() / spec.columns();
    assert_eq!(x.len(), tokens * spec.columns(), "activations are not whole rows");
    assert_eq!(gate.out.len(), tokens * spec.rows(), "output has another shape");
    if precision == Precision::Int8 {
        scratch.quantize(isa, pool, &spec, x);
    }
    let call = Call { isa, x, scratch, precision, tokens };
    let tasks = tasks(std::slice::from_mut(gate), Some(up), tokens, pool.threads());
    pool.run(tasks.len(), &|i| call.run(&tasks[i]));
}

/// What all tasks of one [`matmul`] share.
struct Call<'a> {
    isa: Isa,
    x: &'a [f32],
    scratch: &'a QuantizedRows,
    precision: Precision,
    tokens: usize,
}

/// Some neighbouring panels of one matrix.
struct Task<'a> {
    matrix: Matrix<'a>,
    /// What the gate in `matrix` lets through; see [`gated_matmul`].
    up: Option<Matrix<'a>>,
    panels: std::ops::Range<usize>,
    output: Output,
}

/// Cuts the products into tasks: enough of them for balance, few enough that claiming them costs
/// nothing, and each, with many tokens, small enough to stay in the second-level cache.
fn tasks<'a>(
    products: &mut [Product<'a>],
    up: Option<Matrix<'a>>,
    tokens: usize,
    threads: usize,
) -> Vec<Task<'a>> {
    let panels: usize = products.iter().map(|p| p.matrix.spec.panels()).sum();
    let balanced = panels.div_ceil(threads * TASKS_PER_THREAD).max(1);
    let mut tasks = Vec::with_capacity(panels / balanced + products.len());
    for Product { matrix, out } in products {
        let spec = &matrix.spec;
        let cached = (TASK_BYTES / spec.panel_bytes()).max(1);
        let chunk = if tokens > TILE_TOKENS { balanced.min(cached) } else { balanced };
        let output = Output(out.as_mut_ptr());
        tasks.extend((0..spec.panels()).step_by(chunk).map(|first| Task {
            matrix: *matrix,
            up,
            panels: first..(first + chunk).min(spec.panels()),
            output,
        }));
    }
    tasks
}

impl Call<'_> {
    fn run(&self, task: &Task<'_>) {
        let spec = &task.matrix.spec;
        let tiles = self.tokens.div_ceil(TILE_TOKENS);
        if tiles == 1 {
            return self.stream(task);
        }
        // Tokens whose activations stay in the second-level cache beside the panels.
        let group = (TASK_BYTES / (TILE_TOKENS * spec.padded_columns())).max(1);
        for first in (0..tiles).step_by(group) {
            for panel in task.panels.clone() {
                for tile in first..(first + group).min(tiles) {
                    let mut values = [[0.0f32; PANEL_ROWS]; TILE_TOKENS];
                    let values = &mut values[..self.width(tile)];
                    self.product(&task.matrix, panel, tile, values);
                    if let Some(up) = &task.up {
                        let mut ups = [[0.0f32; PANEL_ROWS]; TILE_TOKENS];
                        let ups = &mut ups[..values.len()];
                        self.product(up, panel, tile, ups);
                        silu_gate(self.isa, values.as_flattened_mut(), ups.as_flattened());
                    }
                    self.write(task, panel, tile, values);
                }
            }
        }
    }

    /// All panels of a task against one tile: the weights come from memory, so each matrix is read in
    /// one go, as the processor's own prefetcher likes it.
    fn stream(&self, task: &Task<'_>) {
        let (first, width) = (task.panels.start, self.width(0));
        let mut gates = vec![[0.0f32; PANEL_ROWS]; task.panels.len() * width];
        for (panel, gates) in task.panels.clone().zip(gates.chunks_exact_mut(width)) {
            self.product(&task.matrix, panel, 0, gates);
        }
        let Some(up) = &task.up else {
            for (i, values) in gates.chunks_exact(width).enumerate() {
                self.write(task, first + i, 0, values);
            }
            return;
        };
        let mut ups = [[0.0f32; PANEL_ROWS]; TILE_TOKENS];
        let ups = &mut ups[..width];
        for (i, gates) in gates.chunks_exact_mut(width).enumerate() {
            self.product(up, first + i, 0, ups);
            silu_gate(self.isa, gates.as_flattened_mut(), ups.as_flattened());
            self.write(task, first + i, 0, gates);
        }
    }

    /// Tokens of a tile.
    fn width(&self, tile: usize) -> usize {
        TILE_TOKENS.min(self.tokens - tile * TILE_TOKENS)
    }

    /// Puts the results of one panel and tile where they belong.
    fn write(&self, task: &Task<'_>, panel: usize, tile: usize, values: &[[f32; PANEL_ROWS]]) {
        let spec = &task.matrix.spec;
        let rows = PANEL_ROWS.min(spec.rows() - panel * PANEL_ROWS);
        for (t, values) in values.iter().enumerate() {
            let at = (tile * TILE_TOKENS + t) * spec.rows() + panel * PANEL_ROWS;
            // SAFETY: these rows of this token are inside `out`, which has `tokens * rows` values
            // (`matmul` checked), and only this task has this panel.
            let out = unsafe { std::slice::from_raw_parts_mut(task.output.0.add(at), rows) };
            out.copy_from_slice(&values[..rows]);
        }
    }

    /// One panel of a matrix against one tile of tokens.
    fn product(
        &self,
        matrix: &Matrix<'_>,
        panel: usize,
        tile: usize,
        values: &mut [[f32; PANEL_ROWS]],
    ) {
        let (spec, data) = (&matrix.spec, matrix.panel(panel));
        match self.precision {
            Precision::Int8 => panel_int8(self.isa, spec, data, &self.scratch.tile(tile), values),
            Precision::F32 => {
                let first = tile * TILE_TOKENS;
                let tokens = first..first + values.len();
                panel_f32(self.isa, spec, data, self.x, tokens, values);
            }
        }
        for value in values.as_flattened_mut() {
            *value *= matrix.scale;
        }
    }
}

/// One panel against one tile, without the matrix's `scale`; the same bits as
/// [`scalar::panel_int8`].
fn panel_int8(
    isa: Isa,
    spec: &MatrixSpec,
    panel: &[u8],
    x: &Tile<'_>,
    out: &mut [[f32; PANEL_ROWS]],
) {
    match isa.0 {
        Kind::Scalar => scalar::panel_int8(spec, panel, x, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512Vnni(isa) => isa.panel_int8(spec, panel, x, out),
        #[cfg(target_arch = "x86_64")]
        Kind::AvxVnni(isa) => isa.panel_int8(spec, panel, x, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512VlVnni256(isa) => isa.panel_int8(spec, panel, x, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(isa) => isa.panel_int8(spec, panel, x, out),
        #[cfg(target_arch = "aarch64")]
        Kind::NeonI8mm(isa) => isa.panel_int8(spec, panel, x, out),
        #[cfg(target_arch = "aarch64")]
        Kind::NeonDotprod(isa) => isa.panel_int8(spec, panel, x, out),
        #[cfg(target_arch = "aarch64")]
        Kind::Neon(isa) => isa.panel_int8(spec, panel, x, out),
        #[cfg(target_arch = "arm")]
        Kind::ArmNeon(isa) => isa.panel_int8(spec, panel, x, out),
    }
}

for_each_isa! {
    fn panel_f32(
        spec: &MatrixSpec,
        panel: &[u8],
        x: &[f32],
        tokens: std::ops::Range<usize>,
        out: &mut [[f32; PANEL_ROWS]]
    ) = scalar::panel_f32
}
