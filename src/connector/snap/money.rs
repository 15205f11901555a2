//! Amounts as banks write them: `{"value":"10000.00","currency":"IDR"}`.
//!
//! Written with two decimals, read with or without. A balance may hold a fraction of a rupiah
//! (interest does); a transfer of ours never does, so that a fraction in a bank's echo of it is a
//! contradiction like any other amount that is not ours.

use serde_json::{Value, json};

use super::fields::Fields;

/// An amount of one currency. Negative for an overdrawn account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Money {
    /// Hundredths of the currency's unit (IDR: sen).
    pub hundredths: i64,
    /// ISO 4217.
    pub currency: String,
}

impl Money {
    /// So many whole units. `None` beyond what 64 bits of hundredths hold.
    pub fn of_units(units: u64, currency: &str) -> Option<Self> {
        let hundredths = i64::try_from(units).ok()?.checked_mul(100)?;
        Some(Self { hundredths, currency: currency.to_owned() })
    }

    /// From the text of the standard request: whole units from 1, as digits.
    pub fn of_digits(digits: &str, currency: &str) -> Option<Self> {
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        let units = digits.parse().ok().filter(|_| plain)?;
        Self::of_units(units, currency)
    }

    /// An amount object of an answer. `None` if it has no value or currency, or a fraction finer
    /// than hundredths.
    pub fn read(object: &Fields) -> Option<Self> {
        let hundredths = match object.get("value")? {
            Value::String(text) => parse(text.trim())?,
            Value::Number(number) => parse(&number.to_string())?,
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        Some(Self { hundredths, currency: object.text("currency")?.to_owned() })
    }

    /// The whole units, if it is a whole number of them and not negative.
    pub fn units(&self) -> Option<u64> {
        if self.hundredths % 100 == 0 { u64::try_from(self.hundredths / 100).ok() } else { None }
    }

    /// The value with two decimals.
    pub fn value(&self) -> String {
        let sign = if self.hundredths < 0 { "-" } else { "" };
        let size = self.hundredths.unsigned_abs();
        format!("{sign}{}.{:02}", size / 100, size % 100)
    }

    /// As it is sent.
    pub fn to_json(&self) -> Value {
        json!({"value": self.value(), "currency": self.currency})
    }
}

/// Hundredths from `-?digits[.digits]`, of which the third decimal and all after it are zero.
fn parse(text: &str) -> Option<i64> {
    let (negative, size) = match text.strip_prefix('-') {
        Some(size) => (true, size),
        None => (false, text),
    };
    let (whole, fraction) = match size.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (size, ""),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let (cents, finer) = fraction.split_at(fraction.len().min(2));
    if finer.bytes().any(|digit| digit != b'0') {
        return None;
    }
    let cents: i64 = format!("{cents:0<2}").parse().ok()?;
    let size = whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(cents)?;
    Some(if negative { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::super::fields::Names;
    use super::*;

    fn read(json: &str) -> Option<Money> {
        Money::read(&Fields::parse(json.as_bytes(), Names::Exact).unwrap())
    }

    fn value(value: &str) -> Option<i64> {
        read(&format!(r#"{{"value":{value},"currency":"IDR"}}"#)).map(|money| money.hundredths)
    }

    #[test]
    fn decimals_are_read_with_or_without() {
        let table = [
            ("\"10000.00\"", 1_000_000),
            ("\"10000\"", 1_000_000),
            ("\"10000.5\"", 1_000_050),
            ("\"0.01\"", 1),
            ("\"-0.25\"", -25),
            ("\"10000.000\"", 1_000_000),
            ("10000", 1_000_000),
            ("10000.0", 1_000_000),
            ("\"92233720368547758.07\"", i64::MAX),
        ];
        for (text, hundredths) in table {
            assert_eq!(value(text), Some(hundredths), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_not_read() {
        let bad = [
            "\"\"",
            "\"10.001\"",
            "\"10.\"",
            "\".5\"",
            "\"1e3\"",
            "\"+1\"",
            "\"1,000.00\"",
            "\"--1\"",
            "\"1.-1\"",
            "\"\u{663}\"",
            "\"92233720368547758.08\"",
            "1e30",
            "null",
            "[1]",
        ];
        for text in bad {
            assert_eq!(value(text), None, "{text}");
        }
        assert_eq!(read(r#"{"value":"1.00"}"#), None);
    }

    #[test]
    fn two_decimals_are_written() {
        let money = Money::of_digits("10000", "IDR").unwrap();
        assert_eq!(money.to_json().to_string(), r#"{"currency":"IDR","value":"10000.00"}"#);
        assert_eq!((money.units(), money.value().as_str()), (Some(10_000), "10000.00"));
        let odd = Money { hundredths: -5, currency: "IDR".to_owned() };
        assert_eq!((odd.units(), odd.value().as_str()), (None, "-0.05"));
        for bad in ["", "0", "01", "-1", "1.0", "+1", " 1", "99999999999999999999"] {
            assert_eq!(Money::of_digits(bad, "IDR"), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read(hundredths in -i64::MAX..=i64::MAX) {
            let money = Money { hundredths, currency: "IDR".to_owned() };
            assert_eq!(read(&money.to_json().to_string()), Some(money));
        }
    }
}
