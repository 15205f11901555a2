//! A payment provider as the gateway sees it: money is asked for, and what became of it is asked,
//! whoever answers.

use super::bank::Asked;
use super::midtrans::charge::Charge;
use super::midtrans::refund::RefundRequest;
use super::midtrans::transaction::Transaction;
use super::outcome::{Outcome, Reason};
use crate::ledger::time::Timestamp;

/// What a provider says when asked about an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Known {
    /// It knows the order, and this is how it stands.
    Found(Box<Transaction>),
    /// It has never heard of the order. A charge may still be on its way to it: only time makes
    /// this final.
    NotFound(Reason),
    /// The question was not answered, which says nothing about the order.
    Unanswered(Reason),
}

/// A way to one provider. The gateway holds it as `Arc<dyn Provider>`; simulations supply their own.
///
/// An `id` is an order id of ours, or an id that the provider gave. A success is a transaction of
/// that id; amount and currency of a charge's are those that were asked for, of all others the
/// caller compares them.
pub trait Provider: Send + Sync + 'static {
    /// Whether it is worth asking at `now`. One that is not answers every call at once with
    /// `NotSent`, or `Unanswered`.
    fn is_available(&self, _now: Timestamp) -> bool {
        true
    }

    /// Asks for money. The caller sends each order id once. `Unknown` covers an order id that the
    /// provider says was charged before: [`Provider::status`] tells what became of it.
    fn charge<'a>(&'a self, charge: &'a Charge) -> Asked<'a, Outcome<Transaction>>;

    /// Asks how an order stands.
    fn status<'a>(&'a self, id: &'a str) -> Asked<'a, Known>;

    /// Gives up an order that is not paid. Refused (412) if it has gone further: it may be paid.
    fn cancel<'a>(&'a self, id: &'a str) -> Asked<'a, Outcome<Transaction>>;

    /// Makes an order expire that is not paid. Refused as for `cancel`.
    fn expire<'a>(&'a self, id: &'a str) -> Asked<'a, Outcome<Transaction>>;

    /// Gives money back. A refund without a key is not sent: it could be made twice. `Unknown`
    /// covers a key that the provider says was used before.
    fn refund<'a>(
        &'a self,
        id: &'a str,
        request: &'a RefundRequest,
    ) -> Asked<'a, Outcome<Transaction>>;

    /// Accepts what the screening wants a person to look at.
    fn approve<'a>(&'a self, id: &'a str) -> Asked<'a, Outcome<Transaction>>;

    /// Refuses it.
    fn deny<'a>(&'a self, id: &'a str) -> Asked<'a, Outcome<Transaction>>;
}
