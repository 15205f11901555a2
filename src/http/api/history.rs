//! What has happened to the caller's money.

use std::sync::Arc;

use serde::Serialize;

use super::Context;
use super::stream::message;
use super::wire::{ListView, Units, cursor, id_of, range};
use crate::gateway::caller::Caller;
use crate::gateway::cash_flow::{Bucket, Flow};
use crate::gateway::history::{Change, change_of};
use crate::gateway::{Error, Gateway};
use crate::http::problem::ApiError;
use crate::http::reply::Reply;
use crate::journal::Recorded;
use crate::ledger::event::{Fact, MovementKind};

#[derive(Serialize)]
struct TransactionView {
    id: String,
    time: String,
    category: &'static str,
    direction: &'static str,
    amount: u64,
    fee: u64,
    currency: String,
    balance_after: Units,
    counterparty: String,
    note: String,
    reference: String,
    position: u64,
}

#[derive(Serialize)]
struct NotificationView {
    id: String,
    r#type: &'static str,
    time: String,
    #[serde(flatten)]
    about: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize)]
struct FlowView {
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    money_in: Units,
    money_out: Units,
    net: Units,
    count: u64,
}

#[derive(Serialize)]
struct CashFlowView {
    currency: String,
    bucket: String,
    data: Vec<FlowView>,
    total: FlowView,
}

/// `GET /api/v1/transactions`
pub(super) async fn transactions(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let (account, page) = context.page(caller)?;
    let moved = |_: &Gateway, _, recorded: &Recorded| matches!(recorded.event.fact, Fact::Moved(_));
    let lines = context.records(account, page, moved).await?;
    let changes = lines.lines.into_iter().filter_map(|recorded| change_of(account, recorded));
    let data = changes.map(|change| context.transaction(&change));
    let data = data.collect::<Result<Vec<_>, _>>()?;
    Ok(Reply::ok(&ListView { data, next_cursor: cursor(lines.next) }))
}

/// `GET /api/v1/notifications`: what others did that concerns the caller.
pub(super) async fn notifications(
    context: Context<'_>,
    caller: &Caller,
) -> Result<Reply, ApiError> {
    let (account, page) = context.page(caller)?;
    let told = |gateway: &Gateway, account, recorded: &Recorded| {
        message(gateway, account, recorded).is_some()
    };
    let lines = context.records(account, page, told).await?;
    let view = |recorded: Recorded| {
        let message = message(context.gateway, account, &recorded)?;
        Some(NotificationView {
            id: id_of("ntf", recorded.time, recorded.position),
            r#type: message.kind,
            time: context.time(recorded.time),
            about: message.about,
        })
    };
    let data: Vec<_> = lines.lines.into_iter().filter_map(view).collect();
    Ok(Reply::ok(&ListView { data, next_cursor: cursor(lines.next) }))
}

/// `GET /api/v1/cash-flow`
pub(super) async fn cash_flow(context: Context<'_>, caller: Caller) -> Result<Reply, ApiError> {
    let query = context.request.query()?.only(&["bucket", "from", "to", "currency"])?;
    let name = query.get("bucket").unwrap_or("day").to_owned();
    let bucket = Bucket::parse(&name)
        .ok_or_else(|| ApiError::field("bucket", "must be day, week or month"))?;
    let (account, currency) = context.account(&caller, &query)?;
    let range = range(&query)?;
    let gateway = Arc::clone(context.gateway);
    let offset = context.api.options.offset_seconds;
    let work = move || gateway.cash_flow(account, range, bucket, offset);
    let report = context.blocking(work).await?;
    let data = report
        .buckets
        .iter()
        .map(|(day, flow)| FlowView { period: Some(day.to_string()), ..FlowView::of(flow) })
        .collect();
    let total = FlowView::of(&report.total);
    let currency = currency.to_string();
    Ok(Reply::ok(&CashFlowView { currency, bucket: name, data, total }))
}

impl Context<'_> {
    fn transaction(&self, change: &Change) -> Result<TransactionView, ApiError> {
        let (recorded, movement) = (&change.recorded, change.movement());
        // A withdrawal goes by the name under which it was asked for.
        let asked = match movement.kind {
            MovementKind::PaidOut { payout, .. } => Some(self.gateway.view().record(payout)),
            _ => None,
        };
        let asked = asked.transpose().map_err(Error::from)?;
        let named = asked.as_ref().unwrap_or(recorded);
        let reference = named.event.fact.origin().map(|origin| origin.reference.to_string());
        Ok(TransactionView {
            id: id_of(change.category.prefix(), named.time, named.position),
            time: self.time(recorded.time),
            category: change.category.name(),
            direction: if change.incoming { "in" } else { "out" },
            amount: change.amount.get(),
            fee: movement.fee.map_or(0, |fee| fee.amount.get()),
            currency: movement.currency.to_string(),
            balance_after: Units(change.balance_after.units()),
            counterparty: self.name_of(change.counterparty),
            note: movement.note.to_string(),
            reference: reference.unwrap_or_default(),
            position: recorded.position.get(),
        })
    }
}

impl FlowView {
    fn of(flow: &Flow) -> Self {
        let units = |total: crate::ledger::money::Total| {
            Units(i128::try_from(total.units()).unwrap_or(i128::MAX))
        };
        Self {
            period: None,
            money_in: units(flow.money_in),
            money_out: units(flow.money_out),
            net: Units(flow.net().units()),
            count: flow.count,
        }
    }
}
