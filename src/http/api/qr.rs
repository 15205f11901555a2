//! QR codes: what a scanned one is for, paying it, and a merchant's own.

use serde::{Deserialize, Serialize};

use super::Context;
use super::payments::PaymentView;
use super::wire;
use crate::gateway::caller::Caller;
use crate::gateway::merchant::scan::{PayScanned, Scanned};
use crate::gateway::pay;
use crate::http::amount::AmountField;
use crate::http::problem::ApiError;
use crate::http::reply::Reply;
use crate::identity::secret::Secret;
use crate::ledger::money::Currency;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadBody {
    qr: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayBody {
    qr: String,
    amount: Option<AmountField>,
    note: Option<String>,
    reference: Option<String>,
    otp: Option<Secret<String>>,
}

#[derive(Serialize)]
struct ScannedView {
    kind: &'static str,
    to: String,
    name: String,
    /// Nothing where the payer says how much.
    amount: Option<u64>,
    currency: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    otp_required: Option<bool>,
    #[serde(flatten)]
    order: Option<OrderView>,
}

#[derive(Serialize)]
struct OrderView {
    charge: String,
    status: &'static str,
    expires_at: String,
}

#[derive(Serialize)]
struct PaidView<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    charge: Option<String>,
    #[serde(flatten)]
    payment: PaymentView<'a>,
}

#[derive(Serialize)]
struct CodeView {
    qr: String,
    picture_url: String,
}

/// `POST /api/v1/qr/read`
pub(super) fn read(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: ReadBody = context.request.json()?;
    let scanned = context.gateway.scan(&body.qr)?;
    let operation = context.gateway.scanned_operation(&scanned, None).ok();
    let order = scanned.order.as_ref().map(|order| OrderView {
        charge: order.id(),
        status: order.state.name(),
        expires_at: context.time(order.expires()),
    });
    Ok(Reply::ok(&ScannedView {
        kind: kind(&scanned),
        to: scanned.payee.username().to_owned(),
        name: scanned.payee.name().to_owned(),
        amount: scanned.amount.map(|amount| amount.get()),
        currency: Currency::IDR.to_string(),
        otp_required: operation.map(|operation| context.gateway.needs_code(caller, &operation)),
        order,
    }))
}

/// `POST /api/v1/qr/pay`
pub(super) async fn pay(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: PayBody = context.request.json()?;
    let reference = context.key(body.reference.as_deref())?;
    let code = context.code(body.otp)?;
    let amount = body.amount.map(wire::amount).transpose()?;
    let scanned = context.gateway.read_code(&body.qr)?;
    let wish = PayScanned { amount, note: pay::note(body.note.as_deref())?, reference };
    let outcome = context.gateway.pay_scanned(caller, &scanned, wish, code.as_ref()).await?;
    let view = PaidView {
        kind: kind(&scanned),
        charge: scanned.order.as_ref().map(|order| order.id()),
        payment: PaymentView::of(context, &outcome.recorded)?,
    };
    Ok(wire::written(&outcome, Reply::created(&view)))
}

/// `GET /api/v1/merchant/qr`
pub(super) fn own(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let (qr, id) = context.gateway.own_code(caller.user.id)?;
    let base = context.api.options.public_url.trim_end_matches('/');
    let picture_url = format!("{base}/v2/qris/{id}/qr-code");
    Ok(Reply::ok(&CodeView { qr, picture_url }))
}

const fn kind(scanned: &Scanned) -> &'static str {
    if scanned.order.is_some() { "order" } else { "merchant" }
}
