//! Midtrans' Core API as bytes, in both directions: nothing here does IO, reads a clock or draws a
//! random number.
//!
//! ```text
//!               as its client                          as Midtrans
//!  Charge::to_json ──────────▶ POST /v2/charge ──────────▶ Charge::read
//!  Answer::read    ◀────────── its answer      ◀────────── Transaction::to_json, Failure::to_json
//!  Notification::read ◀─────── POST to our URL ◀────────── notification::write
//! ```
//!
//! # Invariants
//!
//! - Amounts are whole rupiah. They are sent as integers and told as `"44000.00"`; one with a
//!   fraction is not read.
//! - `status_code` is text, three digits, and what counts: the HTTP status is 200 for nearly all of
//!   them. 407 is the success of an order that has expired.
//! - An object in which a field stands twice has no single meaning and is not read.
//! - What we do not know is kept in `others` and written again, never interpreted.
//! - Cards are recognised and never taken: nothing of a card's object is kept.
//! - A notification's signature covers neither its status nor its time: it is a reason to ask, and
//!   never a reason to credit (see [`notification`]).

// What both sides write alike.
pub mod key;
pub mod text;

// How a transaction goes.
pub mod status;

// What is asked.
pub mod charge;
pub mod expiry;
pub mod method;
pub mod refund;

// What is told.
pub mod answer;
pub mod delivery;
pub mod error;
pub mod notification;
pub mod transaction;

#[cfg(test)]
mod samples;
