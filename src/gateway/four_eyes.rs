//! Four eyes over money: above what one administrator may decide alone, two have to say the same.
//!
//! The first word is a fact of the journal, with its reason, and waits for the second
//! (`ledger::decision`). Nobody decides about money of their own, whatever the amount.

use std::sync::Arc;

use super::caller::Caller;
use super::registry::refused;
use super::{Error, Gateway};
use crate::engine::NameKind;
use crate::journal::Recorded;
use crate::ledger::decision::{Decision, Wish};
use crate::ledger::id::{AccountId, Position, Principal};
use crate::ledger::money::Amount;
use crate::ledger::registry::RegistryChange;
use crate::ledger::text::Line;
use crate::limits;

/// What became of a word.
pub(super) enum Word {
    /// It counts; the reason to be recorded with what follows.
    Counts(Line),
    /// It stands here, and another administrator has to say the same.
    Waits(Box<Recorded>),
}

impl Gateway {
    /// An administrator says what is to happen with `amount`, for a reason.
    ///
    /// # Errors
    /// [`Error::Conflict`] if too many words wait; too much that waits.
    pub(super) async fn say(
        &self,
        caller: &Caller,
        (about, amount): (Position, Amount),
        wish: Wish,
        reason: &Line,
    ) -> Result<Word, Error> {
        if self.may_alone(amount) {
            return Ok(Word::Counts(reason.clone()));
        }
        // Held until the word is shown, so that of two at once one is the second.
        let turn = self.engine.reserve(NameKind::Registry, "decisions").await;
        let (by, at) = (caller.principal(), self.engine.clock().now());
        let registry = self.view().registry();
        let is_second = |first: &&Arc<Decision>| {
            first.by != by && first.wish == wish && self.is_administrator(first.by)
        };
        if let Some(first) = registry.decision(about, at).filter(is_second) {
            let reason = format!("{reason} (with {})", self.username_of(first.by));
            return Ok(Word::Counts(Line::cut(&reason, limits::REASON_BYTES_MAX)));
        }
        let until = at.plus_seconds(limits::PROPOSAL_SECONDS);
        let decision = Decision { about, by, at, until, wish, reason: reason.clone() };
        let change = RegistryChange::Decided(Box::new(decision));
        registry.decide(&change).map_err(|error| refused(&change, error))?;
        Ok(Word::Waits(Box::new(self.record_change(by, change, turn).await?)))
    }

    /// Fails if the money is the caller's own.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub(super) fn refuse_own(&self, caller: &Caller, account: AccountId) -> Result<(), Error> {
        let owner = self.view().account(account).and_then(|account| account.owner);
        match owner == Some(caller.user.id) {
            true => Err(Error::Forbidden("this is your own money: another administrator decides")),
            false => Ok(()),
        }
    }

    /// The word that waits for a second about this.
    pub fn first_word(&self, about: Position) -> Option<Arc<Decision>> {
        self.view().registry().decision(about, self.engine.clock().now()).cloned()
    }

    /// A user's name; nothing for who is none.
    pub fn username_of(&self, principal: Principal) -> String {
        let user = match principal {
            Principal::User(id) => self.view().user(id),
            Principal::System | Principal::Operator => None,
        };
        user.map_or_else(String::new, |user| user.username().to_owned())
    }
}
