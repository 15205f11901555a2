//! The hash chain: each batch names the hash of the one before.
//!
//! Whoever knows the last hash can prove every entry before it. The chain is not a signature: who
//! can rewrite the whole store can rewrite the chain with it.

use std::fmt;

use super::codec::Batch;
use super::error::{Error, Flaw};

/// BLAKE3 over an encoded batch, which holds the hash of the batch before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What the first batch names as the one before it.
    pub const GENESIS: Self = Self([0; 32]);

    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Reads what `Display` wrote; `None` if it is not that.
    pub fn parse(text: &str) -> Option<Self> {
        let hash = blake3::Hash::from_hex(text).ok()?;
        Some(Self(*hash.as_bytes()))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Says what is wrong if `batch` does not follow `last`: position, hash, time.
///
/// # Errors
/// [`Error::Broken`] with the position that is missing or does not follow.
pub fn follows(last: &Batch, batch: &Batch) -> Result<(), Error> {
    let expected = last.last().plus(1);
    let flaw = if batch.first() > expected {
        Flaw::Hole
    } else if batch.first() < expected || batch.previous() != last.hash() {
        Flaw::Chain
    } else if batch.time() < last.time() {
        Flaw::Time
    } else {
        return Ok(());
    };
    Err(Error::broken(expected, flaw))
}

/// 128 bits that change when any of `parts` does: a guard against accidents within one file.
pub(super) fn check(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let mut check = [0; 16];
    hasher.finalize_xof().fill(&mut check);
    check
}
