//! The head of a request (RFC 9112), read from untrusted bytes. Pure.
//!
//! Only what our pages use is kept, and a new head is written from it for the inner server. Nothing
//! that two readers could understand differently (lengths given twice, chunks, upgrades) gets
//! through.

use std::fmt::Write as _;
use std::net::IpAddr;

/// Headers that pages look at; all others are dropped. `Content-Length` is written anew.
const KEPT: [&str; 8] = [
    "accept",
    "accept-language",
    "content-type",
    "cookie",
    "host",
    "if-none-match",
    "origin",
    "sec-fetch-site",
];

/// The header by which the gate tells the inner server who is connected. One that a client sends is
/// dropped like all others that are not in [`KEPT`].
pub(crate) const PEER: &str = "Baraza-Peer";

/// Why a request is refused before any page sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadError {
    /// Not HTTP, or ambiguous.
    Malformed,
    /// HTTP, but neither 1.0 nor 1.1.
    Version,
    /// A body whose length is not told beforehand.
    LengthUnknown,
}

/// A request's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// `GET`, `POST` and so on; letters only.
    pub(crate) method: String,
    /// As sent: visible ASCII.
    pub(crate) target: String,
    /// 0 or 1, of HTTP/1.x.
    pub(crate) minor: u8,
    /// Bytes that follow the head.
    pub(crate) body_bytes: u64,
    /// The client waits for our word before it sends the body.
    pub(crate) expects_continue: bool,
    kept: Vec<(&'static str, String)>,
}

impl Head {
    /// Reads everything before the empty line, without it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, HeadError> {
        let mut lines = bytes.split(|&b| b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l));
        let (method, target, minor) = request_line(lines.next().unwrap_or_default())?;
        let mut head =
            Self { method, target, minor, body_bytes: 0, expects_continue: false, kept: vec![] };
        let mut length = None;
        for line in lines {
            let (name, value) = header(line)?;
            match &*name {
                "content-length" => {
                    let value = content_length(&value).ok_or(HeadError::Malformed)?;
                    if *length.get_or_insert(value) != value {
                        return Err(HeadError::Malformed);
                    }
                }
                "transfer-encoding" => return Err(HeadError::LengthUnknown),
                "expect" => head.expects_continue = value.eq_ignore_ascii_case("100-continue"),
                name => {
                    if let Some(kept) = KEPT.into_iter().find(|kept| *kept == name) {
                        head.kept.push((kept, value));
                    }
                }
            }
        }
        head.body_bytes = length.unwrap_or(0);
        Ok(head)
    }

    /// The value of a kept header.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.kept.iter().find(|(kept, _)| *kept == name).map(|(_, value)| value.as_str())
    }

    /// The head that the inner server gets, empty line included. `peer` is who sent the request.
    pub(crate) fn rewritten(&self, peer: IpAddr) -> String {
        let Self { method, target, minor, body_bytes, .. } = self;
        let mut out =
            format!("{method} {target} HTTP/1.{minor}\r\nConnection: close\r\n{PEER}: {peer}\r\n");
        for (name, value) in &self.kept {
            let _ = write!(out, "{name}: {value}\r\n");
        }
        let _ = write!(out, "Content-Length: {body_bytes}\r\n\r\n");
        out
    }
}

/// Where the head ends: the lengths of the head, and of the head with its empty line.
pub(crate) fn end(bytes: &[u8]) -> Option<(usize, usize)> {
    let crlf = find(bytes, b"\r\n\r\n").map(|at| (at, at + 4));
    let lf = find(bytes, b"\n\n").map(|at| (at, at + 2));
    match (crlf, lf) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn request_line(line: &[u8]) -> Result<(String, String, u8), HeadError> {
    let line = std::str::from_utf8(line).map_err(|_| HeadError::Malformed)?;
    let mut parts = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(HeadError::Malformed);
    };
    let method_is_word = !method.is_empty() && method.bytes().all(|b| b.is_ascii_alphabetic());
    let target_is_visible = !target.is_empty() && target.bytes().all(|b| b.is_ascii_graphic());
    if !method_is_word || !target_is_visible {
        return Err(HeadError::Malformed);
    }
    let minor = match version {
        "HTTP/1.0" => 0,
        "HTTP/1.1" => 1,
        version if version.starts_with("HTTP/") => return Err(HeadError::Version),
        _ => return Err(HeadError::Malformed),
    };
    Ok((method.to_owned(), target.to_owned(), minor))
}

/// A header's name in lower case, and its value. Bytes beyond ASCII, which some phones put into
/// their own names, become question marks: no header that we keep has any.
fn header(line: &[u8]) -> Result<(String, String), HeadError> {
    let colon = line.iter().position(|&b| b == b':').ok_or(HeadError::Malformed)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    if name.is_empty() || !name.iter().all(is_token) {
        return Err(HeadError::Malformed);
    }
    let visible = |&b: &u8| match b {
        b' '..=b'~' => char::from(b),
        b'\t' => ' ',
        _ => '?',
    };
    let name = name.iter().map(|b| char::from(b.to_ascii_lowercase())).collect();
    let value: String = value.iter().map(visible).collect();
    Ok((name, value.trim().to_owned()))
}

fn content_length(value: &str) -> Option<u64> {
    let digits_only = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    // A number too long for u64 is a body too long for us.
    digits_only.then(|| value.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Head, HeadError> {
        Head::parse(text.as_bytes())
    }

    #[test]
    fn keeps_what_pages_use() {
        let head = parse(
            "POST /ask?lang=sw HTTP/1.1\r\nHost: box\r\nBaraza-Peer: 10.0.0.1\r\nAccept-Language: \
             sw,en;q=0.5\r\nCONTENT-LENGTH: 12\r\nUser-Agent: x\r\nExpect: 100-continue\r\nTE: \
             trailers",
        )
        .unwrap();
        assert_eq!((&*head.method, &*head.target, head.minor), ("POST", "/ask?lang=sw", 1));
        assert_eq!((head.body_bytes, head.expects_continue), (12, true));
        assert_eq!(head.get("accept-language"), Some("sw,en;q=0.5"));
        assert_eq!(
            head.rewritten([10, 0, 0, 9].into()),
            "POST /ask?lang=sw HTTP/1.1\r\nConnection: close\r\nBaraza-Peer: 10.0.0.9\r\n\
             host: box\r\naccept-language: sw,en;q=0.5\r\nContent-Length: 12\r\n\r\n"
        );
    }

    #[test]
    fn refuses_what_can_be_misread() {
        use HeadError::{LengthUnknown, Malformed, Version};
        for (text, error) in [
            ("", Malformed),
            ("GET /", Malformed),
            ("GET / HTTP/1.1 x", Malformed),
            ("GET  HTTP/1.1", Malformed),
            ("G3T / HTTP/1.1", Malformed),
            ("GET /é HTTP/1.1", Malformed),
            ("\u{16}\u{3}\u{1} \u{2} \u{3}", Malformed),
            ("GET / HTTP/2.0", Version),
            ("GET / HTTP/1.1\r\nno colon", Malformed),
            ("GET / HTTP/1.1\r\nname : value", Malformed),
            ("GET / HTTP/1.1\r\n folded: value", Malformed),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2", Malformed),
            ("POST / HTTP/1.1\r\nContent-Length: +1", Malformed),
            ("POST / HTTP/1.1\r\nContent-Length: -1", Malformed),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked", LengthUnknown),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
        let huge = parse("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999").unwrap();
        assert_eq!(huge.body_bytes, u64::MAX);
    }

    #[test]
    fn finds_the_end() {
        assert_eq!(end(b"a\r\n\r\nbody"), Some((1, 5)));
        assert_eq!(end(b"a\n\nbody\r\n\r\n"), Some((1, 3)));
        assert_eq!(end(b"a\r\nb"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = end(&bytes);
            let _ = Head::parse(&bytes);
        }

        #[test]
        fn what_is_passed_on_is_one_clean_request(
            target in "/[!-~]{0,30}",
            value in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut bytes = format!("GET {target} HTTP/1.1\r\nAccept-Language: ").into_bytes();
            bytes.extend(value.iter().filter(|b| !b"\r\n".contains(b)));
            let head = Head::parse(&bytes).unwrap().rewritten([10, 0, 0, 9].into());
            prop_assert!(head.is_ascii());
            prop_assert_eq!(end(head.as_bytes()).unwrap().1, head.len());
            prop_assert_eq!(head.lines().count(), 6);
        }
    }
}
