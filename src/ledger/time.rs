//! Points in time, always given to the ledger as an argument.
//!
//! Nothing here reads a clock: `clock.rs` does, where a request enters and where the writer stamps.

use std::fmt;

use jiff::civil::Date;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::Offset;

/// Microseconds since 1970-01-01T00:00:00Z. Ordered; may be before 1970 only if a test says so.
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
pub struct Timestamp(i64);

/// The offset of the books' calendar: months of the e-money limits turn at midnight in Jakarta.
pub const BOOK_OFFSET_SECONDS: i32 = 7 * 3600;

impl Timestamp {
    /// The first moment, for tests and for a store that has no entry yet.
    pub const EPOCH: Self = Self(0);

    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds since the Unix epoch (a JWT's `NumericDate`), saturating at the ends.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This moment moved by `seconds`, saturating at the ends of time.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Microseconds from `earlier` to this moment; negative if `earlier` is later.
    pub const fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The calendar month of the books (`BOOK_OFFSET_SECONDS`) that holds this moment.
    pub fn month(self) -> Month {
        let date = self.date(BOOK_OFFSET_SECONDS);
        Month(i32::from(date.year()).saturating_mul(12).saturating_add(i32::from(date.month())))
    }

    /// Whole minutes since midnight of the books' day (`BOOK_OFFSET_SECONDS`), 0 to 1,439.
    pub fn minute_of_day(self) -> u16 {
        let seconds = self.seconds().saturating_add(i64::from(BOOK_OFFSET_SECONDS));
        u16::try_from(seconds.rem_euclid(24 * 3600).div_euclid(60)).expect("below 1,440")
    }

    /// The number of the books' day (`BOOK_OFFSET_SECONDS`), counted from 1970.
    pub fn book_day(self) -> i64 {
        self.seconds().saturating_add(i64::from(BOOK_OFFSET_SECONDS)).div_euclid(24 * 3600)
    }

    /// The calendar day at an offset from UTC given in seconds.
    pub fn date(self, offset_seconds: i32) -> Date {
        let (time, offset) = self.local(offset_seconds);
        offset.to_datetime(time).date()
    }

    /// The first moment of a calendar day at an offset from UTC given in seconds.
    pub fn midnight(date: Date, offset_seconds: i32) -> Self {
        let days = jiff::civil::date(1970, 1, 1).until(date).map_or(0, |span| span.get_days());
        let seconds = i64::from(days).saturating_mul(24 * 3600);
        Self::from_seconds(seconds.saturating_sub(i64::from(offset_seconds)))
    }

    /// RFC 3339 with microseconds, at an offset from UTC given in seconds.
    pub fn to_rfc3339(self, offset_seconds: i32) -> String {
        static PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
        let (time, offset) = self.local(offset_seconds);
        PRINTER.timestamp_with_offset_to_string(&time, offset)
    }

    /// From RFC 3339 text with an offset; `None` if it is not that.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|time| Self(time.as_microsecond()))
    }

    fn local(self, offset_seconds: i32) -> (jiff::Timestamp, Offset) {
        // A clock outside jiff's years -9999..9999 is clamped: it only changes what is printed.
        let time = jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        (time, Offset::from_seconds(offset_seconds).unwrap_or(Offset::UTC))
    }
}

/// RFC 3339 in UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339(0))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A calendar month of the books: year * 12 + month.
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
pub struct Month(i32);

impl Month {
    /// Before any month a clock can show.
    pub const NEVER: Self = Self(i32::MIN);

    /// Its year, and its place in it from 1 to 12.
    pub const fn year_and_number(self) -> (i32, i32) {
        let months = self.0.saturating_sub(1);
        (months.div_euclid(12), months.rem_euclid(12).saturating_add(1))
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The month as a word, for where it is published.
    pub fn to_bits(self) -> u64 {
        u64::from(self.0.cast_unsigned())
    }

    /// The month of a word made by [`Month::to_bits`].
    pub fn from_bits(bits: u64) -> Self {
        Self(u32::try_from(bits).map_or(i32::MIN, u32::cast_signed))
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, number) = self.year_and_number();
        write!(f, "{year:04}-{number:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_says_which() {
        let month = |text| Timestamp::parse_rfc3339(text).unwrap().month();
        assert_eq!(month("2026-12-31T16:59:59Z").to_string(), "2026-12");
        assert_eq!(month("2026-12-31T16:59:59Z").next(), month("2026-12-31T17:00:00Z"));
        assert_eq!(month("2026-12-31T17:00:00Z").to_string(), "2027-01");
    }

    #[test]
    fn months_turn_at_midnight_in_jakarta() {
        let before = Timestamp::parse_rfc3339("2026-10-31T16:59:59.999999Z").unwrap();
        let after = Timestamp::parse_rfc3339("2026-10-31T17:00:00Z").unwrap();
        assert_ne!(before.month(), after.month());
        assert_eq!(
            after.month(),
            Timestamp::parse_rfc3339("2026-11-30T16:59:59Z").unwrap().month()
        );
    }

    #[test]
    fn a_day_begins_at_its_midnight() {
        for (year, month, day) in [(1970, 1, 1), (1969, 12, 31), (2026, 11, 21), (2028, 2, 29)] {
            let date = jiff::civil::date(year, month, day);
            let midnight = Timestamp::midnight(date, 7 * 3600);
            let before = Timestamp::from_micros(midnight.micros() - 1);
            assert_eq!(midnight.date(7 * 3600), date);
            assert_ne!(before.date(7 * 3600), date);
        }
    }

    #[test]
    fn text_carries_the_offset() {
        let time = Timestamp::from_seconds(1_792_000_000);
        assert_eq!(time.to_rfc3339(7 * 3600), "2026-10-15T00:46:40.000000+07:00");
        assert_eq!(Timestamp::parse_rfc3339(&time.to_rfc3339(7 * 3600)), Some(time));
        assert_eq!(Timestamp::parse_rfc3339("2026-10-14"), None);
    }
}
