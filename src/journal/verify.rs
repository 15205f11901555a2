//! Proves a store offline: every checksum, the chain, every record, and that the books balance.
//!
//! It derives everything again from genesis and believes nothing that is derived. It repairs
//! nothing. Opening sled lets sled finish its own recovery; no entry is changed by that.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use hashbrown::HashMap;

use super::checkpoint::Checkpoint;
use super::codec::{Batch, Recorded};
use super::error::{Error, Flaw};
use super::history::History;
use super::lock::Lock;
use super::segment::{Segment, fingerprint_of};
use super::sidefile::Mark;
use super::sled::Torn;
use super::store::{self, Progress, Survey};
use super::{Hash, chain, replay};
use crate::ledger::book::Book;
use crate::ledger::event::{Fact, Origin};
use crate::ledger::id::Position;
use crate::ledger::reference::Match;
use crate::ledger::settles::further_fingerprints;

/// What was proved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Sealed files.
    pub segments: usize,
    /// Batches, sealed and not.
    pub batches: u64,
    /// Entries; the last position.
    pub records: u64,
    /// Postings.
    pub postings: u64,
    /// References, each used once.
    pub references: u64,
    /// Accounts, none below its floor at any entry.
    pub accounts: usize,
    /// Users, no two with the same name or address.
    pub users: usize,
    /// The position of a checkpoint that equals the book there.
    pub checkpoint: Option<Position>,
    /// A batch at the very end that was not written to its end; the next start cuts it.
    pub torn: Option<Torn>,
    /// The hash of the last batch, which proves all the others.
    pub hash: Hash,
}

/// Proves the store in `directory`.
///
/// # Errors
/// [`Error::InUse`] if a process has it open; else the first thing that is wrong, with its position.
pub fn verify(directory: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Report, Error> {
    if !store::exists(directory) {
        let why = "there is no store".to_owned();
        return Err(Error::Strange { path: directory.to_owned(), why });
    }
    let lock = Arc::new(Lock::acquire(directory)?);
    let found = store::survey(directory, &lock, &mut |_, _| {})?;
    let checkpoint = Checkpoint::newest(directory)?;
    let mut proof = Proof::default();
    let mark = checkpoint.as_ref().map(|checkpoint| checkpoint.mark);
    let at_checkpoint = prove(&found, mark, &mut proof, progress)?;
    if let Some(Checkpoint { mark, book, .. }) = checkpoint
        && at_checkpoint != Some(book)
    {
        let why = "the checkpoint is not the book at its position";
        return Err(Error::broken(mark.position, Flaw::Misfit(why)));
    }
    let Survey { history, torn, .. } = found;
    Ok(Report {
        segments: history.segments().len(),
        batches: proof.batches,
        records: proof.book.position.map_or(0, Position::get),
        postings: proof.postings,
        references: proof.references,
        accounts: proof.book.accounts_len(),
        users: proof.book.users.len(),
        checkpoint: mark.map(|mark| mark.position),
        torn,
        hash: history.end().map_or(Hash::GENESIS, |end| end.hash),
    })
}

/// What has been derived so far.
#[derive(Default)]
struct Proof {
    book: Book,
    batches: u64,
    postings: u64,
    references: u64,
    /// Where each fingerprint was seen first.
    keys: HashMap<u64, Position>,
    /// Where it was seen again with another key: collisions, so nearly always none.
    collisions: Vec<(u64, Position)>,
    names: HashSet<String>,
}

/// Follows every entry. Returns the book as it was at `mark`.
fn prove(
    found: &Survey,
    mark: Option<Mark>,
    proof: &mut Proof,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<Book>, Error> {
    let history = &found.history;
    let total = history.last().map_or(0, Position::get);
    let segments = history.segments();
    let mut tables = segments.iter();
    let mut table = Table::default();
    let mut last: Option<Batch> = None;
    let mut at_mark = None;
    for batch in history.batches_from(Position::FIRST) {
        let batch = batch?;
        match &last {
            Some(last) => chain::follows(last, &batch)?,
            None if batch.previous() != Hash::GENESIS => {
                return Err(Error::broken(Position::FIRST, Flaw::Chain));
            }
            None => {}
        }
        if table.ends_before(batch.first())
            && let Some(segment) = tables.next()
        {
            table = Table::of(segment)?;
        }
        for record in batch.records() {
            let record = record?;
            table.compare(&record)?;
            proof.follow(history, &record)?;
        }
        if mark == Some(Mark { position: batch.last(), hash: batch.hash() }) {
            at_mark = Some(proof.book.clone());
        }
        proof.batches += 1;
        progress(Progress { done: batch.last().get(), total });
        last = Some(batch);
    }
    if proof.book.position != history.last() {
        return Err(Error::broken(proof.book.next(), Flaw::Hole));
    }
    if !proof.book.imbalances().is_empty() {
        let last = proof.book.position.unwrap_or(Position::FIRST);
        return Err(Error::broken(last, Flaw::Misfit("debits are not credits")));
    }
    Ok(at_mark)
}

impl Proof {
    fn follow(&mut self, history: &History, record: &Recorded) -> Result<(), Error> {
        let misfit = |why| Err(Error::broken(record.position, Flaw::Misfit(why)));
        replay::follow(&mut self.book, record)?;
        for id in record.event.fact.accounts().iter() {
            if !self.book.account(id).is_some_and(|account| account.is_above_floor()) {
                return misfit("an account is below its floor");
            }
        }
        if let Fact::Moved(movement) = &record.event.fact {
            self.postings += movement.postings().count() as u64;
        }
        if let Fact::UserCreated(user) = &record.event.fact {
            // An address has an `@` and a user name has none, so they can share a set.
            if !self.names.insert(user.username.to_string())
                || !self.names.insert(user.email.to_string())
            {
                return misfit("another user has the name or the address");
            }
        }
        let Some(origin) = record.event.fact.origin() else { return Ok(()) };
        self.references += 1;
        let fingerprint = fingerprint_of(Some(origin));
        let Some(&first) = self.keys.get(&fingerprint) else {
            self.keys.insert(fingerprint, record.position);
            return Ok(());
        };
        let again = self.collisions.iter().filter(|(known, _)| *known == fingerprint);
        for position in std::iter::once(first).chain(again.map(|(_, position)| *position)) {
            if !is_other_key(history, position, origin)? {
                return misfit("its reference was used before");
            }
        }
        self.collisions.push((fingerprint, record.position));
        Ok(())
    }
}

fn is_other_key(history: &History, position: Position, origin: &Origin) -> Result<bool, Error> {
    let record = history.record(position)?;
    let known = record.as_ref().and_then(|record| record.event.fact.origin());
    Ok(known.is_none_or(|known| known.compare(origin) == Match::OtherKey))
}

/// The references that a segment says it holds.
#[derive(Default)]
struct Table {
    first: u64,
    fingerprints: Vec<[u64; 3]>,
}

impl Table {
    fn of(segment: &Segment) -> Result<Self, Error> {
        Ok(Self { first: segment.first().get(), fingerprints: segment.fingerprints()? })
    }

    fn ends_before(&self, position: Position) -> bool {
        self.first + self.fingerprints.len() as u64 <= position.get()
    }

    fn compare(&self, record: &Recorded) -> Result<(), Error> {
        let place = record.position.get().checked_sub(self.first);
        let place = place.and_then(|place| usize::try_from(place).ok());
        let said = place.and_then(|place| self.fingerprints.get(place));
        let fact = &record.event.fact;
        let further = further_fingerprints(fact);
        let known = |place| further.get(place).copied().unwrap_or(0);
        let is = [fingerprint_of(fact.origin()), known(0), known(1)];
        if said.is_some_and(|&said| said != is) {
            return Err(Error::broken(record.position, Flaw::Fingerprint));
        }
        Ok(())
    }
}
