//! Pages for what went wrong: a sentence that says what to do, and a way on.

use maud::{Markup, html};

use super::home::{ask_form, code_form};
use super::{Page, View, page};
use crate::trouble::Trouble;

/// A page with the sentence and a way to the first page.
pub(crate) fn trouble(view: View, trouble: &Trouble) -> Markup {
    let words = view.words();
    let main = html! {
        h1 { (words.trouble_title) }
        p.mark.unchecked role="alert" { (trouble.sentence(words)) }
        @if *trouble == Trouble::NoSuchCode { (code_form(view)) }
        a.button href=(view.link("/")) { (words.first_page) }
    };
    page(view, Page { title: words.trouble_title, path: "/", head: None, main })
}

/// A page with the sentence above the form, which still holds the question.
pub(crate) fn trouble_with_form(view: View, trouble: &Trouble, question: &str) -> Markup {
    let words = view.words();
    let main = html! {
        h1 { (words.ask_title) }
        p.mark.unchecked role="alert" { (trouble.sentence(words)) }
        (ask_form(view, question))
    };
    page(view, Page { title: words.trouble_title, path: "/", head: None, main })
}
