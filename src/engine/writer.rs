//! The writer: the one place where decided becomes durable, and durable becomes visible.
//!
//! # Invariants
//!
//! - A batch is appended to the journal, then published to the view, then answered, in this order.
//! - Answers go out in the order of positions, batch by batch (see `teller`).
//! - Recorded times never go back, whatever the clock does, and nothing is written before it was
//!   decided.
//! - After a failed append nothing more is written, and nobody is answered whose record is not
//!   durable: the process ends.
//!
//! Nothing here decides: an entry that arrives has been agreed to by every account it touches.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::entry::Entry;
use super::teller::{Answers, Teller};
use super::view::View;
use crate::clock::Clock;
use crate::journal::{AppendError, BatchBuilder, Hash, Journal, Recorded};
use crate::ledger::book::Book;
use crate::ledger::event::{Event, Fact};
use crate::ledger::id::{AccountId, Principal, UserId};
use crate::ledger::time::Timestamp;
use crate::limits;
use crate::telemetry::{Began, Metrics};

/// How long the writer waits for more when far less came than the last time.
const GATHER: Duration = Duration::from_micros(100);

/// Called after each batch with the book as it then is: seals and checkpoints hang on it.
pub type AfterBatch = Box<dyn FnMut(&mut dyn Journal, &Book, Hash, Timestamp) + Send>;

/// Called with each record after it is durable and published, in order.
pub type Observer = Box<dyn Fn(&Recorded) + Send>;

/// Owns the journal and the book.
pub struct Writer {
    journal: Box<dyn Journal>,
    book: Book,
    view: Arc<View>,
    clock: Clock,
    metrics: Arc<Metrics>,
    /// The hash of the latest batch.
    hash: Hash,
    /// The time of the latest batch.
    time: Timestamp,
    after_batch: AfterBatch,
    observer: Observer,
}

/// What a writer is made of.
pub struct WriterParts {
    /// Where batches go.
    pub journal: Box<dyn Journal>,
    /// The state after the journal's last entry.
    pub book: Book,
    /// Where committed state is published.
    pub view: Arc<View>,
    /// What stamps batches.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The hash of the journal's last batch.
    pub hash: Hash,
    /// The time of the journal's last batch.
    pub time: Timestamp,
    /// Housekeeping between batches.
    pub after_batch: AfterBatch,
    /// Who is told of each record.
    pub observer: Observer,
}

impl Writer {
    /// A writer that goes on where the journal ends.
    pub fn new(parts: WriterParts) -> Self {
        let WriterParts { journal, book, view, clock, metrics, .. } = parts;
        let WriterParts { hash, time, after_batch, observer, .. } = parts;
        Self { journal, book, view, clock, metrics, hash, time, after_batch, observer }
    }

    /// Takes entries until every sender is gone, a batch at a time, and leaves the answers to
    /// `teller`.
    ///
    /// # Errors
    /// If a batch could not be made durable: the process must end without another word.
    pub fn run(mut self, queue: &Receiver<Entry>, teller: &Teller) -> Result<Self, AppendError> {
        let mut entries = Vec::with_capacity(limits::BATCH_ENTRIES_MAX);
        let mut last = 0;
        while let Ok(first) = queue.recv() {
            entries.push(first);
            entries.extend(queue.try_iter().take(limits::BATCH_ENTRIES_MAX - 1));
            // A flush costs nearly the same for one entry as for hundreds. Under load, what was just
            // answered is on its way again: worth a moment. A payment alone after a rush waits it
            // once; after that nothing does.
            if entries.len() < last / 2 {
                std::thread::sleep(GATHER);
                let room = limits::BATCH_ENTRIES_MAX - entries.len();
                entries.extend(queue.try_iter().take(room));
            }
            last = entries.len();
            if let Err(error) = self.commit_then(&mut entries, |answers| teller.tell(answers)) {
                // sled syncs once more when it is dropped, and that could hang or claim success.
                std::mem::forget(self);
                return Err(error);
            }
        }
        Ok(self)
    }

    /// Makes `entries` durable as one batch, publishes them and answers, leaving the list empty.
    ///
    /// # Errors
    /// If the batch could not be made durable. Nobody has been answered, nor ever will be.
    pub fn commit(&mut self, entries: &mut Vec<Entry>) -> Result<(), AppendError> {
        self.commit_then(entries, drop)
    }

    fn commit_then(
        &mut self,
        entries: &mut Vec<Entry>,
        tell: impl FnOnce(Answers),
    ) -> Result<(), AppendError> {
        if entries.is_empty() {
            return Ok(());
        }
        let first = self.book.next();
        let decided = entries.iter().map(|entry| entry.recorded.event.at).max();
        let time = self.clock.now().max(self.time).max(decided.unwrap_or(self.time));
        let mut batch = BatchBuilder::new(first, time, self.hash);
        for Entry { recorded, .. } in entries.iter_mut() {
            self.number(&mut recorded.event);
            recorded.position = self.book.next();
            recorded.time = time;
            recorded.links = self.book.apply(recorded.position, &recorded.event);
            batch.push(&recorded.event, &recorded.links);
        }
        let batch = batch.finish();
        let began = Began::now();
        if let Err(error) = self.journal.append(&batch) {
            // A reply that is dropped says that nothing happened. Nobody knows that now, so these are
            // kept for what is left of the process's life.
            std::mem::forget(std::mem::take(entries));
            return Err(error);
        }
        self.metrics.appended(began, entries.len(), batch.bytes().len());
        self.time = time;
        self.hash = batch.hash();
        self.view.history().push(batch);
        tell(self.publish(time, entries));
        (self.after_batch)(self.journal.as_mut(), &self.book, self.hash, self.time);
        Ok(())
    }

    /// The book after the last batch.
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// The hash of the last batch.
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// The time of the last batch.
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// Shows a durable batch to every reader.
    fn publish(&mut self, time: Timestamp, entries: &mut Vec<Entry>) -> Answers {
        let mut answers = Vec::with_capacity(entries.len());
        for Entry { recorded, reply } in entries.drain(..) {
            self.view.publish(&self.book, &recorded, reply.fingerprint());
            self.metrics.recorded(&recorded.event.fact);
            answers.push((reply, recorded));
        }
        self.view.advance(self.book.position, time);
        for (_, recorded) in &answers {
            (self.observer)(recorded);
        }
        Answers::new(answers)
    }

    /// Gives a new user or account the next free number: only here is it known which is next.
    fn number(&self, event: &mut Event) {
        let next_account = || {
            AccountId(u32::try_from(self.book.accounts_len()).expect("fewer than 2^32 accounts"))
        };
        match &mut event.fact {
            Fact::AccountOpened(opened) => opened.account = next_account(),
            Fact::UserCreated(created) => {
                let row = u32::try_from(self.book.users.len()).expect("fewer than 2^32 users");
                created.user = UserId(row);
                created.account.account = next_account();
                created.account.owner = Some(created.user);
                // Whoever signs up by themself had no number when they did.
                if created.account.by == Principal::User(UserId(u32::MAX)) {
                    created.account.by = Principal::User(created.user);
                }
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
}
