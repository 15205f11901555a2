//! How many orders of a merchant may be open.

use gerbang::ledger::charge::{ChargePurpose, ChargeSource, ChargeStarted};
use gerbang::ledger::command::Command;
use gerbang::ledger::id::{AccountId, Principal};
use gerbang::ledger::money::{Amount, Currency};
use gerbang::ledger::text::Line;
use gerbang::limits::ORDERS_OPEN_MAX;
use serde_json::json;

use super::{World, another, code, order, with};
use crate::support::{ask, post};
use crate::world::origin;

/// An order that nobody asked a route for.
fn begun(world: &World, account: AccountId, number: usize) -> Command {
    let gateway = &world.gateway.gateway;
    let principal = Principal::User(gateway.view().owner(account).unwrap());
    Command::StartCharge(Box::new(ChargeStarted {
        origin: origin(principal, &format!("order/machine-{number}/1"), "order"),
        account,
        amount: Amount::new(1_000).unwrap(),
        currency: Currency::IDR,
        purpose: ChargePurpose::Order,
        source: ChargeSource::Wallet,
        fee: None,
        method: Line::cut("wallet", 10),
        expires: gateway.engine().clock().now().plus_seconds(24 * 3600),
        details: Line::empty(),
    }))
}

#[tokio::test]
async fn one_merchant_has_so_many_open_orders_and_no_more() {
    let world = World::new().await;
    let key = another(&world).await;
    let keyed = async |world: &World| {
        let body = order("order-1", "qris", &json!({}));
        let ask = with(post("/v2/charge", &body), &world.key).header("idempotency-key", "satu");
        world.gateway.send(ask).await.json()
    };
    let first = keyed(&world).await;
    let session = |name: &str| {
        let order = json!({"order_id": name, "gross_amount": super::AMOUNT});
        post("/snap/v1/transactions", &json!({"transaction_details": order}))
    };
    let page = world.call(session("page-1")).await.expect(201)["token"].clone();
    let warung = world.gateway.gateway.view().user_by_name("warung").unwrap().account;
    let open = |world: &World| world.gateway.gateway.view().open().open_orders(warung);
    assert_eq!(open(&world), 2);
    // One more than anybody could ask for.
    for from in (2..=ORDERS_OPEN_MAX).step_by(1_000) {
        let some = (from..=ORDERS_OPEN_MAX).take(1_000);
        let some = some.map(|it| world.gateway.gateway.engine().submit(begun(&world, warung, it)));
        for made in futures_util::future::join_all(some).await {
            made.unwrap();
        }
    }
    assert_eq!(open(&world), ORDERS_OPEN_MAX + 1);
    assert_eq!(code(&world.charge(&order("more", "qris", &json!({}))).await), "429");
    assert_eq!(world.call(session("more")).await.status, 429);
    assert_eq!(code(&world.status("more").await), "404", "nothing was begun");
    assert_eq!(code(&world.charge(&order("order-1", "qris", &json!({}))).await), "406");
    // Another merchant's do not count, and what was asked for before is answered as then.
    let ask_other = with(post("/v2/charge", &order("more", "qris", &json!({}))), &key);
    assert_eq!(code(&world.gateway.send(ask_other).await.json()), "201");
    assert_eq!(keyed(&world).await, first);
    // What is picked on a page takes its place.
    let pick = ask("POST", &format!("/pay/{}/bca_va", page.as_str().unwrap()));
    assert_eq!(world.gateway.send_raw(pick).await.status().as_u16(), 303);
    assert_eq!(world.status("page-1").await["transaction_status"], "pending");
    for name in ["order-1", "page-1"] {
        assert_eq!(code(&world.act(name, "cancel").await), "200");
    }
    assert_eq!(open(&world), ORDERS_OPEN_MAX - 1);
    assert_eq!(code(&world.charge(&order("more", "qris", &json!({}))).await), "201");
    assert_eq!(code(&world.charge(&order("most", "qris", &json!({}))).await), "429");
}
