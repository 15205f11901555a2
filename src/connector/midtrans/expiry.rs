//! How long a payer has.

use serde_json::{Map, Value, json};

use super::text;
use crate::ledger::time::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How long a method gives, in seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Where nothing is asked for.
    pub default: i64,
    /// At least.
    pub min: i64,
    /// At most.
    pub max: i64,
}

impl Bounds {
    /// Numbers to pay to: virtual accounts, bills, shops.
    pub const NUMBER: Self = Self { default: DAY, min: 20, max: 180 * DAY };
    /// What a wallet scans.
    pub const SCAN: Self = Self { default: 15 * MINUTE, min: 20, max: 7 * DAY };
    /// `ShopeePay`, also behind a QR.
    pub const SHOPEE: Self = Self { default: 15 * MINUTE, min: 20, max: 5 * DAY };
    /// The page on which a card's bank asks.
    pub const CARD: Self = Self { default: 10 * MINUTE, min: 20, max: 8 * DAY };
}

/// A unit of time in `custom_expiry`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// A second.
    Second,
    /// A minute; where none is given.
    Minute,
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl Unit {
    const ALL: [Self; 4] = [Self::Second, Self::Minute, Self::Hour, Self::Day];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// From its word; Snap has plurals too.
    pub fn parse(text: &str) -> Option<Self> {
        let word = text.strip_suffix('s').unwrap_or(text);
        Self::ALL.into_iter().find(|unit| unit.name() == word)
    }

    /// Its length in seconds.
    pub const fn seconds(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::Minute => MINUTE,
            Self::Hour => HOUR,
            Self::Day => DAY,
        }
    }
}

/// `custom_expiry`: how long this payer has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CustomExpiry {
    /// From when; from the transaction's time if it is not given.
    pub order_time: Option<Timestamp>,
    /// So many units.
    pub duration: u32,
    /// Minutes if it is not given.
    pub unit: Option<Unit>,
}

impl CustomExpiry {
    /// When it is too late for what begins at `now`.
    pub const fn end(&self, now: Timestamp) -> Timestamp {
        let unit = match self.unit {
            Some(unit) => unit,
            None => Unit::Minute,
        };
        let start = match self.order_time {
            Some(time) => time,
            None => now,
        };
        // A u32 of days is far from the ends of 64 bits.
        start.plus_seconds(unit.seconds() * self.duration as i64)
    }

    /// As it is sent.
    pub fn to_json(&self) -> Value {
        let mut object = json!({"expiry_duration": self.duration});
        if let Some(time) = self.order_time {
            object["order_time"] = text::time_with_offset(time).into();
        }
        if let Some(unit) = self.unit {
            object["unit"] = unit.name().into();
        }
        object
    }

    /// From what was sent.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(object: &Map<String, Value>) -> Result<Self, &'static str> {
        let given = |name: &str| object.get(name).filter(|value| !value.is_null());
        let order_time =
            match given("order_time") {
                None => None,
                Some(value) => {
                    let time = value.as_str().and_then(text::read_time_with_offset);
                    Some(time.ok_or(
                        "custom_expiry.order_time must look like 2016-12-07 11:54:12 +0700",
                    )?)
                }
            };
        let unit = match given("unit") {
            None => None,
            Some(value) => {
                let unit = value.as_str().and_then(Unit::parse);
                Some(unit.ok_or("custom_expiry.unit must be second, minute, hour or day")?)
            }
        };
        let duration =
            given("expiry_duration").ok_or("custom_expiry.expiry_duration is required")?;
        let duration = duration.as_u64().and_then(|number| u32::try_from(number).ok());
        let duration = duration.filter(|number| *number > 0);
        let duration = duration.ok_or("custom_expiry.expiry_duration is not a valid number")?;
        Ok(Self { order_time, duration, unit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<CustomExpiry, &'static str> {
        CustomExpiry::read(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn the_sample_is_read_and_written_alike() {
        let sample =
            r#"{"order_time":"2016-12-07 11:54:12 +0700","expiry_duration":60,"unit":"minute"}"#;
        let expiry = read(sample).unwrap();
        assert_eq!(expiry.to_json(), serde_json::from_str::<Value>(sample).unwrap());
        let end = Timestamp::parse_rfc3339("2016-12-07T12:54:12+07:00").unwrap();
        assert_eq!(expiry.end(Timestamp::EPOCH), end);
    }

    #[test]
    fn minutes_from_now_unless_it_says_otherwise() {
        let table = [
            (r#"{"expiry_duration":2}"#, 120),
            (r#"{"expiry_duration":2,"unit":"second"}"#, 2),
            (r#"{"expiry_duration":2,"unit":"hours"}"#, 7_200),
            (r#"{"expiry_duration":2,"unit":"day","order_time":null}"#, 172_800),
        ];
        for (json, seconds) in table {
            let end = read(json).unwrap().end(Timestamp::from_seconds(5));
            assert_eq!(end.seconds(), seconds + 5, "{json}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let table = [
            ("{}", "expiry_duration"),
            (r#"{"expiry_duration":0}"#, "expiry_duration"),
            (r#"{"expiry_duration":-1}"#, "expiry_duration"),
            (r#"{"expiry_duration":1.5}"#, "expiry_duration"),
            (r#"{"expiry_duration":"60"}"#, "expiry_duration"),
            (r#"{"expiry_duration":4294967296}"#, "expiry_duration"),
            (r#"{"expiry_duration":1,"unit":"week"}"#, "unit"),
            (r#"{"expiry_duration":1,"unit":7}"#, "unit"),
            (r#"{"expiry_duration":1,"order_time":"2016-12-07 11:54:12"}"#, "order_time"),
        ];
        for (json, field) in table {
            assert!(read(json).unwrap_err().contains(field), "{json}");
        }
    }
}
