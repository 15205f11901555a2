//! Money outside our walls: how a bank is asked to move it, and what may be concluded.
//!
//! ```text
//!  gateway ── standard request, HTTP ──▶ bank service ── SNAP, HTTPS ──▶ bank
//!             signed with the partner's                  in the bank's own
//!             key token                                  dialect
//! ```
//!
//! [`outcome`] is the heart of it: what a try at a bank may end as, and what each end allows.
//! [`standard`] is what gateway and bank service say to each other, the same for every bank.
//! [`snap`] is what bank service and bank say to each other; [`banks`] who the banks are.
//! [`midtrans`] is what a payment provider and its merchants say to each other, for the gateway is
//! one of the latter and plays the former for its own.
//! [`qris`] is the text of a QR code that any bank's or wallet's app can pay.
//!
//! The gateway holds a [`bank::Bank`], which is a [`bank_client::BankClient`] or a simulation's own:
//!
//! ```text
//!  BankClient ──▶ breaker ──▶ bulkhead ──▶ http::Client ──▶ bank service
//!                 is it up?   is there     what was sent
//!                             room?        for certain?
//! ```
//!
//! A [`provider::Provider`], which is a [`midtrans_client::MidtransClient`] or a simulation's own, is
//! reached in the same way.
//!
//! It knows no journal, no engine and no server: what becomes of an outcome is decided elsewhere.

// What may be concluded, and what is said.
pub mod banks;
pub mod midtrans;
pub mod outcome;
pub mod qris;
pub mod snap;
pub mod standard;

// The gateway's side.
pub mod bank;
pub mod bank_client;
pub mod midtrans_client;
pub mod provider;

// What every request that goes out needs.
pub mod breaker;
pub mod bulkhead;
pub mod http;
pub mod tls;
pub mod webhook;

// To people.
pub mod sender;
