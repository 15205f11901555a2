//! What may be asked of the ledger: a fact that has not happened yet.
//!
//! A command carries the very value that becomes the fact, so nothing is copied field by field and
//! nothing can be asked that cannot be recorded.

use super::bill::{BillCancelled, BillIssued};
use super::charge::{ChargeAdvanced, ChargeStarted};
use super::event::{Fact, FreezeSet, Hold, HoldReleased, Movement, Origin, Refusal};
use super::event::{TopUpRejected, TopUpRequested};
use super::id::{AccountId, Position};
use super::money::Currency;
use super::payout::{CallbackTried, PayoutAdvanced, PayoutFailed, PayoutStarted};
use super::refund::{RefundAdvanced, RefundStarted};
use super::rejection::Rejection;
use super::text::Line;

/// A request, well formed, whose answer depends on the state of accounts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Move money.
    Move(Movement),
    /// Set money aside.
    Hold(Hold),
    /// End a hold without a posting.
    Release(HoldReleased),
    /// Note that money is said to be on its way.
    RequestTopUp(TopUpRequested),
    /// Note that it was not found.
    RejectTopUp(TopUpRejected),
    /// Freeze an account or release it.
    Freeze(FreezeSet),
    /// Set money aside and begin to send it to a bank.
    StartPayout(Box<PayoutStarted>),
    /// Note how a payout goes on.
    AdvancePayout(Box<PayoutAdvanced>),
    /// End a payout of which nothing was paid.
    FailPayout(Box<PayoutFailed>),
    /// Note a try to tell a payout's end.
    NoteCallback(Box<CallbackTried>),
    /// Note that one account is to pay another.
    IssueBill(Box<BillIssued>),
    /// Call a bill off.
    CancelBill(Box<BillCancelled>),
    /// Await money.
    StartCharge(Box<ChargeStarted>),
    /// Note how a charge goes on, or that it ends unpaid.
    AdvanceCharge(Box<ChargeAdvanced>),
    /// Set money aside and begin to give it back through the provider.
    StartRefund(Box<RefundStarted>),
    /// Note how a refund goes on, or that it failed.
    AdvanceRefund(Box<RefundAdvanced>),
}

impl Command {
    /// The account that decides first: the giver of a movement, else the account it is about.
    pub const fn account(&self) -> AccountId {
        match self {
            Self::Move(movement) => movement.debit,
            Self::Hold(hold) => hold.account,
            Self::Release(released) => released.account,
            Self::RequestTopUp(request) => request.account,
            Self::RejectTopUp(rejected) => rejected.account,
            Self::Freeze(set) => set.account,
            Self::StartPayout(started) => started.account,
            Self::AdvancePayout(advanced) => advanced.account,
            Self::FailPayout(failed) => failed.account,
            Self::NoteCallback(tried) => tried.account,
            Self::IssueBill(issued) => issued.account,
            Self::CancelBill(cancelled) => cancelled.account,
            Self::StartCharge(started) => started.account,
            Self::AdvanceCharge(advanced) => advanced.account,
            Self::StartRefund(started) => started.account,
            Self::AdvanceRefund(advanced) => advanced.account,
        }
    }

    /// The order it is about.
    pub const fn subject(&self) -> Option<Position> {
        match self {
            Self::Move(movement) => movement.kind.subject(),
            Self::Release(released) => Some(released.hold),
            Self::RejectTopUp(rejected) => Some(rejected.request),
            Self::AdvancePayout(advanced) => Some(advanced.payout),
            Self::FailPayout(failed) => Some(failed.payout),
            Self::NoteCallback(tried) => Some(tried.payout),
            Self::CancelBill(cancelled) => Some(cancelled.bill),
            Self::StartCharge(started) => started.purpose.bill(),
            Self::AdvanceCharge(advanced) => Some(advanced.charge),
            Self::StartRefund(started) => Some(started.payment),
            Self::AdvanceRefund(advanced) => Some(advanced.refund),
            Self::Hold(_)
            | Self::RequestTopUp(_)
            | Self::Freeze(_)
            | Self::StartPayout(_)
            | Self::IssueBill(_) => None,
        }
    }

    /// The order it is about, if the account that decides first keeps it.
    pub const fn kept_order(&self) -> Option<Position> {
        if let Self::Move(movement) = self
            && movement.kind.is_receivers()
        {
            return None;
        }
        self.subject()
    }

    /// Who asks.
    pub const fn origin(&self) -> &Origin {
        match self {
            Self::Move(movement) => &movement.origin,
            Self::Hold(hold) => &hold.origin,
            Self::Release(released) => &released.origin,
            Self::RequestTopUp(request) => &request.origin,
            Self::RejectTopUp(rejected) => &rejected.origin,
            Self::Freeze(set) => &set.origin,
            Self::StartPayout(started) => &started.origin,
            Self::AdvancePayout(advanced) => &advanced.origin,
            Self::FailPayout(failed) => &failed.origin,
            Self::NoteCallback(tried) => &tried.origin,
            Self::IssueBill(issued) => &issued.origin,
            Self::CancelBill(cancelled) => &cancelled.origin,
            Self::StartCharge(started) => &started.origin,
            Self::AdvanceCharge(advanced) => &advanced.origin,
            Self::StartRefund(started) => &started.origin,
            Self::AdvanceRefund(advanced) => &advanced.origin,
        }
    }

    /// The fact it becomes when every account concerned has agreed.
    pub fn into_fact(self) -> Fact {
        match self {
            Self::Move(movement) => Fact::Moved(movement),
            Self::Hold(hold) => Fact::Held(hold),
            Self::Release(released) => Fact::HoldReleased(released),
            Self::RequestTopUp(request) => Fact::TopUpRequested(request),
            Self::RejectTopUp(rejected) => Fact::TopUpRejected(rejected),
            Self::Freeze(set) => Fact::FreezeSet(set),
            Self::StartPayout(started) => Fact::PayoutStarted(started),
            Self::AdvancePayout(advanced) => Fact::PayoutAdvanced(advanced),
            Self::FailPayout(failed) => Fact::PayoutFailed(failed),
            Self::NoteCallback(tried) => Fact::CallbackTried(tried),
            Self::IssueBill(issued) => Fact::BillIssued(issued),
            Self::CancelBill(cancelled) => Fact::BillCancelled(cancelled),
            Self::StartCharge(started) => Fact::ChargeStarted(started),
            Self::AdvanceCharge(advanced) => Fact::ChargeAdvanced(advanced),
            Self::StartRefund(started) => Fact::RefundStarted(started),
            Self::AdvanceRefund(advanced) => Fact::RefundAdvanced(advanced),
        }
    }

    /// The fact that it was refused.
    pub fn into_refusal(self, rejection: Rejection) -> Fact {
        let account = self.account();
        let (origin, amount) = match self {
            Self::Move(movement) => (movement.origin, Some(movement.amount)),
            Self::Hold(hold) => (hold.origin, Some(hold.amount)),
            Self::Release(released) => (released.origin, None),
            Self::RequestTopUp(request) => (request.origin, Some(request.amount)),
            Self::RejectTopUp(rejected) => (rejected.origin, None),
            Self::Freeze(set) => (set.origin, None),
            Self::StartPayout(started) => (started.origin, Some(started.amount)),
            Self::AdvancePayout(advanced) => (advanced.origin, None),
            Self::FailPayout(failed) => (failed.origin, None),
            Self::NoteCallback(tried) => (tried.origin, None),
            Self::IssueBill(issued) => (issued.origin, Some(issued.amount)),
            Self::CancelBill(cancelled) => (cancelled.origin, None),
            Self::StartCharge(started) => (started.origin, Some(started.amount)),
            Self::AdvanceCharge(advanced) => (advanced.origin, None),
            Self::StartRefund(started) => (started.origin, Some(started.amount)),
            Self::AdvanceRefund(advanced) => (advanced.origin, None),
        };
        Fact::Refused(Refusal {
            origin,
            account: Some(account),
            amount,
            rejection,
            note: Line::empty(),
        })
    }
}

/// What no state can change about a movement, and so is asked before anybody decides: all parties
/// keep its currency, the house's account for the fee included, and giver and receiver are two.
///
/// # Errors
/// Why it can never be.
pub fn decide_parties(
    movement: &Movement,
    currency_of: impl Fn(AccountId) -> Currency,
) -> Result<(), Rejection> {
    let Movement { debit, credit, fee, currency, .. } = movement;
    let fee = fee.as_ref().map_or(*credit, |fee| fee.account);
    if [*debit, *credit, fee].into_iter().any(|party| currency_of(party) != *currency) {
        return Err(Rejection::CurrencyMismatch);
    }
    if debit == credit { Err(Rejection::SelfTransfer) } else { Ok(()) }
}
