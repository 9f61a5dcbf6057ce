//! Whether a model's answer says what its passages say, sentence by sentence.
//!
//! A sentence is kept if it is a quote, or if one passage carries its content words in one place and
//! nothing that changes the meaning differs: negation, numbers and units, conditions, before and
//! after, more and less, and any name or thing that the passage does not name. Nothing here
//! understands a sentence; whatever cannot be compared goes, so that what is kept is close to the
//! passage's own words. In a language without data (`app/answer/grounding`) only quotes are kept.
//!
//! What an answer leaves out is reported as well: warnings of its passage that it lacks, to be added
//! word for word.

mod compare;
mod sense;
mod sentence;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use crate::grounding::Words;
use crate::limits::{GROUND_PASSAGES_MAX, KEPT_PERCENT_MIN, WARNING_PERCENT_MIN};
use crate::question::Language;
use compare::{Ground, carry, quoted};
use sense::{Sense, spelled};
pub use sentence::Sentence;
pub(crate) use sentence::sentences;

/// Why a sentence was taken out. Stems, not words as written, name what differs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No passage has this word.
    NotInPassage(String),
    /// The passage has the opposite of this word.
    Opposite(String),
    /// The sentence is nearly a quote, and this word was put in, left out or exchanged.
    Exchanged(String),
    /// The passage denies what the sentence says of this word, or the other way round; empty if it
    /// cannot be said of which.
    Negation(String),
    /// The passage does not say this number with this unit of the same thing.
    Number(String),
    /// The passage does not say "more", "only", "every" or the like of the same word, or the
    /// sentence leaves it out.
    Direction(String),
    /// "Before" or "after" differs for this word.
    Order(String),
    /// A condition was added or left out.
    Condition,
    /// The words stand in the passage, but not in one place.
    Scattered,
    /// Too few of its words stand in the passage.
    TooLittle,
    /// It starts with "it" or "then", and the sentence before it was taken out.
    Leans,
    /// It has no word that says anything.
    NothingToCompare,
    /// It has more words than can be compared.
    TooLong,
    /// The language has no data, and the sentence is no quote.
    NotQuoted,
}

/// An answer that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supported<'p> {
    /// The sentences that the passages carry, in order.
    pub kept: Vec<Sentence>,
    /// The others, each with its reason, in order.
    pub removed: Vec<(Sentence, Reason)>,
    /// Sentences of the best passage that warn or refer and that the kept ones do not say in full,
    /// word for word and in order. Empty for a refused answer.
    pub missing_warnings: Vec<&'p str>,
    /// The passage, by its place, that carries most of what was kept; `None` if nothing was.
    pub best_passage: Option<usize>,
}

impl Supported<'_> {
    /// What was kept, as one text. List items stay on lines of their own.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for sentence in &self.kept {
            if !text.is_empty() {
                let item = sentence::list_mark(&sentence.text).is_some();
                text.push(if item { '\n' } else { ' ' });
            }
            text.push_str(&sentence.text);
        }
        text
    }

    /// True if nothing is left, or less than [`KEPT_PERCENT_MIN`] of the sentences: such an answer
    /// is not to be shown.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        let all = self.kept.len() + self.removed.len();
        self.kept.is_empty() || self.kept.len() * 100 < KEPT_PERCENT_MIN * all
    }
}

/// A passage, read once for all sentences.
struct Shelf<'p> {
    sentences: Vec<&'p str>,
    spelled: Vec<Vec<String>>,
    ground: Option<Ground>,
}

impl<'p> Shelf<'p> {
    fn of(passage: &'p str, words: Option<&Words>) -> Self {
        let parts = sentence::sentences(passage, words);
        let sentences: Vec<_> = parts.into_iter().map(|part| &passage[part.span]).collect();
        let ground = words.map(|words| Ground {
            sentences: sentences.iter().map(|text| Sense::of(text, words)).collect(),
        });
        let spelled = match &ground {
            Some(ground) => ground.sentences.iter().map(|sense| sense.spelled.clone()).collect(),
            None => sentences.iter().map(|text| spelled(text)).collect(),
        };
        Self { sentences, spelled, ground }
    }
}

/// What carries a kept sentence: a passage, and of each sentence of it the content words.
struct Basis {
    passage: usize,
    sentences: HashMap<usize, HashSet<usize>>,
}

/// Checks an answer against the passages that it was written from, of which the first
/// [`GROUND_PASSAGES_MAX`] count. Both are plain text in the same language.
#[must_use]
pub fn check<'p>(answer: &str, passages: &[&'p str], language: &Language) -> Supported<'p> {
    let words = Words::of(language);
    let shelves: Vec<_> = passages
        .iter()
        .take(GROUND_PASSAGES_MAX)
        .map(|passage| Shelf::of(passage, words))
        .collect();
    let sentences = sentence::sentences(answer, words);
    let mut verdicts = Vec::with_capacity(sentences.len());
    for (at, sentence) in sentences.iter().enumerate() {
        let leans =
            at > 0 && matches!(verdicts[at - 1], Err(ref r) if *r != Reason::NothingToCompare);
        verdicts.push(judge(sentence, &sentences, &shelves, words, leans));
    }
    keep_introductions(&sentences, &mut verdicts);
    let bases: Vec<&Basis> = verdicts.iter().flatten().collect();
    let best_passage = best(&bases);
    let missing = best_passage.map(|at| missing_warnings(&shelves[at], at, &bases));
    let mut supported = Supported {
        kept: Vec::new(),
        removed: Vec::new(),
        missing_warnings: missing.unwrap_or_default(),
        best_passage,
    };
    for (sentence, verdict) in sentences.into_iter().zip(verdicts) {
        match verdict {
            Ok(_) => supported.kept.push(sentence),
            Err(reason) => supported.removed.push((sentence, reason)),
        }
    }
    if supported.is_refused() {
        supported.missing_warnings.clear();
    }
    supported
}

fn judge(
    sentence: &Sentence,
    all: &[Sentence],
    shelves: &[Shelf<'_>],
    words: Option<&Words>,
    after_removed: bool,
) -> Result<Basis, Reason> {
    let mark = sentence::list_mark(&sentence.text).unwrap_or(0);
    let own = sentence.text[mark..].trim_start();
    // An item says what its introduction says of it.
    let text = match sentence.intro.and_then(|intro| all.get(intro)) {
        Some(intro) => format!("{} {own}", intro.text.trim_end_matches([':', '：'])),
        None => own.to_owned(),
    };
    let sense = words.map(|words| Sense::of(&text, words));
    let spelled = match &sense {
        Some(sense) => sense.spelled.clone(),
        None => spelled(&text),
    };
    for (passage, shelf) in shelves.iter().enumerate() {
        if let Some(range) = quoted(&spelled, &shelf.spelled) {
            let words =
                |at: usize| shelf.ground.as_ref().map_or(0, |g| g.sentences[at].words.len());
            let sentences = range.map(|at| (at, (0..words(at)).collect())).collect();
            return Ok(Basis { passage, sentences });
        }
    }
    let (Some(words), Some(sense)) = (words, sense) else { return Err(Reason::NotQuoted) };
    if after_removed && sense.leans {
        return Err(Reason::Leans);
    }
    let mut reason = Reason::NothingToCompare;
    for (passage, shelf) in shelves.iter().enumerate() {
        let Some(ground) = &shelf.ground else { continue };
        match carry(&sense, ground, words) {
            Ok(carried) => {
                let mut sentences: HashMap<usize, HashSet<usize>> = HashMap::new();
                for part in carried {
                    sentences.entry(part.sentence).or_default().extend(part.words);
                }
                return Ok(Basis { passage, sentences });
            }
            Err(why) => reason = if passage == 0 { why } else { reason },
        }
    }
    Err(reason)
}

/// A line that only introduces a list stays if an item of it does; it was checked with each item.
fn keep_introductions(sentences: &[Sentence], verdicts: &mut [Result<Basis, Reason>]) {
    let introduced: HashSet<usize> = sentences.iter().filter_map(|s| s.intro).collect();
    for intro in introduced {
        let kept = sentences
            .iter()
            .zip(verdicts.iter())
            .filter(|(sentence, _)| sentence.intro == Some(intro))
            .find_map(|(_, verdict)| verdict.as_ref().ok());
        let verdict = match kept {
            Some(item) => Ok(Basis { passage: item.passage, sentences: HashMap::new() }),
            None => Err(Reason::NothingToCompare),
        };
        if let Some(place) = verdicts.get_mut(intro) {
            *place = verdict;
        }
    }
}

fn best(bases: &[&Basis]) -> Option<usize> {
    let mut counts: HashMap<usize, usize> = HashMap::new();
    for basis in bases {
        *counts.entry(basis.passage).or_default() += 1;
    }
    counts.into_iter().max_by_key(|&(passage, count)| (count, usize::MAX - passage)).map(|(p, _)| p)
}

fn missing_warnings<'p>(shelf: &Shelf<'p>, passage: usize, bases: &[&Basis]) -> Vec<&'p str> {
    let Some(ground) = &shelf.ground else {
        // Without data no warning is known by its words: every sentence that is not quoted counts.
        let said =
            |at: usize| bases.iter().any(|b| b.passage == passage && b.sentences.contains_key(&at));
        let all = shelf.sentences.iter().enumerate();
        return all.filter(|(at, _)| !said(*at)).map(|(_, text)| *text).collect();
    };
    let warnings = ground.sentences.iter().enumerate().filter(|(_, sense)| sense.warns);
    let missing = warnings.filter(|(at, sense)| {
        let said: HashSet<usize> = bases
            .iter()
            .filter(|basis| basis.passage == passage)
            .filter_map(|basis| basis.sentences.get(at))
            .flatten()
            .copied()
            .collect();
        let quoted =
            bases.iter().any(|basis| basis.passage == passage && basis.sentences.contains_key(at));
        let all = sense.words.len();
        !quoted || said.len() * 100 < WARNING_PERCENT_MIN * all
    });
    missing.map(|(at, _)| shelf.sentences[at]).collect()
}
