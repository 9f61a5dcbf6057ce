//! A text as words, numbers, signs and stops, with their places.

use std::collections::HashMap;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Word,
    /// Digits with points or commas inside, or one character that is a fraction.
    Number,
    /// A sign that belongs to a number or a unit: `% < > - / °`.
    Sign,
    /// Punctuation.
    Stop,
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Lower case, in NFC.
    pub(crate) norm: String,
    pub(crate) kind: Kind,
    /// Bytes of the text.
    pub(crate) span: Range<usize>,
}

/// Cuts a text. An apostrophe parts words; letters after digits are a word of their own (`5mg`).
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    for (start, piece) in text.split_word_bound_indices() {
        let mut run = Run::default();
        for (at, c) in piece.char_indices() {
            let next = piece[at + c.len_utf8()..].chars().next();
            let class = class_of(c, run.kind, next);
            if class != run.kind || matches!(class, Some(Kind::Sign | Kind::Stop)) {
                run.close(text, start + at, &mut found);
                run = Run { kind: class, start: start + at };
            }
        }
        run.close(text, start + piece.len(), &mut found);
    }
    found
}

#[derive(Default)]
struct Run {
    kind: Option<Kind>,
    start: usize,
}

impl Run {
    fn close(&self, text: &str, end: usize, found: &mut Vec<Token>) {
        let Some(kind) = self.kind else { return };
        let span = self.start..end;
        let norm: String = text[span.clone()].to_lowercase().nfc().collect();
        let norm = if matches!(kind, Kind::Sign) { dash(norm) } else { norm };
        found.push(Token { norm, kind, span });
    }
}

fn dash(norm: String) -> String {
    if norm.starts_with(['\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2212}']) {
        "-".into()
    } else {
        norm
    }
}

/// The kind that a character continues or starts; `None` for what only parts.
fn class_of(c: char, running: Option<Kind>, next: Option<char>) -> Option<Kind> {
    let digit_next = next.is_some_and(|next| next.is_ascii_digit());
    match c {
        '\'' | '\u{2019}' | '\u{02BC}' | '_' => None,
        '.' | ',' if running == Some(Kind::Number) && digit_next => Some(Kind::Number),
        '%'
        | '‰'
        | '<'
        | '>'
        | '≤'
        | '≥'
        | '='
        | '+'
        | '/'
        | '⁄'
        | '°'
        | '×'
        | '-'
        | '\u{2010}'..='\u{2013}'
        | '\u{2212}' => Some(Kind::Sign),
        // A digit inside a word stays there: B12, H1N1.
        _ if c.is_numeric() && running == Some(Kind::Word) => Some(Kind::Word),
        _ if c.is_numeric() => Some(Kind::Number),
        _ if c.is_alphabetic() || is_mark(c) => Some(Kind::Word),
        _ if c.is_whitespace() || c.is_control() => None,
        _ => Some(Kind::Stop),
    }
}

/// Marks that stand on letters in decomposed text and in the scripts of India.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c) || matches!(c, '\u{200C}' | '\u{200D}')
}

/// The tokens of a phrase of the data, as words.
pub(crate) fn words_of(phrase: &str) -> Vec<String> {
    tokens(phrase).into_iter().map(|token| token.norm).collect()
}

/// Phrases to be found in tokens, each with a value.
#[derive(Debug, Clone)]
pub(crate) struct Phrases<T>(HashMap<String, Vec<(Vec<String>, T)>>);

impl<T> Default for Phrases<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Phrases<T> {
    /// Adds a phrase; an empty one is left out.
    pub(crate) fn insert(&mut self, phrase: &str, value: T) {
        let words = words_of(phrase);
        let Some(first) = words.first() else { return };
        let entries = self.0.entry(first.clone()).or_default();
        entries.push((words, value));
        entries.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
    }

    /// The longest phrase that starts at a token: how many tokens it has, and its value.
    pub(crate) fn at(&self, tokens: &[Token], at: usize) -> Option<(usize, &T)> {
        let here = tokens.get(at..)?;
        self.0.get(&here.first()?.norm)?.iter().find_map(|(words, value)| {
            let fits = here.len() >= words.len()
                && words.iter().zip(here).all(|(word, token)| *word == token.norm);
            fits.then_some((words.len(), value))
        })
    }

    /// The longest phrase that ends right before a token.
    pub(crate) fn before(&self, tokens: &[Token], end: usize) -> Option<(usize, &T)> {
        const LONGEST: usize = 4;
        (end.saturating_sub(LONGEST)..end).find_map(|start| {
            let (length, value) = self.at(tokens.get(..end)?, start)?;
            (start + length == end).then_some((length, value))
        })
    }

    /// Whether any phrase stands in a text.
    pub(crate) fn any_in(&self, tokens: &[Token]) -> bool {
        (0..tokens.len()).any(|at| self.at(tokens, at).is_some())
    }
}

impl<'t, T> FromIterator<(&'t str, T)> for Phrases<T> {
    fn from_iter<I: IntoIterator<Item = (&'t str, T)>>(phrases: I) -> Self {
        let mut all = Self::default();
        for (phrase, value) in phrases {
            all.insert(phrase, value);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_numbers_signs_and_stops() {
        let found = |text| words_of(text).join("|");
        assert_eq!(found("Don\u{2019}t give 5mg/kg, B12!"), "don|t|give|5|mg|/|kg|,|b12|!");
        assert_eq!(found("0,5 ml; 2\u{2013}3 x 1½."), "0,5|ml|;|2|-|3|x|1|½|.");
        assert_eq!(found("L'eau à 38°C"), "l|eau|à|38|°|c");
        assert_eq!(found("cafe\u{301} पानी।"), "caf\u{e9}|पानी|।");
    }

    proptest! {
        #[test]
        fn tokens_are_pieces_of_the_text_in_order(text in "\\PC{0,200}") {
            let mut end = 0;
            for token in tokens(&text) {
                prop_assert!(token.span.start >= end && token.span.end > token.span.start);
                prop_assert!(text.get(token.span.clone()).is_some());
                end = token.span.end;
            }
        }
    }
}
