//! Calls under way: so many in all, and so many of one merchant.
//!
//! # Invariants
//!
//! - A merchant with as many calls under way as one may have keeps no other's out.
//! - A turn is given back when it is dropped, also by a panic.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limits::{MIDTRANS_CALLS_MAX, MIDTRANS_CALLS_OF_ONE_MAX};

/// How many calls are under way.
#[derive(Default)]
pub(super) struct Turns(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    all: usize,
    /// Of merchants with any.
    of: HashMap<Arc<str>, usize>,
}

/// A call that is under way until this is dropped.
pub(super) struct Turn {
    turns: Arc<Turns>,
    merchant: Arc<str>,
}

impl Turns {
    /// A turn for a call of this merchant; `None` if there are too many.
    pub(super) fn begin(self: &Arc<Self>, merchant: &Arc<str>) -> Option<Turn> {
        let mut counts = self.counts();
        let of_one = counts.of.get(merchant).copied().unwrap_or(0);
        if counts.all >= MIDTRANS_CALLS_MAX || of_one >= MIDTRANS_CALLS_OF_ONE_MAX {
            return None;
        }
        counts.all += 1;
        counts.of.insert(Arc::clone(merchant), of_one + 1);
        drop(counts);
        Some(Turn { turns: Arc::clone(self), merchant: Arc::clone(merchant) })
    }

    fn end(&self, merchant: &Arc<str>) {
        let mut counts = self.counts();
        counts.all -= 1;
        if let Some(of_one) = counts.of.get_mut(merchant) {
            *of_one -= 1;
            if *of_one == 0 {
                counts.of.remove(merchant);
            }
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Each change is whole before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.end(&self.merchant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_merchant_has_a_share_and_all_have_so_many() {
        let turns = Arc::new(Turns::default());
        let [first, second] = ["first", "second"].map(Arc::<str>::from);
        let mut under_way = Vec::new();
        for number in 0..MIDTRANS_CALLS_OF_ONE_MAX {
            under_way.push(turns.begin(&first).unwrap_or_else(|| panic!("number {number}")));
        }
        assert!(turns.begin(&first).is_none());
        assert!(turns.begin(&second).is_some(), "kept out by another");
        under_way.pop();
        under_way.push(turns.begin(&first).unwrap());
        let others = (0..).map(|number| Arc::<str>::from(format!("other-{number}")));
        under_way.extend(others.map_while(|other| turns.begin(&other)));
        assert_eq!(under_way.len(), MIDTRANS_CALLS_MAX);
        drop(under_way);
        let counts = turns.counts();
        assert_eq!((counts.all, counts.of.len()), (0, 0), "nothing is left behind");
    }
}
