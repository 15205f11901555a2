//! Keys of applications: which scope opens which route, and that nothing else does.

use serde_json::json;
use tokio::runtime::Builder;

use super::matrix::{fixture, request};
use crate::support::{Ask, TestGateway, post};
use gerbang::http::api::routes::{Access, Route};
use gerbang::ledger::api_key::Scope;

const SCOPES: [&str; 4] = ["read", "charge", "payout", "batch"];

/// What each scope opens. A route that is not named is for people, or for nobody in particular.
const fn opens(route: Route) -> &'static [&'static str] {
    match route {
        Route::Me
        | Route::LookUp
        | Route::Balance
        | Route::Payment
        | Route::Transactions
        | Route::CashFlow
        | Route::Notifications
        | Route::TopUps
        | Route::Withdrawals
        | Route::Withdrawal
        | Route::Bills
        | Route::BillsTotal
        | Route::PaymentMethods
        | Route::HouseBills
        | Route::CountBills
        | Route::Rooms
        | Route::Tenants => &["read"],
        Route::Bill | Route::Charge | Route::Invoice => &["read", "charge"],
        Route::IssueBill | Route::CancelBill | Route::VirtualAccount => &["charge"],
        // From the wallet, as the fixture's payer wants to: see below.
        Route::PayBill | Route::Pay | Route::PayCharge | Route::PayBatch | Route::Refund => {
            &["batch"]
        }
        Route::Withdraw => &["payout"],
        _ => &[],
    }
}

fn with(ask: Ask, key: &str) -> Ask {
    ask.header("x-api-key", key)
}

async fn key(gateway: &TestGateway, admin: &str, owner: &str, scopes: &[&str]) -> String {
    let body = json!({"owner": owner, "name": "aplikasi", "scopes": scopes});
    let made = gateway.send(post("/api/v1/admin/api-keys", &body).by(admin)).await.expect(201);
    made["key"].as_str().unwrap().to_owned()
}

#[test]
fn a_scope_opens_its_routes_and_no_other() {
    for route in Route::ALL.iter().copied() {
        let needs_token = matches!(route.access(), Access::AnyUser | Access::Roles(_));
        if needs_token {
            // A gateway lives as long as its runtime, and hundreds at once would fill the memory.
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(check_one(route));
        } else {
            assert_eq!(opens(route), [""; 0], "{route:?}");
        }
    }
}

/// Who the route is for, among those who may have keys.
fn owner(route: Route) -> &'static str {
    use gerbang::ledger::event::Role;
    match route.access() {
        Access::Roles(roles) if roles.contains(&Role::Merchant) => "warung",
        Access::Roles(roles) if roles.contains(&Role::Client) => "kasir",
        _ => "ani",
    }
}

async fn check_one(route: Route) {
    let fixture = fixture().await;
    let (gateway, admin) = (&fixture.gateway, &fixture.people.admin);
    for scope in SCOPES {
        let key = key(gateway, admin, owner(route), &[scope]).await;
        let before = gateway.position();
        let answer = gateway.send(with(request(route, &fixture), &key)).await;
        let turned_away = answer.status == 403 && answer.text.contains("the key is not for this");
        assert_eq!(
            turned_away,
            !opens(route).contains(&scope),
            "{route:?} {scope}: {}",
            answer.text
        );
        if turned_away {
            let used = u64::from(route.scopes().iter().any(|one| one.name() == scope));
            assert!(gateway.position() <= before + used, "{route:?} {scope} left a trace");
        }
    }
}

#[test]
fn the_words_are_those_of_scopes() {
    assert_eq!(Scope::ALL.map(Scope::name), SCOPES);
}
