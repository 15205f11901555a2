//! How much a client may send in a day of the books.
//!
//! What counts is what was begun that day, whatever became of it: a limit is there for the day on
//! which something is wrong, and then failures are part of it. The sum is counted in memory and
//! begins, after a start, with what the journal says of the day.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::engine::View;
use crate::journal;
use crate::ledger::event::Fact;
use crate::ledger::id::AccountId;
use crate::ledger::money::{Amount, Total};
use crate::ledger::time::{BOOK_OFFSET_SECONDS, Timestamp};

/// Sums of the day, by account.
#[derive(Default)]
pub struct Allowance(Mutex<HashMap<AccountId, Day>>);

#[derive(Clone, Copy)]
struct Day {
    number: i64,
    sum: Total,
}

/// What is to leave an account, and the most that may in a day.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Whose.
    pub account: AccountId,
    /// How much now.
    pub amount: Amount,
    /// How much in a day.
    pub max: Amount,
}

/// A share of the day's allowance. It stays taken, also if whoever took it goes away, unless it is
/// given back.
#[must_use = "a share that is not used is given back"]
pub struct Share<'a> {
    allowance: &'a Allowance,
    account: AccountId,
    day: i64,
    amount: Amount,
}

impl Share<'_> {
    /// What it was taken for was refused.
    pub fn give_back(self) {
        let mut days = self.allowance.0.lock().expect("no holder of this lock panics");
        if let Some(day) = days.get_mut(&self.account).filter(|day| day.number == self.day) {
            let rest = day.sum.units().saturating_sub(self.amount.get().into());
            day.sum = Total::from_units(rest);
        }
    }
}

impl Allowance {
    /// Takes a share of what is left for the day of `now`; `None` if less is left.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn take(
        &self,
        view: &Arc<View>,
        wanted: Wanted,
        now: Timestamp,
    ) -> Result<Option<Share<'_>>, journal::Error> {
        let (Wanted { account, amount, max }, today) = (wanted, day_of(now));
        if !self.knows(account, today) {
            let of_view = Arc::clone(view);
            let begun = tokio::task::spawn_blocking(move || begun_on(&of_view, account, today));
            let sum = begun.await.expect("reading history does not panic")?;
            let mut days = self.0.lock().expect("no holder of this lock panics");
            // Somebody else may have been quicker, and counted since.
            let day = days.entry(account).or_insert(Day { number: today, sum });
            if day.number < today {
                *day = Day { number: today, sum };
            }
        }
        let mut days = self.0.lock().expect("no holder of this lock panics");
        let day = days.get_mut(&account).expect("entered above");
        let after = day.sum.plus(amount);
        if after > Total::ZERO.plus(max) {
            return Ok(None);
        }
        day.sum = after;
        Ok(Some(Share { allowance: self, account, day: day.number, amount }))
    }

    /// A clock set back goes on counting the later day.
    fn knows(&self, account: AccountId, today: i64) -> bool {
        let days = self.0.lock().expect("no holder of this lock panics");
        days.get(&account).is_some_and(|day| day.number >= today)
    }
}

/// What the journal says was begun from `account` on the day `today`.
fn begun_on(view: &View, account: AccountId, today: i64) -> Result<Total, journal::Error> {
    let mut sum = Total::ZERO;
    let mut next = view.account(account).and_then(|account| account.last);
    // To the beginning of the day, however much there is: a sum of a part would allow too much.
    while let Some(position) = next {
        let recorded = view.record(position)?;
        if day_of(recorded.event.at) < today {
            break;
        }
        if let Fact::PayoutStarted(started) = &recorded.event.fact {
            sum = sum.plus(started.amount);
        }
        next = recorded.links.iter().find(|link| link.account == account).and_then(|l| l.previous);
    }
    Ok(sum)
}

fn day_of(at: Timestamp) -> i64 {
    at.seconds().saturating_add(BOOK_OFFSET_SECONDS.into()).div_euclid(24 * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_jakarta() {
        let at = |text: &str| day_of(Timestamp::parse_rfc3339(text).unwrap());
        assert_eq!(at("2026-11-21T00:00:00+07:00"), at("2026-11-21T23:59:59+07:00"));
        assert_eq!(at("2026-11-21T00:00:00+07:00") - 1, at("2026-11-20T23:59:59+07:00"));
    }
}
