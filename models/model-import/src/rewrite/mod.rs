//! From an onnxruntime-genai graph to the dialect of a pack (`model_pack::dialect`).
//!
//! First `rows` is put in front of the vocabulary matrix, then everything that the logits do not
//! need is dropped, then each remaining node is rewritten or checked, in graph order.

mod allow;
mod attention;
mod rows;
mod weights;
mod widths;

use std::collections::{BTreeMap, HashMap};

use crate::card::Names;
use crate::error::{EXPORT, FETCH, ImportError};
use crate::graph::{self, Graph};
use crate::limits;
use crate::onnx::{
    Dimension, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto,
    data_type, is_onnx,
};
use crate::source::Source;
pub(crate) use weights::{Weight, WeightData};

/// Domain of the contrib operators of onnxruntime.
pub(crate) const MICROSOFT: &str = "com.microsoft";
/// Domain of our own operators.
pub(crate) const BARAZA: &str = "baraza";
/// The input with (slot, position) of each token.
pub(crate) const PLACES: &str = "places";
/// The input with the tokens whose logits are asked for.
const ROWS: &str = "rows";

/// The rewritten graph and the weights that it names.
#[derive(Debug)]
pub(crate) struct Rewritten {
    /// `graph.onnx`.
    pub(crate) model: ModelProto,
    /// The tensors of `weights.bin`, in the order in which a forward pass reads them.
    pub(crate) weights: Vec<Weight>,
    /// Attention layers.
    pub(crate) layers: u32,
    /// Rows of the vocabulary matrix.
    pub(crate) vocabulary: u64,
    /// Width of the embedding.
    pub(crate) embedding_width: Option<u64>,
    /// Positions of the shortest rotary cache.
    pub(crate) positions: Option<u64>,
    /// Matrices that two nodes share, the second use not stored again.
    pub(crate) shared: usize,
}

/// What the configuration says about heads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heads {
    pub(crate) query: u32,
    pub(crate) key_value: u32,
    pub(crate) width: u32,
}

/// Rewrites `graph`.
///
/// # Errors
///
/// When a node that the logits need cannot be run, naming the node; when a tensor's data is not
/// whole.
pub(crate) fn rewrite(
    mut graph: Graph,
    source: &mut Source,
    names: &Names,
    heads: Heads,
) -> Result<Rewritten, ImportError> {
    check_names(&graph, names)?;
    let vocabulary = rows::pick(&mut graph, &names.logits, source)?;
    let live = live_nodes(&graph, names);
    let mut rewriter = Rewriter {
        graph: &graph,
        source,
        heads,
        weights: Vec::new(),
        stored: HashMap::new(),
        shared: 0,
        layers: 0,
        positions: None,
        embedding_width: None,
    };
    let mut nodes = Vec::new();
    let mut constants = BTreeMap::new();
    let mut made: HashMap<&str, ()> = HashMap::new();
    for (node, _) in graph.nodes.iter().zip(live).filter(|(_, live)| *live) {
        rewriter.check_inputs_of_graph(node, names)?;
        let mut new = rewriter.node(node)?;
        while new.input.last().is_some_and(String::is_empty) {
            new.input.pop();
        }
        for value in new.input.iter().filter(|value| !value.is_empty()) {
            let known = made.contains_key(value.as_str());
            rewriter.check_input(node, value, known, names, &mut constants)?;
        }
        made.extend(node.output.iter().map(|value| (value.as_str(), ())));
        rename(&mut new, names);
        nodes.push(new);
    }
    widths::check(&graph, &nodes, &constants, heads)?;
    let Rewriter { weights, layers, positions, embedding_width, shared, .. } = rewriter;
    let model = assemble(&graph, nodes, constants.into_values().collect(), vocabulary);
    Ok(Rewritten { model, weights, layers, vocabulary, embedding_width, positions, shared })
}

/// Checks that the named input and output are there and that ours are not.
fn check_names(graph: &Graph, names: &Names) -> Result<(), ImportError> {
    let refuse = |reason: String, next: &str| {
        Err(ImportError::Graph { file: graph.path.clone(), reason, next: next.to_owned() })
    };
    if !graph.inputs.contains(&names.input_ids) {
        return refuse(format!("has no input {}", names.input_ids), EXPORT);
    }
    match graph.outputs.get(&names.logits) {
        None => return refuse(format!("has no output {}", names.logits), EXPORT),
        Some(&(data_type::FLOAT | 0)) => {}
        Some(&other) => {
            let reason = format!("computes in {}, not in float32", data_type::name(other));
            let next = format!("{EXPORT}, or take the variant of the model made for CPU");
            return refuse(reason, &next);
        }
    }
    for ours in [PLACES, ROWS, rows::PICKED] {
        if graph.inputs.contains(ours)
            || graph.constants.contains_key(ours)
            || graph.producers.contains_key(ours)
        {
            return refuse(format!("has a value named {ours}, which is reserved"), EXPORT);
        }
    }
    Ok(())
}

/// Which nodes the logits need, once past, mask and quantised data no longer count as inputs.
fn live_nodes(graph: &Graph, names: &Names) -> Vec<bool> {
    let mut live = vec![false; graph.nodes.len()];
    let mut pending = vec![names.logits.as_str()];
    while let Some(value) = pending.pop() {
        let Some((index, node)) = graph.producer(value) else { continue };
        let Some(seen) = live.get_mut(index) else { continue };
        if !std::mem::replace(seen, true) {
            pending.extend(kept_inputs(graph, node).into_iter().filter_map(|i| node.input(i)));
        }
    }
    live
}

/// Indices of the inputs that a node still reads after rewriting.
fn kept_inputs(graph: &Graph, node: &NodeProto) -> Vec<usize> {
    match (node.domain.as_str(), node.op_type.as_str()) {
        (MICROSOFT, "MatMulNBits") => vec![0, 5],
        (MICROSOFT, "GatherBlockQuantized") => vec![1],
        (MICROSOFT, "GroupQueryAttention") => vec![0, 1, 2],
        (MICROSOFT, "RotaryEmbedding") => vec![0],
        _ if weights::is_table_lookup(graph, node) => vec![1],
        _ => (0..node.input.len()).collect(),
    }
}

/// The state of one pass over the live nodes.
struct Rewriter<'a> {
    graph: &'a Graph,
    source: &'a mut Source,
    heads: Heads,
    weights: Vec<Weight>,
    /// Name in the pack of each weight already stored.
    stored: HashMap<weights::Key, weights::Stored>,
    shared: usize,
    layers: u32,
    positions: Option<u64>,
    embedding_width: Option<u64>,
}

impl Rewriter<'_> {
    fn node(&mut self, node: &NodeProto) -> Result<NodeProto, ImportError> {
        match (node.domain.as_str(), node.op_type.as_str()) {
            (MICROSOFT, "MatMulNBits") => self.matmul_nbits(node),
            (MICROSOFT, "GatherBlockQuantized") => self.gather_quantized(node),
            (MICROSOFT, "GroupQueryAttention") => self.group_query_attention(node),
            (MICROSOFT, "RotaryEmbedding") => self.rotary_embedding(node),
            _ if weights::is_table_lookup(self.graph, node) => self.gather_rows(node),
            _ => {
                allow::check(self.graph, node, self.source)?;
                Ok(node.clone())
            }
        }
    }

    /// Checks that of the graph's inputs a node reads only token ids: all others, such as the
    /// attention mask, are gone after rewriting.
    fn check_inputs_of_graph(&self, node: &NodeProto, names: &Names) -> Result<(), ImportError> {
        let kept = kept_inputs(self.graph, node);
        let mut read = kept.into_iter().filter_map(|index| node.input(index));
        match read.find(|&value| value != names.input_ids && self.graph.inputs.contains(value)) {
            None => Ok(()),
            Some(value) => {
                let reason = format!(
                    "reads the input {value}, which is only understood where \
                     GroupQueryAttention reads it"
                );
                Err(self.graph.refuse(node, reason, EXPORT))
            }
        }
    }

    /// Checks that a value read by a rewritten node is known, and keeps it where it is a constant.
    fn check_input(
        &mut self,
        node: &NodeProto,
        value: &str,
        known: bool,
        names: &Names,
        constants: &mut BTreeMap<String, TensorProto>,
    ) -> Result<(), ImportError> {
        if known || value == names.input_ids || value == PLACES || value == ROWS {
            return Ok(());
        }
        if let Some(tensor) = self.graph.constants.get(value) {
            if !constants.contains_key(value) {
                constants.insert(value.to_owned(), self.small_constant(node, tensor)?);
            }
            return Ok(());
        }
        let reason = format!("reads {value}, which no earlier node makes");
        Err(self.graph.refuse(node, reason, FETCH))
    }

    fn small_constant(
        &mut self,
        node: &NodeProto,
        tensor: &TensorProto,
    ) -> Result<TensorProto, ImportError> {
        let bytes = self.source.expected_bytes(tensor)?;
        if bytes > limits::CONSTANT_BYTES_MAX {
            let reason = format!(
                "its constant {} has {bytes} bytes of {}, and only quantised matrices may be \
                 larger than {}",
                tensor.name,
                data_type::name(tensor.data_type),
                limits::CONSTANT_BYTES_MAX
            );
            let next = format!("{EXPORT} and exclude no nodes from quantisation");
            return Err(self.graph.refuse(node, reason, next));
        }
        Ok(graph::inlined(tensor, self.source.bytes(tensor)?))
    }

    /// Refuses attributes that are not `known`, unless they are zero or empty and so say nothing.
    fn check_attributes(&self, node: &NodeProto, known: &[&str]) -> Result<(), ImportError> {
        for attribute in &node.attribute {
            let says_nothing = attribute.i == 0
                && attribute.f == 0.0
                && attribute.t.is_none()
                && attribute.g.is_none()
                && attribute.floats.is_empty()
                && attribute.ints.is_empty()
                && matches!(&attribute.s[..], b"" | b"NONE");
            if !says_nothing && !known.contains(&attribute.name.as_str()) {
                let reason = format!("its attribute {} is not understood", attribute.name);
                return Err(self.graph.refuse(node, reason, EXPORT));
            }
        }
        Ok(())
    }
}

/// Gives input and output the names of the dialect.
fn rename(node: &mut NodeProto, names: &Names) {
    for value in node.input.iter_mut().chain(&mut node.output) {
        if *value == names.input_ids {
            "input_ids".clone_into(value);
        } else if *value == names.logits {
            "logits".clone_into(value);
        }
    }
}

fn assemble(
    graph: &Graph,
    node: Vec<NodeProto>,
    initializer: Vec<TensorProto>,
    vocabulary: u64,
) -> ModelProto {
    let named = |name: &str| Dimension::Param(name.to_owned());
    let input = vec![
        ValueInfoProto::tensor("input_ids", data_type::INT64, [Dimension::Value(1), named("T")]),
        ValueInfoProto::tensor(PLACES, data_type::INT64, [named("T"), Dimension::Value(2)]),
        ValueInfoProto::tensor(ROWS, data_type::INT64, [named("R")]),
    ];
    // A dimension of a stored tensor: far below 2^63.
    let vocabulary = Dimension::Value(vocabulary as i64);
    let shape = [Dimension::Value(1), named("R"), vocabulary];
    let output = vec![ValueInfoProto::tensor("logits", data_type::FLOAT, shape)];
    let mut opset_import = vec![OperatorSetIdProto { domain: String::new(), version: graph.opset }];
    for domain in [MICROSOFT, BARAZA] {
        opset_import.push(OperatorSetIdProto { domain: domain.into(), version: 1 });
    }
    debug_assert!(
        node.iter()
            .all(|n| { is_onnx(&n.domain) || [MICROSOFT, BARAZA].contains(&n.domain.as_str()) })
    );
    ModelProto {
        ir_version: graph.ir_version,
        producer_name: "baraza".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(GraphProto {
            node,
            name: "language model".into(),
            initializer,
            input,
            output,
            sparse_initializer: vec![],
        }),
        opset_import,
        functions: vec![],
    }
}
