//! Our side of a reconciliation: every try at a bank that a statement should know of, found in the
//! journal.
//!
//! Tries of the statement's days are held against it, and those it names whatever their day. A
//! payout that waits for a person, or was never let go, was not sent and is left out. It reads the
//! journal from its beginning: a payout may have begun long before the statement.

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;

use jiff::civil::Date;

use super::Error;
use super::payout::bank_reference;
use super::reconcile::{self, Ours, Report, State};
use crate::journal::{self, History, Recorded};
use crate::ledger::event::{Fact, MovementKind};
use crate::ledger::id::Position;
use crate::ledger::money::{Amount, Currency};
use crate::ledger::payout::{PayoutAdvanced, PayoutStep};
use crate::ledger::registry::BankCode;
use crate::ledger::time::BOOK_OFFSET_SECONDS;

/// Holds what `history` says against a statement of `bank`. Blocks while it reads.
///
/// # Errors
/// [`Error::Invalid`] if the statement cannot be read, or has no line; the journal cannot be read.
pub fn reconcile(history: &History, bank: BankCode, statement: &[u8]) -> Result<Report, Error> {
    let lines = reconcile::parse(statement).map_err(|error| Error::invalid("statement", error))?;
    let dates = || lines.iter().map(|line| line.date);
    let (Some(first), Some(last)) = (dates().min(), dates().max()) else {
        return Err(Error::invalid("statement", "has no line"));
    };
    let named = lines.iter().map(|line| line.reference.clone()).collect();
    let mut search =
        Search { bank, days: first..=last, named, open: BTreeMap::new(), found: Vec::new() };
    search.read(history)?;
    let Search { open, mut found, .. } = search;
    found.extend(open.into_values().flat_map(|case| case.tries_as(State::Open)));
    Ok(reconcile::reconcile(lines, found))
}

struct Search {
    bank: BankCode,
    days: RangeInclusive<Date>,
    named: HashSet<String>,
    /// Payouts that have not ended.
    open: BTreeMap<Position, Case>,
    found: Vec<Ours>,
}

/// A payout on its way through the journal.
struct Case {
    amount: Amount,
    currency: Currency,
    /// Whether anything was sent: nobody has to release it, or somebody did.
    /// The partner of the latest try.
    bank: BankCode,
    is_sent: bool,
    tries: Vec<Tried>,
}

struct Tried {
    reference: String,
    date: Date,
    /// Whether the statement should know of it.
    is_wanted: bool,
}

impl Search {
    fn read(&mut self, history: &History) -> Result<(), journal::Error> {
        for batch in history.batches_from(Position::FIRST) {
            for recorded in batch?.records() {
                self.follow(&recorded?);
            }
        }
        Ok(())
    }

    fn follow(&mut self, recorded: &Recorded) {
        match &recorded.event.fact {
            Fact::PayoutStarted(started) => {
                let case = Case {
                    amount: started.amount,
                    currency: started.currency,
                    bank: started.route.bank,
                    is_sent: started.challenged_until.is_none(),
                    tries: vec![self.tried(recorded, started.route.bank)],
                };
                self.open.insert(recorded.position, case);
            }
            Fact::PayoutAdvanced(advanced) => self.advance(recorded, advanced),
            Fact::PayoutFailed(failed) => self.end(failed.payout, State::Failed),
            Fact::Moved(movement) => {
                if let MovementKind::PaidOut { payout, .. } = movement.kind {
                    self.end(payout, State::Paid);
                }
            }
            _ => {}
        }
    }

    fn advance(&mut self, recorded: &Recorded, advanced: &PayoutAdvanced) {
        let Some(bank) = self.open.get(&advanced.payout).map(|case| case.bank) else { return };
        let next = match &advanced.step {
            PayoutStep::NextTry { route, .. } => {
                Some((route.bank, self.tried(recorded, route.bank)))
            }
            PayoutStep::Released { .. } => Some((bank, self.tried(recorded, bank))),
            PayoutStep::Unknown { .. } => None,
        };
        let Some(case) = self.open.get_mut(&advanced.payout) else { return };
        if let Some((bank, tried)) = next {
            if !case.is_sent {
                // Nothing was sent under the name of the start.
                case.tries.clear();
            }
            case.bank = bank;
            case.tries.push(tried);
        }
        case.is_sent = true;
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
