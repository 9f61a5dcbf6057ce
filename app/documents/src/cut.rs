//! Cuts documents into passages that fit a small model's context and can be cited.

use unicode_segmentation::UnicodeSegmentation;

use crate::item::{Document, Section};
use crate::limits::{PIECE_CHARS_MAX, PIECE_CHARS_MIN, STRETCH_CHARS_MAX};

/// A passage. With the document's id, `position` names it for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its number in the document, from 0.
    pub position: u32,
    /// The headings above it, outermost first, separated by ` › `; empty if there are none.
    pub heading: String,
    /// The fragment that opens its section.
    pub anchor: Option<String>,
    /// Its page, from 1.
    pub page: Option<u32>,
    /// Its text, of at most [`PIECE_CHARS_MAX`] characters.
    pub text: String,
}

/// A stretch of text that is not cut, and what joins it to the one before it.
struct Atom {
    gap: &'static str,
    text: String,
    chars: usize,
}

/// Cuts a document. The pieces of a section, put together, are its text: nothing is lost and nothing
/// said twice. A section longer than [`PIECE_CHARS_MAX`] characters is cut into pieces of similar
/// length, at least [`PIECE_CHARS_MIN`] where its borders allow it; a shorter one is one piece. Cuts
/// are at paragraphs, else between items of a list or rows of a table (the first stays with its
/// introduction), else between sentences, else between words (Unicode Standard Annex 29); only a
/// "word" longer than a piece is cut inside.
#[must_use]
pub fn cut(document: &Document) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for section in &document.sections {
        for text in texts(section) {
            pieces.push(Piece {
                position: u32::try_from(pieces.len()).unwrap_or(u32::MAX),
                heading: section.headings.join(" › "),
                anchor: section.anchor.clone(),
                page: section.page,
                text,
            });
        }
    }
    pieces
}

fn texts(section: &Section) -> Vec<String> {
    let atoms = atoms(&section.text);
    let mut left: usize = atoms.iter().map(|atom| atom.gap.len() + atom.chars).sum();
    let mut texts = Vec::new();
    let (mut text, mut chars) = (String::new(), 0);
    for atom in atoms {
        let added = atom.gap.len() + atom.chars;
        if chars > 0 {
            // What is left, in as few pieces as it fits, all of one length.
            let count = (left + chars).div_ceil(PIECE_CHARS_MAX).max(1);
            let target = ((left + chars) / count).max(PIECE_CHARS_MIN);
            let past = (chars + added).saturating_sub(target);
            let short = target.saturating_sub(chars);
            let too_long = chars + added > PIECE_CHARS_MAX;
            if too_long || past > short && chars >= PIECE_CHARS_MIN {
                texts.push(std::mem::take(&mut text));
                chars = 0;
            }
        }
        left -= added;
        if chars > 0 {
            text.push_str(atom.gap);
            chars += atom.gap.len();
        }
        text.push_str(&atom.text);
        chars += atom.chars;
    }
    if !text.is_empty() {
        texts.push(text);
    }
    texts
}

fn atoms(text: &str) -> Vec<Atom> {
    let mut atoms = Vec::new();
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        if push(&mut atoms, "\n\n", paragraph) {
            continue;
        }
        let mut gap = "\n\n";
        let mut rest = paragraph;
        // The introduction and the first item stay together if they fit.
        if let Some((end, _)) = paragraph.match_indices('\n').nth(1)
            && push(&mut atoms, gap, &paragraph[..end])
        {
            rest = &paragraph[end + 1..];
            gap = "\n";
        }
        for line in rest.split('\n').filter(|line| !line.is_empty()) {
            if !push(&mut atoms, gap, line) {
                sentences(&mut atoms, gap, line);
            }
            gap = "\n";
        }
    }
    atoms
}

/// Adds a stretch if it fits into a piece.
fn push(atoms: &mut Vec<Atom>, gap: &'static str, text: &str) -> bool {
    let chars = text.chars().count();
    let fits = chars <= PIECE_CHARS_MAX;
    if fits && chars > 0 {
        atoms.push(Atom { gap, text: text.to_owned(), chars });
    }
    fits
}

/// The search for sentences takes time with the square of what it looks at, so it gets stretches that
/// end where a sentence seems to, else at a space, else anywhere.
fn stretch(rest: &str) -> usize {
    let Some((end, _)) = rest.char_indices().nth(STRETCH_CHARS_MAX) else { return rest.len() };
    let head = &rest[..end];
    let after = |ends: &[&str]| ends.iter().filter_map(|e| Some(head.rfind(e)? + e.len())).max();
    after(&[". ", "! ", "? ", "。", "। "]).or_else(|| after(&[" "])).unwrap_or(end)
}

fn sentences(atoms: &mut Vec<Atom>, first: &'static str, line: &str) {
    let (mut gap, mut rest) = (first, line);
    while !rest.is_empty() {
        let (head, tail) = rest.split_at(stretch(rest));
        some_sentences(atoms, gap, head);
        gap = if head.ends_with(char::is_whitespace) { " " } else { "" };
        rest = tail;
    }
}

fn some_sentences(atoms: &mut Vec<Atom>, first: &'static str, line: &str) {
    let mut gap = first;
    for sentence in line.split_sentence_bounds() {
        let trimmed = sentence.trim();
        if !push(atoms, gap, trimmed) {
            words(atoms, gap, trimmed);
        }
        gap = if sentence.ends_with(char::is_whitespace) { " " } else { "" };
    }
}

fn words(atoms: &mut Vec<Atom>, first: &'static str, sentence: &str) {
    let mut gap = first;
    let mut run = String::new();
    let mut chars = 0;
    // Runs of words of half a piece, so that they can be put together evenly.
    for word in sentence.split_word_bounds() {
        let length = word.chars().count();
        if chars > 0 && chars + length > PIECE_CHARS_MAX / 2 && !joins(word) {
            push(atoms, gap, run.trim());
            gap = if run.ends_with(' ') || word == " " { " " } else { "" };
            run.clear();
            chars = 0;
        }
        run.push_str(word);
        chars += length;
        while chars > PIECE_CHARS_MAX {
            let end = run.char_indices().nth(PIECE_CHARS_MAX).map_or(run.len(), |(i, _)| i);
            push(atoms, gap, &run[..end]);
            gap = "";
            run.drain(..end);
            chars -= PIECE_CHARS_MAX;
        }
    }
    push(atoms, gap, run.trim());
}

/// A full stop or bracket that belongs to the word before it.
fn joins(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_punctuation()) && !word.starts_with(['(', '[', '"'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(text: &str) -> Document {
        let section = Section { text: text.into(), ..Section::default() };
        Document { title: "t".into(), sections: vec![section], ..Document::default() }
    }

    fn letters(text: &str) -> String {
        text.chars().filter(|c| !c.is_whitespace()).collect()
    }

    #[test]
    fn short_sections_are_one_piece_each() {
        let pieces = cut(&document("One.\n\nTwo."));
        assert_eq!(pieces.len(), 1);
        assert_eq!(pieces[0].text, "One.\n\nTwo.");
    }

    #[test]
    fn long_paragraphs_are_cut_at_sentences_into_even_pieces() {
        let sentence = "The goat ate all the leaves it could reach. ";
        let pieces = cut(&document(sentence.repeat(30).trim()));
        assert_eq!(pieces.len(), 2);
        for piece in &pieces {
            let chars = piece.text.chars().count();
            assert!((PIECE_CHARS_MIN..=PIECE_CHARS_MAX).contains(&chars), "{chars}");
            assert!(piece.text.starts_with("The goat") && piece.text.ends_with("reach."));
        }
    }

    #[test]
    fn a_list_stays_with_its_introduction() {
        let item = format!("\n- {}", "item ".repeat(30).trim());
        let list = format!("You need:{}", item.repeat(5));
        let text = format!("{}\n\n{list}", "word ".repeat(80).trim());
        let pieces = cut(&document(&text));
        assert!(pieces.iter().any(|piece| piece.text == list), "{pieces:?}");
        let long = format!("You need:{}", item.repeat(12));
        let pieces = cut(&document(&long));
        assert!(pieces[0].text.starts_with("You need:\n- item"), "{pieces:?}");
        assert!(pieces.len() > 1);
    }

    #[test]
    fn endless_words_are_cut_all_the_same() {
        let pieces = cut(&document(&"x".repeat(2000)));
        assert_eq!(pieces.len(), 3);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_too_long(
            words in prop::collection::vec("[a-zé中.!?,() ]{1,40}|\n|\n\n|\n- |x{1000}", 0..60)
        ) {
            let text = crate::text::lines(&words.concat());
            let pieces = cut(&document(&text));
            let together: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
            prop_assert_eq!(letters(&together), letters(&text));
            for piece in pieces {
                prop_assert!(piece.text.chars().count() <= PIECE_CHARS_MAX);
                prop_assert!(!piece.text.is_empty());
            }
        }
    }
}
