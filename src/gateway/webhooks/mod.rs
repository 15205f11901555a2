//! Webhooks: users are told of what happens to their money, at addresses they registered.
//!
//! ```text
//!  writer ── fold: outbox ── committed ──▶ view: queue of each endpoint, by when it is due
//!    ▲                                        │
//!    │ DeliveryTried                          ▼
//!    └───────────────────────── courier ── one timer, a few sends at once ──▶ receiver
//! ```
//!
//! Merchants are told of their orders as Midtrans does, see `merchant`. All other
//! messages follow Standard Webhooks: one id over all tries, a time and a signature for each. What
//! is to be told follows from the journal (`ledger::delivery`), so a restart forgets nothing; the
//! tries stand in it, and are the delivery log.
//!
//! # Invariants
//!
//! - A message is told at least once, or until its schedule is used up. A receiver may hear it
//!   twice and knows it by its id.
//! - Messages are told in no particular order; each says when its event happened.
//! - An endpoint that does not answer waits for none but others that do not.

mod courier;
mod endpoints;
mod log;
mod merchant;
mod message;

pub use self::courier::Courier;
pub use self::endpoints::{Tested, Wish, endpoint_public_id, set_by};
pub use self::log::{Line, Status};
pub use self::message::message_id;
