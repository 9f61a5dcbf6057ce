//! `application/x-www-form-urlencoded`, read strictly.
//!
//! The WHATWG URL Standard (section 5.1) decodes with replacement characters. We do not: a question that
//! arrives damaged must not be answered as if it were whole, so a broken escape or broken UTF-8 is
//! an error that the person is told about.

use crate::limits::FIELDS_MAX;

/// Why a form could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormError {
    /// A `%` that two hexadecimal digits do not follow.
    BrokenEscape,
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// More than [`FIELDS_MAX`] fields.
    TooManyFields,
}

/// Names and values, in the order they came.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form's body or a URL's query.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, FormError> {
        let mut fields = Vec::new();
        for pair in bytes.split(|&b| b == b'&').filter(|pair| !pair.is_empty()) {
            if fields.len() == FIELDS_MAX {
                return Err(FormError::TooManyFields);
            }
            let mut halves = pair.splitn(2, |&b| b == b'=');
            let name = decode(halves.next().unwrap_or_default(), Plus::IsSpace)?;
            let value = decode(halves.next().unwrap_or_default(), Plus::IsSpace)?;
            fields.push((name, value));
        }
        Ok(Self(fields))
    }

    /// The first value of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// What a `+` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    /// In a form: a space.
    IsSpace,
    /// In a path: itself.
    IsPlus,
}

/// Undoes percent-encoding.
pub(crate) fn decode(bytes: &[u8], plus: Plus) -> Result<String, FormError> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'+' if plus == Plus::IsSpace => b' ',
            b'%' => {
                let high = rest.next().and_then(hex).ok_or(FormError::BrokenEscape)?;
                let low = rest.next().and_then(hex).ok_or(FormError::BrokenEscape)?;
                high << 4 | low
            }
            byte => byte,
        });
    }
    String::from_utf8(out).map_err(|_| FormError::NotUtf8)
}

/// Encodes one query value or path segment; only unreserved characters of RFC 3986 stay.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_browsers_send() {
        let form = Form::parse(b"question=how+much+salt%3F&language=en&question=second").unwrap();
        assert_eq!(form.get("question"), Some("how much salt?"));
        assert_eq!(form.get("language"), Some("en"));
        assert_eq!(form.get("missing"), None);
        assert_eq!(Form::parse(b"q=%D9%85%D8%A7").unwrap().get("q"), Some("ما"));
        assert_eq!(Form::parse("q=ما".as_bytes()).unwrap().get("q"), Some("ما"));
        assert_eq!(Form::parse(b"").unwrap(), Form::default());
        assert_eq!(Form::parse(b"q").unwrap().get("q"), Some(""));
        assert_eq!(Form::parse(b"q=a=b").unwrap().get("q"), Some("a=b"));
    }

    #[test]
    fn damage_is_an_error_and_not_a_question() {
        for broken in [&b"q=100%"[..], b"q=%4", b"q=%zz", b"q=%+1", b"%=a"] {
            assert_eq!(Form::parse(broken), Err(FormError::BrokenEscape), "{broken:?}");
        }
        for broken in [&b"q=%FF%FE"[..], b"q=\xff", b"q=%C3", b"q=%ED%A0%80"] {
            assert_eq!(Form::parse(broken), Err(FormError::NotUtf8), "{broken:?}");
        }
        let many = "a=b&".repeat(FIELDS_MAX + 1);
        assert_eq!(Form::parse(many.as_bytes()), Err(FormError::TooManyFields));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Form::parse(&bytes);
        }

        #[test]
        fn any_text_survives_encoding(text in ".{0,80}") {
            let body = format!("question={}", encode(&text));
            let form = Form::parse(body.as_bytes()).unwrap();
            prop_assert_eq!(form.get("question"), Some(&*text));
            prop_assert_eq!(decode(encode(&text).as_bytes(), Plus::IsPlus).unwrap(), text);
        }
    }
}
