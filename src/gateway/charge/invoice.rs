//! Invoices: what somebody pays by, under the name that they were given for it.
//!
//! A charge goes by its name at the provider. A bill that a wallet pays goes by its payment's id,
//! and so does, to those who look there, one that a charge paid.

use super::standing::{Standing, standing};
use crate::gateway::caller::Caller;
use crate::gateway::{Error, Gateway};
use crate::journal::Recorded;
use crate::ledger::event::{Fact, Movement, MovementKind, Role};
use crate::ledger::id::{Position, PublicId};

/// What an invoice is of.
#[derive(Clone, Debug)]
pub enum Invoice {
    /// A charge.
    Charge(Box<Standing>),
    /// A bill paid from a wallet: the entry that paid it.
    Paid(Box<Recorded>),
}

impl Gateway {
    /// The invoice of this name: a charge's for those who may see the charge, a bill's payment for
    /// who owed the bill, who issued it, and administrators.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, or it is none of theirs.
    pub fn invoice(&self, caller: &Caller, name: &str) -> Result<Invoice, Error> {
        let Some(payment) = PublicId::parse("pay", name) else {
            return Ok(Invoice::Charge(Box::new(self.charge(caller, name)?)));
        };
        let position = Position::new(payment.number).ok_or(Error::NotFound)?;
        if position > self.view().position() {
            return Err(Error::NotFound);
        }
        let recorded = self.view().record(position)?;
        let Fact::Moved(movement) = &recorded.event.fact else { return Err(Error::NotFound) };
        let debt = movement.debt().ok_or(Error::NotFound)?;
        let mine = |account| self.owns(&caller.user, account);
        let visible = caller.user.role == Role::Admin || mine(debt.payer) || mine(movement.credit);
        if !visible || PublicId::new(recorded.time, position.get()) != payment {
            return Err(Error::NotFound);
        }
        match movement.kind {
            MovementKind::ChargePaid { charge, .. } => self.charged(charge),
            MovementKind::Resolved { late, .. } => {
                let suspended = self.view().record(late)?;
                match suspended.event.fact {
                    Fact::Moved(Movement {
                        kind: MovementKind::Suspended { charge, .. }, ..
                    }) => self.charged(charge),
                    _ => Err(Error::NotFound),
                }
            }
            _ => Ok(Invoice::Paid(Box::new(recorded))),
        }
    }

    fn charged(&self, charge: Position) -> Result<Invoice, Error> {
        Ok(Invoice::Charge(Box::new(standing(self.view(), charge)?)))
    }
}
