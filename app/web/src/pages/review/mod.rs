//! The pages of the review desk. Plain forms: all of it works without a script, and whatever is
//! done often is one tap.

mod items;
mod place;

use maud::{Markup, html};

pub(crate) use items::{Listed, Opened, item, list};
pub(crate) use place::{clock, log, packs, site};

use super::{Page, View, page, roles};
use crate::assets::{REVIEW_SCRIPT, REVIEW_STYLE};
use crate::cookie::Token;
use crate::limits::PIN_BYTES_MAX;
use crate::route::LISTS;
use crate::words::ReviewWords;

/// What the pages of one reviewer share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) view: View,
    pub(crate) role: &'a str,
    /// Stands in every form.
    pub(crate) form_token: Token,
}

impl Frame<'_> {
    fn words(&self) -> &'static ReviewWords {
        self.view.language.review()
    }

    /// A form that changes something, with the token that says that it is ours.
    fn form(&self, class: &str, path: &str, fields: &Markup) -> Markup {
        html! {
            form class=(class) action=(self.view.link(path)) method="post" accept-charset="utf-8" {
                input type="hidden" name="token" value=(self.form_token);
                (fields)
            }
        }
    }

    fn page(&self, title: &str, path: &str, main: &Markup) -> Markup {
        let words = self.words();
        let link = |path: &str| self.view.link(path);
        let main = html! {
            details.menu {
                summary { (words.menu) }
                p.quiet { (words.you_are) ": " (roles(self.view.words(), self.role)) }
                @for (path, name) in [
                    ("/review", words.title),
                    ("/review/packs", words.packs),
                    ("/review/site", words.site),
                    ("/review/clock", words.clock),
                    ("/review/log", words.log),
                    ("/review/export", words.export),
                ] {
                    a href=(link(path)) { (name) }
                    @if path == "/review/export" { p.quiet { (words.export_hint) } }
                }
                (self.form("", "/review/logout", &html! { button.second { (words.log_out) } }))
            }
            (main)
        };
        inside(self.view, title, path, main)
    }
}

fn inside(view: View, title: &str, path: &str, main: Markup) -> Markup {
    let head = html! {
        link rel="stylesheet" href=(REVIEW_STYLE.link());
        script src=(REVIEW_SCRIPT.link()) defer {}
    };
    page(view, Page { title, path, head: Some(head), main })
}

/// The form for the PIN.
pub(crate) fn log_in(view: View, problem: Option<&str>) -> Markup {
    let words = view.language.review();
    let main = html! {
        h1 { (words.title) }
        @if let Some(problem) = problem { p.mark.unchecked role="alert" { (problem) } }
        p { (words.log_in_hint) }
        form action=(view.link("/review/login")) method="post" {
            label for="pin" { (words.pin) }
            input #pin name="pin" type="password" inputmode="numeric" required dir="ltr"
                autocomplete="off" maxlength=(PIN_BYTES_MAX);
            button { (words.log_in) }
        }
    };
    inside(view, words.title, "/review", main)
}

/// How to make the first reviewer. That takes somebody at the box itself: whoever holds the box
/// decides who reviews.
pub(crate) fn set_up(view: View) -> Markup {
    let words = view.language.review();
    let main = html! {
        h1 { (words.title) }
        p.mark.unchecked { (words.set_up) }
        p.command dir="ltr" { code { "baraza reviewer add nurse" } }
        p { (words.set_up_then) }
        a.button.second href=(view.link("/review")) { (view.words().look_again) }
    };
    inside(view, words.title, "/review", main)
}

/// A sentence and the way back.
pub(crate) fn problem(frame: &Frame<'_>, sentence: &str) -> Markup {
    let words = frame.words();
    let main = html! {
        h1 { (frame.view.words().trouble_title) }
        p.mark.unchecked role="alert" dir="auto" { (sentence) }
        a.button href=(frame.view.link("/review")) { (words.back) }
    };
    frame.page(frame.view.words().trouble_title, "/review", &main)
}

/// What was done, or what went wrong, above a page.
fn word(note: Option<&str>, problem: Option<&str>) -> Markup {
    html! {
        @if let Some(note) = note { p.mark.checked role="status" { (note) } }
        @if let Some(problem) = problem { p.mark.unchecked role="alert" dir="auto" { (problem) } }
    }
}

/// Earlier and later parts of a list; `base` is the list's address.
fn turns(frame: &Frame<'_>, base: &str, first: usize, shown: usize, total: usize) -> Markup {
    let words = frame.words();
    let step = answer::limits::REVIEW_PAGE_ITEMS;
    let last = first.saturating_add(shown);
    let part = |from: usize| frame.view.link(&format!("{base}?from={from}"));
    html! {
        @if shown > 0 { p.quiet { bdi { ((words.count)(first.saturating_add(1), last, total)) } } }
        @if first > 0 || last < total {
            div.pair {
                @if first > 0 {
                    a.button.second href=(part(first.saturating_sub(step))) { (words.earlier) }
                }
                @if last < total { a.button.second href=(part(last)) { (words.more) } }
            }
        }
    }
}

/// The name that a list has on its tab.
fn tab_name(words: &ReviewWords, name: &str) -> &'static str {
    match name {
        "second" => words.needs_second,
        "unanswered" => words.unanswered,
        "entries" => words.entries,
        "decided" => words.decided,
        _ => words.open,
    }
}

fn tabs(frame: &Frame<'_>, current: &str) -> Markup {
    html! {
        nav.tabs {
            @for (name, _) in LISTS {
                @let label = tab_name(frame.words(), name);
                @if name == current {
                    b aria-current="page" { (label) }
                } @else {
                    a href=(frame.view.link(&format!("/review/list/{name}"))) { (label) }
                }
                " "
            }
        }
    }
}
