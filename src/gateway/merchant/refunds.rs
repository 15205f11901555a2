//! What goes back of a merchant's orders.
//!
//! ```text
//!  refund/<order>/1/1   refused      nothing went back: the number stays free
//!  refund/<order>/1/2   made         the first refund
//!  refund/<order>/2/1   made         the second
//!  refund/<order>/3/1                where the next one will stand
//! ```
//!
//! What a wallet paid goes back at once. What came through the provider is set aside, and the
//! provider is asked (see `charge::refund`): until it is known what became of that, no other refund
//! of the order begins.
//!
//! # Invariants
//!
//! - Each refund that was made has a number of its own under its order, from one on without a gap.
//!   One that was refused has none: it uses up a try, of which there is no end.
//! - A refund takes the place that was free when it was looked at. Of two that want the same place
//!   one has it, and the other looks again.
//! - The merchant's key says whether a refund is the same again: what was made under a key of an
//!   order is not made again, and what was refused under it may be tried again.

use serde_json::json;

use super::details::Details;
use super::told::{self, Told};
use crate::connector::midtrans::refund::RefundRequest;
use crate::connector::midtrans::transaction::RefundPart;
use crate::engine::{Outcome, View};
use crate::gateway::charge::standing::Standing;
use crate::gateway::{Error, Gateway};
use crate::journal::Recorded;
use crate::ledger::charge::ChargeSource;
use crate::ledger::event::Fact;
use crate::ledger::id::{Position, Principal, UserId};
use crate::ledger::money::Amount;
use crate::ledger::refund::{self, RefundStep};
use crate::ledger::text::{Line, Reference};
use crate::limits;

/// What became of a refund.
#[derive(Clone, Debug)]
pub struct Refunded {
    /// The order as it stands now.
    pub told: Told,
    /// This refund.
    pub part: RefundPart,
}

/// A refund that was made.
pub(super) struct Made {
    /// The entry that moved the money.
    pub(super) entry: Recorded,
    /// What the merchant calls it and why, as JSON.
    pub(super) words: Line,
}

/// What went back of an order.
pub(super) struct Refunds {
    /// Every refund that was made, oldest first.
    pub(super) made: Vec<Made>,
    /// Whether nobody can say yet what became of the one that was asked for last.
    is_open: bool,
    /// The reference, in the merchant's name space, of the next one; `None` if there are too many.
    next: Option<Reference>,
}

impl Refunds {
    /// What went back of an order.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub(super) fn of(view: &View, charge: &Standing) -> Result<Self, Error> {
        let principal = charge.started().origin.principal;
        let charge = charge.recorded.position;
        let mut made = Vec::new();
        for number in 1..=limits::ORDER_REFUNDS_MAX {
            let (tries, last) = last_try(view, principal, |try_| place(charge, number, try_))?;
            match last.map(|last| went(view, last)).transpose()? {
                Some(Went::Made(refund)) => made.push(*refund),
                Some(Went::Open) => return Ok(Self { made, is_open: true, next: None }),
                Some(Went::Failed(_) | Went::Refused) | None => {
                    let next = Some(place(charge, number, tries + 1));
                    return Ok(Self { made, is_open: false, next });
                }
            }
        }
        Ok(Self { made, is_open: false, next: None })
    }
}

/// What became of a try.
enum Went {
    /// The money went back.
    Made(Box<Made>),
    /// Nobody can say yet.
    Open,
    /// Nothing went back; the provider's code, or ours.
    Failed(Line),
    /// The ledger said no.
    Refused,
}

fn went(view: &View, recorded: Recorded) -> Result<Went, Error> {
    match &recorded.event.fact {
        Fact::Moved(movement) => {
            let words = movement.note.clone();
            Ok(Went::Made(Box::new(Made { entry: recorded, words })))
        }
        Fact::RefundStarted(started) => went_at_provider(view, recorded.position, &started.note),
        Fact::Refused(_) => Ok(Went::Refused),
        // A refund's place is taken by the refund, or by why there is none.
        Fact::Genesis
        | Fact::AccountOpened(_)
        | Fact::UserCreated(_)
        | Fact::UserChanged(_)
        | Fact::SessionRevoked(_)
        | Fact::Held(_)
        | Fact::HoldReleased(_)
        | Fact::TopUpRequested(_)
        | Fact::TopUpRejected(_)
        | Fact::FreezeSet(_)
        | Fact::PayoutStarted(_)
        | Fact::PayoutAdvanced(_)
        | Fact::PayoutFailed(_)
        | Fact::RegistryChanged(_)
        | Fact::CallbackTried(_)
        | Fact::BillIssued(_)
        | Fact::BillCancelled(_)
        | Fact::ChargeStarted(_)
        | Fact::ChargeAdvanced(_)
        | Fact::Notified(_)
        | Fact::DeliveryTried(_)
        | Fact::BoardingChanged(_)
        | Fact::RefundAdvanced(_)
        | Fact::OddHeard(_)
        | Fact::OddSettled(_) => Ok(Went::Refused),
    }
}

/// What became of a try that the provider was asked for.
fn went_at_provider(view: &View, refund: Position, words: &Line) -> Result<Went, Error> {
    let end = view.answered(Principal::System, &refund::end_reference(refund))?;
    let Some(entry) = end else { return Ok(Went::Open) };
    Ok(match &entry.event.fact {
        Fact::RefundAdvanced(advanced) => match &advanced.step {
            RefundStep::Failed { code, .. } => Went::Failed(code.clone()),
            RefundStep::Unknown { .. } => Went::Open,
        },
        _ => Went::Made(Box::new(Made { entry, words: words.clone() })),
    })
}

/// Why nothing went back, by the code of the provider, which is a number, or of ours.
fn failure(code: &Line) -> Error {
    match code.as_str() {
        "414" => Error::invalid("amount", "is more than the provider gives back"),
        code if code.bytes().all(|byte| byte.is_ascii_digit()) => {
            Error::Conflict("the provider gives nothing back")
        }
        _ => Error::Unavailable,
    }
}

/// The place of a refund, in the merchant's name space.
fn place(charge: Position, number: usize, try_: u64) -> Reference {
    let text = format!("refund/{charge}/{number}/{try_}");
    Reference::parse(&text).expect("short and visible")
}

/// How many tries there were under one number, and the last of them. Each was made when the one
/// before it was there, so the last is found by halves.
fn last_try(
    view: &View,
    principal: Principal,
    place: impl Fn(u64) -> Reference,
) -> Result<(u64, Option<Recorded>), Error> {
    let mut last = (0, None);
    let mut beyond = 1;
    while let Some(recorded) = view.answered(principal, &place(beyond))? {
        last = (beyond, Some(recorded));
        beyond *= 2;
    }
    while last.0 + 1 < beyond {
        let middle = u64::midpoint(last.0, beyond);
        match view.answered(principal, &place(middle))? {
            Some(recorded) => last = (middle, Some(recorded)),
            None => beyond = middle,
        }
    }
    Ok(last)
}

impl Gateway {
    /// Gives money of an order back to whom it came from; under the merchant's key once.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it is not paid, or in a way that cannot be undone;
    /// [`Error::ReferenceReused`] for a key that was used; [`Error::Invalid`] for more than is left;
    /// [`Error::Unavailable`] if nobody can say yet what the provider did; why the ledger refused it.
    pub async fn refund_order(
        &self,
        merchant: UserId,
        standing: &Standing,
        (request, request_key): (&RefundRequest, Option<&str>),
    ) -> Result<Refunded, Error> {
        loop {
            let Refunds { made, is_open, next } = Refunds::of(self.view(), standing)?;
            if let Some(place) = made.iter().position(|it| Self::is_under(it, request_key)) {
                return self.refunded(standing, (&made[place], place));
            }
            let parts: Vec<_> = made.iter().filter_map(told::part).collect();
            if request.key.is_some() && parts.iter().any(|part| part.key == request.key) {
                return Err(Error::ReferenceReused);
            }
            if is_open {
                return Err(Error::Unavailable);
            }
            let given: u64 = parts.iter().map(|part| part.amount).sum();
            let left = Amount::new(standing.started().amount.get().saturating_sub(given));
            let amount = request.amount.or(left).filter(|amount| Some(*amount) <= left);
            let more = || Error::invalid("amount", "is more than is left");
            let (amount, next) = (amount.ok_or_else(more)?, next.ok_or_else(more)?);
            let mut note = json!({"key": request.key, "reason": request.reason});
            if let Some(key) = request_key {
                note["request_key"] = json!(key);
            }
            let note: String =
                note.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let note = Line::cut(&note, limits::ORDER_DETAILS_MAX);
            match self.begin_refund(merchant, standing, amount, (next, note)).await {
                // Another refund was quicker: this one is looked at again after it.
                Ok(outcome) if outcome.replayed => {}
                Err(Error::ReferenceReused | Error::Rejected { replayed: true, .. }) => {}
                Err(error) => return Err(error),
                Ok(outcome) => {
                    let refund = match went(self.view(), *outcome.recorded)? {
                        Went::Made(refund) => refund,
                        Went::Open | Went::Refused => return Err(Error::Unavailable),
                        Went::Failed(code) => return Err(failure(&code)),
                    };
                    return self.refunded(standing, (&refund, parts.len()));
                }
            }
        }
    }

    /// An order right after its refund number `place`, counted from 0.
    fn refunded(
        &self,
        standing: &Standing,
        (refund, place): (&Made, usize),
    ) -> Result<Refunded, Error> {
        let part = told::part(refund).ok_or(Error::NotFound)?;
        let told = told::told(self.view(), &self.vault, standing, Some(refund.entry.position))?;
        Ok(Refunded { told, part: RefundPart { chargeback_id: place as u64 + 1, ..part } })
    }

    async fn begin_refund(
        &self,
        merchant: UserId,
        standing: &Standing,
        amount: Amount,
        place: (Reference, Line),
    ) -> Result<Outcome, Error> {
        let principal = Principal::User(merchant);
        let started = standing.started();
        match started.source {
            ChargeSource::Wallet => {
                self.refund_charge(principal, standing.recorded.position, amount, place).await
            }
            ChargeSource::Provider if Details::of(started)?.method.is_refundable() => {
                self.give_back_charge(principal, standing, amount, place).await
            }
            ChargeSource::Provider => Err(Error::Conflict("what was paid so cannot go back")),
        }
    }
}
