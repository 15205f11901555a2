//! Merchants (MID-2): who takes payments here as through Midtrans, what is asked by them, and what
//! they are told.
//!
//! The wire is `http::midtrans`; what stands behind it for the gateway is `http::merchant`, which
//! asks this room. An order is a charge under the merchant's own name for it, see `charge::order`.
//!
//! # Invariants
//!
//! - A key that is not known, one that was replaced, and one of a merchant who is turned away look
//!   alike.
//! - What a merchant is told follows from the journal: the same event is told in the same words.

mod again;
pub mod details;
pub mod orders;
pub mod pay;
pub mod pick;
pub mod qr;
pub mod refunds;
pub mod rows;
pub mod scan;
pub mod told;
