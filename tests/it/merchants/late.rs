//! Money of an order that came when the order, or its account, could not take it.

use gerbang::connector::midtrans::notification::Notification;
use gerbang::connector::midtrans::status::Status;
use gerbang::ledger::charge::{
    ChargeAdvanced, ChargeEnd, ChargeStep, end_reference, late_reference,
};
use gerbang::ledger::command::Command;
use gerbang::ledger::event::{AccountKind, MovementKind};
use gerbang::ledger::id::{AccountId, Position, Principal};
use gerbang::ledger::money::Currency;
use gerbang::ledger::text::Line;
use serde_json::{Value, json};

use super::told::told_at;
use super::{AMOUNT, FEE, World, another, bca, code, order, with};
use crate::support::{get, post, put, raw};
use crate::webhooks::receiver::Receiver;
use crate::world::{movement, origin};

const LATE: &str = "/api/v1/admin/late";

/// An order that is paid through the provider, its place, and its name there.
async fn onward(world: &World, name: &str) -> (Position, String) {
    let told = world.charge(&order(name, "bank_transfer", &bca())).await;
    assert_eq!(code(&told), "201", "{told}");
    let id = told["transaction_id"].as_str().unwrap();
    let found = world.gateway.gateway.order_by_id(id).unwrap().unwrap();
    (found.recorded.position, gerbang::gateway::charge::order_id(&found.recorded))
}

async fn tell(world: &World, order: &str) {
    let body = world.gateway.provider.notification(order);
    let tell = raw("/api/v1/notifications/midtrans", "application/json", body);
    world.gateway.send(tell).await.expect(200);
}

async fn until(world: &World, name: &str, wanted: &str) {
    let mut status = Value::Null;
    for _ in 0..100_000 {
        status = world.status(name).await;
        if status["transaction_status"] == wanted {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never became {wanted}: {status}");
}

/// Everything in suspense, once there is so much.
async fn waiting(world: &World, count: usize) -> Vec<Value> {
    for _ in 0..100_000 {
        let list = get(LATE).by(&world.people.admin);
        let list = world.gateway.send(list).await.expect(200)["data"].clone();
        let list = list.as_array().unwrap().clone();
        if list.len() == count {
            return list;
        }
        tokio::task::yield_now().await;
    }
    panic!("nothing came late");
}

async fn resolve(world: &World, late: &Value, body: &Value) {
    let path = format!("{LATE}/{}/resolve", late["id"].as_str().unwrap());
    let ask = post(&path, body).by(&world.people.admin);
    world.gateway.send(ask).await.expect(200);
}

#[tokio::test]
async fn an_order_that_is_paid_too_late_is_settled_once_the_merchant_has_the_money() {
    let world = World::new().await;
    let receiver = Receiver::start(&[]).await;
    let urls = json!({"notification_url": receiver.url()});
    world.gateway.send(put("/api/v1/merchant", &urls).by(&world.people.warung)).await.expect(200);
    for (number, body) in [
        json!({"to": "account", "reason": "terlambat"}),
        json!({"to": "account", "username": "budi", "reason": "milik budi"}),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("order-{number}");
        let (_, at_provider) = onward(&world, &name).await;
        world.gateway.provider.turn(&at_provider, Status::Expire);
        tell(&world, &at_provider).await;
        until(&world, &name, "expire").await;
        world.gateway.provider.force(&at_provider, Status::Settlement);
        tell(&world, &at_provider).await;
        let late = waiting(&world, 1).await;
        assert_eq!(world.status(&name).await["transaction_status"], "expire", "it waits");
        let again = world.charge(&order(&name, "bank_transfer", &bca())).await;
        assert_eq!(code(&again), "406", "the merchant may still be given the money");
        resolve(&world, &late[0], &body).await;
    }
    // As if it had come in time; what belongs to somebody else goes there whole.
    let settled = world.status("order-0").await;
    assert_eq!((code(&settled), &settled["transaction_status"]), ("200", &json!("settlement")));
    assert!(settled["settlement_time"].is_string(), "{settled}");
    assert_eq!(world.status("order-1").await["transaction_status"], "expire");
    let again = world.charge(&order("order-0", "bank_transfer", &bca())).await;
    assert_eq!(code(&again), "406", "it is paid");
    assert_eq!(world.balances().await, (1_000_000, AMOUNT - FEE));
    assert_eq!(world.gateway.balance(&world.people.budi).await, AMOUNT);
    let all = receiver.messages(5).await;
    let mut words: Vec<String> = all
        .iter()
        .map(|came| Notification::read(came.body().as_bytes()).unwrap().transaction)
        .map(|told| format!("{} {}", told.order_id, told.status.name()))
        .collect();
    words.sort_unstable();
    let expected = ["0 expire", "0 pending", "0 settlement", "1 expire", "1 pending"];
    assert_eq!(words, expected.map(|word| format!("order-{word}")));
}

#[tokio::test]
async fn a_merchant_who_gets_anothers_late_money_hears_nothing_of_the_order() {
    let world = World::new().await;
    let key = another(&world).await;
    let toko = world.gateway.log_in("toko").await;
    let (own, other) = (Receiver::start(&[]).await, Receiver::start(&[]).await);
    told_at(&world, &own).await;
    let urls = json!({"notification_url": other.url()});
    world.gateway.send(put("/api/v1/merchant", &urls).by(&toko)).await.expect(200);
    let (_, at_provider) = onward(&world, "order-1").await;
    world.gateway.provider.turn(&at_provider, Status::Expire);
    tell(&world, &at_provider).await;
    until(&world, "order-1", "expire").await;
    world.gateway.provider.force(&at_provider, Status::Settlement);
    tell(&world, &at_provider).await;
    let late = waiting(&world, 1).await;
    let goes = json!({"to": "account", "username": "toko", "reason": "milik toko"});
    resolve(&world, &late[0], &goes).await;
    assert_eq!(world.gateway.balance(&toko).await, AMOUNT);
    // One event after the other: the first that is told is of an order of toko's own.
    let ask = with(post("/v2/charge", &order("toko-1", "qris", &json!({}))), &key);
    world.gateway.send(ask).await.expect(200);
    assert_eq!(other.messages(1).await[0].json()["order_id"], "toko-1");
    own.messages(2).await;
}

/// The account cannot take an order's money, which goes to suspense.
async fn suspend(world: &World, charge: Position, warung: AccountId) {
    let (gateway, idr) = (&world.gateway.gateway, Currency::IDR);
    let house = |kind| gateway.view().house_account(kind, idr).unwrap();
    let between = (house(AccountKind::Clearing), house(AccountKind::Suspense));
    let deadline = gateway.engine().clock().now();
    let kind = MovementKind::Suspended { charge, deadline };
    let said = |reference: &str| origin(Principal::System, reference, "suspended");
    let late = movement(said(late_reference(charge).as_str()), kind, between, AMOUNT);
    gateway.engine().submit(Command::Move(late)).await.unwrap();
    let step = ChargeStep::Ended {
        end: ChargeEnd::Suspended,
        by: Principal::System,
        reason: Line::empty(),
    };
    let origin = said(end_reference(charge).as_str());
    let ended = ChargeAdvanced { origin, charge, account: warung, payer: None, step };
    gateway.engine().submit(Command::AdvanceCharge(Box::new(ended))).await.unwrap();
}

#[tokio::test]
async fn an_order_in_suspense_is_pending_until_a_person_has_the_last_word() {
    let world = World::new().await;
    let adjust = json!({"direction": "in", "amount": 1, "reason": "to have a suspense account"});
    let adjust = post("/api/v1/admin/users/budi/adjust", &adjust).by(&world.people.admin);
    world.gateway.send(adjust).await.expect(201);
    let warung = world.gateway.gateway.view().user_by_name("warung").unwrap().account;
    for (name, goes, word) in
        [("order-1", "account", "settlement"), ("order-2", "provider", "deny")]
    {
        let (charge, _) = onward(&world, name).await;
        suspend(&world, charge, warung).await;
        let status = world.status(name).await;
        assert_eq!((code(&status), &status["transaction_status"]), ("201", &json!("pending")));
        let again = world.charge(&order(name, "bank_transfer", &bca())).await;
        assert_eq!(code(&again), "406", "nobody is to pay it again");
        let late = waiting(&world, 1).await;
        resolve(&world, &late[0], &json!({"to": goes, "reason": "diputuskan"})).await;
        assert_eq!(world.status(name).await["transaction_status"], word);
    }
    assert_eq!(world.balances().await.1, AMOUNT - FEE);
}
