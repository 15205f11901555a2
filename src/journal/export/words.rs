//! The words for records and movements in an export: stable, since programs look for them.

use crate::ledger::event::{Fact, MovementKind};

/// The word for why money moved.
pub(super) fn movement_name(kind: MovementKind) -> &'static str {
    match kind {
        MovementKind::Payment => "payment",
        MovementKind::Refund { .. } => "refund",
        MovementKind::TopUp { .. } => "top_up",
        MovementKind::Adjustment { .. } => "adjustment",
        MovementKind::HoldPosted { .. } => "hold_posted",
        MovementKind::PaidOut { .. } => "paid_out",
        MovementKind::ChargePaid { .. } => "charge_paid",
        MovementKind::BillPaid { .. } => "bill_paid",
        MovementKind::Suspended { .. } => "suspended",
        MovementKind::Resolved { .. } => "resolved",
        MovementKind::GivenBack { .. } => "given_back",
    }
}

/// The word for what a record says.
pub(super) fn fact_name(fact: &Fact) -> &'static str {
    match fact {
        Fact::Genesis => "genesis",
        Fact::AccountOpened(_) => "account_opened",
        Fact::UserCreated(_) => "user_created",
        Fact::UserChanged(_) => "user_changed",
        Fact::SessionRevoked(_) => "session_revoked",
        Fact::Moved(_) => "moved",
        Fact::Held(_) => "held",
        Fact::HoldReleased(_) => "hold_released",
        Fact::TopUpRequested(_) => "top_up_requested",
        Fact::TopUpRejected(_) => "top_up_rejected",
        Fact::FreezeSet(_) => "freeze_set",
        Fact::Refused(_) => "refused",
        Fact::PayoutStarted(_) => "payout_started",
        Fact::PayoutAdvanced(_) => "payout_advanced",
        Fact::PayoutFailed(_) => "payout_failed",
        Fact::RegistryChanged(_) => "registry_changed",
        Fact::BoardingChanged(_) => "boarding_changed",
        Fact::DeliveryTried(_) => "delivery_tried",
        Fact::CallbackTried(_) => "callback_tried",
        Fact::BillIssued(_) => "bill_issued",
        Fact::BillCancelled(_) => "bill_cancelled",
        Fact::ChargeStarted(_) => "charge_started",
        Fact::ChargeAdvanced(_) => "charge_advanced",
        Fact::Notified(_) => "notified",
        Fact::RefundStarted(_) => "refund_started",
        Fact::RefundAdvanced(_) => "refund_advanced",
        Fact::OddHeard(_) => "odd_heard",
        Fact::OddSettled(_) => "odd_settled",
    }
}
