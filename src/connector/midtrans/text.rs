//! Amounts, times and ids as Midtrans writes them.

use std::fmt::Write as _;

use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde_json::Value;

use crate::ledger::money::Amount;
use crate::ledger::time::{BOOK_OFFSET_SECONDS, Timestamp};

/// `YYYY-MM-DD HH:MM:SS`.
const TIME_CHARS: usize = 19;

/// An amount as it is told: `44000.00`.
pub fn amount(units: u64) -> String {
    format!("{units}.00")
}

/// Whole units from `44000.00` or `44000`; `None` for anything else, a fraction included.
pub fn read_units(text: &str) -> Option<u64> {
    let whole = text.strip_suffix(".00").unwrap_or(text);
    let digits = whole.bytes().all(|byte| byte.is_ascii_digit());
    whole.parse().ok().filter(|_| digits)
}

/// The same, for what may not be nothing.
pub fn read_amount(text: &str) -> Option<Amount> {
    read_units(text).and_then(Amount::new)
}

/// An amount in a request: a JSON integer of whole rupiah.
pub fn requested_amount(value: &Value) -> Option<Amount> {
    value.as_u64().and_then(Amount::new)
}

/// A moment on the clocks of Jakarta: `2019-10-23 16:33:49`, without an offset.
pub fn time(moment: Timestamp) -> String {
    let text = moment.to_rfc3339(BOOK_OFFSET_SECONDS);
    text.get(..TIME_CHARS).unwrap_or(&text).replace('T', " ")
}

/// The moment of such a text.
pub fn read_time(text: &str) -> Option<Timestamp> {
    moment(text, BOOK_OFFSET_SECONDS)
}

/// A moment with its offset, as in `custom_expiry`: `2016-12-07 11:54:12 +0700`.
pub fn read_time_with_offset(text: &str) -> Option<Timestamp> {
    let (local, offset) = text.split_at_checked(TIME_CHARS)?;
    let offset = offset.strip_prefix(' ')?;
    let (sign, digits) = match offset.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let plain = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit());
    let number: i32 = digits.parse().ok().filter(|_| plain)?;
    let (hours, minutes) = (number / 100, number % 100);
    if hours > 14 || minutes > 59 {
        return None;
    }
    moment(local, sign * (hours * 3600 + minutes * 60))
}

/// A moment with the offset of Jakarta.
pub fn time_with_offset(moment: Timestamp) -> String {
    format!("{} +0700", time(moment))
}

fn moment(text: &str, offset_seconds: i32) -> Option<Timestamp> {
    let shape = b"dddd-dd-dd dd:dd:dd";
    let fits = |(byte, shape): (u8, &u8)| match shape {
        b'd' => byte.is_ascii_digit(),
        _ => byte == *shape,
    };
    if text.len() != shape.len() || !text.bytes().zip(shape).all(fits) {
        return None;
    }
    let local: DateTime = text.replace(' ', "T").parse().ok()?;
    let offset = Offset::from_seconds(offset_seconds).ok()?;
    let time = offset.to_timestamp(local).ok()?;
    Some(Timestamp::from_micros(time.as_microsecond()))
}

/// An id as Midtrans gives them: a UUID of version 4 made of these random bytes.
pub fn uuid(mut random: [u8; 16]) -> String {
    random[6] = random[6] & 0x0f | 0x40;
    random[8] = random[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (place, byte) in random.into_iter().enumerate() {
        if [4, 6, 8, 10].contains(&place) {
            text.push('-');
        }
        write!(text, "{byte:02x}").expect("text takes all that is written to it");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_whole() {
        assert_eq!(amount(44_000), "44000.00");
        let table = [
            ("44000.00", Some(44_000)),
            ("44000", Some(44_000)),
            ("0.00", Some(0)),
            ("44000.0", None),
            ("44000.50", None),
            ("44000.001", None),
            ("-1.00", None),
            ("+1.00", None),
            ("1e3", None),
            ("1,000.00", None),
            (" 1.00", None),
            (".00", None),
            ("", None),
            ("\u{663}.00", None),
            ("18446744073709551616.00", None),
        ];
        for (text, units) in table {
            assert_eq!(read_units(text), units, "{text}");
        }
        assert_eq!(read_amount("0.00"), None);
        assert_eq!(read_amount("1000000000000001.00"), None);
    }

    #[test]
    fn times_are_those_of_jakarta() {
        let moment = Timestamp::parse_rfc3339("2019-10-23T09:33:49Z").unwrap();
        assert_eq!(time(moment), "2019-10-23 16:33:49");
        assert_eq!(read_time("2019-10-23 16:33:49"), Some(moment));
        assert_eq!(read_time_with_offset("2019-10-23 16:33:49 +0700"), Some(moment));
        assert_eq!(read_time_with_offset("2019-10-23 06:03:49 -0330"), Some(moment));
        assert_eq!(time_with_offset(moment), "2019-10-23 16:33:49 +0700");
        for bad in [
            "",
            "2019-10-23",
            "2019-10-23T16:33:49",
            "2019-10-23 16:33:49Z",
            "2019-13-23 16:33:49",
            "2019-02-29 16:33:49",
            "2019-10-23 24:33:49",
            "+019-10-23 16:33:49",
            "2019-10-23 16:33:4\u{663}",
        ] {
            assert_eq!(read_time(bad), None, "{bad}");
        }
        for bad in
            ["", "2019-10-23 16:33:49", "2019-10-23 16:33:49 0700", "2019-10-23 16:33:49 +07"]
        {
            assert_eq!(read_time_with_offset(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_uuid_says_its_version() {
        assert_eq!(uuid([0; 16]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    proptest::proptest! {
        #[test]
        fn no_time_makes_it_panic(text: String) {
            let _ = read_time(&text);
            let _ = read_time_with_offset(&text);
        }
    }
}
