//! What each answer of the provider allows to conclude, one line each.

use super::super::midtrans::method::Method;
use super::*;
use crate::ledger::money::Amount;
use crate::limits::REASON_CODE_MAX;
use crate::outbound::System;
use hyper::header::HeaderMap;

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);
const KEY: &str = "SB-Mid-server-abc123cde456";
const ID: &str = "topup-7";

fn charge() -> Charge {
    Charge::new(ID.to_owned(), Amount::new(44_000).unwrap(), Method::Gopay)
}

fn answer(status: u16, body: &str) -> http::Answer {
    let body = Bytes::copy_from_slice(body.as_bytes());
    http::Answer { status, headers: HeaderMap::new(), body }
}

fn told(code: &str, status: &str) -> String {
    format!(
        r#"{{"status_code":"{code}","status_message":"m","transaction_id":"t-7","order_id":"{ID}","gross_amount":"44000.00","payment_type":"gopay","transaction_status":"{status}","currency":"IDR"}}"#
    )
}

fn failure(code: u16) -> String {
    format!(r#"{{"status_code":"{code}","status_message":"why","id":"7"}}"#)
}

fn of_charge(status: u16, body: &str) -> Outcome<Transaction> {
    charged(&charge(), read(&answer(status, body)))
}

fn of_change(change: Change, status: u16, body: &str) -> Outcome<Transaction> {
    changed(change, ID, read(&answer(status, body)))
}

fn of_status(status: u16, body: &str) -> Known {
    known(ID, read(&answer(status, body)))
}

const fn word(known: &Known) -> &'static str {
    match known {
        Known::Found(_) => "found",
        Known::NotFound(_) => "not_found",
        Known::Unanswered(_) => "unanswered",
    }
}

#[test]
fn a_charge_is_believed_if_it_is_ours() {
    for http in [200, 201] {
        assert_eq!(of_charge(http, &told("201", "pending")).name(), "succeeded");
    }
    assert_eq!(of_charge(200, &told("200", "settlement")).name(), "succeeded");
    assert_eq!(of_charge(200, &told("202", "deny")).name(), "refused");
    let good = told("201", "pending");
    for (from, to) in [
        (ID, "topup-8"),
        ("44000.00", "43999.00"),
        ("44000.00", "44000.01"),
        ("IDR", "USD"),
        ("gopay", "qris"),
        ("pending", "done"),
    ] {
        let other = good.replace(from, to);
        assert_eq!(of_charge(200, &other).name(), "unknown", "{other}");
    }
}

#[test]
fn every_code_has_its_conclusion() {
    for code in 100..=599_u16 {
        let body = failure(code);
        let (charge, status) = (of_charge(200, &body), of_status(200, &body));
        let cancel = of_change(Change::Cancel, 200, &body);
        let expected = match code {
            400 | 402 | 403 | 405 | 408 | 410 | 411 | 413 => ("refused", "refused"),
            404 | 412 | 414 => ("unknown", "refused"),
            401 | 429 => ("not_sent", "not_sent"),
            _ => ("unknown", "unknown"),
        };
        assert_eq!((charge.name(), cancel.name()), expected, "{code}");
        assert_eq!(word(&status), if code == 404 { "not_found" } else { "unanswered" }, "{code}");
        let well = if code >= 500 { Sign::Ill } else { Sign::Well };
        assert_eq!(sign(&read(&answer(200, &body))), well, "{code}");
    }
}

#[test]
fn an_order_that_was_charged_before_is_asked_about() {
    let said = r#"{"status_code":"400","status_message":"One or more parameters in the payload is invalid.","validation_messages":["transaction_details.order_id has been paid and utilized, please use another order ID"]}"#;
    for body in [failure(406), said.to_owned()] {
        assert_eq!(of_charge(200, &body).name(), "unknown", "{body}");
        assert_eq!(of_change(Change::Refund, 200, &body).name(), "unknown", "{body}");
    }
    let Outcome::Unknown(reason) = of_charge(200, &failure(406)) else { panic!("not unknown") };
    assert_eq!(reason, Reason::new("406", "why"));
}

#[test]
fn what_http_says_must_not_contradict() {
    for http in 100..=599_u16 {
        let heard = matches!(http, 200 | 201);
        let refused = of_charge(http, &failure(400));
        let expected = if heard || http == 400 { "refused" } else { "unknown" };
        assert_eq!(refused.name(), expected, "{http}");
        let pending = of_charge(http, &told("201", "pending"));
        assert_eq!(pending.name(), if heard { "succeeded" } else { "unknown" }, "{http}");
        let missing = of_status(http, &failure(404));
        let expected = if heard || http == 404 { "not_found" } else { "unanswered" };
        assert_eq!(word(&missing), expected, "{http}");
        let html = of_charge(http, "<html>404 Not Found</html>");
        assert_eq!(html.name(), "unknown", "{http}");
    }
    let broken = of_charge(500, &failure(500));
    assert_eq!(broken.name(), "unknown");
    assert_eq!(of_charge(401, &failure(401)).name(), "not_sent");
}

#[test]
fn what_is_no_answer_is_unknown() {
    let bodies = [
        String::new(),
        "{}".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "\"201\"".to_owned(),
        told("201", "pending") + "x",
        told("201", "pending").replace(r#""201""#, "201"),
        told("201", "pending").replace("{", r#"{"status_code":"404","#),
        told("2011", "pending"),
    ];
    for body in bodies {
        assert_eq!(of_charge(200, &body).name(), "unknown", "{body}");
        assert_eq!(word(&of_status(200, &body)), "unanswered", "{body}");
        assert_eq!(of_change(Change::Expire, 200, &body).name(), "unknown", "{body}");
        assert_eq!(sign(&read(&answer(200, &body))), Sign::Ill, "{body}");
    }
}

#[test]
fn a_status_is_believed_if_it_is_of_this_order() {
    for (code, status) in
        [("201", "pending"), ("200", "settlement"), ("407", "expire"), ("202", "deny")]
    {
        assert_eq!(word(&of_status(200, &told(code, status))), "found", "{status}");
    }
    let by_its_other_name = known("t-7", read(&answer(200, &told("200", "settlement"))));
    assert_eq!(word(&by_its_other_name), "found");
    let other = told("200", "settlement").replace(ID, "topup-8");
    assert_eq!(word(&of_status(200, &other)), "unanswered");
    let silent = Reason::new("timeout", "no answer in time");
    for asked in [Outcome::NotSent(silent.clone()), Outcome::Unknown(silent.clone())] {
        assert_eq!(known(ID, asked), Known::Unanswered(silent.clone()));
    }
}

#[test]
fn what_was_asked_for_must_have_happened() {
    let table = [
        (Change::Cancel, "200", "cancel", "succeeded"),
        (Change::Cancel, "200", "settlement", "unknown"),
        (Change::Expire, "407", "expire", "succeeded"),
        (Change::Expire, "200", "pending", "unknown"),
        (Change::Refund, "200", "refund", "succeeded"),
        (Change::Refund, "200", "partial_refund", "succeeded"),
        (Change::Refund, "202", "settlement", "refused"),
        (Change::Refund, "200", "settlement", "unknown"),
        (Change::Approve, "200", "capture", "succeeded"),
        (Change::Approve, "200", "pending", "unknown"),
        (Change::Deny, "200", "deny", "succeeded"),
        (Change::Deny, "200", "capture", "unknown"),
    ];
    for (change, code, status, expected) in table {
        let body = told(code, status);
        assert_eq!(of_change(change, 200, &body).name(), expected, "{change:?} {body}");
        let other = body.replace(ID, "topup-8").replace("t-7", "t-8");
        assert_eq!(of_change(change, 200, &other).name(), "unknown", "{change:?}");
    }
}

#[test]
fn words_from_outside_are_one_short_line() {
    let body = format!(
        r#"{{"status_code":"402","status_message":"a\r\nb\u0000\u001b[31m{}"}}"#,
        "z".repeat(5_000)
    );
    let Outcome::Refused(reason) = of_charge(200, &body) else { panic!("not refused") };
    assert!(reason.code.len() <= REASON_CODE_MAX);
    assert_eq!(reason.message.chars().count(), REASON_MESSAGE_MAX);
    assert!(reason.message.starts_with("ab[31mz"));
}

fn client(url: &str) -> Result<MidtransClient, NoTls> {
    let settings = Settings {
        base: Url::parse(url).unwrap(),
        key: ServerKey::new(KEY.to_owned()).unwrap(),
        tls: None,
        http: http::Options::standard(),
        bulkhead: bulkhead::Options::standard(),
        breaker: breaker::Options::standard(),
    };
    MidtransClient::new(settings, Arc::new(System), Clock::manual(NOW))
}

#[test]
fn the_key_is_never_shown() {
    let client = client("http://127.0.0.1:9").unwrap();
    assert!(client.authorization.is_sensitive());
    assert!(!format!("{:?}", client.authorization).contains("U0It"));
    assert_eq!(
        client.authorization.to_str().unwrap(),
        "Basic U0ItTWlkLXNlcnZlci1hYmMxMjNjZGU0NTY6"
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_not_sent() {
    // Nothing listens there: it would be `no_connection` if it were tried.
    let client = client("http://127.0.0.1:9").unwrap();
    let malformed = |outcome: Outcome<Transaction>| matches!(outcome, Outcome::NotSent(reason) if reason.code == "malformed_request");
    for id in ["", ".", "..", "a/b", "a b", "a?b", "a#b", "%2e%2e", "é"] {
        let mut charge = charge();
        charge.order_id = id.to_owned();
        assert!(malformed(client.charge(&charge).await), "{id}");
        assert!(malformed(client.cancel(id).await), "{id}");
        assert_eq!(word(&client.status(id).await), "unanswered", "{id}");
    }
    assert!(malformed(client.refund(ID, &RefundRequest::default()).await));
    assert_eq!(self::client("https://127.0.0.1:9").err(), Some(NoTls));
}
