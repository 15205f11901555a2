//! What is taken, what is not, and why.

use super::super::method::{Acquirer, Store};
use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

fn read(json: &str) -> Result<Charge, Refused> {
    Charge::read(json.as_bytes(), NOW)
}

fn wrong(json: &str) -> Vec<String> {
    match read(json) {
        Err(Refused::Invalid(wrong)) => wrong,
        other => panic!("{json}: {other:?}"),
    }
}

/// A request for 44,000 with more to it.
fn with(more: &str) -> String {
    format!(
        r#"{{"payment_type":"gopay","transaction_details":{{"order_id":"a-1","gross_amount":44000}}{more}}}"#
    )
}

/// One with these details.
fn details(details: &str) -> String {
    format!(r#"{{"payment_type":"gopay","transaction_details":{details}}}"#)
}

#[test]
fn what_is_wrong_is_said_in_their_words() {
    let table = [
        (r#"{"gross_amount":1}"#, "transaction_details.order_id is required"),
        (r#"{"order_id":"","gross_amount":1}"#, "transaction_details.order_id is required"),
        (
            r#"{"order_id":7,"gross_amount":1}"#,
            "transaction_details.order_id contains invalid characters",
        ),
        (
            r#"{"order_id":"a b","gross_amount":1}"#,
            "transaction_details.order_id contains invalid characters",
        ),
        (
            r#"{"order_id":"a/b","gross_amount":1}"#,
            "transaction_details.order_id contains invalid characters",
        ),
        (
            r#"{"order_id":"..","gross_amount":1}"#,
            "transaction_details.order_id contains invalid characters",
        ),
        (
            r#"{"order_id":"é","gross_amount":1}"#,
            "transaction_details.order_id contains invalid characters",
        ),
        (r#"{"order_id":"a"}"#, "transaction_details.gross_amount is required"),
        (
            r#"{"order_id":"a","gross_amount":"10000"}"#,
            "transaction_details.gross_amount is not a number",
        ),
        (
            r#"{"order_id":"a","gross_amount":true}"#,
            "transaction_details.gross_amount is not a number",
        ),
    ];
    for (json, message) in table {
        assert_eq!(wrong(&details(json)), [message], "{json}");
    }
    let whole = "transaction_details.gross_amount must be a whole number from 1";
    for amount in
        ["0", "-0", "-1", "1.0", "1.5", "1e3", "1000000000000001", "1e400", "18446744073709551616"]
    {
        let json = details(&format!(r#"{{"order_id":"a","gross_amount":{amount}}}"#));
        match read(&json) {
            Err(Refused::Invalid(wrong)) => assert_eq!(wrong, [whole], "{amount}"),
            // A number beyond all numbers is no JSON.
            other => assert_eq!((other, amount), (Err(Refused::Syntax), "1e400")),
        }
    }
    let long = details(&format!(r#"{{"order_id":"{}","gross_amount":1}}"#, "a".repeat(51)));
    assert_eq!(
        wrong(&long),
        ["transaction_details.order_id is too long (maximum is 50 characters)"]
    );
}

#[test]
fn everything_wrong_is_said_at_once() {
    assert_eq!(
        wrong("{}"),
        [
            "transaction_details.order_id is required",
            "transaction_details.gross_amount is required",
            "payment_type is required",
        ]
    );
    let more = r#","metadata":[],"custom_field2":7,"custom_expiry":{},"item_details":{}"#;
    assert_eq!(wrong(&with(more)).len(), 4);
    let items = format!(r#","item_details":[{}]"#, vec!["7"; 100].join(","));
    assert_eq!(wrong(&with(&items)).len(), MIDTRANS_MESSAGES_MAX);
}

#[test]
fn what_is_no_object_is_bad_syntax() {
    let twice = r#"{"payment_type":"gopay","payment_type":"qris"}"#;
    for body in ["", "null", "[]", "7", "{", "{} {}", "<html>", twice] {
        assert_eq!(read(body), Err(Refused::Syntax), "{body}");
    }
    let failure = Refused::Syntax.into_failure("7".to_owned());
    assert_eq!(failure.to_json()["status_code"], "413");
    let failure = Refused::Invalid(vec!["x is required".to_owned()]).into_failure("7".to_owned());
    assert_eq!(failure.to_json()["status_code"], "400");
    assert_eq!(failure.to_json()["validation_messages"], json!(["x is required"]));
}

#[test]
fn items_add_up() {
    let items = |items: &str| with(&format!(r#","item_details":{items}"#));
    let good = items(
        r#"[{"id":"A","price":20000,"quantity":2,"name":"Kopi","brand":"x"},{"price":5000,"quantity":1,"name":"Teh"},{"price":-1000,"quantity":1,"name":"Potongan"}]"#,
    );
    let charge = read(&good).unwrap();
    assert_eq!(charge.to_json(), serde_json::from_str::<Value>(&good).unwrap());
    assert_eq!(charge.items.len(), 3);
    assert_eq!(read(&items("[]")).unwrap().items.len(), 0);
    let sum = "transaction_details.gross_amount is not equal to the sum of item_details";
    let table = [
        (r#"[{"price":44001,"quantity":1,"name":"x"}]"#, sum),
        (r#"[{"price":9223372036854775807,"quantity":4294967295,"name":"x"}]"#, sum),
        (r#"[{"quantity":1,"name":"x"}]"#, "item_details.price is required"),
        (r#"[{"price":1.5,"quantity":1,"name":"x"}]"#, "item_details.price is not a number"),
        (r#"[{"price":44000,"name":"x"}]"#, "item_details.quantity is required"),
        (
            r#"[{"price":44000,"quantity":0,"name":"x"}]"#,
            "item_details.quantity is not a number of at least 1",
        ),
        (r#"[{"price":44000,"quantity":1}]"#, "item_details.name is required"),
        ("[7]", "item_details must be a list of objects"),
        ("7", "item_details must be a list"),
    ];
    for (list, message) in table {
        assert_eq!(wrong(&items(list)), [message], "{list}");
    }
    let long = format!(r#"[{{"price":44000,"quantity":1,"name":"{}"}}]"#, "x".repeat(51));
    assert_eq!(wrong(&items(&long)), ["item_details.name is too long (maximum is 50 characters)"]);
}

#[test]
fn what_is_optional_is_kept() {
    let more = r#","customer_details":{"first_name":"Ani","billing_address":{"city":"Bogor"}},"custom_field1":"satu","custom_field3":"","metadata":{"room":7},"custom_expiry":{"expiry_duration":2,"unit":"hour"}"#;
    let charge = read(&with(more)).unwrap();
    assert_eq!(charge.to_json(), serde_json::from_str::<Value>(&with(more)).unwrap());
    assert_eq!(charge.expires(NOW), NOW.plus_seconds(7_200));
    let unknown = read(&with(r#","unknown":{"a":1}"#)).unwrap();
    assert_eq!(unknown.to_json(), serde_json::from_str::<Value>(&with("")).unwrap());
    assert_eq!(wrong(&with(&format!(r#","custom_field1":"{}""#, "x".repeat(256)))).len(), 1);
}

#[test]
fn each_method_has_its_time() {
    let (minute, day) = (60, 24 * 3_600);
    let table = [
        (Method::BankTransfer(Bank::Bca), day, 20, 180 * day),
        (Method::Echannel, day, 20, 180 * day),
        (Method::Cstore(Store::Alfamart), day, 20, 180 * day),
        (Method::Gopay, 15 * minute, 20, 7 * day),
        (Method::Qris(Acquirer::Gopay), 15 * minute, 20, 7 * day),
        (Method::Qris(Acquirer::Airpay), 15 * minute, 20, 5 * day),
        (Method::Shopeepay, 15 * minute, 20, 5 * day),
    ];
    for (method, default, min, max) in table {
        let mut charge = Charge::new("a".to_owned(), Amount::new(1).unwrap(), method);
        if method == Method::Echannel {
            for name in ["bill_info1", "bill_info2"] {
                charge.options.insert(name.to_owned(), "x".into());
            }
        }
        assert_eq!(charge.expires(NOW), NOW.plus_seconds(default), "{method:?}");
        for (seconds, taken) in [(min - 1, false), (min, true), (max, true), (max + 1, false)] {
            let mut body = charge.to_json();
            body["custom_expiry"] = json!({"expiry_duration": seconds, "unit": "second"});
            let read = read(&body.to_string());
            assert_eq!(read.is_ok(), taken, "{method:?} {seconds}: {read:?}");
        }
    }
}

#[test]
fn an_end_that_has_passed_is_no_end() {
    let expiry = |time: &str| {
        with(&format!(
            r#","custom_expiry":{{"order_time":"{time} +0700","expiry_duration":1,"unit":"hour"}}"#
        ))
    };
    let around = |seconds: i64| text::time(NOW.plus_seconds(seconds));
    assert!(read(&expiry(&around(0))).is_ok());
    assert!(read(&expiry(&around(-3_599))).is_ok());
    assert!(read(&expiry(&around(-3_600))).is_err());
    assert!(read(&expiry(&around(8 * 24 * 3_600))).is_err(), "beyond the method's longest");
}

#[test]
fn what_a_method_is_told_can_be_asked_for() {
    let read = |json: &str| read(json).unwrap();
    let of = |payment_type: &str, options: &str| {
        format!(
            r#"{{"payment_type":"{payment_type}","transaction_details":{{"order_id":"a","gross_amount":1}},"{payment_type}":{options}}}"#
        )
    };
    let bca = read(&of("bank_transfer", r#"{"bank":"bca","va_number":"12"}"#));
    assert_eq!(bca.wished_number().as_deref(), Some("000012"));
    assert_eq!(read(&of("bank_transfer", r#"{"bank":"bca"}"#)).wished_number(), None);
    let name = r#"{"bank":"permata","permata":{"recipient_name":"SUDARSONO"}}"#;
    assert_eq!(read(&of("bank_transfer", name)).recipient_name(), Some("SUDARSONO"));
    let info =
        r#"{"bill_info1":"Payment For:","bill_info2":"a debt that has a very long description"}"#;
    let bill = read(&of("echannel", info));
    assert_eq!(bill.bill_info(1).as_deref(), Some("Payment Fo"));
    assert_eq!(bill.bill_info(2).as_deref(), Some("a debt that has a very long de"));
    assert_eq!(bill.bill_info(3), None);
    for options in ["7", "[]", r#""bca""#] {
        assert!(Charge::read(of("bank_transfer", options).as_bytes(), NOW).is_err(), "{options}");
    }
}

#[test]
fn a_charge_of_ours_is_taken() {
    for method in [
        Method::BankTransfer(Bank::Permata),
        Method::Gopay,
        Method::Qris(Acquirer::Airpay),
        Method::Shopeepay,
        Method::Cstore(Store::Indomaret),
    ] {
        let charge = Charge::new("topup-7".to_owned(), Amount::new(10_000).unwrap(), method);
        let body = charge.to_json().to_string();
        assert_eq!(Charge::read(body.as_bytes(), NOW).as_ref(), Ok(&charge), "{body}");
    }
}

proptest::proptest! {
    #[test]
    fn no_body_makes_it_panic(body: Vec<u8>, text: String) {
        let _ = Charge::read(&body, NOW);
        let value = Value::String(text);
        let _ = read(&with(&format!(r#","custom_expiry":{value},"item_details":[{value}],"metadata":{value}"#)));
        let _ = read(&format!(r#"{{"payment_type":{value},{value}:{{}}}}"#));
    }
}
