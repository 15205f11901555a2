//! Identities: where an entry stands, who an account or a user is, who asks.
//!
//! Inside, an identity is a small number that indexes a table. Outside it is a ULID behind a prefix
//! (`pay_01J...`): 48 bits of milliseconds, then the number. Such an id is ordered by time, finds
//! its record without an index, and an id that was never given out finds nothing, since its
//! milliseconds must be those of the record.

use std::fmt;
use std::num::NonZeroU64;

use super::time::Timestamp;

/// Place in the journal, counted from 1.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct Position(NonZeroU64);

impl Position {
    /// The first place: every journal opens with its genesis entry there.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// `None` for zero.
    pub const fn new(place: u64) -> Option<Self> {
        match NonZeroU64::new(place) {
            Some(place) => Some(Self(place)),
            None => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The place `count` further on.
    #[must_use]
    pub fn plus(self, count: u64) -> Self {
        Self(self.0.checked_add(count).expect("2^64 entries cannot be written"))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// An account: its row in the book, counted from 0 in the order of opening.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct AccountId(pub u32);

/// A user: their row in the book, counted from 0 in the order of signing up.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct UserId(pub u32);

/// Who asks, and in whose name space a reference lives.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub enum Principal {
    /// Gerbang itself: timers, the first start.
    System,
    /// A person: buyer, merchant or administrator.
    User(UserId),
    /// The operator at the command line.
    Operator,
}

/// The longest text of a [`PublicId`]: a prefix of three letters, `_` and 26 symbols.
pub const PUBLIC_ID_LENGTH: usize = 30;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// An identity as clients see it: `<prefix>_<ULID>`.
///
/// The ULID's 80 bits that are usually random hold the number, so it is unique without chance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicId {
    /// When the thing was recorded, in milliseconds since the Unix epoch (48 bits).
    pub millis: u64,
    /// Position, account or user number.
    pub number: u64,
}

impl PublicId {
    /// The identity of what was recorded at `time` under `number`.
    pub fn new(time: Timestamp, number: u64) -> Self {
        let millis = u64::try_from(time.micros().div_euclid(1_000)).unwrap_or(0);
        Self { millis: millis & 0xFFFF_FFFF_FFFF, number }
    }

    /// The text behind `prefix` (three letters).
    pub fn text(self, prefix: &str) -> String {
        let value = (u128::from(self.millis) << 80) | u128::from(self.number);
        let mut text = String::with_capacity(PUBLIC_ID_LENGTH);
        text.push_str(prefix);
        text.push('_');
        for place in (0..26_u32).rev() {
            let digit = usize::try_from((value >> place.saturating_mul(5)) & 31).unwrap_or(0);
            text.push(char::from(*ALPHABET.get(digit).unwrap_or(&b'0')));
        }
        text
    }

    /// Reads a text made by [`PublicId::text`] with the same prefix; `None` if it is not one.
    pub fn parse(prefix: &str, text: &str) -> Option<Self> {
        let digits = text.strip_prefix(prefix)?.strip_prefix('_')?;
        if digits.len() != 26 {
            return None;
        }
        let mut value = 0_u128;
        for (index, symbol) in digits.bytes().enumerate() {
            let digit = ALPHABET.iter().position(|&known| known == symbol)?;
            if index == 0 && digit > 7 {
                return None;
            }
            value = (value << 5) | u128::try_from(digit).ok()?;
        }
        let number = u64::try_from(value & ((1_u128 << 80) - 1)).ok()?;
        Some(Self { millis: u64::try_from(value >> 80).ok()?, number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_ids_read_back_and_sort_by_time() {
        let early = PublicId::new(Timestamp::from_seconds(1_790_000_000), u64::MAX);
        let late = PublicId::new(Timestamp::from_seconds(1_790_000_001), 1);
        assert!(early.text("pay") < late.text("pay"));
        assert_eq!(early.text("pay").len(), PUBLIC_ID_LENGTH);
        assert_eq!(PublicId::parse("pay", &early.text("pay")), Some(early));
        assert_eq!(PublicId::parse("pay", &late.text("pay")), Some(late));
    }

    #[test]
    fn other_texts_are_no_ids() {
        let good = PublicId::new(Timestamp::from_seconds(1), 7).text("pay");
        assert!(PublicId::parse("pay", &good).is_some());
        let overflow = format!("pay_8{}", "0".repeat(25));
        let lower = good.to_lowercase();
        let wrong = ["", "pay_", "pay", "usr_01", &good[..29], &lower, &overflow, &good[4..]];
        for text in wrong {
            assert!(PublicId::parse("pay", text).is_none(), "{text}");
        }
        assert!(PublicId::parse("usr", &good).is_none());
    }
}
