//! Passwords that change, and those that somebody else chose.

use serde_json::json;

use crate::support::{Answer, Ask, PASSWORD, TestGateway, ask, funded, get, login_of, post, put};
use gerbang::http::api::routes::{Access, Route};
use gerbang::identity::secret::Secret;
use gerbang::ledger::id::Principal;

const PATH: &str = "/api/v1/auth/password";
const NEW: &str = "kata-sandi-yang-baru";
const WRONG: &str = "kata-sandi-salah";

fn change(present: &str, new: &str) -> Ask {
    put(PATH, &json!({"password": present, "new_password": new}))
}

fn token_of(answer: &Answer) -> String {
    answer.expect(200)["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn another_password_ends_every_session_but_the_new_one() {
    let (gateway, people) = funded().await;
    let elsewhere = gateway.log_in("ani").await;
    let answer = gateway.send(change(PASSWORD, NEW).by(&people.ani)).await;
    let (body, token) = (answer.expect(200), token_of(&answer));
    assert_eq!(body["user"]["username"], "ani");
    assert_eq!(body["position"], gateway.position());
    // All of it within one second of the clock.
    for dead in [&people.ani, &elsewhere] {
        let me = gateway.send(get("/api/v1/me").by(dead)).await;
        assert_eq!(me.refused(401, "invalid_token")["detail"], "token revoked");
    }
    gateway.send(get("/api/v1/me").by(&token)).await.expect(200);
    gateway.send(login_of("ani", PASSWORD)).await.refused(401, "invalid_credentials");
    let again = token_of(&gateway.send(login_of("ani", NEW)).await);
    let gateway = gateway.reopened();
    for alive in [&token, &again] {
        gateway.send(get("/api/v1/balance").by(alive)).await.expect(200);
    }
    gateway.send(get("/api/v1/me").by(&people.ani)).await.refused(401, "invalid_token");
    gateway.send(login_of("ani", NEW)).await.expect(200);
}

#[tokio::test]
async fn what_is_wrong_with_a_new_password_is_named() {
    let (gateway, people) = funded().await;
    let before = gateway.position();
    for weak in ["pendek", "1234567890", "ani@contoh.id", PASSWORD, &"x".repeat(257)] {
        gateway.send(change(PASSWORD, weak).by(&people.ani)).await.names("new_password");
    }
    let eleven = change(PASSWORD, "rahasia-11x");
    gateway.send(eleven.by(&people.admin)).await.names("new_password");
    assert_eq!(gateway.position(), before);
    gateway.send(change(PASSWORD, "rahasia-11x").by(&people.budi)).await.expect(200);
    // Whoever does not know the password learns nothing about it.
    let guess = change(WRONG, WRONG).by(&people.ani);
    gateway.send(guess).await.refused(401, "invalid_credentials");
}

#[tokio::test]
async fn whoever_has_a_token_may_guess_ten_times() {
    let (gateway, people) = funded().await;
    for _ in 0..10 {
        let guess = change(WRONG, NEW).by(&people.ani);
        gateway.send(guess).await.refused(401, "invalid_credentials");
    }
    let right = gateway.send(change(PASSWORD, NEW).by(&people.ani)).await;
    right.refused(429, "rate_limited");
    assert_eq!(right.header("retry-after"), Some("1800"));
    let gateway = gateway.reopened();
    gateway.at(1_799);
    gateway.send(change(PASSWORD, NEW).by(&people.ani)).await.refused(429, "rate_limited");
    // Nor is the app's enrolment another way to guess.
    let enrol = post("/api/v1/auth/totp", &json!({"password": PASSWORD}));
    gateway.send(enrol.by(&people.ani)).await.refused(429, "rate_limited");
    // It locks who guessed, and not who logs in.
    gateway.send(login_of("ani", PASSWORD)).await.expect(200);
    gateway.at(1_800);
    gateway.send(change(PASSWORD, NEW).by(&people.ani)).await.expect(200);
}

#[tokio::test]
async fn strangers_do_not_keep_a_password_from_being_changed() {
    let (gateway, people) = funded().await;
    for _ in 0..10 {
        gateway.send(login_of("ani", WRONG)).await.refused(401, "invalid_credentials");
    }
    gateway.at(1_000);
    gateway.send(login_of("ani", PASSWORD)).await.refused(401, "invalid_credentials");
    gateway.send(change(PASSWORD, NEW).by(&people.ani)).await.expect(200);
    // They guessed at what is no more.
    gateway.send(login_of("ani", NEW)).await.expect(200);
}

#[tokio::test]
async fn twenty_changes_at_once_are_one() {
    let (gateway, people) = funded().await;
    let asked = (0..20).map(|number| {
        let new = format!("{NEW}-{number}");
        gateway.send(change(PASSWORD, &new).by(&people.ani))
    });
    let answers = futures_util::future::join_all(asked).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 401 | 429)));
}

/// The token of a tenant whose user the warung made, and their first password.
async fn tenant(gateway: &TestGateway, landlord: &str) -> (String, String) {
    let room = json!({"code": "A1", "rate": 850_000});
    gateway.send(post("/api/v1/admin/rooms", &room).by(landlord)).await.expect(201);
    let rina = json!({"name": "Rina", "email": "rina@contoh.id", "start_date": "2026-11-20",
        "room": "A1"});
    let added = gateway.send(post("/api/v1/admin/tenants", &rina).by(landlord)).await.expect(201);
    let password = added["initial_password"].as_str().unwrap().to_owned();
    let login = gateway.send(login_of("rina", &password)).await;
    assert_eq!(login.expect(200)["user"]["must_change_password"], true);
    (token_of(&login), password)
}

#[tokio::test]
async fn a_password_that_another_chose_is_changed_before_anything_else() {
    let (gateway, people) = funded().await;
    let (rina, first) = tenant(&gateway, &people.warung).await;
    let before = gateway.position();
    for route in Route::ALL.iter().copied() {
        let is_open = matches!(route, Route::Me | Route::ChangePassword | Route::LogOut);
        let path = format!("/{}", route.pattern().replace("{}", "x"));
        let asked = ask(route.method(), &path).by(&rina);
        match route.access() {
            Access::AnyUser if !is_open => {
                gateway.send(asked).await.refused(403, "password_change_required");
            }
            Access::Roles(_) => assert_eq!(gateway.send(asked).await.status, 403, "{route:?}"),
            Access::AnyUser | Access::Anyone | Access::Application => {}
        }
    }
    let handshake =
        get("/api/v1/stream").header("sec-websocket-protocol", &format!("bearer, {rina}"));
    gateway.send(handshake).await.refused(403, "password_change_required");
    assert_eq!(gateway.position(), before);
    let me = gateway.send(get("/api/v1/me").by(&rina)).await.expect(200);
    assert_eq!(me["user"]["must_change_password"], true);
    let gateway = gateway.reopened();
    gateway.send(change(&first, &first).by(&rina)).await.names("new_password");
    let changed = gateway.send(change(&first, NEW).by(&rina)).await;
    assert_eq!(changed.expect(200)["user"]["must_change_password"], false);
    gateway.send(get("/api/v1/bills").by(&token_of(&changed))).await.expect(200);
    gateway.send(login_of("rina", &first)).await.refused(401, "invalid_credentials");
}

#[tokio::test]
async fn an_operator_gives_a_password_that_lasts_until_the_next_login() {
    let (gateway, people) = funded().await;
    let key = post("/api/v1/api-keys", &json!({"name": "toko", "scopes": ["read"]}));
    let key = gateway.send(key.by(&people.warung)).await.expect(201)["key"].clone();
    for _ in 0..10 {
        gateway.send(login_of("warung", WRONG)).await.refused(401, "invalid_credentials");
    }
    let warung = gateway.gateway.look_up("warung").unwrap();
    let set = |password: &str, is_their_choice| {
        let password = Secret::new(password.to_owned());
        gateway.gateway.set_password(Principal::Operator, &warung, password, is_their_choice)
    };
    set("pendek", false).await.unwrap_err();
    gateway.at(60);
    set(NEW, false).await.unwrap();
    gateway.send(get("/api/v1/me").by(&people.warung)).await.refused(401, "invalid_token");
    let token = token_of(&gateway.send(login_of("warung", NEW)).await);
    let merchant = gateway.send(get("/api/v1/api-keys").by(&token)).await;
    merchant.refused(403, "password_change_required");
    // The application that acts for them goes on.
    let balance = get("/api/v1/balance").header("x-api-key", key.as_str().unwrap());
    gateway.send(balance).await.expect(200);
    set(PASSWORD, true).await.unwrap();
    let token = gateway.log_in("warung").await;
    gateway.send(get("/api/v1/api-keys").by(&token)).await.expect(200);
}
