//! The memory behind `Idempotency-Key`: the first good answer, again, for five minutes.
//!
//! ```text
//!  begin ──▶ Turn::First ──▶ finish(answer) ──▶ kept if good, for five minutes
//!        ├──▶ Turn::Running    the first is under way
//!        └──▶ Turn::Again      its answer
//! ```
//!
//! # Invariants
//!
//! - A key belongs to one merchant, whatever the path: the first good answer is repeated whatever
//!   is asked (Midtrans does not compare bodies either).
//! - Only good answers are kept: what failed may be tried again under the same key.
//! - It is in memory: what a request did is found again by its backend, which is given the key (the
//!   gateway writes it down with what was done); that an order is charged once rests on its order id.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use bytes::Bytes;

use crate::ledger::time::Timestamp;
use crate::limits;

/// An answer that can be given again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Kept {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// What the memory says to a request.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// It is the first; [`Replays::finish`] must follow.
    First,
    /// The first is under way.
    Running,
    /// The first was answered so.
    Again(Kept),
}

enum Entry {
    Running,
    Done(Kept),
}

/// Answers by merchant and key.
pub(super) struct Replays<M> {
    entries: HashMap<(M, String), Entry>,
    /// When answers are forgotten, soonest first.
    ends: VecDeque<(Timestamp, (M, String))>,
}

impl<M: Clone + Eq + Hash> Replays<M> {
    pub(super) fn new() -> Self {
        Self { entries: HashMap::new(), ends: VecDeque::new() }
    }

    /// Whose turn it is. Beyond `MIDTRANS_REPLAYS_MAX` the oldest answers are forgotten early.
    pub(super) fn begin(&mut self, merchant: &M, key: &str, now: Timestamp) -> Turn {
        self.forget(now);
        let name = (merchant.clone(), key.to_owned());
        match self.entries.get(&name) {
            Some(Entry::Running) => Turn::Running,
            Some(Entry::Done(kept)) => Turn::Again(kept.clone()),
            None => {
                self.entries.insert(name, Entry::Running);
                Turn::First
            }
        }
    }

    /// The first has ended; `kept` is its answer if that was good.
    pub(super) fn finish(&mut self, merchant: &M, key: &str, now: Timestamp, kept: Option<Kept>) {
        let name = (merchant.clone(), key.to_owned());
        match kept {
            None => {
                self.entries.remove(&name);
            }
            Some(kept) => {
                self.entries.insert(name.clone(), Entry::Done(kept));
                self.ends.push_back((now.plus_seconds(limits::MIDTRANS_REPLAY_SECONDS), name));
            }
        }
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((end, name)) = self.ends.front() {
            if *end > now && self.ends.len() < limits::MIDTRANS_REPLAYS_MAX {
                break;
            }
            self.entries.remove(name);
            self.ends.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn kept(body: &'static str) -> Kept {
        Kept { status: 200, body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn the_first_good_answer_is_repeated_for_five_minutes() {
        let mut replays = Replays::new();
        assert_eq!(replays.begin(&"m", "k", NOW), Turn::First);
        assert_eq!(replays.begin(&"m", "k", NOW), Turn::Running);
        assert_eq!(replays.begin(&"n", "k", NOW), Turn::First);
        replays.finish(&"m", "k", NOW, Some(kept("a")));
        let later = NOW.plus_seconds(limits::MIDTRANS_REPLAY_SECONDS - 1);
        assert_eq!(replays.begin(&"m", "k", later), Turn::Again(kept("a")));
        assert_eq!(replays.begin(&"m", "k", later.plus_seconds(1)), Turn::First);
    }

    #[test]
    fn what_failed_may_be_tried_again() {
        let mut replays = Replays::new();
        assert_eq!(replays.begin(&"m", "k", NOW), Turn::First);
        replays.finish(&"m", "k", NOW, None);
        assert_eq!(replays.begin(&"m", "k", NOW), Turn::First);
    }

    #[test]
    fn memory_has_a_bound() {
        let mut replays = Replays::new();
        for number in 0..limits::MIDTRANS_REPLAYS_MAX + 10 {
            let key = number.to_string();
            assert_eq!(replays.begin(&"m", &key, NOW), Turn::First);
            replays.finish(&"m", &key, NOW, Some(kept("a")));
        }
        assert!(replays.entries.len() <= limits::MIDTRANS_REPLAYS_MAX);
        assert_eq!(replays.begin(&"m", "0", NOW), Turn::First);
    }
}
