//! Identity primitives: secrets, passwords, tokens, signing keys and limits on guessing.
//!
//! Nothing here knows a user, a role, a route or the journal: the caller looks those up and
//! records what happened. Nothing here reads the clock either; time is an argument.

mod claims;
mod generations;
pub mod hasher;
pub mod keys;
pub mod password;
pub mod random;
pub mod secret;
pub mod throttle;
pub mod token;
