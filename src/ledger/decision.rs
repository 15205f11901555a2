//! What one administrator wants done with much money, until another wants the same (four eyes).
//!
//! Unlike a [proposal](super::proposal) it changes no row: the second who says the same does it. The
//! last word about a thing is the one that counts. It ends when its time is over; what it was about
//! may have ended long before.

use std::sync::Arc;

use super::id::{AccountId, Position, Principal};
use super::registry::{Registry, RegistryError, require};
use super::text::Line;
use super::time::Timestamp;
use crate::limits;

/// What is to happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum Wish {
    /// Money in suspense pays the bill that its charge was for.
    LateToBill,
    /// Money in suspense goes to this account.
    LateToAccount(AccountId),
    /// Money in suspense goes back through the provider.
    LateToProvider,
    /// A challenged payout goes out.
    PayoutReleased,
    /// The bank has paid an unknown payout.
    PayoutSucceeded,
    /// The bank has not paid an unknown payout, and will not.
    PayoutFailed,
    /// The provider has made an unknown refund.
    RefundSucceeded,
    /// The provider has not made an unknown refund, and will not.
    RefundFailed,
}

impl Wish {
    /// The account that money is to go to, if it names one.
    pub const fn account(self) -> Option<AccountId> {
        match self {
            Self::LateToAccount(account) => Some(account),
            Self::LateToBill
            | Self::LateToProvider
            | Self::PayoutReleased
            | Self::PayoutSucceeded
            | Self::PayoutFailed
            | Self::RefundSucceeded
            | Self::RefundFailed => None,
        }
    }

    /// The word for it in exports and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LateToBill => "bill",
            Self::LateToAccount(_) => "account",
            Self::LateToProvider => "provider",
            Self::PayoutReleased => "release",
            Self::PayoutSucceeded | Self::RefundSucceeded => "succeeded",
            Self::PayoutFailed | Self::RefundFailed => "failed",
        }
    }
}

/// The first word about something.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Decision {
    /// The entry that put the money into suspense, or began the payout or refund.
    pub about: Position,
    /// Whose word it is.
    pub by: Principal,
    /// Since when.
    pub at: Timestamp,
    /// From when on it counts no more.
    pub until: Timestamp,
    /// What is to happen.
    pub wish: Wish,
    /// Why.
    pub reason: Line,
}

impl Registry {
    /// The word that waits for a second about this at `now`.
    pub fn decision(&self, about: Position, now: Timestamp) -> Option<&Arc<Decision>> {
        self.decisions.get(&about).filter(|decision| now < decision.until)
    }

    /// Whether there is room for a word.
    pub(super) fn decide_decision(&self, decision: &Decision) -> Result<(), RegistryError> {
        let live = |other: &&Arc<Decision>| decision.at < other.until;
        let others = self.decisions.values().filter(live).filter(|it| it.about != decision.about);
        require(others.count() < limits::DECISIONS_MAX, RegistryError::TooManyProposals)
    }

    /// A word waits, and those whose time was over by then are forgotten.
    pub(super) fn note_decision(&mut self, decision: &Decision) {
        self.decisions.retain(|_, other| decision.at < other.until);
        self.decisions.insert(decision.about, Arc::new(decision.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::id::UserId;
    use super::super::registry::RegistryChange;
    use super::*;

    const AT: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn word(about: u64, by: u32, seconds: i64) -> Decision {
        let at = AT.plus_seconds(seconds);
        Decision {
            about: Position::new(about).unwrap(),
            by: Principal::User(UserId(by)),
            at,
            until: at.plus_seconds(60),
            wish: Wish::PayoutFailed,
            reason: Line::empty(),
        }
    }

    fn said(registry: &mut Registry, word: Decision) -> Result<(), RegistryError> {
        let change = RegistryChange::Decided(Box::new(word));
        registry.decide(&change)?;
        registry.apply(&change);
        Ok(())
    }

    #[test]
    fn the_last_word_counts_until_its_time_is_over() {
        let mut registry = Registry::default();
        let about = Position::new(5).unwrap();
        assert_eq!(registry.decision(about, AT), None);
        said(&mut registry, word(5, 1, 0)).unwrap();
        said(&mut registry, word(5, 2, 30)).unwrap();
        said(&mut registry, word(6, 1, 30)).unwrap();
        let by = |seconds| registry.decision(about, AT.plus_seconds(seconds)).map(|it| it.by);
        assert_eq!(by(89), Some(Principal::User(UserId(2))));
        assert_eq!(by(90), None);
        let mut again = Registry::default();
        registry.changes().for_each(|change| again.apply(&change));
        assert_eq!(again, registry);
        said(&mut registry, word(7, 1, 90)).unwrap();
        assert_eq!(registry.decisions.len(), 1, "those whose time is over are forgotten");
    }

    #[test]
    fn there_is_room_for_so_many_and_for_another_word_about_the_same() {
        let mut registry = Registry::default();
        let most = u64::try_from(limits::DECISIONS_MAX).unwrap();
        for about in 1..=most {
            said(&mut registry, word(about, 1, 0)).unwrap();
        }
        let full = Err(RegistryError::TooManyProposals);
        assert_eq!(said(&mut registry, word(most + 1, 1, 0)), full);
        said(&mut registry, word(most, 2, 0)).unwrap();
        said(&mut registry, word(most + 1, 1, 60)).unwrap();
    }
}
