//! Who is let in, and with what: whatever is not answered 200 was not asked of the bank.

use gerbang::identity::keys::SigningKeys;
use gerbang::identity::token::{self, Subject, TokenId};
use serde_json::{Value, json};

use super::{KEY, Office, inquiry, status, transfer};
use crate::ask::{Answer, ask, get, post, raw};
use crate::support::START;

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

fn without(mut body: Value, field: &str) -> Value {
    body.as_object_mut().unwrap().remove(field);
    body
}

#[tokio::test]
async fn only_the_gateway_is_let_in() {
    let office = Office::open().await;
    let now = START;
    let sign = |bank: &str, key: &[u8], at| token::sign_partner(bank, key, at).unwrap();
    let keys = SigningKeys::in_memory(7);
    let user = token::issue(&keys, &Subject::new("usr_1").unwrap(), TokenId([1; 16]), now).token;
    let good = sign("009", KEY, now);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let none = |token: &str| format!("eyJhbGciOiJub25lIn0.{}.", token.split('.').nth(1).unwrap());
    let table = [
        ("another key", sign("009", b"kunci-lain-yang-sama-panjangnya-0123", now)),
        ("another bank", sign("014", KEY, now)),
        ("expired", sign("009", KEY, now.plus_seconds(-200))),
        ("from the future", sign("009", KEY, now.plus_seconds(60))),
        ("a client's of the gateway", token::sign_client("gerbang", KEY, now).unwrap()),
        ("a user's", user),
        ("without a signature", format!("{signed}.")),
        ("of no algorithm", none(&good)),
        ("altered", format!("{signed}.{}", signature.replace(&signature[..1], "_"))),
        ("nonsense", "a.b.c".to_owned()),
    ];
    for (what, token) in table {
        for usage in ["transfer", "inquiry", "status", "nothing"] {
            let answer = office.send(post(&format!("/api/bni/{usage}"), &transfer()).by(&token));
            let body = answer.await.refused(401, "invalid_token");
            assert!(!body.to_string().contains(&token), "{what}");
        }
    }
    let bare = office.send(post("/api/bni/transfer", &transfer())).await;
    bare.refused(401, "invalid_token");
    assert_eq!((office.bank.asked().len(), office.bank.granted()), (0, 0));
    assert_eq!(office.ask("transfer", &transfer()).await.status, 200, "the good one");
}

#[tokio::test]
async fn every_field_is_checked_before_the_bank_hears_of_it() {
    let office = Office::open().await;
    let refused: [(&str, &str, Value); 26] = [
        ("transfer", "reference", json!("")),
        ("transfer", "reference", json!("a-b")),
        ("transfer", "reference", json!("a".repeat(33))),
        ("transfer", "reference", json!(7)),
        ("transfer", "beneficiaryBankCode", json!("9")),
        ("transfer", "beneficiaryBankCode", json!("00a")),
        ("transfer", "beneficiaryAccountNumber", json!("")),
        ("transfer", "beneficiaryAccountNumber", json!("8888-0100")),
        ("transfer", "beneficiaryAccountNumber", json!("1".repeat(35))),
        ("transfer", "beneficiaryAccountNumber", json!("\u{661}234")),
        ("transfer", "beneficiaryAccountName", json!("a\nb")),
        ("transfer", "beneficiaryAccountName", json!(null)),
        ("transfer", "amount", json!(25000)),
        ("transfer", "amount", json!("0")),
        ("transfer", "amount", json!("-1")),
        ("transfer", "amount", json!("25000.00")),
        ("transfer", "amount", json!("025000")),
        ("transfer", "amount", json!("1e3")),
        ("transfer", "amount", json!("1000000000000001")),
        ("transfer", "amount", json!("+5")),
        ("transfer", "currency", json!("idr")),
        ("transfer", "remark", json!("a\u{0}b")),
        ("transfer", "date", json!("2026-11-18")),
        ("transfer", "date", json!("2026-11-18T18:06:40")),
        ("transfer", "pin", json!("123456")),
        ("transfer", "outcome", json!("succeeded")),
    ];
    for (usage, field, value) in refused {
        let body = with(transfer(), field, value);
        for usage in [usage, "transferInterbank"] {
            office.ask(usage, &body).await.names(field);
        }
    }
    for field in ["reference", "amount", "date", "remark", "beneficiaryAccountName"] {
        office.ask("transfer", &without(transfer(), field)).await.names(field);
    }
    office.ask("inquiry", &with(inquiry(), "reference", json!("a b"))).await.names("reference");
    let account = "beneficiaryAccountNumber";
    office.ask("inquiry", &with(inquiry(), account, json!("x"))).await.names(account);
    office.ask("inquiry", &with(inquiry(), "amount", json!("1"))).await.names("amount");
    office.ask("status", &with(status(), "interbank", json!("no"))).await.names("interbank");
    office.ask("status", &with(status(), "amount", json!("1.0"))).await.names("amount");
    assert_eq!((office.bank.asked().len(), office.bank.granted()), (0, 0));
}

#[tokio::test]
async fn a_route_that_does_not_lead_to_the_bank_is_refused() {
    let office = Office::open().await;
    let elsewhere = with(transfer(), "beneficiaryBankCode", json!("014"));
    let detail = |answer: Answer| answer.refused(400, "invalid_request")["detail"].clone();
    assert!(detail(office.ask("transfer", &elsewhere).await).as_str().unwrap().contains("route"));
    let home = office.ask("transferInterbank", &transfer()).await;
    assert!(detail(home).as_str().unwrap().contains("route"));
    let nobody = with(inquiry(), "beneficiaryBankCode", json!("998"));
    office.ask("inquiry", &nobody).await.refused(400, "invalid_request");
    assert_eq!((office.bank.asked().len(), office.bank.granted()), (0, 0));
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let office = Office::open().await;
    let token = token::sign_partner("009", KEY, START).unwrap();
    let path = "/api/bni/transfer";
    let body = transfer().to_string();
    office
        .send(raw(path, "text/plain", body.clone()).by(&token))
        .await
        .refused(415, "unsupported_media_type");
    for text in ["", "{", "[]", "null", &format!("{body}x"), &"[".repeat(100)] {
        let sent = office.send(raw(path, "application/json", text.to_owned()).by(&token)).await;
        sent.refused(400, "invalid_request");
    }
    let twice = body.replacen('{', "{\"amount\":\"1\",", 1);
    office.send(raw(path, "application/json", twice).by(&token)).await.names("amount");
    let wrong = ask("GET", path).by(&token);
    let wrong = office.send(wrong).await;
    wrong.refused(405, "method_not_allowed");
    assert_eq!(wrong.header("allow"), Some("POST"));
    for path in ["/", "/api/bca/transfer", "/api/bni", "/api/bni/transfer/", "/api/bni/balance"] {
        office.send(post(path, &transfer()).by(&token)).await.refused(404, "not_found");
    }
    assert_eq!(office.send(get("/health/live")).await.expect(200), json!({"status": "live"}));
    assert_eq!((office.bank.asked().len(), office.bank.granted()), (0, 0));
}
