//! Who is told of a bill and of its charges, in the log, live and by webhook: whoever owes it and
//! whoever issued it, whichever way it is paid.

use gerbang::connector::midtrans::status::Status;
use gerbang::ledger::id::UserId;
use serde_json::{Value, json};

use super::charges::{billed, rest, tell, until};
use super::stream::{Socket, next, open};
use crate::support::{People, TestGateway, funded, get, post};
use crate::webhooks::receiver::Receiver;

/// Ani, who owes, and the warung, who is owed: what each hears.
struct Ears {
    gateway: TestGateway,
    people: People,
    /// The bill's path.
    bill: String,
    sockets: [Socket; 2],
    hooks: [Receiver; 2],
}

impl Ears {
    async fn new() -> Self {
        let (gateway, people) = funded().await;
        let bill = billed(&gateway, &people).await;
        let address = gateway.listen().await;
        let hooks = [Receiver::start(&[]).await, Receiver::start(&[]).await];
        let mut sockets = Vec::new();
        for (token, hook) in [(&people.ani, &hooks[0]), (&people.warung, &hooks[1])] {
            let events = ["bill.paid", "charge.expired", "charge.pending"];
            let body = json!({"url": hook.url(), "events": events});
            gateway.send(post("/api/v1/webhooks", &body).by(token)).await.expect(201);
            let offer = format!("bearer, {token}");
            sockets.push(open(address, &[("sec-websocket-protocol", &offer)]).await.unwrap());
        }
        for name in ["ani", "warung"] {
            let user: UserId = gateway.gateway.view().user_by_name(name).unwrap().id;
            while gateway.gateway.hub().listeners_of(user) == 0 {
                tokio::task::yield_now().await;
            }
        }
        let sockets = sockets.try_into().unwrap();
        Self { gateway, people, bill, sockets, hooks }
    }

    /// The charge by which ani would pay, and its name at the provider.
    async fn charge(&self) -> (Value, String) {
        let (path, body) = (format!("{}/pay", self.bill), json!({"payment": "mandiri_bill"}));
        let charge = self.gateway.send(post(&path, &body).by(&self.people.ani)).await.expect(201);
        let order = charge["invoice"].as_str().unwrap().to_owned();
        (charge, order)
    }

    async fn turn(&self, charge: &Value, order: &str, status: Status, shown: &str) {
        self.gateway.provider.turn(order, status);
        tell(&self.gateway, self.gateway.provider.notification(order)).await.expect(200);
        until(&self.gateway, &self.people, charge, shown).await;
    }

    async fn log(&self, token: &str) -> Vec<Value> {
        let page = self.gateway.send(get("/api/v1/notifications").by(token)).await.expect(200);
        page["data"].as_array().unwrap().clone()
    }

    /// What a webhook is told of this kind.
    async fn message(&self, place: usize, kind: &str) -> Value {
        let mut count = 1;
        loop {
            let messages = self.hooks[place].messages(count).await;
            let bodies: Vec<Value> = messages.iter().map(|message| message.json()).collect();
            if let Some(found) = bodies.into_iter().find(|body| body["type"] == kind) {
                return found;
            }
            count = messages.len() + 1;
        }
    }

    /// Whether both were told last that the bill is paid, everywhere and in the same words.
    async fn both_heard_that_it_is_paid(&mut self) {
        let id = self.bill.rsplit('/').next().unwrap().to_owned();
        for (place, token) in [&self.people.ani, &self.people.warung].into_iter().enumerate() {
            let live = loop {
                let told = next(&mut self.sockets[place]).await;
                if told["type"] == "bill_paid" {
                    break told;
                }
            };
            let told = self.log(token).await.remove(0);
            let facts = json!([told["type"], told["bill"], told["from"], told["to"]]);
            assert_eq!(facts, json!(["bill_paid", id, "ani", "warung"]));
            assert_eq!(told["amount"], 25_000);
            for field in ["bill", "amount", "from", "to", "currency", "reference", "time"] {
                assert_eq!(live[field], told[field], "{field}");
            }
            let data = self.message(place, "bill.paid").await["data"].clone();
            let other = if place == 0 { "warung" } else { "ani" };
            assert_eq!((&data["bill"], &data["counterparty"]), (&json!(id), &json!(other)));
            assert_eq!((&data["amount"], &data["position"]), (&json!(25_000), &live["position"]));
        }
    }
}

#[tokio::test]
async fn both_are_told_of_a_bill_that_a_wallet_pays() {
    let mut ears = Ears::new().await;
    let path = format!("{}/pay", ears.bill);
    let pay = post(&path, &json!({"payment": "wallet"})).by(&ears.people.ani);
    ears.gateway.send(pay).await.expect(201);
    ears.both_heard_that_it_is_paid().await;
}

#[tokio::test]
async fn both_are_told_of_a_bill_that_the_provider_brings_money_for() {
    let mut ears = Ears::new().await;
    let (charge, order) = ears.charge().await;
    ears.turn(&charge, &order, Status::Settlement, "paid").await;
    ears.both_heard_that_it_is_paid().await;
    // It was not ani's balance, nor her cash flow.
    let ani = &ears.people.ani;
    let page = ears.gateway.send(get("/api/v1/transactions").by(ani)).await.expect(200);
    assert!(page["data"].as_array().unwrap().iter().all(|line| line["category"] == "top_up"));
    assert_eq!(ears.gateway.balance(ani).await, 1_000_000);
}

#[tokio::test]
async fn both_are_told_of_a_bill_that_late_money_pays() {
    let mut ears = Ears::new().await;
    let (charge, order) = ears.charge().await;
    ears.turn(&charge, &order, Status::Expire, "expired").await;
    ears.gateway.provider.force(&order, Status::Settlement);
    tell(&ears.gateway, ears.gateway.provider.notification(&order)).await.expect(200);
    rest(&ears.gateway).await;
    ears.both_heard_that_it_is_paid().await;
}

#[tokio::test]
async fn who_asked_for_a_charge_is_told_of_its_end_and_nobody_else() {
    let ears = Ears::new().await;
    let (charge, order) = ears.charge().await;
    ears.turn(&charge, &order, Status::Expire, "expired").await;
    let told = ears.log(&ears.people.ani).await.remove(0);
    assert_eq!((&told["type"], &told["charge"]), (&json!("charge_ended"), &charge["id"]));
    assert_eq!(told["status"], "expired");
    for kind in ["charge.pending", "charge.expired"] {
        assert_eq!(ears.message(0, kind).await["data"]["id"], charge["id"]);
    }
    assert_eq!(ears.log(&ears.people.warung).await, [] as [Value; 0]);
    let view = ears.gateway.gateway.view();
    let of_warung = view.user_by_name("warung").unwrap().id;
    assert_eq!(view.deliveries().all().iter().filter(|(_, it)| it.owner == of_warung).count(), 0);
    assert_eq!(ears.hooks[1].count(), 0);
}
