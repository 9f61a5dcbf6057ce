//! What the embedded model says, word for word. A crate of its own so that it can be cross-compiled
//! without the server and the browsers' client.

#![forbid(unsafe_code)]
