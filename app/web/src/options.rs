//! What the owner of a server may set.

use std::time::Duration;

use crate::limits;

/// Settings of a [`Server`](crate::Server). The defaults are the constants of
/// [`limits`](crate::limits), where their reasons stand; tests set smaller ones.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Connections at once.
    pub connections_max: usize,
    /// Connections at once from one address.
    pub connections_per_address_max: usize,
    /// Answer streams at once.
    pub streams_max: usize,
    /// How long one stream may last.
    pub stream_time_max: Duration,
    /// Time to send a whole request.
    pub request_time_max: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections_max: limits::CONNECTIONS_MAX,
            connections_per_address_max: limits::CONNECTIONS_PER_ADDRESS_MAX,
            streams_max: limits::STREAMS_MAX,
            stream_time_max: limits::STREAM_TIME_MAX,
            request_time_max: limits::REQUEST_TIME_MAX,
        }
    }
}
