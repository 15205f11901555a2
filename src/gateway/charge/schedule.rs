//! Which open charge is asked about next, and when. Nothing here reads a clock: moments are times
//! since the desk began.
//!
//! ```text
//!            due                 taken
//!  waiting ───────▶ ready ──────────────▶ away
//!     ▲                ▲   told meanwhile   │
//!     │                └────────────────────┤
//!     └─────────────────────────────────────┘ back
//! ```
//!
//! # Invariants
//!
//! - A charge is in one place at a time, so it is asked about once at a time, however often the
//!   provider speaks of it.
//! - Of what is ready, the most urgent goes first, and of that what was due first.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::ledger::id::Position;

/// Why a charge is asked about; the more urgent first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Urgency {
    /// The provider spoke of it.
    Told,
    /// Its time is about over, or just was.
    Expiring,
    /// It was not asked about for a while.
    Sweep,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Waiting,
    Ready,
    Away { told: bool },
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    due: Duration,
    urgency: Urgency,
    place: Place,
    asked: u32,
    since: Duration,
}

/// A charge whose turn it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Turn {
    pub(super) charge: Position,
    /// How often it was asked about before.
    pub(super) asked: u32,
    /// Since when this desk sees to it.
    pub(super) since: Duration,
    pub(super) urgency: Urgency,
}

/// Every charge that is seen to.
#[derive(Default)]
pub(super) struct Schedule {
    entries: HashMap<Position, Entry>,
    waiting: BTreeSet<(Duration, Position)>,
    ready: BTreeSet<(Urgency, Duration, Position)>,
}

impl Schedule {
    /// Takes a charge up, to be asked about at `due`. One that is there already stays as it is.
    pub(super) fn put(
        &mut self,
        charge: Position,
        now: Duration,
        (due, urgency): (Duration, Urgency),
    ) {
        if self.entries.contains_key(&charge) {
            return;
        }
        let place = Place::Waiting;
        self.entries.insert(charge, Entry { due, urgency, place, asked: 0, since: now });
        self.waiting.insert((due, charge));
    }

    /// Takes a charge up that somebody is seeing to right now.
    pub(super) fn put_away(&mut self, charge: Position, now: Duration) {
        let place = Place::Away { told: false };
        let entry = Entry { due: now, urgency: Urgency::Told, place, asked: 0, since: now };
        self.entries.entry(charge).or_insert(entry);
    }

    /// The provider spoke of a charge: it is asked about at once, and once more if an answer is on
    /// its way, since that may be older than the news.
    pub(super) fn told(&mut self, charge: Position, now: Duration) {
        self.put(charge, now, (now, Urgency::Told));
        let Some(entry) = self.entries.get_mut(&charge) else { return };
        match entry.place {
            Place::Away { .. } => entry.place = Place::Away { told: true },
            Place::Waiting => {
                self.waiting.remove(&(entry.due, charge));
                *entry = Entry { due: now, urgency: Urgency::Told, place: Place::Ready, ..*entry };
                self.ready.insert((entry.urgency, entry.due, charge));
            }
            Place::Ready if entry.urgency != Urgency::Told => {
                self.ready.remove(&(entry.urgency, entry.due, charge));
                entry.urgency = Urgency::Told;
                self.ready.insert((entry.urgency, entry.due, charge));
            }
            Place::Ready => {}
        }
    }

    /// Whose turn it is at `now`. What is merely swept goes only if `sweeps`.
    pub(super) fn take(&mut self, now: Duration, sweeps: bool) -> Option<Turn> {
        while let Some((due, charge)) = self.waiting.first().copied().filter(|next| next.0 <= now) {
            self.waiting.remove(&(due, charge));
            let entry = self.entries.get_mut(&charge).expect("what waits has an entry");
            entry.place = Place::Ready;
            self.ready.insert((entry.urgency, due, charge));
        }
        let (urgency, due, charge) = self.ready.first().copied()?;
        if urgency == Urgency::Sweep && !sweeps {
            return None;
        }
        self.ready.remove(&(urgency, due, charge));
        let entry = self.entries.get_mut(&charge).expect("what is ready has an entry");
        entry.place = Place::Away { told: false };
        let turn = Turn { charge, asked: entry.asked, since: entry.since, urgency };
        entry.asked = entry.asked.saturating_add(1);
        Some(turn)
    }

    /// A charge was asked about and stays open: it is asked about again at `due`, or at once if it
    /// was spoken of meanwhile.
    pub(super) fn back(
        &mut self,
        charge: Position,
        now: Duration,
        (due, urgency): (Duration, Urgency),
    ) {
        let Some(entry) = self.entries.get_mut(&charge) else { return };
        let Place::Away { told } = entry.place else { return };
        if told {
            *entry = Entry { due: now, urgency: Urgency::Told, place: Place::Ready, ..*entry };
            self.ready.insert((Urgency::Told, now, charge));
        } else {
            *entry = Entry { due, urgency, place: Place::Waiting, ..*entry };
            self.waiting.insert((due, charge));
        }
    }

    /// A charge needs no more questions, unless it was spoken of while one was under way.
    pub(super) fn gone(&mut self, charge: Position, now: Duration) {
        let Some(entry) = self.entries.get(&charge) else { return };
        if entry.place == (Place::Away { told: true }) {
            return self.back(charge, now, (now, Urgency::Told));
        }
        self.waiting.remove(&(entry.due, charge));
        self.ready.remove(&(entry.urgency, entry.due, charge));
        self.entries.remove(&charge);
    }

    /// How often a charge was asked about.
    pub(super) fn asked(&self, charge: Position) -> u32 {
        self.entries.get(&charge).map_or(0, |entry| entry.asked)
    }

    /// When the next of those that wait is due.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.waiting.first().map(|(due, _)| *due)
    }

    /// How many are ready.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }
}

/// Seconds between questions about a charge that nobody is sure of; the last goes on.
const UNSURE: [u64; 11] = [2, 5, 15, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600];
/// Seconds between questions about one that can be paid; the last goes on.
const PAYABLE: [u64; 7] = [60, 120, 300, 600, 900, 1_800, 3_600];

/// How long to wait before the question after `asked` ones. `seed` spreads charges of one moment
/// over a fifth of the wait either way.
pub(super) fn pause(asked: u32, is_payable: bool, seed: u64) -> Duration {
    let steps: &[u64] = if is_payable { &PAYABLE } else { &UNSURE };
    let step = usize::try_from(asked).unwrap_or(usize::MAX).min(steps.len() - 1);
    let millis = steps.get(step).copied().unwrap_or(3_600) * 1_000;
    let mixed = (seed ^ u64::from(asked)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let spread = millis * 2 / 5;
    Duration::from_millis(millis - spread / 2 + mixed % spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn charge(number: u64) -> Position {
        Position::new(number).unwrap()
    }

    fn turns(schedule: &mut Schedule, now: Duration) -> Vec<u64> {
        std::iter::from_fn(|| schedule.take(now, true)).map(|turn| turn.charge.get()).collect()
    }

    #[test]
    fn the_most_urgent_goes_first_and_nothing_before_its_time() {
        let mut schedule = Schedule::default();
        schedule.put(charge(1), at(0), (at(5), Urgency::Sweep));
        schedule.put(charge(2), at(0), (at(4), Urgency::Sweep));
        schedule.put(charge(3), at(0), (at(9), Urgency::Expiring));
        schedule.put(charge(4), at(0), (at(60), Urgency::Sweep));
        assert_eq!(turns(&mut schedule, at(3)), [0; 0]);
        assert_eq!(schedule.next_due(), Some(at(4)));
        schedule.told(charge(4), at(9));
        assert_eq!(turns(&mut schedule, at(9)), [4, 3, 2, 1]);
        assert_eq!(turns(&mut schedule, at(99)), [0; 0], "they are away");
    }

    #[test]
    fn a_sweep_waits_for_its_turn_and_nothing_else_does() {
        let mut schedule = Schedule::default();
        schedule.put(charge(1), at(0), (at(1), Urgency::Sweep));
        schedule.put(charge(2), at(0), (at(1), Urgency::Expiring));
        assert_eq!(schedule.take(at(1), false).unwrap().charge, charge(2));
        assert_eq!(schedule.take(at(1), false), None);
        assert_eq!(schedule.take(at(1), true).unwrap().charge, charge(1));
    }

    #[test]
    fn news_of_a_charge_are_asked_about_once_and_never_lost() {
        let mut schedule = Schedule::default();
        for _ in 0..6 {
            schedule.told(charge(1), at(1));
        }
        assert_eq!(schedule.ready(), 1);
        assert_eq!(turns(&mut schedule, at(1)), [1]);
        // Told while an answer is on its way: asked again, also if that answer was an end.
        schedule.told(charge(1), at(2));
        schedule.gone(charge(1), at(3));
        assert_eq!(turns(&mut schedule, at(3)), [1]);
        schedule.gone(charge(1), at(4));
        assert_eq!((schedule.entries.len(), schedule.ready()), (0, 0));
    }

    #[test]
    fn what_comes_back_is_asked_about_later() {
        let mut schedule = Schedule::default();
        schedule.put_away(charge(7), at(0));
        schedule.back(charge(7), at(1), (at(10), Urgency::Sweep));
        assert_eq!(turns(&mut schedule, at(9)), [0; 0]);
        let turn = schedule.take(at(10), true).unwrap();
        assert_eq!((turn.asked, turn.since, turn.urgency), (0, at(0), Urgency::Sweep));
        schedule.back(charge(7), at(11), (at(12), Urgency::Sweep));
        assert_eq!(schedule.asked(charge(7)), 1);
        schedule.gone(charge(7), at(11));
        assert!(schedule.waiting.is_empty() && schedule.entries.is_empty());
    }

    #[test]
    fn questions_become_rarer_and_are_spread() {
        for is_payable in [true, false] {
            let waits: Vec<_> = (0..12).map(|asked| pause(asked, is_payable, 7)).collect();
            assert!(waits.iter().zip(&waits[1..]).take(5).all(|(a, b)| a < b), "{waits:?}");
            assert!(waits.iter().all(|wait| *wait <= at(4_320)));
        }
        let first: Vec<_> = (0..1_000).map(|seed| pause(0, true, seed).as_millis()).collect();
        assert!(first.iter().all(|wait| (48_000..72_000).contains(wait)));
        let early = first.iter().filter(|wait| **wait < 60_000).count();
        assert!((400..600).contains(&early), "{early} of 1000 in the first half");
    }
}
