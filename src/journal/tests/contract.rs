//! What every journal keeps to, whatever it stands on.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{World, payment};
use crate::journal::lock::Lock;
use crate::journal::memory::Fault;
use crate::journal::{AppendError, Batch, Error, Journal, MemoryJournal, SledJournal};
use crate::ledger::id::Position;

/// Runs the contract on an empty journal; `reopen` closes it and reads what a restart would find.
fn contract<J: Journal>(journal: J, reopen: &dyn Fn(J) -> (J, Vec<Batch>)) {
    let mut journal = journal;
    let mut world = World::new();
    let mut batches = world.begin(2);
    // Large enough for several chunks.
    batches.push(world.batch((0..100).map(|number| payment(number, 2))));
    assert!(matches!(journal.append(&batches[1]), Err(AppendError::Fenced)), "not the first");
    for batch in &batches {
        journal.append(batch).unwrap();
    }
    assert!(matches!(journal.append(&batches[3]), Err(AppendError::Fenced)), "there already");
    let expect = |mut journal: J, through: Position, expected: &[Batch]| {
        journal.trim(through).unwrap();
        let (journal, stored) = reopen(journal);
        assert_same(&stored, expected);
        journal
    };
    let journal = expect(journal, batches[0].first(), &batches[1..]);
    let journal = expect(journal, batches[2].first(), &batches[2..]);
    let journal = expect(journal, batches[2].last(), &batches[3..]);
    let mut journal = expect(journal, batches[3].last().plus(100), &batches[3..]);
    let next = world.batch([payment(100, 2)]);
    journal.append(&next).unwrap();
    expect(journal, Position::FIRST, &[batches[3].clone(), next]);
}

fn open_sled(directory: &Path) -> (SledJournal, Vec<Batch>) {
    let lock = Arc::new(Lock::acquire(directory).unwrap());
    let (journal, contents) = SledJournal::open(&directory.join("log"), lock).unwrap();
    assert!(contents.torn.is_none());
    (journal, contents.batches)
}

fn assert_same(stored: &[Batch], expected: &[Batch]) {
    let hashes = |batches: &[Batch]| batches.iter().map(Batch::hash).collect::<Vec<_>>();
    assert_eq!(hashes(stored), hashes(expected));
}

#[test]
fn memory_keeps_the_contract() {
    contract(MemoryJournal::new(), &|journal| {
        let journal = journal.reopen().unwrap();
        let stored = journal.batches().unwrap();
        (journal, stored)
    });
}

#[test]
fn sled_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    contract(open_sled(directory.path()).0, &|journal| {
        drop(journal);
        open_sled(directory.path())
    });
}

/// Sends every call to both journals and holds their answers to be alike.
struct Mirror(MemoryJournal, SledJournal);

impl Journal for Mirror {
    fn append(&mut self, batch: &Batch) -> Result<(), AppendError> {
        let (memory, sled) = (self.0.append(batch), self.1.append(batch));
        assert_eq!(format!("{memory:?}"), format!("{sled:?}"));
        memory
    }

    fn trim(&mut self, through: Position) -> Result<(), Error> {
        self.0.trim(through).and_then(|()| self.1.trim(through))
    }
}

#[test]
fn memory_and_sled_answer_alike() {
    let directory = tempfile::tempdir().unwrap();
    contract(Mirror(MemoryJournal::new(), open_sled(directory.path()).0), &|journal| {
        let Mirror(memory, sled) = journal;
        drop(sled);
        let memory = memory.reopen().unwrap();
        let (sled, stored) = open_sled(directory.path());
        assert_same(&memory.batches().unwrap(), &stored);
        (Mirror(memory, sled), stored)
    });
}

/// An fdatasync that failed may have lost what a second one would report as safe.
#[test]
fn after_a_failed_sync_the_journal_is_closed_for_good() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, _) = open_sled(directory.path());
    let mut world = World::new();
    let batches = world.begin(2);
    journal.append(&batches[0]).unwrap();
    let (calls, inbox) = crossbeam_channel::unbounded();
    journal.set_sync(Box::new(move || {
        calls.send(()).unwrap();
        Err(io::Error::from_raw_os_error(28))
    }));
    let failed = journal.append(&batches[1]).unwrap_err();
    assert!(matches!(failed, AppendError::Unknown(_)), "{failed}");
    assert!(failed.to_string().contains("No space left"), "{failed}");
    for batch in &batches {
        assert!(matches!(journal.append(batch), Err(AppendError::Fenced)));
    }
    assert_eq!(inbox.try_iter().count(), 1, "never a second sync");
    drop(journal);
    let (mut journal, stored) = open_sled(directory.path());
    let survivors = stored.len();
    assert_same(&stored, &batches[..survivors]);
    journal.append(&batches[survivors]).unwrap();
}

#[test]
fn faults_leave_what_they_say_and_close_the_journal() {
    for (fault, survivors) in [(Fault::Lost, 1), (Fault::Unacknowledged, 2), (Fault::Torn(70), 1)] {
        let mut world = World::new();
        let batches = world.begin(2);
        let mut journal = MemoryJournal::new();
        journal.fail_append(1, fault);
        journal.append(&batches[0]).unwrap();
        assert!(matches!(journal.append(&batches[1]), Err(AppendError::Unknown(_))));
        assert!(matches!(journal.append(&batches[1]), Err(AppendError::Fenced)), "closed");
        let mut reopened = journal.reopen().unwrap();
        assert_same(&reopened.batches().unwrap(), &batches[..survivors]);
        assert!(matches!(journal.append(&batches[1]), Err(AppendError::Fenced)), "old writer");
        reopened.append(&batches[survivors]).unwrap();
        assert_eq!(reopened.batches().unwrap().len(), survivors + 1);
    }
}

#[test]
fn positions_begin_at_one() {
    let mut world = World::new();
    assert_eq!(world.begin(1)[0].first(), Position::FIRST);
}
