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
    /// A file of the store is not what was written.
    #[error("{} is broken: {flaw}", path.display())]
    BrokenFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        flaw: &'static str,
    },
    /// Another process works on the directory.
    #[error("{} is in use by {}", path.display(), holder(.pid))]
    InUse {
        /// The data directory.
        path: PathBuf,
        /// The process, if its number could be read.
        pid: Option<u32>,
    },
    /// The store is sound but not the one that should be here: emptied, rolled back or half gone.
    #[error("the store in {} is not the one that was left here: {why}", path.display())]
    Strange {
        /// The data directory.
        path: PathBuf,
        /// How that shows.
        why: String,
    },
    /// The store was put back from a backup, or brought from elsewhere.
    #[error(
        "the store in {} is a copy: what was acknowledged after it was made is not in it and would \
         be done again; if it is to go on from here, start it once with `gerbang serve --restored`",
        path.display()
    )]
    Copied {
        /// The data directory.
        path: PathBuf,
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

fn holder(pid: &Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
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
    /// A chunk of the batch is missing, or is not the one that was written.
    #[error("a part of it is missing or broken")]
    Chunk,
    /// A sealed stretch and the log hold different batches for it.
    #[error("the sealed history and the log differ")]
    Copies,
    /// What the ledger makes of the event is not what was recorded.
    #[error("the accounts it links do not follow from the entries before it")]
    Links,
    /// The event does not fit the entries before it.
    #[error("it does not fit the entries before it: {0}")]
    Misfit(&'static str),
    /// The reference table of a sealed stretch names another reference.
    #[error("the sealed table of references differs from it")]
    Fingerprint,
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
