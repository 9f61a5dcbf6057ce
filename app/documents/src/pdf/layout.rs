//! Makes lines of what a page shows, and paragraphs of lines: running headers and footers go, words
//! that were divided at line ends are whole again, larger letters are headings.

use std::collections::{HashMap, HashSet};

use super::glyphs::{Drawn, Run};
use crate::item::Section;
use crate::limits::PDF_RUNNING_PAGES_MIN;
use crate::outline::Outline;
use crate::text;

/// Part of a page's height, at the top and at the bottom, where running headers and footers stand.
const EDGE: f32 = 0.12;
/// Share of the pages, in percent, that a line must stand at the edge of to be a running one.
const RUNNING_PERCENT: usize = 15;
/// Gap between two runs, in heights of the letters, from which on there is a space: a narrow space
/// has a quarter, spacing of letters less than a tenth.
const SPACE: f32 = 0.16;
/// Distance of two lines, in usual distances, from which on a paragraph begins.
const PARAGRAPH: f32 = 1.3;
/// Height of letters, in usual heights, from which on a short line is a heading.
const HEADING: f32 = 1.18;
/// Longest heading, in characters.
const HEADING_CHARS_MAX: usize = 160;

/// A line of text.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    text: String,
    from: f32,
    to: f32,
    base: f32,
    size: f32,
    turn: u8,
    /// At the top or at the bottom of the page.
    edge: Option<Edge>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Edge {
    Top,
    Bottom,
}

/// Joins runs that follow each other on one base line.
pub(crate) fn lines(drawn: Drawn) -> Vec<Line> {
    let height = drawn.top - drawn.bottom;
    let mut lines: Vec<Line> = Vec::new();
    for run in drawn.runs {
        if let Some(line) = lines.last_mut()
            && join(line, &run)
        {
            continue;
        }
        lines.push(Line {
            text: run.text,
            from: run.from,
            to: run.to,
            base: run.base,
            size: run.size,
            turn: run.turn,
            edge: None,
        });
    }
    lines.retain_mut(|line| {
        line.text = text::line(&line.text);
        !line.text.is_empty()
    });
    for line in &mut lines {
        let up = (line.base - drawn.bottom) / height;
        line.edge = match up {
            _ if line.turn != 0 || height.is_nan() || height <= 0.0 => None,
            up if up > 1.0 - EDGE => Some(Edge::Top),
            up if up < EDGE => Some(Edge::Bottom),
            _ => None,
        };
    }
    lines
}

/// Adds a run to a line if it goes on with it.
fn join(line: &mut Line, run: &Run) -> bool {
    let size = line.size.max(run.size);
    let lift = run.base - line.base;
    if line.turn != run.turn || lift.abs() > size * 0.5 || run.from < line.to - size * 0.6 {
        return false;
    }
    let gap = run.from - line.to;
    let space = gap > size * SPACE && !line.text.ends_with(' ') && !run.text.starts_with(' ');
    let raised = lift > line.size * 0.15 && run.size < line.size * 0.85 && !space;
    let up: Option<String> = run.text.trim().chars().map(text::raise).collect();
    match up {
        Some(up) if raised && line.text.ends_with(char::is_alphanumeric) => line.text.push_str(&up),
        _ => {
            if space {
                line.text.push(' ');
            }
            line.text.push_str(&run.text);
        }
    }
    line.to = run.to;
    if run.size > line.size * 1.1 {
        line.size = run.size;
        line.base = run.base;
    }
    true
}

/// The sections of a file, from the lines of each page.
pub(crate) fn sections(mut pages: Vec<Vec<Line>>) -> Vec<Section> {
    remove_running(&mut pages);
    let usual = usual_size(&pages);
    let whole = words_with_hyphen(&pages);
    let mut outline = Outline::new(None);
    for (number, lines) in (1_u32..).zip(&pages) {
        outline.page(number);
        page(&mut outline, lines, usual, &whole);
    }
    outline.finish()
}

/// Takes out lines that come again at the same edge of many pages, page numbers aside.
fn remove_running(pages: &mut [Vec<Line>]) {
    let key = |line: &Line| {
        let edge = line.edge?;
        let mut text: String =
            line.text.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
        while text.contains("##") {
            text = text.replace("##", "#");
        }
        Some((edge, text))
    };
    let mut seen: HashMap<(Edge, String), usize> = HashMap::new();
    for page in pages.iter() {
        let once: HashSet<_> = page.iter().filter_map(key).collect();
        for one in once {
            *seen.entry(one).or_default() += 1;
        }
    }
    let least = PDF_RUNNING_PAGES_MIN.max(pages.len() * RUNNING_PERCENT / 100);
    for page in pages.iter_mut() {
        page.retain(|line| {
            key(line).is_none_or(|key| seen.get(&key).is_none_or(|count| *count < least))
        });
    }
}

/// The height of most letters.
fn usual_size(pages: &[Vec<Line>]) -> f32 {
    let mut letters: HashMap<u32, usize> = HashMap::new();
    for line in pages.iter().flatten() {
        *letters.entry((line.size * 4.0).round() as u32).or_default() += line.text.len();
    }
    let most = letters.into_iter().max_by_key(|(size, count)| (*count, *size));
    most.map_or(12.0, |(size, _)| size as f32 / 4.0)
}

/// Words that are written with a hyphen within a line, in lower case.
fn words_with_hyphen(pages: &[Vec<Line>]) -> HashSet<String> {
    let words = pages.iter().flatten().flat_map(|line| line.text.split(' '));
    words
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| word.contains('-'))
        .map(str::to_lowercase)
        .collect()
}

fn page(outline: &mut Outline, lines: &[Line], usual: f32, whole: &HashSet<String>) {
    let distance = usual_distance(lines);
    let mut paragraph = String::new();
    let mut before: Option<&Line> = None;
    let mut glued = false;
    for line in lines {
        let heading = is_heading(line, usual);
        let begins = before.is_none_or(|last| {
            let step = last.base - line.base;
            let tolerance = distance.unwrap_or(line.size * 1.2) * PARAGRAPH;
            let far = step > tolerance.max(line.size * 1.1);
            let resized = (last.size - line.size).abs() > usual * 0.15;
            let indented = line.from > last.from + line.size * 0.8 && ends_sentence(&last.text);
            // Up the page again: the next column, where a sentence may go on.
            let column = step < 0.0 && ends_sentence(&last.text);
            far || resized || indented || column || last.turn != line.turn
        });
        let item = starts_item(&line.text);
        if begins || item {
            flush(
                outline,
                &mut paragraph,
                before.is_some_and(|b| is_heading(b, usual)),
                glued,
                || before.map_or(1.0, |b| b.size / usual),
            );
            glued = item && !begins;
        }
        if heading && !begins && before.is_some_and(|last| !is_heading(last, usual)) {
            flush(outline, &mut paragraph, false, glued, || 1.0);
            glued = false;
        }
        append(&mut paragraph, &line.text, whole);
        before = Some(line);
    }
    let last = before.is_some_and(|line| is_heading(line, usual));
    flush(outline, &mut paragraph, last, glued, || before.map_or(1.0, |b| b.size / usual));
}

fn flush(
    outline: &mut Outline,
    paragraph: &mut String,
    heading: bool,
    glued: bool,
    ratio: impl Fn() -> f32,
) {
    let words = std::mem::take(paragraph);
    if words.is_empty() {
        return;
    }
    if heading && words.chars().count() <= HEADING_CHARS_MAX {
        let level = match ratio() {
            ratio if ratio >= 1.8 => 1,
            ratio if ratio >= 1.4 => 2,
            _ => 3,
        };
        outline.heading(level, &words, None);
    } else if glued {
        outline.line(&bulleted(&words));
    } else {
        outline.paragraph(&bulleted(&words));
    }
}

/// Signs that begin items of lists become one.
fn bulleted(words: &str) -> String {
    match words.strip_prefix(['•', '●', '▪', '◦', '‣', '∙', '·']) {
        Some(rest) => format!("- {}", rest.trim_start()),
        None => words.to_owned(),
    }
}

/// The usual distance of lines that follow each other.
fn usual_distance(lines: &[Line]) -> Option<f32> {
    let mut steps: Vec<f32> = lines
        .windows(2)
        .map(|pair| pair[0].base - pair[1].base)
        .zip(lines)
        .filter(|(step, line)| *step > line.size * 0.8 && *step < line.size * 3.0)
        .map(|(step, _)| step)
        .collect();
    steps.sort_unstable_by(f32::total_cmp);
    // Lower than the middle, so that many short paragraphs do not hide the distance inside them.
    steps.get(steps.len() * 2 / 5).copied()
}

fn is_heading(line: &Line, usual: f32) -> bool {
    line.size >= usual * HEADING
        && line.text.chars().any(char::is_alphabetic)
        && line.text.chars().count() <= HEADING_CHARS_MAX
}

fn ends_sentence(text: &str) -> bool {
    text.trim_end_matches(['"', '\'', '”', '’', ')', '»'])
        .ends_with(['.', '!', '?', ':', '。', '।', '؟', '።'])
}

fn starts_item(text: &str) -> bool {
    if text.starts_with(['•', '●', '▪', '◦', '‣', '∙', '·']) {
        return true;
    }
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = text.len() - rest.len();
    (1..=2).contains(&digits) && (rest.starts_with(". ") || rest.starts_with(") "))
        || ["- ", "– "].iter().any(|bullet| text.starts_with(bullet))
}

/// Adds a line to a paragraph; a word divided at its end is made whole, unless the text has it with
/// its hyphen elsewhere.
fn append(paragraph: &mut String, line: &str, whole: &HashSet<String>) {
    let head = paragraph.strip_suffix(['-', '\u{2010}']);
    if let Some(head) = head
        && head.ends_with(char::is_alphabetic)
        && line.starts_with(char::is_lowercase)
    {
        let first = head.rsplit(' ').next().unwrap_or(head);
        let second = line.split(' ').next().unwrap_or(line);
        let joined = format!("{first}-{second}").to_lowercase();
        if !whole.contains(joined.trim_matches(|c: char| !c.is_alphanumeric())) {
            paragraph.truncate(head.len());
        }
    } else if !paragraph.is_empty() {
        paragraph.push(' ');
    }
    paragraph.push_str(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divided_words_are_whole_again() {
        let whole = HashSet::from(["well-known".to_owned()]);
        let mut text = "a long sen-".to_owned();
        append(&mut text, "tence of a well-", &whole);
        append(&mut text, "known goat, 10-", &whole);
        append(&mut text, "12 of them", &whole);
        assert_eq!(text, "a long sentence of a well-known goat, 10- 12 of them");
    }

    #[test]
    fn a_raised_digit_stays_a_power() {
        let run = |text: &str, from, base, size| Run {
            text: text.into(),
            from,
            to: from + 10.0,
            base,
            size,
            turn: 0,
        };
        let runs = vec![
            run("10", 0.0, 100.0, 10.0),
            run("3", 10.0, 104.0, 6.0),
            run("litres", 24.0, 100.0, 10.0),
        ];
        let lines = lines(Drawn { runs, bottom: 0.0, top: 800.0, trouble: None });
        assert_eq!(lines[0].text, "10³ litres");
    }
}
