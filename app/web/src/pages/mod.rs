//! The pages. Text of people and of the model enters only through `maud`'s escaping, and inside
//! elements with `dir="auto"`, since a question may be in another script than the interface.

mod answer;
mod delete;
mod home;
mod number;
pub(crate) mod review;
mod source;
mod status;
mod trouble;

use ::answer::desk::{Check, Clock};
use maud::{DOCTYPE, Markup, html};

pub(crate) use self::answer::{accepted, ticket};
pub(crate) use delete::{delete, deleted};
pub(crate) use home::home;
pub(crate) use source::source;
pub(crate) use status::status;
pub(crate) use trouble::{trouble, trouble_with_form};

use crate::assets::{SCRIPT, STYLE};
use crate::form;
use crate::route::Target;
use crate::time;
use crate::words::{Language, Words};

/// For whom a page is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View {
    /// Language of the interface.
    pub(crate) language: Language,
    /// The person chose it by hand (`?lang=`), so links keep it.
    pub(crate) chosen: bool,
}

impl View {
    /// The language chosen by hand, else the browser's.
    pub(crate) fn new(asked: Option<&str>, accept_language: Option<&str>) -> Self {
        match asked.and_then(Language::from_tag) {
            Some(language) => Self { language, chosen: true },
            None => {
                let language = Language::accepted(accept_language.unwrap_or_default());
                Self { language, chosen: false }
            }
        }
    }

    /// For whoever sent this request.
    pub(crate) fn of(target: &str, accept_language: Option<&str>) -> Self {
        Self::new(Target::parse(target).query.get("lang"), accept_language)
    }

    /// What this page says.
    pub(crate) fn words(self) -> &'static Words {
        self.language.words()
    }

    /// A link on the box that keeps the chosen language.
    pub(crate) fn link(self, path: &str) -> String {
        if self.chosen { self.link_in(path, self.language) } else { path.to_owned() }
    }

    fn link_in(self, path: &str, language: Language) -> String {
        let joint = if path.contains('?') { '&' } else { '?' };
        format!("{path}{joint}lang={}", language.tag())
    }
}

/// The address of an answer, safe in a link and in a header whatever the code holds.
pub(crate) fn answer_path(code: &str) -> String {
    format!("/a/{}", form::encode(code))
}

/// The page inside a redirect, for programs that do not follow it.
pub(crate) fn elsewhere(view: View, link: &str) -> Markup {
    let words = view.words();
    let main = html! {
        h1 { (words.done) }
        a.button href=(link) { (words.go_on) }
    };
    page(view, Page { title: words.done, path: "/", head: None, main })
}

/// Who checked something, and when: `Checked by a nurse`, `2026-03-31`.
fn checked_by(words: &Words, check: &Check) -> Markup {
    html! {
        (words.checked_by) " " (roles(words, &check.role))
        small { (dated(words, check.on.as_deref())) }
    }
}

/// Roles in the language of the page, as far as it has a word for them.
fn roles(words: &Words, roles: &str) -> Markup {
    html! {
        @for (at, role) in roles.split(',').map(str::trim).enumerate() {
            @if at > 0 { ", " }
            @match (words.role)(role) {
                Some(known) => (known),
                None => bdi { (role) },
            }
        }
    }
}

/// A date, or a word that the box did not know it.
fn dated(words: &Words, date: Option<&str>) -> Markup {
    html! {
        @match date {
            Some(date) => bdi { (date) },
            None => (words.time_not_set),
        }
    }
}

/// What the box knows of the time.
fn clock(words: &Words, clock: Clock) -> Markup {
    html! {
        @match clock {
            Clock::Set(unix_s) => bdi { (time::minute_of(unix_s)) " UTC" },
            Clock::NotSet => (words.time_not_set),
        }
    }
}

/// What differs between pages.
struct Page<'a> {
    title: &'a str,
    /// Where the same page is found in another language.
    path: &'a str,
    /// Elements of the head besides the usual ones.
    head: Option<Markup>,
    main: Markup,
}

fn page(view: View, page: Page<'_>) -> Markup {
    let words = view.words();
    html! {
        (DOCTYPE)
        html lang=(view.language.tag()) dir=(view.language.direction()) {
            head {
                meta charset="utf-8";
                title { (page.title) " – Baraza" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="format-detection" content="telephone=no";
                link rel="stylesheet" href=(STYLE.link());
                script src=(SCRIPT.link()) defer {}
                @if let Some(head) = page.head { (head) }
            }
            body {
                header {
                    p { a href=(view.link("/")) { "Baraza" } }
                    p { (words.tagline) }
                }
                main { (page.main) }
                footer {
                    p.emergency { (words.emergency) }
                    (languages(view, page.path))
                }
            }
        }
    }
}

fn languages(view: View, path: &str) -> Markup {
    html! {
        nav aria-label=(view.words().languages) {
            @for language in Language::ALL {
                @if language == view.language {
                    b lang=(language.tag()) aria-current="true" { (language.name()) }
                } @else {
                    a href=(view.link_in(path, language)) lang=(language.tag())
                        hreflang=(language.tag()) { (language.name()) }
                }
                " "
            }
        }
    }
}
