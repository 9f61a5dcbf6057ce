//! `com.microsoft::GroupQueryAttention` for a ragged batch, with the KV cache inside.
//!
//! Inputs: query `[1, T, heads * d]`, key and value `[1, T, kv_heads * d]`, places `[T, 2]`; or one
//! packed `[1, T, (heads + 2 kv_heads) * d]` and places. Output: `[1, T, heads * d]`.

use super::rotary::RotaryTables;
use super::{Runtime, float, places, width, with_width, wrong_weight};
use crate::error::EngineError;
use int4_kernels::attention::{AttentionShape, KvCache, Projections, Rows, Run, attend};
use model_pack::Pack;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

/// The operator.
#[derive(Debug, Clone)]
pub(super) struct Attention {
    layer: usize,
    heads: usize,
    kv_heads: usize,
    scale: f32,
    softcap: f32,
    window: Option<usize>,
    /// Names of the cosine and sine tables, if the operator turns queries and keys itself.
    rotary: Option<(String, String)>,
    interleaved: bool,
    packed_qkv: bool,
    tables: Option<RotaryTables>,
}

impl PartialEq for Attention {
    fn eq(&self, other: &Attention) -> bool {
        self.layer == other.layer
    }
}

impl Attention {
    pub(super) fn parse(node: &NodeProto) -> TractResult<Attention> {
        let used = |i: usize| node.input.get(i).is_some_and(|name| !name.is_empty());
        ensure!(used(0) && used(3) && used(1) == used(2), "query, key, value, places expected");
        ensure!(node.input.len() == 4, "{} inputs where 4 are expected", node.input.len());
        let (heads, kv_heads) = (node.get_attr("num_heads")?, node.get_attr("kv_num_heads")?);
        ensure!(
            kv_heads > 0 && heads > 0 && heads % kv_heads == 0,
            "{heads} heads do not share {kv_heads} key heads evenly"
        );
        let window = node.get_attr_opt::<i64>("local_window_size")?.unwrap_or(-1);
        let rotary = if node.get_attr_opt::<i64>("do_rotary")?.unwrap_or(0) != 0 {
            Some((node.get_attr("cos_cache")?, node.get_attr("sin_cache")?))
        } else {
            None
        };
        Ok(Attention {
            layer: node.get_attr("layer")?,
            heads,
            kv_heads,
            scale: node.get_attr_opt("scale")?.unwrap_or(0.0),
            softcap: node.get_attr_opt("softcap")?.unwrap_or(0.0),
            window: usize::try_from(window).ok().filter(|w| *w > 0),
            rotary,
            interleaved: node.get_attr_opt::<i64>("rotary_interleaved")?.unwrap_or(0) != 0,
            packed_qkv: !used(1),
            tables: None,
        })
    }

    pub(super) fn bind(
        &mut self,
        node: &str,
        pack: &Pack,
        runtime: &Runtime,
    ) -> Result<(), EngineError> {
        if self.layer >= runtime.layers() {
            let reason = format!("node `{node}` is layer {} of {}", self.layer, runtime.layers());
            return Err(EngineError::Graph { reason });
        }
        if let Some((cos, sin)) = &self.rotary {
            let tables = RotaryTables::find(pack, node, (cos, sin), runtime)?;
            if tables.width() > pack.manifest().model.head_dim as usize {
                return Err(wrong_weight(node, cos, "is wider than a head"));
            }
            self.tables = Some(tables);
        }
        Ok(())
    }

    pub(super) fn facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        float(inputs[0])?;
        let last = inputs[0].shape.last().context("no shape")?.to_usize()?;
        let parts = if self.packed_qkv { self.heads + 2 * self.kv_heads } else { self.heads };
        ensure!(last % parts == 0, "rows of {last} values are not {parts} heads");
        let dim = last / parts;
        if !self.packed_qkv {
            width(inputs[1], self.kv_heads * dim)?;
            width(inputs[2], self.kv_heads * dim)?;
        }
        Ok(tvec![with_width(inputs[0], self.heads * dim)])
    }

    pub(super) fn eval(&self, rt: &Runtime, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        let last = *inputs[0].shape().last().context("no shape")?;
        let parts = if self.packed_qkv { self.heads + 2 * self.kv_heads } else { self.heads };
        let dim = last / parts;
        let tokens = inputs[0].len() / last;
        let places = places(rt, inputs.last().context("no places")?, tokens)?;
        let shape = AttentionShape {
            heads: self.heads,
            kv_heads: self.kv_heads,
            head_dim: dim,
            scale: if self.scale == 0.0 { 1.0 / (dim as f32).sqrt() } else { self.scale },
            softcap: self.softcap,
            window: self.window,
        };
        let sequences = sequences(&places)?;
        let mut slots = rt.layer(self.layer);
        let mut runs: Vec<Run<'_>> = vec![];
        // One pass over the slots, in their order, lends each cache once.
        for (slot, cache) in slots.iter_mut().enumerate() {
            let Some(tokens) = sequences.get(&slot) else { continue };
            let first_position = places[tokens[0]].1;
            let cache =
                cache.get_or_insert_with(|| KvCache::new(&shape, rt.kv_precision(), rt.context));
            runs.push(Run { tokens, first_position, cache });
        }
        let mut output = Tensor::zero::<f32>(&[1, tokens, self.heads * dim])?;
        {
            let views: TVec<_> =
                inputs.iter().map(|i| i.try_as_plain_ram()).collect::<Result<_, _>>()?;
            let rows = |input: usize, offset: usize, width: usize| {
                let values = views[input].as_slice::<f32>()?;
                TractResult::Ok(Rows { values, stride: width, offset })
            };
            let (q_width, kv_width) = (self.heads * dim, self.kv_heads * dim);
            let [query, key, value] = if self.packed_qkv {
                [rows(0, 0, last)?, rows(0, q_width, last)?, rows(0, q_width + kv_width, last)?]
            } else {
                [rows(0, 0, q_width)?, rows(1, 0, kv_width)?, rows(2, 0, kv_width)?]
            };
            let rope = self.tables.as_ref().map(|tables| tables.rope(self.interleaved));
            let inputs = Projections { query, key, value, rope };
            let mut view = output.try_as_plain_ram_mut()?;
            attend(rt.isa, &rt.pool, &shape, &inputs, &mut runs, view.as_slice_mut::<f32>()?);
        }
        Ok(tvec![output.into_tvalue()])
    }
}

/// The tokens of a batch by slot, in the order in which they stand there.
fn sequences(places: &[(usize, usize)]) -> TractResult<HashMap<usize, Vec<usize>>> {
    let mut found: HashMap<usize, Vec<usize>> = HashMap::new();
    for (token, &(slot, position)) in places.iter().enumerate() {
        let tokens = found.entry(slot).or_default();
        if let Some(last) = tokens.last() {
            let expected = places[*last].1 + 1;
            ensure!(position == expected, "slot {slot}: position {position}, not {expected}");
        }
        tokens.push(token);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::sequences;

    #[test]
    fn a_batch_is_sorted_by_slot() {
        let found = sequences(&[(0, 5), (0, 6), (1, 7), (0, 7), (3, 0)]).unwrap();
        assert_eq!((&found[&0], &found[&1], &found[&3]), (&vec![0, 1, 3], &vec![2], &vec![4]));
        assert!(sequences(&[]).unwrap().is_empty());
        let error = sequences(&[(2, 5), (2, 7)]).unwrap_err().to_string();
        assert!(error.contains("slot 2: position 7, not 6"), "{error}");
    }
}
