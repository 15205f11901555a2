//! Live messages: what has just happened to somebody who is listening.
//!
//! The writer publishes after a batch is durable. Nobody waits for a listener: one that is slow
//! misses messages and is told how many; the log of notifications has them all.

use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use tokio::sync::broadcast;

use crate::engine::View;
use crate::journal::Recorded;
use crate::ledger::id::UserId;

/// Messages a slow listener may lag behind before it misses some.
const LAG_MAX: usize = 64;

/// Who listens to what happens to a user's accounts.
#[derive(Default)]
pub struct Hub {
    listeners: DashMap<UserId, broadcast::Sender<Recorded>>,
    count: AtomicUsize,
}

impl Hub {
    /// Listens to a user's accounts from here on; `None` if `most` do already.
    pub fn listen(&self, user: UserId, most: usize) -> Option<broadcast::Receiver<Recorded>> {
        // Held until the new one counts, so that many at once are not all let in.
        let sender = self.listeners.entry(user).or_insert_with(|| broadcast::channel(LAG_MAX).0);
        if sender.receiver_count() >= most {
            return None;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        Some(sender.subscribe())
    }

    /// Gives up listening.
    pub fn leave(&self, user: UserId, listener: broadcast::Receiver<Recorded>) {
        drop(listener);
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.listeners.remove_if(&user, |_, sender| sender.receiver_count() == 0);
    }

    /// How many listen to a user's accounts.
    pub fn listeners_of(&self, user: UserId) -> usize {
        self.listeners.get(&user).map_or(0, |sender| sender.receiver_count())
    }

    /// Tells whoever listens to the owner of an account that the record touches. Called by the
    /// writer.
    pub fn tell(&self, view: &View, recorded: &Recorded) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        for link in &recorded.links {
            let owner = view.account(link.account).and_then(|account| account.owner);
            if let Some(sender) = owner.and_then(|owner| self.listeners.get(&owner)) {
                // An error means that the last listener has just left.
                let _ = sender.send(recorded.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use super::*;

    #[test]
    fn many_at_once_are_not_more_than_may() {
        const MOST: usize = 8;
        let (hub, user) = (Arc::new(Hub::default()), UserId(1));
        for _ in 0..50 {
            let barrier = Arc::new(Barrier::new(4 * MOST));
            let threads: Vec<_> = (0..4 * MOST)
                .map(|_| {
                    let (hub, barrier) = (Arc::clone(&hub), Arc::clone(&barrier));
                    std::thread::spawn(move || {
                        barrier.wait();
                        hub.listen(user, MOST)
                    })
                })
                .collect();
            let let_in: Vec<_> =
                threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect();
            assert_eq!(let_in.len(), MOST);
            let_in.into_iter().for_each(|listener| hub.leave(user, listener));
            assert_eq!(hub.listeners_of(user), 0);
        }
    }
}
