//! One charge at the provider: made once, asked about, and written on.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Map, Value};

use super::desk::Desk;
use super::verdict::{self, Stage, Verdict};
use super::{method, order_id};
use crate::connector::midtrans::charge::Charge as Request;
use crate::connector::midtrans::expiry::{CustomExpiry, Unit};
use crate::connector::midtrans::method::Method;
use crate::connector::midtrans::status::Meaning;
use crate::connector::midtrans::transaction::Transaction;
use crate::connector::outcome::{Outcome, Reason};
use crate::connector::provider::Known;
use crate::gateway::merchant::details::Details;
use crate::gateway::scribe::{self, line};
use crate::journal::Recorded;
use crate::ledger::charge::{
    self, Charge, ChargeAdvanced, ChargeEnd, ChargePurpose, ChargeSource, ChargeStarted,
    ChargeState, ChargeStep,
};
use crate::ledger::command::Command;
use crate::ledger::event::{AccountKind, Fact, Movement, MovementKind, Origin};
use crate::ledger::id::{Position, Principal};
use crate::ledger::order::Order;
use crate::ledger::rejection::Rejection;
use crate::ledger::text::{Line, Reference};
use crate::ledger::time::Timestamp;
use crate::limits;

/// Why a page's own charge ends when its payer picks another way.
pub(in crate::gateway) const PICKED: &str = "the payer picks a way";

/// What a charge's entry says.
pub(super) struct Case {
    pub(super) charge: Position,
    /// Its name at the provider.
    pub(super) order_id: String,
    pub(super) time: Timestamp,
    pub(super) started: Box<ChargeStarted>,
}

impl Desk {
    pub(super) async fn case(&self, charge: Position) -> Case {
        let recorded = self.scribe.read(charge).await;
        let (order_id, time) = (order_id(&recorded), recorded.time);
        match recorded.event.fact {
            Fact::ChargeStarted(started) => Case { charge, order_id, time, started },
            other => unreachable!("charges begin with their start: {other:?}"),
        }
    }

    /// Whether it is worth asking now.
    pub(in crate::gateway) fn is_reachable(&self) -> bool {
        let now = self.engine.clock().now();
        self.provider.as_ref().is_none_or(|provider| provider.is_available(now))
    }

    /// Has the provider make a charge that was written just now. Called once for each.
    pub(super) async fn make(&self, charge: Position) -> bool {
        let case = self.case(charge).await;
        let outcome = match (&self.provider, request(&case)) {
            (Some(provider), Some(request)) => {
                tracing::info!(%charge, order = case.order_id, "the provider is asked for a charge");
                provider.charge(&request).await
            }
            (None, _) => Outcome::NotSent(Reason::new("no_provider", "there is none any more")),
            (_, None) => Outcome::NotSent(Reason::new("no_method", "it cannot be paid like this")),
        };
        let name = outcome.name();
        match outcome {
            Outcome::Succeeded(transaction) => {
                tracing::info!(%charge, outcome = name, "a charge was asked for");
                self.opened(&case, &transaction).await;
                if transaction.meaning() != Meaning::Pending {
                    self.look(charge, Duration::ZERO).await;
                }
            }
            Outcome::Refused(reason) | Outcome::NotSent(reason) => {
                tracing::warn!(%charge, outcome = name, code = reason.code, "a charge was not made");
                let end = if reason.code == "202" { ChargeEnd::Denied } else { ChargeEnd::Failed };
                self.end(&case, end, Principal::System, words(&reason)).await;
            }
            Outcome::Unknown(reason) => {
                tracing::warn!(%charge, outcome = name, code = reason.code, "a charge is unknown");
                self.unknown(&case, &reason).await;
            }
        }
        true
    }

    /// Asks how a charge stands, follows the answer, and calls off what can be paid and nobody has to
    /// pay any more. `watched`: for how long this process has seen to it. False if there was no
    /// answer: news that were the reason to ask are news still.
    pub(super) async fn look(&self, charge: Position, watched: Duration) -> bool {
        let case = self.case(charge).await;
        let answered = self.ask(&case, watched).await;
        let is_left_over =
            |state: &Charge| state.state == ChargeState::Pending && self.is_unwanted(state.purpose);
        if answered && self.charge(charge).as_ref().is_some_and(is_left_over) {
            // A payer who was quicker has paid late. Without an answer it stays open, and this is
            // said again.
            self.cancel(&case, Principal::System, line("its bill is closed"), false).await;
        }
        answered
    }

    /// Whether nobody has to pay for this any more: its bill is paid, or called off.
    pub(super) fn is_unwanted(&self, purpose: ChargePurpose) -> bool {
        let Some(bill) = purpose.bill() else { return false };
        !matches!(self.view().order(bill), Some(Order::Bill(_)))
    }

    async fn ask(&self, case: &Case, watched: Duration) -> bool {
        let charge = case.charge;
        if case.started.source == ChargeSource::Wallet {
            self.look_at_clock(case).await;
            return true;
        }
        let Some(provider) = &self.provider else { return true };
        self.questions.fetch_add(1, Ordering::Relaxed);
        let known = provider.status(&case.order_id).await;
        // The clock alone could jump, so as much has to pass here too.
        let age = self.engine.clock().now().micros_since(case.time);
        let age = Duration::from_micros(u64::try_from(age).unwrap_or(0)).min(watched);
        let is_final = age >= self.options.not_found_is_final;
        let stage = self.stage(charge).await;
        let verdict = verdict::of(stage, case.started.amount, &known, is_final);
        self.follow(case, stage, verdict, &known).await;
        !matches!(known, Known::Unanswered(_))
    }

    async fn follow(&self, case: &Case, stage: Stage, verdict: Verdict, known: &Known) {
        let transaction = match known {
            Known::Found(transaction) => Some(transaction),
            _ => None,
        };
        if transaction.is_some() && !matches!(verdict, Verdict::Odd(_)) {
            self.odd.remove(&case.charge);
        }
        match (verdict, transaction) {
            (Verdict::Open, Some(transaction)) => self.opened(case, transaction).await,
            (Verdict::Pay, Some(transaction)) => self.pay(case, &transaction.transaction_id).await,
            (Verdict::End(end, reason), _) => {
                self.end(case, end, Principal::System, words(&reason)).await;
            }
            (Verdict::Unknown(reason), _) => self.unknown(case, &reason).await,
            (Verdict::Odd(odd), said) => {
                self.is_odd(case, (odd, stage), said.map(|said| &**said)).await;
            }
            (Verdict::Nothing | Verdict::Open | Verdict::Pay, _) => {}
        }
    }

    /// How far a charge is.
    async fn stage(&self, charge: Position) -> Stage {
        if let Some(state) = self.charge(charge) {
            return Stage::Open(state.state);
        }
        let reference = charge::paid_reference(charge);
        match self.answered(&reference).await {
            Some(Recorded { position, event, .. }) if matches!(event.fact, Fact::Moved(_)) => {
                let given = match self.view().order(position) {
                    Some(Order::Refunds { refunded }) => refunded.units(),
                    _ => 0,
                };
                Stage::Paid { given }
            }
            _ => Stage::Ended,
        }
    }

    /// What was said under one of the system's references.
    pub(super) async fn answered(&self, reference: &Reference) -> Option<Recorded> {
        let mut pause = limits::INSIST_PAUSE;
        loop {
            match self.view().answered(Principal::System, reference) {
                Ok(answer) => return answer,
                Err(error) => tracing::error!(%error, "the journal could not be read"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(limits::INSIST_PAUSE_MAX);
        }
    }

    /// Ends a charge from a wallet whose time is over.
    async fn look_at_clock(&self, case: &Case) {
        let Some(state) = self.charge(case.charge) else { return };
        if state.expires <= self.engine.clock().now() && self.engine.is_clock_trusted() {
            let reason = line("its time is over");
            self.end(case, ChargeEnd::Expired, Principal::System, reason).await;
        }
    }

    async fn opened(&self, case: &Case, transaction: &Transaction) {
        let step = ChargeStep::Opened {
            number: line(&transaction.transaction_id),
            instructions: instructions(transaction),
            expires: transaction.expires.unwrap_or(case.started.expires),
        };
        self.advance(case, step).await;
    }

    async fn unknown(&self, case: &Case, reason: &Reason) {
        self.advance(case, ChargeStep::Unknown { reason: words(reason) }).await;
    }

    /// Ends a charge unpaid. `None` if it was said otherwise before.
    pub(super) async fn end(
        &self,
        case: &Case,
        end: ChargeEnd,
        by: Principal,
        reason: Line,
    ) -> Option<Box<Recorded>> {
        tracing::info!(charge = %case.charge, end = end.name(), "a charge ends unpaid");
        self.advance(case, ChargeStep::Ended { end, by, reason }).await
    }

    async fn advance(&self, case: &Case, step: ChargeStep) -> Option<Box<Recorded>> {
        let reference = charge::step_reference(case.charge, &step);
        let advanced = ChargeAdvanced {
            origin: origin(reference, step_name(&step)),
            charge: case.charge,
            account: case.started.account,
            payer: case.started.purpose.payer(),
            step,
        };
        self.scribe.insist(Command::AdvanceCharge(Box::new(advanced))).await
    }

    /// The provider has the money: it is credited, or what the account does not take goes to
    /// suspense. Each of the two has one reference, so it is done once however often it is said.
    async fn pay(&self, case: &Case, number: &str) {
        let ChargeStarted { account, amount, currency, purpose, fee, .. } = *case.started;
        let fee = self.scribe.fee(fee, currency).await;
        let movement = Movement {
            origin: origin(charge::paid_reference(case.charge), "paid"),
            kind: MovementKind::ChargePaid { charge: case.charge, purpose },
            debit: self.scribe.house(AccountKind::Clearing, currency).await,
            credit: account,
            amount,
            currency,
            fee,
            note: line(number),
        };
        let said = self.scribe.insist(Command::Move(movement)).await;
        if let Some(Fact::Refused(refusal)) = said.map(|recorded| recorded.event.fact) {
            self.suspend(case, number, refusal.rejection).await;
        }
    }

    async fn suspend(&self, case: &Case, number: &str, why: Rejection) {
        let ChargeStarted { amount, currency, .. } = *case.started;
        let deadline = self.engine.clock().now().plus_seconds(self.options.late_seconds);
        let movement = Movement {
            origin: origin(charge::late_reference(case.charge), "late"),
            kind: MovementKind::Suspended { charge: case.charge, deadline },
            debit: self.scribe.house(AccountKind::Clearing, currency).await,
            credit: self.scribe.house(AccountKind::Suspense, currency).await,
            amount,
            currency,
            fee: None,
            note: line(number),
        };
        tracing::warn!(charge = %case.charge, why = why.code(), "money stands in suspense");
        self.scribe.insist(Command::Move(movement)).await;
        if self.charge(case.charge).is_some() {
            let reason = line(why.code());
            self.end(case, ChargeEnd::Suspended, Principal::System, reason).await;
        }
    }

    /// Ends what a page can be paid by from a wallet, since the payer picks another way.
    pub async fn close_page(&self, charge: Position) {
        let case = self.case(charge).await;
        self.cancel(&case, Principal::System, line(PICKED), false).await;
    }

    /// Cancels a charge, or lets it expire. If that is not certain, it stays open and is asked about.
    pub(super) async fn cancel(&self, case: &Case, by: Principal, reason: Line, expire: bool) {
        let Some(Charge { source, state, .. }) = self.charge(case.charge) else { return };
        let end = if expire { ChargeEnd::Expired } else { ChargeEnd::Cancelled };
        if source == ChargeSource::Wallet {
            self.end(case, end, by, reason).await;
            return;
        }
        let Some(provider) = &self.provider else { return };
        if state == ChargeState::Asked {
            // Its making is under way, and what is not made cannot be cancelled.
            self.made(case.charge, limits::CHARGE_MADE_WAIT).await;
        }
        let outcome = if expire {
            provider.expire(&case.order_id).await
        } else {
            provider.cancel(&case.order_id).await
        };
        match outcome {
            Outcome::Succeeded(_) => {
                self.end(case, end, by, reason).await;
            }
            other => {
                let outcome = other.name();
                tracing::info!(charge = %case.charge, outcome, "a charge could not be called off");
                self.ask(case, Duration::ZERO).await;
            }
        }
    }
}

/// Of the system, about a charge.
pub(super) fn origin(reference: Reference, says: &str) -> Origin {
    scribe::origin("charge", reference, says)
}

const fn step_name(step: &ChargeStep) -> &'static str {
    match step {
        ChargeStep::Opened { .. } => "opened",
        ChargeStep::Unknown { .. } => "unknown",
        ChargeStep::Ended { .. } => "ended",
    }
}

fn words(reason: &Reason) -> Line {
    line(&format!("{}: {}", reason.code, reason.message))
}

/// What the provider is asked. It follows from the entry alone.
fn request(case: &Case) -> Option<Request> {
    let method = method::parse(case.started.method.as_str())?;
    let mut request = Request::new(case.order_id.clone(), case.started.amount, method);
    if method == Method::Echannel {
        for (name, text) in [("bill_info1", "Payment"), ("bill_info2", case.order_id.as_str())] {
            request.options.insert(name.to_owned(), text.into());
        }
    }
    if let Ok(details) = Details::of(&case.started) {
        request.options.extend(details.wishes);
    }
    let seconds = case.started.expires.micros_since(case.time).div_euclid(1_000_000);
    let bounds = method.bounds();
    let seconds = seconds.clamp(bounds.min, bounds.max);
    request.expiry = Some(CustomExpiry {
        order_time: Some(case.time),
        duration: u32::try_from(seconds).unwrap_or(u32::MAX),
        unit: Some(Unit::Second),
    });
    Some(request)
}

/// What a payer needs, as JSON.
const NEEDED: [&str; 9] = [
    "va_numbers",
    "permata_va_number",
    "biller_code",
    "bill_key",
    "store",
    "payment_code",
    "qr_string",
    "acquirer",
    "actions",
];

fn instructions(transaction: &Transaction) -> Line {
    let whole = transaction.to_json();
    let kept = |without: &str| -> String {
        let wanted = NEEDED.iter().filter(|name| **name != without);
        let kept: Map<String, Value> = wanted
            .filter_map(|name| Some(((*name).to_owned(), whole.get(*name)?.clone())))
            .collect();
        Value::Object(kept).to_string()
    };
    let fits = |text: &String| text.len() <= limits::CHARGE_INSTRUCTIONS_MAX;
    // Links are the longest, and can be had from the provider again.
    let text = Some(kept("")).filter(fits).or_else(|| Some(kept("actions")).filter(fits));
    Line::cut(&text.unwrap_or_else(|| "{}".to_owned()), limits::CHARGE_INSTRUCTIONS_MAX)
}
