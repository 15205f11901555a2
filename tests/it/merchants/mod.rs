//! Merchants of the gateway, who call it as they would call Midtrans.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gerbang::gateway::Settings;
use gerbang::gateway::codes::policy::{From, Policy};
use gerbang::identity::secret::Secret;
use gerbang::ledger::event::Role;
use gerbang::ledger::money::Amount;
use serde_json::{Value, json};

use crate::support::{Answer, Ask, People, TestGateway, funded, get, post, put, settings};

mod again;
mod bounds;
mod codes;
mod found;
mod given_back;
mod late;
mod orders;
mod pages;
mod qr;
mod races;
mod rows;
mod settled;
mod told;

/// What every order here costs, and what the house keeps of it: 70 basis points and Rp100.
const AMOUNT: u64 = 44_000;
const FEE: u64 = 408;

/// A gateway with a merchant.
struct World {
    gateway: TestGateway,
    people: People,
    key: String,
}

fn terms(methods: &[&str]) -> Value {
    json!({"methods": methods, "fee_basis_points": 70, "fee_fixed": 100})
}

fn basic(key: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{key}:")))
}

/// A request of a merchant with this key.
fn with(ask: Ask, key: &str) -> Ask {
    ask.header("authorization", &basic(key))
}

fn order(name: &str, payment_type: &str, more: &Value) -> Value {
    let mut body = json!({
        "payment_type": payment_type,
        "transaction_details": {"order_id": name, "gross_amount": AMOUNT},
        "custom_field1": "meja 7",
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn bca() -> Value {
    json!({"bank_transfer": {"bank": "bca"}})
}

fn code(body: &Value) -> &str {
    body["status_code"].as_str().unwrap_or_default()
}

impl World {
    async fn new() -> Self {
        let (gateway, people) = funded().await;
        let methods = ["wallet", "bank_transfer/bca", "echannel"];
        let key = made(&gateway, &people, "warung", &terms(&methods)).await;
        Self { gateway, people, key }
    }

    /// A merchant of a gateway in which one administrator moves so much without another.
    async fn alone_up_to(max: u64) -> Self {
        let top_up_alone_max = Amount::new(max);
        let gateway = TestGateway::with(Settings { top_up_alone_max, ..settings() });
        let people = gateway.people().await;
        let key = made(&gateway, &people, "warung", &terms(&["wallet"])).await;
        Self { gateway, people, key }
    }

    /// A merchant of a gateway that asks for one-time codes from Rp1.000 on.
    async fn with_codes() -> Self {
        let from = From::Amount(Amount::new(1_000).unwrap());
        let codes = Policy { payments: from, ..Policy::NEVER };
        let gateway = TestGateway::with(Settings { codes, ..settings() });
        let people = gateway.people().await;
        gateway.fund(&people, "ani", 1_000_000).await;
        let key = made(&gateway, &people, "warung", &terms(&["wallet"])).await;
        Self { gateway, people, key }
    }

    /// The digits that ani was sent for this.
    async fn digits(&self, what: &Value) -> String {
        let ask = post("/api/v1/auth/otp", what).by(&self.people.ani);
        self.gateway.send(ask).await.expect(202);
        for _ in 0..10_000 {
            if let Some((digits, _)) = self.gateway.phones.lock().unwrap().remove("ani") {
                return digits;
            }
            tokio::task::yield_now().await;
        }
        panic!("no code was sent");
    }

    async fn call(&self, ask: Ask) -> Answer {
        self.gateway.send(with(ask, &self.key)).await
    }

    async fn charge(&self, body: &Value) -> Value {
        self.call(post("/v2/charge", body)).await.json()
    }

    /// An order that a wallet can pay.
    async fn qris(&self, name: &str) -> Value {
        let told = self.charge(&order(name, "qris", &json!({}))).await;
        assert_eq!(code(&told), "201", "{told}");
        told
    }

    async fn status(&self, id: &str) -> Value {
        self.call(get(&format!("/v2/{id}/status"))).await.json()
    }

    async fn act(&self, id: &str, act: &str) -> Value {
        self.call(post(&format!("/v2/{id}/{act}"), &json!({}))).await.json()
    }

    async fn refund(&self, id: &str, body: &Value) -> Value {
        self.call(post(&format!("/v2/{id}/refund"), body)).await.json()
    }

    /// Where an order is paid from a wallet.
    fn pay_path(&self, told: &Value) -> String {
        let id = told["transaction_id"].as_str().unwrap();
        let found = self.gateway.gateway.order_by_id(id).unwrap().unwrap();
        format!("/api/v1/charges/{}/pay", found.id())
    }

    async fn pay(&self, told: &Value) -> Answer {
        let ask = post(&self.pay_path(told), &json!({})).by(&self.people.ani);
        self.gateway.send(ask).await
    }

    async fn balances(&self) -> (u64, u64) {
        let ani = self.gateway.balance(&self.people.ani).await;
        (ani, self.gateway.balance(&self.people.warung).await)
    }
}

/// Makes a user a merchant; its key.
async fn made(gateway: &TestGateway, people: &People, name: &str, terms: &Value) -> String {
    let path = format!("/api/v1/admin/merchants/{name}");
    let set = gateway.send(put(&path, terms).by(&people.admin)).await.expect(200);
    set["server_key"].as_str().unwrap().to_owned()
}

/// Whether this key is good.
fn is_good(gateway: &TestGateway, key: &str) -> bool {
    gateway.gateway.merchant_of(&Secret::new(key.to_owned())).is_some()
}

/// Another merchant, and its key.
async fn another(world: &World) -> String {
    world.gateway.user("toko", Role::Merchant).await;
    made(&world.gateway, &world.people, "toko", &terms(&["wallet"])).await
}
