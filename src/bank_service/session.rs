//! The access token of the bank: got when it is needed, kept until shortly before its end.
//!
//! ```text
//!            granted                    its end is near, or the bank refuses it
//!   none ─────────────▶ held ─────────────────────────────────────────────────▶ none
//!    │ ▲
//!    └─┘ refused: everyone who waited gets the same answer, the next one asks again
//! ```
//!
//! One asks while the others wait. They take what was got, or the reason why nothing was: they do
//! not ask again one after the other, each as long as a dead bank takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::connector::outcome::{Outcome, Reason};
use crate::connector::snap::services::token::Granted;
use crate::identity::secret::Secret;
use crate::ledger::time::Timestamp;
use crate::limits::{BANK_TOKEN_MARGIN_SECONDS, BANK_TOKEN_SECONDS_MAX};

/// A token that was granted.
pub(super) struct Held {
    pub(super) token: Secret<String>,
    /// Which one: the bank may refuse it, and then only this one is out of use.
    pub(super) number: u64,
    granted: Timestamp,
    until: Timestamp,
}

#[derive(Default)]
pub(super) struct Session {
    state: Mutex<State>,
    /// How often a token was asked for.
    asked: AtomicU64,
}

#[derive(Default)]
struct State {
    held: Option<Arc<Held>>,
    /// Why there is none, if the last one that was asked for was not granted.
    refused: Option<Reason>,
}

impl Session {
    /// A living token; `fetch` gets one if none is held. That of the number `dead` is out of use.
    pub(super) async fn token<F: Future<Output = Outcome<Granted>>>(
        &self,
        clock: &Clock,
        dead: Option<u64>,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<Held>, Reason> {
        let asked_before = self.asked.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        let now = clock.now();
        let lives = |held: &&Arc<Held>| {
            // One from the future was granted by a clock that has been set back since.
            held.granted <= now && now < held.until && Some(held.number) != dead
        };
        if let Some(held) = state.held.as_ref().filter(lives) {
            return Ok(Arc::clone(held));
        }
        let asked = self.asked.load(Ordering::Acquire);
        if let Some(reason) = state.refused.as_ref().filter(|_| asked > asked_before) {
            return Err(reason.clone());
        }
        let granted = fetch().await;
        // Counted once it is over: who began to wait before now takes what came of it.
        let number = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        *state = State::default();
        match granted {
            Outcome::Succeeded(Granted { token, seconds }) => {
                let until = now.plus_seconds(usable(seconds));
                let held = Arc::new(Held { token, number, granted: now, until });
                state.held = Some(Arc::clone(&held));
                Ok(held)
            }
            Outcome::Refused(reason) | Outcome::NotSent(reason) | Outcome::Unknown(reason) => {
                state.refused = Some(reason.clone());
                Err(reason)
            }
        }
    }
}

/// How long a token of so many seconds is used.
fn usable(seconds: i64) -> i64 {
    let seconds = seconds.min(BANK_TOKEN_SECONDS_MAX);
    seconds - BANK_TOKEN_MARGIN_SECONDS.min(seconds / 10)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::sync::Notify;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

    fn granted(token: &str) -> Outcome<Granted> {
        Outcome::Succeeded(Granted { token: Secret::new(token.to_owned()), seconds: 900 })
    }

    /// Asks `session`, granting `token` if it has to fetch one; says which it got.
    async fn get(session: &Session, clock: &Clock, dead: Option<u64>, token: &str) -> String {
        let held = session.token(clock, dead, async || granted(token)).await;
        held.map(|held| held.token.expose().clone()).map_err(|reason| reason.code).unwrap()
    }

    #[tokio::test]
    async fn a_token_is_used_until_shortly_before_its_end() {
        let (session, clock) = (Session::default(), Clock::manual(NOW));
        assert_eq!(get(&session, &clock, None, "a").await, "a");
        clock.set(NOW.plus_seconds(839));
        assert_eq!(get(&session, &clock, None, "b").await, "a");
        clock.set(NOW.plus_seconds(840));
        assert_eq!(get(&session, &clock, None, "c").await, "c");
        clock.set(NOW);
        assert_eq!(get(&session, &clock, None, "d").await, "d", "a clock set back");
        assert_eq!((usable(100), usable(1), usable(i64::MAX)), (90, 1, 24 * 3600 - 60));
    }

    #[tokio::test]
    async fn a_token_that_the_bank_refuses_is_replaced_once_for_all() {
        let (session, clock) = (Session::default(), Clock::manual(NOW));
        let first = session.token(&clock, None, async || granted("a")).await.map_err(|r| r.code);
        let number = first.unwrap().number;
        assert_eq!(get(&session, &clock, Some(number), "b").await, "b");
        // Another that was refused the same token takes the new one.
        assert_eq!(get(&session, &clock, Some(number), "c").await, "b");
    }

    #[tokio::test]
    async fn one_asks_while_the_others_wait() {
        let (session, clock) = (Session::default(), Clock::manual(NOW));
        let (go_on, fetched) = (Notify::new(), Cell::new(0));
        let slow = || async {
            fetched.set(fetched.get() + 1);
            go_on.notified().await;
            granted("a")
        };
        let get = || async {
            let held = session.token(&clock, None, slow).await;
            held.map(|held| held.number).map_err(|reason| reason.code)
        };
        let release = async {
            tokio::task::yield_now().await;
            go_on.notify_one();
        };
        let got = tokio::join!(get(), get(), get(), release);
        assert_eq!((got.0, got.1, got.2), (Ok(1), Ok(1), Ok(1)));
        assert_eq!(fetched.get(), 1);
    }

    #[tokio::test]
    async fn who_waited_in_vain_does_not_ask_again() {
        let (session, clock) = (Session::default(), Clock::manual(NOW));
        let (go_on, fetched) = (Notify::new(), Cell::new(0));
        let failing = || async {
            fetched.set(fetched.get() + 1);
            go_on.notified().await;
            Outcome::NotSent(Reason::new("4017300", "Unauthorized. [Signature]"))
        };
        let get = || async { session.token(&clock, None, failing).await.map(|held| held.number) };
        let release = async {
            tokio::task::yield_now().await;
            go_on.notify_one();
        };
        let got = tokio::join!(get(), get(), get(), release);
        for got in [got.0, got.1, got.2] {
            assert_eq!(got.unwrap_err().code, "4017300");
        }
        assert_eq!(fetched.get(), 1);
        // Who comes later does.
        let later = session.token(&clock, None, async || granted("b")).await;
        assert_eq!(later.map(|held| held.number).ok(), Some(2));
    }
}
