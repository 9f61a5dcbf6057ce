//! What only encoders have: `baraza::TextAttention`, `baraza::SumLayerNormalization`,
//! `baraza::ErfGelu`.

use super::{Runtime, float, width, with_width};
use int4_kernels::attention::{TextShape, attend_texts};
use std::ops::Range;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

/// Inputs: `qkv` `[1, T, 3 * heads * head size]`, `places` `[T, 2]`: (text, position). Output:
/// `[1, T, heads * head size]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TextAttention {
    heads: usize,
    scale: f32,
}

impl TextAttention {
    pub(super) fn parse(node: &NodeProto) -> TractResult<TextAttention> {
        let heads: usize = node.get_attr("num_heads")?;
        let scale: f32 = node.get_attr("scale")?;
        ensure!(heads > 0 && scale.is_finite(), "{heads} heads, scale {scale}");
        Ok(TextAttention { heads, scale })
    }

    /// The shape, where rows have so many values.
    fn shape(&self, row: usize) -> TractResult<TextShape> {
        let parts = 3 * self.heads;
        ensure!(
            row > 0 && row.is_multiple_of(parts * 16),
            "rows of {row} for {} heads",
            self.heads
        );
        Ok(TextShape { heads: self.heads, head_dim: row / parts, scale: self.scale })
    }

    pub(super) fn facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(inputs.len() == 2, "query, key and value in one, and places expected");
        float(inputs[0])?;
        let row =
            inputs[0].shape.last().context("a scalar where rows were expected")?.to_usize()?;
        Ok(tvec![with_width(inputs[0], self.shape(row)?.width())])
    }

    pub(super) fn eval(&self, rt: &Runtime, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        let mut shape: TVec<usize> = inputs[0].shape().into();
        let row = shape.last_mut().context("a scalar where rows were expected")?;
        let text = self.shape(*row)?;
        *row = text.width();
        let mut output = Tensor::zero::<f32>(&shape)?;
        {
            let qkv = inputs[0].try_as_plain_ram()?;
            let qkv = qkv.as_slice::<f32>()?;
            let places = inputs[1].try_as_plain_ram()?;
            let texts = texts(places.as_slice::<i64>()?);
            let mut view = output.try_as_plain_ram_mut()?;
            let out = view.as_slice_mut::<f32>()?;
            let last = texts.last().map_or(0, |text| text.end);
            ensure!(last * text.width() == out.len(), "places of {last} tokens");
            attend_texts(rt.isa, &rt.pool, &text, qkv, &texts, out);
        }
        Ok(tvec![output.into_tvalue()])
    }
}

/// Runs of tokens that have the same text in `places`.
fn texts(places: &[i64]) -> Vec<Range<usize>> {
    let mut texts: Vec<Range<usize>> = vec![];
    let mut before = None;
    for (token, place) in places.chunks_exact(2).enumerate() {
        match texts.last_mut() {
            Some(text) if before == Some(place[0]) => text.end = token + 1,
            _ => texts.push(token..token + 1),
        }
        before = Some(place[0]);
    }
    texts
}

/// Inputs: two of `[.., hidden]`, gain and bias `[hidden]`, optionally a third summand `[hidden]`.
/// Output: the layer norm of the sum, `[.., hidden]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SumLayerNorm {
    epsilon: f32,
}

impl SumLayerNorm {
    pub(super) fn parse(node: &NodeProto) -> TractResult<SumLayerNorm> {
        let epsilon: f32 = node.get_attr("epsilon")?;
        ensure!(epsilon >= 0.0 && epsilon.is_finite(), "epsilon is {epsilon}");
        Ok(SumLayerNorm { epsilon })
    }

    pub(super) fn facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!((4..=5).contains(&inputs.len()), "{} inputs where 4 or 5 fit", inputs.len());
        let hidden = inputs[2].shape.volume().to_usize()?;
        width(inputs[0], hidden)?;
        float(inputs[1])?;
        ensure!(inputs[0].shape == inputs[1].shape, "summands differ in shape");
        for vector in &inputs[2..] {
            width(vector, hidden)?;
            ensure!(vector.rank() == 1, "{:?} where {hidden} values fit", vector.shape);
        }
        Ok(tvec![inputs[0].without_value()])
    }

    pub(super) fn eval(&self, rt: &Runtime, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut output = Tensor::zero::<f32>(inputs[0].shape())?;
        {
            let views: TractResult<Vec<_>> = inputs.iter().map(|i| i.try_as_plain_ram()).collect();
            let views = views?;
            let slices: TractResult<Vec<&[f32]>> = views.iter().map(|v| v.as_slice()).collect();
            let slices = slices?;
            let (gain, bias) = (slices[2], slices[3]);
            let hidden = gain.len();
            let mut sum = slices[0].to_vec();
            let add = |x: &[f32], sum: &mut [f32]| {
                int4_kernels::vector::add(rt.isa, x, sum);
                if let Some(third) = slices.get(4) {
                    for row in sum.chunks_exact_mut(hidden) {
                        int4_kernels::vector::add(rt.isa, third, row);
                    }
                }
            };
            rt.by_rows(hidden, slices[1], &mut sum, &add);
            let mut view = output.try_as_plain_ram_mut()?;
            let norm = |x: &[f32], out: &mut [f32]| {
                int4_kernels::vector::layer_norm(rt.isa, x, gain, bias, self.epsilon, out);
            };
            rt.by_rows(hidden, &sum, view.as_slice_mut::<f32>()?, &norm);
        }
        Ok(tvec![output.into_tvalue()])
    }
}

/// Input and output: `[.., n]`; ONNX `Gelu` without approximation.
pub(super) fn gelu(rt: &Runtime, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
    let mut x = inputs.into_iter().next().context("no input")?.into_tensor();
    let row = x.shape().last().copied().context("a scalar where rows were expected")?.max(1);
    {
        let mut view = x.try_as_plain_ram_mut()?;
        let mut rows: Vec<&mut [f32]> = view.as_slice_mut::<f32>()?.chunks_mut(row).collect();
        rt.pool.for_each_mut(&mut rows, &|row| int4_kernels::vector::gelu(rt.isa, row));
    }
    Ok(tvec![x.into_tvalue()])
}
