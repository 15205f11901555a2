//! What a person decides: to let a challenged payout go or not, and how an unknown one ended.

use super::drive::{Case, origin};
use super::{Desk, Standing, State, standing, standing_of};
use crate::gateway::caller::Caller;
use crate::gateway::scribe::line;
use crate::gateway::{Error, Gateway};
use crate::journal::Recorded;
use crate::ledger::command::Command;
use crate::ledger::event::Fact;
use crate::ledger::id::{Position, Principal};
use crate::ledger::order::Order;
use crate::ledger::payout::{self, Payout, PayoutAdvanced, PayoutFailed, PayoutState, PayoutStep};
use crate::ledger::text::{Line, Reference};

/// How a person says that an unknown payout ended, or an unknown refund.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settlement {
    /// The bank has paid it; the provider has given it back.
    Succeeded,
    /// It has not, and will not.
    Failed,
}

/// Who says so, and why.
struct Word {
    by: Principal,
    reason: Line,
}

impl Gateway {
    /// Open payouts that an administrator may have to look at, oldest first.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; the journal cannot be read.
    pub fn open_payouts(&self, caller: &Caller, states: &[&str]) -> Result<Vec<Standing>, Error> {
        self.some_open_payouts(caller, states, None, usize::MAX)
    }

    /// At most `limit` of them behind `after`: only these are read from the journal.
    ///
    /// # Errors
    /// As [`Gateway::open_payouts`].
    pub fn some_open_payouts(
        &self,
        caller: &Caller,
        states: &[&str],
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Standing>, Error> {
        caller.require_admin()?;
        let view = self.view();
        let is_wanted = |payout: &Position| match view.order(*payout) {
            Some(Order::Payout(open)) => {
                states.is_empty() || states.contains(&State::from(open.state).name())
            }
            // It ended just now.
            _ => false,
        };
        let behind = view.open().payouts().into_iter().filter(|at| after.is_none_or(|it| *at > it));
        behind.filter(is_wanted).take(limit).map(|payout| standing(view, payout)).collect()
    }

    /// Lets a challenged payout go, or ends it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if it is not challenged or was decided before.
    pub async fn decide_challenge(
        &self,
        caller: &Caller,
        id: &str,
        release: bool,
        reason: Line,
    ) -> Result<Standing, Error> {
        caller.require_admin()?;
        let (case, state) = self.open_payout(id).await?;
        let PayoutState::Challenged(_) = state.state else {
            return Err(Error::Conflict("the payout does not wait for a decision"));
        };
        let word = Word { by: caller.principal(), reason };
        let fact = self.desk.decide(&case, &state, release, word).await;
        self.decided(&case, fact)
    }

    /// Says how an unknown payout ended, for a reason.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if it is not unknown or has ended otherwise.
    pub async fn settle_payout(
        &self,
        caller: &Caller,
        id: &str,
        settlement: Settlement,
        reason: Line,
    ) -> Result<Standing, Error> {
        caller.require_admin()?;
        let (case, state) = self.open_payout(id).await?;
        if state.state != PayoutState::Unknown {
            return Err(Error::Conflict("only an unknown payout is settled by hand"));
        }
        let by = caller.principal();
        let fact = match settlement {
            Settlement::Succeeded => self.desk.settle(&case, &state, by, reason).await,
            Settlement::Failed => {
                let reference = payout::end_reference(case.payout());
                self.desk.fail_by_hand(&case, &state, reference, Word { by, reason }).await
            }
        };
        self.decided(&case, fact)
    }

    async fn open_payout(&self, id: &str) -> Result<(Case, Payout), Error> {
        let payout = standing_of(self.view(), id)?.recorded.position;
        match self.view().order(payout) {
            Some(Order::Payout(state)) => Ok((self.desk.case(payout).await, state)),
            _ => Err(Error::Conflict("the payout has ended")),
        }
    }

    fn decided(&self, case: &Case, said: Option<Box<Recorded>>) -> Result<Standing, Error> {
        match said.map(|recorded| recorded.event.fact) {
            None | Some(Fact::Refused(_)) => {
                Err(Error::Conflict("it was decided otherwise before"))
            }
            Some(_) => standing(self.view(), case.payout()),
        }
    }
}

impl Desk {
    async fn decide(
        &self,
        case: &Case,
        state: &Payout,
        release: bool,
        word: Word,
    ) -> Option<Box<Recorded>> {
        let reference = payout::challenge_reference(case.payout());
        if !release {
            return self.fail_by_hand(case, state, reference, word).await;
        }
        let Word { by, reason } = word;
        let advanced = PayoutAdvanced {
            origin: origin(reference, "released"),
            payout: case.payout(),
            account: state.account,
            attempt: state.attempt,
            step: PayoutStep::Released { by, reason },
        };
        self.scribe.insist(Command::AdvancePayout(Box::new(advanced))).await
    }

    async fn fail_by_hand(
        &self,
        case: &Case,
        state: &Payout,
        reference: Reference,
        Word { by, reason }: Word,
    ) -> Option<Box<Recorded>> {
        let code = match state.state {
            PayoutState::Challenged(_) => "denied",
            PayoutState::Sending | PayoutState::Unknown => "settled_by_hand",
        };
        let failed = PayoutFailed {
            origin: origin(reference, "failed"),
            payout: case.payout(),
            account: state.account,
            by,
            code: line(code),
            reason,
        };
        self.scribe.insist(Command::FailPayout(Box::new(failed))).await
    }
}
