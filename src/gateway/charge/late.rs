//! Money in suspense: by rule, or by what administrators decide, it goes where it belongs.
//!
//! The rule, at once: to the charge's bill if that is still to be paid; a top-up to its wallet if
//! that takes it. Everything else waits for an administrator, and is overdue after its deadline.
//! Above the limit of what one may do alone, a second one has to want the same; and nobody gives it to
//! themself.
//!
//! To whom the charge was for it goes less the fee with which the charge began, as if it had come
//! in time; to anybody else, and back, it goes whole.

use std::sync::Arc;

use super::desk::Desk;
use super::drive::{Case, origin};
use super::standing::{Standing, standing};
use crate::engine::Outcome;
use crate::gateway::caller::Caller;
use crate::gateway::four_eyes::Word;
use crate::gateway::scribe::line;
use crate::gateway::{Error, Gateway, accepted, reference};
use crate::journal::Recorded;
use crate::ledger::charge::{ChargePurpose, Late};
use crate::ledger::command::Command;
use crate::ledger::decision::{Decision as FirstWord, Wish};
use crate::ledger::event::{AccountKind, Debt, Fact, Movement, MovementKind};
use crate::ledger::id::{AccountId, Position, Principal, PublicId};
use crate::ledger::money::Amount;
use crate::ledger::order::Order;
use crate::ledger::reference::DigestBuilder;
use crate::ledger::text::{Line, Reference, Username};
use crate::limits;

/// Where money in suspense goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Goes {
    /// Pays the bill its charge was for.
    Bill,
    /// To a user's account; to the one the charge was for if nobody is named.
    Account(Option<Username>),
    /// Back through the provider: an administrator gives it back there.
    Provider,
}

impl Goes {
    const fn name(&self) -> &'static str {
        match self {
            Self::Bill => "bill",
            Self::Account(_) => "account",
            Self::Provider => "provider",
        }
    }
}

/// What an administrator wants done with money in suspense.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Where it goes.
    pub goes: Goes,
    /// Why.
    pub reason: Line,
    /// The caller's key, if they gave one.
    pub reference: Option<Reference>,
}

/// Money that waits.
#[derive(Clone, Debug)]
pub struct Waits {
    /// The entry that put it there.
    pub recorded: Recorded,
    /// Its state.
    pub late: Late,
    /// The charge it came for.
    pub charge: Standing,
    /// Whether its deadline is over.
    pub overdue: bool,
    /// Where one administrator wants it to go, if another has to say the same.
    pub proposal: Option<Arc<FirstWord>>,
}

/// What became of a decision.
#[derive(Debug)]
pub enum Decided {
    /// The money has gone there.
    Done(Box<Outcome>),
    /// Another administrator has to want the same; the word stands here.
    NeedsAnother(Box<Recorded>),
}

/// The public id of money in suspense, by the entry that put it there.
pub fn public_id(recorded: &Recorded) -> String {
    PublicId::new(recorded.time, recorded.position.get()).text("lat")
}

/// Where the money is to go, as accounts.
struct Target {
    credit: AccountId,
    bill: Option<Debt>,
}

impl From<(AccountId, Debt)> for Target {
    fn from((credit, bill): (AccountId, Debt)) -> Self {
        Self { credit, bill: Some(bill) }
    }
}

impl Target {
    /// What the house keeps of the money of a charge that goes there.
    fn kept(&self, case: &Case) -> Option<Amount> {
        case.started.fee.filter(|_| self.credit == case.started.account)
    }
}

impl Desk {
    /// Follows the rule for money in suspense. What it cannot place stays where it is.
    pub(super) async fn resolve_by_rule(&self, position: Position) {
        let Some(Order::Late(late)) = self.view().order(position) else { return };
        let case = self.case(late.charge).await;
        let Some(target) = self.by_rule(&case, &late) else { return };
        let text = format!("late/{position}/by_rule");
        let reference = Reference::parse(&text).expect("short and visible");
        let currency = case.started.currency;
        let fee = self.scribe.fee(target.kept(&case), currency).await;
        let movement = Movement {
            origin: origin(reference, "resolved"),
            kind: MovementKind::Resolved {
                late: position,
                bill: target.bill,
                by: Principal::System,
            },
            debit: late.account,
            credit: target.credit,
            amount: late.amount,
            currency,
            fee,
            note: line("by rule"),
        };
        self.scribe.insist(Command::Move(movement)).await;
    }

    fn by_rule(&self, case: &Case, late: &Late) -> Option<Target> {
        match case.started.purpose {
            ChargePurpose::Bill { bill, .. } => self.open_bill(bill, late).map(Target::from),
            ChargePurpose::TopUp => Some(Target { credit: case.started.account, bill: None }),
            ChargePurpose::Order => None,
        }
    }

    /// Who is to get the money of a bill that this would pay, and who owes it.
    fn open_bill(&self, bill: Position, late: &Late) -> Option<(AccountId, Debt)> {
        match self.view().order(bill) {
            Some(Order::Bill(state)) if state.amount == late.amount => {
                Some((state.account, Debt { bill, payer: state.payer }))
            }
            _ => None,
        }
    }
}

impl Gateway {
    /// Money in suspense, oldest first.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; the journal cannot be read.
    pub fn late_money(&self, caller: &Caller) -> Result<Vec<Waits>, Error> {
        caller.require_admin()?;
        let waiting = self.view().open().late().into_iter().take(limits::LATE_LIST_MAX);
        let open = waiting.filter_map(|position| Some((position, self.view().order(position)?)));
        open.map(|(position, order)| self.waits(position, order)).collect()
    }

    /// How much money stands in suspense, in entries: all, and those past their deadline.
    pub fn late_open(&self) -> (usize, usize) {
        self.view().open().late_counts(self.engine.clock().now())
    }

    fn waits(&self, position: Position, order: Order) -> Result<Waits, Error> {
        let Order::Late(late) = order else { return Err(Error::NotFound) };
        let overdue = late.deadline < self.engine.clock().now();
        let proposal = self.first_word(position);
        let recorded = self.view().record(position)?;
        let charge = standing(self.view(), late.charge)?;
        Ok(Waits { recorded, late, charge, overdue, proposal })
    }

    /// An administrator decides where money in suspense goes, for a reason.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] if it would be the caller's own; [`Error::Conflict`] if
    /// it was resolved before; why it cannot go there.
    pub async fn resolve_late(
        &self,
        caller: &Caller,
        id: &str,
        decision: Decision,
    ) -> Result<Decided, Error> {
        caller.require_admin()?;
        let Decision { goes, reason, reference } = decision;
        let position = self.late_place(id)?;
        let by = caller.principal();
        let user = match &goes {
            Goes::Account(Some(username)) => username.as_str(),
            Goes::Account(None) | Goes::Bill | Goes::Provider => "",
        };
        let digest = DigestBuilder::new("late")
            .number(position.get())
            .text(goes.name())
            .text(user)
            .text(reason.as_str())
            .finish();
        let origin = reference::origin(by, reference, digest);
        if let Some(recorded) = self.engine.known(&origin)? {
            let outcome = Outcome { recorded, replayed: true };
            return Ok(Decided::Done(Box::new(accepted(outcome)?)));
        }
        let Some(Order::Late(late)) = self.view().order(position) else {
            return Err(Error::Conflict("the money is resolved"));
        };
        let case = self.charges.case(late.charge).await;
        let target = self.target(&case, &late, &goes).await?;
        self.refuse_own(caller, target.credit)?;
        let wish = match goes {
            Goes::Bill => Wish::LateToBill,
            Goes::Account(_) => Wish::LateToAccount(target.credit),
            Goes::Provider => Wish::LateToProvider,
        };
        let note = match self.say(caller, (position, late.amount), wish, &reason).await? {
            Word::Counts(note) => note,
            Word::Waits(recorded) => return Ok(Decided::NeedsAnother(recorded)),
        };
        let currency = case.started.currency;
        let fee = self.charges.scribe.fee(target.kept(&case), currency).await;
        let movement = Movement {
            origin,
            kind: MovementKind::Resolved { late: position, bill: target.bill, by },
            debit: late.account,
            credit: target.credit,
            amount: late.amount,
            currency,
            fee,
            note,
        };
        Ok(Decided::Done(Box::new(self.submit(Command::Move(movement)).await?)))
    }

    fn late_place(&self, id: &str) -> Result<Position, Error> {
        let id = PublicId::parse("lat", id).ok_or(Error::NotFound)?;
        let position = Position::new(id.number).ok_or(Error::NotFound)?;
        if position > self.view().position() {
            return Err(Error::NotFound);
        }
        let recorded = self.view().record(position)?;
        let is_late = matches!(&recorded.event.fact, Fact::Moved(movement)
            if matches!(movement.kind, MovementKind::Suspended { .. }));
        let genuine = PublicId::new(recorded.time, position.get()) == id;
        if is_late && genuine { Ok(position) } else { Err(Error::NotFound) }
    }

    async fn target(&self, case: &Case, late: &Late, goes: &Goes) -> Result<Target, Error> {
        let currency = case.started.currency;
        Ok(match goes {
            Goes::Bill => {
                let bill = case.started.purpose.bill();
                let bill = bill.ok_or(Error::Conflict("the charge was not for a bill"))?;
                let open = self.charges.open_bill(bill, late);
                open.ok_or(Error::Conflict("the bill is not to be paid"))?.into()
            }
            Goes::Account(None) => Target { credit: case.started.account, bill: None },
            Goes::Account(Some(username)) => {
                let user = self.view().user_by_name(username.as_str());
                let account = user.and_then(|user| self.view().account_of(&user, currency));
                Target { credit: account.ok_or(Error::RecipientNotFound)?, bill: None }
            }
            Goes::Provider => {
                let credit = self.house_account(AccountKind::Clearing, currency).await?;
                Target { credit, bill: None }
            }
        })
    }
}
