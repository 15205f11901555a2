//! SNAP, the national standard of Indonesian banks, as bytes: nothing here does IO, reads a clock
//! or draws a random number.
//!
//! ```text
//!  standard request ──▶ services::*::request ──▶ call::signed ──▶ method, path, headers, body
//!                                  │                  │
//!                               dialect             sign
//!                                  │
//!  outcome ◀── services::*::read ◀─┴─ code, status ◀── HTTP status, body
//! ```
//!
//! A bank differs from the next only in its [`dialect::Dialect`]: adding one is a file beside
//! `bni.rs` and a row in [`dialect::ALL`].

// What is signed.
pub mod sign;

// What an answer means.
pub mod code;
pub mod fields;
pub mod money;
pub mod status;

// How a bank says it.
mod bca;
mod bni;
pub mod dialect;
mod mandiri;

// What is asked.
pub mod call;
pub mod services;
