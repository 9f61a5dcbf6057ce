//! Going through a file, item by item.

use crate::error::{DocumentError, Skipped};
use crate::item::{Collection, Item};
use crate::open::Kind;

/// An open file. Items come in an order that depends on the file's bytes only.
pub trait Reader: Send {
    /// What it is.
    fn kind(&self) -> Kind;

    /// What it says of itself.
    fn collection(&self) -> &Collection;

    /// What the person should know about the reading as a whole, such as a guessed encoding.
    fn notices(&self) -> &[String];

    /// How many positions there are, where that is known without reading all.
    fn total(&self) -> Option<u64>;

    /// The position of what [`Reader::next`] looks at next; 0 at first. Keep it with what came out,
    /// and go on from it after a crash.
    fn position(&self) -> u64;

    /// Goes to a position that [`Reader::position`] gave for the same file.
    ///
    /// # Errors
    ///
    /// [`DocumentError::Seek`] if it is behind the end.
    fn seek(&mut self, position: u64) -> Result<(), DocumentError>;

    /// The next item, or which one cannot be read and why; `None` at the end.
    fn next(&mut self) -> Option<Result<Item, Skipped>>;
}

/// A file whose items can be read in any order.
pub(crate) trait Shelf: Send {
    /// How many places there are.
    fn places(&self) -> u64;

    /// What stands there; `None` for a place that has nothing for a reader.
    fn read(&mut self, place: u64) -> Option<Result<Item, Skipped>>;
}

/// Walks a shelf from one end to the other.
pub(crate) struct Walk<S> {
    pub(crate) kind: Kind,
    pub(crate) collection: Collection,
    pub(crate) notices: Vec<String>,
    pub(crate) shelf: S,
    pub(crate) position: u64,
}

impl<S: Shelf> Walk<S> {
    pub(crate) fn new(kind: Kind, collection: Collection, shelf: S) -> Self {
        Self { kind, collection, notices: Vec::new(), shelf, position: 0 }
    }
}

impl<S: Shelf> Reader for Walk<S> {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn collection(&self) -> &Collection {
        &self.collection
    }

    fn notices(&self) -> &[String] {
        &self.notices
    }

    fn total(&self) -> Option<u64> {
        Some(self.shelf.places())
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn seek(&mut self, position: u64) -> Result<(), DocumentError> {
        let total = self.shelf.places();
        if position > total {
            return Err(DocumentError::Seek { position, total });
        }
        self.position = position;
        Ok(())
    }

    fn next(&mut self) -> Option<Result<Item, Skipped>> {
        while self.position < self.shelf.places() {
            let place = self.position;
            self.position += 1;
            if let Some(found) = self.shelf.read(place) {
                return Some(found);
            }
        }
        None
    }
}
