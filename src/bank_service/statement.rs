//! What a bank says happened on our account (service 14), as the CSV that a reconciliation takes.
//!
//! It is asked day by day with the credentials of the bank service, and moves nothing. One line
//! that cannot be written down makes all of it fail: books are not compared with a part.

use std::ops::RangeInclusive;
use std::sync::Arc;

use jiff::civil::Date;

use super::config::Settings;
use super::desk::Desk;
use crate::clock::Clock;
use crate::connector::http::Client;
use crate::connector::outcome::{Outcome, Reason};
use crate::connector::snap::services::account::{Direction, Line};
use crate::identity::random;
use crate::ledger::id::PublicId;
use crate::ledger::time::{BOOK_OFFSET_SECONDS, Timestamp};
use crate::outbound::Resolve;

const COLUMNS: [&str; 7] =
    ["date", "reference", "beneficiary_bank", "beneficiary_account", "amount", "currency", "type"];
const DAY_SECONDS: i64 = 24 * 3600;

/// Why there is no statement.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bank did not tell.
    #[error("the bank did not tell of {day}: {code}: {message}")]
    Untold {
        /// What it was asked about.
        day: Date,
        /// Its code, or ours.
        code: String,
        /// In words.
        message: String,
    },
    /// A line holds a fraction of the currency's unit.
    #[error("a line of {day} is of {amount}, which is no whole number of units")]
    Fraction {
        /// When.
        day: Date,
        /// With two decimals.
        amount: String,
    },
}

/// The statement of some `days`, both ends included, of the bank that `settings` name.
///
/// # Errors
/// See [`Error`]; nothing of it is told then.
pub async fn fetch(
    mut settings: Settings,
    resolve: Arc<dyn Resolve>,
    clock: Clock,
    days: RangeInclusive<Date>,
) -> Result<String, Error> {
    let tls = settings.tls.take();
    let client = Client::new(&settings.base, resolve, tls, settings.http);
    let desk = Desk::new(settings, client, clock);
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(COLUMNS).expect("memory takes it");
    let mut next = Some(*days.start());
    while let Some(day) = next.filter(|day| days.contains(day)) {
        for line in lines(&desk, day).await? {
            out.write_record(row(&line, day)?).expect("memory takes it");
        }
        next = day.tomorrow().ok();
    }
    let bytes = out.into_inner().expect("memory takes it");
    Ok(String::from_utf8(bytes).expect("made of text"))
}

/// What the bank says of one day of the books.
async fn lines(desk: &Desk, day: Date) -> Result<Vec<Line>, Error> {
    let untold = |Reason { code, message }| Error::Untold { day, code, message };
    let from = Timestamp::midnight(day, BOOK_OFFSET_SECONDS);
    // Banks count whole seconds, the last of them included.
    let period = (from, from.plus_seconds(DAY_SECONDS - 1));
    match desk.statement(&random::reference(), period).await.map_err(untold)? {
        Outcome::Succeeded(lines) => Ok(lines),
        Outcome::Refused(reason) | Outcome::NotSent(reason) | Outcome::Unknown(reason) => {
            Err(untold(reason))
        }
    }
}

/// A line in the columns' order. The bank does not say whose account the money went to.
fn row(line: &Line, day: Date) -> Result<[String; 7], Error> {
    let units = line.amount.units();
    let units = units.ok_or_else(|| Error::Fraction { day, amount: line.amount.value() })?;
    let time = Timestamp::parse_rfc3339(&line.date);
    let date = time.map_or(day, |time| time.date(BOOK_OFFSET_SECONDS));
    let kind = match line.direction {
        Direction::Credit => "CREDIT",
        Direction::Debit => "DEBIT",
    };
    Ok([
        date.to_string(),
        reference_in(&line.remark),
        String::new(),
        String::new(),
        units.to_string(),
        line.amount.currency.clone(),
        kind.to_owned(),
    ])
}

/// What we called the transfer, if the bank's words hold it.
fn reference_in(remark: &str) -> String {
    let is_ours = |word: &&str| PublicId::parse("try", &format!("try_{word}")).is_some();
    let mut words = remark.split(|c: char| !c.is_ascii_alphanumeric());
    words.find(is_ours).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::snap::money::Money;

    #[test]
    fn a_line_is_written_in_the_columns_of_a_reconciliation() {
        let ours = "01K4GZ9Q8E0000000000000013";
        // (the bank's time, its words, hundredths, what is written)
        let cases = [
            ("2026-11-21T10:00:00+07:00", format!("{ours} 0115471119"), 2_500_000, Some(ours)),
            ("2026-11-20T18:00:00Z", format!("TRF/{ours}/ERRY"), 2_500_000, Some(ours)),
            ("21/11/2026", "BIAYA ADM".to_owned(), 2_500_000, Some("")),
            ("2026-11-21T10:00:00+07:00", "BUNGA".to_owned(), 2_500_001, None),
        ];
        for (date, remark, hundredths, reference) in cases {
            let amount = Money { hundredths, currency: "IDR".to_owned() };
            let (date, direction) = (date.to_owned(), Direction::Debit);
            let line = Line { date, amount, direction, remark };
            let row = row(&line, jiff::civil::date(2026, 11, 21)).ok().map(|row| row.join(","));
            let expected = reference.map(|it| format!("2026-11-21,{it},,,25000,IDR,DEBIT"));
            assert_eq!(row, expected, "{line:?}");
        }
    }
}
