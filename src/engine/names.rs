//! From a unique text to the user who has it: a number in a table, since the text itself stays with
//! the user's row, at some eight bytes a user.
//!
//! A table that grows puts every name in it anew, and looks each up for that. So there are many
//! small tables, and they are not equally full: no two of them need to grow at the same moment, and
//! at no number of users do all stand half empty.

use std::array;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, RwLock};

use arc_swap::ArcSwapOption;
use hashbrown::HashTable;

use super::slots::Slots;
use crate::ledger::id::UserId;
use crate::ledger::user::User;

/// Users by number; nothing where there is none yet.
pub(super) type Users = Slots<ArcSwapOption<User>>;

/// An index of unique texts. Seeded at random, since people choose the texts; order never shows.
pub(super) struct Names {
    /// The text of a user that is looked for.
    text: fn(&User) -> &str,
    seed: RandomState,
    shards: Box<[Shard; SHARDS]>,
}

const SHARDS: usize = 256;

type Shard = RwLock<HashTable<UserId>>;

impl Names {
    /// An empty index of this text of users, with room for so many.
    pub(super) fn new(text: fn(&User) -> &str, users: usize) -> Self {
        let shard = |index| RwLock::new(HashTable::with_capacity(expected(index, users)));
        let shards = Box::new(array::from_fn(shard));
        Self { text, seed: RandomState::new(), shards }
    }

    /// Notes the text of one of `users`, where its row stands already.
    pub(super) fn insert(&self, users: &Users, user: &User) {
        let hash = self.hash((self.text)(user));
        let mut shard = self.shard(hash).write().expect("no holder of this lock panics");
        shard.insert_unique(hash, user.id, |id| {
            let user = users.row(id.0).load();
            self.hash((self.text)(user.as_ref().expect("only users with a row are noted")))
        });
    }

    /// The one of `users` who has `text`.
    pub(super) fn find(&self, users: &Users, text: &str) -> Option<Arc<User>> {
        let hash = self.hash(text);
        let shard = self.shard(hash).read().expect("no holder of this lock panics");
        shard.iter_hash(hash).find_map(|id| {
            let user = users.get(id.0)?.load();
            let found = user.as_ref().filter(|user| (self.text)(user) == text);
            found.map(Arc::clone)
        })
    }

    fn hash(&self, text: &str) -> u64 {
        self.seed.hash_one(text)
    }

    fn shard(&self, hash: u64) -> &Shard {
        &self.shards[place(hash)]
    }
}

/// The shard of a hash. Of three names two may go anywhere and one to the higher of two places, so
/// that the last shard has nearly twice as many as the first.
fn place(hash: u64) -> usize {
    // The tables themselves look at both ends of the hash.
    let [_, _, _, one, other, which, ..] = hash.to_le_bytes();
    usize::from(if which % 3 == 0 { one.max(other) } else { one })
}

/// How many of so many users a shard will have.
const fn expected(shard: usize, users: usize) -> usize {
    users.saturating_mul(2 * SHARDS + 2 * shard + 1) / (3 * SHARDS * SHARDS)
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;
    use crate::ledger::event::{AccountKind, AccountOpened, Credential, Role, UserCreated};
    use crate::ledger::id::{AccountId, Position};
    use crate::ledger::money::Currency;
    use crate::ledger::text::{Email, Line, Username};
    use crate::ledger::time::Timestamp;

    fn user(number: u32) -> User {
        let created = UserCreated {
            user: UserId(number),
            username: Username::parse(&format!("user{number}")).unwrap(),
            email: Email::parse(&format!("user{number}@contoh.id")).unwrap(),
            name: Line::empty(),
            phone: None,
            role: Role::Buyer,
            credential: Credential((*b"none").into()),
            must_change_password: false,
            account: AccountOpened {
                account: AccountId(number),
                kind: AccountKind::Wallet,
                currency: Currency::IDR,
                owner: Some(UserId(number)),
                floor: 0,
                by: crate::ledger::id::Principal::System,
            },
        };
        User::new(&created, Position::FIRST, Timestamp::EPOCH)
    }

    #[test]
    fn everybody_is_found_by_their_own_name() {
        const USERS: u32 = 20_000;
        let (users, names) = (Users::new(), Names::new(User::username, 0));
        for user in (0..USERS).map(user) {
            users.row(user.id.0).store(Some(Arc::new(user.clone())));
            names.insert(&users, &user);
        }
        for number in 0..USERS {
            let found = names.find(&users, &format!("user{number}"));
            assert_eq!(found.map(|user| user.id), Some(UserId(number)));
        }
        assert_eq!(names.find(&users, "user20000"), None);
        assert_eq!(names.find(&users, "user1@contoh.id"), None);
    }

    #[test]
    fn shards_fill_as_unevenly_as_they_should() {
        const HASHES: usize = 1_000_000;
        let mut sizes = [0_usize; SHARDS];
        for number in 0..HASHES {
            // The same on every run.
            let mut hasher = DefaultHasher::new();
            number.hash(&mut hasher);
            sizes[place(hasher.finish())] += 1;
        }
        for (shard, size) in sizes.into_iter().enumerate() {
            let expected = expected(shard, HASHES);
            assert!(size.abs_diff(expected) < expected / 8, "{shard}: {size}, not {expected}");
        }
        assert!(expected(SHARDS - 1, HASHES) > expected(0, HASHES) * 19 / 10);
    }
}
