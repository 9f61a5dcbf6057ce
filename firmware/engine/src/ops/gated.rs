//! Two products with the same input and the gate between them: `silu(gate(x)) * up(x)`.
//!
//! Not an ONNX operator: [`crate::fuse`] makes it of five. Input: activations `[.., K]` f32.
//! Output: `[.., N]` f32.

use super::matmul::Packed;
use super::{Runtime, width, with_width};
use crate::error::EngineError;
use int4_kernels::{Product, gated_matmul};
use model_pack::Pack;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

/// The operator.
#[derive(Debug, Clone)]
pub(super) struct Gated {
    k: usize,
    n: usize,
    weights: [String; 2],
    packed: Option<[Packed; 2]>,
}

impl PartialEq for Gated {
    fn eq(&self, other: &Gated) -> bool {
        self.weights == other.weights
    }
}

impl Gated {
    pub(super) fn parse(node: &NodeProto) -> TractResult<Gated> {
        let weights = [node.get_attr("gate")?, node.get_attr("up")?];
        Ok(Gated { k: node.get_attr("K")?, n: node.get_attr("N")?, weights, packed: None })
    }

    pub(super) fn bind(&mut self, node: &str, pack: &Pack) -> Result<(), EngineError> {
        let find = |name: &str| Packed::find(pack, node, name, self.n, self.k);
        self.packed = Some([find(&self.weights[0])?, find(&self.weights[1])?]);
        Ok(())
    }

    pub(super) fn facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        width(inputs[0], self.k)?;
        Ok(tvec![with_width(inputs[0], self.n)])
    }

    pub(super) fn eval(&self, rt: &Runtime, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        let [gate, up] = self.packed.as_ref().context("matrices were not bound")?;
        let mut shape: TVec<usize> = inputs[0].shape().into();
        *shape.last_mut().context("a scalar where rows were expected")? = self.n;
        let mut output = Tensor::zero::<f32>(&shape)?;
        {
            let x = inputs[0].try_as_plain_ram()?;
            let x = x.as_slice::<f32>()?;
            let mut view = output.try_as_plain_ram_mut()?;
            let out = view.as_slice_mut::<f32>()?;
            let mut gate = Product { matrix: gate.matrix()?, out };
            let (precision, scratch) = (rt.precision, &mut *rt.scratch());
            gated_matmul(rt.isa, &rt.pool, &mut gate, up.matrix()?, x, precision, scratch);
        }
        Ok(tvec![output.into_tvalue()])
    }
}
