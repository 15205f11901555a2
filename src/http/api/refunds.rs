//! Refunds through the provider that are open, and what administrators say about them.

use std::sync::Arc;

use serde::Serialize;

use super::Context;
use super::payouts::SettleBody;
use super::wire::{ListView, cursor, place};
use super::words;
use crate::gateway::caller::Caller;
use crate::gateway::charge::by_hand::{Judged, Standing, State};
use crate::http::problem::ApiError;
use crate::http::reply::Reply;

/// A refund as it stands.
#[derive(Serialize)]
struct RefundView {
    /// Also its name at the provider.
    id: String,
    status: &'static str,
    /// Whose money it is.
    from: String,
    amount: u64,
    currency: String,
    charge: String,
    /// What the provider calls the order.
    invoice: String,
    /// What the merchant calls it and why, as JSON.
    note: String,
    /// What is known, or why it ended so.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    position: u64,
    created_at: String,
}

/// `GET /api/v1/admin/refunds`: those that are open, oldest first.
pub(super) async fn open(context: Context<'_>) -> Result<Reply, ApiError> {
    let query = context.request.query()?.only(&["state", "limit", "cursor"])?;
    let (limit, after) = place(&query)?;
    let states = match query.get("state") {
        None => Vec::new(),
        Some("asked") => vec!["asked"],
        Some("unknown") => vec!["unknown"],
        Some(_) => return Err(ApiError::field("state", "must be asked or unknown")),
    };
    let gateway = Arc::clone(context.gateway);
    let mut open = context.blocking(move || gateway.open_refunds(&states)).await?;
    open.retain(|standing| after.is_none_or(|after| standing.recorded.position > after));
    let more = open.len() > limit;
    open.truncate(limit);
    let next = open.last().filter(|_| more).map(|standing| standing.recorded.position);
    let data: Vec<_> = open.iter().map(|standing| context.refund(standing)).collect();
    Ok(Reply::ok(&ListView { data, next_cursor: cursor(next) }))
}

/// `POST /api/v1/admin/refunds/{id}/settle`
pub(super) async fn settle(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: SettleBody = context.request.json()?;
    let (settlement, reason) = body.read()?;
    let id = context.segment(4);
    Ok(match context.gateway.judge_refund(caller, id, settlement, reason).await? {
        Judged::Done(standing) => Reply::ok(&context.refund(&standing)),
        Judged::NeedsAnother(recorded) => words::waits(id, &recorded),
    })
}

impl Context<'_> {
    fn refund(&self, standing: &Standing) -> RefundView {
        let started = standing.started();
        let (position, reason) = match &standing.state {
            State::Asked => (standing.recorded.position, None),
            State::Unknown { reason } => (standing.recorded.position, Some(reason.clone())),
            State::Succeeded { position, note } => (*position, Some(note.clone())),
            State::Failed { position, code, reason } => {
                (*position, Some(format!("{code}: {reason}")))
            }
        };
        RefundView {
            id: standing.id(),
            status: standing.state.name(),
            from: self.name_of(started.account),
            amount: started.amount.get(),
            currency: started.currency.to_string(),
            charge: format!("chg_{}", standing.order_id),
            invoice: standing.order_id.clone(),
            note: started.note.to_string(),
            reason,
            position: position.get(),
            created_at: self.time(standing.recorded.time),
        }
    }
}
