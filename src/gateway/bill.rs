//! Bills (MATA-3, KOST-2, KOST-5): issued, listed, called off, and paid once.
//!
//! Whoever knows a bill's id and is to pay it needs nothing else. The account of its issuer decides
//! what becomes of it, so that of two payments, or of a payment and a cancellation, one happens.

use std::collections::BinaryHeap;

use super::caller::Caller;
use super::{Error, Gateway, accepted, reference};
use crate::engine::Outcome;
use crate::engine::orders::Owed;
use crate::identity::secret::Secret;
use crate::journal::Recorded;
use crate::ledger::bill::{Bill, BillCancelled, BillIssued, BillSource};
use crate::ledger::command::Command;
use crate::ledger::event::{Fact, Movement, MovementKind, Role};
use crate::ledger::id::{AccountId, Position, PublicId, UserId};
use crate::ledger::money::{Amount, Currency};
use crate::ledger::order::Order;
use crate::ledger::reference::DigestBuilder;
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
    /// How far it is.
    pub bill: Bill,
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
    /// Before this entry.
    pub before: Option<Position>,
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
        let payer = payer.ok_or(Error::RecipientNotFound)?;
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
    /// [`Error::NotFound`] if it issued none.
    pub fn bill_at(&self, position: Position) -> Result<Standing, Error> {
        let Some(Order::Bill(bill)) = self.view().order(position) else {
            return Err(Error::NotFound);
        };
        Ok(Standing { recorded: self.view().record(position)?, bill })
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
    /// A refusal, recorded: paid or called off before, not enough money.
    pub async fn pay_bill(
        &self,
        caller: &Caller,
        id: &str,
        reference: Option<Reference>,
        code: Option<&Secret<String>>,
    ) -> Result<Outcome, Error> {
        let standing = self.bill_to_pay(caller, id)?;
        let operation = self.operation_of(&standing)?;
        let Standing { recorded, bill } = standing;
        let digest =
            DigestBuilder::new("bill_payment").number(recorded.position.get()).text("wallet");
        let origin = reference::origin(caller.principal(), reference, digest.finish());
        if let Err(rejection) = bill.decide_open() {
            // Before the payer's own account, which might complain about money first.
            let amount = Some(bill.amount);
            let refused = self.engine.refuse(origin, amount, rejection, Line::empty());
            return accepted(refused.await?);
        }
        self.require_code(caller, &operation, &origin, code).await?;
        let Fact::BillIssued(issued) = recorded.event.fact else { return Err(Error::NotFound) };
        let Bill { account, payer, amount, currency, .. } = bill;
        let fee = self.fee_of(account, amount, currency).await?;
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
        self.submit(Command::Move(movement)).await
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
        let Standing { recorded, bill } = self.bill(caller, id)?;
        let may = caller.user.role == Role::Admin || self.owns(&caller.user, bill.account);
        if !may {
            return Err(Error::Forbidden("only its issuer calls a bill off"));
        }
        let position = recorded.position;
        let digest = DigestBuilder::new("bill_cancelled").number(position.get()).finish();
        let origin = reference::origin(caller.principal(), reference, digest);
        let Bill { account, payer, .. } = bill;
        let reason = Line::empty();
        let cancelled = BillCancelled { origin, bill: position, account, payer, reason };
        self.submit(Command::CancelBill(Box::new(cancelled))).await
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

    /// Bills of landlords, newest first, and where the next page begins. A page may end early when
    /// too many bills had to be looked at for it.
    ///
    /// # Errors
    /// If a record cannot be read.
    pub fn house_bills(&self, wanted: &Wanted) -> Result<(Vec<Standing>, Option<Position>), Error> {
        let open = self.view().open();
        // The next bill of each landlord, the newest of them on top.
        let accounts = self.accounts_of_all(&wanted.issuers).into_iter();
        let mut next: BinaryHeap<(Position, AccountId)> = accounts
            .filter_map(|account| Some((open.bill_before(account, wanted.before)?, account)))
            .collect();
        let (mut found, mut looked, mut last) = (Vec::new(), 0, None);
        while let Some((position, account)) = next.pop() {
            if found.len() == wanted.limit || looked == limits::HISTORY_SCAN_MAX {
                return Ok((found, last));
            }
            (looked, last) = (looked + 1, Some(position));
            next.extend(open.bill_before(account, last).map(|bill| (bill, account)));
            let Some(Order::Bill(bill)) = self.view().order(position) else { continue };
            if wanted.status.as_ref().is_some_and(|status| bill.state.name() != status) {
                continue;
            }
            let standing = Standing { recorded: self.view().record(position)?, bill };
            if self.is_for(&standing, wanted) {
                found.push(standing);
            }
        }
        Ok((found, None))
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
