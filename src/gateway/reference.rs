//! The key of a request: given by the caller, or made for them.

use crate::identity::random;
use crate::ledger::event::{Digest, Origin};
use crate::ledger::id::Principal;
use crate::ledger::text::Reference;

/// The origin of a request under the caller's reference, or under a new one.
pub fn origin(principal: Principal, reference: Option<Reference>, digest: Digest) -> Origin {
    Origin { principal, reference: reference.unwrap_or_else(made), digest }
}

/// A reference nobody has used.
pub fn made() -> Reference {
    Reference::parse(&random::reference()).expect("base 32 is visible ASCII")
}
