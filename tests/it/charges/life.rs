//! Lives of a gateway between crashes, over a provider and payers that go on by themselves.
//!
//! One thread, paused time. A life ends where the seed says: after so much time, or at an append
//! that fails. What is left is the journal, and the provider with what it has not told yet.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gerbang::clock::Clock;
use gerbang::connector::midtrans::charge::Echo;
use gerbang::connector::midtrans::method::{Acquirer, Bank, Method};
use gerbang::connector::midtrans::status::Status;
use gerbang::connector::provider::Provider;
use gerbang::engine::{Engine, Writer, WriterParts};
use gerbang::gateway::caller::{Caller, user_public_id};
use gerbang::gateway::charge::order::{CallOff, Ordered};
use gerbang::gateway::charge::start::{PayBill, TopUpByCharge};
use gerbang::gateway::charge::{self, Announcer, Desk, Inbox, Options};
use gerbang::gateway::merchant::details::{Details, Places};
use gerbang::gateway::notify::Hub;
use gerbang::gateway::payout;
use gerbang::gateway::screening::{RawScreening, Rules, Screening};
use gerbang::gateway::{Error, Gateway, Parts};
use gerbang::identity::hasher::Hasher;
use gerbang::identity::keys::SigningKeys;
use gerbang::identity::token::{self, Subject, TokenId};
use gerbang::identity::vault::Vault;
use gerbang::journal::memory::Fault;
use gerbang::journal::{Batch, MemoryJournal};
use gerbang::ledger::bill::{BillIssued, BillSource};
use gerbang::ledger::charge::ChargeSource;
use gerbang::ledger::command::Command;
use gerbang::ledger::event::MovementKind;
use gerbang::ledger::id::{Position, Principal, UserId};
use gerbang::ledger::money::Currency;
use gerbang::ledger::order::Order;
use gerbang::ledger::text::{Line, Reference};
use gerbang::telemetry::Metrics;
use tokio::time::{Instant, sleep};

use super::provider::{self, Faults, SimulatedProvider};
use super::world::{self, ANI, WARUNG};
use crate::payouts::bank::{SimulatedBanks, Ways};
use crate::payouts::life::{tell_time, write};
use crate::random::Random;
use crate::simulation::{Recovered, recover};
use crate::support::settings;

/// Lives that end in a crash; one more follows, in which nothing goes wrong.
const LIVES: u64 = 6;
const CLIENTS: u64 = 5;
/// Longer than anything stays on its way to the provider.
const NOT_FOUND_IS_FINAL: Duration = Duration::from_secs(20);
pub(super) const ROUGH: Faults = Faults {
    percent: 30,
    latency: Duration::from_millis(800),
    lateness: Duration::from_secs(12),
    lies: 0,
};

/// What the simulation is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) faults: Faults,
    /// Whether the provider speaks by itself.
    pub(super) notifies: bool,
}

/// What is left at the end.
pub(super) struct Ended {
    pub(super) batches: Vec<Batch>,
    pub(super) provider: Arc<SimulatedProvider>,
}

/// What the provider has still to tell: it tries until it is heard.
type Untold = Arc<Mutex<Vec<(String, Status)>>>;

/// Runs a whole simulation.
pub(super) fn run(seed: u64, plan: Plan) -> Ended {
    let mut random = Random::new(seed);
    let clock = Clock::manual(world::dawn());
    let there = Clock::manual(world::dawn());
    let provider = SimulatedProvider::new(random.next(), plan.faults, there.clone());
    let mut journal = world::begin();
    let untold = Untold::default();
    let mut number = 0;
    loop {
        journal = journal.reopen().unwrap();
        let is_last = number >= LIVES;
        if is_last {
            provider.set_faults(Faults { percent: 0, ..plan.faults });
            provider.set_down(false);
        }
        let life = Life {
            random: random.fork(),
            journal: journal.clone(),
            clocks: (clock.clone(), there.clone()),
            provider: Arc::clone(&provider),
            untold: Arc::clone(&untold),
            number,
            is_last,
            notifies: plan.notifies,
        };
        // A fault that was meant for an earlier life may end the last one: then it was not the last.
        if life.run() && is_last {
            break;
        }
        number += 1;
    }
    Ended { batches: journal.batches().unwrap(), provider }
}

struct Life {
    random: Random,
    journal: MemoryJournal,
    clocks: (Clock, Clock),
    provider: Arc<SimulatedProvider>,
    untold: Untold,
    number: u64,
    is_last: bool,
    notifies: bool,
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
            self.journal.fail_append(self.random.below(90), fault);
        }
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(self.live(recovered))
    }

    async fn live(mut self, recovered: Recovered) -> bool {
        let (announcer, inbox) = charge::channel();
        let clock = self.clocks.0.clone();
        let (engine, queue) = Engine::new(Arc::clone(&recovered.view), world::policies(), clock);
        let writer = self.writer(recovered, announcer);
        let dead = Arc::new(Mutex::new(false));
        tokio::spawn(tell_time(self.clocks.0.clone(), self.clocks.1.clone(), None));
        tokio::spawn(write(writer, queue, Arc::clone(&dead), self.random.fork()));
        let gateway = self.gateway(&engine, inbox);
        let world = World {
            gateway: Arc::clone(&gateway),
            provider: Arc::clone(&self.provider),
            untold: Arc::clone(&self.untold),
            life: self.number,
            is_last: self.is_last,
        };
        tokio::spawn(world.clone().pay(self.random.fork(), self.notifies));
        if self.notifies {
            tokio::spawn(world.clone().tell(self.random.fork()));
        }
        for number in 0..CLIENTS {
            tokio::spawn(world.clone().ask(self.random.fork(), number));
        }
        let end = Instant::now() + Duration::from_millis(self.random.range(300, 25_000));
        loop {
            sleep(Duration::from_millis(25)).await;
            if !self.is_last && self.random.percent(1) {
                self.provider.set_down(self.random.percent(50));
            }
            if *dead.lock().unwrap() {
                return false;
            }
            if !self.is_last && Instant::now() >= end {
                return true;
            }
            if self.is_last && Instant::now() >= end && self.is_quiet(&engine) {
                return true;
            }
            let is_open = |order: &Order| matches!(order, Order::Charge(_) | Order::Refund(_));
            let open = || engine.view().orders(is_open);
            assert!(end.elapsed() < Duration::from_secs(3_600), "stay open: {:?}", open());
        }
    }

    /// Nothing is open, and nothing is to be told.
    fn is_quiet(&self, engine: &Engine) -> bool {
        let is_open = |order: &Order| matches!(order, Order::Charge(_) | Order::Refund(_));
        engine.view().orders(is_open).is_empty()
            && (!self.notifies || self.untold.lock().unwrap().is_empty())
    }

    fn writer(&self, recovered: Recovered, announcer: Announcer) -> Writer {
        Writer::new(WriterParts {
            journal: Box::new(self.journal.clone()),
            book: recovered.book,
            view: recovered.view,
            clock: self.clocks.0.clone(),
            metrics: Metrics::new(),
            hash: recovered.hash,
            time: recovered.time,
            after_batch: Box::new(|_, _, _, _| ()),
            observer: Box::new(move |recorded| announcer.tell(recorded)),
        })
    }

    fn gateway(&self, engine: &Engine, inbox: Inbox) -> Arc<Gateway> {
        let options = Options {
            asking_max: 4,
            sweeps_per_second: 20,
            ask_within: Some(Duration::from_secs(8)),
            not_found_is_final: NOT_FOUND_IS_FINAL,
            ..Options::standard()
        };
        let asked = Arc::clone(&self.provider) as Arc<dyn Provider>;
        let charges = Desk::new(engine.clone(), Some(asked), Some(provider::key()), options);
        tokio::spawn(Arc::clone(&charges).run(inbox));
        let nobody =
            SimulatedBanks::new(1, crate::payouts::bank::Faults::NONE, self.clocks.1.clone());
        let callbacks = crate::payouts::callbacks::at_home(Arc::new(Vault::in_memory(1)));
        let ways = Arc::new(Ways(nobody));
        let desk = payout::Desk::new(engine.clone(), ways, callbacks, payout::Options::standard());
        Arc::new(Gateway::new(Parts {
            engine: engine.clone(),
            settings: settings(),
            hasher: Hasher::simulated(1),
            keys: SigningKeys::in_memory(1),
            hub: Arc::new(Hub::default()),
            vault: Arc::new(Vault::in_memory(1)),
            desk,
            charges,
            outbox: None,
            screening: Screening::new(Rules::from_raw(RawScreening::default()).unwrap()),
        }))
    }
}

/// What everybody in a life can reach.
#[derive(Clone)]
struct World {
    gateway: Arc<Gateway>,
    provider: Arc<SimulatedProvider>,
    untold: Untold,
    life: u64,
    is_last: bool,
}

impl World {
    /// Payers pay, or do not; banks and people say no. Some pay what had ended.
    async fn pay(self, mut random: Random, notifies: bool) {
        loop {
            sleep(Duration::from_millis(random.range(30, 600))).await;
            let entries = self.provider.entries();
            if entries.is_empty() {
                continue;
            }
            let index = usize::try_from(random.below(entries.len() as u64)).unwrap();
            let (order, entry) = entries.iter().nth(index).unwrap();
            let to = match (entry.transaction.status, random.below(10)) {
                (Status::Pending, 0..=5) => Status::Settlement,
                (Status::Pending, 6) => Status::Deny,
                (Status::Pending, 7) => Status::Cancel,
                (Status::Pending, _) => Status::Expire,
                // Only a notification ever tells of that.
                (Status::Expire | Status::Cancel, 0) if notifies && !self.is_last => {
                    self.provider.note("paid after its end");
                    Status::Settlement
                }
                _ => continue,
            };
            self.provider.force(order, to);
            self.untold.lock().unwrap().push((order.clone(), to));
        }
    }

    /// The provider tells: late, in any order, twice, or that which is not so any more.
    async fn tell(self, mut random: Random) {
        loop {
            sleep(Duration::from_millis(random.range(20, 400))).await;
            let next = {
                let untold = self.untold.lock().unwrap();
                let count = untold.len() as u64;
                (count > 0).then(|| untold[usize::try_from(random.below(count)).unwrap()].clone())
            };
            let Some(told) = next else { continue };
            let body = self.provider.told(&told.0, told.1);
            let from = std::net::IpAddr::from([10, 0, 0, 1]);
            let heard = self.gateway.notified(from, &body).await;
            // A lost answer makes it tell again.
            if heard.is_ok() && random.percent(70) {
                self.provider.note("told");
                self.untold.lock().unwrap().retain(|other| *other != told);
            }
        }
    }

    fn caller(&self, name: &str) -> Caller {
        let user = self.gateway.look_up(name).unwrap();
        let subject = Subject::new(&user_public_id(&user)).unwrap();
        let now = self.gateway.engine().clock().now();
        let keys = SigningKeys::in_memory(1);
        let token = token::issue(&keys, &subject, TokenId([7; 16]), now).token;
        self.gateway.authenticate(&token).unwrap()
    }

    /// A client asks for charges of every kind.
    async fn ask(self, mut random: Random, number: u64) {
        let asks = if self.is_last { 2 } else { 12 };
        for ask in 0..asks {
            sleep(Duration::from_millis(random.below(900))).await;
            let key = format!("{}-{number}-{ask}", self.life);
            let most = Duration::from_millis(random.below(3_000));
            match random.below(8) {
                0 | 1 => self.top_up(&mut random, &key, most).await,
                2 => self.bill(&mut random, &key, most).await,
                3 | 4 => self.order(&mut random, &key, most).await,
                5 => {
                    super::refunds::settle(&self.gateway, &self.provider, NOT_FOUND_IS_FINAL).await;
                }
                _ => super::refunds::some(&self.gateway, &self.provider, &mut random).await,
            }
        }
    }

    async fn top_up(&self, random: &mut Random, key: &str, most: Duration) {
        let name = ["ani", "budi"][usize::try_from(random.below(2)).unwrap()];
        let top_up = TopUpByCharge {
            amount: crate::world::amount(random.range(1, 60) * 1_000),
            currency: None,
            method: Method::Echannel,
            reference: Some(Reference::parse(key).unwrap()),
        };
        let caller = self.caller(name);
        let begun = self.gateway.top_up_by_charge(&caller, top_up.clone(), most).await;
        let Some(first) = fine(begun) else { return };
        // Asked again under the same key: the same charge.
        if let Some(again) = fine(self.gateway.top_up_by_charge(&caller, top_up, most).await) {
            assert_eq!(again, first);
        }
    }

    async fn bill(&self, random: &mut Random, key: &str, most: Duration) {
        let issued = BillIssued {
            origin: crate::world::origin(Principal::System, &format!("bill-{key}"), "bill"),
            account: WARUNG,
            payer: ANI,
            amount: crate::world::amount(random.range(1, 20) * 1_000),
            currency: Currency::IDR,
            name: Line::empty(),
            description: Line::empty(),
            due: None,
            source: BillSource::Issuer,
        };
        let amount = issued.amount.get();
        let issued = self.gateway.engine().submit(Command::IssueBill(Box::new(issued))).await;
        let Ok(outcome) = issued else { return };
        let bill = outcome.recorded.position;
        let reference = Some(Reference::parse(&format!("pay-{key}")).unwrap());
        let pay = PayBill { bill, method: Method::BankTransfer(Bank::Bca), reference };
        let caller = self.caller("ani");
        fine(self.gateway.pay_bill_by_charge(&caller, pay, most).await);
        if random.percent(40) {
            sleep(Duration::from_millis(random.below(2_000))).await;
            // From the wallet too: one of the two is first.
            let movement = crate::world::movement(
                crate::world::origin(caller.principal(), &format!("wallet-{key}"), "wallet"),
                MovementKind::BillPaid { bill },
                (ANI, WARUNG),
                amount,
            );
            let paid = self.gateway.engine().submit(Command::Move(movement)).await;
            if paid.is_ok() {
                self.provider.note("bill paid from a wallet");
            }
        }
    }

    async fn order(&self, random: &mut Random, key: &str, most: Duration) {
        let by_wallet = random.percent(30);
        let ordered = Ordered {
            merchant: Principal::User(UserId(2)),
            account: WARUNG,
            name: Line::parse(&format!("o-{key}"), 50).unwrap(),
            amount: crate::world::amount(random.range(2, 20) * 1_000),
            currency: Currency::IDR,
            fee: Some(crate::world::amount(500)),
            method: (!by_wallet).then_some(Method::Qris(Acquirer::Gopay)),
            seconds: Some(30),
            details: details(&format!("o-{key}")),
        };
        let merchant = ordered.merchant;
        let begun = self.gateway.start_order(ordered.clone(), most).await;
        let Some(charge) = fine(begun) else { return };
        if by_wallet {
            let reference = Some(Reference::parse(&format!("w-{key}")).unwrap());
            // Some payers never come back.
            if random.percent(90) {
                drop(self.gateway.pay_charge(&self.caller("budi"), charge, reference).await);
            }
        } else if random.percent(30) {
            let what = if random.percent(50) { CallOff::Cancel } else { CallOff::Expire };
            drop(self.gateway.call_off_order(charge, merchant, (what, "enough")).await);
            // The name is free once it has ended unpaid, and not before.
            drop(self.gateway.start_order(ordered, most).await);
        }
        let found = self.gateway.order(merchant, &format!("o-{key}")).unwrap();
        let source = found.started().source;
        assert_eq!(source == ChargeSource::Wallet, by_wallet);
        assert_eq!(found.started().account, WARUNG);
    }
}

/// What a merchant gives with an order of this name.
fn details(name: &str) -> Line {
    let places = Places { usual: true, others: Vec::new() };
    let (echo, method) = (Echo::default(), Method::Qris(Acquirer::Gopay));
    let order_id = name.to_owned();
    let (request_key, wishes) = (None, serde_json::Map::new());
    let details =
        Details { order_id, method, echo, places, page: None, of_page: None, request_key, wishes };
    details.write().unwrap()
}

/// Where a charge began, if it did.
fn fine(begun: Result<charge::start::Begun, Error>) -> Option<Position> {
    match begun {
        Ok(begun) => Some(begun.standing.recorded.position),
        Err(
            Error::Unavailable
            | Error::Busy { .. }
            | Error::Conflict(_)
            | Error::Rejected { .. }
            | Error::RateLimited { .. },
        ) => None,
        Err(error) => panic!("{error:?}"),
    }
}
