//! The oracle on what is awaited: bills, charges, and money that came late.

use std::collections::BTreeMap;

use gerbang::ledger::bill::{BillCancelled, BillIssued};
use gerbang::ledger::charge::{
    ChargeAdvanced, ChargePurpose, ChargeSource, ChargeStarted, ChargeStep,
};
use gerbang::ledger::event::{Fact, Movement, MovementKind};
use gerbang::ledger::id::{AccountId, Position};
use gerbang::ledger::money::Currency;
use gerbang::ledger::rejection::Rejection;
use gerbang::ledger::time::Timestamp;

use super::units;

#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Awaited {
    bills: BTreeMap<u64, Bill>,
    charges: BTreeMap<u64, Charge>,
    /// Whose suspense, and how much.
    late: BTreeMap<u64, (u32, i128)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Bill {
    issuer: u32,
    payer: u32,
    amount: i128,
    currency: Currency,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Charge {
    account: u32,
    amount: i128,
    fee: i128,
    purpose: ChargePurpose,
    /// From when on a wallet is too late, in microseconds; the provider never is.
    late_from: Option<i64>,
    /// Whether the provider has it: not yet, nobody knows, yes.
    made: Made,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Made {
    NotYet,
    NobodyKnows,
    Yes,
}

impl Awaited {
    pub(super) fn cancel(&self, cancelled: &BillCancelled) -> Option<Rejection> {
        self.closed(cancelled.bill, cancelled.account)
    }

    pub(super) fn start(&self, started: &ChargeStarted, kept_in: Currency) -> Option<Rejection> {
        if started.currency != kept_in {
            return Some(Rejection::CurrencyMismatch);
        }
        let bill = started.purpose.bill()?;
        self.closed(bill, started.account).or_else(|| {
            let bill = &self.bills[&bill.get()];
            let payer = started.purpose.payer().map(|payer| payer.0);
            let fits = bill.amount == units(started.amount) && payer == Some(bill.payer);
            (!fits).then_some(Rejection::BillNotOpen)
        })
    }

    pub(super) fn step(&self, advanced: &ChargeAdvanced) -> Option<Rejection> {
        let charge = self.charge(advanced.charge, advanced.account);
        let charge = charge.filter(|charge| charge.purpose.payer() == advanced.payer);
        let made = charge.map(|charge| charge.made);
        let fits = match &advanced.step {
            ChargeStep::Opened { .. } => matches!(made, Some(Made::NotYet | Made::NobodyKnows)),
            ChargeStep::Unknown { .. } => made == Some(Made::NotYet),
            ChargeStep::Ended { .. } => made.is_some(),
        };
        (!fits).then_some(Rejection::ChargeNotOpen)
    }

    /// What the giver of late money says.
    pub(super) fn give(&self, late: Position, movement: &Movement) -> Option<Rejection> {
        let has = self.late.get(&late.get());
        let whole = has == Some(&(movement.debit.0, units(movement.amount)));
        let kept = movement.fee.map_or(0, |fee| units(fee.amount));
        (!whole || kept >= units(movement.amount)).then_some(Rejection::LateNotOpen)
    }

    /// What the receiver says of the bill or the charge that is paid.
    pub(super) fn take(&self, movement: &Movement, at: Timestamp) -> Option<Rejection> {
        match movement.kind {
            MovementKind::BillPaid { bill } => self.pay(bill, movement.debit, movement),
            MovementKind::ChargePaid { charge, purpose } => {
                let fee = movement.fee.map_or(0, |fee| units(fee.amount));
                let fits = self.charge(charge, movement.credit).is_some_and(|charge| {
                    let late = charge.late_from.is_some_and(|from| at.micros() >= from);
                    let same = (charge.amount, charge.fee, charge.purpose)
                        == (units(movement.amount), fee, purpose);
                    same && !late
                });
                if !fits {
                    return Some(Rejection::ChargeNotOpen);
                }
                let ChargePurpose::Bill { bill, payer } = purpose else { return None };
                self.pay(bill, payer, movement)
            }
            MovementKind::Resolved { bill: Some(debt), .. } => {
                self.pay(debt.bill, debt.payer, movement)
            }
            _ => None,
        }
    }

    fn pay(&self, bill: Position, payer: AccountId, movement: &Movement) -> Option<Rejection> {
        self.closed(bill, movement.credit).or_else(|| {
            let bill = &self.bills[&bill.get()];
            let whole = (bill.amount, bill.currency) == (units(movement.amount), movement.currency);
            (!whole || bill.payer != payer.0).then_some(Rejection::BillNotOpen)
        })
    }

    fn closed(&self, bill: Position, issuer: AccountId) -> Option<Rejection> {
        match self.bills.get(&bill.get()) {
            Some(bill) if bill.issuer == issuer.0 => None,
            _ => Some(Rejection::BillNotOpen),
        }
    }

    fn charge(&self, charge: Position, account: AccountId) -> Option<&Charge> {
        self.charges.get(&charge.get()).filter(|charge| charge.account == account.0)
    }

    /// Follows what stands at `position`.
    pub(super) fn apply(&mut self, position: u64, fact: &Fact) {
        match fact {
            Fact::BillIssued(issued) => self.issue(position, issued),
            Fact::BillCancelled(cancelled) => {
                self.end_bill(cancelled.bill);
            }
            Fact::ChargeStarted(started) => {
                let by_wallet = started.source == ChargeSource::Wallet;
                let charge = Charge {
                    account: started.account.0,
                    amount: units(started.amount),
                    fee: started.fee.map_or(0, units),
                    purpose: started.purpose,
                    late_from: by_wallet.then(|| started.expires.micros()),
                    made: if by_wallet { Made::Yes } else { Made::NotYet },
                };
                self.charges.insert(position, charge);
            }
            Fact::ChargeAdvanced(advanced) => {
                let charge = advanced.charge.get();
                let made = match &advanced.step {
                    ChargeStep::Opened { .. } => Made::Yes,
                    ChargeStep::Unknown { .. } => Made::NobodyKnows,
                    ChargeStep::Ended { .. } => {
                        self.charges.remove(&charge).unwrap();
                        return;
                    }
                };
                self.charges.get_mut(&charge).unwrap().made = made;
            }
            Fact::Moved(movement) => self.moved(position, movement),
            _ => {}
        }
    }

    fn issue(&mut self, position: u64, issued: &BillIssued) {
        let bill = Bill {
            issuer: issued.account.0,
            payer: issued.payer.0,
            amount: units(issued.amount),
            currency: issued.currency,
        };
        self.bills.insert(position, bill);
    }

    fn moved(&mut self, position: u64, movement: &Movement) {
        match movement.kind {
            MovementKind::BillPaid { bill } => self.end_bill(bill),
            MovementKind::ChargePaid { charge, .. } => {
                self.charges.remove(&charge.get()).unwrap();
            }
            MovementKind::Suspended { .. } => {
                let late = (movement.credit.0, units(movement.amount));
                self.late.insert(position, late);
            }
            MovementKind::Resolved { late, .. } => {
                self.late.remove(&late.get()).unwrap();
            }
            _ => {}
        }
        if let Some(bill) = movement.kind.bill() {
            self.end_bill(bill);
        }
    }

    fn end_bill(&mut self, bill: Position) {
        self.bills.remove(&bill.get()).unwrap();
    }
}
