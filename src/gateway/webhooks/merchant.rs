//! Tells a merchant of its orders as Midtrans does.
//!
//! One message goes to every place that its order names; it was heard if all of them heard it, and
//! else goes to all of them again. What is told of an event is how the order stood right after it.

use super::courier::{Courier, Told, is_heard};
use crate::connector::midtrans::notification;
use crate::gateway::Error;
use crate::gateway::charge::order::following;
use crate::gateway::charge::standing::{Standing, standing};
use crate::gateway::merchant::details::Details;
use crate::gateway::merchant::pick::was_picked;
use crate::gateway::merchant::rows;
use crate::gateway::merchant::told;
use crate::journal::Recorded;
use crate::ledger::charge::ChargePurpose;
use crate::ledger::event::{Fact, MovementKind};
use crate::ledger::id::{Position, UserId};
use crate::limits;

/// What is told, and where.
struct Notice {
    places: Vec<String>,
    body: Vec<u8>,
}

impl Courier {
    /// Tells `owner` of `event`.
    pub(super) async fn tell_merchant(
        &self,
        event: &Recorded,
        owner: UserId,
    ) -> Result<Told, Error> {
        const NOWHERE: &str = "this is told to nobody";
        let Some(Notice { places, body }) = self.notification(event, owner).await? else {
            return Ok(Told { status: None, note: NOWHERE.to_owned(), nowhere: true });
        };
        if places.is_empty() {
            return Ok(Told { status: None, note: NOWHERE.to_owned(), nowhere: true });
        }
        let mut worst = Told { status: None, note: String::new(), nowhere: false };
        for (number, url) in places.iter().enumerate() {
            let told = match self.messenger().notify(url, notification::USER_AGENT, &body).await {
                Ok(status) => Told { status: Some(status), note: String::new(), nowhere: false },
                Err(note) => Told { status: None, note, nowhere: false },
            };
            if number == 0 || (is_heard(worst.status) && !is_heard(told.status)) {
                worst = told;
            }
        }
        Ok(worst)
    }

    /// Where an event is told, and in which words; `None` if it is of no order of this merchant.
    async fn notification(&self, event: &Recorded, owner: UserId) -> Result<Option<Notice>, Error> {
        let Some(charge) = self.charge_of(event)? else { return Ok(None) };
        let standing = standing(self.view(), charge)?;
        // Money of an order may go to somebody else, who is a merchant too: it is none of theirs.
        let is_theirs = self.view().owner(standing.started().account) == Some(owner);
        if standing.started().purpose != ChargePurpose::Order || !is_theirs {
            return Ok(None);
        }
        let details = Details::of(standing.started())?;
        // On a page there is no order before the payer picks a way or pays.
        let is_money = matches!(event.event.fact, Fact::Moved(_));
        if details.page.is_some() && !is_money && !self.is_left_behind(event, &standing).await? {
            return Ok(None);
        }
        let registry = self.view().registry();
        let Some(row) = registry.merchants.get(&owner) else { return Ok(None) };
        let key = rows::open(self.vault(), owner, &row.key)?;
        let told = told::told(self.view(), self.vault(), &standing, Some(event.position))?;
        let body = notification::write(&told.transaction, told.method, &key);
        let places = details.places.all(row.notify.as_str()).map(ToOwned::to_owned).collect();
        Ok(Some(Notice { places, body: body.to_string().into_bytes() }))
    }

    /// Whether an event closes a page whose order did not go on.
    async fn is_left_behind(&self, event: &Recorded, page: &Standing) -> Result<bool, Error> {
        if !matches!(event.event.fact, Fact::ChargeAdvanced(_)) || !was_picked(&page.state) {
            return Ok(false);
        }
        let origin = &page.started().origin;
        let Some(next) = following(&origin.reference) else { return Ok(true) };
        loop {
            // Asked first: what follows is written before the picking is over.
            let is_picking = self.picks().contains(page.recorded.position);
            let followed = self.view().answered(origin.principal, &next)?;
            if followed.is_some_and(|it| matches!(it.event.fact, Fact::ChargeStarted(_))) {
                return Ok(false);
            }
            if !is_picking {
                return Ok(true);
            }
            tokio::time::sleep(limits::INSIST_PAUSE).await;
        }
    }

    /// The charge that an event is about.
    fn charge_of(&self, event: &Recorded) -> Result<Option<Position>, Error> {
        let kind = |fact: &Fact| match fact {
            Fact::Moved(movement) => Some(movement.kind),
            _ => None,
        };
        let paid = |fact: &Fact| match kind(fact)? {
            MovementKind::ChargePaid { charge, .. } => Some(charge),
            _ => None,
        };
        let suspended = |fact: &Fact| match kind(fact)? {
            MovementKind::Suspended { charge, .. } => Some(charge),
            _ => None,
        };
        Ok(match &event.event.fact {
            Fact::ChargeStarted(_) => Some(event.position),
            Fact::ChargeAdvanced(advanced) => Some(advanced.charge),
            Fact::Moved(movement) => match movement.kind {
                MovementKind::Refund { payment, .. } => {
                    paid(&self.view().record(payment)?.event.fact)
                }
                MovementKind::Resolved { late, .. } => {
                    suspended(&self.view().record(late)?.event.fact)
                }
                MovementKind::GivenBack { refund, .. } => {
                    match &self.view().record(refund)?.event.fact {
                        Fact::RefundStarted(started) => Some(started.charge),
                        _ => None,
                    }
                }
                _ => paid(&event.event.fact),
            },
            _ => None,
        })
    }
}
