//! What the owner of a server may set.

/// Settings of a [`Server`](crate::Server).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Options {}
