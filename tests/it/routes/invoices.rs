//! Invoices: found by whoever they concern, whichever way a bill is paid.

use gerbang::connector::midtrans::status::Status;
use serde_json::{Value, json};

use super::charges::{billed, tell, until};
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
