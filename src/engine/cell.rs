//! The committed state of one account, as readers see it.
//!
//! A sequence lock in safe code: the one writer makes the sequence odd, stores the words, makes it
//! even; a reader that saw the same even sequence before and after has one consistent picture. A
//! reader never blocks the writer, and the writer blocks a reader for the time of ten stores.

use std::array;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use arc_swap::ArcSwapOption;

use crate::ledger::account::Account;
use crate::ledger::id::AccountId;
use crate::ledger::row::{self, Apart, FIXED, Fixed, Words};

/// Tries before a reader gives its core away.
const SPINS_MAX: u32 = 64;

/// The published state of one account; of none until the first is stored.
#[derive(Default)]
pub(super) struct Cell {
    sequence: AtomicU64,
    words: [AtomicU64; size_of::<Words>() / 8],
    /// Made when the account first sets money aside.
    apart: ArcSwapOption<[AtomicU64; size_of::<Apart>() / 8]>,
}

impl Cell {
    /// Whether an account is shown here.
    pub(super) fn is_shown(&self) -> bool {
        self.sequence.load(Ordering::Acquire) >= 2
    }

    /// Shows `account` from here on. Called by the writer only, and for the same account always.
    pub(super) fn store(&self, account: &Account) {
        let (words, apart) = row::pack(account);
        let sequence = self.sequence.load(Ordering::Relaxed);
        // Whoever sees this sees what was stored before.
        self.sequence.store(sequence.wrapping_add(1), Ordering::Release);
        fence(Ordering::Release);
        for (word, value) in self.words.iter().zip(words) {
            word.store(value, Ordering::Relaxed);
        }
        if let Some(apart) = apart {
            self.store_apart(apart);
        }
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }

    fn store_apart(&self, apart: Apart) {
        match &*self.apart.load() {
            Some(words) => {
                for (word, value) in words.iter().zip(apart) {
                    word.store(value, Ordering::Relaxed);
                }
            }
            None => self.apart.store(Some(Arc::new(apart.map(AtomicU64::new)))),
        }
    }

    /// What never changes about the account.
    pub(super) fn fixed(&self) -> Option<Fixed> {
        self.is_shown().then(|| row::unpack_fixed(self.words[FIXED].load(Ordering::Relaxed)))
    }

    /// The account as last stored, if this is the cell with its number.
    pub(super) fn load(&self, id: AccountId) -> Option<Account> {
        for tries in 0_u32.. {
            let before = self.sequence.load(Ordering::Acquire);
            if before < 2 {
                return None;
            }
            let words: Words = array::from_fn(|index| self.words[index].load(Ordering::Relaxed));
            let apart = row::has_apart(&words).then(|| self.load_apart());
            fence(Ordering::Acquire);
            if before & 1 == 0 && self.sequence.load(Ordering::Relaxed) == before {
                return Some(row::unpack(id, &words, apart.as_ref()));
            }
            if tries < SPINS_MAX {
                std::hint::spin_loop();
            } else {
                // The writer was interrupted in the middle: it needs this core more than we do.
                std::thread::yield_now();
            }
        }
        unreachable!("the writer finishes within 2^32 tries")
    }

    /// Zeros if it comes before the writer, which the sequence tells.
    fn load_apart(&self) -> Apart {
        let apart = self.apart.load();
        let word =
            |index: usize| apart.as_ref().map_or(0, |words| words[index].load(Ordering::Relaxed));
        array::from_fn(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::event::{AccountKind, AccountOpened};
    use crate::ledger::id::{Position, Principal, UserId};
    use crate::ledger::money::{Currency, Total};
    use crate::ledger::time::Month;

    const ID: AccountId = AccountId(7);

    fn account(step: u64) -> Account {
        let opened = AccountOpened {
            account: ID,
            kind: AccountKind::Wallet,
            currency: Currency::IDR,
            owner: Some(UserId(3)),
            floor: -5,
            by: Principal::System,
        };
        // Every word tells the step, and both ends of a total do.
        let total = Total::from_units((u128::from(step) << 64) | u128::from(step));
        Account {
            frozen: step % 2 == 1,
            debits: total,
            credits: total,
            held: total,
            released: total,
            incoming: total,
            month: Month::from_bits(step),
            last: Position::new(step),
            ..Account::new(&opened)
        }
    }

    fn cell_of(account: &Account) -> Cell {
        let cell = Cell::default();
        cell.store(account);
        cell
    }

    #[test]
    fn what_is_stored_is_loaded() {
        let cell = Cell::default();
        assert_eq!((cell.load(ID), cell.fixed(), cell.is_shown()), (None, None, false));
        for step in [0, 41, 42] {
            cell.store(&account(step));
            assert_eq!(cell.load(ID), Some(account(step)));
        }
        let fixed = cell.fixed().unwrap();
        assert_eq!((fixed.kind, fixed.currency), (AccountKind::Wallet, Currency::IDR));
        assert_eq!(fixed.owner, Some(UserId(3)));
    }

    #[test]
    fn a_million_cells_fit() {
        assert_eq!(size_of::<Cell>(), 80);
    }

    #[test]
    fn a_reader_never_sees_two_stores_at_once() {
        const STORES: u64 = 50_000;
        let cell = cell_of(&account(0));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut latest = 0;
                    while latest < STORES {
                        let seen = cell.load(ID).unwrap();
                        let step = seen.last.map_or(0, Position::get);
                        assert_eq!(seen, account(step));
                        assert!(step >= latest, "an older state after a newer one");
                        latest = step;
                    }
                });
            }
            for step in 1..=STORES {
                cell.store(&account(step));
            }
        });
    }
}
