//! The judge: a journal and what clients saw of it, against the model.
//!
//! Every answer carries its position, so the order of everything is known and nothing has to be
//! searched: the journal is replayed entry by entry, each "yes" must be a yes of the model at its
//! position, each "no" a no in some state between its question and its answer, and an answer that
//! was received before another question was asked stands before the other's answer.

mod replay;

use std::collections::BTreeMap;

use gerbang::engine::Outcome;
use gerbang::journal::{Batch, Recorded};
use gerbang::ledger::book::Book;
use gerbang::ledger::command::Command;
use gerbang::ledger::event::{Fact, Refusal};
use gerbang::ledger::id::Principal;
use gerbang::ledger::policy::Policies;

use self::replay::Replay;

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
                if *record != *outcome.recorded {
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
