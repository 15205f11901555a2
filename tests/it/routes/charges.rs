//! Charges through the provider: topped up by a virtual account, told of, asked about, and late.

use std::time::Duration;

use gerbang::connector::midtrans::status::Status;
use gerbang::journal::Batch;
use gerbang::ledger::event::{Fact, MovementKind, Role};
use serde_json::{Value, json};

use super::{keys, strict};
use crate::support::{Answer, People, TestGateway, funded, get, post, put, raw};

const TOP_UP: &str = "/api/v1/topups/virtual-account";
const TELL: &str = "/api/v1/notifications/midtrans";
pub(super) const LATE: &str = "/api/v1/admin/late";

fn echannel() -> Value {
    json!({"amount": 10_000, "payment_type": "echannel"})
}

/// A charge of ani's, and its name at the provider.
pub(super) async fn begun(gateway: &TestGateway, people: &People) -> (Value, String) {
    let charge = gateway.send(post(TOP_UP, &echannel()).by(&people.ani)).await.expect(201);
    let order = charge["invoice"].as_str().unwrap().to_owned();
    (charge, order)
}

pub(super) async fn tell(gateway: &TestGateway, body: Vec<u8>) -> Answer {
    gateway.send(raw(TELL, "application/json", body)).await
}

async fn show(gateway: &TestGateway, token: &str, charge: &Value) -> Value {
    let path = format!("/api/v1/charges/{}", charge["id"].as_str().unwrap());
    gateway.send(get(&path).by(token)).await.expect(200)
}

/// Looks at a charge of ani's until it stands like this.
pub(super) async fn until(
    gateway: &TestGateway,
    people: &People,
    charge: &Value,
    status: &str,
) -> Value {
    for _ in 0..10_000 {
        let shown = show(gateway, &people.ani, charge).await;
        if shown["status"] == status {
            return shown;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it never became {status}: {}", show(gateway, &people.ani, charge).await);
}

/// Lets the desk come to rest: whatever it was told of is asked about and followed.
pub(crate) async fn rest(gateway: &TestGateway) {
    let (mut before, mut still) = (0, 0);
    while still < 20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let now = gateway.position() + gateway.provider.counts().values().sum::<u64>();
        still = if now == before { still + 1 } else { 0 };
        before = now;
    }
}

/// How many movements of each kind stand in the journal.
pub(super) fn moved(gateway: &TestGateway) -> [usize; 3] {
    let batches = gateway.journal.batches().unwrap();
    let mut counts = [0; 3];
    for recorded in batches.iter().flat_map(Batch::records).map(Result::unwrap) {
        let Fact::Moved(movement) = recorded.event.fact else { continue };
        match movement.kind {
            MovementKind::ChargePaid { .. } => counts[0] += 1,
            MovementKind::Suspended { .. } => counts[1] += 1,
            MovementKind::Resolved { .. } => counts[2] += 1,
            _ => {}
        }
    }
    counts
}

#[tokio::test]
async fn a_bill_key_is_paid_told_three_times_and_credited_once() {
    let (gateway, people) = funded().await;
    let (charge, order) = begun(&gateway, &people).await;
    assert_eq!((&charge["status"], &charge["biller_code"]), (&json!("pending"), &json!("70012")));
    assert!(charge["bill_key"].is_string() && charge["expires_at"].is_string(), "{charge}");
    assert!(gateway.provider.turn(&order, Status::Settlement));
    let body = gateway.provider.notification(&order);
    for _ in 0..3 {
        tell(&gateway, body.clone()).await.is(200, &json!({"status": "ok"}));
    }
    let paid = until(&gateway, &people, &charge, "paid").await;
    rest(&gateway).await;
    assert_eq!(gateway.balance(&people.ani).await, 1_010_000);
    assert_eq!(moved(&gateway), [1, 0, 0]);
    let by_invoice = gateway.send(get(&format!("/api/v1/invoices/{order}")).by(&people.ani)).await;
    by_invoice.is(200, &paid);
    let list = gateway.send(get("/api/v1/topups").by(&people.ani)).await.expect(200);
    assert_eq!(list["data"][0]["id"], charge["id"]);
    assert_eq!(list["data"][0]["status"], "settled");
    let told = gateway.send(get("/api/v1/notifications").by(&people.ani)).await.expect(200);
    assert_eq!(told["data"][0]["type"], "top_up_settled");
    let foreign = get(&format!("/api/v1/charges/{}", charge["id"].as_str().unwrap()));
    gateway.send(foreign.by(&people.budi)).await.refused(404, "not_found");
}

/// A bill of ani's, issued by the warung.
pub(super) async fn billed(gateway: &TestGateway, people: &People) -> String {
    let lunch = json!({"name": "nasi goreng", "recipient": "ani", "amount": 25_000});
    let bill = gateway.send(post("/api/v1/bills", &lunch).by(&people.warung)).await.expect(201);
    let method = json!({"name": "Mandiri", "title": "Mandiri Bill Payment", "active": true});
    let path = "/api/v1/admin/payment-methods/mandiri_bill";
    gateway.send(put(path, &method).by(&people.admin)).await.expect(200);
    format!("/api/v1/bills/{}", bill["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_bill_is_paid_by_a_charge_by_whom_it_is_for() {
    let (gateway, people) = funded().await;
    let bill = billed(&gateway, &people).await;
    let (path, body) = (format!("{bill}/pay"), json!({"payment": "mandiri_bill"}));
    let pay = |token: &str| gateway.send(post(&path, &body).by(token).key("p"));
    pay(&people.warung).await.refused(403, "forbidden");
    pay(&people.budi).await.refused(404, "not_found");
    let first = pay(&people.ani).await;
    pay(&people.ani).await.replays(&first);
    let charge = first.expect(201);
    assert_eq!((&charge["purpose"], &charge["amount"]), (&json!("bill"), &json!(25_000)));
    assert!(charge["bill_key"].is_string() && charge["formatted_deadline"].is_string());
    let order = charge["invoice"].as_str().unwrap();
    assert!(gateway.provider.turn(order, Status::Settlement));
    tell(&gateway, gateway.provider.notification(order)).await.expect(200);
    until(&gateway, &people, &charge, "paid").await;
    let shown = gateway.send(get(&bill).by(&people.ani)).await.expect(200);
    assert_eq!(shown["status"], "paid");
    let late = gateway.send(post(&path, &body).by(&people.ani).key("q")).await;
    late.refused(409, "already_paid");
    let balances = (gateway.balance(&people.ani).await, gateway.balance(&people.warung).await);
    assert_eq!(balances, (1_000_000, 25_000));
}

#[tokio::test]
async fn a_bank_gives_its_number_and_mistakes_are_named() {
    let (gateway, people) = funded().await;
    for bank in ["bca", "bni", "bri", "cimb", "permata"] {
        let body = json!({"amount": 20_000, "payment_type": "bank_transfer", "bank": bank});
        let charge = gateway.send(post(TOP_UP, &body).by(&people.ani)).await.expect(201);
        assert_eq!((&charge["bank"], &charge["status"]), (&json!(bank), &json!("pending")));
        assert!(charge["va_number"].is_string(), "{charge}");
        assert_eq!(charge["payment"], format!("bank_transfer/{bank}"));
    }
    for (field, value) in [
        ("payment_type", json!("qris")),
        ("payment_type", json!("credit_card")),
        ("bank", json!("bca")),
        ("currency", json!("USD")),
    ] {
        let mut body = echannel();
        body[field] = value;
        gateway.send(post(TOP_UP, &body).by(&people.ani)).await.names(field);
    }
    let bare = json!({"amount": 1, "payment_type": "bank_transfer"});
    gateway.send(post(TOP_UP, &bare).by(&people.ani)).await.names("bank");
    strict(&gateway, &people.budi, TOP_UP, &echannel(), &["amount", "payment_type"]).await;
    let other = json!({"amount": 10_001, "payment_type": "echannel"});
    keys(&gateway, &people.admin, TOP_UP, &echannel(), &other).await;
}

#[tokio::test]
async fn what_is_forged_is_refused_and_changes_nothing() {
    let (gateway, people) = funded().await;
    let (charge, order) = begun(&gateway, &people).await;
    let good = gateway.provider.told(&order, Status::Settlement);
    let text = String::from_utf8(good.clone()).unwrap();
    rest(&gateway).await;
    let before = gateway.position();
    let forged = [
        text.replace("10000.00", "99999.00"),
        text.replace(r#""status_code":"200""#, r#""status_code":"201""#),
        text.replacen(&order, "01ARZ3NDEKTSV4RRFFQ69G5FAV", 1),
    ];
    for body in forged {
        assert_ne!(body, text);
        tell(&gateway, body.into_bytes()).await.refused(403, "forbidden");
    }
    for cut in [0, 1, text.len() / 2, text.len() - 1] {
        tell(&gateway, good[..cut].to_vec()).await.refused(400, "invalid_request");
    }
    assert_eq!(gateway.position(), before, "something was stored");
    // A right signature of an order that is none of ours: known to nobody, and nobody's fault.
    let ours = gateway.provider.entries()[&order].clone();
    let mut theirs = ours.transaction;
    theirs.order_id = "order-of-another-merchant".to_owned();
    let key = crate::charges::provider::key();
    let body = gerbang::connector::midtrans::notification::write(&theirs, ours.method, &key);
    tell(&gateway, body.to_string().into_bytes()).await.expect(200);
    assert_eq!(gateway.position(), before, "something was stored");
    assert_eq!(show(&gateway, &people.ani, &charge).await["status"], "pending");
    let metrics = gateway.send(get("/metrics")).await.text;
    for (result, count) in [("forged", 3), ("malformed", 4), ("unknown_order", 1)] {
        let line = format!("gerbang_notifications_total{{result=\"{result}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}");
    }
}

#[tokio::test]
async fn forgers_are_turned_away_before_long() {
    let (gateway, people) = funded().await;
    let (_, order) = begun(&gateway, &people).await;
    let body = String::from_utf8(gateway.provider.told(&order, Status::Settlement)).unwrap();
    let forged = body.replace("10000.00", "10001.00").into_bytes();
    let mut turned_away = 0;
    for _ in 0..200 {
        let answer = tell(&gateway, forged.clone()).await;
        turned_away += usize::from(answer.status == 429);
    }
    assert!(turned_away > 0, "guesses are free");
    // Somebody else's guesses are counted apart, and what is signed is heard from anywhere.
    let from = |last: u8, body: &[u8]| {
        let ask = raw(TELL, "application/json", body.to_vec());
        gateway.send_from(ask, std::net::IpAddr::from([192, 0, 2, last]), &gateway.api)
    };
    for last in [1, 2] {
        from(last, &forged).await.refused(403, "forbidden");
    }
    tell(&gateway, body.into_bytes()).await.expect(200);
    gateway.log_in("budi").await;
    gateway
        .send(crate::support::login_of("budi", "salah"))
        .await
        .refused(401, "invalid_credentials");
}

#[tokio::test]
async fn a_notification_is_a_reason_to_ask_and_never_to_credit() {
    let (gateway, people) = funded().await;
    let (charge, order) = begun(&gateway, &people).await;
    // Signed with the right key, and not true.
    for status in [Status::Settlement, Status::Capture, Status::Expire, Status::Deny] {
        tell(&gateway, gateway.provider.told(&order, status)).await.expect(200);
    }
    rest(&gateway).await;
    assert_eq!(show(&gateway, &people.ani, &charge).await["status"], "pending");
    assert_eq!((moved(&gateway), gateway.balance(&people.ani).await), ([0; 3], 1_000_000));
}

#[tokio::test]
async fn other_money_is_credited_to_nobody_and_shown() {
    for wrong in ["amount", "currency"] {
        let (gateway, people) = funded().await;
        let (charge, order) = begun(&gateway, &people).await;
        gateway.provider.turn(&order, Status::Settlement);
        gateway.provider.alter(&order, |transaction| match wrong {
            "amount" => transaction.amount = crate::charges::provider::amount(9_999),
            _ => transaction.currency = Some("USD".to_owned()),
        });
        tell(&gateway, gateway.provider.notification(&order)).await.expect(200);
        rest(&gateway).await;
        assert_eq!(show(&gateway, &people.ani, &charge).await["status"], "pending");
        assert_eq!(moved(&gateway), [0; 3], "{wrong}");
        let list = gateway.send(get(LATE).by(&people.admin)).await.expect(200);
        assert_eq!((&list["data"], &list["odd"][0]["odd"]), (&json!([]), &json!("other_amount")));
        assert_eq!(list["odd"][0]["charge"]["id"], charge["id"]);
        let metrics = gateway.send(get("/metrics")).await.text;
        assert!(metrics.contains("gerbang_charge_oddities 1\n"));
    }
}

#[tokio::test]
async fn every_order_of_six_notifications_has_one_effect() {
    let (gateway, people) = funded().await;
    let told = [
        Status::Pending,
        Status::Settlement,
        Status::Settlement,
        Status::Expire,
        Status::Deny,
        Status::Refund,
    ];
    let mut orders: Vec<Vec<Status>> = vec![Vec::new()];
    for status in told {
        let mut longer = Vec::new();
        for order in &orders {
            for at in 0..=order.len() {
                let mut next = order.clone();
                next.insert(at, status);
                longer.push(next);
            }
        }
        orders = longer;
    }
    assert_eq!(orders.len(), 720);
    for (number, sent) in orders.iter().enumerate() {
        let body = json!({"amount": 100 + number, "payment_type": "echannel"});
        let charge = gateway.send(post(TOP_UP, &body).by(&people.ani)).await.expect(201);
        let order = charge["invoice"].as_str().unwrap();
        gateway.provider.turn(order, Status::Settlement);
        for status in sent {
            tell(&gateway, gateway.provider.told(order, *status)).await.expect(200);
        }
        until(&gateway, &people, &charge, "paid").await;
    }
    rest(&gateway).await;
    assert_eq!(moved(&gateway), [720, 0, 0]);
    let sum: u64 = (0..720).map(|number| 100 + number).sum();
    assert_eq!(gateway.balance(&people.ani).await, 1_000_000 + sum);
}

#[tokio::test]
async fn a_top_up_that_is_paid_late_goes_to_its_wallet_by_rule() {
    let (gateway, people) = funded().await;
    let (charge, order) = begun(&gateway, &people).await;
    gateway.provider.turn(&order, Status::Expire);
    tell(&gateway, gateway.provider.notification(&order)).await.expect(200);
    until(&gateway, &people, &charge, "expired").await;
    gateway.provider.force(&order, Status::Settlement);
    for _ in 0..3 {
        tell(&gateway, gateway.provider.notification(&order)).await.expect(200);
    }
    rest(&gateway).await;
    assert_eq!(moved(&gateway), [0, 1, 1]);
    assert_eq!(gateway.balance(&people.ani).await, 1_010_000);
    let told = gateway.send(get("/api/v1/notifications").by(&people.ani)).await.expect(200);
    assert_eq!(told["data"][0]["type"], "late_money_received");
    assert_eq!(told["data"][1]["type"], "charge_ended");
}

/// A wallet at its ceiling does not take a top-up: the money stands in suspense and waits.
pub(super) async fn suspended(amount: u64) -> (TestGateway, People, Value) {
    let (gateway, people) = funded().await;
    let body = json!({"amount": amount, "payment_type": "echannel"});
    let charge = gateway.send(post(TOP_UP, &body).by(&people.ani)).await.expect(201);
    for _ in 0..4 {
        gateway.fund(&people, "ani", 4_750_000).await;
    }
    let order = charge["invoice"].as_str().unwrap();
    gateway.provider.turn(order, Status::Settlement);
    tell(&gateway, gateway.provider.notification(order)).await.expect(200);
    until(&gateway, &people, &charge, "suspended").await;
    rest(&gateway).await;
    assert_eq!(moved(&gateway), [0, 1, 0]);
    (gateway, people, charge)
}

#[tokio::test]
async fn what_no_rule_places_an_administrator_does() {
    let (gateway, people, charge) = suspended(10_000).await;
    let list = gateway.send(get(LATE).by(&people.admin)).await.expect(200);
    let late = &list["data"][0];
    assert_eq!((&late["amount"], &late["overdue"]), (&json!(10_000), &json!(false)));
    assert_eq!(late["charge"]["id"], charge["id"]);
    let path = format!("{LATE}/{}/resolve", late["id"].as_str().unwrap());
    let resolve = |body: Value| gateway.send(post(&path, &body).by(&people.admin));
    resolve(json!({"to": "bank", "reason": "x"})).await.names("to");
    resolve(json!({"to": "bill", "reason": ""})).await.names("reason");
    resolve(json!({"to": "bill", "username": "budi", "reason": "x"})).await.names("username");
    resolve(json!({"to": "bill", "reason": "x"})).await.refused(409, "conflict");
    resolve(json!({"to": "account", "reason": "x"})).await.refused(422, "limit_exceeded");
    gateway.at(20 * 24 * 3600);
    let people = People { admin: gateway.log_in("admin").await, ..people };
    let list = gateway.send(get(LATE).by(&people.admin)).await.expect(200);
    assert_eq!(list["data"][0]["overdue"], true);
    assert!(gateway.send(get("/metrics")).await.text.contains("gerbang_late_overdue 1\n"));
    let body = json!({"to": "account", "username": "budi", "reason": "milik budi"});
    let done = gateway.send(post(&path, &body).by(&people.admin).key("r-1")).await;
    assert_eq!(
        (&done.expect(200)["status"], &done.json()["to"]),
        (&json!("resolved"), &json!("budi"))
    );
    gateway.send(post(&path, &body).by(&people.admin).key("r-1")).await.replays(&done);
    gateway.send(post(&path, &body).by(&people.admin)).await.refused(409, "conflict");
    let budi = gateway.log_in("budi").await;
    assert_eq!(gateway.balance(&budi).await, 10_000);
}

#[tokio::test]
async fn much_money_takes_two_administrators_who_want_the_same() {
    let (gateway, people, _) = suspended(5_000_001).await;
    let list = gateway.send(get(LATE).by(&people.admin)).await.expect(200);
    let path = format!("{LATE}/{}/resolve", list["data"][0]["id"].as_str().unwrap());
    let resolve = |token: &str, to: &str| {
        let body = json!({"to": to, "reason": "kembalikan"});
        gateway.send(post(&path, &body).by(token))
    };
    for _ in 0..2 {
        let alone = resolve(&people.admin, "provider").await.expect(202);
        assert_eq!(alone["status"], "awaiting_second");
        assert_eq!(alone["position"], gateway.position());
    }
    let list = gateway.send(get(LATE).by(&people.admin)).await.expect(200);
    assert_eq!(list["data"][0]["proposed"], true);
    let word = &list["data"][0]["proposal"];
    assert_eq!((&word["by"], &word["wish"]), (&json!("admin"), &json!("provider")));
    assert_eq!(word["reason"], "kembalikan");
    // The word outlives the process that heard it.
    let gateway = gateway.reopened();
    let resolve = |token: &str, to: &str| {
        let body = json!({"to": to, "reason": "kembalikan"});
        gateway.send(post(&path, &body).by(token))
    };
    // Another wish is another proposal.
    resolve(&people.second, "account").await.expect(202);
    resolve(&people.second, "provider").await.expect(202);
    assert_eq!(moved(&gateway), [0, 1, 0]);
    let done = resolve(&people.admin, "provider").await.expect(200);
    assert_eq!(done["reason"], "kembalikan (with wakil)");
    assert_eq!(moved(&gateway), [0, 1, 1]);
}

#[tokio::test]
async fn a_restart_between_any_two_steps_loses_nothing() {
    use crate::charges::provider::Next;
    // What the provider did of the charge before the process ended, and whether it was paid.
    for (next, made) in [(None, true), (Some(Next::MadeSilently), true), (Some(Next::Lost), false)]
    {
        let (gateway, people) = funded().await;
        if let Some(next) = next {
            gateway.provider.next(next);
        }
        let (charge, order) = begun(&gateway, &people).await;
        let gateway = gateway.reopened();
        if made {
            assert!(gateway.provider.turn(&order, Status::Settlement));
            until(&gateway, &people, &charge, "paid").await;
            let gateway = gateway.reopened();
            tell(&gateway, gateway.provider.notification(&order)).await.expect(200);
            rest(&gateway).await;
            assert_eq!(gateway.balance(&people.ani).await, 1_010_000);
            assert_eq!(moved(&gateway), [1, 0, 0]);
        } else {
            rest(&gateway).await;
            assert_eq!(show(&gateway, &people.ani, &charge).await["status"], "pending");
            assert!(gateway.provider.entries().is_empty(), "it was made again");
        }
    }
}

#[tokio::test]
async fn without_a_provider_that_answers_nothing_begins() {
    let (gateway, people) = funded().await;
    gateway.provider.set_down(true);
    let before = gateway.position();
    let answer = gateway.send(post(TOP_UP, &echannel()).by(&people.ani)).await;
    answer.refused(503, "unavailable");
    assert_eq!(gateway.position(), before);
    gateway.provider.set_down(false);
    for (next, status) in [
        (crate::charges::provider::Next::Refused, "failed"),
        (crate::charges::provider::Next::NotSent, "failed"),
        (crate::charges::provider::Next::Lost, "pending"),
    ] {
        gateway.provider.next(next);
        let (charge, _) = begun(&gateway, &people).await;
        assert_eq!(charge["status"], status, "{next:?}");
    }
    let merchant = gateway.user("kedai", Role::Merchant).await;
    gateway.send(post(TOP_UP, &echannel()).by(&merchant)).await.expect(201);
}
