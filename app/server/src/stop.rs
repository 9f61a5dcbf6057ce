//! How the program is asked to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engine::Cancel;

/// Asked of everything that runs: stop, leave the current question to the next start. Cannot be
/// taken back; clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    asked: Arc<AtomicBool>,
    cancel: Cancel,
}

impl Stop {
    /// Asks everything to stop.
    pub(crate) fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
        self.cancel.cancel();
    }

    /// True once asked.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// The flag that interrupts the model.
    pub(crate) fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }
}

/// Calls `orderly` at the first SIGTERM or SIGINT, and ends the process at the second.
///
/// # Errors
/// If the system does not let signals be caught.
#[cfg(unix)]
pub(crate) fn on_signal(orderly: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let mut orderly = Some(orderly);
        for _signal in &mut signals {
            match orderly.take() {
                Some(orderly) => orderly(),
                None => std::process::exit(1),
            }
        }
    })?;
    Ok(())
}

/// Without signals there is no orderly stop; what is being written is resumed at the next start.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub(crate) fn on_signal(_orderly: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    Ok(())
}
