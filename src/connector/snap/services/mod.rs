//! The services: each writes its question and reads the answer.
//!
//! An answer is hostile until it is read: anything in it may be missing, of another type, twice
//! there, or somebody else's.

pub mod account;
pub mod inquiry;
pub mod status;
pub mod token;
pub mod transfer;

use super::code::{self, ResponseCode, Service, Verdict};
use super::dialect::Dialect;
use super::fields::Fields;
use super::money::Money;
use crate::connector::outcome::{Outcome, Reason};
use crate::limits;

/// What came back over HTTP, whole.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

/// An answer that was judged.
struct Judged {
    verdict: Verdict,
    reason: Reason,
    /// Empty if the body could not be read.
    fields: Option<Fields>,
}

fn judge(dialect: &Dialect, service: Service, response: Response<'_>) -> Judged {
    let fields = Fields::parse(response.body, dialect.names);
    let code = fields.as_ref().and_then(|fields| fields.get("responseCode"));
    let code = code.and_then(ResponseCode::of_json);
    let reason = match code {
        Some(code) => {
            let message = fields.as_ref().and_then(|fields| fields.text("responseMessage"));
            Reason::new(code.as_str(), one_line(message.unwrap_or_default()))
        }
        None => unreadable(&format!("HTTP {} without a responseCode", response.status)),
    };
    Judged { verdict: code::judge(service, response.status, code), reason, fields }
}

/// The fields of an answer that says it was done; else what follows.
fn done<T>(
    dialect: &Dialect,
    service: Service,
    response: Response<'_>,
) -> Result<Fields, Outcome<T>> {
    let Judged { verdict, reason, fields } = judge(dialect, service, response);
    match (verdict, fields) {
        (Verdict::Done, Some(fields)) => Ok(fields),
        (Verdict::Refused, _) => Err(Outcome::Refused(reason)),
        (Verdict::NotSent, _) => Err(Outcome::NotSent(reason)),
        (Verdict::Done | Verdict::NotFound | Verdict::Unknown, _) => Err(Outcome::Unknown(reason)),
    }
}

/// An answer that lacks what it must have.
fn unreadable(message: &str) -> Reason {
    Reason::new("unreadable_answer", message)
}

/// An answer that is not to what was asked.
fn contradicts(what: &str) -> Reason {
    Reason::new("contradicting_answer", format!("the answer names another {what}"))
}

/// Whether a field of the answer, if it is there, says what was asked.
fn same_text(fields: &Fields, name: &str, asked: &str) -> bool {
    fields.get(name).is_none_or(|value| value.as_str().is_some_and(|text| text.trim() == asked))
}

/// The same for an amount.
fn same_money(fields: &Fields, name: &str, asked: &Money) -> bool {
    let told = || fields.object(name).and_then(|object| Money::read(&object));
    fields.get(name).is_none() || told().as_ref() == Some(asked)
}

/// A bank's words, fit for a log and a page: one line, not too long.
fn one_line(text: &str) -> String {
    let kept = text.chars().map(|char| if char.is_control() { ' ' } else { char });
    kept.take(limits::BANK_MESSAGE_MAX).collect()
}

/// A request of ours that no bank could take: it is not sent.
fn malformed(what: &str) -> Reason {
    Reason::new("malformed_request", what)
}

fn check_reference(reference: &str) -> Result<(), Reason> {
    let plain = reference.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain && (1..=limits::BANK_REFERENCE_MAX).contains(&reference.len()) {
        return Ok(());
    }
    Err(malformed("the reference must be 1 to 32 letters and digits"))
}

fn check_account(account: &str) -> Result<(), Reason> {
    let digits = account.bytes().all(|byte| byte.is_ascii_digit());
    if digits && (1..=limits::BANK_ACCOUNT_MAX).contains(&account.len()) {
        return Ok(());
    }
    Err(malformed("the account number must be 1 to 34 digits"))
}

fn check_bank_code(dialect: &Dialect, code: &str) -> Result<&'static str, Reason> {
    dialect.bank_code(code).ok_or_else(|| malformed("this bank cannot be told of that bank"))
}

fn check_money(amount: &str, currency: &str) -> Result<Money, Reason> {
    let letters = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
    let money = Money::of_digits(amount, currency).filter(|_| letters);
    money.ok_or_else(|| malformed("the amount must be whole units of a currency"))
}

fn check_date(dialect: &Dialect, date: &str) -> Result<String, Reason> {
    let time = crate::ledger::time::Timestamp::parse_rfc3339(date);
    time.map(|time| dialect.timestamp(time)).ok_or_else(|| malformed("the date is not RFC 3339"))
}

/// Whether money stays within the bank. It decides service and path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// Both accounts are the bank's own.
    Intrabank,
    /// The other account is another bank's.
    Interbank,
}

impl Reach {
    /// From this bank to a bank.
    pub fn of(dialect: &Dialect, bank_code: &str) -> Self {
        if dialect.bank == bank_code { Self::Intrabank } else { Self::Interbank }
    }

    /// The service that moves money so far.
    pub const fn transfer(self) -> Service {
        match self {
            Self::Intrabank => Service::TransferIntrabank,
            Self::Interbank => Service::TransferInterbank,
        }
    }

    /// The service that says whose account it is.
    pub const fn inquiry(self) -> Service {
        match self {
            Self::Intrabank => Service::InquiryInternal,
            Self::Interbank => Service::InquiryExternal,
        }
    }
}

#[cfg(test)]
mod tests;
