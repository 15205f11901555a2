//! What waits for the writer: a decided event, and who is to be told.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::oneshot;

use super::gate::Guard;
use crate::journal::Recorded;
use crate::ledger::book::Links;
use crate::ledger::event::Event;
use crate::ledger::id::Position;

/// A decided event on its way to the journal.
pub struct Entry {
    /// What is to be recorded; position, time and links are the writer's to fill in. On the heap from
    /// the start, since it passes through many hands before it is the answer.
    pub(super) recorded: Box<Recorded>,
    /// Who is told once it is durable.
    pub(super) reply: Reply,
}

impl Entry {
    /// An event that everybody has agreed to, and who waits for it.
    pub(super) fn new(event: Event, reply: Reply) -> Self {
        let (position, time, links) = (Position::FIRST, event.at, Links::new());
        Self { recorded: Box::new(Recorded { position, time, event, links }), reply }
    }
}

/// Why a command was not even decided: nothing happened and its reference is unused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("too much is waiting")]
pub struct Busy;

/// What a caller is told: the record, once durable.
pub(super) type Answer = Result<Box<Recorded>, Busy>;

/// What stays taken until an answer is out.
pub(super) enum Held {
    /// The key of a request.
    Key(Key),
    /// Names that the fact takes.
    Names(#[expect(dead_code, reason = "held for its drop")] Vec<Guard>),
}

/// The key of a request, held.
pub(super) struct Key {
    _guard: Guard,
    /// As of its origin, so that nobody computes it again.
    fingerprint: u64,
}

impl Key {
    /// The key with this fingerprint, held by `guard`.
    pub(super) const fn new(guard: Guard, fingerprint: u64) -> Self {
        Self { _guard: guard, fingerprint }
    }
}

/// The way back to a caller. Dropping it tells the caller that nothing happened.
pub(super) struct Reply {
    to: Option<Caller>,
    /// Freed when the answer is out: dropped after the caller is told.
    held: Held,
}

enum Caller {
    One(oneshot::Sender<Answer>),
    Slot(Arc<Collector>, usize),
}

impl Reply {
    /// To a caller that waits for one answer.
    pub(super) fn one(held: Held) -> (Self, oneshot::Receiver<Answer>) {
        let (sender, receiver) = oneshot::channel();
        (Self { to: Some(Caller::One(sender)), held }, receiver)
    }

    /// To slot `index` of a caller that waits for many.
    pub(super) fn slot(collector: &Arc<Collector>, index: usize, key: Key) -> Self {
        Self { to: Some(Caller::Slot(Arc::clone(collector), index)), held: Held::Key(key) }
    }

    /// The fingerprint of the key that this answers.
    pub(super) const fn fingerprint(&self) -> Option<u64> {
        match &self.held {
            Held::Key(key) => Some(key.fingerprint),
            Held::Names(_) => None,
        }
    }

    /// Tells the caller. One that has gone away is not missed: what happened, happened.
    pub(super) fn send(mut self, answer: Answer) {
        self.tell(answer);
    }

    fn tell(&mut self, answer: Answer) {
        match self.to.take() {
            Some(Caller::One(sender)) => drop(sender.send(answer)),
            Some(Caller::Slot(collector, index)) => collector.put(index, answer),
            None => {}
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The process is about to end, and what was recorded is not known: nobody is told, not
            // even by a sender that is gone.
            std::mem::forget(self.to.take());
        }
        self.tell(Err(Busy));
    }
}

/// Gathers the answers to a batch of commands and wakes its caller once, after the last.
pub(super) struct Collector {
    slots: Box<[Mutex<Option<Answer>>]>,
    missing: AtomicUsize,
    done: Mutex<Option<oneshot::Sender<()>>>,
}

impl Collector {
    /// For `count` answers; the receiver hears when all are there.
    pub(super) fn new(count: usize) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (done, all_there) = oneshot::channel();
        let collector = Self {
            slots: (0..count).map(|_| Mutex::new(None)).collect(),
            missing: AtomicUsize::new(count),
            done: Mutex::new(Some(done)),
        };
        (Arc::new(collector), all_there)
    }

    /// The answer in slot `index`, once.
    pub(super) fn take(&self, index: usize) -> Option<Answer> {
        self.slots[index].lock().expect("no holder of this lock panics").take()
    }

    /// One answer less to wait for.
    pub(super) fn skip(&self) {
        self.count();
    }

    fn put(&self, index: usize, answer: Answer) {
        *self.slots[index].lock().expect("no holder of this lock panics") = Some(answer);
        self.count();
    }

    fn count(&self) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(done) = self.done.lock().expect("no holder of this lock panics").take()
        {
            let _ = done.send(());
        }
    }
}
