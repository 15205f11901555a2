//! How a charge begins: written first, and made at the provider because it is written.

use std::time::Duration;

use super::method;
use super::standing::{Standing, standing};
use crate::connector::midtrans::method::Method;
use crate::engine::{NameKind, Outcome, Reservation};
use crate::gateway::caller::Caller;
use crate::gateway::{Error, Gateway, accepted, reference};
use crate::ledger::api_key::Scope;
use crate::ledger::charge::{ChargePurpose, ChargeSource, ChargeStarted};
use crate::ledger::command::Command;
use crate::ledger::event::{Fact, Origin};
use crate::ledger::id::{AccountId, Position};
use crate::ledger::money::{Amount, Currency};
use crate::ledger::reference::DigestBuilder;
use crate::ledger::text::{Line, Reference};
use crate::limits;

/// A charge as asked for, its fields checked.
#[derive(Clone, Debug)]
pub struct StartCharge {
    /// Who asks, under which reference.
    pub origin: Origin,
    /// Who is to get the money.
    pub account: AccountId,
    /// How much is to be paid.
    pub amount: Amount,
    /// The account's currency.
    pub currency: Currency,
    /// What it is for.
    pub purpose: ChargePurpose,
    /// What the house keeps.
    pub fee: Option<Amount>,
    /// How it is paid: through the provider, or from a wallet here if there is none.
    pub method: Option<Method>,
    /// How long it can be paid, in seconds; as the way of paying has it if nothing is said.
    pub seconds: Option<i64>,
    /// What the asker wants to see again, as JSON without control characters.
    pub details: Line,
}

/// A charge that is in the journal.
#[derive(Clone, Debug)]
pub struct Begun {
    /// How it stands.
    pub standing: Standing,
    /// Whether it was asked for before, under the same reference.
    pub replayed: bool,
}

/// A user wants to pay into their wallet.
#[derive(Clone, Debug)]
pub struct TopUpByCharge {
    /// How much.
    pub amount: Amount,
    /// Of what; the default currency if none is named.
    pub currency: Option<Currency>,
    /// How.
    pub method: Method,
    /// The caller's key, if they gave one.
    pub reference: Option<Reference>,
}

/// A payer wants to pay a bill through the provider.
#[derive(Clone, Debug)]
pub struct PayBill {
    /// Where the bill stands.
    pub bill: Position,
    /// How.
    pub method: Method,
    /// The caller's key, if they gave one.
    pub reference: Option<Reference>,
}

impl Gateway {
    /// Begins a charge, or finds the one this reference began; waits, for `most` at the longest,
    /// until it can be paid.
    ///
    /// # Errors
    /// A refusal, recorded; a reference used for something else; no provider, or one that cannot be
    /// reached now: then nothing is recorded.
    pub async fn start_charge(&self, start: StartCharge, most: Duration) -> Result<Begun, Error> {
        self.start_in_turn(start, most, None).await
    }

    /// [`Gateway::start_charge`], with the turn in which such charges were counted.
    async fn start_in_turn(
        &self,
        start: StartCharge,
        most: Duration,
        turn: Option<Reservation>,
    ) -> Result<Begun, Error> {
        if let Some(recorded) = self.engine.known(&start.origin)? {
            return self.begun_charge(Outcome { recorded, replayed: true });
        }
        let source = match start.method {
            None => ChargeSource::Wallet,
            Some(_) if !self.charges.is_reachable() || !self.charges.has_provider() => {
                return Err(Error::Unavailable);
            }
            Some(_) if start.currency != Currency::IDR => {
                return Err(Error::invalid("currency", "the provider takes rupiah"));
            }
            Some(_) => ChargeSource::Provider,
        };
        let default = start.method.map_or(limits::WALLET_CHARGE_SECONDS, |m| m.bounds().default);
        let seconds = start.seconds.unwrap_or(default);
        let name = start.method.map_or_else(|| method::WALLET.to_owned(), method::name);
        let started = ChargeStarted {
            origin: start.origin,
            account: start.account,
            amount: start.amount,
            currency: start.currency,
            purpose: start.purpose,
            source,
            fee: start.fee,
            method: Line::cut(&name, limits::NAME_MAX),
            expires: self.engine.clock().now().plus_seconds(seconds),
            details: start.details,
        };
        let outcome = self.decide(Command::StartCharge(Box::new(started))).await?;
        let charge = outcome.recorded.position;
        // Before the next is counted; the wait for the provider is not part of the turn.
        self.charges.is_begun(charge);
        drop(turn);
        if matches!(outcome.recorded.event.fact, Fact::ChargeStarted(_)) {
            self.charges.made(charge, most).await;
        }
        self.begun_charge(outcome)
    }

    fn begun_charge(&self, outcome: Outcome) -> Result<Begun, Error> {
        let Outcome { recorded, replayed } = accepted(outcome)?;
        let standing = standing(self.view(), recorded.position)?;
        Ok(Begun { standing, replayed })
    }

    /// The caller pays into their own wallet through the provider (EZPY-4).
    ///
    /// # Errors
    /// As [`Gateway::start_charge`]; [`Error::RateLimited`] if too many wait to be paid.
    pub async fn top_up_by_charge(
        &self,
        caller: &Caller,
        top_up: TopUpByCharge,
        most: Duration,
    ) -> Result<Begun, Error> {
        let (account, currency) = self.account_in(&caller.user, top_up.currency)?;
        let digest = DigestBuilder::new("top_up_charge")
            .number(top_up.amount.get())
            .text(currency.code())
            .text(&method::name(top_up.method))
            .finish();
        let origin = reference::origin(caller.principal(), top_up.reference, digest);
        let name = format!("charges/{}", account.0);
        let turn = self.engine.reserve(NameKind::Count, &name).await;
        let is_known = self.engine.known(&origin)?.is_some();
        if !is_known && self.charges.top_ups_of(account) >= limits::TOP_UP_CHARGES_MAX {
            return Err(Error::RateLimited { retry_after_seconds: 3600 });
        }
        let start = StartCharge {
            origin,
            account,
            amount: top_up.amount,
            currency,
            purpose: ChargePurpose::TopUp,
            fee: None,
            method: Some(top_up.method),
            seconds: None,
            details: Line::empty(),
        };
        self.start_in_turn(start, most, Some(turn)).await
    }

    /// The caller pays a bill through the provider: a charge whose money goes
    /// to the bill's issuer, and marks it paid. The caller has been found to be its payer.
    ///
    /// # Errors
    /// As [`Gateway::start_charge`]; [`Error::NotFound`] if it is no bill; [`Error::Forbidden`] for a
    /// key that makes no charges; refusals `already_paid` and `bill_not_open`.
    pub async fn pay_bill_by_charge(
        &self,
        caller: &Caller,
        pay: PayBill,
        most: Duration,
    ) -> Result<Begun, Error> {
        caller.require_scope(Scope::Charge)?;
        let PayBill { bill, method, reference } = pay;
        let state = self.bill_at(bill)?.bill;
        let digest = DigestBuilder::new("bill_charge")
            .number(bill.get())
            .text(&method::name(method))
            .finish();
        let origin = reference::origin(caller.principal(), reference, digest);
        let name = format!("bill/{bill}");
        let turn = self.engine.reserve(NameKind::Count, &name).await;
        let is_known = self.engine.known(&origin)?.is_some();
        if !is_known && self.charges.charges_of(bill).len() >= limits::BILL_CHARGES_MAX {
            return Err(Error::RateLimited { retry_after_seconds: 3600 });
        }
        let fee = self.fee_of(state.account, state.amount, state.currency).await?;
        let start = StartCharge {
            origin,
            account: state.account,
            amount: state.amount,
            currency: state.currency,
            purpose: ChargePurpose::Bill { bill, payer: state.payer },
            fee: fee.map(|fee| fee.amount),
            method: Some(method),
            seconds: None,
            details: Line::empty(),
        };
        let begun = self.start_in_turn(start, most, Some(turn)).await;
        begun.map_err(|error| self.closed(bill, error))
    }
}
