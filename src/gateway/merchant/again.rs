//! What was done under an `Idempotency-Key` (Midtrans): it is written down with what it did.
//!
//! `http::midtrans` keeps whole answers in memory, for any request under the key. Here the same
//! request finds what it did in the journal: after a restart it gets the same answer, and of two
//! tries one happens at whatever moment a process ends. An order is told so as long as those answers
//! are kept, since its name keeps it from being charged twice; a refund for ever.

use serde_json::Value;

use super::details::Details;
use super::refunds::Made;
use super::told::{self, Told};
use crate::gateway::charge::standing::{Standing, State, standing};
use crate::gateway::{Error, Gateway};
use crate::ledger::charge::{ChargeEnd, ChargeSource};
use crate::ledger::id::Principal;
use crate::ledger::merchant::Merchant;
use crate::ledger::time::Timestamp;
use crate::limits;

impl Gateway {
    /// The order that the same request began, as it was told then.
    pub(super) fn order_again(
        &self,
        merchant: &Merchant,
        wanted: &Details,
    ) -> Result<Option<Told>, Error> {
        let Some(key) = &wanted.request_key else { return Ok(None) };
        let attempts = self.attempts(Principal::User(merchant.user), &wanted.order_id)?;
        for order in attempts.iter().rev().filter(|order| self.is_recent(order.recorded.time)) {
            let details = Details::of(order.started())?;
            if details.request_key.as_ref() != Some(key) {
                continue;
            }
            let was_made = order.opened.is_some() || order.started().source == ChargeSource::Wallet;
            return match order.state {
                State::Asked | State::Unknown => Err(Error::Unavailable),
                // What came to nothing may be tried again.
                State::Ended { .. } if !was_made => Ok(None),
                State::Pending | State::Paid { .. } | State::Ended { .. } => {
                    let begun = Some(order.recorded.position);
                    told::told(self.view(), &self.vault, order, begun).map(Some)
                }
            };
        }
        Ok(None)
    }

    /// How an order was ended by a request with this key, if it was.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn ended_under(
        &self,
        standing: &Standing,
        request_key: Option<&str>,
    ) -> Result<Option<ChargeEnd>, Error> {
        let State::Ended { end, position, reason } = &standing.state else { return Ok(None) };
        if request_key.map(reason_under).as_ref() != Some(reason) {
            return Ok(None);
        }
        let time = self.view().record(*position)?.time;
        Ok(self.is_recent(time).then_some(*end))
    }

    /// When the latest was said of an order.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn latest_word(&self, order: &Standing) -> Result<Timestamp, Error> {
        let now = standing(self.view(), order.recorded.position)?;
        Ok(self.view().record(now.position())?.time)
    }

    /// Whether a refund was made by a request with this key, however long ago: nothing else keeps the
    /// same money from going back twice.
    pub(super) fn is_under(refund: &Made, request_key: Option<&str>) -> bool {
        let note: Value = serde_json::from_str(refund.words.as_str()).unwrap_or_default();
        let under = note.get("request_key").and_then(Value::as_str);
        request_key.is_some() && under == request_key
    }

    /// Whether the answer of that time is still given again.
    fn is_recent(&self, time: Timestamp) -> bool {
        self.engine.clock().now() < time.plus_seconds(limits::MIDTRANS_REPLAY_SECONDS)
    }
}

/// Why an order ends that a request with this key calls off.
pub(super) fn reason_under(request_key: &str) -> String {
    format!("by the merchant, {request_key}")
}
