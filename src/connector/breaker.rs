//! Stops asking a bank that is down, and sees now and then whether it is back.
//!
//! ```text
//!             failures in a row                after a while
//!   closed ───────────────────────▶ open ────────────────────────▶ half open
//!     ▲                               ▲                             │   │
//!     │                               └───────── one is ill ────────┘   │
//!     └──────────────────────── enough are well ────────────────────────┘
//! ```
//!
//! # Invariants
//!
//! - Only what says that the bank is down counts: no connection, no answer in time, an error of
//!   its own. A refusal is the answer of a bank that works.
//! - Half open lets a bounded number of requests through per period, whatever becomes of them: one
//!   that never reports its end takes no place for ever.
//! - What began before a change of state says nothing about the state after it.
//! - A question about what was sent before is never held back: its own bounds keep it from harm, and
//!   what is unknown would stay so for as long as the bank is merely unsteady.
//!
//! Time is an argument. A clock that is set back closes nothing early and opens nothing for longer
//! than a period.

use super::outcome::Outcome;
use crate::ledger::time::Timestamp;
use crate::limits;

/// What one request told about the bank's health.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sign {
    /// It answered as a bank that works.
    Well,
    /// It could not be reached, was silent, or said that it is broken.
    Ill,
    /// Nothing: it was not asked.
    Silent,
}

/// Our own words for a bank that is down; see `http::Cause::code`.
const DOWN: [&str; 10] = [
    "host_not_found",
    "no_connection",
    "connect_timeout",
    "no_tls",
    "tls_timeout",
    "broken_off",
    "not_http",
    "timeout",
    "bank_error",
    "unreadable_answer",
];

impl Sign {
    /// What an outcome tells. SNAP's own codes begin with their HTTP status.
    pub fn of<T>(outcome: &Outcome<T>) -> Self {
        match outcome {
            Outcome::Succeeded(_) | Outcome::Refused(_) => Self::Well,
            Outcome::NotSent(reason) | Outcome::Unknown(reason) => {
                let snap = reason.code.len() == 7;
                match reason.code.as_str() {
                    code if DOWN.contains(&code) => Self::Ill,
                    code if snap && code.starts_with('5') => Self::Ill,
                    code if snap && code.starts_with('2') => Self::Well,
                    _ => Self::Silent,
                }
            }
        }
    }
}

/// The bounds.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long nothing goes through once it is open, in seconds; and how long the requests of a
    /// half-open breaker have to report.
    pub open_seconds: i64,
    /// Requests that a half-open breaker lets through per period, and how many must go well.
    pub probes: u32,
}

impl Options {
    /// The values of `limits`.
    pub const fn standard() -> Self {
        Self {
            failures: limits::BREAKER_FAILURES,
            open_seconds: limits::BREAKER_OPEN_SECONDS,
            probes: limits::BREAKER_PROBES,
        }
    }
}

/// What is known of one bank.
#[derive(Debug)]
pub struct Breaker {
    options: Options,
    state: State,
    /// Counts changes of state.
    era: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed { failures: u32 },
    Open { since: Timestamp },
    HalfOpen { since: Timestamp, given: u32, well: u32 },
}

/// A request that was let through; [`Breaker::end`] is told how it went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "the breaker learns from how it ended"]
pub struct Turn {
    era: u64,
    /// Whether it took one of the places that a half-open breaker gives.
    given: bool,
}

impl Breaker {
    /// A breaker of a bank of which nothing bad is known.
    ///
    /// # Panics
    /// If a bound is zero: nothing would ever go through.
    pub fn new(options: Options) -> Self {
        assert!(options.failures > 0 && options.open_seconds > 0 && options.probes > 0);
        Self { options, state: State::Closed { failures: 0 }, era: 0 }
    }

    /// Whether a request would be let through.
    pub fn is_available(&self, now: Timestamp) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { since } => self.is_over(since, now),
            State::HalfOpen { since, given, .. } => {
                given < self.options.probes || self.is_over(since, now)
            }
        }
    }

    /// Lets a request through, or not.
    pub fn begin(&mut self, now: Timestamp) -> Option<Turn> {
        if !self.is_available(now) {
            return None;
        }
        match &mut self.state {
            State::Closed { .. } => {}
            State::HalfOpen { given, .. } if *given < self.options.probes => *given += 1,
            // A period is over: of an open breaker, or of requests that did not report.
            State::Open { .. } | State::HalfOpen { .. } => {
                self.change(State::HalfOpen { since: now, given: 1, well: 0 });
            }
        }
        Some(Turn { era: self.era, given: true })
    }

    /// Lets a question through, at any time. What it tells counts as for any other request, but for
    /// an open breaker, which waits for its period to end.
    pub const fn ask(&self) -> Turn {
        Turn { era: self.era, given: false }
    }

    /// Learns how a request ended.
    pub fn end(&mut self, turn: Turn, sign: Sign, now: Timestamp) {
        if turn.era != self.era {
            return;
        }
        match (&mut self.state, sign) {
            (State::Closed { failures }, Sign::Well) => *failures = 0,
            (State::Closed { failures }, Sign::Ill) => {
                *failures += 1;
                if *failures >= self.options.failures {
                    self.change(State::Open { since: now });
                }
            }
            (State::HalfOpen { well, .. }, Sign::Well) => {
                *well += 1;
                if *well >= self.options.probes {
                    self.change(State::Closed { failures: 0 });
                }
            }
            (State::HalfOpen { .. }, Sign::Ill) => self.change(State::Open { since: now }),
            // It told nothing, so another may be asked.
            (State::HalfOpen { given, .. }, Sign::Silent) if turn.given => {
                *given = given.saturating_sub(1);
            }
            (State::Closed { .. } | State::HalfOpen { .. }, Sign::Silent)
            | (State::Open { .. }, _) => {}
        }
    }

    fn change(&mut self, state: State) {
        self.state = state;
        self.era += 1;
    }

    /// Whether a period that began at `since` is over; so is one that begins in the future, since
    /// the clock was set back.
    fn is_over(&self, since: Timestamp, now: Timestamp) -> bool {
        now < since || now >= since.plus_seconds(self.options.open_seconds)
    }
}

#[cfg(test)]
mod tests;
