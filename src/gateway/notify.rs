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
    /// Listens to a user's accounts from here on.
    pub fn listen(&self, user: UserId) -> broadcast::Receiver<Recorded> {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.listeners.entry(user).or_insert_with(|| broadcast::channel(LAG_MAX).0).subscribe()
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
