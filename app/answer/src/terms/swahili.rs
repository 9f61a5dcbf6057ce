//! A light stemmer of Swahili. Only what stands before a root, and the locative after it, is taken off;
//! both sides of a search go through it, so a wrong cut costs little.
//!
//! - Verbs: subject prefix and tense marker ("a-na-tapika", "wa-li-hara"), or the infinitive
//!   "ku-" ("ku-tapika").
//! - Nouns: the class prefixes m-/wa-, ki-/vi- and ma- ("wa-toto", "m-toto").
//! - The locative "-ni" ("tumbo-ni").
//!
//! The classes and markers are those of any grammar, such as E. O. Ashton, *Swahili Grammar* (1944).

const SUBJECTS: [&str; 11] = ["ni", "tu", "wa", "zi", "ya", "ki", "vi", "li", "u", "a", "i"];
const TENSES: [&str; 4] = ["na", "li", "ta", "me"];
const NOUN_CLASSES: [&str; 5] = ["wa", "ki", "vi", "ma", "m"];

/// Letters that must be left of a verb, and of a noun.
const VERB_LETTERS_MIN: usize = 3;
const NOUN_LETTERS_MIN: usize = 4;

/// The word without what was put before and after its root.
pub(super) fn stem(word: &str) -> &str {
    let word = match word.strip_suffix("ni") {
        Some(place) if place.len() > NOUN_LETTERS_MIN => place,
        _ => word,
    };
    for subject in SUBJECTS {
        let Some(rest) = word.strip_prefix(subject) else { continue };
        for tense in TENSES {
            match rest.strip_prefix(tense) {
                Some(root) if root.len() >= VERB_LETTERS_MIN => return root,
                _ => {}
            }
        }
    }
    match word.strip_prefix("ku") {
        Some(root) if root.len() >= VERB_LETTERS_MIN => return root,
        _ => {}
    }
    let cut = NOUN_CLASSES.iter().filter_map(|class| word.strip_prefix(class));
    cut.filter(|root| root.len() >= NOUN_LETTERS_MIN).min_by_key(|root| root.len()).unwrap_or(word)
}
