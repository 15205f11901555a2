//! At most one request per key is under way.
//!
//! Whoever enters holds the key until its answer is on its way; a twin waits for that and then
//! finds the answer in the journal. The guard travels with the entry, so a caller that goes away
//! does not open the gate early.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::oneshot;

/// Fingerprints and small numbers are spread by one multiplication; the same on every run.
#[derive(Clone, Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        // 2^64 divided by the golden ratio.
        self.0 = (self.0.rotate_left(29) ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 ^= self.0 >> 32;
    }
}

/// A map whose order is the same on every run.
pub(super) type SpreadMap<K, V> = DashMap<K, V, BuildHasherDefault<Spread>>;

/// The keys under way, by fingerprint. Two keys with one fingerprint wait for each other: harmless.
#[derive(Default)]
pub(super) struct Gate {
    under_way: SpreadMap<u64, Vec<oneshot::Sender<()>>>,
}

/// Holds a key.
pub(super) struct Guard {
    gate: Arc<Gate>,
    fingerprint: u64,
}

impl Gate {
    /// Takes the key, waiting for whoever holds it.
    pub(super) async fn enter(self: &Arc<Self>, fingerprint: u64) -> Guard {
        loop {
            let turn = match self.under_way.entry(fingerprint) {
                Entry::Vacant(free) => {
                    free.insert(Vec::new());
                    return Guard { gate: Arc::clone(self), fingerprint };
                }
                Entry::Occupied(mut taken) => {
                    let (sender, turn) = oneshot::channel();
                    taken.get_mut().push(sender);
                    turn
                }
            };
            // An error means that the holder is gone without a word: the key is free all the same.
            let _ = turn.await;
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some((_, waiting)) = self.gate.under_way.remove(&self.fingerprint) {
            for turn in waiting {
                let _ = turn.send(());
            }
        }
    }
}
