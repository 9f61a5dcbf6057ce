//! A response before it is sent, and the headers that all of them carry.

use std::io::{self, Write};

use maud::Markup;
use tiny_http::{Header, Response, StatusCode};

/// What a page may load: its own style sheet and script, and nothing from anywhere else. With this
/// policy a mistake in escaping still cannot run a script, and no page can fetch off the box.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every response.
const COMMON: [(&str, &str); 6] = [
    ("Server", "baraza"),
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    // For browsers that do not know `frame-ancestors`, and for whoever indexes a school's network.
    ("X-Frame-Options", "DENY"),
    ("X-Robots-Tag", "none"),
];

/// A response.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Reply {
    /// A response with that media type, which no cache may keep.
    pub(crate) fn new(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers =
            vec![("Content-Type", media_type.to_owned()), ("Cache-Control", "no-store".to_owned())];
        Self { status, headers, body: body.into() }
    }

    /// A page.
    pub(crate) fn page(status: u16, page: Markup) -> Self {
        Self::new(status, "text/html; charset=utf-8", page.into_string())
    }

    /// Sets a header, in place of one that was there.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(present, _)| *present != name);
        self.headers.push((name, value.into()));
        self
    }

    /// Adds a cookie. No script reads it, and no page elsewhere makes a browser send it along with
    /// a form; `scope` says where it goes and how long it is kept.
    pub(crate) fn with_cookie(mut self, name: &str, value: &str, scope: &str) -> Self {
        self.headers.push(("Set-Cookie", format!("{name}={value}; HttpOnly; {scope}")));
        self
    }

    fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let common = COMMON.into_iter().filter(|(name, _)| {
            // One that this reply has of its own counts instead.
            !self.headers.iter().any(|(own, _)| own == name)
        });
        common.chain(self.headers.iter().map(|(name, value)| (*name, &**value)))
    }

    /// Writes the response to a socket, for those who do not have the inner server.
    pub(crate) fn write(&self, out: &mut impl Write, with_body: bool) -> io::Result<()> {
        let mut bytes = head_of(self.status, self.headers());
        bytes.extend(format!("Content-Length: {}\r\n\r\n", self.body.len()).bytes());
        if with_body {
            bytes.extend(&self.body);
        }
        out.write_all(&bytes)?;
        out.flush()
    }

    /// The response as the inner server sends it.
    pub(crate) fn into_inner(self) -> Response<io::Cursor<Vec<u8>>> {
        // A header is left out only if it is not ASCII, and ours are (a test looks at them all).
        let headers = self
            .headers()
            .filter_map(|(name, value)| Header::from_bytes(name, value).ok())
            .collect();
        let length = self.body.len();
        let body = io::Cursor::new(self.body);
        // One piece with its length: nothing we send is large enough for chunks to help.
        Response::new(StatusCode(self.status), headers, body, Some(length), None)
            .with_chunked_threshold(usize::MAX)
    }

    #[cfg(test)]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(present, _)| *present == name).map(|(_, value)| value)
    }

    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// The head of an event stream, whose body ends with the connection.
pub(crate) fn stream_head() -> Vec<u8> {
    let own = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")];
    let mut head = head_of(200, COMMON.into_iter().chain(own));
    head.extend(b"\r\n");
    head
}

fn head_of<'a>(status: u16, headers: impl Iterator<Item = (&'static str, &'a str)>) -> Vec<u8> {
    let reason = StatusCode(status).default_reason_phrase();
    let mut head = format!("HTTP/1.1 {status} {reason}\r\n");
    for (name, value) in headers {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    head.into_bytes()
}
