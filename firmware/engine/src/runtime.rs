//! What all operators of one model share while it runs.

use crate::limits::SLOTS_MAX;
use int4_kernels::attention::{AttentionShape, KvCache};
use int4_kernels::{Isa, Precision, QuantizedRows, ThreadPool};
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
        }
    }

    /// Layers that have a cache.
    pub(crate) fn layers(&self) -> usize {
        self.layers.len()
    }

    /// The caches of one layer, by slot. Each one is made by [`Runtime::cache`].
    pub(crate) fn layer(&self, layer: usize) -> MutexGuard<'_, Vec<Option<KvCache>>> {
        self.layers[layer].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cache of a slot, made on first use.
    pub(crate) fn cache<'a>(
        &self,
        slots: &'a mut [Option<KvCache>],
        slot: usize,
        shape: &AttentionShape,
    ) -> &'a mut KvCache {
        slots[slot].get_or_insert_with(|| KvCache::new(shape, self.context))
    }

    /// Forgets a sequence and gives its memory back.
    pub(crate) fn free(&self, slot: usize) {
        for layer in 0..self.layers.len() {
            self.layer(layer)[slot] = None;
        }
    }

    pub(crate) fn scratch(&self) -> MutexGuard<'_, QuantizedRows> {
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
