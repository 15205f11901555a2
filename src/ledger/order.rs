//! Things that stay open across entries: holds, requested top-ups, refunds so far and under way,
//! payouts, charges, bills, late money.
//!
//! An order is named by the position of the entry that began it.

use super::bill::Bill;
use super::charge::{Charge, Late};
use super::id::{AccountId, Position, Principal};
use super::money::{Amount, Currency, Total};
use super::odd::OddCharge;
use super::payout::{Callback, Payout};
use super::refund::Refund;
use super::time::Timestamp;

/// The state of something that an earlier entry began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum Order {
    /// Money set aside; gone once posted or released.
    Hold {
        /// Whose money.
        account: AccountId,
        /// How much.
        amount: Amount,
        /// From when on it may be released by itself.
        expires: Timestamp,
    },
    /// A requested top-up.
    TopUp {
        /// Where it is to arrive.
        account: AccountId,
        /// How much.
        amount: Amount,
        /// Of what.
        currency: Currency,
        /// Who asked, and so may not approve.
        requested_by: Principal,
        /// How far it is.
        state: TopUpState,
    },
    /// A payment of which something went back, or is on its way back.
    Refunds {
        /// All refunds of it together.
        refunded: Total,
    },
    /// Money on its way to a bank; gone once it has ended.
    Payout(Payout),
    /// The end of a payout that is still to be told; gone once it is.
    Callback(Callback),
    /// Money awaited from outside or from a wallet; gone once it has ended.
    Charge(Charge),
    /// What one account is to pay another; gone once it is paid or called off.
    Bill(Bill),
    /// Money in suspense; gone once it is resolved.
    Late(Late),
    /// Money on its way back through the provider; gone once it has ended.
    Refund(Refund),
    /// What the provider says of a charge and cannot be; gone once a person has looked.
    Odd(OddCharge),
}

/// How far a requested top-up is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum TopUpState {
    /// An administrator has to look.
    Awaiting,
    /// The money is in: the entry that moved it.
    Approved(Position),
    /// It was not found: the entry that says so.
    Rejected(Position),
}
