//! What came into accounts and went out of them by day: read once, and kept for the next report.
//!
//! Nothing behind an entry ever changes, so a day's sum that is whole stays right; the next report
//! reads what came since. Lost sums are read again.
//!
//! ```text
//!  newest ◀── in the sums ──▶ rest ◀── not read yet ──▶ first entry
//! ```
//!
//! # Invariants
//!
//! - The entries of the account from `newest` back to `rest`, not including that, are in the sums.
//! - A day that is older than the wanted range may be there in part; it is read on from `rest`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;

use super::Error;
use super::cash_flow::Flow;
use super::history::change_of;
use crate::engine::View;
use crate::journal::{self, Recorded};
use crate::ledger::id::{AccountId, Position};
use crate::ledger::time::Timestamp;
use crate::limits;

/// An account, and how many seconds its days are off UTC.
pub(super) type Key = (AccountId, i32);

/// The sums of some accounts; those not used for long are forgotten.
#[derive(Default)]
pub(super) struct DaySums(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    young: HashMap<Key, OfAccount>,
    old: HashMap<Key, OfAccount>,
    /// Days in the young ones, and the accounts themselves.
    days: usize,
}

#[derive(Default)]
struct OfAccount {
    sums: Arc<Mutex<Sums>>,
    /// How many days there are, known without their lock.
    days: usize,
}

/// One day of an account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Day {
    pub(super) flow: Flow,
    /// Its latest entry, where a part of it is read from.
    pub(super) latest: Position,
}

/// What is known of one account.
#[derive(Default)]
pub(super) struct Sums {
    newest: Option<Position>,
    rest: Option<Position>,
    pub(super) days: BTreeMap<Date, Day>,
}

impl DaySums {
    /// What is known of an account.
    pub(super) fn of(&self, key: Key) -> Arc<Mutex<Sums>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(young) = kept.young.get(&key) {
            return Arc::clone(&young.sums);
        }
        let old = kept.old.remove(&key).unwrap_or_default();
        let sums = Arc::clone(&old.sums);
        // One more for the account itself.
        kept.days += old.days + 1;
        kept.young.insert(key, old);
        sums
    }

    /// A report of an account has added so many days.
    pub(super) fn grown(&self, key: Key, days: usize) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.days += days;
        if let Some(young) = kept.young.get_mut(&key) {
            young.days += days;
        }
        if kept.days >= limits::FLOW_DAYS_KEPT / 2 {
            kept.old = std::mem::take(&mut kept.young);
            kept.days = 0;
        }
    }
}

/// Reads the entries of one account, of which it may read only so many.
pub(super) struct Reader<'a> {
    view: &'a View,
    key: Key,
    /// How many were read.
    pub(super) read: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(view: &'a View, key: Key) -> Self {
        Self { view, key, read: 0 }
    }

    /// Reads what is missing of the sums back to `from`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if that is too much at once; what was read is kept.
    pub(super) fn complete(
        &mut self,
        sums: &mut Sums,
        from: Option<Timestamp>,
    ) -> Result<(), Error> {
        let last = self.view.account(self.key.0).and_then(|account| account.last);
        let before = sums.newest;
        if last > before {
            let mut fresh = Sums { newest: last, rest: last, days: BTreeMap::new() };
            let read = self.extend(&mut fresh, |at, time| {
                Some(at) <= before || before.is_none() && from.is_some_and(|from| time < from)
            });
            if fresh.rest <= before {
                // The two meet: what was known goes on where this ends.
                fresh.rest = sums.rest;
                for (day, Day { flow, latest }) in std::mem::take(&mut sums.days) {
                    fresh.add(day, flow, latest);
                }
            }
            *sums = fresh;
            read?;
        }
        self.extend(sums, |_, time| from.is_some_and(|from| time < from))
    }

    /// Adds entry by entry from `rest` back until `is_enough`.
    fn extend(
        &mut self,
        sums: &mut Sums,
        is_enough: impl Fn(Position, Timestamp) -> bool,
    ) -> Result<(), Error> {
        while let Some(position) = sums.rest {
            let recorded = self.record(position)?;
            if is_enough(position, recorded.time) {
                return Ok(());
            }
            let (day, previous) = (recorded.time.date(self.key.1), self.previous(&recorded));
            if let Some(flow) = self.flow(recorded) {
                sums.add(day, flow, position);
            }
            sums.rest = previous;
        }
        Ok(())
    }

    /// The part of `day`, whose latest entry is given, between two moments, both included.
    ///
    /// # Errors
    /// As [`Reader::complete`].
    pub(super) fn part(
        &mut self,
        (day, latest): (Date, Position),
        (from, to): (Option<Timestamp>, Option<Timestamp>),
    ) -> Result<Flow, Error> {
        let (mut part, mut at) = (Flow::default(), Some(latest));
        while let Some(position) = at {
            let recorded = self.record(position)?;
            let is_before = from.is_some_and(|from| recorded.time < from);
            if is_before || recorded.time.date(self.key.1) != day {
                break;
            }
            at = self.previous(&recorded);
            if to.is_none_or(|to| recorded.time <= to) {
                part = part.plus(&self.flow(recorded).unwrap_or_default());
            }
        }
        Ok(part)
    }

    fn record(&mut self, position: Position) -> Result<Recorded, Error> {
        if self.read >= limits::REPORT_SCAN_MAX {
            return Err(Error::invalid("from", "the range has too many changes: narrow it"));
        }
        self.read += 1;
        let read: Result<Recorded, journal::Error> = self.view.record(position);
        Ok(read?)
    }

    fn previous(&self, recorded: &Recorded) -> Option<Position> {
        let link = recorded.links.iter().find(|link| link.account == self.key.0);
        link.and_then(|link| link.previous)
    }

    fn flow(&self, recorded: Recorded) -> Option<Flow> {
        change_of(self.key.0, recorded).map(|change| Flow::of(change.incoming, change.amount))
    }
}

impl Sums {
    fn add(&mut self, day: Date, flow: Flow, position: Position) {
        let new = || Day { flow: Flow::default(), latest: position };
        let known = self.days.entry(day).or_insert_with(new);
        known.flow = known.flow.plus(&flow);
        known.latest = known.latest.max(position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many days are kept of all accounts together.
    fn kept(all: &DaySums) -> usize {
        let kept = all.0.lock().unwrap();
        kept.young.values().chain(kept.old.values()).map(|of| of.days).sum()
    }

    #[test]
    fn what_is_asked_for_again_and_again_stays_within_the_bound_too() {
        let all = DaySums::default();
        for round in 0..4 {
            for account in 0..5_000 {
                let key = (AccountId(account), 0);
                all.of(key);
                all.grown(key, if round == 0 { 365 } else { 1 });
                assert!(kept(&all) <= limits::FLOW_DAYS_KEPT + 366, "{round} {account}");
            }
        }
        assert!(kept(&all) > limits::FLOW_DAYS_KEPT / 3, "and is kept as far as there is room");
    }
}
