//! The gate: every connection from outside is met here, one thread each.
//!
//! `tiny_http` trusts its clients. It waits for ever for a byte, reads a line of any length, takes
//! any number of connections, and when a body is refused it allocates as much as the client *says*
//! is left of it, so that one line from a phone ends the whole process. All of that is out of its
//! users' reach. So the inner server listens on the loopback interface only, and the gate brings
//! it requests that are whole, short and unambiguous; see [`crate::limits`].
//!
//! A connection serves one request. A phone that leaves the Wi-Fi then leaves nothing behind, and
//! the cost, a handshake for each of a page's three files, is a few milliseconds on a local
//! network (once: the other two are kept by the browser).

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::app::refusal;
use crate::head::{self, Head};
use crate::limits::{
    HEAD_BYTES_MAX, INNER_SILENCE_MAX, REFUSED_BYTES_MAX, REFUSED_TIME_MAX, TURN_AWAY_TIME_MAX,
    WRITE_TIME_MAX, WRONG_CODE_PAUSE,
};
use crate::options::Options;
use crate::pages::View;
use crate::route::Target;
use crate::trouble::Trouble;

/// Who is connected.
#[derive(Debug)]
pub(crate) struct Seats {
    most: usize,
    most_per_address: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection's seat; given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    address: IpAddr,
}

impl Seats {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            most: options.connections_max,
            most_per_address: options.connections_per_address_max,
            taken: Mutex::default(),
        }
    }

    /// A seat for that address, or none if all, or all of this address, are taken.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = taken.values().sum();
        let own = taken.get(&address).copied().unwrap_or(0);
        if total >= self.most || own >= self.most_per_address {
            return None;
        }
        taken.insert(address, own + 1);
        Some(Seat { seats: Arc::clone(self), address })
    }

    /// True if nobody is connected.
    pub(crate) fn empty(&self) -> bool {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.address)),
        }
    }
}

/// How a connection went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    /// As connections do.
    Ended,
    /// The inner server is out of order.
    NoInner,
}

/// Serves one connection, of `peer`. Errors of the client end it; there is nobody to tell.
pub(crate) fn serve(
    mut client: TcpStream,
    peer: IpAddr,
    inner: SocketAddr,
    request_time_max: Duration,
) -> Served {
    let _ = client.set_nodelay(true);
    if client.set_write_timeout(Some(WRITE_TIME_MAX)).is_err() {
        return Served::Ended;
    }
    match read_request(&mut client, Instant::now() + request_time_max) {
        Ok((head, body)) => {
            if let Err(Relay::NoInner) = relay(&mut client, peer, inner, &head, &body) {
                refuse(&mut client, Some(&head), &Trouble::OurFault, REFUSED_TIME_MAX);
                return Served::NoInner;
            }
        }
        Err(Unread::Refused(trouble, head)) => {
            refuse(&mut client, head.as_ref(), &trouble, REFUSED_TIME_MAX);
        }
        Err(Unread::Gone) => {}
    }
    Served::Ended
}

/// Tells a client that all seats are taken; quick, since new connections wait meanwhile.
pub(crate) fn turn_away(mut client: TcpStream) {
    if client.set_write_timeout(Some(TURN_AWAY_TIME_MAX)).is_ok() {
        refuse(&mut client, None, &Trouble::NoSeat, TURN_AWAY_TIME_MAX);
    }
}

/// Why there is no request.
enum Unread {
    /// The client left, or never said anything.
    Gone,
    /// The client gets a page that says why; in its language, if we got that far.
    Refused(Trouble, Option<Head>),
}

fn read_request(client: &mut TcpStream, deadline: Instant) -> Result<(Head, Vec<u8>), Unread> {
    let (head, mut body) = read_head(client, deadline)?;
    if head.body_bytes > Target::parse(&head.target).route.body_bytes_max() as u64 {
        return Err(Unread::Refused(Trouble::BodyTooLong, Some(head)));
    }
    let length = head.body_bytes as usize;
    if head.expects_continue && body.len() < length {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(|_| Unread::Gone)?;
    }
    while body.len() < length {
        if let Err(unread) = read_more(client, &mut body, deadline) {
            return Err(match unread {
                Unread::Refused(trouble, _) => Unread::Refused(trouble, Some(head)),
                Unread::Gone => Unread::Gone,
            });
        }
    }
    // What follows was sent before our answer, which a connection of one request never takes.
    body.truncate(length);
    Ok((head, body))
}

/// The head, and what came along of the body.
fn read_head(client: &mut TcpStream, deadline: Instant) -> Result<(Head, Vec<u8>), Unread> {
    let mut bytes = Vec::with_capacity(1024);
    loop {
        if let Some((length, with_empty_line)) = head::end(&bytes) {
            if length > HEAD_BYTES_MAX {
                return Err(Unread::Refused(Trouble::HeadTooLong, None));
            }
            let body = bytes.split_off(with_empty_line);
            bytes.truncate(length);
            return match Head::parse(&bytes) {
                Ok(head) => Ok((head, body)),
                Err(error) => Err(Unread::Refused(error.into(), None)),
            };
        }
        if bytes.len() > HEAD_BYTES_MAX {
            return Err(Unread::Refused(Trouble::HeadTooLong, None));
        }
        match read_more(client, &mut bytes, deadline) {
            // A connection that never spoke is one that a browser opened in advance.
            Err(Unread::Refused(..)) if bytes.is_empty() => return Err(Unread::Gone),
            other => other?,
        }
    }
}

fn read_more(client: &mut TcpStream, bytes: &mut Vec<u8>, deadline: Instant) -> Result<(), Unread> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Unread::Refused(Trouble::TooSlow, None));
    }
    client.set_read_timeout(Some(left)).map_err(|_| Unread::Gone)?;
    let mut piece = [0; 4096];
    match client.read(&mut piece) {
        Ok(0) => Err(Unread::Gone),
        Ok(length) => {
            bytes.extend_from_slice(&piece[..length]);
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
        Err(error) if is_timeout(&error) => Err(Unread::Refused(Trouble::TooSlow, None)),
        Err(_) => Err(Unread::Gone),
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Why a reply did not get through.
enum Relay {
    /// The inner server did not reply; nothing was sent to the client yet.
    NoInner,
    /// The client left.
    Gone,
}

/// Brings a request to the inner server and its reply to the client.
fn relay(
    client: &mut TcpStream,
    peer: IpAddr,
    inner: SocketAddr,
    head: &Head,
    body: &[u8],
) -> Result<(), Relay> {
    let mut inner = TcpStream::connect(inner).map_err(|_| Relay::NoInner)?;
    let mut request = head.rewritten(peer).into_bytes();
    request.extend_from_slice(body);
    inner
        .set_read_timeout(Some(INNER_SILENCE_MAX))
        .and_then(|()| inner.write_all(&request))
        .map_err(|_| Relay::NoInner)?;

    // Our word that the connection ends goes behind the status line; the inner server never
    // says so itself.
    let mut piece = [0; 8192];
    let mut start = Vec::new();
    let line = loop {
        if let Some(at) = start.windows(2).position(|window| window == b"\r\n") {
            break at + 2;
        }
        match inner.read(&mut piece) {
            Ok(length) if length > 0 => start.extend_from_slice(&piece[..length]),
            _ => return Err(Relay::NoInner),
        }
    };
    let is_unknown = start[..line].windows(5).any(|window| window == b" 404 ");
    if is_unknown && Target::parse(&head.target).route.needs_code() {
        thread::sleep(WRONG_CODE_PAUSE);
    }
    start.splice(line..line, *b"Connection: close\r\n");
    client.write_all(&start).map_err(|_| Relay::Gone)?;
    loop {
        match inner.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => client.write_all(&piece[..length]).map_err(|_| Relay::Gone)?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Err(Relay::Gone),
        }
    }
}

/// Sends the page that says why, in a way that the client gets to read it.
fn refuse(client: &mut TcpStream, head: Option<&Head>, trouble: &Trouble, time_max: Duration) {
    let view = head
        .map_or(View::new(None, None), |head| View::of(&head.target, head.get("accept-language")));
    let with_body = head.is_none_or(|head| head.method != "HEAD");
    let reply = refusal(view, trouble).with("Connection", "close");
    if reply.write(client, with_body).is_err() || client.shutdown(Shutdown::Write).is_err() {
        return;
    }
    // Closing with unread data resets the connection, and a reset takes our page away again.
    let deadline = Instant::now() + time_max;
    let mut dropped = Vec::new();
    let mut total = 0;
    while total < REFUSED_BYTES_MAX && read_more(client, &mut dropped, deadline).is_ok() {
        total += dropped.len();
        dropped.clear();
    }
}
