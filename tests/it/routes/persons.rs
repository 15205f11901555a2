//! Four eyes over people: keys that act for them, a merchant's terms and key, who is an administrator.

use serde_json::{Value, json};

use super::proposals::{decide, id_of, send, strict};
use crate::support::{People, TestGateway, ask, get, post, put};
use gerbang::ledger::event::Role;
use gerbang::ledger::id::Principal;

const KEYS: &str = "/api/v1/admin/api-keys";

/// What somebody was told of last.
async fn told(gateway: &TestGateway, token: &str) -> Value {
    let list = gateway.send(get("/api/v1/notifications").by(token)).await.expect(200);
    list["data"][0].clone()
}

fn pay(key: &str) -> crate::support::Ask {
    let body = json!({"to": "budi", "amount": 10});
    post("/api/v1/payments", &body).header("x-api-key", key)
}

#[tokio::test]
async fn a_key_that_spends_anothers_money_takes_two_administrators() {
    let (gateway, people) = strict().await;
    let body = json!({"owner": "ani", "name": "kasir", "scopes": ["read", "batch"]});
    let proposed = send(&gateway, post(KEYS, &body), &people.admin).await.expect(202);
    let key = proposed["api_key"].as_str().unwrap();
    assert_eq!((&proposed["table"], &proposed["before"]), (&json!("api_key"), &Value::Null));
    assert_eq!(proposed["row"]["owner"], "ani");
    assert_eq!(proposed["row"]["scopes"], json!(["read", "batch"]));
    gateway.send(pay(key)).await.refused(401, "invalid_token");
    let id = id_of(&proposed);
    send(&gateway, decide(&id, "approve"), &people.admin).await.refused(403, "forbidden");
    let approved = send(&gateway, decide(&id, "approve"), &people.second).await.expect(200);
    assert_eq!(approved["api_key"], Value::Null, "it is shown once");
    gateway.send(pay(key)).await.expect(201);
    let about = told(&gateway, &people.ani).await;
    assert_eq!((&about["type"], &about["by"]), (&json!("api_key_made"), &json!("wakil")));
    assert_eq!(about["scopes"], json!(["read", "batch"]));
    assert_eq!(about["api_key"], proposed["key"]);
    let again = send(&gateway, decide(&id, "approve"), &people.second).await;
    again.refused(404, "not_found");
    let gateway = gateway.reopened();
    gateway.send(pay(key)).await.expect(201);
}

#[tokio::test]
async fn a_merchant_is_told_of_a_key_to_look_on_and_not_of_its_own() {
    let (gateway, people) = strict().await;
    let mine = json!({"name": "toko", "scopes": ["read", "charge"]});
    send(&gateway, post("/api/v1/api-keys", &mine), &people.warung).await.expect(201);
    assert_eq!(told(&gateway, &people.warung).await, Value::Null);
    let look = json!({"owner": "warung", "name": "laporan", "scopes": ["read"]});
    send(&gateway, post(KEYS, &look), &people.admin).await.expect(201);
    assert_eq!(told(&gateway, &people.warung).await["type"], "api_key_made");
}

fn terms(fee: u16) -> crate::support::Ask {
    let body = json!({"methods": ["wallet"], "fee_basis_points": fee});
    put("/api/v1/admin/merchants/warung", &body)
}

async fn approved(gateway: &TestGateway, people: &People, proposed: &Value) -> Value {
    send(gateway, decide(&id_of(proposed), "approve"), &people.second).await.expect(200)
}

#[tokio::test]
async fn a_merchants_terms_take_two_and_its_key_is_its_own() {
    let (gateway, people) = strict().await;
    let first = send(&gateway, terms(70), &people.admin).await.expect(202);
    assert_eq!((&first["table"], &first["key"]), (&json!("merchant"), &json!("warung")));
    assert_eq!(first["server_key"], Value::Null);
    let me = || get("/api/v1/merchant").by(&people.warung);
    gateway.send(me()).await.refused(404, "not_found");
    approved(&gateway, &people, &first).await;
    assert_eq!(gateway.send(me()).await.expect(200)["fee_basis_points"], 70);
    let rotate = ask("POST", "/api/v1/merchant/rotate-key");
    let rotated = send(&gateway, rotate, &people.warung).await.expect(200);
    assert!(rotated["server_key"].as_str().unwrap().starts_with("GB-server-"));

    let dear = send(&gateway, terms(10_000), &people.admin).await.expect(202);
    assert_eq!(dear["before"]["fee_basis_points"], 70);
    assert_eq!((&dear["row"]["fee_basis_points"], &dear["changes"]), (&json!(10_000), &json!([])));
    assert_eq!(gateway.send(me()).await.expect(200)["fee_basis_points"], 70);
    // What the merchant changes meanwhile ends what was proposed for the row as it was.
    let addresses = put("/api/v1/merchant", &json!({"finish_url": "https://toko.example/"}));
    send(&gateway, addresses, &people.warung).await.expect(200);
    let stale = send(&gateway, decide(&id_of(&dear), "approve"), &people.second).await;
    stale.refused(404, "not_found");
    let agreed = send(&gateway, terms(90), &people.admin).await.expect(202);
    approved(&gateway, &people, &agreed).await;
    let about = told(&gateway, &people.warung).await;
    assert_eq!((&about["type"], &about["by"]), (&json!("merchant_terms_set"), &json!("wakil")));
    assert_eq!(about["fee_basis_points"], 90);
}

fn role(name: &str, role: &str) -> crate::support::Ask {
    post(&format!("/api/v1/admin/users/{name}/role"), &json!({"role": role}))
}

#[tokio::test]
async fn nobody_alone_ends_an_administrator_and_the_last_one_stays() {
    let (gateway, people) = strict().await;
    let role_of = |name: &str| gateway.gateway.look_up(name).unwrap().role;
    let proposed = send(&gateway, role("wakil", "buyer"), &people.admin).await.expect(202);
    assert_eq!((&proposed["table"], &proposed["key"]), (&json!("role"), &json!("wakil")));
    assert_eq!(proposed["before"], json!({"role": "admin"}));
    assert_eq!(proposed["row"], json!({"role": "buyer"}));
    assert_eq!(role_of("wakil"), Role::Admin, "it waits");
    let own = send(&gateway, role("admin", "buyer"), &people.admin).await.expect(202);
    approved(&gateway, &people, &own).await;
    assert_eq!((role_of("admin"), role_of("wakil")), (Role::Buyer, Role::Admin));
    send(&gateway, get(KEYS), &people.admin).await.refused(403, "forbidden");
    assert_eq!(told(&gateway, &people.admin).await["type"], "role_changed");
    let last = send(&gateway, role("wakil", "buyer"), &people.second).await;
    last.refused(409, "conflict");
    // What the other wanted before would leave nobody.
    let late = send(&gateway, decide(&id_of(&proposed), "approve"), &people.second).await;
    late.refused(403, "forbidden");
    let operator = gateway.gateway.approve_proposal(Principal::Operator, &id_of(&proposed)).await;
    assert!(operator.is_err());

    let admin = gateway.gateway.look_up("admin").unwrap();
    gateway.gateway.set_role(Principal::Operator, &admin, Role::Admin).await.unwrap();
    send(&gateway, get(KEYS), &people.admin).await.expect(200);
    let gateway = gateway.reopened();
    assert_eq!(gateway.gateway.look_up("admin").unwrap().role, Role::Admin);
}
