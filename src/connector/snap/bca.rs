//! BCA, 014.
//!
//! The path of the status service, and the codes within `additionalInfo` of a transfer to another
//! bank, are not in the papers at hand: to be confirmed when a bank account is connected.

use serde_json::{Value, json};

use super::dialect::{Amounts, Balances, BankCodes, Dialect, Paths, TimestampStyle};
use super::fields::Names;
use crate::connector::standard::{InquiryRequest, TransferRequest};

/// How BCA speaks SNAP.
pub(super) const DIALECT: Dialect = Dialect {
    bank: "014",
    paths: Paths {
        token: "/openapi/v1.0/access-token/b2b",
        balance_inquiry: "/openapi/v1.0/balance-inquiry",
        bank_statement: "/openapi/v1.0/bank-statement",
        inquiry_internal: "/openapi/v1.0/account-inquiry-internal",
        inquiry_external: "/openapi/v1.0/account-inquiry-external",
        transfer_intrabank: "/openapi/v1.0/transfer-intrabank",
        transfer_interbank: "/openapi/v2.0/transfer-interbank",
        transfer_status: "/openapi/v1.0/transfer/status",
    },
    partner_id_max: 36,
    external_id_max: 36,
    channel_id: 5..=5,
    timestamps: TimestampStyle::Seconds,
    bank_codes: BankCodes::ThreeDigits,
    names: Names::Exact,
    capitalised: &[],
    balances: Balances::Single,
    balance_reference: true,
    amounts: Amounts::TwoDecimals,
    inquiry_info,
    transfer_info,
};

fn inquiry_info(_: &InquiryRequest) -> Value {
    json!({})
}

/// By BI-FAST, for a purpose that is none of those listed.
fn transfer_info(_: &TransferRequest) -> Value {
    json!({"transferType": "2", "purposeCode": "99"})
}
