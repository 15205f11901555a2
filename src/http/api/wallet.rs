//! What the caller has.

use serde::Serialize;

use super::Context;
use super::wire::{Units, account_id};
use crate::gateway::caller::Caller;
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;
use crate::ledger::money::Currency;

#[derive(Serialize)]
struct BalanceView {
    account: String,
    currency: String,
    balance: Units,
    held: Units,
    available: Units,
    position: u64,
    as_of: String,
}

/// `GET /api/v1/balance`
pub(super) fn balance(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let query = context.request.query()?.only(&["currency"])?;
    let currency = match query.get("currency") {
        None => None,
        Some(code) => Some(
            Currency::parse(code)
                .ok_or_else(|| ApiError::field("currency", "is not an ISO 4217 code"))?,
        ),
    };
    let (id, currency) = context.gateway.own_account(&caller.user, currency)?;
    let view = context.gateway.view();
    let as_of = view.time();
    let (account, position) =
        view.account_as_of(id).ok_or_else(|| ApiError::new(Code::Internal))?;
    Ok(Reply::ok(&BalanceView {
        account: account_id(caller.user.created_at, id),
        currency: currency.to_string(),
        balance: Units(account.balance().units()),
        held: Units(account.on_hold().units()),
        available: Units(account.available().units()),
        position: position.get(),
        as_of: context.time(as_of),
    }))
}
