//! The words of a text as they are searched: one way to write each, so that what is indexed and what
//! is asked meet.
//!
//! A text is folded (lower case, no accents), short-message and regional spellings are replaced,
//! words are stemmed, and words that say nothing of a subject are marked. Negation stays: every way
//! of saying "not" becomes one term. Scripts written without spaces, and languages this program has
//! no data for, are cut into runs of letters instead.

mod lexicon;
mod script;
mod swahili;

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

pub(crate) use lexicon::Lexicon;

use crate::limits::TERM_BYTES_MAX;

/// What a term is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TermKind {
    /// A word that may name a subject, stemmed.
    Word,
    /// A number; its unit, if there is one, is a term of its own.
    Number,
    /// "Not", in whatever form the language has.
    Negation,
    /// A word that names no subject ("how", "the"); never indexed.
    Stop,
    /// A few letters of a text without spaces or of an unknown language.
    Letters,
}

/// One word of a text, ready to be searched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Term {
    /// The term: folded, stemmed, without ASCII characters other than letters, digits, `.` and `,`.
    /// At most [`TERM_BYTES_MAX`] bytes, never empty.
    pub text: String,
    /// The folded word that it came from.
    pub word: String,
    /// What it is.
    pub kind: TermKind,
}

impl Term {
    /// True if the term is indexed and searched for.
    #[must_use]
    pub fn is_content(&self) -> bool {
        self.kind != TermKind::Stop
    }
}

/// The terms of a text, in order, repetitions included. `language` is a BCP 47 primary subtag; any
/// text in any language gives terms, worse ones where there is no data for the language.
#[must_use]
pub fn terms(text: &str, language: &str) -> Vec<Term> {
    let folded = fold(text);
    let lexicon = Lexicon::of(language);
    let mut out = Vec::new();
    for run in script::runs(&folded) {
        match run {
            script::Run::Unspaced(run, letters) => grams(run, letters, &mut out),
            script::Run::Spaced(run) => match lexicon {
                Some(lexicon) => words(run, lexicon, &mut out),
                None => run.unicode_words().for_each(|word| padded_grams(word, &mut out)),
            },
        }
    }
    out
}

/// Lower case, one apostrophe, no accents on letters of the alphabets of Europe.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let lowered = text.to_lowercase();
    let plain = lowered.chars().map(|c| match c {
        '\u{2018}' | '\u{2019}' | '\u{02BC}' => '\'',
        'œ' => 'o',
        'ß' => 's',
        c => c,
    });
    // Only the marks that sit on Latin, Greek and Cyrillic letters go, and the vowel signs that Arabic is
    // mostly written without: in the scripts of India and South-East Asia marks are vowels.
    let is_accent = |c: &char| matches!(c, '\u{0300}'..='\u{036F}' | '\u{064B}'..='\u{0652}');
    plain.nfd().filter(|c| !is_accent(c)).nfc().collect()
}

fn words(run: &str, lexicon: &Lexicon, out: &mut Vec<Term>) {
    let found: Vec<&str> = run.unicode_words().collect();
    for (at, word) in found.iter().enumerate() {
        let word = word.strip_suffix("'s").unwrap_or(word).replace('\'', "");
        let before = at.checked_sub(1).map(|before| found[before]);
        if let Some(spelt) = lexicon.spelt(&word, before) {
            spelt.split(' ').for_each(|word| push_word(word, lexicon, out));
        } else if word.starts_with(|c: char| c.is_ascii_digit()) {
            // "10kg" is 10 and kg.
            let digits = word.find(char::is_alphabetic).unwrap_or(word.len());
            push_word(&word[..digits], lexicon, out);
            push_word(&word[digits..], lexicon, out);
        } else {
            push_word(&word, lexicon, out);
        }
    }
}

fn push_word(word: &str, lexicon: &Lexicon, out: &mut Vec<Term>) {
    let kind = if lexicon.is_negation(word) {
        TermKind::Negation
    } else if lexicon.is_stop(word) {
        TermKind::Stop
    } else if word.starts_with(char::is_numeric) {
        TermKind::Number
    } else {
        TermKind::Word
    };
    let text = match kind {
        TermKind::Negation => "not".to_owned(),
        TermKind::Number => bounded(&word.replace(',', "")),
        _ => bounded(&lexicon.stem(word)),
    };
    push(text, word, kind, out);
}

/// Every run of `letters` letters of a text without spaces; all of it if it is shorter.
fn grams(run: &str, letters: usize, out: &mut Vec<Term>) {
    let characters: Vec<char> = run.chars().collect();
    for window in characters.windows(letters.min(characters.len().max(1))) {
        let text: String = window.iter().collect();
        push(bounded(&text), &text, TermKind::Letters, out);
    }
}

/// Runs of three letters of one word, its ends marked, so that words with a stem in common meet.
fn padded_grams(word: &str, out: &mut Vec<Term>) {
    const EDGE: char = '\u{B7}';
    if word.starts_with(char::is_numeric) {
        return push(bounded(word), word, TermKind::Number, out);
    }
    let padded: String = [EDGE].into_iter().chain(word.chars()).chain([EDGE]).collect();
    grams(&padded, 3, out);
}

fn push(text: String, word: &str, kind: TermKind, out: &mut Vec<Term>) {
    if !text.is_empty() {
        out.push(Term { text, word: word.to_owned(), kind });
    }
}

/// Without characters that the index would cut a word at, and not too long.
fn bounded(text: &str) -> String {
    let kept = |c: &char| !c.is_ascii() || c.is_ascii_alphanumeric() || *c == '.';
    let mut term = String::with_capacity(text.len().min(TERM_BYTES_MAX));
    for c in text.trim_matches('.').chars().filter(kept) {
        if term.len() + c.len_utf8() > TERM_BYTES_MAX {
            break;
        }
        term.push(c);
    }
    term
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content(text: &str, language: &str) -> Vec<String> {
        let all = terms(text, language).into_iter();
        all.filter(Term::is_content).map(|term| term.text).collect()
    }

    #[test]
    fn forms_of_one_word_meet() {
        assert_eq!(content("Bleeding, bleeds; BLEED", "en"), ["bleed"; 3]);
        assert_eq!(content("fièvres fievre", "fr"), content("fièvre fievres", "fr"));
        assert_eq!(content("anatapika kutapika", "sw"), ["tapika"; 2]);
        assert_eq!(content("diarrhea", "en"), content("diarrhoea", "en"));
    }

    #[test]
    fn short_messages_are_read() {
        assert_eq!(
            content("pls hw do u stop 2day", "en"),
            content("please how do you stop today", "en")
        );
        assert_eq!(content("hw 2 stop bleeding", "en"), content("how to stop bleeding", "en"));
        assert_eq!(content("2 children", "en"), ["2", "child"]);
    }

    #[test]
    fn not_stays_and_is_one_term() {
        assert_eq!(content("She isn\u{2019}t breathing", "en"), ["not", "breath"]);
        assert_eq!(content("not breathing", "en"), ["not", "breath"]);
        assert_eq!(content("il ne respire pas", "fr")[0], "not");
    }

    #[test]
    fn numbers_and_units_are_apart() {
        assert_eq!(content("10kg 1,000 3.5", "en"), ["10", "kg", "1000", "3.5"]);
    }

    #[test]
    fn text_without_spaces_is_cut_into_letters() {
        assert_eq!(content("疟疾的症状", "zh"), ["疟疾", "疾的", "的症", "症状"]);
        assert!(content("ไข้มาลาเรีย", "th").len() > 4);
        assert_eq!(content("fiebre", "es")[1..3], ["fie", "ieb"]);
    }

    proptest! {
        #[test]
        fn any_text_gives_terms_within_bounds(text: String, language in "en|fr|sw|zh|xx") {
            for term in terms(&text, &language) {
                prop_assert!(!term.text.is_empty() && term.text.len() <= TERM_BYTES_MAX);
                prop_assert!(!term.text.contains([' ', '"', ':', '\0']));
            }
        }
    }
}
