//! 11 and 14: what our own account holds, and what happened on it.

use serde_json::json;

use super::super::call::{Partner, Question};
use super::super::code::Service;
use super::super::dialect::Dialect;
use super::super::fields::Fields;
use super::super::money::Money;
use super::{Response, check_reference, done, one_line, unreadable};
use crate::connector::outcome::{Outcome, Reason};
use crate::ledger::time::Timestamp;

/// What an account holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Balance {
    /// What may leave it now.
    pub available: Money,
    /// What the bank's books say, if it tells.
    pub ledger: Option<Money>,
}

/// Asks for the balance of our account. `reference` names the question.
pub fn balance_request(
    dialect: &Dialect,
    partner: &Partner,
    reference: &str,
) -> Result<Question, Reason> {
    check_reference(reference)?;
    let mut body = json!({"accountNo": partner.source_account});
    if dialect.balance_reference {
        body["partnerReferenceNo"] = reference.into();
    }
    Ok(Question { service: Service::BalanceInquiry, body: body.to_string() })
}

/// Reads a balance: the first of `accountInfos` that says what is available.
pub fn read_balance(
    dialect: &Dialect,
    partner: &Partner,
    response: Response<'_>,
) -> Outcome<Balance> {
    let fields = match done(dialect, Service::BalanceInquiry, response) {
        Ok(fields) => fields,
        Err(outcome) => return outcome,
    };
    if !super::same_text(&fields, "accountNo", &partner.source_account) {
        return Outcome::Unknown(super::contradicts("account"));
    }
    let money = |info: &Fields, name| info.object(name).as_ref().and_then(Money::read);
    let balance = fields.objects("accountInfos").into_iter().find_map(|info| {
        let available = money(&info, "availableBalance")?;
        Some(Balance { available, ledger: money(&info, "ledgerBalance") })
    });
    match balance {
        Some(balance) => Outcome::Succeeded(balance),
        None => Outcome::Unknown(unreadable("no available balance")),
    }
}

/// A line of a statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// When, as the bank writes it.
    pub date: String,
    /// How much; never negative.
    pub amount: Money,
    /// Which way.
    pub direction: Direction,
    /// The bank's words; the reference of ours may be among them.
    pub remark: String,
}

/// Which way money went on our account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// To us.
    Credit,
    /// From us.
    Debit,
}

/// Asks for what happened on our account from one moment to another.
pub fn statement_request(
    dialect: &Dialect,
    partner: &Partner,
    reference: &str,
    (from, to): (Timestamp, Timestamp),
) -> Result<Question, Reason> {
    check_reference(reference)?;
    let body = json!({
        "partnerReferenceNo": reference,
        "accountNo": partner.source_account,
        "fromDateTime": dialect.timestamp(from),
        "toDateTime": dialect.timestamp(to),
    });
    Ok(Question { service: Service::BankStatement, body: body.to_string() })
}

/// Reads a statement in the bank's order. One line that cannot be read makes all of it unreadable:
/// books are not compared with a part.
pub fn read_statement(dialect: &Dialect, response: Response<'_>) -> Outcome<Vec<Line>> {
    let fields = match done(dialect, Service::BankStatement, response) {
        Ok(fields) => fields,
        Err(outcome) => return outcome,
    };
    let rows = match fields.get("detailData") {
        Some(serde_json::Value::Array(rows)) => rows,
        Some(_) => return Outcome::Unknown(unreadable("detailData is no list")),
        None => return Outcome::Succeeded(Vec::new()),
    };
    let lines: Option<Vec<Line>> =
        rows.iter().map(|row| line(&fields.within(row.as_object()?))).collect();
    match lines {
        Some(lines) => Outcome::Succeeded(lines),
        None => Outcome::Unknown(unreadable("a line of the statement")),
    }
}

fn line(row: &Fields) -> Option<Line> {
    let direction = match row.text("type")? {
        "CREDIT" => Direction::Credit,
        "DEBIT" => Direction::Debit,
        _ => return None,
    };
    let amount = Money::read(&row.object("amount")?).filter(|money| money.hundredths >= 0)?;
    let date = one_line(row.text("transactionDate")?);
    Some(Line { date, amount, direction, remark: one_line(row.text("remark").unwrap_or_default()) })
}
