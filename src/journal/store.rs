//! Opens a data directory: finds out what is there, refuses what should not be, replays the rest.
//!
//! A torn batch at the very end was never acknowledged; it is cut and reported. Everything else
//! that is not as it was left stops the start with a position. Nothing is skipped or repaired.
//!
//! ```text
//!  data/store/lock           one process
//!             store          the side file: what must be here
//!             log/           sled
//!             history/       sealed segments
//!             checkpoint-*   a cache
//! ```
//!
//! Creation makes genesis durable in the log first and writes the side file last. A crash between
//! leaves genesis alone, which the next start adopts; more than that without a side file is refused.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::checkpoint::Checkpoint;
use super::codec::{Batch, BatchBuilder};
use super::error::{Error, Flaw};
use super::history::History;
use super::lock::Lock;
use super::sealer::Site;
use super::segment::{Segment, fingerprint_of};
use super::sidefile::{Mark, SideFile};
use super::sled::{SledJournal, Torn};
use super::{Hash, Journal, chain, files, replay};
use crate::ledger::book::Book;
use crate::ledger::event::{Event, Fact};
use crate::ledger::id::Position;
use crate::ledger::settles::further_fingerprints;
use crate::ledger::time::Timestamp;

/// How far an opening is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Entries done.
    pub done: u64,
    /// Entries to do.
    pub total: u64,
}

/// A store, open, with everything derived from it.
pub struct Opened {
    /// For the writer.
    pub journal: SledJournal,
    /// For readers; the writer pushes to it.
    pub history: Arc<History>,
    /// The state after the last entry.
    pub book: Book,
    /// The hash of the last batch.
    pub last_hash: Hash,
    /// When the last batch was written.
    pub last_time: Timestamp,
    /// For the sealer.
    pub site: Site,
    /// What the opening found.
    pub report: OpenReport,
}

/// What an opening found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OpenReport {
    /// Whether the store was created.
    pub created: bool,
    /// A batch that was not written to its end and is now gone.
    pub torn: Option<Torn>,
    /// The position of the checkpoint that was used.
    pub checkpoint: Option<Position>,
    /// Entries replayed.
    pub replayed: u64,
}

/// Opens the store in `directory`, creating it at `now` if the directory is empty or absent.
/// `reference` is told the fingerprint and position of every reference, oldest first.
///
/// # Errors
/// The directory is in use, cannot be read or written, or is not as it was left;
/// [`Error::Copied`] if it is a copy that nobody has accepted.
pub fn open(
    directory: &Path,
    now: Timestamp,
    progress: &mut dyn FnMut(Progress),
    reference: &mut dyn FnMut(u64, Position),
) -> Result<Opened, Error> {
    open_for(Use::Writing, directory, now, progress, reference)
}

/// [`open`] for whoever appends nothing: a copy is as good, and stays marked as one.
///
/// # Errors
/// As there, but for copies.
pub fn open_to_read(
    directory: &Path,
    now: Timestamp,
    progress: &mut dyn FnMut(Progress),
) -> Result<Opened, Error> {
    open_for(Use::Reading, directory, now, progress, &mut |_, _| {})
}

/// From here on a store that was put back from a backup is the one that goes on. `false` if it is no
/// copy, or not there.
///
/// # Errors
/// The directory is in use, or its side file cannot be read or written.
pub fn accept_copy(directory: &Path) -> Result<bool, Error> {
    if !exists(directory) {
        return Ok(false);
    }
    let _lock = Lock::acquire(directory)?;
    match SideFile::read(directory)? {
        Some(mut side) if side.is_copy()? => side.write().map(|()| true),
        _ => Ok(false),
    }
}

/// What a store is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Writing,
    Reading,
}

fn open_for(
    wanted: Use,
    directory: &Path,
    now: Timestamp,
    progress: &mut dyn FnMut(Progress),
    reference: &mut dyn FnMut(u64, Position),
) -> Result<Opened, Error> {
    files::create_directory(directory)?;
    let lock = Arc::new(Lock::acquire(directory)?);
    let mut found = survey(directory, &lock, reference)?;
    let created = found.side.is_none();
    let is_copy = found.side.as_ref().map_or(Ok(false), SideFile::is_copy)?;
    if is_copy && wanted == Use::Writing {
        return Err(Error::Copied { path: directory.to_owned() });
    }
    if let Some(torn) = &found.torn {
        tracing::warn!(position = %torn.position, bytes = torn.bytes, "torn batch cut");
        found.journal.cut(torn)?;
    }
    if created && found.history.last().is_none() {
        write_genesis(&mut found, now)?;
    }
    let end = found.history.end().expect("a store has genesis at least");
    let sealed = found.sealed;
    let mut side = found.side.unwrap_or_else(|| SideFile::new(directory, now, end));
    if !is_copy && (created, side.sealed, side.durable) != (false, sealed, end) {
        (side.sealed, side.durable) = (sealed, end);
        side.write()?;
    }
    if let Some(mark) = sealed {
        found.journal.trim_all(mark.position)?;
    }
    let checkpoint = usable_checkpoint(directory, &found.history)?;
    let mut report = OpenReport { created, torn: found.torn, ..OpenReport::default() };
    report.checkpoint = checkpoint.as_ref().map(|checkpoint| checkpoint.mark.position);
    let mut book = checkpoint.map_or_else(Book::new, |checkpoint| checkpoint.book);
    let before = book.position.map_or(0, Position::get);
    let last = follow_all(&mut book, &found.history, sealed, progress, reference)?;
    report.replayed = end.position.get() - before;
    Ok(Opened {
        journal: found.journal,
        history: Arc::new(found.history),
        book,
        last_hash: last.hash(),
        last_time: last.time(),
        site: Site { directory: directory.to_owned(), side, _lock: lock },
        report,
    })
}

/// What stands in a data directory, checked against itself but not replayed.
pub(super) struct Survey {
    pub(super) journal: SledJournal,
    pub(super) history: History,
    pub(super) side: Option<SideFile>,
    pub(super) sealed: Option<Mark>,
    pub(super) torn: Option<Torn>,
}

/// Reads a data directory and refuses what was not left there.
pub(super) fn survey(
    directory: &Path,
    lock: &Arc<Lock>,
    reference: &mut dyn FnMut(u64, Position),
) -> Result<Survey, Error> {
    let strange = |why: String| Error::Strange { path: directory.to_owned(), why };
    files::finished_files(directory)?;
    let side = SideFile::read(directory)?;
    let segments = open_segments(&Site::history(directory), reference)?;
    let sealed = segments.last().map(|segment| segment.end());
    if let Some(mark) = side.as_ref().and_then(|side| side.sealed)
        && !segments.iter().any(|segment| segment.end() == mark)
    {
        return Err(strange(format!("sealed history up to position {} is gone", mark.position)));
    }
    let log = directory.join("log");
    if side.is_some() && !log.join("db").exists() {
        return Err(strange("the log is gone".to_owned()));
    }
    let (journal, contents) = SledJournal::open(&log, lock.clone())?;
    let genesis_at_most = contents.batches.len() + usize::from(contents.torn.is_some()) <= 1
        && contents.batches.first().is_none_or(is_genesis);
    match (&side, contents.batches.is_empty()) {
        (None, _) if !genesis_at_most || sealed.is_some() => {
            return Err(strange("there is a log but no side file beside it".to_owned()));
        }
        (Some(_), true) => match contents.torn {
            Some(torn) => return Err(Error::broken(torn.position, Flaw::Chunk)),
            None => return Err(strange("the log is empty".to_owned())),
        },
        _ => {}
    }
    let history = History::of_segments(segments);
    join(&history, sealed, contents.batches)?;
    if let Some(side) = &side {
        let end = history.end().map_or(0, |end| end.position.get());
        if sealed.is_some_and(|sealed| sealed.position.get() >= end)
            || !holds(&history, side.durable)?
        {
            let durable = side.durable.position;
            let why =
                format!("it ends at position {end} or differs before {durable}: an older copy");
            return Err(strange(why));
        }
    }
    Ok(Survey { journal, history, side, sealed, torn: contents.torn })
}

fn open_segments(
    directory: &Path,
    reference: &mut dyn FnMut(u64, Position),
) -> Result<Vec<Arc<Segment>>, Error> {
    files::create_directory(directory)?;
    let mut segments: Vec<Arc<Segment>> = Vec::new();
    for path in files::finished_files(directory)? {
        let segment = Segment::open(&path, reference)?;
        let (expected, previous, time) = match segments.last() {
            None => (Position::FIRST, Hash::GENESIS, segment.first_time()),
            Some(last) => {
                let end = last.end();
                (end.position.plus(1), end.hash, last.last_time())
            }
        };
        let flaw = if segment.first() > expected {
            Flaw::Hole
        } else if segment.first() < expected || segment.previous() != previous {
            Flaw::Chain
        } else if segment.first_time() < time {
            Flaw::Time
        } else {
            segments.push(Arc::new(segment));
            continue;
        };
        return Err(Error::broken(expected, flaw));
    }
    Ok(segments)
}

/// Puts the log's batches behind the sealed history. A stretch that is in both, because a crash
/// came between sealing and trimming, must be the same in both.
fn join(history: &History, sealed: Option<Mark>, batches: Vec<Batch>) -> Result<(), Error> {
    let mut last = match sealed {
        Some(mark) => history.batch_at(mark.position)?,
        None => None,
    };
    for batch in batches {
        if sealed.is_some_and(|sealed| batch.first() <= sealed.position) {
            let copy = history.batch_at(batch.first())?;
            if copy.is_none_or(|copy| copy.bytes() != batch.bytes()) {
                return Err(Error::broken(batch.first(), Flaw::Copies));
            }
            continue;
        }
        match &last {
            Some(last) => chain::follows(last, &batch)?,
            None if batch.first() > Position::FIRST => {
                return Err(Error::broken(Position::FIRST, Flaw::Hole));
            }
            None if batch.previous() != Hash::GENESIS => {
                return Err(Error::broken(Position::FIRST, Flaw::Chain));
            }
            None => {}
        }
        history.push(batch.clone());
        last = Some(batch);
    }
    Ok(())
}

/// Whether a batch ends at `mark` with its hash.
pub(super) fn holds(history: &History, mark: Mark) -> Result<bool, Error> {
    let batch = history.batch_at(mark.position)?;
    Ok(batch.is_some_and(|batch| batch.last() == mark.position && batch.hash() == mark.hash))
}

fn is_genesis(batch: &Batch) -> bool {
    batch.last() == Position::FIRST
        && matches!(
            batch.record(Position::FIRST),
            Ok(Some(record)) if record.event.fact == Fact::Genesis
        )
}

/// The batch that every journal begins with.
pub(super) fn genesis(now: Timestamp) -> Batch {
    let mut builder = BatchBuilder::new(Position::FIRST, now, Hash::GENESIS);
    builder.push(&Event { at: now, fact: Fact::Genesis }, &[]);
    builder.finish()
}

fn write_genesis(found: &mut Survey, now: Timestamp) -> Result<(), Error> {
    let genesis = genesis(now);
    found
        .journal
        .append(&genesis)
        .map_err(|error| Error::Store { action: "begin", cause: error.to_string() })?;
    found.history.push(genesis);
    Ok(())
}

/// The newest whole checkpoint, if the journal has what it was made of.
fn usable_checkpoint(directory: &Path, history: &History) -> Result<Option<Checkpoint>, Error> {
    let Some(checkpoint) = Checkpoint::newest(directory)? else { return Ok(None) };
    let mark = checkpoint.mark;
    if history.last().is_none_or(|last| last < mark.position) {
        let why = format!("a checkpoint was made at {}, behind the end of the log", mark.position);
        return Err(Error::Strange { path: directory.to_owned(), why });
    }
    if holds(history, mark)? {
        return Ok(Some(checkpoint));
    }
    tracing::warn!(position = %mark.position, "checkpoint of another journal passed over");
    Ok(None)
}

/// Replays what the book does not know yet, and tells the references of the tail; those of the
/// sealed history were told by its segments. Returns the last batch.
pub(super) fn follow_all(
    book: &mut Book,
    history: &History,
    sealed: Option<Mark>,
    progress: &mut dyn FnMut(Progress),
    reference: &mut dyn FnMut(u64, Position),
) -> Result<Batch, Error> {
    let tail = sealed.map_or(Position::FIRST, |mark| mark.position.plus(1));
    let begin = tail.min(book.next());
    let total = history.last().map_or(0, |last| last.get() + 1 - begin.get());
    let mut last = None;
    for batch in history.batches_from(begin) {
        let batch = batch?;
        for record in batch.records() {
            let record = record?;
            if record.position >= book.next() {
                replay::follow(book, &record)?;
            }
            let fingerprint = fingerprint_of(record.event.fact.origin());
            if record.position >= tail && fingerprint != 0 {
                reference(fingerprint, record.position);
            }
            if record.position >= tail {
                for further in further_fingerprints(&record.event.fact) {
                    reference(further, record.position);
                }
            }
        }
        progress(Progress { done: batch.last().get() + 1 - begin.get(), total });
        last = Some(batch);
    }
    last.ok_or_else(|| Error::broken(begin, Flaw::Hole))
}

/// Whether there is a store in `directory`.
pub fn exists(directory: &Path) -> bool {
    fs::metadata(directory.join("log")).is_ok()
}
