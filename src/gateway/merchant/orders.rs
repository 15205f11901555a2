//! What is asked by merchants about their orders.

use std::sync::Arc;

use super::again;
use super::details::{self, Details};
use super::told::{self, Told, place_of};
use crate::connector::midtrans::method::{Acquirer, Method};
use crate::gateway::charge::method;
use crate::gateway::charge::order::{CallOff, Ordered};
use crate::gateway::charge::standing::{Standing, State, standing};
use crate::gateway::{Error, Gateway};
use crate::ledger::charge::{ChargeEnd, ChargePurpose};
use crate::ledger::id::Principal;
use crate::ledger::merchant::Merchant;
use crate::ledger::money::{Amount, Currency};
use crate::ledger::text::Line;
use crate::limits;

/// An order as asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// How much.
    pub amount: Amount,
    /// How long it can be paid, in seconds.
    pub seconds: i64,
    /// What goes with it; its method is the one asked for.
    pub details: Details,
}

/// Who brings the money of an order: `None` for a wallet here.
pub(super) type Way = Option<Method>;

impl Gateway {
    /// By which way a merchant's order is paid that asks for `wanted`; `None` if by none. A QR is
    /// one of ours where the merchant takes wallets.
    pub(super) fn way(&self, merchant: &Merchant, wanted: Method) -> Option<Way> {
        if merchant.disabled {
            return None;
        }
        if matches!(wanted, Method::Qris(_)) && merchant.takes(method::WALLET) {
            return Some(None);
        }
        let any_qr = Method::Qris(Acquirer::Gopay);
        let takes = |method: Method| merchant.takes(&method::name(method));
        let taken = takes(wanted) || matches!(wanted, Method::Qris(_)) && takes(any_qr);
        (taken && self.charges.has_provider()).then_some(Some(wanted))
    }

    /// Whether a merchant's orders may be paid like this.
    pub fn offers(&self, merchant: &Merchant, wanted: Method) -> bool {
        self.way(merchant, wanted).is_some()
    }

    /// Begins an order.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for a way that is not enabled; [`Error::Conflict`] if the name is taken;
    /// [`Error::Unavailable`] if the provider did not make it, or has not said so in time.
    pub async fn take_order(&self, merchant: &Merchant, wanted: Wanted) -> Result<Told, Error> {
        const NOT_ENABLED: Error = Error::Forbidden("the method is not enabled");
        if let Some(first) = self.order_again(merchant, &wanted.details)? {
            return Ok(first);
        }
        let way = self.way(merchant, wanted.details.method).ok_or(NOT_ENABLED)?;
        let standing = self.begin_order(merchant, wanted, way).await?;
        match standing.state {
            State::Pending | State::Paid { .. } => {}
            State::Asked | State::Unknown | State::Ended { .. } => return Err(Error::Unavailable),
        }
        told::told(self.view(), &self.vault, &standing, None)
    }

    /// Begins an order whose payer has a page to pick a way on. Until then a wallet can pay it.
    ///
    /// # Errors
    /// As [`Gateway::take_order`].
    pub async fn take_page(&self, merchant: &Merchant, wanted: Wanted) -> Result<Told, Error> {
        if let Some(first) = self.order_again(merchant, &wanted.details)? {
            return Ok(first);
        }
        let standing = self.begin_order(merchant, wanted, None).await?;
        told::told(self.view(), &self.vault, &standing, None)
    }

    pub(super) async fn begin_order(
        &self,
        merchant: &Merchant,
        wanted: Wanted,
        way: Way,
    ) -> Result<Standing, Error> {
        let Wanted { amount, seconds, details } = wanted;
        let user = self.view().user(merchant.user).ok_or(Error::NotFound)?;
        let (account, currency) = self.account_in(&user, Some(Currency::IDR))?;
        let fee = merchant.fee_rounded_up(amount);
        if fee.is_some_and(|fee| fee >= amount) {
            return Err(Error::invalid("gross_amount", "is not more than the fee"));
        }
        let ordered = Ordered {
            merchant: Principal::User(merchant.user),
            account,
            name: Line::cut(&details.order_id, limits::MIDTRANS_ORDER_MAX),
            amount,
            currency,
            fee,
            method: way,
            seconds: Some(seconds),
            details: details.write()?,
        };
        Ok(self.start_order(ordered, limits::ORDER_MADE_WAIT).await?.standing)
    }

    /// A merchant's order, by its own name for it or ours. One whose payer is still to pick a way is
    /// none yet.
    ///
    /// # Errors
    /// [`Error::NotFound`]; the journal cannot be read.
    pub fn order_named(&self, merchant: &Merchant, id: &str) -> Result<Standing, Error> {
        let found = self.page_or_order(merchant, id)?;
        let picking = found.state == State::Pending && Details::of(found.started())?.page.is_some();
        if picking { Err(Error::NotFound) } else { Ok(found) }
    }

    /// The same, with those on a page.
    ///
    /// # Errors
    /// As [`Gateway::order_named`].
    pub fn page_or_order(&self, merchant: &Merchant, id: &str) -> Result<Standing, Error> {
        let principal = Principal::User(merchant.user);
        let Some(found) = self.order_by_id(id)? else { return self.order(principal, id) };
        if found.started().origin.principal == principal { Ok(found) } else { Err(Error::NotFound) }
    }

    /// The order that we call so, whoever's it is.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn order_by_id(&self, id: &str) -> Result<Option<Standing>, Error> {
        let view = self.view();
        let place = place_of(&self.vault, id).filter(|place| *place <= view.position());
        let Some(place) = place else { return Ok(None) };
        let found = standing(view, place)?;
        Ok(Some(found).filter(|found| found.started().purpose == ChargePurpose::Order))
    }

    /// An order in Midtrans' words.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is no order of a merchant; the journal cannot be read.
    pub fn told(&self, standing: &Standing) -> Result<Told, Error> {
        told::told(self.view(), &self.vault, standing, None)
    }

    /// Calls an order off.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it is not open, or nobody can say that it is not paid.
    pub async fn end_order(
        &self,
        merchant: &Merchant,
        standing: &Standing,
        (what, request_key): (CallOff, Option<&str>),
    ) -> Result<Told, Error> {
        let by = Principal::User(merchant.user);
        let wanted = match what {
            CallOff::Cancel => ChargeEnd::Cancelled,
            CallOff::Expire => ChargeEnd::Expired,
        };
        if self.ended_under(standing, request_key)? == Some(wanted) {
            return told::told(self.view(), &self.vault, standing, Some(standing.position()));
        }
        let reason = request_key.map_or_else(|| "by the merchant".to_owned(), again::reason_under);
        let charge = standing.recorded.position;
        let standing = self.call_off_order(charge, by, (what, &reason)).await?;
        match standing.state {
            State::Ended { end, .. } if end == wanted => self.told(&standing),
            _ => Err(Error::Conflict("the charge went another way")),
        }
    }

    /// The merchant whose order this is.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is none any more.
    pub fn merchant_of_order(&self, standing: &Standing) -> Result<Arc<Merchant>, Error> {
        match standing.started().origin.principal {
            Principal::User(user) => self.merchant(user),
            Principal::System | Principal::Operator => Err(Error::NotFound),
        }
    }
}

/// How an order on a page is told of.
pub const ON_PAGE: Method = details::ON_PAGE;
