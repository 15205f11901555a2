//! The bytes of a batch: records, framed, chained and checked.
//!
//! Nothing outside this file knows the layout. Nothing is read as a record before the hash over the
//! whole batch was found right.
//!
//! ```text
//!  version   u16        little endian, as all numbers here
//!  first     u64        position of the first record
//!  count     u32        number of records, at least one
//!  time      i64        microseconds since 1970, of the whole batch
//!  previous  [u8; 32]   hash of the batch before
//!  length    u32        of the body in bytes
//!  body                 per record: length u32, rkyv archive of a `Record`
//!  hash      [u8; 32]   BLAKE3 of everything above
//! ```

use std::sync::Arc;

use rkyv::rancor::Failure;
use rkyv::ser::allocator::Arena;

use super::chain::Hash;
use super::error::{Error, Flaw};
use super::files::Reader;
use crate::ledger::book::{Link, Links};
use crate::ledger::event::Event;
use crate::ledger::id::Position;
use crate::ledger::time::Timestamp;

/// The version every batch begins with. A later version gets its own reader beside this one; there
/// is none for version 1, which no release wrote.
pub const VERSION: u16 = 2;

const HEADER: usize = 2 + 8 + 4 + 8 + 32 + 4;
const TRAILER: usize = 32;
const FRAME: usize = 4;

/// What the journal keeps of one entry.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Record {
    /// What happened.
    pub event: Event,
    /// Its place in the history of each account it touches, giver first.
    pub links: Vec<Link>,
}

/// A [`Record`] that is not owned; a test holds its archive to be the same, byte for byte.
#[derive(rkyv::Archive, rkyv::Serialize)]
struct BorrowedRecord<'a> {
    #[rkyv(with = rkyv::with::Inline)]
    event: &'a Event,
    #[rkyv(with = rkyv::with::AsVec)]
    links: &'a [Link],
}

/// A record with its place in the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// Its place.
    pub position: Position,
    /// When its batch was written.
    pub time: Timestamp,
    /// What happened.
    pub event: Event,
    /// Its place in the history of each account it touches, giver first.
    pub links: Links,
}

/// An encoded batch: immutable, checked, cheap to clone.
#[derive(Clone, Debug)]
pub struct Batch(Arc<Encoded>);

#[derive(Debug)]
struct Encoded {
    bytes: Box<[u8]>,
    /// Where each record's archive begins in `bytes`; its length stands before it.
    offsets: Box<[u32]>,
    first: Position,
    time: Timestamp,
    previous: Hash,
    hash: Hash,
}

impl Batch {
    /// The position of the first record.
    pub fn first(&self) -> Position {
        self.0.first
    }

    /// The position of the last record.
    pub fn last(&self) -> Position {
        self.0.first.plus(u64::from(self.count()) - 1)
    }

    /// How many records there are: at least one.
    pub fn count(&self) -> u32 {
        u32::try_from(self.0.offsets.len()).expect("counted as u32 when encoded or decoded")
    }

    /// When it was written. All records of a batch share it.
    pub fn time(&self) -> Timestamp {
        self.0.time
    }

    /// The hash of the batch before.
    pub fn previous(&self) -> Hash {
        self.0.previous
    }

    /// The hash of this batch.
    pub fn hash(&self) -> Hash {
        self.0.hash
    }

    /// The whole batch as it is stored.
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// Reads a batch that was stored.
    ///
    /// # Errors
    /// [`Error::NotABatch`] unless version, lengths and hash are right.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        decode(bytes).map(|encoded| Self(Arc::new(encoded))).map_err(Error::NotABatch)
    }

    /// The record at `position`; `None` if it is not in this batch.
    ///
    /// # Errors
    /// The record's bytes are no record, although the hash over them is right.
    pub fn record(&self, position: Position) -> Result<Option<Recorded>, Error> {
        let place = position.get().checked_sub(self.first().get());
        let place = place.and_then(|place| usize::try_from(place).ok());
        place
            .and_then(|place| self.0.offsets.get(place))
            .map(|&offset| self.read(position, offset))
            .transpose()
    }

    /// All records in order.
    pub fn records(&self) -> impl Iterator<Item = Result<Recorded, Error>> + '_ {
        (0..)
            .zip(self.0.offsets.iter())
            .map(|(place, &offset)| self.read(self.first().plus(place), offset))
    }

    fn read(&self, position: Position, offset: u32) -> Result<Recorded, Error> {
        let broken = || Error::broken(position, Flaw::Record);
        let record = record_at(&self.0.bytes, offset).ok_or_else(broken)?;
        let record: Record =
            rkyv::api::low::from_bytes::<Record, Failure>(record).map_err(|Failure| broken())?;
        let Record { event, links } = record;
        let links = Links::try_from(&*links).map_err(|_| broken())?;
        Ok(Recorded { position, time: self.time(), event, links })
    }
}

fn record_at(bytes: &[u8], offset: u32) -> Option<&[u8]> {
    let offset = usize::try_from(offset).ok()?;
    let length = u32::from_le_bytes(*bytes.get(offset.checked_sub(FRAME)?..)?.first_chunk()?);
    bytes.get(offset..)?.get(..usize::try_from(length).ok()?)
}

fn decode(bytes: &[u8]) -> Result<Encoded, Flaw> {
    let mut reader = Reader(bytes);
    let version = u16::from_le_bytes(reader.take().ok_or(Flaw::Length)?);
    if version != VERSION {
        return Err(Flaw::Version(version));
    }
    let mut header = || {
        let first = reader.u64()?;
        let (count, time) = (reader.u32()?, reader.i64()?);
        Some((first, count, time, Hash(reader.take()?), reader.u32()?))
    };
    let (first, count, time, previous, length) = header().ok_or(Flaw::Length)?;
    let time = Timestamp::from_micros(time);
    let length = usize::try_from(length).map_err(|_| Flaw::Length)?;
    if reader.0.len().checked_sub(TRAILER) != Some(length) {
        return Err(Flaw::Length);
    }
    let (content, hash) = bytes.split_last_chunk().ok_or(Flaw::Length)?;
    let hash = Hash(*hash);
    if Hash::of(content) != hash {
        return Err(Flaw::Checksum);
    }
    let first = Position::new(first).ok_or(Flaw::Length)?;
    first.get().checked_add(count.into()).ok_or(Flaw::Length)?;
    let offsets = offsets(content, count)?;
    Ok(Encoded { bytes: bytes.into(), offsets, first, time, previous, hash })
}

/// Where the archives of `count` records begin in `content`, which they must fill exactly.
fn offsets(content: &[u8], count: u32) -> Result<Box<[u32]>, Flaw> {
    let mut offsets = Vec::new();
    let mut next = HEADER;
    while next < content.len() {
        let offset = u32::try_from(next + FRAME).map_err(|_| Flaw::Length)?;
        let record = record_at(content, offset).ok_or(Flaw::Length)?;
        offsets.push(offset);
        next += FRAME + record.len();
    }
    let counted = u32::try_from(offsets.len()).map_err(|_| Flaw::Length)?;
    if counted == 0 || counted != count {
        return Err(Flaw::Length);
    }
    Ok(offsets.into_boxed_slice())
}

/// Encodes a batch, record by record.
pub struct BatchBuilder {
    bytes: Vec<u8>,
    offsets: Vec<u32>,
    arena: Arena,
    first: Position,
    time: Timestamp,
    previous: Hash,
}

impl BatchBuilder {
    /// Begins the batch whose first record is at `first`, written at `time` behind the batch with
    /// the hash `previous`.
    pub fn new(first: Position, time: Timestamp, previous: Hash) -> Self {
        let mut bytes = Vec::with_capacity(1024);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&first.get().to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&time.micros().to_le_bytes());
        bytes.extend_from_slice(&previous.0);
        bytes.extend_from_slice(&[0; 4]);
        Self { bytes, offsets: Vec::new(), arena: Arena::new(), first, time, previous }
    }

    /// Adds a record at the end.
    pub fn push(&mut self, event: &Event, links: &[Link]) {
        self.bytes.extend_from_slice(&[0; FRAME]);
        let start = self.bytes.len();
        let writer = std::mem::take(&mut self.bytes);
        let record = BorrowedRecord { event, links };
        self.bytes = rkyv::api::low::to_bytes_in_with_alloc::<_, _, Failure>(
            &record,
            writer,
            self.arena.acquire(),
        )
        .expect("writing to memory does not fail");
        let length = u32::try_from(self.bytes.len() - start).expect("texts have bounds");
        self.bytes[start - FRAME..start].copy_from_slice(&length.to_le_bytes());
        self.offsets.push(u32::try_from(start).expect("a batch has bounds"));
    }

    /// How many records were added.
    pub fn count(&self) -> usize {
        self.offsets.len()
    }

    /// The batch of the records added, of which there must be one at least.
    pub fn finish(mut self) -> Batch {
        assert!(!self.offsets.is_empty(), "a batch has records");
        let count = u32::try_from(self.offsets.len()).expect("a batch has bounds");
        let length = u32::try_from(self.bytes.len() - HEADER).expect("a batch has bounds");
        self.bytes[10..14].copy_from_slice(&count.to_le_bytes());
        self.bytes[HEADER - 4..HEADER].copy_from_slice(&length.to_le_bytes());
        let hash = Hash::of(&self.bytes);
        self.bytes.extend_from_slice(&hash.0);
        Batch(Arc::new(Encoded {
            bytes: self.bytes.into_boxed_slice(),
            offsets: self.offsets.into_boxed_slice(),
            first: self.first,
            time: self.time,
            previous: self.previous,
            hash,
        }))
    }
}
