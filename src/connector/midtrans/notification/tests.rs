//! What is sent, what is believed, and why a signature alone is not.

use super::super::answer::Begun;
use super::super::charge::Charge;
use super::super::method::Acquirer;
use super::super::samples::NOTIFIED;
use super::super::transaction::VaNumber;
use super::*;
use crate::ledger::money::Amount;
use crate::ledger::time::Timestamp;

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

fn key() -> ServerKey {
    ServerKey::new("SB-Mid-server-abc123cde456".to_owned()).unwrap()
}

/// A notification of these words, signed with the key.
fn signed(order_id: &str, code: &str, amount: &str, status: &str) -> Value {
    json!({
        "order_id": order_id,
        "transaction_id": "t-1",
        "status_code": code,
        "gross_amount": amount,
        "transaction_status": status,
        "payment_type": "gopay",
        "signature_key": key().sign(order_id, code, amount),
    })
}

fn read(body: &Value) -> Result<Notification, NotANotification> {
    Notification::read(body.to_string().as_bytes())
}

fn kept(method: Method, status: Status) -> Transaction {
    let charge = Charge::new("order-1".to_owned(), Amount::new(10_000).unwrap(), method);
    let text = |text: &str| Some(text.to_owned());
    let mut instructions = Instructions::default();
    match method {
        Method::BankTransfer(Bank::Permata) => instructions.permata_va_number = text("8562"),
        Method::BankTransfer(bank) => {
            let (bank, number) = (bank.name().to_owned(), "333".to_owned());
            instructions.va_numbers = vec![VaNumber { bank, number }];
        }
        Method::Echannel => {
            (instructions.biller_code, instructions.bill_key) = (text("70012"), text("99"));
        }
        Method::Qris(acquirer) => {
            (instructions.qr_string, instructions.acquirer) = (text("0002"), text(acquirer.name()));
        }
        Method::Cstore(store) => {
            (instructions.store, instructions.payment_code) = (text(store.name()), text("3000"));
        }
        Method::Gopay | Method::Shopeepay | Method::CreditCard => {}
    }
    let (transaction_id, merchant_id) = ("t-1".to_owned(), "G1".to_owned());
    let begun = Begun { transaction_id, merchant_id, time: NOW, instructions };
    let mut kept = Transaction::begun(&charge, begun);
    kept.status = status;
    kept.settled = (status == Status::Settlement).then_some(NOW);
    kept
}

#[test]
fn what_is_sent_has_the_fields_of_the_sample() {
    let methods = [
        ("bca", Method::BankTransfer(Bank::Bca)),
        ("bni", Method::BankTransfer(Bank::Bni)),
        ("permata", Method::BankTransfer(Bank::Permata)),
        ("echannel", Method::Echannel),
        ("gopay", Method::Gopay),
        ("qris", Method::Qris(Acquirer::Gopay)),
        ("shopeepay", Method::Shopeepay),
        ("indomaret", Method::Cstore(Store::Indomaret)),
    ];
    for ((name, method), (same, sample)) in methods.into_iter().zip(NOTIFIED) {
        assert_eq!(name, same);
        let body = write(&kept(method, Status::Settlement), method, &key());
        let sample: Value = serde_json::from_str(sample).unwrap();
        let names = |body: &Value| -> Vec<String> {
            let known = |name: &&String| !["expiry_time", "approval_code"].contains(&name.as_str());
            body.as_object().unwrap().keys().filter(known).cloned().collect()
        };
        assert_eq!(names(&body), names(&sample), "{name}");
        let told = read(&body).unwrap();
        assert!(told.is_signed_with(&key()), "{name}");
        assert_eq!(told.transaction.status, Status::Settlement);
    }
    let paid = write(&kept(methods[1].1, Status::Settlement), methods[1].1, &key());
    assert_eq!(
        paid["payment_amounts"],
        json!([{"paid_at": text::time(NOW), "amount": "10000.00"}])
    );
}

#[test]
fn what_is_not_paid_tells_less() {
    let qris = Method::Qris(Acquirer::Gopay);
    for (status, code) in
        [(Status::Pending, "201"), (Status::Expire, "202"), (Status::Cancel, "202")]
    {
        let body = write(&kept(qris, status), qris, &key());
        assert_eq!(body["status_code"], code);
        for missing in ["transaction_type", "issuer", "settlement_time", "qr_string", "actions"] {
            assert!(body.get(missing).is_none(), "{missing}");
        }
        assert!(read(&body).unwrap().is_signed_with(&key()));
    }
    let gopay = write(&kept(Method::Gopay, Status::Expire), Method::Gopay, &key());
    assert!(gopay.get("payment_option_type").is_none());
}

#[test]
fn a_forged_or_altered_one_is_not_signed() {
    let good = signed("order-1", "200", "10000.00", "settlement");
    assert!(read(&good).unwrap().is_signed_with(&key()));
    let other = ServerKey::new("SB-Mid-server-abc123cde457".to_owned()).unwrap();
    assert!(!read(&good).unwrap().is_signed_with(&other));
    for (name, value) in [
        ("order_id", "order-2"),
        ("status_code", "201"),
        ("gross_amount", "10001.00"),
        ("gross_amount", "10000"),
        ("signature_key", ""),
        ("signature_key", "1b87"),
    ] {
        let mut altered = good.clone();
        altered[name] = value.into();
        assert!(!read(&altered).unwrap().is_signed_with(&key()), "{name} {value}");
    }
}

#[test]
fn nothing_may_be_credited_on_the_signature_alone() {
    // It does not cover the status: the notification of a refund, told again as a settlement.
    let refund = signed("order-1", "200", "10000.00", "refund");
    let mut relabelled = refund.clone();
    relabelled["transaction_status"] = "settlement".into();
    assert!(read(&relabelled).unwrap().is_signed_with(&key()));

    // It does not say where one text ends and the next begins: the notification of a pending
    // charge of another order is also one of a settled order of much less.
    let sign = |order, code, amount| key().sign(order, code, amount);
    assert_eq!(sign("ord", "201", "200150000.00"), sign("ord201", "200", "150000.00"));
    let mut moved = signed("ord", "201", "200150000.00", "pending");
    moved["order_id"] = "ord201".into();
    moved["status_code"] = "200".into();
    moved["gross_amount"] = "150000.00".into();
    moved["transaction_status"] = "settlement".into();
    let believed = read(&moved).unwrap();
    assert!(believed.is_signed_with(&key()));
    assert_eq!(believed.transaction.order_id, "ord201");

    // It does not cover the time: told again tomorrow it is as good.
    let mut later = refund;
    later["transaction_time"] = text::time(NOW.plus_seconds(24 * 3_600)).into();
    assert!(read(&later).unwrap().is_signed_with(&key()));
}

#[test]
fn what_is_missing_is_named() {
    for name in NEEDED {
        for value in [Value::Null, json!(200), json!([])] {
            let mut body = signed("order-1", "200", "10000.00", "settlement");
            body[name] = value;
            assert_eq!(read(&body), Err(NotANotification::Field(name)), "{name}");
        }
    }
    let table =
        [("gross_amount", "10000.50"), ("gross_amount", "0.00"), ("transaction_status", "paid")];
    for (name, value) in table {
        let mut body = signed("order-1", "200", "10000.00", "settlement");
        body[name] = value.into();
        assert_eq!(read(&body), Err(NotANotification::Field(name)), "{value}");
    }
    let mut body = signed("order-1", "200", "10000.00", "settlement");
    body["fraud_status"] = "perhaps".into();
    assert!(matches!(read(&body), Err(NotANotification::Field(_))));
    let twice = r#"{"order_id":"a","order_id":"b"}"#;
    for body in ["", "null", "[]", "{", twice] {
        assert_eq!(Notification::read(body.as_bytes()), Err(NotANotification::Syntax), "{body}");
    }
}

#[test]
fn no_notification_cut_short_is_read() {
    for (_, sample) in NOTIFIED {
        for end in 0..sample.len() {
            assert!(Notification::read(&sample.as_bytes()[..end]).is_err(), "{end}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_notification_makes_it_panic(body: Vec<u8>, name: String, text: String) {
        let _ = Notification::read(&body);
        let mut body = signed("order-1", "200", "10000.00", "settlement");
        body[name.as_str()] = text.into();
        let _ = read(&body);
    }
}
