//! The page of an answer code: waiting, being written, answered, or given up on.

use answer::desk::{Answer, Origin, Source, Stage, Ticket};
use maud::{Markup, html};

use super::{Page, View, answer_path, page};
use crate::limits::REFRESH_S;
use crate::words::Words;

/// The small page inside the redirect after a question: for programs that do not follow it, and
/// for people whose phone leaves the Wi-Fi at that moment.
pub(crate) fn accepted(view: View, code: &str) -> Markup {
    let words = view.words();
    let path = answer_path(code);
    let main = html! {
        h1 { (words.accepted) }
        (code_card(words, code))
        a.button href=(view.link(&path)) { (words.code_button) }
    };
    page(view, Page { title: words.accepted, path: &path, head: None, main })
}

/// The page of a question, whatever its stage.
pub(crate) fn ticket(view: View, ticket: &Ticket) -> Markup {
    match &ticket.stage {
        Stage::Done(answer) => done(view, ticket, answer),
        Stage::Failed { reason } => failed(view, ticket, reason),
        Stage::Writing { so_far } => pending(view, ticket, None, so_far),
        Stage::Waiting { ahead } => pending(view, ticket, Some(*ahead), ""),
        // A stage that this version does not know: the page looks again.
        _ => pending(view, ticket, None, ""),
    }
}

fn pending(view: View, ticket: &Ticket, ahead: Option<usize>, so_far: &str) -> Markup {
    let words = view.words();
    let code = ticket.code.as_str();
    let path = answer_path(code);
    let state = ahead.map_or_else(|| words.writing.to_owned(), words.ahead);
    let main = html! {
        (question(words, ticket))
        h1 { (words.waiting_title) }
        div.card #stage data-stream=(view.link(&format!("{path}/stream")))
            data-refresh=(REFRESH_S) data-writing=(words.writing)
            data-notice=(words.writing_notice) {
            p.state #state role="status" { (state) }
            p.mark.unchecked #notice hidden[so_far.is_empty()] {
                // Text browsers do not know `hidden`, so there is nothing to hide.
                @if !so_far.is_empty() { (words.writing_notice) }
            }
            p.text #text dir="auto" lang=(ticket.language) { (so_far) }
        }
        (code_card(words, code))
        noscript { p.quiet { (words.looks_by_itself) } }
        a.button.second href=(view.link(&path)) { (words.look_again) }
    };
    // Where scripts run, the stream does this. A page that refreshed itself under a stream would
    // cut it off.
    let refresh = html! {
        noscript { meta http-equiv="refresh" content=(REFRESH_S); }
    };
    page(view, Page { title: words.waiting_title, path: &path, head: Some(refresh), main })
}

fn done(view: View, ticket: &Ticket, answer: &Answer) -> Markup {
    let words = view.words();
    let main = html! {
        (question(words, ticket))
        h1 { (words.answer_title) }
        article.card {
            @if answer.danger { p.mark.alarm role="alert" { (words.danger) } }
            (standing(words, answer))
            p.text dir="auto" lang=(ticket.language) { (answer.text) }
            @if let Some(model) = &answer.model {
                p.quiet { (words.model) ": " bdi { (model) } }
            }
        }
        @if !answer.sources.is_empty() {
            h2 { (words.sources) }
            @let open = answer.notice.is_some();
            @for item in &answer.sources { (source(words, item, &ticket.language, open)) }
        }
        a.button href=(view.link("/")) { (words.ask_another) }
        (kept_under(words, ticket))
    };
    let path = answer_path(ticket.code.as_str());
    page(view, Page { title: words.answer_title, path: &path, head: None, main })
}

fn failed(view: View, ticket: &Ticket, reason: &str) -> Markup {
    let words = view.words();
    let main = html! {
        (question(words, ticket))
        h1 { (words.failed_title) }
        p.mark.unchecked dir="auto" { (reason) }
        a.button href=(view.link("/")) { (words.ask_another) }
        (kept_under(words, ticket))
    };
    let path = answer_path(ticket.code.as_str());
    page(view, Page { title: words.failed_title, path: &path, head: None, main })
}

fn question(words: &Words, ticket: &Ticket) -> Markup {
    html! {
        p.label { (words.your_question) }
        blockquote dir="auto" lang=(ticket.language) { (ticket.question) }
    }
}

/// Who stands behind the answer, with the box's own warning in the same block: a warning elsewhere
/// is scrolled past.
fn standing(words: &Words, answer: &Answer) -> Markup {
    let by_model = answer.model.is_some();
    let (class, lines) = match answer.origin {
        Origin::Checked => ("mark checked", vec![words.origin_checked]),
        Origin::Cache if by_model => {
            ("mark unchecked", vec![words.origin_model, words.origin_before])
        }
        Origin::Cache if answer.sources.is_empty() => {
            ("mark", vec![words.origin_none, words.origin_before])
        }
        Origin::Cache => ("mark unchecked", vec![words.origin_library, words.origin_before]),
        Origin::Floor => ("mark alarm", vec![words.origin_floor]),
        Origin::None => ("mark", vec![words.origin_none]),
        // The model's, and whatever a later version adds: not checked until we know better.
        _ => ("mark unchecked", vec![words.origin_model]),
    };
    html! {
        div class=(class) {
            (lines[0])
            @for line in &lines[1..] { small { (line) } }
            @if let Some(notice) = &answer.notice { small dir="auto" { (notice) } }
        }
    }
}

/// A passage, folded; open where the model is a demonstration, which may leave out a danger sign
/// that the passage names.
fn source(words: &Words, source: &Source, language: &str, open: bool) -> Markup {
    let standing = if source.reviewed { words.source_reviewed } else { words.source_unreviewed };
    html! {
        details open[open] {
            summary {
                bdi lang=(language) { (source.title) }
                small { (standing) }
            }
            p.passage dir="auto" lang=(language) { (source.passage) }
        }
    }
}

fn code_card(words: &Words, code: &str) -> Markup {
    html! {
        div.card.code {
            p.label { (words.your_code) }
            strong dir="ltr" { (code) }
            p.quiet { (words.code_keeps) }
        }
    }
}

fn kept_under(words: &Words, ticket: &Ticket) -> Markup {
    html! {
        p.quiet { (words.your_code) ": " b dir="ltr" { (ticket.code.as_str()) } }
    }
}
