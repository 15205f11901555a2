//! Paying, looking at a payment, and giving it back.

use serde::{Deserialize, Serialize};

use super::Context;
use super::wire::{self, Units, id_of};
use crate::engine::Outcome;
use crate::gateway::caller::Caller;
use crate::gateway::pay::{self, Pay};
use crate::gateway::refund::Refund;
use crate::http::amount::{AmountField, CurrencyField};
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;
use crate::identity::secret::Secret;
use crate::journal::Recorded;
use crate::ledger::event::{Fact, Movement, MovementKind};
use crate::ledger::text::Reference;

/// A payment as asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PayBody {
    to: String,
    amount: AmountField,
    currency: Option<CurrencyField>,
    note: Option<String>,
    pub(super) reference: Option<String>,
    otp: Option<Secret<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundBody {
    amount: Option<AmountField>,
    note: Option<String>,
    reference: Option<String>,
}

/// A payment as recorded.
#[derive(Serialize)]
pub(super) struct PaymentView<'a> {
    id: String,
    status: &'static str,
    from: String,
    to: String,
    amount: u64,
    fee: u64,
    currency: &'a str,
    note: &'a str,
    reference: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance_after: Option<Units>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refunded: Option<Units>,
    position: u64,
    created_at: String,
}

#[derive(Serialize)]
struct RefundView {
    id: String,
    status: &'static str,
    payment: String,
    from: String,
    to: String,
    amount: u64,
    currency: String,
    note: String,
    reference: String,
    balance_after: Units,
    position: u64,
    created_at: String,
}

/// `POST /api/v1/payments`
pub(super) async fn pay(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let mut body: PayBody = context.request.json()?;
    let reference = context.key(body.reference.as_deref())?;
    let code = context.code(body.otp.take())?;
    let pay = body.checked(reference)?;
    let outcome = context.gateway.pay(caller, pay, code.as_ref()).await?;
    let view = PaymentView::of(context, &outcome.recorded)?;
    Ok(wire::written(&outcome, Reply::created(&view)))
}

/// `GET /api/v1/payments/{id}`
pub(super) fn show(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let payment = context.gateway.payment(caller, id(context))?;
    let refunded = payment.refunded.units();
    let status = match refunded {
        0 => "posted",
        some if some < u128::from(payment.movement.amount.get()) => "partially_refunded",
        _ => "refunded",
    };
    let view = PaymentView {
        status,
        refunded: i128::try_from(refunded).ok().map(Units),
        // The balance after it is the payer's own business.
        balance_after: None,
        ..PaymentView::of(context, &payment.recorded)?
    };
    Ok(Reply::ok(&view))
}

/// `POST /api/v1/payments/{id}/refund`
pub(super) async fn refund(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: RefundBody = context.request.json()?;
    let reference = context.key(body.reference.as_deref())?;
    let amount = body.amount.map(wire::amount).transpose()?;
    let refund = Refund { amount, note: pay::note(body.note.as_deref())?, reference };
    let outcome = context.gateway.refund(caller, id(context), refund).await?;
    let view = RefundView::of(context, &outcome)?;
    Ok(wire::written(&outcome, Reply::created(&view)))
}

fn id<'a>(context: Context<'a>) -> &'a str {
    let segments = context.request.segments();
    segments.as_slice().get(3).copied().unwrap_or_default()
}

impl PayBody {
    /// The payment this asks for.
    pub(super) fn checked(self, reference: Option<Reference>) -> Result<Pay, ApiError> {
        Ok(Pay {
            to: wire::username("to", &self.to)?,
            amount: wire::amount(self.amount)?,
            currency: wire::currency(self.currency.as_ref())?,
            note: pay::note(self.note.as_deref())?,
            reference,
        })
    }
}

impl<'a> PaymentView<'a> {
    /// The view of a payment's record. The same record gives the same view for ever.
    pub(super) fn of(context: Context<'_>, recorded: &'a Recorded) -> Result<Self, ApiError> {
        let movement = movement(recorded)?;
        let link = recorded.links.iter().find(|link| link.account == movement.debit);
        Ok(Self {
            id: id_of("pay", recorded.time, recorded.position),
            status: "posted",
            from: context.name_of(movement.debit),
            to: context.name_of(movement.credit),
            amount: movement.amount.get(),
            fee: movement.fee.map_or(0, |fee| fee.amount.get()),
            currency: movement.currency.code(),
            note: movement.note.as_str(),
            reference: movement.origin.reference.as_str(),
            balance_after: link.map(|link| Units(link.balance_after.units())),
            refunded: None,
            position: recorded.position.get(),
            created_at: context.time(recorded.time),
        })
    }
}

impl RefundView {
    fn of(context: Context<'_>, outcome: &Outcome) -> Result<Self, ApiError> {
        let recorded = &outcome.recorded;
        let movement = movement(recorded)?;
        let MovementKind::Refund { payment, .. } = movement.kind else {
            return Err(ApiError::new(Code::Internal));
        };
        let link = recorded.links.iter().find(|link| link.account == movement.debit);
        let paid = context.gateway.view().record(payment).map_err(crate::gateway::Error::from)?;
        Ok(Self {
            id: id_of("ref", recorded.time, recorded.position),
            status: "posted",
            payment: id_of("pay", paid.time, payment),
            from: context.name_of(movement.debit),
            to: context.name_of(movement.credit),
            amount: movement.amount.get(),
            currency: movement.currency.to_string(),
            note: movement.note.to_string(),
            reference: movement.origin.reference.to_string(),
            balance_after: Units(link.map_or(0, |link| link.balance_after.units())),
            position: recorded.position.get(),
            created_at: context.time(recorded.time),
        })
    }
}

/// The movement that an accepted command was recorded as.
pub(super) fn movement(recorded: &Recorded) -> Result<&Movement, ApiError> {
    match &recorded.event.fact {
        Fact::Moved(movement) => Ok(movement),
        _ => Err(ApiError::new(Code::Internal)),
    }
}
