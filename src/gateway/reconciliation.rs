//! Our side of a reconciliation: every try at a bank that a statement should know of, found in the
//! journal.
//!
//! Tries of the statement's days are held against it, and those it names whatever their day. A
//! payout that waits for a person, or was never let go, was not sent and is left out.
//!
//! It reads no more of the journal than that asks for: from the midnight before the first day, or
//! from the oldest payout that is named, to the midnight after the last, or until all that is wanted
//! has ended. A payout that began before, and is tried again in that time, is looked up.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::RangeInclusive;

use jiff::civil::Date;

use super::Error;
use super::payout::bank_reference;
use super::reconcile::{self, Line, Ours, Report, State};
use crate::journal::{self, History, Recorded};
use crate::ledger::event::{Fact, MovementKind};
use crate::ledger::id::{Position, PublicId};
use crate::ledger::money::{Amount, Currency};
use crate::ledger::payout::{PayoutAdvanced, PayoutStarted, PayoutStep};
use crate::ledger::registry::BankCode;
use crate::ledger::time::{BOOK_OFFSET_SECONDS, Timestamp};

/// Holds what `history` says against a statement of `bank`. Blocks while it reads.
///
/// # Errors
/// [`Error::Invalid`] if the statement cannot be read, or has no line; the journal cannot be read.
pub fn reconcile(history: &History, bank: BankCode, statement: &[u8]) -> Result<Report, Error> {
    let lines = reconcile::parse(statement).map_err(|error| Error::invalid("statement", error))?;
    let Some(mut search) = Search::new(history, bank, &lines) else {
        return Err(Error::invalid("statement", "has no line"));
    };
    let stretch = search.stretch()?;
    search.read(stretch)?;
    Ok(reconcile::reconcile(lines, search.found()))
}

struct Search<'a> {
    history: &'a History,
    bank: BankCode,
    days: RangeInclusive<Date>,
    named: HashSet<String>,
    /// Payouts that have not ended.
    open: BTreeMap<Position, Case>,
    found: Vec<Ours>,
    /// Whether nothing that begins from here on is wanted.
    is_over: bool,
    /// How many batches were read.
    batches: usize,
}

/// A payout on its way through the journal.
struct Case {
    amount: Amount,
    currency: Currency,
    /// The partner of the latest try.
    bank: BankCode,
    /// Whether anything was sent: nobody has to release it, or somebody did.
    is_sent: bool,
    tries: Vec<Tried>,
}

struct Tried {
    reference: String,
    date: Date,
    /// Whether the statement should know of it.
    is_wanted: bool,
}

impl<'a> Search<'a> {
    /// A search for what `lines` should know of; `None` if there are none.
    fn new(history: &'a History, bank: BankCode, lines: &[Line]) -> Option<Self> {
        let dates = || lines.iter().map(|line| line.date);
        let days = dates().min()?..=dates().max()?;
        let named = lines.iter().map(|line| line.reference.clone()).collect();
        let (open, found) = (BTreeMap::new(), Vec::new());
        Some(Self { history, bank, days, named, open, found, is_over: false, batches: 0 })
    }

    /// From which entry to which has to be read for what is wanted to begin.
    fn stretch(&self) -> Result<RangeInclusive<Position>, journal::Error> {
        let (first, last) = (*self.days.start(), *self.days.end());
        let day = self.written_before(first)?.map_or(Position::FIRST, |last| last.plus(1));
        let end = match last.tomorrow() {
            Ok(next) => self.written_before(next)?,
            Err(_) => self.history.last(),
        };
        let (mut from, mut until) = (day, end.unwrap_or(Position::FIRST));
        for position in self.named_positions() {
            // What lies between is read anyway.
            if (day <= position && Some(position) <= end) || Some(position) > self.history.last() {
                continue;
            }
            if let Some(recorded) = self.history.record(position)?
                && self.named.contains(&bank_reference(&recorded))
                && let Some(payout) = payout_of(&recorded)
            {
                (from, until) = (from.min(payout), until.max(position));
            }
        }
        Ok(from..=until)
    }

    /// The last entry of the days before `day`.
    fn written_before(&self, day: Date) -> Result<Option<Position>, journal::Error> {
        let midnight = Timestamp::midnight(day, BOOK_OFFSET_SECONDS);
        self.history.last_at_or_before(Timestamp::from_micros(midnight.micros() - 1))
    }

    /// The places that references of ours in the statement speak of.
    fn named_positions(&self) -> BTreeSet<Position> {
        let place = |reference: &String| {
            Position::new(PublicId::parse("try", &format!("try_{reference}"))?.number)
        };
        self.named.iter().filter_map(place).collect()
    }

    fn read(&mut self, stretch: RangeInclusive<Position>) -> Result<(), journal::Error> {
        for batch in self.history.batches_from(*stretch.start()) {
            let batch = batch?;
            if !self.is_over && batch.first() > *stretch.end() {
                self.is_over = true;
                self.open.retain(|_, case| case.tries.iter().any(|tried| tried.is_wanted));
            }
            if self.is_over && self.open.is_empty() {
                break;
            }
            self.batches += 1;
            for recorded in batch.records() {
                self.follow(&recorded?)?;
            }
        }
        Ok(())
    }

    /// What was found, once all is read.
    fn found(self) -> Vec<Ours> {
        let Self { open, mut found, .. } = self;
        found.extend(open.into_values().flat_map(|case| case.tries_as(State::Open)));
        found
    }

    fn follow(&mut self, recorded: &Recorded) -> Result<(), journal::Error> {
        match &recorded.event.fact {
            Fact::PayoutStarted(started) if !self.is_over => {
                let case = self.begun(recorded, started);
                self.open.insert(recorded.position, case);
            }
            Fact::PayoutAdvanced(advanced) => self.advance(recorded, advanced)?,
            Fact::PayoutFailed(failed) => self.end(failed.payout, State::Failed),
            Fact::Moved(movement) => {
                if let MovementKind::PaidOut { payout, .. } = movement.kind {
                    self.end(payout, State::Paid);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn begun(&self, recorded: &Recorded, started: &PayoutStarted) -> Case {
        Case {
            amount: started.amount,
            currency: started.currency,
            bank: started.route.bank,
            is_sent: started.challenged_until.is_none(),
            tries: vec![self.tried(recorded, started.route.bank)],
        }
    }

    fn advance(
        &mut self,
        recorded: &Recorded,
        advanced: &PayoutAdvanced,
    ) -> Result<(), journal::Error> {
        let PayoutAdvanced { payout, step, .. } = advanced;
        if !self.open.contains_key(payout)
            && !self.is_over
            && let Some(began) = self.history.record(*payout)?
            && let Fact::PayoutStarted(started) = &began.event.fact
        {
            // It began before what is read.
            let case = self.begun(&began, started);
            self.open.insert(*payout, case);
        }
        let Some(bank) = self.open.get(payout).map(|case| case.bank) else { return Ok(()) };
        let next = match step {
            PayoutStep::NextTry { route, .. } => {
                Some((route.bank, self.tried(recorded, route.bank)))
            }
            PayoutStep::Released { .. } => Some((bank, self.tried(recorded, bank))),
            PayoutStep::Unknown { .. } => None,
        };
        let Some(case) = self.open.get_mut(payout) else { return Ok(()) };
        if let Some((bank, tried)) = next {
            if !case.is_sent {
                // Nothing was sent under the name of the start.
                case.tries.clear();
            }
            case.bank = bank;
            case.tries.push(tried);
        }
        case.is_sent = true;
        Ok(())
    }

    fn end(&mut self, payout: Position, state: State) {
        let case = self.open.remove(&payout);
        self.found.extend(case.into_iter().flat_map(|case| case.tries_as(state)));
    }

    fn tried(&self, recorded: &Recorded, bank: BankCode) -> Tried {
        let reference = bank_reference(recorded);
        let date = recorded.time.date(BOOK_OFFSET_SECONDS);
        let is_due = self.days.contains(&date) || self.named.contains(&reference);
        Tried { reference, date, is_wanted: bank == self.bank && is_due }
    }
}

impl Case {
    /// What the bank should say, if the payout stands like this. Another try is written only after
    /// one that was not sent, so all but the last have failed.
    fn tries_as(self, state: State) -> Vec<Ours> {
        let Self { amount, currency, is_sent, tries, .. } = self;
        let last = tries.len();
        let states = (1..).map(|place| if place == last { state } else { State::Failed });
        let wanted = tries.into_iter().zip(states).filter(|(tried, _)| tried.is_wanted && is_sent);
        wanted
            .map(|(Tried { reference, date, .. }, state)| Ours {
                reference,
                amount,
                currency,
                state,
                date,
            })
            .collect()
    }
}

/// The payout that an entry writes a try of.
const fn payout_of(recorded: &Recorded) -> Option<Position> {
    match &recorded.event.fact {
        Fact::PayoutStarted(_) => Some(recorded.position),
        Fact::PayoutAdvanced(advanced) => Some(advanced.payout),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
