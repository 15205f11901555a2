//! Money outside our walls: how a bank is asked to move it, and what may be concluded.
//!
//! ```text
//!  gateway ── standard request, HTTP ──▶ bank service ── SNAP, HTTPS ──▶ bank
//!             signed with the partner's                  in the bank's own dialect
//!             key token
//! ```
//!
//! [`outcome`] is the heart of it: what a try at a bank may end as, and what each end allows.
//! [`standard`] is what gateway and bank service say to each other, the same for every bank.
//! [`snap`] is what bank service and bank say to each other; [`banks`] who the banks are.

pub mod banks;
pub mod outcome;
pub mod snap;
pub mod standard;
