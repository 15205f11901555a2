//! The provider behind its API: one desk, one lock, and what goes out because of what was done.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Options;
use super::desk::{Desk, Event, uuid};
use super::faults::{Faults, Kind};
use super::notices::{Notice, Notices};
use crate::clock::Clock;
use crate::connector::midtrans::answer::Done;
use crate::connector::midtrans::charge::Charge;
use crate::connector::midtrans::key::ServerKey;
use crate::connector::midtrans::refund::RefundRequest;
use crate::connector::midtrans::transaction::Transaction;
use crate::http::midtrans::session::Session;
use crate::http::midtrans::{Act, Backend, Kept, Merchant, Opened, Places, Refusal};
use crate::identity::secret::Secret;
use crate::ledger::time::Timestamp;
use crate::simulator::faults::mix;

/// The provider. Clones are the same one.
#[derive(Clone)]
pub struct House(Arc<Inner>);

struct Inner {
    merchant: Merchant,
    client_key: String,
    seed: u64,
    clock: Clock,
    state: Mutex<State>,
    send: Box<dyn Fn(Notice) + Send + Sync>,
}

struct State {
    desk: Desk,
    faults: Faults,
    notices: Notices,
    /// Requests so far; the number of the next.
    requests: u64,
    /// So many of the next requests meet an outage.
    outage: u64,
    /// Answers named so far.
    named: u64,
}

/// Most requests that one outage lasts for.
const OUTAGE_REQUESTS_MAX: u64 = 20;

impl House {
    /// Opens the provider; every notification is given to `send`, which must not wait. Fails if the
    /// file of its book cannot be read or written.
    pub fn open(
        options: Options,
        clock: Clock,
        faults: Faults,
        send: impl Fn(Notice) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let Options { server_key, client_key, notify, seed, book } = options;
        let desk = Desk::open(seed, book.as_deref())?;
        let key = Arc::new(server_key);
        let notices = Notices::new(seed, Arc::clone(&key), notify);
        let state = State { desk, faults, notices, requests: 0, outage: 0, named: 0 };
        Ok(Self(Arc::new(Inner {
            merchant: Merchant { id: Arc::from("merchant"), key, request_key: None },
            client_key,
            seed,
            clock,
            state: Mutex::new(state),
            send: Box::new(send),
        })))
    }

    /// What goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// How many requests came in.
    pub fn requests(&self) -> u64 {
        self.state().requests
    }

    /// Every transaction as it stands, in the order they began.
    pub fn transactions(&self) -> Vec<Kept> {
        self.state().desk.transactions().cloned().collect()
    }

    /// What began or was paid on a day of Jakarta, as `2026-01-31`, each as a question about it is
    /// answered.
    pub fn of_day(&self, date: &str) -> Vec<Transaction> {
        let state = self.state();
        let told = |kept: &&Kept| kept.transaction.to_status(&self.0.merchant.key);
        state.desk.of_day(date).iter().map(told).collect()
    }

    /// A payer or a bank does something about the transaction with this id or number.
    ///
    /// # Errors
    /// There is none, or its state does not allow it.
    pub fn happen(&self, id: &str, event: Event) -> Result<Transaction, Refusal> {
        let kept = self.at_desk(|desk, now| desk.happen(id, event, now))?;
        Ok(kept.transaction.to_status(&self.0.merchant.key))
    }

    /// The merchant is told once more how the transaction with this id or number stands.
    ///
    /// # Errors
    /// There is none.
    pub fn tell_again(&self, id: &str) -> Result<Transaction, Refusal> {
        let kept = self.at_desk(|desk, now| desk.tell_again(id, now))?;
        Ok(kept.transaction.to_status(&self.0.merchant.key))
    }

    /// Ends what has not been paid in time.
    pub fn look(&self) {
        // A book that cannot be written to is told of by the next who asks for something.
        let _ = self.at_desk(Desk::expire_due);
    }

    /// The merchant's key.
    pub(super) fn key(&self) -> Arc<ServerKey> {
        Arc::clone(&self.0.merchant.key)
    }

    /// Where payers reach us, without a slash at the end.
    pub fn listens_at(&self, base: String) {
        self.state().desk.listens_at(base);
    }

    pub(super) fn knows_its_address(&self) -> bool {
        !self.state().desk.base().is_empty()
    }

    /// Numbers a request and draws its fault.
    pub(super) fn begin(&self) -> (Faults, Option<Kind>, u64) {
        let mut state = self.state();
        let number = state.requests;
        state.requests += 1;
        let (kind, word) = state.faults.draw(self.0.seed, number);
        if kind == Some(Kind::Outage) {
            state.outage = state.outage.max(1 + word % OUTAGE_REQUESTS_MAX);
        }
        let out = state.outage > 0;
        state.outage = state.outage.saturating_sub(1);
        (state.faults.clone(), if out { Some(Kind::Outage) } else { kind }, word)
    }

    /// Looks at the desk.
    pub(super) fn with_desk<T>(&self, look: impl FnOnce(&Desk, Timestamp) -> T) -> T {
        look(&self.state().desk, self.0.clock.now())
    }

    /// Does something at the desk, and sends what follows from it.
    pub(super) fn at_desk<T>(&self, act: impl FnOnce(&mut Desk, Timestamp) -> T) -> T {
        let mut state = self.state();
        let done = act(&mut state.desk, self.0.clock.now());
        let State { desk, notices, faults, .. } = &mut *state;
        let changes = desk.changes();
        // Under the lock, so that notices leave in the order of the changes.
        for change in &changes {
            notices.of(change, faults).into_iter().for_each(&self.0.send);
        }
        done
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The book is entered first and all else follows: a panic leaves nothing half done.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for House {
    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn fresh_id(&self) -> String {
        let mut state = self.state();
        state.named += 1;
        uuid(mix(self.0.seed ^ mix(state.named)))
    }

    fn merchant(&self, key: &Secret<String>) -> Option<Merchant> {
        let fits = self.0.merchant.key.matches(key.expose().as_bytes());
        fits.then(|| self.0.merchant.clone())
    }

    fn knows_client_key(&self, key: &str) -> bool {
        self.0.client_key == key
    }

    async fn qr(&self, transaction_id: &str) -> Option<String> {
        let kept = self.at_desk(|desk, now| desk.find(transaction_id, now).cloned()).ok()?;
        // An order's name can be guessed.
        let ours = kept.transaction.transaction_id == transaction_id;
        kept.transaction.instructions.qr_string.filter(|_| ours)
    }

    async fn charge(&self, _: &Merchant, charge: Charge, places: Places) -> Result<Kept, Refusal> {
        self.at_desk(|desk, now| desk.charge(&charge, places, now))
    }

    async fn find(&self, _: &Merchant, id: &str) -> Result<Kept, Refusal> {
        self.at_desk(|desk, now| desk.find(id, now).cloned())
    }

    async fn act(&self, _: &Merchant, act: Act, id: &str) -> Result<Kept, Refusal> {
        self.at_desk(|desk, now| desk.act(act, id, now))
    }

    async fn refund(
        &self,
        _: &Merchant,
        id: &str,
        request: RefundRequest,
        direct: bool,
    ) -> Result<(Kept, Done), Refusal> {
        self.at_desk(|desk, now| desk.refund(id, request, direct, now))
    }

    async fn open(
        &self,
        _: &Merchant,
        session: Session,
        places: Places,
    ) -> Result<Opened, Refusal> {
        self.at_desk(|desk, now| desk.open_page(session, places, now))
    }

    async fn close(&self, _: &Merchant, token: &str) -> Result<Timestamp, Refusal> {
        self.at_desk(|desk, now| desk.close_page(token, now))
    }
}
