//! `baraza serve`: the box.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use answer::ports::{Journal, LanguageModel};
use anyhow::{Context, bail};
use store::AnsweringRight;

use super::{SERVING_MODEL, making, open_store};
use crate::answerer::Answerer;
use crate::cli::Serve;
use crate::front_desk::{Facts, FrontDesk};
use crate::language_model::{Choice, EngineModel};
use crate::limits::{RIGHT_WAIT, WRITING};
use crate::live::Live;
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
    let model = open_model(&choice, &stop)?;
    let facts = Facts {
        making: making(&store, model.as_ref().map_or(String::new(), |m| m.id().to_owned()))?,
        model: model.as_ref().map(|m| m.name().to_owned()),
        kernel: model.as_ref().map(|m| m.kernel().to_owned()),
        passages: store.passages()?,
    };

    let live = Arc::new(Live::default());
    let (writer, reader) = (store.open_another()?, store.open_another()?);
    let desk = Arc::new(FrontDesk::new(writer, reader, Arc::clone(&live), facts.clone()));
    let server = web::Server::bind(args.listen, desk, web::Options::default())?;

    store.set_note(SERVING_MODEL, Some(&facts.making.model))?;
    tracing::info!(
        address = %server.local_addr(),
        model = facts.model.as_deref().unwrap_or("none"),
        kernel = facts.kernel.as_deref().unwrap_or("none"),
        passages = facts.passages,
        waiting,
        "baraza is ready",
    );

    let again = {
        let (choice, stop) = (choice, stop.clone());
        Box::new(move || EngineModel::new(choice.open()?, stop.cancel()))
    };
    let mut answerer = Answerer::new(store, model, again, facts.making, WRITING);
    let worker = {
        let (live, stop) = (Arc::clone(&live), stop.clone());
        thread::Builder::new().name("worker".into()).spawn(move || {
            worker::run(&mut answerer, &live, &stop);
            answerer.store
        })
    };
    let worker = worker.context("cannot start the worker thread")?;

    let stopper = server.stopper();
    let (on_live, on_stop) = (Arc::clone(&live), stop.clone());
    stop::on_signal(move || {
        tracing::info!("stopping; what waits is kept");
        on_stop.ask();
        on_live.stop();
        stopper.stop();
    })?;
    server.run();
    // The server also ends if it can go on no longer.
    stop.ask();
    live.stop();
    match worker.join() {
        Ok(mut store) => Ok(store.set_note(SERVING_MODEL, None)?),
        Err(_) => bail!("the worker had a fault; questions are kept, start again"),
    }
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
fn open_model(choice: &Choice, stop: &Stop) -> anyhow::Result<Option<EngineModel>> {
    let model = choice.open().and_then(|pack| EngineModel::new(pack, stop.cancel()));
    match (choice, model) {
        (_, Ok(model)) => Ok(Some(model)),
        (Choice::Folder(_), Err(error)) => Err(error),
        (Choice::Embedded, Err(error)) => {
            tracing::warn!("answering without a model: {}", failure::sentence(&error));
            Ok(None)
        }
    }
}
