//! How an order ended is found by what it settles, wherever that stands.

use gerbang::gateway::charge::standing::{State, standing};

use super::World;
use crate::simulation::{recover, recover_of};

/// A merchant's history grows with every sale, and anybody may ask for the picture of an old one.
#[tokio::test]
async fn what_a_wallet_paid_is_known_without_reading_what_came_later() {
    let world = World::new().await;
    let told = world.qris("order-1").await;
    let charge = world.gateway.gateway.order_by_id(told["transaction_id"].as_str().unwrap());
    let charge = charge.unwrap().unwrap().recorded.position;
    world.pay(&told).await.expect(201);
    let kept = world.gateway.journal.batches().unwrap().len();
    for number in 2..5 {
        world.pay(&world.qris(&format!("order-{number}")).await).await.expect(201);
    }
    let batches = world.gateway.journal.batches().unwrap();
    assert!(batches.len() > kept);
    let whole = standing(&recover(&batches).view, charge).unwrap().state;
    assert!(matches!(whole, State::Paid { position } if position > charge));
    assert_eq!(standing(&recover_of(&batches, kept).view, charge).unwrap().state, whole);
}
