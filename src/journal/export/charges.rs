//! Bills and charges, as an export shows them.

use serde_json::{Value, json};

use super::Names;
use crate::ledger::bill::{BillCancelled, BillIssued, BillSource};
use crate::ledger::charge::{ChargeAdvanced, ChargeStarted, ChargeStep, Notified};
use crate::ledger::event::Fact;
use crate::ledger::id::Position;
use crate::ledger::refund::{RefundAdvanced, RefundStarted, RefundStep};

/// What a fact about a bill or a charge says; nothing for others.
pub(super) fn fact(names: &Names, fact: &Fact) -> Value {
    match fact {
        Fact::BillIssued(issued) => bill(names, issued),
        Fact::BillCancelled(cancelled) => {
            let BillCancelled { bill, account, payer, reason, .. } = &**cancelled;
            json!({
                "bill": bill.get(),
                "account": names.account(*account),
                "payer": names.account(*payer),
                "reason": reason.as_str(),
            })
        }
        Fact::ChargeStarted(started) => charge(names, started),
        Fact::ChargeAdvanced(advanced) => {
            let ChargeAdvanced { charge, account, payer, step: taken, .. } = &**advanced;
            json!({
                "charge": charge.get(),
                "account": names.account(*account),
                "payer": payer.map(|payer| names.account(payer)),
                "step": step(names, taken),
            })
        }
        Fact::Notified(notified) => {
            let Notified { charge, status, amount, .. } = &**notified;
            json!({
                "charge": charge.get(),
                "status": status.as_str(),
                "amount": amount.as_str(),
            })
        }
        Fact::RefundStarted(started) => refund(names, started),
        Fact::RefundAdvanced(advanced) => {
            let RefundAdvanced { refund, payment, account, step, .. } = &**advanced;
            json!({
                "refund": refund.get(),
                "payment": payment.get(),
                "account": names.account(*account),
                "step": refund_step(names, step),
            })
        }
        Fact::OddHeard(heard) => json!({
            "charge": heard.charge.get(),
            "odd": heard.odd.name(),
            "status": heard.status.as_str(),
            "amount": heard.amount.as_str(),
        }),
        Fact::OddSettled(settled) => json!({
            "heard": settled.heard.get(),
            "by": names.principal(settled.by),
            "reason": settled.reason.as_str(),
        }),
        _ => Value::Null,
    }
}

fn refund(names: &Names, started: &RefundStarted) -> Value {
    json!({
        "payment": started.payment.get(),
        "charge": started.charge.get(),
        "paid": started.paid.get(),
        "account": names.account(started.account),
        "amount": started.amount.get(),
        "currency": started.currency.code(),
        "note": started.note.as_str(),
    })
}

fn refund_step(names: &Names, step: &RefundStep) -> Value {
    match step {
        RefundStep::Unknown { reason } => json!({ "unknown": reason.as_str() }),
        RefundStep::Failed { by, code, reason } => json!({
            "failed": code.as_str(),
            "by": names.principal(*by),
            "reason": reason.as_str(),
        }),
    }
}

fn bill(names: &Names, issued: &BillIssued) -> Value {
    let source = match issued.source {
        BillSource::Issuer => json!("issuer"),
        BillSource::Rent { tenant, month } => {
            json!({ "tenant": tenant, "month": month.to_string() })
        }
    };
    json!({
        "account": names.account(issued.account),
        "payer": names.account(issued.payer),
        "amount": issued.amount.get(),
        "currency": issued.currency.code(),
        "name": issued.name.as_str(),
        "description": issued.description.as_str(),
        "due": issued.due.map(|due| due.to_string()),
        "source": source,
    })
}

fn charge(names: &Names, started: &ChargeStarted) -> Value {
    json!({
        "account": names.account(started.account),
        "amount": started.amount.get(),
        "currency": started.currency.code(),
        "purpose": started.purpose.name(),
        "bill": started.purpose.bill().map(Position::get),
        "payer": started.purpose.payer().map(|payer| names.account(payer)),
        "source": started.source.name(),
        "fee": started.fee.map(|fee| fee.get()),
        "method": started.method.as_str(),
        "expires": started.expires.to_string(),
        "details": started.details.as_str(),
    })
}

fn step(names: &Names, step: &ChargeStep) -> Value {
    match step {
        ChargeStep::Opened { number, instructions, expires } => json!({
            "opened": number.as_str(),
            "instructions": instructions.as_str(),
            "expires": expires.to_string(),
        }),
        ChargeStep::Unknown { reason } => json!({ "unknown": reason.as_str() }),
        ChargeStep::Ended { end, by, reason } => json!({
            "ended": end.name(),
            "by": names.principal(*by),
            "reason": reason.as_str(),
        }),
    }
}
