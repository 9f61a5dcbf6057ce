//! Reads what people have: CSV, JSONL, Markdown, HTML, plain text, EPUB, PDF with a text layer, and
//! ZIM. Files in, clean text out.
//!
//! [`open`] finds out what a path is and gives a [`Reader`], which hands out one [`Item`] after the
//! other in an order that never changes, so that an import that was killed goes on with
//! [`Reader::seek`]. [`cut`] makes passages of a document that a small model can be shown. An item
//! that cannot be read is a [`Skipped`] with its reason and never ends the rest.
//!
//! No database, no network, no clock. Every file is taken to be hostile: offsets are checked,
//! unpacked sizes bounded (`limits`), and no input panics.

#![forbid(unsafe_code)]

mod cut;
mod dom;
mod epub;
mod error;
mod files;
mod html;
mod item;
pub mod limits;
mod markdown;
mod open;
mod outline;
mod pdf;
mod reader;
mod records;
mod table;
mod text;
mod zim;

pub use cut::{Piece, cut};
pub use error::{DocumentError, Skipped};
pub use item::{Collection, Document, Entry, Item, Section, Source};
pub use open::{Kind, Options, open};
pub use reader::Reader;
