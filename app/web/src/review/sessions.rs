//! Who is logged in. In memory only: a restart of the box logs everybody out.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use answer::review::Reviewer;

use crate::cookie::Token;
use crate::limits::{SESSION_IDLE_MAX, SESSIONS_MAX};

/// One reviewer's session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) reviewer: Reviewer,
    /// Stands in every form of this session and is looked for when the form comes back.
    pub(crate) form_token: Token,
    used: Duration,
}

/// All sessions, by the secret in their cookie.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<Token, Session>>);

impl Sessions {
    /// Begins a session at `now`; `None` if the system has no randomness. Where [`SESSIONS_MAX`]
    /// are open, the one that was silent longest ends.
    pub(crate) fn begin(&self, reviewer: Reviewer, now: Duration) -> Option<Token> {
        let secret = Token::fresh()?;
        let session = Session { reviewer, form_token: Token::fresh()?, used: now };
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, session| is_alive(session, now));
        if open.len() >= SESSIONS_MAX
            && let Some(oldest) =
                open.iter().min_by_key(|(_, session)| session.used).map(|(secret, _)| *secret)
        {
            open.remove(&oldest);
        }
        open.insert(secret, session);
        Some(secret)
    }

    /// The session with this secret, which is used by that; `None` if there is none, or it was
    /// silent for longer than [`SESSION_IDLE_MAX`].
    pub(crate) fn find(&self, secret: Token, now: Duration) -> Option<Session> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = open.get_mut(&secret)?;
        if !is_alive(session, now) {
            open.remove(&secret);
            return None;
        }
        session.used = now;
        Some(session.clone())
    }

    /// Ends a session.
    pub(crate) fn end(&self, secret: Token) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&secret);
    }
}

fn is_alive(session: &Session, now: Duration) -> bool {
    now.saturating_sub(session.used) <= SESSION_IDLE_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nurse() -> Reviewer {
        Reviewer { id: 1, role: "nurse".into() }
    }

    #[test]
    fn silence_ends_a_session_and_use_keeps_it() {
        let sessions = Sessions::default();
        let mut now = Duration::from_secs(1000);
        let secret = sessions.begin(nurse(), now).unwrap();
        for _ in 0..10 {
            now += SESSION_IDLE_MAX;
            assert!(sessions.find(secret, now).is_some());
        }
        now += SESSION_IDLE_MAX + Duration::from_secs(1);
        assert!(sessions.find(secret, now).is_none());
        assert!(sessions.find(secret, Duration::ZERO).is_none(), "it is gone for good");
    }

    #[test]
    fn the_most_silent_makes_room() {
        let sessions = Sessions::default();
        let second = |s| Duration::from_secs(s);
        let first = sessions.begin(nurse(), second(1)).unwrap();
        let next = sessions.begin(nurse(), second(2)).unwrap();
        for at in 3..=SESSIONS_MAX as u64 {
            sessions.begin(nurse(), second(at)).unwrap();
        }
        assert!(sessions.find(first, second(100)).is_some());
        sessions.begin(nurse(), second(101)).unwrap();
        assert!(sessions.find(first, second(102)).is_some());
        assert!(sessions.find(next, second(102)).is_none());
    }

    #[test]
    fn nobody_gets_in_with_another_secret() {
        let sessions = Sessions::default();
        let secret = sessions.begin(nurse(), Duration::ZERO).unwrap();
        for _ in 0..1000 {
            assert!(sessions.find(Token::fresh().unwrap(), Duration::ZERO).is_none());
        }
        sessions.end(secret);
        assert!(sessions.find(secret, Duration::ZERO).is_none());
    }
}
