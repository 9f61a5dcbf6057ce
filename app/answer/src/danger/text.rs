//! From a text to plain words: lower case, no accents, no punctuation.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::limits::{DANGER_WORD_CHARS_MAX, DANGER_WORDS_MAX};

/// One way to write each apostrophe.
const APOSTROPHES: [char; 6] = ['\u{2018}', '\u{2019}', '\u{02BC}', '\u{00B4}', '`', '\u{FF07}'];

/// The words of a text in order: letters and digits with apostrophes inside, lower case, without
/// accents, letters and digits apart. Languages cut these further, each its own way.
pub(super) fn raw_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut digits = false;
    let plain = text.chars().map(|c| if APOSTROPHES.contains(&c) { '\'' } else { c }).nfkd();
    for c in plain.flat_map(char::to_lowercase).filter(|c| !is_combining_mark(*c)) {
        let inside = c.is_alphanumeric() || c == '\'';
        let turns = !word.is_empty() && c != '\'' && c.is_numeric() != digits;
        if (!inside || turns) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
            if words.len() == DANGER_WORDS_MAX {
                return words;
            }
        }
        if inside && word.chars().count() < DANGER_WORD_CHARS_MAX {
            if c != '\'' {
                digits = c.is_numeric();
            }
            match c {
                'œ' => word.push_str("oe"),
                'æ' => word.push_str("ae"),
                'ß' => word.push_str("ss"),
                _ => word.push(c),
            }
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Letters that people repeat to be heard ("helpppp", "bloooood"), twice at most.
pub(super) fn without_long_runs(word: &str) -> String {
    let mut kept = String::with_capacity(word.len());
    let mut last = [None; 2];
    for c in word.chars() {
        if c.is_numeric() || last != [Some(c); 2] {
            kept.push(c);
        }
        last = [last[1], Some(c)];
    }
    kept
}

/// Whether one letter more, less, other or swapped makes the words equal (or none does).
pub(super) fn within_one_edit(one: &[u8], other: &[u8]) -> bool {
    let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (a, b) = (&one[same..], &other[same..]);
    match (a, b) {
        ([], []) | ([_], []) | ([], [_]) => true,
        ([], _) | (_, []) => false,
        _ => {
            a[1..] == b[1..]
                || a[1..] == *b
                || *a == b[1..]
                || (a.len() > 1 && b.len() > 1 && a[0] == b[1] && a[1] == b[0] && a[2..] == b[2..])
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_plain() {
        assert_eq!(
            raw_words("L\u{2019}enfant fiévreux, 3jours!"),
            ["l'enfant", "fievreux", "3", "jours"]
        );
        assert_eq!(raw_words("CŒUR ｆｉｔ"), ["coeur", "fit"]);
        assert!(raw_words(" ?!\u{301} ").is_empty());
        assert_eq!(without_long_runs("helpppp bloooood"), "helpp blood");
        assert_eq!(without_long_runs("1000"), "1000");
    }

    #[test]
    fn one_edit_is_one_letter() {
        for same in ["seizure", "sezure", "seizzure", "seizura", "seizuer", "eizure", "seizures"] {
            assert!(within_one_edit(same.as_bytes(), b"seizure"), "{same}");
        }
        for other in ["sezur", "seasure", "seziur", "", "erutiez"] {
            assert!(!within_one_edit(other.as_bytes(), b"seizure"), "{other}");
        }
    }

    proptest! {
        #[test]
        fn words_are_bounded(text: String) {
            for word in raw_words(&text) {
                prop_assert!(!word.is_empty());
                prop_assert!(word.chars().count() <= 2 * DANGER_WORD_CHARS_MAX);
            }
        }

        #[test]
        fn edits_are_symmetric(a in "[a-c]{0,6}", b in "[a-c]{0,6}") {
            let (a, b) = (a.as_bytes(), b.as_bytes());
            prop_assert_eq!(within_one_edit(a, b), within_one_edit(b, a));
        }
    }
}
