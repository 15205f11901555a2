//! The outside world in small: banks with books of their own, and faults from a seed.
//!
//! They answer over the same HTTP listener as the gateway and are as strict as the real ones: what
//! passes here carries a good signature, a living token, and a reference that is new. Used by tests,
//! by `gerbang simulate` and by the demo; nothing that serves real users knows this module.

pub mod bank;
pub mod cut;
pub mod faults;
pub mod keys;
mod lock;
pub mod midtrans;
