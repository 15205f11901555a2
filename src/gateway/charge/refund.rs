//! Refunds through the provider: asked for once, then looked for under their key until there is a
//! certain word. The states and what holds in each are `ledger::refund`'s.
//!
//! | the provider says | asked just now | unknown |
//! |---|---|---|
//! | given back, under our key, so much as we asked | given back | given back |
//! | refused, or it was never reached | failed | – |
//! | anything else, or nothing | unknown | – |
//! | the order, without a refund of our key, long enough | – | failed |
//! | the same, but more went back than we know of | – | – |

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::desk::Desk;
use super::drive::Case;
use super::schedule;
use super::standing::{Standing, State};
use crate::connector::midtrans::refund::RefundRequest;
use crate::connector::midtrans::status::Status;
use crate::connector::midtrans::transaction::Transaction;
use crate::connector::outcome::{Outcome as Word, Reason};
use crate::connector::provider::Known;
use crate::engine::Outcome;
use crate::gateway::scribe::{self, line};
use crate::gateway::{Error, Gateway, accepted, reference};
use crate::journal::Recorded;
use crate::ledger::command::Command;
use crate::ledger::event::{AccountKind, Fact, Movement, MovementKind};
use crate::ledger::id::{Position, Principal, PublicId};
use crate::ledger::money::Amount;
use crate::ledger::order::Order;
use crate::ledger::reference::DigestBuilder;
use crate::ledger::refund::{self, Refund, RefundAdvanced, RefundStarted, RefundState, RefundStep};
use crate::ledger::text::{Line, Reference};
use crate::ledger::time::Timestamp;
use crate::limits;

/// What a refund's entry says.
pub(super) struct Giving {
    pub(super) refund: Position,
    time: Timestamp,
    /// Its name at the provider.
    key: String,
    started: Box<RefundStarted>,
    of: Case,
}

/// The name of a refund at the provider: its entry's time and place.
pub fn key(started: &Recorded) -> String {
    PublicId::new(started.time, started.position.get()).text("rfd")
}

impl Desk {
    /// Has the provider give back what was written just now. Called once for each.
    async fn give_back(&self, refund: Position) {
        let giving = self.giving(refund).await;
        let request = RefundRequest {
            key: Some(giving.key.clone()),
            amount: Some(giving.started.amount),
            reason: None,
        };
        let order = &giving.of.order_id;
        let _turn = self.refund_turns.acquire().await;
        let word = match &self.provider {
            Some(provider) => {
                tracing::info!(%refund, order, "the provider is asked for a refund");
                provider.refund(order, &request).await
            }
            None => Word::NotSent(Reason::new("no_provider", "there is none any more")),
        };
        let outcome = word.name();
        tracing::info!(%refund, outcome, "a refund was asked for");
        match word {
            Word::Succeeded(transaction) if giving.is_confirmed(&transaction) => {
                self.found_given(&giving).await;
            }
            Word::Succeeded(_) => {
                let reason = Reason::new("other_refund", "the answer is of another refund");
                self.refund_step(&giving, unknown(&reason)).await;
            }
            Word::Unknown(reason) => {
                self.refund_step(&giving, unknown(&reason)).await;
            }
            Word::Refused(reason) | Word::NotSent(reason) => {
                self.refund_step(&giving, failed(&reason)).await;
            }
        }
    }

    /// Looks for a refund at the provider until it has ended.
    pub(super) async fn look_for(self: Arc<Self>, refund: Position) {
        let giving = self.giving(refund).await;
        let (since, mut asked) = (Instant::now(), 0);
        while let Some(state) = self.open_refund(refund) {
            if state.state == RefundState::Asked {
                // Written, and perhaps sent, by a process that is gone.
                let reason = Reason::new("restarted", "the outcome was not recorded");
                self.refund_step(&giving, unknown(&reason)).await;
            }
            let mut wait = schedule::pause(asked, false, refund.get());
            if let Some(within) = self.options.ask_within {
                wait = wait.min(within);
            }
            tokio::time::sleep(wait).await;
            asked = asked.saturating_add(1);
            if self.is_reachable() {
                self.look_once(&giving, since).await;
            }
        }
    }

    async fn look_once(&self, giving: &Giving, since: Instant) {
        let Some(provider) = &self.provider else { return };
        let known = {
            let _turn = self.refund_turns.acquire().await;
            provider.status(&giving.of.order_id).await
        };
        let Known::Found(transaction) = known else { return };
        let named = |key: &Option<String>| key.as_deref() == Some(giving.key.as_str());
        match transaction.refunded.parts.iter().find(|part| named(&part.key)) {
            Some(part) if part.amount == giving.started.amount.get() => {
                self.found_given(giving).await;
            }
            Some(part) => {
                let (refund, amount) = (giving.refund, part.amount);
                tracing::error!(%refund, amount, "a refund is of another amount: a person has to look");
            }
            None if self.may_be_among(giving, &transaction) => {
                let refund = giving.refund;
                tracing::error!(%refund, "more went back than we know of: a person has to look");
            }
            None => {
                // Until then it may be on its way. The clock alone could jump, so as much has to pass
                // here too.
                let age = self.engine.clock().now().micros_since(giving.time);
                let age = Duration::from_micros(u64::try_from(age).unwrap_or(0));
                if age.min(since.elapsed()) >= self.options.not_found_is_final {
                    let reason = Reason::new("never_seen", "the provider knows no such refund");
                    self.refund_step(giving, failed(&reason)).await;
                }
            }
        }
    }

    /// Whether the provider gave more of the payment back than refunds that we know to be made: then
    /// this one may be among it, whatever name it has there.
    fn may_be_among(&self, giving: &Giving, transaction: &Transaction) -> bool {
        let back = match (transaction.refunded.amount, transaction.status) {
            (Some(amount), _) => amount,
            (None, Status::Refund | Status::PartialRefund) => transaction.amount.get(),
            (None, _) => 0,
        };
        let with_this = match self.view().order(giving.started.payment) {
            Some(Order::Refunds { refunded }) => refunded.units(),
            _ => 0,
        };
        u128::from(back) > with_this.saturating_sub(giving.started.amount.get().into())
    }

    fn open_refund(&self, refund: Position) -> Option<Refund> {
        match self.view().order(refund) {
            Some(Order::Refund(state)) => Some(state),
            _ => None,
        }
    }

    pub(super) async fn giving(&self, refund: Position) -> Giving {
        let recorded = self.scribe.read(refund).await;
        let (key, time) = (key(&recorded), recorded.time);
        match recorded.event.fact {
            Fact::RefundStarted(started) => {
                let of = self.case(started.charge).await;
                Giving { refund, time, key, started, of }
            }
            other => unreachable!("refunds begin with their start: {other:?}"),
        }
    }

    /// The provider says that it gave this back.
    async fn found_given(&self, giving: &Giving) {
        self.given_back(giving, Principal::System, giving.started.note.clone()).await;
    }

    /// What was set aside has gone back, as `by` says.
    pub(super) async fn given_back(
        &self,
        giving: &Giving,
        by: Principal,
        note: Line,
    ) -> Option<Box<Recorded>> {
        let RefundStarted { account, amount, currency, .. } = &*giving.started;
        let movement = Movement {
            origin: scribe::origin("refund", refund::end_reference(giving.refund), "given back"),
            kind: MovementKind::GivenBack { refund: giving.refund, by },
            debit: *account,
            credit: self.scribe.house(AccountKind::Clearing, *currency).await,
            amount: *amount,
            currency: *currency,
            fee: None,
            note,
        };
        self.scribe.insist(Command::Move(movement)).await
    }

    pub(super) async fn refund_step(
        &self,
        giving: &Giving,
        step: RefundStep,
    ) -> Option<Box<Recorded>> {
        let Giving { refund, started, .. } = giving;
        let says = match step {
            RefundStep::Unknown { .. } => "unknown",
            RefundStep::Failed { .. } => "failed",
        };
        let advanced = RefundAdvanced {
            origin: scribe::origin("refund", refund::step_reference(*refund, &step), says),
            refund: *refund,
            payment: started.payment,
            account: started.account,
            step,
        };
        self.scribe.insist(Command::AdvanceRefund(Box::new(advanced))).await
    }
}

impl Giving {
    /// Whether an answer is about this refund, as far as it says.
    fn is_confirmed(&self, transaction: &Transaction) -> bool {
        let told = &transaction.refunded;
        told.amount.is_none_or(|amount| amount == self.started.amount.get())
            && told.key.as_ref().is_none_or(|key| *key == self.key)
    }
}

fn unknown(reason: &Reason) -> RefundStep {
    RefundStep::Unknown { reason: line(&format!("{}: {}", reason.code, reason.message)) }
}

fn failed(reason: &Reason) -> RefundStep {
    let (code, reason) = (line(&reason.code), line(&reason.message));
    RefundStep::Failed { by: Principal::System, code, reason }
}

impl Gateway {
    /// A merchant gives money of a charge back through the provider that brought it, in full or in
    /// part, never more than was paid. Waits a while for the provider's word; how it went is in the
    /// journal, or will be.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it was not paid through the provider; [`Error::Unavailable`] if the
    /// provider cannot be reached now, and nothing is recorded, or has not answered in time; why the
    /// ledger refused it.
    pub async fn give_back_charge(
        &self,
        merchant: Principal,
        found: &Standing,
        amount: Amount,
        (place, note): (Reference, Line),
    ) -> Result<Outcome, Error> {
        const NONE: Error = Error::Conflict("nothing was paid through the provider");
        let State::Paid { position: payment } = found.state else { return Err(NONE) };
        let Fact::Moved(paid) = self.view().record(payment)?.event.fact else { return Err(NONE) };
        if self.view().owner(paid.debit).is_some() {
            return Err(NONE);
        }
        if !self.charges.has_provider() || !self.charges.is_reachable() {
            return Err(Error::Unavailable);
        }
        let charge = found.recorded.position;
        let digest = DigestBuilder::new("provider_refund")
            .number(charge.get())
            .number(amount.get())
            .text(note.as_str())
            .finish();
        let started = RefundStarted {
            origin: reference::origin(merchant, Some(place), digest),
            payment,
            charge,
            paid: paid.amount,
            account: paid.credit,
            amount,
            currency: paid.currency,
            note,
        };
        self.may_be_refused(&started.origin)?;
        let (engine, desk) = (self.engine.clone(), Arc::clone(&self.charges));
        // A caller that goes away leaves nothing half done.
        let task = tokio::spawn(async move {
            let outcome = engine.submit(Command::StartRefund(Box::new(started))).await?;
            let is_new =
                !outcome.replayed && matches!(outcome.recorded.event.fact, Fact::RefundStarted(_));
            if is_new {
                let refund = outcome.recorded.position;
                // Looked for whatever becomes of asking.
                let asking = Arc::clone(&desk);
                let asked = tokio::spawn(async move { asking.give_back(refund).await }).await;
                if let Err(error) = asked {
                    tracing::error!(%refund, %error, "asking for a refund did not end well");
                }
                tokio::spawn(desk.look_for(refund));
            }
            Ok::<_, Error>(outcome)
        });
        match tokio::time::timeout(limits::REFUND_WAIT, task).await {
            Ok(Ok(outcome)) => {
                let outcome = outcome?;
                self.note_refusal(&outcome);
                accepted(outcome)
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "the task of a refund did not end well");
                Err(Error::Unavailable)
            }
            Err(_) => Err(Error::Unavailable),
        }
    }
}
