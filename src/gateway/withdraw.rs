//! A user takes money out of a wallet to a bank account (EZPY-7): a payout like any other.

use std::time::Duration;

use super::caller::Caller;
use super::codes::operation::Operation;
use super::payout::start::{Ask, Begun};
use super::payout::{Standing, standing_of};
use super::routing::{self, Question};
use super::{Error, Gateway, reference};
use crate::identity::secret::Secret;
use crate::ledger::event::Role;
use crate::ledger::money::{Amount, Currency};
use crate::ledger::payout::Purpose;
use crate::ledger::reference::DigestBuilder;
use crate::ledger::registry::BankCode;
use crate::ledger::text::{Line, Reference};

/// A withdrawal as asked for, its fields checked.
#[derive(Clone, Debug)]
pub struct Withdraw {
    /// How much the bank account gets.
    pub amount: Amount,
    /// Of what; the default currency if none is named.
    pub currency: Option<Currency>,
    /// The bank.
    pub bank: BankCode,
    /// The account there.
    pub number: Line,
    /// The name its owner says is on it; a bank that says otherwise stops it.
    pub name: Option<Line>,
    /// The most that it may cost on top, zero included; its usual fee if they do not say.
    pub fee_max: Option<u64>,
    /// The caller's key, if they gave one.
    pub reference: Option<Reference>,
}

impl Gateway {
    /// Begins a withdrawal, with a one-time code where policy asks for one, and waits, for `most` at
    /// the longest, how it ends.
    ///
    /// # Errors
    /// A refusal, recorded; a reference used for something else; no bank to be reached.
    pub async fn withdraw(
        &self,
        caller: &Caller,
        withdraw: Withdraw,
        code: Option<&Secret<String>>,
        most: Duration,
    ) -> Result<Begun, Error> {
        let (account, currency) = self.account_in(&caller.user, withdraw.currency)?;
        let digest = DigestBuilder::new("withdrawal")
            .number(withdraw.amount.get())
            .text(currency.code())
            .text(withdraw.bank.as_str())
            .text(withdraw.number.as_str())
            .text(withdraw.name.as_ref().map_or("", Line::as_str))
            .text(&withdraw.fee_max.map_or_else(String::new, |max| max.to_string()))
            .finish();
        let origin = reference::origin(caller.principal(), withdraw.reference, digest);
        let usual = self.usual_fee(withdraw.bank, withdraw.amount);
        let fee_max = withdraw.fee_max.unwrap_or(usual);
        // One that was begun is answered as it stands, whatever it would cost today.
        if fee_max < usual && self.engine.known(&origin)?.is_none() {
            return Err(Error::invalid(
                "max_fee",
                format!("this bank is reached for a fee of {usual}"),
            ));
        }
        let operation = Operation::Withdrawal {
            bank: withdraw.bank,
            number: withdraw.number.clone(),
            amount: withdraw.amount,
            currency,
            fee_max,
        };
        let taken = self.require_code(caller, &operation, &origin, code).await?;
        let begun = self
            .begin_payout(Ask {
                origin,
                user: caller.user.id,
                account,
                amount: withdraw.amount,
                currency,
                purpose: Purpose::Withdrawal,
                sender: Line::empty(),
                bank: withdraw.bank,
                number: withdraw.number,
                expected: withdraw.name,
                remark: Line::empty(),
                fallback: true,
                callback: false,
                per_day_max: None,
                fee_max: Some(fee_max),
            })
            .await;
        taken.settle(begun.as_ref().map(|begun| begun.replayed));
        self.wait_for(begun?, most).await
    }

    /// What a withdrawal to an account at `bank` costs on a usual day, in the smallest unit.
    pub fn usual_fee(&self, bank: BankCode, amount: Amount) -> u64 {
        routing::usual_fee(&self.view().registry(), &self.question(bank, amount))
    }

    /// What it costs where another bank takes it instead, if one may; the dearest of them.
    pub fn greatest_fee(&self, bank: BankCode, amount: Amount) -> Option<u64> {
        let plan = routing::plan(&self.view().registry(), &self.question(bank, amount), |_| true);
        plan.candidates.iter().map(|way| way.fee.map_or(0, Amount::get)).max()
    }

    fn question(&self, bank: BankCode, amount: Amount) -> Question {
        let at = self.engine.clock().now();
        Question { bank, amount, at, fallback: true, fee_max: None }
    }

    /// The caller's withdrawal of this id; an administrator may see all.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, or it is none of theirs.
    pub fn withdrawal(&self, caller: &Caller, id: &str) -> Result<Standing, Error> {
        let standing = standing_of(self.view(), id)?;
        let theirs = self.owns(&caller.user, standing.started().account);
        let visible = theirs || caller.user.role == Role::Admin;
        if visible { Ok(standing) } else { Err(Error::NotFound) }
    }
}
