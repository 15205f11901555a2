//! What is answered as Midtrans about a transaction that is kept here.
//!
//! A kept [`Transaction`] has everything; each answer shows of it what Midtrans' own answer to the
//! same question shows, no more and no less.

use serde_json::{Map, Value, json};

use super::charge::{Charge, Echo};
use super::error::Code;
use super::key::ServerKey;
use super::method::Method;
use super::status::{Fraud, Status};
use super::text;
use super::transaction::{Instructions, Refunded, Transaction};
use crate::ledger::time::Timestamp;

/// What begins with a charge.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Its own name, see [`text::uuid`].
    pub transaction_id: String,
    /// Who is paid.
    pub merchant_id: String,
    /// When.
    pub time: Timestamp,
    /// What the payer needs.
    pub instructions: Instructions,
}

/// What was done to a transaction, as the merchant asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Done {
    /// Cancelled.
    Cancelled,
    /// Made to expire.
    Expired,
    /// A challenge was approved.
    Approved,
    /// A challenge was denied.
    Denied,
    /// A refund was taken.
    Refunded,
    /// A refund was made at once.
    RefundedDirectly,
    /// A refund was not made; nothing changed.
    RefundDenied,
}

impl Done {
    const fn code(self) -> Code {
        match self {
            Self::Expired => Code::EXPIRED,
            Self::RefundDenied => Code::DENIED,
            Self::Cancelled
            | Self::Approved
            | Self::Denied
            | Self::Refunded
            | Self::RefundedDirectly => Code::OK,
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::Cancelled => "Success, transaction is canceled",
            Self::Expired => "Success, transaction has expired",
            Self::Approved => "Success, transaction is approved",
            Self::Denied => "Success, transaction is denied",
            Self::Refunded => "Success, refund request is approved",
            Self::RefundedDirectly => "Success, refund request is approved by the bank",
            Self::RefundDenied => "Refund denied by the bank",
        }
    }

    const fn is_refund(self) -> bool {
        matches!(self, Self::Refunded | Self::RefundedDirectly | Self::RefundDenied)
    }
}

impl Transaction {
    /// What begins with `charge`: pending, with everything there is to tell.
    pub fn begun(charge: &Charge, begun: Begun) -> Self {
        let Begun { transaction_id, merchant_id, time, instructions } = begun;
        Self {
            code: Code::PENDING,
            message: charge.method.created().to_owned(),
            transaction_id,
            order_id: charge.order_id.clone(),
            merchant_id: Some(merchant_id),
            amount: charge.amount,
            currency: Some("IDR".to_owned()),
            payment_type: charge.method.payment_type().to_owned(),
            time: Some(time),
            status: Status::Pending,
            fraud: Some(Fraud::Accept),
            expires: Some(charge.expires(time)),
            settled: None,
            signature: None,
            instructions,
            refunded: Refunded::default(),
            echo: charge.echo.clone(),
            others: Map::new(),
        }
    }

    /// The answer to the charge by `method`: its fields are those of Midtrans' samples, and when
    /// it expires, which newer answers tell for all methods.
    #[must_use]
    pub fn to_charge(&self, method: Method) -> Self {
        let mut answer = Self {
            code: self.status.told_code(self.fraud),
            message: method.created().to_owned(),
            settled: None,
            signature: None,
            refunded: Refunded::default(),
            echo: Echo::default(),
            ..self.clone()
        };
        let channel = |answer: &mut Self, code: &str, message: &str| {
            answer.others.insert("channel_response_code".to_owned(), code.into());
            answer.others.insert("channel_response_message".to_owned(), message.into());
        };
        match method {
            Method::Gopay => {
                (answer.merchant_id, answer.fraud) = (None, None);
                channel(&mut answer, "200", "Success");
            }
            Method::Shopeepay => channel(&mut answer, "0", "success"),
            Method::Cstore(_) => (answer.merchant_id, answer.currency) = (None, None),
            Method::BankTransfer(_) | Method::Echannel | Method::Qris(_) | Method::CreditCard => {}
        }
        answer
    }

    /// The answer to a question about it.
    #[must_use]
    pub fn to_status(&self, key: &ServerKey) -> Self {
        let code = self.status.told_code(self.fraud);
        let amount = text::amount(self.amount.get());
        let mut answer = Self {
            code,
            message: "Success, transaction is found".to_owned(),
            signature: Some(key.sign(&self.order_id, &code.to_string(), &amount)),
            ..self.clone()
        };
        answer.instructions.actions.clear();
        answer
    }

    /// The answer to what was done to it; it stands as it does afterwards.
    #[must_use]
    pub fn to_done(&self, done: Done) -> Self {
        let mut answer = Self {
            code: done.code(),
            message: done.message().to_owned(),
            expires: None,
            settled: None,
            signature: None,
            instructions: Instructions::default(),
            refunded: Refunded::default(),
            echo: Echo::default(),
            others: Map::new(),
            ..self.clone()
        };
        if done.is_refund() {
            let refunded = &self.refunded;
            let amount = match done {
                Done::RefundDenied => Some(0),
                _ => refunded.amount,
            };
            let (chargeback_id, key) = (refunded.chargeback_id, refunded.key.clone());
            answer.refunded = Refunded { amount, chargeback_id, key, parts: Vec::new() };
        }
        answer
    }
}

/// The answer to `/status/b2b`: the transactions of an order.
pub fn b2b(transactions: &[Value]) -> Value {
    json!({
        "status_code": "200",
        "status_message": "Success, B2B Transactions are found",
        "transactions": transactions,
    })
}

#[cfg(test)]
mod tests;
