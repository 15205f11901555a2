//! Gerbang: a payment gateway and wallet ledger in one binary.

pub mod clock;
pub mod engine;
pub mod gateway;
pub mod http;
pub mod identity;
pub mod journal;
pub mod ledger;
pub mod limits;
pub mod telemetry;
