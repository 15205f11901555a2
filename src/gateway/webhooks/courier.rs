//! Takes messages to their receivers.
//!
//! One loop holds a timer for each endpoint that has to wait, and nothing for each message: what is
//! pending stands in the view. Endpoints that answered the last time share one bound of messages
//! under way; those that did not, and those that nobody has asked yet, each have another, one message
//! each. So however many are dead, those that live wait for none of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::{JoinError, JoinSet};

use super::message::{self, message_id};
use crate::engine::deliveries::Next;
use crate::engine::{self, Engine, View};
use crate::gateway::Error;
use crate::gateway::merchant::pick::Picks;
use crate::gateway::messenger::{Message, Messenger};
use crate::identity::vault::Vault;
use crate::journal::Recorded;
use crate::ledger::delivery::{self, Delivery, DeliveryTried, Pending};
use crate::ledger::endpoint::{Endpoint, EndpointId, Format};
use crate::ledger::event::{Fact, Origin};
use crate::ledger::id::{Position, Principal, UserId};
use crate::ledger::reference::DigestBuilder;
use crate::ledger::text::Line;
use crate::ledger::time::Timestamp;
use crate::limits;

/// What an endpoint's secret is sealed for.
pub(super) fn purpose(owner: UserId, id: EndpointId) -> String {
    format!("webhook/{}/{}", owner.0, id.0)
}

/// Tells endpoints.
pub struct Courier {
    engine: Engine,
    vault: Arc<Vault>,
    messenger: Arc<Messenger>,
    /// Turns at messages that somebody waits for with a request.
    asked: Semaphore,
    /// What payers are picking: of that there is nothing to tell yet.
    picks: Arc<Picks>,
}

/// How one try went.
pub(super) struct Told {
    /// The status of the answer, if one came.
    pub(super) status: Option<u16>,
    /// Why none came.
    pub(super) note: String,
    /// Whether there is nobody to tell, now or later.
    pub(super) nowhere: bool,
}

/// Whether messages to an endpoint are likely to be heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    Well,
    /// Nothing was told to it by this process, and no try of the message was written down.
    New,
    Failing,
}

/// A try is over.
struct Done {
    delivery: Delivery,
    class: Class,
    heard: bool,
}

/// What is under way, and what waits.
#[derive(Default)]
struct Round {
    sends: JoinSet<Done>,
    flying: BTreeMap<EndpointId, BTreeSet<Position>>,
    /// Whether the last try of an endpoint was heard. One that failed is kept while it has something
    /// pending.
    heard: BTreeMap<EndpointId, bool>,
    under_way: [usize; 3],
    /// Endpoints with something due, until there is room.
    waiting: [Waiting; 3],
    timers: BTreeSet<(Timestamp, EndpointId)>,
    timer_of: BTreeMap<EndpointId, Timestamp>,
}

/// Endpoints in the order in which they came, each once.
#[derive(Default)]
struct Waiting {
    order: VecDeque<EndpointId>,
    among: BTreeSet<EndpointId>,
}

impl Waiting {
    fn push(&mut self, endpoint: EndpointId) {
        if self.among.insert(endpoint) {
            self.order.push_back(endpoint);
        }
    }

    fn pop(&mut self) -> Option<EndpointId> {
        let first = self.order.pop_front()?;
        self.among.remove(&first);
        Some(first)
    }
}

impl Class {
    const ALL: [Self; 3] = [Self::Well, Self::New, Self::Failing];

    const fn max(self) -> usize {
        match self {
            Self::Well => limits::DELIVERIES_MAX,
            Self::New => limits::DELIVERIES_NEW_MAX,
            Self::Failing => limits::DELIVERIES_FAILING_MAX,
        }
    }
}

impl Courier {
    /// A courier with the secrets that `vault` opens.
    pub fn new(engine: Engine, vault: Arc<Vault>, messenger: Arc<Messenger>) -> Arc<Self> {
        let asked = Semaphore::new(limits::WEBHOOKS_ASKED_MAX);
        Arc::new(Self { engine, vault, messenger, asked, picks: Arc::default() })
    }

    /// What opens secrets.
    pub(super) fn vault(&self) -> &Vault {
        &self.vault
    }

    /// What payers are picking.
    pub(in crate::gateway) const fn picks(&self) -> &Arc<Picks> {
        &self.picks
    }

    /// How receivers are reached.
    pub fn messenger(&self) -> &Messenger {
        &self.messenger
    }

    /// Sends what is in no journal.
    ///
    /// # Errors
    /// [`Error::Busy`] if as many as may are doing so.
    pub(super) async fn test(
        &self,
        endpoint: &Endpoint,
        id: &str,
        body: &[u8],
    ) -> Result<Told, Error> {
        let _turn = self.turn()?;
        Ok(self.post(endpoint, id, body).await)
    }

    /// A turn at a message that somebody waits for.
    ///
    /// # Errors
    /// [`Error::Busy`] if as many as may have one.
    pub(super) fn turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        let retry_after_seconds = limits::CALLBACK_TIMEOUT.as_secs();
        self.asked.try_acquire().map_err(|_| Error::Busy { retry_after_seconds })
    }

    /// Tells what is due, for as long as the runtime lives.
    pub async fn run(self: Arc<Self>) {
        let mut round = Round::default();
        loop {
            let pause = self.until_next(&round);
            tokio::select! {
                changed = self.view().deliveries().changed() => {
                    for endpoint in changed {
                        self.look(&mut round, endpoint);
                    }
                }
                Some(done) = round.sends.join_next() => self.land(&mut round, done),
                () = tokio::time::sleep(pause) => self.look_at_due(&mut round),
            }
        }
    }

    /// How long nothing is due; at most a moment, since clocks jump.
    fn until_next(&self, round: &Round) -> Duration {
        let Some((at, _)) = round.timers.first() else { return limits::TIMER_PERIOD };
        let micros = at.micros_since(self.now()).max(0).unsigned_abs();
        Duration::from_micros(micros).min(limits::TIMER_PERIOD)
    }

    fn look_at_due(self: &Arc<Self>, round: &mut Round) {
        let now = self.now();
        while let Some((at, endpoint)) = round.timers.first().copied()
            && at <= now
        {
            round.unset(endpoint);
            self.look(round, endpoint);
        }
    }

    /// Sends what is due at an endpoint and fits, and sees to it that the rest is looked at again.
    fn look(self: &Arc<Self>, round: &mut Round, endpoint: EndpointId) {
        loop {
            round.unset(endpoint);
            let empty = BTreeSet::new();
            let flying = round.flying.get(&endpoint).unwrap_or(&empty);
            match self.view().deliveries().next(endpoint, self.now(), flying) {
                Next::Nothing => {
                    if flying.is_empty() {
                        round.forget(endpoint);
                    }
                    return;
                }
                Next::At(at) => return round.set(endpoint, at),
                Next::Due(delivery, pending) => {
                    let class = round.class(endpoint, &pending);
                    if flying.len() >= round.max_each(endpoint) {
                        // Looked at again when one of those is over.
                        return;
                    }
                    if round.under_way[class as usize] >= class.max() {
                        return round.waiting[class as usize].push(endpoint);
                    }
                    self.send(round, class, delivery, pending);
                }
            }
        }
    }

    fn send(
        self: &Arc<Self>,
        round: &mut Round,
        class: Class,
        delivery: Delivery,
        pending: Pending,
    ) {
        round.under_way[class as usize] += 1;
        round.flying.entry(delivery.endpoint).or_default().insert(delivery.event);
        let courier = Arc::clone(self);
        round.sends.spawn(async move {
            let task = async move { courier.tell(delivery, &pending, None).await };
            let heard = match tokio::spawn(task).await {
                Ok(told) => told.is_some_and(|told| told.nowhere || is_heard(told.status)),
                Err(error) => {
                    if error.is_panic() {
                        tracing::error!(event = %delivery.event, "telling a webhook panicked");
                        // So that what cannot be told is not tried without a pause.
                        tokio::time::sleep(limits::INSIST_PAUSE_MAX).await;
                    }
                    false
                }
            };
            Done { delivery, class, heard }
        });
    }

    fn land(self: &Arc<Self>, round: &mut Round, done: Result<Done, JoinError>) {
        // What is spawned does nothing that panics, and is aborted only with the runtime.
        let Ok(Done { delivery, class, heard }) = done else { return };
        let endpoint = delivery.endpoint;
        round.under_way[class as usize] -= 1;
        if let Some(flying) = round.flying.get_mut(&endpoint) {
            flying.remove(&delivery.event);
            if flying.is_empty() {
                round.flying.remove(&endpoint);
            }
        }
        round.heard.insert(endpoint, heard);
        for class in Class::ALL {
            // Once around: who finds no room again stands at the end of the line.
            for _ in 0..round.waiting[class as usize].order.len() {
                if round.under_way[class as usize] >= class.max() {
                    break;
                }
                if let Some(next) = round.waiting[class as usize].pop() {
                    self.look(round, next);
                }
            }
        }
        self.look(round, endpoint);
    }

    /// One try, written down. `why` is a person's reason for it. Nothing if the endpoint is gone,
    /// or somebody else's try was written in its place.
    pub(super) async fn tell(
        &self,
        delivery: Delivery,
        pending: &Pending,
        why: Option<Line>,
    ) -> Option<Told> {
        let registry = self.view().registry();
        let endpoint = registry.endpoints.get(&(pending.owner, delivery.endpoint))?;
        let told = match self.message(endpoint, delivery, pending).await {
            Ok(told) => told,
            Err(error) => {
                tracing::error!(%error, event = %delivery.event, "an event could not be read");
                tokio::time::sleep(limits::INSIST_PAUSE_MAX).await;
                return None;
            }
        };
        let attempt = pending.tried.saturating_add(1);
        let done = told.nowhere || pending.format.ends(attempt, told.status);
        if done && !told.nowhere && !is_heard(told.status) {
            tracing::warn!(event = %delivery.event, endpoint = %delivery.endpoint.0, attempt,
                status = told.status, "a webhook did not hear an event");
        }
        let note = why.unwrap_or_else(|| Line::cut(&told.note, limits::REASON_BYTES_MAX));
        let digest = DigestBuilder::new("delivery").text("tried").finish();
        let reference = delivery::reference(delivery, attempt);
        let tried = DeliveryTried {
            origin: Origin { principal: Principal::System, reference, digest },
            delivery,
            owner: pending.owner,
            attempt,
            status: told.status,
            note,
            done,
            gone: pending.format == Format::Standard && told.status == Some(410),
        };
        self.insist(tried).await.then_some(told)
    }

    async fn message(
        &self,
        endpoint: &Endpoint,
        delivery: Delivery,
        pending: &Pending,
    ) -> Result<Told, Error> {
        let event: Recorded = self.view().record(delivery.event)?;
        let body = match pending.format {
            Format::Standard => {
                message::standard(self.view(), &event, pending.owner, pending.kind)?
            }
            Format::Midtrans => return self.tell_merchant(&event, pending.owner).await,
        };
        Ok(self.post(endpoint, &message_id(&event), &body).await)
    }

    /// Sends to an endpoint.
    pub(super) async fn post(&self, endpoint: &Endpoint, id: &str, body: &[u8]) -> Told {
        let sent = self.now();
        let purpose = purpose(endpoint.owner, endpoint.id);
        let keys = &endpoint.secrets;
        let former = keys.previous.as_ref().filter(|_| endpoint.signs_with_previous(sent));
        let secrets = std::iter::once(&keys.current).chain(former);
        let secrets =
            secrets.map(|key| self.vault.open(&purpose, key)).collect::<Result<Vec<_>, _>>();
        let told = match secrets {
            Ok(secrets) => {
                let message = Message { id, secrets: &secrets, sent, body };
                self.messenger.send(endpoint.url.as_str(), message).await
            }
            Err(error) => Err(error.to_string()),
        };
        match told {
            Ok(status) => Told { status: Some(status), note: String::new(), nowhere: false },
            Err(note) => Told { status: None, note, nowhere: false },
        }
    }

    /// Has a try recorded, however long that takes. Whether it is the one recorded.
    async fn insist(&self, tried: DeliveryTried) -> bool {
        let fact = Fact::DeliveryTried(Box::new(tried));
        let mut pause = limits::INSIST_PAUSE;
        loop {
            match self.engine.note(fact.clone()).await {
                Ok(outcome) => return !outcome.replayed,
                Err(engine::Error::ReferenceReused) => return false,
                Err(engine::Error::Busy(_)) => {}
                Err(engine::Error::Journal(error)) => {
                    tracing::error!(%error, "the journal could not be read");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(limits::INSIST_PAUSE_MAX);
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.engine.clock().now()
    }

    pub(super) fn view(&self) -> &Arc<View> {
        self.engine.view()
    }
}

impl Round {
    /// What is known of an endpoint; after a restart, what the message's own tries say.
    fn class(&self, endpoint: EndpointId, pending: &Pending) -> Class {
        match self.heard.get(&endpoint) {
            Some(true) => Class::Well,
            Some(false) => Class::Failing,
            None if pending.tried > 0 => Class::Failing,
            None => Class::New,
        }
    }

    /// Nothing is pending for an endpoint: it is remembered if it listens, as long as there is room.
    fn forget(&mut self, endpoint: EndpointId) {
        if self.heard.get(&endpoint) != Some(&true) {
            self.heard.remove(&endpoint);
        } else if self.heard.len() > limits::ENDPOINTS_MAX {
            self.heard.retain(|_, heard| !*heard);
        }
    }

    /// One at a time until an endpoint is known to answer.
    fn max_each(&self, endpoint: EndpointId) -> usize {
        match self.heard.get(&endpoint) {
            Some(true) => limits::DELIVERIES_PER_ENDPOINT_MAX,
            Some(false) | None => 1,
        }
    }

    fn set(&mut self, endpoint: EndpointId, at: Timestamp) {
        self.timers.insert((at, endpoint));
        self.timer_of.insert(endpoint, at);
    }

    fn unset(&mut self, endpoint: EndpointId) {
        if let Some(at) = self.timer_of.remove(&endpoint) {
            self.timers.remove(&(at, endpoint));
        }
    }
}

/// Whether a receiver took a message.
pub(super) fn is_heard(status: Option<u16>) -> bool {
    status.is_some_and(|status| (200..300).contains(&status))
}
