//! What administrators and operators do: roles, freezes, corrections, further accounts.

use super::caller::Caller;
use super::registry::refused;
use super::{Error, Gateway, reference};
use crate::engine::{NameKind, Outcome};
use crate::journal::Recorded;
use crate::ledger::command::Command;
use crate::ledger::event::{AccountKind, AccountOpened, Fact, FreezeSet, Movement, MovementKind};
use crate::ledger::event::{Role, UserChange, UserChanged};
use crate::ledger::id::{AccountId, Principal, UserId};
use crate::ledger::money::{Amount, Currency};
use crate::ledger::reference::DigestBuilder;
use crate::ledger::registry::RegistryChange;
use crate::ledger::text::{Line, Reference};
use crate::ledger::user::User;

/// A correction: money moves between a user and the house, for a reason.
#[derive(Clone, Debug)]
pub struct Adjust {
    /// How much.
    pub amount: Amount,
    /// Of what; the default currency if none is named.
    pub currency: Option<Currency>,
    /// Whether the user receives it, or gives it.
    pub credit: bool,
    /// Why. Required.
    pub reason: Line,
    /// The caller's key, if they gave one.
    pub reference: Option<Reference>,
}

impl Gateway {
    /// Corrects a user's balance against the house's suspense account.
    ///
    /// # Errors
    /// Why the ledger refused it.
    pub async fn adjust(
        &self,
        caller: &Caller,
        user: &User,
        adjust: Adjust,
    ) -> Result<Outcome, Error> {
        caller.require_admin()?;
        let (account, currency) = self.account_in(user, adjust.currency)?;
        let Adjust { amount, credit, reason, reference, .. } = adjust;
        let digest = DigestBuilder::new("adjustment")
            .text(user.username())
            .number(amount.get())
            .text(currency.code())
            .number(u64::from(credit))
            .text(reason.as_str())
            .finish();
        let by = caller.principal();
        let origin = reference::origin(by, reference, digest);
        let is_own = user.id == caller.user.id;
        let suspense = self.house_account(AccountKind::Suspense, currency).await?;
        let share = match self.engine.known(&origin)?.is_some() && !is_own {
            true => None,
            false => {
                let share = if is_own { None } else { self.take_alone(by, amount, currency) };
                let wrong = "this takes another administrator: use a top-up";
                Some(share.ok_or(Error::Forbidden(wrong))?)
            }
        };
        let (debit, credit) = if credit { (suspense, account) } else { (account, suspense) };
        let movement = Movement {
            origin,
            kind: MovementKind::Adjustment { by },
            debit,
            credit,
            amount,
            currency,
            fee: None,
            note: reason,
        };
        let done = self.submit(Command::Move(movement)).await;
        if let Some(share) = share {
            share.settle(&done);
        }
        done
    }

    /// Freezes a user's accounts in every currency, or releases them; the outcome is of the last.
    /// `by` is an administrator or the operator. Cut short, it is simply asked for again.
    ///
    /// # Errors
    /// If too much is waiting.
    pub async fn freeze(
        &self,
        by: Principal,
        user: &User,
        frozen: bool,
        reason: Line,
    ) -> Result<Outcome, Error> {
        let digest = DigestBuilder::new("freeze")
            .text(user.username())
            .number(u64::from(frozen))
            .text(reason.as_str())
            .finish();
        let freeze = |account| {
            let origin = reference::origin(by, None, digest);
            let reason = reason.clone();
            self.submit(Command::Freeze(FreezeSet { origin, account, frozen, reason }))
        };
        let mut outcome = freeze(user.account).await?;
        for account in self.view().accounts_of(user).into_iter().skip(1) {
            outcome = freeze(account).await?;
        }
        Ok(outcome)
    }

    /// Gives a user another role. It takes effect with their next request. Nobody but the operator
    /// makes administrators this way: their password was not held against the rules for one. Whoever
    /// is one remains it until another agrees, unless administrators decide such things alone, and the
    /// last one remains it. Nor does
    /// anybody become a merchant, or cease to be one: their accounts would keep the limits and
    /// fees of what they were opened as. A client sends others' money, so that an administrator
    /// makes nobody one unless they may decide such things alone.
    ///
    /// # Errors
    /// [`Error::Invalid`] for administrators and merchants, or if too much is waiting;
    /// [`Error::Forbidden`] for clients; [`Error::Conflict`] for the last administrator.
    pub async fn set_role(
        &self,
        by: Principal,
        user: &User,
        role: Role,
    ) -> Result<Box<Recorded>, Error> {
        // Held until the change is shown, so that of two who go at once one stays.
        let reservation = self.engine.reserve(NameKind::Registry, "registry").await;
        let user = self.view().user(user.id).ok_or(Error::NotFound)?;
        let restored = by == Principal::Operator && user.role == Role::Buyer;
        if role == Role::Admin && user.role != Role::Admin && !restored {
            return Err(Error::invalid("role", "administrators are made as such"));
        }
        if (role == Role::Merchant) != (user.role == Role::Merchant) {
            let reason = "a merchant's accounts are of another kind: sign up under another name";
            return Err(Error::invalid("role", reason));
        }
        if role == Role::Client && !self.decides_alone(by) {
            let reason = "clients are made by the operator, with gerbang admin set-role";
            return Err(Error::Forbidden(reason));
        }
        self.check_stays(user.id, role)?;
        if user.role == Role::Admin && role != Role::Admin && !self.decides_alone(by) {
            let change = self.or_propose(by, RegistryChange::RoleSet(user.id, role));
            let decided = self.view().registry().decide(&change);
            decided.map_err(|error| refused(&change, error))?;
            return Ok(Box::new(self.record_change(by, change, reservation).await?));
        }
        let change = UserChange::Role(role);
        let changed = UserChanged { user: user.id, by, change };
        Ok(self.engine.record(Fact::UserChanged(changed), vec![reservation]).await?)
    }

    /// Whether there is an administrator when `user` has this role.
    pub(super) fn check_stays(&self, user: UserId, role: Role) -> Result<(), Error> {
        let view = self.view();
        let is_one = |id: u32| view.user(UserId(id)).is_some_and(|user| user.role == Role::Admin);
        let was_one = is_one(user.0);
        let stays = !was_one
            || role == Role::Admin
            || (0..view.users_len()).any(|id| id != user.0 && is_one(id));
        match stays {
            true => Ok(()),
            false => Err(Error::Conflict("the last administrator stays one")),
        }
    }

    /// Opens an account in a further currency; `by` is an administrator.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the user has one.
    pub async fn open_account(
        &self,
        by: Principal,
        user: &User,
        currency: Currency,
    ) -> Result<Box<Recorded>, Error> {
        let name = format!("{}:{currency}", user.id.0);
        let reservation = self.engine.reserve(NameKind::Account, &name).await;
        if self.view().account_of(user, currency).is_some() {
            return Err(Error::invalid("currency", "there is an account in this currency"));
        }
        let opened = AccountOpened {
            account: AccountId(u32::MAX),
            kind: user.role.account_kind(),
            currency,
            owner: Some(user.id),
            floor: 0,
            by,
        };
        Ok(self.engine.record(Fact::AccountOpened(opened), vec![reservation]).await?)
    }
}
