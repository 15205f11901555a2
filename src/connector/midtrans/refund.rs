//! Asks for money to be given back.

use serde_json::{Map, Value};

use super::charge::Refused;
use super::text;
use crate::connector::snap::fields::{Fields, Names};
use crate::ledger::money::Amount;
use crate::limits::MIDTRANS_TEXT_MAX;

/// What is to be given back.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RefundRequest {
    /// Its own name: what is asked again under it is done once.
    pub key: Option<String>,
    /// So much; all that is left where none is given.
    pub amount: Option<Amount>,
    /// Why.
    pub reason: Option<String>,
}

impl RefundRequest {
    /// From a body. Nothing at all, `{}` and `null` ask for everything.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(body: &[u8]) -> Result<Self, Refused> {
        if [&b""[..], b"null"].contains(&body.trim_ascii()) {
            return Ok(Self::default());
        }
        let fields = Fields::parse(body, Names::Exact).ok_or(Refused::Syntax)?;
        let mut wrong = Vec::new();
        let mut words = |name: &str| -> Option<String> {
            let value = fields.get(name)?;
            let text = value.as_str().filter(|text| text.chars().count() <= MIDTRANS_TEXT_MAX);
            if text.is_none() {
                wrong.push(format!(
                    "{name} must be a string of at most {MIDTRANS_TEXT_MAX} characters"
                ));
            }
            text.map(ToOwned::to_owned)
        };
        let (key, reason) = (words("refund_key"), words("reason"));
        if key.as_deref().is_some_and(|key| !is_key(key)) {
            wrong.push("refund_key must be letters, digits, - and _".to_owned());
        }
        let amount = fields.get("amount").map(text::requested_amount);
        if amount == Some(None) {
            wrong.push("amount is not a number of at least 1".to_owned());
        }
        if wrong.is_empty() {
            Ok(Self { key, amount: amount.flatten(), reason })
        } else {
            Err(Refused::Invalid(wrong))
        }
    }

    /// As it is sent.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        if let Some(key) = &self.key {
            object.insert("refund_key".to_owned(), key.as_str().into());
        }
        if let Some(amount) = self.amount {
            object.insert("amount".to_owned(), amount.get().into());
        }
        if let Some(reason) = &self.reason {
            object.insert("reason".to_owned(), reason.as_str().into());
        }
        Value::Object(object)
    }
}

/// Whether a refund may be named so.
pub fn is_key(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=MIDTRANS_TEXT_MAX).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let body = r#"{"refund_key":"reference1","amount":5000,"reason":"for some reason"}"#;
        let request = RefundRequest::read(body.as_bytes()).unwrap();
        assert_eq!(request.to_json(), serde_json::from_str::<Value>(body).unwrap());
        assert_eq!(request.amount, Amount::new(5_000));
    }

    #[test]
    fn nothing_asks_for_everything() {
        for body in ["", "{}", "null", " ", "{\"amount\":null}", "{\"unknown\":1}"] {
            assert_eq!(
                RefundRequest::read(body.as_bytes()),
                Ok(RefundRequest::default()),
                "{body}"
            );
        }
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (body, field) in [
            (r#"{"amount":0}"#, "amount"),
            (r#"{"amount":-1}"#, "amount"),
            (r#"{"amount":1.5}"#, "amount"),
            (r#"{"amount":"5000"}"#, "amount"),
            (r#"{"amount":1000000000000001}"#, "amount"),
            (r#"{"refund_key":""}"#, "refund_key"),
            (r#"{"refund_key":"a b"}"#, "refund_key"),
            (r#"{"refund_key":7}"#, "refund_key"),
            (r#"{"reason":7}"#, "reason"),
        ] {
            let Err(Refused::Invalid(wrong)) = RefundRequest::read(body.as_bytes()) else {
                panic!("{body} was taken");
            };
            assert!(wrong[0].contains(field), "{body}");
        }
        for body in ["[]", "7", "{", r#"{"amount":1,"amount":2}"#] {
            assert_eq!(RefundRequest::read(body.as_bytes()), Err(Refused::Syntax), "{body}");
        }
    }
}
