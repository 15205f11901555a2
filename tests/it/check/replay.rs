//! The journal entry by entry, in the ledger and in the model at once.

use std::collections::{BTreeMap, BTreeSet};

use gerbang::journal::{Batch, Recorded};
use gerbang::ledger::book::Book;
use gerbang::ledger::command::Command;
use gerbang::ledger::event::{Fact, Refusal};
use gerbang::ledger::id::AccountId;
use gerbang::ledger::money::Currency;
use gerbang::ledger::payout::{PayoutStep, with_fee};
use gerbang::ledger::policy::Policies;
use gerbang::ledger::rejection::Rejection;
use gerbang::ledger::time::Timestamp;

use super::{Attempt, End, Key, Report};
use crate::model::Model;

/// A question that will be answered with a refusal, and is open at this point of the replay.
struct Doubt<'a> {
    command: &'a Command,
    refusal: &'a Refusal,
    record: &'a Recorded,
    /// From when to when it was open, on the count of questions and answers.
    open: (u64, u64),
    /// The state after this position is the first it may have met.
    from: u64,
    explained: bool,
    pessimistic: bool,
    /// See [`Replay::others`]; looked up when first needed.
    others: Option<Vec<(AccountId, i128)>>,
}

/// Both worlds as far as they were replayed, and the refusals not explained yet.
pub(super) struct Replay<'a> {
    policies: &'a Policies,
    attempts: &'a BTreeMap<Key, Vec<&'a Attempt>>,
    records: &'a [Recorded],
    book: Book,
    model: Model,
    doubts: Vec<Doubt<'a>>,
    /// When accounts last received something.
    received: BTreeMap<AccountId, Timestamp>,
    report: Report,
}

impl<'a> Replay<'a> {
    pub(super) fn new(
        policies: &'a Policies,
        attempts: &'a BTreeMap<Key, Vec<&'a Attempt>>,
        records: &'a [Recorded],
    ) -> Self {
        let doubts = records.iter().filter_map(|record| doubt(record, attempts)).collect();
        let (book, model, report) = (Book::new(), Model::default(), Report::default());
        let received = BTreeMap::new();
        Self { policies, attempts, records, book, model, doubts, received, report }
    }

    pub(super) fn run(mut self, batches: &[Batch]) -> Result<Report, String> {
        // Doubts by where they begin, the earliest last.
        self.doubts.sort_by_key(|doubt| std::cmp::Reverse(doubt.from));
        let mut open: Vec<Doubt<'a>> = Vec::new();
        let ends: BTreeSet<u64> = batches.iter().map(|batch| batch.last().get()).collect();
        for record in self.records {
            let position = record.position.get();
            while let Some(doubt) = self.doubts.pop_if(|doubt| doubt.from < position) {
                open.push(doubt);
            }
            for doubt in &mut open {
                self.consider(doubt);
            }
            let (closing, rest) =
                open.into_iter().partition(|d| d.record.position.get() <= position);
            open = rest;
            self.close(closing)?;
            self.step(record)?;
            if ends.contains(&position) {
                self.balanced(position)?;
            }
        }
        self.report.book = self.book;
        Ok(self.report)
    }

    /// Whether the state as it is now explains the refusal.
    fn consider(&self, doubt: &mut Doubt<'a>) {
        if !doubt.explained {
            let at = doubt.record.event.at;
            let verdict = self.model.verdict(doubt.command, at, self.policies);
            doubt.explained = verdict == Some(doubt.refusal.rejection);
        }
        if !doubt.explained && !doubt.pessimistic {
            doubt.pessimistic = self.explains_with_others(doubt);
        }
    }

    /// Whether the refusal holds if what was under way at that time is counted as it might have
    /// ended. The engine is a pessimist while it waits: it sets aside what is promised, spends no
    /// credit that is not durable, and gives a payee no room that a payment out has yet to make.
    fn explains_with_others(&self, doubt: &mut Doubt<'_>) -> bool {
        let parties = match doubt.command {
            Command::Move(movement) => (movement.debit, Some(movement.credit)),
            Command::Hold(hold) => (hold.account, None),
            Command::StartPayout(started) => (started.account, None),
            Command::StartRefund(started) => (started.account, None),
            Command::AdvancePayout(advanced) => (advanced.account, None),
            _ => return false,
        };
        if doubt.others.is_none() {
            doubt.others = Some(self.others(doubt));
        }
        let mut model = self.model.clone();
        for &(giver, units) in doubt.others.iter().flatten() {
            let purse = model.purses.get_mut(&giver.0).unwrap();
            // Each side is a pessimist for itself: what the giver may lose tells about its own no.
            let is_short = doubt.refusal.rejection == Rejection::InsufficientFunds;
            if giver == parties.0 && is_short {
                purse.balance -= units;
            } else if Some(giver) == parties.1 && !is_short {
                purse.balance += units;
            }
        }
        let at = doubt.record.event.at;
        model.verdict(doubt.command, at, self.policies) == Some(doubt.refusal.rejection)
    }

    /// What may have gone out while the question was open: of whom, and how much.
    fn others(&self, doubt: &Doubt<'_>) -> Vec<(AccountId, i128)> {
        let under_way = self.attempts.values().flatten().filter(|a| overlaps(a, doubt.open));
        let other = under_way.filter(|a| *a.command.origin() != doubt.refusal.origin);
        let out = |attempt: &&Attempt| match &attempt.command {
            Command::Move(movement) => Some((movement.debit, movement.amount)),
            Command::Hold(hold) => Some((hold.account, hold.amount)),
            Command::StartPayout(started) => {
                let held = with_fee(started.amount, started.route.fee);
                held.map(|held| (started.account, held))
            }
            Command::StartRefund(started) => Some((started.account, started.amount)),
            Command::AdvancePayout(advanced) => match &advanced.step {
                PayoutStep::NextTry { route, .. } => route.fee.map(|fee| (advanced.account, fee)),
                PayoutStep::Released { .. } | PayoutStep::Unknown { .. } => None,
            },
            _ => None,
        };
        other.filter_map(out).map(|(giver, amount)| (giver, i128::from(amount.get()))).collect()
    }

    fn close(&mut self, closing: Vec<Doubt<'a>>) -> Result<(), String> {
        for doubt in closing {
            if !doubt.explained && !doubt.pessimistic {
                let Doubt { command, record, from, .. } = doubt;
                return Err(format!(
                    "no state from {from} on explains {record:?}, the answer to {command:?}"
                ));
            }
            self.report.pessimistic += u64::from(!doubt.explained);
        }
        Ok(())
    }

    /// Both worlds follow the record, which must be allowed and must be the same for both.
    fn step(&mut self, record: &Recorded) -> Result<(), String> {
        let Recorded { position, event, links, .. } = record;
        if let Fact::Refused(refusal) = &event.fact {
            let name = format!("{:?}", refusal.rejection);
            *self.report.refusals.entry(name).or_insert(0) += 1;
        } else if let Some(command) = command(&event.fact)
            && let Some(rejection) = self.model.verdict(&command, event.at, self.policies)
        {
            return Err(format!("{position} should be {rejection:?}: {event:?}"));
        }
        self.month_goes_on(record)?;
        let replayed = self.book.apply(*position, event);
        self.model.apply(*position, event);
        if replayed != *links {
            return Err(format!("replay gives {replayed:?} for {record:?}"));
        }
        for link in links {
            let purse = self.model.purse(link.account);
            if purse.balance != link.balance_after.units() {
                return Err(format!("the model has {purse:?} after {record:?}"));
            }
            if purse.held != self.book.account(link.account).unwrap().on_hold().units() {
                return Err(format!("the model holds {purse:?} after {record:?}"));
            }
        }
        self.report.entries += 1;
        Ok(())
    }

    /// Where incoming money is limited by month, the month never goes back: it would begin anew.
    fn month_goes_on(&mut self, record: &Recorded) -> Result<(), String> {
        let Fact::Moved(movement) = &record.event.fact else { return Ok(()) };
        let purse = self.model.purse(movement.credit);
        let is_limited = self.policies.of(purse.kind, purse.currency).incoming_per_month.is_some();
        let at = record.event.at;
        match self.received.insert(movement.credit, at) {
            Some(before) if is_limited && at < before => {
                Err(format!("received at {before} and then before that: {record:?}"))
            }
            _ => Ok(()),
        }
    }

    /// No money made, none lost, nobody below a floor.
    fn balanced(&self, position: u64) -> Result<(), String> {
        let made = |sum: BTreeMap<Currency, i128>| sum.into_values().any(|sum| sum != 0);
        if !self.book.imbalances().is_empty() || made(self.model.sums()) {
            return Err(format!("debits are not credits after {position}"));
        }
        let low = self.book.accounts().find(|account| !account.is_above_floor());
        match low {
            // Accounts with a floor above nothing are below it until their first money comes.
            Some(low) if low.last.is_some() && low.credits.units() > 0 => {
                Err(format!("below its floor after {position}: {low:?}"))
            }
            _ => Ok(()),
        }
    }
}

fn overlaps(attempt: &Attempt, (from, to): (u64, u64)) -> bool {
    let end = match attempt.end {
        End::Answered(at, _) => at,
        End::Unknown | End::Busy | End::Reused => u64::MAX,
    };
    attempt.sent <= to && from <= end
}

/// The question behind a refusal, and which states it may have met.
fn doubt<'a>(
    record: &'a Recorded,
    attempts: &'a BTreeMap<Key, Vec<&'a Attempt>>,
) -> Option<Doubt<'a>> {
    let Fact::Refused(refusal) = &record.event.fact else { return None };
    refusal.account?;
    let key = (refusal.origin.principal, refusal.origin.reference.to_string());
    let same = |a: &&&Attempt| a.command.origin().digest == refusal.origin.digest;
    let asked: Vec<&&Attempt> = attempts.get(&key)?.iter().filter(same).collect();
    let executed = asked.iter().find_map(|attempt| match &attempt.end {
        End::Answered(at, outcome) if !outcome.replayed => Some((**attempt, *at)),
        _ => None,
    });
    // Without the answer itself, any question that got none may be the one.
    let first = *asked.iter().min_by_key(|attempt| attempt.sent)?;
    let (attempt, until) = executed.unwrap_or((first, u64::MAX));
    Some(Doubt {
        command: &attempt.command,
        refusal,
        record,
        open: (attempt.sent, until),
        from: attempt.committed,
        explained: false,
        pessimistic: false,
        others: None,
    })
}

/// The command that became `fact`.
fn command(fact: &Fact) -> Option<Command> {
    match fact.clone() {
        Fact::Moved(movement) => Some(Command::Move(movement)),
        Fact::Held(hold) => Some(Command::Hold(hold)),
        Fact::HoldReleased(released) => Some(Command::Release(released)),
        Fact::TopUpRejected(rejected) => Some(Command::RejectTopUp(rejected)),
        Fact::PayoutStarted(started) => Some(Command::StartPayout(started)),
        Fact::PayoutAdvanced(advanced) => Some(Command::AdvancePayout(advanced)),
        Fact::PayoutFailed(failed) => Some(Command::FailPayout(failed)),
        Fact::BillCancelled(cancelled) => Some(Command::CancelBill(cancelled)),
        Fact::ChargeStarted(started) => Some(Command::StartCharge(started)),
        Fact::ChargeAdvanced(advanced) => Some(Command::AdvanceCharge(advanced)),
        Fact::RefundStarted(started) => Some(Command::StartRefund(started)),
        Fact::RefundAdvanced(advanced) => Some(Command::AdvanceRefund(advanced)),
        _ => None,
    }
}
