//! The page of an answer code: waiting, being written, answered, or given up on. Whatever the
//! stage, the text of the danger floor comes first.

use answer::desk::{Answer, Floor, Origin, Source, Stage, Ticket, Topic};
use maud::{Markup, html};

use super::number::with_numbers;
use super::{Page, View, answer_path, checked_by, page};
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

/// The page of a question, whatever its stage. `stuck`: there is no model that could answer it.
/// `said`: the person has just said whether the answer helped.
pub(crate) fn ticket(view: View, ticket: &Ticket, stuck: bool, said: bool) -> Markup {
    match &ticket.stage {
        Stage::Done(answer) => done(view, ticket, answer, said),
        Stage::Failed { reason } => failed(view, ticket, reason),
        Stage::Writing { so_far } => pending(view, ticket, None, so_far),
        Stage::Waiting { ahead, wait_s } => {
            let words = view.words();
            let wait = match wait_s {
                Some(seconds) => (words.wait)(*seconds),
                None if stuck => words.no_model.to_owned(),
                None => String::new(),
            };
            pending(view, ticket, Some((*ahead, wait)), "")
        }
        // A stage that this version does not know: the page looks again.
        _ => pending(view, ticket, None, ""),
    }
}

fn pending(view: View, ticket: &Ticket, waiting: Option<(usize, String)>, so_far: &str) -> Markup {
    let words = view.words();
    let code = ticket.code.as_str();
    let path = answer_path(code);
    let (state, wait) = waiting.map_or_else(
        || (words.writing.to_owned(), String::new()),
        |(ahead, wait)| ((words.ahead)(ahead), wait),
    );
    let main = html! {
        @if let Some(floor) = &ticket.floor { (danger(words, floor)) }
        (question(words, ticket))
        h1 { (words.waiting_title) }
        div.card #stage data-stream=(view.link(&format!("{path}/stream")))
            data-refresh=(REFRESH_S) data-writing=(words.writing)
            data-notice=(words.writing_notice) {
            p.state #state role="status" { (state) }
            p #wait hidden[wait.is_empty()] { (wait) }
            p.mark.unchecked #notice hidden[so_far.is_empty()] {
                // Text browsers do not know `hidden`, so there is nothing to hide.
                @if !so_far.is_empty() { (words.writing_notice) }
            }
            p.text #text dir="auto" lang=(ticket.language) { (so_far) }
        }
        (code_card(words, code))
        noscript { p.quiet { (words.looks_by_itself) } }
        a.button.second href=(view.link(&path)) { (words.look_again) }
        (delete_link(view, code))
    };
    // Where scripts run, the stream does this. A page that refreshed itself under a stream would
    // cut it off.
    let refresh = html! {
        noscript { meta http-equiv="refresh" content=(REFRESH_S); }
    };
    page(view, Page { title: words.waiting_title, path: &path, head: Some(refresh), main })
}

fn done(view: View, ticket: &Ticket, answer: &Answer, said: bool) -> Markup {
    let words = view.words();
    let code = ticket.code.as_str();
    let floor = answer.floor.as_ref().or(ticket.floor.as_ref());
    let has_text = !answer.text.is_empty();
    let main = html! {
        @if let Some(floor) = floor { (danger(words, floor)) }
        (question(words, ticket))
        @if has_text || floor.is_none() {
            h1 { (words.answer_title) }
            article.card {
                @if answer.danger && floor.is_none() {
                    p.mark.alarm role="alert" { (words.danger) }
                }
                (standing(words, answer))
                p.text dir="auto" lang=(ticket.language) { (answer.text) }
                @if let Some(model) = &answer.model {
                    p.quiet { (words.model) ": " bdi { (model) } }
                }
            }
        } @else {
            // The text above is all there is, and the page still has a heading.
            h1.unseen { (words.answer_title) }
        }
        @if !answer.topics.is_empty() { (topics(view, ticket, &answer.topics)) }
        @if !answer.sources.is_empty() {
            h2 { (words.sources) }
            @let open = answer.notice.is_some();
            @for item in &answer.sources { (source(view, item, ticket, open)) }
        }
        @if has_text || floor.is_some() { (feedback(view, code, said)) }
        a.button href=(view.link("/")) { (words.ask_another) }
        (kept_under(words, ticket))
        (delete_link(view, code))
    };
    let path = answer_path(code);
    page(view, Page { title: words.answer_title, path: &path, head: None, main })
}

fn failed(view: View, ticket: &Ticket, reason: &str) -> Markup {
    let words = view.words();
    let main = html! {
        @if let Some(floor) = &ticket.floor { (danger(words, floor)) }
        (question(words, ticket))
        h1 { (words.failed_title) }
        p.mark.unchecked dir="auto" { (reason) }
        a.button href=(view.link("/")) { (words.ask_another) }
        (kept_under(words, ticket))
        (delete_link(view, ticket.code.as_str()))
    };
    let path = answer_path(ticket.code.as_str());
    page(view, Page { title: words.failed_title, path: &path, head: None, main })
}

/// The danger floor. Whose guidance it is, and that nobody has reviewed it, stands in the same
/// block: a warning elsewhere is scrolled past.
fn danger(words: &Words, floor: &Floor) -> Markup {
    html! {
        section.danger #floor role="alert" {
            h2 { (words.floor_title) }
            p.text dir="auto" lang=(floor.language) { (with_numbers(&floor.text)) }
            @if !floor.source.is_empty() {
                p { (words.floor_source) " " bdi { (floor.source) } }
            }
            @if !floor.reviewed { p { (words.floor_unreviewed) } }
        }
    }
}

fn question(words: &Words, ticket: &Ticket) -> Markup {
    html! {
        p.label { (words.your_question) }
        blockquote dir="auto" lang=(ticket.language) { (ticket.question) }
    }
}

/// Who stands behind the answer, with the box's own warning in the same block.
fn standing(words: &Words, answer: &Answer) -> Markup {
    let sourced = !answer.sources.is_empty();
    // With the floor's text before it, an answer's own origin is told by what came with it.
    let (class, label, before) = match answer.origin {
        _ if answer.check.is_some() => ("mark checked", None, false),
        Origin::Checked => ("mark checked", Some(words.checked), false),
        Origin::None => ("mark", Some(words.origin_none), false),
        origin if answer.model.is_none() && sourced => {
            let reviewed = answer.sources[0].reviewed;
            let label = if reviewed { words.origin_library_reviewed } else { words.origin_library };
            let class = if reviewed { "mark checked" } else { "mark unchecked" };
            (class, Some(label), origin == Origin::Cache)
        }
        origin if answer.model.is_none() && !sourced => {
            ("mark", Some(words.origin_none), origin == Origin::Cache)
        }
        // The model's, and whatever a later version adds: not checked until we know better.
        origin => ("mark unchecked", Some(words.origin_model), origin == Origin::Cache),
    };
    html! {
        div class=(class) {
            @if let Some(label) = label { (label) }
            @else if let Some(check) = &answer.check { (checked_by(words, check)) }
            @if answer.model.is_some() && !sourced { small { (words.origin_none) } }
            @if before { small { (words.origin_before) } }
            @if answer.weak { small { (words.weak) } }
            @if let Some(notice) = &answer.notice { small dir="auto" { (notice) } }
        }
    }
}

/// What the box knows about, each as a button that asks.
fn topics(view: View, ticket: &Ticket, topics: &[Topic]) -> Markup {
    html! {
        p { (view.words().topics) }
        @for topic in topics {
            form action=(view.link("/ask")) method="post" accept-charset="utf-8" {
                input type="hidden" name="question" value=(topic.question);
                input type="hidden" name="language" value=(ticket.language);
                button.second.topic dir="auto" lang=(ticket.language) { (topic.title) }
            }
        }
    }
}

/// A passage, folded; open where the model is a demonstration, which may leave out a danger sign
/// that the passage names.
fn source(view: View, source: &Source, ticket: &Ticket, open: bool) -> Markup {
    let words = view.words();
    let language = &ticket.language;
    let standing = if source.reviewed { words.source_reviewed } else { words.source_unreviewed };
    html! {
        details open[open] {
            summary {
                bdi lang=(language) { (source.title) }
                small { (standing) }
            }
            p.passage dir="auto" lang=(language) { (source.passage) }
            @if let Some(place) = source.place {
                @let path = format!("/s/{place}?a={}", ticket.code.as_str());
                a.way href=(view.link(&path)) { (words.source_open) }
            }
        }
    }
}

fn feedback(view: View, code: &str, said: bool) -> Markup {
    let words = view.words();
    if said {
        return html! { p.mark role="status" { (words.thanks) } };
    }
    let action = view.link(&format!("{}/feedback", answer_path(code)));
    html! {
        form.pair action=(action) method="post" {
            p { (words.helped) }
            button.second name="value" value="helpful" { (words.yes) }
            button.second name="value" value="not-helpful" { (words.no) }
        }
    }
}

fn delete_link(view: View, code: &str) -> Markup {
    let path = format!("{}/delete", answer_path(code));
    html! { a.way href=(view.link(&path)) { (view.words().delete) } }
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
