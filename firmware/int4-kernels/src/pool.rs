//! A small pool of threads for loops of a few microseconds.
//!
//! # Why not rayon?
//!
//! One generated token runs some two hundred short parallel loops. Work stealing and waking a
//! sleeping thread cost as much as such a loop; here the threads spin for a moment before they
//! sleep, and tasks are claimed by one atomic counter.

use crate::limits::{SPIN_TURNS, THREADS_MAX};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A loop body that the pool's threads may call; `'static` only in type, see [`ThreadPool::run`].
#[derive(Clone, Copy)]
struct Job {
    body: *const (dyn Fn(usize) + Sync),
    tasks: usize,
}

// SAFETY: the body is `Sync`, and `run` does not return before all threads have left it.
unsafe impl Send for Job {}

#[derive(Default)]
struct Shared {
    /// The current job, and how many were posted before it.
    job: Mutex<(usize, Option<Job>)>,
    posted: Condvar,
    /// Mirror of the job count, to spin on.
    epoch: AtomicUsize,
    next_task: AtomicUsize,
    /// Helpers that have not yet left the current job.
    busy: AtomicUsize,
    panicked: AtomicBool,
    stop: AtomicBool,
}

/// Threads that run loops together with the caller. Dropping it ends them.
pub struct ThreadPool {
    shared: Arc<Shared>,
    helpers: Vec<std::thread::JoinHandle<()>>,
    /// One loop at a time; the pool may be shared.
    turn: Mutex<()>,
}

impl std::fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ThreadPool({} threads)", self.threads())
    }
}

impl ThreadPool {
    /// A pool of `threads` threads, the caller counted, within 1 to [`THREADS_MAX`]. Threads that
    /// the system refuses to start are done without.
    pub fn new(threads: usize) -> ThreadPool {
        let shared = Arc::new(Shared::default());
        let helpers = (1..threads.clamp(1, THREADS_MAX)).map_while(|i| {
            let shared = Arc::clone(&shared);
            let builder = std::thread::Builder::new().name(format!("kernel-{i}"));
            builder.spawn(move || help(&shared)).ok()
        });
        ThreadPool { helpers: helpers.collect(), shared, turn: Mutex::new(()) }
    }

    /// Threads that work on a loop, the caller counted.
    pub fn threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Calls `body(i)` once for each `i` in `0..tasks`, on all threads, and returns when all are
    /// done. Must not be called from inside a body.
    ///
    /// # Panics
    /// If a body panicked.
    pub fn run(&self, tasks: usize, body: &(dyn Fn(usize) + Sync)) {
        if self.helpers.is_empty() || tasks <= 1 {
            (0..tasks).for_each(body);
            return;
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = &*self.shared;
        // SAFETY: only the lifetime changes. Helpers call the body between taking the job and
        // decrementing `busy`, and this function waits until `busy` is zero before it returns.
        let body = unsafe {
            std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), *const (dyn Fn(usize) + Sync)>(
                body,
            )
        };
        let job = Job { body, tasks };
        shared.next_task.store(0, Ordering::Relaxed);
        shared.busy.store(self.helpers.len(), Ordering::Relaxed);
        {
            let mut current = shared.job.lock().unwrap_or_else(PoisonError::into_inner);
            current.0 += 1;
            current.1 = Some(job);
            shared.epoch.store(current.0, Ordering::Release);
        }
        shared.posted.notify_all();
        work(shared, job);
        let mut turns = 0;
        while shared.busy.load(Ordering::Acquire) != 0 {
            turns += 1;
            if turns < SPIN_TURNS { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
        if shared.panicked.swap(false, Ordering::Relaxed) {
            panic!("a loop body panicked");
        }
    }

    /// Calls `body` once for each item, on all threads, and returns when all are done. Must not be
    /// called from inside a body.
    ///
    /// # Panics
    /// If a body panicked.
    pub fn for_each_mut<T: Send>(&self, items: &mut [T], body: &(dyn Fn(&mut T) + Sync)) {
        struct Items<T>(*mut T);
        // SAFETY: each task number is given out once, so no two threads have the same item.
        unsafe impl<T: Send> Sync for Items<T> {}
        let (len, items) = (items.len(), &Items(items.as_mut_ptr()));
        self.run(len, &|i| {
            assert!(i < len);
            // SAFETY: inside the slice, and only this call has item `i`.
            body(unsafe { &mut *items.0.add(i) });
        });
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        {
            let mut current = self.shared.job.lock().unwrap_or_else(PoisonError::into_inner);
            current.0 += 1;
            current.1 = None;
            self.shared.epoch.store(current.0, Ordering::Release);
        }
        self.shared.posted.notify_all();
        for helper in self.helpers.drain(..) {
            // A helper catches its bodies' panics; there is nothing to learn from the result.
            let _ = helper.join();
        }
    }
}

/// Claims tasks until none are left. A panic is noted, and the rest of the tasks is dropped.
fn work(shared: &Shared, job: Job) {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        loop {
            let task = shared.next_task.fetch_add(1, Ordering::Relaxed);
            if task >= job.tasks {
                return;
            }
            // SAFETY: `run` keeps the body alive until every thread has left this function.
            unsafe { (*job.body)(task) }
        }
    }));
    if result.is_err() {
        shared.next_task.store(job.tasks, Ordering::Relaxed);
        shared.panicked.store(true, Ordering::Relaxed);
    }
}

/// A helper's life: spin a moment for the next job, then sleep until one is posted.
fn help(shared: &Shared) {
    let mut seen = 0;
    loop {
        let mut turns = 0;
        while shared.epoch.load(Ordering::Acquire) == seen && turns < SPIN_TURNS {
            turns += 1;
            std::hint::spin_loop();
        }
        let mut current = shared.job.lock().unwrap_or_else(PoisonError::into_inner);
        while current.0 == seen {
            current = shared.posted.wait(current).unwrap_or_else(PoisonError::into_inner);
        }
        seen = current.0;
        let job = current.1;
        drop(current);
        if shared.stop.load(Ordering::Acquire) {
            return;
        }
        if let Some(job) = job {
            work(shared, job);
            shared.busy.fetch_sub(1, Ordering::Release);
        }
    }
}
