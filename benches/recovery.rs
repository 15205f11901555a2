//! How long does a gateway take to start with a million payments behind it, with a checkpoint and
//! without; how many bytes of disk does a payment take; and how much memory an idle account?
//!
//! The whole of `App::start`, so that the view and the table of references count. Memory is what a
//! process of its own holds after starting on a store of accounts that never did anything, less
//! what it holds on an empty store; with the allocator of the product. The last hash is printed.

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod common;

use std::path::Path;
use std::process::Command as Process;
use std::time::Duration;

use common::{Random, commands, good, sized, user};
use criterion::{Criterion, SamplingMode};
use gerbang::app::App;
use gerbang::clock::Clock;
use gerbang::config::Config;
use gerbang::engine::{Asked, Engine};
use gerbang::ledger::policy::Policies;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Facts and commands given to the engine at once.
const BATCH: usize = 4_096;
/// Makes this binary start on a directory, say how much memory that took, and end.
const RESIDENT: &str = "--resident";
/// `cargo bench --bench recovery -- memory` measures nothing else.
const MEMORY: &str = "memory";

fn config(directory: &Path) -> Config {
    Config { data: directory.to_owned(), policies: Policies::default(), ..Config::standard() }
}

fn runtime() -> Runtime {
    good(tokio::runtime::Builder::new_multi_thread().enable_all().build())
}

fn start(directory: &Path) -> App {
    good(App::start(&config(directory), &Clock::system(), &mut |_| {}))
}

/// Runs `work` on a store in `directory`, and ends in order: with a checkpoint.
fn on_store(directory: &Path, work: impl AsyncFnOnce(Engine)) {
    let runtime = runtime();
    let entered = runtime.enter();
    let app = start(directory);
    runtime.block_on(work(app.gateway.engine().clone()));
    drop(entered);
    app.finish(runtime);
}

async fn sign_up(engine: &Engine, users: u32) {
    for first in (0..users).step_by(BATCH) {
        let mut tasks = JoinSet::new();
        for number in first..users.min(first + 4_096) {
            let engine = engine.clone();
            tasks.spawn(async move { good(engine.record(user(number), Vec::new()).await) });
        }
        while let Some(done) = tasks.join_next().await {
            good(done);
        }
    }
}

async fn pay(engine: &Engine, users: u32, payments: u32) {
    let mut random = Random(7);
    for first in (0..payments).step_by(BATCH) {
        let count = BATCH.min((payments - first) as usize);
        let commands = commands(&mut random, users, count);
        let asked = commands.into_iter().map(Asked::Decide).collect();
        for outcome in engine.submit_many(asked).await {
            good(outcome);
        }
    }
}

fn without_checkpoints(directory: &Path) {
    for entry in good(std::fs::read_dir(directory)) {
        let path = good(entry).path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("checkpoint")) {
            good(std::fs::remove_file(path));
        }
    }
}

/// Starts so many times, each time as `prepare` leaves the directory; only the start is timed.
fn starts(directory: &Path, times: u64, prepare: impl Fn(&Path)) -> Duration {
    let mut total = Duration::ZERO;
    for _ in 0..times {
        prepare(directory);
        let runtime = runtime();
        let entered = runtime.enter();
        let began = Instant::now();
        let app = start(directory);
        total += began.elapsed();
        drop(entered);
        app.finish(runtime);
    }
    total
}

#[expect(clippy::print_stderr, reason = "sizes are no times: criterion has no place for them")]
fn recovery(criterion: &mut Criterion) {
    let directory = good(tempfile::tempdir());
    let (users, payments) = (sized(10_000), sized(1_000_000));
    on_store(directory.path(), async |engine| sign_up(&engine, users).await);
    let before = sealed_bytes(directory.path());
    on_store(directory.path(), async |engine| {
        pay(&engine, users, payments).await;
        let sum: u128 = (0..users)
            .filter_map(|id| engine.view().account(gerbang::ledger::id::AccountId(id)))
            .map(|account| account.credits.units())
            .sum();
        eprintln!("{payments} payments, sum of credits {sum}");
    });
    let sealed = sealed_bytes(directory.path()) - before;
    let log = bytes_in(&directory.path().join("log"));
    eprintln!("{sealed} bytes sealed, {log} bytes in the log");

    let mut group = criterion.benchmark_group("start");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(5));
    group.bench_function("with a checkpoint", |bencher| {
        bencher.iter_custom(|times| starts(directory.path(), times, |_| {}));
    });
    group.bench_function("without a checkpoint", |bencher| {
        bencher.iter_custom(|times| starts(directory.path(), times, without_checkpoints));
    });
    group.finish();
}

fn sealed_bytes(directory: &Path) -> u64 {
    bytes_in(&directory.join("history"))
}

fn bytes_in(directory: &Path) -> u64 {
    let entries = good(std::fs::read_dir(directory));
    entries.map(|entry| good(good(entry).metadata()).len()).sum()
}

#[expect(clippy::print_stderr, reason = "sizes are no times: criterion has no place for them")]
fn memory() {
    let (empty, full) = (good(tempfile::tempdir()), good(tempfile::tempdir()));
    let accounts = sized(1_000_000);
    on_store(empty.path(), async |_| {});
    on_store(full.path(), async |engine| sign_up(&engine, accounts).await);
    let (without, with) = (resident_after(empty.path()), resident_after(full.path()));
    let each = with.saturating_sub(without) / u64::from(accounts);
    eprintln!("{accounts} idle accounts: {with} bytes resident, {without} without: {each} each");
}

fn resident_after(directory: &Path) -> u64 {
    let mut process = Process::new(good(std::env::current_exe()));
    let output = good(process.arg(RESIDENT).arg(directory).output());
    good(String::from_utf8_lossy(&output.stdout).trim().parse())
}

#[expect(clippy::print_stdout, reason = "its parent reads it")]
fn say_resident(directory: &Path) {
    let runtime = runtime();
    let entered = runtime.enter();
    let app = start(directory);
    let text = good(std::fs::read_to_string("/proc/self/statm"));
    let pages: u64 = good(text.split(' ').nth(1).unwrap_or_default().parse());
    println!("{}", pages * 4096);
    drop(entered);
    app.finish(runtime);
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, first, directory] = arguments.as_slice()
        && first == RESIDENT
    {
        return say_resident(Path::new(directory));
    }
    let wanted = arguments.iter().skip(1).find(|argument| !argument.starts_with('-'));
    if wanted.is_none_or(|wanted| wanted == MEMORY) {
        memory();
    }
    if wanted.is_none_or(|wanted| wanted != MEMORY) {
        let mut criterion = Criterion::default().configure_from_args();
        recovery(&mut criterion);
        criterion.final_summary();
    }
}
