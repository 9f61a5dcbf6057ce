//! Five operators of a feed-forward layer become one.
//!
//! Exporters write `silu(gate(x)) * up(x)` as two products, a sigmoid and two multiplications. tract
//! would run each by itself: the activations rounded twice, the threads met twice, and three buffers
//! of the layer's widest size written and read for nothing. The pattern is found in the ONNX graph
//! before tract parses it, so that packs stay plain ONNX.

use std::collections::HashMap;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};

/// Name of the operator that replaces the five.
pub(crate) const GATED: &str = "BarazaGatedMatMul";

/// Replaces every such group of nodes whose inner results nobody else reads, and whose two matrices
/// have the same `block` (of the weight with this name), so that they share rounded activations.
pub(crate) fn gates(graph: &mut GraphProto, block: &dyn Fn(&str) -> Option<u32>) {
    let found = Finder::new(graph, block).gates();
    let mut dropped = vec![false; graph.node.len()];
    for gate in found {
        gate.inner.iter().for_each(|i| dropped[*i] = true);
        graph.node[gate.last] = gate.node;
    }
    let mut dropped = dropped.into_iter();
    graph.node.retain(|_| !dropped.next().unwrap_or(false));
}

/// One group: the node to put in the place of its last one, and the others.
struct Gate {
    node: NodeProto,
    last: usize,
    inner: [usize; 4],
}

struct Finder<'a> {
    graph: &'a GraphProto,
    /// The node that writes a value.
    writers: HashMap<&'a str, usize>,
    /// How many nodes and graph outputs read a value.
    readers: HashMap<&'a str, usize>,
    block: &'a dyn Fn(&str) -> Option<u32>,
}

impl<'a> Finder<'a> {
    fn new(graph: &'a GraphProto, block: &'a dyn Fn(&str) -> Option<u32>) -> Finder<'a> {
        let mut writers = HashMap::new();
        let mut readers: HashMap<&str, usize> = HashMap::new();
        for (i, node) in graph.node.iter().enumerate() {
            writers.extend(node.output.iter().map(|name| (name.as_str(), i)));
            node.input.iter().for_each(|name| *readers.entry(name).or_default() += 1);
        }
        graph.output.iter().for_each(|value| *readers.entry(&value.name).or_default() += 1);
        Finder { graph, writers, readers, block }
    }

    fn gates(&self) -> Vec<Gate> {
        (0..self.graph.node.len()).filter_map(|i| self.gate(i)).collect()
    }

    /// The node of this type that writes `value`, if `readers` read it.
    fn writer(&self, value: &str, op_type: &str, readers: usize) -> Option<usize> {
        let i = *self.writers.get(value)?;
        let fits = self.graph.node[i].op_type == op_type
            && self.readers.get(value).copied() == Some(readers);
        fits.then_some(i)
    }

    /// `last` = Mul(Mul(gate, Sigmoid(gate)), up), in whatever order the factors stand.
    fn gate(&self, last: usize) -> Option<Gate> {
        let node = &self.graph.node[last];
        if node.op_type != "Mul" {
            return None;
        }
        [(0, 1), (1, 0)].into_iter().find_map(|(a, b)| {
            let silu = self.writer(node.input.get(a)?, "Mul", 1)?;
            let up = self.writer(node.input.get(b)?, "MatMulNBits", 1)?;
            let (gate, sigmoid) = self.silu(silu)?;
            self.fused(last, [gate, up, sigmoid, silu])
        })
    }

    /// `silu` = Mul(gate, Sigmoid(gate)): the nodes of `gate` and the sigmoid.
    fn silu(&self, silu: usize) -> Option<(usize, usize)> {
        let inputs = &self.graph.node[silu].input;
        [(0, 1), (1, 0)].into_iter().find_map(|(a, b)| {
            let gate = self.writer(inputs.get(a)?, "MatMulNBits", 2)?;
            let sigmoid = self.writer(inputs.get(b)?, "Sigmoid", 1)?;
            let same = self.graph.node[sigmoid].input.first() == inputs.get(a);
            same.then_some((gate, sigmoid))
        })
    }

    fn fused(&self, last: usize, inner: [usize; 4]) -> Option<Gate> {
        let [gate, up] = [&self.graph.node[inner[0]], &self.graph.node[inner[1]]];
        // A bias is a second input.
        if gate.input.len() != 1 || gate.input != up.input {
            return None;
        }
        let attribute = |node: &NodeProto, name: &str| {
            node.attribute.iter().find(|attribute| attribute.name == name).cloned()
        };
        let (k, n) = (attribute(gate, "K")?, attribute(gate, "N")?);
        let block = |node| {
            let weight = String::from_utf8(attribute(node, "weight")?.s).ok()?;
            (self.block)(&weight)
        };
        if block(gate)? != block(up)? {
            return None;
        }
        if attribute(up, "K")?.i != k.i || attribute(up, "N")?.i != n.i {
            return None;
        }
        let named = |from: AttributeProto, name: &str| AttributeProto { name: name.into(), ..from };
        let mut node = self.graph.node[last].clone();
        node.op_type = GATED.into();
        node.domain = String::new();
        node.input.clone_from(&gate.input);
        node.attribute = vec![
            k,
            n,
            named(attribute(gate, "weight")?, "gate"),
            named(attribute(up, "weight")?, "up"),
        ];
        debug_assert!(node.attribute.iter().all(|a| a.r#type != AttributeType::Undefined as i32));
        Some(Gate { node, last, inner })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::ValueInfoProto;

    fn node(op_type: &str, input: &[&str], output: &str) -> NodeProto {
        let attribute = |name: &str, i, s: &str| AttributeProto {
            name: name.into(),
            r#type: if s.is_empty() { AttributeType::Int } else { AttributeType::String } as i32,
            i,
            s: s.as_bytes().to_vec(),
            ..AttributeProto::default()
        };
        let attributes =
            [attribute("K", 8, ""), attribute("N", 4, ""), attribute("weight", 0, output)];
        NodeProto {
            op_type: op_type.into(),
            input: input.iter().map(|name| (*name).into()).collect(),
            output: vec![output.into()],
            attribute: if op_type == "MatMulNBits" { attributes.into() } else { vec![] },
            ..NodeProto::default()
        }
    }

    fn layer() -> GraphProto {
        GraphProto {
            node: vec![
                node("MatMulNBits", &["x"], "g"),
                node("MatMulNBits", &["x"], "u"),
                node("Sigmoid", &["g"], "s"),
                node("Mul", &["g", "s"], "a"),
                node("Mul", &["a", "u"], "h"),
                node("MatMulNBits", &["h"], "y"),
            ],
            output: vec![ValueInfoProto { name: "y".into(), ..ValueInfoProto::default() }],
            ..GraphProto::default()
        }
    }

    fn types(graph: &GraphProto) -> Vec<&str> {
        graph.node.iter().map(|node| node.op_type.as_str()).collect()
    }

    #[test]
    fn five_become_one() {
        for swapped in [false, true] {
            let mut graph = layer();
            if swapped {
                graph.node[3].input.reverse();
                graph.node[4].input.reverse();
            }
            gates(&mut graph, &|_| Some(32));
            assert_eq!(types(&graph), [GATED, "MatMulNBits"]);
            let fused = &graph.node[0];
            assert_eq!(
                (&fused.input[..], &fused.output[..]),
                (&["x".into()][..], &["h".into()][..])
            );
            let text = |name: &str| {
                fused
                    .attribute
                    .iter()
                    .find(|a| a.name == name)
                    .map(|a| a.s.clone())
                    .unwrap_or_default()
            };
            assert_eq!((text("gate"), text("up")), (b"g".to_vec(), b"u".to_vec()));
        }
    }

    #[test]
    fn matrices_that_round_otherwise_stay_apart() {
        for block in [|name: &str| Some(if name == "g" { 32 } else { 64 }), |_: &str| None] {
            let mut graph = layer();
            gates(&mut graph, &block);
            assert_eq!(graph.node.len(), 6);
        }
    }

    #[test]
    fn what_others_read_stays() {
        for (i, input) in [(0, "other"), (2, "u"), (5, "a")] {
            let mut graph = layer();
            let before = graph.clone();
            graph.node[i].input = vec![input.into()];
            let changed = graph.clone();
            gates(&mut graph, &|_| Some(32));
            assert_ne!(before, changed);
            assert_eq!(graph, changed, "node {i} reads {input}");
        }
        let mut graph = layer();
        graph.output.push(ValueInfoProto { name: "a".into(), ..ValueInfoProto::default() });
        gates(&mut graph, &|_| Some(32));
        assert_eq!(graph.node.len(), 6);
    }
}
