//! A payout: money on its way to an account at a bank (EDR, withdrawals).
//!
//! ```text
//!            ┌────────────┐ released by a person  ┌─────────┐ not sent: the next try
//! started ──▶│ challenged ├──────────────────────▶│ sending │◀───────────┐
//!    │       └─────┬──────┘                       └─┬──┬──┬─┘────────────┘
//!    │             │ denied, or its time is over    │  │  │ no definite word
//!    └─ accepted ──┼───────────────────────────────▶┘  │  ▼
//!                  ▼                                   │ ┌─────────┐
//!               failed ◀───── refused, never sent ─────┤ │ unknown │
//!               succeeded ◀── done ────────────────────┘ └──┬──────┘
//!                    ▲  ▲                                   │ the bank's word, or a person's
//!                    └──┴───────────────────────────────────┘
//! ```
//!
//! # Invariants
//!
//! - The money is on hold from the first entry to the last: what is being sent cannot be spent.
//! - A try is in the journal before its first byte leaves: written by the start, by the release of
//!   what was challenged, or by a next try. Each has a name of its own at the bank, made of its
//!   entry's place and time, so that no other try, restart or store shares it.
//! - Another try follows only one that was not sent. From `unknown` there is no way back to
//!   `sending`.
//! - A payout ends once: posted in full with its fee, or released in full.
//! - Only what is unknown may be settled by a person.
//! - Whoever asks for an end has seen a state from which only that same reference leads on, so it is
//!   never refused: a refusal would use up the one reference under which a payout can end.

use super::event::Origin;
use super::id::{AccountId, Position, Principal};
use super::money::{Amount, Currency};
use super::order::Order;
use super::registry::BankCode;
use super::rejection::Rejection;
use super::text::{Line, Reference};
use super::time::Timestamp;

/// A payout begins: its money is set aside, its first try chosen.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct PayoutStarted {
    /// Who asked for it.
    pub origin: Origin,
    /// Whose money.
    pub account: AccountId,
    /// What the beneficiary gets.
    pub amount: Amount,
    /// The account's currency.
    pub currency: Currency,
    /// What asked for it.
    pub purpose: Purpose,
    /// The sender's account as the application names it (EDR: `accountNumber`).
    pub sender: Line,
    /// Who gets it.
    pub beneficiary: Beneficiary,
    /// For the beneficiary's statement.
    pub remark: Line,
    /// How it is tried first.
    pub route: Try,
    /// The screening rule that made a decision about it; empty if none did.
    pub rule: Line,
    /// Until when it waits for a person to release it, if a rule says so.
    pub challenged_until: Option<Timestamp>,
    /// Whether its end is to be told to a callback.
    pub callback: bool,
    /// The most that a way may cost on top, in the smallest unit, zero included; whatever its route
    /// says if there is none.
    pub fee_max: Option<u64>,
}

/// Why money leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
#[repr(u8)]
pub enum Purpose {
    /// A client application's transfer (EDR-1).
    Transfer = 0,
    /// A user takes money out of a wallet (EZPY-7).
    Withdrawal = 1,
}

impl Purpose {
    /// The word for it in exports and histories.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Withdrawal => "withdrawal",
        }
    }
}

/// An account at a bank.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Beneficiary {
    /// Which bank.
    pub bank: BankCode,
    /// The account's number.
    pub number: Line,
    /// The name on it, as the bank says.
    pub name: Line,
}

/// One try: through which bank, by which service, at what fee.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Try {
    /// The partner.
    pub bank: BankCode,
    /// Whether it goes from there to another bank.
    pub interbank: bool,
    /// What the house charges for it, on top of the amount.
    pub fee: Option<Amount>,
    /// Why this route, in one line.
    pub why: Line,
}

/// A payout goes on without ending.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct PayoutAdvanced {
    /// Who says so; the system for what a bank's answer says.
    pub origin: Origin,
    /// Where the payout began.
    pub payout: Position,
    /// Whose money.
    pub account: AccountId,
    /// Which try this is about, counted from 1.
    pub attempt: u8,
    /// What happened.
    pub step: PayoutStep,
}

/// How a payout goes on.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum PayoutStep {
    /// A person let it go.
    Released {
        /// Who.
        by: Principal,
        /// Why.
        reason: Line,
    },
    /// The try was not sent; this is the next.
    NextTry {
        /// How it is tried now.
        route: Try,
        /// Why the one before was not sent.
        reason: Line,
    },
    /// Nobody can say yet what became of the try.
    Unknown {
        /// What is known.
        reason: Line,
    },
}

/// A payout ends and nothing was paid.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct PayoutFailed {
    /// In whose name space the end stands; see [`end_reference`].
    pub origin: Origin,
    /// Where the payout began.
    pub payout: Position,
    /// Whose money.
    pub account: AccountId,
    /// Who says so: the system for a bank's word, else a person.
    pub by: Principal,
    /// The bank's code, or ours.
    pub code: Line,
    /// In words.
    pub reason: Line,
}

/// The end of a payout was told to its callback, or that was tried.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct CallbackTried {
    /// Of the system, under [`callback_reference`].
    pub origin: Origin,
    /// Where the payout began.
    pub payout: Position,
    /// Whose money it was.
    pub account: AccountId,
    /// Which try, counted from 1.
    pub attempt: u16,
    /// The status of the answer, if one came.
    pub status: Option<u16>,
    /// Why none came, or an administrator's reason for the try.
    pub note: Line,
    /// Whether no further try follows by itself.
    pub done: bool,
}

/// The state of a payout that has ended and whose callback is to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Callback {
    /// Whose money it was.
    pub account: AccountId,
    /// The entry that ended it.
    pub end: Position,
    /// How often it was tried.
    pub tried: u16,
}

/// How far an open payout is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum PayoutState {
    /// It waits for a person, until then.
    Challenged(Timestamp),
    /// A try is written and may be on its way.
    Sending,
    /// Nobody can say what became of the try.
    Unknown,
}

/// The state of an open payout.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Payout {
    /// Whose money.
    pub account: AccountId,
    /// What the beneficiary gets.
    pub amount: Amount,
    /// What the present try costs on top.
    pub fee: Option<Amount>,
    /// Which try it is at, counted from 1.
    pub attempt: u8,
    /// The entry that wrote that try.
    pub tried: Position,
    /// How far it is.
    pub state: PayoutState,
    /// Whether its end is to be told to a callback.
    pub callback: bool,
}

impl Payout {
    /// The state of what `started` begins at `position`.
    pub fn new(started: &PayoutStarted, position: Position) -> Self {
        let state = started.challenged_until.map_or(PayoutState::Sending, PayoutState::Challenged);
        Self {
            account: started.account,
            amount: started.amount,
            fee: started.route.fee,
            attempt: 1,
            tried: position,
            state,
            callback: started.callback,
        }
    }

    /// What is left of it once it has ended at `position`.
    pub fn ended(&self, position: Position) -> Option<Callback> {
        self.callback.then_some(Callback { account: self.account, end: position, tried: 0 })
    }

    /// What is on hold for it: the amount and the fee.
    pub fn held(&self) -> Amount {
        with_fee(self.amount, self.fee).expect("a hold this large was refused")
    }

    /// Its state after the step at `position`.
    #[must_use]
    pub fn advanced(self, step: &PayoutStep, position: Position) -> Self {
        match step {
            // What was written long ago is sent now: the try begins here, under a name of today.
            PayoutStep::Released { .. } => {
                Self { state: PayoutState::Sending, tried: position, ..self }
            }
            PayoutStep::NextTry { route, .. } => Self {
                fee: route.fee,
                attempt: self.attempt.saturating_add(1),
                tried: position,
                ..self
            },
            PayoutStep::Unknown { .. } => Self { state: PayoutState::Unknown, ..self },
        }
    }

    /// Whether it may go on by `advanced`.
    ///
    /// # Errors
    /// [`Rejection::PayoutNotOpen`] if it is not where the step begins.
    pub fn decide_step(&self, advanced: &PayoutAdvanced) -> Result<(), Rejection> {
        let begins = match (&advanced.step, self.state) {
            (PayoutStep::Released { .. }, PayoutState::Challenged(_)) => true,
            (PayoutStep::NextTry { .. } | PayoutStep::Unknown { .. }, PayoutState::Sending) => true,
            (PayoutStep::Released { .. }, PayoutState::Sending | PayoutState::Unknown)
            | (
                PayoutStep::NextTry { .. } | PayoutStep::Unknown { .. },
                PayoutState::Challenged(_) | PayoutState::Unknown,
            ) => false,
        };
        if begins && advanced.attempt == self.attempt {
            Ok(())
        } else {
            Err(Rejection::PayoutNotOpen)
        }
    }

    /// Whether `by` may end it as done.
    ///
    /// # Errors
    /// [`Rejection::PayoutNotOpen`].
    pub const fn decide_success(&self, by: Principal) -> Result<(), Rejection> {
        match (by, self.state) {
            (Principal::System, PayoutState::Sending) | (_, PayoutState::Unknown) => Ok(()),
            (Principal::User(_) | Principal::Operator, PayoutState::Sending)
            | (_, PayoutState::Challenged(_)) => Err(Rejection::PayoutNotOpen),
        }
    }

    /// Whether `by` may end it as failed.
    ///
    /// # Errors
    /// [`Rejection::PayoutNotOpen`].
    pub const fn decide_failure(&self, by: Principal) -> Result<(), Rejection> {
        match (by, self.state) {
            (Principal::System, PayoutState::Sending)
            | (_, PayoutState::Unknown | PayoutState::Challenged(_)) => Ok(()),
            (Principal::User(_) | Principal::Operator, PayoutState::Sending) => {
                Err(Rejection::PayoutNotOpen)
            }
        }
    }
}

/// An amount and the fee on top of it; `None` if the sum is no amount.
pub const fn with_fee(amount: Amount, fee: Option<Amount>) -> Option<Amount> {
    match fee {
        None => Some(amount),
        Some(fee) => match amount.get().checked_add(fee.get()) {
            Some(sum) => Amount::new(sum),
            None => None,
        },
    }
}

/// The open payout of `account`, if `order` is one.
///
/// # Errors
/// [`Rejection::PayoutNotOpen`].
pub fn open(order: Option<&Order>, account: AccountId) -> Result<&Payout, Rejection> {
    match order {
        Some(Order::Payout(payout)) if payout.account == account => Ok(payout),
        _ => Err(Rejection::PayoutNotOpen),
    }
}

/// The reference, in the system's name space, of the entry that ends a payout which was let go.
/// Every end shares it, whoever asks: a payout that has ended cannot end again, and its end is found
/// without an index.
pub fn end_reference(payout: Position) -> Reference {
    reference(format!("payout/{payout}/end"))
}

/// The reference, in the system's name space, of the decision about a challenged payout: released,
/// denied, or its time is over.
pub fn challenge_reference(payout: Position) -> Reference {
    reference(format!("payout/{payout}/challenge"))
}

/// The reference, in the system's name space, of what follows the try `attempt` without ending it.
pub fn step_reference(payout: Position, attempt: u8, step: &PayoutStep) -> Reference {
    match step {
        PayoutStep::Released { .. } => challenge_reference(payout),
        PayoutStep::NextTry { .. } => next_try_reference(payout, attempt),
        PayoutStep::Unknown { .. } => reference(format!("payout/{payout}/{attempt}/unknown")),
    }
}

/// The reference, in the system's name space, of a try to tell a payout's end to its callback.
pub fn callback_reference(payout: Position, attempt: u16) -> Reference {
    reference(format!("payout/{payout}/callback/{attempt}"))
}

/// The reference, in the system's name space, of the entry that writes the try after `attempt`.
pub fn next_try_reference(payout: Position, attempt: u8) -> Reference {
    reference(format!("payout/{payout}/{attempt}/next"))
}

fn reference(text: String) -> Reference {
    Reference::parse(&text).expect("short and visible")
}
