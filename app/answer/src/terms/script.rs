//! Which parts of a text are written with spaces between words.

/// A part of a text in one way of writing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Run<'a> {
    /// Words with spaces, or what stands between words.
    Spaced(&'a str),
    /// Words without spaces, and how many letters are searched as one term: two where a character
    /// is a syllable or a word, three where it is a sound.
    Unspaced(&'a str, usize),
}

/// The runs of a text, in order; together they are the text.
pub(super) fn runs(text: &str) -> impl Iterator<Item = Run<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let class = letters_of(rest.chars().next()?);
        let end = rest.find(|c| letters_of(c) != class).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        Some(match class {
            Some(letters) => Run::Unspaced(run, letters),
            None => Run::Spaced(run),
        })
    })
}

/// Letters of one term, if the script has no spaces (Unicode 16 blocks).
fn letters_of(c: char) -> Option<usize> {
    match c {
        // Kana; CJK ideographs with their extensions and compatibility forms.
        '\u{3041}'..='\u{3096}'
        | '\u{30A1}'..='\u{30FA}'
        | '\u{30FC}'
        | '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFD}' => Some(2),
        // Thai and Lao, Burmese, Khmer; without their digits and marks of punctuation.
        '\u{0E01}'..='\u{0E3A}'
        | '\u{0E40}'..='\u{0E4E}'
        | '\u{0E81}'..='\u{0ECD}'
        | '\u{1000}'..='\u{103F}'
        | '\u{1050}'..='\u{108F}'
        | '\u{1780}'..='\u{17D3}' => Some(3),
        _ => None,
    }
}
