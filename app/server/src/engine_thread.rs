//! The one thread that owns the engine. Whoever wants a text sends a request and listens; all texts on
//! their way share each pass through the model.
//!
//! A fault of the engine ends the thread; those who listened see their channel close, and the next one
//! who asks the [`EngineHost`] for a model gets a new thread.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use engine::{Cancel, Engine, Event, Generation, Request, StreamId};

use crate::language_model::EngineModel;
use crate::limits::ENGINE_QUEUE;

/// Someone who wants a text.
pub(crate) struct Work {
    pub(crate) request: Request,
    pub(crate) cancel: Cancel,
    pub(crate) reply: Sender<Reply>,
}

/// What the engine's thread tells one who wants a text.
pub(crate) enum Reply {
    /// The next piece.
    Text(String),
    /// The text, or why there is none.
    Ended(Result<Generation, engine::EngineError>),
}

/// A way to the engine's thread, which ends when the last of these is gone.
#[derive(Debug, Clone)]
pub(crate) struct EngineHandle {
    work: SyncSender<Work>,
    /// Gone when the thread is.
    alive: std::sync::Weak<()>,
}

impl EngineHandle {
    /// Starts a thread for an engine.
    ///
    /// # Errors
    /// If the system starts no more threads.
    pub(crate) fn start(engine: Engine) -> anyhow::Result<Self> {
        let (work, orders) = sync_channel(ENGINE_QUEUE);
        let life = Arc::new(());
        let alive = Arc::downgrade(&life);
        std::thread::Builder::new()
            .name("engine".into())
            .spawn(move || {
                let _life = life;
                Desk { engine, orders, waiting: VecDeque::new(), writing: HashMap::new() }.serve();
            })
            .context("cannot start the engine's thread")?;
        Ok(Self { work, alive })
    }

    /// False after a fault.
    pub(crate) fn is_alive(&self) -> bool {
        self.alive.strong_count() > 0
    }

    /// Asks for a text.
    ///
    /// # Panics
    /// If the engine's thread had a fault: the caller's own boundary then treats it as its own.
    pub(crate) fn send(&self, request: Request, cancel: Cancel) -> Receiver<Reply> {
        let (reply, replies) = channel();
        let sent = self.work.send(Work { request, cancel, reply });
        assert!(sent.is_ok(), "the engine's thread has ended");
        replies
    }
}

/// What the thread works with.
struct Desk {
    engine: Engine,
    orders: Receiver<Work>,
    /// Those for whom there is no room yet, in order.
    waiting: VecDeque<Work>,
    writing: HashMap<StreamId, Sender<Reply>>,
}

impl Desk {
    fn serve(mut self) {
        while self.take_orders() {
            self.admit();
            match self.engine.step() {
                Ok(events) => events.into_iter().for_each(|event| self.tell(event)),
                Err(error) => {
                    // The engine has given up all of them; each hears why.
                    for (_, reply) in self.writing.drain() {
                        let _ = reply.send(Reply::Ended(Err(error.clone())));
                    }
                }
            }
        }
    }

    /// Takes what has been ordered; waits for it if there is nothing else to do. False at the end.
    fn take_orders(&mut self) -> bool {
        if self.waiting.is_empty() && self.writing.is_empty() {
            match self.orders.recv() {
                Ok(work) => self.waiting.push_back(work),
                Err(_) => return false,
            }
        }
        loop {
            match self.orders.try_recv() {
                Ok(work) => self.waiting.push_back(work),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => {
                    return !self.waiting.is_empty() || !self.writing.is_empty();
                }
            }
        }
    }

    fn admit(&mut self) {
        while let Some(work) = self.waiting.pop_front() {
            match self.engine.admit(&work.request, &work.cancel) {
                Ok(Some(id)) => {
                    self.writing.insert(id, work.reply);
                }
                // In order: a short text does not pass a long one for ever.
                Ok(None) => return self.waiting.push_front(work),
                Err(error) => drop(work.reply.send(Reply::Ended(Err(error)))),
            }
        }
    }

    fn tell(&mut self, event: Event) {
        match event {
            Event::Text(id, piece) => {
                let Some(reply) = self.writing.get(&id) else { return };
                if reply.send(Reply::Text(piece)).is_err() {
                    // Nobody listens any more.
                    self.writing.remove(&id);
                    self.engine.withdraw(id);
                }
            }
            Event::Ended(id, generation) => {
                if let Some(reply) = self.writing.remove(&id) {
                    let _ = reply.send(Reply::Ended(Ok(generation)));
                }
            }
            _ => {}
        }
    }
}

/// Where workers get their model: one for all, opened anew after a fault.
#[derive(Clone)]
pub(crate) struct EngineHost(Arc<Shared>);

struct Shared {
    open: Box<dyn Fn() -> anyhow::Result<EngineModel> + Send + Sync>,
    current: Mutex<Option<EngineModel>>,
}

impl EngineHost {
    /// `open` opens the model.
    pub(crate) fn new(
        open: impl Fn() -> anyhow::Result<EngineModel> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared { open: Box::new(open), current: Mutex::new(None) }))
    }

    /// The model in use, or a new one if there is none or it had a fault.
    ///
    /// # Errors
    /// Whatever opening it says.
    pub(crate) fn model(&self) -> anyhow::Result<EngineModel> {
        let mut current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = current.as_ref().filter(|model| model.is_alive()) {
            return Ok(model.clone());
        }
        *current = None;
        let model = (self.0.open)()?;
        *current = Some(model.clone());
        Ok(model)
    }
}
