//! When failed logins lock an account. It follows from events in the journal, so that a restart
//! does not hand a guesser ten new tries.
//!
//! It knows nothing of addresses: strangers' bursts are the throttle's business.

use super::time::Timestamp;
use crate::limits::{LOGIN_FAILURES_MAX, LOGIN_LOCK_SECONDS};

/// Failures in a row of one account, and until when it is locked because of them.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct Lockout {
    /// Failures since the last success or the end of the last lock.
    pub failures: u32,
    /// The first moment at which the right password counts again.
    pub locked_until: Option<Timestamp>,
}

impl Lockout {
    /// After a wrong password at `now`. One given while locked does not lengthen the lock:
    /// otherwise a stranger could keep the owner out for ever.
    #[must_use]
    pub fn failed(self, now: Timestamp) -> Self {
        self.failed_of(now, LOGIN_FAILURES_MAX, LOGIN_LOCK_SECONDS)
    }

    /// [`Lockout::failed`] for something that locks after `failures_max`, for `lock_seconds`.
    #[must_use]
    pub fn failed_of(self, now: Timestamp, failures_max: u32, lock_seconds: i64) -> Self {
        if self.locked_at(now, lock_seconds).is_some() {
            return self;
        }
        let failures = match self.locked_until {
            None => self.failures.saturating_add(1),
            Some(_) => 1,
        };
        let locked_until = (failures >= failures_max).then(|| now.plus_seconds(lock_seconds));
        Self { failures, locked_until }
    }

    /// After the right password, given while not locked.
    #[must_use]
    pub fn succeeded(self) -> Self {
        Self::default()
    }

    /// Whether even the right password must be refused at `now`.
    pub fn is_locked(&self, now: Timestamp) -> bool {
        self.locked_at(now, LOGIN_LOCK_SECONDS).is_some()
    }

    /// Until when it is locked, if it is at `now`; a lock takes `lock_seconds`.
    pub fn locked_at(&self, now: Timestamp, lock_seconds: i64) -> Option<Timestamp> {
        // A lock never reaches further than its own length, whatever the clock said when it began.
        self.locked_until.filter(|until| {
            now < *until && now >= until.plus_seconds(lock_seconds.saturating_neg())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn after_failures(count: u32) -> Lockout {
        (0..count).fold(Lockout::default(), |lockout, _| lockout.failed(NOW))
    }

    #[test]
    fn the_eleventh_attempt_waits_half_an_hour_even_with_the_right_password() {
        assert!(!after_failures(9).is_locked(NOW));
        let locked = after_failures(10);
        assert!(locked.is_locked(NOW));
        assert!(locked.is_locked(NOW.plus_seconds(30 * 60 - 1)));
        assert!(!locked.is_locked(NOW.plus_seconds(30 * 60)));
    }

    #[test]
    fn a_success_forgets_failures() {
        let lockout = after_failures(9).succeeded();
        assert_eq!(lockout, Lockout::default());
        assert!(!lockout.failed(NOW).is_locked(NOW));
    }

    #[test]
    fn knocking_on_a_locked_door_does_not_lengthen_the_lock() {
        let locked = after_failures(10);
        assert_eq!(locked.failed(NOW.plus_seconds(60)), locked);
    }

    #[test]
    fn after_the_lock_ten_more_failures_lock_again() {
        let later = NOW.plus_seconds(LOGIN_LOCK_SECONDS);
        let mut lockout = after_failures(10);
        for _ in 0..9 {
            lockout = lockout.failed(later);
            assert!(!lockout.is_locked(later));
        }
        assert!(lockout.failed(later).is_locked(later));
    }

    #[test]
    fn replaying_the_same_failures_gives_the_same_lock() {
        assert_eq!(after_failures(10), after_failures(10));
    }
}
