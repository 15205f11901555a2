//! The months' bills: by themselves, once, after a sleep and a restart too.

use std::sync::Arc;
use std::time::Duration;

use gerbang::engine::run_timers;
use gerbang::gateway::rent::{self, Rents};
use gerbang::ledger::time::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{Ask, TestGateway, ask, funded, get, post, put};

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// The warung lets A1 to ani from 20 November; it is the 18th.
async fn let_out() -> (TestGateway, String) {
    let (gateway, people) = funded().await;
    let send = |path: &'static str, body: Value| gateway.send(post(path, &body).by(&people.warung));
    let room = json!({"code": "A1", "rate": 100_000});
    send("/api/v1/admin/rooms", room).await.expect(201);
    let tenant = json!({"name": "Ani", "email": "ani@contoh.id", "username": "ani",
        "start_date": "2026-11-20", "room": "A1"});
    let tenant = send("/api/v1/admin/tenants", tenant).await.expect(201);
    assert_eq!(tenant["agreed"], false, "she has a wallet, so she is asked");
    let tenant = tenant["id"].as_str().unwrap().to_owned();
    agree(&gateway, &tenant, &people.ani).await;
    (gateway, tenant)
}

fn accept(tenant: &str, rate: u64, start: &str) -> Ask {
    let body = json!({"rate": rate, "start_date": start});
    post(&format!("/api/v1/tenancies/{tenant}/accept"), &body)
}

/// Agrees to what is shown.
async fn agree(gateway: &TestGateway, tenant: &str, token: &str) {
    let list = get_as(gateway, token, "/api/v1/tenancies").await;
    let row = list["data"].as_array().unwrap().iter().find(|row| row["id"] == tenant).unwrap();
    let (rate, start) = (row["rate"].as_u64().unwrap(), row["start_date"].as_str().unwrap());
    let accepted = gateway.send(accept(tenant, rate, start).by(token)).await.expect(200);
    assert_eq!(accepted["agreed"], true);
}

async fn get_as(gateway: &TestGateway, token: &str, path: &str) -> Value {
    gateway.send(get(path).by(token)).await.expect(200)
}

/// The periods ani was billed for, oldest first. Tokens do not live as long as these tests.
async fn billed(gateway: &TestGateway) -> Vec<String> {
    let ani = gateway.log_in("ani").await;
    let list = get_as(gateway, &ani, "/api/v1/bills?limit=100").await;
    let bills = list["data"].as_array().unwrap().iter().rev();
    bills.map(|bill| bill["period"].as_str().unwrap().to_owned()).collect()
}

async fn look(gateway: &TestGateway, rents: &mut Rents, now: &str) {
    gateway.clock.set(at(now));
    rents.look(&gateway.gateway, at(now)).await;
}

#[tokio::test]
async fn every_month_is_billed_once_whatever_the_clock_does() {
    let (gateway, tenant) = let_out().await;
    let mut rents = Rents::default();
    look(&gateway, &mut rents, "2026-11-19T23:59:59+07:00").await;
    assert!(billed(&gateway).await.is_empty());
    look(&gateway, &mut rents, "2026-11-20T00:00:00+07:00").await;
    assert_eq!(billed(&gateway).await, ["November 2026"]);
    // Slept over three firsts.
    look(&gateway, &mut rents, "2027-02-03T08:00:00+07:00").await;
    let four = ["November 2026", "Desember 2026", "Januari 2027", "Februari 2027"];
    assert_eq!(billed(&gateway).await, four);
    // Set back, forward again, and by somebody who knows nothing of it.
    look(&gateway, &mut rents, "2026-12-24T08:00:00+07:00").await;
    look(&gateway, &mut rents, "2027-02-04T08:00:00+07:00").await;
    look(&gateway, &mut Rents::default(), "2027-02-04T08:00:00+07:00").await;
    assert_eq!(billed(&gateway).await, four);
    let gateway = gateway.reopened();
    look(&gateway, &mut Rents::default(), "2027-02-05T08:00:00+07:00").await;
    assert_eq!(billed(&gateway).await, four);
    // Nothing for who has left; what is owed stays.
    let path = format!("/api/v1/admin/tenants/{tenant}");
    let token = gateway.log_in("warung").await;
    assert_eq!(gateway.send(ask("DELETE", &path).by(&token)).await.status, 204);
    look(&gateway, &mut Rents::default(), "2027-05-01T00:00:00+07:00").await;
    let ani = gateway.log_in("ani").await;
    assert_eq!(billed(&gateway).await, four);
    assert_eq!(get_as(&gateway, &ani, "/api/v1/bills/total").await["total"], 400_000);
}

#[tokio::test]
async fn twins_make_one_bill() {
    let gateway = let_out().await.0;
    let now = at("2027-01-15T00:00:00+07:00");
    gateway.clock.set(now);
    let mut twins: Vec<Rents> = (0..8).map(|_| Rents::default()).collect();
    let looks = twins.iter_mut().map(|rents| rents.look(&gateway.gateway, now));
    futures_util::future::join_all(looks).await;
    let three = ["November 2026", "Desember 2026", "Januari 2027"];
    assert_eq!(billed(&gateway).await, three);
}

#[tokio::test]
async fn a_months_bill_says_what_it_is_and_is_paid() {
    let gateway = let_out().await.0;
    let mut rents = Rents::default();
    look(&gateway, &mut rents, "2026-12-01T07:00:00+07:00").await;
    let ani = gateway.log_in("ani").await;
    let (warung, admin) = (gateway.log_in("warung").await, gateway.log_in("admin").await);
    let by = |ask: Ask| gateway.send(ask);
    let list = get_as(&gateway, &ani, "/api/v1/bills").await;
    let bill = &list["data"][0];
    for (field, value) in [
        ("name", json!("Sewa kamar A1")),
        ("description", json!("Sewa kamar A1, Desember 2026")),
        ("month", json!(12)),
        ("year", json!(2026)),
        ("room", json!("A1")),
        ("amount", json!(100_000)),
        ("formatted_amount", json!("Rp100.000")),
        ("status", json!("unpaid")),
        ("formatted_due", json!("10 Desember 2026 23.59 WIB")),
        ("from", json!("warung")),
        ("reference", json!("rent/0/2026-12")),
    ] {
        assert_eq!(bill[field], value, "{field}");
    }
    let id = bill["id"].as_str().unwrap();
    let english = get(&format!("/api/v1/bills/{id}")).header("accept-language", "en-GB");
    let english = by(english.by(&ani)).await.expect(200);
    assert_eq!(english["period"], "December 2026");
    assert_eq!(english["formatted_due"], "10 December 2026, 23:59 (GMT+7)");
    let pay = post(&format!("/api/v1/bills/{id}/pay"), &json!({"payment": "wallet"}));
    by(pay.by(&ani)).await.expect(201);

    let house = "/api/v1/admin/bills";
    let rows = |token: &str, query: &str| {
        let ask = get(&format!("{house}{query}")).by(token);
        async {
            let list = gateway.send(ask).await.expect(200);
            let rows = list["data"].as_array().unwrap().iter();
            rows.map(|row| (row["month"].clone(), row["status"].clone())).collect::<Vec<_>>()
        }
    };
    let (paid, unpaid) = ((json!(12), json!("paid")), (json!(11), json!("unpaid")));
    for token in [&warung, &admin] {
        assert_eq!(rows(token, "").await, [paid.clone(), unpaid.clone()]);
        assert_eq!(rows(token, "?month=11&year=2026&room=A1").await, std::slice::from_ref(&unpaid));
        assert_eq!(rows(token, "?status=paid").await, std::slice::from_ref(&paid));
        assert_eq!(rows(token, "?limit=1").await, std::slice::from_ref(&paid));
        assert!(rows(token, "?year=2027").await.is_empty());
        assert!(rows(token, "?room=A2").await.is_empty());
        let count = get_as(&gateway, token, "/api/v1/admin/bills/count").await;
        assert_eq!(count, json!({"total": 1}));
    }
    for (query, field) in [("?month=13", "month"), ("?year=x", "year"), ("?status=x", "status")] {
        by(get(&format!("{house}{query}")).by(&warung)).await.names(field);
    }
}

/// Every bill that a list of houses tells, page by page.
async fn paged(gateway: &TestGateway, token: &str, query: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = format!("/api/v1/admin/bills?{query}{cursor}");
        let page = get_as(gateway, token, &page).await;
        let rows = page["data"].as_array().unwrap();
        ids.extend(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

#[tokio::test]
async fn bills_of_several_houses_are_told_page_by_page() {
    let (gateway, people) = funded().await;
    gateway.user("kedai", gerbang::ledger::event::Role::Merchant).await;
    let kedai = gateway.log_in("kedai").await;
    let mut issued = Vec::new();
    for token in [&people.warung, &kedai] {
        let room = json!({"code": "A1", "rate": 100_000});
        gateway.send(post("/api/v1/admin/rooms", &room).by(token)).await.expect(201);
        let mut own = Vec::new();
        for number in 0..5 {
            let bill = json!({"name": format!("{number}"), "recipient": "ani", "amount": 1_000});
            let bill = gateway.send(post("/api/v1/bills", &bill).by(token)).await.expect(201);
            let id = bill["id"].as_str().unwrap().to_owned();
            if number % 2 == 0 {
                let pay = post(&format!("/api/v1/bills/{id}/pay"), &json!({"payment": "wallet"}));
                gateway.send(pay.by(&people.ani)).await.expect(201);
            }
            own.insert(0, id);
        }
        issued.push(own);
    }
    let all: Vec<String> = issued.concat();
    for limit in [1, 2, 3, 5, 7, 100] {
        let query = format!("limit={limit}");
        assert_eq!(paged(&gateway, &people.admin, &query).await, all, "one house after another");
        assert_eq!(paged(&gateway, &kedai, &query).await, issued[1]);
        let unpaid = paged(&gateway, &people.admin, &format!("{query}&status=unpaid")).await;
        assert_eq!(unpaid.len(), 4);
    }
    for wrong in ["x", "zz", "f", "0000000000000000", "+10000000000000001", "2ffffffffffffffff"] {
        let path = format!("/api/v1/admin/bills?cursor={wrong}");
        gateway.send(get(&path).by(&people.admin)).await.names("cursor");
    }
}

/// The task itself, in paused time: the clock is moved over three firsts while it runs.
#[tokio::test(start_paused = true)]
async fn the_task_bills_by_itself_and_distrusts_a_clock_that_jumps() {
    let gateway = let_out().await.0;
    gateway.clock.set(at("2026-11-30T23:59:58+07:00"));
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(rent::run(Arc::clone(&gateway.gateway), stopped));
    until(&gateway, 1).await;
    gateway.clock.set(at("2026-12-01T00:00:05+07:00"));
    until(&gateway, 2).await;
    gateway.clock.set(at("2027-03-01T00:00:00+07:00"));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(billed(&gateway).await.len(), 2, "it may be set right again");
    until(&gateway, 5).await;
    stop.send_replace(true);
    task.await.unwrap();
}

/// The clock went wrong while nothing ran: a restart believes it no sooner.
#[tokio::test(start_paused = true)]
async fn a_start_long_after_the_last_entry_bills_nothing_at_once() {
    let gateway = let_out().await.0;
    gateway.clock.set(at("2027-12-15T00:00:00+07:00"));
    let (stop, stopped) = watch::channel(false);
    let engine = gateway.gateway.engine().clone();
    let timers = tokio::spawn(run_timers(engine, stopped.clone()));
    let task = tokio::spawn(rent::run(Arc::clone(&gateway.gateway), stopped));
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(billed(&gateway).await.len(), 0, "it may be set right again");
    until(&gateway, 14).await;
    stop.send_replace(true);
    task.await.unwrap();
    timers.await.unwrap();
}

/// Until there are so many bills; the journal's thread knows nothing of paused time.
async fn until(gateway: &TestGateway, bills: usize) {
    for _ in 0..10_000 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if billed(gateway).await.len() == bills {
            return;
        }
    }
    panic!("there are not {bills} bills");
}

#[tokio::test]
async fn who_has_not_agreed_is_not_billed_and_then_from_the_first_day_on() {
    let (gateway, people) = funded().await;
    let by = |ask: Ask| gateway.send(ask.by(&people.warung));
    let room = json!({"code": "A1", "rate": 100_000});
    by(post("/api/v1/admin/rooms", &room)).await.expect(201);
    let tenant = json!({"name": "Ani", "email": "ani@contoh.id", "username": "ani",
        "start_date": "2026-11-18", "room": "A1"});
    let add = || by(post("/api/v1/admin/tenants", &tenant));
    let first = add().await.expect(201)["id"].as_str().unwrap().to_owned();
    let mut rents = Rents::default();
    let path = |id: &str| format!("/api/v1/tenancies/{id}");
    rents.look(&gateway.gateway, at("2026-12-02T00:00:00+07:00")).await;
    assert!(billed(&gateway).await.is_empty());
    // Her room is kept for her, and nobody else answers for her.
    add().await.refused(409, "conflict");
    let decline = |id: &str, token: &str| gateway.send(ask("DELETE", &path(id)).by(token));
    decline(&first, &people.budi).await.refused(404, "not_found");
    assert_eq!(decline(&first, &people.ani).await.status, 204);
    decline(&first, &people.ani).await.refused(404, "not_found");
    let accept = |id: &str| accept(id, 100_000, "2026-11-18").by(&people.ani);
    gateway.send(accept(&first)).await.refused(404, "not_found");
    let second = add().await.expect(201)["id"].as_str().unwrap().to_owned();
    let seen = get_as(&gateway, &people.ani, "/api/v1/tenancies").await["data"].clone();
    assert_eq!((&seen[0]["id"], &seen[0]["agreed"]), (&json!(second), &json!(false)), "{seen}");
    assert_eq!((&seen[0]["rate"], &seen[0]["issuer"]), (&json!(100_000), &json!("warung")));
    agree(&gateway, &second, &people.ani).await;
    gateway.send(accept(&second)).await.refused(409, "conflict");
    decline(&second, &people.ani).await.refused(409, "conflict");
    rents.look(&gateway.gateway, at("2026-12-02T00:00:00+07:00")).await;
    assert_eq!(billed(&gateway).await, ["November 2026", "Desember 2026"]);
}

#[tokio::test]
async fn another_room_and_another_rate_count_from_the_next_bill_on() {
    let (gateway, tenant) = let_out().await;
    let mut rents = Rents::default();
    look(&gateway, &mut rents, "2026-11-20T00:00:00+07:00").await;
    let warung = gateway.log_in("warung").await;
    let by = |ask: Ask| gateway.send(ask.by(&warung));
    let rooms = "/api/v1/admin/rooms";
    by(post(rooms, &json!({"code": "A2", "rate": 150_000}))).await.expect(201);
    let path = format!("/api/v1/admin/tenants/{tenant}");
    let row = |room: &str, rate: Value| json!({"name": "Ani L", "email": "ani@contoh.id", "room": room, "rate": rate});
    let moved = by(put(&path, &row("A2", Value::Null))).await.expect(200);
    assert_eq!((&moved["room"], &moved["rate"]), (&json!("A2"), &json!(150_000)), "{moved}");
    assert_eq!(moved["agreed"], false, "it is more than she agreed to");
    look(&gateway, &mut rents, "2026-12-01T00:00:00+07:00").await;
    assert_eq!(billed(&gateway).await, ["November 2026"]);
    agree(&gateway, &tenant, &gateway.log_in("ani").await).await;
    look(&gateway, &mut rents, "2026-12-01T00:00:00+07:00").await;
    let warung = gateway.log_in("warung").await;
    let by = |ask: Ask| gateway.send(ask.by(&warung));
    by(put(&path, &row("A2", json!(120_000)))).await.expect(200);
    look(&gateway, &mut rents, "2027-01-01T00:00:00+07:00").await;
    let ani = gateway.log_in("ani").await;
    let list = get_as(&gateway, &ani, "/api/v1/bills").await;
    let bills = list["data"].as_array().unwrap().iter().rev();
    let bills: Vec<_> = bills.map(|it| (it["room"].clone(), it["amount"].clone())).collect();
    let expected = [("A2", 100_000), ("A2", 150_000), ("A2", 120_000)];
    assert_eq!(bills, expected.map(|(room, amount)| (json!(room), json!(amount))));
    let warung = gateway.log_in("warung").await;
    let by = |ask: Ask| gateway.send(ask.by(&warung));
    by(put(&path, &row("Z9", Value::Null))).await.names("room");
    by(put(&path, &row("A2", json!(0)))).await.names("rate");
    let strange = path.replace("ten_0", "ten_1");
    by(put(&strange, &row("A2", Value::Null))).await.refused(404, "not_found");
}

#[tokio::test]
async fn tenancies_are_told_page_by_page() {
    let (gateway, people) = funded().await;
    let mut all = Vec::new();
    for name in ["kost-a", "kost-b", "kost-c", "kost-d", "kost-e"] {
        gateway.user(name, gerbang::ledger::event::Role::Merchant).await;
        let landlord = gateway.log_in(name).await;
        let by = |ask: Ask| gateway.send(ask.by(&landlord));
        let room = json!({"code": "A1", "rate": 100_000});
        by(post("/api/v1/admin/rooms", &room)).await.expect(201);
        let row = json!({"name": "Ani", "email": "ani@contoh.id", "username": "ani",
            "start_date": "2026-11-18", "room": "A1"});
        let added = by(post("/api/v1/admin/tenants", &row)).await.expect(201);
        all.push(added["id"].as_str().unwrap().to_owned());
    }
    for limit in [1, 2, 5, 100] {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/tenancies?limit={limit}{cursor}");
            let page = get_as(&gateway, &people.ani, &path).await;
            let rows = page["data"].as_array().unwrap();
            assert!(rows.len() <= limit);
            ids.extend(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(ids, all);
    }
    for (query, field) in [("limit=0", "limit"), ("cursor=+1", "cursor"), ("x=1", "x")] {
        let path = format!("/api/v1/tenancies?{query}");
        gateway.send(get(&path).by(&people.ani)).await.names(field);
    }
}

#[tokio::test]
async fn acceptance_is_of_what_was_seen() {
    let (gateway, people) = funded().await;
    let by = |ask: Ask| gateway.send(ask.by(&people.warung));
    let room = json!({"code": "A1", "rate": 100_000});
    by(post("/api/v1/admin/rooms", &room)).await.expect(201);
    let row = json!({"name": "Ani", "email": "ani@contoh.id", "username": "ani",
        "start_date": "2026-11-18", "room": "A1"});
    let added = by(post("/api/v1/admin/tenants", &row)).await.expect(201);
    let tenant = added["id"].as_str().unwrap();
    // She sees 100,000; before her answer is there, it is more.
    let dearer = json!({"name": "Ani", "email": "ani@contoh.id", "room": "A1", "rate": 900_000});
    by(put(&format!("/api/v1/admin/tenants/{tenant}"), &dearer)).await.expect(200);
    let before = gateway.position();
    let send = |ask: Ask| gateway.send(ask.by(&people.ani));
    for (rate, start, field) in [
        (100_000, "2026-11-18", "rate"),
        (900_001, "2026-11-18", "rate"),
        (900_000, "2026-11-19", "start_date"),
    ] {
        let refused = send(accept(tenant, rate, start)).await;
        let detail = refused.refused(409, "conflict")["detail"].clone();
        assert!(detail.as_str().unwrap().starts_with(field), "{detail}");
    }
    let path = format!("/api/v1/tenancies/{tenant}/accept");
    for (field, body) in [
        ("rate", json!({"start_date": "2026-11-18"})),
        ("start_date", json!({"rate": 900_000})),
        ("start_date", json!({"rate": 900_000, "start_date": "besok"})),
    ] {
        send(post(&path, &body)).await.names(field);
    }
    assert_eq!(gateway.position(), before);
    send(accept(tenant, 900_000, "2026-11-18")).await.expect(200);
    look(&gateway, &mut Rents::default(), "2026-11-18T18:00:00+07:00").await;
    assert_eq!(billed(&gateway).await, ["November 2026"]);
}

#[tokio::test]
async fn who_is_to_pay_more_than_agreed_is_asked_again() {
    let (mut gateway, tenant) = let_out().await;
    look(&gateway, &mut Rents::default(), "2026-11-20T00:00:00+07:00").await;
    let room = get_as(&gateway, &gateway.log_in("warung").await, "/api/v1/admin/rooms").await;
    let room = format!("/api/v1/admin/rooms/{}", room["data"][0]["id"].as_str().unwrap());
    let dearer = |rate: u64| put(&room, &json!({"code": "A1", "rate": rate}));
    let warung = gateway.log_in("warung").await;
    gateway.send(dearer(110_000).by(&warung)).await.expect(200);
    gateway = gateway.reopened();
    look(&gateway, &mut Rents::default(), "2026-12-02T00:00:00+07:00").await;
    let ani = gateway.log_in("ani").await;
    let seen = get_as(&gateway, &ani, "/api/v1/tenancies").await["data"][0].clone();
    assert_eq!((&seen["rate"], &seen["agreed"]), (&json!(110_000), &json!(false)));
    assert_eq!(billed(&gateway).await, ["November 2026"]);
    // An administrator's word stands for hers, to what it names.
    let row = json!({"name": "Ani", "email": "ani@contoh.id", "room": "A1", "rate": 120_000});
    let path = format!("/api/v1/admin/tenants/{tenant}");
    let admin = gateway.log_in("admin").await;
    let worded = gateway.send(put(&path, &row).by(&admin)).await.expect(200);
    assert_eq!(worded["agreed"], true);
    look(&gateway, &mut Rents::default(), "2026-12-02T00:00:00+07:00").await;
    let list = get_as(&gateway, &ani, "/api/v1/bills").await;
    assert_eq!(
        (&list["data"][0]["month"], &list["data"][0]["amount"]),
        (&json!(12), &json!(120_000))
    );
    // Whoever does not want to pay more leaves.
    let warung = gateway.log_in("warung").await;
    let leave = || ask("DELETE", &format!("/api/v1/tenancies/{tenant}")).by(&ani);
    gateway.send(leave()).await.refused(409, "conflict");
    let row = json!({"name": "Ani", "email": "ani@contoh.id", "room": "A1", "rate": 120_001});
    gateway.send(put(&path, &row).by(&warung)).await.expect(200);
    assert_eq!(gateway.send(leave()).await.status, 204);
    look(&gateway, &mut Rents::default(), "2027-01-02T00:00:00+07:00").await;
    assert_eq!(billed(&gateway).await, ["November 2026", "Desember 2026"]);
}
