//! Two reduced questions, part against part.

use super::What;
use super::quantity::PartKind;
use super::reduce::{Reduced, Term};
use super::rules::{Class, Rules};
use super::spelling::{inflected, misspelt};
use crate::limits::GUARD_ODD_WORDS_MAX;

/// What keeps two questions apart, or `None` if nothing does.
pub(super) fn difference(
    one: &Reduced,
    other: &Reduced,
    rules: &Rules,
    is_word: &dyn Fn(&str) -> bool,
) -> Option<What> {
    let matches = matched(one, other, rules, is_word);
    let mut found: Vec<What> = Vec::new();
    let left = unmatched(one, |at| matches.iter().any(|(mine, _)| *mine == at), other);
    let right = unmatched(other, |at| matches.iter().any(|(_, its)| *its == at), one);
    let (left, right) = without_implied(left, right, one, other, rules);
    found.extend(left.iter().map(|term| reason(term, &right)));
    found.extend(right.iter().map(|term| reason(term, &left)));
    if !same_kind(one, other, rules) {
        found.push(What::Kind);
    }
    if !same_light(one, other) || !same_tense(one, other) {
        found.push(What::OtherWord);
    }
    if !same_sex(one, other) {
        found.push(What::Sex);
    }
    if found.is_empty() && !same_order(one, other, &matches) {
        found.push(What::Order);
    }
    found.into_iter().min()
}

/// Pairs of places of counterparts: equal ones first, then those in another form.
fn matched(
    one: &Reduced,
    other: &Reduced,
    rules: &Rules,
    is_word: &dyn Fn(&str) -> bool,
) -> Vec<(usize, usize)> {
    let mut pairs: Vec<(usize, usize)> = Vec::with_capacity(one.terms.len());
    type Same<'a> = &'a dyn Fn(&str, &str) -> bool;
    let equal: Same<'_> = &|a, b| a == b;
    let form: Same<'_> = &|a, b| inflected(a, b, rules);
    let error: Same<'_> = &|a, b| misspelt(a, b, rules, is_word);
    let most = one.terms.len().max(other.terms.len());
    for (pass, same) in [equal, form, error].into_iter().enumerate() {
        if pass > 0 && most - pairs.len() > GUARD_ODD_WORDS_MAX {
            break;
        }
        for (mine, a) in one.terms.iter().enumerate() {
            if pairs.iter().any(|(taken, _)| *taken == mine) {
                continue;
            }
            let its = other.terms.iter().enumerate().position(|(its, b)| {
                let words = a.kind == PartKind::Word;
                a.kind == b.kind
                    && (words || pass == 0)
                    && a.negations == b.negations
                    && a.bound == b.bound
                    && same(&a.text, &b.text)
                    && !pairs.iter().any(|(_, taken)| *taken == its)
            });
            pairs.extend(its.map(|its| (mine, its)));
        }
    }
    pairs
}

fn unmatched<'a>(
    side: &'a Reduced,
    is_matched: impl Fn(usize) -> bool,
    other: &Reduced,
) -> Vec<&'a Term> {
    let mut optional = other.optional.clone();
    let mut left = Vec::new();
    for (at, term) in side.terms.iter().enumerate().filter(|(at, _)| !is_matched(*at)) {
        let plain = term.kind == PartKind::Number && term.bound.is_empty() && term.negations == 0;
        let stands_for = optional.iter().position(|text| plain && *text == term.text);
        match stands_for {
            Some(place) => {
                optional.swap_remove(place);
            }
            None => left.push(&side.terms[at]),
        }
    }
    left
}

/// "A 2 year old" is a child, if nobody else is named.
fn without_implied<'a>(
    left: Vec<&'a Term>,
    right: Vec<&'a Term>,
    one: &Reduced,
    other: &Reduced,
    rules: &Rules,
) -> (Vec<&'a Term>, Vec<&'a Term>) {
    let has_age = |side: &Reduced| side.terms.iter().any(|term| term.kind == PartKind::Age);
    let beings = |side: &Reduced| side.terms.iter().filter(|term| term.class.is_being()).count();
    let years = |side: &Reduced| {
        side.terms.iter().any(|term| term.kind == PartKind::Age && term.text.ends_with("year"))
    };
    let list = if years(one) { "implied_by_years" } else { "implied_by_months" };
    let implied =
        |term: &Term| rules.has(list, &term.text) && term.negations == 0 && term.bound.is_empty();
    if has_age(one) && has_age(other) && beings(one) + beings(other) == 1 {
        let keep = |terms: Vec<&'a Term>| terms.into_iter().filter(|t| !implied(t)).collect();
        return (keep(left), keep(right));
    }
    (left, right)
}

/// What an unmatched term tells, beside those that the other side has left.
fn reason(term: &Term, others: &[&Term]) -> What {
    let same_text = |other: &&&Term| other.text == term.text;
    if let Some(twin) = others.iter().find(same_text) {
        return if twin.negations == term.negations { What::BeforeAfter } else { What::Negation };
    }
    let halves = |text: &str| {
        let mut words = text.split(' ');
        (words.next().unwrap_or("").to_owned(), words.next().unwrap_or("").to_owned())
    };
    match term.kind {
        PartKind::Age => What::Age,
        PartKind::Rate => What::Frequency,
        PartKind::Quantity => {
            let (value, unit) = halves(&term.text);
            let same_value = |other: &&Term| {
                let (its_value, its_unit) = halves(&other.text);
                other.kind == PartKind::Quantity && its_value == value && its_unit != unit
            };
            if unit == "time" {
                What::Frequency
            } else if others.iter().any(same_value) {
                What::Unit
            } else {
                What::Number
            }
        }
        PartKind::Number => What::Number,
        _ if term.negations > 0 => What::Negation,
        _ => match term.class {
            Class::Named(what) => what,
            _ if !term.bound.is_empty() => What::BeforeAfter,
            Class::Being | Class::Other => What::OtherWord,
        },
    }
}

fn same_kind(one: &Reduced, other: &Reduced, rules: &Rules) -> bool {
    let only = |side: &Reduced, kind: &str| side.kinds.len() == 1 && side.kinds.contains(kind);
    if one.kinds == other.kinds {
        return true;
    }
    let either = |test: &dyn Fn(&Reduced, &Reduced) -> bool| test(one, other) || test(other, one);
    // "Signs of malaria" asks what they are; one word alone asks nothing certain.
    let what_is = |a: &Reduced, b: &Reduced| {
        only(a, "what") && b.kinds.is_empty() && a.terms.len() > 1 && b.terms.len() > 1
    };
    let can_be = |a: &Reduced, b: &Reduced| only(a, "can") && a.has_be && only(b, "is");
    let bare =
        |a: &Reduced, b: &Reduced| rules.bare_question && only(a, "is") && b.kinds.is_empty();
    either(&what_is) || either(&can_be) || either(&bare)
}

/// "Is it ok for her" leaves out the "take" of "can she take".
fn same_light(one: &Reduced, other: &Reduced) -> bool {
    let may = |side: &Reduced| side.kinds.len() == 1 && side.kinds.contains("can");
    let left_out = |side: &Reduced| side.permit && side.light.is_empty();
    one.light == other.light || (may(one) && may(other) && (left_out(one) || left_out(other)))
}

fn same_tense(one: &Reduced, other: &Reduced) -> bool {
    let past = |side: &Reduced| side.tenses.contains("past");
    let future = |side: &Reduced| side.tenses.contains("future");
    let silent = one.tenses.is_empty() || other.tenses.is_empty();
    future(one) == future(other) && (silent || past(one) == past(other))
}

fn same_sex(one: &Reduced, other: &Reduced) -> bool {
    let sexes = |side: &Reduced| (side.male, side.female);
    if sexes(one) == sexes(other) {
        return true;
    }
    // "My child ... her vaccines" says no more than "my child ... vaccines".
    let refers = |a: &Reduced, b: &Reduced| sexes(a) == (false, false) && b.has_person;
    refers(one, other) || refers(other, one)
}

/// Whether all counterparts stand in the same order, or in one that cannot change the meaning.
fn same_order(one: &Reduced, other: &Reduced, matches: &[(usize, usize)]) -> bool {
    let crosses = |from: &Reduced, to: &Reduced| from.from.iter().any(|text| to.to.contains(text));
    if crosses(one, other) || crosses(other, one) {
        return false;
    }
    let ordered = one.ordered || other.ordered;
    if !ordered && is_rotated(one, other, matches) {
        return true;
    }
    matches.iter().enumerate().all(|(at, (a_one, a_other))| {
        matches[at + 1..].iter().all(|(b_one, b_other)| {
            let mine = one.terms[*a_one].group.cmp(&one.terms[*b_one].group);
            let its = other.terms[*a_other].group.cmp(&other.terms[*b_other].group);
            let turned = mine.is_ne() && mine == its.reverse();
            !turned
                || (!ordered
                    && may_change_places(&one.terms[*a_one], &one.terms[*b_one], one)
                    && may_change_places(&other.terms[*a_other], &other.terms[*b_other], other))
        })
    })
}

/// Whether one question puts first what the other puts last, led in by the same small word: "after
/// the operation, can she walk" and "can she walk after the operation".
fn is_rotated(one: &Reduced, other: &Reduced, matches: &[(usize, usize)]) -> bool {
    let mut its: Vec<(usize, usize)> = matches.to_vec();
    its.sort_unstable();
    let all = its.len() == one.terms.len() && its.len() == other.terms.len();
    let Some(start) = its.iter().position(|(_, place)| *place == 0).filter(|_| all) else {
        return false;
    };
    let rotated = (0..its.len()).all(|at| its[(start + at) % its.len()].1 == at);
    let led_in = |(a, b): (usize, usize)| {
        let intro = &one.terms[a].intro;
        !intro.is_empty() && *intro == other.terms[b].intro
    };
    rotated && (led_in(its[start]) || led_in(its[0]))
}

/// What sort of part a term is, for its freedom to stand elsewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Being,
    Named(What),
    Other,
    Fixed,
    Quantity,
    Age,
    Rate,
}

fn sort(term: &Term) -> Sort {
    match term.kind {
        PartKind::Age => Sort::Age,
        PartKind::Quantity => Sort::Quantity,
        PartKind::Rate => Sort::Rate,
        PartKind::Number => Sort::Fixed,
        _ if term.class.is_being() => Sort::Being,
        _ => match term.class {
            Class::Named(what) => Sort::Named(what),
            Class::Being | Class::Other => Sort::Other,
        },
    }
}

/// Two words may change places if they are of different sorts and no other word of these sorts is
/// there with which they could be confused; plain verbs may always.
fn may_change_places(a: &Term, b: &Term, question: &Reduced) -> bool {
    let count = |wanted: Sort| question.terms.iter().filter(|term| sort(term) == wanted).count();
    let (x, y) = (sort(a), sort(b));
    if x == Sort::Fixed || y == Sort::Fixed {
        return false;
    }
    if a.movable || b.movable {
        return true;
    }
    if x == y {
        return false;
    }
    let single = |sort: Sort| sort == Sort::Other || count(sort) == 1;
    let direction = Sort::Named(What::IncreaseDecrease);
    let thing = |term: &&Term| {
        !term.movable && matches!(sort(term), Sort::Other | Sort::Named(What::Disease))
    };
    let things = question.terms.iter().filter(thing).count();
    let near_number = |sort: Sort| matches!(sort, Sort::Quantity | Sort::Rate);
    let fits = |sort: Sort, with: Sort| match sort {
        Sort::Quantity => with == Sort::Being,
        Sort::Rate => !near_number(with),
        Sort::Age => count(Sort::Being) <= 1,
        _ if sort == direction => things <= 1,
        _ => true,
    };
    single(x) && single(y) && fits(x, y) && fits(y, x)
}
