//! Refunds of orders that were paid through the provider.

use gerbang::connector::midtrans::status::Status;
use gerbang::gateway::charge::order_id;
use serde_json::{Value, json};

use super::{AMOUNT, FEE, World, basic, code, made, order, terms};
use crate::charges::provider::Next;
use crate::support::{get, post, put, raw};
use crate::webhooks::receiver::Receiver;

/// A merchant that takes no wallets, an order that was paid through the provider, and its name
/// there.
pub(super) async fn paid() -> (World, String) {
    paid_in(World::new().await).await
}

/// The same in this world.
pub(super) async fn paid_in(mut world: World) -> (World, String) {
    world.gateway.user("kedai", gerbang::ledger::event::Role::Merchant).await;
    world.key = made(&world.gateway, &world.people, "kedai", &terms(&["qris/gopay"])).await;
    let told = world.charge(&order("order-1", "qris", &json!({}))).await;
    assert_eq!(code(&told), "201", "{told}");
    let id = told["transaction_id"].as_str().unwrap();
    let found = world.gateway.gateway.order_by_id(id).unwrap().unwrap();
    let name = order_id(&found.recorded);
    assert!(world.gateway.provider.turn(&name, Status::Settlement));
    tell(&world, &name).await;
    until(&world, "settlement").await;
    (world, name)
}

pub(super) async fn tell(world: &World, order: &str) {
    let body = world.gateway.provider.notification(order);
    let tell = raw("/api/v1/notifications/midtrans", "application/json", body);
    world.gateway.send(tell).await.expect(200);
}

pub(super) async fn until(world: &World, wanted: &str) -> Value {
    let mut status = Value::Null;
    for _ in 0..1_000 {
        status = world.status("order-1").await;
        if status["transaction_status"] == wanted {
            return status;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("it never became {wanted}: {status}");
}

/// What the merchant has, and what of it is set aside.
pub(super) async fn money(world: &World) -> (u64, u64) {
    let token = world.gateway.log_in("kedai").await;
    let told = world.gateway.send(get("/api/v1/balance").by(&token)).await.expect(200);
    (told["balance"].as_u64().unwrap(), told["held"].as_u64().unwrap())
}

#[tokio::test]
async fn the_provider_gives_back_what_it_brought() {
    let (world, name) = paid().await;
    let receiver = Receiver::start(&[]).await;
    let token = world.gateway.log_in("kedai").await;
    let urls = json!({"notification_url": receiver.url()});
    world.gateway.send(put("/api/v1/merchant", &urls).by(&token)).await.expect(200);
    let part = json!({"refund_key": "satu", "amount": 4_000, "reason": "dingin"});
    let first = world.refund("order-1", &part).await;
    assert_eq!((code(&first), &first["refund_amount"]), ("200", &json!("4000.00")), "{first}");
    assert_eq!(first["refund_key"], "satu");
    assert_eq!(code(&world.refund("order-1", &part).await), "406");
    let more = json!({"amount": AMOUNT});
    assert_eq!(code(&world.refund("order-1", &more).await), "414");
    let status = until(&world, "partial_refund").await;
    assert_eq!(status["refunds"][0]["reason"], "dingin");
    assert_eq!(money(&world).await, (AMOUNT - FEE - 4_000, 0));
    let heard = receiver.messages(1).await;
    assert_eq!(heard[0].json()["transaction_status"], "partial_refund");
    // The provider knows it by a name of ours, and tells of it: that is nothing odd.
    let entry = world.gateway.provider.entries()[&name].clone();
    let theirs = &entry.transaction.refunded.parts;
    assert_eq!((theirs.len(), theirs[0].amount), (1, 4_000));
    assert!(theirs[0].key.as_ref().unwrap().starts_with("rfd_"));
    tell(&world, &name).await;
    // The fee stays with the house, so that the rest is more than the merchant has.
    assert_eq!(code(&world.refund("order-1", &json!({})).await), "414");
    world.gateway.fund(&world.people, "kedai", FEE).await;
    assert_eq!(code(&world.refund("order-1", &json!({})).await), "200");
    until(&world, "refund").await;
    assert_eq!(money(&world).await, (0, 0));
    tell(&world, &name).await;
    assert_eq!(world.gateway.gateway.charges().oddities(), 0);
    let direct = post("/v2/order-1/refund/online/direct", &json!({}));
    let again = world.gateway.send(direct.header("authorization", &basic(&world.key))).await;
    assert_eq!(code(&again.json()), "414");
}

#[tokio::test]
async fn what_the_provider_does_not_give_back_stays_the_merchants() {
    let (world, _) = paid().await;
    for (next, status) in [(Next::Refused, "412"), (Next::NotSent, "503")] {
        world.gateway.provider.next(next);
        let refused = world.refund("order-1", &json!({"refund_key": "satu"})).await;
        // The fee stays with the house: more than there is cannot be asked for.
        assert_eq!(code(&refused), "414", "{refused}");
        let part = json!({"refund_key": "satu", "amount": 1_000});
        let refused = world.refund("order-1", &part).await;
        assert_eq!(code(&refused), status, "{refused}");
        assert_eq!(money(&world).await, (AMOUNT - FEE, 0));
    }
    // What was not made may be asked for again, under the same key.
    let part = json!({"refund_key": "satu", "amount": 1_000});
    assert_eq!(code(&world.refund("order-1", &part).await), "200");
    let status = until(&world, "partial_refund").await;
    assert_eq!(status["refunds"].as_array().unwrap().len(), 1);
    world.gateway.provider.set_down(true);
    let before = world.gateway.position();
    assert_eq!(code(&world.refund("order-1", &json!({"amount": 1})).await), "503");
    assert_eq!(world.gateway.position(), before, "nothing begins that cannot be asked for");
}

#[tokio::test]
async fn a_refund_whose_answer_was_lost_is_found_and_not_made_again() {
    let (world, name) = paid().await;
    world.gateway.provider.next(Next::MadeSilently);
    let part = json!({"refund_key": "satu", "amount": 1_000});
    assert_eq!(code(&world.refund("order-1", &part).await), "503");
    assert_eq!(world.status("order-1").await["transaction_status"], "settlement");
    assert_eq!(money(&world).await, (AMOUNT - FEE, 1_000), "it cannot be spent");
    for body in [&part, &json!({"refund_key": "dua", "amount": 1})] {
        assert_eq!(code(&world.refund("order-1", body).await), "503", "nobody can say yet");
    }
    // The next process looks for it.
    let World { gateway, people, key } = world;
    let world = World { gateway: gateway.reopened(), people, key };
    until(&world, "partial_refund").await;
    assert_eq!(money(&world).await, (AMOUNT - FEE - 1_000, 0));
    assert_eq!(code(&world.refund("order-1", &part).await), "406");
    let entries = world.gateway.provider.entries();
    assert_eq!(entries[&name].transaction.refunded.parts.len(), 1);
}
