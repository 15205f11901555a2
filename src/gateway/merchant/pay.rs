//! A payer here pays an order of a merchant from their wallet.

use crate::engine::Outcome;
use crate::gateway::caller::Caller;
use crate::gateway::charge::method;
use crate::gateway::charge::standing::{Standing, standing, standing_of};
use crate::gateway::codes::operation::Operation;
use crate::gateway::{Error, Gateway, reference};
use crate::identity::secret::Secret;
use crate::ledger::charge::{ChargePurpose, ChargeSource};
use crate::ledger::reference::DigestBuilder;
use crate::ledger::text::{Line, Reference};
use crate::limits;

/// An order that is paid.
#[derive(Debug)]
pub struct Paid {
    /// The movement.
    pub outcome: Outcome,
    /// The order as it stands now.
    pub standing: Standing,
}

impl Gateway {
    /// An order that a wallet can pay, for whoever knows its id.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn payable(&self, id: &str) -> Result<Standing, Error> {
        let found = self.for_wallets(id)?;
        self.require_wallets(&found)?;
        Ok(found)
    }

    /// An order that began as one for a wallet, whatever became of it and of its merchant.
    fn for_wallets(&self, id: &str) -> Result<Standing, Error> {
        let found = standing_of(self.view(), id.strip_prefix("chg_").unwrap_or(id))?;
        if is_for_wallets(&found) { Ok(found) } else { Err(Error::NotFound) }
    }

    /// Has an order be of a merchant that takes wallets now.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(super) fn require_wallets(&self, order: &Standing) -> Result<(), Error> {
        let account = order.started().account;
        let registry = self.view().registry();
        let row = self.view().owner(account).and_then(|owner| registry.merchants.get(&owner));
        let takes = row.is_some_and(|row| row.takes(method::WALLET) && !row.disabled);
        if takes { Ok(()) } else { Err(Error::NotFound) }
    }

    /// The operation of paying an order.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn charge_operation(&self, id: &str) -> Result<Operation, Error> {
        self.operation_of_order(&self.payable(id)?)
    }

    fn operation_of_order(&self, found: &Standing) -> Result<Operation, Error> {
        let started = found.started();
        let payee = self.view().owner(started.account).and_then(|owner| self.view().user(owner));
        let payee = payee.ok_or(Error::NotFound)?;
        Ok(Operation::Charge {
            charge: Line::cut(&found.id(), limits::NAME_MAX),
            payee: Line::cut(payee.username(), limits::USERNAME_MAX),
            amount: started.amount,
            currency: started.currency,
        })
    }

    /// The caller pays an order, with a one-time code where the policy asks for one. What was asked
    /// before under the same reference is answered as then, whatever became of the merchant.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no wallet pays it; what is wrong with the code; why the ledger
    /// refused it.
    pub async fn pay_order(
        &self,
        caller: &Caller,
        id: &str,
        reference: Option<Reference>,
        code: Option<&Secret<String>>,
    ) -> Result<Paid, Error> {
        let found = self.for_wallets(id)?;
        let charge = found.recorded.position;
        let operation = self.operation_of_order(&found)?;
        let digest = DigestBuilder::new("charge_payment").number(charge.get()).finish();
        let origin = reference::origin(caller.principal(), reference, digest);
        if self.engine.known(&origin)?.is_none() {
            self.require_wallets(&found)?;
        }
        let taken = self.require_code(caller, &operation, &origin, code).await?;
        let outcome = self.pay_charge(caller, charge, Some(origin.reference)).await;
        taken.settle(outcome.as_ref().map(|outcome| outcome.replayed));
        let outcome = outcome?;
        Ok(Paid { outcome, standing: standing(self.view(), charge)? })
    }
}

/// Whether an order began as one that a wallet pays.
pub(super) fn is_for_wallets(order: &Standing) -> bool {
    let started = order.started();
    started.purpose == ChargePurpose::Order && started.source == ChargeSource::Wallet
}
