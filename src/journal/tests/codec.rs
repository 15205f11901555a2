//! The bytes of a batch are a format: they stay, read back, and no damage goes unseen.

use super::{World, every_fact, payment};
use crate::journal::codec::{Batch, BatchBuilder, Record};
use crate::journal::{Error, Flaw, Hash};
use crate::ledger::event::{Event, Fact};
use crate::ledger::id::Position;
use crate::ledger::time::Timestamp;

const GENESIS: &str = "020001000000000000000100000000e025dafe5b0600000000000000000000000000000000000000\
         0000000000000000000000000000750000007100000000e025dafe5b060000000000000000000000\
         00000000000000000000000000000000000000000000000000000000000000000000000000000000\
         00000000000000000000000000000000000000000000000000000000000000000000000000000000\
         0000000000000097ffffff0000000074265d60ad1c06a31abf06b55b628fedca9a4129cde205fde8\
         2b4fa5dab042be";
const EVERY_FACT: &str = "945b52d0479f35fd06c45d9f92c6a63100018652377fe59bb8d3ae0770eeafde";

#[test]
fn genesis_has_the_bytes_it_always_had() {
    let time = Timestamp::from_seconds(1_790_000_000);
    let mut builder = BatchBuilder::new(Position::FIRST, time, Hash::GENESIS);
    builder.push(&Event { at: time, fact: Fact::Genesis }, &[]);
    let hex: String = builder.finish().bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, GENESIS, "every store begins with this");
}

#[test]
fn every_fact_has_the_bytes_it_always_had() {
    let mut world = World::new();
    world.begin(2);
    let batch = world.batch(every_fact());
    assert_eq!(batch.bytes().len(), 11_170);
    assert_eq!(batch.hash().to_string(), EVERY_FACT);
}

#[test]
fn batches_read_back() {
    let mut world = World::new();
    world.begin(2);
    let mut book = world.book.clone();
    let facts = every_fact();
    let batch = world.batch(facts.clone());
    let again = Batch::decode(batch.bytes()).unwrap();
    assert_eq!(again.bytes(), batch.bytes());
    assert_eq!((again.first().get(), again.last().get(), again.count()), (8, 60, 53));
    assert_eq!((again.time(), again.previous()), (batch.time(), batch.previous()));
    assert_eq!(again.hash(), batch.hash());
    for (recorded, fact) in again.records().zip(facts) {
        let recorded = recorded.unwrap();
        assert_eq!(recorded.event.fact, fact);
        assert_eq!(recorded.links, book.apply(recorded.position, &recorded.event));
        assert_eq!(batch.record(recorded.position).unwrap(), Some(recorded));
    }
    assert_eq!(batch.record(Position::new(7).unwrap()).unwrap(), None);
    assert_eq!(batch.record(Position::new(61).unwrap()).unwrap(), None);
}

#[test]
fn a_borrowed_record_is_written_like_an_owned_one() {
    let mut world = World::new();
    world.begin(2);
    let batch = world.batch([payment(0, 2)]);
    let recorded = batch.record(batch.first()).unwrap().unwrap();
    let record = Record { event: recorded.event, links: recorded.links.to_vec() };
    let owned = rkyv::to_bytes::<rkyv::rancor::Failure>(&record).unwrap();
    let end = batch.bytes().len() - 32;
    assert_eq!(&batch.bytes()[end - owned.len()..end], &*owned);
}

#[test]
fn no_cut_goes_unseen() {
    let bytes = damaged_sample();
    for length in 0..bytes.len() {
        assert!(Batch::decode(&bytes[..length]).is_err(), "cut to {length}");
    }
    let longer = [&*bytes, &[0]].concat();
    assert!(matches!(Batch::decode(&longer), Err(Error::NotABatch(Flaw::Length))));
}

#[test]
fn no_flipped_byte_goes_unseen() {
    let mut bytes = damaged_sample();
    for place in 0..bytes.len() {
        for mask in [1, 0x80, 0xff] {
            bytes[place] ^= mask;
            assert!(Batch::decode(&bytes).is_err(), "byte {place} flipped by {mask:#x}");
            bytes[place] ^= mask;
        }
    }
}

#[test]
fn another_version_is_named() {
    for version in [1, 3] {
        let mut bytes = damaged_sample();
        bytes[0] = version;
        let named = u16::from(version);
        let error = Batch::decode(&bytes);
        assert!(matches!(error, Err(Error::NotABatch(Flaw::Version(v))) if v == named));
    }
}

/// Bytes with a right hash around a body that is none are refused record by record.
#[test]
fn what_is_no_record_is_not_read_as_one() {
    let mut bytes = damaged_sample();
    let end = bytes.len() - 32;
    let mut refused = 0;
    for place in 62..end {
        let kept = bytes[place];
        bytes[place] ^= 0xff;
        let hash = Hash::of(&bytes[..end]);
        bytes[end..].copy_from_slice(&hash.0);
        match Batch::decode(&bytes) {
            Err(_) => refused += 1,
            Ok(batch) => refused += usize::from(batch.records().any(|record| record.is_err())),
        }
        bytes[place] = kept;
    }
    assert!(refused > 0, "lengths, tags and pointers are checked, and nothing panics");
}

fn damaged_sample() -> Vec<u8> {
    let mut world = World::new();
    world.begin(2);
    world.batch([payment(0, 2), payment(1, 2)]).bytes().to_vec()
}
