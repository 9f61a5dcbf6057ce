//! Letters to tokens: words, numbers, signs and clause marks, with shorthand written out.

use super::rules::Rules;
use super::spelling::misspelt;
use crate::limits::{GUARD_ODD_WORDS_MAX, GUARD_TOKENS_MAX};

/// A token as text. Its first character tells what it is: a digit or `-` for a number, `?` for a
/// kind of question, [`MARK`] for the end of a clause, anything else for a word or sign.
pub(super) type Token = String;

/// What all punctuation between clauses becomes.
pub(super) const MARK: &str = ",";

/// Whether the token is a number.
pub(super) fn is_number(token: &str) -> bool {
    let digits = token.strip_prefix('-').unwrap_or(token);
    digits.starts_with(|c: char| c.is_ascii_digit())
}

/// The tokens of two lower-case texts. What one writes in two words and the other in one ("nose
/// bleed") is one word in both. `None` if one has more than [`GUARD_TOKENS_MAX`].
pub(super) fn lex_pair(
    one: &str,
    other: &str,
    rules: &Rules,
    is_word: &dyn Fn(&str) -> bool,
) -> Option<(Vec<Token>, Vec<Token>)> {
    let (one, other) = (lex(one, rules), lex(other, rules));
    if one.len().max(other.len()) > GUARD_TOKENS_MAX {
        return None;
    }
    let (one, other) = (joined_as_in(one.clone(), &other, rules), joined_as_in(other, &one, rules));
    let (one, other) = (
        spelt_as_in(one.clone(), &other, rules, is_word),
        spelt_as_in(other, &one, rules, is_word),
    );
    Some((rules.phrases.apply(one), rules.phrases.apply(other)))
}

/// Words that are plainly misspelt words of the other text, as they stand there.
fn spelt_as_in(
    tokens: Vec<Token>,
    other: &[Token],
    rules: &Rules,
    is_word: &dyn Fn(&str) -> bool,
) -> Vec<Token> {
    let odd = |word: &Token| {
        word.starts_with(char::is_alphabetic) && !rules.knows(word) && !is_word(word)
    };
    let missing: Vec<&Token> = other.iter().filter(|word| !tokens.contains(word)).collect();
    if missing.len() > GUARD_ODD_WORDS_MAX {
        return tokens;
    }
    let right = |word: &Token| {
        let meant = missing.iter().find(|right| misspelt(word, right, rules, is_word));
        meant.map(|right| (*right).clone())
    };
    let respell = |word: Token| if odd(&word) { right(&word).unwrap_or(word) } else { word };
    let respelt = tokens.iter().cloned().map(respell);
    respelt.collect()
}

fn joined_as_in(tokens: Vec<Token>, other: &[Token], rules: &Rules) -> Vec<Token> {
    let mut joined: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens {
        if let Some(last) = joined.last_mut() {
            let letters = |t: &str| t.chars().all(char::is_alphabetic) && !rules.negates(t);
            let whole = format!("{last}{token}");
            let parts_there = other.windows(2).any(|pair| pair[0] == *last && pair[1] == token);
            if letters(last) && letters(&token) && !parts_there && other.contains(&whole) {
                *last = whole;
                continue;
            }
        }
        joined.push(token);
    }
    joined
}

fn lex(text: &str, rules: &Rules) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let start = at;
        if c.is_ascii_digit() || (c == '-' && is_sign(&chars, at)) {
            at = number(&chars, at, &mut tokens);
        } else if let Some(fraction) = vulgar(c) {
            at += 1;
            match tokens.last_mut() {
                Some(whole) if start > 0 && chars[start - 1].is_ascii_digit() => {
                    let joint = if fraction.starts_with('0') { "" } else { "+" };
                    whole.push_str(joint);
                    whole.push_str(fraction.trim_start_matches('0'));
                }
                _ => tokens.push(fraction.to_owned()),
            }
        } else if is_letter(c) {
            at = word(&chars, at, rules, &mut tokens);
        } else {
            at += 1;
            sign(&chars, start, &mut tokens);
        }
    }
    rules.shorthand.apply(tokens)
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() || unicode_normalization::char::is_combining_mark(c)
}

/// A minus sign belongs to a number at the start or after a space; elsewhere it joins.
fn is_sign(chars: &[char], at: usize) -> bool {
    let digit_after = chars.get(at + 1).is_some_and(char::is_ascii_digit);
    digit_after && (at == 0 || chars[at - 1].is_whitespace() || chars[at - 1] == '(')
}

/// A number with all that belongs to its value: decimals, `1/2`, `12:30`, `2-3`.
fn number(chars: &[char], start: usize, tokens: &mut Vec<Token>) -> usize {
    let digit = |at: usize| chars.get(at).is_some_and(char::is_ascii_digit);
    let mut text = String::new();
    let mut at = start;
    while let Some(&c) = chars.get(at) {
        let joins = matches!(c, '.' | ',' | '/' | ':' | '-') && digit(at + 1);
        let signs = c == '-' && at == start;
        if !(c.is_ascii_digit() || joins || signs) {
            break;
        }
        text.push(c);
        at += 1;
    }
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let parts: Vec<String> = digits.split('-').map(plain_number).collect();
    tokens.push(format!("{sign}{}", parts.join("..")));
    at
}

/// One way to write a number: no thousands commas, no needless zeros, halves and the like as
/// decimals. `120/80` is no fraction and stays.
pub(super) fn plain_number(text: &str) -> String {
    let thousands = text.split(',').skip(1).all(|part| part.len() == 3) && text.contains(',');
    let leading_zero = text.starts_with('0');
    let text =
        if thousands && !leading_zero { text.replace(',', "") } else { text.replace(',', ".") };
    match text.as_str() {
        "1/2" => return "0.5".into(),
        "1/4" => return "0.25".into(),
        "3/4" => return "0.75".into(),
        _ => {}
    }
    if text.matches('.').count() == 1 && !text.contains(['/', ':']) {
        let trimmed = text.trim_end_matches('0').trim_end_matches('.');
        return without_zeros(trimmed);
    }
    if text.contains(['/', ':', '.']) { text } else { without_zeros(&text) }
}

fn without_zeros(digits: &str) -> String {
    let trimmed = digits.trim_start_matches('0');
    if trimmed.is_empty() || trimmed.starts_with('.') {
        format!("0{trimmed}")
    } else {
        trimmed.into()
    }
}

fn vulgar(c: char) -> Option<&'static str> {
    Some(match c {
        '½' => "0.5",
        '¼' => "0.25",
        '¾' => "0.75",
        '⅓' => "1/3",
        '⅔' => "2/3",
        _ => return None,
    })
}

/// A word: letters, then digits (`b12`). An apostrophe inside parts words or is dropped.
fn word(chars: &[char], start: usize, rules: &Rules, tokens: &mut Vec<Token>) -> usize {
    let mut text = String::new();
    let mut at = start;
    while let Some(&c) = chars.get(at) {
        let inside = chars.get(at + 1).is_some_and(|next| is_letter(*next));
        if is_letter(c) || c.is_ascii_digit() {
            text.push(c);
        } else if c == '\'' && inside && !rules.apostrophe_splits {
            // A possessive is the word itself; other apostrophes only close up.
            let ends = chars.get(at + 2).is_none_or(|after| !is_letter(*after));
            if chars[at + 1] == 's' && ends && !rules.contracts(&text) {
                at += 2;
                break;
            }
        } else if c != '\'' || !inside || rules.apostrophe_splits {
            break;
        }
        at += 1;
    }
    tokens.push(rules.exact_or_folded(&text));
    at
}

/// Signs that mean something stay; the rest ends a clause or is dropped.
fn sign(chars: &[char], at: usize, tokens: &mut Vec<Token>) {
    let c = chars[at];
    let after_digit = at > 0 && chars[at - 1].is_ascii_digit();
    let computes = matches!(c, '-' | '*') && joins_values(chars, at);
    let mark = match c {
        _ if c.is_whitespace() => return,
        '!' | '\'' | '"' if after_digit => None,
        '.' | ',' | ';' | ':' | '?' | '!' | '(' | ')' | '…' | '/' => Some(MARK),
        _ if computes => None,
        '-' | '\'' | '"' | '«' | '»' | '*' | '_' | '’' => return,
        '&' => Some("&"),
        '%' => Some("%"),
        '°' => Some("degrees"),
        _ => None,
    };
    match mark {
        Some(MARK) if tokens.last().is_none_or(|last| last == MARK) => {}
        Some(text) => tokens.push(text.to_owned()),
        None => tokens.push(format!("\u{1}{c}")),
    }
}

/// Whether a dash or star stands between numbers or single letters, as in `5 - 3` and `2*x`.
/// Between words it only joins or parts them.
fn joins_values(chars: &[char], at: usize) -> bool {
    let is_value = |letters: &mut dyn Iterator<Item = &char>| {
        let mut letters = letters.skip_while(|c| c.is_whitespace());
        let first = letters.next().copied().unwrap_or(' ');
        let second = letters.next().copied().unwrap_or(' ');
        let single = is_letter(first) && !is_letter(second);
        first.is_ascii_digit() || first == '(' || first == ')' || single
    };
    is_value(&mut chars[..at].iter().rev()) && is_value(&mut chars[at + 1..].iter())
}
