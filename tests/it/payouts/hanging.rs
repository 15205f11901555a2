//! One bank hangs: what goes to the others ends at the very moment at which it would end anyway, and
//! what goes to this one finds another way once it is known to be down.
//!
//! One thread, paused time; the banks stand behind the bulkheads and breakers of production.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gerbang::clock::Clock;
use gerbang::connector::bank::{Asked, Bank};
use gerbang::connector::breaker::{self, Breaker, Sign};
use gerbang::connector::bulkhead::{self, Bulkhead};
use gerbang::connector::outcome::{Beneficiary, Outcome, Reason, Standing, Transferred};
use gerbang::connector::standard::{InquiryRequest, StatusRequest, TransferRequest};
use gerbang::engine::{Engine, Entry, Writer};
use gerbang::gateway::Gateway;
use gerbang::gateway::payout::{self, Banks};
use gerbang::ledger::policy::Policies;
use gerbang::ledger::registry::{BankCode, Usage};
use gerbang::ledger::time::Timestamp;
use gerbang::limits::BANK_IN_FLIGHT_MAX;
use tokio::time::{Instant, sleep};

use super::life::{application, gateway, tell_time, transfer, writer};
use super::{life, world};
use crate::simulation::recover;

/// What a bank that works takes.
const PROMPT: Duration = Duration::from_millis(5);
/// After so long a caller gives up on one that hangs.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Transfers to the bank that hangs: four times its places.
const CROWD: usize = 4 * BANK_IN_FLIGHT_MAX;
/// Transfers to each of the others, all at once.
const OTHERS: usize = 40;

/// A bank as the gateway reaches it, its requests counted.
struct Door {
    hangs: bool,
    bulkhead: Arc<Bulkhead>,
    breaker: Mutex<Breaker>,
    clock: Clock,
    hanging: AtomicUsize,
    paid: AtomicUsize,
}

impl Door {
    /// As `BankClient` asks: is it up, is there room?
    async fn ask<T>(&self, hangs: bool, answer: impl FnOnce() -> T) -> Outcome<T> {
        let turn = self.breaker.lock().unwrap().begin(self.clock.now());
        let Some(turn) = turn else {
            return Outcome::NotSent(Reason::new("bank_unavailable", "it is down"));
        };
        let outcome = match self.bulkhead.enter().await {
            Err(full) => Outcome::NotSent(Reason::new("too_many", full.to_string())),
            Ok(_place) if hangs => {
                self.hanging.fetch_add(1, Ordering::Relaxed);
                sleep(TIMEOUT).await;
                self.hanging.fetch_sub(1, Ordering::Relaxed);
                Outcome::Unknown(Reason::new("timeout", "no answer"))
            }
            Ok(_place) => {
                sleep(PROMPT).await;
                Outcome::Succeeded(answer())
            }
        };
        self.breaker.lock().unwrap().end(turn, Sign::of(&outcome), self.clock.now());
        outcome
    }
}

impl Bank for Door {
    fn transfer<'a>(&'a self, request: &'a TransferRequest) -> Asked<'a, Outcome<Transferred>> {
        let answer = || {
            self.paid.fetch_add(1, Ordering::Relaxed);
            Transferred { bank_reference: format!("BANK{}", request.reference) }
        };
        Box::pin(self.ask(self.hangs, answer))
    }

    fn inquire<'a>(&'a self, _: &'a InquiryRequest) -> Asked<'a, Outcome<Beneficiary>> {
        Box::pin(self.ask(false, || Beneficiary { account_name: "ERRY JULIO".to_owned() }))
    }

    fn status<'a>(&'a self, _: &'a StatusRequest) -> Asked<'a, Standing> {
        let unknown = || Outcome::Unknown(Reason::new("03", "pending"));
        Box::pin(async move {
            match self.ask(self.hangs, unknown).await {
                Outcome::Succeeded(answer) => Standing::Found(answer),
                _ => Standing::Found(unknown()),
            }
        })
    }
}

/// The banks of the paper, of which BNI hangs.
struct Doors(BTreeMap<&'static str, Arc<Door>>);

impl Doors {
    /// Planted, with `one_room`: places that all of them share.
    fn new(one_room: bool, clock: &Clock) -> Arc<Self> {
        let room = || Arc::new(Bulkhead::new(bulkhead::Options::standard()));
        let shared = room();
        let door = |hangs| Door {
            hangs,
            bulkhead: if one_room { Arc::clone(&shared) } else { room() },
            breaker: Mutex::new(Breaker::new(breaker::Options::standard())),
            clock: clock.clone(),
            hanging: AtomicUsize::new(0),
            paid: AtomicUsize::new(0),
        };
        let doors = ["008", "009", "014"].map(|code| (code, Arc::new(door(code == "009"))));
        Arc::new(Self(doors.into()))
    }
}

impl Banks for Doors {
    fn bank(&self, code: BankCode, _: Usage) -> Option<Arc<dyn Bank>> {
        let door = self.0.get(code.to_string().as_str())?;
        Some(Arc::clone(door) as Arc<dyn Bank>)
    }

    fn is_available(&self, code: BankCode, now: Timestamp) -> bool {
        let door = &self.0[code.to_string().as_str()];
        door.breaker.lock().unwrap().is_available(now)
    }
}

/// Commits what there is, each millisecond: the crowd costs the writer no turn of the others.
async fn commit(mut writer: Writer, queue: crossbeam_channel::Receiver<Entry>) {
    loop {
        sleep(Duration::from_millis(1)).await;
        let mut entries: Vec<Entry> = queue.try_iter().collect();
        writer.commit(&mut entries).unwrap();
    }
}

struct House {
    gateway: Arc<Gateway>,
    doors: Arc<Doors>,
}

impl House {
    fn open(one_room: bool) -> Self {
        let clock = Clock::manual(world::dawn());
        let doors = Doors::new(one_room, &clock);
        let journal = world::begin();
        let recovered = recover(&journal.batches().unwrap());
        let (announcer, inbox) = payout::channel();
        let (engine, queue) =
            Engine::new(Arc::clone(&recovered.view), Policies::default(), clock.clone());
        let writer = writer(journal, recovered, clock.clone(), announcer);
        tokio::spawn(commit(writer, queue));
        tokio::spawn(tell_time(clock.clone(), clock, None));
        let gateway = gateway(&engine, inbox, Arc::clone(&doors) as Arc<dyn Banks>);
        Self { gateway, doors }
    }

    /// Transfers begun at once: when each ended, and how.
    async fn transfers(
        &self,
        bank: &'static str,
        count: usize,
        name: &str,
    ) -> Vec<(Duration, &'static str)> {
        let begin = Instant::now();
        let tasks: Vec<_> = (0..count)
            .map(|number| {
                let gateway = Arc::clone(&self.gateway);
                let asked = life::Asked {
                    reference: format!("{name}{bank}-{number}"),
                    bank,
                    number: format!("0115471{number:03}"),
                    amount: 1_000,
                    heard: Vec::new(),
                };
                tokio::spawn(async move {
                    let application = application(&gateway);
                    let begun = gateway.transfer(&application, transfer(&asked), TIMEOUT * 4).await;
                    let state = begun.map_or("refused", |begun| begun.standing.state.name());
                    (begin.elapsed(), state)
                })
            })
            .collect();
        let mut ends = Vec::new();
        for task in tasks {
            ends.push(task.await.unwrap());
        }
        ends
    }
}

/// When what goes to the others ends, with and without a crowd at the one that hangs.
async fn others(with_crowd: bool, one_room: bool) -> Vec<(Duration, &'static str)> {
    let house = Arc::new(House::open(one_room));
    if with_crowd {
        let crowded = Arc::clone(&house);
        tokio::spawn(async move { crowded.transfers("009", CROWD, "C").await });
    }
    sleep(Duration::from_secs(1)).await;
    let hanging = house.doors.0["009"].hanging.load(Ordering::Relaxed);
    assert_eq!(hanging, if with_crowd { BANK_IN_FLIGHT_MAX } else { 0 }, "its places are full");
    let (mut ends, more) =
        tokio::join!(house.transfers("014", OTHERS, "O"), house.transfers("008", OTHERS, "O"));
    ends.extend(more);
    ends
}

#[tokio::test(start_paused = true)]
async fn a_bank_that_hangs_moves_no_transfer_to_another_by_a_millisecond() {
    let (without, with) = (others(false, false).await, others(true, false).await);
    assert!(without.iter().all(|(_, state)| *state == "succeeded"), "{without:?}");
    assert_eq!(with, without);
}

/// Were there one bulkhead for all of them, it would be seen.
#[tokio::test(start_paused = true)]
async fn a_room_that_banks_share_is_found() {
    let (without, with) = (others(false, true).await, others(true, true).await);
    assert_ne!(with, without);
}

#[tokio::test(start_paused = true)]
async fn once_its_breaker_is_open_its_customers_are_paid_through_another() {
    let house = Arc::new(House::open(false));
    let crowded = Arc::clone(&house);
    tokio::spawn(async move { crowded.transfers("009", BANK_IN_FLIGHT_MAX, "C").await });
    // Nobody was answered: they are unknown, and the breaker has just opened.
    sleep(TIMEOUT + Duration::from_secs(1)).await;
    let paid = |code| house.doors.0[code].paid.load(Ordering::Relaxed);
    assert_eq!((paid("014"), paid("009")), (0, 0), "nothing unknown is sent by another way");
    let through = house.transfers("009", OTHERS, "F").await;
    assert!(through.iter().all(|(_, state)| *state == "succeeded"), "{through:?}");
    assert_eq!((paid("014"), paid("009")), (OTHERS, 0));
    let direct = house.transfers("014", OTHERS, "D").await;
    // The names are known, so it is even quicker.
    let waits = through.iter().zip(&direct).any(|(through, direct)| through.0 > direct.0);
    assert!(!waits, "somebody waited for the one that hangs: {through:?} {direct:?}");
}
