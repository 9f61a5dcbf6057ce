//! The pack's graph as a runnable tract model.

use crate::error::{EngineError, panic_text};
use crate::fuse;
use crate::ops::{self, Node};
use crate::runtime::Runtime;
use model_pack::{Pack, TensorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::InferenceModel;

/// The inputs of a language model's graph, as [`model_pack::dialect`] names them.
pub(crate) const WRITER_INPUTS: [&str; 3] = ["input_ids", "places", "rows"];

/// The inputs of an encoder's graph.
pub(crate) const ENCODER_INPUTS: [&str; 2] = ["input_ids", "places"];

/// A graph of `N` inputs that is ready to run, and the order in which it wants them.
#[derive(Debug)]
pub(crate) struct Graph<const N: usize> {
    plan: Arc<TypedRunnableModel>,
    /// Index into the names given to [`Graph::load`] of each input of the plan.
    order: Vec<usize>,
}

impl<const N: usize> Graph<N> {
    /// Parses, binds and optimises. tract may panic on a graph that is not one; that is caught.
    pub(crate) fn load(
        pack: &Pack,
        runtime: &Arc<Runtime>,
        inputs: [&str; N],
    ) -> Result<Graph<N>, EngineError> {
        let load = AssertUnwindSafe(|| Graph::load_unguarded(pack, runtime, inputs));
        catch_unwind(load)
            .unwrap_or_else(|panic| Err(EngineError::Graph { reason: panic_text(&*panic) }))
    }

    fn load_unguarded(
        pack: &Pack,
        runtime: &Arc<Runtime>,
        inputs: [&str; N],
    ) -> Result<Graph<N>, EngineError> {
        let mut onnx = tract_onnx::onnx();
        ops::register(&mut onnx.op_register);
        let proto = onnx.proto_model_for_read(&mut pack.graph());
        let mut proto = proto.map_err(|e| EngineError::graph(&e))?;
        let block = |weight: &str| match pack.tensor(weight)?.tensor.kind {
            TensorKind::Matrix { block, .. } => Some(block),
            _ => None,
        };
        if let Some(graph) = &mut proto.graph {
            fuse::gates(graph, &block);
        }
        for node in proto.graph.iter().flat_map(|graph| &graph.node) {
            if !onnx.op_register.0.contains_key(&node.op_type) {
                let reason = format!("node `{}` is a `{}`, unknown here", node.name, node.op_type);
                return Err(EngineError::Graph { reason });
            }
        }
        let parsed = onnx.parse(&proto, None).map_err(|e| EngineError::graph(&e))?;
        if let Some(name) = parsed.unresolved_inputs.first() {
            let reason = format!("nothing computes `{name}`");
            return Err(EngineError::Graph { reason });
        }
        let mut model = parsed.model;
        let order = input_order(&model, &inputs)?;
        for node in model.nodes_mut() {
            let name = node.name.clone();
            if let Some(ours) = node.op_as_mut::<Node>() {
                ours.bind(&name, pack, runtime)?;
            }
        }
        let plan = model.into_optimized().and_then(|model| model.into_runnable());
        Ok(Graph { plan: plan.map_err(|e| EngineError::graph(&e))?, order })
    }

    /// One pass: `inputs` in the order of the names given to [`Graph::load`], the result the
    /// output.
    pub(crate) fn run(&self, inputs: [Tensor; N]) -> Result<Vec<f32>, EngineError> {
        let inputs = inputs.map(Tensor::into_tvalue);
        let inputs = self.order.iter().map(|i| inputs[*i].clone()).collect();
        let run = || -> TractResult<Vec<f32>> {
            let outputs = self.plan.run(inputs)?;
            let view = outputs[0].try_as_plain_ram()?;
            Ok(view.as_slice::<f32>()?.to_vec())
        };
        let result = catch_unwind(AssertUnwindSafe(run))
            .map_err(|panic| EngineError::Run(panic_text(&*panic)))?;
        result.map_err(|e| EngineError::run(&e))
    }
}

fn input_order(model: &InferenceModel, known: &[&str]) -> Result<Vec<usize>, EngineError> {
    let names: Vec<&str> =
        model.inputs.iter().map(|outlet| model.node(outlet.node).name.as_str()).collect();
    let order: Vec<usize> =
        names.iter().filter_map(|name| known.iter().position(|known| known == name)).collect();
    if order.len() != known.len() || names.len() != known.len() {
        let reason = format!("its inputs are {}, not {}", names.join(", "), known.join(", "));
        return Err(EngineError::Graph { reason });
    }
    Ok(order)
}
