//! Many payments in one request.

use serde_json::{Value, json};

use crate::support::{Answer, Ask, TestGateway, funded, get, id, raw};

fn batch(text: &str) -> Ask {
    raw("/api/v1/payments/batch", "application/x-ndjson", text.to_owned())
}

fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    assert!(answer.text.is_empty() || answer.text.ends_with('\n'));
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn send(gateway: &TestGateway, token: &str, items: &[Value]) -> Vec<Value> {
    let text: String = items.iter().map(|item| format!("{item}\n")).collect();
    lines(&gateway.send(batch(&text).by(token)).await)
}

#[tokio::test]
async fn each_line_is_answered_in_its_place() {
    let (gateway, people) = funded().await;
    let text = [
        r#"{"from":"ani","to":"budi","amount":10,"reference":"b1","note":"satu"}"#,
        r#"{"from":"ani","to":"budi","amount":0,"reference":"b2"}"#,
        "not json",
        "",
        r#"{"from":"ani","to":"siapa","amount":10,"reference":"b3"}"#,
        r#"{"from":"siapa","to":"ani","amount":10,"reference":"b4"}"#,
        r#"{"from":"budi","to":"ani","amount":11,"reference":"b5"}"#,
        r#"{"from":"admin","to":"ani","amount":1,"reference":"b6"}"#,
        r#"{"from":"ani","to":"ani","amount":1,"reference":"b7"}"#,
        r#"{"from":"ani","to":"warung","amount":"20"}"#,
        r#"{"from":"ani","to":"warung","amount":20,"otp":"1"}"#,
    ];
    let answer = gateway.send(batch(&text.join("\r\n")).by(&people.kasir)).await;
    let got = lines(&answer);
    let codes: Vec<_> = got.iter().map(|line| line["code"].as_str().unwrap_or("")).collect();
    let bad = "invalid_request";
    let no = ["recipient_not_found", "insufficient_funds", "self_transfer"];
    assert_eq!(codes, ["", bad, bad, no[0], bad, no[1], bad, no[2], "", bad]);
    let position = got[0]["position"].as_u64().unwrap();
    assert_eq!(got[0]["id"], id("pay", position));
    assert_eq!((&got[0]["from"], &got[0]["to"]), (&json!("ani"), &json!("budi")));
    assert_eq!((&got[0]["amount"], &got[0]["note"]), (&json!(10), &json!("satu")));
    assert_eq!((&got[0]["reference"], &got[0]["status"]), (&json!("b1"), &json!("posted")));
    assert_eq!(got[0].get("replayed"), None);
    assert_eq!(got[1]["errors"][0]["field"], "amount");
    assert_eq!(got[4]["errors"][0]["field"], "from");
    assert_eq!(got[9]["errors"][0]["field"], "otp");
    for refused in [3, 5, 7] {
        assert!(got[refused]["position"].is_u64(), "a refusal is recorded: {}", got[refused]);
    }
    // Whoever sent the payment may look at it, like payer and payee.
    let path = format!("/api/v1/payments/{}", id("pay", position));
    gateway.send(get(&path).by(&people.kasir)).await.expect(200);
    assert_eq!(gateway.balance(&people.ani).await, 1_000_000 - 10 - 20);
}

#[tokio::test]
async fn a_batch_sent_again_is_answered_again() {
    let (gateway, people) = funded().await;
    let items = [
        json!({"from": "ani", "to": "budi", "amount": 10, "reference": "b1"}),
        json!({"from": "ani", "to": "siapa", "amount": 10, "reference": "b2"}),
        json!({"from": "ani", "to": "budi", "amount": 12, "reference": "b3"}),
    ];
    let first = send(&gateway, &people.kasir, &items).await;
    let mut expected = first.clone();
    expected[0]["replayed"] = json!(true);
    expected[2]["replayed"] = json!(true);
    assert_eq!(send(&gateway, &people.kasir, &items).await, expected);
    let changed = [
        json!({"from": "ani", "to": "budi", "amount": 11, "reference": "b1"}),
        json!({"from": "budi", "to": "budi", "amount": 12, "reference": "b3"}),
    ];
    for line in send(&gateway, &people.kasir, &changed).await {
        assert_eq!(line["code"], "reference_reused");
    }
    assert_eq!(gateway.balance(&people.budi).await, 22);
}

#[tokio::test]
async fn lines_with_one_reference_are_one_payment_and_the_first_of_them() {
    let (gateway, people) = funded().await;
    let pay = |to: &str, amount: u64| json!({"from": "ani", "to": to, "amount": amount, "reference": "sama"});
    let items = [pay("budi", 5), pay("budi", 5), pay("budi", 6), pay("siapa", 5)];
    let got = send(&gateway, &people.kasir, &items).await;
    assert_eq!(got[0]["status"], "posted");
    assert_eq!((&got[1]["id"], &got[1]["replayed"]), (&got[0]["id"], &json!(true)));
    assert_eq!(got[2]["code"], "reference_reused");
    assert_eq!(got[3]["code"], "reference_reused");
    assert_eq!(gateway.balance(&people.budi).await, 5);
    // The same when the first of them pays nobody.
    let items = [
        json!({"from": "ani", "to": "siapa", "amount": 1, "reference": "lain"}),
        json!({"from": "ani", "to": "budi", "amount": 1, "reference": "lain"}),
    ];
    let got = send(&gateway, &people.kasir, &items).await;
    assert_eq!(got[0]["code"], "recipient_not_found");
    assert_eq!(got[1]["code"], "reference_reused");
}

#[tokio::test]
async fn payments_of_one_account_are_decided_in_the_order_of_lines() {
    let (gateway, people) = funded().await;
    let items: Vec<_> = (0..8_192)
        .map(|line| json!({"from": "ani", "to": "warung", "amount": 200, "reference": line.to_string()}))
        .collect();
    let got = send(&gateway, &people.kasir, &items).await;
    assert_eq!(got.len(), 8_192);
    let posted = got.iter().filter(|line| line["status"] == "posted").count();
    assert_eq!(posted, 5_000, "what Rp1.000.000 is enough for");
    assert!(got[..5_000].iter().all(|line| line["status"] == "posted"));
    assert!(got[5_000..].iter().all(|line| line["code"] == "insufficient_funds"));
    let positions: Vec<_> = got.iter().map(|line| line["position"].as_u64().unwrap()).collect();
    assert!(positions.is_sorted());
    assert_eq!(gateway.balance(&people.ani).await, 0);
}

#[tokio::test]
async fn a_batch_is_bounded_and_for_trusted_clients() {
    let (gateway, people) = funded().await;
    let line = "{\"from\":\"ani\",\"to\":\"budi\",\"amount\":1}\n";
    for token in [&people.ani, &people.warung, &people.admin] {
        gateway.send(batch(line).by(token)).await.refused(403, "forbidden");
    }
    gateway.send(batch(line)).await.refused(401, "invalid_token");
    assert_eq!(lines(&gateway.send(batch(line).by(&people.kasir)).await).len(), 1);
    let before = gateway.position();
    let many = gateway.send(batch(&line.repeat(8_193)).by(&people.kasir)).await;
    many.refused(413, "payload_too_large");
    assert_eq!(gateway.position(), before, "all or nothing of a batch that is too long");
    for media_type in ["application/json", "text/plain", ""] {
        let wrong = raw("/api/v1/payments/batch", media_type, line).by(&people.kasir);
        gateway.send(wrong).await.refused(415, "unsupported_media_type");
    }
    assert!(lines(&gateway.send(batch("").by(&people.kasir)).await).is_empty());
    assert!(lines(&gateway.send(batch("\n\r\n \n").by(&people.kasir)).await).is_empty());
}
