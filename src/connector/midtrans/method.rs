//! The ways to pay, and what each wants to be told.

use serde_json::{Map, Value};

use super::expiry::Bounds;

/// A bank that gives virtual accounts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Bank {
    /// Bank Central Asia.
    Bca,
    /// Bank Negara Indonesia.
    Bni,
    /// Bank Rakyat Indonesia.
    Bri,
    /// CIMB Niaga.
    Cimb,
    /// Bank Permata; its number is told in a field of its own, and it may be charged by a payment
    /// type of its own.
    Permata,
}

/// A chain of shops.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Store {
    /// Alfamart.
    Alfamart,
    /// Indomaret.
    Indomaret,
}

/// Whose QR it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Acquirer {
    /// GoPay; where none is asked for.
    Gopay,
    /// ShopeePay.
    Airpay,
}

/// A way to pay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Method {
    /// A virtual account.
    BankTransfer(Bank),
    /// A Mandiri bill.
    Echannel,
    /// GoPay.
    Gopay,
    /// A QR of the national standard.
    Qris(Acquirer),
    /// ShopeePay.
    Shopeepay,
    /// Over the counter.
    Cstore(Store),
    /// A card: recognised, and never taken.
    CreditCard,
}

impl Bank {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Bca, Self::Bni, Self::Bri, Self::Cimb, Self::Permata];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bca => "bca",
            Self::Bni => "bni",
            Self::Bri => "bri",
            Self::Cimb => "cimb",
            Self::Permata => "permata",
        }
    }

    /// From its word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bank| bank.name() == text)
    }

    /// Least and most digits of the part of a number that may be chosen.
    const fn digits(self) -> (usize, usize) {
        match self {
            Self::Bca => (6, 11),
            Self::Bni => (1, 8),
            Self::Bri => (1, 13),
            Self::Cimb => (1, 12),
            Self::Permata => (10, 10),
        }
    }

    /// The part of a number that follows from a wish: what is too long loses its last digits, what
    /// is too short gets zeros in front. `None` unless the wish is digits.
    pub fn number(self, wish: &str) -> Option<String> {
        let (min, max) = self.digits();
        if wish.is_empty() || !wish.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let kept = wish.get(..max).unwrap_or(wish);
        Some(format!("{kept:0>min$}"))
    }
}

impl Store {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alfamart => "alfamart",
            Self::Indomaret => "indomaret",
        }
    }

    /// From its word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Alfamart, Self::Indomaret].into_iter().find(|store| store.name() == text)
    }
}

impl Acquirer {
    /// The word for it in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gopay => "gopay",
            Self::Airpay => "airpay",
        }
    }

    /// From its word; requests have `airpay shopee`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "gopay" => Some(Self::Gopay),
            "airpay" | "airpay shopee" => Some(Self::Airpay),
            _ => None,
        }
    }
}

/// Digits of a Mandiri bill key that may be chosen.
const BILL_KEY_DIGITS: std::ops::RangeInclusive<usize> = 6..=12;

impl Method {
    /// `payment_type`, which also names the object that says more.
    pub const fn payment_type(self) -> &'static str {
        match self {
            Self::BankTransfer(_) => "bank_transfer",
            Self::Echannel => "echannel",
            Self::Gopay => "gopay",
            Self::Qris(_) => "qris",
            Self::Shopeepay => "shopeepay",
            Self::Cstore(_) => "cstore",
            Self::CreditCard => "credit_card",
        }
    }

    /// The method of a payment type and what stands in its object.
    ///
    /// # Errors
    /// What is wrong, in Midtrans' manner.
    pub fn read(payment_type: &str, options: &Map<String, Value>) -> Result<Self, String> {
        let word = |name: &str| {
            let value = options.get(name).filter(|value| !value.is_null());
            let missing = || format!("{payment_type}.{name} is required");
            value.ok_or_else(missing).map(|value| value.as_str().unwrap_or_default())
        };
        let wrong = |name: &str| format!("{payment_type}.{name} is not supported");
        Ok(match payment_type {
            "bank_transfer" => {
                Self::BankTransfer(Bank::parse(word("bank")?).ok_or_else(|| wrong("bank"))?)
            }
            "permata" => Self::BankTransfer(Bank::Permata),
            "echannel" => Self::Echannel,
            "gopay" => Self::Gopay,
            "qris" => match word("acquirer") {
                Err(_) => Self::Qris(Acquirer::Gopay),
                Ok(text) => Self::Qris(Acquirer::parse(text).ok_or_else(|| wrong("acquirer"))?),
            },
            "shopeepay" => Self::Shopeepay,
            "cstore" => Self::Cstore(Store::parse(word("store")?).ok_or_else(|| wrong("store"))?),
            "credit_card" => Self::CreditCard,
            _ => return Err("payment_type is not supported".to_owned()),
        })
    }

    /// What is wrong with the rest of its object, one line each.
    pub fn check(self, options: &Map<String, Value>) -> Vec<String> {
        let given = |name: &str| options.get(name).filter(|value| !value.is_null());
        let digits = |value: &Value| {
            let text = value.as_str().unwrap_or_default();
            let plain = text.bytes().all(|byte| byte.is_ascii_digit());
            text.len() * usize::from(plain)
        };
        let mut wrong = Vec::new();
        match self {
            Self::BankTransfer(_) => {
                if given("va_number").is_some_and(|value| digits(value) == 0) {
                    wrong.push("bank_transfer.va_number must be numeric".to_owned());
                }
            }
            Self::Echannel => {
                for name in ["bill_info1", "bill_info2"] {
                    if given(name).and_then(Value::as_str).is_none_or(str::is_empty) {
                        wrong.push(format!("echannel.{name} is required"));
                    }
                }
                if given("bill_key").is_some_and(|key| !BILL_KEY_DIGITS.contains(&digits(key))) {
                    wrong.push("echannel.bill_key must be 6 to 12 digits".to_owned());
                }
            }
            Self::Gopay | Self::Shopeepay => {
                if given("callback_url").is_some_and(|value| !value.is_string()) {
                    wrong.push(format!("{}.callback_url must be a string", self.payment_type()));
                }
            }
            Self::Qris(_) | Self::Cstore(_) | Self::CreditCard => {}
        }
        wrong
    }

    /// Whether it can be paid by here: everything but cards.
    pub const fn is_taken(self) -> bool {
        !matches!(self, Self::CreditCard)
    }

    /// Whether money may go back the way it came.
    pub const fn is_refundable(self) -> bool {
        matches!(self, Self::Gopay | Self::Qris(_) | Self::Shopeepay | Self::CreditCard)
    }

    /// How long a payer may have.
    pub const fn bounds(self) -> Bounds {
        match self {
            Self::BankTransfer(_) | Self::Echannel | Self::Cstore(_) => Bounds::NUMBER,
            Self::Gopay | Self::Qris(Acquirer::Gopay) => Bounds::SCAN,
            Self::Shopeepay | Self::Qris(Acquirer::Airpay) => Bounds::SHOPEE,
            Self::CreditCard => Bounds::CARD,
        }
    }

    /// `status_message` when a charge is made.
    pub const fn created(self) -> &'static str {
        match self {
            Self::BankTransfer(Bank::Permata) => "Success, PERMATA VA transaction is successful",
            Self::BankTransfer(_) => "Success, Bank Transfer transaction is created",
            Self::Echannel => "OK, Mandiri Bill transaction is successful",
            Self::Gopay => "GO-PAY billing created",
            Self::Qris(_) => "QRIS transaction is created",
            Self::Shopeepay => "ShopeePay transaction is created",
            Self::Cstore(_) => "Success, cstore transaction is successful",
            Self::CreditCard => "Success, Credit Card transaction is successful",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &str) -> Map<String, Value> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_wished_number_is_made_to_fit() {
        let table = [
            (Bank::Bca, "12345678911", Some("12345678911")),
            (Bank::Bca, "123456789112", Some("12345678911")),
            (Bank::Bca, "1234", Some("001234")),
            (Bank::Bni, "111111", Some("111111")),
            (Bank::Bni, "123456789", Some("12345678")),
            (Bank::Bri, "7", Some("7")),
            (Bank::Bri, "12345678901234", Some("1234567890123")),
            (Bank::Cimb, "1234567890123", Some("123456789012")),
            (Bank::Permata, "1234567890", Some("1234567890")),
            (Bank::Permata, "12345678901", Some("1234567890")),
            (Bank::Permata, "1", Some("0000000001")),
            (Bank::Bca, "", None),
            (Bank::Bca, "12a", None),
            (Bank::Bca, "\u{663}", None),
            (Bank::Bca, "-1", None),
        ];
        for (bank, wish, number) in table {
            assert_eq!(bank.number(wish).as_deref(), number, "{bank:?} {wish}");
        }
    }

    #[test]
    fn what_a_method_needs_is_asked_for() {
        let table = [
            ("bank_transfer", "{}", "bank_transfer.bank is required"),
            ("bank_transfer", r#"{"bank":"bsm"}"#, "bank_transfer.bank is not supported"),
            ("bank_transfer", r#"{"bank":7}"#, "bank_transfer.bank is not supported"),
            ("cstore", "{}", "cstore.store is required"),
            ("cstore", r#"{"store":"warung"}"#, "cstore.store is not supported"),
            ("qris", r#"{"acquirer":"dana"}"#, "qris.acquirer is not supported"),
            ("bitcoin", "{}", "payment_type is not supported"),
        ];
        for (payment_type, json, message) in table {
            assert_eq!(Method::read(payment_type, &object(json)), Err(message.to_owned()));
        }
        assert_eq!(Method::read("qris", &object("{}")), Ok(Method::Qris(Acquirer::Gopay)));
        let airpay = object(r#"{"acquirer":"airpay shopee"}"#);
        assert_eq!(Method::read("qris", &airpay), Ok(Method::Qris(Acquirer::Airpay)));
    }

    #[test]
    fn what_is_wrong_with_an_object_is_named() {
        let bca = Method::BankTransfer(Bank::Bca);
        let table = [
            (bca, r#"{"va_number":"12x"}"#, 1),
            (bca, r#"{"va_number":12}"#, 1),
            (bca, r#"{"va_number":""}"#, 1),
            (bca, r#"{"va_number":null}"#, 0),
            (Method::Echannel, "{}", 2),
            (Method::Echannel, r#"{"bill_info1":"a","bill_info2":"b"}"#, 0),
            (Method::Echannel, r#"{"bill_info1":"a","bill_info2":"b","bill_key":"12345"}"#, 1),
            (
                Method::Echannel,
                r#"{"bill_info1":"a","bill_info2":"b","bill_key":"1234567890123"}"#,
                1,
            ),
            (Method::Gopay, r#"{"callback_url":7}"#, 1),
            (Method::Gopay, r#"{"callback_url":"x://y"}"#, 0),
        ];
        for (method, json, wrong) in table {
            assert_eq!(method.check(&object(json)).len(), wrong, "{method:?} {json}");
        }
    }
}
