//! The operators that are kept as they are.

use crate::error::{EXPORT, ImportError};
use crate::graph::Graph;
use crate::onnx::{NodeProto, is_onnx};
use crate::rewrite::MICROSOFT;
use crate::source::Source;

/// ONNX operators that treat each token alone, or only compute shapes. `MatMul` and reductions
/// have conditions of their own.
const ONNX: [&str; 56] = [
    "Abs",
    "Add",
    "And",
    "Cast",
    "Ceil",
    "Clip",
    "Concat",
    "Cos",
    "Div",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "Floor",
    "Gather",
    "Gelu",
    "Greater",
    "GreaterOrEqual",
    "Identity",
    "LayerNormalization",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "MatMul",
    "Max",
    "Min",
    "Mod",
    "Mul",
    "Neg",
    "Not",
    "Or",
    "Pow",
    "RMSNormalization",
    "Reciprocal",
    "ReduceMax",
    "ReduceMean",
    "ReduceSum",
    "Relu",
    "Reshape",
    "Round",
    "Shape",
    "Sigmoid",
    "Sign",
    "SimplifiedLayerNormalization",
    "Sin",
    "Slice",
    "Softplus",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Tanh",
    "Transpose",
    "Unsqueeze",
    "Where",
];

/// Contrib operators that are kept as they are.
const CONTRIB: [&str; 5] =
    ["BiasGelu", "FastGelu", "QuickGelu", "SkipLayerNormalization", SKIP_RMS_NORM];

const SKIP_RMS_NORM: &str = "SkipSimplifiedLayerNormalization";

/// Refuses a node whose operator is not run, with what would work instead.
pub(super) fn check(
    graph: &Graph,
    node: &NodeProto,
    source: &mut Source,
) -> Result<(), ImportError> {
    let op = node.op_type.as_str();
    let contrib = node.domain == MICROSOFT && CONTRIB.contains(&op);
    let standard = is_onnx(&node.domain) && ONNX.contains(&op);
    if !contrib && !standard {
        let (reason, next) = why_not(op);
        return Err(graph.refuse(node, reason, next));
    }
    match op {
        "MatMul" if node.input(1).and_then(|value| graph.constant(value)).is_none() => {
            let (reason, next) = why_not("Softmax");
            Err(graph.refuse(node, reason, next))
        }
        "ReduceMax" | "ReduceMean" | "ReduceSum" if !reduces_last_axis(graph, node, source) => {
            let reason = "it reduces another axis than the last one and so mixes tokens";
            Err(graph.refuse(node, reason, EXPORT))
        }
        _ => Ok(()),
    }
}

/// True where the axes, an attribute before operator set 18 and an input since, are just -1.
fn reduces_last_axis(graph: &Graph, node: &NodeProto, source: &mut Source) -> bool {
    let axes = match (node.attribute("axes"), node.input(1)) {
        (Some(attribute), _) => Some(attribute.ints.clone()),
        (None, Some(value)) => graph.whole_numbers(value, source),
        (None, None) => None,
    };
    axes.is_some_and(|axes| axes == [-1])
}

/// Why an operator is not run, and what would work.
fn why_not(op: &str) -> (&'static str, String) {
    match op {
        "DequantizeLinear"
        | "QuantizeLinear"
        | "DynamicQuantizeLinear"
        | "MatMulInteger"
        | "DynamicQuantizeMatMul"
        | "QLinearMatMul"
        | "MatMulBnb4"
        | "MatMulFpQ4" => (
            "this way of quantising is not run, only MatMulNBits is",
            format!("{EXPORT} and without use_qdq"),
        ),
        "QMoE" | "MoE" => {
            ("mixtures of experts are not run", format!("take a dense model: {EXPORT}"))
        }
        "MultiHeadAttention" | "Attention" | "PagedAttention" | "SparseAttention" | "Softmax" => {
            ("attention is run only as the operator GroupQueryAttention", EXPORT.to_owned())
        }
        "If" | "Loop" | "Scan" => (
            "control flow is not run (models of very long context choose a rotary cache with it)",
            format!("take the variant with the shorter context: {EXPORT}"),
        ),
        "LinearAttention" | "GatedDeltaNet" | "Conv" | "CausalConvWithState" | "GRU" | "LSTM" => (
            "recurrent and convolutional layers are not run",
            format!("take a plain transformer: {EXPORT}"),
        ),
        _ => ("this operator is not run", EXPORT.to_owned()),
    }
}
