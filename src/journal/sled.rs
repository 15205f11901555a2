//! The durable journal on sled 0.34: the only file that knows sled.
//!
//! sled is a write-ahead log here and never trusted bare. Its `flush` on Linux reaches the page
//! cache and no further, so every append ends in an `fdatasync` of sled's file through our own
//! handle. Values stay below 6 KiB, since larger ones go to files that sled never syncs: a batch is
//! cut into chunks under keys `first position ++ chunk number`, big endian, stored by one
//! `apply_batch`. Nothing here uses sled's timers, transactions, `flush_async`, or a second handle.
//!
//! ```text
//!  chunk   position u64 | chunks u32 | number u32 | check [u8; 16] | bytes of the batch
//!          check = BLAKE3 of the other three and the bytes, cut to 128 bits
//! ```
//!
//! A failed flush or sync is never tried again: the kernel may have dropped the dirty pages, and a
//! second sync would succeed over nothing. sled may panic when its file fails; whoever runs the
//! writer must let such a panic end the process.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;

use ::sled::{Config, Db, IVec, Mode};

use super::chain::Hash;
use super::codec::Batch;
use super::error::{AppendError, Error, Flaw};
use super::files::{self, Reader};
use super::lock::{self, Lock};
use super::{Journal, chain};
use crate::ledger::id::Position;
use crate::limits;

const KEY: usize = 8 + 4;
const CHUNK_HEADER: usize = 8 + 4 + 4 + CHECK;
const CHECK: usize = 16;
const PAYLOAD_MAX: usize = limits::CHUNK_BYTES_MAX - CHUNK_HEADER;

/// Makes what sled wrote survive a power cut. A test gives one that fails.
pub type SyncFile = Box<dyn FnMut() -> io::Result<()> + Send>;

/// The journal in a directory.
pub struct SledJournal {
    db: Db,
    sync: SyncFile,
    /// What sled holds, in order, so that trimming looks nothing up.
    stored: VecDeque<Stored>,
    next: (Position, Hash),
    poisoned: bool,
    /// The directory is ours for as long as the journal lives.
    _lock: Arc<Lock>,
}

#[derive(Clone, Copy, Debug)]
struct Stored {
    first: Position,
    last: Position,
    chunks: u32,
}

/// What a log was found to hold.
#[derive(Debug, Default)]
pub struct Contents {
    /// Whole batches, each following the one before.
    pub batches: Vec<Batch>,
    /// The last batch, if it was not written to its end.
    pub torn: Option<Torn>,
}

/// A batch that was not written to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Torn {
    /// Its first position.
    pub position: Position,
    /// How many bytes of it there are.
    pub bytes: u64,
    keys: Vec<Vec<u8>>,
}

impl SledJournal {
    /// Opens or creates the log in `directory`, and reads what it holds. `lock` is of the data
    /// directory around it.
    ///
    /// # Errors
    /// sled cannot open it, or it holds something else than whole batches, one behind the other,
    /// with at most the last one torn.
    pub fn open(directory: &Path, lock: Arc<Lock>) -> Result<(Self, Contents), Error> {
        files::create_directory(directory)?;
        let path = directory.join("db");
        lock::wait_until_free(&path).map_err(|source| Error::file("lock", &path, source))?;
        let db = Config::new()
            .path(directory)
            .mode(Mode::HighThroughput)
            .flush_every_ms(None)
            .cache_capacity(limits::SLED_CACHE_BYTES)
            .use_compression(false)
            .open()
            .map_err(|error| store_error("open", &error))?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|source| Error::file("open", &path, source))?;
        files::sync_directory(directory)?;
        let contents = read(&db)?;
        let mut journal = Self {
            db,
            sync: Box::new(move || file.sync_data()),
            stored: VecDeque::new(),
            next: (Position::FIRST, Hash::GENESIS),
            poisoned: false,
            _lock: lock,
        };
        for batch in &contents.batches {
            journal.follow(batch, chunk_count(batch.bytes().len()));
        }
        // A batch that was read back may never have left the page cache: whoever wrote it can have
        // died before the sync. From here on it counts as durable, so it is made so first.
        journal.make_durable()?;
        Ok((journal, contents))
    }

    /// Replaces the sync that ends every append.
    pub fn set_sync(&mut self, sync: SyncFile) {
        self.sync = sync;
    }

    /// Removes a torn batch for good.
    ///
    /// # Errors
    /// The store failed.
    pub fn cut(&mut self, torn: &Torn) -> Result<(), Error> {
        let mut removals = ::sled::Batch::default();
        for key in &torn.keys {
            removals.remove(key.as_slice());
        }
        self.db.apply_batch(removals).map_err(|error| store_error("cut", &error))?;
        self.make_durable()
    }

    /// Forgets everything through `through`, however long it takes.
    ///
    /// # Errors
    /// As [`Journal::trim`].
    pub fn trim_all(&mut self, through: Position) -> Result<(), Error> {
        while self.stored.len() > 1 && self.stored[0].last <= through {
            self.trim_some(through, limits::TRIM_KEYS)?;
        }
        Ok(())
    }

    /// Forgets the oldest batches until about `keys` chunks are gone. Whole batches by one
    /// `apply_batch`, so a crash leaves no part of one.
    fn trim_some(&mut self, through: Position, keys: usize) -> Result<(), Error> {
        let mut removals = ::sled::Batch::default();
        let (mut batches, mut removed) = (0, 0);
        while batches + 1 < self.stored.len()
            && self.stored[batches].last <= through
            && removed < keys
        {
            let Stored { first, chunks, .. } = self.stored[batches];
            (0..chunks).for_each(|number| removals.remove(&key(first, number)));
            removed += usize::try_from(chunks).unwrap_or(usize::MAX);
            batches += 1;
        }
        if batches > 0 {
            self.db.apply_batch(removals).map_err(|error| store_error("trim", &error))?;
            self.stored.drain(..batches);
        }
        Ok(())
    }

    fn follow(&mut self, batch: &Batch, chunks: u32) {
        self.stored.push_back(Stored { first: batch.first(), last: batch.last(), chunks });
        self.next = (batch.last().plus(1), batch.hash());
    }

    fn make_durable(&mut self) -> Result<(), Error> {
        self.db.flush().map_err(|error| store_error("flush", &error))?;
        (self.sync)().map_err(|source| Error::Store {
            action: "sync",
            cause: format!("fdatasync: {source}"),
        })
    }
}

impl Journal for SledJournal {
    fn append(&mut self, batch: &Batch) -> Result<(), AppendError> {
        if self.poisoned || self.next != (batch.first(), batch.previous()) {
            return Err(AppendError::Fenced);
        }
        let chunks = chunk_count(batch.bytes().len());
        let mut writes = ::sled::Batch::default();
        for (number, bytes) in (0..chunks).zip(batch.bytes().chunks(PAYLOAD_MAX)) {
            let place = Place { position: batch.first(), chunks, number };
            writes.insert(&key(batch.first(), number), place.chunk(bytes));
        }
        // Whatever fails from here on leaves open how much of the batch is on the disk.
        self.poisoned = true;
        self.db
            .apply_batch(writes)
            .map_err(|error| store_error("append", &error))
            .and_then(|()| self.make_durable())
            .map_err(AppendError::Unknown)?;
        self.poisoned = false;
        self.follow(batch, chunks);
        Ok(())
    }

    /// Removes about twice as many chunks as the last append stored, so that the log shrinks at any
    /// load and no append waits long: removing a key costs as much as storing it.
    fn trim(&mut self, through: Position) -> Result<(), Error> {
        let appended = self.stored.back().map_or(0, |stored| stored.chunks);
        let keys = usize::try_from(appended).unwrap_or(usize::MAX).saturating_mul(2);
        self.trim_some(through, keys.max(limits::TRIM_KEYS))
    }
}

/// Where a chunk belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    position: Position,
    chunks: u32,
    number: u32,
}

impl Place {
    fn chunk(self, bytes: &[u8]) -> Vec<u8> {
        let mut chunk = Vec::with_capacity(CHUNK_HEADER + bytes.len());
        chunk.extend_from_slice(&self.bytes());
        chunk.extend_from_slice(&self.check(bytes));
        chunk.extend_from_slice(bytes);
        chunk
    }

    /// The place and the bytes that a stored chunk holds; `None` if it is not what was written.
    fn read(chunk: &[u8]) -> Option<(Self, &[u8])> {
        let mut reader = Reader(chunk);
        let position = Position::new(reader.u64()?)?;
        let place = Self { position, chunks: reader.u32()?, number: reader.u32()? };
        let check: [u8; CHECK] = reader.take()?;
        (place.check(reader.0) == check).then_some((place, reader.0))
    }

    fn bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.position.get().to_le_bytes());
        bytes[8..12].copy_from_slice(&self.chunks.to_le_bytes());
        bytes[12..].copy_from_slice(&self.number.to_le_bytes());
        bytes
    }

    fn check(self, bytes: &[u8]) -> [u8; CHECK] {
        chain::check(&[&self.bytes(), bytes])
    }
}

fn key(position: Position, number: u32) -> [u8; KEY] {
    let mut key = [0; KEY];
    key[..8].copy_from_slice(&position.get().to_be_bytes());
    key[8..].copy_from_slice(&number.to_be_bytes());
    key
}

fn chunk_count(length: usize) -> u32 {
    u32::try_from(length.div_ceil(PAYLOAD_MAX)).expect("a batch has bounds")
}

fn store_error(action: &'static str, error: &::sled::Error) -> Error {
    Error::Store { action, cause: error.to_string() }
}

/// All chunks under one position.
struct Group {
    position: Position,
    chunks: Vec<(IVec, IVec)>,
}

impl Group {
    /// The encoded batch; `None` if a chunk is missing or not what was written.
    fn bytes(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let chunks = u32::try_from(self.chunks.len()).ok()?;
        for (number, (stored_key, chunk)) in (0..chunks).zip(&self.chunks) {
            let (place, part) = Place::read(chunk)?;
            let expected = Place { position: self.position, chunks, number };
            if place != expected || **stored_key != key(self.position, number) {
                return None;
            }
            bytes.extend_from_slice(part);
        }
        Some(bytes)
    }

    fn torn(self) -> Torn {
        let bytes = self.chunks.iter().map(|(_, chunk)| chunk.len() as u64).sum();
        let keys = self.chunks.into_iter().map(|(key, _)| key.to_vec()).collect();
        Torn { position: self.position, bytes, keys }
    }
}

fn read(db: &Db) -> Result<Contents, Error> {
    let mut contents = Contents::default();
    let mut group: Option<Group> = None;
    for entry in db.iter() {
        let (key, chunk) = entry.map_err(|error| store_error("read", &error))?;
        let position = position_of(&key)?;
        match &mut group {
            Some(group) if group.position == position => group.chunks.push((key, chunk)),
            _ => {
                let next = Group { position, chunks: vec![(key, chunk)] };
                if let Some(whole) = group.replace(next) {
                    let flaw = Error::broken(whole.position, Flaw::Chunk);
                    let bytes = whole.bytes().ok_or(flaw)?;
                    add(&mut contents.batches, whole.position, &bytes)?;
                }
            }
        }
    }
    match group.map(|last| (last.bytes(), last)) {
        None => {}
        Some((Some(bytes), last)) => add(&mut contents.batches, last.position, &bytes)?,
        Some((None, last)) => {
            // A torn batch stands where the next one belongs; anywhere else more than it is gone.
            let expected = contents.batches.last().map(|batch| batch.last().plus(1));
            if expected.is_some_and(|expected| expected != last.position) {
                return Err(Error::broken(last.position, Flaw::Chunk));
            }
            contents.torn = Some(last.torn());
        }
    }
    Ok(contents)
}

fn position_of(key: &[u8]) -> Result<Position, Error> {
    let position = match key.split_first_chunk::<8>() {
        Some((position, number)) if number.len() == 4 => u64::from_be_bytes(*position),
        _ => 0,
    };
    let cause = || format!("there is a key that is none of ours: {key:02x?}");
    Position::new(position).ok_or_else(|| Error::Store { action: "read", cause: cause() })
}

fn add(batches: &mut Vec<Batch>, position: Position, bytes: &[u8]) -> Result<(), Error> {
    let batch = Batch::decode(bytes).map_err(|error| error.at(position))?;
    if batch.first() != position {
        return Err(Error::broken(position, Flaw::Chunk));
    }
    if let Some(last) = batches.last() {
        chain::follows(last, &batch)?;
    }
    batches.push(batch);
    Ok(())
}

/// Gives a test the raw chunks of a closed log to damage.
#[cfg(test)]
pub(super) fn damage(
    directory: &Path,
    edit: impl FnOnce(&mut std::collections::BTreeMap<Vec<u8>, Vec<u8>>),
) {
    let db = Config::new().path(directory).open().unwrap();
    let pairs = db.iter().map(Result::unwrap);
    let mut chunks = pairs.map(|(key, chunk)| (key.to_vec(), chunk.to_vec())).collect();
    edit(&mut chunks);
    db.clear().unwrap();
    for (key, chunk) in chunks {
        db.insert(key, chunk).unwrap();
    }
    db.flush().unwrap();
}
