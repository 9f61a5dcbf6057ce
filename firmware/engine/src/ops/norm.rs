//! `SimplifiedLayerNormalization` (RMS norm) and `com.microsoft::SkipSimplifiedLayerNormalization`.

use super::{Runtime, float};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

/// Inputs: `x` `[.., hidden]`, gain `[hidden]`. Output: like `x`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RmsNorm {
    epsilon: f32,
}

impl RmsNorm {
    pub(super) fn parse(node: &NodeProto) -> TractResult<RmsNorm> {
        ensure!(node.get_attr_opt::<i64>("axis")?.unwrap_or(-1) == -1, "axis must be the last");
        ensure!(node.output.iter().filter(|o| !o.is_empty()).count() == 1, "one output expected");
        Ok(RmsNorm { epsilon: epsilon(node)? })
    }

    pub(super) fn facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        same_width(inputs[0], inputs.get(1))?;
        Ok(tvec![inputs[0].without_value()])
    }

    pub(super) fn eval(&self, rt: &Runtime, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        Ok(tvec![normalised(rt, &inputs[0], &inputs[1], self.epsilon)?])
    }
}

/// Inputs: `x`, `skip` `[.., hidden]`, gain `[hidden]`, optionally bias `[hidden]`. Outputs, as far
/// as the graph uses them: the norm of `x + skip + bias`, and that sum.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SkipRmsNorm {
    epsilon: f32,
    with_sum: bool,
}

impl SkipRmsNorm {
    pub(super) fn parse(node: &NodeProto) -> TractResult<SkipRmsNorm> {
        let used = |i: usize| node.output.get(i).is_some_and(|name| !name.is_empty());
        ensure!(used(0) && !used(1) && !used(2), "mean and inverse deviation are not computed");
        Ok(SkipRmsNorm { epsilon: epsilon(node)?, with_sum: used(3) })
    }

    pub(super) fn outputs(&self) -> usize {
        1 + usize::from(self.with_sum)
    }

    pub(super) fn facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        same_width(inputs[0], inputs.get(2))?;
        float(inputs[1])?;
        ensure!(inputs[0].shape == inputs[1].shape, "x and skip differ in shape");
        Ok((0..self.outputs()).map(|_| inputs[0].without_value()).collect())
    }

    pub(super) fn eval(&self, rt: &Runtime, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        let mut sum = inputs[0].clone().into_tensor();
        {
            let mut view = sum.try_as_plain_ram_mut()?;
            let sum = view.as_slice_mut::<f32>()?;
            let skip = inputs[1].try_as_plain_ram()?;
            let skip = skip.as_slice::<f32>()?;
            let add = |skip: &[f32], sum: &mut [f32]| {
                int4_kernels::vector::add(rt.isa, skip, sum);
            };
            rt.by_rows(*inputs[0].shape().last().context("a scalar")?, skip, sum, &add);
            if let Some(bias) = inputs.get(3) {
                let bias = bias.try_as_plain_ram()?;
                let bias = bias.as_slice::<f32>()?;
                for row in sum.chunks_exact_mut(bias.len()) {
                    int4_kernels::vector::add(rt.isa, bias, row);
                }
            }
        }
        let sum = sum.into_tvalue();
        let normal = normalised(rt, &sum, &inputs[2], self.epsilon)?;
        Ok(if self.with_sum { tvec![normal, sum] } else { tvec![normal] })
    }
}

fn epsilon(node: &NodeProto) -> TractResult<f32> {
    let epsilon = node.get_attr_opt::<f32>("epsilon")?.unwrap_or(1e-5);
    ensure!(epsilon >= 0.0 && epsilon.is_finite(), "epsilon is {epsilon}");
    Ok(epsilon)
}

fn same_width(x: &TypedFact, gain: Option<&&TypedFact>) -> TractResult<()> {
    let gain = gain.context("no gain")?;
    float(x)?;
    float(gain)?;
    ensure!(
        gain.rank() == 1 && gain.shape.last() == x.shape.last(),
        "gain of {:?} does not fit rows of {:?}",
        gain.shape,
        x.shape
    );
    Ok(())
}

fn normalised(rt: &Runtime, x: &TValue, gain: &TValue, epsilon: f32) -> TractResult<TValue> {
    let mut output = Tensor::zero::<f32>(x.shape())?;
    {
        let mut view = output.try_as_plain_ram_mut()?;
        let (x, gain) = (x.try_as_plain_ram()?, gain.try_as_plain_ram()?);
        let (x, gain) = (x.as_slice::<f32>()?, gain.as_slice::<f32>()?);
        let out = view.as_slice_mut::<f32>()?;
        let norm = |x: &[f32], out: &mut [f32]| {
            int4_kernels::vector::rms_norm(rt.isa, x, gain, epsilon, out);
        };
        rt.by_rows(gain.len(), x, out, &norm);
    }
    Ok(output.into_tvalue())
}
