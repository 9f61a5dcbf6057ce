//! `com.microsoft::MatMulNBits`, with its matrix in the pack.
//!
//! Inputs: activations `[.., K]` f32 and, optionally, a bias `[N]` f32. Output: `[.., N]` f32.

use super::{Runtime, float, weight, width, with_width, wrong_weight};
use crate::error::EngineError;
use int4_kernels::{Bits, Matrix, MatrixSpec, Product, matmul};
use model_pack::{Pack, PackBytes, TensorKind};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

/// A matrix of the pack, mapped.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    pub(super) spec: MatrixSpec,
    bytes: PackBytes,
    scale: f32,
}

impl Packed {
    /// Looks up a matrix of `rows` x `columns`.
    pub(super) fn find(
        pack: &Pack,
        node: &str,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Packed, EngineError> {
        let (kind, bytes) = weight(pack, node, name)?;
        let TensorKind::Matrix { rows: n, columns: k, bits, block, zero_points, scale } = kind
        else {
            return Err(wrong_weight(node, name, "is not a quantised matrix"));
        };
        let (n, k, block) = (n as usize, k as usize, block as usize);
        if (n, k) != (rows, columns) {
            let reason =
                format!("has {n} x {k} weights where the graph expects {rows} x {columns}");
            return Err(wrong_weight(node, name, reason));
        }
        let bits = if bits == 4 { Bits::Four } else { Bits::Eight };
        let packed = MatrixSpec::new(n, k, bits, block, zero_points)
            .and_then(|spec| Matrix::new(spec, &bytes, scale).map(|_| spec));
        let spec = packed.map_err(|e| wrong_weight(node, name, e))?;
        Ok(Packed { spec, bytes, scale })
    }

    pub(super) fn matrix(&self) -> TractResult<Matrix<'_>> {
        Ok(Matrix::new(self.spec, &self.bytes, self.scale)?)
    }
}

/// The operator.
#[derive(Debug, Clone)]
pub(super) struct MatMul {
    k: usize,
    n: usize,
    weight: String,
    packed: Option<Packed>,
}

impl PartialEq for MatMul {
    fn eq(&self, other: &MatMul) -> bool {
        self.weight == other.weight
    }
}

impl MatMul {
    pub(super) fn parse(node: &NodeProto) -> TractResult<MatMul> {
        ensure!(
            (1..=2).contains(&node.input.len()),
            "MatMulNBits has {} inputs where activations and at most a bias are expected",
            node.input.len()
        );
        let weight = node.get_attr::<String>("weight")?;
        Ok(MatMul { k: node.get_attr("K")?, n: node.get_attr("N")?, weight, packed: None })
    }

    pub(super) fn bind(&mut self, node: &str, pack: &Pack) -> Result<(), EngineError> {
        self.packed = Some(Packed::find(pack, node, &self.weight, self.n, self.k)?);
        Ok(())
    }

    pub(super) fn facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        width(inputs[0], self.k)?;
        if let Some(bias) = inputs.get(1) {
            float(bias)?;
            ensure!(bias.shape.volume() == self.n.to_dim(), "bias is not {} values", self.n);
        }
        Ok(tvec![with_width(inputs[0], self.n)])
    }

    pub(super) fn eval(&self, rt: &Runtime, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        let packed = self.packed.as_ref().context("matrix was not bound")?;
        let mut shape: TVec<usize> = inputs[0].shape().into();
        *shape.last_mut().context("a scalar where rows were expected")? = self.n;
        let mut output = Tensor::zero::<f32>(&shape)?;
        {
            let x = inputs[0].try_as_plain_ram()?;
            let x = x.as_slice::<f32>()?;
            let mut view = output.try_as_plain_ram_mut()?;
            let out = view.as_slice_mut::<f32>()?;
            let scratch = &mut *rt.scratch();
            let mut product = [Product { matrix: packed.matrix()?, out: &mut *out }];
            matmul(rt.isa, &rt.pool, &mut product, x, rt.precision, scratch);
            if let Some(bias) = inputs.get(1) {
                let bias = bias.try_as_plain_ram()?;
                for row in out.chunks_exact_mut(self.n) {
                    int4_kernels::vector::add(rt.isa, bias.as_slice::<f32>()?, row);
                }
            }
        }
        Ok(tvec![output.into_tvalue()])
    }
}
