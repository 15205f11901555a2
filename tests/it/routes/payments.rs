//! Paying, looking at a payment, giving it back.

use serde_json::{Value, json};

use super::{keys, strict};
use crate::support::{Answer, People, START_TEXT, TestGateway, funded, get, id, post, settings};
use gerbang::ledger::event::Role;
use gerbang::ledger::money::BasisPoints;

const PAY: &str = "/api/v1/payments";

async fn pay(gateway: &TestGateway, token: &str, to: &str, amount: u64) -> Answer {
    gateway.send(post(PAY, &json!({"to": to, "amount": amount})).by(token)).await
}

async fn paid(gateway: &TestGateway, people: &People, amount: u64) -> String {
    let body = pay(gateway, &people.ani, "warung", amount).await.expect(201);
    format!("{PAY}/{}", body["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_payment_moves_money_and_says_all_about_it() {
    let (gateway, people) = funded().await;
    let body = json!({
        "to": "Budi", "amount": "25000", "currency": "IDR", "note": "nasi goreng — pedas",
        "reference": "INV-1",
    });
    let answer = gateway.send(post(PAY, &body).by(&people.ani)).await;
    let position = answer.position();
    let expected = json!({
        "id": id("pay", position), "status": "posted", "from": "ani", "to": "budi",
        "amount": 25_000, "fee": 0, "currency": "IDR", "note": "nasi goreng — pedas",
        "reference": "INV-1", "balance_after": 975_000, "position": position,
        "created_at": START_TEXT,
    });
    answer.is(201, &expected);
    assert_eq!(gateway.balance(&people.ani).await, 975_000);
    assert_eq!(gateway.balance(&people.budi).await, 25_000);
    let mut shown = expected;
    shown["refunded"] = json!(0);
    shown.as_object_mut().unwrap().remove("balance_after");
    let path = format!("{PAY}/{}", id("pay", position));
    for token in [&people.ani, &people.budi, &people.admin] {
        gateway.send(get(&path).by(token)).await.is(200, &shown);
    }
    gateway.send(get(&path).by(&people.warung)).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_client_that_names_no_reference_is_given_one() {
    let (gateway, people) = funded().await;
    let first = pay(&gateway, &people.ani, "budi", 10).await.expect(201);
    let second = pay(&gateway, &people.ani, "budi", 10).await.expect(201);
    assert_ne!(first["reference"], second["reference"]);
    assert_eq!(first["note"], "");
    let again = json!({"to": "budi", "amount": 10, "reference": first["reference"]});
    let replay = gateway.send(post(PAY, &again).by(&people.ani)).await;
    assert_eq!(replay.expect(201), first);
    assert_eq!(replay.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn what_is_wrong_with_a_payment_is_named() {
    let (gateway, people) = funded().await;
    let good = json!({"to": "budi", "amount": 1, "note": "x", "reference": "r", "otp": "123456"});
    strict(&gateway, &people.ani, PAY, &good, &["to", "amount"]).await;
    let table = [
        ("to", json!("")),
        ("to", json!("a b")),
        ("to", json!("x".repeat(33))),
        ("note", json!("x".repeat(256))),
        ("note", json!("baris\nbaru")),
        ("note", json!("\u{1b}[31m")),
        ("note", json!("\u{202e}")),
        ("currency", json!("USD")),
        ("from", json!("budi")),
        ("balance_after", json!(1)),
    ];
    let before = gateway.position();
    for (field, value) in table {
        let mut body = good.clone();
        body[field] = value;
        gateway.send(post(PAY, &body).by(&people.ani)).await.names(field);
    }
    assert_eq!(gateway.position(), before);
    let other = json!({"to": "budi", "amount": 2});
    keys(&gateway, &people.ani, PAY, &json!({"to": "budi", "amount": 1}), &other).await;
}

#[tokio::test]
async fn a_refusal_is_recorded_and_given_again() {
    let (gateway, people) = funded().await;
    gateway.fund(&people, "budi", 5_000_000).await;
    let table = [
        (&people.ani, json!({"to": "siapa", "amount": 1}), 404, "recipient_not_found"),
        (&people.ani, json!({"to": "ani", "amount": 1}), 422, "self_transfer"),
        (&people.ani, json!({"to": "budi", "amount": 1_000_003}), 422, "insufficient_funds"),
        (
            &people.ani,
            json!({"to": "budi", "amount": 1_000_000_000_000_000_u64}),
            422,
            "insufficient_funds",
        ),
        (&people.kasir, json!({"to": "budi", "amount": 1}), 422, "insufficient_funds"),
    ];
    for (number, (token, body, status, code)) in table.into_iter().enumerate() {
        let send = || gateway.send(post(PAY, &body).by(token).key(&format!("tidak-{number}")));
        let first = send().await;
        let problem = first.refused(status, code);
        assert_eq!(problem["position"], gateway.position(), "{code}");
        // A refusal stays one, even when it would now be granted.
        gateway.fund(&people, "ani", 1).await;
        send().await.replays(&first);
        let mut other = body.clone();
        other["note"] = json!("lain");
        let reused = post(PAY, &other).by(token).key(&format!("tidak-{number}"));
        gateway.send(reused).await.refused(409, "reference_reused");
    }
    assert_eq!(gateway.balance(&people.ani).await, 1_000_005);
}

#[tokio::test]
async fn a_wallet_has_a_ceiling_and_a_month() {
    let (gateway, people) = funded().await;
    for _ in 0..4 {
        gateway.fund(&people, "budi", 5_000_000).await;
    }
    let over = pay(&gateway, &people.ani, "budi", 1).await.refused(422, "limit_exceeded");
    assert_eq!(over["detail"], "the receiver's balance would exceed its ceiling");
    pay(&gateway, &people.budi, "warung", 20_000_000).await.expect(201);
    for _ in 0..4 {
        gateway.fund(&people, "budi", 5_000_000).await;
    }
    pay(&gateway, &people.budi, "warung", 20_000_000).await.expect(201);
    let over = pay(&gateway, &people.ani, "budi", 1).await.refused(422, "limit_exceeded");
    assert_eq!(over["detail"], "the receiver's month would exceed its limit");
    // December in Jakarta begins twelve and a quarter days after the start.
    gateway.at(13 * 86_400);
    let ani = gateway.log_in("ani").await;
    pay(&gateway, &ani, "budi", 1).await.expect(201);
}

#[tokio::test]
async fn a_frozen_account_pays_nobody_and_is_paid() {
    let (gateway, people) = funded().await;
    let freeze = |frozen: bool| {
        let body = json!({"frozen": frozen, "reason": "laporan"});
        gateway.send(post("/api/v1/admin/users/ani/freeze", &body).by(&people.admin))
    };
    freeze(true).await.expect(200);
    pay(&gateway, &people.ani, "budi", 1).await.refused(422, "account_frozen");
    gateway.fund(&people, "budi", 10).await;
    pay(&gateway, &people.budi, "ani", 10).await.expect(201);
    freeze(false).await.expect(200);
    pay(&gateway, &people.ani, "budi", 1).await.expect(201);
}

#[tokio::test]
async fn the_house_keeps_a_fee_of_what_a_merchant_receives() {
    let merchant_fee = BasisPoints::new(70).unwrap();
    let gateway = TestGateway::with(gerbang::gateway::Settings { merchant_fee, ..settings() });
    let people = gateway.people().await;
    gateway.fund(&people, "ani", 1_000_000).await;
    let body = pay(&gateway, &people.ani, "warung", 10_001).await.expect(201);
    assert_eq!((&body["amount"], &body["fee"]), (&json!(10_001), &json!(71)));
    assert_eq!(gateway.balance(&people.warung).await, 9_930);
    // A fee never eats a payment whole.
    let small = pay(&gateway, &people.ani, "warung", 1).await.expect(201);
    assert_eq!(small["fee"], 0);
    assert_eq!(pay(&gateway, &people.ani, "budi", 10_000).await.expect(201)["fee"], 0);
    let mine = gateway.send(get("/api/v1/transactions?limit=1").by(&people.warung)).await;
    assert_eq!(mine.expect(200)["data"][0]["amount"], 1);
}

#[tokio::test]
async fn two_hundred_spends_of_one_balance_spend_it_once() {
    let (gateway, people) = funded().await;
    let asked = (0..200).map(|_| pay(&gateway, &people.ani, "budi", 1_000_000));
    let answers = futures_util::future::join_all(asked).await;
    let posted = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(posted, 1);
    answers.iter().filter(|a| a.status != 201).for_each(|answer| {
        answer.refused(422, "insufficient_funds");
    });
    assert_eq!(gateway.balance(&people.budi).await, 1_000_000);
}

#[tokio::test]
async fn twins_at_once_are_one_payment() {
    let (gateway, people) = funded().await;
    let body = json!({"to": "budi", "amount": 7, "reference": "kembar"});
    let asked = (0..50).map(|_| gateway.send(post(PAY, &body).by(&people.ani)));
    let answers = futures_util::future::join_all(asked).await;
    let first: Vec<_> =
        answers.iter().filter(|a| a.header("idempotency-replayed").is_none()).collect();
    assert_eq!(first.len(), 1);
    assert!(answers.iter().all(|answer| (answer.status, &answer.text) == (201, &first[0].text)));
    assert_eq!(gateway.balance(&people.budi).await, 7);
}

#[tokio::test]
async fn a_key_belongs_to_whoever_sent_it() {
    let (gateway, people) = funded().await;
    gateway.fund(&people, "budi", 100).await;
    let ask = |to: &str| post(PAY, &json!({"to": to, "amount": 5})).key("sama");
    let ani = gateway.send(ask("warung").by(&people.ani)).await;
    let budi = gateway.send(ask("warung").by(&people.budi)).await;
    assert_ne!(ani.expect(201)["id"], budi.expect(201)["id"]);
    assert_eq!(budi.header("idempotency-replayed"), None);
    // Operations do not share keys either.
    let top_up = json!({"amount": 5, "sender_bank_code": "014", "sender_name": "ANI"});
    let other = post("/api/v1/topups/bank-transfer", &top_up).by(&people.ani).key("sama");
    gateway.send(other).await.refused(409, "reference_reused");
}

#[tokio::test]
async fn a_replay_answers_as_the_first_time_after_a_restart() {
    let (gateway, people) = funded().await;
    let body = json!({"to": "budi", "amount": 5, "reference": "sekali"});
    let first = gateway.send(post(PAY, &body).by(&people.ani)).await;
    let refused = json!({"to": "siapa", "amount": 5, "reference": "tidak"});
    let no = gateway.send(post(PAY, &refused).by(&people.ani)).await;
    let gateway = gateway.reopened();
    gateway.send(post(PAY, &body).by(&people.ani)).await.replays(&first);
    gateway.send(post(PAY, &refused).by(&people.ani)).await.replays(&no);
    assert_eq!(gateway.balance(&people.budi).await, 5);
}

#[tokio::test]
async fn a_payment_in_a_second_currency_stays_in_it() {
    let (gateway, people) = funded().await;
    for name in ["ani", "budi"] {
        let path = format!("/api/v1/admin/users/{name}/accounts");
        let opened = post(&path, &json!({"currency": "USD"})).by(&people.admin);
        gateway.send(opened).await.expect(201);
    }
    let usd = json!({"to": "ani", "amount": 500, "currency": "USD"});
    gateway.send(post("/api/v1/admin/topups", &usd).by(&people.admin)).await.expect(201);
    let body = json!({"to": "budi", "amount": 200, "currency": "USD"});
    let answer = gateway.send(post(PAY, &body).by(&people.ani)).await.expect(201);
    assert_eq!((&answer["currency"], &answer["balance_after"]), (&json!("USD"), &json!(300)));
    let usd = gateway.send(get("/api/v1/balance?currency=USD").by(&people.budi)).await.expect(200);
    assert_eq!((&usd["balance"], &usd["currency"]), (&json!(200), &json!("USD")));
    assert_eq!(gateway.balance(&people.budi).await, 0);
    assert_eq!(gateway.balance(&people.ani).await, 1_000_000);
    let nobody = json!({"to": "warung", "amount": 1, "currency": "USD"});
    let answer = gateway.send(post(PAY, &nobody).by(&people.ani)).await;
    answer.refused(404, "recipient_not_found");
}

#[tokio::test]
async fn a_payment_is_shown_by_its_own_id_only() {
    let (gateway, people) = funded().await;
    let path = paid(&gateway, &people, 5).await;
    gateway.send(get(&path).by(&people.ani)).await.expect(200);
    let last = gateway.position();
    let wrong = [
        id("ref", last),
        id("pay", last + 1),
        id("pay", last - 1),
        id("pay", 1),
        id("pay", 0),
        path[PAY.len() + 1..].to_lowercase(),
        "x".into(),
        "pay_".into(),
        last.to_string(),
    ];
    for wrong in wrong {
        let answer = gateway.send(get(&format!("{PAY}/{wrong}")).by(&people.ani)).await;
        answer.refused(404, "not_found");
    }
}

#[tokio::test]
async fn a_receiver_gives_back_up_to_what_was_paid() {
    let (gateway, people) = funded().await;
    let path = paid(&gateway, &people, 100).await;
    let refund = |body: Value, key: &str| {
        gateway.send(post(&format!("{path}/refund"), &body).by(&people.warung).key(key))
    };
    let first = refund(json!({"amount": 30, "note": "kurang"}), "r1").await;
    let position = first.position();
    let payment = path[PAY.len() + 1..].to_owned();
    first.is(
        201,
        &json!({
            "id": id("ref", position), "status": "posted", "payment": payment, "from": "warung",
            "to": "ani", "amount": 30, "currency": "IDR", "note": "kurang", "reference": "r1",
            "balance_after": 70, "position": position, "created_at": START_TEXT,
        }),
    );
    let shown = gateway.send(get(&path).by(&people.ani)).await.expect(200);
    assert_eq!((&shown["status"], &shown["refunded"]), (&json!("partially_refunded"), &json!(30)));
    refund(json!({"amount": 71}), "r2").await.refused(422, "refund_exceeds_payment");
    assert_eq!(refund(json!({}), "r3").await.expect(201)["amount"], 70);
    let shown = gateway.send(get(&path).by(&people.ani)).await.expect(200);
    assert_eq!((&shown["status"], &shown["refunded"]), (&json!("refunded"), &json!(100)));
    refund(json!({}), "r4").await.refused(422, "refund_exceeds_payment");
    refund(json!({"amount": 30, "note": "kurang"}), "r1").await.replays(&first);
    assert_eq!(refund(json!({}), "r3").await.header("idempotency-replayed"), Some("true"));
    refund(json!({"amount": 31}), "r1").await.refused(409, "reference_reused");
    assert_eq!(gateway.balance(&people.ani).await, 1_000_000);
}

#[tokio::test]
async fn refunds_at_once_together_never_exceed_the_payment() {
    let (gateway, people) = funded().await;
    let path = format!("{}/refund", paid(&gateway, &people, 100).await);
    let body = json!({"amount": 30});
    let asked = (0..20).map(|_| gateway.send(post(&path, &body).by(&people.warung)));
    let answers = futures_util::future::join_all(asked).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 3);
    assert_eq!(gateway.balance(&people.warung).await, 10);
}

#[tokio::test]
async fn nobody_but_the_receiver_refunds() {
    let (gateway, people) = funded().await;
    let path = format!("{}/refund", paid(&gateway, &people, 100).await);
    for (token, status, code) in [
        (&people.ani, 403, "forbidden"),
        (&people.admin, 403, "forbidden"),
        (&people.budi, 404, "not_found"),
        (&people.kasir, 404, "not_found"),
    ] {
        gateway.send(post(&path, &json!({})).by(token)).await.refused(status, code);
    }
    let none = format!("{PAY}/{}/refund", id("pay", 99));
    gateway.send(post(&none, &json!({})).by(&people.warung)).await.refused(404, "not_found");
    let good = json!({"amount": 1, "note": "x", "reference": "r"});
    let before = gateway.position();
    for (field, value) in [
        ("amount", json!(0)),
        ("amount", json!(-1)),
        ("amount", json!(1.5)),
        ("note", json!(1)),
        ("to", json!("budi")),
        ("payment", json!("x")),
        ("otp", json!("1")),
    ] {
        let mut body = good.clone();
        body[field] = value;
        gateway.send(post(&path, &body).by(&people.warung)).await.names(field);
    }
    assert_eq!(gateway.position(), before);
    let spent = gateway.user("kosong", Role::Merchant).await;
    let paid = pay(&gateway, &people.ani, "kosong", 50).await.expect(201);
    pay(&gateway, &spent, "budi", 50).await.expect(201);
    let path = format!("{PAY}/{}/refund", paid["id"].as_str().unwrap());
    gateway.send(post(&path, &json!({})).by(&spent)).await.refused(422, "insufficient_funds");
}
