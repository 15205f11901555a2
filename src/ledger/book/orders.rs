//! What becomes of orders when a fact stands in the journal.

use arrayvec::ArrayVec;

use crate::ledger::bill::Bill;
use crate::ledger::charge::{Charge, ChargeAdvanced, Late};
use crate::ledger::event::{Fact, Hold, Movement, MovementKind};
use crate::ledger::id::Position;
use crate::ledger::money::{Amount, Total};
use crate::ledger::odd::OddCharge;
use crate::ledger::order::{Order, TopUpState};
use crate::ledger::payout::{Callback, Payout};
use crate::ledger::refund::{self, Refund, RefundAdvanced};

/// Orders and their states; `None`: closed. An entry changes two at most.
pub type NextOrders = ArrayVec<(Position, Option<Order>), 2>;

/// What becomes of orders when `fact` stands at `position`: which, and their states from then on.
/// `before` knows the states before. The engine uses it for orders whose entries are still on their
/// way to the journal.
pub fn next_orders(
    position: Position,
    fact: &Fact,
    before: impl Fn(Position) -> Option<Order>,
) -> NextOrders {
    let order = fact.subject().and_then(&before);
    let mut next: NextOrders = next_order(position, fact, order).into_iter().collect();
    next.extend(fact.bill().map(|bill| (bill, None)));
    next.extend(next_refunds(position, fact, order, before));
    next
}

/// What becomes of the order that a refund through the provider changes beside the one it is about:
/// it begins one of its own, or counts as refunded of its payment no more.
fn next_refunds(
    position: Position,
    fact: &Fact,
    order: Option<Order>,
    before: impl Fn(Position) -> Option<Order>,
) -> Option<(Position, Option<Order>)> {
    if let Fact::RefundStarted(started) = fact {
        return Some((position, Some(Order::Refund(Refund::new(started)))));
    }
    let (payment, less) = refund::taken_back(fact, order.as_ref())?;
    match before(payment) {
        Some(Order::Refunds { refunded }) => {
            let left = refunded.units().saturating_sub(u128::from(less.get()));
            Some((payment, Some(Order::Refunds { refunded: Total::from_units(left) })))
        }
        _ => None,
    }
}

/// A payment of which `more` counts as refunded.
fn refunds(order: Option<Order>, more: Amount) -> Order {
    let before = match order {
        Some(Order::Refunds { refunded }) => refunded,
        _ => Total::ZERO,
    };
    Order::Refunds { refunded: before.plus(more) }
}

/// What becomes of the order that `fact` is about, or begins.
fn next_order(
    position: Position,
    fact: &Fact,
    order: Option<Order>,
) -> Option<(Position, Option<Order>)> {
    match fact {
        Fact::Held(hold) => {
            let Hold { account, amount, expires, .. } = *hold;
            Some((position, Some(Order::Hold { account, amount, expires })))
        }
        Fact::HoldReleased(released) => Some((released.hold, None)),
        Fact::TopUpRequested(request) => Some((
            position,
            Some(Order::TopUp {
                account: request.account,
                amount: request.amount,
                currency: request.currency,
                requested_by: request.origin.principal,
                state: TopUpState::Awaiting,
            }),
        )),
        Fact::TopUpRejected(rejected) => {
            Some((rejected.request, order.map(|o| decided(o, TopUpState::Rejected(position)))))
        }
        Fact::Moved(movement) => next_of_movement(position, movement, order),
        Fact::PayoutStarted(started) => {
            Some((position, Some(Order::Payout(Payout::new(started, position)))))
        }
        Fact::PayoutAdvanced(advanced) => match order {
            Some(Order::Payout(payout)) => {
                let payout = payout.advanced(&advanced.step, position);
                Some((advanced.payout, Some(Order::Payout(payout))))
            }
            _ => None,
        },
        Fact::PayoutFailed(failed) => Some((failed.payout, ended(order, position))),
        Fact::CallbackTried(tried) => match order {
            Some(Order::Callback(callback)) => {
                let next = Callback { tried: tried.attempt, ..callback };
                Some((tried.payout, (!tried.done).then_some(Order::Callback(next))))
            }
            _ => None,
        },
        Fact::BillIssued(issued) => Some((position, Some(Order::Bill(Bill::new(issued))))),
        Fact::BillCancelled(cancelled) => Some((cancelled.bill, None)),
        Fact::ChargeStarted(started) => Some((position, Some(Order::Charge(Charge::new(started))))),
        Fact::ChargeAdvanced(advanced) => next_of_charge(advanced, order),
        Fact::RefundStarted(started) => {
            Some((started.payment, Some(refunds(order, started.amount))))
        }
        Fact::RefundAdvanced(advanced) => next_of_refund(advanced, order),
        Fact::OddHeard(heard) => Some((position, Some(Order::Odd(OddCharge::new(heard))))),
        Fact::OddSettled(settled) => Some((settled.heard, None)),
        Fact::Genesis
        | Fact::AccountOpened(_)
        | Fact::UserCreated(_)
        | Fact::UserChanged(_)
        | Fact::SessionRevoked(_)
        | Fact::FreezeSet(_)
        | Fact::Refused(_)
        | Fact::RegistryChanged(_)
        | Fact::Notified(_)
        | Fact::DeliveryTried(_)
        | Fact::BoardingChanged(_) => None,
    }
}

fn next_of_charge(
    advanced: &ChargeAdvanced,
    order: Option<Order>,
) -> Option<(Position, Option<Order>)> {
    let Some(Order::Charge(charge)) = order else { return None };
    Some((advanced.charge, charge.advanced(&advanced.step).map(Order::Charge)))
}

fn next_of_refund(
    advanced: &RefundAdvanced,
    order: Option<Order>,
) -> Option<(Position, Option<Order>)> {
    let Some(Order::Refund(refund)) = order else { return None };
    Some((advanced.refund, refund.advanced(&advanced.step).map(Order::Refund)))
}

/// What becomes of the order that `movement` is about, or begins.
fn next_of_movement(
    position: Position,
    movement: &Movement,
    order: Option<Order>,
) -> Option<(Position, Option<Order>)> {
    match movement.kind {
        MovementKind::Refund { payment, .. } => {
            Some((payment, Some(refunds(order, movement.amount))))
        }
        MovementKind::TopUp { request: Some(request), .. } => {
            Some((request, order.map(|o| decided(o, TopUpState::Approved(position)))))
        }
        MovementKind::HoldPosted { hold } => Some((hold, None)),
        MovementKind::PaidOut { payout, .. } => Some((payout, ended(order, position))),
        MovementKind::ChargePaid { charge, .. } => Some((charge, None)),
        MovementKind::BillPaid { bill } => Some((bill, None)),
        MovementKind::Suspended { charge, deadline } => {
            let (account, amount) = (movement.credit, movement.amount);
            Some((position, Some(Order::Late(Late { account, charge, amount, deadline }))))
        }
        MovementKind::Resolved { late, .. } => Some((late, None)),
        MovementKind::GivenBack { refund, .. } => Some((refund, None)),
        MovementKind::Payment
        | MovementKind::TopUp { request: None, .. }
        | MovementKind::Adjustment { .. } => None,
    }
}

/// What is left of a payout that ends at `position`.
fn ended(order: Option<Order>, position: Position) -> Option<Order> {
    match order {
        Some(Order::Payout(payout)) => payout.ended(position).map(Order::Callback),
        _ => None,
    }
}

fn decided(order: Order, state: TopUpState) -> Order {
    match order {
        Order::TopUp { account, amount, currency, requested_by, .. } => {
            Order::TopUp { account, amount, currency, requested_by, state }
        }
        Order::Hold { .. }
        | Order::Refunds { .. }
        | Order::Payout(_)
        | Order::Callback(_)
        | Order::Charge(_)
        | Order::Bill(_)
        | Order::Late(_)
        | Order::Refund(_)
        | Order::Odd(_) => order,
    }
}
