//! Reads of what is durable, by position and by time, for everybody.
//!
//! The tail is in memory; what is older stands in sealed segments. It holds only what the writer
//! pushed after it was durable, so nobody reads what may still vanish. It writes nothing.

use std::collections::VecDeque;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::codec::{Batch, Recorded};
use super::error::Error;
use crate::ledger::id::Position;
use crate::ledger::time::Timestamp;

/// The journal as its readers see it.
#[derive(Debug, Default)]
pub struct History {
    /// Held for a search by halves and a clone of an `Arc`, never while anything is decoded.
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    tail: VecDeque<Batch>,
}

impl History {
    /// A history without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the batch that has just become durable.
    pub fn push(&self, batch: Batch) {
        let mut inner = self.write();
        if let Some(last) = inner.tail.back() {
            assert_eq!(last.last().plus(1), batch.first(), "batches are pushed in order");
        }
        inner.tail.push_back(batch);
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
        let inner = self.read();
        let index = inner.tail.partition_point(|batch| batch.last() < position);
        Ok(inner.tail.get(index).filter(|batch| batch.first() <= position).cloned())
    }

    /// The last position written at or before `time`; `None` if all came later.
    ///
    /// # Errors
    /// A sealed stretch cannot be read, or is broken.
    pub fn last_at_or_before(&self, time: Timestamp) -> Result<Option<Position>, Error> {
        let inner = self.read();
        let later = inner.tail.partition_point(|batch| batch.time() <= time);
        Ok(later.checked_sub(1).and_then(|index| inner.tail.get(index)).map(Batch::last))
    }

    /// The first position there is.
    pub fn first(&self) -> Option<Position> {
        self.read().tail.front().map(Batch::first)
    }

    /// The last position there is.
    pub fn last(&self) -> Option<Position> {
        self.read().tail.back().map(Batch::last)
    }

    /// All batches from the one that holds `position` up to the last there is when it is reached.
    pub fn batches_from(&self, position: Position) -> Batches<'_> {
        Batches { history: self, next: Some(position) }
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
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
