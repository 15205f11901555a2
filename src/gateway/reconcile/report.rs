//! A comparison as text for people and as CSV for other programs.
//!
//! Account numbers are shown by their last four characters.

use std::fmt::Write as _;
use std::io;

use super::{Entry, Line, Ours, Report, Row, Verdict};
use crate::journal::export::guarded;

/// The columns of [`Report::csv`].
pub const COLUMNS: [&str; 11] = [
    "verdict",
    "reference",
    "currency",
    "our_date",
    "our_state",
    "our_amount",
    "bank_line",
    "bank_date",
    "bank_type",
    "bank_amount",
    "note",
];

impl Report {
    /// The totals, and every row that does not agree.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let verdict = if self.agrees() { "Both sides agree." } else { "The sides do not agree." };
        writeln!(text, "{verdict}").expect("text grows");
        for verdict in
            [Verdict::Matched, Verdict::OnlyOurs, Verdict::OnlyTheirs, Verdict::Different]
        {
            writeln!(text, "{}: {}", verdict.name(), self.count(verdict)).expect("text grows");
        }
        for (currency, totals) in &self.totals {
            let [paid, debited, credited] =
                [totals.ours_paid, totals.theirs_debited, totals.theirs_credited]
                    .map(crate::ledger::money::Total::units);
            writeln!(
                text,
                "{currency}: paid by us {paid}; by the bank taken {debited}, given back {credited}"
            )
            .expect("text grows");
        }
        for row in self.rows.iter().filter(|row| row.verdict != Verdict::Matched) {
            let reference = if row.reference.is_empty() { "(none)" } else { &row.reference };
            writeln!(text, "{} {reference}: {}", row.verdict.name(), row.note).expect("text grows");
            if let Some(Ours { amount, currency, state, date, .. }) = &row.ours {
                writeln!(text, "  ours: {} {amount} {currency}, {date}", state.name())
                    .expect("text grows");
            }
            for line in &row.theirs {
                let Line { number, amount, currency, date, .. } = line;
                let to = beneficiary(line);
                let entry = entry_name(line.entry);
                writeln!(text, "  line {number}: {entry} {amount} {currency}, {date}{to}")
                    .expect("text grows");
            }
        }
        text
    }

    /// Every row under [`COLUMNS`], one line per line of the bank. Texts that a spreadsheet would
    /// take for a formula begin with `'`.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub fn csv(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(COLUMNS)?;
        for row in &self.rows {
            if row.theirs.is_empty() {
                writer.write_record(fields(row, None))?;
            }
            for line in &row.theirs {
                writer.write_record(fields(row, Some(line)))?;
            }
        }
        writer.flush()
    }
}

fn fields(row: &Row, line: Option<&Line>) -> [String; 11] {
    let of_ours = |part: fn(&Ours) -> String| row.ours.as_ref().map(part).unwrap_or_default();
    let of_line = |part: fn(&Line) -> String| line.map(part).unwrap_or_default();
    let currency = line
        .map(|line| line.currency)
        .or_else(|| row.ours.as_ref().map(|ours| ours.currency))
        .map_or_else(String::new, |currency| currency.to_string());
    [
        row.verdict.name().to_owned(),
        guarded(&row.reference),
        currency,
        of_ours(|ours| ours.date.to_string()),
        of_ours(|ours| ours.state.name().to_owned()),
        of_ours(|ours| ours.amount.to_string()),
        of_line(|line| line.number.to_string()),
        of_line(|line| line.date.to_string()),
        of_line(|line| entry_name(line.entry).to_owned()),
        of_line(|line| line.amount.to_string()),
        row.note.to_owned(),
    ]
}

const fn entry_name(entry: Entry) -> &'static str {
    match entry {
        Entry::Debit => "DEBIT",
        Entry::Credit => "CREDIT",
    }
}

fn beneficiary(line: &Line) -> String {
    let hidden = line.account.len().saturating_sub(4);
    let end = line.account.get(hidden..).unwrap_or_default();
    match &line.bank {
        Some(bank) => format!(", to {bank} ...{end}"),
        None => String::new(),
    }
}
