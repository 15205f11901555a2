//! The provider's own book: every transaction as it stands, a line of JSON for each change.
//!
//! Kept in a file if there is one, so that the provider remembers after a restart.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::connector::midtrans::charge::Charge;
use crate::connector::midtrans::method::Method;
use crate::connector::midtrans::transaction::Transaction;
use crate::connector::snap::fields::{Fields, Names};
use crate::http::midtrans::{Kept, Places};
use crate::simulator::lock::lock;

/// A transaction as it stands, and where it is told of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) kept: Kept,
    pub(super) places: Places,
}

/// Where entries are written to.
pub(super) struct Book(Option<File>);

impl Book {
    /// The book of a file, which is made if it is not there, and what stands in it. A last line
    /// without an end was never answered to anybody and is cut off; any other line that cannot be
    /// read is an error.
    pub(super) fn open(path: Option<&Path>) -> io::Result<(Self, Vec<Entry>)> {
        let Some(path) = path else { return Ok((Self(None), Vec::new())) };
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        lock(&file)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let bad = || io::Error::new(io::ErrorKind::InvalidData, "a line is no transaction");
        let entries = text[..whole].lines().map(|line| Entry::read(line).ok_or_else(bad));
        let entries = entries.collect::<io::Result<_>>()?;
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::End(0))?;
        Ok((Self(Some(file)), entries))
    }

    /// Writes an entry down, if there is a file.
    pub(super) fn enter(&mut self, entry: &Entry) -> io::Result<()> {
        match &mut self.0 {
            Some(file) => file.write_all(format!("{}\n", entry.to_json()).as_bytes()),
            None => Ok(()),
        }
    }
}

impl Entry {
    fn to_json(&self) -> Value {
        let Kept { transaction, method } = &self.kept;
        let order_id = transaction.order_id.clone();
        let charge = Charge::new(order_id, transaction.amount, *method);
        let (kind, urls) = match &self.places {
            Places::Usual => ("usual", &[][..]),
            Places::Also(urls) => ("also", &urls[..]),
            Places::Instead(urls) => ("instead", &urls[..]),
        };
        json!({
            "transaction": transaction.to_json(),
            "method": {"payment_type": method.payment_type(), "options": charge.options},
            "places": {"kind": kind, "urls": urls},
        })
    }

    fn read(line: &str) -> Option<Self> {
        let line: Map<String, Value> = serde_json::from_str(line).ok()?;
        let told = line.get("transaction")?.to_string();
        let transaction = Transaction::read(Fields::parse(told.as_bytes(), Names::Exact)?)?;
        let method = line.get("method")?;
        let options = method.get("options")?.as_object()?;
        let method = Method::read(method.get("payment_type")?.as_str()?, options).ok()?;
        let places = line.get("places")?;
        let urls = places.get("urls")?.as_array()?.iter();
        let urls = urls.map(|url| url.as_str().map(ToOwned::to_owned)).collect::<Option<_>>()?;
        let places = match places.get("kind")?.as_str()? {
            "usual" => Places::Usual,
            "also" => Places::Also(urls),
            "instead" => Places::Instead(urls),
            _ => return None,
        };
        Some(Self { kept: Kept { transaction, method }, places })
    }
}
