//! What an account says to refunds through the provider.

use super::Account;
use crate::ledger::money::Total;
use crate::ledger::order::Order;
use crate::ledger::refund::{self, RefundAdvanced, RefundStarted};
use crate::ledger::rejection::Rejection;

impl Account {
    /// Whether a refund may begin. `order` is the refunds of the payment so far.
    ///
    /// # Errors
    /// Why not.
    pub fn decide_refund(
        &self,
        started: &RefundStarted,
        order: Option<&Order>,
    ) -> Result<(), Rejection> {
        if started.currency != self.currency {
            return Err(Rejection::CurrencyMismatch);
        }
        self.refuse_if_frozen()?;
        let refunded = refunded(order);
        if refunded.plus(started.amount) > Total::ZERO.plus(started.paid) {
            return Err(Rejection::RefundExceedsPayment);
        }
        if !self.kind.refuses_debits() || self.available().covers(started.amount) {
            Ok(())
        } else {
            Err(Rejection::InsufficientFunds)
        }
    }

    /// Whether a refund may go on, or fail.
    ///
    /// # Errors
    /// [`Rejection::RefundNotOpen`].
    pub fn decide_refund_step(
        &self,
        advanced: &RefundAdvanced,
        order: Option<&Order>,
    ) -> Result<(), Rejection> {
        refund::open(order, self.id)?.decide_step(advanced)
    }
}

/// All refunds of a payment so far.
pub(super) const fn refunded(order: Option<&Order>) -> Total {
    match order {
        Some(Order::Refunds { refunded }) => *refunded,
        _ => Total::ZERO,
    }
}
