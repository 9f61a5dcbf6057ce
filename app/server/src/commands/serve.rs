//! `baraza serve`: the box.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use answer::ports::{Journal, LanguageModel};
use answer::question::{Language, QuestionText};
use answer::review::ReviewDesk;
use anyhow::{Context, bail};
use store::AnsweringRight;

use super::{SERVING_MODEL, making, open_store};
use crate::answerer::Answerer;
use crate::asking::Asking;
use crate::cli::Serve;
use crate::encoder::SharedEncoder;
use crate::engine_thread::EngineHost;
use crate::front_desk::{Facts, FrontDesk};
use crate::language_model::{Choice, EngineModel, Means};
use crate::librarian::Librarian;
use crate::limits::{RIGHT_WAIT, WRITERS, WRITING};
use crate::live::Live;
use crate::review_desk::Reviewing;
use crate::running::Running;
use crate::stop::{self, Stop};
use crate::{failure, logs, worker};

pub(crate) fn run(args: &Serve) -> anyhow::Result<()> {
    logs::start();
    if args.modem != "none" {
        bail!(
            "--modem {}: SMS comes in a later version; leave --modem away, or give none",
            args.modem
        );
    }
    let folder = args.place.data();
    let _right = take_right(&folder)?;
    let mut store = open_store(&folder)?;
    let waiting = store.resume()?;

    let stop = Stop::default();
    let choice = Choice::new(args.place.model.as_ref());
    let host = {
        let (choice, stop) = (choice.clone(), stop.clone());
        let means = Means { memory: args.place.memory, data: Some(folder.clone()) };
        EngineHost::new(move || EngineModel::new(choice.open()?, &means, stop.cancel()))
    };
    let model = open_model(&choice, &host)?;
    let making = making(&store, model.as_ref().map_or(String::new(), |m| m.id().to_owned()))?;
    let facts = Facts {
        model: model.as_ref().map(|m| m.name().to_owned()),
        kernel: model.as_ref().map(|m| m.kernel().to_owned()),
    };
    let running = Running::after(store.running_s()?);
    let (mut store, encoder) = SharedEncoder::find(&folder, store);
    let asking = Arc::new(Asking::new(making, encoder.clone(), running));

    // The first to ask does not wait for what is read once.
    let first = QuestionText::parse("What is it?")?;
    asking.find(&store, &store.site()?, &first, &Language::english(), model.is_some())?;

    let live = Arc::new(Live::default());
    let desk = FrontDesk::new(&store, Arc::clone(&live), Arc::clone(&asking), facts.clone())?;
    let librarian = Librarian::start(&store, encoder, stop.clone())?;
    let review = Reviewing::new(&store, &folder, &args.sticks, librarian.clone())?;
    let options = web::Options::default();
    let review = Some(Arc::new(review) as Arc<dyn ReviewDesk>);
    let server = web::Server::bind(args.listen, Arc::new(desk), review, options)?;

    let stopper = server.stopper();
    let (on_live, on_stop) = (Arc::clone(&live), stop.clone());
    stop::on_signal(move || {
        tracing::info!("stopping; what waits is kept");
        on_stop.ask();
        on_live.stop();
        stopper.stop();
    })?;

    store.set_note(SERVING_MODEL, Some(&asking.making().model))?;
    tracing::info!(
        address = %server.local_addr(),
        model = facts.model.as_deref().unwrap_or("none"),
        kernel = facts.kernel.as_deref().unwrap_or("none"),
        passages = store.passages()?,
        encoder = asking.has_encoder(),
        waiting,
        "baraza is ready",
    );

    let mut workers = vec![];
    for i in 0..WRITERS {
        let host = host.clone();
        let again = Box::new(move || host.model());
        let store = store.open_another()?;
        let asking = Arc::clone(&asking);
        let mut answerer = Answerer::new(store, model.clone(), again, asking, WRITING);
        let (live, stop) = (Arc::clone(&live), stop.clone());
        let work = move || worker::run(&mut answerer, &live, &stop);
        let worker = thread::Builder::new().name(format!("worker-{i}")).spawn(work);
        workers.push(worker.context("cannot start the worker threads")?);
    }
    drop((model, host));

    server.run();
    // The server also ends if it can go on no longer.
    stop.ask();
    live.stop();
    librarian.join();
    if workers.into_iter().map(thread::JoinHandle::join).any(|ended| ended.is_err()) {
        bail!("a worker had a fault; questions are kept, start again");
    }
    Ok(store.set_note(SERVING_MODEL, None)?)
}

/// Takes the right to answer, waiting for an `ask` that is just using it.
fn take_right(folder: &Path) -> anyhow::Result<AnsweringRight> {
    let until = Instant::now() + RIGHT_WAIT;
    loop {
        if let Some(right) = AnsweringRight::try_take(folder)? {
            return Ok(right);
        }
        if Instant::now() >= until {
            bail!(
                "another baraza answers from the data folder {}: stop it, or choose another \
                 folder with --data",
                folder.display()
            );
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Opens the model. One that was asked for must open; without the embedded one the box still
/// answers from its cache, says where it has no source, and keeps the rest.
fn open_model(choice: &Choice, host: &EngineHost) -> anyhow::Result<Option<EngineModel>> {
    match (choice, host.model()) {
        (_, Ok(model)) => Ok(Some(model)),
        (Choice::Folder(_), Err(error)) => Err(error),
        (Choice::Embedded, Err(error)) => {
            tracing::warn!("answering without a model: {}", failure::sentence(&error));
            Ok(None)
        }
    }
}
