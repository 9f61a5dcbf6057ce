//! Logs on stderr. They never hold a question, an answer or anything else that people wrote.

use std::io::{self, IsTerminal};
use std::panic;

use tracing_subscriber::EnvFilter;

/// Starts logging. No times: a box has no clock to trust, and the journal of the system adds its
/// own.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let started = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .try_init();
    // Started twice only in tests, where the first one serves.
    drop(started);
}

/// Has a panic say where it came from and nothing more: its message may quote what a person wrote.
pub(crate) fn tame_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        crate::failure::tell(&format!("baraza: fault at {place}: report it with this line"));
    }));
}
