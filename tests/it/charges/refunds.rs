//! Refunds through the provider, ours and the provider's side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gerbang::connector::midtrans::refund::RefundRequest;
use gerbang::connector::midtrans::status::Status;
use gerbang::gateway::charge::refund::key;
use gerbang::gateway::charge::standing::standing_of;
use gerbang::gateway::payout::by_hand::Settlement;
use gerbang::gateway::{Error, Gateway};
use gerbang::journal::{Batch, Recorded};
use gerbang::ledger::charge::ChargePurpose;
use gerbang::ledger::event::{Fact, MovementKind};
use gerbang::ledger::id::{Position, Principal, UserId};
use gerbang::ledger::refund::{RefundStarted, RefundStep};
use gerbang::ledger::text::Line;

use super::Counts;
use super::provider::{Entry, SimulatedProvider};
use crate::random::Random;

/// What the journal says of one refund.
struct Story {
    key: String,
    started: Box<RefundStarted>,
    unknown: bool,
    by_hand: bool,
    given: u32,
    failed: u32,
}

/// The merchant gives something of some paid order back, under a key that it may have used before.
pub(super) async fn some(gateway: &Gateway, provider: &SimulatedProvider, random: &mut Random) {
    let entries = provider.entries();
    let is_paid = |entry: &Entry| {
        matches!(entry.transaction.status, Status::Settlement | Status::PartialRefund)
    };
    let paid: Vec<_> = entries.iter().filter(|(_, entry)| is_paid(entry)).collect();
    let Some((name, _)) = random.pick(&paid) else { return };
    let Ok(found) = standing_of(gateway.view(), name) else { return };
    if found.started().purpose != ChargePurpose::Order {
        return;
    }
    let part = random.range(1, found.started().amount.get());
    let request = RefundRequest {
        key: Some(format!("k-{}", random.below(4))),
        amount: random.percent(80).then(|| crate::world::amount(part)),
        reason: None,
    };
    match gateway.refund_order(UserId(2), &found, (&request, None)).await {
        Ok(refunded) => assert_eq!(refunded.part.key, request.key),
        Err(
            Error::ReferenceReused
            | Error::Unavailable
            | Error::Invalid { .. }
            | Error::Conflict(_)
            | Error::Rejected { .. }
            | Error::Busy { .. },
        ) => {}
        Err(error) => panic!("{error:?}"),
    }
}

/// An administrator settles what is unknown, by the provider's own books: what is not there `after`
/// so long never will be.
pub(super) async fn settle(gateway: &Gateway, provider: &SimulatedProvider, after: Duration) {
    for standing in gateway.open_refunds(&["unknown"]).unwrap() {
        let (entries, key) = (provider.entries(), standing.id());
        let parts = &entries[&standing.order_id].transaction.refunded.parts;
        let is_there = parts.iter().any(|part| part.key.as_deref() == Some(key.as_str()));
        let age = gateway.engine().clock().now().micros_since(standing.recorded.time);
        let settlement = match (is_there, Duration::from_micros(age.try_into().unwrap_or(0))) {
            (true, _) => Settlement::Succeeded,
            (false, age) if age > after => Settlement::Failed,
            (false, _) => continue,
        };
        let reason = Line::parse("looked at", 64).unwrap();
        // An error means that the provider's word was quicker.
        drop(gateway.settle_refund(Principal::Operator, &key, settlement, reason).await);
    }
}

fn stories(batches: &[Batch]) -> BTreeMap<Position, Story> {
    let mut stories = BTreeMap::new();
    for recorded in batches.iter().flat_map(Batch::records).map(Result::unwrap) {
        let key = key(&recorded);
        let Recorded { position, event, .. } = recorded;
        match event.fact {
            Fact::RefundStarted(started) => {
                let story =
                    Story { key, started, unknown: false, by_hand: false, given: 0, failed: 0 };
                stories.insert(position, story);
            }
            Fact::RefundAdvanced(advanced) => {
                let story: &mut Story = stories.get_mut(&advanced.refund).unwrap();
                match advanced.step {
                    RefundStep::Unknown { .. } => story.unknown = true,
                    RefundStep::Failed { by, .. } => {
                        story.failed += 1;
                        story.by_hand |= by != Principal::System;
                    }
                }
            }
            Fact::Moved(movement) => {
                if let MovementKind::GivenBack { refund, by } = movement.kind {
                    let story = stories.get_mut(&refund).unwrap();
                    assert_eq!(movement.amount, story.started.amount);
                    story.given += 1;
                    story.by_hand |= by != Principal::System;
                }
            }
            _ => {}
        }
    }
    stories
}

/// Ours and the provider's books agree, and each refund ended once. How much went back.
pub(super) fn judge(
    batches: &[Batch],
    entries: &BTreeMap<String, Entry>,
    counts: &mut Counts,
) -> u64 {
    let mut note = |what| *counts.entry(what).or_insert(0) += 1;
    let (mut given, mut names) = (BTreeMap::new(), BTreeSet::new());
    for (position, story) in stories(batches) {
        assert_eq!(story.given + story.failed, 1, "{position} ended otherwise than once");
        note(match (story.given, story.unknown) {
            (1, false) => "refund: given back",
            (1, true) => "refund: found later",
            (_, false) => "refund: failed",
            (_, true) => "refund: never seen",
        });
        if story.by_hand {
            note("refund: settled by hand");
        }
        if story.given == 1 {
            let note = story.started.note.to_string();
            assert!(names.insert((story.started.charge, note)), "{position} is the same again");
            given.insert(story.key, story.started.amount.get());
        }
    }
    let mut theirs = BTreeMap::new();
    for part in entries.values().flat_map(|entry| &entry.transaction.refunded.parts) {
        let key = part.key.clone().unwrap();
        assert_eq!(theirs.insert(key, part.amount), None, "a key was used twice");
    }
    assert_eq!(given, theirs, "what we gave back is not what the provider gave back");
    for entry in entries.values() {
        let back: u64 = entry.transaction.refunded.parts.iter().map(|part| part.amount).sum();
        assert!(back <= entry.transaction.amount.get());
    }
    given.values().sum()
}
