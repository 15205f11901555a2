//! Every change of a balance, newest first: a walk back through the journal.
//!
//! An entry names the one before it in each account's history, so a page costs as many reads as it
//! has lines, however long the history is.

use super::{Error, Gateway};
use crate::journal::Recorded;
use crate::ledger::charge::ChargePurpose;
use crate::ledger::event::{Fact, Movement, MovementKind};
use crate::ledger::id::{AccountId, Position};
use crate::ledger::money::{Amount, Balance};
use crate::ledger::time::Timestamp;
use crate::limits;

/// Why a balance changed, as clients see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Category {
    /// A payment, made or received.
    Payment,
    /// Money from outside.
    TopUp,
    /// Money to outside.
    Withdrawal,
    /// A payment given back.
    Refund,
    /// What the house kept.
    Fee,
    /// A correction.
    Adjustment,
    /// A bill, paid or collected.
    Bill,
}

impl Category {
    /// The word for it on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::TopUp => "top_up",
            Self::Withdrawal => "withdrawal",
            Self::Refund => "refund",
            Self::Fee => "fee",
            Self::Adjustment => "adjustment",
            Self::Bill => "bill",
        }
    }

    /// The prefix of a record's public id.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Payment | Self::Fee | Self::Bill => "pay",
            Self::TopUp => "top",
            Self::Withdrawal => "out",
            Self::Refund => "ref",
            Self::Adjustment => "adj",
        }
    }
}

/// One change of one account's balance.
#[derive(Clone, Debug)]
pub struct Change {
    /// The record it comes from.
    pub recorded: Recorded,
    /// Why.
    pub category: Category,
    /// Whether the balance grew.
    pub incoming: bool,
    /// By how much.
    pub amount: Amount,
    /// The balance after it.
    pub balance_after: Balance,
    /// The account at the other end.
    pub counterparty: AccountId,
}

impl Change {
    /// The movement behind it.
    pub fn movement(&self) -> &Movement {
        match &self.recorded.event.fact {
            Fact::Moved(movement) => movement,
            _ => unreachable!("changes are made from movements"),
        }
    }
}

/// What part of a history is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// At most this many lines.
    pub limit: usize,
    /// Begin before this entry; at the newest if there is none.
    pub cursor: Option<Position>,
    /// Not before this moment.
    pub from: Option<Timestamp>,
    /// Not after this moment.
    pub to: Option<Timestamp>,
}

/// Some lines of a history.
#[derive(Clone, Debug)]
pub struct Lines<T> {
    /// Newest first.
    pub lines: Vec<T>,
    /// Where the next page begins; none if this is the last.
    pub next: Option<Position>,
}

impl Gateway {
    /// Lines that `pick` makes of the records in an account's history. A page may end early, with a
    /// cursor, when too many records had to be looked at for it.
    ///
    /// # Errors
    /// If a record cannot be read.
    pub fn walk<T>(
        &self,
        account: AccountId,
        page: Page,
        pick: impl Fn(Recorded) -> Option<T>,
    ) -> Result<Lines<T>, Error> {
        self.walk_on(account, page, &mut 0, pick)
    }

    /// [`Gateway::walk`] after so many records were `looked` at for the same page.
    ///
    /// # Errors
    /// As [`Gateway::walk`].
    pub(super) fn walk_on<T>(
        &self,
        account: AccountId,
        page: Page,
        looked: &mut usize,
        pick: impl Fn(Recorded) -> Option<T>,
    ) -> Result<Lines<T>, Error> {
        let mut lines = Vec::new();
        let mut at = match page.cursor {
            Some(cursor) => self.before(account, cursor)?,
            None => self.view().account(account).and_then(|account| account.last),
        };
        let mut last_seen = page.cursor;
        while let Some(position) = at {
            if lines.len() == page.limit || *looked >= limits::HISTORY_SCAN_MAX {
                return Ok(Lines { lines, next: last_seen });
            }
            *looked += 1;
            let recorded = self.view().record(position)?;
            if page.from.is_some_and(|from| recorded.time < from) {
                break;
            }
            at = link_of(account, &recorded).and_then(|link| link.previous);
            last_seen = Some(position);
            if page.to.is_none_or(|to| recorded.time <= to) {
                lines.extend(pick(recorded));
            }
        }
        Ok(Lines { lines, next: None })
    }

    /// The entry before `cursor` in an account's history. A cursor that is no entry of the account
    /// was not made by us.
    fn before(&self, account: AccountId, cursor: Position) -> Result<Option<Position>, Error> {
        let wrong = || Error::invalid("cursor", "is not one we gave out");
        if cursor > self.view().position() {
            return Err(wrong());
        }
        let recorded = self.view().record(cursor)?;
        Ok(link_of(account, &recorded).ok_or_else(wrong)?.previous)
    }
}

fn link_of(account: AccountId, recorded: &Recorded) -> Option<crate::ledger::book::Link> {
    recorded.links.iter().find(|link| link.account == account).copied()
}

/// What a record did to an account's balance, if anything.
pub fn change_of(account: AccountId, recorded: Recorded) -> Option<Change> {
    let Fact::Moved(movement) = &recorded.event.fact else { return None };
    let balance_after = link_of(account, &recorded)?.balance_after;
    let kind = movement.kind;
    let (incoming, amount, counterparty) = if movement.debit == account {
        (false, movement.amount, movement.credit)
    } else if movement.credit == account {
        (true, movement.received(), movement.debit)
    } else {
        // Not of whose bill was paid with other money.
        let fee = movement.fee.filter(|fee| fee.account == account)?;
        (true, fee.amount, movement.debit)
    };
    let is_fee = movement.credit != account && movement.debit != account;
    let category = match kind {
        _ if is_fee => Category::Fee,
        MovementKind::Payment => Category::Payment,
        MovementKind::Refund { .. } | MovementKind::GivenBack { .. } => Category::Refund,
        MovementKind::TopUp { .. } => Category::TopUp,
        MovementKind::Adjustment { .. } => Category::Adjustment,
        MovementKind::HoldPosted { .. } | MovementKind::PaidOut { .. } => Category::Withdrawal,
        MovementKind::BillPaid { .. }
        | MovementKind::ChargePaid { purpose: ChargePurpose::Bill { .. }, .. }
        | MovementKind::Resolved { bill: Some(_), .. } => Category::Bill,
        MovementKind::ChargePaid { purpose: ChargePurpose::Order, .. } => Category::Payment,
        MovementKind::ChargePaid { purpose: ChargePurpose::TopUp, .. }
        | MovementKind::Suspended { .. }
        | MovementKind::Resolved { bill: None, .. } => Category::TopUp,
    };
    Some(Change { category, incoming, amount, balance_after, counterparty, recorded })
}
