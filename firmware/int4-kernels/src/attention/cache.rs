//! Keys and values of one sequence and layer; the layout is in the module above.

use super::element::Element;
use super::{AttentionShape, BLOCK, KEY_GROUP, KvPrecision};
use half::f16;

/// Keys and values of one kv head.
#[derive(Debug)]
pub(super) struct Head<E> {
    pub(super) capacity: usize,
    pub(super) keys: Vec<E>,
    pub(super) values: Vec<E>,
    /// These three are empty without scales.
    pub(super) key_scales: Vec<f32>,
    pub(super) value_scales: Vec<f32>,
    pub(super) key_sums: Vec<i32>,
}

impl<E: Element> Head<E> {
    pub(super) fn new(shape: &AttentionShape, capacity: usize) -> Head<E> {
        let scales = if E::SCALED { capacity } else { 0 };
        Head {
            capacity,
            keys: E::zeros(capacity * shape.padded_dim()),
            values: E::zeros(capacity * shape.padded_dim()),
            key_scales: vec![0.0; scales],
            value_scales: vec![0.0; scales],
            key_sums: vec![0; scales],
        }
    }

    /// `G` key groups from position `start` on, in pieces of `N` that are loaded together.
    #[inline(always)]
    pub(super) fn groups<const N: usize, const G: usize>(&self, start: usize) -> [&[[E; N]]; G] {
        // Keys and values have the same length: capacity times the padded width.
        let dim = self.values.len() / self.capacity;
        let group = |g| &self.keys[(start + g * KEY_GROUP) * dim..][..KEY_GROUP * dim];
        std::array::from_fn(|g| group(g).as_chunks().0)
    }

    /// Keeps the key and the value of one position. `room` has space for one, rounded and padded with
    /// zeros.
    pub(super) fn write(&mut self, position: usize, key: &[f32], value: &[f32], room: &mut [E]) {
        let dim = room.len();
        let key_scale = E::round(key, &mut room[..key.len()]);
        let group = &mut self.keys[position / KEY_GROUP * KEY_GROUP * dim..][..KEY_GROUP * dim];
        let lane = position % KEY_GROUP * E::TOGETHER;
        let lanes = group.chunks_exact_mut(KEY_GROUP * E::TOGETHER);
        for (key, lanes) in room.chunks_exact(E::TOGETHER).zip(lanes) {
            lanes[lane..lane + E::TOGETHER].copy_from_slice(key);
        }
        let value_scale = E::round(value, &mut self.values[position * dim..][..value.len()]);
        if E::SCALED {
            self.key_scales[position] = key_scale;
            self.value_scales[position] = value_scale;
            self.key_sums[position] = E::sum(room);
        }
    }

    /// Keys and values that [`Head::save`] appends for so many positions of padded width `dim`, and
    /// all bytes.
    pub(super) fn saved(dim: usize, positions: usize) -> (usize, usize, usize) {
        let keys = positions.next_multiple_of(KEY_GROUP) * dim;
        let values = positions * dim;
        let scales = if E::SCALED { 3 * positions * size_of::<f32>() } else { 0 };
        (keys, values, (keys + values) * E::BYTES + scales)
    }

    pub(super) fn save(&self, dim: usize, positions: usize, out: &mut Vec<u8>) {
        let (keys, values, _) = Self::saved(dim, positions);
        let begin = out.len();
        E::write(&self.keys[..keys], out);
        // What lies beside the last key is not part of it.
        let (whole, lane) = (positions / KEY_GROUP, E::TOGETHER * E::BYTES);
        let last = &mut out[begin + whole * KEY_GROUP * dim * E::BYTES..];
        for lanes in last.chunks_exact_mut(KEY_GROUP * lane) {
            lanes[(positions - whole * KEY_GROUP) * lane..].fill(0);
        }
        E::write(&self.values[..values], out);
        if E::SCALED {
            let scales = self.key_scales[..positions].iter().chain(&self.value_scales[..positions]);
            out.extend(scales.flat_map(|scale| scale.to_le_bytes()));
            out.extend(self.key_sums[..positions].iter().flat_map(|sum| sum.to_le_bytes()));
        }
    }

    /// `from` has the length that [`Head::saved`] says.
    pub(super) fn restore(&mut self, dim: usize, positions: usize, from: &[u8]) {
        let (keys, values, _) = Self::saved(dim, positions);
        let (key_bytes, rest) = from.split_at(keys * E::BYTES);
        let (value_bytes, rest) = rest.split_at(values * E::BYTES);
        E::read(&mut self.keys[..keys], key_bytes);
        E::read(&mut self.values[..values], value_bytes);
        if E::SCALED {
            let (scale_bytes, sum_bytes) = rest.split_at(2 * positions * size_of::<f32>());
            let scales = self.key_scales[..positions].iter_mut();
            let scales = scales.chain(&mut self.value_scales[..positions]);
            for (scale, bytes) in scales.zip(scale_bytes.as_chunks().0) {
                *scale = f32::from_le_bytes(*bytes);
            }
            for (sum, bytes) in self.key_sums.iter_mut().zip(sum_bytes.as_chunks().0) {
                *sum = i32::from_le_bytes(*bytes);
            }
        }
    }
}

/// The heads of a cache, of either kind.
#[derive(Debug)]
pub(super) enum Heads {
    Int8(Vec<Head<i8>>),
    F16(Vec<Head<f16>>),
}

/// The same expression for either kind of heads.
macro_rules! for_heads {
    ($heads:expr, $name:ident => $body:expr) => {
        match $heads {
            Heads::Int8($name) => $body,
            Heads::F16($name) => $body,
        }
    };
}

/// The cache of one sequence and layer.
#[derive(Debug)]
pub struct KvCache {
    pub(super) heads: Heads,
    /// Padded width of a head.
    pub(super) dim: usize,
    pub(super) capacity: usize,
}

impl KvCache {
    /// Room for `capacity` positions. Memory is claimed from the system as positions are written.
    pub fn new(shape: &AttentionShape, precision: KvPrecision, capacity: usize) -> KvCache {
        let capacity = capacity.next_multiple_of(BLOCK);
        let heads = 0..shape.kv_heads;
        let heads = match precision {
            KvPrecision::Int8 => Heads::Int8(heads.map(|_| Head::new(shape, capacity)).collect()),
            KvPrecision::F16 => Heads::F16(heads.map(|_| Head::new(shape, capacity)).collect()),
        };
        KvCache { heads, dim: shape.padded_dim(), capacity }
    }

    /// Positions that fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Bytes of one head's first positions, saved.
    fn head_bytes(&self, positions: usize) -> usize {
        match &self.heads {
            Heads::Int8(_) => Head::<i8>::saved(self.dim, positions).2,
            Heads::F16(_) => Head::<f16>::saved(self.dim, positions).2,
        }
    }

    /// Bytes that [`KvCache::save`] appends for this many positions.
    pub fn saved_bytes(&self, positions: usize) -> usize {
        for_heads!(&self.heads, heads => heads.len()) * self.head_bytes(positions)
    }

    /// Appends the first `positions`, head by head: keys, values, scales, little endian.
    ///
    /// # Panics
    /// If they are more than the capacity.
    pub fn save(&self, positions: usize, out: &mut Vec<u8>) {
        assert!(positions <= self.capacity, "{positions} positions of {}", self.capacity);
        for_heads!(&self.heads, heads => {
            heads.iter().for_each(|head| head.save(self.dim, positions, out));
        });
    }

    /// Takes what [`KvCache::save`] gave for this many positions; false, and nothing is changed, if
    /// `saved` has another length or does not fit.
    #[must_use]
    pub fn restore(&mut self, positions: usize, saved: &[u8]) -> bool {
        if positions > self.capacity || saved.len() != self.saved_bytes(positions) {
            return false;
        }
        let each = self.head_bytes(positions);
        if each == 0 {
            return true;
        }
        let (dim, saved) = (self.dim, saved.chunks_exact(each));
        for_heads!(&mut self.heads, heads => {
            heads.iter_mut().zip(saved).for_each(|(head, saved)| {
                head.restore(dim, positions, saved);
            });
        });
        true
    }
}

pub(super) use for_heads;
