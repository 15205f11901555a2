//! How a try at a bank ends, and what each end allows.
//!
//! # Invariants
//!
//! - Another bank may be tried only after [`Outcome::NotSent`].
//! - From the first byte of a transfer that may have left us, nothing but the bank's own definite
//!   word ends the try: everything else is [`Outcome::Unknown`], which is asked about and never
//!   sent again.
//! - When in doubt it is unknown. A wrong `NotSent` or a wrong refusal can pay twice; a wrong
//!   `Unknown` costs a question.

/// What is known after a try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome<T> {
    /// The bank did it.
    Succeeded(T),
    /// The bank has not done it and never will under this reference.
    Refused(Reason),
    /// No byte of it reached the bank, or the bank could not have acted on any.
    NotSent(Reason),
    /// The bank may have done it, or may yet.
    Unknown(Reason),
}

impl<T> Outcome<T> {
    /// The same outcome around another value.
    pub fn map<U>(self, of: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Succeeded(value) => Outcome::Succeeded(of(value)),
            Self::Refused(reason) => Outcome::Refused(reason),
            Self::NotSent(reason) => Outcome::NotSent(reason),
            Self::Unknown(reason) => Outcome::Unknown(reason),
        }
    }

    /// The word for it on the wire, in logs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Succeeded(_) => "succeeded",
            Self::Refused(_) => "refused",
            Self::NotSent(_) => "not_sent",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// Why an outcome is what it is: for people, and never with anything secret in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason {
    /// The bank's own code, as `4041711`; or ours, as `timeout`.
    pub code: String,
    /// One line.
    pub message: String,
}

impl Reason {
    /// A reason of these words.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

/// A transfer the bank has done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transferred {
    /// The bank's own reference, for its statement and its people.
    pub bank_reference: String,
}

/// Whose account it is, as the bank says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Beneficiary {
    /// The name on the account.
    pub account_name: String,
}

/// What a bank says when asked what became of a transfer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It knows the transfer, or cannot say.
    Found(Outcome<Transferred>),
    /// It has never seen it. The transfer may still be on its way: only time makes this a refusal.
    NotFound(Reason),
}
