//! Boarding houses in the journal: their bytes, their lines in an export, their way through a
//! checkpoint.

use super::World;
use crate::journal::checkpoint::Checkpoint;
use crate::journal::export::ndjson;
use crate::journal::replay;
use crate::journal::sidefile::Mark;
use crate::journal::{Batch, Error, Flaw, History};
use crate::ledger::boarding::tests::{method, room, tenant};
use crate::ledger::boarding::{BoardingChange, BoardingChanged, Room, RoomId, Tenant, TenantId};
use crate::ledger::book::Book;
use crate::ledger::event::Fact;
use crate::ledger::id::{Position, Principal, UserId};
use crate::ledger::time::Timestamp;

const EVERY_CHANGE: &str = "aedb22f9234d78b63df026336a8966672246f50729c5a7abe88ab719ece95c37";

fn changed(change: BoardingChange) -> Fact {
    let by = Principal::User(UserId(1));
    Fact::BoardingChanged(Box::new(BoardingChanged { by, change }))
}

/// One change of every kind, with everything in them that may be absent.
fn every_change() -> Vec<Fact> {
    let rate = Some(super::amount(700_000));
    let changes = [
        BoardingChange::RoomSet(room(0, "A1")),
        BoardingChange::RoomSet(room(1, "A2")),
        BoardingChange::RoomSet(room(2, "A3")),
        BoardingChange::TenantSet(tenant(0, 0, 0)),
        BoardingChange::TenantSet(Tenant { rate, ..tenant(1, 1, 1) }),
        BoardingChange::TenantDeleted {
            tenant: TenantId(1),
            at: Timestamp::from_seconds(1_791_000_000),
        },
        BoardingChange::RoomRemoved(RoomId(1)),
        BoardingChange::MethodSet(method("wallet", 1)),
        BoardingChange::MethodSet(method("bca_va", 2)),
        BoardingChange::MethodRemoved(super::line("bca_va")),
        BoardingChange::TenantSet(Tenant { agreed: None, ..tenant(2, 1, 2) }),
        BoardingChange::TenantAgreed {
            tenant: TenantId(2),
            at: Timestamp::from_seconds(1_791_000_001),
            rate: super::amount(850_000),
        },
    ];
    changes.map(changed).into()
}

fn sample() -> (World, Vec<Batch>) {
    let mut world = World::new();
    let mut batches = world.begin(2);
    batches.push(world.batch(every_change()));
    (world, batches)
}

#[test]
fn every_change_has_the_bytes_it_always_had() {
    let (_, batches) = sample();
    let batch = batches.last().unwrap();
    assert_eq!(batch.hash().to_string(), EVERY_CHANGE);
    let again = Batch::decode(batch.bytes()).unwrap();
    let facts: Vec<Fact> = again.records().map(|record| record.unwrap().event.fact).collect();
    assert_eq!(facts, every_change());
}

#[test]
fn an_export_shows_them() {
    let (_, batches) = sample();
    let history = History::new();
    batches.into_iter().for_each(|batch| history.push(batch));
    let mut out = Vec::new();
    assert_eq!(ndjson(&history, Position::new(8).unwrap(), &mut out).unwrap(), 12);
    let text = String::from_utf8(out).unwrap();
    let parsed = |text: &str| -> Vec<serde_json::Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    assert_eq!(parsed(&text), parsed(include_str!("boarding.ndjson")), "{text}");
}

#[test]
fn a_checkpoint_holds_them() {
    let directory = tempfile::tempdir().unwrap();
    let (world, _) = sample();
    assert_eq!((world.book.boarding.rooms.len(), world.book.boarding.tenants.len()), (3, 3));
    let mark = Mark { position: world.book.position.unwrap(), hash: world.hash };
    let checkpoint = Checkpoint { mark, time: world.time, book: world.book };
    checkpoint.write(directory.path()).unwrap();
    assert_eq!(Checkpoint::newest(directory.path()).unwrap(), Some(checkpoint));
}

#[test]
fn replay_refuses_what_later_entries_cannot_stand_on() {
    let cases = [
        (
            BoardingChange::RoomSet(Room { issuer: UserId(9), ..room(3, "A4") }),
            "there is no such landlord",
        ),
        (BoardingChange::TenantSet(tenant(3, 9, 0)), "there is no such user"),
        (BoardingChange::TenantSet(tenant(3, 1, 0)), "the houses cannot follow it"),
        (BoardingChange::RoomRemoved(RoomId(0)), "the houses cannot follow it"),
    ];
    for (change, why) in cases {
        let (mut world, batches) = sample();
        let mut book = Book::new();
        for record in batches.iter().flat_map(Batch::records) {
            replay::follow(&mut book, &record.unwrap()).unwrap();
        }
        assert_eq!(book, world.book);
        let batch = world.batch([changed(change)]);
        let record = batch.record(batch.first()).unwrap().unwrap();
        match replay::follow(&mut book, &record) {
            Err(Error::Broken { flaw: Flaw::Misfit(found), .. }) => assert_eq!(found, why),
            other => panic!("{why}: {other:?}"),
        }
    }
}
