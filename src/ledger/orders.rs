//! Orders by the position that began them, in a map whose copy is cheap: shards, shared until one
//! side writes.
//!
//! A checkpoint takes a copy of the whole book while the writer goes on. Copying this map copies one
//! pointer per shard; a shard is copied when it is first written after that, and holds a thousandth
//! of what is open, so no single entry waits for a copy of everything.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::id::Position;
use super::order::Order;

/// How many shards; neighbours stand in different ones.
const SHARDS: u64 = 1_024;

/// Orders by position.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Orders {
    shards: Vec<Arc<BTreeMap<Position, Order>>>,
}

impl Orders {
    /// No orders.
    pub fn new() -> Self {
        // All of them the same empty one, until it is written.
        let empty = Arc::new(BTreeMap::new());
        Self { shards: (0..SHARDS).map(|_| Arc::clone(&empty)).collect() }
    }

    /// The order that began at `position`.
    pub fn get(&self, position: &Position) -> Option<&Order> {
        self.shards.get(shard(*position))?.get(position)
    }

    /// Sets the order that began at `position`.
    pub fn insert(&mut self, position: Position, order: Order) {
        if let Some(shard) = self.shards.get_mut(shard(position)) {
            Arc::make_mut(shard).insert(position, order);
        }
    }

    /// Takes the order out that began at `position`.
    pub fn remove(&mut self, position: Position) {
        if let Some(shard) = self.shards.get_mut(shard(position))
            && shard.contains_key(&position)
        {
            Arc::make_mut(shard).remove(&position);
        }
    }

    /// All orders, oldest first. Sorts them, so it is for what is done seldom.
    pub fn iter(&self) -> impl Iterator<Item = (&Position, &Order)> {
        let mut all: Vec<_> = self.shards.iter().flat_map(|shard| shard.iter()).collect();
        all.sort_unstable_by_key(|(position, _)| **position);
        all.into_iter()
    }

    /// All orders, in no order that means anything.
    pub fn values(&self) -> impl Iterator<Item = &Order> {
        self.shards.iter().flat_map(|shard| shard.values())
    }
}

impl Default for Orders {
    fn default() -> Self {
        Self::new()
    }
}

impl FromIterator<(Position, Order)> for Orders {
    fn from_iter<T: IntoIterator<Item = (Position, Order)>>(orders: T) -> Self {
        let mut all = Self::new();
        for (position, order) in orders {
            all.insert(position, order);
        }
        all
    }
}

fn shard(position: Position) -> usize {
    usize::try_from(position.get().checked_rem(SHARDS).unwrap_or(0)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::money::Total;

    fn at(number: u64) -> Position {
        Position::new(number).unwrap()
    }

    fn order(units: u128) -> Order {
        Order::Refunds { refunded: Total::from_units(units) }
    }

    #[test]
    fn a_copy_does_not_see_later_writes_and_shares_what_is_not_written() {
        let mut orders: Orders = (1..5_000).map(|n| (at(n), order(u128::from(n)))).collect();
        let copy = orders.clone();
        orders.insert(at(7), order(0));
        orders.remove(at(8));
        orders.remove(at(9_999));
        orders.insert(at(5_000), order(5_000));
        assert_eq!((copy.get(&at(7)), copy.get(&at(8))), (Some(&order(7)), Some(&order(8))));
        assert_eq!((orders.get(&at(7)), orders.get(&at(8))), (Some(&order(0)), None));
        let places: Vec<u64> = orders.iter().map(|(position, _)| position.get()).collect();
        let expected: Vec<u64> = (1..=5_000).filter(|n| *n != 8).collect();
        assert_eq!(places, expected);
        assert_eq!(orders.values().count(), 4_999);
        let both = copy.shards.iter().zip(&orders.shards);
        let copied = both.filter(|(old, new)| !Arc::ptr_eq(old, new)).count();
        assert_eq!(copied, 3, "a few writes after a checkpoint copy a few shards");
    }
}
