//! What a simulated bank answers, before it becomes HTTP.

use serde_json::{Map, Value, json};

use crate::connector::snap::code::{ResponseCode, Service};
use crate::connector::snap::dialect::{Amounts, Dialect};
use crate::connector::snap::money::Money;

/// An answer in the bank's own dialect.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Answer {
    /// The HTTP status, which is that of the code.
    pub(super) status: u16,
    /// The body.
    pub(super) body: Value,
}

impl Answer {
    /// 200 and case 00, with these fields beside code and message.
    pub(super) fn done(dialect: &Dialect, service: Service, fields: Value) -> Self {
        let mut answer = Self::case(service, (200, "00"), "Successful");
        let Value::Object(fields) = fields else { return answer };
        if let Value::Object(body) = &mut answer.body {
            body.extend(fields);
            capitalise(body, dialect.capitalised);
        }
        answer
    }

    /// A case of the standard's table.
    pub(super) fn case(service: Service, (status, case): (u16, &str), message: &str) -> Self {
        let code = ResponseCode::new(status, service, case);
        Self { status, body: json!({"responseCode": code.as_str(), "responseMessage": message}) }
    }

    /// A field that must be there and is not.
    pub(super) fn missing(service: Service, field: &str) -> Self {
        Self::case(service, (400, "02"), &format!("Invalid Mandatory Field {field}"))
    }

    /// A field that is not what it should be.
    pub(super) fn malformed(service: Service, field: &str) -> Self {
        Self::case(service, (400, "01"), &format!("Invalid Field Format {field}"))
    }

    /// Turned away, with the reason in brackets as banks give it.
    pub(super) fn unauthorized(service: Service, reason: &str) -> Self {
        Self::case(service, (401, "00"), &format!("Unauthorized. [{reason}]"))
    }

    /// Whether it says that it was done.
    pub(super) fn is_done(&self) -> bool {
        self.status == 200
    }
}

/// An amount as the bank writes it.
pub(super) fn money(dialect: &Dialect, hundredths: i64) -> Value {
    let money = Money { hundredths, currency: "IDR".to_owned() };
    match (dialect.amounts, money.units()) {
        (Amounts::Whole, Some(units)) => json!({"value": units.to_string(), "currency": "IDR"}),
        _ => money.to_json(),
    }
}

fn capitalise(body: &mut Map<String, Value>, names: &[&str]) {
    for name in names {
        if let Some(value) = body.remove(*name) {
            let (first, rest) = name.split_at(1);
            body.insert(first.to_ascii_uppercase() + rest, value);
        }
    }
}
