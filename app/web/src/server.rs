//! Taking the address, taking connections, and stopping.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use answer::desk::Desk;
use answer::review::ReviewDesk;

use crate::app::App;
use crate::bind::BindError;
use crate::gate::{self, Seats, Served};
use crate::inner::{Inner, Shared};
use crate::limits::{ACCEPT_PAUSE, CONNECTION_STACK_BYTES, STOP_TIME_MAX};
use crate::options::Options;
use crate::time::{self, Steady};

/// The web server of a box, bound to its address. Serves nothing before [`Server::run`].
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    inner: Inner,
    shared: Arc<Shared>,
    seats: Arc<Seats>,
    options: Options,
}

impl Server {
    /// Takes the address; people who connect from now on wait until [`Server::run`]. Without a
    /// `review` desk there are no pages under `/review`.
    ///
    /// # Errors
    /// [`BindError`] if another program holds the port, if this user may not take it, or if this
    /// computer does not have the address.
    pub fn bind(
        address: SocketAddr,
        desk: Arc<dyn Desk>,
        review: Option<Arc<dyn ReviewDesk>>,
        options: Options,
    ) -> Result<Self, BindError> {
        Self::bind_at(address, desk, review, options, time::steady())
    }

    /// The same with a clock of the caller's.
    pub(crate) fn bind_at(
        address: SocketAddr,
        desk: Arc<dyn Desk>,
        review: Option<Arc<dyn ReviewDesk>>,
        options: Options,
        now: Steady,
    ) -> Result<Self, BindError> {
        let listener = TcpListener::bind(address).map_err(|e| BindError::new(address, e))?;
        let address = listener.local_addr().map_err(|e| BindError::new(address, e))?;
        let shared = Arc::new(Shared {
            app: App::new(desk, review, options.streams_max, now),
            stream_time_max: options.stream_time_max,
            stopping: Arc::default(),
        });
        let inner = Inner::start(&shared).map_err(|e| BindError::new(address, e))?;
        let seats = Arc::new(Seats::new(&options));
        Ok(Self { listener, address, inner, shared, seats, options })
    }

    /// The address taken, with the real port if port 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// A handle that makes [`Server::run`] return.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper { address: self.address, stopping: Arc::clone(&self.shared.stopping) }
    }

    /// Serves people until [`Stopper::stop`] is called, then gives those it serves a moment to
    /// end. Nobody holds the desk any more when it returns, but for connections that did not end
    /// in that moment.
    pub fn run(mut self) {
        loop {
            let accepted = self.listener.accept();
            if self.shared.stopping.load(Ordering::SeqCst) {
                break;
            }
            match accepted {
                Ok((client, address)) => self.meet(client, address.ip().to_canonical()),
                Err(_) => thread::sleep(ACCEPT_PAUSE),
            }
        }
        let deadline = Instant::now() + STOP_TIME_MAX;
        while !self.seats.empty() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn meet(&mut self, client: TcpStream, address: IpAddr) {
        if self.inner.is_broken()
            && let Ok(fresh) = Inner::start(&self.shared)
        {
            self.inner = fresh;
        }
        let Some(seat) = self.seats.take(address) else {
            gate::turn_away(client);
            return;
        };
        let inner = self.inner.address();
        let broken = self.inner.broken();
        let time_max = self.options.request_time_max;
        // Without a thread the client is dropped, which ends its connection.
        let _ = thread::Builder::new()
            .name("web-gate".to_owned())
            .stack_size(CONNECTION_STACK_BYTES)
            .spawn(move || {
                if gate::serve(client, address, inner, time_max) == Served::NoInner {
                    broken.store(true, Ordering::SeqCst);
                }
                drop(seat);
            });
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
        // Taking a connection sleeps until somebody connects, so somebody does.
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        drop(TcpStream::connect_timeout(&address, Duration::from_secs(1)));
    }
}
