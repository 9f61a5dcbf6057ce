//! A question, reduced to what it asks for.

use std::collections::BTreeSet;

use super::What;
use super::lexing::Token;
use super::quantity::{Part, PartKind, parts};
use super::rules::{Class, Rules};

/// A content word or number, with what is bound to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) kind: PartKind,
    /// The word that it stands for.
    pub(super) text: String,
    pub(super) class: Class,
    /// How often it is negated.
    pub(super) negations: u8,
    /// "Before" and its like, in front of it.
    pub(super) bound: String,
    /// The preposition or other small word that leads it in, if one does.
    pub(super) intro: String,
    /// Terms of one group ("day and night", "scale of a map") have no order.
    pub(super) group: usize,
    /// A word whose place says nothing, such as a plain verb.
    pub(super) movable: bool,
}

/// A question.
#[derive(Debug, Default)]
pub(super) struct Reduced {
    /// What kind of question it is: `how`, `what`, `why`, `can`, ...; empty for a plain sentence.
    pub(super) kinds: BTreeSet<String>,
    /// "Is it ok", which is "may one".
    pub(super) permit: bool,
    /// It has "be": "can it be cured" is "is it cured".
    pub(super) has_be: bool,
    pub(super) terms: Vec<Term>,
    /// Numbers that may stand for nothing.
    pub(super) optional: Vec<String>,
    /// "Take", "use": implied by "may one".
    pub(super) light: BTreeSet<String>,
    /// `past`, `present`, `future`, as far as verbs say.
    pub(super) tenses: BTreeSet<&'static str>,
    pub(super) male: bool,
    pub(super) female: bool,
    /// Somebody is named to whom "he" or "she" may refer.
    pub(super) has_person: bool,
    pub(super) from: BTreeSet<String>,
    pub(super) to: BTreeSet<String>,
    /// "Then", "first": the order of all words counts.
    pub(super) ordered: bool,
}

/// What stands between two terms.
#[derive(Debug, Default, Clone, Copy)]
struct Link {
    and: bool,
    comma: bool,
    of: bool,
    other: bool,
}

/// The walk through the parts.
struct Walk<'a> {
    rules: &'a Rules,
    out: Reduced,
    asked: BTreeSet<String>,
    auxiliary: BTreeSet<String>,
    link: Link,
    negations: u8,
    /// French "ne" whose "pas" has not come.
    open_ne: u8,
    bound: String,
    /// The preposition before the next term.
    intro: String,
    /// "How many" stands before the next term.
    counted: bool,
    direction: Option<bool>,
    what: bool,
}

impl Reduced {
    /// Reduces a question's tokens.
    pub(super) fn of(tokens: Vec<Token>, rules: &Rules) -> Self {
        let parts = parts(tokens, rules);
        let mut walk = Walk {
            rules,
            out: Self::default(),
            asked: BTreeSet::new(),
            auxiliary: BTreeSet::new(),
            link: Link::default(),
            negations: 0,
            open_ne: 0,
            bound: String::new(),
            intro: String::new(),
            counted: false,
            direction: None,
            what: false,
        };
        let mut clause_start = true;
        for at in 0..parts.len() {
            let is_vocative = walk.is_vocative(&parts, at);
            if !is_vocative {
                walk.part(&parts, at, clause_start);
            }
            let starts = parts[at].kind == PartKind::Mark || is_vocative;
            clause_start = starts || (clause_start && rules.has("opening", &parts[at].text));
        }
        walk.finish()
    }
}

impl Walk<'_> {
    /// "Doctor, what ...", "..., teacher".
    fn is_vocative(&self, parts: &[Part], at: usize) -> bool {
        let rules = self.rules;
        let word = &parts[at].text;
        if !rules.has("vocative", word) && !rules.has("greeting", word) {
            return false;
        }
        let asks = |part: &Part| {
            matches!(part.kind, PartKind::Mark | PartKind::Question)
                || rules.questions.contains_key(&part.text)
                || auxiliary(rules, &part.text).is_some()
        };
        let greets = |part: &Part| rules.has("greeting", &part.text);
        let calls = |part: &Part| {
            part.kind == PartKind::Mark || greets(part) || rules.has("vocative", &part.text)
        };
        let asked = parts.get(at + 1).is_some_and(asks);
        let first = parts[..at].iter().all(calls) && (asked || greets(&parts[at]));
        let last = parts[at + 1..].iter().all(|part| part.kind == PartKind::Mark);
        first || (last && at > 0 && parts[at - 1].kind == PartKind::Mark)
    }

    fn part(&mut self, parts: &[Part], at: usize, clause_start: bool) {
        let part = &parts[at];
        match part.kind {
            PartKind::Mark => self.link.comma = true,
            PartKind::Question => {
                let name = part.text.trim_start_matches('?').to_owned();
                self.question(name);
            }
            PartKind::Number if part.optional => self.out.optional.push(part.text.clone()),
            PartKind::Word => self.word(parts, at, clause_start),
            _ => self.term(part.kind, &part.text),
        }
    }

    fn question(&mut self, name: String) {
        self.link.other = true;
        self.counted = matches!(name.as_str(), "many" | "much");
        match name.as_str() {
            "ok" => {
                self.out.permit = true;
                self.auxiliary.insert("can".into());
            }
            "is" | "can" | "should" => {
                self.auxiliary.insert(name);
            }
            _ => {
                self.what |= name == "what";
                self.asked.insert(name);
            }
        }
    }

    fn word(&mut self, parts: &[Part], at: usize, clause_start: bool) {
        let rules = self.rules;
        let word = parts[at].text.as_str();
        let next = parts.get(at + 1);
        let clause_end = next.is_none_or(|next| next.kind == PartKind::Mark);
        if rules.has("do", word) && self.what {
            let to = next.is_some_and(|next| rules.has("do_how", &next.text));
            if to || clause_end || next.is_some_and(|next| rules.has("do_followers", &next.text)) {
                self.asked.insert(if to { "how" } else { "do" }.into());
                return;
            }
        }
        if let Some(kind) = rules.questions.get(word) {
            if !rules.has("relative", word) || clause_start || clause_end {
                return self.question(kind.clone());
            }
            self.link.other = true;
            if rules.has("introduces", word) {
                self.intro = word.to_owned();
            }
            return;
        }
        for tense in ["past", "present", "future"] {
            if rules.has(tense, word) {
                self.out.tenses.insert(tense);
            }
        }
        self.out.has_be |= rules.has("be", word);
        self.out.male |= rules.has("male", word);
        self.out.female |= rules.has("female", word);
        self.out.has_person |= rules.has("generic", word);
        self.out.ordered |= rules.has("ordered", word);
        if let Some(kind) = auxiliary(rules, word) {
            if clause_start || next.is_some_and(|next| rules.has("subjects", &next.text)) {
                self.auxiliary.insert(kind.into());
            }
            self.link.other = true;
            return;
        }
        self.small_word_or_term(word);
    }

    fn small_word_or_term(&mut self, word: &str) {
        let rules = self.rules;
        if rules.has("not_before", word) {
            self.open_ne = self.open_ne.saturating_add(1);
            self.negations = self.negations.saturating_add(1);
        } else if rules.has("not_after", word) {
            match self.out.terms.last_mut() {
                _ if self.open_ne > 0 => self.open_ne -= 1,
                Some(last) => last.negations = last.negations.saturating_add(1),
                None => self.negations = self.negations.saturating_add(1),
            }
        } else if rules.negates(word) {
            self.negations = self.negations.saturating_add(1);
            self.link.other = true;
        } else if rules.has("light", rules.canonical(word)) {
            self.out.light.insert(rules.canonical(word).to_owned());
            self.link.other = true;
        } else if rules.has("stop", word) || rules.has("generic", word) {
            self.link.and |= rules.has("and", word);
            self.link.of |= rules.has("of", word);
            let joins = ["and", "of", "transparent"].iter().any(|list| rules.has(list, word));
            self.link.other |= !joins;
            if rules.has("introduces", word) {
                self.intro = word.to_owned();
            }
            if rules.has("from", word) {
                self.direction = Some(true);
            } else if rules.has("to", word) {
                self.direction = Some(false);
            }
        } else {
            let canonical = rules.canonical(word).to_owned();
            if rules.class(&canonical) == Class::Named(What::BeforeAfter) {
                self.bound.push_str(&canonical);
                self.bound.push(' ');
            } else {
                self.term(PartKind::Word, &canonical);
            }
        }
    }

    fn term(&mut self, kind: PartKind, text: &str) {
        let rules = self.rules;
        let class = if kind == PartKind::Word { rules.class(text) } else { Class::Other };
        let link = std::mem::take(&mut self.link);
        let group = match self.out.terms.last() {
            Some(last) if !link.other => {
                let same_class = last.class == class && class != Class::Other;
                let noun_of_noun = link.of
                    && last.class == Class::Other
                    && class == Class::Other
                    && last.kind == PartKind::Word
                    && kind == PartKind::Word;
                let coordinated = link.and || (link.comma && same_class);
                last.group + usize::from(!(coordinated || noun_of_noun))
            }
            Some(last) => last.group + 1,
            None => 0,
        };
        match self.direction.take() {
            Some(true) => self.out.from.insert(text.to_owned()),
            Some(false) => self.out.to.insert(text.to_owned()),
            None => false,
        };
        let counted = std::mem::take(&mut self.counted);
        let bound = std::mem::take(&mut self.bound);
        let intro = std::mem::take(&mut self.intro);
        self.out.terms.push(Term {
            kind,
            text: text.to_owned(),
            class,
            negations: std::mem::take(&mut self.negations),
            group,
            movable: kind == PartKind::Word && (rules.has("movable", text) || counted),
            intro: if bound.is_empty() { intro } else { bound.clone() },
            bound,
        });
    }

    fn finish(mut self) -> Reduced {
        if self.open_ne > 0 {
            self.term(PartKind::Word, "ne");
        }
        if self.negations > 0 || !self.bound.is_empty() {
            self.term(PartKind::Word, "not");
        }
        let mut asked = self.asked;
        if asked.len() > 1 {
            asked.remove("what");
        }
        if asked.len() > 1 && asked.contains("do") {
            asked.remove("how");
        }
        if asked.is_empty() {
            for kind in ["should", "can", "is"] {
                if asked.is_empty() && self.auxiliary.contains(kind) {
                    asked.insert(kind.into());
                }
            }
        } else if self.out.permit {
            asked.insert("ok".into());
        }
        self.out.kinds = asked;
        self.out.has_person |= self.out.terms.iter().any(|term| term.class.is_being());
        self.out
    }
}

fn auxiliary(rules: &Rules, word: &str) -> Option<&'static str> {
    ["is", "can", "should"].into_iter().find(|kind| match *kind {
        "is" => rules.has("aux_is", word),
        "can" => rules.has("aux_can", word),
        _ => rules.has("aux_should", word),
    })
}
