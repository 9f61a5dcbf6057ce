//! One question, from the journal and back into it.

use std::ops::ControlFlow;
use std::panic::{self, AssertUnwindSafe};
use std::time::Instant;

use answer::answering::{self, Ground, WritingError};
use answer::desk::Answer;
use answer::ports::{Job, Journal, LanguageModel, Library, Making, StorageError, WritingLimits};
use answer::sentences;

/// Makes the model anew after a fault in it.
pub(crate) type MakeModel<M> = Box<dyn FnMut() -> anyhow::Result<M> + Send>;

/// Answers questions taken from the journal. Only the holder of the answering right has one.
pub(crate) struct Answerer<S, M> {
    pub(crate) store: S,
    /// `None` in no-model mode, and for a moment after a fault.
    model: Option<M>,
    make_model: MakeModel<M>,
    making: Making,
    limits: WritingLimits,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its answer is in the journal.
    Done(Answer),
    /// It was given up on; the reason is in the journal.
    Failed(String),
    /// The box is stopping; it waits again.
    Interrupted,
    /// It needs a model and there is none; it waits again.
    NeedsModel,
}

impl<S: Journal + Library, M: LanguageModel> Answerer<S, M> {
    pub(crate) fn new(
        store: S,
        model: Option<M>,
        make_model: MakeModel<M>,
        making: Making,
        limits: WritingLimits,
    ) -> Self {
        Self { store, model, make_model, making, limits }
    }

    /// Answers a question taken on. `begun` is when it was accepted, as far as this process knows;
    /// `on_text` gets the answer while it is written.
    ///
    /// # Errors
    /// [`StorageError`] if the journal could not be written. The question then still waits for its
    /// answer.
    pub(crate) fn answer(
        &mut self,
        job: &Job,
        begun: Instant,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Outcome, StorageError> {
        // Asked by somebody else in the meantime.
        if let Some(cached) = self.store.cached(job, &self.making)? {
            return self.finish(job, cached, begun);
        }
        let passage = match answering::find_ground(&job.text, &job.language, &self.store)? {
            Ground::Passage(passage) => passage,
            _ => return self.finish(job, answering::no_source(&job.language), begun),
        };
        let Some(model) = self.model.as_mut() else {
            self.store.release(job)?;
            return Ok(Outcome::NeedsModel);
        };
        // The one place where a fault of the model ends: it costs one question, not the box.
        let limits = &self.limits;
        let written = panic::catch_unwind(AssertUnwindSafe(|| {
            answering::write_from(&job.text, &passage, model, limits, on_text)
        }));
        match written {
            Ok(Ok(answer)) => self.finish(job, answer, begun),
            Ok(Err(WritingError::Interrupted)) => {
                self.store.release(job)?;
                Ok(Outcome::Interrupted)
            }
            Ok(Err(error)) => {
                tracing::error!(question = job.seq, %error, "no answer was written");
                self.give_up(job)
            }
            Err(_panic) => {
                tracing::error!(question = job.seq, "the model had a fault; it is opened again");
                // What it left behind is not to be trusted.
                self.model = None;
                match (self.make_model)() {
                    Ok(model) => self.model = Some(model),
                    Err(error) => tracing::error!("{}", crate::failure::sentence(&error)),
                }
                self.give_up(job)
            }
        }
    }

    fn finish(
        &mut self,
        job: &Job,
        mut answer: Answer,
        begun: Instant,
    ) -> Result<Outcome, StorageError> {
        answer.milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.store.finish(job, &answer, &self.making)?;
        Ok(Outcome::Done(answer))
    }

    fn give_up(&mut self, job: &Job) -> Result<Outcome, StorageError> {
        let reason = sentences::could_not_write(&job.language);
        self.store.fail(job, reason)?;
        Ok(Outcome::Failed(reason.to_owned()))
    }
}
