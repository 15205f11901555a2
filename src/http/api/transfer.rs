//! Bank transfers for applications (EDR-1), in the wire format of the paper.
//!
//! Every answer is one envelope, refusals too; `statusCode` says what happened. The answer to a
//! transfer that has succeeded is the paper's to the byte; others may carry more.

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::routes::Route;
use super::{Context, wire};
use crate::gateway::client::Application;
use crate::gateway::payout::{Standing, State};
use crate::gateway::routing;
use crate::gateway::transfer::Transfer;
use crate::http::amount::AmountField;
use crate::http::problem::{ApiError, Code, FieldError};
use crate::http::reply::Reply;
use crate::ledger::money::Amount;
use crate::ledger::payout::Try;
use crate::ledger::registry::Usage;
use crate::ledger::text::{Line, Reference};
use crate::limits;

const ROUTE: HeaderName = HeaderName::from_static("x-route");

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TransferBody {
    transaction_id: String,
    account_number: String,
    beneficiary_bank_code: String,
    beneficiary_account_number: String,
    amount: AmountField,
    remark: Option<String>,
}

/// The envelope; the order of its fields is the paper's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    status_code: &'static str,
    message: &'a str,
    data: Option<TransferView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a [FieldError]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TransferView {
    reference_number: String,
    account_number: String,
    account_name: String,
    beneficiary_account_number: String,
    beneficiary_account_name: String,
    amount: String,
    #[serde(flatten)]
    more: Option<MoreView>,
}

/// What the paper's answer does not have.
#[derive(Serialize)]
struct MoreView {
    status: &'static str,
    route: RouteView,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ReasonView>,
}

/// Which way it went, or goes at present.
#[derive(Serialize)]
pub(super) struct RouteView {
    bank: String,
    usage: &'static str,
    reason: String,
    fee: u64,
}

/// Why it failed.
#[derive(Serialize)]
pub(super) struct ReasonView {
    code: String,
    message: String,
}

/// Both routes: every answer is an envelope.
pub(super) async fn answer(route: Route, context: Context<'_>) -> Reply {
    let result = match context.application() {
        Err(error) => Err(error),
        Ok(application) if route == Route::Transfer => transfer(context, &application).await,
        Ok(application) => show(context, &application),
    };
    result.unwrap_or_else(|error| refusal(&error))
}

/// `POST /api/transfer`
async fn transfer(context: Context<'_>, application: &Application) -> Result<Reply, ApiError> {
    let transfer = context.request.json::<TransferBody>()?.checked()?;
    let most = context.gateway.settings().answer_within;
    let begun = context.gateway.transfer(application, transfer, most).await?;
    let is_done = matches!(begun.standing.state, State::Succeeded { .. });
    let reply = told(application, &begun.standing, !is_done);
    Ok(if begun.replayed { wire::mark_replayed(reply) } else { reply })
}

/// `GET /api/transfer/{transactionId}`
fn show(context: Context<'_>, application: &Application) -> Result<Reply, ApiError> {
    let segments = context.request.segments();
    let id = segments.as_slice().get(2).copied().unwrap_or_default();
    // What could not have been given to a transfer was given to none.
    let id = transaction(id).map_err(|_| ApiError::new(Code::NotFound))?;
    let standing = context.gateway.transfer_standing(application, &id)?;
    Ok(told(application, &standing, true))
}

impl TransferBody {
    fn checked(self) -> Result<Transfer, ApiError> {
        Ok(Transfer {
            transaction: transaction(&self.transaction_id)?,
            sender: account("accountNumber", &self.account_number)?,
            bank: routing::bank_code("beneficiaryBankCode", &self.beneficiary_bank_code)?,
            number: account("beneficiaryAccountNumber", &self.beneficiary_account_number)?,
            amount: wire::amount(self.amount)?,
            remark: remark(self.remark.as_deref().unwrap_or_default())?,
        })
    }
}

/// Letters, digits and what stands between them in the numbers of applications.
fn transaction(text: &str) -> Result<Reference, ApiError> {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-_.".contains(&c);
    let fits = (1..=limits::TRANSACTION_ID_MAX).contains(&text.len()) && text.bytes().all(plain);
    let reference = Reference::parse(text).ok().filter(|_| fits);
    reference.ok_or_else(|| {
        ApiError::field("transactionId", "must be 1 to 64 letters, digits, or - _ .")
    })
}

/// The number of an account at a bank.
pub(super) fn account(field: &'static str, text: &str) -> Result<Line, ApiError> {
    let fits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let line = Line::parse(text, limits::BANK_ACCOUNT_MAX).ok().filter(|_| fits);
    line.ok_or_else(|| ApiError::field(field, "must be 1 to 34 digits"))
}

/// What banks print on a statement.
fn remark(text: &str) -> Result<Line, ApiError> {
    let printed = |c: u8| c.is_ascii_alphanumeric() || b" -_.,:/()+#&".contains(&c);
    let line = Line::parse(text, limits::REMARK_MAX).ok();
    line.filter(|_| text.bytes().all(printed)).ok_or_else(|| {
        ApiError::field(
            "remark",
            "must be at most 140 letters, digits, spaces or - _ . , : / ( ) + # &",
        )
    })
}

/// A transfer as it stands.
fn told(application: &Application, standing: &Standing, more: bool) -> Reply {
    let (status, status_code, message) = match &standing.state {
        State::Succeeded { .. } => (StatusCode::OK, "000", "Success transfer!"),
        State::Challenged | State::Sent | State::Unknown => {
            (StatusCode::ACCEPTED, "001", "The transfer is in progress")
        }
        State::Failed { code, .. } => {
            let (status_code, message) = failure(code);
            (StatusCode::UNPROCESSABLE_ENTITY, status_code, message)
        }
    };
    let data = Some(TransferView::of(application, standing, more));
    let reply = Reply::json(status, &Envelope { status_code, message, data, errors: None });
    let Try { bank, interbank, .. } = &standing.route;
    match HeaderValue::from_str(&format!("{bank} {}", usage(*interbank))) {
        Ok(route) => reply.header(ROUTE, route),
        Err(_) => reply,
    }
}

/// What a transfer that began and failed is called.
fn failure(code: &str) -> (&'static str, &'static str) {
    match code {
        "challenge_expired" => ("402", "Nobody released the transfer in time"),
        "settled_by_hand" | "denied" => ("403", "The transfer was stopped by a person"),
        "not_sent" => ("404", "No bank could be reached; nothing was sent"),
        _ => ("401", "The bank did not carry out the transfer"),
    }
}

/// The code of a refusal; the table stands in `docs/api.md`.
const fn status_code(code: Code) -> &'static str {
    match code {
        Code::ReferenceReused => "102",
        Code::NotFound => "103",
        Code::RouteNotFound => "201",
        Code::BeneficiaryNotFound => "202",
        Code::InsufficientFunds => "203",
        Code::LimitExceeded => "204",
        Code::AccountFrozen => "205",
        Code::ScreenedOut => "206",
        Code::CurrencyMismatch => "207",
        Code::InvalidToken => "301",
        Code::IpNotAllowed => "302",
        Code::RateLimited => "303",
        Code::Forbidden => "304",
        Code::Unavailable => "501",
        Code::Busy => "502",
        Code::Internal => "503",
        // What is wrong with the request itself; none of the others comes from a transfer.
        _ => "101",
    }
}

fn refusal(error: &ApiError) -> Reply {
    let envelope = Envelope {
        status_code: status_code(error.code()),
        message: error.detail(),
        data: None,
        errors: Some(error.fields()),
    };
    let body = serde_json::to_vec(&envelope).expect("strings always serialise");
    error.answer(body, "application/json")
}

impl TransferView {
    fn of(application: &Application, standing: &Standing, more: bool) -> Self {
        let started = standing.started();
        Self {
            reference_number: started.origin.reference.to_string(),
            account_number: started.sender.to_string(),
            account_name: application.client.account_name.to_string(),
            beneficiary_account_number: started.beneficiary.number.to_string(),
            beneficiary_account_name: started.beneficiary.name.to_string(),
            amount: started.amount.to_string(),
            more: more.then(|| MoreView {
                status: standing.state.name(),
                route: RouteView::of(&standing.route),
                reason: ReasonView::of(&standing.state),
            }),
        }
    }
}

impl RouteView {
    pub(super) fn of(route: &Try) -> Self {
        Self {
            bank: route.bank.to_string(),
            usage: usage(route.interbank),
            reason: route.why.to_string(),
            fee: route.fee.map_or(0, Amount::get),
        }
    }
}

impl ReasonView {
    pub(super) fn of(state: &State) -> Option<Self> {
        match state {
            State::Failed { code, reason, .. } => {
                Some(Self { code: code.clone(), message: reason.clone() })
            }
            State::Challenged | State::Sent | State::Unknown | State::Succeeded { .. } => None,
        }
    }
}

const fn usage(interbank: bool) -> &'static str {
    if interbank { Usage::Interbank.name() } else { Usage::Transfer.name() }
}
