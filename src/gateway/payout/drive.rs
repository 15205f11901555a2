//! One payout's task: from what the journal says to what it says next.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Desk, bank_reference, schedule};
use crate::connector::breaker::Sign;
use crate::connector::outcome::{Outcome, Reason, Standing, Transferred};
use crate::connector::standard::{StatusRequest, TransferRequest};
use crate::gateway::routing::{self, Candidate, Question};
use crate::gateway::scribe::{self, line};
use crate::journal::Recorded;
use crate::ledger::command::Command;
use crate::ledger::event::{AccountKind, Fact, Fee, Movement, MovementKind, Origin};
use crate::ledger::id::{Position, Principal};
use crate::ledger::money::Amount;
use crate::ledger::order::Order;
use crate::ledger::payout::{self, Payout, PayoutAdvanced, PayoutFailed, PayoutStarted};
use crate::ledger::payout::{PayoutState, PayoutStep, Purpose, Try};
use crate::ledger::registry::{BankCode, Usage};
use crate::ledger::text::{Line, Reference};
use crate::ledger::time::{BOOK_OFFSET_SECONDS, Timestamp};
use crate::limits;

/// What a payout's entries say, read once.
pub(super) struct Case {
    payout: Position,
    started: Box<PayoutStarted>,
}

impl Case {
    pub(super) const fn payout(&self) -> Position {
        self.payout
    }
}

/// Which ways were tried, by this task.
#[derive(Default)]
struct Ways {
    /// In this round.
    passed_over: Vec<BankCode>,
    /// How many rounds before it reached nobody.
    rounds: usize,
    /// Whether somebody in this round could not be reached, which may pass.
    may_pass: bool,
}

/// A try as it was written.
struct Tried {
    reference: String,
    time: Timestamp,
    route: Try,
}

impl Desk {
    /// Carries a payout on until it ends or a person has to look at it. `written` is the entry that
    /// wrote a try just now, which nobody has sent; without one, whatever is found is asked about.
    pub(super) async fn drive(self: Arc<Self>, payout: Position, mut written: Option<Position>) {
        let case = self.case(payout).await;
        let (mut ways, mut asked) = (Ways::default(), 0);
        let since = Instant::now();
        while let Some(Order::Payout(state)) = self.view().order(payout) {
            match (state.state, written.take()) {
                (PayoutState::Challenged(until), _) => {
                    return self.await_decision(&case, &state, until).await;
                }
                (PayoutState::Sending, Some(entry)) if entry == state.tried => {
                    let tried = self.tried(&case, &state).await;
                    let outcome = self.send(&case, &state, &tried).await;
                    ways.passed_over.push(tried.route.bank);
                    written = self.follow(&case, &state, outcome, &mut ways).await;
                }
                // Whoever wrote what is there now sees to it.
                (_, Some(_)) => return,
                (PayoutState::Sending, None) => {
                    // Written, and perhaps sent, by a process that is gone.
                    if !self.ask(&case, &state, since).await {
                        let reason = Reason::new("restarted", "the outcome was not recorded");
                        self.became_unknown(&case, &state, &reason).await;
                    }
                    tokio::time::sleep(limits::INSIST_PAUSE).await;
                }
                (PayoutState::Unknown, None) => {
                    let scheduled = schedule::wait(asked, payout.get());
                    let Some(wait) = self.options.wait(scheduled) else {
                        tracing::error!(%payout, "a payout stays unknown: a person has to look");
                        return;
                    };
                    tokio::time::sleep(wait).await;
                    asked += 1;
                    self.ask(&case, &state, since).await;
                }
            }
        }
    }

    /// Waits for the decision about a challenged payout. Sends nothing: whoever hears that it was
    /// released does that.
    pub(super) async fn watch(self: Arc<Self>, payout: Position) {
        let case = self.case(payout).await;
        if let Some(Order::Payout(state)) = self.view().order(payout)
            && let PayoutState::Challenged(until) = state.state
        {
            self.await_decision(&case, &state, until).await;
        }
    }

    /// Waits until a person has decided or the time is over, and then ends it. Time is over when
    /// both the clock says so and as much has passed: a clock that jumps decides nothing.
    async fn await_decision(&self, case: &Case, state: &Payout, until: Timestamp) {
        let began = Instant::now();
        let left = |now: Timestamp| {
            Duration::from_micros(u64::try_from(until.micros_since(now)).unwrap_or(0))
        };
        let whole = left(self.engine.clock().now());
        loop {
            let running = whole.saturating_sub(began.elapsed());
            let wait = left(self.engine.clock().now()).max(running);
            if wait.is_zero() && self.engine.is_clock_trusted() {
                break;
            }
            let wait = wait.clamp(limits::TIMER_PERIOD, limits::CHALLENGE_LOOK);
            tokio::time::sleep(wait).await;
            match self.view().order(case.payout) {
                Some(Order::Payout(Payout { state: PayoutState::Challenged(_), .. })) => {}
                _ => return,
            }
        }
        let reason = Reason::new("challenge_expired", "nobody released it in time");
        let reference = payout::challenge_reference(case.payout);
        self.fail(case, state, &reason, reference).await;
    }

    async fn send(&self, case: &Case, state: &Payout, tried: &Tried) -> Outcome<Transferred> {
        let Try { bank: code, interbank, why, .. } = &tried.route;
        let (payout, attempt) = (case.payout, state.attempt);
        tracing::info!(%payout, attempt, bank = %code, interbank, %why, "a payout is sent");
        let Some(bank) = self.banks.bank(*code, usage(*interbank)) else {
            return Outcome::NotSent(Reason::new("no_route", "the partner's route is gone"));
        };
        let beneficiary = &case.started.beneficiary;
        let request = TransferRequest {
            reference: tried.reference.clone(),
            beneficiary_bank_code: beneficiary.bank.to_string(),
            beneficiary_account_number: beneficiary.number.as_str().to_owned(),
            beneficiary_account_name: beneficiary.name.as_str().to_owned(),
            amount: state.amount.to_string(),
            currency: case.started.currency.code().to_owned(),
            remark: case.started.remark.as_str().to_owned(),
            date: tried.time.to_rfc3339(BOOK_OFFSET_SECONDS),
        };
        bank.transfer(&request).await
    }

    /// Writes down what a try ended as. If that is another try: the entry that wrote it.
    async fn follow(
        &self,
        case: &Case,
        state: &Payout,
        outcome: Outcome<Transferred>,
        ways: &mut Ways,
    ) -> Option<Position> {
        let (payout, attempt, name) = (case.payout, state.attempt, outcome.name());
        match outcome {
            Outcome::Succeeded(Transferred { bank_reference }) => {
                tracing::info!(%payout, attempt, outcome = name, "a try has ended");
                self.succeed(case, state, &bank_reference).await;
                None
            }
            Outcome::Refused(reason) => {
                tracing::info!(%payout, attempt, outcome = name, code = reason.code, "a try has ended");
                self.fail(case, state, &reason, payout::end_reference(payout)).await;
                None
            }
            Outcome::Unknown(reason) => {
                tracing::warn!(%payout, attempt, outcome = name, code = reason.code, "a try has ended");
                self.became_unknown(case, state, &reason).await;
                None
            }
            Outcome::NotSent(reason) => {
                tracing::warn!(%payout, attempt, outcome = name, code = reason.code, "a try has ended");
                let next = self.try_again(case, state, ways, &reason).await;
                if next.is_none() {
                    let words = format!("{}: {}", reason.code, reason.message);
                    let reason = Reason::new("not_sent", &words);
                    self.fail(case, state, &reason, payout::end_reference(payout)).await;
                }
                next
            }
        }
    }

    /// Writes the try after one that was not sent: by another way; or, once there is none, by any
    /// way after a pause. `None` if all that was in vain for too long.
    async fn try_again(
        &self,
        case: &Case,
        state: &Payout,
        ways: &mut Ways,
        reason: &Reason,
    ) -> Option<Position> {
        if state.attempt >= limits::TRIES_MAX {
            return None;
        }
        ways.may_pass |= may_pass(reason);
        loop {
            if let Some(next) = self.next_way(case, state, &ways.passed_over) {
                return self.try_next(case, state, next, reason).await;
            }
            // What every bank is certain of, it is certain of in a minute too.
            if !ways.may_pass {
                return None;
            }
            // The state stays as it is, so a restart in the meantime asks, and sends nothing.
            tokio::time::sleep(schedule::resend(ways.rounds, case.payout.get())?).await;
            ways.rounds += 1;
            ways.passed_over.clear();
            // Nobody may be there to be asked in a round: that passes too.
            ways.may_pass = true;
        }
    }

    /// The best way that was not tried in this round.
    fn next_way(&self, case: &Case, state: &Payout, passed_over: &[BankCode]) -> Option<Candidate> {
        let registry = self.view().registry();
        let owner = self.view().account(state.account)?.owner;
        let client = owner.and_then(|user| registry.client_of(user));
        let now = self.engine.clock().now();
        let question = Question {
            bank: case.started.beneficiary.bank,
            amount: state.amount,
            at: now,
            fallback: match case.started.purpose {
                Purpose::Transfer => client.is_some_and(|client| client.allow_interbank_fallback),
                Purpose::Withdrawal => true,
            },
            fee_max: case.started.fee_max,
        };
        let is_left = |code| !passed_over.contains(&code) && self.banks.is_available(code, now);
        let ways = routing::plan(&registry, &question, is_left).candidates;
        ways.into_iter().find(|way| self.can_pay(state, way))
    }

    /// Whether the account has what a way costs more than the present one. If not, it is no way for
    /// now: the ledger would refuse it, once for all.
    fn can_pay(&self, state: &Payout, way: &Candidate) -> bool {
        let fee = |fee: Option<Amount>| fee.map_or(0, Amount::get);
        let more = Amount::new(fee(way.fee).saturating_sub(fee(state.fee)));
        let account = self.view().account(state.account);
        more.zip(account).is_none_or(|(more, account)| {
            !account.kind.refuses_debits() || account.available().covers(more)
        })
    }

    async fn try_next(
        &self,
        case: &Case,
        state: &Payout,
        next: Candidate,
        why: &Reason,
    ) -> Option<Position> {
        let route = start_of(&next);
        let step = PayoutStep::NextTry { route, reason: words(why) };
        let recorded = self.advance(case, state, step).await?;
        matches!(recorded.event.fact, Fact::PayoutAdvanced(_)).then_some(recorded.position)
    }

    async fn became_unknown(&self, case: &Case, state: &Payout, reason: &Reason) {
        self.advance(case, state, PayoutStep::Unknown { reason: words(reason) }).await;
    }

    async fn advance(
        &self,
        case: &Case,
        state: &Payout,
        step: PayoutStep,
    ) -> Option<Box<Recorded>> {
        let reference = payout::step_reference(case.payout, state.attempt, &step);
        let advanced = PayoutAdvanced {
            origin: origin(reference, step_name(&step)),
            payout: case.payout,
            account: state.account,
            attempt: state.attempt,
            step,
        };
        self.scribe.insist(Command::AdvancePayout(Box::new(advanced))).await
    }

    /// Asks the bank once what became of the present try. True if what it said was an end. `since` is
    /// when this process began to see to the payout.
    async fn ask(&self, case: &Case, state: &Payout, since: Instant) -> bool {
        let tried = self.tried(case, state).await;
        let Try { bank: code, interbank, .. } = tried.route;
        let turns = self.turns(code);
        let _turn = turns.acquire().await;
        let Some(bank) = self.banks.bank(code, usage(interbank)) else { return false };
        let request = StatusRequest {
            reference: tried.reference,
            interbank,
            amount: state.amount.to_string(),
            currency: case.started.currency.code().to_owned(),
            date: tried.time.to_rfc3339(BOOK_OFFSET_SECONDS),
        };
        let standing = bank.status(&request).await;
        let payout = case.payout;
        match standing {
            Standing::Found(Outcome::Succeeded(Transferred { bank_reference })) => {
                self.succeed(case, state, &bank_reference).await;
                true
            }
            Standing::Found(Outcome::Refused(reason)) => {
                self.fail(case, state, &reason, payout::end_reference(payout)).await;
                true
            }
            Standing::Found(Outcome::NotSent(_) | Outcome::Unknown(_)) => false,
            Standing::NotFound(reason) => {
                let age = self.engine.clock().now().micros_since(tried.time);
                let age = Duration::from_micros(u64::try_from(age).unwrap_or(0));
                // Until then it may still be on its way. The clock alone could jump, so as much has
                // to pass here too.
                let is_final = age.min(since.elapsed()) >= self.options.not_found_is_final;
                if is_final {
                    self.fail(case, state, &reason, payout::end_reference(payout)).await;
                }
                is_final
            }
        }
    }

    async fn succeed(&self, case: &Case, state: &Payout, bank_reference: &str) {
        let note = line(bank_reference);
        self.settle(case, state, Principal::System, note).await;
    }

    /// Ends a payout as paid. `None` if it ended otherwise before.
    pub(super) async fn settle(
        &self,
        case: &Case,
        state: &Payout,
        by: Principal,
        note: Line,
    ) -> Option<Box<Recorded>> {
        let Case { payout, started } = case;
        let fee = match state.fee {
            None => None,
            Some(amount) => Some(Fee {
                account: self.scribe.house(AccountKind::Fees, started.currency).await,
                amount,
            }),
        };
        let movement = Movement {
            origin: origin(payout::end_reference(*payout), "paid"),
            kind: MovementKind::PaidOut { payout: *payout, by },
            debit: state.account,
            credit: self.scribe.house(AccountKind::Clearing, started.currency).await,
            amount: state.held(),
            currency: started.currency,
            fee,
            note,
        };
        self.scribe.insist(Command::Move(movement)).await
    }

    async fn fail(&self, case: &Case, state: &Payout, reason: &Reason, reference: Reference) {
        let failed = PayoutFailed {
            origin: origin(reference, "failed"),
            payout: case.payout,
            account: state.account,
            by: Principal::System,
            code: line(&reason.code),
            reason: line(&reason.message),
        };
        self.scribe.insist(Command::FailPayout(Box::new(failed))).await;
    }

    pub(super) async fn case(&self, payout: Position) -> Case {
        match self.scribe.read(payout).await.event.fact {
            Fact::PayoutStarted(started) => Case { payout, started },
            other => unreachable!("payouts begin with their start: {other:?}"),
        }
    }

    async fn tried(&self, case: &Case, state: &Payout) -> Tried {
        let recorded = self.scribe.read(state.tried).await;
        let (reference, time) = (bank_reference(&recorded), recorded.time);
        let route = match recorded.event.fact {
            Fact::PayoutStarted(started) => started.route,
            Fact::PayoutAdvanced(advanced) => match advanced.step {
                PayoutStep::NextTry { route, .. } => route,
                PayoutStep::Released { .. } => case.started.route.clone(),
                other @ PayoutStep::Unknown { .. } => {
                    unreachable!("no try is written by {other:?}")
                }
            },
            other => unreachable!("no try is written by {other:?}"),
        };
        Tried { reference, time, route }
    }
}

/// A way as it is written before it is tried.
pub(super) fn start_of(way: &Candidate) -> Try {
    let interbank = way.usage == Usage::Interbank;
    Try { bank: way.bank, interbank, fee: way.fee, why: line(way.why) }
}

const fn usage(interbank: bool) -> Usage {
    if interbank { Usage::Interbank } else { Usage::Transfer }
}

const fn step_name(step: &PayoutStep) -> &'static str {
    match step {
        PayoutStep::Released { .. } => "released",
        PayoutStep::NextTry { .. } => "next",
        PayoutStep::Unknown { .. } => "unknown",
    }
}

/// Of the system, about a payout.
pub(super) fn origin(reference: Reference, says: &str) -> Origin {
    scribe::origin("payout", reference, says)
}

fn words(reason: &Reason) -> Line {
    line(&format!("{}: {}", reason.code, reason.message))
}

/// Whether a try that was not sent met a bank that could not be reached, or had no room: not one
/// that has read it and will have none of it.
fn may_pass(reason: &Reason) -> bool {
    // Our own word, and those of a bank service that starts, stops or is full.
    let passing = ["bank_unavailable", "too_many", "busy", "unavailable"];
    passing.contains(&reason.code.as_str())
        || Sign::of(&Outcome::<()>::NotSent(reason.clone())) == Sign::Ill
}

#[cfg(test)]
mod tests;
