//! What a person decides: to let a challenged payout go or not, and how an unknown one ended.
//!
//! Nobody decides about their own. To let money go, and to say how an unknown payout ended, takes two
//! above what one may do alone; to deny does not, for the money stays where it was.

use super::drive::{Case, origin};
use super::{Desk, Standing, State, standing, standing_of};
use crate::gateway::caller::Caller;
use crate::gateway::four_eyes::Word;
use crate::gateway::scribe::line;
use crate::gateway::{Error, Gateway};
use crate::journal::Recorded;
use crate::ledger::command::Command;
use crate::ledger::decision::Wish;
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

/// What became of a decision.
#[derive(Debug)]
pub enum Judged {
    /// The payout, as it stands now.
    Done(Box<Standing>),
    /// Another administrator has to say the same; the word stands here.
    NeedsAnother(Box<Recorded>),
}

/// Who says so, and why.
struct Said {
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
    /// [`Error::NotFound`]; [`Error::Forbidden`] for one's own; [`Error::Conflict`] if it is not challenged
    /// or was decided before.
    pub async fn decide_challenge(
        &self,
        caller: &Caller,
        id: &str,
        release: bool,
        reason: Line,
    ) -> Result<Judged, Error> {
        caller.require_admin()?;
        let (case, state) = self.open_payout(id).await?;
        self.refuse_own(caller, state.account)?;
        let PayoutState::Challenged(_) = state.state else {
            return Err(Error::Conflict("the payout does not wait for a decision"));
        };
        let reason = if release {
            let about = (case.payout(), state.amount);
            match self.say(caller, about, Wish::PayoutReleased, &reason).await? {
                Word::Counts(reason) => reason,
                Word::Waits(recorded) => return Ok(Judged::NeedsAnother(recorded)),
            }
        } else {
            reason
        };
        let said = Said { by: caller.principal(), reason };
        let fact = self.desk.decide(&case, &state, release, said).await;
        self.decided(&case, fact)
    }

    /// Says how an unknown payout ended, for a reason.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] for one's own; [`Error::Conflict`] if it is not unknown or
    /// has ended otherwise.
    pub async fn settle_payout(
        &self,
        caller: &Caller,
        id: &str,
        settlement: Settlement,
        reason: Line,
    ) -> Result<Judged, Error> {
        caller.require_admin()?;
        let (case, state) = self.open_payout(id).await?;
        self.refuse_own(caller, state.account)?;
        if state.state != PayoutState::Unknown {
            return Err(Error::Conflict("only an unknown payout is settled by hand"));
        }
        let wish = match settlement {
            Settlement::Succeeded => Wish::PayoutSucceeded,
            Settlement::Failed => Wish::PayoutFailed,
        };
        let about = (case.payout(), state.amount);
        let reason = match self.say(caller, about, wish, &reason).await? {
            Word::Counts(reason) => reason,
            Word::Waits(recorded) => return Ok(Judged::NeedsAnother(recorded)),
        };
        let by = caller.principal();
        let fact = match settlement {
            Settlement::Succeeded => self.desk.settle(&case, &state, by, reason).await,
            Settlement::Failed => {
                let reference = payout::end_reference(case.payout());
                self.desk.fail_by_hand(&case, &state, reference, Said { by, reason }).await
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

    fn decided(&self, case: &Case, said: Option<Box<Recorded>>) -> Result<Judged, Error> {
        match said.map(|recorded| recorded.event.fact) {
            None | Some(Fact::Refused(_)) => {
                Err(Error::Conflict("it was decided otherwise before"))
            }
            Some(_) => Ok(Judged::Done(Box::new(standing(self.view(), case.payout())?))),
        }
    }
}

impl Desk {
    async fn decide(
        &self,
        case: &Case,
        state: &Payout,
        release: bool,
        said: Said,
    ) -> Option<Box<Recorded>> {
        let reference = payout::challenge_reference(case.payout());
        if !release {
            return self.fail_by_hand(case, state, reference, said).await;
        }
        let Said { by, reason } = said;
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
        Said { by, reason }: Said,
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
