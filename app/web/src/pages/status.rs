//! The state of the box, in words.

use answer::desk::Health;
use maud::{Markup, html};

use super::{Page, View, clock, page};

/// The state of the box, for people. What programs read is `GET /healthz`. `has_review`: there is a
/// review desk to go to.
pub(crate) fn status(view: View, health: &Health, has_review: bool) -> Markup {
    let words = view.words();
    let well = health.journal_ok && health.model.is_some() && health.passages > 0;
    let main = html! {
        h1 { (words.status_title) }
        @if well { p.mark.checked { (words.status_well) } }
        @if !health.journal_ok { p.mark.alarm { (words.status_no_journal) } }
        @if health.model.is_none() { p.mark.unchecked { (words.status_no_model) } }
        @if health.passages == 0 { p.mark.unchecked { (words.status_no_knowledge) } }
        dl {
            dt { (words.queue) }
            dd { (health.queued) }
            dt { (words.passages) }
            dd { (health.passages) }
            dt { (words.indexing) }
            dd {
                @match &health.indexing {
                    Some((name, percent)) => bdi { (name) " " bdi { (percent) " %" } },
                    None => (words.indexing_none),
                }
            }
            dt { (words.model) }
            dd {
                @match &health.model {
                    Some(model) => bdi {
                        (model)
                        @if let Some(kernel) = &health.kernel { " (" (kernel) ")" }
                    },
                    None => (words.none),
                }
            }
            dt { (words.encoder) }
            dd { (if health.encoder { words.encoder_on } else { words.encoder_off }) }
            dt { (words.clock) }
            dd { (clock(words, health.clock)) }
        }
        a.button.second href=(view.link("/status")) { (words.look_again) }
        @if has_review { a.way href=(view.link("/review")) { (view.language.review().title) } }
    };
    page(view, Page { title: words.status_title, path: "/status", head: None, main })
}
