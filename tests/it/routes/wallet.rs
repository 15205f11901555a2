//! What the caller has.

use serde_json::json;

use crate::support::{START_TEXT, funded, get, id};

#[tokio::test]
async fn a_balance_says_as_of_when_it_is_true() {
    let (gateway, people) = funded().await;
    let answer = gateway.send(get("/api/v1/balance").by(&people.ani)).await;
    answer.is(
        200,
        &json!({
            "account": id("acc", 0), "currency": "IDR", "balance": 1_000_000, "held": 0,
            "available": 1_000_000, "position": 9, "as_of": START_TEXT,
        }),
    );
    let same = gateway.send(get("/api/v1/balance?currency=IDR").by(&people.ani)).await;
    assert_eq!(same.expect(200), answer.json());
    for (query, field) in [
        ("currency=idr", "currency"),
        ("currency=USD", "currency"),
        ("currency=", "currency"),
        ("account=acc_1", "account"),
        ("currency=IDR&currency=IDR", "currency"),
    ] {
        let wrong = get(&format!("/api/v1/balance?{query}")).by(&people.ani);
        gateway.send(wrong).await.names(field);
    }
}
