//! The pure ledger: what may happen (`decide`) and what did (`apply`).
//!
//! It knows no clock, disk, network, JSON or runtime. Time comes as an argument, randomness not at
//! all, so the same events give the same book on every machine.
//!
//! Read in this order: [`money`] and [`id`], [`event`] (what the journal keeps), [`account`] (the
//! rules), [`book`] (the whole).
#![deny(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::iter_over_hash_type,
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants
)]

pub mod account;
pub mod api_key;
pub mod bill;
pub mod boarding;
pub mod book;
pub mod charge;
pub mod code;
pub mod command;
pub mod decision;
pub mod delivery;
pub mod endpoint;
pub mod event;
pub mod id;
pub mod lockout;
pub mod merchant;
pub mod money;
pub mod movement;
pub mod odd;
pub mod order;
pub mod orders;
pub mod payout;
pub mod policy;
pub mod posting;
pub mod proposal;
pub mod reference;
pub mod refund;
pub mod registry;
pub mod rejection;
pub mod row;
pub mod settles;
pub mod table;
pub mod text;
pub mod time;
pub mod touched;
pub mod user;
