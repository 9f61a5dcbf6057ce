//! `com.microsoft::GroupQueryAttention` for a ragged batch, with the KV cache inside.
//!
//! Inputs: query `[1, T, heads * d]`, key and value `[1, T, kv_heads * d]`, places `[T, 2]`; or one
//! packed `[1, T, (heads + 2 kv_heads) * d]` and places. Output: `[1, T, heads * d]`.

use super::rotary::RotaryTables;
use super::{Runtime, float, places, width, with_width, wrong_weight};
use crate::error::EngineError;
use int4_kernels::attention::{AttentionShape, Run, attend};
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
            let tables = RotaryTables::find(pack, node, (cos, sin), runtime.context)?;
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
        let queries = self.queries_into_cache(rt, inputs, &places, &shape)?;
        let slots = rt.layer(self.layer);
        let runs = runs(&places).into_iter().map(|(first_token, tokens)| {
            let (slot, first_position) = places[first_token];
            let cache = slots[slot].as_ref().context("slot without a cache")?;
            Ok(Run { first_token, tokens, first_position, cache })
        });
        let runs = runs.collect::<TractResult<Vec<_>>>()?;
        let mut output = Tensor::zero::<f32>(&[1, tokens, self.heads * dim])?;
        {
            let mut view = output.try_as_plain_ram_mut()?;
            attend(rt.isa, &rt.pool, &shape, &queries, &runs, view.as_slice_mut::<f32>()?);
        }
        Ok(tvec![output.into_tvalue()])
    }

    /// Writes all keys and values of the batch into their slots and gives the queries, turned:
    /// `[T, heads * d]`.
    fn queries_into_cache(
        &self,
        rt: &Runtime,
        inputs: &[TValue],
        places: &[(usize, usize)],
        shape: &AttentionShape,
    ) -> TractResult<Vec<f32>> {
        let dim = shape.head_dim;
        let (q_width, kv_width) = (self.heads * dim, self.kv_heads * dim);
        let mut queries = vec![0.0; places.len() * q_width];
        let mut key = vec![0.0; kv_width];
        let views: TVec<_> =
            inputs.iter().map(|i| i.try_as_plain_ram()).collect::<Result<_, _>>()?;
        let mut slots = rt.layer(self.layer);
        for (t, (&(slot, position), query)) in
            places.iter().zip(queries.chunks_exact_mut(q_width)).enumerate()
        {
            let row = |input: usize, start: usize, len: usize, width: usize| {
                let all = views[input].as_slice::<f32>()?;
                TractResult::Ok(&all[t * width + start..t * width + start + len])
            };
            let all = q_width + 2 * kv_width;
            let (q, k, v) = if self.packed_qkv {
                let (k, v) = (q_width, q_width + kv_width);
                (row(0, 0, q_width, all)?, row(0, k, kv_width, all)?, row(0, v, kv_width, all)?)
            } else {
                let kv = |input| row(input, 0, kv_width, kv_width);
                (row(0, 0, q_width, q_width)?, kv(1)?, kv(2)?)
            };
            query.copy_from_slice(q);
            key.copy_from_slice(k);
            if let Some(tables) = &self.tables {
                tables.apply(query, dim, position, self.interleaved);
                tables.apply(&mut key, dim, position, self.interleaved);
            }
            rt.cache(&mut slots, slot, shape).write(shape, position, &key, v);
        }
        Ok(queries)
    }
}

/// Cuts a batch into (first token, tokens) of one slot at consecutive positions.
fn runs(places: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = vec![];
    for (t, &(slot, position)) in places.iter().enumerate() {
        match runs.last_mut() {
            Some((first, tokens)) if places[*first] == (slot, position.wrapping_sub(*tokens)) => {
                *tokens += 1;
            }
            _ => runs.push((t, 1)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::runs;

    #[test]
    fn a_batch_is_cut_where_slot_or_position_jumps() {
        assert_eq!(runs(&[]), []);
        assert_eq!(
            runs(&[(0, 5), (0, 6), (1, 7), (0, 8), (0, 0)]),
            [(0, 2), (2, 1), (3, 1), (4, 1)]
        );
    }
}
