//! A sound body for each route of the matrix.

use serde_json::{Value, json};

use crate::edr;
use crate::support::PASSWORD;
use gerbang::http::api::routes::Route;

/// What is not in the path but has to be right.
pub(super) fn body(route: Route) -> Value {
    match route {
        Route::SignUp => json!({"username": "ani", "name": "x", "email": "a@contoh.id",
            "password": "kata-sandi-lain", "role": "buyer"}),
        Route::LogIn => json!({"login": "ani", "password": PASSWORD}),
        Route::Pay => json!({"to": "kasir", "amount": 1}),
        Route::ReadQr => json!({"qr": "x"}),
        Route::PayQr => json!({"qr": "x", "amount": 1}),
        Route::MakeMyKey => json!({"name": "toko", "scopes": ["read"]}),
        Route::MakeKey => json!({"owner": "budi", "name": "toko", "scopes": ["read"]}),
        Route::SetMerchant => json!({"methods": ["wallet"], "fee_basis_points": 70}),
        Route::AskCode => json!({"operation": "payment", "to": "kasir", "amount": 1}),
        Route::AnnounceTopUp => {
            json!({"amount": 1, "sender_bank_code": "014", "sender_name": "ANI"})
        }
        Route::TopUp => json!({"to": "budi", "amount": 1}),
        Route::IssueBill => json!({"name": "Nasi", "recipient": "budi", "amount": 1}),
        Route::PayBill => json!({"payment": "wallet"}),
        Route::AddRoom | Route::ChangeRoom => json!({"code": "A3", "name": "A3", "rate": 850_000}),
        Route::AddTenant => json!({"name": "Ani", "email": "ani@contoh.id", "username": "ani",
            "start_date": "2026-12-01", "room": "A2"}),
        Route::ChangeTenant => {
            json!({"name": "Budi", "email": "budi@contoh.id", "room": "A1", "rate": 800_000})
        }
        Route::AcceptTenancy => json!({"rate": 850_000, "start_date": "2026-12-01"}),
        Route::SetMethod => json!({"name": "Wallet", "title": "Dompet"}),
        Route::VirtualAccount => json!({"amount": 1, "payment_type": "echannel"}),
        Route::ResolveLate => json!({"to": "bill", "reason": "x"}),
        Route::RejectTopUp | Route::SettleOdd => json!({"reason": "x"}),
        Route::SetRole => json!({"role": "buyer"}),
        Route::Freeze => json!({"frozen": false, "reason": "x"}),
        Route::Adjust => json!({"direction": "in", "amount": 1, "reason": "x"}),
        Route::OpenAccount => json!({"currency": "USD"}),
        Route::Transfer => edr::request("T2"),
        Route::Withdraw => {
            json!({"amount": 1_000, "bank_code": "009", "account_number": "0115471119"})
        }
        Route::ReleasePayout
        | Route::DenyPayout
        | Route::Redeliver
        | Route::RefuseProposal
        | Route::RedeliverEvent
        | Route::RedeliverUserEvent => json!({"reason": "x"}),
        Route::AddWebhook | Route::ChangeWebhook | Route::ChangeUserWebhook => {
            json!({"url": "http://127.0.0.1:1/told"})
        }
        Route::SetCallback => json!({"url": "http://127.0.0.1:1/ended"}),
        Route::SettlePayout | Route::SettleRefund => json!({"outcome": "failed", "reason": "x"}),
        Route::AddPartner => {
            json!({"code": "022", "name": "CIMB", "priority": 4, "base_url": "http://cimb:1"})
        }
        Route::ChangePartner => {
            json!({"name": "BNI", "priority": 4, "base_url": "http://bni:1"})
        }
        Route::SetRoute => json!({"bank": "014", "usage": "TRANSFER INTERBANK",
            "local": "/api/bca/interbank", "external": "https://bca", "fee_fixed": 7_500}),
        Route::AddClient => json!({"id": "baru", "name": "Baru", "account_number": "1",
            "account_name": "BARU", "allow": ["10.0.0.0/8"]}),
        Route::ChangeClient => json!({"name": "IKI", "account_number": "1",
            "account_name": "IKI", "allow": ["127.0.0.1"]}),
        Route::PreviewRoute => json!({"bank_code": "022", "amount": 50_000}),
        Route::PreviewScreening => json!({"payer": "iki-modal", "bank_code": "022",
            "account_number": "0115471119", "amount": 50_000}),
        _ => body_of_codes(route),
    }
}

fn body_of_codes(route: Route) -> Value {
    match route {
        Route::ChangePassword => json!({"password": PASSWORD, "new_password": "kata-sandi-lain-9"}),
        Route::ConfirmApp => json!({"code": "123456"}),
        Route::EnrolApp => json!({"password": PASSWORD}),
        _ => json!({}),
    }
}
