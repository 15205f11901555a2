//! 36: what became of a transfer.

use serde_json::json;

use super::super::call::Question;
use super::super::code::{Service, Verdict};
use super::super::dialect::Dialect;
use super::super::status::Latest;
use super::{
    Reach, Response, check_date, check_money, check_reference, contradicts, judge, one_line,
    same_money, same_text, unreadable,
};
use crate::connector::outcome::{Outcome, Reason, Standing, Transferred};
use crate::connector::standard::StatusRequest;

/// Writes the question. Fails on what no bank takes; the transfer is as unknown as before then.
pub fn request(dialect: &Dialect, request: &StatusRequest) -> Result<Question, Reason> {
    check_reference(&request.reference)?;
    let money = check_money(&request.amount, &request.currency)?;
    let date = check_date(dialect, &request.date)?;
    let reach = if request.interbank { Reach::Interbank } else { Reach::Intrabank };
    let body = json!({
        "originalPartnerReferenceNo": request.reference,
        "serviceCode": reach.transfer().code(),
        "transactionDate": date,
        "amount": money.to_json(),
        "additionalInfo": {},
    });
    Ok(Question { service: Service::TransferStatus, body: body.to_string() })
}

/// Reads the answer to `asked`. What is said of another transfer or amount is not heard.
pub fn read(dialect: &Dialect, asked: &StatusRequest, response: Response<'_>) -> Standing {
    let unknown = |reason| Standing::Found(Outcome::Unknown(reason));
    let judged = judge(dialect, Service::TransferStatus, response);
    let fields = match (judged.verdict, judged.fields) {
        (Verdict::Done, Some(fields)) => fields,
        (Verdict::NotFound, Some(fields)) => {
            return if same_text(&fields, "originalPartnerReferenceNo", &asked.reference) {
                Standing::NotFound(judged.reason)
            } else {
                unknown(contradicts("reference"))
            };
        }
        _ => return unknown(judged.reason),
    };
    let Ok(money) = check_money(&asked.amount, &asked.currency) else {
        return unknown(contradicts("amount"));
    };
    if !same_text(&fields, "originalPartnerReferenceNo", &asked.reference) {
        return unknown(contradicts("reference"));
    }
    if !same_money(&fields, "amount", &money) {
        return unknown(contradicts("amount"));
    }
    let Some(latest) = fields.get("latestTransactionStatus").and_then(Latest::of_json) else {
        return unknown(unreadable("no status of the transfer"));
    };
    // Not every bank repeats its reference here.
    let reference = fields.text("originalReferenceNo").or_else(|| fields.text("referenceNumber"));
    let transferred = Transferred { bank_reference: one_line(reference.unwrap_or_default()) };
    let message = one_line(fields.text("transactionStatusDesc").unwrap_or_default());
    latest.standing(transferred, &message)
}
