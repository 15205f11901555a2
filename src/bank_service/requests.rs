//! What the gateway may ask: every field checked before the bank hears of it.
//!
//! The gateway is ours and asks no nonsense; but whoever has its key could, and a field that a bank
//! reads otherwise than we do moves other money than was meant.

use crate::connector::standard::{InquiryRequest, StatusRequest, TransferRequest};
use crate::http::problem::ApiError;
use crate::ledger::money::{Amount, Currency};
use crate::ledger::time::Timestamp;
use crate::limits::{BANK_ACCOUNT_MAX, BANK_REFERENCE_MAX, NAME_MAX, NOTE_MAX};

pub(super) fn check_transfer(request: &TransferRequest) -> Result<(), ApiError> {
    check_reference(&request.reference)?;
    check_beneficiary(&request.beneficiary_bank_code, &request.beneficiary_account_number)?;
    let name = &request.beneficiary_account_name;
    check("beneficiaryAccountName", is_line(name, NAME_MAX), "must be one line, not too long")?;
    check("remark", is_line(&request.remark, NOTE_MAX), "must be one line, not too long")?;
    check_money(&request.amount, &request.currency)?;
    check_date(&request.date)
}

pub(super) fn check_inquiry(request: &InquiryRequest) -> Result<(), ApiError> {
    check_reference(&request.reference)?;
    check_beneficiary(&request.beneficiary_bank_code, &request.beneficiary_account_number)
}

pub(super) fn check_status(request: &StatusRequest) -> Result<(), ApiError> {
    check_reference(&request.reference)?;
    check_money(&request.amount, &request.currency)?;
    check_date(&request.date)
}

fn check(field: &'static str, fits: bool, message: &'static str) -> Result<(), ApiError> {
    if fits { Ok(()) } else { Err(ApiError::field(field, message)) }
}

fn check_reference(reference: &str) -> Result<(), ApiError> {
    let fits = (1..=BANK_REFERENCE_MAX).contains(&reference.len())
        && reference.bytes().all(|byte| byte.is_ascii_alphanumeric());
    check("reference", fits, "must be 1 to 32 letters and digits")
}

fn check_beneficiary(bank_code: &str, account: &str) -> Result<(), ApiError> {
    check("beneficiaryBankCode", is_digits(bank_code, 3, 3), "must be three digits")?;
    let fits = is_digits(account, 1, BANK_ACCOUNT_MAX);
    check("beneficiaryAccountNumber", fits, "must be 1 to 34 digits")
}

fn check_money(amount: &str, currency: &str) -> Result<(), ApiError> {
    // 16 digits hold the largest amount; none of them is a zero in front.
    let plain = is_digits(amount, 1, 16) && !amount.starts_with('0');
    let units = amount.parse().ok().filter(|_| plain).and_then(Amount::new);
    check("amount", units.is_some(), "must be digits, from 1 to 1000000000000000")?;
    check("currency", Currency::parse(currency).is_some(), "must be an ISO 4217 code like IDR")
}

fn check_date(date: &str) -> Result<(), ApiError> {
    check("date", Timestamp::parse_rfc3339(date).is_some(), "must be RFC 3339 with an offset")
}

fn is_digits(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_line(text: &str, most: usize) -> bool {
    text.len() <= most && !text.chars().any(char::is_control)
}
