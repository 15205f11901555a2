//! What every journal keeps to, whatever it stands on.

use super::{World, payment};
use crate::journal::memory::Fault;
use crate::journal::{AppendError, Batch, Journal, MemoryJournal};
use crate::ledger::id::Position;

/// Runs the contract on an empty journal; `stored` reads what a restart would find.
fn contract(journal: &mut dyn Journal, stored: &dyn Fn() -> Vec<Batch>) {
    let mut world = World::new();
    let mut batches = world.begin(2);
    batches.push(world.batch((0..100).map(|number| payment(number, 2))));
    assert!(matches!(journal.append(&batches[1]), Err(AppendError::Fenced)), "not the first");
    for batch in &batches {
        journal.append(batch).unwrap();
    }
    assert!(matches!(journal.append(&batches[3]), Err(AppendError::Fenced)), "there already");
    assert_same(&stored(), &batches);

    journal.trim(batches[0].last()).unwrap();
    assert_same(&stored(), &batches[1..]);
    journal.trim(batches[2].first()).unwrap();
    assert_same(&stored(), &batches[2..]);
    journal.trim(batches[3].last().plus(100)).unwrap();
    assert_same(&stored(), &batches[3..]);
    let next = world.batch([payment(100, 2)]);
    journal.append(&next).unwrap();
    assert_same(&stored(), &[batches[3].clone(), next]);
}

fn assert_same(stored: &[Batch], expected: &[Batch]) {
    let bytes = |batches: &[Batch]| batches.iter().map(|b| b.bytes().to_vec()).collect::<Vec<_>>();
    assert_eq!(bytes(stored), bytes(expected));
}

#[test]
fn memory_keeps_the_contract() {
    let mut journal = MemoryJournal::new();
    let store = journal.clone();
    contract(&mut journal, &|| store.batches().unwrap());
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
