//! Gerbang: a payment gateway and wallet ledger in one binary.

pub mod clock;
pub mod ledger;
pub mod limits;
