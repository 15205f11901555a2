//! `Idempotency-Key`: the same request under it gets the same answer, also from the next process.

use serde_json::{Value, json};

use super::{AMOUNT, World, bca, code, order, with};
use crate::support::{ask, post};

impl World {
    async fn under(&self, key: &str, path: &str, body: &Value) -> Value {
        let ask = with(post(path, body), &self.key).header("idempotency-key", key);
        self.gateway.send(ask).await.json()
    }

    fn restarted(self) -> Self {
        Self { gateway: self.gateway.reopened(), ..self }
    }

    /// Lets the memory of keys end.
    fn later(&self, seconds: i64) {
        let clock = self.gateway.gateway.engine().clock();
        clock.set(clock.now().plus_seconds(seconds));
    }
}

#[tokio::test]
async fn an_order_is_begun_once_and_told_as_it_was() {
    for (name, way, more) in [("order-1", "qris", json!({})), ("order-2", "bank_transfer", bca())] {
        let world = World::new().await;
        let body = order(name, way, &more);
        let first = world.under("satu", "/v2/charge", &body).await;
        assert_eq!(code(&first), "201", "{first}");
        if way == "qris" {
            world.pay(&first).await.expect(201);
        }
        let world = world.restarted();
        assert_eq!(world.under("satu", "/v2/charge", &body).await, first);
        // Twice in the new process: from the journal, then from its memory.
        assert_eq!(world.under("satu", "/v2/charge", &body).await, first);
        assert_eq!(code(&world.under("dua", "/v2/charge", &body).await), "406");
        let world = world.restarted();
        world.later(5 * 60);
        assert_eq!(code(&world.under("satu", "/v2/charge", &body).await), "406", "it is too late");
    }
}

#[tokio::test]
async fn what_failed_is_tried_again_under_its_key() {
    use crate::charges::provider::Next;
    let world = World::new().await;
    world.gateway.provider.next(Next::Refused);
    let body = order("order-1", "bank_transfer", &bca());
    assert_ne!(code(&world.under("satu", "/v2/charge", &body).await), "201");
    let world = world.restarted();
    assert_eq!(code(&world.under("satu", "/v2/charge", &body).await), "201");
}

#[tokio::test]
async fn money_goes_back_once_for_a_key() {
    let world = World::new().await;
    world.pay(&world.qris("order-1").await).await.expect(201);
    let part = json!({"amount": 4_000});
    let first = world.under("satu", "/v2/order-1/refund", &part).await;
    assert_eq!((code(&first), &first["refund_amount"]), ("200", &json!("4000.00")), "{first}");
    let second = world.under("dua", "/v2/order-1/refund", &part).await;
    assert_eq!(code(&second), "200");
    let world = world.restarted();
    let before = world.balances().await;
    assert_eq!(world.under("satu", "/v2/order-1/refund", &part).await, first);
    assert_eq!(world.under("dua", "/v2/order-1/refund", &part).await, second);
    assert_eq!(world.balances().await, before, "it was given back again");
    assert_eq!(before.0, 1_000_000 - AMOUNT + 8_000);
    // For ever, however long the answers are kept.
    for seconds in [6 * 60, 400 * 24 * 60 * 60] {
        world.later(seconds);
        assert_eq!(world.under("satu", "/v2/order-1/refund", &part).await, first);
    }
    let refunds = world.status("order-1").await["refunds"].as_array().unwrap().len();
    assert_eq!(refunds, 2, "it was given back again");
}

#[tokio::test]
async fn an_order_is_called_off_once_for_a_key() {
    for act in ["cancel", "expire"] {
        let world = World::new().await;
        world.qris("order-1").await;
        let path = format!("/v2/order-1/{act}");
        let first = world.under("satu", &path, &json!({})).await;
        let good = if act == "cancel" { "200" } else { "407" };
        assert_eq!(code(&first), good, "{first}");
        let world = world.restarted();
        assert_eq!(world.under("satu", &path, &json!({})).await, first);
        assert_eq!(code(&world.under("dua", &path, &json!({})).await), "412");
    }
}

#[tokio::test]
async fn a_page_is_opened_and_closed_once_for_a_key() {
    let world = World::new().await;
    let body = json!({"transaction_details": {"order_id": "order-1", "gross_amount": AMOUNT}});
    let path = "/snap/v1/transactions";
    let first = world.under("satu", path, &body).await;
    let token = first["token"].as_str().unwrap().to_owned();
    let world = world.restarted();
    assert_eq!(world.under("satu", path, &body).await, first);
    let close = format!("{path}/{token}/cancel");
    let closed = world.under("tutup", &close, &json!({})).await;
    assert!(closed["canceled_at"].is_string(), "{closed}");
    world.later(60);
    let world = world.restarted();
    assert_eq!(world.under("tutup", &close, &json!({})).await, closed);
    assert_eq!(world.call(post(&close, &json!({}))).await.status, 400);
    // What is picked on a page is no second answer to the request that opened it.
    let other = json!({"transaction_details": {"order_id": "order-2", "gross_amount": AMOUNT}});
    let opened = world.under("buka", path, &other).await;
    let token = opened["token"].as_str().unwrap().to_owned();
    let pick = world.gateway.send_raw(ask("POST", &format!("/pay/{token}/bca_va"))).await;
    assert_eq!(pick.status().as_u16(), 303);
    let world = world.restarted();
    assert_eq!(world.under("buka", path, &other).await, opened);
}
