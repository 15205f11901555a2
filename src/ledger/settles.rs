//! What an entry settles: the orders whose end is found by it, whoever asked for it under whatever
//! reference.
//!
//! How a charge, a bill or money in suspense ended is known without a walk through anybody's
//! history: the entry is found by what it settles beside its own reference, which is the payer's or
//! an administrator's to choose.

use arrayvec::ArrayVec;

use super::event::{Fact, MovementKind, Origin};
use super::id::Principal;
use super::reference::fingerprint;
use super::text::Reference;
use super::{bill, charge};

/// References in the system's name space. An entry settles two orders at most: a charge or money in
/// suspense, and the bill that is paid with it.
pub type Settled = ArrayVec<Reference, 2>;

/// What `fact` settles.
pub fn settles(fact: &Fact) -> Settled {
    let mut settled = Settled::new();
    match fact {
        Fact::Moved(movement) => {
            settled.extend(ended(movement.kind));
            settled.extend(movement.kind.bill().map(bill::closed_reference));
        }
        Fact::BillCancelled(cancelled) => settled.push(bill::closed_reference(cancelled.bill)),
        Fact::Genesis
        | Fact::AccountOpened(_)
        | Fact::UserCreated(_)
        | Fact::UserChanged(_)
        | Fact::SessionRevoked(_)
        | Fact::Held(_)
        | Fact::HoldReleased(_)
        | Fact::TopUpRequested(_)
        | Fact::TopUpRejected(_)
        | Fact::FreezeSet(_)
        | Fact::Refused(_)
        | Fact::PayoutStarted(_)
        | Fact::PayoutAdvanced(_)
        | Fact::PayoutFailed(_)
        | Fact::RegistryChanged(_)
        | Fact::CallbackTried(_)
        | Fact::BillIssued(_)
        | Fact::ChargeStarted(_)
        | Fact::ChargeAdvanced(_)
        | Fact::Notified(_)
        | Fact::DeliveryTried(_)
        | Fact::BoardingChanged(_)
        | Fact::RefundStarted(_)
        | Fact::RefundAdvanced(_)
        | Fact::OddHeard(_)
        | Fact::OddSettled(_) => {}
    }
    settled
}

/// What a movement ends that is found so.
fn ended(kind: MovementKind) -> Option<Reference> {
    match kind {
        MovementKind::ChargePaid { charge, .. } => Some(charge::paid_reference(charge)),
        MovementKind::Resolved { late, .. } => Some(charge::resolved_reference(late)),
        MovementKind::BillPaid { bill } => Some(bill::closed_reference(bill)),
        MovementKind::Payment
        | MovementKind::Refund { .. }
        | MovementKind::TopUp { .. }
        | MovementKind::Adjustment { .. }
        | MovementKind::HoldPosted { .. }
        | MovementKind::PaidOut { .. }
        | MovementKind::Suspended { .. }
        | MovementKind::GivenBack { .. } => None,
    }
}

/// The fingerprints that an entry is found by beside that of its own reference: of what it settles,
/// unless that is its reference.
pub fn further_fingerprints(fact: &Fact) -> ArrayVec<u64, 2> {
    let is_own = |settled: &Reference, origin: &Origin| {
        origin.principal == Principal::System && origin.reference == *settled
    };
    let settled = settles(fact).into_iter();
    let further = settled.filter(|it| !fact.origin().is_some_and(|origin| is_own(it, origin)));
    further.map(|settled| fingerprint(Principal::System, &settled)).collect()
}
