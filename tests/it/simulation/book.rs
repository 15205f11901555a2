//! The ledger alone: millions of random commands against the oracle, without a runtime.

use gerbang::ledger::book::Book;
use gerbang::ledger::event::Event;
use gerbang::ledger::rejection::Rejection;

use super::workload::{self, Asked, Known};
use crate::model::Model;
use crate::random::Random;
use crate::world::{bootstrap, dawn, policies, user};

/// Steps between two looks at the whole.
const LOOK_STEPS: u64 = 1_000;

/// Runs `steps` commands; what went wrong, if anything did, and how often each refusal came.
pub(crate) fn run(seed: u64, steps: u64) -> Result<Vec<(Rejection, u64)>, String> {
    let mut random = Random::new(seed);
    let (mut book, mut model, mut known) = (Book::new(), Model::default(), Known::default());
    let (policies, mut now) = (policies(), dawn());
    let mut refused: Vec<_> = Rejection::ALL.iter().map(|rejection| (*rejection, 0)).collect();
    for event in bootstrap() {
        follow(&mut book, &mut model, &event)?;
    }
    for step in 0..steps {
        now = now.plus_seconds(i64::try_from(random.below(600)).unwrap());
        let reference = format!("ref-{step}");
        let by = user(u32::try_from(random.below(6)).unwrap());
        let asked = Asked { by, reference: &reference, at: now };
        let command = workload::command(&mut random, &known, &asked);
        let expected = model.verdict(&command, now, &policies);
        let verdict = book.decide(&command, now, &policies).err();
        if verdict != expected {
            return Err(format!(
                "step {step}: {verdict:?}, the model says {expected:?} to {command:?}"
            ));
        }
        let fact = match verdict {
            None => command.into_fact(),
            Some(rejection) => {
                refused.iter_mut().find(|(known, _)| *known == rejection).unwrap().1 += 1;
                command.into_refusal(rejection)
            }
        };
        known.learn(book.next(), &fact);
        follow(&mut book, &mut model, &Event { at: now, fact })?;
        if step % LOOK_STEPS == 0 || step + 1 == steps {
            compare(&book, &model).map_err(|error| format!("step {step}: {error}"))?;
        }
    }
    Ok(refused)
}

/// Both follow `event`; what it touched must be the same for both, and balanced.
fn follow(book: &mut Book, model: &mut Model, event: &Event) -> Result<(), String> {
    let position = book.next();
    let links = book.apply(position, event);
    model.apply(position, event);
    for link in links {
        let account = book.account(link.account).unwrap();
        let purse = model.purse(link.account);
        let same = purse.balance == link.balance_after.units()
            && purse.balance == account.balance().units()
            && purse.held == account.on_hold().units()
            && purse.frozen == account.frozen;
        if !same {
            return Err(format!("{account:?} is {purse:?} to the model after {event:?}"));
        }
        if !account.is_above_floor() && account.credits.units() > 0 {
            return Err(format!("{account:?} is below its floor after {event:?}"));
        }
    }
    Ok(())
}

/// The whole book against the whole model.
fn compare(book: &Book, model: &Model) -> Result<(), String> {
    if !book.imbalances().is_empty() || model.sums().into_values().any(|sum| sum != 0) {
        return Err("debits are not credits".to_owned());
    }
    for account in book.accounts() {
        let purse = model.purse(account.id);
        if purse.balance != account.balance().units() || purse.held != account.on_hold().units() {
            return Err(format!("{account:?} is {purse:?} to the model"));
        }
        if account.kind.refuses_debits() && purse.free() != account.available().units() {
            return Err(format!("{account:?} has {} free to the model", purse.free()));
        }
    }
    Ok(())
}
