//! Webhooks: where users are told of what happens, and how that went. Administrators see to those of
//! others under the user's name.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Context;
use super::payouts::reason_of;
use super::routes::{self, Route};
use super::wire::{self, ListView, cursor};
use crate::gateway::caller::Caller;
use crate::gateway::webhooks::{Line, Wish, endpoint_public_id, message_id, set_by};
use crate::http::problem::ApiError;
use crate::http::reply::Reply;
use crate::journal::Recorded;
use crate::ledger::endpoint::{Endpoint, EventKind};
use crate::ledger::event::Fact;
use crate::ledger::text;
use crate::limits;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookBody {
    url: String,
    description: Option<String>,
    events: Option<Vec<String>>,
    disabled: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RedeliverBody {
    reason: String,
}

/// An endpoint. The secret is shown when it is made and never again.
#[derive(Serialize)]
struct WebhookView {
    id: String,
    url: String,
    description: String,
    events: Vec<&'static str>,
    disabled: bool,
    pending: u32,
    missed: u64,
    created_at: String,
    secret_changed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
}

#[derive(Serialize)]
struct TestedView {
    message: String,
    status: Option<u16>,
    note: String,
}

#[derive(Serialize)]
struct DeliveryView {
    message: String,
    r#type: &'static str,
    time: String,
    status: &'static str,
    next_try_at: Option<String>,
    attempts: Vec<AttemptView>,
    position: u64,
}

#[derive(Serialize)]
struct AttemptView {
    attempt: u16,
    status: Option<u16>,
    note: String,
    time: String,
    position: u64,
}

/// Whose endpoints a request is about, and where in the path one is named.
struct Whose {
    owner: Caller,
    place: usize,
}

/// What users, and administrators for them, do about webhooks.
pub(super) async fn dispatch(
    route: Route,
    context: Context<'_>,
    caller: Caller,
) -> Result<Reply, ApiError> {
    match route {
        Route::Webhooks | Route::UserWebhooks => list(context, &caller),
        Route::AddWebhook => add(context, &caller).await,
        Route::Webhook | Route::UserWebhook => show(context, &caller),
        Route::ChangeWebhook | Route::ChangeUserWebhook => change(context, &caller).await,
        Route::RemoveWebhook | Route::RemoveUserWebhook => remove(context, &caller).await,
        Route::RotateWebhook => rotate(context, &caller).await,
        Route::TestWebhook => test(context, &caller).await,
        Route::Deliveries | Route::UserDeliveries => deliveries(context, &caller).await,
        Route::RedeliverEvent | Route::RedeliverUserEvent => redeliver(context, &caller).await,
        _ => Box::pin(routes::dispatch_bills(route, context, caller)).await,
    }
}

/// `GET /api/v1/webhooks`
pub(super) fn list(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let whose = context.whose(caller)?;
    let endpoints = context.gateway.webhooks(whose.owner.user.id);
    let data = endpoints.iter().map(|endpoint| context.webhook(endpoint)).collect();
    Ok(Reply::ok(&ListView::<WebhookView> { data, next_cursor: None }))
}

/// `POST /api/v1/webhooks`
pub(super) async fn add(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let wish = wish(context.request.json()?)?;
    let owner = caller.user.id;
    let (recorded, secret) = context.gateway.add_webhook(caller.principal(), owner, wish).await?;
    let secret = Some(secret.expose().clone());
    Ok(Reply::created(&context.changed_webhook(&recorded, secret)?))
}

/// `GET /api/v1/webhooks/{id}`
pub(super) fn show(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let endpoint = context.named_webhook(&context.whose(caller)?)?;
    Ok(Reply::ok(&context.webhook(&endpoint)))
}

/// `PUT /api/v1/webhooks/{id}`
pub(super) async fn change(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let wish = wish(context.request.json()?)?;
    let Whose { owner, place } = context.whose(caller)?;
    let (by, owner, id) = (caller.principal(), owner.user.id, context.segment(place));
    let recorded = context.gateway.change_webhook(by, owner, id, wish).await?;
    Ok(Reply::ok(&context.changed_webhook(&recorded, None)?))
}

/// `DELETE /api/v1/webhooks/{id}`
pub(super) async fn remove(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let Whose { owner, place } = context.whose(caller)?;
    let (by, owner, id) = (caller.principal(), owner.user.id, context.segment(place));
    let recorded = context.gateway.remove_webhook(by, owner, id).await?;
    Ok(wire::no_content(recorded.position))
}

/// `POST /api/v1/webhooks/{id}/rotate-secret`
pub(super) async fn rotate(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let (by, owner, id) = (caller.principal(), caller.user.id, context.segment(3));
    let (recorded, secret) = context.gateway.rotate_webhook_secret(by, owner, id).await?;
    Ok(Reply::ok(&context.changed_webhook(&recorded, Some(secret.expose().clone()))?))
}

/// `POST /api/v1/webhooks/{id}/test`
pub(super) async fn test(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let tested = context.gateway.test_webhook(caller.user.id, context.segment(3)).await?;
    let view = TestedView { message: tested.id, status: tested.status, note: tested.note };
    Ok(Reply::ok(&view))
}

/// `GET /api/v1/webhooks/{id}/deliveries`: the delivery log, newest first.
pub(super) async fn deliveries(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let whose = context.whose(caller)?;
    let (account, page) = context.page(&whose.owner)?;
    let endpoint = context.named_webhook(&whose)?;
    let gateway = Arc::clone(context.gateway);
    let log = move || gateway.delivery_log(&endpoint, account, page);
    let lines = context.blocking(log).await?;
    let data = lines.lines.iter().map(|line| context.delivery(line)).collect();
    Ok(Reply::ok(&ListView::<DeliveryView> { data, next_cursor: cursor(lines.next) }))
}

/// `POST /api/v1/webhooks/{id}/deliveries/{message}/redeliver`
pub(super) async fn redeliver(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let RedeliverBody { reason } = context.request.json()?;
    let reason = reason_of(&reason)?;
    let whose = context.whose(caller)?;
    let endpoint = context.named_webhook(&whose)?;
    let message = context.segment(whose.place + 2);
    let line = context.gateway.redeliver_event(&endpoint, message, reason).await?;
    let reply = Reply::ok(&context.delivery(&line));
    Ok(match line.tries.last() {
        // The line's own position is the event's.
        Some(newest) => wire::at(reply, newest.position),
        None => reply,
    })
}

fn wish(body: WebhookBody) -> Result<Wish, ApiError> {
    let WebhookBody { url, description, events, disabled } = body;
    let wrong = |field| move |error: text::TextError| ApiError::field(field, error.to_string());
    let description = description.unwrap_or_default();
    let description = text::Line::parse(&description, limits::WEBHOOK_DESCRIPTION_MAX);
    let mut kinds = Vec::new();
    for name in events.unwrap_or_default() {
        let unknown = || ApiError::field("events", "names an event that does not exist");
        let kind = EventKind::parse(&name).ok_or_else(unknown)?;
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    Ok(Wish {
        url: wire::line("url", &url, limits::ADDRESS_MAX)?,
        description: description.map_err(wrong("description"))?,
        events: kinds,
        disabled: disabled.unwrap_or(false),
    })
}

impl Context<'_> {
    fn whose(&self, caller: &Caller) -> Result<Whose, ApiError> {
        if self.segment(2) != "admin" {
            return Ok(Whose { owner: caller.clone(), place: 3 });
        }
        let user = self.gateway.look_up(self.segment(4))?;
        Ok(Whose { owner: Caller { user, proof: caller.proof.clone() }, place: 6 })
    }

    fn named_webhook(&self, whose: &Whose) -> Result<Arc<Endpoint>, ApiError> {
        Ok(self.gateway.webhook(whose.owner.user.id, self.segment(whose.place))?)
    }

    fn changed_webhook(
        &self,
        recorded: &Recorded,
        secret: Option<String>,
    ) -> Result<WebhookView, ApiError> {
        let view = self.webhook(set_by(recorded)?);
        Ok(WebhookView { secret, position: Some(recorded.position.get()), ..view })
    }

    fn webhook(&self, endpoint: &Endpoint) -> WebhookView {
        let backlog = self.gateway.view().deliveries().backlog(endpoint.id);
        WebhookView {
            id: endpoint_public_id(endpoint),
            url: endpoint.url.to_string(),
            description: endpoint.description.to_string(),
            events: endpoint.events.iter().map(|kind| kind.name()).collect(),
            disabled: endpoint.disabled,
            pending: backlog.pending,
            missed: backlog.missed,
            created_at: self.time(endpoint.created),
            secret_changed_at: endpoint.rotated.map(|at| self.time(at)),
            secret: None,
            position: None,
        }
    }

    fn delivery(&self, line: &Line) -> DeliveryView {
        DeliveryView {
            message: message_id(&line.event),
            r#type: line.kind.name(),
            time: self.time(line.event.time),
            status: line.status.name(),
            next_try_at: line.due().map(|due| self.time(due)),
            attempts: line.tries.iter().filter_map(|tried| self.attempt(tried)).collect(),
            position: line.event.position.get(),
        }
    }

    fn attempt(&self, recorded: &Recorded) -> Option<AttemptView> {
        let Fact::DeliveryTried(tried) = &recorded.event.fact else { return None };
        Some(AttemptView {
            attempt: tried.attempt,
            status: tried.status,
            note: tried.note.to_string(),
            time: self.time(recorded.event.at),
            position: recorded.position.get(),
        })
    }
}
