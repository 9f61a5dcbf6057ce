//! Our operators inside tract's graph.
//!
//! tract's op builders are plain functions that see one ONNX node. They make a [`Node`] from the
//! attributes; once the graph is parsed, [`Node::bind`] gives it its weights and the [`Runtime`].

mod attention;
mod embedding;
mod encoder;
mod gated;
mod matmul;
mod norm;
pub(crate) mod rotary;
mod sigmoid;

use crate::error::EngineError;
use crate::fuse;
use crate::runtime::{Runtime, RuntimeRef};
use model_pack::{Pack, PackBytes, TensorKind};
use std::sync::Arc;
use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::{InferenceFact, InferenceModel, InferenceNode, InferenceOp};
use tract_onnx::tract_hir::internal::*;

/// Adds our builders, in place of tract's where it has its own.
pub(crate) fn register(ops: &mut OnnxOpRegister) {
    ops.insert("MatMulNBits", |_, node| build(matmul::MatMul::parse(node).map(Kind::MatMul)));
    for name in ["GatherBlockQuantized", "GatherRows"] {
        ops.insert(name, |_, node| build(embedding::Embedding::parse(node).map(Kind::Embedding)));
    }
    ops.insert(fuse::GATED, |_, node| build(gated::Gated::parse(node).map(Kind::Gated)));
    ops.insert("GroupQueryAttention", |_, node| {
        build(attention::Attention::parse(node).map(Kind::Attention))
    });
    ops.insert("RotaryEmbedding", |_, node| build(rotary::Rotary::parse(node).map(Kind::Rotary)));
    ops.insert("SimplifiedLayerNormalization", |_, node| {
        build(norm::RmsNorm::parse(node).map(Kind::RmsNorm))
    });
    ops.insert("SkipSimplifiedLayerNormalization", |_, node| {
        build(norm::SkipRmsNorm::parse(node).map(Kind::SkipRmsNorm))
    });
    ops.insert("TextAttention", |_, node| {
        build(encoder::TextAttention::parse(node).map(Kind::TextAttention))
    });
    ops.insert("SumLayerNormalization", |_, node| {
        build(encoder::SumLayerNorm::parse(node).map(Kind::SumLayerNorm))
    });
    ops.insert("ErfGelu", |_: &ParsingContext, _: &NodeProto| build(Ok(Kind::Gelu)));
    ops.insert("Sigmoid", |_: &ParsingContext, _: &NodeProto| build(Ok(Kind::Sigmoid)));
}

fn build(kind: TractResult<Kind>) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    Ok((Box::new(Node { kind: kind?, runtime: None }), vec![]))
}

/// What a node does.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    MatMul(matmul::MatMul),
    Gated(gated::Gated),
    Embedding(embedding::Embedding),
    Attention(attention::Attention),
    Rotary(rotary::Rotary),
    RmsNorm(norm::RmsNorm),
    SkipRmsNorm(norm::SkipRmsNorm),
    TextAttention(encoder::TextAttention),
    SumLayerNorm(encoder::SumLayerNorm),
    Gelu,
    Sigmoid,
}

/// One of our operators, for all three of tract's views of an operator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    kind: Kind,
    runtime: Option<RuntimeRef>,
}

// Float attributes are never NaN: they come from a checked parse.
impl Eq for Node {}

impl Node {
    /// Looks up the node's weights. `name` is the ONNX node's, for messages.
    pub(crate) fn bind(
        &mut self,
        name: &str,
        pack: &Pack,
        runtime: &Arc<Runtime>,
    ) -> Result<(), EngineError> {
        match &mut self.kind {
            Kind::MatMul(op) => op.bind(name, pack)?,
            Kind::Gated(op) => op.bind(name, pack)?,
            Kind::Embedding(op) => op.bind(name, pack)?,
            Kind::Attention(op) => op.bind(name, pack, runtime)?,
            Kind::Rotary(op) => op.bind(name, pack, runtime)?,
            Kind::RmsNorm(_) | Kind::SkipRmsNorm(_) | Kind::Sigmoid => {}
            Kind::TextAttention(_) | Kind::SumLayerNorm(_) | Kind::Gelu => {}
        }
        self.runtime = Some(RuntimeRef(Arc::clone(runtime)));
        Ok(())
    }

    fn facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        match &self.kind {
            Kind::MatMul(op) => op.facts(inputs),
            Kind::Gated(op) => op.facts(inputs),
            Kind::Embedding(op) => op.facts(inputs),
            Kind::Attention(op) => op.facts(inputs),
            Kind::RmsNorm(op) => op.facts(inputs),
            Kind::SkipRmsNorm(op) => op.facts(inputs),
            Kind::TextAttention(op) => op.facts(inputs),
            Kind::SumLayerNorm(op) => op.facts(inputs),
            Kind::Rotary(_) | Kind::Sigmoid | Kind::Gelu => {
                float(inputs[0])?;
                Ok(tvec![inputs[0].without_value()])
            }
        }
    }

    fn outputs(&self) -> usize {
        if let Kind::SkipRmsNorm(op) = &self.kind { op.outputs() } else { 1 }
    }
}

impl Op for Node {
    fn name(&self) -> StaticName {
        match &self.kind {
            Kind::MatMul(_) => "PackedMatMul",
            Kind::Gated(_) => "GatedMatMul",
            Kind::Embedding(_) => "PackedEmbedding",
            Kind::Attention(_) => "RaggedAttention",
            Kind::Rotary(_) => "RaggedRotary",
            Kind::RmsNorm(_) => "RmsNorm",
            Kind::SkipRmsNorm(_) => "SkipRmsNorm",
            Kind::TextAttention(_) => "TextAttention",
            Kind::SumLayerNorm(_) => "SumLayerNorm",
            Kind::Gelu => "ErfGelu",
            Kind::Sigmoid => "Sigmoid",
        }
        .into()
    }

    op_as_typed_op!();
}

impl EvalOp for Node {
    not_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let runtime = &self.runtime.as_ref().context("operator was not bound")?.0;
        match &self.kind {
            Kind::MatMul(op) => op.eval(runtime, &inputs),
            Kind::Gated(op) => op.eval(runtime, &inputs),
            Kind::Embedding(op) => op.eval(&inputs),
            Kind::Attention(op) => op.eval(runtime, &inputs),
            Kind::Rotary(op) => op.eval(inputs),
            Kind::RmsNorm(op) => op.eval(runtime, &inputs),
            Kind::SkipRmsNorm(op) => op.eval(runtime, &inputs),
            Kind::TextAttention(op) => op.eval(runtime, &inputs),
            Kind::SumLayerNorm(op) => op.eval(runtime, inputs),
            Kind::Gelu => encoder::gelu(runtime, inputs),
            Kind::Sigmoid => sigmoid::eval(runtime, inputs),
        }
    }
}

impl TypedOp for Node {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.facts(inputs)
    }

    as_op!();
}

impl InferenceOp for Node {
    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        let own = |facts: &TVec<&InferenceFact>| facts.iter().map(|f| (*f).clone()).collect();
        let typed: TractResult<TVec<TypedFact>> =
            inputs.iter().map(|fact| TypedFact::try_from(*fact)).collect();
        let Ok(typed) = typed else {
            return Ok((own(&inputs), own(&outputs), own(&observed)));
        };
        let found = self.facts(&typed.iter().collect::<TVec<_>>())?;
        let found = found.iter().map(InferenceFact::from).collect();
        Ok((own(&inputs), found, own(&observed)))
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.outputs())
    }

    fn to_typed(
        &self,
        _source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        let inputs: TVec<OutletId> = node.inputs.iter().map(|i| mapping[i]).collect();
        target.wire_node(&node.name, self.clone(), &inputs)
    }

    as_op!();
}

/// Refuses facts that are not f32.
fn float(fact: &TypedFact) -> TractResult<()> {
    ensure!(fact.datum_type == f32::datum_type(), "f32 expected, {:?} found", fact.datum_type);
    Ok(())
}

/// Refuses a fact whose last axis is not `width`.
fn width(fact: &TypedFact, width: usize) -> TractResult<()> {
    float(fact)?;
    let last = fact.shape.last().context("a scalar where rows were expected")?;
    ensure!(*last == width.to_dim(), "rows of {width} values expected, rows of {last} found");
    Ok(())
}

/// The same shape with another last axis.
fn with_width(fact: &TypedFact, width: usize) -> TypedFact {
    let mut shape: TVec<TDim> = fact.shape.iter().cloned().collect();
    if let Some(last) = shape.last_mut() {
        *last = width.to_dim();
    }
    f32::fact(shape)
}

/// Looks up a tensor of the pack.
fn weight(pack: &Pack, node: &str, name: &str) -> Result<(TensorKind, PackBytes), EngineError> {
    let found = pack.tensor(name).map(|view| view.tensor.kind.clone()).zip(pack.bytes(name));
    found.ok_or_else(|| wrong_weight(node, name, "is not in weights.bin"))
}

fn wrong_weight(node: &str, weight: &str, reason: impl ToString) -> EngineError {
    EngineError::Weight { node: node.into(), weight: weight.into(), reason: reason.to_string() }
}

/// A table of f32 (`[rows, columns]`) from the pack, its first `rows` rows at most.
fn table(
    pack: &Pack,
    node: &str,
    name: &str,
    rows: usize,
) -> Result<(Vec<f32>, usize), EngineError> {
    let (kind, bytes) = weight(pack, node, name)?;
    let TensorKind::F32 { shape } = &kind else {
        return Err(wrong_weight(node, name, "is not f32"));
    };
    let &[_, columns] = shape.as_slice() else {
        return Err(wrong_weight(node, name, "is not a table of rows and columns"));
    };
    let columns = columns as usize;
    let values = bytes.chunks_exact(4).take(rows * columns);
    Ok((values.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(), columns))
}

/// Positions and slots of a batch: the `places` input, checked.
fn places(runtime: &Runtime, input: &TValue, tokens: usize) -> TractResult<Vec<(usize, usize)>> {
    let view = input.try_as_plain_ram()?;
    let values = view.as_slice::<i64>()?;
    ensure!(values.len() == 2 * tokens, "{} places for {tokens} tokens", values.len() / 2);
    let place = |pair: &[i64]| {
        let slot = usize::try_from(pair[0]).ok().filter(|s| *s < crate::limits::SLOTS_MAX);
        let position = usize::try_from(pair[1]).ok().filter(|p| *p < runtime.context);
        Ok((
            slot.with_context(|| format!("no slot {}", pair[0]))?,
            position.with_context(|| format!("position {} beyond the context", pair[1]))?,
        ))
    };
    values.chunks_exact(2).map(place).collect()
}
