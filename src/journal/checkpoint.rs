//! The book at one position in one file: a cache that makes a start fast.
//!
//! Deleting it changes nothing but start-up time. It is loaded only if all of it is what was
//! written, and used only if the journal has the batch whose hash it names.
//!
//! ```text
//!  header    magic [u8; 8] | version u16 | position u64 | hash [u8; 32] | time i64
//!  sections  kind u8 | raw length u32 | length u32 | zstd of an rkyv archive of a `Vec` of rows
//!  trailer   BLAKE3 of everything above
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::{Failure, Strategy};
use rkyv::ser::allocator::Arena;
use rkyv::vec::ArchivedVec;

use super::chain::Hash;
use super::error::Error;
use super::files::{self, Reader};
use super::sidefile::Mark;
use crate::ledger::account::Account;
use crate::ledger::boarding::{Boarding, BoardingChange};
use crate::ledger::book::Book;
use crate::ledger::delivery::{Backlog, Delivery, Outbox, Pending};
use crate::ledger::endpoint::EndpointId;
use crate::ledger::id::Position;
use crate::ledger::order::Order;
use crate::ledger::registry::{Registry, RegistryChange};
use crate::ledger::time::Timestamp;
use crate::ledger::user::User;
use crate::limits;

const MAGIC: &[u8; 8] = b"gerbangC";
const VERSION: u16 = 2;
const PREFIX: &str = "checkpoint-";
const COMPRESSION_LEVEL: i32 = 1;

/// What is in a section. Stable numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Accounts = 0,
    Users = 1,
    Orders = 2,
    Revoked = 3,
    Registry = 4,
    Outbox = 5,
    Backlogs = 6,
    Boarding = 7,
}

/// The book as it was when the batch `mark` had been applied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// The end of that batch.
    pub mark: Mark,
    /// When that batch was written.
    pub time: Timestamp,
    /// The state; its position is that of `mark`.
    pub book: Book,
}

impl Checkpoint {
    /// Writes it into `directory` and removes all others: older ones, and broken ones of any age.
    ///
    /// # Errors
    /// It cannot be written; the others are still there.
    pub fn write(&self, directory: &Path) -> Result<(), Error> {
        let path = directory.join(format!("{PREFIX}{:020}", self.mark.position.get()));
        files::replace(&path, |file| self.write_content(file))?;
        for other in found(directory)?.into_iter().filter(|other| *other != path) {
            fs::remove_file(&other).map_err(|source| Error::file("remove", &other, source))?;
        }
        Ok(())
    }

    /// The newest one in `directory` that is whole. Broken ones are logged and passed over.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn newest(directory: &Path) -> Result<Option<Self>, Error> {
        for path in found(directory)?.into_iter().rev() {
            match read(&path) {
                Ok(Some(checkpoint)) => return Ok(Some(checkpoint)),
                Ok(None) => tracing::warn!(path = %path.display(), "broken checkpoint passed over"),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "checkpoint passed over");
                }
            }
        }
        Ok(None)
    }

    fn write_content(&self, file: &mut impl Write) -> io::Result<()> {
        let mut file = Hashing { file, hasher: blake3::Hasher::new() };
        file.write_all(MAGIC)?;
        file.write_all(&VERSION.to_le_bytes())?;
        file.write_all(&self.mark.position.get().to_le_bytes())?;
        file.write_all(&self.mark.hash.0)?;
        file.write_all(&self.time.micros().to_le_bytes())?;
        sections(&mut file, Kind::Accounts, self.book.accounts())?;
        sections(&mut file, Kind::Users, self.book.users.iter().map(|user| (**user).clone()))?;
        let orders = self.book.orders.iter().map(|(position, order)| (*position, *order));
        sections(&mut file, Kind::Orders, orders)?;
        let revoked = self.book.revoked.iter().map(|(token, expires)| (*token, *expires));
        sections(&mut file, Kind::Revoked, revoked)?;
        sections(&mut file, Kind::Registry, self.book.registry.changes())?;
        sections(&mut file, Kind::Outbox, self.book.outbox.pending())?;
        sections(&mut file, Kind::Backlogs, self.book.outbox.backlogs())?;
        sections(&mut file, Kind::Boarding, self.book.boarding.changes())?;
        let hash = *file.hasher.finalize().as_bytes();
        file.file.write_all(&hash)
    }
}

/// Passes bytes on and remembers their hash.
struct Hashing<'a, W> {
    file: &'a mut W,
    hasher: blake3::Hasher,
}

impl<W: Write> Write for Hashing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

type Serializer<'a> =
    rkyv::api::low::LowSerializer<Vec<u8>, rkyv::ser::allocator::ArenaHandle<'a>, Failure>;

fn sections<T>(
    file: &mut impl Write,
    kind: Kind,
    mut rows: impl Iterator<Item = T>,
) -> io::Result<()>
where
    T: for<'a> rkyv::Serialize<Serializer<'a>>,
{
    let mut arena = Arena::new();
    loop {
        let chunk: Vec<T> = rows.by_ref().take(limits::CHECKPOINT_ROWS).collect();
        if chunk.is_empty() {
            return Ok(());
        }
        let raw = rkyv::api::low::to_bytes_in_with_alloc::<_, _, Failure>(
            &chunk,
            Vec::new(),
            arena.acquire(),
        )
        .map_err(io::Error::other)?;
        let bytes = zstd::bulk::compress(&raw, COMPRESSION_LEVEL)?;
        file.write_all(&[kind as u8])?;
        for length in [raw.len(), bytes.len()] {
            file.write_all(&u32::try_from(length).map_err(io::Error::other)?.to_le_bytes())?;
        }
        file.write_all(&bytes)?;
    }
}

fn found(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = files::finished_files(directory)?;
    files.retain(|path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX))
    });
    Ok(files)
}

fn read(path: &Path) -> Result<Option<Checkpoint>, Error> {
    let bytes = fs::read(path).map_err(|source| Error::file("read", path, source))?;
    Ok(decode(&bytes))
}

fn decode(bytes: &[u8]) -> Option<Checkpoint> {
    let (content, hash) = bytes.split_last_chunk()?;
    if Hash::of(content) != Hash(*hash) {
        return None;
    }
    let mut reader = Reader(content);
    if reader.take().as_ref() != Some(MAGIC) || reader.take() != Some(VERSION.to_le_bytes()) {
        return None;
    }
    let position = Position::new(reader.u64()?)?;
    let mark = Mark { position, hash: Hash(reader.take()?) };
    let time = Timestamp::from_micros(reader.i64()?);
    let mut sections = Vec::new();
    while let Some([kind]) = reader.take() {
        sections.push(Section { kind, raw_length: reader.u32()?, bytes: reader.framed()? });
    }
    let mut book = Book::new();
    book.position = Some(position);
    let mut revoked = BTreeMap::new();
    let (mut registry, mut boarding) = (Registry::default(), Boarding::default());
    let (mut outbox, mut backlogs) = (BTreeMap::new(), BTreeMap::new());
    decode_all(&sections, |rows| {
        match rows {
            Rows::Accounts(rows) => {
                for row in rows {
                    let is_next = usize::try_from(row.id.0) == Ok(book.accounts_len());
                    is_next.then(|| book.push_account(&row))?;
                }
            }
            Rows::Users(rows) => rows.into_iter().for_each(|row| book.users.push(row)),
            Rows::Orders(rows) => {
                rows.into_iter().for_each(|(position, order)| book.orders.insert(position, order));
            }
            Rows::Revoked(rows) => revoked.extend(rows),
            Rows::Registry(rows) => rows.iter().for_each(|change| registry.apply(change)),
            Rows::Outbox(rows) => outbox.extend(rows),
            Rows::Backlogs(rows) => backlogs.extend(rows),
            Rows::Boarding(rows) => rows.iter().for_each(|change| boarding.apply(change)),
        }
        Some(())
    })?;
    book.revoked = Arc::new(revoked);
    book.registry = Arc::new(registry);
    book.outbox = Outbox::new(outbox, backlogs);
    book.boarding = Arc::new(boarding);
    Some(Checkpoint { mark, time, book })
}

/// A section as it stands in the file.
#[derive(Clone, Copy)]
struct Section<'a> {
    kind: u8,
    raw_length: u32,
    bytes: &'a [u8],
}

/// A section, decoded.
enum Rows {
    Accounts(Vec<Account>),
    Users(Vec<Arc<User>>),
    Orders(Vec<(Position, Order)>),
    Revoked(Vec<([u8; 16], Timestamp)>),
    Registry(Vec<RegistryChange>),
    Outbox(Vec<(Delivery, Pending)>),
    Backlogs(Vec<(EndpointId, Backlog)>),
    Boarding(Vec<BoardingChange>),
}

/// Decodes sections and gives them to `take` in order, until one says no. A start waits for this, so
/// as many threads as there are cores decode; none gets far ahead, so that it uses the same memory
/// again and again.
fn decode_all(sections: &[Section<'_>], mut take: impl FnMut(Rows) -> Option<()>) -> Option<()> {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    std::thread::scope(|scope| {
        let decode_from = |first: usize| {
            let (sender, decoded) = mpsc::sync_channel(limits::CHECKPOINT_SECTIONS_AHEAD);
            let share = sections.iter().skip(first).step_by(threads);
            // It ends early when nobody takes any more.
            scope.spawn(move || share.map(Section::decode).try_for_each(|it| sender.send(it)));
            decoded
        };
        let workers: Vec<_> = (0..threads).map(decode_from).collect();
        workers.iter().cycle().take(sections.len()).try_for_each(|it| take(it.recv().ok()??))
    })
}

impl Section<'_> {
    fn decode(&self) -> Option<Rows> {
        let raw_length = usize::try_from(self.raw_length).ok()?;
        let raw = zstd::bulk::decompress(self.bytes, raw_length).ok()?;
        match self.kind {
            0 => rows(&raw, |row| row).map(Rows::Accounts),
            1 => rows(&raw, Arc::new).map(Rows::Users),
            2 => rows(&raw, |row| row).map(Rows::Orders),
            3 => rows(&raw, |row| row).map(Rows::Revoked),
            4 => rows(&raw, |row| row).map(Rows::Registry),
            5 => rows(&raw, |row| row).map(Rows::Outbox),
            6 => rows(&raw, |row| row).map(Rows::Backlogs),
            7 => rows(&raw, |row| row).map(Rows::Boarding),
            _ => None,
        }
    }
}

fn rows<T, R>(bytes: &[u8], mut row: impl FnMut(T) -> R) -> Option<Vec<R>>
where
    T: rkyv::Archive,
    T::Archived: for<'a> CheckBytes<rkyv::api::low::LowValidator<'a, Failure>>
        + rkyv::Deserialize<T, Strategy<(), Failure>>,
{
    let archived = rkyv::api::low::access::<ArchivedVec<T::Archived>, Failure>(bytes).ok()?;
    let mut rows = Vec::with_capacity(archived.len());
    for archived in archived.iter() {
        rows.push(row(rkyv::api::low::deserialize::<T, Failure>(archived).ok()?));
    }
    Some(rows)
}
