//! The bank service (EDR-5): the process between the gateway and one bank.
//!
//! ```text
//!  gateway ── POST /api/bni/transfer, JWT ──▶ server ──▶ requests     strict, or 400
//!                                               │
//!                                               ▼
//!                                             desk ──▶ bulkhead ──▶ session ──▶ connector::snap
//!                                               │      is there     a living    written, signed
//!                                               │      room?        token
//!                                               ▼
//!                                  connector::http ── HTTPS ──▶ bank
//! ```
//!
//! # Invariants
//!
//! - Nobody is answered but the gateway: every request bears a token signed with the partner's key
//!   token, for this bank and for a few minutes.
//! - Any status but 200 means that the bank was not asked. From the first byte that may have left
//!   for the bank on, the answer is 200 with an outcome, whatever happens; only a fault of our own
//!   ends as 500, which the gateway takes as unknown.
//! - A transfer leaves once. The one exception: a bank that turned it away at the door because of
//!   an old access token is sent the same reference once more under a new one.
//! - No secret, no account number and no name is logged.
//!
//! It keeps nothing: what became of a transfer is in the gateway's journal and at the bank.

pub mod config;
mod desk;
mod requests;
pub mod server;
mod session;
pub mod statement;
