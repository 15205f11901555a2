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

/// These bits of a key tell what it is the key of: none for a reference.
pub(super) const KIND_BITS: u64 = 15;

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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_caller_that_vanishes_while_it_waits_holds_nobody_up() {
        let gate = Arc::new(Gate::default());
        let first = gate.enter(7).await;
        let mut gone = Box::pin(gate.enter(7));
        let mut second = Box::pin(gate.enter(7));
        assert!(poll_now(&mut gone).await.is_none());
        assert!(poll_now(&mut second).await.is_none());
        drop(gone);
        drop(first);
        let second = second.await;
        assert_eq!(gate.under_way.len(), 1);
        drop(second);
        assert!(gate.under_way.is_empty(), "a free key leaves nothing behind");
    }

    #[tokio::test]
    async fn a_caller_that_vanishes_with_its_turn_gives_it_on() {
        let gate = Arc::new(Gate::default());
        let first = gate.enter(7).await;
        let mut turn = Box::pin(gate.enter(7));
        assert!(poll_now(&mut turn).await.is_none());
        drop(first);
        // It was woken and never looks.
        drop(turn);
        drop(gate.enter(7).await);
        assert!(gate.under_way.is_empty());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_at_a_time() {
        let gate = Arc::new(Gate::default());
        let inside = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..64)
            .map(|number| {
                let (gate, inside) = (Arc::clone(&gate), Arc::clone(&inside));
                tokio::spawn(async move {
                    for _ in 0..50 {
                        let guard = gate.enter(number % 2).await;
                        let before = inside.fetch_add(1 << (8 * (number % 2)), Ordering::SeqCst);
                        assert_eq!((before >> (8 * (number % 2))) & 0xFF, 0);
                        tokio::task::yield_now().await;
                        inside.fetch_sub(1 << (8 * (number % 2)), Ordering::SeqCst);
                        drop(guard);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(gate.under_way.is_empty());
    }

    /// What a future yields now; none if it waits.
    async fn poll_now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            let ready = match std::pin::Pin::new(&mut *future).poll(context) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            };
            std::task::Poll::Ready(ready)
        })
        .await
    }
}
