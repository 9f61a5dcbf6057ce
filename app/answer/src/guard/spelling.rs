//! Endings and misspellings.

use super::What;
use super::rules::{Class, Rules};
use crate::limits::{
    GUARD_DROPPED_LETTER_LETTERS_MIN, GUARD_FUZZY_LETTERS_MIN, GUARD_TWO_ERRORS_LETTERS_MIN,
};
use crate::terms::Lexicon;

/// Whether two words are forms of one word: they differ in nothing but an ending that the
/// language's data lists as exchangeable.
pub(super) fn inflected(one: &str, other: &str, rules: &Rules) -> bool {
    let told_apart = rules.class(one) != Class::Other && rules.class(other) != Class::Other;
    if told_apart || rules.has("exact", one) || rules.has("exact", other) {
        return false;
    }
    let (one, other) = (&one_spelling(one, rules), &one_spelling(other, rules));
    if one == other {
        return true;
    }
    let stem_bytes = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let (Some(stem), Some(mine), Some(its)) =
        (one.get(..stem_bytes), one.get(stem_bytes..), other.get(stem_bytes..))
    else {
        return false;
    };
    if stem.chars().count() < rules.stem_letters_min {
        return false;
    }
    let listed = rules.endings.iter().any(|endings| {
        let has = |end: &str| endings.iter().any(|ending| ending.trim_matches('-') == end);
        has(mine) && has(its)
    });
    if !rules.english_endings {
        return listed;
    }
    let (short, long) = if mine.len() <= its.len() { (mine, its) } else { (its, mine) };
    let doubled = stem.chars().next_back().and_then(|last| long.strip_prefix(last));
    if short.is_empty() && doubled.is_some_and(|end| end == "ed" || end == "ing") {
        return doubles(stem);
    }
    listed
        && match (short, long) {
            ("", "s") => !stem.ends_with(['s', 'x', 'z']),
            ("", "es") => stem.ends_with(['s', 'x', 'z', 'o']) || ends_in_hiss(stem),
            ("", "d") => stem.ends_with('e'),
            ("", "ed" | "ing") => !doubles(stem) && !stem.ends_with('e'),
            _ => true,
        }
}

/// British and American spelling as one.
fn one_spelling(word: &str, rules: &Rules) -> String {
    const LETTERS_MIN: usize = 6;
    if !rules.english_endings || word.len() < LETTERS_MIN {
        return word.to_owned();
    }
    let word = word.replace("oe", "e").replace("ae", "e").replace("our", "or");
    word.replace("ise", "ize").replace("isi", "izi").replace("isa", "iza").replace("yse", "yze")
}

fn ends_in_hiss(stem: &str) -> bool {
    stem.ends_with("sh") || stem.ends_with("ch")
}

fn is_vowel(c: char) -> bool {
    matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y')
}

/// Whether a verb's last consonant is doubled before `-ed` ("stop"): one syllable, one vowel, one
/// consonant.
fn doubles(stem: &str) -> bool {
    let letters: Vec<char> = stem.chars().collect();
    let groups = letters.split(|c| !is_vowel(*c)).filter(|group| !group.is_empty()).count();
    match letters.as_slice() {
        [.., before, vowel, last] => {
            groups == 1
                && is_vowel(*vowel)
                && !is_vowel(*before)
                && !is_vowel(*last)
                && !matches!(last, 'w' | 'x')
        }
        _ => false,
    }
}

/// Whether one of two words is plainly the other, misspelt: one of them is a known word, the other
/// is none; they sound alike or differ by two letters that changed places; and no other known word
/// is as close. Names of medicines, diseases and places are never guessed.
pub(super) fn misspelt(
    one: &str,
    other: &str,
    rules: &Rules,
    is_word: &dyn Fn(&str) -> bool,
) -> bool {
    if !rules.misspellings {
        return false;
    }
    let known = |word: &str| rules.knows(word) || is_word(word);
    let (wrong, right) = match (known(one), known(other)) {
        (false, true) => (one, other),
        (true, false) => (other, one),
        _ => return false,
    };
    if is_ordinary(wrong, rules) {
        return false;
    }
    let letters: Vec<char> = wrong.chars().collect();
    let target: Vec<char> = right.chars().collect();
    let length = letters.len().min(target.len());
    // A small word says little, so that less is risked by one letter more or less.
    let small = rules.is_small(right);
    let letters_min = if small { GUARD_FUZZY_LETTERS_MIN - 1 } else { GUARD_FUZZY_LETTERS_MIN };
    if must_be_exact(right, rules)
        || length < letters_min
        || !wrong.bytes().all(|b| b.is_ascii_lowercase())
    {
        return false;
    }
    let errors_max = if length < GUARD_TWO_ERRORS_LETTERS_MIN { 1 } else { 2 };
    let errors = distance(&letters, &target);
    let sound = skeleton(wrong);
    let dropped = letters.len().abs_diff(target.len()) == 1
        && errors == 1
        && length >= GUARD_DROPPED_LETTER_LETTERS_MIN;
    let swapped = transposed(&letters, &target);
    let alike = small || dropped || swapped || sound == skeleton(right);
    let same_vowel =
        letters.first() == target.first() || !letters.first().is_some_and(|c| is_vowel(*c));
    let begins_alike = same_vowel && sound.chars().next() == skeleton(right).chars().next();
    if !alike || !begins_alike || errors > errors_max {
        return false;
    }
    let listed = rules.known.get(&sound).into_iter().flatten();
    let nearer =
        listed.filter(|word| *word != right && !inflected(word, right, rules)).any(|word| {
            let word: Vec<char> = word.chars().collect();
            distance(&letters, &word) <= errors
        });
    !nearer && !has_other_neighbour(&letters, right, rules, &known)
}

/// Names, numbers and words that decide an answer are never guessed.
fn must_be_exact(word: &str, rules: &Rules) -> bool {
    let canonical = rules.canonical(word);
    let guessable = matches!(
        rules.class(canonical),
        Class::Other
            | Class::Being
            | Class::Named(
                What::Sex | What::Age | What::AdultChild | What::Pregnancy | What::Breastfeeding
            )
    );
    let counts = rules.numbers.contains_key(word)
        || rules.units.contains_key(word)
        || rules.rates.contains_key(word)
        || rules.negates(word);
    !guessable || counts || rules.has("exact", word) || rules.has("exact", canonical)
}

/// Whether an English word is in the list of ordinary ones, in any of its forms ("feasting").
fn is_ordinary(word: &str, rules: &Rules) -> bool {
    let english = Lexicon::of("en").filter(|_| rules.english_endings);
    english.is_some_and(|english| english.is_ordinary(&english.stem(word)))
}

/// Whether a known word other than `right` or its forms is one letter away.
fn has_other_neighbour(
    letters: &[char],
    right: &str,
    rules: &Rules,
    known: &dyn Fn(&str) -> bool,
) -> bool {
    let other = |word: &str| word != right && known(word) && !inflected(word, right, rules);
    let text = |parts: [&[char]; 3]| parts.concat().into_iter().collect::<String>();
    (0..=letters.len()).any(|at| {
        let (head, tail) = letters.split_at(at);
        let after = tail.get(1..).unwrap_or_default();
        let dropped = !tail.is_empty() && other(&text([head, &[], after]));
        let swapped = match tail {
            [a, b, rest @ ..] => other(&text([head, &[*b, *a], rest])),
            _ => false,
        };
        dropped
            || swapped
            || ('a'..='z').any(|c| {
                other(&text([head, &[c], tail]))
                    || (!tail.is_empty() && other(&text([head, &[c], after])))
            })
    })
}

/// Whether two neighbouring letters changed places, and nothing else.
fn transposed(one: &[char], other: &[char]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let differing: Vec<usize> = (0..one.len()).filter(|at| one[*at] != other[*at]).collect();
    match differing.as_slice() {
        [a, b] => *b == a + 1 && one[*a] == other[*b] && one[*b] == other[*a],
        _ => false,
    }
}

/// A word's consonants as they sound, doubled ones once.
pub(super) fn skeleton(word: &str) -> String {
    let letters: Vec<char> = word.chars().collect();
    let mut sound = String::new();
    let mut at = 0;
    while let Some(&c) = letters.get(at) {
        let next = letters.get(at + 1).copied().unwrap_or(' ');
        let first = at == 0;
        at += 1;
        let heard = match (c, next) {
            ('p', 'h') => {
                at += 1;
                'f'
            }
            ('h', _) if !first => continue,
            ('c', 'e' | 'i' | 'y') => 's',
            ('c', 'h') => {
                at += 1;
                'C'
            }
            ('s', 'h') => {
                at += 1;
                'S'
            }
            ('t', 'h') => {
                at += 1;
                'T'
            }
            ('c' | 'q', _) => 'k',
            ('z', _) => 's',
            _ if is_vowel(c) && !first => continue,
            _ if is_vowel(c) => 'a',
            _ => c,
        };
        if !sound.ends_with(heard) {
            sound.push(heard);
        }
    }
    sound
}

/// Letters added, dropped, exchanged or swapped with their neighbour.
fn distance(one: &[char], other: &[char]) -> usize {
    let width = other.len() + 1;
    let mut rows: [Vec<usize>; 3] = [vec![0; width], (0..width).collect(), vec![0; width]];
    for (i, a) in one.iter().enumerate() {
        rows[2][0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let change = rows[1][j] + usize::from(a != b);
            let mut least = change.min(rows[1][j + 1] + 1).min(rows[2][j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                least = least.min(rows[0][j - 1] + 1);
            }
            rows[2][j + 1] = least;
        }
        rows.rotate_left(1);
    }
    rows[1][other.len()]
}
