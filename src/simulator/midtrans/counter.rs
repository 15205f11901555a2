//! Where payers stand: what they and their banks do, over HTTP, and the pages for people.
//!
//! ```text
//! POST /simulator/pay, /simulator/deny, /simulator/expire   by id or number
//! POST /simulator/notify                                    the merchant is told once more
//! GET  /simulator/transactions?date=2026-01-31              of a day of Jakarta
//! GET  /, /simulator/pay/{id}, /snap/v3/redirection/{token} pages
//! POST /snap/v3/redirection/{token}?method=bca_va           the payer's pick
//! ```

use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::desk::Event;
use super::house::House;
use super::page;
use crate::connector::midtrans::transaction::Transaction;
use crate::http::midtrans::Refusal;
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;
use crate::http::request::Request;
use crate::ledger::money::Amount;

/// What is paid, denied or expires: by one of these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    order_id: Option<String>,
    transaction_id: Option<String>,
    va_number: Option<String>,
    bill_key: Option<String>,
    payment_code: Option<String>,
    qr_string: Option<String>,
    /// Another amount than was asked for, in rupiah.
    amount: Option<u64>,
    /// Also after its time, or after it was cancelled.
    #[serde(default)]
    late: bool,
}

/// The answer, if the path is one of these.
pub(super) fn answer(house: &House, request: &Request) -> Option<Reply> {
    let segments = request.segments();
    let answered = match (request.method(), segments.as_slice()) {
        (&Method::GET, [""]) => {
            Ok(house.with_desk(|desk, _| page::list(desk.transactions().rev())))
        }
        (&Method::GET, ["simulator", "style.css"]) => Ok(page::style()),
        (&Method::GET, ["simulator", "pay", id]) => Ok(one(house, id)),
        (&Method::GET, ["simulator", "transactions"]) => of_day(house, request),
        (&Method::POST, ["simulator", what @ ("pay" | "deny" | "expire" | "notify")]) => {
            happen(house, request, what)
        }
        (&Method::GET, ["snap", "v3", "redirection", token]) => Ok(session(house, token)),
        (&Method::POST, ["snap", "v3", "redirection", token]) => pick(house, request, token),
        _ => return None,
    };
    Some(answered.unwrap_or_else(Reply::from))
}

fn one(house: &House, id: &str) -> Reply {
    house.with_desk(|desk, _| {
        let known = |kept: &&_| {
            let kept: &crate::http::midtrans::Kept = kept;
            kept.transaction.is_named(id)
        };
        page::list(desk.transactions().rev().filter(known))
    })
}

fn session(house: &House, token: &str) -> Reply {
    house.with_desk(|desk, now| match desk.page(token, now) {
        Some((session, begun)) => page::session(token, session, begun),
        None => page::none(),
    })
}

fn pick(house: &House, request: &Request, token: &str) -> Result<Reply, ApiError> {
    let query = request.query()?;
    let method = query.get("method").ok_or_else(|| ApiError::field("method", "is required"))?;
    house.at_desk(|desk, now| desk.pick(token, method, now)).map_err(refused)?;
    Ok(page::back_to(&format!("/snap/v3/redirection/{token}")))
}

fn of_day(house: &House, request: &Request) -> Result<Reply, ApiError> {
    let query = request.query()?;
    let date = query.get("date").ok_or_else(|| ApiError::field("date", "is required"))?;
    let told: Vec<Value> = house.of_day(date).iter().map(Transaction::to_json).collect();
    Ok(Reply::ok(&json!({"date": date, "transactions": told})))
}

fn happen(house: &House, request: &Request, what: &str) -> Result<Reply, ApiError> {
    let query = request.query()?;
    // A form of a page names it in the query, a program in the body.
    if let Some(id) = query.get("id") {
        act(house, id, event(what, None, false))?;
        return Ok(page::back_to("/"));
    }
    let body: Body = request.json()?;
    let amount = body.amount.map(|units| {
        Amount::new(units).ok_or_else(|| ApiError::field("amount", "must be a whole amount"))
    });
    let event = event(what, amount.transpose()?, body.late);
    let Body { order_id, transaction_id, va_number, bill_key, payment_code, qr_string, .. } = body;
    let mut ids = [order_id, transaction_id, va_number, bill_key, payment_code, qr_string]
        .into_iter()
        .flatten();
    let (Some(id), None) = (ids.next(), ids.next()) else {
        return Err(ApiError::field("order_id", "exactly one id or number must be given"));
    };
    Ok(Reply::ok(&act(house, &id, event)?.to_json()))
}

/// What happens; nothing if the merchant is only told again.
fn event(what: &str, amount: Option<Amount>, late: bool) -> Option<Event> {
    match what {
        "notify" => None,
        "deny" => Some(Event::Denied),
        "expire" => Some(Event::Expired),
        _ if late => Some(Event::PaidLate),
        _ => Some(Event::Paid(amount)),
    }
}

fn act(house: &House, id: &str, event: Option<Event>) -> Result<Transaction, ApiError> {
    let told = match event {
        Some(event) => house.happen(id, event),
        None => house.tell_again(id),
    };
    told.map_err(refused)
}

fn refused(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::NotFound => ApiError::new(Code::NotFound),
        Refusal::Internal => ApiError::new(Code::Internal),
        _ => ApiError::with_detail(Code::Conflict, "its state does not allow it"),
    }
}
