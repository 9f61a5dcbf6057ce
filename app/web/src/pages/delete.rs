//! Deleting a question: first a page that asks, then one that says that it is done.

use answer::desk::Ticket;
use maud::{Markup, html};

use super::{Page, View, answer_path, page};

/// Asks whether it is meant.
pub(crate) fn delete(view: View, ticket: &Ticket) -> Markup {
    let words = view.words();
    let answer = answer_path(ticket.code.as_str());
    let path = format!("{answer}/delete");
    let main = html! {
        h1 { (words.delete_title) }
        blockquote dir="auto" lang=(ticket.language) { (ticket.question) }
        p { (words.delete_text) }
        form action=(view.link(&path)) method="post" {
            button.grave { (words.delete_button) }
        }
        a.button.second href=(view.link(&answer)) { (words.delete_back) }
    };
    page(view, Page { title: words.delete_title, path: &path, head: None, main })
}

/// It is done.
pub(crate) fn deleted(view: View) -> Markup {
    let words = view.words();
    let main = html! {
        h1 { (words.done) }
        p.mark.checked role="status" { (words.deleted) }
        a.button href=(view.link("/")) { (words.ask_another) }
    };
    page(view, Page { title: words.done, path: "/deleted", head: None, main })
}
