//! How a charge stands, as those may know it who are concerned.

use serde_json::Value;

use super::{place_of, public_id};
use crate::engine::View;
use crate::gateway::caller::Caller;
use crate::gateway::{Error, Gateway};
use crate::journal::Recorded;
use crate::ledger::charge::{self, ChargeEnd, ChargeStarted, ChargeState, ChargeStep};
use crate::ledger::event::{AccountKind, Fact, Role};
use crate::ledger::id::{Position, Principal, PublicId};
use crate::ledger::order::Order;
use crate::ledger::text::Line;
use crate::ledger::time::Timestamp;

/// How a charge stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its entry.
    pub recorded: Recorded,
    /// How it can be paid, once the provider has made it.
    pub opened: Option<Opened>,
    /// How far it is.
    pub state: State,
}

/// How a charge can be paid.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The provider's own name for it.
    pub number: String,
    /// Numbers, codes and links.
    pub instructions: Value,
    /// From when on it is too late.
    pub expires: Timestamp,
}

/// How far a charge is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// The provider is being asked for it.
    Asked,
    /// It can be paid.
    Pending,
    /// Nobody can say whether the provider has it.
    Unknown,
    /// It is paid.
    Paid {
        /// The entry that moved the money.
        position: Position,
    },
    /// It ended unpaid, or its money is in suspense.
    Ended {
        /// How.
        end: ChargeEnd,
        /// The entry that says so.
        position: Position,
        /// Why.
        reason: String,
    },
}

/// The word for a charge whose money is where it belongs.
pub const PAID: &str = "paid";

impl State {
    /// The word for it on the wire. Whoever pays need not know what we are sure of.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Asked | Self::Pending | Self::Unknown => "pending",
            Self::Paid { .. } => PAID,
            Self::Ended { end, .. } => end.name(),
        }
    }
}

impl Standing {
    /// What was asked for.
    pub fn started(&self) -> &ChargeStarted {
        match &self.recorded.event.fact {
            Fact::ChargeStarted(started) => started,
            _ => unreachable!("made of such an entry"),
        }
    }

    /// Its public id.
    pub fn id(&self) -> String {
        public_id(&self.recorded)
    }

    /// From when on it is too late.
    pub fn expires(&self) -> Timestamp {
        self.opened.as_ref().map_or_else(|| self.started().expires, |opened| opened.expires)
    }

    /// The entry that says how far it is.
    pub const fn position(&self) -> Position {
        match &self.state {
            State::Paid { position } | State::Ended { position, .. } => *position,
            State::Asked | State::Pending | State::Unknown => self.recorded.position,
        }
    }
}

/// How the charge stands that began at `position`: at a place that holds an entry.
///
/// # Errors
/// [`Error::NotFound`] if it is another entry; the journal cannot be read.
pub fn standing(view: &View, position: Position) -> Result<Standing, Error> {
    // The order first: if it closes in between, its end is there.
    let order = view.order(position);
    let recorded = view.record(position)?;
    if !matches!(recorded.event.fact, Fact::ChargeStarted(_)) {
        return Err(Error::NotFound);
    }
    let state = match order {
        Some(Order::Charge(charge)) => match charge.state {
            ChargeState::Asked => State::Asked,
            ChargeState::Pending => State::Pending,
            ChargeState::Unknown => State::Unknown,
        },
        _ => end(view, position)?,
    };
    let opened = opened(view, position)?;
    Ok(Standing { recorded, opened, state })
}

/// How the charge stands that the provider knows by this order id.
///
/// # Errors
/// [`Error::NotFound`] if it is none of ours; the journal cannot be read.
pub fn standing_of(view: &View, order_id: &str) -> Result<Standing, Error> {
    standing(view, place_in(view, order_id)?)
}

/// Where the charge of this order id began.
///
/// # Errors
/// As [`standing_of`].
pub fn place_in(view: &View, order_id: &str) -> Result<Position, Error> {
    let (id, position) = place_of(order_id).ok_or(Error::NotFound)?;
    if position > view.position() {
        return Err(Error::NotFound);
    }
    let recorded = view.record(position)?;
    let is_charge = matches!(recorded.event.fact, Fact::ChargeStarted(_));
    let is_it = PublicId::new(recorded.time, position.get()) == id;
    if is_charge && is_it { Ok(position) } else { Err(Error::NotFound) }
}

fn opened(view: &View, charge: Position) -> Result<Option<Opened>, Error> {
    let expires = Timestamp::EPOCH;
    let step = ChargeStep::Opened { number: Line::empty(), instructions: Line::empty(), expires };
    let reference = charge::step_reference(charge, &step);
    let Some(recorded) = view.answered(Principal::System, &reference)? else { return Ok(None) };
    let Fact::ChargeAdvanced(advanced) = recorded.event.fact else { return Ok(None) };
    let ChargeStep::Opened { number, instructions, expires } = advanced.step else {
        return Ok(None);
    };
    let instructions = serde_json::from_str(instructions.as_str()).unwrap_or_default();
    Ok(Some(Opened { number: number.to_string(), instructions, expires }))
}

/// The end of a charge that is not open.
fn end(view: &View, charge: Position) -> Result<State, Error> {
    let ended = view.answered(Principal::System, &charge::end_reference(charge))?;
    if let Some(recorded) = ended
        && let Fact::ChargeAdvanced(advanced) = recorded.event.fact
        && let ChargeStep::Ended { end, reason, .. } = advanced.step
    {
        let (position, reason) = (recorded.position, reason.to_string());
        return Ok(State::Ended { end, position, reason });
    }
    let paid = payment(view, charge)?.map(|recorded| recorded.position);
    // What was looked at first may have been shown in part only.
    Ok(paid.map_or(State::Pending, |position| State::Paid { position }))
}

/// The movement that paid a charge, under whatever reference it was asked for.
fn payment(view: &View, charge: Position) -> Result<Option<Recorded>, Error> {
    Ok(view.settled(&charge::paid_reference(charge))?)
}

/// Where money of a charge went from suspense.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The entry that moved it.
    pub entry: Recorded,
    /// Whether it went to whom the charge was for.
    pub with_owner: bool,
}

impl Placed {
    /// The word for where it went: to the bill it was for, to the account it was for, back to the
    /// provider, or to somebody else, who is not named.
    pub fn to(&self, view: &View) -> &'static str {
        let Fact::Moved(movement) = &self.entry.event.fact else { return "other" };
        match movement.debt() {
            Some(_) => "bill",
            None if self.with_owner => "account",
            None if view.kind(movement.credit) == Some(AccountKind::Clearing) => "provider",
            None => "other",
        }
    }
}

/// How a charge stands to those who look at it, late money included.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The word for how far it is.
    pub status: &'static str,
    /// Why it ended, if it was not paid after all.
    pub reason: Option<String>,
    /// Where its late money went, if some came and was placed.
    pub placed: Option<Placed>,
    /// The entry that says so.
    pub position: Position,
}

/// How a charge stands to those who look at it. One whose late money went where it belongs is paid;
/// one that was paid and whose money went elsewhere was denied, as merchants are told.
///
/// # Errors
/// The journal cannot be read.
pub fn shown(view: &View, standing: &Standing) -> Result<Shown, Error> {
    let (status, position) = (standing.state.name(), standing.position());
    let State::Ended { end, reason, .. } = &standing.state else {
        return Ok(Shown { status, reason: None, placed: None, position });
    };
    let reason = Some(reason.clone());
    let Some(placed) = placed(view, standing)? else {
        return Ok(Shown { status, reason, placed: None, position });
    };
    let (status, reason) = match (placed.with_owner, end) {
        (true, _) => (PAID, None),
        (false, ChargeEnd::Suspended) => (ChargeEnd::Denied.name(), reason),
        (false, _) => (status, reason),
    };
    let position = placed.entry.position;
    Ok(Shown { status, reason, placed: Some(placed), position })
}

/// What became of money of a charge that went into suspense.
#[derive(Clone, Debug)]
pub enum Late {
    /// None did.
    None,
    /// It is there still.
    Waits,
    /// It left.
    Placed(Box<Placed>),
}

/// What became of money of a charge that went into suspense.
///
/// # Errors
/// The journal cannot be read.
pub fn late(view: &View, standing: &Standing) -> Result<Late, Error> {
    let late = charge::late_reference(standing.recorded.position);
    let Some(late) = view.answered(Principal::System, &late)? else { return Ok(Late::None) };
    let Some(entry) = view.settled(&charge::resolved_reference(late.position))? else {
        return Ok(Late::Waits);
    };
    let owner = standing.started().account;
    let with_owner = matches!(&entry.event.fact, Fact::Moved(moved) if moved.credit == owner);
    Ok(Late::Placed(Box::new(Placed { entry, with_owner })))
}

/// Where the money of a charge went from suspense, if some was there and left.
///
/// # Errors
/// The journal cannot be read.
pub fn placed(view: &View, standing: &Standing) -> Result<Option<Placed>, Error> {
    Ok(match late(view, standing)? {
        Late::Placed(placed) => Some(*placed),
        Late::None | Late::Waits => None,
    })
}

impl Gateway {
    /// The charge of this id, or of this invoice: for who is to get its money, who asked for it, and
    /// administrators.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, or it is none of theirs.
    pub fn charge(&self, caller: &Caller, id: &str) -> Result<Standing, Error> {
        let standing = standing_of(self.view(), id.strip_prefix("chg_").unwrap_or(id))?;
        let started = standing.started();
        let visible = self.owns(&caller.user, started.account)
            || started.origin.principal == caller.principal()
            || caller.user.role == Role::Admin;
        if visible { Ok(standing) } else { Err(Error::NotFound) }
    }
}
