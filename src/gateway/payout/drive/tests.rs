//! Several tasks for one payout at once: whatever they were told, a try is sent once.

use std::sync::{Mutex, MutexGuard};

use crossbeam_channel::Receiver;

use super::*;
use crate::clock::Clock;
use crate::connector::bank::{Asked, Bank};
use crate::connector::outcome::Beneficiary as Named;
use crate::connector::standard::InquiryRequest;
use crate::engine::{Engine, Entry, References, View, Writer, WriterParts};
use crate::gateway::payout::callbacks::{Callbacks, Settings};
use crate::gateway::payout::{Announcer, Banks, Options, channel};
use crate::identity::vault::Vault;
use crate::journal::{BatchBuilder, Hash, History, Journal, MemoryJournal};
use crate::ledger::book::Book;
use crate::ledger::event::{AccountOpened, Event};
use crate::ledger::id::{AccountId, Principal};
use crate::ledger::money::{Amount, Currency};
use crate::ledger::payout::Beneficiary;
use crate::ledger::registry::{self, RegistryChange, RegistryChanged};
use crate::outbound;
use crate::telemetry::Metrics;

const CLEARING: AccountId = AccountId(0);
const ESCROW: AccountId = AccountId(2);

/// What a transfer at the bank under test does.
#[derive(Clone, Copy)]
enum Manner {
    /// Pays, after a while.
    Pays,
    /// Pays at once, and then never answers.
    Hangs,
    /// Pays at once, and then finds a bug of ours.
    Panics,
    /// Cannot be reached so many times, and then pays.
    Down(usize),
    /// Is there, and has none of it.
    Declines,
}

/// A bank that writes down every name it is sent, however often.
struct Counting {
    manner: Manner,
    sent: Mutex<Vec<String>>,
    asked: Mutex<Vec<String>>,
}

impl Counting {
    fn new(manner: Manner) -> Arc<Self> {
        Arc::new(Self { manner, sent: Mutex::default(), asked: Mutex::default() })
    }

    fn sent(&self) -> MutexGuard<'_, Vec<String>> {
        self.sent.lock().unwrap()
    }
}

fn paid() -> Outcome<Transferred> {
    Outcome::Succeeded(Transferred { bank_reference: "BANK".to_owned() })
}

impl Bank for Counting {
    fn transfer<'a>(&'a self, request: &'a TransferRequest) -> Asked<'a, Outcome<Transferred>> {
        Box::pin(async move {
            let tries = {
                let mut sent = self.sent();
                sent.push(request.reference.clone());
                sent.len()
            };
            tokio::time::sleep(Duration::from_millis(300)).await;
            match self.manner {
                Manner::Pays => paid(),
                Manner::Hangs => std::future::pending().await,
                Manner::Panics => panic!("planted"),
                Manner::Down(times) if tries <= times => {
                    Outcome::NotSent(Reason::new("no_connection", "refused"))
                }
                Manner::Down(_) => paid(),
                Manner::Declines => Outcome::NotSent(Reason::new("4031714", "no funds")),
            }
        })
    }

    fn inquire<'a>(&'a self, _: &'a InquiryRequest) -> Asked<'a, Outcome<Named>> {
        Box::pin(async { Outcome::Unknown(Reason::new("timeout", "")) })
    }

    fn status<'a>(&'a self, request: &'a StatusRequest) -> Asked<'a, Standing> {
        Box::pin(async move {
            self.asked.lock().unwrap().push(request.reference.clone());
            let sent = self.sent().iter().position(|name| *name == request.reference);
            let known = match self.manner {
                Manner::Down(times) => sent.is_some_and(|place| place >= times),
                Manner::Pays | Manner::Hangs | Manner::Panics | Manner::Declines => sent.is_some(),
            };
            match known {
                true => Standing::Found(paid()),
                false => Standing::NotFound(Reason::new("4043601", "never seen")),
            }
        })
    }
}

/// One bank, whichever is wanted.
struct Only(Arc<Counting>);

impl Banks for Only {
    fn bank(&self, _: BankCode, _: Usage) -> Option<Arc<dyn Bank>> {
        Some(Arc::clone(&self.0) as Arc<dyn Bank>)
    }

    fn is_available(&self, _: BankCode, _: Timestamp) -> bool {
        true
    }
}

fn by(reference: &str) -> Origin {
    origin(Reference::parse(reference).unwrap(), "test")
}

fn route() -> Try {
    let bank = BankCode::parse("009").unwrap();
    Try { bank, interbank: false, fee: None, why: Line::empty() }
}

fn opened(account: AccountId, kind: AccountKind) -> Fact {
    let currency = Currency::IDR;
    Fact::AccountOpened(AccountOpened {
        account,
        kind,
        currency,
        owner: None,
        floor: 0,
        by: Principal::System,
    })
}

/// The house, money in escrow, and a payout at position 5.
fn begun(challenged_until: Option<Timestamp>) -> Vec<Fact> {
    let funding = MovementKind::TopUp { request: None, by: Principal::Operator };
    let funds = Movement {
        origin: by("fund"),
        kind: funding,
        debit: CLEARING,
        credit: ESCROW,
        amount: Amount::new(1_000_000).unwrap(),
        currency: Currency::IDR,
        fee: None,
        note: Line::empty(),
    };
    let started = PayoutStarted {
        origin: by("transfer"),
        account: ESCROW,
        amount: Amount::new(10_000).unwrap(),
        currency: Currency::IDR,
        purpose: Purpose::Transfer,
        sender: Line::empty(),
        beneficiary: Beneficiary { bank: route().bank, number: line("1"), name: line("A") },
        remark: Line::empty(),
        route: route(),
        rule: Line::empty(),
        challenged_until,
        callback: false,
        fee_max: None,
    };
    vec![
        opened(CLEARING, AccountKind::Clearing),
        opened(AccountId(1), AccountKind::Fees),
        opened(ESCROW, AccountKind::Escrow),
        Fact::Moved(funds),
        Fact::PayoutStarted(Box::new(started)),
    ]
}

/// A step of that payout.
fn step(step: PayoutStep) -> Fact {
    let payout = at(5);
    let origin = by(payout::step_reference(payout, 1, &step).as_str());
    let advanced = PayoutAdvanced { origin, payout, account: ESCROW, attempt: 1, step };
    Fact::PayoutAdvanced(Box::new(advanced))
}

fn at(position: u64) -> Position {
    Position::new(position).unwrap()
}

/// A desk over a journal that holds `facts`, at which nobody has taken anything up.
fn desk(facts: Vec<Fact>, bank: &Arc<Counting>) -> Arc<Desk> {
    let clock = Clock::manual(Timestamp::from_seconds(1_795_000_000));
    let mut book = Book::new();
    let mut batch = BatchBuilder::new(book.next(), clock.now(), Hash::GENESIS);
    for fact in facts {
        let event = Event { at: clock.now(), fact };
        let links = book.apply(book.next(), &event);
        batch.push(&event, &links);
    }
    let (batch, mut journal) = (batch.finish(), MemoryJournal::new());
    journal.append(&batch).unwrap();
    let history = Arc::new(History::new());
    history.push(batch.clone());
    let view = Arc::new(View::new(&book, References::new(), history, clock.now()));
    let (engine, queue) = Engine::new(Arc::clone(&view), Default::default(), clock.clone());
    let writer = Writer::new(WriterParts {
        journal: Box::new(journal),
        book,
        view,
        time: clock.now(),
        clock,
        metrics: Metrics::new(),
        hash: batch.hash(),
        after_batch: Box::new(|_, _, _, _| ()),
        observer: Box::new(|_| ()),
    });
    tokio::spawn(write(writer, queue, engine.clock().clone()));
    let vault = Arc::new(Vault::in_memory(1));
    let callbacks = Callbacks::new(vault, Settings::default(), Arc::new(outbound::System));
    let options = Options { not_found_is_final: Duration::from_secs(20), ..Options::standard() };
    Desk::new(engine, Arc::new(Only(Arc::clone(bank))), callbacks, options)
}

/// The writer as a task, and wall time that follows running time.
async fn write(mut writer: Writer, queue: Receiver<Entry>, clock: Clock) {
    let (began, start) = (Instant::now(), clock.now());
    loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let micros = i64::try_from(began.elapsed().as_micros()).unwrap();
        clock.set(Timestamp::from_micros(start.micros() + micros));
        writer.commit(&mut queue.try_iter().collect()).unwrap();
    }
}

/// Waits until the payout has ended.
async fn ended(desk: &Desk) {
    let most = Duration::from_secs(24 * 3_600);
    let end = async {
        while desk.view().order(at(5)).is_some() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(most, end).await.expect("it ends within a day");
}

/// Runs a task for each word at once; the names that the bank was sent, once the payout has ended.
async fn sent(facts: Vec<Fact>, manner: Manner, told: &[Option<u64>]) -> Vec<String> {
    let bank = Counting::new(manner);
    let desk = desk(facts, &bank);
    for word in told {
        tokio::spawn(Arc::clone(&desk).drive(at(5), word.map(at)));
    }
    ended(&desk).await;
    // Time for whoever would still send.
    tokio::time::sleep(Duration::from_secs(5)).await;
    bank.sent().clone()
}

/// The name of the try that the entry at `position` wrote.
fn name(facts: &[Fact], position: u64) -> String {
    let desk = desk(facts.to_vec(), &Counting::new(Manner::Pays));
    bank_reference(&desk.view().record(at(position)).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_task_sends_only_the_entry_it_was_told_of() {
    // The try of the start was not sent, and another task wrote the next.
    let mut next = begun(None);
    next.push(step(PayoutStep::NextTry { route: route(), reason: Line::empty() }));
    let latest = vec![name(&next, 6)];
    for told in [[Some(5), Some(6)], [Some(6), Some(5)]] {
        assert_eq!(sent(next.clone(), Manner::Pays, &told).await, latest, "{told:?}");
    }
    // It waited for a person, who has let it go.
    let until = Timestamp::from_seconds(1_795_086_400);
    let mut released = begun(Some(until));
    let step = step(PayoutStep::Released { by: Principal::Operator, reason: Line::empty() });
    released.push(step);
    let latest = vec![name(&released, 6)];
    for told in [[Some(5), Some(6)], [Some(6), Some(5)]] {
        assert_eq!(sent(released.clone(), Manner::Pays, &told).await, latest, "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_was_told_of_no_entry_asks_and_sends_nothing() {
    let first = vec![name(&begun(None), 5)];
    for told in [[Some(5), None], [None, Some(5)]] {
        assert_eq!(sent(begun(None), Manner::Hangs, &told).await, first, "{told:?}");
    }
    // Nobody has sent it: it is asked about until the bank's word is final, and fails.
    assert_eq!(sent(begun(None), Manner::Pays, &[None]).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_a_panic_left_is_asked_about() {
    let bank = Counting::new(Manner::Panics);
    let desk = desk(begun(None), &bank);
    let (announcer, inbox) = channel();
    // Not what was open before: what is written now.
    desk.open.lock().unwrap().clear();
    tokio::spawn(Arc::clone(&desk).run(inbox));
    Announcer::tell(&announcer, &desk.view().record(at(5)).unwrap());
    ended(&desk).await;
    let name = bank_reference(&desk.view().record(at(5)).unwrap());
    assert_eq!(*bank.sent(), std::slice::from_ref(&name));
    assert_eq!(*bank.asked.lock().unwrap(), [name]);
}

/// The tables in which the payout's bank has a route, behind the payout.
fn routed() -> Vec<Fact> {
    let rows = [
        RegistryChange::PartnerSet(registry::tests::partner("009", 1)),
        RegistryChange::RouteSet(registry::tests::route("009", Usage::Transfer)),
    ];
    let set = |change| {
        Fact::RegistryChanged(Box::new(RegistryChanged { by: Principal::Operator, change }))
    };
    begun(None).into_iter().chain(rows.map(set)).collect()
}

/// What the payout came to, and how often it was tried.
async fn came_to(manner: Manner) -> (Fact, usize) {
    let bank = Counting::new(manner);
    let desk = desk(routed(), &bank);
    tokio::spawn(Arc::clone(&desk).drive(at(5), Some(at(5))));
    ended(&desk).await;
    let end = desk.view().answered(Principal::System, &payout::end_reference(at(5)));
    let sent = bank.sent().clone();
    let names: std::collections::BTreeSet<&String> = sent.iter().collect();
    assert_eq!(names.len(), sent.len(), "each try has a name of its own");
    (end.unwrap().unwrap().event.fact, sent.len())
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_is_tried_again_for_a_while() {
    let began = Instant::now();
    let (end, tries) = came_to(Manner::Down(3)).await;
    assert!(matches!(end, Fact::Moved(_)), "{end:?}");
    assert_eq!(tries, 4);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let began = Instant::now();
    let (end, tries) = came_to(Manner::Down(usize::MAX)).await;
    let Fact::PayoutFailed(failed) = end else { panic!("{end:?}") };
    assert_eq!((failed.code.as_str(), tries), ("not_sent", 7));
    assert_eq!(failed.reason.as_str(), "no_connection: refused");
    let took = began.elapsed();
    assert!((48..80).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_bank_will_have_none_of_is_not_tried_again() {
    let began = Instant::now();
    let (end, tries) = came_to(Manner::Declines).await;
    let Fact::PayoutFailed(failed) = end else { panic!("{end:?}") };
    assert_eq!((failed.code.as_str(), tries), ("not_sent", 1));
    assert_eq!(failed.reason.as_str(), "4031714: no funds");
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_restart_between_two_tries_asks_and_sends_nothing() {
    // The task that knew that it was not sent is gone.
    let bank = Counting::new(Manner::Down(usize::MAX));
    let desk = desk(routed(), &bank);
    let first = tokio::spawn(Arc::clone(&desk).drive(at(5), Some(at(5))));
    while bank.sent().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    first.abort();
    tokio::spawn(Arc::clone(&desk).drive(at(5), None));
    ended(&desk).await;
    assert_eq!(bank.sent().len(), 1);
    let end = desk.view().answered(Principal::System, &payout::end_reference(at(5)));
    let Fact::PayoutFailed(failed) = end.unwrap().unwrap().event.fact else { panic!("paid") };
    assert_eq!(failed.code.as_str(), "4043601", "the bank has never seen it");
}

/// The account has the amount and not the fee of the bank that could be asked instead.
#[tokio::test(start_paused = true)]
async fn a_way_that_cannot_be_paid_for_is_none_and_the_own_bank_is_tried_again() {
    let mut facts = routed();
    for fact in &mut facts {
        match fact {
            Fact::Moved(funds) => funds.amount = Amount::new(10_000).unwrap(),
            Fact::PayoutStarted(started) => started.purpose = Purpose::Withdrawal,
            _ => {}
        }
    }
    let costs =
        registry::Route { fee_fixed: 6_500, ..registry::tests::route("014", Usage::Interbank) };
    for change in [
        RegistryChange::PartnerSet(registry::tests::partner("014", 2)),
        RegistryChange::RouteSet(costs),
    ] {
        let by = Principal::Operator;
        facts.push(Fact::RegistryChanged(Box::new(RegistryChanged { by, change })));
    }
    let bank = Counting::new(Manner::Down(1));
    let desk = desk(facts, &bank);
    tokio::spawn(Arc::clone(&desk).drive(at(5), Some(at(5))));
    ended(&desk).await;
    let end = desk.view().answered(Principal::System, &payout::end_reference(at(5)));
    let end = end.unwrap().unwrap().event.fact;
    assert!(matches!(end, Fact::Moved(_)), "{end:?}");
    assert_eq!(bank.sent().len(), 2);
}
