//! The paper's partners, routes and client, over banks in memory, for tests of transfers.

use gerbang::gateway::client::purpose;
use gerbang::identity::secret::Secret;
use gerbang::identity::token::sign_client;
use gerbang::ledger::id::Principal;
use gerbang::ledger::money::BasisPoints;
use gerbang::ledger::registry::{
    BankCode, Client, Keys, Partner, RegistryChange, Route, SealedKey, Usage,
};
use gerbang::ledger::text::{ClientId, Line};
use serde_json::{Value, json};

use crate::support::{Ask, People, TestGateway, post, settings};

/// The key token of the client.
pub(crate) const KEY: &str = "gkt_kunci-uji-yang-cukup-panjang-0123456789";
/// What the escrow account of the client begins with.
pub(crate) const ESCROW: u64 = 20_000_000;
/// What an interbank transfer costs.
pub(crate) const FEE: u64 = 6_500;

/// A gateway with everybody, the paper's tables, and money for the client and for ani.
pub(crate) async fn edr() -> (TestGateway, People) {
    edr_with(settings()).await
}

/// [`edr`] that does not wait for banks.
pub(crate) async fn hasty() -> (TestGateway, People) {
    let answer_within = std::time::Duration::ZERO;
    edr_with(gerbang::gateway::Settings { answer_within, ..settings() }).await
}

pub(crate) async fn edr_with(settings: gerbang::gateway::Settings) -> (TestGateway, People) {
    let gateway = TestGateway::with(settings);
    let people = gateway.people().await;
    for _ in 0..4 {
        gateway.fund(&people, "kasir", ESCROW / 4).await;
    }
    gateway.fund(&people, "ani", 1_000_000).await;
    for (priority, code) in [(1, "009"), (2, "014"), (3, "008")] {
        set(&gateway, RegistryChange::PartnerSet(partner(code, priority))).await;
        set(&gateway, RegistryChange::RouteSet(route(code, Usage::Transfer, 0))).await;
    }
    set(&gateway, RegistryChange::RouteSet(route("009", Usage::Interbank, FEE))).await;
    set(&gateway, RegistryChange::ClientSet(client(&gateway))).await;
    (gateway, people)
}

pub(crate) async fn set(gateway: &TestGateway, change: RegistryChange) {
    gateway.gateway.change_registry(Principal::Operator, change).await.unwrap();
}

/// The client, whose user is kasir.
pub(crate) fn client(gateway: &TestGateway) -> Client {
    let id = ClientId::parse("iki-modal").unwrap();
    Client {
        name: line("IKI Modal"),
        user: gateway.gateway.look_up("kasir").unwrap().id,
        account_number: line("0847652590"),
        account_name: line("IKIMODAL"),
        allow: vec![line("127.0.0.1")],
        keys: Keys { current: sealed(gateway, &id, KEY), previous: None },
        per_transfer_max: None,
        per_day_max: None,
        requests_per_second: None,
        allow_interbank_fallback: true,
        callback: None,
        disabled: false,
        id,
    }
}

pub(crate) fn sealed(gateway: &TestGateway, id: &ClientId, key: &str) -> SealedKey {
    gateway.vault.seal(&purpose(id), &Secret::new(key.to_owned()))
}

fn partner(code: &str, priority: u16) -> Partner {
    let secret = Secret::new("never opened here".to_owned());
    let keys = Keys { current: SealedKey(secret.expose().as_bytes().into()), previous: None };
    Partner {
        code: BankCode::parse(code).unwrap(),
        name: line(code),
        priority,
        keys,
        base_url: line("http://127.0.0.1:1"),
        maintenance: None,
        disabled: false,
    }
}

pub(crate) fn route(code: &str, usage: Usage, fee_fixed: u64) -> Route {
    Route {
        bank: BankCode::parse(code).unwrap(),
        usage,
        local: line("/api/bank/transfer"),
        external: line("https://bank.example"),
        fee_fixed,
        fee_basis_points: BasisPoints::new(0).unwrap(),
    }
}

pub(crate) fn line(text: &str) -> Line {
    Line::parse(text, 255).unwrap()
}

/// A token that the client signs now.
pub(crate) fn token(gateway: &TestGateway) -> String {
    token_of(gateway, "iki-modal", KEY)
}

pub(crate) fn token_of(gateway: &TestGateway, id: &str, key: &str) -> String {
    sign_client(id, key.as_bytes(), gateway.clock.now()).unwrap()
}

/// The paper's request, with another number.
pub(crate) fn request(transaction: &str) -> Value {
    json!({
        "transactionId": transaction, "accountNumber": "0847652590",
        "beneficiaryBankCode": "009", "beneficiaryAccountNumber": "0115471119",
        "amount": "2475000", "remark": "Paylater - FDP29771029211",
    })
}

/// A transfer that the client asks for.
pub(crate) fn transfer(gateway: &TestGateway, body: &Value) -> Ask {
    post("/api/transfer", body).by(&token(gateway))
}
