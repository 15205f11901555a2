//! The oracle: what the ledger should say, computed another way.
//!
//! One signed number per balance, maps for everything, a calendar of its own. It shares the names
//! of things with the ledger and none of its arithmetic, so that a mistake has to be made twice to
//! go unseen.

mod awaited;
mod given;

use std::collections::BTreeMap;

use gerbang::ledger::command::Command;
use gerbang::ledger::event::{AccountKind, AccountOpened, Event, Fact, Movement, MovementKind};
use gerbang::ledger::id::{AccountId, Position, Principal};
use gerbang::ledger::money::{Amount, Currency};
use gerbang::ledger::payout::{PayoutAdvanced, PayoutStep};
use gerbang::ledger::policy::Policies;
use gerbang::ledger::rejection::Rejection;
use gerbang::ledger::time::Timestamp;

use self::awaited::Awaited;

/// An account as the oracle sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Purse {
    pub(crate) kind: AccountKind,
    pub(crate) currency: Currency,
    pub(crate) floor: i128,
    pub(crate) balance: i128,
    pub(crate) held: i128,
    pub(crate) frozen: bool,
    month: i64,
    incoming: i128,
}

impl Purse {
    fn refuses(&self) -> bool {
        [AccountKind::Wallet, AccountKind::Merchant, AccountKind::Escrow].contains(&self.kind)
    }

    /// What may still go out.
    pub(crate) fn free(&self) -> i128 {
        self.balance - self.held - self.floor
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Request {
    account: u32,
    by: Principal,
    open: bool,
}

/// The state of the world as the oracle sees it.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Model {
    pub(crate) purses: BTreeMap<u32, Purse>,
    /// Open holds: whose, how much, until when.
    holds: BTreeMap<u64, (u32, i128, i64)>,
    requests: BTreeMap<u64, Request>,
    refunded: BTreeMap<u64, i128>,
    payouts: BTreeMap<u64, Payout>,
    givings: BTreeMap<u64, given::Giving>,
    awaited: Awaited,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Payout {
    account: u32,
    amount: i128,
    fee: i128,
    tries: u8,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Challenged,
    Sending,
    Unknown,
}

impl Model {
    /// Why `command` is refused at `at`; none if it is not.
    pub(crate) fn verdict(
        &self,
        command: &Command,
        at: Timestamp,
        policies: &Policies,
    ) -> Option<Rejection> {
        match command {
            Command::Move(movement) => {
                self.giver(movement).or_else(|| self.receiver(movement, at, policies))
            }
            Command::Hold(hold) => {
                let purse = self.purse(hold.account);
                if purse.currency != hold.currency {
                    Some(Rejection::CurrencyMismatch)
                } else if purse.frozen {
                    Some(Rejection::AccountFrozen)
                } else if purse.refuses() && purse.free() < units(hold.amount) {
                    Some(Rejection::InsufficientFunds)
                } else {
                    None
                }
            }
            Command::Release(released) => match self.holds.get(&released.hold.get()) {
                Some((account, _, expires))
                    if *account == released.account.0
                        && (!released.expired || *expires <= at.micros()) =>
                {
                    None
                }
                _ => Some(Rejection::HoldNotOpen),
            },
            Command::RejectTopUp(rejected) => {
                let open = self.is_open(rejected.request, rejected.account);
                (!open).then_some(Rejection::TopUpNotAwaiting)
            }
            Command::StartPayout(started) => {
                let purse = self.purse(started.account);
                let needed = units(started.amount) + started.route.fee.map_or(0, units);
                if purse.currency != started.currency {
                    Some(Rejection::CurrencyMismatch)
                } else if purse.frozen {
                    Some(Rejection::AccountFrozen)
                } else {
                    let largest = i128::from(Amount::MAX);
                    let short = purse.refuses() && purse.free() < needed;
                    (short || needed > largest).then_some(Rejection::InsufficientFunds)
                }
            }
            Command::AdvancePayout(advanced) => self.payout_step(advanced),
            Command::FailPayout(failed) => {
                let by_person = failed.by != Principal::System;
                let open = self.payout(failed.payout, failed.account);
                let ends = open.is_some_and(|p| !(by_person && p.stage == Stage::Sending));
                (!ends).then_some(Rejection::PayoutNotOpen)
            }
            Command::CancelBill(cancelled) => self.awaited.cancel(cancelled),
            Command::StartCharge(started) => {
                self.awaited.start(started, self.purse(started.account).currency)
            }
            Command::AdvanceCharge(advanced) => self.awaited.step(advanced),
            Command::StartRefund(started) => self.start_refund(started),
            Command::AdvanceRefund(advanced) => self.refund_step(advanced),
            Command::RequestTopUp(_)
            | Command::Freeze(_)
            | Command::NoteCallback(_)
            | Command::IssueBill(_) => None,
        }
    }

    fn payout(&self, payout: Position, account: AccountId) -> Option<&Payout> {
        self.payouts.get(&payout.get()).filter(|payout| payout.account == account.0)
    }

    fn payout_step(&self, advanced: &PayoutAdvanced) -> Option<Rejection> {
        let closed = Some(Rejection::PayoutNotOpen);
        let Some(payout) = self.payout(advanced.payout, advanced.account) else { return closed };
        let from = match &advanced.step {
            PayoutStep::Released { .. } => Stage::Challenged,
            PayoutStep::NextTry { .. } | PayoutStep::Unknown { .. } => Stage::Sending,
        };
        if payout.stage != from || payout.tries != advanced.attempt {
            return closed;
        }
        let PayoutStep::NextTry { route, .. } = &advanced.step else { return None };
        let (fee, purse) = (route.fee.map_or(0, units), self.purse(advanced.account));
        if purse.frozen {
            return Some(Rejection::AccountFrozen);
        }
        let short = fee > payout.fee && purse.refuses() && purse.free() < fee - payout.fee;
        let too_large = payout.amount + fee > i128::from(Amount::MAX);
        (short || too_large).then_some(Rejection::InsufficientFunds)
    }

    fn giver(&self, movement: &Movement) -> Option<Rejection> {
        let parties =
            [Some(movement.debit), Some(movement.credit), movement.fee.map(|f| f.account)];
        if parties.into_iter().flatten().any(|a| self.purse(a).currency != movement.currency) {
            return Some(Rejection::CurrencyMismatch);
        }
        if movement.debit == movement.credit {
            return Some(Rejection::SelfTransfer);
        }
        let purse = self.purse(movement.debit);
        let stops = match movement.kind {
            MovementKind::Payment | MovementKind::Refund { .. } => true,
            MovementKind::ChargePaid { .. } | MovementKind::BillPaid { .. } => purse.refuses(),
            _ => false,
        };
        if purse.frozen && stops {
            return Some(Rejection::AccountFrozen);
        }
        if let MovementKind::HoldPosted { hold } = movement.kind {
            return match self.holds.get(&hold.get()) {
                Some((account, held, _)) if *account == movement.debit.0 => {
                    (units(movement.amount) > *held).then_some(Rejection::HoldExceeded)
                }
                _ => Some(Rejection::HoldNotOpen),
            };
        }
        if let MovementKind::Resolved { late, .. } = movement.kind {
            return self.awaited.give(late, movement);
        }
        if let MovementKind::GivenBack { refund, by } = movement.kind {
            return self.give_back((refund, by), movement);
        }
        if let MovementKind::PaidOut { payout, by } = movement.kind {
            let fee = movement.fee.map_or(0, |fee| units(fee.amount));
            let fits = self.payout(payout, movement.debit).is_some_and(|payout| {
                let by_word = by == Principal::System && payout.stage == Stage::Sending;
                let all = (payout.fee, payout.amount + payout.fee) == (fee, units(movement.amount));
                all && (by_word || payout.stage == Stage::Unknown)
            });
            return (!fits).then_some(Rejection::PayoutNotOpen);
        }
        if let MovementKind::Refund { payment, paid } = movement.kind {
            let before = self.refunded.get(&payment.get()).copied().unwrap_or(0);
            if before + units(movement.amount) > units(paid) {
                return Some(Rejection::RefundExceedsPayment);
            }
        }
        let short = purse.refuses() && purse.free() < units(movement.amount);
        short.then_some(Rejection::InsufficientFunds)
    }

    fn receiver(
        &self,
        movement: &Movement,
        at: Timestamp,
        policies: &Policies,
    ) -> Option<Rejection> {
        if let MovementKind::TopUp { request: Some(request), by } = movement.kind {
            if !self.is_open(request, movement.credit) {
                return Some(Rejection::TopUpNotAwaiting);
            }
            if self.requests[&request.get()].by == by {
                return Some(Rejection::SecondApproverRequired);
            }
        }
        if let Some(rejection) = self.awaited.take(movement, at) {
            return Some(rejection);
        }
        let purse = self.purse(movement.credit);
        let policy = policies.of(purse.kind, purse.currency);
        let received = received(movement);
        if policy.ceiling.is_some_and(|limit| purse.balance + received > units(limit)) {
            return Some(Rejection::BalanceCeiling);
        }
        let so_far = if purse.month == month(at) { purse.incoming } else { 0 };
        let over = |limit| so_far + received > units(limit);
        (counts(movement.kind) && policy.incoming_per_month.is_some_and(over))
            .then_some(Rejection::IncomingPerMonth)
    }

    /// Follows what stands at `position`.
    pub(crate) fn apply(&mut self, position: Position, event: &Event) {
        let at = position.get();
        self.awaited.apply(at, &event.fact);
        match &event.fact {
            Fact::AccountOpened(opened) => self.open(opened),
            Fact::UserCreated(created) => self.open(&created.account),
            Fact::Moved(movement) => self.apply_movement(at, movement, event.at),
            Fact::Held(hold) => {
                self.purse_mut(hold.account).held += units(hold.amount);
                let held = (hold.account.0, units(hold.amount), hold.expires.micros());
                self.holds.insert(at, held);
            }
            Fact::HoldReleased(released) => self.end_hold(released.hold),
            Fact::TopUpRequested(request) => {
                let by = request.origin.principal;
                let request = Request { account: request.account.0, by, open: true };
                self.requests.insert(at, request);
            }
            Fact::TopUpRejected(rejected) => self.close(rejected.request),
            Fact::FreezeSet(set) => self.purse_mut(set.account).frozen = set.frozen,
            Fact::PayoutStarted(_) | Fact::PayoutAdvanced(_) | Fact::PayoutFailed(_) => {
                self.apply_payout(at, &event.fact);
            }
            Fact::RefundStarted(_) | Fact::RefundAdvanced(_) => {
                self.apply_refund(at, &event.fact);
            }
            Fact::Genesis
            | Fact::UserChanged(_)
            | Fact::SessionRevoked(_)
            | Fact::Refused(_)
            | Fact::RegistryChanged(_)
            | Fact::OddHeard(_)
            | Fact::OddSettled(_)
            | Fact::BoardingChanged(_)
            | Fact::CallbackTried(_)
            | Fact::BillIssued(_)
            | Fact::BillCancelled(_)
            | Fact::ChargeStarted(_)
            | Fact::ChargeAdvanced(_)
            | Fact::Notified(_)
            | Fact::DeliveryTried(_) => {}
        }
    }

    fn apply_payout(&mut self, at: u64, fact: &Fact) {
        match fact {
            Fact::PayoutStarted(started) => {
                let challenged = started.challenged_until.is_some();
                let payout = Payout {
                    account: started.account.0,
                    amount: units(started.amount),
                    fee: started.route.fee.map_or(0, units),
                    tries: 1,
                    stage: if challenged { Stage::Challenged } else { Stage::Sending },
                };
                self.purse_mut(started.account).held += payout.amount + payout.fee;
                self.payouts.insert(at, payout);
            }
            Fact::PayoutAdvanced(advanced) => {
                let payout = self.payouts.get_mut(&advanced.payout.get()).unwrap();
                match &advanced.step {
                    PayoutStep::Released { .. } => payout.stage = Stage::Sending,
                    PayoutStep::Unknown { .. } => payout.stage = Stage::Unknown,
                    PayoutStep::NextTry { route, .. } => {
                        let fee = route.fee.map_or(0, units);
                        let more = fee - std::mem::replace(&mut payout.fee, fee);
                        payout.tries += 1;
                        self.purse_mut(advanced.account).held += more;
                    }
                }
            }
            Fact::PayoutFailed(failed) => self.end_payout(failed.payout),
            _ => unreachable!("only payouts come here"),
        }
    }

    fn end_payout(&mut self, payout: Position) {
        let payout = self.payouts.remove(&payout.get()).unwrap();
        self.purse_mut(AccountId(payout.account)).held -= payout.amount + payout.fee;
    }

    fn apply_movement(&mut self, _position: u64, movement: &Movement, at: Timestamp) {
        self.purse_mut(movement.debit).balance -= units(movement.amount);
        self.purse_mut(movement.credit).balance += received(movement);
        if let Some(fee) = movement.fee {
            self.purse_mut(fee.account).balance += units(fee.amount);
        }
        match movement.kind {
            MovementKind::HoldPosted { hold } => self.end_hold(hold),
            MovementKind::Refund { payment, .. } => {
                *self.refunded.entry(payment.get()).or_insert(0) += units(movement.amount);
            }
            MovementKind::TopUp { request: Some(request), .. } => self.close(request),
            MovementKind::PaidOut { payout, .. } => self.end_payout(payout),
            MovementKind::GivenBack { refund, .. } => drop(self.end_giving(refund)),
            MovementKind::TopUp { request: None, .. }
            | MovementKind::Payment
            | MovementKind::Adjustment { .. }
            | MovementKind::ChargePaid { .. }
            | MovementKind::BillPaid { .. }
            | MovementKind::Suspended { .. }
            | MovementKind::Resolved { .. } => {}
        }
        if counts(movement.kind) {
            let now = month(at);
            let purse = self.purse_mut(movement.credit);
            if purse.month != now {
                (purse.month, purse.incoming) = (now, 0);
            }
            purse.incoming += received(movement);
        }
    }

    /// Per currency, the sum of all balances: zero everywhere, or money was made or lost.
    pub(crate) fn sums(&self) -> BTreeMap<Currency, i128> {
        let mut sums = BTreeMap::new();
        for purse in self.purses.values() {
            *sums.entry(purse.currency).or_insert(0) += purse.balance;
        }
        sums
    }

    /// The account with this number.
    pub(crate) fn purse(&self, account: AccountId) -> &Purse {
        &self.purses[&account.0]
    }

    fn purse_mut(&mut self, account: AccountId) -> &mut Purse {
        self.purses.get_mut(&account.0).unwrap()
    }

    fn open(&mut self, opened: &AccountOpened) {
        let purse = Purse {
            kind: opened.kind,
            currency: opened.currency,
            floor: i128::from(opened.floor),
            balance: 0,
            held: 0,
            frozen: false,
            month: i64::MIN,
            incoming: 0,
        };
        self.purses.insert(opened.account.0, purse);
    }

    fn end_hold(&mut self, hold: Position) {
        let (account, amount, _) = self.holds.remove(&hold.get()).unwrap();
        self.purse_mut(AccountId(account)).held -= amount;
    }

    fn close(&mut self, request: Position) {
        self.requests.get_mut(&request.get()).unwrap().open = false;
    }

    fn is_open(&self, request: Position, account: AccountId) -> bool {
        self.requests.get(&request.get()).is_some_and(|r| r.open && r.account == account.0)
    }
}

fn units(amount: Amount) -> i128 {
    i128::from(amount.get())
}

/// What reaches the receiver.
pub(crate) fn received(movement: &Movement) -> i128 {
    units(movement.amount) - movement.fee.map_or(0, |fee| units(fee.amount))
}

fn counts(kind: MovementKind) -> bool {
    matches!(
        kind,
        MovementKind::Payment
            | MovementKind::TopUp { .. }
            | MovementKind::HoldPosted { .. }
            | MovementKind::ChargePaid { .. }
            | MovementKind::BillPaid { .. }
            | MovementKind::Resolved { .. }
    )
}

/// Months since year 0 in Jakarta, by the arithmetic of Howard Hinnant's `civil_from_days`.
fn month(at: Timestamp) -> i64 {
    let days = (at.micros() + 7 * 3_600_000_000).div_euclid(86_400_000_000) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // Months counted from March.
    let shifted = (5 * of_year + 2) / 153;
    (year + era * 400) * 12 + shifted + 2
}
