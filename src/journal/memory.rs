//! A journal in memory: the contract of the durable one, for tests and simulation.
//!
//! The store outlives its writers, so that a simulated crash drops the writer and a simulated
//! restart opens the same store again. It keeps encoded bytes and reads them back through the same
//! code as the disk. It is never used by a process that serves clients.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::codec::Batch;
use super::error::{AppendError, Error};
use super::history::History;
use super::{Hash, Journal, chain, store};
use crate::ledger::book::Book;
use crate::ledger::id::Position;
use crate::ledger::time::Timestamp;

/// A journal in memory, started again: what [`store::Opened`] is for one on disk. It must not have
/// been trimmed, since nothing of it is sealed.
pub struct Restarted {
    /// For the writer; fences every writer before it.
    pub journal: MemoryJournal,
    /// For readers; the writer pushes to it.
    pub history: Arc<History>,
    /// The state after the last entry.
    pub book: Book,
    /// The hash of the last batch.
    pub last_hash: Hash,
    /// When the last batch was written.
    pub last_time: Timestamp,
}

/// What goes wrong with an append.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing is stored, and the writer cannot know.
    Lost,
    /// The batch is stored, and the writer cannot know.
    Unacknowledged,
    /// The first so many bytes are stored, and the writer cannot know.
    Torn(usize),
}

/// A writer of a store in memory. Clones write to the same store as the same writer.
#[derive(Clone, Debug)]
pub struct MemoryJournal {
    store: Arc<Mutex<Store>>,
    epoch: u64,
}

#[derive(Debug, Default)]
struct Store {
    batches: Vec<Vec<u8>>,
    /// What the next batch must follow: its first position and the hash it names.
    next: Option<(Position, Hash)>,
    faults: BTreeMap<u64, Fault>,
    appends: u64,
    /// The writer that may append; every [`MemoryJournal::reopen`] fences the one before.
    epoch: u64,
    /// A failed append leaves the store closed until it is opened again.
    poisoned: bool,
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryJournal {
    /// The writer of a new, empty store.
    pub fn new() -> Self {
        Self { store: Arc::default(), epoch: 0 }
    }

    /// A new writer of the same store, as after a restart. Fences every writer before it. A torn
    /// batch at the end is cut, as it is on disk.
    ///
    /// # Errors
    /// A batch is broken that is not the last one.
    pub fn reopen(&self) -> Result<Self, Error> {
        let mut store = self.store();
        if let Some(bytes) = store.batches.last()
            && Batch::decode(bytes).is_err()
        {
            store.batches.pop();
        }
        if let Some(last) = decoded(&store.batches)?.last() {
            store.next = Some((last.last().plus(1), last.hash()));
        }
        store.poisoned = false;
        store.epoch += 1;
        Ok(Self { store: self.store.clone(), epoch: store.epoch })
    }

    /// Starts again over the same store, through the code that a start from the disk uses. An empty
    /// store begins with genesis at `now`. `reference` is told what a store on disk would tell.
    ///
    /// # Errors
    /// As [`MemoryJournal::reopen`], or the entries do not follow from each other.
    pub fn restart(
        &self,
        now: Timestamp,
        reference: &mut dyn FnMut(u64, Position),
    ) -> Result<Restarted, Error> {
        let mut journal = self.reopen()?;
        if journal.batches()?.is_empty() {
            journal
                .append(&store::genesis(now))
                .map_err(|error| Error::Store { action: "begin", cause: error.to_string() })?;
        }
        let history = History::new();
        journal.batches()?.into_iter().for_each(|batch| history.push(batch));
        let mut book = Book::new();
        let last = store::follow_all(&mut book, &history, None, &mut |_| {}, reference)?;
        let (last_hash, last_time) = (last.hash(), last.time());
        Ok(Restarted { journal, history: Arc::new(history), book, last_hash, last_time })
    }

    /// Every batch stored, in order.
    ///
    /// # Errors
    /// A stored batch is broken, or does not follow the one before.
    pub fn batches(&self) -> Result<Vec<Batch>, Error> {
        decoded(&self.store().batches)
    }

    /// Lets the `nth` append from now (0: the next one) go wrong.
    pub fn fail_append(&self, nth: u64, fault: Fault) {
        let mut store = self.store();
        let nth = store.appends + nth;
        store.faults.insert(nth, fault);
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn decoded(stored: &[Vec<u8>]) -> Result<Vec<Batch>, Error> {
    let mut batches: Vec<Batch> = Vec::with_capacity(stored.len());
    for bytes in stored {
        let last = batches.last();
        let expected = last.map_or(Position::FIRST, |last| last.last().plus(1));
        let batch = Batch::decode(bytes).map_err(|error| error.at(expected))?;
        last.map_or(Ok(()), |last| chain::follows(last, &batch))?;
        batches.push(batch);
    }
    Ok(batches)
}

impl Journal for MemoryJournal {
    fn append(&mut self, batch: &Batch) -> Result<(), AppendError> {
        let mut store = self.store();
        let next = store.next.unwrap_or((Position::FIRST, Hash::GENESIS));
        if store.epoch != self.epoch || store.poisoned || next != (batch.first(), batch.previous())
        {
            return Err(AppendError::Fenced);
        }
        let nth = store.appends;
        store.appends += 1;
        let bytes = batch.bytes();
        let stored = match store.faults.remove(&nth) {
            None => {
                store.next = Some((batch.last().plus(1), batch.hash()));
                store.batches.push(bytes.to_vec());
                return Ok(());
            }
            Some(Fault::Lost) => &[],
            Some(Fault::Unacknowledged) => bytes,
            Some(Fault::Torn(length)) => &bytes[..length.min(bytes.len())],
        };
        if !stored.is_empty() {
            store.batches.push(stored.to_vec());
        }
        store.poisoned = true;
        let cause = "a fault was asked for".to_owned();
        Err(AppendError::Unknown(Error::Store { action: "append", cause }))
    }

    fn trim(&mut self, through: Position) -> Result<(), Error> {
        let mut store = self.store();
        let batches = decoded(&store.batches)?;
        let sealed = batches.iter().take_while(|batch| batch.last() <= through).count();
        let forgotten = sealed.min(batches.len().saturating_sub(1));
        store.batches.drain(..forgotten);
        Ok(())
    }
}
