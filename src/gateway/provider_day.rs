//! Our charges held against the provider's list of a day (KOST-8), by order id, amount and status.
//!
//! The list is JSON, `{"date": "2026-01-31", "transactions": [...]}`, each as the provider answers
//! when asked about one. Charges that began on its day are held against it, and those it names
//! whatever their day. It changes nothing; what follows from a row is for people to decide.
//!
//! | here | paid there | pending there | over there | went back there | not on the list |
//! |---|---|---|---|---|---|
//! | paid, or in suspense | –, unless some went back here | differs | differs | differs, unless so much went back here | only ours |
//! | ended unpaid | differs | differs | – | – | only ours, unless it was never made |
//! | open | differs | – | differs | differs | only ours |

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::civil::Date;
use serde_json::Value;

use super::Error;
use super::charge::order_id;
use super::reconcile::Verdict;
use crate::connector::midtrans::status::{Meaning, Status};
use crate::connector::midtrans::transaction::Transaction;
use crate::connector::snap::fields::{Fields, Names};
use crate::journal::{self, History, Recorded};
use crate::ledger::charge::{ChargeEnd, ChargeSource, ChargeStep};
use crate::ledger::event::{Fact, MovementKind};
use crate::ledger::id::Position;
use crate::ledger::money::{Amount, Currency};
use crate::ledger::time::BOOK_OFFSET_SECONDS;

/// How a charge stands here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Its end is not known.
    Open,
    /// The money is credited.
    Paid,
    /// The money was put into suspense.
    Suspended,
    /// It ended and no money came.
    Ended(ChargeEnd),
}

/// A charge as we know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ours {
    /// How much was asked for.
    pub amount: Amount,
    /// In what.
    pub currency: Currency,
    /// How it stands.
    pub state: State,
    /// How much of it was given back through the provider.
    pub given: u64,
    /// The day on which it began.
    pub date: Date,
}

/// One order id, compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// How it compares.
    pub verdict: Verdict,
    /// The charge's name at the provider.
    pub order_id: String,
    /// What we know of it.
    pub ours: Option<Ours>,
    /// What the provider lists under it.
    pub theirs: Vec<Transaction>,
    /// What disagrees, in a few words; empty if nothing does.
    pub note: &'static str,
}

/// The whole comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The day of the list.
    pub date: Date,
    /// By order id.
    pub rows: Vec<Row>,
}

impl State {
    /// The word for it in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Suspended => "suspended",
            Self::Ended(end) => end.name(),
        }
    }
}

/// The provider's list of a day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct List {
    date: Date,
    transactions: Vec<Transaction>,
}

impl List {
    /// The transactions of `date`, each as the provider tells of it.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `date` or `transactions`.
    pub fn new(date: &str, transactions: &[Value]) -> Result<Self, Error> {
        let wrong = |_| Error::invalid("date", "must be a day as 2026-01-31");
        let date = date.parse().map_err(wrong)?;
        let read = |(number, row): (usize, &Value)| {
            let fields = Fields::parse(row.to_string().as_bytes(), Names::Exact);
            let wrong = || format!("number {number} cannot be read");
            let transaction = fields.and_then(Transaction::read);
            transaction.ok_or_else(|| Error::invalid("transactions", wrong()))
        };
        let transactions = (1..).zip(transactions).map(read).collect::<Result<_, _>>()?;
        Ok(Self { date, transactions })
    }

    /// From JSON, `{"date": "2026-01-31", "transactions": [...]}`.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming what is wrong.
    pub fn read(json: &[u8]) -> Result<Self, Error> {
        let wrong = |error: serde_json::Error| Error::invalid("list", error);
        let list: Value = serde_json::from_slice(json).map_err(wrong)?;
        let date = list.get("date").and_then(Value::as_str).unwrap_or_default();
        let rows = list.get("transactions").and_then(Value::as_array);
        let rows = rows.ok_or_else(|| Error::invalid("transactions", "are missing"))?;
        Self::new(date, rows)
    }
}

/// Holds what `history` says against a list of the provider. Blocks while it reads.
///
/// # Errors
/// The journal cannot be read.
pub fn reconcile(history: &History, list: List) -> Result<Report, Error> {
    let List { date, transactions } = list;
    let mut theirs: BTreeMap<String, Vec<Transaction>> = BTreeMap::new();
    for transaction in transactions {
        theirs.entry(transaction.order_id.clone()).or_default().push(transaction);
    }
    let mut ours = of_journal(history, |id, began| began == date || theirs.contains_key(id))?;
    let ids: BTreeSet<String> = theirs.keys().chain(ours.keys()).cloned().collect();
    let rows = ids.into_iter().map(|id| {
        let (ours, theirs) = (ours.remove(&id), theirs.remove(&id).unwrap_or_default());
        let (verdict, note) = judge(ours.as_ref(), &theirs);
        Row { verdict, order_id: id, ours, theirs, note }
    });
    Ok(Report { date, rows: rows.collect() })
}

/// The charges of the journal that are wanted, by their names at the provider. Reads it from its
/// beginning: a charge may have begun long before the list.
fn of_journal(
    history: &History,
    wanted: impl Fn(&str, Date) -> bool,
) -> Result<BTreeMap<String, Ours>, journal::Error> {
    let mut names: BTreeMap<Position, String> = BTreeMap::new();
    let mut refunds: BTreeMap<Position, Position> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for batch in history.batches_from(Position::FIRST) {
        for recorded in batch?.records() {
            let recorded: Recorded = recorded?;
            let (charge, state) = match &recorded.event.fact {
                Fact::ChargeStarted(started) if started.source == ChargeSource::Provider => {
                    let (name, date) =
                        (order_id(&recorded), recorded.time.date(BOOK_OFFSET_SECONDS));
                    if wanted(&name, date) {
                        let (amount, currency) = (started.amount, started.currency);
                        let (state, given) = (State::Open, 0);
                        let ours = Ours { amount, currency, state, given, date };
                        names.insert(recorded.position, name.clone());
                        found.insert(name, ours);
                    }
                    continue;
                }
                Fact::ChargeAdvanced(advanced) => match advanced.step {
                    ChargeStep::Ended { end, .. } => (advanced.charge, State::Ended(end)),
                    ChargeStep::Opened { .. } | ChargeStep::Unknown { .. } => continue,
                },
                Fact::RefundStarted(started) => {
                    refunds.insert(recorded.position, started.charge);
                    continue;
                }
                Fact::Moved(movement) => match movement.kind {
                    MovementKind::GivenBack { refund, .. } => {
                        let name = refunds.get(&refund).and_then(|charge| names.get(charge));
                        if let Some(ours) = name.and_then(|name| found.get_mut(name)) {
                            ours.given = ours.given.saturating_add(movement.amount.get());
                        }
                        continue;
                    }
                    MovementKind::ChargePaid { charge, .. } => (charge, State::Paid),
                    MovementKind::Suspended { charge, .. } => (charge, State::Suspended),
                    _ => continue,
                },
                _ => continue,
            };
            let ours = names.get(&charge).and_then(|name| found.get_mut(name));
            // Money in suspense stays the last word, though the charge ends after it.
            if let Some(ours) = ours.filter(|ours| ours.state != State::Suspended) {
                ours.state = state;
            }
        }
    }
    Ok(found)
}

fn judge(ours: Option<&Ours>, theirs: &[Transaction]) -> (Verdict, &'static str) {
    use Verdict::{Different, Matched, OnlyOurs, OnlyTheirs};
    let Some(ours) = ours else { return (OnlyTheirs, "no charge of ours has this order id") };
    let (one, state) = match (theirs, ours.state) {
        ([], State::Ended(ChargeEnd::Failed)) => return (Matched, ""),
        ([], State::Paid | State::Suspended) => return (OnlyOurs, "we have its money"),
        ([], State::Open) => return (OnlyOurs, "it is open, and not on the list"),
        ([], State::Ended(_)) => return (OnlyOurs, "it has ended, and is not on the list"),
        ([one], state) => (one, state),
        ([_, _, ..], _) => return (Different, "it is on the list more than once"),
    };
    if one.currency() != ours.currency.code() {
        return (Different, "the currencies differ");
    }
    if one.amount != ours.amount {
        return (Different, "the amounts differ");
    }
    match (state, one.meaning()) {
        (State::Paid, Meaning::Paid) if ours.given > 0 => {
            (Different, "money went back here and not there")
        }
        (State::Paid, Meaning::Refunded | Meaning::PartlyRefunded) if went_back(ours, one) => {
            (Matched, "")
        }
        (State::Paid | State::Suspended, Meaning::Paid)
        | (State::Open, Meaning::Pending)
        | (State::Ended(_), Meaning::Failed | Meaning::Refunded) => (Matched, ""),
        (State::Ended(_), Meaning::Paid) => {
            (Different, "the provider has its money and it ended unpaid here")
        }
        (State::Open, Meaning::Paid) => {
            (Different, "the provider has its money and it is open here")
        }
        (State::Paid | State::Suspended, Meaning::Pending | Meaning::Failed) => {
            (Different, "we have its money and the provider does not")
        }
        (_, Meaning::Refunded | Meaning::PartlyRefunded) => {
            (Different, "the provider has given money back")
        }
        (State::Ended(_), Meaning::Pending) => {
            (Different, "it has ended here and can be paid there")
        }
        (State::Open, Meaning::Failed) => (Different, "it is over there and open here"),
    }
}

/// Whether so much went back there as here, by refunds.
fn went_back(ours: &Ours, theirs: &Transaction) -> bool {
    let back = theirs.refunded.amount.unwrap_or_else(|| theirs.amount.get());
    matches!(theirs.status, Status::Refund | Status::PartialRefund) && back == ours.given
}

impl Report {
    /// Whether both sides say the same of everything.
    pub fn agrees(&self) -> bool {
        self.rows.iter().all(|row| row.verdict == Verdict::Matched)
    }

    /// How many rows have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|row| row.verdict == verdict).count()
    }

    /// The counts, and every row that does not agree.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let verdict = if self.agrees() { "Both sides agree" } else { "The sides do not agree" };
        writeln!(text, "{verdict} about {}.", self.date).expect("text grows");
        for verdict in
            [Verdict::Matched, Verdict::OnlyOurs, Verdict::OnlyTheirs, Verdict::Different]
        {
            writeln!(text, "{}: {}", verdict.name(), self.count(verdict)).expect("text grows");
        }
        for row in self.rows.iter().filter(|row| row.verdict != Verdict::Matched) {
            writeln!(text, "{} {}: {}", row.verdict.name(), row.order_id, row.note)
                .expect("text grows");
            if let Some(Ours { amount, currency, state, given, date }) = &row.ours {
                let state = state.name();
                let back = if *given > 0 { format!(", {given} went back") } else { String::new() };
                writeln!(text, "  ours: {state} {amount} {currency}{back}, {date}")
                    .expect("text grows");
            }
            for theirs in &row.theirs {
                let (status, amount) = (theirs.status.name(), theirs.amount);
                writeln!(text, "  theirs: {status} {amount} {}", theirs.currency())
                    .expect("text grows");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests;
