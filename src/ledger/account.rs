//! One account: what it may do next, and what has happened to it.
//!
//! # Invariants
//!
//! - Four totals only grow: debits, credits, held, released. Everything else about the money of an
//!   account is a difference of them.
//! - An account of a kind that refuses never has `balance - holds` below its floor.
//! - `decide_*` changes nothing; `apply` cannot fail. Whoever applies an event has decided it on
//!   this state or a later prefix of the journal's order.
//!
//! A movement between two accounts that can refuse is decided in two halves, one by each account;
//! the engine carries the first half to the second (see `engine`).

mod payouts;
mod refunds;

use super::bill::{self, BillCancelled};
use super::charge::{self, ChargeAdvanced, ChargePurpose, ChargeStarted};
use super::event::{AccountKind, AccountOpened, Fact, FreezeSet, Hold, HoldReleased, Movement};
use super::event::{MovementKind, TopUpRejected};
use super::id::{AccountId, Position, UserId};
use super::money::{Amount, Balance, Currency, Total};
use super::order::{Order, TopUpState};
use super::payout::{self, PayoutStep};
use super::policy::Policy;
use super::refund::{self, RefundStep};
use super::rejection::Rejection;
use super::time::{Month, Timestamp};

/// The orders of the receiver that a movement is about.
#[derive(Clone, Copy, Default, Debug)]
pub struct Awaiting<'a> {
    /// The request that a top-up answers, the charge or the bill that is paid.
    pub order: Option<&'a Order>,
    /// The bill that is paid beside that.
    pub bill: Option<&'a Order>,
}

/// The state of an account.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Account {
    /// Its row in the book.
    pub id: AccountId,
    /// What it is for.
    pub kind: AccountKind,
    /// Whether debits are refused.
    pub frozen: bool,
    /// The one currency it is kept in.
    pub currency: Currency,
    /// Whose it is.
    pub owner: Option<UserId>,
    /// The balance it never goes below.
    pub floor: i64,
    /// All that ever went out.
    pub debits: Total,
    /// All that ever came in.
    pub credits: Total,
    /// All that was ever set aside.
    pub held: Total,
    /// All that was set aside and is not any more.
    pub released: Total,
    /// The month `incoming` counts.
    pub month: Month,
    /// Payments and top-ups received in `month`.
    pub incoming: Total,
    /// The latest entry about it: the head of its history.
    pub last: Option<Position>,
}

impl Account {
    /// The account that `opened` describes, empty.
    pub fn new(opened: &AccountOpened) -> Self {
        Self {
            id: opened.account,
            kind: opened.kind,
            frozen: false,
            currency: opened.currency,
            owner: opened.owner,
            floor: opened.floor,
            debits: Total::ZERO,
            credits: Total::ZERO,
            held: Total::ZERO,
            released: Total::ZERO,
            month: Month::NEVER,
            incoming: Total::ZERO,
            last: None,
        }
    }

    /// What it holds: credits less debits.
    pub fn balance(&self) -> Balance {
        self.credits.minus(self.debits)
    }

    /// What is set aside.
    pub fn on_hold(&self) -> Balance {
        self.held.minus(self.released)
    }

    /// What can be spent: balance less holds, above the floor.
    pub fn available(&self) -> Balance {
        let units = self.balance().units();
        let units = units.saturating_sub(self.on_hold().units());
        Balance::from_units(units.saturating_sub(i128::from(self.floor)))
    }

    /// Whether the invariant on the floor holds.
    pub fn is_above_floor(&self) -> bool {
        !self.kind.refuses_debits() || self.available() >= Balance::ZERO
    }

    /// The giving half of a movement whose parties fit together (see `decide_parties`). `order` is what the movement refers to (a hold, the refunds
    /// of a payment so far), if anything.
    ///
    /// # Errors
    /// Why this account does not give.
    pub fn decide_debit(
        &self,
        movement: &Movement,
        order: Option<&Order>,
    ) -> Result<(), Rejection> {
        match movement.kind {
            MovementKind::Payment => self.refuse_if_frozen()?,
            MovementKind::Refund { paid, .. } => {
                self.refuse_if_frozen()?;
                if refunds::refunded(order).plus(movement.amount) > Total::ZERO.plus(paid) {
                    return Err(Rejection::RefundExceedsPayment);
                }
            }
            MovementKind::HoldPosted { .. } => {
                return match order {
                    Some(Order::Hold { account, amount, .. }) if *account == self.id => {
                        if movement.amount > *amount {
                            Err(Rejection::HoldExceeded)
                        } else {
                            Ok(())
                        }
                    }
                    _ => Err(Rejection::HoldNotOpen),
                };
            }
            MovementKind::PaidOut { by, .. } => {
                let payout = payout::open(order, self.id)?;
                let fee = movement.fee.map(|fee| fee.amount);
                return if movement.amount == payout.held() && fee == payout.fee {
                    payout.decide_success(by)
                } else {
                    Err(Rejection::PayoutNotOpen)
                };
            }
            MovementKind::GivenBack { by, .. } => {
                let refund = refund::open(order, self.id)?;
                let whole = refund.amount == movement.amount && movement.fee.is_none();
                return if whole { refund.decide_end(by) } else { Err(Rejection::RefundNotOpen) };
            }
            MovementKind::ChargePaid { .. } | MovementKind::BillPaid { .. } => {
                if self.kind.refuses_debits() {
                    self.refuse_if_frozen()?;
                }
            }
            MovementKind::Resolved { .. } => {
                let late = charge::late(order, self.id)?;
                let leaves = movement.fee.is_none_or(|fee| fee.amount < movement.amount);
                let whole = movement.amount == late.amount && leaves;
                return if whole { Ok(()) } else { Err(Rejection::LateNotOpen) };
            }
            MovementKind::TopUp { .. }
            | MovementKind::Adjustment { .. }
            | MovementKind::Suspended { .. } => {}
        }
        if self.kind.refuses_debits() && !self.available().covers(movement.amount) {
            return Err(Rejection::InsufficientFunds);
        }
        Ok(())
    }

    /// The receiving half of a movement at `at` under `policy`, for what this account awaits.
    ///
    /// # Errors
    /// Why this account does not receive.
    pub fn decide_credit(
        &self,
        movement: &Movement,
        at: Timestamp,
        policy: &Policy,
        awaiting: Awaiting<'_>,
    ) -> Result<(), Rejection> {
        self.decide_awaited(movement, at, awaiting)?;
        let exceeds = |limit: Option<Amount>, now: Balance| {
            limit.is_some_and(|limit| now.plus(movement.received()) > Balance::ZERO.plus(limit))
        };
        if exceeds(policy.ceiling, self.balance()) {
            return Err(Rejection::BalanceCeiling);
        }
        if counts_as_incoming(movement.kind) {
            let so_far = if at.month() > self.month { Total::ZERO } else { self.incoming };
            if exceeds(policy.incoming_per_month, so_far.minus(Total::ZERO)) {
                return Err(Rejection::IncomingPerMonth);
            }
        }
        Ok(())
    }

    /// Whether a movement is what this account awaits, if it is about something awaited.
    fn decide_awaited(
        &self,
        movement: &Movement,
        at: Timestamp,
        awaiting: Awaiting<'_>,
    ) -> Result<(), Rejection> {
        let pay_bill = |order| bill::issued(order, self.id)?.decide_payment(movement);
        match movement.kind {
            MovementKind::TopUp { request: Some(_), by } => match awaiting.order {
                Some(Order::TopUp {
                    account, state: TopUpState::Awaiting, requested_by, ..
                }) if *account == self.id => {
                    if *requested_by == by {
                        return Err(Rejection::SecondApproverRequired);
                    }
                    Ok(())
                }
                _ => Err(Rejection::TopUpNotAwaiting),
            },
            MovementKind::ChargePaid { purpose, .. } => {
                charge::open(awaiting.order, self.id)?.decide_payment(movement, purpose, at)?;
                match purpose {
                    ChargePurpose::Bill { .. } => pay_bill(awaiting.bill),
                    ChargePurpose::TopUp | ChargePurpose::Order => Ok(()),
                }
            }
            MovementKind::BillPaid { .. } => pay_bill(awaiting.order),
            MovementKind::Resolved { bill: Some(_), .. } => pay_bill(awaiting.bill),
            MovementKind::Payment
            | MovementKind::Refund { .. }
            | MovementKind::TopUp { request: None, .. }
            | MovementKind::Adjustment { .. }
            | MovementKind::HoldPosted { .. }
            | MovementKind::PaidOut { .. }
            | MovementKind::Suspended { .. }
            | MovementKind::GivenBack { .. }
            | MovementKind::Resolved { bill: None, .. } => Ok(()),
        }
    }

    /// Whether a bill of this account may be called off.
    ///
    /// # Errors
    /// [`Rejection::BillNotOpen`].
    pub fn decide_bill_cancelled(
        &self,
        cancelled: &BillCancelled,
        order: Option<&Order>,
    ) -> Result<(), Rejection> {
        let bill = bill::issued(order, self.id)?;
        if bill.payer == cancelled.payer { Ok(()) } else { Err(Rejection::BillNotOpen) }
    }

    /// Whether a charge may begin: one for a bill needs the bill to be open and of its amount.
    ///
    /// # Errors
    /// Why not.
    pub fn decide_charge(
        &self,
        started: &ChargeStarted,
        order: Option<&Order>,
    ) -> Result<(), Rejection> {
        if started.currency != self.currency {
            return Err(Rejection::CurrencyMismatch);
        }
        let ChargePurpose::Bill { payer, .. } = started.purpose else { return Ok(()) };
        let bill = bill::issued(order, self.id)?;
        let fits = (bill.amount, bill.payer) == (started.amount, payer);
        if fits { Ok(()) } else { Err(Rejection::BillNotOpen) }
    }

    /// Whether a charge may go on.
    ///
    /// # Errors
    /// [`Rejection::ChargeNotOpen`].
    pub fn decide_charge_step(
        &self,
        advanced: &ChargeAdvanced,
        order: Option<&Order>,
    ) -> Result<(), Rejection> {
        charge::open(order, self.id)?.decide_step(advanced)
    }

    /// Whether money may be set aside.
    ///
    /// # Errors
    /// Why not.
    pub fn decide_hold(&self, hold: &Hold) -> Result<(), Rejection> {
        if hold.currency != self.currency {
            return Err(Rejection::CurrencyMismatch);
        }
        self.refuse_if_frozen()?;
        if !self.kind.refuses_debits() || self.available().covers(hold.amount) {
            Ok(())
        } else {
            Err(Rejection::InsufficientFunds)
        }
    }

    /// Whether a hold may be released: by its owner always, by the clock once it has expired.
    ///
    /// # Errors
    /// [`Rejection::HoldNotOpen`] if it is gone, or not due.
    pub fn decide_release(
        &self,
        released: &HoldReleased,
        at: Timestamp,
        order: Option<&Order>,
    ) -> Result<(), Rejection> {
        match order {
            Some(Order::Hold { account, expires, .. })
                if *account == self.id && (!released.expired || *expires <= at) =>
            {
                Ok(())
            }
            _ => Err(Rejection::HoldNotOpen),
        }
    }

    /// Whether a requested top-up may be rejected.
    ///
    /// # Errors
    /// [`Rejection::TopUpNotAwaiting`] if it was decided before.
    pub fn decide_top_up_rejection(
        &self,
        rejected: &TopUpRejected,
        order: Option<&Order>,
    ) -> Result<(), Rejection> {
        match order {
            Some(Order::TopUp { account, state: TopUpState::Awaiting, .. })
                if *account == self.id && *account == rejected.account =>
            {
                Ok(())
            }
            _ => Err(Rejection::TopUpNotAwaiting),
        }
    }

    /// Follows a fact decided at `at`. `order` is the state, before this fact, of what it refers to.
    pub fn apply(&mut self, fact: &Fact, at: Timestamp, order: Option<&Order>) {
        match fact {
            Fact::Moved(movement) => self.apply_movement(movement, at, order),
            Fact::Held(hold) if hold.account == self.id => self.held = self.held.plus(hold.amount),
            Fact::HoldReleased(HoldReleased { account, .. }) if *account == self.id => {
                if let Some(Order::Hold { amount, .. }) = order {
                    self.released = self.released.plus(*amount);
                }
            }
            Fact::FreezeSet(FreezeSet { account, frozen, .. }) if *account == self.id => {
                self.frozen = *frozen;
            }
            Fact::PayoutStarted(started) if started.account == self.id => {
                self.hold(payout::with_fee(started.amount, started.route.fee));
            }
            Fact::PayoutAdvanced(advanced) if advanced.account == self.id => {
                if let (PayoutStep::NextTry { route, .. }, Some(Order::Payout(payout))) =
                    (&advanced.step, order)
                {
                    self.released = self.released.plus(payout.held());
                    self.hold(payout::with_fee(payout.amount, route.fee));
                }
            }
            Fact::RefundStarted(started) if started.account == self.id => {
                self.hold(Some(started.amount));
            }
            Fact::RefundAdvanced(advanced) if advanced.account == self.id => {
                if let (RefundStep::Failed { .. }, Some(Order::Refund(refund))) =
                    (&advanced.step, order)
                {
                    self.released = self.released.plus(refund.amount);
                }
            }
            Fact::PayoutFailed(failed) if failed.account == self.id => {
                if let Some(Order::Payout(payout)) = order {
                    self.released = self.released.plus(payout.held());
                }
            }
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
            | Fact::BoardingChanged(_)
            | Fact::CallbackTried(_)
            | Fact::BillIssued(_)
            | Fact::BillCancelled(_)
            | Fact::ChargeStarted(_)
            | Fact::ChargeAdvanced(_)
            | Fact::Notified(_)
            | Fact::DeliveryTried(_)
            | Fact::RefundStarted(_)
            | Fact::RefundAdvanced(_)
            | Fact::OddHeard(_)
            | Fact::OddSettled(_) => {}
        }
    }

    fn apply_movement(&mut self, movement: &Movement, at: Timestamp, order: Option<&Order>) {
        for posting in movement.postings() {
            if posting.debit == self.id {
                self.debits = self.debits.plus(posting.amount);
            }
            if posting.credit == self.id {
                self.credits = self.credits.plus(posting.amount);
            }
        }
        if movement.debit == self.id {
            match (movement.kind, order) {
                (MovementKind::HoldPosted { .. }, Some(Order::Hold { amount, .. })) => {
                    self.released = self.released.plus(*amount);
                }
                (MovementKind::PaidOut { .. }, Some(Order::Payout(payout))) => {
                    self.released = self.released.plus(payout.held());
                }
                (MovementKind::GivenBack { .. }, Some(Order::Refund(refund))) => {
                    self.released = self.released.plus(refund.amount);
                }
                _ => {}
            }
        }
        if movement.credit == self.id && counts_as_incoming(movement.kind) {
            // A clock set back does not open the month before once more.
            if at.month() > self.month {
                self.month = at.month();
                self.incoming = Total::ZERO;
            }
            self.incoming = self.incoming.plus(movement.received());
        }
    }

    fn hold(&mut self, amount: Option<Amount>) {
        self.held = self.held.plus(amount.expect("a hold this large was refused"));
    }

    fn refuse_if_frozen(&self) -> Result<(), Rejection> {
        if self.frozen { Err(Rejection::AccountFrozen) } else { Ok(()) }
    }
}

/// Whether a movement counts toward the receiver's month. What comes back to a payer does not.
const fn counts_as_incoming(kind: MovementKind) -> bool {
    match kind {
        MovementKind::Payment
        | MovementKind::TopUp { .. }
        | MovementKind::HoldPosted { .. }
        | MovementKind::ChargePaid { .. }
        | MovementKind::BillPaid { .. }
        | MovementKind::Resolved { .. } => true,
        MovementKind::Suspended { .. }
        | MovementKind::Refund { .. }
        | MovementKind::Adjustment { .. }
        | MovementKind::PaidOut { .. }
        | MovementKind::GivenBack { .. } => false,
    }
}
