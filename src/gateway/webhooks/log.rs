//! The delivery log: what was to be told to an endpoint, and how each try went.
//!
//! It is no table of its own: events stand in their account's history, and tries are found by their
//! references.

use super::message::account_in;
use crate::gateway::history::{Lines, Page};
use crate::gateway::{Error, Gateway};
use crate::journal::Recorded;
use crate::ledger::delivery::{self, Delivery, DeliveryTried, Pending};
use crate::ledger::endpoint::{Endpoint, EventKind, events_of};
use crate::ledger::event::Fact;
use crate::ledger::id::{AccountId, Position, Principal, PublicId};
use crate::ledger::text;
use crate::limits;

/// How a message is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// It is tried again.
    Pending,
    /// It was heard.
    Delivered,
    /// It was not, and is not tried again by itself.
    Failed,
}

impl Status {
    /// The word for it on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// One message of the log.
#[derive(Clone, Debug)]
pub struct Line {
    /// The event's record.
    pub event: Recorded,
    /// What it is to the endpoint's owner.
    pub kind: EventKind,
    /// Every try, oldest first.
    pub tries: Vec<Recorded>,
    /// What is still to be heard, if anything.
    pub pending: Option<Pending>,
    /// How it is doing.
    pub status: Status,
    /// Which message it is.
    delivery: Delivery,
}

impl Line {
    /// When it is tried next, if it is.
    pub fn due(&self) -> Option<crate::ledger::time::Timestamp> {
        self.pending.map(|pending| pending.due(self.delivery))
    }
}

impl Gateway {
    /// Messages to `endpoint` about one of its owner's accounts, newest first.
    ///
    /// # Errors
    /// If a record cannot be read.
    pub fn delivery_log(
        &self,
        endpoint: &Endpoint,
        account: AccountId,
        page: Page,
    ) -> Result<Lines<Line>, Error> {
        let from = Some(page.from.map_or(endpoint.created, |from| from.max(endpoint.created)));
        // Lines are read after the walk, which hands out whole records only.
        let events = self.walk(account, Page { from, ..page }, |recorded| {
            let mut of = events_of(&recorded.event.fact).into_iter();
            let kind = of.find(|(of, _)| *of == account).map(|(_, kind)| kind)?;
            let delivery = Delivery { endpoint: endpoint.id, event: recorded.position };
            // Cheap to ask, and it spares the page what the endpoint was never to be told.
            let was_told = self.first_try(delivery).is_some()
                || self.view().deliveries().get(delivery).is_some();
            was_told.then_some((recorded, kind))
        })?;
        let lines = events.lines.into_iter();
        let lines = lines.map(|(event, kind)| self.delivery_line(endpoint, event, kind));
        Ok(Lines { lines: lines.collect::<Result<_, _>>()?, next: events.next })
    }

    /// Tells an event once more, now, for a person's reason.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is no event of the endpoint's owner; [`Error::Conflict`] if the
    /// endpoint is disabled, or another try was under way.
    pub async fn redeliver_event(
        &self,
        endpoint: &Endpoint,
        event: &str,
        why: text::Line,
    ) -> Result<Line, Error> {
        if endpoint.disabled {
            return Err(Error::Conflict("the webhook is disabled"));
        }
        let event = self.event(event)?;
        let mut kinds = events_of(&event.event.fact).into_iter().map(|(_, kind)| kind);
        let is_theirs =
            |kind: &EventKind| account_in(self.view(), &event, endpoint.owner, *kind).is_some();
        let kind = kinds.find(is_theirs).ok_or(Error::NotFound)?;
        let line = self.delivery_line(endpoint, event, kind)?;
        let tried = u16::try_from(line.tries.len()).unwrap_or(u16::MAX);
        if tried >= limits::DELIVERY_TRIES_MAX {
            return Err(Error::Conflict("it was told too often"));
        }
        let Endpoint { owner, format, .. } = *endpoint;
        let since = line.event.time;
        let pending = line.pending.unwrap_or(Pending { owner, kind, format, tried, since });
        // Whoever asks waits for the answer.
        let _turn = self.courier.turn()?;
        let told = self.courier.tell(line.delivery, &pending, Some(why)).await;
        told.ok_or(Error::Conflict("another try was under way"))?;
        self.delivery_line(endpoint, line.event, kind)
    }

    /// The event of a message with this id.
    fn event(&self, id: &str) -> Result<Recorded, Error> {
        let given = PublicId::parse("msg", id).ok_or(Error::NotFound)?;
        let position = Position::new(given.number).ok_or(Error::NotFound)?;
        if position > self.view().position() {
            return Err(Error::NotFound);
        }
        let event = self.view().record(position)?;
        if super::message_id(&event) == id { Ok(event) } else { Err(Error::NotFound) }
    }

    fn first_try(&self, delivery: Delivery) -> Option<Recorded> {
        let reference = delivery::reference(delivery, 1);
        self.view().answered(Principal::System, &reference).ok().flatten()
    }

    fn delivery_line(
        &self,
        endpoint: &Endpoint,
        event: Recorded,
        kind: EventKind,
    ) -> Result<Line, Error> {
        let delivery = Delivery { endpoint: endpoint.id, event: event.position };
        // What is pending first: if it is heard in between, that try is there.
        let pending = self.view().deliveries().get(delivery);
        let tries = (1..=limits::DELIVERY_TRIES_MAX).map_while(|attempt| {
            let reference = delivery::reference(delivery, attempt);
            self.view().answered(Principal::System, &reference).transpose()
        });
        let tries = tries.collect::<Result<Vec<_>, _>>()?;
        let heard = tries.iter().filter_map(tried).any(|it| super::courier::is_heard(it.status));
        let status = match (heard, pending) {
            (true, _) => Status::Delivered,
            (false, Some(_)) => Status::Pending,
            (false, None) => Status::Failed,
        };
        Ok(Line { event, kind, tries, pending, status, delivery })
    }
}

/// The try that a record is.
pub(super) fn tried(recorded: &Recorded) -> Option<&DeliveryTried> {
    match &recorded.event.fact {
        Fact::DeliveryTried(tried) => Some(tried),
        _ => None,
    }
}
