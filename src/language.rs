//! Amounts, months and moments as people read them, in Indonesian and English.
//!
//! A leaf: it reads no clock and knows no request. The language is chosen by the text of an
//! `Accept-Language` header (RFC 9110, 12.5.4); Indonesian where nothing says otherwise.

use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::ledger::money::Currency;
use crate::ledger::time::{Month, Timestamp};

/// A language that people are answered in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// `id`.
    Indonesian,
    /// `en`.
    English,
}

const MONTHS: [(&str, &str); 12] = [
    ("Januari", "January"),
    ("Februari", "February"),
    ("Maret", "March"),
    ("April", "April"),
    ("Mei", "May"),
    ("Juni", "June"),
    ("Juli", "July"),
    ("Agustus", "August"),
    ("September", "September"),
    ("Oktober", "October"),
    ("November", "November"),
    ("Desember", "December"),
];

/// The quality of a range that says none, in thousandths.
const FULL: u16 = 1_000;

impl Language {
    /// The language that an `Accept-Language` asks for most. Of what is asked for equally, the
    /// first; what is malformed is passed over, as nothing rests on it.
    pub fn accepted(header: &str) -> Self {
        let mut best: Option<(Self, u16)> = None;
        let mut refused = [false; 2];
        for range in header.split(',') {
            let Some((tag, quality)) = range_of(range) else { continue };
            let Some(language) = Self::of_tag(tag) else { continue };
            refused[usize::from(language == Self::English)] |= quality == 0;
            if quality > best.map_or(0, |(_, most)| most) {
                best = Some((language, quality));
            }
        }
        match (best, refused) {
            (Some((language, _)), _) => language,
            // Whoever refuses one language and names no other gets the other.
            (None, [true, false]) => Self::English,
            (None, _) => Self::Indonesian,
        }
    }

    /// `id`, its old name `in`, `en`, with anything behind them; `*` leaves the choice to us.
    fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        if primary == "*" || ["id", "in"].iter().any(|id| primary.eq_ignore_ascii_case(id)) {
            Some(Self::Indonesian)
        } else {
            primary.eq_ignore_ascii_case("en").then_some(Self::English)
        }
    }

    /// Its tag, for `Content-Language`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Indonesian => "id",
            Self::English => "en",
        }
    }

    /// `Rp25.000` or `IDR 25,000`. Units are those of the books: whole rupiah, and hundredths of
    /// what has hundredths.
    pub fn amount(self, currency: Currency, units: u128) -> String {
        let decimals = decimals(currency);
        let (separator, point) = match self {
            Self::Indonesian => ('.', ','),
            Self::English => (',', '.'),
        };
        let scale = 10_u128.pow(decimals);
        let mut number = grouped(units / scale, separator);
        if decimals > 0 {
            let width = usize::try_from(decimals).unwrap_or_default();
            number.push(point);
            number.push_str(&format!("{:0width$}", units % scale));
        }
        match (self, currency.code()) {
            (Self::Indonesian, "IDR") => format!("Rp{number}"),
            (_, code) => format!("{code} {number}"),
        }
    }

    /// `November 2026`.
    pub fn month(self, month: Month) -> String {
        let (year, number) = month.year_and_number();
        format!("{} {year}", self.month_name(number))
    }

    /// `21 November 2026 14.05 WIB` or `21 November 2026, 14:05 (GMT+7)`, at an offset from UTC in
    /// seconds.
    pub fn moment(self, time: Timestamp, offset_seconds: i32) -> String {
        let at = local(time, offset_seconds);
        let (day, month) = (at.day(), self.month_name(i32::from(at.month())));
        let (year, hour, minute) = (at.year(), at.hour(), at.minute());
        let zone = self.zone(offset_seconds);
        match self {
            Self::Indonesian => format!("{day} {month} {year} {hour:02}.{minute:02} {zone}"),
            Self::English => format!("{day} {month} {year}, {hour:02}:{minute:02} ({zone})"),
        }
    }

    fn month_name(self, number: i32) -> &'static str {
        let index = usize::try_from(number.saturating_sub(1)).unwrap_or_default();
        match (MONTHS.get(index), self) {
            (Some((indonesian, _)), Self::Indonesian) => indonesian,
            (Some((_, english)), Self::English) => english,
            (None, _) => "",
        }
    }

    /// The zones of Indonesia have names there; all others are told by their distance.
    fn zone(self, offset_seconds: i32) -> String {
        let hours = offset_seconds / 3_600;
        match (self, hours, offset_seconds % 3_600) {
            (Self::Indonesian, 7, 0) => "WIB".to_owned(),
            (Self::Indonesian, 8, 0) => "WITA".to_owned(),
            (Self::Indonesian, 9, 0) => "WIT".to_owned(),
            (_, 0, 0) => "GMT".to_owned(),
            (_, _, 0) => format!("GMT{hours:+}"),
            (_, _, rest) => {
                let sign = if offset_seconds < 0 { '-' } else { '+' };
                format!("GMT{sign}{}:{:02}", hours.abs(), rest.abs() / 60)
            }
        }
    }
}

/// A range of an `Accept-Language` and its quality in thousandths.
fn range_of(range: &str) -> Option<(&str, u16)> {
    let mut parts = range.split(';').map(str::trim);
    let tag = parts.next().filter(|tag| !tag.is_empty())?;
    let Some(weight) = parts.next() else { return Some((tag, FULL)) };
    let value = weight.strip_prefix("q=").or_else(|| weight.strip_prefix("Q="))?;
    if parts.next().is_some() {
        return None;
    }
    Some((tag, quality(value)?))
}

/// `0`, `0.5`, `0.123`, `1`, `1.000`: in thousandths.
fn quality(text: &str) -> Option<u16> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits = rest.len() <= 3 && rest.bytes().all(|digit| digit.is_ascii_digit());
    let thousandths = format!("{rest:0<3}").parse::<u16>().ok().filter(|_| digits)?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(FULL),
        _ => None,
    }
}

/// How many of an amount's digits stand behind the point (ISO 4217). The rupiah is kept whole.
fn decimals(currency: Currency) -> u32 {
    match currency.code() {
        "IDR" | "JPY" | "KRW" | "VND" | "CLP" | "ISK" | "PYG" | "UGX" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// `44.000`, as an amount of rupiah is written.
pub fn rupiah(amount: u64) -> String {
    grouped(u128::from(amount), '.')
}

fn grouped(number: u128, separator: char) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

fn local(time: Timestamp, offset_seconds: i32) -> DateTime {
    let offset = Offset::from_seconds(offset_seconds).unwrap_or(Offset::UTC);
    let time = jiff::Timestamp::from_microsecond(time.micros()).unwrap_or(jiff::Timestamp::MAX);
    offset.to_datetime(time)
}

#[cfg(test)]
mod tests {
    use super::Language::{English, Indonesian};
    use super::*;

    #[test]
    fn headers_and_the_language_they_ask_for() {
        let cases = [
            ("", Indonesian),
            ("id", Indonesian),
            ("in-ID", Indonesian),
            ("en", English),
            ("EN-us", English),
            ("en-US,en;q=0.9,id;q=0.8", English),
            ("en;q=0.8, id-ID;q=0.9", Indonesian),
            ("en;q=0.5, id;q=0.5", English),
            ("id;q=0.5, en;q=0.5", Indonesian),
            ("fr, de;q=0.9", Indonesian),
            ("fr, en;q=0.1", English),
            ("*", Indonesian),
            ("en;q=0.1, *;q=0.2", Indonesian),
            ("id;q=0", English),
            ("id;q=0, en;q=0", Indonesian),
            ("en;q=0.000", Indonesian),
            ("en;q=1.000,id", English),
            ("en;q=2,id;q=0.1", Indonesian),
            ("en;q=0.1234,id;q=0.1", Indonesian),
            ("en;q=,id;q=0.1", Indonesian),
            ("en;q=+0.9,id;q=0.1", Indonesian),
            ("english", Indonesian),
            (";q=1,en", English),
            ("en ; Q=0.7 , id ; q=0.6", English),
            ("en;level=1,id;q=0.1", Indonesian),
        ];
        for (header, language) in cases {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }

    #[test]
    fn amounts() {
        let cases = [
            ("IDR", 0, "Rp0", "IDR 0"),
            ("IDR", 999, "Rp999", "IDR 999"),
            ("IDR", 25_000, "Rp25.000", "IDR 25,000"),
            ("IDR", 1_250_000, "Rp1.250.000", "IDR 1,250,000"),
            ("IDR", 1_000_000_000_000_000, "Rp1.000.000.000.000.000", "IDR 1,000,000,000,000,000"),
            ("USD", 5, "USD 0,05", "USD 0.05"),
            ("USD", 123_456, "USD 1.234,56", "USD 1,234.56"),
            ("KWD", 1_500, "KWD 1,500", "KWD 1.500"),
            ("JPY", 1_500, "JPY 1.500", "JPY 1,500"),
        ];
        for (currency, units, indonesian, english) in cases {
            let currency = Currency::parse(currency).unwrap();
            assert_eq!(Indonesian.amount(currency, units), indonesian);
            assert_eq!(English.amount(currency, units), english);
        }
    }

    #[test]
    fn moments() {
        let cases = [
            (
                "2026-11-21T07:05:00Z",
                25_200,
                "21 November 2026 14.05 WIB",
                "21 November 2026, 14:05 (GMT+7)",
            ),
            (
                "2026-12-31T16:59:59Z",
                25_200,
                "31 Desember 2026 23.59 WIB",
                "31 December 2026, 23:59 (GMT+7)",
            ),
            (
                "2026-12-31T17:00:00Z",
                25_200,
                "1 Januari 2027 00.00 WIB",
                "1 January 2027, 00:00 (GMT+7)",
            ),
            ("2026-05-01T00:00:00Z", 28_800, "1 Mei 2026 08.00 WITA", "1 May 2026, 08:00 (GMT+8)"),
            (
                "2026-08-17T00:00:00Z",
                32_400,
                "17 Agustus 2026 09.00 WIT",
                "17 August 2026, 09:00 (GMT+9)",
            ),
            ("2026-08-17T09:00:00Z", 0, "17 Agustus 2026 09.00 GMT", "17 August 2026, 09:00 (GMT)"),
            (
                "2026-08-17T00:00:00Z",
                19_800,
                "17 Agustus 2026 05.30 GMT+5:30",
                "17 August 2026, 05:30 (GMT+5:30)",
            ),
            (
                "2026-08-17T09:00:00Z",
                -12_600,
                "17 Agustus 2026 05.30 GMT-3:30",
                "17 August 2026, 05:30 (GMT-3:30)",
            ),
        ];
        for (time, offset, indonesian, english) in cases {
            let time = Timestamp::parse_rfc3339(time).unwrap();
            assert_eq!(Indonesian.moment(time, offset), indonesian);
            assert_eq!(English.moment(time, offset), english);
        }
    }

    #[test]
    fn months() {
        let month = |text: &str| Timestamp::parse_rfc3339(text).unwrap().month();
        let names = (1..=12).map(|number| {
            let month = month(&format!("2026-{number:02}-15T00:00:00Z"));
            (Indonesian.month(month), English.month(month))
        });
        let expected = MONTHS.map(|(id, en)| (format!("{id} 2026"), format!("{en} 2026")));
        assert_eq!(names.collect::<Vec<_>>(), expected);
    }
}
