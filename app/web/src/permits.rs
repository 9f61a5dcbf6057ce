//! A number of things that may be held at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Hands out a fixed number of permits.
#[derive(Debug)]
pub(crate) struct Permits {
    taken: Arc<AtomicUsize>,
    most: usize,
}

/// One permit; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit(Arc<AtomicUsize>);

impl Permits {
    pub(crate) fn new(most: usize) -> Self {
        Self { taken: Arc::default(), most }
    }

    /// A permit, or none if all are held.
    pub(crate) fn take(&self) -> Option<Permit> {
        self.taken
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| (n < self.most).then_some(n + 1))
            .ok()
            .map(|_| Permit(Arc::clone(&self.taken)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_there_are() {
        let permits = Permits::new(2);
        let first = permits.take();
        let second = permits.take();
        assert!(first.is_some() && second.is_some() && permits.take().is_none());
        drop(first);
        assert!(permits.take().is_some());
    }
}
