//! The bank test: concurrent clients on real threads, with the writer's own thread behind them.
//!
//! Nothing here is ordered by the test. What clients saw is written down with its order in real
//! time, and judged afterwards by the order of positions (see `check`).

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use gerbang::clock::Clock;
use gerbang::engine::{Asked, Engine, Error, Teller, View, Writer, WriterParts};
use gerbang::journal::{Batch, MemoryJournal};
use gerbang::ledger::command::Command;
use gerbang::ledger::event::{Fact, Hold, HoldReleased, MovementKind, TopUpRequested};
use gerbang::ledger::id::{AccountId, Position};
use gerbang::ledger::money::Currency;
use gerbang::ledger::text::Line;
use gerbang::telemetry::Metrics;

use crate::check::{Attempt, End, Report, check};
use crate::random::Random;
use crate::simulation::recover;
use crate::world::{
    ADMINS, ANI, BUDI, CITRA, CLEARING, DEWI, WARUNG, amount, begin, bootstrap, dawn, movement,
    origin, policies, user,
};

/// Transfers per task in the long test.
const TRANSFERS: u64 = 1_000;
/// Rounds of each race.
const RACES: u64 = 40;

/// An engine on two threads and its writer on a third.
struct Bank {
    clients: Arc<Clients>,
    journal: MemoryJournal,
    writer: JoinHandle<Writer>,
    runtime: tokio::runtime::Runtime,
}

/// What tasks share: the engine, and the list of what they saw.
struct Clients {
    engine: Engine,
    clock: AtomicU64,
    attempts: Mutex<Vec<Attempt>>,
    /// What readers saw: an account's balance, and as of which position.
    reads: Mutex<Vec<(AccountId, i128, Position)>>,
}

impl Bank {
    fn open() -> Self {
        let mut journal = MemoryJournal::new();
        begin(&mut journal, &bootstrap());
        let recovered = recover(&journal.batches().unwrap());
        let clock = Clock::manual(dawn());
        let view = Arc::clone(&recovered.view);
        let (engine, queue) = Engine::new(view, policies(), clock.clone());
        let writer = Writer::new(WriterParts {
            journal: Box::new(journal.clone()),
            book: recovered.book,
            view: recovered.view,
            clock,
            metrics: Metrics::new(),
            hash: recovered.hash,
            time: recovered.time,
            after_batch: Box::new(|_, _, _, _| ()),
            observer: Box::new(|_| ()),
        });
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build();
        let runtime = runtime.unwrap();
        let teller = Teller::start(runtime.handle());
        let writer = std::thread::spawn(move || writer.run(&queue, &teller).unwrap());
        let clock = AtomicU64::new(1);
        let (attempts, reads) = (Mutex::default(), Mutex::default());
        let clients = Arc::new(Clients { engine, clock, attempts, reads });
        Self { clients, journal, writer, runtime }
    }

    /// Runs clients; a deadlock among accounts would never end.
    fn run<F: Future<Output = ()>>(&self, clients: impl FnOnce(Arc<Clients>) -> F) {
        let patience = Duration::from_secs(120);
        let work = clients(Arc::clone(&self.clients));
        self.runtime.block_on(async { tokio::time::timeout(patience, work).await }).unwrap();
    }

    /// Ends everything, compares what is live with what is stored, and judges.
    fn close(self) -> Report {
        let Self { clients, journal, writer, runtime } = self;
        drop(runtime);
        let Clients { engine, attempts, reads, .. } = Arc::into_inner(clients).unwrap();
        let view = Arc::clone(engine.view());
        drop(engine);
        let writer = writer.join().unwrap();
        let batches = journal.batches().unwrap();
        let report = check(&batches, &policies(), &attempts.into_inner().unwrap()).unwrap();
        assert_eq!(*writer.book(), report.book, "live and replayed");
        were_true(&batches, &reads.into_inner().unwrap());
        for account in report.book.accounts() {
            assert_eq!(view.account(account.id), Some(account));
        }
        report
    }
}

/// Every balance that was read is the account's balance at the position it was read for.
fn were_true(batches: &[Batch], reads: &[(AccountId, i128, Position)]) {
    let mut balances: BTreeMap<(AccountId, Position), i128> = BTreeMap::new();
    for recorded in batches.iter().flat_map(Batch::records).map(Result::unwrap) {
        for link in &recorded.links {
            balances.insert((link.account, recorded.position), link.balance_after.units());
        }
    }
    for &(account, read, position) in reads {
        let up_to = (account, Position::FIRST)..=(account, position);
        let balance = balances.range(up_to).next_back().map_or(0, |(_, balance)| *balance);
        assert_eq!(read, balance, "{account:?} as of {position}");
    }
}

impl Clients {
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    async fn ask(&self, command: Command) -> End {
        let sent = self.tick();
        let committed = self.engine.view().position().get();
        let end = match self.engine.submit(command.clone()).await {
            Ok(outcome) => End::Answered(self.tick(), Box::new(outcome)),
            Err(Error::Busy(_)) => End::Busy,
            Err(Error::ReferenceReused) => End::Reused,
            Err(Error::Journal(error)) => panic!("{error}"),
        };
        let attempt = Attempt { command, sent, committed, end: end.clone() };
        self.attempts.lock().unwrap().push(attempt);
        end
    }

    /// Asks, and must get an answer: where it stands, and whether it was a yes.
    async fn answer(&self, command: Command) -> (Position, bool) {
        match self.ask(command).await {
            End::Answered(_, outcome) => {
                let refused = matches!(outcome.recorded.event.fact, Fact::Refused(_));
                (outcome.recorded.position, !refused)
            }
            other => panic!("{other:?}"),
        }
    }

    /// Puts money in.
    async fn fund(&self, account: AccountId, units: u64) {
        let number = self.tick();
        let kind = MovementKind::TopUp { request: None, by: ADMINS[0] };
        let origin = origin(ADMINS[0], &format!("fund-{number}"), "fund");
        let funded = self.answer(Command::Move(movement(origin, kind, (CLEARING, account), units)));
        assert!(funded.await.1);
    }

    fn pay(&self, reference: &str, between: (AccountId, AccountId), units: u64) -> Command {
        let origin = origin(user(0), reference, "pay");
        Command::Move(movement(origin, MovementKind::Payment, between, units))
    }
}

/// Asks all at once, each on a task of its own; how many were a yes.
async fn race(clients: &Arc<Clients>, commands: Vec<Command>) -> usize {
    let tasks: Vec<_> = commands
        .into_iter()
        .map(|command| {
            let clients = Arc::clone(clients);
            tokio::spawn(async move { clients.answer(command).await.1 })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += usize::from(task.await.unwrap());
    }
    won
}

#[test]
fn transfers_in_all_directions_are_serializable() {
    const TOGETHER: [AccountId; 5] = [ANI, BUDI, CITRA, WARUNG, DEWI];
    let bank = Bank::open();
    bank.run(async |clients| {
        for account in TOGETHER {
            clients.fund(account, 80_000).await;
        }
        let tasks: Vec<_> = (0..8)
            .map(|number| {
                let clients = Arc::clone(&clients);
                tokio::spawn(async move {
                    let mut random = Random::new(number);
                    for transfer in 0..TRANSFERS {
                        let from = *random.pick(&TOGETHER).unwrap();
                        let to = *random.pick(&TOGETHER).unwrap();
                        let reference = format!("transfer-{number}-{transfer}");
                        let units = random.range(1, 30) * 1_000;
                        clients.ask(clients.pay(&reference, (from, to), units)).await;
                    }
                })
            })
            .collect();
        let reader = tokio::spawn(read(Arc::clone(&clients)));
        for task in tasks {
            task.await.unwrap();
        }
        assert!(reader.await.unwrap() > 0, "no reader ever saw everything at one position");
    });
    let report = bank.close();
    for refusal in ["InsufficientFunds", "BalanceCeiling", "SelfTransfer"] {
        assert!(report.refusals.contains_key(refusal), "{:?}", report.refusals);
    }
}

/// Sums all balances over and over, and lets idle tasks retire meanwhile. A look counts if nothing
/// in it is newer than the position read before it: then it is everything at that position.
async fn read(clients: Arc<Clients>) -> u64 {
    let view: &View = clients.engine.view();
    let (mut whole, mut latest) = (0, 0);
    for _ in 0..20_000 {
        let position = view.position();
        let accounts: Vec<_> = (0..14).map(|id| view.account(AccountId(id)).unwrap()).collect();
        assert!(position.get() >= latest, "the position goes back");
        latest = position.get();
        if accounts.iter().all(|account| account.last.is_none_or(|last| last <= position)) {
            let idr = accounts.iter().filter(|account| account.currency == Currency::IDR);
            let sum: i128 = idr.map(|account| account.balance().units()).sum();
            assert_eq!(sum, 0, "money made or lost at {position}");
            whole += 1;
        }
        assert!(accounts.iter().all(|account| account.id.0 > 12 || account.is_above_floor()));
        let (seen, as_of) = view.account_as_of(ANI).unwrap();
        clients.reads.lock().unwrap().push((ANI, seen.balance().units(), as_of));
        if whole % 64 == 0 {
            clients.engine.propose_retiring();
        }
        tokio::task::yield_now().await;
    }
    whole
}

#[test]
fn one_balance_is_spent_once() {
    let bank = Bank::open();
    bank.run(async |clients| {
        clients.fund(ANI, 50_000).await;
        // Half to one who is not asked, half to one who is.
        let to = |number| if number % 2 == 0 { WARUNG } else { BUDI };
        let spends = (0..200)
            .map(|number| clients.pay(&format!("spend-{number}"), (ANI, to(number)), 1_000))
            .collect();
        assert_eq!(race(&clients, spends).await, 50);
        assert_eq!(clients.engine.view().account(ANI).unwrap().balance().units(), 0);
    });
    bank.close();
}

#[test]
fn a_payment_is_refunded_once() {
    let bank = Bank::open();
    bank.run(async |clients| {
        clients.fund(ANI, 50_000).await;
        clients.fund(WARUNG, 500_000).await;
        for round in 0..RACES {
            let paid = clients.answer(clients.pay(&format!("pay-{round}"), (ANI, WARUNG), 1_000));
            let (payment, _) = paid.await;
            let kind = MovementKind::Refund { payment, paid: amount(1_000) };
            let refund = |number| {
                let origin = origin(user(3), &format!("refund-{round}-{number}"), "refund");
                Command::Move(movement(origin, kind, (WARUNG, ANI), 1_000))
            };
            assert_eq!(race(&clients, (0..4).map(refund).collect()).await, 1);
        }
    });
    bank.close();
}

#[test]
fn a_hold_ends_once() {
    let bank = Bank::open();
    bank.run(async |clients| {
        clients.fund(ANI, 50_000).await;
        for round in 0..RACES {
            let reference = |what: &str| origin(user(0), &format!("{what}-{round}"), what);
            let (hold, _) = clients
                .answer(Command::Hold(Hold {
                    origin: reference("hold"),
                    account: ANI,
                    amount: amount(1_000),
                    currency: Currency::IDR,
                    expires: dawn(),
                }))
                .await;
            let release = |what, expired| {
                let (origin, account) = (reference(what), ANI);
                Command::Release(HoldReleased { origin, hold, account, expired })
            };
            let kind = MovementKind::HoldPosted { hold };
            let to = if round % 2 == 0 { BUDI } else { WARUNG };
            let post = |what| Command::Move(movement(reference(what), kind, (ANI, to), 700));
            let ends =
                vec![post("post"), release("void", false), post("again"), release("expire", true)];
            assert_eq!(race(&clients, ends).await, 1);
        }
        assert_eq!(clients.engine.view().account(ANI).unwrap().on_hold().units(), 0);
    });
    bank.close();
}

#[test]
fn a_top_up_is_approved_once() {
    let bank = Bank::open();
    bank.run(async |clients| {
        for round in 0..RACES {
            let (request, _) = clients
                .answer(Command::RequestTopUp(TopUpRequested {
                    origin: origin(user(0), &format!("request-{round}"), "request"),
                    account: ANI,
                    amount: amount(1_000),
                    currency: Currency::IDR,
                    bank: Line::parse("014", 3).unwrap(),
                    sender: Line::empty(),
                }))
                .await;
            let approve = |number: usize| {
                let by = ADMINS[number % 2];
                let kind = MovementKind::TopUp { request: Some(request), by };
                let origin = origin(by, &format!("approve-{round}-{number}"), "approve");
                Command::Move(movement(origin, kind, (CLEARING, ANI), 1_000))
            };
            assert_eq!(race(&clients, (0..4).map(approve).collect()).await, 1);
        }
    });
    bank.close();
}

/// Two batches with the same commands in opposite orders, each of which holds what the other wants.
#[test]
fn batches_that_cross_do_not_wait_for_each_other() {
    let bank = Bank::open();
    bank.run(async |clients| {
        clients.fund(ANI, 90_000).await;
        for round in 0..RACES {
            let pay = |number| clients.pay(&format!("pay-{round}-{number}"), (ANI, BUDI), 10);
            let commands: Vec<Asked> = (0..16).map(pay).map(Asked::Decide).collect();
            let reverse = commands.iter().rev().cloned().collect();
            let (there, back) = tokio::join!(
                clients.engine.submit_many(commands),
                clients.engine.submit_many(reverse)
            );
            for (one, two) in there.into_iter().zip(back.into_iter().rev()) {
                let (one, two) = (one.unwrap(), two.unwrap());
                assert_eq!(one.recorded, two.recorded);
                assert_ne!(one.replayed, two.replayed);
                let command = clients.pay(
                    one.recorded.event.fact.origin().unwrap().reference.as_str(),
                    (ANI, BUDI),
                    10,
                );
                clients.ask(command).await;
            }
        }
        let spent = i128::from(RACES) * 160;
        assert_eq!(clients.engine.view().account(ANI).unwrap().balance().units(), 90_000 - spent);
    });
    bank.close();
}

#[test]
fn twins_are_executed_once_and_both_answered() {
    let bank = Bank::open();
    bank.run(async |clients| {
        clients.fund(ANI, 50_000).await;
        for round in 0..RACES {
            let to = if round % 2 == 0 { BUDI } else { WARUNG };
            let command = clients.pay(&format!("twin-{round}"), (ANI, to), 100);
            let tasks: Vec<_> = (0..8)
                .map(|_| {
                    let (clients, command) = (Arc::clone(&clients), command.clone());
                    tokio::spawn(async move { clients.ask(command).await })
                })
                .collect();
            let mut answers = Vec::new();
            for task in tasks {
                let End::Answered(_, outcome) = task.await.unwrap() else { panic!("no answer") };
                answers.push(outcome);
            }
            assert!(answers.iter().all(|answer| answer.recorded == answers[0].recorded));
            assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
        }
        let spent = i128::from(RACES) * 100;
        assert_eq!(clients.engine.view().account(ANI).unwrap().balance().units(), 50_000 - spent);
    });
    bank.close();
}
