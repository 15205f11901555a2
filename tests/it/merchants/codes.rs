//! One-time codes of those who pay orders.

use serde_json::{Value, json};

use super::{AMOUNT, World};
use crate::support::{Answer, post};

/// What a code for an order is asked for by.
fn for_order(world: &World, told: &Value) -> Value {
    let path = world.pay_path(told);
    json!({"operation": "charge", "charge": path.split('/').nth(4).unwrap()})
}

async fn pay_with(world: &World, told: &Value, key: &str, code: &str) -> Answer {
    let ask = post(&world.pay_path(told), &json!({})).by(&world.people.ani).key(key);
    world.gateway.send(ask.header("x-otp", code)).await
}

#[tokio::test]
async fn an_order_is_paid_with_a_code_for_that_order_and_no_other() {
    let world = World::with_codes().await;
    let (one, other) = (world.qris("order-1").await, world.qris("order-2").await);
    world.pay(&one).await.refused(401, "otp_required");
    pay_with(&world, &one, "a", "12345x").await.refused(401, "otp_invalid");
    // The same payee and amount, and another order: refused, and burnt.
    let digits = world.digits(&for_order(&world, &other)).await;
    pay_with(&world, &one, "b", &digits).await.refused(401, "otp_invalid");
    pay_with(&world, &other, "c", &digits).await.refused(401, "otp_invalid");
    assert_eq!(world.balances().await, (1_000_000, 0));

    let digits = world.digits(&for_order(&world, &one)).await;
    let paid = pay_with(&world, &one, "d", &digits).await;
    paid.expect(201);
    // Heard again without a code; the code is used up.
    let again = post(&world.pay_path(&one), &json!({})).by(&world.people.ani).key("d");
    world.gateway.send(again).await.replays(&paid);
    pay_with(&world, &other, "e", &digits).await.refused(401, "otp_invalid");
    assert_eq!(world.gateway.balance(&world.people.ani).await, 1_000_000 - AMOUNT);
    assert_eq!(world.status("order-2").await["transaction_status"], "pending");
}

#[tokio::test]
async fn a_code_for_a_payment_pays_no_order_and_one_too_late_none() {
    let world = World::with_codes().await;
    let told = world.qris("order-1").await;
    let payment = json!({"operation": "payment", "to": "warung", "amount": AMOUNT});
    let digits = world.digits(&payment).await;
    pay_with(&world, &told, "a", &digits).await.refused(401, "otp_invalid");
    let digits = world.digits(&for_order(&world, &told)).await;
    world.gateway.at(301);
    pay_with(&world, &told, "b", &digits).await.refused(401, "otp_expired");
    let strange = json!({"operation": "charge", "charge": "chg_01K4GZ9Q8E0000000000000013"});
    let ask = post("/api/v1/auth/otp", &strange).by(&world.people.ani);
    world.gateway.send(ask).await.refused(404, "not_found");
    assert_eq!(world.balances().await, (1_000_000, 0));
}
