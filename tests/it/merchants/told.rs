//! What a merchant is told, and where.

use gerbang::connector::midtrans::key::ServerKey;
use gerbang::connector::midtrans::notification::Notification;
use serde_json::{Value, json};

use super::{World, order, with};
use crate::support::{get, post, put};
use crate::webhooks::receiver::{Act, Came, Receiver};

pub(super) async fn told_at(world: &World, receiver: &Receiver) {
    let urls = json!({"notification_url": receiver.url()});
    let set = put("/api/v1/merchant", &urls).by(&world.people.warung);
    world.gateway.send(set).await.expect(200);
}

/// The status of a notification that is signed.
fn status(came: &Came, key: &str) -> String {
    let told = Notification::read(came.body().as_bytes()).unwrap();
    assert!(told.is_signed_with(&ServerKey::new(key.to_owned()).unwrap()), "{}", came.body());
    told.transaction.status.name().to_owned()
}

/// The merchant's delivery log, newest first, once so many events were tried.
async fn log(world: &World, count: usize) -> Vec<Value> {
    let ask = || get("/api/v1/webhooks").by(&world.people.warung);
    let id = world.gateway.send(ask()).await.expect(200)["data"][0]["id"].clone();
    let path = format!("/api/v1/webhooks/{}/deliveries", id.as_str().unwrap());
    loop {
        let page = world.gateway.send(get(&path).by(&world.people.warung)).await.expect(200);
        let lines = page["data"].as_array().unwrap().clone();
        let tried = |line: &&Value| line["attempts"].as_array().is_some_and(|it| !it.is_empty());
        if lines.iter().filter(tried).count() >= count {
            return lines;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn every_step_of_an_order_is_told_and_signed() {
    let world = World::new().await;
    let receiver = Receiver::start(&[]).await;
    told_at(&world, &receiver).await;
    let told = world.qris("order-1").await;
    let first = receiver.messages(1).await;
    assert_eq!(first[0].header("user-agent"), "Veritrans");
    assert_eq!(first[0].json()["custom_field1"], "meja 7");
    world.pay(&told).await.expect(201);
    receiver.messages(2).await;
    world.refund("order-1", &json!({"amount": 1_000})).await;
    receiver.messages(3).await;
    world.qris("order-2").await;
    receiver.messages(4).await;
    world.act("order-2", "cancel").await;
    receiver.messages(5).await;
    world.qris("order-3").await;
    receiver.messages(6).await;
    world.act("order-3", "expire").await;
    let all = receiver.messages(7).await;
    let words: Vec<String> = all.iter().map(|came| status(came, &world.key)).collect();
    let expected =
        ["pending", "settlement", "partial_refund", "pending", "cancel", "pending", "expire"];
    assert_eq!(words, expected);
    assert_eq!(all[1].json()["status_code"], "200");
    assert_eq!(all[4].json()["status_code"], "202");
}

#[tokio::test]
async fn one_order_is_told_elsewhere_or_beside() {
    let world = World::new().await;
    let (usual, other) = (Receiver::start(&[]).await, Receiver::start(&[]).await);
    told_at(&world, &usual).await;
    let charge = |name: &str, header: &str| {
        let ask = post("/v2/charge", &order(name, "qris", &json!({})));
        world.gateway.send(with(ask, &world.key).header(header, &other.url()))
    };
    charge("order-1", "x-override-notification").await.expect(200);
    assert_eq!(other.messages(1).await[0].json()["order_id"], "order-1");
    charge("order-2", "x-append-notification").await.expect(200);
    assert_eq!(other.messages(2).await[1].json()["order_id"], "order-2");
    let all = usual.messages(1).await;
    assert_eq!((all.len(), &all[0].json()["order_id"]), (1, &json!("order-2")));
}

#[tokio::test]
async fn who_does_not_hear_is_told_again_the_same() {
    let world = World::new().await;
    let receiver = Receiver::start(&[Act::Answer(503)]).await;
    told_at(&world, &receiver).await;
    let told = world.qris("order-1").await;
    receiver.messages(1).await;
    world.pay(&told).await.expect(201);
    // Both are written down, the first as not heard: it waits for two minutes and up to a quarter more.
    let log = log(&world, 2).await;
    assert_eq!((&log[1]["status"], &log[1]["type"]), (&json!("pending"), &json!("charge.pending")));
    world.gateway.at(150);
    let all = receiver.messages(3).await;
    let pending: Vec<&Came> =
        all.iter().filter(|came| status(came, &world.key) == "pending").collect();
    assert_eq!(pending.len(), 2, "the same bytes");
    assert_eq!(pending[0].body(), pending[1].body());
}

#[tokio::test]
async fn a_place_that_has_moved_is_followed_with_the_same_message() {
    let world = World::new().await;
    let receiver = Receiver::start(&[Act::Moved(307), Act::Moved(308)]).await;
    told_at(&world, &receiver).await;
    world.qris("order-1").await;
    let all = receiver.messages(3).await;
    let targets: Vec<&str> = all.iter().map(Came::target).collect();
    assert_eq!(targets, ["/told?of=money", "/elsewhere", "/elsewhere"]);
    for came in &all {
        assert_eq!((came.body(), came.header("user-agent")), (all[0].body(), "Veritrans"));
    }
    let line = log(&world, 1).await.remove(0);
    assert_eq!(
        (&line["status"], &line["attempts"][0]["status"]),
        (&json!("delivered"), &json!(204))
    );
}

#[tokio::test]
async fn a_place_that_moves_for_ever_is_one_try_and_the_next_comes_later() {
    let world = World::new().await;
    let receiver = Receiver::start(&[Act::Moved(307); 6]).await;
    told_at(&world, &receiver).await;
    world.qris("order-1").await;
    let line = log(&world, 1).await.remove(0);
    assert_eq!((&line["status"], &line["attempts"][0]["status"]), (&json!("pending"), &json!(307)));
    assert_eq!(receiver.count(), 6, "the first place, and five on");
    world.gateway.at(150);
    receiver.messages(7).await;
}
