//! Mandiri, 008: other banks by BIC, amounts without decimals, names of fields in a mixed case.
//!
//! The path of the statement service is not in the papers at hand: to be confirmed when a bank
//! account is connected.

use serde_json::{Value, json};

use super::dialect::{Amounts, Balances, BankCodes, Dialect, Paths, TimestampStyle};
use super::fields::Names;
use crate::connector::standard::{InquiryRequest, TransferRequest};

/// How Mandiri speaks SNAP.
pub(super) const DIALECT: Dialect = Dialect {
    bank: "008",
    paths: Paths {
        token: "/openapi/auth/v2.0/access-token/b2b",
        balance_inquiry: "/openapi/customers/v2.1/balance-inquiry",
        bank_statement: "/openapi/customers/v2.0/bank-statement",
        inquiry_internal: "/openapi/customers/v2.0/account-inquiry-internal",
        inquiry_external: "/openapi/customers/v2.1/account-inquiry-external",
        transfer_intrabank: "/openapi/transactions/v2.0/transfer-intrabank",
        transfer_interbank: "/openapi/transactions/v2.1/transfer-interbank",
        transfer_status: "/openapi/transactions/v2.1/transfer/status",
    },
    partner_id_max: 16,
    external_id_max: 19,
    channel_id: 1..=4,
    timestamps: TimestampStyle::Seconds,
    bank_codes: BankCodes::Bic,
    names: Names::AnyCase,
    capitalised: &["beneficiaryAccountNo", "originalReferenceNo", "originalExternalId"],
    balances: Balances::List,
    balance_reference: false,
    amounts: Amounts::Whole,
    inquiry_info,
    transfer_info,
};

/// By BI-FAST: an account, for a purpose that is none of those listed.
fn inquiry_info(_: &InquiryRequest) -> Value {
    json!({"switcher": "BIFAST", "inquiryType": "1", "categoryPurpose": "99"})
}

fn transfer_info(request: &TransferRequest) -> Value {
    json!({
        "switcher": "BIFAST",
        "categoryPurpose": "99",
        "paymentDescription": request.remark,
        "nationalIdentityNumber": "-",
        "transactionIndicator": "1",
    })
}
