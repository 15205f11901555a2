//! A few lines beside the log that say what must be there.
//!
//! sled may come back empty, or the volume may be an older copy; nothing in the log itself would
//! show it. The side file names the end of the sealed history and a position that was durable when
//! it was written, each with its hash. It is not read for anything else, and it is never repaired.
//!
//! It also says which file it is, and when that file came to be. A store that was put back from a
//! backup, or brought from elsewhere, is a file of another number or another birth; its owner may
//! have gone on without it, so it is not written to before somebody says that this is meant. What
//! cannot be told apart so: a volume set back as a whole, and a directory moved away and back.

use std::fs::Metadata;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

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

/// Which file it is: no copy has the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    /// Its number in its file system. Not that of the device, which may be another after a reboot.
    number: u64,
    /// When it came to be, in nanoseconds since 1970; 0 where the file system does not know.
    born: u128,
}

impl Place {
    fn of(metadata: &Metadata) -> Self {
        let born = metadata.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        Self { number: metadata.ino(), born: born.map_or(0, |born| born.as_nanos()) }
    }
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
    /// Which file it was when it was written; none before it is.
    written: Option<Place>,
}

impl SideFile {
    /// The side file of a store that is being created in `directory`; not written yet.
    pub fn new(directory: &Path, created: Timestamp, durable: Mark) -> Self {
        Self { path: Self::path(directory), created, sealed: None, durable, written: None }
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
            Some((side, place)) if side.text(place).as_bytes() == text => Ok(Some(side)),
            _ => Err(broken),
        }
    }

    /// Whether it was written as another file than it is now.
    ///
    /// # Errors
    /// The file cannot be looked at.
    pub fn is_copy(&self) -> Result<bool, Error> {
        let metadata = std::fs::metadata(&self.path);
        let metadata = metadata.map_err(|source| Error::file("look at", &self.path, source))?;
        Ok(self.written.is_some_and(|written| written != Place::of(&metadata)))
    }

    /// Writes it; durable when this returns, and no copy from here on.
    ///
    /// # Errors
    /// It cannot be written. The one before is still there.
    pub fn write(&mut self) -> Result<(), Error> {
        let mut written = None;
        files::replace(&self.path, |file| {
            // The name is given later; the file stays the same.
            let place = Place::of(&file.get_ref().metadata()?);
            written = Some(place);
            file.write_all(self.text(place).as_bytes())
        })?;
        self.written = written;
        Ok(())
    }

    fn path(directory: &Path) -> PathBuf {
        directory.join("store")
    }

    fn text(&self, place: Place) -> String {
        let created = self.created.micros();
        let sealed = self.sealed.map_or_else(|| "none".to_owned(), mark_text);
        let durable = mark_text(self.durable);
        let Place { number, born } = place;
        let text = format!(
            "{TITLE}\ncreated {created}\nsealed {sealed}\ndurable {durable}\nplace {number} {born}\n"
        );
        let check = Hash::of(text.as_bytes());
        format!("{text}check {check}\n")
    }

    fn parse(path: PathBuf, text: &str) -> Option<(Self, Place)> {
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
        let (number, born) = field("place")?.split_once(' ')?;
        let place = Place { number: number.parse().ok()?, born: born.parse().ok()? };
        Some((Self { path, created, sealed, durable, written: Some(place) }, place))
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
