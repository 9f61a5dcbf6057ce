//! A decoded graph with its look-up tables.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use crate::error::{EXPORT, FETCH, ImportError};
use crate::limits;
use crate::onnx::{AttributeProto, ModelProto, NodeProto, TensorProto, data_type, is_onnx};
use crate::source::Source;

/// Operator sets of ONNX's own domain whose operators mean what the engine takes them for.
const OPSET_MIN: i64 = 13;
/// See [`OPSET_MIN`].
const OPSET_MAX: i64 = 24;

/// A graph and where each of its values comes from.
#[derive(Debug)]
pub(crate) struct Graph {
    /// Nodes in execution order, `Constant` nodes taken out.
    pub(crate) nodes: Vec<NodeProto>,
    /// Constants by name: initialisers and the values of `Constant` nodes.
    pub(crate) constants: HashMap<String, TensorProto>,
    /// Index of the node that makes a value.
    pub(crate) producers: HashMap<String, usize>,
    /// Inputs that are not constants.
    pub(crate) inputs: HashSet<String>,
    /// Element type of the outputs, by name.
    pub(crate) outputs: HashMap<String, i32>,
    /// Version of ONNX's own operator set.
    pub(crate) opset: i64,
    /// Version of the file format.
    pub(crate) ir_version: i64,
    /// Program that wrote the model, with its version.
    pub(crate) producer: String,
    /// Path of the model file, for errors.
    pub(crate) path: String,
}

impl Graph {
    /// Checks the model as a whole and builds the tables.
    pub(crate) fn new(model: ModelProto, path: &str) -> Result<Self, ImportError> {
        let opset = check_model(&model, path)?;
        let refuse = |reason: String| ImportError::Graph {
            file: path.to_owned(),
            reason,
            next: FETCH.into(),
        };
        let graph = model.graph.ok_or_else(|| refuse("has no graph".into()))?;
        if graph.node.len() > limits::NODES_MAX {
            return Err(refuse(format!("has more than {} nodes", limits::NODES_MAX)));
        }
        let mut constants: HashMap<String, TensorProto> =
            graph.initializer.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
        let mut nodes = Vec::with_capacity(graph.node.len());
        for node in graph.node {
            if node.op_type == "Constant" && is_onnx(&node.domain) {
                let tensor = constant_value(&node).ok_or_else(|| {
                    refuse(format!("node {}: a Constant of an unknown form", node.name))
                })?;
                constants.insert(tensor.name.clone(), tensor);
            } else {
                nodes.push(node);
            }
        }
        let producers = producers(&nodes)
            .map_err(|value| refuse(format!("has two nodes that make {value}")))?;
        let inputs = graph.input.into_iter().map(|input| input.name);
        let inputs = inputs.filter(|name| !constants.contains_key(name)).collect();
        let outputs = graph.output.into_iter().map(|o| (o.name.clone(), o.elem_type())).collect();
        let producer = format!("{} {}", model.producer_name, model.producer_version);
        Ok(Self {
            nodes,
            constants,
            producers,
            inputs,
            outputs,
            opset,
            ir_version: model.ir_version,
            producer: producer.trim().to_owned(),
            path: path.to_owned(),
        })
    }

    /// Puts a node in front of the one at `index`. Its outputs must be new.
    pub(crate) fn insert(&mut self, index: usize, node: NodeProto) {
        self.nodes.insert(index, node);
        for producer in self.producers.values_mut().filter(|producer| **producer >= index) {
            *producer += 1;
        }
        if let Some(node) = self.nodes.get(index) {
            self.producers.extend(node.output.iter().map(|output| (output.clone(), index)));
        }
    }

    /// The node that makes `value`.
    pub(crate) fn producer(&self, value: &str) -> Option<(usize, &NodeProto)> {
        let &index = self.producers.get(value)?;
        Some((index, self.nodes.get(index)?))
    }

    /// The constant behind `value`, seen through nodes that only give it another shape.
    pub(crate) fn constant(&self, value: &str) -> Option<&TensorProto> {
        let mut value = value;
        // Bounded, since a damaged graph may have a ring.
        for _ in 0..limits::HEAD_STEPS_MAX {
            if let Some(tensor) = self.constants.get(value) {
                return Some(tensor);
            }
            let (_, node) = self.producer(value)?;
            if !matches!(
                node.op_type.as_str(),
                "Reshape" | "Identity" | "Squeeze" | "Unsqueeze" | "Flatten"
            ) {
                return None;
            }
            value = node.input(0)?;
        }
        None
    }

    /// The whole numbers of a small int64 or int32 constant.
    pub(crate) fn whole_numbers(&self, value: &str, source: &mut Source) -> Option<Vec<i64>> {
        let tensor = self.constants.get(value)?;
        let bytes = source.bytes(tensor).ok()?;
        match tensor.data_type {
            data_type::INT64 => {
                Some(bytes.chunks_exact(8).map(|b| i64::from_le_bytes(eight(b))).collect())
            }
            data_type::INT32 => Some(
                bytes
                    .chunks_exact(4)
                    .map(|b| i64::from(i32::from_le_bytes([b[0], b[1], b[2], b[3]])))
                    .collect(),
            ),
            _ => None,
        }
    }

    /// An error about a node.
    pub(crate) fn refuse(
        &self,
        node: &NodeProto,
        reason: impl Into<String>,
        next: impl Into<String>,
    ) -> ImportError {
        let name = if node.name.is_empty() {
            format!("that makes {}", node.output.first().map_or("nothing", String::as_str))
        } else {
            node.name.clone()
        };
        ImportError::Node {
            file: self.path.clone(),
            node: name,
            operator: node.operator(),
            reason: reason.into(),
            next: next.into(),
        }
    }
}

/// Index of the node that makes each value; a value that two nodes make is the error.
fn producers(nodes: &[NodeProto]) -> Result<HashMap<String, usize>, String> {
    let mut producers = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            if producers.insert(output.clone(), index).is_some() {
                return Err(output.clone());
            }
        }
    }
    Ok(producers)
}

fn eight(bytes: &[u8]) -> [u8; 8] {
    bytes.try_into().unwrap_or_default()
}

/// Checks what concerns the model as a whole; gives the version of ONNX's operator set.
fn check_model(model: &ModelProto, path: &str) -> Result<i64, ImportError> {
    let refuse = |reason: String, next: &str| {
        Err(ImportError::Graph { file: path.to_owned(), reason, next: next.to_owned() })
    };
    let Some(graph) = &model.graph else {
        return refuse("is not an ONNX model: it has no graph".into(), FETCH);
    };
    if graph.node.is_empty() {
        return refuse("is not a language model: its graph has no nodes".into(), FETCH);
    }
    if !model.functions.is_empty() {
        return refuse("defines functions of its own, which are not run".into(), EXPORT);
    }
    if !graph.sparse_initializer.is_empty() {
        return refuse("has sparse tensors, which are not run".into(), EXPORT);
    }
    let opset = model.opset_import.iter().find(|set| is_onnx(&set.domain)).map(|set| set.version);
    match opset {
        Some(version) if (OPSET_MIN..=OPSET_MAX).contains(&version) => Ok(version),
        Some(version) => refuse(
            format!("uses ONNX operator set {version}, and {OPSET_MIN} to {OPSET_MAX} are run"),
            EXPORT,
        ),
        None => refuse("does not say which ONNX operator set it uses".into(), FETCH),
    }
}

/// The value of a `Constant` node as a named tensor (ONNX `Constant`, since version 12).
fn constant_value(node: &NodeProto) -> Option<TensorProto> {
    let name = node.output.first()?.clone();
    let whole = |values: &[i64], dims: Vec<i64>| TensorProto {
        dims,
        data_type: data_type::INT64,
        raw_data: values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>().into(),
        ..Default::default()
    };
    let float = |values: &[f32], dims: Vec<i64>| TensorProto {
        dims,
        data_type: data_type::FLOAT,
        raw_data: values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>().into(),
        ..Default::default()
    };
    let of = |attribute: &AttributeProto| match attribute.name.as_str() {
        "value" => attribute.t.clone(),
        "value_int" => Some(whole(&[attribute.i], vec![])),
        "value_ints" => Some(whole(&attribute.ints, vec![attribute.ints.len() as i64])),
        "value_float" => Some(float(&[attribute.f], vec![])),
        "value_floats" => Some(float(&attribute.floats, vec![attribute.floats.len() as i64])),
        _ => None,
    };
    let tensor = node.attribute.iter().find_map(of)?;
    Some(TensorProto { name, ..tensor })
}

/// A constant in the one form that the dialect has: `raw_data`, nothing external.
pub(crate) fn inlined(tensor: &TensorProto, bytes: Bytes) -> TensorProto {
    TensorProto {
        name: tensor.name.clone(),
        dims: tensor.dims.clone(),
        data_type: tensor.data_type,
        raw_data: bytes,
        ..Default::default()
    }
}
