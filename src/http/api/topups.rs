//! Money from outside: announced, found, credited.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Context;
use super::charges::PlacedView;
use super::payments::movement;
use super::wire::{self, ListView, Units, cursor, id_of, place};
use crate::engine::Outcome;
use crate::gateway::caller::Caller;
use crate::gateway::charge::standing::{PAID, Shown, shown, standing};
use crate::gateway::pay;
use crate::gateway::top_up::{Announce, TopUp};
use crate::gateway::{self, Gateway};
use crate::http::amount::{AmountField, CurrencyField};
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;
use crate::journal::Recorded;
use crate::ledger::charge::{ChargePurpose, ChargeStarted};
use crate::ledger::event::{Fact, MovementKind};
use crate::ledger::order::{Order, TopUpState};
use crate::limits;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnnounceBody {
    amount: AmountField,
    currency: Option<CurrencyField>,
    sender_bank_code: String,
    sender_name: String,
    reference: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TopUpBody {
    to: String,
    amount: AmountField,
    currency: Option<CurrencyField>,
    note: Option<String>,
    reference: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ApproveBody {
    reference: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RejectBody {
    reason: String,
    reference: Option<String>,
}

/// A top-up, asked for or done.
#[derive(Serialize)]
struct TopUpView {
    id: String,
    status: &'static str,
    to: String,
    amount: u64,
    currency: String,
    channel: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_bank_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance_after: Option<Units>,
    #[serde(skip_serializing_if = "Option::is_none")]
    placed: Option<PlacedView>,
    position: u64,
    created_at: String,
}

/// `POST /api/v1/topups/bank-transfer`
pub(super) async fn announce(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: AnnounceBody = context.request.json()?;
    let bank = &body.sender_bank_code;
    if bank.len() != 3 || !bank.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(ApiError::field("sender_bank_code", "must be three digits"));
    }
    let announce = Announce {
        amount: wire::amount(body.amount)?,
        currency: wire::currency(body.currency.as_ref())?,
        bank: wire::line("sender_bank_code", bank, limits::NAME_MAX)?,
        sender: wire::line("sender_name", &body.sender_name, limits::NAME_MAX)?,
        reference: context.key(body.reference.as_deref())?,
    };
    let outcome = context.gateway.announce_top_up(caller, announce).await?;
    context.written(&outcome)
}

/// `GET /api/v1/topups`
pub(super) async fn list(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let (account, page) = context.page(caller)?;
    let is_top_up = |_: &Gateway, _, recorded: &Recorded| match &recorded.event.fact {
        // One that began with a request is shown as that request.
        Fact::Moved(movement) => matches!(movement.kind, MovementKind::TopUp { request: None, .. }),
        Fact::TopUpRequested(_) => true,
        Fact::ChargeStarted(started) => started.purpose == ChargePurpose::TopUp,
        _ => false,
    };
    let lines = context.records(account, page, is_top_up).await?;
    let data: Vec<_> = lines.lines.iter().filter_map(|r| context.top_up(r)).collect();
    Ok(Reply::ok(&ListView { data, next_cursor: cursor(lines.next) }))
}

/// `GET /api/v1/admin/topups`: what waits for an administrator, oldest first.
pub(super) async fn awaiting(context: Context<'_>) -> Result<Reply, ApiError> {
    let (limit, after) = place(&context.request.query()?.only(&["limit", "cursor"])?)?;
    let gateway = Arc::clone(context.gateway);
    let work = move || {
        let requests = gateway.awaiting_top_ups(after, limit + 1).into_iter();
        let records = requests.map(|request| Ok(gateway.view().record(request)?));
        records.collect::<Result<Vec<_>, gateway::Error>>()
    };
    let mut records = context.blocking(work).await?;
    let more = records.len() > limit;
    records.truncate(limit);
    let next = records.last().filter(|_| more).map(|recorded| recorded.position);
    let data: Vec<_> = records.iter().filter_map(|r| context.top_up(r)).collect();
    Ok(Reply::ok(&ListView { data, next_cursor: cursor(next) }))
}

/// `POST /api/v1/admin/topups`
pub(super) async fn top_up(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: TopUpBody = context.request.json()?;
    let top_up = TopUp {
        to: wire::username("to", &body.to)?,
        amount: wire::amount(body.amount)?,
        currency: wire::currency(body.currency.as_ref())?,
        note: pay::note(body.note.as_deref())?,
        reference: context.key(body.reference.as_deref())?,
    };
    let outcome = context.gateway.top_up(caller, top_up).await?;
    context.written(&outcome)
}

/// `POST /api/v1/admin/topups/{id}/approve`
pub(super) async fn approve(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    // There is nothing to say but a reference, so the body may be left out.
    let body = context.request.body();
    let ApproveBody { reference } =
        if body.is_empty() { ApproveBody::default() } else { context.request.json()? };
    let reference = context.key(reference.as_deref())?;
    let outcome = context.gateway.approve_top_up(caller, id(context), reference).await?;
    context.written(&outcome)
}

/// `POST /api/v1/admin/topups/{id}/reject`
pub(super) async fn reject(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: RejectBody = context.request.json()?;
    let reason = wire::line("reason", &body.reason, limits::REASON_MAX)?;
    let reference = context.key(body.reference.as_deref())?;
    let outcome = context.gateway.reject_top_up(caller, id(context), reason, reference).await?;
    context.written(&outcome)
}

fn id<'a>(context: Context<'a>) -> &'a str {
    let segments = context.request.segments();
    segments.as_slice().get(4).copied().unwrap_or_default()
}

impl Context<'_> {
    fn written(&self, outcome: &Outcome) -> Result<Reply, ApiError> {
        let view = match &outcome.recorded.event.fact {
            Fact::TopUpRejected(rejected) => {
                let request = self.gateway.view().record(rejected.request);
                let request = request.map_err(gateway::Error::from)?;
                let view = self.top_up(&request).ok_or_else(|| ApiError::new(Code::Internal))?;
                TopUpView { position: outcome.recorded.position.get(), ..view }
            }
            // The first answer again, whatever became of the request since.
            Fact::TopUpRequested(_) => TopUpView {
                status: "awaiting_validation",
                ..self.top_up(&outcome.recorded).ok_or_else(|| ApiError::new(Code::Internal))?
            },
            _ => match movement(&outcome.recorded)?.kind.subject() {
                Some(request) => self.approved(request, &outcome.recorded)?,
                None => self.settled(&outcome.recorded)?,
            },
        };
        Ok(wire::written(outcome, Reply::created(&view)))
    }

    /// A record as a top-up, if it is one.
    fn top_up(&self, recorded: &Recorded) -> Option<TopUpView> {
        match &recorded.event.fact {
            Fact::Moved(movement) => match movement.kind {
                // One that began with a request is shown as that request.
                MovementKind::TopUp { request: None, .. } => self.settled(recorded).ok(),
                _ => None,
            },
            Fact::ChargeStarted(started) if started.purpose == ChargePurpose::TopUp => {
                self.charged(recorded, started).ok()
            }
            Fact::TopUpRequested(request) => {
                let by_admin = request.bank.as_str().is_empty();
                let (bank, sender) = (request.bank.to_string(), request.sender.to_string());
                Some(TopUpView {
                    id: id_of("top", recorded.time, recorded.position),
                    status: self.status_of(recorded.position),
                    to: self.name_of(request.account),
                    amount: request.amount.get(),
                    currency: request.currency.to_string(),
                    channel: if by_admin { "admin" } else { "bank_transfer" },
                    sender_bank_code: (!by_admin).then_some(bank),
                    sender_name: (!by_admin).then(|| sender.clone()),
                    note: by_admin.then_some(sender),
                    reference: request.origin.reference.to_string(),
                    balance_after: None,
                    placed: None,
                    position: recorded.position.get(),
                    created_at: self.time(recorded.time),
                })
            }
            _ => None,
        }
    }

    /// A top-up through the provider.
    fn charged(
        &self,
        recorded: &Recorded,
        started: &ChargeStarted,
    ) -> Result<TopUpView, gateway::Error> {
        let standing = standing(self.gateway.view(), recorded.position)?;
        let Shown { status, placed, .. } = shown(self.gateway.view(), &standing)?;
        let status = if status == PAID { "settled" } else { status };
        Ok(TopUpView {
            id: standing.id(),
            status,
            to: self.name_of(started.account),
            amount: started.amount.get(),
            currency: started.currency.to_string(),
            channel: "virtual_account",
            sender_bank_code: None,
            sender_name: None,
            note: None,
            reference: started.origin.reference.to_string(),
            balance_after: None,
            placed: placed.map(|placed| self.placed(&placed)),
            position: recorded.position.get(),
            created_at: self.time(recorded.time),
        })
    }

    /// A request that an approval has settled: the request's own id, the approval's place.
    fn approved(
        &self,
        request: crate::ledger::id::Position,
        approval: &Recorded,
    ) -> Result<TopUpView, ApiError> {
        let settled = self.settled(approval)?;
        let record = self.gateway.view().record(request).map_err(gateway::Error::from)?;
        let request = self.top_up(&record).ok_or_else(|| ApiError::new(Code::Internal))?;
        let TopUpView { reference, balance_after, position, status, .. } = settled;
        Ok(TopUpView { reference, balance_after, position, status, ..request })
    }

    fn status_of(&self, request: crate::ledger::id::Position) -> &'static str {
        match self.gateway.view().order(request) {
            Some(Order::TopUp { state: TopUpState::Approved(_), .. }) => "settled",
            Some(Order::TopUp { state: TopUpState::Rejected(_), .. }) => "rejected",
            _ => "awaiting_validation",
        }
    }

    fn settled(&self, recorded: &Recorded) -> Result<TopUpView, ApiError> {
        let movement = movement(recorded)?;
        let link = recorded.links.iter().find(|link| link.account == movement.credit);
        Ok(TopUpView {
            id: id_of("top", recorded.time, recorded.position),
            status: "settled",
            to: self.name_of(movement.credit),
            amount: movement.amount.get(),
            currency: movement.currency.to_string(),
            channel: "admin",
            sender_bank_code: None,
            sender_name: None,
            note: Some(movement.note.to_string()),
            reference: movement.origin.reference.to_string(),
            balance_after: link.map(|link| Units(link.balance_after.units())),
            placed: None,
            position: recorded.position.get(),
            created_at: self.time(recorded.time),
        })
    }
}
