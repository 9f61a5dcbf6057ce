use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::mmap::Mapping;

/// Who owns the bytes of a file.
#[derive(Debug)]
pub(crate) enum Owner {
    /// A read-only map of a file.
    Mapped(Mapping),
    /// Read into memory.
    Heap(Vec<u8>),
    /// Part of the program.
    Static(&'static [u8]),
}

impl Owner {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(mapping) => mapping.as_slice(),
            Self::Heap(bytes) => bytes,
            Self::Static(bytes) => bytes,
        }
    }
}

/// A range of a pack's bytes that keeps the pack's memory alive.
///
/// Cloning copies a pointer and a range. Tensors start at a multiple of 64 bytes in memory.
/// Derefs to `[u8]`.
#[derive(Clone)]
pub struct PackBytes {
    owner: Arc<Owner>,
    range: Range<usize>,
}

impl PackBytes {
    /// The whole of `owner`.
    pub(crate) fn whole(owner: Owner) -> Self {
        let range = 0..owner.as_slice().len();
        Self { owner: Arc::new(owner), range }
    }

    /// A part of `self`; `None` where `range` reaches past its end.
    pub(crate) fn part(&self, range: Range<usize>) -> Option<Self> {
        let start = self.range.start.checked_add(range.start)?;
        let end = self.range.start.checked_add(range.end)?;
        (start <= end && end <= self.range.end)
            .then(|| Self { owner: Arc::clone(&self.owner), range: start..end })
    }
}

impl Deref for PackBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.owner.as_slice()[self.range.clone()]
    }
}

impl AsRef<[u8]> for PackBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for PackBytes {
    /// Prints the length only: weights are no reading matter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackBytes({} bytes)", self.range.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stay_inside() {
        let whole = PackBytes::whole(Owner::Heap((0..10).collect()));
        let part = whole.part(2..8).expect("inside");
        assert_eq!(&*part, [2, 3, 4, 5, 6, 7]);
        assert_eq!(&*part.part(1..3).expect("inside"), [3, 4]);
        assert!(part.part(0..7).is_none());
        assert!(part.part(usize::MAX..usize::MAX).is_none());
        assert_eq!(format!("{part:?}"), "PackBytes(6 bytes)");
    }

    #[test]
    fn can_be_owned_by_an_operator() {
        fn owned<T: Clone + Send + Sync + 'static + fmt::Debug>() {}
        owned::<PackBytes>();
    }
}
