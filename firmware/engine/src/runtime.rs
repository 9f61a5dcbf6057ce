//! What all operators of one model share while it runs.

use crate::limits::{ROWS_ALONE, SLOTS_MAX};
use crate::ops::rotary::RotaryTables;
use int4_kernels::attention::{AttentionShape, KvCache, KvPrecision};
use int4_kernels::{Isa, Precision, QuantizedRows, ThreadPool};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Threads, kernel, precision, scratch space and KV caches.
#[derive(Debug)]
pub(crate) struct Runtime {
    pub(crate) isa: Isa,
    pub(crate) pool: ThreadPool,
    pub(crate) precision: Precision,
    /// Positions a slot can hold.
    pub(crate) context: usize,
    /// `layers[layer][slot]`.
    layers: Vec<Mutex<Vec<Option<KvCache>>>>,
    scratch: Mutex<QuantizedRows>,
    /// Rotary tables by the names of their cosines and sines.
    tables: Mutex<HashMap<(String, String), RotaryTables>>,
}

/// A shared [`Runtime`] that compares by identity, as tract wants its operators to.
#[derive(Debug, Clone)]
pub(crate) struct RuntimeRef(pub(crate) Arc<Runtime>);

impl PartialEq for RuntimeRef {
    fn eq(&self, other: &RuntimeRef) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for RuntimeRef {}

impl Runtime {
    pub(crate) fn new(
        isa: Isa,
        threads: usize,
        precision: Precision,
        context: usize,
        layers: usize,
    ) -> Runtime {
        let layers = (0..layers).map(|_| Mutex::new((0..SLOTS_MAX).map(|_| None).collect()));
        Runtime {
            isa,
            pool: ThreadPool::new(threads),
            precision,
            context,
            layers: layers.collect(),
            scratch: Mutex::default(),
            tables: Mutex::default(),
        }
    }

    /// Layers that have a cache.
    pub(crate) fn layers(&self) -> usize {
        self.layers.len()
    }

    /// The caches of one layer, by slot. Attention makes each one on first use.
    pub(crate) fn layer(&self, layer: usize) -> MutexGuard<'_, Vec<Option<KvCache>>> {
        self.layers[layer].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How keys and values are kept: no more finely than the activations that they are made of.
    pub(crate) fn kv_precision(&self) -> KvPrecision {
        match self.precision {
            Precision::Int8 => KvPrecision::Int8,
            Precision::F32 => KvPrecision::F16,
        }
    }

    /// Gives a slot empty caches for so many positions.
    pub(crate) fn prepare(&self, slot: usize, shape: &AttentionShape, positions: usize) {
        for layer in 0..self.layers.len() {
            self.layer(layer)[slot] = Some(KvCache::new(shape, self.kv_precision(), positions));
        }
    }

    /// Takes what [`Runtime::save`] gave; false if it does not fit, and the slot is then empty.
    pub(crate) fn restore(&self, slot: usize, positions: usize, mut saved: &[u8]) -> bool {
        (0..self.layers.len()).all(|layer| {
            let mut slots = self.layer(layer);
            let Some(cache) = slots[slot].as_mut() else { return false };
            let Some((own, rest)) = saved.split_at_checked(cache.saved_bytes(positions)) else {
                return false;
            };
            saved = rest;
            cache.restore(positions, own)
        }) && saved.is_empty()
    }

    /// Keys and values of a slot's first positions, layer by layer.
    pub(crate) fn save(&self, slot: usize, positions: usize) -> Option<Vec<u8>> {
        let mut saved = vec![];
        for layer in 0..self.layers.len() {
            self.layer(layer)[slot].as_ref()?.save(positions, &mut saved);
        }
        Some(saved)
    }

    /// Forgets a sequence and gives its memory back.
    pub(crate) fn free(&self, slot: usize) {
        for layer in 0..self.layers.len() {
            self.layer(layer)[slot] = None;
        }
    }

    /// Calls `body` on rows (`width` values each) of `x` and `out`, on all threads if there are
    /// many.
    pub(crate) fn by_rows(
        &self,
        width: usize,
        x: &[f32],
        out: &mut [f32],
        body: &(dyn Fn(&[f32], &mut [f32]) + Sync),
    ) {
        if x.len() <= ROWS_ALONE * width {
            return body(x, out);
        }
        let chunk = ROWS_ALONE * width;
        let mut work: Vec<_> = x.chunks(chunk).zip(out.chunks_mut(chunk)).collect();
        self.pool.for_each_mut(&mut work, &|(x, out)| body(x, out));
    }

    /// Rotary tables read so far.
    pub(crate) fn tables(&self) -> MutexGuard<'_, HashMap<(String, String), RotaryTables>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where operators round their activations, one after the other.
    pub(crate) fn scratch(&self) -> MutexGuard<'_, QuantizedRows> {
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
