//! What each administrator has moved alone today: many small acts need another like one large one.
//!
//! # Invariants
//!
//! - Taken before the movement is decided, and given back only if for certain it did not happen.
//! - Days are those of the books, sums those of one currency. Only administrators who moved money today
//!   are kept.
//! - This is not in the journal. What was moved before this process began, on the day it began, is read
//!   once from the histories of the house's accounts and counts whole, also what two agreed on. If that
//!   is more than [`limits::ALONE_SCAN_MAX`] entries, nobody moves anything alone until midnight.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{Error, Gateway};
use crate::engine::{Outcome, View};
use crate::journal;
use crate::ledger::event::{AccountKind, Fact};
use crate::ledger::id::{AccountId, Position, Principal};
use crate::ledger::money::{Amount, Currency};
use crate::limits;

/// Sums of today.
pub(super) struct Alone {
    /// The last entry before this process, and the day on which it began.
    began: (Position, i64),
    today: Mutex<Today>,
}

#[derive(Default)]
struct Today {
    day: i64,
    /// In minor units; currencies that were read have one of nobody's.
    sums: HashMap<(Principal, Currency), u64>,
}

/// What was taken for an act that is under way. Dropped, it stays taken.
#[must_use]
pub(super) struct Share<'a>(Option<(&'a Alone, i64, (Principal, Currency), Amount)>);

impl Alone {
    pub(super) fn new(view: &View, day: i64) -> Self {
        Self { began: (view.position(), day), today: Mutex::default() }
    }

    fn take(
        &self,
        view: &View,
        day: i64,
        key: (Principal, Currency),
        (amount, max): (Amount, Amount),
    ) -> Option<Share<'_>> {
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back gives nothing back.
        if today.day < day {
            *today = Today { day, sums: HashMap::new() };
        }
        let nobody = (Principal::System, key.1);
        if day == self.began.1 && !today.sums.contains_key(&nobody) {
            let before = self.before(view, key.1);
            today.sums.extend(before.unwrap_or_else(|_| HashMap::from([(nobody, u64::MAX)])));
            today.sums.entry(nobody).or_default();
        }
        let all = today.sums.get(&nobody).copied().unwrap_or_default();
        let sum = today.sums.get(&key).copied().unwrap_or_default().max(all);
        let sum = sum.saturating_add(amount.get());
        (sum <= max.get()).then(|| {
            let day = today.day;
            today.sums.insert(key, sum);
            Share(Some((self, day, key, amount)))
        })
    }

    fn give_back(&self, day: i64, key: (Principal, Currency), amount: Amount) {
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if today.day == day
            && let Some(sum) = today.sums.get_mut(&key)
        {
            *sum = sum.saturating_sub(amount.get());
        }
    }

    /// What people moved between the house and others on the day on which this process began, before
    /// it did.
    fn before(
        &self,
        view: &View,
        currency: Currency,
    ) -> Result<HashMap<(Principal, Currency), u64>, journal::Error> {
        let mut sums = HashMap::new();
        let mut left = limits::ALONE_SCAN_MAX;
        for kind in [AccountKind::Clearing, AccountKind::Suspense] {
            let Some(account) = view.house_account(kind, currency) else { continue };
            let mut at = view.account(account).and_then(|account| account.last);
            while let Some(position) = at {
                let recorded = view.record(position)?;
                if recorded.time.book_day() < self.began.1 {
                    break;
                }
                if left == 0 {
                    return Ok(HashMap::from([((Principal::System, currency), u64::MAX)]));
                }
                left -= 1;
                if position <= self.began.0 {
                    note(&mut sums, account, currency, &recorded.event.fact);
                }
                let link = recorded.links.iter().find(|link| link.account == account);
                at = link.and_then(|link| link.previous);
            }
        }
        Ok(sums)
    }
}

fn note(
    sums: &mut HashMap<(Principal, Currency), u64>,
    account: AccountId,
    currency: Currency,
    fact: &Fact,
) {
    let Fact::Moved(movement) = fact else { return };
    let by = movement.origin.principal;
    if matches!(by, Principal::User(_)) && [movement.debit, movement.credit].contains(&account) {
        let sum = sums.entry((by, currency)).or_default();
        *sum = sum.saturating_add(movement.amount.get());
    }
}

impl Share<'_> {
    /// Gives back what was taken if for certain nothing moved because of this request.
    pub(super) fn settle(self, result: &Result<Outcome, Error>) {
        let Some((alone, day, key, amount)) = self.0 else { return };
        let is_void = match result {
            Ok(outcome) => outcome.replayed,
            Err(error) => !matches!(error, Error::Journal(_)),
        };
        if is_void {
            alone.give_back(day, key, amount);
        }
    }
}

impl Gateway {
    /// A share of what `by` may move without another today; `None` if it would be too much.
    pub(super) fn take_alone(
        &self,
        by: Principal,
        amount: Amount,
        currency: Currency,
    ) -> Option<Share<'_>> {
        let Some(max) = self.settings.top_up_alone_max else { return Some(Share(None)) };
        let day = self.engine.clock().now().book_day();
        self.alone.take(self.view(), day, (by, currency), (amount, max))
    }
}
