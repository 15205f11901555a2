//! Charges from the request to the provider's books and back: 30 % of calls go wrong in some way,
//! notifications come late, twice, out of order and untrue, or not at all, lives end at any point;
//! and in the end ours and the provider's books agree to the rupiah.

mod desk;
mod life;
mod plant;
pub(crate) mod provider;
mod refunds;
mod world;

use std::collections::BTreeMap;

use gerbang::gateway::charge::order_id;
use gerbang::journal::{Batch, Recorded};
use gerbang::ledger::charge::{ChargeEnd, ChargeSource, ChargeStarted, ChargeStep};
use gerbang::ledger::event::{Fact, MovementKind};

use self::life::{Ended, Plan, ROUGH};
use self::provider::Faults;
use self::world::{CLEARING, FUNDS, SUSPENSE};
use crate::simulation::{recover, told};

const SEEDS: u64 = 16;

/// What must have happened in some life, or the simulation is too narrow.
const SOMETIMES: [&str; 30] = [
    "bill paid by a charge",
    "bill paid from a wallet",
    "called off",
    "credited",
    "lost",
    "made, not told",
    "not sent",
    "order paid from a wallet",
    "paid after its end",
    "question not answered",
    "question: ended",
    "question: never seen",
    "question: paid",
    "question: pending",
    "refund: failed",
    "refund: found later",
    "refund: given back",
    "refund: lost",
    "refund: made",
    "refund: made, not told",
    "refund: never seen",
    "refund: not sent",
    "refund: refused",
    "refund: settled by hand",
    "refused",
    "resolved",
    "suspended",
    "told",
    "unknown, then found",
    "wallet charge expired",
];

/// What the journal says of one charge.
#[derive(Debug)]
struct Story {
    started: Box<ChargeStarted>,
    unknown: bool,
    credited: u32,
    suspended: u32,
    end: Option<ChargeEnd>,
}

type Counts = BTreeMap<&'static str, u64>;

/// What the journal says: the charges by their names at the provider, and what went back from
/// suspense through the provider.
fn stories(batches: &[Batch], counts: &mut Counts) -> BTreeMap<String, Story> {
    let mut note = |what| *counts.entry(what).or_insert(0) += 1;
    let mut names = BTreeMap::new();
    let mut stories: BTreeMap<String, Story> = BTreeMap::new();
    let mut bills_paid = BTreeMap::new();
    for recorded in batches.iter().flat_map(Batch::records).map(Result::unwrap) {
        let name = order_id(&recorded);
        let Recorded { position, event, .. } = recorded;
        if let Fact::Moved(movement) = &event.fact
            && let Some(bill) = movement.kind.bill().or(match movement.kind {
                MovementKind::BillPaid { bill } => Some(bill),
                _ => None,
            })
        {
            assert_eq!(bills_paid.insert(bill, position), None, "{bill} was paid twice");
        }
        match event.fact {
            Fact::ChargeStarted(started) => {
                names.insert(position, name.clone());
                let (unknown, credited, suspended, end) = (false, 0, 0, None);
                stories.insert(name, Story { started, unknown, credited, suspended, end });
            }
            Fact::ChargeAdvanced(advanced) => {
                let story = stories.get_mut(&names[&advanced.charge]).unwrap();
                match advanced.step {
                    ChargeStep::Opened { .. } if story.unknown => note("unknown, then found"),
                    ChargeStep::Opened { .. } => {}
                    ChargeStep::Unknown { .. } => story.unknown = true,
                    ChargeStep::Ended { end, .. } => {
                        assert_eq!(story.end.replace(end), None, "{position} is a second end");
                        if story.started.source == ChargeSource::Wallet {
                            note("wallet charge expired");
                        }
                    }
                }
            }
            Fact::Moved(movement) => match movement.kind {
                MovementKind::ChargePaid { charge, purpose } => {
                    let story = stories.get_mut(&names[&charge]).unwrap();
                    story.credited += 1;
                    note(match (story.started.source, purpose.bill()) {
                        (ChargeSource::Wallet, _) => "order paid from a wallet",
                        (_, Some(_)) => "bill paid by a charge",
                        (_, None) => "credited",
                    });
                }
                MovementKind::Suspended { charge, .. } => {
                    stories.get_mut(&names[&charge]).unwrap().suspended += 1;
                    note("suspended");
                }
                MovementKind::Resolved { .. } => note("resolved"),
                _ => {}
            },
            _ => {}
        }
    }
    stories
}

fn judge(ended: &Ended, counts: &mut Counts) {
    let stories = stories(&ended.batches, counts);
    let entries = ended.provider.entries();
    let mut paid = 0;
    for (name, story) in &stories {
        let entry = entries.get(name);
        if story.started.source == ChargeSource::Wallet {
            assert!(entry.is_none(), "the provider was asked for {story:?}");
            let ends = story.credited + u32::from(story.end.is_some());
            assert_eq!((ends, story.suspended), (1, 0), "{name}: {story:?}");
            continue;
        }
        let times = entry.map_or(0, |entry| entry.made);
        assert!(times <= 1, "{name} was made {times} times");
        let is_paid = entry.is_some_and(|entry| entry.paid);
        let taken = story.credited + story.suspended;
        assert_eq!(taken, u32::from(is_paid), "{name}: {story:?} at {entry:?}");
        assert_eq!(story.credited == 1, story.end.is_none(), "{name}: {story:?}");
        if is_paid {
            assert_eq!(entry.unwrap().transaction.amount, story.started.amount);
            paid += story.started.amount.get();
        }
    }
    let strange: Vec<_> = entries.keys().filter(|name| !stories.contains_key(*name)).collect();
    assert!(strange.is_empty(), "the provider knows what the journal does not: {strange:?}");
    let book = recover(&ended.batches).book;
    let balance = |id| book.account(id).unwrap().balance().units();
    let given = refunds::judge(&ended.batches, &entries, counts);
    assert_eq!(balance(CLEARING), i128::from(given) - i128::from(paid) - 2 * i128::from(FUNDS));
    let waits = book.orders.values().filter_map(|order| match order {
        gerbang::ledger::order::Order::Late(late) => Some(i128::from(late.amount.get())),
        _ => None,
    });
    assert_eq!(balance(SUSPENSE), waits.sum::<i128>());
    assert!(book.imbalances().is_empty());
    for (name, count) in ended.provider.counts() {
        *counts.entry(name).or_insert(0) += count;
    }
}

fn told_to(name: &str) {
    println!("run again: {name} cargo test --test it charges");
}

#[test]
fn what_is_paid_is_credited_once_or_stands_in_suspense() {
    let told = told("SEED");
    let mut counts = BTreeMap::new();
    for seed in told.map_or(0..SEEDS, |seed| seed..seed + 1) {
        told_to(&format!("SEED={seed}"));
        judge(&life::run(seed, Plan { faults: ROUGH, notifies: true }), &mut counts);
    }
    if told.is_none() {
        let never: Vec<_> = SOMETIMES.iter().filter(|name| !counts.contains_key(*name)).collect();
        assert!(never.is_empty(), "never happened: {never:?} in {counts:?}");
    }
}

#[test]
fn without_notifications_nothing_paid_is_lost() {
    let told = told("SEED");
    let mut counts = BTreeMap::new();
    for seed in told.map_or(0..SEEDS / 2, |seed| seed..seed + 1) {
        told_to(&format!("SEED={seed}"));
        judge(&life::run(seed, Plan { faults: ROUGH, notifies: false }), &mut counts);
    }
    assert!(counts.contains_key("credited") && !counts.contains_key("told"), "{counts:?}");
}

/// The judge judges: a provider that says of what is pending that it is paid makes us credit what
/// nobody paid, and that is seen.
#[test]
fn a_provider_that_lies_about_what_is_paid_is_found() {
    let found = (0..5).any(|seed| {
        let plan = Plan { faults: Faults { lies: 20, ..ROUGH }, notifies: true };
        std::panic::catch_unwind(|| judge(&life::run(seed, plan), &mut BTreeMap::new())).is_err()
    });
    assert!(found, "five simulations with a lying provider looked well");
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    let bytes = |seed| -> Vec<Vec<u8>> {
        let ended = life::run(seed, Plan { faults: ROUGH, notifies: true });
        ended.batches.iter().map(|batch| batch.bytes().to_vec()).collect()
    };
    let first = bytes(3);
    assert!(first == bytes(3), "the second run wrote other bytes");
    assert!(first != bytes(4), "another seed wrote the same bytes");
}
