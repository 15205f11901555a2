//! How many transfers, and how much money, within a sliding window: exact enough, and bounded.
//!
//! A window is cut into slots; a key keeps one count per slot in which something happened. What is
//! counted covers the whole window and at most one slot more: a rule may fire a little early, never
//! late. There is room for a fixed number of keys. Forgetting one to make room would let a flood of
//! new ones wash an old count away, so a full memory says that it is full.

use std::collections::BTreeMap;

use super::Subject;
use crate::ledger::id::UserId;
use crate::ledger::money::Amount;
use crate::ledger::registry::BankCode;
use crate::ledger::time::Timestamp;
use crate::limits;

/// There is no room for another key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no room to count")]
pub struct Full;

/// What is counted together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    /// By which rule, by its place.
    pub(super) rule: usize,
    /// Whose transfers.
    pub(super) whose: Whose,
}

/// Whose transfers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Whose {
    /// Of one client.
    Client(UserId),
    /// To one account, whoever pays.
    Beneficiary(BankCode, Box<str>),
}

/// What happened within a window.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Seen {
    /// How many transfers.
    pub(super) count: u64,
    /// How much in all.
    pub(super) sum: u128,
}

impl Seen {
    /// And one more of `amount`.
    pub(super) fn with(self, amount: Amount) -> Self {
        Self {
            count: self.count.saturating_add(1),
            sum: self.sum.saturating_add(u128::from(amount.get())),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            sum: self.sum.saturating_add(other.sum),
        }
    }
}

/// The counts of many keys.
#[derive(Debug)]
pub(super) struct Velocity {
    counters: BTreeMap<Key, Counter>,
    keys_max: usize,
    /// When what is over was last thrown away.
    swept: Timestamp,
}

/// The count of one key: per slot, those that are not over.
#[derive(Debug)]
struct Counter {
    slot_micros: i64,
    slots: BTreeMap<i64, Seen>,
}

impl Velocity {
    /// Room for `keys_max` keys.
    pub(super) const fn new(keys_max: usize) -> Self {
        Self { counters: BTreeMap::new(), keys_max, swept: Timestamp::EPOCH }
    }

    /// What happened to `key` in the window that ends at `at`.
    pub(super) fn seen(&self, key: &Key, window_seconds: i64, at: Timestamp) -> Result<Seen, Full> {
        match self.counters.get(key) {
            Some(counter) => Ok(counter.seen(at)),
            None if self.counters.len() >= self.keys_max => Err(Full),
            None => {
                debug_assert!(window_seconds > 0, "windows are checked when rules are read");
                Ok(Seen::default())
            }
        }
    }

    /// Counts a transfer.
    pub(super) fn record(
        &mut self,
        key: Key,
        window_seconds: i64,
        subject: &Subject<'_>,
    ) -> Result<(), Full> {
        if self.counters.len() >= self.keys_max && !self.counters.contains_key(&key) {
            return Err(Full);
        }
        let counter = self.counters.entry(key).or_insert_with(|| Counter::new(window_seconds));
        counter.record(subject.amount, subject.at);
        Ok(())
    }

    /// Gives counts to the rules' new places; those of rules without one are forgotten.
    pub(super) fn move_rules(&mut self, place: impl Fn(usize) -> Option<usize>) {
        let counters = std::mem::take(&mut self.counters).into_iter();
        self.counters = counters
            .filter_map(|(key, counter)| Some((Key { rule: place(key.rule)?, ..key }, counter)))
            .collect();
    }

    /// Throws away what is over, if the memory is full: at most once a second, since it looks at
    /// every key.
    pub(super) fn sweep(&mut self, at: Timestamp) {
        let rested = at.seconds() != self.swept.seconds();
        if self.counters.len() >= self.keys_max && rested {
            self.swept = at;
            self.counters.retain(|_, counter| counter.seen(at).count > 0);
        }
    }
}

impl Counter {
    const fn new(window_seconds: i64) -> Self {
        let micros = window_seconds.saturating_mul(1_000_000);
        // Rounded up, so that the slots together are no shorter than the window.
        let slot_micros =
            micros.saturating_add(limits::VELOCITY_SLOTS - 1) / limits::VELOCITY_SLOTS;
        Self { slot_micros, slots: BTreeMap::new() }
    }

    /// The oldest slot that counts at `at`.
    fn oldest(&self, at: Timestamp) -> i64 {
        at.micros().div_euclid(self.slot_micros.max(1)).saturating_sub(limits::VELOCITY_SLOTS)
    }

    fn seen(&self, at: Timestamp) -> Seen {
        // Later slots too: a clock that went back must not make anything look slow.
        self.slots.range(self.oldest(at)..).fold(Seen::default(), |sum, (_, seen)| sum.plus(*seen))
    }

    fn record(&mut self, amount: Amount, at: Timestamp) {
        let slot = at.micros().div_euclid(self.slot_micros.max(1));
        let seen = self.slots.entry(slot).or_default();
        *seen = seen.with(amount);
        let newest = self.slots.last_key_value().map_or(slot, |(newest, _)| *newest);
        self.slots = self.slots.split_off(&newest.saturating_sub(limits::VELOCITY_SLOTS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_790_000_000 + seconds)
    }

    fn subject(seconds: i64, units: u64) -> Subject<'static> {
        Subject {
            client: UserId(0),
            bank: BankCode::parse("009").unwrap(),
            account: "0115471119",
            amount: Amount::new(units).unwrap(),
            at: at(seconds),
        }
    }

    fn key(client: u32) -> Key {
        Key { rule: 0, whose: Whose::Client(UserId(client)) }
    }

    #[test]
    fn a_window_slides_and_is_never_too_short() {
        let mut velocity = Velocity::new(10);
        let mut record = |seconds, units| {
            velocity.record(key(0), 160, &subject(seconds, units)).unwrap();
        };
        record(0, 5);
        record(0, 7);
        record(100, 11);
        let seen = |seconds| {
            let Seen { count, sum } = velocity.seen(&key(0), 160, at(seconds)).unwrap();
            (count, sum)
        };
        let cases = [
            (0, (3, 23)),
            (100, (3, 23)),
            (160, (3, 23)),
            (180, (1, 11)),
            (260, (1, 11)),
            (280, (0, 0)),
        ];
        for (seconds, expected) in cases {
            assert_eq!(seen(seconds), expected, "after {seconds} s");
        }
        assert_eq!(velocity.seen(&key(1), 160, at(0)).unwrap(), Seen::default());
    }

    /// Against a list of everything, at many moments: never fewer than happened in the window,
    /// never more than in the window and a slot.
    #[test]
    fn counts_lie_between_the_window_and_a_slot_more() {
        let mut velocity = Velocity::new(1);
        let mut all: Vec<i64> = Vec::new();
        let mut state = 7_u64;
        let mut now = 0;
        for _ in 0..2_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            now += i64::try_from(state >> 60).unwrap();
            velocity.record(key(0), 97, &subject(now, 1)).unwrap();
            all.push(now);
            let later = now + i64::try_from((state >> 50) & 127).unwrap();
            let count = velocity.seen(&key(0), 97, at(later)).unwrap().count;
            let within = |reach: i64| {
                u64::try_from(all.iter().filter(|it| **it > later - reach).count()).unwrap()
            };
            assert!((within(97)..=within(97 + 2 * 7)).contains(&count), "{count} at {later}");
            let slots = velocity.counters.values().map(|counter| counter.slots.len()).max();
            assert!(slots.unwrap() <= 17);
        }
    }

    #[test]
    fn a_clock_that_goes_back_hides_nothing() {
        let mut velocity = Velocity::new(1);
        velocity.record(key(0), 60, &subject(1_000, 1)).unwrap();
        velocity.record(key(0), 60, &subject(990, 1)).unwrap();
        velocity.record(key(0), 60, &subject(0, 1)).unwrap();
        assert_eq!(velocity.seen(&key(0), 60, at(0)).unwrap().count, 2);
        assert_eq!(velocity.seen(&key(0), 60, at(1_000)).unwrap().count, 2);
    }

    #[test]
    fn a_full_memory_says_so_and_forgets_only_what_is_over() {
        let mut velocity = Velocity::new(2);
        velocity.record(key(0), 60, &subject(0, 1)).unwrap();
        velocity.record(key(1), 60, &subject(50, 1)).unwrap();
        assert_eq!(velocity.record(key(2), 60, &subject(50, 1)), Err(Full));
        assert_eq!(velocity.seen(&key(2), 60, at(50)), Err(Full));
        assert_eq!(velocity.record(key(0), 60, &subject(50, 1)), Ok(()), "those there go on");
        velocity.sweep(at(50));
        assert_eq!(velocity.seen(&key(2), 60, at(50)), Err(Full), "none of it is over");
        velocity.sweep(at(200));
        assert_eq!(velocity.record(key(2), 60, &subject(200, 1)), Ok(()));
        assert_eq!(velocity.counters.len(), 1);
    }
}
