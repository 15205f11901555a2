//! Charges: money that is awaited, through the provider or from a wallet, to its end.
//!
//! ```text
//!  start ──▶ journal ──▶ desk ──▶ provider: make it          notification ──▶ journal
//!             ▲  "begun"    │                                                    │ "told"
//!             │             ├──▶ provider: how does it stand? ◀── schedule ◀─────┘
//!             └── steps ◀───┘         the only word that moves money
//! ```
//!
//! The journal commands, this room obeys: a charge is made at the provider because its entry was
//! committed by this process just now. The rules are `ledger::charge`'s; what follows from the
//! provider's word is `verdict`'s table.
//!
//! # Invariants
//!
//! - A charge is asked for at most once, under a name made of its entry's time and place. One that
//!   is found in the journal (after a restart) is asked about under that name and never made again.
//! - Money moves here only on the provider's answer to our own question, of the charge's amount and
//!   currency. A notification is a reason to ask. What is odd is shown to a person.
//! - Money that the provider has is credited, or stands in suspense: each under one reference of the
//!   charge, so that a crash between any two steps goes on where it was.
//! - An open charge always has a next question, with notifications or without.
//! - What the house keeps is fixed when a charge begins, and is the same whichever way the money
//!   comes: of a bill what it keeps of a bill paid at once, of an order what the merchant's terms
//!   say, of a top-up nothing. Money that comes late is no cheaper (see `late`).
//! - What the provider brought goes back through the provider: set aside first, asked for once, and
//!   then looked for until it is known what became of it (see `refund`), or a person says so (see
//!   `by_hand`).
//! - A charge of the provider ends by its word; one from a wallet by our clock.

pub mod by_hand;
mod desk;
pub(in crate::gateway) mod drive;
pub mod invoice;
pub mod late;
pub mod method;
pub mod notified;
pub mod odd;
pub mod order;
pub mod refund;
mod round;
mod schedule;
pub mod standing;
pub mod start;
mod verdict;
mod work;

pub use self::desk::{Announcer, Desk, Inbox, Options, channel};

use crate::journal::Recorded;
use crate::ledger::id::{Position, PublicId};

/// The public id of the charge whose entry this is.
pub fn public_id(started: &Recorded) -> String {
    format!("chg_{}", order_id(started))
}

/// The name of a charge at the provider, and of its invoice: its entry's time and place, as 26
/// digits and letters. No other entry of any store with another history shares it.
pub fn order_id(started: &Recorded) -> String {
    let id = PublicId::new(started.time, started.position.get()).text("chg");
    id.trim_start_matches("chg_").to_owned()
}

/// The place that an order id of ours speaks of.
fn place_of(order_id: &str) -> Option<(PublicId, Position)> {
    let id = PublicId::parse("chg", &format!("chg_{order_id}"))?;
    Some((id, Position::new(id.number)?))
}
