//! A bank's statement as CSV, read strictly: one thing that is not as it should be, and nothing is
//! compared. A line that is left out would look like money that has not moved.
//!
//! ```text
//! date,reference,beneficiary_bank,beneficiary_account,amount,currency,type
//! 2026-11-21,FDP29771029211,009,0115471119,2475000,IDR,DEBIT
//! ```

use csv::{ErrorKind, Position, ReaderBuilder, StringRecord, Trim};
use jiff::civil::Date;

use crate::ledger::money::{Amount, Currency};
use crate::ledger::registry::BankCode;
use crate::limits;

/// The columns, in their order.
const COLUMNS: [&str; 7] =
    ["date", "reference", "beneficiary_bank", "beneficiary_account", "amount", "currency", "type"];

/// What a line does to our account at the bank.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// Money leaves.
    Debit,
    /// Money comes back.
    Credit,
}

/// A line of a statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Where it stands in the file, from 1.
    pub number: u64,
    /// The day it was booked.
    pub date: Date,
    /// What we called the transfer; empty on the bank's own lines, such as its fees.
    pub reference: String,
    /// The beneficiary's bank, if the line has one.
    pub bank: Option<BankCode>,
    /// The beneficiary's account, if the line has one.
    pub account: String,
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
    /// Which way.
    pub entry: Entry,
}

/// Why a statement is not read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}, {column}: {message}")]
pub struct StatementError {
    /// In which line, from 1.
    pub line: u64,
    /// In which column; `line` if it is about all of it.
    pub column: &'static str,
    /// What is wrong.
    pub message: String,
}

/// The lines of the statement in `bytes`.
///
/// # Errors
/// The first thing in it that is not as it should be.
pub fn parse(bytes: &[u8]) -> Result<Vec<Line>, StatementError> {
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(false).trim(Trim::None).from_reader(bytes);
    let mut places = Places { bytes, byte: 0, line: 1 };
    let mut records = reader.records();
    let header = records.next().transpose().map_err(|error| broken(&error, &mut places))?;
    if header.is_none_or(|header| !header.iter().eq(COLUMNS)) {
        let message = format!("the first line must be {}", COLUMNS.join(","));
        return Err(StatementError { line: 1, column: "line", message });
    }
    let mut lines: Vec<Line> = Vec::new();
    for record in records {
        let record = record.map_err(|error| broken(&error, &mut places))?;
        let line = places.line_of(record.position());
        if lines.len() >= limits::STATEMENT_LINES_MAX {
            let message = format!("more than {} lines", limits::STATEMENT_LINES_MAX);
            return Err(StatementError { line, column: "line", message });
        }
        lines.push(read(&record, line)?);
    }
    Ok(lines)
}

/// Finds lines by bytes, forwards only: the reader's own count is one behind where lines end in
/// CR and LF.
struct Places<'b> {
    bytes: &'b [u8],
    byte: usize,
    line: u64,
}

impl Places<'_> {
    /// The line in which the record at `position` begins.
    fn line_of(&mut self, position: Option<&Position>) -> u64 {
        let begins = position.and_then(|position| usize::try_from(position.byte()).ok());
        let begins = begins.unwrap_or(self.byte).min(self.bytes.len());
        // A record may be said to begin with the end of the line before it, or with empty ones.
        let rest = self.bytes[begins..].iter();
        let begins = begins + rest.take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let passed = self.bytes.get(self.byte..begins).unwrap_or_default();
        let ends = passed.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u64::try_from(ends).unwrap_or(u64::MAX));
        self.byte = self.byte.max(begins);
        self.line
    }
}

fn broken(error: &csv::Error, places: &mut Places<'_>) -> StatementError {
    let line = places.line_of(error.position());
    let (column, message) = match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            ("line", format!("has {len} columns instead of {expected_len}"))
        }
        ErrorKind::Utf8 { err, .. } => {
            (COLUMNS.get(err.field()).copied().unwrap_or("line"), "is not UTF-8".to_owned())
        }
        _ => ("line", "is not CSV".to_owned()),
    };
    StatementError { line, column, message }
}

fn read(record: &StringRecord, line: u64) -> Result<Line, StatementError> {
    let field = |place: usize| record.get(place).unwrap_or_default();
    let wrong = |place: usize, message: &str| StatementError {
        line,
        column: COLUMNS[place],
        message: message.to_owned(),
    };
    let reference = field(1);
    if reference.len() > limits::REFERENCE_MAX || !reference.bytes().all(|c| c.is_ascii_graphic()) {
        return Err(wrong(1, "must be visible ASCII without spaces"));
    }
    let bank = match field(2) {
        "" => None,
        code => Some(BankCode::parse(code).ok_or_else(|| wrong(2, "must be three digits"))?),
    };
    let account = field(3);
    if account.len() > limits::REFERENCE_MAX || !account.bytes().all(|c| c.is_ascii_alphanumeric())
    {
        return Err(wrong(3, "must be digits and letters"));
    }
    Ok(Line {
        number: line,
        date: date(field(0)).ok_or_else(|| wrong(0, "must be a day like 2026-11-21"))?,
        reference: reference.to_owned(),
        bank,
        account: account.to_owned(),
        amount: amount(field(4))
            .ok_or_else(|| wrong(4, "must be whole units without sign or separator, above 0"))?,
        currency: Currency::parse(field(5)).ok_or_else(|| wrong(5, "must be like IDR"))?,
        entry: match field(6) {
            "DEBIT" => Entry::Debit,
            "CREDIT" => Entry::Credit,
            _ => return Err(wrong(6, "must be DEBIT or CREDIT")),
        },
    })
}

fn date(text: &str) -> Option<Date> {
    let form = |(place, c): (usize, u8)| match place {
        4 | 7 => c == b'-',
        _ => c.is_ascii_digit(),
    };
    let good = text.len() == 10 && text.bytes().enumerate().all(form);
    text.parse().ok().filter(|_| good)
}

/// Whole units; banks write the two places of the rupiah's sen, which must be zeros.
fn amount(text: &str) -> Option<Amount> {
    let units = text.strip_suffix(".00").unwrap_or(text);
    let plain = !units.is_empty() && units.bytes().all(|c| c.is_ascii_digit());
    units.parse().ok().filter(|_| plain).and_then(Amount::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "date,reference,beneficiary_bank,beneficiary_account,amount,currency,type";
    const GOOD: &str = "2026-11-21,FDP29771029211,009,0115471119,2475000,IDR,DEBIT";

    fn error(bytes: &[u8]) -> String {
        parse(bytes).map(|lines| format!("{lines:?}")).unwrap_err().to_string()
    }

    #[test]
    fn a_statement_is_read() {
        let fee = "2026-11-21,,,,2500.00,IDR,DEBIT";
        let text = format!("{HEADER}\r\n{GOOD}\r\n\"2026-11-22\",R-2,014,1,1,USD,CREDIT\n{fee}");
        let lines = parse(text.as_bytes()).unwrap();
        let first = Line {
            number: 2,
            date: jiff::civil::date(2026, 11, 21),
            reference: "FDP29771029211".to_owned(),
            bank: BankCode::parse("009"),
            account: "0115471119".to_owned(),
            amount: Amount::new(2_475_000).unwrap(),
            currency: Currency::IDR,
            entry: Entry::Debit,
        };
        assert_eq!(lines[0], first);
        assert_eq!((lines[1].number, lines[1].entry), (3, Entry::Credit));
        assert_eq!((lines[2].number, lines[2].bank, lines[2].amount.get()), (4, None, 2_500));
        assert_eq!(parse(HEADER.as_bytes()).unwrap(), []);
    }

    #[test]
    fn what_is_wrong_is_named_by_line_and_column() {
        let columns = [
            "date",
            "reference",
            "beneficiary_bank",
            "beneficiary_account",
            "amount",
            "currency",
            "type",
        ];
        let cases: [(usize, &[&str]); 7] = [
            (
                0,
                &[
                    "",
                    "21-11-2026",
                    "2026-11-31",
                    "20261121",
                    "2026-11-21T00:00",
                    "2026/11/21",
                    " 2026-11-21",
                ],
            ),
            (1, &["a b", "é", "tab\t"]),
            (2, &["9", "BNI", "0090", " 009"]),
            (3, &["1 2", "01-15", "0115471119 "]),
            (
                4,
                &[
                    "",
                    "0",
                    "-1",
                    "+1",
                    "1.5",
                    "1.0",
                    "1,000",
                    "1e3",
                    "0.00",
                    ".00",
                    "1000000000000001",
                    "99999999999999999999",
                    " 1",
                ],
            ),
            (5, &["", "idr", "RP", "IDRX"]),
            (6, &["", "debit", "D", "FEE"]),
        ];
        for (place, wrong) in cases {
            for value in wrong {
                let mut fields: Vec<String> = GOOD.split(',').map(str::to_owned).collect();
                fields[place] = format!("\"{value}\"");
                let text = format!("{HEADER}\n{GOOD}\n{}\n", fields.join(","));
                let expected = format!("line 3, {}: ", columns[place]);
                let found = error(text.as_bytes());
                assert!(found.starts_with(&expected), "{value}: {found}");
            }
        }
    }

    #[test]
    fn lines_are_counted_however_they_end() {
        let wrong = "2026-11-21,R,9,1,1,IDR,DEBIT";
        for end in ["\n", "\r\n"] {
            for gap in [end.to_owned(), end.repeat(3)] {
                let text = [HEADER, GOOD, GOOD, wrong].join(&gap);
                let line = 1 + 3 * (gap.len() / end.len());
                let expected = format!("line {line}, beneficiary_bank: must be three digits");
                assert_eq!(error(text.as_bytes()), expected);
            }
        }
    }

    #[test]
    fn what_is_no_statement_is_refused() {
        let cases = [
            (String::new(), "line 1, line: the first line must be date,"),
            (GOOD.to_owned(), "line 1, line: the first line must be date,"),
            (HEADER.replace("date,", ""), "line 1, line: the first line"),
            (HEADER.replace("type", "Type"), "line 1, line: the first line"),
            (format!("{HEADER},note"), "line 1, line: the first line"),
            (format!("{HEADER}\n{GOOD}\n{GOOD},more\n"), "line 3, line: has 8 columns"),
            (format!("{HEADER}\n{GOOD}\n2026-11-21\n"), "line 3, line: has 1 columns"),
            (format!("{HEADER}\n\"{GOOD}\n{GOOD}\n"), "line 2, line: has 1 columns"),
        ];
        for (text, expected) in cases {
            let found = error(text.as_bytes());
            assert!(found.starts_with(expected), "{text}: {found}");
        }
        let mut bytes = format!("{HEADER}\n{GOOD}\n").into_bytes();
        let place = HEADER.len() + 1 + "2026-11-21,".len();
        bytes[place] = 0xff;
        assert_eq!(error(&bytes), "line 2, reference: is not UTF-8");
    }
}
