//! Sealed history: a stretch of the journal in one compressed file that never changes again.
//!
//! It holds the very batches that stood in the log, so the hash chain runs through it unbroken. It
//! knows nothing of what the batches say, but for the fingerprints of their references, which stand
//! together so that a start need not decompress everything to know them.
//!
//! ```text
//!  header   magic [u8; 8] | version u16 | first u64 | last u64
//!           | previous [u8; 32] | hash [u8; 32]      chain: before the first, of the last batch
//!  blocks   zstd of (length u32, batch)*, about BLOCK_BYTES before compression
//!  table    fingerprint u64 per record, 0 where there is no reference
//!  further  fingerprint u64 | position u64 of each thing that a record is found by beside it
//!  index    per block: first u64 | time i64 of its first batch | length u32 | raw length u32
//!           | check [u8; 16] of the compressed bytes
//!  footer   blocks u32 | further u32 | time i64 of the last batch
//!           | check [u8; 32] of header, table, further, index, footer
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::chain::{self, Hash};
use super::codec::Batch;
use super::error::{Error, Flaw};
use super::files::{self, Reader};
use super::sidefile::Mark;
use crate::ledger::event::Origin;
use crate::ledger::id::Position;
use crate::ledger::settles::further_fingerprints;
use crate::ledger::time::Timestamp;
use crate::limits;

const MAGIC: &[u8; 8] = b"gerbangS";
const VERSION: u16 = 1;
const HEADER: usize = 8 + 2 + 8 + 8 + 32 + 32;
const INDEX_ROW: usize = 8 + 8 + 4 + 4 + 16;
const FURTHER_ROW: usize = 8 + 8;
const FOOTER: usize = 4 + 4 + 8 + 32;
const COMPRESSION_LEVEL: i32 = 3;

/// A sealed stretch. Its file is opened for each block that is read and not held: there are more
/// segments in ten years than a process may have files.
#[derive(Debug)]
pub struct Segment {
    path: PathBuf,
    head: Head,
    last_time: Timestamp,
    blocks: Vec<Block>,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    first: Position,
    last: Position,
    previous: Hash,
    hash: Hash,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    first: Position,
    time: Timestamp,
    offset: u64,
    length: u32,
    raw_length: u32,
    check: [u8; 16],
}

impl Segment {
    /// Seals `batches`, which follow each other, into a file in `directory`; durable on return.
    ///
    /// # Errors
    /// It cannot be written, or a batch holds what is no record. No part of it is left to be found.
    pub fn write(directory: &Path, batches: &[Batch]) -> Result<Self, Error> {
        let (first, last) = (&batches[0], &batches[batches.len() - 1]);
        let head = Head {
            first: first.first(),
            last: last.last(),
            previous: first.previous(),
            hash: last.hash(),
        };
        let path = directory.join(format!("{:020}.seg", head.first.get()));
        let tables = Tables::of(batches)?;
        files::replace(&path, |file| write_content(file, &head, batches, &tables))?;
        // The log is trimmed next, and this is the only copy then: read it back before that.
        let proved = Self::open(&path, &mut |_, _| {}).and_then(|segment| segment.prove(batches));
        if proved.is_err() {
            fs::remove_file(&path).map_err(|source| Error::file("remove", &path, source))?;
        }
        proved
    }

    /// Itself if it holds exactly `batches`.
    fn prove(self, batches: &[Batch]) -> Result<Self, Error> {
        let mut sealed = Vec::with_capacity(batches.len());
        for number in 0..self.blocks() {
            sealed.extend(self.read_block(number)?.iter().map(Batch::hash));
        }
        if sealed.into_iter().eq(batches.iter().map(Batch::hash)) {
            Ok(self)
        } else {
            Err(Error::BrokenFile { path: self.path, flaw: "it does not hold what was sealed" })
        }
    }

    /// Opens a sealed file, and tells every reference's fingerprint and position.
    ///
    /// # Errors
    /// It cannot be read, or anything but a block is not what was written; blocks are checked when
    /// they are read.
    pub fn open(path: &Path, reference: &mut dyn FnMut(u64, Position)) -> Result<Self, Error> {
        let failed = |source| Error::file("read", path, source);
        let broken = |flaw| Error::BrokenFile { path: path.to_owned(), flaw };
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let read = |offset: u64, length: usize| {
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, offset).map(|()| bytes).map_err(failed)
        };
        let fixed = (HEADER + FOOTER) as u64;
        let body = length.checked_sub(fixed).ok_or_else(|| broken("it is cut off"))?;
        let header = read(0, HEADER)?;
        let head = read_header(&header).map_err(broken)?;
        let footer = read(length - FOOTER as u64, FOOTER)?;
        let mut reader = Reader(&footer);
        let (blocks, further) = (reader.u32().unwrap_or(0), reader.u32().unwrap_or(0));
        let last_time = Timestamp::from_micros(reader.i64().unwrap_or(0));
        let records = (head.last.get() - head.first.get()).checked_add(1);
        let table_length = records.and_then(|records| records.checked_mul(8));
        let index_length = u64::from(blocks) * INDEX_ROW as u64;
        let further_length = u64::from(further) * FURTHER_ROW as u64;
        let sections = table_length
            .and_then(|table| table.checked_add(further_length)?.checked_add(index_length))
            .filter(|&sections| sections <= body)
            .ok_or_else(|| broken("its sections do not fit it"))?;
        let sections_at = length - FOOTER as u64 - sections;
        let sections_length = usize::try_from(sections).map_err(|_| broken("it is too large"))?;
        let sections = read(sections_at, sections_length)?;
        let (content, check) = footer.split_at(FOOTER - 32);
        if Hash::of(&[&*header, &*sections, content].concat()).0 != *check {
            return Err(broken("its index is not what was written"));
        }
        let (tables, index) = sections.split_at(sections_length - index_length as usize);
        let (table, further) = tables.split_at(tables.len() - further_length as usize);
        tell(table, head.first, reference);
        tell_further(further, head, reference)
            .ok_or_else(|| broken("its references are of another stretch"))?;
        let blocks =
            read_index(index, sections_at).ok_or_else(|| broken("its blocks have gaps"))?;
        Ok(Self { path: path.to_owned(), head, last_time, blocks })
    }

    /// The first position.
    pub fn first(&self) -> Position {
        self.head.first
    }

    /// The last position.
    pub fn last(&self) -> Position {
        self.head.last
    }

    /// The hash of the batch before the first.
    pub fn previous(&self) -> Hash {
        self.head.previous
    }

    /// The last position with the last batch's hash.
    pub fn end(&self) -> Mark {
        Mark { position: self.head.last, hash: self.head.hash }
    }

    /// When the first batch was written.
    pub fn first_time(&self) -> Timestamp {
        self.blocks.first().map_or(self.last_time, |block| block.time)
    }

    /// When the last batch was written.
    pub fn last_time(&self) -> Timestamp {
        self.last_time
    }

    /// The number of blocks.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The block that holds `position`, which is within the segment.
    pub fn block_of(&self, position: Position) -> usize {
        self.blocks.partition_point(|block| block.first <= position).saturating_sub(1)
    }

    /// The last block that begins at or before `time`.
    pub fn block_at(&self, time: Timestamp) -> Option<usize> {
        self.blocks.partition_point(|block| block.time <= time).checked_sub(1)
    }

    /// The batches of a block.
    ///
    /// # Errors
    /// It cannot be read, or is not what was written.
    pub fn read_block(&self, number: usize) -> Result<Vec<Batch>, Error> {
        let block = self.blocks[number];
        let broken = |flaw| Error::broken(block.first, flaw);
        let mut bytes = vec![0; usize::try_from(block.length).unwrap_or(usize::MAX)];
        File::open(&self.path)
            .and_then(|file| file.read_exact_at(&mut bytes, block.offset))
            .map_err(|source| Error::file("read", &self.path, source))?;
        if chain::check(&[&bytes]) != block.check {
            return Err(broken(Flaw::Checksum));
        }
        let raw_length = usize::try_from(block.raw_length).unwrap_or(usize::MAX);
        if raw_length > limits::BLOCK_BYTES_MAX {
            return Err(broken(Flaw::Length));
        }
        let raw = zstd::bulk::decompress(&bytes, raw_length).map_err(|_| broken(Flaw::Length))?;
        let mut batches: Vec<Batch> = Vec::new();
        let mut reader = Reader(&raw);
        while !reader.0.is_empty() {
            let bytes = reader.framed().ok_or_else(|| broken(Flaw::Length))?;
            let batch = Batch::decode(bytes).map_err(|error| error.at(block.first))?;
            if let Some(last) = batches.last() {
                chain::follows(last, &batch)?;
            } else if batch.first() != block.first {
                return Err(broken(Flaw::Chain));
            }
            batches.push(batch);
        }
        Ok(batches)
    }

    /// The table of references: three fingerprints per record, 0 where there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn fingerprints(&self) -> Result<Vec<[u64; 3]>, Error> {
        let records = usize::try_from(self.last().get() - self.first().get() + 1).unwrap_or(0);
        let mut table = vec![[0; 3]; records];
        Self::open(&self.path, &mut |fingerprint, position| {
            let place = usize::try_from(position.get() - self.first().get());
            let row = place.ok().and_then(|place| table.get_mut(place));
            // What a record settles is told after the references of all.
            if let Some(free) = row.and_then(|row| row.iter_mut().find(|known| **known == 0)) {
                *free = fingerprint;
            }
        })?;
        Ok(table)
    }
}

/// What a segment says of the references in it.
struct Tables {
    own: Vec<u8>,
    further: Vec<u8>,
}

impl Tables {
    fn of(batches: &[Batch]) -> Result<Self, Error> {
        let (mut own, mut further) = (Vec::new(), Vec::new());
        for record in batches.iter().flat_map(Batch::records) {
            let record = record?;
            let fact = &record.event.fact;
            own.extend_from_slice(&fingerprint_of(fact.origin()).to_le_bytes());
            for fingerprint in further_fingerprints(fact) {
                further.extend_from_slice(&fingerprint.to_le_bytes());
                further.extend_from_slice(&record.position.get().to_le_bytes());
            }
        }
        Ok(Self { own, further })
    }
}

/// The fingerprint of a record's reference; 0 if it has none.
pub(super) fn fingerprint_of(origin: Option<&Origin>) -> u64 {
    origin.map_or(0, Origin::fingerprint)
}

fn write_content(
    file: &mut impl Write,
    head: &Head,
    batches: &[Batch],
    tables: &Tables,
) -> io::Result<()> {
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&head.first.get().to_le_bytes());
    header.extend_from_slice(&head.last.get().to_le_bytes());
    header.extend_from_slice(&head.previous.0);
    header.extend_from_slice(&head.hash.0);
    file.write_all(&header)?;
    let mut index = Vec::new();
    let mut blocks = 0_u32;
    let mut rest = batches;
    while !rest.is_empty() {
        let (block, behind) = rest.split_at(block_end(rest));
        rest = behind;
        blocks += 1;
        write_block(file, block, &mut index)?;
    }
    let Tables { own, further } = tables;
    file.write_all(own)?;
    file.write_all(further)?;
    file.write_all(&index)?;
    let mut footer = Vec::with_capacity(FOOTER);
    footer.extend_from_slice(&blocks.to_le_bytes());
    footer.extend_from_slice(&length_bytes(further.len() / FURTHER_ROW)?);
    let last_time = batches.last().map_or(Timestamp::EPOCH, Batch::time);
    footer.extend_from_slice(&last_time.micros().to_le_bytes());
    let check = Hash::of(&[&*header, own, further, &*index, &*footer].concat());
    footer.extend_from_slice(&check.0);
    file.write_all(&footer)
}

/// How many batches the next block takes: as many as fit, one at least.
fn block_end(batches: &[Batch]) -> usize {
    let mut bytes = 0;
    let fits = |batch: &&Batch| {
        bytes += batch.bytes().len();
        bytes <= limits::BLOCK_BYTES
    };
    batches.iter().take_while(fits).count().max(1)
}

fn write_block(file: &mut impl Write, block: &[Batch], index: &mut Vec<u8>) -> io::Result<()> {
    let mut raw = Vec::with_capacity(limits::BLOCK_BYTES);
    for batch in block {
        raw.extend_from_slice(&length_bytes(batch.bytes().len())?);
        raw.extend_from_slice(batch.bytes());
    }
    let bytes = zstd::bulk::compress(&raw, COMPRESSION_LEVEL)?;
    file.write_all(&bytes)?;
    index.extend_from_slice(&block[0].first().get().to_le_bytes());
    index.extend_from_slice(&block[0].time().micros().to_le_bytes());
    index.extend_from_slice(&length_bytes(bytes.len())?);
    index.extend_from_slice(&length_bytes(raw.len())?);
    index.extend_from_slice(&chain::check(&[&bytes]));
    Ok(())
}

fn length_bytes(length: usize) -> io::Result<[u8; 4]> {
    u32::try_from(length).map(u32::to_le_bytes).map_err(io::Error::other)
}

fn read_header(header: &[u8]) -> Result<Head, &'static str> {
    let mut reader = Reader(header);
    if reader.take().as_ref() != Some(MAGIC) {
        return Err("it is not a segment");
    }
    if reader.take().map(u16::from_le_bytes) != Some(VERSION) {
        return Err("its format version is not known to this program");
    }
    let mut head = || {
        let (first, last) = (Position::new(reader.u64()?)?, Position::new(reader.u64()?)?);
        let (previous, hash) = (Hash(reader.take()?), Hash(reader.take()?));
        (first <= last).then_some(Head { first, last, previous, hash })
    };
    head().ok_or("its range is empty")
}

fn tell(table: &[u8], first: Position, reference: &mut dyn FnMut(u64, Position)) {
    let mut reader = Reader(table);
    let mut place = 0;
    while let Some(fingerprint) = reader.u64() {
        if fingerprint != 0 {
            reference(fingerprint, first.plus(place));
        }
        place += 1;
    }
}

/// `None` if a position is not within the segment.
fn tell_further(
    further: &[u8],
    head: Head,
    reference: &mut dyn FnMut(u64, Position),
) -> Option<()> {
    let mut reader = Reader(further);
    while let Some(fingerprint) = reader.u64() {
        let position = Position::new(reader.u64()?)?;
        if position < head.first || head.last < position {
            return None;
        }
        reference(fingerprint, position);
    }
    Some(())
}

/// The rows of the index; `None` unless the blocks fill the file between header and `end`.
fn read_index(index: &[u8], end: u64) -> Option<Vec<Block>> {
    let mut blocks = Vec::with_capacity(index.len() / INDEX_ROW);
    let mut reader = Reader(index);
    let mut offset = HEADER as u64;
    while !reader.0.is_empty() {
        let first = Position::new(reader.u64()?)?;
        let time = Timestamp::from_micros(reader.i64()?);
        let (length, raw_length) = (reader.u32()?, reader.u32()?);
        let check = reader.take()?;
        blocks.push(Block { first, time, offset, length, raw_length, check });
        offset = offset.checked_add(u64::from(length))?;
    }
    (offset == end && !blocks.is_empty()).then_some(blocks)
}
