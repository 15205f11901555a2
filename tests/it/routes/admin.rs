//! What administrators do to users and their accounts.

use serde_json::json;

use super::{keys, strict};
use crate::support::{START_TEXT, funded, get, id, post};

const ANI: &str = "/api/v1/admin/users/ani";

#[tokio::test]
async fn a_role_is_given_and_takes_effect_at_once() {
    let (gateway, people) = funded().await;
    let path = format!("{ANI}/role");
    let batch = || crate::support::raw("/api/v1/payments/batch", "application/x-ndjson", "");
    gateway.send(batch().by(&people.ani)).await.refused(403, "forbidden");
    let given = gateway.send(post(&path, &json!({"role": "client"})).by(&people.admin)).await;
    given.is(200, &json!({"username": "ani", "role": "client", "position": 10}));
    assert_eq!(gateway.send(batch().by(&people.ani)).await.status, 200);
    gateway.send(post(&path, &json!({"role": "buyer"})).by(&people.admin)).await.expect(200);
    gateway.send(batch().by(&people.ani)).await.refused(403, "forbidden");
    strict(&gateway, &people.admin, &path, &json!({"role": "buyer"}), &["role"]).await;
    for wrong in ["", "Admin", "root"] {
        gateway.send(post(&path, &json!({"role": wrong})).by(&people.admin)).await.names("role");
    }
    let merchant = post(&path, &json!({"role": "merchant"})).by(&people.admin);
    gateway.send(merchant).await.names("role");
    let buyer = post("/api/v1/admin/users/warung/role", &json!({"role": "buyer"}));
    gateway.send(buyer.by(&people.admin)).await.names("role");
    let nobody = post("/api/v1/admin/users/siapa/role", &json!({"role": "buyer"}));
    gateway.send(nobody.by(&people.admin)).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_freeze_is_told_to_its_owner() {
    let (gateway, people) = funded().await;
    let path = format!("{ANI}/freeze");
    let body = json!({"frozen": true, "reason": "laporan polisi"});
    let answer = gateway.send(post(&path, &body).by(&people.admin)).await;
    answer.is(200, &json!({"username": "ani", "frozen": true, "position": 10}));
    let told = gateway.send(get("/api/v1/notifications").by(&people.ani)).await;
    told.is(
        200,
        &json!({"data": [
        {"id": id("ntf", 10), "type": "account_frozen", "time": START_TEXT,
            "reason": "laporan polisi"},
        {"id": id("ntf", 9), "type": "top_up_settled", "time": START_TEXT, "amount": 1_000_000,
            "currency": "IDR", "from": "gerbang:clearing", "note": "",
            "reference": told.json()["data"][1]["reference"]},
    ], "next_cursor": null}),
    );
    strict(&gateway, &people.admin, &path, &body, &["frozen", "reason"]).await;
    for wrong in ["", "  ", "a\nb", &"x".repeat(256)] {
        let body = json!({"frozen": true, "reason": wrong});
        gateway.send(post(&path, &body).by(&people.admin)).await.names("reason");
    }
    let nobody = post("/api/v1/admin/users/siapa/freeze", &body).by(&people.admin);
    gateway.send(nobody).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_freeze_reaches_every_currency() {
    let (gateway, people) = funded().await;
    for name in ["ani", "budi"] {
        let path = format!("/api/v1/admin/users/{name}/accounts");
        let opened = post(&path, &json!({"currency": "USD"})).by(&people.admin);
        gateway.send(opened).await.expect(201);
    }
    let usd = json!({"to": "ani", "amount": 500, "currency": "USD"});
    gateway.send(post("/api/v1/admin/topups", &usd).by(&people.admin)).await.expect(201);
    let pay = || {
        let body = json!({"to": "budi", "amount": 1, "currency": "USD"});
        gateway.send(post("/api/v1/payments", &body).by(&people.ani))
    };
    let freeze = |frozen: bool| {
        let body = json!({"frozen": frozen, "reason": "laporan"});
        gateway.send(post(&format!("{ANI}/freeze"), &body).by(&people.admin))
    };
    let answer = freeze(true).await;
    assert_eq!(answer.position(), gateway.position());
    pay().await.refused(422, "account_frozen");
    freeze(false).await.expect(200);
    pay().await.expect(201);
}

#[tokio::test]
async fn an_account_opens_as_frozen_as_its_owner() {
    let (gateway, people) = funded().await;
    let freeze = |frozen: bool| {
        let body = json!({"frozen": frozen, "reason": "laporan"});
        gateway.send(post(&format!("{ANI}/freeze"), &body).by(&people.admin))
    };
    freeze(true).await.expect(200);
    for name in ["ani", "budi"] {
        let path = format!("/api/v1/admin/users/{name}/accounts");
        let opened = post(&path, &json!({"currency": "USD"})).by(&people.admin);
        gateway.send(opened).await.expect(201);
        let usd = json!({"to": name, "amount": 500, "currency": "USD"});
        gateway.send(post("/api/v1/admin/topups", &usd).by(&people.admin)).await.expect(201);
    }
    let pay = |to: &str, by: &str| {
        let body = json!({"to": to, "amount": 1, "currency": "USD"});
        gateway.send(post("/api/v1/payments", &body).by(by))
    };
    pay("budi", &people.ani).await.refused(422, "account_frozen");
    pay("ani", &people.budi).await.expect(201);
    freeze(false).await.expect(200);
    pay("budi", &people.ani).await.expect(201);
}

#[tokio::test]
async fn a_correction_has_a_reason_and_a_floor() {
    let (gateway, people) = funded().await;
    let path = format!("{ANI}/adjust");
    let body = json!({"direction": "out", "amount": 400_000, "reason": "salah", "reference": "k1"});
    let answer = gateway.send(post(&path, &body).by(&people.admin)).await;
    let position = answer.position();
    answer.is(
        201,
        &json!({
            "id": id("adj", position), "status": "posted", "from": "ani", "to": "gerbang:suspense",
            "amount": 400_000, "currency": "IDR", "reason": "salah", "reference": "k1",
            "balance_after": 600_000, "position": position, "created_at": START_TEXT,
        }),
    );
    let mut back = body.clone();
    back["direction"] = json!("in");
    back["reference"] = json!("k2");
    let answer = gateway.send(post(&path, &back).by(&people.admin)).await.expect(201);
    assert_eq!((&answer["from"], &answer["to"]), (&json!("gerbang:suspense"), &json!("ani")));
    assert_eq!(answer["balance_after"], 1_000_000);
    let mut all = body.clone();
    all["amount"] = json!(1_000_001);
    all["reference"] = json!("k3");
    gateway.send(post(&path, &all).by(&people.admin)).await.refused(422, "insufficient_funds");
    strict(&gateway, &people.admin, &path, &body, &["direction", "amount", "reason"]).await;
    let good = json!({"direction": "out", "amount": 1, "reason": "x"});
    let other = json!({"direction": "in", "amount": 1, "reason": "x"});
    keys(&gateway, &people.admin, &path, &good, &other).await;
    for (field, value) in
        [("direction", json!("up")), ("reason", json!("")), ("currency", json!("USD"))]
    {
        let mut wrong = good.clone();
        wrong[field] = value;
        gateway.send(post(&path, &wrong).by(&people.admin)).await.names(field);
    }
    let lines = gateway.send(get("/api/v1/transactions?limit=3").by(&people.ani)).await;
    let lines = lines.expect(200);
    assert_eq!(lines["data"][0]["category"], "adjustment");
}

#[tokio::test]
async fn an_account_in_a_currency_is_opened_once() {
    let (gateway, people) = funded().await;
    let path = format!("{ANI}/accounts");
    let body = json!({"currency": "USD"});
    let answer = gateway.send(post(&path, &body).by(&people.admin)).await;
    answer.is(201, &json!({"username": "ani", "currency": "USD", "position": 10}));
    gateway.send(post(&path, &body).by(&people.admin)).await.names("currency");
    gateway
        .send(post(&path, &json!({"currency": "IDR"})).by(&people.admin))
        .await
        .names("currency");
    strict(&gateway, &people.admin, &path, &json!({"currency": "EUR"}), &["currency"]).await;
    let eur = json!({"currency": "EUR"});
    let asked = (0..10).map(|_| gateway.send(post(&path, &eur).by(&people.admin)));
    let answers = futures_util::future::join_all(asked).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    let nobody = post("/api/v1/admin/users/siapa/accounts", &body).by(&people.admin);
    gateway.send(nobody).await.refused(404, "not_found");
}
