//! Identity primitives: secrets, passwords, tokens, keys, allow lists and limits on guessing.
//!
//! Nothing here knows a user, a role, a route or the journal: the caller looks those up and
//! records what happened. Nothing here reads the clock either; time is an argument.

pub mod allow;
pub mod api_key;
mod claims;
pub mod code;
mod generations;
pub mod hasher;
pub mod keys;
pub mod networks;
pub mod password;
pub(crate) mod private_file;
pub mod random;
pub mod secret;
pub mod server_key;
pub mod throttle;
pub mod token;
pub mod totp;
pub mod vault;
