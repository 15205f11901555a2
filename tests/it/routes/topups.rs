//! Money from outside: announced, found, credited; by an administrator, and by two.

use serde_json::{Value, json};

use super::{keys, strict};
use crate::support::{Answer, People, START_TEXT, TestGateway, ask, funded, get, id, post};

const ANNOUNCE: &str = "/api/v1/topups/bank-transfer";
const ADMIN: &str = "/api/v1/admin/topups";

fn announcement() -> Value {
    json!({"amount": 50_000, "sender_bank_code": "014", "sender_name": "ANI LESTARI"})
}

async fn announced(gateway: &TestGateway, people: &People) -> Answer {
    gateway.send(post(ANNOUNCE, &announcement()).by(&people.ani).key("t-1")).await
}

fn requested(position: u64) -> Value {
    json!({
        "id": id("top", position), "status": "awaiting_validation", "to": "ani",
        "amount": 50_000, "currency": "IDR", "channel": "bank_transfer",
        "sender_bank_code": "014", "sender_name": "ANI LESTARI", "reference": "t-1",
        "position": position, "created_at": START_TEXT,
    })
}

#[tokio::test]
async fn an_announced_top_up_waits_and_is_credited_once() {
    let (gateway, people) = funded().await;
    let answer = announced(&gateway, &people).await;
    let position = answer.position();
    let expected = requested(position);
    answer.is(201, &expected);
    assert_eq!(gateway.balance(&people.ani).await, 1_000_000, "nothing is credited yet");
    let list = json!({"data": [expected], "next_cursor": null});
    gateway.send(get(ADMIN).by(&people.admin)).await.is(200, &list);

    let path = format!("{ADMIN}/{}/approve", id("top", position));
    let approve = |token: &str, key: &str| gateway.send(post(&path, &json!({})).by(token).key(key));
    let approved = approve(&people.admin, "a-1").await;
    let mut settled = expected;
    settled["status"] = json!("settled");
    let mut answered = settled.clone();
    answered["reference"] = json!("a-1");
    answered["balance_after"] = json!(1_050_000);
    answered["position"] = json!(position + 1);
    approved.is(201, &answered);
    approve(&people.admin, "a-1").await.replays(&approved);
    let late = approve(&people.second, "a-2").await;
    let problem = late.refused(409, "conflict");
    assert_eq!(problem["position"], gateway.position());
    assert_eq!(gateway.balance(&people.ani).await, 1_050_000);
    gateway
        .send(get(ADMIN).by(&people.admin))
        .await
        .is(200, &json!({"data": [], "next_cursor": null}));
    let mine = gateway.send(get("/api/v1/topups").by(&people.ani)).await.expect(200);
    assert_eq!(mine["data"][0], settled);
    assert_eq!(mine["data"][1]["channel"], "admin");
    // The first answer again, whatever became of the request since.
    announced(&gateway, &people).await.replays(&answer);
}

#[tokio::test]
async fn a_rejected_top_up_says_why_to_its_owner() {
    let (gateway, people) = funded().await;
    let position = announced(&gateway, &people).await.position();
    let path = format!("{ADMIN}/{}/reject", id("top", position));
    let body = json!({"reason": "tidak ada mutasi"});
    let rejected = gateway.send(post(&path, &body).by(&people.admin).key("x")).await;
    let mut expected = requested(position);
    expected["status"] = json!("rejected");
    expected["position"] = json!(position + 1);
    rejected.is(201, &expected);
    gateway.send(post(&path, &body).by(&people.admin).key("x")).await.replays(&rejected);
    gateway.send(post(&path, &body).by(&people.second)).await.refused(409, "conflict");
    let other = json!({"reason": "lain"});
    let reused = post(&path, &other).by(&people.admin).key("x");
    gateway.send(reused).await.refused(409, "reference_reused");
    let told = gateway.send(get("/api/v1/notifications").by(&people.ani)).await.expect(200);
    assert_eq!(told["data"][0]["type"], "top_up_rejected");
    assert_eq!(told["data"][0]["reason"], "tidak ada mutasi");
    for wrong in [
        json!({}),
        json!({"reason": ""}),
        json!({"reason": " "}),
        json!({"reason": 1}),
        json!({"reason": "a\nb"}),
        json!({"reason": "x".repeat(256)}),
    ] {
        gateway.send(post(&path, &wrong).by(&people.admin)).await.names("reason");
    }
    assert_eq!(gateway.balance(&people.ani).await, 1_000_000);
}

#[tokio::test]
async fn an_approval_takes_a_reference_in_its_body() {
    let (gateway, people) = funded().await;
    let position = announced(&gateway, &people).await.position();
    let path = format!("{ADMIN}/{}/approve", id("top", position));
    let unknown = post(&path, &json!({"amount": 99})).by(&people.admin);
    gateway.send(unknown).await.names("amount");
    let body = json!({"reference": "b-1"});
    let first = gateway.send(post(&path, &body).by(&people.admin)).await;
    assert_eq!(first.expect(201)["reference"], "b-1");
    gateway.send(post(&path, &body).by(&people.admin)).await.replays(&first);
    // Without a body it is an approval too.
    let bare = ask("POST", &path).by(&people.admin).key("b-1");
    gateway.send(bare).await.replays(&first);
}

#[tokio::test]
async fn what_is_wrong_with_an_announcement_is_named() {
    let (gateway, people) = funded().await;
    let required = ["amount", "sender_bank_code", "sender_name"];
    strict(&gateway, &people.ani, ANNOUNCE, &announcement(), &required).await;
    for (field, value) in [
        ("sender_bank_code", json!("14")),
        ("sender_bank_code", json!("01a")),
        ("sender_bank_code", json!("０１４")),
        ("sender_name", json!(" ")),
        ("sender_name", json!("x".repeat(101))),
        ("sender_name", json!("a\r\nb")),
        ("currency", json!("USD")),
        ("to", json!("budi")),
    ] {
        let mut body = announcement();
        body[field] = value;
        gateway.send(post(ANNOUNCE, &body).by(&people.ani)).await.names(field);
    }
    let mut other = announcement();
    other["amount"] = json!(1);
    keys(&gateway, &people.ani, ANNOUNCE, &announcement(), &other).await;
}

#[tokio::test]
async fn an_administrator_credits_small_sums_alone() {
    let (gateway, people) = funded().await;
    let body = json!({"to": "Budi", "amount": 5_000_000, "note": "saldo awal", "reference": "k"});
    let answer = gateway.send(post(ADMIN, &body).by(&people.admin)).await;
    let position = answer.position();
    answer.is(
        201,
        &json!({
            "id": id("top", position), "status": "settled", "to": "budi", "amount": 5_000_000,
            "currency": "IDR", "channel": "admin", "note": "saldo awal", "reference": "k",
            "balance_after": 5_000_000, "position": position, "created_at": START_TEXT,
        }),
    );
    strict(&gateway, &people.admin, ADMIN, &body, &["to", "amount"]).await;
    let (good, other) = (json!({"to": "budi", "amount": 1}), json!({"to": "ani", "amount": 1}));
    keys(&gateway, &people.second, ADMIN, &good, &other).await;
    let nobody = json!({"to": "siapa", "amount": 1});
    let answer = gateway.send(post(ADMIN, &nobody).by(&people.admin)).await;
    answer.refused(404, "recipient_not_found");
    let full = json!({"to": "budi", "amount": 5_000_000});
    for _ in 0..2 {
        gateway.fund(&people, "budi", 5_000_000).await;
    }
    // Alone again on another day.
    gateway.at(6 * 3_600);
    let admin = gateway.log_in("admin").await;
    gateway.send(post(ADMIN, &full).by(&admin)).await.refused(422, "limit_exceeded");
}

#[tokio::test]
async fn big_sums_take_two_administrators() {
    let (gateway, people) = funded().await;
    let body = json!({"to": "budi", "amount": 5_000_001, "note": "besar"});
    let asked = gateway.send(post(ADMIN, &body).by(&people.admin)).await;
    let request = asked.expect(201);
    assert_eq!(request["status"], "awaiting_validation");
    assert_eq!((&request["channel"], &request["note"]), (&json!("admin"), &json!("besar")));
    assert_eq!(gateway.balance(&people.budi).await, 0);
    let path = format!("{ADMIN}/{}/approve", request["id"].as_str().unwrap());
    let own = gateway.send(post(&path, &json!({})).by(&people.admin)).await;
    own.refused(403, "forbidden");
    let approved = gateway.send(post(&path, &json!({})).by(&people.second)).await.expect(201);
    assert_eq!((&approved["id"], &approved["status"]), (&request["id"], &json!("settled")));
    assert_eq!(approved["channel"], "admin");
    assert_eq!(gateway.balance(&people.budi).await, 5_000_001);
}

#[tokio::test]
async fn ten_approvals_at_once_credit_once() {
    let (gateway, people) = funded().await;
    let position = announced(&gateway, &people).await.position();
    let path = format!("{ADMIN}/{}/approve", id("top", position));
    let body = json!({});
    let asked = (0..10).map(|_| gateway.send(post(&path, &body).by(&people.admin)));
    let answers = futures_util::future::join_all(asked).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert_eq!(gateway.balance(&people.ani).await, 1_050_000);
}

#[tokio::test]
async fn what_waits_is_read_in_pages_oldest_first() {
    let (gateway, people) = funded().await;
    let mut waiting = Vec::new();
    for number in 0..25 {
        let who = if number < 20 { &people.ani } else { &people.budi };
        let asked = gateway.send(post(ANNOUNCE, &announcement()).by(who)).await;
        waiting.push(asked.expect(201)["id"].clone());
    }
    let more = gateway.send(post(ANNOUNCE, &announcement()).by(&people.ani)).await;
    more.refused(429, "rate_limited");
    let page = |query: &str| gateway.send(get(&format!("{ADMIN}{query}")).by(&people.admin));
    let ids = |page: &Value| -> Vec<Value> {
        page["data"].as_array().unwrap().iter().map(|line| line["id"].clone()).collect()
    };
    let first = page("").await.expect(200);
    assert_eq!(ids(&first), waiting[..20]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = page(&format!("?cursor={cursor}")).await.expect(200);
    assert_eq!((ids(&rest), &rest["next_cursor"]), (waiting[20..].to_vec(), &Value::Null));
    let all = page("?limit=25").await.expect(200);
    assert_eq!((ids(&all), &all["next_cursor"]), (waiting, &Value::Null));
    for (query, field) in [("limit=0", "limit"), ("cursor=x", "cursor"), ("to=x", "to")] {
        page(&format!("?{query}")).await.names(field);
    }
}

#[tokio::test]
async fn what_is_no_request_is_not_found() {
    let (gateway, people) = funded().await;
    let position = announced(&gateway, &people).await.position();
    for wrong in
        [id("top", 1), id("top", position - 1), id("top", 99), id("pay", position), "x".into()]
    {
        for (action, body) in [("approve", json!({})), ("reject", json!({"reason": "x"}))] {
            let path = format!("{ADMIN}/{wrong}/{action}");
            gateway.send(post(&path, &body).by(&people.admin)).await.refused(404, "not_found");
        }
    }
}

#[tokio::test]
async fn many_top_ups_of_one_administrator_add_up_to_a_day() {
    let gateway = TestGateway::new();
    let people = gateway.people().await;
    let top_up = |to: &str, amount: u64, by: &str| {
        post("/api/v1/admin/topups", &json!({"to": to, "amount": amount})).by(by)
    };
    let adjust = |amount: u64, by: &str| {
        let body = json!({"direction": "out", "amount": amount, "reason": "x"});
        post("/api/v1/admin/users/budi/adjust", &body).by(by)
    };
    let status = async |ask| gateway.send(ask).await.expect(201)["status"].clone();
    // The limit of a day is Rp5.000.000.
    for _ in 0..4 {
        assert_eq!(status(top_up("budi", 1_000_000, &people.admin)).await, "settled");
    }
    let first = || top_up("budi", 999_000, &people.admin).key("sekali");
    assert_eq!(status(first()).await, "settled");
    assert_eq!(status(first()).await, "settled", "the same again is nothing more");
    assert_eq!(status(adjust(1_000, &people.admin)).await, "posted");
    gateway.send(adjust(1, &people.admin)).await.refused(403, "forbidden");
    let requested = gateway.send(top_up("budi", 1, &people.admin)).await.expect(201);
    assert_ne!(requested["status"], "settled", "{requested}");
    assert_eq!(status(first()).await, "settled");
    assert_eq!(status(top_up("budi", 1_000_000, &people.second)).await, "settled");
    let announce = json!({"amount": 5_000, "sender_bank_code": "014", "sender_name": "ANI"});
    let announce = post("/api/v1/topups/bank-transfer", &announce).by(&people.ani);
    let announced = id("top", gateway.send(announce).await.position());
    let approve =
        |by: &str| ask("POST", &format!("/api/v1/admin/topups/{announced}/approve")).by(by);
    gateway.send(approve(&people.admin)).await.refused(403, "forbidden");
    gateway.send(approve(&people.second)).await.expect(201);

    let gateway = gateway.reopened();
    let admin = &gateway.log_in("admin").await;
    gateway.send(adjust(1, admin)).await.refused(403, "forbidden");
    let second = &gateway.log_in("wakil").await;
    gateway.send(adjust(4_000_000, second)).await.refused(403, "forbidden");
    gateway.send(adjust(3_995_000, second)).await.expect(201);
    gateway.at(6 * 3_600);
    let admin = &gateway.log_in("admin").await;
    gateway.send(adjust(1, admin)).await.expect(201);
}
