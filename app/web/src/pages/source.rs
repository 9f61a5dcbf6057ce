//! A passage where it stands: what an answer rests on, for who wants to see it.

use answer::desk::{AnswerCode, SourcePage};
use maud::{Markup, html};

use super::{Page, View, answer_path, checked_by, page};

/// The passage at a place. `from` is the answer that the person came from.
pub(crate) fn source(
    view: View,
    place: i64,
    source: &SourcePage,
    from: Option<&AnswerCode>,
) -> Markup {
    let words = view.words();
    let path_of = |place: i64| match from {
        Some(code) => format!("/s/{place}?a={}", code.as_str()),
        None => format!("/s/{place}"),
    };
    let main = html! {
        p.label { (words.source_title) }
        h1 dir="auto" { (source.title) }
        @match &source.check {
            Some(check) => div.mark.checked { (checked_by(words, check)) },
            None => div.mark.unchecked { (words.source_unreviewed) },
        }
        dl {
            @if let Some(section) = &source.section {
                dt { (words.section) } dd dir="auto" { (section) }
            }
            @if let Some(published) = &source.published {
                dt { (words.publisher) } dd dir="auto" { (published) }
            }
            @if !source.licence.is_empty() {
                dt { (words.licence) } dd dir="auto" { (source.licence) }
            }
        }
        @if !source.before.is_empty() { p.around dir="auto" { "… " (source.before) } }
        p.label { (words.cited) }
        p.cited dir="auto" { (source.text) }
        @if !source.after.is_empty() { p.around dir="auto" { (source.after) " …" } }
        @if source.previous.is_some() || source.next.is_some() {
            div.pair {
                @if let Some(place) = source.previous {
                    a.button.second href=(view.link(&path_of(place))) { (words.previous) }
                }
                @if let Some(place) = source.next {
                    a.button.second href=(view.link(&path_of(place))) { (words.next) }
                }
            }
        }
        @if let Some(code) = from {
            a.button href=(view.link(&answer_path(code.as_str()))) { (words.back_to_answer) }
        }
    };
    page(view, Page { title: &source.title, path: &path_of(place), head: None, main })
}
