//! Live messages: what has just happened to somebody who is listening.
//!
//! The writer publishes after a batch is durable. Nobody waits for a listener: one that is slow
//! misses messages and is told how many; the log of notifications has them all.

use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use tokio::sync::broadcast;

use crate::journal::Recorded;
use crate::ledger::id::AccountId;

/// Messages a slow listener may lag behind before it misses some.
const LAG_MAX: usize = 64;

/// Who listens to which account.
#[derive(Default)]
pub struct Hub {
    listeners: DashMap<AccountId, broadcast::Sender<Recorded>>,
    count: AtomicUsize,
}

impl Hub {
    /// Listens to an account from here on.
    pub fn listen(&self, account: AccountId) -> broadcast::Receiver<Recorded> {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.listeners.entry(account).or_insert_with(|| broadcast::channel(LAG_MAX).0).subscribe()
    }

    /// Gives up listening.
    pub fn leave(&self, account: AccountId, listener: broadcast::Receiver<Recorded>) {
        drop(listener);
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.listeners.remove_if(&account, |_, sender| sender.receiver_count() == 0);
    }

    /// How many listen to an account.
    pub fn listeners_of(&self, account: AccountId) -> usize {
        self.listeners.get(&account).map_or(0, |sender| sender.receiver_count())
    }

    /// Tells whoever listens to an account the record touches. Called by the writer.
    pub fn tell(&self, recorded: &Recorded) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        for link in &recorded.links {
            if let Some(sender) = self.listeners.get(&link.account) {
                // An error means that the last listener has just left.
                let _ = sender.send(recorded.clone());
            }
        }
    }
}
