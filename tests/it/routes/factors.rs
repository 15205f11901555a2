//! The second factor of administrators: at their login once they have it, and before all else where it
//! is demanded.

use serde_json::json;

use super::codes::{confirm, last_of, of_base32, other_than, shown};
use crate::support::{Answer, PASSWORD, TestGateway, get, post, settings};
use gerbang::gateway::Settings;
use gerbang::gateway::codes::policy::Policy;

const APP: &str = "/api/v1/auth/totp";
const KEYS: &str = "/api/v1/admin/api-keys";

/// Gives the administrator an app: its secret.
async fn enrolled(gateway: &TestGateway, token: &str) -> Vec<u8> {
    let ask = json!({"operation": "enrol_authenticator"});
    gateway.send(post("/api/v1/auth/otp", &ask).by(token)).await.expect(202);
    let code = last_of(gateway, "admin").await.0;
    let body = json!({"password": PASSWORD, "code": code});
    let made = gateway.send(post(APP, &body).by(token)).await.expect(201);
    let secret = of_base32(made["secret"].as_str().unwrap());
    let confirmed = gateway.send(confirm(token, &shown(&secret, gateway))).await;
    assert_eq!(confirmed.status, 204, "{}", confirmed.text);
    secret
}

async fn log_in(gateway: &TestGateway, code: Option<&str>) -> Answer {
    let body = json!({"login": "admin", "password": PASSWORD, "otp": code});
    gateway.send(post("/api/v1/auth/login", &body)).await
}

#[tokio::test]
async fn an_administrator_with_an_app_logs_in_with_a_code_of_it() {
    let gateway = TestGateway::new();
    let people = gateway.people().await;
    log_in(&gateway, None).await.expect(200);
    let secret = enrolled(&gateway, &people.admin).await;
    log_in(&gateway, None).await.refused(401, "otp_required");
    gateway.at(60);
    let code = shown(&secret, &gateway);
    log_in(&gateway, Some(&other_than(&code))).await.refused(401, "otp_invalid");
    log_in(&gateway, Some("")).await.refused(401, "otp_invalid");
    let gateway = gateway.reopened();
    let body = json!({"login": "admin", "password": PASSWORD});
    let header = post("/api/v1/auth/login", &body).header("x-otp", &code);
    let token = gateway.send(header).await.expect(200)["token"].as_str().unwrap().to_owned();
    gateway.send(get(KEYS).by(&token)).await.expect(200);
    log_in(&gateway, Some(&code)).await.refused(401, "otp_invalid");
    let wrong = json!({"login": "admin", "password": "kata-sandi-salah", "otp": code});
    let wrong = gateway.send(post("/api/v1/auth/login", &wrong)).await;
    wrong.refused(401, "invalid_credentials");
    // Whoever has none, and whoever is no administrator, goes on as before.
    gateway.log_in("wakil").await;
    gateway.log_in("ani").await;
}

#[tokio::test]
async fn where_it_is_demanded_an_administrator_does_nothing_before() {
    let codes = Policy { administrators: true, ..Policy::NEVER };
    let gateway = TestGateway::with(Settings { codes, ..settings() });
    let people = gateway.people().await;
    let keys = || gateway.send(get(KEYS).by(&people.admin));
    let refused = keys().await.refused(403, "forbidden");
    assert!(refused["detail"].as_str().unwrap().contains("authenticator"), "{refused}");
    let pay = post("/api/v1/payments", &json!({"to": "ani", "amount": 1})).by(&people.admin);
    gateway.send(pay).await.refused(403, "forbidden");
    gateway.send(get("/api/v1/me").by(&people.admin)).await.expect(200);
    gateway.send(get("/api/v1/balance").by(&people.ani)).await.expect(200);
    enrolled(&gateway, &people.admin).await;
    keys().await.expect(200);
    gateway.send(get(KEYS).by(&people.second)).await.refused(403, "forbidden");
}
