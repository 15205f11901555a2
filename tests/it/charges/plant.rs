//! Controls: faults planted in what was written of refunds, which their judge has to find.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use gerbang::journal::Batch;
use gerbang::ledger::event::{Event, Fact, MovementKind};

use super::life::{Ended, Plan, ROUGH, run};
use super::{judge, refunds};
use crate::simulation::rewritten;

/// A sound run in which money went back.
fn sound() -> (Ended, Vec<Event>) {
    let plan = Plan { faults: ROUGH, notifies: true };
    let runs = (0..20).map(|seed| run(seed, plan));
    let found = runs
        .map(|ended| (events(&ended.batches), ended))
        .find(|(events, _)| events.iter().filter(|event| is_given(event)).count() > 1);
    let (events, ended) = found.expect("in some run money goes back twice");
    judge(&ended, &mut BTreeMap::new());
    (ended, events)
}

fn events(batches: &[Batch]) -> Vec<Event> {
    batches.iter().flat_map(Batch::records).map(|record| record.unwrap().event).collect()
}

fn is_given(event: &Event) -> bool {
    matches!(&event.fact, Fact::Moved(movement)
        if matches!(movement.kind, MovementKind::GivenBack { .. }))
}

/// What the judge of refunds says of other batches.
fn verdict(ended: &Ended, batches: &[Batch]) -> String {
    let entries = ended.provider.entries();
    let judged = || refunds::judge(batches, &entries, &mut BTreeMap::new());
    let found = catch_unwind(AssertUnwindSafe(judged)).expect_err("a planted fault looks well");
    match found.downcast::<String>() {
        Ok(words) => *words,
        Err(other) => (*other.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[test]
fn what_went_back_twice_is_found() {
    let (ended, events) = sound();
    let last = events.last().unwrap();
    let given = events.iter().find(|event| is_given(event)).unwrap();
    let twice = rewritten(&ended.batches, |event| {
        if event == *last { vec![event, given.clone()] } else { vec![event] }
    });
    let found = verdict(&ended, &twice);
    assert!(found.contains("ended otherwise than once"), "{found}");
}

#[test]
fn what_went_back_under_two_names_is_found() {
    let (ended, events) = sound();
    let provider = Arc::clone(&ended.provider);
    let before = provider.entries();
    // The provider gave once what we asked for: here it stands for two refunds.
    let name = before.iter().find(|(_, it)| !it.transaction.refunded.parts.is_empty());
    let name = name.unwrap().0.clone();
    provider.alter(&name, |transaction| {
        let mut part = transaction.refunded.parts[0].clone();
        part.key = Some("rfd_of_nobody".to_owned());
        transaction.refunded.parts.push(part);
    });
    assert!(events.iter().any(is_given));
    let found = verdict(&ended, &ended.batches);
    assert!(found.contains("is not what the provider gave back"), "{found}");
}
