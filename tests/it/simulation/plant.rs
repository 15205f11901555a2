//! Controls: faults planted on purpose, which the judge has to find. A judge that finds nothing
//! proves nothing.

use gerbang::journal::{AppendError, Batch, BatchBuilder, Error, Hash, Journal, MemoryJournal};
use gerbang::ledger::book::Book;
use gerbang::ledger::event::{Event, Fact};
use gerbang::ledger::id::Position;

use super::life::{Ended, Plan, run};
use crate::check::{End, check};
use crate::world::policies;

/// A journal that acknowledges a batch and stores it with the next one: a disk without a flush.
struct Lazy {
    journal: MemoryJournal,
    held: Option<Batch>,
}

impl Journal for Lazy {
    fn append(&mut self, batch: &Batch) -> Result<(), AppendError> {
        match self.held.replace(batch.clone()) {
            Some(held) => self.journal.append(&held),
            None => Ok(()),
        }
    }

    fn trim(&mut self, through: Position) -> Result<(), Error> {
        self.journal.trim(through)
    }
}

/// A sound run to plant something in.
fn sound() -> Ended {
    let plan = Plan { lives: 2, ..Plan::default() };
    let ended = run(3, &plan).unwrap();
    check(&ended.batches, &policies(), &ended.attempts).unwrap();
    ended
}

/// The same history with `change` made to every event, in batches that are sound in themselves.
pub(crate) fn rewritten(
    batches: &[Batch],
    mut change: impl FnMut(Event) -> Vec<Event>,
) -> Vec<Batch> {
    let (mut book, mut hash, mut written) = (Book::new(), Hash::GENESIS, Vec::new());
    for batch in batches {
        let mut builder = BatchBuilder::new(book.next(), batch.time(), hash);
        for recorded in batch.records() {
            for event in change(recorded.unwrap().event) {
                let links = book.apply(book.next(), &event);
                builder.push(&event, &links);
            }
        }
        let batch = builder.finish();
        hash = batch.hash();
        written.push(batch);
    }
    written
}

fn verdict(ended: &Ended, batches: &[Batch]) -> String {
    check(batches, &policies(), &ended.attempts).unwrap_err()
}

#[test]
fn a_lost_acknowledged_batch_is_found() {
    let plan = Plan { wrap: |journal| Box::new(Lazy { journal, held: None }), ..Plan::default() };
    // What was acknowledged is missing after the first crash, and everybody may notice.
    let found = match run(3, &plan) {
        Err(found) => found,
        Ok(ended) => verdict(&ended, &ended.batches),
    };
    assert!(!found.is_empty());
}

#[test]
fn a_movement_done_twice_is_found() {
    let ended = sound();
    let last = ended.batches.iter().flat_map(Batch::records).filter_map(Result::ok);
    let last = last.filter(|r| matches!(r.event.fact, Fact::Moved(_))).last().unwrap();
    let twice = rewritten(&ended.batches, |event| {
        if event == last.event { vec![event.clone(), event] } else { vec![event] }
    });
    let found = verdict(&ended, &twice);
    assert!(found.contains("done twice"), "{found}");
}

#[test]
fn a_movement_of_more_than_was_asked_is_found() {
    let ended = sound();
    let more = rewritten(&ended.batches, |mut event| {
        if let Fact::Moved(movement) = &mut event.fact
            && let Some(amount) = gerbang::ledger::money::Amount::new(movement.amount.get() + 1)
        {
            movement.amount = amount;
        }
        vec![event]
    });
    let found = verdict(&ended, &more);
    assert!(found.contains("is not the record"), "{found}");
}

#[test]
fn a_no_that_was_a_yes_is_found() {
    let mut ended = sound();
    let answered = ended.attempts.iter_mut().find(|attempt| match &attempt.end {
        End::Answered(_, outcome) => !outcome.replayed,
        _ => false,
    });
    answered.unwrap().end = End::Busy;
    let batches = std::mem::take(&mut ended.batches);
    let origin = ended.attempts.iter().find(|a| matches!(a.end, End::Busy)).unwrap();
    assert!(!origin.command.origin().reference.as_str().is_empty());
    // A key may have been asked more than once: then one answer is left, and it is a second one.
    let found = check(&batches, &policies(), &ended.attempts);
    let alone = |a: &&crate::check::Attempt| a.command.origin() == origin.command.origin();
    if ended.attempts.iter().filter(alone).count() == 1 {
        assert!(found.unwrap_err().contains("put off"));
    }
}

#[test]
fn an_answer_out_of_order_is_found() {
    let mut ended = sound();
    let answered: Vec<usize> = (0..ended.attempts.len())
        .filter(|index| match &ended.attempts[*index].end {
            End::Answered(_, outcome) => !outcome.replayed,
            _ => false,
        })
        .collect();
    // The first is made to be asked after the last was answered.
    let (first, last) = (answered[0], answered[answered.len() - 1]);
    ended.attempts[first].sent = u64::MAX - 1;
    let End::Answered(at, _) = &mut ended.attempts[first].end else { unreachable!() };
    *at = u64::MAX;
    assert!(matches!(ended.attempts[last].end, End::Answered(..)));
    let found = verdict(&ended, &ended.batches);
    assert!(found.contains("was asked for after"), "{found}");
}
