//! Cookies (RFC 6265), as far as we use them: three names, each with a [`Token`] as its value.

use std::fmt;

use crate::limits::COOKIES_MAX;

/// Tells people apart for fairness in the queue, and nothing else; ends with the browser.
pub(crate) const ASKER: &str = "asker";
/// A reviewer's session; ends with the browser.
pub(crate) const SESSION: &str = "session";
/// A browser in which a reviewer logged in before.
pub(crate) const KNOWN: &str = "known";

/// 128 random bits, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Token([u8; 16]);

impl Token {
    /// A fresh one, from the system's randomness; `None` if the system has none, in which case
    /// nobody can be given a secret.
    pub(crate) fn fresh() -> Option<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).ok().map(|()| Self(bytes))
    }

    /// Reads 32 lower-case hexadecimal digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let lower = digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if digits.len() != 32 || !lower {
            return None;
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).ok()?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// True if the text is this token; takes as long wherever they differ.
    pub(crate) fn is(&self, text: &str) -> bool {
        let Some(other) = Self::parse(text) else { return false };
        self.0.iter().zip(other.0).fold(0, |all, (a, b)| all | (a ^ b)) == 0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Says nothing: tokens are secrets.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// The first readable token of that name in a `Cookie` header (RFC 6265, 4.2.1). Other programs'
/// cookies, and ours if somebody changed them, are passed over.
pub(crate) fn token(header: Option<&str>, name: &str) -> Option<Token> {
    header?.split(';').take(COOKIES_MAX).find_map(|pair| {
        let (found, value) = pair.split_once('=')?;
        (found.trim() == name).then(|| Token::parse(value.trim())).flatten()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "000102030405060708090a0b0c0d0e0f";

    #[test]
    fn cookies_are_found_among_others() {
        let token_of = |header: &str| token(Some(header), SESSION).map(|t| t.to_string());
        for header in [
            format!("session={TEXT}"),
            format!("a=b; session={TEXT}; c"),
            format!("session=;session={TEXT}"),
            format!("  session = {TEXT}  "),
        ] {
            assert_eq!(token_of(&header).as_deref(), Some(TEXT), "{header}");
        }
        let many = format!("{}session={TEXT}", "a=b;".repeat(COOKIES_MAX));
        let upper = format!("session={}", TEXT.to_uppercase());
        for header in ["", ";", "=", "session", "session=0", "xsession=1", &many, &upper] {
            assert_eq!(token_of(header), None, "{header}");
        }
        assert_eq!(token(None, SESSION), None);
    }

    #[test]
    fn tokens_differ_and_do_not_show_themselves() {
        let (one, other) = (Token::fresh().unwrap(), Token::fresh().unwrap());
        assert_ne!(one, other);
        assert!(one.is(&one.to_string()) && !one.is(&other.to_string()) && !one.is(""));
        assert_eq!(format!("{one:?}"), "Token");
    }

    proptest! {
        #[test]
        fn any_header_is_read(header in ".{0,300}") {
            let _ = token(Some(&header), SESSION);
        }

        #[test]
        fn any_token_reads_back(bytes: [u8; 16], before in "[a-z=; ]{0,40}") {
            let text = Token(bytes).to_string();
            prop_assert_eq!(Token::parse(&text), Some(Token(bytes)));
            let header = format!("{before};known={text}");
            prop_assert_eq!(token(Some(&header), KNOWN), Some(Token(bytes)));
        }
    }
}
