//! Orders of merchants: charges under a name that the merchant gives, as Midtrans has it.
//!
//! A name may be charged again after an attempt that ended unpaid; each attempt is a charge of its
//! own under the merchant's reference `order/<name>/<attempt>`. While one is open, or once one is
//! paid, in time or late, the name is taken.

use std::time::Duration;

use super::standing::{Late, Standing, State, late, standing};
use super::start::{Begun, StartCharge};
use crate::connector::midtrans::method::Method;
use crate::engine::Outcome;
use crate::gateway::caller::Caller;
use crate::gateway::{Error, Gateway, reference};
use crate::ledger::charge::{ChargeEnd, ChargePurpose, ChargeSource};
use crate::ledger::command::Command;
use crate::ledger::event::{AccountKind, Fact, Fee, Movement, MovementKind};
use crate::ledger::id::{AccountId, Position, Principal};
use crate::ledger::money::{Amount, Currency};
use crate::ledger::reference::DigestBuilder;
use crate::ledger::text::{Line, Reference};
use crate::limits;

/// An order as a merchant asks for it, its fields checked.
#[derive(Clone, Debug)]
pub struct Ordered {
    /// Whose order.
    pub merchant: Principal,
    /// The merchant's account.
    pub account: AccountId,
    /// The merchant's name for it.
    pub name: Line,
    /// How much is to be paid.
    pub amount: Amount,
    /// The account's currency.
    pub currency: Currency,
    /// What the house keeps.
    pub fee: Option<Amount>,
    /// Through the provider, or from a wallet here if there is none.
    pub method: Option<Method>,
    /// How long it can be paid, in seconds.
    pub seconds: Option<i64>,
    /// What the merchant gave and wants to see again, as JSON.
    pub details: Line,
}

/// What a merchant wants to become of an order that is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallOff {
    /// Nobody is to pay it.
    Cancel,
    /// Its time is to be over.
    Expire,
}

impl Gateway {
    /// Begins an order of a merchant.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the name is taken; [`Error::RateLimited`] if too many are open; as
    /// [`Gateway::start_charge`].
    pub async fn start_order(&self, ordered: Ordered, most: Duration) -> Result<Begun, Error> {
        const TAKEN: Error = Error::Conflict("the order is open, or paid");
        let attempts = self.attempts(ordered.merchant, ordered.name.as_str())?;
        for attempt in &attempts {
            if !self.is_over(attempt)? {
                return Err(TAKEN);
            }
        }
        if attempts.len() >= limits::ORDER_ATTEMPTS_MAX {
            return Err(TAKEN);
        }
        let reference = attempt(ordered.name.as_str(), attempts.len() + 1)?;
        let digest = DigestBuilder::new("order")
            .number(ordered.amount.get())
            .text(ordered.details.as_str())
            .text(&ordered.method.map_or_else(String::new, super::method::name))
            .finish();
        let origin = reference::origin(ordered.merchant, Some(reference), digest);
        // What is picked takes its page's place, which was closed for it.
        let picks = self.courier.picks();
        let takes_place = attempts.iter().any(|page| picks.contains(page.recorded.position));
        let is_known = !matches!(self.engine.known(&origin), Ok(None));
        // Asked for at the same moment, a few more may pass: it is the memory that has a bound.
        let open = self.view().open().open_orders(ordered.account);
        if !is_known && !takes_place && open >= limits::ORDERS_OPEN_MAX {
            return Err(Error::RateLimited { retry_after_seconds: 3600 });
        }
        let start = StartCharge {
            origin,
            account: ordered.account,
            amount: ordered.amount,
            currency: ordered.currency,
            purpose: ChargePurpose::Order,
            fee: ordered.fee,
            method: ordered.method,
            seconds: ordered.seconds,
            details: ordered.details,
        };
        match self.start_charge(start, most).await {
            // A twin was quicker.
            Ok(Begun { replayed: true, .. }) | Err(Error::ReferenceReused) => Err(TAKEN),
            other => other,
        }
    }

    /// Whether an attempt ended, and neither the merchant has its money nor may still be given it.
    fn is_over(&self, attempt: &Standing) -> Result<bool, Error> {
        Ok(match &attempt.state {
            State::Ended { end, .. } => match late(self.view(), attempt)? {
                Late::None => *end != ChargeEnd::Suspended,
                Late::Waits => false,
                Late::Placed(placed) => !placed.with_owner,
            },
            State::Asked | State::Pending | State::Unknown | State::Paid { .. } => false,
        })
    }

    /// Every attempt at an order of this name, oldest first.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn attempts(&self, merchant: Principal, name: &str) -> Result<Vec<Standing>, Error> {
        let mut attempts = Vec::new();
        for number in 1..=limits::ORDER_ATTEMPTS_MAX {
            let Ok(reference) = attempt(name, number) else { break };
            let Some(recorded) = self.view().answered(merchant, &reference)? else { break };
            if matches!(recorded.event.fact, Fact::ChargeStarted(_)) {
                attempts.push(standing(self.view(), recorded.position)?);
            }
        }
        Ok(attempts)
    }

    /// The latest attempt at an order of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`]; the journal cannot be read.
    pub fn order(&self, merchant: Principal, name: &str) -> Result<Standing, Error> {
        self.attempts(merchant, name)?.pop().ok_or(Error::NotFound)
    }

    /// Calls an open charge off for a merchant; how it stands then. If the provider has no certain
    /// word, it is open still.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it has ended; the journal cannot be read.
    pub async fn call_off_order(
        &self,
        charge: Position,
        by: Principal,
        (what, reason): (CallOff, &str),
    ) -> Result<Standing, Error> {
        if self.charges.charge(charge).is_none() {
            return Err(Error::Conflict("the charge has ended"));
        }
        let case = self.charges.case(charge).await;
        let reason = Line::cut(reason, limits::REASON_BYTES_MAX);
        self.charges.cancel(&case, by, reason, what == CallOff::Expire).await;
        standing(self.view(), charge)
    }

    /// The caller pays a charge from their wallet, under their own reference.
    ///
    /// # Errors
    /// [`Error::Conflict`] for a charge of the provider; why the ledger refused it.
    pub async fn pay_charge(
        &self,
        caller: &Caller,
        charge: Position,
        reference: Option<Reference>,
    ) -> Result<Outcome, Error> {
        let found = standing(self.view(), charge)?;
        let started = found.started();
        if started.source != ChargeSource::Wallet {
            return Err(Error::Conflict("the charge is paid through the provider"));
        }
        let (debit, currency) = self.account_in(&caller.user, Some(started.currency))?;
        let fee = match started.fee {
            None => None,
            Some(amount) => {
                let account = self.house_account(AccountKind::Fees, currency).await?;
                Some(Fee { account, amount })
            }
        };
        let digest = DigestBuilder::new("charge_payment").number(charge.get()).finish();
        let movement = Movement {
            origin: reference::origin(caller.principal(), reference, digest),
            kind: MovementKind::ChargePaid { charge, purpose: started.purpose },
            debit,
            credit: started.account,
            amount: started.amount,
            currency,
            fee,
            note: Line::empty(),
        };
        self.submit(Command::Move(movement)).await
    }

    /// A merchant gives money of a charge back to the wallet that paid it, in full or in part, never
    /// more than was paid.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it was not paid from a wallet; why the ledger refused it.
    pub async fn refund_charge(
        &self,
        merchant: Principal,
        charge: Position,
        amount: Amount,
        (key, note): (Reference, Line),
    ) -> Result<Outcome, Error> {
        const NONE: Error = Error::Conflict("nothing was paid from a wallet");
        let found = standing(self.view(), charge)?;
        let State::Paid { position: payment } = found.state else { return Err(NONE) };
        let Fact::Moved(paid) = self.view().record(payment)?.event.fact else { return Err(NONE) };
        if self.view().owner(paid.debit).is_none() {
            return Err(NONE);
        }
        let digest = DigestBuilder::new("charge_refund")
            .number(charge.get())
            .number(amount.get())
            .text(note.as_str())
            .finish();
        let movement = Movement {
            origin: reference::origin(merchant, Some(key), digest),
            kind: MovementKind::Refund { payment, paid: paid.amount },
            debit: paid.credit,
            credit: paid.debit,
            amount,
            currency: paid.currency,
            fee: None,
            note,
        };
        self.submit(Command::Move(movement)).await
    }
}

/// The reference of the attempt that follows the one of this reference.
pub(in crate::gateway) fn following(reference: &Reference) -> Option<Reference> {
    let (name, number) = reference.as_str().strip_prefix("order/")?.rsplit_once('/')?;
    attempt(name, number.parse::<usize>().ok()?.checked_add(1)?).ok()
}

/// The reference of an attempt.
fn attempt(name: &str, number: usize) -> Result<Reference, Error> {
    Reference::parse(&format!("order/{name}/{number}"))
        .map_err(|error| Error::invalid("order_id", error))
}
