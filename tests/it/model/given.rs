//! The oracle on what goes back through the provider.

use gerbang::ledger::event::{Fact, Movement};
use gerbang::ledger::id::{AccountId, Position, Principal};
use gerbang::ledger::refund::{RefundAdvanced, RefundStarted, RefundStep};
use gerbang::ledger::rejection::Rejection;

use super::{Model, units};

/// Money that is set aside to go back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Giving {
    account: u32,
    payment: u64,
    amount: i128,
    lost: bool,
}

impl Giving {
    /// A person ends only what nobody else knows the end of.
    fn is_for(&self, by: Principal) -> bool {
        self.lost || by == Principal::System
    }
}

impl Model {
    pub(super) fn start_refund(&self, started: &RefundStarted) -> Option<Rejection> {
        let purse = self.purse(started.account);
        let (amount, payment) = (units(started.amount), started.payment.get());
        let before = self.refunded.get(&payment).copied().unwrap_or(0);
        if purse.currency != started.currency {
            Some(Rejection::CurrencyMismatch)
        } else if purse.frozen {
            Some(Rejection::AccountFrozen)
        } else if before + amount > units(started.paid) {
            Some(Rejection::RefundExceedsPayment)
        } else {
            (purse.refuses() && purse.free() < amount).then_some(Rejection::InsufficientFunds)
        }
    }

    pub(super) fn refund_step(&self, advanced: &RefundAdvanced) -> Option<Rejection> {
        let fits = self.giving(advanced.refund, advanced.account).is_some_and(|giving| {
            let in_time = match advanced.step {
                RefundStep::Unknown { .. } => !giving.lost,
                RefundStep::Failed { by, .. } => giving.is_for(by),
            };
            giving.payment == advanced.payment.get() && in_time
        });
        (!fits).then_some(Rejection::RefundNotOpen)
    }

    pub(super) fn give_back(
        &self,
        (refund, by): (Position, Principal),
        movement: &Movement,
    ) -> Option<Rejection> {
        let giving = self.giving(refund, movement.debit);
        let whole = giving
            .is_some_and(|giving| giving.amount == units(movement.amount) && giving.is_for(by));
        (!whole || movement.fee.is_some()).then_some(Rejection::RefundNotOpen)
    }

    fn giving(&self, refund: Position, account: AccountId) -> Option<&Giving> {
        self.givings.get(&refund.get()).filter(|giving| giving.account == account.0)
    }

    pub(super) fn apply_refund(&mut self, at: u64, fact: &Fact) {
        match fact {
            Fact::RefundStarted(started) => {
                let (payment, amount) = (started.payment.get(), units(started.amount));
                let account = started.account.0;
                self.purse_mut(started.account).held += amount;
                *self.refunded.entry(payment).or_insert(0) += amount;
                self.givings.insert(at, Giving { account, payment, amount, lost: false });
            }
            Fact::RefundAdvanced(advanced) => match advanced.step {
                RefundStep::Unknown { .. } => {
                    self.givings.get_mut(&advanced.refund.get()).unwrap().lost = true;
                }
                RefundStep::Failed { .. } => {
                    let giving = self.end_giving(advanced.refund);
                    *self.refunded.get_mut(&giving.payment).unwrap() -= giving.amount;
                }
            },
            _ => unreachable!("only refunds come here"),
        }
    }

    /// What was set aside is so no more.
    pub(super) fn end_giving(&mut self, refund: Position) -> Giving {
        let giving = self.givings.remove(&refund.get()).unwrap();
        self.purse_mut(AccountId(giving.account)).held -= giving.amount;
        giving
    }
}
