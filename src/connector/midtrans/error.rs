//! What is said when something cannot be done: code, words, id.
//!
//! The code in the body counts. The HTTP status that goes with it is 200 but for an unknown key
//! (401) and what is broken (500 and above).

use std::fmt;

use serde_json::{Value, json};

use crate::connector::snap::fields::Fields;
use crate::limits::MIDTRANS_MESSAGES_MAX;

/// `status_code`: three digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Code(u16);

impl Code {
    /// Done.
    pub const OK: Self = Self(200);
    /// Begun; it waits for the payer.
    pub const PENDING: Self = Self(201);
    /// Not allowed by bank or screening.
    pub const DENIED: Self = Self(202);
    /// The request is not valid.
    pub const INVALID: Self = Self(400);
    /// The key is not known.
    pub const UNAUTHORIZED: Self = Self(401);
    /// This method is not enabled.
    pub const NO_ACCESS: Self = Self(402);
    /// There is no such transaction.
    pub const NOT_FOUND: Self = Self(404);
    /// The order has been charged already.
    pub const DUPLICATE: Self = Self(406);
    /// It has expired: the one code above 400 that is a success.
    pub const EXPIRED: Self = Self(407);
    /// The status does not allow it.
    pub const UNCHANGEABLE: Self = Self(412);
    /// The body is not JSON.
    pub const SYNTAX: Self = Self(413);
    /// This cannot be given back.
    pub const REFUND_REJECTED: Self = Self(414);
    /// Too many requests.
    pub const TOO_MANY: Self = Self(429);
    /// Broken.
    pub const INTERNAL: Self = Self(500);
    /// The bank cannot be reached.
    pub const BANK: Self = Self(503);
    /// There is no number to pay to.
    pub const NO_NUMBER: Self = Self(505);

    /// From three digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|code| digits && *code >= 100).map(Self)
    }

    /// From JSON: text. A number is not taken: it is said by nobody we know.
    pub fn of_json(value: &Value) -> Option<Self> {
        Self::parse(value.as_str()?)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether it says that something went well, as the official clients have it.
    pub const fn is_success(self) -> bool {
        self.0 < 300 || self.0 == Self::EXPIRED.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

/// An answer that is no transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What kind it is.
    pub code: Code,
    /// One line for people.
    pub message: String,
    /// Names this answer, for asking the provider about it; most have one.
    pub id: Option<String>,
    /// What is wrong with the request, one line each.
    pub validation: Vec<String>,
}

/// A kind of failure and Midtrans' words for it.
macro_rules! failures {
    ($($(#[$doc:meta])* $name:ident, $code:ident, $words:literal;)+) => {$(
        $(#[$doc])*
        pub fn $name(id: String) -> Self {
            Self::new(Code::$code, $words, id)
        }
    )+};
}

impl Failure {
    /// An answer of these parts.
    pub fn new(code: Code, message: &str, id: String) -> Self {
        Self { code, message: message.to_owned(), id: Some(id), validation: Vec::new() }
    }

    /// 400: what is wrong with the request.
    pub fn invalid(messages: Vec<String>, id: String) -> Self {
        let message = "One or more parameters in the payload is invalid.";
        Self { validation: messages, ..Self::new(Code::INVALID, message, id) }
    }

    failures! {
        /// 401: the key is not known.
        unauthorized, UNAUTHORIZED, "Unknown Merchant server_key/id";
        /// 402: the method is not enabled; that of cards here.
        no_access, NO_ACCESS, "Merchant doesn't have access for this payment type";
        /// 404: there is no such transaction.
        not_found, NOT_FOUND, "Transaction doesn't exist.";
        /// 406: the order has been charged already.
        duplicate, DUPLICATE, "The request could not be completed due to a conflict with the current state of the target resource, please try again";
        /// 406: the refund has been made already.
        duplicate_refund, DUPLICATE, "Duplicate refund ID";
        /// 412: the status does not allow it.
        unchangeable, UNCHANGEABLE, "Merchant cannot modify the status of the transaction";
        /// 413: the body is not JSON.
        syntax, SYNTAX, "The request cannot be processed due to malformed syntax in the request body";
        /// 414: more than there is to give back, or of a method that gives nothing back.
        refund_rejected, REFUND_REJECTED, "Refund request is rejected due to invalid amount";
        /// 429: too many requests.
        too_many, TOO_MANY, "Too many requests. Please retry later.";
        /// 500: broken.
        internal, INTERNAL, "Sorry. Our system is recovering from unexpected issues. Please retry.";
        /// 505: there is no number to pay to.
        no_number, NO_NUMBER, "Unable to create va_number for this transaction";
    }

    /// The HTTP status that goes with it.
    pub const fn http_status(&self) -> u16 {
        match self.code {
            Code::UNAUTHORIZED | Code::INTERNAL | Code::BANK => self.code.get(),
            _ => 200,
        }
    }

    /// As it is sent.
    pub fn to_json(&self) -> Value {
        let mut body =
            json!({"status_code": self.code.to_string(), "status_message": self.message});
        if let Some(id) = &self.id {
            body["id"] = id.as_str().into();
        }
        if !self.validation.is_empty() {
            body["validation_messages"] = self.validation.clone().into();
        }
        body
    }

    /// From the fields of an answer; `None` without a code.
    pub fn read(fields: &Fields) -> Option<Self> {
        let code = fields.get("status_code").and_then(Code::of_json)?;
        let message = fields.text("status_message").unwrap_or_default().to_owned();
        let id = fields.text("id").map(ToOwned::to_owned);
        let validation = match fields.get("validation_messages") {
            Some(Value::Array(lines)) => {
                let lines = lines.iter().filter_map(Value::as_str).take(MIDTRANS_MESSAGES_MAX);
                lines.map(ToOwned::to_owned).collect()
            }
            _ => Vec::new(),
        };
        Some(Self { code, message, id, validation })
    }

    /// Whether it says that the order has been charged before, which is no refusal: what became of
    /// that charge has to be asked.
    pub fn is_duplicate(&self) -> bool {
        let used = ["utilized", "has been taken", "already been taken", "sudah digunakan"];
        let says = |text: &String| used.iter().any(|word| text.contains(word));
        self.code == Code::DUPLICATE || says(&self.message) || self.validation.iter().any(says)
    }
}

/// The body of an error of Snap, whose HTTP status is the real one.
pub fn snap(messages: &[&str]) -> Value {
    json!({"error_messages": messages})
}

/// Snap, 401: the key is not known.
pub fn snap_unauthorized() -> Value {
    snap(&[
        "Access denied due to unauthorized transaction, please check client or server key",
        "Visit https://snap-docs.midtrans.com/#request-headers for more details",
    ])
}

/// Snap, 400: the order has been paid.
pub fn snap_utilized() -> Value {
    snap(&["transaction_details.order_id has been paid and utilized, please use another order ID"])
}

/// Snap, 500: broken.
pub fn snap_internal() -> Value {
    snap(&["Sorry, we encountered internal server error. We will fix this soon."])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::snap::fields::Names;

    const ID: &str = "2e7d71d2-8f72-4c31-91a5-36731edd0b71";

    #[test]
    fn every_sample_is_read_and_written_alike() {
        for sample in [
            r#"{"status_code":"400","status_message":"One or more parameters in the payload is invalid.","id":"4145737f-deb2-408a-86c1-725f29304d74","validation_messages":["transaction_details.gross_amount is not equal to the sum of item_details"]}"#,
            r#"{"status_code":"406","status_message":"The request could not be completed due to a conflict with the current state of the target resource, please try again","id":"2e7d71d2-8f72-4c31-91a5-36731edd0b71"}"#,
            r#"{"status_code":"411","status_message":"Token id is missing, invalid, or timed out"}"#,
            r#"{"status_code":"412","status_message":"Merchant cannot modify the status of the transaction","id":"7"}"#,
            r#"{"status_code":"402","status_message":"Merchant doesn't have access for this payment type","id":"7"}"#,
            r#"{"status_code":"414","status_message":"Refund request is rejected due to invalid amount","id":"7"}"#,
            r#"{"status_code":"505","status_message":"Unable to create va_number for this transaction","id":"7"}"#,
        ] {
            let fields = Fields::parse(sample.as_bytes(), Names::Exact).unwrap();
            let expected: Value = serde_json::from_str(sample).unwrap();
            assert_eq!(Failure::read(&fields).unwrap().to_json(), expected);
        }
    }

    #[test]
    fn ours_are_the_same() {
        let id = || ID.to_owned();
        let table = [
            (Failure::invalid(vec!["payment_type is required".to_owned()], id()), "400", 200),
            (Failure::unauthorized(id()), "401", 401),
            (Failure::no_access(id()), "402", 200),
            (Failure::not_found(id()), "404", 200),
            (Failure::duplicate(id()), "406", 200),
            (Failure::duplicate_refund(id()), "406", 200),
            (Failure::unchangeable(id()), "412", 200),
            (Failure::syntax(id()), "413", 200),
            (Failure::refund_rejected(id()), "414", 200),
            (Failure::too_many(id()), "429", 200),
            (Failure::internal(id()), "500", 500),
            (Failure::no_number(id()), "505", 200),
        ];
        for (failure, code, status) in table {
            let body = failure.to_json();
            assert_eq!((body["status_code"].as_str(), failure.http_status()), (Some(code), status));
            assert_eq!(body["id"].as_str(), Some(ID));
            assert!(!failure.code.is_success());
            assert_eq!(failure.is_duplicate(), code == "406");
        }
    }

    #[test]
    fn a_used_order_is_known_by_its_words_too() {
        let said =
            "transaction_details.order_id has been paid and utilized, please use another order ID";
        assert!(Failure::invalid(vec![said.to_owned()], ID.to_owned()).is_duplicate());
        assert_eq!(snap_utilized()["error_messages"][0], said);
        assert_eq!(snap_unauthorized()["error_messages"].as_array().map(Vec::len), Some(2));
        assert_eq!(snap_internal()["error_messages"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn a_code_is_three_digits_of_text() {
        assert_eq!(Code::of_json(&"201".into()), Some(Code::PENDING));
        for bad in ["", "20", "2001", "2o1", "099", "+20", " 20"] {
            assert_eq!(Code::of_json(&bad.into()), None, "{bad}");
        }
        assert_eq!(Code::of_json(&201.into()), None);
        let successes = (100..=599).map(Code).filter(|code| code.is_success() && code.get() > 299);
        assert_eq!(successes.collect::<Vec<_>>(), [Code::EXPIRED]);
    }
}
