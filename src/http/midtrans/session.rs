//! A payment that begins on a page: what `POST /snap/v1/transactions` asks for.
//!
//! The payer picks the method there; until then there is no transaction. What is asked is checked
//! as a charge is, so that the pick cannot fail for a reason that was known before.

use serde_json::{Map, Value, json};

use super::refusal::Refusal;
use crate::connector::midtrans::charge::{Charge, Refused};
use crate::connector::midtrans::expiry::Unit;
use crate::connector::midtrans::method::{Acquirer, Bank, Method, Store};
use crate::http::json;
use crate::ledger::time::Timestamp;
use crate::limits::{MIDTRANS_PAGE_SECONDS, MIDTRANS_PAGE_SECONDS_MAX, MIDTRANS_PAGE_SECONDS_MIN};
use crate::outbound::Url;

/// Every method that may be picked, by its name in `enabled_payments`.
pub const METHODS: [(&str, Method); 11] = [
    ("gopay", Method::Gopay),
    ("shopeepay", Method::Shopeepay),
    ("other_qris", Method::Qris(Acquirer::Gopay)),
    ("bca_va", Method::BankTransfer(Bank::Bca)),
    ("bni_va", Method::BankTransfer(Bank::Bni)),
    ("bri_va", Method::BankTransfer(Bank::Bri)),
    ("cimb_va", Method::BankTransfer(Bank::Cimb)),
    ("permata_va", Method::BankTransfer(Bank::Permata)),
    ("echannel", Method::Echannel),
    ("indomaret", Method::Cstore(Store::Indomaret)),
    ("alfamart", Method::Cstore(Store::Alfamart)),
];

/// What a charge and a session say alike.
const SHARED: [&str; 7] = [
    "transaction_details",
    "item_details",
    "customer_details",
    "custom_field1",
    "custom_field2",
    "custom_field3",
    "metadata",
];

/// A session that is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// The charge, but for its method.
    charge: Charge,
    /// What may be picked.
    pub methods: Vec<(&'static str, Method)>,
    /// Where the payer goes on afterwards: an `http` or `https` URL.
    pub finish: Option<String>,
    /// How long the page is open, in seconds.
    pub seconds: i64,
}

impl Session {
    /// From the body of a request that came at `now`.
    ///
    /// # Errors
    /// All that is wrong with it; and if none of the methods it wants is to be had.
    pub fn read(body: &[u8], now: Timestamp) -> Result<Self, Refusal> {
        let given: Map<String, Value> = json::decode(body).map_err(|_| Refusal::Malformed)?;
        let charge = Charge::read(charge_of(&given).to_string().as_bytes(), now);
        let charge = charge.map_err(|refused| match refused {
            Refused::Syntax => Refusal::Malformed,
            Refused::Invalid(messages) => Refusal::Invalid(messages),
        })?;
        let methods = methods(given.get("enabled_payments"))?;
        let seconds = page_seconds(given.get("page_expiry"))?;
        let finish = given.get("callbacks").and_then(|callbacks| callbacks.get("finish"));
        let finish = finish.and_then(Value::as_str).filter(|url| Url::parse(url).is_ok());
        Ok(Self { charge, methods, finish: finish.map(ToOwned::to_owned), seconds })
    }

    /// The merchant's name for the order.
    pub fn order_id(&self) -> &str {
        &self.charge.order_id
    }

    /// How much, in rupiah.
    pub const fn amount(&self) -> u64 {
        self.charge.amount.get()
    }

    /// The charge that follows from the payer's pick; `None` for what may not be picked.
    pub fn pick(&self, name: &str) -> Option<Charge> {
        let (_, method) = self.methods.iter().find(|(known, _)| *known == name)?;
        let Charge { order_id, amount, .. } = &self.charge;
        let mut charge = Charge::new(order_id.clone(), *amount, *method);
        if *method == Method::Echannel {
            let info = [("bill_info1", "Payment"), ("bill_info2", &**order_id)];
            charge.options.extend(info.map(|(name, text)| (name.to_owned(), text.into())));
        }
        let Charge { items, customer, echo, expiry, .. } = self.charge.clone();
        Some(Charge { items, customer, echo, expiry, ..charge })
    }
}

/// The same as a charge, by a method with the widest bounds.
fn charge_of(given: &Map<String, Value>) -> Value {
    let mut charge = json!({"payment_type": "bank_transfer", "bank_transfer": {"bank": "bca"}});
    for name in SHARED {
        if let Some(value) = given.get(name) {
            charge[name] = value.clone();
        }
    }
    if let Some(expiry) = given.get("expiry").filter(|expiry| expiry.is_object()) {
        charge["custom_expiry"] = json!({
            "order_time": expiry.get("start_time"),
            "unit": expiry.get("unit"),
            "expiry_duration": expiry.get("duration"),
        });
    }
    charge
}

fn methods(enabled: Option<&Value>) -> Result<Vec<(&'static str, Method)>, Refusal> {
    let Some(enabled) = enabled.filter(|value| !value.is_null()) else {
        return Ok(METHODS.to_vec());
    };
    let names = enabled.as_array();
    let names = names.ok_or_else(|| Refusal::invalid("enabled_payments must be a list"))?;
    let wanted = |name: &str, method: Method| {
        let group = match method {
            Method::BankTransfer(_) | Method::Echannel => "bank_transfer",
            Method::Cstore(_) => "cstore",
            Method::Gopay | Method::Qris(_) | Method::Shopeepay | Method::CreditCard => name,
        };
        names.iter().filter_map(Value::as_str).any(|wanted| wanted == name || wanted == group)
    };
    let methods: Vec<_> =
        METHODS.into_iter().filter(|(name, method)| wanted(name, *method)).collect();
    if methods.is_empty() { Err(Refusal::NotEnabled) } else { Ok(methods) }
}

fn page_seconds(given: Option<&Value>) -> Result<i64, Refusal> {
    let Some(given) = given.filter(|value| !value.is_null()) else {
        return Ok(MIDTRANS_PAGE_SECONDS);
    };
    let wrong = || Refusal::invalid("page_expiry must be between 5 minutes and 7 days");
    let unit = given.get("unit").and_then(Value::as_str).map_or(Some(Unit::Minute), Unit::parse);
    let duration = given.get("duration").and_then(Value::as_i64);
    let (unit, duration) = unit.zip(duration).ok_or_else(wrong)?;
    let seconds = unit.seconds().checked_mul(duration).ok_or_else(wrong)?;
    let fits = (MIDTRANS_PAGE_SECONDS_MIN..=MIDTRANS_PAGE_SECONDS_MAX).contains(&seconds);
    if fits { Ok(seconds) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn read(more: &Value) -> Result<Session, Refusal> {
        let mut body =
            json!({"transaction_details": {"order_id": "order-1", "gross_amount": 44000}});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        Session::read(body.to_string().as_bytes(), NOW)
    }

    #[test]
    fn a_pick_becomes_the_charge_that_was_asked_for() {
        let session = read(&json!({
            "enabled_payments": ["bca_va", "echannel", "credit_card"],
            "custom_field1": "a",
            "expiry": {"unit": "hours", "duration": 2},
            "callbacks": {"finish": "https://shop.example/done"},
            "credit_card": {"secure": true},
        }))
        .unwrap();
        assert_eq!((session.order_id(), session.amount()), ("order-1", 44_000));
        assert_eq!(session.finish.as_deref(), Some("https://shop.example/done"));
        let charge = session.pick("bca_va").unwrap();
        assert_eq!(charge.method, Method::BankTransfer(Bank::Bca));
        assert_eq!(charge.echo.custom[0].as_deref(), Some("a"));
        assert_eq!(charge.expires(NOW), NOW.plus_seconds(7_200));
        for (name, _) in &session.methods {
            let body = session.pick(name).unwrap().to_json().to_string();
            assert!(Charge::read(body.as_bytes(), NOW).is_ok(), "{body}");
        }
        for none in ["gopay", "credit_card", ""] {
            assert_eq!(session.pick(none), None, "{none}");
        }
    }

    #[test]
    fn groups_and_silence_enable_several() {
        let names = |more: Value| {
            read(&more).map(|session| session.methods.into_iter().map(|(name, _)| name).collect())
        };
        let all: Vec<&str> = METHODS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names(json!({})), Ok(all));
        assert_eq!(
            names(json!({"enabled_payments": ["cstore"]})),
            Ok(vec!["indomaret", "alfamart"])
        );
        assert_eq!(names(json!({"enabled_payments": ["credit_card"]})), Err(Refusal::NotEnabled));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let needs = |more: Value, words: &str| match read(&more) {
            Err(Refusal::Invalid(messages)) => {
                assert!(messages.iter().any(|message| message.contains(words)), "{messages:?}");
            }
            other => panic!("{other:?}"),
        };
        needs(json!({"transaction_details": {"order_id": "a"}}), "gross_amount is required");
        needs(json!({"transaction_details": {"gross_amount": 1}}), "order_id is required");
        needs(json!({"item_details": [{"price": 1, "quantity": 1, "name": "a"}]}), "item_details");
        needs(json!({"enabled_payments": "gopay"}), "enabled_payments");
        needs(json!({"page_expiry": {"duration": 4, "unit": "minute"}}), "page_expiry");
        needs(json!({"page_expiry": {"duration": 8, "unit": "days"}}), "page_expiry");
        assert_eq!(Session::read(b"[", NOW), Err(Refusal::Malformed));
        // No script gets onto the page as a link.
        let session = read(&json!({"callbacks": {"finish": "javascript:alert(1)"}})).unwrap();
        assert_eq!(session.finish, None);
    }
}
