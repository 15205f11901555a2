//! What the provider says by itself: kept as a reason to ask, and no more.
//!
//! The signature covers neither status nor time, so nothing here moves money. A notification is
//! acknowledged once it stands in the journal; the same bytes again write nothing and are a reason
//! to ask all the same.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::desk::Desk;
use super::drive::origin;
use super::standing::place_in;
use crate::connector::midtrans::notification::Notification;
use crate::gateway::scribe::line;
use crate::gateway::{Error, Gateway};
use crate::identity::throttle::network;
use crate::journal;
use crate::ledger::charge::{Notified, notification_reference};
use crate::ledger::event::Fact;
use crate::ledger::id::Position;
use crate::ledger::time::Timestamp;
use crate::limits;

/// What became of a notification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// It is written, and its charge is asked about.
    New,
    /// Its bytes were heard before.
    Replayed,
    /// Its order is none of ours.
    UnknownOrder,
}

impl Heard {
    /// The word for it in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "heard",
            Self::Replayed => "replayed",
            Self::UnknownOrder => "unknown_order",
        }
    }
}

impl Gateway {
    /// A notification came from `address`.
    ///
    /// # Errors
    /// [`Error::NotFound`] without a provider; [`Error::RateLimited`] after too many that were
    /// forged; [`Error::Invalid`]; [`Error::Forbidden`] with a wrong signature; no room.
    pub async fn notified(&self, address: IpAddr, body: &[u8]) -> Result<Heard, Error> {
        let key = self.charges.key.as_ref().ok_or(Error::NotFound)?;
        let told =
            Notification::read(body).map_err(|error| Error::invalid("body", error.to_string()))?;
        if !told.is_signed_with(key) {
            return Err(self.forged(address));
        }
        let order_id = &told.transaction.order_id;
        let charge = match place_in(self.view(), order_id) {
            Ok(charge) => charge,
            Err(Error::NotFound) => {
                tracing::warn!(order = %line(order_id), "a notification of an unknown order");
                return Ok(Heard::UnknownOrder);
            }
            Err(error) => return Err(error),
        };
        let digest = blake3::hash(body).to_hex();
        let reference = notification_reference(charge, digest.as_str());
        let transaction = &told.transaction;
        let notified = Notified {
            origin: origin(reference, "notified"),
            charge,
            status: line(transaction.status.name()),
            amount: line(&format!("{} {}", transaction.amount.get(), transaction.currency())),
        };
        let outcome = self.engine.note(Fact::Notified(Box::new(notified))).await?;
        if outcome.replayed {
            self.charges.told_again(charge);
        }
        Ok(if outcome.replayed { Heard::Replayed } else { Heard::New })
    }
}

impl Gateway {
    /// What is said to a forged notification. What was signed is heard whoever forges beside it, and
    /// whoever forges is no reason to turn away logins from there.
    fn forged(&self, address: IpAddr) -> Error {
        let (now, network) = (self.engine.clock().now(), network(address));
        if let Err(wait) = self.forgers.check(&network, now) {
            return Error::RateLimited { retry_after_seconds: wait.0 };
        }
        self.forgers.failed(&network, now);
        // Bounded as the failures are.
        tracing::warn!(%address, "a notification with a wrong signature");
        Error::Forbidden("the signature is wrong")
    }
}

impl Desk {
    /// Ended charges of which the provider spoke shortly before this process began: perhaps nobody
    /// has asked yet. Open ones are asked about anyhow. What is read at once is one batch of the
    /// journal: others have their turn in between.
    pub(super) async fn told_before(&self) -> BTreeSet<Position> {
        let mut told = BTreeSet::new();
        if self.provider.is_none() {
            return told;
        }
        let from = self.engine.clock().now().plus_seconds(-limits::NOTIFIED_REACH_SECONDS);
        let (mut next, mut pause) = (None, limits::INSIST_PAUSE);
        loop {
            match self.read_told(from, next, &mut told) {
                Ok(None) => return told,
                Ok(Some(position)) => {
                    (next, pause) = (Some(position), limits::INSIST_PAUSE);
                    tokio::task::yield_now().await;
                }
                Err(error) => {
                    tracing::error!(%error, "the journal could not be read");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(limits::INSIST_PAUSE_MAX);
                }
            }
        }
    }

    /// Reads the batch at `next`, at first that of the moment `from`; where the one after it begins,
    /// if that was written before this process began.
    fn read_told(
        &self,
        from: Timestamp,
        next: Option<Position>,
        told: &mut BTreeSet<Position>,
    ) -> Result<Option<Position>, journal::Error> {
        let history = self.view().history();
        let next = match next {
            Some(next) => next,
            None => history.last_at_or_before(from)?.unwrap_or(Position::FIRST),
        };
        let Some(batch) = history.batch_at(next)? else { return Ok(None) };
        for recorded in batch.records() {
            let Fact::Notified(notified) = recorded?.event.fact else { continue };
            if self.charge(notified.charge).is_none() {
                told.insert(notified.charge);
            }
        }
        let after = batch.last().plus(1);
        Ok(Some(after).filter(|after| *after <= self.began_at))
    }
}
