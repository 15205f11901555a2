//! What administrators ask before and after: which way, what the rules say, and whether the bank's
//! statement agrees.

use std::sync::Arc;

use hyper::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};

use super::Context;
use super::transfer::account;
use super::wire::{self, Units};
use crate::gateway::preview::Supposed;
use crate::gateway::reconcile::{Entry, Line, Ours, Report, Row, Verdict};
use crate::gateway::routing::{self, Candidate, Plan};
use crate::gateway::{Error, reconciliation};
use crate::http::amount::AmountField;
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;
use crate::ledger::money::Amount;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteBody {
    bank_code: String,
    amount: AmountField,
    fallback: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScreenBody {
    payer: String,
    bank_code: String,
    account_number: String,
    amount: AmountField,
}

#[derive(Serialize)]
struct PlanView {
    bank: String,
    candidates: Vec<CandidateView>,
    passed_over: Vec<PassedOverView>,
    explanation: String,
}

#[derive(Serialize)]
struct CandidateView {
    bank: String,
    name: String,
    usage: &'static str,
    url: String,
    fee: u64,
    reason: &'static str,
}

#[derive(Serialize)]
struct PassedOverView {
    bank: String,
    usage: &'static str,
    reason: &'static str,
}

#[derive(Serialize)]
struct ScreenView {
    outcome: &'static str,
    rule: Option<String>,
    reason: String,
    explanation: String,
}

#[derive(Serialize)]
struct ReportView {
    agrees: bool,
    matched: usize,
    only_ours: usize,
    only_theirs: usize,
    different: usize,
    totals: Vec<TotalsView>,
    rows: Vec<RowView>,
    text: String,
}

#[derive(Serialize)]
struct TotalsView {
    currency: String,
    paid_by_us: Units,
    debited_by_bank: Units,
    credited_by_bank: Units,
}

#[derive(Serialize)]
struct RowView {
    verdict: &'static str,
    reference: String,
    note: &'static str,
    ours: Option<OursView>,
    bank: Vec<LineView>,
}

#[derive(Serialize)]
struct OursView {
    state: &'static str,
    amount: u64,
    currency: String,
    date: String,
}

#[derive(Serialize)]
struct LineView {
    line: u64,
    r#type: &'static str,
    amount: u64,
    currency: String,
    date: String,
}

/// `POST /api/v1/admin/route-preview`
pub(super) fn route(context: Context<'_>) -> Result<Reply, ApiError> {
    let body: RouteBody = context.request.json()?;
    let bank = routing::bank_code("bank_code", &body.bank_code)?;
    let fallback = body.fallback.unwrap_or(true);
    let plan = context.gateway.preview_route(bank, wire::amount(body.amount)?, fallback);
    Ok(Reply::ok(&PlanView::of(&plan)))
}

/// `POST /api/v1/admin/screen-preview`
pub(super) fn screen(context: Context<'_>) -> Result<Reply, ApiError> {
    let body: ScreenBody = context.request.json()?;
    let supposed = Supposed {
        bank: routing::bank_code("bank_code", &body.bank_code)?,
        number: account("account_number", &body.account_number)?,
        amount: wire::amount(body.amount)?,
    };
    let payer = context.gateway.payer(&body.payer)?;
    let (decision, explanation) = context.gateway.preview_screening(payer, &supposed);
    Ok(Reply::ok(&ScreenView {
        outcome: decision.outcome.name(),
        rule: decision.rule.as_deref().map(str::to_owned),
        reason: decision.reason,
        explanation,
    }))
}

/// `POST /api/v1/admin/reconcile?bank=009` with the bank's CSV
pub(super) async fn reconcile(context: Context<'_>) -> Result<Reply, ApiError> {
    let query = context.request.query()?.only(&["bank"])?;
    let bank = query.get("bank").ok_or_else(|| ApiError::field("bank", "is required"))?;
    let bank = routing::bank_code("bank", bank)?;
    let media_type = context.request.header(&CONTENT_TYPE)?.unwrap_or_default();
    if !media_type.split(';').next().is_some_and(|it| it.trim().eq_ignore_ascii_case("text/csv")) {
        let detail = "the body must be text/csv";
        return Err(ApiError::with_detail(Code::UnsupportedMediaType, detail));
    }
    let (gateway, statement) = (Arc::clone(context.gateway), context.request.body().clone());
    let work = move || -> Result<Report, Error> {
        reconciliation::reconcile(gateway.view().history(), bank, &statement)
    };
    let report = context.blocking(work).await?;
    Ok(Reply::ok(&ReportView::of(&report)))
}

impl PlanView {
    fn of(plan: &Plan) -> Self {
        let candidate = |way: &Candidate| CandidateView {
            bank: way.bank.to_string(),
            name: way.name.to_string(),
            usage: way.usage.name(),
            url: format!("{}{}", way.base_url, way.local),
            fee: way.fee.map_or(0, Amount::get),
            reason: way.why,
        };
        let passed_over = plan.passed_over.iter().map(|it| PassedOverView {
            bank: it.bank.to_string(),
            usage: it.usage.name(),
            reason: it.reason.words(),
        });
        Self {
            bank: plan.bank.to_string(),
            candidates: plan.candidates.iter().map(candidate).collect(),
            passed_over: passed_over.collect(),
            explanation: plan.explain(),
        }
    }
}

impl ReportView {
    fn of(report: &Report) -> Self {
        let units = |total: crate::ledger::money::Total| {
            Units(i128::try_from(total.units()).unwrap_or(i128::MAX))
        };
        let totals = report.totals.iter().map(|(currency, totals)| TotalsView {
            currency: currency.to_string(),
            paid_by_us: units(totals.ours_paid),
            debited_by_bank: units(totals.theirs_debited),
            credited_by_bank: units(totals.theirs_credited),
        });
        let unsettled = report.rows.iter().filter(|row| row.verdict != Verdict::Matched);
        Self {
            agrees: report.agrees(),
            matched: report.count(Verdict::Matched),
            only_ours: report.count(Verdict::OnlyOurs),
            only_theirs: report.count(Verdict::OnlyTheirs),
            different: report.count(Verdict::Different),
            totals: totals.collect(),
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
            date: ours.date.to_string(),
        };
        let line = |line: &Line| LineView {
            line: line.number,
            r#type: match line.entry {
                Entry::Debit => "DEBIT",
                Entry::Credit => "CREDIT",
            },
            amount: line.amount.get(),
            currency: line.currency.to_string(),
            date: line.date.to_string(),
        };
        Self {
            verdict: row.verdict.name(),
            reference: row.reference.clone(),
            note: row.note,
            ours: row.ours.as_ref().map(ours),
            bank: row.theirs.iter().map(line).collect(),
        }
    }
}
