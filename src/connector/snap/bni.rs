//! BNI, 009: the standard to the letter. Its token has a path of another family than the rest.

use serde_json::{Value, json};

use super::dialect::{Amounts, Balances, BankCodes, Dialect, Paths, TimestampStyle};
use super::fields::Names;
use crate::connector::standard::{InquiryRequest, TransferRequest};

/// How BNI speaks SNAP.
pub(super) const DIALECT: Dialect = Dialect {
    bank: "009",
    paths: Paths {
        token: "/snap/v1/access-token/b2b",
        balance_inquiry: "/snap-service/v1/balance-inquiry",
        bank_statement: "/snap-service/v1/bank-statement",
        inquiry_internal: "/snap-service/v1/account-inquiry-internal",
        inquiry_external: "/snap-service/v1/account-inquiry-external",
        transfer_intrabank: "/snap-service/v1/transfer-intrabank",
        transfer_interbank: "/snap-service/v1/transfer-interbank",
        transfer_status: "/snap-service/v1/transfer/status",
    },
    partner_id_max: 36,
    external_id_max: 36,
    channel_id: 5..=5,
    timestamps: TimestampStyle::Seconds,
    bank_codes: BankCodes::ThreeDigits,
    names: Names::Exact,
    capitalised: &[],
    balances: Balances::List,
    balance_reference: true,
    amounts: Amounts::TwoDecimals,
    inquiry_info,
    transfer_info,
};

fn inquiry_info(_: &InquiryRequest) -> Value {
    json!({})
}

fn transfer_info(_: &TransferRequest) -> Value {
    json!({})
}
