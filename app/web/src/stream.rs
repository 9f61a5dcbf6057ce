//! An answer as it is written: server-sent events (WHATWG HTML, 9.2).
//!
//! | event | data | meaning |
//! |---|---|---|
//! | `floor` | see [`floor_json`] | comes first, and must be shown first |
//! | `ahead` | `{"ahead","message","wait"}` | questions before this one; the same in sentences |
//! | `text` | `{"text"}` | append this; a new connection starts from nothing |
//! | `done` | the answer, see [`answer_json`] | replaces everything before |
//! | `failed` | `{"reason"}` | given up on |
//!
//! The stream ends after `done` and `failed`. If it ends without either, the box is stopping or the
//! stream's time is up, and the browser connects again by itself.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use answer::desk::{Answer, Floor, Progress};
use serde_json::{Value, json};

use crate::app::Following;
use crate::limits::{STREAM_RETRY_MS, STREAM_SILENCE_MAX, STREAM_TICK};
use crate::reply;

/// Sends events until the answer is finished, the time is up, the box stops or the reader is gone.
///
/// # Errors
/// If the reader is gone.
pub(crate) fn serve(
    mut out: impl Write,
    following: &Following,
    time_max: Duration,
    stopping: &AtomicBool,
) -> io::Result<()> {
    let started = Instant::now();
    let mut spoke = started;
    out.write_all(&reply::stream_head())?;
    out.write_all(format!("retry: {STREAM_RETRY_MS}\n\n").as_bytes())?;
    if let Some(floor) = &following.floor {
        out.write_all(format!("event: floor\ndata: {}\n\n", floor_json(floor)).as_bytes())?;
    }
    out.flush()?;
    while started.elapsed() < time_max && !stopping.load(Ordering::SeqCst) {
        match following.progress.recv_timeout(STREAM_TICK) {
            Ok(progress) => {
                let (name, data, last) = event(following, progress);
                out.write_all(format!("event: {name}\ndata: {data}\n\n").as_bytes())?;
                out.flush()?;
                if last {
                    break;
                }
                spoke = Instant::now();
            }
            Err(RecvTimeoutError::Timeout) if spoke.elapsed() >= STREAM_SILENCE_MAX => {
                out.write_all(b":\n\n")?;
                out.flush()?;
                spoke = Instant::now();
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Ok(())
}

/// An event's name and data, and whether it is the last. JSON keeps line breaks escaped, so the
/// data is always one line.
fn event(following: &Following, progress: Progress) -> (&'static str, Value, bool) {
    match progress {
        Progress::Ahead(ahead) => {
            let words = following.view.words();
            let wait = (following.wait_s)().map(words.wait);
            let message = (words.ahead)(ahead);
            ("ahead", json!({"ahead": ahead, "message": message, "wait": wait}), false)
        }
        Progress::Text(text) => ("text", json!({"text": text}), false),
        Progress::Done(answer) => ("done", answer_json(&answer), true),
        Progress::Failed(reason) => ("failed", json!({"reason": reason}), true),
        // Something that this version has no event for: nothing a reader would miss.
        _ => ("text", json!({"text": ""}), false),
    }
}

/// An answer for programs, with the names that `baraza ask --json` uses.
fn answer_json(answer: &Answer) -> Value {
    let sources: Vec<Value> = answer
        .sources
        .iter()
        .map(|source| json!({"id": source.id, "title": source.title, "reviewed": source.reviewed}))
        .collect();
    json!({
        "answer": answer.text,
        "origin": answer.origin.as_str(),
        "sources": sources,
        "danger": answer.danger,
        "floor": answer.floor.as_ref().map(floor_json),
        "checked_by": answer.check.as_ref().map(|check| &check.role),
        "checked_on": answer.check.as_ref().and_then(|check| check.on.as_ref()),
        "topics": answer.topics.iter().map(|topic| &topic.question).collect::<Vec<_>>(),
        "weak": answer.weak,
        "model": answer.model,
        "notice": answer.notice,
        "milliseconds": answer.milliseconds,
    })
}

/// What must be shown first, for programs.
fn floor_json(floor: &Floor) -> Value {
    json!({
        "rule": floor.rule,
        "text": floor.text,
        "language": floor.language,
        "source": floor.source,
        "reviewed": floor.reviewed,
    })
}
