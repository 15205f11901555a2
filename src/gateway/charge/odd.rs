//! What the provider says and cannot be: listed for administrators, until one of them has looked.

use std::sync::atomic::Ordering;

use super::desk::Desk;
use super::drive::Case;
use super::standing::{Standing, standing};
use super::verdict::Stage;
use crate::connector::midtrans::transaction::Transaction;
use crate::gateway::caller::Caller;
use crate::gateway::scribe::{self, line};
use crate::gateway::{Error, Gateway};
use crate::journal::Recorded;
use crate::ledger::event::Fact;
use crate::ledger::id::{Position, PublicId};
use crate::ledger::odd::{self, Odd, OddHeard, OddSettled};
use crate::ledger::order::Order;
use crate::ledger::text::Line;
use crate::limits;

/// Something odd that waits for a person.
#[derive(Clone, Debug)]
pub struct Waits {
    /// Where it was heard; nothing of a charge that is open, which is asked about again.
    pub heard: Option<Recorded>,
    /// The charge it is about.
    pub charge: Standing,
    /// What cannot be.
    pub odd: Odd,
}

/// The public id of what was heard.
pub fn public_id(heard: &Recorded) -> String {
    PublicId::new(heard.time, heard.position.get()).text("odd")
}

impl Desk {
    /// What is said cannot be: kept for a person. Of a charge that has ended it is written down,
    /// since nobody asks about it again.
    pub(super) async fn is_odd(
        &self,
        case: &Case,
        (odd, stage): (Odd, Stage),
        transaction: Option<&Transaction>,
    ) {
        let is_new = match (stage, transaction) {
            (Stage::Open(_), _) | (_, None) => self.odd.insert(case.charge, odd) != Some(odd),
            (Stage::Paid { .. } | Stage::Ended, Some(said)) => {
                self.write_odd(case, odd, said).await
            }
        };
        if is_new {
            self.oddities.fetch_add(1, Ordering::Relaxed);
            let (order, odd) = (&case.order_id, odd.name());
            tracing::error!(charge = %case.charge, order, odd, ?stage, "a person has to look at it");
        }
    }

    /// Has it written down. Whether it was not before.
    async fn write_odd(&self, case: &Case, odd: Odd, said: &Transaction) -> bool {
        let status = said.status.name();
        let back = said.refunded.amount.map_or_else(String::new, |back| format!(", {back} back"));
        let amount = format!("{} {}{back}", said.amount, said.currency());
        let reference = odd::heard_reference(case.charge, odd, status, &amount);
        let heard = OddHeard {
            origin: scribe::origin("odd", reference, odd.name()),
            charge: case.charge,
            odd,
            status: line(status),
            amount: line(&amount),
        };
        let noted = self.scribe.insist_on(Fact::OddHeard(Box::new(heard))).await;
        self.odd.remove(&case.charge);
        noted.is_some_and(|outcome| !outcome.replayed)
    }
}

impl Gateway {
    /// Charges of which the provider says what cannot be, and what that is: the oldest first, at most
    /// so many as a list of late money.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; the journal cannot be read.
    pub fn odd_charges(&self, caller: &Caller) -> Result<Vec<Waits>, Error> {
        caller.require_admin()?;
        let mut found = Vec::new();
        for heard in self.view().open().odd().into_iter().take(limits::LATE_LIST_MAX) {
            let Some(Order::Odd(order)) = self.view().order(heard) else { continue };
            let (charge, recorded) =
                (standing(self.view(), order.charge)?, self.view().record(heard)?);
            found.push(Waits { heard: Some(recorded), charge, odd: order.odd });
        }
        let open = self.charges.odd.iter().map(|entry| (*entry.key(), *entry.value()));
        let mut open: Vec<(Position, Odd)> = open.collect();
        open.sort_by_key(|(charge, _)| *charge);
        for (charge, odd) in open.into_iter().take(limits::LATE_LIST_MAX - found.len()) {
            found.push(Waits { heard: None, charge: standing(self.view(), charge)?, odd });
        }
        Ok(found)
    }

    /// An administrator has looked at something odd, for a reason.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if somebody was quicker.
    pub async fn settle_odd(
        &self,
        caller: &Caller,
        id: &str,
        reason: Line,
    ) -> Result<Box<Recorded>, Error> {
        const SETTLED: Error = Error::Conflict("it is settled");
        caller.require_admin()?;
        let heard = self.odd_place(id)?;
        if odd::waiting(self.view().order(heard).as_ref()).is_err() {
            return Err(SETTLED);
        }
        let origin = scribe::origin("odd", odd::settled_reference(heard), "settled");
        let settled = OddSettled { origin, heard, by: caller.principal(), reason };
        let outcome = self.engine.note(Fact::OddSettled(Box::new(settled))).await?;
        if outcome.replayed { Err(SETTLED) } else { Ok(outcome.recorded) }
    }

    fn odd_place(&self, id: &str) -> Result<Position, Error> {
        let id = PublicId::parse("odd", id).ok_or(Error::NotFound)?;
        let position = Position::new(id.number).ok_or(Error::NotFound)?;
        if position > self.view().position() {
            return Err(Error::NotFound);
        }
        let recorded = self.view().record(position)?;
        let is_odd = matches!(recorded.event.fact, Fact::OddHeard(_));
        let genuine = PublicId::new(recorded.time, position.get()) == id;
        if is_odd && genuine { Ok(position) } else { Err(Error::NotFound) }
    }
}
