//! Every route, a file for each resource, in process: status, headers and the whole body.

mod admin;
mod api_keys;
mod batch;
mod bills;
mod boarding;
pub(crate) mod charges;
mod codes;
mod documents;
mod edge;
mod factors;
mod fees;
mod history;
mod invoices;
mod late;
mod passwords;
mod payments;
mod payouts;
mod persons;
mod proposals;
mod provider_day;
mod rents;
mod session;
mod spent;
pub(crate) mod stream;
mod tables;
mod told;
mod topups;
mod transfer;
mod unknown;
mod wallet;

use crate::support::{TestGateway, post, raw};

use serde_json::{Value, json};

/// What no body of a money-moving route may be: each text with `AMOUNT` for the amount.
const WRONG_AMOUNTS: [&str; 22] = [
    "0",
    "-0",
    "-1",
    "1e3",
    "1.0",
    "0.1",
    "1e400",
    "01",
    "+1",
    "1000000000000001",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "NaN",
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "\" 1\"",
    "\"٣\"",
    "\"1.000\"",
];

/// Refuses every way in which a body of this route can be wrong. `good` is a body that would be
/// taken; its required fields are named.
async fn strict(gateway: &TestGateway, token: &str, path: &str, good: &Value, required: &[&str]) {
    let before = gateway.position();
    let send = |text: String| gateway.send(raw(path, "application/json", text).by(token));
    for field in required {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(*field);
        send(body.to_string()).await.names(field);
    }
    for (field, value) in good.as_object().unwrap() {
        for wrong in [json!({"a": 1}), json!([1])] {
            let mut body = good.clone();
            body[field] = wrong;
            send(body.to_string()).await.names(field);
        }
        let twice = format!("{{\"{field}\":{value},{}", &good.to_string()[1..]);
        send(twice).await.names(field);
    }
    for field in ["unknown", "status", "id", "position", "fee", "balance", "created_at", "user_id"]
    {
        let mut body = good.clone();
        body[field] = json!(1);
        send(body.to_string()).await.names(field);
    }
    if good.get("amount").is_some() {
        for wrong in WRONG_AMOUNTS {
            let mut body = good.clone();
            body["amount"] = json!("AMOUNT");
            let answer = send(body.to_string().replace("\"AMOUNT\"", wrong)).await;
            answer.refused(400, "invalid_request");
        }
        for currency in ["idr", "ID", "RUPIAH", "", "XYZ1"] {
            let mut body = good.clone();
            body["currency"] = json!(currency);
            send(body.to_string()).await.names("currency");
        }
    }
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    for wrong in ["", "{", "null", "[]", "7", "\"x\"", "{}x", "{\"a\":1e999}", &deep] {
        send(wrong.to_owned()).await.refused(400, "invalid_request");
    }
    let not_utf8 = raw(path, "application/json", &b"{\"a\":\"\xff\"}"[..]).by(token);
    gateway.send(not_utf8).await.refused(400, "invalid_request");
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/json; x=y"] {
        let wrong = raw(path, media_type, good.to_string()).by(token);
        gateway.send(wrong).await.refused(415, "unsupported_media_type");
    }
    assert_eq!(gateway.position(), before, "a body that is refused leaves no trace");
}

/// The same key for another request, and a key that differs from the body's reference.
async fn keys(gateway: &TestGateway, token: &str, path: &str, good: &Value, other: &Value) {
    let first = gateway.send(post(path, good).by(token).key("kunci-1")).await;
    assert!(first.status < 300, "{}", first.text);
    let again = gateway.send(post(path, good).by(token).key("kunci-1")).await;
    again.replays(&first);
    let mut with_reference = good.clone();
    with_reference["reference"] = json!("kunci-1");
    gateway.send(post(path, &with_reference).by(token)).await.replays(&first);
    gateway.send(post(path, &with_reference).by(token).key("kunci-1")).await.replays(&first);
    let before = gateway.position();
    let reused = gateway.send(post(path, other).by(token).key("kunci-1")).await;
    reused.refused(409, "reference_reused");
    assert_eq!(reused.header("idempotency-replayed"), None);
    gateway.send(post(path, &with_reference).by(token).key("kunci-2")).await.names("reference");
    for key in ["", "a b", &"x".repeat(256)] {
        gateway.send(post(path, good).by(token).key(key)).await.names("Idempotency-Key");
        let mut wrong = good.clone();
        wrong["reference"] = json!(key);
        gateway.send(post(path, &wrong).by(token)).await.names("reference");
    }
    let twice = post(path, good).by(token).key("a").key("b");
    gateway.send(twice).await.names("idempotency-key");
    assert_eq!(gateway.position(), before);
}
