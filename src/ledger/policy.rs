//! What an operator allows an account to hold and take in: configuration, not history.
//!
//! A policy is consulted when something is decided and never when it is applied, so that yesterday's
//! entries stay valid under today's limits.

use super::event::AccountKind;
use super::money::{Amount, Currency};

/// Limits on what comes into an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// The balance may not exceed this.
    pub ceiling: Option<Amount>,
    /// Payments and top-ups received in a calendar month may not exceed this together.
    pub incoming_per_month: Option<Amount>,
}

impl Policy {
    /// No limit on what comes in.
    pub const NONE: Self = Self { ceiling: None, incoming_per_month: None };

    /// Whether a credit can be refused under this policy.
    pub const fn refuses_credits(&self) -> bool {
        self.ceiling.is_some() || self.incoming_per_month.is_some()
    }
}

/// The policies in force, by kind of account and currency; none where nothing is said.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policies(pub Vec<(AccountKind, Currency, Policy)>);

impl Policies {
    /// The policy for accounts of `kind` in `currency`.
    pub fn of(&self, kind: AccountKind, currency: Currency) -> Policy {
        self.0
            .iter()
            .find(|(of_kind, of_currency, _)| *of_kind == kind && *of_currency == currency)
            .map_or(Policy::NONE, |(_, _, policy)| *policy)
    }
}
