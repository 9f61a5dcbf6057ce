//! What tests of pages need: a browser, and a desk that says what it is told.

pub(crate) mod browser;
pub(crate) mod desk;

use std::time::{Duration, Instant};

/// How long a test waits for something that takes a second on an idle computer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again until there is an answer.
///
/// # Panics
/// If there is none for [`PATIENCE`].
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// True if a program is installed. Where it is not, the test that asks is skipped aloud, so that a
/// fresh machine passes without it; with `CI` set it fails instead.
///
/// # Panics
/// If the program is not there and `CI` is set.
pub(crate) fn is_here(program: &str, advice: &str) -> bool {
    let found = std::process::Command::new(program)
        .arg(if program == "w3m" { "-version" } else { "--version" })
        .output();
    let Err(error) = found else { return true };
    assert!(std::env::var_os("CI").is_none(), "could not start {program} ({error}): {advice}");
    println!("skipped: could not start {program} ({error}): {advice}");
    false
}
