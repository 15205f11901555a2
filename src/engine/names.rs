//! From a unique text to the user who has it, at nine bytes a user: the text itself stays with the
//! user's row.

use std::hash::{BuildHasher, RandomState};
use std::sync::RwLock;

use hashbrown::HashTable;

use crate::ledger::id::UserId;

/// An index of unique texts. Seeded at random, since people choose the texts; order never shows.
pub(super) struct Names {
    seed: RandomState,
    table: RwLock<HashTable<(u32, UserId)>>,
}

impl Names {
    /// An empty index.
    pub(super) fn new() -> Self {
        Self { seed: RandomState::new(), table: RwLock::new(HashTable::new()) }
    }

    /// Notes that `user` has `text`.
    pub(super) fn insert(&self, text: &str, user: UserId) {
        let hash = self.hash(text);
        let mut table = self.table.write().expect("no holder of this lock panics");
        table.insert_unique(spread(hash), (hash, user), |(hash, _)| spread(*hash));
    }

    /// The user who has `text`, of those that `is` confirms.
    pub(super) fn find(&self, text: &str, is: impl Fn(UserId) -> bool) -> Option<UserId> {
        let hash = self.hash(text);
        let table = self.table.read().expect("no holder of this lock panics");
        table.find(spread(hash), |(known, user)| *known == hash && is(*user)).map(|(_, user)| *user)
    }

    /// How many users there are.
    pub(super) fn len(&self) -> u32 {
        let table = self.table.read().expect("no holder of this lock panics");
        u32::try_from(table.len()).expect("users are numbered in 32 bits")
    }

    fn hash(&self, text: &str) -> u32 {
        u32::try_from(self.seed.hash_one(text) >> 32).expect("32 bits are left")
    }
}

/// The table looks at both ends of the word.
fn spread(hash: u32) -> u64 {
    (u64::from(hash) << 32) | u64::from(hash)
}
