//! Asks for money: what a merchant sends, and what we send.
//!
//! Everything that is wrong is said at once, in Midtrans' manner; fields that are not known are
//! passed over.

use serde_json::{Map, Value, json};

use super::error::Failure;
use super::expiry::CustomExpiry;
use super::method::{Acquirer, Bank, Method};
use super::text;
use crate::connector::snap::fields::{Fields, Names};
use crate::ledger::money::Amount;
use crate::ledger::time::Timestamp;
use crate::limits::{
    MIDTRANS_ITEM_NAME_MAX, MIDTRANS_ITEMS_MAX, MIDTRANS_MESSAGES_MAX, MIDTRANS_ORDER_MAX,
    MIDTRANS_TEXT_MAX,
};

/// The names of the three fields that a merchant may fill as he likes.
pub const CUSTOM_FIELDS: [&str; 3] = ["custom_field1", "custom_field2", "custom_field3"];

/// A request for money.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Charge {
    /// The merchant's own name for it.
    pub order_id: String,
    /// How much.
    pub amount: Amount,
    /// How it is to be paid.
    pub method: Method,
    /// The object named like the payment type, as sent; nothing of a card's.
    pub options: Map<String, Value>,
    /// What is bought.
    pub items: Vec<Item>,
    /// Who buys, as sent.
    pub customer: Option<Map<String, Value>>,
    /// How long the payer has.
    pub expiry: Option<CustomExpiry>,
    /// What is told again with every answer.
    pub echo: Echo,
}

/// What a merchant gives and wants to hear again.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Echo {
    /// `custom_field1` to `3`.
    pub custom: [Option<String>; 3],
    /// Any object.
    pub metadata: Option<Map<String, Value>>,
}

/// One line of what is bought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// What one costs; a discount is negative.
    pub price: i64,
    /// How many.
    pub quantity: u32,
    /// What it is.
    pub name: String,
    /// `id`, `brand` and whatever else was sent.
    pub others: Map<String, Value>,
}

/// Why a request is not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// It is not one JSON object, or says a field twice.
    Syntax,
    /// It makes no sense, for each of these reasons.
    Invalid(Vec<String>),
}

impl Refused {
    /// The answer that says so.
    pub fn into_failure(self, id: String) -> Failure {
        match self {
            Self::Syntax => Failure::syntax(id),
            Self::Invalid(messages) => Failure::invalid(messages, id),
        }
    }
}

/// Whether an order may be named so: 1 to 50 letters, digits and `- _ ~ .`; and neither `.` nor
/// `..`, which are no names in a path.
pub fn is_order_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~.".contains(&byte);
    let fits = (1..=MIDTRANS_ORDER_MAX).contains(&text.len());
    fits && text.bytes().all(plain) && text != "." && text != ".."
}

impl Charge {
    /// A charge without anything optional.
    pub fn new(order_id: String, amount: Amount, method: Method) -> Self {
        let mut options = Map::new();
        match method {
            Method::BankTransfer(bank) => {
                options.insert("bank".to_owned(), bank.name().into());
            }
            Method::Cstore(store) => {
                options.insert("store".to_owned(), store.name().into());
            }
            Method::Qris(Acquirer::Airpay) => {
                options.insert("acquirer".to_owned(), "airpay shopee".into());
            }
            Method::Echannel
            | Method::Gopay
            | Method::Qris(_)
            | Method::Shopeepay
            | Method::CreditCard => {}
        }
        let echo = Echo::default();
        let (items, customer, expiry) = (Vec::new(), None, None);
        Self { order_id, amount, method, options, items, customer, expiry, echo }
    }

    /// From the body of a request that came at `now`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(body: &[u8], now: Timestamp) -> Result<Self, Refused> {
        let fields = Fields::parse(body, Names::Exact).ok_or(Refused::Syntax)?;
        let mut reader = Reader { fields, wrong: Vec::new() };
        let details = (reader.order_id(), reader.amount());
        let method = reader.method();
        let items = reader.items(details.1);
        let customer = reader.object("customer_details");
        let echo = Echo {
            custom: CUSTOM_FIELDS.map(|name| reader.words(name)),
            metadata: reader.object("metadata"),
        };
        let expiry = reader.expiry(method.as_ref().map(|(method, _)| *method), now);
        match (details, method) {
            ((Some(order_id), Some(amount)), Some((method, options)))
                if reader.wrong.is_empty() =>
            {
                Ok(Self { order_id, amount, method, options, items, customer, expiry, echo })
            }
            _ => {
                reader.wrong.truncate(MIDTRANS_MESSAGES_MAX);
                Err(Refused::Invalid(reader.wrong))
            }
        }
    }

    /// As it is sent.
    pub fn to_json(&self) -> Value {
        let payment_type = self.method.payment_type();
        let mut body = json!({
            "payment_type": payment_type,
            "transaction_details": {
                "order_id": self.order_id,
                "gross_amount": self.amount.get(),
            },
        });
        if !self.options.is_empty() {
            body[payment_type] = self.options.clone().into();
        }
        if !self.items.is_empty() {
            body["item_details"] = self.items.iter().map(Item::to_json).collect();
        }
        if let Some(customer) = &self.customer {
            body["customer_details"] = customer.clone().into();
        }
        if let Some(expiry) = &self.expiry {
            body["custom_expiry"] = expiry.to_json();
        }
        self.echo.write(&mut body);
        body
    }

    /// When the payer is too late, if it begins at `now`.
    pub fn expires(&self, now: Timestamp) -> Timestamp {
        match &self.expiry {
            Some(expiry) => expiry.end(now),
            None => now.plus_seconds(self.method.bounds().default),
        }
    }

    /// Text in the method's object.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// The part of the virtual account's number that follows from the merchant's wish.
    pub fn wished_number(&self) -> Option<String> {
        match self.method {
            Method::BankTransfer(bank) => bank.number(self.option("va_number")?),
            _ => None,
        }
    }

    /// The name that Permata shows to the payer.
    pub fn recipient_name(&self) -> Option<&str> {
        match self.method {
            Method::BankTransfer(Bank::Permata) => {
                self.options.get("permata")?.get("recipient_name")?.as_str()
            }
            _ => None,
        }
    }

    /// `bill_info1` to `8` as a Mandiri bill shows them: labels (odd) have 10 characters, values 30.
    pub fn bill_info(&self, number: usize) -> Option<String> {
        let length = if number % 2 == 1 { 10 } else { 30 };
        let text = self.option(&format!("bill_info{number}"))?;
        Some(text.chars().take(length).collect())
    }
}

impl Echo {
    /// Adds what there is to a body.
    pub fn write(&self, body: &mut Value) {
        for (name, text) in CUSTOM_FIELDS.into_iter().zip(&self.custom) {
            if let Some(text) = text {
                body[name] = text.as_str().into();
            }
        }
        if let Some(metadata) = &self.metadata {
            body["metadata"] = metadata.clone().into();
        }
    }
}

impl Item {
    fn to_json(&self) -> Value {
        let mut object = self.others.clone();
        object.insert("price".to_owned(), self.price.into());
        object.insert("quantity".to_owned(), self.quantity.into());
        object.insert("name".to_owned(), self.name.as_str().into());
        Value::Object(object)
    }
}

/// Reads field by field and notes what is wrong.
struct Reader {
    fields: Fields,
    wrong: Vec<String>,
}

impl Reader {
    fn note<T>(&mut self, message: impl Into<String>) -> Option<T> {
        self.wrong.push(message.into());
        None
    }

    fn detail(&self, name: &str) -> Option<Value> {
        let details = self.fields.get("transaction_details").and_then(Value::as_object);
        details.and_then(|details| details.get(name)).filter(|value| !value.is_null()).cloned()
    }

    fn order_id(&mut self) -> Option<String> {
        match self.detail("order_id") {
            None => self.note("transaction_details.order_id is required"),
            Some(Value::String(text)) if is_order_id(&text) => Some(text),
            Some(Value::String(text)) if text.is_empty() => {
                self.note("transaction_details.order_id is required")
            }
            Some(Value::String(text)) if text.chars().count() > MIDTRANS_ORDER_MAX => {
                self.note("transaction_details.order_id is too long (maximum is 50 characters)")
            }
            Some(_) => self.note("transaction_details.order_id contains invalid characters"),
        }
    }

    fn amount(&mut self) -> Option<Amount> {
        match self.detail("gross_amount") {
            None => self.note("transaction_details.gross_amount is required"),
            Some(value) if !value.is_number() => {
                self.note("transaction_details.gross_amount is not a number")
            }
            Some(value) => match text::requested_amount(&value) {
                Some(amount) => Some(amount),
                None => self.note("transaction_details.gross_amount must be a whole number from 1"),
            },
        }
    }

    fn method(&mut self) -> Option<(Method, Map<String, Value>)> {
        let payment_type = match self.fields.get("payment_type") {
            None => return self.note("payment_type is required"),
            Some(value) => value.as_str().unwrap_or_default().to_owned(),
        };
        let mut options = self.object(&payment_type).unwrap_or_default();
        let method = match Method::read(&payment_type, &options) {
            Ok(method) => method,
            Err(message) => return self.note(message),
        };
        match method {
            // The older payment type is read as the newer one.
            Method::BankTransfer(bank) => {
                options.insert("bank".to_owned(), bank.name().into());
            }
            Method::CreditCard => options.clear(),
            _ => {}
        }
        self.wrong.extend(method.check(&options));
        Some((method, options))
    }

    fn items(&mut self, amount: Option<Amount>) -> Vec<Item> {
        let listed = match self.fields.get("item_details") {
            None => return Vec::new(),
            Some(Value::Array(items)) if items.len() <= MIDTRANS_ITEMS_MAX => items.clone(),
            Some(Value::Array(_)) => {
                self.wrong.push("item_details has too many items".to_owned());
                return Vec::new();
            }
            Some(_) => {
                self.wrong.push("item_details must be a list".to_owned());
                return Vec::new();
            }
        };
        let (before, count) = (self.wrong.len(), listed.len());
        let items: Vec<Item> = listed.into_iter().filter_map(|item| self.item(item)).collect();
        let sum: i128 =
            items.iter().map(|item| i128::from(item.price) * i128::from(item.quantity)).sum();
        let differs = amount.is_some_and(|amount| sum != i128::from(amount.get()));
        if count > 0 && self.wrong.len() == before && differs {
            let message =
                "transaction_details.gross_amount is not equal to the sum of item_details";
            self.wrong.push(message.to_owned());
        }
        items
    }

    fn item(&mut self, item: Value) -> Option<Item> {
        let Value::Object(mut others) = item else {
            return self.note("item_details must be a list of objects");
        };
        let price = match others.remove("price") {
            None | Some(Value::Null) => return self.note("item_details.price is required"),
            Some(value) => value.as_i64(),
        };
        let Some(price) = price else { return self.note("item_details.price is not a number") };
        let quantity = match others.remove("quantity") {
            None | Some(Value::Null) => return self.note("item_details.quantity is required"),
            Some(value) => value.as_u64().and_then(|number| u32::try_from(number).ok()),
        };
        let Some(quantity) = quantity.filter(|quantity| *quantity > 0) else {
            return self.note("item_details.quantity is not a number of at least 1");
        };
        let name = match others.remove("name") {
            Some(Value::String(name)) if !name.is_empty() => name,
            _ => return self.note("item_details.name is required"),
        };
        if name.chars().count() > MIDTRANS_ITEM_NAME_MAX {
            return self.note("item_details.name is too long (maximum is 50 characters)");
        }
        Some(Item { price, quantity, name, others })
    }

    fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        match self.fields.get(name) {
            None => None,
            Some(Value::Object(object)) => Some(object.clone()),
            Some(_) => self.note(format!("{name} must be an object")),
        }
    }

    fn words(&mut self, name: &str) -> Option<String> {
        match self.fields.get(name) {
            None => None,
            Some(Value::String(text)) if text.chars().count() <= MIDTRANS_TEXT_MAX => {
                Some(text.clone())
            }
            Some(_) => self
                .note(format!("{name} must be a string of at most {MIDTRANS_TEXT_MAX} characters")),
        }
    }

    fn expiry(&mut self, method: Option<Method>, now: Timestamp) -> Option<CustomExpiry> {
        let object = self.object("custom_expiry")?;
        let expiry = match CustomExpiry::read(&object) {
            Ok(expiry) => expiry,
            Err(message) => return self.note(message),
        };
        let bounds = method?.bounds();
        let from = expiry.order_time.unwrap_or(now);
        let end = expiry.end(now);
        let (given, left) = (end.seconds() - from.seconds(), end.seconds() - now.seconds());
        if given < bounds.min || given > bounds.max || left <= 0 || left > bounds.max {
            return self.note(format!(
                "custom_expiry must end between {} and {} seconds from now",
                bounds.min, bounds.max
            ));
        }
        Some(expiry)
    }
}

#[cfg(test)]
mod tests;
