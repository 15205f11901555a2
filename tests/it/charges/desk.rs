//! The desk alone, over a journal that is written by hand.

use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use gerbang::clock::Clock;
use gerbang::connector::midtrans::charge::Charge as Asked;
use gerbang::connector::midtrans::method::Method;
use gerbang::connector::midtrans::status::Status;
use gerbang::connector::provider::Provider;
use gerbang::engine::{Engine, Writer, WriterParts};
use gerbang::gateway::charge::{self, Desk, Inbox, Options, order_id};
use gerbang::journal::{BatchBuilder, Journal, MemoryJournal, Recorded};
use gerbang::ledger::charge::{
    ChargeAdvanced, ChargeEnd, ChargePurpose, ChargeSource, ChargeStarted, ChargeStep, Notified,
    end_reference, notification_reference,
};
use gerbang::ledger::command::Command;
use gerbang::ledger::event::{Event, Fact, Origin};
use gerbang::ledger::id::{Position, Principal, UserId};
use gerbang::ledger::money::Currency;
use gerbang::ledger::text::Line;
use gerbang::telemetry::Metrics;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::provider::{self, Faults, SimulatedProvider};
use super::world::{self, ANI};
use crate::payouts::life::write;
use crate::random::Random;
use crate::simulation::recover;
use crate::world::{amount, origin};

/// Charges of each test: enough to see how they are handled.
const CHARGES: u64 = 30;

fn started(number: u64) -> Box<ChargeStarted> {
    Box::new(ChargeStarted {
        origin: origin(Principal::User(UserId(0)), &format!("t-{number}"), "top-up"),
        account: ANI,
        amount: amount(1_000),
        currency: Currency::IDR,
        purpose: ChargePurpose::TopUp,
        source: ChargeSource::Provider,
        fee: None,
        method: Line::parse("echannel", 20).unwrap(),
        expires: world::dawn().plus_seconds(3_600),
        details: Line::empty(),
    })
}

/// Writes one more entry, in a batch of its own.
fn written(journal: &mut MemoryJournal, fact: Fact) -> Recorded {
    let mut book = recover(&journal.batches().unwrap()).book;
    let last = journal.batches().unwrap().pop().unwrap();
    let (position, time) = (book.next(), world::dawn());
    let event = Event { at: time, fact };
    let links = book.apply(position, &event);
    let mut batch = BatchBuilder::new(position, time, last.hash());
    batch.push(&event, &links);
    journal.append(&batch.finish()).unwrap();
    Recorded { position, time, event, links }
}

fn ended(charge: Position) -> Fact {
    let by_system = |reference| Origin { reference, ..origin(Principal::System, "x", "ended") };
    let (by, reason) = (Principal::System, Line::empty());
    Fact::ChargeAdvanced(Box::new(ChargeAdvanced {
        origin: by_system(end_reference(charge)),
        charge,
        account: ANI,
        payer: None,
        step: ChargeStep::Ended { end: ChargeEnd::Expired, by, reason },
    }))
}

fn told(charge: Position, bytes: &str) -> Fact {
    let reference = notification_reference(charge, bytes);
    let origin = Origin { reference, ..origin(Principal::System, "x", "notified") };
    let (status, amount) = (Line::empty(), Line::empty());
    Fact::Notified(Box::new(Notified { origin, charge, status, amount }))
}

/// A desk over a journal, with a writer.
fn desk(
    journal: &MemoryJournal,
    provider: &Arc<SimulatedProvider>,
    options: Options,
) -> (Engine, Arc<Desk>, Inbox) {
    let recovered = recover(&journal.batches().unwrap());
    let clock = Clock::manual(world::dawn());
    let (engine, queue) =
        Engine::new(Arc::clone(&recovered.view), world::policies(), clock.clone());
    let (announcer, inbox) = charge::channel();
    let writer = Writer::new(WriterParts {
        journal: Box::new(journal.clone()),
        book: recovered.book,
        view: recovered.view,
        clock,
        metrics: Metrics::new(),
        hash: recovered.hash,
        time: recovered.time,
        after_batch: Box::new(|_, _, _, _| ()),
        observer: Box::new(move |recorded| announcer.tell(recorded)),
    });
    tokio::spawn(write(writer, queue, Arc::new(Mutex::new(false)), Random::new(1)));
    let asked = Arc::clone(provider) as Arc<dyn Provider>;
    let desk = Desk::new(engine.clone(), Some(asked), Some(provider::key()), options);
    (engine, desk, inbox)
}

/// Nobody has asked after the news of an earlier process: each is asked about once, and the desk
/// does not wait until the journal is read.
#[tokio::test(start_paused = true)]
async fn what_was_told_before_a_start_is_asked_about_once_and_beside_everything_else() {
    let clock = Clock::manual(world::dawn());
    let provider = SimulatedProvider::new(1, Faults::NONE, clock);
    let mut journal = world::begin();
    for number in 0..CHARGES {
        let recorded = written(&mut journal, Fact::ChargeStarted(started(number)));
        let order = order_id(&recorded);
        provider.charge(&Asked::new(order.clone(), amount(1_000), Method::Echannel)).await;
        provider.force(&order, Status::Settlement);
        written(&mut journal, ended(recorded.position));
        for bytes in ["one", "two"] {
            written(&mut journal, told(recorded.position, bytes));
        }
    }
    let (engine, desk, inbox) = desk(&journal, &provider, Options::standard());
    let asked = || provider.counts().get("question: paid").copied().unwrap_or(0);
    let mut run = Box::pin(desk.run(inbox));
    std::future::poll_fn(|context| {
        assert!(run.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
    for _ in 0..100 {
        yield_now().await;
    }
    assert_eq!(asked(), 0, "the whole journal was read at once");
    tokio::spawn(run);
    sleep(Duration::from_secs(600)).await;
    assert_eq!(asked(), CHARGES);
    let balance = engine.view().account(ANI).unwrap().balance().units();
    assert_eq!(balance, i128::from(world::FUNDS + 1_000 * CHARGES));
}

#[tokio::test(start_paused = true)]
async fn so_many_charges_are_made_at_once_and_none_is_left_out() {
    let clock = Clock::manual(world::dawn());
    let faults = Faults { latency: Duration::from_millis(800), ..Faults::NONE };
    let provider = SimulatedProvider::new(1, faults, clock);
    let journal = world::begin();
    let options = Options { making_max: 3, ..Options::standard() };
    let (engine, desk, inbox) = desk(&journal, &provider, options);
    tokio::spawn(desk.run(inbox));
    for number in 0..CHARGES {
        engine.submit(Command::StartCharge(started(number))).await.unwrap();
    }
    sleep(Duration::from_secs(60)).await;
    assert_eq!(provider.counts()["made"], CHARGES);
    assert_eq!(provider.most_at_once(), 3);
}
