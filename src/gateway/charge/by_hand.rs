//! Refunds through the provider that nobody can say the end of: shown to administrators, and settled
//! by one of them, above the limit by two, with a reason.
//!
//! What a person says ends the refund under the same reference as the provider's word, so one of the
//! two holds. If the provider says otherwise later, nothing moves again: the charge becomes odd, and
//! the comparison with the provider's day differs.

use super::desk::Desk;
use super::order_id;
use super::refund::{Giving, key};
use crate::engine::View;
use crate::gateway::caller::Caller;
use crate::gateway::four_eyes::Word;
use crate::gateway::payout::by_hand::Settlement;
use crate::gateway::scribe::line;
use crate::gateway::{Error, Gateway};
use crate::journal::Recorded;
use crate::ledger::decision::Wish;
use crate::ledger::event::Fact;
use crate::ledger::id::{Position, Principal, PublicId};
use crate::ledger::order::Order;
use crate::ledger::refund::{self, RefundStarted, RefundState, RefundStep};
use crate::ledger::text::Line;

/// How a refund through the provider stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its entry.
    pub recorded: Recorded,
    /// The name of its charge at the provider.
    pub order_id: String,
    /// How far it is.
    pub state: State,
}

/// How far a refund is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// The provider is being asked.
    Asked,
    /// Nobody can say yet.
    Unknown {
        /// What is known.
        reason: String,
    },
    /// The money went back.
    Succeeded {
        /// Where the end stands.
        position: Position,
        /// The merchant's words, or a person's reason.
        note: String,
    },
    /// Nothing went back.
    Failed {
        /// Where the end stands.
        position: Position,
        /// The provider's code, or ours.
        code: String,
        /// In words.
        reason: String,
    },
}

impl State {
    /// The word for it on the wire.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Unknown { .. } => "unknown",
            Self::Succeeded { .. } => "succeeded",
            Self::Failed { .. } => "failed",
        }
    }
}

impl Standing {
    /// What was asked for.
    pub fn started(&self) -> &RefundStarted {
        match &self.recorded.event.fact {
            Fact::RefundStarted(started) => started,
            _ => unreachable!("made of such an entry"),
        }
    }

    /// Its public id, which is its name at the provider.
    pub fn id(&self) -> String {
        key(&self.recorded)
    }
}

/// How the refund of this public id stands.
fn standing_of(view: &View, id: &str) -> Result<Standing, Error> {
    let parsed = PublicId::parse("rfd", id).ok_or(Error::NotFound)?;
    let position = Position::new(parsed.number).ok_or(Error::NotFound)?;
    if position > view.position() {
        return Err(Error::NotFound);
    }
    let standing = standing(view, position)?;
    if standing.id() == id { Ok(standing) } else { Err(Error::NotFound) }
}

/// How the refund stands that began at `position`: at a place that holds an entry.
fn standing(view: &View, position: Position) -> Result<Standing, Error> {
    // The order first: if it closes in between, its end is there.
    let order = view.order(position);
    let recorded = view.record(position)?;
    let Fact::RefundStarted(started) = &recorded.event.fact else { return Err(Error::NotFound) };
    let order_id = order_id(&view.record(started.charge)?);
    let state = match order {
        Some(Order::Refund(refund)) => match refund.state {
            RefundState::Asked => State::Asked,
            RefundState::Unknown => State::Unknown { reason: unknown_since(view, position)? },
        },
        _ => end(view, position)?,
    };
    Ok(Standing { recorded, order_id, state })
}

/// What is known of a refund that is unknown.
fn unknown_since(view: &View, refund: Position) -> Result<String, Error> {
    let reference = refund::step_reference(refund, &RefundStep::Unknown { reason: Line::empty() });
    let step = view.answered(Principal::System, &reference)?.map(|recorded| recorded.event.fact);
    let Some(Fact::RefundAdvanced(advanced)) = step else { return Ok(String::new()) };
    Ok(match advanced.step {
        RefundStep::Unknown { reason } => reason.to_string(),
        RefundStep::Failed { .. } => String::new(),
    })
}

/// The end of a refund that is not open.
fn end(view: &View, refund: Position) -> Result<State, Error> {
    let end = view.answered(Principal::System, &refund::end_reference(refund))?;
    // What was looked at first may have been shown in part only.
    let Some(Recorded { position, event, .. }) = end else { return Ok(State::Asked) };
    match event.fact {
        Fact::Moved(movement) => Ok(State::Succeeded { position, note: movement.note.to_string() }),
        Fact::RefundAdvanced(advanced) => match advanced.step {
            RefundStep::Failed { code, reason, .. } => {
                let (code, reason) = (code.to_string(), reason.to_string());
                Ok(State::Failed { position, code, reason })
            }
            RefundStep::Unknown { .. } => Ok(State::Asked),
        },
        _ => Ok(State::Asked),
    }
}

/// What became of an administrator's word.
#[derive(Debug)]
pub enum Judged {
    /// The refund, as it stands now.
    Done(Box<Standing>),
    /// Another administrator has to say the same; the word stands here.
    NeedsAnother(Box<Recorded>),
}

impl Gateway {
    /// Open refunds through the provider that an administrator may have to look at, oldest first:
    /// those in these states, or all.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn open_refunds(&self, states: &[&str]) -> Result<Vec<Standing>, Error> {
        let open = self.view().open().refunds();
        let standings = open.into_iter().map(|refund| standing(self.view(), refund));
        let wanted =
            |standing: &Standing| states.is_empty() || states.contains(&standing.state.name());
        standings.filter(|found| found.as_ref().map_or(true, wanted)).collect()
    }

    /// An administrator says how an unknown refund ended, for a reason: above the limit two do, and
    /// nobody about their own money.
    ///
    /// # Errors
    /// As [`Gateway::settle_refund`]; [`Error::Forbidden`].
    pub async fn judge_refund(
        &self,
        caller: &Caller,
        id: &str,
        settlement: Settlement,
        reason: Line,
    ) -> Result<Judged, Error> {
        caller.require_admin()?;
        let standing = standing_of(self.view(), id)?;
        let (refund, started) = (standing.recorded.position, standing.started());
        self.refuse_own(caller, started.account)?;
        if !matches!(standing.state, State::Unknown { .. }) {
            return Err(Error::Conflict("only an unknown refund is settled by hand"));
        }
        let wish = match settlement {
            Settlement::Succeeded => Wish::RefundSucceeded,
            Settlement::Failed => Wish::RefundFailed,
        };
        let reason = match self.say(caller, (refund, started.amount), wish, &reason).await? {
            Word::Counts(reason) => reason,
            Word::Waits(recorded) => return Ok(Judged::NeedsAnother(recorded)),
        };
        let settled = self.settle_refund(caller.principal(), id, settlement, reason).await?;
        Ok(Judged::Done(Box::new(settled)))
    }

    /// An administrator or the operator says how an unknown refund ended, for a reason.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if it is not unknown or has ended otherwise.
    pub async fn settle_refund(
        &self,
        by: Principal,
        id: &str,
        settlement: Settlement,
        reason: Line,
    ) -> Result<Standing, Error> {
        let refund = standing_of(self.view(), id)?.recorded.position;
        match self.view().order(refund) {
            Some(Order::Refund(state)) if state.state == RefundState::Unknown => {}
            Some(Order::Refund(_)) => {
                return Err(Error::Conflict("only an unknown refund is settled by hand"));
            }
            _ => return Err(Error::Conflict("the refund has ended")),
        }
        let giving = self.charges.giving(refund).await;
        let said = self.charges.settle_refund(&giving, settlement, (by, reason)).await;
        let is_theirs = match said.map(|recorded| recorded.event.fact) {
            Some(Fact::Moved(_)) => settlement == Settlement::Succeeded,
            Some(Fact::RefundAdvanced(_)) => settlement == Settlement::Failed,
            _ => false,
        };
        if !is_theirs {
            return Err(Error::Conflict("it was decided otherwise before"));
        }
        standing(self.view(), refund)
    }
}

impl Desk {
    async fn settle_refund(
        &self,
        giving: &Giving,
        settlement: Settlement,
        (by, reason): (Principal, Line),
    ) -> Option<Box<Recorded>> {
        let refund = giving.refund;
        tracing::info!(%refund, ?settlement, "a refund is settled by hand");
        match settlement {
            Settlement::Succeeded => self.given_back(giving, by, reason).await,
            Settlement::Failed => {
                let code = line("settled_by_hand");
                self.refund_step(giving, RefundStep::Failed { by, code, reason }).await
            }
        }
    }
}
