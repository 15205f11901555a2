//! Lives of a gateway between crashes, over banks that go on by themselves.
//!
//! One thread, paused time. A life ends where the seed says: after so much time, or at an append
//! that fails. What is left is the journal, what clients remember, and the banks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::Receiver;
use gerbang::clock::Clock;
use gerbang::engine::{Engine, Entry, Writer, WriterParts};
use gerbang::gateway::caller::user_public_id;
use gerbang::gateway::charge;
use gerbang::gateway::client::Application;
use gerbang::gateway::notify::Hub;
use gerbang::gateway::payout::public_id;
use gerbang::gateway::payout::{self, Announcer, Banks, Desk, Inbox};
use gerbang::gateway::screening::{RawRule, RawScreening, Rules, Screening};
use gerbang::gateway::transfer::Transfer;
use gerbang::gateway::{Error, Gateway, Parts};
use gerbang::identity::hasher::Hasher;
use gerbang::identity::keys::SigningKeys;
use gerbang::identity::token::{self, Subject, TokenId};
use gerbang::identity::vault::Vault;
use gerbang::journal::memory::Fault;
use gerbang::journal::{Batch, MemoryJournal};
use gerbang::ledger::order::Order;
use gerbang::ledger::policy::Policies;
use gerbang::ledger::registry::BankCode;
use gerbang::ledger::text::{ClientId, Line, Reference};
use gerbang::ledger::time::Timestamp;
use gerbang::telemetry::Metrics;
use tokio::time::{Instant, sleep};

use super::bank::{Faults, SimulatedBanks, Ways};
use super::world;
use crate::random::Random;
use crate::simulation::{Recovered, recover};
use crate::support::settings;

/// Lives that end in a crash; one more follows, in which nothing goes wrong.
const LIVES: u64 = 6;
const CLIENTS: u64 = 6;
/// Longer than anything stays on its way at the banks.
pub(crate) const NOT_FOUND_IS_FINAL: Duration = Duration::from_secs(20);
pub(crate) const ROUGH: Faults = Faults {
    percent: 30,
    latency: Duration::from_millis(800),
    lateness: Duration::from_secs(12),
    lies: false,
};

/// What a client asked for and what it heard.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) reference: String,
    pub(crate) bank: &'static str,
    pub(crate) number: String,
    pub(crate) amount: u64,
    /// States it was told, in order: the payout's position and the word.
    pub(crate) heard: Vec<(u64, &'static str)>,
}

/// What is left at the end.
pub(crate) struct Ended {
    pub(crate) batches: Vec<Batch>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) banks: Arc<SimulatedBanks>,
}

type Memory = Arc<Mutex<Vec<Asked>>>;

/// Runs a whole simulation over banks that behave like this until its last life.
pub(crate) fn run(seed: u64, faults: Faults) -> Ended {
    let mut random = Random::new(seed);
    let clock = Clock::manual(world::dawn());
    let banks_clock = Clock::manual(world::dawn());
    let banks = SimulatedBanks::new(random.next(), faults, banks_clock.clone());
    let mut journal = world::begin();
    let memory = Memory::default();
    let mut number = 0;
    loop {
        journal = journal.reopen().unwrap();
        let is_last = number >= LIVES;
        if is_last {
            banks.set_faults(Faults { percent: 0, ..faults });
            banks.close(&[]);
        }
        let life = Life {
            random: random.fork(),
            journal: journal.clone(),
            clock: clock.clone(),
            banks_clock: banks_clock.clone(),
            banks: Arc::clone(&banks),
            memory: Arc::clone(&memory),
            is_last,
        };
        // A fault that was meant for an earlier life may end the last one: then it was not the last.
        if life.run() && is_last {
            break;
        }
        number += 1;
    }
    let asked = memory.lock().unwrap().clone();
    Ended { batches: journal.batches().unwrap(), asked, banks }
}

struct Life {
    random: Random,
    journal: MemoryJournal,
    clock: Clock,
    banks_clock: Clock,
    banks: Arc<SimulatedBanks>,
    memory: Memory,
    is_last: bool,
}

impl Life {
    /// From recovery to the crash. Whether the writer lived to its end.
    fn run(mut self) -> bool {
        let recovered = recover(&self.journal.batches().unwrap());
        if !self.is_last && self.random.percent(60) {
            let fault = match self.random.below(3) {
                0 => Fault::Lost,
                1 => Fault::Unacknowledged,
                _ => Fault::Torn(usize::try_from(self.random.range(1, 800)).unwrap()),
            };
            self.journal.fail_append(self.random.below(60), fault);
        }
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(self.live(recovered))
    }

    async fn live(mut self, recovered: Recovered) -> bool {
        let (announcer, inbox) = payout::channel();
        let (engine, queue) =
            Engine::new(Arc::clone(&recovered.view), Policies::default(), self.clock.clone());
        let writer = writer(self.journal.clone(), recovered, self.clock.clone(), announcer);
        let dead = Arc::new(Mutex::new(false));
        let jumps = !self.is_last && self.random.percent(40);
        let jump = Duration::from_millis(self.random.range(100, 20_000));
        let clocks = (self.clock.clone(), self.banks_clock.clone());
        tokio::spawn(tell_time(clocks.0, clocks.1, jumps.then_some(jump)));
        tokio::spawn(write(writer, queue, Arc::clone(&dead), self.random.fork()));
        let gateway = gateway(&engine, inbox, Arc::new(Ways(Arc::clone(&self.banks))));
        tokio::spawn(administer(
            Arc::clone(&gateway),
            Arc::clone(&self.banks),
            self.random.fork(),
            self.is_last,
        ));
        for number in 0..CLIENTS {
            let client = Client {
                gateway: Arc::clone(&gateway),
                memory: Arc::clone(&self.memory),
                random: self.random.fork(),
                number,
                transfers: if self.is_last { 2 } else { 12 },
            };
            tokio::spawn(client.run());
        }
        let end = Instant::now() + Duration::from_millis(self.random.range(300, 25_000));
        loop {
            sleep(Duration::from_millis(25)).await;
            if !self.is_last && self.random.percent(1) {
                self.banks
                    .close([&["009"][..], &["014", "008"], &[]][self.random.below(3) as usize]);
            }
            if *dead.lock().unwrap() {
                return false;
            }
            if !self.is_last && Instant::now() >= end {
                return true;
            }
            let open = engine.view().orders(|order| matches!(order, Order::Payout(_)));
            if self.is_last && open.is_empty() && Instant::now() >= end {
                return true;
            }
            assert!(end.elapsed() < Duration::from_secs(3_600), "stay open: {open:?}");
        }
    }
}

pub(crate) fn writer(
    journal: MemoryJournal,
    recovered: Recovered,
    clock: Clock,
    announcer: Announcer,
) -> Writer {
    Writer::new(WriterParts {
        journal: Box::new(journal),
        book: recovered.book,
        view: recovered.view,
        clock,
        metrics: Metrics::new(),
        hash: recovered.hash,
        time: recovered.time,
        after_batch: Box::new(|_, _, _, _| ()),
        observer: Box::new(move |recorded| announcer.tell(recorded)),
    })
}

pub(crate) fn gateway(engine: &Engine, inbox: Inbox, ways: Arc<dyn Banks>) -> Arc<Gateway> {
    let (not_found_is_final, ask_within) = (NOT_FOUND_IS_FINAL, None);
    let options = payout::Options { not_found_is_final, asking_max: 4, ask_within };
    let callbacks = super::callbacks::at_home(Arc::new(Vault::in_memory(1)));
    let desk = Desk::new(engine.clone(), ways, callbacks, options);
    tokio::spawn(Arc::clone(&desk).run(inbox));
    let charges = charge::Desk::new(engine.clone(), None, None, charge::Options::standard());
    Arc::new(Gateway::new(Parts {
        charges,
        engine: engine.clone(),
        settings: settings(),
        hasher: Hasher::simulated(1),
        keys: SigningKeys::in_memory(1),
        hub: Arc::new(Hub::default()),
        vault: Arc::new(Vault::in_memory(1)),
        desk,
        screening: Screening::new(Rules::from_raw(rules()).unwrap()),
        outbox: None,
    }))
}

/// A person has to look at the largest transfers.
fn rules() -> RawScreening {
    let large = RawRule {
        name: "large".to_owned(),
        outcome: "challenge".to_owned(),
        amount_above: Some(320_000),
        ..RawRule::default()
    };
    RawScreening { on_failure: None, rules: vec![large] }
}

/// Decides about what is challenged, now and then, and settles what stays unknown as the banks'
/// books say.
async fn administer(
    gateway: Arc<Gateway>,
    banks: Arc<SimulatedBanks>,
    mut random: Random,
    is_last: bool,
) {
    let user = gateway.look_up("admin").unwrap();
    let keys = SigningKeys::in_memory(1);
    let subject = Subject::new(&user_public_id(&user)).unwrap();
    loop {
        sleep(Duration::from_millis(random.range(200, 6_000))).await;
        // A token lives a day, and the clock may jump.
        let now = gateway.engine().clock().now();
        let token = token::issue(&keys, &subject, TokenId([7; 16]), now).token;
        let admin = gateway.authenticate(&token).unwrap();
        for standing in gateway.open_payouts(&admin, &["held"]).unwrap() {
            if is_last || random.percent(40) {
                let (id, release) = (public_id(&standing.recorded), random.percent(70));
                let reason = Line::parse("looked at", 64).unwrap();
                // An error means that somebody, or its time, was quicker.
                let decided = gateway.decide_challenge(&admin, &id, release, reason).await;
                banks.note(match decided {
                    Ok(_) if release => "released",
                    Ok(_) => "denied",
                    Err(_) => "decided before",
                });
            }
        }
    }
}

/// Wall time follows running time, but for one jump ahead, by more than anything here waits.
/// The banks' clock does not jump.
pub(crate) async fn tell_time(clock: Clock, banks: Clock, mut jump: Option<Duration>) {
    let (began, mut start, there) = (Instant::now(), clock.now(), banks.now());
    loop {
        sleep(Duration::from_millis(5)).await;
        if jump.take_if(|at| began.elapsed() >= *at).is_some() {
            start = start.plus_seconds(20 * 60);
        }
        let micros = i64::try_from(began.elapsed().as_micros()).unwrap();
        clock.set(Timestamp::from_micros(start.micros() + micros));
        banks.set(Timestamp::from_micros(there.micros() + micros));
    }
}

/// The writer as a task.
pub(crate) async fn write(
    mut writer: Writer,
    queue: Receiver<Entry>,
    dead: Arc<Mutex<bool>>,
    mut random: Random,
) {
    loop {
        sleep(Duration::from_millis(random.range(1, 5))).await;
        let most = usize::try_from(random.range(1, 12)).unwrap();
        let mut entries: Vec<Entry> = queue.try_iter().take(most).collect();
        if writer.commit(&mut entries).is_err() {
            *dead.lock().unwrap() = true;
            return;
        }
    }
}

struct Client {
    gateway: Arc<Gateway>,
    memory: Memory,
    random: Random,
    number: u64,
    transfers: usize,
}

impl Client {
    async fn run(mut self) {
        let application = application(&self.gateway);
        for _ in 0..self.transfers {
            sleep(Duration::from_millis(self.random.below(700))).await;
            let index = self.choose();
            let most = Duration::from_millis(self.random.below(4_000));
            let transfer = {
                let asked = &self.memory.lock().unwrap()[index];
                transfer(asked)
            };
            let heard = match self.gateway.transfer(&application, transfer, most).await {
                Ok(begun) => {
                    let standing = begun.standing;
                    (standing.recorded.position.get(), standing.state.name())
                }
                Err(Error::Rejected { position, .. }) => (position.get(), "rejected"),
                Err(Error::Unavailable | Error::Busy { .. }) => continue,
                Err(error) => panic!("{error:?}"),
            };
            self.memory.lock().unwrap()[index].heard.push(heard);
        }
    }

    /// A new transfer, or one asked for before: by anybody, in any life.
    fn choose(&mut self) -> usize {
        let mut memory = self.memory.lock().unwrap();
        if !memory.is_empty() && self.random.percent(35) {
            return usize::try_from(self.random.below(memory.len() as u64)).unwrap();
        }
        let number = memory.len();
        memory.push(Asked {
            reference: format!("FDP{}-{number}", self.number),
            bank: ["009", "014", "008", "022"][self.random.below(4) as usize],
            number: format!("01154711{:02}", self.random.below(100)),
            amount: self.random.range(1, 400) * 1_000,
            heard: Vec::new(),
        });
        number
    }
}

/// The one client.
pub(crate) fn application(gateway: &Gateway) -> Application {
    let registry = gateway.view().registry();
    let client = Arc::clone(&registry.clients[&ClientId::parse("1").unwrap()]);
    let account = gateway.view().user(client.user).unwrap().account;
    Application { client, account }
}

pub(crate) fn transfer(asked: &Asked) -> Transfer {
    Transfer {
        transaction: Reference::parse(&asked.reference).unwrap(),
        sender: Line::parse("0847652590", 34).unwrap(),
        bank: BankCode::parse(asked.bank).unwrap(),
        number: Line::parse(&asked.number, 34).unwrap(),
        amount: crate::world::amount(asked.amount),
        remark: Line::empty(),
    }
}
