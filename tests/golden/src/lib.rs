//! What must be the same on every processor: what the embedded model says, word for word, and how the
//! engine agrees with onnxruntime. A crate of its own so that it can be cross-compiled without the server
//! and the browsers' client.

#![forbid(unsafe_code)]
