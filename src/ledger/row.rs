//! An account in words: how the book keeps it, and how it is shown to readers.
//!
//! There may be millions of accounts, and most of them never set money aside: what that takes stands
//! apart. The number of an account is that of its row and is not in it.
//!
//! ```text
//!  words  debits, credits, incoming: the lower 64 bits of each
//!         debits u32 | credits u32   what they have above that: see `Total::BITS`
//!         incoming u32 | month u32
//!         owner u32 | kind u8 | currency u24
//!         floor i64
//!         frozen u1 | apart u1 | latest entry u62
//!  apart  held, released: the lower 64 bits; held u32 | released u32
//! ```

use super::account::Account;
use super::event::AccountKind;
use super::id::{AccountId, Position, UserId};
use super::money::{Currency, Total};
use super::time::Month;

/// The words that every account has.
pub type Words = [u64; 8];
/// The words of an account that has ever set money aside.
pub type Apart = [u64; 3];

/// An account in the book.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    words: Words,
    apart: Option<Box<Apart>>,
}

/// What never changes about an account, but its floor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fixed {
    /// What it is for.
    pub kind: AccountKind,
    /// The one currency it is kept in.
    pub currency: Currency,
    /// Whose it is.
    pub owner: Option<UserId>,
}

/// The place of [`Fixed`] among the words.
pub const FIXED: usize = 5;

/// No position gets so far.
const FROZEN: u64 = 1 << 63;
const APART: u64 = 1 << 62;
/// In the place of an owner: no user gets this number.
const NOBODY: u64 = 0xFFFF_FFFF;

impl Row {
    /// The row of `account`.
    pub fn new(account: &Account) -> Self {
        let (words, apart) = pack(account);
        Self { words, apart: apart.map(Box::new) }
    }

    /// The account, if this is the row with its number.
    pub fn account(&self, id: AccountId) -> Account {
        unpack(id, &self.words, self.apart.as_deref())
    }

    /// Follows a change of the account.
    pub fn set(&mut self, account: &Account) {
        let (words, apart) = pack(account);
        self.words = words;
        match (&mut self.apart, apart) {
            (Some(old), Some(new)) => **old = new,
            (old, new) => *old = new.map(Box::new),
        }
    }
}

/// An account in words, and those apart if it needs them.
pub fn pack(account: &Account) -> (Words, Option<Apart>) {
    let Account { debits, credits, incoming, held, released, .. } = account;
    let apart = [lowest(*held), lowest(*released), join(highest(*held), highest(*released))];
    let apart = (apart != Apart::default()).then_some(apart);
    let frozen = if account.frozen { FROZEN } else { 0 };
    let flags = if apart.is_some() { frozen | APART } else { frozen };
    let fixed = u64::from(account.kind.number()) << 24 | account.currency.to_bits();
    let words = [
        lowest(*debits),
        lowest(*credits),
        lowest(*incoming),
        join(highest(*debits), highest(*credits)),
        join(highest(*incoming), account.month.to_bits()),
        join(account.owner.map_or(NOBODY, |owner| owner.0.into()), fixed),
        account.floor.cast_unsigned(),
        account.last.map_or(0, Position::get) | flags,
    ];
    (words, apart)
}

/// The account with this number of what [`pack`] made.
pub fn unpack(id: AccountId, words: &Words, apart: Option<&Apart>) -> Account {
    let [debits, credits, incoming, outer, rest, fixed, floor, last] = *words;
    let [held, released, inner] = apart.copied().unwrap_or_default();
    let Fixed { kind, currency, owner } = unpack_fixed(fixed);
    Account {
        id,
        kind,
        frozen: last & FROZEN != 0,
        currency,
        owner,
        floor: floor.cast_signed(),
        debits: total(debits, high(outer)),
        credits: total(credits, low(outer)),
        held: total(held, high(inner)),
        released: total(released, low(inner)),
        month: Month::from_bits(low(rest)),
        incoming: total(incoming, high(rest)),
        last: Position::new(last & !(FROZEN | APART)),
    }
}

/// What the word at [`FIXED`] says.
pub fn unpack_fixed(word: u64) -> Fixed {
    let owner = u32::try_from(high(word)).expect("the upper half of a word");
    let kind = usize::from(word.to_le_bytes()[3]);
    Fixed {
        kind: *AccountKind::ALL.get(kind).expect("packed from a kind"),
        currency: Currency::from_bits(word),
        owner: (u64::from(owner) != NOBODY).then_some(UserId(owner)),
    }
}

/// Whether the account of these words has some apart.
pub const fn has_apart(words: &Words) -> bool {
    words[7] & APART != 0
}

/// The lower 64 bits of a total.
fn lowest(total: Total) -> u64 {
    u64::try_from(total.units() & u128::from(u64::MAX)).expect("64 bits are left")
}

/// What a total has above 64 bits: 32 bits at most.
fn highest(total: Total) -> u64 {
    u64::try_from(total.units() >> 64).expect("64 bits are left")
}

fn total(low: u64, high: u64) -> Total {
    Total::from_units((u128::from(high) << 64) | u128::from(low))
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

    const ID: AccountId = AccountId(7);

    fn opened(kind: AccountKind, owner: Option<u32>, floor: i64) -> Account {
        let currency = Currency::parse("USD").unwrap();
        let owner = owner.map(UserId);
        Account::new(&AccountOpened {
            account: ID,
            kind,
            currency,
            owner,
            floor,
            by: crate::ledger::id::Principal::System,
        })
    }

    #[test]
    fn what_is_packed_comes_back() {
        let total =
            |high: u32, low: u64| Total::from_units(u128::from(high) << 64 | u128::from(low));
        let new = opened(AccountKind::Wallet, Some(3), 0);
        let full = Account {
            frozen: true,
            debits: total(u32::MAX, 1),
            credits: total(2, u64::MAX),
            incoming: total(u32::MAX - 1, 3),
            held: total(4, 5),
            released: total(5, 4),
            month: Month::from_bits(24_318),
            last: Position::new((1 << 62) - 1),
            ..opened(AccountKind::Suspense, None, i64::MIN)
        };
        let accounts = [
            Account { held: total(0, 1), ..new.clone() },
            Account { held: total(1, 0), ..new.clone() },
            Account { frozen: true, ..new.clone() },
            opened(AccountKind::Escrow, Some(u32::MAX - 1), i64::MAX),
            full,
            new,
        ];
        // From each to each, since a row is written again and again.
        for before in &accounts {
            for after in &accounts {
                let mut row = Row::new(before);
                assert_eq!(row.account(ID), *before);
                row.set(after);
                assert_eq!(row.account(ID), *after);
                assert_eq!(row, Row::new(after));
            }
        }
    }

    #[test]
    fn every_kind_has_the_place_of_its_number() {
        for (number, kind) in AccountKind::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(kind.number()), number);
            let (words, _) = pack(&opened(kind, None, 0));
            assert_eq!(unpack_fixed(words[FIXED]).kind, kind);
        }
    }

    #[test]
    fn a_million_accounts_fit() {
        assert_eq!(size_of::<Row>(), 72);
    }
}
