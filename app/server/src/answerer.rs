//! One question, from the journal and back into it.

use std::ops::ControlFlow;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Instant;

use answer::desk::Answer;
use answer::finding::{Finding, Next};
use answer::limits::DEATHS_BEFORE_QUOTE;
use answer::passage::Passage;
use answer::ports::{
    Job, Journal, Kept, LanguageModel, Library, StorageError, WritingLimits, with_floor,
};
use answer::sentences;
use answer::writing::{self, WritingError};

use crate::asking::{Asking, Settings};

/// Makes the model anew after a fault in it.
pub(crate) type MakeModel<M> = Box<dyn FnMut() -> anyhow::Result<M> + Send>;

/// Answers questions taken from the journal. Only the holder of the answering right has one.
pub(crate) struct Answerer<S, M> {
    pub(crate) store: S,
    /// `None` in no-model mode, and for a moment after a fault.
    model: Option<M>,
    make_model: MakeModel<M>,
    asking: Arc<Asking>,
    limits: WritingLimits,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "made once for an answer, never kept in numbers")]
pub(crate) enum Outcome {
    /// Its answer is in the journal.
    Done(Answer),
    /// It was given up on; the reason is in the journal.
    Failed(String),
    /// The box is stopping; it waits again.
    Interrupted,
}

impl<S: Journal + Library + Kept + Settings, M: LanguageModel> Answerer<S, M> {
    pub(crate) fn new(
        store: S,
        model: Option<M>,
        make_model: MakeModel<M>,
        asking: Arc<Asking>,
        limits: WritingLimits,
    ) -> Self {
        Self { store, model, make_model, asking, limits }
    }

    /// Answers a question taken on. `begun` is when it was accepted, as far as this process knows;
    /// `on_text` gets the answer while it is written, each sentence once it is known to be
    /// supported.
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
        // Looked up anew: somebody may have asked the same, or checked the answer, in the meantime.
        let asking = Arc::clone(&self.asking);
        let site = asking.site(&self.store)?;
        // A question at which the box died again and again gets no model any more.
        let has_model = self.model.is_some() && job.attempts <= DEATHS_BEFORE_QUOTE;
        let Finding { floor, next } =
            asking.find(&self.store, &site, &job.text, &job.language, has_model)?;
        let passage = match next {
            Next::Done(answer) => return self.finish(job, *answer, begun),
            Next::WriteFrom(passage) => Some(passage),
            Next::WriteFreely => None,
        };
        let written = match self.write(job, passage.as_deref(), on_text) {
            Ok(answer) => answer,
            Err(WritingError::Interrupted) => {
                self.store.release(job)?;
                return Ok(Outcome::Interrupted);
            }
            // What a model cannot put into words, the passage says itself.
            Err(error) => match &passage {
                Some(passage) => {
                    tracing::warn!(question = job.seq, %error, "the passage is quoted instead");
                    answer::finding::quoted(passage)
                }
                None => {
                    tracing::error!(question = job.seq, %error, "no answer was written");
                    return self.give_up(job);
                }
            },
        };
        let written = asking.answer_floor(written, &site, &job.language);
        self.finish(job, with_floor(written, floor.as_ref()), begun)
    }

    /// The one place where a fault of the model ends: it costs one question, not the box.
    fn write(
        &mut self,
        job: &Job,
        passage: Option<&Passage>,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Answer, WritingError> {
        let Some(model) = self.model.as_mut() else { return Err(WritingError::Nothing) };
        let limits = &self.limits;
        let written = panic::catch_unwind(AssertUnwindSafe(|| match passage {
            Some(passage) => {
                writing::write_from(&job.text, passage, &job.language, model, limits, on_text)
            }
            None => writing::write_freely(&job.text, &job.language, model, limits, on_text),
        }));
        written.unwrap_or_else(|_panic| {
            tracing::error!(question = job.seq, "the model had a fault; it is opened again");
            // What it left behind is not to be trusted.
            self.model = None;
            match (self.make_model)() {
                Ok(model) => self.model = Some(model),
                Err(error) => tracing::error!("{}", crate::failure::sentence(&error)),
            }
            Err(WritingError::Fault)
        })
    }

    fn finish(
        &mut self,
        job: &Job,
        mut answer: Answer,
        begun: Instant,
    ) -> Result<Outcome, StorageError> {
        answer.milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.store.finish(job, &answer, self.asking.making())?;
        Ok(Outcome::Done(answer))
    }

    fn give_up(&mut self, job: &Job) -> Result<Outcome, StorageError> {
        let reason = sentences::could_not_write(&job.language);
        self.store.fail(job, reason)?;
        Ok(Outcome::Failed(reason.to_owned()))
    }
}
