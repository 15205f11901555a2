//! What can go wrong with the journal: the world failed, or bytes are not what was written.
//!
//! Nothing here is an answer to a client; rejections live in the ledger.

use std::path::{Path, PathBuf};

use crate::ledger::id::Position;

/// A failed read, write or check.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The embedded store failed.
    #[error("the store cannot {action}: {cause}")]
    Store {
        /// What was tried.
        action: &'static str,
        /// What the store says.
        cause: String,
    },
    /// Bytes of the journal are not what was written.
    #[error("the journal is broken at position {position}: {flaw}")]
    Broken {
        /// The first position that cannot be trusted.
        position: Position,
        /// What is wrong there.
        flaw: Flaw,
    },
    /// Bytes that should be a batch are none, and do not even say which.
    #[error("not a batch: {0}")]
    NotABatch(Flaw),
}

impl Error {
    /// A failure of the operating system on `path`.
    pub fn file(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::File { action, path: path.to_owned(), source }
    }

    /// Something wrong with what stands at `position`.
    pub const fn broken(position: Position, flaw: Flaw) -> Self {
        Self::Broken { position, flaw }
    }

    /// The same error with the position it is known to be about.
    #[must_use]
    pub fn at(self, position: Position) -> Self {
        match self {
            Self::NotABatch(flaw) => Self::Broken { position, flaw },
            other => other,
        }
    }
}

/// What is wrong with bytes of the journal.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Flaw {
    /// Cut off, or longer than it says.
    #[error("its length is not what it says")]
    Length,
    /// Written by another version.
    #[error("format version {0} is not known to this program")]
    Version(u16),
    /// The checksum differs.
    #[error("its checksum differs")]
    Checksum,
    /// The batch does not name the hash of the one before.
    #[error("it does not follow the batch before it")]
    Chain,
    /// Nothing is stored there, and more is stored behind it.
    #[error("nothing is stored there")]
    Hole,
    /// The time is before that of an earlier batch.
    #[error("its time is before that of an earlier batch")]
    Time,
    /// The record's bytes are no record.
    #[error("its bytes are no record")]
    Record,
}

/// Why a batch was not acknowledged. The writer must end the process without answering.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Another writer was here; nothing was stored.
    #[error("another writer has taken over the journal")]
    Fenced,
    /// The batch may or may not be durable.
    #[error("whether the batch is durable is unknown: {0}")]
    Unknown(Error),
}
