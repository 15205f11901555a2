//! Bills (MATA-3, KOST-2, KOST-5): issued, listed, called off, and paid once.
//!
//! Whoever knows a bill's id and is to pay it needs nothing else. The account of its issuer decides
//! what becomes of it, so that of two payments, or of a payment and a cancellation, one happens.
//!
//! Only bills that are open are in memory. How another one ended, and which there were, is read from
//! the journal: by what an entry settles, and by a walk through the issuer's history.

use super::caller::Caller;
use super::history::Page;
use super::{Error, Gateway, accepted, reference};
use crate::engine::orders::Owed;
use crate::engine::{Outcome, View};
use crate::identity::secret::Secret;
use crate::journal::Recorded;
use crate::ledger::api_key::Scope;
use crate::ledger::bill::{Bill, BillCancelled, BillIssued, BillSource, closed_reference};
use crate::ledger::command::Command;
use crate::ledger::event::{Fact, Movement, MovementKind, Origin, Role};
use crate::ledger::id::{AccountId, Position, PublicId, UserId};
use crate::ledger::money::{Amount, Currency};
use crate::ledger::order::Order;
use crate::ledger::reference::DigestBuilder;
use crate::ledger::rejection::Rejection;
use crate::ledger::text::{Line, Reference, Username};
use crate::ledger::time::Timestamp;
use crate::limits;

/// A bill as asked for, its fields checked.
#[derive(Clone, Debug)]
pub struct Issue {
    /// What it is for.
    pub name: Line,
    /// Who is to pay.
    pub recipient: Username,
    /// How much.
    pub amount: Amount,
    /// Of what; the default currency if none is named.
    pub currency: Option<Currency>,
    /// In more words.
    pub description: Line,
    /// Until when it should be paid.
    pub due: Option<Timestamp>,
    /// The caller's key, if they gave one.
    pub reference: Option<Reference>,
}

/// A bill with its state now.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The entry that issued it.
    pub recorded: Recorded,
    /// Whose it is, and how much.
    pub bill: Bill,
    /// How far it is.
    pub state: State,
}

/// How far a bill is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It is to be paid.
    Open,
    /// It is paid: the entry that moved the money.
    Paid(Position),
    /// It is not to be paid any more: the entry that says so.
    Cancelled(Position),
}

impl State {
    /// The word for it on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "unpaid",
            Self::Paid(_) => "paid",
            Self::Cancelled(_) => "cancelled",
        }
    }

    /// Why nobody can pay it or call it off, if so.
    const fn closed(self) -> Option<Rejection> {
        match self {
            Self::Open => None,
            Self::Paid(_) => Some(Rejection::AlreadyPaid),
            Self::Cancelled(_) => Some(Rejection::BillNotOpen),
        }
    }
}

impl Standing {
    /// What was issued.
    pub fn issued(&self) -> &BillIssued {
        match &self.recorded.event.fact {
            Fact::BillIssued(issued) => issued,
            _ => unreachable!("a standing is made from a bill's entry"),
        }
    }

    /// The public id.
    pub fn id(&self) -> String {
        public_id(&self.recorded)
    }
}

/// The public id of the bill that `recorded` issues.
pub fn public_id(recorded: &Recorded) -> String {
    PublicId::new(recorded.time, recorded.position.get()).text("bil")
}

/// How the bill stands that the entry at `position` issued: at a place that holds an entry.
fn standing(view: &View, position: Position) -> Result<Standing, Error> {
    // The order first: if it closes in between, its end is there.
    let order = view.order(position);
    let recorded = view.record(position)?;
    let Fact::BillIssued(issued) = &recorded.event.fact else { return Err(Error::NotFound) };
    let bill = Bill::new(issued);
    let state = match order {
        Some(Order::Bill(_)) => State::Open,
        _ => end(view, position)?,
    };
    Ok(Standing { recorded, bill, state })
}

/// The end of a bill that is not open.
fn end(view: &View, bill: Position) -> Result<State, Error> {
    // What was looked at first may have been shown in part only.
    let Some(entry) = view.settled(&closed_reference(bill))? else { return Ok(State::Open) };
    Ok(match entry.event.fact {
        Fact::Moved(_) => State::Paid(entry.position),
        _ => State::Cancelled(entry.position),
    })
}

/// Where a page of the bills of several accounts begins: in the history of one of them, before an
/// entry or at the newest, and then with the accounts after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Whose history.
    pub account: AccountId,
    /// Before this entry.
    pub before: Option<Position>,
}

/// Which bills are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Of these landlords.
    pub issuers: Vec<UserId>,
    /// In this state, by its word on the wire.
    pub status: Option<String>,
    /// Of the room with this code.
    pub room: Option<String>,
    /// For a month: its number.
    pub month: Option<i32>,
    /// For a year.
    pub year: Option<i32>,
    /// At most this many.
    pub limit: usize,
    /// From here on.
    pub from: Option<Place>,
}

impl Gateway {
    /// The caller bills another user.
    ///
    /// # Errors
    /// What is wrong with the request; a reference used for something else; [`Error::Conflict`] if
    /// too many bills of the caller are still to be paid.
    pub async fn issue_bill(&self, caller: &Caller, issue: Issue) -> Result<Outcome, Error> {
        let (account, currency) = self.account_in(&caller.user, issue.currency)?;
        let Issue { name, recipient, amount, description, due, reference, .. } = issue;
        let payer = self.view().user_by_name(recipient.as_str());
        let payer = payer.and_then(|user| self.view().account_of(&user, currency));
        let payer = self.found(caller, payer.ok_or(Error::RecipientNotFound))?;
        if payer == account {
            return Err(Error::invalid("recipient", "must be somebody else"));
        }
        let digest = DigestBuilder::new("bill")
            .text(recipient.as_str())
            .number(amount.get())
            .text(currency.code())
            .text(name.as_str())
            .text(description.as_str())
            .number(due.map_or(0, |due| due.micros().cast_unsigned()))
            .finish();
        let origin = reference::origin(caller.principal(), reference, digest);
        let is_known = self.engine.known(&origin)?.is_some();
        // Asked for at the same moment, a few more may pass: it is the memory that has a bound.
        if !is_known && self.view().open().open_bills(account) >= limits::BILLS_OPEN_MAX {
            return Err(Error::Conflict("as many bills as one user may have are still to be paid"));
        }
        if !is_known {
            self.may_bill(account, payer)?;
        }
        let source = BillSource::Issuer;
        let issued =
            BillIssued { origin, account, payer, amount, currency, name, description, due, source };
        self.submit(Command::IssueBill(Box::new(issued))).await
    }

    /// The bill of this id, for who is to pay it, its issuer and administrators.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, or it is none of theirs.
    pub fn bill(&self, caller: &Caller, id: &str) -> Result<Standing, Error> {
        let parsed = PublicId::parse("bil", id).ok_or(Error::NotFound)?;
        let position = Position::new(parsed.number).ok_or(Error::NotFound)?;
        let standing = self.bill_at(position)?;
        let mine = |account| self.owns(&caller.user, account);
        let visible = caller.user.role == Role::Admin
            || mine(standing.bill.payer)
            || mine(standing.bill.account);
        if visible && standing.id() == id { Ok(standing) } else { Err(Error::NotFound) }
    }

    /// The bill that the entry at `position` issued.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it issued none; the journal cannot be read.
    pub fn bill_at(&self, position: Position) -> Result<Standing, Error> {
        if position > self.view().position() {
            return Err(Error::NotFound);
        }
        standing(self.view(), position)
    }

    /// The bill of this id, which the caller is to pay.
    ///
    /// # Errors
    /// As [`Gateway::bill`]; [`Error::Forbidden`] to its issuer and administrators.
    pub fn bill_to_pay(&self, caller: &Caller, id: &str) -> Result<Standing, Error> {
        let standing = self.bill(caller, id)?;
        if !self.owns(&caller.user, standing.bill.payer) {
            return Err(Error::Forbidden("only its recipient pays a bill"));
        }
        Ok(standing)
    }

    /// The caller pays a bill of theirs from their wallet, at once, with a one-time code where
    /// policy asks for one.
    ///
    /// # Errors
    /// A refusal, recorded: paid or called off before, not enough money. [`Error::Forbidden`] for a
    /// key that does not pay from wallets.
    pub async fn pay_bill(
        &self,
        caller: &Caller,
        id: &str,
        reference: Option<Reference>,
        code: Option<&Secret<String>>,
    ) -> Result<Outcome, Error> {
        caller.require_scope(Scope::Batch)?;
        let standing = self.bill_to_pay(caller, id)?;
        let operation = self.operation_of(&standing)?;
        let Standing { recorded, bill, state } = standing;
        let digest =
            DigestBuilder::new("bill_payment").number(recorded.position.get()).text("wallet");
        let origin = reference::origin(caller.principal(), reference, digest.finish());
        // Before the payer's own account, which might complain about money first.
        if let Some(rejection) = state.closed() {
            return self.refuse_bill(origin, bill.amount, rejection).await;
        }
        let Fact::BillIssued(issued) = recorded.event.fact else { return Err(Error::NotFound) };
        let Bill { account, payer, amount, currency, .. } = bill;
        let fee = self.fee_of(account, amount, currency).await?;
        let taken = self.require_code(caller, &operation, &origin, code).await?;
        let movement = Movement {
            origin,
            kind: MovementKind::BillPaid { bill: recorded.position },
            debit: payer,
            credit: account,
            amount,
            currency,
            fee,
            note: issued.name,
        };
        let outcome = self.submit(Command::Move(movement)).await;
        taken.settle(outcome.as_ref().map(|paid| paid.replayed));
        outcome.map_err(|error| self.closed(recorded.position, error))
    }

    /// A bill that has ended is neither paid nor called off.
    pub(super) async fn refuse_bill(
        &self,
        origin: Origin,
        amount: Amount,
        rejection: Rejection,
    ) -> Result<Outcome, Error> {
        accepted(self.refuse(origin, Some(amount), rejection, Line::empty()).await?)
    }

    /// What is said to whom the ledger told that a bill is not open: that it is paid, if it is. The
    /// ledger forgets how it ended, and that never changes.
    pub(super) fn closed(&self, bill: Position, error: Error) -> Error {
        match error {
            Error::Rejected { rejection: Rejection::BillNotOpen, position, replayed } => {
                let end = end(self.view(), bill).ok().and_then(State::closed);
                let rejection = end.unwrap_or(Rejection::BillNotOpen);
                Error::Rejected { rejection, position, replayed }
            }
            other => other,
        }
    }

    /// A bill is called off by its issuer or an administrator.
    ///
    /// # Errors
    /// A refusal, recorded: paid or called off before.
    pub async fn cancel_bill(
        &self,
        caller: &Caller,
        id: &str,
        reference: Option<Reference>,
    ) -> Result<Outcome, Error> {
        let Standing { recorded, bill, state } = self.bill(caller, id)?;
        let may = caller.user.role == Role::Admin || self.owns(&caller.user, bill.account);
        if !may {
            return Err(Error::Forbidden("only its issuer calls a bill off"));
        }
        let position = recorded.position;
        let digest = DigestBuilder::new("bill_cancelled").number(position.get()).finish();
        let origin = reference::origin(caller.principal(), reference, digest);
        if let Some(rejection) = state.closed() {
            return self.refuse_bill(origin, bill.amount, rejection).await;
        }
        let Bill { account, payer, .. } = bill;
        let reason = Line::empty();
        let cancelled = BillCancelled { origin, bill: position, account, payer, reason };
        let outcome = self.submit(Command::CancelBill(Box::new(cancelled))).await;
        outcome.map_err(|error| self.closed(position, error))
    }

    /// What an account is to pay in all.
    pub fn owed(&self, payer: AccountId) -> Owed {
        self.view().open().owed(payer)
    }

    /// How many bills of these landlords are still to be paid.
    pub fn count_unpaid(&self, issuers: &[UserId]) -> usize {
        let accounts = self.accounts_of_all(issuers).into_iter();
        accounts.map(|account| self.view().open().open_bills(account)).sum()
    }

    /// Bills of landlords, one account after the other, newest first, and where the next page begins.
    /// A page may end early when too many entries had to be looked at for it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a place that was not given out; a record cannot be read.
    pub fn house_bills(&self, wanted: &Wanted) -> Result<(Vec<Standing>, Option<Place>), Error> {
        let mut accounts = self.accounts_of_all(&wanted.issuers);
        accounts.sort_unstable();
        let first = wanted.from.map_or(AccountId(0), |from| from.account);
        let (mut found, mut looked) = (Vec::new(), 0);
        for account in accounts.into_iter().filter(|account| *account >= first) {
            let from = wanted.from.filter(|from| from.account == account);
            let cursor = from.and_then(|from| from.before);
            if found.len() == wanted.limit || looked == limits::HISTORY_SCAN_MAX {
                return Ok((found, Some(Place { account, before: cursor })));
            }
            let limit = wanted.limit - found.len();
            let page = Page { limit, cursor, from: None, to: None };
            let lines = self.walk_on(account, page, &mut looked, |recorded| {
                self.house_bill(account, recorded.position, wanted).transpose()
            })?;
            for line in lines.lines {
                found.push(line?);
            }
            if let Some(next) = lines.next {
                return Ok((found, Some(Place { account, before: Some(next) })));
            }
        }
        Ok((found, None))
    }

    /// The bill that the entry at `position` issued for `account`, if it is wanted.
    fn house_bill(
        &self,
        account: AccountId,
        position: Position,
        wanted: &Wanted,
    ) -> Result<Option<Standing>, Error> {
        let standing = match standing(self.view(), position) {
            Ok(standing) => standing,
            Err(Error::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        let status = wanted.status.as_ref().is_none_or(|it| standing.state.name() == it);
        let is_wanted =
            status && standing.bill.account == account && self.is_for(&standing, wanted);
        Ok(is_wanted.then_some(standing))
    }

    fn is_for(&self, standing: &Standing, wanted: &Wanted) -> bool {
        let rent = self.rent_of(standing);
        let (room, at) = match &rent {
            Some(rent) => (rent.room.as_deref(), Some(rent.month.year_and_number())),
            None => (None, None),
        };
        wanted.room.as_ref().is_none_or(|code| room == Some(code))
            && wanted.month.is_none_or(|month| at.is_some_and(|(_, number)| number == month))
            && wanted.year.is_none_or(|year| at.is_some_and(|(of, _)| of == year))
    }

    /// What a bill is for, if it is a month's rent.
    pub fn rent_of(&self, standing: &Standing) -> Option<RentBill> {
        let BillSource::Rent { tenant, month } = standing.issued().source else { return None };
        let houses = self.view().boarding();
        let tenant = crate::ledger::boarding::TenantId(tenant);
        let room = super::boarding::room_of_tenant(&houses, tenant);
        Some(RentBill { month, room: room.map(|room| room.code.to_string()) })
    }

    fn accounts_of_all(&self, users: &[UserId]) -> Vec<AccountId> {
        let users = users.iter().filter_map(|user| self.view().user(*user));
        users.flat_map(|user| self.view().accounts_of(&user)).collect()
    }
}

/// A month's rent.
#[derive(Clone, Debug)]
pub struct RentBill {
    /// Which month.
    pub month: crate::ledger::time::Month,
    /// The code of the tenant's room.
    pub room: Option<String>,
}
