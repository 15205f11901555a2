//! The committed state of one account, as readers see it.
//!
//! A sequence lock in safe code: the one writer makes the sequence odd, stores the words, makes it
//! even; a reader that saw the same even sequence before and after has one consistent picture. A
//! reader never blocks the writer, and the writer blocks a reader for the time of eleven stores.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use crate::ledger::account::Account;
use crate::ledger::event::AccountKind;
use crate::ledger::id::{AccountId, Position, UserId};
use crate::ledger::money::{Currency, Total};
use crate::ledger::time::Month;

/// What changes about an account, in 64-bit words: the low bits of five totals; what they have above
/// 64 bits, by twos, and the month; the latest entry, with the freeze in the topmost bit.
const WORDS: usize = 9;

/// No position gets so far.
const FROZEN: u64 = 1 << 63;

/// Tries before a reader gives its core away.
const SPINS_MAX: u32 = 64;

/// The published state of one account.
pub(super) struct Cell {
    sequence: AtomicU64,
    words: [AtomicU64; WORDS],
    /// What never changes about it, with totals at zero.
    blank: Blank,
}

/// What never changes about an account.
struct Blank {
    id: AccountId,
    kind: AccountKind,
    currency: Currency,
    owner: Option<UserId>,
    floor: i64,
}

impl Cell {
    /// A cell that shows `account`.
    pub(super) fn new(account: &Account) -> Self {
        let Account { id, kind, currency, owner, floor, .. } = *account;
        let cell = Self {
            sequence: AtomicU64::new(0),
            words: std::array::from_fn(|_| AtomicU64::new(0)),
            blank: Blank { id, kind, currency, owner, floor },
        };
        cell.store(account);
        cell
    }

    /// Shows `account` from here on. Called by the writer only.
    pub(super) fn store(&self, account: &Account) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        for (word, value) in self.words.iter().zip(pack(account)) {
            word.store(value, Ordering::Relaxed);
        }
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }

    /// What the account is for.
    pub(super) const fn kind(&self) -> AccountKind {
        self.blank.kind
    }

    /// The currency the account is kept in.
    pub(super) const fn currency(&self) -> Currency {
        self.blank.currency
    }

    /// Whose the account is.
    pub(super) const fn owner(&self) -> Option<UserId> {
        self.blank.owner
    }

    /// The account as last stored.
    pub(super) fn load(&self) -> Account {
        for tries in 0_u32.. {
            let before = self.sequence.load(Ordering::Acquire);
            let words: [u64; WORDS] =
                std::array::from_fn(|index| self.words[index].load(Ordering::Relaxed));
            fence(Ordering::Acquire);
            if before & 1 == 0 && self.sequence.load(Ordering::Relaxed) == before {
                return self.unpack(words);
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

    fn unpack(&self, words: [u64; WORDS]) -> Account {
        let [debits, credits, held, released, incoming, outer, inner, rest, last] = words;
        let Blank { id, kind, currency, owner, floor } = self.blank;
        Account {
            id,
            kind,
            frozen: last & FROZEN != 0,
            currency,
            owner,
            floor,
            debits: total(debits, high(outer)),
            credits: total(credits, low(outer)),
            held: total(held, high(inner)),
            released: total(released, low(inner)),
            incoming: total(incoming, high(rest)),
            month: Month::from_bits(low(rest)),
            last: Position::new(last & !FROZEN),
        }
    }
}

fn pack(account: &Account) -> [u64; WORDS] {
    let Account { debits, credits, held, released, incoming, .. } = account;
    let last = account.last.map_or(0, Position::get);
    [
        lowest(*debits),
        lowest(*credits),
        lowest(*held),
        lowest(*released),
        lowest(*incoming),
        join(highest(*debits), highest(*credits)),
        join(highest(*held), highest(*released)),
        join(highest(*incoming), account.month.to_bits()),
        if account.frozen { last | FROZEN } else { last },
    ]
}

/// The lower 64 bits of a total.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is taken on purpose")]
const fn lowest(total: Total) -> u64 {
    total.units() as u64
}

/// What a total has above 64 bits: 32 bits at most.
const fn highest(total: Total) -> u64 {
    (total.units() >> 64) as u64
}

const fn total(low: u64, high: u64) -> Total {
    Total::from_units(((high as u128) << 64) | low as u128)
}

/// Two numbers of 32 bits in one word.
const fn join(high: u64, low: u64) -> u64 {
    (high << 32) | low
}

const fn high(word: u64) -> u64 {
    word >> 32
}

const fn low(word: u64) -> u64 {
    word & 0xFFFF_FFFF
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::event::AccountOpened;

    fn account(step: u64) -> Account {
        let opened = AccountOpened {
            account: AccountId(7),
            kind: AccountKind::Wallet,
            currency: Currency::IDR,
            owner: Some(UserId(3)),
            floor: -5,
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

    #[test]
    fn what_is_stored_is_loaded() {
        let cell = Cell::new(&account(0));
        assert_eq!(cell.load(), account(0));
        cell.store(&account(41));
        assert_eq!(cell.load(), account(41));
        assert_eq!((cell.kind(), cell.currency()), (AccountKind::Wallet, Currency::IDR));
    }

    #[test]
    fn a_reader_never_sees_two_stores_at_once() {
        const STORES: u64 = 50_000;
        let cell = Cell::new(&account(0));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut latest = 0;
                    while latest < STORES {
                        let seen = cell.load();
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
