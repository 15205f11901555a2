//! Whether entries about bills, charges and late money fit the book.

use super::{about, in_bounds};
use crate::ledger::account::Account;
use crate::ledger::bill::{self, Bill, BillIssued};
use crate::ledger::book::Book;
use crate::ledger::charge::{self, ChargePurpose};
use crate::ledger::event::{Fact, Movement, MovementKind};
use crate::ledger::id::{AccountId, Position};
use crate::ledger::odd;
use crate::ledger::refund;
use crate::ledger::time::Timestamp;

/// Why `fact` cannot stand in `book`, if it is about a bill or a charge and cannot.
pub(super) fn misfit(book: &Book, fact: &Fact) -> Option<&'static str> {
    match fact {
        Fact::BillIssued(issued) => {
            let BillIssued { account, payer, amount, currency, .. } = **issued;
            let fits = |it: &Account| it.currency == currency && in_bounds(amount);
            about(book, account, fits).or_else(|| about(book, payer, fits))
        }
        Fact::BillCancelled(cancelled) => match unpaid(book, cancelled.bill, cancelled.account) {
            Some(bill) if bill.payer == cancelled.payer => None,
            _ => Some(NO_BILL),
        },
        Fact::ChargeStarted(started) => {
            let fits = |it: &Account| it.currency == started.currency && in_bounds(started.amount);
            about(book, started.account, fits).or_else(|| {
                let ChargePurpose::Bill { bill, payer } = started.purpose else { return None };
                let owed = unpaid(book, bill, started.account);
                owed.is_none_or(|bill| bill.payer != payer).then_some(NO_BILL)
            })
        }
        Fact::ChargeAdvanced(advanced) => {
            let charge = charge::open(book.orders.get(&advanced.charge), advanced.account);
            let step = charge.and_then(|charge| charge.decide_step(advanced));
            step.is_err().then_some(NO_CHARGE)
        }
        // Heard of when the charge may have ended.
        Fact::Notified(notified) => (notified.charge >= book.next()).then_some(NO_CHARGE),
        Fact::RefundStarted(started) => {
            let fits = |it: &Account| it.currency == started.currency && in_bounds(started.amount);
            about(book, started.account, fits)
                .or_else(|| (started.payment >= book.next()).then_some("there is no such payment"))
        }
        Fact::RefundAdvanced(advanced) => {
            let refund = refund::open(book.orders.get(&advanced.refund), advanced.account);
            refund.and_then(|refund| refund.decide_step(advanced)).is_err().then_some(NO_REFUND)
        }
        Fact::OddHeard(heard) => (heard.charge >= book.next()).then_some(NO_CHARGE),
        Fact::OddSettled(settled) => {
            let waiting = odd::waiting(book.orders.get(&settled.heard));
            waiting.is_err().then_some("there is nothing odd to settle")
        }
        _ => None,
    }
}

/// Why `movement`, decided at `at`, cannot stand in `book`, if it moves money for a bill or a charge and cannot.
pub(super) fn moving(book: &Book, movement: &Movement, at: Timestamp) -> Option<&'static str> {
    let pays = |bill: Position| match unpaid(book, bill, movement.credit) {
        Some(bill) if bill.decide_payment(movement).is_ok() => None,
        _ => Some(NO_BILL),
    };
    match movement.kind {
        MovementKind::BillPaid { bill } => pays(bill),
        MovementKind::ChargePaid { charge, purpose } => {
            let open = charge::open(book.orders.get(&charge), movement.credit);
            if open.and_then(|charge| charge.decide_payment(movement, purpose, at)).is_err() {
                return Some(NO_CHARGE);
            }
            match purpose {
                ChargePurpose::Bill { bill, .. } => pays(bill),
                ChargePurpose::TopUp | ChargePurpose::Order => None,
            }
        }
        MovementKind::Suspended { charge, .. } => {
            (charge >= book.next()).then_some("there was no such charge")
        }
        MovementKind::Resolved { late, bill, .. } => {
            match charge::late(book.orders.get(&late), movement.debit) {
                Ok(late) if late.amount == movement.amount => bill.and_then(|debt| pays(debt.bill)),
                _ => Some("there is no such money in suspense"),
            }
        }
        MovementKind::GivenBack { refund, by } => {
            match refund::open(book.orders.get(&refund), movement.debit) {
                Ok(refund)
                    if refund.amount == movement.amount
                        && movement.fee.is_none()
                        && refund.decide_end(by).is_ok() =>
                {
                    None
                }
                _ => Some(NO_REFUND),
            }
        }
        _ => None,
    }
}

const NO_REFUND: &str = "there is no such refund, or it cannot go on so";
const NO_BILL: &str = "there is no such bill to be paid";
const NO_CHARGE: &str = "there is no such charge, or it cannot go on so";

/// The open bill at `bill` that `account` has issued.
fn unpaid(book: &Book, bill: Position, account: AccountId) -> Option<Bill> {
    bill::issued(book.orders.get(&bill), account).ok().copied()
}
