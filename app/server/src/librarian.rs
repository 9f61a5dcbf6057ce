//! The one thread that keeps the library: reads files in, gives passages their vectors, forgets what
//! the site does not want kept, and notes how long the box has run. Slow work that nobody waits for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use store::Store;

use crate::encoder::SharedEncoder;
use crate::failure;
use crate::importing::{self, Watch};
use crate::limits::{LIBRARIAN_LOOK, RUNNING_NOTE, VECTOR_BATCH};
use crate::running::{boot, system_s};
use crate::stop::Stop;

/// A way to the librarian's thread.
#[derive(Clone)]
pub(crate) struct Librarian(Arc<Desk>);

struct Desk {
    orders: Mutex<Option<Sender<PathBuf>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    problems: Mutex<BTreeMap<String, String>>,
}

impl Librarian {
    /// Starts the thread; unfinished imports of earlier lives come first.
    ///
    /// # Errors
    /// If the database cannot be opened once more, or the system starts no more threads.
    pub(crate) fn start(
        store: &Store,
        encoder: Option<SharedEncoder>,
        stop: Stop,
    ) -> anyhow::Result<Self> {
        let (orders, inbox) = channel();
        for file in store.unfinished_imports()? {
            let _ = orders.send(file);
        }
        let desk = Arc::new(Desk {
            orders: Mutex::new(Some(orders)),
            thread: Mutex::default(),
            problems: Mutex::default(),
        });
        let work = Work {
            store: store.open_another()?,
            encoder,
            stop,
            desk: Arc::clone(&desk),
            noted: Instant::now(),
        };
        let thread = thread::Builder::new()
            .name("librarian".into())
            .spawn(move || work.run(&inbox))
            .context("cannot start the librarian's thread")?;
        *lock(&desk.thread) = Some(thread);
        Ok(Self(desk))
    }

    /// Has a file read in, after those ordered before it.
    pub(crate) fn import(&self, file: &Path) {
        if let Some(orders) = lock(&self.0.orders).as_ref() {
            let _ = orders.send(file.to_owned());
        }
    }

    /// What went wrong with the files read in since the start, by name.
    pub(crate) fn problems(&self) -> BTreeMap<String, String> {
        lock(&self.0.problems).clone()
    }

    /// Waits for the thread, which ends soon after the stop was asked.
    pub(crate) fn join(&self) {
        drop(lock(&self.0.orders).take());
        if let Some(thread) = lock(&self.0.thread).take() {
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Work {
    store: Store,
    encoder: Option<SharedEncoder>,
    stop: Stop,
    desk: Arc<Desk>,
    noted: Instant,
}

impl Work {
    fn run(mut self, inbox: &Receiver<PathBuf>) {
        while !self.stop.is_asked() {
            match inbox.recv_timeout(LIBRARIAN_LOOK) {
                Ok(file) => self.import(&file),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => thread::sleep(LIBRARIAN_LOOK),
            }
            self.keep_house();
        }
        self.note_running(Duration::ZERO);
    }

    /// What can wait. A failure here is told once and tried again later.
    fn keep_house(&mut self) {
        if let Err(error) = self.encode() {
            tracing::warn!("passages without vectors are found by their words only: {error}");
        }
        self.note_running(RUNNING_NOTE);
    }

    fn import(&mut self, file: &Path) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        tracing::info!(file = %name, "reading in");
        lock(&self.desk.problems).remove(&name);
        let stop = self.stop.clone();
        let mut watch = Watch { progress: &mut |_, _| {}, stop: &move || stop.is_asked() };
        // A file may hold anything: a fault in a reader costs that file, not the box.
        let store = &mut self.store;
        let import =
            std::panic::AssertUnwindSafe(|| importing::import(store, file, None, &mut watch));
        let done = std::panic::catch_unwind(import)
            .unwrap_or_else(|_| Err(anyhow::anyhow!("{name} cannot be read: it is damaged")));
        match done {
            Ok(imported) => {
                tracing::info!("{}", imported.sentence);
                for notice in imported.notices {
                    tracing::warn!("{notice}");
                }
            }
            Err(_) if self.stop.is_asked() => {}
            Err(error) => {
                let sentence = failure::sentence(&error);
                tracing::error!("{sentence}");
                lock(&self.desk.problems).insert(name, sentence);
            }
        }
    }

    /// Gives passages their vectors, a few at a time, until all have one.
    fn encode(&mut self) -> anyhow::Result<()> {
        let Some(encoder) = &self.encoder else { return Ok(()) };
        loop {
            let without = self.store.passages_without_vectors(encoder.id(), VECTOR_BATCH)?;
            if without.is_empty() || self.stop.is_asked() {
                return Ok(());
            }
            let mut vectors = Vec::with_capacity(without.len());
            for passage in without {
                let of_passage = passage
                    .texts
                    .iter()
                    .map(|text| encoder.encode(text).context("the encoder failed on a passage"));
                vectors.push((passage.id, of_passage.collect::<anyhow::Result<Vec<_>>>()?));
            }
            self.store.put_vectors(encoder.id(), &vectors)?;
        }
    }

    /// Notes the running time and forgets what is older than the site wants, unless that was done less
    /// than `since` ago.
    fn note_running(&mut self, since: Duration) {
        let passed = self.noted.elapsed();
        if passed < since {
            return;
        }
        let noted = self.store.add_running(passed.as_secs()).and_then(|()| {
            self.noted += Duration::from_secs(passed.as_secs());
            self.store.see_clock(system_s(), &boot())?;
            let site = self.store.site()?;
            self.store.forget_old(site.retention_days)
        });
        match noted {
            Ok(0) => {}
            Ok(forgotten) => tracing::info!(forgotten, "questions older than the site keeps them"),
            Err(error) => tracing::warn!("the running time is not noted: {error}"),
        }
    }
}
