//! Users are told of what happens to their money: signed messages over real sockets, tried again
//! until they are heard, also by the next process.

mod dead;
mod official;
pub(crate) mod receiver;
mod rows;

use gerbang::ledger::time::Timestamp;
use serde_json::{Value, json};

use self::receiver::{Act, Receiver};
use crate::support::{Answer, People, START, TestGateway, ask, funded, get, post, put};

/// A webhook of somebody: its id and its secret.
struct Hook {
    id: String,
    secret: String,
}

async fn hook(gateway: &TestGateway, token: &str, url: &str, events: &[&str]) -> Hook {
    let body = json!({"url": url, "events": events});
    let made = gateway.send(post("/api/v1/webhooks", &body).by(token)).await.expect(201);
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    Hook { id: text("id"), secret: text("secret") }
}

async fn pay(gateway: &TestGateway, people: &People, amount: u64) -> String {
    let body = json!({"to": "warung", "amount": amount, "note": "soto"});
    let paid = gateway.send(post("/api/v1/payments", &body).by(&people.ani)).await.expect(201);
    paid["id"].as_str().unwrap().to_owned()
}

async fn log(gateway: &TestGateway, token: &str, hook: &Hook) -> Vec<Value> {
    let path = format!("/api/v1/webhooks/{}/deliveries", hook.id);
    let page = gateway.send(get(&path).by(token)).await.expect(200);
    page["data"].as_array().unwrap().clone()
}

/// The newest line of the log, once it has so many attempts.
async fn attempts(gateway: &TestGateway, token: &str, hook: &Hook, count: usize) -> Value {
    loop {
        let lines = log(gateway, token, hook).await;
        if let Some(line) = lines.first()
            && line["attempts"].as_array().unwrap().len() >= count
        {
            return line.clone();
        }
        tokio::task::yield_now().await;
    }
}

fn now(gateway: &TestGateway) -> Timestamp {
    gateway.clock.now()
}

#[tokio::test]
async fn a_payment_is_told_to_the_merchant_once_and_signed() {
    let receiver = Receiver::start(&[]).await;
    let (gateway, people) = funded().await;
    let hook = hook(&gateway, &people.warung, &receiver.url(), &[]).await;
    let payment = pay(&gateway, &people, 25_000).await;
    let came = receiver.messages(1).await.remove(0);
    came.verify(&hook.secret, START).unwrap();
    assert_eq!(came.target(), "/told?of=money");
    assert_eq!(came.header("webhook-id"), payment.replace("pay_", "msg_"));
    assert!(came.body().len() < 20 * 1024);
    let message = came.json();
    let position = gateway.gateway.view().record(
        gerbang::ledger::id::Position::new(message["data"]["position"].as_u64().unwrap()).unwrap(),
    );
    let reference = position.unwrap().event.fact.origin().unwrap().reference.to_string();
    assert_eq!(
        message,
        json!({
            "type": "payment.received",
            "timestamp": crate::support::START_TEXT,
            "data": {
                "id": payment, "amount": 25_000, "fee": 0, "currency": "IDR",
                "counterparty": "ani", "note": "soto", "reference": reference,
                "position": message["data"]["position"],
            },
        })
    );
    let line = attempts(&gateway, &people.warung, &hook, 1).await;
    assert_eq!(line["status"], "delivered");
    assert_eq!(line["message"], came.header("webhook-id"));
    assert_eq!(line["attempts"][0]["status"], 204);
    assert_eq!(line["next_try_at"], Value::Null);
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn every_way_of_not_hearing_is_tried_again_with_the_same_id() {
    let script = [Act::Answer(500), Act::Redirect, Act::Close, Act::Answer(404)];
    let receiver = Receiver::start(&script).await;
    let (gateway, people) = funded().await;
    let hook = hook(&gateway, &people.warung, &receiver.url(), &[]).await;
    pay(&gateway, &people, 1).await;
    // Past every wait of the schedule and a quarter more.
    for (count, seconds) in [(1, 7), (2, 7 + 375), (3, 400 + 2_250), (4, 2_700 + 9_000)] {
        let line = attempts(&gateway, &people.warung, &hook, count).await;
        assert_eq!(line["status"], "pending", "{line}");
        assert!(line["next_try_at"].is_string());
        gateway.at(seconds);
    }
    let line = attempts(&gateway, &people.warung, &hook, 5).await;
    assert_eq!(line["status"], "delivered");
    let statuses: Vec<_> =
        line["attempts"].as_array().unwrap().iter().map(|it| it["status"].clone()).collect();
    assert_eq!(statuses, [json!(500), json!(302), Value::Null, json!(404), json!(204)]);
    let came = receiver.messages(5).await;
    for message in &came {
        assert_eq!(message.header("webhook-id"), came[0].header("webhook-id"));
        assert_eq!(message.json(), came[0].json());
    }
    came[4].verify(&hook.secret, now(&gateway)).unwrap();
    assert!(came[0].verify(&hook.secret, now(&gateway)).is_err(), "an old one is of no use");
}

#[tokio::test]
async fn a_restart_forgets_no_message_and_no_try() {
    let receiver = Receiver::start(&[Act::Answer(503), Act::Answer(503), Act::Answer(503)]).await;
    let (gateway, people) = funded().await;
    let told = hook(&gateway, &people.warung, &receiver.url(), &[]).await;
    for amount in 1..=3 {
        pay(&gateway, &people, amount).await;
        attempts(&gateway, &people.warung, &told, 1).await;
    }
    let gateway = gateway.reopened();
    let lines = log(&gateway, &people.warung, &told).await;
    assert!(lines.iter().all(|line| line["status"] == "pending"), "{lines:?}");
    assert_eq!(receiver.count(), 3, "none is tried before its time");
    gateway.at(7);
    let came = receiver.messages(6).await;
    let id = |place: usize| came[place].header("webhook-id").to_owned();
    let (mut first, mut again): (Vec<_>, Vec<_>) =
        ((0..3).map(id).collect(), (3..6).map(id).collect());
    first.sort();
    again.sort();
    assert_eq!(first, again);
    attempts(&gateway, &people.warung, &told, 2).await;
    loop {
        let lines = log(&gateway, &people.warung, &told).await;
        if lines.iter().all(|line| line["status"] == "delivered") {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_that_hangs_keeps_no_other_from_hearing() {
    let (deaf, good) = (Receiver::start(&[Act::Hang; 64]).await, Receiver::start(&[]).await);
    let (gateway, people) = funded().await;
    let hung = hook(&gateway, &people.warung, &deaf.url(), &[]).await;
    hook(&gateway, &people.warung, &good.url(), &[]).await;
    for amount in 1..=40 {
        pay(&gateway, &people, amount).await;
    }
    let came = good.messages(40).await;
    let mut ids: Vec<_> = came.iter().map(|came| came.header("webhook-id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 40);
    // One message waits for its answer; the rest wait for that one.
    assert_eq!(deaf.count(), 1);
    let path = format!("/api/v1/webhooks/{}", hung.id);
    let shown = gateway.send(get(&path).by(&people.warung)).await.expect(200);
    assert_eq!((&shown["pending"], &shown["missed"]), (&json!(40), &json!(0)));
}

#[tokio::test]
async fn only_what_is_wanted_is_told() {
    let (money, all) = (Receiver::start(&[]).await, Receiver::start(&[]).await);
    let (gateway, people) = funded().await;
    let wanted = ["refund.received", "top_up.credited"];
    hook(&gateway, &people.ani, &money.url(), &wanted).await;
    hook(&gateway, &people.ani, &all.url(), &[]).await;
    let payment = pay(&gateway, &people, 500).await;
    let refund = format!("/api/v1/payments/{payment}/refund");
    gateway.send(post(&refund, &json!({"amount": 200})).by(&people.warung)).await.expect(201);
    gateway.fund(&people, "ani", 7).await;
    let freeze = json!({"frozen": true, "reason": "asked"});
    let path = "/api/v1/admin/users/ani/freeze";
    gateway.send(post(path, &freeze).by(&people.admin)).await.expect(200);
    let kinds = |came: Vec<receiver::Came>| {
        let mut kinds: Vec<_> = came.iter().map(|it| it.json()["type"].to_string()).collect();
        kinds.sort();
        kinds
    };
    let told = ["account.frozen", "payment.sent", "refund.received", "top_up.credited"];
    assert_eq!(kinds(all.messages(4).await), told.map(|kind| format!("\"{kind}\"")));
    assert_eq!(kinds(money.messages(2).await), wanted.map(|kind| format!("\"{kind}\"")));
}

#[tokio::test]
async fn while_a_secret_changes_both_signatures_are_there() {
    let receiver = Receiver::start(&[]).await;
    let (gateway, people) = funded().await;
    let hook = hook(&gateway, &people.warung, &receiver.url(), &[]).await;
    let path = format!("/api/v1/webhooks/{}/rotate-secret", hook.id);
    let rotated = gateway.send(post(&path, &json!({})).by(&people.warung)).await.expect(200);
    let secret = rotated["secret"].as_str().unwrap().to_owned();
    assert_ne!(secret, hook.secret);
    pay(&gateway, &people, 1).await;
    let came = receiver.messages(1).await.remove(0);
    assert_eq!(came.header("webhook-signature").split(' ').count(), 2);
    came.verify(&secret, START).unwrap();
    came.verify(&hook.secret, START).unwrap();
    // A day later only the new one is good.
    gateway.at(24 * 3_600);
    pay(&gateway, &people, 2).await;
    let came = receiver.messages(2).await.remove(1);
    came.verify(&secret, now(&gateway)).unwrap();
    assert!(came.verify(&hook.secret, now(&gateway)).is_err());
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_told_nothing_more() {
    let receiver = Receiver::start(&[Act::Answer(410)]).await;
    let (gateway, people) = funded().await;
    let hook = hook(&gateway, &people.warung, &receiver.url(), &[]).await;
    pay(&gateway, &people, 1).await;
    let line = attempts(&gateway, &people.warung, &hook, 1).await;
    assert_eq!(line["status"], "failed");
    let path = format!("/api/v1/webhooks/{}", hook.id);
    let shown = gateway.send(get(&path).by(&people.warung)).await.expect(200);
    assert_eq!(shown["disabled"], true);
    pay(&gateway, &people, 2).await;
    // Enabled again, it is told of what comes then.
    let wish = json!({"url": receiver.url(), "disabled": false});
    gateway.send(put(&path, &wish).by(&people.warung)).await.expect(200);
    let third = pay(&gateway, &people, 3).await;
    let came = receiver.messages(2).await;
    assert_eq!(came[1].header("webhook-id"), third.replace("pay_", "msg_"));
    attempts(&gateway, &people.warung, &hook, 1).await;
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn a_message_is_told_again_by_hand() {
    let receiver = Receiver::start(&[Act::Answer(500)]).await;
    let (gateway, people) = funded().await;
    let before = pay(&gateway, &people, 9).await;
    let hook = hook(&gateway, &people.warung, &receiver.url(), &[]).await;
    let payment = pay(&gateway, &people, 1).await;
    attempts(&gateway, &people.warung, &hook, 1).await;
    let redeliver = |id: &str, payment: &str| {
        let message = payment.replace("pay_", "msg_");
        post(
            &format!("/api/v1/webhooks/{id}/deliveries/{message}/redeliver"),
            &json!({"reason": "our server was down"}),
        )
    };
    let told = gateway.send(redeliver(&hook.id, &payment).by(&people.warung)).await.expect(200);
    assert_eq!(told["status"], "delivered");
    assert_eq!(told["attempts"][1]["note"], "our server was down");
    let came = receiver.messages(2).await;
    assert_eq!(came[0].header("webhook-id"), came[1].header("webhook-id"));
    // What happened before there was a webhook can be told too; another's event cannot.
    gateway.send(redeliver(&hook.id, &before).by(&people.warung)).await.expect(200);
    assert_eq!(receiver.messages(3).await[2].json()["data"]["amount"], 9);
    let other = crate::support::id("pay", 9);
    let refused: Answer = gateway.send(redeliver(&hook.id, &other).by(&people.warung)).await;
    refused.refused(404, "not_found");
}

#[tokio::test]
async fn a_removed_webhook_is_told_nothing() {
    let receiver = Receiver::start(&[Act::Answer(500)]).await;
    let (gateway, people) = funded().await;
    let hook = hook(&gateway, &people.warung, &receiver.url(), &[]).await;
    pay(&gateway, &people, 1).await;
    attempts(&gateway, &people.warung, &hook, 1).await;
    let path = format!("/api/v1/webhooks/{}", hook.id);
    let removed = gateway.send(ask("DELETE", &path).by(&people.warung)).await;
    assert_eq!(removed.status, 204);
    gateway.send(get(&path).by(&people.warung)).await.refused(404, "not_found");
    assert!(gateway.gateway.view().deliveries().all().is_empty());
    pay(&gateway, &people, 2).await;
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn the_end_of_a_withdrawal_is_told() {
    let receiver = Receiver::start(&[]).await;
    let (gateway, people) = crate::edr::edr().await;
    hook(&gateway, &people.ani, &receiver.url(), &["withdrawal.succeeded"]).await;
    let body = json!({"amount": 50_000, "bank_code": "009", "account_number": "0115471119"});
    let begun = gateway.send(post("/api/v1/withdrawals", &body).by(&people.ani)).await.expect(202);
    let message = receiver.messages(1).await[0].json();
    assert_eq!(message["type"], "withdrawal.succeeded");
    let data = &message["data"];
    assert_eq!((&data["id"], &data["amount"]), (&begun["id"], &json!(50_000)));
    assert_eq!((&data["bank_code"], &data["account_name"]), (&json!("009"), &json!("ERRY JULIO")));
    let told = gateway.send(get("/api/v1/notifications").by(&people.ani)).await.expect(200);
    assert_eq!(told["data"][0]["type"], "withdrawal_succeeded");
    assert_eq!(told["data"][0]["payout"], begun["id"]);
}

#[tokio::test]
async fn a_bill_is_told_to_both_when_it_is_issued_and_when_it_is_called_off() {
    let (payer, issuer) = (Receiver::start(&[]).await, Receiver::start(&[]).await);
    let (gateway, people) = funded().await;
    let events = ["bill.issued", "bill.cancelled"];
    hook(&gateway, &people.ani, &payer.url(), &events).await;
    hook(&gateway, &people.warung, &issuer.url(), &events).await;
    let bill = json!({"name": "Nasi", "recipient": "ani", "amount": 25_000});
    let issued = gateway.send(post("/api/v1/bills", &bill).by(&people.warung)).await.expect(201);
    let told = payer.messages(1).await[0].json();
    assert_eq!(told, issuer.messages(1).await[0].json());
    assert_eq!((&told["type"], &told["data"]["id"]), (&json!("bill.issued"), &issued["id"]));
    assert_eq!((&told["data"]["from"], &told["data"]["to"]), (&json!("warung"), &json!("ani")));
    let path = format!("/api/v1/bills/{}", issued["id"].as_str().unwrap());
    assert_eq!(gateway.send(ask("DELETE", &path).by(&people.warung)).await.status, 204);
    let told = payer.messages(2).await[1].json();
    assert_eq!((&told["type"], &told["data"]["id"]), (&json!("bill.cancelled"), &issued["id"]));
    assert_eq!(told, issuer.messages(2).await[1].json());
}
