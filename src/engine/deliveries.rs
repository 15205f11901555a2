//! What is still to be told to endpoints, as committed, and by when it is due.
//!
//! The writer keeps it in step with the book's outbox; the courier reads it. Each endpoint has a
//! queue of its own, so to look for what is due costs nothing for those that have to wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use tokio::sync::Notify;

use super::gate::SpreadMap;
use crate::ledger::book::Book;
use crate::ledger::delivery::{Backlog, Delivery, Pending};
use crate::ledger::endpoint::{EndpointId, events_of};
use crate::ledger::event::Fact;
use crate::ledger::id::Position;
use crate::ledger::registry::RegistryChange;
use crate::ledger::time::Timestamp;

/// The committed outbox.
#[derive(Default)]
pub struct Deliveries {
    queues: SpreadMap<EndpointId, Queue>,
    /// Endpoints with something new, until the courier has looked.
    changed: Mutex<BTreeSet<EndpointId>>,
    news: Notify,
}

#[derive(Default)]
struct Queue {
    pending: BTreeMap<Position, Pending>,
    due: BTreeSet<(Timestamp, Position)>,
    missed: u64,
}

/// What to do next about an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Nothing is pending but what was left out.
    Nothing,
    /// Nothing before then.
    At(Timestamp),
    /// This is due.
    Due(Delivery, Pending),
}

impl Deliveries {
    /// The outbox of `book`; all of it is news.
    pub(super) fn new(book: &Book) -> Self {
        let deliveries = Self::default();
        for (delivery, pending) in book.outbox.pending() {
            deliveries.set(book, delivery, Some(pending));
        }
        for (endpoint, backlog) in book.outbox.backlogs() {
            deliveries.queues.entry(endpoint).or_default().missed = backlog.missed;
        }
        deliveries
    }

    /// The message, if it is still to be heard.
    pub fn get(&self, delivery: Delivery) -> Option<Pending> {
        self.queues.get(&delivery.endpoint)?.pending.get(&delivery.event).copied()
    }

    /// How an endpoint is doing.
    pub fn backlog(&self, endpoint: EndpointId) -> Backlog {
        self.queues.get(&endpoint).map_or_else(Backlog::default, |queue| Backlog {
            pending: u32::try_from(queue.pending.len()).unwrap_or(u32::MAX),
            missed: queue.missed,
        })
    }

    /// Everything that is still to be heard, in order.
    pub fn all(&self) -> Vec<(Delivery, Pending)> {
        let mut all = Vec::new();
        for queue in &self.queues {
            let endpoint = *queue.key();
            let of = |(event, pending): (&Position, &Pending)| {
                (Delivery { endpoint, event: *event }, *pending)
            };
            all.extend(queue.pending.iter().map(of));
        }
        all.sort_by_key(|(delivery, _)| *delivery);
        all
    }

    /// What to do next about an endpoint at `now`, apart from the events of `except`.
    pub fn next(&self, endpoint: EndpointId, now: Timestamp, except: &BTreeSet<Position>) -> Next {
        let Some(queue) = self.queues.get(&endpoint) else { return Next::Nothing };
        let first = queue.due.iter().find(|(_, event)| !except.contains(event));
        match first {
            None => Next::Nothing,
            Some((at, _)) if *at > now => Next::At(*at),
            Some((_, event)) => match queue.pending.get(event) {
                Some(pending) => Next::Due(Delivery { endpoint, event: *event }, *pending),
                None => Next::Nothing,
            },
        }
    }

    /// Endpoints with something new; waits until there is one.
    pub async fn changed(&self) -> BTreeSet<EndpointId> {
        loop {
            let news = self.news.notified();
            let changed = std::mem::take(&mut *self.lock());
            if !changed.is_empty() {
                return changed;
            }
            news.await;
        }
    }

    /// Follows a record; `book` is as it is after its batch. Writer only.
    pub(super) fn publish(&self, book: &Book, position: Position, fact: &Fact) {
        match fact {
            Fact::RegistryChanged(changed) => match &changed.change {
                RegistryChange::EndpointRemoved(_, id) | RegistryChange::MerchantRemoved(_, id) => {
                    drop(self.queues.remove(id))
                }
                RegistryChange::MerchantSet(merchant) if merchant.disabled => {
                    self.clear(book, merchant.endpoint);
                }
                RegistryChange::EndpointSet(endpoint) if endpoint.disabled => {
                    self.clear(book, endpoint.id);
                }
                _ => {}
            },
            Fact::DeliveryTried(tried) if tried.gone => self.clear(book, tried.delivery.endpoint),
            Fact::DeliveryTried(tried) => {
                self.set(book, tried.delivery, book.outbox.get(tried.delivery));
            }
            _ if book.registry.endpoints.is_empty() => {}
            _ => {
                for (account, _) in events_of(fact) {
                    let owner = book.account(account).and_then(|account| account.owner);
                    // Whatever they want now: what they wanted when it happened is in the book.
                    let endpoints = owner.map(|owner| book.registry.endpoints_of(owner));
                    for endpoint in endpoints.into_iter().flatten() {
                        let delivery = Delivery { endpoint: endpoint.id, event: position };
                        self.set(book, delivery, book.outbox.get(delivery));
                    }
                }
            }
        }
    }

    fn set(&self, book: &Book, delivery: Delivery, pending: Option<Pending>) {
        let Delivery { endpoint, event } = delivery;
        if pending.is_none() && !self.queues.contains_key(&endpoint) {
            return;
        }
        let mut queue = self.queues.entry(endpoint).or_default();
        queue.missed = book.outbox.backlog(endpoint).missed;
        let before = match pending {
            Some(pending) => queue.pending.insert(event, pending),
            None => queue.pending.remove(&event),
        };
        if let Some(before) = before {
            queue.due.remove(&(before.due(delivery), event));
        }
        if let Some(pending) = pending {
            queue.due.insert((pending.due(delivery), event));
            drop(queue);
            self.lock().insert(endpoint);
            self.news.notify_one();
        }
    }

    fn clear(&self, book: &Book, endpoint: EndpointId) {
        let missed = book.outbox.backlog(endpoint).missed;
        self.queues.insert(endpoint, Queue { missed, ..Queue::default() });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<EndpointId>> {
        self.changed.lock().expect("no holder of this lock panics")
    }
}
