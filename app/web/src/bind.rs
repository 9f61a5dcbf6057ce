//! Why the server could not take its address.

use std::io;
use std::net::SocketAddr;

/// The server could not take its address. The message says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Another program, often another `baraza serve`, listens there.
    #[error(
        "{address} is in use by another program: stop that program, or choose another port with \
         --listen"
    )]
    InUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// This user may not take the port.
    #[error(
        "not permitted to listen on {address}: choose a port from 1024 up with --listen, or let \
         the service manager grant CAP_NET_BIND_SERVICE"
    )]
    NotPermitted {
        /// The address asked for.
        address: SocketAddr,
    },
    /// This computer does not have the address.
    #[error(
        "this computer does not have the address {address}: use 0.0.0.0 for all its networks, \
         with --listen 0.0.0.0:{}", address.port()
    )]
    NoSuchAddress {
        /// The address asked for.
        address: SocketAddr,
    },
    /// Anything else the system said.
    #[error("could not listen on {address} ({reason}): try another address with --listen")]
    Other {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        reason: io::Error,
    },
}

impl BindError {
    pub(crate) fn new(address: SocketAddr, reason: io::Error) -> Self {
        match reason.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address },
            io::ErrorKind::PermissionDenied => Self::NotPermitted { address },
            io::ErrorKind::AddrNotAvailable => Self::NoSuchAddress { address },
            _ => Self::Other { address, reason },
        }
    }
}
