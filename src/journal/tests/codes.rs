//! One-time codes in the journal: their bytes, their lines in an export, their way through a
//! checkpoint.

use super::World;
use crate::journal::checkpoint::Checkpoint;
use crate::journal::export::ndjson;
use crate::journal::sidefile::Mark;
use crate::journal::{Batch, History};
use crate::ledger::code::{CodeChange, CodeHash, LiveCode};
use crate::ledger::event::{Digest, Fact, UserChange, UserChanged};
use crate::ledger::id::{Position, Principal, UserId};
use crate::ledger::registry::SealedKey;
use crate::ledger::time::Timestamp;

const EVERY_CHANGE: &str = "6ddf88ff73917ba1d8221b370e53ec6c3430bf20e914acf09808a6cbaecd0297";

/// One change of every kind, the last of which leave a live code and an app.
fn every_change() -> Vec<Fact> {
    let now = Timestamp::from_seconds(1_790_000_000);
    let issued = |id| {
        CodeChange::Issued(LiveCode::new(
            [id; 16],
            CodeHash(*b"never this, which is a secret too".first_chunk().expect("long enough")),
            Digest([3; 16]),
            now,
        ))
    };
    let begun = || CodeChange::TotpBegun(SealedKey((*b"never that").into()));
    let changes = [
        issued(1),
        CodeChange::Tried,
        CodeChange::Used,
        issued(2),
        CodeChange::Burnt,
        begun(),
        CodeChange::TotpConfirmed(59_666_666),
        CodeChange::TotpRemoved,
        begun(),
        CodeChange::TotpConfirmed(59_666_667),
        CodeChange::TotpUsed(59_666_668),
        issued(3),
    ];
    let user = UserId(0);
    let by = Principal::User(user);
    let fact =
        |change| Fact::UserChanged(UserChanged { user, by, change: UserChange::Codes(change) });
    changes.map(fact).into()
}

fn sample() -> (World, Vec<Batch>) {
    let mut world = World::new();
    let mut batches = world.begin(1);
    batches.push(world.batch(every_change()));
    (world, batches)
}

#[test]
fn every_change_has_the_bytes_it_always_had() {
    let (_, batches) = sample();
    let batch = batches.last().unwrap();
    assert_eq!(batch.hash().to_string(), EVERY_CHANGE);
    let facts: Vec<Fact> = batch.records().map(|record| record.unwrap().event.fact).collect();
    assert_eq!(facts, every_change());
}

#[test]
fn an_export_says_what_happened_and_nothing_to_guess_by() {
    let (_, batches) = sample();
    let first = batches.last().unwrap().first();
    let history = History::new();
    batches.into_iter().for_each(|batch| history.push(batch));
    let mut out = Vec::new();
    assert_eq!(ndjson(&history, first, &mut out).unwrap(), 12);
    assert_eq!(ndjson(&history, Position::FIRST, &mut out).unwrap(), first.get() + 11);
    let text = String::from_utf8(out).unwrap();
    for word in ["issued", "tried", "used", "burnt", "totp_begun", "totp_confirmed", "totp_removed"]
    {
        assert!(text.contains(&format!("{{\"codes\":\"{word}\"}}")), "{word}: {text}");
    }
    let hash: String = b"never".iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!text.contains("never") && !text.contains(&hash) && !text.contains("110,101,118"));
}

#[test]
fn a_checkpoint_holds_them() {
    let directory = tempfile::tempdir().unwrap();
    let (world, _) = sample();
    let codes = world.book.user(UserId(0)).unwrap().codes().unwrap().clone();
    assert!(codes.live.is_some() && codes.totp.is_some());
    let mark = Mark { position: world.book.position.unwrap(), hash: world.hash };
    let checkpoint = Checkpoint { mark, time: world.time, book: world.book };
    checkpoint.write(directory.path()).unwrap();
    assert_eq!(Checkpoint::newest(directory.path()).unwrap(), Some(checkpoint));
}
