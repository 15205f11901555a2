//! Lists and reports under way, of each user: whoever asks for many waits for themself.
//!
//! # Invariants
//!
//! - A user has so many that read or wait, and no more.
//! - A turn is given back when it is dropped, also by a panic or with its request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ledger::id::UserId;
use crate::limits::WALKS_OF_ONE_MAX;

/// How many are under way of users with any.
#[derive(Default)]
pub(super) struct Walkers(Mutex<HashMap<UserId, usize>>);

/// One that is under way until this is dropped.
pub(super) struct Walker {
    walkers: Arc<Walkers>,
    user: UserId,
}

impl Walkers {
    /// A turn of this user; `None` if they have too many.
    pub(super) fn begin(self: &Arc<Self>, user: UserId) -> Option<Walker> {
        let mut counts = self.counts();
        let of_one = counts.entry(user).or_insert(0);
        if *of_one >= WALKS_OF_ONE_MAX {
            return None;
        }
        *of_one += 1;
        drop(counts);
        Some(Walker { walkers: Arc::clone(self), user })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        // Each change is whole before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Walker {
    fn drop(&mut self) {
        let mut counts = self.walkers.counts();
        if let Some(of_one) = counts.get_mut(&self.user) {
            *of_one -= 1;
            if *of_one == 0 {
                counts.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_share_and_nothing_is_left_behind() {
        let walkers = Arc::new(Walkers::default());
        let begin = |user| walkers.begin(UserId(user));
        let mut turns: Vec<Walker> = (0..WALKS_OF_ONE_MAX).map(|_| begin(1).unwrap()).collect();
        assert!(begin(1).is_none());
        turns.push(begin(2).unwrap());
        turns.swap_remove(0);
        turns.push(begin(1).unwrap());
        drop(turns);
        assert!(walkers.counts().is_empty());
    }
}
