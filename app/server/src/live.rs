//! What is going on at this moment, in memory only: the text so far of the questions being written,
//! who follows which question, and when each was accepted. Lost with the process; the journal has
//! everything that must last.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use answer::desk::{Answer, AnswerCode, Progress, Stage};
use answer::ports::{Job, Record, StorageError};

use crate::limits::{ANSWERS_REMEMBERED, FOLLOWERS_MAX, WRITERS};

/// Shared by the front desk and the worker.
#[derive(Debug, Default)]
pub(crate) struct Live {
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Text so far of the questions being written, by their place.
    writing: HashMap<i64, String>,
    followers: Vec<Follower>,
    accepted_at: HashMap<i64, Instant>,
    begun_at: HashMap<i64, Instant>,
    /// How long the latest answers took to write.
    lately: VecDeque<Duration>,
    /// Why the journal could not be written when it was last tried; `None` if it could.
    storage_trouble: Option<String>,
    /// How often there was something new to do.
    news: u64,
    stopping: bool,
}

/// Someone who wants to hear of a question.
///
/// The channel is unbounded, so that a slow follower never holds up the worker, but what goes through
/// it is not: one message for each token of one answer and for each question before it, and both
/// have limits.
#[derive(Debug)]
struct Follower {
    seq: i64,
    code: AnswerCode,
    ahead: usize,
    sender: Sender<Progress>,
}

impl Live {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nobody panics while holding it half changed: each change is a single step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A question was accepted just now: the worker wakes up.
    pub(crate) fn accepted(&self, seq: i64, at: Instant) {
        let mut state = self.lock();
        state.accepted_at.insert(seq, at);
        state.news += 1;
        self.woken.notify_all();
    }

    /// Sleeps until there is more news than `seen`, the box stops, or the time is over; gives what
    /// there is then. Each worker has its own count, so that one question wakes all of them.
    pub(crate) fn wait(&self, seen: u64, time: Duration) -> u64 {
        let state = self.lock();
        let quiet = |state: &mut State| state.news == seen && !state.stopping;
        let woken = self.woken.wait_timeout_while(state, time, quiet);
        woken.unwrap_or_else(PoisonError::into_inner).0.news
    }

    /// Whether something could be kept just now, or why not.
    pub(crate) fn storage_tried(&self, result: Result<(), &StorageError>) {
        self.lock().storage_trouble = result.err().map(ToString::to_string);
    }

    /// Why nothing could be kept when it was last tried: whoever tried, question or answer.
    pub(crate) fn storage_trouble(&self) -> Option<String> {
        self.lock().storage_trouble.clone()
    }

    /// The box stops: followers hear no more, sleepers wake up.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.stopping = true;
        state.followers.clear();
        self.woken.notify_all();
    }

    /// The worker begins a question; gives the moment it was accepted, or now if that was in an
    /// earlier life or another process.
    pub(crate) fn begin(&self, job: &Job) -> Instant {
        let mut state = self.lock();
        state.writing.insert(job.seq, String::new());
        state.begun_at.insert(job.seq, Instant::now());
        state.accepted_at.get(&job.seq).copied().unwrap_or_else(Instant::now)
    }

    /// A worker wrote a piece.
    pub(crate) fn text(&self, seq: i64, piece: &str) {
        let mut state = self.lock();
        let State { writing, followers, .. } = &mut *state;
        if let Some(so_far) = writing.get_mut(&seq) {
            so_far.push_str(piece);
            followers.retain(|follower| {
                follower.seq != seq
                    || follower.sender.send(Progress::Text(piece.to_owned())).is_ok()
            });
        }
    }

    /// The worker is through with a question; `end` is what its followers hear last, if the
    /// question is through as well.
    pub(crate) fn end(&self, seq: i64, end: Option<&Progress>) {
        let mut state = self.lock();
        state.writing.remove(&seq);
        let took = state.begun_at.remove(&seq).map(|begun| begun.elapsed());
        if let Some(end) = end {
            if let (Some(took), Progress::Done(_)) = (took, end) {
                state.lately.push_back(took);
                if state.lately.len() > ANSWERS_REMEMBERED {
                    state.lately.pop_front();
                }
            }
            state.accepted_at.remove(&seq);
            // The same question, asked by others, waited for this answer.
            state.news += 1;
            self.woken.notify_all();
            let (its, others) = state.followers.drain(..).partition(|f| f.seq == seq);
            state.followers = others;
            let its: Vec<Follower> = its;
            for follower in its {
                let _ = follower.sender.send(end.clone());
            }
        }
    }

    /// Tells those who wait how many are before them; `ahead` knows for each code.
    pub(crate) fn tell_places(&self, ahead: impl Fn(&AnswerCode) -> Option<usize>) {
        self.lock().followers.retain_mut(|follower| match ahead(&follower.code) {
            Some(now) if now != follower.ahead => {
                follower.ahead = now;
                follower.sender.send(Progress::Ahead(now)).is_ok()
            }
            _ => true,
        });
    }

    /// About how many seconds somebody waits who has this many before her; `None` before anything
    /// was written.
    pub(crate) fn wait_s(&self, ahead: usize) -> Option<u32> {
        let mut lately: Vec<Duration> = self.lock().lately.iter().copied().collect();
        lately.sort_unstable();
        let each = *lately.get(lately.len() / 2)?;
        // Several are written at the same time, and take longer for it, which `each` has in it.
        let rounds = (ahead / WRITERS + 1) as u32;
        Some(u32::try_from((each * rounds).as_secs()).unwrap_or(u32::MAX).max(1))
    }

    /// What a question's record says, with the text so far if it is being written here.
    pub(crate) fn with_text(&self, mut record: Record) -> Record {
        if let Stage::Writing { so_far } = &mut record.ticket.stage
            && let Some(now) = self.lock().writing.get(&record.seq)
        {
            so_far.clone_from(now);
        }
        record
    }

    /// Begins to follow a question. `find` reads its record; nothing can happen to the question
    /// between that and the first message.
    pub(crate) fn follow(
        &self,
        find: impl FnOnce() -> Option<Record>,
    ) -> Option<Receiver<Progress>> {
        let mut state = self.lock();
        let record = find()?;
        let (sender, receiver) = mpsc::channel();
        let mut ahead = 0;
        let first = match record.ticket.stage {
            Stage::Waiting { ahead: now, .. } => {
                ahead = now;
                Some(Progress::Ahead(now))
            }
            Stage::Done(answer) => return Some(only(&sender, receiver, Progress::Done(answer))),
            Stage::Failed { reason } => {
                return Some(only(&sender, receiver, Progress::Failed(reason)));
            }
            _ => {
                let so_far = state.writing.get(&record.seq).filter(|now| !now.is_empty());
                so_far.map(|now| Progress::Text(now.clone()))
            }
        };
        if let Some(first) = first {
            let _ = sender.send(first);
        }
        // One too many, or a box that stops: the channel closes, and the page looks again later.
        if !state.stopping && state.followers.len() < FOLLOWERS_MAX {
            let code = record.ticket.code;
            state.followers.push(Follower { seq: record.seq, code, ahead, sender });
        }
        Some(receiver)
    }
}

fn only(
    sender: &Sender<Progress>,
    receiver: Receiver<Progress>,
    last: Progress,
) -> Receiver<Progress> {
    let _ = sender.send(last);
    receiver
}

/// What followers of a finished question hear last.
pub(crate) fn done(answer: &Answer) -> Progress {
    Progress::Done(answer.clone())
}
