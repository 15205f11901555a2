//! A client application sends money to a bank account (EDR-1).
//!
//! The money leaves the client's escrow account. `transactionId` is the reference: the same request
//! again gets the state of the same transfer, whenever it comes.

use std::time::Duration;

use super::client::Application;
use super::payout::start::{Ask, Begun};
use super::payout::{Standing, standing};
use super::{Error, Gateway};
use crate::ledger::event::Origin;
use crate::ledger::id::Principal;
use crate::ledger::money::Amount;
use crate::ledger::payout::Purpose;
use crate::ledger::reference::DigestBuilder;
use crate::ledger::registry::BankCode;
use crate::ledger::rejection::Rejection;
use crate::ledger::text::{Line, Reference};

/// A transfer as asked for, its fields checked.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// The client's own number of it.
    pub transaction: Reference,
    /// The sender's account, as the client names it.
    pub sender: Line,
    /// The bank that is to receive it.
    pub bank: BankCode,
    /// The account there.
    pub number: Line,
    /// How much.
    pub amount: Amount,
    /// For the beneficiary's statement.
    pub remark: Line,
}

impl Gateway {
    /// Begins a transfer and waits, for `most` at the longest, how it ends.
    ///
    /// # Errors
    /// A refusal, recorded; a `transactionId` used for another transfer; no bank to be reached.
    pub async fn transfer(
        &self,
        application: &Application,
        transfer: Transfer,
        most: Duration,
    ) -> Result<Begun, Error> {
        let Application { client, account } = application;
        let principal = Principal::User(client.user);
        let digest = DigestBuilder::new("transfer")
            .text(transfer.sender.as_str())
            .text(transfer.bank.as_str())
            .text(transfer.number.as_str())
            .number(transfer.amount.get())
            .text(transfer.remark.as_str())
            .finish();
        let currency = self.view().currency(*account).ok_or(Error::NotFound)?;
        let ask = Ask {
            origin: Origin { principal, reference: transfer.transaction, digest },
            user: client.user,
            account: *account,
            amount: transfer.amount,
            currency,
            purpose: Purpose::Transfer,
            sender: transfer.sender,
            bank: transfer.bank,
            number: transfer.number,
            expected: None,
            remark: transfer.remark,
            fee_max: None,
            fallback: client.allow_interbank_fallback,
            callback: client.callback.is_some(),
            per_day_max: client.per_day_max,
        };
        // A number that was changed since does not turn a retry into a mistake.
        let is_ours = ask.sender == client.account_number;
        if !is_ours && !matches!(self.engine.known(&ask.origin), Ok(Some(_))) {
            return Err(Error::invalid("accountNumber", "is not the account of this application"));
        }
        if client.per_transfer_max.is_some_and(|max| ask.amount > max) {
            return self.refuse_payout(ask, Rejection::TransferLimit, Line::empty()).await;
        }
        let begun = self.begin_payout(ask).await?;
        self.wait_for(begun, most).await
    }

    /// How the transfer stands that the client began under this number.
    ///
    /// # Errors
    /// [`Error::NotFound`]; the refusal, if it was refused.
    pub fn transfer_standing(
        &self,
        application: &Application,
        transaction: &Reference,
    ) -> Result<Standing, Error> {
        let principal = Principal::User(application.client.user);
        let recorded = self.view().answered(principal, transaction)?.ok_or(Error::NotFound)?;
        match &recorded.event.fact {
            crate::ledger::event::Fact::Refused(refusal) => {
                Err(super::rejected(refusal, recorded.position, true))
            }
            _ => standing(self.view(), recorded.position),
        }
    }

    /// The payout as it stands when it has ended, or after `most`.
    pub(super) async fn wait_for(&self, begun: Begun, most: Duration) -> Result<Begun, Error> {
        let position = begun.standing.recorded.position;
        self.desk.ended(position, most).await;
        Ok(Begun { standing: standing(self.view(), position)?, ..begun })
    }
}
