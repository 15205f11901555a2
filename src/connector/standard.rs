//! The standard request (EDR-5): what the gateway says to a bank service, the same for every bank.
//!
//! Three POSTs beside each other. `{usage}` is the last part of the route's local endpoint, as
//! `/api/bni/transfer` or `/api/bni/transferInterbank`; the others stand in the same directory:
//! `/api/bni/inquiry` and `/api/bni/status`. Each carries `Authorization: Bearer <JWT>`, HS256 with
//! the partner's key token: `iss` `gerbang`, `aud` the partner's bank code, `iat`, `exp`.
//!
//! An answer with status 200 holds one `outcome`; any other status means that the bank service did
//! not take the request: its bank was not asked.

use serde::{Deserialize, Serialize};

/// Asks for money to be moved. Sent once per `reference`, whatever happens.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransferRequest {
    /// One try's own name: `partnerReferenceNo` at the bank. At most 32 letters and digits.
    pub reference: String,
    /// The three-digit code of the bank that is to receive it.
    pub beneficiary_bank_code: String,
    /// The account that is to receive it.
    pub beneficiary_account_number: String,
    /// The name on it, from an inquiry.
    pub beneficiary_account_name: String,
    /// Whole units, as digits.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
    /// For the beneficiary's statement.
    pub remark: String,
    /// When the try was decided, RFC 3339 with offset: `transactionDate` at the bank.
    pub date: String,
}

/// Asks whose account it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InquiryRequest {
    /// One question's own name.
    pub reference: String,
    /// The three-digit code of the bank that has the account.
    pub beneficiary_bank_code: String,
    /// The account.
    pub beneficiary_account_number: String,
}

/// Asks what became of a transfer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatusRequest {
    /// The `reference` of the transfer.
    pub reference: String,
    /// Whether it went by the interbank service.
    pub interbank: bool,
    /// Its amount, in whole units, as digits.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
    /// Its `date`.
    pub date: String,
}

/// What the bank service concludes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answer {
    /// `succeeded`, `refused`, `not_sent` or `unknown`; to a status request also `not_found`.
    pub outcome: String,
    /// The bank's code, or the bank service's own.
    #[serde(default)]
    pub code: String,
    /// One line for people.
    #[serde(default)]
    pub message: String,
    /// The bank's reference of a transfer that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bank_reference: Option<String>,
    /// The name on an account that was inquired about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
}
