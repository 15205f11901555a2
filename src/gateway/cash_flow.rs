//! Money in and out of an account by day, week or month.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::history::{Page, change_of};
use super::{Error, Gateway};
use crate::ledger::id::AccountId;
use crate::ledger::money::{Balance, Total};
use crate::ledger::time::Timestamp;
use crate::limits;

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
    /// What is left of it.
    pub fn net(&self) -> Balance {
        self.money_in.minus(self.money_out)
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
}

impl Gateway {
    /// The flow of an account from `from` to `to` (both included), in buckets of the calendar at
    /// `offset_seconds` from UTC. Blocks while it reads.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there are more changes than one report may read.
    pub fn cash_flow(
        &self,
        account: AccountId,
        range: (Option<Timestamp>, Option<Timestamp>),
        bucket: Bucket,
        offset_seconds: i32,
    ) -> Result<CashFlow, Error> {
        let mut report = CashFlow::default();
        let mut cursor = None;
        let mut read = 0;
        loop {
            let (from, to) = range;
            let page = Page { limit: limits::HISTORY_SCAN_MAX, cursor, from, to };
            let lines = self.walk(account, page, |recorded| change_of(account, recorded))?;
            read += limits::HISTORY_SCAN_MAX;
            for change in &lines.lines {
                let day = bucket.start(change.recorded.time.date(offset_seconds));
                for flow in [report.buckets.entry(day).or_default(), &mut report.total] {
                    flow.count += 1;
                    if change.incoming {
                        flow.money_in = flow.money_in.plus(change.amount);
                    } else {
                        flow.money_out = flow.money_out.plus(change.amount);
                    }
                }
            }
            cursor = lines.next;
            if cursor.is_none() {
                return Ok(report);
            }
            if read >= limits::REPORT_SCAN_MAX {
                return Err(Error::invalid("from", "the range has too many changes: narrow it"));
            }
        }
    }
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
