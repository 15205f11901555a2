//! Keys of applications: shown once, good for their scopes, and gone when revoked.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::charges::{tell, until};
use crate::edr;
use crate::support::{
    Answer, Ask, PASSWORD, START_TEXT, TestGateway, ask, funded, get, post, put, raw, settings,
};
use gerbang::connector::midtrans::status::Status;
use gerbang::gateway::Settings;
use gerbang::gateway::codes::policy::{From, Policy};
use gerbang::journal::export;
use gerbang::ledger::event::Role;
use gerbang::ledger::id::Position;
use gerbang::ledger::money::Amount;

const KEYS: &str = "/api/v1/api-keys";
const ADMIN: &str = "/api/v1/admin/api-keys";
const PAY: &str = "/api/v1/payments";

async fn made(gateway: &TestGateway, token: &str, path: &str, body: &Value) -> (String, String) {
    let made = gateway.send(post(path, body).by(token)).await.expect(201);
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

fn for_owner(owner: &str, scopes: &[&str]) -> Value {
    json!({"owner": owner, "name": "kasir toko", "scopes": scopes})
}

fn with(ask: Ask, key: &str) -> Ask {
    ask.header("x-api-key", key)
}

fn pay(amount: u64) -> Ask {
    post(PAY, &json!({"to": "budi", "amount": amount}))
}

#[track_caller]
fn not_accepted(answer: &Answer) {
    let body = answer.refused(401, "invalid_token");
    assert_eq!(body["detail"], "api key not accepted");
}

#[tokio::test]
async fn a_key_acts_for_its_owner_within_its_scopes() {
    let (gateway, people) = edr::edr().await;
    let admin = &people.admin;
    let body = for_owner("Ani", &["read", "batch"]);
    let whole = gateway.send(post(ADMIN, &body).by(admin)).await.expect(201);
    let (id, key) = (whole["id"].as_str().unwrap(), whole["key"].as_str().unwrap());
    assert!(key.starts_with(&format!("gk_{id}_")) && key.len() == 3 + 16 + 1 + 43, "{key}");
    let mut row = json!({"id": id, "owner": "ani", "name": "kasir toko", "scopes": ["read", "batch"],
        "otp_exempt": false, "created_at": START_TEXT, "expires_at": null, "last_used_at": null,
        "key": key});
    row["position"] = whole["position"].clone();
    assert_eq!(whole, row);

    let me = gateway.send(with(get("/api/v1/me"), key)).await.expect(200);
    assert_eq!(me["user"]["username"], "ani");
    let paid = gateway.send(with(pay(10), key)).await.expect(201);
    assert_eq!((&paid["from"], &paid["amount"]), (&json!("ani"), &json!(10)));
    let payment = format!("{PAY}/{}", paid["id"].as_str().unwrap());
    gateway.send(with(get(&payment), key)).await.expect(200);
    let out = json!({"amount": 1_000, "bank_code": "009", "account_number": "0115471119"});
    let before = gateway.position();
    for ask in [
        post("/api/v1/withdrawals", &out),
        post("/api/v1/auth/logout", &json!({})),
        post("/api/v1/auth/otp", &json!({"operation": "payment", "to": "budi", "amount": 1})),
        post("/api/v1/auth/totp", &json!({"password": PASSWORD})),
        get(KEYS),
        get(ADMIN),
        post("/api/v1/topups/bank-transfer", &json!({})),
    ] {
        gateway.send(with(ask, key)).await.refused(403, "forbidden");
    }
    assert_eq!(gateway.position(), before);
    let (_, out_key) = made(&gateway, admin, ADMIN, &for_owner("ani", &["payout"])).await;
    gateway.send(with(post("/api/v1/withdrawals", &out), &out_key)).await.expect(202);
    gateway.send(with(get("/api/v1/balance"), &out_key)).await.refused(403, "forbidden");
    gateway.send(with(get("/api/v1/balance"), key).by(&people.ani)).await.names("x-api-key");
    gateway.send(with(with(get("/api/v1/balance"), key), key)).await.names("x-api-key");
    // What applications sign, and what needs nobody, does not look at keys.
    gateway.send(with(edr::transfer(&gateway, &edr::request("T1")), key)).await.expect(200);
    assert_eq!(gateway.send(with(get("/health/live"), "x")).await.status, 200);
}

#[tokio::test]
async fn a_trusted_clients_key_sends_batches() {
    let (gateway, people) = funded().await;
    let (_, key) = made(&gateway, &people.admin, ADMIN, &for_owner("kasir", &["batch"])).await;
    let (_, other) = made(&gateway, &people.admin, ADMIN, &for_owner("ani", &["batch"])).await;
    let line = r#"{"from":"ani","to":"warung","amount":20}"#;
    let batch = || raw("/api/v1/payments/batch", "application/x-ndjson", line);
    let answer = gateway.send(with(batch(), &key)).await;
    assert!(answer.text.contains("\"status\":\"posted\""), "{}", answer.text);
    gateway.send(with(batch(), &other)).await.refused(403, "forbidden");
}

#[tokio::test]
async fn what_is_unknown_wrong_revoked_or_expired_looks_alike() {
    let (gateway, people) = funded().await;
    let admin = &people.admin;
    let mut body = for_owner("ani", &["read"]);
    body["expires"] = json!(START_TEXT.replace("18:06:40", "18:06:50"));
    let (_, expiring) = made(&gateway, admin, ADMIN, &body).await;
    let (id, old) = made(&gateway, admin, ADMIN, &for_owner("ani", &["read"])).await;
    let (_, new) = made(&gateway, admin, ADMIN, &for_owner("ani", &["read"])).await;
    for key in [&expiring, &old, &new] {
        gateway.send(with(get("/api/v1/me"), key)).await.expect(200);
    }
    gateway.at(10);
    not_accepted(&gateway.send(with(get("/api/v1/me"), &expiring)).await);
    let gone = gateway.send(ask("DELETE", &format!("{ADMIN}/{id}")).by(admin)).await;
    assert_eq!(gone.status, 204);
    not_accepted(&gateway.send(with(get("/api/v1/me"), &old)).await);
    let again = gateway.send(ask("DELETE", &format!("{ADMIN}/{id}")).by(admin)).await;
    again.refused(404, "not_found");
    let wrong = format!("{}x", &new[..new.len() - 1]);
    let swapped = format!("gk_{}_{}", &old[3..19], &new[20..]);
    for key in ["", "x", "gk_", &wrong, &swapped, &new[..40], &people.ani] {
        not_accepted(&gateway.send(with(get("/api/v1/me"), key)).await);
    }
    let gateway = gateway.reopened();
    not_accepted(&gateway.send(with(get("/api/v1/me"), &old)).await);
    gateway.send(with(get("/api/v1/me"), &new)).await.expect(200);
}

#[tokio::test]
async fn guessing_keys_is_stopped_by_network() {
    let (gateway, people) = funded().await;
    let (_, key) = made(&gateway, &people.admin, ADMIN, &for_owner("ani", &["read"])).await;
    let from = |last| IpAddr::from([192, 0, 2, last]);
    let ask = |key: &str| with(get("/api/v1/me"), key);
    for _ in 0..gerbang::limits::ADDRESS_FAILURES_BURST {
        not_accepted(&gateway.send_from(ask("gk_x"), from(1), &gateway.api).await);
    }
    let stopped = gateway.send_from(ask(&key), from(1), &gateway.api).await;
    stopped.refused(429, "rate_limited");
    gateway.send_from(ask(&key), from(2), &gateway.api).await.expect(200);
}

#[tokio::test]
async fn a_merchant_has_keys_of_their_own() {
    let (gateway, people) = funded().await;
    let mine = json!({"name": "toko", "scopes": ["read", "charge"]});
    let (id, key) = made(&gateway, &people.warung, KEYS, &mine).await;
    let (other, _) = made(&gateway, &people.admin, ADMIN, &for_owner("ani", &["read"])).await;
    gateway.send(with(get("/api/v1/balance"), &key)).await.expect(200);
    gateway.at(5);
    let listed = gateway.send(get(KEYS).by(&people.warung)).await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(listed["data"][0]["last_used_at"], START_TEXT);
    assert_eq!(listed["data"][0]["key"], Value::Null);
    let not_mine = ask("DELETE", &format!("{KEYS}/{other}")).by(&people.warung);
    gateway.send(not_mine).await.refused(404, "not_found");
    let all = gateway.send(get(ADMIN).by(&people.admin)).await.expect(200);
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
    let anis = gateway.send(get(&format!("{ADMIN}?owner=ani")).by(&people.admin)).await;
    assert_eq!(anis.expect(200)["data"][0]["id"], json!(other));
    let gone = gateway.send(ask("DELETE", &format!("{KEYS}/{id}")).by(&people.warung)).await;
    assert_eq!(gone.status, 204);
    not_accepted(&gateway.send(with(get("/api/v1/balance"), &key)).await);
}

#[tokio::test]
async fn what_is_wanted_is_checked() {
    let (gateway, people) = funded().await;
    let before = gateway.position();
    let good = for_owner("ani", &["read"]);
    let cases = [
        ("owner", json!("siapa")),
        ("owner", json!("admin")),
        ("owner", json!("a b")),
        ("name", json!("")),
        ("scopes", json!([])),
        ("scopes", json!(["write"])),
        ("scopes", json!(["read", "admin"])),
        ("expires", json!("besok")),
        ("expires", json!(START_TEXT)),
        ("otp_exempt", json!("ya")),
        ("secret", json!("x")),
    ];
    for (field, value) in cases {
        let mut body = good.clone();
        body[field] = value;
        gateway.send(post(ADMIN, &body).by(&people.admin)).await.names(field);
    }
    let mut own = json!({"name": "x", "scopes": ["read"]});
    for (field, value) in [("owner", json!("ani")), ("otp_exempt", json!(true))] {
        own[field] = value;
        gateway.send(post(KEYS, &own).by(&people.warung)).await.names(field);
        own.as_object_mut().unwrap().remove(field);
    }
    assert_eq!(gateway.position(), before);
    for _ in 0..16 {
        made(&gateway, &people.admin, ADMIN, &good).await;
    }
    gateway.send(post(ADMIN, &good).by(&people.admin)).await.names("owner");
}

#[tokio::test]
async fn a_key_owes_codes_unless_it_is_registered_otherwise() {
    let from = From::Amount(Amount::new(1_000).unwrap());
    let codes = Policy { payments: from, ..Policy::NEVER };
    let gateway = TestGateway::with(Settings { codes, ..settings() });
    let people = gateway.people().await;
    gateway.fund(&people, "ani", 1_000_000).await;
    let mut body = for_owner("ani", &["batch"]);
    let (_, owing) = made(&gateway, &people.admin, ADMIN, &body).await;
    body["otp_exempt"] = json!(true);
    let (_, exempt) = made(&gateway, &people.admin, ADMIN, &body).await;
    gateway.send(with(pay(1_000), &owing)).await.refused(401, "otp_required");
    gateway.send(with(pay(999), &owing)).await.expect(201);
    gateway.send(with(pay(1_000), &exempt)).await.expect(201);
}

#[tokio::test]
async fn a_use_is_journaled_once_an_hour_and_the_key_nowhere() {
    let (gateway, people) = funded().await;
    let (_, key) = made(&gateway, &people.admin, ADMIN, &for_owner("ani", &["read"])).await;
    let used = |gateway: &TestGateway| {
        let mut out = Vec::new();
        export::ndjson(gateway.gateway.view().history(), Position::FIRST, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains(&key[20..]), "{text}");
        text.matches("api_key_used").count()
    };
    for (seconds, expected) in [(0, 1), (1, 1), (3_599, 1), (3_600, 2), (7_199, 2), (7_200, 3)] {
        gateway.at(seconds);
        gateway.send(with(get("/api/v1/me"), &key)).await.expect(200);
        // What comes after it in the queue is durable after it.
        gateway.user(&format!("orang{seconds}"), Role::Buyer).await;
        assert_eq!(used(&gateway), expected, "{seconds}");
    }
    for batch in gateway.journal.batches().unwrap() {
        let bytes = String::from_utf8_lossy(batch.bytes()).into_owned();
        assert!(!bytes.contains(&key[20..]));
    }
}

/// KOST-7: the applications of a boarding house and of its tenant, neither of which may touch a wallet.
#[tokio::test]
async fn the_applications_of_a_boarding_house_run_its_story_without_a_wallet() {
    let (gateway, people) = funded().await;
    let method = json!({"name": "Mandiri", "title": "Mandiri Bill Payment"});
    let path = "/api/v1/admin/payment-methods/mandiri_bill";
    gateway.send(put(path, &method).by(&people.admin)).await.expect(200);
    let mut keys = Vec::new();
    for owner in ["warung", "ani"] {
        let body = for_owner(owner, &["read", "charge"]);
        keys.push(made(&gateway, &people.admin, ADMIN, &body).await.1);
    }
    let (house, tenant) = (keys[0].as_str(), keys[1].as_str());
    let rent = json!({"name": "Sewa", "recipient": "ani", "amount": 25_000});
    let bill = gateway.send(with(post("/api/v1/bills", &rent), house)).await.expect(201);
    let bill = format!("/api/v1/bills/{}", bill["id"].as_str().unwrap());
    let pay =
        |payment: &str| with(post(&format!("{bill}/pay"), &json!({"payment": payment})), tenant);
    let before = gateway.position();
    gateway.send(pay("wallet")).await.refused(403, "forbidden");
    assert!(gateway.position() <= before + 1, "no more than the key's use");
    let charge = gateway.send(pay("mandiri_bill")).await.expect(201);
    assert!(charge["bill_key"].is_string() && charge["status"] == "pending", "{charge}");
    let order = charge["invoice"].as_str().unwrap();
    gateway.provider.turn(order, Status::Settlement);
    tell(&gateway, gateway.provider.notification(order)).await.expect(200);
    until(&gateway, &people, &charge, "paid").await;
    for key in [house, tenant] {
        for shown in
            [format!("charges/{}", charge["id"].as_str().unwrap()), format!("invoices/{order}")]
        {
            let shown = gateway.send(with(get(&format!("/api/v1/{shown}")), key)).await.expect(200);
            assert_eq!((&shown["status"], &shown["amount"]), (&json!("paid"), &json!(25_000)));
        }
        assert_eq!(gateway.send(with(get(&bill), key)).await.expect(200)["status"], "paid");
    }
    assert_eq!(gateway.balance(&people.ani).await, 1_000_000);
    // A key that pays from wallets makes no charges, and the other way round.
    let (_, wallet) = made(&gateway, &people.admin, ADMIN, &for_owner("ani", &["batch"])).await;
    let again = json!({"name": "Sewa", "recipient": "ani", "amount": 30_000});
    let bill = gateway.send(with(post("/api/v1/bills", &again), house)).await.expect(201);
    let path = format!("/api/v1/bills/{}/pay", bill["id"].as_str().unwrap());
    let pay = |payment: &str| with(post(&path, &json!({"payment": payment})), &wallet);
    gateway.send(pay("mandiri_bill")).await.refused(403, "forbidden");
    gateway.send(pay("wallet")).await.expect(201);
    let top_up = json!({"amount": 10_000, "payment_type": "echannel"});
    let top_up = || post("/api/v1/topups/virtual-account", &top_up);
    gateway.send(with(top_up(), &wallet)).await.refused(403, "forbidden");
    gateway.send(with(top_up(), tenant)).await.expect(201);
}
