//! The durable log: the system of record, from which everything else is derived.
//!
//! ```text
//!  entries in order ──▶ BatchBuilder ──▶ Batch ──▶ Journal::append ──▶ History::push ──▶ answers
//!                       rkyv records     BLAKE3    │ chunks <= 6 KiB    tail in memory
//!                       one by one       chain     │ apply_batch
//!                                                  │ sled flush
//!                                                  │ fdatasync          a reader sees only what
//!                                                  ▼                    stands left of here
//!                                               durable
//!
//!  position  1 ........................ s | s+1 ......................... n
//!            sealed segments, compressed  |  sled (write-ahead log), tail in memory
//!            one position space, one hash chain: each batch names the hash of the one before
//! ```
//!
//! It stores, finds and proves batches of events. It decides nothing, answers nobody and reads no
//! clock: times come with the batches. Only `sled.rs` knows sled.

pub mod chain;
pub mod checkpoint;
pub mod codec;
pub mod error;
pub mod export;
mod files;
pub mod history;
pub mod lock;
pub mod memory;
pub mod replay;
pub mod sealer;
pub mod segment;
pub mod sidefile;
pub mod sled;
pub mod store;
pub mod verify;

pub use chain::Hash;
pub use codec::{Batch, BatchBuilder, Record, Recorded};
pub use error::{AppendError, Error, Flaw};
pub use history::History;
pub use memory::MemoryJournal;
pub use sled::SledJournal;

use crate::ledger::id::Position;

/// A log of batches that outlives the process.
///
/// Implementations: sled, and memory for tests and simulation; both pass the same contract tests.
/// Nothing here needs the log to be on this machine.
pub trait Journal: Send {
    /// Stores one batch behind the last one and makes it durable.
    ///
    /// # Errors
    /// [`AppendError::Fenced`] if the batch does not follow what is stored: another writer was
    /// here, and nothing was stored. [`AppendError::Unknown`] if the batch may or may not be
    /// durable. After either, this journal takes no further batch and the process must end: what
    /// was stored is found out by opening the journal again.
    fn append(&mut self, batch: &Batch) -> Result<(), AppendError>;

    /// Forgets batches up to and including the one that ends at `through`: they are sealed in
    /// history. The last batch always stays. A call may leave some to the next, so as not to keep
    /// the writer long; it calls this after every append.
    ///
    /// # Errors
    /// The store failed. Nothing is lost by that: what was not forgotten is forgotten next time.
    fn trim(&mut self, through: Position) -> Result<(), Error>;
}

#[cfg(test)]
mod tests;
