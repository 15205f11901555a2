//! Invoices: found by whoever they concern, whichever way and however late something is paid.

use gerbang::connector::midtrans::status::Status;
use serde_json::{Value, json};

use super::charges::{begun, billed, rest, suspended, tell, until};
use crate::support::{Answer, People, TestGateway, funded, get, id, post};

async fn show(gateway: &TestGateway, token: &str, invoice: &Value) -> Answer {
    let path = format!("/api/v1/invoices/{}", invoice.as_str().unwrap());
    gateway.send(get(&path).by(token)).await
}

async fn pay(gateway: &TestGateway, people: &People, bill: &str, payment: &str) -> Value {
    let body = json!({"payment": payment});
    let pay = post(&format!("{bill}/pay"), &body).by(&people.ani);
    gateway.send(pay).await.expect(201)
}

#[tokio::test]
async fn a_payment_from_a_wallet_is_found_by_its_invoice() {
    let (gateway, people) = funded().await;
    let lunch = json!({"name": "nasi", "recipient": "ani", "amount": 25_000,
        "due": "2026-11-30T23:59:00+07:00"});
    let bill = gateway.send(post("/api/v1/bills", &lunch).by(&people.warung)).await.expect(201);
    let path = format!("/api/v1/bills/{}", bill["id"].as_str().unwrap());
    let paid = pay(&gateway, &people, &path, "wallet").await;
    assert_eq!(
        (&paid["deadline"], &paid["formatted_deadline"]),
        (&bill["due"], &bill["formatted_due"])
    );
    show(&gateway, &people.ani, &paid["invoice"]).await.is(200, &paid);
    // What the payer has left is none of the issuer's business.
    let mut without = paid.clone();
    without["balance_after"] = Value::Null;
    show(&gateway, &people.warung, &paid["invoice"]).await.is(200, &without);
    show(&gateway, &people.admin, &paid["invoice"]).await.is(200, &without);
    show(&gateway, &people.budi, &paid["invoice"]).await.refused(404, "not_found");
    // The same place under another time; a place of nothing; a payment that is of no bill.
    let sent = json!({"to": "warung", "amount": 1});
    let sent = gateway.send(post("/api/v1/payments", &sent).by(&people.ani)).await.expect(201);
    for wrong in [&sent["id"], &json!(id("pay", 4_000)), &json!(id("pay", 1)), &bill["id"]] {
        show(&gateway, &people.ani, wrong).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn a_bill_that_a_charge_paid_leads_to_the_charge() {
    let (gateway, people) = funded().await;
    let bill = billed(&gateway, &people).await;
    let charge = pay(&gateway, &people, &bill, "mandiri_bill").await;
    let order = charge["invoice"].as_str().unwrap();
    gateway.provider.turn(order, Status::Settlement);
    tell(&gateway, gateway.provider.notification(order)).await.expect(200);
    let paid = until(&gateway, &people, &charge, "paid").await;
    let shown = gateway.send(get(&bill).by(&people.ani)).await.expect(200);
    for invoice in [&charge["invoice"], &shown["payment"]] {
        for token in [&people.ani, &people.warung, &people.admin] {
            show(&gateway, token, invoice).await.is(200, &paid);
        }
        show(&gateway, &people.budi, invoice).await.refused(404, "not_found");
    }
}

/// The charge expires, and is paid all the same.
async fn paid_late(gateway: &TestGateway, people: &People, charge: &Value) {
    let order = charge["invoice"].as_str().unwrap();
    gateway.provider.turn(order, Status::Expire);
    tell(gateway, gateway.provider.notification(order)).await.expect(200);
    until(gateway, people, charge, "expired").await;
    gateway.provider.force(order, Status::Settlement);
    tell(gateway, gateway.provider.notification(order)).await.expect(200);
    rest(gateway).await;
}

#[tokio::test]
async fn what_was_paid_late_and_placed_by_rule_is_paid() {
    let (gateway, people) = funded().await;
    let (charge, _) = begun(&gateway, &people).await;
    paid_late(&gateway, &people, &charge).await;
    let shown = show(&gateway, &people.ani, &charge["invoice"]).await.expect(200);
    assert_eq!((&shown["status"], &shown["placed"]["to"]), (&json!("paid"), &json!("account")));
    assert_eq!(
        (&shown["reason"], &shown["position"]),
        (&Value::Null, &shown["placed"]["position"])
    );
    let listed = listed_top_up(&gateway, &people, &charge).await;
    assert_eq!((&listed["status"], &listed["placed"]), (&json!("settled"), &shown["placed"]));
    let bill = billed(&gateway, &people).await;
    let charge = pay(&gateway, &people, &bill, "mandiri_bill").await;
    paid_late(&gateway, &people, &charge).await;
    let bill = gateway.send(get(&bill).by(&people.ani)).await.expect(200);
    let shown = show(&gateway, &people.ani, &charge["invoice"]).await.expect(200);
    assert_eq!((&shown["status"], &shown["placed"]["to"]), (&json!("paid"), &json!("bill")));
    assert_eq!(bill["status"], "paid");
    show(&gateway, &people.warung, &bill["payment"]).await.is(200, &shown);
}

#[tokio::test]
async fn what_was_placed_elsewhere_says_so_and_names_nobody() {
    let elsewhere = [("provider", json!({})), ("other", json!({"username": "budi"}))];
    for (word, user) in elsewhere {
        let (gateway, people, charge) = suspended(10_000).await;
        let listed = listed_top_up(&gateway, &people, &charge).await;
        assert_eq!((&listed["status"], &listed["placed"]), (&json!("suspended"), &Value::Null));
        let list = gateway.send(get("/api/v1/admin/late").by(&people.admin)).await.expect(200);
        let late = list["data"][0]["id"].as_str().unwrap();
        let mut body = user.clone();
        body["to"] = if word == "other" { json!("account") } else { json!("provider") };
        body["reason"] = json!("bukan milik ani");
        let path = format!("/api/v1/admin/late/{late}/resolve");
        gateway.send(post(&path, &body).by(&people.admin)).await.expect(200);
        let shown = show(&gateway, &people.ani, &charge["invoice"]).await.expect(200);
        assert_eq!((&shown["status"], &shown["placed"]["to"]), (&json!("denied"), &json!(word)));
        assert!(!shown.to_string().contains("budi"), "{shown}");
        let listed = listed_top_up(&gateway, &people, &charge).await;
        assert_eq!((&listed["status"], &listed["placed"]), (&json!("denied"), &shown["placed"]));
    }
}

/// The line of a charge among ani's top-ups.
async fn listed_top_up(gateway: &TestGateway, people: &People, charge: &Value) -> Value {
    let page = gateway.send(get("/api/v1/topups").by(&people.ani)).await.expect(200);
    let lines = page["data"].as_array().unwrap();
    lines.iter().find(|line| line["id"] == charge["id"]).unwrap().clone()
}
