//! Markdown (CommonMark with tables) and plain text.

use pulldown_cmark::{Options, Parser, html::push_html};

use crate::html;
use crate::item::Document;
use crate::outline::Outline;
use crate::text;

/// Reads Markdown. A block of `key: value` lines between `---` at the top may give `title` and
/// `language`.
///
/// # Errors
///
/// Why it cannot be read.
pub(crate) fn read(source: &str, id: &str, language: Option<&str>) -> Result<Document, String> {
    let (front, body) = front_matter(source);
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES;
    let mut page = String::new();
    push_html(&mut page, Parser::new_ext(body, options));
    let mut document = html::read(&page, id, language)?.document;
    if document.title == document.id {
        document.title = stem(id);
    }
    for (key, value) in front.lines().filter_map(|line| line.split_once(':')) {
        let value = value.trim().trim_matches(['"', '\'']);
        match key.trim().to_ascii_lowercase().as_str() {
            "title" => document.title = text::name(value).unwrap_or(document.title),
            "language" | "lang" => document.language = text::language(value).or(document.language),
            _ => {}
        }
    }
    Ok(document)
}

fn front_matter(source: &str) -> (&str, &str) {
    let inside = source.strip_prefix("---\n").or_else(|| source.strip_prefix("---\r\n"));
    let Some(inside) = inside else { return ("", source) };
    let mut end = 0;
    for line in inside.split_inclusive('\n') {
        if matches!(line.trim_end(), "---" | "...") {
            return (&inside[..end], &inside[end + line.len()..]);
        }
        // Not a list of keys after all.
        if !line.contains(':') && !line.trim().is_empty() && !line.starts_with([' ', '-', '#']) {
            break;
        }
        end += line.len();
    }
    ("", source)
}

/// Reads plain text: an empty line ends a paragraph, other line ends are spaces, except before an
/// item of a list.
pub(crate) fn read_plain(source: &str, id: &str, language: Option<&str>) -> Document {
    let mut outline = Outline::new(None);
    let mut words = String::new();
    for line in source.split('\n') {
        let line = line.trim();
        if line.is_empty() {
            outline.paragraph(&std::mem::take(&mut words));
        } else {
            if !words.is_empty() {
                words.push(if starts_item(line) { '\n' } else { ' ' });
            }
            words.push_str(line);
        }
    }
    outline.paragraph(&words);
    Document {
        id: text::id(id),
        title: stem(id),
        language: language.map(str::to_owned),
        sections: outline.finish(),
    }
}

fn starts_item(line: &str) -> bool {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = line.len() - rest.len();
    (1..=3).contains(&digits) && (rest.starts_with(". ") || rest.starts_with(") "))
        || ["- ", "* ", "• ", "– "].iter().any(|bullet| line.starts_with(bullet))
}

/// A file's name without folder and extension, never empty.
pub(crate) fn stem(id: &str) -> String {
    let file = id.rsplit('/').next().unwrap_or(id);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    text::name(&stem.replace(['_', '-'], " ")).unwrap_or_else(|| text::id(id))
}
