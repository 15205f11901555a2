//! A bill: what one account is to pay another, once (MATA-3, KOST-2).
//!
//! ```text
//!             ┌──────┐  from a wallet, or by a charge   ┌──────┐
//! issued ────▶│ open ├─────────────────────────────────▶│ paid │
//!             └──┬───┘                                  └──────┘
//!                │ its issuer, before it is paid         ┌───────────┐
//!                └──────────────────────────────────────▶│ cancelled │
//!                                                        └───────────┘
//! ```
//!
//! # Invariants
//!
//! - The issuer's account keeps the bill: it is the one that every payment of it credits, so that
//!   whatever races for it is decided in one place.
//! - A bill is paid in full, by one movement.
//! - What was paid or cancelled stays so. Money that comes for it afterwards is late (see
//!   `charge`).
//! - State holds bills that are open, and no others: one that is paid or cancelled is gone, and its
//!   end is found in the journal under [`closed_reference`]. What is left of it in memory is what
//!   every answered reference leaves: 17 bytes for its entry and 17 for its end, and nothing in a
//!   checkpoint.

use super::event::{Movement, Origin};
use super::id::{AccountId, Position};
use super::money::{Amount, Currency};
use super::order::Order;
use super::rejection::Rejection;
use super::text::{Line, Reference};
use super::time::{Month, Timestamp};

/// A bill begins.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct BillIssued {
    /// Who asked for it; the system for rent.
    pub origin: Origin,
    /// Who is to get the money.
    pub account: AccountId,
    /// Who is to pay.
    pub payer: AccountId,
    /// How much.
    pub amount: Amount,
    /// The currency of both accounts.
    pub currency: Currency,
    /// What it is for.
    pub name: Line,
    /// In more words.
    pub description: Line,
    /// Until when it should be paid. Nothing happens by itself when that is over.
    pub due: Option<Timestamp>,
    /// What made it.
    pub source: BillSource,
}

/// What makes a bill.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum BillSource {
    /// Its issuer.
    Issuer,
    /// A month of a tenant in a room.
    Rent {
        /// The tenant's row.
        tenant: u32,
        /// Which month.
        month: Month,
    },
}

/// A bill is not to be paid any more.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct BillCancelled {
    /// Who asked for it.
    pub origin: Origin,
    /// Where the bill stands.
    pub bill: Position,
    /// The issuer's account.
    pub account: AccountId,
    /// Who was to pay: it stands in their history too.
    pub payer: AccountId,
    /// Why.
    pub reason: Line,
}

/// The state of a bill that is still to be paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Bill {
    /// Who is to get the money.
    pub account: AccountId,
    /// Who is to pay.
    pub payer: AccountId,
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
}

impl Bill {
    /// The state of what `issued` begins.
    pub const fn new(issued: &BillIssued) -> Self {
        let BillIssued { account, payer, amount, currency, .. } = *issued;
        Self { account, payer, amount, currency }
    }

    /// Whether `movement` may pay it.
    ///
    /// # Errors
    /// [`Rejection::BillNotOpen`] if it pays another bill than this, or another's debt.
    pub fn decide_payment(&self, movement: &Movement) -> Result<(), Rejection> {
        let fits = movement.credit == self.account
            && movement.debt().is_some_and(|debt| debt.payer == self.payer)
            && movement.amount == self.amount
            && movement.currency == self.currency;
        if fits { Ok(()) } else { Err(Rejection::BillNotOpen) }
    }
}

/// The open bill that `account` has issued, if `order` is one.
///
/// # Errors
/// [`Rejection::BillNotOpen`].
pub fn issued(order: Option<&Order>, account: AccountId) -> Result<&Bill, Rejection> {
    match order {
        Some(Order::Bill(bill)) if bill.account == account => Ok(bill),
        _ => Err(Rejection::BillNotOpen),
    }
}

/// The reference, in the system's name space, under which the end of a bill is found, whoever paid
/// it in whatever way or called it off.
pub fn closed_reference(bill: Position) -> Reference {
    Reference::parse(&format!("bill/{bill}/closed")).expect("short and visible")
}
