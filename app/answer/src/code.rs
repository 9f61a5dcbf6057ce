//! The short code under which an answer is kept.

use std::fmt;

use crate::desk::AnswerCode;
use crate::limits::{CODE_INPUT_BYTES_MAX, CODE_SYMBOLS};

/// What codes are made of: digits and consonants, so that no words come out. Missing are those that
/// are taken for one another on paper: `0 O Q D`, `1 I L J`, `5 S`, `2 Z`, `8 B`, `U V`.
const ALPHABET: &[u8; 17] = b"34679CFGHKMNPRTWX";

impl AnswerCode {
    /// A fresh code from the given source of random numbers, which must be unpredictable: whoever
    /// can guess a code can read the answer.
    pub fn generate(random: &mut dyn FnMut() -> u64) -> Self {
        let mut rest = random();
        let mut code = String::with_capacity(CODE_SYMBOLS);
        for _ in 0..CODE_SYMBOLS {
            let base = ALPHABET.len() as u64;
            code.push(ALPHABET[(rest % base) as usize] as char);
            rest /= base;
        }
        Self(code)
    }

    /// Reads a code as people type or dictate it: any case, with or without spaces and hyphens.
    /// `None` for anything that cannot be a code.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > CODE_INPUT_BYTES_MAX {
            return None;
        }
        let mut code = String::with_capacity(CODE_SYMBOLS);
        for c in text.chars() {
            if c.is_whitespace() || matches!(c, '-' | '.' | '\u{2010}'..='\u{2015}') {
                continue;
            }
            let symbol = c.to_ascii_uppercase();
            if !symbol.is_ascii() || !ALPHABET.contains(&(symbol as u8)) {
                return None;
            }
            code.push(symbol);
        }
        (code.len() == CODE_SYMBOLS).then_some(Self(code))
    }

    /// The code as it stands in addresses and in the database: symbols only, upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AnswerCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn alphabet_has_no_repeats_and_no_look_alikes() {
        for (i, a) in ALPHABET.iter().enumerate() {
            assert!(!ALPHABET[..i].contains(a));
            assert!(!b"0OQD1ILJ5S2Z8BUV".contains(a), "{}", *a as char);
        }
    }

    #[test]
    fn people_may_write_codes_their_way() {
        let code = AnswerCode::parse("K7M4RTW").unwrap();
        for way in ["k7m4rtw", " K7M-4RTW ", "k7 m4 rt w", "K7M.4RT.W", "k7m\u{2013}4rtw"] {
            assert_eq!(AnswerCode::parse(way).as_ref(), Some(&code), "{way}");
        }
    }

    #[test]
    fn nonsense_is_no_code() {
        let long = "K".repeat(1 << 20);
        for nonsense in ["", "-", "K7M4RT", "K7M4RTWW", "K7M4RT1", "K7M4RTÉ", "../../e", &long] {
            assert_eq!(AnswerCode::parse(nonsense), None, "{}", nonsense.len());
        }
    }

    proptest! {
        #[test]
        fn every_generated_code_is_read_back(number: u64) {
            let code = AnswerCode::generate(&mut || number);
            prop_assert_eq!(AnswerCode::parse(code.as_str()), Some(code.clone()));
            prop_assert_eq!(code.to_string(), code.as_str());
        }

        #[test]
        fn parsing_never_panics(text: String) {
            let _ = AnswerCode::parse(&text);
        }
    }
}
