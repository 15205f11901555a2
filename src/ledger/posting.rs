//! The only way money moves: one amount, from one account to another.

use super::id::AccountId;
use super::money::Amount;

/// Moves `amount` from `debit` to `credit`. What cannot be unbalanced needs no check for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Posting {
    /// The account that gives.
    pub debit: AccountId,
    /// The account that receives.
    pub credit: AccountId,
    /// How much, in the currency both accounts share.
    pub amount: Amount,
}
