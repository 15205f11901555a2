//! A payer here has scanned a QR: whom it pays and how much, and paying it from the wallet.
//!
//! # Invariants
//!
//! - What is paid is what the gateway knows, never what a code says alone: an order costs what it
//!   costs, and a code that says otherwise is refused.
//! - A code of elsewhere is told from one that is no code at all, and neither moves money.

use std::sync::Arc;

use super::pay::is_for_wallets;
use super::qr::{self, Named};
use crate::connector::qris::{self, Payload};
use crate::engine::Outcome;
use crate::gateway::caller::Caller;
use crate::gateway::charge::method;
use crate::gateway::charge::standing::Standing;
use crate::gateway::codes::operation::Operation;
use crate::gateway::pay::Pay;
use crate::gateway::{Error, Gateway};
use crate::identity::secret::Secret;
use crate::ledger::event::Role;
use crate::ledger::id::UserId;
use crate::ledger::money::{Amount, Currency};
use crate::ledger::text::{Line, Reference, Username};
use crate::ledger::user::User;

/// The currency of QRIS as payloads write it (ISO 4217).
const RUPIAH: &str = "360";

/// What a code of this community is for.
#[derive(Clone, Debug)]
pub struct Scanned {
    /// Who is paid.
    pub payee: Arc<User>,
    /// How much, if that is settled.
    pub amount: Option<Amount>,
    /// The order, if it is for one.
    pub order: Option<Standing>,
}

/// What a payer adds to a code.
#[derive(Clone, Debug)]
pub struct PayScanned {
    /// How much, where the code leaves it open; else the same again, or nothing.
    pub amount: Option<Amount>,
    /// For people; not with an order, which has its own words.
    pub note: Line,
    /// The payer's key, if they gave one.
    pub reference: Option<Reference>,
}

impl Scanned {
    /// How much is paid by who says `given`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if nobody has said it, or two say different things.
    pub fn settled(&self, given: Option<Amount>) -> Result<Amount, Error> {
        match (self.amount, given) {
            (Some(amount), Some(given)) if amount != given => {
                Err(Error::invalid("amount", format!("the code says {amount}")))
            }
            (Some(amount), _) | (None, Some(amount)) => Ok(amount),
            (None, None) => Err(Error::invalid("amount", "is needed: the code says none")),
        }
    }

    fn username(&self) -> Result<Username, Error> {
        Username::parse(self.payee.username()).map_err(|_| Error::RecipientNotFound)
    }
}

impl Gateway {
    /// What a scanned code is for, and can be paid now.
    ///
    /// # Errors
    /// As [`Gateway::read_code`]; [`Error::NotFound`] for an order that no wallet pays now;
    /// [`Error::Conflict`] for a merchant who takes none.
    pub fn scan(&self, text: &str) -> Result<Scanned, Error> {
        let scanned = self.read_code(text)?;
        self.require_taken(&scanned)?;
        Ok(scanned)
    }

    /// What a scanned code is for, whatever became of its order and its merchant.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `qr` if it is no payload, or not as we write them;
    /// [`Error::ForeignQr`] if whom it pays is not here; [`Error::NotFound`] for an order that was
    /// never a wallet's to pay.
    pub fn read_code(&self, text: &str) -> Result<Scanned, Error> {
        let payload = qris::parse(text).map_err(|error| Error::invalid("qr", error))?;
        let found = match qr::named(&payload).ok_or(Error::ForeignQr)? {
            Named::Order(id) => self.scan_order(&payload, &id),
            Named::Merchant(id) => self.scan_merchant(&payload, &id),
        }?;
        if payload.currency != RUPIAH {
            return Err(Error::invalid("qr", "is not in rupiah"));
        }
        if payload.tip.is_some() {
            return Err(Error::invalid("qr", "asks for a tip, and codes of here ask for none"));
        }
        Ok(found)
    }

    fn scan_order(&self, payload: &Payload, id: &str) -> Result<Scanned, Error> {
        let order = self.order_by_id(id)?.ok_or(Error::ForeignQr)?;
        if !is_for_wallets(&order) {
            return Err(Error::NotFound);
        }
        let amount = order.started().amount;
        if payload.amount.as_ref().and_then(qris::Sum::rupiah) != Some(amount) {
            return Err(Error::invalid("qr", "says another amount than its order"));
        }
        let payee = self.view().owner(order.started().account);
        let payee = payee.and_then(|owner| self.view().user(owner)).ok_or(Error::NotFound)?;
        Ok(Scanned { payee, amount: Some(amount), order: Some(order) })
    }

    fn scan_merchant(&self, payload: &Payload, id: &str) -> Result<Scanned, Error> {
        let user = qr::merchant_of(&self.vault, id).ok_or(Error::ForeignQr)?;
        let payee = self.view().user(user).filter(|user| user.role == Role::Merchant);
        let payee = payee.ok_or(Error::NotFound)?;
        let amount = match &payload.amount {
            None => None,
            Some(sum) => {
                let whole = sum.rupiah();
                Some(whole.ok_or_else(|| Error::invalid("qr", "has a fraction of a rupiah"))?)
            }
        };
        Ok(Scanned { payee, amount, order: None })
    }

    /// Has what a code is for be taken from wallets now.
    fn require_taken(&self, scanned: &Scanned) -> Result<(), Error> {
        if let Some(order) = &scanned.order {
            return self.require_wallets(order);
        }
        let row = self.merchant(scanned.payee.id).ok();
        if row.is_some_and(|row| row.disabled || !row.takes(method::WALLET)) {
            return Err(Error::Conflict("the merchant takes no wallets"));
        }
        Ok(())
    }

    /// The operation of paying a scanned code.
    ///
    /// # Errors
    /// As [`Scanned::settled`].
    pub fn scanned_operation(
        &self,
        scanned: &Scanned,
        amount: Option<Amount>,
    ) -> Result<Operation, Error> {
        let amount = scanned.settled(amount)?;
        match &scanned.order {
            Some(order) => self.charge_operation(&order.id()),
            None => {
                let (to, currency) = (scanned.username()?, Currency::IDR);
                Ok(Operation::Payment { to, amount, currency })
            }
        }
    }

    /// The caller pays a scanned code, with a one-time code where the policy asks for one: an order,
    /// or a merchant as by name. What was asked before under the same reference is answered as then,
    /// whatever the merchant takes now.
    ///
    /// # Errors
    /// As [`Scanned::settled`], [`Gateway::scan`], [`Gateway::pay_order`] and [`Gateway::pay`].
    pub async fn pay_scanned(
        &self,
        caller: &Caller,
        scanned: &Scanned,
        wish: PayScanned,
        code: Option<&Secret<String>>,
    ) -> Result<Outcome, Error> {
        let amount = scanned.settled(wish.amount)?;
        let PayScanned { note, reference, .. } = wish;
        if let Some(order) = &scanned.order {
            if !note.as_str().is_empty() {
                return Err(Error::invalid("note", "does not go with an order"));
            }
            let paid = self.pay_order(caller, &order.id(), reference, code).await?;
            return Ok(paid.outcome);
        }
        let (to, currency) = (scanned.username()?, Some(Currency::IDR));
        let pay = Pay { to, amount, currency, note, reference };
        if !self.was_asked(caller, &pay)? {
            self.require_taken(scanned)?;
        }
        self.pay(caller, pay, code).await
    }

    /// A merchant's own code, and what the merchant is called in it.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the user is no merchant.
    pub fn own_code(&self, user: UserId) -> Result<(String, String), Error> {
        let user = self.view().user(user).filter(|user| user.role == Role::Merchant);
        let user = user.ok_or(Error::NotFound)?;
        let id = qr::merchant_id(&self.vault, user.id);
        let text = qr::write_own(user.name(), &id).ok_or(Error::NotFound)?;
        Ok((text, id))
    }

    /// The code of the merchant that is called so in it.
    pub fn code_of_merchant(&self, id: &str) -> Option<String> {
        Some(self.own_code(qr::merchant_of(&self.vault, id)?).ok()?.0)
    }
}
