//! A text as sentences.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::grounding::Words;
use crate::limits::{GROUNDING_BYTES_MAX, GROUNDING_SENTENCES_MAX};

/// One sentence or list item of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// Its words, with its list mark and its stop, without white space around.
    pub text: String,
    /// Bytes of the text that it was taken from.
    pub span: Range<usize>,
    /// The place, among the sentences of the text, of the line with a colon that introduces it.
    pub intro: Option<usize>,
}

/// Parts a text into sentences, by Unicode's rules (UAX 29) with lists, abbreviations and marks such
/// as "1." on top. At most [`GROUNDING_SENTENCES_MAX`] of the first [`GROUNDING_BYTES_MAX`] bytes.
pub(crate) fn sentences(text: &str, words: Option<&Words>) -> Vec<Sentence> {
    let text = &text[..text.floor_char_boundary(GROUNDING_BYTES_MAX)];
    let mut pieces: Vec<Range<usize>> = Vec::new();
    for (start, piece) in text.split_sentence_bound_indices() {
        let trimmed = piece.trim();
        if trimmed.is_empty() {
            continue;
        }
        let start = start + (piece.len() - piece.trim_start().len());
        let end = start + trimmed.len();
        let full = pieces.len() == GROUNDING_SENTENCES_MAX;
        match pieces.last_mut() {
            Some(last) if goes_on(text, last, &(start..end), words) => last.end = end,
            _ if full => break,
            _ => pieces.push(start..end),
        }
    }
    let mut found: Vec<Sentence> = Vec::with_capacity(pieces.len());
    for span in pieces {
        let piece = &text[span.clone()];
        let intro = if list_mark(piece).is_some() { introduction(&found) } else { None };
        found.push(Sentence { text: piece.to_owned(), span, intro });
    }
    found
}

/// The line with a colon that a list item after these sentences belongs to.
fn introduction(before: &[Sentence]) -> Option<usize> {
    let last = before.last()?;
    if last.text.ends_with([':', '：']) { Some(before.len() - 1) } else { last.intro }
}

/// Whether a piece belongs to the sentence before it.
fn goes_on(text: &str, last: &Range<usize>, next: &Range<usize>, words: Option<&Words>) -> bool {
    let (before, gap, after) =
        (&text[last.clone()], &text[last.end..next.start], &text[next.clone()]);
    let new_line = gap.contains(['\n', '\r', '\u{2028}', '\u{2029}']);
    let blank_line = gap.matches('\n').count() > 1;
    if is_only_a_mark(before) && !blank_line {
        return true;
    }
    if new_line {
        // A line that was wrapped goes on in lower case; anything else is a line of its own.
        let open = !before.ends_with(['.', '!', '?', ':', ';', '।', '؟', '。', '：']);
        let lower = after.chars().next().is_some_and(|c| c.is_alphabetic() && !c.is_uppercase());
        return open && lower && !blank_line && list_mark(after).is_none();
    }
    let word = before.trim_end_matches('.').rsplit([' ', '(', '\u{a0}']).next().unwrap_or_default();
    let short = words.is_some_and(|words| words.abbreviations.contains(&word.to_lowercase()));
    // One capital letter and a point is an initial.
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    let bare_number = after.starts_with(|c: char| c.is_ascii_digit()) && short;
    before.ends_with('.') && (short || initial || bare_number)
}

/// "1.", "2)", "a)", "-", "*": the bytes of the mark that a list item starts with.
pub(super) fn list_mark(piece: &str) -> Option<usize> {
    let trimmed = piece.trim_start();
    let indent = piece.len() - trimmed.len();
    if let Some(first) = trimmed.chars().next()
        && matches!(first, '-' | '*' | '•' | '–' | '—' | '·' | '▪')
    {
        let rest = &trimmed[first.len_utf8()..];
        return rest.starts_with([' ', '\t', '\u{a0}']).then_some(indent + first.len_utf8());
    }
    let digits = trimmed.chars().take_while(char::is_ascii_digit).count();
    let marks = if (1..=2).contains(&digits) {
        digits
    } else {
        usize::from(trimmed.starts_with(|c: char| c.is_ascii_alphabetic()))
    };
    let rest = trimmed.get(marks..)?;
    let behind = match rest.strip_prefix(')') {
        Some(behind) if marks > 0 => behind,
        _ => rest.strip_prefix('.').filter(|_| digits > 0)?,
    };
    (behind.is_empty() || behind.starts_with(char::is_whitespace)).then_some(indent + marks + 1)
}

fn is_only_a_mark(piece: &str) -> bool {
    list_mark(piece).is_some_and(|length| piece[length..].trim().is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::question::Language;

    fn parts(text: &str) -> Vec<String> {
        let words = Words::of(&Language::english());
        sentences(text, words).into_iter().map(|sentence| sentence.text).collect()
    }

    #[test]
    fn points_end_sentences_where_they_mean_to() {
        assert_eq!(parts("Give 0.5 litres. Then wait."), ["Give 0.5 litres.", "Then wait."]);
        assert_eq!(parts("See Dr. Okello. Go now!"), ["See Dr. Okello.", "Go now!"]);
        assert_eq!(parts("Use water, e.g. Boiled water."), ["Use water, e.g. Boiled water."]);
        assert_eq!(parts("1. Wash hands. 2. Dry."), ["1. Wash hands.", "2. Dry."]);
        assert_eq!(parts("यह पानी है। अब जाओ। ok"), ["यह पानी है।", "अब जाओ।", "ok"]);
        assert_eq!(parts("هل هذا جيد؟ نعم. لا"), ["هل هذا جيد؟", "نعم.", "لا"]);
        assert_eq!(parts("Keep the\nbaby warm.\nGo now"), ["Keep the\nbaby warm.", "Go now"]);
    }

    #[test]
    fn list_items_know_their_introduction() {
        let words = Words::of(&Language::english());
        let found = sentences("Do not give:\n- milk\n- oil\nGo now.", words);
        let intros: Vec<_> = found.iter().map(|s| (s.text.as_str(), s.intro)).collect();
        let expected =
            [("Do not give:", None), ("- milk", Some(0)), ("- oil", Some(0)), ("Go now.", None)];
        assert_eq!(intros, expected);
    }

    proptest! {
        #[test]
        fn sentences_are_pieces_in_order(text in "([a-zA-Z0-9]{1,3}|[.!?:\n ।؟)-]|\\PC){0,60}") {
            let mut end = 0;
            for sentence in sentences(&text, None) {
                prop_assert!(sentence.span.start >= end);
                end = sentence.span.end;
                prop_assert_eq!(&text[sentence.span], sentence.text.as_str());
            }
        }

        #[test]
        fn no_word_is_lost(text in "[a-z0-9.!? \n-]{0,80}") {
            let joined: String = sentences(&text, None).iter().map(|s| s.text.as_str()).collect();
            let letters = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&joined), letters(&text));
        }
    }
}
