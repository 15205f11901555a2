//! A few lines beside the log that say what must be there.
//!
//! sled may come back empty, or the volume may be an older copy; nothing in the log itself would
//! show it. The side file names the end of the sealed history and a position that was durable when
//! it was written, each with its hash. It is not read for anything else, and it is never repaired.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::chain::Hash;
use super::error::Error;
use super::files;
use crate::ledger::id::Position;
use crate::ledger::time::Timestamp;

const TITLE: &str = "gerbang store 1";

/// A place in the journal and the hash that proves everything up to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The last position of a batch.
    pub position: Position,
    /// That batch's hash.
    pub hash: Hash,
}

/// What must be in the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SideFile {
    path: PathBuf,
    /// When the store was created.
    pub created: Timestamp,
    /// Everything up to here stands in segments; the log begins behind it at the latest.
    pub sealed: Option<Mark>,
    /// This was durable; the log reaches at least so far.
    pub durable: Mark,
}

impl SideFile {
    /// The side file of a store that is being created in `directory`; not written yet.
    pub fn new(directory: &Path, created: Timestamp, durable: Mark) -> Self {
        Self { path: Self::path(directory), created, sealed: None, durable }
    }

    /// The side file in `directory`; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read, or is not what was written.
    pub fn read(directory: &Path) -> Result<Option<Self>, Error> {
        let path = Self::path(directory);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::file("read", &path, source)),
        };
        let broken = Error::BrokenFile { path: path.clone(), flaw: "it is not as it was written" };
        let parsed = str::from_utf8(&text).ok().and_then(|text| Self::parse(path, text));
        // Written again it must give the same bytes: no byte of the file is free to differ.
        match parsed {
            Some(side) if side.text().as_bytes() == text => Ok(Some(side)),
            _ => Err(broken),
        }
    }

    /// Writes it; durable when this returns.
    ///
    /// # Errors
    /// It cannot be written. The one before is still there.
    pub fn write(&self) -> Result<(), Error> {
        files::replace(&self.path, |file| file.write_all(self.text().as_bytes()))
    }

    fn path(directory: &Path) -> PathBuf {
        directory.join("store")
    }

    fn text(&self) -> String {
        let created = self.created.micros();
        let sealed = self.sealed.map_or_else(|| "none".to_owned(), mark_text);
        let durable = mark_text(self.durable);
        let text = format!("{TITLE}\ncreated {created}\nsealed {sealed}\ndurable {durable}\n");
        let check = Hash::of(text.as_bytes());
        format!("{text}check {check}\n")
    }

    fn parse(path: PathBuf, text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != TITLE {
            return None;
        }
        let mut field = |name| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let created = Timestamp::from_micros(field("created")?.parse().ok()?);
        let sealed = match field("sealed")? {
            "none" => None,
            mark => Some(parse_mark(mark)?),
        };
        let durable = parse_mark(field("durable")?)?;
        Some(Self { path, created, sealed, durable })
    }
}

fn mark_text(mark: Mark) -> String {
    format!("{} {}", mark.position, mark.hash)
}

fn parse_mark(text: &str) -> Option<Mark> {
    let (position, hash) = text.split_once(' ')?;
    let position = Position::new(position.parse().ok()?)?;
    Some(Mark { position, hash: Hash::parse(hash)? })
}
