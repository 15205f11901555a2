//! Messages that are still to be told: an outbox that follows from the facts themselves.
//!
//! ```text
//!               the fact is an event for the owner of an
//!               endpoint that wants it
//!  (nothing) ────────────────────────────▶ pending, tried 0
//!                                             │    ▲
//!                                    a try    ▼    │ not heard, tries left
//!                                          DeliveryTried
//!                                             │ heard, given up, or gone (410)
//!                                             ▼
//!                                         (nothing)
//! ```
//!
//! # Invariants
//!
//! - No entry is written to put a message in: whoever folds the same facts arrives at the same
//!   outbox, so no event is forgotten between its commit and its message.
//! - What is pending has an endpoint, and an enabled one: with the endpoint, or its being enabled,
//!   goes what was pending for it.
//! - A message's name is the event's place and the endpoint's number; it stays over all tries.
//! - A try is counted once: its reference holds the message and the number of the try.
//! - At most `DELIVERIES_PENDING_MAX` messages are pending for one endpoint. What comes beyond is
//!   counted as missed; the event itself stands in the journal and can be told by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::endpoint::{Endpoint, EndpointId, EventKind, Format};
use super::event::Origin;
use super::id::{Position, UserId};
use super::registry::RegistryChange;
use super::text::{Line, Reference};
use super::time::Timestamp;
use crate::limits;

/// A message: to which endpoint, of which event. Ordered so that an endpoint's stand together.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct Delivery {
    /// Where it goes.
    pub endpoint: EndpointId,
    /// The entry it is about.
    pub event: Position,
}

/// A message that is still to be heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Pending {
    /// Whose endpoint it is.
    pub owner: UserId,
    /// What the event is to them.
    pub kind: EventKind,
    /// How messages to the endpoint looked when the event happened.
    pub format: Format,
    /// How often it was tried.
    pub tried: u16,
    /// When it was tried last; the event's own time before that.
    pub since: Timestamp,
}

/// How an endpoint is doing.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct Backlog {
    /// Messages that are still to be heard.
    pub pending: u32,
    /// Events that found no room among those.
    pub missed: u64,
}

/// A message was told, or that was tried.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct DeliveryTried {
    /// Of the system, under [`reference()`].
    pub origin: Origin,
    /// Which message.
    pub delivery: Delivery,
    /// Whose endpoint.
    pub owner: UserId,
    /// Which try, counted from 1.
    pub attempt: u16,
    /// The status of the answer, if one came.
    pub status: Option<u16>,
    /// Why none came, or a person's reason for the try.
    pub note: Line,
    /// Whether no further try follows by itself.
    pub done: bool,
    /// Whether the receiver wants no message any more: the endpoint is disabled.
    pub gone: bool,
}

/// The endpoint that a change lets nothing be told to any more, and whether what it missed is still
/// counted.
pub(super) fn silenced(change: &RegistryChange) -> Option<(EndpointId, bool)> {
    match change {
        RegistryChange::EndpointRemoved(_, id) | RegistryChange::MerchantRemoved(_, id) => {
            Some((*id, false))
        }
        RegistryChange::EndpointSet(endpoint) => endpoint.disabled.then_some((endpoint.id, true)),
        RegistryChange::MerchantSet(row) => row.disabled.then_some((row.endpoint, true)),
        RegistryChange::PartnerSet(_)
        | RegistryChange::PartnerRemoved(_)
        | RegistryChange::RouteSet(_)
        | RegistryChange::RouteRemoved(..)
        | RegistryChange::ClientSet(_)
        | RegistryChange::ClientRemoved(_)
        | RegistryChange::ApiKeySet(_)
        | RegistryChange::ApiKeyRemoved(_)
        | RegistryChange::ApiKeyUsed(..)
        | RegistryChange::Proposed(_)
        | RegistryChange::Approved(_)
        | RegistryChange::ProposalRefused(..)
        | RegistryChange::Decided(_)
        | RegistryChange::RoleSet(..) => None,
    }
}

/// What is still to be heard, by endpoint. While a checkpoint is written, which may hold millions of
/// messages, a change copies one endpoint's.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outbox {
    /// None of them empty.
    pending: Arc<BTreeMap<EndpointId, Queue>>,
    backlogs: Arc<BTreeMap<EndpointId, Backlog>>,
}

/// What is still to be heard by one endpoint, by event.
type Queue = Arc<BTreeMap<Position, Pending>>;

impl Outbox {
    /// An outbox of these rows, as a checkpoint has them.
    pub fn new(
        pending: BTreeMap<Delivery, Pending>,
        backlogs: BTreeMap<EndpointId, Backlog>,
    ) -> Self {
        let mut queues: BTreeMap<EndpointId, Queue> = BTreeMap::new();
        for (Delivery { endpoint, event }, pending) in pending {
            Arc::make_mut(queues.entry(endpoint).or_default()).insert(event, pending);
        }
        Self { pending: Arc::new(queues), backlogs: Arc::new(backlogs) }
    }

    /// The message, if it is still to be heard.
    pub fn get(&self, delivery: Delivery) -> Option<Pending> {
        self.pending.get(&delivery.endpoint)?.get(&delivery.event).copied()
    }

    /// Every message that is still to be heard.
    pub fn pending(&self) -> impl Iterator<Item = (Delivery, Pending)> + '_ {
        self.pending.iter().flat_map(|(endpoint, queue)| {
            let endpoint = *endpoint;
            queue
                .iter()
                .map(move |(event, pending)| (Delivery { endpoint, event: *event }, *pending))
        })
    }

    /// How every endpoint is doing of which there is something to say.
    pub fn backlogs(&self) -> impl Iterator<Item = (EndpointId, Backlog)> + '_ {
        self.backlogs.iter().map(|(endpoint, backlog)| (*endpoint, *backlog))
    }

    /// How an endpoint is doing.
    pub fn backlog(&self, endpoint: EndpointId) -> Backlog {
        self.backlogs.get(&endpoint).copied().unwrap_or_default()
    }

    /// An event happened that `endpoint` wants to be told of.
    pub(super) fn put(
        &mut self,
        endpoint: &Endpoint,
        event: Position,
        kind: EventKind,
        at: Timestamp,
    ) {
        let backlog = Arc::make_mut(&mut self.backlogs).entry(endpoint.id).or_default();
        if backlog.pending >= limits::DELIVERIES_PENDING_MAX {
            backlog.missed = backlog.missed.saturating_add(1);
            return;
        }
        let Endpoint { owner, format, .. } = *endpoint;
        let pending = Pending { owner, kind, format, tried: 0, since: at };
        let queue = Arc::make_mut(&mut self.pending).entry(endpoint.id).or_default();
        if Arc::make_mut(queue).insert(event, pending).is_none() {
            backlog.pending = backlog.pending.saturating_add(1);
        }
    }

    /// A message was tried.
    pub(super) fn tried(&mut self, tried: &DeliveryTried, at: Timestamp) {
        // Told again by hand, when it was told before.
        let Some(before) = self.get(tried.delivery) else { return };
        let Delivery { endpoint, event } = tried.delivery;
        let queues = Arc::make_mut(&mut self.pending);
        let queue = Arc::make_mut(queues.entry(endpoint).or_default());
        if tried.done || tried.gone {
            queue.remove(&event);
            if queue.is_empty() {
                queues.remove(&endpoint);
            }
            if let Some(backlog) = Arc::make_mut(&mut self.backlogs).get_mut(&endpoint) {
                backlog.pending = backlog.pending.saturating_sub(1);
            }
        } else {
            queue.insert(event, Pending { tried: tried.attempt, since: at, ..before });
        }
    }

    /// An endpoint is gone, or disabled: so is what was pending for it.
    pub(super) fn drop_all(&mut self, endpoint: EndpointId, keep_missed: bool) {
        if !self.backlogs.contains_key(&endpoint) {
            return;
        }
        let backlogs = Arc::make_mut(&mut self.backlogs);
        match backlogs.get_mut(&endpoint) {
            Some(backlog) if keep_missed => backlog.pending = 0,
            _ => drop(backlogs.remove(&endpoint)),
        }
        Arc::make_mut(&mut self.pending).remove(&endpoint);
    }
}

impl Pending {
    /// When the next try is due: the wait of the schedule and up to a quarter more, which differs
    /// from message to message and try to try, and is the same after a restart.
    pub fn due(&self, delivery: Delivery) -> Timestamp {
        let wait = self.format.wait(self.tried).unwrap_or(0);
        let Delivery { endpoint, event } = delivery;
        let seed = endpoint.0.get().rotate_left(32) ^ event.get().rotate_left(8);
        let spread = scramble(seed ^ u64::from(self.tried));
        let most = u64::try_from(wait).unwrap_or(0).saturating_mul(250);
        let jitter_millis = spread.checked_rem(most.saturating_add(1)).unwrap_or(0);
        let jitter = i64::try_from(jitter_millis).unwrap_or(0).saturating_mul(1_000);
        Timestamp::from_micros(self.since.plus_seconds(wait).micros().saturating_add(jitter))
    }
}

/// The last steps of `SplitMix64`.
const fn scramble(seed: u64) -> u64 {
    let mut value = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// The reference, in the system's name space, of a try to tell a message.
pub fn reference(delivery: Delivery, attempt: u16) -> Reference {
    let Delivery { endpoint, event } = delivery;
    let text = format!("delivery/{event}/{}/{attempt}", endpoint.0);
    Reference::parse(&text).expect("short and visible")
}

#[cfg(test)]
mod tests;
