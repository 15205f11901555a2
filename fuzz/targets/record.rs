//! The journal: a record of any bytes under a hash that is right is read or refused, and what was
//! read encodes as something that reads the same.

#![no_main]

use gerbang::journal::chain::Hash;
use gerbang::journal::codec::{Batch, BatchBuilder};
use gerbang::ledger::id::Position;
use gerbang::ledger::time::Timestamp;
use libfuzzer_sys::fuzz_target;

/// Version, first position, count, time, hash before, length.
const HEADER: usize = 2 + 8 + 4 + 8 + 32 + 4;

fn batch_of(record: &[u8]) -> Batch {
    let mut bytes = vec![0; HEADER];
    bytes[..2].copy_from_slice(&gerbang::journal::codec::VERSION.to_le_bytes());
    bytes[2..10].copy_from_slice(&1_u64.to_le_bytes());
    bytes[10..14].copy_from_slice(&1_u32.to_le_bytes());
    let length = u32::try_from(record.len()).expect("short");
    bytes[HEADER - 4..].copy_from_slice(&(length + 4).to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(record);
    let hash = Hash::of(&bytes);
    bytes.extend_from_slice(&hash.0);
    Batch::decode(&bytes).expect("lengths and hash are right")
}

fuzz_target!(|bytes: &[u8]| {
    let Some(Ok(recorded)) = batch_of(bytes).records().next() else { return };
    let mut builder = BatchBuilder::new(Position::FIRST, Timestamp::EPOCH, Hash([0; 32]));
    builder.push(&recorded.event, &recorded.links);
    let again = builder.finish().records().next().expect("one").expect("our own");
    assert_eq!((again.event, again.links), (recorded.event, recorded.links));
});
