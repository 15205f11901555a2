//! What the provider gives back: under a key once, whatever it says about it.

use std::time::Duration;

use gerbang::connector::midtrans::refund::RefundRequest;
use gerbang::connector::midtrans::status::Status;
use gerbang::connector::midtrans::transaction::{RefundPart, Refunded, Transaction};
use gerbang::connector::outcome::{Outcome, Reason};

use super::{Books, Next, SimulatedProvider, silence};

/// Gives money of an order back. What it told is its own business.
pub(super) fn give(
    books: &mut Books,
    order: &str,
    request: &RefundRequest,
) -> Result<Transaction, Reason> {
    let now = books.clock.now();
    let Some(entry) = books.entries.get_mut(order) else {
        return Err(Reason::new("404", "doesn't exist"));
    };
    let told = &mut entry.transaction;
    if !matches!(told.status, Status::Settlement | Status::PartialRefund) {
        return Err(Reason::new("412", "cannot modify"));
    }
    let before = told.refunded.amount.unwrap_or(0);
    let amount = request.amount.unwrap().get();
    assert!(request.key.is_some(), "a refund without a key can be made twice");
    if told.refunded.parts.iter().any(|part| part.key == request.key) {
        return Err(Reason::new("406", "Duplicate refund ID"));
    }
    if before + amount > told.amount.get() {
        return Err(Reason::new("414", "invalid amount"));
    }
    told.refunded.amount = Some(before + amount);
    told.refunded.parts.push(RefundPart {
        chargeback_id: told.refunded.parts.len() as u64 + 1,
        amount,
        created: now,
        reason: None,
        key: request.key.clone(),
        method: None,
        confirmed: None,
        others: serde_json::Map::new(),
    });
    let all = before + amount == told.amount.get();
    let status = if all { Status::Refund } else { Status::PartialRefund };
    entry.become_(status, now);
    let refunded =
        Refunded { amount: Some(amount), key: request.key.clone(), ..Refunded::default() };
    Ok(Transaction { refunded, ..entry.transaction.clone() })
}

impl SimulatedProvider {
    pub(super) fn refunded(
        &self,
        order: &str,
        request: &RefundRequest,
    ) -> (Duration, Outcome<Transaction>) {
        self.with(|books| {
            let wait = books.latency();
            let course = match books.next.pop() {
                Some(next) => Some(next),
                None if books.goes_wrong() => Some(match books.random.below(5) {
                    0 => Next::Refused,
                    1 => Next::NotSent,
                    2 | 3 => Next::MadeSilently,
                    _ => Next::Lost,
                }),
                None => None,
            };
            let outcome = match course {
                None => match give(books, order, request) {
                    Ok(transaction) => {
                        books.note("refund: made");
                        Outcome::Succeeded(transaction)
                    }
                    Err(reason) => {
                        books.note("refund: turned down");
                        Outcome::Refused(reason)
                    }
                },
                Some(Next::Refused) => {
                    books.note("refund: refused");
                    Outcome::Refused(Reason::new("412", "cannot modify"))
                }
                Some(Next::NotSent) => {
                    books.note("refund: not sent");
                    Outcome::NotSent(Reason::new("no_connection", "refused"))
                }
                Some(Next::MadeSilently) => {
                    books.note("refund: made, not told");
                    let at = books.arrival();
                    books.refunds_due.push((at, order.to_owned(), request.clone()));
                    Outcome::Unknown(silence())
                }
                Some(Next::Lost) => {
                    books.note("refund: lost");
                    Outcome::Unknown(silence())
                }
            };
            (wait, outcome)
        })
    }
}
