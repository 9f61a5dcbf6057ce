//! `graph.onnx` of an encoder, written from nothing (`model_pack::dialect`, "Sentence encoders").

use super::config::Config;
use crate::onnx::{
    AttributeProto, Dimension, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    ValueInfoProto, data_type,
};
use crate::rewrite::{BARAZA, MICROSOFT, PLACES};

/// The table of words.
pub(super) const WORDS: &str = "word_embeddings";
/// The table of positions.
pub(super) const POSITIONS: &str = "position_embeddings";
/// What every token gets for being of the first type.
pub(super) const TYPE: &str = "token_type";
/// The sum of the three, normalised.
pub(super) const EMBEDDED: &str = "embedded";
/// Of a layer: the matrix for queries, keys and values.
pub(super) const QKV: &str = "qkv";
/// The matrix that mixes the heads.
pub(super) const MIX: &str = "mix";
/// The normalised sum after attention.
pub(super) const MIXED: &str = "mixed";
/// The first matrix of the feed-forward layer.
pub(super) const UP: &str = "up";
/// The second one.
pub(super) const DOWN: &str = "down";
/// The normalised sum after the feed-forward layer.
pub(super) const DONE: &str = "done";

/// ONNX's operator set; of its own operators only `Gather` and `Unsqueeze` are used.
const OPSET: i64 = 17;
/// Version of the file format.
const IR_VERSION: i64 = 8;
/// The output.
const OUTPUT: &str = "hidden_states";

/// A bias or gain, small enough for the graph.
#[derive(Debug)]
pub(super) struct Vector {
    pub(super) name: String,
    pub(super) values: Vec<f32>,
}

/// Name of a part of a layer.
pub(super) fn name(layer: u32, part: &str) -> String {
    format!("layer{layer}.{part}")
}

/// Name of a bias.
pub(super) fn bias(of: &str) -> String {
    format!("{of}.bias")
}

/// Name of a gain.
pub(super) fn gain(of: &str) -> String {
    format!("{of}.gain")
}

/// The graph of an encoder whose weights and vectors have the names above.
pub(super) fn build(config: &Config, vectors: &[Vector]) -> ModelProto {
    let mut nodes = Nodes { nodes: vec![], epsilon: config.epsilon };
    let (hidden, inner) = (config.hidden, config.inner);
    nodes.push(
        "Gather",
        "",
        &[PLACES, "one"],
        "position_list",
        vec![AttributeProto::int("axis", 1)],
    );
    nodes.push("Unsqueeze", "", &["position_list", "zero"], "positions", vec![]);
    let table = |rows, weight| product(rows, hidden, weight);
    let rows = table(config.max_tokens, POSITIONS);
    nodes.push("GatherRows", BARAZA, &["positions"], "placed", rows);
    let rows = table(config.vocabulary, WORDS);
    nodes.push("GatherBlockQuantized", MICROSOFT, &["input_ids"], "words", rows);
    nodes.norm("words", "placed", EMBEDDED, Some(TYPE));
    let mut before = EMBEDDED.to_owned();
    for layer in 0..config.layers {
        let own = |part: &str| name(layer, part);
        let value = |part: &str| format!("{}.out", own(part));
        nodes.dense(&before, &own(QKV), 3 * hidden, hidden);
        let head = (hidden / config.heads) as f32;
        nodes.push(
            "TextAttention",
            BARAZA,
            &[&value(QKV), PLACES],
            &value("heads"),
            vec![
                AttributeProto::int("num_heads", config.heads as i64),
                AttributeProto::float("scale", 1.0 / head.sqrt()),
            ],
        );
        nodes.dense(&value("heads"), &own(MIX), hidden, hidden);
        nodes.norm(&value(MIX), &before, &own(MIXED), None);
        nodes.dense(&own(MIXED), &own(UP), inner, hidden);
        nodes.push("ErfGelu", BARAZA, &[&value(UP)], &value("active"), vec![]);
        nodes.dense(&value("active"), &own(DOWN), hidden, inner);
        nodes.norm(&value(DOWN), &own(MIXED), &own(DONE), None);
        before = own(DONE);
    }
    if let Some(output) = nodes.nodes.last_mut().and_then(|node| node.output.first_mut()) {
        OUTPUT.clone_into(output);
    }
    assemble(nodes.nodes, hidden, vectors)
}

struct Nodes {
    nodes: Vec<NodeProto>,
    epsilon: f32,
}

impl Nodes {
    fn push(
        &mut self,
        op_type: &str,
        domain: &str,
        input: &[&str],
        output: &str,
        attribute: Vec<AttributeProto>,
    ) {
        self.nodes.push(NodeProto {
            input: input.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![output.to_owned()],
            name: format!("/{output}"),
            op_type: op_type.to_owned(),
            attribute,
            domain: domain.to_owned(),
        });
    }

    /// `NAME.out` = `from` times the matrix, plus its bias.
    fn dense(&mut self, from: &str, name: &str, rows: usize, columns: usize) {
        let attributes = product(rows, columns, name);
        let output = format!("{name}.out");
        self.push("MatMulNBits", MICROSOFT, &[from, &bias(name)], &output, attributes);
    }

    /// `name` = the normalised sum of two, and of `third` in every row.
    fn norm(&mut self, a: &str, b: &str, name: &str, third: Option<&str>) {
        let (gain, bias) = (gain(name), bias(name));
        let mut input = vec![a, b, &gain, &bias];
        input.extend(third);
        let epsilon = AttributeProto::float("epsilon", self.epsilon);
        self.push("SumLayerNormalization", BARAZA, &input, name, vec![epsilon]);
    }
}

fn product(rows: usize, columns: usize, weight: &str) -> Vec<AttributeProto> {
    vec![
        // Both are dimensions of stored tensors: far below 2^63.
        AttributeProto::int("K", columns as i64),
        AttributeProto::int("N", rows as i64),
        AttributeProto::string("weight", weight),
    ]
}

fn assemble(node: Vec<NodeProto>, hidden: usize, vectors: &[Vector]) -> ModelProto {
    let named = |name: &str| Dimension::Param(name.to_owned());
    let whole = |name: &str, dims: Vec<i64>, value: i64| TensorProto {
        name: name.to_owned(),
        dims,
        data_type: data_type::INT64,
        raw_data: value.to_le_bytes().to_vec().into(),
        ..Default::default()
    };
    let floats = vectors.iter().map(|vector| TensorProto {
        name: vector.name.clone(),
        dims: vec![vector.values.len() as i64],
        data_type: data_type::FLOAT,
        raw_data: vector.values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>().into(),
        ..Default::default()
    });
    let constants = [whole("one", vec![], 1), whole("zero", vec![1], 0)];
    let input = vec![
        ValueInfoProto::tensor("input_ids", data_type::INT64, [Dimension::Value(1), named("T")]),
        ValueInfoProto::tensor(PLACES, data_type::INT64, [named("T"), Dimension::Value(2)]),
    ];
    let shape = [Dimension::Value(1), named("T"), Dimension::Value(hidden as i64)];
    let set = |domain: &str, version| OperatorSetIdProto { domain: domain.into(), version };
    ModelProto {
        ir_version: IR_VERSION,
        producer_name: "baraza".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(GraphProto {
            node,
            name: "sentence encoder".into(),
            initializer: constants.into_iter().chain(floats).collect(),
            input,
            output: vec![ValueInfoProto::tensor(OUTPUT, data_type::FLOAT, shape)],
            sparse_initializer: vec![],
        }),
        opset_import: vec![set("", OPSET), set(MICROSOFT, 1), set(BARAZA, 1)],
        functions: vec![],
    }
}
