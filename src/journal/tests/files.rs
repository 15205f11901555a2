//! Damage to segments, side file and checkpoint: every flipped byte and every cut is found.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::{World, every_fact, payment};
use crate::journal::checkpoint::Checkpoint;
use crate::journal::history::History;
use crate::journal::lock::Lock;
use crate::journal::segment::Segment;
use crate::journal::sidefile::{Mark, SideFile};
use crate::journal::{Batch, Error, Hash};
use crate::ledger::id::{Position, Principal};
use crate::ledger::reference::fingerprint;
use crate::ledger::time::Timestamp;
use crate::ledger::{bill, charge};

/// Calls `check` with the file cut at every length and with every byte flipped.
fn damaged(path: &Path, mut check: impl FnMut(&str)) {
    let whole = fs::read(path).unwrap();
    for length in 0..whole.len() {
        fs::write(path, &whole[..length]).unwrap();
        check(&format!("cut to {length} of {}", whole.len()));
    }
    let mut flipped = whole.clone();
    for place in 0..whole.len() {
        flipped[place] ^= 0x41;
        fs::write(path, &flipped).unwrap();
        check(&format!("byte {place} of {} flipped", whole.len()));
        flipped[place] = whole[place];
    }
    fs::write(path, [&*whole, b"x"].concat()).unwrap();
    check("a byte more");
    fs::write(path, whole).unwrap();
}

fn sealed_sample() -> (World, Vec<Batch>) {
    let mut world = World::new();
    let mut batches = world.begin(2);
    batches.push(world.batch(every_fact()));
    (world, batches)
}

fn at(place: u64) -> Position {
    Position::new(place).unwrap()
}

fn read_all(path: &Path) -> Result<Vec<u8>, Error> {
    let segment = Segment::open(path, &mut |_, _| {})?;
    let mut bytes = Vec::new();
    for block in 0..segment.blocks() {
        for batch in segment.read_block(block)? {
            bytes.extend_from_slice(batch.bytes());
        }
    }
    Ok(bytes)
}

#[test]
fn segments_give_back_what_was_sealed() {
    let directory = tempfile::tempdir().unwrap();
    let mut world = World::new();
    let mut batches = world.begin(2);
    for begin in (0..3_000).step_by(30) {
        batches.push(world.batch((begin..begin + 30).map(|number| payment(number, 2))));
    }
    let segment = Segment::write(directory.path(), &batches).unwrap();
    assert!(segment.blocks() > 3, "{} blocks", segment.blocks());
    assert_eq!(segment.end(), Mark { position: world.book.position.unwrap(), hash: world.hash });
    let history = History::of_segments(vec![Arc::new(segment)]);
    for batch in &batches {
        for record in batch.records() {
            let record = record.unwrap();
            assert_eq!(history.record(record.position).unwrap(), Some(record));
        }
        let (time, last) = (batch.time(), Some(batch.last()));
        assert_eq!(history.last_at_or_before(time).unwrap(), last);
        assert_eq!(history.last_at_or_before(time.plus_seconds(1)).unwrap() > last, {
            batch.last() != world.book.position.unwrap()
        });
    }
    assert_eq!(history.last_at_or_before(Timestamp::EPOCH).unwrap(), None);
    assert_eq!(history.record(world.book.next()).unwrap(), None);
    assert_eq!(history.batches_from(Position::FIRST).count(), batches.len());
}

#[test]
fn segments_know_their_references() {
    let directory = tempfile::tempdir().unwrap();
    let (_, batches) = sealed_sample();
    Segment::write(directory.path(), &batches).unwrap();
    let mut told = Vec::new();
    let path = directory.path().join("00000000000000000001.seg");
    Segment::open(&path, &mut |fingerprint, position| told.push((fingerprint, position))).unwrap();
    let mut expected = Vec::new();
    for record in batches.iter().flat_map(Batch::records) {
        let record = record.unwrap();
        let fingerprint = record.event.fact.origin().map(|origin| origin.fingerprint());
        expected.extend(fingerprint.map(|fingerprint| (fingerprint, record.position)));
    }
    // What pays a charge or a bill, calls a bill off, or leaves suspense, is found by that too,
    // whoever asked for it.
    let settled = [
        (bill::closed_reference(at(36)), 37),
        (charge::paid_reference(at(39)), 42),
        (bill::closed_reference(at(38)), 42),
        (bill::closed_reference(at(43)), 44),
        (charge::resolved_reference(at(48)), 50),
        (bill::closed_reference(at(49)), 50),
    ];
    let settled = settled.map(|(it, place)| (fingerprint(Principal::System, &it), at(place)));
    expected.extend(settled);
    assert_eq!(told, expected);
    assert_eq!(told.len(), 53);
}

#[test]
fn no_damage_to_a_segment_goes_unseen() {
    let directory = tempfile::tempdir().unwrap();
    let (_, batches) = sealed_sample();
    Segment::write(directory.path(), &batches).unwrap();
    let path = directory.path().join("00000000000000000001.seg");
    let whole = read_all(&path).unwrap();
    damaged(&path, |what| assert!(read_all(&path).is_err(), "{what}"));
    assert_eq!(read_all(&path).unwrap(), whole);
}

#[test]
fn no_damage_to_the_side_file_goes_unseen() {
    let directory = tempfile::tempdir().unwrap();
    let mark = |place| Mark { position: Position::new(place).unwrap(), hash: Hash::of(b"some") };
    let mut side = SideFile::new(directory.path(), Timestamp::from_seconds(-1), mark(7));
    for sealed in [None, Some(mark(3))] {
        side.sealed = sealed;
        side.write().unwrap();
        assert_eq!(SideFile::read(directory.path()).unwrap().as_ref(), Some(&side));
        damaged(&directory.path().join("store"), |what| {
            assert!(SideFile::read(directory.path()).is_err(), "{what}");
        });
    }
}

#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let (world, _) = sealed_sample();
    let position = world.book.position.unwrap();
    let mark = Mark { position, hash: world.hash };
    let checkpoint = Checkpoint { mark, time: world.time, book: world.book };
    checkpoint.write(directory.path()).unwrap();
    let newest = || Checkpoint::newest(directory.path()).unwrap();
    assert_eq!(newest().as_ref(), Some(&checkpoint));
    let path = directory.path().join(format!("checkpoint-{:020}", position.get()));
    damaged(&path, |what| assert_eq!(newest(), None, "{what}"));

    // An older one that is whole is better than a newer one that is not.
    fs::write(directory.path().join("checkpoint-99999999999999999999"), "torn").unwrap();
    assert_eq!(newest(), Some(checkpoint.clone()));
    let next = Mark { position: position.plus(1), hash: Hash::of(b"next") };
    Checkpoint { mark: next, ..checkpoint }.write(directory.path()).unwrap();
    assert!(!path.exists(), "older ones are removed");
}

#[test]
fn a_directory_has_one_owner() {
    let directory = tempfile::tempdir().unwrap();
    let lock = Lock::acquire(directory.path()).unwrap();
    let refused = Lock::acquire(directory.path()).unwrap_err().to_string();
    assert!(refused.contains(&directory.path().display().to_string()), "{refused}");
    assert!(refused.contains(&std::process::id().to_string()), "{refused}");
    drop(lock);
    Lock::acquire(directory.path()).unwrap();
}
