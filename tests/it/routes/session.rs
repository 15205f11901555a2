//! Signing up, logging in and out, who somebody is.

use serde_json::json;

use super::strict;
use crate::support::{
    ORIGIN, PASSWORD, START_TEXT, TestGateway, funded, get, id, login_of, post, settings,
};
use gerbang::ledger::event::Role;

fn ani() -> serde_json::Value {
    json!({
        "username": "Ani", "name": " Ani Lestari ", "email": "Ani@Contoh.ID",
        "phone": "+6281234567890", "password": PASSWORD, "role": "buyer",
    })
}

const SIGN_UP: &str = "/api/v1/auth/signup";

#[tokio::test]
async fn signing_up_makes_a_user_with_an_account() {
    let gateway = TestGateway::new();
    let answer = gateway.send(post(SIGN_UP, &ani())).await;
    let user = json!({
        "id": id("usr", 0), "username": "ani", "name": "Ani Lestari", "email": "ani@contoh.id",
        "role": "buyer", "must_change_password": false, "created_at": START_TEXT,
    });
    let account = json!({"id": id("acc", 0), "currency": "IDR"});
    answer.is(201, &json!({"user": user, "account": account, "position": 2}));
    let token = gateway.log_in("ani@contoh.id").await;
    let me = gateway.send(get("/api/v1/me").by(&token)).await;
    me.is(200, &json!({"user": user, "account": account}));
}

#[tokio::test]
async fn a_name_or_an_address_is_taken_once() {
    let gateway = TestGateway::new();
    gateway.send(post(SIGN_UP, &ani())).await.expect(201);
    gateway.send(post(SIGN_UP, &ani())).await.refused(409, "username_taken");
    let mut other = ani();
    other["username"] = json!("ani2");
    gateway.send(post(SIGN_UP, &other)).await.refused(409, "email_taken");
    assert_eq!(gateway.position(), 2);
}

#[tokio::test]
async fn twenty_at_once_for_one_name_make_one_user() {
    let gateway = TestGateway::new();
    let body = ani();
    let asked = (0..20).map(|_| gateway.send(post(SIGN_UP, &body)));
    let answers = futures_util::future::join_all(asked).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 409).count(), 19);
}

#[tokio::test]
async fn what_is_wrong_with_a_sign_up_is_named() {
    let gateway = TestGateway::new();
    let required = ["username", "name", "email", "password", "role"];
    strict(&gateway, "none", SIGN_UP, &ani(), &required).await;
    let table = [
        ("username", json!("a")),
        ("username", json!("a b c")),
        ("username", json!("x".repeat(33))),
        ("username", json!("ani\r\nSet-Cookie: a")),
        ("username", json!("System")),
        ("username", json!("fees")),
        ("username", json!("root")),
        ("username", json!("Admin.gerbang")),
        ("name", json!("")),
        ("name", json!("   ")),
        ("name", json!("Ani\u{1b}[2J")),
        ("name", json!("Ani\u{202e}")),
        ("name", json!("Ani\u{200e}")),
        ("name", json!("\u{3164}")),
        ("name", json!("\u{200d}")),
        ("name", json!("x".repeat(101))),
        ("email", json!("ani")),
        ("email", json!("ani@contoh")),
        ("phone", json!("0812-3456")),
        ("phone", json!("+62")),
        ("password", json!("pendek")),
        ("password", json!("zzzzzzzzzzzz")),
        ("password", json!("  \t  \u{3000}     ")),
        ("password", json!("x".repeat(257))),
        ("password", json!("1234567890")),
        ("role", json!("admin")),
        ("role", json!("client")),
        ("role", json!("Buyer")),
    ];
    for (field, value) in table {
        let mut body = ani();
        body[field] = value;
        gateway.send(post(SIGN_UP, &body)).await.names(field);
    }
    let mut named = ani();
    named["username"] = json!("kata-sandi-panjang");
    gateway.send(post(SIGN_UP, &named)).await.names("password");
    assert_eq!(gateway.position(), 1);
}

#[tokio::test]
async fn a_crowd_signs_up_and_a_flood_does_not() {
    let gateway = TestGateway::new();
    let sign_up = |number: u32| {
        let mut body = ani();
        body["username"] = json!(format!("ani{number}"));
        body["email"] = json!(format!("ani{number}@contoh.id"));
        post(SIGN_UP, &body)
    };
    let burst = gerbang::limits::SIGN_UPS_BURST;
    let asked = (0..burst + 20).map(|number| gateway.send(sign_up(number)));
    let answers = futures_util::future::join_all(asked).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, usize::try_from(burst).unwrap());
    let late = gateway.send(sign_up(1_000)).await;
    late.refused(429, "rate_limited");
    assert_eq!(late.header("retry-after"), Some("6"));
    // Not those of another network.
    let elsewhere = std::net::IpAddr::from([198, 51, 100, 7]);
    gateway.send_from(sign_up(1_000), elsewhere, &gateway.api).await.expect(201);
    gateway.at(6);
    gateway.send(sign_up(1_001)).await.expect(201);
    gateway.send(sign_up(1_002)).await.refused(429, "rate_limited");
}

#[tokio::test]
async fn an_operator_may_close_signing_up() {
    let gateway = TestGateway::with(gerbang::gateway::Settings { signup: false, ..settings() });
    gateway.send(post(SIGN_UP, &ani())).await.refused(403, "forbidden");
}

#[tokio::test]
async fn a_login_gives_a_token_for_a_day() {
    let gateway = TestGateway::new();
    gateway.send(post(SIGN_UP, &ani())).await.expect(201);
    let body = gateway.send(login_of("ANI", PASSWORD)).await.expect(200);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_at"], "2026-11-19T18:06:40.000000+07:00");
    assert_eq!(body["user"]["username"], "ani");
    assert_eq!(body["user"]["id"], id("usr", 0));
    assert_eq!(body["token"].as_str().unwrap().split('.').count(), 3);
    assert_eq!(body["device_token"].as_str().unwrap().split('.').count(), 3);
    assert_eq!(body.as_object().unwrap().len(), 5, "{body}");
    let good = json!({"login": "ani", "password": PASSWORD});
    strict(&gateway, "none", "/api/v1/auth/login", &good, &["login", "password"]).await;
    for (login, password) in
        [("", ""), ("ani", ""), ("ani\0", PASSWORD), (&"x".repeat(255), PASSWORD)]
    {
        gateway.send(login_of(login, password)).await.refused(401, "invalid_credentials");
    }
    gateway.send(login_of("ani", &"x".repeat(257))).await.refused(401, "invalid_credentials");
}

#[tokio::test]
async fn a_logout_ends_one_token_and_no_other() {
    let (gateway, people) = funded().await;
    gateway.at(1);
    let other = gateway.log_in("ani").await;
    let answer = gateway.send(post("/api/v1/auth/logout", &json!({})).by(&people.ani)).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    let dead = gateway.send(get("/api/v1/me").by(&people.ani)).await.refused(401, "invalid_token");
    assert_eq!(dead["detail"], "token revoked");
    gateway.send(get("/api/v1/me").by(&other)).await.expect(200);
}

#[tokio::test]
async fn a_recipient_is_shown_by_name_and_nothing_else() {
    let (gateway, people) = funded().await;
    let shown = json!({"username": "budi", "name": "Nama budi"});
    gateway.send(get("/api/v1/users/budi").by(&people.ani)).await.is(200, &shown);
    gateway.send(get("/api/v1/users/BUDI").by(&people.ani)).await.is(200, &shown);
    for nobody in ["siapa", "budi%0a", "%F0%9F%94%91", "..", "budi@contoh.id"] {
        let answer = gateway.send(get(&format!("/api/v1/users/{nobody}")).by(&people.ani)).await;
        assert!(matches!(answer.status, 400 | 404), "{nobody}: {}", answer.text);
    }
}

#[tokio::test]
async fn everybody_is_who_they_signed_up_as() {
    let gateway = TestGateway::new();
    for (number, role) in
        [Role::Buyer, Role::Merchant, Role::Client, Role::Admin].into_iter().enumerate()
    {
        let token = gateway.user(&format!("user{number}"), role).await;
        let me = gateway.send(get("/api/v1/me").by(&token)).await.expect(200);
        assert_eq!(me["user"]["role"], role.name());
        assert_eq!(me["account"]["id"], id("acc", number as u64));
    }
    assert!(ORIGIN.starts_with("https://"));
}
