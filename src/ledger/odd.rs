//! What cannot be: the provider says of a charge what our books contradict, and a person looks.
//!
//! ```text
//!  heard ──▶ listed ── a person, with a reason ──▶ settled, gone
//! ```
//!
//! # Invariants
//!
//! - Nothing moves by it: what follows is for people to decide, and to book as what it is.
//! - Of a charge that is open it is not written: the charge is asked about until it ends. Of one
//!   that has ended nobody asks again, so what was heard stands in the journal until it is settled.
//! - The same word about a charge is written once, and is not listed again once it was settled.

use super::event::Origin;
use super::id::{Position, Principal};
use super::order::Order;
use super::reference::DigestBuilder;
use super::rejection::Rejection;
use super::text::{Line, Reference};

/// What a person has to look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
#[repr(u8)]
pub enum Odd {
    /// Another amount or currency than was asked for.
    Money = 0,
    /// Some of the money went back before it was credited.
    PartlyRefunded = 1,
    /// It was credited here, and the provider says that the money is gone again.
    TakenBack = 2,
}

impl Odd {
    /// The word for it on the wire, in exports, logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Money => "other_amount",
            Self::PartlyRefunded => "partly_refunded",
            Self::TakenBack => "taken_back",
        }
    }
}

/// The provider says what cannot be of a charge that has ended.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct OddHeard {
    /// Of the system, under [`heard_reference`].
    pub origin: Origin,
    /// The charge it is about.
    pub charge: Position,
    /// What cannot be.
    pub odd: Odd,
    /// What the provider says became of it.
    pub status: Line,
    /// The money it names.
    pub amount: Line,
}

/// A person has looked at it.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct OddSettled {
    /// Of the system, under [`settled_reference`], so that it is settled once.
    pub origin: Origin,
    /// Where it was heard.
    pub heard: Position,
    /// Who says so.
    pub by: Principal,
    /// What they did about it.
    pub reason: Line,
}

/// Something odd that waits for a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct OddCharge {
    /// The charge it is about.
    pub charge: Position,
    /// What cannot be.
    pub odd: Odd,
}

impl OddCharge {
    /// What `heard` leaves to look at.
    pub const fn new(heard: &OddHeard) -> Self {
        Self { charge: heard.charge, odd: heard.odd }
    }
}

/// The odd charge that waits, if `order` is one.
///
/// # Errors
/// [`Rejection::ChargeNotOpen`].
pub const fn waiting(order: Option<&Order>) -> Result<&OddCharge, Rejection> {
    match order {
        Some(Order::Odd(odd)) => Ok(odd),
        _ => Err(Rejection::ChargeNotOpen),
    }
}

/// The reference, in the system's name space, of what was heard: the same of the same words.
pub fn heard_reference(charge: Position, odd: Odd, status: &str, amount: &str) -> Reference {
    let words = DigestBuilder::new(odd.name()).text(status).text(amount).finish();
    reference(format!("charge/{charge}/odd/{:032x}", u128::from_be_bytes(words.0)))
}

/// The reference, in the system's name space, of the entry that settles it, whoever asks.
pub fn settled_reference(heard: Position) -> Reference {
    reference(format!("odd/{heard}/settled"))
}

fn reference(text: String) -> Reference {
    Reference::parse(&text).expect("short and visible")
}
