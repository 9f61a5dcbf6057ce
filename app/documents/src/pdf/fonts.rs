//! What codes of a font mean and how wide they are (ISO 32000-1, 9.6 to 9.10).

use std::collections::HashMap;
use std::rc::Rc;

use lopdf::{Dictionary, Document as Pdf, Encoding, Object};

use crate::limits::PDF_STREAM_BYTES_MAX;

/// A font, ready for use.
pub(crate) struct Font<'a> {
    encoding: Option<Encoding<'a>>,
    /// Bytes of one code: two for composite fonts.
    code_bytes: usize,
    widths: HashMap<u32, f32>,
    default_width: f32,
}

/// Fonts of one file by the address of their dictionary, and how many letters were lost.
#[derive(Default)]
pub(crate) struct Cache<'a> {
    fonts: HashMap<usize, Rc<Font<'a>>>,
    unreadable: usize,
}

impl<'a> Cache<'a> {
    /// The font of a dictionary.
    pub(crate) fn font(&mut self, pdf: &'a Pdf, dictionary: &'a Dictionary) -> Rc<Font<'a>> {
        let key = std::ptr::from_ref(dictionary).addr();
        self.fonts.entry(key).or_insert_with(|| Rc::new(Font::new(pdf, dictionary))).clone()
    }

    /// Letters whose font does not say what they are.
    pub(crate) fn unreadable(&self) -> usize {
        self.unreadable
    }

    /// The text of a string that is shown in `font`.
    pub(crate) fn decode(&mut self, font: &Font<'a>, bytes: &[u8]) -> String {
        let decoded = match &font.encoding {
            Some(encoding) => encoding.bytes_to_string(bytes).unwrap_or_default(),
            None => String::new(),
        };
        let codes = bytes.len() / font.code_bytes;
        let bad =
            decoded.chars().filter(|c| matches!(c, '\u{fffd}' | '\u{e000}'..='\u{f8ff}' | '\0'));
        self.unreadable += if decoded.is_empty() { codes } else { bad.count() };
        decoded.chars().flat_map(plain).collect()
    }
}

/// Ligatures as letters; the rest as it is.
fn plain(c: char) -> impl Iterator<Item = char> {
    let letters: &[char] = match c {
        '\u{fb00}' => &['f', 'f'],
        '\u{fb01}' => &['f', 'i'],
        '\u{fb02}' => &['f', 'l'],
        '\u{fb03}' => &['f', 'f', 'i'],
        '\u{fb04}' => &['f', 'f', 'l'],
        '\u{fb05}' | '\u{fb06}' => &['s', 't'],
        _ => &[],
    };
    let own = letters.is_empty().then_some(c);
    letters.iter().copied().chain(own)
}

impl<'a> Font<'a> {
    fn new(pdf: &'a Pdf, dictionary: &'a Dictionary) -> Self {
        let composite =
            dictionary.get(b"Subtype").and_then(Object::as_name).is_ok_and(|s| s == b"Type0");
        let mut font = Self {
            encoding: encoding(pdf, dictionary),
            code_bytes: if composite { 2 } else { 1 },
            widths: HashMap::new(),
            default_width: if composite { 1000.0 } else { 500.0 },
        };
        if composite {
            font.composite_widths(pdf, dictionary);
        } else {
            font.simple_widths(pdf, dictionary);
        }
        font
    }

    /// Codes of a string.
    pub(crate) fn codes(&self, bytes: &'a [u8]) -> impl Iterator<Item = u32> {
        codes(bytes, self.code_bytes)
    }

    /// Whether one byte is one code, as word spacing demands (ISO 32000-1, 9.3.3).
    pub(crate) fn is_simple(&self) -> bool {
        self.code_bytes == 1
    }

    /// How far a code moves the pen, in thousandths of the font's size.
    pub(crate) fn width(&self, code: u32) -> f32 {
        self.widths.get(&code).copied().unwrap_or(self.default_width)
    }

    fn simple_widths(&mut self, pdf: &Pdf, dictionary: &Dictionary) {
        let first = dictionary.get_deref(b"FirstChar", pdf).and_then(Object::as_i64).unwrap_or(0);
        let widths = dictionary.get_deref(b"Widths", pdf).and_then(Object::as_array);
        if let Ok(widths) = widths {
            // A Type 3 font has its own unit (ISO 32000-1, 9.6.5).
            let unit = dictionary
                .get_deref(b"FontMatrix", pdf)
                .and_then(Object::as_array)
                .ok()
                .and_then(|matrix| matrix.first()?.as_float().ok())
                .map_or(1.0, |unit| unit.abs() * 1000.0);
            for (code, width) in (first.clamp(0, 255) as u32..).zip(widths.iter().take(256)) {
                if let Ok((_, width)) = pdf.dereference(width)
                    && let Ok(width) = width.as_float()
                {
                    self.widths.insert(code, width * unit);
                }
            }
            return;
        }
        let name = dictionary.get_deref(b"BaseFont", pdf).and_then(Object::as_name).unwrap_or(b"");
        let standard = match name {
            name if name.starts_with(b"Courier") => {
                self.default_width = 600.0;
                return;
            }
            name if name.starts_with(b"Times") => &TIMES,
            _ => &HELVETICA,
        };
        self.widths.extend((32_u32..).zip(standard.iter().map(|width| f32::from(*width))));
    }

    /// Widths of a composite font (ISO 32000-1, 9.7.4.3), taking codes for character numbers, as
    /// the encodings Identity-H and -V do.
    fn composite_widths(&mut self, pdf: &Pdf, dictionary: &Dictionary) {
        let descendant = dictionary
            .get_deref(b"DescendantFonts", pdf)
            .and_then(Object::as_array)
            .ok()
            .and_then(|fonts| pdf.dereference(fonts.first()?).ok())
            .and_then(|(_, font)| font.as_dict().ok());
        let Some(descendant) = descendant else { return };
        if let Ok(width) = descendant.get_deref(b"DW", pdf).and_then(Object::as_float) {
            self.default_width = width;
        }
        let Ok(list) = descendant.get_deref(b"W", pdf).and_then(Object::as_array) else { return };
        let mut rest = list.iter().filter_map(|object| pdf.dereference(object).ok());
        while let (Some((_, first)), Some((_, second))) = (rest.next(), rest.next()) {
            let Ok(first) = first.as_i64() else { return };
            let first = first.clamp(0, 0xffff) as u32;
            if let Ok(widths) = second.as_array() {
                for (code, width) in (first..=0xffff).zip(widths) {
                    self.widths.insert(code, width.as_float().unwrap_or(self.default_width));
                }
            } else if let (Ok(last), Some((_, width))) = (second.as_i64(), rest.next()) {
                let width = width.as_float().unwrap_or(self.default_width);
                self.widths
                    .extend((first..=last.clamp(0, 0xffff) as u32).map(|code| (code, width)));
            }
        }
    }
}

fn codes(bytes: &[u8], size: usize) -> impl Iterator<Item = u32> {
    bytes.chunks(size).map(|code| code.iter().fold(0, |code, byte| code << 8 | u32::from(*byte)))
}

/// A table of the letters, if there is one, else the font's encoding.
fn encoding<'a>(pdf: &'a Pdf, dictionary: &'a Dictionary) -> Option<Encoding<'a>> {
    if dictionary.has(b"ToUnicode") {
        let mut only = Dictionary::new();
        only.set("Type", "Font");
        only.set("ToUnicode", dictionary.get(b"ToUnicode").ok()?.clone());
        // `UnicodeMapEncoding` owns its table; the others borrow from `only` and are not it.
        if let Ok(Encoding::UnicodeMapEncoding(map)) =
            only.get_font_encoding_with_limit(pdf, PDF_STREAM_BYTES_MAX)
        {
            return Some(Encoding::UnicodeMapEncoding(map));
        }
    }
    dictionary.get_font_encoding_with_limit(pdf, PDF_STREAM_BYTES_MAX).ok()
}

/// Advance widths from the space to the tilde, from the Adobe font metrics of the standard fonts
/// (ISO 32000-1, 9.6.2.2), for files that leave them out.
#[rustfmt::skip]
const HELVETICA: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];
#[rustfmt::skip]
const TIMES: [u16; 95] = [
    250, 333, 408, 500, 500, 833, 778, 180, 333, 333, 500, 564, 250, 333, 250, 278, 500, 500, 500,
    500, 500, 500, 500, 500, 500, 500, 278, 278, 564, 564, 564, 444, 921, 722, 667, 667, 722, 611,
    556, 722, 722, 333, 389, 722, 611, 889, 722, 722, 556, 722, 667, 556, 611, 722, 722, 944, 722,
    722, 611, 333, 278, 333, 469, 500, 333, 444, 500, 444, 500, 444, 333, 500, 500, 278, 278, 500,
    278, 778, 500, 500, 500, 500, 333, 389, 278, 500, 500, 722, 500, 500, 444, 480, 200, 480, 541,
];
