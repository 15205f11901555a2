//! What has happened to the caller's money.

use std::sync::Arc;

use serde::Serialize;

use super::Context;
use super::wire::{ListView, Units, cursor, id_of, range};
use crate::gateway::caller::Caller;
use crate::gateway::cash_flow::{Bucket, Flow};
use crate::gateway::history::Change;
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;

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
pub(super) fn transactions(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let (account, page) = context.page(caller)?;
    let lines = context.gateway.changes(account, page)?;
    let data = lines.lines.iter().map(|change| context.transaction(change)).collect();
    Ok(Reply::ok(&ListView { data, next_cursor: cursor(lines.next) }))
}

/// `GET /api/v1/notifications`: what others did that concerns the caller.
pub(super) fn notifications(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let (account, page) = context.page(caller)?;
    let lines = context.gateway.walk(account, page, |recorded| {
        let message = super::stream::message(context.gateway, account, &recorded)?;
        Some(NotificationView {
            id: id_of("ntf", recorded.time, recorded.position),
            r#type: message.kind,
            time: context.time(recorded.time),
            about: message.about,
        })
    })?;
    Ok(Reply::ok(&ListView { data: lines.lines, next_cursor: cursor(lines.next) }))
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
    // A long report reads many records: not on a thread that payments need.
    let report =
        tokio::task::spawn_blocking(move || gateway.cash_flow(account, range, bucket, offset))
            .await
            .map_err(|_| ApiError::new(Code::Internal))??;
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
    fn transaction(&self, change: &Change) -> TransactionView {
        let (recorded, movement) = (&change.recorded, change.movement());
        TransactionView {
            id: id_of(change.category.prefix(), recorded.time, recorded.position),
            time: self.time(recorded.time),
            category: change.category.name(),
            direction: if change.incoming { "in" } else { "out" },
            amount: change.amount.get(),
            fee: movement.fee.map_or(0, |fee| fee.amount.get()),
            currency: movement.currency.to_string(),
            balance_after: Units(change.balance_after.units()),
            counterparty: self.name_of(change.counterparty),
            note: movement.note.to_string(),
            reference: movement.origin.reference.to_string(),
            position: recorded.position.get(),
        }
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
