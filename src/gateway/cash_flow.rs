//! Money in and out of an account by day, week or month.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use jiff::civil::Date;

use super::day_sums::{Day, Reader};
use super::{Error, Gateway};
use crate::ledger::id::AccountId;
use crate::ledger::money::{Amount, Balance, Total};
use crate::ledger::time::Timestamp;

/// How long a bucket is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bucket {
    /// A calendar day.
    Day,
    /// A week from Monday (ISO 8601).
    Week,
    /// A calendar month.
    Month,
}

impl Bucket {
    /// The bucket with this word.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "day" => Some(Self::Day),
            "week" => Some(Self::Week),
            "month" => Some(Self::Month),
            _ => None,
        }
    }

    /// The first day of the bucket that holds `date`.
    fn start(self, date: Date) -> Date {
        match self {
            Self::Day => date,
            Self::Week => {
                let back = i32::from(date.weekday().to_monday_zero_offset());
                date.checked_sub(jiff::Span::new().days(back)).unwrap_or(date)
            }
            Self::Month => date.first_of_month(),
        }
    }
}

/// Money in and out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flow {
    /// All that came in.
    pub money_in: Total,
    /// All that went out.
    pub money_out: Total,
    /// How many changes.
    pub count: u64,
}

impl Flow {
    /// One change.
    pub(super) fn of(incoming: bool, amount: Amount) -> Self {
        let (nothing, some) = (Total::ZERO, Total::ZERO.plus(amount));
        let (money_in, money_out) = if incoming { (some, nothing) } else { (nothing, some) };
        Self { money_in, money_out, count: 1 }
    }

    /// What is left of it.
    pub fn net(&self) -> Balance {
        self.money_in.minus(self.money_out)
    }

    /// Both together.
    #[must_use]
    pub(super) fn plus(&self, other: &Self) -> Self {
        let sum = |a: Total, b: Total| Total::from_units(a.units().saturating_add(b.units()));
        Self {
            money_in: sum(self.money_in, other.money_in),
            money_out: sum(self.money_out, other.money_out),
            count: self.count + other.count,
        }
    }
}

impl Default for Flow {
    fn default() -> Self {
        Self { money_in: Total::ZERO, money_out: Total::ZERO, count: 0 }
    }
}

/// A report.
#[derive(Clone, Debug, Default)]
pub struct CashFlow {
    /// By the first day of each bucket that has a change, oldest first.
    pub buckets: BTreeMap<Date, Flow>,
    /// All of them together.
    pub total: Flow,
    /// How many entries were read for it.
    pub read: usize,
}

impl Gateway {
    /// The flow of an account from `from` to `to` (both included), in buckets of the calendar at
    /// `offset_seconds` from UTC. Blocks while it reads: what came since the last report, and days of
    /// which only a part is wanted.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there are more changes than one report may read.
    pub fn cash_flow(
        &self,
        account: AccountId,
        (from, to): (Option<Timestamp>, Option<Timestamp>),
        bucket: Bucket,
        offset_seconds: i32,
    ) -> Result<CashFlow, Error> {
        let mut reader = Reader::new(self.view(), (account, offset_seconds));
        let sums = self.day_sums.of((account, offset_seconds));
        let mut sums = sums.lock().unwrap_or_else(PoisonError::into_inner);
        let before = sums.days.len();
        let completed = reader.complete(&mut sums, from);
        self.day_sums.grown((account, offset_seconds), sums.days.len().saturating_sub(before));
        completed?;
        let day_of = |time: Timestamp| time.date(offset_seconds);
        let (first, last) = (from.map(day_of), to.map(day_of));
        let range = (first.unwrap_or(Date::MIN), last.unwrap_or(Date::MAX));
        let mut report = CashFlow::default();
        if range.0 > range.1 {
            return Ok(report);
        }
        for (&day, Day { flow, latest }) in sums.days.range(range.0..=range.1) {
            let cut_in =
                first == Some(day) && from.is_some_and(|it| !begins_day(it, offset_seconds));
            let cut_off = last == Some(day) && to.is_some_and(|it| !ends_day(it, offset_seconds));
            let flow =
                if cut_in || cut_off { reader.part((day, *latest), (from, to))? } else { *flow };
            if flow.count > 0 {
                let of_bucket = report.buckets.entry(bucket.start(day)).or_default();
                *of_bucket = of_bucket.plus(&flow);
                report.total = report.total.plus(&flow);
            }
        }
        report.read = reader.read;
        Ok(report)
    }
}

const DAY_MICROS: i64 = 86_400_000_000;

/// How far into its day a moment is, in microseconds.
const fn into_day(time: Timestamp, offset_seconds: i32) -> i64 {
    time.plus_seconds(offset_seconds as i64).micros().rem_euclid(DAY_MICROS)
}

const fn begins_day(time: Timestamp, offset_seconds: i32) -> bool {
    into_day(time, offset_seconds) == 0
}

const fn ends_day(time: Timestamp, offset_seconds: i32) -> bool {
    into_day(time, offset_seconds) == DAY_MICROS - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_begin_on_the_calendar() {
        let date = Date::constant(2026, 11, 21); // a Saturday
        assert_eq!(Bucket::Day.start(date), date);
        assert_eq!(Bucket::Week.start(date), Date::constant(2026, 11, 16));
        assert_eq!(Bucket::Week.start(Date::constant(2026, 11, 16)), Date::constant(2026, 11, 16));
        assert_eq!(Bucket::Month.start(date), Date::constant(2026, 11, 1));
    }
}
