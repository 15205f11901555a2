//! Whether the provider's list of a day agrees with our charges.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Context;
use crate::gateway::provider_day::{List, Ours, Report, Row, reconcile as compare};
use crate::gateway::reconcile::Verdict;
use crate::http::problem::ApiError;
use crate::http::reply::Reply;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListBody {
    date: String,
    transactions: Vec<Value>,
}

#[derive(Serialize)]
struct ReportView {
    date: String,
    agrees: bool,
    matched: usize,
    only_ours: usize,
    only_theirs: usize,
    different: usize,
    rows: Vec<RowView>,
    text: String,
}

#[derive(Serialize)]
struct RowView {
    verdict: &'static str,
    order_id: String,
    note: &'static str,
    ours: Option<OursView>,
    theirs: Vec<TheirsView>,
}

#[derive(Serialize)]
struct OursView {
    state: &'static str,
    amount: u64,
    currency: String,
    /// How much of it went back.
    refunded: u64,
    date: String,
}

#[derive(Serialize)]
struct TheirsView {
    status: &'static str,
    amount: u64,
    currency: String,
    transaction_id: String,
}

/// `POST /api/v1/admin/reconcile/midtrans` with the provider's list as JSON
pub(super) async fn reconcile(context: Context<'_>) -> Result<Reply, ApiError> {
    let ListBody { date, transactions } = context.request.json()?;
    let list = List::new(&date, &transactions)?;
    let gateway = Arc::clone(context.gateway);
    let report = context.blocking(move || compare(gateway.view().history(), list)).await?;
    Ok(Reply::ok(&ReportView::of(&report)))
}

impl ReportView {
    fn of(report: &Report) -> Self {
        let unsettled = report.rows.iter().filter(|row| row.verdict != Verdict::Matched);
        Self {
            date: report.date.to_string(),
            agrees: report.agrees(),
            matched: report.count(Verdict::Matched),
            only_ours: report.count(Verdict::OnlyOurs),
            only_theirs: report.count(Verdict::OnlyTheirs),
            different: report.count(Verdict::Different),
            rows: unsettled.map(RowView::of).collect(),
            text: report.text(),
        }
    }
}

impl RowView {
    fn of(row: &Row) -> Self {
        let ours = |ours: &Ours| OursView {
            state: ours.state.name(),
            amount: ours.amount.get(),
            currency: ours.currency.to_string(),
            refunded: ours.given,
            date: ours.date.to_string(),
        };
        let theirs = row.theirs.iter().map(|it| TheirsView {
            status: it.status.name(),
            amount: it.amount.get(),
            currency: it.currency().to_owned(),
            transaction_id: it.transaction_id.clone(),
        });
        Self {
            verdict: row.verdict.name(),
            order_id: row.order_id.clone(),
            note: row.note,
            ours: row.ours.as_ref().map(ours),
            theirs: theirs.collect(),
        }
    }
}
