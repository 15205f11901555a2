//! The engine: a task for every account that can refuse, and one writer behind them all.
//!
//! ```text
//!  submit(command)
//!     │ gate: one request per key; the journal answers a key that is known
//!     ▼
//!  task of the giver ──(promise)──▶ task of the receiver        owns: totals, holds, open orders
//!     │ event agreed                   │ event agreed           reads: durable credits (view)
//!     └───────────────┬────────────────┘
//!                     ▼ queue, first in first out, bounded
//!                  writer ── apply to the book ── encode ── append, durable
//!                     │                                        owns: book, journal, positions
//!                     ├── publish to the view                  read by everybody
//!                     └── teller: answer, in order
//! ```
//!
//! A caller that goes away cancels nothing: from the moment a command is sent it is a message, and
//! its key stays taken until the answer is out.

mod actor;
mod cell;
pub mod deliveries;
mod directory;
mod entry;
mod gate;
mod names;
pub mod orders;
mod references;
mod slots;
mod teller;
#[cfg(test)]
mod tests;
mod timers;
mod view;
mod vital;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, TrySendError};

pub use self::entry::{Busy, Entry};
pub use self::references::References;
pub use self::teller::Teller;
pub use self::timers::{Wall, expire_due, run as run_timers};
pub use self::view::{Known, View};
pub use self::vital::{AbortOnPanic, vital};
pub use self::writer::{AfterBatch, Observer, Writer, WriterParts};

use self::actor::{Message, Request};
use self::directory::Directory;
use self::entry::{Answer, Collector, Held, Key, Reply};
use self::gate::Gate;
use crate::clock::Clock;
use crate::journal::{self, Recorded};
use crate::ledger::command::{Command, decide_parties};
use crate::ledger::event::{AccountKind, Event, Fact, Movement, MovementKind, Origin, Refusal};
use crate::ledger::id::AccountId;
use crate::ledger::money::{Amount, Currency};
use crate::ledger::policy::Policies;
use crate::ledger::rejection::Rejection;
use crate::ledger::text::Line;
use crate::ledger::time::Timestamp;
use crate::limits;

/// Where commands go in and answers come out. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

/// How much may wait, and where. Production takes the defaults; tests take small ones, so that what
/// is full once a year is full all the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Messages an account's mailbox holds.
    pub mailbox_max: usize,
    /// Entries that wait for the writer.
    pub queue_max: usize,
    /// Commands about one order that wait while a movement of it is under way.
    pub deferred_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mailbox_max: limits::MAILBOX_MAX,
            queue_max: limits::QUEUE_MAX,
            deferred_max: limits::DEFERRED_MAX,
        }
    }
}

/// What every task of the engine can reach.
struct Shared {
    options: Options,
    view: Arc<View>,
    policies: Policies,
    clock: Clock,
    queue: Sender<Entry>,
    directory: Directory,
    gate: Arc<Gate>,
    /// Whether the wall clock may end what has a time; see `timers`.
    is_clock_trusted: AtomicBool,
}

/// One of many requests: for an account to decide, or refused before any could be asked.
#[derive(Clone, Debug)]
pub enum Asked {
    /// See [`Engine::submit`].
    Decide(Command),
    /// See [`Engine::refuse`].
    Refuse(Refusal),
}

impl Asked {
    const fn origin(&self) -> &Origin {
        match self {
            Self::Decide(command) => command.origin(),
            Self::Refuse(refusal) => &refusal.origin,
        }
    }
}

/// What became of a command: it is recorded, as done or as refused.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The record; its fact is a refusal if the answer is no.
    pub recorded: Box<Recorded>,
    /// Whether it answers an earlier request with the same key.
    pub replayed: bool,
}

/// Why a command has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key belongs to another request.
    #[error("the reference was used for another request")]
    ReferenceReused,
    /// Nothing happened; try again.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] journal::Error),
}

impl Engine {
    /// An engine over `view`, and the queue its writer has to serve.
    pub fn new(view: Arc<View>, policies: Policies, clock: Clock) -> (Self, Receiver<Entry>) {
        Self::with_options(view, policies, clock, Options::default())
    }

    /// [`Engine::new`] with other sizes than those of production.
    pub fn with_options(
        view: Arc<View>,
        policies: Policies,
        clock: Clock,
        options: Options,
    ) -> (Self, Receiver<Entry>) {
        let (queue, entries) = crossbeam_channel::bounded(options.queue_max);
        let directory = Directory::default();
        let gate = Arc::new(Gate::default());
        let is_clock_trusted = AtomicBool::new(true);
        let shared = Arc::new(Shared {
            options,
            view,
            policies,
            clock,
            queue,
            directory,
            gate,
            is_clock_trusted,
        });
        (Self { shared }, entries)
    }

    /// Whether what has a time may be ended because the wall clock says so. Not for a while after it
    /// has jumped; always where no timers run.
    pub fn is_clock_trusted(&self) -> bool {
        self.shared.is_clock_trusted.load(Ordering::Relaxed)
    }

    fn trust_clock(&self, trusted: bool) {
        self.shared.is_clock_trusted.store(trusted, Ordering::Relaxed);
    }

    /// What is committed.
    pub fn view(&self) -> &Arc<View> {
        &self.shared.view
    }

    /// The clock that decisions are made by.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Has a command decided, recorded and made durable; a known key gets its first answer again.
    ///
    /// # Errors
    /// If the key belongs to another request, or too much is waiting, or the journal is unreadable.
    pub async fn submit(&self, command: Command) -> Result<Outcome, Error> {
        let (reply, answer) = match self.enter(command.origin()).await? {
            Entered::Known(outcome) => return Ok(outcome),
            Entered::New(key) => Reply::one(Held::Key(key)),
        };
        self.dispatch(command, reply);
        Ok(Outcome { recorded: answer.await.map_err(|_| Busy)??, replayed: false })
    }

    /// [`Engine::submit`] and [`Engine::refuse`] for many at once: their keys are taken in the order
    /// given, and the results stand in it, each for itself.
    pub async fn submit_many(&self, asked: Vec<Asked>) -> Vec<Result<Outcome, Error>> {
        if asked.is_empty() {
            return Vec::new();
        }
        let (collector, all_there) = Collector::new(asked.len());
        let mut early = Vec::with_capacity(asked.len());
        for (index, asked) in asked.into_iter().enumerate() {
            match self.enter(asked.origin()).await {
                Ok(Entered::New(key)) => {
                    early.push(None);
                    let reply = Reply::slot(&collector, index, key);
                    match asked {
                        Asked::Decide(command) => self.dispatch(command, reply),
                        // What finds the queue full is dropped, which tells its caller `busy`.
                        Asked::Refuse(refusal) => {
                            let fact = Fact::Refused(refusal);
                            let event = Event { at: self.shared.clock.now(), fact };
                            let _: Result<(), Busy> = self.shared.push(Entry::new(event, reply));
                        }
                    }
                }
                Ok(Entered::Known(outcome)) => {
                    collector.skip();
                    early.push(Some(Ok(outcome)));
                }
                Err(error) => {
                    collector.skip();
                    early.push(Some(Err(error)));
                }
            }
        }
        // An error can only mean that there was nothing to wait for.
        let _ = all_there.await;
        let late = |index| -> Result<Outcome, Error> {
            let answer: Answer = collector.take(index).unwrap_or(Err(Busy));
            Ok(Outcome { recorded: answer?, replayed: false })
        };
        early.into_iter().enumerate().map(|(i, known)| known.unwrap_or_else(|| late(i))).collect()
    }

    /// Records a fact that nobody can refuse: about users, sessions, new accounts. The names it
    /// takes stay reserved until its answer is out, even if the caller goes away.
    ///
    /// # Errors
    /// [`Busy`] if too much is waiting.
    pub async fn record(&self, fact: Fact, names: Vec<Reservation>) -> Result<Box<Recorded>, Busy> {
        self.queue(fact, names)?.await
    }

    /// [`Engine::record`] in two steps: the fact has its place in the queue when this returns, and
    /// is durable when the future is done.
    ///
    /// # Errors
    /// [`Busy`] if too much is waiting.
    pub fn queue(
        &self,
        fact: Fact,
        names: Vec<Reservation>,
    ) -> Result<impl Future<Output = Result<Box<Recorded>, Busy>> + Send + use<>, Busy> {
        let names = names.into_iter().map(|name| name.guard).collect();
        let (reply, answer) = Reply::one(Held::Names(names));
        let event = Event { at: self.shared.now(), fact };
        self.shared.push(Entry::new(event, reply))?;
        Ok(async { answer.await.map_err(|_| Busy)? })
    }

    /// Records that a request was refused before any account could be asked.
    ///
    /// # Errors
    /// As [`Engine::submit`].
    pub async fn refuse(
        &self,
        origin: Origin,
        amount: Option<Amount>,
        rejection: Rejection,
        note: Line,
    ) -> Result<Outcome, Error> {
        self.note(Fact::Refused(Refusal { origin, account: None, amount, rejection, note })).await
    }

    /// Holds a name that is about to be taken, so that two cannot take it at once. Whoever needs
    /// several takes them in the order of [`NameKind`].
    pub async fn reserve(&self, kind: NameKind, name: &str) -> Reservation {
        let hash = blake3::hash(name.as_bytes());
        let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
        let fingerprint = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        // The kind in the lowest bits: no name of one kind ever waits for one of another, however
        // their texts were chosen.
        let key = (fingerprint & !gate::KIND_BITS) | u64::from(kind as u8);
        Reservation { guard: self.shared.gate.enter(key).await }
    }

    /// Live tasks, longest mailbox, entries waiting for the writer.
    pub fn gauges(&self) -> (usize, usize, usize) {
        let Shared { directory, queue, .. } = &*self.shared;
        (directory.len(), directory.longest_mailbox(), queue.len())
    }

    /// Proposes to every idle task that it retire.
    pub fn propose_retiring(&self) {
        self.shared.directory.propose_retiring();
    }

    /// Records what nobody decides about, under a key: a known key gets its first answer again.
    ///
    /// # Errors
    /// As [`Engine::submit`].
    pub async fn note(&self, fact: Fact) -> Result<Outcome, Error> {
        let origin = fact.origin().expect("what is noted has a key");
        let (reply, answer) = match self.enter(origin).await? {
            Entered::Known(outcome) => return Ok(outcome),
            Entered::New(key) => Reply::one(Held::Key(key)),
        };
        self.shared.push(Entry::new(Event { at: self.shared.now(), fact }, reply))?;
        Ok(Outcome { recorded: answer.await.map_err(|_| Busy)??, replayed: false })
    }

    /// The answer that the key of `origin` has already, if any.
    ///
    /// # Errors
    /// If the key belongs to another request, or the journal is unreadable.
    pub fn known(&self, origin: &Origin) -> Result<Option<Box<Recorded>>, Error> {
        match self.shared.view.known(origin, origin.fingerprint())? {
            Known::New => Ok(None),
            Known::Reused => Err(Error::ReferenceReused),
            Known::Answered(recorded) => Ok(Some(recorded)),
        }
    }

    async fn enter(&self, origin: &Origin) -> Result<Entered, Error> {
        let fingerprint = origin.fingerprint();
        let guard = self.shared.gate.enter(fingerprint & !gate::KIND_BITS).await;
        match self.shared.view.known(origin, fingerprint)? {
            Known::New => Ok(Entered::New(Key::new(guard, fingerprint))),
            Known::Reused => Err(Error::ReferenceReused),
            Known::Answered(recorded) => Ok(Entered::Known(Outcome { recorded, replayed: true })),
        }
    }

    /// Sends a command to whoever decides first. What cannot be sent is dropped, which tells its
    /// caller `busy`.
    fn dispatch(&self, command: Command, reply: Reply) {
        let shared = &self.shared;
        let Command::Move(movement) = &command else { return shared.submit(command, reply) };
        if let Err(rejection) = decide_parties(movement, |party| shared.currency(party)) {
            return shared.record(command.into_refusal(rejection), reply);
        }
        // What the house gives to somebody is not asked of the house.
        let is_given = match movement.kind {
            MovementKind::TopUp { .. }
            | MovementKind::Adjustment { .. }
            | MovementKind::ChargePaid { .. }
            | MovementKind::Suspended { .. } => true,
            MovementKind::Payment
            | MovementKind::Refund { .. }
            | MovementKind::HoldPosted { .. }
            | MovementKind::PaidOut { .. }
            | MovementKind::BillPaid { .. }
            | MovementKind::Resolved { .. }
            | MovementKind::GivenBack { .. } => false,
        };
        if !is_given || shared.kind(movement.debit).refuses_debits() {
            return shared.submit(command, reply);
        }
        let receiver = movement.credit;
        if shared.kind(receiver).refuses_debits() || shared.is_asked(movement) {
            let asked = Box::new((Request { command, reply }, None));
            shared.send(receiver, Message::Admit(asked));
        } else {
            shared.record(command.into_fact(), reply);
        }
    }
}

/// What a reserved name is a name of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum NameKind {
    /// A username that is being taken.
    Username = 1,
    /// An e-mail address that is being taken.
    Email = 2,
    /// A user whose password is being checked.
    Login = 3,
    /// An account that is being opened.
    Account = 4,
    /// The registry, while a change of it is decided and recorded.
    Registry = 5,
    /// A user whose one-time codes change.
    Code = 6,
    /// A payout that is being begun.
    Payout = 7,
    /// What is counted before one more of it is made.
    Count = 8,
}

/// A name held by [`Engine::reserve`] until dropped.
pub struct Reservation {
    guard: gate::Guard,
}

enum Entered {
    New(Key),
    Known(Outcome),
}

impl Shared {
    /// Whether a movement's receiver has a say: it may be full, or keeps what the movement is about.
    fn is_asked(&self, movement: &Movement) -> bool {
        let kind = self.kind(movement.credit);
        let asks = self.policies.of(kind, movement.currency).refuses_credits();
        asks || match movement.kind {
            MovementKind::TopUp { request, .. } => request.is_some(),
            MovementKind::Resolved { bill, .. } => bill.is_some(),
            MovementKind::ChargePaid { .. } | MovementKind::BillPaid { .. } => true,
            MovementKind::Payment
            | MovementKind::Refund { .. }
            | MovementKind::Adjustment { .. }
            | MovementKind::HoldPosted { .. }
            | MovementKind::PaidOut { .. }
            | MovementKind::Suspended { .. }
            | MovementKind::GivenBack { .. } => false,
        }
    }

    fn kind(&self, id: AccountId) -> AccountKind {
        self.view.kind(id).expect("commands name accounts that were looked up in the view")
    }

    fn currency(&self, id: AccountId) -> Currency {
        self.view.currency(id).expect("commands name accounts that were looked up in the view")
    }

    /// When something is decided: never before what is committed, whatever the clock does.
    fn now(&self) -> Timestamp {
        self.clock.now().max(self.view.time())
    }

    /// Sends a command to the account that decides first.
    fn submit(self: &Arc<Self>, command: Command, reply: Reply) {
        let account = command.account();
        self.send(account, Message::Submit(Box::new(Request { command, reply })));
    }

    /// Queues what needs no account's word.
    fn record(&self, fact: Fact, reply: Reply) {
        let event = Event { at: self.now(), fact };
        let _: Result<(), Busy> = self.push(Entry::new(event, reply));
    }

    /// Sends to an account's task. A message that finds the mailbox full is dropped, and its parts
    /// say `busy` to whoever waits for them.
    fn send(self: &Arc<Self>, id: AccountId, message: Message) {
        use tokio::sync::mpsc::error::TrySendError;
        let mut message = message;
        loop {
            match self.directory.send(self, id, message) {
                Ok(()) | Err(TrySendError::Full(_)) => return,
                // The task retired between the look and the send: its successor takes it.
                Err(TrySendError::Closed(back)) => message = back,
            }
        }
    }

    /// Queues an entry for the writer. One that finds the queue full is dropped, like a message.
    fn push(&self, entry: Entry) -> Result<(), Busy> {
        self.queue.try_send(entry).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => Busy,
        })
    }
}
