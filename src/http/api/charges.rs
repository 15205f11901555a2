//! Charges through the provider: how a user tops up by them, how they stand, and what the provider
//! says by itself.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Context;
use super::wire;
use crate::connector::midtrans::method::{Bank, Method};
use crate::gateway::Error;
use crate::gateway::caller::Caller;
use crate::gateway::charge::method;
use crate::gateway::charge::standing::{Placed, Shown, Standing, shown};
use crate::gateway::charge::start::{PayBill, TopUpByCharge};
use crate::gateway::charge::{order_id, public_id};
use crate::http::amount::{AmountField, CurrencyField};
use crate::http::problem::ApiError;
use crate::http::reply::Reply;
use crate::identity::secret::Secret;
use crate::ledger::text::Reference;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TopUpBody {
    amount: AmountField,
    currency: Option<CurrencyField>,
    payment_type: String,
    bank: Option<String>,
    reference: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayBody {
    reference: Option<String>,
    otp: Option<Secret<String>>,
}

/// A charge as it stands.
#[derive(Serialize)]
pub(super) struct ChargeView {
    id: String,
    invoice: String,
    status: &'static str,
    purpose: &'static str,
    amount: u64,
    fee: u64,
    currency: String,
    payment: String,
    /// How to pay: `bill_key` and `biller_code`, `va_number` and `bank`, `qr_string`, ...
    #[serde(flatten)]
    instructions: Map<String, Value>,
    expires_at: String,
    deadline: String,
    formatted_deadline: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    placed: Option<PlacedView>,
    reference: String,
    position: u64,
    created_at: String,
}

/// Where money went that came late.
#[derive(Serialize)]
pub(super) struct PlacedView {
    to: &'static str,
    time: String,
    position: u64,
}

#[derive(Serialize)]
struct HeardView {
    status: &'static str,
}

/// `POST /api/v1/topups/virtual-account`
pub(super) async fn top_up(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: TopUpBody = context.request.json()?;
    let top_up = TopUpByCharge {
        amount: wire::amount(body.amount)?,
        currency: wire::currency(body.currency.as_ref())?,
        method: named(&body.payment_type, body.bank.as_deref())?,
        reference: context.key(body.reference.as_deref())?,
    };
    let most = context.gateway.settings().answer_within;
    let begun = context.gateway.top_up_by_charge(caller, top_up, most).await?;
    let reply = Reply::created(&context.charge(&begun.standing)?);
    Ok(if begun.replayed { wire::mark_replayed(reply) } else { reply })
}

fn named(payment_type: &str, bank: Option<&str>) -> Result<Method, ApiError> {
    match (payment_type, bank) {
        ("echannel", None | Some("mandiri")) => Ok(Method::Echannel),
        ("echannel", Some(_)) => Err(ApiError::field("bank", "is mandiri for echannel")),
        ("bank_transfer", None) => Err(ApiError::field("bank", "is required for bank_transfer")),
        ("bank_transfer", Some(bank)) => {
            let names = "must be bca, bni, bri, cimb or permata";
            let bank = Bank::parse(bank).ok_or_else(|| ApiError::field("bank", names))?;
            Ok(Method::BankTransfer(bank))
        }
        _ => Err(ApiError::field("payment_type", "must be echannel or bank_transfer")),
    }
}

/// `POST /api/v1/bills/{id}/pay` through the provider; `None` if it takes nothing by `method`.
pub(super) async fn pay_bill(
    context: Context<'_>,
    caller: &Caller,
    method: &str,
    reference: Option<Reference>,
) -> Result<Option<Reply>, ApiError> {
    let Some(method) = method::offered(method) else { return Ok(None) };
    let bill = context.gateway.bill_to_pay(caller, context.segment(3))?.recorded.position;
    let most = context.gateway.settings().answer_within;
    let pay = PayBill { bill, method, reference };
    let begun = context.gateway.pay_bill_by_charge(caller, pay, most).await?;
    let reply = Reply::created(&context.charge(&begun.standing)?);
    Ok(Some(if begun.replayed { wire::mark_replayed(reply) } else { reply }))
}

/// `POST /api/v1/charges/{id}/pay`: an order of a merchant, from the caller's wallet.
pub(super) async fn pay(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: PayBody = context.request.json()?;
    let reference = context.key(body.reference.as_deref())?;
    let code = context.code(body.otp)?;
    let id = context.segment(3);
    let paid = context.gateway.pay_order(caller, id, reference, code.as_ref()).await?;
    let reply = Reply::created(&context.charge(&paid.standing)?);
    Ok(wire::written(&paid.outcome, reply))
}

/// `GET /api/v1/charges/{id}`
pub(super) fn show(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let standing = context.gateway.charge(caller, context.segment(3))?;
    Ok(Reply::ok(&context.charge(&standing)?))
}

/// `POST /api/v1/notifications/midtrans`
pub(super) async fn notified(context: Context<'_>) -> Result<Reply, ApiError> {
    let heard = context.gateway.notified(context.address(), context.request.body()).await;
    let result = match &heard {
        Ok(heard) => heard.name(),
        Err(Error::Forbidden(_)) => "forged",
        Err(Error::Invalid { .. }) => "malformed",
        Err(Error::RateLimited { .. }) => "turned_away",
        Err(_) => "not_heard",
    };
    context.api.metrics.notified(result);
    heard?;
    Ok(Reply::ok(&HeardView { status: "ok" }))
}

impl Context<'_> {
    pub(super) fn charge(&self, standing: &Standing) -> Result<ChargeView, ApiError> {
        let started = standing.started();
        let Shown { status, reason, placed, position } = shown(self.gateway.view(), standing)?;
        Ok(ChargeView {
            id: public_id(&standing.recorded),
            invoice: order_id(&standing.recorded),
            status,
            purpose: started.purpose.name(),
            amount: started.amount.get(),
            fee: started.fee.map_or(0, |fee| fee.get()),
            currency: started.currency.to_string(),
            payment: started.method.to_string(),
            instructions: instructions(standing),
            expires_at: self.time(standing.expires()),
            deadline: self.time(standing.expires()),
            formatted_deadline: self
                .language()
                .moment(standing.expires(), self.api.options.offset_seconds),
            reason,
            placed: placed.map(|placed| self.placed(&placed)),
            reference: started.origin.reference.to_string(),
            position: position.get(),
            created_at: self.time(standing.recorded.time),
        })
    }

    pub(super) fn placed(&self, placed: &Placed) -> PlacedView {
        PlacedView {
            to: placed.to(self.gateway.view()),
            time: self.time(placed.entry.time),
            position: placed.entry.position.get(),
        }
    }
}

/// How to pay, with the number of a virtual account where every bank's stands.
fn instructions(standing: &Standing) -> Map<String, Value> {
    let Some(opened) = &standing.opened else { return Map::new() };
    let mut shown = opened.instructions.as_object().cloned().unwrap_or_default();
    if let Some(Value::Array(accounts)) = shown.remove("va_numbers")
        && let Some(Value::Object(account)) = accounts.into_iter().next()
    {
        shown.extend(account);
    }
    if let Some(number) = shown.remove("permata_va_number") {
        shown.insert("bank".to_owned(), Bank::Permata.name().into());
        shown.insert("va_number".to_owned(), number);
    }
    shown
}
