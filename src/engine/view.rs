//! The committed view: what every reader sees.
//!
//! The writer publishes a batch here after it is durable and before anyone is answered, so what a
//! reader sees survives a crash, and what a client was told is there. Nobody else writes here.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use arc_swap::ArcSwap;

use super::cell::Cell;
use super::deliveries::Deliveries;
use super::gate::SpreadMap;
use super::names::{Names, Users};
use super::orders::Orders;
use super::references::References;
use super::slots::Slots;
use crate::journal::{self, History, Recorded};
use crate::ledger::account::Account;
use crate::ledger::boarding::Boarding;
use crate::ledger::book::Book;
use crate::ledger::event::{AccountKind, Fact, Origin};
use crate::ledger::id::{AccountId, Position, Principal, UserId};
use crate::ledger::money::Currency;
use crate::ledger::order::Order;
use crate::ledger::reference::{Match, fingerprint};
use crate::ledger::registry::{Registry, RegistryChange};
use crate::ledger::row::Fixed;
use crate::ledger::settles::{further_fingerprints, settles};
use crate::ledger::text::Reference;
use crate::ledger::time::Timestamp;
use crate::ledger::user::User;
use crate::limits;

/// Everything that is committed, for readers.
pub struct View {
    accounts: Slots<Cell>,
    users: Users,
    users_len: AtomicU32,
    usernames: Names,
    emails: Names,
    /// Accounts of users beyond their first.
    further: SpreadMap<u32, Vec<(Currency, AccountId)>>,
    /// The house's own accounts.
    house: SpreadMap<(u8, Currency), AccountId>,
    orders: Orders,
    revoked: SpreadMap<[u8; 16], Timestamp>,
    registry: ArcSwap<Registry>,
    deliveries: Deliveries,
    boarding: ArcSwap<Boarding>,
    references: References,
    history: Arc<History>,
    position: AtomicU64,
    time: AtomicI64,
}

/// What the journal says about a request's key.
pub enum Known {
    /// The key is new.
    New,
    /// The key has this answer.
    Answered(Box<Recorded>),
    /// The key belongs to another request.
    Reused,
}

impl View {
    /// The view of `book`, with the records behind it in `history` and the keys they answered.
    pub fn new(
        book: &Book,
        references: References,
        history: Arc<History>,
        time: Timestamp,
    ) -> Self {
        let view = Self {
            accounts: Slots::new(),
            users: Users::new(),
            users_len: AtomicU32::new(0),
            usernames: Names::new(User::username, book.users.len()),
            emails: Names::new(User::email, book.users.len()),
            further: SpreadMap::default(),
            house: SpreadMap::default(),
            orders: Orders::default(),
            revoked: SpreadMap::default(),
            registry: ArcSwap::new(Arc::clone(&book.registry)),
            deliveries: Deliveries::new(book),
            boarding: ArcSwap::new(Arc::clone(&book.boarding)),
            references,
            history,
            position: AtomicU64::new(0),
            time: AtomicI64::new(time.micros()),
        };
        for user in book.users.iter() {
            view.publish_user(user);
        }
        for account in book.accounts() {
            view.publish_account(&account);
        }
        for (position, order) in book.orders.iter() {
            view.orders.publish(*position, Some(*order));
        }
        for (token, expires) in book.revoked.iter() {
            view.revoked.insert(*token, *expires);
        }
        view.advance(book.position, time);
        view
    }

    /// The account with this number.
    pub fn account(&self, id: AccountId) -> Option<Account> {
        self.accounts.get(id.0)?.load(id)
    }

    /// What the account with this number is for.
    pub fn kind(&self, id: AccountId) -> Option<AccountKind> {
        self.fixed(id).map(|fixed| fixed.kind)
    }

    /// The currency of the account with this number.
    pub fn currency(&self, id: AccountId) -> Option<Currency> {
        self.fixed(id).map(|fixed| fixed.currency)
    }

    /// Whose the account with this number is; none for the house's own.
    pub fn owner(&self, id: AccountId) -> Option<UserId> {
        self.fixed(id)?.owner
    }

    fn fixed(&self, id: AccountId) -> Option<Fixed> {
        self.accounts.get(id.0)?.fixed()
    }

    /// The account with this number and a position as of which it stands so.
    pub fn account_as_of(&self, id: AccountId) -> Option<(Account, Position)> {
        // Read first: whatever the account shows beyond it carries its own, later position.
        let position = self.position();
        let account = self.account(id)?;
        let position = account.last.map_or(position, |last| last.max(position));
        Some((account, position))
    }

    /// The user with this number.
    pub fn user(&self, id: UserId) -> Option<Arc<User>> {
        self.users.get(id.0)?.load_full()
    }

    /// The user with this name.
    pub fn user_by_name(&self, username: &str) -> Option<Arc<User>> {
        self.usernames.find(&self.users, username)
    }

    /// The user with this address.
    pub fn user_by_email(&self, email: &str) -> Option<Arc<User>> {
        self.emails.find(&self.users, email)
    }

    /// Every user's number is below this.
    pub fn users_len(&self) -> u32 {
        self.users_len.load(Ordering::Acquire)
    }

    /// A user's account in `currency`.
    pub fn account_of(&self, user: &User, currency: Currency) -> Option<AccountId> {
        if self.currency(user.account)? == currency {
            return Some(user.account);
        }
        let further = self.further.get(&user.id.0)?;
        further.iter().find(|(of, _)| *of == currency).map(|(_, account)| *account)
    }

    /// All accounts of a user, the first one first.
    pub fn accounts_of(&self, user: &User) -> Vec<AccountId> {
        let mut accounts = vec![user.account];
        if let Some(further) = self.further.get(&user.id.0) {
            accounts.extend(further.iter().map(|(_, account)| *account));
        }
        accounts
    }

    /// The house's account of this kind.
    pub fn house_account(&self, kind: AccountKind, currency: Currency) -> Option<AccountId> {
        self.house.get(&(kind.number(), currency)).map(|account| *account)
    }

    /// The state of an order.
    pub fn order(&self, position: Position) -> Option<Order> {
        self.orders.get(position)
    }

    /// Open orders that `wanted` picks, oldest first. Looks at all there are: for a start, and tests.
    pub fn orders(&self, wanted: impl Fn(&Order) -> bool) -> Vec<(Position, Order)> {
        self.orders.picked(wanted)
    }

    /// What is listed and counted of open orders.
    pub const fn open(&self) -> &Orders {
        &self.orders
    }

    /// Holds that have expired at `now`.
    pub fn expired_holds(&self, now: Timestamp) -> Vec<Position> {
        self.orders.expired_holds(now)
    }

    /// Whether a token was revoked.
    pub fn is_revoked(&self, token: &[u8; 16]) -> bool {
        self.revoked.contains_key(token)
    }

    /// Partners, routes and clients, all as of one moment.
    pub fn registry(&self) -> Arc<Registry> {
        self.registry.load_full()
    }

    /// What is still to be told to endpoints.
    pub const fn deliveries(&self) -> &Deliveries {
        &self.deliveries
    }

    /// Rooms, tenants and ways to pay as they are now.
    pub fn boarding(&self) -> Arc<Boarding> {
        self.boarding.load_full()
    }

    /// What the journal says about the key of `origin`.
    ///
    /// # Errors
    /// If a record cannot be read.
    pub fn known(&self, origin: &Origin, fingerprint: u64) -> Result<Known, journal::Error> {
        for position in self.references.find(fingerprint) {
            let recorded = self.record(position)?;
            let first =
                recorded.event.fact.origin().expect("only facts with an origin are indexed");
            match first.compare(origin) {
                Match::OtherKey => {}
                Match::Replay => return Ok(Known::Answered(Box::new(recorded))),
                Match::Reused => return Ok(Known::Reused),
            }
        }
        Ok(Known::New)
    }

    /// The answer to a principal's reference, whatever was asked under it.
    ///
    /// # Errors
    /// If a record cannot be read.
    pub fn answered(
        &self,
        principal: Principal,
        reference: &Reference,
    ) -> Result<Option<Recorded>, journal::Error> {
        for position in self.references.find(fingerprint(principal, reference)) {
            let recorded = self.record(position)?;
            let origin = recorded.event.fact.origin();
            if origin.is_some_and(|o| o.principal == principal && o.reference == *reference) {
                return Ok(Some(recorded));
            }
        }
        Ok(None)
    }

    /// The entry that settles what this reference of the system stands for (see [`settles`]), under
    /// whatever reference it was asked for.
    ///
    /// # Errors
    /// If a record cannot be read.
    pub fn settled(&self, settled: &Reference) -> Result<Option<Recorded>, journal::Error> {
        for position in self.references.find(fingerprint(Principal::System, settled)) {
            let recorded = self.record(position)?;
            if settles(&recorded.event.fact).contains(settled) {
                return Ok(Some(recorded));
            }
        }
        Ok(None)
    }

    /// The record at a position that is known to exist.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn record(&self, position: Position) -> Result<Recorded, journal::Error> {
        self.history
            .record(position)?
            .ok_or_else(|| journal::Error::broken(position, journal::Flaw::Hole))
    }

    /// The records behind the view.
    pub fn history(&self) -> &Arc<History> {
        &self.history
    }

    /// The latest committed position.
    pub fn position(&self) -> Position {
        Position::new(self.position.load(Ordering::Acquire)).unwrap_or(Position::FIRST)
    }

    /// When the latest batch was written.
    pub fn time(&self) -> Timestamp {
        Timestamp::from_micros(self.time.load(Ordering::Acquire))
    }

    /// Publishes what `recorded` changed, with the state taken from `book`; `fingerprint` is that of
    /// the key it answers. Writer only.
    pub(super) fn publish(&self, book: &Book, recorded: &Recorded, fingerprint: Option<u64>) {
        let fact = &recorded.event.fact;
        match fact {
            Fact::UserCreated(created) => {
                let account = created.account.account;
                let account = book.account(account).expect("just applied");
                self.accounts.row(account.id.0).store(&account);
                self.publish_user(book.user(created.user).expect("just applied"));
            }
            Fact::UserChanged(changed) => {
                self.publish_user(book.user(changed.user).expect("just applied"));
            }
            Fact::SessionRevoked(revoked) => {
                self.revoked.insert(revoked.token, revoked.expires);
                if self.revoked.len().is_power_of_two() {
                    let kept = recorded.event.at.plus_seconds(-limits::REVOCATION_KEPT_SECONDS);
                    self.revoked.retain(|_, expires| *expires >= kept);
                }
            }
            Fact::RegistryChanged(changed) => {
                self.registry.store(Arc::clone(&book.registry));
                if let RegistryChange::RoleSet(user, _) = &changed.change {
                    self.publish_user(book.user(*user).expect("just applied"));
                }
            }
            // An endpoint that is gone is disabled.
            Fact::DeliveryTried(tried) if tried.gone => {
                self.registry.store(Arc::clone(&book.registry));
            }
            Fact::BoardingChanged(_) => self.boarding.store(Arc::clone(&book.boarding)),
            Fact::Genesis
            | Fact::AccountOpened(_)
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
        for link in &recorded.links {
            self.publish_account(&book.account(link.account).expect("just applied"));
        }
        self.publish_orders(book, recorded, fingerprint);
    }

    /// Shows orders, the reference of an entry and its messages, in the order in which readers come
    /// from one to the other.
    fn publish_orders(&self, book: &Book, recorded: &Recorded, fingerprint: Option<u64>) {
        let fact = &recorded.event.fact;
        // What is left of a message after a try is shown before the try can be found.
        let is_try = matches!(fact, Fact::DeliveryTried(_));
        if is_try {
            self.deliveries.publish(book, recorded.position, fact);
        }
        // An order that begins is there before its reference leads to it; one that ends is gone only
        // after its end can be found.
        let began = fact.begins_order().then_some(recorded.position);
        let orders = || {
            let orders = began.into_iter().chain(fact.orders());
            orders.map(|order| (order, book.orders.get(&order).copied()))
        };
        for (position, order) in orders().filter(|(_, order)| order.is_some()) {
            self.orders.publish(position, order);
        }
        if let Some(origin) = fact.origin() {
            let fingerprint = fingerprint.unwrap_or_else(|| origin.fingerprint());
            self.references.insert(fingerprint, recorded.position);
        }
        for further in further_fingerprints(fact) {
            self.references.insert(further, recorded.position);
        }
        for (position, order) in orders().filter(|(_, order)| order.is_none()) {
            self.orders.publish(position, order);
        }
        // Last, so that whoever tells of an event finds all that it changed.
        if !is_try {
            self.deliveries.publish(book, recorded.position, fact);
        }
    }

    /// Says up to where the view stands. Writer only, after publishing.
    pub(super) fn advance(&self, position: Option<Position>, time: Timestamp) {
        self.time.store(time.micros(), Ordering::Release);
        self.position.store(position.map_or(0, Position::get), Ordering::Release);
    }

    /// Shows an account from here on. A new one is there before its owner can be found by name.
    fn publish_account(&self, account: &Account) {
        let cell = self.accounts.row(account.id.0);
        let was_shown = cell.is_shown();
        cell.store(account);
        if was_shown {
            return;
        }
        match account.owner {
            Some(owner) if self.user(owner).is_none_or(|user| user.account != account.id) => {
                let mut further = self.further.entry(owner.0).or_default();
                further.push((account.currency, account.id));
            }
            Some(_) => {}
            None => {
                self.house.insert((account.kind.number(), account.currency), account.id);
            }
        }
    }

    fn publish_user(&self, user: &Arc<User>) {
        let before = self.users.row(user.id.0).swap(Some(Arc::clone(user)));
        if before.is_none() {
            self.usernames.insert(&self.users, user);
            self.emails.insert(&self.users, user);
            self.users_len.store(user.id.0.saturating_add(1), Ordering::Release);
        }
    }
}
