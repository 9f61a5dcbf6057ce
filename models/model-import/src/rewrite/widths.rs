//! Checks that the last axes of a rewritten graph fit together, so that a graph with wrong shapes
//! is refused by node here and not by a puzzling message when a pack is opened.
//!
//! Widths that are not known are not checked: the engine's own analysis has the last word.

use std::collections::{BTreeMap, HashMap};

use crate::error::{FETCH, ImportError};
use crate::graph::Graph;
use crate::onnx::{NodeProto, TensorProto, data_type};
use crate::rewrite::{Heads, ROWS};

/// Lengths of last axes, by value.
struct Widths<'a> {
    constants: &'a BTreeMap<String, TensorProto>,
    known: HashMap<String, u64>,
    heads: Heads,
}

/// Walks `nodes`, which are in execution order, from the embedding to the logits.
///
/// # Errors
///
/// [`ImportError::Node`] for the first node whose input is known to have the wrong width.
pub(super) fn check(
    graph: &Graph,
    nodes: &[NodeProto],
    constants: &BTreeMap<String, TensorProto>,
    heads: Heads,
) -> Result<(), ImportError> {
    let mut widths = Widths { constants, known: HashMap::new(), heads };
    for node in nodes {
        let made = widths.of(node).map_err(|reason| graph.refuse(node, reason, FETCH))?;
        for (output, width) in node.output.iter().zip(made) {
            if let Some(width) = width.filter(|_| !output.is_empty()) {
                widths.known.insert(output.clone(), width);
            }
        }
    }
    Ok(())
}

impl Widths<'_> {
    /// The widths of a node's outputs, or why its inputs do not fit.
    fn of(&self, node: &NodeProto) -> Result<Vec<Option<u64>>, String> {
        let number = |name: &str| u64::try_from(node.int(name, 0)).ok();
        let first = self.width(node, 0);
        Ok(match node.op_type.as_str() {
            "MatMulNBits" => {
                self.expect(node, 0, number("K"))?;
                vec![number("N")]
            }
            "GatherBlockQuantized" | "GatherRows" => vec![number("K")],
            "GroupQueryAttention" => vec![Some(self.attention(node)?)],
            "SimplifiedLayerNormalization" | "RMSNormalization" | "LayerNormalization" => {
                self.expect(node, 1, first)?;
                self.expect(node, 2, first)?;
                vec![first]
            }
            "SkipSimplifiedLayerNormalization" | "SkipLayerNormalization" => {
                for index in 1..node.input.len() {
                    self.expect(node, index, first)?;
                }
                vec![first, None, None, first]
            }
            "Add" | "Sub" | "Mul" | "Div" | "Pow" | "BiasGelu" => {
                vec![broadcast(first, self.width(node, 1))?]
            }
            "Gather" if node.input(1) == Some(ROWS) => vec![first],
            "Split" => self.split(node, first)?,
            "Reshape" => vec![
                self.numbers(node.input(1))
                    .and_then(|shape| shape.last().copied())
                    .and_then(|last| u64::try_from(last).ok())
                    .filter(|&last| last > 0),
            ],
            "RotaryEmbedding" | "Abs" | "Cast" | "Clip" | "Erf" | "Exp" | "FastGelu" | "Gelu"
            | "Identity" | "LeakyRelu" | "Neg" | "QuickGelu" | "Relu" | "Sigmoid" | "Softplus"
            | "Sqrt" | "Tanh" => vec![first],
            _ => vec![],
        })
    }

    /// The width of an input: computed, or a constant's; one for a scalar.
    fn width(&self, node: &NodeProto, index: usize) -> Option<u64> {
        let value = node.input(index)?;
        let constant = |tensor: &TensorProto| {
            tensor.dims.last().map_or(Some(1), |&last| u64::try_from(last).ok())
        };
        match self.known.get(value) {
            Some(width) => Some(*width),
            None => self.constants.get(value).and_then(constant),
        }
    }

    /// Checks that an input, if its width is known, has the width that is wanted, if that is.
    fn expect(&self, node: &NodeProto, index: usize, wanted: Option<u64>) -> Result<(), String> {
        match (self.width(node, index), wanted) {
            (Some(found), Some(wanted)) if found != wanted => Err(format!(
                "its input {} is {found} wide where {wanted} fits",
                node.input(index).unwrap_or_default()
            )),
            _ => Ok(()),
        }
    }

    fn attention(&self, node: &NodeProto) -> Result<u64, String> {
        let Heads { query, key_value, width } = self.heads;
        let [query, key_value, width] = [query, key_value, width].map(u64::from);
        if node.input(1).is_some() {
            self.expect(node, 0, Some(query * width))?;
            self.expect(node, 1, Some(key_value * width))?;
            self.expect(node, 2, Some(key_value * width))?;
        } else {
            self.expect(node, 0, Some((query + 2 * key_value) * width))?;
        }
        Ok(query * width)
    }

    fn split(&self, node: &NodeProto, first: Option<u64>) -> Result<Vec<Option<u64>>, String> {
        let Some(sizes) = self.numbers(node.input(1)).filter(|_| node.int("axis", 0) == -1) else {
            return Ok(vec![]);
        };
        let sizes: Vec<u64> = sizes.iter().map(|&n| u64::try_from(n).unwrap_or_default()).collect();
        let total = sizes.iter().try_fold(0u64, |sum, &n| sum.checked_add(n));
        match first {
            Some(width) if total != Some(width) => Err(format!("it splits {width} into {sizes:?}")),
            _ => Ok(sizes.into_iter().map(Some).collect()),
        }
    }

    /// The elements of an int64 constant, which is inlined by now.
    fn numbers(&self, value: Option<&str>) -> Option<Vec<i64>> {
        let tensor = self.constants.get(value?)?;
        let element = |b: &[u8]| b.try_into().map(i64::from_le_bytes).unwrap_or_default();
        (tensor.data_type == data_type::INT64)
            .then(|| tensor.raw_data.chunks_exact(8).map(element).collect())
    }
}

/// The width of a sum or product; one stretches to any other.
fn broadcast(a: Option<u64>, b: Option<u64>) -> Result<Option<u64>, String> {
    match (a, b) {
        (Some(1), other) | (other, Some(1)) => Ok(other),
        (Some(a), Some(b)) if a != b => Err(format!("its inputs are {a} and {b} wide")),
        (a, b) => Ok(a.and(b)),
    }
}
