//! A text without the persons in it, for logs, exports and the review desk: phone and identity
//! numbers, mail addresses, links with secrets, and names after words that announce one.
//!
//! Doses, ages, dates and years stay. A name that nothing announces ("Amina has fever") also stays:
//! this is a help against what people write without need, not a promise that nobody can be known.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use crate::grounding::quantity::quantities;
use crate::grounding::token::{Kind, Phrases, Token, tokens};
use crate::grounding::{everywhere, list, section, tables};
use crate::limits::{IDENTITY_DIGITS_MIN, PHONE_DIGITS_MIN, URL_SECRET_CHARS_MIN};
use crate::question::Language;

const NUMBER: &str = "[number]";
const NAME: &str = "[name]";
const MAIL: &str = "[mail]";
const LINK: &str = "[link]";

struct Cues {
    names: Phrases<()>,
    numbers: Phrases<()>,
    never: HashSet<String>,
}

static CUES: LazyLock<Cues> = LazyLock::new(|| {
    let phrases = |name| everywhere("privacy", name).map(|phrase| (phrase, ())).collect();
    Cues {
        names: phrases("name_cues"),
        numbers: phrases("number_cues"),
        never: everywhere("privacy", "never_names").map(str::to_owned).collect(),
    }
});

/// The titles of a language, or of all where it has no data.
fn titles(language: &Language) -> HashSet<&'static str> {
    let own = tables().find(|(tag, _)| *tag == language.as_str());
    match own {
        Some((_, table)) => list(section(table, "privacy"), "titles").collect(),
        None => everywhere("privacy", "titles").collect(),
    }
}

/// A text with `[number]`, `[name]`, `[mail]` or `[link]` for what could name or reach a person. The
/// words that announce a name or a number are known in all languages of the data, titles in that of
/// the text.
#[must_use]
pub fn without_persons<'t>(text: &'t str, language: &Language) -> Cow<'t, str> {
    let tokens = tokens(text);
    let mut masks: Vec<(Range<usize>, &str)> = Vec::new();
    addresses(text, &mut masks);
    numbers(text, &tokens, &mut masks);
    names(text, &tokens, &titles(language), &mut masks);
    if masks.is_empty() {
        return Cow::Borrowed(text);
    }
    masks.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
    let mut masked = String::with_capacity(text.len());
    let mut end = 0;
    for (span, word) in masks {
        if span.start < end {
            // Two finds that overlap are one.
            end = end.max(span.end);
            continue;
        }
        masked.push_str(&text[end..span.start]);
        masked.push_str(word);
        end = span.end;
    }
    masked.push_str(&text[end..]);
    Cow::Owned(masked)
}

/// Mail addresses and links, between white space.
fn addresses(text: &str, masks: &mut Vec<(Range<usize>, &'static str)>) {
    let mut at = 0;
    for piece in text.split_inclusive(char::is_whitespace) {
        let start = at;
        at += piece.len();
        let outside = |c: char| c.is_whitespace() || "\"'()[]{}<>,;!".contains(c);
        let word = piece.trim_end_matches(|c| outside(c) || c == '.').trim_start_matches(outside);
        let from = start + (piece.len() - piece.trim_start_matches(outside).len());
        let span = from..from + word.len();
        if span.start >= span.end || span.end > at {
            continue;
        }
        let lower = word.to_lowercase();
        if lower.contains("://") || lower.starts_with("www.") {
            if has_secret(&lower) {
                masks.push((span, LINK));
            }
        } else if let Some((name, host)) = lower.rsplit_once('@')
            && !name.is_empty()
            && host.contains('.')
        {
            masks.push((span, MAIL));
        }
    }
}

/// A link that carries more than a page's name.
fn has_secret(link: &str) -> bool {
    let long = |part: &str| {
        part.chars().count() >= URL_SECRET_CHARS_MIN && part.contains(|c: char| c.is_ascii_digit())
    };
    link.contains(['?', '=', '#', '@']) || link.split(['/', '.', '-', '_']).any(long)
}

/// Digits with what people put between them.
struct Run {
    span: Range<usize>,
    groups: Vec<String>,
    plus: bool,
}

impl Run {
    fn digits(&self) -> usize {
        self.groups.iter().map(|group| group.chars().count()).sum()
    }

    fn starts_with_zero(&self) -> bool {
        const ZEROS: [char; 4] = ['0', '٠', '۰', '०'];
        self.groups.first().is_some_and(|group| group.starts_with(ZEROS))
    }

    /// Years, and dates with a year.
    fn is_date(&self) -> bool {
        let year =
            |group: &str| group.len() == 4 && (group.starts_with("19") || group.starts_with("20"));
        let small = |group: &str| group.len() <= 2;
        let groups: Vec<&str> = self.groups.iter().map(String::as_str).collect();
        match groups.as_slice() {
            [a, b, c] if year(a) => small(b) && small(c) || (year(b) && year(c)),
            [a, b, c] if year(c) => small(a) && small(b),
            all => all.iter().all(|group| year(group)),
        }
    }

    fn is_of_a_person(&self, counted: bool, announced: bool) -> bool {
        const LONG: usize = 9;
        const GROUPED: usize = 8;
        let digits = self.digits();
        if self.is_date() && !self.plus {
            return false;
        }
        if (self.plus || self.starts_with_zero()) && digits >= LONG {
            return true;
        }
        if counted {
            return false;
        }
        let lengths: Vec<usize> = self.groups.iter().map(|group| group.chars().count()).collect();
        (announced && digits >= IDENTITY_DIGITS_MIN)
            || ((self.plus || self.starts_with_zero()) && digits >= PHONE_DIGITS_MIN)
            || lengths.iter().any(|&length| length >= PHONE_DIGITS_MIN)
            || (digits >= GROUPED && lengths.iter().all(|&length| length >= 2))
            || lengths == [3, 4]
    }
}

fn numbers(text: &str, tokens: &[Token], masks: &mut Vec<(Range<usize>, &'static str)>) {
    let counted: Vec<Range<usize>> = quantities(tokens)
        .into_iter()
        .filter(|quantity| quantity.unit.is_some())
        .map(|quantity| {
            tokens[quantity.tokens.start].span.start..tokens[quantity.tokens.end - 1].span.end
        })
        .collect();
    for run in runs(text) {
        let unit = counted.iter().any(|span| span.start < run.span.end && run.span.end < span.end);
        let place = tokens.partition_point(|token| token.span.start < run.span.start);
        // "Phone: 12345", "ID no. 12345".
        let words = (0..=2).filter_map(|stops| place.checked_sub(stops));
        let announced = words.into_iter().any(|end| CUES.numbers.before(tokens, end).is_some());
        if run.is_of_a_person(unit, announced) {
            masks.push((run.span, NUMBER));
        }
    }
    // Letters and many digits in one: CM1234567, A12345678.
    for token in tokens.iter().filter(|token| token.kind == Kind::Word) {
        if token.norm.chars().filter(|c| c.is_numeric()).count() >= IDENTITY_DIGITS_MIN {
            masks.push((token.span.clone(), NUMBER));
        }
    }
}

/// Digits that stand together, across single spaces, points, dashes, slashes and brackets.
fn runs(text: &str) -> Vec<Run> {
    const BETWEEN_MAX: usize = 3;
    let mut found: Vec<Run> = Vec::new();
    let mut open: Option<Run> = None;
    let mut between = 0;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        if is_digit(c) {
            let joins = between > 0;
            match &mut open {
                Some(run) if !joins => {
                    run.span.end = end;
                    if let Some(group) = run.groups.last_mut() {
                        group.push(c);
                    }
                }
                Some(run) => {
                    run.span.end = end;
                    run.groups.push(c.to_string());
                }
                None => {
                    let plus = before == '+';
                    let start = if plus { at - 1 } else { at };
                    open = Some(Run { span: start..end, groups: vec![c.to_string()], plus });
                }
            }
            between = 0;
        } else {
            let separates = matches!(
                c,
                ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '.' | '-' | '/' | '(' | ')' | '\u{2010}'
                    ..='\u{2013}' | '·' | '_' | '\u{200b}'
            );
            between += 1;
            if !separates || between > BETWEEN_MAX {
                found.extend(open.take());
                between = 0;
            }
        }
        before = c;
    }
    found.extend(open);
    found
}

fn is_digit(c: char) -> bool {
    // Decimal digits of any script, not fractions or powers.
    c.is_ascii_digit() || matches!(c, '٠'..='٩' | '۰'..='۹' | '०'..='९' | '০'..='৯' | '０'..='９')
}

fn names(
    text: &str,
    tokens: &[Token],
    titles: &HashSet<&str>,
    masks: &mut Vec<(Range<usize>, &'static str)>,
) {
    let mut at = 0;
    while at < tokens.len() {
        if let Some((length, ())) = CUES.names.at(tokens, at) {
            let start = after_colon(tokens, at + length);
            let end = name_end(text, tokens, start, titles);
            push_name(tokens, start..end, masks);
            at = end.max(at + length);
        } else if titles.contains(&*tokens[at].norm) {
            let point = tokens.get(at + 1).is_some_and(|token| token.norm == ".");
            let start = at + 1 + usize::from(point);
            let end = capitals_end(text, tokens, start);
            push_name(tokens, start..end, masks);
            at = end.max(at + 1);
        } else {
            at += 1;
        }
    }
}

fn after_colon(tokens: &[Token], at: usize) -> usize {
    at + usize::from(tokens.get(at).is_some_and(|token| token.norm == ":"))
}

fn push_name(tokens: &[Token], range: Range<usize>, masks: &mut Vec<(Range<usize>, &'static str)>) {
    if let Some([first, .., last] | [first @ last]) = tokens.get(range) {
        masks.push((first.span.start..last.span.end, NAME));
    }
}

const NAME_WORDS_MAX: usize = 4;

/// The end of a name after "my name is": capitals, or one or two words in small letters.
fn name_end(text: &str, tokens: &[Token], start: usize, titles: &HashSet<&str>) -> usize {
    let start = if tokens.get(start).is_some_and(|token| titles.contains(&*token.norm)) {
        start + 1
    } else {
        start
    };
    let capitals = capitals_end(text, tokens, start);
    if capitals > start {
        return capitals;
    }
    let may_be = |at: usize| tokens.get(at).is_some_and(may_be_name);
    if !may_be(start) {
        return start;
    }
    let ends = tokens.get(start + 2).is_none_or(|token| {
        token.kind == Kind::Stop || matches!(token.norm.as_str(), "and" | "et" | "na" | "from")
    });
    start + 1 + usize::from(may_be(start + 1) && ends)
}

fn may_be_name(token: &Token) -> bool {
    token.kind == Kind::Word && !CUES.never.contains(&token.norm)
}

/// The end of the words from here that start with a capital letter, with dashes between them.
fn capitals_end(text: &str, tokens: &[Token], start: usize) -> usize {
    let mut end = start;
    for (at, token) in tokens.iter().enumerate().skip(start).take(2 * NAME_WORDS_MAX) {
        let capital = text[token.span.clone()].starts_with(char::is_uppercase);
        if capital && may_be_name(token) {
            end = at + 1;
        } else if !(token.norm == "-" && end == at && at > start) {
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(text: &str, tag: &str) -> String {
        without_persons(text, &Language::parse(tag).unwrap()).into_owned()
    }

    #[test]
    fn persons_go() {
        for (tag, text, wanted) in [
            ("en", "Call me on +254 712 345 678 please", "Call me on [number] please"),
            ("en", "0712-345-678", "[number]"),
            ("en", "tel. 0712.345.678, now", "tel. [number], now"),
            ("en", "(0712) 345678", "([number]"),
            ("en", "00255712345678", "[number]"),
            ("en", "number 712345678", "number [number]"),
            ("fr", "appelez le 70 12 34 56", "appelez le [number]"),
            ("en", "ID 12345678", "ID [number]"),
            ("en", "passport A1234567", "passport [number]"),
            ("en", "mail me: asha.j@example.org.", "mail me: [mail]."),
            ("en", "see https://x.org/a?token=9a8b7c", "see [link]"),
            ("en", "see https://www.who.int/malaria", "see https://www.who.int/malaria"),
            ("en", "My name is Amina Juma and I am ill", "My name is [name] and I am ill"),
            ("en", "my name is amina juma, help", "my name is [name], help"),
            (
                "fr",
                "Je m\u{2019}appelle Awa Diop, j'ai mal",
                "Je m\u{2019}appelle [name], j'ai mal",
            ),
            ("sw", "Jina langu ni Asha Mwinyi na nina homa", "Jina langu ni [name] na nina homa"),
            ("en", "Dr. Okello and Mama Amina came", "Dr. [name] and Mama [name] came"),
            ("sw", "Bi Asha na Bwana Juma", "Bi [name] na Bwana [name]"),
            ("fr", "M. Diop et Mme Ba-Sow", "M. [name] et Mme [name]"),
            ("en", "simu ٠٧١٢٣٤٥٦٧٨", "simu [number]"),
        ] {
            assert_eq!(masked(text, tag), wanted);
        }
    }

    #[test]
    fn doses_ages_and_years_stay() {
        for text in [
            "500 mg, 18 months, 2024",
            "10 ml 3 times",
            "BP 120/80 and 38.5",
            "on 21.11.2024",
            "2024-11-21",
            "01/02/2024",
            "from 2019 to 2024",
            "1,000,000 IU",
            "100000 IU",
            "1 000 000 IU",
            "250 mg or 500 mg",
            "0.5 ml every 4-6 hours",
            "vitamin B12 and H1N1",
            "What is 12 x 12 = 144?",
            "my mother and the doctor said",
            "weeks 6, 10 and 14",
            "23 x 14 is 322",
            "2-3 tablets of 400 mg 3 times a day for 5-7 days",
        ] {
            assert!(
                matches!(without_persons(text, &Language::english()), Cow::Borrowed(_)),
                "{text}: {}",
                masked(text, "en")
            );
        }
    }

    #[test]
    fn the_knowledge_of_the_box_stays() {
        let packs = [
            include_str!("../../store/knowledge/starter-en.jsonl"),
            include_str!("../../store/knowledge/clinic-en.jsonl"),
        ];
        let begun = std::time::Instant::now();
        let mut count = 0;
        for line in packs.iter().flat_map(|pack| pack.lines().skip(1)) {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            let answer = entry["answer"].as_str().unwrap();
            assert_eq!(masked(answer, "en"), answer);
            count += 1;
        }
        println!("{count} answers unchanged, {:?} a call", begun.elapsed() / count);
    }

    fn digits(text: &str) -> String {
        text.chars().filter(char::is_ascii_digit).collect()
    }

    proptest! {
        #[test]
        fn every_planted_phone_goes(
            before in "[a-z ]{0,20}", after in "[a-z ]{0,20}",
            prefix in "\\+[1-9][0-9]{0,2}|00[1-9][0-9]{1,2}|0", rest in "[0-9]{9}",
            gaps in proptest::collection::vec("|| |-|\\.", 3),
        ) {
            let number = format!("{prefix}{}{}{}{}{}{}", gaps[0], &rest[..3], gaps[1], &rest[3..6], gaps[2], &rest[6..]);
            let text = format!("{before} {number} {after}");
            prop_assert_eq!(digits(&masked(&text, "en")), "", "{}", text);
        }

        #[test]
        fn every_dose_stays(
            value in "[1-9][0-9]{0,3}|0\\.[0-9]{1,2}|[1-9]-[1-9]", unit in "mg|ml|tablets|drops|g",
            times in 1_u8..6, age in 1_u8..90, year in 1990_u16..2030,
        ) {
            let text = format!("Give {value} {unit} {times} times a day at {age} years in {year}");
            prop_assert_eq!(masked(&text, "en"), text);
        }

        #[test]
        fn any_text_is_masked(text: String, tag in "en|fr|sw|am") {
            let once = masked(&text, &tag);
            prop_assert!(once.len() <= text.len() * 9 + 9);
        }
    }
}
