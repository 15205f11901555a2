//! The whole state: every account, user and open order, folded from events.
//!
//! The writer, recovery, `verify` and the simulation all run [`Book::apply`]; no other code knows
//! what an event means for the state.
//!
//! # Invariants
//!
//! - Per currency, debits equal credits: only postings move money, and a posting has one amount.
//! - An entry's links name, for every account it touches, the entry before it in that account's
//!   history and the balance after it.

mod orders;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrayvec::ArrayVec;

pub use self::orders::{NextOrders, next_orders};
use super::account::{Account, Awaiting};
use super::boarding::Boarding;
use super::command::{Command, decide_parties};
use super::delivery::{self, Outbox};
use super::endpoint::events_of;
use super::event::{ACCOUNTS_TOUCHED_MAX, AccountOpened, AccountsTouched, Event, Fact};
use super::event::{UserChange, UserChanged};
use super::id::{AccountId, Position, UserId};
use super::money::{Balance, Currency, Total};
use super::orders::Orders;
use super::policy::Policies;
use super::registry::{Registry, RegistryChange};
use super::rejection::Rejection;
use super::row::Row;
use super::table::Table;
use super::time::Timestamp;
use super::user::User;
use crate::limits;

/// Everything that is so after the entries up to [`Book::position`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Book {
    /// The latest entry applied.
    pub position: Option<Position>,
    /// Accounts by number.
    rows: Table<Row>,
    /// Users by number.
    pub users: Table<Arc<User>>,
    /// Orders by the position that began them.
    pub orders: Orders,
    /// Tokens dead before their time, and when they would have ended.
    pub revoked: Arc<BTreeMap<[u8; 16], Timestamp>>,
    /// Partners, routes, clients and endpoints.
    pub registry: Arc<Registry>,
    /// What is still to be told to endpoints.
    pub outbox: Outbox,
    /// Rooms, tenants and ways to pay.
    pub boarding: Arc<Boarding>,
}

/// An entry's place in the history of one account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Link {
    /// Whose history.
    pub account: AccountId,
    /// The entry before this one.
    pub previous: Option<Position>,
    /// The account's balance after this one.
    pub balance_after: Balance,
}

/// An entry's links, giver first: an entry touches four accounts at most.
pub type Links = ArrayVec<Link, ACCOUNTS_TOUCHED_MAX>;

impl Book {
    /// A book without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// The account with this number.
    pub fn account(&self, id: AccountId) -> Option<Account> {
        self.rows.get(id.0).map(|row| row.account(id))
    }

    /// All accounts in the order of their numbers.
    pub fn accounts(&self) -> impl Iterator<Item = Account> {
        (0..).map(AccountId).zip(self.rows.iter()).map(|(id, row)| row.account(id))
    }

    /// The number of accounts, and so the number of the next one.
    pub const fn accounts_len(&self) -> usize {
        self.rows.len()
    }

    /// Adds an account behind the others.
    pub fn push_account(&mut self, account: &Account) {
        let row = u32::try_from(self.rows.len()).expect("fewer than 2^32 accounts");
        assert_eq!(account.id.0, row, "accounts are numbered in order");
        self.rows.push(Row::new(account));
    }

    /// The user with this number.
    pub fn user(&self, id: UserId) -> Option<&Arc<User>> {
        self.users.get(id.0)
    }

    /// Whether `command` may happen at `at`. Both halves of a movement at once,
    /// for whoever owns the whole book; the engine asks the same questions account by account.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn decide(
        &self,
        command: &Command,
        at: Timestamp,
        policies: &Policies,
    ) -> Result<(), Rejection> {
        let open = |order: Option<Position>| order.and_then(|order| self.orders.get(&order));
        let order = open(command.subject());
        let account = self.known(command.account());
        match command {
            Command::Move(movement) => {
                decide_parties(movement, |party| self.known(party).currency)?;
                account.decide_debit(movement, order)?;
                let receiver = self.known(movement.credit);
                let policy = policies.of(receiver.kind, receiver.currency);
                let awaiting = Awaiting { order, bill: open(movement.kind.bill()) };
                receiver.decide_credit(movement, at, &policy, awaiting)
            }
            Command::Hold(hold) => account.decide_hold(hold),
            Command::Release(released) => account.decide_release(released, at, order),
            Command::RejectTopUp(rejected) => account.decide_top_up_rejection(rejected, order),
            Command::StartPayout(started) => account.decide_payout(started),
            Command::AdvancePayout(advanced) => account.decide_payout_step(advanced, order),
            Command::FailPayout(failed) => account.decide_payout_failure(failed, order),
            Command::CancelBill(cancelled) => account.decide_bill_cancelled(cancelled, order),
            Command::StartCharge(started) => account.decide_charge(started, order),
            Command::AdvanceCharge(advanced) => account.decide_charge_step(advanced, order),
            Command::StartRefund(started) => account.decide_refund(started, order),
            Command::AdvanceRefund(advanced) => account.decide_refund_step(advanced, order),
            Command::RequestTopUp(_)
            | Command::Freeze(_)
            | Command::NoteCallback(_)
            | Command::IssueBill(_) => Ok(()),
        }
    }

    /// Follows the entry at `position`. Cannot fail: an event that does not fit this book is a bug
    /// or a broken journal, and ends the process.
    pub fn apply(&mut self, position: Position, event: &Event) -> Links {
        assert_eq!(position.get(), self.next().get(), "entries are applied in order");
        self.open(position, event);
        let subject = event.fact.subject();
        let order = subject.and_then(|subject| self.orders.get(&subject)).copied();
        let mut links = Links::new();
        for id in self.touched(&event.fact).iter() {
            let row = self.rows.get_mut(id.0).expect("accounts open before they move");
            let mut account = row.account(id);
            account.apply(&event.fact, event.at, order.as_ref());
            let balance_after = account.balance();
            links.push(Link { account: id, previous: account.last, balance_after });
            account.last = Some(position);
            row.set(&account);
        }
        self.follow_orders(position, event);
        self.follow_tables(position, event);
        self.follow_outbox(position, event);
        self.position = Some(position);
        links
    }

    /// The position of the next entry.
    pub fn next(&self) -> Position {
        self.position.map_or(Position::FIRST, |position| position.plus(1))
    }

    /// Per currency, the sum of all balances: zero, or money was made or lost.
    pub fn imbalances(&self) -> BTreeMap<Currency, (Total, Total)> {
        let mut sums: BTreeMap<Currency, (Total, Total)> = BTreeMap::new();
        for account in self.accounts() {
            let (debits, credits) =
                sums.entry(account.currency).or_insert((Total::ZERO, Total::ZERO));
            *debits = Total::from_units(debits.units().saturating_add(account.debits.units()));
            *credits = Total::from_units(credits.units().saturating_add(account.credits.units()));
        }
        sums.retain(|_, (debits, credits)| debits != credits);
        sums
    }

    /// The accounts whose history an entry belongs to: those it is about, and the first account of who
    /// is told of it.
    fn touched(&self, fact: &Fact) -> AccountsTouched {
        let mut touched = fact.accounts();
        if let Some(user) = fact.told().and_then(|user| self.user(user)) {
            touched.push(user.account);
        }
        touched
    }

    fn known(&self, id: AccountId) -> Account {
        self.account(id).expect("commands name accounts that were looked up in this book")
    }

    fn open(&mut self, position: Position, event: &Event) {
        match &event.fact {
            Fact::AccountOpened(opened) => self.open_account(opened),
            Fact::UserCreated(created) => {
                let row = u32::try_from(self.users.len()).expect("fewer than 2^32 users");
                assert_eq!(created.user.0, row, "users are numbered in order");
                self.users.push(Arc::new(User::new(created, position, event.at)));
                self.open_account(&created.account);
            }
            Fact::Genesis
            | Fact::UserChanged(_)
            | Fact::SessionRevoked(_)
            | Fact::Moved(_)
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

    fn open_account(&mut self, opened: &AccountOpened) {
        // Frozen are users, with all they have and will have.
        let first = opened.owner.and_then(|owner| self.user(owner)).map(|user| user.account);
        let frozen = first.and_then(|first| self.account(first)).is_some_and(|first| first.frozen);
        self.push_account(&Account { frozen, ..Account::new(opened) });
    }

    fn follow_orders(&mut self, position: Position, event: &Event) {
        let next = next_orders(position, &event.fact, |order| self.orders.get(&order).copied());
        for (subject, order) in next {
            match order {
                Some(order) => self.orders.insert(subject, order),
                None => self.orders.remove(subject),
            }
        }
    }

    fn follow_tables(&mut self, position: Position, event: &Event) {
        match &event.fact {
            Fact::UserChanged(UserChanged { user, change, .. }) => {
                let user = self.users.get_mut(user.0).expect("users exist before they change");
                Arc::make_mut(user).apply(change, position, event.at);
            }
            Fact::SessionRevoked(revoked) => {
                let tokens = Arc::make_mut(&mut self.revoked);
                if tokens.len().is_power_of_two() {
                    let kept = event.at.plus_seconds(-limits::REVOCATION_KEPT_SECONDS);
                    tokens.retain(|_, expires| *expires >= kept);
                }
                tokens.insert(revoked.token, revoked.expires);
            }
            Fact::RegistryChanged(changed) => {
                Arc::make_mut(&mut self.registry).apply(&changed.change);
                if let RegistryChange::RoleSet(user, role) = &changed.change {
                    let user = self.users.get_mut(user.0).expect("users exist before they change");
                    Arc::make_mut(user).apply(&UserChange::Role(*role), position, event.at);
                }
            }
            Fact::BoardingChanged(changed) => {
                Arc::make_mut(&mut self.boarding).apply(&changed.change);
            }
            Fact::Genesis
            | Fact::AccountOpened(_)
            | Fact::UserCreated(_)
            | Fact::Moved(_)
            | Fact::Held(_)
            | Fact::HoldReleased(_)
            | Fact::TopUpRequested(_)
            | Fact::TopUpRejected(_)
            | Fact::FreezeSet(_)
            | Fact::Refused(_)
            | Fact::PayoutStarted(_)
            | Fact::PayoutAdvanced(_)
            | Fact::PayoutFailed(_)
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

    /// Puts what is to be told into the outbox, and takes out what was, or is to be no more.
    fn follow_outbox(&mut self, position: Position, event: &Event) {
        self.forget_removed(&event.fact);
        if self.registry.endpoints.is_empty() {
            return;
        }
        for (account, kind) in events_of(&event.fact) {
            let Some(owner) = self.account(account).and_then(|account| account.owner) else {
                continue;
            };
            for endpoint in self.registry.endpoints_of(owner).filter(|it| it.wants(kind)) {
                self.outbox.put(endpoint, position, kind, event.at);
            }
        }
        if let Fact::DeliveryTried(tried) = &event.fact {
            self.outbox.tried(tried, event.at);
            if tried.gone {
                Arc::make_mut(&mut self.registry).disable(tried.owner, tried.delivery.endpoint);
                self.outbox.drop_all(tried.delivery.endpoint, true);
            }
        }
    }

    fn forget_removed(&mut self, fact: &Fact) {
        let Fact::RegistryChanged(changed) = fact else { return };
        if let Some((endpoint, keep_missed)) = delivery::silenced(&changed.change) {
            self.outbox.drop_all(endpoint, keep_missed);
        }
    }
}
