//! A thread that answers: takes questions from the journal in order, for ever. There are a few.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use answer::desk::{Progress, Stage};
use answer::ports::{Job, Journal, Kept, LanguageModel, Library, StorageError, Which};

use crate::answerer::{Answerer, Outcome};
use crate::asking::Settings;
use crate::limits::{JOURNAL_LOOK, STORAGE_PAUSE};
use crate::live::{self, Live};
use crate::stop::Stop;

/// Answers until asked to stop. A journal that cannot be written is tried again and again: the
/// disk may get room, and meanwhile everything accepted stays where it is.
pub(crate) fn run<S: Journal + Library + Kept + Settings, M: LanguageModel>(
    answerer: &mut Answerer<S, M>,
    live: &Arc<Live>,
    stop: &Stop,
) {
    let mut seen = 0;
    while !stop.is_asked() {
        match step(answerer, live) {
            Ok(true) => live.storage_tried(Ok(())),
            Ok(false) => seen = live.wait(seen, JOURNAL_LOOK),
            Err(error) => {
                tracing::error!("the journal cannot be used: {error}");
                live.storage_tried(Err(&error));
                pause(stop, STORAGE_PAUSE);
            }
        }
    }
}

/// Answers one question; false if there was none.
fn step<S: Journal + Library + Kept + Settings, M: LanguageModel>(
    answerer: &mut Answerer<S, M>,
    live: &Arc<Live>,
) -> Result<bool, StorageError> {
    let Some(job) = answerer.store.take(Which::Next)? else { return Ok(false) };
    let begun = live.begin(&job);
    tell_places(&answerer.store, live);
    let mut on_text = |piece: &str| {
        live.text(job.seq, piece);
        ControlFlow::Continue(())
    };
    let outcome = match answerer.answer(&job, begun, &mut on_text) {
        Ok(outcome) => outcome,
        Err(error) => {
            live.end(job.seq, None);
            put_back(answerer, &job);
            return Err(error);
        }
    };
    let last = match &outcome {
        Outcome::Done(answer) => {
            let milliseconds = answer.milliseconds;
            tracing::info!(question = job.seq, origin = answer.origin.as_str(), milliseconds);
            Some(live::done(answer))
        }
        Outcome::Failed(reason) => Some(Progress::Failed(reason.clone())),
        Outcome::Interrupted => None,
    };
    live.end(job.seq, last.as_ref());
    tell_places(&answerer.store, live);
    Ok(true)
}

/// Puts a question back whose answer could not be kept. If that cannot be written either, the next
/// start does it.
fn put_back<S: Journal + Library + Kept + Settings, M: LanguageModel>(
    answerer: &mut Answerer<S, M>,
    job: &Job,
) {
    if let Err(error) = answerer.store.release(job) {
        tracing::warn!(question = job.seq, "waits for the next start: {error}");
    }
}

fn tell_places<S: Journal>(store: &S, live: &Live) {
    live.tell_places(|code| match store.find(code).ok()??.ticket.stage {
        Stage::Waiting { ahead, .. } => Some(ahead),
        _ => None,
    });
}

/// Sleeps, but not through a stop.
fn pause(stop: &Stop, time: Duration) {
    const NAP: Duration = Duration::from_millis(50);
    let mut left = time;
    while !left.is_zero() && !stop.is_asked() {
        std::thread::sleep(NAP.min(left));
        left = left.saturating_sub(NAP);
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
