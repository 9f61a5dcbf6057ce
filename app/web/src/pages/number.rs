//! Telephone numbers inside a text.

use maud::{Markup, html};

/// Digits from which on a run is taken for a telephone number. Shorter ones (doses, years, ages)
/// stay text.
const DIGITS_MIN: usize = 7;

/// Longest number that can be dialled (ITU-T E.164, 6.2.1: 15 digits), and its separators.
const DIGITS_MAX: usize = 15;

/// A text in which telephone numbers can be tapped. Each is kept in one piece that runs from left
/// to right: in a text from right to left its groups would change places, and the number be wrong.
pub(super) fn with_numbers(text: &str) -> Markup {
    html! {
        @for piece in pieces(text) {
            @match piece {
                Piece::Text(text) => (text),
                Piece::Number(number) => {
                    a dir="ltr" href=(format!("tel:{}", dialled(number))) { (number) }
                },
            }
        }
    }
}

/// What is dialled: digits, and the plus before them.
fn dialled(number: &str) -> String {
    number.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Number(&'a str),
}

/// A text in pieces, which together are the text.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let bytes = text.as_bytes();
    let (mut pieces, mut begun, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        // A number does not begin inside a word or another number.
        let inside = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'+');
        let Some(length) = (!inside).then(|| number_at(&bytes[at..])).flatten() else {
            at += 1;
            continue;
        };
        if begun < at {
            pieces.push(Piece::Text(&text[begun..at]));
        }
        pieces.push(Piece::Number(&text[at..at + length]));
        at += length;
        begun = at;
    }
    if begun < text.len() {
        pieces.push(Piece::Text(&text[begun..]));
    }
    pieces
}

/// Length of the telephone number at the start: a plus or nothing, then digits with single spaces,
/// hyphens or dots between them. All of it is ASCII.
fn number_at(bytes: &[u8]) -> Option<usize> {
    let mut end = 0;
    let mut digits = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'+' if at == 0 => {}
            b'0'..=b'9' => {
                digits += 1;
                end = at + 1;
            }
            b' ' | b'-' | b'.' if at > 0 && end == at => {}
            _ => break,
        }
    }
    (DIGITS_MIN..=DIGITS_MAX).contains(&digits).then_some(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(text: &str) -> Vec<String> {
        pieces(text)
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Number(number) => Some(dialled(number)),
                Piece::Text(_) => None,
            })
            .collect()
    }

    #[test]
    fn numbers_are_found_and_doses_are_not() {
        assert_eq!(numbers("Call 0722 345 678, day and night"), ["0722345678"]);
        assert_eq!(numbers("+254-722-345.678."), ["+254722345678"]);
        assert_eq!(numbers("اتصل 0722 345 678، ليلاً"), ["0722345678"]);
        assert_eq!(numbers("0722345678 / 0733 000 111"), ["0722345678", "0733000111"]);
        for text in ["5 ml, 10 ml", "A1234567", "+", "12  34  56  78", "1234567890123456"] {
            assert!(numbers(text).is_empty(), "{text}");
        }
        let page = with_numbers("a <b> 0722 345 678").into_string();
        assert_eq!(page, "a &lt;b&gt; <a dir=\"ltr\" href=\"tel:0722345678\">0722 345 678</a>");
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "[0-9 +.a-zé٣،-]{0,60}|.{0,60}") {
            let whole: String = pieces(&text)
                .into_iter()
                .map(|piece| match piece {
                    Piece::Text(text) | Piece::Number(text) => text,
                })
                .collect();
            prop_assert_eq!(whole, text);
        }
    }
}
