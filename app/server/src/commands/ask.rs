//! `baraza ask`: one question, one answer.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use answer::desk::{Answer, AnswerCode, Channel, Origin, Stage};
use answer::limits::WAITING_MAX;
use answer::ports::{Accepted, Accepting, Journal, LanguageModel, Which};
use answer::question::QuestionText;
use anyhow::{anyhow, bail};
use serde_json::json;
use store::{AnsweringRight, Store};

use super::{SERVING_MODEL, making, open_store};
use crate::answerer::{Answerer, Outcome};
use crate::asking::Asking;
use crate::cli::Ask;
use crate::encoder::SharedEncoder;
use crate::failure::{print, tell};
use crate::front_desk::{is_final, unguessable};
use crate::language_model::{self, Choice, EngineModel, Means};
use crate::limits::{ANSWER_LOOK, WRITING};
use crate::running::Running;
use crate::stop::Stop;

pub(crate) fn run(args: &Ask) -> anyhow::Result<()> {
    let text = QuestionText::parse(&args.question)?;
    let folder = args.place.data();
    let choice = Choice::new(args.place.model.as_ref());
    let right = AnsweringRight::try_take(&folder)?;
    let store = open_store(&folder)?;
    // Whoever answers decides what an answer is made with; the pack is only opened if we do.
    let serving = if right.is_none() { store.note(SERVING_MODEL)? } else { None };
    let (pack, model) = match serving {
        Some(model) => (None, model),
        None => {
            let pack = choice.open()?;
            let id = language_model::id(pack.manifest());
            (Some(pack), id)
        }
    };
    if right.is_none() && args.place.model.is_some() {
        tell("baraza: the running `baraza serve` answers, with its own model");
    }
    let has_model = !model.is_empty();
    let running = Running::after(store.running_s()?);
    let (mut store, encoder) = SharedEncoder::find(&folder, store);
    let asking = Asking::new(making(&store, model)?, encoder, running);

    let begun = Instant::now();
    let from = (Channel::CommandLine, None);
    let accepting = asking.accepting(&store, text, args.language.clone(), from, has_model)?;
    let mut code = || AnswerCode::generate(&mut unguessable);
    let (code, answer) = match store.accept(&accepting, asking.making(), WAITING_MAX, &mut code)? {
        Accepted::Answered { code, mut answer } => {
            // The journal could not yet know how long its own commit takes.
            answer.milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            (code, answer)
        }
        Accepted::Queued { seq, code } => {
            let right = match right {
                Some(right) => Some(right),
                None => wait_for_answer(&store, &code, &folder)?,
            };
            let answer = match right {
                Some(right) => {
                    let pack = pack.map_or_else(|| choice.open(), Ok)?;
                    let means = Means { memory: args.place.memory, data: Some(folder.clone()) };
                    let ours = Ours { right, store, choice, pack, asking, means };
                    ours.answer(seq, &code, begun)?
                }
                None => finished(&store, &code)?,
            };
            (code, answer)
        }
        _ => bail!("unknown answer of the journal: update this program"),
    };
    if args.json {
        print(&as_json(&accepting, &code, &answer))
    } else {
        print(&as_text(&code, &answer))
    }
}

/// Waits until whoever has the right to answer has answered. If that right becomes free first, for
/// example because the box was stopped, takes it.
fn wait_for_answer(
    store: &Store,
    code: &AnswerCode,
    folder: &Path,
) -> anyhow::Result<Option<AnsweringRight>> {
    loop {
        if store.find(code)?.is_some_and(|record| is_final(&record.ticket.stage)) {
            return Ok(None);
        }
        if let Some(right) = AnsweringRight::try_take(folder)? {
            return Ok(Some(right));
        }
        thread::sleep(ANSWER_LOOK);
    }
}

/// The answer that somebody else wrote.
fn finished(store: &Store, code: &AnswerCode) -> anyhow::Result<Answer> {
    match store.find(code)?.map(|record| record.ticket.stage) {
        Some(Stage::Done(answer)) => Ok(answer),
        Some(Stage::Failed { reason }) => Err(anyhow!(reason)),
        _ => Err(anyhow!("the question is not there any more: ask again")),
    }
}

/// Everything needed to answer here.
struct Ours {
    right: AnsweringRight,
    store: Store,
    choice: Choice,
    pack: model_pack::Pack,
    asking: Asking,
    means: Means,
}

impl Ours {
    fn answer(mut self, seq: i64, code: &AnswerCode, begun: Instant) -> anyhow::Result<Answer> {
        let _held = self.right;
        // Whoever had the right before may have died over this very question.
        self.store.resume()?;
        let Some(job) = self.store.take(Which::This(seq))? else {
            // Answered between our last look and our taking the right.
            return finished(&self.store, code);
        };
        let stop = Stop::default();
        let model = match EngineModel::new(self.pack, &self.means, stop.cancel()) {
            Ok(model) => model,
            Err(error) => {
                self.store.release(&job)?;
                let kept = format!("the question is kept under {code} for the next `baraza serve`");
                return Err(error.context(kept));
            }
        };
        // A box that stopped may have had another model.
        let asking = Arc::new(self.asking.with_model(model.id()));
        let (choice, means) = (self.choice, self.means);
        let again = Box::new(move || EngineModel::new(choice.open()?, &means, stop.cancel()));
        let mut answerer = Answerer::new(self.store, Some(model), again, asking, WRITING);
        match answerer.answer(&job, begun, &mut |_| ControlFlow::Continue(()))? {
            Outcome::Done(answer) => Ok(answer),
            Outcome::Failed(reason) => Err(anyhow!(reason)),
            Outcome::Interrupted => {
                bail!("not answered yet: it is kept under {code} for the next `baraza serve`")
            }
        }
    }
}

fn as_json(asked: &Accepting, code: &AnswerCode, answer: &Answer) -> String {
    let sources: Vec<_> = answer
        .sources
        .iter()
        .map(|source| json!({ "id": source.id, "title": source.title }))
        .collect();
    let object = json!({
        "question": asked.text.as_str(),
        "answer": answer.whole(),
        "language": asked.language.as_str(),
        "origin": answer.origin.as_str(),
        "sources": sources,
        "danger": answer.danger,
        "code": code.as_str(),
        "milliseconds": answer.milliseconds,
        "model": answer.model,
        "notice": answer.notice,
    });
    format!("{object}\n")
}

fn as_text(code: &AnswerCode, answer: &Answer) -> String {
    let mut text = String::new();
    if let Some(floor) = &answer.floor {
        let reviewed = if floor.reviewed { "reviewed" } else { "not reviewed by a clinician" };
        let _ = writeln!(
            text,
            "{}\n(A fixed text for signs of danger; {}; {reviewed}.)\n",
            floor.text, floor.source
        );
    }
    if !answer.text.is_empty() {
        let _ = writeln!(text, "{}\n\n{}", answer.text, stands_behind(answer));
    }
    for topic in &answer.topics {
        let _ = writeln!(text, "You could ask: {}", topic.question);
    }
    for source in &answer.sources {
        let reviewed = if source.reviewed { "reviewed" } else { "not reviewed" };
        let _ = writeln!(text, "Source: {} [{}], {reviewed}", source.title, source.id);
    }
    if answer.weak {
        let _ = writeln!(text, "Note: sentences that the source does not support were taken out.");
    }
    if let Some(notice) = &answer.notice {
        let _ = writeln!(text, "Note: {notice}");
    }
    let _ = writeln!(text, "Kept under {code}.");
    text
}

/// Who stands behind the text after the floor's.
fn stands_behind(answer: &Answer) -> String {
    match (&answer.check, &answer.model, answer.origin) {
        (Some(check), ..) => {
            let on = check.on.as_deref().map(|on| format!(" on {on}")).unwrap_or_default();
            format!("Checked by a person on this box: {}{on}.", check.role)
        }
        (None, Some(model), Origin::Cache) => {
            format!("Answered before, by {model}; not checked by a person.")
        }
        (None, Some(model), _) => format!("Written by {model}; not checked by a person."),
        (None, None, _) if !answer.sources.is_empty() => {
            "Word for word from the source below; not checked by a person.".to_owned()
        }
        _ => "Not answered: the box has no source.".to_owned(),
    }
}
