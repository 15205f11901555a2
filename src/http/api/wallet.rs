//! What the caller has.

use serde::Serialize;

use super::Context;
use super::wire::{Units, account_id};
use crate::gateway::caller::Caller;
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;

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
    let (id, currency) = context.account(caller, &query)?;
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
