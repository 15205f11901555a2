//! Payouts from the request to the bank's books: 30 % of calls go wrong in some way, lives end at
//! any point, and in the end ours and the banks' books agree to the rupiah.

pub(crate) mod bank;
pub(crate) mod callbacks;
mod hanging;
pub(crate) mod life;
mod statement;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use gerbang::gateway::payout::bank_reference;
use gerbang::journal::{Batch, Recorded};
use gerbang::ledger::event::{Fact, MovementKind};
use gerbang::ledger::money::Amount;
use gerbang::ledger::payout::{PayoutStarted, PayoutStep};

use self::bank::{Entry, Faults};
use self::life::{Asked, Ended, ROUGH};
use self::world::{CLEARING, ESCROW, FEES, FUNDS};
use crate::simulation::{recover, told};

const SEEDS: u64 = 60;

/// What must have happened in some life, or the simulation is too narrow.
const SOMETIMES: [&str; 16] = [
    "asked again",
    "denied",
    "failed",
    "fallback",
    "found no account",
    "never seen, in the end",
    "not sent",
    "question not answered",
    "question: never seen",
    "question: paid",
    "refused",
    "released",
    "restarted while sending",
    "succeeded",
    "unknown, paid",
    "unknown, paid late",
];

/// What the journal says of one payout.
#[derive(Debug)]
struct Story {
    started: Box<PayoutStarted>,
    /// What each try was called at its bank, in order.
    tries: Vec<String>,
    fee: u64,
    /// `Some(true)`: paid.
    paid: Option<bool>,
}

fn stories(batches: &[Batch], counts: &mut BTreeMap<&'static str, u64>) -> BTreeMap<u64, Story> {
    let mut note = |what| *counts.entry(what).or_insert(0) += 1;
    let mut stories: BTreeMap<u64, Story> = BTreeMap::new();
    for recorded in batches.iter().flat_map(Batch::records).map(Result::unwrap) {
        let reference = bank_reference(&recorded);
        let Recorded { position, event, .. } = recorded;
        match event.fact {
            Fact::PayoutStarted(started) => {
                let fee = started.route.fee.map_or(0, Amount::get);
                let story = Story { started, tries: vec![reference], fee, paid: None };
                stories.insert(position.get(), story);
            }
            Fact::PayoutAdvanced(advanced) => {
                let story = stories.get_mut(&advanced.payout.get()).unwrap();
                assert_eq!(story.paid, None, "{position} after the end");
                match advanced.step {
                    PayoutStep::NextTry { route, .. } => {
                        story.tries.push(reference);
                        story.fee = route.fee.map_or(0, Amount::get);
                        note("fallback");
                    }
                    PayoutStep::Unknown { reason } if reason.as_str().starts_with("restarted") => {
                        note("restarted while sending");
                    }
                    PayoutStep::Unknown { .. } => {}
                    // The try begins with the release, and nothing was sent before.
                    PayoutStep::Released { .. } => story.tries = vec![reference],
                }
            }
            Fact::PayoutFailed(failed) => {
                let story = stories.get_mut(&failed.payout.get()).unwrap();
                assert_eq!(story.paid.replace(false), None, "{position} is a second end");
                note("failed");
                if failed.code.as_str() == "4043601" {
                    note("never seen, in the end");
                }
            }
            Fact::Moved(movement) => {
                let MovementKind::PaidOut { payout, .. } = movement.kind else { continue };
                let story = stories.get_mut(&payout.get()).unwrap();
                assert_eq!(story.paid.replace(true), None, "{position} is a second end");
                note("succeeded");
            }
            _ => {}
        }
    }
    stories
}

fn judge(ended: &Ended, counts: &mut BTreeMap<&'static str, u64>) {
    let stories = stories(&ended.batches, counts);
    let entries = ended.banks.entries();
    let mut known = BTreeSet::new();
    let (mut paid, mut fees) = (0, 0);
    for (position, story) in &stories {
        let seen: Vec<_> = story.tries.iter().filter_map(|name| entries.get(name)).collect();
        // No bank is asked while another may have it.
        assert!(seen.len() <= 1, "{position}: {story:?} at {seen:?}");
        let times = seen.iter().map(|(_, _, entry)| match entry {
            Entry::Paid(times) => *times,
            Entry::Refused | Entry::Pending => 0,
        });
        let times: u32 = times.sum();
        assert_eq!(story.paid, Some(times == 1), "{position}: {story:?} at {seen:?}");
        assert!(times <= 1, "{position} was paid {times} times");
        if times == 1 {
            assert_eq!(seen[0].1, story.started.amount.get(), "{position}");
            (paid, fees) = (paid + story.started.amount.get(), fees + story.fee);
        }
        known.extend(story.tries.iter().cloned());
    }
    let strange: Vec<_> = entries.keys().filter(|name| !known.contains(*name)).collect();
    assert!(strange.is_empty(), "banks know of tries that the journal does not: {strange:?}");
    let book = recover(&ended.batches).book;
    let balance = |id| book.account(id).unwrap().balance().units();
    assert_eq!(balance(ESCROW), i128::from(FUNDS - paid - fees));
    assert_eq!(balance(FEES), i128::from(fees));
    assert_eq!(balance(CLEARING), i128::from(paid) - i128::from(FUNDS));
    assert_eq!(book.account(ESCROW).unwrap().on_hold().units(), 0);
    for asked in &ended.asked {
        hold_to_its_word(asked, &stories, counts);
    }
    for (name, count) in ended.banks.counts() {
        *counts.entry(name).or_insert(0) += count;
    }
}

/// One reference, one payout; and what was said of its end is its end.
fn hold_to_its_word(
    asked: &Asked,
    stories: &BTreeMap<u64, Story>,
    counts: &mut BTreeMap<&'static str, u64>,
) {
    let mut note = |what| *counts.entry(what).or_insert(0) += 1;
    if asked.heard.len() > 1 {
        note("asked again");
    }
    for (position, word) in &asked.heard {
        assert_eq!(*position, asked.heard[0].0, "{asked:?}");
        match *word {
            "rejected" => {
                assert!(!stories.contains_key(position), "{asked:?}");
                if asked.number.ends_with("99") {
                    note("found no account");
                }
            }
            word => {
                let story = &stories[position];
                assert_eq!(story.started.origin.reference.as_str(), asked.reference);
                match word {
                    "succeeded" => assert_eq!(story.paid, Some(true), "{asked:?}"),
                    "failed" => assert_eq!(story.paid, Some(false), "{asked:?}"),
                    _ => {}
                }
            }
        }
    }
    // Once an end was told, nothing else is.
    let ends = |word: &str| ["succeeded", "failed", "rejected"].contains(&word);
    let after = asked.heard.iter().skip_while(|(_, word)| !ends(word));
    let words: BTreeSet<_> = after.map(|(_, word)| *word).collect();
    assert!(words.len() <= 1, "{asked:?}");
}

#[test]
fn nothing_is_paid_twice_and_nothing_is_lost() {
    let told = told("SEED");
    let mut counts = BTreeMap::new();
    for seed in told.map_or(0..SEEDS, |seed| seed..seed + 1) {
        println!("run again: SEED={seed} cargo test --test it payouts");
        judge(&life::run(seed, ROUGH), &mut counts);
    }
    if told.is_none() {
        let never: Vec<_> = SOMETIMES.iter().filter(|name| !counts.contains_key(*name)).collect();
        assert!(never.is_empty(), "never happened: {never:?} in {counts:?}");
    }
}

/// The judge judges: a connector that calls the unknown not sent makes a bank pay beside another,
/// and that is seen.
#[test]
fn a_wrong_word_of_a_connector_is_found() {
    let lying = Faults { lies: true, ..ROUGH };
    let found = (0..5).any(|seed| {
        let ended = life::run(seed, lying);
        std::panic::catch_unwind(|| judge(&ended, &mut BTreeMap::new())).is_err()
    });
    assert!(found, "five simulations with a lying connector looked well");
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    let bytes = |seed| -> Vec<Vec<u8>> {
        life::run(seed, ROUGH).batches.iter().map(|batch| batch.bytes().to_vec()).collect()
    };
    let first = bytes(3);
    assert!(first == bytes(3), "the second run wrote other bytes");
    assert!(first != bytes(4), "another seed wrote the same bytes");
}
