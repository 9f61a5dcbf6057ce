//! A question's words, checked, and the key under which equal questions meet.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use crate::desk::AskError;
use crate::limits::{LANGUAGE_BYTES_MAX, QUESTION_CHARS_MAX};

/// A person's words, fit to keep and to show: in NFC, trimmed, white space collapsed to single
/// spaces, without control or invisible direction characters, neither empty nor too long.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QuestionText(String);

impl QuestionText {
    /// Checks a person's words.
    ///
    /// # Errors
    /// [`AskError::Empty`] if nothing readable is left; [`AskError::TooLong`] beyond
    /// [`QUESTION_CHARS_MAX`] characters.
    pub fn parse(text: &str) -> Result<Self, AskError> {
        let mut kept = String::with_capacity(text.len().min(4 * QUESTION_CHARS_MAX));
        let mut length = 0_usize;
        let mut space_before = false;
        for c in text.nfc().filter(|c| !is_invisible(*c)) {
            if c.is_whitespace() {
                space_before = length > 0;
                continue;
            }
            if c.is_control() {
                continue;
            }
            length += 1 + usize::from(space_before);
            if length <= QUESTION_CHARS_MAX {
                if space_before {
                    kept.push(' ');
                }
                kept.push(c);
            }
            space_before = false;
        }
        match length {
            0 => Err(AskError::Empty),
            1..=QUESTION_CHARS_MAX => Ok(Self(kept)),
            _ => Err(AskError::TooLong { length, limit: QUESTION_CHARS_MAX }),
        }
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QuestionText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Soft hyphens, byte order marks and characters that turn the direction of text: they carry no
/// meaning of their own and can make a text read differently from what it says. Joiners stay,
/// since Persian and the scripts of India spell with them.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// A language, as a BCP 47 primary subtag in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Language(String);

impl Language {
    /// English, the box's default until a site sets another.
    #[must_use]
    pub fn english() -> Self {
        Self("en".into())
    }

    /// Reads a tag such as `en`, `SW` or `pt-BR`, of which the first part counts; `None` for
    /// anything else.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        let fits = (2..=LANGUAGE_BYTES_MAX).contains(&primary.len());
        let letters = primary.bytes().all(|b| b.is_ascii_alphabetic());
        (fits && letters).then(|| Self(primary.to_ascii_lowercase()))
    }

    /// The subtag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What two questions share when they are the same question: case, spacing, the form of quotation
/// marks and dashes, and punctuation at the ends do not count. Everything inside does, numbers,
/// signs, units, fractions, powers and "not" above all.
///
/// Compatibility normalisation (NFKC) is *not* applied: it would make `10²` equal to `102` and `1½`
/// equal to `11⁄2`. Of its foldings only full-width Latin is taken.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheKey(String);

impl CacheKey {
    /// The key of a question.
    #[must_use]
    pub fn of(question: &QuestionText) -> Self {
        let folded: String = question.as_str().chars().map(fold).collect();
        let lowered: String = folded.to_lowercase().nfc().collect();
        let mut key = String::with_capacity(lowered.len());
        for word in lowered.split_whitespace() {
            if !key.is_empty() {
                key.push(' ');
            }
            key.push_str(word);
        }
        let trimmed = trim_ends(&key);
        // A question of nothing but punctuation is its own key.
        Self(if trimmed.is_empty() { key } else { trimmed.to_owned() })
    }

    /// The key as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One way to write each quotation mark, dash and full-width character.
fn fold(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{02BC}' => '\'',
        '\u{201C}' | '\u{201D}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
        _ => c,
    }
}

/// Drops punctuation at both ends, as far as it cannot change the meaning: `5!` is not `5`, `5'` is
/// five feet, `.5` is a half, `-3` is not 3.
fn trim_ends(text: &str) -> &str {
    const OPENING: [char; 4] = ['\'', '"', '¿', '¡'];
    const CLOSING: [char; 15] =
        ['?', '.', ',', ';', ':', '…', '؟', '،', '。', '、', '।', '՞', '!', '\'', '"'];
    const CLOSING_AFTER_NUMBER: usize = 12; // Of these, the first are harmless even there.
    let mut rest = text.trim_start_matches(|c: char| OPENING.contains(&c) || c.is_whitespace());
    loop {
        let Some(last) = rest.chars().next_back() else { return rest };
        let before = &rest[..rest.len() - last.len_utf8()];
        let after_number = before.chars().next_back().is_some_and(char::is_numeric);
        let closing = if after_number { &CLOSING[..CLOSING_AFTER_NUMBER] } else { &CLOSING[..] };
        if !last.is_whitespace() && !closing.contains(&last) {
            return rest;
        }
        rest = before;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> String {
        CacheKey::of(&QuestionText::parse(text).unwrap()).as_str().to_owned()
    }

    #[test]
    fn words_are_kept_and_clutter_is_not() {
        let text = QuestionText::parse("  What\t is\r\n\u{7}ORS\u{202E}?\u{feff} ").unwrap();
        assert_eq!(text.as_str(), "What is ORS?");
        assert_eq!(QuestionText::parse("cafe\u{301}").unwrap().as_str(), "caf\u{e9}");
    }

    #[test]
    fn nothing_to_read_is_empty() {
        for text in ["", " \n\t ", "\u{0}\u{1}\u{200B}", "\u{FEFF}"] {
            assert_eq!(QuestionText::parse(text), Err(AskError::Empty));
        }
    }

    #[test]
    fn the_limit_counts_characters_after_tidying() {
        let fits = format!("  {}  ", "é".repeat(QUESTION_CHARS_MAX));
        assert_eq!(QuestionText::parse(&fits).unwrap().as_str().chars().count(), 500);
        let megabyte = "x".repeat(1 << 20);
        let error = QuestionText::parse(&megabyte).unwrap_err();
        assert_eq!(error, AskError::TooLong { length: 1 << 20, limit: QUESTION_CHARS_MAX });
    }

    #[test]
    fn the_same_question_has_one_key() {
        let reference = key("How do I use an ORS packet?");
        for same in [
            "how do i use an ors packet",
            "  HOW do I  use an ORS packet ?!",
            "\u{201C}How do I use an ORS packet?\u{201D}",
            "How do I use an ORS packet...",
            "Ｈow do I use an ORS packet？",
        ] {
            assert_eq!(key(same), reference, "{same}");
        }
        assert_eq!(key("child\u{2019}s fever"), key("child's fever"));
        assert_eq!(key("cafe\u{301}"), key("CAF\u{c9}"));
    }

    #[test]
    fn what_changes_the_meaning_changes_the_key() {
        for (one, other) in [
            ("give 5 ml", "give 50 ml"),
            ("give 0.5 ml", "give 05 ml"),
            ("give .5 ml", "give 5 ml"),
            (".5 of it", "5 of it"),
            ("what is -3", "what is 3"),
            ("-3 + 4?", "3 + 4?"),
            ("10² m", "102 m"),
            ("1½ cups", "11⁄2 cups"),
            ("1 - 2", "12"),
            ("should I not eat", "should I eat"),
            ("what is 5!", "what is 5"),
            ("how long is 5'", "how long is 5"),
            ("is it 5%", "is it 5"),
            ("3/4", "34"),
            ("re-cover", "recover"),
            ("5 kg", "5 g"),
        ] {
            assert_ne!(key(one), key(other), "{one} / {other}");
        }
    }

    #[test]
    fn only_punctuation_still_has_a_key() {
        assert_eq!(key("???"), "???");
    }

    #[test]
    fn languages_are_subtags() {
        assert_eq!(Language::parse(" pt-BR ").unwrap().as_str(), "pt");
        assert_eq!(Language::parse("SWA").unwrap().as_str(), "swa");
        for nonsense in ["", "e", "english", "e1", "日本", "--"] {
            assert_eq!(Language::parse(nonsense), None, "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn parsing_settles(text: String) {
            if let Ok(once) = QuestionText::parse(&text) {
                let twice = QuestionText::parse(once.as_str()).unwrap();
                prop_assert_eq!(&twice, &once);
                prop_assert!(once.as_str().chars().count() <= QUESTION_CHARS_MAX);
                let key = CacheKey::of(&once);
                prop_assert!(!key.as_str().is_empty());
            }
        }

        #[test]
        fn digits_are_never_lost(text in "[ a-zA-Z0-9.,!?'\"%+/²½-]{1,60}") {
            if let Ok(question) = QuestionText::parse(&text) {
                let digits = |s: &str| s.chars().filter(|c| c.is_numeric()).collect::<String>();
                let key = CacheKey::of(&question);
                prop_assert_eq!(digits(key.as_str()), digits(&text));
            }
        }
    }
}
