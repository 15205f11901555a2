//! Idempotency: how a request is recognised when it comes again.
//!
//! A key is (principal, reference). The first answer to a key is its only answer: the same request
//! again gets that answer, another request under the key is refused. Keys are found through 64-bit
//! fingerprints; whoever finds one compares the whole key with the record, so a collision costs a
//! look and nothing else.

use arrayvec::ArrayVec;

use super::event::{Digest, Origin};
use super::id::Principal;
use super::text::Reference;
use crate::limits;

/// Stands for a key in tables; also in sealed segments, so the function is part of the format.
pub fn fingerprint(principal: Principal, reference: &Reference) -> u64 {
    let (kind, number) = match principal {
        Principal::System => (0_u8, 0_u32),
        Principal::User(user) => (1, user.0),
        Principal::Operator => (2, 0),
    };
    // Put together first: hashing what is short in one go takes half the time.
    let mut key = ArrayVec::<u8, { 1 + 4 + limits::REFERENCE_MAX }>::new();
    for part in [&[kind], number.to_le_bytes().as_slice(), reference.as_str().as_bytes()] {
        key.try_extend_from_slice(part).expect("a reference has a bound");
    }
    let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(&key).as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// What the first answer's record says about a request that comes under the same fingerprint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Match {
    /// Another key that happens to share the fingerprint.
    OtherKey,
    /// The same key and the same request: answer as the first time.
    Replay,
    /// The same key for another request.
    Reused,
}

impl Origin {
    /// Compares a request with the one this origin belongs to.
    pub fn compare(&self, again: &Self) -> Match {
        if self.principal != again.principal || self.reference != again.reference {
            Match::OtherKey
        } else if self.digest == again.digest {
            Match::Replay
        } else {
            Match::Reused
        }
    }

    /// The key's fingerprint.
    pub fn fingerprint(&self) -> u64 {
        fingerprint(self.principal, &self.reference)
    }
}

/// Builds the digest of a request from its parts, in the order the route fixes.
pub struct DigestBuilder(Vec<u8>);

impl DigestBuilder {
    /// Begins with the operation's name, so that two routes never share a digest.
    pub fn new(operation: &str) -> Self {
        // Room for most requests, which are hashed in one go.
        Self(Vec::with_capacity(256)).text(operation)
    }

    /// Adds a text; its length goes first, so that parts cannot run into each other.
    #[must_use]
    pub fn text(self, part: &str) -> Self {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        let mut this = self.number(length);
        this.0.extend_from_slice(part.as_bytes());
        this
    }

    /// Adds a number.
    #[must_use]
    pub fn number(mut self, part: u64) -> Self {
        self.0.extend_from_slice(&part.to_le_bytes());
        self
    }

    /// The digest of all parts.
    pub fn finish(self) -> Digest {
        let hash = blake3::hash(&self.0);
        Digest(*hash.as_bytes().first_chunk().expect("a hash has 256 bits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::id::UserId;

    fn origin(user: u32, reference: &str, digest: u8) -> Origin {
        Origin {
            principal: Principal::User(UserId(user)),
            reference: Reference::parse(reference).unwrap(),
            digest: Digest([digest; 16]),
        }
    }

    #[test]
    fn a_key_belongs_to_its_principal() {
        let first = origin(1, "INV-1", 1);
        assert_eq!(first.compare(&origin(1, "INV-1", 1)), Match::Replay);
        assert_eq!(first.compare(&origin(1, "INV-1", 2)), Match::Reused);
        assert_eq!(first.compare(&origin(2, "INV-1", 1)), Match::OtherKey);
        assert_eq!(first.compare(&origin(1, "INV-2", 1)), Match::OtherKey);
        assert_ne!(first.fingerprint(), origin(2, "INV-1", 1).fingerprint());
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let digest = |a: &str, b: &str| DigestBuilder::new("pay").text(a).text(b).finish();
        assert_ne!(digest("ab", "c"), digest("a", "bc"));
        assert_eq!(digest("ab", "c"), digest("ab", "c"));
    }

    #[test]
    fn fingerprints_are_a_format() {
        let reference = Reference::parse("FDP29771029211").unwrap();
        let known = fingerprint(Principal::User(UserId(7)), &reference);
        assert_eq!(format!("{known:016x}"), "3cf8c74c3ab14402", "every store has this on disk");
    }
}
