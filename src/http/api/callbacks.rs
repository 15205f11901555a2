//! Callbacks: where clients are told how their transfers end, and how that went.

use serde::{Deserialize, Serialize};

use super::Context;
use super::payouts::reason_of;
use super::proposals::Shown;
use super::wire::{self, ListView};
use crate::gateway::caller::Caller;
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;
use crate::journal::Recorded;
use crate::ledger::event::Fact;
use crate::ledger::text::ClientId;
use crate::limits;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallbackBody {
    url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RedeliverBody {
    reason: String,
}

/// Every try, and the one that was just made.
#[derive(Serialize)]
struct RedeliveredView {
    data: Vec<TryView>,
    next_cursor: Option<String>,
    position: u64,
}

/// A callback as it was set. The secret is shown here and never again.
#[derive(Serialize)]
struct CallbackView<'a> {
    url: &'a str,
    secret: &'a str,
    position: u64,
}

/// One try to tell an end.
#[derive(Serialize)]
struct TryView {
    attempt: u16,
    status: Option<u16>,
    note: String,
    done: bool,
    time: String,
    position: u64,
}

/// `PUT /api/v1/admin/clients/{id}/callback`
pub(super) async fn set(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: CallbackBody = context.request.json()?;
    let url = wire::line("url", &body.url, limits::ADDRESS_MAX)?;
    let id = client(context)?;
    let by = caller.principal();
    let (recorded, secret) = context.gateway.set_callback(by, &id, url.clone()).await?;
    let shown = Shown { secret: Some(secret.expose()), ..Shown::default() };
    if let Some(proposed) = context.proposed(&recorded, &shown) {
        return Ok(proposed);
    }
    let position = recorded.position.get();
    Ok(Reply::ok(&CallbackView { url: url.as_str(), secret: secret.expose(), position }))
}

/// `DELETE /api/v1/admin/clients/{id}/callback`
pub(super) async fn remove(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let by = caller.principal();
    let recorded = context.gateway.remove_callback(by, &client(context)?).await?;
    let reply = || wire::no_content(recorded.position);
    Ok(context.proposed(&recorded, &Shown::default()).unwrap_or_else(reply))
}

/// `GET /api/v1/admin/payouts/{id}/callbacks`: the delivery log, oldest first.
pub(super) fn log(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let tries = context.gateway.callback_log(caller, context.segment(4))?;
    Ok(Reply::ok(&context.tries(&tries)?))
}

/// `POST /api/v1/admin/payouts/{id}/redeliver`
pub(super) async fn redeliver(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let RedeliverBody { reason } = context.request.json()?;
    let reason = reason_of(&reason)?;
    let tries = context.gateway.redeliver(caller, context.segment(4), reason).await?;
    let position = tries.last().map_or(0, |newest| newest.position.get());
    let ListView { data, next_cursor } = context.tries(&tries)?;
    Ok(Reply::ok(&RedeliveredView { data, next_cursor, position }))
}

fn client(context: Context<'_>) -> Result<ClientId, ApiError> {
    ClientId::parse(context.segment(4)).map_err(|_| ApiError::new(Code::NotFound))
}

impl Context<'_> {
    fn tries(&self, tries: &[Recorded]) -> Result<ListView<TryView>, ApiError> {
        let data = tries.iter().map(|recorded| self.tried(recorded)).collect::<Option<Vec<_>>>();
        let data = data.ok_or_else(|| ApiError::new(Code::Internal))?;
        Ok(ListView { data, next_cursor: None })
    }

    fn tried(&self, recorded: &Recorded) -> Option<TryView> {
        let Fact::CallbackTried(tried) = &recorded.event.fact else { return None };
        Some(TryView {
            attempt: tried.attempt,
            status: tried.status,
            note: tried.note.as_str().to_owned(),
            done: tried.done,
            time: self.time(recorded.event.at),
            position: recorded.position.get(),
        })
    }
}
