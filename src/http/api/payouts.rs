//! Money to bank accounts: a user's withdrawals, and what administrators decide about payouts.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Context;
use super::transfer::{ReasonView, RouteView, account};
use super::wire::{self, ListView, cursor, place};
use super::words::{self, WordView};
use crate::gateway::caller::Caller;
use crate::gateway::payout::by_hand::{Judged, Settlement};
use crate::gateway::payout::{Standing, State, public_id, standing};
use crate::gateway::withdraw::Withdraw;
use crate::gateway::{self, Gateway, routing};
use crate::http::amount::{AmountField, CurrencyField};
use crate::http::problem::ApiError;
use crate::http::reply::Reply;
use crate::identity::secret::Secret;
use crate::journal::Recorded;
use crate::ledger::event::Fact;
use crate::ledger::money::Amount;
use crate::ledger::payout::Purpose;
use crate::ledger::text::Line;
use crate::limits;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithdrawBody {
    amount: AmountField,
    currency: Option<CurrencyField>,
    bank_code: String,
    account_number: String,
    account_name: Option<String>,
    max_fee: Option<u64>,
    reference: Option<String>,
    otp: Option<Secret<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecideBody {
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SettleBody {
    outcome: String,
    reason: String,
}

impl SettleBody {
    /// How it ended, and why somebody says so.
    pub(super) fn read(&self) -> Result<(Settlement, Line), ApiError> {
        let settlement = match self.outcome.as_str() {
            "succeeded" => Settlement::Succeeded,
            "failed" => Settlement::Failed,
            _ => return Err(ApiError::field("outcome", "must be succeeded or failed")),
        };
        Ok((settlement, reason_of(&self.reason)?))
    }
}

/// A payout as it stands.
#[derive(Serialize)]
struct PayoutView {
    id: String,
    status: &'static str,
    purpose: &'static str,
    from: String,
    amount: u64,
    fee: u64,
    currency: String,
    bank_code: String,
    account_number: String,
    account_name: String,
    route: RouteView,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ReasonView>,
    /// For administrators: what one of them wants, until another wants the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    proposal: Option<WordView>,
    reference: String,
    position: u64,
    created_at: String,
}

/// What a withdrawal costs.
#[derive(Serialize)]
struct FeeView {
    bank_code: String,
    amount: u64,
    fee: u64,
    total: u64,
    fee_at_most: u64,
}

/// `POST /api/v1/withdrawals`
pub(super) async fn withdraw(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: WithdrawBody = context.request.json()?;
    let code = context.code(body.otp)?;
    let name = body.account_name.as_deref();
    let withdraw = Withdraw {
        amount: wire::amount(body.amount)?,
        currency: wire::currency(body.currency.as_ref())?,
        bank: routing::bank_code("bank_code", &body.bank_code)?,
        number: account("account_number", &body.account_number)?,
        name: name.map(|name| wire::line("account_name", name, limits::NAME_MAX)).transpose()?,
        fee_max: body.max_fee,
        reference: context.key(body.reference.as_deref())?,
    };
    let most = context.gateway.settings().answer_within;
    let begun = context.gateway.withdraw(caller, withdraw, code.as_ref(), most).await?;
    let reply = Reply::accepted(&context.payout(&begun.standing));
    Ok(if begun.replayed { wire::mark_replayed(reply) } else { reply })
}

/// `GET /api/v1/withdrawal-fee`: what a withdrawal would cost, before anybody agrees to it.
pub(super) fn fee(context: Context<'_>) -> Result<Reply, ApiError> {
    let query = context.request.query()?.only(&["bank_code", "amount"])?;
    let missing = |field| move || ApiError::field(field, "is needed");
    let bank = query.get("bank_code").ok_or_else(missing("bank_code"))?;
    let bank = routing::bank_code("bank_code", bank)?;
    let amount = query.get("amount").ok_or_else(missing("amount"))?;
    let amount = amount.parse().ok().and_then(Amount::new);
    let amount = amount
        .ok_or_else(|| ApiError::field("amount", "must be a whole number from 1 to 10^15"))?;
    let dearest = context.gateway.greatest_fee(bank, amount);
    let dearest =
        dearest.ok_or_else(|| ApiError::field("bank_code", "no bank of ours reaches it"))?;
    let fee = context.gateway.usual_fee(bank, amount);
    Ok(Reply::ok(&FeeView {
        bank_code: bank.to_string(),
        amount: amount.get(),
        fee,
        total: amount.get() + fee,
        fee_at_most: dearest.max(fee),
    }))
}

/// `GET /api/v1/withdrawals/{id}`
pub(super) fn withdrawal(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let standing = context.gateway.withdrawal(caller, context.segment(3))?;
    Ok(Reply::ok(&context.payout(&standing)))
}

/// `GET /api/v1/withdrawals`
pub(super) async fn withdrawals(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let (account, page) = context.page(caller)?;
    let wanted = |_: &Gateway, _, recorded: &Recorded| match &recorded.event.fact {
        Fact::PayoutStarted(started) => started.purpose == Purpose::Withdrawal,
        _ => false,
    };
    let lines = context.records(account, page, wanted).await?;
    let view = |recorded: &Recorded| {
        let standing = standing(context.gateway.view(), recorded.position)?;
        Ok(context.payout(&standing))
    };
    let data = lines.lines.iter().map(view).collect::<Result<Vec<_>, gateway::Error>>()?;
    Ok(Reply::ok(&ListView { data, next_cursor: cursor(lines.next) }))
}

/// `GET /api/v1/admin/payouts`: those that are open, oldest first.
pub(super) async fn open(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let query = context.request.query()?.only(&["state", "limit", "cursor"])?;
    let (limit, after) = place(&query)?;
    let states = match query.get("state") {
        None => Vec::new(),
        Some("held") => vec!["held"],
        Some("sent") => vec!["sent"],
        Some("unknown") => vec!["unknown"],
        Some(_) => return Err(ApiError::field("state", "must be held, sent or unknown")),
    };
    let (gateway, caller) = (Arc::clone(context.gateway), caller.clone());
    // One more than is shown, to know whether there is more.
    let work = move || gateway.some_open_payouts(&caller, &states, after, limit + 1);
    let mut open = context.blocking(work).await?;
    let more = open.len() > limit;
    open.truncate(limit);
    let next = open.last().filter(|_| more).map(|standing| standing.recorded.position);
    let view = |standing: &Standing| {
        let first = context.gateway.first_word(standing.recorded.position);
        let proposal = first.map(|word| context.word(&word));
        PayoutView { proposal, ..context.payout(standing) }
    };
    let data: Vec<_> = open.iter().map(view).collect();
    Ok(Reply::ok(&ListView { data, next_cursor: cursor(next) }))
}

/// `POST /api/v1/admin/payouts/{id}/release` and `.../deny`
pub(super) async fn decide(
    context: Context<'_>,
    caller: &Caller,
    release: bool,
) -> Result<Reply, ApiError> {
    let DecideBody { reason } = context.request.json()?;
    let (id, reason) = (context.segment(4), reason_of(&reason)?);
    Ok(context.judged(id, &context.gateway.decide_challenge(caller, id, release, reason).await?))
}

/// `POST /api/v1/admin/payouts/{id}/settle`
pub(super) async fn settle(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: SettleBody = context.request.json()?;
    let (settlement, reason) = body.read()?;
    let id = context.segment(4);
    Ok(context.judged(id, &context.gateway.settle_payout(caller, id, settlement, reason).await?))
}

pub(super) fn reason_of(text: &str) -> Result<Line, ApiError> {
    wire::line("reason", text, limits::REASON_MAX)
}

impl Context<'_> {
    fn judged(&self, id: &str, judged: &Judged) -> Reply {
        match judged {
            Judged::Done(standing) => Reply::ok(&self.payout(standing)),
            Judged::NeedsAnother(recorded) => words::waits(id, recorded),
        }
    }

    fn payout(&self, standing: &Standing) -> PayoutView {
        let started = standing.started();
        let position = match &standing.state {
            State::Succeeded { position, .. } | State::Failed { position, .. } => *position,
            State::Challenged | State::Sent | State::Unknown => standing.recorded.position,
        };
        PayoutView {
            id: public_id(&standing.recorded),
            status: standing.state.name(),
            purpose: started.purpose.name(),
            from: self.name_of(started.account),
            amount: started.amount.get(),
            fee: standing.route.fee.map_or(0, |fee| fee.get()),
            currency: started.currency.to_string(),
            bank_code: started.beneficiary.bank.to_string(),
            account_number: started.beneficiary.number.to_string(),
            account_name: started.beneficiary.name.to_string(),
            route: RouteView::of(&standing.route),
            reason: ReasonView::of(&standing.state),
            proposal: None,
            reference: started.origin.reference.to_string(),
            position: position.get(),
            created_at: self.time(standing.recorded.time),
        }
    }
}
