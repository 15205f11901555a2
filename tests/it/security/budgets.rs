//! What a free account may do in vain, and how much of it at once.

use serde_json::json;

use crate::support::{Ask, TestGateway, funded, get, post};
use gerbang::ledger::event::Role;
use gerbang::limits;

fn payment(to: &str, key: u32) -> Ask {
    post("/api/v1/payments", &json!({"to": to, "amount": 1_000})).key(&key.to_string())
}

#[tokio::test]
async fn refusals_of_one_person_do_not_fill_the_journal() {
    let (gateway, people) = funded().await;
    let poor = gateway.user("miskin", Role::Buyer).await;
    let pay = |key| gateway.send(payment("warung", key).by(&poor));
    for key in 0..limits::REFUSALS_BURST {
        pay(key).await.refused(422, "insufficient_funds");
    }
    let before = gateway.position();
    for key in 0..50 {
        let answer = pay(1_000 + key).await;
        answer.refused(429, "rate_limited");
        assert_eq!(answer.header("retry-after"), Some("10"));
    }
    assert_eq!(gateway.position(), before, "nothing was written");
    pay(0).await.refused(422, "insufficient_funds");
    gateway.send(payment("warung", 0).by(&people.ani)).await.expect(201);
    gateway.at(10);
    pay(2_000).await.refused(422, "insufficient_funds");
    pay(2_001).await.refused(429, "rate_limited");
}

#[tokio::test]
async fn names_are_not_listed_by_asking_for_them() {
    let (gateway, people) = funded().await;
    let look =
        |name: String, token: &str| gateway.send(get(&format!("/api/v1/users/{name}")).by(token));
    look("budi".to_owned(), &people.ani).await.expect(200);
    for number in 0..limits::MISSES_BURST {
        look(format!("siapa{number}"), &people.ani).await.refused(404, "not_found");
    }
    for name in ["siapa", "budi"] {
        look(name.to_owned(), &people.ani).await.refused(429, "rate_limited");
    }
    // Nor by paying them, or by a bill.
    gateway.send(payment("siapa", 1).by(&people.ani)).await.refused(429, "rate_limited");
    gateway.send(payment("budi", 2).by(&people.ani)).await.refused(429, "rate_limited");
    look("budi".to_owned(), &people.budi).await.expect(200);
    gateway.at(limits::MISS_SECONDS);
    gateway.send(payment("budi", 3).by(&people.ani)).await.expect(201);
}

#[tokio::test]
async fn bills_to_somebody_who_did_not_ask_for_them_are_bounded() {
    let (gateway, people) = funded().await;
    let bill = |to: &str, key: String| {
        let body = json!({"recipient": to, "amount": 1_000, "name": "Iuran"});
        gateway.send(post("/api/v1/bills", &body).by(&people.warung).key(&key))
    };
    for number in 0..limits::BILLS_TO_ONE_BURST {
        bill("ani", number.to_string()).await.expect(201);
    }
    bill("ani", "more".to_owned()).await.refused(429, "rate_limited");
    bill("ani", "0".to_owned()).await.expect(201);
    bill("budi", "other".to_owned()).await.expect(201);
}

#[tokio::test]
async fn many_top_ups_at_once_are_counted_like_those_in_turn() {
    let gateway = TestGateway::new();
    let ani = gateway.user("ani", Role::Buyer).await;
    let table = [
        (
            "/api/v1/topups/bank-transfer",
            json!({"amount": 50_000, "sender_bank_code": "014", "sender_name": "ANI"}),
            limits::TOP_UPS_AWAITING_MAX,
        ),
        (
            "/api/v1/topups/virtual-account",
            json!({"amount": 10_000, "payment_type": "echannel"}),
            limits::TOP_UP_CHARGES_MAX,
        ),
    ];
    for (path, body, most) in table {
        let ask =
            |key: usize| gateway.send(post(path, &body).key(&format!("{path}/{key}")).by(&ani));
        let answers = futures_util::future::join_all((0..60).map(ask)).await;
        let taken = answers.iter().filter(|answer| matches!(answer.status, 201 | 202)).count();
        let limited = answers.iter().filter(|answer| answer.status == 429).count();
        assert_eq!((taken, limited), (most, 60 - most), "{path}: {}", answers[0].text);
    }
}
