//! Limits on guessing that count failures, so that any burst of honest users passes.
//!
//! Each key may fail a few times at once and earns further failures with time (a leaky bucket of
//! failures). Nothing is kept for a key that never fails. It deliberately forgets at a restart
//! and under a flood of keys: what must survive is `lockout`, derived from the journal.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};

use super::generations::Generations;
use crate::ledger::time::Timestamp;
use crate::limits::{
    ADDRESS_FAILURE_SECONDS, ADDRESS_FAILURES_BURST, NAME_FAILURE_SECONDS, NAME_FAILURES_BURST,
    SIGN_UP_SECONDS, SIGN_UPS_BURST, SITE_FAILURE_SECONDS, SITE_FAILURES_BURST, TENANT_SECONDS,
    TENANTS_BURST, THROTTLE_KEYS_MAX, THROTTLE_WAIT_SECONDS_MAX,
};

/// How many failures are borne, and what a success is worth.
#[derive(Clone, Copy)]
pub struct Policy {
    /// Failures before the key has to wait.
    pub burst: u32,
    /// Seconds in which one failure is forgotten.
    pub failure_seconds: i64,
    /// Whether a success forgets the failures. Never for a key that strangers share, such as an
    /// address: a guesser with one account of his own would wash his guesses away.
    pub success_clears: bool,
}

impl Policy {
    /// For logins from one network, see [`network`].
    pub const ADDRESS: Self = Self {
        burst: ADDRESS_FAILURES_BURST,
        failure_seconds: ADDRESS_FAILURE_SECONDS,
        success_clears: false,
    };

    /// For logins from one site, see [`super::networks::site`].
    pub const SITE: Self = Self {
        burst: SITE_FAILURES_BURST,
        failure_seconds: SITE_FAILURE_SECONDS,
        success_clears: false,
    };

    /// For logins with one name, whether somebody has it or not.
    pub const NAME: Self = Self {
        burst: NAME_FAILURES_BURST,
        failure_seconds: NAME_FAILURE_SECONDS,
        success_clears: true,
    };

    /// For sign-ups from one network, see [`network`], whatever becomes of them.
    pub const SIGN_UPS: Self =
        Self { burst: SIGN_UPS_BURST, failure_seconds: SIGN_UP_SECONDS, success_clears: false };

    /// For the users that one landlord makes, whatever becomes of it.
    pub const TENANTS: Self =
        Self { burst: TENANTS_BURST, failure_seconds: TENANT_SECONDS, success_clears: false };

    /// Seconds of debt a key may have and still try.
    fn borne_seconds(self) -> i64 {
        i64::from(self.burst).saturating_sub(1).saturating_mul(self.failure_seconds)
    }
}

/// Whole seconds after which another try makes sense; at least 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetryAfterSeconds(pub u64);

/// The failures of many keys, in bounded memory.
pub struct Throttle {
    policy: Policy,
    /// Per key the moment at which all of its failures are forgotten.
    clear_at: Generations<u64, Timestamp>,
    /// Keys are kept as SipHash digests: eight bytes however long, and nobody can aim a collision.
    digests: RandomState,
}

impl Throttle {
    /// A throttle that remembers `THROTTLE_KEYS_MAX` keys.
    pub fn new(policy: Policy) -> Self {
        let clear_at = Generations::new(THROTTLE_KEYS_MAX);
        Self { policy, clear_at, digests: RandomState::new() }
    }

    /// Whether `key` may try at `now`. Asking costs nothing and changes nothing.
    pub fn check(
        &self,
        key: &(impl Hash + ?Sized),
        now: Timestamp,
    ) -> Result<(), RetryAfterSeconds> {
        let Some((clear_at, _)) = self.clear_at.get(&self.digest(key)) else { return Ok(()) };
        let allowed_at = clear_at.plus_seconds(-self.policy.borne_seconds());
        // Also bounds the wait when the clock is set back.
        let wait_micros =
            allowed_at.micros_since(now).min(THROTTLE_WAIT_SECONDS_MAX.saturating_mul(1_000_000));
        match u64::try_from(wait_micros) {
            Ok(0) | Err(_) => Ok(()),
            Ok(micros) => Err(RetryAfterSeconds(micros.div_ceil(1_000_000))),
        }
    }

    /// Counts a failure of `key` at `now`.
    pub fn failed(&self, key: &(impl Hash + ?Sized), now: Timestamp) {
        let policy = self.policy;
        // Tries that were let in together all count when they fail, up to the longest wait.
        let latest = now
            .plus_seconds(policy.borne_seconds())
            .plus_seconds(THROTTLE_WAIT_SECONDS_MAX.max(policy.failure_seconds));
        self.clear_at.update(self.digest(key), |clear_at| {
            clear_at.unwrap_or(now).max(now).plus_seconds(policy.failure_seconds).min(latest)
        });
    }

    /// Lets `key` do at `now` what is dear even when it goes well, and counts it as a failure is.
    ///
    /// # Errors
    /// When to come back.
    pub fn spend(
        &self,
        key: &(impl Hash + ?Sized),
        now: Timestamp,
    ) -> Result<(), RetryAfterSeconds> {
        self.check(key, now)?;
        self.failed(key, now);
        Ok(())
    }

    /// Takes note of a success of `key`.
    pub fn succeeded(&self, key: &(impl Hash + ?Sized), _now: Timestamp) {
        if self.policy.success_clears {
            self.clear_at.remove(&self.digest(key));
        }
    }

    fn digest(&self, key: &(impl Hash + ?Sized)) -> u64 {
        self.digests.hash_one(key)
    }
}

/// What one subscriber can send from: an IPv4 address, or the /64 of an IPv6 one.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const POLICY: Policy = Policy { burst: 3, failure_seconds: 10, success_clears: true };

    #[test]
    fn failures_are_borne_then_cost_time() {
        // (seconds since the start, failures then, the answer to the next try)
        let table = [
            (0, 0, Ok(())),
            (0, 2, Ok(())),
            (0, 1, Err(RetryAfterSeconds(10))),
            (1, 0, Err(RetryAfterSeconds(9))),
            (10, 0, Ok(())),
            (10, 1, Err(RetryAfterSeconds(10))),
            (25, 0, Ok(())),
            (25, 1, Err(RetryAfterSeconds(5))),
            (3600, 0, Ok(())),
            (3600, 2, Ok(())),
            (3600, 1, Err(RetryAfterSeconds(10))),
        ];
        let throttle = Throttle::new(POLICY);
        for (row, (seconds, failures, expected)) in table.into_iter().enumerate() {
            let now = NOW.plus_seconds(seconds);
            for _ in 0..failures {
                throttle.failed("budi", now);
            }
            assert_eq!(throttle.check("budi", now), expected, "row {row}");
            assert_eq!(throttle.check("sari", now), Ok(()), "row {row}: another key");
        }
    }

    #[test]
    fn an_honest_burst_passes() {
        let throttle = Throttle::new(Policy::ADDRESS);
        let address = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..10_000 {
            assert_eq!(throttle.check(&address, NOW), Ok(()));
            throttle.succeeded(&address, NOW);
        }
    }

    #[test]
    fn a_guesser_is_stopped_in_the_midst_of_it() {
        let throttle = Throttle::new(Policy::ADDRESS);
        let address = IpAddr::from([192, 0, 2, 1]);
        let guesses = (0..10_000).filter(|_| {
            let allowed = throttle.check(&address, NOW).is_ok();
            if allowed {
                throttle.failed(&address, NOW);
            }
            // His own account does not wash the guesses away.
            throttle.succeeded(&address, NOW);
            allowed
        });
        assert_eq!(guesses.count(), usize::try_from(ADDRESS_FAILURES_BURST).unwrap());
    }

    #[test]
    fn tries_let_in_together_all_count() {
        let throttle = Throttle::new(POLICY);
        for _ in 0..8 {
            throttle.failed("budi", NOW);
        }
        assert_eq!(throttle.check("budi", NOW), Err(RetryAfterSeconds(60)));
        for _ in 0..100_000 {
            throttle.failed("budi", NOW);
        }
        let longest = u64::try_from(THROTTLE_WAIT_SECONDS_MAX).unwrap();
        assert_eq!(throttle.check("budi", NOW), Err(RetryAfterSeconds(longest)));
    }

    #[test]
    fn a_success_forgets_where_the_policy_says_so() {
        let throttle = Throttle::new(POLICY);
        for _ in 0..3 {
            throttle.failed("budi", NOW);
        }
        throttle.succeeded("budi", NOW);
        assert_eq!(throttle.check("budi", NOW), Ok(()));
    }

    #[test]
    fn a_clock_set_back_does_not_lock_for_ever() {
        let throttle = Throttle::new(POLICY);
        for _ in 0..4 {
            throttle.failed("budi", NOW);
        }
        let longest = u64::try_from(THROTTLE_WAIT_SECONDS_MAX).unwrap();
        assert_eq!(throttle.check("budi", Timestamp::EPOCH), Err(RetryAfterSeconds(longest)));
        throttle.failed("budi", Timestamp::EPOCH);
        let after = Timestamp::EPOCH.plus_seconds(THROTTLE_WAIT_SECONDS_MAX);
        assert_eq!(throttle.check("budi", after), Ok(()));
    }

    #[test]
    fn what_is_dear_is_counted_as_it_is_let_in() {
        let throttle = Throttle::new(POLICY);
        let burst = usize::try_from(POLICY.burst).unwrap();
        assert_eq!((0..10).filter(|_| throttle.spend("budi", NOW).is_ok()).count(), burst);
        assert_eq!(throttle.spend("sari", NOW), Ok(()));
        let later = NOW.plus_seconds(POLICY.failure_seconds);
        assert_eq!((0..10).filter(|_| throttle.spend("budi", later).is_ok()).count(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::new(POLICY);
        for key in 0..200_000_u32 {
            throttle.failed(&key, NOW);
        }
        assert!(throttle.clear_at.len() <= THROTTLE_KEYS_MAX);
    }

    #[test]
    fn a_subscriber_is_one_network() {
        let table = [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ];
        for (address, expected) in table {
            assert_eq!(network(address.parse().unwrap()), expected.parse::<IpAddr>().unwrap());
        }
    }
}
