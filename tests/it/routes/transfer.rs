//! `POST /api/transfer` and `GET /api/transfer/{transactionId}`: the paper's wire format.

use std::time::Duration;

use serde_json::{Value, json};

use crate::edr::{self, ESCROW, FEE, edr, hasty, request, transfer};
use crate::payouts::bank::{Faults, Next};
use crate::support::{Answer, TestGateway, get, post, raw};
use gerbang::gateway::screening::{RawRule, RawScreening, Rules};
use gerbang::ledger::money::Amount;
use gerbang::ledger::registry::{Client, RegistryChange};

/// As the paper prints it.
const REQUEST: &str = r#"{"transactionId":"FDP29771029211","accountNumber":"0847652590","beneficiaryBankCode":"009",
           "beneficiaryAccountNumber":"0115471119","amount":"2475000","remark":"Paylater - FDP29771029211"}"#;
const RESPONSE: &str = r#"{"statusCode":"000","message":"Success transfer!","data":{"referenceNumber":"FDP29771029211","accountNumber":"0847652590","accountName":"IKIMODAL","beneficiaryAccountNumber":"0115471119","beneficiaryAccountName":"ERRY JULIO","amount":"2475000"}}"#;

fn show(gateway: &TestGateway, transaction: &str) -> crate::support::Ask {
    get(&format!("/api/transfer/{transaction}")).by(&edr::token(gateway))
}

/// An envelope with this status and code.
#[track_caller]
fn told(answer: &Answer, status: u16, code: &str) -> Value {
    let body = answer.expect(status);
    assert_eq!(body["statusCode"], code, "{}", answer.text);
    assert!(!body["message"].as_str().unwrap().is_empty());
    let known = ["statusCode", "message", "data", "errors"];
    body.as_object().unwrap().keys().for_each(|key| assert!(known.contains(&key.as_str())));
    body
}

#[track_caller]
fn names(answer: &Answer, field: &str) {
    let body = told(answer, 400, "101");
    assert_eq!(body["errors"][0]["field"], field, "{}", answer.text);
    assert_eq!(body["data"], Value::Null);
}

#[tokio::test]
async fn the_papers_request_gets_the_papers_answer_to_the_byte() {
    let (gateway, people) = edr().await;
    let send = || {
        let ask = raw("/api/transfer", "application/json", REQUEST);
        gateway.send(ask.by(&edr::token(&gateway)))
    };
    let first = send().await;
    assert_eq!((first.status, first.text.as_str()), (200, RESPONSE));
    assert_eq!(first.header("x-route"), Some("009 TRANSFER"));
    assert_eq!(gateway.balance(&people.kasir).await, ESCROW - 2_475_000);
    let position = gateway.position();
    let again = send().await;
    again.replays(&first);
    assert_eq!(gateway.position(), position);
    assert_eq!(gateway.banks.entries().len(), 1);
    let shown = told(&gateway.send(show(&gateway, "FDP29771029211")).await, 200, "000");
    assert_eq!(shown["data"]["status"], "succeeded");
    assert_eq!(
        shown["data"]["route"],
        json!({"bank": "009", "usage": "TRANSFER", "reason": "the beneficiary's own bank", "fee": 0})
    );
}

#[tokio::test]
async fn a_number_as_amount_and_no_remark_will_do() {
    let (gateway, _) = edr().await;
    let mut body = request("T1");
    body["amount"] = json!(2_475_000);
    body.as_object_mut().unwrap().remove("remark");
    let answer = told(&gateway.send(transfer(&gateway, &body)).await, 200, "000");
    assert_eq!(answer["data"]["amount"], "2475000");
}

#[tokio::test]
async fn another_bank_goes_through_the_first_with_a_fee() {
    let (gateway, people) = edr().await;
    let mut body = request("T1");
    body["beneficiaryBankCode"] = json!("022");
    let answer = gateway.send(transfer(&gateway, &body)).await;
    told(&answer, 200, "000");
    assert_eq!(answer.header("x-route"), Some("009 TRANSFER INTERBANK"));
    assert_eq!(gateway.balance(&people.kasir).await, ESCROW - 2_475_000 - FEE);
    let shown = gateway.send(show(&gateway, "T1")).await.expect(200);
    assert_eq!(shown["data"]["route"]["fee"], FEE);
}

#[tokio::test]
async fn an_unknown_outcome_is_202_until_somebody_knows() {
    let (gateway, people) = hasty().await;
    gateway.banks.next(Next::Silent);
    let body = request("T1");
    let first = gateway.send(transfer(&gateway, &body)).await;
    let data = &told(&first, 202, "001")["data"];
    assert!(["sent", "unknown"].contains(&data["status"].as_str().unwrap()), "{data}");
    assert_eq!(data["beneficiaryAccountName"], "ERRY JULIO");
    let standing = loop {
        let answer = gateway.send(show(&gateway, "T1")).await;
        if told(&answer, 202, "001")["data"]["status"] == "unknown" {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(standing.header("x-route"), Some("009 TRANSFER"));
    let again = gateway.send(transfer(&gateway, &body)).await;
    told(&again, 202, "001");
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let balance = gateway.send(get("/api/v1/balance").by(&people.kasir)).await.expect(200);
    assert_eq!(balance["held"], 2_475_000);
    let other = post("/api/transfer", &json!({"transactionId": "T1"}));
    names(&gateway.send(other.by(&edr::token(&gateway))).await, "accountNumber");
}

#[tokio::test]
async fn every_refusal_has_its_own_code() {
    let (gateway, people) = edr().await;
    let with = |number: &str, field: &str, value: Value| {
        let mut body = request(number);
        body[field] = value;
        gateway.send(transfer(&gateway, &body))
    };
    told(&gateway.send(transfer(&gateway, &request("T1"))).await, 200, "000");
    told(&with("T1", "amount", json!("1")).await, 409, "102");
    told(&gateway.send(show(&gateway, "T0")).await, 404, "103");
    told(&gateway.send(show(&gateway, "'%20OR%201=1--")).await, 404, "103");
    told(&with("T2", "beneficiaryAccountNumber", json!("0115471199")).await, 422, "202");
    let refused = with("T3", "amount", json!("999999999999999")).await;
    told(&refused, 422, "203");
    assert_eq!(refused.header("idempotency-replayed"), None);
    let again = with("T3", "amount", json!("999999999999999")).await;
    told(&again, 422, "203");
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    told(&gateway.send(show(&gateway, "T3")).await, 422, "203");
    let limited = Client { per_transfer_max: Amount::new(1_000), ..edr::client(&gateway) };
    edr::set(&gateway, RegistryChange::ClientSet(limited)).await;
    told(&gateway.send(transfer(&gateway, &request("T4"))).await, 422, "204");
    edr::set(&gateway, RegistryChange::ClientSet(edr::client(&gateway))).await;
    gateway.banks.next(Next::Refused);
    let failed = told(&gateway.send(transfer(&gateway, &request("T5"))).await, 422, "401");
    assert_eq!(failed["data"]["status"], "failed");
    assert_eq!(failed["data"]["reason"]["code"], "4041711");
    gateway.banks.close(&["009", "014", "008"]);
    let unavailable = gateway.send(transfer(&gateway, &request("T6"))).await;
    told(&unavailable, 503, "501");
    assert!(unavailable.header("retry-after").is_some());
    gateway.banks.close(&[]);
    told(&gateway.send(transfer(&gateway, &request("T6"))).await, 200, "000");
    let freeze = json!({"frozen": true, "reason": "x"});
    let freeze = post("/api/v1/admin/users/kasir/freeze", &freeze).by(&people.admin);
    gateway.send(freeze).await.expect(200);
    told(&gateway.send(transfer(&gateway, &request("T7"))).await, 422, "205");
}

#[tokio::test]
async fn what_is_not_exactly_a_request_has_no_effect() {
    let (gateway, _) = edr().await;
    let before = gateway.position();
    let good = request("T1");
    let send = |text: String| {
        let ask = raw("/api/transfer", "application/json", text);
        gateway.send(ask.by(&edr::token(&gateway)))
    };
    let fields = [
        "transactionId",
        "accountNumber",
        "beneficiaryBankCode",
        "beneficiaryAccountNumber",
        "amount",
        "remark",
    ];
    for field in fields {
        let evil = [
            "'; DROP TABLE partner; --",
            "\" OR \"1\"=\"1",
            "<script>",
            "a\u{0}b",
            "a\r\nb",
            "\u{202e}",
            "${jndi:ldap://x}",
            "\u{1b}[2J",
            "é",
            "١٢٣",
            &"9".repeat(300),
        ];
        for evil in evil {
            let mut body = good.clone();
            body[field] = json!(evil);
            names(&send(body.to_string()).await, field);
        }
        for wrong in [json!({"a": 1}), json!([1]), json!(true), json!(1.5), json!(-1)] {
            let mut body = good.clone();
            body[field] = wrong;
            names(&send(body.to_string()).await, field);
        }
        let twice = format!("{{\"{field}\":{},{}", good[field], &good.to_string()[1..]);
        names(&send(twice).await, field);
        if field != "remark" {
            for empty in [None, Some(json!("")), Some(json!(null))] {
                let mut body = good.clone();
                body.as_object_mut().unwrap().remove(field);
                if let Some(empty) = empty {
                    body[field] = empty;
                }
                names(&send(body.to_string()).await, field);
            }
        }
    }
    assert_eq!(gateway.position(), before);
    assert!(gateway.banks.entries().is_empty());
}

#[tokio::test]
async fn what_is_no_request_at_all_has_no_effect() {
    let (gateway, _) = edr().await;
    let before = gateway.position();
    let good = request("T1");
    let send = |text: String| {
        let ask = raw("/api/transfer", "application/json", text);
        gateway.send(ask.by(&edr::token(&gateway)))
    };
    for amount in super::WRONG_AMOUNTS {
        let text = good.to_string().replace("\"2475000\"", amount);
        told(&send(text).await, 400, "101");
    }
    for unknown in ["status", "fee", "route", "referenceNumber", "accountName", "statusCode", "x"] {
        let mut body = good.clone();
        body[unknown] = json!("x");
        names(&send(body.to_string()).await, unknown);
    }
    for (field, value) in [
        ("accountNumber", "0847652591"),
        ("beneficiaryBankCode", "9"),
        ("beneficiaryBankCode", "BNI"),
        ("beneficiaryAccountNumber", "0115 471119"),
    ] {
        let mut body = good.clone();
        body[field] = json!(value);
        names(&send(body.to_string()).await, field);
    }
    for wrong in ["", "{", "null", "[]", "7", "{}x", "{\"a\":1e999}"] {
        told(&send(wrong.to_owned()).await, 400, "101");
    }
    let text = raw("/api/transfer", "text/plain", good.to_string());
    told(&gateway.send(text.by(&edr::token(&gateway))).await, 415, "101");
    assert_eq!(gateway.position(), before);
    assert!(gateway.banks.entries().is_empty());
}

#[tokio::test]
async fn a_remark_says_what_banks_can_print() {
    let (gateway, _) = edr().await;
    let mut body = request("T1");
    body["remark"] = json!("Gaji 11/2026 (no. 7), a+b & c: #1_x");
    told(&gateway.send(transfer(&gateway, &body)).await, 200, "000");
}

#[test]
fn every_code_stands_in_the_documents_once() {
    let documents = include_str!("../../../docs/api.md");
    let source = include_str!("../../../src/http/api/transfer.rs");
    let mut codes = std::collections::BTreeSet::new();
    for text in source.split('"').filter(|text| text.len() == 3) {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            codes.insert(text);
        }
    }
    assert!(codes.len() > 20, "{codes:?}");
    for code in codes {
        assert_eq!(documents.matches(&format!("\n| `{code}` |")).count(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_day_has_its_limit_also_after_a_restart() {
    let (gateway, _) = edr().await;
    told(&gateway.send(transfer(&gateway, &request("T1"))).await, 200, "000");
    let a_day = Client { per_day_max: Amount::new(5_000_000), ..edr::client(&gateway) };
    edr::set(&gateway, RegistryChange::ClientSet(a_day)).await;
    // What was sent today before the limit was set counts, and what is sent again counts once.
    told(&gateway.send(transfer(&gateway, &request("T2"))).await, 200, "000");
    told(&gateway.send(transfer(&gateway, &request("T2"))).await, 200, "000");
    told(&gateway.send(transfer(&gateway, &request("T3"))).await, 422, "204");
    let gateway = gateway.reopened();
    told(&gateway.send(transfer(&gateway, &request("T4"))).await, 422, "204");
    gateway.at(24 * 3600);
    told(&gateway.send(transfer(&gateway, &request("T5"))).await, 200, "000");
}

#[tokio::test]
async fn twins_that_come_together_are_one_transfer_to_the_rules_too() {
    let (gateway, _) = edr().await;
    let rule = RawRule {
        name: "busy".to_owned(),
        outcome: "deny".to_owned(),
        per: Some("client".to_owned()),
        window_seconds: Some(3_600),
        count_above: Some(2),
        ..RawRule::default()
    };
    let raw = RawScreening { rules: vec![rule], ..RawScreening::default() };
    gateway.gateway.follow_rules(Rules::from_raw(raw).unwrap());
    // So that all of them are in before the first is begun.
    gateway.banks.set_faults(Faults { latency: Duration::from_millis(50), ..Faults::NONE });
    let ask = |number: &str| gateway.send(transfer(&gateway, &request(number)));
    let (first, second, third) = tokio::join!(ask("T1"), ask("T1"), ask("T1"));
    let replayed = [&first, &second, &third].map(|it| it.header("idempotency-replayed").is_some());
    assert_eq!(replayed.into_iter().filter(|replayed| *replayed).count(), 2);
    for answer in [first, second, third] {
        told(&answer, 200, "000");
    }
    told(&ask("T2").await, 200, "000");
    assert_eq!(gateway.banks.entries().len(), 2);
    told(&ask("T3").await, 422, "206");
}

#[tokio::test]
async fn a_bank_service_that_comes_back_costs_a_moment_and_no_transfer() {
    let (gateway, people) = edr().await;
    gateway.banks.next(Next::NotSent);
    let answer = gateway.send(transfer(&gateway, &request("T1"))).await;
    told(&answer, 200, "000");
    assert_eq!(gateway.banks.entries().len(), 1);
    assert_eq!(gateway.balance(&people.kasir).await, ESCROW - 2_475_000);
}
