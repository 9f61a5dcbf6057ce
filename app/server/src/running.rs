//! Time as a box without a clock has it: how long it has run in all its lives, and what the system
//! says of date and start.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use answer::desk::Clock;
use store::{Store, clock};

/// Seconds of all lives before this one, and the time since it began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Running {
    before_s: u64,
    begun: Instant,
}

impl Running {
    /// A life that begins now, after others that lasted `before_s` seconds.
    pub(crate) fn after(before_s: u64) -> Self {
        Self { before_s, begun: Instant::now() }
    }

    /// Seconds in all.
    pub(crate) fn seconds(&self) -> u64 {
        self.before_s.saturating_add(self.begun.elapsed().as_secs())
    }
}

/// What the system's clock shows, in seconds since 1970. Not to be believed as it is.
pub(crate) fn system_s() -> u64 {
    // A clock before 1970 is as wrong as one at it.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Names this start of the machine; empty where the system does not say.
pub(crate) fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// The time, if the box can believe it.
pub(crate) fn now(store: &Store) -> Clock {
    store.clock(system_s(), &boot()).unwrap_or_default()
}

/// Today's date, if the box knows it.
pub(crate) fn today(store: &Store) -> Option<String> {
    clock::today(now(store))
}
