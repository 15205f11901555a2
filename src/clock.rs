//! The one place that asks the machine what time it is.
//!
//! The clock is read where a request enters, where the writer stamps a batch, and by timers.
//! Everything below takes the result as an argument, so that a simulation can move it by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::ledger::time::Timestamp;

/// A shared clock: the machine's, or one that a test moves.
#[derive(Clone)]
pub struct Clock(Arc<Source>);

enum Source {
    System,
    Manual(AtomicI64),
}

impl Clock {
    /// The machine's wall clock. It may jump; the writer keeps recorded times in order.
    pub fn system() -> Self {
        Self(Arc::new(Source::System))
    }

    /// A clock that stands at `start` until [`Clock::set`] moves it.
    pub fn manual(start: Timestamp) -> Self {
        Self(Arc::new(Source::Manual(AtomicI64::new(start.micros()))))
    }

    /// The present moment. A machine clock before 1970 reads as 1970, so that tokens fail closed.
    pub fn now(&self) -> Timestamp {
        match &*self.0 {
            Source::System => system_now(),
            Source::Manual(micros) => Timestamp::from_micros(micros.load(Ordering::Relaxed)),
        }
    }

    /// Moves a manual clock; does nothing to the machine's.
    pub fn set(&self, now: Timestamp) {
        if let Source::Manual(micros) = &*self.0 {
            micros.store(now.micros(), Ordering::Relaxed);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one reader of the machine's clock")]
fn system_now() -> Timestamp {
    let since_epoch =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}
