//! Orders as committed, with what readers list and count of them.
//!
//! The writer keeps the lists in step with every order it shows, so that nobody has to look through
//! all of them: what an account owes, what it awaits, what waits for a person.
//!
//! # Invariants
//!
//! - Lists and counts follow from the orders alone; a test compares them after every change.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard};

use super::gate::SpreadMap;
use crate::ledger::bill::Bill;
use crate::ledger::charge::{Charge, ChargePurpose};
use crate::ledger::id::{AccountId, Position};
use crate::ledger::order::{Order, TopUpState};
use crate::ledger::time::Timestamp;

/// Every order, and lists of them.
#[derive(Default)]
pub struct Orders {
    all: SpreadMap<Position, Order>,
    accounts: SpreadMap<AccountId, OfAccount>,
    /// Open holds by when they expire.
    expiries: Mutex<BTreeSet<(Timestamp, Position)>>,
    /// Money in suspense by when it should be resolved.
    late: Mutex<BTreeSet<(Timestamp, Position)>>,
    /// Top-ups that wait for an administrator.
    top_ups: Mutex<BTreeSet<Position>>,
    payouts: Mutex<BTreeSet<Position>>,
    /// On their way back through the provider.
    refunds: Mutex<BTreeSet<Position>>,
    /// What the provider says of ended charges and cannot be.
    odd: Mutex<BTreeSet<Position>>,
}

/// What concerns one account.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct OfAccount {
    /// Top-ups of it that wait for an administrator.
    top_ups: usize,
    /// Open bills that it is to pay.
    owed: Owed,
    /// Open bills that it issued.
    open_bills: usize,
    /// Open orders of its customers.
    orders: usize,
}

/// What an account is to pay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Owed {
    /// How many bills.
    pub count: usize,
    /// What they come to, in the units of the account's currency.
    pub units: u128,
}

impl Orders {
    pub(super) fn get(&self, position: Position) -> Option<Order> {
        self.all.get(&position).map(|order| *order)
    }

    /// Those that `wanted` picks, oldest first. Looks at all there are: for a start, and for tests.
    pub(super) fn picked(&self, wanted: impl Fn(&Order) -> bool) -> Vec<(Position, Order)> {
        let picked = self.all.iter().filter(|entry| wanted(entry.value()));
        let mut found: Vec<_> = picked.map(|entry| (*entry.key(), *entry.value())).collect();
        found.sort_by_key(|(position, _)| *position);
        found
    }

    pub(super) fn expired_holds(&self, now: Timestamp) -> Vec<Position> {
        let expiries = lock(&self.expiries);
        expiries.iter().take_while(|(at, _)| *at <= now).map(|(_, hold)| *hold).collect()
    }

    /// What this account is to pay.
    pub fn owed(&self, payer: AccountId) -> Owed {
        self.accounts.get(&payer).map(|of| of.owed).unwrap_or_default()
    }

    /// How many bills of this issuer are still to be paid.
    pub fn open_bills(&self, issuer: AccountId) -> usize {
        self.accounts.get(&issuer).map_or(0, |of| of.open_bills)
    }

    /// How many orders of customers of this account are open.
    pub fn open_orders(&self, merchant: AccountId) -> usize {
        self.accounts.get(&merchant).map_or(0, |of| of.orders)
    }

    /// How many top-ups of this account wait for an administrator.
    pub fn top_ups_of(&self, account: AccountId) -> usize {
        self.accounts.get(&account).map_or(0, |of| of.top_ups)
    }

    /// At most `limit` top-ups that wait for an administrator, oldest first, those after `after`.
    pub fn top_ups(&self, after: Option<Position>, limit: usize) -> Vec<Position> {
        let top_ups = lock(&self.top_ups);
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        top_ups.range((from, Bound::Unbounded)).take(limit).copied().collect()
    }

    /// Money in suspense, oldest first.
    pub fn late(&self) -> Vec<Position> {
        let mut late: Vec<_> = lock(&self.late).iter().map(|(_, position)| *position).collect();
        late.sort_unstable();
        late
    }

    /// How many sums stand in suspense: all, and those that were to be resolved before `now`.
    pub fn late_counts(&self, now: Timestamp) -> (usize, usize) {
        let late = lock(&self.late);
        (late.len(), late.iter().take_while(|(deadline, _)| *deadline < now).count())
    }

    /// Open payouts, oldest first.
    pub fn payouts(&self) -> Vec<Position> {
        lock(&self.payouts).iter().copied().collect()
    }

    /// Open refunds through the provider, oldest first.
    pub fn refunds(&self) -> Vec<Position> {
        lock(&self.refunds).iter().copied().collect()
    }

    /// Odd charges that wait for a person, oldest first.
    pub fn odd(&self) -> Vec<Position> {
        lock(&self.odd).iter().copied().collect()
    }

    /// Shows an order as it is from here on; `None`: it is gone. Writer only.
    pub(super) fn publish(&self, position: Position, order: Option<Order>) {
        let before = match order {
            Some(order) => self.all.insert(position, order),
            None => self.all.remove(&position).map(|(_, order)| order),
        };
        if let Some(before) = before {
            self.strike(position, &before);
        }
        if let Some(order) = order {
            self.list(position, &order);
        }
    }

    fn list(&self, position: Position, order: &Order) {
        match *order {
            Order::Hold { expires, .. } => drop(lock(&self.expiries).insert((expires, position))),
            Order::Late(late) => drop(lock(&self.late).insert((late.deadline, position))),
            Order::Payout(_) => drop(lock(&self.payouts).insert(position)),
            Order::Refund(_) => drop(lock(&self.refunds).insert(position)),
            Order::Odd(_) => drop(lock(&self.odd).insert(position)),
            Order::TopUp { account, state: TopUpState::Awaiting, .. } => {
                lock(&self.top_ups).insert(position);
                self.accounts.entry(account).or_default().top_ups += 1;
            }
            Order::Bill(bill) => self.list_bill(&bill),
            Order::Charge(Charge { account, purpose: ChargePurpose::Order, .. }) => {
                self.accounts.entry(account).or_default().orders += 1;
            }
            Order::TopUp { .. } | Order::Refunds { .. } | Order::Callback(_) | Order::Charge(_) => {
            }
        }
    }

    fn list_bill(&self, bill: &Bill) {
        self.accounts.entry(bill.account).or_default().open_bills += 1;
        let mut payer = self.accounts.entry(bill.payer).or_default();
        payer.owed.count += 1;
        payer.owed.units += u128::from(bill.amount.get());
    }

    fn strike(&self, position: Position, order: &Order) {
        match *order {
            Order::Hold { expires, .. } => drop(lock(&self.expiries).remove(&(expires, position))),
            Order::Late(late) => drop(lock(&self.late).remove(&(late.deadline, position))),
            Order::Payout(_) => drop(lock(&self.payouts).remove(&position)),
            Order::Refund(_) => drop(lock(&self.refunds).remove(&position)),
            Order::Odd(_) => drop(lock(&self.odd).remove(&position)),
            Order::TopUp { account, state: TopUpState::Awaiting, .. } => {
                lock(&self.top_ups).remove(&position);
                self.change(account, |of| of.top_ups -= 1);
            }
            Order::Bill(bill) => {
                self.change(bill.account, |of| of.open_bills -= 1);
                self.change(bill.payer, |of| {
                    of.owed.count -= 1;
                    of.owed.units -= u128::from(bill.amount.get());
                });
            }
            Order::Charge(Charge { account, purpose: ChargePurpose::Order, .. }) => {
                self.change(account, |of| of.orders -= 1);
            }
            Order::TopUp { .. } | Order::Refunds { .. } | Order::Callback(_) | Order::Charge(_) => {
            }
        }
    }

    /// Changes what concerns an account, and forgets one that nothing does.
    fn change(&self, account: AccountId, change: impl FnOnce(&mut OfAccount)) {
        change(&mut self.accounts.entry(account).or_default());
        self.accounts.remove_if(&account, |_, of| *of == OfAccount::default());
    }
}

fn lock<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().expect("no holder of this lock panics")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::charge::{ChargeSource, ChargeState, Late};
    use crate::ledger::id::Principal;
    use crate::ledger::money::{Amount, Currency};
    use crate::ledger::odd::{Odd, OddCharge};
    use crate::ledger::refund::{Refund, RefundState};

    fn at(number: u64) -> Position {
        Position::new(number).unwrap()
    }

    /// An order of some kind and state; `None` takes it away.
    fn order(kind: u8, account: u32, amount: u64, step: u64) -> Option<Order> {
        let (account, other) = (AccountId(account), AccountId(account + 1));
        let amount = Amount::new(amount).unwrap();
        let currency = Currency::IDR;
        let time = Timestamp::from_seconds(i64::try_from(step).unwrap());
        let top_up = |state| {
            let requested_by = Principal::System;
            Order::TopUp { account, amount, currency, requested_by, state }
        };
        let charge = |purpose| {
            let (source, state) = (ChargeSource::Provider, ChargeState::Asked);
            Order::Charge(Charge {
                account,
                amount,
                fee: None,
                purpose,
                source,
                state,
                expires: time,
            })
        };
        Some(match kind {
            0 => Order::Hold { account, amount, expires: time },
            1 => top_up(TopUpState::Awaiting),
            2 => top_up(TopUpState::Approved(at(1))),
            3..=5 => Order::Bill(Bill { account, payer: other, amount, currency }),
            6 => Order::Late(Late { account, charge: at(1), amount, deadline: time }),
            7 => charge(ChargePurpose::Order),
            8 => charge(ChargePurpose::TopUp),
            10 => Order::Odd(OddCharge { charge: at(1), odd: Odd::TakenBack }),
            9 => {
                let state = RefundState::Asked;
                Order::Refund(Refund { account, payment: at(1), amount, state })
            }
            _ => return None,
        })
    }

    /// The lists, found by looking at every order.
    fn compare(orders: &Orders) {
        let all = orders.picked(|_| true);
        let positions = |wanted: &dyn Fn(&Order) -> bool| -> Vec<Position> {
            all.iter().filter(|(_, order)| wanted(order)).map(|(at, _)| *at).collect()
        };
        let is_awaiting =
            |order: &Order| matches!(order, Order::TopUp { state: TopUpState::Awaiting, .. });
        let awaiting = positions(&is_awaiting);
        assert_eq!(orders.top_ups(None, usize::MAX), awaiting);
        let behind: Vec<_> = awaiting.iter().skip(1).take(2).copied().collect();
        assert_eq!(
            orders.top_ups(awaiting.first().copied(), 2).get(..behind.len()),
            Some(&*behind)
        );
        let late = positions(&|order| matches!(order, Order::Late(_)));
        assert_eq!(orders.late(), late);
        assert_eq!(orders.odd(), positions(&|order| matches!(order, Order::Odd(_))));
        assert_eq!(orders.refunds(), positions(&|order| matches!(order, Order::Refund(_))));
        let overdue = positions(
            &|order| matches!(order, Order::Late(late) if late.deadline < Timestamp::from_seconds(5)),
        );
        let counts = orders.late_counts(Timestamp::from_seconds(5));
        assert_eq!(counts, (late.len(), overdue.len()));
        for account in (0..6).map(AccountId) {
            let bills = all.iter().filter_map(|(_, order)| match order {
                Order::Bill(bill) => Some(*bill),
                _ => None,
            });
            let (mut owed, mut open) = (Owed::default(), 0);
            for bill in bills {
                open += usize::from(bill.account == account);
                if bill.payer == account {
                    owed.count += 1;
                    owed.units += u128::from(bill.amount.get());
                }
            }
            assert_eq!((orders.owed(account), orders.open_bills(account)), (owed, open));
            let of = all.iter().filter(|(_, order)| {
                is_awaiting(order)
                    && matches!(order, Order::TopUp { account: of, .. } if *of == account)
            });
            assert_eq!(orders.top_ups_of(account), of.count());
            let of = all.iter().filter(|(_, order)| {
                matches!(order, Order::Charge(charge)
                    if charge.account == account && charge.purpose == ChargePurpose::Order)
            });
            assert_eq!(orders.open_orders(account), of.count());
        }
    }

    proptest! {
        #[test]
        fn lists_follow_from_the_orders(
            steps in prop::collection::vec((1_u64..12, 0_u8..12, 1_u64..100), 1..60),
        ) {
            let orders = Orders::default();
            for (step, (position, kind, amount)) in (0_u64..).zip(steps) {
                // An order keeps its accounts.
                let account = u32::try_from(position % 4).unwrap();
                orders.publish(at(position), order(kind, account, amount, step % 10));
                compare(&orders);
            }
        }
    }
}
