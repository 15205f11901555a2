//! The pure ledger: what may happen (`decide`) and what did (`apply`).

pub mod time;
