//! Many payments in one request: a line in, a line out, in order, each for itself.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::{Deserialize, Serialize};

use super::Context;
use super::payments::PaymentView;
use super::session::detached;
use super::wire;
use crate::engine::Outcome;
use crate::gateway::caller::Caller;
use crate::gateway::pay::{self, Pay, PayFrom};
use crate::gateway::{self};
use crate::http::amount::{AmountField, CurrencyField};
use crate::http::json;
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;
use crate::limits;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemBody {
    from: String,
    to: String,
    amount: AmountField,
    currency: Option<CurrencyField>,
    note: Option<String>,
    reference: Option<String>,
}

#[derive(Serialize)]
struct ItemView<'a> {
    #[serde(flatten)]
    payment: PaymentView<'a>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    replayed: bool,
}

/// `POST /api/v1/payments/batch`
pub(super) async fn pay(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    check_media_type(context)?;
    let body = context.request.body();
    let lines: Vec<&[u8]> =
        body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
    if lines.len() > limits::BATCH_ITEMS_MAX {
        return Err(ApiError::with_detail(Code::PayloadTooLarge, "at most 8192 lines"));
    }
    // What is wrong with a line is answered in its place; the others go their way.
    let mut wrong = Vec::with_capacity(lines.len());
    let mut items = Vec::with_capacity(lines.len());
    let key = context.request.idempotency_key()?;
    for (number, line) in lines.into_iter().enumerate() {
        // A key of the whole batch gives each line without a reference one of its own.
        let made = key.map(|key| format!("{key}:{number}"));
        match json::decode::<ItemBody>(line).and_then(|item| item.checked(context, made)) {
            Ok(item) => {
                wrong.push(None);
                items.push(Ok(item));
            }
            Err(error) => wrong.push(Some(error)),
        }
    }
    let (gateway, caller) = (Arc::clone(context.gateway), caller.clone());
    // On a task of its own: a client that goes away does not stop a batch half-way.
    let work = async move { gateway.pay_batch(&caller, items).await };
    let mut results = detached(work).await??.into_iter();
    let mut out = Vec::with_capacity(body.len().saturating_mul(3));
    for error in wrong {
        match error {
            Some(error) => out.extend_from_slice(Reply::from(error).body_text().as_bytes()),
            None => write_line(context, results.next(), &mut out)?,
        }
        out.push(b'\n');
    }
    Ok(Reply::bytes(StatusCode::OK, out.into())
        .header(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")))
}

fn check_media_type(context: Context<'_>) -> Result<(), ApiError> {
    let given = context.request.header(&CONTENT_TYPE)?.unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/x-ndjson") {
        return Ok(());
    }
    Err(ApiError::with_detail(Code::UnsupportedMediaType, "send application/x-ndjson"))
}

fn write_line(
    context: Context<'_>,
    result: Option<Result<Outcome, gateway::Error>>,
    out: &mut Vec<u8>,
) -> Result<(), ApiError> {
    let result = result.ok_or_else(|| ApiError::new(Code::Internal))?;
    match result {
        Ok(outcome) => {
            let payment = PaymentView::of(context, &outcome.recorded)?;
            let view = ItemView { payment, replayed: outcome.replayed };
            serde_json::to_writer(out, &view).map_err(|_| ApiError::new(Code::Internal))
        }
        Err(error) => {
            out.extend_from_slice(Reply::from(ApiError::from(error)).body_text().as_bytes());
            Ok(())
        }
    }
}

impl ItemBody {
    fn checked(self, context: Context<'_>, made: Option<String>) -> Result<PayFrom, ApiError> {
        let pay = Pay {
            to: wire::username("to", &self.to)?,
            amount: wire::amount(self.amount)?,
            currency: wire::currency(self.currency.as_ref())?,
            note: pay::note(self.note.as_deref())?,
            reference: context.reference(self.reference.or(made).as_deref())?,
        };
        Ok(PayFrom { from: wire::username("from", &self.from)?, pay })
    }
}
