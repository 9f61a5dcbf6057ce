//! What is reviewed: the lists, and one item by itself.

use answer::desk::{Origin, Source};
use answer::limits::{REVIEW_FIELD_CHARS_MAX, REVIEW_TEXT_CHARS_MAX};
use answer::review::{Item, List, Page, State, Target};
use maud::{Markup, html};

use super::super::{dated, roles};
use super::{Frame, tab_name, tabs, turns, word};
use crate::route::list_name;
use crate::words::ReviewWords;

/// A part of a list, as it is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed<'a> {
    pub(crate) list: List,
    pub(crate) first: usize,
    pub(crate) items: &'a Page<Item>,
    /// Number of the reviewer who looks at it.
    pub(crate) reviewer: i64,
    /// What was done just now.
    pub(crate) note: Option<&'a str>,
}

/// One item, as it is shown.
#[derive(Debug, Clone)]
pub(crate) struct Opened<'a> {
    pub(crate) item: &'a Item,
    /// Where the reviewer came from.
    pub(crate) list: List,
    pub(crate) reviewer: i64,
    /// Why a decision was not taken.
    pub(crate) problem: Option<&'a str>,
    /// Answer and SMS text that she had written.
    pub(crate) typed: Option<(String, String)>,
}

/// A part of a list. What is right is approved with one tap.
pub(crate) fn list(frame: &Frame<'_>, shown: &Listed<'_>) -> Markup {
    let words = frame.words();
    let name = list_name(shown.list);
    let base = format!("/review/list/{name}");
    let main = html! {
        (tabs(frame, name))
        h1 { (tab_name(words, name)) }
        (word(shown.note, None))
        @if shown.items.items.is_empty() { p { (words.nothing) } }
        @for item in &shown.items.items { (card(frame, shown, name, item)) }
        (turns(frame, &base, shown.first, shown.items.items.len(), shown.items.total))
    };
    frame.page(tab_name(words, name), &format!("{base}?from={}", shown.first), &main)
}

fn card(frame: &Frame<'_>, shown: &Listed<'_>, list: &str, item: &Item) -> Markup {
    let words = frame.words();
    let path = format!("/review/item/{}", item.target);
    let open = |part: &str| format!("{}{part}", frame.view.link(&format!("{path}?list={list}")));
    html! {
        article.card.item {
            (facts(frame, item, shown.reviewer))
            @if may_approve(item, shown.reviewer) {
                (frame.form("", &path, &html! {
                    (hidden(item, list, shown.first))
                    button name="do" value="approve" { (approve_label(words, item)) }
                }))
            }
            div.pair {
                @if matches!(item.state, State::Withdrawn { .. }) {
                    a.button.second href=(open("#reopen")) { (words.reopen) }
                } @else {
                    a.button.second href=(open("#edit")) {
                        (if item.answer.is_some() { words.edit } else { words.write })
                    }
                    @if item.answer.is_some() {
                        a.button.second href=(open("#withdraw")) { (words.withdraw) }
                    }
                }
            }
        }
    }
}

/// What decides about an item: warnings first, then the words, then where they come from.
fn facts(frame: &Frame<'_>, item: &Item, reviewer: i64) -> Markup {
    let words = frame.words();
    html! {
        p.tags {
            @if let Some(rule) = &item.danger {
                b.tag.alarm { (words.danger) ": " bdi { (rule) } } " "
            }
            @if item.has_dose { b.tag.unchecked { (words.dose) } " " }
            @if item.weak { b.tag.unchecked { (words.weak) } " " }
            @if item.not_helpful > 0 {
                b.tag.unchecked { ((words.did_not_help)(item.not_helpful)) } " "
            }
            @if item.asked > 0 { span.tag { ((words.asked)(item.asked)) } " " }
            @match (item.target, item.origin) {
                (Target::Entry(_), _) => span.tag { (words.from_library) },
                (_, Origin::Model) => span.tag { (words.by_model) },
                // Kept from either: who wrote it stands with the sources.
                _ => {},
            }
        }
        h2 dir="auto" lang=(item.language) { (item.question) }
        @match &item.answer {
            Some(answer) => p.text dir="auto" lang=(item.language) { (answer) },
            None => p.quiet { (words.no_answer) },
        }
        @if let Some(sms) = &item.sms {
            p.label { (words.sms) }
            p.around dir="auto" lang=(item.language) { (sms) }
        }
        (state(frame, item, reviewer))
        @for source in &item.sources { (source_of(frame, item, source)) }
    }
}

fn source_of(frame: &Frame<'_>, item: &Item, source: &Source) -> Markup {
    let words = frame.view.words();
    let standing = if source.reviewed { words.source_reviewed } else { words.source_unreviewed };
    html! {
        details {
            summary { bdi lang=(item.language) { (source.title) } small { (standing) } }
            p.passage dir="auto" lang=(item.language) { (source.passage) }
            @if let Some(place) = source.place {
                a.way href=(frame.view.link(&format!("/s/{place}"))) { (words.source_open) }
            }
        }
    }
}

fn state(frame: &Frame<'_>, item: &Item, reviewer: i64) -> Markup {
    let words = frame.words();
    let plain = frame.view.words();
    html! {
        @match &item.state {
            State::Open => {},
            State::NeedsSecond { reviewer: first, .. } if *first == reviewer => {
                p.mark.unchecked { (words.second_other) }
            },
            State::NeedsSecond { role, .. } => {
                p.mark.unchecked { (words.second_missing) " " (roles(plain, role)) }
            },
            State::Approved { role, on } => {
                p.mark.checked {
                    (words.approved_by) " " (roles(plain, role))
                    small { (dated(plain, on.as_deref())) }
                }
            },
            State::Withdrawn { role, on, reason } => {
                p.mark.alarm {
                    (words.withdrawn_by) " " (roles(plain, role))
                    small { (dated(plain, on.as_deref())) }
                    small dir="auto" { (reason) }
                }
            },
        }
    }
}

/// True if this reviewer may say that the text is right as it stands.
fn may_approve(item: &Item, reviewer: i64) -> bool {
    let undecided = match &item.state {
        State::Open => true,
        State::NeedsSecond { reviewer: first, .. } => *first != reviewer,
        State::Approved { .. } | State::Withdrawn { .. } => false,
    };
    undecided && item.answer.is_some()
}

fn approve_label(words: &ReviewWords, item: &Item) -> &'static str {
    let second = matches!(item.state, State::NeedsSecond { .. });
    if second { words.approve_second } else { words.approve }
}

/// What every decision carries: which text was read, and where to go on.
fn hidden(item: &Item, list: &str, from: usize) -> Markup {
    html! {
        input type="hidden" name="version" value=(item.version);
        input type="hidden" name="list" value=(list);
        input type="hidden" name="from" value=(from);
    }
}

/// One item, with all that can be decided about it.
pub(crate) fn item(frame: &Frame<'_>, shown: &Opened<'_>) -> Markup {
    let words = frame.words();
    let item = shown.item;
    let path = format!("/review/item/{}", item.target);
    let list = list_name(shown.list);
    let back = frame.view.link(&format!("/review/list/{list}"));
    let decided = matches!(item.state, State::Approved { .. } | State::Withdrawn { .. });
    let withdrawn = matches!(item.state, State::Withdrawn { .. });
    let main = html! {
        h1 { (words.item_title) }
        (word(None, shown.problem))
        div.card.item { (facts(frame, item, shown.reviewer)) }
        @if may_approve(item, shown.reviewer) {
            (frame.form("", &path, &html! {
                (hidden(item, list, 0))
                button name="do" value="approve" { (approve_label(words, item)) }
            }))
        }
        @if !withdrawn { (edit(frame, shown, &path, list)) }
        @if item.answer.is_some() && !withdrawn {
            h2 #withdraw { (words.withdraw) }
            p.quiet { (words.withdraw_hint) }
            (frame.form("", &path, &html! {
                (hidden(item, list, 0))
                label for="reason" { (words.reason) }
                input #reason name="reason" required dir="auto" autocomplete="off"
                    maxlength=(REVIEW_FIELD_CHARS_MAX);
                button.grave name="do" value="withdraw" { (words.withdraw) }
            }))
        }
        @if decided {
            h2 #reopen { (words.reopen) }
            p.quiet { (words.reopen_hint) }
            (frame.form("", &path, &html! {
                (hidden(item, list, 0))
                button.second name="do" value="reopen" { (words.reopen) }
            }))
        }
        a.button.second href=(back) { (words.back) }
    };
    frame.page(words.item_title, &format!("{path}?list={list}"), &main)
}

fn edit(frame: &Frame<'_>, shown: &Opened<'_>, path: &str, list: &str) -> Markup {
    let words = frame.words();
    let item = shown.item;
    let (text, sms) = match &shown.typed {
        Some((text, sms)) => (text.as_str(), sms.as_str()),
        None => {
            (item.answer.as_deref().unwrap_or_default(), item.sms.as_deref().unwrap_or_default())
        }
    };
    let title = if item.answer.is_some() { words.edit } else { words.write };
    html! {
        h2 #edit { (title) }
        (frame.form("", path, &html! {
            (hidden(item, list, 0))
            label for="text" { (words.answer) }
            // The first line break inside a text area is dropped by browsers, so one is given away.
            textarea #text name="text" rows="8" required dir="auto" lang=(item.language)
                maxlength=(REVIEW_TEXT_CHARS_MAX) { "\n" (text) }
            label for="sms" { (words.sms) }
            textarea.small #sms name="sms" rows="3" dir="auto" lang=(item.language) { "\n" (sms) }
            p.quiet { (words.sms_hint) }
            p.quiet { (words.dose_hint) }
            button name="do" value="edit" { (words.save) }
        }))
    }
}
