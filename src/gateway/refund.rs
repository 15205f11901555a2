//! A receiver gives back all or part of a payment.

use super::caller::Caller;
use super::{Error, Gateway, reference};
use crate::engine::Outcome;
use crate::journal::Recorded;
use crate::ledger::command::Command;
use crate::ledger::event::{Fact, Movement, MovementKind, Role};
use crate::ledger::id::{AccountId, Position, PublicId};
use crate::ledger::money::{Amount, Total};
use crate::ledger::order::Order;
use crate::ledger::reference::DigestBuilder;
use crate::ledger::text::{Line, Reference};
use crate::ledger::user::User;

/// A refund as asked for, its fields checked.
#[derive(Clone, Debug)]
pub struct Refund {
    /// How much; all that is left if not said.
    pub amount: Option<Amount>,
    /// For people.
    pub note: Line,
    /// The caller's key, if they gave one.
    pub reference: Option<Reference>,
}

/// A payment and what has gone back of it.
#[derive(Clone, Debug)]
pub struct Payment {
    /// Its record.
    pub recorded: Recorded,
    /// What the record says.
    pub movement: Movement,
    /// All refunds of it together.
    pub refunded: Total,
}

impl Gateway {
    /// A payment the caller made or received; an administrator may see all.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, or it is none of theirs.
    pub fn payment(&self, caller: &Caller, id: &str) -> Result<Payment, Error> {
        let id = PublicId::parse("pay", id).ok_or(Error::NotFound)?;
        let position = Position::new(id.number).ok_or(Error::NotFound)?;
        if position > self.view().position() {
            return Err(Error::NotFound);
        }
        let recorded = self.view().record(position)?;
        let Fact::Moved(movement) = &recorded.event.fact else { return Err(Error::NotFound) };
        let genuine = movement.kind == MovementKind::Payment
            && PublicId::new(recorded.time, position.get()) == id;
        let visible = caller.user.role == Role::Admin
            || self.owns(&caller.user, movement.debit)
            || self.owns(&caller.user, movement.credit)
            || movement.origin.principal == caller.principal();
        if !genuine || !visible {
            return Err(Error::NotFound);
        }
        let refunded = match self.view().order(position) {
            Some(Order::Refunds { refunded }) => refunded,
            _ => Total::ZERO,
        };
        Ok(Payment { movement: movement.clone(), refunded, recorded })
    }

    /// The receiver of a payment gives back all or part of it.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for anyone else who can see it; why the ledger refused it.
    pub async fn refund(
        &self,
        caller: &Caller,
        id: &str,
        refund: Refund,
    ) -> Result<Outcome, Error> {
        let payment = self.payment(caller, id)?;
        if !self.owns(&caller.user, payment.movement.credit) {
            return Err(Error::Forbidden("only the receiver refunds a payment"));
        }
        let position = payment.recorded.position;
        // The digest is of what was asked: "all that is left" stays the same request when less is.
        let digest = DigestBuilder::new("refund")
            .number(position.get())
            .number(refund.amount.map_or(0, Amount::get))
            .text(refund.note.as_str())
            .finish();
        let origin = reference::origin(caller.principal(), refund.reference, digest);
        let paid = payment.movement.amount;
        let movement = Movement {
            origin,
            kind: MovementKind::Refund { payment: position, paid },
            debit: payment.movement.credit,
            credit: payment.movement.debit,
            amount: refund.amount.unwrap_or_else(|| left_of(paid, payment.refunded)),
            currency: payment.movement.currency,
            fee: None,
            note: refund.note,
        };
        self.submit(Command::Move(movement)).await
    }

    /// Whether the account is the user's.
    pub fn owns(&self, user: &User, account: AccountId) -> bool {
        self.view().account(account).is_some_and(|account| account.owner == Some(user.id))
    }
}

/// What is left to refund. Nothing left asks for the whole again, which the ledger refuses.
fn left_of(paid: Amount, refunded: Total) -> Amount {
    let left = u128::from(paid.get()).saturating_sub(refunded.units());
    u64::try_from(left).ok().and_then(Amount::new).unwrap_or(paid)
}
