//! The bank's own book: what it was asked to move, what it moved, and what is left.
//!
//! Kept in memory, and appended to a file if there is one, a line of JSON for each transfer, so that
//! the bank remembers after a restart.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::ledger::time::{BOOK_OFFSET_SECONDS, Timestamp};
use crate::simulator::lock::lock;

/// A transfer that was asked for and looked at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When, in microseconds since 1970.
    pub at_micros: i64,
    /// The partner's name for it.
    pub partner_reference: String,
    /// The bank's.
    pub bank_reference: String,
    /// The `X-EXTERNAL-ID` it came under.
    pub external_id: String,
    /// 17 or 18.
    pub service: String,
    /// The account it left.
    pub source_account: String,
    /// The bank it went to, three digits.
    pub beneficiary_bank: String,
    /// The account it went to.
    pub beneficiary_account: String,
    /// Rupiah.
    pub amount: u64,
    /// What was answered, or would have been if the answer had not got lost.
    pub code: String,
}

impl Entry {
    /// Whether money moved.
    pub fn executed(&self) -> bool {
        self.code.starts_with("200")
    }

    /// When.
    pub const fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.at_micros)
    }
}

/// Every entry in order.
#[derive(Debug)]
pub(super) struct Book {
    entries: Vec<Entry>,
    by_reference: HashMap<String, usize>,
    /// How often money moved for a reference.
    executions: HashMap<String, usize>,
    /// What each account that was ever moved has gained or lost, in rupiah.
    changes: HashMap<String, i128>,
    /// This bank.
    bank: &'static str,
    file: Option<File>,
}

impl Book {
    /// An empty book, kept in memory.
    pub(super) fn new(bank: &'static str) -> Self {
        Self {
            entries: Vec::new(),
            by_reference: HashMap::new(),
            executions: HashMap::new(),
            changes: HashMap::new(),
            bank,
            file: None,
        }
    }

    /// The book of a file, which is made if it is not there. A last line without an end was never
    /// answered to anybody and is cut off; any other line that cannot be read is an error.
    pub(super) fn open(bank: &'static str, path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        lock(&file)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let mut book = Self::new(bank);
        for line in text[..whole].lines() {
            let entry = serde_json::from_str(line).map_err(io::Error::other)?;
            book.take(entry);
        }
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::End(0))?;
        book.file = Some(file);
        Ok(book)
    }

    /// Enters a transfer: in the file first, so that what is answered is remembered.
    pub(super) fn enter(&mut self, entry: Entry) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            let line = serde_json::to_string(&entry).map_err(io::Error::other)? + "\n";
            file.write_all(line.as_bytes())?;
        }
        self.take(entry);
        Ok(())
    }

    fn take(&mut self, entry: Entry) {
        if entry.executed() {
            *self.executions.entry(entry.partner_reference.clone()).or_default() += 1;
            let amount = i128::from(entry.amount);
            *self.changes.entry(entry.source_account.clone()).or_default() -= amount;
            if entry.beneficiary_bank == self.bank {
                *self.changes.entry(entry.beneficiary_account.clone()).or_default() += amount;
            }
        }
        self.by_reference.insert(entry.partner_reference.clone(), self.entries.len());
        self.entries.push(entry);
    }

    /// The entry of a reference.
    pub(super) fn find(&self, partner_reference: &str) -> Option<&Entry> {
        self.by_reference.get(partner_reference).map(|place| &self.entries[*place])
    }

    /// How often money moved for a reference.
    pub(super) fn executions(&self, partner_reference: &str) -> usize {
        self.executions.get(partner_reference).copied().unwrap_or_default()
    }

    /// All of them.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What an account has gained or lost, in rupiah.
    pub(super) fn change(&self, account: &str) -> i128 {
        self.changes.get(account).copied().unwrap_or_default()
    }

    /// Accounts whose balance has changed, in order.
    pub(super) fn moved(&self) -> Vec<&str> {
        let mut accounts: Vec<&str> = self.changes.keys().map(String::as_str).collect();
        accounts.sort_unstable();
        accounts
    }

    /// What left the source account, as CSV with a line of names.
    pub(super) fn statement(&self) -> String {
        let mut out = csv::Writer::from_writer(Vec::new());
        let names = [
            "date",
            "reference",
            "beneficiary_bank",
            "beneficiary_account",
            "amount",
            "currency",
            "type",
        ];
        let rows = self.entries.iter().filter(|entry| entry.executed()).map(|entry| {
            let date = entry.at().to_rfc3339(BOOK_OFFSET_SECONDS);
            let amount = format!("{}.00", entry.amount);
            let Entry { partner_reference, beneficiary_bank, beneficiary_account, .. } = entry;
            [
                date,
                partner_reference.clone(),
                beneficiary_bank.clone(),
                beneficiary_account.clone(),
                amount,
                "IDR".to_owned(),
                "DEBIT".to_owned(),
            ]
        });
        out.write_record(names).expect("memory takes it");
        rows.for_each(|row| out.write_record(row).expect("memory takes it"));
        let bytes = out.into_inner().expect("memory takes it");
        String::from_utf8(bytes).expect("made of text")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(reference: &str, to: (&str, &str), amount: u64, code: &str) -> Entry {
        Entry {
            at_micros: 1_792_000_000_000_000,
            partner_reference: reference.to_owned(),
            bank_reference: format!("B{reference}"),
            external_id: "1".to_owned(),
            service: "17".to_owned(),
            source_account: "100".to_owned(),
            beneficiary_bank: to.0.to_owned(),
            beneficiary_account: to.1.to_owned(),
            amount,
            code: code.to_owned(),
        }
    }

    fn fill(book: &mut Book) {
        book.enter(entry("a", ("009", "200"), 70, "2001700")).unwrap();
        book.enter(entry("b", ("014", "200"), 30, "2001800")).unwrap();
        book.enter(entry("c", ("009", "200"), 99, "4031709")).unwrap();
    }

    #[test]
    fn only_what_was_executed_moves_money() {
        let mut book = Book::new("009");
        fill(&mut book);
        assert_eq!((book.change("100"), book.change("200")), (-100, 70));
        assert_eq!(book.moved(), ["100", "200"]);
        assert!(book.find("a").unwrap().executed() && !book.find("c").unwrap().executed());
        assert_eq!(book.find("d"), None);
        assert_eq!(["a", "c", "d"].map(|reference| book.executions(reference)), [1, 0, 0]);
        assert_eq!(
            book.statement(),
            "date,reference,beneficiary_bank,beneficiary_account,amount,currency,type\n\
             2026-10-15T00:46:40.000000+07:00,a,009,200,70.00,IDR,DEBIT\n\
             2026-10-15T00:46:40.000000+07:00,b,014,200,30.00,IDR,DEBIT\n"
        );
    }

    #[test]
    fn a_file_remembers_whole_lines() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("book");
        let mut book = Book::open("009", &path).unwrap();
        fill(&mut book);
        let kept = book.entries().to_vec();
        drop(book);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], b"{\"atMicros\":1"].concat()).unwrap();
        assert_eq!(Book::open("009", &path).unwrap().entries(), kept);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        let mut again = Book::open("009", &path).unwrap();
        again.enter(entry("d", ("009", "200"), 1, "2001700")).unwrap();
        assert!(Book::open("009", &path).is_err(), "one process at a time keeps a book");
        drop(again);
        assert_eq!(Book::open("009", &path).unwrap().entries().len(), 4);
        std::fs::write(&path, "nonsense\n").unwrap();
        assert!(Book::open("009", &path).is_err());
    }
}
