//! Clean text: one form for everything that is kept.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use unicode_normalization::UnicodeNormalization;

use crate::limits::{ID_BYTES_MAX, NAME_CHARS_MAX};

/// A character that says nothing to a reader: controls, marks of direction and byte order, private
/// use, soft hyphens, replacement characters. Joiners stay; Persian and Indic words need them.
fn says_nothing(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}' | '\u{e000}'..='\u{f8ff}'
            | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
}

/// One line: NFC, white space collapsed, nothing invisible.
pub(crate) fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.nfc() {
        if c.is_whitespace() || c == '\u{b}' || c == '\u{c}' {
            gap = true;
        } else if !says_nothing(c) {
            if gap && !out.is_empty() {
                out.push(' ');
            }
            gap = false;
            out.push(c);
        }
    }
    out
}

/// Several lines, each clean; at most one empty line between two paragraphs.
pub(crate) fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty = 0;
    for one in text.split(['\n', '\r', '\u{2028}', '\u{2029}']) {
        let one = line(one);
        if one.is_empty() {
            empty += 1;
            continue;
        }
        if !out.is_empty() {
            out.push_str(if empty > 0 { "\n\n" } else { "\n" });
        }
        empty = 0;
        out.push_str(&one);
    }
    out
}

/// A record's field with line ends of any kind: lines of a paragraph stay lines.
pub(crate) fn field(text: &str) -> String {
    lines(&text.replace("\r\n", "\n"))
}

/// A title, heading or name: one clean line, cut at the limit; `None` if nothing is left.
pub(crate) fn name(text: &str) -> Option<String> {
    let clean = line(text);
    let short: String = clean.chars().take(NAME_CHARS_MAX).collect();
    let short = short.trim_end();
    (!short.is_empty()).then(|| short.to_owned())
}

/// A path inside an archive, made safe: slashes forward, no empty, `.` or `..` part, nothing
/// invisible, cut at the limit with a checksum so that two long ones stay two.
pub(crate) fn id(path: &str) -> String {
    let clean = line(path).replace('\\', "/");
    let parts: Vec<&str> =
        clean.split('/').map(str::trim).filter(|p| !matches!(*p, "" | "." | "..")).collect();
    let whole = parts.join("/");
    if whole.is_empty() {
        return "-".to_owned();
    }
    if whole.len() <= ID_BYTES_MAX {
        return whole;
    }
    let end = (0..=ID_BYTES_MAX - 17).rev().find(|&i| whole.is_char_boundary(i)).unwrap_or(0);
    // FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
    let sum = whole.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{}~{sum:016x}", &whole[..end])
}

/// A year in a date of any usual form: the first run of exactly four digits from 1000 to 2999.
pub(crate) fn year(text: &str) -> Option<u16> {
    // PDF dates (ISO 32000-1, 7.9.4) run the month into the year.
    if let Some(date) = text.trim_start().strip_prefix("D:") {
        return date.get(..4)?.parse().ok().filter(|y| (1000..3000).contains(y));
    }
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|run| run.len() == 4 || run.len() == 8)
        .find_map(|run| run[..4].parse().ok().filter(|y| (1000..3000).contains(y)))
}

/// A digit or sign as a superscript, so that a power does not become a number.
pub(crate) fn raise(c: char) -> Option<char> {
    Some(match c {
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '0' | '4'..='9' => char::from_u32(0x2070 + (c as u32 - '0' as u32))?,
        '+' => '⁺',
        '-' | '−' | '–' => '⁻',
        _ => return None,
    })
}

/// Codes of ISO 639-2 and -3 that have a two-letter form, for languages that boxes meet.
#[rustfmt::skip]
const LANGUAGES: &[(&str, &str)] = &[
    ("aar", "aa"), ("afr", "af"), ("aka", "ak"), ("amh", "am"), ("ara", "ar"), ("bam", "bm"),
    ("ben", "bn"), ("bod", "bo"), ("ces", "cs"), ("chi", "zh"), ("cmn", "zh"), ("deu", "de"),
    ("eng", "en"), ("ewe", "ee"), ("fas", "fa"), ("per", "fa"), ("fra", "fr"), ("fre", "fr"),
    ("ful", "ff"), ("ger", "de"), ("guj", "gu"), ("hat", "ht"), ("hau", "ha"), ("hin", "hi"),
    ("ibo", "ig"), ("ind", "id"), ("ita", "it"), ("jpn", "ja"), ("kan", "kn"), ("khm", "km"),
    ("kik", "ki"), ("kin", "rw"), ("kon", "kg"), ("lao", "lo"), ("lin", "ln"), ("lug", "lg"),
    ("mal", "ml"), ("mar", "mr"), ("mlg", "mg"), ("mya", "my"), ("bur", "my"), ("nde", "nd"),
    ("nep", "ne"), ("nld", "nl"), ("dut", "nl"), ("nya", "ny"), ("orm", "om"), ("pan", "pa"),
    ("por", "pt"), ("pus", "ps"), ("que", "qu"), ("run", "rn"), ("rus", "ru"), ("sag", "sg"),
    ("sna", "sn"), ("som", "so"), ("sot", "st"), ("spa", "es"), ("ssw", "ss"), ("swa", "sw"),
    ("swh", "sw"), ("tam", "ta"), ("tel", "te"), ("tgl", "tl"), ("tha", "th"), ("tir", "ti"),
    ("tsn", "tn"), ("tso", "ts"), ("tur", "tr"), ("ukr", "uk"), ("urd", "ur"), ("ven", "ve"),
    ("vie", "vi"), ("wol", "wo"), ("xho", "xh"), ("yor", "yo"), ("zho", "zh"), ("zul", "zu"),
];

/// A language as files name it (`en-GB`, `fra`, `eng,fra`) as a primary subtag in lower case, two
/// letters where there are two (BCP 47, RFC 5646 2.2.1).
pub(crate) fn language(text: &str) -> Option<String> {
    let first = text.trim().split(|c: char| !c.is_ascii_alphabetic()).next()?.to_ascii_lowercase();
    if !(2..=3).contains(&first.len()) || first == "und" || first == "mul" {
        return None;
    }
    let short = LANGUAGES.iter().find(|(long, _)| *long == first).map(|(_, short)| *short);
    Some(short.map_or(first, str::to_owned))
}

/// Bytes as text, and the encoding's name if it was guessed: a byte order mark, then UTF-8, then
/// `declared`, then Windows-1252, which every byte fits.
pub(crate) fn decode(bytes: &[u8], declared: Option<&str>) -> (String, Option<&'static str>) {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        let (text, _) = encoding.decode_without_bom_handling(&bytes[length..]);
        return (text.into_owned(), None);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (text.to_owned(), None);
    }
    if let Some(encoding) = declared.and_then(|label| Encoding::for_label(label.as_bytes())) {
        if encoding != UTF_8 {
            return (encoding.decode_without_bom_handling(bytes).0.into_owned(), None);
        }
        // A damaged letter or two in a text that says it is UTF-8.
        return (UTF_8.decode_without_bom_handling(bytes).0.into_owned(), None);
    }
    (WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(), Some("Windows-1252"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_clean() {
        assert_eq!(line(" e\u{301}te\u{301}\u{ad} \t\u{0}x\u{200f} "), "été x");
        assert_eq!(lines("a\r\n\r\n\r\n b  c\n\u{1}\nd\n e"), "a\n\nb c\n\nd\ne");
        assert_eq!(name(" \u{feff} "), None);
    }

    #[test]
    fn ids_are_safe_and_stay_different() {
        assert_eq!(id("../..\\etc//./passwd"), "etc/passwd");
        assert_eq!(id("/../"), "-");
        let long = "é".repeat(500);
        let (one, two) = (id(&format!("{long}a")), id(&format!("{long}b")));
        assert!(one.len() <= ID_BYTES_MAX && one != two);
    }

    #[test]
    fn years_and_languages_of_many_forms() {
        assert_eq!(year("2019-04-01"), Some(2019));
        assert_eq!(year("D:20200131"), Some(2020));
        assert_eq!(year("1 May 1987"), Some(1987));
        assert_eq!(year("20240101"), Some(2024));
        assert_eq!(year("12345"), None);
        assert_eq!(language("en-GB").as_deref(), Some("en"));
        assert_eq!(language("swh,eng").as_deref(), Some("sw"));
        assert_eq!(language("dag").as_deref(), Some("dag"));
        assert_eq!(language("English"), None);
    }

    #[test]
    fn encodings_are_found() {
        assert_eq!(decode(b"\xef\xbb\xbfa", None), ("a".into(), None));
        assert_eq!(decode(b"caf\xe9", None), ("café".into(), Some("Windows-1252")));
        assert_eq!(decode(b"caf\xe9", Some("iso-8859-15")), ("café".into(), None));
        assert_eq!(decode(b"\xff\xfea\0", None), ("a".into(), None));
    }
}
