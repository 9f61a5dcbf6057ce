//! The inner server: `tiny_http` on the loopback interface, and the threads that make its pages.
//! Only the gate talks to it; see there for the reason.

use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tiny_http::{HeaderField, Request};

use crate::app::{App, Following, Incoming, Outcome, refusal};
use crate::head::PEER;
use crate::limits::{CONNECTION_STACK_BYTES, REVIEW_BODY_BYTES_MAX, WORKERS};
use crate::pages::View;
use crate::stream;
use crate::trouble::Trouble;

/// The address of a request that did not come through the gate.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// What all threads of a server share.
pub(crate) struct Shared {
    pub(crate) app: App,
    pub(crate) stream_time_max: Duration,
    pub(crate) stopping: Arc<AtomicBool>,
}

/// A running inner server.
pub(crate) struct Inner {
    server: Arc<tiny_http::Server>,
    address: SocketAddr,
    workers: Vec<JoinHandle<()>>,
    /// Set by whoever finds the server out of order.
    broken: Arc<AtomicBool>,
}

impl Inner {
    /// Starts a server on a free loopback port.
    pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let server = tiny_http::Server::from_listener(listener, None).map_err(io::Error::other)?;
        let mut inner = Self {
            server: Arc::new(server),
            address,
            workers: Vec::with_capacity(WORKERS),
            broken: Arc::default(),
        };
        for number in 0..WORKERS {
            let server = Arc::clone(&inner.server);
            let broken = Arc::clone(&inner.broken);
            let shared = Arc::clone(shared);
            let worker =
                thread::Builder::new().name(format!("web-page-{number}")).spawn(move || {
                    while let Ok(request) = server.recv() {
                        answer(request, &shared);
                    }
                    // Told to end, or the server takes no more connections.
                    broken.store(true, Ordering::SeqCst);
                })?;
            inner.workers.push(worker);
        }
        Ok(inner)
    }

    /// Where the gate finds it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// True if it does not work any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::SeqCst)
    }

    /// A flag for those who find it out of order.
    pub(crate) fn broken(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.broken)
    }
}

impl Drop for Inner {
    /// Ends the workers. Each finishes the page it makes.
    fn drop(&mut self) {
        for _ in &self.workers {
            self.server.unblock();
        }
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

/// Answers one request. A panic while the page is made costs that page only.
fn answer(mut request: Request, shared: &Arc<Shared>) {
    let mut body = Vec::new();
    // The gate lets nothing larger or incomplete through.
    let _ = request.as_reader().take(REVIEW_BODY_BYTES_MAX as u64).read_to_end(&mut body);
    let outcome = {
        let incoming = Incoming {
            method: request.method().as_str(),
            target: request.url(),
            accept_language: header(&request, "Accept-Language"),
            content_type: header(&request, "Content-Type"),
            if_none_match: header(&request, "If-None-Match"),
            cookie: header(&request, "Cookie"),
            host: header(&request, "Host"),
            origin: header(&request, "Origin"),
            fetch_site: header(&request, "Sec-Fetch-Site"),
            peer: header(&request, PEER).and_then(|peer| peer.parse().ok()).unwrap_or(NOBODY),
            body: &body,
        };
        catch_unwind(AssertUnwindSafe(|| shared.app.handle(&incoming))).unwrap_or_else(|_| {
            let view = View::of(incoming.target, incoming.accept_language);
            Outcome::Reply(refusal(view, &Trouble::OurFault))
        })
    };
    match outcome {
        // An error means that the client left.
        Outcome::Reply(reply) => drop(request.respond(reply.into_inner())),
        Outcome::Stream(following) => follow(request, following, Arc::clone(shared)),
    }
}

/// Sends a stream on a thread of its own, so that the pages of others do not wait for it.
fn follow(request: Request, following: Following, shared: Arc<Shared>) {
    // If there is no thread to be had, the request is dropped, which answers it with status 500;
    // the page then refreshes itself.
    let _ = thread::Builder::new()
        .name("web-stream".to_owned())
        .stack_size(CONNECTION_STACK_BYTES)
        .spawn(move || {
            let out = request.into_writer();
            // An error means that the reader left.
            let _ = stream::serve(out, &following, shared.stream_time_max, &shared.stopping);
            drop(following.permit);
        });
}

fn header<'a>(request: &'a Request, name: &'static str) -> Option<&'a str> {
    let is_named = |field: &HeaderField| field.equiv(name);
    request.headers().iter().find(|h| is_named(&h.field)).map(|h| h.value.as_str())
}
