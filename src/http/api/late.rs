//! Money in suspense, and what administrators do about it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Context;
use super::charges::ChargeView;
use super::payouts::reason_of;
use super::wire;
use super::words::{self, WordView};
use crate::gateway::caller::Caller;
use crate::gateway::charge::late::{Decided, Decision, Goes, Waits, public_id};
use crate::gateway::charge::odd;
use crate::http::problem::ApiError;
use crate::http::reply::Reply;
use crate::ledger::event::{Fact, MovementKind};
use crate::limits;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResolveBody {
    to: String,
    username: Option<String>,
    reason: String,
    reference: Option<String>,
}

#[derive(Serialize)]
struct LateView {
    id: String,
    amount: u64,
    currency: String,
    charge: ChargeView,
    /// The provider's own name for the transaction.
    number: String,
    deadline: String,
    overdue: bool,
    /// Whether one administrator has said where it goes, and another has to agree.
    proposed: bool,
    /// What they said.
    proposal: Option<WordView>,
    position: u64,
    created_at: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettleBody {
    reason: String,
}

#[derive(Serialize)]
struct OddView {
    /// Of a charge that has ended; one that is open is asked about until it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    odd: &'static str,
    /// What the provider says became of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<String>,
    charge: ChargeView,
}

#[derive(Serialize)]
struct SettledView {
    id: String,
    status: &'static str,
    reason: String,
    position: u64,
}

#[derive(Serialize)]
struct ListView {
    data: Vec<LateView>,
    /// Charges of which the provider says what cannot be.
    odd: Vec<OddView>,
}

#[derive(Serialize)]
struct ResolvedView {
    id: String,
    status: &'static str,
    to: String,
    amount: u64,
    currency: String,
    reason: String,
    position: u64,
}

/// `GET /api/v1/admin/late`: oldest first.
pub(super) async fn list(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let _ = context.request.query()?.only(&[])?;
    let (gateway, caller) = (Arc::clone(context.gateway), caller.clone());
    let work = move || Ok((gateway.late_money(&caller)?, gateway.odd_charges(&caller)?));
    let (late, odd) = context.blocking(work).await?;
    let data = late.iter().take(limits::LATE_LIST_MAX).map(|waits| context.late(waits));
    let data = data.collect::<Result<_, ApiError>>()?;
    let odd = odd.iter().map(|odd| context.odd(odd)).collect::<Result<_, ApiError>>()?;
    Ok(Reply::ok(&ListView { data, odd }))
}

/// `POST /api/v1/admin/odd/{id}/settle`
pub(super) async fn settle_odd(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let SettleBody { reason } = context.request.json()?;
    let (id, reason) = (context.segment(4), reason_of(&reason)?);
    let recorded = context.gateway.settle_odd(caller, id, reason.clone()).await?;
    Ok(Reply::ok(&SettledView {
        id: id.to_owned(),
        status: "settled",
        reason: reason.to_string(),
        position: recorded.position.get(),
    }))
}

/// `POST /api/v1/admin/late/{id}/resolve`
pub(super) async fn resolve(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: ResolveBody = context.request.json()?;
    let username = body.username.as_deref().map(|name| wire::username("username", name));
    let goes = match (body.to.as_str(), username.transpose()?) {
        ("account", username) => Goes::Account(username),
        ("bill" | "provider", Some(_)) => {
            return Err(ApiError::field("username", "goes with account"));
        }
        ("bill", None) => Goes::Bill,
        ("provider", None) => Goes::Provider,
        _ => return Err(ApiError::field("to", "must be bill, account or provider")),
    };
    let decision = Decision {
        goes,
        reason: wire::line("reason", &body.reason, limits::REASON_MAX)?,
        reference: context.key(body.reference.as_deref())?,
    };
    let id = context.segment(4);
    let outcome = match context.gateway.resolve_late(caller, id, decision).await? {
        Decided::NeedsAnother(recorded) => return Ok(words::waits(id, &recorded)),
        Decided::Done(outcome) => outcome,
    };
    let view = resolved(context, id, &outcome)?;
    Ok(wire::written(&outcome, Reply::ok(&view)))
}

fn resolved(
    context: Context<'_>,
    id: &str,
    outcome: &crate::engine::Outcome,
) -> Result<ResolvedView, ApiError> {
    let movement = super::payments::movement(&outcome.recorded)?;
    let to = match movement.kind {
        MovementKind::Resolved { bill: Some(_), .. } => "bill".to_owned(),
        _ => context.name_of(movement.credit),
    };
    Ok(ResolvedView {
        id: id.to_owned(),
        status: "resolved",
        to,
        amount: movement.amount.get(),
        currency: movement.currency.to_string(),
        reason: movement.note.to_string(),
        position: outcome.recorded.position.get(),
    })
}

impl Context<'_> {
    fn odd(&self, waits: &odd::Waits) -> Result<OddView, ApiError> {
        let said = waits.heard.as_ref().and_then(|heard| match &heard.event.fact {
            Fact::OddHeard(heard) => Some(format!("{}, {}", heard.status, heard.amount)),
            _ => None,
        });
        Ok(OddView {
            id: waits.heard.as_ref().map(odd::public_id),
            odd: waits.odd.name(),
            said,
            charge: self.charge(&waits.charge)?,
        })
    }

    fn late(&self, waits: &Waits) -> Result<LateView, ApiError> {
        let number = match &waits.recorded.event.fact {
            Fact::Moved(movement) => movement.note.to_string(),
            _ => String::new(),
        };
        Ok(LateView {
            id: public_id(&waits.recorded),
            amount: waits.late.amount.get(),
            currency: waits.charge.started().currency.to_string(),
            charge: self.charge(&waits.charge)?,
            number,
            deadline: self.time(waits.late.deadline),
            overdue: waits.overdue,
            proposed: waits.proposal.is_some(),
            proposal: waits.proposal.as_ref().map(|word| self.word(word)),
            position: waits.recorded.position.get(),
            created_at: self.time(waits.recorded.time),
        })
    }
}
