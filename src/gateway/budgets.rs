//! How much a free account may do in vain: what is refused stands in the journal for ever, who has
//! a name is told to whoever asks, and a bill lies before somebody who did not ask for it.
//!
//! Each is counted like a failed login: some at once, and more with time. Applications, whose users
//! are made by an operator, and administrators are not counted. A request that was answered before
//! is answered again, whatever the budget.

use super::caller::Caller;
use super::{Error, Gateway};
use crate::engine::Outcome;
use crate::identity::throttle::{Policy, Throttle};
use crate::ledger::command::Command;
use crate::ledger::event::{Fact, Origin, Role};
use crate::ledger::id::{AccountId, Principal, UserId};
use crate::ledger::money::Amount;
use crate::ledger::rejection::Rejection;
use crate::ledger::text::Line;
use crate::limits;

/// What is left to each user.
pub(super) struct Budgets {
    /// Refusals that were recorded, by user.
    refusals: Throttle,
    /// Names that nobody has, by who asked.
    misses: Throttle,
    /// Bills, by issuer and payer.
    bills: Throttle,
}

impl Budgets {
    pub(super) fn new() -> Self {
        let policy =
            |burst, failure_seconds| Policy { burst, failure_seconds, success_clears: false };
        Self {
            refusals: Throttle::new(policy(limits::REFUSALS_BURST, limits::REFUSAL_SECONDS)),
            misses: Throttle::new(policy(limits::MISSES_BURST, limits::MISS_SECONDS)),
            bills: Throttle::new(policy(limits::BILLS_TO_ONE_BURST, limits::BILL_TO_ONE_SECONDS)),
        }
    }
}

impl Gateway {
    /// Has a command decided, if its user may be refused once more.
    ///
    /// # Errors
    /// [`Error::RateLimited`]; as the engine.
    pub(super) async fn decide(&self, command: Command) -> Result<Outcome, Error> {
        self.may_be_refused(command.origin())?;
        let outcome = self.engine.submit(command).await?;
        self.note_refusal(&outcome);
        Ok(outcome)
    }

    /// Records a refusal, if its user may be refused once more.
    ///
    /// # Errors
    /// As [`Gateway::decide`].
    pub(super) async fn refuse(
        &self,
        origin: Origin,
        amount: Option<Amount>,
        rejection: Rejection,
        note: Line,
    ) -> Result<Outcome, Error> {
        self.may_be_refused(&origin)?;
        let outcome = self.engine.refuse(origin, amount, rejection, note).await?;
        self.note_refusal(&outcome);
        Ok(outcome)
    }

    /// Fails for a user who was refused too often, unless the request was answered before.
    ///
    /// # Errors
    /// [`Error::RateLimited`]; the journal cannot be read.
    pub(super) fn may_be_refused(&self, origin: &Origin) -> Result<(), Error> {
        let Some(user) = self.counted(origin.principal) else { return Ok(()) };
        let checked = self.budgets.refusals.check(&user.0, self.engine.clock().now());
        match checked {
            Ok(()) => Ok(()),
            Err(_) if self.engine.known(origin)?.is_some() => Ok(()),
            Err(wait) => Err(Error::RateLimited { retry_after_seconds: wait.0 }),
        }
    }

    /// Counts an outcome that is a new refusal.
    pub(super) fn note_refusal(&self, outcome: &Outcome) {
        if let Fact::Refused(refusal) = &outcome.recorded.event.fact
            && !outcome.replayed
            && let Some(user) = self.counted(refusal.origin.principal)
        {
            self.budgets.refusals.failed(&user.0, self.engine.clock().now());
        }
    }

    /// What was found by a name that `caller` gave. One who missed too often is told nothing, not
    /// even of names that somebody has.
    ///
    /// # Errors
    /// [`Error::RateLimited`]; that of `found`.
    pub(super) fn found<T>(&self, caller: &Caller, found: Result<T, Error>) -> Result<T, Error> {
        self.may_miss(caller)?;
        self.note_miss(caller, found)
    }

    /// Fails for who missed too often: asked before something is made of a name.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub(super) fn may_miss(&self, caller: &Caller) -> Result<(), Error> {
        let Some(user) = self.counted(caller.principal()) else { return Ok(()) };
        let checked = self.budgets.misses.check(&user.0, self.engine.clock().now());
        checked.map_err(|wait| Error::RateLimited { retry_after_seconds: wait.0 })
    }

    /// Counts a name that nobody has, or that somebody has already.
    ///
    /// # Errors
    /// Those of `found`.
    pub(super) fn note_miss<T>(
        &self,
        caller: &Caller,
        found: Result<T, Error>,
    ) -> Result<T, Error> {
        if found.as_ref().is_err_and(Error::is_about_names)
            && let Some(user) = self.counted(caller.principal())
        {
            self.budgets.misses.failed(&user.0, self.engine.clock().now());
        }
        found
    }

    /// Takes one more bill of `issuer` to `payer`.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub(super) fn may_bill(&self, issuer: AccountId, payer: AccountId) -> Result<(), Error> {
        let (pair, now) = ((issuer.0, payer.0), self.engine.clock().now());
        let checked = self.budgets.bills.check(&pair, now);
        checked.map_err(|wait| Error::RateLimited { retry_after_seconds: wait.0 })?;
        self.budgets.bills.failed(&pair, now);
        Ok(())
    }

    /// The user whose doings are counted, if this is one.
    fn counted(&self, principal: Principal) -> Option<UserId> {
        let Principal::User(id) = principal else { return None };
        let user = self.view().user(id)?;
        matches!(user.role, Role::Buyer | Role::Merchant).then_some(id)
    }
}

impl Error {
    /// Whether it tells that somebody has a name or an address, or nobody.
    const fn is_about_names(&self) -> bool {
        matches!(
            self,
            Self::NotFound | Self::RecipientNotFound | Self::UsernameTaken | Self::EmailTaken
        )
    }
}
