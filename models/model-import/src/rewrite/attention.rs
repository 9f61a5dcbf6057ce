//! `GroupQueryAttention` and `RotaryEmbedding` (onnxruntime's `ContribOperators.md`).

use crate::error::{EXPORT, ImportError};
use crate::onnx::{AttributeProto, NodeProto, data_type};
use crate::rewrite::{MICROSOFT, PLACES, Rewriter};

/// Inputs of `GroupQueryAttention` from index 9 on.
const EXTRA_INPUTS: [&str; 9] = [
    "position_ids",
    "attention_bias",
    "head_sink",
    "k_scale",
    "v_scale",
    "q_norm_weight",
    "k_norm_weight",
    "an unknown input",
    "an unknown input",
];

impl Rewriter<'_> {
    pub(super) fn group_query_attention(
        &mut self,
        node: &NodeProto,
    ) -> Result<NodeProto, ImportError> {
        self.check_attention(node)?;
        let do_rotary = node.int("do_rotary", 0) != 0;
        let window = node.int("local_window_size", -1);
        let scale = match node.float("scale", 0.0) {
            0.0 => 1.0 / (self.heads.width as f32).sqrt(),
            scale => scale,
        };
        let mut attribute = vec![
            AttributeProto::int("num_heads", node.int("num_heads", 0)),
            AttributeProto::int("kv_num_heads", node.int("kv_num_heads", 0)),
            AttributeProto::int("layer", i64::from(self.layers)),
            AttributeProto::float("scale", scale),
            AttributeProto::float("softcap", node.float("softcap", 0.0)),
            AttributeProto::int("local_window_size", if window > 0 { window } else { -1 }),
            AttributeProto::int("do_rotary", i64::from(do_rotary)),
            AttributeProto::int("rotary_interleaved", node.int("rotary_interleaved", 0)),
        ];
        if do_rotary {
            attribute.extend(self.rotary_caches(node, 7)?);
        }
        self.layers += 1;
        let value = |index| node.input(index).unwrap_or_default().to_owned();
        Ok(NodeProto {
            input: vec![value(0), value(1), value(2), PLACES.to_owned()],
            output: node.output.iter().take(1).cloned().collect(),
            name: node.name.clone(),
            op_type: node.op_type.clone(),
            attribute,
            domain: MICROSOFT.into(),
        })
    }

    fn check_attention(&self, node: &NodeProto) -> Result<(), ImportError> {
        let refuse = |reason: String| Err(self.graph.refuse(node, reason, EXPORT));
        self.check_attributes(
            node,
            &[
                "num_heads",
                "kv_num_heads",
                "scale",
                "softcap",
                "local_window_size",
                "do_rotary",
                "rotary_interleaved",
                "smooth_softmax",
                // Only says how large the cache buffers are.
                "sliding_window_cache",
            ],
        )?;
        if node.int("smooth_softmax", -1) > 0 {
            return refuse("smooth_softmax is not run".into());
        }
        for (what, found, expected) in [
            ("num_heads", node.int("num_heads", 0), self.heads.query),
            ("kv_num_heads", node.int("kv_num_heads", 0), self.heads.key_value),
        ] {
            if found != i64::from(expected) {
                return refuse(format!("{what} is {found}, genai_config.json says {expected}"));
            }
        }
        for index in 9..node.input.len() {
            let name = EXTRA_INPUTS.get(index - 9).unwrap_or(&"an unknown input");
            match node.input(index) {
                None => {}
                // Positions come from `places`, which is what the input would have held.
                Some(value) if index == 9 && self.graph.inputs.contains(value) => {}
                Some(_) => return refuse(format!("it has the input {name}, which is not run")),
            }
        }
        if node.input(0).is_none() || node.input(1).is_some() != node.input(2).is_some() {
            return refuse("it lacks one of query, key and value".into());
        }
        let wanted_after_first = |value: &&String| {
            let used = |node: &NodeProto| node.input.contains(value);
            !value.is_empty() && self.graph.nodes.iter().any(used)
        };
        if let Some(value) = node.output.iter().skip(1).find(wanted_after_first) {
            return refuse(format!("another node reads its output {value}"));
        }
        Ok(())
    }

    pub(super) fn rotary_embedding(&mut self, node: &NodeProto) -> Result<NodeProto, ImportError> {
        self.check_attributes(
            node,
            &["interleaved", "num_heads", "rotary_embedding_dim", "scale"],
        )?;
        let refuse = |reason: String| Err(self.graph.refuse(node, reason, EXPORT));
        let scale = node.float("scale", 1.0);
        if scale != 1.0 {
            return refuse(format!("its scale is {scale}, and only 1 is run"));
        }
        let from_outside = |value: &str| {
            let mut value = value;
            for _ in 0..4 {
                if self.graph.inputs.contains(value) {
                    return true;
                }
                match self.graph.producer(value) {
                    Some((_, node))
                        if ["Cast", "Reshape", "Squeeze", "Unsqueeze", "Identity"]
                            .contains(&node.op_type.as_str()) =>
                    {
                        value = node.input(0).unwrap_or_default();
                    }
                    _ => return false,
                }
            }
            false
        };
        if !node.input(1).is_some_and(from_outside) {
            return refuse("its positions are computed in the graph".into());
        }
        let mut attribute = vec![
            AttributeProto::int("interleaved", node.int("interleaved", 0)),
            AttributeProto::int("num_heads", node.int("num_heads", 0)),
            AttributeProto::int("rotary_embedding_dim", node.int("rotary_embedding_dim", 0)),
        ];
        attribute.extend(self.rotary_caches(node, 2)?);
        Ok(NodeProto {
            input: vec![node.input(0).unwrap_or_default().to_owned(), PLACES.to_owned()],
            output: node.output.iter().take(1).cloned().collect(),
            name: node.name.clone(),
            op_type: node.op_type.clone(),
            attribute,
            domain: MICROSOFT.into(),
        })
    }

    /// The attributes that name the two caches, inputs `first` and `first + 1`.
    fn rotary_caches(
        &mut self,
        node: &NodeProto,
        first: usize,
    ) -> Result<[AttributeProto; 2], ImportError> {
        let mut cache = |index: usize, name: &str| {
            let graph = self.graph;
            let tensor = node.input(index).and_then(|value| graph.constant(value));
            let Some(tensor) = tensor else {
                let reason = format!(
                    "its {name} is not a constant (models of very long context choose one of two)"
                );
                let next = format!("take the variant with the shorter context: {EXPORT}");
                return Err(graph.refuse(node, reason, next));
            };
            let width = u64::from(self.heads.width);
            let [positions, half] = tensor.dims[..] else {
                return Err(graph.refuse(node, format!("its {name} is not a table"), EXPORT));
            };
            let (positions, half) = (positions.max(0) as u64, half.max(0) as u64);
            if tensor.data_type != data_type::FLOAT {
                let found = data_type::name(tensor.data_type);
                let reason = format!("its {name} is {found}, not float32");
                return Err(graph.refuse(node, reason, EXPORT));
            }
            if positions == 0 || half == 0 || half > width / 2 {
                let reason = format!(
                    "its {name} has the shape [{positions}, {half}], which does not suit heads \
                     of {width}"
                );
                return Err(graph.refuse(node, reason, EXPORT));
            }
            self.positions = Some(self.positions.map_or(positions, |p| p.min(positions)));
            let stored = self.table(tensor)?;
            Ok(AttributeProto::string(name, &stored))
        };
        Ok([cache(first, "cos_cache")?, cache(first + 1, "sin_cache")?])
    }
}
