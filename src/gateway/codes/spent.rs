//! What each user let out without a code today: many small amounts need one like one large amount.
//!
//! ```text
//!  take ── would it be too much? ── yes: a code is asked for, and nothing is taken
//!                                └─ no: taken ── the movement is refused, or a replay ── given back
//!                                             └─ durable, or nobody knows ────────────── stays
//! ```
//!
//! # Invariants
//!
//! - Taken before the movement is decided, so that of many at once no more than what is allowed gets
//!   through; what nobody knows the end of stays taken.
//! - Days are those of the books. Only users who paid today are kept: the first of a day forgets those
//!   of the day before.
//! - This is not in the journal. What left a user's wallet before this process began, on the day it
//!   began, is read from their history at their first payment and counts whole, also what a code was
//!   given for: after a restart a code may be asked for too early, and never too late.

use std::sync::atomic::{AtomicI64, Ordering};

use dashmap::DashMap;

use crate::engine::View;
use crate::gateway::Error;
use crate::journal::Recorded;
use crate::ledger::event::{Fact, MovementKind};
use crate::ledger::id::{AccountId, Position, UserId};
use crate::ledger::payout::Purpose;
use crate::limits;

/// Sums of today, by user.
pub struct Spent {
    users: DashMap<UserId, Sum>,
    /// The latest day that was seen, of the books.
    today: AtomicI64,
    /// The last entry before this process, and the day on which it began.
    began: (Position, i64),
}

#[derive(Clone, Copy)]
struct Sum {
    day: i64,
    /// In minor units of the default currency.
    units: u64,
}

/// What was taken for a movement that is under way. Dropped, it stays taken.
#[must_use]
pub struct Taken<'a>(Option<(&'a Spent, UserId, Sum)>);

impl Spent {
    /// Sums of a process that begins now, on `day`, behind the entries of `view`.
    pub(in crate::gateway) fn new(view: &View, day: i64) -> Self {
        Self { users: DashMap::new(), today: AtomicI64::new(day), began: (view.position(), day) }
    }

    /// Takes `units` on `day` if with them less than `least` has left; `account` is the user's.
    pub(super) fn take(
        &self,
        view: &View,
        (user, account): (UserId, AccountId),
        (units, day): (u64, i64),
        least: u64,
    ) -> Option<Taken<'_>> {
        self.turn_to(day);
        if let Some(mut sum) = self.users.get_mut(&user) {
            return self.add(&mut sum, user, Sum { day, units }, least);
        }
        let before = self.before(view, account, day);
        let mut sum = self.users.entry(user).or_insert(Sum { day, units: before });
        self.add(&mut sum, user, Sum { day, units }, least)
    }

    /// The first of a day forgets those of the day before. Read first: a line of memory that all cores
    /// write would be dear on every payment.
    fn turn_to(&self, day: i64) {
        let is_new = self.today.load(Ordering::Relaxed) < day;
        if is_new && self.today.fetch_max(day, Ordering::Relaxed) < day {
            self.users.retain(|_, sum| sum.day >= day);
        }
    }

    /// Whether so much more would be too much; nothing is taken.
    pub(super) fn reaches(
        &self,
        view: &View,
        (user, account): (UserId, AccountId),
        (units, day): (u64, i64),
        least: u64,
    ) -> bool {
        let known = self.users.get(&user).map(|sum| *sum);
        let spent = match known {
            Some(sum) if sum.day >= day => sum.units,
            Some(_) => 0,
            None => self.before(view, account, day),
        };
        spent.saturating_add(units) >= least
    }

    fn add(&self, sum: &mut Sum, user: UserId, more: Sum, least: u64) -> Option<Taken<'_>> {
        // A clock that was set back gives nothing back.
        if sum.day < more.day {
            *sum = Sum { day: more.day, units: 0 };
        }
        let units = sum.units.saturating_add(more.units);
        (units < least).then(|| {
            sum.units = units;
            Taken(Some((self, user, Sum { day: sum.day, ..more })))
        })
    }

    fn give_back(&self, user: UserId, taken: Sum) {
        if let Some(mut sum) = self.users.get_mut(&user)
            && sum.day == taken.day
        {
            sum.units = sum.units.saturating_sub(taken.units);
        }
    }

    /// What left the account on `day` before this process began; everything there is if that is too
    /// much to read, or cannot be read.
    fn before(&self, view: &View, account: AccountId, day: i64) -> u64 {
        let (last, began) = self.began;
        if day != began {
            return 0;
        }
        let mut units = 0_u64;
        let mut at = view.account(account).and_then(|account| account.last);
        for _ in 0..limits::HISTORY_SCAN_MAX {
            let Some(position) = at else { return units };
            let Ok(recorded) = view.record(position) else { return u64::MAX };
            if recorded.time.book_day() < day {
                return units;
            }
            if position <= last {
                units = units.saturating_add(left(account, &recorded));
            }
            let link = recorded.links.iter().find(|link| link.account == account);
            at = link.and_then(|link| link.previous);
        }
        u64::MAX
    }
}

/// How much a record let out of the account, in a way that codes are asked for.
fn left(account: AccountId, recorded: &Recorded) -> u64 {
    match &recorded.event.fact {
        Fact::Moved(movement) if movement.debit == account => match movement.kind {
            // Counted when it was asked for.
            MovementKind::PaidOut { .. }
            | MovementKind::HoldPosted { .. }
            | MovementKind::Refund { .. }
            | MovementKind::Adjustment { .. } => 0,
            _ => movement.amount.get(),
        },
        Fact::PayoutStarted(started)
            if started.account == account && started.purpose == Purpose::Withdrawal =>
        {
            started.amount.get()
        }
        _ => 0,
    }
}

impl Taken<'_> {
    /// Nothing was taken: a code was given, or none is asked for.
    pub(super) const NOTHING: Self = Taken(None);

    /// Gives back what was taken if for certain nothing left because of this request: it failed, or
    /// was answered as one before it.
    pub(in crate::gateway) fn settle(self, replayed: Result<bool, &Error>) {
        let Some((spent, user, taken)) = self.0 else { return };
        let is_void = match replayed {
            Ok(replayed) => replayed,
            Err(error) => !matches!(error, Error::Journal(_)),
        };
        if is_void {
            spent.give_back(user, taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANI: UserId = UserId(1);

    fn spent() -> Spent {
        Spent { users: DashMap::new(), today: AtomicI64::new(5), began: (Position::FIRST, 5) }
    }

    fn add(spent: &Spent, user: UserId, units: u64, day: i64) -> bool {
        spent.turn_to(day);
        let mut sum = spent.users.entry(user).or_insert(Sum { day, units: 0 });
        spent.add(&mut sum, user, Sum { day, units }, 1_000).is_some()
    }

    #[test]
    fn amounts_of_a_day_add_up_and_those_of_another_do_not() {
        let spent = spent();
        // (user, units, day, whether it is let through)
        let table = [
            (1, 999, 5, true),
            (1, 1, 5, false),
            (2, 500, 5, true),
            (2, 500, 5, false),
            (2, 499, 5, true),
            (1, 999, 6, true),
            // A clock that is set back.
            (1, 1, 5, false),
            (1, 1, 6, false),
            (3, 1_000, 6, false),
            (3, u64::MAX, 6, false),
            (3, 1, 6, true),
        ];
        for (row, (user, units, day, is_let)) in table.into_iter().enumerate() {
            assert_eq!(add(&spent, UserId(user), units, day), is_let, "row {row}");
        }
        assert_eq!(spent.users.len(), 2, "those of the day before are forgotten");
    }

    #[test]
    fn what_was_taken_for_nothing_is_given_back_on_its_day() {
        let spent = spent();
        let taken = |day| {
            let mut sum = spent.users.entry(ANI).or_insert(Sum { day, units: 0 });
            spent.add(&mut sum, ANI, Sum { day, units: 999 }, 1_000).map(|taken| taken.0)
        };
        let units = || spent.users.get(&ANI).map(|sum| sum.units);
        Taken(taken(5).unwrap()).settle(Err(&Error::NotFound));
        assert_eq!(units(), Some(0));
        drop(Taken(taken(5).unwrap()));
        assert_eq!(units(), Some(999), "nobody knows");
        let today = Taken(taken(6).unwrap());
        spent.give_back(ANI, Sum { day: 5, units: 999 });
        assert_eq!(units(), Some(999), "that was yesterday's");
        today.settle(Err(&Error::CodeRequired));
        assert_eq!(units(), Some(0));
    }
}
