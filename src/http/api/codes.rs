//! One-time codes asked for, and authenticator apps.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Context;
use super::session;
use super::transfer::account;
use super::wire;
use crate::gateway::caller::Caller;
use crate::gateway::codes::operation::Operation;
use crate::gateway::codes::public_id;
use crate::gateway::codes::totp::AppChange;
use crate::gateway::routing;
use crate::http::amount::{AmountField, CurrencyField};
use crate::http::problem::ApiError;
use crate::http::reply::Reply;
use crate::identity::secret::Secret;

/// The movement that a code is for, in the words of the route that makes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskBody {
    operation: String,
    to: Option<String>,
    amount: Option<AmountField>,
    currency: Option<CurrencyField>,
    bill: Option<String>,
    charge: Option<String>,
    qr: Option<String>,
    bank_code: Option<String>,
    account_number: Option<String>,
    max_fee: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnrolBody {
    password: Secret<String>,
    code: Option<Secret<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoveBody {
    password: Option<Secret<String>>,
    code: Option<Secret<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShownBody {
    code: Secret<String>,
}

#[derive(Serialize)]
struct IssuedView {
    otp_id: String,
    expires_at: String,
    channel: &'static str,
    position: u64,
}

#[derive(Serialize)]
struct EnrolmentView<'a> {
    secret: &'a str,
    otpauth_url: &'a str,
    position: u64,
}

/// `POST /api/v1/auth/otp`
pub(super) async fn ask(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: AskBody = context.request.json()?;
    let issued = match app_change(&body)? {
        Some(change) => context.gateway.issue_app_code(caller, change).await?,
        None => {
            let operation = context.operation(caller, body)?;
            context.gateway.issue_code(caller, &operation).await?
        }
    };
    Ok(Reply::accepted(&IssuedView {
        otp_id: public_id(issued.id),
        expires_at: context.time(issued.expires),
        channel: issued.channel,
        position: issued.position.get(),
    }))
}

/// `POST /api/v1/auth/totp`: takes the password and a code, in `X-OTP` or in the body; the secret is
/// shown this once.
pub(super) async fn enrol(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let EnrolBody { password, code } = context.request.json()?;
    let code = context.code(code)?;
    let (gateway, caller) = (Arc::clone(context.gateway), caller.clone());
    let from = context.address();
    let enrol = async move { gateway.enrol_app(&caller, password, code.as_ref(), from).await };
    let made = session::detached(enrol).await??;
    let (secret, otpauth_url) = (made.secret.expose(), made.uri.expose());
    let position = made.position.get();
    Ok(Reply::created(&EnrolmentView { secret, otpauth_url, position }))
}

/// `POST /api/v1/auth/totp/confirm`
pub(super) async fn confirm(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let ShownBody { code } = context.request.json()?;
    let position = context.gateway.confirm_app(caller, &code).await?;
    Ok(wire::no_content(position))
}

/// `DELETE /api/v1/auth/totp`: the code stands in `X-OTP`, or in the body; beside one that was sent
/// stands the password.
pub(super) async fn remove(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let RemoveBody { password, code } = match context.request.body().is_empty() {
        true => RemoveBody { password: None, code: None },
        false => context.request.json()?,
    };
    let code = context.code(code)?;
    let (gateway, caller) = (Arc::clone(context.gateway), caller.clone());
    let from = context.address();
    let remove = async move { gateway.remove_app(&caller, password, code.as_ref(), from).await };
    Ok(wire::no_content(session::detached(remove).await??))
}

/// The change of an authenticator that a code is asked for; none if it is for a movement.
fn app_change(body: &AskBody) -> Result<Option<AppChange>, ApiError> {
    let change = match body.operation.as_str() {
        "enrol_authenticator" => AppChange::Enrol,
        "remove_authenticator" => AppChange::Remove,
        _ => return Ok(None),
    };
    let AskBody { to, amount, currency, bill, charge, qr, bank_code, account_number, .. } = body;
    let fields = [
        ("to", to.is_some()),
        ("amount", amount.is_some()),
        ("currency", currency.is_some()),
        ("bill", bill.is_some()),
        ("charge", charge.is_some()),
        ("qr", qr.is_some()),
        ("bank_code", bank_code.is_some()),
        ("account_number", account_number.is_some()),
        ("max_fee", body.max_fee.is_some()),
    ];
    match fields.into_iter().find(|(_, is_there)| *is_there) {
        Some((field, _)) => Err(ApiError::field(field, "does not belong to this operation")),
        None => Ok(Some(change)),
    }
}

impl Context<'_> {
    fn operation(&self, caller: &Caller, body: AskBody) -> Result<Operation, ApiError> {
        let AskBody { operation, to, amount, currency, bill, charge, qr, .. } = body;
        let (bank_code, account_number) = (body.bank_code, body.account_number);
        let max_fee = body.max_fee;
        let currency = wire::currency(currency.as_ref())?;
        let (_, currency) = self.gateway.account_in(&caller.user, currency)?;
        let amount = amount.map(wire::amount).transpose()?;
        let unwanted = |field, is_there| match is_there {
            true => Err(ApiError::field(field, "does not belong to this operation")),
            false => Ok(()),
        };
        let no_account = || {
            unwanted("bank_code", bank_code.is_some())?;
            unwanted("account_number", account_number.is_some())?;
            unwanted("max_fee", max_fee.is_some())
        };
        if operation != "charge" {
            unwanted("charge", charge.is_some())?;
        }
        if operation != "qr" {
            unwanted("qr", qr.is_some())?;
        }
        match operation.as_str() {
            "payment" => {
                no_account()?;
                unwanted("bill", bill.is_some())?;
                let to = wire::username("to", &wanted("to", to)?)?;
                Ok(Operation::Payment { to, amount: wanted("amount", amount)?, currency })
            }
            "bill" => {
                no_account()?;
                unwanted("to", to.is_some())?;
                unwanted("amount", amount.is_some())?;
                Ok(self.gateway.bill_operation(caller, &wanted("bill", bill)?)?)
            }
            "charge" => {
                no_account()?;
                unwanted("to", to.is_some())?;
                unwanted("bill", bill.is_some())?;
                unwanted("amount", amount.is_some())?;
                Ok(self.gateway.charge_operation(&wanted("charge", charge)?)?)
            }
            "qr" => {
                no_account()?;
                unwanted("to", to.is_some())?;
                unwanted("bill", bill.is_some())?;
                let scanned = self.gateway.scan(&wanted("qr", qr)?)?;
                Ok(self.gateway.scanned_operation(&scanned, amount)?)
            }
            "withdrawal" => {
                unwanted("bill", bill.is_some())?;
                unwanted("to", to.is_some())?;
                let bank = wanted("bank_code", bank_code)?;
                let bank = routing::bank_code("bank_code", &bank)?;
                let number = wanted("account_number", account_number)?;
                let number = account("account_number", &number)?;
                let amount = wanted("amount", amount)?;
                let usual = || self.gateway.usual_fee(bank, amount);
                let fee_max = max_fee.unwrap_or_else(usual);
                Ok(Operation::Withdrawal { bank, number, amount, currency, fee_max })
            }
            _ => Err(ApiError::field("operation", OPERATIONS)),
        }
    }
}

const OPERATIONS: &str = "must be payment, bill, charge, qr, withdrawal, enrol_authenticator or \
                          remove_authenticator";

fn wanted<T>(field: &'static str, value: Option<T>) -> Result<T, ApiError> {
    value.ok_or_else(|| ApiError::field(field, "is needed for this operation"))
}
