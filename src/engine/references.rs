//! From a key's fingerprint to the entries that may have answered it.
//!
//! One pair of words per answered reference, for ever: 16 bytes and a control byte; one more where an
//! entry settles something under another reference than its own. The table is a cache of the
//! journal: segments carry their fingerprints, the tail is read at the start.

use std::sync::RwLock;

use hashbrown::HashTable;

use crate::ledger::id::Position;

const SHARDS: usize = 64;

/// A table of fingerprints, sharded so that the writer and readers seldom meet.
pub struct References {
    shards: Box<[Shard]>,
}

type Shard = RwLock<HashTable<(u64, Position)>>;

impl Default for References {
    fn default() -> Self {
        Self::new()
    }
}

impl References {
    /// An empty table.
    pub fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| RwLock::new(HashTable::new())).collect() }
    }

    /// Notes that the entry at `position` answered a key with this fingerprint.
    pub fn insert(&self, fingerprint: u64, position: Position) {
        let mut shard = self.shard(fingerprint).write().expect("no holder of this lock panics");
        shard.insert_unique(fingerprint, (fingerprint, position), |(known, _)| *known);
    }

    /// The entries that answered keys with this fingerprint: nearly always none or one.
    pub(super) fn find(&self, fingerprint: u64) -> Vec<Position> {
        let shard = self.shard(fingerprint).read().expect("no holder of this lock panics");
        shard
            .iter_hash(fingerprint)
            .filter(|(known, _)| *known == fingerprint)
            .map(|(_, position)| *position)
            .collect()
    }

    fn shard(&self, fingerprint: u64) -> &Shard {
        // The table itself looks at the lowest and the topmost bits: shards by others.
        let bits = usize::try_from((fingerprint >> 40) & 0xFFFF).expect("16 bits fit");
        &self.shards[bits % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_share_a_fingerprint_are_all_found() {
        let references = References::new();
        let at = |place| Position::new(place).unwrap();
        references.insert(7, at(1));
        references.insert(7, at(2));
        references.insert(8, at(3));
        let mut found = references.find(7);
        found.sort();
        assert_eq!(found, [at(1), at(2)]);
        assert_eq!(references.find(9), []);
    }
}
