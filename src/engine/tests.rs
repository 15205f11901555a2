//! Tests of the engine's parts together, where the parts can be seen: tasks that retire while they
//! are written to, and a writer that fails.

use std::time::Duration;

use tokio::runtime::Handle;

use super::*;
use crate::journal::memory::Fault;
use crate::journal::{BatchBuilder, Hash, History, Journal, MemoryJournal};
use crate::ledger::book::Book;
use crate::ledger::event::{AccountOpened, FreezeSet};
use crate::ledger::id::Principal;
use crate::ledger::policy::Policy;
use crate::ledger::reference::DigestBuilder;
use crate::ledger::text::{Line, Reference};
use crate::telemetry::Metrics;

pub(super) const CLEARING: AccountId = AccountId(0);
pub(super) const ANI: AccountId = AccountId(1);
pub(super) const BUDI: AccountId = AccountId(2);

/// A clearing account and two wallets of which the receiver is asked.
pub(super) fn engine() -> (Engine, Receiver<Entry>, Writer, MemoryJournal) {
    let clock = Clock::manual(Timestamp::from_seconds(1_790_000_000));
    let kinds = [AccountKind::Clearing, AccountKind::Wallet, AccountKind::Wallet];
    let mut book = Book::new();
    let mut batch = BatchBuilder::new(book.next(), clock.now(), Hash::GENESIS);
    for (kind, account) in kinds.into_iter().zip(0..) {
        let (account, currency) = (AccountId(account), Currency::IDR);
        let opened =
            AccountOpened { account, kind, currency, owner: None, floor: 0, by: Principal::System };
        let event = Event { at: clock.now(), fact: Fact::AccountOpened(opened) };
        let links = book.apply(book.next(), &event);
        batch.push(&event, &links);
    }
    let (batch, mut journal) = (batch.finish(), MemoryJournal::new());
    journal.append(&batch).unwrap();
    let history = Arc::new(History::new());
    history.push(batch.clone());
    let view = Arc::new(View::new(&book, References::new(), history, clock.now()));
    let limits = Policy { ceiling: Amount::new(1_000_000), incoming_per_month: None };
    let policies = Policies(vec![(AccountKind::Wallet, Currency::IDR, limits)]);
    let (engine, queue) = Engine::new(Arc::clone(&view), policies, clock.clone());
    let (hash, time, metrics) = (batch.hash(), clock.now(), Metrics::new());
    let after_batch: AfterBatch = Box::new(|_, _, _, _| ());
    let log = Box::new(journal.clone());
    let observer: Observer = Box::new(|_| ());
    let parts =
        WriterParts { journal: log, book, view, clock, metrics, hash, time, after_batch, observer };
    (engine, queue, Writer::new(parts), journal)
}

fn origin(reference: &str) -> Origin {
    Origin {
        principal: Principal::Operator,
        reference: Reference::parse(reference).unwrap(),
        digest: DigestBuilder::new("test").finish(),
    }
}

pub(super) fn moving(reference: &str, between: (AccountId, AccountId), units: u64) -> Command {
    let kind = if between.0 == CLEARING {
        MovementKind::TopUp { request: None, by: Principal::Operator }
    } else {
        MovementKind::Payment
    };
    Command::Move(Movement {
        origin: origin(reference),
        kind,
        debit: between.0,
        credit: between.1,
        amount: Amount::new(units).unwrap(),
        currency: Currency::IDR,
        fee: None,
        note: Line::empty(),
    })
}

fn freezing(reference: &str) -> Command {
    let (origin, reason) = (origin(reference), Line::empty());
    Command::Freeze(FreezeSet { origin, account: ANI, frozen: true, reason })
}

/// Commits all that waits, until a caller's answer is there.
async fn answered<T>(
    writer: &mut Writer,
    queue: &Receiver<Entry>,
    task: tokio::task::JoinHandle<T>,
) -> T {
    while !task.is_finished() {
        writer.commit(&mut queue.try_iter().collect()).unwrap();
        tokio::task::yield_now().await;
    }
    task.await.unwrap()
}

fn spawn(engine: &Engine, command: Command) -> tokio::task::JoinHandle<Result<Outcome, Error>> {
    let engine = engine.clone();
    tokio::spawn(async move { engine.submit(command).await })
}

#[tokio::test]
async fn a_task_that_retired_starts_again_where_it_ended() {
    let (engine, queue, mut writer, _) = engine();
    let funded = spawn(&engine, moving("fund", (CLEARING, ANI), 1_000));
    answered(&mut writer, &queue, funded).await.unwrap();
    for round in 0..10 {
        let paid = spawn(&engine, moving(&format!("pay-{round}"), (ANI, BUDI), 100));
        let paid = answered(&mut writer, &queue, paid).await.unwrap();
        assert!(matches!(paid.recorded.event.fact, Fact::Moved(_)));
        // Twice: once to be seen idle, once to go.
        for _ in 0..4 {
            engine.propose_retiring();
            tokio::task::yield_now().await;
        }
        assert_eq!(engine.gauges().0, 0, "idle tasks whose word is committed retire");
    }
    let broke = spawn(&engine, moving("pay-more", (ANI, BUDI), 1));
    let broke = answered(&mut writer, &queue, broke).await.unwrap();
    assert!(matches!(
        broke.recorded.event.fact,
        Fact::Refused(Refusal { rejection: Rejection::InsufficientFunds, .. })
    ));
}

#[tokio::test]
async fn a_task_does_not_retire_before_its_word_is_committed() {
    let (engine, queue, mut writer, _) = engine();
    let funded = spawn(&engine, moving("fund", (CLEARING, ANI), 1_000));
    answered(&mut writer, &queue, funded).await.unwrap();
    let paid = spawn(&engine, moving("pay", (ANI, BUDI), 1_000));
    for _ in 0..8 {
        tokio::task::yield_now().await;
        engine.propose_retiring();
    }
    assert_eq!(queue.len(), 1, "the payment waits for the writer");
    assert_eq!(engine.gauges().0, 2, "and both accounts for the payment");
    answered(&mut writer, &queue, paid).await.unwrap();
}

/// Senders that found a task before it retired, and those that come after, are all heard.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_to_a_task_that_retires() {
    const PAYMENTS: u64 = 2_000;
    let (engine, queue, writer, _) = engine();
    let teller = Teller::start(&Handle::current());
    let writer = std::thread::spawn(move || writer.run(&queue, &teller).unwrap());
    engine.submit(moving("fund", (CLEARING, ANI), PAYMENTS)).await.unwrap();
    let retiring = {
        let engine = engine.clone();
        tokio::spawn(async move {
            loop {
                engine.propose_retiring();
                tokio::task::yield_now().await;
            }
        })
    };
    let payers: Vec<_> = (0..4)
        .map(|payer| {
            let engine = engine.clone();
            tokio::spawn(async move {
                for number in 0..PAYMENTS / 4 {
                    let pay = moving(&format!("pay-{payer}-{number}"), (ANI, BUDI), 1);
                    let outcome = tokio::time::timeout(Duration::from_secs(60), engine.submit(pay));
                    outcome.await.expect("an answer comes").expect("nothing is full");
                }
            })
        })
        .collect();
    for payer in payers {
        payer.await.unwrap();
    }
    retiring.abort();
    let _ = retiring.await;
    assert_eq!(engine.view().account(ANI).unwrap().balance().units(), 0);
    while engine.gauges().0 > 0 {
        engine.propose_retiring();
        tokio::task::yield_now().await;
    }
    drop(engine);
    let book = writer.join().unwrap();
    assert_eq!(i128::from(PAYMENTS), book.book().account(BUDI).unwrap().balance().units());
}

#[tokio::test(start_paused = true)]
async fn nobody_hears_of_a_batch_whose_append_failed() {
    for fault in [Fault::Lost, Fault::Unacknowledged, Fault::Torn(40)] {
        let (engine, queue, mut writer, journal) = engine();
        journal.fail_append(0, fault);
        let funded = spawn(&engine, moving("fund", (CLEARING, ANI), 1_000));
        while queue.is_empty() {
            tokio::task::yield_now().await;
        }
        let mut entries: Vec<Entry> = queue.try_iter().collect();
        assert!(writer.commit(&mut entries).is_err());
        drop((entries, writer, queue));
        let heard = tokio::time::timeout(Duration::from_secs(3_600), funded).await;
        assert!(heard.is_err(), "{fault:?} was answered: {heard:?}");
        assert_eq!(engine.view().account(ANI).unwrap().balance().units(), 0);
    }
}

#[tokio::test]
async fn a_freeze_stands_behind_what_was_promised_before_it() {
    let (engine, queue, mut writer, _) = engine();
    let funded = spawn(&engine, moving("fund", (CLEARING, ANI), 1_000));
    answered(&mut writer, &queue, funded).await.unwrap();
    let paid = spawn(&engine, moving("pay", (ANI, BUDI), 100));
    let frozen = spawn(&engine, freezing("freeze"));
    let late = spawn(&engine, moving("late", (ANI, BUDI), 100));
    let paid = answered(&mut writer, &queue, paid).await.unwrap().recorded;
    let frozen = answered(&mut writer, &queue, frozen).await.unwrap().recorded;
    let late = answered(&mut writer, &queue, late).await.unwrap().recorded;
    assert!(matches!(paid.event.fact, Fact::Moved(_)));
    assert!(paid.position < frozen.position && frozen.position < late.position);
    assert!(matches!(
        late.event.fact,
        Fact::Refused(Refusal { rejection: Rejection::AccountFrozen, .. })
    ));
}
