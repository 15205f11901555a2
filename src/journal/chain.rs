//! The hash chain: each batch names the hash of the one before.
//!
//! Whoever knows the last hash can prove every entry before it. The chain is not a signature: who
//! can rewrite the whole store can rewrite the chain with it.

use std::fmt;

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
