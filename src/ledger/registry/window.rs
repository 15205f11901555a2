//! When a partner is not asked: a stretch of every day.

use std::fmt;

use crate::ledger::time::Timestamp;

/// A stretch of every day, in minutes since midnight at the books' offset (+07:00).
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Window {
    /// Its first minute, 0 to 1,439.
    pub from: u16,
    /// The first minute after it; before `from` if midnight lies between.
    pub until: u16,
}

impl Window {
    /// From `23:30-04:00`. `None` if it is not written so, or has no length.
    pub fn parse(text: &str) -> Option<Self> {
        let (from, until) = text.split_once('-')?;
        let window = Self { from: minute(from)?, until: minute(until)? };
        if window.is_sound() { Some(window) } else { None }
    }

    /// Whether `at` lies in the window.
    pub fn contains(self, at: Timestamp) -> bool {
        let minute = at.minute_of_day();
        if self.from <= self.until {
            self.from <= minute && minute < self.until
        } else {
            self.from <= minute || minute < self.until
        }
    }

    /// Whether both ends are minutes of a day and some time lies between them.
    pub(super) const fn is_sound(self) -> bool {
        self.from < MINUTES_OF_A_DAY && self.until < MINUTES_OF_A_DAY && self.from != self.until
    }
}

const MINUTES_OF_A_DAY: u16 = 24 * 60;

/// The minute of the day that `23:30` is.
fn minute(text: &str) -> Option<u16> {
    let number = |text: &str, below: u16| {
        let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|number| plain && *number < below)
    };
    let (hour, minute) = text.split_once(':')?;
    number(hour, 24)?.checked_mul(60)?.checked_add(number(minute, 60)?)
}

/// As it is parsed.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |minute: u16| (minute.div_euclid(60), minute.rem_euclid(60));
        let ((hour, minute), (until_hour, until_minute)) = (time(self.from), time(self.until));
        write!(f, "{hour:02}:{minute:02}-{until_hour:02}:{until_minute:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_as_they_are_written() {
        for text in ["23:30-04:00", "00:00-23:59", "01:00-02:00"] {
            assert_eq!(Window::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Window::parse("23:30-04:00"), Some(Window { from: 1_410, until: 240 }));
        let wrong = [
            "",
            "22:00",
            "22:00-22:00",
            "24:00-01:00",
            "1:00-2:00",
            "22:60-23:00",
            "+1:00-02:00",
            "22:00-23:00-01:00",
            " 22:00-23:00",
        ];
        for text in wrong {
            assert_eq!(Window::parse(text), None, "{text}");
        }
    }

    #[test]
    fn windows_may_cross_midnight() {
        let at =
            |time: &str| Timestamp::parse_rfc3339(&format!("2026-11-21T{time}+07:00")).unwrap();
        let cases = [
            (60, 120, "00:59:59", false),
            (60, 120, "01:00:00", true),
            (60, 120, "01:59:59", true),
            (60, 120, "02:00:00", false),
            (1_380, 60, "22:59:59", false),
            (1_380, 60, "23:00:00", true),
            (1_380, 60, "00:59:59", true),
            (1_380, 60, "01:00:00", false),
            (1_380, 60, "12:00:00", false),
        ];
        for (from, until, time, expected) in cases {
            assert_eq!(
                Window { from, until }.contains(at(time)),
                expected,
                "{from}-{until} {time}"
            );
        }
    }
}
