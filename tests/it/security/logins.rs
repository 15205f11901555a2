//! Guessing passwords, and honest people who are many.

use serde_json::json;

use crate::support::{Answer, PASSWORD, TestGateway, funded, get, login_of, post, put};
use gerbang::ledger::event::Role;

async fn log_in(gateway: &TestGateway, login: &str, password: &str) -> Answer {
    gateway.send(login_of(login, password)).await
}

/// Everything but what differs in any two answers.
fn told(answer: &Answer) -> (u16, String, Option<&str>) {
    (answer.status, answer.text.clone(), answer.header("retry-after"))
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_answered_alike() {
    let (gateway, _) = funded().await;
    // Until both have to wait, and then until both are locked or not.
    for second in [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 31, 62, 93, 1_000, 1_700] {
        gateway.at(second);
        let known = log_in(&gateway, "ani", "kata-sandi-salah").await;
        let unknown = log_in(&gateway, "siapa", "kata-sandi-salah").await;
        assert_eq!(told(&known), told(&unknown), "at {second}");
    }
}

#[tokio::test]
async fn ten_failures_lock_for_half_an_hour() {
    let (gateway, people) = funded().await;
    for failure in 0..10 {
        let answer = log_in(&gateway, "ani", "kata-sandi-salah").await;
        assert_eq!(answer.status, 401, "{failure}: {}", answer.text);
    }
    let eleventh = log_in(&gateway, "ani", PASSWORD).await;
    eleventh.refused(429, "rate_limited");
    assert_eq!(eleventh.header("retry-after"), Some("30"));
    // The name may be tried again, but the account is locked whatever the password.
    for second in [30, 60, 1_000, 1_799] {
        gateway.at(second);
        log_in(&gateway, "ani", PASSWORD).await.refused(401, "invalid_credentials");
        log_in(&gateway, "ani@contoh.id", PASSWORD).await.refused(401, "invalid_credentials");
    }
    gateway.send(get("/api/v1/me").by(&people.ani)).await.expect(200);
    let gateway = gateway.reopened();
    log_in(&gateway, "ani", PASSWORD).await.refused(401, "invalid_credentials");
    gateway.at(1_800);
    log_in(&gateway, "ani", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn failures_survive_a_restart_and_end_with_a_success() {
    let (gateway, people) = funded().await;
    for _ in 0..9 {
        log_in(&gateway, "ani", "kata-sandi-salah").await.refused(401, "invalid_credentials");
    }
    // What is answered after it stands behind it in the journal.
    let body = json!({"to": "warung", "amount": 1});
    gateway.send(post("/api/v1/payments", &body).by(&people.ani)).await.expect(201);
    let gateway = gateway.reopened();
    log_in(&gateway, "ani", "kata-sandi-salah").await.refused(401, "invalid_credentials");
    log_in(&gateway, "ani", PASSWORD).await.refused(401, "invalid_credentials");
    for _ in 0..9 {
        log_in(&gateway, "budi", "kata-sandi-salah").await;
    }
    log_in(&gateway, "budi", PASSWORD).await.expect(200);
    for _ in 0..9 {
        log_in(&gateway, "budi", "kata-sandi-salah").await.refused(401, "invalid_credentials");
    }
    log_in(&gateway, "budi", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn guesses_at_once_count_like_guesses_in_turn() {
    let (gateway, _) = funded().await;
    let guesses = (0..30).map(|_| log_in(&gateway, "ani", "kata-sandi-salah"));
    let answers = futures_util::future::join_all(guesses).await;
    assert!(answers.iter().all(|answer| matches!(answer.status, 401 | 429)));
    gateway.at(1_799);
    log_in(&gateway, "ani", PASSWORD).await.refused(401, "invalid_credentials");
}

const WRONG: &str = "kata-sandi-salah";

/// A login with what an earlier one gave.
async fn log_in_with(gateway: &TestGateway, device: &str, login: &str, password: &str) -> Answer {
    let body = json!({"login": login, "password": password, "device_token": device});
    gateway.send(post("/api/v1/auth/login", &body)).await
}

async fn device_of(gateway: &TestGateway, login: &str) -> String {
    let body = log_in(gateway, login, PASSWORD).await.expect(200);
    body["device_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn strangers_lock_nobody_out_who_is_known() {
    let (gateway, _) = funded().await;
    let device = device_of(&gateway, "ani").await;
    // From her own network, and until that has to wait.
    for _ in 0..10 {
        log_in(&gateway, "ani", WRONG).await.refused(401, "invalid_credentials");
    }
    for guess in 0..100 {
        log_in(&gateway, &format!("user{guess}"), WRONG).await;
    }
    log_in(&gateway, "budi", PASSWORD).await.refused(429, "rate_limited");
    let known = log_in_with(&gateway, &device, "ani", PASSWORD).await.expect(200);
    log_in_with(&gateway, &device, "ANI@contoh.id", PASSWORD).await.expect(200);
    let gateway = gateway.reopened();
    gateway.at(1_000);
    // They are locked out as before, whoever they are.
    log_in(&gateway, "ani", PASSWORD).await.refused(401, "invalid_credentials");
    let next = known["device_token"].as_str().unwrap();
    log_in_with(&gateway, next, "ani", PASSWORD).await.expect(200);
    log_in_with(&gateway, &device, "ani", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn who_is_known_may_guess_ten_times_as_well() {
    let (gateway, people) = funded().await;
    let device = device_of(&gateway, "ani").await;
    for round in 0..2 {
        for _ in 0..9 {
            let answer = log_in_with(&gateway, &device, "ani", WRONG).await;
            answer.refused(401, "invalid_credentials");
        }
        if round == 0 {
            log_in_with(&gateway, &device, "ani", PASSWORD).await.expect(200);
        }
    }
    // What was answered behind it stands behind it in the journal.
    let body = json!({"to": "warung", "amount": 1});
    gateway.send(post("/api/v1/payments", &body).by(&people.ani)).await.expect(201);
    let gateway = gateway.reopened();
    log_in_with(&gateway, &device, "ani", WRONG).await.refused(401, "invalid_credentials");
    for second in [0, 900, 1_799] {
        gateway.at(second);
        let locked = log_in_with(&gateway, &device, "ani", PASSWORD).await;
        locked.refused(429, "rate_limited");
        assert_eq!(locked.header("retry-after"), Some(&*(1_800 - second).to_string()));
    }
    // That is its own lock: without the token they are who they were.
    log_in(&gateway, "ani", PASSWORD).await.expect(200);
    gateway.at(1_800);
    log_in_with(&gateway, &device, "ani", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_known_login_gives_a_guesser_no_more_tries() {
    let (gateway, _) = funded().await;
    let device = device_of(&gateway, "ani").await;
    for _ in 0..9 {
        log_in(&gateway, "ani", WRONG).await.refused(401, "invalid_credentials");
    }
    log_in_with(&gateway, &device, "ani", PASSWORD).await.expect(200);
    log_in(&gateway, "ani", WRONG).await.refused(401, "invalid_credentials");
    gateway.at(1_799);
    log_in(&gateway, "ani", PASSWORD).await.refused(401, "invalid_credentials");
}

#[tokio::test]
async fn a_device_is_known_for_one_user_one_password_and_half_a_year() {
    let (gateway, people) = funded().await;
    let device = device_of(&gateway, "ani").await;
    let bearer = gateway.send(get("/api/v1/me").by(&device)).await;
    assert_eq!(bearer.refused(401, "invalid_token")["detail"], "jwt malformed");
    let budis = device_of(&gateway, "budi").await;
    for _ in 0..10 {
        log_in(&gateway, "ani", WRONG).await.refused(401, "invalid_credentials");
    }
    gateway.at(1_000);
    let cut = device.rsplit_once('.').unwrap().0;
    for strange in [budis.as_str(), people.ani.as_str(), cut, "", "x.y.z", &"x".repeat(5_000)] {
        let answer = log_in_with(&gateway, strange, "ani", PASSWORD).await;
        answer.refused(401, "invalid_credentials");
    }
    log_in_with(&gateway, &device, "siapa", PASSWORD).await.refused(401, "invalid_credentials");
    log_in_with(&gateway, &device, "ani", PASSWORD).await.expect(200);
    let half_a_year = gerbang::limits::DEVICE_TOKEN_SECONDS;
    gateway.at(half_a_year - 1_000);
    for _ in 0..10 {
        log_in(&gateway, "ani", WRONG).await.refused(401, "invalid_credentials");
    }
    log_in_with(&gateway, &device, "ani", PASSWORD).await.expect(200);
    gateway.at(half_a_year + 60);
    log_in_with(&gateway, &device, "ani", PASSWORD).await.refused(401, "invalid_credentials");
    // What was got with a password is dead with it.
    let device = device_of(&gateway, "budi").await;
    let token = gateway.log_in("budi").await;
    let new = "kata-sandi-yang-baru";
    let body = json!({"password": PASSWORD, "new_password": new});
    let changed = gateway.send(put("/api/v1/auth/password", &body).by(&token)).await.expect(200);
    for _ in 0..10 {
        log_in(&gateway, "budi", WRONG).await.refused(401, "invalid_credentials");
    }
    gateway.at(half_a_year + 1_000);
    log_in_with(&gateway, &device, "budi", new).await.refused(401, "invalid_credentials");
    let device = changed["device_token"].as_str().unwrap();
    log_in_with(&gateway, device, "budi", new).await.expect(200);
}

#[tokio::test]
async fn an_honest_crowd_is_not_held_up() {
    let gateway = TestGateway::new();
    let ani = gateway.user("ani", Role::Buyer).await;
    // One address, no failure: two thousand balances and three hundred logins.
    for _ in 0..2_000 {
        gateway.send(get("/api/v1/balance").by(&ani)).await.expect(200);
    }
    for _ in 0..300 {
        log_in(&gateway, "ani", PASSWORD).await.expect(200);
    }
    assert_eq!(gateway.position(), 2, "a login that succeeds is no entry");
}

#[tokio::test]
async fn a_guesser_of_many_names_is_stopped_and_others_pay_on() {
    let (gateway, people) = funded().await;
    let mut stopped = 0;
    for guess in 0..150 {
        let answer = log_in(&gateway, &format!("user{guess}"), "kata-sandi-salah").await;
        stopped += usize::from(answer.status == 429);
    }
    assert_eq!(stopped, 50, "a hundred failures of one address, then it waits");
    let body = json!({"to": "budi", "amount": 1});
    gateway.send(post("/api/v1/payments", &body).by(&people.ani)).await.expect(201);
}
