//! How many payments a second does the engine make durable, with 8,192 in flight, and how does
//! that compare with one thread that does the same with a map of balances?
//!
//! Payments between accounts picked evenly, from a fixed seed; every answer comes after the flush.
//! No HTTP and no sealing. The last hash of each journal is chained over times, so the sum of all
//! credits is printed instead. A sample starts with an empty store.

mod common;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use common::{NOW, Random, commands, event, good, sized, user};
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, measurement::WallTime};
use criterion::{criterion_group, criterion_main};
use gerbang::clock::Clock;
use gerbang::engine::{Asked, Engine, References, Teller, View, Writer, WriterParts};
use gerbang::journal::lock::Lock;
use gerbang::journal::{BatchBuilder, Hash, History, Journal, MemoryJournal, SledJournal};
use gerbang::ledger::book::{Book, Link};
use gerbang::ledger::command::Command;
use gerbang::ledger::event::{Fact, Movement};
use gerbang::ledger::id::AccountId;
use gerbang::ledger::money::Balance;
use gerbang::ledger::policy::Policies;
use gerbang::telemetry::Metrics;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// As the product has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const IN_FLIGHT: usize = 8_192;
/// Callers that each wait for a part of what is in flight.
const CALLERS: usize = 8;

/// A journal with a genesis and people in it.
struct World {
    journal: Box<dyn Journal>,
    book: Book,
    history: Arc<History>,
    hash: Hash,
    users: u32,
}

impl World {
    fn new(mut journal: Box<dyn Journal>) -> Self {
        let users = sized(10_000);
        let (mut book, history) = (Book::new(), Arc::new(History::new()));
        let mut hash = Hash::GENESIS;
        let facts = [vec![Fact::Genesis], (0..users).map(user).collect()];
        for facts in facts {
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
        Self { journal, book, history, hash, users }
    }

    /// Starts the engine, lets `drive` use it, and returns the book as it ended.
    fn run(self, drive: impl AsyncFnOnce(Engine) -> Duration) -> (Duration, Book) {
        let runtime = good(tokio::runtime::Builder::new_multi_thread().enable_all().build());
        let clock = Clock::system();
        let view = View::new(&self.book, References::new(), Arc::clone(&self.history), NOW);
        let view = Arc::new(view);
        let (engine, queue) = Engine::new(Arc::clone(&view), Policies::default(), clock.clone());
        let writer = Writer::new(WriterParts {
            journal: self.journal,
            book: self.book,
            view,
            clock,
            metrics: Metrics::new(),
            hash: self.hash,
            time: NOW,
            after_batch: Box::new(|_, _, _, _| {}),
            observer: Box::new(|_| {}),
        });
        let teller = Teller::start(runtime.handle());
        let writer = std::thread::spawn(move || good(writer.run(&queue, &teller)));
        let elapsed = runtime.block_on(drive(engine));
        runtime.shutdown_timeout(Duration::from_secs(5));
        let writer = writer.join().expect("the writer does not panic");
        (elapsed, writer.book().clone())
    }
}

/// Callers that hand over many commands at once, as the batch route does.
async fn in_batches(engine: Engine, batches: Vec<Vec<Command>>) -> Duration {
    let mut callers: Vec<Vec<Vec<Command>>> = (0..CALLERS).map(|_| Vec::new()).collect();
    for (number, batch) in batches.into_iter().enumerate() {
        callers[number % CALLERS].push(batch);
    }
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for batches in callers {
        let engine = engine.clone();
        tasks.spawn(async move {
            for batch in batches {
                for outcome in
                    engine.submit_many(batch.into_iter().map(Asked::Decide).collect()).await
                {
                    good(outcome);
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        good(done);
    }
    start.elapsed()
}

/// As many callers as payments in flight, each with one at a time, as connections do.
async fn one_by_one(engine: Engine, commands: Vec<Command>) -> Duration {
    let mut callers: Vec<Vec<Command>> = (0..IN_FLIGHT).map(|_| Vec::new()).collect();
    for (number, command) in commands.into_iter().enumerate() {
        callers[number % IN_FLIGHT].push(command);
    }
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for commands in callers {
        let engine = engine.clone();
        tasks.spawn(async move {
            for command in commands {
                good(engine.submit(command).await);
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        good(done);
    }
    start.elapsed()
}

/// The least that could do it: one thread, a map of balances, the same journal.
fn single_thread(world: World, commands: Vec<Command>) -> Duration {
    let World { mut journal, book, mut hash, users, .. } = world;
    let mut next = book.next();
    let mut balances: HashMap<AccountId, i64> = (0..users).map(|it| (AccountId(it), 0)).collect();
    let start = Instant::now();
    let mut commands = commands.into_iter().peekable();
    while commands.peek().is_some() {
        let mut batch = BatchBuilder::new(next, NOW, hash);
        for command in commands.by_ref().take(IN_FLIGHT) {
            let Command::Move(movement) = command else { continue };
            let links = links_of(&mut balances, &movement);
            batch.push(&event(Fact::Moved(movement)), &links);
            next = next.plus(1);
        }
        let batch = batch.finish();
        hash = batch.hash();
        good(journal.append(&batch));
    }
    start.elapsed()
}

fn links_of(balances: &mut HashMap<AccountId, i64>, movement: &Movement) -> [Link; 2] {
    let amount = i64::try_from(movement.amount.get()).expect("amounts are below 2^63");
    let sides = [(movement.debit, -amount), (movement.credit, amount)];
    sides.map(|(account, change)| {
        let balance = balances.get_mut(&account).expect("everybody has a balance");
        assert!(*balance > -1_000_000_000_000_000, "credit is ample");
        *balance += change;
        Link { account, previous: None, balance_after: Balance::from_units((*balance).into()) }
    })
}

fn memory() -> (Option<tempfile::TempDir>, World) {
    (None, World::new(Box::new(MemoryJournal::new())))
}

fn sled() -> (Option<tempfile::TempDir>, World) {
    let directory = good(tempfile::tempdir());
    let lock = Arc::new(good(Lock::acquire(directory.path())));
    let (journal, _) = good(SledJournal::open(&directory.path().join("log"), lock));
    (Some(directory), World::new(Box::new(journal)))
}

type Make = fn() -> (Option<tempfile::TempDir>, World);

#[expect(clippy::print_stderr, reason = "criterion has no place for a sum")]
fn print_sum(name: &str, make: Make) {
    let (_directory, world) = make();
    let batches = vec![commands(&mut Random(7), world.users, IN_FLIGHT)];
    let (_, book) = world.run(async |engine| in_batches(engine, batches).await);
    let sum: u128 = book.accounts().map(|account| account.credits.units()).sum();
    eprintln!("{name}: sum of credits {sum}");
}

fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, make: Make) {
    print_sum(name, make);
    let rounds = |iterations: u64| usize::try_from(iterations).expect("few");
    group.bench_function(format!("{name}, in batches"), |bencher| {
        bencher.iter_custom(|iterations| {
            let (_directory, world) = make();
            let mut random = Random(7);
            let batches = (0..rounds(iterations) * CALLERS)
                .map(|_| commands(&mut random, world.users, IN_FLIGHT / CALLERS))
                .collect();
            world.run(async |engine| in_batches(engine, batches).await).0
        });
    });
    group.bench_function(format!("{name}, one by one"), |bencher| {
        bencher.iter_custom(|iterations| {
            let (_directory, world) = make();
            let all = commands(&mut Random(7), world.users, IN_FLIGHT * rounds(iterations));
            world.run(async |engine| one_by_one(engine, all).await).0
        });
    });
    group.bench_function(format!("{name}, one thread and a map"), |bencher| {
        bencher.iter_custom(|iterations| {
            let (_directory, world) = make();
            let all = commands(&mut Random(7), world.users, IN_FLIGHT * rounds(iterations));
            single_thread(world, all)
        });
    });
}

fn engine(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engine");
    group.throughput(Throughput::Elements(IN_FLIGHT as u64));
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4));
    measure(&mut group, "memory", memory);
    measure(&mut group, "sled", sled);
    group.finish();
}

criterion_group!(benches, engine);
criterion_main!(benches);
