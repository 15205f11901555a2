//! A refund of an order that was paid through the provider: the merchant gives, and the provider
//! brings it back to the payer (MID-2).
//!
//! ```text
//!            ┌───────┐  the provider gave it back
//! started ──▶│ asked ├──────────────────────────────▶ given back: what was held leaves
//!            └─┬───┬─┘                                     ▲
//!              │   │ no definite word                      │ found under its key, or a person's word
//!              │   ▼                                       │
//!              │ ┌─────────┐───────────────────────────────┘
//!              │ │ unknown │
//!              │ └────┬────┘
//!              ▼      ▼ never seen, long enough, or a person's word
//!            failed: what was held is free again
//! ```
//!
//! # Invariants
//!
//! - The money is on hold in the merchant's account from the first entry to the last: what is being
//!   given back cannot be spent.
//! - A refund is in the journal before its provider is asked for the first byte, under a key made of
//!   its entry's time and place. It is asked for once; one whose answer was lost is looked for under
//!   that key, and never made again under another.
//! - What is being given back counts as refunded from the first entry on; what failed does not any
//!   more. So all refunds of a payment together, by whatever way, never exceed it.
//! - A refund ends once, under one reference.
//! - Only what is unknown may be settled by a person, whose reason stands in the entry that ends it.

use super::event::{Fact, Origin};
use super::id::{AccountId, Position, Principal};
use super::money::{Amount, Currency};
use super::order::Order;
use super::rejection::Rejection;
use super::text::{Line, Reference};

/// A refund begins: its money is set aside.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct RefundStarted {
    /// Who asked for it.
    pub origin: Origin,
    /// Where the payment stands.
    pub payment: Position,
    /// The charge that it paid.
    pub charge: Position,
    /// What was paid, so that the sum of refunds is bounded without looking it up.
    pub paid: Amount,
    /// Whose money.
    pub account: AccountId,
    /// How much goes back.
    pub amount: Amount,
    /// The account's currency.
    pub currency: Currency,
    /// What the merchant calls it and why, as JSON; never interpreted here.
    pub note: Line,
}

/// A refund goes on, or ends and nothing went back.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct RefundAdvanced {
    /// Of the system: a person says so under the same reference as the provider.
    pub origin: Origin,
    /// Where the refund began.
    pub refund: Position,
    /// Where the payment stands.
    pub payment: Position,
    /// Whose money.
    pub account: AccountId,
    /// What happened.
    pub step: RefundStep,
}

/// How a refund goes on.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum RefundStep {
    /// Nobody can say yet what became of it.
    Unknown {
        /// What is known.
        reason: Line,
    },
    /// Nothing went back, and nothing will under its key.
    Failed {
        /// Who says so: the system for the provider's word, else a person.
        by: Principal,
        /// The provider's code, which is a number, or ours.
        code: Line,
        /// In words.
        reason: Line,
    },
}

/// How far an open refund is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
#[repr(u8)]
pub enum RefundState {
    /// It is written, and the provider may have been asked.
    Asked = 0,
    /// Nobody can say what became of it.
    Unknown = 1,
}

/// The state of an open refund.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Refund {
    /// Whose money.
    pub account: AccountId,
    /// Where the payment stands.
    pub payment: Position,
    /// How much goes back.
    pub amount: Amount,
    /// How far it is.
    pub state: RefundState,
}

impl Refund {
    /// The state of what `started` begins.
    pub const fn new(started: &RefundStarted) -> Self {
        let RefundStarted { account, payment, amount, .. } = *started;
        Self { account, payment, amount, state: RefundState::Asked }
    }

    /// Its state after `step`; `None` once it has ended.
    #[must_use]
    pub const fn advanced(self, step: &RefundStep) -> Option<Self> {
        match step {
            RefundStep::Unknown { .. } => Some(Self { state: RefundState::Unknown, ..self }),
            RefundStep::Failed { .. } => None,
        }
    }

    /// Whether it may go on by `advanced`.
    ///
    /// # Errors
    /// [`Rejection::RefundNotOpen`] if it is not where the step begins, or is of another payment.
    pub fn decide_step(&self, advanced: &RefundAdvanced) -> Result<(), Rejection> {
        let begins = match (&advanced.step, self.state) {
            (RefundStep::Unknown { .. }, RefundState::Asked) => true,
            (RefundStep::Unknown { .. }, RefundState::Unknown) => false,
            (RefundStep::Failed { by, .. }, _) => self.decide_end(*by).is_ok(),
        };
        let fits = begins && advanced.payment == self.payment;
        if fits { Ok(()) } else { Err(Rejection::RefundNotOpen) }
    }

    /// Whether `by` may say how it ended: a person only while nobody else can.
    ///
    /// # Errors
    /// [`Rejection::RefundNotOpen`].
    pub const fn decide_end(&self, by: Principal) -> Result<(), Rejection> {
        match (by, self.state) {
            (Principal::System, RefundState::Asked) | (_, RefundState::Unknown) => Ok(()),
            (Principal::User(_) | Principal::Operator, RefundState::Asked) => {
                Err(Rejection::RefundNotOpen)
            }
        }
    }
}

/// The open refund of `account`, if `order` is one.
///
/// # Errors
/// [`Rejection::RefundNotOpen`].
pub fn open(order: Option<&Order>, account: AccountId) -> Result<&Refund, Rejection> {
    match order {
        Some(Order::Refund(refund)) if refund.account == account => Ok(refund),
        _ => Err(Rejection::RefundNotOpen),
    }
}

/// By how much `fact` changes what counts as refunded of a payment, beside what it is about: the
/// payment, and how much less counts.
pub fn taken_back(fact: &Fact, order: Option<&Order>) -> Option<(Position, Amount)> {
    let Fact::RefundAdvanced(advanced) = fact else { return None };
    match (&advanced.step, order) {
        (RefundStep::Failed { .. }, Some(Order::Refund(refund))) => {
            Some((refund.payment, refund.amount))
        }
        _ => None,
    }
}

/// The reference, in the system's name space, of the entry that ends a refund. Every end shares it:
/// a refund that has ended cannot end again, and its end is found without an index.
pub fn end_reference(refund: Position) -> Reference {
    reference(format!("refund/{refund}/end"))
}

/// The reference, in the system's name space, of a step.
pub fn step_reference(refund: Position, step: &RefundStep) -> Reference {
    match step {
        RefundStep::Unknown { .. } => reference(format!("refund/{refund}/unknown")),
        RefundStep::Failed { .. } => end_reference(refund),
    }
}

fn reference(text: String) -> Reference {
    Reference::parse(&text).expect("short and visible")
}
