//! What an account says to payouts.

use super::Account;
use crate::ledger::order::Order;
use crate::ledger::payout::{self, PayoutAdvanced, PayoutFailed, PayoutStarted, PayoutStep};
use crate::ledger::rejection::Rejection;

impl Account {
    /// Whether a payout may begin.
    ///
    /// # Errors
    /// Why not.
    pub fn decide_payout(&self, started: &PayoutStarted) -> Result<(), Rejection> {
        if started.currency != self.currency {
            return Err(Rejection::CurrencyMismatch);
        }
        self.refuse_if_frozen()?;
        match payout::with_fee(started.amount, started.route.fee) {
            Some(held) if !self.kind.refuses_debits() || self.available().covers(held) => Ok(()),
            _ => Err(Rejection::InsufficientFunds),
        }
    }

    /// Whether a payout may go on: a dearer try needs its fee.
    ///
    /// # Errors
    /// Why not.
    pub fn decide_payout_step(
        &self,
        advanced: &PayoutAdvanced,
        order: Option<&Order>,
    ) -> Result<(), Rejection> {
        let payout = payout::open(order, self.id)?;
        payout.decide_step(advanced)?;
        let PayoutStep::NextTry { route, .. } = &advanced.step else { return Ok(()) };
        // A pause may lie before it, and a freeze in the pause.
        self.refuse_if_frozen()?;
        let held = payout::with_fee(payout.amount, route.fee);
        let more = held.map(|held| held.checked_sub(payout.held()));
        match more {
            Some(None) => Ok(()),
            Some(Some(more)) if !self.kind.refuses_debits() || self.available().covers(more) => {
                Ok(())
            }
            _ => Err(Rejection::InsufficientFunds),
        }
    }

    /// Whether a payout may end as failed.
    ///
    /// # Errors
    /// [`Rejection::PayoutNotOpen`].
    pub fn decide_payout_failure(
        &self,
        failed: &PayoutFailed,
        order: Option<&Order>,
    ) -> Result<(), Rejection> {
        payout::open(order, self.id)?.decide_failure(failed.by)
    }
}
