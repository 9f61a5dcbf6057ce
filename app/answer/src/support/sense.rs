//! What a sentence says, as far as it can be compared without understanding it: its content words,
//! each with whether it is negated, stands under a condition, or is governed by "before" or "after";
//! its numbers with what they count; and the words that tell a direction.

use std::ops::Range;

use crate::grounding::Words;
use crate::grounding::quantity::{Quantity, quantities};
use crate::grounding::token::{Kind, Token, tokens};

/// Whether something is said or denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Polarity {
    Said,
    Denied,
    /// After "and" behind a negation, which may reach so far or not.
    Unsure,
}

/// Whether a word stands under a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    None,
    /// Under the n-th "if" of its sentence; true if that comes first and holds for what follows.
    If(usize, bool),
    /// In a clause of "who" or "that".
    Relative,
}

/// Where something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Token of the sentence.
    pub(super) token: usize,
    /// Parts between semicolons, colons and "but".
    pub(super) clause: usize,
    /// Parts between commas.
    pub(super) segment: usize,
}

/// One content word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) stem: String,
    pub(super) place: Place,
    pub(super) polarity: Polarity,
    pub(super) condition: Condition,
    /// "before", "after", "until" and the like, if they speak of this word.
    pub(super) governor: Option<String>,
}

/// A number, with the words right behind it that it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) key: String,
    pub(super) bound: Vec<String>,
    pub(super) place: Place,
    pub(super) polarity: Polarity,
    pub(super) governor: Option<String>,
}

/// "More", "less", "only": a word that turns its neighbours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) word: String,
    pub(super) token: usize,
    pub(super) denied: bool,
    pub(super) before: Option<String>,
    pub(super) behind: Option<String>,
}

/// A sentence, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sense {
    /// Words and numbers in order, without punctuation: two sentences with the same are quotes.
    pub(super) spelled: Vec<String>,
    pub(super) words: Vec<Word>,
    pub(super) amounts: Vec<Amount>,
    pub(super) turns: Vec<Turn>,
    /// Tokens that are negations.
    pub(super) negations: Vec<usize>,
    /// Tokens at which the sentence may be parted into two.
    pub(super) joints: Vec<usize>,
    pub(super) has_condition: bool,
    pub(super) has_pronoun: bool,
    /// Has a pronoun behind a negation.
    pub(super) denies_pronoun: bool,
    /// Starts with "it" or "then".
    pub(super) leans: bool,
    /// Has the words of a warning.
    pub(super) warns: bool,
}

/// Words and numbers of a text in order: what a quote is known by in any language.
pub(super) fn spelled(text: &str) -> Vec<String> {
    spell(&tokens(text))
}

fn spell(tokens: &[Token]) -> Vec<String> {
    let numeric = |at: Option<&Token>| at.is_some_and(|token| token.kind == Kind::Number);
    let mut spelled = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let kept = match token.kind {
            Kind::Word | Kind::Number => true,
            Kind::Sign => token.norm != "-" || numeric(tokens.get(at + 1)),
            Kind::Stop => false,
        };
        if kept {
            spelled.push(token.norm.clone());
        }
    }
    spelled
}

/// Puts the first phrase of each group of equals for the others.
fn alike(tokens: Vec<Token>, words: &Words) -> Vec<Token> {
    let mut found = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let Some((length, others)) = words.same.at(&tokens, at) else {
            found.push(token.clone());
            at += 1;
            continue;
        };
        let end = tokens.get(at + length - 1).map_or(token.span.end, |last| last.span.end);
        found.extend(others.iter().map(|other| Token {
            norm: other.clone(),
            kind: if other.starts_with(|c: char| c.is_numeric()) {
                Kind::Number
            } else {
                Kind::Word
            },
            span: token.span.start..end,
        }));
        at += length;
    }
    found
}

impl Sense {
    /// Reads a sentence.
    pub(super) fn of(text: &str, words: &Words) -> Self {
        let plain = tokens(text);
        let warns = words.warnings.any_in(&plain);
        let tokens = alike(plain, words);
        let amounts = quantities(&tokens);
        let mut reader = Reader::new(words, &tokens);
        reader.read(&amounts);
        let mut sense = reader.sense;
        sense.spelled = spell(&tokens);
        sense.warns = warns;
        let first = tokens.iter().find(|token| token.kind == Kind::Word);
        sense.leans = first.is_some_and(|token| words.leaning.contains(&token.norm));
        sense.find_neighbours(&tokens);
        sense
    }

    /// The content words within some tokens.
    pub(super) fn words_in(&self, tokens: &Range<usize>) -> &[Word] {
        let start = self.words.partition_point(|word| word.place.token < tokens.start);
        let end = self.words.partition_point(|word| word.place.token < tokens.end);
        &self.words[start..end.max(start)]
    }

    fn find_neighbours(&mut self, tokens: &[Token]) {
        let stopped = |range: Range<usize>| {
            tokens.get(range).is_some_and(|between| {
                between.iter().any(|token| token.kind == Kind::Stop && token.norm != ",")
            })
        };
        for turn in &mut self.turns {
            let at = self.words.partition_point(|word| word.place.token < turn.token);
            let before = at.checked_sub(1).and_then(|at| self.words.get(at));
            let before = before.filter(|word| !stopped(word.place.token..turn.token));
            let behind = self.words.get(at).filter(|word| !stopped(turn.token..word.place.token));
            turn.before = before.map(|word| word.stem.clone());
            turn.behind = behind.map(|word| word.stem.clone());
        }
        for amount in &mut self.amounts {
            const BOUND_MAX: usize = 2;
            let at = self.words.partition_point(|word| word.place.token < amount.place.token);
            let same = self.words[at..].iter().take_while(|word| {
                word.place.segment == amount.place.segment
                    && !self
                        .joints
                        .iter()
                        .any(|j| (amount.place.token..word.place.token).contains(j))
            });
            amount.bound = same.take(BOUND_MAX).map(|word| word.stem.clone()).collect();
        }
        // A number between an amount and a word binds that word, not the amount before it.
        for at in 1..self.amounts.len() {
            let next = self.amounts[at].place.token;
            let words = &self.words;
            let earlier = &mut self.amounts[at - 1];
            let start = words.partition_point(|word| word.place.token < earlier.place.token);
            let end = words.partition_point(|word| word.place.token < next);
            earlier.bound.truncate(end.saturating_sub(start));
        }
    }
}

struct Reader<'r> {
    words: &'r Words,
    tokens: &'r [Token],
    sense: Sense,
    place: Place,
    polarity: Polarity,
    condition: Condition,
    conditions: usize,
    governor: Option<String>,
    /// The governor still waits for its first word, or the next token is joined to one it has.
    governs_next: bool,
    /// Token of the last word that it governs.
    governed: Option<usize>,
    segment_starts: bool,
}

impl<'r> Reader<'r> {
    fn new(words: &'r Words, tokens: &'r [Token]) -> Self {
        Self {
            words,
            tokens,
            sense: Sense::default(),
            place: Place { token: 0, clause: 0, segment: 0 },
            polarity: Polarity::Said,
            condition: Condition::None,
            conditions: 0,
            governor: None,
            governs_next: false,
            governed: None,
            segment_starts: true,
        }
    }

    fn read(&mut self, quantities: &[Quantity]) {
        let mut numbers = quantities.iter().peekable();
        let mut at = 0;
        while let Some(token) = self.tokens.get(at) {
            self.place.token = at;
            if let Some(quantity) = numbers.next_if(|quantity| quantity.whole.start <= at) {
                let governor = if self.governs_next { self.governor.take() } else { None };
                self.governs_next = false;
                self.sense.amounts.push(Amount {
                    key: quantity.key(),
                    bound: Vec::new(),
                    place: self.place,
                    polarity: self.polarity,
                    governor,
                });
                self.segment_starts = false;
                at = quantity.whole.end.max(at + 1);
                continue;
            }
            match token.kind {
                Kind::Stop => self.stop(at, token),
                Kind::Sign | Kind::Number => {}
                Kind::Word => self.word(at, token),
            }
            at += 1;
        }
    }

    fn stop(&mut self, at: usize, token: &Token) {
        if token.norm == "," || token.norm == "،" || token.norm == "、" {
            self.place.segment += 1;
            self.sense.joints.push(at);
            let next = self.tokens.get(at + 1);
            let more = next.is_some_and(|next| self.words.alternatives.contains(&next.norm));
            if !more && matches!(self.condition, Condition::If(_, true) | Condition::Relative) {
                self.condition = Condition::None;
                self.polarity = Polarity::Said;
            }
            self.join_governed(at);
        } else {
            self.place.segment += 1;
            self.place.clause += 1;
            self.sense.joints.push(at);
            self.polarity = Polarity::Said;
            self.condition = Condition::None;
            self.governor = None;
            self.governs_next = false;
        }
        self.segment_starts = true;
    }

    fn word(&mut self, at: usize, token: &Token) {
        let word = token.norm.as_str();
        let after_comma = at > 0 && self.tokens[at - 1].kind == Kind::Stop;
        if self.words.joining.contains(word) {
            self.sense.joints.push(at);
            if self.polarity == Polarity::Denied {
                self.polarity = if after_comma { Polarity::Said } else { Polarity::Unsure };
            }
            self.join_governed(at);
            return;
        }
        if self.words.alternatives.contains(word) {
            self.join_governed(at);
        }
        if self.words.pronouns.contains(word) {
            self.sense.has_pronoun = true;
            self.sense.denies_pronoun |= self.polarity == Polarity::Denied;
        }
        if self.words.contrasts.contains(word) {
            self.place.clause += 1;
            self.sense.joints.push(at);
            self.condition = Condition::None;
        }
        let condition = self.words.conditions.at(self.tokens, at).is_some();
        if self.words.negation_ends.contains(word) || condition {
            self.polarity = Polarity::Said;
        }
        if condition {
            let holds = matches!(self.condition, Condition::If(_, false));
            if !holds {
                self.conditions += 1;
                self.condition = Condition::If(self.conditions, self.segment_starts);
            }
            self.sense.has_condition = true;
            self.governor = None;
        } else if self.words.conditions_soft.contains(word) && self.condition == Condition::None {
            self.condition = Condition::Relative;
        }
        let denied = self.polarity == Polarity::Denied;
        if self.words.negations.contains(word) {
            self.negation(at, word);
        }
        if self.words.ahead.contains(word) {
            self.governor = Some(word.to_owned());
            self.governs_next = true;
        } else if self.words.beside.contains(word) {
            let (before, behind) = (None, None);
            let word = word.to_owned();
            self.sense.turns.push(Turn { word, token: at, denied, before, behind });
        } else if !self.words.stop.contains(word)
            && !self.words.pronouns.contains(word)
            && !self.words.negations.contains(word)
        {
            self.content(word);
        }
        let small = self.words.stop.contains(word) || condition;
        self.segment_starts =
            self.segment_starts && small && !self.words.negations.contains(word) && !condition;
    }

    /// "Before cooking, eating and feeding": "before" speaks of each.
    fn join_governed(&mut self, at: usize) {
        self.governs_next |= at > 0 && self.governed == Some(at - 1);
        if !self.governs_next {
            self.governor = None;
        }
        self.governed = self.governed.filter(|_| self.governs_next).map(|_| at);
    }

    fn negation(&mut self, at: usize, word: &str) {
        self.sense.negations.push(at);
        self.polarity = Polarity::Denied;
        if self.words.negations_back.contains(word)
            && let Some(last) = self.sense.words.last_mut()
            && last.place.token + 1 == at
        {
            last.polarity = Polarity::Denied;
        }
    }

    fn content(&mut self, word: &str) {
        let governor = if self.governs_next { self.governor.clone() } else { None };
        self.governed = governor.as_ref().map(|_| self.place.token);
        self.governs_next = false;
        self.sense.words.push(Word {
            stem: self.words.stem(word),
            place: self.place,
            polarity: self.polarity,
            condition: self.condition,
            governor,
        });
    }
}
