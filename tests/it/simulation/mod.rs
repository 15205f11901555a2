//! The simulation: everything random comes from a seed, so what fails can be run again.
//!
//! Two depths: the ledger alone against the oracle, and the whole engine with its writer on one
//! thread in paused time, over a journal that fails and a clock that jumps.
//!
//! A failure names its seed; `SEED=<seed> cargo test --test it simulation` runs that one alone.
//! `SIMULATION_ROUNDS=<n>` runs n times as many seeds as usual.

mod book;
mod client;
mod life;
mod plant;
mod workload;

pub(crate) use life::{Recovered, recover, recover_of};
pub(crate) use plant::rewritten;

use std::collections::BTreeMap;

use gerbang::ledger::rejection::Rejection;

use crate::check::check;
use crate::world::{NOT_THE_LEDGERS, policies};

/// Steps of the ledger alone, per seed.
const BOOK_STEPS: u64 = 500_000;
/// Seeds of the ledger alone.
const BOOK_SEEDS: u64 = 4;
/// Seeds of the engine.
const ENGINE_SEEDS: u64 = 24;
/// Seeds beyond the usual ones that found something once, under the workload as it is.
const KNOWN_SEEDS: [u64; 0] = [];

/// What must have happened at least once over the usual seeds: else the workload is too narrow.
const SOMETIMES: [&str; 20] = [
    "crash before the append",
    "crash between append and answer",
    "crash between answer and client",
    "crash on a torn batch",
    "unknown, and it had happened",
    "unknown, and it had not happened",
    "caller gone before the answer",
    "busy",
    "busy for good",
    "twin in flight",
    "answered again",
    "reference reused",
    "batch of commands",
    "refused by the receiver after a promise",
    "task retired",
    "task started again",
    "hold expired by itself",
    "clock back",
    "clock forward",
    "writer stalled",
];

#[expect(clippy::disallowed_methods, reason = "a test is told which seed to run again")]
pub(crate) fn told(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

fn seeds(usual: u64) -> Vec<u64> {
    let rounds = told("SIMULATION_ROUNDS").unwrap_or(1);
    let all = || KNOWN_SEEDS.into_iter().chain(0..usual * rounds).collect();
    told("SEED").map_or_else(all, |seed| vec![seed])
}

fn again(seed: u64) -> String {
    format!("run again: SEED={seed} cargo test --test it simulation")
}

#[test]
fn the_ledger_says_what_the_oracle_says() {
    let mut refused: BTreeMap<String, u64> = BTreeMap::new();
    for seed in seeds(BOOK_SEEDS) {
        match book::run(seed, BOOK_STEPS) {
            Ok(counts) => {
                for (rejection, count) in counts {
                    *refused.entry(format!("{rejection:?}")).or_insert(0) += count;
                }
            }
            Err(error) => panic!("{error}\n{}", again(seed)),
        }
    }
    for rejection in NOT_THE_LEDGERS {
        refused.remove(&format!("{rejection:?}"));
    }
    assert!(refused.values().all(|count| *count > 0), "never refused: {refused:?}");
}

#[test]
fn the_engine_keeps_its_word_through_crashes() {
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut refused: BTreeMap<String, u64> = BTreeMap::new();
    let (mut entries, mut pessimistic) = (0, 0);
    for seed in seeds(ENGINE_SEEDS) {
        let history = match life::run(seed, &life::Plan::default()) {
            Ok(history) => history,
            Err(error) => panic!("{error}\n{}", again(seed)),
        };
        match check(&history.batches, &policies(), &history.attempts) {
            Ok(report) => {
                entries += report.entries;
                pessimistic += report.pessimistic;
                for (name, count) in report.refusals {
                    *refused.entry(name).or_insert(0) += count;
                }
            }
            Err(error) => panic!("{error}\n{}", again(seed)),
        }
        for (name, count) in history.counts {
            *counts.entry(name).or_insert(0) += count;
        }
    }
    if told("SEED").is_none() {
        let never: Vec<_> = SOMETIMES.iter().filter(|name| !counts.contains_key(*name)).collect();
        assert!(never.is_empty(), "never happened: {never:?} in {entries} entries: {counts:?}");
        let asked = Rejection::ALL.iter().filter(|rejection| !NOT_THE_LEDGERS.contains(rejection));
        let kinds = asked.map(|rejection| format!("{rejection:?}"));
        let missing: Vec<_> = kinds.filter(|kind| !refused.contains_key(kind)).collect();
        assert!(missing.is_empty(), "{missing:?}, {refused:?}, {pessimistic} pessimistic");
    }
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    let bytes = |seed| {
        let history = life::run(seed, &life::Plan::default()).unwrap();
        let batches: Vec<Vec<u8>> = history.batches.iter().map(|b| b.bytes().to_vec()).collect();
        (batches, history.attempts.len(), history.counts)
    };
    let first = bytes(7);
    assert_eq!(first, bytes(7));
    assert_ne!(first.0, bytes(8).0);
}
