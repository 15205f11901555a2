//! A charge: money awaited from outside, or from a wallet here (EZPY-4, KOST-5, MID-2).
//!
//! ```text
//!            the provider made it                the money came
//!  ┌───────┐───────────────────▶┌─────────┐──────────────────────▶ paid, credited, gone
//!  │ asked │                    │ pending │
//!  └──┬──┬─┘◀──┐    found again └────┬────┘
//!     │  │     └────────┬───────▲    │ expired, cancelled, denied, failed
//!     │  ▼              │       │    ▼
//!     │ ┌─────────┐ ────┴───────┘  ended, gone
//!     │ │ unknown │────────────────▶ ▲
//!     │ └─────────┘  never made      │
//!     └──────────────────────────────┘
//!
//!  money for a charge that is gone, or that its account cannot take
//!      ──▶ suspense ── late ──▶ resolved: to the bill, to the account, or back
//! ```
//!
//! # Invariants
//!
//! - A charge is in the journal before its provider is asked for the first byte, under a name made
//!   of its entry's place and time. One whose answer was lost is asked about under that name; it is
//!   never made again under another.
//! - It is credited by one movement, at the same time as the bill it pays is marked paid. Its
//!   account decides both, so that of payment, cancellation and expiry one happens.
//! - A wallet pays in time or not at all: its account says no from the moment on that the charge
//!   names, whether or not anybody has written down by then that its time is over.
//! - Nothing is credited on a notification's word: a notification is kept as a reason to ask.
//! - Money that comes when nothing awaits it goes to suspense, once for a charge, and waits there
//!   until it is resolved, once. The suspense account decides that.
//! - The entry that pays a charge, and the one that takes its money out of suspense, are found by
//!   what they settle, whoever asked for them under whatever reference (see `settles`).

use super::event::{Movement, Origin};
use super::id::{AccountId, Position, Principal};
use super::money::{Amount, Currency};
use super::order::Order;
use super::rejection::Rejection;
use super::text::{Line, Reference};
use super::time::Timestamp;

/// A charge begins.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct ChargeStarted {
    /// Who asked for it.
    pub origin: Origin,
    /// Who is to get the money.
    pub account: AccountId,
    /// How much is to be paid.
    pub amount: Amount,
    /// The account's currency.
    pub currency: Currency,
    /// What the money is for.
    pub purpose: ChargePurpose,
    /// Who is to bring it.
    pub source: ChargeSource,
    /// What the house keeps of it.
    pub fee: Option<Amount>,
    /// The way of paying, as the provider names it (`bank_transfer/bca`, `echannel`, `qris`, ...).
    pub method: Line,
    /// From when on it is not awaited any more.
    pub expires: Timestamp,
    /// What the asker gave and wants to see again, as JSON; never interpreted here.
    pub details: Line,
}

/// What a charge is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum ChargePurpose {
    /// Into the asker's own wallet.
    TopUp,
    /// To pay a bill.
    Bill {
        /// Where the bill stands.
        bill: Position,
        /// Who owes it.
        payer: AccountId,
    },
    /// An order of a merchant's customer.
    Order,
}

impl ChargePurpose {
    /// The word for it in exports and histories.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TopUp => "top_up",
            Self::Bill { .. } => "bill",
            Self::Order => "order",
        }
    }

    /// The bill it pays, if it pays one.
    pub const fn bill(self) -> Option<Position> {
        match self {
            Self::Bill { bill, .. } => Some(bill),
            Self::TopUp | Self::Order => None,
        }
    }

    /// Who owes the bill it pays, if it pays one.
    pub const fn payer(self) -> Option<AccountId> {
        match self {
            Self::Bill { payer, .. } => Some(payer),
            Self::TopUp | Self::Order => None,
        }
    }
}

/// Who brings the money of a charge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
#[repr(u8)]
pub enum ChargeSource {
    /// The payment provider: it is asked to make the charge, and its word ends it.
    Provider = 0,
    /// A wallet here.
    Wallet = 1,
}

impl ChargeSource {
    /// The word for it in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Wallet => "wallet",
        }
    }
}

/// A charge goes on or ends without being paid.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct ChargeAdvanced {
    /// Who says so; the system for the provider's word and for the clock.
    pub origin: Origin,
    /// Where the charge began.
    pub charge: Position,
    /// Who was to get the money.
    pub account: AccountId,
    /// Who owes the bill it pays, if it pays one: it is theirs, and stands in their history.
    pub payer: Option<AccountId>,
    /// What happened.
    pub step: ChargeStep,
}

impl ChargeAdvanced {
    /// Who asked for the charge and is told of it: who owes the bill, else who was to get the money.
    pub fn asker(&self) -> AccountId {
        self.payer.unwrap_or(self.account)
    }
}

/// How a charge goes on.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum ChargeStep {
    /// The provider has it.
    Opened {
        /// The provider's own name for it.
        number: Line,
        /// How to pay, as JSON: numbers, codes, links.
        instructions: Line,
        /// From when on it is not awaited any more, as the provider says.
        expires: Timestamp,
    },
    /// Nobody can say yet whether the provider has it.
    Unknown {
        /// What is known.
        reason: Line,
    },
    /// It ends, and this charge was not paid.
    Ended {
        /// How.
        end: ChargeEnd,
        /// Who says so.
        by: Principal,
        /// The provider's code or a person's reason.
        reason: Line,
    },
}

/// How a charge ends without being credited.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
#[repr(u8)]
pub enum ChargeEnd {
    /// The provider never made it.
    Failed = 0,
    /// The payer's bank or the provider said no.
    Denied = 1,
    /// Called off.
    Cancelled = 2,
    /// Its time is over.
    Expired = 3,
    /// Paid, but its account could not take the money, which is in suspense.
    Suspended = 4,
}

impl ChargeEnd {
    /// The word for it in exports and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Denied => "denied",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Suspended => "suspended",
        }
    }
}

/// What the provider said by itself, with a right signature. A reason to ask, and no more.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Notified {
    /// Of the system, under [`notification_reference`].
    pub origin: Origin,
    /// The charge it is about.
    pub charge: Position,
    /// What it says became of it.
    pub status: Line,
    /// The amount it names.
    pub amount: Line,
}

/// How far an open charge is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
#[repr(u8)]
pub enum ChargeState {
    /// It is written, and the provider may have been asked.
    Asked = 0,
    /// It can be paid.
    Pending = 1,
    /// Nobody can say whether the provider has it.
    Unknown = 2,
}

/// The state of an open charge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Charge {
    /// Who is to get the money.
    pub account: AccountId,
    /// How much is to be paid.
    pub amount: Amount,
    /// What the house keeps of it.
    pub fee: Option<Amount>,
    /// What the money is for.
    pub purpose: ChargePurpose,
    /// Who is to bring it.
    pub source: ChargeSource,
    /// How far it is.
    pub state: ChargeState,
    /// From when on it is not awaited any more.
    pub expires: Timestamp,
}

impl Charge {
    /// The state of what `started` begins. One from a wallet needs nobody to make it.
    pub const fn new(started: &ChargeStarted) -> Self {
        let ChargeStarted { account, amount, fee, purpose, source, expires, .. } = *started;
        let state = match source {
            ChargeSource::Provider => ChargeState::Asked,
            ChargeSource::Wallet => ChargeState::Pending,
        };
        Self { account, amount, fee, purpose, source, state, expires }
    }

    /// Its state after `step`; `None` once it has ended.
    #[must_use]
    pub const fn advanced(self, step: &ChargeStep) -> Option<Self> {
        match step {
            ChargeStep::Opened { expires, .. } => {
                Some(Self { state: ChargeState::Pending, expires: *expires, ..self })
            }
            ChargeStep::Unknown { .. } => Some(Self { state: ChargeState::Unknown, ..self }),
            ChargeStep::Ended { .. } => None,
        }
    }

    /// Whether it may go on so.
    ///
    /// # Errors
    /// [`Rejection::ChargeNotOpen`] if it is not where the step begins, or for another's bill.
    pub fn decide_step(&self, advanced: &ChargeAdvanced) -> Result<(), Rejection> {
        let begins = match (&advanced.step, self.state) {
            (ChargeStep::Opened { .. }, ChargeState::Asked | ChargeState::Unknown)
            | (ChargeStep::Unknown { .. }, ChargeState::Asked)
            | (ChargeStep::Ended { .. }, _) => true,
            (ChargeStep::Opened { .. }, ChargeState::Pending)
            | (ChargeStep::Unknown { .. }, ChargeState::Pending | ChargeState::Unknown) => false,
        };
        let is_theirs = advanced.payer == self.purpose.payer();
        if begins && is_theirs { Ok(()) } else { Err(Rejection::ChargeNotOpen) }
    }

    /// Whether `movement`, decided at `at`, is the money it awaits. The amount, what is kept of it
    /// and what it is for must be those it began with; a wallet is in time or it does not pay. The
    /// provider's money has come, whenever that was.
    ///
    /// # Errors
    /// [`Rejection::ChargeNotOpen`].
    pub fn decide_payment(
        &self,
        movement: &Movement,
        purpose: ChargePurpose,
        at: Timestamp,
    ) -> Result<(), Rejection> {
        let in_time = match self.source {
            ChargeSource::Provider => true,
            ChargeSource::Wallet => at < self.expires,
        };
        let fits = in_time
            && movement.credit == self.account
            && movement.amount == self.amount
            && movement.fee.map(|fee| fee.amount) == self.fee
            && purpose == self.purpose;
        if fits { Ok(()) } else { Err(Rejection::ChargeNotOpen) }
    }
}

/// Money that came when nothing awaited it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Late {
    /// The suspense account that has it.
    pub account: AccountId,
    /// The charge it came for.
    pub charge: Position,
    /// How much.
    pub amount: Amount,
    /// Until when it should be resolved.
    pub deadline: Timestamp,
}

/// The open charge of `account`, if `order` is one.
///
/// # Errors
/// [`Rejection::ChargeNotOpen`].
pub fn open(order: Option<&Order>, account: AccountId) -> Result<&Charge, Rejection> {
    match order {
        Some(Order::Charge(charge)) if charge.account == account => Ok(charge),
        _ => Err(Rejection::ChargeNotOpen),
    }
}

/// The money in `account` that waits to be resolved, if `order` is such.
///
/// # Errors
/// [`Rejection::LateNotOpen`].
pub fn late(order: Option<&Order>, account: AccountId) -> Result<&Late, Rejection> {
    match order {
        Some(Order::Late(late)) if late.account == account => Ok(late),
        _ => Err(Rejection::LateNotOpen),
    }
}

/// The reference, in the system's name space, of what the provider's answer to the making says.
pub fn step_reference(charge: Position, step: &ChargeStep) -> Reference {
    let what = match step {
        ChargeStep::Opened { .. } => "opened",
        ChargeStep::Unknown { .. } => "unknown",
        ChargeStep::Ended { .. } => "end",
    };
    reference(format!("charge/{charge}/{what}"))
}

/// The reference, in the system's name space, of the entry that ends a charge unpaid.
pub fn end_reference(charge: Position) -> Reference {
    reference(format!("charge/{charge}/end"))
}

/// The reference, in the system's name space, of the movement that pays a charge.
pub fn paid_reference(charge: Position) -> Reference {
    reference(format!("charge/{charge}/paid"))
}

/// The reference, in the system's name space, under which money is found that left suspense, whoever
/// decided where it goes.
pub fn resolved_reference(late: Position) -> Reference {
    reference(format!("late/{late}/resolved"))
}

/// The reference, in the system's name space, of the movement that puts its money into suspense:
/// there is one for a charge, so that no delivery of the same news does it twice.
pub fn late_reference(charge: Position) -> Reference {
    reference(format!("charge/{charge}/late"))
}

/// The reference, in the system's name space, of a notification: the digest of its bytes, so that
/// the same bytes again change nothing.
pub fn notification_reference(charge: Position, digest: &str) -> Reference {
    reference(format!("charge/{charge}/notified/{digest}"))
}

fn reference(text: String) -> Reference {
    Reference::parse(&text).expect("short and visible")
}
