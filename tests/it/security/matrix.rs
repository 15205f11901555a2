//! Every route for everybody: the authorization matrix, and other people's property.

use serde_json::{Value, json};
use tokio::runtime::Builder;

use super::bodies::body;
use super::{check_refusal, says_where};
use crate::edr;
use crate::support::{Ask, People, TestGateway, ask, get, id, post, put, raw};
use gerbang::http::api::routes::{Access, Route};
use gerbang::ledger::event::Role;
use gerbang::ledger::id::UserId;

/// What a route answers to each: nobody, ani (who pays), budi (a stranger), the merchant (who is
/// paid), the trusted client, an administrator, an application with a token that it signed.
type Row = [u16; 7];

/// The matrix. A route that is not declared here ends the test. A transfer takes what an application
/// signed; not even the user that it acts as will do.
///
/// Only ani has money, and the withdrawal is hers; the client would pay itself. The payout has ended,
/// there are routes, and there is one key.
const fn expected(route: Route) -> Row {
    match route {
        Route::Live | Route::Ready | Route::Metrics => [200; 7],
        Route::OpenApi | Route::Docs | Route::DocsErrors | Route::DocsStyle | Route::DocsScript => {
            [200; 7]
        }
        // The fixture's user is there already, the login is a right one, the body is no handshake.
        Route::SignUp => [409; 7],
        Route::LogIn => [200; 7],
        // No signature, no token.
        Route::Stream | Route::NotifiedByMidtrans => [400; 7],
        Route::LogOut => [401, 204, 204, 204, 204, 204, 401],
        Route::Me
        | Route::LookUp
        | Route::Balance
        | Route::Transactions
        | Route::CashFlow
        | Route::Notifications
        | Route::Withdrawals
        | Route::TopUps => [401, 200, 200, 200, 200, 200, 401],
        Route::Withdraw => [401, 202, 422, 422, 202, 422, 401],
        Route::Withdrawal | Route::Charge | Route::Invoice => [401, 200, 404, 404, 404, 200, 401],
        Route::Pay => [401, 201, 422, 201, 422, 422, 401],
        Route::AnnounceTopUp | Route::VirtualAccount => [401, 201, 201, 201, 201, 201, 401],
        Route::PayBatch => [401, 403, 403, 403, 200, 403, 401],
        Route::Payment => [401, 200, 404, 200, 404, 200, 401],
        Route::Refund => [401, 403, 404, 201, 404, 403, 401],
        Route::AwaitingTopUps
        | Route::Keys
        | Route::LateMoney
        | Route::SetRole
        | Route::Freeze
        | Route::OpenPayouts
        | Route::Partners
        | Route::ChangePartner
        | Route::RotatePartnerKey
        | Route::Routes
        | Route::SetRoute
        | Route::Clients
        | Route::ChangeClient
        | Route::RotateClientKey
        | Route::SetCallback
        | Route::CallbackLog
        | Route::Redeliver
        | Route::PreviewRoute
        | Route::PreviewScreening
        | Route::Reconcile => [401, 403, 403, 403, 403, 200, 401],
        Route::RemoveRoute | Route::RemoveClient | Route::RemoveCallback | Route::RevokeKey => {
            [401, 403, 403, 403, 403, 204, 401]
        }
        Route::ReleasePayout
        | Route::DenyPayout
        | Route::SettlePayout
        | Route::DropPartnerKey
        | Route::DropClientKey => [401, 403, 403, 403, 403, 409, 401],
        // No money is late.
        Route::ResolveLate => [401, 403, 403, 403, 403, 404, 401],
        Route::RemovePartner => [401, 403, 403, 403, 403, 400, 401],
        Route::AddPartner
        | Route::AddClient
        | Route::MakeKey
        | Route::TopUp
        | Route::ApproveTopUp
        | Route::RejectTopUp
        | Route::Adjust
        | Route::OpenAccount => [401, 403, 403, 403, 403, 201, 401],
        Route::Transfer | Route::TransferStanding => [401, 401, 401, 401, 401, 401, 200],
        _ => of_codes_and_keys(route),
    }
}

const fn expected_of_webhooks(route: Route) -> Row {
    match route {
        Route::Webhooks => [401, 200, 200, 200, 403, 200, 401],
        Route::AddWebhook => [401, 201, 201, 201, 403, 201, 401],
        // Ani's; administrators come to it by her name.
        Route::Webhook
        | Route::ChangeWebhook
        | Route::RotateWebhook
        | Route::TestWebhook
        | Route::Deliveries
        | Route::RedeliverEvent => [401, 200, 404, 404, 403, 404, 401],
        Route::RemoveWebhook => [401, 204, 404, 404, 403, 404, 401],
        Route::UserWebhooks
        | Route::UserWebhook
        | Route::ChangeUserWebhook
        | Route::UserDeliveries
        | Route::RedeliverUserEvent => [401, 403, 403, 403, 403, 200, 401],
        Route::RemoveUserWebhook => [401, 403, 403, 403, 403, 204, 401],
        _ => expected_of_houses(route),
    }
}

/// The rows about bills and boarding houses.
const fn expected_of_houses(route: Route) -> Row {
    match route {
        Route::Bills | Route::BillsTotal | Route::PaymentMethods => {
            [401, 200, 200, 200, 200, 200, 401]
        }
        Route::SetMethod => [401, 403, 403, 403, 403, 200, 401],
        Route::RemoveMethod => [401, 403, 403, 403, 403, 204, 401],
        // Budi does not bill himself; the warung has billed ani.
        Route::IssueBill => [401, 201, 400, 201, 201, 201, 401],
        Route::Bill => [401, 200, 404, 200, 404, 200, 401],
        Route::CancelBill => [401, 403, 404, 204, 404, 204, 401],
        Route::PayBill => [401, 201, 404, 403, 404, 403, 401],
        // The warung lets rooms.
        Route::HouseBills
        | Route::CountBills
        | Route::Rooms
        | Route::ChangeRoom
        | Route::ChangeTenant
        | Route::Tenants => [401, 403, 403, 200, 403, 200, 401],
        Route::AddRoom | Route::AddTenant => [401, 403, 403, 201, 403, 201, 401],
        Route::Tenancies => [401, 200, 200, 200, 200, 200, 401],
        // Budi is invited.
        Route::AcceptTenancy => [401, 404, 200, 404, 404, 404, 401],
        Route::DeclineTenancy => [401, 404, 204, 404, 404, 404, 401],
        Route::RemoveRoom | Route::DeleteTenant => [401, 403, 403, 204, 403, 204, 401],
        _ => panic!("a route stands in no part of the matrix"),
    }
}

/// Codes are for people who pay, and nobody has an app yet; keys of their own are for merchants.
const fn of_codes_and_keys(route: Route) -> Row {
    match route {
        Route::OpenRefunds => [401, 403, 403, 403, 403, 200, 401],
        Route::MethodLogo => [200; 7],
        // Without a query.
        Route::WithdrawalFee => [401, 400, 400, 400, 400, 400, 401],
        Route::AskCode => [401, 202, 202, 202, 403, 403, 401],
        // Without the code that would be sent for it.
        Route::EnrolApp => [401, 401, 401, 401, 403, 401, 401],
        Route::Merchants | Route::SetMerchant | Route::ReconcileDay => {
            [401, 403, 403, 403, 403, 200, 401]
        }
        Route::RemoveMerchant => [401, 403, 403, 403, 403, 204, 401],
        Route::Merchant | Route::ChangeMerchant | Route::RotateServerKey => {
            [401, 403, 403, 200, 403, 403, 401]
        }
        Route::DropServerKey => [401, 403, 403, 409, 403, 403, 401],
        Route::Proposals => [401, 403, 403, 403, 403, 200, 401],
        // Nothing is proposed, no refund is open, and nothing is odd.
        Route::ApproveProposal | Route::RefuseProposal | Route::SettleRefund | Route::SettleOdd => {
            [401, 403, 403, 403, 403, 404, 401]
        }
        Route::MerchantQr => [401, 403, 403, 200, 403, 403, 401],
        // The warung's own code; budi and the administrator have no money.
        Route::ReadQr | Route::ChangePassword => [401, 200, 200, 200, 200, 200, 401],
        Route::PayQr => [401, 201, 422, 422, 201, 422, 401],
        // The charge is no merchant's.
        Route::PayCharge => [401, 404, 404, 404, 404, 404, 401],
        Route::MyKeys => [401, 403, 403, 200, 403, 403, 401],
        Route::MakeMyKey => [401, 403, 403, 201, 403, 403, 401],
        Route::RevokeMyKey => [401, 403, 403, 204, 403, 403, 401],
        Route::ConfirmApp | Route::RemoveApp => [401, 404, 404, 404, 403, 404, 401],
        _ => expected_of_webhooks(route),
    }
}

pub(super) fn request(route: Route, fixture: &Fixture) -> Ask {
    let Fixture { payment, top_up, payout, charge, key, webhook, bill, room, tenant, .. } = fixture;
    let path = format!("/{}", route.pattern());
    let path = path.replace("routes/{}/{}", "routes/014/TRANSFER");
    let path = path.replace("users/{}/webhooks", "users/ani/webhooks");
    let path = path.replace("webhooks/{}", &format!("webhooks/{webhook}"));
    let path =
        path.replace("deliveries/{}", &format!("deliveries/{}", payment.replace("pay", "msg")));
    let variable = match route {
        Route::TransferStanding => "T1",
        Route::Payment | Route::Refund => payment,
        Route::ApproveTopUp | Route::RejectTopUp => top_up,
        Route::Charge | Route::Invoice | Route::PayCharge => charge,
        Route::SetMerchant | Route::RemoveMerchant => "warung",
        Route::MethodLogo => "wallet.svg",
        _ if path.contains("/payouts/") || path.contains("/withdrawals/") => payout,
        _ if path.contains("/api-keys/") => key,
        _ if path.contains("/bills/") => bill,
        _ if path.contains("/rooms/") => room,
        _ if path.contains("/tenants/") || path.contains("/tenancies/") => tenant,
        _ if path.contains("/payment-methods/") => "wallet",
        _ if path.contains("/partners/") => "009",
        _ if path.contains("/clients/") => "iki-modal",
        _ => "budi",
    };
    let path = path.replace("{}", variable);
    match (route, route.method()) {
        (Route::PayBatch, _) => raw(&path, "application/x-ndjson", ""),
        (Route::ReconcileDay, _) => post(&path, &json!({"date": "2026-11-18", "transactions": []})),
        (Route::Reconcile, _) => raw(&format!("{path}?bank=009"), "text/csv", STATEMENT),
        (Route::ReadQr | Route::PayQr, _) => {
            let warung = fixture.gateway.gateway.own_code(UserId(2)).unwrap().0;
            let mut body = body(route);
            body["qr"] = json!(warung);
            post(&path, &body)
        }
        (_, "POST") => post(&path, &body(route)),
        (_, "PUT") => put(&path, &body(route)),
        (_, method) => ask(method, &path),
    }
}

const STATEMENT: &str = "date,reference,beneficiary_bank,beneficiary_account,amount,currency,type\n\
    2026-11-18,X,009,1,1,IDR,DEBIT\n";

pub(super) struct Fixture {
    pub(super) gateway: TestGateway,
    pub(super) people: People,
    payment: String,
    top_up: String,
    payout: String,
    key: String,
    webhook: String,
    charge: String,
    bill: String,
    room: String,
    tenant: String,
}

/// A payment of ani to the warung, a top-up that waits, a withdrawal that is done, and a charge; a bill of
/// the warung to ani, and its two rooms, budi in the first.
pub(super) async fn fixture() -> Fixture {
    let (gateway, people) = edr::edr().await;
    gateway.send(edr::transfer(&gateway, &edr::request("T1"))).await.expect(200);
    let pay = post("/api/v1/payments", &json!({"to": "warung", "amount": 50})).by(&people.ani);
    let payment = id("pay", gateway.send(pay).await.position());
    let announce = post("/api/v1/topups/bank-transfer", &body(Route::AnnounceTopUp));
    let top_up = id("top", gateway.send(announce.by(&people.ani)).await.position());
    let withdraw = post("/api/v1/withdrawals", &body(Route::Withdraw)).by(&people.ani);
    let payout = gateway.send(withdraw).await.expect(202)["id"].as_str().unwrap().to_owned();
    let awaited = post("/api/v1/topups/virtual-account", &body(Route::VirtualAccount));
    let awaited = gateway.send(awaited.by(&people.ani)).await.expect(201);
    let charge = awaited["id"].as_str().unwrap().to_owned();
    let make = post("/api/v1/api-keys", &body(Route::MakeMyKey)).by(&people.warung);
    let key = gateway.send(make).await.expect(201)["id"].as_str().unwrap().to_owned();
    let made = |path: &'static str, body: Value, token: &str| {
        let ask = post(path, &body).by(token);
        async { gateway.send(ask).await.expect(201)["id"].as_str().unwrap().to_owned() }
    };
    let bill = json!({"name": "Nasi", "recipient": "ani", "amount": 50});
    let bill = made("/api/v1/bills", bill, &people.warung).await;
    let room = |code: &str| json!({"code": code, "rate": 850_000});
    made("/api/v1/admin/rooms", room("A1"), &people.warung).await;
    let free = made("/api/v1/admin/rooms", room("A2"), &people.warung).await;
    let tenant = json!({"name": "Budi", "email": "budi@contoh.id", "username": "budi",
        "start_date": "2026-12-01", "room": "A1"});
    let tenant = made("/api/v1/admin/tenants", tenant, &people.warung).await;
    let method = put("/api/v1/admin/payment-methods/wallet", &body(Route::SetMethod));
    gateway.send(method.by(&people.admin)).await.expect(200);
    let merchant = put("/api/v1/admin/merchants/warung", &body(Route::SetMerchant));
    gateway.send(merchant.by(&people.admin)).await.expect(200);
    // The last of all: nothing of the above is told to it.
    let add = post("/api/v1/webhooks", &body(Route::AddWebhook)).by(&people.ani);
    let webhook = gateway.send(add).await.expect(201)["id"].as_str().unwrap().to_owned();
    let room = free;
    Fixture { gateway, people, payment, top_up, payout, charge, key, webhook, bill, room, tenant }
}

#[test]
fn everybody_may_do_what_the_matrix_says_and_nothing_else() {
    for route in Route::ALL.iter().copied() {
        for (who, status) in expected(route).into_iter().enumerate() {
            // A gateway lives as long as its runtime, and hundreds at once would fill the memory.
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(check_one(route, who, status));
        }
    }
}

async fn check_one(route: Route, who: usize, status: u16) {
    let fixture = fixture().await;
    let request = request(route, &fixture);
    let Fixture { gateway, people, .. } = &fixture;
    let application = edr::token(gateway);
    let People { ani, budi, warung, kasir, admin, .. } = people;
    let tokens = ["", ani, budi, warung, kasir, admin, &application];
    let request = if who == 0 { request } else { request.by(tokens[who]) };
    let before = gateway.position();
    let answer = gateway.send(request).await;
    assert_eq!(answer.status, status, "{route:?} for {who}: {}", answer.text);
    if route.access() != Access::Application {
        match route {
            Route::EnrolApp if matches!(who, 1..=3 | 5) => {
                drop(answer.refused(401, "otp_required"))
            }
            _ => check_refusal(&answer),
        }
    }
    if status < 300 && route.method() != "GET" && gateway.position() > before {
        says_where(route, &answer, before);
    }
    if matches!(status, 401 | 403 | 404) {
        assert_eq!(gateway.position(), before, "{route:?} for {who} left a trace");
    }
}

#[test]
fn the_matrix_agrees_with_what_routes_declare() {
    for route in Route::ALL.iter().copied() {
        let row = expected(route);
        match route.access() {
            Access::Anyone => assert_ne!(row[0], 401, "{route:?}"),
            Access::AnyUser => assert_eq!((row[0], row[6]), (401, 401), "{route:?}"),
            Access::Application => assert_eq!(row[..6], [401; 6], "{route:?}"),
            Access::Roles(roles) => {
                assert_eq!(row[0], 401, "{route:?}");
                let of = [Role::Buyer, Role::Buyer, Role::Merchant, Role::Client, Role::Admin];
                for (who, role) in of.into_iter().enumerate() {
                    assert_eq!(row[who + 1] == 403, !roles.contains(&role), "{route:?} {role:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn other_peoples_payments_look_like_none() {
    let Fixture { gateway, people, payment, .. } = fixture().await;
    let show =
        |id: &str, token: &str| gateway.send(get(&format!("/api/v1/payments/{id}")).by(token));
    let foreign = show(&payment, &people.budi).await.refused(404, "not_found");
    let none = show(&id("pay", 4_000), &people.budi).await.refused(404, "not_found");
    assert_eq!(foreign, none);
    let refund = |id: &str| {
        let path = format!("/api/v1/payments/{id}/refund");
        gateway.send(post(&path, &json!({})).by(&people.budi))
    };
    assert_eq!(refund(&payment).await.text, refund(&id("pay", 4_000)).await.text);
    for list in ["transactions", "topups", "notifications", "withdrawals"] {
        let path = format!("/api/v1/{list}");
        let lines = gateway.send(get(&path).by(&people.budi)).await.expect(200);
        assert_eq!(lines["data"], json!([]), "{list}");
    }
}

/// What some route takes, if it likes.
const OPTIONAL: [&str; 4] = ["note", "currency", "reference", "user"];

#[tokio::test]
async fn what_an_answer_says_cannot_be_sent_back_as_a_wish() {
    let Fixture { gateway, people, payment, top_up, payout, .. } = fixture().await;
    let shown = gateway.send(get(&format!("/api/v1/payments/{payment}")).by(&people.ani)).await;
    let me = gateway.send(get("/api/v1/me").by(&people.ani)).await.expect(200);
    let balance = gateway.send(get("/api/v1/balance").by(&people.ani)).await.expect(200);
    let mut wishes = shown.expect(200).as_object().unwrap().clone();
    for more in [&me["user"], &me["account"], &balance] {
        wishes.extend(more.as_object().unwrap().clone());
    }
    wishes.insert("sessions_from".to_owned(), json!("2020-01-01T00:00:00Z"));
    wishes.insert("floor".to_owned(), json!(-1_000_000));
    for route in Route::ALL.iter().copied() {
        let good = body(route);
        let by_user = route.access() != Access::Application;
        let takes_json =
            by_user && route.method() == "POST" && !good.as_object().unwrap().is_empty();
        if !takes_json {
            continue;
        }
        for (field, value) in &wishes {
            let optional = OPTIONAL.contains(&field.as_str());
            if good.get(field).is_some() || optional {
                continue;
            }
            let mut wish = good.clone();
            wish[field] = value.clone();
            let path = format!("/{}", route.pattern());
            let path = path.replace("topups/{}", &format!("topups/{top_up}"));
            let path = path.replace("payouts/{}", &format!("payouts/{payout}"));
            let path = path.replace("{}", "ani");
            let own = route == Route::MakeMyKey;
            let token = if own { &people.warung } else { &people.admin };
            let answer = gateway.send(post(&path, &wish).by(token)).await;
            // A name that is known, with a value that is none, is refused by that name too.
            answer.names(field);
        }
    }
}
