//! The server over real sockets, with a desk made for the test.

mod abuse;
mod asking;
mod desk;
mod every_page;
mod http;
mod review;
mod reviewers;
mod streaming;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use answer::review::ReviewDesk;

use crate::{Options, Server, Stopper};
use desk::FakeDesk;
use reviewers::FakeReview;

/// A running server; stopped when dropped.
struct Box_ {
    address: SocketAddr,
    desk: Arc<FakeDesk>,
    review: Arc<FakeReview>,
    /// The steady time, in seconds.
    seconds: Arc<AtomicU64>,
    stopper: Stopper,
    thread: Option<JoinHandle<()>>,
}

impl Box_ {
    fn start() -> Self {
        Self::start_with(Options::default())
    }

    fn start_with(options: Options) -> Self {
        Self::start_as(options, true)
    }

    fn start_as(options: Options, with_review: bool) -> Self {
        let (desk, review) = (Arc::new(FakeDesk::default()), Arc::new(FakeReview::default()));
        let seconds = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&seconds);
        let now = Arc::new(move || Duration::from_secs(clock.load(Ordering::SeqCst)));
        let any = ([127, 0, 0, 1], 0).into();
        let desk_of_reviews = with_review.then(|| review.clone() as Arc<dyn ReviewDesk>);
        let server = Server::bind_at(any, desk.clone(), desk_of_reviews, options, now).unwrap();
        let (address, stopper) = (server.local_addr(), server.stopper());
        let thread = Some(std::thread::spawn(move || server.run()));
        Self { address, desk, review, seconds, stopper, thread }
    }

    fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket
    }

    /// Sends bytes and reads until the server closes.
    fn raw(&self, bytes: &[u8]) -> String {
        let mut socket = self.connect();
        // The server may refuse before it has read everything.
        let _ = socket.write_all(bytes);
        let mut text = Vec::new();
        let _ = socket.read_to_end(&mut text);
        String::from_utf8(text).unwrap()
    }

    fn get(&self, target: &str) -> String {
        self.raw(format!("GET {target} HTTP/1.1\r\nHost: box\r\n\r\n").as_bytes())
    }

    fn post(&self, target: &str, body: &[u8]) -> String {
        let length = body.len();
        let mut bytes = format!(
            "POST {target} HTTP/1.1\r\nHost: box\r\nContent-Length: {length}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        self.raw(&bytes)
    }

    /// Sends a request with these header lines, each with its line end.
    fn send(&self, method: &str, target: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        self.raw(
            format!(
                "{method} {target} HTTP/1.1\r\nHost: box\r\nContent-Length: {length}\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\n{headers}\r\n{body}"
            )
            .as_bytes(),
        )
    }

    /// Lets the steady time pass.
    fn pass(&self, time: Duration) {
        self.seconds.fetch_add(time.as_secs(), Ordering::SeqCst);
    }

    fn stop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Box_ {
    fn drop(&mut self) {
        self.stop();
    }
}

fn status(response: &str) -> u16 {
    response.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0)
}

fn header<'a>(response: &'a str, name: &str) -> Option<&'a str> {
    let head = response.split("\r\n\r\n").next().unwrap_or_default();
    head.lines().skip(1).find_map(|line| {
        let (field, value) = line.split_once(": ")?;
        field.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// The value of a cookie that a response sets.
fn cookie<'a>(response: &'a str, name: &str) -> Option<&'a str> {
    let head = response.split("\r\n\r\n").next().unwrap_or_default();
    head.lines().find_map(|line| {
        let (found, rest) = line.strip_prefix("Set-Cookie: ")?.split_once('=')?;
        (found == name).then(|| rest.split(';').next()).flatten()
    })
}

fn body(response: &str) -> &str {
    response.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// Closes the sending half, as some clients do.
fn half_close(socket: &TcpStream) {
    socket.shutdown(Shutdown::Write).unwrap();
}
