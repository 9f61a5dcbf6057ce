//! Rotary position embedding: the tables, and `com.microsoft::RotaryEmbedding` on its own.

use super::{Runtime, places, table, wrong_weight};
use crate::error::EngineError;
use int4_kernels::attention::Rope;
use model_pack::Pack;
use std::sync::Arc;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

/// Cosines and sines, `[positions, pairs]`.
#[derive(Debug, Clone)]
pub(crate) struct RotaryTables {
    cos: Arc<Vec<f32>>,
    sin: Arc<Vec<f32>>,
    pairs: usize,
}

impl RotaryTables {
    /// The tables of these names; all layers share one copy.
    pub(super) fn find(
        pack: &Pack,
        node: &str,
        names: (&str, &str),
        runtime: &Runtime,
    ) -> Result<RotaryTables, EngineError> {
        let mut known = runtime.tables();
        let name = (names.0.to_owned(), names.1.to_owned());
        if let Some(tables) = known.get(&name) {
            return Ok(tables.clone());
        }
        let tables = RotaryTables::read(pack, node, names, runtime.context)?;
        known.insert(name, tables.clone());
        Ok(tables)
    }

    fn read(
        pack: &Pack,
        node: &str,
        names: (&str, &str),
        context: usize,
    ) -> Result<RotaryTables, EngineError> {
        let (cos, pairs) = table(pack, node, names.0, context)?;
        let (sin, sin_pairs) = table(pack, node, names.1, context)?;
        if pairs == 0 || sin_pairs != pairs || sin.len() != cos.len() {
            return Err(wrong_weight(node, names.1, "does not fit its cosines"));
        }
        if cos.len() < context * pairs {
            let reason = format!("covers {} positions of {context}", cos.len() / pairs);
            return Err(wrong_weight(node, names.0, reason));
        }
        Ok(RotaryTables { cos: Arc::new(cos), sin: Arc::new(sin), pairs })
    }

    /// Values of a head that turn.
    pub(super) fn width(&self) -> usize {
        2 * self.pairs
    }

    /// As the attention kernel takes them.
    pub(super) fn rope(&self, interleaved: bool) -> Rope<'_> {
        Rope { cos: &self.cos, sin: &self.sin, pairs: self.pairs, interleaved }
    }

    /// Turns each head of one token.
    pub(super) fn apply(
        &self,
        heads: &mut [f32],
        head_dim: usize,
        position: usize,
        interleaved: bool,
    ) {
        let row = position * self.pairs..(position + 1) * self.pairs;
        let (cos, sin) = (&self.cos[row.clone()], &self.sin[row]);
        for head in heads.chunks_exact_mut(head_dim) {
            int4_kernels::vector::rotate(head, cos, sin, interleaved);
        }
    }
}

/// The operator. Inputs: `x` `[1, T, heads * head_dim]` or
/// `[1, heads, T, head_dim]`, `places` `[T, 2]`. Output: like `x`.
#[derive(Debug, Clone)]
pub(super) struct Rotary {
    interleaved: bool,
    heads: usize,
    names: (String, String),
    tables: Option<(RotaryTables, Arc<Runtime>)>,
}

impl PartialEq for Rotary {
    fn eq(&self, other: &Rotary) -> bool {
        (self.interleaved, self.heads, &self.names)
            == (other.interleaved, other.heads, &other.names)
    }
}

impl Rotary {
    pub(super) fn parse(node: &NodeProto) -> TractResult<Rotary> {
        Ok(Rotary {
            interleaved: node.get_attr_opt::<i64>("interleaved")?.unwrap_or(0) != 0,
            heads: node.get_attr_opt("num_heads")?.unwrap_or(0),
            names: (node.get_attr("cos_cache")?, node.get_attr("sin_cache")?),
            tables: None,
        })
    }

    pub(super) fn bind(
        &mut self,
        node: &str,
        pack: &Pack,
        runtime: &Arc<Runtime>,
    ) -> Result<(), EngineError> {
        let tables = RotaryTables::find(pack, node, (&self.names.0, &self.names.1), runtime)?;
        self.tables = Some((tables, Arc::clone(runtime)));
        Ok(())
    }

    pub(super) fn eval(&self, mut inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (tables, runtime) = self.tables.as_ref().context("tables were not bound")?;
        let mut x = inputs.remove(0).into_tensor();
        let shape: TVec<usize> = x.shape().into();
        let (tokens, width) = match *shape {
            [1, tokens, width] => (tokens, width),
            [1, _, tokens, head_dim] => (tokens, head_dim),
            _ => bail!("rotary embedding of a tensor of shape {shape:?}"),
        };
        let heads = if shape.len() == 4 { 1 } else { self.heads };
        let head_dim = width.checked_div(heads).unwrap_or(tables.width());
        ensure!(
            head_dim >= tables.width() && width.is_multiple_of(head_dim),
            "{width} values are not whole heads of {head_dim}"
        );
        let places = places(runtime, &inputs[0], tokens)?;
        let mut view = x.try_as_plain_ram_mut()?;
        let rows = view.as_slice_mut::<f32>()?.chunks_exact_mut(width);
        // With four axes the heads come first, each with all tokens.
        for (row, (_, position)) in rows.zip(places.iter().cycle()) {
            tables.apply(row, head_dim, *position, self.interleaved);
        }
        Ok(tvec![x.into_tvalue()])
    }
}
