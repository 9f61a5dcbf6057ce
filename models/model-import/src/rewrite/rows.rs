//! Putting `rows` in front of the vocabulary matrix.

use crate::error::{EXPORT, ImportError};
use crate::graph::Graph;
use crate::limits;
use crate::onnx::{AttributeProto, NodeProto};
use crate::rewrite::{MICROSOFT, ROWS};
use crate::source::Source;

/// The hidden states of the picked rows.
pub(super) const PICKED: &str = "baraza/picked";

/// Finds the matrix that makes the logits and lets only `rows` reach it. Gives its number of
/// rows, the size of the vocabulary.
///
/// An export that only wants the last token's logits (`prune_lm_head`) picks that token right
/// there; its own picking is taken out.
pub(super) fn pick(
    graph: &mut Graph,
    logits: &str,
    source: &mut Source,
) -> Result<u64, ImportError> {
    let index = vocabulary_node(graph, logits)?;
    let Some(node) = graph.nodes.get(index) else { return Err(no_matrix(graph, logits)) };
    let vocabulary = if node.op_type == "MatMulNBits" {
        u64::try_from(node.int("N", 0)).unwrap_or_default()
    } else {
        let weight = node.input(1).and_then(|value| graph.constant(value));
        let last = weight.and_then(|tensor| tensor.dims.last().copied());
        last.and_then(|n| u64::try_from(n).ok()).unwrap_or_default()
    };
    let hidden = node.input(0).unwrap_or_default();
    let hidden = before_pruning(graph, hidden, source).to_owned();
    let gather = NodeProto {
        input: vec![hidden, ROWS.to_owned()],
        output: vec![PICKED.to_owned()],
        name: "baraza/pick_rows".into(),
        op_type: "Gather".into(),
        attribute: vec![AttributeProto::int("axis", 1)],
        domain: String::new(),
    };
    if let Some(input) = graph.nodes.get_mut(index).and_then(|node| node.input.first_mut()) {
        PICKED.clone_into(input);
    }
    graph.insert(index, gather);
    Ok(vocabulary)
}

/// Index of the node that multiplies with the vocabulary matrix: the first product on the way
/// back from the logits through scaling and soft capping.
fn vocabulary_node(graph: &Graph, logits: &str) -> Result<usize, ImportError> {
    let mut value = logits;
    for _ in 0..limits::HEAD_STEPS_MAX {
        let Some((index, node)) = graph.producer(value) else { break };
        match (node.domain.as_str(), node.op_type.as_str()) {
            (MICROSOFT, "MatMulNBits") | (_, "MatMul") => return Ok(index),
            (_, "Mul" | "Div" | "Add" | "Sub" | "Tanh" | "Cast" | "Identity") => {
                let mut computed =
                    node.input.iter().filter(|input| graph.constant(input).is_none());
                match (computed.next(), computed.next()) {
                    (Some(only), None) => value = only,
                    _ => break,
                }
            }
            _ => break,
        }
    }
    Err(no_matrix(graph, logits))
}

fn no_matrix(graph: &Graph, logits: &str) -> ImportError {
    let reason = format!("the matrix that makes {logits} is not found");
    match graph.producer(logits) {
        Some((_, node)) => graph.refuse(node, reason, EXPORT),
        None => ImportError::Graph { file: graph.path.clone(), reason, next: EXPORT.into() },
    }
}

/// The hidden states of all tokens behind a choice of the last one, or `hidden` itself.
fn before_pruning<'a>(graph: &'a Graph, hidden: &'a str, source: &mut Source) -> &'a str {
    let mut value = hidden;
    let mut found = hidden;
    for _ in 0..4 {
        let Some((_, node)) = graph.producer(value) else { break };
        let Some(input) = node.input(0) else { break };
        match node.op_type.as_str() {
            "Unsqueeze" | "Squeeze" => {}
            "Gather" if node.int("axis", 0) == 1 => found = input,
            "Slice" => match node.input(3).and_then(|axes| graph.whole_numbers(axes, source)) {
                Some(axes) if axes == [1] => found = input,
                _ => break,
            },
            _ => break,
        }
        value = input;
    }
    found
}
