//! Token embeddings: rows of a quantised matrix (`com.microsoft::GatherBlockQuantized`, often the
//! vocabulary matrix itself) or of a float table (`baraza::GatherRows`).
//!
//! Input: token ids `[1, T]` int64. Output: `[1, T, K]` f32.

use super::matmul::Packed;
use super::{weight, wrong_weight};
use crate::error::EngineError;
use half::f16;
use model_pack::{Pack, PackBytes, TensorKind};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

#[derive(Debug, Clone)]
enum Table {
    Packed(Packed),
    F32(PackBytes),
    F16(PackBytes),
}

/// The operator.
#[derive(Debug, Clone)]
pub(super) struct Embedding {
    rows: usize,
    columns: usize,
    weight: String,
    table: Option<Table>,
}

impl PartialEq for Embedding {
    fn eq(&self, other: &Embedding) -> bool {
        self.weight == other.weight
    }
}

impl Embedding {
    pub(super) fn parse(node: &NodeProto) -> TractResult<Embedding> {
        let weight = node.get_attr::<String>("weight")?;
        let (rows, columns) = (node.get_attr("N")?, node.get_attr("K")?);
        Ok(Embedding { rows, columns, weight, table: None })
    }

    pub(super) fn bind(&mut self, node: &str, pack: &Pack) -> Result<(), EngineError> {
        let (kind, bytes) = weight(pack, node, &self.weight)?;
        let expected = [self.rows as u64, self.columns as u64];
        self.table = Some(match kind {
            TensorKind::F32 { shape } if shape == expected => Table::F32(bytes),
            TensorKind::F16 { shape } if shape == expected => Table::F16(bytes),
            TensorKind::Matrix { .. } => {
                Table::Packed(Packed::find(pack, node, &self.weight, self.rows, self.columns)?)
            }
            _ => return Err(wrong_weight(node, &self.weight, "is not an embedding table")),
        });
        Ok(())
    }

    pub(super) fn facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let ids = inputs[0];
        ensure!(ids.datum_type == i64::datum_type(), "token ids are {:?}", ids.datum_type);
        let mut shape: TVec<TDim> = ids.shape.iter().cloned().collect();
        shape.push(self.columns.to_dim());
        Ok(tvec![f32::fact(shape)])
    }

    pub(super) fn eval(&self, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        let table = self.table.as_ref().context("table was not bound")?;
        let mut shape: TVec<usize> = inputs[0].shape().into();
        shape.push(self.columns);
        let mut output = Tensor::zero::<f32>(&shape)?;
        {
            let ids = inputs[0].try_as_plain_ram()?;
            let mut view = output.try_as_plain_ram_mut()?;
            let rows = view.as_slice_mut::<f32>()?.chunks_exact_mut(self.columns);
            for (id, out) in ids.as_slice::<i64>()?.iter().zip(rows) {
                let row = usize::try_from(*id).ok().filter(|row| *row < self.rows);
                let row = row.with_context(|| format!("no token {id} in the vocabulary"))?;
                self.row(table, row, out)?;
            }
        }
        Ok(tvec![output.into_tvalue()])
    }

    fn row(&self, table: &Table, row: usize, out: &mut [f32]) -> TractResult<()> {
        let k = self.columns;
        match table {
            Table::Packed(packed) => packed.matrix()?.dequantize_row(row, out),
            Table::F32(bytes) => {
                let bytes = &bytes[row * k * 4..(row + 1) * k * 4];
                for (out, b) in out.iter_mut().zip(bytes.chunks_exact(4)) {
                    *out = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
                }
            }
            Table::F16(bytes) => {
                let bytes = &bytes[row * k * 2..(row + 1) * k * 2];
                for (out, b) in out.iter_mut().zip(bytes.chunks_exact(2)) {
                    *out = f16::from_le_bytes([b[0], b[1]]).to_f32();
                }
            }
        }
        Ok(())
    }
}
