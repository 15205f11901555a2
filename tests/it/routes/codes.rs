//! One-time codes: asked for, sent, used once, for what they were asked for.

use hyper::Method;
use serde_json::{Value, json};

use super::strict;
use crate::edr;
use crate::support::{
    Answer, Ask, PASSWORD, People, START_TEXT, TestGateway, ask, get, post, settings,
};
use gerbang::gateway::Settings;
use gerbang::gateway::codes::policy::{From, Policy};
use gerbang::ledger::money::Amount;

const ASK: &str = "/api/v1/auth/otp";
pub(super) const PAY: &str = "/api/v1/payments";
pub(super) const OUT: &str = "/api/v1/withdrawals";
const APP: &str = "/api/v1/auth/totp";

/// Codes are asked for from Rp1.000 on.
fn strict_settings() -> Settings {
    let from = From::Amount(Amount::new(1_000).unwrap());
    Settings {
        codes: Policy { payments: from, bills: from, withdrawals: from, ..Policy::NEVER },
        ..settings()
    }
}

/// Everybody, with banks, and Rp1.000.000 in ani's wallet.
pub(super) async fn town() -> (TestGateway, People) {
    edr::edr_with(strict_settings()).await
}

pub(super) fn payment(to: &str, amount: u64) -> Value {
    json!({"to": to, "amount": amount})
}

pub(super) fn for_payment(to: &str, amount: u64) -> Value {
    json!({"operation": "payment", "to": to, "amount": amount})
}

/// The code that ani was sent for this.
pub(super) async fn code(gateway: &TestGateway, token: &str, what: &Value) -> String {
    gateway.send(post(ASK, what).by(token)).await.expect(202);
    loop {
        // What ani was told before it has no code.
        let (code, _) = last(gateway).await;
        if !code.is_empty() {
            return code;
        }
    }
}

/// The last code that ani was sent, and the whole text. It is on its way when its answer is out.
async fn last(gateway: &TestGateway) -> (String, String) {
    last_of(gateway, "ani").await
}

pub(super) async fn last_of(gateway: &TestGateway, name: &str) -> (String, String) {
    for _ in 0..10_000 {
        if let Some(sent) = gateway.phones.lock().unwrap().remove(name) {
            return sent;
        }
        tokio::task::yield_now().await;
    }
    panic!("no code was sent");
}

pub(super) async fn pay(
    gateway: &TestGateway,
    token: &str,
    code: &str,
    to: &str,
    amount: u64,
) -> Answer {
    gateway.send(post(PAY, &payment(to, amount)).by(token).header("x-otp", code)).await
}

/// Six digits that are not these.
pub(super) fn other_than(code: &str) -> String {
    let last = if code.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &code[..5])
}

#[tokio::test]
async fn a_payment_from_the_amount_on_needs_its_code() {
    let (gateway, people) = town().await;
    let ani = &people.ani;
    pay(&gateway, ani, "", "budi", 999).await.expect(201);
    let before = gateway.position();
    let without = gateway.send(post(PAY, &payment("budi", 1_000)).by(ani)).await;
    without.refused(401, "otp_required");
    assert_eq!(gateway.position(), before);

    let issued = gateway.send(post(ASK, &for_payment("Budi", 1_000)).by(ani)).await.expect(202);
    assert!(issued["otp_id"].as_str().unwrap().starts_with("otp_"), "{issued}");
    assert_eq!(issued["expires_at"], START_TEXT.replace("18:06:40", "18:11:40"));
    assert_eq!(issued["channel"], "phone");
    let (right, text) = last(&gateway).await;
    assert!(text.contains("pay Rp1.000 to budi (Nama budi)") && text.contains(&right), "{text}");
    pay(&gateway, ani, &right, "budi", 1_000).await.expect(201);
    pay(&gateway, ani, &right, "budi", 1_000).await.refused(401, "otp_invalid");
    assert_eq!(gateway.balance(ani).await, 1_000_000 - 1_999);
}

#[tokio::test]
async fn in_the_header_or_in_the_body_but_not_two() {
    let (gateway, people) = town().await;
    let right = code(&gateway, &people.ani, &for_payment("budi", 1_000)).await;
    let mut body = payment("budi", 1_000);
    body["otp"] = json!(right);
    let differs = post(PAY, &body).by(&people.ani).header("x-otp", &other_than(&right));
    gateway.send(differs).await.names("otp");
    gateway.send(post(PAY, &body).by(&people.ani).header("x-otp", &right)).await.expect(201);
    let right = code(&gateway, &people.ani, &for_payment("budi", 1_000)).await;
    body["otp"] = json!(right);
    gateway.send(post(PAY, &body).by(&people.ani)).await.expect(201);
    for wrong in ["", "12345", "1234567", "abcdef", "12 456"] {
        body["otp"] = json!(wrong);
        gateway.send(post(PAY, &body).by(&people.ani)).await.refused(401, "otp_invalid");
    }
    assert_eq!(gateway.balance(&people.ani).await, 998_000);
}

#[tokio::test]
async fn a_code_for_one_movement_is_burnt_by_another() {
    let (gateway, people) = town().await;
    let ani = &people.ani;
    for (to, amount) in [("warung", 1_000), ("budi", 1_001), ("budi", 5_000_000)] {
        let right = code(&gateway, ani, &for_payment("budi", 1_000)).await;
        pay(&gateway, ani, &right, to, amount).await.refused(401, "otp_invalid");
        pay(&gateway, ani, &right, "budi", 1_000).await.refused(401, "otp_invalid");
    }
    let out = json!({"amount": 1_000, "bank_code": "009", "account_number": "0115471119"});
    let mut what = out.clone();
    what["operation"] = json!("withdrawal");
    let right = code(&gateway, ani, &what).await;
    let mut other = out.clone();
    other["account_number"] = json!("0115471118");
    let sent = |body: &Value, code: &str| post(OUT, body).by(ani).header("x-otp", code);
    gateway.send(sent(&other, &right)).await.refused(401, "otp_invalid");
    gateway.send(sent(&out, &right)).await.refused(401, "otp_invalid");
    assert_eq!(gateway.balance(ani).await, 1_000_000);
    let right = code(&gateway, ani, &what).await;
    gateway.send(sent(&out, &right)).await.expect(202);
    // Somebody else's code is nobody's.
    let right = code(&gateway, ani, &for_payment("budi", 1_000)).await;
    pay(&gateway, &people.warung, &right, "budi", 1_000).await.refused(401, "otp_invalid");
    pay(&gateway, ani, &right, "budi", 1_000).await.expect(201);
}

#[tokio::test]
async fn five_tries_and_the_right_one_comes_too_late() {
    let (gateway, people) = town().await;
    let right = code(&gateway, &people.ani, &for_payment("budi", 1_000)).await;
    for _ in 0..5 {
        let wrong = pay(&gateway, &people.ani, &other_than(&right), "budi", 1_000).await;
        wrong.refused(401, "otp_invalid");
    }
    pay(&gateway, &people.ani, &right, "budi", 1_000).await.refused(401, "otp_invalid");
    assert_eq!(gateway.balance(&people.ani).await, 1_000_000);
}

#[tokio::test]
async fn five_minutes_and_a_new_one_kills_the_old() {
    let (gateway, people) = town().await;
    let right = code(&gateway, &people.ani, &for_payment("budi", 1_000)).await;
    gateway.at(300);
    pay(&gateway, &people.ani, &right, "budi", 1_000).await.refused(401, "otp_expired");
    let old = code(&gateway, &people.ani, &for_payment("budi", 1_000)).await;
    let new = code(&gateway, &people.ani, &for_payment("budi", 1_000)).await;
    if old != new {
        pay(&gateway, &people.ani, &old, "budi", 1_000).await.refused(401, "otp_invalid");
    }
    pay(&gateway, &people.ani, &new, "budi", 1_000).await.expect(201);
}

#[tokio::test]
async fn ten_codes_a_day_after_a_restart_too() {
    let (gateway, people) = town().await;
    let what = for_payment("budi", 1_000);
    for _ in 0..9 {
        code(&gateway, &people.ani, &what).await;
    }
    let right = code(&gateway, &people.ani, &what).await;
    for _ in 0..3 {
        pay(&gateway, &people.ani, &other_than(&right), "budi", 1_000).await;
    }
    let gateway = gateway.reopened();
    let eleventh = gateway.send(post(ASK, &what).by(&people.ani)).await;
    eleventh.refused(429, "rate_limited");
    // From 18:06:40 on: to midnight, by the minute.
    assert_eq!(eleventh.header("retry-after"), Some("21240"));
    for _ in 0..2 {
        pay(&gateway, &people.ani, &other_than(&right), "budi", 1_000).await;
    }
    pay(&gateway, &people.ani, &right, "budi", 1_000).await.refused(401, "otp_invalid");
    gateway.at(6 * 3_600);
    gateway.send(post(ASK, &what).by(&people.ani)).await.expect(202);
}

#[tokio::test]
async fn used_before_a_restart_is_used_and_live_is_live() {
    let (gateway, people) = town().await;
    let used = code(&gateway, &people.ani, &for_payment("budi", 1_000)).await;
    pay(&gateway, &people.ani, &used, "budi", 1_000).await.expect(201);
    let gateway = gateway.reopened();
    pay(&gateway, &people.ani, &used, "budi", 1_000).await.refused(401, "otp_invalid");
    let live = code(&gateway, &people.ani, &for_payment("budi", 1_000)).await;
    let gateway = gateway.reopened();
    pay(&gateway, &people.ani, &live, "budi", 1_000).await.expect(201);
}

#[tokio::test]
async fn of_many_uses_at_once_one_succeeds() {
    let (gateway, people) = town().await;
    for _ in 0..8 {
        let right = code(&gateway, &people.ani, &for_payment("budi", 1_000)).await;
        let uses = (0..8).map(|_| pay(&gateway, &people.ani, &right, "budi", 1_000));
        let answers = futures_util::future::join_all(uses).await;
        let done = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(done, 1);
        answers.iter().filter(|answer| answer.status != 201).for_each(|answer| {
            answer.refused(401, "otp_invalid");
        });
    }
    assert_eq!(gateway.balance(&people.ani).await, 992_000);
}

#[tokio::test]
async fn a_replay_needs_no_code() {
    let (gateway, people) = town().await;
    let right = code(&gateway, &people.ani, &for_payment("budi", 1_000)).await;
    let request = || post(PAY, &payment("budi", 1_000)).by(&people.ani).key("sekali");
    let first = gateway.send(request().header("x-otp", &right)).await;
    first.expect(201);
    gateway.send(request()).await.replays(&first);
    gateway.send(request().header("x-otp", &right)).await.replays(&first);
    gateway.send(request().header("x-otp", "000000")).await.replays(&first);
    let other = post(PAY, &payment("budi", 2_000)).by(&people.ani).key("sekali");
    gateway.send(other).await.refused(409, "reference_reused");
    let gateway = gateway.reopened();
    gateway.send(request()).await.replays(&first);
}

#[tokio::test]
async fn who_is_trusted_with_others_money_owes_no_code() {
    let (gateway, people) = town().await;
    let line = r#"{"from":"ani","to":"warung","amount":5000}"#;
    let batch = crate::support::raw("/api/v1/payments/batch", "application/x-ndjson", line);
    let answer = gateway.send(batch.by(&people.kasir)).await;
    assert!(answer.text.contains("\"status\":\"posted\""), "{}", answer.text);
    pay(&gateway, &people.kasir, "", "warung", 5_000).await.expect(201);
}

#[tokio::test]
async fn what_a_code_is_asked_for_is_checked() {
    let (gateway, people) = town().await;
    strict(&gateway, &people.ani, ASK, &for_payment("budi", 1), &["operation", "to", "amount"])
        .await;
    let out = json!({"operation": "withdrawal", "amount": 1, "bank_code": "009",
        "account_number": "0115471119"});
    strict(&gateway, &people.ani, ASK, &out, &["amount", "bank_code", "account_number"]).await;
    let with = |base: &Value, field: &str, value: Value| {
        let mut body = base.clone();
        body[field] = value;
        post(ASK, &body).by(&people.ani)
    };
    let before = gateway.position();
    let pay = for_payment("budi", 1);
    for field in ["bill", "bank_code", "account_number"] {
        gateway.send(with(&pay, field, json!("009"))).await.names(field);
    }
    gateway.send(with(&out, "to", json!("budi"))).await.names("to");
    gateway.send(with(&pay, "operation", json!("refund"))).await.names("operation");
    gateway.send(with(&pay, "currency", json!("USD"))).await.names("currency");
    let nobody = gateway.send(with(&pay, "to", json!("siapa"))).await;
    nobody.refused(404, "recipient_not_found");
    let bill = json!({"operation": "bill", "bill": "bil_1"});
    gateway.send(post(ASK, &bill).by(&people.ani)).await.refused(404, "not_found");
    assert_eq!(gateway.position(), before);
}

/// A secret as an app holds it.
pub(super) fn of_base32(text: &str) -> Vec<u8> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for digit in text.chars() {
        bits = bits << 5 | u32::try_from(ALPHABET.find(digit).unwrap()).unwrap();
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap());
        }
    }
    bytes
}

/// What an app shows so many seconds after the start, found by trying all of them out.
pub(super) fn shown(secret: &[u8], gateway: &TestGateway) -> String {
    let now = gateway.clock.now();
    let step = u64::try_from(now.seconds() / 30).unwrap();
    let codes = (0..1_000_000).map(|number| format!("{number:06}"));
    let key = |code: &String| gerbang::identity::totp::step_of(secret, code, now) == Some(step);
    codes.into_iter().find(key).unwrap()
}

async fn enrolled(gateway: &TestGateway, token: &str) -> Vec<u8> {
    let right = code(gateway, token, &json!({"operation": "enrol_authenticator"})).await;
    let body = json!({"password": PASSWORD, "code": right});
    let made = gateway.send(post(APP, &body).by(token)).await.expect(201);
    let text = made["secret"].as_str().unwrap();
    let uri = format!(
        "otpauth://totp/Gerbang:ani?secret={text}&issuer=Gerbang&algorithm=SHA1&digits=6&period=30"
    );
    assert_eq!(made["otpauth_url"], uri);
    of_base32(text)
}

pub(super) fn confirm(token: &str, code: &str) -> Ask {
    post(&format!("{APP}/confirm"), &json!({"code": code})).by(token)
}

#[tokio::test]
async fn an_app_shows_codes_that_count_once_each() {
    let (gateway, people) = town().await;
    let ani = &people.ani;
    let secret = enrolled(&gateway, ani).await;
    let first = shown(&secret, &gateway);
    pay(&gateway, ani, &first, "budi", 1_000).await.refused(401, "otp_invalid");
    gateway.send(confirm(ani, &other_than(&first))).await.refused(401, "otp_invalid");
    assert_eq!(gateway.send(confirm(ani, &first)).await.status, 204);
    gateway.send(confirm(ani, &first)).await.refused(409, "conflict");
    let wrong = post(APP, &json!({"password": "kata-sandi-salah"})).by(ani);
    gateway.send(wrong).await.refused(401, "invalid_credentials");
    let again = post(APP, &json!({"password": PASSWORD})).by(ani);
    gateway.send(again).await.refused(401, "otp_required");
    pay(&gateway, ani, &first, "budi", 1_000).await.refused(401, "otp_invalid");
    gateway.at(30);
    let second = shown(&secret, &gateway);
    let gateway = gateway.reopened();
    pay(&gateway, ani, &second, "budi", 1_000).await.expect(201);
    pay(&gateway, ani, &second, "budi", 1_000).await.refused(401, "otp_invalid");
    // A code that was sent goes on working beside it.
    let sent = code(&gateway, ani, &for_payment("budi", 1_000)).await;
    pay(&gateway, ani, &sent, "budi", 1_000).await.expect(201);
    let gateway = gateway.reopened();
    pay(&gateway, ani, &second, "budi", 1_000).await.refused(401, "otp_invalid");
    gateway.at(60);
    gateway.send(ask("DELETE", APP).by(ani)).await.refused(401, "otp_required");
    let third = shown(&secret, &gateway);
    let gone = gateway.send(ask("DELETE", APP).by(ani).header("x-otp", &third)).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    gateway
        .send(ask("DELETE", APP).by(ani).header("x-otp", &third))
        .await
        .refused(404, "not_found");
}

/// The last thing that ani was told of, in the log and by the sender.
async fn told(gateway: &TestGateway, ani: &str, kind: &str) -> (String, String) {
    let list = gateway.send(get("/api/v1/notifications").by(ani)).await.expect(200);
    assert_eq!(list["data"][0]["type"], kind, "{list}");
    last(gateway).await
}

#[tokio::test]
async fn a_password_alone_neither_adds_nor_removes_an_app() {
    let (gateway, people) = town().await;
    let ani = &people.ani;
    let with = |code: &str| post(APP, &json!({"password": PASSWORD, "code": code})).by(ani);
    let before = gateway.position();
    let alone = post(APP, &json!({"password": PASSWORD})).by(ani);
    gateway.send(alone).await.refused(401, "otp_required");
    assert_eq!(gateway.position(), before);
    // A code for something else is none for this, nor the other way round.
    let enrol = json!({"operation": "enrol_authenticator"});
    let remove = json!({"operation": "remove_authenticator"});
    for other in [&for_payment("budi", 1_000), &remove] {
        let wrong = code(&gateway, ani, other).await;
        gateway.send(with(&wrong)).await.refused(401, "otp_invalid");
    }
    gateway.send(post(ASK, &enrol).by(ani)).await.expect(202);
    let (right, text) = last(&gateway).await;
    assert!(text.contains("let an authenticator app show codes for your account"), "{text}");
    pay(&gateway, ani, &right, "budi", 1_000).await.refused(401, "otp_invalid");
    let mut wrong = enrol.clone();
    wrong["to"] = json!("budi");
    gateway.send(post(ASK, &wrong).by(ani)).await.names("to");

    let secret = enrolled(&gateway, ani).await;
    gateway.send(confirm(ani, &shown(&secret, &gateway))).await;
    let (none, text) = told(&gateway, ani, "authenticator_added").await;
    assert!(none.is_empty() && text.contains("shows codes for your account"), "{text}");
    // Another app for a code of this one.
    gateway.at(60);
    let body = json!({"password": PASSWORD, "code": shown(&secret, &gateway)});
    let made = gateway.send(post(APP, &body).by(ani)).await.expect(201);
    let other = of_base32(made["secret"].as_str().unwrap());
    gateway.at(120);
    let replaced = shown(&secret, &gateway);
    pay(&gateway, ani, &replaced, "budi", 1_000).await.refused(401, "otp_invalid");
    assert_eq!(gateway.send(confirm(ani, &shown(&other, &gateway))).await.status, 204);
    told(&gateway, ani, "authenticator_added").await;

    let gone = |password: Option<&str>, code: &str| {
        let body = json!({"password": password, "code": code});
        gateway.send(post(APP, &body).method(Method::DELETE).by(ani))
    };
    let sent = code(&gateway, ani, &remove).await;
    gone(None, &sent).await.refused(401, "otp_invalid");
    gone(Some("kata-sandi-salah"), &sent).await.refused(401, "invalid_credentials");
    assert_eq!(gone(Some(PASSWORD), &sent).await.status, 204);
    told(&gateway, ani, "authenticator_removed").await;
    gone(Some(PASSWORD), &sent).await.refused(404, "not_found");
}

#[tokio::test]
async fn an_app_is_closed_after_five_wrong_codes() {
    let (gateway, people) = town().await;
    let ani = &people.ani;
    let secret = enrolled(&gateway, ani).await;
    let first = shown(&secret, &gateway);
    assert_eq!(gateway.send(confirm(ani, &first)).await.status, 204);
    gateway.at(90);
    let right = shown(&secret, &gateway);
    for _ in 0..5 {
        pay(&gateway, ani, &first, "budi", 1_000).await.refused(401, "otp_invalid");
    }
    let locked = pay(&gateway, ani, &right, "budi", 1_000).await;
    locked.refused(429, "rate_limited");
    assert_eq!(locked.header("retry-after"), Some("10800"));
    let sent = code(&gateway, ani, &for_payment("budi", 1_000)).await;
    pay(&gateway, ani, &sent, "budi", 1_000).await.expect(201);
    gateway.at(90 + 3 * 3_600);
    let token = gateway.log_in("ani").await;
    let right = shown(&secret, &gateway);
    pay(&gateway, &token, &right, "budi", 1_000).await.expect(201);
}

#[tokio::test]
async fn metrics_count_what_happens_to_codes() {
    let (gateway, people) = town().await;
    let right = code(&gateway, &people.ani, &for_payment("budi", 1_000)).await;
    pay(&gateway, &people.ani, &other_than(&right), "budi", 1_000).await;
    pay(&gateway, &people.ani, &right, "budi", 1_000).await.expect(201);
    let metrics = gateway.send(get("/metrics")).await.text;
    for event in ["issued", "sent", "tried", "used"] {
        let line = format!("gerbang_codes_total{{event=\"{event}\"}} 1");
        assert!(metrics.contains(&line), "{event}: {metrics}");
    }
}
