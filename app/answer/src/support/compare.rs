//! Whether a passage says what a sentence says.

use std::collections::HashSet;
use std::ops::Range;

use super::Reason;
use super::sense::{Condition, Polarity, Sense, Word};
use crate::grounding::Words;
use crate::limits::{
    CARRIED_PERCENT_MIN, PARTINGS_MAX, SENTENCE_WORDS_MAX, TOGETHER_PERCENT_MIN, TOGETHER_WORDS_MAX,
};

/// A passage, read.
pub(super) struct Ground {
    pub(super) sentences: Vec<Sense>,
}

/// A sentence of a passage that carries part of a sentence of the answer, with the content words
/// that it carries.
pub(super) struct Carried {
    pub(super) sentence: usize,
    pub(super) words: HashSet<usize>,
}

/// Whether a sentence is one of a passage, or several that follow one another, word for word.
pub(super) fn quoted(spelled: &[String], sentences: &[Vec<String>]) -> Option<Range<usize>> {
    if spelled.is_empty() {
        return None;
    }
    (0..sentences.len()).find_map(|start| {
        let mut rest = spelled;
        for (end, sentence) in sentences.iter().enumerate().skip(start) {
            rest = rest.strip_prefix(sentence.as_slice())?;
            if rest.is_empty() {
                return Some(start..end + 1);
            }
        }
        None
    })
}

/// Looks for the sentences of a passage that carry a sentence. The error is the reason that the
/// best of them gives.
pub(super) fn carry(sense: &Sense, ground: &Ground, words: &Words) -> Result<Vec<Carried>, Reason> {
    if sense.words.len() + sense.amounts.len() > SENTENCE_WORDS_MAX {
        return Err(Reason::TooLong);
    }
    if sense.words.is_empty() {
        return Err(Reason::NothingToCompare);
    }
    carry_part(sense, &(0..usize::MAX), ground, words, PARTINGS_MAX)
}

fn carry_part(
    sense: &Sense,
    part: &Range<usize>,
    ground: &Ground,
    words: &Words,
    partings: usize,
) -> Result<Vec<Carried>, Reason> {
    // A negation must stand in the part that it denies.
    let denied = |word: &Word| word.polarity != Polarity::Said;
    if sense.words_in(part).iter().any(denied)
        && !sense.negations.iter().any(|at| part.contains(at))
    {
        return Err(Reason::Negation(String::new()));
    }
    let mut best: Option<(usize, Reason)> = None;
    for (at, sentence) in ground.sentences.iter().enumerate() {
        let comparison =
            Comparison { sense, part, sentence, words, earlier: &ground.sentences[..at] };
        match comparison.run() {
            Ok(carried) => return Ok(vec![Carried { sentence: at, words: carried }]),
            Err((shared, reason)) => {
                if best.as_ref().is_none_or(|(most, _)| shared > *most) {
                    best = Some((shared, reason));
                }
            }
        }
    }
    let reason = best.map_or(Reason::NothingToCompare, |(_, reason)| reason);
    let elsewhere =
        matches!(reason, Reason::NotInPassage(_) | Reason::TooLittle | Reason::Scattered);
    // What is told under a condition holds only with it.
    if partings == 0 || sense.has_condition || !elsewhere {
        return Err(reason);
    }
    const PART_WORDS_MIN: usize = 2;
    for &joint in sense.joints.iter().filter(|joint| part.contains(joint)) {
        let (left, right) = (part.start..joint, joint + 1..part.end);
        let enough = |part| sense.words_in(part).len() >= PART_WORDS_MIN;
        if !enough(&left) || !enough(&right) {
            continue;
        }
        let left = carry_part(sense, &left, ground, words, partings - 1);
        let Ok(mut left) = left else { continue };
        if let Ok(right) = carry_part(sense, &right, ground, words, partings - 1) {
            left.extend(right);
            return Ok(left);
        }
    }
    Err(reason)
}

/// Part of a sentence against one sentence of a passage.
struct Comparison<'c> {
    sense: &'c Sense,
    part: &'c Range<usize>,
    sentence: &'c Sense,
    words: &'c Words,
    /// The sentences of the passage before it, which may name what it calls "it".
    earlier: &'c [Sense],
}

type Refused = (usize, Reason);

impl Comparison<'_> {
    /// The content words of the passage's sentence that are carried; or how many words are shared,
    /// and what is wrong.
    fn run(&self) -> Result<HashSet<usize>, Refused> {
        let words = self.sense.words_in(self.part);
        let known: HashSet<_> = self.sentence.words.iter().map(|word| &*word.stem).collect();
        let shared = words.iter().filter(|word| known.contains(&*word.stem)).count();
        let refuse = |reason| (shared, reason);
        self.differences().map_err(refuse)?;
        let matched = self.match_words(words).map_err(refuse)?;
        let carried: Vec<_> = matched.iter().filter_map(|found| *found).collect();
        if carried.len() * 100 < CARRIED_PERCENT_MIN * words.len() || carried.is_empty() {
            return Err(refuse(Reason::TooLittle));
        }
        self.together(words, &matched).map_err(refuse)?;
        let carried: HashSet<usize> = carried.into_iter().collect();
        self.amounts().map_err(refuse)?;
        self.turns(&carried).map_err(refuse)?;
        self.conditions(&carried).map_err(refuse)?;
        self.negations(&carried).map_err(refuse)?;
        Ok(carried)
    }

    /// For each word the place of its fellow among the passage's words; `None` for words that need
    /// none.
    fn match_words(&self, words: &[Word]) -> Result<Vec<Option<usize>>, Reason> {
        let mut matched = Vec::with_capacity(words.len());
        let mut last: Option<usize> = None;
        for word in words {
            let found = self.fellow(word, last, &matched)?;
            last = found.or(last);
            matched.push(found);
        }
        Ok(matched)
    }

    /// `taken` are the passage's words that other words of the sentence have already: one word of
    /// the passage carries one of the sentence.
    fn fellow(
        &self,
        word: &Word,
        last: Option<usize>,
        taken: &[Option<usize>],
    ) -> Result<Option<usize>, Reason> {
        let theirs = &self.sentence.words;
        let same: Vec<usize> =
            (0..theirs.len()).filter(|&at| theirs[at].stem == word.stem).collect();
        if same.is_empty() {
            let opposite = self.words.opposites.get(&word.stem).into_iter().flatten();
            let mut stems = theirs.iter().map(|theirs| &theirs.stem);
            if opposite.into_iter().any(|other| stems.any(|stem| stem == other)) {
                return Err(Reason::Opposite(word.stem.clone()));
            }
            if self.words.neutral.contains(&word.stem) || self.names_it(word) {
                return Ok(None);
            }
            return Err(Reason::NotInPassage(word.stem.clone()));
        }
        let mut fits = same.clone();
        fits.retain(|&at| theirs[at].polarity == word.polarity);
        if fits.is_empty() {
            if self.denied_as_pronoun(word, last) {
                return Ok(None);
            }
            return Err(Reason::Negation(word.stem.clone()));
        }
        fits.retain(|&at| conditions_agree(word.condition, theirs[at].condition));
        if fits.is_empty() {
            // "If the bone shows, cover it": "Cover the bone if it shows".
            let named = self.sense.has_condition && self.sentence.has_pronoun;
            return if named { Ok(None) } else { Err(Reason::Condition) };
        }
        fits.retain(|&at| theirs[at].governor == word.governor);
        if fits.is_empty() {
            return Err(Reason::Order(word.stem.clone()));
        }
        fits.retain(|at| !taken.contains(&Some(*at)));
        let next = last.map_or(0, |last| last + 1);
        let nearest = fits.into_iter().min_by_key(|&at| (at.abs_diff(next), at));
        nearest.map(Some).ok_or_else(|| Reason::NotInPassage(word.stem.clone()))
    }

    /// "Keep the part still and do not straighten it": "Do not straighten the part".
    fn denied_as_pronoun(&self, word: &Word, last: Option<usize>) -> bool {
        let theirs = &self.sentence.words;
        word.polarity == Polarity::Denied
            && self.sentence.denies_pronoun
            && last.is_some_and(|last| theirs[last].polarity == Polarity::Denied)
    }

    /// Whether the passage's sentence says "it" and one before it names this word.
    fn names_it(&self, word: &Word) -> bool {
        self.sentence.has_pronoun
            && self
                .earlier
                .iter()
                .flat_map(|sense| &sense.words)
                .any(|earlier| earlier.stem == word.stem && earlier.polarity == Polarity::Said)
    }

    /// Neighbours must be neighbours, and what stands in two clauses must stay in two.
    fn together(&self, words: &[Word], matched: &[Option<usize>]) -> Result<(), Reason> {
        let pairs: Vec<_> = words
            .iter()
            .zip(matched)
            .filter(|(word, _)| !self.words.neutral.contains(&word.stem))
            .filter_map(|(word, found)| found.map(|found| (word, found)))
            .collect();
        let (mut near, mut all) = (0, 0);
        for pair in pairs.windows(2) {
            let [(one, first), (other, second)] = pair else { continue };
            let (first, second) = (*first, *second);
            let (from, to) = (&self.sentence.words[first], &self.sentence.words[second]);
            let parted = one.place.segment != other.place.segment
                || self
                    .sense
                    .joints
                    .iter()
                    .any(|j| (one.place.token..other.place.token).contains(j));
            if from.place.clause != to.place.clause && !parted {
                return Err(Reason::Scattered);
            }
            // Parts may be put in another order.
            if parted {
                continue;
            }
            all += 1;
            let step = second.checked_sub(first);
            near += usize::from(step.is_some_and(|step| (1..=TOGETHER_WORDS_MAX).contains(&step)));
        }
        if near * 100 < TOGETHER_PERCENT_MIN * all { Err(Reason::Scattered) } else { Ok(()) }
    }

    fn amounts(&self) -> Result<(), Reason> {
        let ours = self.sense.amounts.iter().filter(|a| self.part.contains(&a.place.token));
        let theirs = &self.sentence.amounts;
        let mut last: Option<(usize, usize)> = None;
        let mut taken = HashSet::new();
        for amount in ours {
            let different = || Reason::Number(amount.key.clone());
            let fits = |at: usize| {
                let other = &theirs[at];
                let same = other.key == amount.key
                    && other.polarity == amount.polarity
                    && other.governor == amount.governor;
                let bound = amount.bound.is_empty()
                    || other.bound.is_empty()
                    || amount.bound.iter().any(|word| other.bound.contains(word));
                let stolen = amount.bound.iter().any(|word| {
                    !other.bound.contains(word)
                        && theirs.iter().any(|third| third.bound.contains(word))
                });
                same && bound && !stolen && !taken.contains(&at)
            };
            let mut fits = (0..theirs.len()).filter(|&at| fits(at));
            let found = match last {
                None => fits.next(),
                // Two numbers of one part stand in one part of the passage too.
                Some((before, segment)) => fits.find(|&at| {
                    let together = theirs[at].place.segment == theirs[before].place.segment;
                    let gap = at.checked_sub(before) == Some(1) && segment != amount.place.segment;
                    let under = |at: usize| theirs[at].key.starts_with("under");
                    together || (gap && !under(at) && !under(before))
                }),
            };
            let found = found.ok_or_else(different)?;
            taken.insert(found);
            last = Some((found, amount.place.segment));
        }
        Ok(())
    }

    fn turns(&self, carried: &HashSet<usize>) -> Result<(), Reason> {
        let ours: Vec<_> =
            self.sense.turns.iter().filter(|turn| self.part.contains(&turn.token)).collect();
        for turn in &ours {
            let found = self.sentence.turns.iter().any(|other| {
                let (before, behind) = (&turn.before, &turn.behind);
                let touches = [&other.before, &other.behind]
                    .iter()
                    .any(|theirs| theirs.is_some() && (*theirs == before || *theirs == behind));
                other.word == turn.word
                    && other.denied == turn.denied
                    && (touches || self.sentence.words.len() == carried.len())
            });
            if !found {
                return Err(Reason::Direction(turn.word.clone()));
            }
        }
        // What the passage says of a word that is carried may not be left out.
        let stems: HashSet<_> = carried.iter().map(|&at| &self.sentence.words[at].stem).collect();
        for turn in &self.sentence.turns {
            let touches = turn.behind.as_ref().is_some_and(|behind| stems.contains(behind))
                && self.sentence.words.iter().any(|word| {
                    Some(&word.stem) == turn.behind.as_ref() && word.place.token == turn.token + 1
                });
            let kept = !self.words.beside_kept.contains(&turn.word)
                || ours.iter().any(|ours| ours.word == turn.word);
            if touches && !kept {
                return Err(Reason::Direction(turn.word.clone()));
            }
        }
        Ok(())
    }

    /// A condition that holds for what is carried must be carried too. A referral may lose it: to
    /// go without need is the smaller harm.
    fn conditions(&self, carried: &HashSet<usize>) -> Result<(), Reason> {
        if self.sense.warns && self.sentence.warns {
            return Ok(());
        }
        let words = &self.sentence.words;
        for condition in words {
            let Condition::If(number, leads) = condition.condition else { continue };
            let of_it =
                |at: usize| matches!(words[at].condition, Condition::If(n, _) if n == number);
            if carried.iter().any(|&at| of_it(at)) {
                continue;
            }
            let place = condition.place;
            let touched = carried.iter().map(|&at| &words[at]).any(|word| {
                let free = !matches!(word.condition, Condition::If(..));
                let behind = leads
                    && word.place.clause == place.clause
                    && word.place.segment > place.segment;
                let before = !leads && word.place.segment == place.segment;
                free && (behind || before)
            });
            if touched {
                return Err(Reason::Condition);
            }
        }
        Ok(())
    }

    /// A sentence has no more negations than its passage; and as many, if it carries all of it.
    fn negations(&self, carried: &HashSet<usize>) -> Result<(), Reason> {
        let ours = self.sense.negations.iter().filter(|at| self.part.contains(at)).count();
        let theirs = self.sentence.negations.len();
        let whole = carried.len() == self.sentence.words.len();
        if ours > theirs || (whole && ours < theirs) {
            return Err(Reason::Negation(String::new()));
        }
        Ok(())
    }

    /// In a sentence that is nearly a quote, what differs may only be words without weight.
    fn differences(&self) -> Result<(), Reason> {
        const COPY_PERCENT_MIN: usize = 75;
        let (ours, theirs) = (&self.sense.spelled, &self.sentence.spelled);
        if *self.part != (0..usize::MAX) || ours.len().max(theirs.len()) > 2 * SENTENCE_WORDS_MAX {
            return Ok(());
        }
        let gaps = gaps(ours, theirs);
        let same = ours.len() - gaps.iter().map(|(ours, _)| ours.len()).sum::<usize>();
        if same * 100 < COPY_PERCENT_MIN * ours.len().max(theirs.len()) {
            return Ok(());
        }
        for (put, left_out) in gaps {
            let (put, left_out) = (&ours[put], &theirs[left_out]);
            let exchanged = !put.is_empty() && !left_out.is_empty();
            let wrong = put.iter().find(|word| self.weighs(word, exchanged)).or_else(|| {
                left_out.iter().find(|word| {
                    let light = self.words.beside.contains(*word)
                        && !self.words.beside_kept.contains(*word);
                    self.weighs(word, exchanged) && !light
                })
            });
            if let Some(word) = wrong {
                return Err(Reason::Exchanged(word.clone()));
            }
        }
        Ok(())
    }

    /// Whether a word may not be put, left out, or put for another.
    fn weighs(&self, word: &String, exchanged: bool) -> bool {
        let words = self.words;
        let turns = words.negations.contains(word)
            || words.beside.contains(word)
            || words.ahead.contains(word)
            || word.starts_with(char::is_numeric);
        let light = words.stop.contains(word)
            || words.pronouns.contains(word)
            || words.neutral.contains(&words.stem(word));
        turns || (exchanged && !light)
    }
}

/// Where two lists of words differ: what stands only in the first, and in its place in the second.
fn gaps(ours: &[String], theirs: &[String]) -> Vec<(Range<usize>, Range<usize>)> {
    let width = theirs.len() + 1;
    let mut longest = vec![0_u16; (ours.len() + 1) * width];
    for i in (0..ours.len()).rev() {
        for j in (0..theirs.len()).rev() {
            longest[i * width + j] = if ours[i] == theirs[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let mut found = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < ours.len() || j < theirs.len() {
        let (from, to) = (i, j);
        while i < ours.len() || j < theirs.len() {
            if i < ours.len() && j < theirs.len() && ours[i] == theirs[j] {
                break;
            }
            let skip_ours = longest.get((i + 1) * width + j).copied().filter(|_| i < ours.len());
            let skip_theirs = longest.get(i * width + j + 1).copied().filter(|_| j < theirs.len());
            if skip_ours >= skip_theirs { i += 1 } else { j += 1 }
        }
        if i > from || j > to {
            found.push((from..i, to..j));
        }
        while i < ours.len() && j < theirs.len() && ours[i] == theirs[j] {
            i += 1;
            j += 1;
        }
    }
    found
}

fn conditions_agree(ours: Condition, theirs: Condition) -> bool {
    match (ours, theirs) {
        (Condition::Relative, _) | (_, Condition::Relative) => true,
        (Condition::None, Condition::None) | (Condition::If(..), Condition::If(..)) => true,
        (Condition::None, Condition::If(..)) | (Condition::If(..), Condition::None) => false,
    }
}
