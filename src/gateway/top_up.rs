//! Money from outside: by an administrator, or announced by a user and found by an administrator.

use super::caller::Caller;
use super::{Error, Gateway, reference};
use crate::engine::{NameKind, Outcome};
use crate::ledger::command::Command;
use crate::ledger::event::{
    AccountKind, Movement, MovementKind, Role, TopUpRejected, TopUpRequested,
};
use crate::ledger::id::{AccountId, Position, Principal, PublicId};
use crate::ledger::money::{Amount, Currency};
use crate::ledger::order::{Order, TopUpState};
use crate::ledger::reference::DigestBuilder;
use crate::ledger::text::{Line, Reference, Username};
use crate::limits;

/// A user says that money is on its way.
#[derive(Clone, Debug)]
pub struct Announce {
    /// How much.
    pub amount: Amount,
    /// Of what; the default currency if none is named.
    pub currency: Option<Currency>,
    /// The sending bank's code.
    pub bank: Line,
    /// The name on the sending account.
    pub sender: Line,
    /// The caller's key, if they gave one.
    pub reference: Option<Reference>,
}

/// An administrator puts money into an account.
#[derive(Clone, Debug)]
pub struct TopUp {
    /// Whose account.
    pub to: Username,
    /// How much.
    pub amount: Amount,
    /// Of what; the default currency if none is named.
    pub currency: Option<Currency>,
    /// For people.
    pub note: Line,
    /// The caller's key, if they gave one.
    pub reference: Option<Reference>,
}

/// A requested top-up.
#[derive(Clone, Copy, Debug)]
pub struct Requested {
    /// Where the request stands.
    pub position: Position,
    /// Where the money is to arrive.
    pub account: AccountId,
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
    /// Who asked.
    pub requested_by: Principal,
    /// How far it is.
    pub state: TopUpState,
}

impl Gateway {
    /// Notes that the caller says money is on its way by bank transfer (EZPY-5).
    ///
    /// # Errors
    /// What is wrong with the request.
    pub async fn announce_top_up(
        &self,
        caller: &Caller,
        announce: Announce,
    ) -> Result<Outcome, Error> {
        let (account, currency) = self.account_in(&caller.user, announce.currency)?;
        let Announce { amount, bank, sender, reference, .. } = announce;
        let digest = DigestBuilder::new("top_up_request")
            .number(amount.get())
            .text(currency.code())
            .text(bank.as_str())
            .text(sender.as_str())
            .finish();
        let origin = reference::origin(caller.principal(), reference, digest);
        // Counted and made in turn, or many at once would all be counted first.
        let name = format!("top_ups/{}", account.0);
        let _turn = self.engine.reserve(NameKind::Count, &name).await;
        let is_known = self.engine.known(&origin)?.is_some();
        if !is_known && self.view().open().top_ups_of(account) >= limits::TOP_UPS_AWAITING_MAX {
            return Err(Error::RateLimited { retry_after_seconds: 3600 });
        }
        let request = TopUpRequested { origin, account, amount, currency, bank, sender };
        self.submit(Command::RequestTopUp(request)).await
    }

    /// An administrator tops up an account (EZPY-6). Above what the operator lets one of them move in
    /// a day, and for their own account, it becomes a request that another administrator has to approve.
    ///
    /// # Errors
    /// What is wrong with the request, or why the ledger refused it.
    pub async fn top_up(&self, caller: &Caller, top_up: TopUp) -> Result<Outcome, Error> {
        caller.require_admin()?;
        let user = self.view().user_by_name(top_up.to.as_str()).ok_or(Error::RecipientNotFound)?;
        let (account, currency) = self.account_in(&user, top_up.currency)?;
        let TopUp { to, amount, note, reference, .. } = top_up;
        let digest = DigestBuilder::new("top_up")
            .text(to.as_str())
            .number(amount.get())
            .text(currency.code())
            .text(note.as_str())
            .finish();
        let by = caller.principal();
        let origin = reference::origin(by, reference, digest);
        let is_own = user.id == caller.user.id;
        let debit = self.house_account(AccountKind::Clearing, currency).await?;
        let share = if is_own { None } else { self.take_alone(by, amount, currency) };
        let Some(share) = share else {
            // Under a reference that has its answer this is that answer.
            let (bank, sender) = (Line::empty(), note);
            let request = TopUpRequested { origin, account, amount, currency, bank, sender };
            return self.submit(Command::RequestTopUp(request)).await;
        };
        let kind = MovementKind::TopUp { request: None, by };
        let movement =
            Movement { origin, kind, debit, credit: account, amount, currency, fee: None, note };
        let done = self.submit(Command::Move(movement)).await;
        share.settle(&done);
        done
    }

    /// An administrator has found the money of a request: it is credited, once.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such request; why the ledger refused it.
    pub async fn approve_top_up(
        &self,
        caller: &Caller,
        id: &str,
        reference: Option<Reference>,
    ) -> Result<Outcome, Error> {
        caller.require_admin()?;
        let requested = self.requested_top_up(id)?;
        let Requested { position, account, amount, currency, requested_by, .. } = requested;
        let by = caller.principal();
        // Two administrators: whoever approves, and before them one who asked for it.
        let digest = DigestBuilder::new("top_up_approval").number(position.get()).finish();
        let origin = reference::origin(by, reference, digest);
        let is_alone =
            !self.is_administrator(requested_by) && self.engine.known(&origin)?.is_none();
        let debit = self.house_account(AccountKind::Clearing, currency).await?;
        let share = is_alone.then(|| self.take_alone(by, amount, currency));
        if let Some(None) = share {
            return Err(Error::Forbidden("above the limit an administrator has to ask for it"));
        }
        let movement = Movement {
            origin,
            kind: MovementKind::TopUp { request: Some(position), by },
            debit,
            credit: account,
            amount,
            currency,
            fee: None,
            note: Line::empty(),
        };
        let done = self.submit(Command::Move(movement)).await;
        if let Some(share) = share.flatten() {
            share.settle(&done);
        }
        done
    }

    /// An administrator has not found the money of a request.
    ///
    /// # Errors
    /// As [`Gateway::approve_top_up`].
    pub async fn reject_top_up(
        &self,
        caller: &Caller,
        id: &str,
        reason: Line,
        reference: Option<Reference>,
    ) -> Result<Outcome, Error> {
        caller.require_admin()?;
        let Requested { position, account, .. } = self.requested_top_up(id)?;
        let digest = DigestBuilder::new("top_up_rejection")
            .number(position.get())
            .text(reason.as_str())
            .finish();
        let origin = reference::origin(caller.principal(), reference, digest);
        let rejected = TopUpRejected { origin, request: position, account, reason };
        self.submit(Command::RejectTopUp(rejected)).await
    }

    /// Whether an administrator may move this much at once without another.
    pub(super) fn may_alone(&self, amount: Amount) -> bool {
        self.settings.top_up_alone_max.is_none_or(|max| amount <= max)
    }

    pub(super) fn is_administrator(&self, principal: Principal) -> bool {
        match principal {
            Principal::User(id) => self.view().user(id).is_some_and(|u| u.role == Role::Admin),
            Principal::System | Principal::Operator => true,
        }
    }

    /// At most `limit` requests that wait for an administrator, oldest first, those after `after`.
    pub fn awaiting_top_ups(&self, after: Option<Position>, limit: usize) -> Vec<Position> {
        self.view().open().top_ups(after, limit)
    }

    /// The request with this public id.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn requested_top_up(&self, id: &str) -> Result<Requested, Error> {
        let id = PublicId::parse("top", id).ok_or(Error::NotFound)?;
        let position = Position::new(id.number).ok_or(Error::NotFound)?;
        let order = self.view().order(position).ok_or(Error::NotFound)?;
        let found = requested(position, order).ok_or(Error::NotFound)?;
        let recorded = self.view().record(position)?;
        let genuine = PublicId::new(recorded.time, position.get()) == id;
        if genuine { Ok(found) } else { Err(Error::NotFound) }
    }
}

/// The order as a requested top-up, if it is one.
pub(super) const fn requested(position: Position, order: Order) -> Option<Requested> {
    match order {
        Order::TopUp { account, amount, currency, requested_by, state } => {
            Some(Requested { position, account, amount, currency, requested_by, state })
        }
        Order::Hold { .. }
        | Order::Refunds { .. }
        | Order::Payout(_)
        | Order::Callback(_)
        | Order::Charge(_)
        | Order::Bill(_)
        | Order::Late(_)
        | Order::Refund(_)
        | Order::Odd(_) => None,
    }
}
