//! Amounts, totals and currencies.
//!
//! An amount is what one posting moves; a total is a sum of amounts that only grows; a balance is
//! the difference of two totals and is computed, never kept. There are no floats and no operators:
//! arithmetic is checked and stands here and in `account.rs` only.

use std::fmt;
use std::num::NonZeroU64;

/// What one posting moves: 1 to 10^15 of the currency's minor unit as it is used (IDR: rupiah).
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
pub struct Amount(NonZeroU64);

impl Amount {
    /// The largest amount: 10^15, so that any number of them that fits a disk fits a total.
    pub const MAX: u64 = 1_000_000_000_000_000;

    /// `None` unless `value` is from 1 to [`Amount::MAX`].
    pub const fn new(value: u64) -> Option<Self> {
        match NonZeroU64::new(value) {
            Some(value) if value.get() <= Self::MAX => Some(Self(value)),
            _ => None,
        }
    }

    /// The number of minor units.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// This amount less `other`; `None` if nothing or less would be left.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.get().checked_sub(other.get()) {
            Some(rest) => Self::new(rest),
            None => None,
        }
    }

    /// The share of `rate`, rounded up to a whole minor unit; `None` for a rate of zero.
    pub fn fee_rounded_up(self, rate: BasisPoints) -> Option<Self> {
        let product = u128::from(self.get()).checked_mul(u128::from(rate.0))?;
        Self::new(u64::try_from(product.div_ceil(10_000)).ok()?)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Hundredths of a percent, at most 10,000 (all of it).
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct BasisPoints(u16);

impl BasisPoints {
    /// `None` above 10,000.
    pub const fn new(value: u16) -> Option<Self> {
        if value <= 10_000 { Some(Self(value)) } else { None }
    }

    /// Hundredths of a percent.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// A sum of amounts that only grows.
///
/// It stays below 2^96, which is 79 million million of the largest amounts: more than a disk holds.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Debug,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct Total(u128);

impl Total {
    /// Nothing yet.
    pub const ZERO: Self = Self(0);

    /// Bits that hold every total.
    pub const BITS: u32 = 96;

    /// A total read back from where it was packed.
    pub const fn from_units(units: u128) -> Self {
        Self(units)
    }

    /// The number of minor units.
    pub const fn units(self) -> u128 {
        self.0
    }

    /// This total with `amount` more.
    #[must_use]
    pub fn plus(self, amount: Amount) -> Self {
        let sum = self.0.checked_add(u128::from(amount.get()));
        Self(sum.filter(|sum| *sum < 1 << Self::BITS).expect("so many amounts cannot be stored"))
    }

    /// `self - other`, which may be negative.
    pub fn minus(self, other: Self) -> Balance {
        Balance(
            self.0
                .checked_signed_diff(other.0)
                .expect("totals stay below 2^127: so many amounts cannot be stored"),
        )
    }
}

/// What `credits - debits` yields, in minor units; negative for the accounts money comes from.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Debug,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct Balance(i128);

impl Balance {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A balance of so many minor units.
    pub const fn from_units(units: i128) -> Self {
        Self(units)
    }

    /// The number of minor units.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// This balance with `amount` more.
    #[must_use]
    pub fn plus(self, amount: Amount) -> Self {
        Self(self.0.saturating_add(i128::from(amount.get())))
    }

    /// This balance with `amount` less.
    #[must_use]
    pub fn minus(self, amount: Amount) -> Self {
        Self(self.0.saturating_sub(i128::from(amount.get())))
    }

    /// Whether at least `amount` is there.
    pub fn covers(self, amount: Amount) -> bool {
        self.0 >= i128::from(amount.get())
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// An ISO 4217 code: three upper-case letters.
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
pub struct Currency([u8; 3]);

impl Currency {
    /// The rupiah, used without its sen.
    pub const IDR: Self = Self(*b"IDR");

    /// `None` unless `code` is three upper-case ASCII letters.
    pub fn parse(code: &str) -> Option<Self> {
        let code: [u8; 3] = code.as_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_uppercase).then_some(Self(code))
    }

    /// The currency in 24 bits, for where it is packed.
    pub fn to_bits(self) -> u64 {
        let Self([a, b, c]) = self;
        u64::from(u32::from_le_bytes([a, b, c, 0]))
    }

    /// The currency of the lowest 24 bits, made by [`Currency::to_bits`].
    pub const fn from_bits(bits: u64) -> Self {
        let [a, b, c, ..] = bits.to_le_bytes();
        Self([a, b, c])
    }

    /// The three letters.
    pub fn code(&self) -> &str {
        // Letters when made; a journal that was tampered with may hold anything.
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_end_at_ten_to_the_fifteenth() {
        assert!(Amount::new(0).is_none());
        assert!(Amount::new(1).is_some());
        assert!(Amount::new(Amount::MAX).is_some());
        assert!(Amount::new(Amount::MAX + 1).is_none());
    }

    #[test]
    fn fees_round_up_and_never_vanish() {
        let rate = |points| BasisPoints::new(points).unwrap();
        let fee = |amount, points| {
            Amount::new(amount).unwrap().fee_rounded_up(rate(points)).map(Amount::get)
        };
        assert_eq!(fee(10_000, 70), Some(70));
        assert_eq!(fee(10_001, 70), Some(71));
        assert_eq!(fee(1, 1), Some(1));
        assert_eq!(fee(1, 0), None);
        assert_eq!(fee(Amount::MAX, 10_000), Some(Amount::MAX));
        assert!(BasisPoints::new(10_001).is_none());
    }

    #[test]
    fn currencies_are_three_capital_letters() {
        assert_eq!(Currency::parse("IDR"), Some(Currency::IDR));
        for wrong in ["", "ID", "idr", "IDRX", "I R", "ÍD"] {
            assert!(Currency::parse(wrong).is_none(), "{wrong}");
        }
    }
}
