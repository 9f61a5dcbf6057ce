//! The place and its box: the knowledge, the settings, the clock, the log.

use answer::desk::Clock;
use answer::limits::REVIEW_FIELD_CHARS_MAX;
use answer::review::{AuditLine, Pack, Page, Site, StickFile};
use maud::{Markup, html};

use super::super::{clock as time_of, dated, roles};
use super::{Frame, turns, word};

/// The knowledge on the box, and what could be read in from a stick.
pub(crate) fn packs(
    frame: &Frame<'_>,
    packs: &[Pack],
    files: &[StickFile],
    note: Option<&str>,
    problem: Option<&str>,
) -> Markup {
    let words = frame.words();
    let main = html! {
        h1 { (words.packs) }
        (word(note, problem))
        @if packs.is_empty() { p { (words.no_packs) } }
        @for one in packs { (pack(frame, one)) }
        a.button.second href=(frame.view.link("/review/packs")) { (frame.view.words().look_again) }
        h2 { (words.stick) }
        @if files.is_empty() { p { (words.no_stick) } }
        @for file in files {
            (frame.form("card file", "/review/import", &html! {
                input type="hidden" name="name" value=(file.name);
                p { bdi dir="ltr" { (file.name) } " (" bdi dir="ltr" { (size(file.bytes)) } ")" }
                button { (words.import) }
            }))
        }
    };
    frame.page(words.packs, "/review/packs", &main)
}

fn pack(frame: &Frame<'_>, pack: &Pack) -> Markup {
    let words = frame.words();
    html! {
        div.card {
            h2 dir="auto" { (pack.name) }
            p.quiet { bdi { (pack.revision) } ", " bdi { (pack.language) } ", "
                bdi { (pack.passages) } " " (words.passages) }
            @match &pack.signed_by {
                Some(who) => p { (words.signed_by) " " bdi { (who) } },
                None => p { (words.not_signed) },
            }
            @match (&pack.problem, pack.progress) {
                (Some(problem), _) => {
                    p.mark.alarm { (words.problem) ": " bdi { (problem) } }
                },
                (None, Some(percent)) => {
                    progress max="100" value=(percent.min(100)) {}
                    p.mark.unchecked { ((words.indexing)(percent.min(100))) }
                },
                (None, None) => p.mark.checked { (words.ready) },
            }
        }
    }
}

/// A size that people compare with their stick's.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{} MB", bytes.div_ceil(1_000_000)),
        _ => format!("{} GB", bytes.div_ceil(1_000_000_000)),
    }
}

/// The site's settings.
pub(crate) fn site(
    frame: &Frame<'_>,
    site: &Site,
    note: Option<&str>,
    problem: Option<&str>,
) -> Markup {
    let words = frame.words();
    let field = |name: &str, label: &str, kind: &str, value: &str| {
        html! {
            label for=(name) { (label) }
            input id=(name) name=(name) type=(kind) value=(value) dir="auto" autocomplete="off"
                maxlength=(REVIEW_FIELD_CHARS_MAX);
        }
    };
    let main = html! {
        h1 { (words.site) }
        (word(note, problem))
        @match site.card() {
            Some(card) => {
                p.label { (words.card) }
                p.cited dir="auto" { (card) }
            },
            None => p.mark.unchecked { (words.no_card) },
        }
        (frame.form("", "/review/site", &html! {
            (field("facility", words.facility, "text", &site.facility))
            (field("phone", words.phone, "tel", &site.phone))
            (field("hours", words.hours, "text", &site.hours))
            label for="days" { (words.retention) }
            input #days name="days" type="number" min="0" max=(u32::MAX) required
                inputmode="numeric" value=(site.retention_days);
            p.quiet { (words.retention_hint) }
            div.mark.unchecked {
                label.choice {
                    input type="checkbox" name="without_source" value="1"
                        checked[site.model_without_source];
                    span { (words.without_source) }
                }
                small { (words.without_source_warning) }
            }
            button { (words.store) }
        }))
    };
    frame.page(words.site, "/review/site", &main)
}

/// What the box knows of the time, and the ways to tell it.
pub(crate) fn clock(
    frame: &Frame<'_>,
    clock: Clock,
    note: Option<&str>,
    problem: Option<&str>,
) -> Markup {
    let words = frame.words();
    let main = html! {
        h1 { (words.clock) }
        (word(note, problem))
        @match clock {
            Clock::Set(_) => {
                p.label { (words.clock_is) }
                p.cited { (time_of(frame.view.words(), clock)) }
            },
            Clock::NotSet => p.mark.unchecked { (words.clock_not_set) },
        }
        // A script fills in the telephone's time and shows the form; without one it stays away.
        div #phone hidden {
            (frame.form("", "/review/clock", &html! {
                input #unix_s type="hidden" name="unix_s" value="";
                p.label { (words.clock_phone) }
                p.cited { bdi #phone-time dir="ltr" {} }
                button { (words.clock_use) }
            }))
        }
        h2 { (words.clock_by_hand) }
        (frame.form("", "/review/clock", &html! {
            label for="date" { (words.clock_date) }
            input #date name="date" type="datetime-local" required dir="ltr"
                placeholder="2026-03-31T14:30";
            button.second { (words.store) }
        }))
    };
    frame.page(words.clock, "/review/clock", &main)
}

/// What was done on the box.
pub(crate) fn log(frame: &Frame<'_>, first: usize, lines: &Page<AuditLine>) -> Markup {
    let words = frame.words();
    let plain = frame.view.words();
    let main = html! {
        h1 { (words.log) }
        p.quiet { (words.log_hint) }
        @if lines.items.is_empty() { p { (words.no_log) } }
        ul.log {
            @for line in &lines.items {
                li {
                    b {
                        @if line.who == "box" { (words.the_box) }
                        @else { (roles(plain, &line.who)) }
                    }
                    ": "
                    @match (words.action)(&line.action) {
                        Some(known) => (known),
                        None => bdi { (line.action) },
                    }
                    " " bdi { (line.what) }
                    small { bdi { "#" (line.seq) } ", " (dated(plain, line.on.as_deref())) }
                }
            }
        }
        (turns(frame, "/review/log", first, lines.items.len(), lines.total))
    };
    frame.page(words.log, &format!("/review/log?from={first}"), &main)
}
