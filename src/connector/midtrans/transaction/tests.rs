//! What is believed of an answer, and what makes it unreadable.

use super::super::samples::CHARGED;
use super::*;

const GOOD: &str = r#"{"status_code":"200","status_message":"m","transaction_id":"t-1","order_id":"o-1","gross_amount":"44000.00","currency":"IDR","payment_type":"bank_transfer","transaction_time":"2019-10-23 16:33:49","transaction_status":"settlement","fraud_status":"accept"}"#;

fn read(body: &str) -> Option<Answer> {
    Answer::read(body.as_bytes())
}

fn transaction(body: &str) -> Transaction {
    match read(body) {
        Some(Answer::Transaction(transaction)) => *transaction,
        other => panic!("{body}: {other:?}"),
    }
}

/// The good one with a field made into something else.
fn changed(name: &str, value: &str) -> String {
    let mut body: Value = serde_json::from_str(GOOD).unwrap();
    body[name] = serde_json::from_str(value).unwrap();
    body.to_string()
}

fn without(name: &str) -> String {
    let mut body: Value = serde_json::from_str(GOOD).unwrap();
    body.as_object_mut().unwrap().remove(name);
    body.to_string()
}

#[test]
fn what_money_depends_on_must_be_readable() {
    let table = [
        ("status_code", vec!["200", "null", "\"2000\"", "\"\""]),
        ("transaction_id", vec!["7", "null", "\"\"", "\"a b\""]),
        ("order_id", vec!["7", "null", "\"\"", "\"a\\nb\""]),
        (
            "gross_amount",
            vec!["44000", "null", "\"44000.50\"", "\"0.00\"", "\"-1.00\"", "\"44,000.00\""],
        ),
        ("currency", vec!["7", "{}"]),
        ("fraud_status", vec!["7", "\"perhaps\"", "\"\""]),
        ("transaction_status", vec!["7", "\"paid\"", "\"\""]),
        ("payment_type", vec!["7", "null"]),
    ];
    for (name, values) in table {
        for value in values {
            let body = changed(name, value);
            assert!(!matches!(read(&body), Some(Answer::Transaction(_))), "{body}");
        }
    }
    for name in ["transaction_id", "order_id", "gross_amount", "payment_type", "status_code"] {
        assert_eq!(read(&without(name)), None, "{name}");
    }
    let long = changed("transaction_id", &format!("\"{}\"", "a".repeat(65)));
    assert_eq!(read(&long), None);
}

/// As Midtrans answers for a status: with a field in each part that its own tables do not name.
#[test]
fn refunds_are_found_whatever_else_stands_beside_them() {
    let parts = r#"[{"refund_chargeback_id":1,"refund_chargeback_uuid":"4f2b","refund_amount":"5000.00","created_at":"2019-10-24 10:00:00","refund_key":"k-1"},{"refund_chargeback_id":2,"refund_amount":"10.00","created_at":"2019-10-24 10:00:00","reason":"r"}]"#;
    let body = changed("refunds", parts);
    let transaction = transaction(&body);
    let found: Vec<_> =
        transaction.refunded.parts.iter().map(|part| (part.key.as_deref(), part.amount)).collect();
    assert_eq!(found, [(Some("k-1"), 5_000), (None, 10)]);
    assert_eq!(transaction.to_json(), serde_json::from_str::<Value>(&body).unwrap());
}

#[test]
fn the_rest_may_be_missing_or_odd() {
    assert_eq!(transaction(&without("currency")).currency(), "IDR");
    assert_eq!(transaction(&changed("currency", "\"USD\"")).currency(), "USD");
    assert_eq!(transaction(&without("fraud_status")).fraud, None);
    assert_eq!(transaction(&changed("fraud_status", "null")).fraud, None);
    assert_eq!(transaction(&changed("transaction_status", "\"PENDING\"")).status, Status::Pending);
    let odd = [
        ("transaction_time", "\"yesterday\""),
        ("va_numbers", r#"[{"bank":"bca"}]"#),
        ("va_numbers", r#"[{"bank":"bca","va_number":"1","more":1}]"#),
        ("actions", r#"[{"name":"a"}]"#),
        ("refunds", r#"[{"refund_chargeback_id":1}]"#),
        ("refund_amount", "7"),
        ("metadata", "7"),
        ("new_field", r#"{"a":[1,2]}"#),
    ];
    for (name, value) in odd {
        let body = changed(name, value);
        let transaction = transaction(&body);
        assert_eq!(transaction.to_json(), serde_json::from_str::<Value>(&body).unwrap());
        assert!(transaction.others.contains_key(name), "{name}");
    }
    let spelled = changed("expire_time", "\"2019-10-24 16:33:49\"");
    assert!(transaction(&spelled).expires.is_some());
}

#[test]
fn a_code_of_failure_is_a_failure() {
    for code in ["400", "404", "406", "412", "500"] {
        let body = changed("status_code", &format!("\"{code}\""));
        assert!(matches!(read(&body), Some(Answer::Failure(_))), "{code}");
    }
    for code in ["200", "201", "202", "407"] {
        let body = changed("status_code", &format!("\"{code}\""));
        assert!(matches!(read(&body), Some(Answer::Transaction(_))), "{code}");
    }
    assert!(matches!(read(&without("transaction_status")), Some(Answer::Failure(_))));
    for body in ["", "null", "[]", "{}", "<html>", r#"{"status_code":"404","status_code":"200"}"#] {
        assert_eq!(read(body), None, "{body}");
    }
}

#[test]
fn it_has_two_names() {
    let transaction = transaction(GOOD);
    assert!(transaction.is_named("o-1") && transaction.is_named("t-1"));
    assert!(!transaction.is_named("o-2"));
    assert_eq!(transaction.meaning(), Meaning::Paid);
}

#[test]
fn no_answer_cut_short_is_read() {
    for (_, sample) in CHARGED {
        for end in 0..sample.len() {
            assert_eq!(Answer::read(&sample.as_bytes()[..end]), None, "{end}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_answer_makes_it_panic(body: Vec<u8>, name: String, text: String) {
        let _ = Answer::read(&body);
        let value = Value::String(text).to_string();
        let _ = read(&changed("refunds", &format!("[{value},{{\"created_at\":{value}}}]")));
        let _ = read(&changed(&name, &value));
    }
}
