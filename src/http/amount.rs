//! Amounts and currencies in request bodies, read strictly.
//!
//! A JSON integer or a string of digits; everything else is refused, never rounded. What an
//! amount may do is the ledger's business; this only says which number the client wrote.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::ledger::money::Amount;

/// An amount in minor units, from 1 to [`Amount::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AmountField(u64);

impl AmountField {
    /// The amount.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Reads a text: ASCII digits only, no leading zero.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        // Longer than any amount, so that the parse below cannot overflow.
        const DIGITS_MAX: usize = 16;
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("must be digits only: no sign, fraction, exponent or space");
        }
        if text.len() > 1 && text.starts_with('0') {
            return Err("must not start with a zero");
        }
        if text.len() > DIGITS_MAX {
            return Err(OUT_OF_RANGE);
        }
        text.parse().map_err(|_| OUT_OF_RANGE).and_then(Self::checked)
    }

    fn checked(value: u64) -> Result<Self, &'static str> {
        if (1..=Amount::MAX).contains(&value) { Ok(Self(value)) } else { Err(OUT_OF_RANGE) }
    }
}

const OUT_OF_RANGE: &str = "must be between 1 and 1000000000000000";
const EXPECTED: &str = "an integer or a string of digits";

impl<'de> Deserialize<'de> for AmountField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // `any`, because only then does 1.0 arrive as the float that it is.
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = AmountField;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(EXPECTED)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<AmountField, E> {
        AmountField::checked(value).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, _negative: i64) -> Result<AmountField, E> {
        Err(E::custom(OUT_OF_RANGE))
    }

    fn visit_f64<E: Error>(self, _float: f64) -> Result<AmountField, E> {
        // Fractions, exponents, -0 and integers beyond 64 bits all come here.
        Err(E::custom("must be a plain integer between 1 and 1000000000000000"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<AmountField, E> {
        AmountField::parse(text).map_err(E::custom)
    }
}

/// An ISO 4217 code: three upper-case ASCII letters. Whether it is in use is decided elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CurrencyField([u8; 3]);

impl CurrencyField {
    /// The code as text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("only ASCII letters were let in")
    }

    /// The code's three bytes.
    pub const fn bytes(self) -> [u8; 3] {
        self.0
    }
}

impl<'de> Deserialize<'de> for CurrencyField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(CurrencyVisitor)
    }
}

struct CurrencyVisitor;

impl Visitor<'_> for CurrencyVisitor {
    type Value = CurrencyField;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a currency code like IDR")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<CurrencyField, E> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(CurrencyField(code)),
            _ => Err(E::custom("must be three upper-case letters like IDR")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(json: &str) -> Option<u64> {
        serde_json::from_str::<AmountField>(json).ok().map(AmountField::get)
    }

    #[test]
    fn whole_numbers_in_range_are_taken_in_both_spellings() {
        for value in [1, 9, 10, 25_000, Amount::MAX - 1, Amount::MAX] {
            assert_eq!(amount(&value.to_string()), Some(value));
            assert_eq!(amount(&format!("\"{value}\"")), Some(value));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let numbers = [
            "0",
            "-0",
            "-1",
            "1e3",
            "1E3",
            "1.0",
            "0.1",
            "10.5",
            "1e400",
            "-1e400",
            "01",
            "+1",
            "1000000000000001",
            "9007199254740991",
            "9007199254740992",
            "9007199254740993",
            "18446744073709551615",
            "18446744073709551616",
            "NaN",
            "Infinity",
            "0x10",
            "1_000",
        ];
        for number in numbers {
            assert_eq!(amount(number), None, "{number}");
            assert_eq!(amount(&format!("\"{number}\"")), None, "\"{number}\"");
        }
        let others = [
            "null",
            "true",
            "false",
            "[]",
            "[1]",
            "{}",
            "\"\"",
            "\" 1\"",
            "\"1 \"",
            "\"1\\n\"",
            "\"٣\"",
            "\"１\"",
            "\"1,000\"",
            "\"1.000\"",
            "\"\\u0000\"",
            "\"1\\u0000\"",
        ];
        for other in others {
            assert_eq!(amount(other), None, "{other}");
        }
    }

    #[test]
    fn long_strings_of_digits_are_refused() {
        for digits in [17, 20, 40, 400, 60_000] {
            let nines = "9".repeat(digits);
            assert_eq!(amount(&nines), None);
            assert_eq!(amount(&format!("\"{nines}\"")), None);
        }
    }

    #[test]
    fn a_refusal_says_what_was_expected() {
        let message = |json| serde_json::from_str::<AmountField>(json).unwrap_err().to_string();
        assert!(message("1.0").starts_with("must be a plain integer"));
        assert!(message("null").contains(EXPECTED));
        assert!(message("\"01\"").starts_with("must not start with a zero"));
    }

    #[test]
    fn a_currency_is_three_upper_case_letters() {
        let currency = |json| serde_json::from_str::<CurrencyField>(json).ok();
        assert_eq!(currency("\"IDR\"").unwrap().as_str(), "IDR");
        for json in ["\"idr\"", "\"ID\"", "\"IDRX\"", "\"ÏR\"", "\"ID1\"", "\"\"", "360", "null"] {
            assert!(currency(json).is_none(), "{json}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_text_is_taken_only_if_it_is_how_the_number_is_written(text in "[0-9+-. e]{0,18}") {
            if let Ok(taken) = AmountField::parse(&text) {
                proptest::prop_assert_eq!(taken.get().to_string(), text);
            }
        }
    }
}
