//! Refunds through the provider that nobody can say the end of, and what an administrator says.

use gerbang::connector::midtrans::status::Status;
use gerbang::connector::midtrans::transaction::RefundPart;
use gerbang::journal::Batch;
use gerbang::ledger::event::{Fact, MovementKind};
use gerbang::ledger::id::Principal;
use gerbang::ledger::refund::RefundStep;
use serde_json::{Value, json};

use super::given_back::{money, paid, paid_in, tell, until};
use super::{AMOUNT, FEE, World, code};
use crate::charges::provider::Next;
use crate::support::{get, post};

const OPEN: &str = "/api/v1/admin/refunds";
const RECONCILE: &str = "/api/v1/admin/reconcile/midtrans";

/// A paid order of which the merchant gives so much back, and nobody hears what became of that.
async fn unknown(amount: u64) -> (World, String, Value) {
    let (world, name) = paid().await;
    let refund = ask(&world, amount).await;
    (world, name, refund)
}

/// The merchant asks for a refund, which is lost on the way.
async fn ask(world: &World, amount: u64) -> Value {
    world.gateway.provider.next(Next::Lost);
    let part = json!({"refund_key": "satu", "amount": amount, "reason": "dingin"});
    assert_eq!(code(&world.refund("order-1", &part).await), "503");
    let open = list(world, "?state=unknown").await;
    assert_eq!(open.len(), 1);
    open[0].clone()
}

async fn list(world: &World, query: &str) -> Vec<Value> {
    let ask = get(&format!("{OPEN}{query}")).by(&world.people.admin);
    world.gateway.send(ask).await.expect(200)["data"].as_array().unwrap().clone()
}

async fn settle(world: &World, refund: &Value, outcome: &str) -> crate::ask::Answer {
    settle_by(world, refund, outcome, &world.people.admin).await
}

async fn settle_by(world: &World, refund: &Value, outcome: &str, who: &str) -> crate::ask::Answer {
    let path = format!("{OPEN}/{}/settle", refund["id"].as_str().unwrap());
    let body = json!({"outcome": outcome, "reason": "surat Midtrans 17/XI"});
    world.gateway.send(post(&path, &body).by(who)).await
}

/// Who ended refunds, how, and why, as the journal says.
fn ends(world: &World) -> Vec<(Principal, bool, String)> {
    let batches = world.gateway.journal.batches().unwrap();
    let facts = batches.iter().flat_map(Batch::records).map(|record| record.unwrap().event.fact);
    let end = |fact| match fact {
        Fact::Moved(movement) => match movement.kind {
            MovementKind::GivenBack { by, .. } => Some((by, true, movement.note.to_string())),
            _ => None,
        },
        Fact::RefundAdvanced(advanced) => match advanced.step {
            RefundStep::Failed { by, reason, .. } => Some((by, false, reason.to_string())),
            RefundStep::Unknown { .. } => None,
        },
        _ => None,
    };
    facts.filter_map(end).collect()
}

/// What differs from the provider's list of the day about this order.
async fn note(world: &World, name: &str) -> String {
    let entries = world.gateway.provider.entries();
    let listed = vec![entries[name].transaction.to_json()];
    let body = json!({"date": "2026-11-18", "transactions": listed});
    let report = world.gateway.send(post(RECONCILE, &body).by(&world.people.admin)).await;
    let report = report.expect(200);
    let rows = report["rows"].as_array().unwrap().clone();
    let row = rows.iter().find(|row| row["order_id"] == name);
    row.map_or_else(String::new, |row| row["note"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn what_went_back_as_a_person_says_leaves_the_merchant() {
    let (world, name, refund) = unknown(1_000).await;
    let admin = Principal::User(world.gateway.gateway.look_up("admin").unwrap().id);
    assert_eq!((&refund["status"], &refund["from"]), (&json!("unknown"), &json!("kedai")));
    assert_eq!((&refund["amount"], &refund["invoice"]), (&json!(1_000), &json!(name)));
    assert!(list(&world, "?state=asked").await.is_empty());
    let path = format!("{OPEN}?state=ended");
    world.gateway.send(get(&path).by(&world.people.admin)).await.names("state");
    settle(&world, &refund, "gone").await.names("outcome");
    let settled = settle(&world, &refund, "succeeded").await.expect(200);
    assert_eq!(settled["status"], "succeeded");
    assert_eq!(settled["reason"], "surat Midtrans 17/XI");
    assert_eq!(money(&world).await, (AMOUNT - FEE - 1_000, 0));
    assert_eq!(ends(&world), [(admin, true, "surat Midtrans 17/XI".to_owned())]);
    assert!(list(&world, "").await.is_empty());
    for outcome in ["succeeded", "failed"] {
        settle(&world, &refund, outcome).await.refused(409, "conflict");
    }
    // To the merchant it is a refund like any other, under its own key.
    let status = until(&world, "partial_refund").await;
    assert_eq!(status["refunds"][0]["reason"], "dingin");
    let again = json!({"refund_key": "satu", "amount": 1_000});
    assert_eq!(code(&world.refund("order-1", &again).await), "406");
    assert_eq!(note(&world, &name).await, "money went back here and not there");
}

#[tokio::test]
async fn much_money_went_back_when_two_administrators_say_so() {
    let (world, _) = paid_in(World::alone_up_to(999).await).await;
    let refund = ask(&world, 1_000).await;
    let (admin, second) = (&world.people.admin, &world.people.second);
    for outcome in ["failed", "failed", "succeeded"] {
        let alone = settle_by(&world, &refund, outcome, admin).await.expect(202);
        assert_eq!(alone["status"], "awaiting_second");
    }
    // Another word is no second one.
    settle_by(&world, &refund, "failed", second).await.expect(202);
    assert_eq!((ends(&world), money(&world).await), (Vec::new(), (AMOUNT - FEE, 1_000)));
    let settled = settle_by(&world, &refund, "failed", admin).await.expect(200);
    assert_eq!(settled["status"], "failed");
    assert_eq!(money(&world).await, (AMOUNT - FEE, 0));
    assert_eq!(ends(&world).len(), 1);
}

#[tokio::test]
async fn what_did_not_go_back_as_a_person_says_is_free_again() {
    let (world, name, refund) = unknown(1_000).await;
    assert_eq!(money(&world).await, (AMOUNT - FEE, 1_000));
    let settled = settle(&world, &refund, "failed").await.expect(200);
    assert_eq!(settled["status"], "failed");
    assert_eq!(settled["reason"], "settled_by_hand: surat Midtrans 17/XI");
    assert_eq!(money(&world).await, (AMOUNT - FEE, 0));
    assert_eq!(note(&world, &name).await, "");
    // The order's further refunds are free too.
    let second = ask(&world, 2_000).await;
    assert_ne!(second["id"], refund["id"]);
    settle(&world, &second, "failed").await.expect(200);
    // If the provider says otherwise later, nothing moves: a person sees it, twice.
    world.gateway.provider.alter(&name, |transaction| {
        transaction.status = Status::PartialRefund;
        transaction.refunded.amount = Some(1_000);
        transaction.refunded.parts.push(RefundPart {
            chargeback_id: 1,
            amount: 1_000,
            created: gerbang::ledger::time::Timestamp::EPOCH,
            reason: None,
            key: Some(refund["id"].as_str().unwrap().to_owned()),
            method: None,
            confirmed: None,
            others: serde_json::Map::new(),
        });
    });
    let before = ends(&world);
    tell(&world, &name).await;
    assert_eq!(odd(&world, 1).await[0]["odd"], "taken_back");
    assert_eq!((ends(&world), money(&world).await), (before, (AMOUNT - FEE, 0)));
    assert_eq!(note(&world, &name).await, "the provider has given money back");
}

/// What is odd, once there is so much.
async fn odd(world: &World, count: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    for _ in 0..1_000 {
        let late = get("/api/v1/admin/late").by(&world.people.admin);
        let list = world.gateway.send(late).await.expect(200);
        rows = list["odd"].as_array().unwrap().clone();
        if rows.len() == count {
            return rows;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("{count} are not odd: {rows:?}");
}

#[tokio::test]
async fn what_was_taken_back_is_listed_until_a_person_has_looked() {
    let (world, name) = paid().await;
    world.gateway.provider.alter(&name, |transaction| transaction.status = Status::Chargeback);
    tell(&world, &name).await;
    let first = odd(&world, 1).await;
    assert_eq!(first[0]["odd"], "taken_back");
    assert_eq!(first[0]["said"], format!("chargeback, {AMOUNT} IDR"));
    assert_eq!(first[0]["charge"]["invoice"], name);
    let World { gateway, people, key } = world;
    let world = World { gateway: gateway.reopened(), people, key };
    assert_eq!(odd(&world, 1).await, first, "after a restart too");
    let settle = |id: &str, body: Value| {
        let path = format!("/api/v1/admin/odd/{id}/settle");
        world.gateway.send(post(&path, &body).by(&world.people.admin))
    };
    let id = first[0]["id"].as_str().unwrap();
    let because = json!({"reason": "ditagih ke merchant"});
    settle(id, json!({})).await.names("reason");
    settle("odd_01K4GZ9Q8E0000000000000013", because.clone()).await.refused(404, "not_found");
    let settled = settle(id, because.clone()).await.expect(200);
    assert_eq!(settled["status"], "settled");
    settle(id, because).await.refused(409, "conflict");
    assert!(odd(&world, 0).await.is_empty());
    // The same word again is not news; another one is.
    tell(&world, &name).await;
    crate::routes::charges::rest(&world.gateway).await;
    assert!(odd(&world, 0).await.is_empty());
    world.gateway.provider.alter(&name, |transaction| transaction.status = Status::Deny);
    tell(&world, &name).await;
    assert_eq!(odd(&world, 1).await[0]["said"], format!("deny, {AMOUNT} IDR"));
    assert_eq!(money(&world).await, (AMOUNT - FEE, 0), "nothing moves by it");
}

#[tokio::test]
async fn only_what_is_unknown_is_settled() {
    let (world, _, refund) = unknown(1_000).await;
    let strange = json!({"id": "rfd_01K4GZ9Q8E0000000000000013"});
    settle(&world, &strange, "failed").await.refused(404, "not_found");
    // A restart finds it open, and says the same of it.
    let World { gateway, people, key } = world;
    let world = World { gateway: gateway.reopened(), people, key };
    assert_eq!(list(&world, "").await[0]["id"], refund["id"]);
    settle(&world, &refund, "succeeded").await.expect(200);
    let World { gateway, people, key } = world;
    let world = World { gateway: gateway.reopened(), people, key };
    settle(&world, &refund, "failed").await.refused(409, "conflict");
    assert_eq!(ends(&world).len(), 1);
}
