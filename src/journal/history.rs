//! Reads of what is durable, by position and by time, for everybody.
//!
//! The tail is in memory; what is older stands in sealed segments. It holds only what the writer
//! pushed after it was durable, so nobody reads what may still vanish. It writes nothing.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::codec::{Batch, Recorded};
use super::error::Error;
use super::segment::Segment;
use super::sidefile::Mark;
use crate::ledger::id::Position;
use crate::ledger::time::Timestamp;
use crate::limits;

/// The journal as its readers see it.
#[derive(Debug, Default)]
pub struct History {
    /// Held for a search by halves and a clone of an `Arc`, never while anything is decoded.
    inner: RwLock<Inner>,
    /// Encoded bytes of the tail, so that whoever asks whether to seal takes no lock.
    tail_bytes: AtomicUsize,
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Inner {
    segments: Vec<Arc<Segment>>,
    tail: VecDeque<Batch>,
}

/// A block of a segment: the segment's first position and the block's number.
type BlockKey = (Position, usize);

/// Decoded blocks, the latest used last.
#[derive(Debug, Default)]
struct Cache {
    blocks: VecDeque<(BlockKey, Arc<[Batch]>)>,
}

/// Where something is to be looked for.
enum Place {
    Tail(Batch),
    Sealed(Arc<Segment>),
}

impl History {
    /// A history without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// A history that begins with sealed stretches, oldest first.
    pub fn of_segments(segments: Vec<Arc<Segment>>) -> Self {
        let inner = RwLock::new(Inner { segments, tail: VecDeque::new() });
        Self { inner, ..Self::default() }
    }

    /// Adds the batch that has just become durable.
    pub fn push(&self, batch: Batch) {
        let mut inner = self.write();
        if let Some(last) = inner.last() {
            assert_eq!(last.plus(1), batch.first(), "batches are pushed in order");
        }
        self.tail_bytes.fetch_add(batch.bytes().len(), Ordering::Relaxed);
        inner.tail.push_back(batch);
    }

    /// Puts a sealed stretch in the place of the batches of the tail that it holds.
    pub fn seal(&self, segment: Segment) {
        let mut inner = self.write();
        let sealed = inner.tail.partition_point(|batch| batch.last() <= segment.last());
        let bytes: usize = inner.tail.drain(..sealed).map(|batch| batch.bytes().len()).sum();
        self.tail_bytes.fetch_sub(bytes, Ordering::Relaxed);
        inner.segments.push(Arc::new(segment));
    }

    /// The record at `position`; `None` if there is none yet.
    ///
    /// # Errors
    /// It cannot be read, or is broken.
    pub fn record(&self, position: Position) -> Result<Option<Recorded>, Error> {
        match self.batch_at(position)? {
            Some(batch) => batch.record(position),
            None => Ok(None),
        }
    }

    /// The batch that holds `position`; `None` if there is none yet.
    ///
    /// # Errors
    /// It cannot be read, or is broken.
    pub fn batch_at(&self, position: Position) -> Result<Option<Batch>, Error> {
        // The guard is gone when a block is read from the disk.
        let place = self.read().place_of(position);
        match place {
            None => Ok(None),
            Some(Place::Tail(batch)) => Ok(Some(batch)),
            Some(Place::Sealed(segment)) => {
                let batches = self.block(&segment, segment.block_of(position))?;
                let index = batches.partition_point(|batch| batch.last() < position);
                Ok(batches.get(index).filter(|batch| batch.first() <= position).cloned())
            }
        }
    }

    /// The last position written at or before `time`; `None` if all came later.
    ///
    /// # Errors
    /// A sealed stretch cannot be read, or is broken.
    pub fn last_at_or_before(&self, time: Timestamp) -> Result<Option<Position>, Error> {
        let place = self.read().last_at_or_before(time);
        match place {
            None => Ok(None),
            Some(Place::Tail(batch)) => Ok(Some(batch.last())),
            Some(Place::Sealed(segment)) => {
                let Some(block) = segment.block_at(time) else { return Ok(None) };
                let batches = self.block(&segment, block)?;
                let later = batches.partition_point(|batch| batch.time() <= time);
                Ok(later.checked_sub(1).and_then(|index| batches.get(index)).map(Batch::last))
            }
        }
    }

    /// The first position there is.
    pub fn first(&self) -> Option<Position> {
        let inner = self.read();
        let sealed = inner.segments.first().map(|segment| segment.first());
        sealed.or_else(|| inner.tail.front().map(Batch::first))
    }

    /// The last position there is.
    pub fn last(&self) -> Option<Position> {
        self.read().last()
    }

    /// The last position there is with the hash of its batch.
    pub fn end(&self) -> Option<Mark> {
        let inner = self.read();
        let tail = inner.tail.back();
        let tail = tail.map(|batch| Mark { position: batch.last(), hash: batch.hash() });
        tail.or_else(|| inner.segments.last().map(|segment| segment.end()))
    }

    /// All batches from the one that holds `position` up to the last there is when it is reached.
    pub fn batches_from(&self, position: Position) -> Batches<'_> {
        Batches { history: self, next: Some(position) }
    }

    /// Encoded bytes that are in memory and not sealed.
    pub fn tail_bytes(&self) -> usize {
        self.tail_bytes.load(Ordering::Relaxed)
    }

    /// The oldest batches of the tail, about `bytes` of them and one at least, but never the last.
    pub fn oldest(&self, bytes: usize) -> Vec<Batch> {
        let inner = self.read();
        let mut left = bytes;
        let fits = |batch: &&Batch| {
            let before = left;
            left = left.saturating_sub(batch.bytes().len());
            before > 0
        };
        let candidates = inner.tail.len().saturating_sub(1);
        inner.tail.iter().take(candidates).take_while(fits).cloned().collect()
    }

    /// The sealed stretches, oldest first.
    pub fn segments(&self) -> Vec<Arc<Segment>> {
        self.read().segments.clone()
    }

    fn block(&self, segment: &Segment, number: usize) -> Result<Arc<[Batch]>, Error> {
        let key = (segment.first(), number);
        if let Some(block) = self.cache().get(key) {
            return Ok(block);
        }
        let block: Arc<[Batch]> = segment.read_block(number)?.into();
        self.cache().insert(key, block.clone());
        Ok(block)
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn last(&self) -> Option<Position> {
        let tail = self.tail.back().map(Batch::last);
        tail.or_else(|| self.segments.last().map(|segment| segment.last()))
    }

    fn place_of(&self, position: Position) -> Option<Place> {
        let index = self.tail.partition_point(|batch| batch.last() < position);
        if let Some(batch) = self.tail.get(index)
            && batch.first() <= position
        {
            return Some(Place::Tail(batch.clone()));
        }
        let index = self.segments.partition_point(|segment| segment.last() < position);
        let segment = self.segments.get(index).filter(|segment| segment.first() <= position)?;
        Some(Place::Sealed(segment.clone()))
    }

    fn last_at_or_before(&self, time: Timestamp) -> Option<Place> {
        let later = self.tail.partition_point(|batch| batch.time() <= time);
        if let Some(batch) = later.checked_sub(1).and_then(|index| self.tail.get(index)) {
            return Some(Place::Tail(batch.clone()));
        }
        let later = self.segments.partition_point(|segment| segment.first_time() <= time);
        later.checked_sub(1).map(|index| Place::Sealed(self.segments[index].clone()))
    }
}

impl Cache {
    fn get(&mut self, key: BlockKey) -> Option<Arc<[Batch]>> {
        let index = self.blocks.iter().position(|(known, _)| *known == key)?;
        let found = self.blocks.remove(index)?;
        let block = found.1.clone();
        self.blocks.push_back(found);
        Some(block)
    }

    fn insert(&mut self, key: BlockKey, block: Arc<[Batch]>) {
        if self.get(key).is_none() {
            if self.blocks.len() >= limits::BLOCK_CACHE {
                self.blocks.pop_front();
            }
            self.blocks.push_back((key, block));
        }
    }
}

/// Batches in order; see [`History::batches_from`]. Ends after an error.
#[derive(Debug)]
pub struct Batches<'a> {
    history: &'a History,
    next: Option<Position>,
}

impl Iterator for Batches<'_> {
    type Item = Result<Batch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.history.batch_at(self.next.take()?).transpose()?;
        if let Ok(batch) = &batch {
            self.next = Some(batch.last().plus(1));
        }
        Some(batch)
    }
}
