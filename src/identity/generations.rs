//! A concurrent map of bounded size that forgets its oldest half when it is full.
//!
//! Two maps, young and old: entries are written to the young one; when that holds half of the
//! bound, it becomes the old one and the former old one is dropped. So eviction costs nothing per
//! entry and needs no order. It deliberately does not promise to keep any one entry: a caller
//! that loses one only does its work again.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use hashbrown::DefaultHashBuilder;

/// The map. `DefaultHashBuilder` is seeded per map; it is fast rather than proof against chosen
/// collisions, so keys must not be free for an attacker to choose.
pub(super) struct Generations<K, V> {
    pair: ArcSwap<Pair<K, V>>,
    half: usize,
}

struct Pair<K, V> {
    young: Arc<Generation<K, V>>,
    old: Arc<Generation<K, V>>,
}

struct Generation<K, V> {
    entries: DashMap<K, V, DefaultHashBuilder>,
    /// `DashMap::len` locks every shard; this does not.
    count: AtomicUsize,
}

impl<K: Hash + Eq, V> Generation<K, V> {
    fn empty() -> Arc<Self> {
        let entries = DashMap::with_hasher(DefaultHashBuilder::default());
        Arc::new(Self { entries, count: AtomicUsize::new(0) })
    }
}

impl<K: Hash + Eq, V: Copy> Generations<K, V> {
    /// An empty map of at most `entries_max` entries, give or take one per thread writing.
    pub(super) fn new(entries_max: usize) -> Self {
        let pair = Pair { young: Generation::empty(), old: Generation::empty() };
        Self { pair: ArcSwap::from_pointee(pair), half: (entries_max / 2).max(1) }
    }

    /// A copy of the value and whether it is of the old half, about to be forgotten.
    pub(super) fn get<Q>(&self, key: &Q) -> Option<(V, bool)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let pair = self.pair.load();
        if let Some(value) = pair.young.entries.get(key) {
            return Some((*value, false));
        }
        pair.old.entries.get(key).map(|value| (*value, true))
    }

    /// Writes what `next` makes of the present value, under the entry's lock.
    pub(super) fn update(&self, key: K, next: impl FnOnce(Option<V>) -> V) {
        let pair = self.pair.load_full();
        let count = match pair.young.entries.entry(key) {
            Entry::Occupied(mut entry) => {
                let value = next(Some(*entry.get()));
                entry.insert(value);
                0
            }
            Entry::Vacant(entry) => {
                let before = pair.old.entries.get(entry.key()).map(|value| *value);
                let value = next(before);
                // Counted before it can be removed, so that the count never falls below zero.
                let count = pair.young.count.fetch_add(1, Ordering::Relaxed) + 1;
                entry.insert(value);
                count
            }
        };
        if count >= self.half {
            let turned = Pair { young: Generation::empty(), old: Arc::clone(&pair.young) };
            // Whoever loses this race finds the turn already made.
            self.pair.compare_and_swap(&pair, Arc::new(turned));
        }
    }

    /// Forgets `key`.
    pub(super) fn remove<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let pair = self.pair.load();
        if pair.young.entries.remove(key).is_some() {
            pair.young.count.fetch_sub(1, Ordering::Relaxed);
        }
        pair.old.entries.remove(key);
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        let pair = Pair { young: Generation::empty(), old: Generation::empty() };
        self.pair.store(Arc::new(pair));
    }

    #[cfg(test)]
    pub(super) fn bound(&self) -> usize {
        2 * self.half
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let pair = self.pair.load();
        pair.young.entries.len() + pair.old.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_holds_more_than_its_bound_and_keeps_the_newest() {
        let map = Generations::new(64);
        for key in 0..10_000_u64 {
            map.update(key, |_| key);
            assert!(map.len() <= 64);
            assert_eq!(map.get(&key).map(|(value, _)| value), Some(key));
        }
        assert_eq!(map.get(&0), None);
    }

    #[test]
    fn what_is_used_stays() {
        let map = Generations::new(64);
        for key in 0..10_000_u64 {
            map.update(key, |_| key);
            map.update(u64::MAX, |count| count.unwrap_or(0) + 1);
        }
        assert_eq!(map.get(&u64::MAX).map(|(count, _)| count), Some(10_000));
    }

    #[test]
    fn threads_may_turn_it_at_once() {
        let map = Generations::new(64);
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let map = &map;
                scope.spawn(move || {
                    for step in 0..20_000 {
                        let key = (step * 7 + thread) % 500;
                        map.update(key, |_| key);
                        if let Some((value, _)) = map.get(&(key / 2)) {
                            assert_eq!(value, key / 2);
                        }
                        map.remove(&(key / 3));
                    }
                });
            }
        });
        assert!(map.len() <= 64 + 4);
    }

    #[test]
    fn removed_from_both_halves() {
        let map = Generations::new(4);
        map.update(1_u64, |_| 1);
        map.update(2_u64, |_| 2);
        map.update(3_u64, |_| 3);
        map.remove(&1);
        map.remove(&3);
        assert_eq!((map.get(&1), map.get(&2), map.get(&3)), (None, Some((2, true)), None));
        map.clear();
        assert_eq!(map.len(), 0);
    }
}
