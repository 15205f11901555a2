//! What is told without being asked: a POST to the merchant's URL.
//!
//! `signature_key` is over order, code and amount, one text behind the other without anything in
//! between. It covers neither the status nor the time, and two different notifications can have
//! the same one (the tests show both). A good signature therefore says that somebody who knows the
//! key once spoke of something like this: enough to ask the provider what is true, and never enough
//! to credit anybody.

use serde_json::{Map, Value, json};

use super::key::ServerKey;
use super::method::{Bank, Method, Store};
use super::status::Status;
use super::text;
use super::transaction::{Instructions, Transaction};
use crate::connector::snap::fields::{Fields, Names};

/// What the sender calls itself.
pub const USER_AGENT: &str = "Veritrans";

/// A notification that was received. Nothing in it is true before it was asked about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notification {
    /// What it tells.
    pub transaction: Transaction,
    /// The amount as it stands in the body, which is what is signed.
    gross_amount: String,
}

/// Why a body is no notification.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotANotification {
    /// It is not one JSON object, or says a field twice.
    #[error("the body is not a JSON object in which each field stands once")]
    Syntax,
    /// Something is missing or makes no sense.
    #[error("{0} is missing or makes no sense")]
    Field(&'static str),
}

/// What has to be there.
const NEEDED: [&str; 7] = [
    "order_id",
    "transaction_id",
    "status_code",
    "gross_amount",
    "transaction_status",
    "payment_type",
    "signature_key",
];

impl Notification {
    /// From the body of a POST.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(body: &[u8]) -> Result<Self, NotANotification> {
        let fields = Fields::parse(body, Names::Exact).ok_or(NotANotification::Syntax)?;
        let missing = |name: &&&str| !fields.get(name).is_some_and(Value::is_string);
        if let Some(name) = NEEDED.iter().find(missing) {
            return Err(NotANotification::Field(name));
        }
        let gross_amount = fields.get("gross_amount").and_then(Value::as_str).unwrap_or_default();
        let gross_amount = gross_amount.to_owned();
        if text::read_amount(&gross_amount).is_none() {
            return Err(NotANotification::Field("gross_amount"));
        }
        let status = fields.get("transaction_status").and_then(Value::as_str).unwrap_or_default();
        if Status::parse(status).is_none() {
            return Err(NotANotification::Field("transaction_status"));
        }
        let whole = Transaction::read(fields);
        let transaction = whole.ok_or(NotANotification::Field("status_code, an id, or a word"))?;
        Ok(Self { transaction, gross_amount })
    }

    /// Whether it was signed with this key. That is a reason to ask, not to believe.
    pub fn is_signed_with(&self, key: &ServerKey) -> bool {
        let Transaction { order_id, code, signature, .. } = &self.transaction;
        let signature = signature.as_deref().unwrap_or_default();
        key.verifies(signature, order_id, &code.to_string(), &self.gross_amount)
    }
}

/// The body that tells how a transaction by `method`, kept here, stands; signed with the merchant's
/// key. Its fields are those of Midtrans' samples.
pub fn write(kept: &Transaction, method: Method, key: &ServerKey) -> Value {
    let code = kept.status.notified_code(kept.fraud);
    let amount = text::amount(kept.amount.get());
    let mut told = Transaction {
        code,
        message: "midtrans payment notification".to_owned(),
        signature: Some(key.sign(&kept.order_id, &code.to_string(), &amount)),
        instructions: Instructions {
            actions: Vec::new(),
            qr_string: None,
            ..kept.instructions.clone()
        },
        others: Map::new(),
        ..kept.clone()
    };
    let paid = kept.settled.is_some();
    match method {
        Method::BankTransfer(Bank::Permata) => {}
        Method::BankTransfer(bank) => {
            told.others.insert("payment_amounts".to_owned(), payment_amounts(kept, bank));
        }
        Method::Gopay if paid => {
            told.others.insert("payment_option_type".to_owned(), "GOPAY_WALLET".into());
        }
        Method::Qris(acquirer) => {
            told.others.insert(
                "merchant_cross_reference_id".to_owned(),
                kept.transaction_id.clone().into(),
            );
            if paid {
                told.others.insert("transaction_type".to_owned(), "on-us".into());
                told.others.insert("issuer".to_owned(), acquirer.name().into());
            }
        }
        Method::Cstore(Store::Indomaret) => told.fraud = None,
        Method::Echannel
        | Method::Gopay
        | Method::Shopeepay
        | Method::Cstore(Store::Alfamart)
        | Method::CreditCard => {}
    }
    told.to_json()
}

/// Only BNI tells what was paid and when.
fn payment_amounts(kept: &Transaction, bank: Bank) -> Value {
    match kept.settled {
        Some(time) if bank == Bank::Bni => {
            json!([{"paid_at": text::time(time), "amount": text::amount(kept.amount.get())}])
        }
        _ => json!([]),
    }
}

#[cfg(test)]
mod tests;
