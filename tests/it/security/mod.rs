//! Who may do what, what cannot be guessed, and what is never said.

mod budgets;
mod clients;
mod keys;
mod logins;
mod matrix;
pub(crate) mod secrets;
mod tokens;
