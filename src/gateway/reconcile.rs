//! Our payouts held against a bank's statement, line by line.
//!
//! Both sides are compared by reference. Whatever does not agree is a row of the report: money the
//! bank moved that we do not know of, money we say has moved that the bank did not move, another
//! amount, another end, the same transfer twice. It changes nothing; what follows from a row is
//! for people to decide.
//!
//! A line of the bank is a `DEBIT` (money left our account) or a `CREDIT` (it came back). A payout
//! that failed and of which the bank knows nothing agrees with it; one that is still open and not
//! on the statement does not, since nobody can say yet.

mod report;
mod statement;

use std::collections::BTreeMap;

use jiff::civil::Date;

pub use self::report::COLUMNS;
pub use self::statement::{Entry, Line, StatementError, parse};
use crate::ledger::money::{Amount, Currency, Total};

/// A payout as we know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ours {
    /// What the bank knows it by.
    pub reference: String,
    /// What the beneficiary was to get.
    pub amount: Amount,
    /// In what.
    pub currency: Currency,
    /// How it ended, if it has.
    pub state: State,
    /// The day on which it was sent.
    pub date: Date,
}

/// How a payout ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// The money is gone.
    Paid,
    /// It was not paid.
    Failed,
    /// Nobody can say yet.
    Open,
}

impl State {
    /// The word for it in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Failed => "failed",
            Self::Open => "open",
        }
    }
}

/// How one reference compares.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// Both say the same.
    Matched,
    /// Only we know of it.
    OnlyOurs,
    /// Only the bank knows of it.
    OnlyTheirs,
    /// Both know of it and disagree.
    Different,
}

impl Verdict {
    /// The word for it in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::OnlyOurs => "only_ours",
            Self::OnlyTheirs => "only_theirs",
            Self::Different => "different",
        }
    }
}

/// One reference, compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// How it compares.
    pub verdict: Verdict,
    /// What it is known by; empty where the bank names none.
    pub reference: String,
    /// What we know of it.
    pub ours: Option<Ours>,
    /// The bank's lines about it, in the statement's order.
    pub theirs: Vec<Line>,
    /// What disagrees, in a few words; empty if nothing does.
    pub note: &'static str,
}

/// Sums of one currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Totals {
    /// What we say was paid.
    pub ours_paid: Total,
    /// What left by the statement.
    pub theirs_debited: Total,
    /// What came back by the statement.
    pub theirs_credited: Total,
}

/// The whole comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// By reference; lines without one last.
    pub rows: Vec<Row>,
    /// By currency.
    pub totals: BTreeMap<Currency, Totals>,
}

/// Compares `ours` with the `lines` of a statement about the same days.
pub fn reconcile(lines: Vec<Line>, ours: impl IntoIterator<Item = Ours>) -> Report {
    let mut totals = BTreeMap::new();
    let mut pairs: BTreeMap<String, (Vec<Ours>, Vec<Line>)> = BTreeMap::new();
    let mut unnamed = Vec::new();
    for own in ours {
        if own.state == State::Paid {
            let sums = totals.entry(own.currency).or_insert(Totals::NONE);
            sums.ours_paid = sums.ours_paid.plus(own.amount);
        }
        pairs.entry(own.reference.clone()).or_default().0.push(own);
    }
    for line in lines {
        let sums = totals.entry(line.currency).or_insert(Totals::NONE);
        match line.entry {
            Entry::Debit => sums.theirs_debited = sums.theirs_debited.plus(line.amount),
            Entry::Credit => sums.theirs_credited = sums.theirs_credited.plus(line.amount),
        }
        match line.reference.as_str() {
            "" => unnamed.push(Row::only_theirs(String::new(), vec![line])),
            reference => pairs.entry(reference.to_owned()).or_default().1.push(line),
        }
    }
    let mut rows: Vec<Row> = Vec::with_capacity(pairs.len());
    for (reference, (ours, theirs)) in pairs {
        compare(&mut rows, reference, ours, theirs);
    }
    rows.append(&mut unnamed);
    Report { rows, totals }
}

/// Adds the rows of one reference.
fn compare(rows: &mut Vec<Row>, reference: String, mut ours: Vec<Ours>, theirs: Vec<Line>) {
    let Some(own) = ours.pop() else {
        rows.push(Row::only_theirs(reference, theirs));
        return;
    };
    if !ours.is_empty() {
        let verdict = Verdict::Different;
        let note = "several payouts of ours have this reference";
        rows.extend(ours.into_iter().map(|it| Row {
            verdict,
            reference: reference.clone(),
            ours: Some(it),
            theirs: Vec::new(),
            note,
        }));
        rows.push(Row { verdict, reference, ours: Some(own), theirs, note });
        return;
    }
    let (verdict, note) = judge(&own, &theirs);
    rows.push(Row { verdict, reference, ours: Some(own), theirs, note });
}

/// What the bank's lines about one reference say happened.
enum Happened {
    Nothing,
    Paid(Amount),
    Returned,
    Unclear(&'static str),
}

fn happened(theirs: &[Line]) -> Happened {
    let of = |entry| {
        let mut amounts: Vec<Amount> =
            theirs.iter().filter(|line| line.entry == entry).map(|line| line.amount).collect();
        amounts.sort_unstable();
        amounts
    };
    match (of(Entry::Debit).as_slice(), of(Entry::Credit).as_slice()) {
        ([], []) => Happened::Nothing,
        ([paid], []) => Happened::Paid(*paid),
        (debits, credits) if debits == credits => Happened::Returned,
        ([_, _, ..], []) => Happened::Unclear("the bank paid it more than once"),
        ([], _) => Happened::Unclear("the bank gave back what it never took"),
        _ => Happened::Unclear("the bank gave back another amount than it took"),
    }
}

fn judge(own: &Ours, theirs: &[Line]) -> (Verdict, &'static str) {
    if theirs.iter().any(|line| line.currency != own.currency) {
        return (Verdict::Different, "the currencies differ");
    }
    match (own.state, happened(theirs)) {
        (State::Paid, Happened::Paid(paid)) if paid == own.amount => (Verdict::Matched, ""),
        (_, Happened::Paid(paid)) if paid != own.amount => {
            (Verdict::Different, "the amounts differ")
        }
        (State::Failed, Happened::Nothing | Happened::Returned) => (Verdict::Matched, ""),
        (State::Paid, Happened::Nothing) => (Verdict::OnlyOurs, "the bank has not paid it"),
        (State::Open, Happened::Nothing) => {
            (Verdict::OnlyOurs, "it is open, and not on the statement")
        }
        (State::Failed, Happened::Paid(_)) => {
            (Verdict::Different, "the bank says paid and we say failed")
        }
        (State::Open, Happened::Paid(_)) => {
            (Verdict::Different, "the bank says paid and it is open here")
        }
        (State::Paid, Happened::Returned) => {
            (Verdict::Different, "the bank says returned and we say paid")
        }
        (State::Open, Happened::Returned) => {
            (Verdict::Different, "the bank says returned and it is open here")
        }
        (_, Happened::Unclear(note)) => (Verdict::Different, note),
        (State::Paid, Happened::Paid(_)) => unreachable!("the amount is the same or not"),
    }
}

impl Row {
    const fn only_theirs(reference: String, theirs: Vec<Line>) -> Self {
        let note = "no payout of ours has this reference";
        Self { verdict: Verdict::OnlyTheirs, reference, ours: None, theirs, note }
    }
}

impl Totals {
    const NONE: Self =
        Self { ours_paid: Total::ZERO, theirs_debited: Total::ZERO, theirs_credited: Total::ZERO };
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
}

#[cfg(test)]
mod tests;
