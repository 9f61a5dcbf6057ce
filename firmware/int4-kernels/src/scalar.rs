//! The specification: plain loops, one output at a time. Every other kernel is tested against it.

use crate::activations::Tile;
use crate::layout::MatrixSpec;
use crate::limits::{BLOCK_MAX, PANEL_ROWS};
use crate::vector::dot;

/// One panel times the int8 activations of a tile: `out[t][r]` for 16 rows `r`, without the matrix's
/// `scale`.
///
/// For each row: `acc = fma(dot, weight_scale * activation_scale, acc)` over the blocks in order,
/// with `dot` the exact integer sum of `(q - zero_point) * a`.
pub(crate) fn panel_int8(
    spec: &MatrixSpec,
    panel: &[u8],
    x: &Tile<'_>,
    out: &mut [[f32; PANEL_ROWS]],
) {
    let mut quants = [0u8; BLOCK_MAX];
    let quants = &mut quants[..spec.block()];
    for row in out.iter_mut() {
        row.fill(0.0);
    }
    for (b, block) in panel.chunks_exact(spec.block_bytes()).enumerate() {
        for r in 0..PANEL_ROWS {
            spec.row_quants(block, r, quants);
            let scale = spec.row_scale(block, r);
            let zero = i32::from(spec.row_zero(block, r));
            for (t, out) in out.iter_mut().enumerate() {
                let mut dot = zero * (x.starts[b * x.width + t] / 8);
                for (i, q) in quants.iter().enumerate() {
                    let lane = (b * spec.block() + i) / 4;
                    let a = x.quants[(lane * x.width + t) * 4 + i % 4];
                    dot += i32::from(*q) * i32::from(a);
                }
                out[r] = (dot as f32).mul_add(scale * x.scales[b * x.width + t], out[r]);
            }
        }
    }
}

/// One panel times f32 activations (`[tokens, columns]`): the same product without rounding the
/// activations. Sums a block first, then scales it, as onnxruntime's accuracy level 0 may.
#[inline(always)]
pub(crate) fn panel_f32(
    spec: &MatrixSpec,
    panel: &[u8],
    x: &[f32],
    tokens: std::ops::Range<usize>,
    out: &mut [[f32; PANEL_ROWS]],
) {
    let mut quants = [0u8; BLOCK_MAX];
    let quants = &mut quants[..spec.block()];
    let mut weights = [0.0f32; BLOCK_MAX];
    for row in out.iter_mut() {
        row.fill(0.0);
    }
    for (b, block) in panel.chunks_exact(spec.block_bytes()).enumerate() {
        let columns = b * spec.block()..spec.columns().min((b + 1) * spec.block());
        for r in 0..PANEL_ROWS {
            spec.row_quants(block, r, quants);
            let scale = spec.row_scale(block, r);
            let zero = f32::from(spec.row_zero(block, r));
            for (w, q) in weights.iter_mut().zip(quants.iter()) {
                *w = f32::from(*q) - zero;
            }
            for (t, out) in tokens.clone().zip(out.iter_mut()) {
                let row = &x[t * spec.columns()..(t + 1) * spec.columns()][columns.clone()];
                out[r] += dot(row, &weights[..row.len()]) * scale;
            }
        }
    }
}
