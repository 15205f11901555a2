//! How long does it take to resume 10,000 open payouts after a restart, and how many payouts a
//! second does the desk carry from their entry to their end?
//!
//! Three banks in process that answer after 5 ms, as the simulated ones do; a journal in memory and
//! the writer's own thread. No HTTP. A sample begins with an empty store.

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{NOW, event, good, sized};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use gerbang::clock::Clock;
use gerbang::connector::bank::{Asked, Bank};
use gerbang::connector::outcome::{Beneficiary, Outcome, Standing, Transferred};
use gerbang::connector::standard::{InquiryRequest, StatusRequest, TransferRequest};
use gerbang::engine::{Engine, References, Teller, View, Writer, WriterParts};
use gerbang::gateway::payout::callbacks::{self, Callbacks};
use gerbang::gateway::payout::{self, Banks, Desk};
use gerbang::identity::vault::Vault;
use gerbang::journal::{BatchBuilder, Hash, History, Journal, MemoryJournal};
use gerbang::ledger::book::Book;
use gerbang::ledger::command::Command;
use gerbang::ledger::event::{
    AccountKind, AccountOpened, Digest, Fact, Movement, MovementKind, Origin,
};
use gerbang::ledger::id::{AccountId, Principal};
use gerbang::ledger::money::{Amount, Currency};
use gerbang::ledger::order::Order;
use gerbang::ledger::payout::{Beneficiary as To, PayoutStarted, Purpose, Try};
use gerbang::ledger::policy::Policies;
use gerbang::ledger::registry::{BankCode, Usage};
use gerbang::ledger::text::{Line, Reference};
use gerbang::ledger::time::Timestamp;
use gerbang::outbound;
use gerbang::telemetry::Metrics;
use tokio::time::{Instant, sleep};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ESCROW: AccountId = AccountId(2);
/// Who begin payouts, each one at a time.
const CALLERS: u32 = 256;
const BANKS: [&str; 3] = ["009", "014", "008"];

/// A bank that has done everything, and says so after 5 ms.
struct Ready;

impl Ready {
    fn done(reference: &str) -> Outcome<Transferred> {
        Outcome::Succeeded(Transferred { bank_reference: reference.to_owned() })
    }
}

impl Bank for Ready {
    fn transfer<'a>(&'a self, request: &'a TransferRequest) -> Asked<'a, Outcome<Transferred>> {
        Box::pin(async {
            sleep(Duration::from_millis(5)).await;
            Self::done(&request.reference)
        })
    }

    fn inquire<'a>(&'a self, _: &'a InquiryRequest) -> Asked<'a, Outcome<Beneficiary>> {
        Box::pin(async {
            Outcome::Succeeded(Beneficiary { account_name: "ERRY JULIO".to_owned() })
        })
    }

    fn status<'a>(&'a self, request: &'a StatusRequest) -> Asked<'a, Standing> {
        Box::pin(async {
            sleep(Duration::from_millis(5)).await;
            Standing::Found(Self::done(&request.reference))
        })
    }
}

impl Banks for Ready {
    fn bank(&self, _: BankCode, _: Usage) -> Option<Arc<dyn Bank>> {
        Some(Arc::new(Self))
    }

    fn is_available(&self, _: BankCode, _: Timestamp) -> bool {
        true
    }
}

fn amount(units: u64) -> Amount {
    Amount::new(units).expect("within bounds")
}

fn line(text: &str) -> Line {
    good(Line::parse(text, 64))
}

fn started(number: u32) -> PayoutStarted {
    let bank = BANKS.iter().cycle().nth(usize::try_from(number % 3).unwrap_or(0)).copied();
    let bank = bank.and_then(BankCode::parse).expect("three digits");
    PayoutStarted {
        origin: Origin {
            principal: Principal::Operator,
            reference: good(Reference::parse(&format!("FDP{number}"))),
            digest: Digest([0; 16]),
        },
        account: ESCROW,
        amount: amount(2_475),
        currency: Currency::IDR,
        purpose: Purpose::Transfer,
        sender: line("0847652590"),
        beneficiary: To { bank, number: line("0115471119"), name: line("ERRY JULIO") },
        remark: Line::empty(),
        route: Try { bank, interbank: false, fee: None, why: line("the beneficiary's own bank") },
        rule: Line::empty(),
        challenged_until: None,
        callback: false,
        fee_max: None,
    }
}

/// A store with money in escrow and so many payouts that nobody knows the end of.
fn store(open: u32) -> (MemoryJournal, Book, Arc<History>, Hash) {
    let (mut journal, mut book) = (MemoryJournal::new(), Book::new());
    let (history, mut hash) = (Arc::new(History::new()), Hash::GENESIS);
    let account = |id, kind| {
        let (account, currency) = (AccountId(id), Currency::IDR);
        Fact::AccountOpened(AccountOpened {
            account,
            kind,
            currency,
            owner: None,
            floor: 0,
            by: Principal::System,
        })
    };
    let funding = Fact::Moved(Movement {
        origin: started(u32::MAX).origin,
        kind: MovementKind::TopUp { request: None, by: Principal::Operator },
        debit: AccountId(0),
        credit: ESCROW,
        amount: amount(Amount::MAX),
        currency: Currency::IDR,
        fee: None,
        note: Line::empty(),
    });
    let begin = vec![
        Fact::Genesis,
        account(0, AccountKind::Clearing),
        account(1, AccountKind::Fees),
        account(2, AccountKind::Escrow),
        funding,
    ];
    let payouts = (0..open).map(|number| Fact::PayoutStarted(Box::new(started(number))));
    for facts in [begin, payouts.collect()] {
        if facts.is_empty() {
            continue;
        }
        let mut batch = BatchBuilder::new(book.next(), NOW, hash);
        for event in facts.into_iter().map(event) {
            let links = book.apply(book.next(), &event);
            batch.push(&event, &links);
        }
        let batch = batch.finish();
        hash = batch.hash();
        good(journal.append(&batch));
        history.push(batch);
    }
    (journal, book, history, hash)
}

/// Starts a desk over a store with `open` payouts, begins `new` more, and says how long it took
/// until none was open.
fn run(open: u32, new: u32) -> Duration {
    let (journal, book, history, hash) = store(open);
    let runtime = good(tokio::runtime::Builder::new_multi_thread().enable_all().build());
    let clock = Clock::system();
    let view = Arc::new(View::new(&book, References::new(), history, NOW));
    let (engine, queue) = Engine::new(Arc::clone(&view), Policies::default(), clock.clone());
    let (announcer, inbox) = payout::channel();
    let writer = Writer::new(WriterParts {
        journal: Box::new(journal),
        book,
        view: Arc::clone(&view),
        clock,
        metrics: Metrics::new(),
        hash,
        time: NOW,
        after_batch: Box::new(|_, _, _, _| ()),
        observer: Box::new(move |recorded| announcer.tell(recorded)),
    });
    let teller = Teller::start(runtime.handle());
    let writer = std::thread::spawn(move || writer.run(&queue, &teller).is_ok());
    let took = runtime.block_on(async {
        let vault = Arc::new(Vault::in_memory(1));
        let (settings, resolve) = (callbacks::Settings::default(), Arc::new(outbound::System));
        let callbacks = Callbacks::new(vault, settings, resolve);
        let options = payout::Options::standard();
        let desk = Desk::new(engine.clone(), Arc::new(Ready), callbacks, options);
        let began = Instant::now();
        tokio::spawn(desk.run(inbox));
        let all: Vec<_> =
            (0..CALLERS).map(|first| tokio::spawn(begin(engine.clone(), first, new))).collect();
        for begun in all {
            good(begun.await);
        }
        while !view.orders(|order| matches!(order, Order::Payout(_))).is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
        began.elapsed()
    });
    drop(engine);
    runtime.shutdown_timeout(Duration::from_secs(5));
    assert!(good(writer.join()));
    took
}

/// Every so-manieth of `new` payouts, one after the other.
async fn begin(engine: Engine, first: u32, new: u32) {
    for number in (first..new).step_by(good(usize::try_from(CALLERS))) {
        let command = Command::StartPayout(Box::new(started(1_000_000 + number)));
        good(engine.submit(command).await);
    }
}

fn payouts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("payouts");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let count = sized(10_000);
    group.throughput(Throughput::Elements(count.into()));
    group.bench_function("resume after a restart", |bencher| {
        bencher.iter_custom(|rounds| (0..rounds).map(|_| run(count, 0)).sum());
    });
    group.bench_function("from entry to end, 256 callers", |bencher| {
        bencher.iter_custom(|rounds| (0..rounds).map(|_| run(0, count)).sum());
    });
    group.finish();
}

criterion_group!(benches, payouts);
criterion_main!(benches);
