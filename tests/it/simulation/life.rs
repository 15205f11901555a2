//! Lives of an engine between crashes, on one thread in paused time.
//!
//! A life begins from the stored batches alone. It ends where the seed says: between any two steps
//! of clients or writer, or at an append that fails. Then the runtime is dropped with everything in
//! it, and only the journal and what clients remember is left.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::Receiver;
use gerbang::clock::Clock;
use gerbang::engine::{Engine, Entry, Options, References, View, Writer, WriterParts};
use gerbang::engine::{expire_due, run_timers};
use gerbang::journal::memory::Fault;
use gerbang::journal::{Batch, Hash, History, Journal, MemoryJournal};
use gerbang::ledger::book::Book;
use gerbang::ledger::settles::further_fingerprints;
use gerbang::ledger::time::Timestamp;
use gerbang::telemetry::Metrics;
use tokio::time::sleep;

use super::client::{Client, Sim, is_expiry};
use crate::check::Attempt;
use crate::random::Random;
use crate::world::{begin, bootstrap, dawn, policies};

/// How long and how wide a simulation is.
pub(crate) struct Plan {
    /// Lives that end in a crash; one more follows that ends in peace.
    pub(crate) lives: u64,
    pub(crate) clients: usize,
    /// New commands per client and life.
    pub(crate) commands: u64,
    /// The journal as the writer has it: a place for planted faults.
    pub(crate) wrap: fn(MemoryJournal) -> Box<dyn Journal>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { lives: 8, clients: 10, commands: 30, wrap: |journal| Box::new(journal) }
    }
}

/// What is left at the end.
pub(crate) struct Ended {
    pub(crate) batches: Vec<Batch>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) counts: std::collections::BTreeMap<&'static str, u64>,
}

/// Runs a whole simulation.
///
/// # Errors
/// What was found wrong while it ran.
pub(crate) fn run(seed: u64, plan: &Plan) -> Result<Ended, String> {
    let mut random = Random::new(seed);
    let mut journal = MemoryJournal::new();
    begin(&mut journal, &bootstrap());
    let sim = Sim::new(plan.clients);
    let mut now = dawn();
    let mut number = 0;
    loop {
        journal = journal.reopen().map_err(|error| error.to_string())?;
        let life = Life {
            plan,
            sim: Arc::clone(&sim),
            journal: journal.clone(),
            is_last: number >= plan.lives,
            random: random.fork(),
        };
        now = life.run(now)?;
        // A fault that was meant for an earlier life may end the last one: then it was not the last.
        if number >= plan.lives && !sim.state().dead {
            break;
        }
        number += 1;
    }
    let batches = journal.batches().map_err(|error| error.to_string())?;
    let mut state = sim.state();
    for batch in &batches {
        let expired =
            batch.records().filter(|r| is_expiry(&r.as_ref().unwrap().event.fact)).count();
        *state.counts.entry("hold expired by itself").or_insert(0) +=
            u64::try_from(expired).unwrap();
    }
    state.counts.retain(|_, count| *count > 0);
    let (attempts, counts) =
        (std::mem::take(&mut state.attempts), std::mem::take(&mut state.counts));
    Ok(Ended { batches, attempts, counts })
}

struct Life<'a> {
    plan: &'a Plan,
    sim: Arc<Sim>,
    journal: MemoryJournal,
    is_last: bool,
    random: Random,
}

/// Where a life begins.
pub(crate) struct Recovered {
    pub(crate) book: Book,
    pub(crate) view: Arc<View>,
    pub(crate) hash: Hash,
    pub(crate) time: Timestamp,
}

/// What a restart makes of stored batches.
pub(crate) fn recover(batches: &[Batch]) -> Recovered {
    recover_of(batches, batches.len())
}

/// The same, where readers can read no more than the first `kept` batches.
pub(crate) fn recover_of(batches: &[Batch], kept: usize) -> Recovered {
    let book = replay(batches);
    let history = Arc::new(History::new());
    let (mut hash, mut time) = (Hash::GENESIS, Timestamp::EPOCH);
    for batch in batches {
        (hash, time) = (batch.hash(), batch.time());
    }
    batches[..kept].iter().for_each(|batch| history.push(batch.clone()));
    let references = References::new();
    for recorded in batches.iter().flat_map(Batch::records).map(Result::unwrap) {
        if let Some(origin) = recorded.event.fact.origin() {
            references.insert(origin.fingerprint(), recorded.position);
        }
        for further in further_fingerprints(&recorded.event.fact) {
            references.insert(further, recorded.position);
        }
    }
    let view = Arc::new(View::new(&book, references, history, time));
    Recovered { book, view, hash, time }
}

/// The book of stored batches, which must give the links they were stored with.
fn replay(batches: &[Batch]) -> Book {
    let mut book = Book::new();
    for recorded in batches.iter().flat_map(Batch::records).map(Result::unwrap) {
        let links = book.apply(recorded.position, &recorded.event);
        assert_eq!(links, recorded.links, "replay at {}", recorded.position);
    }
    book
}

impl Life<'_> {
    /// From recovery to the crash; the time at which it came.
    fn run(mut self, now: Timestamp) -> Result<Timestamp, String> {
        let batches = self.journal.batches().map_err(|error| error.to_string())?;
        let recovered = recover(&batches);
        let clock = Clock::manual(now);
        let options = self.options();
        let view = Arc::clone(&recovered.view);
        let (engine, queue) = Engine::with_options(view, policies(), clock.clone(), options);
        let writer = Writer::new(WriterParts {
            journal: (self.plan.wrap)(self.journal.clone()),
            book: recovered.book,
            view: recovered.view,
            clock: clock.clone(),
            metrics: Metrics::new(),
            hash: recovered.hash,
            time: recovered.time,
            after_batch: Box::new(|_, _, _, _| ()),
            observer: Box::new(|_| ()),
        });
        let writer = Arc::new(Mutex::new(writer));
        self.arm();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let failed = Arc::new(Mutex::new(false));
        runtime.unwrap().block_on(self.live(&engine, queue, &writer, &failed))?;
        if !*failed.lock().unwrap() {
            let writer = writer.lock().unwrap();
            same(writer.book(), engine.view(), &self.journal, self.is_last)?;
        }
        Ok(clock.now())
    }

    /// Small sizes, so that everything is full now and then.
    fn options(&mut self) -> Options {
        if self.is_last || self.random.percent(30) {
            return Options::default();
        }
        let mut size = |most| usize::try_from(self.random.range(1, most)).unwrap();
        Options { mailbox_max: size(8), queue_max: size(12), deferred_max: size(3) }
    }

    /// Decides how this life ends.
    fn arm(&mut self) {
        let mut state = self.sim.state();
        (state.dead, state.finished, state.steps_left) = (false, 0, None);
        if self.is_last {
            return;
        }
        state.steps_left = Some(self.random.range(20, 1_500));
        if self.random.percent(70) {
            let fault = match self.random.below(3) {
                0 => Fault::Lost,
                1 => Fault::Unacknowledged,
                _ => Fault::Torn(usize::try_from(self.random.range(1, 800)).unwrap()),
            };
            self.journal.fail_append(self.random.below(150), fault);
        }
    }

    async fn live(
        &mut self,
        engine: &Engine,
        queue: Receiver<Entry>,
        writer: &Arc<Mutex<Writer>>,
        failed: &Arc<Mutex<bool>>,
    ) -> Result<(), String> {
        let (_stop, stopping) = tokio::sync::watch::channel(false);
        tokio::spawn(run_timers(engine.clone(), stopping));
        tokio::spawn(tell_time(self.sim.clone(), engine.clone(), self.random.fork(), self.is_last));
        tokio::spawn(keep_house(self.sim.clone(), engine.clone(), self.random.fork()));
        tokio::spawn(write(Desk {
            sim: Arc::clone(&self.sim),
            queue: queue.clone(),
            journal: self.journal.clone(),
            view: Arc::clone(engine.view()),
            writer: Arc::clone(writer),
            failed: Arc::clone(failed),
            random: self.random.fork(),
            calm: self.is_last,
        }));
        for number in 0..self.plan.clients {
            let client = Client {
                sim: Arc::clone(&self.sim),
                engine: engine.clone(),
                number,
                random: self.random.fork(),
                commands: if self.is_last { 3 } else { self.plan.commands },
                unruly: !self.is_last,
            };
            tokio::spawn(client.run());
        }
        self.wait(engine, &queue).await
    }

    /// Until the crash, or until everything is answered. In peace every task must be able to
    /// retire: its state is then the committed one.
    async fn wait(&self, engine: &Engine, queue: &Receiver<Entry>) -> Result<(), String> {
        for _ in 0..1_000_000_u32 {
            sleep(Duration::from_millis(1)).await;
            let (dead, finished) = {
                let state = self.sim.state();
                (state.dead, state.finished)
            };
            if dead {
                return Ok(());
            }
            if finished == self.plan.clients && queue.is_empty() {
                if !self.is_last {
                    return Ok(());
                }
                engine.propose_retiring();
                if engine.gauges().0 == 0 {
                    return Ok(());
                }
            }
        }
        let (live, mailbox, waiting) = engine.gauges();
        let finished = self.sim.state().finished;
        Err(format!(
            "no end: {finished} clients done, {live} tasks live, {mailbox} messages, {waiting} entries"
        ))
    }
}

/// The live book is the replayed one, and the view shows it.
fn same(live: &Book, view: &View, journal: &MemoryJournal, whole: bool) -> Result<(), String> {
    let batches = journal.batches().map_err(|error| error.to_string())?;
    let replayed = replay(&batches);
    if replayed != *live {
        return Err(format!("live and replayed differ: {live:?} and {replayed:?}"));
    }
    for account in live.accounts() {
        if view.account(account.id).as_ref() != Some(&account) {
            return Err(format!("the view does not show {account:?}"));
        }
    }
    let orders = view.orders(|_| true);
    if whole && orders != live.orders.iter().map(|(p, o)| (*p, *o)).collect::<Vec<_>>() {
        return Err(format!("the view has other orders: {orders:?}"));
    }
    Ok(())
}

/// What the writer's task needs.
struct Desk {
    sim: Arc<Sim>,
    queue: Receiver<Entry>,
    journal: MemoryJournal,
    view: Arc<View>,
    writer: Arc<Mutex<Writer>>,
    failed: Arc<Mutex<bool>>,
    random: Random,
    calm: bool,
}

/// The writer as a task: drains the queue as the thread does, in batches of any size, and stalls.
async fn write(mut desk: Desk) {
    loop {
        if !desk.calm && desk.random.percent(3) {
            desk.sim.note("writer stalled");
            sleep(Duration::from_millis(desk.random.range(20, 200))).await;
        }
        if desk.queue.is_empty() || desk.random.percent(30) {
            sleep(Duration::from_millis(1)).await;
            continue;
        }
        if !desk.sim.step() {
            return;
        }
        let most = usize::try_from(desk.random.range(1, 12)).unwrap();
        let mut entries: Vec<Entry> = desk.queue.try_iter().take(most).collect();
        let appended = desk.writer.lock().unwrap().commit(&mut entries).is_ok();
        if !appended {
            *desk.failed.lock().unwrap() = true;
            // The process takes a moment to end: whoever hears something now hears it.
            drop(entries);
            sleep(Duration::from_millis(2)).await;
            desk.sim.note(how_it_failed(&desk));
            desk.sim.state().dead = true;
            return;
        }
    }
}

fn how_it_failed(desk: &Desk) -> &'static str {
    match desk.journal.batches() {
        Err(_) => "crash on a torn batch",
        Ok(batches) if batches.last().unwrap().last() > desk.view.position() => {
            "crash between append and answer"
        }
        Ok(_) => "crash before the append",
    }
}

/// Time passes with the runtime's, and sometimes jumps.
async fn tell_time(sim: Arc<Sim>, engine: Engine, mut random: Random, calm: bool) {
    loop {
        let millis = random.range(1, 30);
        sleep(Duration::from_millis(millis)).await;
        let mut seconds = i64::try_from(random.below(30)).unwrap();
        if !calm && random.percent(2) {
            let days = i64::try_from(random.range(1, 40)).unwrap();
            let (name, sign) =
                if random.percent(50) { ("clock back", -1) } else { ("clock forward", 1) };
            sim.note(name);
            seconds = days * 86_400 * sign;
        }
        engine.clock().set(engine.clock().now().plus_seconds(seconds));
    }
}

/// Proposes retiring, expires what is due, and watches tasks come and go.
async fn keep_house(sim: Arc<Sim>, engine: Engine, mut random: Random) {
    let (mut live, mut retired) = (0, false);
    loop {
        sleep(Duration::from_millis(random.range(1, 20))).await;
        if random.percent(60) {
            engine.propose_retiring();
        }
        if random.percent(20) {
            expire_due(&engine, engine.clock().now()).await;
        }
        let now = engine.gauges().0;
        if now < live {
            sim.note("task retired");
            retired = true;
        }
        if now > live && retired {
            sim.note("task started again");
        }
        live = now;
    }
}
