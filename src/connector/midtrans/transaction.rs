//! A transaction as it is told: to a charge, to a question about it, to whatever changes it, and in
//! a notification.
//!
//! What money depends on must be there and readable, or there is no transaction: ids, amount,
//! status, and the words of currency and screening where they stand. Everything else that we do
//! not know, or cannot read, stays in `others` and is written again as it came.

use serde_json::{Map, Value, json};

use super::charge::{CUSTOM_FIELDS, Echo};
use super::error::{Code, Failure};
use super::status::{Fraud, Meaning, Status};
use super::text;
use crate::connector::snap::fields::{Fields, Names};
use crate::ledger::money::Amount;
use crate::ledger::time::Timestamp;
use crate::limits::{MIDTRANS_ORDER_MAX, MIDTRANS_TRANSACTION_MAX};

/// What an answer of the Core API is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It tells of a transaction.
    Transaction(Box<Transaction>),
    /// It tells why there is none.
    Failure(Failure),
}

/// A transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transaction {
    /// `status_code`.
    pub code: Code,
    /// `status_message`.
    pub message: String,
    /// The provider's name for it.
    pub transaction_id: String,
    /// The merchant's name for it.
    pub order_id: String,
    /// Who is paid.
    pub merchant_id: Option<String>,
    /// How much.
    pub amount: Amount,
    /// ISO 4217; rupiah where it is not told.
    pub currency: Option<String>,
    /// `payment_type`; also one that we do not know.
    pub payment_type: String,
    /// When it began.
    pub time: Option<Timestamp>,
    /// Where it stands.
    pub status: Status,
    /// What the provider's screening says.
    pub fraud: Option<Fraud>,
    /// When the payer is too late.
    pub expires: Option<Timestamp>,
    /// When it was paid.
    pub settled: Option<Timestamp>,
    /// `signature_key`.
    pub signature: Option<String>,
    /// What the payer needs.
    pub instructions: Instructions,
    /// What went back.
    pub refunded: Refunded,
    /// What the merchant gave to be told again.
    pub echo: Echo,
    /// What else was told.
    pub others: Map<String, Value>,
}

/// What the payer needs to pay. An answer that only tells of a status may have less of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Instructions {
    /// Virtual accounts, but for Permata's.
    pub va_numbers: Vec<VaNumber>,
    /// Permata's virtual account.
    pub permata_va_number: Option<String>,
    /// Of a Mandiri bill: whom to pay.
    pub biller_code: Option<String>,
    /// Of a Mandiri bill: which bill.
    pub bill_key: Option<String>,
    /// Over the counter: where.
    pub store: Option<String>,
    /// Over the counter: what to say.
    pub payment_code: Option<String>,
    /// The QR as text.
    pub qr_string: Option<String>,
    /// Whose QR it is.
    pub acquirer: Option<String>,
    /// Where a wallet goes from here, and what else can be called.
    pub actions: Vec<Action>,
}

/// A virtual account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VaNumber {
    /// The bank's word.
    pub bank: String,
    /// The whole number.
    pub number: String,
}

/// Something that can be called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Action {
    /// What it does: `generate-qr-code`, `deeplink-redirect`, `get-status`, `cancel`.
    pub name: String,
    /// The method of HTTP.
    pub method: String,
    /// Where.
    pub url: String,
    /// What it takes, where it says so.
    pub fields: Option<Value>,
}

/// What of a transaction went back.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Refunded {
    /// The sum of it.
    pub amount: Option<u64>,
    /// Each part, where they are listed.
    pub parts: Vec<RefundPart>,
    /// In the answer to a refund: its own number.
    pub chargeback_id: Option<u64>,
    /// In the answer to a refund: the name it was given.
    pub key: Option<String>,
}

/// One refund.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefundPart {
    /// Its number.
    pub chargeback_id: u64,
    /// So much.
    pub amount: u64,
    /// When it was asked for.
    pub created: Timestamp,
    /// Why.
    pub reason: Option<String>,
    /// The name it was given.
    pub key: Option<String>,
    /// How it went back, once that is known.
    pub method: Option<String>,
    /// When the bank had done it.
    pub confirmed: Option<Timestamp>,
    /// What else stands there.
    pub others: Map<String, Value>,
}

impl Answer {
    /// From a body; `None` if it tells nothing certain. What has a code of failure is a failure,
    /// whatever else stands in it.
    pub fn read(body: &[u8]) -> Option<Self> {
        let fields = Fields::parse(body, Names::Exact)?;
        let code = fields.get("status_code").and_then(Code::of_json)?;
        if code.is_success() && fields.get("transaction_status").is_some() {
            return Transaction::read(fields).map(Box::new).map(Self::Transaction);
        }
        Failure::read(&fields).map(Self::Failure)
    }
}

impl Transaction {
    /// What it means for whoever waits for the money.
    pub const fn meaning(&self) -> Meaning {
        self.status.meaning(self.fraud)
    }

    /// The currency, told or not.
    pub fn currency(&self) -> &str {
        self.currency.as_deref().unwrap_or("IDR")
    }

    /// Whether it is known by this name, the merchant's or the provider's.
    pub fn is_named(&self, id: &str) -> bool {
        self.order_id == id || self.transaction_id == id
    }

    /// From the fields of an answer or a notification; `None` if something that money depends on
    /// is missing or makes no sense.
    pub fn read(fields: Fields) -> Option<Self> {
        let mut fields = Taking(fields.into_map());
        let fraud = match fields.needed_if_there("fraud_status")? {
            Some(text) => Some(Fraud::parse(&text)?),
            None => None,
        };
        Some(Self {
            code: Code::parse(&fields.text("status_code")?)?,
            message: fields.text("status_message").unwrap_or_default(),
            transaction_id: fields.id("transaction_id", MIDTRANS_TRANSACTION_MAX)?,
            order_id: fields.id("order_id", MIDTRANS_ORDER_MAX)?,
            merchant_id: fields.text("merchant_id"),
            amount: text::read_amount(&fields.text("gross_amount")?)?,
            currency: fields.needed_if_there("currency")?,
            payment_type: fields.text("payment_type")?,
            time: fields.time("transaction_time"),
            status: Status::parse(&fields.text("transaction_status")?)?,
            fraud,
            // Both spellings are met with.
            expires: fields.time("expiry_time").or_else(|| fields.time("expire_time")),
            settled: fields.time("settlement_time"),
            signature: fields.text("signature_key"),
            instructions: Instructions::read(&mut fields),
            refunded: Refunded::read(&mut fields),
            echo: Echo {
                custom: CUSTOM_FIELDS.map(|name| fields.text(name)),
                metadata: fields.object("metadata"),
            },
            others: fields.0,
        })
    }

    /// As it is sent.
    pub fn to_json(&self) -> Value {
        let mut body = Value::Object(self.others.clone());
        let texts = [
            ("status_code", Some(self.code.to_string())),
            ("status_message", Some(self.message.clone())),
            ("transaction_id", Some(self.transaction_id.clone())),
            ("order_id", Some(self.order_id.clone())),
            ("merchant_id", self.merchant_id.clone()),
            ("gross_amount", Some(text::amount(self.amount.get()))),
            ("currency", self.currency.clone()),
            ("payment_type", Some(self.payment_type.clone())),
            ("transaction_time", self.time.map(text::time)),
            ("transaction_status", Some(self.status.name().to_owned())),
            ("fraud_status", self.fraud.map(|fraud| fraud.name().to_owned())),
            ("expiry_time", self.expires.map(text::time)),
            ("settlement_time", self.settled.map(text::time)),
            ("signature_key", self.signature.clone()),
        ];
        write(&mut body, texts);
        self.instructions.write(&mut body);
        self.refunded.write(&mut body);
        self.echo.write(&mut body);
        body
    }
}

fn write<const N: usize>(body: &mut Value, texts: [(&str, Option<String>); N]) {
    for (name, text) in texts {
        if let Some(text) = text {
            body[name] = text.into();
        }
    }
}

impl Instructions {
    fn read(fields: &mut Taking) -> Self {
        Self {
            va_numbers: fields.list("va_numbers", |item| {
                let number = item.get("va_number")?.as_str()?.to_owned();
                let bank = item.get("bank")?.as_str()?.to_owned();
                (item.len() == 2).then_some(VaNumber { bank, number })
            }),
            permata_va_number: fields.text("permata_va_number"),
            biller_code: fields.text("biller_code"),
            bill_key: fields.text("bill_key"),
            store: fields.text("store"),
            payment_code: fields.text("payment_code"),
            qr_string: fields.text("qr_string"),
            acquirer: fields.text("acquirer"),
            actions: fields.list("actions", |item| {
                let words = |name| Some(item.get(name)?.as_str()?.to_owned());
                let (name, method, url) = (words("name")?, words("method")?, words("url")?);
                let fields = item.get("fields").cloned();
                let whole = item.len() == 3 + usize::from(fields.is_some());
                whole.then_some(Action { name, method, url, fields })
            }),
        }
    }

    fn write(&self, body: &mut Value) {
        let texts = [
            ("permata_va_number", self.permata_va_number.clone()),
            ("biller_code", self.biller_code.clone()),
            ("bill_key", self.bill_key.clone()),
            ("store", self.store.clone()),
            ("payment_code", self.payment_code.clone()),
            ("qr_string", self.qr_string.clone()),
            ("acquirer", self.acquirer.clone()),
        ];
        write(body, texts);
        if !self.va_numbers.is_empty() {
            let object = |va: &VaNumber| json!({"bank": va.bank, "va_number": va.number});
            body["va_numbers"] = self.va_numbers.iter().map(object).collect();
        }
        if !self.actions.is_empty() {
            body["actions"] = self.actions.iter().map(Action::to_json).collect();
        }
    }
}

impl Action {
    fn to_json(&self) -> Value {
        let mut object = json!({"name": self.name, "method": self.method, "url": self.url});
        if let Some(fields) = &self.fields {
            object["fields"] = fields.clone();
        }
        object
    }
}

impl Refunded {
    fn read(fields: &mut Taking) -> Self {
        Self {
            amount: fields.take("refund_amount", |value| text::read_units(value.as_str()?)),
            parts: fields.list("refunds", RefundPart::read),
            chargeback_id: fields.take("refund_chargeback_id", Value::as_u64),
            key: fields.text("refund_key"),
        }
    }

    fn write(&self, body: &mut Value) {
        write(
            body,
            [("refund_amount", self.amount.map(text::amount)), ("refund_key", self.key.clone())],
        );
        if let Some(id) = self.chargeback_id {
            body["refund_chargeback_id"] = id.into();
        }
        if !self.parts.is_empty() {
            body["refunds"] = self.parts.iter().map(RefundPart::to_json).collect();
        }
    }
}

impl RefundPart {
    fn read(item: &Map<String, Value>) -> Option<Self> {
        let mut fields = Taking(item.clone());
        Some(Self {
            chargeback_id: fields.take("refund_chargeback_id", Value::as_u64)?,
            amount: fields.take("refund_amount", |value| text::read_units(value.as_str()?))?,
            created: fields.time("created_at")?,
            reason: fields.text("reason"),
            key: fields.text("refund_key"),
            method: fields.text("refund_method"),
            confirmed: fields.time("bank_confirmed_at"),
            others: fields.0,
        })
    }

    fn to_json(&self) -> Value {
        let mut object = Value::Object(self.others.clone());
        object["refund_chargeback_id"] = self.chargeback_id.into();
        let texts = [
            ("refund_amount", Some(text::amount(self.amount))),
            ("created_at", Some(text::time(self.created))),
            ("reason", self.reason.clone()),
            ("refund_key", self.key.clone()),
            ("refund_method", self.method.clone()),
            ("bank_confirmed_at", self.confirmed.map(text::time)),
        ];
        write(&mut object, texts);
        object
    }
}

/// Fields that are taken out once they are understood; what is left at the end was not.
struct Taking(Map<String, Value>);

impl Taking {
    fn take<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let value = read(self.0.get(name)?)?;
        self.0.remove(name);
        Some(value)
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.take(name, |value| value.as_str().map(ToOwned::to_owned))
    }

    fn time(&mut self, name: &str) -> Option<Timestamp> {
        self.take(name, |value| text::read_time(value.as_str()?))
    }

    fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        self.take(name, |value| value.as_object().cloned())
    }

    /// A name of visible ASCII, not longer than `max`.
    fn id(&mut self, name: &str, max: usize) -> Option<String> {
        let text = self.text(name)?;
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        (plain && (1..=max).contains(&text.len())).then_some(text)
    }

    /// Text that may be missing and must not be anything else: `None` if it is.
    fn needed_if_there(&mut self, name: &str) -> Option<Option<String>> {
        match self.0.get(name) {
            None => Some(None),
            Some(Value::Null) => {
                self.0.remove(name);
                Some(None)
            }
            Some(_) => self.text(name).map(Some),
        }
    }

    /// A list all of whose items are understood, or nothing.
    fn list<T>(&mut self, name: &str, read: impl Fn(&Map<String, Value>) -> Option<T>) -> Vec<T> {
        let items = self.take(name, |value| {
            let items = value.as_array().filter(|items| !items.is_empty())?;
            items.iter().map(|item| read(item.as_object()?)).collect()
        });
        items.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
