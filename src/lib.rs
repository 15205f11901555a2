//! Gerbang: a payment gateway and wallet ledger in one binary.
//!
//! The path of a payment, and where each step lives:
//!
//! ```text
//!  POST /api/v1/payments
//!    │  http::server, guard        bytes become a request, within bounds
//!    │  http::api::payments        JSON becomes a `Pay`
//!    ▼
//!  gateway::pay                    names become accounts, the request gets its key
//!    ▼
//!  engine                          the payer's task decides, the payee's if it can refuse
//!    │      ledger::account        ... by these rules
//!    ▼
//!  engine::writer                  one batch: applied to the book, encoded
//!    │      journal::sled          durable
//!    ▼
//!  engine::view                    visible to readers
//!    ▼
//!  201                             answered, in order
//! ```
//!
//! Direction of knowledge: `ledger ← journal ← engine ← gateway ← http ← app ← cli`; `identity`
//! stands on `ledger` alone, `connector` on the two. `bank_service`, a process of its own, stands on
//! `connector` and `http`; so does `simulator`, the outside world. What stands left knows nothing of
//! what stands right.

pub mod app;
pub mod bank_service;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connector;
pub mod engine;
pub mod gateway;
pub mod http;
pub mod identity;
pub mod journal;
pub mod language;
pub mod ledger;
pub mod limits;
pub mod outbound;
pub mod simulator;
pub mod telemetry;
