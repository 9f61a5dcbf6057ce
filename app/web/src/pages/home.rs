//! The first page: one question.

use maud::{Markup, html};

use super::{Page, View, page};

/// The first page.
pub(crate) fn home(view: View) -> Markup {
    let words = view.words();
    let main = html! {
        h1 { (words.ask_title) }
        (ask_form(view, ""))
        details {
            summary { (words.have_code) }
            (code_form(view))
        }
        a.way href=(view.link("/status")) { (words.status_title) }
    };
    page(view, Page { title: words.ask_title, path: "/", head: None, main })
}

/// The form with the question box, which may hold a question that was not accepted.
pub(super) fn ask_form(view: View, question: &str) -> Markup {
    let words = view.words();
    html! {
        form #ask action=(view.link("/ask")) method="post" accept-charset="utf-8" {
            label for="question" { (words.ask_label) }
            // The first line break inside a text area is dropped by browsers, so one is given away.
            textarea #question name="question" rows="4" required dir="auto" autocomplete="off"
                aria-describedby="hint" { "\n" (question) }
            p.quiet #hint { (words.ask_hint) }
            button { (words.ask_button) }
            p.quiet { (words.private) }
        }
    }
}

/// The form for an answer code that somebody kept.
pub(super) fn code_form(view: View) -> Markup {
    let words = view.words();
    html! {
        form action="/a" {
            @if view.chosen { input type="hidden" name="lang" value=(view.language.tag()); }
            label for="code" { (words.code_label) }
            input #code name="code" required autocomplete="off" autocapitalize="characters"
                spellcheck="false" dir="ltr";
            button.second { (words.code_button) }
        }
    }
}
