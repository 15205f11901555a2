//! The judge: a journal and what clients saw of it, against the model.
//!
//! Every answer carries its position, so the order of everything is known and nothing has to be
//! searched: the journal is replayed entry by entry, each "yes" must be a yes of the model at its
//! position, each "no" a no in some state between its question and its answer, and an answer that
//! was received before another question was asked stands before the other's answer.

use std::collections::{BTreeMap, BTreeSet};

use gerbang::engine::Outcome;
use gerbang::journal::{Batch, Recorded};
use gerbang::ledger::book::Book;
use gerbang::ledger::command::Command;
use gerbang::ledger::event::{Fact, Refusal};
use gerbang::ledger::id::{AccountId, Principal};
use gerbang::ledger::money::Currency;
use gerbang::ledger::policy::Policies;
use gerbang::ledger::time::Timestamp;

use crate::model::Model;

/// One question to the engine and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) command: Command,
    /// When it was asked, on the count of all questions and answers.
    pub(crate) sent: u64,
    /// What was committed then.
    pub(crate) committed: u64,
    pub(crate) end: End,
}

/// How a question ended. There is nothing else.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// No answer came: whether it happened is not known.
    Unknown,
    /// Nothing happened.
    Busy,
    /// The key belongs to another request.
    Reused,
    /// It is recorded, as done or as refused; and when the answer came.
    Answered(u64, Box<Outcome>),
}

/// What the judge saw.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) book: Book,
    /// Refusals by name.
    pub(crate) refusals: BTreeMap<String, u64>,
    /// Refusals that only concurrent movements explain, which in the end did not happen.
    pub(crate) pessimistic: u64,
    pub(crate) entries: u64,
}

/// A key as a map has it.
type Key = (Principal, String);

fn key(command: &Command) -> Key {
    let origin = command.origin();
    (origin.principal, origin.reference.to_string())
}

/// Judges everything.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn check(
    batches: &[Batch],
    policies: &Policies,
    attempts: &[Attempt],
) -> Result<Report, String> {
    let records = records(batches)?;
    let answered = keys(&records)?;
    let mut by_key: BTreeMap<Key, Vec<&Attempt>> = BTreeMap::new();
    for attempt in attempts {
        by_key.entry(key(&attempt.command)).or_default().push(attempt);
    }
    for (key, attempts) in &by_key {
        let record = answered.get(key).map(|&index| &records[index]);
        outcomes(key, attempts, record)?;
    }
    for (key, index) in &answered {
        if key.0 != Principal::System && !by_key.contains_key(key) {
            return Err(format!("{:?} was never asked: {:?}", key, records[*index]));
        }
    }
    real_time(attempts)?;
    Replay::new(policies, &by_key, &records).run(batches)
}

/// All records; positions count up, times do not go back, and nothing is decided after it is
/// written.
fn records(batches: &[Batch]) -> Result<Vec<Recorded>, String> {
    let mut records: Vec<Recorded> = Vec::new();
    for batch in batches {
        for record in batch.records() {
            let record = record.map_err(|error| error.to_string())?;
            let last = records.last().map_or(0, |last| last.position.get());
            if record.position.get() != last + 1 {
                return Err(format!("{} does not follow {last}", record.position));
            }
            let before = records.last().map_or(record.time, |last| last.time);
            if record.time < before || record.event.at > record.time {
                return Err(format!("time goes back at {}: {record:?}", record.position));
            }
            records.push(record);
        }
    }
    Ok(records)
}

/// Which record answers which key: one each.
fn keys(records: &[Recorded]) -> Result<BTreeMap<Key, usize>, String> {
    let mut keys = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        let Some(origin) = record.event.fact.origin() else { continue };
        let key = (origin.principal, origin.reference.to_string());
        if let Some(first) = keys.insert(key, index) {
            let first = records[first].position;
            return Err(format!("{origin:?} is done twice: at {first} and {}", record.position));
        }
    }
    Ok(keys)
}

/// Every answer under a key is what the journal says, and a key that was only ever put off left no
/// trace.
fn outcomes(key: &Key, attempts: &[&Attempt], record: Option<&Recorded>) -> Result<(), String> {
    let mut executed = 0;
    for attempt in attempts {
        let origin = attempt.command.origin();
        let is_recorded = |record: &Recorded| record.event.fact.origin() == Some(origin);
        match &attempt.end {
            End::Unknown | End::Busy => {}
            End::Reused => {
                if record.is_none_or(is_recorded) {
                    return Err(format!("{key:?} was not used for another request"));
                }
            }
            End::Answered(_, outcome) => {
                let Some(record) = record else {
                    return Err(format!("answered, and not in the journal: {outcome:?}"));
                };
                if *record != outcome.recorded {
                    return Err(format!("the answer {outcome:?} is not the record {record:?}"));
                }
                if !says(&attempt.command, &record.event.fact) {
                    return Err(format!("{:?} got the answer {record:?}", attempt.command));
                }
                executed += u32::from(!outcome.replayed);
            }
        }
    }
    if executed > 1 {
        return Err(format!("{key:?} was executed {executed} times"));
    }
    let put_off = |attempt: &&Attempt| matches!(attempt.end, End::Busy | End::Reused);
    match record {
        Some(record) if attempts.iter().all(put_off) => {
            Err(format!("all of {key:?} was put off, and yet there is {record:?}"))
        }
        _ => Ok(()),
    }
}

/// Whether `fact` is what `command` becomes, as done or as refused.
fn says(command: &Command, fact: &Fact) -> bool {
    match fact {
        Fact::Refused(Refusal { rejection, account: Some(_), .. }) => {
            command.clone().into_refusal(*rejection) == *fact
        }
        Fact::Refused(refusal) => refusal.origin == *command.origin(),
        _ => command.clone().into_fact() == *fact,
    }
}

/// Whoever asks after an answer was received stands behind that answer.
fn real_time(attempts: &[Attempt]) -> Result<(), String> {
    let mut line = BTreeMap::new();
    for attempt in attempts {
        line.insert(attempt.sent, attempt);
        if let End::Answered(at, _) = attempt.end {
            line.insert(at, attempt);
        }
    }
    let mut seen = 0;
    let mut behind = BTreeMap::new();
    for (at, attempt) in line {
        if at == attempt.sent {
            behind.insert(at, seen);
        } else if let End::Answered(_, outcome) = &attempt.end {
            let position = outcome.recorded.position.get();
            if !outcome.replayed && position <= behind[&attempt.sent] {
                let before = behind[&attempt.sent];
                return Err(format!("{position} was asked for after {before} was answered"));
            }
            seen = seen.max(position);
        }
    }
    Ok(())
}

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

struct Replay<'a> {
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
    fn new(
        policies: &'a Policies,
        attempts: &'a BTreeMap<Key, Vec<&'a Attempt>>,
        records: &'a [Recorded],
    ) -> Self {
        let doubts = records.iter().filter_map(|record| doubt(record, attempts)).collect();
        let (book, model, report) = (Book::new(), Model::default(), Report::default());
        let received = BTreeMap::new();
        Self { policies, attempts, records, book, model, doubts, received, report }
    }

    fn run(mut self, batches: &[Batch]) -> Result<Report, String> {
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
            _ => return false,
        };
        if doubt.others.is_none() {
            doubt.others = Some(self.others(doubt));
        }
        let mut model = self.model.clone();
        for &(giver, units) in doubt.others.iter().flatten() {
            let purse = model.purses.get_mut(&giver.0).unwrap();
            if giver == parties.0 {
                purse.balance -= units;
            } else if Some(giver) == parties.1 {
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
        let low = self.book.accounts.iter().find(|account| !account.is_above_floor());
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
        _ => None,
    }
}
