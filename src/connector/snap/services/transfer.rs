//! 17 and 18: money moves.

use serde_json::json;

use super::super::call::{Partner, Question};
use super::super::dialect::Dialect;
use super::{
    Reach, Response, check_account, check_bank_code, check_date, check_money, check_reference,
    contradicts, done, malformed, one_line, same_money, same_text, unreadable,
};
use crate::connector::banks;
use crate::connector::outcome::{Outcome, Reason, Transferred};
use crate::connector::standard::TransferRequest;

/// Writes the order. Fails on what no bank takes, and on a route that does not lead to that bank:
/// nothing has been sent then.
pub fn request(
    dialect: &Dialect,
    partner: &Partner,
    reach: Reach,
    request: &TransferRequest,
) -> Result<Question, Reason> {
    check_reference(&request.reference)?;
    check_account(&request.beneficiary_account_number)?;
    if reach != Reach::of(dialect, &request.beneficiary_bank_code) {
        return Err(malformed("the route does not lead to that bank"));
    }
    let money = check_money(&request.amount, &request.currency)?;
    let date = check_date(dialect, &request.date)?;
    let mut body = json!({
        "partnerReferenceNo": request.reference,
        "amount": money.to_json(),
        "beneficiaryAccountNo": request.beneficiary_account_number,
        "currency": request.currency,
        "customerReference": request.reference,
        "feeType": "OUR",
        "remark": request.remark,
        "sourceAccountNo": partner.source_account,
        "transactionDate": date,
        "originatorInfos": [],
        "additionalInfo": {},
    });
    if reach == Reach::Interbank {
        let code = check_bank_code(dialect, &request.beneficiary_bank_code)?;
        let bank = banks::find(&request.beneficiary_bank_code).map_or("", |bank| bank.name);
        body["beneficiaryAccountName"] = request.beneficiary_account_name.as_str().into();
        body["beneficiaryBankCode"] = code.into();
        body["beneficiaryBankName"] = bank.into();
        body["additionalInfo"] = (dialect.transfer_info)(request);
    }
    Ok(Question { service: reach.transfer(), body: body.to_string() })
}

/// Reads the answer to `sent`. A success that speaks of another transfer or another amount, or
/// that has no reference to find it by, is unknown.
pub fn read(
    dialect: &Dialect,
    reach: Reach,
    sent: &TransferRequest,
    response: Response<'_>,
) -> Outcome<Transferred> {
    let fields = match done(dialect, reach.transfer(), response) {
        Ok(fields) => fields,
        Err(outcome) => return outcome,
    };
    let Ok(money) = check_money(&sent.amount, &sent.currency) else {
        return Outcome::Unknown(contradicts("amount"));
    };
    if !same_text(&fields, "partnerReferenceNo", &sent.reference) {
        return Outcome::Unknown(contradicts("reference"));
    }
    if !same_money(&fields, "amount", &money) {
        return Outcome::Unknown(contradicts("amount"));
    }
    match fields.text("referenceNo") {
        Some(reference) => Outcome::Succeeded(Transferred { bank_reference: one_line(reference) }),
        None => Outcome::Unknown(unreadable("a success without the bank's reference")),
    }
}
