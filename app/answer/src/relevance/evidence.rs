//! How well one passage fits what is asked.

use std::collections::HashMap;

use super::Shelf;
use super::query::Asked;
use crate::limits::SCORED_CHARS_MAX;
use crate::spelling::Vocabulary;
use crate::terms::{TermKind, terms};

/// What a term counts that stands only in the body of an entry: the body touches other things than
/// the one it is about. A document's passage is about what its body says.
const BODY_SHARE: [f64; 2] = [0.5, 0.85];

/// What a number counts, against a word as rare: "3 days" is seldom what a passage is found by.
const NUMBER_SHARE: f64 = 0.3;

/// What "not" counts.
const NEGATION_SHARE: f64 = 0.5;

/// The texts of a passage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PassageText<'a> {
    /// A few words that name the subject.
    pub title: &'a str,
    /// The question that it answers, or the section of a document that it stands in; may be empty.
    pub question: &'a str,
    /// Other phrasings of the question, one a line; may be empty.
    pub phrasings: &'a str,
    /// The passage itself.
    pub body: &'a str,
}

/// How well a passage fits a question; all from 0 to 1 but the counts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Evidence {
    /// Share of the question's weight that the passage carries anywhere.
    pub coverage: f64,
    /// Share of the question's weight that title, question and phrasings carry together.
    pub named: f64,
    /// Of the one wording that fits best: share of the question's weight that it carries.
    pub asked_in_wording: f64,
    /// Of the same wording: share of its own weight that is asked.
    pub wording_in_asked: f64,
    /// Share of the question's weight that its wordings carry on average: what most of them have, the
    /// passage is about.
    pub central: f64,
    /// Share of the question's weight that the title carries.
    pub title: f64,
    /// Weight of the rarest term carried by title, question or phrasings, against a term found once.
    pub telling: f64,
    /// Share of the question's other words ("how", "when") that the best wording has.
    pub rest: f64,
    /// Content words of the question; numbers and "not" do not count.
    pub words: usize,
    /// Of these, how many the passage carries.
    pub words_found: usize,
}

/// Compares a passage with what is asked.
#[must_use]
pub fn evidence(
    asked: &[Asked],
    rest: &[String],
    text: &PassageText<'_>,
    shelf: Shelf,
    language: &str,
    vocabulary: &Vocabulary,
) -> Evidence {
    let scale = Scale { shelf, vocabulary };
    let weights: Vec<f64> = asked.iter().map(|asked| scale.weight(asked)).collect();
    let whole: f64 = weights.iter().sum();
    if whole <= 0.0 {
        return Evidence::default();
    }
    let title = Bag::of(text.title, language);
    let wordings: Vec<Bag> = [text.title, text.question]
        .into_iter()
        .chain(text.phrasings.lines())
        .filter(|wording| !wording.is_empty())
        .map(|wording| Bag::of(wording, language))
        .collect();
    let end = text.body.char_indices().nth(SCORED_CHARS_MAX).map_or(text.body.len(), |(at, _)| at);
    let body = Bag::of(&text.body[..end], language);
    let mut out = Evidence::default();
    for (asked, weight) in asked.iter().zip(&weights) {
        let named = wordings.iter().map(|bag| bag.hit(asked)).fold(0.0, f64::max);
        let touched = body.hit(asked) * BODY_SHARE[shelf as usize];
        out.named += weight * named;
        out.coverage += weight * named.max(touched);
        let sum: f64 = wordings.iter().map(|bag| bag.hit(asked)).sum();
        out.central += weight * sum / wordings.len().max(1) as f64;
        out.title += weight * title.hit(asked);
        let counts = matches!(asked.kind, TermKind::Word | TermKind::Letters);
        out.words += usize::from(counts);
        out.words_found += usize::from(counts && named.max(touched) > 0.0);
        let told = match shelf {
            Shelf::Entries => named,
            Shelf::Documents => named.max(touched),
        };
        out.telling = out.telling.max(weight * told / scale.rarity(1));
    }
    out.named /= whole;
    out.coverage /= whole;
    out.central /= whole;
    out.title /= whole;
    out.telling = out.telling.min(1.0);
    let mut best = -1.0;
    for wording in &wordings {
        let carried: f64 = asked.iter().zip(&weights).map(|(a, w)| w * wording.hit(a)).sum();
        let asked_in_wording = carried / whole;
        let wording_in_asked = wording.share_asked(asked, &scale);
        let fit = asked_in_wording * (0.5 + 0.5 * wording_in_asked);
        if fit > best {
            best = fit;
            out.asked_in_wording = asked_in_wording;
            out.wording_in_asked = wording_in_asked;
            let shared = rest.iter().filter(|word| wording.stops.contains(word)).count();
            out.rest = shared as f64 / rest.len().max(1) as f64;
        }
    }
    out
}

/// What terms weigh on a shelf.
struct Scale<'a> {
    shelf: Shelf,
    vocabulary: &'a Vocabulary,
}

impl Scale<'_> {
    /// Inverse document frequency, as BM25 has it; positive.
    fn rarity(&self, passages_with: u32) -> f64 {
        let with = f64::from(passages_with);
        let all = f64::from(self.vocabulary.passages(self.shelf)).max(with);
        (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
    }

    /// What an asked term weighs: as much as the passages are few that have it or, if none has, the
    /// likeliest of what counts for it. One that nothing counts for weighs the most.
    fn weight(&self, asked: &Asked) -> f64 {
        let known = asked.variants.iter().filter(|v| v.counts[self.shelf as usize] > 0);
        let likeliest = known.fold(None, |best: Option<(f64, u32)>, variant| {
            let count = variant.counts[self.shelf as usize];
            match best {
                Some((weight, _)) if weight >= variant.weight => best,
                _ => Some((variant.weight, count)),
            }
        });
        let rarity = self.rarity(likeliest.map_or(0, |(_, count)| count));
        rarity * kind_share(asked.kind)
    }
}

fn kind_share(kind: TermKind) -> f64 {
    match kind {
        TermKind::Number => NUMBER_SHARE,
        TermKind::Negation => NEGATION_SHARE,
        _ => 1.0,
    }
}

/// The terms of one text.
struct Bag {
    content: HashMap<String, TermKind>,
    stops: Vec<String>,
}

impl Bag {
    fn of(text: &str, language: &str) -> Self {
        let (content, stops): (Vec<_>, Vec<_>) =
            terms(text, language).into_iter().partition(|term| term.is_content());
        Self {
            content: content.into_iter().map(|term| (term.text, term.kind)).collect(),
            stops: stops.into_iter().map(|term| term.text).collect(),
        }
    }

    /// How much of what counts for a term is here, from 0 to 1.
    fn hit(&self, asked: &Asked) -> f64 {
        let here = asked.variants.iter().filter(|v| self.content.contains_key(&v.text));
        here.map(|variant| variant.weight).fold(0.0, f64::max)
    }

    /// Share of this text's weight that is asked.
    fn share_asked(&self, asked: &[Asked], scale: &Scale<'_>) -> f64 {
        let (mut whole, mut shared) = (0.0, 0.0);
        for (term, kind) in &self.content {
            let count = scale.vocabulary.counts(term)[scale.shelf as usize];
            let weight = scale.rarity(count) * kind_share(*kind);
            let variants = asked.iter().flat_map(|asked| &asked.variants);
            let hit = variants.filter(|v| v.text == *term).map(|v| v.weight).fold(0.0, f64::max);
            whole += weight;
            shared += weight * hit;
        }
        if whole > 0.0 { shared / whole } else { 0.0 }
    }
}
