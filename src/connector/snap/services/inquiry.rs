//! 15 and 16: whose account it is.

use serde_json::json;

use super::super::call::Question;
use super::super::dialect::Dialect;
use super::{
    Reach, Response, check_account, check_bank_code, check_reference, contradicts, done, one_line,
    same_text, unreadable,
};
use crate::connector::outcome::{Beneficiary, Outcome, Reason};
use crate::connector::standard::InquiryRequest;

/// Writes the question; the bank code decides whether it is 15 or 16. Fails on what no bank takes.
pub fn request(dialect: &Dialect, request: &InquiryRequest) -> Result<Question, Reason> {
    check_reference(&request.reference)?;
    check_account(&request.beneficiary_account_number)?;
    let reach = Reach::of(dialect, &request.beneficiary_bank_code);
    let mut body = json!({
        "partnerReferenceNo": request.reference,
        "beneficiaryAccountNo": request.beneficiary_account_number,
        "additionalInfo": {},
    });
    if reach == Reach::Interbank {
        let code = check_bank_code(dialect, &request.beneficiary_bank_code)?;
        body["beneficiaryBankCode"] = code.into();
        body["additionalInfo"] = (dialect.inquiry_info)(request);
    }
    Ok(Question { service: reach.inquiry(), body: body.to_string() })
}

/// Reads the answer to `asked`. A name that may be another account's is not taken.
pub fn read(
    dialect: &Dialect,
    asked: &InquiryRequest,
    response: Response<'_>,
) -> Outcome<Beneficiary> {
    let service = Reach::of(dialect, &asked.beneficiary_bank_code).inquiry();
    let fields = match done(dialect, service, response) {
        Ok(fields) => fields,
        Err(outcome) => return outcome,
    };
    if !same_text(&fields, "partnerReferenceNo", &asked.reference) {
        return Outcome::Unknown(contradicts("reference"));
    }
    if !same_text(&fields, "beneficiaryAccountNo", &asked.beneficiary_account_number) {
        return Outcome::Unknown(contradicts("account"));
    }
    match fields.text("beneficiaryAccountName") {
        Some(name) => Outcome::Succeeded(Beneficiary { account_name: one_line(name) }),
        None => Outcome::Unknown(unreadable("no name on the account")),
    }
}
