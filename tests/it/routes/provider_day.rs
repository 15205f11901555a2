//! The provider's list of a day against our charges.

use gerbang::connector::midtrans::status::Status;
use serde_json::{Value, json};

use super::charges::{begun, rest, tell};
use crate::charges::provider::Next;
use crate::support::{Answer, People, TestGateway, funded, post};

const PATH: &str = "/api/v1/admin/reconcile/midtrans";

/// What the provider lists: all that it has, as the simulated one does over HTTP.
fn list(gateway: &TestGateway) -> Vec<Value> {
    gateway.provider.entries().values().map(|entry| entry.transaction.to_json()).collect()
}

async fn compare(gateway: &TestGateway, people: &People, transactions: &[Value]) -> Answer {
    let body = json!({"date": "2026-11-18", "transactions": transactions});
    gateway.send(post(PATH, &body).by(&people.admin)).await
}

fn note<'a>(report: &'a Value, order: &str) -> &'a str {
    let rows = report["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["order_id"] == order);
    row.map_or("", |row| row["note"].as_str().unwrap())
}

#[tokio::test]
async fn what_the_provider_lists_is_held_against_the_journal() {
    let (gateway, people) = funded().await;
    let (_, paid) = begun(&gateway, &people).await;
    assert!(gateway.provider.turn(&paid, Status::Settlement));
    tell(&gateway, gateway.provider.notification(&paid)).await.expect(200);
    let (_, expired) = begun(&gateway, &people).await;
    assert!(gateway.provider.turn(&expired, Status::Expire));
    tell(&gateway, gateway.provider.notification(&expired)).await.expect(200);
    let (_, pending) = begun(&gateway, &people).await;
    rest(&gateway).await;
    let all = compare(&gateway, &people, &list(&gateway)).await.expect(200);
    assert_eq!((&all["agrees"], &all["matched"]), (&json!(true), &json!(3)), "{all}");
    assert_eq!((&all["rows"], &all["date"]), (&json!([]), &json!("2026-11-18")));

    // Nobody told of these, and the money is there.
    gateway.provider.force(&expired, Status::Settlement);
    assert!(gateway.provider.turn(&pending, Status::Settlement));
    gateway.provider.next(Next::Lost);
    let (_, lost) = begun(&gateway, &people).await;
    let mut transactions = list(&gateway);
    let mut strange = transactions[0].clone();
    strange["order_id"] = json!("order-of-another-system");
    transactions.push(strange);
    let report = compare(&gateway, &people, &transactions).await.expect(200);
    let counts = ["matched", "only_ours", "only_theirs", "different"].map(|key| &report[key]);
    assert_eq!(counts, [&json!(1), &json!(1), &json!(1), &json!(2)], "{report}");
    let ended = "the provider has its money and it ended unpaid here";
    assert_eq!(note(&report, &expired), ended);
    assert_eq!(note(&report, &pending), "the provider has its money and it is open here");
    assert_eq!(note(&report, &lost), "it is open, and not on the list");
    assert_eq!(note(&report, "order-of-another-system"), "no charge of ours has this order id");
    assert_eq!(note(&report, &paid), "");
    assert!(report["text"].as_str().unwrap().contains(ended));
    let other = json!({"date": "2026-11-17", "transactions": []});
    let other = gateway.send(post(PATH, &other).by(&people.admin)).await.expect(200);
    assert_eq!(other["agrees"], true, "charges of another day are not wanted");
    let wrong = json!({"date": "18-11-2026", "transactions": []});
    gateway.send(post(PATH, &wrong).by(&people.admin)).await.names("date");
    compare(&gateway, &people, &[json!({"order_id": paid})]).await.names("transactions");
}
