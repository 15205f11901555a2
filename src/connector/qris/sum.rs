//! Sums and percentages as a payload writes them. A sum keeps its text, so that a code that says
//! `869300.00` is written again as it was.

use std::fmt;

use crate::ledger::money::{Amount, BasisPoints};

/// Most characters of a sum.
const SUM_MAX: usize = 13;

/// A sum: digits, perhaps with one or two decimals, in all at most 13 characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sum(String);

impl Sum {
    /// As it is written. `None` if it is not written so, or is zero.
    pub fn parse(text: &str) -> Option<Self> {
        let is_nothing = hundredths(text).filter(|_| text.len() <= SUM_MAX)? == 0;
        if is_nothing { None } else { Some(Self(text.to_owned())) }
    }

    /// So many rupiah. `None` beyond what 13 digits hold.
    pub fn of_rupiah(amount: Amount) -> Option<Self> {
        Self::parse(&amount.to_string())
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Hundredths of the currency's unit (IDR: sen).
    pub fn hundredths(&self) -> u64 {
        hundredths(&self.0).expect("checked when it was made")
    }

    /// The whole rupiah. `None` if there is a fraction of one.
    pub fn rupiah(&self) -> Option<Amount> {
        let hundredths = self.hundredths();
        if hundredths.is_multiple_of(100) { Amount::new(hundredths / 100) } else { None }
    }
}

/// A percentage: hundredths of a percent, from 0.01 to 99.99.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Percent(BasisPoints);

impl Percent {
    /// `None` for nothing, and for 100 % and more.
    pub fn new(points: BasisPoints) -> Option<Self> {
        if (1..=9_999).contains(&points.get()) { Some(Self(points)) } else { None }
    }

    /// From digits, perhaps with one or two decimals, in all at most five characters.
    pub fn parse(text: &str) -> Option<Self> {
        let points = hundredths(text).filter(|_| text.len() <= 5)?;
        Self::new(BasisPoints::new(u16::try_from(points).ok()?)?)
    }

    /// Hundredths of a percent.
    pub const fn points(self) -> BasisPoints {
        self.0
    }
}

/// Without decimals if it is whole, else with two.
impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.get() / 100, self.0.get() % 100) {
            (whole, 0) => write!(f, "{whole}"),
            (whole, part) => write!(f, "{whole}.{part:02}"),
        }
    }
}

/// Hundredths from `digits[.d[d]]`.
fn hundredths(text: &str) -> Option<u64> {
    let (whole, part) = match text.split_once('.') {
        Some((_, part)) if !(1..=2).contains(&part.len()) => return None,
        Some(parts) => parts,
        None => (text, ""),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) {
        return None;
    }
    let part: u64 = format!("{part:0<2}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(part)
}
