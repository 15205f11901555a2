//! What administrators do to users and their accounts.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Context;
use super::payments::movement;
use super::proposals::Shown;
use super::wire::{self, Units, id_of};
use crate::gateway::admin::Adjust;
use crate::gateway::caller::Caller;
use crate::http::amount::{AmountField, CurrencyField};
use crate::http::problem::ApiError;
use crate::http::reply::Reply;
use crate::ledger::event::Role;
use crate::ledger::text::Line;
use crate::ledger::user::User;
use crate::limits;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleBody {
    role: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FreezeBody {
    frozen: bool,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdjustBody {
    direction: String,
    amount: AmountField,
    currency: Option<CurrencyField>,
    reason: String,
    reference: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenAccountBody {
    currency: CurrencyField,
}

#[derive(Serialize)]
struct ChangedView {
    username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frozen: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    position: u64,
}

#[derive(Serialize)]
struct AdjustedView {
    id: String,
    status: &'static str,
    from: String,
    to: String,
    amount: u64,
    currency: String,
    reason: String,
    reference: String,
    balance_after: Units,
    position: u64,
    created_at: String,
}

/// `POST /api/v1/admin/users/{username}/role`
pub(super) async fn set_role(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: RoleBody = context.request.json()?;
    let role = Role::parse(&body.role)
        .ok_or_else(|| ApiError::field("role", "must be buyer, merchant, client or admin"))?;
    let user = user(context)?;
    let recorded = context.gateway.set_role(caller.principal(), &user, role).await?;
    if let Some(proposed) = context.proposed(&recorded, &Shown::default()) {
        return Ok(proposed);
    }
    let view = ChangedView { role: Some(role.name()), ..changed(&user, recorded.position.get()) };
    Ok(Reply::ok(&view))
}

/// `POST /api/v1/admin/users/{username}/freeze`
pub(super) async fn freeze(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: FreezeBody = context.request.json()?;
    let user = user(context)?;
    let (by, reason) = (caller.principal(), reason(&body.reason)?);
    let outcome = context.gateway.freeze(by, &user, body.frozen, reason).await?;
    let position = outcome.recorded.position.get();
    Ok(Reply::ok(&ChangedView { frozen: Some(body.frozen), ..changed(&user, position) }))
}

/// `POST /api/v1/admin/users/{username}/adjust`
pub(super) async fn adjust(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: AdjustBody = context.request.json()?;
    let credit = match body.direction.as_str() {
        "in" => true,
        "out" => false,
        _ => return Err(ApiError::field("direction", "must be in or out")),
    };
    let adjust = Adjust {
        amount: wire::amount(body.amount)?,
        currency: wire::currency(body.currency.as_ref())?,
        credit,
        reason: reason(&body.reason)?,
        reference: context.key(body.reference.as_deref())?,
    };
    let user = user(context)?;
    let outcome = context.gateway.adjust(caller, &user, adjust).await?;
    let recorded = &outcome.recorded;
    let movement = movement(recorded)?;
    let own = if credit { movement.credit } else { movement.debit };
    let link = recorded.links.iter().find(|link| link.account == own);
    let view = AdjustedView {
        id: id_of("adj", recorded.time, recorded.position),
        status: "posted",
        from: context.name_of(movement.debit),
        to: context.name_of(movement.credit),
        amount: movement.amount.get(),
        currency: movement.currency.to_string(),
        reason: movement.note.to_string(),
        reference: movement.origin.reference.to_string(),
        balance_after: Units(link.map_or(0, |link| link.balance_after.units())),
        position: recorded.position.get(),
        created_at: context.time(recorded.time),
    };
    Ok(wire::written(&outcome, Reply::created(&view)))
}

/// `POST /api/v1/admin/users/{username}/accounts`
pub(super) async fn open_account(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: OpenAccountBody = context.request.json()?;
    let currency = wire::currency(Some(&body.currency))?
        .ok_or_else(|| ApiError::field("currency", "must be given"))?;
    let user = user(context)?;
    let recorded = context.gateway.open_account(caller.principal(), &user, currency).await?;
    let position = recorded.position.get();
    let view = ChangedView { currency: Some(currency.to_string()), ..changed(&user, position) };
    Ok(Reply::created(&view))
}

fn user(context: Context<'_>) -> Result<Arc<User>, ApiError> {
    let segments = context.request.segments();
    let username = segments.as_slice().get(4).copied().unwrap_or_default();
    Ok(context.gateway.look_up(username)?)
}

fn reason(text: &str) -> Result<Line, ApiError> {
    wire::line("reason", text, limits::REASON_MAX)
}

fn changed(user: &User, position: u64) -> ChangedView {
    let username = user.username().to_owned();
    ChangedView { username, role: None, frozen: None, currency: None, position }
}
