//! Front desk and worker together, over a real journal and a model that follows a script.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use answer::desk::{Answer, AnswerCode, Channel, Desk, NewQuestion, Origin, Progress, Stage};
use answer::ports::{Ending, LanguageModel, Making, ModelError, WritingLimits, Written};
use answer::prompt::Prompt;
use store::{KnowledgePack, STARTER, Store};

use super::*;
use crate::asking::Asking;
use crate::front_desk::{Facts, FrontDesk};
use crate::limits::WRITING;
use crate::running::Running;

/// How a scripted model treats a prompt.
type Script = fn(&Prompt, &mut dyn FnMut(&str) -> ControlFlow<()>) -> Result<Written, ModelError>;

/// Waits for leave before each question, so that tests decide when it writes.
struct Scripted {
    script: Script,
    leave: Arc<std::sync::Mutex<Receiver<()>>>,
}

impl LanguageModel for Scripted {
    fn id(&self) -> &str {
        "scripted@1"
    }
    fn name(&self) -> &str {
        "scripted"
    }
    fn notice(&self) -> Option<&str> {
        None
    }
    fn write(
        &mut self,
        prompt: &Prompt,
        _limits: &WritingLimits,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Written, ModelError> {
        let _ = self.leave.lock().unwrap().recv_timeout(Duration::from_secs(20));
        (self.script)(prompt, on_text)
    }
}

/// A box in one process.
struct Bench {
    desk: FrontDesk,
    live: Arc<Live>,
    stop: Stop,
    leave: Sender<()>,
    workers: Vec<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new(script: Script) -> Self {
        Self::with_workers(1, script)
    }

    fn with_workers(workers: usize, script: Script) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        store.load(&KnowledgePack::parse("starter", STARTER.as_bytes()).unwrap()).unwrap();
        let making = Making { model: "scripted@1".into(), knowledge: "k".into(), prompt: 1 };
        let facts = Facts { model: Some("scripted".into()), kernel: None };
        let (live, stop) = (Arc::new(Live::default()), Stop::default());
        let asking = Arc::new(Asking::new(making, None, Running::after(0)));
        let desk = FrontDesk::new(&store, Arc::clone(&live), Arc::clone(&asking), facts).unwrap();
        let (leave, leave_at_model) = mpsc::channel();
        let leave_at_model = Arc::new(std::sync::Mutex::new(leave_at_model));
        let make = move || Scripted { script, leave: Arc::clone(&leave_at_model) };
        let worker = |_| {
            let again = Box::new({
                let make = make.clone();
                move || Ok(make())
            });
            let store = store.open_another().unwrap();
            let mut answerer =
                Answerer::new(store, Some(make()), again, Arc::clone(&asking), WRITING);
            let (live, stop) = (Arc::clone(&live), stop.clone());
            thread::spawn(move || run(&mut answerer, &live, &stop))
        };
        let workers = (0..workers).map(worker).collect();
        Self { desk, live, stop, leave, workers, _folder: folder }
    }

    fn ask(&self, text: &str) -> AnswerCode {
        let channel = Channel::Web;
        let question = NewQuestion { text: text.into(), language: None, channel, asker: None };
        self.desk.ask(question).unwrap()
    }

    fn let_write(&self) {
        self.leave.send(()).unwrap();
    }

    fn stage(&self, code: &AnswerCode) -> Stage {
        self.desk.look_up(code).unwrap().stage
    }

    fn end(&self, code: &AnswerCode) -> Stage {
        self.until(code, crate::front_desk::is_final)
    }

    fn until(&self, code: &AnswerCode, reached: fn(&Stage) -> bool) -> Stage {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let stage = self.stage(code);
            if reached(&stage) {
                return stage;
            }
            assert!(Instant::now() < until, "{stage:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.ask();
        self.live.stop();
        for worker in self.workers.drain(..) {
            let _ = self.leave.send(());
            let _ = worker.join();
        }
    }
}

/// The first sentence of the passage, which nothing can be said against.
fn first_sentence(prompt: &Prompt) -> String {
    let sentence = prompt.passage.split(". ").nth(1).expect("a title, then sentences");
    format!("{sentence}.")
}

/// Writes two pieces.
fn well(
    prompt: &Prompt,
    on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Written, ModelError> {
    let text = first_sentence(prompt);
    let (one, other) = text.split_at(text.len() / 2);
    let _ = on_text(one);
    let _ = on_text(other);
    Ok(Written { text, ending: Ending::Complete })
}

/// Has a fault at magnets, an error at shadows, and writes otherwise.
fn badly(
    prompt: &Prompt,
    on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Written, ModelError> {
    assert!(!prompt.user.contains("magnet"), "a fault");
    if prompt.user.contains("shadow") {
        return Err(ModelError("an error".into()));
    }
    well(prompt, on_text)
}

fn interrupted(
    _: &Prompt,
    _: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Written, ModelError> {
    Ok(Written { text: "It pu".into(), ending: Ending::Interrupted })
}

fn next(receiver: &Receiver<Progress>) -> Option<Progress> {
    receiver.recv_timeout(Duration::from_secs(20)).ok()
}

fn done(progress: Option<Progress>) -> Answer {
    match progress {
        Some(Progress::Done(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn followers_hear_everything_in_order() {
    let bench = Bench::new(well);
    let first = bench.ask("What is gravity?");
    bench.until(&first, |stage| matches!(stage, Stage::Writing { .. }));
    let second = bench.ask("How does a magnet work?");
    let follower = bench.desk.follow(&second).unwrap();
    assert_eq!(next(&follower), Some(Progress::Ahead(1)));
    assert_eq!(bench.stage(&second), Stage::Waiting { ahead: 1, wait_s: None });
    bench.let_write();
    bench.let_write();
    assert_eq!(next(&follower), Some(Progress::Ahead(0)));
    // A sentence is shown once it is whole.
    let sentence = "A magnet pulls things made of iron, steel, nickel or cobalt.";
    assert_eq!(next(&follower), Some(Progress::Text(sentence.into())));
    let answer = done(next(&follower));
    assert_eq!((answer.text.as_str(), answer.origin), (sentence, Origin::Model));
    assert_eq!(next(&follower), None);
    assert_eq!(bench.end(&second), Stage::Done(answer.clone()));
    // Who comes late hears the end at once.
    assert_eq!(done(next(&bench.desk.follow(&second).unwrap())), answer);
}

/// Holds each text until another one is being written too; gives up after a while.
fn in_company(
    prompt: &Prompt,
    on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Written, ModelError> {
    static WRITING_NOW: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    use std::sync::atomic::Ordering::SeqCst;
    WRITING_NOW.fetch_add(1, SeqCst);
    let until = Instant::now() + Duration::from_secs(20);
    while WRITING_NOW.load(SeqCst) < 2 && Instant::now() < until {
        thread::sleep(Duration::from_millis(1));
    }
    if WRITING_NOW.load(SeqCst) < 2 {
        return Err(ModelError("alone".into()));
    }
    well(prompt, on_text)
}

#[test]
fn two_are_written_at_a_time_and_a_third_like_the_first_is_not() {
    let bench = Bench::with_workers(2, in_company);
    let first = bench.ask("What is gravity?");
    let twin = bench.ask("what is gravity");
    let other = bench.ask("How does a magnet work?");
    let (of_first, of_other) =
        (bench.desk.follow(&first).unwrap(), bench.desk.follow(&other).unwrap());
    bench.let_write();
    bench.let_write();
    for (code, follower) in [(&first, of_first), (&other, of_other)] {
        let Stage::Done(answer) = bench.end(code) else { panic!() };
        assert_eq!(answer.origin, Origin::Model);
        assert_eq!(done(follower.iter().last()), answer);
    }
    // Nobody gave the model leave for a third text: the twin has the first one's answer.
    let Stage::Done(answer) = bench.end(&twin) else { panic!() };
    assert_eq!(answer.origin, Origin::Cache);
}

#[test]
fn asked_again_nobody_waits() {
    let bench = Bench::new(well);
    let first = bench.ask("What is gravity?");
    bench.let_write();
    bench.end(&first);
    let again = bench.ask("what is gravity");
    let Stage::Done(answer) = bench.stage(&again) else { panic!() };
    assert_eq!(answer.origin, Origin::Cache);
    assert_eq!(answer.sources[0].id, "gravity-force");
}

#[test]
fn a_fault_or_an_error_costs_one_question() {
    let bench = Bench::new(badly);
    for _ in 0..3 {
        bench.let_write();
    }
    let fault = bench.ask("How does a magnet work?");
    let follower = bench.desk.follow(&fault).unwrap();
    let error = bench.ask("How is a shadow made?");
    let well = bench.ask("What is gravity?");
    for code in [&fault, &error] {
        let Stage::Done(answer) = bench.end(code) else { panic!() };
        // The passage speaks for itself.
        assert_eq!((answer.origin, answer.model), (Origin::Cache, None));
        assert_eq!(answer.text, answer.sources[0].passage);
    }
    let last = follower.iter().last();
    assert!(matches!(last, Some(Progress::Done(_))), "{last:?}");
    assert!(matches!(bench.end(&well), Stage::Done(_)));
    assert!(bench.desk.health().journal_ok);
}

#[test]
fn a_follower_that_leaves_or_sleeps_holds_up_nobody() {
    let bench = Bench::new(well);
    let code = bench.ask("What is gravity?");
    drop(bench.desk.follow(&code).unwrap());
    let asleep = bench.desk.follow(&code).unwrap();
    bench.let_write();
    let Stage::Done(answer) = bench.end(&code) else { panic!() };
    assert_eq!(done(asleep.iter().last()), answer);
}

#[test]
fn what_has_no_source_passes_the_model_by() {
    let bench = Bench::new(badly);
    let code = bench.ask("Who won the football world cup?");
    let Stage::Done(answer) = bench.end(&code) else { panic!() };
    assert_eq!(answer.origin, Origin::None);
}

#[test]
fn a_stop_keeps_the_question_and_closes_the_channels() {
    let bench = Bench::new(interrupted);
    let code = bench.ask("What is gravity?");
    bench.until(&code, |stage| matches!(stage, Stage::Writing { .. }));
    let follower = bench.desk.follow(&code).unwrap();
    bench.stop.ask();
    bench.live.stop();
    bench.let_write();
    assert_eq!(follower.iter().last(), None);
    bench.until(&code, |stage| matches!(stage, Stage::Waiting { ahead: 0, .. }));
    assert_eq!(bench.desk.health().queued, 1);
}

#[test]
fn unknown_codes_are_unknown() {
    let bench = Bench::new(well);
    let code = AnswerCode::parse("KKKKKKK").unwrap();
    assert_eq!(bench.desk.look_up(&code), None);
    assert!(bench.desk.follow(&code).is_none());
}
